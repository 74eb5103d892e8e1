//! The article for WeChat: one fragment to paste into the editor or hand to the draft interface, and its pictures.
//!
//! What the platform lets through is all it uses: plain elements with styles inside them, no class, no identifier, no
//! script, no link (addresses outside the platform are removed, so they are printed as text), pictures as PNG that
//! the uploader replaces by the platform's own addresses. `docs/outputs.md` lists the limits; the tests hold them.

use super::draw::escape;
use super::flow::{self, Block, Depth, Figure, Grid};
use super::inline::{INK, change_color, close, element, open};
use super::view::{self, HandlingCell, Rating, Tile};
use super::{stem, words};
use model::bulletin::{Bulletin, Chart, Lang};
use std::fmt::Write;

/// Width of a chart's picture, px: three for each of a phone's.
pub const CHART_PX: u32 = 1080;

/// The text must stay below this many characters; whether markup counts the platform does not say, so the list of
/// figures goes where both together would reach it.
pub const LONGEST: usize = 20_000;

/// File name of a chart's picture for the article: `2023-3.wechat-fig1.zh.png`.
pub fn chart_name(b: &Bulletin, chart: &Chart, lang: Lang) -> String {
    format!("{}.wechat-fig{}.{}.png", stem(b), chart.number, lang.code())
}

/// The article's body. The list of all figures at the end is left out where it would exceed the platform's length.
pub fn wechat(b: &Bulletin, lang: Lang) -> String {
    let full = article(b, lang, true);
    if full.chars().count() < LONGEST {
        full
    } else {
        article(b, lang, false)
    }
}

fn article(b: &Bulletin, lang: Lang, listed: bool) -> String {
    let p = view::page(b, lang);
    let w = p.w;
    let mut out = String::new();
    let o = &mut out;
    let muted = INK.ink_2;
    open(
        o,
        "section",
        &format!("font-size:15px;line-height:1.75;color:{};", INK.ink),
    );
    element(
        o,
        "p",
        &format!("margin:0;font-size:13px;color:{muted};"),
        &p.publisher,
    );
    element(
        o,
        "p",
        "margin:4px 0 0;font-size:22px;line-height:1.4;font-weight:bold;",
        &p.title,
    );
    let parts = [p.issue.as_str(), &p.week, &p.published, p.tlp, p.draft];
    let parts: Vec<&str> = parts.into_iter().filter(|t| !t.is_empty()).collect();
    element(
        o,
        "p",
        &format!(
            "margin:6px 0 0;padding:0 0 10px;font-size:13px;color:{muted};border-bottom:1px solid {};",
            INK.ink
        ),
        &parts.join("　"),
    );
    if !p.banner.is_empty() {
        element(
            o,
            "p",
            &format!("margin:10px 0 0;font-size:13px;color:{};", INK.accent),
            &p.banner,
        );
    }
    for block in flow::blocks(&p, Depth::Brief) {
        match block {
            Block::Heading {
                level: 2,
                number,
                text,
            } => {
                let number = match number {
                    0 => String::new(),
                    n => format!("{n}　"),
                };
                element(
                    o,
                    "h2",
                    &format!(
                        "margin:28px 0 8px;font-size:18px;border-top:1px solid {};",
                        INK.line
                    ),
                    &format!("{number}{text}"),
                );
            }
            Block::Heading { text, .. } => {
                element(o, "h3", "margin:16px 0 4px;font-size:16px;", text)
            }
            Block::Prose(pieces) => element(o, "p", "margin:8px 0;", &flow::plain(pieces)),
            Block::Item(pieces) => element(
                o,
                "p",
                "margin:6px 0;font-size:13px;",
                &format!("· {}", flow::plain(pieces)),
            ),
            Block::Note(text) => note(o, text),
            Block::NotePieces(pieces) => note(o, &flow::plain(pieces)),
            Block::Caption(text) => note(o, text),
            Block::Level(name, word) => {
                open(o, "p", "margin:8px 0;");
                let _ = write!(o, "{}{}", escape(name), w.colon);
                element(o, "strong", "", word);
                close(o, "p");
            }
            Block::Rating(r) => rating(o, r, w),
            Block::Board(tiles) => board(o, tiles),
            Block::Handling(cells) => handling(o, cells),
            Block::Table(grid) => table(o, &grid),
            Block::Chart(c) => {
                element(
                    o,
                    "h3",
                    "margin:20px 0 2px;font-size:16px;",
                    &flow::plain(&c.title),
                );
                note(o, &flow::plain(&c.subtitle));
                if let Some(chart) = b.charts().find(|chart| chart.id == c.id) {
                    open(o, "p", "margin:0;");
                    let _ = write!(
                        o,
                        r#"<img src="{}" alt="{}" width="{CHART_PX}" style="width:100%;">"#,
                        chart_name(b, chart, lang),
                        escape(&c.alt)
                    );
                    close(o, "p");
                }
                note(o, &c.note);
                note(
                    o,
                    &format!("{}　{}{}{}", c.label, w.source, w.colon, c.source),
                );
            }
            Block::Source(s) => note(o, &format!("{}{}{}", w.read_on, w.colon, s.link)),
            Block::Figures(list) if listed => figures(o, &list, lang),
            Block::Figures(_) => note(o, w.figures_elsewhere),
        }
    }
    let mut end = Vec::new();
    if !p.hash.is_empty() {
        end.push(format!("{} BLAKE3 {}", w.hash, p.hash));
    }
    end.push(p.about.clone());
    for text in end {
        note(o, &text);
    }
    close(o, "section");
    out.push('\n');
    out
}

