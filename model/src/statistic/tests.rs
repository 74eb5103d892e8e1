//! Rounding and comparison against what was really printed (DOMAIN rules 1.4a to 1.4e).

use super::*;
use crate::bulletin::Decimal;

fn seen(feeds: &[&str], count: u64) -> SourceCount {
    SourceCount {
        feeds: feeds.iter().map(|feed| (*feed).to_owned()).collect(),
        count,
    }
}

fn tenths(this: u64, last: u64) -> i64 {
    match change_kind(this, last) {
        ChangeKind::Percent { tenths } => tenths,
        ChangeKind::Flat => 0,
        other => panic!("{other:?}"),
    }
}

/// Integer counts of the two consecutive published pairs: 2014-11-17/24 and 2015-09-14/21.
#[test]
fn published_pairs_agree_on_whole_counts() {
    assert_eq!(tenths(4540, 3051), 488);
    assert_eq!(tenths(3398, 3996), -150);
    assert_eq!(tenths(4006, 5563), -280);
    assert_eq!(tenths(2836, 3142), -97);
    assert_eq!(tenths(6663, 5460), 220);
    assert_eq!(tenths(47, 43), 93);
    assert_eq!(tenths(706, 743), -50);
    assert_eq!(change_kind(138, 138), ChangeKind::Flat);
    // What the issue of 2015-09-21 should have printed for vulnerabilities (rule 1.4b).
    assert_eq!(tenths(184, 107), 720);
    assert_eq!(tenths(51, 52), -19);
}

/// The 万 figures are printed rounded, their changes are not computed from the rounded ones: some
/// pair of counts within the rounding gives the printed change, the printed figures do not.
#[test]
fn changes_of_wan_figures_come_from_unrounded_counts() {
    for (this, last, printed, naive) in [
        (1181, 878, 346, 345),
        (570, 486, 171, 173),
        (311, 221, 406, 407),
        (259, 265, -25, -23),
    ] {
        assert_eq!(tenths(this * 1000, last * 1000), naive);
        let around = |tenths: u64| (tenths * 1000 - 500..=tenths * 1000 + 499).step_by(7);
        assert!(
            around(this).any(|now| around(last).any(|then| tenths(now, then) == printed)),
            "{printed}"
        );
    }
}

/// Every printed government share of defaced and backdoored sites, with the counts beside it.
#[test]
fn printed_shares_of_government_sites() {
    let shares: [(u64, u64, u64); 14] = [
        (370, 5528, 67),
        (127, 3464, 37),
        (392, 5460, 72),
        (116, 15764, 7),
        (381, 4988, 76),
        (39, 1190, 33),
        (28, 1865, 15),
        (9, 717, 13),
        (29, 1793, 16),
        (4, 645, 6),
        (42, 466, 90),
        (10, 645, 16),
        (19, 4078, 5),
        (2, 580, 3),
    ];
    for (part, whole, printed) in shares {
        assert_eq!(
            percent_tenths(part, whole),
            Some(printed),
            "{part} of {whole}"
        );
    }
    assert_eq!(percent_tenths(0, 0), None);
}

/// Pages per address, half up; the week that printed 5 for 6.2 is an error of the source.
#[test]
fn printed_pages_per_address() {
    for (pages, addresses, printed) in [
        (599, 210, 3),
        (556, 199, 3),
        (113, 55, 2),
        (187, 60, 3),
        (92, 39, 2),
        (1417, 228, 6),
    ] {
        assert_eq!(whole_quotient(pages, addresses), Some(printed));
    }
    assert_eq!(whole_quotient(5, 2), Some(3));
    assert_eq!(whole_quotient(5, 0), None);
}

#[test]
fn ties_go_away_from_zero() {
    assert_eq!(round_half_away(5, 10), 1);
    assert_eq!(round_half_away(-5, 10), -1);
    assert_eq!(round_half_away(-4, 10), 0);
    assert_eq!(tenths(2001, 2000), 1);
    assert_eq!(tenths(1999, 2000), -1);
    assert_eq!(tenths(10_004, 10_000), 0);
}

#[test]
fn flat_small_and_zero_bases() {
    assert_eq!(change_kind(878_004, 878_000), ChangeKind::Flat);
    assert_eq!(change_kind(0, 0), ChangeKind::Flat);
    assert_eq!(change_kind(7, 0), ChangeKind::FromZero);
    assert_eq!(change_kind(9, 6), ChangeKind::SmallBase);
    assert_eq!(change_kind(0, 9), ChangeKind::SmallBase);
    assert_eq!(change_kind(9, 9), ChangeKind::Flat);
    assert_eq!(tenths(0, 10), -1000);
    assert_eq!(tenths(42, 20), 1100);
    assert_eq!(tenths(4569, 1016), 3497);
}

