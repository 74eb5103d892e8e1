//! The newsroom from outside: several people, one issue, from its plan to its withdrawal.

use std::fs;

use serde_json::Value;

use crate::run::{Bench, data, tree};

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

/// Forms that need no font.
const FORMS: &str = "html,json,csv,md,xlsx";

fn rows(day: &str, from: u32, count: u32) -> String {
    let mut text = String::from("seen,url\n");
    for n in from..from + count {
        let (a, b) = (n / 250, n % 250);
        text.push_str(&format!("{day} 08:00:00,https://192.0.{a}.{b}/login\n"));
    }
    text
}

/// A workspace with three weeks of data and three people.
fn house() -> Bench {
    let bench = Bench::with(CONFIGURATION);
    bench.write("in/a.csv", rows("2023-01-04", 0, 20));
    bench.write("in/b.csv", rows("2023-01-11", 5, 30));
    bench.write("in/c.csv", rows("2023-01-18", 8, 26));
    bench.run(&["ingest"]).exits(0);
    let users: [&[&str]; 4] = [
        &["users", "add", "li", "--role", "administrator"],
        &["users", "add", "wang", "--role", "editor", "--as", "li"],
        &["users", "add", "chen", "--role", "approver", "--as", "li"],
        &["users", "add", "zhao", "--role", "analyst", "--as", "li"],
    ];
    for user in users {
        bench.run(user).exits(0);
    }
    bench
}

/// Takes a drafted issue through check, review and approval to its publication.
fn publish(bench: &Bench, issue: &str, forms: &str) {
    let checked = bench.run(&["--json", "bulletin", "lint", issue, "--as", "wang"]);
    let found = checked.json();
    let blocking: Vec<&Value> = found["findings"]
        .as_array()
        .expect("a list")
        .iter()
        .filter(|finding| finding["finding"]["severity"] == "blocks")
        .collect();
    assert!(blocking.is_empty(), "{blocking:#?}");
    let reason = ["--reason", "looked at", "--as", "chen"];
    let mut acknowledge = vec!["bulletin", "acknowledge", issue, "all"];
    acknowledge.extend(reason);
    bench.run(&acknowledge).exits(0);
    bench
        .run(&["bulletin", "review", issue, "--as", "chen"])
        .exits(0);
    bench
        .run(&["bulletin", "approve", issue, "--as", "chen"])
        .exits(0)
        .says("is approved by chen");
    bench
        .run(&[
            "bulletin", "publish", issue, "--format", forms, "--as", "wang",
        ])
        .exits(0)
        .says("is public");
}

