//! What is counted, once each, and that figures, explanations and breakdowns agree.

use std::collections::BTreeMap;

use bulletin::statistics::breakdown::{Breakdown, By};
use bulletin::statistics::explain::Explanation;
use bulletin::statistics::{self, EarlierNames, Inputs, Sources, Tally, WeekTally, evaluate};
use jiff::civil::{Date, date};
use model::statistic::{FeedCoverage, Formula, Measured, Missing, Quantity, StatisticValue};
use model::time::Timestamp;
use proptest::prelude::*;

use crate::events::{Event, batch, defaced, hosting, infected, phishing, vulnerability};

pub const MONDAY: Date = date(2023, 1, 9);

fn tally(events: &[Event]) -> WeekTally {
    let mut tally = Tally::new([]);
    tally.add(&batch(events)).expect("a batch of the lake");
    tally.finish()
}

/// A tally that went over the wire: in pieces, the last first.
fn carried(tally: &Tally) -> (Tally, usize) {
    let mut pieces: Vec<Vec<u8>> = tally.pieces().collect();
    pieces.reverse();
    let mut other = Tally::new([]);
    for piece in &pieces {
        other.take(piece).expect("a piece");
    }
    (other, pieces.len())
}

#[test]
fn a_tally_over_the_wire_is_the_same() {
    let mut events = week();
    let kept = |text: String| -> &'static str { text.leak() };
    let families: Vec<&str> = (0..300).map(|n| kept(format!("family{n}.a"))).collect();
    for at in 0..50_000_u32 {
        let address = kept(std::net::Ipv4Addr::from(0x0a00_0000 + at).to_string());
        let (feed, province) =
            [("sink-a", 110_000), ("sink-b", 310_000), ("sink-c", 0)][at as usize % 3];
        events.push(Event {
            province,
            ..infected(feed, address, families[at as usize % 300])
        });
    }
    let expected = format!("{:?}", tally(&events));
    // Counted in three places, one of which nothing came to.
    let mut sum = Tally::new([]);
    let (first, second) = events.split_at(2_000);
    let mut most = 0;
    for share in [first, second, &[]] {
        let mut tally = Tally::new([]);
        tally.add(&batch(share)).expect("a batch of the lake");
        let (other, pieces) = carried(&tally);
        most = most.max(pieces);
        sum.merge(other);
    }
    assert_eq!(format!("{:?}", sum.finish()), expected);
    assert_eq!(most, 2, "so many keys are more than one piece");

    // The twin: a piece that lost a byte is none, wherever it lost it.
    let mut tally = Tally::new([]);
    tally.add(&batch(&week())).expect("a batch of the lake");
    let piece = tally.pieces().next().expect("there is one");
    for cut in 0..piece.len() {
        assert!(Tally::new([]).take(&piece[..cut]).is_err(), "cut at {cut}");
    }
    let mut missing = Tally::new([]);
    missing
        .add(&batch(&events[1..]))
        .expect("a batch of the lake");
    let (other, _) = carried(&missing);
    assert_ne!(format!("{:?}", other.finish()), expected);
}

pub fn full(feed: &str) -> FeedCoverage {
    FeedCoverage {
        feed: feed.to_owned(),
        title: String::new(),
        expected_days: 7,
        seen_days: 7,
        reports: 7,
        changed: false,
        missing: vec![],
        standing: false,
    }
}

pub fn values(tally: &WeekTally, earlier: &EarlierNames) -> Vec<StatisticValue> {
    let mut feeds: Vec<String> = tally.events.keys().cloned().collect();
    feeds.sort();
    let coverage: Vec<FeedCoverage> = feeds.iter().map(|feed| full(feed)).collect();
    let sources = Sources::of(&[], &coverage, tally, MONDAY, &[]);
    let inputs = Inputs {
        monday: MONDAY,
        sources: &sources,
        earlier,
        level: &|_| Some("low".to_owned()),
    };
    evaluate(&statistics::all(), tally, &inputs)
}

pub fn find<'a>(values: &'a [StatisticValue], id: &str) -> &'a StatisticValue {
    values
        .iter()
        .find(|value| value.statistic == id)
        .expect("a declared statistic")
}

