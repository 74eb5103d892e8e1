//! Registration data (RDAP, RFC 7480 to 9224): who sold a name, and to whom abuse of a name or an address
//! goes. Answers are kept in the ledger until they expire; a service that asks to wait is left alone by
//! every process. What it tells becomes organizations of the source [`SOURCE`], which never change what a
//! person or another import entered.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::net::IpAddr;

use formats::rdap::Registration;
use ipnet::{Ipv4Subnets, Ipv6Subnets};
use ledger::organization::{NewContact, NewOrganization};
use ledger::registration::{RegistrationAnswer, RegistrationState};
use ledger::{Contact, Incident, Organization, Register};
use model::ids::{ContactId, OrganizationId};
use model::organization::{Channel, Role, Rung, Scope};
use model::time::Timestamp;
use serde::{Deserialize, Serialize};
use url::Url;

pub mod bootstrap;
pub mod client;

pub use bootstrap::{BadBootstrap, Bootstrap};
pub use client::{Client, Limits, Told};

use crate::party::is_mailbox;
use crate::route::Parties;
use crate::{Desk, Result};

/// The source of organizations and contacts that registration data brought.
pub const SOURCE: &str = "rdap";
/// Who acts when registration data is taken over.
pub const ACTOR: &str = "system:rdap";

const HOUR: i64 = 3_600_000_000;
/// How long an answer holds: names change hands faster than networks, and what is not registered may
/// be tomorrow.
const NAME_HOLDS: i64 = 24 * HOUR;
const NETWORK_HOLDS: i64 = 7 * 24 * HOUR;
const ABSENT_HOLDS: i64 = HOUR;
/// After a failure nobody is asked about the same for so long.
const FAILED_HOLDS: i64 = HOUR / 6;
/// Characters of a name that are kept: it is hostile text.
const LONGEST_NAME: usize = 120;
/// Prefixes of one network that are taken over.
const MOST_PREFIXES: usize = 64;

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Question {
    /// A name, as A-labels in lower case.
    Domain(String),
    /// An address.
    Address(IpAddr),
    /// An autonomous system.
    Number(u32),
}

impl Question {
    /// The question for a name in any spelling; `None` if it is no name.
    pub fn domain(name: &str) -> Option<Self> {
        let name = idna::domain_to_ascii(name.trim().trim_end_matches('.')).ok()?;
        let name = name.to_ascii_lowercase();
        let label = |label: &str| {
            let fine = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
            (1..=63).contains(&label.len()) && label.bytes().all(fine)
        };
        let fine = name.contains('.') && name.len() <= 253 && name.split('.').all(label);
        (fine && name.parse::<IpAddr>().is_err()).then_some(Question::Domain(name))
    }

    /// The path below a service's base.
    fn path(&self) -> String {
        match self {
            Question::Domain(name) => format!("domain/{name}"),
            Question::Address(ip) => format!("ip/{ip}"),
            Question::Number(number) => format!("autnum/{number}"),
        }
    }

    fn holds(&self) -> i64 {
        match self {
            Question::Domain(_) => NAME_HOLDS,
            _ => NETWORK_HOLDS,
        }
    }
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Question::Domain(name) => write!(f, "domain {name}"),
            Question::Address(ip) => write!(f, "ip {ip}"),
            Question::Number(number) => write!(f, "autnum {number}"),
        }
    }
}

fn host(url: &Url) -> String {
    url.host_str().unwrap_or_default().to_owned()
}

/// What of an answer is kept: no persons, only desks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Registered {
    /// The registrar's name.
    pub registrar: Option<String>,
    /// The registrar's IANA id.
    pub registrar_id: Option<u32>,
    /// Mail addresses for abuse, the nearest first.
    pub abuse: Vec<String>,
    /// Who is behind the abuse contact, else the registry's handle.
    pub holder: Option<String>,
    /// First and last address of a network.
    pub network: Option<(IpAddr, IpAddr)>,
    /// Country, two letters.
    pub country: Option<String>,
    /// States of a name.
    pub status: Vec<String>,
    /// What was left out by policy: a redacted contact is not an absent one.
    pub redacted: Vec<String>,
}

/// A name as it may be shown: one line of bounded length.
fn plain(text: &str) -> Option<String> {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control());
    let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
    let text: String = words.join(" ").chars().take(LONGEST_NAME).collect();
    (!text.is_empty()).then_some(text)
}

