//! Coverage and method: what the figures rest on and what they leave out.

use model::bulletin::{Note, Paragraph, Text};
use model::statistic::FeedCoverage;

use super::Page;
use super::figures::SOURCES_NOTE;
use super::words::{self, say, short_day};
use crate::restate::former_key;
use crate::statistics;

/// The notes in printed order.
pub fn notes(page: &Page<'_>) -> Vec<Note> {
    let mut out = vec![note("week", week(page)), note(SOURCES_NOTE, sources(page))];
    out.extend(unavailable(page).map(|text| note("unavailable", text)));
    out.push(note("counting", counting(page)));
    out.extend(definitions(page));
    out.extend(warned(page).map(|text| note("warnings", text)));
    out.push(note(
        "change",
        Text::new(
            "环比按未取整的数计算，保留一位小数，四舍五入；基数不足10的列出两周的数，基数为0的不计百分比。来源在任一周不完整或有变化的，只按两周都完整的来源比较，且不作好坏判断；没有这样的来源即为不可比。",
            "Changes are computed from unrounded counts to one decimal; a base under 10 prints both counts, a base of 0 no per cent. Where a source was incomplete or changed in either week, only the sources complete in both are compared, and nothing is called better or worse; without such a source the weeks do not compare.",
        ),
    ));
    out
}

fn note(id: &str, text: Text) -> Note {
    Note {
        id: id.to_owned(),
        text: Paragraph::words(text),
    }
}

fn week(page: &Page<'_>) -> Text {
    let basis = &page.this.basis;
    Text::new(
        format!(
            "统计周为周一零时至周日二十四时（时区{}）。数字取自第{}号数据快照，此后到达的记录不改变本期，必要时另发更正。",
            page.this.zone, basis.lake_snapshot
        ),
        format!(
            "The reporting week runs from Monday 00:00 to Sunday 24:00 ({}). Figures are read from data snapshot {}; records that arrive later do not change this issue, a correction is issued where needed.",
            page.this.zone, basis.lake_snapshot
        ),
    )
}

fn sources(page: &Page<'_>) -> Text {
    let coverage = &page.this.coverage;
    let complete = coverage.iter().filter(|feed| feed.complete()).count();
    let mut zh = format!(
        "结果来自抽样监测，反映趋势，不等于全部。本周{}个数据源中{complete}个完整",
        coverage.len()
    );
    let mut en = format!(
        "Figures come from sampled monitoring: they show trends, not totals. {complete} of {} sources were complete",
        coverage.len()
    );
    let lacking: Vec<&FeedCoverage> = coverage.iter().filter(|feed| !feed.complete()).collect();
    if !lacking.is_empty() {
        let zh_list: Vec<String> = lacking.iter().map(|feed| lack(feed).zh).collect();
        let en_list: Vec<String> = lacking.iter().map(|feed| lack(feed).en).collect();
        zh.push_str(&format!("；不完整的有{}", zh_list.join("、")));
        en.push_str(&format!("; incomplete: {}", en_list.join(", ")));
    }
    let changed: Vec<&str> = coverage
        .iter()
        .filter(|feed| feed.changed)
        .map(FeedCoverage::printed)
        .collect();
    if !changed.is_empty() {
        zh.push_str(&format!("；有变化的有{}", changed.join("、")));
        en.push_str(&format!("; changed: {}", changed.join(", ")));
    }
    Text::new(format!("{zh}。"), format!("{en}."))
}

fn lack(feed: &FeedCoverage) -> Text {
    let days: Vec<Text> = feed.missing.iter().map(|date| short_day(*date)).collect();
    let (zh, en) = if days.is_empty() {
        (String::new(), String::new())
    } else {
        let zh: Vec<&str> = days.iter().map(|day| day.zh.as_str()).collect();
        let en: Vec<&str> = days.iter().map(|day| day.en.as_str()).collect();
        (
            format!("，缺{}", zh.join("、")),
            format!(", without {}", en.join(", ")),
        )
    };
    Text::new(
        format!(
            "{}（{}/{}天{zh}）",
            feed.printed(),
            feed.seen_days,
            feed.expected_days
        ),
        format!(
            "{} ({}/{} days{en})",
            feed.printed(),
            feed.seen_days,
            feed.expected_days
        ),
    )
}

fn unavailable(page: &Page<'_>) -> Option<Text> {
    let mut reasons: Vec<(Text, Vec<&str>)> = Vec::new();
    for value in &page.this.values {
        let Some(missing) = value.measured.missing() else {
            continue;
        };
        let text = missing.text();
        match reasons.iter_mut().find(|(known, _)| *known == text) {
            Some((_, ids)) => ids.push(&value.statistic),
            None => reasons.push((text, vec![&value.statistic])),
        }
    }
    if reasons.is_empty() {
        return None;
    }
    let zh: Vec<String> = reasons
        .iter()
        .map(|(text, ids)| format!("{}（{}）", ids.join("、"), text.zh))
        .collect();
    let en: Vec<String> = reasons
        .iter()
        .map(|(text, ids)| format!("{} ({})", ids.join(", "), text.en))
        .collect();
    Some(Text::new(
        format!("本周不可用的指标：{}。不可用不等于零。", zh.join("；")),
        format!(
            "Not available this week: {}. Not available does not mean none.",
            en.join("; ")
        ),
    ))
}

