//! Writes X-ARF reports of version 4 (schemas 4.2.0), one JSON document a report.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::time::Timestamp;
use serde_json::{Map, Value as Json, json};

/// The version of the schemas that are written.
const VERSION: &str = "4.2.0";
/// The longest description that the core schema takes, in characters.
const LONGEST_DESCRIPTION: usize = 1000;

/// Who owns or transmits a report; all three are mandatory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Party {
    /// Name of the organization, at most 200 characters are written.
    pub org: String,
    /// Mail address.
    pub contact: String,
    /// Domain by which it can be checked.
    pub domain: String,
}

/// What a report is about: category, type and the members that the type's own schema demands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// content / phishing, at this URL.
    Phishing(String),
    /// content / malware, at this URL.
    Malware(String),
    /// infrastructure / botnet: a control server if its address is given, else an infected host.
    Botnet {
        /// Address of the control server.
        control: Option<String>,
        /// What tells that it is one.
        evidence: String,
    },
    /// infrastructure / compromised_server.
    CompromisedServer {
        /// How, as far as it is known.
        method: String,
    },
    /// vulnerability / misconfiguration or open to the world.
    Misconfiguration {
        /// The service, `unknown` where nothing tells.
        service: String,
    },
    /// messaging / spam by a protocol that is not said: what SMTP's schema demands is not known.
    Spam,
    /// reputation / threat_intelligence: what no other type says truly.
    Threat,
}

/// A piece of evidence that travels inside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// MIME type.
    pub content_type: String,
    /// What it is.
    pub description: String,
    /// The bytes; the schema takes 5 MiB.
    pub bytes: Vec<u8>,
}

/// One report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Its id; written as a UUID of version 4, whose version and variant bits are set here.
    pub id: [u8; 16],
    /// When what is reported happened.
    pub at: Timestamp,
    /// Whose complaint it is.
    pub reporter: Party,
    /// Who sends it.
    pub sender: Party,
    /// The address, host or other name that is complained about.
    pub source: String,
    /// Its port.
    pub port: Option<u16>,
    /// What it is.
    pub kind: Kind,
    /// First and last time it was seen.
    pub seen: Option<(Timestamp, Timestamp)>,
    /// A sentence for people.
    pub description: String,
    /// `namespace:word`; what has another form is left out, as the schema refuses it.
    pub tags: Vec<String>,
    /// Evidence; the first 50 pieces are written.
    pub evidence: Vec<Evidence>,
}

/// The report as a JSON document. There is no `_internal`: it must never be transmitted.
pub fn write(report: &Report) -> String {
    let mut out = Map::new();
    let mut put = |name: &str, value: Json| {
        out.insert(name.to_owned(), value);
    };
    put("xarf_version", json!(VERSION));
    put("report_id", json!(uuid4(report.id)));
    put("timestamp", json!(report.at.to_string()));
    put("reporter", party(&report.reporter));
    put("sender", party(&report.sender));
    put("source_identifier", json!(report.source));
    if let Some(port) = report.port.filter(|port| *port > 0) {
        put("source_port", json!(port));
    }
    let (category, kind) = match &report.kind {
        Kind::Phishing(_) => ("content", "phishing"),
        Kind::Malware(_) => ("content", "malware"),
        Kind::Botnet { .. } => ("infrastructure", "botnet"),
        Kind::CompromisedServer { .. } => ("infrastructure", "compromised_server"),
        Kind::Misconfiguration { .. } => ("vulnerability", "misconfiguration"),
        Kind::Spam => ("messaging", "spam"),
        Kind::Threat => ("reputation", "threat_intelligence"),
    };
    put("category", json!(category));
    put("type", json!(kind));
    match &report.kind {
        Kind::Phishing(url) | Kind::Malware(url) => put("url", json!(url)),
        Kind::Botnet { control, evidence } => {
            if let Some(control) = control {
                put("c2_server", json!(control));
            }
            put("compromise_evidence", json!(evidence));
        }
        Kind::CompromisedServer { method } => put("compromise_method", json!(method)),
        Kind::Misconfiguration { service } => put("service", json!(service)),
        Kind::Spam => put("protocol", json!("other")),
        Kind::Threat => put("threat_type", json!("other")),
    }
    if let Some((first, last)) = report.seen {
        put("first_seen", json!(first.to_string()));
        put("last_seen", json!(last.to_string()));
    }
    if !report.description.is_empty() {
        let text: String = report
            .description
            .chars()
            .take(LONGEST_DESCRIPTION)
            .collect();
        put("description", json!(text));
    }
    let tags: Vec<&String> = report
        .tags
        .iter()
        .filter(|tag| is_tag(tag))
        .take(20)
        .collect();
    if !tags.is_empty() {
        put("tags", json!(tags));
    }
    if !report.evidence.is_empty() {
        let evidence: Vec<Json> = report.evidence.iter().take(50).map(piece).collect();
        put("evidence", json!(evidence));
    }
    let mut text = serde_json::to_string_pretty(&Json::Object(out)).unwrap_or_default();
    text.push('\n');
    text
}

fn party(party: &Party) -> Json {
    let org: String = party.org.chars().take(200).collect();
    json!({ "org": org, "contact": party.contact, "domain": party.domain })
}

fn piece(evidence: &Evidence) -> Json {
    let description: String = evidence.description.chars().take(500).collect();
    json!({
        "content_type": evidence.content_type,
        "description": description,
        "payload": STANDARD.encode(&evidence.bytes),
        "size": evidence.bytes.len(),
    })
}

fn is_tag(tag: &str) -> bool {
    let part = |text: &str| {
        let mut bytes = text.bytes();
        bytes
            .next()
            .is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
            && bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_+-".contains(&b))
    };
    tag.split_once(':')
        .is_some_and(|(space, word)| part(space) && part(word))
}

/// Sixteen bytes as the text of a UUID of version 4 (RFC 9562).
pub(crate) fn uuid4(mut bytes: [u8; 16]) -> String {
    use std::fmt::Write as _;
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let mut text = String::with_capacity(36);
    for (at, byte) in bytes.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_tags_have_the_form_that_the_schema_demands() {
        assert_eq!(uuid4([0xff; 16]), "ffffffff-ffff-4fff-bfff-ffffffffffff");
        assert!(is_tag("watchfire:inc-1") && !is_tag("Watchfire:x") && !is_tag("x"));
    }
}
