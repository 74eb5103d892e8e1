//! Three executors as processes that are killed, stopped and missing: every answer is the one of one process.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use lake::Lake;
use lake::arrow::util::pretty::pretty_format_batches;
use lake::engine::tls::Files;
use lake::engine::{Engine, EngineSettings};
use lake::query::Part;

use crate::process::Process;
use crate::run::Bench;

/// What nodes and executors share.
pub const TOKEN: &str = "the secret of these nodes";
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Trials in which an executor is killed while a query runs.
const KILLS: u32 = 36;

const FEEDS: &str = r#"
[[feed]]
name = "addresses"
provider = "Example"
format = "csv"
paths = ["a*.csv"]
zone = "UTC"
classification = "c2-server"
licence = "none"
[feed.columns]
seen = "observed_at"
ip = "source_ip"
port = "source_port"
"#;

pub const SQL: &str = "select source_ip, source_port, count(*) n, min(event_id) e from events group by 1, 2 order by n desc, 1, 2 limit 200";

/// A lake of a dozen reports.
pub fn bench() -> Bench {
    let bench = Bench::with(FEEDS);
    for report in 0..12_u32 {
        let mut text = "seen,ip,port\n".to_owned();
        for row in 0..3000_u32 {
            let _ = writeln!(
                text,
                "2023-01-{:02} {:02}:{:02}:00,198.51.100.{},{}",
                9 + report % 4,
                row % 24,
                row % 60,
                (row * 7 + report) % 250,
                row % 97
            );
        }
        bench.write(&format!("a{report}.csv"), text);
    }
    bench.run(&["ingest"]).exits(0);
    bench
}

/// An executor process.
pub struct Executor {
    process: Process,
    pub address: String,
}

impl std::ops::Deref for Executor {
    type Target = Process;

    fn deref(&self) -> &Process {
        &self.process
    }
}

impl std::ops::DerefMut for Executor {
    fn deref_mut(&mut self) -> &mut Process {
        &mut self.process
    }
}

impl Executor {
    pub fn start(bench: &Bench, listen: &str) -> Self {
        let mut command = bench.command(&["executor", "--listen", listen]);
        command.env("WATCHFIRE__ENGINE__TOKEN", TOKEN);
        let mut process = Process::start(command);
        let address = process.told(|log| {
            let (_, rest) = log.split_once("executor at ")?;
            Some(rest[..rest.find('\n')?].trim().to_owned())
        });
        Executor { process, address }
    }
}

/// The live parts; nothing was compacted, so they are what lies there.
fn parts(bench: &Bench) -> Vec<Part> {
    let root = bench.path().join("lake");
    let mut parts = Vec::new();
    for day in std::fs::read_dir(&root).expect("lists").flatten() {
        let Ok(files) = std::fs::read_dir(day.path()) else {
            continue;
        };
        for file in files.flatten() {
            let path = file.path();
            if path.extension().is_some_and(|ending| ending == "parquet") {
                let relative = path.strip_prefix(&root).expect("below");
                parts.push(Part {
                    path: relative.to_str().expect("UTF-8").to_owned(),
                    bytes: file.metadata().expect("a size").len(),
                    rows: 3000,
                    min_observed: i64::MIN,
                    max_observed: i64::MAX,
                });
            }
        }
    }
    parts
}

fn spread(lake: &Lake, executors: &[Executor], deadline: Duration) -> Lake {
    let engine = Engine::new(&EngineSettings {
        executors: executors.iter().map(|one| one.address.clone()).collect(),
        token: TOKEN.to_owned(),
        tls: Files::default(),
        version: VERSION.to_owned(),
        min_rows: 1,
        deadline,
    });
    lake.clone().with_engine(engine.expect("addresses"))
}

async fn told(lake: &Lake, parts: &[Part], sql: &str) -> String {
    let batches = lake.collect(parts, sql).await.expect("answers");
    pretty_format_batches(&batches).expect("prints").to_string()
}

