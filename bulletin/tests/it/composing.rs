//! From counted weeks to a bulletin: sections, numbering, sentences and their variants.

use bulletin::compose::{Cover, compose};
use bulletin::editorial::Around;
use bulletin::frozen::FrozenWeek;
use bulletin::rating::{DEFAULT_RATING, DEFAULT_VULNERABILITY, Infrastructure, Profile};
use bulletin::sections::figures::Names;
use bulletin::statistics::{EarlierNames, Tally};
use bulletin::week::{Freeze, assemble};
use jiff::civil::date;
use model::bulletin::{
    Bulletin, Direction, Judgement, Lang, Outcome, Publisher, SeriesTitle, State, Text, Tlp,
};
use model::feed::Feed;
use model::issue::NumberingScheme;
use model::statistic::FeedCoverage;
use model::time::ReportingWeek;

use crate::counting::full;
use crate::events::{Event, batch, defaced, hosting, infected, phishing, vulnerability};

const FEEDS: [&str; 7] = [
    "sink-a", "sink-b", "urls", "zone", "shells", "phish", "cnvd",
];

pub fn feeds() -> Vec<Feed> {
    FEEDS
        .iter()
        .map(|name| {
            let text = format!(
                "name = \"{name}\"\nprovider = \"test\"\nformat = \"csv\"\nzone = \"UTC\"\nlicence = \"test data\"\n"
            );
            toml::from_str(&text).expect("an entry")
        })
        .collect()
}

/// How much of everything a week has.
#[derive(Clone, Copy)]
pub struct Size {
    pub hosts: u32,
    pub sites: u32,
    pub pages: u32,
    pub records: u32,
    pub hosting: u32,
}

pub const USUAL: Size = Size {
    hosts: 12_000,
    sites: 60,
    pages: 300,
    records: 140,
    hosting: 40,
};

/// Texts live as long as the test: events borrow them.
pub fn leak(text: String) -> &'static str {
    Box::leak(text.into_boxed_str())
}

fn events(size: Size) -> Vec<Event> {
    let mut out = Vec::new();
    for n in 0..size.hosts {
        let ip = leak(std::net::Ipv4Addr::from(0x0a00_0000 + n).to_string());
        let feed = if n % 3 == 0 { "sink-b" } else { "sink-a" };
        let province = [
            440_000, 440_000, 440_000, 440_000, 320_000, 320_000, 320_000, 330_000, 330_000,
            110_000,
        ][(n / 5 % 10) as usize];
        out.push(Event {
            province,
            ..infected(feed, ip, if n % 5 == 0 { "conficker" } else { "mirai" })
        });
    }
    for n in 0..size.sites {
        let domain = leak(format!("site{n}.example"));
        let (owner, tld) = if n % 6 == 0 {
            (1, "example")
        } else {
            (0, "com")
        };
        out.push(defaced("zone", domain, tld, owner));
        if n % 2 == 0 {
            let shell = defaced("shells", domain, tld, owner);
            out.push(Event {
                class: "system-compromise",
                identifier: "compromised-website",
                ..shell
            });
        }
    }
    for n in 0..size.pages {
        let domain = leak(format!("p{}.example", n / 3));
        let ip = leak(format!("203.0.113.{}", n % 50));
        let sector = ["bank", "parcel", "shop"][(n % 3) as usize];
        out.push(Event {
            ip,
            sector,
            ..phishing("phish", leak(format!("http://{domain}/{n}")), domain)
        });
    }
    for n in 0..size.records {
        let severity = ["high", "medium", "medium", "low"][(n % 4) as usize];
        let object = ["应用程序", "WEB应用", "网络设备"][(n % 3) as usize];
        out.push(vulnerability(
            "cnvd",
            leak(format!("CNVD-2023-{n:05}")),
            severity,
            object,
        ));
    }
    for n in 0..size.hosting {
        let domain = leak(format!("h{n}.example"));
        let ip = leak(format!("198.51.100.{n}"));
        let event = hosting(
            "urls",
            leak(format!("http://{domain}/x")),
            domain,
            if n % 4 == 0 { "test" } else { "example" },
        );
        out.push(Event {
            ip,
            territory: 1 + (n % 2) as u8,
            domain_territory: (n % 3) as u8,
            ..event
        });
    }
    out
}

