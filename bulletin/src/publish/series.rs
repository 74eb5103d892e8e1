//! The long series of a statistic: every week that was published here or transcribed from back issues, with its
//! breaks, and the two charts that show it.
//!
//! A week without a figure is a gap, a withdrawn issue is one too. A series breaks where a source changed, where the
//! definition's version did, and where transcribed figures end and counted ones begin.

use jiff::civil::Date;
use model::bulletin::{
    Band, Break, Chart, Decimal, Lang, LinePlot, Mark, Plot, Scale, Series, Table, Text, Week,
};
use model::issue::IssueNumber;
use model::statistic::{self, Presentation, Statistic};
use model::time::ReportingWeek;
use std::collections::{BTreeMap, HashMap};

use super::Site;
use super::edition::{Edition, Figure};
use crate::sections::series::{restated_note, scaled};
use crate::sections::words::axis_day;

/// Weeks of the chart of the past year: this week and the 52 before it.
const YEAR: usize = 53;
/// Fewer weeks than this have no range worth the name.
const RANGE_AT_LEAST: usize = 8;

/// A week in the series.
pub(super) struct OneWeek<'a> {
    pub number: IssueNumber,
    pub week: ReportingWeek,
    /// Published here; None where transcribed.
    pub edition: Option<&'a Edition>,
    figures: HashMap<(&'a str, &'a str), &'a Figure>,
    in_order: &'a [Figure],
    changed: &'a [String],
    /// Figures of the statistic by the definition before.
    former: &'a [Figure],
}

impl<'a> OneWeek<'a> {
    /// Its figures in printed order.
    pub fn all(&self) -> &'a [Figure] {
        self.in_order
    }

    /// The figure by the definition before, while both were printed.
    pub fn former(&self, statistic: &str) -> Option<&'a Figure> {
        let mut own = self.former.iter();
        own.find(|figure| figure.statistic == statistic)
    }

    pub fn figure(&self, statistic: &str, part: &str) -> Option<&'a Figure> {
        self.figures.get(&(statistic, part)).copied()
    }
}

/// All weeks, oldest first.
pub(super) struct Weeks<'a> {
    pub weeks: Vec<OneWeek<'a>>,
    /// What later issues counted again, by week and statistic: the newest word of each.
    restated: HashMap<(Date, &'a str), &'a Figure>,
}

impl<'a> Weeks<'a> {
    pub fn of(site: &Site<'a>) -> Self {
        let index = |figures: &'a [Figure]| {
            figures
                .iter()
                .map(|figure| ((figure.statistic.as_str(), figure.part.as_str()), figure))
                .collect()
        };
        let mut weeks: BTreeMap<Date, OneWeek<'a>> = BTreeMap::new();
        for earlier in site.history {
            weeks.insert(
                earlier.week.monday(),
                OneWeek {
                    number: earlier.number,
                    week: earlier.week,
                    edition: None,
                    figures: index(&earlier.figures),
                    in_order: &earlier.figures,
                    changed: &[],
                    former: &[],
                },
            );
        }
        for edition in site.editions {
            // What was taken back is no figure of its week, and neither is what others printed before.
            weeks.remove(&edition.week.first);
            if edition.stands() {
                let week = ReportingWeek::containing(edition.week.first);
                weeks.insert(
                    edition.week.first,
                    OneWeek {
                        number: edition.issue.number,
                        week,
                        edition: Some(edition),
                        figures: index(&edition.figures),
                        in_order: &edition.figures,
                        changed: &edition.changed,
                        former: &edition.former,
                    },
                );
            }
        }
        let mut restated = HashMap::new();
        for week in weeks.values() {
            for again in week.edition.iter().flat_map(|edition| &edition.restated) {
                let key = (again.week, again.figure.statistic.as_str());
                restated.insert(key, &again.figure);
            }
        }
        Weeks {
            weeks: weeks.into_values().collect(),
            restated,
        }
    }

    /// The newest week published here.
    pub fn newest(&self) -> Option<&OneWeek<'a>> {
        self.weeks.iter().rev().find(|week| week.edition.is_some())
    }

    /// The series of a statistic, from its first figure on.
    pub fn series(&'a self, statistic: &'static Statistic) -> LongSeries<'a> {
        let mut points: Vec<Point<'a>> = self
            .weeks
            .iter()
            .map(|week| {
                let printed = week.figure(statistic.id, "");
                let again = self.restated.get(&(week.week.monday(), statistic.id));
                let again = again
                    .copied()
                    .filter(|again| printed.is_some_and(|printed| printed.version < again.version));
                Point {
                    week,
                    figure: again.or(printed),
                    printed: printed.filter(|_| again.is_some()),
                    breaks: None,
                }
            })
            .filter(|point| point.figure.is_some())
            .collect();
        let first = points
            .iter()
            .position(|point| point.known())
            .unwrap_or(points.len());
        points.drain(..first);
        let mut before: Option<(u32, bool)> = None;
        let mut restated = false;
        for point in &mut points {
            let Some(figure) = point.figure.filter(|figure| !figure.exact.is_empty()) else {
                continue;
            };
            let here = point.week.edition.is_some();
            if let Some((version, counted)) = before {
                point.breaks = if here && !counted {
                    Some(Text::new(
                        "此前为转录的刊印数，此后由本系统计数",
                        "transcribed figures before, counted here since",
                    ))
                } else if version != figure.version {
                    Some(Text::new(
                        format!("定义改为第{}版", figure.version),
                        format!("definition version {} since", figure.version),
                    ))
                } else if restated && point.printed.is_none() {
                    Some(restated_note(figure.version))
                } else if point.week.changed.iter().any(|id| id == statistic.id) {
                    Some(Text::new(
                        "来源有变化，前后不可比",
                        "a source changed: before and after do not compare",
                    ))
                } else {
                    None
                };
            }
            before = Some((figure.version, here));
            restated = point.printed.is_some();
        }
        LongSeries { statistic, points }
    }
}

