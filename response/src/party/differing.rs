//! A difference as a person approves it: entry by entry, each with a key that is the same each time the file is
//! compared.

use std::collections::BTreeSet;

use ledger::Register;
use model::ids::OrganizationId;
use serde::Serialize;

use super::Difference;

/// What an entry does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// An organization that was not there, with all that belongs to it.
    New,
    /// Something more of an organization that was there.
    More,
    /// Something that is not named any more, and ends.
    Gone,
}

/// One entry of a difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// Names it.
    pub key: String,
    /// What it does.
    pub change: Change,
    /// The organization, by its English name.
    pub party: String,
    /// Which field: `organization`, `contact`, or the label of a scope.
    pub field: String,
    /// What it is: an address, a value; of a new organization its roles, contacts and what it answers for.
    pub value: String,
    /// Whether a person made the entry that it touches.
    pub touches_manual: bool,
}

impl Difference {
    /// Its entries: what would be done, and what is only proposed because a person made what it touches.
    pub fn entries(&self, register: &Register) -> Vec<Entry> {
        let name = |id: OrganizationId| {
            let found = register.organizations.iter().find(|one| one.id.0 == id);
            found.map_or_else(|| id.to_string(), |one| one.name_en.clone())
        };
        let mut all = Vec::new();
        for new in &self.add {
            let roles: Vec<_> = new.roles.iter().map(ToString::to_string).collect();
            let contacts = new.contacts.iter();
            let contacts = contacts.map(|one| format!("{} {}", one.channel, one.address));
            let duties = new.responsible.iter();
            let duties = duties.map(|(scope, value)| format!("{scope} {value}"));
            let parts: Vec<_> = roles.into_iter().chain(contacts).chain(duties).collect();
            all.push(Entry {
                key: key(&["new", &new.name_en]),
                change: Change::New,
                party: new.name_en.clone(),
                field: "organization".to_owned(),
                value: parts.join("; "),
                touches_manual: false,
            });
        }
        for (contacts, manual) in [(&self.contacts, false), (&self.held_contacts, true)] {
            for (id, one) in contacts {
                let channel = one.channel.to_string();
                all.push(Entry {
                    key: key(&["contact", &id.to_string(), &channel, &one.address]),
                    change: Change::More,
                    party: name(*id),
                    field: "contact".to_owned(),
                    value: format!("{channel} {}", one.address),
                    touches_manual: manual,
                });
            }
        }
        for (duties, manual) in [(&self.responsible, false), (&self.held_responsible, true)] {
            for (id, scope, value) in duties {
                all.push(Entry {
                    key: key(&["duty", &id.to_string(), &scope.to_string(), value]),
                    change: Change::More,
                    party: name(*id),
                    field: scope.to_string(),
                    value: value.clone(),
                    touches_manual: manual,
                });
            }
        }
        for (ended, manual) in [(&self.ended, false), (&self.held_ended, true)] {
            for id in ended {
                let Some(duty) = register.responsibilities.iter().find(|one| one.id == *id) else {
                    continue;
                };
                all.push(Entry {
                    key: key(&["end", &id.to_string()]),
                    change: Change::Gone,
                    party: name(duty.organization_id.0),
                    field: duty.scope.to_string(),
                    value: duty.value.clone(),
                    touches_manual: manual,
                });
            }
        }
        all
    }

    /// Only the entries of these keys, taken over into what is done: a person approved each of them.
    pub fn only(mut self, keys: &BTreeSet<String>, register: &Register) -> Difference {
        let kept = self.entries(register).into_iter();
        let kept = kept.filter(|entry| keys.contains(&entry.key));
        let lines = kept
            .map(|entry| {
                let sign = if entry.change == Change::Gone {
                    '-'
                } else {
                    '+'
                };
                format!("{sign} {}: {} {}", entry.party, entry.field, entry.value)
            })
            .collect();
        self.approve();
        self.add
            .retain(|new| keys.contains(&key(&["new", &new.name_en])));
        self.contacts.retain(|(id, one)| {
            let channel = one.channel.to_string();
            keys.contains(&key(&["contact", &id.to_string(), &channel, &one.address]))
        });
        self.responsible.retain(|(id, scope, value)| {
            keys.contains(&key(&["duty", &id.to_string(), &scope.to_string(), value]))
        });
        self.ended
            .retain(|id| keys.contains(&key(&["end", &id.to_string()])));
        Difference { lines, ..self }
    }
}

/// A short name of an entry that tells it from all others.
fn key(parts: &[&str]) -> String {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(part.as_bytes()).update(&[0]);
    }
    hasher.finalize().to_hex()[..20].to_owned()
}

#[cfg(test)]
mod tests {
    use model::time::Timestamp;

    use super::super::{difference, read};
    use super::*;

    #[test]
    fn only_what_was_approved_is_done() {
        let file = "name_en,name_zh,roles,country,province,zone,language,interval_hours,channel,address,format,rung,hours,scope,value\n\
            One,,registrar,CN,,,,,mail,abuse@one.example,,,,domain,example.test\n\
            Two,,registrar,CN,,,,,mail,abuse@two.example,,,,domain,example.net\n";
        let (parties, bad) = read(file.as_bytes());
        assert!(bad.is_empty(), "{bad:?}");
        let register = Register::default();
        let now = Timestamp(1_700_000_000_000_000);
        let whole = difference(parties, &register, "list", now, &|| [1; 10]);
        let entries = whole.entries(&register);
        assert_eq!(entries.len(), 2);
        assert!(entries.iter().all(|entry| entry.change == Change::New));
        let keys = BTreeSet::from([entries[1].key.clone()]);
        let some = whole.only(&keys, &register);
        let names: Vec<_> = some.add.iter().map(|new| new.name_en.as_str()).collect();
        assert_eq!(names, ["Two"]);
        assert_eq!(some.lines.len(), 1);
    }
}
