//! What is changed about a party: one function an act, for the page's form and for programs.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::Response;
use ledger::{Contact, Merged, Organization};
use model::ids::{ContactId, OrganizationId};
use model::organization::{Channel, NoticeFormat, Role, Scope, Trust};
use response::party::entry::{ContactChange, ContactWords, Wrong};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::one::Words;
use crate::Desk;
use crate::pages::form::{Input, done};
use crate::pages::paging;
use crate::refusal::Refusal;
use crate::visitor::Visitor;
use crate::words::fill;

/// A change of an organization; what is left out stays as it is.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Edit {
    /// Name in Chinese.
    name_zh: Option<String>,
    /// Name in English.
    name_en: Option<String>,
    /// Labels of its roles.
    roles: Option<Vec<String>>,
    /// Two letters; empty: none.
    country: Option<String>,
    /// GB/T 2260; empty: none.
    province: Option<String>,
    /// IANA zone of its working hours.
    zone: Option<String>,
    /// Language of its notices: `zh` or `en`.
    language: Option<String>,
    /// Hours for which notices are gathered.
    interval_hours: Option<u32>,
    /// Whether it may be written to.
    may_contact: Option<bool>,
    /// Whether its resources may be probed.
    may_probe: Option<bool>,
    /// `normal`, `untrusted` or `compromised`.
    trust: Option<String>,
    /// Whether it is in use.
    active: Option<bool>,
    /// The version that was read: somebody else's change since is not overwritten.
    version: Option<i32>,
    /// The reason, kept in the audit trail.
    #[serde(default)]
    reason: String,
}

/// A contact to be added.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ContactIn {
    /// `mail`, `webhook`, `files`, `manual`.
    channel: String,
    /// Where: a mail address, a URL, a folder, or what a person does.
    address: String,
    /// `zh` or `en`; empty: the organization's.
    #[serde(default)]
    language: String,
    /// `csv`, `arf`, `xarf`, `iodef`, `stix`; empty: none.
    #[serde(default)]
    format: String,
    /// Working hours, as `Mon-Fri 09:00-18:00`.
    #[serde(default)]
    hours: String,
    /// OpenPGP certificate, armored.
    #[serde(default)]
    pgp_key: String,
}

/// A change of a contact; what is empty stays as it is.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ContactEdit {
    /// `zh` or `en`.
    #[serde(default)]
    language: String,
    /// `csv`, `arf`, `xarf`, `iodef`, `stix`.
    #[serde(default)]
    format: String,
    /// Working hours.
    #[serde(default)]
    hours: String,
    /// OpenPGP certificate, armored.
    #[serde(default)]
    pgp_key: String,
    /// `true`: its key is taken away.
    #[serde(default)]
    no_key: String,
    /// `true`: it asked not to be written to; `false`: it may be written to again.
    #[serde(default)]
    opted_out: String,
    /// `false`: it is used no more; `true`: it is used again, with full quality.
    #[serde(default)]
    used: String,
    /// The reason, kept in the audit trail.
    #[serde(default)]
    reason: String,
}

/// What an organization answers for.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DutyIn {
    /// `prefix`, `asn`, `domain`, `tld`, `registrar-id`, `platform`, `province`, `country`.
    scope: String,
    /// The thing.
    value: String,
}

/// Why.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Why {
    /// The reason, kept in the audit trail.
    #[serde(default)]
    pub(crate) reason: String,
}

/// Into which organization another one is merged.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MergeIn {
    /// The id of the one that stays, `ORG-...`.
    into: String,
    /// The reason, kept in the audit trail.
    #[serde(default)]
    reason: String,
}

impl From<Wrong> for Refusal {
    fn from(wrong: Wrong) -> Self {
        match wrong {
            // The remedy of the command line is none here; the form says what fits.
            Wrong::Word(what, why, _) => Refusal::invalid(&what, why),
            Wrong::Key(why) => Refusal::invalid("pgp_key", why),
            Wrong::Desk(error) => error.into(),
        }
    }
}

/// The organization of an id.
pub(super) async fn load(
    desk: &Desk,
    visitor: &Visitor,
    id: &str,
) -> Result<Organization, Refusal> {
    visitor.of_the_house()?;
    let id: OrganizationId = id.parse().map_err(|_| Refusal::Absent)?;
    Ok(desk.ledger.organization(id).await?)
}

/// A word of a closed list, or what is wrong with it.
fn read<T: std::str::FromStr>(field: &str, text: &str) -> Result<T, Refusal> {
    let wrong = |_| Refusal::invalid(field, format!("`{text}` is not one of its words"));
    text.trim().parse().map_err(wrong)
}

/// A word of a closed list, where one is given.
fn read_filled<T: std::str::FromStr>(field: &str, text: &str) -> Result<Option<T>, Refusal> {
    paging::filled(text)
        .map(|text| read(field, &text))
        .transpose()
}

