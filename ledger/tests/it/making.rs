//! What tests of incidents share.

use ledger::NewIncident;
use model::ids::IncidentId;
use model::incident::{CaseKind, Severity};
use model::territory::Territory;
use model::time::Timestamp;
use model::tlp::Tlp;

use crate::T0;

/// An incident of a rule and key; `seed` makes its id.
pub fn new_incident(seed: u8, rule: &str, key: &str) -> NewIncident {
    NewIncident {
        id: IncidentId::draw(Timestamp(T0), [seed; 10]),
        kind: CaseKind::Phishing,
        severity: Severity::Medium,
        rule: rule.to_owned(),
        key: key.to_owned(),
        what: format!("phishing at {key}"),
        url: None,
        host: Some(key.to_owned()),
        ip: Some("192.0.2.7".to_owned()),
        asn: None,
        name: None,
        brand: None,
        country: None,
        province: None,
        territory: Territory::Unknown,
        border: Vec::new(),
        flags: Vec::new(),
        owner: None,
        tlp: Tlp::Amber,
        origin: "triage".to_owned(),
        external_number: None,
        first_seen_at: T0,
        last_seen_at: T0,
        validated_by: None,
    }
}
