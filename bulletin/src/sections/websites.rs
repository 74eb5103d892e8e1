//! Website security: defaced and backdoored sites, phishing pages against the territory.

use std::collections::BTreeSet;

use model::bulletin::{
    Cell, Chart, DumbbellPlot, DumbbellRow, Plot, Scale, Section, Table, TableRow, Text,
};
use model::statistic::{self, Quantity, Sense};

use super::Page;
use super::charts::{
    Bar, Caption, beside_last, chart, explain_command, incomplete_note, largest, ranked,
    sources_text, weekly,
};
use super::figures::{change_clause, print_change};
use super::malware::row;
use super::series::whole;
use super::words::{Clauses, upper_first};
use crate::statistics::cells::UNKNOWN;

/// Sectors that are drawn.
const SECTORS: usize = 8;

/// Present while any of defaced, backdoored and phishing is available.
pub fn section(page: &Page<'_>) -> Option<Section> {
    let figures = page.figures;
    let keys = ["W1", "W3", "W5"];
    if !keys.iter().any(|key| figures.has(key)) {
        return None;
    }
    let mut counts = Clauses::default();
    for (key, some, none) in [
        (
            "W1",
            (
                "境内被篡改网站{W1|个}",
                "{W1} websites in the territory were defaced",
            ),
            (
                "未监测到境内网站被篡改",
                "no website in the territory was seen defaced",
            ),
        ),
        (
            "W3",
            (
                "境内被植入后门的网站{W3|个}",
                "{W3} websites in the territory were backdoored",
            ),
            (
                "未监测到境内网站被植入后门",
                "no website in the territory was seen backdoored",
            ),
        ),
        (
            "W5",
            (
                "针对境内网站的仿冒页面{W5|个}",
                "{W5} phishing pages imitated organizations in the territory",
            ),
            (
                "未监测到针对境内网站的仿冒页面",
                "no phishing page was seen that imitates an organization in the territory",
            ),
        ),
    ] {
        let Some(count) = figures.count(key) else {
            continue;
        };
        let (zh, en) = if count == 0 { none } else { some };
        let (change_zh, change_en) = change_clause(figures, key, "个");
        counts.add(format!("{zh}{change_zh}"), format!("{en}{change_en}"));
    }
    let mut government = Clauses::default();
    for (key, share, zh, en) in [
        (
            "W2",
            "W2/share",
            "被篡改的政府网站{W2|个}",
            "{W2} of the defaced sites belong to government",
        ),
        (
            "W4",
            "W4/share",
            "被植入后门的政府网站{W4|个}",
            "{W4} of the backdoored sites belong to government",
        ),
    ] {
        if !figures.has(key) {
            continue;
        }
        let (change_zh, change_en) = change_clause(figures, key, "个");
        let (share_zh, share_en) = if figures.has(share) {
            (format!("，占{{{share}}}"), format!(" ({{{share}}})"))
        } else {
            (String::new(), String::new())
        };
        government.add(
            format!("{zh}{share_zh}{change_zh}"),
            format!("{en}{share_en}{change_en}"),
        );
    }
    let mut pages = Clauses::default();
    if figures.count("W6").is_some_and(|count| count > 0) {
        let (ip_zh, ip_en) = if figures.has("W6/address") {
            ("、IP地址{W6/address|个}", " and {W6/address} addresses")
        } else {
            ("", "")
        };
        let (per_zh, per_en) = if figures.has("W7") {
            ("，平均每个IP地址承载{W7|个}", ", {W7} to an address")
        } else {
            ("", "")
        };
        pages.add(
            format!("仿冒页面涉及域名{{W6|个}}{ip_zh}{per_zh}"),
            format!("the phishing pages lie on {{W6}} domains{ip_en}{per_en}"),
        );
    }
    let beside =
        figures.count("W5/elsewhere").unwrap_or(0) + figures.count("W5/untargeted").unwrap_or(0);
    if figures.count("W5").is_some_and(|count| count < beside) {
        pages.add(
            "另有针对境外对象的仿冒页面{W5/elsewhere|个}、对象不明的{W5/untargeted|个}，未计入",
            "{W5/elsewhere} phishing pages that imitate others and {W5/untargeted} of unknown target were seen besides and are not counted",
        );
    }
    let paragraphs = [counts, government, pages]
        .iter()
        .filter(|part| !part.is_empty())
        .map(|part| part.sentence(figures))
        .collect();
    let mut tables = vec![sites_table(page), pages_table(page)];
    tables.retain(|table| !table.rows.is_empty());
    let mut charts: Vec<Chart> = Vec::new();
    if keys.iter().filter(|key| figures.has(key)).count() > 1 {
        charts.push(three_counts(page));
    } else if let Some(key) = keys.iter().find(|key| figures.has(key)) {
        charts.extend(weekly(page, "website-weeks", key, ("个", "")));
    }
    charts.extend(by_type(
        page,
        "W8",
        "defaced-types",
        Text::new("被篡改网站", "Defaced websites"),
    ));
    charts.extend(by_type(
        page,
        "W9",
        "backdoored-types",
        Text::new("被植入后门的网站", "Backdoored websites"),
    ));
    charts.extend(sectors(page));
    Some(Section {
        id: "websites".to_owned(),
        number: 0,
        title: Text::new("网站安全", "Websites"),
        paragraphs,
        tables,
        charts,
        note: Some(Text::new(
            "网站按域名计，仿冒页面按链接计。",
            "Sites are counted by domain, phishing pages by URL.",
        )),
    })
}

