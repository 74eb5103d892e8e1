//! Who works an incident: the centre, or the branch it was handed over to. A lead hands over and takes back.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use ledger::{Incident, Reach};
use model::ids::OrganizationId;
use model::newsroom::Right;
use model::organization::Role;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::draw;
use super::form::{Input, answer, done};
use super::outside::code;
use super::shell::{self, Nav, Shell};
use crate::Desk;
use crate::refusal::Refusal;
use crate::routes::{Described, Need, Route, Verb, get, post};
use crate::visitor::Visitor;
use crate::words::{fill, words};

const LEAD: Need = Need::Right(Right::Lead);

pub(crate) const ROUTES: &[Route] = &[
    Route::page("/console/incidents/{number}/owner", LEAD, || get(page)),
    Route::act("/console/incidents/{number}/owner", LEAD, || post(change)),
    Route::api(
        Verb::Post,
        "/api/v1/incidents/{number}/owner",
        LEAD,
        described,
        || post(api_change),
    ),
];

words! {
    Words {
        title: "移交事件", "Hand over";
        now: "现在由谁处置", "Worked by";
        centre: "国家中心", "the national center";
        to: "移交给", "Hand over to";
        back: "收回国家中心", "Take back to the national center";
        province: "按属地应由其处置", "its province";
        reason: "理由", "Reason";
        hand: "移交", "Hand over";
        take: "收回", "Take back";
        text: "移交后，该分中心的人可在自己的工作台研判、通报、办结；中心仍看得到。请各单位答复的通报不受影响。", "The branch's people then triage, notify and close it at their own desk. The center still sees it. Notices to parties go on.";
        none: "登记册里还没有分中心。", "There is no branch in the register yet.";
        none_text: "在处置单位登记册中给某单位加上“分中心”角色，再回到这里。", "Give an organization the role of a provincial branch in the register, then come back.";
        handed: "已移交给{name}。", "Handed over to {name}.";
        taken: "已收回。", "Taken back.";
    }
}

struct Branch {
    id: String,
    name: String,
    fits: bool,
}

#[derive(Template)]
#[template(path = "owner.html")]
struct OwnerPage {
    shell: Shell,
    w: &'static Words,
    number: i64,
    what: String,
    owner: String,
    held: bool,
    branches: Vec<Branch>,
}

/// Who works an incident from now on.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Change {
    /// Id of a branch, `ORG-...`; empty: the centre.
    #[serde(default)]
    to: String,
    /// Why.
    reason: String,
}

/// Who works an incident.
#[derive(Clone, Debug, Serialize, JsonSchema)]
struct Owned {
    /// Its number.
    number: i64,
    /// Id of the branch; none: the centre.
    owner: Option<String>,
}

fn described() -> Described {
    Described {
        summary: "Hands an incident over to a branch, or takes it back to the centre",
        body: Some(schemars::schema_for!(Change).to_value()),
        answer: Some(schemars::schema_for!(Owned).to_value()),
        ..Described::default()
    }
}

async fn page(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path(number): Path<i64>,
) -> Result<Response, Refusal> {
    let w = Words::of(visitor.lang);
    let reach = visitor.within()?;
    let incident = desk.ledger.incident_numbered(number, &reach).await?;
    let register = desk.ledger.register().await?;
    let province = incident.province.clone();
    let mut branches: Vec<Branch> = Vec::new();
    // A branch gives back; only the centre hands over.
    if reach == Reach::All {
        let all = register
            .organizations
            .iter()
            .filter(|one| one.has(Role::ProvincialBranch));
        branches.extend(all.map(|one| Branch {
            id: one.id.to_string(),
            name: one.name(code(visitor.lang)).to_owned(),
            fits: province.is_some() && one.province == province,
        }));
        branches.retain(|one| Some(&one.id) != incident.owner.as_ref());
        branches.sort_by_key(|one| !one.fits);
    }
    let owner = incident.owner.as_ref().map(|id| {
        let found = register
            .organizations
            .iter()
            .find(|one| one.id.to_string() == *id);
        found.map_or_else(|| id.clone(), |one| one.name(code(visitor.lang)).to_owned())
    });
    let title = fill(
        "{title} #{number}",
        &[("title", &w.title), ("number", &number)],
    );
    Ok(shell::page(&OwnerPage {
        shell: shell::shell(&desk, &visitor, Nav::Incidents, &title).await,
        w,
        number,
        what: draw::defang(&incident.what),
        held: owner.is_some(),
        owner: owner.unwrap_or_else(|| w.centre.to_owned()),
        branches,
    }))
}

async fn changed(
    desk: &Desk,
    visitor: &Visitor,
    number: i64,
    form: &Change,
) -> Result<Incident, Refusal> {
    let by = visitor.actor(desk, Right::Lead).await?;
    let reach = visitor.within()?;
    if form.reason.trim().is_empty() {
        return Err(Refusal::invalid("reason", "say why it changes hands"));
    }
    let to = match form.to.trim() {
        "" => None,
        text => Some(
            text.parse::<OrganizationId>()
                .map_err(|error| Refusal::invalid("to", error))?,
        ),
    };
    let done = desk
        .ledger
        .hand_over(&by, (number, &reach), to, form.reason.trim(), desk.now().0);
    Ok(done.await?)
}

async fn change(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path(number): Path<i64>,
    Input(form): Input<Change>,
) -> Result<Response, Refusal> {
    let w = Words::of(visitor.lang);
    let incident = changed(&desk, &visitor, number, &form).await?;
    let said = match incident.owner.as_deref().and_then(|id| id.parse().ok()) {
        None => w.taken.to_owned(),
        Some(id) => {
            let branch = desk.ledger.organization(id).await?;
            fill(w.handed, &[("name", &branch.name(code(visitor.lang)))])
        }
    };
    // A branch that gave it back sees it no more.
    let to = match visitor.within()? {
        Reach::All => format!("/console/incidents/{number}"),
        Reach::Owner(_) => "/console/incidents".to_owned(),
    };
    Ok(done(&to, &said))
}

async fn api_change(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path(number): Path<i64>,
    headers: HeaderMap,
    Input(form): Input<Change>,
) -> Result<Response, Refusal> {
    let incident = changed(&desk, &visitor, number, &form).await?;
    answer(
        &headers,
        &Owned {
            number,
            owner: incident.owner,
        },
    )
}
