//! The bulletin desk by HTTP only: an issue from its draft to the public page, signed by two people.

use std::io::Write as _;
use std::process::Stdio;

use serde_json::{Value, json};

use super::{Answer, SERVE, Serving, ask, until};
use crate::run::Bench;

const CONFIGURATION: &str = r#"
[series]
organization_zh = "示例中心"
organization_en = "Example Centre"

[site]
base_url = "https://cert.example/"

[[feed]]
name = "lists"
provider = "Example"
format = "csv"
paths = ["in/*.csv"]
zone = "Asia/Shanghai"
classification = "malware-distribution"
licence = "CC0"
publishable = "counts"
[feed.columns]
seen = "observed_at"
url = "source_url"
"#;

const PASSWORD: &str = "correct horse battery";

/// A signed-in person.
struct Person<'a> {
    serving: &'a Serving,
    cookie: String,
}

impl<'a> Person<'a> {
    fn new(serving: &'a Serving, login: &str) -> Self {
        let body = format!("login={login}&password=correct+horse+battery");
        let kind = "Content-Type: application/x-www-form-urlencoded";
        let heads = [kind, "Sec-Fetch-Site: same-origin"];
        let path = "/console/sign-in";
        let answer = ask(serving.address, "POST", path, &heads, body.as_bytes());
        let answer = answer.expect("it answers").is(303);
        let line = answer
            .head
            .lines()
            .find(|line| line.to_ascii_lowercase().starts_with("set-cookie: __host-"))
            .unwrap_or_else(|| panic!("no cookie: {}", answer.head));
        let pair = line.split_once(": ").expect("a header").1;
        let pair = pair.split(';').next().expect("a pair").to_owned();
        Person {
            serving,
            cookie: format!("Cookie: {pair}"),
        }
    }

    fn get(&self, path: &str) -> Answer {
        let heads = [self.cookie.as_str(), "Accept-Language: en"];
        ask(self.serving.address, "GET", path, &heads, b"").expect("it answers")
    }

    fn post(&self, path: &str, body: &Value) -> Answer {
        let kind = "Content-Type: application/json";
        let heads = [self.cookie.as_str(), kind, "Accept-Language: en"];
        let path = format!("/api/v1/bulletins/{path}");
        let body = body.to_string();
        ask(self.serving.address, "POST", &path, &heads, body.as_bytes()).expect("it answers")
    }

    /// Begins work and waits for what it came to.
    fn work(&self, path: &str, body: &Value) -> Value {
        let begun = self.post(path, body).is(202).json();
        let path = format!("/api/v1/bulletins/work/{}", begun["id"]);
        let mut last = Value::Null;
        until("the work's end", || {
            last = self.get(&path).is(200).json();
            last["ended_at"].is_string()
        });
        last["outcome"].clone()
    }
}

