//! docs/scale.md adds up: every projected figure follows from the measured and the assumed ones beside it.

use std::collections::BTreeMap;

use crate::run::tree;

/// Rows of the document's tables: a key and the figures behind it.
fn figures(text: &str) -> BTreeMap<String, Vec<f64>> {
    let mut all = BTreeMap::new();
    for line in text.lines().filter(|line| line.starts_with("| ")) {
        let mut cells = line.split('|').map(str::trim).skip(1);
        let Some(key) = cells.next() else { continue };
        let values: Vec<f64> = cells.map_while(|cell| cell.parse().ok()).collect();
        if !values.is_empty() {
            assert!(
                all.insert(key.to_owned(), values).is_none(),
                "{key} is there twice"
            );
        }
    }
    all
}

/// What follows for so many million events a day, in the order of the document.
fn projected(known: &dyn Fn(&str) -> f64, events: f64) -> Vec<(&'static str, f64)> {
    let day = 86_400.0;
    let rows = events / known("kept_share");
    let ingest = rows * known("cpu_ingest");
    let triage = events * known("event_share") * known("cpu_triage");
    let week = 7.0 * events * known("cpu_week");
    let looks = week * known("looks");
    let (cores, headroom) = (known("node_cores"), known("headroom"));
    let work = (ingest + triage) * known("peak") / day / headroom;
    let looking = looks * 3.0 / day / headroom;
    let nodes = |needed: f64| ((needed / cores).ceil() + 1.0).max(2.0);
    let (workers, consoles) = (nodes(work), nodes(looking));
    let lake = events * known("lake_bytes") * known("retention_events") / 1e6;
    let raw = rows * known("raw_bytes") * known("raw_packed") * known("retention_raw") / 1e6;
    let transactions = events * known("pg_bar") / day;
    let machines = (workers + consoles) * known("price_node");
    vec![
        ("rows_day", rows),
        ("rows_second", rows * 1e6 / day),
        ("cpu_ingest_day", ingest),
        ("cpu_triage_day", triage),
        ("cpu_looks_day", looks),
        ("cores_work", work),
        ("cores_looks", looking),
        ("workers", workers),
        ("consoles", consoles),
        ("look_seconds", week / cores),
        ("one_feed_minutes", rows / known("wall_rows") / 60.0),
        ("filter_gb", events * known("filter_bits") / 8.0 / 1e3),
        ("lake_tb", lake),
        ("raw_tb", raw),
        ("pg_second", transactions),
        ("turn_busy", transactions * known("turn_ms") / 1e3),
        (
            "nodes_eur",
            machines + known("price_ledger") + 2.0 * known("price_public"),
        ),
        ("store_eur", (lake + raw) * known("price_store")),
    ]
}

/// Rows of the document that do not follow from the others.
fn wrong(text: &str) -> Vec<String> {
    let all = figures(text);
    let known = |key: &str| all.get(key).unwrap_or_else(|| panic!("{key} is missing"))[0];
    let mut wrong = Vec::new();
    for (at, events) in [(0, 100.0), (1, 1_000.0)] {
        for (key, value) in projected(&known, events) {
            let told = all.get(key).and_then(|values| values.get(at)).copied();
            // Four digits are printed.
            let near = told.is_some_and(|told| (told - value).abs() <= value.abs() * 0.001);
            if !near {
                wrong.push(format!("{key}: {told:?} is told, {value} follows"));
            }
        }
    }
    wrong
}

#[test]
fn the_projection_follows_from_what_was_measured() {
    let text = std::fs::read_to_string(tree().join("docs/scale.md")).expect("it is there");
    assert_eq!(wrong(&text), Vec::<String>::new());
    // A measurement that changes alone is noticed, and so is a figure of the projection.
    let faster = text.replace("| cpu_ingest | 3.1 |", "| cpu_ingest | 2.0 |");
    assert_ne!(faster, text);
    assert!(
        wrong(&faster)
            .iter()
            .any(|row| row.starts_with("cpu_ingest_day"))
    );
    let cheaper = text.replace("| price_store | 20 |", "| price_store | 10 |");
    assert!(
        wrong(&cheaper)
            .iter()
            .all(|row| row.starts_with("store_eur"))
    );
    assert_eq!(wrong(&cheaper).len(), 2);
}
