//! The SVG writer: lines, bars, dots and words on a canvas of known size, in the colors of a palette.
//!
//! Everything that can come from outside goes through [`Canvas::text`] and [`Canvas::finish`], which escape it;
//! tag and attribute names are literals. Text is kept inside the canvas by its measured width. Coordinates are
//! printed with one decimal, so the same drawing has the same bytes everywhere.

use super::measure;
use super::palette::Palette;
use model::bulletin::Lang;
use std::borrow::Cow;
use std::fmt::{Display, Write};

/// Which side of its point a text stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Anchor {
    /// Begins at the point.
    Start,
    /// Centered on it.
    Middle,
    /// Ends there.
    End,
}

/// Color and weight of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Muted: axes, history, notes.
    Muted,
    /// Row labels.
    Plain,
    /// What the chart is about.
    Bold,
    /// Bold, in the ground's color, inside a dark bar.
    Inside,
    /// A change for the worse; bold where the flag says so.
    Worse(bool),
    /// A change for the better.
    Better(bool),
}

impl Tone {
    fn bold(self) -> bool {
        matches!(
            self,
            Tone::Bold | Tone::Inside | Tone::Worse(true) | Tone::Better(true)
        )
    }
}

/// Where the finished SVG goes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Frame {
    /// Into a page, with a class the style sheet shows or hides it by.
    Page(&'static str),
    /// Into a file of its own, a PDF or a mail, with a margin of this many px on the palette's ground.
    File(f64),
}

/// A drawing in progress.
pub struct Canvas<'a> {
    /// Width, px.
    pub w: f64,
    /// Height, px.
    pub h: f64,
    /// Colors.
    pub palette: &'a Palette,
    /// Language of its words.
    pub lang: Lang,
    id: String,
    /// Finished shapes.
    body: String,
    /// Words, each with its place among the shapes.
    labels: Vec<(usize, Label)>,
    hatched: bool,
}

/// Words on a canvas. Pages and files have them inside the SVG; the PDF sets them with its own type over the shapes,
/// as fonts are slow to load into every picture.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Label {
    /// Horizontal place of the anchor, px.
    pub x: f64,
    /// Baseline, px.
    pub y: f64,
    /// Side of the anchor.
    pub anchor: Anchor,
    /// Color.
    pub fill: &'static str,
    /// Bold.
    pub bold: bool,
    /// Font size, px.
    pub size: f64,
    /// Has a rim in the ground's color, as it stands over lines.
    pub rim: bool,
    /// The words.
    pub text: String,
}

/// A picture for the PDF: shapes as SVG, words apart.
#[derive(Clone, Debug)]
pub struct Printed {
    /// Width, px.
    pub w: f64,
    /// The shapes.
    pub svg: String,
    /// The words over them.
    pub labels: Vec<Label>,
}

/// One decimal, no trailing zero, no negative zero. A number that is none is drawn at 0: the callers' geometry is
/// tested never to need it.
fn n(value: f64) -> impl Display {
    let tenths = if value.is_finite() {
        (value * 10.0).round().clamp(-1e9, 1e9) as i64
    } else {
        0
    };
    let (sign, tenths) = if tenths < 0 {
        ("-", -tenths)
    } else {
        ("", tenths)
    };
    match tenths % 10 {
        0 => format!("{sign}{}", tenths / 10),
        d => format!("{sign}{}.{d}", tenths / 10),
    }
}

