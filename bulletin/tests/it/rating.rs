//! Ratings: the calibration against printed words, and the arithmetic of the default profile.

use bulletin::history;
use bulletin::rating::profile::BUILT_IN;
use bulletin::rating::{
    DEFAULT_RATING, DEFAULT_VULNERABILITY, Infrastructure, Outcome, Profile, RatedWeek, Unassessed,
    propose,
};
use bulletin::statistics;
use model::bulletin::{Decimal, Text};
use model::statistic::{
    Counted, FeedCoverage, Measured, Missing, Quantity, SourceCount, StatisticValue,
};

use crate::counting::full;

/// Figures and words of the 16 rated weeks that DOMAIN section 1.2 lists.
const RATED: &str = include_str!("../fixtures/rating_history.csv");

/// A week in which each named statistic has a count from one feed.
pub fn counts(of: &[(&str, u64)]) -> Vec<StatisticValue> {
    statistics::all()
        .into_iter()
        .map(|statistic| {
            let count = of
                .iter()
                .find(|(id, _)| *id == statistic.id)
                .map(|(_, count)| *count);
            StatisticValue {
                statistic: statistic.id.to_owned(),
                version: statistic.version,
                measured: match count {
                    Some(count) => Measured::Available {
                        quantity: Quantity::Count(Counted::of(vec![SourceCount {
                            feeds: vec!["a".into()],
                            count,
                        }])),
                    },
                    None => Measured::NotAvailable {
                        reason: Missing::NoSource {
                            observed: statistic.observed,
                        },
                    },
                },
                sources: if count.is_some() {
                    vec!["a".into()]
                } else {
                    vec![]
                },
                parts: vec![],
            }
        })
        .collect()
}

#[test]
fn the_calibration_profile_gives_the_printed_word_in_14_of_14_weeks() {
    let profile = Profile::named("cncert-2013-2016", &[]).expect("it comes with the program");
    let rows = history::read("weekly", RATED).expect("the fixture reads");
    let mut checked = 0;
    for row in &rows {
        let printed = row.values["rating_zh"].as_str().expect("a word");
        if !row.values.contains_key("infected_wan") {
            continue;
        }
        let values = history::values_of(&row.values);
        let rating = propose(
            &profile,
            RatedWeek {
                values: &values,
                coverage: &[],
            },
            &[],
            &[],
        );
        assert_eq!(
            rating.word().map(|word| word.zh.as_str()),
            Some(printed),
            "{} {:?}",
            row.year,
            row.number
        );
        checked += 1;
    }
    assert_eq!((rows.len(), checked), (16, 14));
}

/// The same fixture, against the original where it is at hand.
#[test]
fn the_fixture_agrees_with_the_collected_history() {
    let Some(text) = crate::history::collected() else {
        return;
    };
    let collected = history::read("weekly", &text).expect("it reads");
    for row in history::read("weekly", RATED).expect("the fixture reads") {
        let same = collected.iter().find(|other| {
            other.year == row.year && other.number == row.number && other.kind == row.kind
        });
        let same = same.expect("the week is there");
        for (name, value) in &row.values {
            assert_eq!(
                same.values.get(name),
                Some(value),
                "{} {:?} {name}",
                row.year,
                row.number
            );
        }
    }
}

#[test]
fn built_in_profiles_are_sound_and_found() {
    for text in BUILT_IN {
        let profile = Profile::parse("built-in", text).expect("sound");
        assert_eq!(Profile::named(&profile.id, &[]).expect("found"), profile);
    }
    assert_eq!(
        Profile::named(DEFAULT_RATING, &[])
            .expect("found")
            .levels
            .len(),
        5
    );
    assert_eq!(
        Profile::named(DEFAULT_VULNERABILITY, &[])
            .expect("found")
            .words()[0],
        Text::new("低", "Low")
    );
    let error = Profile::named("nothing", &[])
        .expect_err("refused")
        .to_string();
    assert!(error.contains("baseline-13"), "{error}");
    for (from, to, told) in [
        ("up_to = 0.14", "up_to = -0.5", "below the one before"),
        (
            "statistic = \"W5\"",
            "statistic = \"W99\"",
            "W99 is no statistic",
        ),
        ("weight = 0.40", "weight = 0.0", "above 0"),
        ("min_weeks = 8", "min_weeks = 80", "min_weeks"),
        ("cap = 4", "cap = 9", "there is no level 9"),
        ("[name]", "[names]", "unknown field"),
    ] {
        let error = Profile::parse("mine.toml", &BUILT_IN[0].replace(from, to))
            .expect_err("refused")
            .to_string();
        assert!(
            error.contains(told) && error.contains("mine.toml"),
            "{error}"
        );
    }
}

const NORMAL: [(&str, u64); 5] = [
    ("M1", 100_000),
    ("W5", 1_000),
    ("W2", 20),
    ("V2", 50),
    ("W4", 10),
];

