//! Importing parties: a file that lists organizations, how they are reached and what they answer for,
//! against what the register holds. What comes out is a difference that a person sees before it is
//! applied; entries that a person made are never changed, only proposed to be.

use std::collections::{BTreeMap, BTreeSet};

use ledger::organization::{NewContact, NewOrganization};
use ledger::{Organization, Register};
use model::ids::{ContactId, OrganizationId};
use model::organization::{Channel, NoticeFormat, Role, Rung, Scope};
use model::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Desk, Result};

mod approval;
pub mod contactdb;
mod differing;
pub mod entry;
mod sources;
mod undo;

pub use approval::{PERCENT, approval};
pub use differing::{Change, Entry};
pub use sources::{SourceKind, read_as};
pub use undo::{Import, imports_of};

/// A line of a party file: an organization, and one way to reach it or one thing it answers for, or
/// both. Lines of the same English name are one organization; what a later line leaves empty stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PartyLine {
    /// Name in English: what lines are gathered by.
    pub name_en: String,
    /// Name in Chinese.
    pub name_zh: String,
    /// Roles, separated by blanks or semicolons.
    pub roles: String,
    /// Country, two letters.
    pub country: String,
    /// Province, GB/T 2260.
    pub province: String,
    /// IANA zone.
    pub zone: String,
    /// `zh` or `en`.
    pub language: String,
    /// Hours for which notices are gathered.
    pub interval_hours: String,
    /// Channel of the contact.
    pub channel: String,
    /// Address of the contact.
    pub address: String,
    /// Attachment it wants.
    pub format: String,
    /// Where it was found.
    pub rung: String,
    /// Working hours of the contact.
    pub hours: String,
    /// Kind of thing it answers for.
    pub scope: String,
    /// The thing.
    pub value: String,
}

/// A line that could not be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BadLine {
    /// Its number in the file, from 1 for the first after the heads.
    pub line: usize,
    /// What is wrong.
    pub reason: String,
}

/// An organization as a file tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Party {
    /// Name in English.
    pub name_en: String,
    /// Name in Chinese; the English one if the file gives none.
    pub name_zh: String,
    /// Its roles.
    pub roles: BTreeSet<Role>,
    /// Country, two letters.
    pub country: Option<String>,
    /// Province.
    pub province: Option<String>,
    /// Zone.
    pub zone: Option<String>,
    /// Language.
    pub language: Option<String>,
    /// Seconds for which notices are gathered.
    pub interval_secs: i64,
    /// Contacts: channel, address, format, rung, hours.
    pub contacts: Vec<PartyContact>,
    /// What it answers for.
    pub responsible: BTreeSet<(Scope, String)>,
}

/// A contact as a file tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartyContact {
    /// How.
    pub channel: Channel,
    /// Where.
    pub address: String,
    /// Attachment it wants.
    pub format: Option<NoticeFormat>,
    /// Where it was found.
    pub rung: Rung,
    /// Working hours.
    pub hours: Option<String>,
}

/// Reads a party file: CSV or XLSX with the names of [`PartyLine`] as heads.
pub fn read(bytes: &[u8]) -> (Vec<Party>, Vec<BadLine>) {
    let mut parties: BTreeMap<String, Party> = BTreeMap::new();
    let mut bad = Vec::new();
    let bytes = match formats::sheet::as_csv(bytes) {
        Ok(bytes) => bytes,
        Err(reason) => return (Vec::new(), vec![BadLine { line: 0, reason }]),
    };
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .flexible(false)
        .comment(Some(b'#'))
        .from_reader(bytes);
    for (at, line) in reader.deserialize::<PartyLine>().enumerate() {
        let done = line
            .map_err(|error| error.to_string())
            .and_then(|line| take(line, &mut parties));
        if let Err(reason) = done {
            bad.push(BadLine {
                line: at + 1,
                reason,
            });
        }
    }
    (parties.into_values().collect(), bad)
}

