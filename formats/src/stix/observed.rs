//! Observed data (STIX 2.1 section 4.14; 2.0 part 2 section 2.8): what was seen, object by object.

use model::field::Field;
use model::reject::RejectReason;
use serde_json::Value as Json;

use super::named::ends;
use super::{Objects, Observed};
use crate::Output;
use crate::draft::{Draft, Fault, Place, list, string, text};

/// Types of objects that observed data consist of (section 6) and that have a field or lead to one.
pub(super) fn is_observable(kind: &str) -> bool {
    matches!(
        kind,
        "ipv4-addr"
            | "ipv6-addr"
            | "domain-name"
            | "url"
            | "email-addr"
            | "email-message"
            | "file"
            | "artifact"
            | "autonomous-system"
            | "network-traffic"
            | "x509-certificate"
    )
}

impl Objects {
    pub(super) fn observed_data(&mut self, data: &Json, place: Place<'_>, out: &mut dyn Output) {
        // MISP's exporter makes observed data of what is not meant for detection, and labels it.
        let context = list(&data["labels"])
            .filter_map(string)
            .any(|label| label.starts_with("misp:"));
        if self.observed == Observed::None || self.observed == Observed::Findings && context {
            self.passed.context += 1;
            return;
        }
        let observables = std::mem::take(&mut self.known.observables);
        let find = |id: &str| data["objects"].get(id).or_else(|| observables.get(id));
        let ids: Vec<&str> = match data["objects"].as_object() {
            Some(objects) => objects.keys().map(String::as_str).collect(),
            None => list(&data["object_refs"]).filter_map(string).collect(),
        };
        // What another object refers to is part of that one's record.
        let mut parts: Vec<&str> = Vec::new();
        for object in ids.iter().filter_map(|id| find(id)) {
            if matches!(
                string(&object["type"]),
                Some("network-traffic" | "email-message")
            ) {
                parts.extend(references(object));
            }
        }
        let (mut any, mut kinds) = (false, Vec::new());
        for id in ids.iter().filter(|id| !parts.contains(id)) {
            let Some(object) = find(id) else {
                kinds.push(format!("`{id}`, which is not in the document"));
                continue;
            };
            self.draft.clear();
            match fill(&mut self.draft, object, &find) {
                Ok(true) => any = true,
                Ok(false) => {
                    kinds.push(format!("`{}`", string(&object["type"]).unwrap_or("?")));
                    continue;
                }
                Err(fault) => {
                    any = true;
                    out.reject(place.reject(fault));
                    continue;
                }
            }
            match self.fill_data(data) {
                Ok(()) => self.draft.hand_over(place, out),
                Err(fault) => out.reject(place.reject(fault)),
            }
        }
        self.known.observables = observables;
        if !any {
            let message = format!(
                "the observed data name nothing that has a field: {}",
                crate::value::shorten(&kinds.join(", "))
            );
            out.reject(place.reject((RejectReason::NoObservable, message)));
        }
    }

    fn fill_data(&mut self, data: &Json) -> Result<(), Fault> {
        let times = ["first_observed", "last_observed", "created"].map(|name| text(&data[name]));
        self.draft.observed(times)?;
        self.draft
            .keep_json(Field::FeedAccuracy, &data["confidence"]);
        self.about(data);
        self.draft.extra("last_observed", &data["last_observed"]);
        self.draft
            .extra("number_observed", &data["number_observed"]);
        Ok(())
    }
}

/// The objects that an object refers to.
fn references(object: &Json) -> impl Iterator<Item = &str> {
    ["src_ref", "dst_ref", "from_ref", "sender_ref"]
        .into_iter()
        .filter_map(|name| string(&object[name]))
}

/// Sets what the object names; `false` where it has no field.
fn fill<'j>(
    draft: &mut Draft,
    object: &'j Json,
    find: &dyn Fn(&str) -> Option<&'j Json>,
) -> Result<bool, Fault> {
    let value = |name: &str| {
        let object = find(string(&object[name])?)?;
        string(&object["value"])
    };
    match string(&object["type"]).unwrap_or_default() {
        "ipv4-addr" | "ipv6-addr" | "domain-name" | "url" | "email-addr" => {
            let Some(text) = string(&object["value"]) else {
                return Ok(false);
            };
            match string(&object["type"]) {
                Some("url") => draft.set(Field::SourceUrl, text)?,
                Some("domain-name") => draft.set(Field::SourceHost, text)?,
                Some("email-addr") => draft.set(Field::SourceAccount, text)?,
                _ => draft.set(ends(text).0, text)?,
            }
        }
        "autonomous-system" => match text(&object["number"]) {
            Some(number) => draft.set(Field::SourceAsn, &number)?,
            None => return Ok(false),
        },
        "file" | "artifact" => {
            let hashes = object["hashes"].as_object().into_iter().flatten();
            let mut any = false;
            for text in hashes.filter_map(|(_, hash)| string(hash)) {
                any |= draft.hash(text);
            }
            if !any {
                return Ok(false);
            }
            draft.extra("file_name", &object["name"]);
        }
        "x509-certificate" => {
            let mut hashes = object["hashes"].as_object().into_iter().flatten();
            match hashes.find_map(|(_, hash)| string(hash)) {
                Some(hash) => draft.set(Field::Certificate, hash)?,
                None => return Ok(false),
            }
        }
        "email-message" => match value("from_ref").or_else(|| value("sender_ref")) {
            Some(account) => draft.set(Field::SourceAccount, account)?,
            None => return Ok(false),
        },
        "network-traffic" => {
            let (source, destination) = (value("src_ref"), value("dst_ref"));
            match (source, destination) {
                (None, None) => return Ok(false),
                (Some(source), _) => draft.set(ends(source).0, source)?,
                (None, Some(destination)) => draft.set(ends(destination).0, destination)?,
            }
            if let (Some(_), Some(destination)) = (source, destination) {
                draft.set(ends(destination).1, destination)?;
                draft.keep_json(Field::DestinationPort, &object["dst_port"]);
            }
            let port = if source.is_some() {
                "src_port"
            } else {
                "dst_port"
            };
            draft.keep_json(Field::SourcePort, &object[port]);
            let mut protocols = list(&object["protocols"]).filter_map(string);
            if let Some(transport) = protocols.find(|name| matches!(*name, "tcp" | "udp" | "icmp"))
            {
                draft.keep(Field::ProtocolTransport, transport);
            }
        }
        _ => return Ok(false),
    }
    Ok(true)
}
