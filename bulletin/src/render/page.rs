//! The web page: one self-contained HTML file per language.
//!
//! Readable without script, in light and dark by the reader's own setting, on phones and on A4 paper. Escaping is
//! the template engine's; only finished SVG, whose writer escapes by itself, and the style sheet go in as they are.

use super::charts::{self, Width};
use super::draw::Frame;
use super::forms::Form;
use super::palette::{self, Palette};
use super::view;
use askama::Template;
use model::bulletin::{Bulletin, Chart, Lang};

/// The style sheet after the tokens.
const STYLE: &str = include_str!("../../assets/bulletin.css");
/// Switches the theme by hand; without it the page follows the reader's setting.
const SCRIPT: &str = include_str!("../../assets/theme.js");

#[derive(Template)]
#[template(path = "bulletin.html")]
struct Html<'a> {
    p: view::Page<'a>,
    b: &'a Bulletin,
    lang: Lang,
    tokens: String,
    style: &'static str,
    script: &'static str,
    print: String,
    /// Forms that are made beside the page.
    forms: &'a [Form],
}

impl<'a> Html<'a> {
    fn spark(&self, index: &usize, alt: &str) -> String {
        spark(self.b, *index, alt, self.lang)
    }

    /// Whether a form of this name is made beside the page.
    fn has(&self, form: &str) -> bool {
        self.forms.iter().any(|made| made.name() == form)
    }

    fn find(&self, id: &str) -> Option<&'a Chart> {
        self.b.charts().find(|c| c.id == id)
    }

    fn wide(&self, id: &str) -> String {
        self.picture(id, Width::Wide, "w")
    }

    fn narrow(&self, id: &str) -> String {
        self.picture(id, Width::Narrow, "n")
    }

    fn picture(&self, id: &str, width: Width, class: &'static str) -> String {
        self.find(id).map_or_else(String::new, |c| {
            charts::draw(c, self.lang, width, &Palette::PAGE, Frame::Page(class))
        })
    }
}

/// The small line of a tile of the board, as pages draw it.
pub(crate) fn spark(b: &Bulletin, index: usize, alt: &str, lang: Lang) -> String {
    b.board.tiles.get(index).map_or_else(String::new, |tile| {
        let (id, frame) = (format!("spark-{index}"), Frame::Page("spark"));
        charts::sparkline(&tile.spark, alt, &id, lang, &Palette::PAGE, frame)
    })
}

/// The bulletin as a page, with links to every other form of it.
pub fn html(b: &Bulletin, lang: Lang) -> String {
    html_beside(b, lang, &Form::ALL)
}

/// The bulletin as a page, with links to those files only that are made beside it.
pub fn html_beside(b: &Bulletin, lang: Lang, forms: &[Form]) -> String {
    let p = view::page(b, lang);
    // Running title and foot of the printed page: strings of a style sheet, so quotes and backslashes are escaped.
    let print = format!(
        "@page{{@bottom-left{{content:{}}}@top-left{{content:{}}}}}@page:first{{@top-left{{content:none}}}}",
        css_string(&format!("{}  {}", p.tlp, p.draft)),
        css_string(&format!("{}  {}", p.title, p.issue)),
    );
    let html = Html {
        p,
        b,
        lang,
        forms,
        tokens: palette::css(),
        style: STYLE,
        script: SCRIPT,
        print,
    };
    html.render()
        .expect("a template without fallible parts renders into memory")
}

/// A string of a style sheet inside a `<style>` element: everything but letters and digits is escaped by number.
fn css_string(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.trim().chars() {
        if c.is_alphanumeric() || c == ' ' {
            out.push(c);
        } else {
            out.push_str(&format!("\\{:x} ", u32::from(c)));
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn style_strings_cannot_be_left() {
        assert_eq!(
            css_string("a\"}</style>"),
            "\"a\\22 \\7d \\3c \\2f style\\3e \""
        );
        assert_eq!(css_string("周报 2023年第3期"), "\"周报 2023年第3期\"");
    }
}
