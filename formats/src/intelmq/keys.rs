//! The keys of IntelMQ's events (data format 3.5.0) with the type each has in an EventDB.
//!
//! Not here: which of them are fields of ours, that is [`model::field`]; and no rules about values
//! beyond their JSON type.

use model::field::{FIELDS, Field};
use serde_json::Value as Json;

/// What a key holds, as its EventDB column has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// Text.
    Text,
    /// Text of at most so many characters.
    Limited(u16),
    /// An address.
    Address,
    /// A network.
    Network,
    /// A time in UTC.
    Time,
    /// A truth value.
    Truth,
    /// A whole number.
    Whole,
    /// A number.
    Real,
    /// Any JSON.
    Json,
    /// One of five steps.
    Severity,
}

use Type::{Address, Limited, Network, Real, Text, Time, Truth, Whole};

/// Every key of an event, sorted, as IntelMQ's database has its columns.
pub const KEYS: &[(&str, Type)] = &[
    ("classification.identifier", Text),
    ("classification.taxonomy", Limited(100)),
    ("classification.type", Text),
    ("comment", Text),
    ("constituency", Text),
    ("destination.abuse_contact", Text),
    ("destination.account", Text),
    ("destination.allocated", Time),
    ("destination.as_name", Text),
    ("destination.asn", Whole),
    ("destination.domain_suffix", Text),
    ("destination.fqdn", Text),
    ("destination.geolocation.cc", Limited(2)),
    ("destination.geolocation.city", Text),
    ("destination.geolocation.country", Text),
    ("destination.geolocation.latitude", Real),
    ("destination.geolocation.longitude", Real),
    ("destination.geolocation.region", Text),
    ("destination.geolocation.state", Text),
    ("destination.ip", Address),
    ("destination.local_hostname", Text),
    ("destination.local_ip", Address),
    ("destination.network", Network),
    ("destination.port", Whole),
    ("destination.registry", Limited(7)),
    ("destination.reverse_dns", Text),
    ("destination.tor_node", Truth),
    ("destination.url", Text),
    ("destination.urlpath", Text),
    ("event_description.target", Text),
    ("event_description.text", Text),
    ("event_description.url", Text),
    ("event_hash", Limited(40)),
    ("extra", Type::Json),
    ("feed.accuracy", Real),
    ("feed.code", Limited(100)),
    ("feed.documentation", Text),
    ("feed.name", Text),
    ("feed.provider", Text),
    ("feed.url", Text),
    ("malware.hash.md5", Limited(200)),
    ("malware.hash.sha1", Limited(200)),
    ("malware.hash.sha256", Limited(200)),
    ("malware.name", Text),
    ("malware.version", Text),
    ("misp.attribute_uuid", Limited(36)),
    ("misp.event_uuid", Limited(36)),
    ("output", Type::Json),
    ("product.full_name", Text),
    ("product.name", Text),
    ("product.vendor", Text),
    ("product.version", Text),
    ("product.vulnerabilities", Text),
    ("protocol.application", Limited(100)),
    ("protocol.transport", Limited(11)),
    ("raw", Text),
    ("rtir_id", Whole),
    ("screenshot_url", Text),
    ("severity", Type::Severity),
    ("source.abuse_contact", Text),
    ("source.account", Text),
    ("source.allocated", Time),
    ("source.as_name", Text),
    ("source.asn", Whole),
    ("source.domain_suffix", Text),
    ("source.fqdn", Text),
    ("source.geolocation.cc", Limited(2)),
    ("source.geolocation.city", Text),
    ("source.geolocation.country", Text),
    ("source.geolocation.cymru_cc", Limited(2)),
    ("source.geolocation.geoip_cc", Limited(2)),
    ("source.geolocation.latitude", Real),
    ("source.geolocation.longitude", Real),
    ("source.geolocation.region", Text),
    ("source.geolocation.state", Text),
    ("source.ip", Address),
    ("source.local_hostname", Text),
    ("source.local_ip", Address),
    ("source.network", Network),
    ("source.port", Whole),
    ("source.registry", Limited(7)),
    ("source.reverse_dns", Text),
    ("source.tor_node", Truth),
    ("source.url", Text),
    ("source.urlpath", Text),
    ("status", Text),
    ("time.observation", Time),
    ("time.source", Time),
    ("tlp", Text),
];

/// The type of a key of IntelMQ's; `None` for any other name.
pub fn find(name: &str) -> Option<Type> {
    let at = KEYS.binary_search_by(|(known, _)| (*known).cmp(name));
    at.ok().map(|at| KEYS[at].1)
}

