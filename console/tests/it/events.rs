//! Events and the explorer of statistics, as a browser and a program meet them.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::http::StatusCode;
use bulletin::publish::Figure;
use bulletin::statistics::breakdown::{By, Division};
use bulletin::statistics::explain::{EventPlace, Line};
use console::almanac::{Almanac, AlmanacError, Behind, CountedWeek, Names, Origin};
use lake::{Columns, Enrichment, FileKind, IdentityIndex, Lake, Named, Receipt, ReportWriter};
use ledger::{AuditFilter, IngestCommit, LakeFileKind, NewLakeFile, NewReport, Page, ReportKind};
use model::bulletin::{Decimal, Text};
use model::field::Field;
use model::ids::EventId;
use model::issue::IssueNumber;
use model::newsroom::{AccountRole, Right};
use model::record::Record;
use model::statistic::Statistic;
use model::territory::Territory;
use model::time::{ReportingWeek, Timestamp};
use serde_json::{Value, json};

use crate::house::{House, MINUTE, T0};

/// What an event of a test says.
#[derive(Clone, Copy, Default)]
struct Seen {
    minutes_ago: i64,
    class: &'static str,
    ip: &'static str,
    url: &'static str,
    malware: &'static str,
    province: Option<i32>,
    tlp: &'static str,
}

const NAUGHTY: &str = "=cmd|' /C calc'!A0<script>alert(1)</script>";

fn seen() -> Vec<Seen> {
    let mut all: Vec<Seen> = (0..70)
        .map(|n| Seen {
            minutes_ago: n,
            class: "phishing",
            ip: if n % 2 == 0 {
                "192.0.2.7"
            } else {
                "198.51.100.9"
            },
            url: "https://login.example.test/bank",
            province: (n % 2 == 0).then_some(320_000),
            ..Seen::default()
        })
        .collect();
    all.push(Seen {
        minutes_ago: 200,
        class: "infected-system",
        ip: "203.0.113.5",
        malware: NAUGHTY,
        province: Some(440_000),
        ..Seen::default()
    });
    all.push(Seen {
        minutes_ago: 300,
        class: "scanner",
        ip: "203.0.113.6",
        tlp: "RED",
        ..Seen::default()
    });
    all
}

/// Archives a report with these rows and takes it in.
async fn take_in(house: &House, id: &str, feed: &str, rows: &[Seen]) {
    let mut text = String::new();
    let mut columns = Columns::new();
    let mut record = Record::new();
    for (line, row) in rows.iter().enumerate() {
        let begun = text.len() as u64;
        let raw = format!("{line},{},{},{}", row.ip, row.url, row.malware);
        text.push_str(&raw);
        text.push('\n');
        record.clear();
        record.line = line as u64 + 1;
        record.offset = begun;
        record.len = raw.len() as u32;
        record.set_time(Field::ObservedAt, Timestamp(T0 - row.minutes_ago * MINUTE));
        record.set_text(Field::ClassType, row.class);
        record.set_ip(Field::SourceIp, row.ip.parse().unwrap());
        for (field, value) in [
            (Field::SourceUrl, row.url),
            (Field::MalwareName, row.malware),
            (Field::Tlp, row.tlp),
        ] {
            if !value.is_empty() {
                record.set_text(field, value);
            }
        }
        let enrichment = Enrichment {
            province: row.province,
            country: Some("CN"),
            asn: Some(64_500),
            territory: Territory::Inside,
            host: (!row.url.is_empty()).then_some("login.example.test"),
            ..Enrichment::default()
        };
        let named = Named {
            feed,
            keys: None,
            row: &record,
        };
        columns.append(named, &record, &enrichment);
    }
    let lake = Lake::open(&house.folder.path().join("lake"), 64 << 20, 2).unwrap();
    let mut index = IdentityIndex::new(1 << 20);
    let mut runs = |_| Ok(Vec::new());
    let mut writer = ReportWriter::new(&lake, id, &mut index, &mut runs);
    let receipt = Receipt {
        feed: feed.to_owned(),
        report: id.to_owned(),
        member: 0,
        received_at: T0,
        source_schema: None,
    };
    for chunk in columns.take(&receipt) {
        writer.push(chunk).unwrap();
    }
    let staged = writer.finish().unwrap();
    let blob = house.blobs.put_bytes(text.as_bytes()).unwrap();
    let new = NewReport {
        id: id.to_owned(),
        feed: feed.to_owned(),
        kind: ReportKind::Feed,
        origin: format!("{id}.csv"),
        blob: blob.hash,
        bytes: text.len() as i64,
        received_at: T0,
        snapshot_at: None,
    };
    house.ledger.archive_report(new).await.unwrap();
    let add = staged.files.iter().map(|(_, file)| NewLakeFile {
        path: file.path.clone(),
        kind: match file.kind {
            FileKind::Part => LakeFileKind::Part,
            FileKind::Ids => LakeFileKind::Ids,
        },
        day: file.day.0,
        feed: Some(feed.to_owned()),
        report_id: Some(id.to_owned()),
        generation: 1,
        rows: file.rows as i64,
        bytes: file.bytes as i64,
        min_observed_at: Some(file.min_observed),
        max_observed_at: Some(file.max_observed),
        schema_version: 1,
    });
    let commit = IngestCommit {
        report_id: id.to_owned(),
        generation: 1,
        add: add.collect(),
        now: T0,
        ..IngestCommit::default()
    };
    house.ledger.commit_ingest(commit).await.unwrap();
}