fn count(values: &[StatisticValue], id: &str) -> u64 {
    find(values, id)
        .measured
        .count()
        .unwrap_or_else(|| panic!("{id}: {:?}", find(values, id).measured))
        .count
}

fn part(values: &[StatisticValue], id: &str, part: &str) -> u64 {
    find(values, id)
        .part(part)
        .and_then(Measured::count)
        .unwrap_or_else(|| panic!("{id}/{part}"))
        .count
}

/// A week with something of every kind, each thing seen several times.
pub fn week() -> Vec<Event> {
    let mut events = vec![
        // Three trojan hosts, two Conficker hosts, one address infected by both.
        infected("sink-a", "192.0.2.1", "mirai.b"),
        infected("sink-a", "192.0.2.1", "mirai.b"),
        infected("sink-b", "192.0.2.1", "mirai.b"),
        Event {
            province: 110_000,
            ..infected("sink-a", "192.0.2.2", "qakbot")
        },
        infected("sink-a", "2001:db8::7", "qakbot"),
        infected("sink-b", "192.0.2.3", "conficker"),
        infected("sink-b", "::ffff:192.0.2.1", "w32/downadup.b"),
        // Outside, unknown, or on a warning list: not counted.
        Event {
            territory: 2,
            ..infected("sink-a", "198.51.100.1", "mirai.b")
        },
        Event {
            territory: 0,
            ..infected("sink-a", "198.51.100.2", "mirai.b")
        },
        Event {
            warning: "resolvers",
            ..infected("sink-a", "192.0.2.53", "mirai.b")
        },
        // Hosting: three domains, three addresses, one of them reached directly.
        Event {
            domain_territory: 2,
            ip: "203.0.113.1",
            territory: 2,
            ..hosting("urls", "http://a.example/x", "a.example", "example")
        },
        Event {
            domain_territory: 2,
            ip: "203.0.113.2",
            territory: 1,
            ..hosting("urls", "http://b.example/y", "b.example", "example")
        },
        hosting("urls", "http://c.test/z", "c.test", "test"),
        Event {
            host: "203.0.113.9",
            ..hosting("urls", "http://203.0.113.9/bin", "", "")
        },
        Event {
            warning: "top-sites",
            ..hosting("urls", "http://top.example/x", "top.example", "example")
        },
        // Defaced: two ordinary, one government, one abroad; one known by its address alone.
        defaced("zone", "one.example", "com", 0),
        defaced("zone", "one.example", "com", 0),
        defaced("zone", "two.example", "example", 0),
        defaced("zone", "town.gov.example", "example", 1),
        Event {
            domain_territory: 2,
            territory: 1,
            ..defaced("zone", "abroad.example", "example", 0)
        },
        Event {
            domain_territory: 0,
            territory: 1,
            host: "192.0.2.80",
            ..defaced("zone", "", "", 0)
        },
        // Backdoors: by identifier; a compromised device is none.
        Event {
            class: "system-compromise",
            identifier: "compromised-website",
            ..defaced("shells", "one.example", "com", 0)
        },
        Event {
            class: "application-compromise",
            identifier: "php-webshell",
            ..defaced("shells", "town.gov.example", "example", 1)
        },
        Event {
            class: "system-compromise",
            identifier: "compromised-iot",
            ..defaced("shells", "iot.example", "com", 0)
        },
        // Phishing: two pages against us on one address, one against others, one against nobody known.
        Event {
            ip: "203.0.113.20",
            sector: "bank",
            ..phishing("phish", "http://p.example/1", "p.example")
        },
        Event {
            ip: "203.0.113.20",
            sector: "bank",
            ..phishing("phish", "http://p.example/2", "p.example")
        },
        Event {
            sector: "parcel",
            ..phishing("phish", "http://q.example/1", "q.example")
        },
        Event {
            target_territory: 0,
            ..phishing("crowd", "http://q.example/1", "q.example")
        },
        Event {
            target_territory: 2,
            ..phishing("phish", "http://r.example/1", "r.example")
        },
        Event {
            target_territory: 0,
            ..phishing("crowd", "http://s.example/1", "s.example")
        },
        Event {
            warning: "top-sites",
            ..phishing("phish", "http://top.example/login", "top.example")
        },
        // Vulnerabilities: the national database only, the highest level of a record holds.
        vulnerability("cnvd", "CNVD-2023-00001", "medium", "应用程序"),
        vulnerability("cnvd", "CNVD-2023-00001", "high", "应用程序"),
        vulnerability("cnvd", "CNVD-2023-00002", "low", "WEB应用"),
        vulnerability("cnvd", "CNVD-2023-00003", "", ""),
        vulnerability("kev", "CVE-2023-0001", "high", ""),
        Event {
            class: "c2-server",
            malware: "newbot.a",
            ..infected("c2", "203.0.113.77", "newbot.a")
        },
    ];
    for (at, event) in events.iter_mut().enumerate() {
        event.line = at as u64 + 1;
        event.observed_at = 1_673_222_400_000_000 + (at as i64 % 3) * 86_400_000_000;
    }
    events
}

