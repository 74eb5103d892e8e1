//! A full invented issue with every part and every kind of chart a bulletin can have: the renderers' golden input
//! and what `cargo run -p bulletin --example specimen` draws. No figure in it is real.

use model::bulletin::*;
use model::issue::IssueNumber;

fn t(zh: &str, en: &str) -> Text {
    Text::new(zh, en)
}

fn d(text: &str) -> Decimal {
    text.parse().expect("a decimal literal")
}

fn date(text: &str) -> jiff::civil::Date {
    text.parse().expect("a date literal")
}

fn words(zh: &str, en: &str) -> Paragraph {
    Paragraph::words(t(zh, en))
}

/// Splits `{key|text}` into numbers and the rest into words; `{~key|text}` is a change, `{<key|text}` last week's.
fn runs(text: &str) -> Vec<Run> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let (inner, next) = after.split_once('}').expect("a closed brace");
        let (key, printed) = inner.split_once('|').expect("key and text");
        if !before.is_empty() {
            out.push(Run::Words {
                text: before.to_owned(),
            });
        }
        let (aspect, key) = match key.as_bytes()[0] {
            b'~' => (Aspect::Change, &key[1..]),
            b'<' => (Aspect::Previous, &key[1..]),
            _ => (Aspect::Value, key),
        };
        out.push(Run::Number {
            value: key.to_owned(),
            aspect,
            text: printed.to_owned(),
        });
        rest = next;
    }
    if !rest.is_empty() {
        out.push(Run::Words {
            text: rest.to_owned(),
        });
    }
    out
}

fn says(zh: &str, en: &str) -> Paragraph {
    Paragraph {
        zh: runs(zh),
        en: runs(en),
    }
}

fn amount(exact: Exact, number: Option<Decimal>, text: Text) -> Amount {
    Amount {
        exact,
        number,
        text,
    }
}

fn count(n: u64) -> Amount {
    amount(
        Exact::Count { count: n },
        Some(Decimal::count(n)),
        number(n),
    )
}

/// 万 from ten thousand on, grouped thousands in English.
fn number(n: u64) -> Text {
    let zh = if n >= 10_000 {
        format!(
            "{}万",
            Decimal::ratio(i128::from(n), 10_000, 1)
                .expect("small")
                .fixed(1)
        )
    } else {
        n.to_string()
    };
    let digits = n.to_string();
    let en: Vec<String> = digits
        .as_bytes()
        .rchunks(3)
        .rev()
        .map(|c| String::from_utf8_lossy(c).into_owned())
        .collect();
    Text::new(zh, en.join(","))
}

#[rustfmt::skip]
fn up(percent: &str, judgement: Judgement) -> Change {
    change(Direction::Up, percent, judgement)
}

#[rustfmt::skip]
fn down(percent: &str, judgement: Judgement) -> Change {
    change(Direction::Down, percent, judgement)
}

#[rustfmt::skip]
fn change(direction: Direction, percent: &str, judgement: Judgement) -> Change {
    Change { direction, judgement, percent: Some(d(percent)), text: Text::same(format!("{percent}%")), note: None }
}

#[rustfmt::skip]
fn flat() -> Change {
    Change { direction: Direction::Flat, text: t("与上周持平", "unchanged"), ..Change::default() }
}

fn small_base(from: u32, to: u32, judgement: Judgement) -> Change {
    let direction = if to > from {
        Direction::Up
    } else {
        Direction::Down
    };
    Change {
        direction,
        judgement,
        text: Text::same(format!("{from}→{to}")),
        ..Change::default()
    }
}

fn not_comparable(zh: &str, en: &str) -> Change {
    Change {
        judgement: Judgement::NotComparable,
        text: t("不可比", "not comparable"),
        note: Some(t(zh, en)),
        ..Change::default()
    }
}

#[rustfmt::skip]
fn value(key: &str, zh: &str, en: &str, unit: (&str, &str), now: u64, last: u64, change: Change) -> PublishedValue {
    PublishedValue {
        key: key.to_owned(),
        statistic: key.split(['/', '@']).next().unwrap_or(key).to_owned(),
        definition_version: 1,
        name: t(zh, en),
        unit: t(unit.0, unit.1),
        value: Some(count(now)),
        missing: None,
        previous: Some(count(last)),
        change,
        incomplete: None,
        preliminary: false,
    }
}

const WEEKS: [&str; 13] = [
    "2022-10-17",
    "2022-10-24",
    "2022-10-31",
    "2022-11-07",
    "2022-11-14",
    "2022-11-21",
    "2022-11-28",
    "2022-12-05",
    "2022-12-12",
    "2022-12-19",
    "2022-12-26",
    "2023-01-02",
    "2023-01-09",
];

fn weeks() -> Vec<Week> {
    let months = ["Jan", "Oct", "Nov", "Dec"];
    WEEKS
        .iter()
        .map(|w| {
            let first = date(w);
            let month = months[usize::from(first.month() as u8).saturating_sub(9)];
            Week {
                first,
                text: Text::new(
                    format!("{}/{}", first.month(), first.day()),
                    format!("{} {month}", first.day()),
                ),
            }
        })
        .collect()
}

/// Marks of whole counts; a negative number is a gap.
#[rustfmt::skip]
fn marks(values: &[i64]) -> Vec<Mark> {
    values
        .iter()
        .map(|v| match u64::try_from(*v) {
            Ok(n) => Mark::new(Decimal::count(n), number(n)),
            Err(_) => Mark::gap(),
        })
        .collect()
}

fn mark(n: u64) -> Mark {
    Mark::new(Decimal::count(n), number(n))
}

fn spark(values: &[i64], low: u64, high: u64) -> Spark {
    let range = SparkRange {
        low: Decimal::count(low),
        high: Decimal::count(high),
        text: Text::new(
            format!("近52周 {}～{}", number(low).zh, number(high).zh),
            format!("52 weeks {}–{}", number(low).en, number(high).en),
        ),
    };
    Spark {
        marks: marks(values),
        breaks: Vec::new(),
        range: Some(range),
    }
}

const HOSTS: [i64; 13] = [
    338_000, 351_000, 326_000, 319_000, 332_000, 304_000, 297_000, 315_000, 308_000, 276_000,
    259_000, 240_600, 284_132,
];

