//! Manners of the command line: help, exit codes, streams, the lock, hostile text.

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use crate::run::Bench;

const FEED: &str = r#"
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
"#;

#[test]
fn help_shows_commands_examples_and_exit_codes() {
    let bench = Bench::new();
    let help = bench.run(&["--help"]).exits(0);
    let help = help
        .prints("Exit codes:")
        .prints("Examples:")
        .prints("WATCHFIRE_WORKSPACE");
    for command in [
        "init",
        "demo",
        "config",
        "reference",
        "feeds",
        "status",
        "doctor",
        "parse",
        "fetch",
        "ingest",
        "rejects",
        "week",
        "query",
        "rating",
        "infrastructure",
        "history",
        "bulletin",
        "completions",
        "man",
    ] {
        assert!(
            help.stdout.contains(&format!("\n  {command} ")),
            "{command} is not in --help"
        );
        let own = bench
            .run(&[command, "--help"])
            .exits(0)
            .prints("Usage: watchfire");
        assert!(
            own.stdout.contains("Example"),
            "{command} --help shows no example"
        );
    }
    bench.run(&["--version"]).exits(0).prints("watchfire ");
    bench
        .run(&["reference", "import", "--help"])
        .exits(0)
        .prints("region-cidr")
        .prints("shadowserver-schema");
    bench
        .run(&["parse", "--help"])
        .exits(0)
        .prints("shadowserver")
        .prints("jpcert");
}

#[test]
fn a_wrong_command_line_exits_with_2_and_suggests() {
    let bench = Bench::new();
    bench.run(&["ingets"]).exits(2).says("ingest");
    bench.run(&["feeds", "tally"]).exits(2);
    bench.run(&[]).exits(2).says("Usage");
    let bench = Bench::with("");
    bench
        .run(&["feeds", "tally", "2023-x"])
        .exits(2)
        .says("neither an issue nor a date");
    bench
        .run(&["feeds", "tally", "2023-60"])
        .exits(2)
        .says("no such number");
    bench
        .run(&["reference", "import", "geo", "x"])
        .exits(2)
        .says("region-cidr");
}

#[test]
fn rows_become_events_duplicates_or_rejects_and_nothing_else() {
    let bench = Bench::with(FEED);
    bench.write(
        "in/a.csv",
        "seen,url,note\n2023-01-10 08:00:00,http://a.example/,x\n2023-01-10 08:00:00,http://a.example/,x\nnever,http://b.example/,y\n",
    );
    let done = bench.run(&["ingest"]).exits(0).says("1 rows were rejected");
    let head = done.stdout.lines().next().expect("a table");
    assert_eq!(
        head.split_whitespace().collect::<Vec<_>>(),
        [
            "feed",
            "reports",
            "known",
            "unread",
            "rows",
            "events",
            "duplicates",
            "rejects",
            "rows/s"
        ]
    );
    let cells: Vec<&str> = done
        .stdout
        .lines()
        .nth(1)
        .expect("a row")
        .split_whitespace()
        .collect();
    assert_eq!(cells[..8], ["urls", "1", "0", "0", "3", "1", "1", "1"]);
    bench.run(&["ingest", "--strict"]).exits(0);
    bench.run(&["ingest", "--again", "--strict"]).exits(4);
    bench
        .run(&["ingest", "no-such-feed"])
        .exits(1)
        .says("feed `no-such-feed` is not in the configuration")
        .says("remedy: watchfire feeds list");
    bench
        .run(&["ingest", "no/such/file.csv"])
        .exits(1)
        .says("no such file");
    bench.write("elsewhere.csv", "seen,url,note\n");
    bench
        .run(&["ingest", "elsewhere.csv"])
        .exits(1)
        .says("belongs to no feed");
    bench
        .run(&["ingest", "--dry-run"])
        .exits(0)
        .prints("in/a.csv");

    let rows = bench.run(&["rejects", "list", "--rows", "--json"]).exits(0);
    let reject: serde_json::Value =
        serde_json::from_str(rows.stdout.lines().next().expect("one")).expect("JSON");
    assert_eq!(
        (&reject["reason"], &reject["line"]),
        (&"bad-time".into(), &4.into())
    );
    let id = reject["id"].to_string();
    bench
        .run(&["rejects", "show", &id])
        .exits(0)
        .prints("bad-time")
        .prints("never,http://b.example/,y");
    bench
        .run(&["rejects", "show", &id, "--raw"])
        .exits(0)
        .prints("never,http://b.example/,y");
    bench.run(&["rejects", "edit", &id, "--text", " "]).exits(2);
    bench
        .run(&[
            "rejects",
            "edit",
            &id,
            "--text",
            "2023-01-11 09:00:00,http://b.example/,y",
        ])
        .exits(0);
    bench
        .run(&["rejects", "replay", &id])
        .exits(0)
        .prints("1 rejects read: 1 new events");
    bench
        .run(&[
            "query",
            "SELECT source_url FROM events WHERE source_url = 'http://b.example/'",
        ])
        .exits(0)
        .prints("b.example");
    bench
        .run(&["rejects", "replay", &id])
        .exits(1)
        .says("is replayed");
    bench
        .run(&["rejects", "list", "--state", "open"])
        .exits(0)
        .says("no rejects");
    let tally = bench
        .run(&["feeds", "tally", "2023-01-10", "--json"])
        .exits(0)
        .json();
    assert_eq!(tally["tallies"][0]["records"], 3, "{tally}");
    assert_eq!(
        (&tally["issue"], &tally["week"]["first"]),
        (&"2023-3".into(), &"2023-01-09".into())
    );
}

