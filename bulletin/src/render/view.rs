//! One language of a bulletin, resolved: every text chosen, cleaned and cut into runs, ready to be laid out.
//!
//! The HTML template and the PDF template both lay out this; neither chooses a word or a number of its own.

mod resolve;

pub use resolve::page;

use super::words::Words;
use serde::Serialize;

/// A bulletin in one language.
#[derive(Debug, Serialize)]
pub struct Page<'a> {
    /// Language tag.
    pub html_lang: &'static str,
    /// `zh` or `en`.
    pub lang: &'static str,
    /// The other language's code and its own name.
    pub other: (&'static str, &'static str),
    /// Fixed words.
    pub w: &'static Words,
    /// File name without language and extension.
    pub stem: String,
    pub title: String,
    pub publisher: String,
    pub about: String,
    pub issue: String,
    pub week: String,
    pub published: String,
    pub tlp: &'static str,
    pub tlp_class: &'static str,
    pub draft: &'static str,
    pub banner: String,
    pub corrections: Vec<(String, String)>,
    pub rating: Rating<'a>,
    pub vulnerability: Option<Vulnerability<'a>>,
    pub situation: Vec<Vec<Piece<'a>>>,
    pub board_note: Vec<Piece<'a>>,
    pub tiles: Vec<Tile<'a>>,
    pub handling: Vec<HandlingCell<'a>>,
    pub lead: Option<Story<'a>>,
    pub news: Vec<Story<'a>>,
    pub sections: Vec<Section<'a>>,
    pub notes: Vec<(String, Vec<Piece<'a>>)>,
    pub recent: Vec<Recent>,
    pub values: Vec<ValueRow<'a>>,
    pub provenance: Vec<String>,
    pub hash: String,
    /// Short description for search engines and previews.
    pub description: String,
}

/// A piece of text; a number leads to its record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Piece<'a> {
    pub text: String,
    /// Stays on one line.
    pub keep: bool,
    /// A Han character before the piece that stays on its line, so that the gap between the two never opens a line.
    pub lead: String,
    /// Key of the statistic value, empty for words.
    pub key: &'a str,
    /// Fragment of its row in the list of all figures.
    pub anchor: String,
    /// `value`, `change` or `previous`.
    pub aspect: &'static str,
    /// The exact value, for machines.
    pub exact: String,
}

#[derive(Debug, Serialize)]
pub struct Rating<'a> {
    /// The word, or "not assessed".
    pub word: String,
    /// 1 to 5; 0 not assessed.
    pub level: u8,
    /// Why not assessed.
    pub reason: String,
    pub steps: Vec<Step>,
    pub sentence: Vec<Piece<'a>>,
    pub rows: Vec<WorkingRow<'a>>,
    /// Rows under the indicators: name and value.
    pub totals: Vec<(String, String)>,
    pub notes: Vec<String>,
    pub alt: String,
}

#[derive(Debug, Serialize)]
pub struct Step {
    pub word: String,
    pub now: bool,
    pub was: bool,
}

#[derive(Debug, Serialize)]
pub struct WorkingRow<'a> {
    pub name: String,
    pub amount: Piece<'a>,
    pub median: String,
    pub ln_ratio: String,
    pub weight: String,
    pub contribution: String,
    pub missing: String,
}

#[derive(Debug, Serialize)]
pub struct Vulnerability<'a> {
    pub word: String,
    pub sentence: Vec<Piece<'a>>,
}

/// A change ready to print: arrow, amount, word, and a class for its color.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ChangeView {
    pub arrow: &'static str,
    pub text: String,
    pub word: &'static str,
    /// `worse`, `better`, `same`, `flat` or `nc`.
    pub class: &'static str,
    /// Explanation, for a tooltip and screen readers.
    pub note: String,
}

#[derive(Debug, Serialize)]
pub struct Tile<'a> {
    pub name: String,
    pub amount: Piece<'a>,
    pub unit: String,
    pub missing: String,
    pub change: ChangeView,
    pub range: String,
    pub alt: String,
    pub sources: String,
    /// Fragment of the coverage note; empty where there is none.
    pub note: String,
    pub index: usize,
}

#[derive(Debug, Serialize)]
pub struct HandlingCell<'a> {
    pub name: String,
    pub amount: Piece<'a>,
    pub unit: String,
    pub note: String,
    pub overdue: bool,
}

