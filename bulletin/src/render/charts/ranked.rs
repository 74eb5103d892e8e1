//! Lying bars in order, each perhaps with a part of it: which is largest, and how serious each is.

use super::{Sheet, extent, number, row_name};
use crate::render::draw::{Anchor, Canvas, Tone};
use crate::render::measure;
use model::bulletin::RankedPlot;

pub(super) fn draw<'a>(p: &'a RankedPlot, sheet: Sheet<'a>) -> Canvas<'a> {
    let (lang, palette) = (sheet.lang, sheet.palette);
    let Some((_, high)) = extent(p.rows.iter().filter_map(|r| number(&r.whole, 1.0))) else {
        return sheet.empty();
    };
    let parts = p.rows.iter().any(|r| r.part.is_some());
    let shares = p.rows.iter().any(|r| !r.share.is_empty());
    let head = if parts || (shares && p.share_name.is_some()) {
        24.0
    } else {
        4.0
    };
    let (row, bar) = if parts { (34.0, 18.0) } else { (26.0, 16.0) };
    let row = if sheet.wide {
        row
    } else {
        row - if parts { 4.0 } else { 0.0 }
    };
    let mut c = sheet.canvas(head + row * p.rows.len() as f64 + 6.0);

    let name_room =
        measure::widest(p.rows.iter().map(|r| r.name.get(lang)), true).min(sheet.name_room());
    let x0 = name_room + 12.0;
    let share_name = p.share_name.as_ref().map_or("", |t| t.get(lang));
    let share_room = if shares {
        let cells = measure::widest(p.rows.iter().map(|r| r.share.get(lang)), true);
        let head = measure::width(share_name, false);
        cells.max(if sheet.wide {
            head
        } else {
            head.min(cells + 24.0)
        }) + 12.0
    } else {
        0.0
    };
    let value_room = measure::widest(p.rows.iter().map(|r| r.whole.text.get(lang)), true) + 8.0;
    let span = (c.w - x0 - share_room - value_room).max(20.0);
    let length = |v: f64| {
        if high > 0.0 {
            span * (v / high).clamp(0.0, 1.0)
        } else {
            0.0
        }
    };
    let any_emphasis = p.rows.iter().any(|r| r.emphasis);

    if parts {
        let part = p.part_name.as_ref().map_or("", |t| t.get(lang));
        let whole = p.whole_name.as_ref().map_or("", |t| t.get(lang));
        let end = c.text((x0, 16.0), Anchor::Start, Tone::Bold, part).1;
        c.text((end + 12.0, 16.0), Anchor::Start, Tone::Muted, whole);
    }
    if shares {
        let name = measure::fit(share_name, false, share_room + value_room);
        c.text((c.w, 16.0), Anchor::End, Tone::Muted, &name);
    }
    for (i, r) in p.rows.iter().enumerate() {
        let y = head + row * i as f64 + (row - bar) / 2.0;
        let base = y + bar / 2.0 + 4.0;
        let tone = if r.emphasis { Tone::Bold } else { Tone::Plain };
        row_name(&mut c, base, tone, r.name.get(lang), r.emphasis, name_room);
        let whole = number(&r.whole, 1.0).map(|v| length(v.max(0.0)));
        let mut end = x0;
        if let Some(len) = whole {
            end = x0 + len;
            let strong = !parts && (r.emphasis || !any_emphasis && i == 0);
            if r.whole.preliminary {
                c.outlined(x0, y, len, bar, palette.c1, true);
            } else {
                c.rect(
                    x0,
                    y,
                    len,
                    bar,
                    if strong { palette.c1 } else { palette.c3 },
                );
            }
            if let Some((part, v)) = r.part.as_ref().and_then(|m| Some((m, number(m, 1.0)?))) {
                let inner = length(v.max(0.0)).min(len);
                c.rect(x0, y, inner, bar, palette.c1);
                let text = part.text.get(lang);
                if measure::width(text, true) + 12.0 <= inner {
                    c.text(
                        (x0 + inner - 6.0, base - 0.5),
                        Anchor::End,
                        Tone::Inside,
                        text,
                    );
                }
            }
        }
        let tone = if r.emphasis && !parts {
            Tone::Bold
        } else {
            Tone::Muted
        };
        let text = if whole.is_some() {
            r.whole.text.get(lang)
        } else {
            "–"
        };
        c.text((end + 6.0, base), Anchor::Start, tone, text);
        let tone = if r.emphasis { Tone::Bold } else { Tone::Muted };
        c.text((c.w, base), Anchor::End, tone, r.share.get(lang));
    }
    c.line(
        (x0, head),
        (x0, head + row * p.rows.len() as f64),
        palette.line_2,
        1.0,
    );
    c
}
