//! The ledger from outside: on a PostgreSQL server as on SQLite, and the audit trail that both keep.

use serde_json::Value;

use crate::cluster::{self, Cluster, GUARDED};
use crate::crash::outcome;
use crate::run::Bench;

/// Two feeds: one with dates, a duplicate and a reject, and a list without.
const FEEDS: &str = r#"
[workspace]
zone = "UTC"

[[feed]]
name = "urls"
provider = "Example"
format = "csv"
paths = ["in/*.csv"]
zone = "UTC"
classification = "phishing"
licence = "none"
[feed.columns]
seen = "observed_at"
url = "source_url"
note = "description"

[[feed]]
name = "names"
provider = "Example"
format = "list"
paths = ["lists/*.txt"]
zone = "UTC"
snapshot = "%Y-%m-%d"
classification = "blocklist"
licence = "none"
"#;

/// A workspace with reports to take in; its ledger on a server if a URL is given.
fn workspace(url: Option<&str>) -> Bench {
    let bench = Bench::with(FEEDS);
    let mut rows = "seen,url,note\n".to_owned();
    for n in 0..300 {
        let day = 2 + n % 7;
        rows += &format!(
            "2023-01-{day:02} 08:00:00,http://h{}.example/{n},note {n}\n",
            n % 40
        );
    }
    rows += "2023-01-02 08:00:00,http://h0.example/0,note 0\nnever,http://b.example/,y\n";
    bench.write("in/a.csv", rows);
    bench.write(
        "in/b.csv",
        "seen,url,note\n2023-01-05 00:00:00,http://钓鱼.example/,é\n",
    );
    bench.write("lists/2023-01-04.txt", "a.example\nb.example\n192.0.2.7\n");
    match url {
        Some(url) => bench.set("WATCHFIRE__LEDGER__URL", url),
        None => bench,
    }
}

fn name(url: &str) -> &str {
    url.rsplit('/').next().expect("a URL ends with a database")
}

#[test]
fn a_week_on_postgresql_is_the_week_on_sqlite() {
    let Some(cluster) = cluster::shared() else {
        return;
    };
    let url = cluster.database();
    let server = workspace(Some(&url));
    let file = workspace(None);
    for bench in [&file, &server] {
        // Read before anything was written: the ledger is made.
        bench.run(&["status"]).exits(0);
        bench.run(&["ingest"]).exits(0).says("1 rows were rejected");
        bench.run(&["ingest"]).exits(0);
        bench.run(&["week", "2023-1"]).exits(0);
        bench.run(&["bulletin", "draft", "2023-1"]).exits(0);
    }
    assert!(!server.path().join("ledger.db").exists());
    let (expected, found) = (outcome(&file), outcome(&server));
    for (at, part) in ["events", "tallies", "rejects"].iter().enumerate() {
        assert_eq!(found[at], expected[at], "{part} differ");
    }
    let week = |bench: &Bench| bench.run(&["--json", "week", "2023-1"]).exits(0).json();
    let values = |week: &Value| week["values"].clone();
    assert_eq!(values(&week(&server)), values(&week(&file)));
    let status = |bench: &Bench| {
        let mut status = bench.run(&["--json", "status"]).exits(0).json();
        for own in ["workspace", "ledger", "last_received", "lake_bytes"] {
            status.as_object_mut().expect("an object").remove(own);
        }
        status
    };
    assert_eq!(status(&server), status(&file));
    // Rows lie on the server, and the trail is whole.
    let reports = cluster.sql(name(&url), "SELECT count(*) FROM report");
    assert_eq!(reports, "3");
    server
        .run(&["audit", "verify"])
        .exits(0)
        .prints("3 rows, the chain holds");
    server
        .run(&["doctor"])
        .prints("PostgreSQL 1")
        .prints(&cluster.address());
}