#[allow(clippy::too_many_arguments)]
#[rustfmt::skip]
fn tile(key: &str, zh: &str, en: &str, amount: (&str, &str), unit: (&str, &str), change: Change, spark: Spark, incomplete: Option<(u32, u32)>) -> Tile {
    Tile {
        value: key.to_owned(),
        name: t(zh, en),
        amount: t(amount.0, amount.1),
        unit: t(unit.0, unit.1),
        missing: None,
        change,
        spark,
        incomplete: incomplete.map(|(complete, expected)| Incomplete { complete, expected, note: Some("sources".to_owned()) }),
    }
}

#[rustfmt::skip]
fn tiles() -> Vec<Tile> {
    use Judgement::{Better, Neutral, Worse};
    let pages = [2_980, 3_120, 3_260, 3_190, 3_310, 3_420, 3_400, 3_550, 3_690, 3_640, 4_210, 4_584, 4_873];
    let mut broken = spark(&[610, 640, 655, 630, 648, 660, 700, -1, -1, 690, 702, 712, 683], 580, 1_030);
    broken.breaks = vec![Break { at: 6, note: t("换检测源", "new detector") }];
    let g = ("个", "");
    vec![
        tile("M1", "感染恶意程序的主机", "Infected hosts", ("28.4", "284"), ("万台", "thousand"), up("18.1", Worse), spark(&HOSTS, 227_000, 392_000), None),
        tile("W5", "仿冒页面", "Phishing pages", ("4873", "4,873"), g, up("6.3", Worse), spark(&pages, 2_960, 5_310), None),
        tile(
            "V1",
            "新收录漏洞",
            "New vulnerabilities",
            ("272", "272"),
            g,
            flat(),
            spark(&[301, 281, 292, 262, 315, 275, 288, 251, 268, 307, 271, 272, 272], 198, 368),
            None,
        ),
        tile(
            "V2",
            "其中高危漏洞",
            "of which high-risk",
            ("96", "96"),
            g,
            up("9.1", Neutral),
            spark(&[118, 101, 108, 95, 122, 98, 106, 90, 97, 111, 92, 88, 96], 70, 141),
            None,
        ),
        tile(
            "W1",
            "被篡改网站",
            "Defaced websites",
            ("2146", "2,146"),
            g,
            down("7.4", Better),
            spark(&[2_710, 2_640, 2_520, 2_560, 2_470, 2_490, 2_430, 2_390, 2_410, 2_360, 2_340, 2_318, 2_146], 1_793, 4_078),
            None,
        ),
        tile(
            "W2",
            "被篡改的政府网站",
            "Gov. sites defaced",
            ("17", "17"),
            g,
            up("21.4", Worse),
            spark(&[19, 18, 20, 17, 18, 16, 17, 15, 16, 15, 14, 14, 17], 11, 38),
            None,
        ),
        tile(
            "W3",
            "被植入后门的网站",
            "Backdoored websites",
            ("683", "683"),
            g,
            not_comparable("一个来源缺两日，两周都完整的来源不足", "one source lacks two days; too few sources are complete in both weeks"),
            broken,
            Some((5, 6)),
        ),
        tile(
            "W4",
            "被植入后门的政府网站",
            "Gov. sites backdoored",
            ("9", "9"),
            g,
            small_base(6, 9, Worse),
            spark(&[7, 9, 8, 6, -1, -1, 10, 8, 5, 8, 7, 6, 9], 3, 14),
            Some((5, 6)),
        ),
    ]
}

#[rustfmt::skip]
fn rating() -> RatingBlock {
    let row = |key: &str, name: Text, amount: Text, median: Text, ln: &str, weight: &str, part: &str| WorkingRow {
        value: key.to_owned(),
        name,
        amount,
        median,
        ln_ratio: Some(d(ln)),
        weight: d(weight),
        contribution: Some(d(part)),
        missing: None,
    };
    let mut backdoored = row("W4", t("被植入后门的政府网站", "Gov. sites backdoored"), Text::default(), Text::default(), "0", "0", "0");
    backdoored.ln_ratio = None;
    backdoored.contribution = None;
    backdoored.missing = Some(t("来源不完整，本周不计", "sources incomplete, left out this week"));
    RatingBlock {
        words: vec![t("优", "Excellent"), t("良", "Good"), t("中", "Fair"), t("差", "Poor"), t("危", "Dangerous")],
        outcome: Outcome::Assessed { level: 2 },
        previous: Some(1),
        sentence: says(
            "比上周低一级：元旦假期过后，受感染主机回升{~M1|18.1%}，仿冒页面再增{~W5|6.3%}，综合得分由−0.08升到0.03，越过“优”与“良”的分界。",
            "One step below last week: after the New Year holiday infected hosts rose again by {~M1|18.1%} and phishing pages by {~W5|6.3%}, taking the score from -0.08 to 0.03, past the bound between Excellent and Good.",
        ),
        working: Working {
            profile: "baseline-13".to_owned(),
            profile_version: 1,
            rows: vec![
                row("M1", t("感染恶意程序的主机", "Infected hosts"), t("28.4万", "284,132"), t("30.8万", "308,000"), "-0.081", "0.44", "-0.036"),
                row("W5", t("仿冒页面", "Phishing pages"), t("4873", "4,873"), t("3420", "3,420"), "0.354", "0.22", "0.078"),
                row("V2", t("高危漏洞", "High-risk vulnerabilities"), t("96", "96"), t("98", "98"), "-0.021", "0.17", "-0.004"),
                row("W2", t("被篡改的政府网站", "Gov. sites defaced"), t("17", "17"), t("17", "17"), "0", "0.17", "0"),
                backdoored,
            ],
            score: Some(d("0.038")),
            previous_score: Some(d("-0.081")),
            cuts: vec![d("0"), d("0.25"), d("0.55"), d("0.95")],
            by_score: Some(2),
            gates: vec![Gate { name: t("基础网络发生较大及以上事件", "infrastructure event of major impact"), cap: 3, applied: false }],
            note: t(
                "对数比为本周数与近13周中位数之比的自然对数，得分为加权平均。",
                "The ln ratio compares this week with the median of the last 13; the score is their weighted mean.",
            ),
        },
        overridden: None,
    }
}

fn cell(key: &str, zh: &str, en: &str) -> Cell {
    Cell::value(key, t(zh, en))
}

fn plain(zh: &str, en: &str) -> Cell {
    Cell::text(t(zh, en))
}