struct Made {
    week: ReportingWeek,
    size: Size,
    without: &'static [&'static str],
    infrastructure: Vec<Infrastructure>,
}

fn freeze(made: Made, past: &[FrozenWeek]) -> FrozenWeek {
    let kept: Vec<Event> = events(made.size)
        .into_iter()
        .filter(|event| !made.without.contains(&event.feed))
        .collect();
    let mut tally = Tally::new([]);
    kept.chunks(4096)
        .for_each(|chunk| tally.add(&batch(chunk)).expect("a batch"));
    let coverage: Vec<FeedCoverage> = FEEDS
        .iter()
        .map(|feed| {
            let gone = made.without.contains(feed);
            let missing = if gone {
                made.week.days().collect()
            } else {
                vec![]
            };
            FeedCoverage {
                seen_days: if gone { 0 } else { 7 },
                reports: if gone { 0 } else { 7 },
                missing,
                ..full(feed)
            }
        })
        .collect();
    let rating = Profile::named(DEFAULT_RATING, &[]).expect("built in");
    let vulnerability = Profile::named(DEFAULT_VULNERABILITY, &[]).expect("built in");
    let with = Freeze {
        series: "weekly",
        issue: NumberingScheme::SundayOrdinal
            .issue(made.week)
            .expect("numbered"),
        zone_name: "Asia/Shanghai",
        coverage: &coverage,
        reference: "none",
        source_schemas: vec![],
        program: "test",
        statistics: &bulletin::statistics::all(),
        past,
        rating: &rating,
        vulnerability: &vulnerability,
    };
    let earlier = EarlierNames {
        names: ["mirai", "conficker"].map(str::to_owned).into(),
        weeks: FEEDS.map(|feed| (feed.to_owned(), 13)).into(),
    };
    assemble(
        made.week,
        &feeds(),
        &tally.finish(),
        &earlier,
        made.infrastructure,
        with,
    )
}

/// Weeks before 2023-3, newest first, each of the usual size but the last.
pub fn past(count: i64, last: Size) -> Vec<FrozenWeek> {
    let week = ReportingWeek::containing(date(2023, 1, 9));
    let mut past: Vec<FrozenWeek> = Vec::new();
    for back in (1..=count).rev() {
        let size = if back == 1 { last } else { USUAL };
        let made = Made {
            week: week.plus(-back),
            size,
            without: &[],
            infrastructure: vec![],
        };
        let frozen = freeze(made, &past);
        past.insert(0, frozen);
    }
    past
}

pub fn this(size: Size, without: &'static [&'static str], past: &[FrozenWeek]) -> FrozenWeek {
    let week = ReportingWeek::containing(date(2023, 1, 9));
    freeze(
        Made {
            week,
            size,
            without,
            infrastructure: vec![],
        },
        past,
    )
}

pub fn bulletin(this: &FrozenWeek, past: &[FrozenWeek]) -> Bulletin {
    let province = |code: u32| match code {
        440_000 => Some(Text::new("广东", "Guangdong")),
        320_000 => Some(Text::new("江苏", "Jiangsu")),
        330_000 => Some(Text::new("浙江", "Zhejiang")),
        _ => None,
    };
    let sector = |id: &str| (id == "bank").then(|| Text::new("银行", "banks"));
    let cover = Cover {
        series: SeriesTitle {
            id: "weekly".into(),
            title: Text::new("周报", "Weekly"),
        },
        publisher: Publisher {
            name: Text::same("Example CERT"),
            about: None,
        },
        tlp: Tlp::Clear,
        state: State::Draft,
        revision: 1,
        corrections: vec![],
        banner: None,
        published: None,
        around: &Around::default(),
        names: Names {
            province: &province,
            sector: &sector,
        },
    };
    let made = compose(this, past, cover).expect("a sound bulletin");
    assert_eq!(made.check(), Vec::<String>::new());
    made
}