#[test]
fn executors_are_lost_and_answers_stay_the_same() {
    let bench = bench();
    let lake = Lake::open(&bench.path().join("lake"), 128 << 20, 2).expect("opens");
    let parts = parts(&bench);
    assert!(parts.len() >= 12, "{} parts", parts.len());
    let mut executors: Vec<Executor> = (0..3)
        .map(|_| Executor::start(&bench, "127.0.0.1:0"))
        .collect();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("threads");
    let expected = runtime.block_on(told(&lake, &parts, SQL));
    let over = spread(&lake, &executors, Duration::from_secs(60));
    let plan = runtime.block_on(told(&over, &parts, &format!("explain {SQL}")));
    assert!(plan.contains("tasks=3"), "{plan}");
    let begun = Instant::now();
    assert_eq!(runtime.block_on(told(&over, &parts, SQL)), expected);
    let undisturbed = begun.elapsed();

    // Killed at every point of a query's life, a little before its end at the latest; one, two or all of them.
    let mut lost_in_time = 0;
    for trial in 0..KILLS {
        let asked = {
            let (over, parts) = (over.clone(), parts.clone());
            runtime.spawn(async move { told(&over, &parts, SQL).await })
        };
        std::thread::sleep(undisturbed * (trial % 12) / 12);
        lost_in_time += u32::from(!asked.is_finished());
        let victims = 1 + trial as usize % 3;
        for victim in 0..victims {
            executors[(trial as usize + victim) % 3].kill();
        }
        let answer = runtime.block_on(asked).expect("no panic");
        assert_eq!(answer, expected, "trial {trial}");
        for executor in &mut executors {
            if !executor.is_going_on() {
                let listen = executor.address.trim_start_matches("http://").to_owned();
                *executor = Executor::start(&bench, &listen);
            }
        }
    }
    assert!(
        lost_in_time >= KILLS / 2,
        "only {lost_in_time} of {KILLS} were killed while the query ran"
    );

    // Stopped: it keeps its connections and says nothing more.
    for trial in 0..4 {
        let victim = &executors[trial % 3];
        let asked = {
            let (over, parts) = (over.clone(), parts.clone());
            runtime.spawn(async move { told(&over, &parts, SQL).await })
        };
        std::thread::sleep(undisturbed * (trial as u32) / 4);
        victim.signal("STOP");
        let begun = Instant::now();
        let answer = runtime.block_on(asked).expect("no panic");
        victim.signal("CONT");
        assert_eq!(answer, expected, "stopped, trial {trial}");
        assert!(
            begun.elapsed() < Duration::from_secs(30),
            "{:?}",
            begun.elapsed()
        );
    }

    // The same by the command, chosen by the configuration alone.
    let urls: Vec<&str> = executors.iter().map(|one| one.address.as_str()).collect();
    let ask = |sql: &str, min_rows: &str| {
        let mut command = bench.command(&["query", "--format", "csv", "--limit", "1000", sql]);
        command
            .env("WATCHFIRE__ENGINE__URL", urls.join(","))
            .env("WATCHFIRE__ENGINE__TOKEN", TOKEN)
            .env("WATCHFIRE__ENGINE__MIN_ROWS", min_rows);
        String::from_utf8(command.output().expect("runs").stdout).expect("UTF-8")
    };
    let here = bench
        .run(&["query", "--format", "csv", "--limit", "1000", SQL])
        .exits(0);
    assert_eq!(ask(SQL, "1"), here.stdout);
    let explain = format!("explain {SQL}");
    assert!(ask(&explain, "1").contains("DistributedExec"));
    assert!(!ask(&explain, "1000000").contains("DistributedExec"));
}

#[test]
fn the_configuration_and_doctor_say_what_is_wrong_with_executors() {
    let bench = Bench::with(FEEDS);
    bench
        .run(&["executor", "--listen", "127.0.0.1:0"])
        .exits(1)
        .says("engine.token");
    let bench = bench.set("WATCHFIRE__ENGINE__URL", "http://127.0.0.1:1");
    bench
        .run(&["config", "check"])
        .exits(3)
        .says("executors answer nobody without a secret");
    let bench = bench.set("WATCHFIRE__ENGINE__TOKEN", TOKEN);
    bench.write("a1.csv", "seen,ip,port\n2023-01-09 00:00:00,192.0.2.1,80\n");
    bench.run(&["ingest"]).exits(0);
    let found = bench.run(&["doctor"]);
    assert!(
        found.stdout.contains("http://127.0.0.1:1"),
        "{}",
        found.stdout
    );
    let shown = bench.run(&["config", "show"]).exits(0);
    assert!(!shown.stdout.contains(TOKEN), "the secret is shown");
    let bench = bench.set("WATCHFIRE__ENGINE__URL", "somewhere");
    bench
        .run(&["config", "check"])
        .exits(3)
        .says("is no address");
}
