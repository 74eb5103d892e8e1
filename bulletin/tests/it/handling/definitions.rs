//! A definition changes: the one before runs beside it, the weeks before are restated, and an issue that drops the
//! old figure too early is not signed.

use bulletin::editorial::Editorial;
use bulletin::lint::{Finding, Subject, lint};
use bulletin::publish::{self, Edition, Life, Settings, Site};
use model::bulletin::Tlp;
use model::statistic::{Counted, Predecessor, Words};

use super::*;

const NEXT: i64 = MONDAY + WEEK;

/// The declared statistics with I1 counting by another rule (that of I2) since the week of NEXT, the old figure
/// beside it for so many weeks.
fn changed(weeks: u32) -> Vec<&'static Statistic> {
    let old = statistics::named("I1").expect("declared");
    let before: &'static Predecessor = Box::leak(Box::new(Predecessor {
        since: Timestamp(NEXT).day().date(),
        weeks,
        definition: old,
        change: Words::new("只计跨境事件", "only cross-border incidents count"),
    }));
    let new: &'static Statistic = Box::leak(Box::new(Statistic {
        version: 2,
        before: Some(before),
        formula: statistics::named("I2").expect("declared").formula,
        ..*old
    }));
    let mut all = statistics::all();
    for statistic in &mut all {
        if statistic.id == "I1" {
            *statistic = new;
        }
    }
    all
}

fn found(bulletin: &Bulletin, frozen: &FrozenWeek, past: &[FrozenWeek]) -> Vec<Finding> {
    let subject = Subject {
        bulletin,
        frozen,
        past,
        baseline: None,
        editorial: &Editorial::default(),
        feeds: &[],
        outputs: &[],
        closures: None,
        names: &Names {
            province: &|_| None,
            sector: &|_| None,
        },
        public: true,
        series_tlp: Tlp::Clear,
        published: &[],
        files: &[],
    };
    let rules = [
        "former",
        "definition",
        "baseline",
        "frozen",
        "print",
        "label",
    ];
    let mut all = lint(&subject);
    all.retain(|finding| rules.contains(&finding.rule));
    all
}

fn counts(value: &model::statistic::StatisticValue) -> (u32, u64) {
    let counted = value.measured.count().expect("a count");
    (value.version, counted.count)
}

#[tokio::test]
async fn both_are_printed_and_the_weeks_before_are_counted_again() {
    let mut desk = Desk::new().await;
    let worked = week_of_work(&mut desk, MONDAY).await;
    desk.down(worked.waiting, NEXT + 5 * HOUR).await;
    let declared = changed(4);

    let first = desk.freeze(MONDAY, &[]).await;
    let abroad = count(&first, "I2");
    assert!(abroad > 0 && abroad < 10, "{abroad}");
    // A week before the change is counted as it was, to the byte.
    let again = desk.freeze_by(&declared, MONDAY, &[]).await;
    assert_eq!(again.to_json(), first.to_json());

    let past = [first];
    let this = desk.freeze_by(&declared, NEXT, &past).await;
    let value = this.value("I1").expect("there");
    assert_eq!(counts(value), (2, count(&this, "I2")));
    let [former] = &this.former[..] else {
        panic!("{:?}", this.former);
    };
    assert_eq!(counts(&former.value), (1, 1));
    let [restated] = &this.restated[..] else {
        panic!("{:?}", this.restated);
    };
    assert_eq!(restated.week, past[0].week);
    assert_eq!(counts(&restated.value), (2, abroad));
    // The stored form reads back.
    let kept = this.to_json();
    assert_eq!(FrozenWeek::from_json("2023-4", &kept).expect("reads"), this);

    let made = printed(&this, &past);
    let exact = |key: &str| {
        let value = made.value(key).expect("listed");
        let plain = |amount: &model::bulletin::Amount| amount.exact.plain();
        (
            value.definition_version,
            value.value.as_ref().map(plain).expect("a value"),
            value.previous.as_ref().map(plain).expect("last week's"),
        )
    };
    let now = count(&this, "I2").to_string();
    assert_eq!(exact("I1"), (2, now, abroad.to_string()), "like with like");
    assert_eq!(exact("I1@v1"), (1, "1".into(), "10".into()), "as printed");
    let note = made.notes.iter().find(|note| note.id == "definitions");
    let note = &note.expect("a note").text;
    for (lang, words) in [(Lang::Zh, "只计跨境事件"), (Lang::En, "only cross-border")] {
        let text = note.plain(lang);
        assert!(text.contains(words) && text.contains("I1"), "{text}");
    }
    assert_eq!(found(&made, &this, &past), []);

    // Broken twins: the figure left out of the issue, and left out of the week.
    let mut without = made.clone();
    without.values.retain(|value| value.key != "I1@v1");
    let rules: Vec<_> = found(&without, &this, &past)
        .iter()
        .map(|one| one.rule)
        .collect();
    assert!(rules.contains(&"former"), "{rules:?}");
    let mut dropped = this.clone();
    dropped.former.clear();
    let rules: Vec<_> = found(&printed(&dropped, &past), &dropped, &past)
        .iter()
        .map(|one| one.rule)
        .collect();
    assert_eq!(rules, ["former"]);
}