#[test]
fn parse_stores_nothing() {
    let bench = Bench::with(FEED);
    bench.write(
        "in/a.csv",
        "seen,url,note\n2023-01-10 08:00:00,http://a.example/login,x\nnever,http://b.example/,y\n",
    );
    let done = bench
        .run(&["parse", "in/a.csv"])
        .exits(0)
        .says("line 3: bad-time")
        .says("1 events, 1 rejects");
    let event: serde_json::Value =
        serde_json::from_str(done.stdout.trim()).expect("one line of JSON");
    assert_eq!(event["source_url"], "http://a.example/login");
    assert_eq!(event["observed_at"], "2023-01-10T08:00:00Z");
    let done = bench
        .run(&["parse", "in/a.csv", "--as", "intelmq"])
        .exits(0);
    let event: serde_json::Value =
        serde_json::from_str(done.stdout.trim()).expect("one line of JSON");
    assert_eq!(event["source.url"], "http://a.example/login");
    assert_eq!(event["time.source"], "2023-01-10T08:00:00+00:00");
    assert_eq!(event["classification.type"], "phishing");
    bench.run(&["parse", "in/a.csv", "--strict"]).exits(4);
    bench
        .run(&["status", "--json"])
        .exits(0)
        .prints("\"reports\": 0");
    // Outside a workspace a format can be tried all the same.
    let away = Bench::new();
    away.write("list.txt", "192.0.2.9\nnot an address\n");
    let done = away
        .run(&[
            "parse",
            "list.txt",
            "--format",
            "list",
            "--classification",
            "blocklist",
            "--json",
        ])
        .exits(0)
        .says("1 events, 1 rejects");
    assert!(done.stdout.contains("192.0.2.9"));
    away.run(&["parse", "list.txt", "--format", "lst"])
        .exits(1)
        .says("format `lst` is unknown");
    away.run(&[
        "parse",
        "nowhere.txt",
        "--format",
        "list",
        "--classification",
        "blocklist",
    ])
    .exits(1)
    .says("nowhere.txt");
}

