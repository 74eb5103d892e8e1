//! An outage must never print as an improvement: each feed is removed in turn.

use bulletin::rating::{DEFAULT_RATING, Outcome, Profile, RatedWeek, propose};
use bulletin::statistics;
use bulletin::statistics::compare::{Side, change_of};
use model::statistic::{
    Change, ChangeKind, Counted, FeedCoverage, Incomparable, Measured, Missing, Quantity,
    SourceCount, StatisticValue,
};
use proptest::prelude::*;

use crate::counting::full;

const FEEDS: [&str; 3] = ["a", "b", "c"];
const INDICATORS: [&str; 5] = ["M1", "W5", "W2", "V2", "W4"];
/// Sets of feeds that a key may be seen by.
const SETS: [&[&str]; 5] = [&["a"], &["b"], &["c"], &["a", "b"], &["b", "c"]];

/// One week: for each indicator how many keys each set of feeds saw.
type Week = Vec<[u64; SETS.len()]>;

fn values(week: &Week, without: &[&str]) -> Vec<StatisticValue> {
    statistics::all()
        .into_iter()
        .filter_map(|statistic| {
            let at = INDICATORS.iter().position(|id| *id == statistic.id)?;
            let parts: Vec<SourceCount> = SETS
                .iter()
                .zip(week[at])
                .map(|(set, count)| SourceCount {
                    feeds: set
                        .iter()
                        .filter(|feed| !without.contains(feed))
                        .map(|feed| (*feed).to_owned())
                        .collect(),
                    count,
                })
                .filter(|part| !part.feeds.is_empty())
                .collect();
            let left: Vec<String> = FEEDS
                .iter()
                .filter(|feed| !without.contains(feed))
                .map(|feed| (*feed).to_owned())
                .collect();
            Some(StatisticValue {
                statistic: statistic.id.to_owned(),
                version: 1,
                measured: if left.is_empty() {
                    Measured::NotAvailable {
                        reason: Missing::NoReport { feeds: vec![] },
                    }
                } else {
                    Measured::Available {
                        quantity: Quantity::Count(Counted::of(parts)),
                    }
                },
                sources: left,
                parts: vec![],
            })
        })
        .collect()
}

fn coverage(without: &[&str]) -> Vec<FeedCoverage> {
    FEEDS
        .iter()
        .map(|feed| FeedCoverage {
            seen_days: if without.contains(feed) { 0 } else { 7 },
            ..full(feed)
        })
        .collect()
}

/// A change that a page would show as better: fewer, over all sources.
fn reads_as_better(change: &Change) -> bool {
    change.like_for_like.is_none()
        && matches!(
            change.kind,
            ChangeKind::Percent { .. } | ChangeKind::SmallBase
        )
        && change.this < change.last
}

fn changes(
    this: &[StatisticValue],
    now: &[FeedCoverage],
    last: &[StatisticValue],
    then: &[FeedCoverage],
) -> Vec<Change> {
    INDICATORS
        .iter()
        .map(|id| {
            let statistic = statistics::named(id).expect("declared");
            let find = |values: &'_ [StatisticValue]| {
                values
                    .iter()
                    .position(|value| value.statistic == *id)
                    .expect("there")
            };
            let this = Side {
                value: &this[find(this)],
                coverage: now,
            };
            let last = Side {
                value: &last[find(last)],
                coverage: then,
            };
            change_of(statistic, None, this, Some(last))
        })
        .collect()
}

fn any_week() -> impl Strategy<Value = Week> {
    // Counts of a week lie within a factor of two of each other, as weeks of real feeds do.
    prop::collection::vec(prop::array::uniform5(20..40u64), INDICATORS.len())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn removing_a_feed_improves_no_indicator_and_no_rating(
        past in prop::collection::vec(any_week(), 10),
        this in any_week(),
    ) {
        let profile = Profile::named(DEFAULT_RATING, &[]).expect("it comes with the program");
        let all = coverage(&[]);
        let past: Vec<Vec<StatisticValue>> = past.iter().map(|week| values(week, &[])).collect();
        let before: Vec<RatedWeek<'_>> = past.iter().map(|values| RatedWeek { values, coverage: &all }).collect();
        let whole = values(&this, &[]);
        let rated = propose(&profile, RatedWeek { values: &whole, coverage: &all }, &before, &[]);
        let level = rated.level().expect("a full week is assessed");
        for gone in [&["a"][..], &["b"], &["c"], &["a", "b"], &["a", "c"], &["b", "c"], &["a", "b", "c"]] {
            let now = coverage(gone);
            let left = values(&this, gone);
            for change in changes(&left, &now, &past[0], &all) {
                prop_assert!(!reads_as_better(&change), "{gone:?}: {change:?}");
                if let Some(sources) = &change.like_for_like {
                    prop_assert!(sources.iter().all(|feed| !gone.contains(&feed.as_str())));
                } else {
                    prop_assert!(matches!(change.kind, ChangeKind::Omitted | ChangeKind::NotComparable { .. }), "{change:?}");
                }
            }
            let silent = propose(&profile, RatedWeek { values: &left, coverage: &now }, &before, &[]);
            if let Outcome::Assessed { level: without } = silent.outcome {
                prop_assert!(without >= level, "{gone:?}: {without} is better than {level}: {silent:?}");
            }
            // Had the entry been removed with the feed, nothing would be better either.
            let removed: Vec<FeedCoverage> = now.iter().filter(|coverage| !gone.contains(&coverage.feed.as_str())).cloned().collect();
            for change in changes(&left, &removed, &past[0], &all) {
                prop_assert!(!reads_as_better(&change), "{gone:?}: {change:?}");
            }
            let silent = propose(&profile, RatedWeek { values: &left, coverage: &removed }, &before, &[]);
            if let Outcome::Assessed { level: without } = silent.outcome {
                prop_assert!(without >= level, "{gone:?}: {without} is better than {level}");
            }
        }
    }
}

