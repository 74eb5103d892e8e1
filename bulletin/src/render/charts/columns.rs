//! Upright bars: weeks or levels, one or two bars a group, from zero.

use super::{Sheet, extent, number, whole};
use crate::render::axis::Axis;
use crate::render::draw::{Anchor, Canvas, Tone};
use crate::render::measure;
use model::bulletin::ColumnPlot;

pub(super) fn draw<'a>(p: &'a ColumnPlot, sheet: Sheet<'a>) -> Canvas<'a> {
    let (lang, palette) = (sheet.lang, sheet.palette);
    let divisor = sheet.divisor(p.scale);
    let marks = || p.groups.iter().flat_map(|g| &g.marks);
    let Some((low, high)) = extent(marks().filter_map(|m| number(m, divisor))) else {
        return sheet.empty();
    };
    let axis = Axis::over(low, high, 4, true, whole(marks(), divisor));
    let names = p.names.len().clamp(1, 3);
    let preliminary = marks().any(|m| m.preliminary);
    let feet = p.groups.iter().any(|g| !g.foot.is_empty());

    let w = sheet.width();
    let ticks: Vec<(f64, String)> = axis.ticks().map(|t| (t, axis.print(t, lang))).collect();
    let x0 = measure::widest(ticks.iter().map(|t| t.1.as_str()), false) + 8.0;
    // The name of the row of small texts stands left of it; a long one is cut.
    let foot = p.foot_name.as_ref().map_or("", |t| t.get(lang));
    let foot = measure::fit(foot, false, w * 0.2);
    let x0 = x0.max(if feet {
        measure::width(&foot, false) + 8.0
    } else {
        0.0
    });
    let x1 = w - 2.0;
    let slot = (x1 - x0) / p.groups.len() as f64;
    let label_room = measure::widest(p.groups.iter().map(|g| g.name.get(lang)), true);
    // A few long names stand on two lines; of many weeks some are named.
    let long = p.groups.len() <= 4 && label_room + 6.0 > slot;
    let below = if feet { 20.0 } else { 0.0 } + if long { 15.0 } else { 0.0 };
    let mut c = sheet.canvas(if sheet.wide { 236.0 } else { 206.0 } + below);
    let top = if names > 1 || preliminary { 42.0 } else { 24.0 };
    let y0 = c.h - 28.0 - below;
    let y = |v: f64| y0 - (y0 - top) * axis.share(v);
    for (t, text) in &ticks {
        let stroke = if *t == 0.0 {
            palette.line_2
        } else {
            palette.line
        };
        c.line((x0, y(*t)), (x1, y(*t)), stroke, 1.0);
        c.text((x0 - 8.0, y(*t) + 4.0), Anchor::End, Tone::Muted, text);
    }

    // Names of the bars, each with a swatch, or the note on hatching.
    let mut at = x0 + 2.0;
    if names > 1 {
        let room = (x1 - at) / names as f64 - 36.0;
        for (i, name) in p.names.iter().take(names).enumerate() {
            c.rect(at, 6.0, 10.0, 10.0, shade(palette, i, names, false));
            let last = i + 1 == names;
            let tone = if last { Tone::Bold } else { Tone::Muted };
            let name = measure::fit(name.get(lang), last, room);
            at = at.max(c.text((at + 16.0, 15.0), Anchor::Start, tone, &name).1) + 20.0;
        }
    }
    if preliminary {
        c.text(
            (at, 15.0),
            Anchor::Start,
            Tone::Muted,
            sheet.words().preliminary,
        );
    }

    let bar = (slot * if names > 1 { 0.34 } else { 0.76 } * 2.0 / names.max(2) as f64).min(56.0);
    let bar = if names == 1 {
        (slot * 0.76).min(56.0)
    } else {
        bar
    };
    let texts_fit = marks()
        .all(|m| measure::width(m.text.get(lang), true) <= bar.max(slot / names as f64) - 5.0);
    let every = [1u8, 2, 3, 4, 6]
        .into_iter()
        .find(|n| f64::from(*n) * slot >= label_room + 6.0);
    let foot_room = measure::widest(p.groups.iter().map(|g| g.foot.get(lang)), true);
    let last = p.groups.len() - 1;
    let any_emphasis = p.groups.iter().any(|g| g.emphasis);
    for (g, group) in p.groups.iter().enumerate() {
        let middle = x0 + slot * (g as f64 + 0.5);
        let strong = group.emphasis || (!any_emphasis && g == last && names == 1);
        for (i, mark) in group.marks.iter().take(names).enumerate() {
            let Some(v) = number(mark, divisor) else {
                continue;
            };
            let left = middle - bar * names as f64 / 2.0
                + bar * i as f64
                + if names > 1 { 1.0 } else { 0.0 };
            let width = bar - if names > 1 { 2.0 } else { 0.0 };
            let (a, b) = (y(v.max(0.0)), y(v.min(0.0)));
            if mark.preliminary {
                c.outlined(left, a, width, b - a, palette.c1, true);
            } else {
                c.rect(left, a, width, b - a, shade(palette, i, names, strong));
            }
            let main = strong && (names == 1 || i + 1 == names);
            if texts_fit || main {
                let tone = if main || (names > 1 && i + 1 == names) {
                    Tone::Bold
                } else {
                    Tone::Muted
                };
                c.over(
                    (left + width / 2.0, a - 6.0),
                    Anchor::Middle,
                    tone,
                    mark.text.get(lang),
                );
            }
        }
        let tone = if strong { Tone::Bold } else { Tone::Muted };
        let shown = match every {
            Some(n) => (last - g).is_multiple_of(usize::from(n)),
            None => strong,
        };
        let name = group.name.get(lang);
        let lines = match (long, shown) {
            (true, _) => measure::two_lines(name, true, slot - 4.0),
            (false, true) => {
                let room = (slot * f64::from(every.unwrap_or(12))).max(40.0);
                vec![measure::fit(name, strong, room).into_owned()]
            }
            (false, false) => Vec::new(),
        };
        for (line, text) in lines.iter().enumerate() {
            let base = y0 + 18.0 + 15.0 * line as f64;
            c.text((middle, base), Anchor::Middle, tone, text);
        }
        if feet && (foot_room + 4.0 <= slot || strong) {
            c.text(
                (middle, c.h - 10.0),
                Anchor::Middle,
                tone,
                group.foot.get(lang),
            );
        }
    }
    if feet {
        c.text((0.0, c.h - 10.0), Anchor::Start, Tone::Muted, &foot);
    }
    c
}

/// One bar a group: the emphasized dark, the rest pale. Several: the last, which is this week, darkest.
fn shade(
    palette: &crate::render::palette::Palette,
    i: usize,
    names: usize,
    strong: bool,
) -> &'static str {
    match (names, names - 1 - i.min(names - 1)) {
        (1, _) if strong => palette.c1,
        (1, _) => palette.c3,
        (_, 0) => palette.c1,
        (3, 1) => palette.c2,
        _ => palette.c3,
    }
}
