//! Events open and join incidents, once each.

use ledger::incident::Triaged;
use ledger::{LakeFileKind, Reach, RuleMode};
use model::incident::{IncidentState, Resolution, Step};

use super::bench::{Bench, DAY, Event, HOUR, NOW, page};

/// One rule that needs two events.
const TWO: &str = r#"
[[rule]]
name = "phishing-host"
kind = "phishing"
classes = ["phishing"]
key = ["host"]
severity = "high"
threshold = 2
"#;

#[tokio::test]
async fn looking_twice_changes_nothing() {
    let bench = Bench::new().await;
    let mut late = page("a.example", 2);
    late.at = NOW;
    bench
        .report("r1", &[page("a.example", 1), late, page("b.example", 1)])
        .await;
    let first = bench.triage(&["r1"]).await;
    assert_eq!((first.opened, first.joined, first.known), (2, 3, 0));
    let before = bench.incidents().await;
    assert_eq!((before[0].events, before[0].last_seen_at), (2, NOW));
    // A process that was killed before its job's end looks again.
    let again = bench.triage(&["r1"]).await;
    assert_eq!((again.opened, again.joined, again.known), (0, 0, 3));
    assert_eq!(bench.incidents().await, before);
}

#[tokio::test]
async fn the_earliest_event_tells_in_whatever_order_they_are_read() {
    let early = Event {
        ip: "192.0.2.7",
        at: NOW - 2 * HOUR,
        ..page("a.example", 1)
    };
    let late = page("a.example", 2);
    for (first, second) in [(&early, &late), (&late, &early)] {
        let bench = Bench::new().await;
        bench.report("r1", std::slice::from_ref(first)).await;
        bench.report("r2", std::slice::from_ref(second)).await;
        bench.triage(&["r1", "r2"]).await;
        let opened = bench.incident(1).await;
        assert_eq!(opened.events, 2);
        assert_eq!(opened.ip.as_deref(), Some("192.0.2.7"));
    }
}

#[tokio::test]
async fn what_was_known_to_a_closed_one_does_not_join_its_successor() {
    let bench = Bench::new().await;
    bench.report("r1", &[page("a.example", 1)]).await;
    bench.triage(&["r1"]).await;
    bench.step(1, Step::Close(Resolution::Stale)).await;
    bench.pass(20 * DAY);
    let mut late = page("a.example", 2);
    late.at = bench.now();
    bench.report("r2", &[late]).await;
    assert_eq!(bench.triage(&["r2"]).await.opened, 1);
    let told = bench.triage(&["r1", "r2"]).await;
    assert_eq!((told.opened, told.joined, told.known), (0, 0, 2));
    assert_eq!(bench.incident(2).await.events, 1);
}

#[tokio::test]
async fn what_a_compaction_moved_is_found_and_changes_nothing() {
    let bench = Bench::new().await;
    bench.report("r1", &[page("a.example", 1)]).await;
    bench.triage(&["r1"]).await;
    bench
        .report("r2", &[page("a.example", 2), page("b.example", 1)])
        .await;
    compact(&bench).await;
    // The second report's rows lie beside the first one's, which were looked at.
    let told = bench.triage(&["r2"]).await;
    assert_eq!((told.opened, told.joined), (1, 2));
    let before = bench.incidents().await;
    bench.triage(&["r1", "r2"]).await;
    assert_eq!(bench.incidents().await, before);
}

/// Makes one part of all parts.
async fn compact(bench: &Bench) {
    let ledger = &bench.desk.ledger;
    let files = ledger
        .live_files(None, Some(LakeFileKind::Part), None)
        .await
        .unwrap();
    assert!(files.len() > 1, "there is something to compact");
    super::bench::merge(bench, &files).await;
    let after = ledger
        .live_files(None, Some(LakeFileKind::Part), None)
        .await
        .unwrap();
    assert_eq!(after.len(), 1);
}

#[tokio::test]
async fn an_event_after_closing_reopens_and_one_from_before_does_not() {
    let bench = Bench::new().await;
    bench.report("r1", &[page("a.example", 1)]).await;
    bench.triage(&["r1"]).await;
    for step in [Step::Validate, Step::Notify, Step::FindGone] {
        bench.step(1, step).await;
    }
    bench.step(1, Step::Close(Resolution::TakenDown)).await;
    let handled = bench.incident(1).await.counted_at;
    // Observed before it ended, and came late: its end stands.
    bench.pass(HOUR);
    bench.report("r2", &[page("a.example", 2)]).await;
    bench.triage(&["r2"]).await;
    let after = bench.incident(1).await;
    assert_eq!((after.state.0, after.events), (IncidentState::Closed, 2));
    let mut late = page("a.example", 3);
    late.at = bench.now();
    bench.report("r3", &[late]).await;
    bench.triage(&["r3"]).await;
    let all = bench.incidents().await;
    assert_eq!(all.len(), 1, "{all:?}");
    assert_eq!(all[0].state.0, IncidentState::Validated);
    assert_eq!(all[0].counted_at, handled, "counted once");
}

