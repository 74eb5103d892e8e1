//! The small line of a tile: 13 weeks over the pale range of the last 52. No words: the tile says them.

use crate::render::draw::{Canvas, Frame};
use crate::render::palette::Palette;
use model::bulletin::{Lang, Spark};

/// The line as SVG, 232 x 44; gaps stay open, breaks are dotted rules. Scales with its tile.
pub fn sparkline(
    spark: &Spark,
    alt: &str,
    id: &str,
    lang: Lang,
    palette: &Palette,
    frame: Frame,
) -> String {
    let mut c = Canvas::new(232.0, 44.0, palette, lang, id.to_owned());
    let values: Vec<Option<f64>> = spark
        .marks
        .iter()
        .map(|m| m.number.map(|n| n.to_f64()))
        .collect();
    let ends = spark
        .range
        .iter()
        .flat_map(|r| [r.low.to_f64(), r.high.to_f64()]);
    let extent = super::extent(values.iter().flatten().copied().chain(ends));
    let (top, bottom, left, right) = (6.0, 38.0, 4.0, 226.0);
    let y = |v: f64| match extent {
        Some((low, high)) if high > low => {
            bottom - (bottom - top) * ((v - low) / (high - low)).clamp(0.0, 1.0)
        }
        _ => (top + bottom) / 2.0,
    };
    let n = values.len();
    let x = |i: usize| {
        if n < 2 {
            right
        } else {
            left + (right - left) * i as f64 / (n - 1) as f64
        }
    };
    if let Some(r) = &spark.range {
        let (high, low) = (y(r.high.to_f64()), y(r.low.to_f64()));
        c.rect(
            0.0,
            high - 2.0,
            c.w,
            (low - high).max(1.0) + 4.0,
            palette.c4,
        );
    } else {
        c.line((0.0, bottom + 2.0), (c.w, bottom + 2.0), palette.line, 1.0);
    }
    let breaks: Vec<usize> = spark
        .breaks
        .iter()
        .map(|b| b.at)
        .filter(|at| *at > 0 && *at < n)
        .collect();
    for at in &breaks {
        let x = (x(at - 1) + x(*at)) / 2.0;
        c.dashed((x, 2.0), (x, 42.0), palette.ink_2, 1.25, "1 3");
    }
    let mut run: Vec<(f64, f64)> = Vec::new();
    for (i, value) in values.iter().enumerate() {
        if value.is_none() || breaks.contains(&i) {
            stroke(&mut c, &mut run, palette);
        }
        if let Some(v) = value {
            run.push((x(i), y(*v)));
        }
    }
    stroke(&mut c, &mut run, palette);
    if let Some(Some(v)) = values.last() {
        let soft = spark.marks.last().is_some_and(|m| m.preliminary);
        let (fill, rim) = if soft {
            (palette.paper, palette.c1)
        } else {
            (palette.c1, palette.paper)
        };
        c.dot((x(n - 1), y(*v)), 3.5, fill, rim, 1.5);
    }
    c.finish(frame, alt)
}

fn stroke(c: &mut Canvas<'_>, run: &mut Vec<(f64, f64)>, palette: &Palette) {
    match run.as_slice() {
        [] => {}
        [only] => c.dot(*only, 1.75, palette.c2, palette.c2, 0.5),
        points => c.path(points, palette.c2, 1.75, ""),
    }
    run.clear();
}