fn read(bench: &Bench, path: &str) -> String {
    let path = bench.path().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn an_issue_goes_from_its_plan_to_its_correction_and_its_withdrawal() {
    let bench = house();
    for week in ["2023-2", "2023-3"] {
        bench
            .run(&["bulletin", "draft", week, "--as", "zhao"])
            .exits(1)
            .says("needs the role editor");
        bench
            .run(&["bulletin", "draft", week, "--as", "wang"])
            .exits(0)
            .prints("frozen");
        if week == "2023-2" {
            publish(&bench, week, FORMS);
        }
    }
    // Prose cites figures; a bare number is found, and whoever wrote cannot sign.
    let prose = |zh: &str, en: &str| {
        format!(
            "[[block]]\nid = \"lead\"\nplace = \"lead\"\ntitle_zh = \"放马站点\"\ntitle_en = \"Hosting sites\"\nzh = \"{zh}\"\nen = \"{en}\"\n"
        )
    };
    bench.write(
        "bad.toml",
        prose("本周共发现30个地址。", "In all, 30 addresses were seen."),
    );
    let edit =
        |file: &str| bench.run(&["bulletin", "edit", "2023-3", "--file", file, "--as", "wang"]);
    let path = |name: &str| bench.path().join(name).to_string_lossy().into_owned();
    edit(&path("bad.toml")).exits(0);
    bench
        .run(&["bulletin", "draft", "2023-3", "--as", "wang"])
        .exits(0);
    bench
        .run(&["bulletin", "lint", "2023-3"])
        .exits(4)
        .prints("blocks");
    bench
        .run(&["bulletin", "review", "2023-3", "--as", "chen"])
        .exits(0);
    bench
        .run(&["bulletin", "approve", "2023-3", "--as", "chen"])
        .exits(1)
        .says("block it");
    bench.write(
        "good.toml",
        prose("本周发现{H2|个}地址。", "{H2} addresses were seen."),
    );
    edit(&path("good.toml")).exits(0);
    bench
        .run(&[
            "bulletin", "draft", "2023-3", "--note", "prose", "--as", "wang",
        ])
        .exits(0)
        .prints("revision 3");
    bench
        .run(&["bulletin", "approve", "2023-3", "--as", "wang"])
        .exits(1)
        .says("needs the role approver");
    bench
        .run(&["bulletin", "diff", "2023-3"])
        .exits(0)
        .prints("lead");
    publish(&bench, "2023-3", FORMS);
    let page = read(&bench, "site/issues/2023-3.zh.html");
    assert!(page.contains("放马站点") && page.contains("30个"), "{page}");
    assert!(bench.path().join("site/index.html").is_file());
    bench.run(&["bulletin", "verify", "2023-3"]).exits(0);

    // Late data change nothing that is public, and are proposed as a correction.
    let before = read(&bench, "site/issues/2023-3.json");
    bench.write("in/late.csv", rows("2023-01-12", 100, 4));
    bench.run(&["ingest"]).exits(0);
    bench
        .run(&["bulletin", "draft", "2023-3", "--as", "wang"])
        .exits(0)
        .prints("unchanged");
    let late = bench
        .run(&["--json", "bulletin", "late", "2023-3", "--as", "wang"])
        .exits(0)
        .json();
    let hosts = late
        .as_array()
        .expect("a list")
        .iter()
        .find(|row| row["value"] == "H2");
    let hosts = hosts.expect("H2 would be another");
    assert_eq!(
        (&hosts["printed"], &hosts["counted"]),
        (&"30".into(), &"34".into())
    );
    assert_eq!(read(&bench, "site/issues/2023-3.json"), before);
    bench.run(&["bulletin", "verify", "2023-3"]).exits(0);
    bench
        .run(&[
            "bulletin",
            "corrections",
            "2023-3",
            "--accept",
            "late sensor data",
            "--as",
            "wang",
        ])
        .exits(0);
    let redraft = [
        "bulletin",
        "draft",
        "2023-3",
        "--refreeze",
        "late sensor data",
        "--as",
        "wang",
    ];
    bench.run(&redraft).exits(1).says("must say what changed");
    let mut noted = redraft.to_vec();
    noted.extend(["--note", "H2 is 34, it was 30"]);
    bench.run(&noted).exits(0).prints("revision 4");
    bench
        .run(&["bulletin", "publish", "2023-3", "--as", "wang"])
        .exits(1)
        .says("is not approved");
    publish(&bench, "2023-3", FORMS);
    let page = read(&bench, "site/issues/2023-3.en.html");
    assert!(page.contains("H2 is 34, it was 30"), "{page}");

    // The next issue compares with what is public now, and says that it was corrected.
    bench
        .run(&["bulletin", "draft", "2023-4", "--as", "wang"])
        .exits(0);
    publish(&bench, "2023-4", FORMS);
    let json: Value = serde_json::from_str(&read(&bench, "site/issues/2023-4.json")).expect("JSON");
    let values = json["values"].as_array().expect("values");
    let hosts = values
        .iter()
        .find(|value| value["key"] == "H2")
        .expect("H2");
    assert_eq!(hosts["previous"]["exact"]["count"], 34, "{hosts}");
    assert!(
        json["notes"].to_string().contains("was corrected"),
        "{}",
        json["notes"]
    );

    // Taken back: a notice stands in its place, and it is no baseline any more.
    let withdraw = [
        "bulletin",
        "withdraw",
        "2023-3",
        "--zh",
        "数据源有误",
        "--en",
        "a source was wrong",
        "--as",
    ];
    let by = |login| [&withdraw[..], &[login]].concat();
    bench
        .run(&by("wang"))
        .exits(1)
        .says("needs the role approver");
    bench
        .run(&by("chen"))
        .exits(0)
        .prints("is withdrawn")
        .prints("WeChat");
    let page = read(&bench, "site/issues/2023-3.en.html");
    assert!(
        page.contains("a source was wrong") && !page.contains("addresses"),
        "{page}"
    );
    assert!(!bench.path().join("site/issues/2023-3.json").exists());
    bench
        .run(&["--json", "bulletin", "status", "2023-3"])
        .exits(0)
        .prints("\"withdrawn\"");
    let week = bench.run(&["--json", "week", "2023-4"]).exits(0).json();
    let values = week["values"].as_array().expect("values");
    let hosts = values
        .iter()
        .find(|value| value["key"] == "H2")
        .expect("H2");
    assert!(hosts["previous"].is_null(), "{hosts}");
    bench.run(&["audit", "verify"]).exits(0);
}

/// What `doctor` says under a heading: grade and message.
fn told(bench: &Bench, check: &str) -> (String, String) {
    let found = bench.run(&["--json", "doctor"]).json();
    let rows = found.as_array().expect("a list").clone();
    let one = rows.into_iter().find(|row| row["check"] == check);
    let one = one.unwrap_or_else(|| panic!("{check} is not there: {found}"));
    let text = |name: &str| one[name].as_str().unwrap_or_default().to_owned();
    (text("grade"), text("message"))
}

/// Files below a folder that hold these bytes.
fn holding(folder: &std::path::Path, bytes: &[u8]) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(holding(&path, bytes));
        } else if fs::read(&path).is_ok_and(|own| own == bytes) {
            found.push(path);
        }
    }
    found
}

