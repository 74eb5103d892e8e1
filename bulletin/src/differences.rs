//! What two revisions of an issue print differently, figure by figure and place by place.

use std::collections::BTreeSet;

use model::bulletin::{Bulletin, Lang};

/// A place that says another thing.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Difference {
    /// Key of a figure, or a section, block or note.
    pub what: String,
    /// Whether it is a figure.
    pub figure: bool,
    /// What it said; empty where it was not there.
    pub before: String,
    /// What it says; empty where it is gone.
    pub after: String,
}

/// What two revisions, or two issues, print differently: figures by key, then every sentence by its place.
pub fn differences(before: &Bulletin, after: &Bulletin, lang: Lang) -> Vec<Difference> {
    let mut out = Vec::new();
    let printed = |bulletin: &Bulletin, key: &str| {
        let value = bulletin.value(key)?;
        let amount = value.value.as_ref().map(|amount| amount.text.get(lang));
        let change = value.change.text.get(lang);
        Some(
            format!("{} {change}", amount.unwrap_or("–"))
                .trim()
                .to_owned(),
        )
    };
    let keys: BTreeSet<&str> = before
        .values
        .iter()
        .chain(&after.values)
        .map(|value| value.key.as_str())
        .collect();
    for key in keys {
        let sides = (printed(before, key), printed(after, key));
        if sides.0 != sides.1 {
            out.push(Difference {
                what: key.to_owned(),
                figure: true,
                before: sides.0.unwrap_or_default(),
                after: sides.1.unwrap_or_default(),
            });
        }
    }
    let (old, new) = (sentences(before, lang), sentences(after, lang));
    let places: BTreeSet<&String> = old.iter().chain(&new).map(|(place, _)| place).collect();
    for place in places {
        let side = |list: &[(String, String)]| {
            let of_place = list.iter().filter(|(other, _)| other == place);
            of_place
                .map(|(_, text)| text.as_str())
                .collect::<Vec<_>>()
                .join(" ")
        };
        let (a, b) = (side(&old), side(&new));
        if a != b {
            out.push(Difference {
                what: place.clone(),
                figure: false,
                before: a,
                after: b,
            });
        }
    }
    out
}

/// Every sentence with its place.
fn sentences(bulletin: &Bulletin, lang: Lang) -> Vec<(String, String)> {
    let mut out = vec![("rating".to_owned(), bulletin.rating.sentence.plain(lang))];
    let mut add = |place: &str, text: String| out.push((place.to_owned(), text));
    for paragraph in &bulletin.situation {
        add("situation", paragraph.plain(lang));
    }
    for section in &bulletin.sections {
        for paragraph in &section.paragraphs {
            add(&section.id, paragraph.plain(lang));
        }
    }
    for story in bulletin.lead.iter().chain(&bulletin.news) {
        add(&story.id, story.title.get(lang).to_owned());
        for paragraph in &story.paragraphs {
            add(&story.id, paragraph.plain(lang));
        }
    }
    for note in &bulletin.notes {
        add(&note.id, note.text.plain(lang));
    }
    for correction in &bulletin.corrections {
        add("corrections", correction.text.get(lang).to_owned());
    }
    out
}
