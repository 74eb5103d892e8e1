//! Rules of drift on made profiles: what changed is named, and what is as usual is not.

use super::*;

const DAY: i64 = 86_400_000_000;
const T0: i64 = 1_673_222_400_000_000;

fn seen(day: i64, rows: u64) -> Seen {
    let profile = Profile {
        columns: ["time", "ip", "tag"].map(str::to_owned).into(),
        rows,
        filled: [
            ("source_ip".to_owned(), rows),
            ("class_type".to_owned(), rows),
        ]
        .into(),
        looked: rows.min(64),
        words: [(
            "class_type".to_owned(),
            [("vulnerable-system".to_owned(), rows.min(64))].into(),
        )]
        .into(),
        ..Profile::default()
    };
    Seen {
        row: ReportProfile {
            report_id: format!("R-{day:03}"),
            generation: 1,
            lake_snapshot: 1,
            feed: "scans".to_owned(),
            kind: "scan_telnet".to_owned(),
            at: T0 + day * DAY,
            list: None,
            rows: rows as i64,
            rejects: 0,
            damaged: 0,
            json: String::new(),
        },
        profile,
    }
}

/// Sixty days with a weekly swing and a little noise.
fn past(level: u64) -> Vec<Seen> {
    (0..60)
        .map(|day| {
            let swing = if day % 7 >= 5 { level / 3 } else { 0 };
            seen(day, level - swing + (day as u64 * 7919) % (level / 10 + 1))
        })
        .collect()
}

fn labels(seen: &[Seen], verdicts: &[Verdict]) -> Vec<String> {
    findings(seen, verdicts, &TimeZone::UTC, Timestamp(i64::MIN))
        .iter()
        .map(|finding| format!("{} {}", finding.report, finding.change))
        .collect()
}

fn verdict(decision: Decision, at: i64) -> Verdict {
    Verdict {
        id: 1,
        feed: "scans".to_owned(),
        kind: Some("scan_telnet".to_owned()),
        cause: "drift".to_owned(),
        decision,
        at: T0 + at * DAY,
        reason: "seen".to_owned(),
        actor: "test".to_owned(),
        created_at: T0,
    }
}

#[test]
fn the_usual_is_not_remarked() {
    for level in [3, 12, 60, 1_000, 40_000] {
        assert_eq!(labels(&past(level), &[]), [""; 0], "{level}");
    }
    // A small feed that jumps about.
    let mut small = past(4);
    small.push(seen(60, 30));
    assert_eq!(labels(&small, &[]), [""; 0]);
}

#[test]
fn each_change_is_named() {
    let with = |change: fn(&mut Seen)| {
        let mut all = past(1_000);
        let mut last = seen(60, 1_000);
        change(&mut last);
        all.push(last);
        labels(&all, &[])
    };
    let tenfold = with(|last| last.row.rows = 10_000);
    assert_eq!(tenfold.len(), 1);
    assert!(
        tenfold[0].contains("R-060 10000 rows where 10"),
        "{tenfold:?}"
    );
    assert!(tenfold[0].contains("on this weekday"), "{tenfold:?}");
    let halved = with(|last| last.row.rows = 480);
    assert!(halved[0].contains("480 rows"), "{halved:?}");
    let renamed = with(|last| {
        last.profile.columns = ["time", "address", "tag"].map(str::to_owned).into();
        last.profile.filled.remove("source_ip");
    });
    assert_eq!(
        renamed,
        [
            "R-060 new column `address`",
            "R-060 column `ip` is gone",
            "R-060 `source_ip` is filled in 0% of the rows, was 100%"
        ]
    );
    let words = with(|last| {
        last.profile.words.insert(
            "class_type".to_owned(),
            [("weak-crypto".to_owned(), 64)].into(),
        );
    });
    assert_eq!(
        words,
        [
            "R-060 new word `weak-crypto` in `class_type`, 100% of the rows",
            "R-060 `vulnerable-system` is gone from `class_type`, was 100% of the rows"
        ]
    );
    let refused = with(|last| last.row.rejects = 200);
    assert_eq!(
        refused,
        ["R-060 200 of 1000 rows refused, at most 0% before"]
    );
}

#[test]
fn a_list_that_shrinks_or_dries_up_is_held_back() {
    let list = |day: i64, rows: u64| {
        let mut one = seen(day * 7, rows);
        one.row.list = Some(String::new());
        one
    };
    let mut all: Vec<Seen> = (0..4).map(|week| list(week, 300 + week as u64)).collect();
    all.push(list(4, 100));
    let mut dry = seen(35, 0);
    dry.profile = Profile::default();
    all.push(dry);
    assert_eq!(
        labels(&all, &[]),
        [
            "R-028 the list shrank from 303 to 100 items: it delists nothing",
            "R-035 the list shrank from 100 to 0 items: it delists nothing"
        ]
    );
    let accepted = [verdict(Decision::Accepted, 28)];
    let found = findings(&all, &accepted, &TimeZone::UTC, Timestamp(i64::MIN));
    assert_eq!(
        found.len(),
        1,
        "accepted, the shorter list is what is listed: {found:?}"
    );
}

#[test]
fn an_accepted_change_is_usual_from_then_on_and_a_dismissed_one_never() {
    let mut all = past(1_000);
    all.extend((60..100).map(|day| seen(day, 10_000 + (day as u64 * 31) % 500)));
    let open = |verdicts: &[Verdict]| {
        findings(&all, verdicts, &TimeZone::UTC, Timestamp(i64::MIN))
            .iter()
            .filter(|finding| finding.decision.is_none())
            .count()
    };
    assert!(open(&[]) > 5);
    assert_eq!(open(&[verdict(Decision::Accepted, 60)]), 0);
    assert!(open(&[verdict(Decision::Dismissed, 60)]) > 5);
}
