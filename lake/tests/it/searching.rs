//! A search finds what a filter over the same rows, written plainly, finds: totals, steps, facets and every page.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use lake::query::Part;
use lake::search::{Ask, Enough, FacetValue, Found, Place, Query, Searcher, columns};
use lake::{Columns, Enrichment, FileKind, IdentityIndex, Lake, Named, Receipt, ReportWriter};
use model::field::Field;
use model::ids::EventId;
use model::record::Record;
use model::time::{MICROS_PER_DAY, Timestamp};
use proptest::prelude::*;

/// Midnight of a UTC day.
const START: i64 = 1_794_787_200_000_000;
const HOUR: i64 = 3_600_000_000;

/// A row as the filter sees it.
#[derive(Clone, Debug, Default)]
struct Plain {
    at: i64,
    feed: String,
    class: Option<String>,
    ip: Option<IpAddr>,
    province: Option<i32>,
    country: Option<String>,
    asn: Option<u32>,
    host: Option<String>,
    url: Option<String>,
    malware: Option<String>,
    tags: Option<String>,
}

fn row() -> impl Strategy<Value = Plain> {
    let word = |words: &'static [&'static str]| {
        proptest::option::of(proptest::sample::select(words))
            .prop_map(|word| word.map(str::to_owned))
    };
    let ip = proptest::option::of(prop_oneof![
        (0..8_u8).prop_map(|n| IpAddr::from([192, 0, 2, n])),
        (0..4_u8).prop_map(|n| IpAddr::from([198, 51, 100, n])),
        (0..3_u16).prop_map(|n| IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, n])),
    ]);
    let first = (
        // Few instants, so that many rows share one; two days.
        (0..3_i64, 0..5_i64).prop_map(|(day, at)| START + day * MICROS_PER_DAY / 2 + at * HOUR / 2),
        word(&["phishing", "scanner", "infected-system"]),
        ip,
        proptest::option::of(proptest::sample::select(&[320_000, 440_000][..])),
        word(&["CN", "DE"]),
    );
    let second = (
        proptest::option::of(64_496..64_499_u32),
        word(&["login.example.test", "EXAMPLE.test", "a.example.com"]),
        word(&[
            "https://login.example.test/Bank?a=1",
            "http://a.example.com/",
        ]),
        word(&["mirai", "mozi"]),
        word(&["iot", "iot backdoor", "web"]),
    );
    (first, second).prop_map(
        |((at, class, ip, province, country), (asn, host, url, malware, tags))| Plain {
            at,
            feed: String::new(),
            class,
            ip,
            province,
            country,
            asn,
            host,
            url,
            malware,
            tags,
        },
    )
}

/// A report: some columns are the same in all of its rows.
fn report() -> impl Strategy<Value = Vec<Plain>> {
    (
        proptest::collection::vec(row(), 1..40),
        row(),
        any::<[bool; 4]>(),
        0..3_usize,
    )
        .prop_map(|(mut rows, one, shared, feed)| {
            for row in &mut rows {
                row.feed = ["alpha", "beta", "gamma"][feed].to_owned();
                if shared[0] {
                    row.class.clone_from(&one.class);
                }
                if shared[1] {
                    row.province = one.province;
                    row.country.clone_from(&one.country);
                }
                if shared[2] {
                    row.at = one.at;
                }
                if shared[3] {
                    row.host.clone_from(&one.host);
                    row.asn = one.asn;
                }
            }
            rows
        })
}

struct Store {
    _folder: tempfile::TempDir,
    searcher: Searcher,
    parts: Vec<Part>,
    rows: HashMap<EventId, Plain>,
}

