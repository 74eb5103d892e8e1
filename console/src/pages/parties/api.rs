//! Parties for programs.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use ledger::{Contact, Organization, PartyFilter, PartyRow};
use response::scorecard::{Peers, Scorecard};
use schemars::{JsonSchema, schema_for};
use serde::{Deserialize, Serialize};

use super::acts::{self, ContactEdit, ContactIn, DutyIn, Edit, MergeIn, Why};
use super::{after, cursor, import};
use crate::Desk;
use crate::pages::draw::stamp;
use crate::pages::form::{Input, answer};
use crate::pages::months::{self, Count, PeersOut};
use crate::pages::paging::{self, Asked, PageOf};
use crate::refusal::Refusal;
use crate::routes::Described;
use crate::visitor::Visitor;

/// An organization, as programs see it.
#[derive(Serialize, JsonSchema)]
pub(crate) struct PartyOut {
    /// `ORG-...`.
    id: String,
    name_zh: String,
    name_en: String,
    /// Labels of its roles.
    roles: Vec<String>,
    country: Option<String>,
    province: Option<String>,
    zone: String,
    language: String,
    trust: String,
    may_contact: bool,
    may_probe: bool,
    /// Why it may not.
    mark_reason: Option<String>,
    /// Hours for which notices are gathered.
    interval_hours: i64,
    /// Where the entry comes from.
    source: String,
    /// Whether imports only propose changes.
    protected: bool,
    active: bool,
    changed_at: String,
    version: i32,
}

impl From<Organization> for PartyOut {
    fn from(one: Organization) -> Self {
        PartyOut {
            id: one.id.to_string(),
            roles: one.roles().iter().map(ToString::to_string).collect(),
            name_zh: one.name_zh,
            name_en: one.name_en,
            country: one.country,
            province: one.province,
            zone: one.zone,
            language: one.language,
            trust: one.trust.to_string(),
            may_contact: one.may_contact,
            may_probe: one.may_probe,
            mark_reason: one.mark_reason,
            interval_hours: one.interval_secs / 3600,
            source: one.source,
            protected: one.protected,
            active: one.active,
            changed_at: stamp(one.changed_at),
            version: one.version,
        }
    }
}

/// A row of the list.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ListedParty {
    #[serde(flatten)]
    party: PartyOut,
    /// Contacts that may be used.
    contacts: u64,
    /// Contacts in use from which mail came back.
    bounced: u64,
    /// When it last answered or acted.
    last_answered_at: Option<String>,
}

impl From<PartyRow> for ListedParty {
    fn from(row: PartyRow) -> Self {
        ListedParty {
            party: row.organization.into(),
            contacts: row.contacts,
            bounced: row.bounced,
            last_answered_at: row.last_answered_at.map(stamp),
        }
    }
}

/// A contact.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ContactOut {
    /// `CON-...`.
    id: String,
    channel: String,
    address: String,
    language: Option<String>,
    format: Option<String>,
    /// Where it was found, best first: `agreed`, `rdap` ...
    rung: String,
    /// 100 when it works, 0 when it is not used any more.
    quality: i32,
    hours: Option<String>,
    /// Whether it has an OpenPGP certificate.
    has_key: bool,
    key_expires_at: Option<String>,
    opted_out: bool,
    active: bool,
    source: String,
}

impl From<Contact> for ContactOut {
    fn from(one: Contact) -> Self {
        ContactOut {
            id: one.id.to_string(),
            channel: one.channel.to_string(),
            address: one.address,
            language: one.language,
            format: one.format.map(|format| format.to_string()),
            rung: one.rung.to_string(),
            quality: one.quality,
            hours: one.hours,
            has_key: one.pgp_key.is_some(),
            key_expires_at: one.pgp_expires_at.map(stamp),
            opted_out: one.opted_out,
            active: one.active,
            source: one.source,
        }
    }
}

/// What an organization answers for.
#[derive(Serialize, JsonSchema)]
pub(crate) struct DutyOut {
    id: i64,
    scope: String,
    value: String,
    source: String,
}

/// An organization with all that belongs to it.
#[derive(Serialize, JsonSchema)]
pub(crate) struct PartyDetail {
    #[serde(flatten)]
    party: PartyOut,
    contacts: Vec<ContactOut>,
    duties: Vec<DutyOut>,
}