fn row(zh: &str, en: &str, cells: Vec<Cell>) -> TableRow {
    TableRow {
        name: t(zh, en),
        cells,
        total: false,
    }
}

#[rustfmt::skip]
fn chart(number: u32, id: &str, texts: [(&str, &str); 3], plot: Plot, table: Table) -> Chart {
    Chart {
        number,
        id: id.to_owned(),
        title: t(texts[0].0, texts[0].1),
        subtitle: t(texts[1].0, texts[1].1),
        alt: t(texts[2].0, texts[2].1),
        plot,
        table,
        source: t("示例数据源甲、乙", "sample feeds A and B"),
        query: format!("watchfire week 2023-3 --explain {id}"),
        note: None,
    }
}

#[rustfmt::skip]
fn malware() -> Section {
    let weeks = weeks();
    let series = Series { name: t("感染主机", "Infected hosts"), marks: marks(&HOSTS) };
    let line = LinePlot {
        scale: Scale { zh: 10_000, en: 1_000 },
        unit: t("万台", "thousand"),
        series: vec![series],
        band: Some(Band {
            weeks: 52,
            low: Mark::new(d("227000"), t("22.7", "227")),
            high: Mark::new(d("392000"), t("39.2", "392")),
            median: Some(Mark::new(d("312000"), t("31.2", "312"))),
        }),
        breaks: vec![],
        weeks: weeks.clone(),
    };
    let mut line = line;
    for m in &mut line.series[0].marks {
        let n = m.number.expect("no gaps here").to_f64() as u64;
        m.text = Text::new(number(n).zh.replace('万', ""), (n / 1000).to_string());
    }
    let table = Table {
        head: vec![t("周起始日", "Week of"), t("万台", "thousand")],
        rows: weeks.iter().zip(&line.series[0].marks).map(|(w, m)| TableRow { name: w.text.clone(), cells: vec![Cell::text(m.text.clone())], total: false }).collect(),
    };
    let provinces = [
        ("广东", "Guangdong", 41_200),
        ("江苏", "Jiangsu", 29_300),
        ("浙江", "Zhejiang", 26_100),
        ("山东", "Shandong", 21_000),
        ("河南", "Henan", 19_400),
        ("四川", "Sichuan", 15_300),
        ("北京", "Beijing", 13_100),
        ("河北", "Hebei", 12_200),
    ];
    let ranked = RankedPlot {
        whole_name: None,
        part_name: None,
        share_name: None,
        rows: provinces
            .iter()
            .enumerate()
            .map(|(i, (zh, en, n))| RankedRow { name: t(zh, en), whole: mark(*n), part: None, share: Text::default(), emphasis: i < 3 })
            .collect(),
    };
    let ranked_table =
        Table { head: vec![t("省份", "Province"), t("台", "hosts")], rows: provinces.iter().map(|(zh, en, n)| row(zh, en, vec![Cell::text(number(*n))])).collect() };
    Section {
        id: "malware".to_owned(),
        number: 1,
        title: t("恶意程序", "Malware"),
        paragraphs: vec![says(
            "{M1|约28.4万个}境内主机地址感染了恶意程序，比上周多{~M1|18.1%}。研判认为（把握中等），回升主要来自假期后重新开机的办公主机。",
            "About {M1|284,000} host addresses in the territory were infected, {~M1|18.1%} more than last week. We judge, with medium confidence, that most of the rise came from office computers switched on again after the holiday.",
        )],
        tables: vec![Table {
            head: vec![t("感染主机", "Infected hosts"), t("万台", "thousand")],
            rows: vec![
                row("木马或僵尸程序", "Trojans and bots", vec![cell("M2", "21.9", "219")]),
                row("飞客蠕虫", "Conficker", vec![cell("M3", "6.5", "65")]),
                row("受控最多的省份", "Most affected provinces", vec![cell("M5", "广东、江苏、浙江", "Guangdong, Jiangsu, Zhejiang")]),
            ],
        }],
        charts: vec![
            chart(
                1,
                "infected-hosts",
                [
                    ("感染主机假后回升，仍低于近一年中位数", "Infections rebounded but stay below the year’s median"),
                    ("境内感染恶意程序的主机地址，万台，2022年10月17日—2023年1月15日，按周", "Infected host addresses in the territory, thousand, by week"),
                    (
                        "折线图：感染主机近13周由33.8万降至24.1万，本周回升到28.4万",
                        "Line chart: infected hosts fell from 338 to 241 thousand over 12 weeks and rose to 284 thousand this week",
                    ),
                ],
                Plot::Line(line),
                table,
            ),
            chart(
                2,
                "provinces",
                [
                    ("八个省份占境内感染主机的62.5%", "Eight provinces hold 62.5% of the infected hosts"),
                    ("感染主机地址，台，前八位，本周", "Infected host addresses, first eight provinces, this week"),
                    ("条形图：广东4.1万台，江苏2.9万台，浙江2.6万台", "Bar chart: Guangdong 41,200, Jiangsu 29,300, Zhejiang 26,100"),
                ],
                Plot::Ranked(ranked),
                ranked_table,
            ),
        ],
        note: None,
    }
}

