//! Charts as SVG: data in, picture out, at one of two widths and in any palette.
//!
//! Every section chart is drawn twice, 704 and 342 px wide, and the style sheet shows one: text in a chart is never
//! scaled. The rules are those of the look: direct labels, this week darkest, gaps stay gaps, breaks are drawn,
//! preliminary values hatched, bars from zero. Nothing is decided here about what the numbers mean.

mod columns;
mod dumbbell;
mod histogram;
mod line;
mod multiples;
mod ranked;
mod rating;
mod share;
mod spark;

pub(super) use rating::print_scale;
pub use rating::rating_scale;
pub use spark::sparkline;

use super::draw::{Anchor, Canvas, Frame, Printed, Tone};
use super::measure;
use super::palette::Palette;
use super::words::{self, Words};
use model::bulletin::{Change, Chart, Judgement, Lang, Mark, Plot, Scale, Week};

/// The two widths a chart is drawn in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// 704 px: screens beside the text.
    Wide,
    /// 342 px: phones, A4 columns, mail.
    Narrow,
}

impl Width {
    /// In px.
    pub fn px(self) -> f64 {
        match self {
            Width::Wide => 704.0,
            Width::Narrow => 342.0,
        }
    }
}

/// What every kind of chart needs to know of its surroundings.
#[derive(Clone, Copy)]
struct Sheet<'a> {
    lang: Lang,
    palette: &'a Palette,
    wide: bool,
    id: &'a str,
}

impl<'a> Sheet<'a> {
    fn width(&self) -> f64 {
        if self.wide {
            Width::Wide.px()
        } else {
            Width::Narrow.px()
        }
    }

    fn words(&self) -> &'static Words {
        Words::of(self.lang)
    }

    fn canvas(&self, h: f64) -> Canvas<'a> {
        let id = format!("{}-{}", self.id, if self.wide { "w" } else { "n" });
        Canvas::new(self.width(), h, self.palette, self.lang, id)
    }

    /// A chart without a single number says so; it is never an empty frame.
    fn empty(&self) -> Canvas<'a> {
        let mut c = self.canvas(72.0);
        c.line((0.0, 36.0), (c.w, 36.0), self.palette.line, 1.0);
        c.text(
            (c.w / 2.0, 28.0),
            Anchor::Middle,
            Tone::Muted,
            self.words().no_data,
        );
        c
    }

    fn divisor(&self, scale: Scale) -> f64 {
        f64::from(
            match self.lang {
                Lang::Zh => scale.zh,
                Lang::En => scale.en,
            }
            .max(1),
        )
    }

    /// Row labels are cut at this share of the width, so that the picture keeps most of it.
    fn name_room(&self) -> f64 {
        self.width() * if self.wide { 0.3 } else { 0.36 }
    }
}

/// The picture of a chart without title and source: what a page shows under its own caption.
pub fn draw(chart: &Chart, lang: Lang, width: Width, palette: &Palette, frame: Frame) -> String {
    plot(chart, lang, width, palette).finish(frame, chart.alt.get(lang))
}

/// The same for the PDF: narrow, shapes and words apart.
pub(super) fn print(chart: &Chart, lang: Lang, palette: &Palette) -> Printed {
    plot(chart, lang, Width::Narrow, palette).print()
}

fn plot<'a>(chart: &'a Chart, lang: Lang, width: Width, palette: &'a Palette) -> Canvas<'a> {
    let sheet = Sheet {
        lang,
        palette,
        wide: width == Width::Wide,
        id: &chart.id,
    };
    match &chart.plot {
        Plot::Line(p) => line::draw(p, sheet),
        Plot::Columns(p) => columns::draw(p, sheet),
        Plot::Ranked(p) => ranked::draw(p, sheet),
        Plot::Share(p) => share::draw(p, sheet),
        Plot::Dumbbell(p) => dumbbell::draw(p, sheet),
        Plot::Histogram(p) => histogram::draw(p, sheet),
        Plot::Multiples(p) => multiples::draw(p, sheet),
    }
}

/// The chart as a file of its own: title, subtitle, picture, number and source, on the palette's ground.
pub fn file(chart: &Chart, lang: Lang, width: Width, palette: &Palette) -> String {
    let inner = plot(chart, lang, width, palette);
    let room = width.px();
    // Titles are set in 16 px bold and 13 px: wrapped by the 12 px measure scaled.
    let title = measure::wrap(chart.title.get(lang), true, room * 12.0 / 16.0);
    let subtitle = measure::wrap(chart.subtitle.get(lang), false, room * 12.0 / 13.0);
    let w = Words::of(lang);
    let source = format!(
        "{}  {}{}{}",
        words::chart(chart.number, lang),
        w.source,
        w.colon,
        chart.source.get(lang)
    );
    let source = measure::wrap(&source, false, room);
    let head = 22.0 * title.len() as f64 + 19.0 * subtitle.len() as f64 + 10.0;
    let foot = 8.0 + 17.0 * source.len() as f64;
    let h = inner.h;
    let sheet = Sheet {
        lang,
        palette,
        wide: width == Width::Wide,
        id: &chart.id,
    };
    let mut all = sheet.canvas(head + h + foot);
    let mut y = 0.0;
    for line in &title {
        y += 22.0;
        all.title((0.0, y - 5.0), 16.0, true, line);
    }
    for line in &subtitle {
        y += 19.0;
        all.title((0.0, y - 5.0), 13.0, false, line);
    }
    all.place(head, inner);
    for (i, line) in source.iter().enumerate() {
        all.title(
            (0.0, head + h + 8.0 + 17.0 * (i + 1) as f64 - 5.0),
            11.0,
            false,
            line,
        );
    }
    all.finish(Frame::File(16.0), chart.alt.get(lang))
}

