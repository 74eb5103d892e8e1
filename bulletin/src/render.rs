//! Renderers: a frozen [`Bulletin`] in, bytes out. No I/O, no clock; fonts are an input (DESIGN invariant 8).
//!
//! All forms lay out the same resolved [`view`], so that no renderer chooses a word or a number of its own: HTML and
//! PDF on a page of two dimensions, DOCX, Markdown, WeChat and mail in one reading order ([`flow`]). JSON is the
//! bulletin itself; CSV and XLSX list every figure of it. Charts come from one SVG writer with a palette: names for
//! pages, literals for files and pictures. The same input gives the same bytes, this year and next, on one thread or
//! many. [`Form`] and its table say which forms there are.
//!
//! Stands at the end of the bulletin's flow, after composition and approval; imports nothing of it but the model.

pub(crate) mod axis;
mod bitmap;
mod card;
pub mod charts;
mod docx;
pub(crate) mod draw;
pub(crate) mod figures;
mod flow;
mod fonts;
mod forms;
mod inline;
mod mail;
mod markdown;
pub(crate) mod measure;
mod page;
pub mod palette;
mod picture;

mod print;
pub(crate) mod view;
mod wechat;
pub(crate) mod words;
mod workbook;

pub use card::{card, card_alt, card_png, cover, cover_png};
pub use docx::docx;
pub use draw::Frame;
pub(crate) use figures::guard;
pub use figures::{chart_csv, csv, json};
pub use fonts::Fonts;
pub use forms::{Form, files, names};
pub use mail::{HOME, UNSUBSCRIBE, mail_html, mail_text};
pub use markdown::markdown;
pub(crate) use page::spark;
pub use page::{html, html_beside};
pub use picture::png;
pub use print::{pdf, pdf_in_words};
pub use wechat::{LONGEST as WECHAT_LONGEST, wechat};
pub use workbook::xlsx;

use crate::Error;
use charts::Width;
use model::bulletin::{Bulletin, Chart, Lang};
use palette::Palette;

/// A finished file of an issue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendition {
    /// File name, unique in the issue and safe on every system: `2023-3.zh.html`.
    pub name: String,
    /// Content.
    pub bytes: Vec<u8>,
}

/// The common part of an issue's file names: `2023-3`.
pub fn stem(b: &Bulletin) -> String {
    b.issue.number.to_string()
}

/// Name of a chart's file: `2023-3.fig1.zh.svg`.
fn chart_file_name(b: &Bulletin, chart: &Chart, lang: Lang, extension: &str) -> String {
    format!(
        "{}.fig{}.{}.{extension}",
        stem(b),
        chart.number,
        lang.code()
    )
}

/// A chart as an SVG file: title, subtitle, picture, source; literal colors.
pub fn svg(chart: &Chart, lang: Lang, width: Width, palette: &Palette) -> String {
    charts::file(chart, lang, width, palette)
}

/// Every file of an issue: all forms in both languages. All links in the pages lead to these names.
///
/// # Errors
/// As [`files`].
pub fn all(b: &Bulletin, fonts: &Fonts) -> Result<Vec<Rendition>, Error> {
    files(b, &Form::ALL, &Lang::ALL, Some(fonts))
}