#[rustfmt::skip]
fn websites() -> Section {
    use Judgement::{Better, Worse};
    let rows = [
        ("快递物流", "Parcel delivery", 612, 1_148, up("87.6", Worse), true),
        ("银行", "Banks", 1_486, 1_352, down("9.0", Better), false),
        ("电商平台", "Online shops", 905, 918, up("1.4", Worse), false),
        ("政务服务", "Public services", 518, 547, up("5.6", Worse), false),
        ("电信运营", "Telecom operators", 402, 376, down("6.5", Better), false),
        ("网络游戏", "Online games", 348, 291, down("16.4", Better), false),
        ("医疗", "Health", 7, 9, small_base(7, 9, Worse), false),
        ("其他", "Other", 306, 232, down("24.2", Better), false),
    ];
    let dumbbell = DumbbellPlot {
        scale: Scale::default(),
        rows: rows
            .iter()
            .map(|(zh, en, last, now, change, emphasis)| DumbbellRow { name: t(zh, en), last: mark(*last), now: mark(*now), change: change.clone(), emphasis: *emphasis })
            .collect(),
    };
    let mut table = Table {
        head: vec![t("被仿冒行业", "Sector imitated"), t("上周", "last week"), t("本周", "this week")],
        rows: rows.iter().map(|(zh, en, last, now, ..)| row(zh, en, vec![Cell::text(number(*last)), Cell::text(number(*now))])).collect(),
    };
    table.rows.push(TableRow { name: t("合计", "Total"), cells: vec![Cell::text(number(4_584)), cell("W5", "4873", "4,873")], total: true });
    let share_mark = |tenths: i64| {
        let n = Decimal::new(tenths, 1);
        Mark::new(n, Text::same(format!("{}%", n.fixed(1))))
    };
    let share = SharePlot {
        parts: vec![
            SharePart { name: t("境内", "inside"), unknown: false },
            SharePart { name: t("境外", "outside"), unknown: false },
            SharePart { name: t("未知", "unknown"), unknown: true },
        ],
        rows: vec![
            ShareRow { name: t("域名", "Domains"), marks: vec![share_mark(341), share_mark(602), share_mark(57)] },
            ShareRow { name: t("IP地址", "IP addresses"), marks: vec![share_mark(528), share_mark(419), share_mark(53)] },
        ],
    };
    let share_table = Table {
        head: vec![t("%", "%"), t("境内", "inside"), t("境外", "outside"), t("未知", "unknown")],
        rows: vec![
            row("域名", "Domains", vec![plain("34.1", "34.1"), plain("60.2", "60.2"), plain("5.7", "5.7")]),
            row("IP地址", "IP addresses", vec![plain("52.8", "52.8"), plain("41.9", "41.9"), plain("5.3", "5.3")]),
        ],
    };
    let mut broken = marks(&[610, 640, 655, 630, 648, 660, 700, -1, -1, 690, 702, 712, 683]);
    broken[12].preliminary = true;
    let breaks = LinePlot {
        scale: Scale::default(),
        unit: t("个", ""),
        weeks: weeks(),
        series: vec![Series { name: t("后门网站", "Backdoored"), marks: broken }],
        band: None,
        breaks: vec![Break { at: 6, note: t("换检测源，前后不可比", "new detector, not comparable before") }],
    };
    let break_table = Table {
        head: vec![t("周起始日", "Week of"), t("个", "sites")],
        rows: weeks()
            .into_iter()
            .zip(&breaks.series[0].marks)
            .map(|(w, m)| TableRow { name: w.text, cells: vec![Cell::text(if m.number.is_some() { m.text.clone() } else { Text::same("–") })], total: false })
            .collect(),
    };
    Section {
        id: "websites".to_owned(),
        number: 2,
        title: t("网站安全", "Websites"),
        paragraphs: vec![says(
            "被篡改网站连续四周减少，本周{W1|2146个}；政府网站却由{<W2|14个}增至{W2|17个}，占{W2s|0.8%}。针对境内网站的仿冒页面有{W5|4873个}，增量来自假冒快递物流的页面。",
            "Defacements fell for the fourth week, to {W1|2,146}, but those of government sites rose from {<W2|14} to {W2|17}, {W2s|0.8%} of the total. There were {W5|4,873} phishing pages against sites of the territory; the growth came from imitations of parcel services.",
        )],
        tables: vec![
            Table {
                head: vec![t("网站", "Websites"), t("个", "sites"), t("政府网站", "gov"), t("占比", "share")],
                rows: vec![
                    row("被篡改", "Defaced", vec![cell("W1", "2146", "2,146"), cell("W2", "17", "17"), cell("W2s", "0.8%", "0.8%")]),
                    row("被植入后门", "Backdoored", vec![cell("W3", "683", "683"), cell("W4", "9", "9"), plain("1.3%", "1.3%")]),
                ],
            },
            Table {
                head: vec![],
                rows: vec![
                    row("仿冒页面", "Phishing pages", vec![cell("W5", "4873", "4,873")]),
                    row("涉及域名", "Domains", vec![cell("W6", "3106", "3,106")]),
                    row("平均每个IP承载", "Pages per IP address", vec![cell("W7", "约8", "about 8")]),
                ],
            },
        ],
        charts: vec![
            chart(
                3,
                "sectors",
                [
                    ("仿冒快递物流的页面增加近九成", "Pages imitating parcel services nearly doubled"),
                    ("针对境内网站的仿冒页面，按被仿冒行业，个，本周与上周", "Phishing pages by sector imitated, this week and last"),
                    (
                        "哑铃图：仿冒快递物流页面由612个增至1148个，银行由1486个降至1352个",
                        "Dumbbell chart: parcel delivery rose from 612 to 1,148 pages, banks fell from 1,486 to 1,352",
                    ),
                ],
                Plot::Dumbbell(dumbbell),
                table,
            ),
            chart(
                4,
                "hosting",
                [
                    ("放马站点的域名六成在境外注册，地址过半在境内", "Six in ten hosting domains are registered abroad, half the addresses lie inside"),
                    ("放马站点所在地构成，%，本周", "Location of malware-hosting sites, %, this week"),
                    ("构成条：域名境内34.1%，境外60.2%，未知5.7%", "Share bars: domains 34.1% inside, 60.2% outside, 5.7% unknown"),
                ],
                Plot::Share(share),
                share_table,
            ),
            chart(
                5,
                "backdoored",
                [
                    ("换检测源后水平抬高，前后不作比较", "The level rose with a new detector; before and after are not compared"),
                    ("被植入后门的网站，个，按周；本周为初步数", "Backdoored websites by week; this week is preliminary"),
                    ("折线图：第七周换源，第八、九周缺数，本周683个", "Line chart: new detector in week seven, two weeks missing, 683 this week"),
                ],
                Plot::Line(breaks),
                break_table,
            ),
        ],
        note: Some(t("网站按域名计，仿冒页面按链接计。", "Websites are counted by domain, phishing pages by URL.")),
    }
}

