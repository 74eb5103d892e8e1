//! Newly recorded vulnerabilities: how many, how severe, in what.

use model::bulletin::{Cell, Chart, Section, Table, TableRow, Text};
use model::statistic::{self, Quantity};

use super::Page;
use super::charts::{Bar, Caption, beside_last, chart, largest, ranked, weekly};
use super::figures::change_clause;
use super::words::{Clauses, list, say};
use crate::statistics::cells::UNKNOWN;
use crate::statistics::priority::{Patch, Vulnerability};

/// Present while records of the national database are available.
pub fn section(page: &Page<'_>) -> Option<Section> {
    let figures = page.figures;
    if !figures.has("V1") {
        return None;
    }
    let (zh, en) = change_clause(figures, "V1", "个");
    let mut recorded = Clauses::default();
    recorded.add(
        format!("本周新收录漏洞{{V1|个}}{zh}"),
        format!("{{V1}} vulnerabilities were recorded this week{en}"),
    );
    if figures.has("V2") && figures.has("V3") && figures.has("V4") {
        let (zh, en) = change_clause(figures, "V2", "个");
        recorded.add(
            format!("其中高危{{V2|个}}{zh}，中危{{V3|个}}，低危{{V4|个}}"),
            format!("{{V2}} of them are high-risk{en}, {{V3}} medium and {{V4}} low"),
        );
    }
    if figures.has("V5") {
        recorded.add(
            "漏洞整体评价级别为“{V5}”",
            "the vulnerability level is {V5}",
        );
    }
    let mut paragraphs = vec![recorded.sentence(figures)];
    let objects: Vec<Text> = figures
        .ranked("V6")
        .iter()
        .filter(|id| *id != UNKNOWN)
        .take(3)
        .filter_map(|id| Some(figures.get(&format!("V6/{id}"))?.name.clone()))
        .collect();
    if let Some((first, rest)) = objects.split_first() {
        let tail = if rest.is_empty() {
            Text::default()
        } else {
            let rest = list(rest);
            Text::new(
                format!("，其次是{}", rest.zh),
                format!(", followed by {}", rest.en.to_lowercase()),
            )
        };
        paragraphs.push(say(
            figures,
            &format!("受影响最多的对象是{}{}。", first.zh, tail.zh),
            &format!("{} are affected most often{}.", first.en, tail.en),
        ));
    }
    let mut charts: Vec<Chart> = Vec::new();
    charts.extend(levels(page));
    charts.extend(weekly(page, "vulnerability-weeks", "V1", ("个", "")));
    charts.extend(objects_chart(page));
    Some(Section {
        id: "vulnerabilities".to_owned(),
        number: 0,
        title: Text::new("重要漏洞", "Vulnerabilities"),
        paragraphs,
        tables: std::iter::once(table(page)).chain(top(page)).collect(),
        charts,
        note: remark(page),
    })
}

/// The vulnerabilities to look at first, one line each.
fn top(page: &Page<'_>) -> Option<Table> {
    let listed = &page.this.top;
    if listed.is_empty() {
        return None;
    }
    let rows = listed.iter().map(|one| {
        let name = name(one);
        let dash = || Text::same("–");
        let score = one.score.as_ref().map_or_else(dash, |score| {
            let mark = if score.disagrees() { "*" } else { "" };
            Text::same(format!("{}{mark} v{}", score.printed(), score.version))
        });
        let predicted = one.predicted.as_ref().map_or_else(dash, |predicted| {
            let tenths = predicted.probability.parse::<f64>().unwrap_or(0.0) * 1000.0;
            statistic::print_percent(tenths.round() as u64)
        });
        let exploited = match &one.exploited {
            None => dash(),
            Some(exploited) if exploited.ransomware => Text::new("是，勒索", "yes, ransomware"),
            Some(_) => Text::new("是", "yes"),
        };
        let patch = match one.patch {
            Patch::Available => Text::new("有", "yes"),
            Patch::Mitigation => Text::new("措施", "steps"),
            Patch::None => Text::new("无", "no"),
        };
        TableRow {
            name,
            cells: [exploited, predicted, score, patch]
                .map(Cell::text)
                .to_vec(),
            total: false,
        }
    });
    Some(Table {
        head: vec![
            Text::new("优先关注", "To look at first"),
            Text::same("KEV"),
            Text::same("EPSS"),
            Text::same("CVSS"),
            Text::new("补丁", "patch"),
        ],
        rows: rows.collect(),
    })
}