/// A workspace with a week of data, and three people who may sign in.
fn house() -> Bench {
    let bench = Bench::with(&format!("{SERVE}{CONFIGURATION}"));
    let mut rows = String::from("seen,url\n");
    for n in 0..24 {
        rows.push_str(&format!("2023-01-04 08:00:00,https://192.0.2.{n}/login\n"));
    }
    bench.write("in/a.csv", rows);
    bench.run(&["ingest"]).exits(0);
    let users: [&[&str]; 3] = [
        &["users", "add", "li", "--role", "administrator"],
        &["users", "add", "wang", "--role", "editor", "--as", "li"],
        &["users", "add", "chen", "--role", "approver", "--as", "li"],
    ];
    for user in users {
        bench.run(user).exits(0);
    }
    for login in ["wang", "chen"] {
        let mut child = bench
            .command(&["users", "password", login, "--stdin", "--as", "li"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("the binary runs");
        let mut stdin = child.stdin.take().expect("it is piped");
        writeln!(stdin, "{PASSWORD}").expect("it reads");
        drop(stdin);
        assert!(child.wait().expect("it ends").success(), "{login}");
    }
    bench
}

#[test]
fn an_issue_goes_from_its_draft_to_the_public_page_by_http_only() {
    let bench = house();
    let serving = Serving::start(&bench);
    let (wang, chen) = (Person::new(&serving, "wang"), Person::new(&serving, "chen"));
    let none = json!({});

    let drafted = wang.work("2023-2/draft", &none);
    assert_eq!(drafted["outcome"], "drafted", "{drafted}");
    assert_eq!(drafted["frozen"], true);
    // What is not approved is not published, and nobody signs what they wrote.
    wang.post("2023-2/publish", &none).is(409);
    wang.post("2023-2/approve", &json!({ "revision": 1 }))
        .is(404);
    chen.post("2023-2/approve", &json!({ "revision": 1 }))
        .is(409);
    let own = json!({ "revision": 1, "word": "passes" });
    let own = wang.post("2023-2/review", &own).is(409);
    assert!(
        own.body.contains("wrote it and cannot review it"),
        "{own:?}"
    );

    let found = wang.post("2023-2/check", &none).is(200).json();
    let found = found.as_array().expect("a list");
    let blocking: Vec<_> = found
        .iter()
        .filter(|one| one["severity"] == "blocks")
        .collect();
    assert!(blocking.is_empty(), "{blocking:#?}");
    if found.iter().any(|one| one["severity"] == "asks") {
        let answer = json!({ "finding": "all", "reason": "looked at" });
        chen.post("2023-2/acknowledge", &answer).is(200);
    }
    let comment = json!({ "place": "H1", "text": "which feed?" });
    let comment = chen.post("2023-2/comments", &comment).is(201).json();
    let review = json!({ "revision": 1, "word": "passes", "note": "read twice" });
    chen.post("2023-2/review", &review).is(200);
    let open = chen
        .post("2023-2/approve", &json!({ "revision": 1 }))
        .is(409);
    assert!(open.body.contains("1 comments are open"), "{open:?}");
    chen.post(&format!("2023-2/comments/{}/settle", comment["id"]), &none)
        .is(200);
    let signed = chen
        .post("2023-2/approve", &json!({ "revision": 1 }))
        .is(200);
    assert_eq!(signed.json()["state"], "approved");

    // The figure opens down to the line that the feed wrote.
    let figures = wang.get("/api/v1/bulletins/2023-2/figures").is(200).json();
    let figures = figures.as_array().expect("a list");
    let figure = figures
        .iter()
        .find(|one| one["exact"] == "24")
        .expect("the sites are counted");
    let figure = figure["key"].as_str().expect("a key");
    let records = format!("/api/v1/bulletins/2023-2/records?figure={figure}");
    let records = wang.get(&records).is(200).json();
    assert_eq!(records["same"], true, "{records:#}");
    let raw = records["raw"][0]["text"].as_str().expect("a line");
    assert!(raw.contains("https://192.0.2."), "{raw}");
    let desk = wang
        .get(&format!("/console/bulletin/2023-2?figure={figure}"))
        .is(200);
    for part in ["as printed", "hxxps://192.0.2["] {
        assert!(desk.body.contains(part), "{part}: {}", desk.body);
    }

    serving.get("/issues/2023-2.zh.html").is(404);
    let public = wang.work("2023-2/publish", &json!({ "forms": "html,json,csv,md" }));
    assert_eq!(public["outcome"], "public", "{public}");
    let page = serving.get("/issues/2023-2.zh.html").is(200);
    let data = serving.get("/issues/2023-2.json").is(200).json();
    let stored = wang
        .get("/api/v1/bulletins/2023-2/revisions/1")
        .is(200)
        .json();
    let hash = stored["hash"].as_str().expect("a hash");
    assert_eq!(data["hash"], hash);
    // Printed in groups of eight.
    let printed: Vec<&str> = (0..hash.len() / 8).map(|at| &hash[at * 8..][..8]).collect();
    assert!(page.body.contains(&printed.join(" ")), "{}", page.body);
    assert_eq!(data["values"], stored["values"]);

    // The records give the same issue to the byte.
    let verified = bench
        .run(&["--json", "bulletin", "verify", "2023-2"])
        .exits(0)
        .json();
    assert_eq!(verified["bulletin_same"], true);
    let stands = wang.get("/api/v1/bulletins/2023-2").is(200).json();
    assert_eq!(verified["hash"], stands["hash"]);
    assert_eq!(stands["state"], "published");

    // Taken back, its address says so.
    let why = json!({ "zh": "数据有误", "en": "wrong data" });
    wang.post("2023-2/withdraw", &why).is(404);
    let taken = chen.work("2023-2/withdraw", &why);
    assert_eq!(taken["outcome"], "public", "{taken}");
    let gone = serving.get("/issues/2023-2.en.html").is(410);
    assert!(gone.body.contains("wrong data"), "{gone:?}");
}

#[test]
fn a_month_is_counted_and_read_at_the_desk_and_by_programs() {
    let bench = house();
    let serving = Serving::start(&bench);
    let (wang, chen) = (Person::new(&serving, "wang"), Person::new(&serving, "chen"));
    let month = json!({ "kind": "month", "period": "2023-01" });
    // Who may not edit is told that nothing is there; what is no period is said so.
    chen.post("rollups", &month).is(404);
    wang.post("rollups", &json!({ "kind": "week", "period": "2023-01" }))
        .is(422);
    wang.post("rollups", &json!({ "kind": "month", "period": "2023-13" }))
        .is(422);
    wang.get("/api/v1/bulletins/rollups/month/2023-1").is(404);
    let made = wang.post("rollups", &month).is(201).json();
    assert_eq!(
        (
            &made["kind"],
            &made["period"],
            &made["revision"],
            &made["first_day"]
        ),
        (
            &json!("month"),
            &json!("2023-01"),
            &json!(1),
            &json!("2023-01-01")
        ),
    );
    let twice = wang.post("rollups", &month).is(201).json();
    assert_eq!(
        twice["hash"], made["hash"],
        "the same records, the same edition"
    );
    let listed = chen.get("/api/v1/bulletins/rollups").is(200).json();
    assert_eq!(
        listed["items"].as_array().map(Vec::len),
        Some(1),
        "{listed}"
    );
    assert_eq!(listed["items"][0]["hash"], made["hash"]);
    let one = chen
        .get("/api/v1/bulletins/rollups/month/2023-01")
        .is(200)
        .json();
    assert_eq!(one["bulletin"], made["bulletin"]);
    let files = one["files"].as_array().cloned().unwrap_or_default();
    let base = "rollups/month/2023-01/1/files";
    let fonts = bulletin::render::Fonts::load(&[]).is_ok();
    for name in files.iter().filter_map(Value::as_str) {
        // For print as well, where there are fonts.
        if name.ends_with(".pdf") && !fonts {
            assert!(
                std::env::var_os("CI").is_none(),
                "fonts are missing; see .ci/run"
            );
            continue;
        }
        let file = chen
            .get(&format!("/console/bulletin/{base}/{name}"))
            .is(200);
        assert_eq!(
            name.ends_with(".pdf"),
            file.body.starts_with("%PDF-"),
            "{name}"
        );
        chen.get(&format!("/api/v1/bulletins/{base}/{name}"))
            .is(200);
    }
    assert_eq!(files.len(), 7, "{files:?}");
    chen.get(&format!("/api/v1/bulletins/{base}/other.json"))
        .is(404);
    // At the desk: listed, and its page in a frame with what was counted.
    let sheets = chen.get("/console/bulletin/sheets").is(200).body;
    assert!(sheets.contains("/console/bulletin/rollups/month/2023-01"));
    let page = chen
        .get("/console/bulletin/rollups/month/2023-01")
        .is(200)
        .body;
    assert!(page.contains("/1/page/en") && !page.contains("Count again"));
    let framed = chen
        .get("/console/bulletin/rollups/month/2023-01/1/page/en")
        .is(200);
    assert!(framed.head.contains("sandbox") && framed.body.contains("Monthly"));
}