#[rustfmt::skip]
fn vulnerabilities() -> Section {
    let objects = [
        ("应用程序", "Applications", 112, 30, "26.8%"),
        ("Web应用", "Web applications", 74, 26, "35.1%"),
        ("网络设备", "Network equipment", 41, 22, "53.7%"),
        ("操作系统", "Operating systems", 23, 11, "47.8%"),
        ("安全产品", "Security products", 13, 5, "38.5%"),
        ("其他", "Other", 9, 2, "22.2%"),
    ];
    let ranked = RankedPlot {
        whole_name: Some(t("全部", "all")),
        part_name: Some(t("高危", "high-risk")),
        share_name: Some(t("高危占比", "high-risk share")),
        rows: objects
            .iter()
            .map(|(zh, en, whole, part, share)| RankedRow {
                name: t(zh, en),
                whole: mark(*whole),
                part: Some(mark(*part)),
                share: Text::same(*share),
                emphasis: *zh == "网络设备",
            })
            .collect(),
    };
    let mut table = Table {
        head: vec![t("影响对象", "Affected object"), t("全部", "all"), t("高危", "high-risk")],
        rows: objects.iter().map(|(zh, en, whole, part, _)| row(zh, en, vec![Cell::text(number(*whole)), Cell::text(number(*part))])).collect(),
    };
    table.rows.push(TableRow { name: t("合计", "Total"), cells: vec![cell("V1", "272", "272"), cell("V2", "96", "96")], total: true });
    let levels = [("高危", "High", 88, 96), ("中危", "Medium", 146, 142), ("低危", "Low", 38, 34)];
    let columns = ColumnPlot {
        scale: Scale::default(),
        names: vec![t("上周", "last week"), t("本周", "this week")],
        groups: levels
            .iter()
            .map(|(zh, en, last, now)| ColumnGroup { name: t(zh, en), marks: vec![mark(*last), mark(*now)], emphasis: *zh == "高危", foot: Text::default() })
            .collect(),
        foot_name: None,
    };
    let level_table = Table {
        head: vec![t("等级", "Level"), t("上周", "last week"), t("本周", "this week")],
        rows: levels.iter().map(|(zh, en, last, now)| row(zh, en, vec![Cell::text(number(*last)), Cell::text(number(*now))])).collect(),
    };
    Section {
        id: "vulnerabilities".to_owned(),
        number: 3,
        title: t("重要漏洞", "Vulnerabilities"),
        paragraphs: vec![says(
            "新收录漏洞{V1|272个}，与上周持平，其中{V2|96个}属高危；漏洞整体评级为“{V5|中}”。网络设备漏洞数量不多，却有一半以上是高危，应优先修补。",
            "{V1|272} vulnerabilities were recorded, as many as last week; {V2|96} of them are high-risk. The vulnerability level is {V5|Medium}. Network equipment has few, but more than half of them are high-risk: patch these first.",
        )],
        tables: vec![Table {
            head: vec![t("等级", "Level"), t("个", "number"), t("占比", "share")],
            rows: vec![
                row("高危", "High-risk", vec![cell("V2", "96", "96"), plain("35.3%", "35.3%")]),
                row("中危", "Medium", vec![cell("V3", "142", "142"), plain("52.2%", "52.2%")]),
                row("低危", "Low", vec![cell("V4", "34", "34"), plain("12.5%", "12.5%")]),
            ],
        }],
        charts: vec![
            chart(
                6,
                "objects",
                [
                    ("网络设备漏洞过半为高危", "Over half of the flaws in network equipment are high-risk"),
                    ("新收录漏洞，按影响对象，个，本周", "New vulnerabilities by affected object, this week"),
                    (
                        "条形图：应用程序112个，其中高危30个；网络设备41个，其中高危22个",
                        "Bar chart: applications 112, of which 30 high-risk; network equipment 41, of which 22",
                    ),
                ],
                Plot::Ranked(ranked),
                table,
            ),
            chart(
                7,
                "levels",
                [
                    ("高危漏洞略多，中低危略少", "A few more high-risk flaws, a few less of the others"),
                    ("新收录漏洞，按等级，个，上周与本周", "New vulnerabilities by level, last week and this"),
                    ("柱形图：高危由88个增至96个", "Column chart: high-risk rose from 88 to 96"),
                ],
                Plot::Columns(columns),
                level_table,
            ),
        ],
        note: None,
    }
}