#[test]
fn numbers_are_printed_in_the_languages_own_units() {
    let text = |count| print_count(count, Presentation::WanOneDecimal);
    assert_eq!(text(284_132), Text::new("28.4万", "284,000"));
    assert_eq!(text(9_999), Text::new("9999", "9,999"));
    assert_eq!(text(10_000), Text::new("1.0万", "10,000"));
    assert_eq!(
        print_count(17_172, Presentation::Integer),
        Text::new("17172", "17,172")
    );
    assert_eq!(print_percent(8), Text::same("0.8%"));
    let hours = |minutes| print_count(minutes, Presentation::HoursOneDecimal);
    assert_eq!(hours(588), Text::same("9.8"));
    assert_eq!(hours(0), Text::same("0.0"));
    assert_eq!(hours(60_003), Text::new("1000.1", "1,000.1"));
    assert_eq!(grouped(1_234_567), "1,234,567");
}

/// 20 of 20 weeks: printed M1 is the sum of the printed parts, even where the exact sum rounds elsewhere.
#[test]
fn a_printed_sum_is_the_sum_of_its_printed_parts() {
    let (sum, parts) = print_sum(&[219_400, 65_400]);
    assert_eq!(
        (sum.zh.as_str(), parts[0].zh.as_str(), parts[1].zh.as_str()),
        ("28.4万", "21.9万", "6.5万")
    );
    assert_eq!(
        print_count(284_800, Presentation::WanOneDecimal).zh,
        "28.5万"
    );
    assert_eq!(printed_sum(&[219_400, 65_400]), Decimal::count(284_000));
    let (sum, parts) = print_sum(&[9_500, 700]);
    assert_eq!(
        (sum.zh.as_str(), parts[0].zh.as_str(), parts[1].zh.as_str()),
        ("1.1万", "1.0万", "0.1万")
    );
    assert_eq!(print_sum(&[80, 20]).0, Text::same("100"));
}

#[test]
fn a_count_answers_for_any_subset_of_its_sources() {
    let counted = Counted::of(vec![
        seen(&["b", "a"], 3),
        seen(&["a"], 10),
        seen(&["c"], 4),
        seen(&["a", "b"], 2),
    ]);
    assert_eq!(counted.count, 19);
    assert_eq!(counted.by_sources.len(), 3);
    let over = |feeds: &[&str]| {
        counted.over(
            &feeds
                .iter()
                .map(|feed| (*feed).to_owned())
                .collect::<Vec<_>>(),
        )
    };
    assert_eq!(over(&["a"]), Some(15));
    assert_eq!(over(&["b"]), Some(5));
    assert_eq!(over(&["b", "c"]), Some(9));
    assert_eq!(over(&[]), Some(0));
    assert_eq!(counted.feeds(), ["a", "b", "c"]);
    assert_eq!(Counted::imported(5).over(&["a".into()]), None);
    assert_eq!(counted.plus(&counted).count, 38);
    assert_eq!(counted.plus(&Counted::imported(1)), Counted::imported(20));
}

/// A source that fell silent takes a quarter of the count with it; the change is over the others.
#[test]
fn an_outage_is_compared_like_for_like() {
    let last = Counted::of(vec![seen(&["a"], 300), seen(&["b"], 100)]);
    let this = Counted::of(vec![seen(&["a"], 330)]);
    let over = ["a".to_owned()];
    let found = change(&this, &last, Basis::Over(&over));
    assert_eq!(found.kind, ChangeKind::Percent { tenths: 100 });
    assert_eq!(found.like_for_like.as_deref(), Some(&over[..]));
    let none = change(&this, &last, Basis::Over(&[]));
    assert_eq!(
        none.kind,
        ChangeKind::NotComparable {
            reason: Incomparable::NoCommonSource
        }
    );
    let imported = change(&this, &Counted::imported(400), Basis::Over(&over));
    assert_eq!(
        imported.kind,
        ChangeKind::NotComparable {
            reason: Incomparable::UnknownSources
        }
    );
    assert_eq!(
        change(&this, &Counted::imported(400), Basis::All).kind,
        ChangeKind::Percent { tenths: -175 }
    );
}

#[test]
fn values_survive_their_stored_form() {
    let value = StatisticValue {
        statistic: "H4".into(),
        version: 1,
        measured: Measured::Available {
            quantity: Quantity::Ratio {
                numerator: Counted::of(vec![seen(&["a"], 2)]),
                denominator: Counted::of(vec![seen(&["a"], 3)]),
                of: Some("com".into()),
            },
        },
        sources: vec!["a".into()],
        parts: vec![PartValue {
            id: "x".into(),
            measured: Measured::NotAvailable {
                reason: Missing::EmptyWhole,
            },
        }],
    };
    let json = serde_json::to_string(&value).expect("json");
    assert_eq!(
        serde_json::from_str::<StatisticValue>(&json).expect("read"),
        value,
        "{json}"
    );
}
