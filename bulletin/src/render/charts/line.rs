//! Weekly lines: how a number moved, against the range and median of its past.

use super::{Sheet, extent, number, spread, week_labels, whole};
use crate::render::axis::Axis;
use crate::render::draw::{Anchor, Canvas, Tone};
use crate::render::measure;
use crate::render::words::{self, BandEnd};
use model::bulletin::{Lang, LinePlot, Mark};

pub(super) fn draw<'a>(p: &'a LinePlot, sheet: Sheet<'a>) -> Canvas<'a> {
    let lang = sheet.lang;
    let divisor = sheet.divisor(p.scale);
    let n = p.weeks.len();
    let series: Vec<Vec<Option<f64>>> = p
        .series
        .iter()
        .take(4)
        .map(|s| {
            (0..n)
                .map(|i| s.marks.get(i).and_then(|m| number(m, divisor)))
                .collect()
        })
        .collect();
    let band_marks: Vec<&Mark> = p
        .band
        .iter()
        .flat_map(|b| [Some(&b.low), Some(&b.high), b.median.as_ref()])
        .flatten()
        .collect();
    let drawn = series.iter().flatten().flatten().copied();
    if n == 0 || drawn.clone().next().is_none() {
        return sheet.empty();
    }
    let Some((low, high)) =
        extent(drawn.chain(band_marks.iter().filter_map(|m| number(m, divisor))))
    else {
        return sheet.empty();
    };
    let all_whole = whole(
        p.series
            .iter()
            .flat_map(|s| &s.marks)
            .chain(band_marks.iter().copied()),
        divisor,
    );
    let axis = Axis::over(low, high, 4, false, all_whole);

    let mut c = sheet.canvas(if sheet.wide { 236.0 } else { 206.0 });
    let palette = sheet.palette;
    let labels = right_labels(p, &series, sheet, divisor);
    let room = c.w * if sheet.wide { 0.26 } else { 0.3 };
    let right = labels
        .iter()
        .map(|l| measure::width(&l.text, l.main))
        .fold(0.0, f64::max)
        .min(room)
        + 8.0;
    let ticks: Vec<(f64, String)> = axis.ticks().map(|t| (t, axis.print(t, lang))).collect();
    let left = measure::widest(ticks.iter().map(|t| t.1.as_str()), false) + 8.0;
    let top = if p.breaks.is_empty() { 18.0 } else { 34.0 };
    let (x0, x1, y0) = (left, c.w - right - 8.0, c.h - 30.0);
    let y = |v: f64| y0 - (y0 - top) * axis.share(v);
    let inset = 10.0;
    let x = move |i: usize| match n {
        1 => x1 - inset,
        _ => x0 + inset + (x1 - x0 - 2.0 * inset) * i as f64 / (n - 1) as f64,
    };

    if let Some((l, h)) = p
        .band
        .as_ref()
        .and_then(|b| Some((number(&b.low, divisor)?, number(&b.high, divisor)?)))
    {
        c.rect(x0, y(h), x1 - x0, (y(l) - y(h)).max(1.0), palette.c4);
    }
    for (i, (t, text)) in ticks.iter().enumerate() {
        let stroke = if i == 0 { palette.line_2 } else { palette.line };
        c.line((x0, y(*t)), (x1, y(*t)), stroke, 1.0);
        c.text((x0 - 8.0, y(*t) + 4.0), Anchor::End, Tone::Muted, text);
    }
    if let Some(m) = p
        .band
        .as_ref()
        .and_then(|b| number(b.median.as_ref()?, divisor))
    {
        c.dashed((x0, y(m)), (x1, y(m)), palette.line_2, 1.0, "3 3");
    }
    for b in p.breaks.iter().filter(|b| b.at > 0 && b.at < n) {
        let at = (x(b.at - 1) + x(b.at)) / 2.0;
        c.dashed((at, 20.0), (at, y0), palette.ink_2, 1.5, "1 3");
        // Over the whole width if need be: the rule begins below it.
        let note = measure::fit(b.note.get(lang), false, c.w);
        let left = (at + 6.0).min(c.w - measure::width(&note, false));
        c.text((left, 14.0), Anchor::Start, Tone::Muted, &note);
    }

    // The line the chart is about is drawn last, over the others.
    let last_break = p
        .breaks
        .iter()
        .map(|b| b.at)
        .filter(|at| *at < n)
        .max()
        .unwrap_or(0);
    for (s, values) in series.iter().enumerate().rev() {
        let (stroke, width) = [
            (palette.c1, 2.25),
            (palette.c2, 1.75),
            (palette.c3, 1.75),
            (palette.c3, 1.75),
        ][s];
        let dash = if s == 3 { "4 3" } else { "" };
        for piece in pieces(values, &p.breaks.iter().map(|b| b.at).collect::<Vec<_>>()) {
            let history = s == 0 && piece.end <= last_break;
            let (stroke, width) = if history {
                (palette.c2, 1.75)
            } else {
                (stroke, width)
            };
            let points: Vec<(f64, f64)> = piece
                .clone()
                .filter_map(|i| values[i].map(|v| (x(i), y(v))))
                .collect();
            let soft = p.series[s]
                .marks
                .get(piece.end - 1)
                .is_some_and(|m| m.preliminary)
                && points.len() > 1;
            match points.as_slice() {
                [only] => c.dot(*only, 2.0, stroke, stroke, 0.5),
                [.., a, b] if soft => {
                    c.path(&points[..points.len() - 1], stroke, width, dash);
                    c.path(&[*a, *b], stroke, width, "2 4");
                }
                _ => c.path(&points, stroke, width, dash),
            }
        }
    }

    // Last week's ring with its number, on the side away from the line.
    if let ([values], true) = (series.as_slice(), n >= 2)
        && let (Some(before), now) = (values[n - 2], values[n - 1])
        && last_break < n - 1
    {
        let at = (x(n - 2), y(before));
        c.dot(at, 3.0, palette.paper, palette.c1, 1.75);
        let text = format!(
            "{}{}{}",
            sheet.words().last_week,
            gap(lang),
            p.series[0].marks[n - 2].text.get(lang)
        );
        let half = measure::width(&text, false) / 2.0;
        let label_x = at.0.min(x1 - half);
        let points: Vec<(f64, f64)> = (0..n)
            .filter_map(|i| values[i].map(|v| (x(i), y(v))))
            .collect();
        // Below the line where it rises, above where it falls; a little farther off where the line is in the way.
        let rises = now.is_none_or(|now| now >= before);
        let (mut near, mut far) = ([18.0, 34.0, 50.0], [-10.0, -26.0, -42.0]);
        if !rises {
            std::mem::swap(&mut near, &mut far);
        }
        let free = |baseline: f64| {
            let (top, bottom) = (baseline - 11.0, baseline + 4.0);
            top >= 0.0
                && bottom < y0
                && !points
                    .windows(2)
                    .any(|w| crosses(w, (label_x - half, label_x + half), (top, bottom)))
        };
        let baseline = near
            .iter()
            .zip(&far)
            .flat_map(|(a, b)| [at.1 + a, at.1 + b])
            .find(|baseline| free(*baseline))
            .unwrap_or(at.1 + near[0].min(y0 - at.1 - 5.0));
        c.over((label_x, baseline), Anchor::Middle, Tone::Muted, &text);
    }

    let fixed = labels.iter().find(|l| l.main).map(|l| y(l.at));
    if let (Some(at), Some(Some(v))) = (fixed, series.first().map(|s| s[n - 1])) {
        debug_assert_eq!(at, y(v));
        let soft = p.series[0].marks[n - 1].preliminary;
        let fill = if soft { palette.paper } else { palette.c1 };
        let rim = if soft { palette.c1 } else { palette.paper };
        c.dot((x(n - 1), at), 4.5, fill, rim, 1.5);
    }
    let others: Vec<f64> = labels.iter().filter(|l| !l.main).map(|l| y(l.at)).collect();
    let mut places = spread(fixed, &others, 15.0, 8.0, c.h - 8.0).into_iter();
    for l in &labels {
        let at = if l.main {
            fixed
        } else {
            places.next().flatten()
        };
        if let Some(at) = at {
            let tone = if l.main { Tone::Bold } else { Tone::Muted };
            let text = measure::fit(&l.text, l.main, right);
            c.text((x1 + 8.0, at + 4.0), Anchor::Start, tone, &text);
        }
    }
    week_labels(&mut c, &p.weeks, x, y0 + 20.0, Some(y0));
    c
}