#[rustfmt::skip]
fn handling() -> Section {
    let counts = [112, 124, 88, 58, 40, 28, 22, 17, 13, 10, 8, 6, 32];
    let bins: Vec<Bin> = counts
        .iter()
        .enumerate()
        .map(|(i, n)| {
            let from = Decimal::count(4 * i as u64);
            let open = i == 12;
            Bin {
                from,
                to: (!open).then(|| Decimal::count(4 * (i as u64 + 1))),
                text: Text::same(if open { ">48".to_owned() } else { from.to_string() }),
                count: mark(*n),
                within: i < 6,
            }
        })
        .collect();
    let table = Table {
        head: vec![t("用时（小时）", "Hours"), t("事件", "cases")],
        rows: bins
            .iter()
            .map(|b| TableRow {
                name: match b.to {
                    Some(to) => Text::new(format!("{}～{to}", b.from), format!("{}–{to}", b.from)),
                    None => b.text.clone(),
                },
                cells: vec![Cell::text(b.count.text.clone())],
                total: false,
            })
            .collect(),
    };
    let histogram = HistogramPlot {
        bins,
        rules: vec![
            Rule { at: d("9.8"), text: t("中位数9.8小时", "median 9.8 h"), short: t("中位数9.8", "median 9.8"), target: false },
            Rule { at: d("36"), text: t("九成在36小时内", "90% within 36 h"), short: t("九成36", "90%: 36"), target: false },
            Rule { at: d("24"), text: t("目标24小时", "target 24 h"), short: t("目标24", "target 24"), target: true },
        ],
        axis: t("从确认到下线的小时数，每格4小时", "Hours from confirmation to takedown, bins of 4"),
        within_text: Some(t("450起在目标之内（80.6%）", "450 within target (80.6%)")),
    };
    let weekly = [612, 640, 598, 655, 671, 630, 662, 689, 641, 618, 603, 651, 704];
    let feet = ["", "+4.6", "-6.6", "+9.5", "+2.4", "-6.1", "+5.1", "+4.1", "-7.0", "-3.6", "-2.4", "+8.0", "+8.1"];
    let groups = weeks()
        .into_iter()
        .zip(weekly.iter().zip(feet))
        .enumerate()
        .map(|(i, (w, (n, foot)))| ColumnGroup {
            name: w.text,
            marks: vec![Mark { preliminary: i == 12, ..mark(*n) }],
            emphasis: i == 12,
            foot: Text::same(foot.replace('-', "−")),
        })
        .collect();
    let columns = ColumnPlot { scale: Scale::default(), names: vec![t("事件", "Incidents")], groups, foot_name: Some(Text::same("%")) };
    let column_table = Table {
        head: vec![t("周起始日", "Week of"), t("起", "incidents")],
        rows: weeks().into_iter().zip(weekly).map(|(w, n)| TableRow { name: w.text, cells: vec![Cell::text(number(n))], total: false }).collect(),
    };
    let kinds: [(&str, &str, [i64; 13], Change); 6] = [
        ("仿冒", "Phishing", [430, 451, 440, 460, 470, 452, 480, 496, 470, 452, 440, 512, 558], up("9.0", Judgement::Neutral)),
        ("漏洞", "Vulnerabilities", [70, 66, 71, 64, 69, 73, 60, 58, 64, 66, 55, 62, 61], down("1.6", Judgement::Neutral)),
        ("恶意程序", "Malware", [44, 45, 40, 46, 49, 42, 41, 45, 47, 40, 42, 43, 48], up("11.6", Judgement::Neutral)),
        ("网页篡改", "Defacement", [33, 30, 31, 28, 33, 27, 29, 26, 24, 22, 20, 22, 23], up("4.5", Judgement::Neutral)),
        ("网站后门", "Backdoors", [9, 13, 8, 10, 7, 12, -1, -1, 9, 10, 8, 9, 10], small_base(9, 10, Judgement::Neutral)),
        ("其他", "Other", [4, 3, 4, 2, 1, 4, 4, 3, 2, 4, 3, 3, 4], small_base(3, 4, Judgement::Neutral)),
    ];
    let multiples = MultiplesPlot {
        weeks: weeks(),
        panels: kinds
            .iter()
            .map(|(zh, en, values, change)| {
                let high = values.iter().max().copied().unwrap_or(0);
                Panel { name: t(zh, en), marks: marks(values), range_text: Text::same(format!("0–{high}")), change: change.clone() }
            })
            .collect(),
    };
    let kind_table = Table {
        head: vec![t("类型", "Kind"), t("上周", "last week"), t("本周", "this week")],
        rows: kinds.iter().map(|(zh, en, v, _)| row(zh, en, vec![Cell::text(Text::same(v[11].to_string())), Cell::text(Text::same(v[12].to_string()))])).collect(),
    };
    Section {
        id: "handling".to_owned(),
        number: 4,
        title: t("事件处置", "Handling"),
        paragraphs: vec![says(
            "本周推动处置事件{I1|704起}，其中跨境{I2|426起}。仿冒事件从确认到下线，一半不超过{I8|9.8小时}；境外线索反馈最慢。",
            "{I1|704} incidents were handled, {I2|426} of them cross-border. Half of the phishing cases were down within {I8|9.8 hours} of confirmation; partners abroad took longest.",
        )],
        tables: vec![Table {
            head: vec![t("处置单位", "Party"), t("派发", "asked"), t("办结", "done"), t("中位用时", "median h")],
            rows: vec![
                row("域名注册服务机构", "Registrars", vec![plain("331", "331"), plain("304", "304"), plain("7.6", "7.6")]),
                row("云服务商", "Cloud providers", vec![plain("198", "198"), plain("181", "181"), plain("6.9", "6.9")]),
                row("境外应急组织", "Overseas CERTs", vec![plain("174", "174"), plain("121", "121"), plain("27.4", "27.4")]),
            ],
        }],
        charts: vec![
            chart(
                8,
                "takedown",
                [
                    ("八成仿冒事件一天之内下线", "Eight in ten phishing cases were down within a day"),
                    ("仿冒事件下线用时分布，起，本周办结的558起", "Phishing cases by time to takedown, the 558 closed this week"),
                    ("直方图：558起中450起在24小时内下线，中位数9.8小时", "Histogram: 450 of 558 cases down within 24 hours, median 9.8"),
                ],
                Plot::Histogram(histogram),
                table,
            ),
            chart(
                9,
                "incidents",
                [
                    ("处置事件升至13周最高", "Incidents handled reached a 13-week high"),
                    ("处置事件，起，按周；柱下为环比，%", "Incidents handled by week; change in % below"),
                    ("柱形图：处置事件由651起增至704起", "Column chart: incidents handled rose from 651 to 704"),
                ],
                Plot::Columns(columns),
                column_table,
            ),
            chart(
                10,
                "kinds",
                [
                    ("仿冒带动总量，其他类型变化不大", "Phishing drives the total; the other kinds barely moved"),
                    ("处置事件，起，近13周，各图自有刻度，从零起", "Incidents handled, last 13 weeks, each on its own scale from zero"),
                    ("小多图：仿冒558起，漏洞61起，恶意程序48起", "Small multiples: phishing 558, vulnerabilities 61, malware 48"),
                ],
                Plot::Multiples(multiples),
                kind_table,
            ),
        ],
        note: Some(t("一起事件可派给多家单位，派发数之和大于事件数。", "One incident may go to several parties, so requests exceed incidents.")),
    }
}

