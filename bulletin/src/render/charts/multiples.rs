//! Small pictures side by side, each on its own scale from zero: how many kinds moved at once.

use super::{Sheet, change, extent, number};
use crate::render::draw::{Anchor, Canvas, Tone};
use crate::render::measure;
use model::bulletin::MultiplesPlot;

pub(super) fn draw<'a>(p: &'a MultiplesPlot, sheet: Sheet<'a>) -> Canvas<'a> {
    let (lang, palette) = (sheet.lang, sheet.palette);
    if p.panels
        .iter()
        .all(|panel| panel.marks.iter().all(|m| m.number.is_none()))
    {
        return sheet.empty();
    }
    let columns = if sheet.wide { 3 } else { 2 };
    let gutter = if sheet.wide { 32.0 } else { 22.0 };
    let rows = p.panels.len().div_ceil(columns);
    let (height, foot) = (98.0, 20.0);
    let mut c = sheet.canvas(height * rows as f64 + foot);
    let width = (c.w - gutter * (columns - 1) as f64) / columns as f64;
    let n = p.weeks.len().max(1);
    for (k, panel) in p.panels.iter().enumerate() {
        let (left, top) = (
            (k % columns) as f64 * (width + gutter),
            (k / columns) as f64 * height,
        );
        let right = left + width;
        let last = panel.marks.iter().take(n).next_back();
        let amount = last
            .filter(|m| m.number.is_some())
            .map_or("–", |m| m.text.get(lang));
        let taken = c
            .text((right, top + 14.0), Anchor::End, Tone::Bold, amount)
            .0;
        let name = measure::fit(panel.name.get(lang), true, taken - left - 8.0);
        c.text((left, top + 14.0), Anchor::Start, Tone::Bold, &name);
        let (text, tone) = change(&panel.change, false, lang);
        let text = measure::fit(&text, false, width);
        let taken = c.text((right, top + 30.0), Anchor::End, tone, &text).0;
        let range = measure::fit(panel.range_text.get(lang), false, taken - left - 8.0);
        c.text((left, top + 30.0), Anchor::Start, Tone::Muted, &range);

        let (y0, y1) = (top + 84.0, top + 42.0);
        c.line((left, y0), (right, y0), palette.line_2, 1.0);
        let values: Vec<Option<f64>> = panel.marks.iter().take(n).map(|m| number(m, 1.0)).collect();
        let high = extent(values.iter().flatten().copied()).map_or(0.0, |e| e.1);
        let y = |v: f64| {
            if high > 0.0 {
                y0 - (y0 - y1) * (v / high).clamp(0.0, 1.0)
            } else {
                y0
            }
        };
        let x = |i: usize| match n {
            1 => right - 4.0,
            _ => left + 2.0 + (width - 6.0) * i as f64 / (n - 1) as f64,
        };
        for run in values
            .iter()
            .enumerate()
            .collect::<Vec<_>>()
            .split(|(_, v)| v.is_none())
        {
            let points: Vec<(f64, f64)> = run
                .iter()
                .filter_map(|(i, v)| v.map(|v| (x(*i), y(v))))
                .collect();
            match points.as_slice() {
                [] => {}
                [only] => c.dot(*only, 1.75, palette.c1, palette.c1, 0.5),
                _ => c.path(&points, palette.c1, 1.75, ""),
            }
        }
        if let (Some(Some(v)), true) = (values.get(n - 1), values.len() == n) {
            c.dot((x(n - 1), y(*v)), 3.0, palette.c1, palette.paper, 1.25);
        }
    }
    if let (Some(first), Some(last)) = (p.weeks.first(), p.weeks.last()) {
        for column in 0..columns.min(p.panels.len()) {
            let left = column as f64 * (width + gutter);
            let y = c.h - 6.0;
            c.text((left, y), Anchor::Start, Tone::Muted, first.text.get(lang));
            c.text(
                (left + width, y),
                Anchor::End,
                Tone::Bold,
                last.text.get(lang),
            );
        }
    }
    c
}
