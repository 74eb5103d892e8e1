//! Observed data (STIX 2.1 section 4.14; 2.0 part 2 section 2.8): what was seen, object by object.

use std::collections::{BTreeMap, BTreeSet};

use model::field::Field;
use model::reject::RejectReason;

use super::named::ends;
use super::{Objects, Observed};
use crate::Output;
use crate::draft::{Draft, Fault, Place};
use crate::json::tree::{Json, Tree};

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
    pub(super) fn observed_data(&mut self, data: Json<'_>, place: Place<'_>, out: &mut dyn Output) {
        // MISP's exporter makes observed data of what is not meant for detection, and labels it.
        let context = data
            .member("labels")
            .list()
            .filter_map(Json::string)
            .any(|label| label.starts_with("misp:"));
        if self.observed == Observed::None || self.observed == Observed::Findings && context {
            self.passed.context += 1;
            return;
        }
        let observables = std::mem::take(&mut self.known.observables);
        // Its own objects may be many, and each is asked for.
        let own = data.member("objects").members();
        let own: BTreeMap<&str, Json<'_>> = own.map(|object| (object.name(), object)).collect();
        let find = |id: &str| {
            let known = || observables.get(id).map(Tree::root);
            own.get(id).copied().or_else(known)
        };
        let ids: Vec<&str> = match data.get("objects").filter(|objects| objects.is_object()) {
            Some(objects) => objects.members().map(Json::name).collect(),
            None => data
                .member("object_refs")
                .list()
                .filter_map(Json::string)
                .collect(),
        };
        // What another object refers to is part of that one's record.
        let mut parts: BTreeSet<&str> = BTreeSet::new();
        for object in ids.iter().filter_map(|id| find(id)) {
            if matches!(
                object.member("type").string(),
                Some("network-traffic" | "email-message")
            ) {
                parts.extend(references(object));
            }
        }
        let (mut any, mut kinds) = (false, Vec::new());
        for id in ids.iter().filter(|id| !parts.contains(**id)) {
            let Some(object) = find(id) else {
                kinds.push(format!("`{id}`, which is not in the document"));
                continue;
            };
            self.draft.clear();
            match fill(&mut self.draft, object, &find) {
                Ok(true) => any = true,
                Ok(false) => {
                    kinds.push(format!(
                        "`{}`",
                        object.member("type").string().unwrap_or("?")
                    ));
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

    fn fill_data(&mut self, data: Json<'_>) -> Result<(), Fault> {
        let times =
            ["first_observed", "last_observed", "created"].map(|name| data.member(name).text());
        self.draft.observed(times)?;
        self.draft
            .keep_json(Field::FeedAccuracy, data.member("confidence"));
        self.about(data);
        self.draft
            .extra("last_observed", data.member("last_observed"));
        self.draft
            .extra("number_observed", data.member("number_observed"));
        Ok(())
    }
}

/// The objects that an object refers to.
fn references(object: Json<'_>) -> impl Iterator<Item = &str> {
    ["src_ref", "dst_ref", "from_ref", "sender_ref"]
        .into_iter()
        .filter_map(move |name| object.member(name).string())
}

/// Sets what the object names; `false` where it has no field.
fn fill<'j>(
    draft: &mut Draft,
    object: Json<'j>,
    find: &dyn Fn(&str) -> Option<Json<'j>>,
) -> Result<bool, Fault> {
    let value = |name: &str| {
        let object = find(object.member(name).string()?)?;
        object.member("value").string()
    };
    match object.member("type").string().unwrap_or_default() {
        "ipv4-addr" | "ipv6-addr" | "domain-name" | "url" | "email-addr" => {
            let Some(text) = object.member("value").string() else {
                return Ok(false);
            };
            match object.member("type").string() {
                Some("url") => draft.set(Field::SourceUrl, text)?,
                Some("domain-name") => draft.set(Field::SourceHost, text)?,
                Some("email-addr") => draft.set(Field::SourceAccount, text)?,
                _ => draft.set(ends(text).0, text)?,
            }
        }
        "autonomous-system" => match object.member("number").text() {
            Some(number) => draft.set(Field::SourceAsn, &number)?,
            None => return Ok(false),
        },
        "file" | "artifact" => {
            let hashes = object.member("hashes").members();
            let mut any = false;
            for text in hashes.filter_map(Json::string) {
                any |= draft.hash(text);
            }
            if !any {
                return Ok(false);
            }
            draft.extra("file_name", object.member("name"));
        }
        "x509-certificate" => {
            let mut hashes = object.member("hashes").members();
            match hashes.find_map(Json::string) {
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
                draft.keep_json(Field::DestinationPort, object.member("dst_port"));
            }
            let port = if source.is_some() {
                "src_port"
            } else {
                "dst_port"
            };
            draft.keep_json(Field::SourcePort, object.member(port));
            let mut protocols = object.member("protocols").list().filter_map(Json::string);
            if let Some(transport) = protocols.find(|name| matches!(*name, "tcp" | "udp" | "icmp"))
            {
                draft.keep(Field::ProtocolTransport, transport);
            }
        }
        _ => return Ok(false),
    }
    Ok(true)
}