fn earlier() -> EarlierNames {
    EarlierNames {
        names: ["mirai.a", "qakbot", "conficker"].map(str::to_owned).into(),
        weeks: ["sink-a", "sink-b", "c2"]
            .map(|feed| (feed.to_owned(), 13))
            .into(),
    }
}

#[test]
fn every_statistic_of_a_small_week() {
    let tally = tally(&week());
    let values = values(&tally, &earlier());
    for (id, expected) in [
        ("M1", 5),
        ("M2", 3),
        ("M3", 2),
        ("H1", 3),
        ("H2", 3),
        ("H6", 1),
        ("W1", 4),
        ("W2", 1),
        ("W3", 2),
        ("W4", 1),
        ("W5", 3),
        ("W6", 2),
        ("V1", 3),
        ("V2", 1),
        ("V3", 0),
        ("V4", 1),
    ] {
        assert_eq!(count(&values, id), expected, "{id}");
    }
    assert_eq!(part(&values, "M1", "union"), 4);
    assert_eq!(part(&values, "W5", "elsewhere"), 1);
    assert_eq!(
        part(&values, "W5", "untargeted"),
        1,
        "a page that one feed ties to a target is not untargeted"
    );
    assert_eq!(part(&values, "W6", "address"), 1);
    assert_eq!(part(&values, "V1", "unrated"), 1);
    // New: mirai.b (family known), newbot.a (family new), w32/downadup.b (family new).
    assert_eq!(
        (count(&values, "M4"), part(&values, "M4", "family")),
        (3, 2)
    );
    assert_eq!(
        tally.cell("warned.infected").count
            + tally.cell("warned.hosting").count
            + tally.cell("warned.phishing").count,
        3
    );
    let ratio = |id: &str| match find(&values, id).measured.quantity() {
        Some(Quantity::Ratio {
            numerator,
            denominator,
            of,
        }) => (numerator.count, denominator.count, of.clone()),
        other => panic!("{id}: {other:?}"),
    };
    assert_eq!(ratio("H3"), (2, 3, None));
    assert_eq!(ratio("H4"), (2, 3, Some("example".into())));
    assert_eq!(ratio("H5"), (1, 3, None));
    assert_eq!(ratio("W7"), (2, 1, None));
    let names = |id: &str| match find(&values, id).measured.quantity() {
        Some(Quantity::Rank { names }) => names.clone(),
        other => panic!("{id}: {other:?}"),
    };
    assert_eq!(names("M5"), ["440000", "110000"]);
    assert_eq!(names("W8"), ["other", "com", "gov"]);
    assert_eq!(names("V6"), ["application", "web-application", "unknown"]);
}