/// The field of ours that a key is.
pub fn field(name: &str) -> Option<Field> {
    let spec = FIELDS.iter().find(|spec| spec.intelmq == name);
    spec.filter(|spec| !spec.intelmq.is_empty())
        .map(|spec| spec.field)
}

/// Whether a member of `extra` stands for a key of IntelMQ's that is no field of ours, and may be
/// written as that key: its value has the key's JSON type.
pub fn is_own(name: &str, value: &Json) -> bool {
    let Some(kind) = find(name).filter(|_| field(name).is_none()) else {
        return false;
    };
    let text = value.as_str();
    match kind {
        Type::Json | Type::Severity => false,
        _ if name == "raw" => false,
        Text => text.is_some(),
        Address => text.is_some_and(|text| crate::value::ip(text).is_some()),
        Network => text.is_some_and(|text| crate::value::network(text).is_some()),
        Time => {
            text.is_some_and(|text| crate::value::instant(text, &jiff::tz::TimeZone::UTC).is_some())
        }
        Limited(most) => text.is_some_and(|text| text.chars().count() <= usize::from(most)),
        Truth => value.is_boolean(),
        Whole => value
            .as_i64()
            .is_some_and(|whole| i32::try_from(whole).is_ok()),
        Real => value.is_number(),
    }
}

/// The value as IntelMQ's sanitising leaves it under a key that is no field of ours.
///
/// # Errors
/// What the key asks for, to be read after "is not".
pub fn sanitize(name: &str, value: &Json) -> Result<Json, &'static str> {
    let text = super::read::text(value);
    let text = text.as_deref().map(str::trim);
    let given = || text.filter(|text| !text.is_empty());
    let kind = find(name).unwrap_or(Type::Json);
    match kind {
        Type::Json => Ok(value.clone()),
        Truth => match text.map(str::to_lowercase).as_deref() {
            Some("true" | "1") => Ok(true.into()),
            Some("false" | "0") => Ok(false.into()),
            _ => Err("true or false"),
        },
        Whole => given()
            .and_then(crate::value::int)
            .map(Json::from)
            .ok_or("a whole number"),
        Real => given()
            .and_then(|text| text.parse::<f64>().ok())
            .filter(|real| real.is_finite())
            .map(Json::from)
            .ok_or("a number"),
        Time => given()
            .and_then(|text| crate::value::instant(text, &jiff::tz::TimeZone::UTC))
            .and_then(|written| super::time(written.at))
            .map(Json::from)
            .ok_or("a time"),
        Address => given()
            .and_then(crate::value::ip)
            .map(|ip| ip.to_string().into())
            .ok_or("an IP address"),
        Network => given()
            .and_then(crate::value::network)
            .map(|(ip, bits)| format!("{ip}/{bits}").into())
            .ok_or("a network in CIDR form"),
        Text | Limited(_) | Type::Severity => {
            let text = given().ok_or("a text")?;
            let text = match name.rsplit('.').next() {
                Some("domain_suffix" | "abuse_contact" | "attribute_uuid" | "event_uuid") => {
                    text.to_lowercase()
                }
                Some("cymru_cc" | "geoip_cc" | "event_hash" | "registry") => text.to_uppercase(),
                _ => text.to_owned(),
            };
            match kind {
                Limited(most) if text.chars().count() > usize::from(most) => {
                    Err("a text of that length")
                }
                _ => Ok(text.into()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_holds_every_field_that_has_a_key() {
        assert!(KEYS.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert_eq!(KEYS.len(), 89);
        for spec in FIELDS.iter().filter(|spec| !spec.intelmq.is_empty()) {
            assert!(find(spec.intelmq).is_some(), "{}", spec.intelmq);
            assert_eq!(field(spec.intelmq), Some(spec.field));
        }
        assert_eq!(field(""), None);
    }

    #[test]
    fn only_what_fits_stands_as_a_key() {
        for (name, value, own) in [
            ("source.tor_node", Json::Bool(true), true),
            ("source.tor_node", "yes".into(), false),
            ("rtir_id", 7.into(), true),
            ("rtir_id", "7".into(), false),
            ("feed.name", "Example".into(), true),
            ("source.ip", "192.0.2.1".into(), false),
            ("raw", "eA==".into(), false),
            ("event_hash", "x".repeat(41).into(), false),
            ("anything", "x".into(), false),
        ] {
            assert_eq!(is_own(name, &value), own, "{name} {value}");
        }
    }
}
