//! Queries: what may be asked, what is refused, and how answers print.

use crate::run::Bench;

const FEEDS: &str = r#"
[[feed]]
name = "addresses"
provider = "Example"
format = "list"
paths = ["a.txt"]
zone = "UTC"
classification = "c2-server"
licence = "none"

[[feed]]
name = "urls"
provider = "Example"
format = "csv"
paths = ["u.csv"]
zone = "UTC"
classification = "phishing"
licence = "none"
[feed.columns]
seen = "observed_at"
url = "source_url"
note = "description"
"#;

fn bench() -> Bench {
    let bench = Bench::with(FEEDS);
    bench.write("a.txt", "192.0.2.1\n192.0.2.2\n192.0.2.2\n");
    bench.write("u.csv", "seen,url,note\n2023-01-10 08:00:00,http://phish.example/a,=1+1\n2023-01-11 08:00:00,http://phish.example/b,\"x, y\"\n");
    bench.run(&["ingest"]).exits(0);
    bench
}

#[test]
fn an_empty_lake_gives_an_empty_answer() {
    let bench = Bench::with(FEEDS);
    let sql = "select source_url from events where feed = 'urls' order by 1";
    let done = bench.run(&["--json", "query", sql]).exits(0);
    assert_eq!(done.stdout, "");
}

#[test]
fn answers_print_as_table_csv_and_json() {
    let bench = bench();
    let done = bench
        .run(&[
            "query",
            "SELECT feed, count(*) AS events FROM events GROUP BY feed ORDER BY feed",
        ])
        .exits(0);
    assert_eq!(
        done.stdout,
        "feed       events\naddresses       2\nurls            2\n"
    );
    let sql =
        "SELECT source_url, description, observed_at FROM events WHERE feed = 'urls' ORDER BY 1";
    let done = bench.run(&["query", "--format", "csv", sql]).exits(0);
    assert_eq!(
        done.stdout,
        "source_url,description,observed_at\r\nhttp://phish.example/a,'=1+1,2023-01-10T08:00:00\r\nhttp://phish.example/b,\"x, y\",2023-01-11T08:00:00\r\n"
    );
    let done = bench.run(&["query", "--json", "SELECT count(*) AS n, NULL AS nothing, source_host FROM events WHERE feed = 'urls' GROUP BY source_host"]).exits(0);
    let row: serde_json::Value =
        serde_json::from_str(done.stdout.lines().next().expect("a row")).expect("JSON");
    assert_eq!(row["n"], 2);
    assert!(row["nothing"].is_null());
    let done = bench
        .run(&[
            "query",
            "--limit",
            "1",
            "--format",
            "csv",
            "SELECT event_id FROM events",
        ])
        .exits(0)
        .says("there are more");
    assert_eq!(done.stdout.lines().count(), 2);
    bench
        .run(&[
            "query",
            "SELECT count(*) AS n FROM events_raw WHERE source_ip = ip('192.0.2.1')",
        ])
        .exits(0)
        .prints("1");
    bench
        .run(&["query", "--columns"])
        .exits(0)
        .prints("observed_at")
        .prints("source_ip");
    bench
        .run(&[
            "query",
            "--snapshot",
            "0",
            "SELECT count(*) AS n FROM events",
        ])
        .exits(0)
        .prints("0");
    bench
        .run(&["query", "--snapshot", "99", "SELECT 1"])
        .exits(1)
        .says("lake snapshot 99: not found");
}

#[test]
fn only_a_select_is_answered() {
    let bench = bench();
    let outside = bench.path().join("out.csv");
    let outside = outside.to_string_lossy();
    for sql in [
        "DROP TABLE events".to_owned(),
        "CREATE TABLE x AS SELECT 1".to_owned(),
        "CREATE VIEW x AS SELECT 1".to_owned(),
        format!("CREATE EXTERNAL TABLE x STORED AS CSV LOCATION '{outside}'"),
        format!("COPY (SELECT * FROM events) TO '{outside}' STORED AS CSV"),
        "INSERT INTO events SELECT * FROM events".to_owned(),
        "DELETE FROM events".to_owned(),
        "UPDATE events SET feed = 'x'".to_owned(),
        "SET datafusion.execution.batch_size = 1".to_owned(),
        "SELECT 1; DROP TABLE events".to_owned(),
    ] {
        let done = bench.run(&["query", &sql]).exits(1);
        assert_eq!(done.stdout, "", "{sql}");
        assert!(
            done.stderr.starts_with("watchfire: query "),
            "{sql}: {}",
            done.stderr
        );
        assert!(!done.stderr.contains("panicked"), "{sql}: {}", done.stderr);
    }
    assert!(!bench.path().join("out.csv").exists());
    // Files of the machine are no tables.
    bench.write("secret.csv", "a,b\n1,2\n");
    let file = bench.path().join("secret.csv");
    bench
        .run(&["query", &format!("SELECT * FROM '{}'", file.display())])
        .exits(1);
    bench
        .run(&["query", "SELECT * FROM information_schema.df_settings"])
        .exits(1);
    bench
        .run(&["query", "SELECT count(*) AS n FROM events"])
        .exits(0)
        .prints("4");
}

#[test]
fn a_wrong_query_names_what_is_wrong() {
    let bench = bench();
    bench
        .run(&["query", "SELECT sorce_ip FROM events"])
        .exits(1)
        .says("sorce_ip")
        .says("remedy: columns are listed");
    bench
        .run(&["query", "SELEKT"])
        .exits(1)
        .says("watchfire: query failed");
    bench.run(&["query"]).exits(2);
}
