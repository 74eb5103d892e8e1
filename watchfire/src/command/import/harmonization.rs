//! A site's edited `harmonization.conf`: what it adds to IntelMQ's fields, and what it changes.

use formats::intelmq::keys;
use serde_json::{Map, Value as Json};

use super::findings::{Fate, Findings};

/// Compares the file with IntelMQ's own fields.
pub fn compare(name: &str, text: &str, findings: &mut Findings) {
    let parsed: Result<Map<String, Json>, _> = serde_json::from_str(text);
    let parsed = match parsed {
        Ok(parsed) => parsed,
        Err(error) => {
            return findings.say(name, Fate::NeedsYourHand, format!("is no JSON: {error}"));
        }
    };
    let Some(event) = parsed.get("event").and_then(Json::as_object) else {
        return findings.say(name, Fate::NeedsYourHand, "has no fields of `event`");
    };
    let mut known = 0;
    for (key, spec) in event {
        let kind = spec.get("type").and_then(Json::as_str).unwrap_or_default();
        match keys::find(key) {
            None if key.starts_with("extra.") || key == "extra" => known += 1,
            None => {
                let remark = format!(
                    "a field of the site ({kind}): kept as extra.{key}, rules may name it {key}"
                );
                findings.parameter(name, key, Fate::TakenOver, remark);
            }
            Some(expected) => {
                if fits(expected, kind) {
                    known += 1;
                } else {
                    let remark =
                        format!("has type {kind} here; its own type is kept: {expected:?}");
                    findings.parameter(name, key, Fate::NotTakenOver, remark.to_lowercase());
                }
                for rule in ["regex", "iregex"] {
                    let own = spec.get(rule).and_then(Json::as_str);
                    if let Some(pattern) = own.filter(|pattern| !is_stock(key, pattern)) {
                        let remark = format!(
                            "{rule} `{pattern}`: write it as a rule, as `if {key} !~ '...' {{ drop }}`"
                        );
                        findings.parameter(name, key, Fate::NeedsYourHand, remark);
                    }
                }
            }
        }
    }
    let gone: Vec<&str> = keys::KEYS
        .iter()
        .map(|(key, _)| *key)
        .filter(|key| !event.contains_key(*key))
        .collect();
    if !gone.is_empty() {
        let some = &gone[..gone.len().min(5)];
        let more = if gone.len() > some.len() { " ..." } else { "" };
        let remark = format!(
            "{} fields are missing there and known here: {}{more}",
            gone.len(),
            some.join(", ")
        );
        findings.say(name, Fate::BuiltIn, remark);
    }
    findings.say(
        name,
        Fate::TakenOver,
        format!("{known} fields are as in IntelMQ 3.5"),
    );
}

/// Whether the type is the one that IntelMQ gives the key.
fn fits(expected: keys::Type, kind: &str) -> bool {
    use keys::Type;
    match expected {
        Type::Text | Type::Limited(_) | Type::Severity => matches!(
            kind,
            "String"
                | "LowercaseString"
                | "UppercaseString"
                | "URL"
                | "FQDN"
                | "Base64"
                | "Registry"
                | "TLP"
                | "ClassificationTaxonomy"
                | "ClassificationType"
                | "UUID"
        ),
        Type::Address => kind == "IPAddress",
        Type::Network => kind == "IPNetwork",
        Type::Time => kind == "DateTime",
        Type::Truth => kind == "Boolean",
        Type::Whole => matches!(kind, "Integer" | "ASN"),
        Type::Real => matches!(kind, "Float" | "Accuracy"),
        Type::Json => matches!(kind, "JSON" | "JSONDict"),
    }
}

/// Patterns that IntelMQ ships: codes, hashes and ids, printable ASCII, no final dot.
fn is_stock(key: &str, pattern: &str) -> bool {
    match key.rsplit('.').next().unwrap_or_default() {
        "transport" => pattern.starts_with("^(ip|icmp|"),
        "severity" => pattern.contains("critical"),
        "attribute_uuid" | "event_uuid" => pattern.starts_with("^[a-z0-9]{8}-"),
        _ => [
            "^[ -~]+$",
            "^.*[^\\.]$",
            "^[a-zA-Z0-9]{2}$",
            "^[A-F0-9./]+$",
        ]
        .contains(&pattern),
    }
}