#[test]
fn the_address_may_name_variables_and_its_password_is_shown_nowhere() {
    let Some(cluster) = cluster::shared() else {
        return;
    };
    let url = cluster.database();
    let (user, password) = GUARDED;
    cluster.sql(
        name(&url),
        &format!("GRANT CREATE ON SCHEMA public TO {user}"),
    );
    let address = format!(
        "postgres://{user}:${{SECRET}}@{}/{}",
        cluster.address(),
        name(&url)
    );
    let bench = Bench::with(&format!("[ledger]\nurl = \"{address}\"\n"));
    bench
        .run(&["status"])
        .exits(3)
        .says("watchfire.toml:2")
        .says("SECRET is not set")
        .says("export SECRET=");
    let bench = bench.set("SECRET", password);
    bench.run(&["status"]).exits(0);
    for arguments in [
        &["config", "show"][..],
        &["config", "show", "--origin"],
        &["doctor", "--json"],
        &["-vv", "status"],
    ] {
        let done = bench.run(arguments);
        assert!(
            !(done.stdout + &done.stderr).contains(password),
            "{arguments:?}"
        );
    }
    let plain = address.replace("${SECRET}", "s%40fe%2Fpass");
    let bench = bench.set("WATCHFIRE__LEDGER__URL", &plain);
    let shown = bench.run(&["config", "show", "--json"]).exits(0);
    assert!(shown.stdout.contains(&format!("{user}:***@")) && !shown.stdout.contains("s%40fe"));
    bench.run(&["status"]).exits(0);

    let wrong = bench.set(
        "WATCHFIRE__LEDGER__URL",
        &plain.replace("s%40fe", "hunter2"),
    );
    let told = wrong
        .run(&["ingest"])
        .exits(1)
        .says("password authentication failed");
    let told = told.says(&format!("postgres://{user}@{}", cluster.address()));
    assert!(!told.stderr.contains("hunter2"), "{}", told.stderr);
    let found = wrong.run(&["doctor", "--json"]).exits(4);
    assert!(
        found.stdout.contains("password authentication failed"),
        "{}",
        found.stdout
    );
    assert!(!found.stdout.contains("hunter2"));
}

#[test]
fn an_address_that_is_none_is_a_mistake_of_the_configuration() {
    let bench = Bench::with("[ledger]\nurl = \"mysql://duty:hunter2@db.example.test/fire\"\n");
    let told = bench.run(&["status"]).exits(3).says("watchfire.toml:2");
    let told = told
        .says("no address of a PostgreSQL database")
        .says("postgres://USER@HOST");
    assert!(!told.stderr.contains("hunter2"), "{}", told.stderr);
    let bench = Bench::with("[ledger]\nurl = \"postgres://duty:hunter2@127.0.0.1:1/fire\"\n");
    let told = bench
        .run(&["status"])
        .exits(1)
        .says("postgres://duty@127.0.0.1:1/fire: cannot be reached")
        .says("  remedy: look whether PostgreSQL runs there");
    assert!(!told.stderr.contains("hunter2"), "{}", told.stderr);
    bench.run(&["doctor"]).exits(4).prints("cannot be reached");
}

#[test]
fn a_server_that_does_not_sync_and_a_file_left_behind_are_findings() {
    let Some(cluster) = Cluster::start() else {
        return;
    };
    let url = cluster.database();
    let bench = workspace(None);
    bench.run(&["ingest"]).exits(0);
    let bench = bench.set("WATCHFIRE__LEDGER__URL", &url);
    let found = bench.run(&["doctor"]);
    let found = found.prints("lies unused beside postgres://postgres@127.0.0.1");
    assert!(!found.stdout.contains("fsync"), "{}", found.stdout);
    cluster.sql("postgres", "ALTER SYSTEM SET fsync = off");
    cluster.kill();
    cluster.begin();
    bench.run(&["doctor"]).exits(4).prints("fsync is off");
}

/// Holds, which leave rows in the trail.
fn with_trail(bench: &Bench) {
    bench.run(&["ingest"]).exits(0);
    for reason in ["case 17", "case 23", "case 42"] {
        bench
            .run(&[
                "hold", "add", "--feed", "urls", "--reason", reason, "--by", "li.na",
            ])
            .exits(0);
    }
    let release = [
        "hold", "release", "2", "--reason", "closed", "--by", "wang.wei",
    ];
    bench.run(&release).exits(0);
}

fn sequence(bench: &Bench, more: &[&str]) -> Vec<i64> {
    let rows = bench
        .run(&[&["--json", "audit", "list"], more].concat())
        .exits(0)
        .json();
    let rows = rows.as_array().expect("a list");
    rows.iter()
        .map(|row| row["seq"].as_i64().expect("a number"))
        .collect()
}

