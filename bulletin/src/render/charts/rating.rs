//! The rating as a five-step scale: this week's step filled, last week's marked by a tick, each with its word.

use crate::render::draw::{Anchor, Canvas, Frame, Printed, Tone};
use crate::render::measure;
use crate::render::palette::Palette;
use crate::render::words::Words;
use model::bulletin::{Lang, RatingBlock};

/// The scale as SVG, `width` px wide and 68 high. Without an assessment no step is filled.
pub fn rating_scale(
    rating: &RatingBlock,
    lang: Lang,
    width: f64,
    palette: &Palette,
    frame: Frame,
) -> String {
    let w = Words::of(lang);
    let level = rating.outcome.level().map(|l| l.clamp(1, 5));
    let word = level.and_then(|l| rating.words.get(usize::from(l) - 1));
    let word = word.map_or(w.not_assessed, |t| t.get(lang));
    scale(rating, lang, width, palette).finish(frame, &format!("{}{}{word}", w.situation, w.colon))
}

/// The same for the PDF, shapes and words apart.
pub(in crate::render) fn print_scale(
    rating: &RatingBlock,
    lang: Lang,
    width: f64,
    palette: &Palette,
) -> Printed {
    scale(rating, lang, width, palette).print()
}

fn scale<'a>(rating: &RatingBlock, lang: Lang, width: f64, palette: &'a Palette) -> Canvas<'a> {
    let mut c = Canvas::new(width, 68.0, palette, lang, "rating".to_owned());
    let (gap, height, foot) = (2.0, 36.0, 4.0);
    let step = (width - 4.0 * gap) / 5.0;
    let w = Words::of(lang);
    let level = rating.outcome.level().map(|l| l.clamp(1, 5));
    for (i, word) in rating.words.iter().take(5).enumerate() {
        let (x, this) = ((step + gap) * i as f64, level == Some(i as u8 + 1));
        let middle = x + step / 2.0;
        let color = palette.ratings[i];
        c.rect(
            x,
            0.0,
            step,
            height,
            if this { color } else { palette.sunk },
        );
        c.rect(x, height - foot, step, foot, color);
        let fill = if this {
            palette.on_rating
        } else {
            palette.ink_2
        };
        let size = if measure::width(word.get(lang), true) * 15.0 / 12.0 > step - 8.0 {
            12.0
        } else {
            15.0
        };
        c.step((middle, 22.0), size, this, fill, word.get(lang));
    }
    let now = level.map(|l| (step + gap) * f64::from(l - 1) + step / 2.0);
    let was = rating
        .previous
        .map(|l| (step + gap) * f64::from(l.clamp(1, 5) - 1) + step / 2.0);
    if let Some(x) = was {
        c.rect(x - 1.0, height, 2.0, 9.0, palette.ink);
    }
    match (now, was) {
        (Some(n), Some(l)) if n == l => {
            let text = format!("{}{}{}", w.last_week, w.comma, w.this_week);
            c.text((n, 58.0), Anchor::Middle, Tone::Bold, &text);
        }
        _ => {
            if let Some(x) = was {
                c.text((x, 58.0), Anchor::Middle, Tone::Muted, w.last_week);
            }
            if let Some(x) = now {
                c.text((x, 58.0), Anchor::Middle, Tone::Bold, w.this_week);
            }
        }
    }
    c
}
