//! Writes a STIX 2.1 bundle: who says it, how far it may go, and an indicator with its sighting for every
//! finding. Observables are said by patterns, so that no identifier depends on another object's.
//!
//! Markings are those of TLP 2.0, which the core of STIX 2.1 does not know: each object refers to a marking
//! definition of the extension, and the definition travels with it.

use std::net::IpAddr;

use model::time::Timestamp;
use model::tlp::Tlp;
use serde_json::{Value as Json, json};

use crate::xarf::write::uuid4;

/// The extension that holds TLP 2.0.
const EXTENSION: &str = "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d";

/// What a bundle says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle {
    /// Sixteen bytes from which all ids follow: the same bytes give the same ids, so that a bundle that is
    /// sent again says nothing new.
    pub id: [u8; 16],
    /// When it was made.
    pub created_at: Timestamp,
    /// Name of who says it.
    pub creator: String,
    /// Sixteen bytes that stand for who says it, for all bundles.
    pub creator_id: [u8; 16],
    /// How far it may go on.
    pub tlp: Tlp,
    /// What was found.
    pub findings: Vec<Finding>,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// A short title.
    pub name: String,
    /// A sentence.
    pub description: String,
    /// `indicator_types`: `malicious-activity`, `compromised` and the like.
    pub kind: &'static str,
    /// First and last time it was seen.
    pub seen: (Timestamp, Timestamp),
    /// How often.
    pub count: u64,
    /// URL.
    pub url: Option<String>,
    /// Host name.
    pub host: Option<String>,
    /// Address.
    pub ip: Option<IpAddr>,
    /// Port at that address.
    pub port: Option<u16>,
    /// Hash of a file, hexadecimal.
    pub hash: Option<String>,
    /// The number under which it is handled, and who gave it.
    pub reference: Option<(String, String)>,
}

/// The bundle as a JSON document. A finding that names nothing is left out.
pub fn write(bundle: &Bundle) -> String {
    let marking = marking(bundle.tlp);
    let marked = json!([marking["id"]]);
    let created = instant(bundle.created_at);
    let identity = format!("identity--{}", uuid4(bundle.creator_id));
    let mut objects = vec![
        marking,
        json!({
            "type": "identity", "spec_version": "2.1", "id": identity,
            "created": created, "modified": created,
            "name": bundle.creator, "identity_class": "organization",
            "object_marking_refs": marked,
        }),
    ];
    for (at, finding) in bundle.findings.iter().enumerate() {
        let Some(pattern) = pattern(finding) else {
            continue;
        };
        let indicator = format!("indicator--{}", derived(bundle.id, "indicator", at));
        let (first, last) = (finding.seen.0, finding.seen.1.max(finding.seen.0));
        let mut object = json!({
            "type": "indicator", "spec_version": "2.1", "id": indicator,
            "created_by_ref": identity, "created": created, "modified": created,
            "name": finding.name, "description": finding.description,
            "indicator_types": [finding.kind],
            "pattern": pattern, "pattern_type": "stix", "pattern_version": "2.1",
            "valid_from": instant(first),
            "object_marking_refs": marked,
        });
        if let Some((number, source)) = &finding.reference {
            object["external_references"] =
                json!([{ "source_name": source, "external_id": number }]);
        }
        objects.push(object);
        objects.push(json!({
            "type": "sighting", "spec_version": "2.1",
            "id": format!("sighting--{}", derived(bundle.id, "sighting", at)),
            "created_by_ref": identity, "created": created, "modified": created,
            "first_seen": instant(first), "last_seen": instant(last),
            "count": finding.count.clamp(1, 999_999_999),
            "sighting_of_ref": indicator,
            "where_sighted_refs": [identity],
            "object_marking_refs": marked,
        }));
    }
    let whole = json!({
        "type": "bundle",
        "id": format!("bundle--{}", uuid4(bundle.id)),
        "objects": objects,
    });
    let mut text = serde_json::to_string_pretty(&whole).unwrap_or_default();
    text.push('\n');
    text
}

