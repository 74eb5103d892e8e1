//! Writes IODEF version 2 (RFC 7970). The schema fixes the order of an element's children; it is kept here by
//! the order of the calls.

use std::net::IpAddr;

use model::time::Timestamp;
use model::tlp::Tlp;
use quick_xml::Writer;
use quick_xml::escape::escape;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};

/// What an IODEF document says: one incident an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Language tag of the texts: `zh` or `en`.
    pub language: &'static str,
    /// Domain that gave the incidents their numbers.
    pub issuer: String,
    /// When the document was made.
    pub generated_at: Timestamp,
    /// Who made it.
    pub creator: Creator,
    /// How far it may go on.
    pub tlp: Tlp,
    /// The incidents; the schema wants at least one.
    pub incidents: Vec<Incident>,
}

/// Who made a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Creator {
    /// Name of the organization.
    pub name: String,
    /// Mail address.
    pub mail: String,
    /// Telephone.
    pub phone: Option<String>,
}

/// What a system is to an incident (RFC 7970 section 3.17).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// It attacks, offers or commands.
    Source,
    /// It suffers.
    Target,
}

/// One incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incident {
    /// Its number.
    pub number: String,
    /// What it is.
    pub description: String,
    /// What its category is called.
    pub category: String,
    /// First and last time it was seen.
    pub seen: (Timestamp, Timestamp),
    /// How often.
    pub count: u64,
    /// What the system is to it.
    pub part: Part,
    /// Role of the system: a value of `NodeRole@category`, where one fits.
    pub role: Option<&'static str>,
    /// URL.
    pub url: Option<String>,
    /// Host name.
    pub host: Option<String>,
    /// Address.
    pub ip: Option<IpAddr>,
    /// TCP port, or one whose protocol is not known.
    pub port: Option<u16>,
    /// Hash of a file, hexadecimal; MD5, SHA-1, SHA-256 and SHA-512 by their length.
    pub hash: Option<String>,
    /// What is asked for.
    pub asked: Option<String>,
    /// By when.
    pub asked_by: Option<Timestamp>,
}

/// The document. Characters that XML cannot hold are left out.
pub fn write(document: &Document) -> String {
    let mut out = Out(Writer::new_with_indent(Vec::new(), b' ', 2));
    out.event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)));
    let root = [
        ("version", "2.00"),
        ("xml:lang", document.language),
        ("xmlns", "urn:ietf:params:xml:ns:iodef-2.0"),
        ("xmlns:ds", "http://www.w3.org/2000/09/xmldsig#"),
    ];
    out.within("IODEF-Document", &root, |out| {
        for incident in &document.incidents {
            out.incident(document, incident);
        }
    });
    let mut text = String::from_utf8(out.0.into_inner()).unwrap_or_default();
    text.push('\n');
    text
}

/// `restriction` of a marking. RFC 7970 knows the colors of TLP 1; AMBER+STRICT has none and is said as an
/// extended value, never as plain amber.
fn restriction(tlp: Tlp) -> Vec<(&'static str, &'static str)> {
    match tlp {
        Tlp::Clear => vec![("restriction", "white")],
        Tlp::Green => vec![("restriction", "green")],
        Tlp::Amber => vec![("restriction", "amber")],
        Tlp::AmberStrict => vec![
            ("restriction", "ext-value"),
            ("ext-restriction", "amber+strict"),
        ],
        Tlp::Red => vec![("restriction", "red")],
    }
}

struct Out(Writer<Vec<u8>>);

impl Out {
    /// Writing to memory does not fail.
    fn event(&mut self, event: Event<'_>) {
        let _ = self.0.write_event(event);
    }

