//! The files of docs/deploy: they are YAML and JSON, ask for what a cluster needs, keep the public node from the inside,
//! and speak of metrics that are there.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

use crate::run::{Bench, tree};

fn read(path: &str) -> String {
    let path = tree().join("docs").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn yaml(text: &str) -> Vec<Value> {
    serde_saphyr::from_multiple(text).unwrap_or_else(|error| panic!("{error}"))
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// The documents of the manifests, by kind and name.
fn manifests() -> BTreeMap<(String, String), Value> {
    let all = yaml(&read("deploy/kubernetes/watchfire.yaml"));
    let named = all.into_iter().map(|one| {
        let key = (
            text(&one, "/kind").to_owned(),
            text(&one, "/metadata/name").to_owned(),
        );
        (key, one)
    });
    named.collect()
}

const ROLES: [(&str, &str); 5] = [
    ("Deployment", "console"),
    ("Deployment", "scheduler"),
    ("Deployment", "worker"),
    ("StatefulSet", "executor"),
    ("StatefulSet", "public"),
];

#[test]
fn every_role_is_probed_bounded_and_kept_up() {
    let all = manifests();
    let get = |kind: &str, name: &str| {
        let key = (kind.to_owned(), name.to_owned());
        all.get(&key).unwrap_or_else(|| panic!("no {kind} {name}"))
    };
    for (kind, role) in ROLES {
        let pod = &get(kind, role)["spec"]["template"]["spec"];
        let main = &pod["containers"][0];
        for probe in ["livenessProbe", "readinessProbe"] {
            // An executor speaks gRPC alone.
            let way = match role {
                "executor" => "tcpSocket",
                _ => "httpGet",
            };
            assert!(main[probe][way].is_object(), "{role}: {probe}");
        }
        assert!(main["resources"]["limits"]["memory"].is_string(), "{role}");
        assert!(main["resources"]["requests"]["cpu"].is_string(), "{role}");
        assert_eq!(pod["securityContext"]["runAsNonRoot"], true, "{role}");
        assert_eq!(pod["automountServiceAccountToken"], false, "{role}");
        let safe = &main["securityContext"];
        assert_eq!(safe["readOnlyRootFilesystem"], true, "{role}");
        assert_eq!(safe["capabilities"]["drop"][0], "ALL", "{role}");
        let budget = get("PodDisruptionBudget", role);
        assert_eq!(text(budget, "/spec/selector/matchLabels/role"), role);
        let own = text(budget, "/metadata/namespace");
        assert_eq!(own, text(get(kind, role), "/metadata/namespace"));
    }
}

/// What of the inside a public node's manifest holds; empty as it should be.
fn leads_inside(pod: &Value, configuration: &str) -> Vec<String> {
    let main = &pod["containers"][0];
    let mut found = Vec::new();
    if !main["envFrom"].is_null() {
        found.push("envFrom".to_owned());
    }
    let names = main["env"].as_array().into_iter().flatten();
    for name in names.map(|one| text(one, "/name")) {
        if ["LEDGER", "LAKE", "AWS", "PASS"]
            .iter()
            .any(|word| name.contains(word))
        {
            found.push(name.to_owned());
        }
    }
    let set: toml::Table = configuration.parse().expect("the configuration is TOML");
    for section in ["ledger", "lake", "engine", "response"] {
        if set.contains_key(section) {
            found.push(format!("[{section}]"));
        }
    }
    found
}

#[test]
fn the_public_node_is_kept_from_the_inside() {
    let all = manifests();
    let get = |kind: &str| &all[&(kind.to_owned(), "public".to_owned())];
    let pod = get("StatefulSet")["spec"]["template"]["spec"].clone();
    let configuration = text(get("ConfigMap"), "/data/watchfire.toml");
    assert_eq!(leads_inside(&pod, configuration), Vec::<String>::new());
    let policy = &get("NetworkPolicy")["spec"];
    let types: Vec<&str> = policy["policyTypes"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    assert!(types.contains(&"Egress") && types.contains(&"Ingress"));
    assert_eq!(
        policy["egress"],
        serde_json::json!([]),
        "it connects to nobody"
    );
    assert_eq!(text(policy, "/podSelector/matchLabels/role"), "public");
    assert_ne!(text(get("StatefulSet"), "/metadata/namespace"), "watchfire");
    // The configuration is one that the binary takes.
    Bench::with(configuration)
        .run(&["config", "check"])
        .exits(0);

    // What is looked for is found.
    let mut slip = pod.clone();
    slip["containers"][0]["envFrom"] =
        serde_json::json!([{ "secretRef": { "name": "watchfire" } }]);
    slip["containers"][0]["env"] =
        serde_json::json!([{ "name": "WATCHFIRE__LEDGER__URL", "value": "x" }]);
    let slips = leads_inside(&slip, &format!("{configuration}[ledger]\nurl = \"x\"\n"));
    assert_eq!(slips, ["envFrom", "WATCHFIRE__LEDGER__URL", "[ledger]"]);
}

#[test]
fn the_compose_file_has_every_role_and_two_networks() {
    let all = yaml(&read("deploy/compose.yaml"));
    let services = &all[0]["services"];
    for (_, role) in ROLES {
        assert!(services[role].is_object(), "{role}");
        assert!(services[role]["mem_limit"].is_string(), "{role}");
    }
    assert_eq!(services["public"]["networks"], serde_json::json!(["dmz"]));
    let environment = services["public"]["environment"].to_string();
    assert!(
        !environment.contains("LEDGER") && !environment.contains("LAKE"),
        "{environment}"
    );
}

/// Metrics that docs/serve.md lists, with the names that a histogram gives.
fn known() -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for line in read("serve.md").lines() {
        let mut cells = line.split('|').map(str::trim).skip(1);
        let (Some(name), Some(kind)) = (cells.next(), cells.next()) else {
            continue;
        };
        let name = name.trim_matches('`');
        if name.starts_with("watchfire_") {
            match kind {
                "histogram" => {
                    all.extend(["_bucket", "_sum", "_count"].map(|end| format!("{name}{end}")))
                }
                _ => drop(all.insert(name.to_owned())),
            }
        }
    }
    all
}

/// Metrics that a text speaks of.
fn spoken_of(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    words
        .filter(|word| word.starts_with("watchfire_"))
        .map(str::to_owned)
        .collect()
}

#[test]
fn rules_and_dashboard_speak_of_metrics_that_are_there() {
    let rules = read("deploy/alerts.yml");
    let parsed = yaml(&rules);
    let groups = parsed[0]["groups"].as_array().expect("groups");
    let mut names = BTreeSet::new();
    let mut said = BTreeSet::new();
    for rule in groups
        .iter()
        .flat_map(|group| group["rules"].as_array().into_iter().flatten())
    {
        let name = text(rule, "/alert");
        assert!(names.insert(name.to_owned()), "{name} is there twice");
        for place in [
            "/expr",
            "/labels/severity",
            "/annotations/summary",
            "/annotations/remedy",
        ] {
            assert!(!text(rule, place).is_empty(), "{name}: {place}");
        }
        said.extend(spoken_of(text(rule, "/expr")));
    }
    assert!(names.len() > 10, "{names:?}");
    let dashboard: Value = serde_json::from_str(&read("deploy/dashboard.json")).expect("JSON");
    let mut shown = BTreeSet::new();
    for panel in dashboard["panels"].as_array().expect("panels") {
        let targets = panel["targets"].as_array().expect("targets");
        assert!(!targets.is_empty(), "{}", panel["title"]);
        shown.extend(targets.iter().flat_map(|one| spoken_of(text(one, "/expr"))));
    }
    let known = known();
    assert!(known.len() > 30, "{known:?}");
    for name in said.union(&shown) {
        assert!(known.contains(name), "{name} is no metric of docs/serve.md");
    }
    assert!(
        !known.contains("watchfire_nothing_total"),
        "what is not there is missed"
    );
    assert_eq!(spoken_of("rate(watchfire_nothing_total[5m])").len(), 1);
    // Prometheus' own judgement, where it is installed.
    let file = tree().join("docs/deploy/alerts.yml");
    match Command::new("promtool")
        .args(["check", "rules"])
        .arg(&file)
        .output()
    {
        Ok(done) => assert!(
            done.status.success(),
            "{}{}",
            String::from_utf8_lossy(&done.stdout),
            String::from_utf8_lossy(&done.stderr)
        ),
        Err(_) => eprintln!("SKIPPED: promtool is not installed"),
    }
}
