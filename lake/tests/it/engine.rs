//! Queries over executors: the same answers, and none where something is not as it should be.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use lake::arrow::util::pretty::pretty_format_batches;
use lake::engine::executor::{Admission, serve};
use lake::engine::tls::Files;
use lake::engine::{Engine, EngineSettings};
use lake::query::{Bounds, Part};
use lake::{IdentityIndex, Lake};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::errands::known;
use crate::staging::{parts, rows, stage};

pub const TOKEN: &str = "a token of the nodes";
pub const VERSION: &str = "9.9.9";

/// Questions whose answers have an order, or one row.
const QUESTIONS: [&str; 9] = [
    "select count(*), count(distinct source_ip), min(event_id), max(observed_at) from events",
    "select feed, report, class_type, count(*) n from events group by 1, 2, 3 order by n desc, 1, 2, 3",
    "select source_ip, count(*) n from events group by 1 order by n desc, 1 limit 40",
    "select ip_text(source_ip) a, event_id e from events_raw where source_ip = ip('192.0.2.7') order by 2 limit 30",
    "select event_id, observed_at, source_port from events where source_port is not null order by observed_at desc, 1 limit 50",
    "select a.source_ip, count(*) from events_raw a join events_raw b on a.event_id = b.event_id where a.source_port > 9000 group by 1 order by 1 limit 20",
    "select date_trunc('day', observed_at) d, count(*), avg(source_port), sum(source_port) from events group by 1 order by 1",
    "select source_ip from events where source_ip like '2001:%' union select report from events order by 1 limit 25",
    "select n, count(*) from (select source_ip, count(*) n from events group by 1) group by 1 having count(*) > 1 order by 1",
];

/// A lake of twenty parts; the folder lives as long as it is held.
pub fn filled() -> (tempfile::TempDir, Lake, Vec<Part>) {
    let folder = tempfile::tempdir().expect("a folder");
    let lake = Lake::open(folder.path(), 128 << 20, 2).expect("opens");
    let mut index = IdentityIndex::new(1 << 20);
    let mut all = Vec::new();
    for report in 0..4 {
        let chunk = rows(report * 20_000, 20_000, 5);
        let staged = stage(
            &lake,
            &mut index,
            &BTreeMap::new(),
            &format!("r{report}-g0"),
            vec![chunk],
        );
        all.extend(parts(&staged));
    }
    (folder, lake, all)
}

pub fn copied(from: &Path) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for entry in fs::read_dir(from).expect("lists") {
        let entry = entry.expect("an entry");
        let to = folder.path().join(entry.file_name());
        if entry.path().is_dir() {
            fs::create_dir(&to).expect("a folder");
            for file in fs::read_dir(entry.path()).expect("lists") {
                let file = file.expect("a file");
                fs::copy(file.path(), to.join(file.file_name())).expect("copies");
            }
        }
    }
    folder
}

/// An executor over a folder; its address.
pub async fn executor(root: &Path, token: &str, version: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("listens");
    let address = listener.local_addr().expect("an address");
    let lake = Lake::open(root, 128 << 20, 2).expect("opens");
    let admission = Admission {
        token: token.to_owned(),
        version: version.to_owned(),
        tls: Files::default(),
    };
    tokio::spawn(async move {
        serve(lake, listener, &admission, known(), std::future::pending()).await
    });
    format!("http://{address}")
}

pub fn over(lake: &Lake, executors: &[String], min_rows: u64) -> Lake {
    let engine = Engine::new(&EngineSettings {
        executors: executors.to_vec(),
        token: TOKEN.to_owned(),
        version: VERSION.to_owned(),
        tls: Files::default(),
        min_rows,
        deadline: Duration::from_secs(60),
    });
    lake.clone().with_engine(engine.expect("addresses"))
}

async fn told(lake: &Lake, parts: &[Part], sql: &str) -> String {
    let batches = lake.collect(parts, sql).await.expect("answers");
    pretty_format_batches(&batches).expect("prints").to_string()
}

