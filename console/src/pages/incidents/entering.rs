//! An incident that a person enters: by telephone, or seen by chance. It waits to be validated as any other.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use ledger::incident::Triage;
use ledger::{Incident, NewIncident, Reach};
use model::ids::IncidentId;
use model::incident::{CaseKind, Severity};
use model::territory::Territory;
use model::tlp::Tlp;
use model::worded::Word;
use schemars::JsonSchema;
use serde::Deserialize;

use super::At;
use super::acts::{closed, needed};
use super::words::ListWords;
use crate::Desk;
use crate::pages::form::{self, Input};
use crate::pages::shell::{self, Nav, Shell};
use crate::refusal::Refusal;
use crate::visitor::Visitor;
use crate::words::{fill, word};

/// The rule that incidents of people bear; none of triage has this name.
const RULE: &str = "person";

/// An incident to be entered.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Enter {
    /// Kind of case.
    kind: String,
    /// In one line.
    what: String,
    /// The address of the page or file.
    url: String,
    /// The host name.
    host: String,
    /// The internet address.
    ip: String,
    /// The brand that is imitated.
    brand: String,
    /// Weight: low, medium, high, critical.
    severity: String,
}

#[derive(Template)]
#[template(path = "incidents/new.html")]
struct NewPage {
    shell: Shell,
    w: &'static ListWords,
    kinds: Vec<(&'static str, &'static str)>,
    severities: Vec<(&'static str, &'static str)>,
    typed: Enter,
    wrong: Option<String>,
}

async fn form_page(
    desk: &Desk,
    visitor: &Visitor,
    typed: Enter,
    wrong: Option<String>,
) -> Response {
    let (lang, w) = (visitor.lang, ListWords::of(visitor.lang));
    let status = match wrong {
        Some(_) => axum::http::StatusCode::UNPROCESSABLE_ENTITY,
        None => axum::http::StatusCode::OK,
    };
    shell::status_page(
        status,
        &NewPage {
            shell: shell::shell(desk, visitor, Nav::Incidents, w.new).await,
            w,
            kinds: CaseKind::ALL
                .iter()
                .map(|kind| (kind.label(), word(*kind, lang)))
                .collect(),
            severities: Severity::ALL
                .iter()
                .map(|one| (one.label(), word(*one, lang)))
                .collect(),
            typed,
            wrong,
        },
    )
}

pub(super) async fn page(State(desk): At, visitor: Visitor) -> Response {
    let typed = Enter {
        severity: "medium".to_owned(),
        ..Enter::default()
    };
    form_page(&desk, &visitor, typed, None).await
}

/// Opens it; within reach of whoever enters it.
pub(super) async fn open(
    desk: &Desk,
    visitor: &Visitor,
    body: &Enter,
) -> Result<Incident, Refusal> {
    let w = ListWords::of(visitor.lang);
    let what = needed("what", &body.what, visitor)?;
    let kind: CaseKind = closed("kind", &body.kind)?;
    let severity = match body.severity.as_str() {
        "" => Severity::Medium,
        text => closed("severity", text)?,
    };
    let some = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    // As people write addresses to each other.
    let live = |text: &str| text.trim().replace("[.]", ".").replacen("hxxp", "http", 1);
    let url = match some(&live(&body.url)) {
        Some(text) => {
            let read = url::Url::parse(&text).map_err(|error| Refusal::invalid("url", error))?;
            Some((text, read.host_str().map(str::to_lowercase)))
        }
        None => None,
    };
    let host = some(&live(&body.host).to_lowercase()).or_else(|| url.as_ref()?.1.clone());
    let ip = match some(&live(&body.ip)) {
        Some(text) => Some(
            text.parse::<std::net::IpAddr>()
                .map_err(|error| Refusal::invalid("ip", error))?,
        ),
        None => host.as_deref().and_then(|host| host.parse().ok()),
    };
    let host = host.filter(|host| host.parse::<std::net::IpAddr>().is_err());
    let Some(key) = url
        .as_ref()
        .map(|(text, _)| text.clone())
        .or_else(|| host.clone())
        .or(ip.map(|ip| ip.to_string()))
    else {
        return Err(Refusal::invalid("url", w.n_need));
    };
    let now = desk.now();
    let id = IncidentId::draw(now, (desk.response.random)());
    let reach = visitor.within()?;
    let new = NewIncident {
        id,
        kind,
        severity,
        rule: RULE.to_owned(),
        key,
        what: what.to_owned(),
        url: url.map(|(text, _)| text),
        host,
        ip: ip.map(|ip| ip.to_string()),
        asn: None,
        name: None,
        brand: some(&body.brand),
        country: None,
        province: None,
        territory: Territory::Unknown,
        border: Vec::new(),
        flags: Vec::new(),
        owner: match &reach {
            Reach::All => None,
            Reach::Owner(own) => Some(own.clone()),
        },
        tlp: Tlp::Amber,
        origin: "person".to_owned(),
        external_number: None,
        first_seen_at: now.0,
        last_seen_at: now.0,
        validated_by: None,
    };
    let triage = Triage {
        opened: vec![new],
        ..Triage::default()
    };
    desk.ledger
        .commit_triage(triage, RULE, visitor.login(), now.0)
        .await?;
    Ok(desk.ledger.incident(id, &reach).await?)
}

pub(super) async fn enter(
    State(desk): At,
    visitor: Visitor,
    Input(body): Input<Enter>,
) -> Result<Response, Refusal> {
    match open(&desk, &visitor, &body).await {
        Ok(one) => {
            let said = fill(ListWords::of(visitor.lang).n_done, &[("n", &one.number)]);
            Ok(form::done(
                &format!("/console/incidents/{}", one.number),
                &said,
            ))
        }
        Err(wrong @ (Refusal::Invalid(..) | Refusal::Conflict(..))) => {
            Ok(form_page(&desk, &visitor, body, Some(wrong.detail())).await)
        }
        Err(other) => Err(other),
    }
}
