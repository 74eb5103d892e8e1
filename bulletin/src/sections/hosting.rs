//! Sites that spread malware: how many, where they lie, under which top-level domain.

use model::bulletin::{
    Cell, Chart, Decimal, Mark, Plot, Section, SharePart, SharePlot, ShareRow, Table, TableRow,
    Text,
};
use model::statistic::{self, Quantity};

use super::Page;
use super::charts::{Bar, Caption, chart, largest, ranked, weekly};
use super::figures::change_clause;
use super::malware::row;
use super::words::{Clauses, upper_first};

/// Top-level domains that are drawn.
const TLDS: usize = 8;

/// Present while hosting sites are available and there are any: the bulletin has always left the
/// paragraph out in a week without (DOMAIN section 1.1, 4c).
pub fn section(page: &Page<'_>) -> Option<Section> {
    let figures = page.figures;
    let some = |key: &str| figures.count(key).is_some_and(|count| count > 0);
    if !some("H1") && !some("H2") {
        return None;
    }
    let mut found = Clauses::default();
    if some("H1") {
        let (zh, en) = change_clause(figures, "H1", "个");
        found.add(
            format!("本周发现放马站点域名{{H1|个}}{zh}"),
            format!("{{H1}} domains that host malware were seen this week{en}"),
        );
    }
    if some("H2") {
        let (zh, en) = change_clause(figures, "H2", "个");
        found.add(
            format!("涉及IP地址{{H2|个}}{zh}"),
            format!("{{H2}} addresses host malware{en}"),
        );
    }
    let mut where_to = Clauses::default();
    if figures.has("H3") {
        let (zh, en) = if some("H3/unknown") {
            (
                "（另有{H3/unknown|个}注册地不明）",
                " (the registration of {H3/unknown} is not known)",
            )
        } else {
            ("", "")
        };
        where_to.add(
            format!("放马域名中{{H3}}在境外注册{zh}"),
            format!("{{H3}} of the hosting domains are registered abroad{en}"),
        );
    }
    if figures.has("H4") {
        where_to.add(
            "最常见的顶级域占{H4}",
            "the commonest top-level domain holds {H4}",
        );
    }
    if figures.has("H5") {
        let (zh, en) = if some("H5/unknown") {
            (
                "（另有{H5/unknown|个}位置不明）",
                " (the location of {H5/unknown} is not known)",
            )
        } else {
            ("", "")
        };
        where_to.add(
            format!("放马IP地址中{{H5}}位于境外{zh}"),
            format!("{{H5}} of the addresses lie abroad{en}"),
        );
    }
    if some("H6") {
        where_to.add(
            "不经域名、直接以IP地址访问的有{H6|个}",
            "{H6} addresses are reached without a domain",
        );
    }
    let mut paragraphs = vec![found.sentence(figures)];
    if !where_to.is_empty() {
        paragraphs.push(where_to.sentence(figures));
    }
    let rows = [
        ("H1", Text::new("域名", "Domains")),
        ("H2", Text::new("IP地址", "Addresses")),
        (
            "H6",
            Text::new("其中不经域名访问", "of which without a domain"),
        ),
    ];
    let table = Table {
        head: vec![
            Text::new("放马站点", "Hosting sites"),
            Text::new("个", "number"),
            Text::new("环比", "change"),
        ],
        rows: rows
            .into_iter()
            .filter_map(|(key, name)| row(page, key, name))
            .collect(),
    };
    let mut charts: Vec<Chart> = Vec::new();
    charts.extend(weekly(
        page,
        "hosting-weeks",
        if some("H1") { "H1" } else { "H2" },
        ("个", ""),
    ));
    charts.extend(location(page));
    charts.extend(tlds(page));
    Some(Section {
        id: "hosting".to_owned(),
        number: 0,
        title: Text::new("放马站点", "Malware-hosting sites"),
        paragraphs,
        tables: vec![table],
        charts,
        note: None,
    })
}