/// A label at the right end of the plot.
struct Label {
    at: f64,
    text: String,
    main: bool,
}

fn right_labels(
    p: &LinePlot,
    series: &[Vec<Option<f64>>],
    sheet: Sheet<'_>,
    divisor: f64,
) -> Vec<Label> {
    let lang = sheet.lang;
    let mut labels = Vec::new();
    for (s, values) in series.iter().enumerate() {
        let Some(i) = values.iter().rposition(Option::is_some) else {
            continue;
        };
        let (Some(at), Some(mark)) = (values[i], p.series[s].marks.get(i)) else {
            continue;
        };
        let amount = mark.text.get(lang);
        let text = if series.len() > 1 {
            format!("{} {amount}", p.series[s].name.get(lang))
        } else if i + 1 < values.len() {
            sheet.words().no_data.to_owned()
        } else if sheet.wide {
            format!(
                "{}{}{amount}{}{}",
                sheet.words().this_week,
                gap(lang),
                gap(lang),
                p.unit.get(lang)
            )
        } else {
            format!("{amount}{}{}", gap(lang), p.unit.get(lang))
        };
        labels.push(Label {
            at,
            text: text.trim_end().to_owned(),
            main: s == 0 && i + 1 == values.len(),
        });
    }
    if let Some(b) = &p.band {
        let ends = [
            (BandEnd::High, Some(&b.high)),
            (BandEnd::Low, Some(&b.low)),
            (BandEnd::Median, b.median.as_ref()),
        ];
        for (end, mark) in ends {
            if let Some((mark, at)) = mark.and_then(|m| Some((m, number(m, divisor)?))) {
                let text = format!(
                    "{}{}",
                    words::band(end, b.weeks, !sheet.wide, lang),
                    mark.text.get(lang)
                );
                labels.push(Label {
                    at,
                    text,
                    main: false,
                });
            }
        }
    }
    labels
}

