//! Search without a server: a script of ours and one small file of texts a year and language.
//!
//! A shard holds what is searched, and nothing else: title, days, sentences and figures of each issue. It is a
//! script that hands its data to the search, because a page opened as a file may load scripts but no data. An
//! inverted index would be larger than these texts: fifty issues from the same templates share almost all their
//! pairs of characters.

use askama::Template;
use model::bulletin::Lang;
use serde_json::{Value, json};
use std::collections::BTreeMap;

use super::edition::Edition;
use super::frame::{self, Frame};
use super::{ISSUES, Site, file};
use crate::render::Rendition;
use crate::render::view::clean;

#[derive(Template)]
#[template(path = "site/search.html")]
struct Page {
    f: Frame,
    shards: String,
    told: &'static str,
    none: &'static str,
}

/// The search page of one language and its shards.
pub(super) fn pages(site: &Site<'_>, lang: Lang) -> Vec<Rendition> {
    let mut years: BTreeMap<i16, Vec<&Edition>> = BTreeMap::new();
    for edition in site.standing() {
        years
            .entry(edition.issue.number.year)
            .or_default()
            .push(edition);
    }
    let name = |year: i16| format!("{year}.{}", lang.code());
    let mut out: Vec<Rendition> = years
        .iter()
        .map(|(year, editions)| {
            let issues: Vec<Value> = editions
                .iter()
                .map(|edition| entry(edition, lang))
                .collect();
            // A script: `<` could end an element of a page it is pasted into, the two separators are line ends.
            let data = json!(issues)
                .to_string()
                .replace('<', "\\u003c")
                .replace('\u{2028}', "\\u2028")
                .replace('\u{2029}', "\\u2029");
            file(
                &format!("search/{}.js", name(*year)),
                format!("watchfireShard({:?},{data});\n", name(*year)),
            )
        })
        .collect();
    let w = super::words::Words::of(lang);
    let f = Frame::new(
        site,
        lang,
        "search",
        "search",
        format!("{} - {}", w.search, clean(site.title.get(lang))),
        w.search_hint.to_owned(),
    );
    let (told, none) = match lang {
        Lang::Zh => ("找到#期", "没有找到"),
        Lang::En => ("Found in # issues", "Nothing found"),
    };
    let shards: Vec<String> = years.keys().rev().map(|year| name(*year)).collect();
    let page = Page {
        f,
        shards: shards.join(" "),
        told,
        none,
    };
    out.push(file(
        &frame::page("search", lang),
        page.render()
            .expect("a template without fallible parts renders into memory"),
    ));
    out
}

/// An issue as it is searched: title, days, address, texts.
fn entry(edition: &Edition, lang: Lang) -> Value {
    let text = |text: &model::bulletin::Text| clean(text.get(lang));
    let mut texts = vec![text(&edition.summary)];
    texts.extend(edition.sentences.iter().map(text));
    let figures: Vec<String> = edition
        .figures
        .iter()
        .filter(|figure| figure.part.is_empty() && !figure.exact.is_empty())
        .map(|figure| {
            format!(
                "{} {} {}",
                figure.statistic,
                text(&figure.name),
                text(&figure.text)
            )
        })
        .collect();
    texts.push(figures.join(if lang == Lang::Zh { "；" } else { "; " }));
    texts.retain(|text| !text.is_empty());
    texts.dedup();
    json!({
        "t": text(&edition.issue.text),
        "w": format!("{} {}", text(&edition.week.text), text(&edition.word)),
        "u": format!("{ISSUES}/{}.{}.html", edition.stem(), lang.code()),
        "s": texts,
    })
}