fn text(bulletin: &Bulletin, lang: Lang) -> String {
    let mut out = vec![bulletin.rating.sentence.plain(lang)];
    out.extend(bulletin.situation.iter().map(|part| part.plain(lang)));
    for section in &bulletin.sections {
        out.push(format!("# {} {}", section.number, section.title.get(lang)));
        out.extend(section.paragraphs.iter().map(|part| part.plain(lang)));
        out.extend(
            section
                .charts
                .iter()
                .map(|chart| format!("[{} {}]", chart.number, chart.title.get(lang))),
        );
    }
    out.extend(bulletin.notes.iter().map(|note| note.text.plain(lang)));
    out.join("\n")
}

#[test]
fn a_full_week_has_every_section_and_says_what_moved() {
    let past = past(13, USUAL);
    let size = Size {
        hosts: 15_000,
        pages: 270,
        ..USUAL
    };
    let made = bulletin(&this(size, &[], &past), &past);
    let ids: Vec<&str> = made
        .sections
        .iter()
        .map(|section| section.id.as_str())
        .collect();
    assert_eq!(ids, ["malware", "hosting", "websites", "vulnerabilities"]);
    let (zh, en) = (text(&made, Lang::Zh), text(&made, Lang::En));
    println!("{zh}\n{en}");
    for told in [
        "感染恶意程序，比上周上升25.0%",
        "约1.5万个主机地址",
        "仿冒页面270个，比上周下降10.0%",
        "与上周持平",
        "广东、江苏、浙江",
        "未登记影响较大的事件",
    ] {
        assert!(zh.contains(told), "{told} is not in\n{zh}");
    }
    for told in [
        "about 15,000 host addresses",
        "25.0% more than last week",
        "10.0% fewer than last week",
        "as many as last week",
        "Guangdong, Jiangsu, Zhejiang",
    ] {
        assert!(en.contains(told), "{told} is not in\n{en}");
    }
    assert!(!zh.contains(['{', '}']) && !en.contains(['{', '}']));
    assert_eq!(made.board.tiles.len(), 8);
    let tile = &made.board.tiles[0];
    assert_eq!(
        (
            tile.amount.zh.as_str(),
            tile.unit.zh.as_str(),
            tile.amount.en.as_str()
        ),
        ("1.5", "万台", "15")
    );
    assert_eq!(
        (tile.change.direction, tile.change.judgement),
        (Direction::Up, Judgement::Worse)
    );
    assert_eq!(tile.spark.marks.len(), 13);
    assert!(tile.spark.range.is_some());
    assert_eq!(made.recent.len(), 5);
    assert_eq!(made.recent[0].issue.text.zh, "2023年第2期");
    assert!(made.rating.outcome.level().is_some());
    assert_eq!(
        made.value("M1")
            .and_then(|value| value.value.clone())
            .map(|amount| amount.text.zh)
            .as_deref(),
        Some("1.5万")
    );
    // Colors follow good and bad; newly recorded vulnerabilities are neither.
    assert_eq!(
        made.value("W5").map(|value| value.change.judgement),
        Some(Judgement::Better)
    );
    assert!(
        made.values
            .iter()
            .filter(|value| value.statistic.starts_with('V'))
            .all(|value| value.change.judgement == Judgement::Neutral)
    );
}

