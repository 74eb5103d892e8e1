//! Charts of the explorer, as the bulletin's writer draws them.

use bulletin::render::charts::{self, Width};
use bulletin::render::palette::Palette;
use bulletin::render::{self, Frame};
use jiff::civil::Date;
use model::bulletin::{
    Break, Chart, ColumnGroup, ColumnPlot, Decimal, Lang, LinePlot, Mark, Plot, RankedPlot,
    RankedRow, Scale, Series as Line, Spark, Table, Text, Week,
};
use model::statistic::{self, Presentation, Statistic};
use model::time::ReportingWeek;

use super::series::{Point, Series};

/// A chart as a page shows it: caption, and the picture at two widths.
pub(super) struct Picture {
    pub title: String,
    pub subtitle: String,
    pub wide: String,
    pub narrow: String,
}

/// Draws a chart for a page; `id` tells its marks from those of other charts there.
pub(super) fn picture(chart: &Chart, lang: Lang) -> Picture {
    let draw = |width, class| charts::draw(chart, lang, width, &Palette::PAGE, Frame::Page(class));
    Picture {
        title: chart.title.get(lang).to_owned(),
        subtitle: chart.subtitle.get(lang).to_owned(),
        wide: draw(Width::Wide, "chart w"),
        narrow: draw(Width::Narrow, "chart n"),
    }
}

/// A chart as a file of its own.
pub(super) fn file(chart: &Chart, lang: Lang) -> String {
    render::svg(chart, lang, Width::Wide, &Palette::LIGHT)
}

/// The small line of the last weeks.
pub(super) fn spark(series: &Series, id: &str, lang: Lang) -> Option<String> {
    let grid = Grid::of(series, Some(26))?;
    let spark = Spark {
        marks: grid
            .points
            .iter()
            .map(|point| mark(series.statistic, *point, Scale::default()))
            .collect(),
        breaks: Vec::new(),
        range: None,
    };
    let numbers = spark
        .marks
        .iter()
        .filter(|mark| mark.number.is_some())
        .count();
    (numbers > 1)
        .then(|| charts::sparkline(&spark, "", id, lang, &Palette::PAGE, Frame::Page("spark")))
}

fn is_count(statistic: &Statistic) -> bool {
    matches!(
        statistic.print,
        Presentation::WanOneDecimal | Presentation::Integer | Presentation::AboutInteger
    )
}

/// Weeks from first to last, gaps filled in.
struct Grid<'a> {
    weeks: Vec<ReportingWeek>,
    points: Vec<Option<&'a Point>>,
}

impl<'a> Grid<'a> {
    fn of(series: &'a Series, most: Option<usize>) -> Option<Grid<'a>> {
        let numbered = || series.points.iter().filter(|point| point.value.is_some());
        let first = numbered().next()?.week?;
        let last = numbered().next_back()?.week?;
        let len = usize::try_from((last.monday() - first.monday()).get_days() / 7).ok()? + 1;
        let skip = most.map_or(0, |most| len.saturating_sub(most));
        let weeks: Vec<ReportingWeek> = (skip..len).map(|at| first.plus(at as i64)).collect();
        let points = weeks.iter().map(|week| {
            let found = series
                .points
                .binary_search_by(|point| point.first.cmp(&week.monday()));
            found.ok().map(|at| &series.points[at])
        });
        Some(Grid {
            points: points.collect(),
            weeks,
        })
    }
}

fn mark(statistic: &Statistic, point: Option<&Point>, scale: Scale) -> Mark {
    let Some((point, number)) = point.and_then(|point| Some((point, point.value?))) else {
        return Mark::gap();
    };
    Mark {
        preliminary: !point.complete,
        ..number_mark(statistic, number, scale)
    }
}

fn number_mark(statistic: &Statistic, number: Decimal, scale: Scale) -> Mark {
    let count = number
        .to_string()
        .parse::<u64>()
        .ok()
        .filter(|_| is_count(statistic));
    let text = match count {
        Some(count) if scale.zh > 1 => {
            let tenths = statistic::wan_tenths(count);
            Text::new(
                format!("{}.{}", tenths / 10, tenths % 10),
                statistic::grouped(tenths),
            )
        }
        Some(count) => Text::new(count.to_string(), statistic::grouped(count)),
        None => Text::same(number.fixed(1)),
    };
    Mark::new(number, text)
}

fn scale<'p>(statistic: &Statistic, points: impl IntoIterator<Item = &'p Point>) -> Scale {
    let large = Decimal::count(statistic::WAN);
    let any = points
        .into_iter()
        .filter_map(|point| point.value)
        .any(|value| value >= large);
    match any && is_count(statistic) {
        true => Scale {
            zh: 10_000,
            en: 1_000,
        },
        false => Scale::default(),
    }
}