fn store(reports: &[Vec<Plain>]) -> Store {
    let folder = tempfile::tempdir().expect("a folder");
    let lake = Lake::open(folder.path(), 64 << 20, 2).expect("opens");
    let mut parts = Vec::new();
    let mut rows = HashMap::new();
    for (number, report) in reports.iter().enumerate() {
        let mut index = IdentityIndex::new(1 << 20);
        let mut runs = |_| Ok(Vec::new());
        let mut writer = ReportWriter::new(&lake, &format!("r{number}"), &mut index, &mut runs);
        let mut columns = Columns::new();
        let mut record = Record::new();
        for (line, row) in report.iter().enumerate() {
            record.clear();
            record.line = line as u64 + 1;
            record.set_time(Field::ObservedAt, Timestamp(row.at));
            // Tells rows apart that are alike otherwise.
            record.set_text(Field::Comment, &format!("{number}-{line}"));
            if let Some(ip) = row.ip {
                record.set_ip(Field::SourceIp, ip);
            }
            let texts = [
                (Field::ClassType, &row.class),
                (Field::SourceUrl, &row.url),
                (Field::MalwareName, &row.malware),
                (Field::Tags, &row.tags),
            ];
            for (field, text) in texts {
                if let Some(text) = text {
                    record.set_text(field, text);
                }
            }
            let enrichment = Enrichment {
                country: row.country.as_deref(),
                province: row.province,
                asn: row.asn,
                host: row.host.as_deref(),
                ..Enrichment::default()
            };
            let named = Named {
                feed: &row.feed,
                keys: None,
                row: &record,
            };
            columns.append(named, &record, &enrichment);
        }
        let receipt = Receipt {
            feed: report[0].feed.clone(),
            report: format!("R-{number}"),
            member: 0,
            received_at: START,
            source_schema: None,
        };
        for chunk in columns.take(&receipt) {
            writer.push(chunk).expect("stages");
        }
        let staged = writer.finish().expect("finishes");
        assert_eq!(staged.events, report.len() as u64, "no row is a duplicate");
        parts.extend(
            staged
                .files
                .iter()
                .filter(|(_, file)| file.kind == FileKind::Part)
                .map(|(_, file)| Part {
                    path: file.path.clone(),
                    bytes: file.bytes,
                    rows: file.rows,
                    min_observed: file.min_observed,
                    max_observed: file.max_observed,
                }),
        );
    }
    let searcher = Searcher::new(lake);
    // Which identity is whose, from the store itself: the comment says.
    let all = search(&searcher, &parts, &ask("", 100_000));
    let wanted = columns(&["comment", "event_id"]);
    for event in searcher.events(&all.places, &wanted).expect("reads") {
        let comment = event.text("comment").expect("every row has one");
        let (report, line) = comment.split_once('-').expect("two numbers");
        let report: usize = report.parse().expect("a number");
        let line: usize = line.parse().expect("a number");
        rows.insert(event.cursor.event, reports[report][line].clone());
    }
    assert_eq!(rows.len(), reports.iter().map(Vec::len).sum::<usize>());
    Store {
        _folder: folder,
        searcher,
        parts,
        rows,
    }
}

fn never() -> Enough {
    Arc::new(|| false)
}

fn ask(text: &str, rows: usize) -> Ask {
    Ask {
        query: Query::parse(text).unwrap_or_else(|error| panic!("{text}: {error}")),
        span: (i64::MIN, i64::MAX),
        edges: (0..=48).map(|hour| START + hour * HOUR).collect(),
        facets: true,
        rows,
        after: None,
    }
}

fn search(searcher: &Searcher, parts: &[Part], ask: &Ask) -> Found {
    searcher.search(parts, ask, &never()).expect("finds")
}

/// A condition as the plain filter reads it: one key, its values.
type Condition = (&'static str, bool, Vec<&'static str>);

fn text_of(conditions: &[Condition]) -> String {
    let terms = conditions.iter().map(|(key, exclude, values)| {
        let sign = if *exclude { "-" } else { "" };
        match *key {
            "text" => format!("{sign}{}", values[0]),
            key => format!("{sign}{key}:{}", values.join(",")),
        }
    });
    terms.collect::<Vec<_>>().join(" ")
}