    fn start(name: &str, attributes: &[(&str, &str)]) -> BytesStart<'static> {
        let mut start = BytesStart::new(name.to_owned());
        for (key, value) in attributes {
            let value = legal(value);
            start.push_attribute((*key, value.as_str()));
        }
        start
    }

    fn within(&mut self, name: &str, attributes: &[(&str, &str)], inner: impl FnOnce(&mut Out)) {
        self.event(Event::Start(Self::start(name, attributes)));
        inner(self);
        self.event(Event::End(BytesEnd::new(name)));
    }

    fn empty(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.event(Event::Empty(Self::start(name, attributes)));
    }

    fn text(&mut self, name: &str, attributes: &[(&str, &str)], text: &str) {
        let text = legal(text);
        self.event(Event::Start(Self::start(name, attributes)));
        self.event(Event::Text(BytesText::from_escaped(escape(text.as_str()))));
        self.event(Event::End(BytesEnd::new(name)));
    }

    fn incident(&mut self, document: &Document, incident: &Incident) {
        let mut attributes = vec![("purpose", "mitigation"), ("xml:lang", document.language)];
        attributes.extend(restriction(document.tlp));
        self.within("Incident", &attributes, |out| {
            out.text(
                "IncidentID",
                &[("name", &document.issuer)],
                &incident.number,
            );
            let (first, last) = incident.seen;
            out.text("DetectTime", &[], &first.to_string());
            out.text("StartTime", &[], &first.to_string());
            out.text("EndTime", &[], &last.max(first).to_string());
            out.text("GenerationTime", &[], &document.generated_at.to_string());
            out.text("Description", &[], &incident.description);
            out.within("Assessment", &[("occurrence", "actual")], |out| {
                out.text("IncidentCategory", &[], &incident.category);
                out.empty("SystemImpact", &[("type", "unknown")]);
            });
            out.contact(&document.creator);
            out.event_data(incident);
        });
    }

    fn contact(&mut self, creator: &Creator) {
        let attributes = [("role", "creator"), ("type", "organization")];
        self.within("Contact", &attributes, |out| {
            out.text("ContactName", &[], &creator.name);
            out.within("Email", &[], |out| out.text("EmailTo", &[], &creator.mail));
            if let Some(phone) = &creator.phone {
                out.within("Telephone", &[], |out| {
                    out.text("TelephoneNumber", &[], phone);
                });
            }
        });
    }

    fn event_data(&mut self, incident: &Incident) {
        self.within("EventData", &[], |out| {
            let named = [
                incident.url.is_some(),
                incident.host.is_some(),
                incident.ip.is_some(),
            ];
            if named.contains(&true) {
                out.within("Flow", &[], |out| out.system(incident));
            }
            if let Some(asked) = &incident.asked {
                out.within("Expectation", &[("action", "remediate-other")], |out| {
                    out.text("Description", &[], asked);
                    if let Some(by) = incident.asked_by {
                        out.text("EndTime", &[], &by.to_string());
                    }
                });
            }
            if let Some(hash) = &incident.hash {
                out.hash(hash);
            }
        });
    }

    fn system(&mut self, incident: &Incident) {
        let category = match incident.part {
            Part::Source => "source",
            Part::Target => "target",
        };
        self.within("System", &[("category", category)], |out| {
            out.within("Node", &[], |out| {
                if let Some(host) = &incident.host {
                    let unknown = [("system-status", "unknown"), ("domain-status", "unknown")];
                    out.within("DomainData", &unknown, |out| out.text("Name", &[], host));
                }
                if let Some(ip) = incident.ip {
                    let category = if ip.is_ipv4() {
                        "ipv4-addr"
                    } else {
                        "ipv6-addr"
                    };
                    out.text("Address", &[("category", category)], &ip.to_string());
                }
                if let Some(url) = &incident.url {
                    out.text("Address", &[("category", "site-uri")], url);
                }
            });
            if let Some(role) = incident.role {
                out.empty("NodeRole", &[("category", role)]);
            }
            if let Some(port) = incident.port {
                out.within("Service", &[("ip-protocol", "6")], |out| {
                    out.text("Port", &[], &port.to_string());
                });
            }
            if incident.count > 0 {
                let attributes = [("type", "count"), ("unit", "event")];
                out.text("Counter", &attributes, &incident.count.to_string());
            }
        });
    }

    /// A file's hash, where its length tells the function; XML Signature names it by a URI and wants the
    /// value in base64.
    fn hash(&mut self, hash: &str) {
        use base64::Engine as _;
        let method = match hash.len() {
            32 => "http://www.w3.org/2001/04/xmldsig-more#md5",
            40 => "http://www.w3.org/2000/09/xmldsig#sha1",
            64 => "http://www.w3.org/2001/04/xmlenc#sha256",
            128 => "http://www.w3.org/2001/04/xmlenc#sha512",
            _ => return,
        };
        let bytes: Option<Vec<u8>> = (0..hash.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(hash.get(at..at + 2)?, 16).ok())
            .collect();
        let Some(bytes) = bytes else { return };
        let value = base64::engine::general_purpose::STANDARD.encode(bytes);
        self.within("Record", &[], |out| {
            out.within("RecordData", &[], |out| {
                out.within("FileData", &[], |out| {
                    out.within("File", &[], |out| {
                        out.within("HashData", &[("scope", "file-contents")], |out| {
                            out.within("Hash", &[], |out| {
                                out.empty("ds:DigestMethod", &[("Algorithm", method)]);
                                out.text("ds:DigestValue", &[], &value);
                            });
                        });
                    });
                });
            });
        });
    }
}

/// Text without the characters that XML 1.0 cannot hold, not even escaped.
fn legal(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control() || matches!(c, '\t' | '\n' | '\r'))
        .filter(|c| !matches!(c, '\u{fffe}' | '\u{ffff}'))
        .collect()
}
