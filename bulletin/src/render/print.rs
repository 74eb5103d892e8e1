//! The PDF: the resolved view and the charts, set by typst in the process on A4.
//!
//! The template is ours and fixed; what it reads is data, never markup, so no text of a bulletin can run. There is
//! no clock, no file and no package behind the typesetter: it sees the template, the data, the charts, the fonts.

use super::charts;
use super::draw::{Frame, Printed};
use super::palette::Palette;
use super::{Fonts, stem, view};
use crate::Error;
use model::bulletin::{Bulletin, Lang};
use std::collections::HashMap;
use typst::diag::{FileError, FileResult, SourceDiagnostic};
use typst::foundations::{Bytes, Datetime, Duration, Smart};
use typst::syntax::{FileId, RootedPath, Source, VirtualPath, VirtualRoot};
use typst::text::{Font, FontBook};
use typst::utils::LazyHash;
use typst::{Library, LibraryExt, World};
use typst_layout::PagedDocument;
use typst_pdf::{PdfOptions, PdfStandard, PdfStandards};

/// The template.
const TEMPLATE: &str = include_str!("../../templates/bulletin.typ");

/// What the typesetter may see.
struct Desk<'a> {
    library: LazyHash<Library>,
    fonts: &'a Fonts,
    main: Source,
    files: HashMap<FileId, Bytes>,
}

impl World for Desk<'_> {
    fn library(&self) -> &LazyHash<Library> {
        &self.library
    }

    fn book(&self) -> &LazyHash<FontBook> {
        &self.fonts.book
    }

    fn main(&self) -> FileId {
        self.main.id()
    }

    fn source(&self, id: FileId) -> FileResult<Source> {
        if id == self.main.id() {
            Ok(self.main.clone())
        } else {
            Err(FileError::AccessDenied)
        }
    }

    fn file(&self, id: FileId) -> FileResult<Bytes> {
        self.files.get(&id).cloned().ok_or(FileError::AccessDenied)
    }

    fn font(&self, index: usize) -> Option<Font> {
        self.fonts.faces.get(index).cloned()
    }

    fn today(&self, _: Option<Duration>) -> Option<Datetime> {
        None
    }
}

/// The name of a file on the typesetter's desk. Names are few and fixed: the typesetter keeps them for good.
fn file_id(name: &str) -> FileId {
    let path = VirtualPath::new(name).expect("a plain file name is a virtual path");
    RootedPath::new(VirtualRoot::Project, path).intern()
}

/// The bulletin as PDF/A-2u on A4.
///
/// # Errors
/// [`Error::Typeset`] where the typesetter refuses, which only a fault in our template can cause.
pub fn pdf(b: &Bulletin, lang: Lang, fonts: &Fonts) -> Result<Vec<u8>, Error> {
    pdf_in_words(b, lang, fonts, &str::to_owned)
}

/// [`pdf`] with its words put otherwise: an edition of a month is not of a week.
///
/// # Errors
/// As [`pdf`].
pub fn pdf_in_words(
    b: &Bulletin,
    lang: Lang,
    fonts: &Fonts,
    words: &dyn Fn(&str) -> String,
) -> Result<Vec<u8>, Error> {
    let refused = |reason: String| Error::Typeset {
        issue: b.issue.number.to_string(),
        reason,
    };
    let palette = &Palette::PRINT;
    let frame = Frame::File(0.0);
    let mut files = HashMap::new();
    let mut put = |name: &str, text: String| {
        files.insert(
            file_id(name),
            Bytes::new(printable(text, fonts).into_bytes()),
        )
    };

    let page = view::page(b, lang);
    let scale = charts::print_scale(&b.rating, lang, 496.0, palette);
    let pictures: Vec<(u32, Printed)> = b
        .charts()
        .map(|c| (c.number, charts::print(c, lang, palette)))
        .collect();
    let data = serde_json::json!({
        "page": page,
        "fonts": { "sans": fonts.sans, "serif": fonts.serif, "mono": fonts.mono },
        "colors": palette,
        "date": document_date(b),
        "rating": words_of(&scale),
        "charts": pictures.iter().map(|(n, p)| (n.to_string(), words_of(p))).collect::<serde_json::Map<_, _>>(),
    });
    let data = serde_json::to_string(&data).expect("strings, numbers and lists are always JSON");
    put("data.json", words(&data));
    put("rating.svg", scale.svg);
    for (i, tile) in b.board.tiles.iter().enumerate() {
        let svg = charts::sparkline(&tile.spark, "", &format!("spark-{i}"), lang, palette, frame);
        put(&format!("spark-{i}.svg"), svg);
    }
    for (number, picture) in pictures {
        put(&format!("chart-{number}.svg"), picture.svg);
    }

    let desk = Desk {
        library: LazyHash::new(Library::default()),
        fonts,
        main: Source::new(file_id("bulletin.typ"), TEMPLATE.to_owned()),
        files,
    };
    let compiled = typst::compile::<PagedDocument>(&desk);
    let document = compiled
        .output
        .map_err(|errors| refused(messages(&errors)))?;
    let standards =
        PdfStandards::new(&[PdfStandard::A_2u]).map_err(|e| refused(e.message().to_string()))?;
    let options = PdfOptions {
        ident: Smart::Custom(format!(
            "{} {} {} {}",
            b.series.id,
            stem(b),
            b.revision,
            lang.code()
        )),
        creator: Smart::Custom(Some("Watchfire".to_owned())),
        standards,
        ..PdfOptions::default()
    };
    let bytes = typst_pdf::pdf(&document, &options).map_err(|errors| refused(messages(&errors)))?;
    // The typesetter remembers what it laid out, for incremental use; keep only what the other language can reuse.
    typst::comemo::evict(2);
    Ok(bytes)
}

/// The words of a picture, for the template to set over its shapes.
fn words_of(picture: &Printed) -> serde_json::Value {
    serde_json::json!({ "w": picture.w, "labels": picture.labels })
}

/// Characters that no loaded face can draw become a geta mark, the printers' sign for a missing type: archival PDF
/// refuses undrawable text, and an empty box would say nothing.
fn printable(text: String, fonts: &Fonts) -> String {
    let drawable = |c: char| {
        c.is_ascii()
            || fonts
                .faces
                .iter()
                .all(|f| f.info().coverage.contains(u32::from(c)))
    };
    if text.chars().all(drawable) {
        return text;
    }
    text.chars()
        .filter(|c| !matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' | '\u{fe00}'..='\u{fe0f}'))
        .map(|c| if drawable(c) { c } else { '〓' })
        .collect()
}

/// Year, month, day of the document's metadata: publication, else the last day covered.
fn document_date(b: &Bulletin) -> [i16; 3] {
    let date = b.published.as_ref().map_or(b.week.last, |d| d.date);
    [date.year(), i16::from(date.month()), i16::from(date.day())]
}

fn messages(errors: &[SourceDiagnostic]) -> String {
    errors
        .iter()
        .map(|e| e.message.to_string())
        .collect::<Vec<_>>()
        .join("; ")
}
