//! Small cells are hidden, and cannot be worked out from what is printed.

use std::collections::BTreeSet;

use bulletin::render;
use bulletin::suppress::{Cell, SMALLEST, hidden, hide, suppressed};
use model::bulletin::Lang;
use model::statistic::{Counted, Measured, Missing, Quantity};
use proptest::prelude::*;

use crate::composing::{USUAL, bulletin, past, this};

/// Every assignment of the hidden cells that agrees with the printed cells and sums, by a reader who knows
/// only that a hidden cell is at least 1: for each hidden cell the values it can have.
fn readings(cells: &[Cell], groups: &[Vec<usize>], hidden: &BTreeSet<usize>) -> Vec<BTreeSet<u64>> {
    let order: Vec<usize> = hidden.iter().copied().collect();
    let sums: Vec<u64> = groups
        .iter()
        .map(|group| {
            group
                .iter()
                .filter(|at| hidden.contains(at))
                .map(|at| cells[*at].count)
                .sum()
        })
        .collect();
    let mut found = vec![BTreeSet::new(); order.len()];
    let mut chosen = Vec::new();
    walk(&order, groups, &sums, &mut chosen, &mut found);
    found
}

fn walk(
    order: &[usize],
    groups: &[Vec<usize>],
    sums: &[u64],
    chosen: &mut Vec<u64>,
    found: &mut [BTreeSet<u64>],
) {
    let value_of = |chosen: &[u64], at: usize| {
        order
            .iter()
            .position(|cell| *cell == at)
            .and_then(|place| chosen.get(place).copied())
    };
    let fits = |chosen: &[u64], whole: bool| {
        groups.iter().zip(sums).all(|(group, sum)| {
            let members: Vec<usize> = group
                .iter()
                .copied()
                .filter(|at| order.contains(at))
                .collect();
            let known: u64 = members.iter().filter_map(|at| value_of(chosen, *at)).sum();
            if whole { known == *sum } else { known <= *sum }
        })
    };
    if chosen.len() == order.len() {
        if fits(chosen, true) {
            for (values, value) in found.iter_mut().zip(chosen.iter()) {
                values.insert(*value);
            }
        }
        return;
    }
    let most = sums.iter().max().copied().unwrap_or(0);
    for value in 1..=most {
        chosen.push(value);
        if fits(chosen, false) {
            walk(order, groups, sums, chosen, found);
        }
        chosen.pop();
    }
}

fn cells(counts: &[u64]) -> Vec<Cell> {
    counts
        .iter()
        .map(|count| Cell {
            count: *count,
            naming: true,
        })
        .collect()
}

fn check(cells: &[Cell], groups: &[Vec<usize>]) -> Result<(), TestCaseError> {
    let small: Vec<usize> = (0..cells.len())
        .filter(|at| (1..SMALLEST).contains(&cells[*at].count))
        .collect();
    let Some(hidden) = hide(cells, groups) else {
        prop_assert!(
            !small.is_empty(),
            "nothing needs hiding, yet all is withheld"
        );
        return Ok(());
    };
    prop_assert!(
        small.iter().all(|at| hidden.contains(at)),
        "a small cell is printed"
    );
    prop_assert!(
        !small.is_empty() || hidden.is_empty(),
        "hidden without need"
    );
    let readings = readings(cells, groups, &hidden);
    for (at, values) in hidden.iter().zip(readings) {
        if small.contains(at) {
            prop_assert!(
                values.len() > 1,
                "{cells:?} {hidden:?}: cell {at} can only be {values:?}"
            );
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(80))]

    #[test]
    fn no_hidden_cell_of_a_division_follows_from_what_is_printed(counts in prop::collection::vec(0..12u64, 1..5)) {
        let group = vec![(0..counts.len()).collect()];
        check(&cells(&counts), &group)?;
    }

    #[test]
    fn no_hidden_cell_of_a_table_follows_from_its_rows_and_columns(counts in prop::collection::vec(0..7u64, 6)) {
        // Two rows of three, with the sums of rows and columns printed.
        let groups = vec![vec![0, 1, 2], vec![3, 4, 5], vec![0, 3], vec![1, 4], vec![2, 5]];
        check(&cells(&counts), &groups)?;
    }
}

/// The twin: a single hidden cell is found out by the same brute force.
#[test]
fn primary_suppression_alone_is_found_out() {
    let table = cells(&[900, 3, 70]);
    let group = vec![vec![0, 1, 2]];
    let readings = readings(&table, &group, &BTreeSet::from([1]));
    assert_eq!(readings, [BTreeSet::from([3])]);
}

#[test]
fn what_is_hidden_is_in_no_output() {
    let past = past(1, USUAL);
    let mut week = this(USUAL, &[], &past);
    let value = week
        .values
        .iter_mut()
        .find(|value| value.statistic == "M5")
        .expect("declared");
    let count = |measured: &Measured| measured.count().map_or(0, |counted| counted.count);
    // Guangdong gives all but three of its hosts to Beijing: the total stays.
    let moved = count(&value.part("440000").expect("there").clone()) - 3;
    for part in &mut value.parts {
        let now = match part.id.as_str() {
            "440000" => 3,
            "110000" => count(&part.measured) + moved,
            _ => continue,
        };
        part.measured = Measured::Available {
            quantity: Quantity::Count(Counted::imported(now)),
        };
    }
    let keys = hidden(&week);
    assert!(
        keys.len() == 2 && keys.contains(&"M5/440000".to_owned()),
        "{keys:?}"
    );
    let made = bulletin(&week, &past);
    for key in &keys {
        let value = made.value(key).expect("listed");
        assert!(value.value.is_none() && value.previous.as_ref().is_none_or(|_| true));
        assert_eq!(value.missing, Some(Missing::Suppressed.text()));
        let page = render::html(&made, Lang::En);
        let row = page
            .split(&format!("data-figure=\"{key}\""))
            .nth(1)
            .expect("a row");
        assert!(
            row.starts_with(" data-value=\"\">not available: suppressed"),
            "{}",
            &row[..80]
        );
        let csv = String::from_utf8(render::csv(&made, Lang::En)).expect("UTF-8");
        let line = csv
            .lines()
            .find(|line| line.starts_with(key.as_str()))
            .expect("a line");
        assert!(
            line.contains("suppressed") && !line.contains(",3,"),
            "{line}"
        );
    }
    let chart = made.charts().find(|chart| chart.id == "provinces");
    assert!(chart.is_none_or(|chart| chart.table.rows.iter().all(|row| row.name.zh != "广东")));
    // The stored week keeps it, for those who may open it.
    assert_eq!(
        week.value("M5")
            .and_then(|value| value.part("440000"))
            .map(count),
        Some(3)
    );
    assert_eq!(suppressed(&suppressed(&week)), suppressed(&week));
}
