//! Which feeds can supply which statistic.
//!
//! A feed supplies a statistic if it brings events of its kind with values in its fields. Two things
//! tell: the feed's entry (its format, its classification, its mapping), and what it was seen to
//! bring, this week or in the weeks before. Without the entry a feed of clean lists would look like
//! no feed at all; without the sight of earlier weeks a feed that classifies row by row (one
//! Shadowserver subscription brings a hundred kinds of report) would turn *not available* in the
//! week in which there was nothing to report.

use jiff::civil::Date;
use model::feed::{Feed, Publishable};
use model::statistic::{FeedCoverage, Missing, Observed};
use serde::{Deserialize, Serialize};

use super::cells::{Evidence, WeekTally};
use super::events::{EVIDENCE, field_bits, field_names};

/// After so many weeks without a sight of it, what a feed once brought is forgotten.
const REMEMBERED_WEEKS: i64 = 13;

/// What a feed can supply.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Supply {
    /// The feed.
    pub feed: String,
    /// What its events are about.
    pub observed: Observed,
    /// Fields that have values in them; of [`EVIDENCE`].
    pub fields: Vec<String>,
    /// Monday of the last week in which it brought such events; `None` where only its entry says so.
    pub last_seen: Option<Date>,
}

/// What a format brings whatever the entry says. Formats not listed bring what the entry or their
/// rows classify.
const BY_FORMAT: &[(&str, Observed, &[&str])] = &[
    ("cnvd", Observed::VulnerabilityRecord, &["severity"]),
    ("jpcert", Observed::PhishingPage, &["source_url"]),
];

/// What an entry says that its feed brings.
pub fn declared(feed: &Feed) -> Vec<Supply> {
    let mut found: Vec<(Observed, u16)> = Vec::new();
    let of_values = feed
        .values
        .values()
        .flat_map(|values| values.values())
        .flat_map(|fields| fields.keys())
        .map(String::as_str);
    let mapped: Vec<&str> = feed
        .columns
        .values()
        .chain(feed.set.keys())
        .chain(feed.from_path.as_ref().map(|from| &from.field))
        // A target may name several fields: `a, b` or `{a} | {b}`.
        .flat_map(|target| target.split([',', '{', '}']))
        .chain(of_values)
        .map(str::trim)
        .collect();
    let bits = field_bits(&mapped);
    for (format, observed, fields) in BY_FORMAT {
        if feed.format.starts_with(format) {
            found.push((*observed, field_bits(fields) | bits));
        }
    }
    let identifier = feed.identifier.as_deref().unwrap_or("");
    if let Some(observed) = feed
        .classification
        .as_deref()
        .and_then(|class| observed(class, identifier))
    {
        found.push((observed, bits));
    }
    if feed.list.unwrap_or(feed.format == "list") {
        found.push((Observed::Listing, bits));
    }
    if mapped.contains(&"malware_name") {
        found.push((Observed::MalwareName, bits));
    }
    found.sort();
    found.dedup_by_key(|(observed, _)| *observed);
    found
        .into_iter()
        .map(|(observed, bits)| Supply {
            feed: feed.name.clone(),
            observed,
            fields: field_names(bits),
            last_seen: None,
        })
        .collect()
}

/// The statistics in which a row of this classification can count, by their declared needs, when its
/// source fills these columns of the lake. What our own tables add (territory, domain ...) is taken to
/// be there.
pub fn counts_in(class: &str, identifier: &str, fields: &[&str]) -> Vec<&'static str> {
    const BY_SOURCE: [&str; 4] = ["source_ip", "source_url", "malware_name", "object_type"];
    let canonical = model::classification::classification(class).map_or(class, |spec| spec.name);
    let names_malware = super::events::names_malware(canonical) && fields.contains(&"malware_name");
    let kinds: Vec<Observed> = observed(class, identifier)
        .into_iter()
        .chain(names_malware.then_some(Observed::MalwareName))
        .collect();
    super::all()
        .into_iter()
        .filter(|statistic| kinds.contains(&statistic.observed))
        .filter(|statistic| {
            let needed = statistic.fields.iter();
            needed
                .filter(|field| BY_SOURCE.contains(field))
                .all(|field| fields.contains(field))
        })
        .map(|statistic| statistic.id)
        .collect()
}

fn observed(class: &str, identifier: &str) -> Option<Observed> {
    let canonical = model::classification::classification(class).map_or(class, |spec| spec.name);
    match canonical {
        "infected-system" => Some(Observed::InfectedHost),
        "malware-distribution" => Some(Observed::HostingSite),
        "unauthorised-information-modification" => Some(Observed::Defacement),
        "system-compromise" | "application-compromise" => {
            super::events::is_backdoor(identifier).then_some(Observed::Backdoor)
        }
        "phishing" => Some(Observed::PhishingPage),
        _ => None,
    }
}

/// Everything that decides what is available in a week.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// What arrived of each enabled feed.
    pub coverage: Vec<FeedCoverage>,
    /// What the feeds can supply, sorted.
    pub supplies: Vec<Supply>,
}

