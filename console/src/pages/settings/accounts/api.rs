//! Accounts as programs ask for them: what they send, what they are told, and the same acts as the pages'.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use ledger::Account;
use model::newsroom::AccountRole;
use model::worded::Word;
use serde::{Deserialize, Serialize};

use super::{Belongs, belong, drop_factor, end_all, make_password, set};
use crate::Desk;
use crate::once::ShownOnce;
use crate::pages::draw;
use crate::pages::form::{Input, answer};
use crate::pages::settings::of_the_house;
use crate::refusal::Refusal;
use crate::routes::Described;
use crate::signing;
use crate::visitor::Visitor;

/// An account as a program says it.
#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SetAccount {
    /// Login: a to z, 0 to 9, dot, hyphen and underscore.
    login: String,
    /// The person's name.
    #[serde(default)]
    name: String,
    /// Labels of the roles.
    roles: Vec<String>,
    /// Whether it may act; `true` where nothing is said.
    active: Option<bool>,
}

pub(super) async fn set_api(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
    Input(body): Input<SetAccount>,
) -> Result<Response, Refusal> {
    let mut roles = Vec::new();
    for label in &body.roles {
        let role = label.parse::<AccountRole>();
        roles.push(role.map_err(|_| Refusal::invalid("roles", format!("`{label}` is no role")))?);
    }
    let names = (body.login.as_str(), body.name.as_str());
    let account = set(&desk, &visitor, names, &roles, body.active).await?;
    answer(&headers, &told(&desk, &account).await?)
}

/// An account as the API tells it.
#[derive(Serialize, schemars::JsonSchema)]
struct Told {
    /// Login.
    login: String,
    /// The person's name.
    name: String,
    /// Labels of the roles.
    roles: Vec<&'static str>,
    /// Whether it may act.
    active: bool,
    /// Id of the organization; absent for people of the house.
    organization: Option<String>,
    /// Whether a second factor is in force.
    second_factor: bool,
    /// When it was made (RFC 3339).
    created_at: String,
    /// Who made it.
    created_by: String,
}

#[derive(Serialize, schemars::JsonSchema)]
struct ToldList {
    items: Vec<Told>,
    /// Where the next page begins; there is one page.
    next: Option<String>,
}

async fn told(desk: &Desk, account: &Account) -> Result<Told, Refusal> {
    Ok(Told {
        login: account.login.clone(),
        name: account.name.clone(),
        roles: account.roles().into_iter().map(Word::label).collect(),
        active: account.active,
        organization: account.organization.clone(),
        second_factor: signing::has_second_factor(desk, &account.login).await?,
        created_at: draw::stamp(account.created_at),
        created_by: account.created_by.clone(),
    })
}

pub(super) fn list_described() -> Described {
    Described {
        summary: "Accounts, by login.",
        answer: Some(schemars::schema_for!(ToldList).to_value()),
        ..Described::default()
    }
}

pub(super) fn set_described() -> Described {
    Described {
        summary: "Makes an account, or changes its name, roles and whether it may act.",
        body: Some(schemars::schema_for!(SetAccount).to_value()),
        answer: Some(schemars::schema_for!(Told).to_value()),
        ..Described::default()
    }
}

pub(super) async fn list_api(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    of_the_house(&visitor)?;
    let mut items = Vec::new();
    for account in desk.ledger.accounts().await? {
        items.push(told(&desk, &account).await?);
    }
    answer(&headers, &ToldList { items, next: None })
}

pub(super) fn organization_described() -> Described {
    Described {
        summary: "Says which organization an account works for; an empty one: the house.",
        body: Some(schemars::schema_for!(Belongs).to_value()),
        answer: Some(schemars::schema_for!(Told).to_value()),
        ..Described::default()
    }
}

pub(super) async fn organization_api(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
    Path(login): Path<String>,
    Input(body): Input<Belongs>,
) -> Result<Response, Refusal> {
    let account = belong(&desk, &visitor, &login, &body).await?;
    answer(&headers, &told(&desk, &account).await?)
}

/// A password, told once.
#[derive(Serialize, schemars::JsonSchema)]
struct MadePassword {
    /// It must be changed at the first sign-in.
    password: String,
}

pub(super) fn password_described() -> Described {
    Described {
        summary: "Makes a password, which is told once and must be changed at the first sign-in; ends all sessions.",
        answer: Some(schemars::schema_for!(MadePassword).to_value()),
        ..Described::default()
    }
}

pub(super) async fn password_api(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
    Path(login): Path<String>,
) -> Result<Response, Refusal> {
    let password = make_password(&desk, &visitor, &login).await?;
    let mut response = answer(&headers, &MadePassword { password })?;
    response.extensions_mut().insert(ShownOnce);
    Ok(response)
}

pub(super) fn factor_described() -> Described {
    Described {
        summary: "Takes the second factor off an account, and ends its sessions.",
        status: 204,
        ..Described::default()
    }
}

pub(super) async fn factor_api(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path(login): Path<String>,
) -> Result<axum::http::StatusCode, Refusal> {
    drop_factor(&desk, &visitor, &login).await?;
    Ok(axum::http::StatusCode::NO_CONTENT)
}

pub(super) fn sessions_described() -> Described {
    Described {
        summary: "Ends all sessions of an account.",
        status: 204,
        ..Described::default()
    }
}

pub(super) async fn sessions_api(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path(login): Path<String>,
) -> Result<axum::http::StatusCode, Refusal> {
    end_all(&desk, &visitor, &login).await?;
    Ok(axum::http::StatusCode::NO_CONTENT)
}
