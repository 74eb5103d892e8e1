//! Renderers: a frozen [`Bulletin`] in, bytes out. No I/O, no clock; fonts are an input (DESIGN invariant 8).
//!
//! HTML and PDF lay out the same resolved [`view`], so that no renderer chooses a word or a number of its own; JSON
//! is the bulletin itself; CSV lists every figure of it. Charts come from one SVG writer with a palette: names for
//! pages, literals for files. The same input gives the same bytes, this year and next.
//!
//! Stands at the end of the bulletin's flow, after composition and approval; imports nothing of it but the model.

pub(crate) mod axis;
pub mod charts;
pub(crate) mod draw;
pub(crate) mod figures;
mod fonts;
pub(crate) mod measure;
mod page;
pub mod palette;
mod print;
pub(crate) mod view;
pub(crate) mod words;

pub use draw::Frame;
pub use figures::{chart_csv, csv, json};
pub use fonts::Fonts;
pub use page::html;
pub use print::pdf;

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
fn chart_file(b: &Bulletin, chart: &Chart, lang: Lang, extension: &str) -> String {
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

/// Every file of an issue: pages and PDFs in both languages, JSON, CSV, and the charts with their data. All links in
/// the pages lead to these names.
///
/// # Errors
/// [`Error::Typeset`] where a PDF cannot be set.
pub fn all(b: &Bulletin, fonts: &Fonts) -> Result<Vec<Rendition>, Error> {
    let stem = stem(b);
    let mut out = vec![Rendition {
        name: format!("{stem}.json"),
        bytes: json(b).into_bytes(),
    }];
    for lang in Lang::ALL {
        let code = lang.code();
        out.push(Rendition {
            name: format!("{stem}.{code}.html"),
            bytes: html(b, lang).into_bytes(),
        });
        out.push(Rendition {
            name: format!("{stem}.{code}.pdf"),
            bytes: pdf(b, lang, fonts)?,
        });
        out.push(Rendition {
            name: format!("{stem}.{code}.csv"),
            bytes: csv(b, lang),
        });
        for chart in b.charts() {
            let picture = svg(chart, lang, Width::Wide, &Palette::LIGHT);
            out.push(Rendition {
                name: chart_file(b, chart, lang, "svg"),
                bytes: picture.into_bytes(),
            });
            out.push(Rendition {
                name: chart_file(b, chart, lang, "csv"),
                bytes: chart_csv(chart, lang),
            });
        }
    }
    Ok(out)
}