/// How a party did.
#[derive(Serialize, JsonSchema)]
pub(crate) struct CardOut {
    /// Notices that reached it.
    notices: u64,
    /// Notices that came back.
    bounced: u64,
    /// Requests that it got.
    cases: u64,
    /// Of these, answered, or their time is over.
    decided: u64,
    /// Of the decided, answered in time.
    within_target: u64,
    refused: u64,
    /// Verified gone after it was asked.
    effective: u64,
    median_answer_secs: Option<i64>,
    median_takedown_secs: Option<i64>,
    /// Twelve months up to now.
    months: Vec<Count>,
    /// Others that are asked in the same role; null where they are too few.
    peers: Option<PeersOut>,
}

impl CardOut {
    fn new(card: Scorecard, months: Vec<Count>, peers: Option<Peers>) -> Self {
        CardOut {
            months,
            peers: peers.map(PeersOut::from),
            notices: card.notices,
            bounced: card.bounced,
            cases: card.cases,
            decided: card.decided,
            within_target: card.within_target,
            refused: card.refused,
            effective: card.effective,
            median_answer_secs: card.median_acknowledge_secs,
            median_takedown_secs: card.median_takedown_secs,
        }
    }
}

/// What the list is asked for.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ListAsked {
    /// Text of names, addresses and what they answer for.
    #[serde(default)]
    q: String,
    /// Label of a role.
    #[serde(default)]
    role: String,
    /// Two letters.
    #[serde(default)]
    country: String,
    /// GB/T 2260.
    #[serde(default)]
    province: String,
    /// Only those with a contact from which mail came back.
    #[serde(default)]
    bounced: bool,
    /// Also those not in use.
    #[serde(default)]
    ended: bool,
    /// Rows at most.
    limit: Option<u64>,
    /// `next` of the page before.
    #[serde(default)]
    after: String,
}

/// What a merge moved.
#[derive(Serialize, JsonSchema)]
pub(crate) struct MergedOut {
    /// The one that stays.
    into: String,
    contacts: u64,
    /// Contacts that it had already.
    doubled: u64,
    duties: u64,
    /// Requests that were not over.
    requests: u64,
}

/// Where a list comes from and what it is.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UploadAsked {
    /// Name of the source.
    source: String,
    /// `parties`, `iana-registrars`, `csirts` or `intelmq-contactdb`.
    #[serde(default = "parties")]
    kind: String,
}

fn parties() -> String {
    "parties".to_owned()
}

/// An entry of a list that waits.
#[derive(Serialize, JsonSchema)]
pub(crate) struct EntryOut {
    /// Names it for approval.
    key: String,
    /// `new`, `more` or `gone`.
    change: &'static str,
    party: String,
    field: String,
    value: String,
    /// Whether a person made the entry that it touches.
    touches_manual: bool,
}

/// A line that cannot be used.
#[derive(Serialize, JsonSchema)]
pub(crate) struct BadOut {
    line: usize,
    reason: String,
}

/// What a list that waits would change.
#[derive(Serialize, JsonSchema)]
pub(crate) struct DifferenceOut {
    source: String,
    entries: Vec<EntryOut>,
    unusable: Vec<BadOut>,
    /// Why it wants care.
    care: Vec<String>,
}

/// What is approved of a list.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ApplyIn {
    /// Keys of entries; none: all.
    keep: Option<BTreeSet<String>>,
    /// The reason, kept in the audit trail.
    #[serde(default)]
    reason: String,
}

/// How many entries were done.
#[derive(Serialize, JsonSchema)]
pub(crate) struct AppliedOut {
    applied: usize,
}

/// What undoing did.
#[derive(Serialize, JsonSchema)]
pub(crate) struct UndoneOut {
    organizations: u64,
    contacts: u64,
    duties: u64,
    /// Responsibilities that hold again.
    restored: u64,
    /// Names of organizations that stay because somebody changed them since.
    kept: Vec<String>,
}