/// The editor's prose: the case of the week, an item of the news.
#[derive(Debug, Serialize)]
pub struct Story<'a> {
    pub id: &'a str,
    pub title: String,
    pub paragraphs: Vec<Vec<Piece<'a>>>,
    /// Address, `https` only; empty where there is none that may be printed.
    pub link: String,
    /// Its host, the text of the link.
    pub host: String,
}

#[derive(Debug, Serialize)]
pub struct Section<'a> {
    pub id: &'a str,
    pub number: u32,
    pub title: String,
    pub paragraphs: Vec<Vec<Piece<'a>>>,
    pub tables: Vec<TableView<'a>>,
    pub charts: Vec<ChartView<'a>>,
    pub note: String,
}

#[derive(Debug, Serialize)]
pub struct TableView<'a> {
    pub head: Vec<String>,
    pub rows: Vec<RowView<'a>>,
}

#[derive(Debug, Serialize)]
pub struct RowView<'a> {
    pub name: String,
    pub cells: Vec<Piece<'a>>,
    pub total: bool,
}

#[derive(Debug, Serialize)]
pub struct ChartView<'a> {
    pub number: u32,
    pub id: &'a str,
    pub label: String,
    pub data_label: String,
    pub title: Vec<Piece<'a>>,
    pub subtitle: Vec<Piece<'a>>,
    pub alt: String,
    /// One table, or two halves side by side when it is long.
    pub tables: Vec<TableView<'a>>,
    pub source: String,
    pub query: String,
    pub note: String,
}

#[derive(Debug, Serialize)]
pub struct Recent {
    pub issue: String,
    pub week: String,
    pub level: u8,
    pub word: String,
    pub file: String,
}

/// A row of the list of all figures.
#[derive(Debug, Serialize)]
pub struct ValueRow<'a> {
    pub key: String,
    pub anchor: String,
    pub name: String,
    pub amount: Piece<'a>,
    pub unit: String,
    pub previous: String,
    pub change: ChangeView,
    pub version: u32,
}

/// Text made safe to show: control characters and direction overrides become a visible replacement character.
pub fn clean(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\n' | '\t' => ' ',
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{fffe}' | '\u{ffff}' => {
                '\u{fffd}'
            }
            c if c.is_control() => '\u{fffd}',
            c => c,
        })
        .collect()
}

/// A fragment identifier for a value's key: letters, digits and hyphens stay, every other byte becomes `.` and two
/// hexadecimal digits, so that different keys never meet.
pub fn anchor(key: &str) -> String {
    let mut out = String::from("v-");
    for b in key.bytes() {
        if b.is_ascii_alphanumeric() || b == b'-' {
            out.push(char::from(b));
        } else {
            out.push_str(&format!(".{b:02x}"));
        }
    }
    out
}

/// An address that may stand in a link: `https`, a host, and only characters that an address consists of (RFC 3986);
/// with its host. Everything else a person may have typed is no link.
pub fn address(link: &str) -> Option<(&str, &str)> {
    let rest = link.strip_prefix("https://")?;
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~:/?#[]@!$&'()*+,;=%".contains(c);
    let named = !host.is_empty()
        && host
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-.:".contains(c));
    (named && link.chars().all(plain)).then_some((link, host))
}

/// Cuts plain text so that dates and numbers with their unit stay on one line: a run of digits with its points,
/// signs and date words, one Han character after it, and a dash that must not begin a line.
pub fn keep_numbers(text: &str) -> Vec<Piece<'static>> {
    let mut out: Vec<Piece<'static>> = Vec::new();
    let mut push = |text: &str, keep: bool| {
        if !text.is_empty() {
            out.push(Piece {
                text: text.to_owned(),
                keep,
                ..Piece::words("")
            });
        }
    };
    let chars: Vec<(usize, char)> = text.char_indices().collect();
    let (mut start, mut i) = (0, 0);
    while i < chars.len() {
        if !chars[i].1.is_ascii_digit() {
            i += 1;
            continue;
        }
        let from = i;
        let inner = |c: char| c.is_ascii_digit() || ".,%年月日号时～/".contains(c);
        while i < chars.len() && inner(chars[i].1) {
            i += 1;
            // A day and the time of that day are two pieces.
            if chars[i - 1].1 == '日' && chars.get(i).is_some_and(|c| c.1.is_ascii_digit()) {
                break;
            }
        }
        // A comma or point that ends a clause is no part of the number.
        while i > from && matches!(chars[i - 1].1, ',' | '.') {
            i -= 1;
        }
        if i < chars.len() && han(chars[i].1) && !"年月日号时".contains(chars[i - 1].1) {
            i += 1;
            while i < chars.len() && "万亿".contains(chars[i - 1].1) && han(chars[i].1) {
                i += 1;
            }
        }
        while i < chars.len() && chars[i].1 == '—' {
            i += 1;
        }
        let end = chars.get(i).map_or(text.len(), |c| c.0);
        push(&text[start..chars[from].0], false);
        push(&text[chars[from].0..end], true);
        start = end;
    }
    push(&text[start..], false);
    out
}

