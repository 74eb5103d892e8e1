//! The contact database of IntelMQ (`intelmq-certbund-contact`, which Fody edits) read as parties: its tables from a
//! dump, or one CSV a table.
//!
//! It keeps what people entered (`organisation`, `contact` ...) apart from what a registry's import brought
//! (`organisation_automatic` ...). Here both are one party where the name, and the handle if both have one, are the
//! same: its contacts by hand are agreed ones, the others are of registration data, and so come after them. Addresses
//! that were switched off stay behind. Annotations steer rules that are not here: they are told and not taken.

use std::collections::{BTreeMap, BTreeSet};

use formats::pg_copy::{self, Table};
use model::organization::{Channel, Role, Rung, Scope};

use super::{BadLine, Party, PartyContact, is_mailbox};

/// Tables by name.
pub type Tables = BTreeMap<String, Table>;

/// What people entered and what an import brought: the ending of the tables' names, and how far the contacts are
/// trusted.
const KEPT: [(&str, Rung); 3] = [
    ("", Rung::Agreed),
    ("_manual", Rung::Agreed),
    ("_automatic", Rung::Rdap),
];

/// Tables whose rows have no place here.
const ANNOTATIONS: [&str; 4] = [
    "organisation_annotation",
    "autonomous_system_annotation",
    "network_annotation",
    "fqdn_annotation",
];

/// Reads a dump.
pub(super) fn read_dump(bytes: &[u8]) -> (Vec<Party>, Vec<BadLine>) {
    match pg_copy::tables(bytes) {
        Ok((tables, broken)) => {
            let (parties, mut bad) = read(&tables);
            let broken = broken.into_iter();
            bad.extend(broken.map(|(line, reason)| BadLine { line, reason }));
            bad.sort_by_key(|bad| bad.line);
            (parties, bad)
        }
        Err(reason) => (Vec::new(), vec![BadLine { line: 0, reason }]),
    }
}

/// A table from CSV with heads.
///
/// # Errors
/// It cannot be read; which row, and why.
pub fn table_of_csv(bytes: &[u8]) -> Result<Table, String> {
    let bytes = formats::sheet::as_csv(bytes)?;
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let mut reader = csv::Reader::from_reader(bytes);
    let heads = reader.headers().map_err(|error| error.to_string())?;
    let mut table = Table {
        columns: heads
            .iter()
            .map(|head| head.trim().to_lowercase())
            .collect(),
        ..Table::default()
    };
    for (at, row) in reader.records().enumerate() {
        let row = row.map_err(|error| format!("row {}: {error}", at + 1))?;
        let cells = row.iter().map(|cell| match cell {
            "" | "\\N" => None,
            text => Some(text.to_owned()),
        });
        table.rows.push((at + 1, cells.collect()));
    }
    Ok(table)
}

/// One kind of row under way: which table, and where its columns are.
struct Rows<'t> {
    name: String,
    table: &'t Table,
}

impl<'t> Rows<'t> {
    fn of(tables: &'t Tables, name: String) -> Option<Self> {
        let table = tables.get(&name)?;
        Some(Rows { name, table })
    }

