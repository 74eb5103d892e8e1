//! Types of MISP attributes and what they say in our fields.

use model::field::Field;

use crate::draft::{Draft, Fault};
use crate::value;

/// What a part of an attribute's value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The value of a field.
    Field(Field),
    /// An address or a network.
    Address,
    /// The address beside a host, which stays its own.
    HostAddress,
    /// A file's name, which is no host.
    FileName,
}

impl Part {
    /// Whether it names something to be acted on or counted.
    pub(super) fn names(self) -> bool {
        match self {
            Part::Field(field) => value::is_observable(field),
            Part::Address | Part::HostAddress => true,
            Part::FileName => false,
        }
    }

    /// Sets it in the record that it makes.
    pub(super) fn set(self, draft: &mut Draft, text: &str) -> Result<(), Fault> {
        match self {
            Part::Field(field) if value::is_observable(field) => draft.set(field, text),
            Part::Field(field) => {
                draft.keep(field, text);
                Ok(())
            }
            Part::Address | Part::HostAddress if text.contains('/') => {
                draft.set(Field::SourceNetwork, text)
            }
            Part::Address | Part::HostAddress => draft.set(Field::SourceIp, text),
            Part::FileName => {
                draft.record.extra_text("file_name", text);
                Ok(())
            }
        }
    }

    /// Sets it beside what makes the record, where nothing stands yet.
    pub(super) fn set_beside(self, draft: &mut Draft, text: &str) {
        match self {
            Part::Field(field) if draft.record.has(field) => {}
            Part::Field(field) => draft.keep(field, text),
            Part::FileName => draft.record.extra_text("file_name", text),
            Part::Address | Part::HostAddress => {}
        }
    }
}

/// Types of one value each.
const SINGLE: &[(&str, Part)] = &[
    ("ip-src", Part::Address),
    ("ip-dst", Part::Address),
    ("domain", Part::Field(Field::SourceHost)),
    ("hostname", Part::Field(Field::SourceHost)),
    ("url", Part::Field(Field::SourceUrl)),
    ("uri", Part::Field(Field::SourceUrlPath)),
    ("link", Part::Field(Field::SourceUrl)),
    ("email", Part::Field(Field::SourceAccount)),
    ("email-src", Part::Field(Field::SourceAccount)),
    ("email-dst", Part::Field(Field::SourceAccount)),
    ("email-reply-to", Part::Field(Field::SourceAccount)),
    ("md5", Part::Field(Field::Md5)),
    ("sha1", Part::Field(Field::Sha1)),
    ("sha256", Part::Field(Field::Sha256)),
    ("AS", Part::Field(Field::SourceAsn)),
    ("vulnerability", Part::Field(Field::Vulnerabilities)),
    ("mobile-application-id", Part::Field(Field::AppPackage)),
    ("x509-fingerprint-md5", Part::Field(Field::Certificate)),
    ("x509-fingerprint-sha1", Part::Field(Field::Certificate)),
    ("x509-fingerprint-sha256", Part::Field(Field::Certificate)),
    ("filename", Part::FileName),
    ("port", Part::Field(Field::SourcePort)),
];

/// Types of two values with `|` between.
const DOUBLE: &[(&str, [Part; 2])] = &[
    (
        "ip-src|port",
        [Part::Address, Part::Field(Field::SourcePort)],
    ),
    (
        "ip-dst|port",
        [Part::Address, Part::Field(Field::SourcePort)],
    ),
    (
        "hostname|port",
        [
            Part::Field(Field::SourceHost),
            Part::Field(Field::SourcePort),
        ],
    ),
    (
        "domain|ip",
        [Part::Field(Field::SourceHost), Part::HostAddress],
    ),
    ("filename|md5", [Part::FileName, Part::Field(Field::Md5)]),
    ("filename|sha1", [Part::FileName, Part::Field(Field::Sha1)]),
    (
        "filename|sha256",
        [Part::FileName, Part::Field(Field::Sha256)],
    ),
    ("malware-sample", [Part::FileName, Part::Field(Field::Md5)]),
];

/// What an attribute says; nothing, where its type has no field. `relation` is what it is within
/// its object.
pub(super) fn parts<'v>(kind: &str, relation: Option<&str>, text: &'v str) -> Vec<(Part, &'v str)> {
    // A text of an object may well have a field.
    if let ("text", Some("protocol" | "layer4-protocol")) = (kind, relation) {
        return vec![(Part::Field(Field::ProtocolTransport), text)];
    }
    if let ("port", Some("src-port")) = (kind, relation) {
        return Vec::new();
    }
    if let Some((_, part)) = SINGLE.iter().find(|(name, _)| *name == kind) {
        return vec![(*part, text)];
    }
    let double = DOUBLE.iter().find(|(name, _)| *name == kind);
    match (double, text.rsplit_once('|')) {
        (Some((_, [first, second])), Some((left, right))) => {
            vec![(*first, left.trim()), (*second, right.trim())]
        }
        // The second value is missing: the first still holds.
        (Some((_, [first, _])), None) => vec![(*first, text)],
        (None, _) => Vec::new(),
    }
}