#[test]
fn the_site_is_held_against_the_ledger_and_made_anew() {
    let bench = house();
    let draft = |issue: &str| {
        bench
            .run(&["bulletin", "draft", issue, "--as", "wang"])
            .exits(0);
    };
    draft("2023-2");
    bench
        .run(&["bulletin", "comment", "2023-2", "  ", "--as", "chen"])
        .exits(1)
        .says("a comment says something");
    publish(&bench, "2023-2", FORMS);
    assert_eq!(told(&bench, "site").0, "ok");
    let (grade, said) = told(&bench, "publications");
    assert!(
        grade == "ok" && said.contains("files of public issues present"),
        "{grade} {said}"
    );

    // Somebody wrote over a page.
    let home = read(&bench, "site/index.en.html");
    bench.write(
        "site/index.en.html",
        home.replace("Example Centre", "Another Centre"),
    );
    let (grade, said) = told(&bench, "site");
    assert!(
        grade == "error" && said.contains("index.en.html: is not what was published"),
        "{grade} {said}"
    );
    bench.run(&["bulletin", "site"]).exits(0);
    assert_eq!(read(&bench, "site/index.en.html"), home);
    assert_eq!(told(&bench, "site").0, "ok");

    // The site is whole by its own list, and not what the ledger would publish.
    bench.write(
        "watchfire.toml",
        CONFIGURATION.replace("Example Centre", "Sample Centre"),
    );
    let (grade, said) = told(&bench, "site");
    assert!(
        grade == "error" && said.contains("is not what would be written now"),
        "{grade} {said}"
    );
    bench.run(&["bulletin", "site"]).exits(0);
    assert!(read(&bench, "site/index.en.html").contains("Sample Centre"));
    assert_eq!(told(&bench, "site").0, "ok");

    // A file of a public issue that is not kept any more.
    let page = fs::read(bench.path().join("site/issues/2023-2.en.html")).expect("a page");
    let kept = holding(&bench.path().join("blobs"), &page);
    let aside = bench.path().join("aside");
    assert_eq!(kept.len(), 1, "{kept:?}");
    fs::rename(&kept[0], &aside).expect("moved");
    let (grade, said) = told(&bench, "publications");
    assert!(
        grade == "error" && said.contains("2023-2.en.html: is not kept any more"),
        "{grade} {said}"
    );
    fs::rename(&aside, &kept[0]).expect("moved back");
    assert_eq!(told(&bench, "publications").0, "ok");

    // The signer stands in the row and in the trail; whoever writes over the row is found.
    bench
        .run(&["bulletin", "verify", "2023-2"])
        .exits(0)
        .prints("signed by chen, as the audit trail says");
    let sign = |by: &str| {
        let sql = format!("update issue set approved_by = '{by}' where state = 'approved'");
        crate::rederive::sql(&bench.path().join("ledger.db"), &sql);
    };
    sign("wang");
    bench
        .run(&["bulletin", "verify", "2023-2"])
        .exits(4)
        .prints("the row says that wang signed it, the audit trail that chen did");
    sign("chen");

    // An open draft keeps an issue from being put away.
    bench.write(
        "prose.toml",
        "[[block]]\nid = \"note\"\nplace = \"note\"\ntitle_zh = \"说明\"\ntitle_en = \"Note\"\nzh = \"另有说明。\"\nen = \"A note.\"\n",
    );
    let prose = bench
        .path()
        .join("prose.toml")
        .to_string_lossy()
        .into_owned();
    bench
        .run(&[
            "bulletin", "edit", "2023-2", "--file", &prose, "--as", "wang",
        ])
        .exits(0);
    bench
        .run(&[
            "bulletin", "draft", "2023-2", "--note", "a note", "--as", "wang",
        ])
        .exits(0)
        .prints("revision 2");
    let archive = ["bulletin", "archive", "2023-2", "--as", "chen"];
    bench
        .run(&archive)
        .exits(1)
        .says("newer revision that is not public");
    publish(&bench, "2023-2", FORMS);
    bench.run(&archive).exits(0);

    // Taken back twice: the second time finishes what the first may have left.
    let withdraw = [
        "bulletin", "withdraw", "2023-2", "--zh", "有误", "--en", "wrong", "--as", "chen",
    ];
    bench.run(&withdraw).exits(0).prints("is withdrawn");
    fs::remove_file(bench.path().join("site/issues/2023-2.en.html")).expect("removed");
    assert_eq!(told(&bench, "site").0, "error");
    bench.run(&["bulletin", "site"]).exits(0);
    bench.run(&withdraw).exits(0).prints("is withdrawn");
    assert!(read(&bench, "site/issues/2023-2.en.html").contains("wrong"));
    bench
        .run(&["audit", "list", "--action", "issue.withdraw"])
        .exits(0)
        .prints("chen");
}