    /// The columns of these names in each row; the first name of each that the table has.
    fn each<const N: usize>(
        &self,
        columns: [&[&str]; N],
        bad: &mut Vec<BadLine>,
        mut take: impl FnMut([&'t str; N]) -> Result<(), String>,
    ) {
        let places = columns.map(|names| self.table.place(names));
        if places[0].is_none() && !self.table.rows.is_empty() {
            bad.push(self.bad(0, format!("has no column {}", columns[0].join(" or "))));
            return;
        }
        for (line, cells) in &self.table.rows {
            let cell = |place: Option<usize>| {
                let text = place.and_then(|place| cells.get(place)?.as_deref());
                text.unwrap_or("").trim()
            };
            if let Err(reason) = take(places.map(cell)) {
                bad.push(self.bad(*line, reason));
            }
        }
    }

    fn bad(&self, line: usize, reason: String) -> BadLine {
        BadLine {
            line,
            reason: format!("table {}: {reason}", self.name),
        }
    }
}

/// Parties on their way: what an id of the database stands for.
#[derive(Default)]
struct Found {
    parties: Vec<Party>,
    /// By name: the place, and the handle it has in a registry.
    names: BTreeMap<String, (usize, String)>,
    /// By ending of the tables and id.
    ids: BTreeMap<(&'static str, String), usize>,
    /// Which places a table filled: two rows of one are two organizations, whatever they are called.
    filled: BTreeSet<(&'static str, usize)>,
}

impl Found {
    fn add(&mut self, ending: &'static str, id: &str, name: &str, handle: &str) {
        let differs = |known: &str| !known.is_empty() && !handle.is_empty() && known != handle;
        let known = self.names.get(name);
        let same =
            known.filter(|(at, known)| !differs(known) && !self.filled.contains(&(ending, *at)));
        if let Some((at, _)) = same {
            self.filled.insert((ending, *at));
            self.ids.insert((ending, id.to_owned()), *at);
            return;
        }
        let by_handle = format!("{name} ({handle})");
        let told = match known {
            None => name.to_owned(),
            Some(_) if !handle.is_empty() && !self.names.contains_key(&by_handle) => by_handle,
            Some(_) => format!("{name} (organisation{ending} {id})"),
        };
        let at = self.parties.len();
        self.filled.insert((ending, at));
        self.parties.push(Party {
            name_en: told.clone(),
            name_zh: told.clone(),
            ..Party::default()
        });
        self.names.entry(told).or_insert((at, handle.to_owned()));
        self.ids.insert((ending, id.to_owned()), at);
    }

    fn party(&mut self, ending: &'static str, id: &str) -> Result<&mut Party, String> {
        let at = self.ids.get(&(ending, id.to_owned()));
        let at =
            at.ok_or_else(|| format!("organisation {id} is not in table organisation{ending}"))?;
        Ok(&mut self.parties[*at])
    }

    fn answers(
        &mut self,
        (ending, id): (&'static str, &str),
        (role, scope): (Role, Scope),
        value: String,
    ) -> Result<(), String> {
        let party = self.party(ending, id)?;
        party.roles.insert(role);
        party.responsible.insert((scope, value));
        Ok(())
    }
}

/// What the rows of a table of things are, by their ids.
fn things<'t>(
    tables: &'t Tables,
    name: &str,
    ending: &str,
    column: &[&str],
    bad: &mut Vec<BadLine>,
) -> BTreeMap<&'t str, &'t str> {
    let mut all = BTreeMap::new();
    let (own, plain) = (format!("{name}{ending}_id"), format!("{name}_id"));
    if let Some(rows) = Rows::of(tables, format!("{name}{ending}")) {
        rows.each(
            [&[own.as_str(), plain.as_str(), "id"], column],
            bad,
            |[id, value]| {
                all.insert(id, value);
                Ok(())
            },
        );
    }
    all
}

/// Reads tables of the database.
pub fn read(tables: &Tables) -> (Vec<Party>, Vec<BadLine>) {
    let (mut found, mut bad) = (Found::default(), Vec::new());
    if !KEPT
        .iter()
        .any(|(ending, _)| tables.contains_key(&format!("organisation{ending}")))
    {
        let names: Vec<&str> = tables.keys().map(String::as_str).collect();
        let reason = format!(
            "has no table organisation: dump the whole contact database by `pg_dump --data-only`; its tables are {}",
            names.join(", ")
        );
        return (Vec::new(), vec![BadLine { line: 0, reason }]);
    }
    let mut off = BTreeSet::new();
    if let Some(rows) = Rows::of(tables, "email_status".to_owned()) {
        rows.each([&["email"], &["enabled"]], &mut bad, |[email, enabled]| {
            if matches!(enabled, "f" | "false" | "False" | "0") {
                off.insert(email.to_lowercase());
            }
            Ok(())
        });
    }
    for (ending, rung) in KEPT {
        let own = format!("organisation{ending}_id");
        let id: &[&str] = &[own.as_str(), "organisation_id", "id"];
        if let Some(rows) = Rows::of(tables, format!("organisation{ending}")) {
            rows.each(
                [id, &["name"], &["ripe_org_hdl"]],
                &mut bad,
                |[id, name, handle]| {
                    if name.is_empty() {
                        return Err(format!("organisation {id} has no name"));
                    }
                    found.add(ending, id, name, handle);
                    Ok(())
                },
            );
        }
        // A thing of a registry's import has ids of its own.
        let id: &[&str] = &[own.as_str(), "organisation_id"];
        if let Some(rows) = Rows::of(tables, format!("contact{ending}")) {
            rows.each([id, &["email"]], &mut bad, |[id, email]| {
                let address = email.to_lowercase();
                if off.contains(&address) {
                    return Ok(());
                }
                if !is_mailbox(&address) {
                    return Err(format!("`{email}` is no mail address"));
                }
                let party = found.party(ending, id)?;
                if party.contacts.iter().all(|known| known.address != address) {
                    party.contacts.push(PartyContact {
                        channel: Channel::Mail,
                        address,
                        format: None,
                        rung,
                        hours: None,
                    });
                }
                Ok(())
            });
        }
        let numbers = things(
            tables,
            "autonomous_system",
            ending,
            &["number", "asn"],
            &mut bad,
        );
        let networks = things(tables, "network", ending, &["address", "cidr"], &mut bad);
        let names = things(tables, "fqdn", ending, &["fqdn"], &mut bad);
        if let Some(rows) = Rows::of(tables, format!("organisation_to_asn{ending}")) {
            let by_id = format!("autonomous_system{ending}_id");
            let asn: &[&str] = &["asn", by_id.as_str(), "asn_id", "autonomous_system_id"];
            rows.each([id, asn], &mut bad, |[id, asn]| {
                let number = numbers.get(asn).copied().unwrap_or(asn);
                let number: u32 = number
                    .trim_start_matches("AS")
                    .parse()
                    .map_err(|_| format!("`{number}` is no AS number"))?;
                let what = (Role::NetworkOperator, Scope::Asn);
                found.answers((ending, id), what, number.to_string())
            });
        }
        if let Some(rows) = Rows::of(tables, format!("organisation_to_network{ending}")) {
            let by_id = format!("network{ending}_id");
            let network: &[&str] = &[by_id.as_str(), "network_id"];
            rows.each([id, network], &mut bad, |[id, network]| {
                let address = networks
                    .get(network)
                    .ok_or_else(|| format!("network {network} is not in table network{ending}"))?;
                let single = address.parse::<std::net::IpAddr>().map(ipnet::IpNet::from);
                let prefix = single.or_else(|_| address.parse::<ipnet::IpNet>());
                let prefix = prefix.map_err(|_| format!("`{address}` is no network"))?;
                let what = (Role::NetworkOperator, Scope::Prefix);
                found.answers((ending, id), what, prefix.trunc().to_string())
            });
        }
        if let Some(rows) = Rows::of(tables, format!("organisation_to_fqdn{ending}")) {
            let by_id = format!("fqdn{ending}_id");
            let fqdn: &[&str] = &[by_id.as_str(), "fqdn_id"];
            rows.each([id, fqdn], &mut bad, |[id, fqdn]| {
                let name = names
                    .get(fqdn)
                    .ok_or_else(|| format!("fqdn {fqdn} is not in table fqdn{ending}"))?;
                let name = name.trim_end_matches('.').to_lowercase();
                let odd = |c: char| c.is_whitespace() || c.is_control() || "/:@*".contains(c);
                if name.is_empty() || name.contains(odd) {
                    return Err(format!("`{name}` is no host name"));
                }
                found.answers((ending, id), (Role::SiteOwner, Scope::Domain), name)
            });
        }
        if let Some(rows) = Rows::of(tables, format!("national_cert{ending}")) {
            rows.each([id, &["country_code"]], &mut bad, |[id, country]| {
                let country = country.to_ascii_uppercase();
                if country.len() != 2 || !country.bytes().all(|byte| byte.is_ascii_uppercase()) {
                    return Err(format!("`{country}` is no country code of two letters"));
                }
                found.party(ending, id)?.country = Some(country.clone());
                found.answers((ending, id), (Role::OverseasCert, Scope::Country), country)
            });
        }
    }
    for name in ANNOTATIONS {
        if let Some(rows) = Rows::of(tables, name.to_owned())
            && let Some((line, _)) = rows.table.rows.first()
        {
            let n = rows.table.rows.len();
            let why = format!(
                "{n} annotations are not taken over: say by `watchfire orgs mark` whom not to write to"
            );
            bad.push(rows.bad(*line, why));
        }
    }
    bad.sort_by_key(|bad| bad.line);
    (found.parties, bad)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DUMP: &str = "\
COPY public.sector (sector_id, name) FROM stdin;
1\tEnergy
\\.
COPY public.organisation (organisation_id, name, sector_id, comment, ripe_org_hdl, ti_handle, first_handle) FROM stdin;
1\tExample Net\t1\t\tORG-EX1-TEST\t\t
2\tCERT of Utopia\t\\N\t\t\t\t
3\t\t\\N\t\t\t\t
\\.
COPY public.organisation_automatic (organisation_automatic_id, name, sector_id, comment, ripe_org_hdl, ti_handle, first_handle, import_source, import_time) FROM stdin;
1\tExample Net\t\\N\t\tORG-EX1-TEST\t\t\tripe\t2026-01-01 00:00:00
2\tExample Net\t\\N\t\tORG-EX2-TEST\t\t\tripe\t2026-01-01 00:00:00
\\.
COPY public.contact (contact_id, firstname, lastname, tel, openpgp_fpr, email, comment, organisation_id) FROM stdin;
1\t\t\t\t\tAbuse@example.net\t\t1
2\t\t\t\t\told@example.net\t\t1
3\t\t\t\t\tby telephone\t\t2
4\t\t\t\t\tduty@example.org\t\t9
\\.
COPY public.contact_automatic (contact_automatic_id, firstname, lastname, tel, openpgp_fpr, email, comment, import_source, import_time, organisation_automatic_id) FROM stdin;
1\t\t\t\t\tnoc@example.net\t\tripe\t2026-01-01 00:00:00\t1
\\.
COPY public.network (network_id, address, comment) FROM stdin;
1\t192.0.2.0/24\t
\\.
COPY public.network_automatic (network_automatic_id, address, comment, import_source, import_time) FROM stdin;
1\t2001:db8::/32\t\tripe\t2026-01-01 00:00:00
\\.
COPY public.fqdn (fqdn_id, fqdn, comment) FROM stdin;
1\tWWW.example.net.\t
\\.
COPY public.organisation_to_asn (organisation_id, asn) FROM stdin;
1\t64496
\\.
COPY public.organisation_to_network (organisation_id, network_id) FROM stdin;
1\t1
1\t7
\\.
COPY public.organisation_to_network_automatic (organisation_automatic_id, network_automatic_id, import_source, import_time) FROM stdin;
2\t1\tripe\t2026-01-01 00:00:00
\\.
COPY public.organisation_to_fqdn (organisation_id, fqdn_id) FROM stdin;
1\t1
\\.
COPY public.national_cert (national_cert_id, country_code, comment, organisation_id) FROM stdin;
1\tut\t\t2
\\.
COPY public.email_status (email, enabled, added) FROM stdin;
old@example.net\tf\t2026-01-01 00:00:00+00
\\.
COPY public.network_annotation (network_annotation_id, network_id, annotation) FROM stdin;
1\t1\t{\"tag\": \"daily\"}
\\.
";

    #[test]
    fn organizations_come_with_contacts_and_all_that_they_answer_for() {
        let (parties, bad) = read_dump(DUMP.as_bytes());
        let names: Vec<_> = parties.iter().map(|one| one.name_en.as_str()).collect();
        assert_eq!(
            names,
            [
                "Example Net",
                "CERT of Utopia",
                "Example Net (ORG-EX2-TEST)"
            ]
        );
        let net = &parties[0];
        let contacts: Vec<_> = net
            .contacts
            .iter()
            .map(|one| (one.address.as_str(), one.rung))
            .collect();
        assert_eq!(
            contacts,
            [
                ("abuse@example.net", Rung::Agreed),
                ("noc@example.net", Rung::Rdap)
            ]
        );
        let duties: Vec<_> = net
            .responsible
            .iter()
            .map(|(scope, value)| format!("{scope} {value}"))
            .collect();
        assert_eq!(
            duties,
            ["prefix 192.0.2.0/24", "asn 64496", "domain www.example.net"]
        );
        assert!(net.roles.contains(&Role::NetworkOperator) && net.roles.contains(&Role::SiteOwner));
        assert_eq!(parties[1].country.as_deref(), Some("UT"));
        assert!(
            parties[2]
                .responsible
                .contains(&(Scope::Prefix, "2001:db8::/32".to_owned()))
        );
        let told: Vec<_> = bad.iter().map(|bad| bad.reason.as_str()).collect();
        assert_eq!(
            told,
            [
                "table organisation: organisation 3 has no name",
                "table contact: `by telephone` is no mail address",
                "table contact: organisation 9 is not in table organisation",
                "table organisation_to_network: network 7 is not in table network",
                "table network_annotation: 1 annotations are not taken over: say by `watchfire orgs mark` whom not to write to",
            ]
        );
        assert_eq!(bad[0].line, 7);
    }

    #[test]
    fn a_csv_a_table_says_the_same_and_what_is_no_such_database_is_refused() {
        let csv = |text: &str| table_of_csv(text.as_bytes()).unwrap();
        let tables = Tables::from([
            (
                "organisation".to_owned(),
                csv("organisation_id,name\n1,\"Example, Net\"\n"),
            ),
            (
                "contact".to_owned(),
                csv("email,organisation_id\nabuse@example.net,1\n"),
            ),
            (
                "organisation_to_asn".to_owned(),
                csv("organisation_id,asn\n1,AS64496\n"),
            ),
        ]);
        let (parties, bad) = read(&tables);
        assert_eq!(bad, []);
        assert_eq!(parties[0].name_en, "Example, Net");
        assert!(
            parties[0]
                .responsible
                .contains(&(Scope::Asn, "64496".to_owned()))
        );
        assert!(
            table_of_csv(b"a,b\n1,2\n3\n")
                .unwrap_err()
                .contains("row 2")
        );
        let (none, bad) = read_dump(b"COPY users (id) FROM stdin;\n1\n\\.\n");
        assert!(none.is_empty() && bad[0].reason.contains("has no table organisation"));
        let nameless = Tables::from([("organisation".to_owned(), csv("key,title\n1,x\n"))]);
        let (_, bad) = read(&nameless);
        assert!(
            bad[0].reason.contains("has no column organisation_id"),
            "{bad:?}"
        );
    }
}
