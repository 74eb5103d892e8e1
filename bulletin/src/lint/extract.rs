//! The figures that a rendered form really prints, read back from its bytes.
//!
//! The lint compares them with the issue, so that no form says anything else than the others. Read here:
//! the page, the JSON and the CSV; other forms are read by whoever can ([`Extract`] is all that is needed).

use std::collections::BTreeMap;

use model::bulletin::{Bulletin, Lang};

use crate::{Error, Result};

/// What was found in one rendered form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extract {
    /// The form: `html`, `json`, `csv`, ...
    pub form: String,
    /// The language, of a form that has one.
    pub lang: Option<Lang>,
    /// Every listed figure: key and printed text; empty text where it is said to be missing.
    pub figures: BTreeMap<String, String>,
    /// Numbers printed in the running text, tables and charts with what they refer to: key, aspect, text.
    pub printed: Vec<(String, String, String)>,
    /// Where its links lead.
    pub links: Vec<String>,
}

impl Extract {
    /// `html zh`, `json`.
    pub fn name(&self) -> String {
        match self.lang {
            Some(lang) => format!("{} {}", self.form, lang.code()),
            None => self.form.clone(),
        }
    }
}

/// The tag around each place where `marker` stands, and the text up to the next tag.
fn elements<'a>(html: &'a str, marker: &str) -> Vec<(&'a str, &'a str)> {
    let needle = format!(" {marker}=\"");
    html.match_indices(&needle)
        .filter_map(|(at, _)| {
            let start = html[..at].rfind('<')?;
            let end = start + html[start..].find('>')?;
            let text = &html[end + 1..];
            Some((&html[start..=end], text.split_once('<')?.0))
        })
        .collect()
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
    rest.split_once('"').map(|(value, _)| plain(value))
}

/// A text without the five escapes of XML and numeric references.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        let Some((name, next)) = after.split_once(';').filter(|(name, _)| name.len() <= 8) else {
            out.push('&');
            rest = after;
            continue;
        };
        let code =
            name.strip_prefix('#')
                .and_then(|digits| match digits.strip_prefix(['x', 'X']) {
                    Some(hex) => u32::from_str_radix(hex, 16).ok(),
                    None => digits.parse().ok(),
                });
        match (name, code.and_then(char::from_u32)) {
            ("amp", _) => out.push('&'),
            ("lt", _) => out.push('<'),
            ("gt", _) => out.push('>'),
            ("quot", _) => out.push('"'),
            ("apos", _) => out.push('\''),
            (_, Some(found)) => out.push(found),
            _ => {
                out.push('&');
                out.push_str(name);
                out.push(';');
            }
        }
        rest = next;
    }
    out.push_str(rest);
    out
}

/// Reads a page of `crate::render::html`: figures are elements with `data-figure`, numbers elements with
/// `data-statistic`.
pub fn html(page: &str, lang: Lang) -> Extract {
    let figures = elements(page, "data-figure")
        .into_iter()
        .filter_map(|(tag, text)| {
            let missing = attribute(tag, "data-value")?.is_empty();
            let text = if missing { String::new() } else { plain(text) };
            Some((attribute(tag, "data-figure")?, text))
        })
        .collect();
    let printed = elements(page, "data-statistic")
        .into_iter()
        .filter_map(|(tag, text)| {
            Some((
                attribute(tag, "data-statistic")?,
                attribute(tag, "data-aspect")?,
                plain(text),
            ))
        })
        .collect();
    let links = elements(page, "href")
        .into_iter()
        .filter_map(|(tag, _)| attribute(tag, "href"))
        .collect();
    Extract {
        form: "html".to_owned(),
        lang: Some(lang),
        figures,
        printed,
        links,
    }
}

/// Reads the JSON of an issue, in one language.
///
/// # Errors
/// [`Error::Composed`] if it is no bulletin.
pub fn json(text: &str, lang: Lang) -> Result<Extract> {
    let bulletin: Bulletin = serde_json::from_str(text).map_err(|error| Error::Composed {
        issue: "the JSON form".to_owned(),
        reason: error.to_string(),
    })?;
    let printed = super::prints::of(&bulletin)
        .into_iter()
        .filter(|print| print.lang == lang && print.form == super::prints::Form::Sentence)
        .map(|print| (print.key, aspect(print.aspect).to_owned(), print.text))
        .collect();
    Ok(Extract {
        form: "json".to_owned(),
        lang: Some(lang),
        figures: bulletin
            .values
            .iter()
            .map(|value| {
                let amount = value.value.as_ref();
                let text = amount.map(|amount| amount.text.get(lang).to_owned());
                (value.key.clone(), text.unwrap_or_default())
            })
            .collect(),
        printed,
        links: Vec::new(),
    })
}

/// The aspect as pages name it.
pub fn aspect(aspect: model::bulletin::Aspect) -> &'static str {
    match aspect {
        model::bulletin::Aspect::Value => "value",
        model::bulletin::Aspect::Change => "change",
        model::bulletin::Aspect::Previous => "previous",
    }
}

/// Reads the CSV of an issue: the key stands first, the print eighth.
///
/// # Errors
/// [`Error::Composed`] if it cannot be read.
pub fn csv(bytes: &[u8], lang: Lang) -> Result<Extract> {
    const PRINT: usize = 7;
    let fail = |reason: String| Error::Composed {
        issue: "the CSV form".to_owned(),
        reason,
    };
    let text = std::str::from_utf8(bytes).map_err(|error| fail(error.to_string()))?;
    let mut reader = ::csv::Reader::from_reader(text.trim_start_matches('\u{feff}').as_bytes());
    let mut figures = BTreeMap::new();
    for record in reader.records() {
        let record = record.map_err(|error| fail(error.to_string()))?;
        let cell = |at: usize| {
            record
                .get(at)
                .unwrap_or("")
                .trim_start_matches('\'')
                .to_owned()
        };
        figures.insert(cell(0), cell(PRINT));
    }
    Ok(Extract {
        form: "csv".to_owned(),
        lang: Some(lang),
        figures,
        printed: Vec::new(),
        links: Vec::new(),
    })
}

/// Renders the forms that can be read back without fonts, and reads them back: page, JSON and CSV in both
/// languages.
///
/// # Errors
/// A form cannot be read back: a fault of ours.
pub fn of(bulletin: &Bulletin) -> Result<Vec<Extract>> {
    let mut out = Vec::new();
    let whole = crate::render::json(bulletin);
    for lang in Lang::ALL {
        out.push(html(&crate::render::html(bulletin, lang), lang));
        out.push(json(&whole, lang)?);
        out.push(csv(&crate::render::csv(bulletin, lang), lang)?);
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read_back() {
        let page = r##"<p>x<a href="#v-M1" data-statistic="M1" data-aspect="value" data-value="15000">1.5万</a></p>
            <td data-figure="M1" data-value="15000">1.5万</td><td data-figure="H1" data-value="">none</td>
            <td data-figure="W5/a&amp;b" data-value="3">&lt;3&#39;</td>"##;
        let found = html(page, Lang::Zh);
        assert_eq!(found.figures["M1"], "1.5万");
        assert_eq!(found.figures["H1"], "");
        assert_eq!(found.figures["W5/a&b"], "<3'");
        assert_eq!(
            found.printed,
            [("M1".to_owned(), "value".to_owned(), "1.5万".to_owned())]
        );
        assert_eq!(found.links, ["#v-M1"]);
    }
}