#[test]
fn what_no_feed_supplies_is_not_available_and_never_zero() {
    let only_phishing: Vec<Event> = week()
        .into_iter()
        .filter(|event| event.feed == "crowd")
        .collect();
    let values = values(&tally(&only_phishing), &EarlierNames::default());
    for value in &values {
        assert!(
            value.measured.quantity().is_none(),
            "{}: {:?}",
            value.statistic,
            value.measured
        );
    }
    assert_eq!(
        find(&values, "W5").measured,
        Measured::NotAvailable {
            reason: Missing::NoField {
                field: "target_territory".into()
            }
        }
    );
    assert!(matches!(
        find(&values, "M1").measured.missing(),
        Some(Missing::NoSource { .. })
    ));
    assert!(matches!(
        find(&values, "V5").measured.missing(),
        Some(Missing::DependsOn { .. })
    ));
}

#[test]
fn new_names_need_a_past() {
    let young = |feeds: &[&str]| EarlierNames {
        weeks: feeds
            .iter()
            .map(|feed| ((*feed).to_owned(), 7))
            .chain([("sink-a".to_owned(), 12)])
            .collect(),
        ..earlier()
    };
    let old = EarlierNames {
        weeks: [("sink-a".to_owned(), 7)].into(),
        ..earlier()
    };
    let found = values(&tally(&week()), &old);
    assert_eq!(
        find(&found, "M4").measured.missing(),
        Some(&Missing::ShortHistory {
            weeks: 7,
            needed: 8
        })
    );
    // The names of a feed that was subscribed lately are not new for that: only mirai.b is.
    let found = values(&tally(&week()), &young(&["sink-b", "c2"]));
    assert_eq!((count(&found, "M4"), part(&found, "M4", "family")), (1, 0));
}

#[test]
fn withheld_feeds_do_not_count() {
    let mut tally = Tally::new(["sink-b".to_owned()]);
    tally.add(&batch(&week())).expect("a batch");
    let tally = tally.finish();
    assert_eq!(
        (
            tally.cell("infected.trojan").count,
            tally.cell("infected.conficker").count
        ),
        (3, 0)
    );
    assert!(!tally.events.contains_key("sink-b"));
}

/// For counts the lines are the figure; for sums, shares, ratios and ranks the same holds of each input.
#[test]
fn lines_of_an_explanation_are_the_figure() {
    let events = week();
    let tally = {
        let mut tally = tally(&events);
        tally.place_new_names(&earlier());
        tally
    };
    for statistic in statistics::scanned() {
        for passes in [1, 3] {
            let mut lines = Vec::new();
            for pass in 0..passes {
                let mut explanation =
                    Explanation::new(statistic, &earlier(), vec![], (pass, passes));
                events
                    .chunks(5)
                    .for_each(|chunk| explanation.add(&batch(chunk)).expect("a batch"));
                lines.extend(explanation.finish());
            }
            let mut by_cell: BTreeMap<&str, u64> = BTreeMap::new();
            for line in &lines {
                *by_cell.entry(&line.input).or_default() += 1;
                assert!(
                    !line.events.is_empty() && !line.feeds.is_empty(),
                    "{line:?}"
                );
                for place in &line.events {
                    let event = &events[place.line as usize - 1];
                    assert!(line.feeds.iter().any(|feed| feed == event.feed), "{line:?}");
                }
            }
            for input in statistics::explain::inputs(statistic) {
                let cells: Vec<(String, u64)> = match input.strip_suffix('/') {
                    Some(family) => tally
                        .family(family)
                        .into_iter()
                        .map(|(id, found)| (format!("{input}{id}"), found.count))
                        .collect(),
                    None => vec![(input.clone(), tally.cell(&input).count)],
                };
                for (cell, expected) in cells {
                    assert_eq!(
                        by_cell.get(cell.as_str()).copied().unwrap_or(0),
                        expected,
                        "{} {cell}",
                        statistic.id
                    );
                }
            }
            if let Formula::Sum(_) | Formula::Count(_) = statistic.formula {
                let main: u64 = statistic
                    .formula
                    .inputs()
                    .iter()
                    .map(|cell| by_cell.get(cell.as_str()).copied().unwrap_or(0))
                    .sum();
                assert_eq!(
                    main,
                    count(&values(&tally, &earlier()), statistic.id),
                    "{}",
                    statistic.id
                );
            }
        }
    }
}

