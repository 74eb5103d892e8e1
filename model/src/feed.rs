//! A feed: one subscribed source of one provider, as its entry in the configuration declares it.
//! The entry is data; a feed of known shape needs no Rust.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::fetch::Fetch;

/// What may be printed of a feed's content.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Publishable {
    /// Nothing: internal use only.
    Nothing,
    /// Counts, not indicators.
    #[default]
    Counts,
    /// Counts and indicators.
    Indicators,
}

/// Column to value to the fields that the value stands for, each with its text.
pub type Values = BTreeMap<String, BTreeMap<String, BTreeMap<String, String>>>;

/// One `[[feed]]` entry, as written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Feed {
    /// Unique name, `a-z 0-9 -`; part of every event's identity, so it is never reused.
    pub name: String,
    /// Who provides it.
    pub provider: String,
    /// Name of the format, see `watchfire parse --help`.
    pub format: String,
    /// Files that belong to the feed: glob patterns relative to the workspace; `${NAME}` is replaced
    /// from the environment.
    #[serde(default)]
    pub paths: Vec<String>,
    /// Glob patterns of files to leave out.
    #[serde(default)]
    pub exclude: Vec<String>,
    /// IANA zone of times without an offset, e.g. `Asia/Tokyo`. Every feed declares it.
    pub zone: String,
    /// Character encoding of the bytes: `utf-8` (default), `gb18030`, `utf-16le` or another label of
    /// the WHATWG Encoding standard; `auto` finds it out. A byte-order mark wins over it.
    #[serde(default)]
    pub encoding: Option<String>,
    /// RSIT entry given to rows that bring none.
    #[serde(default)]
    pub classification: Option<String>,
    /// `classification.identifier` given to rows that bring none.
    #[serde(default)]
    pub identifier: Option<String>,
    /// Constant fields for every row: column name to value; a value from the row wins.
    #[serde(default)]
    pub set: BTreeMap<String, String>,
    /// Fields that make up the event's identity, where not all do.
    #[serde(default)]
    pub identity: Option<Vec<String>>,
    /// Where the time of an undated list stands: a date pattern in the file's name such as
    /// `%Y-%m-%d` searched anywhere in the path; otherwise the time of receipt.
    #[serde(default)]
    pub snapshot: Option<String>,
    /// A part of the path to be taken as a field: `{ field = "malware_name", pattern = "*/{} C2 IPs.txt" }`.
    #[serde(default)]
    pub from_path: Option<FromPath>,
    /// Column mapping of generic CSV and JSON feeds: column or dotted path to field (or `extra.name`).
    #[serde(default)]
    pub columns: BTreeMap<String, String>,
    /// What single values of a column mean, for generic CSV and JSON feeds: column or dotted path to
    /// value (`*` is any other) to fields with their texts. A value that stands here goes where its
    /// fields say instead of where `columns` sends it:
    /// `values.kind.scan = { class_type = "scanner" }`.
    #[serde(default)]
    pub values: Values,
    /// Options of the format (delimiter, header, kind of list ...), checked by the format.
    #[serde(default)]
    pub options: BTreeMap<String, String>,
    /// Whether each report is the whole list, so that what the next one lacks is off it. Default: yes
    /// where rows bear no time of their own, except for free text (`notes`).
    #[serde(default)]
    pub list: Option<bool>,
    /// How its reports are fetched, where they are not put into `paths` by others.
    #[serde(default)]
    pub fetch: Option<Fetch>,
    /// Files with rules that rows pass before they are enriched, in this order: IntelMQ's sieve
    /// language (`*.sieve`) or its modify configuration (`*.json`, `*.conf`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<String>,
    /// The name under which readers of the bulletin, rules and IntelMQ's form of an event know the feed
    /// (`feed.name`), where it is not `name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// How often a new report is expected; basis of completeness. Days, default 1.
    #[serde(default = "one_day")]
    pub every_days: u32,
    /// Licence of the data.
    pub licence: String,
    /// Terms in a sentence, or where they stand.
    #[serde(default)]
    pub terms: String,
    /// What may be printed of it.
    #[serde(default)]
    pub publishable: Publishable,
    /// Whether it is in use.
    #[serde(default = "yes")]
    pub enabled: bool,
}

impl Feed {
    /// As readers of the bulletin know it: its title, else its provider with its name.
    pub fn printed(&self) -> String {
        let provider = self.provider.trim();
        match &self.title {
            Some(title) if !title.trim().is_empty() => title.trim().to_owned(),
            _ if provider.is_empty() || provider == self.name => self.name.clone(),
            _ => format!("{provider} ({})", self.name),
        }
    }
}

/// A field read from the path of the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FromPath {
    /// Column name of the field.
    pub field: String,
    /// File name with `{}` where the value stands, e.g. `{} C2 IPs.txt`; several may be tried.
    pub patterns: Vec<String>,
}

fn one_day() -> u32 {
    1
}

fn yes() -> bool {
    true
}