async fn with_events() -> House {
    let house = House::new().await;
    owner(&house).await;
    take_in(&house, "R-1", "url-list", &seen()).await;
    house
}

/// An analyst of the organization `ORG-A`: a branch.
async fn owner(house: &House) {
    let by = house
        .ledger
        .actor("administrator", Right::Administer, 0)
        .await
        .unwrap();
    let roles = [AccountRole::Analyst];
    house
        .ledger
        .set_account(&by, ("owner", "owner", &roles, true), T0)
        .await
        .unwrap();
    house
        .ledger
        .set_account_organization(&by, "owner", Some("ORG-A"), T0)
        .await
        .unwrap();
}

async fn audited(house: &House, action: &str) -> Vec<Value> {
    let filter = AuditFilter {
        action: Some(action.to_owned()),
        ..AuditFilter::default()
    };
    let page = Page {
        offset: 0,
        limit: 100,
    };
    let rows = house.ledger.audit_rows(&filter, page).await.unwrap();
    rows.iter()
        .map(|row| json!({ "by": row.actor, "detail": serde_json::from_str::<Value>(&row.detail).unwrap() }))
        .collect()
}

async fn ids(house: &House, query: &str) -> Vec<String> {
    let path = format!("/api/v1/events?limit=1000&q={query}");
    let answer = house.get("viewer", &path).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let items = answer.json()["items"].as_array().unwrap().clone();
    items
        .iter()
        .map(|item| item["event_id"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn an_empty_lake_teaches_what_will_be_here() {
    let house = House::new().await;
    let page = house.get("viewer", "/console/events").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(
        page.body.contains("There are no events yet"),
        "{}",
        page.body
    );
}

#[tokio::test]
async fn the_page_lists_facets_steps_and_rows_and_shows_outside_text_as_text() {
    let house = with_events().await;
    let page = house.get("viewer", "/console/events?q=observed:24h").await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    assert!(page.body.contains("<b class=\"n\">72</b>"));
    assert!(page.body.contains("of 72 events"));
    assert!(
        page.body.contains("hxxps://login.example[.]test/bank"),
        "addresses are defanged"
    );
    assert!(!page.body.contains("https://login.example.test"));
    assert!(
        page.body.contains("TLP:RED"),
        "the marking stands beside the export"
    );
    // A chip, and its text in the box.
    let page = house
        .get("viewer", "/console/events?q=type:phishing+province:32")
        .await;
    assert!(page.body.contains("value=\"class:phishing province:32\""));
    assert!(page.body.contains("<b class=\"n\">35</b>"));
    // What a source writes is text, wherever it stands.
    let page = house
        .get("viewer", "/console/events?q=class:infected-system")
        .await;
    assert!(
        page.body.contains("&#60;script&#62;alert(1)")
            || page.body.contains("&lt;script&gt;alert(1)")
    );
    assert!(!page.body.contains("<script>alert"));
    let page = house
        .get(
            "viewer",
            "/console/events?q=%22%3E%3Cscript%3Ealert(2)%3C/script%3E",
        )
        .await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(!page.body.contains("<script>alert"));
    // A query that cannot be read is said so, and stays in the box.
    let page = house.get("viewer", "/console/events?q=fed:x").await;
    assert!(page.body.contains("perhaps `feed`"), "{}", page.body);
    assert!(page.body.contains("value=\"fed:x\""));
}

#[tokio::test]
async fn pages_follow_each_other_without_gap() {
    let house = with_events().await;
    let all = ids(&house, "class:phishing").await;
    assert_eq!(all.len(), 70);
    let (mut walked, mut after) = (Vec::new(), String::new());
    loop {
        let path = format!("/api/v1/events?q=class:phishing&limit=9&after={after}");
        let answer = house.get("viewer", &path).await.json();
        assert_eq!(answer["total"], 70);
        let items = answer["items"].as_array().unwrap();
        walked.extend(
            items
                .iter()
                .map(|item| item["event_id"].as_str().unwrap().to_owned()),
        );
        match answer["next"].as_str() {
            Some(next) => next.clone_into(&mut after),
            None => break,
        }
    }
    assert_eq!(walked, all);
    let bad = house.get("viewer", "/api/v1/events?after=nonsense").await;
    assert_eq!(bad.status, StatusCode::UNPROCESSABLE_ENTITY);
    let bad = house.get("viewer", "/api/v1/events?q=ip:300.0.0.1").await;
    assert_eq!(bad.json()["field"], "q");
}

#[tokio::test]
async fn an_event_opens_down_to_its_raw_line() {
    let house = with_events().await;
    let id = ids(&house, "class:infected-system").await.remove(0);
    let page = house
        .get("viewer", &format!("/console/events/{id}?day=2026-11-18"))
        .await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    assert!(
        page.body.contains("70,203.0.113[.]5,,=cmd|"),
        "the raw line, defanged: {}",
        page.body
    );
    assert!(page.body.contains("Report R-1, line 71"));
    assert!(page.body.contains("It joined no incident"));
    assert!(!page.body.contains("<script>alert"));
    let answer = house
        .get("viewer", &format!("/api/v1/events/{id}"))
        .await
        .json();
    assert_eq!(answer["source_ip"], "203.0.113.5");
    assert_eq!(answer["malware_name"], NAUGHTY);
    let nobody = house
        .get("viewer", &format!("/console/events/{}", "0".repeat(32)))
        .await;
    assert_eq!(nobody.status, StatusCode::NOT_FOUND);
    // The bytes are gone: said, not guessed.
    let blob = house.ledger.report("R-1").await.unwrap().unwrap().blob;
    std::fs::remove_file(house.blobs.path(&blob)).unwrap();
    let page = house.get("viewer", &format!("/console/events/{id}")).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.body.contains("cannot be read from the archive"));
}

#[tokio::test]
async fn exports_hold_what_is_shown_harmless_marked_and_written_down() {
    let house = with_events().await;
    let file = house
        .get(
            "analyst",
            "/console/events/export?q=class:infected-system&format=csv",
        )
        .await;
    assert_eq!(file.status, StatusCode::OK);
    let name = file.headers["content-disposition"].to_str().unwrap();
    assert!(name.contains("tlp-amber.csv"), "{name}");
    assert!(file.body.starts_with('\u{feff}'));
    let lines: Vec<&str> = file.body.trim_end().lines().collect();
    assert_eq!(lines.len(), 2);
    assert!(lines[1].contains("'=cmd|"), "no formula: {}", lines[1]);
    let file = house
        .get(
            "analyst",
            "/console/events/export?q=class:phishing&format=jsonl",
        )
        .await;
    let order: Vec<String> = file
        .body
        .lines()
        .map(|line| {
            serde_json::from_str::<Value>(line).unwrap()["event_id"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    assert_eq!(order, ids(&house, "class:phishing").await);
    let file = house
        .get("analyst", "/console/events/export?q=&format=xlsx")
        .await;
    assert!(file.body.starts_with("PK"));
    let rows = audited(&house, "events.exported").await;
    assert_eq!(rows.len(), 3);
    assert_eq!(rows[2]["by"], "analyst");
    assert_eq!(rows[2]["detail"]["query"], "class:infected-system");
    assert_eq!(rows[0]["detail"]["tlp"], "TLP:RED");
    assert_eq!(rows[0]["detail"]["rows"], 72);
}

#[tokio::test]
async fn whoever_reads_what_is_for_few_is_written_down() {
    let house = with_events().await;
    house
        .get("viewer", "/console/events?q=class:phishing")
        .await;
    assert!(audited(&house, "events.read-sensitive").await.is_empty());
    house.get("viewer", "/console/events?q=class:scanner").await;
    let id = ids(&house, "class:scanner").await.remove(0);
    house.get("lead", &format!("/console/events/{id}")).await;
    let rows = audited(&house, "events.read-sensitive").await;
    let by: Vec<&str> = rows.iter().map(|row| row["by"].as_str().unwrap()).collect();
    assert_eq!(by, ["lead", "viewer", "viewer"]);
    assert_eq!(rows[2]["detail"]["query"], "class:scanner");
}

#[tokio::test]
async fn a_select_reads_events_and_nothing_else() {
    let house = with_events().await;
    let ask = async |login: &str, sql: &str| {
        house
            .json(login, "POST", "/api/v1/events/sql", &json!({ "sql": sql }))
            .await
    };
    let sound = "SELECT class_type, count(*) AS n FROM events GROUP BY class_type ORDER BY n DESC";
    let answer = ask("analyst", sound).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    assert_eq!(
        answer.json()["items"][0],
        json!({ "class_type": "phishing", "n": 70 })
    );
    // Who may: those who work incidents or answer for figures. To others it is not there.
    assert_eq!(ask("editor", sound).await.status, StatusCode::OK);
    for login in ["viewer", "approver", "party", "owner"] {
        assert_eq!(
            ask(login, sound).await.status,
            StatusCode::NOT_FOUND,
            "{login}"
        );
    }
    let outside = house.folder.path().join("secret.csv");
    std::fs::write(&outside, "a,b\n1,2\n").unwrap();
    let path = outside.display();
    for sql in [
        "CREATE TABLE t AS SELECT 1",
        "DROP TABLE events",
        "INSERT INTO events SELECT * FROM events",
        "SET datafusion.execution.batch_size = 1",
        "SELECT * FROM information_schema.tables",
        "SELECT repeat('x', 2000000000)",
        "SELECT count(*) FROM generate_series(1, 100000000000)",
        "SELECT 1; SELECT 2",
        "WITH RECURSIVE t AS (SELECT 'x' AS a UNION ALL SELECT a || a FROM t) SELECT count(*) FROM t",
        &format!("COPY events TO '{path}.out'"),
        &format!("CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '{path}'"),
        &format!("SELECT * FROM '{path}'"),
        &format!("SELECT * FROM \"{path}\""),
        &format!("SELECT * FROM read_csv('{path}')"),
    ] {
        let answer = ask("lead", sql).await;
        assert_eq!(
            answer.status,
            StatusCode::UNPROCESSABLE_ENTITY,
            "{sql}: {}",
            answer.body
        );
    }
    assert!(!house.folder.path().join("secret.csv.out").exists());
    // No more rows than asked for.
    let few = json!({ "sql": "SELECT event_id FROM events", "limit": 3 });
    let answer = house
        .json("lead", "POST", "/api/v1/events/sql", &few)
        .await
        .json();
    assert_eq!(answer["items"].as_array().unwrap().len(), 3);
    assert_eq!(answer["more"], true);
    // Written down word by word, what was refused too.
    let rows = audited(&house, "events.selected").await;
    assert_eq!(rows.len(), 17);
    assert_eq!(rows[16]["detail"]["sql"], sound);
    assert!(rows[14]["detail"]["outcome"]["refused"].is_string());
    // The page: a link fills in, only a form runs.
    let page = house
        .get("analyst", "/console/events/sql?sql=SELECT+1")
        .await;
    assert_eq!(page.status, StatusCode::OK);
    assert_eq!(audited(&house, "events.selected").await.len(), 17);
    let form = [
        (
            "sql",
            "SELECT malware_name FROM events WHERE malware_name IS NOT NULL",
        ),
        ("format", ""),
    ];
    let page = house.post("analyst", "/console/events/sql", &form).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(
        page.body.contains("1 rows") && !page.body.contains("<script>alert"),
        "{}",
        page.body
    );
    let form = [
        (
            "sql",
            "SELECT malware_name FROM events WHERE malware_name IS NOT NULL",
        ),
        ("format", "csv"),
    ];
    let file = house.post("analyst", "/console/events/sql", &form).await;
    assert!(file.body.contains("'=cmd|"), "{}", file.body);
}

#[tokio::test]
async fn a_branch_and_a_party_see_nothing_of_the_lake() {
    let house = with_events().await;
    let id = ids(&house, "class:scanner").await.remove(0);
    let paths = [
        "/console/events".to_owned(),
        "/console/events/export?q=".to_owned(),
        format!("/console/events/{id}"),
        "/api/v1/events".to_owned(),
        "/api/v1/events/histogram".to_owned(),
        format!("/api/v1/events/{id}"),
        "/console/statistics".to_owned(),
        "/console/statistics/M1".to_owned(),
        "/api/v1/statistics".to_owned(),
        "/api/v1/statistics/M1".to_owned(),
    ];
    for path in &paths {
        for login in ["owner", "party"] {
            assert_eq!(
                house.get(login, path).await.status,
                StatusCode::NOT_FOUND,
                "{login} {path}"
            );
        }
        let nobody = house.get("", path).await.status;
        let wanted = [StatusCode::UNAUTHORIZED, StatusCode::SEE_OTHER];
        assert!(wanted.contains(&nobody), "{path}: {nobody}");
    }
}

#[tokio::test]
async fn programs_choose_their_form() {
    let house = with_events().await;
    let counts = house
        .get("viewer", "/api/v1/events/histogram?q=observed:24h")
        .await
        .json();
    assert_eq!((&counts["total"], &counts["of"]), (&json!(72), &json!(72)));
    let steps: u64 = counts["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step["events"].as_u64().unwrap())
        .sum();
    assert_eq!(steps, 72);
    let class = &counts["facets"][0];
    assert_eq!(
        (&class["column"], &class["values"][0]["value"]),
        (&json!("class_type"), &json!("phishing"))
    );
    let csv = house
        .get("viewer", "/api/v1/events?format=csv&limit=10")
        .await;
    assert!(
        csv.headers["content-type"]
            .to_str()
            .unwrap()
            .starts_with("text/csv")
    );
    assert_eq!(csv.body.trim_end().lines().count(), 11);
    assert!(
        csv.headers["link"]
            .to_str()
            .unwrap()
            .contains("rel=\"next\"")
    );
    let lines = house
        .get("viewer", "/api/v1/events?format=jsonl&limit=3")
        .await;
    assert_eq!(lines.body.lines().count(), 3);
    let none = house.get("viewer", "/api/v1/events?format=pdf").await;
    assert_eq!(none.status, StatusCode::UNPROCESSABLE_ENTITY);
}

/// An almanac of three weeks: a transcribed one, a published one, and the one that runs.
struct Weeks;

fn week(back: i64) -> ReportingWeek {
    let now = ReportingWeek::containing("2026-11-19".parse().unwrap());
    now.plus(-back)
}

fn counted(back: i64, origin: Origin, hosts: u64) -> Arc<CountedWeek> {
    Arc::new(CountedWeek {
        week: week(back),
        number: Some(IssueNumber {
            year: 2026,
            number: 47 - back as u32,
        }),
        revision: 1,
        origin,
        figures: vec![Figure {
            statistic: "M1".to_owned(),
            part: String::new(),
            version: 1,
            name: Text::new("境内感染主机", "Infected hosts"),
            unit: Text::new("台", ""),
            number: Some(Decimal::count(hosts)),
            exact: hosts.to_string(),
            text: Text::same(hosts.to_string()),
            missing: None,
            complete: true,
        }],
        changed: Vec::new(),
    })
}

#[async_trait::async_trait]
impl Almanac for Weeks {
    async fn names(&self) -> Result<Arc<Names>, AlmanacError> {
        let name = Text::new("江苏", "Jiangsu");
        Ok(Arc::new(Names {
            provinces: BTreeMap::from([(320_000, name)]),
            sectors: BTreeMap::new(),
        }))
    }

    async fn weeks(&self) -> Result<Vec<Arc<CountedWeek>>, AlmanacError> {
        Ok(vec![
            counted(3, Origin::Transcribed, 900),
            counted(2, Origin::Published, 1000),
            counted(1, Origin::Published, 1250),
        ])
    }

    async fn live(&self, _: ReportingWeek) -> Result<Arc<CountedWeek>, AlmanacError> {
        Ok(counted(0, Origin::Live, 400))
    }

    async fn divide(&self, _: ReportingWeek, by: By) -> Result<Arc<Vec<Division>>, AlmanacError> {
        let groups = match by {
            By::Province => vec![("320000".to_owned(), 900), ("unknown".to_owned(), 350)],
            _ => Vec::new(),
        };
        Ok(Arc::new(vec![Division {
            statistic: "M1".to_owned(),
            total: 1250,
            groups,
        }]))
    }

    async fn behind(
        &self,
        _: ReportingWeek,
        _: &'static Statistic,
        from: usize,
        most: usize,
    ) -> Result<Behind, AlmanacError> {
        let line = |n: usize| Line {
            input: "infected.host".to_owned(),
            key: format!("192.0.2.{n}"),
            feeds: vec!["sinkhole".to_owned()],
            events: vec![EventPlace {
                event: EventId([n as u8; 16]),
                report: "R-1".to_owned(),
                member: 0,
                line: 1,
            }],
        };
        Ok(Behind {
            lines: (0..150).skip(from).take(most).map(line).collect(),
            inputs: BTreeMap::from([("infected.host".to_owned(), 150)]),
            snapshot: 7,
        })
    }
}

#[tokio::test]
async fn a_statistic_shows_its_weeks_and_what_stands_behind_them() {
    let house = House::with(|desk| desk.counting(Arc::new(Weeks))).await;
    let index = house.get("viewer", "/console/statistics").await;
    assert_eq!(index.status, StatusCode::OK, "{}", index.body);
    assert!(index.body.contains("href=\"/console/statistics/M1\""));
    assert!(
        index.body.contains("↑ 25.0%"),
        "the latest whole week on the one before"
    );
    let page = house
        .get("viewer", "/console/statistics/m1?by=province")
        .await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    assert!(page.body.contains("class=\"chart w\""), "a line is drawn");
    assert!(!page.body.contains("style="), "no style stands in a page");
    assert!(page.body.contains("counted now, not final"));
    assert!(
        page.body
            .contains("transcribed figures before, counted here since")
    );
    assert!(
        page.body
            .contains("chg w\"><span class=\"vh\">worse</span>↑ 25.0%"),
        "more is worse"
    );
    assert!(
        page.body
            .contains("/console/statistics/M1/behind?week=2026-11-09")
    );
    assert!(page.body.contains("Jiangsu") && page.body.contains("72.0%"));
    assert!(
        page.body
            .contains("class%3Ainfected-system+territory%3Ainside+province%3A32"),
        "{}",
        page.body
    );
    let behind = house
        .get("viewer", "/console/statistics/M1/behind?week=2026-11-11")
        .await;
    assert!(behind.body.contains("192.0.2[.]99") && behind.body.contains("from=100"));
    assert!(behind.body.contains("150 lines, snapshot 7"));
    let next = house
        .get(
            "viewer",
            "/console/statistics/M1/behind?week=2026-11-11&from=100",
        )
        .await;
    assert!(next.body.contains("192.0.2[.]149") && !next.body.contains("192.0.2[.]99"));
    let absent = house.get("viewer", "/console/statistics/M9").await;
    assert_eq!(absent.status, StatusCode::NOT_FOUND);
    let csv = house
        .get("viewer", "/console/statistics/M1/download?format=csv")
        .await;
    assert!(
        csv.body.contains("2026-11-09,2026-46,1250,1250,1250,"),
        "{}",
        csv.body
    );
    let svg = house
        .get("viewer", "/console/statistics/M1/download?format=svg")
        .await;
    assert!(
        svg.body.starts_with("<svg") || svg.body.starts_with("<?xml"),
        "{}",
        &svg.body[..80]
    );
}

#[tokio::test]
async fn programs_read_statistics() {
    let house = House::with(|desk| desk.counting(Arc::new(Weeks))).await;
    let all = house.get("viewer", "/api/v1/statistics").await.json();
    assert_eq!(all["items"][0]["id"], "M1");
    let one = house
        .get(
            "viewer",
            "/api/v1/statistics/M1?from=2026-11-01&to=2026-11-10",
        )
        .await
        .json();
    let values: Vec<&Value> = one["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| &item["value"])
        .collect();
    assert_eq!(values, ["1000", "1250"]);
    let month = house
        .get("viewer", "/api/v1/statistics/M1?by=month")
        .await
        .json();
    let months = month["items"].as_array().unwrap();
    // Weeks that end in November: the mean of 900 (1 Nov), 1000, 1250 and 400.
    assert_eq!(months.len(), 1);
    assert_eq!(months[0]["value"], "888");
    let divided = house
        .get("viewer", "/api/v1/statistics/M1?by=province")
        .await
        .json();
    assert_eq!(
        divided["division"]["groups"][0],
        json!({ "group": "320000", "count": 900 })
    );
    let wrong = house.get("viewer", "/api/v1/statistics/M1?by=colour").await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    let unserved = House::new()
        .await
        .get("viewer", "/api/v1/statistics/M1")
        .await;
    assert_eq!(unserved.status, StatusCode::CONFLICT, "nobody counts here");
}
