//! A thousand verifications in flight at once against a server on this machine, and the memory that
//! takes: `cargo run --release -p response --example verifications -- [LOOKS] [IN_FLIGHT] [LONG]`.
//!
//! Every look is of another host. The server answers each page only when as many ask as may be in
//! flight (or when a while has gone by), so that they truly are; every tenth page (LONG) is longer
//! than what is kept.

use std::io::{BufRead as _, BufReader};
use std::net::{IpAddr, Ipv4Addr};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use model::incident::CaseKind;
use model::time::Timestamp;
use model::verification::Client;
use outbound::{Allowed, Lookup};
use response::verify::evidence::pieces;
use response::verify::many::{Bounds, many};
use response::verify::markers::Markers;
use response::verify::permit::Permit;
use response::verify::probe::{Clients, Limits, Prober};
use response::verify::target::{Fingerprint, Place, Target};
use rustls::RootCertStore;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// 200 MiB: what the issue allows.
const BAR_KIB: u64 = 200 << 10;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    if arguments.first().is_some_and(|word| word == "serve") {
        return runtime.block_on(serve(arguments[1].parse()?));
    }
    let number = |at: usize| arguments.get(at).map(|text| text.parse::<usize>());
    let looks = number(0).transpose()?.unwrap_or(3_000);
    let in_flight = number(1).transpose()?.unwrap_or(1_000);
    let long = number(2).transpose()?.unwrap_or(10);
    // A process of its own, so that its memory is not counted.
    let mut server = Command::new(std::env::current_exe()?)
        .args(["serve", &in_flight.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut said = BufReader::new(server.stdout.take().ok_or("no output")?).lines();
    let port = said.next().ok_or("no port")??.parse()?;
    let done = runtime.block_on(run(looks, in_flight, long, port));
    // It ends with its input, and says what it saw.
    drop(server.stdin.take());
    println!(
        "held open by the server at most {}",
        said.next().ok_or("no word")??
    );
    server.wait()?;
    done
}

async fn run(
    looks: usize,
    in_flight: usize,
    long: usize,
    port: u16,
) -> Result<(), Box<dyn std::error::Error>> {
    let lookup: Lookup =
        Arc::new(|_| Box::pin(async { Ok(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)]) }));
    let allowed = Allowed::parse(["127.0.0.1"])?;
    let clients = Clients::usual()?;
    let limits = Limits {
        stall: Duration::from_secs(60),
        whole: Duration::from_secs(180),
        ..Limits::default()
    };
    let prober = Arc::new(Prober::new(
        lookup,
        allowed,
        RootCertStore::empty(),
        clients,
        None,
        limits,
    ));
    let markers = Arc::new(Markers::usual()?);
    let jobs = (0..looks).map(|n| Target {
        kind: CaseKind::Phishing,
        place: Place::Page {
            url: format!(
                "http://host-{n}.test:{port}/{}",
                if long > 0 && n % long == 0 {
                    "long"
                } else {
                    "page"
                }
            )
            .parse()
            .expect("an address"),
        },
        known_bad: Fingerprint {
            markers: vec!["kit-marker".into()],
            ..Fingerprint::default()
        },
        defaced_text: None,
        good_text: None,
        brand_hosts: Vec::new(),
        owner: Default::default(),
        country: None,
        marks: Vec::new(),
    });
    let before = peak_kib("VmRSS:");
    let began = std::time::Instant::now();
    let (mut present, mut other, mut evidence) = (0, 0, 0);
    let went = many(
        jobs,
        Bounds {
            in_flight,
            pause: Duration::ZERO,
            ahead: 2,
        },
        |target| target.place.host(),
        |target| {
            let (prober, markers) = (Arc::clone(&prober), Arc::clone(&markers));
            async move {
                let now = Timestamp(0);
                prober
                    .look(&target, Permit::OneGet, Client::Victim, &markers, "", now)
                    .await
            }
        },
        |looked| {
            for one in looked {
                evidence += pieces(&one, "local", "example")
                    .iter()
                    .map(|piece| piece.bytes.len())
                    .sum::<usize>();
                match one.judged.reason {
                    "fingerprint" => present += 1,
                    _ => other += 1,
                }
            }
        },
    )
    .await;
    let peak = peak_kib("VmHWM:");
    println!(
        "looks {} ({present} present, {other} other), in flight at most {}",
        went.done, went.most_in_flight
    );
    println!(
        "{:.1} s, evidence {:.1} MiB",
        began.elapsed().as_secs_f64(),
        evidence as f64 / f64::from(1 << 20)
    );
    println!(
        "memory before {:.1} MiB, peak {:.1} MiB of 200",
        mib(before),
        mib(peak)
    );
    if peak > BAR_KIB || went.broken > 0 || present != looks {
        return Err("over the bar, or not every look found what is there".into());
    }
    Ok(())
}

fn mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}

/// A value of this process, where the system tells it.
fn peak_kib(key: &str) -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text
        .lines()
        .find(|line| line.starts_with(key))
        .unwrap_or("");
    line.split_whitespace()
        .nth(1)
        .and_then(|kib| kib.parse().ok())
        .unwrap_or(0)
}

async fn serve(wanted: usize) -> Result<(), Box<dyn std::error::Error>> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    println!("{}", listener.local_addr()?.port());
    let held = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&most);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream, Arc::clone(&held), Arc::clone(&most), wanted));
        }
    });
    tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new())).await??;
    println!("{}", seen.load(Ordering::SeqCst));
    Ok(())
}

async fn answer(
    mut stream: TcpStream,
    held: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
    wanted: usize,
) {
    let mut head = Vec::new();
    let mut part = [0; 1024];
    while !head.windows(4).any(|four| four == b"\r\n\r\n") {
        match stream.read(&mut part).await {
            Ok(count) if count > 0 => head.extend_from_slice(&part[..count]),
            _ => return,
        }
    }
    let long = head.starts_with(b"GET /long");
    let now = held.fetch_add(1, Ordering::SeqCst) + 1;
    most.fetch_max(now, Ordering::SeqCst);
    // The first round waits until all of it has come.
    for _ in 0..200 {
        if most.load(Ordering::SeqCst) >= wanted {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let start = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n<title>Sign in</title>kit-marker ";
    let chunk = [b'x'; 4096];
    let mut sent = stream.write_all(start).await;
    for _ in 0..if long { 1024 } else { 8 } {
        if sent.is_err() {
            break;
        }
        sent = stream.write_all(&chunk).await;
    }
    let _ = stream.shutdown().await;
    held.fetch_sub(1, Ordering::SeqCst);
}