#[test]
fn breakdowns_divide_the_same_counts() {
    let events = week();
    let days: Vec<(Timestamp, String)> = (0..7)
        .map(|n| {
            (
                Timestamp(1_673_193_600_000_000 + n * 86_400_000_000),
                format!("day-{n}"),
            )
        })
        .collect();
    let tally = tally(&events);
    let values = values(&tally, &earlier());
    for (by, name) in By::ALL {
        let mut breakdown = Breakdown::new(by, days.clone(), vec![], earlier());
        events
            .chunks(4)
            .for_each(|chunk| breakdown.add(&batch(chunk)).expect("a batch"));
        let divisions = breakdown.finish(&statistics::scanned());
        for division in &divisions {
            assert_eq!(
                division.total,
                count(&values, &division.statistic),
                "{name} {}",
                division.statistic
            );
            assert!(division.groups.iter().map(|(_, count)| count).sum::<u64>() >= division.total);
            assert!(
                division
                    .groups
                    .iter()
                    .all(|(_, count)| *count <= division.total)
            );
        }
        assert_eq!(name.parse::<By>().expect("a name"), by);
    }
    let mut by_feed = Breakdown::new(By::Feed, days, vec![], earlier());
    by_feed.add(&batch(&events)).expect("a batch");
    let divisions = by_feed.finish(&statistics::scanned());
    assert_eq!(
        divisions[1].groups,
        [("sink-a".to_owned(), 3), ("sink-b".to_owned(), 1)]
    );
    assert!(
        "moon"
            .parse::<By>()
            .expect_err("refused")
            .to_string()
            .contains("province")
    );
}

fn any_event() -> impl Strategy<Value = Event> {
    let pool = week();
    (
        0..pool.len(),
        0..4usize,
        0..3u8,
        prop::sample::select(vec![0, 110_000, 440_000]),
    )
        .prop_map(move |(at, feed, territory, province)| {
            let mut event = pool[at].clone();
            event.feed = ["f0", "f1", "f2", "f3"][feed];
            event.territory = territory;
            event.province = province;
            event
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// However the rows are cut into batches and streams, and in whatever order: the same week.
    #[test]
    fn order_and_division_of_rows_do_not_matter(
        events in prop::collection::vec(any_event(), 0..60),
        cut in 1..20usize,
        streams in 1..4usize,
        seed in any::<u64>(),
    ) {
        let whole = tally(&events);
        let mut shuffled: Vec<(u64, Event)> = events.iter().enumerate()
            .map(|(at, event)| (seed.wrapping_mul(at as u64 * 2 + 1) ^ seed.rotate_left(at as u32 % 64), event.clone()))
            .collect();
        shuffled.sort_by_key(|(key, _)| *key);
        let shuffled: Vec<Event> = shuffled.into_iter().map(|(_, event)| event).collect();
        let mut parts: Vec<Tally> = (0..streams).map(|_| Tally::new([])).collect();
        for (at, chunk) in shuffled.chunks(cut).enumerate() {
            parts[at % streams].add(&batch(chunk)).expect("a batch");
        }
        let merged = parts.into_iter().reduce(|mut a, b| { a.merge(b); a }).expect("a stream");
        prop_assert_eq!(merged.finish(), whole);
    }

    /// What a count would be without a feed follows from the count alone.
    #[test]
    fn a_stored_count_answers_for_any_subset(events in prop::collection::vec(any_event(), 0..60), without in 0..4usize) {
        let gone = ["f0", "f1", "f2", "f3"][without];
        let rest: Vec<String> = ["f0", "f1", "f2", "f3"].iter().filter(|feed| **feed != gone).map(|feed| (*feed).to_owned()).collect();
        let whole = tally(&events);
        let without: Vec<Event> = events.into_iter().filter(|event| event.feed != gone).collect();
        let counted = tally(&without);
        for name in ["infected.trojan", "infected.conficker", "infected.any", "hosting.domain", "hosting.address", "defaced.site", "backdoored.site", "phishing.page", "phishing.domain", "vulnerability.record"] {
            prop_assert_eq!(whole.cell(name).over(&rest), Some(counted.cell(name).count), "{}", name);
        }
    }
}
