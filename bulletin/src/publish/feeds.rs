//! Feeds: Atom (RFC 4287), RSS 2.0 and JSON Feed 1.1, one of each a language.
//!
//! Identifiers are tag URIs (RFC 4151) that never change. An issue has one entry whose `updated` moves when it is
//! corrected or withdrawn; besides, every correction and every withdrawal has an entry of its own, so that a reader
//! whose program hides updates sees them too.

use model::bulletin::Lang;
use model::time::Timestamp;
use serde_json::json;
use std::fmt::Write;

use super::edition::Edition;
use super::words::Words;
use super::{ISSUES, Site, file};
use crate::render::Rendition;
use crate::render::draw::escape;
use crate::render::view::clean;
use crate::render::words::html_lang;

/// Entries of a feed.
const MOST: usize = 60;

struct Entry {
    id: String,
    title: String,
    text: String,
    link: String,
    published: Timestamp,
    updated: Timestamp,
}

/// The feeds; none without an address of the site.
pub(super) fn files(site: &Site<'_>) -> Vec<Rendition> {
    let Some(base) = site.settings.base() else {
        return Vec::new();
    };
    let tag = tag(site, base);
    Lang::ALL
        .into_iter()
        .flat_map(|lang| {
            let code = lang.code();
            let feed = Feed {
                site,
                base,
                lang,
                id: format!("tag:{tag}:feed/{code}"),
                entries: entries(site, base, &tag, lang),
            };
            [
                file(&format!("feeds/atom.{code}.xml"), feed.atom()),
                file(&format!("feeds/rss.{code}.xml"), feed.rss()),
                file(&format!("feeds/feed.{code}.json"), feed.json()),
            ]
        })
        .collect()
}

/// Authority and date of the identifiers.
fn tag(site: &Site<'_>, base: &str) -> String {
    if let Some(tag) = &site.settings.feed_tag {
        return tag.clone();
    }
    let host = base.split('/').nth(2).unwrap_or_default();
    let host = host
        .split('@')
        .next_back()
        .unwrap_or(host)
        .split(':')
        .next()
        .unwrap_or(host);
    let first = site
        .editions
        .iter()
        .map(|edition| edition.life.first_published)
        .min();
    let year = first
        .and_then(|at| at.date_in(site.zone))
        .map_or(2000, |date| date.year());
    format!("{},{year:04}", host.to_lowercase())
}

/// Newest first.
fn entries(site: &Site<'_>, base: &str, tag: &str, lang: Lang) -> Vec<Entry> {
    let w = Words::of(lang);
    let mut out = Vec::new();
    for edition in site.editions {
        let (life, stem) = (&edition.life, edition.stem());
        let issue = title(edition, lang);
        let link = format!("{base}{ISSUES}/{stem}.{}.html", lang.code());
        let id = format!("tag:{tag}:issue/{stem}/{}", lang.code());
        let withdrawn = life
            .withdrawn
            .as_ref()
            .map(|withdrawal| clean(withdrawal.reason.get(lang)));
        out.push(Entry {
            id: id.clone(),
            title: match withdrawn {
                Some(_) => format!("{issue} {}", w.withdrawn),
                None => issue.clone(),
            },
            text: withdrawn.clone().unwrap_or_else(|| {
                format!(
                    "{}{}{} {}",
                    w.rating,
                    w.colon,
                    clean(edition.word.get(lang)),
                    clean(edition.summary.get(lang))
                )
            }),
            link: link.clone(),
            published: life.first_published,
            updated: life.updated,
        });
        for revised in life.revised.iter() {
            out.push(Entry {
                id: format!("{id}/revision/{}", revised.revision),
                title: format!("{}{}{issue}", w.correction, w.colon),
                text: clean(revised.text.get(lang)),
                link: link.clone(),
                published: revised.at,
                updated: revised.at,
            });
        }
        if let (Some(withdrawal), Some(reason)) = (&life.withdrawn, withdrawn) {
            out.push(Entry {
                id: format!("{id}/withdrawn"),
                title: format!("{}{}{issue}", w.withdrawal, w.colon),
                text: reason,
                link,
                published: withdrawal.at,
                updated: withdrawal.at,
            });
        }
    }
    out.sort_by(|a, b| b.updated.cmp(&a.updated).then_with(|| b.id.cmp(&a.id)));
    out.truncate(MOST);
    out
}

fn title(edition: &Edition, lang: Lang) -> String {
    let (issue, week) = (
        clean(edition.issue.text.get(lang)),
        clean(edition.week.text.get(lang)),
    );
    match lang {
        Lang::Zh => format!("{issue}（{week}）"),
        Lang::En => format!("{issue} ({week})"),
    }
}

struct Feed<'a> {
    site: &'a Site<'a>,
    base: &'a str,
    lang: Lang,
    id: String,
    entries: Vec<Entry>,
}

