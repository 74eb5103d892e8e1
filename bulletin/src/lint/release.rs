//! What goes out: marking, links, cells that name victims, work that was closed in a hurry.

use std::collections::BTreeSet;

use model::bulletin::{Lang, Text, Tlp};
use model::statistic;

use super::closures::LATE_HOURS;
use super::prints::marks;
use super::{Desk, Report, redraft};
use crate::sections::figures::member;
use crate::statistics;
use crate::suppress;

fn rank(tlp: Tlp) -> u8 {
    match tlp {
        Tlp::Clear => 0,
        Tlp::Green => 1,
        Tlp::Amber => 2,
        Tlp::AmberStrict => 3,
        Tlp::Red => 4,
    }
}

pub(super) fn tlp(desk: &Desk<'_>, report: &mut Report<'_>) {
    let (own, series) = (desk.bulletin().tlp, desk.subject.series_tlp);
    for (what, zh, tlp) in [("issue", "本期", own), ("series", "本系列", series)] {
        if desk.subject.public && tlp != Tlp::Clear {
            report.add(
                what,
                Text::new(
                    format!("{zh}标为{}，却要公开发布", tlp.label()),
                    format!(
                        "the {what} is marked {} and would be published to everybody",
                        tlp.label()
                    ),
                ),
                Text::new(
                    "不公开发布，或经原发方同意改标",
                    "do not publish it, or have its originator change the marking",
                ),
            );
        }
    }
    if rank(own) < rank(series) {
        report.add(
            "issue",
            Text::new(
                format!("本期标为{}，其系列为{}", own.label(), series.label()),
                format!(
                    "the issue is marked {}, its series {}",
                    own.label(),
                    series.label()
                ),
            ),
            redraft(),
        );
    }
    if !desk.subject.public {
        return;
    }
    for block in &desk.subject.editorial.blocks {
        let told = [&block.title, &block.text]
            .into_iter()
            .flat_map(|text| [&text.zh, &text.en]);
        let marked = told.map(|text| text.to_uppercase()).find_map(|text| {
            let (_, after) = text.split_once("TLP:")?;
            let word: String = after
                .trim_start()
                .chars()
                .take_while(|c| c.is_ascii_alphabetic() || *c == '+')
                .collect();
            (!matches!(word.as_str(), "CLEAR" | "WHITE" | "")).then_some(word)
        });
        if let Some(word) = marked {
            report.add(
                format!("block {}", block.id),
                Text::new(
                    format!("文字标有TLP:{word}，本期公开发布"),
                    format!("the block speaks of TLP:{word}, the issue is public"),
                ),
                Text::new("删去所标的内容", "take out what is so marked"),
            );
        }
    }
}

pub(super) fn recent_links(desk: &Desk<'_>, report: &mut Report<'_>) {
    for recent in &desk.bulletin().recent {
        if recent.file.is_some() && !desk.subject.published.contains(&recent.issue.number) {
            report.add(
                format!("issue {}", recent.issue.number),
                Text::new(
                    format!("链接到第{}期，该期没有发布", recent.issue.number),
                    format!(
                        "links to issue {}, which is not published",
                        recent.issue.number
                    ),
                ),
                Text::new(
                    "先发布该期，或去掉链接",
                    "publish that issue first, or take the link out",
                ),
            );
        }
    }
}

pub(super) fn file_links(desk: &Desk<'_>, report: &mut Report<'_>) {
    if desk.subject.files.is_empty() {
        return;
    }
    let known: BTreeSet<&str> = desk.subject.files.iter().map(String::as_str).collect();
    let recent: Vec<&str> = desk
        .bulletin()
        .recent
        .iter()
        .filter_map(|recent| recent.file.as_deref())
        .collect();
    for output in desk.subject.outputs {
        let lost: BTreeSet<&str> = output
            .links
            .iter()
            .map(String::as_str)
            .filter(|link| {
                !link.starts_with('#')
                    && !link.starts_with("https://")
                    && !link.starts_with("mailto:")
            })
            .filter(|link| {
                let file = link.split(['#', '?']).next().unwrap_or(link);
                let earlier = recent.iter().any(|stem| {
                    file.strip_prefix(stem)
                        .is_some_and(|end| end.starts_with('.'))
                });
                !known.contains(file) && !earlier
            })
            .collect();
        for link in lost {
            report.add(
                output.name(),
                Text::new(
                    format!("链接的文件{link}不在本期文件中"),
                    format!("links to {link}, which is not among the files of the issue"),
                ),
                Text::new(
                    "一并生成该文件，或去掉链接",
                    "render that file too, or take the link out",
                ),
            );
        }
    }
}

