//! The card for social media and link previews, and the cover of the WeChat article: one picture that says the week.
//!
//! 1200 x 675 px and 900 x 383 px, light always. The card has masthead, rating with its scale, one sentence and four
//! numbers; the cover only what stays readable when it is shown small.

use super::draw::escape;
use super::measure;
use super::palette::Palette;
use super::picture;
use super::view::{self, Page};
use super::{Fonts, flow};
use crate::Error;
use model::bulletin::{Bulletin, Lang};
use std::fmt::Write;

/// Titles; the first is what `fonts-noto-cjk` installs.
const SERIF: &str = "Noto Serif CJK SC, Source Han Serif SC, Songti SC, SimSun, serif";
/// Colors.
const P: Palette = Palette::LIGHT;

/// A picture in the making; coordinates in px.
struct Sheet {
    out: String,
    lang: Lang,
}

/// Words on a sheet.
#[derive(Clone, Copy)]
struct Type<'a> {
    size: f64,
    bold: bool,
    serif: bool,
    color: &'a str,
    /// `start`, `middle` or `end`.
    anchor: &'a str,
}

/// Running words.
const TEXT: Type<'static> = Type {
    size: 26.0,
    bold: false,
    serif: false,
    color: P.ink,
    anchor: "start",
};
/// Words of less weight.
const MUTED: Type<'static> = Type {
    color: P.ink_2,
    ..TEXT
};

impl Sheet {
    fn new(w: u32, h: u32, title: &str, lang: Lang) -> Sheet {
        let tag = super::words::html_lang(lang);
        let out = format!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" width="{w}" height="{h}" viewBox="0 0 {w} {h}" role="img" xml:lang="{tag}"><title>{}</title><rect width="{w}" height="{h}" fill="{}"/>"#,
            escape(title),
            P.paper
        );
        Sheet { out, lang }
    }

    fn rect(&mut self, x: f64, y: f64, w: f64, h: f64, fill: &str) {
        let _ = write!(
            self.out,
            r#"<rect x="{x}" y="{y}" width="{w}" height="{h}" fill="{fill}"/>"#
        );
    }

    /// Words with their baseline at a point.
    fn text(&mut self, x: f64, y: f64, t: Type<'_>, text: &str) {
        if text.is_empty() {
            return;
        }
        let family = if t.serif { SERIF } else { P.font };
        let weight = if t.bold { 700 } else { 400 };
        // Chinese fonts draw curly quotes a full em wide.
        let text = match self.lang {
            Lang::En => text.replace(['‘', '’'], "'").replace(['“', '”'], "\""),
            Lang::Zh => text.to_owned(),
        };
        let _ = write!(
            self.out,
            r#"<text x="{x:.1}" y="{y}" font-family="{family}" font-size="{}" font-weight="{weight}" fill="{}" text-anchor="{}">{}</text>"#,
            t.size,
            t.color,
            t.anchor,
            escape(&text)
        );
    }

    /// Words cut to a room; returns the width they take.
    fn fitted(&mut self, x: f64, y: f64, t: Type<'_>, room: f64, text: &str) -> f64 {
        let fitted = measure::fit(text, t.bold, room / t.size * measure::SIZE).into_owned();
        let width = self.width(&fitted, t);
        self.text(x, y, t, &fitted);
        width
    }

    /// Words set smaller, down to `least`, where they do not fit a room; cut only below that.
    fn squeezed(&mut self, x: f64, y: f64, t: Type<'_>, room: f64, least: f64, text: &str) {
        let size = size_for(text, t.bold, room, t.size).max(least);
        self.fitted(x, y, Type { size, ..t }, room, text);
    }

    fn width(&self, text: &str, t: Type<'_>) -> f64 {
        measure::width(text, t.bold) * t.size / measure::SIZE
    }

    /// The mark: a beacon on its tower.
    fn mark(&mut self, x: f64, y: f64, scale: f64) {
        let _ = write!(
            self.out,
            r#"<g transform="translate({x} {y}) scale({scale})"><path fill="{}" d="M10.7 1c.5 3.5-1.2 5.1-2.8 7C6.3 9.6 5 11.3 5 13.6a5 5 0 0 0 10 0c0-2.1-.9-3.7-1.7-4.9-.4 1.4-.9 2.3-1.7 2.8.4-3.7.6-7.7-.9-10.5z"/><path fill="none" stroke="{}" stroke-width="1.25" d="M4.5 20h11M2.5 23h15"/></g>"#,
            P.accent, P.ink
        );
    }

    fn finish(mut self) -> String {
        self.out.push_str("</svg>");
        self.out
    }
}

/// The largest size, at most `most`, at which a text takes no more than `room`.
fn size_for(text: &str, bold: bool, room: f64, most: f64) -> f64 {
    let at_one = measure::width(text, bold) / measure::SIZE;
    if at_one * most <= room {
        most
    } else {
        (room / at_one).floor()
    }
}

