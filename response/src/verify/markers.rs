//! Passages by which pages are known that are not the harm: a provider's notice of suspension, a
//! question to the visitor, a name for sale. Data, in one table; a site's own table is read after the
//! one that ships.

use serde::{Deserialize, Serialize};

use super::page::folded;

/// The table that ships.
pub const USUAL: &str = include_str!("markers.toml");

/// What a marker tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tells {
    /// The provider stopped the site.
    Suspended,
    /// The visitor is asked something first.
    Challenge,
    /// The name is for sale or was never used.
    Parked,
    /// A server without a site.
    Default,
    /// A missing page.
    Missing,
    /// A platform offers the app no more.
    Delisted,
    /// A name server of names that were stopped.
    StoppedNameserver,
}

/// A row of the table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Marker {
    /// What it tells.
    pub kind: Tells,
    /// Its name, shown with the finding.
    pub name: String,
    /// The platform whose pages it is for; without one, for all.
    #[serde(default)]
    pub platform: Option<String>,
    /// Passages of the text.
    #[serde(default)]
    pub text: Vec<String>,
    /// Passages of the source.
    #[serde(default)]
    pub source: Vec<String>,
    /// Titles: the whole title is this, or begins or ends with it.
    #[serde(default)]
    pub title: Vec<String>,
    /// Parts of the last address.
    #[serde(default)]
    pub url: Vec<String>,
    /// Parts of the `Server` header.
    #[serde(default)]
    pub server: Vec<String>,
    /// Whole names of name servers.
    #[serde(default)]
    pub nameserver: Vec<String>,
    /// Whether one passage of every list is needed, instead of one of any.
    #[serde(default)]
    pub all: bool,
}

/// A table that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("markers: {0}")]
pub struct BadMarkers(String);

/// The table, its passages in lower case and with folded white space.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Markers {
    /// The rows.
    #[serde(rename = "marker", default)]
    pub rows: Vec<Marker>,
}

/// What of a page is searched; all in lower case.
#[derive(Clone, Debug, Default)]
pub struct Sought<'a> {
    /// Its text.
    pub text: &'a str,
    /// Its source.
    pub source: &'a str,
    /// Its title.
    pub title: &'a str,
    /// The last address.
    pub url: &'a str,
    /// The `Server` header.
    pub server: &'a str,
    /// The platform, where it is a listing.
    pub platform: Option<&'a str>,
}

impl Markers {
    /// Reads a table.
    ///
    /// # Errors
    /// What is not TOML, an unknown key, a row without a passage or with one of fewer than three
    /// characters.
    pub fn parse(text: &str) -> Result<Self, BadMarkers> {
        let mut table: Markers =
            toml::from_str(text).map_err(|error| BadMarkers(error.to_string()))?;
        for row in &mut table.rows {
            let mut passages = 0;
            let name = row.name.clone();
            for list in row.lists_mut() {
                for passage in list.iter_mut() {
                    *passage = folded(&passage.to_lowercase());
                    if passage.chars().count() < 3 {
                        let detail = format!("`{name}`: `{passage}` is too short to tell anything");
                        return Err(BadMarkers(detail));
                    }
                    passages += 1;
                }
            }
            if passages == 0 {
                let detail = format!("`{name}` has no passage: give it `text` or `title`");
                return Err(BadMarkers(detail));
            }
        }
        Ok(table)
    }

    /// The table that ships.
    ///
    /// # Errors
    /// None: a test holds it.
    pub fn usual() -> Result<Self, BadMarkers> {
        Markers::parse(USUAL)
    }

    /// Adds another table's rows after these.
    pub fn extend(&mut self, other: Markers) {
        self.rows.extend(other.rows);
    }

    /// The first row of a kind that holds of a page.
    pub fn find(&self, kind: Tells, page: &Sought<'_>) -> Option<&Marker> {
        self.rows
            .iter()
            .find(|row| row.kind == kind && row.holds(page))
    }

    /// The row that names one of these name servers.
    pub fn nameserver(&self, names: &[&str]) -> Option<&Marker> {
        let named = |row: &&Marker| {
            row.kind == Tells::StoppedNameserver
                && names.iter().any(|name| {
                    let name = name.trim_end_matches('.').to_lowercase();
                    row.nameserver.contains(&name)
                })
        };
        self.rows.iter().find(named)
    }
}

impl Marker {
    fn lists_mut(&mut self) -> [&mut Vec<String>; 6] {
        [
            &mut self.text,
            &mut self.source,
            &mut self.title,
            &mut self.url,
            &mut self.server,
            &mut self.nameserver,
        ]
    }

    fn holds(&self, page: &Sought<'_>) -> bool {
        if let Some(platform) = &self.platform
            && page.platform != Some(platform.as_str())
        {
            return false;
        }
        let within = |list: &[String], text: &str| list.iter().any(|part| text.contains(part));
        let titled = |list: &[String]| {
            let title = page.title;
            list.iter()
                .any(|part| title.starts_with(part) || title.ends_with(part))
        };
        let lists = [
            (self.text.is_empty(), within(&self.text, page.text)),
            (self.source.is_empty(), within(&self.source, page.source)),
            (self.title.is_empty(), titled(&self.title)),
            (self.url.is_empty(), within(&self.url, page.url)),
            (self.server.is_empty(), within(&self.server, page.server)),
        ];
        let mut asked = lists.iter().filter(|(empty, _)| !empty);
        if self.all {
            let first = asked.next();
            first.is_some_and(|(_, found)| *found) && asked.all(|(_, found)| *found)
        } else {
            asked.any(|(_, found)| *found)
        }
    }
}
