//! Casework from outside: grades and clocks, campaigns, incidents that move in, imports of parties with
//! approval and rollback, contacts, and registration data that is off.

use crate::run::{Bench, data};

const CONFIGURATION: &str = r#"
[workspace]
name = "casework"
zone = "Asia/Shanghai"

[series]
id = "casework"
title_zh = "周报"
title_en = "Weekly"
organization_zh = "示例"
organization_en = "Example"
scheme = "sunday-ordinal"
"#;

const OLD: &str = "number,kind,what,opened,noticed,closed,resolution,owner,host,ip,brand\n\
    RT-17,phishing,old page,2019-05-01 08:00,2019-05-01 09:00,2019-05-02,taken-down,31,a.example.com,192.0.2.1,Example Bank\n\
    RT-18,phishing,open page,2019-05-03 08:00,,,,,b.example.com,192.0.2.1,Example Bank\n\
    RT-19,phishing,open page too,2019-05-04 08:00,,,,,c.example.com,192.0.2.1,Example Bank\n";

fn bench() -> Bench {
    let bench = Bench::with(CONFIGURATION).set("USER", "li");
    bench.write("old.csv", OLD);
    bench
}

#[test]
fn calendars_say_where_they_are_from_and_what_is_not_confirmed() {
    let bench = bench();
    bench
        .run(&["orgs", "calendar", "cn"])
        .exits(0)
        .prints("2026-02-15..2026-02-23")
        .prints("国务院办公厅关于2026年部分节假日安排的通知")
        .prints("unconfirmed: inactive");
    let all = bench.run(&["--json", "orgs", "calendar"]).exits(0).json();
    assert_eq!(all[0]["country"], "CN");
    bench
        .run(&["orgs", "calendar", "ZZ"])
        .exits(0)
        .says("Saturday and Sunday");
}

#[test]
fn a_table_of_complaints_is_looked_at_and_then_filed_once() {
    let bench = bench();
    bench.write(
        "list.csv",
        "编号,网址,类别,举报时间\n1,hxxps://a.bad[.]example/login,仿冒,2026-11-01 08:00\n2,没有地址,仿冒,\n",
    );
    let preview = ["inbox", "import", "list.csv", "--preview"];
    bench
        .run(&preview)
        .exits(4)
        .prints("a.bad.example")
        .prints("1 complaints would be filed, 0 stand there twice, 1 rows are none")
        .says("line 3");
    let count = || {
        let all = bench
            .run(&["--json", "inbox", "complaints"])
            .exits(0)
            .json();
        all.as_array().map(Vec::len)
    };
    assert_eq!(count(), Some(0), "a preview stores nothing");
    bench
        .run(&["inbox", "import", "list.csv"])
        .exits(4)
        .prints("1 complaints filed, 0 were there already");
    bench
        .run(&["inbox", "import", "list.csv"])
        .exits(4)
        .prints("0 complaints filed, 1 were there already");
    assert_eq!(count(), Some(1));
    bench.write("other.csv", "Fundstelle;Art\nhttps://b.bad.example/;\n");
    bench
        .run(&["inbox", "import", "other.csv"])
        .exits(1)
        .says("Fundstelle");
    bench
        .run(&[
            "inbox",
            "import",
            "other.csv",
            "--map",
            "url=Fundstelle",
            "--kind",
            "phishing",
        ])
        .exits(0)
        .prints("1 complaints filed");
    bench
        .run(&["inbox", "import", "other.csv", "--map", "wizard=x"])
        .exits(2)
        .says("is no name of a column");
}

#[test]
fn old_incidents_move_in_are_worked_on_and_move_out() {
    let bench = bench();
    bench
        .run(&["incidents", "import", "old.csv", "--name", "rt", "--apply"])
        .exits(0)
        .says("3 incidents moved in; no clock started, nothing is sent: 1 ended");
    // Again: known. A preview stores nothing.
    bench
        .run(&["incidents", "import", "old.csv", "--name", "rt"])
        .exits(0)
        .says("0 incidents would move in; --apply does it: 0 ended, 3 there already");
    bench
        .run(&["incidents", "import", "old.csv", "--name", "other"])
        .exits(0)
        .prints("RT-17");
    let listed = bench.run(&["incidents", "list", "--json"]).exits(0).json();
    assert_eq!(listed.as_array().map(Vec::len), Some(3));
    bench
        .run(&["incidents", "show", "RT-17"])
        .exits(0)
        .prints("2019-05-01 08:00")
        .prints("closed: taken-down")
        .prints("31");
    let clocks = bench
        .run(&["incidents", "clocks", "--json"])
        .exits(0)
        .json();
    assert_eq!(clocks["clocks"].as_array().map(Vec::len), Some(0));
    assert!(bench.run(&["notices", "list"]).exits(0).stdout.is_empty());

    bench.run(&["incidents", "note", "RT-18", "seen"]).exits(0);
    bench
        .run(&["incidents", "rollback", "rt"])
        .exits(0)
        .prints("2 incidents of rt are out")
        .says("stays: somebody worked on it since");
    bench.run(&["incidents", "rollback", "none"]).exits(2);
    bench.run(&["audit", "verify"]).exits(0);
}

