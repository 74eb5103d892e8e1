//! Incident handling: what was done, with whom, how fast, and what is left (DOMAIN 1.6, handling 1 to 3).

use model::bulletin::{Aspect, Chart, Handling, HandlingCell, Paragraph, Section, Table, Text};
use model::organization::Role;
use model::statistic::{self, Quantity};

use super::Page;
use super::charts::{Bar, Caption, chart, largest, ranked, weekly};
use super::figures::{Figures, change_clause};
use super::malware::row;
use super::words::{Clauses, list, say, upper_first};

/// Roles in the order in which parties of equal count are named, with their words in a sentence.
const PARTIES: [(Role, &str, &str); 11] = [
    (Role::CloudProvider, "云服务商", "cloud providers"),
    (Role::NetworkOperator, "基础电信企业", "network operators"),
    (Role::Registrar, "域名注册机构", "registrars"),
    (Role::Registry, "域名注册管理机构", "registries"),
    (Role::AppPlatform, "应用平台", "app platforms"),
    (Role::ProvincialBranch, "各省分中心", "provincial branches"),
    (Role::OverseasCert, "境外应急组织", "overseas CERTs"),
    (Role::SectorCert, "行业应急组织", "sector CERTs"),
    (
        Role::EducationCert,
        "教育行业应急组织",
        "the education CERT",
    ),
    (Role::SiteOwner, "网站主办方", "site owners"),
    (Role::Reporter, "举报方", "reporters"),
];

/// Whether a figure is there and more than nothing.
fn some(figures: &Figures, key: &str) -> bool {
    figures.count(key).is_some_and(|count| count > 0)
}

/// The English words for one or for many.
fn plural<'a>(figures: &Figures, key: &str, one: &'a str, many: &'a str) -> &'a str {
    match figures.count(key) {
        Some(1) => one,
        _ => many,
    }
}

/// The parties asked this week, those asked about most incidents first.
fn parties(page: &Page<'_>) -> Text {
    let mut used: Vec<(u64, &str, &str)> = PARTIES
        .iter()
        .filter_map(|(role, zh, en)| {
            let count = page.figures.count(&format!("I7/{role}"))?;
            (count > 0).then_some((count, *zh, *en))
        })
        .collect();
    used.sort_by_key(|party| std::cmp::Reverse(party.0));
    let names: Vec<Text> = used
        .into_iter()
        .map(|(_, zh, en)| Text::new(zh, en))
        .collect();
    list(&names)
}

/// Who of registrars and overseas CERTs was asked about phishing, those asked about most first.
fn phishing_partners(figures: &Figures) -> Text {
    let mut used: Vec<(u64, &str, &str)> = [
        ("I3/registrar", "域名注册机构", "registrars"),
        ("I3/overseas-cert", "境外应急组织", "overseas CERTs"),
    ]
    .into_iter()
    .filter_map(|(key, zh, en)| Some((figures.count(key)?, zh, en)))
    .filter(|(count, ..)| *count > 0)
    .collect();
    used.sort_by_key(|party| std::cmp::Reverse(party.0));
    let names: Vec<Text> = used
        .into_iter()
        .map(|(_, zh, en)| Text::new(zh, en))
        .collect();
    list(&names)
}

