//! Rules on one event: every operator and action, faults with their place, and hostile scripts.

use model::field::Field;
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;

/// 2023-01-09 08:00 UTC.
const RECEIVED: Timestamp = Timestamp(1_673_251_200_000_000);

/// The event that most cases are about.
fn event() -> Json {
    json!({
        "classification.type": "c2-server", "classification.identifier": "tracker",
        "source.ip": "192.0.2.17", "source.port": 443, "source.fqdn": "www.example.com",
        "source.url": "http://www.example.com/a?b", "source.asn": 64_496, "feed.accuracy": 80.5,
        "time.source": "2023-01-08T10:00:00+00:00", "comment": "seen \"twice\"",
        "extra.tries": 3, "extra.list": ["a", "b", 3], "extra.live": true, "source.tor_node": false,
        "extra.os.name": "Linux", "malware.name": "mirai", "feed.name": "Example Feed",
    })
}

fn record(event: &Json) -> Record {
    let mut record = Record::new();
    let utc = jiff::tz::TimeZone::UTC;
    for (key, value) in event.as_object().expect("an object") {
        formats::intelmq::read::assign(&mut record, key, value, &utc).expect("a value of its key");
    }
    record
}

fn source() -> Source {
    let entry = json!({
        "name": "test", "provider": "Example", "format": "intelmq", "zone": "UTC", "licence": "none",
        "title": "Example Feed",
    });
    Source::compile(serde_json::from_value(entry).expect("an entry")).expect("a good entry")
}

fn compile(name: &str, text: &str) -> Result<Rules, Vec<Fault>> {
    Rules::compile(&[(name.to_owned(), text.to_owned())])
}

/// What the rules make of a record, in IntelMQ's form without facts of receipt.
fn run(rules: &Rules, row: &Record) -> Result<Json, (RejectReason, String)> {
    let enricher = Enricher::new(Arc::new(reference::Tables::empty()));
    let (mut scratch, mut out) = (Scratch::default(), Record::new());
    let ruled = rules.apply(row, &source(), RECEIVED, &enricher, &mut scratch, &mut out)?;
    let mut event = formats::intelmq::event(ruled, &Header::default());
    event.remove("feed.name").filter(|name| name != "");
    event.remove("classification.taxonomy");
    Ok(json!(event))
}

fn sieve(text: &str) -> Result<Json, (RejectReason, String)> {
    let rules = compile("a.sieve", text).unwrap_or_else(|faults| panic!("{text}: {faults:?}"));
    run(&rules, &record(&event()))
}

fn holds(condition: &str) -> bool {
    let hit = sieve(&format!("if {condition} {{ add! comment = 'hit' }}"));
    hit.unwrap_or_else(|why| panic!("{condition}: {why:?}"))["comment"] == "hit"
}