/// Inside, outside and unknown, for domains and addresses: the slices of H3 and H5.
fn location(page: &Page<'_>) -> Option<Chart> {
    let mut plot_rows = Vec::new();
    let mut rows = Vec::new();
    for (id, name) in [
        ("H3", Text::new("域名（注册地）", "Domains (registered)")),
        ("H5", Text::new("IP地址（位置）", "Addresses (located)")),
    ] {
        let Some(Quantity::Ratio { denominator, .. }) =
            page.value(id).and_then(|value| value.measured.quantity())
        else {
            continue;
        };
        let mut marks = Vec::new();
        let mut cells = Vec::new();
        for slice in ["inside", "outside", "unknown"] {
            let key = format!("{id}/{slice}");
            let count = page.figures.count(&key)?;
            let percent = statistic::percent_tenths(count, denominator.count)?;
            let number = Decimal::new(percent as i64, 1);
            marks.push(Mark::new(number, statistic::print_percent(percent)).of(&key));
            cells.push(Cell::value(
                &key,
                Text::new(count.to_string(), statistic::grouped(count)),
            ));
        }
        plot_rows.push(ShareRow {
            name: name.clone(),
            marks,
        });
        rows.push(TableRow {
            name,
            cells,
            total: false,
        });
    }
    if plot_rows.is_empty() {
        return None;
    }
    let part = |zh: &str, en: &str, unknown: bool| SharePart {
        name: Text::new(zh, en),
        unknown,
    };
    let parts = vec![
        part("境内", "inside", false),
        part("境外", "abroad", false),
        part("未知", "unknown", true),
    ];
    let head = std::iter::once(Text::new("个", "number"))
        .chain(parts.iter().map(|part| part.name.clone()))
        .collect();
    // A finding about a slice that is mostly not known would mislead: then that is the finding.
    let finding = |row: &ShareRow, id: &str| {
        let (abroad, unknown) = (&row.marks[1], &row.marks[2]);
        let mostly_unknown = unknown
            .number
            .is_some_and(|percent| percent > Decimal::new(50, 0));
        match (id, mostly_unknown) {
            ("H3", true) => (
                format!("放马域名{}注册地不明", unknown.text.zh),
                format!(
                    "the registration of {} of the hosting domains is not known",
                    unknown.text.en
                ),
            ),
            ("H3", false) => (
                format!("放马域名{}在境外注册", abroad.text.zh),
                format!(
                    "{} of the hosting domains are registered abroad",
                    abroad.text.en
                ),
            ),
            (_, true) => (
                format!("放马IP地址{}位置不明", unknown.text.zh),
                format!(
                    "the location of {} of the hosting addresses is not known",
                    unknown.text.en
                ),
            ),
            (_, false) => (
                format!("放马IP地址{}位于境外", abroad.text.zh),
                format!("{} of the hosting addresses lie abroad", abroad.text.en),
            ),
        }
    };
    let told: Vec<(String, String)> = ["H3", "H5"]
        .into_iter()
        .filter(|id| page.figures.has(id))
        .zip(&plot_rows)
        .map(|(id, row)| finding(row, id))
        .collect();
    let zh: Vec<&str> = told.iter().map(|(zh, _)| zh.as_str()).collect();
    let en: Vec<&str> = told.iter().map(|(_, en)| en.as_str()).collect();
    let title = Text::new(zh.join("，"), upper_first(&en.join(", ")));
    let caption = Caption {
        id: "hosting-location",
        alt: title.clone(),
        title,
        measure: Text::new(
            "放马站点所在地构成，%，本周",
            "Where malware-hosting sites are, %, this week",
        ),
    };
    let statistic = if page.figures.has("H3") { "H3" } else { "H5" };
    Some(chart(
        page,
        statistic,
        caption,
        Plot::Share(SharePlot {
            parts,
            rows: plot_rows,
        }),
        Table { head, rows },
    ))
}

fn tlds(page: &Page<'_>) -> Option<Chart> {
    let value = page.value("H4")?;
    let bars: Vec<Bar> = value
        .parts
        .iter()
        .filter_map(|part| {
            let key = format!("H4/{}", part.id);
            let Quantity::Ratio { numerator, .. } = part.measured.quantity()? else {
                return None;
            };
            Some(Bar {
                name: page.figures.get(&key)?.name.clone(),
                whole: numerator.count,
                part: None,
                share: page.figures.printed(&key, model::bulletin::Aspect::Value),
                key: Some(key),
            })
        })
        .take(TLDS)
        .collect();
    if bars.len() < 2 {
        return None;
    }
    let caption = Caption {
        id: "hosting-tlds",
        title: Text::new(
            format!("放马域名以{}最多，占{}", bars[0].name.zh, bars[0].share.zh),
            format!(
                "{} leads among hosting domains with {}",
                bars[0].name.en, bars[0].share.en
            ),
        ),
        measure: Text::new(
            "放马域名，个，按顶级域，本周",
            "Malware-hosting domains by top-level domain, this week",
        ),
        alt: {
            let named = largest(&bars, 3);
            Text::new(
                format!("条形图，最多的顶级域：{}", named.zh),
                format!("Bar chart; most: {}", named.en),
            )
        },
    };
    let heads = [Text::new("顶级域", "TLD"), Text::new("个", "domains")];
    let (plot, table) = ranked(bars, heads, Some(Text::new("占比", "share")), None, 0..1);
    Some(chart(page, "H4", caption, plot, table))
}
