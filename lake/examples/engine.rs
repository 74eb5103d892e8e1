//! What executors gain and cost: the same questions in one process and over one, two and three executors on loopback,
//! with the CPU time of all processes.
//!
//! ```text
//! cargo run --release --example search -- --events 10000000 --days 30 --out /tmp/search
//! cargo run --release --example engine -- /tmp/search
//! ```
//!
//! The lake is the one that the first command wrote. The last question moves rows instead of counts: what it costs is
//! why a week's statistics, which look at every row, are counted where the parts are read (`lake::engine::errand`).

use std::error::Error;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use lake::Lake;
use lake::engine::executor::{Admission, serve};
use lake::engine::tls::Files;
use lake::engine::{Engine, EngineSettings};
use lake::query::Part;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

const TOKEN: &str = "bench";
/// Enough that the answer of the last question is held.
const MEMORY: usize = 8 << 30;
/// Clock ticks of a second in `/proc/PID/stat`.
const TICKS: f64 = 100.0;

const QUESTIONS: [(&str, &str); 5] = [
    (
        "class by day",
        "select class_type, date_trunc('day', observed_at) d, count(*) from events_raw group by 1, 2 order by 1, 2",
    ),
    (
        "distinct addresses by province",
        "select province, count(distinct source_ip) from events_raw group by 1 order by 1",
    ),
    (
        "addresses most often seen",
        "select source_ip, count(*) n from events_raw group by 1 order by n desc, 1 limit 10",
    ),
    (
        "distinct events",
        "select count(distinct event_id) from events_raw",
    ),
    (
        "five columns of every row",
        "select feed, class_type, province, source_ip, observed_at from events_raw where observed_at is not null",
    ),
];

fn parts(out: &Path) -> Outcome<Vec<Part>> {
    let text = fs::read_to_string(out.join("parts.txt"))?;
    let part = |line: &str| {
        let mut fields = line.splitn(5, ' ');
        Some(Part {
            bytes: fields.next()?.parse().ok()?,
            rows: fields.next()?.parse().ok()?,
            min_observed: fields.next()?.parse().ok()?,
            max_observed: fields.next()?.parse().ok()?,
            path: fields.next()?.to_owned(),
        })
    };
    let parts = text.lines().map(|line| part(line).ok_or("no part"));
    Ok(parts.collect::<Result<_, _>>()?)
}

/// Executes until it is killed.
fn execute(out: &Path, threads: usize) -> Outcome {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        println!("http://{}", listener.local_addr()?);
        let admission = Admission {
            token: TOKEN.to_owned(),
            version: "bench".to_owned(),
            tls: Files::default(),
        };
        let lake = Lake::open(out, MEMORY, threads)?;
        Ok(serve(lake, listener, &admission, [], std::future::pending()).await?)
    })
}

fn executor(out: &Path) -> Outcome<(Child, String)> {
    let mut child = Command::new(std::env::current_exe()?)
        .arg(out)
        .arg("--execute")
        .stdout(Stdio::piped())
        .spawn()?;
    let mut line = String::new();
    let stdout = child.stdout.take().ok_or("no output")?;
    BufReader::new(stdout).read_line(&mut line)?;
    Ok((child, line.trim().to_owned()))
}

/// CPU seconds of a process so far.
fn cpu(process: &str) -> f64 {
    let text = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let after = text.rsplit(") ").next().unwrap_or_default();
    let fields = after.split(' ').skip(11).take(2);
    fields
        .filter_map(|field| field.parse::<f64>().ok())
        .sum::<f64>()
        / TICKS
}

fn main() -> Outcome {
    let mut args = std::env::args().skip(1);
    let out = args.next().ok_or("name the folder of the lake")?;
    let out = Path::new(&out);
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    if args.next().is_some() {
        return execute(out, threads);
    }
    let parts = parts(out)?;
    let rows: u64 = parts.iter().map(|part| part.rows).sum();
    println!("{rows} events in {} parts, {threads} cores", parts.len());
    println!(
        "{:32} {:>9} {:>8} {:>8} {:>9}",
        "question", "executors", "seconds", "CPU s", "rows"
    );
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build()?;
    let lake = Lake::open(out, MEMORY, threads)?;
    let mut running = Vec::new();
    for count in 0..=3 {
        if count > 0 {
            running.push(executor(out)?);
        }
        let lake = match count {
            0 => lake.clone(),
            _ => lake.clone().with_engine(Engine::new(&EngineSettings {
                executors: running.iter().map(|(_, url)| url.clone()).collect(),
                token: TOKEN.to_owned(),
                version: "bench".to_owned(),
                tls: Files::default(),
                min_rows: 1,
                deadline: Duration::from_secs(600),
            })?),
        };
        for (name, sql) in QUESTIONS {
            let all = || {
                let others = running
                    .iter()
                    .map(|(child, _)| cpu(&child.id().to_string()));
                cpu("self") + others.sum::<f64>()
            };
            let mut best = (f64::MAX, 0.0, 0);
            for _ in 0..3 {
                let (begun, before) = (Instant::now(), all());
                let batches = runtime.block_on(lake.collect(&parts, sql))?;
                let rows = batches.iter().map(|batch| batch.num_rows()).sum();
                let took = (begun.elapsed().as_secs_f64(), all() - before, rows);
                if took.0 < best.0 {
                    best = took;
                }
            }
            println!(
                "{name:32} {count:>9} {:>8.2} {:>8.2} {:>9}",
                best.0, best.1, best.2
            );
        }
    }
    for (mut child, _) in running {
        child.kill()?;
        child.wait()?;
    }
    Ok(())
}
