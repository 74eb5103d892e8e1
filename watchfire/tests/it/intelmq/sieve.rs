//! Rules beside IntelMQ's own sieve expert (PyPI `intelmq` 3.5.0, run as a program): the same events,
//! the same scripts, the same outcome.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use super::{pipe, skip};
use crate::run::Bench;

/// Reads scripts and events from standard input, runs the expert, prints what it made of each: the
/// event, null where it dropped it, or an error's text.
const PROGRAM: &str = r#"
import json, os, sys, tempfile
from unittest import mock
import intelmq.lib.utils as utils
from intelmq import HARMONIZATION_CONF_FILE
import intelmq
from intelmq.bots.experts.sieve.expert import SieveExpertBot, Procedure
from intelmq.lib.message import MessageFactory
conf = os.path.join(os.path.dirname(intelmq.__file__), 'etc', 'harmonization.conf')
harmonization = json.load(open(conf))
SieveExpertBot._harmonization = harmonization['event']
metamodel = SieveExpertBot.init_metamodel()
work = json.load(sys.stdin)
out = []
for script in work['scripts']:
    row = []
    try:
        with tempfile.NamedTemporaryFile('w', suffix='.sieve', delete=False) as file:
            file.write(script)
        model = SieveExpertBot.read_sieve_file(file.name, metamodel)
    except ValueError as error:
        out.append({'parse': str(error)})
        continue
    finally:
        os.unlink(file.name)
    bot = SieveExpertBot.__new__(SieveExpertBot)
    bot.model, bot.variables, bot.logger = model, {}, mock.Mock()
    for event in work['events']:
        event = MessageFactory.from_dict(json.loads(json.dumps(event)), harmonization=harmonization, default_type='Event')
        try:
            procedure = bot.model_process(event)
            path = getattr(event, 'path', None)
            value = None if procedure == Procedure.DROP else event.to_dict()
            if value is not None and path is not None:
                value['extra.rule_path'] = [p.value for p in path.values] if hasattr(path, 'values') else path.value
            row.append(value)
        except Exception as error:
            row.append('error: ' + type(error).__name__)
    out.append(row)
json.dump(out, sys.stdout)
"#;

fn events() -> Vec<Value> {
    vec![
        json!({"__type": "Event", "time.source": "2023-01-09T08:00:00+00:00", "time.observation": "2023-01-09T09:00:00+00:00",
            "source.ip": "192.0.2.17", "source.port": 443, "source.fqdn": "www.example.com",
            "classification.type": "c2-server", "classification.identifier": "tracker", "source.asn": 64496, "feed.accuracy": 80.5,
            "extra.list": ["a", "b", 3], "extra.tries": 3, "extra.live": true, "comment": "a 'quoted' text", "malware.name": "mirai",
            "source.tor_node": false, "source.url": "http://www.example.com/a?b=1"}),
        json!({"__type": "Event", "time.source": "2019-03-01T23:59:59+00:00", "source.ip": "2001:db8::7", "classification.type": "scanner",
            "destination.port": 22, "source.geolocation.cc": "AT", "extra.os.name": "Linux", "severity": "low",
            "extra.list": []}),
        json!({"__type": "Event", "time.source": "2023-01-09T08:00:00+00:00", "source.url": "https://login.example.org/", "source.fqdn": "login.example.org",
            "classification.type": "phishing", "event_description.target": "Example Bank", "source.port": 80, "extra.live": false,
            "extra.list": ["b"], "status": "online"}),
    ]
}

