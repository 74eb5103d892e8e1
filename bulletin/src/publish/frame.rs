//! What every page has around its content: head, masthead with places and languages, foot.

use model::bulletin::Lang;

use super::words::Words;
use super::{LISTS, Site};
use crate::render::view::clean;
use crate::render::words::html_lang;

/// Name of a page by its stem and language: `index.html`, `index.en.html`, `statistics/M1.zh.html`.
pub(super) fn page(stem: &str, lang: Lang) -> String {
    if stem == "index" && lang == Lang::Zh {
        return "index.html".to_owned();
    }
    format!("{stem}.{}.html", lang.code())
}

/// The surroundings of one page.
pub(super) struct Frame {
    pub html_lang: &'static str,
    pub lang: Lang,
    pub other_lang: &'static str,
    /// From the page to the root of the site: empty or `../`.
    pub root: String,
    /// File of the page and of the same page in the other language, from the root.
    pub here: String,
    pub there: String,
    /// In the window's title, and the site's own.
    pub title: String,
    pub series: String,
    pub organization: String,
    pub description: String,
    /// Absolute address of the site with a final slash; empty where it is not known.
    pub base: String,
    /// Picture for previews, from the root; empty for none.
    pub picture: String,
    pub places: Vec<Place>,
    pub about: String,
    pub licence: Option<(String, String)>,
    pub contact: Option<(String, String)>,
    pub w: &'static Words,
    /// Search engines may list it.
    pub listed: bool,
}

/// A link of the main navigation.
pub(super) struct Place {
    pub name: &'static str,
    pub file: String,
    /// The page itself, or the part of the site it belongs to.
    pub current: &'static str,
}

impl Frame {
    /// The frame of page `stem`, which belongs to the place `place`.
    pub fn new(
        site: &Site<'_>,
        lang: Lang,
        stem: &str,
        place: &str,
        title: String,
        description: String,
    ) -> Frame {
        let w = Words::of(lang);
        let mut places = vec![
            ("index", w.home),
            ("archive", w.archive),
            ("statistics", w.statistics),
            ("method", w.method),
            ("data", w.data),
        ];
        if site.lists.is_some() {
            places.push((LISTS, w.lists));
        }
        places.push(("search", w.search));
        let text = |text: &model::bulletin::Text| clean(text.get(lang));
        Frame {
            html_lang: html_lang(lang),
            lang,
            other_lang: match lang {
                Lang::Zh => "en",
                Lang::En => "zh-Hans",
            },
            root: "../".repeat(stem.matches('/').count()),
            here: page(stem, lang),
            there: page(
                stem,
                match lang {
                    Lang::Zh => Lang::En,
                    Lang::En => Lang::Zh,
                },
            ),
            title,
            series: text(site.title),
            organization: text(site.organization),
            description,
            base: site.settings.base().unwrap_or_default().to_owned(),
            picture: String::new(),
            places: places
                .into_iter()
                .map(|(stem, name)| Place {
                    name,
                    file: page(stem, lang),
                    current: if stem == place { "page" } else { "" },
                })
                .collect(),
            about: site.about.map_or_else(String::new, text),
            licence: site
                .settings
                .licence
                .as_ref()
                .map(|licence| (licence.title.clone(), licence.url.clone())),
            contact: site.settings.contact.as_ref().map(|contact| {
                let href = match contact.contains("://") {
                    true => contact.clone(),
                    false => format!("mailto:{contact}"),
                };
                (contact.clone(), href)
            }),
            w,
            listed: true,
        }
    }

    /// The address of a file of the site as others write it.
    pub fn absolute(&self, file: &str) -> String {
        format!("{}{file}", self.base)
    }

    /// A feed of this language.
    pub fn feed(&self, kind: &str) -> String {
        match kind {
            "json" => format!("feeds/feed.{}.json", self.lang.code()),
            kind => format!("feeds/{kind}.{}.xml", self.lang.code()),
        }
    }
}