/// The plain filter; `twin` is it with a fault of its own, to show that the comparison sees one.
fn fits(row: &Plain, conditions: &[Condition], twin: bool) -> bool {
    let same = |value: &Option<String>, wanted: &str| match (value, wanted) {
        (None, "none") => true,
        (None, _) | (Some(_), "none") => false,
        (Some(_), "any") => true,
        (Some(value), wanted) => match (wanted.strip_prefix('*'), wanted.strip_suffix('*')) {
            (Some(end), _) => value.to_lowercase().ends_with(&end.to_lowercase()),
            (None, Some(start)) => value.to_lowercase().starts_with(&start.to_lowercase()),
            (None, None) => value.eq_ignore_ascii_case(wanted),
        },
    };
    let within = |value: &Option<String>, wanted: &str| match (value, wanted) {
        (None, "none") => true,
        (None, _) | (Some(_), "none") => false,
        (Some(value), wanted) => value.to_lowercase().contains(&wanted.to_lowercase()),
    };
    conditions.iter().all(|(key, exclude, values)| {
        let one = |wanted: &&str| match *key {
            "class" => same(&row.class, wanted),
            "feed" => same(&Some(row.feed.clone()), wanted),
            "country" => same(&row.country, wanted),
            "malware" => same(&row.malware, wanted),
            "host" => same(&row.host, wanted),
            "url" => within(&row.url, wanted),
            "text" => within(&row.url, wanted) || within(&row.host, wanted),
            "tag" => match (&row.tags, *wanted) {
                (None, "none") => true,
                (Some(tags), wanted) => tags.split(' ').any(|tag| tag == wanted),
                _ => false,
            },
            "province" => match (row.province, *wanted) {
                (None, "none") => true,
                (Some(code), wanted) => code / 10_000 == wanted.parse().unwrap_or(0),
                _ => false,
            },
            "asn" => match (row.asn, *wanted) {
                (None, "none") => true,
                (Some(_), "any") => true,
                (Some(asn), wanted) => format!("AS{asn}") == wanted,
                _ => false,
            },
            "ip" => match (row.ip, *wanted) {
                (None, "none") => true,
                (Some(IpAddr::V4(ip)), "192.0.2.0/30") => {
                    ip.octets()[..3] == [192, 0, 2] && ip.octets()[3] < 4
                }
                (Some(IpAddr::V6(_)), "2001:db8::/32") => true,
                (Some(ip), wanted) => ip.to_string() == wanted,
                _ => false,
            },
            other => panic!("no such key {other}"),
        };
        values.iter().any(one) != (*exclude && !twin)
    })
}