#[test]
fn every_operator() {
    for (condition, expected) in [
        ("source.fqdn == 'www.example.com'", true),
        ("source.fqdn == \"www.example.org\"", false),
        ("source.fqdn != 'www.example.org'", true),
        ("destination.fqdn != 'www.example.org'", true),
        ("destination.fqdn == 'www.example.org'", false),
        ("source.port == '443'", false),
        ("source.port == 443", true),
        ("source.port != 80", true),
        ("destination.port != 80", false),
        ("source.port < 444", true),
        ("source.port > 443", false),
        ("source.port >= 443 && source.port <= 443", true),
        ("feed.accuracy > 80.4", true),
        ("extra.tries > 2", true),
        ("source.port :in [80, 443]", true),
        ("source.port :in [80]", false),
        ("malware.name :in ['mirai', 'other']", true),
        ("destination.fqdn :in ['a']", false),
        ("source.url :contains 'example.com/a'", true),
        ("source.port :contains '44'", true),
        ("source.url :containsany ['x', '?b']", true),
        ("source.url =~ '^http://[a-z.]+/'", true),
        ("source.url =~ '^https'", false),
        ("source.url !~ '^https'", true),
        ("destination.url !~ 'x'", true),
        ("source.url :regexin ['^ftp', 'b$']", true),
        ("source.ip << '192.0.2.0/24'", true),
        ("source.ip << '192.0.2.5/24'", true),
        ("source.ip << ['198.51.100.0/24', '2001:db8::/32']", false),
        ("source.fqdn << '192.0.2.0/24'", false),
        ("source.ip == '192.0.2.17'", true),
        (":exists source.ip", true),
        (":exists destination.ip", false),
        (":notexists destination.ip", true),
        (":exists extra", true),
        ("time.source :before '2023-01-09'", true),
        ("time.source :after '2023-01-08T09:59:59+00:00'", true),
        ("time.source :before '21 hours'", true),
        ("time.source :before '1 day'", false),
        ("time.source :after '1 week'", true),
        ("comment :after '1 week'", false),
        ("extra.list :equals ['a', 'b', 3]", true),
        ("extra.list :equals ['b', 'a', 3]", false),
        ("extra.list :setequals ['b', 3, 'a', 'a']", true),
        ("extra.list :overlaps ['x', 'b']", true),
        ("extra.list :subsetof ['a', 'b', 3, 4]", true),
        ("extra.list :subsetof ['a']", false),
        ("extra.list :supersetof ['a']", true),
        ("extra.list :supersetof []", true),
        ("comment :equals ['a']", false),
        ("extra.live == true", true),
        ("extra.live != True", false),
        ("source.tor_node == false", true),
        ("source.ip == true", false),
        ("! source.port == 443", false),
        ("!(source.port == 80 || source.port == 443)", false),
        (
            "source.port == 80 || source.port == 443 && malware.name == 'x'",
            false,
        ),
        (
            "(source.port == 80 || source.port == 443) && malware.name == 'mirai'",
            true,
        ),
        ("comment == 'seen \"twice\"'", true),
        ("comment == \"seen \\\"twice\\\"\"", true),
        ("extra.os.name == 'Linux'", true),
        ("feed.name == 'Example Feed'", true),
        ("tries == 3", true),
    ] {
        assert_eq!(holds(condition), expected, "{condition}");
    }
}

#[test]
fn every_action() {
    let changed = |text: &str, key: &str| {
        let event = sieve(text).unwrap_or_else(|why| panic!("{text}: {why:?}"));
        event.get(key).cloned().unwrap_or(Json::Null)
    };
    for (text, key, expected) in [
        ("add status = 'new'", "status", json!("new")),
        ("add malware.name = 'new'", "malware.name", json!("mirai")),
        ("add! malware.name = 'NEW '", "malware.name", json!("new")),
        ("add! malware.name = ''", "malware.name", json!(null)),
        ("update malware.name = 'new'", "malware.name", json!("new")),
        ("update status = 'new'", "status", json!(null)),
        ("remove malware.name", "malware.name", json!(null)),
        ("remove extra.tries", "extra.tries", json!(null)),
        ("remove extra", "extra.os.name", json!(null)),
        (
            "update time.source += '90 minutes'",
            "time.source",
            json!("2023-01-08T11:30:00+00:00"),
        ),
        (
            "add! time.source -= '1 day'",
            "time.source",
            json!("2023-01-07T10:00:00+00:00"),
        ),
        (
            "append extra.list 'c'",
            "extra.list",
            json!(["a", "b", 3, "c"]),
        ),
        ("append extra.tries 4", "extra.tries", json!(3)),
        ("append! extra.tries 4", "extra.tries", json!([3, 4])),
        ("append extra.new 1.5", "extra.new", json!([1.5])),
        ("path 'special'", "extra.rule_path", json!("special")),
        ("path ['a', 'b']", "extra.rule_path", json!(["a", "b"])),
        (
            "$a = source.fqdn add! extra.copy = $a",
            "extra.copy",
            json!("www.example.com"),
        ),
        (
            "$k = source.fqdn if source.url :contains $k { add status = 'x' }",
            "status",
            json!("x"),
        ),
        ("add! source.port = '8080'", "source.port", json!(8080)),
        (
            "add! source.tor_node = true",
            "source.tor_node",
            json!(true),
        ),
        ("add! constituency = 'Gov'", "constituency", json!("Gov")),
        ("add house = 'x'", "extra.house", json!("x")),
        (
            "add! classification.type = 'blacklist'",
            "classification.type",
            json!("blacklist"),
        ),
        ("add extra.tags = 'a b'", "extra.tags", json!("a b")),
        (
            "# nothing\n// here\nadd status = 'a#b//c' # and there",
            "status",
            json!("a#b//c"),
        ),
        (
            "if source.port == 1 { drop } elif source.port == 443 { add status = 'e' } else { drop }",
            "status",
            json!("e"),
        ),
        (
            "if source.port == 1 { drop } else { if source.port == 443 { add status = 'n' } }",
            "status",
            json!("n"),
        ),
        (
            "add status = 'a' keep add! status = 'b'",
            "status",
            json!("a"),
        ),
        (
            "if source.port == 443 { add status = 'a' keep } add! status = 'b'",
            "status",
            json!("a"),
        ),
        (
            "if source.port == 443 { add status = 'a' } add! status = 'b'",
            "status",
            json!("b"),
        ),
    ] {
        assert_eq!(changed(text, key), expected, "{text}");
    }
    // What no rule touches stays as it is.
    assert_eq!(
        sieve("add status = 'x'").expect("kept")["extra.list"],
        json!(["a", "b", 3])
    );
}