#[test]
fn absent_sections_leave_no_gap_in_the_numbers() {
    let past = past(2, USUAL);
    let none = Size {
        hosting: 0,
        ..USUAL
    };
    let made = bulletin(&this(none, &[], &past), &past);
    let ids: Vec<&str> = made
        .sections
        .iter()
        .map(|section| section.id.as_str())
        .collect();
    assert_eq!(ids, ["malware", "websites", "vulnerabilities"]);
    let numbers: Vec<u32> = made.charts().map(|chart| chart.number).collect();
    assert_eq!(numbers, (1..=numbers.len() as u32).collect::<Vec<_>>());
    assert!(matches!(made.rating.outcome, Outcome::NotAssessed { .. }));
    assert!(text(&made, Lang::Zh).contains("本周不作评定"));
}

#[test]
fn a_silent_source_is_told_and_nothing_reads_better() {
    let past = past(13, USUAL);
    let made = bulletin(&this(USUAL, &["sink-b"], &past), &past);
    let (zh, en) = (text(&made, Lang::Zh), text(&made, Lang::En));
    println!("{zh}\n{en}");
    assert!(zh.contains("按两周都完整的来源计，与上周持平"), "{zh}");
    assert!(
        en.contains("unchanged over the sources complete in both weeks"),
        "{en}"
    );
    assert!(zh.contains("sink-b（0/7天，缺1月9日"), "{zh}");
    let tile = &made.board.tiles[0];
    assert_eq!(tile.change.judgement, Judgement::NotComparable);
    assert_eq!(
        tile.incomplete
            .as_ref()
            .map(|found| (found.complete, found.expected)),
        Some((1, 2))
    );
    assert!(
        made.values
            .iter()
            .all(|value| value.change.judgement != Judgement::Better)
    );
    assert!(
        !zh.contains("最少") && !en.contains("fewest"),
        "an outage is told as a record low"
    );
    let chart = made.charts().next().expect("a chart");
    assert!(chart.title.zh.contains("来源不完整") && chart.note.is_some());

    // All of a statistic's sources silent: the figure is not available, its tile stays and says so.
    let made = bulletin(&this(USUAL, &["sink-a", "sink-b"], &past), &past);
    let tile = &made.board.tiles[0];
    assert!(
        tile.value == "M1"
            && tile
                .missing
                .as_ref()
                .is_some_and(|text| text.zh.contains("没有收到"))
    );
    assert!(
        made.sections
            .iter()
            .all(|section| section.id != "malware" || section.paragraphs.len() == 1)
    );
    assert_eq!(
        made.value("M1").map(|value| value.value.is_none()),
        Some(true)
    );
}

#[test]
fn a_first_week_states_no_change() {
    let made = bulletin(&this(USUAL, &[], &[]), &[]);
    let zh = text(&made, Lang::Zh);
    assert!(
        !zh.contains("上周上升") && !zh.contains("持平") && made.recent.is_empty(),
        "{zh}"
    );
    assert!(made.values.iter().all(|value| value.change.text.is_empty()));
    assert!(
        made.board
            .tiles
            .iter()
            .all(|tile| tile.spark.marks.is_empty())
    );
}

#[test]
fn small_and_zero_bases_print_both_counts() {
    let few = Size {
        sites: 12,
        hosting: 0,
        ..USUAL
    };
    let past = past(2, few);
    let made = bulletin(&this(Size { sites: 60, ..USUAL }, &[], &past), &past);
    let zh = text(&made, Lang::Zh);
    assert!(
        zh.contains("被篡改的政府网站10个，占16.7%，上周为2个"),
        "{zh}"
    );
    assert_eq!(
        made.value("W2")
            .map(|value| value.change.text.zh.clone())
            .as_deref(),
        Some("2→10")
    );
    assert!(zh.contains("放马站点域名40个，上周没有"), "{zh}");
}