/// RFC 3339.
fn instant(at: Timestamp) -> String {
    at.to_jiff().map_or_else(
        || "1970-01-01T00:00:00Z".to_owned(),
        |at| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
    )
}

/// RFC 822 with a year of four digits; English whatever the language.
fn mail_date(at: Timestamp) -> String {
    at.to_jiff().map_or_else(
        || "Thu, 01 Jan 1970 00:00:00 +0000".to_owned(),
        |at| at.strftime("%a, %d %b %Y %H:%M:%S +0000").to_string(),
    )
}

impl Feed<'_> {
    fn home(&self) -> String {
        format!("{}{}", self.base, super::frame::page("index", self.lang))
    }

    fn updated(&self) -> Timestamp {
        self.entries
            .iter()
            .map(|entry| entry.updated)
            .max()
            .unwrap_or_default()
    }

    fn atom(&self) -> String {
        let (lang, code) = (html_lang(self.lang), self.lang.code());
        let text = |text: &model::bulletin::Text| clean(text.get(self.lang));
        let mut out = format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<feed xmlns=\"http://www.w3.org/2005/Atom\" xml:lang=\"{lang}\">\n<id>{}</id>\n<title>{}</title>\n<updated>{}</updated>\n<author><name>{}</name></author>\n<link rel=\"self\" type=\"application/atom+xml\" href=\"{}\"/>\n<link rel=\"alternate\" type=\"text/html\" href=\"{}\"/>\n",
            escape(&self.id),
            escape(&text(self.site.title)),
            instant(self.updated()),
            escape(&text(self.site.organization)),
            escape(&format!("{}feeds/atom.{code}.xml", self.base)),
            escape(&self.home()),
        );
        if let Some(licence) = &self.site.settings.licence {
            let _ = writeln!(out, "<rights>{}</rights>", escape(&licence.title));
        }
        for entry in &self.entries {
            let _ = write!(
                out,
                "<entry>\n<id>{}</id>\n<title>{}</title>\n<published>{}</published>\n<updated>{}</updated>\n<link rel=\"alternate\" type=\"text/html\" hreflang=\"{lang}\" href=\"{}\"/>\n<summary>{}</summary>\n</entry>\n",
                escape(&entry.id),
                escape(&entry.title),
                instant(entry.published),
                instant(entry.updated),
                escape(&entry.link),
                escape(&entry.text),
            );
        }
        out.push_str("</feed>\n");
        out
    }

    fn rss(&self) -> String {
        let code = self.lang.code();
        let text = |text: &model::bulletin::Text| clean(text.get(self.lang));
        let language = match self.lang {
            Lang::Zh => "zh-cn",
            Lang::En => "en",
        };
        let mut out = format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<rss version=\"2.0\" xmlns:atom=\"http://www.w3.org/2005/Atom\">\n<channel>\n<title>{}</title>\n<link>{}</link>\n<description>{}</description>\n<language>{language}</language>\n<lastBuildDate>{}</lastBuildDate>\n<atom:link rel=\"self\" type=\"application/rss+xml\" href=\"{}\"/>\n",
            escape(&text(self.site.title)),
            escape(&self.home()),
            escape(&text(self.site.organization)),
            mail_date(self.updated()),
            escape(&format!("{}feeds/rss.{code}.xml", self.base)),
        );
        for entry in &self.entries {
            let _ = write!(
                out,
                "<item>\n<guid isPermaLink=\"false\">{}</guid>\n<title>{}</title>\n<link>{}</link>\n<pubDate>{}</pubDate>\n<description>{}</description>\n</item>\n",
                escape(&entry.id),
                escape(&entry.title),
                escape(&entry.link),
                mail_date(entry.published),
                escape(&entry.text),
            );
        }
        out.push_str("</channel>\n</rss>\n");
        out
    }

    fn json(&self) -> String {
        let text = |text: &model::bulletin::Text| clean(text.get(self.lang));
        let items: Vec<_> = self
            .entries
            .iter()
            .map(|entry| {
                json!({
                    "id": entry.id,
                    "url": entry.link,
                    "title": entry.title,
                    "content_text": entry.text,
                    "date_published": instant(entry.published),
                    "date_modified": instant(entry.updated),
                })
            })
            .collect();
        let feed = json!({
            "version": "https://jsonfeed.org/version/1.1",
            "title": text(self.site.title),
            "home_page_url": self.home(),
            "feed_url": format!("{}feeds/feed.{}.json", self.base, self.lang.code()),
            "language": html_lang(self.lang),
            "authors": [{ "name": text(self.site.organization) }],
            "items": items,
        });
        let mut out =
            serde_json::to_string_pretty(&feed).expect("strings and lists are always JSON");
        out.push('\n');
        out
    }
}