/// Whether a segment runs through a box.
fn crosses(segment: &[(f64, f64)], across: (f64, f64), down: (f64, f64)) -> bool {
    let [(ax, ay), (bx, by)] = *segment else {
        return false;
    };
    let (from, to) = (ax.max(across.0), bx.min(across.1));
    if from > to {
        return false;
    }
    let at = |x: f64| {
        if bx > ax {
            ay + (by - ay) * (x - ax) / (bx - ax)
        } else {
            ay
        }
    };
    let (a, b) = (at(from), at(to));
    a.min(b) <= down.1 && a.max(b) >= down.0
}

fn gap(lang: Lang) -> &'static str {
    match lang {
        Lang::Zh => "",
        Lang::En => " ",
    }
}

/// Runs of weeks that are joined: broken by gaps and by breaks.
fn pieces(values: &[Option<f64>], breaks: &[usize]) -> Vec<std::ops::Range<usize>> {
    let mut out: Vec<std::ops::Range<usize>> = Vec::new();
    for (i, v) in values.iter().enumerate() {
        if v.is_none() {
            continue;
        }
        match out.last_mut() {
            Some(r) if r.end == i && !breaks.contains(&i) => r.end = i + 1,
            _ => out.push(i..i + 1),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_through_a_label_is_seen() {
        let line = [(0.0, 0.0), (10.0, 10.0)];
        assert!(crosses(&line, (4.0, 6.0), (4.0, 6.0)));
        assert!(!crosses(&line, (4.0, 6.0), (7.0, 9.0)));
        assert!(!crosses(&line, (11.0, 16.0), (4.0, 16.0)));
    }

    #[test]
    fn neither_gaps_nor_breaks_are_joined() {
        let v = [Some(1.0), Some(2.0), None, Some(3.0), Some(4.0), Some(5.0)];
        assert_eq!(pieces(&v, &[4]), [0..2, 3..4, 4..6]);
        assert_eq!(
            pieces(&[None, None], &[]),
            Vec::<std::ops::Range<usize>>::new()
        );
    }
}