/// The strip on the first page; absent until an incident was handled here.
pub fn strip(page: &Page<'_>) -> Option<Handling> {
    let figures = page.figures;
    if !figures.has("I1") {
        return None;
    }
    let value = |key: &str| figures.printed(key, Aspect::Value);
    let mut cells: Vec<HandlingCell> = Vec::new();
    let mut cell = |key: &str, name: (&str, &str), unit: (&str, &str), note: Text| {
        if figures.has(key) {
            cells.push(HandlingCell {
                value: key.to_owned(),
                name: Text::new(name.0, name.1),
                amount: value(key),
                unit: Text::new(unit.0, unit.1),
                note,
                overdue: false,
            });
        }
    };
    let before = figures.printed("I1", Aspect::Previous);
    let last = match before.is_empty() {
        true => Text::default(),
        false => Text::new(
            format!("上周{}起", before.zh),
            format!("{} last week", before.en),
        ),
    };
    cell("I1", ("处置事件", "Incidents handled"), ("起", ""), last);
    let share = value("I2/share");
    let of = match share.is_empty() {
        true => Text::default(),
        false => Text::new(
            format!("占{}", share.zh),
            format!("{} of the total", share.en),
        ),
    };
    cell("I2", ("其中跨境", "of which cross-border"), ("起", ""), of);
    let (partners, used) = (value("I3/partners"), phishing_partners(figures));
    let with = match used.is_empty() {
        true => Text::default(),
        false => Text::new(
            format!("{}起会同{}", partners.zh, used.zh),
            format!("{} with {}", partners.en, used.en),
        ),
    };
    cell("I3", ("网页仿冒", "Phishing incidents"), ("起", ""), with);
    let platforms = value("I4");
    let by = Text::new(
        format!("由{}家应用平台清理", platforms.zh),
        format!(
            "removed by {} {}",
            platforms.en,
            plural(figures, "I4", "platform", "platforms")
        ),
    );
    cell("I5", ("恶意APP链接", "Malicious app URLs"), ("条", ""), by);
    let within = value("T2");
    if figures.has("T1") {
        let day = Text::new(
            format!("24小时内下线{}", within.zh),
            format!("{} within 24 h", within.en),
        );
        let name = ("下线用时中位数", "Median takedown time");
        cell("T1", name, ("小时", "hours"), day);
    } else {
        let (n, open) = (value("T1/n"), value("T1/open"));
        let note = Text::new(
            format!("{}起中{}起尚未下线", n.zh, open.zh),
            format!("{} of {} not down yet", open.en, n.en),
        );
        cell(
            "T2",
            ("24小时内下线", "Down within 24 hours"),
            ("", ""),
            note,
        );
    }
    let overdue = value("S1/overdue");
    let late = match some(figures, "S1/overdue") {
        true => Text::new(
            format!("{}起已超时限", overdue.zh),
            format!("{} past their deadline", overdue.en),
        ),
        false => Text::new("均未超时限", "none past its deadline"),
    };
    cell("S1", ("仍在处置", "Still open"), ("起", ""), late);
    if let Some(open) = cells.iter_mut().find(|cell| cell.value == "S1") {
        open.overdue = some(figures, "S1/overdue");
    }
    Some(Handling { cells })
}

/// Present once an incident was handled here.
pub fn section(page: &Page<'_>) -> Option<Section> {
    let figures = page.figures;
    if !figures.has("I1") {
        return None;
    }
    let mut paragraphs = vec![handled(page)];
    paragraphs.extend(by_kind(page));
    paragraphs.extend(speed(figures));
    paragraphs.extend(left(figures));
    let mut charts: Vec<Chart> = Vec::new();
    charts.extend(weekly(page, "handled-weeks", "I1", ("起", "")));
    charts.extend(kinds(page));
    charts.extend(asked(page));
    for chart in &mut charts {
        chart.source = Text::new("事件处置台账", "the ledger of incidents");
    }
    Some(Section {
        id: "handling".to_owned(),
        number: 0,
        title: Text::new("事件处置", "Incident handling"),
        paragraphs,
        tables: vec![table(page)],
        charts,
        note: Some(Text::new(
            "已通报至少一家单位且已有结果的事件计为处置，一起事件只计一次；可通报多家单位，按单位的各项之和可大于总数。",
            "An incident counts as handled once, when at least one party was asked and an outcome is recorded. It may go to several parties: what is told by party may add up to more.",
        )),
    })
}

/// Handling 1: the parties, I1 and I2.
fn handled(page: &Page<'_>) -> Paragraph {
    let figures = page.figures;
    let (change_zh, change_en) = change_clause(figures, "I1", "起");
    if !some(figures, "I1") {
        return say(
            figures,
            &format!("本周没有办出结果的网络安全事件{change_zh}。"),
            &format!("No incident reached an outcome this week{change_en}."),
        );
    }
    let with = parties(page);
    let (with_zh, with_en) = match with.is_empty() {
        true => (String::new(), String::new()),
        false => (format!("协调{}", with.zh), format!(" with {}", with.en)),
    };
    let (border_zh, border_en) = match some(figures, "I2") {
        true => (
            "，其中跨境事件{I2|起}，占{I2/share}",
            format!(
                "; {{I2}} of them ({{I2/share}}) {} cross-border",
                plural(figures, "I2", "was", "were")
            ),
        ),
        false => ("，其中没有跨境事件", "; none was cross-border".to_owned()),
    };
    let were = plural(figures, "I1", "incident was", "incidents were");
    say(
        figures,
        &format!("本周{with_zh}处置网络安全事件{{I1|起}}{change_zh}{border_zh}。"),
        &format!("{{I1}} {were} handled this week{with_en}{change_en}{border_en}."),
    )
}

