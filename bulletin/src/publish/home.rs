//! Home: the current issue at a glance, and the way to everything else.

use askama::Template;
use model::bulletin::{Bulletin, Lang};

use super::archive::Row;
use super::frame::{self, Frame};
use super::{ISSUES, Site, file};
use crate::render::view::{self, clean};
use crate::render::{Rendition, spark};

/// Earlier issues on the home page.
const EARLIER: usize = 8;
/// Alerts and roll-ups on it, of each.
const BESIDE: usize = 6;

#[derive(Template)]
#[template(path = "site/home.html")]
struct Home<'a> {
    f: Frame,
    now: Option<Now<'a>>,
    earlier: Vec<Row>,
    withdrawn: Vec<Row>,
    alerts: Vec<Beside>,
    rollups: Vec<Beside>,
}

/// A line that leads to what stands beside the issues.
struct Beside {
    name: String,
    title: String,
    page: String,
    day: String,
    /// Empty while it stands.
    withdrawn: &'static str,
}

/// The current issue.
struct Now<'a> {
    p: view::Page<'a>,
    b: &'a Bulletin,
    lang: Lang,
    /// The issue's page, from the root.
    page: String,
    /// Label and path of its other formats.
    files: Vec<(&'static str, String)>,
    lead: Option<Lead>,
}

struct Lead {
    title: String,
    paragraph: String,
}

impl Now<'_> {
    fn spark(&self, index: &usize, alt: &str) -> String {
        spark(self.b, *index, alt, self.lang)
    }
}

/// The home page of one language.
pub(super) fn page(site: &Site<'_>, lang: Lang) -> Rendition {
    let standing = site.standing();
    let mut f = Frame::new(
        site,
        lang,
        "index",
        "index",
        clean(site.title.get(lang)),
        String::new(),
    );
    f.description = match site.current {
        Some(b) => view::page(b, lang).description,
        None => f.w.no_issue.to_owned(),
    };
    let now = site.current.zip(standing.first()).map(|(b, edition)| {
        let code = lang.code();
        if let Some(card) = edition.card(lang) {
            f.picture = format!("{ISSUES}/{}", card.name);
        }
        let formats = [
            ("PDF", "pdf", true),
            ("DOCX", "docx", true),
            ("XLSX", "xlsx", true),
            ("CSV", "csv", true),
            ("Markdown", "md", true),
            ("JSON", "json", false),
        ];
        let files = formats
            .into_iter()
            .filter_map(|(label, extension, own)| {
                let in_language = edition.file(&format!("{code}.{extension}"));
                let entry = in_language.or_else(|| {
                    edition
                        .file(extension)
                        .filter(|_| !own || extension == "xlsx")
                })?;
                Some((label, format!("{ISSUES}/{}", entry.name)))
            })
            .collect();
        Now {
            p: view::page(b, lang),
            b,
            lang,
            page: format!("{ISSUES}/{}.{code}.html", edition.stem()),
            files,
            lead: b.lead.as_ref().map(|lead| Lead {
                title: clean(lead.title.get(lang)),
                paragraph: lead
                    .paragraphs
                    .first()
                    .map_or_else(String::new, |first| clean(&first.plain(lang))),
            }),
        }
    });
    let rows = |editions: &mut dyn Iterator<Item = &super::Edition>| {
        editions
            .map(|edition| Row::of(site, edition, lang))
            .collect::<Vec<_>>()
    };
    let beside = |notices: &[super::Notice]| {
        let newest = notices.iter().take(BESIDE);
        newest
            .map(|notice| Beside {
                name: clean(notice.name.get(lang)),
                title: clean(notice.title.get(lang)),
                page: frame::page(&notice.stem, lang),
                day: clean(site.day(notice.at).get(lang)),
                withdrawn: if notice.withdrawn { f.w.withdrawn } else { "" },
            })
            .collect::<Vec<_>>()
    };
    let home = Home {
        alerts: beside(site.beside.alerts),
        rollups: beside(site.beside.rollups),
        earlier: rows(&mut standing.iter().skip(1).take(EARLIER).copied()),
        // A reader who comes for the newest issue must learn that it was taken back.
        withdrawn: rows(&mut site.editions.iter().filter(|edition| {
            !edition.stands()
                && standing.first().is_none_or(|newest| {
                    edition.week.first
                        >= newest.week.first.saturating_sub(jiff::Span::new().weeks(4))
                })
        })),
        f,
        now,
    };
    file(
        &frame::page("index", lang),
        home.render()
            .expect("a template without fallible parts renders into memory"),
    )
}