#[test]
fn a_grade_starts_a_clock_that_a_person_stops() {
    let bench = bench();
    bench
        .run(&["incidents", "import", "old.csv", "--name", "rt", "--apply"])
        .exits(0);
    let grade = |more: &[&str]| {
        let mut line = vec!["incidents", "grade", "2"];
        line.extend(more);
        bench.run(&line)
    };
    grade(&["--importance", "important"]).exits(2);
    grade(&["--importance", "huge", "--dry-run"])
        .exits(2)
        .says("especially-important");
    grade(&["--measure", "yuan=20000000", "--dry-run"])
        .exits(0)
        .says("guide-2025/II-yuan would give II and does not decide: it is remembered");
    let done = grade(&[
        "--importance",
        "important",
        "--loss",
        "especially-severe",
        "--operator",
        "state-organ",
        "--reason",
        "portal is down",
    ])
    .exits(0);
    done.says("#2 grade II 重大, 1 clocks started")
        .prints("cn-2025/state-organ is due");
    bench
        .run(&["incidents", "show", "2"])
        .exits(0)
        .prints("gbz-20986-2007/II-important");
    bench
        .run(&["incidents", "clocks"])
        .exits(0)
        .prints("own cyberspace unit")
        .prints("left");
    bench
        .run(&["incidents", "clock", "stop", "1", "--reason", " "])
        .exits(1);
    bench
        .run(&[
            "incidents",
            "clock",
            "stop",
            "1",
            "--reason",
            "told by telephone",
        ])
        .exits(0)
        .says("is done in time")
        .prints("cn-2025/state-organ-onward is due");
    bench
        .run(&[
            "incidents",
            "clock",
            "waive",
            "2",
            "--reason",
            "told together",
        ])
        .exits(0)
        .says("is waived");
    bench
        .run(&["incidents", "clocks"])
        .exits(0)
        .says("no clock runs");
    bench
        .run(&["incidents", "clocks", "2", "--all"])
        .exits(0)
        .prints("waived");
    bench.run(&["audit", "verify"]).exits(0);
}

#[test]
fn the_report_of_a_duty_is_printed_and_changes_nothing() {
    let bench = bench();
    bench
        .run(&["incidents", "import", "old.csv", "--name", "rt", "--apply"])
        .exits(0);
    bench
        .run(&["incidents", "form", "2"])
        .exits(1)
        .says("no clock runs whose report could be meant")
        .says("incidents grade 2");
    bench
        .run(&[
            "incidents",
            "grade",
            "2",
            "--importance",
            "important",
            "--loss",
            "especially-severe",
            "--operator",
            "state-organ",
            "--measure",
            "persons-data=2000000",
            "--reason",
            "portal is <down>",
        ])
        .exits(0);
    let trail = || {
        let all = bench.run(&["--json", "audit", "list"]).exits(0).json();
        all.as_array().map(Vec::len)
    };
    let before = trail();
    bench
        .run(&["incidents", "form", "2", "--lang", "en"])
        .exits(0)
        .prints("Report of a network security incident")
        .prints("Reported to: own cyberspace unit")
        .prints("Level *: II")
        .prints("persons whose data got out: 2000000")
        .prints("b[.]example[.]com")
        .prints("Contact: ____")
        .prints("* unconfirmed");
    bench
        .run(&["incidents", "form", "2", "--lang", "zh", "--out", "2.html"])
        .exits(0)
        .says("written: 2.html");
    let page = std::fs::read_to_string(bench.path().join("2.html")).expect("it was written");
    assert!(
        page.contains("<h1>网络安全事件报告表</h1>") && page.contains("size:A4"),
        "{page}"
    );
    assert!(
        !page.contains("<down>") && !page.contains("<script") && !page.contains("://"),
        "{page}"
    );
    // A duty that no clock runs for is printed where it is named.
    let form = bench
        .run(&[
            "incidents",
            "form",
            "2",
            "--law",
            "nis2",
            "--duty",
            "early-warning",
            "--lang",
            "en",
            "--json",
        ])
        .exits(0)
        .json();
    assert_eq!(form["title"], "NIS2 early warning");
    let due = form["rows"]
        .as_array()
        .and_then(|rows| rows.iter().find(|row| row["from"] == "due"))
        .expect("it has a row for its time");
    assert_eq!(due["lines"], serde_json::json!([]));
    bench
        .run(&["incidents", "form", "2", "--law", "nis2", "--duty", "late"])
        .exits(1)
        .says("early-warning, notification, final-report");
    assert_eq!(trail(), before, "printing is not recorded");
}