fn rate(
    this: &[(&str, u64)],
    past: &[Vec<(&str, u64)>],
    events: &[Infrastructure],
) -> bulletin::rating::Rating {
    let profile = Profile::named(DEFAULT_RATING, &[]).expect("it comes with the program");
    let coverage: Vec<FeedCoverage> = vec![full("a")];
    let now = counts(this);
    let past: Vec<Vec<StatisticValue>> = past.iter().map(|week| counts(week)).collect();
    let before: Vec<RatedWeek<'_>> = past
        .iter()
        .map(|values| RatedWeek {
            values,
            coverage: &coverage,
        })
        .collect();
    propose(
        &profile,
        RatedWeek {
            values: &now,
            coverage: &coverage,
        },
        &before,
        events,
    )
}

#[test]
fn a_week_like_its_baseline_scores_zero() {
    let past = vec![NORMAL.to_vec(); 13];
    let rating = rate(&NORMAL, &past, &[]);
    assert_eq!(
        (rating.level(), rating.score),
        (Some(2), Some(Decimal::ZERO))
    );
    // Everything half as much again: ln 1.5 = 0.4055.
    let more: Vec<(&str, u64)> = NORMAL
        .iter()
        .map(|(id, count)| (*id, count * 3 / 2))
        .collect();
    let rating = rate(&more, &past, &[]);
    assert_eq!(
        (rating.level(), rating.score),
        (Some(3), Some(Decimal::new(4055, 4)))
    );
    let weights: f64 = rating
        .indicators
        .iter()
        .map(|row| row.weight.to_f64())
        .sum();
    assert!((weights - 1.0).abs() < 1e-9);
    assert_eq!(rating.indicators[0].median_doubled, Some(200_000));
    // None at all counts as one half and is far better.
    let none: Vec<(&str, u64)> = NORMAL.iter().map(|(id, _)| (*id, 0)).collect();
    assert_eq!(rate(&none, &past, &[]).level(), Some(1));
}

#[test]
fn weights_are_renormalised_over_what_is_available() {
    let past = vec![NORMAL.to_vec(); 13];
    // M1 and W2 hold 0.55 of the weight: M1 doubled then counts 0.40 / 0.55.
    let rating = rate(&[("M1", 200_000), ("W2", 20)], &past, &[]);
    assert_eq!(rating.score, Some(Decimal::new(5041, 4)));
    assert_eq!(
        rating
            .indicators
            .iter()
            .filter(|row| row.uncounted.is_some())
            .count(),
        3
    );
}

#[test]
fn too_little_to_go_by_is_not_assessed() {
    let reason = |rating: bulletin::rating::Rating| match rating.outcome {
        Outcome::NotAssessed { reason } => reason,
        other => panic!("{other:?}"),
    };
    let short = reason(rate(&NORMAL, &vec![NORMAL.to_vec(); 7], &[]));
    assert_eq!(
        short,
        Unassessed::ShortBaseline {
            weeks: 7,
            needed: 8
        }
    );
    assert!(short.text(&[]).en.contains("7") && short.text(&[]).zh.contains('8'));
    let light = reason(rate(
        &[("W5", 1_000), ("W2", 20), ("W4", 10)],
        &vec![NORMAL.to_vec(); 13],
        &[],
    ));
    assert_eq!(
        light,
        Unassessed::LittleWeight {
            percent: 45,
            needed: 50
        }
    );
    assert_eq!(
        reason(rate(&[], &vec![NORMAL.to_vec(); 13], &[])),
        Unassessed::Nothing
    );
}

fn event(grade: u8) -> Infrastructure {
    Infrastructure {
        id: "INF-1".into(),
        name: Text::new("骨干网中断", "backbone outage"),
        place: Text::new("全国", "nation-wide"),
        scope: "nation".into(),
        grade,
        start_at: 0,
        end_at: None,
        effect: Text::default(),
    }
}

#[test]
fn infrastructure_events_cap_the_level() {
    let past = vec![NORMAL.to_vec(); 13];
    for (grade, level) in [(4, 2), (3, 3), (2, 4), (1, 5)] {
        let rating = rate(&NORMAL, &past, &[event(grade)]);
        assert_eq!(
            (rating.level(), rating.by_score),
            (Some(level), Some(2)),
            "grade {grade}"
        );
        assert_eq!(
            rating.gates.iter().filter(|gate| gate.applied).count(),
            usize::from(grade < 4)
        );
    }
    let both = rate(&NORMAL, &past, &[event(3), event(2)]);
    assert_eq!(both.level(), Some(4));
}

/// Rated with short baselines the gates do not invent a level.
#[test]
fn a_gate_does_not_make_an_assessment() {
    assert_eq!(rate(&NORMAL, &[], &[event(1)]).level(), None);
}

#[test]
fn the_vulnerability_level_has_its_own_scale() {
    let profile = Profile::named(DEFAULT_VULNERABILITY, &[]).expect("it comes with the program");
    for (count, word) in [
        (116, "低"),
        (130, "低"),
        (146, "中"),
        (293, "中"),
        (315, "中"),
        (401, "高"),
    ] {
        let values = counts(&[("V1", count)]);
        let rating = propose(
            &profile,
            RatedWeek {
                values: &values,
                coverage: &[],
            },
            &[],
            &[],
        );
        assert_eq!(
            rating.word().map(|word| word.zh.as_str()),
            Some(word),
            "{count}"
        );
    }
    let rating = propose(
        &profile,
        RatedWeek {
            values: &counts(&[]),
            coverage: &[],
        },
        &[],
        &[],
    );
    assert_eq!(rating.level(), None);
}