fn flag(text: &str) -> Option<bool> {
    match text {
        "true" | "on" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}

pub(super) async fn edit(
    desk: &Desk,
    visitor: &Visitor,
    id: &str,
    asked: Edit,
) -> Result<Organization, Refusal> {
    let found = load(desk, visitor, id).await?;
    let reason = paging::reason(&asked.reason)?;
    if asked
        .version
        .is_some_and(|version| version != found.version)
    {
        return Err(Refusal::Changed);
    }
    let roles = match &asked.roles {
        None => None,
        Some(all) => {
            let read = all.iter().map(|role| read::<Role>("roles", role));
            let mut read = read.collect::<Result<Vec<_>, _>>()?;
            read.sort_unstable();
            read.dedup();
            let words: Vec<_> = read.iter().map(ToString::to_string).collect();
            Some(words.join(" "))
        }
    };
    let trust = match &asked.trust {
        None => None,
        Some(text) => Some(read::<Trust>("trust", text)?),
    };
    for (field, name) in [("name_zh", &asked.name_zh), ("name_en", &asked.name_en)] {
        if name.as_ref().is_some_and(|name| name.trim().is_empty()) {
            return Err(Refusal::invalid(field, "is empty"));
        }
    }
    if let Some(zone) = &asked.zone
        && jiff::tz::TimeZone::get(zone.trim()).is_err()
    {
        return Err(Refusal::invalid(
            "zone",
            "is no IANA zone, as Asia/Shanghai",
        ));
    }
    if let Some(language) = &asked.language
        && !matches!(language.as_str(), "zh" | "en")
    {
        return Err(Refusal::invalid("language", "is neither zh nor en"));
    }
    if let Some(country) = &asked.country
        && !(country.is_empty() || (country.len() == 2 && country.is_ascii()))
    {
        return Err(Refusal::invalid("country", "is no code of two letters"));
    }
    let what = json!({ "name_zh": asked.name_zh, "name_en": asked.name_en, "roles": roles,
        "country": asked.country, "province": asked.province, "zone": asked.zone,
        "language": asked.language, "interval_hours": asked.interval_hours,
        "may_contact": asked.may_contact, "may_probe": asked.may_probe, "trust": trust,
        "active": asked.active, "reason": reason });
    let change = move |row: &mut Organization| {
        let set = |field: &mut String, text: Option<String>| {
            if let Some(text) = text {
                text.trim().clone_into(field);
            }
        };
        let marked = (row.may_contact, row.may_probe, row.trust.0);
        set(&mut row.name_zh, asked.name_zh);
        set(&mut row.name_en, asked.name_en);
        set(&mut row.roles, roles);
        set(&mut row.zone, asked.zone);
        set(&mut row.language, asked.language);
        if let Some(country) = asked.country {
            row.country = paging::filled(&country.to_ascii_uppercase());
        }
        if let Some(province) = asked.province {
            row.province = paging::filled(&province);
        }
        if let Some(hours) = asked.interval_hours {
            row.interval_secs = i64::from(hours) * 3600;
        }
        row.may_contact = asked.may_contact.unwrap_or(row.may_contact);
        row.may_probe = asked.may_probe.unwrap_or(row.may_probe);
        row.trust = trust.map_or(row.trust, ledger::Text);
        row.active = asked.active.unwrap_or(row.active);
        if marked != (row.may_contact, row.may_probe, row.trust.0) {
            row.mark_reason = Some(reason);
        }
        // What a person entered is not changed by imports.
        row.protected = true;
    };
    let (id, now, who) = (found.organization_id(), desk.now().0, visitor.login());
    let edited = desk.ledger.edit_organization(id, what, change, who, now);
    Ok(edited.await?)
}

pub(super) async fn contact(
    desk: &Desk,
    visitor: &Visitor,
    id: &str,
    asked: &ContactIn,
) -> Result<Contact, Refusal> {
    let of = load(desk, visitor, id).await?;
    let channel: Channel = read("channel", &asked.channel)?;
    let words = ContactWords {
        language: paging::filled(&asked.language),
        format: read_filled::<NoticeFormat>("format", &asked.format)?,
        hours: paging::filled(&asked.hours),
        pgp_key: paging::filled(&asked.pgp_key),
    };
    let entered = desk
        .response
        .enter_contact(&of, channel, &asked.address, words, visitor.login());
    let entered = entered.await?;
    Ok(desk.ledger.contact(entered).await?)
}

pub(super) async fn change(
    desk: &Desk,
    visitor: &Visitor,
    (id, contact): (&str, &str),
    asked: &ContactEdit,
) -> Result<Contact, Refusal> {
    let of = load(desk, visitor, id).await?;
    let reason = paging::reason(&asked.reason)?;
    let contact: ContactId = contact.parse().map_err(|_| Refusal::Absent)?;
    let found = desk.ledger.contact(contact).await?;
    if found.organization_id != of.id {
        return Err(Refusal::Absent);
    }
    let change = ContactChange {
        words: ContactWords {
            language: paging::filled(&asked.language),
            format: read_filled::<NoticeFormat>("format", &asked.format)?,
            hours: paging::filled(&asked.hours),
            pgp_key: paging::filled(&asked.pgp_key),
        },
        opted_out: flag(&asked.opted_out),
        used: flag(&asked.used),
        no_key: flag(&asked.no_key) == Some(true),
    };
    let who = (reason.as_str(), visitor.login());
    let (row, _) = desk.response.change_contact(contact, change, who).await?;
    Ok(row)
}

pub(super) async fn duty(
    desk: &Desk,
    visitor: &Visitor,
    id: &str,
    asked: &DutyIn,
) -> Result<(), Refusal> {
    let of = load(desk, visitor, id).await?;
    let scope: Scope = read("scope", &asked.scope)?;
    let entered = desk
        .response
        .enter_duty(&of, scope, &asked.value, visitor.login());
    Ok(entered.await?)
}

pub(super) async fn end_duty(
    desk: &Desk,
    visitor: &Visitor,
    (id, duty): (&str, &str),
    why: &str,
) -> Result<(), Refusal> {
    let of = load(desk, visitor, id).await?;
    let reason = paging::reason(why)?;
    let number = paging::number(duty)?;
    let own = desk.ledger.responsibilities(of.organization_id()).await?;
    if !own.iter().any(|one| one.id == number && one.active) {
        return Err(Refusal::Absent);
    }
    let (who, now) = (visitor.login(), desk.now().0);
    let ended = [number];
    let ended = desk.ledger.end_responsibilities(&ended, &reason, who, now);
    Ok(ended.await?)
}

pub(super) async fn merge(
    desk: &Desk,
    visitor: &Visitor,
    id: &str,
    asked: &MergeIn,
) -> Result<(OrganizationId, Merged), Refusal> {
    let from = load(desk, visitor, id).await?.organization_id();
    let reason = paging::reason(&asked.reason)?;
    let into: OrganizationId = asked
        .into
        .trim()
        .parse()
        .map_err(|_| Refusal::invalid("into", "is no id, as ORG-..."))?;
    if let Err(ledger::Error::NotFound { .. }) = desk.ledger.organization(into).await {
        return Err(Refusal::invalid("into", "is nobody's id"));
    }
    let (who, now) = (visitor.login(), desk.now().0);
    let merged = desk
        .ledger
        .merge_organizations(from, into, &reason, who, now);
    Ok((into, merged.await?))
}

fn back(id: &str, said: &str) -> Response {
    done(&format!("/console/parties/{id}"), said)
}

/// The form of an organization: its roles are check boxes, and a box that is not ticked is not sent.
pub(super) async fn edit_form(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Response, Refusal> {
    let (roles, others) = paging::repeated(&body, "role");
    let mut asked = Edit {
        roles: Some(roles),
        may_contact: Some(false),
        may_probe: Some(false),
        active: Some(false),
        ..Edit::default()
    };
    for (key, value) in others {
        match key.as_str() {
            "name_zh" => asked.name_zh = Some(value),
            "name_en" => asked.name_en = Some(value),
            "country" => asked.country = Some(value),
            "province" => asked.province = Some(value),
            "zone" => asked.zone = Some(value),
            "language" => asked.language = Some(value),
            "trust" => asked.trust = Some(value),
            "interval_hours" => asked.interval_hours = Some(read("interval_hours", &value)?),
            "version" => asked.version = Some(read("version", &value)?),
            "may_contact" => asked.may_contact = Some(true),
            "may_probe" => asked.may_probe = Some(true),
            "active" => asked.active = Some(true),
            "reason" => asked.reason = value,
            other => return Err(Refusal::invalid(other, "is no field of this form")),
        }
    }
    edit(&desk, &visitor, &id, asked).await?;
    Ok(back(&id, Words::of(visitor.lang).done_edit))
}

pub(super) async fn contact_form(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path(id): Path<String>,
    Input(asked): Input<ContactIn>,
) -> Result<Response, Refusal> {
    contact(&desk, &visitor, &id, &asked).await?;
    Ok(back(&id, Words::of(visitor.lang).done_contact))
}

pub(super) async fn change_form(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path((id, contact)): Path<(String, String)>,
    Input(asked): Input<ContactEdit>,
) -> Result<Response, Refusal> {
    change(&desk, &visitor, (&id, &contact), &asked).await?;
    Ok(back(&id, Words::of(visitor.lang).done_change))
}

pub(super) async fn duty_form(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path(id): Path<String>,
    Input(asked): Input<DutyIn>,
) -> Result<Response, Refusal> {
    duty(&desk, &visitor, &id, &asked).await?;
    Ok(back(&id, Words::of(visitor.lang).done_duty))
}

pub(super) async fn end_duty_form(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path((id, duty)): Path<(String, String)>,
    Input(why): Input<Why>,
) -> Result<Response, Refusal> {
    end_duty(&desk, &visitor, (&id, &duty), &why.reason).await?;
    Ok(back(&id, Words::of(visitor.lang).done_end_duty))
}

pub(super) async fn merge_form(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path(id): Path<String>,
    Input(asked): Input<MergeIn>,
) -> Result<Response, Refusal> {
    let (into, merged) = merge(&desk, &visitor, &id, &asked).await?;
    let said = fill(
        Words::of(visitor.lang).done_merge,
        &[("c", &merged.contacts), ("d", &merged.responsible)],
    );
    Ok(back(&into.to_string(), &said))
}
