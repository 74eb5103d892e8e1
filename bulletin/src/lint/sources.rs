//! Sources: those that lacked are marked, those that changed are breaks, and all may be printed.

use std::collections::BTreeSet;

use model::bulletin::{Plot, Text};
use model::feed::Publishable;
use model::statistic::StatisticValue;

use super::{Desk, Report, fault};
use crate::frozen::FrozenWeek;
use crate::sections::figures::SOURCES_NOTE;

pub(super) fn completeness(desk: &Desk<'_>, report: &mut Report<'_>) {
    let bulletin = desk.bulletin();
    for value in &bulletin.values {
        let Some(expected) = desk.expected.get(&value.key) else {
            continue;
        };
        if let Some(lacking) = &expected.incomplete
            && value.incomplete.as_ref() != Some(lacking)
        {
            report.add(
                value.key.as_str(),
                Text::new(
                    format!(
                        "{}的{}个来源中只有{}个完整，没有标明",
                        value.name.zh, lacking.expected, lacking.complete
                    ),
                    format!(
                        "{}: {} of {} sources were complete, and it is not marked",
                        value.name.en, lacking.complete, lacking.expected
                    ),
                ),
                fault(),
            );
        }
    }
    for tile in &bulletin.board.tiles {
        let lacking = desk
            .expected
            .get(&tile.value)
            .and_then(|value| value.incomplete.as_ref());
        if lacking.is_some() && tile.missing.is_none() && tile.incomplete.is_none() {
            report.add(
                format!("tile {}", tile.value),
                Text::new(
                    format!("指标板上{}没有来源不完整的标记", tile.name.zh),
                    format!(
                        "the tile {} bears no mark of its incomplete sources",
                        tile.name.en
                    ),
                ),
                fault(),
            );
        }
    }
    let marked = desk
        .shown
        .coverage
        .iter()
        .any(|coverage| !coverage.complete());
    if marked && !bulletin.notes.iter().any(|note| note.id == SOURCES_NOTE) {
        report.add(
            "note sources",
            Text::new(
                "没有列出不完整的来源",
                "no note tells which sources were incomplete",
            ),
            fault(),
        );
    }
}

fn changed(week: &FrozenWeek, value: &StatisticValue) -> bool {
    week.coverage
        .iter()
        .any(|coverage| coverage.changed && value.sources.contains(&coverage.feed))
}

/// This week's break must be marked in every line of the statistic; older ones lie in the same place.
pub(super) fn breaks(desk: &Desk<'_>, report: &mut Report<'_>) {
    let broken: BTreeSet<&str> = desk
        .shown
        .values
        .iter()
        .filter(|value| changed(&desk.shown, value))
        .map(|value| value.statistic.as_str())
        .collect();
    let mut tell = |object: String, id: &str| {
        report.add(
            object,
            Text::new(
                format!("{id}的来源本周有变化，走势中没有断点"),
                format!("a source of {id} changed this week, the line has no break"),
            ),
            fault(),
        );
    };
    for tile in &desk.bulletin().board.tiles {
        let last = tile.spark.marks.len().saturating_sub(1);
        if last > 0
            && broken.contains(tile.value.as_str())
            && !tile.spark.breaks.iter().any(|found| found.at == last)
        {
            tell(format!("tile {}", tile.value), &tile.value);
        }
    }
    for chart in desk.bulletin().charts() {
        let Plot::Line(plot) = &chart.plot else {
            continue;
        };
        for series in &plot.series {
            let last = series.marks.len().saturating_sub(1);
            let key = series.marks.last().and_then(|mark| mark.value.as_deref());
            if let Some(key) = key.filter(|key| last > 0 && broken.contains(key))
                && !plot.breaks.iter().any(|found| found.at == last)
            {
                tell(format!("chart {}", chart.id), key);
            }
        }
    }
}

/// Printed figures with the feeds that supply them, each feed and statistic once.
fn supplied<'a>(desk: &'a Desk<'_>) -> BTreeSet<(&'a str, &'a str)> {
    let mut out = BTreeSet::new();
    for value in &desk.shown.values {
        if value.measured.quantity().is_none() {
            continue;
        }
        let listed = desk
            .bulletin()
            .values
            .iter()
            .any(|listed| listed.statistic == value.statistic && listed.value.is_some());
        if listed {
            out.extend(
                value
                    .sources
                    .iter()
                    .map(|feed| (feed.as_str(), value.statistic.as_str())),
            );
        }
    }
    out
}

fn by_feed<'a>(supplied: &BTreeSet<(&'a str, &'a str)>, feed: &str) -> Vec<&'a str> {
    supplied
        .iter()
        .filter(|(own, _)| *own == feed)
        .map(|(_, id)| *id)
        .collect()
}

pub(super) fn licences(desk: &Desk<'_>, report: &mut Report<'_>) {
    let supplied = supplied(desk);
    for feed in desk
        .subject
        .feeds
        .iter()
        .filter(|feed| feed.publishable == Publishable::Nothing)
    {
        let ids = by_feed(&supplied, &feed.name);
        if ids.is_empty() {
            continue;
        }
        report.add(
            format!("feed {}", feed.name),
            Text::new(
                format!(
                    "数据源{}（许可：{}）不允许公布任何内容，却提供了{}",
                    feed.name,
                    feed.licence,
                    ids.join("、")
                ),
                format!(
                    "nothing of feed {} (licence: {}) may be printed, but it supplies {}",
                    feed.name,
                    feed.licence,
                    ids.join(", ")
                ),
            ),
            Text::new(
                "重新冻结本周，该数据源不再计入；或更正其许可",
                "freeze the week again, which leaves the feed out; or correct its terms",
            ),
        );
    }
}

pub(super) fn unknown_licences(desk: &Desk<'_>, report: &mut Report<'_>) {
    let supplied = supplied(desk);
    let names: BTreeSet<&str> = supplied.iter().map(|(feed, _)| *feed).collect();
    for name in names {
        let feed = desk.subject.feeds.iter().find(|feed| feed.name == name);
        if feed.is_some_and(|feed| !feed.licence.trim().is_empty()) {
            continue;
        }
        let ids = by_feed(&supplied, name);
        let (zh, en) = match feed {
            Some(_) => ("没有写明许可", "states no licence"),
            None => (
                "已不在配置中，许可不明",
                "is not configured any more: its terms are not known",
            ),
        };
        report.add(
            format!("feed {name}"),
            Text::new(
                format!("数据源{name}{zh}，却提供了{}", ids.join("、")),
                format!("feed {name} {en}, but it supplies {}", ids.join(", ")),
            ),
            Text::new(
                "在数据源配置中写明许可",
                "state its licence in the configuration",
            ),
        );
    }
}
