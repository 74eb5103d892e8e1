//! A whole divided into at most three parts, one bar a row, the unknown part hollow and last.

use super::{Sheet, number};
use crate::render::draw::{Anchor, Canvas, Tone};
use crate::render::measure;
use model::bulletin::SharePlot;

pub(super) fn draw<'a>(p: &'a SharePlot, sheet: Sheet<'a>) -> Canvas<'a> {
    let (lang, palette) = (sheet.lang, sheet.palette);
    let parts = p.parts.len().min(3);
    let values = |row: &model::bulletin::ShareRow| -> Vec<f64> {
        (0..parts)
            .map(|i| {
                row.marks
                    .get(i)
                    .and_then(|m| number(m, 1.0))
                    .unwrap_or(0.0)
                    .max(0.0)
            })
            .collect()
    };
    if parts == 0 || p.rows.iter().all(|r| values(r).iter().sum::<f64>() <= 0.0) {
        return sheet.empty();
    }
    let (head, row, bar) = (24.0, 52.0, 26.0);
    let mut c = sheet.canvas(head + row * p.rows.len() as f64);
    let name_room =
        measure::widest(p.rows.iter().map(|r| r.name.get(lang)), false).min(sheet.name_room());
    let x0 = name_room + 12.0;
    let span = c.w - x0;
    // The parts are named once over the bars, each beside a swatch: a narrow part has no room for its name.
    // They begin over the bars where all fit there, else at the left edge, and are cut only if they must.
    let names = p.parts.iter().take(parts);
    let wanted: f64 = names
        .map(|part| measure::width(part.name.get(lang), false) + 32.0)
        .sum();
    let mut at = if wanted <= span { x0 } else { 0.0 };
    let room = if wanted <= c.w - at {
        f64::INFINITY
    } else {
        (c.w - at) / parts as f64 - 32.0
    };
    for (k, part) in p.parts.iter().take(parts).enumerate() {
        let name = measure::fit(part.name.get(lang), false, room);
        if part.unknown {
            c.outlined(at, 5.0, 10.0, 10.0, palette.c3, false);
        } else {
            c.rect(
                at,
                5.0,
                10.0,
                10.0,
                if k == 0 { palette.c1 } else { palette.c2 },
            );
        }
        at = c
            .text((at + 16.0, 14.0), Anchor::Start, Tone::Muted, &name)
            .1
            + 16.0;
    }
    for (i, r) in p.rows.iter().enumerate() {
        let y = head + row * i as f64;
        let base = y + bar / 2.0 + 4.0;
        c.text(
            (0.0, base),
            Anchor::Start,
            Tone::Plain,
            &measure::fit(r.name.get(lang), false, name_room),
        );
        let values = values(r);
        let total: f64 = values.iter().sum();
        if total <= 0.0 {
            c.text(
                (x0, base),
                Anchor::Start,
                Tone::Muted,
                sheet.words().not_available,
            );
            continue;
        }
        let mut left = x0;
        // Small numbers never run into their left neighbour.
        let mut foot_end = 0.0;
        for (k, part) in p.parts.iter().take(parts).enumerate() {
            let len = span * values[k] / total;
            let mark = r.marks.get(k);
            let text = mark.map_or("", |m| m.text.get(lang));
            if part.unknown {
                c.outlined(left, y, len, bar, palette.c3, false);
            } else {
                let gap = if left > x0 && len > 2.0 { 1.5 } else { 0.0 };
                c.rect(
                    left + gap,
                    y,
                    len - gap,
                    bar,
                    if k == 0 { palette.c1 } else { palette.c2 },
                );
            }
            let inside = measure::width(text, true) + 12.0 <= len && !part.unknown;
            if inside {
                c.text((left + 7.0, base - 0.5), Anchor::Start, Tone::Inside, text);
            } else if !text.is_empty() && values[k] > 0.0 {
                let width = measure::width(text, false);
                let at = (left + len - width).max(foot_end).min(c.w - width);
                foot_end = c
                    .text((at, y + bar + 15.0), Anchor::Start, Tone::Muted, text)
                    .1
                    + 8.0;
            }
            left += len;
        }
    }
    c
}