#[test]
fn hostile_text_never_reaches_the_terminal() {
    let bench = Bench::with(FEED);
    bench.write("in/a.csv", "seen,url,note\n2023-01-10 08:00:00,http://a.example/,\u{1b}]0;pwned\u{7}\u{202e}x\nnever,http://b.example/,\u{1b}[2J\n");
    let done = bench.run(&["ingest"]).exits(0);
    assert!(!done.stdout.contains('\u{1b}') && !done.stderr.contains('\u{1b}'));
    for arguments in [
        &["rejects", "list", "--rows"][..],
        &["query", "SELECT description FROM events"],
        &["rejects", "show", "1"],
    ] {
        let done = bench.run(arguments).exits(0);
        assert!(
            !done.stdout.contains(['\u{1b}', '\u{7}', '\u{202e}']),
            "{arguments:?}: {}",
            done.stdout
        );
        assert!(
            done.stdout.contains("\\u{1b}"),
            "{arguments:?}: {}",
            done.stdout
        );
    }
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let bench = Bench::with(FEED);
    let mut rows = String::from("seen,url,note\n");
    for n in 0..20_000 {
        rows.push_str(&format!(
            "2023-01-10 08:00:00,http://a.example/{n},some text to fill pipes with\n"
        ));
    }
    bench.write("in/a.csv", rows);
    let mut child = bench
        .command(&["parse", "in/a.csv"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    let mut line = String::new();
    let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
    stdout.read_line(&mut line).expect("a line");
    drop(stdout);
    let mut stderr = String::new();
    child
        .stderr
        .take()
        .expect("piped")
        .read_to_string(&mut stderr)
        .expect("text");
    assert_eq!(child.wait().expect("it ends").code(), Some(0), "{stderr}");
    assert!(
        !stderr.contains("panicked") && !stderr.contains("roken pipe"),
        "{stderr}"
    );
}

#[test]
fn one_command_writes_at_a_time() {
    let bench = Bench::with(FEED);
    bench.run(&["status"]).exits(0);
    let lock = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .open(bench.path().join("watchfire.lock"))
        .expect("a lock file");
    lock.lock().expect("nobody holds it");
    std::io::Write::write_all(&mut &lock, b"4711 ingest\n").expect("it can be written");
    bench
        .run(&["ingest"])
        .exits(1)
        .says("is being changed by process 4711 (watchfire ingest)")
        .says("remedy");
    bench.run(&["status"]).exits(0).prints("process 4711");
    bench
        .run(&["query", "SELECT count(*) AS n FROM events"])
        .exits(0);
    drop(lock);
    bench.run(&["ingest"]).exits(0);
}

#[test]
fn doctor_finds_what_is_missing_and_damaged() {
    let bench = Bench::with(FEED);
    bench.write(
        "in/a.csv",
        "seen,url,note\n2023-01-10 08:00:00,http://a.example/,x\n",
    );
    bench.run(&["ingest"]).exits(0);
    let findings = |arguments: &[&str]| {
        let json = bench.run(arguments).json();
        json.as_array().expect("a list").clone()
    };
    let wrong = |findings: &[serde_json::Value], check: &str| {
        findings
            .iter()
            .any(|finding| finding["check"] == check && finding["grade"] == "error")
    };
    let healthy = findings(&["doctor", "--deep", "--json"]);
    for check in ["lake", "identities", "parts", "blobs", "audit", "ledger"] {
        assert!(
            healthy
                .iter()
                .any(|finding| finding["check"] == check && finding["grade"] == "ok"),
            "{check}: {healthy:?}"
        );
    }
    // A part that is cut, an orphan, and a blob of other content.
    let days: Vec<_> = std::fs::read_dir(bench.path().join("lake"))
        .expect("a lake")
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
        .collect();
    let files: Vec<_> = days
        .iter()
        .flat_map(|day| std::fs::read_dir(day).expect("a day"))
        .flatten()
        .map(|entry| entry.path())
        .collect();
    let part = files
        .iter()
        .find(|path| path.extension().is_some_and(|ending| ending == "parquet"))
        .expect("a part");
    let whole = std::fs::read(part).expect("it can be read");
    std::fs::write(part, &whole[..whole.len() / 2]).expect("it can be cut");
    std::fs::write(part.with_file_name("R-stray-g1.parquet"), b"x").expect("it can be written");
    let cut = findings(&["doctor", "--json"]);
    assert!(wrong(&cut, "lake"), "{cut:?}");
    assert!(
        cut.iter().any(|finding| finding["message"]
            .as_str()
            .is_some_and(|text| text.contains("R-stray-g1.parquet"))),
        "{cut:?}"
    );
    std::fs::write(part, &whole).expect("it can be mended");
    let blob = bench
        .run(&["query", "SELECT report FROM events", "--format", "csv"])
        .exits(0);
    assert!(blob.stdout.contains("R-"));
    let mut blobs = Vec::new();
    let mut folders = vec![bench.path().join("blobs")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
            if entry.path().is_dir() {
                folders.push(entry.path())
            } else {
                blobs.push(entry.path())
            }
        }
    }
    let bytes = std::fs::read(&blobs[0]).expect("it can be read");
    std::fs::write(&blobs[0], vec![b'x'; bytes.len()]).expect("it can be changed");
    assert!(!wrong(&findings(&["doctor", "--json"]), "blobs"));
    assert!(wrong(&findings(&["doctor", "--deep", "--json"]), "blobs"));
    bench.run(&["doctor", "--deep"]).exits(4).prints("remedy: ");
}

#[test]
fn infrastructure_events_are_entered_ended_and_withdrawn() {
    let bench = Bench::with("");
    let add = |level: &str| {
        let names = [
            "--name-zh",
            "光缆中断",
            "--name-en",
            "Cable cut",
            "--start",
            "2023-01-10T08:00",
        ];
        let arguments: Vec<&str> = ["infrastructure", "add", "--level", level]
            .into_iter()
            .chain(names)
            .collect();
        bench.run(&arguments)
    };
    add("7").exits(2).says("is no grade");
    let id = add("较大").exits(0).stdout.trim().to_owned();
    assert!(id.starts_with("INF-"), "{id}");
    let list = bench
        .run(&["infrastructure", "list", "--week", "2023-3", "--json"])
        .exits(0)
        .json();
    assert_eq!(
        (&list[0]["level"], &list[0]["state"]),
        (&3.into(), &"ongoing".into())
    );
    bench
        .run(&["infrastructure", "list", "--week", "2023-2"])
        .exits(0)
        .says("no events");
    bench
        .run(&["infrastructure", "end", &id, "--at", "2023-01-09"])
        .exits(1)
        .says("ends before it starts");
    bench
        .run(&["infrastructure", "end", &id, "--at", "2023-01-10T11:30"])
        .exits(0);
    bench
        .run(&["infrastructure", "list"])
        .exits(0)
        .prints("2023-01-10 11:30")
        .prints("光缆中断");
    bench.run(&["infrastructure", "withdraw", &id]).exits(0);
    bench
        .run(&["infrastructure", "list"])
        .exits(0)
        .says("no events");
    bench
        .run(&["infrastructure", "withdraw", "INF-none"])
        .exits(1)
        .says("not found");
}

#[test]
fn back_issues_are_imported_and_listed() {
    let bench = Bench::with("[series]\nid = \"old\"\n");
    bench.write(
        "history.csv",
        "year,issue,week_start,week_end,kind,infected_wan,vulns,note,source\n2018,26,2018-06-25,2018-07-01,published,27.4,300,,print\n2018,,,,undated,28.0,,week unknown,copy\n",
    );
    bench
        .run(&["history", "import", "history.csv"])
        .exits(0)
        .prints("2 rows of series old");
    bench.run(&["history", "import", "history.csv"]).exits(0);
    bench
        .run(&["history", "list"])
        .exits(0)
        .prints("2018-26  2018-06-25  published")
        .prints("undated");
    assert_eq!(
        bench
            .run(&["history", "list", "--json"])
            .json()
            .as_array()
            .map(Vec::len),
        Some(2)
    );
    bench.write("wrong.csv", "year,kind,infected_wan\n2018,published,many\n");
    bench
        .run(&["history", "import", "wrong.csv"])
        .exits(1)
        .says("wrong.csv")
        .says("many")
        .says("remedy");
    bench
        .run(&["history", "import", "none.csv"])
        .exits(1)
        .says("none.csv");
    if let Some(data) = crate::run::data() {
        let file = data.join("history/weekly_history.csv");
        bench
            .run(&["history", "import", &file.to_string_lossy()])
            .exits(0)
            .prints("41 rows");
    }
}

#[test]
fn reference_tables_come_from_the_configuration_and_go_with_it() {
    let entry = "[[reference]]\nkind = \"country-cidr\"\nname = \"countries\"\npaths = [\"tables/*.txt\"]\n";
    let bench = Bench::with(&format!("{entry}{FEED}"));
    bench.write(
        "in/a.csv",
        "seen,url,note\n2023-01-10 08:00:00,http://192.0.2.7/,x\n",
    );
    bench.write("tables/JP.txt", "192.0.2.0/24\n");
    bench.write("tables/DE.txt", "198.51.100.0/24\n");
    bench
        .run(&["ingest"])
        .exits(0)
        .says("imported country-cidr: 2 files, 2 records");
    bench
        .run(&["query", "SELECT country FROM events"])
        .exits(0)
        .prints("JP");
    bench
        .run(&["reference", "list"])
        .exits(0)
        .prints("countries  JP");
    // Unchanged files are not read again; a removed one is forgotten; without any, all stay.
    let again = bench.run(&["ingest"]).exits(0);
    assert!(!again.stderr.contains("imported"), "{}", again.stderr);
    std::fs::remove_file(bench.path().join("tables/DE.txt")).expect("it is there");
    bench
        .run(&["ingest"])
        .exits(0)
        .says("forgot reference country-cidr DE");
    std::fs::remove_file(bench.path().join("tables/JP.txt")).expect("it is there");
    bench
        .run(&["ingest"])
        .exits(0)
        .says("no file matches tables/*.txt");
    bench
        .run(&["reference", "list"])
        .exits(0)
        .prints("countries  JP");
    // A file that is none of its kind stops the ingest: tables that silently lack a part count wrongly.
    bench.write("tables/nowhere.txt", "192.0.2.0/24\n");
    bench
        .run(&["ingest"])
        .exits(1)
        .says("reference country-cidr")
        .says("remedy");
    bench
        .run(&["reference", "import", "country-cidr", "tables/nowhere.txt"])
        .exits(1);
    bench
        .run(&["reference", "import", "shadowserver-schema", "in/a.csv"])
        .exits(1)
        .says("remedy");
}

#[test]
fn a_named_person_keeps_their_own_tokens_and_no_others() {
    let bench = Bench::with("");
    let add = |login: &str, role: &str| {
        bench
            .run(&["users", "add", login, "--role", role, "--as", "li"])
            .exits(0);
    };
    add("li", "administrator");
    add("wang", "analyst");
    let wang = Bench::at(bench.path()).set("WATCHFIRE_AS", "wang");
    let own = ["tokens", "api", "add", "wang", "siem", "--may", "work"];
    let text = wang.run(&own).exits(0).stdout;
    assert!(text.starts_with("wf_") && text.trim().len() == 67, "{text}");
    let more = ["tokens", "api", "add", "wang", "x", "--may", "administer"];
    wang.run(&more).exits(1).says("may not keep accounts");
    let other = ["tokens", "api", "add", "li", "x", "--may", "administer"];
    wang.run(&other).exits(1).says("may not keep accounts");
    let li = Bench::at(bench.path()).set("WATCHFIRE_AS", "li");
    let second = ["tokens", "api", "add", "li", "own", "--may", "view"];
    li.run(&second).exits(0);
    wang.run(&["tokens", "api", "revoke", "2"]).exits(1);
    wang.run(&["tokens", "api", "revoke", "1"]).exits(0);
    li.run(&["tokens", "api", "list"]).exits(0).prints("void");
}