impl Registered {
    /// What is kept of an answer.
    pub fn of(found: &Registration) -> Self {
        let mut abuse: Vec<String> = Vec::new();
        for mail in found.abuse.iter().flat_map(|contact| &contact.emails) {
            let mail = mail.trim().to_lowercase();
            let fine = mail.len() <= 254 && mail.is_ascii() && is_mailbox(&mail);
            if fine && !abuse.contains(&mail) {
                abuse.push(mail);
            }
        }
        let registrar = found.registrar.as_ref();
        let names = found
            .abuse
            .iter()
            .filter_map(|contact| contact.name.as_deref());
        let country = found.country.clone();
        Registered {
            registrar: registrar.and_then(|own| plain(own.name.as_deref()?)),
            registrar_id: registrar.and_then(|own| own.iana_id),
            abuse,
            holder: names.chain(found.handle.as_deref()).find_map(plain),
            network: found.network,
            country: country
                .filter(|code| code.len() == 2 && code.bytes().all(|b| b.is_ascii_uppercase())),
            status: found.status.clone(),
            redacted: found.redacted.clone(),
        }
    }
}

/// What is known of a question, and from where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Looked {
    /// Something is registered.
    Found(Box<Registered>),
    /// Nothing is.
    Absent,
    /// It is not known, and why.
    Unknown(String),
}

/// What registration data tells about incidents.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// By host name.
    pub hosts: HashMap<String, Registered>,
    /// By address.
    pub addresses: HashMap<IpAddr, Registered>,
    /// What could not be looked up, with the reason.
    pub problems: Vec<String>,
}

impl Findings {
    /// The IANA id of the registrar of an incident's name.
    pub fn registrar(&self, incident: &Incident) -> Option<u32> {
        self.hosts.get(incident.host.as_deref()?)?.registrar_id
    }
}

/// What is added to the register from registration data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Additions {
    /// Organizations that are new.
    pub organizations: Vec<NewOrganization>,
    /// Contacts of organizations that are there and have none that may be used.
    pub contacts: Vec<(OrganizationId, NewContact)>,
    /// What is not done because a person made the entry.
    pub proposed: Vec<String>,
    /// Everything that is added, in lines for a person.
    pub lines: Vec<String>,
}

struct Adding<'a> {
    register: &'a Register,
    now: Timestamp,
    draw: &'a dyn Fn() -> [u8; 10],
    done: BTreeSet<String>,
    out: Additions,
}

impl Adding<'_> {
    fn contact(&self, address: &str) -> NewContact {
        NewContact {
            id: ContactId::draw(self.now, (self.draw)()),
            channel: Channel::Mail,
            address: address.to_owned(),
            language: None,
            format: None,
            rung: Rung::Rdap,
            hours: None,
            pgp: None,
        }
    }

    /// Adds a contact to an organization that is there, if nothing of a person speaks against it.
    fn extend(&mut self, organization: &Organization, mail: &str) {
        let id = organization.id.0;
        let own = |contact: &&Contact| contact.organization_id.0 == id;
        let mut contacts = self.register.contacts.iter().filter(own);
        let usable = |contact: &Contact| !contact.opted_out && contact.quality > 0;
        let line = format!("+ {}: contact mail {mail} (RDAP)", organization.name_en);
        if contacts
            .clone()
            .any(|contact| contact.address.eq_ignore_ascii_case(mail))
        {
            return;
        }
        // One that works is enough; a contact that opted out is not gone around.
        if contacts.any(|contact| usable(contact) || contact.opted_out) {
            return;
        }
        if !self.done.insert(format!("{id} {mail}")) {
            return;
        }
        if organization.protected && organization.source != SOURCE {
            self.out.proposed.push(line);
            return;
        }
        let contact = self.contact(mail);
        self.out.lines.push(line);
        self.out.contacts.push((id, contact));
    }

    fn add(
        &mut self,
        name: &str,
        role: Role,
        country: Option<String>,
        responsible: Vec<(Scope, String)>,
        mail: &str,
    ) {
        let (Some((scope, value)), true) = (
            responsible.first().cloned(),
            self.done.insert(name.to_lowercase()),
        ) else {
            return;
        };
        let language = match country.as_deref() {
            Some("CN") => "zh",
            _ => "en",
        };
        self.out.lines.push(format!(
            "+ {name} ({role}) for {scope} {value}, {mail} (RDAP)"
        ));
        let contact = self.contact(mail);
        self.out.organizations.push(NewOrganization {
            id: OrganizationId::draw(self.now, (self.draw)()),
            name_zh: name.to_owned(),
            name_en: name.to_owned(),
            roles: vec![role],
            country,
            province: None,
            zone: "UTC".to_owned(),
            language: language.to_owned(),
            interval_secs: 0,
            source: SOURCE.to_owned(),
            protected: false,
            contacts: vec![contact],
            responsible,
        });
    }

    fn named(&self, name: &str) -> Option<&Organization> {
        let same = |one: &&Organization| one.name_en.eq_ignore_ascii_case(name);
        self.register.organizations.iter().find(same)
    }
}