fn take(line: PartyLine, parties: &mut BTreeMap<String, Party>) -> std::result::Result<(), String> {
    if line.name_en.is_empty() {
        return Err("name_en is empty: every line names its organization".to_owned());
    }
    let word = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let roles = line.roles.split([' ', ';']).filter(|role| !role.is_empty());
    let roles: BTreeSet<Role> = roles
        .map(|role| role.parse::<Role>().map_err(|error| error.to_string()))
        .collect::<std::result::Result<_, _>>()?;
    if !line.zone.is_empty() && jiff::tz::TimeZone::get(&line.zone).is_err() {
        return Err(format!("zone `{}` is no IANA zone", line.zone));
    }
    if !matches!(line.language.as_str(), "" | "zh" | "en") {
        return Err(format!("language `{}` is neither zh nor en", line.language));
    }
    let interval = match line.interval_hours.as_str() {
        "" => None,
        text => Some(
            text.parse::<u32>()
                .map_err(|_| format!("interval_hours `{text}` is no number"))?,
        ),
    };
    let contact = match line.address.is_empty() {
        true => None,
        false => Some(contact(&line)?),
    };
    let duty = match (line.scope.as_str(), line.value.as_str()) {
        ("", "") => None,
        ("", _) | (_, "") => return Err("scope and value stand together".to_owned()),
        (scope, value) => {
            let scope: Scope = scope
                .parse()
                .map_err(|error: model::worded::UnknownWord| error.to_string())?;
            Some((scope, check(scope, value)?))
        }
    };
    let party = parties
        .entry(line.name_en.clone())
        .or_insert_with(|| Party {
            name_zh: line.name_en.clone(),
            name_en: line.name_en.clone(),
            ..Party::default()
        });
    if !line.name_zh.is_empty() {
        party.name_zh = line.name_zh.clone();
    }
    party.roles.extend(roles);
    party.country = word(&line.country.to_ascii_uppercase()).or(party.country.take());
    party.province = word(&line.province).or(party.province.take());
    party.zone = word(&line.zone).or(party.zone.take());
    party.language = word(&line.language).or(party.language.take());
    if let Some(hours) = interval {
        party.interval_secs = i64::from(hours) * 3600;
    }
    if let Some(contact) = contact.filter(|new| !party.contacts.contains(new)) {
        party.contacts.push(contact);
    }
    party.responsible.extend(duty);
    Ok(())
}

fn contact(line: &PartyLine) -> std::result::Result<PartyContact, String> {
    fn read<T: std::str::FromStr<Err = model::worded::UnknownWord>>(
        text: &str,
    ) -> std::result::Result<T, String> {
        text.parse().map_err(|error: T::Err| error.to_string())
    }
    let channel = match line.channel.as_str() {
        "" => Channel::Mail,
        text => read(text)?,
    };
    let rung = match line.rung.as_str() {
        "" => Rung::Agreed,
        text => read(text)?,
    };
    let format = match line.format.as_str() {
        "" => None,
        text => Some(read(text)?),
    };
    if channel == Channel::Mail && !is_mailbox(&line.address) {
        return Err(format!("`{}` is no mail address", line.address));
    }
    Ok(PartyContact {
        channel,
        address: line.address.clone(),
        format,
        rung,
        hours: (!line.hours.is_empty()).then(|| line.hours.clone()),
    })
}

/// Whether a text can be a mail address: one `@`, nothing that breaks a header.
pub fn is_mailbox(text: &str) -> bool {
    let fine = |part: &str| {
        !part.is_empty()
            && part
                .chars()
                .all(|c| !c.is_whitespace() && !c.is_control() && !"<>,;:\"()[]".contains(c))
    };
    match text.split_once('@') {
        Some((local, domain)) => fine(local) && fine(domain) && !domain.contains('@'),
        None => false,
    }
}

fn check(scope: Scope, value: &str) -> std::result::Result<String, String> {
    let wrong = |what: &str| Err(format!("`{value}` is no {what}"));
    match scope {
        Scope::Prefix if value.parse::<ipnet::IpNet>().is_err() => {
            wrong("prefix such as 192.0.2.0/24")
        }
        Scope::Asn if value.trim_start_matches("AS").parse::<u32>().is_err() => wrong("AS number"),
        Scope::RegistrarId if value.parse::<u32>().is_err() => wrong("IANA id of a registrar"),
        Scope::Province if value.len() != 6 || value.parse::<u32>().is_err() => {
            wrong("province code of six digits")
        }
        Scope::Country if value.len() != 2 => wrong("country code of two letters"),
        _ => Ok(value.to_owned()),
    }
}

