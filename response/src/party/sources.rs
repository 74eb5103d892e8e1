//! Lists that others publish or keep, read as parties: IANA's registrars, national CSIRTs, and the contact database
//! of IntelMQ.

use std::collections::{BTreeMap, BTreeSet};

use model::organization::{Channel, Role, Rung, Scope};
use serde::Deserialize;

use super::{BadLine, Party, PartyContact, contactdb, is_mailbox, read};

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceKind {
    /// A party file of our own.
    Parties,
    /// IANA's list of registrar ids, CSV.
    IanaRegistrars,
    /// A list of national CSIRTs, JSON: objects with `country`, `name`, `fullName`, `email`.
    Csirts,
    /// The contact database of IntelMQ, as `pg_dump --data-only` writes it.
    ContactDb,
}

impl SourceKind {
    /// The kinds by their words.
    pub const WORDS: [(&'static str, SourceKind); 4] = [
        ("parties", SourceKind::Parties),
        ("iana-registrars", SourceKind::IanaRegistrars),
        ("csirts", SourceKind::Csirts),
        ("intelmq-contactdb", SourceKind::ContactDb),
    ];

    /// The kind of a word.
    pub fn named(word: &str) -> Option<Self> {
        let mut all = Self::WORDS.into_iter();
        all.find(|(own, _)| *own == word).map(|(_, kind)| kind)
    }
}

/// Reads a file of a kind. `country` gives the two letters of a country's English name.
pub fn read_as(
    kind: SourceKind,
    bytes: &[u8],
    country: &dyn Fn(&str) -> Option<String>,
) -> (Vec<Party>, Vec<BadLine>) {
    match kind {
        SourceKind::Parties => read(bytes),
        SourceKind::IanaRegistrars => registrars(bytes),
        SourceKind::Csirts => csirts(bytes, country),
        SourceKind::ContactDb => contactdb::read_dump(bytes),
    }
}

#[derive(Deserialize)]
struct RegistrarLine {
    #[serde(rename = "ID")]
    id: String,
    #[serde(rename = "Registrar Name")]
    name: String,
    #[serde(rename = "Status")]
    status: String,
}

/// Registrars that are accredited: one that is terminated or reserved answers for nothing, so that what
/// it had ends. The list tells no contact; registration data does.
fn registrars(bytes: &[u8]) -> (Vec<Party>, Vec<BadLine>) {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut parties: BTreeMap<String, Party> = BTreeMap::new();
    let mut bad = Vec::new();
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_reader(bytes);
    for (at, line) in reader.deserialize::<RegistrarLine>().enumerate() {
        let take = || -> Result<(), String> {
            let line = line.map_err(|error| error.to_string())?;
            if line.status != "Accredited" {
                return Ok(());
            }
            let id: u32 = line
                .id
                .parse()
                .map_err(|_| format!("id `{}` is no number", line.id))?;
            if line.name.is_empty() {
                return Err(format!("registrar {id} has no name"));
            }
            let party = parties.entry(line.name.clone()).or_insert_with(|| Party {
                name_en: line.name.clone(),
                name_zh: line.name,
                roles: BTreeSet::from([Role::Registrar]),
                ..Party::default()
            });
            party
                .responsible
                .insert((Scope::RegistrarId, id.to_string()));
            Ok(())
        };
        if let Err(reason) = take() {
            bad.push(BadLine {
                line: at + 1,
                reason,
            });
        }
    }
    (parties.into_values().collect(), bad)
}

#[derive(Deserialize)]
struct CsirtEntry {
    country: String,
    name: String,
    #[serde(default, rename = "fullName")]
    full_name: Option<String>,
    #[serde(default)]
    email: Option<String>,
}

fn csirts(bytes: &[u8], country: &dyn Fn(&str) -> Option<String>) -> (Vec<Party>, Vec<BadLine>) {
    let whole: Vec<serde_json::Value> = match serde_json::from_slice(bytes) {
        Ok(whole) => whole,
        Err(error) => {
            let reason = format!("is no list of CSIRTs in JSON: {error}");
            return (Vec::new(), vec![BadLine { line: 0, reason }]);
        }
    };
    let (mut parties, mut bad) = (Vec::new(), Vec::new());
    for (at, entry) in whole.into_iter().enumerate() {
        let take = || -> Result<Party, String> {
            let entry: CsirtEntry =
                serde_json::from_value(entry).map_err(|error| error.to_string())?;
            let code = country(&entry.country)
                .ok_or_else(|| format!("country `{}` is not known", entry.country))?;
            if entry.name.trim().is_empty() {
                return Err("has no name".to_owned());
            }
            let mail = entry.email.as_deref().map(str::trim);
            let mail = mail
                .filter(|mail| is_mailbox(mail))
                .ok_or_else(|| format!("{} has no mail address", entry.name))?;
            let name = match &entry.full_name {
                Some(full) if !full.is_empty() && *full != entry.name => {
                    format!("{} ({})", entry.name.trim(), full.trim())
                }
                _ => entry.name.trim().to_owned(),
            };
            Ok(Party {
                name_zh: name.clone(),
                name_en: name,
                roles: BTreeSet::from([Role::OverseasCert]),
                country: Some(code.clone()),
                contacts: vec![PartyContact {
                    channel: Channel::Mail,
                    address: mail.to_lowercase(),
                    format: None,
                    // What a list says is weaker than what was agreed.
                    rung: Rung::ContactDb,
                    hours: None,
                }],
                responsible: BTreeSet::from([(Scope::Country, code)]),
                ..Party::default()
            })
        };
        match take() {
            Ok(party) => parties.push(party),
            Err(reason) => bad.push(BadLine {
                line: at + 1,
                reason,
            }),
        }
    }
    (parties, bad)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accredited_registrars_are_taken_with_all_their_ids() {
        let text = "\"ID\",Registrar Name,Status,RDAP Base URL\n\
            9997,\"Example, Inc.\",Accredited,https://rdap.example.com/\n\
            9998,\"Example, Inc.\",Accredited,\n9999,Gone,Terminated,\nx,Odd,Accredited,\n";
        let (parties, bad) = read_as(SourceKind::IanaRegistrars, text.as_bytes(), &|_| None);
        assert_eq!((parties.len(), bad.len()), (1, 1));
        assert_eq!(parties[0].responsible.len(), 2);
        assert_eq!(
            (bad[0].line, bad[0].reason.as_str()),
            (4, "id `x` is no number")
        );
    }

    #[test]
    fn csirts_answer_for_their_country_and_what_cannot_be_used_is_named() {
        let text = r#"[{"country":"Utopia","name":"CERT-UT","fullName":"CERT of Utopia","email":"Cert@example.com"},
            {"country":"Nowhere","name":"X","email":"x@example.com"},
            {"country":"Utopia","name":"Y","email":"by form"},{"name":"Z"}]"#;
        let country = |name: &str| (name == "Utopia").then(|| "UT".to_owned());
        let (parties, bad) = read_as(SourceKind::Csirts, text.as_bytes(), &country);
        assert_eq!(parties.len(), 1);
        assert_eq!(parties[0].name_en, "CERT-UT (CERT of Utopia)");
        assert_eq!(parties[0].contacts[0].address, "cert@example.com");
        assert!(
            parties[0]
                .responsible
                .contains(&(Scope::Country, "UT".to_owned()))
        );
        assert_eq!(
            bad.iter().map(|bad| bad.line).collect::<Vec<_>>(),
            [2, 3, 4]
        );
        let (none, bad) = read_as(SourceKind::Csirts, b"<html>", &country);
        assert_eq!((none.len(), bad.len()), (0, 1));
    }
}