pub(super) async fn list(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
    Asked(asked): Asked<ListAsked>,
) -> Result<Response, Refusal> {
    visitor.of_the_house()?;
    let role = paging::filled(&asked.role).map(|role| {
        let read = role.parse();
        read.map_err(|_| Refusal::invalid("role", "is no role"))
    });
    let filter = PartyFilter {
        text: paging::filled(&asked.q),
        role: role.transpose()?,
        country: paging::filled(&asked.country.to_uppercase()),
        province: paging::filled(&asked.province),
        bounced: asked.bounced,
        ended: asked.ended,
        after: match asked.after.as_str() {
            "" => None,
            text => Some(after(text).ok_or_else(|| Refusal::invalid("after", "is no cursor"))?),
        },
    };
    let limit = paging::limit(asked.limit);
    let mut found = desk.ledger.parties(&filter, limit + 1).await?;
    let next = paging::cut(&mut found, limit, cursor);
    let items = found.into_iter().map(ListedParty::from).collect();
    answer(&headers, &PageOf { items, next })
}

async fn detail(desk: &Desk, party: Organization) -> Result<PartyDetail, Refusal> {
    let id = party.organization_id();
    let contacts = desk.ledger.contacts(id).await?;
    let duties = desk.ledger.responsibilities(id).await?;
    let duties = duties.into_iter().filter(|duty| duty.active);
    Ok(PartyDetail {
        contacts: contacts.into_iter().map(ContactOut::from).collect(),
        duties: duties
            .map(|duty| DutyOut {
                id: duty.id,
                scope: duty.scope.to_string(),
                value: duty.value,
                source: duty.source,
            })
            .collect(),
        party: party.into(),
    })
}

pub(super) async fn one(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    let party = acts::load(&desk, &visitor, &id).await?;
    answer(&headers, &detail(&desk, party).await?)
}

pub(super) async fn edit(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
    Path(id): Path<String>,
    Input(asked): Input<Edit>,
) -> Result<Response, Refusal> {
    let edited = acts::edit(&desk, &visitor, &id, asked).await?;
    answer(&headers, &PartyOut::from(edited))
}

pub(super) async fn card(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    let party = acts::load(&desk, &visitor, &id).await?;
    let cards = desk
        .response
        .scorecards(Some(party.organization_id()))
        .await?;
    let card = cards.into_iter().next().unwrap_or_default();
    let id = party.organization_id();
    let asked = desk.ledger.directives_asked(Some(id)).await?;
    let peers = desk.peers(id, &party.roles()).await?;
    let months = months::counted(&desk, &asked);
    answer(&headers, &CardOut::new(card, months, peers))
}

pub(super) async fn contact(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
    Path(id): Path<String>,
    Input(asked): Input<ContactIn>,
) -> Result<Response, Refusal> {
    let contact = acts::contact(&desk, &visitor, &id, &asked).await?;
    answer(&headers, &ContactOut::from(contact))
}

pub(super) async fn change(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
    Path((id, contact)): Path<(String, String)>,
    Input(asked): Input<ContactEdit>,
) -> Result<Response, Refusal> {
    let contact = acts::change(&desk, &visitor, (&id, &contact), &asked).await?;
    answer(&headers, &ContactOut::from(contact))
}

pub(super) async fn duty(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
    Path(id): Path<String>,
    Input(asked): Input<DutyIn>,
) -> Result<Response, Refusal> {
    acts::duty(&desk, &visitor, &id, &asked).await?;
    let party = acts::load(&desk, &visitor, &id).await?;
    answer(&headers, &detail(&desk, party).await?)
}

pub(super) async fn end_duty(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
    Path((id, duty)): Path<(String, String)>,
    Input(why): Input<Why>,
) -> Result<Response, Refusal> {
    acts::end_duty(&desk, &visitor, (&id, &duty), &why.reason).await?;
    let party = acts::load(&desk, &visitor, &id).await?;
    answer(&headers, &detail(&desk, party).await?)
}

pub(super) async fn merge(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
    Path(id): Path<String>,
    Input(asked): Input<MergeIn>,
) -> Result<Response, Refusal> {
    let (into, merged) = acts::merge(&desk, &visitor, &id, &asked).await?;
    let out = MergedOut {
        into: into.to_string(),
        contacts: merged.contacts,
        doubled: merged.doubled,
        duties: merged.responsible,
        requests: merged.directives,
    };
    answer(&headers, &out)
}

