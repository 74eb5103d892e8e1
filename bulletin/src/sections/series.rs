//! The weeks before: marks of a line, its range, its breaks.
//!
//! A week that is not stored, or whose figure is not available, is a gap. A week in which a source of
//! the statistic changed is a break: what lies before it is drawn, not compared.

use model::bulletin::{Band, Break, Decimal, Mark, Scale, Spark, SparkRange, Text, Week};
use model::statistic::{self, StatisticValue};
use model::time::ReportingWeek;

use super::figures::drawn;
use super::words::axis_day;
use crate::frozen::FrozenWeek;
use crate::statistics::compare::Side;

/// Weeks that a line shows, this one included.
pub const SHOWN_WEEKS: i64 = 13;
/// Fewer weeks than this have no range worth the name.
const RANGE_AT_LEAST: usize = 8;

/// A place where a line breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    /// Index of the first week after.
    pub at: usize,
    /// What lies before does not compare with what lies after; a restated past does.
    pub cuts: bool,
    /// Why.
    pub note: Text,
}

/// One figure over the weeks, oldest first; the last is this week.
pub struct Past {
    /// The weeks.
    pub weeks: Vec<ReportingWeek>,
    /// The counts; `None` is a gap.
    pub counts: Vec<Option<u64>>,
    /// Where the line breaks or its way of counting changed.
    pub breaks: Vec<Turn>,
    /// Whether all sources of the figure were complete, by week.
    pub complete: Vec<bool>,
    /// Counts of up to 52 weeks before this one in which all sources were complete.
    pub range: Vec<u64>,
}

/// Whether every source of the value was complete in its week; back issues are taken as they are.
fn is_complete(frozen: &FrozenWeek, value: &StatisticValue) -> bool {
    let (complete, expected) = Side {
        value,
        coverage: &frozen.coverage,
    }
    .completeness(None);
    complete == expected
}

/// The newest week whose figure was counted again by the definition of this one.
fn last_restated(this: &FrozenWeek, id: &str) -> Option<ReportingWeek> {
    let own = this
        .restated
        .iter()
        .filter(|again| again.value.statistic == id);
    own.map(|again| again.week).max()
}

/// What a restated line says where the new definition came in.
pub fn restated_note(version: u32) -> Text {
    Text::new(
        format!("自此按第{version}版定义计数，此前已按新定义重算"),
        format!(
            "counted by definition version {version} since; the weeks before are restated by it"
        ),
    )
}

impl Past {
    /// The past of a statistic.
    pub fn of(id: &str, this: &FrozenWeek, past: &[FrozenWeek]) -> Self {
        let find = |week: ReportingWeek| {
            if week == this.week {
                Some(this)
            } else {
                past.iter().find(|frozen| frozen.week == week)
            }
        };
        let mut out = Past {
            weeks: Vec::new(),
            counts: Vec::new(),
            breaks: Vec::new(),
            complete: Vec::new(),
            range: Vec::new(),
        };
        let mut counted_by = None;
        let mut restated = last_restated(this, id);
        let mut restated_shown = false;
        for back in (0..SHOWN_WEEKS).rev() {
            let week = this.week.plus(-back);
            let frozen = find(week);
            let value = frozen.and_then(|frozen| frozen.value(id));
            let changed = frozen.is_some_and(|frozen| {
                let sources = value
                    .map(|value| value.sources.as_slice())
                    .unwrap_or_default();
                frozen
                    .coverage
                    .iter()
                    .any(|coverage| coverage.changed && sources.contains(&coverage.feed))
            });
            let at = out.weeks.len();
            let version = value.map(|value| value.version);
            let others = version.zip(counted_by).filter(|(now, then)| now != then);
            if at > 0
                && let Some((now, _)) = others
            {
                out.breaks.push(Turn {
                    at,
                    cuts: true,
                    note: Text::new(
                        format!("定义改为第{now}版，前后不可比"),
                        format!("definition version {now} since: before and after do not compare"),
                    ),
                });
            } else if at > 0 && changed {
                out.breaks.push(Turn {
                    at,
                    cuts: true,
                    note: Text::new(
                        "来源有变化，前后不可比",
                        "a source changed: before and after do not compare",
                    ),
                });
            }
            if at > 0 && value.is_some() && restated.is_some_and(|last| last < week) {
                if restated_shown {
                    out.breaks.push(Turn {
                        at,
                        cuts: false,
                        note: restated_note(version.unwrap_or_default()),
                    });
                }
                restated = None;
            }
            restated_shown |= restated.is_some() && value.is_some();
            counted_by = version.or(counted_by);
            out.weeks.push(week);
            out.counts.push(frozen.and_then(|frozen| drawn(frozen, id)));
            out.complete.push(
                frozen
                    .zip(value)
                    .is_some_and(|(frozen, value)| is_complete(frozen, value)),
            );
        }
        let whole = |frozen: &&FrozenWeek| {
            frozen
                .value(id)
                .is_some_and(|value| is_complete(frozen, value))
        };
        let now = this.value(id).map(|value| value.version);
        let alike = |frozen: &&FrozenWeek| frozen.value(id).map(|value| value.version) == now;
        out.range = past
            .iter()
            .filter(whole)
            .filter(alike)
            .filter_map(|frozen| drawn(frozen, id))
            .collect();
        out
    }

