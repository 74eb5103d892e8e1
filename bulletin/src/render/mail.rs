//! The mail edition: a page that every mail program shows, and the same as plain text.
//!
//! Tables and styles inside the elements, 600 px wide, readable without a single picture; charts are told by their
//! finding, which leads to the web page. The addresses of that page and of unsubscribing are handed in, as they differ
//! by site and by subscriber.

mod text;

pub use text::mail_text;

use super::draw::escape;
use super::flow::{self, Block, Depth, Figure, Grid};
use super::inline::{INK, change_color, close, element, open};
use super::palette::Palette;
use super::view::{self, HandlingCell, Page, Rating, Tile};
use super::words;
use model::bulletin::{Bulletin, Lang};
use std::fmt::Write;

/// Stands for the page's address in files that are not sent by us.
pub const HOME: &str = "%HOME%";
/// Stands for a subscriber's address of unsubscribing.
pub const UNSUBSCRIBE: &str = "%UNSUBSCRIBE%";

/// Families that mail programs have; English takes a Latin one first, as Chinese fonts draw its quotation marks wide.
fn family(lang: Lang) -> &'static str {
    match lang {
        Lang::Zh => {
            "'PingFang SC','Microsoft YaHei','Noto Sans CJK SC','Source Han Sans SC',sans-serif"
        }
        Lang::En => {
            "-apple-system,'Segoe UI',Roboto,Helvetica,Arial,'PingFang SC','Microsoft YaHei',sans-serif"
        }
    }
}

/// Side margin of the sheet, px.
const SIDE: &str = "24px";

/// The issue as mail in HTML. `home` is the address of its web page in this language, without fragment; `unsubscribe`
/// is the subscriber's own.
pub fn mail_html(b: &Bulletin, lang: Lang, home: &str, unsubscribe: &str) -> String {
    let p = view::page(b, lang);
    let mut out = String::new();
    let o = &mut out;
    let _ = write!(
        o,
        r#"<!doctype html><html lang="{}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><meta name="color-scheme" content="light dark"><meta name="supported-color-schemes" content="light dark"><title>{} {}</title><style>{}</style></head>"#,
        p.html_lang,
        escape(&p.title),
        escape(&p.issue),
        dark(),
    );
    let _ = write!(
        o,
        r#"<body style="margin:0;padding:0;background-color:{};" class="sheet">"#,
        INK.sunk
    );
    // What the list of mails shows beside the subject.
    element(
        o,
        "div",
        "display:none;max-height:0;overflow:hidden;",
        &p.description,
    );
    let _ = write!(
        o,
        r#"<table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0"><tr><td align="center" style="padding:16px 0;"><table role="presentation" class="paper" width="600" cellpadding="0" cellspacing="0" border="0" style="width:100%;max-width:600px;background-color:{};font-family:{};font-size:15px;line-height:1.65;color:{};text-align:left;">"#,
        INK.paper,
        family(lang),
        INK.ink,
    );
    masthead(o, &p, home);
    for block in flow::blocks(&p, Depth::Brief) {
        self::block(o, &block, &p, home);
    }
    foot(o, &p, home, unsubscribe);
    o.push_str("</table></td></tr></table></body></html>\n");
    out
}

/// Colors for programs that follow the reader's dark setting: the same tokens as the page's.
fn dark() -> String {
    let d = Palette::DARK;
    let mut rules = format!(
        ".sheet{{background-color:{}!important}}.paper{{background-color:{}!important;color:{}!important}}.muted{{color:{}!important}}.worse{{color:{}!important}}.better{{color:{}!important}}.accent{{color:{}!important}}.line{{border-color:{}!important}}a{{color:{}!important}}",
        d.sunk, d.paper, d.ink, d.ink_2, d.worse, d.better, d.accent, d.line, d.ink
    );
    for level in 1..=5 {
        let _ = write!(rules, ".r{level}{{color:{}!important}}", d.rating(level));
    }
    format!("@media (prefers-color-scheme:dark){{{rules}}}")
}