/// Small type.
fn note(o: &mut String, text: &str) {
    if !text.is_empty() {
        let style = format!("margin:4px 0;font-size:12px;color:{};", INK.ink_2);
        element(o, "p", &style, text);
    }
}

fn rating(o: &mut String, r: &Rating<'_>, w: &words::Words) {
    let color = match r.level {
        0 => INK.ink_2,
        level => INK.rating(level),
    };
    let size = if r.level == 0 { 24 } else { 44 };
    element(
        o,
        "p",
        &format!("margin:0;font-size:{size}px;line-height:1.3;font-weight:bold;color:{color};"),
        &r.word,
    );
    open_table(o, "text-align:center;font-size:14px;");
    open(o, "tr", "");
    for (level, step) in (1u8..).zip(&r.steps) {
        let style = if step.now {
            format!(
                "width:20%;padding:4px 0;background-color:{color};color:{};font-weight:bold;",
                INK.on_rating
            )
        } else {
            format!(
                "width:20%;padding:4px 0;color:{};border-bottom:3px solid {};",
                INK.ink_2,
                INK.rating(level)
            )
        };
        element(o, "td", &style, &step.word);
    }
    close(o, "tr");
    open(o, "tr", "");
    for step in &r.steps {
        let words = match (step.was, step.now) {
            (true, true) => format!("{}{}{}", w.last_week, w.comma, w.this_week),
            (true, false) => w.last_week.to_owned(),
            (false, true) => w.this_week.to_owned(),
            (false, false) => String::new(),
        };
        element(o, "td", "font-size:12px;", &words);
    }
    close(o, "tr");
    close_table(o);
}

fn open_table(o: &mut String, style: &str) {
    open(
        o,
        "table",
        &format!("width:100%;margin:8px 0;border-collapse:collapse;{style}"),
    );
    open(o, "tbody", "");
}

fn close_table(o: &mut String) {
    close(o, "tbody");
    close(o, "table");
}

/// Two to a row: what a phone shows without shrinking.
fn pairs<T>(o: &mut String, list: &[T], fill: impl Fn(&mut String, &T)) {
    open_table(o, "font-size:13px;line-height:1.6;");
    for two in list.chunks(2) {
        open(o, "tr", &format!("border-top:1px solid {};", INK.line));
        for one in two {
            open(
                o,
                "td",
                "width:50%;padding:8px 4px 8px 0;vertical-align:top;",
            );
            fill(o, one);
            close(o, "td");
        }
        close(o, "tr");
    }
    close_table(o);
}

fn amount(o: &mut String, text: &str, unit: &str) {
    o.push_str("<br>");
    element(o, "strong", "font-size:24px;", text);
    if !unit.is_empty() {
        let _ = write!(o, " {}", escape(unit));
    }
}

/// A colored line of a tile.
fn line(o: &mut String, color: &str, text: &str) {
    if !text.is_empty() {
        o.push_str("<br>");
        element(o, "span", &format!("color:{color};"), text);
    }
}

fn board(o: &mut String, tiles: &[Tile<'_>]) {
    pairs(o, tiles, |o, t| {
        o.push_str(&escape(&t.name));
        if t.missing.is_empty() {
            amount(o, &t.amount.text, &t.unit);
        } else {
            line(o, INK.ink_2, &t.missing);
        }
        let change = format!("{} {}", flow::change(&t.change), t.sources);
        line(o, change_color(t.change.class), change.trim());
        line(o, INK.ink_2, &t.range);
    });
}

fn handling(o: &mut String, cells: &[HandlingCell<'_>]) {
    pairs(o, cells, |o, c| {
        o.push_str(&escape(&c.name));
        amount(o, &c.amount.text, &c.unit);
        match c.overdue {
            true => line(o, INK.worse, &format!("▲ {}", c.note)),
            false => line(o, INK.ink_2, &c.note),
        }
    });
}

/// Numbers to the right by the table's own style, words to the left by the cell's.
fn table(o: &mut String, grid: &Grid<'_>) {
    let n = grid.columns();
    let words_only = grid.words >= n;
    open_table(
        o,
        if words_only {
            "font-size:13px;"
        } else {
            "font-size:13px;text-align:right;"
        },
    );
    let align = |at: usize| {
        if at < grid.words && !words_only {
            "text-align:left;"
        } else {
            ""
        }
    };
    if !grid.head.is_empty() {
        open(o, "tr", &format!("color:{};", INK.ink_2));
        for at in 0..n {
            let head = grid.head.get(at).copied().unwrap_or_default();
            element(o, "td", align(at), head);
        }
        close(o, "tr");
    }
    for r in &grid.rows {
        let bold = if r.total { "font-weight:bold;" } else { "" };
        open(
            o,
            "tr",
            &format!("border-top:1px solid {};{bold}", INK.line),
        );
        for at in 0..n {
            element(o, "td", align(at), r.cells.get(at).map_or("", |c| c));
        }
        close(o, "tr");
    }
    close_table(o);
}

/// All figures as one paragraph: a table of seven columns is nothing for a phone.
fn figures(o: &mut String, list: &[Figure<'_>], lang: Lang) {
    let between = match lang {
        Lang::Zh => "；",
        Lang::En => "; ",
    };
    let all: Vec<String> = list
        .iter()
        .map(|f| format!("{} {} {}", f.key, f.name, f.text))
        .collect();
    note(o, &all.join(between));
}
