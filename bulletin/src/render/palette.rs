//! The design tokens: one table of colors for pages, files and print.
//!
//! The style sheet, the SVG writer and the PDF all read these constants, so that no color lives twice. Contrast
//! figures are against `paper` of the same palette: at least 4.5 for text, 3 for marks.

use std::fmt::Write;

/// Colors and font of one surface. Pages use names (`var(--c1)`), everything else literals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Palette {
    /// Ground.
    pub paper: &'static str,
    /// Hover, the unfilled rating step.
    pub sunk: &'static str,
    /// Text.
    pub ink: &'static str,
    /// Labels, units, axes, notes.
    pub ink_2: &'static str,
    /// Hairline between things.
    pub line: &'static str,
    /// Hairline that carries meaning: zero line, ticks.
    pub line_2: &'static str,
    /// The fire: the one thing to do next, and the mark in the masthead.
    pub accent: &'static str,
    /// A change for the worse; always beside an arrow and a word.
    pub worse: &'static str,
    /// A change for the better.
    pub better: &'static str,
    /// The five ratings, best first; used nowhere else, ordered in lightness.
    pub ratings: [&'static str; 5],
    /// Word on a filled rating step.
    pub on_rating: &'static str,
    /// This week.
    pub c1: &'static str,
    /// The line through history.
    pub c2: &'static str,
    /// Last week, the rest.
    pub c3: &'static str,
    /// Range of the last 52 weeks: ground only, its ends are labelled.
    pub c4: &'static str,
    /// Font stack of chart text.
    pub font: &'static str,
}

/// Fonts by name for files and print; the first is what `fonts-noto-cjk` installs.
const FILE_FONT: &str =
    "Noto Sans CJK SC, Source Han Sans SC, PingFang SC, Microsoft YaHei, sans-serif";

impl Palette {
    /// Names, resolved by the page's style sheet in light, dark and print.
    pub const PAGE: Palette = Palette {
        paper: "var(--paper)",
        sunk: "var(--sunk)",
        ink: "var(--ink)",
        ink_2: "var(--ink-2)",
        line: "var(--line)",
        line_2: "var(--line-2)",
        accent: "var(--accent)",
        worse: "var(--worse)",
        better: "var(--better)",
        ratings: [
            "var(--r1)",
            "var(--r2)",
            "var(--r3)",
            "var(--r4)",
            "var(--r5)",
        ],
        on_rating: "var(--on-r)",
        c1: "var(--c1)",
        c2: "var(--c2)",
        c3: "var(--c3)",
        c4: "var(--c4)",
        font: "",
    };

    /// Light screens.
    pub const LIGHT: Palette = Palette {
        paper: "#fcfbf8",
        sunk: "#f4f2ec",
        ink: "#1b1f23",
        ink_2: "#5a6067",
        line: "#dcd9d1",
        line_2: "#8f8b80",
        accent: "#b3301c",
        worse: "#8f5600",
        better: "#0b6b6b",
        ratings: ["#2a9490", "#31843f", "#835f06", "#963606", "#7f0e29"],
        on_rating: "#ffffff",
        c1: "#1f3a54",
        c2: "#557391",
        c3: "#7b92a8",
        c4: "#e3e9ee",
        font: FILE_FONT,
    };

    /// Dark screens.
    pub const DARK: Palette = Palette {
        paper: "#131618",
        sunk: "#1b1f22",
        ink: "#e8e6e1",
        ink_2: "#a3a8ad",
        line: "#2e3438",
        line_2: "#6d7378",
        accent: "#f27a5e",
        worse: "#e2a443",
        better: "#56c2b6",
        ratings: ["#63cfc8", "#7cbc6a", "#c2983a", "#d9772f", "#e04a64"],
        on_rating: "#131618",
        c1: "#dbe6f0",
        c2: "#93abc1",
        c3: "#667c91",
        c4: "#252d34",
        font: FILE_FONT,
    };

