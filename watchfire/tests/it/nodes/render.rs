//! Work on an issue over nodes: one console asks for it, a worker does it, every console tells of it and serves the same
//! site. A worker that dies with it leaves it to another, and it is done once.

use std::fs::File;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use super::Nodes;
use super::alike::same_files;
use crate::cluster;
use crate::run::Bench;
use crate::serve::exercise::{api, token};
use crate::serve::{Serving, until};

const CONFIGURATION: &str = r#"
[series]
organization_zh = "示例中心"
organization_en = "Example Centre"

[site]
base_url = "https://cert.example/"

[serve]
look_secs = 1

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

/// A week of data, and three people.
fn house(nodes: &Nodes) -> Bench {
    let own = nodes.node().set("WATCHFIRE__SERVE__ROLE", "console");
    let mut rows = String::from("seen,url\n");
    for n in 0..24 {
        rows.push_str(&format!("2023-01-04 08:00:00,https://192.0.2.{n}/login\n"));
    }
    std::fs::write(nodes.shared().join("in/a.csv"), rows).expect("a file can be written");
    own.run(&["ingest"]).exits(0);
    let users: [&[&str]; 3] = [
        &["users", "add", "li", "--role", "administrator"],
        &["users", "add", "wang", "--role", "editor", "--as", "li"],
        &["users", "add", "chen", "--role", "approver", "--as", "li"],
    ];
    for user in users {
        own.run(user).exits(0);
    }
    own
}

/// A node and its folder.
struct Node {
    serving: Serving,
    folder: PathBuf,
}

impl Node {
    fn start(nodes: &Nodes, role: &str) -> Node {
        let bench = nodes.node();
        Node {
            serving: Serving::with(&bench, &["--role", role]),
            folder: bench.path().to_owned(),
        }
    }

    fn get(&self, who: &str, path: &str) -> Value {
        let path = format!("/api/v1/bulletins/{path}");
        let answer = api(&self.serving, who, ("GET", &path), &Value::Null);
        answer.is(200).json()
    }

    #[track_caller]
    fn post(&self, who: &str, path: &str, body: &Value) -> Value {
        let path = format!("/api/v1/bulletins/2023-2/{path}");
        let answer = api(&self.serving, who, ("POST", &path), body);
        assert!((200..300).contains(&answer.status), "{path}: {answer:?}");
        serde_json::from_str(&answer.body).unwrap_or_default()
    }

    /// Asks for work; its number.
    #[track_caller]
    fn begin(&self, who: &str, path: &str, body: &Value) -> i64 {
        let begun = self.post(who, path, body);
        begun["id"].as_i64().expect("a number")
    }

    /// What this node tells of work that came to its end.
    #[track_caller]
    fn told(&self, who: &str, id: i64) -> Value {
        let mut last = Value::Null;
        until("the work's end", || {
            last = self.get(who, &format!("work/{id}"));
            last["ended_at"].is_string()
        });
        last["outcome"].clone()
    }

    fn public(&self, path: &str) -> u16 {
        api(
            &self.serving,
            "Accept-Language: en",
            ("GET", path),
            &Value::Null,
        )
        .status
    }

    /// Whether a job's holder is this node.
    fn is(&self, holder: &str) -> bool {
        holder.contains(&format!("/{} ", self.serving.id()))
    }

    /// Takes the node's turn to change its workspace away: what it begins waits.
    fn stalled(&self) -> File {
        let file = File::options()
            .write(true)
            .open(self.folder.join("watchfire.lock"));
        let file = file.expect("the node made it");
        file.lock().expect("it can be locked");
        file
    }
}

/// Takes the issue's second revision to its approval.
fn approve(console: &Node, editor: &str, approver: &str) {
    let none = json!({});
    let found = console.post(editor, "check", &none);
    let found = found.as_array().expect("a list");
    if found.iter().any(|one| one["severity"] == "asks") {
        let answer = json!({ "finding": "all", "reason": "looked at" });
        console.post(approver, "acknowledge", &answer);
    }
    let review = json!({ "revision": 2, "word": "passes" });
    console.post(approver, "review", &review);
    console.post(approver, "approve", &json!({ "revision": 2 }));
}

