//! Counts by size class, with rules for the median, the target and the like.

use super::{Sheet, extent, number, whole};
use crate::render::axis::Axis;
use crate::render::draw::{Anchor, Canvas, Tone};
use crate::render::measure;
use model::bulletin::HistogramPlot;

/// Height of a row of labels over the bars.
const LABEL: f64 = 22.0;

pub(super) fn draw<'a>(p: &'a HistogramPlot, sheet: Sheet<'a>) -> Canvas<'a> {
    let (lang, palette) = (sheet.lang, sheet.palette);
    let Some((_, high)) = extent(p.bins.iter().filter_map(|b| number(&b.count, 1.0))) else {
        return sheet.empty();
    };
    let axis = Axis::over(
        0.0,
        high,
        3,
        true,
        whole(p.bins.iter().map(|b| &b.count), 1.0),
    );
    let ticks: Vec<(f64, String)> = axis.ticks().map(|t| (t, axis.print(t, lang))).collect();
    let x0 = measure::widest(ticks.iter().map(|t| t.1.as_str()), false) + 8.0;
    let x1 = sheet.width() - 8.0;
    let slot = (x1 - x0) / p.bins.len() as f64;
    let place = |value: f64| place(p, value).map(|slots| x0 + slots * slot);

    let labels = place_labels(p, sheet, &place, x0);
    let rows = labels.iter().map(|l| l.row + 1).max().unwrap_or(0).max(1);
    let top = LABEL * rows as f64 + 18.0;
    let mut c = sheet.canvas(top + if sheet.wide { 138.0 } else { 108.0 } + 40.0);
    let y0 = c.h - 40.0;
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
    let label_room = measure::widest(p.bins.iter().map(|b| b.text.get(lang)), false) + 10.0;
    let every = [1u8, 2, 3, 4, 6]
        .into_iter()
        .find(|n| f64::from(*n) * slot >= label_room)
        .unwrap_or(12);
    for (i, b) in p.bins.iter().enumerate() {
        let left = x0 + slot * i as f64;
        let open = b.to.is_none();
        if let Some(v) = number(&b.count, 1.0) {
            let fill = if b.within { palette.c1 } else { palette.c3 };
            let (left, width) = (left + 1.0, (slot - 2.0).max(1.0));
            if b.count.preliminary {
                c.outlined(
                    left,
                    y(v.max(0.0)),
                    width,
                    y0 - y(v.max(0.0)),
                    palette.c1,
                    true,
                );
            } else {
                c.rect(left, y(v.max(0.0)), width, y0 - y(v.max(0.0)), fill);
            }
            if open {
                let at = (left + width / 2.0, y(v.max(0.0)) - 6.0);
                c.over(at, Anchor::Middle, Tone::Muted, b.count.text.get(lang));
            }
        }
        if open {
            c.text(
                (left + slot / 2.0, y0 + 18.0),
                Anchor::Middle,
                Tone::Muted,
                b.text.get(lang),
            );
        } else if i.is_multiple_of(usize::from(every))
            && !(p.bins.len() > i + 1 && near_open(p, i, slot, label_room))
        {
            c.text(
                (left, y0 + 18.0),
                Anchor::Middle,
                Tone::Muted,
                b.text.get(lang),
            );
        }
    }
    c.text(
        (x0, y0 + 35.0),
        Anchor::Start,
        Tone::Muted,
        p.axis.get(lang),
    );

    for l in &labels {
        let baseline = LABEL * l.row as f64 + 16.0;
        if let Some(at) = l.at {
            let from = LABEL * l.row as f64 + 4.0;
            if l.target {
                c.dashed((at, from), (at, y0), palette.line_2, 1.0, "3 3");
            } else {
                c.line((at, from), (at, y0), palette.ink, 1.5);
                // Inside a dark bar the rule turns light, or it would be lost.
                if let Some(v) = bar_over(p, at, x0, slot) {
                    c.line((at, y(v)), (at, y0), palette.paper, 1.5);
                }
            }
        }
        let tone = if l.at.is_none() {
            Tone::Plain
        } else if l.target {
            Tone::Muted
        } else {
            Tone::Bold
        };
        c.text((l.left, baseline), Anchor::Start, tone, l.text);
    }
    c
}