    /// Whether this week's figure is over all its sources.
    pub fn whole_now(&self) -> bool {
        self.complete.last().copied().unwrap_or(false)
    }

    /// Counts that may be compared with each other, oldest first: complete weeks after the last break.
    pub fn comparable(&self) -> Vec<u64> {
        let from = self.breaks.iter().rev().find(|turn| turn.cuts);
        let from = from.map_or(0, |turn| turn.at);
        let weeks = self.counts.iter().zip(&self.complete).skip(from);
        weeks
            .filter(|(_, complete)| **complete)
            .filter_map(|(count, _)| *count)
            .collect()
    }

    /// Without the weeks before the first that has a figure: a young series begins where it begins.
    pub fn from_first_known(mut self) -> Self {
        let first = self.counts.iter().position(Option::is_some).unwrap_or(0);
        self.weeks.drain(..first);
        self.counts.drain(..first);
        self.complete.drain(..first);
        self.breaks = self
            .breaks
            .iter()
            .filter_map(|turn| {
                let at = turn.at.checked_sub(first).filter(|at| *at > 0)?;
                Some(Turn { at, ..turn.clone() })
            })
            .collect();
        self
    }

    /// Weeks that have a figure.
    pub fn known(&self) -> usize {
        self.counts.iter().flatten().count()
    }

    /// How the numbers are divided for an axis: 万 and thousands once any reaches ten thousand.
    pub fn scale(&self) -> Scale {
        let high = self
            .counts
            .iter()
            .flatten()
            .chain(&self.range)
            .max()
            .copied()
            .unwrap_or(0);
        if high >= statistic::WAN {
            Scale {
                zh: 10_000,
                en: 1_000,
            }
        } else {
            Scale::default()
        }
    }

    /// The weeks on an axis.
    pub fn axis(&self) -> Vec<Week> {
        self.weeks
            .iter()
            .map(|week| Week {
                first: week.monday(),
                text: axis_day(week.monday()),
            })
            .collect()
    }

    /// The marks; this week's leads to its value.
    pub fn marks(&self, key: &str) -> Vec<Mark> {
        let scale = self.scale();
        let last = self.counts.len().saturating_sub(1);
        let mark = |(at, count): (usize, &Option<u64>)| match count {
            // An incomplete week may still be completed: hatched, as preliminary figures are.
            Some(count) if at == last => Mark {
                preliminary: !self.whole_now(),
                ..scaled(*count, scale).of(key)
            },
            Some(count) => scaled(*count, scale),
            None => Mark::gap(),
        };
        self.counts.iter().enumerate().map(mark).collect()
    }

    /// Breaks with their words.
    pub fn printed_breaks(&self) -> Vec<Break> {
        self.breaks
            .iter()
            .map(|turn| Break {
                at: turn.at,
                note: turn.note.clone(),
            })
            .collect()
    }

    /// Range of the weeks before; `None` while there are too few.
    pub fn band(&self) -> Option<Band> {
        let scale = self.scale();
        let mut sorted = self.range.clone();
        sorted.sort_unstable();
        let (low, high) = (sorted.first()?, sorted.last()?);
        if sorted.len() < RANGE_AT_LEAST {
            return None;
        }
        let middle = sorted.len() / 2;
        let median = if sorted.len() % 2 == 1 {
            sorted[middle]
        } else {
            u64::midpoint(sorted[middle - 1], sorted[middle])
        };
        Some(Band {
            weeks: sorted.len() as u32,
            low: scaled(*low, scale),
            high: scaled(*high, scale),
            median: Some(scaled(median, scale)),
        })
    }

    /// The small line of a tile.
    pub fn spark(&self, key: &str) -> Spark {
        if self.known() < 2 {
            return Spark::default();
        }
        let range = self.band().map(|band| SparkRange {
            text: Text::new(
                format!(
                    "此前{}周{}～{}",
                    band.weeks, band.low.text.zh, band.high.text.zh
                ),
                format!(
                    "{} weeks before: {}–{}",
                    band.weeks, band.low.text.en, band.high.text.en
                ),
            ),
            low: band.low.number.unwrap_or_default(),
            high: band.high.number.unwrap_or_default(),
        });
        Spark {
            marks: self.marks(key),
            breaks: self.printed_breaks(),
            range,
        }
    }
}

/// A count as an axis of this scale prints it.
pub fn scaled(count: u64, scale: Scale) -> Mark {
    let text = if scale.zh > 1 {
        let tenths = statistic::wan_tenths(count);
        Text::new(
            format!("{}.{}", tenths / 10, tenths % 10),
            statistic::grouped(tenths),
        )
    } else {
        Text::new(count.to_string(), statistic::grouped(count))
    };
    Mark::new(Decimal::count(count), text)
}

/// A count in full.
pub fn whole(count: u64) -> Mark {
    scaled(count, Scale::default())
}