#[test]
fn a_dropped_row_names_its_rule() {
    let why = sieve("add status = 'x'\nif source.ip << '192.0.2.0/24' {\n  drop\n}");
    let expected = (
        RejectReason::DroppedByRule,
        "dropped by a.sieve:3".to_owned(),
    );
    assert_eq!(why, Err(expected));
}

#[test]
fn a_rule_that_fails_says_on_what() {
    for (text, part) in [
        (
            "add! source.ip = 'nowhere'",
            "source.ip: `nowhere` is not an IP address",
        ),
        ("$a = destination.ip", "destination.ip is not in the event"),
        ("add! comment = $b", "variable $b is used before it is set"),
        (
            "if extra.list :containsany ['a'] { drop }",
            "extra.list is ['a', 'b', 3] and no text",
        ),
        ("if comment > 3 { drop }", "and no number"),
        ("add status += '1 hour'", "status is not in the event"),
        (
            "add! source.port = 70000",
            "source.port: `70000` is not a port",
        ),
        (
            "add! time.source = '2029-01-01T00:00:00+00:00'",
            "after its receipt",
        ),
    ] {
        let (reason, why) = sieve(text).expect_err(text);
        assert!(why.contains(part), "{text}: {why}");
        assert!(matches!(
            reason,
            RejectReason::RuleFailed | RejectReason::BadTime
        ));
    }
}

