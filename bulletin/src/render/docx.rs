//! The Word edition: the issue as Office Open XML (ECMA-376, transitional), for those who edit, translate or print it.
//!
//! Written by hand through an XML writer and a ZIP writer. docx-rs was looked at: it knows neither repeated table
//! heads nor alternative text of pictures, and both are what makes a document readable to everyone. So this is a
//! small writer of exactly the parts a bulletin needs: real heading styles, east-Asian fonts and languages, tables
//! with repeated heads, pictures with their words, page numbers; no macro, no link to anything outside the file.
//!
//! The same bulletin and fonts give the same bytes: entries carry a fixed time, properties the day of publication.

mod body;
mod package;
mod parts;
mod xml;

use super::flow::{self, Depth};
use super::{Fonts, view};
use crate::Error;
use body::Body;
use model::bulletin::{Bulletin, Lang};

/// Width of the text, in twentieths of a point: A4 less margins of 20 mm.
const TEXT_WIDTH: u32 = 11_906 - 2 * 1_134;

/// The bulletin as a DOCX file.
///
/// # Errors
/// [`Error::Picture`] where a chart cannot be drawn.
pub fn docx(b: &Bulletin, lang: Lang, fonts: &Fonts) -> Result<Vec<u8>, Error> {
    let page = view::page(b, lang);
    let mut body = Body::new(b, &page, lang, fonts);
    body.masthead();
    for block in flow::blocks(&page, Depth::Full) {
        body.block(&block)?;
    }
    body.colophon();
    let (document, pictures) = body.finish();

    let mut package = package::Package::new();
    package.part("[Content_Types].xml", &parts::content_types());
    package.part("_rels/.rels", &parts::root_relations());
    package.part("docProps/core.xml", &parts::core(b, &page));
    package.part("docProps/app.xml", &parts::app(&page));
    package.part("word/document.xml", &document);
    package.part("word/styles.xml", &parts::styles(lang));
    package.part("word/settings.xml", &parts::settings(lang));
    package.part("word/fontTable.xml", &parts::font_table());
    package.part("word/numbering.xml", &parts::numbering());
    package.part("word/header1.xml", &parts::header(&page));
    package.part("word/header2.xml", &parts::empty_header());
    package.part("word/footer1.xml", &parts::footer(&page));
    let names: Vec<String> = (1..=pictures.len()).map(picture_name).collect();
    package.part(
        "word/_rels/document.xml.rels",
        &parts::document_relations(&names),
    );
    for (name, picture) in names.iter().zip(pictures) {
        package.stored(&format!("word/media/{name}"), &picture);
    }
    Ok(package.finish())
}

/// File name of the picture with this number, from 1.
fn picture_name(number: usize) -> String {
    format!("picture{number}.png")
}