/// What a picture says, for those who do not see it.
pub fn card_alt(b: &Bulletin, lang: Lang) -> String {
    let p = view::page(b, lang);
    format!("{} {}{}", p.title, p.description, p.week_clause())
}

impl Page<'_> {
    /// The days in brackets of the language.
    fn week_clause(&self) -> String {
        match (self.week.is_empty(), self.lang) {
            (true, _) => String::new(),
            (false, "zh") => format!("（{}）", self.week),
            (false, _) => format!(" ({})", self.week),
        }
    }
}

/// The card as SVG, 1200 x 675 px. Publish the picture: fonts differ elsewhere.
pub fn card(b: &Bulletin, lang: Lang) -> String {
    let p = view::page(b, lang);
    let mut s = Sheet::new(1200, 675, &card_alt(b, lang), lang);
    s.rect(0.0, 0.0, 1200.0, 10.0, level_color(&p));
    // Masthead: who, which issue, which days.
    s.mark(70.0, 54.0, 1.5);
    let right = Type {
        anchor: "end",
        ..MUTED
    };
    let week = s.width(&p.week, right);
    s.text(1128.0, 84.0, right, &p.week);
    let issue = Type {
        bold: true,
        serif: true,
        anchor: "end",
        ..TEXT
    };
    s.text(1128.0 - week - 24.0, 84.0, issue, &p.issue);
    let room = 1128.0 - week - 24.0 - s.width(&p.issue, issue) - 40.0 - 116.0;
    s.fitted(116.0, 84.0, MUTED, room, &p.publisher);
    let title = Type {
        size: size_for(&p.title, true, 1056.0, 58.0),
        bold: true,
        serif: true,
        ..TEXT
    };
    s.fitted(70.0, 166.0, title, 1056.0, &p.title);
    s.rect(72.0, 196.0, 1056.0, 1.5, P.ink);

    rating(&mut s, &p);
    numbers(&mut s, &p);

    let small = Type {
        size: 18.0,
        ..MUTED
    };
    s.text(72.0, 649.0, small, p.tlp);
    let end = Type {
        anchor: "end",
        ..small
    };
    let warning = match p.draft.is_empty() {
        true => p.banner.clone(),
        false => format!("{}  {}", p.draft, p.banner),
    };
    s.fitted(1128.0, 649.0, end, 860.0, &warning);
    s.finish()
}