/// The prefixes that make up a network, at most so many.
fn prefixes((first, last): (IpAddr, IpAddr)) -> Vec<(Scope, String)> {
    let texts: Vec<String> = match (first, last) {
        (IpAddr::V4(first), IpAddr::V4(last)) => Ipv4Subnets::new(first, last, 0)
            .take(MOST_PREFIXES)
            .map(|net| net.to_string())
            .collect(),
        (IpAddr::V6(first), IpAddr::V6(last)) => Ipv6Subnets::new(first, last, 0)
            .take(MOST_PREFIXES)
            .map(|net| net.to_string())
            .collect(),
        _ => Vec::new(),
    };
    texts
        .into_iter()
        .map(|text| (Scope::Prefix, text))
        .collect()
}

/// What the findings add to the register: an organization where nobody answers for a registrar or an
/// address yet, a contact where one has none. Pure.
pub fn additions(
    findings: &Findings,
    register: &Register,
    now: Timestamp,
    draw: &dyn Fn() -> [u8; 10],
) -> Additions {
    let parties = Parties::of(register.clone());
    let mut adding = Adding {
        register,
        now,
        draw,
        done: BTreeSet::new(),
        out: Additions::default(),
    };
    // In order, so that the same findings add the same.
    let hosts: BTreeMap<_, _> = findings.hosts.iter().collect();
    for found in hosts.values() {
        let (Some(id), Some(mail)) = (found.registrar_id, found.abuse.first()) else {
            continue;
        };
        let known = parties
            .registrar(id)
            .and_then(|one| parties.get(one.organization));
        if let Some(known) = known {
            adding.extend(known, mail);
            continue;
        }
        let name = found.registrar.clone();
        let name = name.unwrap_or_else(|| format!("Registrar {id}"));
        // The name may be somebody's who does not answer for this id: never joined by name alone.
        let name = match adding.named(&name) {
            Some(_) => format!("{name} (IANA {id})"),
            None => name,
        };
        let duty = vec![(Scope::RegistrarId, id.to_string())];
        adding.add(&name, Role::Registrar, None, duty, mail);
    }
    let addresses: BTreeMap<_, _> = findings.addresses.iter().collect();
    for (ip, found) in addresses {
        let Some(mail) = found.abuse.first() else {
            continue;
        };
        let known = parties.of_address(Some(*ip), None);
        if let Some(known) = known.and_then(|one| parties.get(one.organization)) {
            adding.extend(known, mail);
            continue;
        }
        let duty = found.network.map(prefixes).unwrap_or_default();
        let holds = |text: &str| text.parse().is_ok_and(|net: ipnet::IpNet| net.contains(ip));
        if !duty.iter().any(|(_, text)| holds(text)) {
            continue;
        }
        let first = duty[0].1.clone();
        let name = found
            .holder
            .clone()
            .unwrap_or_else(|| format!("Network {first}"));
        let name = match adding.named(&name).is_some() || adding.done.contains(&name.to_lowercase())
        {
            true => format!("{name} ({first})"),
            false => name,
        };
        adding.add(
            &name,
            Role::NetworkOperator,
            found.country.clone(),
            duty,
            mail,
        );
    }
    adding.out
}