fn unit(series: &Series, scale: Scale) -> Text {
    match scale.zh {
        1 => series.unit.clone(),
        _ => Text::new(format!("万{}", series.unit.zh), "thousand"),
    }
}

fn axis_day(day: Date) -> Text {
    Text::new(
        day.strftime("%-m/%-d").to_string(),
        day.strftime("%-d %b").to_string(),
    )
}

fn measure(series: &Series, unit: &Text, zh: &str, en: &str) -> Text {
    let comma = |unit: &str, comma: &str| match unit {
        "" => String::new(),
        unit => format!("{comma}{unit}"),
    };
    Text::new(
        format!("{}{}，{zh}", series.name.zh, comma(&unit.zh, "，")),
        format!("{}{}, {en}", series.name.en, comma(&unit.en, ", ")),
    )
}

fn chart(id: &str, title: Text, subtitle: Text, plot: Plot) -> Chart {
    Chart {
        number: 1,
        id: id.to_owned(),
        alt: Text::new(
            format!("{}。{}。", subtitle.zh, title.zh),
            format!("{}. {}.", subtitle.en, title.en),
        ),
        title,
        subtitle,
        plot,
        table: Table::default(),
        source: Text::default(),
        query: String::new(),
        note: None,
    }
}

/// What the last value is, against the rest that is shown.
fn finding(series: &Series, points: &[&Point], scale: Scale) -> Text {
    let Some((last, past)) = points.split_last() else {
        return series.name.clone();
    };
    let told = Text::new(series.told(last, Lang::Zh), series.told(last, Lang::En));
    let values = past.iter().filter_map(|point| point.value);
    let (low, high) = (values.clone().min(), values.max());
    let (Some(low), Some(high)) = (low, high) else {
        return told;
    };
    let unit = unit(series, scale);
    let low = number_mark(series.statistic, low, scale).text;
    let high = number_mark(series.statistic, high, scale).text;
    let thousand = if scale.en > 1 { " thousand" } else { "" };
    Text::new(
        format!(
            "最近为{}，此前在{}与{}{}之间",
            told.zh, low.zh, high.zh, unit.zh
        ),
        format!(
            "{} at last; between {} and {}{thousand} before",
            told.en, low.en, high.en
        ),
    )
}

