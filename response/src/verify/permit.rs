//! Whether and how something may be looked at. The policy is data: an ordered table by kind of case,
//! owner and place; the first row that fits decides, and where none fits nothing is touched. A mark
//! 'do not contact, do not probe' stands above the table.

use std::collections::BTreeSet;

use model::incident::CaseKind;
use model::territory::OwnerClass;
use model::verification::ProbeKind;
use serde::{Deserialize, Serialize};

use super::target::{Mark, Target};

/// The policy that ships.
pub const USUAL: &str = include_str!("policy.toml");

/// How far a look may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Permit {
    /// Registration data and DNS only: nothing reaches the host.
    Passive,
    /// One GET with its redirects, or one connection to a port.
    OneGet,
    /// One GET, and one more for an address that is made up, to know what this host shows for a
    /// missing page.
    Compare,
    /// Nothing reaches the host until a named person approves this look.
    ByApproval,
}

/// A row of the policy. What is empty fits everything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Its name, shown wherever it decides.
    pub name: String,
    /// Kinds of case.
    #[serde(default)]
    pub kinds: Vec<CaseKind>,
    /// Whose it is.
    #[serde(default)]
    pub owners: Vec<OwnerClass>,
    /// Where it lies: ISO 3166 codes. An unknown place fits no row that names places.
    #[serde(default)]
    pub countries: Vec<String>,
    /// How far a look may go.
    pub permit: Permit,
    /// Why, and who said so.
    #[serde(default)]
    pub reason: String,
}

/// The table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// In the order in which they are asked.
    #[serde(rename = "rule", default)]
    pub rules: Vec<Rule>,
}

/// A policy that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("probe policy: {0}")]
pub struct BadPolicy(String);

/// What the policy says of a target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "ruling")]
pub enum Ruling {
    /// It may be looked at.
    Go {
        /// How far.
        permit: Permit,
        /// The row that decided.
        rule: String,
        /// Who approved, where that was needed.
        approved_by: Option<String>,
    },
    /// Nothing leaves, of any kind.
    Blocked {
        /// Why, for a person.
        why: String,
    },
}

impl Policy {
    /// Reads a policy.
    ///
    /// # Errors
    /// What is not TOML, an unknown key or word, a name twice, or a country that is not two capitals.
    pub fn parse(text: &str) -> Result<Self, BadPolicy> {
        let policy: Policy = toml::from_str(text).map_err(|error| BadPolicy(error.to_string()))?;
        let mut names = BTreeSet::new();
        for rule in &policy.rules {
            if !names.insert(&rule.name) {
                let detail = format!("two rules are called `{}`: rename one", rule.name);
                return Err(BadPolicy(detail));
            }
            let two =
                |code: &&String| code.len() != 2 || !code.bytes().all(|b| b.is_ascii_uppercase());
            if let Some(code) = rule.countries.iter().find(two) {
                let detail = format!(
                    "rule `{}`: `{code}` is no country code of two capitals",
                    rule.name
                );
                return Err(BadPolicy(detail));
            }
        }
        Ok(policy)
    }

    /// The policy that ships.
    ///
    /// # Errors
    /// None: a test holds it.
    pub fn usual() -> Result<Self, BadPolicy> {
        Policy::parse(USUAL)
    }

    /// What may be done to a target; `approved_by` names who approved this very look.
    pub fn rule(&self, target: &Target, approved_by: Option<&str>) -> Ruling {
        if let Some(mark) = target.marks.first() {
            return Ruling::Blocked { why: blocked(mark) };
        }
        let Some(rule) = self.rules.iter().find(|rule| rule.fits(target)) else {
            let why = "no rule of the probe policy fits; add one that does".to_owned();
            return Ruling::Blocked { why };
        };
        let approved = approved_by.map(str::trim).filter(|name| !name.is_empty());
        Ruling::Go {
            permit: match (rule.permit, approved) {
                (Permit::ByApproval, Some(_)) => Permit::OneGet,
                (permit, _) => permit,
            },
            rule: rule.name.clone(),
            approved_by: approved.map(str::to_owned),
        }
    }
}

impl Rule {
    fn fits(&self, target: &Target) -> bool {
        let country = |codes: &Vec<String>| {
            let here = target.country.as_deref();
            codes.is_empty() || here.is_some_and(|here| codes.iter().any(|code| code == here))
        };
        (self.kinds.is_empty() || self.kinds.contains(&target.kind))
            && (self.owners.is_empty() || self.owners.contains(&target.owner))
            && country(&self.countries)
    }
}

impl Permit {
    /// Whether a probe may be done.
    pub fn allows(self, probe: ProbeKind) -> bool {
        match probe {
            // A person answers for what a person does.
            ProbeKind::Dns | ProbeKind::Person => true,
            ProbeKind::Http | ProbeKind::Tcp | ProbeKind::Listing | ProbeKind::Defacement => {
                matches!(self, Permit::OneGet | Permit::Compare)
            }
        }
    }
}

fn blocked(mark: &Mark) -> String {
    format!(
        "{} is marked 'do not contact, do not probe' by {}: {}",
        mark.on, mark.by, mark.reason
    )
}