#[rustfmt::skip]
fn values() -> Vec<PublishedValue> {
    use Judgement::{Better, Neutral, Worse};
    let hosts = ("台", "hosts");
    let sites = ("个", "sites");
    let pages = ("个", "pages");
    let records = ("个", "records");
    let mut out = vec![
        value("M1", "感染恶意程序的主机", "Infected hosts", hosts, 284_132, 240_600, up("18.1", Worse)),
        value("M2", "木马或僵尸程序控制的主机", "Hosts controlled by trojans and bots", hosts, 219_020, 188_410, up("16.2", Worse)),
        value("M3", "感染飞客的主机", "Hosts infected by Conficker", hosts, 65_112, 52_190, up("24.8", Worse)),
        value("M5", "受控最多的省份", "Most affected provinces", ("", ""), 0, 0, Change::default()),
        value("W1", "被篡改网站", "Defaced websites", sites, 2_146, 2_318, down("7.4", Better)),
        value("W2", "被篡改的政府网站", "Government sites defaced", sites, 17, 14, up("21.4", Worse)),
        value("W2s", "政府网站占被篡改网站", "Government share of defaced websites", ("%", "%"), 0, 0, Change::default()),
        value("W3", "被植入后门的网站", "Backdoored websites", sites, 683, 712, not_comparable("两周都完整的来源不足", "too few sources complete in both weeks")),
        value("W4", "被植入后门的政府网站", "Government sites backdoored", sites, 9, 6, small_base(6, 9, Worse)),
        value("W5", "针对境内网站的仿冒页面", "Phishing pages against sites of the territory", pages, 4_873, 4_584, up("6.3", Worse)),
        value("W6", "仿冒页面涉及的域名", "Domains of phishing pages", ("个", "domains"), 3_106, 2_950, up("5.3", Worse)),
        value("W7", "平均每个IP承载的仿冒页面", "Phishing pages per IP address", pages, 0, 0, Change::default()),
        value("V1", "新收录漏洞", "New vulnerabilities", records, 272, 272, flat()),
        value("V2", "其中高危", "of which high-risk", records, 96, 88, up("9.1", Neutral)),
        value("V3", "其中中危", "of which medium", records, 142, 146, down("2.7", Neutral)),
        value("V4", "其中低危", "of which low", records, 34, 38, down("10.5", Neutral)),
        value("V5", "漏洞整体评级", "Vulnerability level", ("", ""), 0, 0, flat()),
        value("I1", "处置事件", "Incidents handled", ("起", "incidents"), 704, 651, up("8.1", Neutral)),
        value("I2", "其中跨境", "of which cross-border", ("起", "incidents"), 426, 390, up("9.2", Neutral)),
        value("I3", "仿冒投诉", "Phishing complaints", ("起", "complaints"), 558, 512, up("9.0", Neutral)),
        value("I5", "恶意应用链接", "Malicious app URLs", ("条", "URLs"), 184, 201, down("8.5", Neutral)),
        value("I8", "下线用时中位数", "Median takedown time", ("小时", "hours"), 0, 0, down("12.5", Better)),
        value("I9", "仍在处置", "Still open", ("起", "incidents"), 137, 121, up("13.2", Neutral)),
        value("H1", "放马站点域名", "Malware-hosting domains", ("个", "domains"), 0, 0, Change::default()),
    ];
    let mut set = |key: &str, now: Option<Amount>, last: Option<Amount>| {
        let v = out.iter_mut().find(|v| v.key == key).expect("a listed key");
        v.value = now;
        v.previous = last;
    };
    let rank = Exact::Rank { names: vec!["44".into(), "32".into(), "33".into()] };
    set("M5", Some(amount(rank, None, t("广东、江苏、浙江", "Guangdong, Jiangsu, Zhejiang"))), None);
    set("W2s", Some(amount(Exact::Ratio { numerator: 17, denominator: 2_146 }, Decimal::percent(17, 2_146, 1), Text::same("0.8%"))), None);
    set("W7", Some(amount(Exact::Ratio { numerator: 4_873, denominator: 642 }, Decimal::ratio(4_873, 642, 0), t("约8", "about 8"))), None);
    set("V5", Some(amount(Exact::Word { word: "medium".into() }, None, t("中", "Medium"))), Some(amount(Exact::Word { word: "medium".into() }, None, t("中", "Medium"))));
    let hours = |text: &str| amount(Exact::Measure { value: d(text) }, Some(d(text)), Text::same(text));
    set("I8", Some(hours("9.8")), Some(hours("11.2")));
    set("H1", None, None);
    for v in &mut out {
        if v.key == "H1" {
            v.missing = Some(t("没有数据源提供放马站点", "no feed supplies hosting sites"));
        }
        if v.key == "W3" || v.key == "W4" {
            v.incomplete = Some(Incomplete { complete: 5, expected: 6, note: Some("sources".into()) });
            v.preliminary = v.key == "W3";
        }
    }
    out
}

#[rustfmt::skip]
fn strip() -> Handling {
    let c =
        |key: &str, name: Text, amount: &str, unit: Text, note: Text| HandlingCell { value: key.into(), name, amount: Text::same(amount), unit, note, overdue: false };
    let mut cells = vec![
        c("I1", t("处置事件", "Incidents handled"), "704", t("起", ""), t("上周651起", "651 last week")),
        c("I2", t("其中跨境", "of which cross-border"), "426", t("起", ""), t("占60.5%", "60.5% of the total")),
        c("I3", t("仿冒投诉", "Phishing complaints"), "558", t("起", ""), t("会同注册机构和境外应急组织", "with registrars and overseas CERTs")),
        c("I5", t("恶意应用链接", "Malicious app URLs"), "184", t("条", ""), t("由41家平台清理", "removed by 41 platforms")),
        c("I8", t("下线用时中位数", "Median takedown time"), "9.8", t("小时", "hours"), t("目标24小时，上周11.2小时", "target 24 h; 11.2 h last week")),
        c("I9", t("仍在处置", "Still open"), "137", t("起", ""), t("11起已超时限", "11 past their deadline")),
    ];
    cells[5].overdue = true;
    Handling { cells }
}

#[rustfmt::skip]
fn issue(year: i16, number: u32) -> Issue {
    Issue { number: IssueNumber { year, number }, text: Text::new(format!("{year}年第{number}期"), format!("{year} No. {number}")) }
}

