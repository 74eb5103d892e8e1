//! Single sheets beside the issues: the daily sheet, the zero report, a flash alert. One page in both
//! languages, with the bulletin's look, and the same as plain text.
//!
//! A sheet is words and small tables only. Everything in it may come from a feed or from a person, so all
//! of it is escaped here; there is no way to hand markup in.

use std::fmt::Write as _;

use model::bulletin::{Lang, Text, Tlp};
use quick_xml::escape::escape;

use crate::render::palette;

const STYLE: &str = include_str!("../assets/sheet.css");

/// A part of a sheet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Block {
    /// A heading.
    Heading(Text),
    /// A paragraph.
    Paragraph(Text),
    /// A paragraph that stands out: the statement of a zero report, a tombstone.
    Statement(Text),
    /// A list.
    List(Vec<Text>),
    /// Addresses, each a link; those that do not begin with `https://` stay words.
    Links(Vec<String>),
    /// A table: heads, and rows of as many cells.
    Table(Vec<Text>, Vec<Vec<Text>>),
}

/// One page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sheet {
    /// Who publishes.
    pub publisher: Text,
    /// The series, as `每日监测` or `紧急通报`.
    pub series: Text,
    /// Number or day, as printed.
    pub number: Text,
    /// Headline.
    pub title: Text,
    /// How grave, where it is an alert: a word, and whether it is drawn as a warning.
    pub level: Option<(Text, bool)>,
    /// What it is as yet: draft, not confirmed.
    pub status: Option<Text>,
    /// How far it may be passed on.
    pub tlp: Tlp,
    /// A warning on the page, as "invented data".
    pub banner: Option<Text>,
    /// The content.
    pub blocks: Vec<Block>,
    /// Lines at the foot: where the numbers come from, who signed.
    pub foot: Vec<Text>,
    /// The common part of its file names.
    pub stem: String,
}

fn tag(lang: Lang) -> &'static str {
    match lang {
        Lang::Zh => "zh-CN",
        Lang::En => "en",
    }
}

/// The page, self-contained, without script.
pub fn html(sheet: &Sheet, lang: Lang) -> String {
    let t = |text: &Text| escape(text.get(lang).to_owned()).into_owned();
    let other = match lang {
        Lang::Zh => (Lang::En, "English"),
        Lang::En => (Lang::Zh, "中文"),
    };
    let mut out = String::new();
    let _ = write!(
        out,
        "<!doctype html>\n<html lang=\"{}\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<title>{} {} – {}</title>\n<style>{}{STYLE}</style>\n</head>\n<body>\n<header>\n<p class=\"top\"><span>{}</span><span>",
        tag(lang),
        t(&sheet.series),
        t(&sheet.number),
        t(&sheet.title),
        palette::css(),
        t(&sheet.publisher),
    );
    if let Some(status) = &sheet.status {
        let _ = write!(out, "<strong class=\"status\">{}</strong> ", t(status));
    }
    let _ = write!(
        out,
        "<span class=\"tlp\">{}</span> <a href=\"{}.{}.html\" lang=\"{}\" hreflang=\"{}\">{}</a></span></p>\n<p class=\"series\">{} <b>{}</b></p>\n<h1>",
        sheet.tlp.label(),
        escape(sheet.stem.as_str()),
        other.0.code(),
        tag(other.0),
        tag(other.0),
        other.1,
        t(&sheet.series),
        t(&sheet.number),
    );
    if let Some((word, grave)) = &sheet.level {
        let class = if *grave { "level grave" } else { "level" };
        let _ = write!(out, "<span class=\"{class}\">{}</span> ", t(word));
    }
    let _ = writeln!(out, "{}</h1>", t(&sheet.title));
    if let Some(banner) = &sheet.banner {
        let _ = writeln!(out, "<p class=\"banner\">{}</p>", t(banner));
    }
    out.push_str("</header>\n<main>\n");
    for block in &sheet.blocks {
        match block {
            Block::Heading(text) => {
                let _ = writeln!(out, "<h2>{}</h2>", t(text));
            }
            Block::Paragraph(text) => {
                for part in text
                    .get(lang)
                    .split("\n\n")
                    .filter(|part| !part.trim().is_empty())
                {
                    let _ = writeln!(out, "<p>{}</p>", escape(part.trim()));
                }
            }
            Block::Statement(text) => {
                let _ = writeln!(out, "<p class=\"statement\">{}</p>", t(text));
            }
            Block::List(items) => {
                out.push_str("<ul>\n");
                for item in items {
                    let _ = writeln!(out, "<li>{}</li>", t(item));
                }
                out.push_str("</ul>\n");
            }
            Block::Links(links) => {
                out.push_str("<ul>\n");
                for link in links {
                    let text = escape(link.as_str());
                    let _ = match link.starts_with("https://") {
                        true => writeln!(
                            out,
                            "<li><a href=\"{text}\" rel=\"noreferrer\">{text}</a></li>"
                        ),
                        false => writeln!(out, "<li>{text}</li>"),
                    };
                }
                out.push_str("</ul>\n");
            }
            Block::Table(heads, rows) => {
                out.push_str("<table>\n<thead><tr>");
                for head in heads {
                    let _ = write!(out, "<th scope=\"col\">{}</th>", t(head));
                }
                out.push_str("</tr></thead>\n<tbody>\n");
                for row in rows {
                    out.push_str("<tr>");
                    for (at, cell) in row.iter().enumerate() {
                        let _ = match at {
                            0 => write!(out, "<th scope=\"row\">{}</th>", t(cell)),
                            _ => write!(out, "<td>{}</td>", t(cell)),
                        };
                    }
                    out.push_str("</tr>\n");
                }
                out.push_str("</tbody>\n</table>\n");
            }
        }
    }
    out.push_str("</main>\n<footer>\n");
    for line in &sheet.foot {
        let _ = writeln!(out, "<p>{}</p>", t(line));
    }
    out.push_str("</footer>\n</body>\n</html>\n");
    out
}