#[test]
fn faults_have_a_place() {
    for (text, line, column, part) in [
        (
            "if source.ip == '192.0.2.1' {\n  drop\n",
            3,
            1,
            "expected `}`, found the end of the file",
        ),
        ("drp", 1, 1, "expected `if` or an action"),
        ("add comment 'x'", 1, 13, "expected `=`"),
        ("if source.ip = 'x' { drop }", 1, 14, "expected an operator"),
        (
            "if source.ip == '192.0.2' { drop }",
            1,
            17,
            "`192.0.2` is no IP address",
        ),
        (
            "if source.ip << '192.0.2.0/33' { drop }",
            1,
            17,
            "is no network",
        ),
        ("if source.url =~ '(' { drop }", 1, 18, "regular expression"),
        ("if source.url =~ '(?=a)' { drop }", 1, 18, "look-around"),
        (
            "if time.source :after 'soon' { drop }",
            1,
            23,
            "neither a time nor a span",
        ),
        (
            "if malware.name :in [] { drop }",
            1,
            22,
            "the list is empty",
        ),
        (
            "if malware.name :in ['a', 1] { drop }",
            1,
            21,
            "a list of texts or a list of numbers",
        ),
        ("add comment = 'x", 1, 15, "without its closing quote"),
        ("add comment += 'x'", 1, 16, "only a span of time"),
        ("remove time.source", 1, 8, "every event has a time"),
        ("# ä\n  add é = 'x'", 2, 7, "expected a field"),
        ("if source.port > '1' { drop }", 1, 18, "expected a number"),
        ("$ = source.ip", 1, 1, "expected the name of a variable"),
    ] {
        let faults = compile("dir/a.sieve", text).expect_err(text);
        let [fault] = faults.as_slice() else {
            panic!("{text}: {faults:?}");
        };
        assert_eq!(
            (fault.line, fault.column),
            (line, column),
            "{text}: {fault}"
        );
        assert!(fault.message.contains(part), "{text}: {fault}");
        assert!(
            fault
                .to_string()
                .starts_with(&format!("dir/a.sieve:{line}:{column}: "))
        );
    }
    let deep = format!("if {}", "(".repeat(100_000));
    assert!(
        compile("a.sieve", &deep).expect_err("deep")[0]
            .message
            .contains("nested deeper")
    );
    assert!(compile("a.txt", "drop").is_err());
}

#[test]
fn modify_matches_and_fills_in() {
    let rules = json!([
        {"rulename": "one", "if": {"source.url": "//(?P<host>[^/]+)/(.)", "status": ""},
         "then": {"status": "{matches[source.url][host]} {matches[source.url][2]}", "extra.port": "p{msg[source.port]}{{}}"}},
        {"rulename": "two", "if": {"source.port": 443, "malware.name": "^MIRAI"}, "then": {"comment": "never"}},
        {"rulename": "three", "if": {"source.port": "^44", "extra.live": true},
         "then": {"classification.identifier": "three", "extra.level": 3, "malware.name": ""}},
    ]);
    let modified = |text: String| {
        let rules = compile("modify.conf", &text).expect("a good configuration");
        run(&rules, &record(&event()))
    };
    let after = modified(rules.to_string()).expect("kept");
    assert_eq!(after["status"], "www.example.com a");
    assert_eq!(after["extra.port"], "p443{}");
    assert_eq!(after["comment"], "seen \"twice\"");
    assert_eq!(after["classification.identifier"], "three");
    assert_eq!(after["extra.level"], 3);
    assert_eq!(after.get("malware.name"), None);
    let wrapped =
        json!({"case_sensitive": false, "overwrite": false, "maximum_matches": 2, "rules": rules});
    let after = modified(wrapped.to_string()).expect("kept");
    assert_eq!(after["comment"], "seen \"twice\"", "nothing is overwritten");
    assert_eq!(
        after["classification.identifier"], "tracker",
        "two matches are enough"
    );
    let failing = r#"[{"rulename": "a", "then": {"comment": "{msg[destination.ip]}"}}]"#;
    let why = modified(failing.to_owned()).expect_err("no such key");
    assert_eq!(
        why,
        (
            RejectReason::RuleFailed,
            "modify.conf: rule `a`: destination.ip is not in the event".into()
        )
    );
    for (text, line, part) in [
        (
            "[\n{\"rulename\": \"a\", \"if\": {\"b\": \"(\"}, \"then\": {}}]",
            2,
            "regular expression",
        ),
        ("[\n\n{]", 3, "no configuration of modify"),
        (
            "[{\"rulename\": \"a\", \"then\": {\"b\": \"{c}\"}}]",
            1,
            "neither {msg[KEY]}",
        ),
    ] {
        let faults = compile("modify.conf", text).expect_err(text);
        assert_eq!(faults[0].line, line, "{}", faults[0]);
        assert!(faults[0].message.contains(part), "{}", faults[0]);
    }
}