fn sites_table(page: &Page<'_>) -> Table {
    let figures = page.figures;
    let cell = |key: &str| {
        let text = figures.printed(key, model::bulletin::Aspect::Value);
        if figures.has(key) {
            Cell::value(key, text)
        } else {
            Cell::text(Text::same("–"))
        }
    };
    let mut rows = Vec::new();
    for (all, gov, share, zh, en) in [
        ("W1", "W2", "W2/share", "被篡改", "Defaced"),
        ("W3", "W4", "W4/share", "被植入后门", "Backdoored"),
    ] {
        if figures.has(all) {
            rows.push(TableRow {
                name: Text::new(zh, en),
                cells: vec![cell(all), cell(gov), cell(share)],
                total: false,
            });
        }
    }
    let head = [
        ("网站", "Websites"),
        ("个", "sites"),
        ("政府网站", "government"),
        ("占比", "share"),
    ];
    Table {
        head: head.map(|(zh, en)| Text::new(zh, en)).to_vec(),
        rows,
    }
}

fn pages_table(page: &Page<'_>) -> Table {
    if page.figures.count("W5") == Some(0) {
        return Table::default();
    }
    let rows = [
        (
            "W5",
            Text::new("针对境内网站的仿冒页面", "Pages against the territory"),
        ),
        ("W6", Text::new("涉及域名", "Domains")),
        ("W6/address", Text::new("涉及IP地址", "Addresses")),
        ("W7", Text::new("平均每个IP地址承载", "Pages per address")),
    ];
    Table {
        head: vec![
            Text::new("仿冒页面", "Phishing pages"),
            Text::new("个", "number"),
            Text::new("环比", "change"),
        ],
        rows: rows
            .into_iter()
            .filter_map(|(key, name)| row(page, key, name))
            .collect(),
    }
}

fn three_counts(page: &Page<'_>) -> Chart {
    let figures = page.figures;
    let named: Vec<(&str, Text)> = [
        ("W1", Text::new("被篡改网站", "Defaced sites")),
        ("W3", Text::new("被植入后门的网站", "Backdoored sites")),
        ("W5", Text::new("仿冒页面", "Phishing pages")),
    ]
    .into_iter()
    .filter(|(key, _)| figures.has(key))
    .collect();
    let moved = |key: &str| match figures
        .change(key)
        .map(|change| (&change.kind, &change.like_for_like))
    {
        Some((statistic::ChangeKind::Percent { tenths }, None)) => tenths.unsigned_abs(),
        _ => 0,
    };
    let most = named
        .iter()
        .max_by_key(|(key, _)| moved(key))
        .filter(|(key, _)| moved(key) > 0);
    let title = match most {
        Some((key, name)) => {
            let up = figures
                .change(key)
                .is_some_and(|change| change.this > change.last);
            let percent = figures.printed(key, model::bulletin::Aspect::Change);
            Text::new(
                format!(
                    "{}比上周{}{}，变化最大",
                    name.zh,
                    if up { "增加" } else { "减少" },
                    percent.zh
                ),
                format!(
                    "{} {} most, by {}",
                    name.en,
                    if up { "rose" } else { "fell" },
                    percent.en
                ),
            )
        }
        None => Text::new("网站安全各类数量", "Websites by kind of incident"),
    };
    let alt = named
        .iter()
        .map(|(key, name)| {
            let now = figures.printed(key, model::bulletin::Aspect::Value);
            Text::new(
                format!("{}{}个", name.zh, now.zh),
                format!("{} {}", name.en, now.en),
            )
        })
        .collect::<Vec<_>>();
    let alt = super::words::list(&alt);
    let emphasis = most.map_or("", |(key, _)| key);
    let (plot, table) = beside_last(page, &named, emphasis);
    let caption = Caption {
        id: "website-counts",
        title,
        measure: Text::new(
            "被篡改和被植入后门的网站、仿冒页面，个，本周与上周",
            "Defaced and backdoored sites, phishing pages, this week and last",
        ),
        alt: Text::new(
            format!("柱形图：{}", alt.zh),
            format!("Column chart: {}", alt.en),
        ),
    };
    let mut made = chart(page, named[0].0, caption, plot, table);
    let mut sources: Vec<String> = named
        .iter()
        .filter_map(|(key, _)| page.value(key))
        .flat_map(|value| value.sources.clone())
        .collect();
    sources.sort();
    sources.dedup();
    made.source = sources_text(page.this, &sources);
    made.query = named
        .iter()
        .map(|(key, _)| explain_command(page, key))
        .collect::<Vec<_>>()
        .join("; ");
    let lacking = named
        .iter()
        .find_map(|(key, name)| Some((name, figures.get(key)?.incomplete.as_ref()?)));
    made.note = lacking.map(|(name, found)| {
        let note = incomplete_note(found);
        Text::new(
            format!("{}：{}", name.zh, note.zh),
            format!("{}: {}", name.en, note.en),
        )
    });
    made
}