/// Handling 2 and 3: phishing with its parties, malicious apps with their platforms; and how it ended
/// where nothing was done.
fn by_kind(page: &Page<'_>) -> Vec<Paragraph> {
    let figures = page.figures;
    let mut out = Vec::new();
    if some(figures, "I3") {
        let (change_zh, change_en) = change_clause(figures, "I3", "起");
        let with = phishing_partners(figures);
        let (with_zh, with_en) = match with.is_empty() {
            true => (String::new(), String::new()),
            false => (
                format!("，其中{{I3/partners|起}}会同{}处置", with.zh),
                format!("; {{I3/partners}} went through {}", with.en),
            ),
        };
        let were = plural(
            figures,
            "I3",
            "phishing incident was",
            "phishing incidents were",
        );
        out.push(say(
            figures,
            &format!("处置网页仿冒事件{{I3|起}}{change_zh}{with_zh}。"),
            &format!("{{I3}} {were} handled{change_en}{with_en}."),
        ));
    }
    if some(figures, "I5") {
        let (change_zh, change_en) = change_clause(figures, "I5", "条");
        let platforms = plural(figures, "I4", "app platform", "app platforms");
        let urls = plural(figures, "I5", "malicious app URL", "malicious app URLs");
        out.push(say(
            figures,
            &format!("协调{{I4|家}}应用平台清理恶意APP链接{{I5|条}}{change_zh}。"),
            &format!("{{I4}} {platforms} removed {{I5}} {urls}{change_en}."),
        ));
    }
    let mut apart = Clauses::default();
    if some(figures, "I1/refused") {
        apart.add(
            "处置单位拒绝处置{I1/refused|起}",
            format!(
                "in {{I1/refused}} of the incidents the {} to act",
                plural(figures, "I1/refused", "party refused", "parties refused")
            ),
        );
    }
    if some(figures, "I1/no-response") {
        apart.add(
            "未获回应{I1/no-response|起}",
            "{I1/no-response} found no response",
        );
    }
    if some(figures, "I1/reopened") {
        apart.add(
            "处置后再次出现{I1/reopened|起}",
            "{I1/reopened} came back afterwards",
        );
    }
    if !apart.is_empty() {
        out.push(apart.sentence(figures));
    }
    out
}

/// How fast: what was opened in the week and asked about.
fn speed(figures: &Figures) -> Option<Paragraph> {
    if !figures.has("T2") {
        return None;
    }
    let mut told = Clauses::default();
    told.add(
        "本周立案并已通报的{T1/n|起}事件中，{T2}在首次通报后24小时内核验下线",
        format!(
            "of {{T1/n}} {} opened this week and asked about, {{T2}} were verified down within 24 hours of the first notice",
            plural(figures, "T1/n", "incident", "incidents")
        ),
    );
    match (figures.has("T1"), figures.has("T1/p90")) {
        (true, true) => told.add(
            "下线用时中位数为{T1|小时}，九成在{T1/p90|小时}内",
            "the median is {T1} hours, nine in ten took at most {T1/p90}",
        ),
        (true, false) => told.add("下线用时中位数为{T1|小时}", "the median is {T1} hours"),
        _ => {}
    }
    if some(figures, "T1/open") {
        let unclear = figures.has("T1/inconclusive")
            && figures.printed("T1/inconclusive", Aspect::Value).en != "0.0%";
        let (zh, en) = match unclear {
            true => (
                "（最近一次核验无法判定的占全部的{T1/inconclusive}）",
                " (the last look could not tell for {T1/inconclusive} of all)",
            ),
            false => ("", ""),
        };
        told.add(
            format!("{{T1/open|起}}尚未下线{zh}"),
            format!(
                "{{T1/open}} {} not down{en}",
                plural(figures, "T1/open", "is", "are")
            ),
        );
    }
    Some(told.sentence(figures))
}

/// What is left: the stock at the end of the week.
fn left(figures: &Figures) -> Option<Paragraph> {
    if !figures.has("S1") {
        return None;
    }
    let mut told = Clauses::default();
    // The stock leaves out what is found gone and not closed yet, so the flow that goes with it is what ended.
    let (ended, zh, en) = match figures.has("I1/ended") {
        true => ("I1/ended", "处置完毕", "ended (closed, or found gone)"),
        false => ("S1/closed", "办结", "closed"),
    };
    told.add(
        format!("本周立案{{S1/opened|起}}、{zh}{{{ended}|起}}，周末仍在处置{{S1|起}}"),
        format!(
            "{{S1/opened}} {} opened and {{{ended}}} {en} in the week, {{S1}} {} in hand at its end",
            plural(figures, "S1/opened", "incident was", "incidents were"),
            plural(figures, "S1", "is", "are"),
        ),
    );
    if some(figures, "S1/overdue") {
        told.add(
            "其中{S1/overdue|起}已超时限",
            format!(
                "{{S1/overdue}} {} past the deadline",
                plural(figures, "S1/overdue", "is", "are")
            ),
        );
    }
    if some(figures, "S1/government") {
        told.add(
            "被篡改的政府网站尚有{S1/government|个}未恢复",
            format!(
                "{{S1/government}} defaced government {} not restored",
                plural(figures, "S1/government", "site is", "sites are")
            ),
        );
    }
    Some(told.sentence(figures))
}