/// The same as plain text, for mail and terminals.
pub fn text(sheet: &Sheet, lang: Lang) -> String {
    let t = |text: &Text| text.get(lang).to_owned();
    let mut out = String::new();
    let _ = writeln!(
        out,
        "{} {}   {}",
        t(&sheet.series),
        t(&sheet.number),
        sheet.tlp.label()
    );
    let level = sheet
        .level
        .as_ref()
        .map_or(String::new(), |(word, _)| format!("[{}] ", t(word)));
    let _ = writeln!(out, "{level}{}", t(&sheet.title));
    for line in [&sheet.status, &sheet.banner].into_iter().flatten() {
        let _ = writeln!(out, "*** {} ***", t(line));
    }
    for block in &sheet.blocks {
        out.push('\n');
        match block {
            Block::Heading(text) => {
                let _ = writeln!(out, "== {}", t(text));
            }
            Block::Paragraph(text) | Block::Statement(text) => {
                let _ = writeln!(out, "{}", t(text));
            }
            Block::List(items) => {
                for item in items {
                    let _ = writeln!(out, "- {}", t(item));
                }
            }
            Block::Links(links) => {
                for link in links {
                    let _ = writeln!(out, "- {link}");
                }
            }
            Block::Table(heads, rows) => {
                for row in std::iter::once(heads).chain(rows) {
                    let cells: Vec<String> = row.iter().map(t).collect();
                    let _ = writeln!(out, "{}", cells.join("\t"));
                }
            }
        }
    }
    out.push('\n');
    for line in &sheet.foot {
        let _ = writeln!(out, "{}", t(line));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_is_never_markup() {
        let hostile = Text::same("<script>alert(1)</script> \" & '");
        let sheet = Sheet {
            publisher: hostile.clone(),
            series: hostile.clone(),
            number: hostile.clone(),
            title: hostile.clone(),
            level: Some((hostile.clone(), true)),
            status: Some(hostile.clone()),
            tlp: Tlp::Clear,
            banner: Some(hostile.clone()),
            blocks: vec![
                Block::Heading(hostile.clone()),
                Block::Paragraph(hostile.clone()),
                Block::Statement(hostile.clone()),
                Block::List(vec![hostile.clone()]),
                Block::Links(vec![
                    "https://a.example/\"><script>".to_owned(),
                    "javascript:alert(1)".to_owned(),
                ]),
                Block::Table(vec![hostile.clone()], vec![vec![hostile.clone()]]),
            ],
            foot: vec![hostile],
            stem: "x\"><script>".to_owned(),
        };
        for lang in Lang::ALL {
            let page = html(&sheet, lang);
            assert!(!page.contains("<script"), "{page}");
            assert!(!page.contains("href=\"javascript"), "{page}");
            assert_eq!(page.matches("<main>").count(), 1);
        }
    }
}
