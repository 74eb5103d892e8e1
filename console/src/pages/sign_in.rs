//! Signing in and out.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use ledger::{Hash, NewSession};
use model::newsroom::Right;
use serde::Deserialize;

use super::form::{Input, done};
use super::shell::{self, Nav, Shell};
use crate::Desk;
use crate::password;
use crate::refusal::Refusal;
use crate::routes::{Need, Route};
use crate::visitor::{LANG, SESSION, Visitor};
use crate::words::words;

pub(crate) const ROUTES: &[Route] = &[
    Route::page("/console/sign-in", Need::Nothing, || get(sign_in_page)),
    Route::act("/console/sign-in", Need::Nothing, || post(sign_in)),
    Route::act("/console/sign-out", Need::SignedIn, || post(sign_out)),
    Route::act("/console/taste", Need::Nothing, || post(taste)),
];

/// A session lasts a week at most, however much it is used.
const LASTS: i64 = 7 * 24 * 3_600 * 1_000_000;

words! {
    Words {
        title: "登录", "Sign in";
        login: "账户", "Account";
        password: "口令", "Password";
        submit: "登录", "Sign in";
        wrong: "账户或口令不对。", "The account or the password is wrong.";
        nobody: "还没有账户。在服务器上运行：", "There is no account yet. On the server, run:";
        about: "国家网络安全应急工作台", "The working desk of a CERT";
    }
}

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    to: String,
}

#[derive(Template)]
#[template(path = "sign-in.html")]
struct SignInPage {
    shell: Shell,
    w: &'static Words,
    to: String,
    login: String,
    wrong: bool,
    /// Nobody has an account: how to make the first.
    nobody: bool,
}

async fn sign_in_page(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Result<Response, Refusal> {
    if visitor.session.is_some() {
        return Ok(Redirect::to(home(&visitor)).into_response());
    }
    let w = Words::of(visitor.lang);
    Ok(shell::page(&SignInPage {
        shell: shell::shell(&desk, &visitor, Nav::Nowhere, w.title).await,
        w,
        to: asked.to,
        login: String::new(),
        wrong: false,
        nobody: desk.ledger.accounts().await?.is_empty(),
    }))
}

/// Where a visitor begins.
fn home(visitor: &Visitor) -> &'static str {
    match visitor.may(Right::View) {
        true => "/console",
        false => "/portal",
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Signing {
    login: String,
    password: String,
    #[serde(default)]
    to: String,
}

async fn sign_in(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
    Input(form): Input<Signing>,
) -> Result<Response, Refusal> {
    let login = form.login.trim().to_lowercase();
    let credential = desk.ledger.credential(&login).await?;
    let account = desk.ledger.account(&login).await?;
    let stored = credential.map(|one| one.password);
    let given = form.password.clone();
    let good = tokio::task::spawn_blocking(move || password::verify(&given, stored.as_deref()))
        .await
        .map_err(|error| Refusal::broken("a password", error))?;
    let Some(account) = account.filter(|account| account.active && good) else {
        let w = Words::of(visitor.lang);
        let page = SignInPage {
            shell: shell::shell(&desk, &visitor, Nav::Nowhere, w.title).await,
            w,
            to: form.to,
            login: form.login,
            wrong: true,
            nobody: false,
        };
        return Ok(shell::status_page(StatusCode::UNAUTHORIZED, &page));
    };
    let visitor = Visitor {
        account: Some(account),
        ..visitor
    };
    let cookie = begin(&desk, &visitor, &headers, "password").await?;
    let to = match form.to.is_empty() {
        true => home(&visitor),
        false => &form.to,
    };
    let mut response = done(to, "");
    response.headers_mut().append(header::SET_COOKIE, cookie);
    Ok(response)
}

/// Begins a session with a text of its own, so that none that was planted before is taken over; the cookie that
/// carries it.
async fn begin(
    desk: &Desk,
    visitor: &Visitor,
    headers: &HeaderMap,
    how: &str,
) -> Result<HeaderValue, Refusal> {
    let text = desk.secret()?;
    let now = desk.now().0;
    let agent = headers.get(header::USER_AGENT);
    let agent = agent
        .and_then(|agent| agent.to_str().ok())
        .unwrap_or_default();
    let new = NewSession {
        hash: Hash::of(text.as_bytes()),
        login: visitor.login().to_owned(),
        expires_at: now + LASTS,
        source: visitor.source.clone(),
        agent: agent.chars().take(200).collect(),
        how: how.to_owned(),
    };
    desk.ledger.begin_session(new, now).await?;
    let cookie = format!(
        "{SESSION}={text}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age={}",
        LASTS / 1_000_000
    );
    HeaderValue::from_str(&cookie).map_err(|error| Refusal::broken("a cookie", error))
}

async fn sign_out(State(desk): State<Arc<Desk>>, visitor: Visitor) -> Result<Response, Refusal> {
    if let Some(hash) = visitor.session {
        desk.ledger.end_session(hash, desk.now().0).await?;
    }
    let mut response = done("/console/sign-in", "");
    let gone = format!("{SESSION}=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0");
    if let Ok(value) = HeaderValue::from_str(&gone) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
    Ok(response)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Taste {
    #[serde(default)]
    lang: String,
    #[serde(default)]
    theme: String,
    #[serde(default)]
    to: String,
}

/// Keeps language and theme: with the account, or in a cookie.
async fn taste(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Input(form): Input<Taste>,
) -> Result<Response, Refusal> {
    let lang = ["zh", "en"].into_iter().find(|lang| *lang == form.lang);
    let mut response = done(&form.to, "");
    if let Some(account) = &visitor.account {
        let theme = match form.theme.as_str() {
            "" => account.theme.as_deref(),
            theme => ["light", "dark"].into_iter().find(|one| *one == theme),
        };
        let lang = lang.or(account.lang.as_deref());
        desk.ledger
            .set_account_taste(&account.login, lang, theme)
            .await?;
    } else if let Some(lang) = lang {
        let cookie = format!("{LANG}={lang}; Path=/; Max-Age=31536000; SameSite=Lax");
        if let Ok(value) = HeaderValue::from_str(&cookie) {
            response.headers_mut().append(header::SET_COOKIE, value);
        }
    }
    Ok(response)
}