fn table(page: &Page<'_>) -> Table {
    let rows = [
        ("I1", Text::new("处置事件（起）", "Incidents handled")),
        ("I2", Text::new("其中跨境（起）", "of which cross-border")),
        ("I3", Text::new("其中网页仿冒（起）", "of which phishing")),
        ("I4", Text::new("应用平台（家）", "App platforms")),
        ("I5", Text::new("恶意APP链接（条）", "Malicious app URLs")),
        ("S1", Text::new("周末仍在处置（起）", "In hand at the end")),
    ];
    Table {
        head: vec![
            Text::new("事件处置", "Handling"),
            Text::new("数量", "number"),
            Text::new("环比", "change"),
        ],
        rows: rows
            .into_iter()
            .filter_map(|(key, name)| row(page, key, name))
            .collect(),
    }
}

fn kinds(page: &Page<'_>) -> Option<Chart> {
    let bars: Vec<Bar> = page
        .value("I6")?
        .parts
        .iter()
        .filter_map(|part| {
            let key = format!("I6/{}", part.id);
            let Quantity::Ratio { numerator, .. } = part.measured.quantity()? else {
                return None;
            };
            Some(Bar {
                name: page.figures.get(&key)?.name.clone(),
                whole: numerator.count,
                part: None,
                share: page.figures.printed(&key, Aspect::Value),
                key: Some(key),
            })
        })
        .collect();
    if bars.len() < 2 {
        return None;
    }
    let first = &bars[0];
    let caption = Caption {
        id: "handled-kinds",
        title: Text::new(
            format!("处置事件以{}最多，占{}", first.name.zh, first.share.zh),
            format!(
                "Most frequent among the incidents handled: {}, {}",
                first.name.en, first.share.en
            ),
        ),
        measure: Text::new(
            "处置事件，起，按类型，本周",
            "Incidents handled by type, this week",
        ),
        alt: alt(&bars),
    };
    let heads = [Text::new("类型", "Type"), Text::new("起", "incidents")];
    let (plot, table) = ranked(bars, heads, Some(Text::new("占比", "share")), None, 0..1);
    Some(chart(page, "I6", caption, plot, table))
}

fn asked(page: &Page<'_>) -> Option<Chart> {
    let whole = page.figures.count("I1")?;
    let bars: Vec<Bar> = page
        .value("I7")?
        .parts
        .iter()
        .filter_map(|part| {
            let key = format!("I7/{}", part.id);
            let count = part.measured.count()?.count;
            Some(Bar {
                name: page.figures.get(&key)?.name.clone(),
                whole: count,
                part: None,
                key: Some(key),
                share: statistic::percent_tenths(count, whole)
                    .map(statistic::print_percent)
                    .unwrap_or_default(),
            })
        })
        .collect();
    if bars.len() < 2 {
        return None;
    }
    let first = &bars[0];
    let all = PARTIES.iter().find(|(role, ..)| {
        let key = first.key.as_deref().unwrap_or_default();
        key == format!("I7/{role}")
    });
    let (zh, en) = all.map_or((first.name.zh.as_str(), first.name.en.as_str()), |all| {
        (all.1, all.2)
    });
    let caption = Caption {
        id: "handled-parties",
        title: Text::new(
            format!("{zh}参与处置最多，占{}", first.share.zh),
            upper_first(&format!(
                "{en} took part most often: in {} of the incidents",
                first.share.en
            )),
        ),
        measure: Text::new(
            "处置事件，起，按处置单位，一起事件可有几家，本周",
            "Incidents handled by role of the party, several may take part in one, this week",
        ),
        alt: alt(&bars),
    };
    let heads = [Text::new("处置单位", "Party"), Text::new("起", "incidents")];
    let share = Some(Text::new("占事件", "of incidents"));
    let (plot, table) = ranked(bars, heads, share, None, 0..1);
    Some(chart(page, "I7", caption, plot, table))
}

fn alt(bars: &[Bar]) -> Text {
    let named = largest(bars, 3);
    Text::new(
        format!("条形图，最多的：{}", named.zh),
        format!("Bar chart; most: {}", named.en),
    )
}