fn level_color(p: &Page<'_>) -> &'static str {
    match p.rating.level {
        0 => P.line_2,
        level => P.rating(level),
    }
}

/// The word, the scale and the reason.
fn rating(s: &mut Sheet, p: &Page<'_>) {
    let r = &p.rating;
    let assessed = r.level > 0;
    let color = if assessed { level_color(p) } else { P.ink_2 };
    let most = match (assessed, p.lang) {
        (true, "zh") => 176.0,
        (true, _) => 104.0,
        (false, _) => 52.0,
    };
    let size = size_for(&r.word, true, 330.0, most);
    let word = Type {
        size,
        bold: true,
        serif: true,
        color,
        anchor: "start",
    };
    let width = s.width(&r.word, word);
    // The side bearing of a large letter would set it in from the edge.
    s.text(72.0 - size * 0.05, 318.0 + size * 0.37, word, &r.word);
    let left = 72.0 + width.max(150.0) + 54.0;
    let step = (1128.0 - left + 2.0) / 5.0;
    for (at, (level, words)) in (1u8..).zip(&r.steps).enumerate() {
        let x = left + step * at as f64;
        let fill = if words.now { P.rating(level) } else { P.sunk };
        s.rect(x, 236.0, step - 2.0, 58.0, fill);
        s.rect(x, 288.0, step - 2.0, 6.0, P.rating(level));
        let middle = x + (step - 2.0) / 2.0;
        let t = Type {
            size: size_for(&words.word, words.now, step - 14.0, 28.0),
            bold: words.now,
            serif: false,
            color: if words.now { P.on_rating } else { P.ink_2 },
            anchor: "middle",
        };
        s.text(middle, 274.0, t, &words.word);
        let under = Type {
            size: 20.0,
            anchor: "middle",
            ..MUTED
        };
        if words.was {
            s.rect(middle - 1.5, 294.0, 3.0, 10.0, P.ink);
        }
        let now = Type {
            bold: true,
            color: P.ink,
            ..under
        };
        match (words.now, words.was) {
            (true, true) => {
                let both = format!("{}{}{}", p.w.last_week, p.w.comma, p.w.this_week);
                s.text(middle, 328.0, now, &both);
            }
            (true, false) => s.text(middle, 328.0, now, p.w.this_week),
            (false, true) => s.text(middle, 328.0, under, p.w.last_week),
            (false, false) => {}
        }
    }
    let sentence = flow::plain(&r.sentence);
    let room = 1128.0 - left;
    // The largest of three sizes at which the whole reason stands; the smallest is cut.
    let sizes = [(25.0, 36.0, 2), (22.0, 30.0, 3), (19.0, 27.0, 3)];
    for (size, leading, most) in sizes {
        let lines = measure::wrap(&sentence, false, room / size * measure::SIZE);
        let fits = lines.len() <= most;
        if !fits && size > 19.0 {
            continue;
        }
        let t = Type { size, ..TEXT };
        let first = if lines.len() > 2 { 366.0 } else { 376.0 };
        for (at, line) in lines.iter().take(most).enumerate() {
            let cut = !fits && at + 1 == most;
            let line = if cut {
                format!("{line}…")
            } else {
                line.clone()
            };
            s.fitted(left, first + leading * at as f64, t, room, &line);
        }
        break;
    }
}

/// Four numbers: what was done, or the first of the board where nothing is said of that.
fn numbers(s: &mut Sheet, p: &Page<'_>) {
    s.rect(72.0, 448.0, 1056.0, 1.0, P.line);
    let handled = p
        .handling
        .iter()
        .map(|c| (c.name.as_str(), &c.amount.text, &c.unit, c.note.clone(), ""));
    let counted = p.tiles.iter().filter(|t| t.missing.is_empty()).map(|t| {
        (
            t.name.as_str(),
            &t.amount.text,
            &t.unit,
            flow::change(&t.change),
            t.change.class,
        )
    });
    let all: Vec<_> = if p.handling.is_empty() {
        counted.take(4).collect()
    } else {
        handled.take(4).collect()
    };
    let share = 1056.0 / all.len().max(3) as f64;
    for (at, (name, amount, unit, note, class)) in all.into_iter().enumerate() {
        let x = 72.0 + share * at as f64 + if at > 0 { 24.0 } else { 0.0 };
        let room = share - if at > 0 { 40.0 } else { 16.0 };
        if at > 0 {
            s.rect(x - 24.0, 474.0, 1.0, 134.0, P.line);
        }
        let label = Type { size: 23.0, ..TEXT };
        s.squeezed(x, 498.0, label, room, 18.0, name);
        let number = Type {
            size: size_for(amount, true, room * 0.75, 62.0),
            bold: true,
            ..TEXT
        };
        let width = s.fitted(x, 566.0, number, room, amount);
        let small = Type {
            size: 22.0,
            ..MUTED
        };
        s.fitted(x + width + 6.0, 566.0, small, room - width - 6.0, unit);
        let color = match class {
            "worse" => P.worse,
            "better" => P.better,
            _ => P.ink_2,
        };
        let small = Type {
            size: 21.0,
            color,
            ..MUTED
        };
        s.squeezed(x, 606.0, small, room, 16.0, &note);
    }
}

/// The card as a picture, 1200 x 675 px.
///
/// # Errors
/// [`Error::Picture`] where it cannot be drawn.
pub fn card_png(b: &Bulletin, lang: Lang, fonts: &Fonts) -> Result<Vec<u8>, Error> {
    Ok(picture::raster(&card(b, lang), 1.0, fonts)?.png)
}

/// The cover of the WeChat article, 900 x 383 px: shown small, and cut to its middle square in some lists.
pub fn cover(b: &Bulletin, lang: Lang) -> String {
    let p = view::page(b, lang);
    let mut s = Sheet::new(900, 383, &card_alt(b, lang), lang);
    s.rect(0.0, 0.0, 900.0, 10.0, level_color(&p));
    let title = Type {
        size: size_for(&p.title, true, 780.0, 46.0),
        bold: true,
        serif: true,
        anchor: "middle",
        ..TEXT
    };
    let quiet = Type {
        size: 22.0,
        anchor: "middle",
        ..MUTED
    };
    s.fitted(450.0, 66.0, quiet, 780.0, &p.publisher);
    s.fitted(450.0, 130.0, title, 780.0, &p.title);
    s.rect(315.0, 156.0, 270.0, 1.5, P.ink);
    let most = if p.rating.level > 0 { 116.0 } else { 46.0 };
    let size = size_for(&p.rating.word, true, 330.0, most);
    let word = Type {
        size,
        bold: true,
        serif: true,
        anchor: "middle",
        color: if p.rating.level > 0 {
            level_color(&p)
        } else {
            P.ink_2
        },
    };
    s.text(450.0, 232.0 + size * 0.37, word, &p.rating.word);
    let issue = Type {
        size: 26.0,
        bold: true,
        serif: true,
        anchor: "middle",
        ..TEXT
    };
    s.text(450.0, 326.0, issue, &p.issue);
    s.text(450.0, 358.0, quiet, &p.week);
    s.finish()
}

/// The cover as a picture.
///
/// # Errors
/// [`Error::Picture`] where it cannot be drawn.
pub fn cover_png(b: &Bulletin, lang: Lang, fonts: &Fonts) -> Result<Vec<u8>, Error> {
    Ok(picture::raster(&cover(b, lang), 1.0, fonts)?.png)
}
