//! Links and indicators in prose: what can be followed is sound, and what is malicious cannot be followed.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr};

use model::bulletin::{Lang, Text};

use super::prose::{Piece, is_han, object, pieces, sides};
use super::{Desk, Report};
use crate::editorial::Block;

/// Whether a text is an address that a reader may be sent to.
pub(super) fn is_sound_link(link: &str) -> bool {
    let Some(rest) = link.strip_prefix("https://") else {
        return false;
    };
    let host = rest.split(['/', '?', '#']).next().unwrap_or("");
    let host = host.split_once(':').map_or(host, |(host, port)| {
        if port.parse::<u16>().is_ok() {
            host
        } else {
            ""
        }
    });
    let labels: Vec<&str> = host.split('.').collect();
    labels.len() >= 2
        && labels.iter().all(|label| {
            !label.is_empty()
                && label.chars().all(|c| c.is_alphanumeric() || c == '-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        })
        && labels
            .last()
            .is_some_and(|top| top.chars().any(char::is_alphabetic))
        && !link.chars().any(|c| {
            c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | '"' | '\\' | '@')
        })
}

pub(super) fn links(desk: &Desk<'_>, report: &mut Report<'_>) {
    for block in &desk.subject.editorial.blocks {
        if let Some(link) = block.link.as_ref().filter(|link| !is_sound_link(link)) {
            report.add(
                object(block),
                Text::new(
                    format!("链接“{link}”不是完整的https地址"),
                    format!("“{link}” is no whole https address"),
                ),
                Text::new(
                    "写成https://开头的地址",
                    "write an address that begins with https://",
                ),
            );
        }
    }
}

/// A token that a browser or mail program would open.
pub(super) fn is_live(token: &str) -> bool {
    let lower = token.to_ascii_lowercase();
    let scheme = [
        "http://",
        "https://",
        "ftp://",
        "sftp://",
        "data:",
        "javascript:",
        "magnet:",
    ];
    if scheme.iter().any(|scheme| lower.contains(scheme)) {
        return !lower.contains("[.]");
    }
    let host = lower.split(['/', ':']).next().unwrap_or("");
    host.parse::<Ipv4Addr>().is_ok()
        || (lower.matches(':').count() >= 2 && lower.parse::<Ipv6Addr>().is_ok())
}

fn words(block: &Block, lang: Lang) -> Vec<&str> {
    sides(block, lang)
        .into_iter()
        .flat_map(pieces)
        .filter_map(|piece| match piece {
            Piece::Words(words) | Piece::Keep(words) => Some(words),
            _ => None,
        })
        .collect()
}

/// Runs without blanks, Chinese or quotes.
pub(super) fn strings(words: &str) -> impl Iterator<Item = &str> {
    words
        .split(|c: char| {
            c.is_whitespace() || is_han(c) || "，。；、：！？（）“”‘’《》\"'<>()".contains(c)
        })
        .map(|token| token.trim_matches(['.', ',', ';', ':', '!', '?']))
        .filter(|token| !token.is_empty())
}

fn each_string(
    desk: &Desk<'_>,
    report: &mut Report<'_>,
    of: fn(&str) -> bool,
    say: fn(&str) -> (Text, Text),
) {
    for block in &desk.subject.editorial.blocks {
        let mut told = BTreeSet::new();
        for token in Lang::ALL
            .iter()
            .flat_map(|lang| words(block, *lang))
            .flat_map(strings)
        {
            if of(token) && told.insert(token) {
                let (text, remedy) = say(token);
                report.add(object(block), text, remedy);
            }
        }
    }
}

pub(super) fn live_indicators(desk: &Desk<'_>, report: &mut Report<'_>) {
    each_string(desk, report, is_live, |token| {
        (
            Text::new(
                format!("“{token}”可以点开"),
                format!("“{token}” can be opened"),
            ),
            Text::new(
                "写成hxxp://、example[.]com、192[.]0[.]2[.]1；正当的地址放在链接栏",
                "write hxxp://, example[.]com, 192[.]0[.]2[.]1; a good address belongs into the block's link",
            ),
        )
    });
}

/// Marks that turn or isolate the direction of writing, by the names of Unicode.
const DIRECTION_MARKS: [(char, &str); 12] = [
    ('\u{061c}', "ARABIC LETTER MARK"),
    ('\u{200e}', "LEFT-TO-RIGHT MARK"),
    ('\u{200f}', "RIGHT-TO-LEFT MARK"),
    ('\u{202a}', "LEFT-TO-RIGHT EMBEDDING"),
    ('\u{202b}', "RIGHT-TO-LEFT EMBEDDING"),
    ('\u{202c}', "POP DIRECTIONAL FORMATTING"),
    ('\u{202d}', "LEFT-TO-RIGHT OVERRIDE"),
    ('\u{202e}', "RIGHT-TO-LEFT OVERRIDE"),
    ('\u{2066}', "LEFT-TO-RIGHT ISOLATE"),
    ('\u{2067}', "RIGHT-TO-LEFT ISOLATE"),
    ('\u{2068}', "FIRST STRONG ISOLATE"),
    ('\u{2069}', "POP DIRECTIONAL ISOLATE"),
];

/// The direction marks of a text, each once, with the word before it so that it can be found.
pub(super) fn marks_of(text: &str) -> Vec<(char, &'static str, String)> {
    let mut found: Vec<(char, &'static str, String)> = Vec::new();
    for (at, c) in text.char_indices() {
        let Some((_, name)) = DIRECTION_MARKS.iter().find(|(mark, _)| *mark == c) else {
            continue;
        };
        if found.iter().any(|(mark, ..)| *mark == c) {
            continue;
        }
        let visible = |c: &char| DIRECTION_MARKS.iter().all(|(mark, _)| mark != c);
        let before: Vec<char> = text[..at].chars().rev().filter(visible).take(8).collect();
        found.push((c, name, before.into_iter().rev().collect()));
    }
    found
}

pub(super) fn direction_marks(desk: &Desk<'_>, report: &mut Report<'_>) {
    for block in &desk.subject.editorial.blocks {
        let link = block.link.as_deref().unwrap_or_default();
        let texts = Lang::ALL.iter().flat_map(|lang| sides(block, *lang));
        let mut told = BTreeSet::new();
        for (mark, name, before) in texts.chain([link]).flat_map(marks_of) {
            if !told.insert(mark) {
                continue;
            }
            let code = u32::from(mark);
            report.add(
                object(block),
                Text::new(
                    format!("“{before}”之后有改变书写方向的控制符U+{code:04X}（{name}）"),
                    format!("after “{before}” stands U+{code:04X} ({name}), which turns the direction of writing"),
                ),
                Text::new("删去该控制符", "delete the mark"),
            );
        }
    }
}

/// Endings of file names and of code that look like domains.
const NOT_DOMAINS: [&str; 14] = [
    "exe", "dll", "php", "html", "htm", "js", "zip", "rar", "pdf", "doc", "docx", "xls", "apk",
    "txt",
];

pub(super) fn is_bare_domain(token: &str) -> bool {
    let lower = token.to_ascii_lowercase();
    if lower.contains(['@', '[', '/', ':']) {
        return false;
    }
    let labels: Vec<&str> = lower.split('.').collect();
    labels.len() >= 2
        && labels.iter().all(|label| !label.is_empty() && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'))
        && labels.last().is_some_and(|top| {
            top.len() >= 2 && top.chars().all(|c| c.is_ascii_alphabetic()) && !NOT_DOMAINS.contains(top)
        })
        // `e.g.`, `i.e` and the like.
        && labels.iter().any(|label| label.len() > 2)
}

pub(super) fn bare_domains(desk: &Desk<'_>, report: &mut Report<'_>) {
    each_string(desk, report, is_bare_domain, |token| {
        (
            Text::new(
                format!("文中有域名“{token}”"),
                format!("the prose names the domain “{token}”"),
            ),
            Text::new(
                "恶意的写成example[.]com；正当的说明即可",
                "write a malicious one as example[.]com; say that a good one is good",
            ),
        )
    });
}

fn is_defanged(token: &str) -> bool {
    let lower = token.to_ascii_lowercase();
    lower.contains("[.]") || lower.contains("(.)") || lower.starts_with("hxxp")
}

pub(super) fn named_indicators(desk: &Desk<'_>, report: &mut Report<'_>) {
    each_string(desk, report, is_defanged, |token| {
        (
            Text::new(
                format!("文中指明“{token}”"),
                format!("the prose names “{token}”"),
            ),
            Text::new(
                "说明其来源的许可允许公布",
                "say that the terms of its source allow it to be printed",
            ),
        )
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_opened_is_live() {
        for live in [
            "http://example.com/x",
            "HTTPS://example.test",
            "192.0.2.1",
            "192.0.2.1:8080/x",
            "2001:db8::1",
        ] {
            assert!(is_live(live), "{live}");
        }
        for dead in [
            "hxxp://example[.]com",
            "example[.]com",
            "192[.]0[.]2[.]1",
            "2.17.1",
            "12:30",
            "https://example[.]com",
        ] {
            assert!(!is_live(dead), "{dead}");
        }
        assert!(is_bare_domain("www.example.com") && is_bare_domain("example.test"));
        assert!(
            !is_bare_domain("setup.exe")
                && !is_bare_domain("e.g")
                && !is_bare_domain("a@example.com")
                && !is_bare_domain("2.17")
        );
    }

    #[test]
    fn direction_marks_are_found_by_name() {
        let found = marks_of("see evil\u{202e}fdp.exe and \u{202e}this\u{2069}");
        let told: Vec<(&str, &str)> = found
            .iter()
            .map(|(_, name, before)| (*name, before.as_str()))
            .collect();
        assert_eq!(
            told,
            [
                ("RIGHT-TO-LEFT OVERRIDE", "see evil"),
                ("POP DIRECTIONAL ISOLATE", "and this")
            ]
        );
        assert!(marks_of("普通文字, plain words").is_empty());
    }

    #[test]
    fn links_are_whole_https_addresses() {
        for good in [
            "https://www.example.com",
            "https://example.test/a?b#c",
            "https://example.com:8443/x",
        ] {
            assert!(is_sound_link(good), "{good}");
        }
        for bad in [
            "http://example.com",
            "https://",
            "https://localhost",
            "https://192.0.2.1/",
            "https://a b.example",
            "javascript:alert(1)",
            "https://user@example.com",
            "https://-a.example",
        ] {
            assert!(!is_sound_link(bad), "{bad}");
        }
    }
}
