//! Signing in through another house's provider, and tying what it vouches for to an account.
//!
//! A subject is tied to an account on its first use: to the account whose login the provider's claim names, if an
//! administrator made it without a password. Whoever has a password ties the subject themselves, signed in, so that
//! a name that somebody chose at the provider takes over nothing.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use ledger::{Account, NewIdentity};
use serde::Deserialize;

use super::{Asked, Words, finish, form};
use crate::Desk;
use crate::oidc::{BACK, Errand, Person, Provider};
use crate::pages::form::done;
use crate::pages::shell;
use crate::refusal::Refusal;
use crate::routes::{Need, Route, get};
use crate::visitor::{ERRAND, Visitor, cookie, set_cookie};
use crate::words::fill;

pub(crate) const ROUTES: &[Route] = &[
    Route::page("/console/sign-in/oidc", Need::Nothing, || get(away)),
    Route::page(BACK, Need::Nothing, || get(back)),
];

/// How long the way there and back may take.
const LASTS: i64 = 600;

/// Sends the browser to the provider.
async fn away(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Result<Response, Refusal> {
    let terms = desk.sign_in();
    let provider = terms.provider.as_ref().ok_or(Refusal::Absent)?;
    let errand = Errand {
        state: desk.secret()?,
        nonce: desk.secret()?,
        verifier: desk.secret()?,
        to: asked.to,
    };
    let url = match desk.oidc.begin(provider, &errand).await {
        Ok(url) => url,
        Err(error) => {
            tracing::error!(%error, "signing in through the provider");
            return failed(&desk, &visitor, provider, Words::of(visitor.lang).failed).await;
        }
    };
    let mut response =
        axum::response::IntoResponse::into_response(axum::response::Redirect::to(url.as_str()));
    let errand = set_cookie(ERRAND, &errand.text(), LASTS)?;
    response.headers_mut().append(header::SET_COOKIE, errand);
    Ok(response)
}

/// What the provider sends along.
#[derive(Deserialize)]
struct Sent {
    #[serde(default)]
    code: String,
    #[serde(default)]
    state: String,
    #[serde(default)]
    error: String,
    /// Who sends it (RFC 9207).
    iss: Option<String>,
}

async fn failed(
    desk: &Desk,
    visitor: &Visitor,
    provider: &Provider,
    text: &str,
) -> Result<Response, Refusal> {
    let said = fill(text, &[("name", &provider.name)]);
    let page = form(desk, visitor, (String::new(), String::new()), said).await?;
    let mut response = shell::status_page(StatusCode::UNAUTHORIZED, &page);
    let gone = set_cookie(ERRAND, "", 0)?;
    response.headers_mut().append(header::SET_COOKIE, gone);
    Ok(response)
}

/// The browser comes back.
async fn back(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
    Query(sent): Query<Sent>,
) -> Result<Response, Refusal> {
    let terms = desk.sign_in();
    let provider = terms.provider.as_ref().ok_or(Refusal::Absent)?;
    let w = Words::of(visitor.lang);
    let now = desk.now().0;
    let errand = cookie(&headers, ERRAND).and_then(Errand::read);
    let from_it = sent
        .iss
        .as_ref()
        .is_none_or(|issuer| *issuer == provider.issuer);
    // What was not begun in this browser is not ended in it.
    let errand = errand.filter(|errand| errand.state == sent.state && from_it);
    let (Some(errand), false, true) = (errand, sent.code.is_empty(), sent.error.is_empty()) else {
        tracing::warn!(
            error = sent.error,
            source = visitor.source,
            "the provider sent back nobody"
        );
        return failed(&desk, &visitor, provider, w.failed).await;
    };
    let person = match desk.oidc.finish(provider, &errand, &sent.code, now).await {
        Ok(person) => person,
        Err(error) => {
            tracing::error!(%error, source = visitor.source, "signing in through the provider");
            return failed(&desk, &visitor, provider, w.failed).await;
        }
    };
    // Whoever is signed in already ties the subject to their own account.
    if let Some(account) = visitor
        .account
        .as_ref()
        .filter(|_| visitor.session.is_some())
    {
        return tied(
            &desk,
            provider,
            &person,
            (&visitor, account, &errand.to),
            now,
        )
        .await;
    }
    let Some(account) = account(&desk, provider, &person, now).await? else {
        tracing::warn!(
            subject = person.subject,
            source = visitor.source,
            "nobody's subject"
        );
        return failed(&desk, &visitor, provider, w.not_ours).await;
    };
    let mut response = finish(&desk, visitor, &headers, account, "oidc", &errand.to).await?;
    let gone = set_cookie(ERRAND, "", 0)?;
    response.headers_mut().append(header::SET_COOKIE, gone);
    Ok(response)
}

async fn tied(
    desk: &Desk,
    provider: &Provider,
    person: &Person,
    (visitor, account, to): (&Visitor, &Account, &str),
    now: i64,
) -> Result<Response, Refusal> {
    let bound = desk.ledger.identity(&provider.issuer, &person.subject);
    if bound.await?.is_some_and(|one| one.login == account.login) {
        // Theirs already: then it shows once more who is there.
        if let Some(session) = visitor.session {
            desk.ledger.prove_session(session, now).await?;
        }
        let mut response = done(to, "");
        let gone = set_cookie(ERRAND, "", 0)?;
        response.headers_mut().append(header::SET_COOKIE, gone);
        return Ok(response);
    }
    let new = NewIdentity {
        issuer: provider.issuer.clone(),
        subject: person.subject.clone(),
        login: account.login.clone(),
    };
    desk.ledger.bind_identity(&account.login, new, now).await?;
    let mut response = done("/console/me", "");
    let gone = set_cookie(ERRAND, "", 0)?;
    response.headers_mut().append(header::SET_COOKIE, gone);
    Ok(response)
}

/// The account of whom the provider vouches for.
async fn account(
    desk: &Desk,
    provider: &Provider,
    person: &Person,
    now: i64,
) -> Result<Option<Account>, Refusal> {
    let ledger = &desk.ledger;
    if let Some(bound) = ledger.identity(&provider.issuer, &person.subject).await? {
        let account = ledger.account(&bound.login).await?;
        return Ok(account.filter(|account| account.active));
    }
    if person.login.is_empty() {
        return Ok(None);
    }
    let found = match ledger.account(&person.login).await? {
        Some(account) => {
            let of_issuer = ledger.identities_of(&account.login).await?;
            let free = !of_issuer.iter().any(|one| one.issuer == provider.issuer);
            let unguarded = ledger.credential(&account.login).await?.is_none();
            Some(account).filter(|account| account.active && free && unguarded)
        }
        None if provider.roles.is_empty() => None,
        None => {
            let made = ledger.open_account((&person.login, &person.name), &provider.roles, now);
            match made.await {
                Ok(()) => ledger.account(&person.login).await?,
                // A name of the provider's that is no login of ours is nobody's.
                Err(ledger::Error::Conflict { .. }) => None,
                Err(error) => return Err(error.into()),
            }
        }
    };
    if let Some(account) = &found {
        let new = NewIdentity {
            issuer: provider.issuer.clone(),
            subject: person.subject.clone(),
            login: account.login.clone(),
        };
        ledger.bind_identity("system:oidc", new, now).await?;
    }
    Ok(found)
}