fn han(c: char) -> bool {
    ('\u{4e00}'..='\u{9fff}').contains(&c)
}

/// Moves the Han character before each kept piece that begins with a letter or digit into the piece's lead.
pub fn lead(pieces: &mut [Piece<'_>]) {
    for at in 1..pieces.len() {
        let (before, rest) = pieces.split_at_mut(at);
        let (Some(before), Some(piece)) = (before.last_mut(), rest.first_mut()) else {
            continue;
        };
        let latin = piece.text.starts_with(|c: char| c.is_ascii_alphanumeric());
        if piece.keep && latin && !before.keep && before.text.ends_with(han) {
            piece.lead.extend(before.text.pop());
        }
    }
}

impl Piece<'_> {
    fn words(text: &str) -> Piece<'static> {
        Piece {
            text: clean(text),
            keep: false,
            lead: String::new(),
            key: "",
            anchor: String::new(),
            aspect: "",
            exact: String::new(),
        }
    }
}

/// Only characters that are safe in a relative address and a file name on every system.
pub fn file_part(text: &str) -> String {
    text.chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || "-_.".contains(c) {
                c
            } else {
                '-'
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(text: &str) -> Vec<String> {
        keep_numbers(text)
            .into_iter()
            .filter(|p| p.keep)
            .map(|p| p.text)
            .collect()
    }

    #[test]
    fn dates_numbers_and_units_stay_whole() {
        assert_eq!(
            kept("主机地址，万台，2022年10月17日—2023年1月15日，按周"),
            ["2022年10月17日—", "2023年1月15日"]
        );
        assert_eq!(
            kept("近13周，约28.4万台，占60.5%。"),
            ["13周", "28.4万台", "60.5%"]
        );
        assert_eq!(kept("no numbers"), Vec::<String>::new());
        for text in ["9", "1.", "a1b2", "3—", "，1，"] {
            assert_eq!(
                keep_numbers(text)
                    .iter()
                    .map(|p| p.text.as_str())
                    .collect::<String>(),
                text
            );
        }
    }

    #[test]
    fn a_day_and_its_time_may_part() {
        assert_eq!(
            kept("2026年11月17日14时20分至17时05分"),
            ["2026年11月17日", "14时20分", "17时05分"]
        );
    }

    #[test]
    fn the_character_before_a_number_stays_with_it() {
        let led = |text: &str| {
            let mut pieces = keep_numbers(text);
            lead(&mut pieces);
            pieces
                .iter()
                .map(|p| format!("{}|{}", p.lead, p.text))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            led("主机约2.1万个，12个"),
            ["|主机", "约|2.1万个", "|，", "|12个"]
        );
        assert_eq!(led("9"), ["|9"]);
    }

    #[test]
    fn anchors_never_meet() {
        let keys = [
            "V6/application",
            "V6.2fapplication",
            "V6-application",
            "M1@2023-2",
            "省/广东",
        ];
        let anchors: std::collections::BTreeSet<String> = keys.iter().map(|k| anchor(k)).collect();
        assert_eq!(anchors.len(), keys.len());
        assert!(anchors.iter().all(|a| {
            a.bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b))
        }));
    }

    #[test]
    fn only_plain_https_addresses_are_links() {
        assert_eq!(
            address("https://www.example.com/a?b=c#d"),
            Some(("https://www.example.com/a?b=c#d", "www.example.com"))
        );
        for bad in [
            "http://example.com",
            "javascript:alert(1)",
            "https://",
            "https:///x",
            "https://user@example.com/",
            "https://example.com/\"><b>",
            "https://example.com/a b",
            "https://例子.test/",
            " https://example.com",
        ] {
            assert_eq!(address(bad), None, "{bad}");
        }
    }

    #[test]
    fn hostile_characters_become_visible() {
        assert_eq!(clean("a\u{202e}b\u{0}c\nd"), "a\u{fffd}b\u{fffd}c d");
        assert_eq!(file_part("../x y"), "..-x-y");
    }
}