#[test]
fn a_partial_outage_and_a_changed_source_count_as_incomplete() {
    let week: Week = vec![[100, 50, 50, 0, 0]; 5];
    let last = values(&week, &[]);
    let mut now = coverage(&[]);
    now[1].seen_days = 6;
    let this: Week = vec![[110, 10, 50, 0, 0]; 5];
    let found = changes(&values(&this, &[]), &now, &last, &coverage(&[]));
    assert_eq!(
        found[0].like_for_like.as_deref(),
        Some(&["a".to_owned(), "c".to_owned()][..])
    );
    assert_eq!(found[0].kind, ChangeKind::Percent { tenths: 67 });
    let mut now = coverage(&[]);
    now.iter_mut().for_each(|feed| feed.changed = true);
    let found = changes(&values(&this, &[]), &now, &last, &coverage(&[]));
    assert_eq!(
        found[0].kind,
        ChangeKind::NotComparable {
            reason: Incomparable::NoCommonSource
        }
    );
}

#[test]
fn a_feed_that_was_incomplete_last_week_is_left_out_this_week_too() {
    let week: Week = vec![[100, 50, 50, 0, 0]; 5];
    let last = values(&vec![[100, 5, 50, 0, 0]; 5], &[]);
    let mut then = coverage(&[]);
    then[1].seen_days = 1;
    let found = changes(&values(&week, &[]), &coverage(&[]), &last, &then);
    assert_eq!(found[0].kind, ChangeKind::Flat);
    assert!(found[0].like_for_like.is_some());
}

/// A back issue knows no sources: it is a baseline only for a complete week.
#[test]
fn an_imported_baseline_is_compared_with_complete_weeks_only() {
    let this = values(&vec![[100, 50, 50, 0, 0]; 5], &[]);
    let mut last = values(&vec![[0; 5]; 5], &[]);
    for value in &mut last {
        value.measured = Measured::Available {
            quantity: Quantity::Count(Counted::imported(100)),
        };
        value.sources.clear();
    }
    assert_eq!(
        changes(&this, &coverage(&[]), &last, &[])[0].kind,
        ChangeKind::Percent { tenths: 1000 }
    );
    let found = changes(&this, &coverage(&["a"]), &last, &[]);
    assert_eq!(
        found[0].kind,
        ChangeKind::NotComparable {
            reason: Incomparable::UnknownSources
        }
    );
}

/// A part may count what feeds bring that cannot supply the statistic: pages without a known target.
/// Their outage is no improvement of that part either.
#[test]
fn parts_watch_their_own_sources() {
    let value = |untargeted: u64| StatisticValue {
        statistic: "W5".into(),
        version: 1,
        measured: Measured::Available {
            quantity: Quantity::Count(Counted::of(vec![SourceCount {
                feeds: vec!["a".into()],
                count: 50,
            }])),
        },
        sources: vec!["a".into()],
        parts: vec![model::statistic::PartValue {
            id: "untargeted".into(),
            measured: Measured::Available {
                quantity: Quantity::Count(Counted::of(vec![SourceCount {
                    feeds: vec!["b".into()],
                    count: untargeted,
                }])),
            },
        }],
    };
    let statistic = statistics::named("W5").expect("declared");
    let (this, last) = (value(80), value(100));
    let mut now = coverage(&[]);
    now[1].seen_days = 6;
    let then = coverage(&[]);
    let of = |coverage: &[FeedCoverage], part: Option<&str>| {
        change_of(
            statistic,
            part,
            Side {
                value: &this,
                coverage,
            },
            Some(Side {
                value: &last,
                coverage: &then,
            }),
        )
    };
    assert_eq!(
        of(&then, Some("untargeted")).kind,
        ChangeKind::Percent { tenths: -200 }
    );
    let found = of(&now, Some("untargeted"));
    assert_eq!(
        found.kind,
        ChangeKind::NotComparable {
            reason: Incomparable::NoCommonSource
        }
    );
    assert_eq!(of(&now, None).like_for_like, None);
    assert_eq!(
        Side {
            value: &this,
            coverage: &now
        }
        .completeness(Some("untargeted")),
        (0, 1)
    );
}

#[test]
fn the_pause_of_a_seldom_list_is_no_fall() {
    // `a` brings 20 keys in the week in which its list comes and none in the week in which it stands.
    let on: Week = vec![[20, 30, 0, 0, 0]; INDICATORS.len()];
    let off: Week = vec![[0, 30, 0, 0, 0]; INDICATORS.len()];
    let (came, stands) = (coverage(&[]), {
        let mut all = coverage(&[]);
        all[0].standing = true;
        all
    });
    for (this, now, last, then) in [
        (&off, &stands, &on, &came),
        (&on, &came, &off, &stands),
        (&off, &stands, &off, &stands),
    ] {
        for change in changes(&values(this, &[]), now, &values(last, &[]), then) {
            assert_eq!(change.kind, ChangeKind::Flat, "{change:?}");
            assert_eq!(
                change.like_for_like.as_deref(),
                Some(&["b".to_owned(), "c".to_owned()][..])
            );
        }
    }
    // Nor is it an outage: what the rating may lack is not assessed for its sake.
    let side = values(&off, &[]);
    let side = Side {
        value: &side[0],
        coverage: &stands,
    };
    assert!(side.owes_nothing("a") && !side.complete("a"));
    assert_eq!(side.completeness(None), (3, 3));
}