#[tokio::test]
async fn the_old_figure_stays_four_weeks_and_the_restated_past_stays_on() {
    let mut desk = Desk::new().await;
    week_of_work(&mut desk, MONDAY).await;
    for (weeks, first_finding) in [(4, None), (2, Some(3))] {
        let declared = changed(weeks);
        let mut past = vec![desk.freeze(MONDAY, &[]).await];
        for n in 1..=6_i64 {
            let week = desk.freeze_by(&declared, MONDAY + n * WEEK, &past).await;
            let beside = n <= i64::from(weeks);
            assert_eq!(
                week.former.len(),
                usize::from(beside),
                "week {n} of {weeks}"
            );
            assert_eq!(week.restated.len(), 1, "carried on in week {n}");
            let made = printed(&week, &past);
            assert_eq!(made.value("I1@v1").is_some(), beside);
            let early = found(&made, &week, &past)
                .iter()
                .any(|finding| finding.rule == "former");
            let late = n > 4;
            let expected = first_finding.is_some_and(|first| n >= first) && !late;
            assert_eq!(early, expected, "week {n} of {weeks}");
            past.insert(0, week);
        }
    }
}

#[tokio::test]
async fn what_the_records_do_not_give_again_is_not_restated() {
    let mut desk = Desk::new().await;
    week_of_work(&mut desk, MONDAY).await;
    let mut first = desk.freeze(MONDAY, &[]).await;
    for value in &mut first.values {
        if value.statistic == "I1" {
            value.measured = Measured::Available {
                quantity: Quantity::Count(Counted::imported(11)),
            };
        }
    }
    let past = [first];
    let this = desk.freeze_by(&changed(4), NEXT, &past).await;
    assert_eq!(this.restated, [], "11 was printed, the records say 10");
    let made = printed(&this, &past);
    let value = made.value("I1").expect("listed");
    assert!(
        value.change.percent.is_none(),
        "two definitions do not compare"
    );
    assert_eq!(found(&made, &this, &past), []);
}

#[tokio::test]
async fn the_site_draws_the_restated_series_with_its_break() {
    let mut desk = Desk::new().await;
    week_of_work(&mut desk, MONDAY).await;
    let first = desk.freeze(MONDAY, &[]).await;
    let abroad = count(&first, "I2");
    let this = desk
        .freeze_by(&changed(4), NEXT, std::slice::from_ref(&first))
        .await;
    let issues = [
        (printed(&first, &[]), first.clone()),
        (printed(&this, std::slice::from_ref(&first)), this),
    ];
    let life = Life {
        first_published: Timestamp(NEXT),
        updated: Timestamp(NEXT),
        revised: vec![],
        withdrawn: None,
        files: vec![],
        former: vec![],
    };
    let editions = issues
        .iter()
        .map(|(bulletin, frozen)| Edition::of(bulletin, frozen, life.clone()));
    let editions: Vec<Edition> = editions.collect();
    let pages = |editions: &[Edition]| {
        let site = Site {
            title: &Text::new("周报", "Weekly"),
            organization: &Text::same("Example CERT"),
            about: None,
            settings: &Settings::default(),
            zone: const { &TimeZone::UTC },
            editions,
            history: &[],
            current: Some(&issues[1].0),
            lists: None,
            beside: publish::Beside::default(),
        };
        let pages = publish::pages(&site).expect("a site");
        let text = |name: &str| {
            let page = pages.iter().find(|page| page.name == name).expect("a page");
            String::from_utf8(page.bytes.clone()).expect("text")
        };
        let json: serde_json::Value =
            serde_json::from_str(&text("statistics/I1.json")).expect("JSON");
        (text("statistics/I1.en.html"), json)
    };
    let (page, json) = pages(&editions);
    assert!(
        page.contains("counted by definition version 2 since"),
        "{page}"
    );
    assert!(page.contains("restated; printed as 10 by definition version 1"));
    let other = &json["other_definitions"][0];
    assert_eq!(other["restated"], true);
    assert_eq!(other["in_the_series"]["exact"], abroad.to_string());
    assert_eq!(other["by_the_definition_before"]["exact"], "10");
    assert_eq!(json["breaks"].as_array().map(Vec::len), Some(1));
    // What was published stays what it was.
    assert!(json["values"].to_string().contains("\"10\""));
    // The broken twin: an edition without its restated figures draws two definitions and says so.
    let mut bare = editions.clone();
    bare[1].restated.clear();
    let (page, json) = pages(&bare);
    assert!(page.contains("definition version 2 since"), "{page}");
    assert!(!page.contains("restated"));
    assert_eq!(json["other_definitions"].as_array().map(Vec::len), Some(1));
}