fn a_trail_is_listed_and_verified(bench: &Bench, tamper: impl FnOnce()) {
    bench
        .run(&["audit", "verify"])
        .exits(0)
        .prints("0 rows, the chain holds");
    bench.run(&["audit", "list"]).exits(0).says("no rows");
    with_trail(bench);
    let whole = bench.run(&["--json", "audit", "verify"]).exits(0).json();
    assert_eq!((&whole["whole"], &whole["rows"]), (&true.into(), &4.into()));
    let head = whole["head"].as_str().expect("a head").to_owned();
    assert!(head.starts_with("4:"), "{head}");
    bench
        .run(&["audit", "verify", "--head", &head])
        .exits(0)
        .prints(&head);
    assert_eq!(sequence(bench, &[]), [4, 3, 2, 1]);
    assert_eq!(sequence(bench, &["--action", "hold.add"]), [3, 2, 1]);
    assert_eq!(
        sequence(bench, &["--action", "hold.", "--limit", "2"]),
        [4, 3]
    );
    assert_eq!(
        sequence(
            bench,
            &["--action", "hold.", "--limit", "2", "--before", "3"]
        ),
        [2, 1]
    );
    assert_eq!(sequence(bench, &["--object", "hold 2"]), [4, 2]);
    assert_eq!(sequence(bench, &["--actor", "wang.wei"]), [4]);
    assert_eq!(sequence(bench, &["--until", "2023-01-01"]), [0i64; 0]);
    assert_eq!(sequence(bench, &["--since", "2023-01-01"]).len(), 4);
    bench
        .run(&["audit", "list", "--limit", "2"])
        .exits(0)
        .prints("case 42")
        .says("--before 3");
    bench
        .run(&["audit", "list", "--since", "yesterday"])
        .exits(2)
        .says("is no time");
    bench
        .run(&["audit", "verify", "--head", "4"])
        .exits(2)
        .says("SEQ:HASH");

    // Broken twins: another head, one that is not there, a changed row.
    let other = format!("3:{}", &head[2..]);
    bench
        .run(&["audit", "verify", "--head", &other])
        .exits(4)
        .says("audit row 3: is another");
    let later = format!("9:{}", &head[2..]);
    bench
        .run(&["audit", "verify", "--head", &later])
        .exits(4)
        .says("audit row 9: is missing");
    tamper();
    let broken = bench.run(&["audit", "verify", "--json"]).exits(4);
    let broken = broken
        .says("audit row 2: was changed after it was written")
        .says("remedy");
    let told = broken.json();
    assert_eq!((&told["whole"], &told["seq"]), (&false.into(), &2.into()));
}

#[test]
fn a_trail_on_sqlite_is_listed_verified_and_broken() {
    let bench = workspace(None);
    let file = bench.path().join("ledger.db");
    a_trail_is_listed_and_verified(&bench, || {
        // Closing folds the write-ahead log, which would go before the file, into it.
        let runtime = tokio::runtime::Runtime::new().expect("threads");
        runtime
            .block_on(async { ledger::Ledger::open(&file).await?.close().await })
            .expect("the ledger opens");
        let mut bytes = std::fs::read(&file).expect("the ledger can be read");
        let (old, new) = (b"\"reason\":\"case 23\"", b"\"reason\":\"case 24\"");
        let mut changed = 0;
        for at in 0..bytes.len() - old.len() {
            if bytes[at..].starts_with(old) {
                bytes[at..at + new.len()].copy_from_slice(new);
                changed += 1;
            }
        }
        assert!(changed > 0, "the detail lies in the file");
        std::fs::write(&file, bytes).expect("the ledger can be written");
    });
}

#[test]
fn a_trail_on_postgresql_is_listed_verified_and_broken() {
    let Some(cluster) = cluster::shared() else {
        return;
    };
    let url = cluster.database();
    a_trail_is_listed_and_verified(&workspace(Some(&url)), || {
        let sql = "UPDATE audit SET detail = replace(detail, 'case 23', 'case 24') WHERE seq = 2";
        cluster.sql(name(&url), sql);
    });
}
