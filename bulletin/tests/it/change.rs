//! A change falls into parts that add up to it, and each part is what it says.

use std::collections::BTreeMap;

use bulletin::change::assets::{self, AssetScan, Assets, Dimension, compare};
use bulletin::change::{Cause, ChangeExplanation, Confidence, Handled, Inputs, explain, page};
use bulletin::frozen::{FrozenWeek, Origin};
use bulletin::sections::figures::Names;
use bulletin::statistics::{self, Tally};
use jiff::civil::date;
use model::bulletin::{Lang, Text};
use model::statistic::{Counted, FeedCoverage, Measured, Quantity, StatisticValue};
use model::time::ReportingWeek;
use proptest::prelude::*;

use crate::composing::{self, USUAL};
use crate::counting::{full, week as events_week};
use crate::events::{batch, infected, phishing};

const FEEDS: [&str; 3] = ["a", "b", "c"];

fn template() -> &'static FrozenWeek {
    static MADE: std::sync::OnceLock<FrozenWeek> = std::sync::OnceLock::new();
    MADE.get_or_init(|| composing::this(USUAL, &[], &[]))
}

/// A frozen week with one figure and these feeds behind it.
fn frozen(monday: jiff::civil::Date, id: &str, count: u64, feeds: &[&str]) -> FrozenWeek {
    FrozenWeek {
        week: ReportingWeek::containing(monday),
        issue: model::issue::NumberingScheme::SundayOrdinal
            .issue(ReportingWeek::containing(monday))
            .expect("numbered"),
        coverage: feeds.iter().map(|feed| full(feed)).collect(),
        values: vec![StatisticValue {
            statistic: id.to_owned(),
            version: 1,
            measured: Measured::Available {
                quantity: Quantity::Count(Counted::imported(count)),
            },
            sources: feeds.iter().map(|feed| (*feed).to_owned()).collect(),
            parts: vec![],
        }],
        ..template().clone()
    }
}

const NONE: [&str; Dimension::ALL.len()] = [""; Dimension::ALL.len()];