#[test]
fn what_is_not_for_everybody_is_not_published() {
    let bench = house();
    bench.write(
        "watchfire.toml",
        CONFIGURATION.replace("[series]\n", "[series]\ntlp = \"TLP:GREEN\"\n"),
    );
    bench
        .run(&["bulletin", "draft", "2023-2", "--as", "wang"])
        .exits(0);
    bench.run(&["bulletin", "lint", "2023-2", "--as", "wang"]);
    bench.run(&[
        "bulletin",
        "acknowledge",
        "2023-2",
        "all",
        "--reason",
        "looked at",
        "--as",
        "chen",
    ]);
    for step in ["review", "approve"] {
        bench
            .run(&["bulletin", step, "2023-2", "--as", "chen"])
            .exits(0);
    }
    bench
        .run(&[
            "bulletin", "publish", "2023-2", "--format", FORMS, "--as", "wang",
        ])
        .exits(1)
        .says("TLP:GREEN: the site is for everybody");
    assert!(!bench.path().join("site").exists());
}

/// The acceptance of the newsroom: real feeds, two people, one site.
#[test]
fn the_founding_week_goes_from_ingest_to_a_published_site() {
    let Some(data) = data() else { return };
    let configuration = fs::read_to_string(tree().join("examples/founding-week/watchfire.toml"))
        .expect("the example is there");
    let bench = Bench::with(&configuration).set("WATCHFIRE_DATA", &data.to_string_lossy());
    bench.run(&["ingest"]).exits(0);
    for issue in ["2022-52", "2023-1", "2023-2", "2023-3"] {
        bench
            .run(&["bulletin", "draft", issue, "--as", "wang"])
            .exits(0);
        let forms = match issue {
            "2023-3" => "html,pdf,json,csv,svg,png,docx,xlsx,md,wechat,mail,card",
            _ => FORMS,
        };
        publish(&bench, issue, forms);
    }
    for file in [
        "zh.html",
        "en.html",
        "zh.pdf",
        "en.docx",
        "zh.xlsx",
        "en.md",
        "json",
        "card.zh.png",
    ] {
        let path = bench.path().join(format!("site/issues/2023-3.{file}"));
        assert!(path.is_file(), "{}", path.display());
    }
    bench.run(&["bulletin", "verify", "2023-3"]).exits(0);
    // Publishing again changes no byte.
    let sums = read(&bench, "site/BLAKE3SUMS");
    bench
        .run(&["bulletin", "publish", "2023-3", "--as", "wang"])
        .exits(0);
    assert_eq!(read(&bench, "site/BLAKE3SUMS"), sums);
}