/// One week of one statistic.
pub(super) struct Point<'a> {
    pub week: &'a OneWeek<'a>,
    pub figure: Option<&'a Figure>,
    /// What was printed by an earlier definition, where the figure is a restated one.
    pub printed: Option<&'a Figure>,
    /// Why the series breaks before it.
    pub breaks: Option<Text>,
}

impl Point<'_> {
    /// There is a value, be it a word.
    pub fn known(&self) -> bool {
        self.figure.is_some_and(|figure| !figure.exact.is_empty())
    }

    pub fn number(&self) -> Option<Decimal> {
        self.figure?.number
    }
}

/// The weeks of one statistic.
pub(super) struct LongSeries<'a> {
    pub statistic: &'static Statistic,
    pub points: Vec<Point<'a>>,
}

/// A point for every week between first and last, for axes.
pub(super) struct Grid {
    pub first: ReportingWeek,
    pub numbers: Vec<Option<Decimal>>,
    pub whole: Vec<bool>,
    pub breaks: Vec<Break>,
}

impl<'a> LongSeries<'a> {
    /// The last week with a value.
    pub fn last(&self) -> Option<&Point<'a>> {
        self.points.iter().rev().find(|point| point.known())
    }

    /// Weeks in which its sources were complete, and weeks with a value.
    pub fn complete(&self) -> (usize, usize) {
        let known = self.points.iter().filter(|point| point.known());
        let whole = known
            .clone()
            .filter(|point| point.figure.is_some_and(|f| f.complete));
        (whole.count(), known.count())
    }

    /// It can be drawn: at least two numbers.
    pub fn drawable(&self) -> bool {
        self.points
            .iter()
            .filter_map(Point::number)
            .nth(1)
            .is_some()
    }

    /// The last `most` weeks up to the newest with a number, gaps filled in.
    pub fn grid(&self, most: Option<usize>) -> Option<Grid> {
        let last = self
            .points
            .iter()
            .rev()
            .find(|point| point.number().is_some())?
            .week
            .week;
        let mut first = self
            .points
            .iter()
            .find(|point| point.number().is_some())?
            .week
            .week;
        if let Some(most) = most {
            first = first.max(last.plus(1 - most as i64));
        }
        let at = |week: ReportingWeek| (week.monday() - first.monday()).get_days() / 7;
        let len = usize::try_from(at(last)).ok()? + 1;
        let mut grid = Grid {
            first,
            numbers: vec![None; len],
            whole: vec![true; len],
            breaks: Vec::new(),
        };
        for point in &self.points {
            let Ok(at) = usize::try_from(at(point.week.week)) else {
                continue;
            };
            let Some(figure) = point.figure.filter(|_| at < len) else {
                continue;
            };
            grid.numbers[at] = figure.number;
            grid.whole[at] = figure.complete;
            if let Some(note) = point.breaks.clone().filter(|_| at > 0) {
                grid.breaks.push(Break { at, note });
            }
        }
        Some(grid)
    }

    fn scale(&self, grid: &Grid) -> Scale {
        let large = grid
            .numbers
            .iter()
            .flatten()
            .any(|number| *number >= Decimal::count(statistic::WAN));
        if large && self.counts() {
            Scale {
                zh: 10_000,
                en: 1_000,
            }
        } else {
            Scale::default()
        }
    }

    fn counts(&self) -> bool {
        matches!(
            self.statistic.print,
            Presentation::WanOneDecimal | Presentation::Integer | Presentation::AboutInteger
        )
    }

    fn mark(&self, number: Decimal, scale: Scale) -> Mark {
        if self.counts() {
            return match number.to_string().parse::<u64>() {
                Ok(count) => scaled(count, scale),
                Err(_) => Mark::new(number, Text::same(number.to_string())),
            };
        }
        Mark::new(number, Text::same(number.fixed(1)))
    }

    /// A number in words with its unit: `28.4万台`, `284,000`.
    pub fn told(&self, figure: &Figure) -> Text {
        let zh = if figure.number.is_some() {
            figure.unit.zh.as_str()
        } else {
            ""
        };
        let zh = if figure.text.zh.contains(zh) { "" } else { zh };
        Text::new(format!("{}{zh}", figure.text.zh), figure.text.en.clone())
    }

    /// The small line of the last 13 weeks.
    pub fn spark(&self) -> model::bulletin::Spark {
        let Some(grid) = self.grid(Some(13)).filter(|_| self.drawable()) else {
            return model::bulletin::Spark::default();
        };
        let scale = Scale::default();
        model::bulletin::Spark {
            marks: grid
                .numbers
                .iter()
                .map(|number| number.map_or_else(Mark::gap, |number| self.mark(number, scale)))
                .collect(),
            breaks: grid.breaks,
            range: None,
        }
    }

    /// The chart of the past year, drawn by the writer of the issues' charts.
    pub fn year(&self) -> Option<Chart> {
        let grid = self.grid(Some(YEAR)).filter(|_| self.drawable())?;
        let scale = self.scale(&grid);
        let last = grid.numbers.len() - 1;
        let mark = |at: usize, number: Option<Decimal>| match number {
            Some(number) => Mark {
                preliminary: at == last && !grid.whole[at],
                ..self.mark(number, scale)
            },
            None => Mark::gap(),
        };
        let mut past: Vec<Decimal> = grid.numbers[..last]
            .iter()
            .zip(&grid.whole)
            .filter(|(_, whole)| **whole)
            .filter_map(|(number, _)| *number)
            .collect();
        past.sort_unstable();
        let band = (past.len() >= RANGE_AT_LEAST).then(|| Band {
            weeks: past.len() as u32,
            low: self.mark(past[0], scale),
            high: self.mark(past[past.len() - 1], scale),
            median: Some(self.mark(past[past.len() / 2], scale)),
        });
        let now = self.last()?;
        let told = self.told(now.figure?);
        let (name, unit) = (self.statistic.name, self.statistic.unit);
        let unit = match scale.zh {
            1 => unit.text(),
            _ => Text::new(format!("万{}", unit.zh), "thousand"),
        };
        let title = match &band {
            Some(band) => Text::new(
                format!(
                    "{}为{}，此前{}周在{}与{}{}之间",
                    issue(now.week.number).zh,
                    told.zh,
                    band.weeks,
                    band.low.text.zh,
                    band.high.text.zh,
                    unit.zh
                ),
                format!(
                    "{} in {}; between {} and {}{} in the {} weeks before",
                    told.en,
                    issue(now.week.number).en,
                    band.low.text.en,
                    band.high.text.en,
                    if scale.zh == 1 { "" } else { " thousand" },
                    band.weeks
                ),
            ),
            None => Text::new(
                format!("{}为{}", issue(now.week.number).zh, told.zh),
                format!("{} in {}", told.en, issue(now.week.number).en),
            ),
        };
        let weeks: Vec<Week> = (0..grid.numbers.len())
            .map(|at| {
                let first = grid.first.plus(at as i64).monday();
                Week {
                    first,
                    text: axis_day(first),
                }
            })
            .collect();
        let comma = |unit: &str, comma: &str| match unit {
            "" => String::new(),
            unit => format!("{comma}{unit}"),
        };
        Some(Chart {
            number: 1,
            id: "year".to_owned(),
            alt: Text::new(
                format!("{}近{}周的走势。{}。", name.zh, weeks.len(), title.zh),
                format!("{}, {} weeks. {}.", name.en, weeks.len(), title.en),
            ),
            title,
            subtitle: Text::new(
                format!("{}{}，按周", name.zh, comma(&unit.zh, "，")),
                format!("{}{}, by week", name.en, comma(&unit.en, ", ")),
            ),
            plot: Plot::Line(LinePlot {
                scale,
                unit,
                series: vec![Series {
                    name: name.text(),
                    marks: grid
                        .numbers
                        .iter()
                        .enumerate()
                        .map(|(at, number)| mark(at, *number))
                        .collect(),
                }],
                weeks,
                band,
                breaks: grid.breaks.clone(),
            }),
            table: Table::default(),
            source: Text::default(),
            query: String::new(),
            note: None,
        })
    }
}

/// An issue's printed number.
pub(super) fn issue(number: IssueNumber) -> Text {
    Text::new(
        format!("{}年第{}期", number.year, number.number),
        format!("{} No. {}", number.year, number.number),
    )
}

/// The days of a week as printed, the year in front in Chinese.
pub(super) fn days(week: ReportingWeek, lang: Lang) -> String {
    crate::sections::words::period(week.monday(), week.sunday())
        .get(lang)
        .to_owned()
}
