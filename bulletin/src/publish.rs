//! The public site: everything around the issues, as files that any web server can serve.
//!
//! [`pages`] is a function from digests of the published issues ([`Edition`]) to files: home, archive, a page and
//! downloads for every statistic, the method, the block lists, feeds, the search and the open data. The files of an issue itself are
//! rendered once, when it is approved, and never again: [`assets`] lists them by content, and whoever writes the
//! tree puts them in their place. A withdrawn issue has a notice at each of its addresses instead.
//!
//! Stands at the end of the flow, beside [`crate::render`]; no I/O, no clock. Writing the tree is the binary's.

mod archive;
mod data;
mod edition;
mod feeds;
mod frame;
mod home;
mod lists;
mod long;
mod method;
mod notices;
mod search;
mod series;
mod statistics;
mod words;

pub use edition::{Earlier, Edition, Figure, FileEntry, Life, RestatedFigure, Revised, Withdrawal};

use jiff::tz::TimeZone;
use model::bulletin::{Bulletin, Lang, Text};
use model::time::Timestamp;
use std::collections::BTreeSet;

use crate::render::{Rendition, palette};
use crate::{Error, Result};

/// Folder of the issues' files.
pub const ISSUES: &str = "issues";
/// The list of withdrawn addresses: [`notices`](pages) are served at these with status 410.
pub const WITHDRAWN: &str = "withdrawn.json";

/// Under what terms figures may be reused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Licence {
    /// Identifier of SPDX or the Open Definition: `CC-BY-4.0`.
    pub name: String,
    /// As printed.
    pub title: String,
    /// Its text.
    pub url: String,
}

/// Whom to tell of a hole in the site itself (RFC 9116).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecurityContact {
    /// `mailto:` or `https:` address.
    pub contact: String,
    /// When this word loses its force; in the future, at most a year.
    pub expires: Timestamp,
}

/// What the configuration says of the site.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Absolute address of the site's root, `https://` or `http://`. Without one there are no feeds, no sitemap and
    /// no previews: all three need absolute addresses.
    pub base_url: Option<String>,
    /// Authority and date of the feeds' tag URIs (RFC 4151): `cert.example,2023`. Must never change. Default: the
    /// host of `base_url` and the year of the first issue.
    pub feed_tag: Option<String>,
    /// The terms of reuse.
    pub licence: Option<Licence>,
    /// Mail or web address for readers.
    pub contact: Option<String>,
    /// For `.well-known/security.txt`.
    pub security: Option<SecurityContact>,
}

impl Settings {
    /// Checked and with a final slash.
    ///
    /// # Errors
    /// [`Error::Site`] where an address is none.
    pub fn checked(mut self) -> Result<Settings> {
        if let Some(base) = &mut self.base_url {
            let rest = base
                .strip_prefix("https://")
                .or_else(|| base.strip_prefix("http://"));
            let plain = |c: char| c.is_ascii_graphic() && !"\"'<>?#\\^`{|}".contains(c);
            if !rest.is_some_and(|rest| !rest.is_empty() && rest.chars().all(plain)) {
                return Err(Error::Site {
                    what: format!("base_url `{base}`"),
                    reason: "is no address of a site: write https://host/ or https://host/folder/"
                        .to_owned(),
                });
            }
            if !base.ends_with('/') {
                base.push('/');
            }
        }
        if let Some(tag) = &self.feed_tag
            && !tag
                .split_once(',')
                .is_some_and(|(host, date)| tag_host(host) && tag_date(date))
        {
            return Err(Error::Site {
                what: format!("feed_tag `{tag}`"),
                reason: "is no authority and date: write host,year as cert.example,2023".to_owned(),
            });
        }
        Ok(self)
    }

    fn base(&self) -> Option<&str> {
        self.base_url.as_deref()
    }
}

fn tag_host(host: &str) -> bool {
    !host.is_empty()
        && host
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.@".contains(&b))
}

