//! Signing in and out.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use ledger::{Account, Admission, Hash};
use model::bulletin::Lang;
use model::newsroom::Right;
use serde::Deserialize;

use super::form::{Input, done};
use super::shell::{self, Nav, Shell};
use crate::Desk;
use crate::refusal::Refusal;
use crate::routes::{Need, Route, get, post};
use crate::signing;
use crate::visitor::{HALF, LANG, SESSION, Visitor, cookie, set_cookie};
use crate::words::{fill, words};

pub(crate) mod code;
pub(crate) mod provider;

pub(crate) const ROUTES: &[Route] = &[
    Route::page("/console/sign-in", Need::Nothing, || get(sign_in_page)),
    Route::act("/console/sign-in", Need::Nothing, || post(sign_in)),
    Route::act("/console/sign-out", Need::SignedIn, || post(sign_out)),
    Route::act("/console/taste", Need::Nothing, || post(taste)),
];

words! {
    Words {
        title: "登录", "Sign in";
        login: "账户", "Account";
        password: "口令", "Password";
        submit: "登录", "Sign in";
        wrong: "账户或口令不对。", "The account or the password is wrong.";
        wait: "尝试次数过多，请在 {time} 后再试。", "Too many attempts. Try again in {time}.";
        nobody: "还没有账户。在服务器上运行：", "There is no account yet. On the server, run:";
        about: "国家网络安全应急工作台", "The working desk of a CERT";
        elsewhere: "用{name}登录", "Sign in with {name}";
        not_ours: "{name}认得您，但这里没有与之对应的账户。请找管理员开通。", "{name} knows you, but no account here belongs to you. Ask an administrator for one.";
        failed: "未能通过{name}登录，请重试。", "Signing in with {name} did not work. Try again.";
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
    /// Why nobody was signed in.
    wrong: String,
    /// Nobody has an account: how to make the first.
    nobody: bool,
    /// What the button of another house's provider says.
    elsewhere: Option<String>,
}

/// The form, with what was wrong.
async fn form(
    desk: &Desk,
    visitor: &Visitor,
    (to, login): (String, String),
    wrong: String,
) -> Result<SignInPage, Refusal> {
    let w = Words::of(visitor.lang);
    let name = signing::provider_name(&desk.sign_in());
    // Whoever looks at the form is told nothing of a session that they may have.
    let nobody = Visitor {
        account: None,
        ..visitor.clone()
    };
    Ok(SignInPage {
        shell: shell::shell(desk, &nobody, Nav::Nowhere, w.title).await,
        w,
        to,
        login,
        nobody: wrong.is_empty() && desk.ledger.accounts().await?.is_empty(),
        wrong,
        elsewhere: name.map(|name| fill(w.elsewhere, &[("name", &name)])),
    })
}

async fn sign_in_page(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Result<Response, Refusal> {
    if visitor.session.is_some() {
        return Ok(Redirect::to(home(&visitor)).into_response());
    }
    let page = form(&desk, &visitor, (asked.to, String::new()), String::new()).await?;
    Ok(shell::page(&page))
}

/// Where a visitor begins.
pub(crate) fn home(visitor: &Visitor) -> &'static str {
    match visitor.may(Right::View) {
        true => "/console",
        false => "/portal",
    }
}

/// How long is waited, in words: seconds below two minutes.
pub(crate) fn waited(micros: i64, lang: Lang) -> String {
    let seconds = (micros / 1_000_000 + 1).max(1);
    match (seconds < 120, lang) {
        (true, Lang::Zh) => format!("{seconds} 秒"),
        (true, Lang::En) => format!("{seconds} s"),
        (false, lang) => super::draw::span(micros, lang),
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
    Input(given): Input<Signing>,
) -> Result<Response, Refusal> {
    let w = Words::of(visitor.lang);
    let login = ledger::attempt::normal(&given.login);
    let now = desk.now().0;
    let kept = (given.to.clone(), given.login.clone());
    // Counted before it is looked at: guesses that come at once have all been counted.
    if let Admission::Wait(left) = desk
        .ledger
        .try_sign_in(&login, &visitor.source, now)
        .await?
    {
        let wait = fill(w.wait, &[("time", &waited(left, visitor.lang))]);
        return held(&form(&desk, &visitor, kept, wait).await?, left);
    }
    let right = signing::is_right(&desk, &login, &given.password).await?;
    let account = desk.ledger.account(&login).await?;
    let Some(account) = account.filter(|account| account.active && right) else {
        tracing::warn!(login, source = visitor.source, "a sign-in failed");
        let page = form(&desk, &visitor, kept, w.wrong.to_owned()).await?;
        return Ok(shell::status_page(StatusCode::UNAUTHORIZED, &page));
    };
    if signing::has_second_factor(&desk, &account.login).await? {
        return code::ask(&desk, &account.login, &given.to).await;
    }
    finish(&desk, visitor, &headers, account, "password", &given.to).await
}

/// A page that is shown instead of looking at what was given.
pub(crate) fn held(page: &impl Template, micros: i64) -> Result<Response, Refusal> {
    let mut response = shell::status_page(StatusCode::TOO_MANY_REQUESTS, page);
    let seconds = HeaderValue::from(u64::try_from(micros / 1_000_000 + 1).unwrap_or(1));
    response.headers_mut().insert(header::RETRY_AFTER, seconds);
    Ok(response)
}

/// Everything was shown that is asked for: a session begins.
pub(crate) async fn finish(
    desk: &Desk,
    visitor: Visitor,
    headers: &HeaderMap,
    account: Account,
    how: &str,
    to: &str,
) -> Result<Response, Refusal> {
    desk.ledger
        .sign_in_succeeded(&account.login, &visitor.source)
        .await?;
    let visitor = Visitor {
        account: Some(account),
        scopes: None,
        ..visitor
    };
    let session = signing::begin(desk, &visitor, headers, how).await?;
    let to = match to.is_empty() {
        true => home(&visitor),
        false => to,
    };
    let mut response = done(to, "");
    let headers = response.headers_mut();
    headers.append(header::SET_COOKIE, session);
    headers.append(header::SET_COOKIE, set_cookie(HALF, "", 0)?);
    Ok(response)
}

async fn sign_out(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let now = desk.now().0;
    if let Some(hash) = visitor.session {
        desk.ledger.end_session(hash, now).await?;
    } else if let Some(text) = cookie(&headers, SESSION) {
        desk.ledger
            .end_session(Hash::of(text.as_bytes()), now)
            .await?;
    }
    let mut response = done("/console/sign-in", "");
    let gone = set_cookie(SESSION, "", 0)?;
    response.headers_mut().append(header::SET_COOKIE, gone);
    // Pages that the browser kept are forgotten (ASVS 5.0.0 14.3.1).
    let clear = HeaderValue::from_static("\"cache\"");
    response.headers_mut().insert("clear-site-data", clear);
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