/// The marking definition of a TLP 2.0 label.
fn marking(tlp: Tlp) -> Json {
    let (id, label) = match tlp {
        Tlp::Clear => ("94868c89-83c2-464b-929b-a1a8aa3c8487", "clear"),
        Tlp::Green => ("bab4a63c-aed9-4cf5-a766-dfca5abac2bb", "green"),
        Tlp::Amber => ("55d920b0-5e8b-4f79-9ee9-91f868d9b421", "amber"),
        Tlp::AmberStrict => ("939a9414-2ddd-4d32-a0cd-375ea402b003", "amber+strict"),
        Tlp::Red => ("e828b379-4e03-4974-9ac4-e53a884c97c1", "red"),
    };
    json!({
        "type": "marking-definition", "spec_version": "2.1",
        "id": format!("marking-definition--{id}"),
        "created": "2022-10-01T00:00:00.000Z",
        "name": format!("TLP:{}", label.to_uppercase()),
        "extensions": { EXTENSION: { "extension_type": "property-extension", "tlp_2_0": label } },
    })
}

/// RFC 3339 with exactly three decimals, as `created` and `modified` need.
fn instant(at: Timestamp) -> String {
    at.to_jiff()
        .map(|at| at.to_zoned_datetime(jiff::tz::TimeZone::UTC))
        .map_or_else(String::new, |at| {
            at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
        })
}

fn derived(id: [u8; 16], kind: &str, at: usize) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher
        .update(&id)
        .update(kind.as_bytes())
        .update(&(at as u64).to_le_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    uuid4(bytes)
}

fn pattern(finding: &Finding) -> Option<String> {
    let test = |path: &str, value: &str| format!("{path} = '{}'", quoted(value));
    if let Some(url) = &finding.url {
        return Some(format!("[{}]", test("url:value", url)));
    }
    let mut tests = Vec::new();
    if let Some(host) = &finding.host {
        tests.push(test("domain-name:value", host));
    }
    if let Some(ip) = finding.ip {
        let family = if ip.is_ipv4() {
            "ipv4-addr"
        } else {
            "ipv6-addr"
        };
        let ip = ip.to_string();
        tests.push(match finding.port {
            Some(port) => format!(
                "{} AND network-traffic:dst_port = {port}",
                test("network-traffic:dst_ref.value", &ip),
            ),
            None => test(&format!("{family}:value"), &ip),
        });
    }
    if let Some(hash) = &finding.hash {
        let function = match hash.len() {
            32 => Some("MD5"),
            40 => Some("'SHA-1'"),
            64 => Some("'SHA-256'"),
            128 => Some("'SHA-512'"),
            _ => None,
        };
        tests.extend(function.map(|name| test(&format!("file:hashes.{name}"), hash)));
    }
    let observed: Vec<String> = tests.iter().map(|test| format!("[{test}]")).collect();
    (!observed.is_empty()).then(|| observed.join(" OR "))
}

/// What an entry of a block list names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Blocked {
    /// A host name.
    Domain(String),
    /// An address of the web.
    Url(String),
    /// A prefix of internet addresses: its first address and its length.
    Network(IpAddr, u8),
}

/// One entry of a block list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListEntry {
    /// Sixteen bytes that stand for the entry in every bundle that ever names it.
    pub id: [u8; 16],
    /// What it names.
    pub blocked: Blocked,
    /// A short title.
    pub name: String,
    /// A sentence.
    pub description: String,
    /// `indicator_types`: `malicious-activity`, `compromised` and the like.
    pub kind: &'static str,
    /// When it was put on the list.
    pub created_at: Timestamp,
    /// When it was last changed: two versions never have the same.
    pub modified_at: Timestamp,
    /// When it ends.
    pub valid_until: Timestamp,
    /// Whether it was taken off.
    pub revoked: bool,
    /// The number under which it is handled, and who gave it.
    pub reference: Option<(String, String)>,
}