fn conditions() -> impl Strategy<Value = Vec<Condition>> {
    let of: &[(&'static str, &'static [&'static str])] = &[
        (
            "class",
            &["phishing", "PHISHING", "scanner", "none", "any", "inf*"],
        ),
        ("feed", &["alpha", "beta", "delta"]),
        ("country", &["cn", "DE", "none"]),
        ("malware", &["mirai", "none", "mo*"]),
        (
            "host",
            &[
                "*.example.test",
                "example.test",
                "a.example.com",
                "none",
                "any",
            ],
        ),
        ("url", &["bank", "none", "EXAMPLE"]),
        ("text", &["login", "example.com"]),
        ("tag", &["iot", "backdoor", "none"]),
        ("province", &["32", "44", "none"]),
        ("asn", &["AS64496", "AS64498", "none", "any"]),
        (
            "ip",
            &["192.0.2.0/30", "2001:db8::/32", "198.51.100.1", "none"],
        ),
    ];
    let one = proptest::sample::select(of.to_vec()).prop_flat_map(|(key, values)| {
        let most = if key == "text" { 1 } else { 2 };
        (
            any::<bool>(),
            proptest::sample::subsequence(values.to_vec(), 1..=most),
        )
            .prop_map(move |(exclude, values)| (key, exclude, values))
    });
    // One condition a key: values of one key would be put together.
    proptest::collection::vec(one, 0..4).prop_map(|conditions| {
        let by_key: BTreeMap<_, _> = conditions.into_iter().map(|one| (one.0, one)).collect();
        by_key.into_values().collect()
    })
}

/// What the plain filter comes to, in the order of answers.
fn expected(
    store: &Store,
    conditions: &[Condition],
    span: (i64, i64),
    twin: bool,
) -> Vec<(i64, EventId)> {
    let mut rows: Vec<(i64, EventId)> = store
        .rows
        .iter()
        .filter(|(_, row)| span.0 <= row.at && row.at < span.1 && fits(row, conditions, twin))
        .map(|(id, row)| (row.at, *id))
        .collect();
    rows.sort_unstable_by(|a, b| b.cmp(a));
    rows
}

fn order(places: &[Place]) -> Vec<(i64, EventId)> {
    places
        .iter()
        .map(|place| (place.cursor.observed_at, place.cursor.event))
        .collect()
}

fn facet(found: &Found, column: &str) -> BTreeMap<String, u64> {
    let facet = found
        .facets
        .iter()
        .find(|facet| facet.column == column)
        .expect("a facet");
    let mut counts: BTreeMap<String, u64> = facet
        .values
        .iter()
        .map(|(value, count)| match value {
            FacetValue::Text(text) => (text.to_string(), *count),
            FacetValue::Number(number) => (number.to_string(), *count),
        })
        .collect();
    if facet.none > 0 {
        counts.insert("-".to_owned(), facet.none);
    }
    counts
}

fn counted(
    rows: &[(i64, EventId)],
    of: impl Fn(&EventId) -> Option<String>,
) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for (_, id) in rows {
        *counts
            .entry(of(id).unwrap_or_else(|| "-".to_owned()))
            .or_default() += 1;
    }
    counts
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_search_finds_what_a_plain_filter_finds(
        reports in proptest::collection::vec(report(), 1..5),
        all in proptest::collection::vec((conditions(), 0..4_usize), 1..6),
        limit in 1..30_usize,
    ) {
        let store = store(&reports);
        for (conditions, span) in all {
            let text = text_of(&conditions);
            let span = [
                (i64::MIN, i64::MAX),
                (START, START + 40 * HOUR),
                (START + HOUR, START + 13 * HOUR),
                (START + 2 * HOUR, START + 2 * HOUR),
            ][span];
            let rows = expected(&store, &conditions, span, false);
            // Twice: the second time from what was kept.
            for _ in 0..2 {
                let ask = Ask { span, ..ask(&text, limit) };
                let found = search(&store.searcher, &store.parts, &ask);
                prop_assert_eq!(found.total, rows.len() as u64, "{}", text);
                prop_assert!(!found.partial);
                prop_assert_eq!(found.of, store.rows.len() as u64);
                let mut steps = vec![0; 48];
                rows.iter().for_each(|(at, _)| steps[((at - START) / HOUR) as usize] += 1);
                prop_assert_eq!(&found.steps, &steps, "{}", text);
                let row = |id: &EventId| &store.rows[id];
                prop_assert_eq!(facet(&found, "class_type"), counted(&rows, |id| row(id).class.clone()));
                prop_assert_eq!(facet(&found, "feed"), counted(&rows, |id| Some(row(id).feed.clone())));
                prop_assert_eq!(
                    facet(&found, "province"),
                    counted(&rows, |id| row(id).province.map(|code| code.to_string()))
                );
                prop_assert_eq!(facet(&found, "asn"), counted(&rows, |id| row(id).asn.map(|asn| asn.to_string())));
                prop_assert_eq!(facet(&found, "country"), counted(&rows, |id| row(id).country.clone()));
                prop_assert_eq!(facet(&found, "malware_name"), counted(&rows, |id| row(id).malware.clone()));
            }
            // Page by page, by the cursor, also without facets and steps.
            let mut walked = Vec::new();
            let mut ask = Ask { span, facets: false, edges: Arc::from([]), ..ask(&text, limit) };
            loop {
                let found = search(&store.searcher, &store.parts, &ask);
                prop_assert_eq!(found.total, rows.len() as u64, "{}", text);
                walked.extend(order(&found.places));
                if !found.more {
                    break;
                }
                prop_assert_eq!(found.places.len(), limit);
                ask.after = found.places.last().map(|place| place.cursor);
            }
            prop_assert_eq!(walked, rows, "{}", text);
        }
    }

    #[test]
    fn an_event_is_found_by_its_identity(reports in proptest::collection::vec(report(), 1..4)) {
        let store = store(&reports);
        for (id, row) in store.rows.iter().take(20) {
            let day = Timestamp(row.at).day();
            for day in [None, Some(day), Some(model::time::Day(day.0 + 400))] {
                let event = store.searcher.event(&store.parts, *id, day).expect("reads").expect("is there");
                prop_assert_eq!(event.cursor.observed_at, row.at);
                prop_assert_eq!(event.text("class_type").map(str::to_owned), row.class.clone());
                prop_assert_eq!(event.text("source_ip").map(str::to_owned), row.ip.map(|ip| ip.to_string()));
                prop_assert_eq!(event.number("province"), row.province.map(i64::from));
                let text = id.to_string();
                prop_assert_eq!(event.text("event_id"), Some(text.as_str()));
            }
        }
        let nobody = store.searcher.event(&store.parts, EventId([7; 16]), None).expect("reads");
        prop_assert!(nobody.is_none());
    }
}

/// The comparison above would see a search that forgets to exclude: its twin is told from the filter.
#[test]
fn a_broken_twin_is_seen() {
    let rows = vec![
        Plain {
            at: START,
            feed: "alpha".to_owned(),
            class: Some("phishing".to_owned()),
            ..Plain::default()
        },
        Plain {
            at: START + HOUR,
            feed: "alpha".to_owned(),
            class: Some("scanner".to_owned()),
            ..Plain::default()
        },
    ];
    let store = store(&[rows]);
    let conditions: Vec<Condition> = vec![("class", true, vec!["phishing"])];
    let found = search(
        &store.searcher,
        &store.parts,
        &ask(&text_of(&conditions), 10),
    );
    let span = (i64::MIN, i64::MAX);
    assert_eq!(
        order(&found.places),
        expected(&store, &conditions, span, false)
    );
    assert_ne!(
        order(&found.places),
        expected(&store, &conditions, span, true)
    );
}

#[test]
fn a_search_that_takes_too_long_says_that_it_is_a_part() {
    let rows: Vec<Plain> = (0..50)
        .map(|n| Plain {
            at: START + n * HOUR / 4,
            feed: "alpha".to_owned(),
            class: Some("phishing".to_owned()),
            ..Plain::default()
        })
        .collect();
    let store = store(&[rows.clone(), rows]);
    let at_once: Enough = Arc::new(|| true);
    let found = store
        .searcher
        .search(&store.parts, &ask("class:phishing", 10), &at_once)
        .expect("answers");
    assert!(found.partial);
    assert_eq!((found.total, found.of), (0, 100));
    assert_eq!(found.parts, (0, store.parts.len()));
}

#[test]
fn parts_outside_the_span_are_not_opened() {
    let row = |at| Plain {
        at,
        feed: "alpha".to_owned(),
        ..Plain::default()
    };
    let store = store(&[vec![row(START)], vec![row(START + MICROS_PER_DAY)]]);
    let gone = store
        .parts
        .iter()
        .find(|part| part.max_observed == START)
        .expect("the first day's");
    std::fs::remove_file(store.searcher.lake().root().join(&gone.path)).expect("removes");
    let searcher = Searcher::new(store.searcher.lake().clone());
    let on_second = Ask {
        span: (START + MICROS_PER_DAY, i64::MAX),
        ..ask("", 10)
    };
    assert_eq!(search(&searcher, &store.parts, &on_second).total, 1);
    let whole = searcher.search(&store.parts, &ask("", 10), &never());
    assert!(whole.is_err(), "a part that is missing is told of");
}
