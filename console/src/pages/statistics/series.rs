//! The series of one statistic as pages, files and programs have it: by week, or by month as the mean of its weeks.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::civil::Date;
use model::bulletin::{Decimal, Lang, Text};
use model::issue::IssueNumber;
use model::statistic::{Presentation, Sense, Statistic};
use model::time::ReportingWeek;

use super::Words;
use crate::almanac::{CountedWeek, Origin};

/// A week or a month of a statistic.
#[derive(Clone, Debug)]
pub(super) struct Point {
    /// First day: a Monday, or the first of a month.
    pub first: Date,
    pub week: Option<ReportingWeek>,
    pub number: Option<IssueNumber>,
    /// The number in the base unit; words and ranks have none.
    pub value: Option<Decimal>,
    /// As it is printed.
    pub text: Text,
    /// Exactly: `284132`, `17/2146`, `medium`; empty where it is missing.
    pub exact: String,
    pub missing: Option<Text>,
    pub complete: bool,
    pub origin: Origin,
    pub revision: i32,
    /// The series breaks before it, and why.
    pub breaks: Option<Text>,
    /// Weeks that a month's mean is of.
    pub weeks: usize,
}

/// How far back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Range {
    Quarter,
    Half,
    #[default]
    Year,
    All,
}

impl Range {
    pub const ALL: [Range; 4] = [Range::Quarter, Range::Half, Range::Year, Range::All];

    pub fn as_str(self) -> &'static str {
        match self {
            Range::Quarter => "quarter",
            Range::Half => "half",
            Range::Year => "year",
            Range::All => "all",
        }
    }

    pub fn words(self, w: &'static Words) -> &'static str {
        match self {
            Range::Quarter => w.range_quarter,
            Range::Half => w.range_half,
            Range::Year => w.range_year,
            Range::All => w.range_all,
        }
    }

    fn weeks(self) -> i64 {
        match self {
            Range::Quarter => 13,
            Range::Half => 26,
            Range::Year => 53,
            Range::All => i64::MAX,
        }
    }
}

/// A change against another value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Change {
    /// `↑ 3.1%`.
    pub text: String,
    /// `w`, `g` or nothing.
    pub class: &'static str,
    /// The arrow in words.
    pub said: &'static str,
}

/// A series with its statistic.
pub(super) struct Series {
    pub statistic: &'static Statistic,
    pub part: String,
    /// Name, with that of the part.
    pub name: Text,
    pub unit: Text,
    /// Oldest first; weeks without a figure are not in it.
    pub points: Vec<Point>,
}

impl Series {
    /// The weeks of a statistic, or of a part of it.
    pub fn of(statistic: &'static Statistic, part: &str, weeks: &[Arc<CountedWeek>]) -> Series {
        let mut series = Series {
            statistic,
            part: part.to_owned(),
            name: statistic.name.text(),
            unit: statistic.unit.text(),
            points: Vec::new(),
        };
        let mut before: Option<(u32, bool)> = None;
        for week in weeks {
            let Some(figure) = week.figure(statistic.id, part) else {
                continue;
            };
            if !part.is_empty() {
                series.name = figure.name.clone();
                series.unit = figure.unit.clone();
            }
            let counted = week.origin != Origin::Transcribed;
            let mut breaks = None;
            if !figure.exact.is_empty() {
                breaks = match before {
                    Some((_, false)) if counted => Some(Text::new(
                        "此前为转录的刊印数，此后由本系统计数",
                        "transcribed figures before, counted here since",
                    )),
                    Some((version, _)) if version != figure.version => Some(Text::new(
                        format!("定义改为第{}版", figure.version),
                        format!("definition version {} since", figure.version),
                    )),
                    Some(_) if week.changed.iter().any(|id| id == statistic.id) => Some(Text::new(
                        "来源有变化，前后不可比",
                        "a source changed: before and after do not compare",
                    )),
                    _ => None,
                };
                before = Some((figure.version, counted));
            }
            series.points.push(Point {
                first: week.week.monday(),
                week: Some(week.week),
                number: week.number,
                value: figure.number,
                text: figure.text.clone(),
                exact: figure.exact.clone(),
                missing: figure.missing.clone(),
                complete: figure.complete && week.origin != Origin::Live,
                origin: week.origin,
                revision: week.revision,
                breaks,
                weeks: 1,
            });
        }
        series
    }

    /// The newest so many weeks only.
    pub fn within(mut self, range: Range) -> Series {
        if let Some(last) = self.points.last().and_then(|point| point.week)
            && range != Range::All
        {
            let first = last.plus(1 - range.weeks());
            self.points
                .retain(|point| point.week.is_some_and(|week| week >= first));
        }
        self
    }

