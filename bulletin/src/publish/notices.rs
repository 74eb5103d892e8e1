//! What stands where nothing else does: the page for a wrong address, the notices of withdrawn issues, and the files
//! that tell machines of the site.

use askama::Template;
use model::bulletin::Lang;
use serde_json::json;

use super::edition::Edition;
use super::frame::Frame;
use super::{ISSUES, Site, WITHDRAWN, file};
use crate::render::Rendition;
use crate::render::draw::escape;
use crate::render::view::clean;

#[derive(Template)]
#[template(path = "site/lost.html")]
struct Lost {
    f: Frame,
}

#[derive(Template)]
#[template(path = "site/withdrawn.html")]
struct Withdrawn {
    f: Frame,
    issue: String,
    week: String,
    day: String,
    reason: String,
}

/// `404.html` in Chinese, `404.en.html`. They are served at any depth, so their links begin at the root.
pub(super) fn lost(site: &Site<'_>, lang: Lang) -> Vec<Rendition> {
    let w = super::words::Words::of(lang);
    let mut f = Frame::new(
        site,
        lang,
        "404",
        "",
        format!("{} - {}", w.lost, clean(site.title.get(lang))),
        w.lost_text.to_owned(),
    );
    f.root = match site.settings.base() {
        Some(base) => base
            .splitn(4, '/')
            .nth(3)
            .map_or_else(|| "/".to_owned(), |path| format!("/{path}")),
        None => "/".to_owned(),
    };
    let name = match lang {
        Lang::Zh => "404.html",
        Lang::En => "404.en.html",
    };
    f.here = name.to_owned();
    f.there = if lang == Lang::Zh {
        "404.en.html"
    } else {
        "404.html"
    }
    .to_owned();
    f.base.clear();
    f.listed = false;
    vec![file(
        name,
        Lost { f }
            .render()
            .expect("a template without fallible parts renders into memory"),
    )]
}

/// Every name that a withdrawn issue ever had.
fn names(edition: &Edition) -> impl Iterator<Item = &str> {
    edition
        .life
        .files
        .iter()
        .map(|file| file.name.as_str())
        .chain(edition.life.former.iter().map(String::as_str))
}

/// In which language a file is: by the part of its name before the last.
fn language(name: &str) -> Lang {
    match name.split('.').any(|part| part == "en") {
        true => Lang::En,
        false => Lang::Zh,
    }
}

/// A notice at every address of every withdrawn issue. At the address of another format stands nothing, and a notice
/// beside it, under its name with `.html`.
pub(super) fn tombstones(site: &Site<'_>) -> Vec<Rendition> {
    let mut out = Vec::new();
    for edition in site.editions {
        let Some(withdrawal) = &edition.life.withdrawn else {
            continue;
        };
        for lang in Lang::ALL {
            let w = super::words::Words::of(lang);
            let issue = clean(edition.issue.text.get(lang));
            let mut f = Frame::new(
                site,
                lang,
                &format!("{ISSUES}/{}", edition.stem()),
                "archive",
                format!("{issue} {} - {}", w.withdrawn, clean(site.title.get(lang))),
                clean(withdrawal.reason.get(lang)),
            );
            f.listed = false;
            let page = Withdrawn {
                f,
                issue,
                week: clean(edition.week.text.get(lang)),
                day: site.day(withdrawal.at).get(lang).to_owned(),
                reason: clean(withdrawal.reason.get(lang)),
            };
            let text = page
                .render()
                .expect("a template without fallible parts renders into memory");
            let own = format!("{}.{}.html", edition.stem(), lang.code());
            let mut at: Vec<String> = names(edition)
                .filter(|name| language(name) == lang)
                .map(|name| {
                    if name.ends_with(".html") {
                        name.to_owned()
                    } else {
                        format!("{name}.html")
                    }
                })
                .collect();
            at.push(own);
            at.sort();
            at.dedup();
            out.extend(
                at.into_iter()
                    .map(|name| file(&format!("{ISSUES}/{name}"), text.clone())),
            );
        }
    }
    out
}