/// The specimen issue.
#[rustfmt::skip]
pub fn bulletin() -> Bulletin {
    let recent = [
        (2023, 2, "1月2日—1月8日", "2–8 Jan 2023", Some(1)),
        (2023, 1, "2022年12月26日—2023年1月1日", "26 Dec 2022 – 1 Jan 2023", Some(2)),
        (2022, 52, "12月19日—12月25日", "19–25 Dec 2022", Some(2)),
        (2022, 51, "12月12日—12月18日", "12–18 Dec 2022", Some(3)),
        (2022, 50, "12月5日—12月11日", "5–11 Dec 2022", None),
    ];
    let values = values();
    let definitions = values.iter().map(|v| DefinitionVersion { statistic: v.statistic.clone(), version: v.definition_version }).collect();
    let mut b = Bulletin {
        format: FORMAT,
        series: SeriesTitle { id: "weekly".into(), title: t("网络安全信息与动态周报", "Cybersecurity Weekly Bulletin") },
        publisher: Publisher {
            name: t("示例应急响应中心", "Sample Emergency Response Center"),
            about: Some(t(
                "可注明出处后自由转载。勘误与意见请联系 bulletin@cert.example。",
                "Free to reuse with attribution. Corrections and comments: bulletin@cert.example.",
            )),
        },
        issue: issue(2023, 3),
        week: Period { first: date("2023-01-09"), last: date("2023-01-15"), text: t("1月9日—1月15日", "9–15 January 2023"), zone: "Asia/Shanghai".into() },
        published: Some(PrintedDay { date: date("2023-01-19"), text: t("2023年1月19日", "19 January 2023") }),
        tlp: Tlp::Clear,
        state: State::Approved,
        revision: 1,
        corrections: vec![],
        banner: Some(t("示例数据：全部数字均为虚构，只用于演示版式。", "Sample data: all figures are invented to show the layout.")),
        rating: rating(),
        vulnerability: Some(VulnerabilityLevel { words: vec![t("低", "Low"), t("中", "Medium"), t("高", "High")], level: Some(2), sentence: Paragraph::default() }),
        situation: vec![
            words("骨干网、域名解析和各省网络全周无重大影响事件。", "Backbone, name resolution and provincial networks saw no event of major impact."),
            words(
                "主要威胁：面向用户的仿冒页面，面向企业的恶意程序传播，面向政府网站的篡改。",
                "Main threats: phishing pages for users, spread of malware for enterprises, defacement for government sites.",
            ),
        ],
        board: Board {
            note: t("与上周相比。折线为近13周，浅色带为近52周的范围。", "Against last week. Line: 13 weeks; pale band: range of the last 52."),
            tiles: tiles(),
        },
        handling: Some(strip()),
        lead: Some(Story {
            id: "bank-lure".into(),
            title: t("冒充银行“积分兑换”的仿冒页面在节前集中出现", "Bank “points” lures cluster before the holiday"),
            paragraphs: vec![
                says(
                    "本周{W5|4873个}仿冒页面中，近三成以积分到期为由索要银行卡号和短信验证码，较上周{~W5|增加6.3%}。页面多在夜间上线，次日清晨撤下，平均每个IP承载{W7|约8个}页面。",
                    "Of this week's {W5|4,873} phishing pages nearly three in ten claim that reward points expire and ask for card number and SMS code; the total {~W5|rose 6.3%}. Pages go up at night and vanish by morning, {W7|about 8} to an IP address.",
                ),
                words(
                    "收到此类短信的用户请勿点击链接，可通过银行官方客服核实；域名注册机构接到投诉后平均在一日内停止解析。",
                    "Do not follow the link in such a message; ask the bank on its published number. Registrars stopped resolution within a day of the complaint on average.",
                ),
            ],
            link: Some("https://www.cert.example/advice/bank-lure?from=weekly".into()),
        }),
        sections: vec![malware(), websites(), vulnerabilities(), handling()],
        news: vec![
            Story {
                id: "exercise".into(),
                title: t("示例应急响应中心举办跨部门应急演练", "Sample center holds a joint exercise"),
                paragraphs: vec![words(
                    "1月12日，来自能源、金融、交通等行业的36家单位参加演练，检验了大规模拒绝服务攻击下的协同处置流程。",
                    "On 12 January 36 organizations from energy, finance and transport practised joint handling of a large denial-of-service attack.",
                )],
                link: Some("https://www.cert.example/news/exercise".into()),
            },
            Story {
                id: "standard".into(),
                title: t("漏洞披露指南公开征求意见", "Disclosure guideline open for comment"),
                paragraphs: vec![words(
                    "指南明确了发现者、厂商与协调机构的时限与责任，征求意见截至2月10日。",
                    "The draft sets deadlines and duties for finders, vendors and coordinators. Comments are open until 10 February.",
                )],
                link: None,
            },
        ],
        notes: vec![
            Note {
                id: "week".into(),
                text: words(
                    "统计周为周一零时至周日二十四时，东八区。数据截止2023年1月18日12时，之后到达的记录计入更正，不改本期。",
                    "The reporting week runs from Monday 00:00 to Sunday 24:00, UTC+8. Data closed on 18 January 2023 at 12:00; later records go to a correction and do not change this issue.",
                ),
            },
            Note {
                id: "sources".into(),
                text: words(
                    "结果来自抽样监测，反映趋势，不等于全部。本周21个数据源中20个完整；后门检测缺1个来源，相关两项偏低。",
                    "Figures come from sampled monitoring: they show trends, not totals. 20 of 21 sources were complete; one backdoor detector was missing, so two tiles read low.",
                ),
            },
            Note {
                id: "units".into(),
                text: words(
                    "主机按周内出现过的地址计，同一地址同时感染两类程序时计两次。境内不含港澳台地区。",
                    "Hosts are addresses seen in the week, counted twice if infected by both kinds. The territory is mainland China.",
                ),
            },
            Note {
                id: "changes".into(),
                text: words(
                    "变化率按未取整的数计算，保留一位小数；基数不足10的只列两周的数。",
                    "Changes are computed from unrounded counts and shown to one decimal; with a base under 10 both counts are shown.",
                ),
            },
        ],
        recent: recent
            .iter()
            .map(|(year, n, zh, en, level)| RecentIssue { issue: issue(*year, *n), week: t(zh, en), level: *level, file: (*n != 50).then(|| format!("{year}-{n}")) })
            .collect(),
        values,
        provenance: Provenance { lake_snapshot: 1_482, ledger_as_of: "2023-01-18T04:00:00Z".into(), program: "watchfire 0.1.0".into(), definitions, fonts: vec![] },
        hash: None,
    };
    b.seal();
    b
}

/// A quiet week: nothing could be assessed, half the tiles have no number, sections without data are absent.
#[allow(dead_code)]
pub fn sparse() -> Bulletin {
    let mut b = bulletin();
    b.state = State::Draft;
    b.published = None;
    b.handling = None;
    b.lead = None;
    b.news.clear();
    b.vulnerability = None;
    b.situation.clear();
    b.recent.clear();
    b.revision = 2;
    b.rating.outcome = Outcome::NotAssessed {
        reason: t("基线不足8周", "fewer than 8 weeks of baseline"),
    };
    b.rating.sentence = words(
        "基线只有5周，不足8周，本期不作评定。",
        "The baseline has 5 weeks of the 8 it needs, so this issue carries no rating.",
    );
    b.rating.previous = None;
    b.rating.working.score = None;
    b.rating.working.by_score = None;
    for tile in b.board.tiles.iter_mut().skip(2).step_by(2) {
        tile.amount = Text::default();
        tile.unit = Text::default();
        tile.missing = Some(t("没有数据源提供", "no feed supplies it"));
        tile.change = Change::default();
        tile.spark = Spark::default();
    }
    b.sections.retain(|s| s.id == "vulnerabilities");
    b.sections[0].number = 1;
    for (i, c) in b.sections[0].charts.iter_mut().enumerate() {
        c.number = i as u32 + 1;
    }
    b.hash = None;
    b.seal();
    b
}