impl Desk {
    /// What is known of a question: from the ledger while it holds, else, with a client, from a
    /// service, whose answer is kept. Without a client nothing leaves.
    ///
    /// # Errors
    /// The ledger fails.
    pub async fn registered(&self, client: Option<&Client>, question: &Question) -> Result<Looked> {
        let now = (self.clock)();
        let name = question.to_string();
        if let Some(kept) = self.ledger.registration(&name, now.0).await? {
            return Ok(match kept.state {
                RegistrationState::Absent => Looked::Absent,
                RegistrationState::Wait => Looked::Unknown(kept.answer),
                RegistrationState::Found => match serde_json::from_str(&kept.answer) {
                    Ok(found) => Looked::Found(found),
                    Err(error) => Looked::Unknown(format!("{name}: {error}")),
                },
            });
        }
        let Some(client) = client else {
            return Ok(Looked::Unknown(format!("{name} was not asked")));
        };
        let mut left_alone = Vec::new();
        for host in client.hosts(question) {
            let waits = self
                .ledger
                .registration(&format!("server {host}"), now.0)
                .await?;
            if waits.is_some() {
                left_alone.push(host);
            }
        }
        let keep = async |question: String, state, answer: String, holds: i64| {
            let row = RegistrationAnswer {
                question,
                state,
                answer,
                asked_at: now.0,
                expires_at: now.0.saturating_add(holds),
            };
            self.ledger.keep_registration(row).await
        };
        let told = client.ask(question, &left_alone, now).await;
        Ok(match told {
            Told::Found(found) => {
                let found = Registered::of(&found);
                let text = serde_json::to_string(&found)
                    .map_err(|error| crate::Error::refused(&name, error))?;
                keep(name, RegistrationState::Found, text, question.holds()).await?;
                Looked::Found(Box::new(found))
            }
            Told::Absent => {
                keep(name, RegistrationState::Absent, String::new(), ABSENT_HOLDS).await?;
                Looked::Absent
            }
            Told::Wait { host, secs } => {
                let holds = i64::try_from(secs)
                    .unwrap_or(3_600)
                    .saturating_mul(1_000_000);
                let why = format!("{host} asks to wait {secs} s");
                let server = format!("server {host}");
                keep(server, RegistrationState::Wait, why.clone(), holds).await?;
                Looked::Unknown(why)
            }
            // A pass over services that wait says nothing of the question itself.
            Told::Failed(why) if !left_alone.is_empty() => Looked::Unknown(why),
            Told::Failed(why) => {
                keep(name, RegistrationState::Wait, why.clone(), FAILED_HOLDS).await?;
                Looked::Unknown(why)
            }
        })
    }

    /// Looks up the names and addresses of incidents, each once. `registrable` gives the name that was
    /// registered: the public suffix and one label more.
    ///
    /// # Errors
    /// The ledger fails.
    pub async fn look_up(
        &self,
        client: Option<&Client>,
        incidents: &[Incident],
        registrable: &(dyn Fn(&str) -> Option<String> + Sync),
    ) -> Result<Findings> {
        let mut findings = Findings::default();
        let mut names: BTreeMap<Question, Vec<String>> = BTreeMap::new();
        let mut addresses = BTreeSet::new();
        for incident in incidents {
            if let Some(host) = &incident.host {
                let question = registrable(host).and_then(|name| Question::domain(&name));
                if let Some(question) = question {
                    names.entry(question).or_default().push(host.clone());
                }
            }
            addresses.extend(
                incident
                    .ip
                    .as_deref()
                    .and_then(|ip| ip.parse::<IpAddr>().ok()),
            );
        }
        for (question, hosts) in names {
            match self.registered(client, &question).await? {
                Looked::Found(found) => {
                    let each = hosts.into_iter().map(|host| (host, (*found).clone()));
                    findings.hosts.extend(each);
                }
                Looked::Absent => findings
                    .problems
                    .push(format!("{question} is not registered")),
                Looked::Unknown(why) => findings.problems.push(why),
            }
        }
        for ip in addresses {
            // Addresses of no public network are nobody's.
            if client.is_some() && outbound::special(ip).is_some_and(|why| why != "documentation") {
                continue;
            }
            match self.registered(client, &Question::Address(ip)).await? {
                Looked::Found(found) => drop(findings.addresses.insert(ip, *found)),
                Looked::Absent => findings.problems.push(format!("{ip} is not registered")),
                Looked::Unknown(why) => findings.problems.push(why),
            }
        }
        findings.problems.sort();
        findings.problems.dedup();
        Ok(findings)
    }

    /// Takes over what the findings add to the register. Audited.
    ///
    /// # Errors
    /// The ledger fails.
    pub async fn take_registrations(&self, findings: &Findings) -> Result<Additions> {
        let now = (self.clock)();
        let register = self.ledger.register().await?;
        let added = additions(findings, &register, now, &*self.random);
        self.ledger
            .add_organizations(added.organizations.clone(), ACTOR, now.0)
            .await?;
        for (id, contact) in &added.contacts {
            self.ledger
                .add_contact(*id, contact.clone(), SOURCE, ACTOR, now.0)
                .await?;
        }
        Ok(added)
    }
}