/// What an import would change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Organizations that are new.
    pub add: Vec<NewOrganization>,
    /// Contacts that are new, of organizations that are there.
    pub contacts: Vec<(OrganizationId, NewContact)>,
    /// Responsibilities that are new, of organizations that are there.
    pub responsible: Vec<(OrganizationId, Scope, String)>,
    /// Responsibilities of this source that the file does not name any more, by number.
    pub ended: Vec<i64>,
    /// What is not done because a person made the entry, in lines.
    pub proposed: Vec<String>,
    /// The same as data: contacts.
    pub held_contacts: Vec<(OrganizationId, NewContact)>,
    /// The same as data: responsibilities.
    pub held_responsible: Vec<(OrganizationId, Scope, String)>,
    /// The same as data: responsibilities that would end, by number.
    pub held_ended: Vec<i64>,
    /// Everything in lines for a person.
    pub lines: Vec<String>,
}

impl Difference {
    /// Whether nothing would change.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Takes what was only proposed over into what is done: a person approved it.
    pub fn approve(&mut self) {
        self.lines.append(&mut self.proposed);
        self.contacts.append(&mut self.held_contacts);
        self.responsible.append(&mut self.held_responsible);
        self.ended.append(&mut self.held_ended);
    }
}

/// Compares a file with the register. `source` names the import: what a former one of this name
/// brought and this does not is ended. `draw` gives the random part of ids.
pub fn difference(
    parties: Vec<Party>,
    register: &Register,
    source: &str,
    now: Timestamp,
    draw: &dyn Fn() -> [u8; 10],
) -> Difference {
    let mut out = Difference::default();
    let by_name: BTreeMap<&str, &Organization> = register
        .organizations
        .iter()
        .map(|organization| (organization.name_en.as_str(), organization))
        .collect();
    let mut named = BTreeSet::new();
    for party in parties {
        let new_contact = |contact: &PartyContact| NewContact {
            id: ContactId::draw(now, draw()),
            channel: contact.channel,
            address: contact.address.clone(),
            language: None,
            format: contact.format,
            rung: contact.rung,
            hours: contact.hours.clone(),
            pgp: None,
        };
        let Some(known) = by_name.get(party.name_en.as_str()) else {
            out.lines.push(format!(
                "+ {} ({}), {} contacts, answers for {}",
                party.name_en,
                party
                    .roles
                    .iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join(" "),
                party.contacts.len(),
                party.responsible.len()
            ));
            out.add.push(NewOrganization {
                id: OrganizationId::draw(now, draw()),
                contacts: party.contacts.iter().map(new_contact).collect(),
                name_zh: party.name_zh,
                name_en: party.name_en,
                roles: party.roles.into_iter().collect(),
                country: party.country,
                province: party.province,
                zone: party.zone.unwrap_or_else(|| "UTC".to_owned()),
                language: party.language.unwrap_or_else(|| "en".to_owned()),
                interval_secs: party.interval_secs,
                source: source.to_owned(),
                protected: false,
                responsible: party.responsible.into_iter().collect(),
            });
            continue;
        };
        let id = known.id.0;
        let foreign = known.protected;
        let contacts: BTreeSet<_> = register
            .contacts
            .iter()
            .filter(|contact| contact.organization_id.0 == id)
            .map(|contact| (contact.channel.0, contact.address.as_str()))
            .collect();
        for contact in &party.contacts {
            if contacts.contains(&(contact.channel, contact.address.as_str())) {
                continue;
            }
            let line = format!(
                "+ {}: contact {} {}",
                party.name_en, contact.channel, contact.address
            );
            match foreign {
                true => {
                    out.proposed.push(line);
                    out.held_contacts.push((id, new_contact(contact)));
                }
                false => {
                    out.lines.push(line);
                    out.contacts.push((id, new_contact(contact)));
                }
            }
        }
        let duties: BTreeSet<_> = register
            .responsibilities
            .iter()
            .filter(|duty| duty.organization_id.0 == id)
            .map(|duty| (duty.scope.0, duty.value.as_str()))
            .collect();
        for (scope, value) in &party.responsible {
            named.insert((id, *scope, value.clone()));
            if duties.contains(&(*scope, value.as_str())) {
                continue;
            }
            let line = format!("+ {}: {scope} {value}", party.name_en);
            match foreign {
                true => {
                    out.proposed.push(line);
                    out.held_responsible.push((id, *scope, value.clone()));
                }
                false => {
                    out.lines.push(line);
                    out.responsible.push((id, *scope, value.clone()));
                }
            }
        }
    }
    for duty in register
        .responsibilities
        .iter()
        .filter(|duty| duty.source == source)
    {
        let id = duty.organization_id.0;
        if !named.contains(&(id, duty.scope.0, duty.value.clone())) {
            let organization = register.organizations.iter().find(|org| org.id.0 == id);
            let name = organization.map_or("", |org| org.name_en.as_str());
            let line = format!("- {name}: {} {}", duty.scope, duty.value);
            match organization.is_some_and(|org| org.protected) {
                true => {
                    out.proposed.push(line);
                    out.held_ended.push(duty.id);
                }
                false => {
                    out.lines.push(line);
                    out.ended.push(duty.id);
                }
            }
        }
    }
    out
}

