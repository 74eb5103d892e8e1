//! How far an incident may go, from when, whose information it is, and who may get it: shown, and changed.

use std::collections::{BTreeMap, BTreeSet};

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use ledger::{Beside, Incident, Marked, NewMarking, Organization};
use model::bulletin::Lang;
use model::ids::OrganizationId;
use model::marking::{Marking, To};
use model::time::Timestamp;
use model::tlp::Tlp;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

use super::acts::{load, needed};
use super::api::{after, if_match};
use super::panel::Typed;
use super::words::CaseWords;
use super::{At, machine};
use crate::Desk;
use crate::pages::draw;
use crate::pages::form::Input;
use crate::refusal::Refusal;
use crate::visitor::Visitor;
use crate::words::fill;

/// A marking. What is left out stays as it is.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MarkBody {
    /// How far it may be passed on: clear, green, amber, amber+strict, red.
    #[serde(default)]
    tlp: Option<String>,
    /// When its embargo ends: RFC 3339, or local time to the minute, or a day; empty: it has none.
    #[serde(default)]
    embargo_until: Option<String>,
    /// Whose information it is, an organization by id or name; empty: this house's.
    #[serde(default)]
    originator: Option<String>,
    /// Who may get it, organizations by id or name; none: whoever its TLP lets.
    #[serde(default, deserialize_with = "lines")]
    recipients: Option<Vec<String>>,
    /// Who of the originator agreed to a lower marking, and where that is written.
    #[serde(default)]
    consent: String,
    /// Why.
    reason: String,
}

/// A list that a form writes as one text, a name a line, and a program as an array.
fn lines<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<String>>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        One(String),
        Many(Vec<String>),
    }
    let ends = |c: char| matches!(c, '\n' | '\r' | ';' | '；');
    let all = match Either::deserialize(from)? {
        Either::Many(all) => all,
        Either::One(text) => text.split(ends).map(str::to_owned).collect(),
    };
    let all = all.into_iter().map(|one| one.trim().to_owned());
    Ok(Some(all.filter(|one| !one.is_empty()).collect()))
}

fn code(lang: Lang) -> &'static str {
    match lang {
        Lang::Zh => "zh",
        Lang::En => "en",
    }
}

/// When an embargo ends; text that is what the form showed changes nothing.
fn until(desk: &Desk, text: &str, before: Option<i64>) -> Result<Option<i64>, Refusal> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    if before.is_some_and(|at| draw::exact(desk, at) == text) {
        return Ok(before);
    }
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Ok(Some(at.as_microsecond()));
    }
    let wrong = |_| Refusal::invalid("embargo_until", "2026-11-19 08:30");
    let local: jiff::civil::DateTime = match text.len() {
        10 => text
            .parse::<jiff::civil::Date>()
            .map_err(wrong)?
            .at(0, 0, 0, 0),
        _ => text.replace(' ', "T").parse().map_err(wrong)?,
    };
    let at = desk.terms().zone.to_ambiguous_timestamp(local);
    Ok(Some(at.compatible().map_err(wrong)?.as_microsecond()))
}

/// An organization in use, by id or name.
fn named(all: &[Organization], field: &str, text: &str) -> Result<OrganizationId, Refusal> {
    let text = text.trim();
    let id = text.parse::<OrganizationId>().ok();
    let found = all
        .iter()
        .filter(|one| one.active)
        .find(|one| Some(one.id.0) == id || one.name_zh == text || one.name_en == text);
    found
        .map(|one| one.id.0)
        .ok_or_else(|| Refusal::invalid(field, text))
}

/// Changes the marking of an incident.
pub(super) async fn mark(
    desk: &Desk,
    visitor: &Visitor,
    number: i64,
    body: &MarkBody,
    version: Option<i32>,
) -> Result<Marked, Refusal> {
    let reason = needed("reason", &body.reason, visitor)?;
    let one = load(desk, visitor, number).await?;
    let names = body.originator.is_some() || body.recipients.is_some();
    let register = match names {
        true => desk.ledger.organizations(None).await?,
        false => Vec::new(),
    };
    let originator = match body.originator.as_deref().map(str::trim) {
        None => None,
        Some("") => Some(None),
        Some(text) => Some(Some(named(&register, "originator", text)?)),
    };
    let recipients = match &body.recipients {
        None => None,
        Some(all) => {
            let all = all.iter().map(|text| named(&register, "recipients", text));
            Some(all.collect::<Result<BTreeSet<_>, _>>()?)
        }
    };
    let new = NewMarking {
        tlp: match body.tlp.as_deref() {
            None | Some("") => None,
            Some(text) => {
                let known = "clear, green, amber, amber+strict, red";
                Some(Tlp::read(text).ok_or_else(|| Refusal::invalid("tlp", known))?)
            }
        },
        embargo_until: match body.embargo_until.as_deref() {
            None => None,
            Some(text) => Some(until(desk, text, one.embargo_until)?),
        },
        originator,
        recipients,
        consent: body.consent.clone(),
        reason: reason.to_owned(),
        version,
    };
    let by = visitor.actor(desk, new.right(&one)).await?;
    let reach = visitor.within()?;
    let marked = desk
        .ledger
        .mark_incident(&by, (number, &reach), &new, desk.now().0);
    Ok(marked.await?)
}

