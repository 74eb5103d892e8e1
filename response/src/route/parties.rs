//! The register compiled for looking up: who answers for an address, a name, a province, a country.

use std::collections::HashMap;
use std::net::IpAddr;

use ipnet::{Ipv4Net, Ipv6Net};
use ledger::{Contact, Organization, Register};
use model::ids::OrganizationId;
use model::organization::{Role, Scope};
use prefix_trie::PrefixMap;

/// What makes an organization answer for something: for the reason of a directive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match {
    /// The organization.
    pub organization: OrganizationId,
    /// What matched, as `prefix 192.0.2.0/24`.
    pub why: String,
}

/// The register, compiled.
pub struct Parties {
    organizations: HashMap<OrganizationId, Organization>,
    contacts: HashMap<OrganizationId, Vec<Contact>>,
    v4: PrefixMap<Ipv4Net, Vec<OrganizationId>>,
    v6: PrefixMap<Ipv6Net, Vec<OrganizationId>>,
    exact: HashMap<(Scope, String), Vec<OrganizationId>>,
    /// Entries that could not be used, with the reason.
    pub problems: Vec<String>,
}

impl Parties {
    /// Compiles a register.
    pub fn of(register: Register) -> Self {
        let mut parties = Parties {
            organizations: HashMap::new(),
            contacts: HashMap::new(),
            v4: PrefixMap::new(),
            v6: PrefixMap::new(),
            exact: HashMap::new(),
            problems: Vec::new(),
        };
        for organization in register.organizations {
            parties
                .organizations
                .insert(organization.id.0, organization);
        }
        for contact in register.contacts {
            parties
                .contacts
                .entry(contact.organization_id.0)
                .or_default()
                .push(contact);
        }
        for contacts in parties.contacts.values_mut() {
            contacts.sort_by_key(|contact| {
                (contact.rung, std::cmp::Reverse(contact.quality), contact.id)
            });
        }
        for entry in register.responsibilities {
            let of = entry.organization_id.0;
            if !parties.organizations.contains_key(&of) {
                continue;
            }
            match entry.scope.0 {
                Scope::Prefix => parties.prefix(&entry.value, of),
                scope => {
                    let value = normal(scope, &entry.value);
                    parties.exact.entry((scope, value)).or_default().push(of);
                }
            }
        }
        parties
    }

    fn prefix(&mut self, text: &str, of: OrganizationId) {
        let net = match text.parse::<ipnet::IpNet>() {
            Ok(net) => net.trunc(),
            Err(_) => match text.parse::<IpAddr>() {
                Ok(address) => address.into(),
                Err(_) => {
                    self.problems.push(format!("`{text}` is no prefix"));
                    return;
                }
            },
        };
        match net {
            ipnet::IpNet::V4(net) => self.v4.entry(net).or_default().push(of),
            ipnet::IpNet::V6(net) => self.v6.entry(net).or_default().push(of),
        }
    }

    /// An organization.
    pub fn get(&self, id: OrganizationId) -> Option<&Organization> {
        self.organizations.get(&id)
    }

    /// Its contacts that may be used, the best first: not opted out, quality left.
    pub fn reachable(&self, id: OrganizationId) -> impl Iterator<Item = &Contact> {
        let may = self
            .get(id)
            .is_some_and(|organization| organization.may_contact);
        let all = self.contacts.get(&id).filter(|_| may);
        let usable = |contact: &&Contact| !contact.opted_out && contact.quality > 0;
        all.into_iter().flatten().filter(usable)
    }

    fn one(&self, among: &[OrganizationId], role: Option<Role>) -> Option<OrganizationId> {
        let fits = |id: &&OrganizationId| match role {
            Some(role) => self
                .get(**id)
                .is_some_and(|organization| organization.has(role)),
            None => true,
        };
        among.iter().find(fits).copied()
    }

    fn exactly(&self, scope: Scope, value: &str, role: Option<Role>) -> Option<Match> {
        let value = normal(scope, value);
        let among = self.exact.get(&(scope, value.clone()))?;
        Some(Match {
            organization: self.one(among, role)?,
            why: format!("{scope} {value}"),
        })
    }

    /// Who runs an address: the longest prefix, then the autonomous system.
    pub fn of_address(&self, ip: Option<IpAddr>, asn: Option<i64>) -> Option<Match> {
        let by_prefix = ip.and_then(|ip| {
            let (net, among) = match ip {
                IpAddr::V4(ip) => {
                    let (net, among) = self.v4.get_lpm(&Ipv4Net::from(ip))?;
                    (net.to_string(), among)
                }
                IpAddr::V6(ip) => {
                    let (net, among) = self.v6.get_lpm(&Ipv6Net::from(ip))?;
                    (net.to_string(), among)
                }
            };
            Some(Match {
                organization: self.one(among, None)?,
                why: format!("prefix {net}"),
            })
        });
        by_prefix.or_else(|| self.exactly(Scope::Asn, &asn?.to_string(), None))
    }

    /// Who answers for a name or the nearest name above it.
    pub fn of_name(&self, scope: Scope, name: &str, role: Option<Role>) -> Option<Match> {
        let mut rest = name.trim_end_matches('.');
        loop {
            if let Some(found) = self.exactly(scope, rest, role) {
                return Some(found);
            }
            rest = rest.split_once('.')?.1;
        }
    }

    /// The registry of a name's top-level domain.
    pub fn registry(&self, name: &str) -> Option<Match> {
        self.of_name(Scope::Tld, name, None)
    }

    /// The registrar of an IANA id.
    pub fn registrar(&self, iana: u32) -> Option<Match> {
        self.exactly(Scope::RegistrarId, &iana.to_string(), None)
    }

    /// The branch of a province.
    pub fn branch(&self, province: &str) -> Option<Match> {
        self.exactly(Scope::Province, province, Some(Role::ProvincialBranch))
    }

    /// The CERT of a country.
    pub fn cert(&self, country: &str) -> Option<Match> {
        self.exactly(Scope::Country, country, Some(Role::OverseasCert))
    }

    /// A CERT of a sector: whoever holds the role.
    pub fn sector(&self, role: Role) -> Option<Match> {
        let mut all: Vec<_> = self
            .organizations
            .values()
            .filter(|organization| organization.has(role))
            .collect();
        all.sort_by_key(|organization| organization.id);
        Some(Match {
            organization: all.first()?.id.0,
            why: format!("role {role}"),
        })
    }
}

/// How values of a scope are compared.
fn normal(scope: Scope, value: &str) -> String {
    let value = value.trim();
    match scope {
        Scope::Asn => value.trim_start_matches(['A', 'S', 'a', 's']).to_owned(),
        Scope::Country => value.to_ascii_uppercase(),
        Scope::Domain | Scope::Tld | Scope::Platform => {
            let value = value.trim_matches('.').to_lowercase();
            idna::domain_to_ascii(&value).unwrap_or(value)
        }
        _ => value.to_owned(),
    }
}
