//! What a pattern's tests name: which property of which object is which of our fields.

use model::field::Field;

use super::pattern::{Op, Test};
use crate::value;

/// What a conjunction names.
pub(super) struct Named {
    /// Fields of one record each: a second value of a field begins another record.
    pub groups: Vec<Vec<(Field, String)>>,
    pub files: Vec<String>,
    /// Some of the tests name nothing: they narrow the rest.
    pub part: bool,
}

impl Named {
    pub(super) fn of(tests: &[Test]) -> Named {
        let mut named = Named {
            groups: Vec::new(),
            files: Vec::new(),
            part: false,
        };
        let both_ends = ["src_ref.value", "dst_ref.value"].iter().all(|end| {
            let is_end = |test: &Test| test.object == "network-traffic" && test.property == *end;
            tests.iter().any(is_end)
        });
        for test in tests {
            let literal = !test.negated
                && (test.op == Op::Equal
                    || test.op == Op::Subset && test.object.starts_with("ipv"));
            match (test.object.as_str(), test.property.as_str()) {
                ("file", "name") if literal => named.files.push(test.value.clone()),
                // Says only what the reference beside it is.
                ("network-traffic", "src_ref.type" | "dst_ref.type") => {}
                (object, property) => match field(object, property, &test.value, both_ends) {
                    Some(field) if literal => named.put(field, &test.value),
                    _ => named.part = true,
                },
            }
        }
        // A port or protocol alone names nothing.
        named
            .groups
            .retain(|group| group.iter().any(|(field, _)| value::is_observable(*field)));
        named
    }

    fn put(&mut self, field: Field, text: &str) {
        let taken = |group: &Vec<(Field, String)>| {
            group
                .iter()
                .any(|(known, value)| *known == field && value != text)
        };
        match self.groups.last_mut() {
            Some(group) if !taken(group) => group.push((field, text.to_owned())),
            _ => self.groups.push(vec![(field, text.to_owned())]),
        }
    }
}

/// The field of an object's property (STIX 2.1 section 6) whose value is `text`.
fn field(object: &str, property: &str, text: &str, both_ends: bool) -> Option<Field> {
    let hash = |property: &str| {
        let name = property.strip_prefix("hashes.")?;
        Some(name.replace(['-', '_'], "").to_ascii_lowercase())
    };
    Some(match (object, property) {
        ("ipv4-addr" | "ipv6-addr", "value") | ("domain-name", "resolves_to_refs.value") => {
            if text.contains('/') {
                Field::SourceNetwork
            } else {
                Field::SourceIp
            }
        }
        ("domain-name", "value") => Field::SourceHost,
        ("url", "value") => Field::SourceUrl,
        ("email-addr", "value") | ("email-message", "from_ref.value" | "sender_ref.value") => {
            Field::SourceAccount
        }
        ("autonomous-system", "number") => Field::SourceAsn,
        ("file" | "artifact", _) => match hash(property)?.as_str() {
            "md5" => Field::Md5,
            "sha1" => Field::Sha1,
            "sha256" => Field::Sha256,
            _ => return None,
        },
        ("x509-certificate", _) => {
            hash(property)?;
            Field::Certificate
        }
        // Mobile applications, as the tools of forensic examiners write them.
        ("app", "id") => Field::AppPackage,
        ("app", _) if property.starts_with("cert.") => Field::Certificate,
        ("network-traffic", "src_ref.value") => ends(text).0,
        ("network-traffic", "dst_ref.value") if both_ends => ends(text).1,
        ("network-traffic", "dst_ref.value") => ends(text).0,
        ("network-traffic", "src_port") if both_ends => Field::SourcePort,
        ("network-traffic", "dst_port") if both_ends => Field::DestinationPort,
        ("network-traffic", "dst_port") => Field::SourcePort,
        _ => return None,
    })
}

/// The fields of an end of a connection, as source and as destination, by the form of its value.
pub(super) fn ends(text: &str) -> (Field, Field) {
    if text.contains('/') {
        (Field::SourceNetwork, Field::DestinationNetwork)
    } else if value::ip(text).is_some() {
        (Field::SourceIp, Field::DestinationIp)
    } else {
        (Field::SourceHost, Field::DestinationHost)
    }
}