    /// Paper: always light, on white.
    pub const PRINT: Palette = Palette {
        paper: "#ffffff",
        sunk: "#f6f5f1",
        ink_2: "#555b61",
        line: "#d4d1c9",
        ..Palette::LIGHT
    };

    /// The color of a rating level, 1 (best) to 5.
    pub fn rating(&self, level: u8) -> &'static str {
        self.ratings[usize::from(level.clamp(1, 5)) - 1]
    }

    /// The declarations of this palette, without braces.
    fn declarations(&self, scheme: &str) -> String {
        let mut out = format!("color-scheme:{scheme}");
        let named = [
            ("paper", self.paper),
            ("sunk", self.sunk),
            ("ink", self.ink),
            ("ink-2", self.ink_2),
            ("line", self.line),
            ("line-2", self.line_2),
            ("accent", self.accent),
            ("worse", self.worse),
            ("better", self.better),
            ("on-r", self.on_rating),
            ("c1", self.c1),
            ("c2", self.c2),
            ("c3", self.c3),
            ("c4", self.c4),
        ];
        for (name, value) in named {
            let _ = write!(out, ";--{name}:{value}");
        }
        for (i, value) in self.ratings.iter().enumerate() {
            let _ = write!(out, ";--r{}:{value}", i + 1);
        }
        out
    }
}

/// The tokens as a style sheet: light, dark by the reader's setting or by hand, and paper. `data-theme` works on
/// any element, so light and dark may stand side by side.
pub fn css() -> String {
    let light = Palette::LIGHT.declarations("light");
    let dark = Palette::DARK.declarations("dark");
    let print = Palette::PRINT.declarations("light");
    format!(
        ":root,[data-theme=light]{{{light}}}\n[data-theme=dark]{{{dark}}}\n\
         @media (prefers-color-scheme:dark){{:root:not([data-theme]){{{dark}}}}}\n\
         @media print{{:root,:root:not([data-theme]),[data-theme=dark]{{{print}}}}}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn luminance(hex: &str) -> f64 {
        let part = |i: usize| {
            let v = f64::from(u8::from_str_radix(&hex[i..i + 2], 16).expect("a hex color")) / 255.0;
            if v <= 0.04045 {
                v / 12.92
            } else {
                ((v + 0.055) / 1.055).powf(2.4)
            }
        };
        0.2126 * part(1) + 0.7152 * part(3) + 0.0722 * part(5)
    }

    fn contrast(a: &str, b: &str) -> f64 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn text_reaches_4_5_and_marks_reach_3() {
        for p in [Palette::LIGHT, Palette::DARK, Palette::PRINT] {
            for text in [p.ink, p.ink_2, p.accent, p.worse, p.better] {
                assert!(contrast(text, p.paper) >= 4.5, "{text} on {}", p.paper);
            }
            // Inside bars: the paper color on the two dark strengths.
            for ground in [p.c1, p.c2] {
                assert!(contrast(p.paper, ground) >= 4.5, "{} on {ground}", p.paper);
            }
            for mark in [p.line_2, p.c1, p.c2, p.c3].into_iter().chain(p.ratings) {
                assert!(contrast(mark, p.paper) >= 3.0, "{mark} on {}", p.paper);
            }
            for step in p.ratings {
                assert!(
                    contrast(p.on_rating, step) >= 3.0,
                    "{} on {step}",
                    p.on_rating
                );
            }
        }
    }

    #[test]
    fn worse_ratings_stand_out_less_from_dark_and_more_from_light() {
        for (p, darker) in [
            (Palette::LIGHT, true),
            (Palette::PRINT, true),
            (Palette::DARK, true),
        ] {
            let l: Vec<f64> = p.ratings.iter().map(|c| luminance(c)).collect();
            assert!(l.windows(2).all(|w| (w[0] > w[1]) == darker), "{l:?}");
        }
    }
}