fn by_type(page: &Page<'_>, id: &'static str, chart_id: &'static str, what: Text) -> Option<Chart> {
    let value = page.value(id)?;
    let mut bars: Vec<Bar> = value
        .parts
        .iter()
        .filter_map(|part| {
            let key = format!("{id}/{}", part.id);
            let Quantity::Ratio { numerator, .. } = part.measured.quantity()? else {
                return None;
            };
            Some(Bar {
                name: row_head(page.figures.get(&key)?.name.clone()),
                whole: numerator.count,
                part: None,
                share: page.figures.printed(&key, model::bulletin::Aspect::Value),
                key: Some(key),
            })
        })
        .collect();
    // What is left over stands last, however much it is.
    bars.sort_by_key(|bar| {
        bar.key
            .as_deref()
            .is_some_and(|key| key.ends_with("/other"))
    });
    if bars.len() < 2 {
        return None;
    }
    let caption = Caption {
        id: chart_id,
        title: Text::new(
            format!(
                "{}以{}为多，占{}",
                what.zh, bars[0].name.zh, bars[0].share.zh
            ),
            format!(
                "{}: {} leads with {}",
                what.en, bars[0].name.en, bars[0].share.en
            ),
        ),
        measure: Text::new(
            format!("{}，个，按网站类型，本周", what.zh),
            format!("{} by type of site, this week", what.en),
        ),
        alt: {
            let named = largest(&bars, 3);
            Text::new(
                format!("条形图：{}", named.zh),
                format!("Bar chart: {}", named.en),
            )
        },
    };
    let heads = [Text::new("网站类型", "Type"), Text::new("个", "sites")];
    let (plot, table) = ranked(bars, heads, Some(Text::new("占比", "share")), None, 0..1);
    Some(chart(page, id, caption, plot, table))
}

/// A name as the head of a row.
fn row_head(name: Text) -> Text {
    Text::new(name.zh, upper_first(&name.en))
}