/// A block list as a bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockList {
    /// Sixteen bytes that stand for this publication.
    pub id: [u8; 16],
    /// When it was made.
    pub created_at: Timestamp,
    /// Name of who says it.
    pub creator: String,
    /// Sixteen bytes that stand for who says it, for all bundles.
    pub creator_id: [u8; 16],
    /// When its identity was first said; the same in all bundles.
    pub creator_at: Timestamp,
    /// How to have an entry taken off.
    pub contact: String,
    /// What a reader must know of the list: marking, licence, serial, count, expiry.
    pub note: String,
    /// How far it may go on.
    pub tlp: Tlp,
    /// The entries, those that were taken off among them.
    pub entries: Vec<ListEntry>,
}

/// A block list as a JSON document: an indicator an entry with its end, and one that was taken off as a
/// revoked version of itself, so that whoever has it from an earlier bundle drops it.
pub fn write_list(list: &BlockList) -> String {
    let marking = marking(list.tlp);
    let marked = json!([marking["id"]]);
    let identity = format!("identity--{}", uuid4(list.creator_id));
    let (created, first) = (instant(list.created_at), instant(list.creator_at));
    let mut objects = vec![
        marking,
        json!({
            "type": "identity", "spec_version": "2.1", "id": identity,
            "created": first, "modified": first,
            "name": list.creator, "identity_class": "organization",
            "contact_information": list.contact,
            "object_marking_refs": marked,
        }),
        json!({
            "type": "note", "spec_version": "2.1",
            "id": format!("note--{}", derived(list.id, "note", 0)),
            "created_by_ref": identity, "created": created, "modified": created,
            "content": list.note, "object_refs": [identity],
            "object_marking_refs": marked,
        }),
    ];
    for entry in &list.entries {
        let modified = entry.modified_at.max(entry.created_at);
        let mut object = json!({
            "type": "indicator", "spec_version": "2.1",
            "id": format!("indicator--{}", uuid4(entry.id)),
            "created_by_ref": identity,
            "created": instant(entry.created_at), "modified": instant(modified),
            "name": entry.name, "description": entry.description,
            "indicator_types": [entry.kind],
            "pattern": blocked(&entry.blocked), "pattern_type": "stix", "pattern_version": "2.1",
            "valid_from": instant(entry.created_at),
            "object_marking_refs": marked,
        });
        // Where it ends no later than it begins, the standard allows no end.
        if entry.valid_until > entry.created_at {
            object["valid_until"] = json!(instant(entry.valid_until));
        }
        if entry.revoked {
            object["revoked"] = json!(true);
        }
        if let Some((number, source)) = &entry.reference {
            object["external_references"] =
                json!([{ "source_name": source, "external_id": number }]);
        }
        objects.push(object);
    }
    let whole = json!({
        "type": "bundle",
        "id": format!("bundle--{}", uuid4(list.id)),
        "objects": objects,
    });
    let mut text = serde_json::to_string_pretty(&whole).unwrap_or_default();
    text.push('\n');
    text
}

fn blocked(what: &Blocked) -> String {
    match what {
        Blocked::Domain(name) => format!("[domain-name:value = '{}']", quoted(name)),
        Blocked::Url(url) => format!("[url:value = '{}']", quoted(url)),
        Blocked::Network(ip, length) => {
            let (family, whole) = match ip {
                IpAddr::V4(_) => ("ipv4-addr", 32),
                IpAddr::V6(_) => ("ipv6-addr", 128),
            };
            match *length == whole {
                true => format!("[{family}:value = '{ip}']"),
                false => format!("[{family}:value ISSUBSET '{ip}/{length}']"),
            }
        }
    }
}

/// Quotes and backslashes are escaped in the constants of patterns; a control character cannot stand in one.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars().filter(|c| !c.is_control()) {
        if matches!(c, '\\' | '\'') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}
