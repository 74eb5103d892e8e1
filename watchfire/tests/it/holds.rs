//! Legal holds on incidents and parties from outside: rules, reading again and rollbacks leave what they cover.

use std::net::SocketAddr;

use crate::respond::{PARTIES, configuration, report};
use crate::run::Bench;

const RULES: &str = r#"
[[retention]]
name = "at once"
what = "events"
keep_days = 0
"#;

/// Two reports of a page each, an incident each, of which the first asks a party.
fn bench() -> Bench {
    let nowhere = SocketAddr::from(([127, 0, 0, 1], 1));
    let bench = Bench::with(&format!("{}{RULES}", configuration(nowhere)));
    bench.write("in/a.csv", report(&["a.example".to_owned()]));
    bench.run(&["ingest"]).exits(0);
    bench.run(&["incidents", "triage"]).exits(0);
    bench.write("in/b.csv", report(&["b.example".to_owned()]));
    bench.run(&["ingest"]).exits(0);
    bench.run(&["incidents", "triage"]).exits(0);
    bench.write("parties.csv", PARTIES);
    bench
        .run(&["orgs", "import", "parties.csv", "--source", "partners"])
        .exits(0);
    bench
        .run(&[
            "orgs",
            "import",
            "parties.csv",
            "--source",
            "partners",
            "--apply",
        ])
        .exits(0);
    bench
}

fn add(bench: &Bench, what: &[&str]) -> crate::run::Done {
    let mut all = vec!["hold", "add", "--reason", "case 17", "--by", "li.na"];
    all.extend(what);
    bench.run(&all)
}

/// Events over and held by the one rule.
fn sums(bench: &Bench, act: &str) -> (u64, u64) {
    let due = bench.run(&["--json", "retention", act]).exits(0).json();
    let of = |what: &str| {
        let rows = due.as_array().expect("a list").iter();
        rows.map(|row| row[what].as_u64().expect("a number")).sum()
    };
    (of("count"), of("held"))
}

#[test]
fn what_joined_a_held_incident_is_neither_taken_nor_read_again() {
    let bench = bench();
    add(&bench, &["--incident", "99"])
        .exits(1)
        .says("incidents list");
    add(&bench, &["--incident", "nothing"])
        .exits(2)
        .says("incidents list");
    add(&bench, &["--incident", "1", "--feed", "phish"]).exits(2);
    add(&bench, &["--party", "Nobody"])
        .exits(2)
        .says("is not in the register");
    assert_eq!(sums(&bench, "preview"), (2, 0));
    add(&bench, &["--incident", "1"]).exits(0).prints("1");
    assert_eq!(sums(&bench, "preview"), (1, 1));
    bench.run(&["hold", "list"]).exits(0).prints("incident #1");
    bench
        .run(&["incidents", "show", "1"])
        .exits(0)
        .prints("1: case 17");
    let again = bench.run(&["ingest", "--again", "phish"]).exits(0);
    assert_eq!(again.stderr.matches("a legal hold covers it").count(), 1);
    assert_eq!(sums(&bench, "apply"), (1, 1));
    let left = bench
        .run(&["--json", "query", "select source_url from events"])
        .exits(0)
        .stdout;
    assert!(left.contains("a.example") && !left.contains("b.example"));
    bench.run(&["lake", "check", "--deep"]).exits(0);
    bench
        .run(&[
            "hold", "release", "1", "--reason", "closed", "--by", "wang.wei",
        ])
        .exits(0);
    assert_eq!(sums(&bench, "apply"), (1, 0));
    bench.run(&["audit", "verify"]).exits(0);
}

#[test]
fn a_held_party_covers_what_it_is_asked_about_later() {
    let bench = bench();
    add(&bench, &["--party", "Example Registrar"]).exits(0);
    assert_eq!(sums(&bench, "preview"), (2, 0), "it was asked for nothing");
    bench
        .run(&["incidents", "validate", "1", "--reason", "looked at"])
        .exits(0);
    bench.run(&["route"]).exits(0);
    assert_eq!(sums(&bench, "preview"), (1, 1));
    bench
        .run(&["hold", "list"])
        .exits(0)
        .prints("party Example Registrar");
}