/// A row of the sheet with padding.
fn row(o: &mut String, padding: &str, fill: impl FnOnce(&mut String)) {
    let _ = write!(o, r#"<tr><td style="padding:{padding};">"#);
    fill(o);
    o.push_str("</td></tr>");
}

/// A paragraph with a class for the dark setting.
fn line(o: &mut String, class: &str, style: &str, text: &str) {
    if !text.is_empty() {
        let _ = write!(
            o,
            r#"<p class="{class}" style="margin:0;{style}">{}</p>"#,
            escape(text)
        );
    }
}

/// A link in the text's own color.
fn link(address: &str, text: &str) -> String {
    format!(
        r#"<a href="{}" style="color:{};text-decoration:underline;">{}</a>"#,
        escape(address),
        INK.ink,
        escape(text)
    )
}

fn masthead(o: &mut String, p: &Page<'_>, home: &str) {
    let muted = format!("font-size:13px;color:{};", INK.ink_2);
    row(o, &format!("20px {SIDE} 0"), |o| {
        let parts = [p.publisher.as_str(), p.tlp, p.draft];
        let parts: Vec<&str> = parts.into_iter().filter(|t| !t.is_empty()).collect();
        line(o, "muted", &muted, &parts.join(" · "));
        let _ = write!(
            o,
            r#"<h1 style="margin:8px 0 4px;font-size:25px;line-height:1.3;">{}</h1>"#,
            escape(&p.title)
        );
        let parts = [p.issue.as_str(), &p.week, &p.published];
        let parts: Vec<&str> = parts.into_iter().filter(|t| !t.is_empty()).collect();
        line(o, "muted", &muted, &parts.join("　"));
        if !p.banner.is_empty() {
            line(
                o,
                "accent",
                &format!("margin:8px 0 0;font-size:13px;color:{};", INK.accent),
                &p.banner,
            );
        }
        let _ = write!(
            o,
            r#"<p style="margin:8px 0 0;padding:0 0 14px;font-size:13px;border-bottom:1px solid {};" class="line">{}</p>"#,
            INK.ink,
            link(home, p.w.read_online)
        );
    });
}

fn block(o: &mut String, block: &Block<'_, '_>, p: &Page<'_>, home: &str) {
    let w = p.w;
    let text = format!("0 {SIDE} 8px");
    let small = format!("font-size:13px;line-height:1.55;color:{};", INK.ink_2);
    match block {
        Block::Heading {
            level: 2,
            number,
            text,
        } => row(o, &format!("20px {SIDE} 8px"), |o| {
            let number = match number {
                0 => String::new(),
                n => format!("{n}　"),
            };
            let _ = write!(
                o,
                r#"<h2 style="margin:0;font-size:19px;line-height:1.35;">{number}{}</h2>"#,
                escape(text)
            );
        }),
        Block::Heading { text: words, .. } => row(o, &text, |o| {
            let _ = write!(
                o,
                r#"<h3 style="margin:6px 0 0;font-size:16px;line-height:1.45;">{}</h3>"#,
                escape(words)
            );
        }),
        Block::Prose(pieces) => row(o, &text, |o| line(o, "", "", &flow::plain(pieces))),
        Block::Item(pieces) => row(o, &text, |o| {
            line(o, "muted", &small, &format!("· {}", flow::plain(pieces)));
        }),
        Block::Note(words) | Block::Caption(words) => {
            row(o, &text, |o| line(o, "muted", &small, words));
        }
        Block::NotePieces(pieces) => row(o, &text, |o| {
            line(o, "muted", &small, &flow::plain(pieces));
        }),
        Block::Level(name, word) => row(o, &text, |o| {
            let _ = write!(
                o,
                r#"<p style="margin:0;">{}{}<b>{}</b></p>"#,
                escape(name),
                w.colon,
                escape(word)
            );
        }),
        Block::Rating(r) => row(o, &text, |o| rating(o, r, w)),
        Block::Board(tiles) => row(o, &text, |o| board(o, tiles)),
        Block::Handling(cells) => row(o, &text, |o| handling(o, cells)),
        Block::Table(grid) => row(o, &text, |o| table(o, grid)),
        Block::Chart(c) => row(o, &text, |o| {
            let _ = write!(
                o,
                r#"<p style="margin:4px 0 0;"><b>{}</b></p>"#,
                escape(&flow::plain(&c.title))
            );
            let _ = write!(
                o,
                r#"<p class="muted" style="margin:0;{small}">{}　{}</p>"#,
                escape(&flow::plain(&c.subtitle)),
                link(&format!("{home}#fig-{}", c.id), &c.label)
            );
        }),
        Block::Source(s) => row(o, &text, |o| {
            let _ = write!(
                o,
                r#"<p class="muted" style="margin:0;{small}">{}{}{}</p>"#,
                w.read_on,
                w.colon,
                link(&s.link, &s.host)
            );
        }),
        Block::Figures(list) => row(o, &text, |o| figures(o, list, w)),
    }
}

/// A table that only arranges.
fn grid(o: &mut String, style: &str, fill: impl FnOnce(&mut String)) {
    let _ = write!(
        o,
        r#"<table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0" style="width:100%;{style}">"#
    );
    fill(o);
    o.push_str("</table>");
}

fn rating(o: &mut String, r: &Rating<'_>, w: &words::Words) {
    let (color, size) = match r.level {
        0 => (INK.ink_2, 26),
        level => (INK.rating(level), 48),
    };
    let _ = write!(
        o,
        r#"<p class="r{}" style="margin:0;font-size:{size}px;line-height:1.25;font-weight:bold;color:{color};">{}</p>"#,
        r.level,
        escape(&r.word)
    );
    grid(o, "margin:4px 0 0;text-align:center;font-size:14px;", |o| {
        o.push_str("<tr>");
        for (level, step) in (1u8..).zip(&r.steps) {
            let _ = if step.now {
                write!(
                    o,
                    r#"<td width="20%" bgcolor="{color}" style="padding:5px 0;background-color:{color};color:{};font-weight:bold;">{}</td>"#,
                    INK.on_rating,
                    escape(&step.word)
                )
            } else {
                write!(
                    o,
                    r#"<td width="20%" class="muted" style="padding:5px 0 2px;color:{};border-bottom:3px solid {};">{}</td>"#,
                    INK.ink_2,
                    INK.rating(level),
                    escape(&step.word)
                )
            };
        }
        o.push_str("</tr><tr>");
        for step in &r.steps {
            let words = match (step.was, step.now) {
                (true, true) => format!("{}{}{}", w.last_week, w.comma, w.this_week),
                (true, false) => w.last_week.to_owned(),
                (false, true) => w.this_week.to_owned(),
                (false, false) => String::new(),
            };
            element(o, "td", "font-size:12px;", &words);
        }
        o.push_str("</tr>");
    });
}

/// A cell of two to a row.
fn half(o: &mut String, fill: impl FnOnce(&mut String)) {
    let _ = write!(
        o,
        r#"<td width="50%" valign="top" class="line" style="padding:8px 8px 10px 0;border-top:1px solid {};">"#,
        INK.line
    );
    fill(o);
    o.push_str("</td>");
}

fn amount(o: &mut String, text: &str, unit: &str) {
    let _ = write!(
        o,
        r#"<p style="margin:0;font-size:25px;line-height:1.35;font-weight:bold;">{}"#,
        escape(text)
    );
    if !unit.is_empty() {
        let _ = write!(
            o,
            r#"<span class="muted" style="font-size:13px;font-weight:normal;color:{};"> {}</span>"#,
            INK.ink_2,
            escape(unit)
        );
    }
    o.push_str("</p>");
}

fn board(o: &mut String, tiles: &[Tile<'_>]) {
    grid(o, "", |o| {
        for two in tiles.chunks(2) {
            o.push_str("<tr>");
            for t in two {
                half(o, |o| {
                    line(o, "", "font-size:13px;", &t.name);
                    if t.missing.is_empty() {
                        amount(o, &t.amount.text, &t.unit);
                    } else {
                        let style = format!("font-size:13px;color:{};", INK.ink_2);
                        line(o, "muted", &style, &t.missing);
                    }
                    let class = match t.change.class {
                        c @ ("worse" | "better") => c,
                        _ => "muted",
                    };
                    let style = format!("font-size:13px;color:{};", change_color(class));
                    let change = format!("{} {}", flow::change(&t.change), t.sources);
                    line(o, class, &style, change.trim());
                    let style = format!("font-size:12px;color:{};", INK.ink_2);
                    line(o, "muted", &style, &t.range);
                });
            }
            o.push_str("</tr>");
        }
    });
}

fn handling(o: &mut String, cells: &[HandlingCell<'_>]) {
    grid(o, "", |o| {
        for two in cells.chunks(2) {
            o.push_str("<tr>");
            for c in two {
                half(o, |o| {
                    line(o, "", "font-size:13px;", &c.name);
                    amount(o, &c.amount.text, &c.unit);
                    let (class, color, arrow) = match c.overdue {
                        true => ("worse", INK.worse, "▲ "),
                        false => ("muted", INK.ink_2, ""),
                    };
                    let style = format!("font-size:12px;color:{color};");
                    line(o, class, &style, &format!("{arrow}{}", c.note));
                });
            }
            o.push_str("</tr>");
        }
    });
}

/// A table of data, with heads for screen readers.
fn table(o: &mut String, grid: &Grid<'_>) {
    let _ = write!(
        o,
        r#"<table width="100%" cellpadding="0" cellspacing="0" border="0" style="width:100%;font-size:13px;line-height:1.5;">"#
    );
    let n = grid.columns();
    let align = |at: usize| if at < grid.words { "left" } else { "right" };
    if !grid.head.is_empty() {
        let _ = write!(o, r#"<tr class="muted" style="color:{};">"#, INK.ink_2);
        for at in 0..n {
            let head = grid.head.get(at).copied().unwrap_or_default();
            let _ = write!(
                o,
                r#"<th scope="col" align="{}" style="font-weight:normal;">{}</th>"#,
                align(at),
                escape(head)
            );
        }
        o.push_str("</tr>");
    }
    for r in &grid.rows {
        o.push_str("<tr>");
        for at in 0..n {
            let bold = if r.total { "font-weight:bold;" } else { "" };
            let _ = write!(
                o,
                r#"<td class="line" align="{}" style="padding:3px 8px 3px 0;border-top:1px solid {};{bold}">{}</td>"#,
                align(at),
                INK.line,
                escape(r.cells.get(at).map_or("", |c| c))
            );
        }
        o.push_str("</tr>");
    }
    close(o, "table");
}

/// All figures, in rows as slim as they can be: mail programs cut what is long.
fn figures(o: &mut String, list: &[Figure<'_>], w: &words::Words) {
    open(
        o,
        "table",
        &format!(
            "width:100%;font-size:12px;line-height:1.5;color:{};",
            INK.ink_2
        ),
    );
    let _ = write!(
        o,
        r#"<tr class="muted"><th align="left">{}</th><th align="left">{}</th><th align="right">{}</th></tr>"#,
        w.statistic, w.name, w.value
    );
    for f in list {
        let _ = write!(
            o,
            r#"<tr class="muted"><td>{}</td><td>{}</td><td align="right">{}</td></tr>"#,
            escape(f.key),
            escape(f.name),
            escape(&f.text)
        );
    }
    close(o, "table");
}

fn foot(o: &mut String, p: &Page<'_>, home: &str, unsubscribe: &str) {
    let w = p.w;
    row(o, &format!("16px {SIDE} 24px"), |o| {
        let small = format!("font-size:12px;line-height:1.6;color:{};", INK.ink_2);
        if !p.hash.is_empty() {
            let hash = format!("{} BLAKE3 {}", w.hash, p.hash);
            line(o, "muted", &small, &hash);
        }
        line(o, "muted", &small, &p.about);
        let _ = write!(
            o,
            r#"<p class="muted" style="margin:8px 0 0;{small}">{} {} · {}</p>"#,
            w.subscribed,
            link(home, w.read_online),
            link(unsubscribe, w.unsubscribe)
        );
    });
}