/// Takes the identities of all parts away, so that nobody can read them here any more; the parts stay as they are.
pub fn without_identities(root: &Path, parts: &[Part]) {
    for part in parts {
        let run = root.join(&part.path).with_extension("ids");
        fs::remove_file(run).expect("a run lies beside its part");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn executors_give_the_answers_of_one_process() {
    let (_folder, lake, parts) = filled();
    let mut executors = Vec::new();
    for count in 1..=3 {
        executors.push(executor(lake.root(), TOKEN, VERSION).await);
        let spread = over(&lake, &executors, 1);
        for sql in QUESTIONS {
            let here = told(&lake, &parts, sql).await;
            assert_eq!(
                told(&spread, &parts, sql).await,
                here,
                "{count} executors: {sql}"
            );
            let bounds = Bounds {
                memory: 64 << 20,
                rows: 7,
                bytes: 1 << 20,
            };
            let bounded = spread.answer(&parts, sql, bounds).await.expect("answers");
            let expected = lake.answer(&parts, sql, bounds).await.expect("answers");
            assert_eq!(bounded, expected, "{count} executors, bounded: {sql}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn explain_says_where_a_query_runs() {
    let (_folder, lake, parts) = filled();
    let mut executors = Vec::new();
    for _ in 0..2 {
        executors.push(executor(lake.root(), TOKEN, VERSION).await);
    }
    let sql = format!("explain {}", QUESTIONS[1]);
    let rows: u64 = parts.iter().map(|part| part.rows).sum();
    let spread = told(&over(&lake, &executors, rows), &parts, &sql).await;
    assert!(spread.contains("DistributedExec"), "{spread}");
    assert!(spread.contains("tasks=2"), "{spread}");
    for (why, here) in [
        ("too few rows", over(&lake, &executors, rows + 1)),
        (
            "nobody there",
            over(&lake, &["http://127.0.0.1:1".to_owned()], 1),
        ),
    ] {
        let plan = told(&here, &parts, &sql).await;
        assert!(!plan.contains("DistributedExec"), "{why}: {plan}");
        assert!(plan.contains("DataSourceExec"), "{why}: {plan}");
    }
    // Rows that would all cross the wire are read here.
    let all = "explain select source_ip, observed_at from events";
    let all = told(&over(&lake, &executors, 1), &parts, all).await;
    assert!(!all.contains("DistributedExec"), "{all}");
    // So is a file that nobody can share.
    let one = told(&over(&lake, &executors, 1), &parts[..1], &sql).await;
    assert!(!one.contains("DistributedExec"), "{one}");
}

#[tokio::test(flavor = "multi_thread")]
async fn executors_read_their_own_lake_and_only_the_part_that_is_meant() {
    let (_folder, lake, parts) = filled();
    let sql = QUESTIONS[0];
    let expected = told(&lake, &parts, sql).await;
    // Two copies of the lake that are whole, one with a part of the same length that says something else.
    let (first, second, other) = (
        copied(lake.root()),
        copied(lake.root()),
        copied(lake.root()),
    );
    let path = other.path().join(&parts[0].path);
    let mut bytes = fs::read(&path).expect("reads");
    let maker = bytes.windows(9).rposition(|some| some == b"watchfire");
    bytes[maker.expect("it says who made it")] = b'W';
    fs::write(&path, &bytes).expect("writes");
    let shorter = copied(lake.root());
    let path = shorter.path().join(&parts[3].path);
    let bytes = fs::read(&path).expect("reads");
    fs::write(&path, &bytes[..bytes.len() - 1]).expect("writes");
    let missing = copied(lake.root());
    fs::remove_file(missing.path().join(&parts[5].path)).expect("removes");

    // Here the identities cannot be read any more: what is answered, executors have read.
    without_identities(lake.root(), &parts);
    assert!(lake.collect(&parts, sql).await.is_err());
    let good = [
        executor(first.path(), TOKEN, VERSION).await,
        executor(second.path(), TOKEN, VERSION).await,
    ];
    assert_eq!(told(&over(&lake, &good, 1), &parts, sql).await, expected);
    for twin in [other.path(), shorter.path(), missing.path()] {
        let wrong = executor(twin, TOKEN, VERSION).await;
        let pair = [good[0].clone(), wrong];
        // Files are shared out by size, so both read some; with the twin alone it reads all.
        for executors in [&pair[..], &pair[1..]] {
            match over(&lake, executors, 1).collect(&parts, sql).await {
                Err(_) => {}
                // The part was the good one's share.
                Ok(batches) => {
                    let text = pretty_format_batches(&batches).expect("prints").to_string();
                    assert!(executors.len() == 2 && text == expected, "{text}");
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_no_secret_or_another_version_is_refused() {
    let (_folder, lake, parts) = filled();
    let good = executor(lake.root(), TOKEN, VERSION).await;
    let stranger = executor(lake.root(), "another token", VERSION).await;
    let older = executor(lake.root(), TOKEN, "9.9.8").await;
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("listens");
    let busy = TcpListener::bind("127.0.0.1:0").await.expect("listens");
    let at = |listener: &TcpListener| format!("http://{}", listener.local_addr().expect("bound"));
    let all = [
        good,
        stranger,
        older,
        at(&silent),
        at(&busy),
        "http://127.0.0.1:1".to_owned(),
    ];
    // One that takes connections and says nothing, one that is too busy for everybody.
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((socket, _)) = silent.accept().await {
            held.push(socket);
        }
    });
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = busy.accept().await {
            let mut some = [0; 1024];
            let _ = socket.read(&mut some).await;
            let _ = socket
                .write_all(b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n")
                .await;
        }
    });
    let spread = over(&lake, &all, 1);
    let states = spread.engine().expect("an engine").roll_call().await;
    let states = states.into_iter().map(|(_, state)| state);
    let told_by: Vec<Result<(), String>> = states
        .map(|state| state.map_err(|absence| absence.why))
        .collect();
    assert_eq!(told_by[0], Ok(()));
    let why = |at: usize| told_by[at].clone().expect_err("is refused");
    assert!(why(1).contains("token"), "{}", why(1));
    assert!(
        why(2).contains("9.9.8") && why(2).contains(VERSION),
        "{}",
        why(2)
    );
    assert_eq!(why(3), "it does not answer");
    assert!(!why(4).is_empty() && !why(5).is_empty());
    for sql in QUESTIONS {
        assert_eq!(
            told(&spread, &parts, sql).await,
            told(&lake, &parts, sql).await,
            "{sql}"
        );
    }
}

#[tokio::test]
async fn an_executor_without_a_secret_does_not_begin() {
    let folder = tempfile::tempdir().expect("a folder");
    let lake = Lake::open(folder.path(), 64 << 20, 1).expect("opens");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("listens");
    let admission = Admission {
        token: String::new(),
        version: VERSION.to_owned(),
        tls: Files::default(),
    };
    let refused = serve(lake, listener, &admission, [], std::future::pending()).await;
    assert!(
        refused
            .expect_err("is refused")
            .to_string()
            .contains("engine.token")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_not_be_asked_is_refused_over_executors_too() {
    let (_folder, lake, parts) = filled();
    let executors = [executor(lake.root(), TOKEN, VERSION).await];
    let spread = over(&lake, &executors, 1);
    for sql in ["drop table events", "copy events to 'x.csv'", "set a.b = 1"] {
        assert!(spread.query(&parts, sql).await.is_err(), "{sql}");
    }
    // What is wrong with a question is told as it is told here.
    for sql in [
        "select nothing from events",
        "select count(*) / 0 from events",
    ] {
        let there = spread
            .collect(&parts, sql)
            .await
            .map(|_| ())
            .map_err(|e| e.to_string());
        let here = lake
            .collect(&parts, sql)
            .await
            .map(|_| ())
            .map_err(|e| e.to_string());
        assert!(here.is_err(), "{sql}");
        assert_eq!(there, here, "{sql}");
    }
}