/// The number of a mark divided for the axis; None is a gap.
fn number(mark: &Mark, divisor: f64) -> Option<f64> {
    mark.number.map(|n| n.to_f64() / divisor)
}

/// Whether all numbers are whole once divided, so that half steps on the axis would be nonsense.
fn whole<'a>(marks: impl IntoIterator<Item = &'a Mark>, divisor: f64) -> bool {
    divisor == 1.0
        && marks
            .into_iter()
            .filter_map(|m| m.number)
            .all(|n| n.to_f64().fract() == 0.0)
}

/// Lowest and highest of the numbers there are.
fn extent(values: impl IntoIterator<Item = f64>) -> Option<(f64, f64)> {
    values
        .into_iter()
        .filter(|v| v.is_finite())
        .fold(None, |e, v| match e {
            None => Some((v, v)),
            Some((low, high)) => Some((low.min(v), high.max(v))),
        })
}

/// The name of a row, on two lines where one is too short for it.
fn row_name(c: &mut Canvas<'_>, base: f64, tone: Tone, name: &str, bold: bool, room: f64) {
    let lines = measure::two_lines(name, bold, room);
    let first = base - 6.5 * lines.len().saturating_sub(1) as f64;
    for (at, line) in lines.iter().enumerate() {
        c.text((0.0, first + 13.0 * at as f64), Anchor::Start, tone, line);
    }
}

/// A change as one label with arrow, and its color.
fn change(change: &Change, bold: bool, lang: Lang) -> (String, Tone) {
    let arrow = words::arrow(change.direction);
    let text = change.text.get(lang);
    let label = match (arrow.is_empty(), text.is_empty()) {
        (_, true) => String::new(),
        (true, false) => text.to_owned(),
        (false, false) => format!("{arrow} {text}"),
    };
    let tone = match change.judgement {
        Judgement::Worse => Tone::Worse(bold),
        Judgement::Better => Tone::Better(bold),
        Judgement::Neutral | Judgement::NotComparable => Tone::Muted,
    };
    (label, tone)
}

/// Labels under a row of weeks: as many as fit, counted back from the last, which is bold.
fn week_labels(
    c: &mut Canvas<'_>,
    weeks: &[Week],
    x: impl Fn(usize) -> f64,
    y: f64,
    tick: Option<f64>,
) {
    let Some(last) = weeks.len().checked_sub(1) else {
        return;
    };
    let widest = measure::widest(weeks.iter().map(|w| w.text.get(c.lang)), true);
    let gap = if last > 0 {
        (x(last) - x(0)) / last as f64
    } else {
        f64::INFINITY
    };
    let every = [1u8, 2, 3, 4, 6]
        .into_iter()
        .find(|n| f64::from(*n) * gap >= widest + 16.0)
        .unwrap_or(12);
    for (i, week) in weeks.iter().enumerate() {
        if !(last - i).is_multiple_of(usize::from(every)) {
            continue;
        }
        if let Some(from) = tick {
            let stroke = c.palette.line_2;
            c.line((x(i), from), (x(i), from + 4.0), stroke, 1.0);
        }
        let tone = if i == last { Tone::Bold } else { Tone::Muted };
        c.text((x(i), y), Anchor::Middle, tone, week.text.get(c.lang));
    }
}

/// Moves labels apart that would overlap: `fixed` stays, the others keep their order above and below it, at least
/// `gap` apart, inside `top..bottom`. Labels that find no room are dropped (None), the farthest first.
fn spread(fixed: Option<f64>, others: &[f64], gap: f64, top: f64, bottom: f64) -> Vec<Option<f64>> {
    let mut placed = vec![None; others.len()];
    let pivot = fixed.unwrap_or(f64::NEG_INFINITY);
    let mut order: Vec<usize> = (0..others.len()).collect();
    order.sort_by(|a, b| others[*a].total_cmp(&others[*b]));
    let mut limit = fixed.map_or(f64::NEG_INFINITY, |f| f + gap);
    for i in order.iter().copied().filter(|i| others[*i] >= pivot) {
        let y = others[i].max(limit).max(top);
        if y <= bottom {
            placed[i] = Some(y);
            limit = y + gap;
        }
    }
    let mut limit = fixed.map_or(f64::INFINITY, |f| f - gap);
    for i in order.iter().rev().copied().filter(|i| others[*i] < pivot) {
        let y = others[i].min(limit).min(bottom);
        if y >= top {
            placed[i] = Some(y);
            limit = y - gap;
        }
    }
    placed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_spread_around_the_fixed_one() {
        assert_eq!(
            spread(Some(100.0), &[95.0, 101.0, 20.0], 15.0, 10.0, 200.0),
            [Some(85.0), Some(115.0), Some(20.0)]
        );
        assert_eq!(
            spread(None, &[50.0, 52.0], 15.0, 10.0, 60.0),
            [Some(50.0), None]
        );
        assert_eq!(spread(Some(12.0), &[11.0], 15.0, 10.0, 60.0), [None]);
    }
}