    /// Between days, both included.
    pub fn between(mut self, from: Option<Date>, to: Option<Date>) -> Series {
        self.points.retain(|point| {
            from.is_none_or(|from| point.first >= from) && to.is_none_or(|to| point.first <= to)
        });
        self
    }

    /// Months: the mean of the weeks that end in them. Distinct things cannot be added up over weeks, a mean can be
    /// compared. Words and ranks have no mean.
    pub fn by_month(self) -> Series {
        let mut months: BTreeMap<Date, Vec<Point>> = BTreeMap::new();
        for point in self.points {
            if let Some(week) = point.week {
                let first = week.sunday().first_of_month();
                months.entry(first).or_default().push(point);
            }
        }
        let whole = matches!(
            self.statistic.print,
            Presentation::WanOneDecimal | Presentation::Integer | Presentation::AboutInteger
        );
        let points = months.into_iter().filter_map(|(first, points)| {
            let values: Vec<f64> = points
                .iter()
                .filter_map(|point| point.value.map(Decimal::to_f64))
                .collect();
            if values.is_empty() {
                return None;
            }
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            let value = Decimal::round(mean, if whole { 0 } else { 1 })?;
            Some(Point {
                first,
                week: None,
                number: None,
                value: Some(value),
                text: printed(value, whole),
                exact: value.to_string(),
                missing: None,
                complete: points.iter().all(|point| point.complete),
                origin: points.last().map_or(Origin::Live, |point| point.origin),
                revision: 0,
                breaks: points.iter().find_map(|point| point.breaks.clone()),
                weeks: values.len(),
            })
        });
        Series {
            points: points.collect(),
            ..self
        }
    }

    /// A value with its unit, as it is said.
    pub fn told(&self, point: &Point, lang: Lang) -> String {
        let text = point.text.get(lang);
        match lang {
            Lang::Zh if point.value.is_some() && !text.contains(self.unit.zh.as_str()) => {
                format!("{text}{}", self.unit.zh)
            }
            _ => text.to_owned(),
        }
    }

    /// The number of a point before it was rounded for print.
    fn exactly(&self, point: &Point) -> Option<f64> {
        let percent = matches!(self.statistic.print, Presentation::PercentOneDecimal);
        let exact = match point.exact.split_once('/') {
            Some((part, whole)) => {
                let (part, whole): (f64, f64) = (part.parse().ok()?, whole.parse().ok()?);
                (whole != 0.0).then(|| part / whole * if percent { 100.0 } else { 1.0 })
            }
            None => point.exact.parse().ok(),
        };
        let value = point.value?.to_f64();
        Some(exact.unwrap_or(value))
    }

    /// How a point stands against one before it.
    pub fn change(&self, now: &Point, then: Option<&Point>, w: &'static Words) -> Option<Change> {
        let then = then?;
        let (new, old) = (self.exactly(now)?, self.exactly(then)?);
        if now.breaks.is_some() || old == 0.0 {
            return None;
        }
        let percent = matches!(self.statistic.print, Presentation::PercentOneDecimal);
        let amount = match percent {
            true => new - old,
            false => (new - old) / old * 100.0,
        };
        let tenths = (amount * 10.0).round() / 10.0;
        let (arrow, up) = match tenths {
            t if t > 0.0 => ("↑", Some(true)),
            t if t < 0.0 => ("↓", Some(false)),
            _ => ("→", None),
        };
        let unit = if percent { " pp" } else { "%" };
        // Over incomplete sources nothing is better or worse.
        let judged = self.statistic.sense == Sense::FewerIsBetter && now.complete && then.complete;
        let (class, said) = match (up, judged) {
            (None, _) => ("", w.flat),
            (Some(true), true) => ("w", w.worse),
            (Some(false), true) => ("g", w.better),
            (Some(true), false) => ("", w.up),
            (Some(false), false) => ("", w.down),
        };
        Some(Change {
            text: format!("{arrow} {:.1}{unit}", tenths.abs()),
            class,
            said,
        })
    }

    /// The point of the week before one, and of the week a year (52 weeks) before; of months the like.
    pub fn before(&self, at: usize) -> (Option<&Point>, Option<&Point>) {
        let point = &self.points[at];
        let of = |first: Date| {
            let found = self.points.binary_search_by(|one| one.first.cmp(&first));
            found.ok().map(|at| &self.points[at])
        };
        match point.week {
            Some(week) => (of(week.plus(-1).monday()), of(week.plus(-52).monday())),
            None => {
                use jiff::ToSpan;
                let back = |months: i64| point.first.checked_sub(months.months()).ok();
                (back(1).and_then(of), back(12).and_then(of))
            }
        }
    }
}

fn printed(value: Decimal, whole: bool) -> Text {
    match (whole, value.to_string().parse::<u64>()) {
        (true, Ok(count)) => Text::new(count.to_string(), model::statistic::grouped(count)),
        _ => Text::same(value.fixed(1)),
    }
}