/// A label whose place is settled.
struct Label<'a> {
    /// Where its rule stands; None for the summary, which has none.
    at: Option<f64>,
    target: bool,
    text: &'a str,
    left: f64,
    row: usize,
}

/// Gives every rule a row and a side on which its label meets neither another label nor a rule that passes. Targets
/// come first, so that their longer rule stands over the measured ones.
fn place_labels<'a>(
    p: &'a HistogramPlot,
    sheet: Sheet<'a>,
    place: &impl Fn(f64) -> Option<f64>,
    x0: f64,
) -> Vec<Label<'a>> {
    let lang = sheet.lang;
    let mut done: Vec<Label<'a>> = Vec::new();
    // What the dark bars add up to stands first, over them; the caption says it too where there is no room.
    if let Some(text) = p
        .within_text
        .as_ref()
        .map(|t| t.get(lang))
        .filter(|t| !t.is_empty())
        && x0 + measure::width(text, false) <= sheet.width() * 0.7
    {
        done.push(Label {
            at: None,
            target: false,
            text,
            left: x0,
            row: 0,
        });
    }
    let mut rules: Vec<(f64, &model::bulletin::Rule)> = p
        .rules
        .iter()
        .take(4)
        .filter_map(|r| Some((place(r.at.to_f64())?, r)))
        .collect();
    rules.sort_by(|a, b| b.1.target.cmp(&a.1.target).then(a.0.total_cmp(&b.0)));
    let width = |t: &str, target: bool| measure::width(t, !target);
    for (at, rule) in rules {
        let mut options = Vec::new();
        for row in 0..6 {
            for text in [rule.text.get(lang), rule.short.get(lang)] {
                let w = width(text, rule.target);
                options.push((row, text, at + 6.0, w));
                options.push((row, text, at - 6.0 - w, w));
            }
        }
        let free = |(row, _, left, w): &(usize, &str, f64, f64)| {
            *left >= 0.0
                && left + w <= sheet.width()
                && done.iter().all(|d| {
                    let clear_of_text = d.row != *row
                        || left + w + 8.0 <= d.left
                        || *left >= d.left + width(d.text, d.target || d.at.is_none()) + 8.0;
                    let rule_at = d.at.unwrap_or(f64::NEG_INFINITY);
                    // A rule placed before passes through all rows from its own down.
                    let clear_of_rule =
                        d.row > *row || left + w + 4.0 <= rule_at || *left >= rule_at + 4.0;
                    // And this rule passes through the rows below its label.
                    let own_clear = d.row <= *row
                        || at + 4.0 <= d.left
                        || at >= d.left + width(d.text, d.target || d.at.is_none()) + 4.0;
                    clear_of_text && clear_of_rule && own_clear
                })
        };
        if let Some((row, text, left, _)) = options.into_iter().find(free) {
            done.push(Label {
                at: Some(at),
                target: rule.target,
                text,
                left,
                row,
            });
        }
    }
    done
}

/// Position in slots from the left; None beyond the bins.
fn place(p: &HistogramPlot, value: f64) -> Option<f64> {
    p.bins.iter().enumerate().find_map(|(i, b)| {
        let from = b.from.to_f64();
        match b.to.map(|t| t.to_f64()) {
            Some(to) if value >= from && value < to && to > from => {
                Some(i as f64 + (value - from) / (to - from))
            }
            None if value >= from => Some(i as f64 + 0.5),
            _ => None,
        }
    })
}

/// The count of the bar that a rule at `at` runs through.
fn bar_over(p: &HistogramPlot, at: f64, x0: f64, slot: f64) -> Option<f64> {
    let i = ((at - x0) / slot).floor();
    let b = p.bins.get(i.max(0.0) as usize)?;
    let inside = (at - x0 - i * slot) > 1.5 && (at - x0 - i * slot) < slot - 1.5;
    (b.within && inside)
        .then(|| number(&b.count, 1.0))
        .flatten()
}

/// Whether the label of bin `i` would run into that of the open last bin.
fn near_open(p: &HistogramPlot, i: usize, slot: f64, room: f64) -> bool {
    let last = p.bins.len() - 1;
    p.bins[last].to.is_none() && (last as f64 + 0.5 - i as f64) * slot < room
}
