//! How wide a text will be, without a font at hand.
//!
//! Chart labels are placed by these widths in every renderer, so that the same SVG comes out on every machine.
//! Numbers are the advances of Noto Sans CJK SC in thousandths of an em; other sans-serif fonts are close enough
//! for labels with a little room. CJK is one em.

use std::borrow::Cow;

/// Font size of all chart text, px.
pub const SIZE: f64 = 12.0;

/// Advances of U+0020 to U+007E, regular weight.
#[rustfmt::skip]
const REGULAR: [u16; 95] = [
    224,323,474,555,555,921,680,278,338,338,467,555,278,347,278,392,555,555,555,555,555,555,555,555,555,555,278,278,
    555,555,555,474,946,608,657,638,688,589,552,689,728,293,535,646,543,812,723,742,633,742,635,596,599,721,575,878,
    573,531,603,338,392,338,555,559,606,563,618,510,620,554,325,564,607,275,275,552,284,926,610,606,620,620,388,468,
    377,607,521,802,498,521,475,338,270,338,555,
];

/// The same in bold.
#[rustfmt::skip]
const BOLD: [u16; 95] = [
    227,370,574,590,590,963,740,325,378,378,507,590,325,370,325,387,590,590,590,590,590,590,590,590,590,590,325,325,
    590,590,590,514,1007,641,681,656,714,615,585,717,757,330,568,686,578,853,749,770,667,770,682,624,625,748,619,915,
    627,580,613,378,387,378,590,567,626,591,644,527,644,581,372,597,640,304,306,604,315,964,641,626,644,644,436,495,
    421,637,576,863,562,574,511,378,296,378,590,
];

/// Thousandths of an em.
fn advance(c: char, bold: bool) -> u16 {
    let table = if bold { &BOLD } else { &REGULAR };
    match c {
        ' '..='~' => table[c as usize - 0x20],
        '\u{2013}' | '\u{2212}' => 560,
        '\u{2014}' => 910,
        '\u{300}'..='\u{36f}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{202a}'..='\u{202e}' => 0,
        // Latin with marks, Greek, Cyrillic and the like: a wide lower-case letter.
        '\u{a0}'..='\u{10ff}' => 650,
        _ => 1000,
    }
}

/// Han and kana, between which and Latin text a gap is set.
fn is_han(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

/// Width in px of `text` at [`SIZE`]; includes an eighth of an em between Han and Latin letters or digits.
pub fn width(text: &str, bold: bool) -> f64 {
    let mut thousandths = 0u32;
    let mut before: Option<char> = None;
    for c in text.chars() {
        if let Some(b) = before
            && ((is_han(b) && c.is_ascii_alphanumeric())
                || (b.is_ascii_alphanumeric() && is_han(c)))
        {
            thousandths += 125;
        }
        thousandths += u32::from(advance(c, bold));
        before = Some(c);
    }
    f64::from(thousandths) * SIZE / 1000.0
}

/// The widest of some texts.
pub fn widest<'a>(texts: impl IntoIterator<Item = &'a str>, bold: bool) -> f64 {
    texts
        .into_iter()
        .map(|t| width(t, bold))
        .fold(0.0, f64::max)
}

/// `text` cut to `room` px with an ellipsis; empty where not even that fits.
pub fn fit(text: &str, bold: bool, room: f64) -> Cow<'_, str> {
    if width(text, bold) <= room {
        return Cow::Borrowed(text);
    }
    let mut end = text.len();
    while let Some((at, _)) = text[..end].char_indices().next_back() {
        end = at;
        let cut = format!("{}…", text[..end].trim_end());
        if width(&cut, bold) <= room {
            return if end == 0 {
                Cow::Borrowed("")
            } else {
                Cow::Owned(cut)
            };
        }
    }
    Cow::Borrowed("")
}

/// `text` broken into lines of at most `room` px: Latin at spaces, CJK anywhere but before closing punctuation.
pub fn wrap(text: &str, bold: bool, room: f64) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for piece in pieces(text) {
        let candidate = format!("{line}{piece}");
        if !line.is_empty() && width(candidate.trim_end(), bold) > room {
            lines.push(line.trim_end().to_owned());
            line = piece.trim_start().to_owned();
        } else {
            line = candidate;
        }
    }
    if !line.is_empty() {
        lines.push(line.trim_end().to_owned());
    }
    lines
}

/// `text` on at most two lines of `room` px, the second cut where it is too long.
pub fn two_lines(text: &str, bold: bool, room: f64) -> Vec<String> {
    let mut lines = wrap(text, bold, room);
    if lines.len() > 2 {
        let rest = lines.split_off(1).concat();
        lines.push(rest);
    }
    lines
        .iter()
        .map(|line| fit(line, bold, room).into_owned())
        .collect()
}

/// The unbreakable pieces of a text, in order.
pub fn pieces(text: &str) -> Vec<&str> {
    let closing = |c: char| "，。、；：？！）》」』”’％—～…".contains(c);
    let mut out = Vec::new();
    let mut start = 0;
    let mut before: Option<char> = None;
    for (at, c) in text.char_indices() {
        let breaks = match before {
            None => false,
            Some(' ') => c != ' ',
            Some(b) => {
                (is_han(b) || is_han(c) || closing(b)) && !closing(c) && !"（《「『“‘—".contains(b)
            }
        };
        if breaks {
            out.push(&text[start..at]);
            start = at;
        }
        before = Some(c);
    }
    if start < text.len() {
        out.push(&text[start..]);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn han_is_one_em_and_digits_are_tabular() {
        assert_eq!(width("本周", false), 24.0);
        assert_eq!(width("1111", false), width("8888", false));
        assert!(width("本周28", true) > width("本周28", false));
    }

    #[test]
    fn fitting_cuts_at_characters_and_never_exceeds_the_room() {
        for text in ["应用程序和操作系统", "Applications", "混合 mixed 文字", ""] {
            for room in [0.0, 5.0, 11.9, 12.0, 30.0, 1000.0] {
                assert!(
                    width(&fit(text, false, room), false) <= room,
                    "{text} in {room}"
                );
            }
        }
        assert_eq!(fit("短", false, 12.0), "短");
    }

    #[test]
    fn wrapping_keeps_every_character_and_punctuation_off_line_starts() {
        let text = "境内感染恶意程序的主机地址，万台，2022年10月17日—2023年1月15日，按周";
        let lines = wrap(text, false, 140.0);
        assert_eq!(lines.concat(), text);
        assert!(
            lines.iter().all(|l| !l.starts_with(['，', '—'])),
            "{lines:?}"
        );
        assert_eq!(wrap("one two three", false, 46.0), ["one two", "three"]);
        assert_eq!(
            two_lines("被植入后门的网站", false, 60.0),
            ["被植入后门", "的网站"]
        );
        let cut = two_lines("被植入后门的网站和被篡改的网站", false, 60.0);
        assert!(cut.len() == 2 && cut[1].ends_with('…'), "{cut:?}");
    }
}