/// The line of the weeks, with that of the year before where it is wanted.
pub(super) fn line(series: &Series, id: &str, year_before: Option<&Series>) -> Option<Chart> {
    let grid = Grid::of(series, None)?;
    let known: Vec<&Point> = grid
        .points
        .iter()
        .copied()
        .flatten()
        .filter(|point| point.value.is_some())
        .collect();
    if known.len() < 2 {
        return None;
    }
    let earlier: Vec<Option<&Point>> = year_before.map_or_else(Vec::new, |all| {
        let points = grid.weeks.iter().map(|week| {
            let monday = week.plus(-52).monday();
            let found = all
                .points
                .binary_search_by(|point| point.first.cmp(&monday));
            found.ok().map(|at| &all.points[at])
        });
        points.collect()
    });
    let statistic = series.statistic;
    let scale = scale(
        statistic,
        known
            .iter()
            .copied()
            .chain(earlier.iter().flatten().copied()),
    );
    let unit = unit(series, scale);
    let mut lines = vec![Line {
        name: match earlier.iter().flatten().next() {
            None => series.name.clone(),
            Some(_) => Text::new("本期", "this year"),
        },
        marks: grid
            .points
            .iter()
            .map(|point| mark(statistic, *point, scale))
            .collect(),
    }];
    if earlier.iter().flatten().any(|point| point.value.is_some()) {
        lines.push(Line {
            name: Text::new("去年同期", "the year before"),
            marks: earlier
                .iter()
                .map(|point| Mark {
                    preliminary: false,
                    ..mark(statistic, *point, scale)
                })
                .collect(),
        });
    }
    let breaks = grid.points.iter().enumerate().skip(1);
    let breaks = breaks.filter_map(|(at, point)| {
        let note = (*point)?.breaks.clone()?;
        Some(Break { at, note })
    });
    let plot = LinePlot {
        scale,
        unit: unit.clone(),
        weeks: grid
            .weeks
            .iter()
            .map(|week| Week {
                first: week.monday(),
                text: axis_day(week.monday()),
            })
            .collect(),
        series: lines,
        band: None,
        breaks: breaks.collect(),
    };
    let subtitle = measure(series, &unit, "按周", "by week");
    Some(chart(
        id,
        finding(series, &known, scale),
        subtitle,
        Plot::Line(plot),
    ))
}

/// Months as upright bars.
pub(super) fn months(series: &Series, id: &str) -> Option<Chart> {
    // More bars than these cannot be told apart.
    let from = series.points.len().saturating_sub(18);
    let points: Vec<&Point> = series.points[from..]
        .iter()
        .filter(|point| point.value.is_some())
        .collect();
    if points.len() < 2 {
        return None;
    }
    let scale = scale(series.statistic, points.iter().copied());
    let unit = unit(series, scale);
    let last = points.len() - 1;
    let groups = points.iter().enumerate().map(|(at, point)| ColumnGroup {
        name: Text::new(
            point.first.strftime("%-m月").to_string(),
            point.first.strftime("%b").to_string(),
        ),
        marks: vec![mark(series.statistic, Some(point), scale)],
        emphasis: at == last,
        foot: match at == 0 || point.first.month() == 1 {
            true => Text::same(point.first.year().to_string()),
            false => Text::default(),
        },
    });
    let plot = ColumnPlot {
        scale,
        names: vec![series.name.clone()],
        groups: groups.collect(),
        foot_name: None,
    };
    let subtitle = measure(
        series,
        &unit,
        "按月，各周平均",
        "by month, mean of its weeks",
    );
    Some(chart(
        id,
        finding(series, &points, scale),
        subtitle,
        Plot::Columns(plot),
    ))
}

/// Groups of a division, the largest first; days in order, as bars.
pub(super) fn ranked(
    series: &Series,
    id: &str,
    groups: &[(Text, u64)],
    total: u64,
    title: Text,
    subtitle: Text,
) -> Option<Chart> {
    let rows: Vec<RankedRow> = groups
        .iter()
        .take(15)
        .map(|(name, count)| RankedRow {
            name: name.clone(),
            whole: number_mark(series.statistic, Decimal::count(*count), Scale::default()),
            part: None,
            share: Text::same(share(*count, total)),
            emphasis: false,
        })
        .collect();
    if rows.is_empty() {
        return None;
    }
    let plot = RankedPlot {
        whole_name: None,
        part_name: None,
        share_name: Some(Text::new("占比", "share")),
        rows,
    };
    Some(chart(id, title, subtitle, Plot::Ranked(plot)))
}

/// A share in percent.
pub(super) fn share(part: u64, whole: u64) -> String {
    match whole {
        0 => String::new(),
        whole => format!("{:.1}%", part as f64 * 100.0 / whole as f64),
    }
}

/// The days of a week in words.
pub(super) fn days(week: ReportingWeek, lang: Lang) -> String {
    let (from, to) = (week.monday(), week.sunday());
    match lang {
        Lang::Zh => format!(
            "{}–{}",
            from.strftime("%Y年%-m月%-d日"),
            to.strftime("%-m月%-d日")
        ),
        Lang::En => format!("{}–{}", from.strftime("%-d %b"), to.strftime("%-d %b %Y")),
    }
}