fn names<T>(with: impl FnOnce(&Names<'_>) -> T) -> T {
    with(&Names {
        province: &|code| (code == 440_000).then(|| Text::new("广东", "Guangdong")),
        sector: &|_| None,
    })
}

fn told(
    this: &FrozenWeek,
    last: &FrozenWeek,
    past: &[FrozenWeek],
    assets: Option<(&Assets, &Assets)>,
) -> ChangeExplanation {
    let difference = assets.map(|(this, last)| compare(this, last));
    let found = names(|names| {
        explain(&Inputs {
            statistic: statistics::named(&this.values[0].statistic).expect("declared"),
            this,
            last,
            past,
            difference: difference.as_ref(),
            handled: None,
            names,
        })
    });
    let found = found.expect("both weeks have a figure");
    let sum: i64 = found.rows.iter().map(|row| row.count).sum();
    assert_eq!(sum, found.difference, "{:#?}", found.rows);
    found
}

fn some(
    keys: std::ops::Range<u32>,
    feeds: &[&str],
    attributes: [&str; Dimension::ALL.len()],
    into: &mut Assets,
) {
    for key in keys {
        into.put(0, &format!("key {key}"), feeds.iter().copied(), attributes);
    }
}

const THIS: jiff::civil::Date = date(2023, 3, 13);
const LAST: jiff::civil::Date = date(2023, 3, 6);

#[test]
fn what_only_a_new_feed_saw_is_put_down_to_it() {
    let (mut now, mut then) = (Assets::default(), Assets::default());
    some(0..100, &["a"], NONE, &mut then);
    some(5..100, &["a"], NONE, &mut now);
    some(100..140, &["b"], NONE, &mut now);
    some(140..142, &["a", "b"], NONE, &mut now);
    let (this, last) = (
        frozen(THIS, "W5", 137, &["a", "b"]),
        frozen(LAST, "W5", 100, &["a"]),
    );
    let found = told(&this, &last, &[], Some((&now, &then)));
    assert_eq!(
        (found.new, found.gone, found.continuing, found.difference),
        (42, 5, 95, 37)
    );
    assert_eq!(
        found.rows[0].cause,
        Cause::FeedsAdded {
            feeds: vec!["b".to_owned()]
        }
    );
    assert_eq!(
        (found.rows[0].new, found.rows[0].gone, found.rows[0].count),
        (40, 0, 40)
    );
    // Two that the old feed saw too, and five that are gone: no cause is known.
    assert_eq!(found.rows[1].cause, Cause::NotEstablished);
    assert_eq!(
        (found.rows[1].new, found.rows[1].gone, found.rows[1].count),
        (2, 5, -3)
    );
    let proposed = found.proposed.expect("37 % is large");
    assert_eq!(found.confidence, Confidence::High);
    assert!(
        proposed.zh.contains("{W5|个}") && proposed.zh.contains("仅新增数据源b一项即增加{=40个}"),
        "{}",
        proposed.zh
    );
    assert!(
        proposed.en.contains("feeds added: b alone make {=40} more"),
        "{}",
        proposed.en
    );
}

#[test]
fn campaigns_that_moved_stand_beside_the_change() {
    let tally = |rows: &[(&str, u64)]| -> BTreeMap<String, u64> {
        rows.iter()
            .map(|(name, n)| ((*name).to_owned(), *n))
            .collect()
    };
    let of = |campaigns| Handled {
        campaigns,
        ..Handled::default()
    };
    let (now, then) = (
        of(tally(&[("parcel refunds", 60), ("bonus", 4)])),
        of(tally(&[("bonus", 4), ("tax letters", 7)])),
    );
    let (this, last) = (
        frozen(THIS, "W5", 137, &["a"]),
        frozen(LAST, "W5", 100, &["a"]),
    );
    let difference = compare(&Assets::default(), &Assets::default());
    let found = names(|names| {
        explain(&Inputs {
            statistic: statistics::named("W5").expect("declared"),
            this: &this,
            last: &last,
            past: &[],
            difference: Some(&difference),
            handled: Some((&then, &now)),
            names,
        })
    });
    let movers = found.expect("both weeks have a figure").movers;
    let campaigns = movers.last().expect("they moved");
    assert!(campaigns.name.en.starts_with("campaign"), "{campaigns:?}");
    let rows: Vec<_> = campaigns
        .rows
        .iter()
        .map(|row| (row.name.en.as_str(), row.last, row.this))
        .collect();
    // What did not move is not named.
    assert_eq!(rows, [("parcel refunds", 0, 60), ("tax letters", 7, 0)]);
}

#[test]
fn feeds_that_went_lacked_or_came_back_are_told_apart() {
    let (mut now, mut then) = (Assets::default(), Assets::default());
    some(0..50, &["a"], NONE, &mut then);
    some(50..70, &["lost"], NONE, &mut then);
    some(70..80, &["silent"], NONE, &mut then);
    some(0..50, &["a"], NONE, &mut now);
    some(80..95, &["back"], NONE, &mut now);
    some(95..98, &["new-schema"], NONE, &mut now);
    let mut this = frozen(THIS, "W1", 68, &["a", "silent", "back", "new-schema"]);
    let mut last = frozen(
        LAST,
        "W1",
        80,
        &["a", "lost", "silent", "back", "new-schema"],
    );
    let find = |week: &mut FrozenWeek, feed: &str, change: fn(&mut FeedCoverage)| {
        change(
            week.coverage
                .iter_mut()
                .find(|coverage| coverage.feed == feed)
                .expect("there"),
        );
    };
    find(&mut this, "silent", |coverage| coverage.seen_days = 2);
    find(&mut last, "back", |coverage| coverage.seen_days = 0);
    find(&mut this, "new-schema", |coverage| coverage.changed = true);
    let found = told(&this, &last, &[], Some((&now, &then)));
    let parts: Vec<(String, i64)> = found
        .rows
        .iter()
        .map(|row| {
            (
                serde_json::to_value(&row.cause).expect("JSON")["kind"]
                    .as_str()
                    .expect("a kind")
                    .to_owned(),
                row.count,
            )
        })
        .collect();
    let expected = [
        ("feeds_recovered", 15),
        ("feeds_lost", -20),
        ("feeds_incomplete", -10),
        ("detector_changed", 3),
    ];
    assert_eq!(
        parts,
        expected.map(|(kind, count)| (kind.to_owned(), count))
    );
}

#[test]
fn a_group_that_stands_out_takes_its_assets() {
    let (mut now, mut then) = (Assets::default(), Assets::default());
    let guangdong = |network: &'static str| ["", "", network, "440000", ""];
    some(0..200, &["a"], guangdong("AS64496"), &mut then);
    some(0..200, &["a"], guangdong("AS64496"), &mut now);
    some(
        200..280,
        &["a"],
        ["", "bank", "AS64500", "110000", ""],
        &mut now,
    );
    some(280..290, &["a"], guangdong("AS64496"), &mut now);
    let found = told(
        &frozen(THIS, "W5", 290, &["a"]),
        &frozen(LAST, "W5", 200, &["a"]),
        &[],
        Some((&now, &then)),
    );
    let Cause::Group { dimension, group } = &found.rows[0].cause else {
        panic!("{:#?}", found.rows);
    };
    // Brand, network and province moved alike: the most telling is named, and the assets count once.
    assert_eq!(
        (*dimension, group.as_str(), found.rows[0].count),
        (Dimension::Brand, "bank", 80)
    );
    assert_eq!(
        found.rows.last().map(|row| (row.cause.clone(), row.count)),
        Some((Cause::NotEstablished, 10))
    );
    assert_eq!(found.confidence, Confidence::Medium);
    let provinces = &found.movers[0];
    assert_eq!(
        (
            provinces.name.en.as_str(),
            provinces.rows[0].last,
            provinces.rows[0].this
        ),
        ("province", 0, 80)
    );
    assert_eq!(provinces.rows[1].name.zh, "广东");
}

#[test]
fn even_growth_is_put_down_to_no_group() {
    let (mut now, mut then) = (Assets::default(), Assets::default());
    for (at, province) in ["440000", "320000", "110000", "330000"]
        .into_iter()
        .enumerate()
    {
        let from = at as u32 * 1000;
        some(
            from..from + 100,
            &["a"],
            ["", "", "", province, ""],
            &mut then,
        );
        some(
            from..from + 130,
            &["a"],
            ["", "", "", province, ""],
            &mut now,
        );
    }
    let found = told(
        &frozen(THIS, "W5", 520, &["a"]),
        &frozen(LAST, "W5", 400, &["a"]),
        &[],
        Some((&now, &then)),
    );
    assert_eq!(found.rows.len(), 1);
    assert_eq!(found.rows[0].cause, Cause::NotEstablished);
    assert_eq!(found.confidence, Confidence::NotEstablished);
    assert!(
        found
            .proposed
            .is_some_and(|text| text.zh.contains("原因尚未查明"))
    );
}

#[test]
fn the_same_holiday_week_of_another_year_is_laid_beside() {
    // The week of the Spring Festival of 2024, and that of 2023, which fell by a fifth.
    let this = frozen(date(2024, 2, 12), "W1", 70, &["a"]);
    let last = frozen(date(2024, 2, 5), "W1", 100, &["a"]);
    let past = [
        last.clone(),
        frozen(date(2023, 1, 23), "W1", 160, &["a"]),
        frozen(date(2023, 1, 16), "W1", 200, &["a"]),
    ];
    let (mut now, mut then) = (Assets::default(), Assets::default());
    some(0..100, &["a"], NONE, &mut then);
    some(0..70, &["a"], NONE, &mut now);
    let found = told(&this, &last, &past, Some((&now, &then)));
    assert_eq!(
        found.calendar.this.as_ref().map(|text| text.zh.as_str()),
        Some("春节")
    );
    let parts: Vec<(&Cause, i64)> = found
        .rows
        .iter()
        .map(|row| (&row.cause, row.count))
        .collect();
    assert_eq!(
        parts,
        [(&Cause::Calendar, -20), (&Cause::NotEstablished, -10)]
    );
    assert_eq!(found.rows[0].confidence, Confidence::Low);
    // Without that year's weeks nothing is put down to the holiday.
    let found = told(&this, &last, &past[..1], Some((&now, &then)));
    assert_eq!(found.rows[0].cause, Cause::NotEstablished);
}

#[test]
fn changed_rules_are_a_part_of_their_own() {
    let (mut now, mut then) = (Assets::default(), Assets::default());
    some(0..100, &["a"], NONE, &mut then);
    some(0..100, &["a"], NONE, &mut now);
    // Frozen last week under a definition that counted 120 of the same records.
    let mut last = frozen(LAST, "W1", 120, &["a"]);
    last.values[0].version = 0;
    let found = told(
        &frozen(THIS, "W1", 100, &["a"]),
        &last,
        &[],
        Some((&now, &then)),
    );
    assert_eq!(found.rows.len(), 1);
    assert_eq!(
        (
            found.rows[0].cause.clone(),
            found.rows[0].count,
            found.rows[0].confidence
        ),
        (Cause::Recount, -20, Confidence::High)
    );
    assert!(
        found.rows[0]
            .evidence
            .en
            .contains("the definition went from v0 to v1"),
        "{}",
        found.rows[0].evidence.en
    );
}

#[test]
fn a_back_issue_has_no_assets_to_compare() {
    let mut last = frozen(LAST, "W1", 80, &[]);
    last.origin = Origin::Imported {
        source: "test".to_owned(),
    };
    let found = told(&frozen(THIS, "W1", 100, &["a"]), &last, &[], None);
    assert_eq!(found.rows.len(), 1);
    assert_eq!(
        (found.rows[0].cause.clone(), found.rows[0].count),
        (Cause::NotEstablished, 20)
    );
    assert!(
        found
            .remarks
            .iter()
            .any(|text| text.en.contains("not here"))
    );
}

#[test]
fn what_counts_nothing_has_no_parts() {
    for id in ["H3", "M5", "V5", "T1", "W7"] {
        let error = assets::inputs(statistics::named(id).expect("declared")).expect_err(id);
        assert!(error.to_string().contains(id), "{error}");
    }
}

/// The scan finds as many assets as the tally counts, for every statistic that is counted in it.
#[test]
fn assets_are_those_that_are_counted() {
    let events = events_week();
    let mut tally = Tally::new([]);
    tally.add(&batch(&events)).expect("a batch");
    let tally = tally.finish();
    for statistic in statistics::scanned() {
        let Ok(inputs) = assets::inputs(statistic) else {
            continue;
        };
        if !assets::is_scanned(statistic) {
            continue;
        }
        let counted: u64 = inputs.iter().map(|cell| tally.cell(cell).count).sum();
        // In two scans that are merged, either way round.
        let (first, second) = events.split_at(events.len() / 2);
        for halves in [[first, second], [second, first]] {
            let mut scans = halves.map(|half| {
                let mut scan = AssetScan::new(&inputs, vec![]);
                scan.add(&batch(half)).expect("a batch");
                scan
            });
            let other = std::mem::replace(&mut scans[1], AssetScan::new(&inputs, vec![]));
            let [mut all, _] = scans;
            all.merge(other);
            assert_eq!(all.finish().count(), counted, "{}", statistic.id);
        }
    }
}

#[test]
fn groups_come_from_the_events() {
    let inputs = assets::inputs(statistics::named("M2").expect("declared")).expect("a count");
    let scan = |events: &[crate::events::Event]| {
        let mut scan = AssetScan::new(&inputs, vec![]);
        scan.add(&batch(events)).expect("a batch");
        scan.finish()
    };
    let now = scan(&[
        infected("a", "192.0.2.1", "linux/mirai.b"),
        infected("b", "192.0.2.2", "qakbot"),
        phishing("p", "http://p.example/", "p.example"),
    ]);
    let then = scan(&[infected("a", "192.0.2.1", "mirai.a")]);
    let found = compare(&now, &then);
    assert_eq!((found.this, found.last, found.continuing), (2, 1, 1));
    assert_eq!(
        found.groups[&(Dimension::Family, "mirai".to_owned())],
        (1, 1)
    );
    assert_eq!(
        found.groups[&(Dimension::Province, "440000".to_owned())],
        (1, 2)
    );
    let moved: Vec<_> = found.moved.keys().collect();
    assert_eq!(
        (moved.len(), moved[0].new, moved[0].feeds.as_slice()),
        (1, true, &["b".to_owned()][..])
    );
}

#[test]
fn the_page_says_what_the_rows_say_in_both_languages() {
    let (mut now, mut then) = (Assets::default(), Assets::default());
    some(0..10_000, &["a"], NONE, &mut then);
    some(2_000..10_000, &["a"], NONE, &mut now);
    some(
        10_000..15_000,
        &["b"],
        ["", "<bank>", "AS64500", "440000", "test"],
        &mut now,
    );
    let found = told(
        &frozen(THIS, "W5", 13_000, &["a", "b"]),
        &frozen(LAST, "W5", 10_000, &["a"]),
        &[],
        Some((&now, &then)),
    );
    for (lang, told) in [
        (Lang::Zh, ["新增数据源b", "+5000", "尚未查明", "广东"]),
        (
            Lang::En,
            ["feeds added: b", "+5,000", "not established", "Guangdong"],
        ),
    ] {
        let html = page::html(&found, lang);
        for text in told {
            assert!(html.contains(text), "{text}");
        }
        assert!(
            !html.contains("<bank>") && !html.contains("http"),
            "escaped, and nothing is loaded"
        );
        assert_eq!(html, page::html(&found, lang));
        if let Some(folder) = std::env::var_os("WATCHFIRE_PAGES") {
            std::fs::write(
                std::path::Path::new(&folder).join(format!("change.{}.html", lang.code())),
                html,
            )
            .expect("written");
        }
    }
}

#[derive(Clone, Debug)]
struct Any {
    now: Option<(Vec<usize>, [u8; 5])>,
    then: Option<(Vec<usize>, [u8; 5])>,
}

fn any_asset() -> impl Strategy<Value = Any> {
    let side = || {
        prop::option::of((
            prop::collection::vec(0..3usize, 1..3),
            prop::array::uniform5(0..3u8),
        ))
    };
    (side(), side()).prop_map(|(now, then)| Any { now, then })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn parts_are_disjoint_and_add_up_exactly(
        all in prop::collection::vec(any_asset(), 0..120),
        sources in prop::array::uniform2(prop::collection::vec(any::<bool>(), 3)),
        days in prop::array::uniform2(prop::collection::vec(0..8u32, 3)),
        changed in prop::collection::vec(any::<bool>(), 3),
        drift in prop::array::uniform2(-3..4i64),
        before in prop::option::of((1..300u64, 1..300u64)),
    ) {
        const WORDS: [&str; 3] = ["", "x", "y"];
        let (mut now, mut then) = (Assets::default(), Assets::default());
        for (at, asset) in all.iter().enumerate() {
            for (side, into) in [(&asset.now, &mut now), (&asset.then, &mut then)] {
                if let Some((feeds, attributes)) = side {
                    into.put(0, &format!("{at}"), feeds.iter().map(|feed| FEEDS[*feed]), attributes.map(|word| WORDS[usize::from(word)]));
                }
            }
        }
        let week = |monday, count: u64, side: usize| {
            let named: Vec<&str> = FEEDS.iter().zip(&sources[side]).filter(|(_, there)| **there).map(|(feed, _)| *feed).collect();
            let drifted = count.saturating_add_signed(drift[side]);
            let mut week = frozen(monday, "W1", drifted, &named);
            for (at, feed) in FEEDS.iter().enumerate() {
                if let Some(coverage) = week.coverage.iter_mut().find(|coverage| coverage.feed == *feed) {
                    coverage.seen_days = days[side][at];
                    coverage.changed = side == 0 && changed[at];
                }
            }
            week
        };
        let (this, last) = (week(date(2024, 2, 12), now.count(), 0), week(date(2024, 2, 5), then.count(), 1));
        let mut past = vec![last.clone()];
        if let Some((holiday, ahead)) = before {
            past.push(frozen(date(2023, 1, 23), "W1", holiday, &["a"]));
            past.push(frozen(date(2023, 1, 16), "W1", ahead, &["a"]));
        }
        let difference = compare(&now, &then);
        let found = told(&this, &last, &past, Some((&now, &then)));
        prop_assert_eq!(found.this as i64 - found.last as i64, found.difference);
        // No asset is told twice, and none is lost.
        prop_assert_eq!(found.rows.iter().map(|row| row.new).sum::<u64>(), found.new - lost(&found, true));
        prop_assert_eq!(found.rows.iter().map(|row| row.gone).sum::<u64>(), found.gone - lost(&found, false));
        prop_assert_eq!(found.new + found.continuing, difference.this);
        prop_assert_eq!(found.gone + found.continuing, difference.last);
        let kinds: BTreeMap<String, usize> = found.rows.iter().fold(BTreeMap::new(), |mut kinds, row| {
            *kinds.entry(format!("{:?}", row.cause)).or_default() += 1;
            kinds
        });
        prop_assert!(kinds.values().all(|count| *count == 1), "{:?}", kinds);
    }
}

/// New and gone assets that balance, so that no row is left for them.
fn lost(found: &ChangeExplanation, new: bool) -> u64 {
    let told = |row: &bulletin::change::Row| if new { row.new } else { row.gone };
    let all = if new { found.new } else { found.gone };
    let shown: u64 = found.rows.iter().map(told).sum();
    let open = found
        .rows
        .iter()
        .any(|row| row.cause == Cause::NotEstablished);
    match open {
        true => 0,
        false => all - shown,
    }
}