#[test]
fn a_campaign_is_proposed_opened_decided_once_and_said() {
    let bench = bench();
    bench
        .run(&["incidents", "import", "old.csv", "--name", "rt", "--apply"])
        .exits(0);
    bench
        .run(&["incidents", "campaign", "propose", "--days", "36500"])
        .exits(0)
        .prints("192.0.2.1");
    bench
        .run(&[
            "incidents",
            "campaign",
            "new",
            "kit 7",
            "2",
            "3",
            "--reason",
            "same kit",
        ])
        .exits(0)
        .says("has 2 incidents");
    bench
        .run(&["incidents", "list"])
        .exits(0)
        .says("campaign kit 7 makes up 2 of 3 (66 %) of all");
    bench
        .run(&[
            "incidents",
            "campaign",
            "validate",
            "kit 7",
            "--reason",
            "pages looked at",
        ])
        .exits(0)
        .says("2 incidents of kit 7 are validated");
    let of = bench
        .run(&["incidents", "list", "--campaign", "kit 7", "--json"])
        .exits(0)
        .json();
    assert_eq!(of.as_array().map(Vec::len), Some(2));
    bench
        .run(&["incidents", "campaign", "list"])
        .exits(0)
        .prints("same kit");
    bench
        .run(&[
            "incidents",
            "campaign",
            "remove",
            "kit 7",
            "1",
            "--reason",
            "x",
        ])
        .exits(0)
        .says("0 incidents left kit 7");
    bench
        .run(&[
            "incidents",
            "campaign",
            "add",
            "kit 7",
            "1",
            "--reason",
            "same kit",
        ])
        .exits(0);
    bench
        .run(&["incidents", "campaign", "show", "kit 7"])
        .exits(0)
        .prints("old page");
    bench
        .run(&[
            "incidents",
            "campaign",
            "close",
            "kit 7",
            "--reason",
            "over",
        ])
        .exits(0);
    bench
        .run(&["incidents", "campaign", "show", "kit 9"])
        .exits(2);
    let event = "0".repeat(32);
    bench
        .run(&[
            "incidents",
            "split",
            "2",
            "--events",
            &event,
            "--what",
            "x",
            "--reason",
            "y",
        ])
        .exits(1)
        .says("did not join it");
}

const PARTIES: &str = "name_en,name_zh,roles,country,province,zone,language,interval_hours,channel,address,format,rung,hours,scope,value\n\
    Example Registrar,,registrar,,,,,,mail,abuse@example.com,,,,registrar-id,9999\n";