/// Text escaped for element content and quoted attributes. Characters that XML cannot hold become a replacement
/// character; direction overrides are made visible, so that a hostile name cannot reorder its neighbours.
pub fn escape(text: &str) -> Cow<'_, str> {
    let special = |c: char| {
        matches!(c, '&' | '<' | '>' | '"' | '\'' | '\u{fffe}' | '\u{ffff}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
            || (c < ' ' && !matches!(c, '\t' | '\n' | '\r'))
    };
    if !text.contains(special) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c if special(c) => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

impl<'a> Canvas<'a> {
    /// An empty canvas; `id` must be unique in a page, as patterns are named after it.
    pub fn new(w: f64, h: f64, palette: &'a Palette, lang: Lang, id: String) -> Self {
        Canvas {
            w,
            h,
            palette,
            lang,
            id,
            body: String::new(),
            labels: Vec::new(),
            hatched: false,
        }
    }

    /// A straight line.
    pub fn line(&mut self, from: (f64, f64), to: (f64, f64), stroke: &str, width: f64) {
        self.dashed(from, to, stroke, width, "");
    }

    /// A straight line with a dash pattern; empty for none.
    pub fn dashed(
        &mut self,
        from: (f64, f64),
        to: (f64, f64),
        stroke: &str,
        width: f64,
        dash: &str,
    ) {
        let _ = write!(
            self.body,
            r#"<line x1="{}" y1="{}" x2="{}" y2="{}" stroke="{stroke}" stroke-width="{}""#,
            n(from.0),
            n(from.1),
            n(to.0),
            n(to.1),
            W(width)
        );
        self.end_with_dash(dash);
    }

    /// A line through points.
    pub fn path(&mut self, points: &[(f64, f64)], stroke: &str, width: f64, dash: &str) {
        self.body.push_str(r#"<polyline points=""#);
        for (i, p) in points.iter().enumerate() {
            let _ = write!(
                self.body,
                "{}{},{}",
                if i > 0 { " " } else { "" },
                n(p.0),
                n(p.1)
            );
        }
        let _ = write!(
            self.body,
            r#"" fill="none" stroke="{stroke}" stroke-width="{}" stroke-linejoin="round" stroke-linecap="round""#,
            W(width)
        );
        self.end_with_dash(dash);
    }

    fn end_with_dash(&mut self, dash: &str) {
        if !dash.is_empty() {
            let _ = write!(self.body, r#" stroke-dasharray="{dash}""#);
        }
        self.body.push_str("/>");
    }

    /// A filled rectangle; nothing where it has no area.
    pub fn rect(&mut self, x: f64, y: f64, w: f64, h: f64, fill: &str) {
        if w > 0.0 && h > 0.0 {
            let (x, y, w, h) = (n(x), n(y), n(w), n(h));
            let _ = write!(
                self.body,
                r#"<rect x="{x}" y="{y}" width="{w}" height="{h}" fill="{fill}"/>"#
            );
        }
    }

    /// A rectangle hatched as preliminary, or hollow.
    pub fn outlined(&mut self, x: f64, y: f64, w: f64, h: f64, stroke: &str, hatched: bool) {
        if w <= 1.0 || h <= 0.0 {
            return self.rect(x, y, w.max(0.0), h, stroke);
        }
        let fill = if hatched {
            self.hatched = true;
            format!("url(#{}-hatch)", escape(&self.id))
        } else {
            "none".to_owned()
        };
        // The stroke runs along the inner edge, so that the outer size is what was asked for.
        let (x, y, w, h) = (n(x + 0.5), n(y + 0.5), n(w - 1.0), n((h - 1.0).max(0.0)));
        let _ = write!(
            self.body,
            r#"<rect x="{x}" y="{y}" width="{w}" height="{h}" fill="{fill}" stroke="{stroke}"/>"#
        );
    }

    /// A dot, filled or as a ring, with a rim.
    pub fn dot(&mut self, at: (f64, f64), r: f64, fill: &str, rim: &str, rim_width: f64) {
        let _ = write!(
            self.body,
            r#"<circle cx="{}" cy="{}" r="{}" fill="{fill}" stroke="{rim}" stroke-width="{}"/>"#,
            n(at.0),
            n(at.1),
            n(r),
            W(rim_width)
        );
    }

    /// Words at a point; `y` is the baseline. Moved, and if need be cut, to stay inside the canvas. Returns the
    /// horizontal extent it takes.
    pub fn text(&mut self, at: (f64, f64), anchor: Anchor, tone: Tone, text: &str) -> (f64, f64) {
        let bold = tone.bold();
        let text = measure::fit(text, bold, self.w);
        if text.is_empty() {
            return (at.0, at.0);
        }
        let width = measure::width(&text, bold);
        let left = match anchor {
            Anchor::Start => at.0,
            Anchor::Middle => at.0 - width / 2.0,
            Anchor::End => at.0 - width,
        }
        .clamp(0.0, (self.w - width).max(0.0));
        let x = match anchor {
            Anchor::Start => left,
            Anchor::Middle => left + width / 2.0,
            Anchor::End => left + width,
        };
        let fill = match tone {
            Tone::Muted => self.palette.ink_2,
            Tone::Plain | Tone::Bold => self.palette.ink,
            Tone::Inside => self.palette.paper,
            Tone::Worse(_) => self.palette.worse,
            Tone::Better(_) => self.palette.better,
        };
        let y = at.1.clamp(measure::SIZE * 0.8, self.h - 1.0);
        self.label(
            (x, y),
            anchor,
            fill,
            bold,
            measure::SIZE,
            &straight_quotes(&text, self.lang),
        );
        (left, left + width)
    }

    /// Appends a finished drawing's content, moved down by `y`.
    pub fn place(&mut self, y: f64, inner: Canvas<'_>) {
        self.hatched |= inner.hatched;
        let _ = write!(self.body, r#"<g transform="translate(0 {})">"#, n(y));
        let from = self.body.len();
        self.body.push_str(&inner.body);
        self.labels
            .extend(inner.labels.into_iter().map(|(at, l)| (from + at, l)));
        self.body.push_str("</g>");
    }

    /// Words that stand over lines of the plot, with a rim in the ground's color.
    pub fn over(&mut self, at: (f64, f64), anchor: Anchor, tone: Tone, text: &str) -> (f64, f64) {
        let before = self.labels.len();
        let taken = self.text(at, anchor, tone, text);
        for (_, label) in &mut self.labels[before..] {
            label.rim = true;
        }
        taken
    }

    /// Words in another size, for titles of files.
    pub fn title(&mut self, at: (f64, f64), size: f64, bold: bool, text: &str) {
        let fill = if bold {
            self.palette.ink
        } else {
            self.palette.ink_2
        };
        let text = straight_quotes(text, self.lang);
        self.label(at, Anchor::Start, fill, bold, size, &text);
    }

    /// Words of a rating step, in a given color.
    pub fn step(&mut self, at: (f64, f64), size: f64, bold: bool, fill: &'static str, text: &str) {
        self.label(at, Anchor::Middle, fill, bold, size, text);
    }

    fn label(
        &mut self,
        at: (f64, f64),
        anchor: Anchor,
        fill: &'static str,
        bold: bool,
        size: f64,
        text: &str,
    ) {
        let text = super::view::clean(text);
        let label = Label {
            x: at.0,
            y: at.1,
            anchor,
            fill,
            bold,
            size,
            rim: false,
            text,
        };
        self.labels.push((self.body.len(), label));
    }

    /// Shapes and words apart, for the PDF.
    pub fn print(mut self) -> Printed {
        let labels = std::mem::take(&mut self.labels)
            .into_iter()
            .map(|(_, l)| l)
            .collect();
        Printed {
            w: self.w,
            svg: self.finish(Frame::File(0.0), ""),
            labels,
        }
    }

    /// Shapes and words in the order they were drawn.
    fn content(&self) -> String {
        let mut out = String::with_capacity(self.body.len() + 96 * self.labels.len());
        let mut from = 0;
        for (at, l) in &self.labels {
            out.push_str(&self.body[from..*at]);
            from = *at;
            out.push_str("<text");
            if l.rim {
                let _ = write!(
                    out,
                    r#" stroke="{}" stroke-width="4" stroke-linejoin="round" paint-order="stroke""#,
                    self.palette.paper
                );
            }
            let _ = write!(out, r#" x="{}" y="{}""#, n(l.x), n(l.y));
            match l.anchor {
                Anchor::Start => {}
                Anchor::Middle => out.push_str(r#" text-anchor="middle""#),
                Anchor::End => out.push_str(r#" text-anchor="end""#),
            }
            if l.size != measure::SIZE {
                let _ = write!(out, r#" font-size="{}""#, n(l.size));
            }
            if l.bold {
                out.push_str(r#" font-weight="700""#);
            }
            let _ = write!(out, r#" fill="{}">{}</text>"#, l.fill, escape(&l.text));
        }
        out.push_str(&self.body[from..]);
        out
    }

    /// The SVG. An empty `alt` hides it from screen readers, as a decoration whose text stands beside it.
    pub fn finish(self, frame: Frame, alt: &str) -> String {
        let mut out = String::with_capacity(self.body.len() + 400);
        out.push_str("<svg");
        match frame {
            Frame::Page(class) => {
                let _ = write!(
                    out,
                    r#" class="{class}" viewBox="0 0 {} {}""#,
                    n(self.w),
                    n(self.h)
                );
            }
            Frame::File(margin) => {
                let (w, h) = (n(self.w + 2.0 * margin), n(self.h + 2.0 * margin));
                let _ = write!(
                    out,
                    r#" xmlns="http://www.w3.org/2000/svg" width="{w}" height="{h}" viewBox="{m} {m} {w} {h}" font-family="{}" font-size="{}" xml:lang="{}""#,
                    self.palette.font,
                    measure::SIZE,
                    super::words::html_lang(self.lang),
                    m = n(-margin),
                );
            }
        }
        if alt.is_empty() {
            out.push_str(r#" aria-hidden="true">"#);
        } else {
            let _ = write!(out, r#" role="img" aria-label="{}">"#, escape(alt));
        }
        if self.hatched {
            let _ = write!(
                out,
                r#"<defs><pattern id="{}-hatch" width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect width="2" height="5" fill="{}"/></pattern></defs>"#,
                escape(&self.id),
                self.palette.c1
            );
        }
        if let Frame::File(margin) = frame
            && margin > 0.0
        {
            let (w, h) = (n(self.w + 2.0 * margin), n(self.h + 2.0 * margin));
            let _ = write!(
                out,
                r#"<rect x="{m}" y="{m}" width="{w}" height="{h}" fill="{}"/>"#,
                self.palette.paper,
                m = n(-margin)
            );
        }
        out.push_str(&self.content());
        out.push_str("</svg>");
        out
    }
}

/// Stroke widths keep two decimals.
struct W(f64);

impl Display for W {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(
            format!("{:.2}", self.0)
                .trim_end_matches('0')
                .trim_end_matches('.'),
        )
    }
}

/// Chinese fonts draw curly quotes a full em wide; a style sheet mends that in pages, but an SVG file has none.
fn straight_quotes(text: &str, lang: Lang) -> Cow<'_, str> {
    if lang == Lang::En && text.contains(['‘', '’', '“', '”']) {
        Cow::Owned(text.replace(['‘', '’'], "'").replace(['“', '”'], "\""))
    } else {
        Cow::Borrowed(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_is_escaped_and_cannot_turn_the_line_around() {
        let mut c = Canvas::new(
            400.0,
            40.0,
            &Palette::LIGHT,
            Lang::En,
            "x\"><script>".into(),
        );
        c.outlined(0.0, 0.0, 20.0, 20.0, Palette::LIGHT.c1, true);
        c.text(
            (0.0, 20.0),
            Anchor::Start,
            Tone::Plain,
            "<script>&\"'\u{202e}evil\u{0}",
        );
        let svg = c.finish(Frame::File(0.0), "a \"quoted\" <b>");
        assert!(
            !svg.contains("<script")
                && !svg.contains("<b>")
                && !svg.contains('\u{202e}')
                && !svg.contains('\u{0}')
        );
        assert!(svg.contains("&lt;script&gt;&amp;&quot;&#39;\u{fffd}evil\u{fffd}"));
    }

    #[test]
    fn coordinates_are_short_and_finite() {
        let shown: Vec<String> = [0.0, -0.04, 12.34, -3.96, f64::NAN, f64::INFINITY]
            .map(|v| n(v).to_string())
            .into();
        assert_eq!(shown, ["0", "0", "12.3", "-4", "0", "0"]);
        assert_eq!(W(1.75).to_string() + " " + &W(2.0).to_string(), "1.75 2");
    }

    #[test]
    fn text_stays_inside() {
        let mut c = Canvas::new(100.0, 20.0, &Palette::LIGHT, Lang::Zh, "t".into());
        for x in [-50.0, 0.0, 50.0, 100.0, 500.0] {
            for anchor in [Anchor::Start, Anchor::Middle, Anchor::End] {
                let (l, r) = c.text(
                    (x, 10.0),
                    anchor,
                    Tone::Bold,
                    "很长很长很长很长很长的一行字",
                );
                assert!(l >= 0.0 && r <= 100.0, "{l} {r}");
            }
        }
    }
}