/// How an entry is called. The English goes by the CVE ids with an English title, else with the product's words; a
/// Chinese title stands there only where nothing else is known, and says so.
fn name(one: &Vulnerability) -> Text {
    let ids: Vec<&str> = std::iter::once(&one.cnvd)
        .chain(&one.cve)
        .chain(&one.cnnvd)
        .map(String::as_str)
        .collect();
    let zh = match one.title.is_empty() {
        true => ids.join(" · "),
        false => format!("{}（{}）", one.title, ids.join(" · ")),
    };
    let (first, others) = match one.cve.is_empty() {
        true => (one.cnvd.clone(), one.cnnvd.join(" · ")),
        false => {
            let others = std::iter::once(&one.cnvd).chain(&one.cnnvd);
            let others: Vec<&str> = others.map(String::as_str).collect();
            (one.cve.join(" · "), others.join(" · "))
        }
    };
    let called = match (&one.title_en, &one.product_en) {
        (Some(title), _) => title.clone(),
        (None, Some(product)) => product.clone(),
        (None, None) if one.title.is_empty() => String::new(),
        (None, None) => format!("{} (zh)", one.title),
    };
    let mut en = first;
    if !called.is_empty() {
        en = format!("{en}: {called}");
    }
    if !others.is_empty() {
        en = format!("{en} ({others})");
    }
    Text::new(zh, en)
}

/// How the list is ordered, and where a score is not what its vector comes to.
fn remark(page: &Page<'_>) -> Option<Text> {
    let listed = &page.this.top;
    if listed.is_empty() {
        return None;
    }
    let mut zh = String::from(
        "优先关注：先列已知被利用的（KEV），再按EPSS（30天内被利用的概率）、CVSS评分排序。",
    );
    let mut en = String::from(
        "To look at first: known to be exploited (KEV), then by EPSS (probability of exploitation within 30 days) and CVSS score.",
    );
    let odd: Vec<String> = listed
        .iter()
        .filter_map(|one| Some((one, one.score.as_ref()?)))
        .filter(|(_, score)| score.disagrees())
        .map(|(one, score)| {
            let computed = score.computed.as_deref().unwrap_or_default();
            format!("{} {}/{computed}", one.cnvd, score.printed())
        })
        .collect();
    if !odd.is_empty() {
        let odd = odd.join("、");
        zh.push_str(&format!("*公布的评分与其向量的计算结果不一致：{odd}。"));
        en.push_str(&format!(
            " *The published score is not what its vector comes to: {}.",
            odd.replace('、', ", ")
        ));
    }
    Some(Text::new(zh, en))
}