pub(super) fn small_cells(desk: &Desk<'_>, report: &mut Report<'_>) {
    let remedy = || {
        Text::new(
            "重新起草本期：起草时会隐去",
            "draft the issue again: drafting hides it",
        )
    };
    let mut tell =
        |object: String, zh: String, en: String| report.add(object, Text::new(zh, en), remedy());
    for key in suppress::hidden(desk.subject.frozen) {
        let value = desk
            .bulletin()
            .value(&key)
            .and_then(|value| value.value.as_ref());
        if let Some(amount) = value {
            tell(
                key.clone(),
                format!(
                    "{key}为{}，可能指向受害方或可由此推算，却印出",
                    amount.text.zh
                ),
                format!(
                    "{key} prints {}, which could name a victim or lets such a figure be derived",
                    amount.text.en
                ),
            );
        }
        for lang in Lang::ALL {
            let name = match key.rsplit_once('/') {
                Some(("phishing.page.sector", sector)) => {
                    (desk.subject.names.sector)(sector).unwrap_or_else(|| Text::same(sector))
                }
                Some((id, part)) => match statistics::named(id) {
                    Some(statistic) => member(statistic, part, desk.subject.names).0,
                    None => continue,
                },
                None => continue,
            };
            // A name is only a cell of its own division: look in the charts that draw it.
            let of_division =
                |chart: &&model::bulletin::Chart| match key.starts_with("phishing.page.sector") {
                    true => chart.id == "sectors",
                    false => chart
                        .query
                        .split([' ', ';'])
                        .any(|word| key.split('/').next() == Some(word)),
                };
            for chart in desk.bulletin().charts().filter(of_division) {
                let same = |shown: &str| shown.to_lowercase() == name.get(lang).to_lowercase();
                let plotted = marks(&chart.plot).iter().any(|(names, mark)| {
                    mark.number.is_some() && names.iter().any(|shown| same(shown.get(lang)))
                });
                let tabled = chart.table.rows.iter().any(|row| {
                    same(row.name.get(lang))
                        && row
                            .cells
                            .iter()
                            .any(|cell| cell.text.get(lang).contains(|c: char| c.is_ascii_digit()))
                });
                if lang == Lang::Zh && (plotted || tabled) {
                    tell(
                        format!("chart {}", chart.id),
                        format!("图中印出“{}”的数，可能指向受害方或可由此推算", name.zh),
                        format!(
                            "the chart prints “{}”, which could name a victim or lets such a figure be derived",
                            name.en
                        ),
                    );
                }
            }
        }
    }
}

pub(super) fn closure_rush(desk: &Desk<'_>, report: &mut Report<'_>) {
    let Some(profile) = desk.subject.closures.filter(|profile| profile.is_rush()) else {
        return;
    };
    let percent = |tenths: u64| statistic::print_percent(tenths).en;
    report.add(
        "I1",
        Text::new(
            format!(
                "办结的{}起中有{}起（{}）在截止前{LATE_HOURS}小时内办结，平常为{}",
                profile.closed, profile.late, percent(profile.share()), percent(profile.usual())
            ),
            format!(
                "{} of {} incidents ({}) were closed in the {LATE_HOURS} hours before the cut-off, usually {}",
                profile.late, profile.closed, percent(profile.share()), percent(profile.usual())
            ),
        ),
        Text::new(
            "抽查这些事件的核验依据，并说明",
            "look at the evidence of these incidents, and say what it was",
        ),
    );
}
