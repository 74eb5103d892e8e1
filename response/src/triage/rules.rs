//! Rules: which events open or join an incident, as data.

use std::collections::HashMap;

use model::incident::{CaseKind, Severity};
use model::territory::OwnerClass;
use serde::Deserialize;

/// The rules a workspace has unless it names its own.
pub const DEFAULT_RULES: &str = include_str!("rules.toml");

/// A part of what makes two events the same matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyPart {
    /// Host of the URL, or the host name.
    Host,
    /// Registrable domain.
    Domain,
    /// The URL as it is written.
    Url,
    /// The address.
    Ip,
    /// The autonomous system.
    Asn,
    /// Malware family, app or vulnerability.
    Name,
    /// The imitated brand.
    Brand,
    /// The province.
    Province,
    /// The feed.
    Feed,
}

/// Where the asset must lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// In the territory.
    Inside,
    /// Elsewhere.
    Outside,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    rule: Vec<WrittenRule>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenRule {
    name: String,
    kind: CaseKind,
    classes: Vec<String>,
    #[serde(default)]
    identifiers: Vec<String>,
    #[serde(default)]
    owners: Vec<OwnerClass>,
    #[serde(default)]
    territory: Option<Place>,
    #[serde(default)]
    feeds: Vec<String>,
    key: Vec<String>,
    severity: Severity,
    #[serde(default = "one")]
    threshold: u32,
    #[serde(default = "two_weeks")]
    reopen_days: u32,
    #[serde(default = "one_month")]
    max_age_days: u32,
}

fn one() -> u32 {
    1
}

fn two_weeks() -> u32 {
    14
}

fn one_month() -> u32 {
    30
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its name.
    pub name: String,
    /// What its incidents are about.
    pub kind: CaseKind,
    /// Finer names of which one must be in the event's, lower case; empty: any.
    pub identifiers: Vec<String>,
    /// Whose site; empty: anybody's.
    pub owners: Vec<OwnerClass>,
    /// Where the asset must lie; `None`: anywhere.
    pub territory: Option<Place>,
    /// Feeds whose events count; empty: all.
    pub feeds: Vec<String>,
    /// What makes two events the same matter; each takes the first of its alternatives there is.
    pub key: Vec<Vec<KeyPart>>,
    /// Weight of its incidents.
    pub severity: Severity,
    /// Events of one look needed to open.
    pub threshold: u32,
    /// Days after closing in which an event reopens the incident.
    pub reopen_days: u32,
    /// Events that were observed longer ago, in days, neither open nor join: an archive that is taken
    /// in is history.
    pub max_age_days: u32,
}

/// Rules cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BadRules {
    /// The text is no rules.
    #[error("triage rules: {0}")]
    Text(#[from] toml::de::Error),
    /// A rule says something that cannot be.
    #[error("triage rule {rule}: {reason}")]
    Rule {
        /// Its name.
        rule: String,
        /// What is wrong, and what would be right.
        reason: String,
    },
}

/// All rules, found by the class of an event.
#[derive(Clone, Debug)]
pub struct Rules {
    rules: Vec<Rule>,
    by_class: HashMap<String, Vec<usize>>,
}

impl Rules {
    /// Reads rules.
    ///
    /// # Errors
    /// What is wrong, with the rule's name.
    pub fn read(text: &str) -> Result<Self, BadRules> {
        let written: Written = toml::from_str(text)?;
        let mut rules: Vec<Rule> = Vec::new();
        let mut by_class: HashMap<String, Vec<usize>> = HashMap::new();
        for one in written.rule {
            let bad = |reason: String| BadRules::Rule {
                rule: one.name.clone(),
                reason,
            };
            if rules.iter().any(|rule| rule.name == one.name) {
                return Err(bad("the name stands there twice".to_owned()));
            }
            let named = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            if one.name.is_empty() || !one.name.chars().all(named) {
                return Err(bad("a name is made of a-z, 0-9 and -".to_owned()));
            }
            for class in &one.classes {
                if model::classification::classification(class).is_none() {
                    return Err(bad(format!("`{class}` is no RSIT entry")));
                }
                by_class.entry(class.clone()).or_default().push(rules.len());
            }
            let key = one.key.iter().map(|part| parts(part));
            let key = key.collect::<Result<Vec<_>, _>>().map_err(&bad)?;
            if key.is_empty() || one.classes.is_empty() {
                return Err(bad("classes and key must name something".to_owned()));
            }
            rules.push(Rule {
                name: one.name.clone(),
                kind: one.kind,
                identifiers: one.identifiers.iter().map(|id| id.to_lowercase()).collect(),
                owners: one.owners.clone(),
                territory: one.territory,
                feeds: one.feeds.clone(),
                key,
                severity: one.severity,
                threshold: one.threshold.max(1),
                reopen_days: one.reopen_days,
                max_age_days: one.max_age_days,
            });
        }
        Ok(Rules { rules, by_class })
    }

    /// All rules, in their order.
    pub fn all(&self) -> &[Rule] {
        &self.rules
    }

    /// The rules for a class, in their order.
    pub fn of_class(&self, class: &str) -> impl Iterator<Item = (usize, &Rule)> {
        let places = self.by_class.get(class).map(Vec::as_slice);
        places
            .unwrap_or_default()
            .iter()
            .map(|at| (*at, &self.rules[*at]))
    }
}

fn parts(text: &str) -> Result<Vec<KeyPart>, String> {
    let one = |word: &str| {
        KeyPart::deserialize(serde::de::value::StrDeserializer::<serde::de::value::Error>::new(word))
            .map_err(|_| format!("`{word}` is no part of a key: host, domain, url, ip, asn, name, brand, province or feed"))
    };
    text.split('|').map(|word| one(word.trim())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_rules_can_be_read() {
        let rules = Rules::read(DEFAULT_RULES).expect("reads");
        assert_eq!(rules.all().len(), 8);
        let (_, first) = rules.of_class("phishing").next().expect("one");
        assert_eq!(first.key, [[KeyPart::Host, KeyPart::Ip]]);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let text = |key: &str, class: &str| {
            format!(
                "[[rule]]\nname=\"x\"\nkind=\"phishing\"\nclasses=[\"{class}\"]\nkey=[\"{key}\"]\nseverity=\"low\""
            )
        };
        let told = |text: String| Rules::read(&text).expect_err("is wrong").to_string();
        assert!(told(text("colour", "phishing")).contains("`colour` is no part of a key"));
        assert!(told(text("host", "fishing")).contains("`fishing` is no RSIT entry"));
        assert!(Rules::read(&text("host|ip", "phishing")).is_ok());
        let twice = text("host", "phishing") + "\n" + &text("host", "phishing");
        assert!(told(twice).contains("twice"));
    }
}