impl Sources {
    /// Puts together what entries declare, what this week showed and what was known last week.
    /// Feeds that are not enabled, or of which nothing may be printed, do not count.
    pub fn of(
        feeds: &[Feed],
        coverage: &[FeedCoverage],
        tally: &WeekTally,
        monday: Date,
        known: &[Supply],
    ) -> Self {
        let mut supplies: Vec<Supply> = Vec::new();
        let usable = |name: &str| {
            feeds
                .iter()
                .any(|feed| feed.name == name && is_active(feed))
        };
        let mut add = |supply: Supply| {
            let same = supplies
                .iter_mut()
                .find(|old| old.feed == supply.feed && old.observed == supply.observed);
            match same {
                Some(old) => {
                    old.fields.extend(supply.fields);
                    old.last_seen = old.last_seen.max(supply.last_seen);
                }
                None => supplies.push(supply),
            }
        };
        feeds
            .iter()
            .filter(|feed| is_active(feed))
            .flat_map(declared)
            .for_each(&mut add);
        let oldest = monday.saturating_sub(jiff::Span::new().weeks(REMEMBERED_WEEKS));
        let remembered = |supply: &&Supply| {
            usable(&supply.feed)
                && supply
                    .last_seen
                    .is_some_and(|seen| seen >= oldest && seen <= monday)
        };
        known.iter().filter(remembered).cloned().for_each(&mut add);
        for Evidence {
            feed,
            observed,
            fields,
        } in &tally.evidence
        {
            add(Supply {
                feed: feed.clone(),
                observed: *observed,
                fields: field_names(*fields),
                last_seen: Some(monday),
            });
        }
        for supply in &mut supplies {
            supply
                .fields
                .sort_by_key(|field| EVIDENCE.iter().position(|known| known == field));
            supply.fields.dedup();
        }
        supplies.sort();
        let mut coverage = coverage.to_vec();
        coverage.sort_by(|a, b| a.feed.cmp(&b.feed));
        Sources { coverage, supplies }
    }

    /// What arrived of a feed.
    pub fn coverage_of(&self, feed: &str) -> Option<&FeedCoverage> {
        self.coverage.iter().find(|coverage| coverage.feed == feed)
    }

    /// The feeds that bring such events with all these fields, sorted; or why there are none.
    ///
    /// # Errors
    /// The reason why nothing supplies it.
    pub fn suppliers(
        &self,
        observed: Observed,
        fields: &[&str],
        monday: Date,
    ) -> Result<Vec<String>, Missing> {
        let wanted = |field: &&&str| EVIDENCE.contains(field);
        let wanted: Vec<&&str> = fields.iter().filter(wanted).collect();
        let of_kind: Vec<&Supply> = self
            .supplies
            .iter()
            .filter(|supply| supply.observed == observed)
            .collect();
        if of_kind.is_empty() {
            return Err(Missing::NoSource { observed });
        }
        let has = |supply: &Supply, field: &str| supply.fields.iter().any(|known| known == field);
        let full: Vec<&&Supply> = of_kind
            .iter()
            .filter(|supply| wanted.iter().all(|field| has(supply, field)))
            .collect();
        if full.is_empty() {
            let missing = wanted
                .iter()
                .find(|field| !of_kind.iter().any(|supply| has(supply, field)));
            let field = missing
                .or(wanted.first())
                .map_or_else(String::new, |field| (**field).to_owned());
            return Err(Missing::NoField { field });
        }
        let reported = |supply: &&&Supply| {
            supply.last_seen == Some(monday)
                || self
                    .coverage_of(&supply.feed)
                    .is_some_and(|coverage| coverage.seen_days > 0 || coverage.reports > 0)
        };
        let feeds: Vec<String> = full.iter().map(|supply| supply.feed.clone()).collect();
        if !full.iter().any(reported) {
            return Err(Missing::NoReport { feeds });
        }
        Ok(feeds)
    }
}

/// Whether a feed may appear in published numbers at all.
pub fn is_active(feed: &Feed) -> bool {
    feed.enabled && feed.publishable != Publishable::Nothing
}

/// Whether a feed may bring records of vulnerabilities: by its format, by what its rows are said to be, or because its
/// rows say it themselves.
pub fn tells_of_vulnerabilities(feed: &Feed) -> bool {
    const FORMATS: [&str; 6] = ["cnvd", "cnnvd", "kev", "nvd", "cve", "epss"];
    let said = feed.classification.as_deref();
    FORMATS.contains(&feed.format.as_str())
        || said.is_none_or(|class| class == "vulnerable-system")
        || feed
            .columns
            .values()
            .any(|column| column == "vulnerability_id")
}

/// Names of the feeds of which nothing may be printed: the tally leaves their events out.
pub fn withheld(feeds: &[Feed]) -> Vec<String> {
    feeds
        .iter()
        .filter(|feed| feed.publishable == Publishable::Nothing)
        .map(|feed| feed.name.clone())
        .collect()
}
