//! Back issues: the collected table reads whole, and what it prints is what our rules compute.

use bulletin::history::{read, values_of};
use ledger::{HistoryKind, NewHistoryRow};
use model::statistic::{ChangeKind, Measured, StatisticValue, change_kind};

/// The collected table of printed figures, where the data folder is at hand.
pub fn collected() -> Option<String> {
    let folder = std::env::var("WATCHFIRE_DATA")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data").to_owned());
    let path = std::path::Path::new(&folder).join("history/weekly_history.csv");
    match std::fs::read_to_string(&path) {
        Ok(text) => Some(text),
        Err(error) => {
            assert!(
                std::env::var_os("CI").is_none(),
                "{}: {error}",
                path.display()
            );
            eprintln!(
                "SKIPPED: {} is not there; set WATCHFIRE_DATA",
                path.display()
            );
            None
        }
    }
}

fn count(values: &[StatisticValue], id: &str) -> Option<u64> {
    values
        .iter()
        .find(|value| value.statistic == id)?
        .measured
        .count()
        .map(|counted| counted.count)
}

fn week(rows: &[NewHistoryRow], year: i32, number: i32) -> &NewHistoryRow {
    let found = rows.iter().find(|row| {
        row.year == year && row.number == Some(number) && row.kind == HistoryKind::Published
    });
    found.expect("a published week")
}

#[test]
fn the_collected_table_reads_whole() {
    let Some(text) = collected() else { return };
    let rows = read("weekly", &text).expect("it reads");
    assert_eq!(rows.len(), 41);
    let of = |kind: HistoryKind| rows.iter().filter(|row| row.kind == kind).count();
    assert_eq!(
        (
            of(HistoryKind::Published),
            of(HistoryKind::Undated),
            of(HistoryKind::Derived)
        ),
        (22, 4, 15)
    );
    for row in &rows {
        let values = values_of(&row.values);
        let infected = row.values.contains_key("infected_wan");
        assert_eq!(values[0].measured.count().is_some(), infected);
        assert!(values.iter().all(|value| value.sources.is_empty()));
    }
}

/// M1 is M2 + M3 in every week that prints all three (DOMAIN section 1.4).
#[test]
fn the_printed_sum_is_the_sum_of_the_printed_parts() {
    let Some(text) = collected() else { return };
    let mut weeks = 0;
    for row in read("weekly", &text).expect("it reads") {
        let values = values_of(&row.values);
        let (Some(m1), Some(m2), Some(m3)) = (
            count(&values, "M1"),
            count(&values, "M2"),
            count(&values, "M3"),
        ) else {
            continue;
        };
        if row.kind == HistoryKind::Derived {
            continue;
        }
        assert_eq!(m1, m2 + m3, "{} {:?}", row.year, row.number);
        assert_eq!(
            model::statistic::print_sum(&[m2, m3]).0,
            model::statistic::print_count(m1, model::statistic::Presentation::WanOneDecimal)
        );
        weeks += 1;
    }
    assert_eq!(weeks, 20);
}

/// Two consecutive published pairs: every printed change of a whole count follows from the counts.
#[test]
fn consecutive_weeks_give_the_printed_changes() {
    let Some(text) = collected() else { return };
    let rows = read("weekly", &text).expect("it reads");
    let pairs = [((2014, 47), (2014, 48)), ((2015, 38), (2015, 39))];
    let columns = [
        ("W1", "defaced_wow"),
        ("W3", "backdoored_wow"),
        ("W5", "phish_wow"),
        ("V1", "vulns_wow"),
        ("V2", "vulns_high_wow"),
    ];
    let mut checked = 0;
    for (before, after) in pairs {
        let (last, this) = (
            week(&rows, before.0, before.1),
            week(&rows, after.0, after.1),
        );
        let (old, new) = (values_of(&last.values), values_of(&this.values));
        for (id, column) in columns {
            let (Some(last), Some(now)) = (count(&old, id), count(&new, id)) else {
                continue;
            };
            let Some(printed) = this.values.get(column).and_then(|value| value.as_str()) else {
                continue;
            };
            let printed: f64 = printed.parse().expect("a number");
            let tenths = match change_kind(now, last) {
                ChangeKind::Percent { tenths } => tenths as f64 / 10.0,
                ChangeKind::Flat => 0.0,
                other => panic!("{other:?}"),
            };
            // The published error of rule 1.4b: vulnerabilities against the week before last.
            if after == (2015, 39) && id.starts_with('V') {
                assert!((tenths - printed).abs() > 1.0);
                continue;
            }
            assert!(
                (tenths - printed).abs() < 0.05,
                "{id} {after:?}: {tenths} is printed as {printed}"
            );
            checked += 1;
        }
    }
    assert_eq!(checked, 8);
}

/// Shares of government sites and pages per address, as printed beside their counts.
#[test]
fn printed_shares_follow_from_printed_counts() {
    let Some(text) = collected() else { return };
    let (mut shares, mut quotients) = (0, 0);
    for row in read("weekly", &text).expect("it reads") {
        let values = values_of(&row.values);
        let number = |column: &str| {
            row.values
                .get(column)
                .and_then(|value| value.as_str())
                .and_then(|text| text.parse::<f64>().ok())
        };
        for (part, whole, printed) in [
            ("W2", "W1", "defaced_gov_pct"),
            ("W4", "W3", "backdoored_gov_pct"),
        ] {
            if let (Some(part), Some(whole), Some(printed)) =
                (count(&values, part), count(&values, whole), number(printed))
            {
                assert_eq!(
                    model::statistic::percent_tenths(part, whole),
                    Some((printed * 10.0).round() as u64)
                );
                shares += 1;
            }
        }
        let addresses = values
            .iter()
            .find(|value| value.statistic == "W6")
            .and_then(|value| value.part("address"))
            .and_then(Measured::count);
        if let (Some(pages), Some(addresses), Some(printed)) = (
            count(&values, "W5"),
            addresses,
            number("phish_pages_per_ip"),
        ) {
            let computed = model::statistic::whole_quotient(pages, addresses.count);
            // The published error of DOMAIN section 1.4: 6.2 printed as 5.
            if pages != 1417 {
                assert_eq!(computed, Some(printed as u64));
                quotients += 1;
            }
        }
    }
    assert_eq!((shares, quotients), (14, 5));
}