fn tag_date(date: &str) -> bool {
    matches!(date.len(), 4 | 7 | 10) && date.bytes().all(|b| b.is_ascii_digit() || b == b'-')
}

/// Stem of the block lists' page: `lists.zh.html`, `lists.en.html`. Their files stand below a folder of that name.
pub const LISTS: &str = "lists";

/// A published block list, as its page tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicList {
    /// Its name and folder: `phishing`.
    pub name: String,
    /// Its serial.
    pub serial: u64,
    /// Entries on it.
    pub entries: u64,
    /// When it was published.
    pub at: Timestamp,
    /// The issue it went with.
    pub issue: Option<String>,
}

/// The block lists, where they are turned on. The lists themselves are made beside the issues.
#[derive(Clone, Copy, Debug)]
pub struct Lists<'a> {
    /// Those that are published, by name.
    pub lists: &'a [PublicList],
    /// Days after an entry was last found there for which it stands.
    pub days: u32,
    /// Under what licence they are.
    pub licence: &'a str,
    /// Mail or web address for whoever is listed wrongly.
    pub contact: &'a str,
    /// Address of the form for that; empty: there is none.
    pub form: &'a str,
}

/// What stands on the site beside the issues: a flash alert, a roll-up. Its page is `STEM.zh.html`, `STEM.en.html`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// As it is called: `2026 No. 3`, `October 2026`.
    pub name: Text,
    /// Its title.
    pub title: Text,
    /// The common part of its pages' names.
    pub stem: String,
    /// When it became public.
    pub at: Timestamp,
    /// It was taken back: its page says why.
    pub withdrawn: bool,
}

/// What the home page leads to beside the issues, newest first.
#[derive(Clone, Copy, Debug, Default)]
pub struct Beside<'a> {
    /// Flash alerts.
    pub alerts: &'a [Notice],
    /// Monthly, quarterly and annual editions.
    pub rollups: &'a [Notice],
}

/// All that the site is made of.
#[derive(Clone, Copy)]
pub struct Site<'a> {
    /// Title of the series.
    pub title: &'a Text,
    /// Who publishes.
    pub organization: &'a Text,
    /// What it is and how to reach it.
    pub about: Option<&'a Text>,
    /// The configuration, [`checked`](Settings::checked).
    pub settings: &'a Settings,
    /// Zone in which days are printed.
    pub zone: &'a TimeZone,
    /// Every issue that was ever published, withdrawn ones too, in any order.
    pub editions: &'a [Edition],
    /// Back issues of others, in any order; a week that has an edition is taken from there.
    pub history: &'a [Earlier],
    /// The whole bulletin of the newest edition that stands; None where there is none.
    pub current: Option<&'a Bulletin>,
    /// The block lists, where they are turned on.
    pub lists: Option<Lists<'a>>,
    /// What stands beside the issues.
    pub beside: Beside<'a>,
}

impl Site<'_> {
    /// Editions that stand, newest first.
    fn standing(&self) -> Vec<&Edition> {
        let mut standing: Vec<&Edition> = self.editions.iter().filter(|e| e.stands()).collect();
        standing.sort_by_key(|edition| std::cmp::Reverse(edition.week.first));
        standing
    }

    /// A day as it is printed, in the site's zone.
    fn day(&self, at: Timestamp) -> Text {
        at.date_in(self.zone)
            .map(crate::sections::words::day)
            .unwrap_or_default()
    }
}

/// A file of an issue, by content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asset {
    /// Where it stands: `issues/2023-3.zh.pdf`.
    pub path: String,
    /// Size in bytes.
    pub size: u64,
    /// BLAKE3 in hexadecimal.
    pub blake3: String,
}