impl Desk {
    /// Applies a difference, with the reason of its approval where it needed one ([`approval`]). Each part
    /// is audited by itself; applying again what is applied changes nothing, since the next difference is
    /// empty. [`Desk::undo_import`] takes it back.
    ///
    /// # Errors
    /// The ledger fails.
    pub async fn apply_parties(
        &self,
        difference: Difference,
        source: &str,
        approved: Option<&str>,
        actor: &str,
    ) -> Result<()> {
        if difference.is_empty() {
            return Ok(());
        }
        let now = (self.clock)().0;
        self.note_import(&difference, source, approved, actor)
            .await?;
        self.ledger
            .add_organizations(difference.add, actor, now)
            .await?;
        for (id, contact) in difference.contacts {
            self.ledger
                .add_contact(id, contact, source, actor, now)
                .await?;
        }
        if !difference.responsible.is_empty() {
            self.ledger
                .add_responsibilities(difference.responsible, source, actor, now)
                .await?;
        }
        if !difference.ended.is_empty() {
            let reason = format!("the import {source} does not name it any more");
            self.ledger
                .end_responsibilities(&difference.ended, &reason, actor, now)
                .await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "\
name_en,name_zh,roles,country,channel,address,scope,value
Example Registrar,示例注册商,registrar,CN,mail,abuse@registrar.example,registrar-id,9999
Example Registrar,,,,,,domain,example
Example Net,,network-operator,CN,mail,noc@net.example,prefix,192.0.2.0/24
Broken,,wizard,CN,,,,
Broken Too,,registrar,CN,mail,no address,,
Broken Three,,registrar,CN,,,prefix,192.0.2.0/33
";

    fn read_file() -> (Vec<Party>, Vec<BadLine>) {
        let heads = "name_en,name_zh,roles,country,province,zone,language,interval_hours,channel,address,format,rung,hours,scope,value";
        assert!(heads.starts_with("name_en"));
        read(FILE.as_bytes())
    }

    #[test]
    fn lines_of_a_name_are_one_party_and_bad_ones_are_told() {
        let (parties, bad) = read_file();
        assert_eq!(parties.len(), 2, "{parties:?}");
        let registrar = parties
            .iter()
            .find(|party| party.name_en == "Example Registrar");
        let registrar = registrar.expect("is there");
        assert_eq!(registrar.responsible.len(), 2);
        assert_eq!(registrar.name_zh, "示例注册商");
        let told: Vec<_> = bad.iter().map(|bad| bad.line).collect();
        assert_eq!(told, [4, 5, 6]);
        assert!(bad[0].reason.contains("`wizard` is no role"), "{bad:?}");
    }

    #[test]
    fn the_same_file_again_changes_nothing_and_what_it_drops_is_ended() {
        let now = Timestamp(1_700_000_000_000_000);
        let (parties, _) = read_file();
        let first = difference(parties.clone(), &Register::default(), "list", now, &|| {
            [1; 10]
        });
        assert_eq!((first.add.len(), first.lines.len()), (2, 2));
    }
}