/// The marking of an incident of a page.
pub(super) fn of(one: &Incident, beside: &Beside) -> Marking {
    let named = beside.recipients.get(&one.incident_id());
    one.marking(named.cloned().unwrap_or_default())
}

fn name(all: &BTreeMap<OrganizationId, Organization>, id: OrganizationId, lang: Lang) -> String {
    all.get(&id)
        .map_or_else(|| id.to_string(), |org| org.name(code(lang)).to_owned())
}

/// The facts of a marking beside its TLP.
pub(super) fn facts(
    desk: &Desk,
    marking: &Marking,
    beside: &Beside,
    lang: Lang,
) -> Vec<(&'static str, String)> {
    let w = CaseWords::of(lang);
    let now = desk.now();
    let mut facts = Vec::new();
    if let Some(until) = marking.embargo_until {
        let when = draw::exact(desk, until.0);
        let left = draw::span(until.0 - now.0, lang);
        let told = match marking.embargo(now) {
            Some(_) => fill(w.embargo_left, &[("when", &when), ("left", &left)]),
            None => fill(w.embargo_over, &[("when", &when)]),
        };
        facts.push((w.embargo, told));
    }
    if let Some(id) = marking.originator {
        facts.push((w.originator, name(&beside.organizations, id, lang)));
    }
    if !marking.recipients.is_empty() {
        let all = marking.recipients.iter();
        let all = all.map(|id| name(&beside.organizations, *id, lang));
        let between = if lang == Lang::Zh { "、" } else { ", " };
        facts.push((w.recipients, all.collect::<Vec<_>>().join(between)));
    }
    facts
}

/// Why an incident may not leave to a party now, in a language.
pub(super) fn kept_back(
    desk: &Desk,
    (marking, beside): (&Marking, &Beside),
    party: OrganizationId,
    lang: Lang,
) -> Option<String> {
    let why = marking.may_leave(To::Party(party), desk.now()).err()?;
    let originator = match marking.originator {
        Some(id) => name(&beside.organizations, id, lang),
        None => CaseWords::of(lang).this_house.to_owned(),
    };
    Some(machine::told(&why.told(&originator), lang))
}

/// What a form begins with: the marking as it is, unless something else was typed.
pub(super) async fn usual(
    desk: &Desk,
    typed: &mut Typed,
    one: &Incident,
    lang: Lang,
) -> Result<(), Refusal> {
    let marking = desk.ledger.marking(one).await?;
    let ids: Vec<OrganizationId> = marking
        .recipients
        .iter()
        .chain(&marking.originator)
        .copied()
        .collect();
    let known = desk.ledger.organizations_of(&ids).await?;
    let mut usual = |field: &str, text: String| {
        typed.0.entry(field.to_owned()).or_insert(text);
    };
    let until = |at: Timestamp| draw::exact(desk, at.0);
    usual("tlp", marking.tlp.to_string());
    usual(
        "embargo_until",
        marking.embargo_until.map(until).unwrap_or_default(),
    );
    let originator = marking.originator.map(|id| name(&known, id, lang));
    usual("originator", originator.unwrap_or_default());
    let recipients = marking.recipients.iter();
    let recipients = recipients.map(|id| name(&known, *id, lang));
    usual("recipients", recipients.collect::<Vec<_>>().join("\n"));
    Ok(())
}

pub(super) async fn put(
    State(desk): At,
    visitor: Visitor,
    headers: HeaderMap,
    Path(number): Path<i64>,
    Input(body): Input<MarkBody>,
) -> Result<Response, Refusal> {
    mark(&desk, &visitor, number, &body, if_match(&headers)?).await?;
    after(&desk, &visitor, number).await
}
