//! The whole of a series in one picture: years on the axis, gaps open, breaks ruled.
//!
//! Ten years are 520 weeks: too many for the issues' line charts, which name their weeks. Here the eye sees levels
//! and breaks; the exact numbers stand in the table below it and in the downloads.

use model::bulletin::Lang;

use super::series::Grid;
use crate::render::axis::Axis;
use crate::render::charts::Width;
use crate::render::draw::{Anchor, Canvas, Frame, Tone};
use crate::render::measure;
use crate::render::palette::Palette;

/// Draws a grid at one of the two widths; `class` is the one the style sheet shows it by.
pub(super) fn draw(
    grid: &Grid,
    lang: Lang,
    width: Width,
    class: &'static str,
    alt: &str,
) -> String {
    let palette = &Palette::PAGE;
    let mut c = Canvas::new(
        width.px(),
        if width == Width::Wide { 220.0 } else { 190.0 },
        palette,
        lang,
        format!("long-{class}"),
    );
    let values: Vec<Option<f64>> = grid.numbers.iter().map(|n| n.map(|n| n.to_f64())).collect();
    let high = values.iter().flatten().copied().fold(0.0, f64::max);
    let whole = values.iter().flatten().all(|v| v.fract() == 0.0);
    let axis = Axis::over(0.0, high, 4, true, whole);
    let ticks: Vec<(f64, String)> = axis.ticks().map(|t| (t, axis.print(t, lang))).collect();
    let left = measure::widest(ticks.iter().map(|t| t.1.as_str()), false) + 8.0;
    let (top, x1, y0) = (12.0, c.w - 6.0, c.h - 30.0);
    let n = values.len();
    let x = |at: usize| left + 4.0 + (x1 - left - 4.0) * at as f64 / (n.max(2) - 1) as f64;
    let y = |v: f64| y0 - (y0 - top) * axis.share(v);
    for (at, (tick, text)) in ticks.iter().enumerate() {
        let stroke = if at == 0 {
            palette.line_2
        } else {
            palette.line
        };
        c.line((left, y(*tick)), (x1, y(*tick)), stroke, 1.0);
        c.text((left - 8.0, y(*tick) + 4.0), Anchor::End, Tone::Muted, text);
    }
    years(&mut c, grid, x, y0);
    for b in &grid.breaks {
        let at = (x(b.at - 1) + x(b.at)) / 2.0;
        c.dashed((at, top - 6.0), (at, y0), palette.ink_2, 1.5, "1 3");
    }
    // Before the last break paler: what lies there does not compare with today.
    let last = grid.breaks.last().map_or(0, |b| b.at);
    let mut run: Vec<(f64, f64)> = Vec::new();
    for at in 0..=n {
        let value = values.get(at).copied().flatten();
        let cut = grid.breaks.iter().any(|b| b.at == at);
        if (value.is_none() || cut) && !run.is_empty() {
            let stroke = if at <= last && last > 0 {
                palette.c3
            } else {
                palette.c1
            };
            match run.as_slice() {
                [one] => c.dot(*one, 1.5, stroke, stroke, 0.0),
                line => c.path(line, stroke, 1.5, ""),
            }
            run.clear();
        }
        if let Some(value) = value {
            run.push((x(at), y(value)));
        }
    }
    if let Some((at, value)) = values
        .iter()
        .enumerate()
        .rev()
        .find_map(|(at, v)| Some((at, (*v)?)))
    {
        c.dot((x(at), y(value)), 3.5, palette.c1, palette.paper, 1.5);
    }
    c.finish(Frame::Page(class), alt)
}

/// A tick at the first week of each year, as many labels as fit.
fn years(c: &mut Canvas<'_>, grid: &Grid, x: impl Fn(usize) -> f64, y0: f64) {
    let year = |at: usize| grid.first.plus(at as i64).sunday().year();
    let starts: Vec<(usize, i16)> = (1..grid.numbers.len())
        .filter(|at| year(*at) != year(at - 1))
        .map(|at| (at, year(at)))
        .collect();
    let mut free = 0.0;
    for (at, year) in starts {
        let stroke = c.palette.line_2;
        c.line((x(at), y0), (x(at), y0 + 4.0), stroke, 1.0);
        let half = measure::width("2023", false) / 2.0;
        if x(at) - half >= free && x(at) + half <= c.w {
            c.text(
                (x(at), y0 + 18.0),
                Anchor::Middle,
                Tone::Muted,
                &year.to_string(),
            );
            free = x(at) + half + 12.0;
        }
    }
}