#[test]
fn infrastructure_events_are_told_and_hold_the_rating() {
    let past = past(13, USUAL);
    let week = ReportingWeek::containing(date(2023, 1, 9));
    let event = Infrastructure {
        id: "INF-1".into(),
        name: Text::new("骨干网中断", "backbone outage"),
        place: Text::new("甲省", "Province A"),
        scope: "440000".into(),
        grade: 2,
        start_at: 1_673_247_600_000_000,
        end_at: Some(1_673_251_200_000_000),
        effect: Text::new("部分用户无法上网", "some users offline"),
    };
    let frozen = freeze(
        Made {
            week,
            size: USUAL,
            without: &[],
            infrastructure: vec![event],
        },
        &past,
    );
    let made = bulletin(&frozen, &past);
    let (zh, en) = (text(&made, Lang::Zh), text(&made, Lang::En));
    assert!(
        zh.contains("甲省骨干网中断（等级重大，2023年1月9日15时00分至16时00分，部分用户无法上网）"),
        "{zh}"
    );
    assert!(zh.contains("级别不高于“差”") && en.contains("Poor"), "{zh}");
    assert_eq!(made.rating.outcome.level(), Some(4));
    assert!(made.rating.working.gates.iter().any(|gate| gate.applied));
}

#[test]
fn the_same_week_freezes_to_the_same_bytes() {
    let past = past(2, USUAL);
    let (a, b) = (this(USUAL, &[], &past), this(USUAL, &[], &past));
    assert_eq!(a.hash(), b.hash());
    assert_eq!(
        FrozenWeek::from_json("2023-3", &a.to_json()).expect("reads back"),
        a
    );
    assert_eq!(bulletin(&a, &past).hash, bulletin(&b, &past).hash);
    assert!(
        FrozenWeek::from_json(
            "2023-3",
            &a.to_json().replacen("\"format\":1", "\"format\":9", 1)
        )
        .is_err()
    );
    assert!(FrozenWeek::from_json("2023-3", "{").is_err());
}

/// Each feed falls silent in turn, through the whole chain: no figure, title or rating improves by it.
#[test]
fn removing_each_feed_in_turn_improves_nothing() {
    let usual = Size {
        hosts: 1_500,
        ..USUAL
    };
    let week = ReportingWeek::containing(date(2023, 1, 9));
    let mut past: Vec<FrozenWeek> = Vec::new();
    for back in (1..=9).rev() {
        let made = Made {
            week: week.plus(-back),
            size: usual,
            without: &[],
            infrastructure: vec![],
        };
        past.insert(0, freeze(made, &past));
    }
    // A bad week: without the feeds that saw it, it would look like any other, or better.
    let bad = Size {
        hosts: 2_900,
        pages: 590,
        sites: 110,
        records: 160,
        hosting: 70,
    };
    let full = bulletin(&this(bad, &[], &past), &past);
    let level = full.rating.outcome.level().expect("assessed");
    assert!(level > 2);
    let gone: [&'static [&'static str]; 9] = [
        &["sink-a"],
        &["sink-b"],
        &["urls"],
        &["zone"],
        &["shells"],
        &["phish"],
        &["cnvd"],
        &["sink-a", "sink-b"],
        &["zone", "phish"],
    ];
    for without in gone {
        let made = bulletin(&this(bad, without, &past), &past);
        for value in &made.values {
            let before = full.value(&value.key).map(|before| before.change.judgement);
            if value.change.judgement == Judgement::Better {
                assert_eq!(
                    before,
                    Some(Judgement::Better),
                    "{without:?}: {} reads as better",
                    value.key
                );
            }
            let fell = value.change.direction == Direction::Down;
            assert!(
                !fell
                    || full.value(&value.key).map(|before| before.change.direction)
                        == Some(Direction::Down),
                "{without:?}: {}",
                value.key
            );
        }
        if let Some(now) = made.rating.outcome.level() {
            assert!(now >= level, "{without:?}: {now} is better than {level}");
        }
        for chart in made.charts() {
            assert!(
                !chart.title.zh.contains("最少"),
                "{without:?}: {}",
                chart.title.zh
            );
        }
    }
}