/// The issues' own files, in stable order: those of every edition that stands.
pub fn assets(editions: &[Edition]) -> Vec<Asset> {
    let mut out: Vec<Asset> = editions
        .iter()
        .filter(|edition| edition.stands())
        .flat_map(|edition| &edition.life.files)
        .map(|file| Asset {
            path: format!("{ISSUES}/{}", file.name),
            size: file.size,
            blake3: file.blake3.clone(),
        })
        .collect();
    out.sort_by(|a, b| a.path.cmp(&b.path));
    out
}

/// Every file of the site but the issues' own ([`assets`]): names are paths from its root, unique and safe. The same
/// input gives the same bytes.
///
/// # Errors
/// [`Error::Site`] where the input contradicts itself: an issue twice, a current bulletin that is not the newest, a
/// file name that is none.
pub fn pages(site: &Site<'_>) -> Result<Vec<Rendition>> {
    check(site)?;
    let mut out = vec![
        file(
            "site.css",
            [
                palette::css().as_str(),
                include_str!("../assets/bulletin.css"),
                include_str!("../assets/site.css"),
            ]
            .concat(),
        ),
        file("site.js", include_str!("../assets/site.js").to_owned()),
        file("search.js", include_str!("../assets/search.js").to_owned()),
    ];
    let all = series::Weeks::of(site);
    let data = data::files(site, &all);
    // Each language on a thread of its own: they share nothing but what they read.
    let in_language = |lang: Lang| {
        let mut out = vec![home::page(site, lang)];
        out.extend(archive::pages(site, lang));
        out.extend(statistics::pages(site, &all, lang));
        out.push(method::page(site, lang));
        out.push(data::page(site, &data, lang));
        out.extend(lists::page(site, lang));
        out.extend(search::pages(site, lang));
        out.extend(notices::lost(site, lang));
        out
    };
    let (zh, en) = std::thread::scope(|scope| {
        let en = scope.spawn(|| in_language(Lang::En));
        let zh = in_language(Lang::Zh);
        (zh, en.join())
    });
    out.extend(zh);
    match en {
        Ok(en) => out.extend(en),
        Err(panic) => std::panic::resume_unwind(panic),
    }
    out.extend(statistics::downloads(site, &all));
    out.extend(data.into_files());
    out.extend(feeds::files(site));
    out.extend(notices::tombstones(site));
    out.push(notices::withdrawn(site));
    out.extend(notices::robots(site, &out));
    Ok(out)
}

fn file(name: &str, text: String) -> Rendition {
    Rendition {
        name: name.to_owned(),
        bytes: text.into_bytes(),
    }
}

fn check(site: &Site<'_>) -> Result<()> {
    let fail = |what: String, reason: &str| {
        Err(Error::Site {
            what,
            reason: reason.to_owned(),
        })
    };
    let mut numbers = BTreeSet::new();
    let mut names = BTreeSet::new();
    for edition in site.editions {
        let number = edition.issue.number;
        if !numbers.insert(number) {
            return fail(
                format!("issue {number}"),
                "is there twice: hand in its newest revision",
            );
        }
        for name in edition
            .life
            .files
            .iter()
            .map(|file| &file.name)
            .chain(&edition.life.former)
        {
            let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
            if name.starts_with('.') || name.is_empty() || !name.bytes().all(plain) {
                return fail(
                    format!("file `{name}` of issue {number}"),
                    "is no plain file name",
                );
            }
            if !names.insert(name.as_str()) {
                return fail(
                    format!("file `{name}` of issue {number}"),
                    "is listed twice",
                );
            }
        }
    }
    let newest = site.standing().first().map(|edition| edition.issue.number);
    let current = site.current.map(|bulletin| bulletin.issue.number);
    if newest != current {
        let name = |number: Option<model::issue::IssueNumber>| {
            number.map_or_else(|| "none".to_owned(), |number| number.to_string())
        };
        return fail(
            format!("current issue {}", name(current)),
            &format!("is not the newest that stands, which is {}", name(newest)),
        );
    }
    Ok(())
}