fn scripts() -> Vec<String> {
    let conditions = [
        "source.ip == '192.0.2.17'",
        "source.ip != '192.0.2.17'",
        "source.fqdn =~ '^www\\.'",
        "source.fqdn !~ 'example'",
        "source.fqdn :contains 'login'",
        "comment == \"a 'quoted' text\"",
        "comment == 'a \\'quoted\\' text'",
        "malware.name :in ['mirai', 'zeus']",
        "source.url :containsany ['?b', 'login']",
        "source.url :regexin ['^https', 'x$']",
        "source.port == 443",
        "source.port != 443",
        "source.port > 80",
        "source.port >= 80",
        "source.port < 443",
        "source.port <= 80",
        "source.port :in [22, 80]",
        "feed.accuracy > 80.4",
        "feed.accuracy == 80.5",
        "source.ip << '192.0.2.0/24'",
        "source.ip << '192.0.2.99/24'",
        "source.ip << ['2001:db8::/32', '10.0.0.0/8']",
        ":exists source.fqdn",
        ":notexists source.fqdn",
        ":exists extra.os.name",
        "time.source :before '2020-01-01'",
        "time.source :after '2020-01-01T00:00:00+00:00'",
        "time.source :before '10 years'",
        "time.source :after '3 hours'",
        "extra.list :equals ['a', 'b', 3]",
        "extra.list :equals []",
        "extra.list :setequals ['b', 3, 'a']",
        "extra.list :overlaps ['b', 'x']",
        "extra.list :subsetof ['a', 'b', 3, 'd']",
        "extra.list :supersetof ['b']",
        "extra.live == true",
        "extra.live != true",
        "source.tor_node == false",
        "!source.port == 443",
        "!(source.port == 443 || source.port == 80)",
        "source.port == 443 || source.port == 80 && status == 'online'",
        "(source.port == 443 || source.port == 80) && status == 'online'",
        "severity == 'low'",
        "source.asn :in [64496]",
        "source.port == '443'",
        "source.port != '443'",
        "extra.os.name == 'Linux'",
    ];
    let actions = [
        "add status = 'new'",
        "add! status = 'new'",
        "update status = 'new'",
        "remove status",
        "drop",
        "keep add! status = 'never'",
        "path 'one'",
        "path ['one', 'two']",
        "append extra.list 'z'",
        "append extra.tries 4",
        "append! extra.tries 4",
        "append extra.fresh 1",
        "add! time.source += '2 hours'",
        "update time.observation -= '1 day'",
        "add! source.port = 8080",
        "add! classification.type = 'malware-distribution'",
        "add! comment = '  trimmed  '",
        "add! malware.name = 'UPPER'",
        "add! comment = ''",
        "add extra.number = 1.5",
        "add extra.truth = true",
        "$a = source.fqdn add! extra.copy = $a",
        "$a = source.fqdn if source.url :contains $a { add! status = 'var' }",
        "add! source.ip = 'nonsense'",
        "add! source.fqdn = 'UPPER.Example.COM'",
        "add! source.geolocation.cc = 'de'",
        "remove extra.list",
        "add! source.network = '198.51.100.7/24'",
        "add! source.tor_node = true",
        "add! feed.accuracy = 40",
        "if source.port == 443 { add! status = 'a' } elif source.port == 80 { add! status = 'b' } else { add! status = 'c' } add extra.end = 'x'",
        "if source.port == 443 { if classification.type == 'c2-server' { drop } else { keep } } add! status = 'after'",
        "# comment\nadd extra.c = 'a # b' // more\n",
    ];
    let mut scripts: Vec<String> = conditions
        .iter()
        .map(|condition| format!("if {condition} {{\n  add! extra.hit = 'yes'\n}}"))
        .collect();
    scripts.extend(actions.iter().map(|action| (*action).to_owned()));
    scripts
}

/// What is no fact for us: times of receipt, and what goes with the type.
fn facts(event: &Value) -> Option<BTreeMap<String, Value>> {
    let members = event.as_object()?;
    let fact = |(key, value): (&String, &Value)| {
        let ignored = [
            "__type",
            "time.observation",
            "classification.taxonomy",
            "feed.name",
            "feed.provider",
        ];
        if ignored.contains(&key.as_str()) {
            return None;
        }
        let value = match value.as_f64() {
            Some(number) => json!(number),
            None => value.clone(),
        };
        Some((key.clone(), value))
    };
    Some(members.iter().filter_map(fact).collect())
}

/// Where the two part on purpose: the script, and why.
const DIFFER: &[(&str, &str)] = &[
    (
        "update time.observation -= '1 day'",
        "the time of receipt is no field of an event here",
    ),
    (
        "extra.list :equals []",
        "an empty list says nothing here and is not kept",
    ),
];

/// The events that go on under each script, in no order: a feed for each script, all in one run.
fn outcomes(scripts: &[String]) -> Vec<Vec<String>> {
    let mut toml = String::new();
    let bench = Bench::new();
    let lines: Vec<String> = events().iter().map(Value::to_string).collect();
    for (at, script) in scripts.iter().enumerate() {
        toml.push_str(&format!(
            "[[feed]]\nname = \"s{at}\"\nprovider = \"Example\"\nformat = \"intelmq\"\npaths = [\"in/{at}.jsonl\"]\nzone = \"UTC\"\nlicence = \"none\"\nrules = [\"rules/{at}.sieve\"]\n"
        ));
        bench.write(&format!("rules/{at}.sieve"), script);
        bench.write(&format!("in/{at}.jsonl"), lines.join("\n"));
    }
    bench.write("watchfire.toml", toml);
    bench.run(&["ingest"]).exits(0);
    let exported = bench.run(&["export", "--as", "intelmq"]).exits(0);
    let mut found = vec![Vec::new(); scripts.len()];
    for line in exported.stdout.lines() {
        let event: Value = serde_json::from_str(line).expect("JSON");
        let feed = event["feed.name"]
            .as_str()
            .and_then(|name| name.strip_prefix('s'));
        let at: usize = feed.and_then(|at| at.parse().ok()).expect("a feed of ours");
        found[at].extend(in_order(&event));
    }
    found.iter_mut().for_each(|kept| kept.sort());
    found
}

