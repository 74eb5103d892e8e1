//! Markings by hand: what a person marks, is told would leave, and hands over.

use serde_json::Value;

use crate::respond::{PARTIES, Post, configuration, report};
use crate::run::Bench;

#[test]
fn an_embargo_is_told_before_and_kept_at_every_exit_by_hand() {
    let post = Post::start();
    let bench = Bench::with(&configuration(post.at));
    bench.write(
        "in/a.csv",
        report(&["a.example".to_owned(), "b.example".to_owned()]),
    );
    bench.write("parties.csv", PARTIES);
    bench.write("shot.png", "not really");
    bench.run(&["ingest"]).exits(0);
    let import = ["orgs", "import", "parties.csv", "--source", "partners"];
    bench.run(&[&import[..], &["--apply"]].concat()).exits(0);
    bench.run(&["incidents", "triage"]).exits(0);
    bench
        .run(&["incidents", "validate", "1", "2", "--reason", "looked at"])
        .exits(0);
    let mark = |more: &[&str]| {
        let begin = ["incidents", "mark", "1", "--reason", "their mail"];
        bench.run(&[&begin[..], more].concat())
    };
    mark(&["--embargo", "2000-01-01"])
        .exits(1)
        .says("an embargo ends after now");
    mark(&["--embargo", "soon"]).exits(2);
    mark(&["--recipients", "Nobody"]).exits(2);
    let tomorrow = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24);
    let tomorrow = tomorrow.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    mark(&["--embargo", &tomorrow, "--originator", "Example Registrar"])
        .exits(0)
        .prints("embargo: until");
    mark(&["--embargo", "none"]).exits(1).says("consent only");
    bench
        .run(&["incidents", "show", "1"])
        .exits(0)
        .prints("Example Registrar");
    bench
        .run(&["route", "--dry-run", "1"])
        .exits(0)
        .prints("under embargo until");
    let preview = |number: &str| {
        bench
            .run(&["--json", "incidents", "preview", number])
            .exits(0)
            .json()
    };
    let kept = &preview("1")["parties"][0];
    assert_eq!(kept["leaves"], Value::Null, "{kept}");
    let why = kept["held"].as_str().unwrap();
    assert!(why.starts_with("under embargo until "), "{why}");
    let other = &preview("2")["parties"][0];
    assert_eq!(other["held"], Value::Null, "{other}");
    let leaves = &other["leaves"];
    assert_eq!(leaves["address"], "abuse@registrar.test");
    assert_eq!(leaves["language"], "en");
    assert_eq!(
        (&leaves["rows"], &leaves["tlp"]),
        (&1.into(), &"amber".into())
    );
    assert!(leaves["attachments"][0]["bytes"].as_u64().unwrap() > 0);
    bench
        .run(&["incidents", "preview", "2"])
        .exits(0)
        .prints("letter of")
        .prints("no evidence");
    // Nothing of a preview is stored.
    let none = bench.run(&["--json", "notices", "list"]).exits(0).json();
    assert_eq!(none, serde_json::json!([]));
    bench.run(&["route"]).exits(0);
    bench
        .run(&["notices", "write"])
        .exits(0)
        .prints("1 notices written for 1 directives")
        .says("1 directives wait because the marking");
    let source = ["--source", "photo of the screen"];
    bench
        .run(&[&["evidence", "add", "1", "shot.png"][..], &source].concat())
        .exits(0);
    let export = |more: &[&str]| {
        let begin = ["evidence", "export", "1", "--to", "1.zip", "--reason", "x"];
        bench.run(&[&begin[..], more].concat())
    };
    export(&[]).exits(1).says("under embargo until");
    let registrar = ["--recipient", "Example Registrar"];
    export(&registrar).exits(1).says("under embargo until");
    let named = ["--recipients", "Example Registrar"];
    mark(&named).exits(1).says("consent only");
    let agreed = ["--consent", "Li of theirs, mail of today"];
    mark(&[&named[..], &agreed].concat()).exits(0);
    export(&registrar).exits(0);
    assert!(bench.path().join("1.zip").is_file());
    // A named recipient is written to in the next round.
    bench
        .run(&["notices", "write"])
        .exits(0)
        .prints("1 notices written for 1 directives");
}
