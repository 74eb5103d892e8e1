//! Twelve months of what a party was asked, as a small chart: all, and of them those answered in time. And what stands
//! beside its own figures: the middle one of those who are asked in the same role.

use ledger::Directive;
use model::bulletin::Lang;
use model::time::Timestamp;
use response::scorecard::Peers;
use schemars::JsonSchema;
use serde::Serialize;

use super::draw;
use crate::Desk;
use crate::words::{fill, words};

words! {
    Words {
        months: "每月处置请求，深色为按时答复", "Requests a month; dark: answered in time";
        month_label: "{m}：{n} 件，按时 {k} 件", "{m}: {n}, {k} in time";
        beside: "同类单位（{n} 家，近 12 个月）中位数：{figures}。", "The middle one of {n} parties asked in the same role, twelve months: {figures}.";
        within: "按时答复 {v}", "{v} answered in time";
        answer: "答复 {v}", "{v} to an answer";
        gone: "清除 {v}", "{v} to takedown";
        and: "，", ", ";
    }
}

/// A column of the chart.
pub(crate) struct Column {
    pub(crate) x: u32,
    pub(crate) y: u32,
    pub(crate) height: u32,
    pub(crate) dark_y: u32,
    pub(crate) dark: u32,
    pub(crate) label: String,
    pub(crate) month: String,
    pub(crate) shown: bool,
}

/// What a month comes to.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Count {
    /// The month: `2026-10`.
    pub(crate) month: String,
    /// Requests.
    pub(crate) asked: u64,
    /// Of these, answered in time.
    pub(crate) in_time: u64,
}

/// What those do who are asked in the same role: the middle one of them.
#[derive(Serialize, JsonSchema)]
pub(crate) struct PeersOut {
    /// How many there are; five at least.
    parties: u64,
    /// Share answered in time, in tenths of a per cent; null where fewer than five have one.
    within_target_permille: Option<i64>,
    /// Seconds to the first answer.
    median_answer_secs: Option<i64>,
    /// Seconds until it was found gone.
    median_takedown_secs: Option<i64>,
}

impl From<Peers> for PeersOut {
    fn from(peers: Peers) -> Self {
        PeersOut {
            parties: peers.parties,
            within_target_permille: peers.within_permille,
            median_answer_secs: peers.acknowledge_secs,
            median_takedown_secs: peers.takedown_secs,
        }
    }
}

/// The chart, and what it is called.
pub(crate) struct Months {
    pub(crate) caption: &'static str,
    pub(crate) columns: Vec<Column>,
}

/// Counts the twelve months up to now.
pub(crate) fn counted(desk: &Desk, asked: &[(Directive, Option<i64>)]) -> Vec<Count> {
    let zone = desk.terms().zone.clone();
    let month = |at: i64| {
        let date = Timestamp(at).date_in(&zone)?;
        Some(i32::from(date.year()) * 12 + i32::from(date.month()) - 1)
    };
    let Some(last) = month(desk.now().0) else {
        return Vec::new();
    };
    let mut counts: Vec<Count> = (last - 11..=last)
        .map(|of| Count {
            month: format!("{}-{:02}", of.div_euclid(12), of.rem_euclid(12) + 1),
            asked: 0,
            in_time: 0,
        })
        .collect();
    for (row, _) in asked {
        let at = row.asked_at.and_then(month).map(|of| of - (last - 11));
        let Some(slot) = at
            .and_then(|at| usize::try_from(at).ok())
            .and_then(|at| counts.get_mut(at))
        else {
            continue;
        };
        slot.asked += 1;
        let answered = [row.answered_at, row.acted_at].into_iter().flatten().min();
        let in_time = answered.is_some_and(|at| row.due_at.is_none_or(|due| at <= due));
        slot.in_time += u64::from(in_time);
    }
    counts
}

/// Draws them.
pub(crate) fn drawn(counts: &[Count], lang: Lang) -> Months {
    const HEIGHT: u64 = 48;
    let w = Words::of(lang);
    let most = counts.iter().map(|one| one.asked).max().unwrap_or(0).max(1);
    let part = |count: u64| u32::try_from(count * HEIGHT / most).unwrap_or(0);
    let base = u32::try_from(HEIGHT).unwrap_or(0) + 2;
    let columns = counts.iter().zip(0u32..).map(|(one, at)| {
        let (height, dark) = (part(one.asked), part(one.in_time));
        Column {
            x: at * 26,
            y: base - height,
            height,
            dark_y: base - dark,
            dark,
            label: fill(
                w.month_label,
                &[("m", &one.month), ("n", &one.asked), ("k", &one.in_time)],
            ),
            month: one.month.clone(),
            shown: at % 3 == 2,
        }
    });
    Months {
        caption: w.months,
        columns: columns.collect(),
    }
}

/// What the others do, in a line; `None` where no figure of theirs can be told.
pub(crate) fn beside(peers: &Peers, lang: Lang) -> Option<String> {
    let w = Words::of(lang);
    let span = |secs: i64| draw::span(secs.saturating_mul(1_000_000), lang);
    let share = |all: i64| format!("{}.{}%", all / 10, all % 10);
    let figures: Vec<String> = [
        (w.within, peers.within_permille.map(share)),
        (w.answer, peers.acknowledge_secs.map(span)),
        (w.gone, peers.takedown_secs.map(span)),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some(fill(name, &[("v", &value?)])))
    .collect();
    let line = || {
        let figures = figures.join(w.and);
        fill(w.beside, &[("n", &peers.parties), ("figures", &figures)])
    };
    (!figures.is_empty()).then(line)
}