#[test]
fn a_row_without_a_matching_rule_is_the_row_itself() {
    let rules = compile("a.sieve", "if source.port == 1 { drop }").expect("good");
    let row = record(&event());
    let enricher = Enricher::new(Arc::new(reference::Tables::empty()));
    let (mut scratch, mut out) = (Scratch::default(), Record::new());
    let ruled = rules.apply(&row, &source(), RECEIVED, &enricher, &mut scratch, &mut out);
    assert!(std::ptr::eq(ruled.expect("kept"), &row));
}

#[test]
fn rules_see_what_our_own_tables_say() {
    let mut row = Record::new();
    row.set_text(Field::SourceUrl, "http://login.example.co.uk/a");
    let seen = |text: &str| {
        let rules = compile("a.sieve", text).expect("good");
        run(&rules, &row).expect("kept")
    };
    let event = seen("if source.fqdn == 'login.example.co.uk' { add status = 'seen' }");
    assert_eq!(event["status"], "seen");
    assert_eq!(
        event.get("source.fqdn"),
        None,
        "what tables say is not copied into the event"
    );
    let event = seen("$host = source.fqdn add comment = $host");
    assert_eq!(event["comment"], "login.example.co.uk");
}

#[test]
fn names_of_members_stay_as_the_source_wrote_them() {
    let mut row = record(&event());
    row.extra_text("Serial Number", "17");
    row.set_text(Field::ProductVendor, "Example Corp");
    let rules = compile(
        "a.sieve",
        "update extra.serial_number = '18' add status = 'x'",
    )
    .expect("good");
    let enricher = Enricher::new(Arc::new(reference::Tables::empty()));
    let (mut scratch, mut out) = (Scratch::default(), Record::new());
    let ruled = rules
        .apply(&row, &source(), RECEIVED, &enricher, &mut scratch, &mut out)
        .expect("kept");
    let extra = formats::intelmq::read::extras(ruled);
    assert_eq!(extra["Serial Number"], "18");
    assert_eq!(ruled.text(Field::ProductVendor), Some("Example Corp"));
}

#[test]
fn versions_tell_texts_apart() {
    let version = |text: &str| compile("a.sieve", text).expect("good").version();
    assert_eq!(version("drop"), version("drop"));
    assert_ne!(version("drop"), version("drop "));
    let with = source().with_rules(Some(Arc::new(compile("a.sieve", "drop").expect("good"))));
    let version = version("drop");
    assert_eq!(with.read_by(None), Some(format!("rules {version}")));
    assert_eq!(
        with.read_by(Some("2026-03-24")),
        Some(format!("2026-03-24; rules {version}"))
    );
    assert_eq!(source().read_by(None), None);
}

fn soup() -> impl Strategy<Value = String> {
    const WORDS: &[&str] = &[
        "if",
        "elif",
        "else",
        "{",
        "}",
        "(",
        ")",
        "[",
        "]",
        "!",
        "&&",
        "||",
        "==",
        "!=",
        "=~",
        "!~",
        "<<",
        "<",
        ">=",
        ":in",
        ":contains",
        ":regexin",
        ":before",
        ":equals",
        ":exists",
        "source.ip",
        "extra.a",
        "$v",
        "=",
        "+=",
        "-=",
        "'a'",
        "\"(\"",
        "'192.0.2.0/24'",
        "'1 hour'",
        "1",
        "-2.5e3",
        "true",
        "add",
        "add!",
        "update",
        "append",
        "append!",
        "remove",
        "drop",
        "keep",
        "path",
        ",",
        "# c\n",
        "//",
        "\\",
        "'",
        "é",
        "\u{0}",
        "\n",
    ];
    prop::collection::vec(prop::sample::select(WORDS), 0..40).prop_map(|words| words.join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_text_makes_the_parser_panic(text in ".{0,200}") {
        let _ = compile("a.sieve", &text);
        let _ = compile("a.json", &text);
    }

    #[test]
    fn no_script_makes_a_run_panic(text in soup()) {
        if let Ok(rules) = compile("a.sieve", &text) {
            let _ = run(&rules, &record(&event()));
        }
    }
}