/// The facts of an event as text; `None` for what is none.
fn in_order(event: &Value) -> Option<String> {
    facts(event).map(|facts| json!(facts).to_string())
}

/// Python with IntelMQ and what its sieve needs; in CI it must be there.
fn python() -> Option<PathBuf> {
    let peers = std::env::var_os("WATCHFIRE_PEERS").map(PathBuf::from);
    let python = peers.map(|folder| folder.join("bin/python"));
    let has = |python: &PathBuf| {
        let tried = Command::new(python)
            .args(["-c", "import intelmq, textx, pendulum"])
            .output();
        tried.is_ok_and(|done| done.status.success())
    };
    let found = python.filter(has);
    if found.is_none() {
        skip("intelmq with textX and pendulum in WATCHFIRE_PEERS");
    }
    found
}

/// Makes each line of standard input an event of IntelMQ's own, whose values it checks without
/// mending them.
const READER: &str = r#"
import json, os, sys, intelmq
from intelmq.lib.message import Event
conf = os.path.join(os.path.dirname(intelmq.__file__), 'etc', 'harmonization.conf')
harmonization = json.load(open(conf))
for line in sys.stdin:
    members = json.loads(line)
    members.pop('__type')
    event = Event(harmonization=harmonization)
    for key, value in members.items():
        event.add(key, value, sanitize=False)
    assert event.to_dict() == members, (event.to_dict(), members)
    print(len(members))
"#;

#[test]
fn intelmq_takes_the_events_that_are_exported() {
    let Some(python) = python() else { return };
    let bench = super::with_events();
    let exported = bench.run(&["export", "--as", "intelmq"]).exits(0).stdout;
    let done = pipe(Command::new(&python).args(["-c", READER]), &exported);
    let error = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.success(), "{error}");
    assert_eq!(String::from_utf8_lossy(&done.stdout).lines().count(), 3);
    // The broken twin: what IntelMQ does not take is found out.
    let broken = exported.replacen("192.0.2.1", "192.0.2.999", 1);
    assert_ne!(broken, exported);
    let done = pipe(Command::new(&python).args(["-c", READER]), &broken);
    assert!(!done.status.success());
}

#[test]
fn the_same_scripts_give_the_same_events() {
    let Some(python) = python() else { return };
    let scripts = scripts();
    let work = json!({"scripts": scripts, "events": events()}).to_string();
    let done = pipe(Command::new(python).args(["-c", PROGRAM]), &work);
    let error = String::from_utf8_lossy(&done.stderr).into_owned();
    let theirs: Vec<Value> =
        serde_json::from_slice(&done.stdout).unwrap_or_else(|why| panic!("{why}: {error}"));
    assert_eq!(theirs.len(), scripts.len());
    let ours = outcomes(&scripts);
    let mut found = Vec::new();
    let (mut compared, mut changed) = (0, 0);
    let before: Vec<_> = events().iter().filter_map(in_order).collect();
    for ((script, ours), theirs) in scripts.iter().zip(&ours).zip(&theirs) {
        if let Some(why) = theirs.get("parse") {
            found.push(format!("{script}: IntelMQ does not read it: {why}"));
            continue;
        }
        if DIFFER.iter().any(|(known, _)| script.contains(known)) {
            continue;
        }
        // An error of IntelMQ's keeps the event back, as ours does.
        let row = theirs.as_array().expect("a row");
        let mut theirs: Vec<String> = row.iter().filter_map(in_order).collect();
        theirs.sort();
        compared += before.len();
        changed += before
            .iter()
            .filter(|event| !theirs.contains(event))
            .count();
        if *ours != theirs {
            found.push(format!(
                "{script}\n  ours   {ours:#?}\n  theirs {theirs:#?}"
            ));
        }
    }
    assert!(
        found.is_empty(),
        "{} differences:\n{}",
        found.len(),
        found.join("\n")
    );
    assert!(
        compared > 200 && changed > 80,
        "{compared} compared, {changed} changed"
    );
    // The broken twin: a script that is turned round is found out.
    let turned = outcomes(&["if source.port != 443 { add! extra.hit = 'yes' }".to_owned()]);
    let at = scripts
        .iter()
        .position(|script| script.contains("source.port == 443 {"))
        .expect("there");
    assert_ne!(turned[0], ours[at], "the comparison sees a difference");
    eprintln!(
        "{} scripts, {compared} outcomes compared, {changed} events changed",
        scripts.len()
    );
}
