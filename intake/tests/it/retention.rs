//! Raw bytes and rejects by the clock: over, held, shared, and killed half-way.

use intake::compaction::Upkeep;
use intake::retention::{Due, Retention, Rule};
use lake::Lake;
use ledger::incident::{Join, Triage};
use ledger::{
    BlobStore, IngestCommit, Ledger, NewHold, NewIncident, NewReport, NewTally, ReportKind,
    Retained, Totals,
};
use model::ids::IncidentId;
use model::incident::{CaseKind, Severity};
use model::reject::{Reject, RejectReason};
use model::territory::Territory;
use model::time::{MICROS_PER_DAY, Timestamp};
use model::tlp::Tlp;

use crate::bench::NOW;

struct Stand {
    folder: tempfile::TempDir,
    runtime: tokio::runtime::Runtime,
    ledger: Ledger,
    blobs: BlobStore,
    lake: Lake,
}

fn stand() -> Stand {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let ledger = runtime
        .block_on(Ledger::open(&folder.path().join("ledger.db")))
        .unwrap();
    Stand {
        ledger,
        blobs: BlobStore::new(folder.path().join("blobs")),
        lake: Lake::open(&folder.path().join("lake"), 64 << 20, 1).unwrap(),
        runtime,
        folder,
    }
}

impl Stand {
    /// A report of a feed, received on a day from [`NOW`], with one reject unless it was never read.
    fn receive(&self, id: &str, feed: &str, day: i64, bytes: &[u8], read: bool) {
        let blob = self.blobs.put_bytes(bytes).unwrap();
        let report = NewReport {
            id: id.to_owned(),
            feed: feed.to_owned(),
            kind: ReportKind::Feed,
            origin: format!("{id}.csv"),
            blob: blob.hash,
            bytes: blob.len as i64,
            received_at: NOW.0 + day * MICROS_PER_DAY,
            snapshot_at: None,
        };
        let commit = IngestCommit {
            report_id: id.to_owned(),
            generation: 1,
            totals: Totals {
                rows: 1,
                rejects: 1,
                ..Totals::default()
            },
            rejects: vec![Reject::new(
                1,
                0,
                RejectReason::BadTime,
                "no time".to_owned(),
                b"x",
            )],
            tallies: vec![NewTally {
                day: 9,
                observable: "ip".to_owned(),
                tag: None,
                records: 1,
            }],
            now: NOW.0,
            ..IngestCommit::default()
        };
        self.runtime.block_on(async {
            self.ledger.archive_report(report).await.unwrap();
            if read {
                self.ledger.commit_ingest(commit).await.unwrap();
            }
        });
    }

    fn run(&self, rules: &[Rule], day: i64, apply: bool) -> Vec<Due> {
        let clock = move || Timestamp(NOW.0 + day * MICROS_PER_DAY);
        let retention = Retention {
            upkeep: Upkeep {
                ledger: &self.ledger,
                lake: &self.lake,
                runtime: self.runtime.handle().clone(),
                clock: &clock,
            },
            blobs: &self.blobs,
            rules,
            actor: "li.na",
        };
        match apply {
            true => retention.apply().unwrap(),
            false => retention.preview().unwrap(),
        }
    }

    fn blobs(&self) -> usize {
        let mut count = 0;
        let mut each = |_| {
            count += 1;
            Ok(())
        };
        self.blobs.for_each(&mut each).unwrap();
        count
    }
}

fn rule(name: &str, what: Retained, feed: &str, keep_days: u32) -> Rule {
    Rule {
        name: name.to_owned(),
        what,
        feeds: vec![glob::Pattern::new(feed).unwrap()],
        classes: Vec::new(),
        tlp: Vec::new(),
        keep_days,
    }
}

fn phishing(id: IncidentId) -> NewIncident {
    NewIncident {
        id,
        kind: CaseKind::Phishing,
        severity: Severity::High,
        rule: "rule".to_owned(),
        key: "a.example".to_owned(),
        what: "a.example".to_owned(),
        url: None,
        host: None,
        ip: None,
        asn: None,
        name: None,
        brand: None,
        country: None,
        province: None,
        territory: Territory::Unknown,
        border: Vec::new(),
        flags: Vec::new(),
        owner: None,
        tlp: Tlp::Amber,
        origin: "triage".to_owned(),
        external_number: None,
        first_seen_at: NOW.0,
        last_seen_at: NOW.0,
        validated_by: None,
    }
}

fn counts(due: &[Due]) -> Vec<(&str, &str, u64, u64)> {
    due.iter()
        .map(|due| (due.rule.as_str(), due.feed.as_str(), due.count, due.held))
        .collect()
}

