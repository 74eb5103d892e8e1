//! From findings to a conclusion: examples, and properties that hold of every history.

use model::time::Timestamp;
use model::verification::{Client, Finding, ProbeKind};
use model::worded::Word;
use proptest::prelude::*;
use response::verify::conclude::{Look, Rules, Standing, conclude};

const HOUR: i64 = 3_600_000_000;

fn at(hours: i64) -> Timestamp {
    Timestamp(hours * HOUR)
}

fn look(hours: i64, finding: Finding, client: Client) -> Look {
    Look {
        at: at(hours),
        probe: ProbeKind::Http,
        client,
        vantage: "local".into(),
        finding,
    }
}

fn gone(hours: i64) -> Look {
    look(hours, Finding::Gone, Client::Victim)
}

fn present(hours: i64) -> Look {
    look(hours, Finding::Present, Client::Plain)
}

#[test]
fn three_at_their_distance_are_down_between_two_instants() {
    let rules = Rules::default();
    let history = [present(1), gone(3), gone(4), gone(5)];
    let found = conclude(&history, &rules, None, at(6));
    assert_eq!(
        found.standing,
        Standing::Down {
            last_seen_up: Some(at(1)),
            first_seen_gone: at(3),
            confirmed: at(5)
        }
    );
    // Twins: too close together, too few, none as a victim, one that saw it since.
    let close = [
        present(1),
        gone(3),
        gone(3),
        Look {
            at: Timestamp(3 * HOUR + 1),
            ..gone(3)
        },
        gone(4),
    ];
    let plain = history.clone().map(|look| Look {
        client: Client::Plain,
        ..look
    });
    let since = [present(1), gone(3), gone(4), present(5), gone(6)];
    for twin in [&close[..], &history[..3], &plain, &since] {
        assert!(!conclude(twin, &rules, None, at(9)).is_down(), "{twin:?}");
    }
    // Resolvers show all clients the same.
    let passive = plain.map(|look| Look {
        client: Client::Passive,
        probe: ProbeKind::Dns,
        ..look
    });
    assert!(conclude(&passive, &rules, None, at(9)).is_down());
}

#[test]
fn the_next_look_backs_off_and_is_soon_when_something_speaks_for_down() {
    let rules = Rules::default();
    let next = |history: &[Look], now| conclude(history, &rules, None, now).next_look_at.unwrap();
    assert_eq!(next(&[], at(7)), at(7));
    let waits: Vec<i64> = (1..=7)
        .map(|count| {
            let history: Vec<Look> = (0..count).map(present).collect();
            (
                next(&history, at(0)).0 - at(0).0,
                next(&history, at(count - 1)).0 - at(count - 1).0,
            )
                .1
                / 60_000_000
        })
        .collect();
    assert_eq!(waits, [15, 30, 60, 120, 240, 360, 360], "minutes");
    assert_eq!(next(&[present(0), gone(1)], at(1)), at(2));
}

#[test]
fn a_closed_case_is_watched_and_opened_again_on_return() {
    let rules = Rules::default();
    let down = vec![present(1), gone(3), gone(4), gone(5)];
    let closed = Some(at(6));
    let found = conclude(&down, &rules, closed, at(6));
    assert!(found.is_down() && !found.returned);
    assert_eq!(found.watch_until, Some(at(6 + 14 * 24)));
    assert!(found.next_look_at.unwrap() <= at(6 + 24));
    let mut back = down.clone();
    back.push(present(100));
    let found = conclude(&back, &rules, closed, at(101));
    assert!(found.returned);
    assert_eq!(found.standing, Standing::Up { last_seen: at(100) });
    assert!(found.next_look_at.is_some());
    // The twin: seen up before it was closed is no return.
    assert!(!conclude(&[present(1)], &rules, closed, at(7)).returned);
    let mut over = down;
    over.push(gone(6 + 14 * 24));
    assert_eq!(
        conclude(&over, &rules, closed, at(6 + 15 * 24)).next_look_at,
        None
    );
}

fn any_look() -> impl Strategy<Value = Look> {
    let word = |count: usize| 0..count;
    (
        0i64..40,
        word(Finding::ALL.len()),
        word(ProbeKind::ALL.len()),
        word(Client::ALL.len()),
        0u8..3,
    )
        .prop_map(|(half_hours, finding, probe, client, vantage)| Look {
            at: Timestamp(half_hours * HOUR / 2),
            finding: Finding::ALL[finding],
            probe: ProbeKind::ALL[probe],
            client: Client::ALL[client],
            vantage: vantage.to_string(),
        })
}

fn rules() -> impl Strategy<Value = Rules> {
    (1u32..5, 0i64..7_200, any::<bool>()).prop_map(|(independent, interval_secs, victim_like)| {
        Rules {
            independent,
            interval_secs,
            victim_like,
            ..Rules::default()
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Inconclusive looks never change a conclusion to down, nor away from it.
    #[test]
    fn inconclusive_looks_decide_nothing(
        history in proptest::collection::vec(any_look(), 0..15),
        more in proptest::collection::vec(any_look(), 0..15),
        rules in rules(),
    ) {
        let without = conclude(&history, &rules, None, at(50));
        let mut with = history.clone();
        with.extend(more.into_iter().map(|look| Look { finding: Finding::Inconclusive, ..look }));
        prop_assert_eq!(conclude(&with, &rules, None, at(50)).standing, without.standing);
        with.retain(|look| look.finding == Finding::Inconclusive);
        prop_assert!(!conclude(&with, &rules, None, at(50)).is_down());
    }

    /// Looks come in any order, those of one instant too.
    #[test]
    fn order_does_not_matter(
        (history, other) in proptest::collection::vec(any_look(), 0..15)
            .prop_flat_map(|history| (Just(history.clone()), Just(history).prop_shuffle())),
        rules in rules(),
        closed in proptest::option::of(0i64..40),
    ) {
        let closed = closed.map(at);
        prop_assert_eq!(
            conclude(&history, &rules, closed, at(20)),
            conclude(&other, &rules, closed, at(20))
        );
    }

    /// What is down was seen so often enough, after it was last seen up; and a look that finds it is
    /// never outweighed.
    #[test]
    fn down_means_what_it_says(
        history in proptest::collection::vec(any_look(), 0..20),
        rules in rules(),
    ) {
        let found = conclude(&history, &rules, None, at(50));
        if let Standing::Down { last_seen_up, first_seen_gone, confirmed } = found.standing {
            prop_assert!(last_seen_up.is_none_or(|up| up < first_seen_gone));
            prop_assert!(first_seen_gone <= confirmed);
            let span = rules.interval_secs * i64::from(rules.independent - 1) * 1_000_000;
            prop_assert!(confirmed.0 - first_seen_gone.0 >= span);
            let mut back = history;
            back.push(present(49));
            prop_assert!(!conclude(&back, &rules, None, at(50)).is_down());
        }
        prop_assert!(found.next_look_at.is_some_and(|next| next >= at(50)));
    }
}