/// What moved, by imitated sector; without a last week, which are most.
fn sectors(page: &Page<'_>) -> Option<Chart> {
    const PREFIX: &str = "phishing.page.sector/";
    if !page.figures.has("W5") {
        return None;
    }
    let names = |week: &crate::frozen::FrozenWeek| -> Vec<String> {
        week.beside
            .iter()
            .filter_map(|beside| beside.name.strip_prefix(PREFIX))
            .map(str::to_owned)
            .collect()
    };
    let mut all: BTreeSet<String> = names(page.this)
        .into_iter()
        .chain(page.last.map(names).unwrap_or_default())
        .collect();
    // Too few in either week to be told: no row at all, so that no change gives it away.
    all.retain(|name| {
        let cell = format!("{PREFIX}{name}");
        !std::iter::once(page.this)
            .chain(page.last)
            .any(|week| crate::suppress::is_hidden(week, &cell))
    });
    let mut rows: Vec<(String, u64, Option<u64>)> = all
        .into_iter()
        .map(|name| {
            let (now, last) = page.beside(&format!("{PREFIX}{name}"));
            (name, now, last)
        })
        .collect();
    rows.sort_by(|a, b| {
        (a.0 == UNKNOWN)
            .cmp(&(b.0 == UNKNOWN))
            .then(b.1.cmp(&a.1))
            .then(a.0.cmp(&b.0))
    });
    rows.truncate(SECTORS);
    if rows.iter().filter(|(name, ..)| name != UNKNOWN).count() < 2 {
        return None;
    }
    let name_of = |id: &str| match id {
        UNKNOWN => Text::new("行业不明", "sector not known"),
        id => (page.names.sector)(id).unwrap_or_else(|| Text::same(id)),
    };
    let complete = page
        .figures
        .change("W5")
        .is_some_and(|change| change.like_for_like.is_none() && change.last.is_some());
    let measure_zh = "针对境内网站的仿冒页面，个，按被仿冒行业";
    let measure_en = "Phishing pages by sector imitated";
    if !complete {
        let bars: Vec<Bar> = rows
            .iter()
            .map(|(id, now, _)| Bar {
                name: row_head(name_of(id)),
                whole: *now,
                part: None,
                key: None,
                share: Text::default(),
            })
            .collect();
        let caption = Caption {
            id: "sectors",
            title: Text::new(
                format!("被仿冒最多的行业是{}", bars[0].name.zh),
                format!("Most imitated sector: {}", bars[0].name.en),
            ),
            measure: Text::new(
                format!("{measure_zh}，本周"),
                format!("{measure_en}, this week"),
            ),
            alt: {
                let named = largest(&bars, 3);
                Text::new(
                    format!("条形图：{}", named.zh),
                    format!("Bar chart: {}", named.en),
                )
            },
        };
        let (plot, table) = ranked(
            bars,
            [Text::new("行业", "Sector"), Text::new("个", "pages")],
            None,
            None,
            0..1,
        );
        return Some(chart(page, "W5", caption, plot, table));
    }
    let change = |now: u64, last: u64| {
        let change = statistic::Change {
            this: Some(now),
            last: Some(last),
            kind: statistic::change_kind(now, last),
            like_for_like: None,
        };
        print_change(&change, Sense::FewerIsBetter)
    };
    let most = rows
        .iter()
        .max_by_key(|(_, now, last)| now.abs_diff(last.unwrap_or(0)))
        .map(|(id, ..)| id.clone())
        .unwrap_or_default();
    let moved = rows.iter().find(|(id, ..)| *id == most)?;
    let (name, up) = (name_of(&moved.0), moved.1 > moved.2.unwrap_or(0));
    let caption = Caption {
        id: "sectors",
        title: if Some(moved.1) == moved.2 {
            Text::new(
                "各行业被仿冒的页面与上周相同",
                "Pages imitating each sector: unchanged from last week",
            )
        } else {
            Text::new(
                format!(
                    "仿冒{}的页面{}最多",
                    name.zh,
                    if up { "增加" } else { "减少" }
                ),
                format!(
                    "Pages imitating {} {} most",
                    name.en,
                    if up { "rose" } else { "fell" }
                ),
            )
        },
        measure: Text::new(
            format!("{measure_zh}，本周与上周"),
            format!("{measure_en}, this week and last"),
        ),
        alt: Text::new(
            format!(
                "哑铃图：仿冒{}的页面由{}个变为{}个",
                name.zh,
                moved.2.unwrap_or(0),
                moved.1
            ),
            format!(
                "Dumbbell chart: pages imitating {} went from {} to {}",
                name.en,
                moved.2.unwrap_or(0),
                moved.1
            ),
        ),
    };
    let plot = DumbbellPlot {
        scale: Scale::default(),
        rows: rows
            .iter()
            .map(|(id, now, last)| DumbbellRow {
                name: row_head(name_of(id)),
                last: whole(last.unwrap_or(0)),
                now: whole(*now),
                change: change(*now, last.unwrap_or(0)),
                emphasis: *id == most,
            })
            .collect(),
    };
    let table_rows = rows.iter().map(|(id, now, last)| TableRow {
        name: row_head(name_of(id)),
        cells: vec![
            Cell::text(whole(last.unwrap_or(0)).text),
            Cell::text(whole(*now).text),
        ],
        total: false,
    });
    let head = [
        ("行业", "Sector"),
        ("上周", "last week"),
        ("本周", "this week"),
    ];
    let table = Table {
        head: head.map(|(zh, en)| Text::new(zh, en)).to_vec(),
        rows: table_rows.collect(),
    };
    Some(chart(page, "W5", caption, Plot::Dumbbell(plot), table))
}
