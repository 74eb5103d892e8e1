//! The second step of signing in: a code of the authenticator, or a recovery code.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use ledger::{Admission, HalfSession, Hash};
use serde::Deserialize;

use super::{Asked, finish, held, waited};
use crate::Desk;
use crate::pages::form::{Input, done};
use crate::pages::shell::{self, Nav, Shell};
use crate::refusal::Refusal;
use crate::routes::{Need, Route, get, post};
use crate::signing;
use crate::totp;
use crate::visitor::{HALF, Visitor, cookie, set_cookie};
use crate::words::{fill, words};

pub(crate) const ROUTES: &[Route] = &[
    Route::page("/console/sign-in/code", Need::Nothing, || get(page)),
    Route::act("/console/sign-in/code", Need::Nothing, || post(answer)),
];

/// How long the second step may take.
const LASTS: i64 = 10 * 60 * 1_000_000;

words! {
    Words {
        title: "第二步验证", "Second step";
        about: "打开身份验证器，输入当前的六位数字。", "Open your authenticator and type the six digits it shows now.";
        code: "验证码", "Code";
        hint: "手机不在身边时，可输入一个恢复码。", "Without your phone, type one of your recovery codes.";
        submit: "继续", "Go on";
        wrong: "验证码不对，或已经用过。", "The code is wrong, or it was used before.";
        wait: "尝试次数过多，请在 {time} 后再试。", "Too many attempts. Try again in {time}.";
        anew: "换一个账户", "Use another account";
    }
}

#[derive(Template)]
#[template(path = "sign-in-code.html")]
struct CodePage {
    shell: Shell,
    w: &'static Words,
    to: String,
    wrong: String,
}

async fn form(desk: &Desk, visitor: &Visitor, to: String, wrong: String) -> CodePage {
    let w = Words::of(visitor.lang);
    let nobody = Visitor {
        account: None,
        ..visitor.clone()
    };
    CodePage {
        shell: shell::shell(desk, &nobody, Nav::Nowhere, w.title).await,
        w,
        to,
        wrong,
    }
}

/// The password was right: remembers it, and leads to the page that asks for the code.
pub(super) async fn ask(desk: &Desk, login: &str, to: &str) -> Result<Response, Refusal> {
    let text = desk.secret()?;
    let now = desk.now().0;
    let hash = Hash::of(text.as_bytes());
    desk.ledger
        .begin_half_session(hash, (login, "password"), now + LASTS, now)
        .await?;
    let to: String = url::form_urlencoded::byte_serialize(to.as_bytes()).collect();
    let mut response = done(&format!("/console/sign-in/code?to={to}"), "");
    let half = set_cookie(HALF, &text, LASTS / 1_000_000)?;
    response.headers_mut().append(header::SET_COOKIE, half);
    Ok(response)
}

/// The sign-in that waits, by its cookie.
async fn waiting(desk: &Desk, headers: &HeaderMap) -> Result<Option<(Hash, HalfSession)>, Refusal> {
    let Some(text) = cookie(headers, HALF) else {
        return Ok(None);
    };
    let hash = Hash::of(text.as_bytes());
    let found = desk.ledger.half_session(hash, desk.now().0).await?;
    Ok(found.map(|half| (hash, half)))
}

async fn page(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
    Query(asked): Query<Asked>,
) -> Result<Response, Refusal> {
    if waiting(&desk, &headers).await?.is_none() {
        return Ok(Redirect::to("/console/sign-in").into_response());
    }
    Ok(shell::page(
        &form(&desk, &visitor, asked.to, String::new()).await,
    ))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    code: String,
    #[serde(default)]
    to: String,
}

async fn answer(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
    Input(given): Input<Answer>,
) -> Result<Response, Refusal> {
    let w = Words::of(visitor.lang);
    let now = desk.now().0;
    let Some((hash, half)) = waiting(&desk, &headers).await? else {
        return Ok(Redirect::to("/console/sign-in").into_response());
    };
    // Codes are counted together with passwords (TheHive's SB-SEC-ADV-2023-004).
    let tried = desk
        .ledger
        .try_sign_in(&half.login, &visitor.source, now)
        .await?;
    if let Admission::Wait(left) = tried {
        let wait = fill(w.wait, &[("time", &waited(left, visitor.lang))]);
        return held(&form(&desk, &visitor, given.to, wait).await, left);
    }
    let how = shown(&desk, &half.login, &given.code, now).await?;
    let account = desk.ledger.account(&half.login).await?;
    let (Some(how), Some(account)) = (how, account.filter(|account| account.active)) else {
        tracing::warn!(
            login = half.login,
            source = visitor.source,
            "a second step failed"
        );
        let page = form(&desk, &visitor, given.to, w.wrong.to_owned()).await;
        return Ok(shell::status_page(StatusCode::UNAUTHORIZED, &page));
    };
    if !desk.ledger.end_half_session(hash).await? {
        return Ok(Redirect::to("/console/sign-in").into_response());
    }
    finish(&desk, visitor, &headers, account, how, &given.to).await
}

/// What a code shows, and uses it up.
pub(crate) async fn shown(
    desk: &Desk,
    login: &str,
    code: &str,
    now: i64,
) -> Result<Option<&'static str>, Refusal> {
    let Some(factor) = desk.ledger.second_factor(login).await? else {
        return Ok(None);
    };
    if factor.confirmed_at.is_none() {
        return Ok(None);
    }
    let code = totp::typed(code);
    if code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit()) {
        let Some(step) = totp::step(&signing::secret_of(desk, &factor).await?, &code, now)? else {
            return Ok(None);
        };
        let fresh = desk.ledger.use_step(login, step).await?;
        return Ok(fresh.then_some("password+totp"));
    }
    let good = desk
        .ledger
        .use_recovery_code(login, Hash::of(code.as_bytes()), now)
        .await?;
    Ok(good.then_some("password+recovery"))
}