/// The list of withdrawn issues for machines: when, why, which addresses, where the notice stands.
pub(super) fn withdrawn(site: &Site<'_>) -> Rendition {
    let mut editions: Vec<&Edition> = site
        .editions
        .iter()
        .filter(|edition| !edition.stands())
        .collect();
    editions.sort_by_key(|edition| edition.week.first);
    let list: Vec<_> = editions
        .into_iter()
        .filter_map(|edition| {
            let withdrawal = edition.life.withdrawn.as_ref()?;
            let mut addresses: Vec<String> = names(edition).map(|name| format!("{ISSUES}/{name}")).collect();
            addresses.sort();
            addresses.dedup();
            Some(json!({
                "issue": edition.stem(),
                "at": withdrawal.at.to_jiff().map(|at| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()),
                "reason": { "zh": clean(&withdrawal.reason.zh), "en": clean(&withdrawal.reason.en) },
                "notice": {
                    "zh": format!("{ISSUES}/{}.zh.html", edition.stem()),
                    "en": format!("{ISSUES}/{}.en.html", edition.stem()),
                },
                "addresses": addresses,
            }))
        })
        .collect();
    let mut text = serde_json::to_string_pretty(&json!({ "withdrawn": list }))
        .expect("strings and lists are always JSON");
    text.push('\n');
    file(WITHDRAWN, text)
}

/// `robots.txt`; with a known address the sitemap; `security.txt` where there is a contact.
pub(super) fn robots(site: &Site<'_>, pages: &[Rendition]) -> Vec<Rendition> {
    let mut robots = String::from("User-agent: *\nAllow: /\n");
    let mut out = Vec::new();
    if let Some(base) = site.settings.base() {
        robots.push_str(&format!("Sitemap: {base}sitemap.xml\n"));
        out.push(file("sitemap.xml", sitemap(site, base, pages)));
    }
    out.push(file("robots.txt", robots));
    if let Some(security) = &site.settings.security
        && let Some(expires) = security.expires.to_jiff()
    {
        let mut text = format!(
            "Contact: {}\nExpires: {}\nPreferred-Languages: zh, en\n",
            clean(&security.contact),
            expires.strftime("%Y-%m-%dT%H:%M:%SZ")
        );
        if let Some(base) = site.settings.base() {
            text.push_str(&format!("Canonical: {base}.well-known/security.txt\n"));
        }
        out.push(file(".well-known/security.txt", text));
    }
    out
}

/// Every page that search engines may list, with its other language beside it.
fn sitemap(site: &Site<'_>, base: &str, pages: &[Rendition]) -> String {
    let mut out = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<urlset xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\" xmlns:xhtml=\"http://www.w3.org/1999/xhtml\">\n",
    );
    let mut url = |zh: &str, en: &str, changed: Option<String>| {
        let (zh, en) = (format!("{base}{zh}"), format!("{base}{en}"));
        for own in [&zh, &en] {
            out.push_str(&format!("<url><loc>{}</loc>", escape(own)));
            if let Some(changed) = &changed {
                out.push_str(&format!("<lastmod>{changed}</lastmod>"));
            }
            for (tag, address) in [("zh-Hans", &zh), ("en", &en)] {
                out.push_str(&format!(
                    "<xhtml:link rel=\"alternate\" hreflang=\"{tag}\" href=\"{}\"/>",
                    escape(address)
                ));
            }
            out.push_str("</url>\n");
        }
    };
    for page in pages {
        let name = page.name.as_str();
        if name.starts_with("404") || name.starts_with(ISSUES) {
            continue;
        }
        if name == "index.html" {
            url("index.html", "index.en.html", None);
        } else if let Some(stem) = name.strip_suffix(".zh.html") {
            url(name, &format!("{stem}.en.html"), None);
        }
    }
    for edition in site.standing() {
        let changed = edition
            .life
            .updated
            .to_jiff()
            .map(|at| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
        let (zh, en) = (edition.file("zh.html"), edition.file("en.html"));
        if let (Some(zh), Some(en)) = (zh, en) {
            url(
                &format!("{ISSUES}/{}", zh.name),
                &format!("{ISSUES}/{}", en.name),
                changed,
            );
        }
    }
    out.push_str("</urlset>\n");
    out
}