async fn told(
    desk: &Desk,
    visitor: &Visitor,
    headers: &HeaderMap,
    source: &str,
) -> Result<Response, Refusal> {
    let compared = import::compare(desk, visitor, source).await?;
    let compared = compared.ok_or(Refusal::Absent)?;
    let entries = compared.entries.into_iter().map(|one| EntryOut {
        key: one.key,
        change: match one.change {
            response::party::Change::New => "new",
            response::party::Change::More => "more",
            response::party::Change::Gone => "gone",
        },
        party: one.party,
        field: one.field,
        value: one.value,
        touches_manual: one.touches_manual,
    });
    let unusable = compared.bad.into_iter().map(|bad| BadOut {
        line: bad.line,
        reason: bad.reason,
    });
    let out = DifferenceOut {
        source: source.to_owned(),
        entries: entries.collect(),
        unusable: unusable.collect(),
        care: compared.care,
    };
    answer(headers, &out)
}

pub(super) async fn upload(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
    Asked(asked): Asked<UploadAsked>,
    body: Bytes,
) -> Result<Response, Refusal> {
    let what = (asked.source.as_str(), asked.kind.as_str());
    let source = import::keep(&desk, &visitor, what, body.to_vec()).await?;
    told(&desk, &visitor, &headers, &source).await
}

pub(super) async fn difference(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
    Path(source): Path<String>,
) -> Result<Response, Refusal> {
    told(&desk, &visitor, &headers, &source).await
}

pub(super) async fn apply(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
    Path(source): Path<String>,
    Input(asked): Input<ApplyIn>,
) -> Result<Response, Refusal> {
    let approved = import::approve(&desk, &visitor, &source, asked.keep, &asked.reason);
    let applied = approved.await?;
    answer(&headers, &AppliedOut { applied })
}

pub(super) async fn undo(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
    Path(source): Path<String>,
) -> Result<Response, Refusal> {
    let undone = import::take_back(&desk, &visitor, &source).await?;
    let out = UndoneOut {
        organizations: undone.organizations,
        contacts: undone.contacts,
        duties: undone.responsible,
        restored: undone.restored,
        kept: undone.kept,
    };
    answer(&headers, &out)
}

fn described<A: JsonSchema>(summary: &'static str) -> Described {
    Described {
        summary,
        answer: Some(schema_for!(A).to_value()),
        ..Described::default()
    }
}

fn taking<B: JsonSchema, A: JsonSchema>(summary: &'static str) -> Described {
    Described {
        body: Some(schema_for!(B).to_value()),
        ..described::<A>(summary)
    }
}

pub(super) fn list_described() -> Described {
    Described {
        query: Some(schema_for!(ListAsked).to_value()),
        ..described::<PageOf<ListedParty>>("Organizations that can act, by English name")
    }
}

pub(super) fn one_described() -> Described {
    described::<PartyDetail>("An organization with its contacts and what it answers for")
}

pub(super) fn edit_described() -> Described {
    taking::<Edit, PartyOut>("Changes an organization; imports only propose changes from then on")
}

pub(super) fn card_described() -> Described {
    described::<CardOut>("How an organization answers, how fast, and whether it helps")
}

pub(super) fn contact_described() -> Described {
    taking::<ContactIn, ContactOut>("Adds a contact")
}

pub(super) fn change_described() -> Described {
    taking::<ContactEdit, ContactOut>("Changes a contact, ends its use, or takes it up again")
}

pub(super) fn duty_described() -> Described {
    taking::<DutyIn, PartyDetail>("An organization answers for something")
}

pub(super) fn end_duty_described() -> Described {
    taking::<Why, PartyDetail>("An organization answers for something no more")
}

pub(super) fn merge_described() -> Described {
    taking::<MergeIn, MergedOut>("Merges an organization into another")
}

pub(super) fn upload_described() -> Described {
    Described {
        query: Some(schema_for!(UploadAsked).to_value()),
        ..described::<DifferenceOut>(
            "Compares a list, the body, with the register; nothing changes",
        )
    }
}

pub(super) fn difference_described() -> Described {
    described::<DifferenceOut>("What a list that waits would change")
}

pub(super) fn apply_described() -> Described {
    taking::<ApplyIn, AppliedOut>("Does what is approved of a list")
}

pub(super) fn undo_described() -> Described {
    described::<UndoneOut>("Undoes the last import of a source")
}
