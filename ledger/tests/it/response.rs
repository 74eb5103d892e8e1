//! Response's aggregates: what steps allow, what is unique while it is live, and what of one thing
//! follows for others in the same transaction.

mod complaints;
mod holds;
mod incidents;
mod marking;
mod notices;
mod outside;
mod rules;

use ledger::incident::{Join, Triage};
use ledger::notice::NewNotice;
use ledger::{
    Directive, Hash, Incident, Ledger, NewContact, NewDirective, NewIncident, NewOrganization,
    NewStep, Reach,
};
use model::ids::{ContactId, DirectiveId, IncidentId, NoticeId, OrganizationId};
use model::incident::{CaseKind, Resolution, Severity, Step};
use model::notice::NoticeKind;
use model::organization::{Channel, Role, Rung};
use model::territory::Territory;
use model::time::Timestamp;
use model::tlp::Tlp;

use crate::T0;

/// Ids that tell apart; the number is all their randomness.
fn random(n: u8) -> [u8; 10] {
    [n; 10]
}

fn incident_id(n: u8) -> IncidentId {
    IncidentId::draw(Timestamp(T0), random(n))
}

fn opened(n: u8, rule: &str, key: &str) -> NewIncident {
    NewIncident {
        id: incident_id(n),
        kind: CaseKind::Phishing,
        severity: Severity::High,
        rule: rule.to_owned(),
        key: key.to_owned(),
        what: key.to_owned(),
        url: None,
        host: Some(key.to_owned()),
        ip: None,
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

fn join(incident: u8, event: u8, at: i64) -> Join {
    Join {
        incident: incident_id(incident),
        event: [event; 16],
        day: Timestamp(at).day().0,
        observed_at: at,
    }
}

async fn triage(
    ledger: &Ledger,
    opened: Vec<NewIncident>,
    joined: Vec<Join>,
) -> ledger::Result<()> {
    let found = Triage {
        opened,
        joined,
        mark: None,
    };
    ledger
        .commit_triage(found, "phishing-host", "test", T0)
        .await
        .map(drop)
}

/// An open incident with one event.
async fn open(ledger: &Ledger, n: u8, key: &str) -> IncidentId {
    let new = opened(n, "phishing-host", key);
    triage(ledger, vec![new], vec![join(n, n, T0)])
        .await
        .unwrap();
    incident_id(n)
}

async fn step(ledger: &Ledger, id: IncidentId, step: Step, at: i64) -> ledger::Result<Incident> {
    let new = NewStep::new(step, "a reason", at);
    ledger.step(id, &Reach::All, new, "ann", at).await
}

async fn incident(ledger: &Ledger, id: IncidentId) -> Incident {
    ledger.incident(id, &Reach::All).await.unwrap()
}

async fn invalid(ledger: &Ledger, id: IncidentId, at: i64) {
    let close = Step::Close(Resolution::Invalid);
    step(ledger, id, close, at).await.unwrap();
}

/// A party with one mail contact.
async fn party(ledger: &Ledger, n: u8) -> (OrganizationId, ContactId) {
    let id = OrganizationId::draw(Timestamp(T0), random(n));
    let contact = ContactId::draw(Timestamp(T0), random(n));
    let new = NewOrganization {
        id,
        name_zh: "示例".to_owned(),
        name_en: format!("Example {n}"),
        roles: vec![Role::Registrar],
        country: None,
        province: None,
        zone: "UTC".to_owned(),
        language: "en".to_owned(),
        interval_secs: 0,
        source: "test".to_owned(),
        protected: false,
        contacts: vec![NewContact {
            id: contact,
            channel: Channel::Mail,
            address: format!("abuse{n}@example.com"),
            language: None,
            format: None,
            rung: Rung::Agreed,
            hours: None,
            pgp: None,
        }],
        responsible: Vec::new(),
    };
    ledger
        .add_organizations(vec![new], "test", T0)
        .await
        .unwrap();
    (id, contact)
}

/// A directive of place 1 to a party, which is due.
async fn directive(ledger: &Ledger, n: u8, about: IncidentId, to: OrganizationId) -> DirectiveId {
    let id = DirectiveId::draw(Timestamp(T0), random(n));
    let new = NewDirective {
        id,
        incident: about,
        place: 1,
        role: Role::Registrar,
        organization: Some(to),
        ask: "suspend-domain".to_owned(),
        reason: "row 1".to_owned(),
        target_secs: 3600,
        working_days: None,
    };
    ledger.decide(vec![new], "test", T0).await.unwrap();
    id
}

async fn the_directive(ledger: &Ledger, about: IncidentId) -> Directive {
    ledger.directives(about).await.unwrap().remove(0)
}

fn notice(
    n: u8,
    to: (OrganizationId, ContactId),
    covers: Vec<(DirectiveId, IncidentId)>,
) -> NewNotice {
    NewNotice {
        id: NoticeId::draw(Timestamp(T0), random(n)),
        kind: NoticeKind::First,
        organization: to.0,
        contact: Some(to.1),
        channel: Channel::Mail,
        address: "abuse@example.com".to_owned(),
        format: None,
        language: "en".to_owned(),
        subject: "a notice".to_owned(),
        token: format!("token{n}"),
        message_id: format!("notice{n}@cert.example"),
        thread: Vec::new(),
        body: Hash::of(&[n]),
        hold_reason: None,
        approved_by: Some("test".to_owned()),
        exercise: false,
        covers,
    }
}