fn level_names() -> [(&'static str, Text); 3] {
    [
        ("V2", Text::new("高危", "High")),
        ("V3", Text::new("中危", "Medium")),
        ("V4", Text::new("低危", "Low")),
    ]
}

fn table(page: &Page<'_>) -> Table {
    let figures = page.figures;
    let all = figures.count("V1").unwrap_or(0);
    let row = |key: &str, name: Text, total: bool| {
        let count = figures.count(key)?;
        let share = statistic::percent_tenths(count, all)
            .map(statistic::print_percent)
            .unwrap_or_default();
        let cells = vec![
            Cell::value(key, figures.printed(key, model::bulletin::Aspect::Value)),
            Cell::text(share),
        ];
        Some(TableRow { name, cells, total })
    };
    let mut rows: Vec<TableRow> = level_names()
        .into_iter()
        .filter_map(|(key, name)| row(key, name, false))
        .collect();
    if figures.count("V1/unrated").is_some_and(|count| count > 0) {
        rows.extend(row(
            "V1/unrated",
            Text::new("未定级", "Without a level"),
            false,
        ));
    }
    rows.extend(row("V1", Text::new("合计", "Total"), true));
    Table {
        head: vec![
            Text::new("等级", "Level"),
            Text::new("个", "number"),
            Text::new("占比", "share"),
        ],
        rows,
    }
}

fn levels(page: &Page<'_>) -> Option<Chart> {
    let figures = page.figures;
    let (high, all) = (figures.count("V2")?, figures.count("V1")?);
    let share = statistic::percent_tenths(high, all).map(statistic::print_percent)?;
    let (plot, table) = beside_last(page, &level_names(), "V2");
    let now: Vec<Text> = level_names()
        .iter()
        .map(|(key, name)| {
            let count = figures.printed(key, model::bulletin::Aspect::Value);
            Text::new(
                format!("{}{}个", name.zh, count.zh),
                format!("{} {}", name.en.to_lowercase(), count.en),
            )
        })
        .collect();
    let now = list(&now);
    let caption = Caption {
        id: "vulnerability-levels",
        title: Text::new(
            format!("高危占新收录漏洞的{}", share.zh),
            format!("{} of the new vulnerabilities are high-risk", share.en),
        ),
        measure: Text::new(
            "新收录漏洞，个，按等级，本周与上周",
            "New vulnerabilities by level, this week and last",
        ),
        alt: Text::new(
            format!("柱形图：本周{}", now.zh),
            format!("Column chart: this week {}", now.en),
        ),
    };
    Some(chart(page, "V1", caption, plot, table))
}

fn objects_chart(page: &Page<'_>) -> Option<Chart> {
    let value = page.value("V6")?;
    let bars: Vec<Bar> = value
        .parts
        .iter()
        .filter_map(|part| {
            let key = format!("V6/{}", part.id);
            let Quantity::Ratio { numerator, .. } = part.measured.quantity()? else {
                return None;
            };
            let high = page
                .this
                .beside(&format!("vulnerability.object-high/{}", part.id));
            Some(Bar {
                name: page.figures.get(&key)?.name.clone(),
                whole: numerator.count,
                part: Some(high),
                share: statistic::percent_tenths(high, numerator.count)
                    .map(statistic::print_percent)
                    .unwrap_or_default(),
                key: Some(key),
            })
        })
        .collect();
    if bars.len() < 2 {
        return None;
    }
    // A share of a handful is no finding.
    let risky = bars
        .iter()
        .enumerate()
        .filter(|(_, bar)| bar.whole >= statistic::SMALL_BASE)
        .max_by_key(|(_, bar)| bar.part.unwrap_or(0) * 1000 / bar.whole)
        .filter(|(_, bar)| bar.part.unwrap_or(0) * 2 > bar.whole);
    let spoken_of = risky.map_or(0, |(at, _)| at);
    let title = match risky {
        Some((_, bar)) => Text::new(
            format!("{}漏洞{}为高危，比例最高", bar.name.zh, bar.share.zh),
            format!(
                "{}: {} are high-risk, the highest share",
                bar.name.en, bar.share.en
            ),
        ),
        None => Text::new(
            format!("{}的漏洞最多", bars[0].name.zh),
            format!("{} have the most vulnerabilities", bars[0].name.en),
        ),
    };
    let caption = Caption {
        id: "vulnerability-objects",
        title,
        measure: Text::new(
            "新收录漏洞，个，按影响对象，本周",
            "New vulnerabilities by affected object, this week",
        ),
        alt: {
            let named = largest(&bars, 3);
            Text::new(
                format!("条形图，最多的对象：{}", named.zh),
                format!("Bar chart; most: {}", named.en),
            )
        },
    };
    let heads = [
        Text::new("影响对象", "Affected object"),
        Text::new("全部", "all"),
    ];
    let (plot, table) = ranked(
        bars,
        heads,
        Some(Text::new("高危占比", "high-risk share")),
        Some(Text::new("高危", "high-risk")),
        spoken_of..spoken_of + 1,
    );
    Some(chart(page, "V6", caption, plot, table))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(title: &str, title_en: Option<&str>, product_en: Option<&str>) -> Text {
        name(&Vulnerability {
            cnvd: "CNVD-2026-90001".to_owned(),
            cve: vec!["CVE-2026-1234".to_owned()],
            cnnvd: vec![],
            title: title.to_owned(),
            title_en: title_en.map(str::to_owned),
            product_en: product_en.map(str::to_owned),
            product: String::new(),
            severity: None,
            score: None,
            exploited: None,
            predicted: None,
            patch: Patch::None,
        })
    }

    #[test]
    fn the_english_has_an_english_name_wherever_there_is_one() {
        let named = entry(
            "示例网关存在漏洞",
            Some("Example Gateway Flaw"),
            Some("Example Gateway"),
        );
        assert_eq!(
            named.zh,
            "示例网关存在漏洞（CNVD-2026-90001 · CVE-2026-1234）"
        );
        assert_eq!(
            named.en,
            "CVE-2026-1234: Example Gateway Flaw (CNVD-2026-90001)"
        );
        let product = entry("示例网关存在漏洞", None, Some("Example Gateway"));
        assert_eq!(
            product.en,
            "CVE-2026-1234: Example Gateway (CNVD-2026-90001)"
        );
        let last = entry("示例网关存在漏洞", None, None);
        assert_eq!(
            last.en,
            "CVE-2026-1234: 示例网关存在漏洞 (zh) (CNVD-2026-90001)"
        );
        assert_eq!(entry("", None, None).en, "CVE-2026-1234 (CNVD-2026-90001)");
    }
}