fn counting(page: &Page<'_>) -> Text {
    let figures = page.figures;
    let mut zh = String::from(
        "各数为本周内不重复的对象数：主机和放马地址按IP地址，网站和放马域名按注册域名，仿冒页面按链接，漏洞按编号。",
    );
    let mut en = String::from(
        "Figures count distinct objects of the week: hosts and hosting addresses by address, sites and hosting domains by registrable domain, phishing pages by URL, vulnerabilities by identifier.",
    );
    if figures.has("M1") {
        zh.push_str("感染主机为两类之和，同一地址同时感染两类程序时计两次。");
        en.push_str(
            " Infected hosts are the sum of both kinds: an address infected by both counts twice.",
        );
    }
    if figures.has("W5") {
        let (elsewhere, untargeted) = (
            figures.count("W5/elsewhere"),
            figures.count("W5/untargeted"),
        );
        zh.push_str("仿冒页面按被仿冒对象计");
        en.push_str(" Phishing pages are counted by the imitated party");
        match (elsewhere, untargeted) {
            (Some(elsewhere), Some(untargeted)) if elsewhere + untargeted > 0 => {
                zh.push_str(&format!(
                    "；另有针对境外对象的{elsewhere}个、对象不明的{untargeted}个未计入。"
                ));
                en.push_str(&format!(
                    "; {} against others and {} of unknown target are not counted.",
                    model::statistic::grouped(elsewhere),
                    model::statistic::grouped(untargeted)
                ));
            }
            _ => {
                zh.push('。');
                en.push('.');
            }
        }
    }
    if figures.has("V1") {
        zh.push_str("漏洞只计国家信息安全漏洞共享平台公开的记录。");
        en.push_str(" Vulnerabilities are those the national database (CNVD) published.");
    }
    if figures.has("I1") {
        zh.push_str("处置事件按首次既已通报、又有结果的那一周计，一起只计一次，不成立、重复和过期批量办结的不计。");
        en.push_str(" An incident counts as handled in the week in which it was first both asked about and given an outcome, once; invalid, duplicate and stale ones do not count.");
    }
    let plain = say(figures, &zh, &en);
    Text::new(
        plain.plain(model::bulletin::Lang::Zh),
        plain.plain(model::bulletin::Lang::En),
    )
}

/// What is counted by a new definition, by the one before, and what was restated.
fn definitions(page: &Page<'_>) -> Option<Note> {
    let mut zh = String::new();
    let mut en = String::new();
    for former in &page.this.former {
        let id = &former.value.statistic;
        let Some((now, statistic)) = page.value(id).zip(statistics::named(id)) else {
            continue;
        };
        let (key, old) = (former_key(&former.value), former.value.version);
        let told = |key: &str| match page.figures.has(key) {
            true => [format!("{{{key}}}"), format!("{{{key}}}")],
            false => ["不可用".to_owned(), "not available".to_owned()],
        };
        let ([zh_now, en_now], [zh_old, en_old]) = (told(id), told(&key));
        zh.push_str(&format!(
            "{}（{id}）自{}当周起按第{}版定义计数：{}。本周按新定义为{zh_now}，按第{old}版为{zh_old}；两者并列至{}当周。",
            statistic.name.zh, words::day(former.since).zh, now.version, former.change.zh, words::day(former.until).zh
        ));
        en.push_str(&format!(
            "{} ({id}) is counted by definition version {} since the week of {}: {}. This week it is {en_now} by the new definition and {en_old} by version {old}; both are printed until the week of {}. ",
            statistic.name.en, now.version, words::day(former.since).en, former.change.en, words::day(former.until).en
        ));
    }
    let mut restated: Vec<(&str, u32)> = Vec::new();
    for again in &page.this.restated {
        let id = again.value.statistic.as_str();
        match restated.iter_mut().find(|(own, _)| *own == id) {
            Some((_, weeks)) => *weeks += 1,
            None => restated.push((id, 1)),
        }
    }
    for (id, weeks) in restated {
        zh.push_str(&format!(
            "{id}此前{weeks}周已按新定义重算，走势图标有断点，原刊印的数不变。"
        ));
        en.push_str(&format!(
            "{id}: {weeks} earlier week{} restated by the new definition, with a marked break in the charts; what was printed stands. ",
            if weeks == 1 { " is" } else { "s are" }
        ));
    }
    if zh.is_empty() {
        return None;
    }
    Some(Note {
        id: "definitions".to_owned(),
        text: say(page.figures, &zh, en.trim_end()),
    })
}

fn warned(page: &Page<'_>) -> Option<Text> {
    let kinds = [
        ("warned.infected", "感染主机", "infected host"),
        ("warned.hosting", "放马站点", "hosting site"),
        ("warned.phishing", "仿冒页面", "phishing page"),
    ];
    let found: Vec<(u64, &str, &str)> = kinds
        .iter()
        .map(|(name, zh, en)| (page.this.beside(name), *zh, *en))
        .filter(|(count, ..)| *count > 0)
        .collect();
    if found.is_empty() {
        return None;
    }
    let zh: Vec<String> = found
        .iter()
        .map(|(count, zh, _)| format!("{zh}{count}个"))
        .collect();
    let en: Vec<String> = found
        .iter()
        .map(|(count, _, en)| {
            let plural = if *count == 1 { "" } else { "s" };
            format!("{} {en}{plural}", model::statistic::grouped(*count))
        })
        .collect();
    Some(Text::new(
        format!(
            "下列对象命中预警名单（知名网站、公共解析服务等），未经人工核实，未计入：{}。",
            zh.join("、")
        ),
        format!(
            "On a warning list (top sites, public resolvers and the like) and not counted before a person has looked: {}.",
            en.join(", ")
        ),
    ))
}
