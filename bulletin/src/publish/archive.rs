//! The archive: every year as a row of ratings, and a page a year with all its issues.

use askama::Template;
use model::bulletin::Lang;
use std::collections::BTreeMap;

use super::edition::Edition;
use super::frame::{self, Frame};
use super::{ISSUES, Site, file};
use crate::render::Rendition;
use crate::render::view::clean;

/// An issue as a line of a list.
pub(super) struct Row {
    pub issue: String,
    pub number: u32,
    pub week: String,
    pub level: u8,
    pub word: String,
    /// Its page, from the root.
    pub page: String,
    pub published: String,
    /// Label and path of its other formats.
    pub files: Vec<(&'static str, String)>,
    /// `Withdrawn`, or empty.
    pub withdrawn: &'static str,
    /// `Corrected`, or empty.
    pub corrected: &'static str,
    /// Why, or what changed last.
    pub remark: String,
}

impl Row {
    pub fn of(site: &Site<'_>, edition: &Edition, lang: Lang) -> Row {
        let w = super::words::Words::of(lang);
        let code = lang.code();
        let life = &edition.life;
        let corrected = life.revised.last().filter(|_| edition.stands());
        let files = [
            ("PDF", format!("{code}.pdf")),
            ("DOCX", format!("{code}.docx")),
            ("CSV", format!("{code}.csv")),
            ("JSON", "json".to_owned()),
        ]
        .into_iter()
        .filter(|_| edition.stands())
        .filter_map(|(label, ending)| {
            Some((label, format!("{ISSUES}/{}", edition.file(&ending)?.name)))
        })
        .collect();
        Row {
            issue: clean(edition.issue.text.get(lang)),
            number: edition.issue.number.number,
            week: clean(edition.week.text.get(lang)),
            level: edition.level.unwrap_or(0).min(5),
            word: clean(edition.word.get(lang)),
            page: format!("{ISSUES}/{}.{code}.html", edition.stem()),
            published: site.day(life.first_published).get(lang).to_owned(),
            files,
            withdrawn: if edition.stands() { "" } else { w.withdrawn },
            corrected: if corrected.is_some() { w.corrected } else { "" },
            remark: match (&life.withdrawn, corrected) {
                (Some(withdrawal), _) => clean(withdrawal.reason.get(lang)),
                (None, Some(last)) => clean(last.text.get(lang)),
                (None, None) => String::new(),
            },
        }
    }
}

/// A year of the archive.
struct Year {
    year: i16,
    name: String,
    heading: String,
    /// Oldest first.
    rows: Vec<Row>,
    count: String,
}

#[derive(Template)]
#[template(path = "site/archive.html")]
struct Archive {
    f: Frame,
    /// Words of the scale, best first.
    levels: Vec<String>,
    years: Vec<Year>,
}

#[derive(Template)]
#[template(path = "site/year.html")]
struct YearPage<'a> {
    f: Frame,
    year: &'a Year,
}

/// Heading of a year's page.
fn heading(year: i16, lang: Lang) -> String {
    match lang {
        Lang::Zh => format!("{year}年往期"),
        Lang::En => format!("Archive {year}"),
    }
}

fn name(year: i16, lang: Lang) -> String {
    match lang {
        Lang::Zh => format!("{year}年"),
        Lang::En => year.to_string(),
    }
}

/// The archive and its years.
pub(super) fn pages(site: &Site<'_>, lang: Lang) -> Vec<Rendition> {
    let mut by_year: BTreeMap<i16, Vec<&Edition>> = BTreeMap::new();
    for edition in site.editions {
        by_year
            .entry(edition.issue.number.year)
            .or_default()
            .push(edition);
    }
    let years: Vec<Year> = by_year
        .into_iter()
        .rev()
        .map(|(year, mut editions)| {
            editions.sort_by_key(|edition| edition.week.first);
            let count = editions.iter().filter(|edition| edition.stands()).count();
            Year {
                year,
                name: name(year, lang),
                heading: heading(year, lang),
                count: match (lang, count) {
                    (Lang::Zh, count) => format!("{count}期"),
                    (Lang::En, 1) => "1 issue".to_owned(),
                    (Lang::En, count) => format!("{count} issues"),
                },
                rows: editions
                    .into_iter()
                    .map(|edition| Row::of(site, edition, lang))
                    .collect(),
            }
        })
        .collect();
    let w = super::words::Words::of(lang);
    let title = |part: &str| format!("{part} - {}", clean(site.title.get(lang)));
    let mut out: Vec<Rendition> = years
        .iter()
        .map(|year| {
            let stem = format!("archive/{}", year.year);
            let f = Frame::new(
                site,
                lang,
                &stem,
                "archive",
                title(&heading(year.year, lang)),
                format!("{} {}{}{}", w.archive, year.name, w.comma, year.count),
            );
            let text = YearPage { f, year }
                .render()
                .expect("a template without fallible parts renders into memory");
            file(&frame::page(&stem, lang), text)
        })
        .collect();
    let levels = site.current.map_or_else(Vec::new, |b| {
        b.rating
            .words
            .iter()
            .map(|word| clean(word.get(lang)))
            .collect()
    });
    let f = Frame::new(
        site,
        lang,
        "archive",
        "archive",
        title(w.archive),
        w.archive_text.to_owned(),
    );
    let text = Archive { f, levels, years }
        .render()
        .expect("a template without fallible parts renders into memory");
    out.push(file(&frame::page("archive", lang), text));
    out
}
