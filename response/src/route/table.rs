//! The table: which kind of party is asked for what, as data.

use model::incident::CaseKind;
use model::organization::Role;
use model::territory::OwnerClass;
use serde::Deserialize;

use crate::notice::Ask;
use crate::triage::Place;

/// The table a workspace has unless it names its own.
pub const DEFAULT_TABLE: &str = include_str!("table.toml");

/// How a party is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum By {
    /// The registrar of the name.
    Registrar,
    /// The registry of the top-level domain.
    Registry,
    /// Who answers for the address.
    Network,
    /// The platform that offers the file.
    Platform,
    /// The branch of the province.
    Branch,
    /// The CERT of the country.
    Cert,
    /// Who answers for the site.
    Owner,
    /// The CERT of the sector.
    Sector,
}

impl By {
    /// The role in which a party so found is asked.
    pub fn role(self) -> Role {
        match self {
            By::Registrar => Role::Registrar,
            By::Registry => Role::Registry,
            By::Network => Role::NetworkOperator,
            By::Platform => Role::AppPlatform,
            By::Branch => Role::ProvincialBranch,
            By::Cert => Role::OverseasCert,
            By::Owner => Role::SiteOwner,
            By::Sector => Role::SectorCert,
        }
    }
}

/// One party to be asked.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// Its place in the order, from 1.
    pub place: i32,
    /// How it is found.
    pub by: By,
    /// What is asked.
    pub want: Ask,
    /// Hours it has; 0 where it has working days.
    #[serde(default)]
    pub hours: u32,
    /// Working days it has, by the calendar of its country; 0 where it has hours.
    #[serde(default)]
    pub days: u32,
    /// Asked only if the resource lies there.
    #[serde(default)]
    pub only: Option<Place>,
}

impl Asked {
    /// The time it has in seconds, a working day taken as 24 hours.
    pub fn clock_secs(&self) -> i64 {
        i64::from(self.hours) * 3_600 + i64::from(self.days) * 86_400
    }

    /// The time it has, in words.
    pub fn time(&self) -> String {
        match self.days {
            0 => format!("{} h", self.hours),
            1 => "1 working day".to_owned(),
            days => format!("{days} working days"),
        }
    }
}

/// One row.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// Kinds of case.
    pub case: Vec<CaseKind>,
    /// Where the resource lies.
    #[serde(default)]
    pub place: Option<Place>,
    /// Whose site it is.
    #[serde(default)]
    pub owner: Option<OwnerClass>,
    /// The parties.
    pub ask: Vec<Asked>,
}

/// The whole table.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// Its rows; the first that fits decides.
    pub row: Vec<Row>,
}

/// The table cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BadTable {
    /// The text is no table.
    #[error("routing table: {0}")]
    Text(#[from] toml::de::Error),
    /// A row says something that cannot be.
    #[error("routing table, row {row}: {reason}")]
    Row {
        /// Its place, from 1.
        row: usize,
        /// What is wrong.
        reason: String,
    },
}

impl Table {
    /// Reads a table.
    ///
    /// # Errors
    /// What is wrong, and in which row.
    pub fn read(text: &str) -> Result<Self, BadTable> {
        let table: Table = toml::from_str(text)?;
        for (at, row) in table.row.iter().enumerate() {
            let bad = |reason: String| BadTable::Row {
                row: at + 1,
                reason,
            };
            if row.ask.is_empty() {
                return Err(bad("asks nobody".to_owned()));
            }
            if row
                .ask
                .iter()
                .any(|asked| (asked.hours == 0) == (asked.days == 0))
            {
                return Err(bad("a party has either hours or days".to_owned()));
            }
            if row.ask.iter().all(|asked| asked.place != 1) {
                return Err(bad("nobody stands at place 1".to_owned()));
            }
        }
        Ok(table)
    }

    /// The first row that fits, and its place from 1.
    pub fn find(
        &self,
        kind: CaseKind,
        place: Option<Place>,
        owner: OwnerClass,
    ) -> Option<(usize, &Row)> {
        let fits = |row: &Row| {
            row.case.contains(&kind)
                && row.place.is_none_or(|wanted| Some(wanted) == place)
                && row.owner.is_none_or(|wanted| wanted == owner)
        };
        let at = self.row.iter().position(fits)?;
        Some((at + 1, &self.row[at]))
    }
}

#[cfg(test)]
mod tests {
    use model::worded::Word;

    use super::*;

    #[test]
    fn every_kind_has_a_row() {
        let table = Table::read(DEFAULT_TABLE).expect("reads");
        for kind in CaseKind::ALL {
            for place in [None, Some(Place::Inside), Some(Place::Outside)] {
                let found = table.find(*kind, place, OwnerClass::Other);
                assert!(found.is_some(), "{kind} {place:?}");
            }
        }
        let (_, row) = table
            .find(
                CaseKind::Defacement,
                Some(Place::Inside),
                OwnerClass::Government,
            )
            .expect("a row");
        assert_eq!((row.ask[0].by, row.ask[0].hours), (By::Branch, 4));
        // DOMAIN 5.1: a list of infected hosts every five working days.
        let (_, row) = table
            .find(CaseKind::InfectedHost, None, OwnerClass::Other)
            .expect("a row");
        assert_eq!(row.ask[0].time(), "5 working days");
        for wrong in ["hours = 4, days = 1", "only = \"inside\""] {
            let text = DEFAULT_TABLE.replacen("hours = 24", wrong, 1);
            let told = Table::read(&text).expect_err("is wrong").to_string();
            assert!(told.contains("either hours or days"), "{told}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let text = DEFAULT_TABLE.replace("suspend-domain", "suspend-everything");
        let told = Table::read(&text).expect_err("is wrong").to_string();
        assert!(
            told.contains("`suspend-everything` is no request: remove-content"),
            "{told}"
        );
    }
}