#[tokio::test]
async fn what_a_person_found_wrong_is_no_machines_to_reopen() {
    let bench = Bench::new().await;
    let ledger = &bench.desk.ledger;
    // The rule is one that acts by itself.
    for _ in 0..ledger::rule_trust::NEEDED {
        ledger
            .judged_rule("phishing-host", true, NOW)
            .await
            .unwrap();
    }
    ledger
        .promote_rule("phishing-host", "ann", NOW)
        .await
        .unwrap();
    let trust = ledger
        .promote_rule("phishing-host", "bob", NOW)
        .await
        .unwrap();
    assert_eq!(trust.mode, RuleMode::Automatic);
    bench.report("r1", &[page("bank.example", 1)]).await;
    bench.triage(&["r1"]).await;
    let first = bench.incident(1).await;
    assert_eq!(first.state.0, IncidentState::Validated);
    assert_eq!(first.validated_by.as_deref(), Some("rule:phishing-host"));
    bench.step(1, Step::Close(Resolution::Invalid)).await;
    bench.pass(HOUR);
    let mut again = page("bank.example", 2);
    again.at = bench.now();
    bench.report("r2", &[again]).await;
    bench.triage(&["r2"]).await;
    assert_eq!(bench.incident(1).await.state.0, IncidentState::Closed);
    // A new one waits for a person, though its rule would not.
    assert_eq!(bench.incident(2).await.state.0, IncidentState::Open);
}

#[tokio::test]
async fn a_warning_list_weighs_more_than_a_trusted_rule() {
    let bench = Bench::new().await;
    let ledger = &bench.desk.ledger;
    for _ in 0..ledger::rule_trust::NEEDED {
        ledger
            .judged_rule("phishing-host", true, NOW)
            .await
            .unwrap();
    }
    for who in ["ann", "bob"] {
        ledger
            .promote_rule("phishing-host", who, NOW)
            .await
            .unwrap();
    }
    let warned = Event {
        warning: Some("top sites"),
        ..page("a.example", 1)
    };
    bench.report("r1", &[page("a.example", 2), warned]).await;
    bench.triage(&["r1"]).await;
    let one = bench.incident(1).await;
    assert_eq!(one.state.0, IncidentState::Open);
    assert!(one.has_flag("warned"));
}

#[tokio::test]
async fn a_threshold_opens_and_joining_needs_no_more() {
    let bench = Bench::new().await;
    bench.report("r1", &[page("a.example", 1)]).await;
    assert_eq!(bench.triage_by(TWO, &["r1"]).await, Triaged::default());
    let two = [
        page("a.example", 2),
        page("a.example", 3),
        page("b.example", 1),
    ];
    bench.report("r2", &two).await;
    let told = bench.triage_by(TWO, &["r2"]).await;
    assert_eq!((told.opened, told.joined), (1, 2));
    bench.report("r3", &[page("a.example", 4)]).await;
    assert_eq!(bench.triage_by(TWO, &["r3"]).await.joined, 1);
}

#[tokio::test]
async fn an_archive_is_history() {
    let bench = Bench::new().await;
    let mut old = page("a.example", 1);
    old.at = NOW - 31 * DAY;
    bench.report("r1", &[old, page("b.example", 1)]).await;
    let told = bench.triage(&["r1"]).await;
    assert_eq!((told.opened, told.old), (1, 1));
    assert_eq!(bench.incident(1).await.what, "b.example");
}

#[tokio::test]
async fn what_comes_for_a_part_joins_the_whole() {
    let bench = Bench::new().await;
    bench
        .report("r1", &[page("a.example", 1), page("b.example", 1)])
        .await;
    bench.triage(&["r1"]).await;
    let ids = [bench.incident(1).await, bench.incident(2).await].map(|one| one.incident_id());
    let ledger = &bench.desk.ledger;
    let merged = ledger.merge_incidents(ids[0], ids[1], &Reach::All, "one kit", "ann", NOW);
    merged.await.unwrap();
    bench.report("r2", &[page("a.example", 2)]).await;
    let told = bench.triage(&["r2"]).await;
    assert_eq!((told.opened, told.joined), (0, 1));
    assert_eq!(bench.incident(2).await.events, 3);
    // The part's own event is known, wherever it stands.
    assert_eq!(bench.triage(&["r1"]).await.known, 2);
}