#[test]
fn an_issue_that_one_console_asks_for_is_made_by_a_worker_and_public_on_all() {
    let Some(server) = cluster::shared() else {
        return;
    };
    let nodes = Nodes::with(server, CONFIGURATION.to_owned());
    let own = house(&nodes);
    let editor = token(&own, "wang", "view,edit,review,publish");
    let approver = token(&own, "chen", "view,review,approve");
    let _scheduler = nodes.start("scheduler");
    let mut workers = vec![Node::start(&nodes, "worker"), Node::start(&nodes, "worker")];
    let consoles = [
        Node::start(&nodes, "console"),
        Node::start(&nodes, "console"),
    ];
    let [one, other] = &consoles;
    let none = json!({});
    let job =
        |column: &str, id: i64| nodes.sql(&format!("SELECT {column} FROM job WHERE id = {id}"));

    let drafting = one.begin(&editor, "draft", &none);
    let drafted = other.told(&editor, drafting);
    assert_eq!(drafted["outcome"], "drafted", "{drafted}");
    assert_eq!(drafted["frozen"], true, "{drafted}");
    let by = job("leased_by", drafting);
    assert!(workers.iter().any(|worker| worker.is(&by)), "{by}");

    // A row that came late, so that counting anew gives another revision.
    let late = "seen,url\n2023-01-05 08:00:00,https://192.0.2.200/login\n";
    std::fs::write(nodes.shared().join("in/b.csv"), late).expect("a file can be written");
    until("it is taken in", || {
        own.run(&["--json", "status"]).exits(0).json()["events"] == 25
    });

    // Whoever has the job sleeps for longer than its lease: another does it, and the sleeper adds nothing.
    let holder = |workers: &[Node], id: i64| {
        // Noted when the worker has lease and name, and waits for its turn.
        until("a worker has it", || job("stage", id) == "waiting");
        let by = job("leased_by", id);
        let found = workers.iter().position(|worker| worker.is(&by));
        found.unwrap_or_else(|| panic!("{by} is no worker"))
    };
    let mut stalled: Vec<File> = workers.iter().map(Node::stalled).collect();
    let anew = json!({ "note": "counted anew", "refreeze": "rows came late" });
    let counting = one.begin(&editor, "draft", &anew);
    let sleeper = holder(&workers, counting);
    workers[sleeper].serving.signal("STOP");
    drop(stalled.remove(1 - sleeper));
    let counted = other.told(&editor, counting);
    assert_eq!(counted["revision"], 2, "{counted}");
    workers[sleeper].serving.signal("CONT");
    stalled.clear();
    std::thread::sleep(Duration::from_secs(4));
    assert_eq!(nodes.sql("SELECT max(revision) FROM issue"), "2");
    approve(other, &editor, &approver);

    // Whoever has the job dies before it has changed anything; meanwhile both tell of it, and nobody begins another.
    stalled.extend(workers.iter().map(Node::stalled));
    let forms = json!({ "forms": "html,json,csv,md" });
    let rendering = one.begin(&editor, "publish", &forms);
    let dies = holder(&workers, rendering);
    let told = other.get(&editor, &format!("work/{rendering}"));
    assert_eq!(
        (&told["kind"], &told["by"]),
        (&json!("publish"), &json!("wang"))
    );
    assert_eq!(told["ended_at"], Value::Null, "{told}");
    let path = "/api/v1/bulletins/2023-2/draft";
    let second = api(&other.serving, &editor, ("POST", path), &none).is(409);
    assert!(second.body.contains("under way"), "{second:?}");
    workers.remove(dies).serving.kill();
    stalled.clear();
    let public = other.told(&editor, rendering);
    assert_eq!(public["outcome"], "public", "{public}");
    let survivor = &workers[0];
    assert!(survivor.is(&job("leased_by", rendering)));
    let published = "SELECT count(*) FROM audit WHERE action = 'issue.publish'";
    assert_eq!(nodes.sql(published), "1");

    // Each console has the site, to the byte; the worker needs none.
    let page = "/issues/2023-2.zh.html";
    for console in &consoles {
        until("the page", || console.public(page) == 200);
    }
    let site = |console: &Node, folder: &str| console.folder.join("site").join(folder);
    for folder in ["", "issues"] {
        same_files(&site(one, folder), &site(other, folder));
    }
    assert!(!survivor.folder.join("site").exists());
    // One that is started later tells and serves the same.
    let third = Node::start(&nodes, "console");
    assert_eq!(third.told(&editor, rendering), public);
    assert_eq!(third.told(&editor, drafting), drafted);
    until("the page", || third.public(page) == 200);
    same_files(&site(one, ""), &site(&third, ""));

    // Taken back at one, it is gone from all; and what a rule forbids is an outcome, not a fault.
    let why = json!({ "zh": "数据有误", "en": "wrong data" });
    let taking = other.begin(&approver, "withdraw", &why);
    assert_eq!(one.told(&approver, taking)["outcome"], "public");
    for console in consoles.iter().chain([&third]) {
        until("the notice", || console.public(page) == 410);
    }
    let again = one.begin(&editor, "draft", &none);
    let refused = other.told(&editor, again);
    assert_eq!(refused["outcome"], "failed", "{refused}");
    assert!(refused.to_string().contains("is withdrawn"), "{refused}");
    assert_eq!(job("state", again), "done");
    assert_eq!(job("attempts", again), "1");
    own.run(&["audit", "verify"]).exits(0);
}
