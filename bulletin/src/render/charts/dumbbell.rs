//! Last week and this week on one line each: what moved, by kind.

use super::{Sheet, change, extent, number, row_name, whole};
use crate::render::axis::Axis;
use crate::render::draw::{Anchor, Canvas, Tone};
use crate::render::measure;
use model::bulletin::DumbbellPlot;

/// Space between a dot's center and its number.
const OFF: f64 = 10.0;

pub(super) fn draw<'a>(p: &'a DumbbellPlot, sheet: Sheet<'a>) -> Canvas<'a> {
    let (lang, palette) = (sheet.lang, sheet.palette);
    let divisor = sheet.divisor(p.scale);
    let marks = || p.rows.iter().flat_map(|r| [&r.last, &r.now]);
    let Some((low, high)) = extent(marks().filter_map(|m| number(m, divisor))) else {
        return sheet.empty();
    };
    let axis = Axis::over(low, high, 4, true, whole(marks(), divisor));
    let (head, row) = (28.0, if sheet.wide { 34.0 } else { 27.0 });
    let mut c = sheet.canvas(head + row * p.rows.len() as f64 + 24.0);
    let bottom = c.h - 24.0;

    let name_room =
        measure::widest(p.rows.iter().map(|r| r.name.get(lang)), true).min(sheet.name_room());
    let changes: Vec<(String, Tone)> = p
        .rows
        .iter()
        .map(|r| change(&r.change, r.emphasis, lang))
        .collect();
    let change_room = measure::widest(changes.iter().map(|t| t.0.as_str()), true).min(c.w * 0.3);
    let number_room =
        measure::widest(marks().map(|m| m.text.get(lang)), true).min(c.w * 0.18) + OFF + 4.0;
    // Numbers left of a dot near zero need room between the names and the axis; those right of the largest, before
    // the changes.
    let x1 = c.w
        - change_room
        - 14.0
        - if sheet.wide {
            number_room
        } else {
            number_room * 0.6
        };
    let mut x0 = name_room + 12.0;
    for r in &p.rows {
        let dots = [number(&r.last, divisor), number(&r.now, divisor)];
        if let Some((left, _)) = extent(dots.into_iter().flatten()) {
            let share = axis.share(left);
            let needed = name_room + 8.0 + number_room - share * (x1 - name_room - number_room);
            x0 = x0.max(needed.min(name_room + number_room + 8.0));
        }
    }
    let x0 = x0.min(x1 - 40.0);
    let x = |v: f64| x0 + (x1 - x0) * axis.share(v);

    let ticks: Vec<(f64, String)> = axis.ticks().map(|t| (t, axis.print(t, lang))).collect();
    let tick_room = measure::widest(ticks.iter().map(|t| t.1.as_str()), false) + 12.0;
    let step = (x1 - x0) / (ticks.len() - 1).max(1) as f64;
    let every = [1u8, 2, 4]
        .into_iter()
        .find(|n| f64::from(*n) * step >= tick_room)
        .unwrap_or(12);
    for (i, (t, text)) in ticks.iter().enumerate() {
        if i.is_multiple_of(usize::from(every)) {
            let stroke = if *t == 0.0 {
                palette.line_2
            } else {
                palette.line
            };
            c.line((x(*t), head), (x(*t), bottom), stroke, 1.0);
            c.text((x(*t), c.h - 8.0), Anchor::Middle, Tone::Muted, text);
        }
    }
    let w = sheet.words();
    if changes.iter().any(|t| !t.0.is_empty()) {
        c.text((c.w, 18.0), Anchor::End, Tone::Muted, w.change_label);
    }
    let named = p
        .rows
        .iter()
        .position(|r| r.emphasis && r.last.number.is_some() && r.now.number.is_some());
    let named = named.or_else(|| {
        p.rows
            .iter()
            .position(|r| r.last.number.is_some() && r.now.number.is_some())
    });

    for (i, r) in p.rows.iter().enumerate() {
        let y = head + row * (i as f64 + 0.5);
        let base = y + 4.0;
        let tone = if r.emphasis { Tone::Bold } else { Tone::Plain };
        row_name(&mut c, base, tone, r.name.get(lang), r.emphasis, name_room);
        let (last, now) = (
            number(&r.last, divisor).map(&x),
            number(&r.now, divisor).map(&x),
        );
        if let (Some(a), Some(b)) = (last, now) {
            let stem = if r.emphasis { palette.c1 } else { palette.c3 };
            c.line((a, y), (b, y), stem, 2.0);
        }
        if let Some(a) = last {
            c.dot((a, y), 4.5, palette.paper, palette.c2, 1.75);
        }
        if let Some(b) = now {
            if r.now.preliminary {
                c.dot((b, y), 5.0, palette.paper, palette.c1, 2.0);
            } else {
                c.dot((b, y), 5.0, palette.c1, palette.paper, 1.5);
            }
        }
        // This week's number on the outer side of its dot, last week's on the other where there is room.
        let now_right = match (last, now) {
            (Some(a), Some(b)) => b >= a,
            _ => true,
        };
        let mut now_taken = (0.0, 0.0);
        if let Some(b) = now {
            let at = if now_right {
                (b + OFF, Anchor::Start)
            } else {
                (b - OFF, Anchor::End)
            };
            now_taken = c.over((at.0, base), at.1, Tone::Bold, r.now.text.get(lang));
        }
        if let Some(a) = last {
            let width = measure::width(r.last.text.get(lang), false);
            let (at, from, to) = match (now, now_right) {
                (Some(_), true) => ((a - OFF, Anchor::End), a - OFF - width, a - OFF),
                _ => ((a + OFF, Anchor::Start), a + OFF, a + OFF + width),
            };
            let free = from > name_room + 6.0
                && to < c.w - change_room - 6.0
                && (now.is_none() || to < now_taken.0 - 4.0 || from > now_taken.1 + 4.0);
            let near = now.is_some_and(|b| (a - b).abs() < 12.0);
            if free && (sheet.wide || !near) {
                c.over((at.0, base), at.1, Tone::Muted, r.last.text.get(lang));
            }
        }
        if let (true, Some(a), Some(b)) = (named == Some(i), last, now) {
            head_names(
                &mut c,
                (a, b),
                (w.last_week, w.this_week),
                change_room,
                w.change_label,
            );
        }
        let text = measure::fit(&changes[i].0, r.emphasis, change_room);
        c.text((c.w, base), Anchor::End, changes[i].1, &text);
    }
    c
}

/// `last week` and `this week` over the dots of the named row, moved apart where they would meet.
fn head_names(
    c: &mut Canvas<'_>,
    at: (f64, f64),
    names: (&str, &str),
    change_room: f64,
    change: &str,
) {
    let widths = (
        measure::width(names.0, false),
        measure::width(names.1, true),
    );
    let limit = c.w - change_room.max(measure::width(change, false)) - 12.0;
    let needed = (widths.0 + widths.1) / 2.0 + 10.0;
    let (mut a, mut b) = at;
    let short = needed - (a - b).abs();
    if short > 0.0 {
        let sign = if b >= a { 1.0 } else { -1.0 };
        a -= sign * short / 2.0;
        b += sign * short / 2.0;
    }
    let over = (a + widths.0 / 2.0).max(b + widths.1 / 2.0) - limit;
    if over > 0.0 {
        a -= over;
        b -= over;
    }
    c.text((a, 18.0), Anchor::Middle, Tone::Muted, names.0);
    c.text((b, 18.0), Anchor::Middle, Tone::Bold, names.1);
}