#[test]
fn raw_bytes_and_rejects_go_on_the_day_after_they_were_kept() {
    let stand = stand();
    stand.receive("R-1", "a", 0, b"one", true);
    stand.receive("R-2", "b", 0, b"two", true);
    stand.receive("R-3", "a", 5, b"three", true);
    stand.receive("R-4", "a", 0, b"unread", false);
    let rules = [
        rule("b for long", Retained::Raw, "b", 1000),
        rule("ten days", Retained::Raw, "*", 10),
        rule("rejects", Retained::Rejects, "*", 10),
    ];
    assert!(
        stand.run(&rules, 10, true).is_empty(),
        "kept on the last day"
    );
    let due = stand.run(&rules, 11, false);
    let expected = [
        ("ten days", "a", 1, 0),
        ("rejects", "a", 1, 0),
        ("rejects", "b", 1, 0),
    ];
    assert_eq!(counts(&due), expected);
    assert_eq!(stand.blobs(), 4);
    assert_eq!(counts(&stand.run(&rules, 11, true)), expected);
    assert_eq!(stand.blobs(), 3, "what was not read is never lost");
    assert!(stand.run(&rules, 11, true).is_empty());
    let gone = stand
        .runtime
        .block_on(stand.ledger.expiries(Some("R-1"), None));
    assert_eq!(gone.unwrap().len(), 2);
    stand.runtime.block_on(stand.ledger.verify_audit()).unwrap();
    drop(stand.folder);
}

#[test]
fn a_hold_on_a_period_keeps_reports_that_speak_of_it() {
    let stand = stand();
    stand.receive("R-1", "a", 0, b"one", true);
    let rules = [rule("ten days", Retained::Raw, "*", 10)];
    let hold = NewHold {
        feed: None,
        report_id: None,
        days: Some((8, 9)),
        reason: "case 17".to_owned(),
        by: "li.na".to_owned(),
        ..NewHold::default()
    };
    let placed = stand.runtime.block_on(stand.ledger.place_hold(hold, NOW.0));
    let placed = placed.unwrap();
    // Its tally is of day 9.
    assert_eq!(
        counts(&stand.run(&rules, 20, true)),
        [("ten days", "a", 0, 1)]
    );
    assert_eq!(stand.blobs(), 1);
    let release = stand
        .ledger
        .release_hold(placed.id, "li.na", "closed", NOW.0);
    stand.runtime.block_on(release).unwrap();
    assert_eq!(
        counts(&stand.run(&rules, 20, true)),
        [("ten days", "a", 1, 0)]
    );
    assert_eq!(stand.blobs(), 0);
}

#[test]
fn a_held_event_that_no_part_has_any_more_keeps_every_report_of_its_day() {
    let stand = stand();
    stand.receive("R-1", "a", 0, b"one", true);
    let id = IncidentId::draw(NOW, [1; 10]);
    let found = |day: i32| Triage {
        opened: vec![phishing(id)],
        joined: vec![Join {
            incident: id,
            event: [1; 16],
            day,
            observed_at: NOW.0,
        }],
        mark: None,
    };
    let look = stand.ledger.commit_triage(found(9), "rule", "test", NOW.0);
    stand.runtime.block_on(look).unwrap();
    let hold = NewHold {
        incident: Some(id),
        reason: "case 17".to_owned(),
        by: "li.na".to_owned(),
        ..NewHold::default()
    };
    let placed = stand.runtime.block_on(stand.ledger.place_hold(hold, NOW.0));
    placed.unwrap();
    let rules = [
        rule("raw", Retained::Raw, "*", 10),
        rule("rejects", Retained::Rejects, "*", 10),
    ];
    // Its tally is of day 9.
    assert_eq!(
        counts(&stand.run(&rules, 20, true)),
        [("raw", "a", 0, 1), ("rejects", "a", 0, 1)]
    );
    assert_eq!(stand.blobs(), 1);
}

#[test]
fn bytes_that_another_report_has_too_stay_and_a_killed_deletion_is_finished() {
    let stand = stand();
    stand.receive("R-1", "a", 0, b"same", true);
    stand.receive("R-2", "b", 0, b"same", true);
    let a = [rule("a", Retained::Raw, "a", 10)];
    assert_eq!(counts(&stand.run(&a, 11, true)), [("a", "a", 1, 0)]);
    assert_eq!(stand.blobs(), 1);
    let all = [rule("all", Retained::Raw, "*", 10)];
    assert_eq!(counts(&stand.run(&all, 11, true)), [("all", "b", 1, 0)]);
    assert_eq!(stand.blobs(), 0);
    // As if the process had been killed between the record and the deletion.
    stand.blobs.put_bytes(b"same").unwrap();
    assert!(stand.run(&all, 11, true).is_empty());
    assert_eq!(stand.blobs(), 0);
}