#[test]
fn parties_are_imported_approved_and_undone_and_contacts_kept() {
    let bench = bench();
    bench.write("one.csv", PARTIES);
    let import = |file: &str, more: &[&str]| {
        let mut line = vec!["orgs", "import", file, "--source", "list"];
        line.extend(more);
        bench.run(&line)
    };
    import("one.csv", &["--apply"])
        .exits(0)
        .says("1 changes made");
    bench.write(
        "two.csv",
        format!("{PARTIES}Example Net,,network-operator,,,,,,mail,noc@example.com,,,,prefix,192.0.2.0/24\n"),
    );
    import("two.csv", &[])
        .exits(0)
        .says("--approve is needed: 1 changes are more than 10 %");
    import("two.csv", &["--apply"])
        .exits(1)
        .says("waits for an approval");
    import("two.csv", &["--apply", "--approve", "their letter"]).exits(0);
    bench
        .run(&["orgs", "rollback", "list"])
        .exits(0)
        .prints("1 organizations");
    bench.run(&["orgs", "list"]).exits(0).prints("ended");

    // What a person enters wins.
    bench
        .run(&[
            "contacts",
            "add",
            "Example Registrar",
            "desk@example.com",
            "--hours",
            "Mon-Fri 09:00-18:00",
        ])
        .exits(0);
    bench
        .run(&["contacts", "add", "Example Registrar", "no address"])
        .exits(2);
    bench
        .run(&[
            "contacts",
            "add",
            "Example Registrar",
            "x@example.com",
            "--hours",
            "always",
        ])
        .exits(2);
    bench.write("key.asc", "no key");
    bench
        .run(&[
            "contacts",
            "add",
            "Example Registrar",
            "x@example.com",
            "--pgp-key",
            "key.asc",
        ])
        .exits(1)
        .says("cannot be read");
    let listed = bench.run(&["contacts", "list", "--json"]).exits(0).json();
    let id = listed.as_array().expect("a list").iter();
    let id = id.filter(|one| one["contact"]["address"] == "desk@example.com");
    let id = id
        .map(|one| one["contact"]["id"].as_str().expect("text"))
        .next()
        .expect("is there");
    bench
        .run(&["contacts", "edit", id, "--opt-out", "--reason", "asked"])
        .exits(0);
    bench
        .run(&["contacts", "list"])
        .exits(0)
        .prints("opted out");
    bench.write("three.csv", PARTIES.replace("abuse@", "new@"));
    import("three.csv", &["--apply"]).says(
        "not done, a person made the entry: + Example Registrar: contact mail new@example.com",
    );
    bench.run(&["audit", "verify"]).exits(0);
}

#[test]
fn published_lists_are_read() {
    let bench = bench();
    bench.write(
        "ids.csv",
        "\"ID\",Registrar Name,Status,RDAP Base URL\n9997,\"Example, Inc.\",Accredited,\n9998,Gone,Terminated,\n",
    );
    bench
        .run(&[
            "orgs",
            "import",
            "ids.csv",
            "--kind",
            "iana-registrars",
            "--source",
            "iana",
            "--apply",
        ])
        .exits(0)
        .says("1 changes made");
    bench
        .run(&[
            "orgs", "import", "ids.csv", "--kind", "whois", "--source", "iana",
        ])
        .exits(2)
        .says("iana-registrars");
    bench.write(
        "csirts.json",
        r#"[{"country":"South Korea","name":"CERT-X","email":"cert@example.com"},
            {"country":"France","name":"CERT-Y","email":"cert@example.org"}]"#,
    );
    bench
        .run(&[
            "orgs",
            "import",
            "csirts.json",
            "--kind",
            "csirts",
            "--source",
            "csirts",
            "--apply",
        ])
        .exits(0)
        .says("2 changes made");
    bench
        .run(&["orgs", "show", "CERT-X"])
        .exits(0)
        .prints("answers for country KR");
    let Some(data) = data() else { return };
    for (kind, file) in [
        ("iana-registrars", "geo/registrar/registrar-ids-1.csv"),
        ("csirts", "geo/csirt/certopedia_certs.json"),
    ] {
        let file = data.join(file);
        let file = file.to_str().expect("a path in UTF-8");
        let line = [
            "orgs", "import", file, "--kind", kind, "--source", "real", "--json",
        ];
        let read = bench.run(&line).exits(0).json();
        let unusable = read["unusable"].as_array().map(Vec::len);
        assert_eq!(unusable, Some(0), "{kind}");
        assert!(
            read["changes"].as_array().is_some_and(|all| all.len() > 10),
            "{kind}"
        );
    }
}

#[test]
fn registration_data_is_off_and_needs_its_files() {
    let bench = bench();
    bench.run(&["route"]).exits(0).prints("0 incidents decided");
    let on = format!("{CONFIGURATION}\n[response]\nrdap = true\n");
    let open = Bench::with(&on);
    open.run(&["route"]).exits(3).says("dns.json");
    let missing = on.replace("true\n", "true\nrdap_bootstrap = [\"dns.json\"]\n");
    let missing = Bench::with(&missing);
    missing.run(&["route"]).exits(1).says("dns.json");
    missing.write("dns.json", "{}");
    missing.run(&["route"]).exits(1).says("RFC 9224");
    missing.write(
        "dns.json",
        r#"{"services":[[["test"],["https://rdap.test/"]]]}"#,
    );
    missing
        .run(&["route"])
        .exits(0)
        .prints("0 incidents decided");
}
