//! Pages on which a subscriber of the mail edition says yes, or leaves.
//!
//! GET changes nothing: programs that look at every address in a mail would otherwise subscribe and
//! unsubscribe people. It shows a button; POST acts. A mail program's one click (RFC 8058) is such a POST,
//! with no cookie and no look at the page. Whoever has no token of ours learns nothing about anybody, and the
//! token leaves the page to no third party.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use ledger::Hash;

use crate::Desk;

/// Who acts, for the audit trail.
const ACTOR: &str = "system:subscriptions";

/// What a page is for.
#[derive(Clone, Copy)]
enum What {
    Confirm,
    Leave,
}

pub(crate) async fn confirm_page(RawQuery(query): RawQuery) -> Response {
    ask(What::Confirm, query.as_deref())
}

pub(crate) async fn leave_page(RawQuery(query): RawQuery) -> Response {
    ask(What::Leave, query.as_deref())
}

pub(crate) async fn confirm(
    State(desk): State<Arc<Desk>>,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> Response {
    let Some(hash) = token(query.as_deref(), &body) else {
        return unknown();
    };
    let now = (desk.bonds.clock)().0;
    match desk.ledger.confirm_subscriber(hash, ACTOR, now).await {
        Ok(_) => page(
            StatusCode::OK,
            "订阅已确认，谢谢。",
            "Your subscription is confirmed. Thank you.",
            "",
        ),
        Err(error) => failed(&desk, &error),
    }
}

pub(crate) async fn leave(
    State(desk): State<Arc<Desk>>,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> Response {
    let Some(hash) = token(query.as_deref(), &body) else {
        return unknown();
    };
    let now = (desk.bonds.clock)().0;
    let left = async {
        let Some(one) = desk.ledger.subscriber_by_token(hash).await? else {
            return Ok(None);
        };
        let how = "by the page";
        desk.ledger
            .leave_subscriber(one.id, how, ACTOR, now)
            .await
            .map(Some)
    };
    match left.await {
        Ok(Some(_)) => page(
            StatusCode::OK,
            "已退订，您将不再收到邮件。",
            "You have unsubscribed. No further mail will be sent.",
            "",
        ),
        Ok(None) => unknown(),
        Err(error) => failed(&desk, &error),
    }
}

/// The hash of the token in the address, or in a form.
fn token(query: Option<&str>, body: &[u8]) -> Option<Hash> {
    let of = |text: &[u8]| {
        url::form_urlencoded::parse(text)
            .find(|(name, _)| name == "token")
            .map(|(_, value)| value.trim().to_ascii_lowercase())
    };
    let token = query
        .and_then(|query| of(query.as_bytes()))
        .or_else(|| of(body))?;
    plain(&token).then(|| Hash::of(token.as_bytes()))
}

/// Whether it may be a token at all: then it may stand in a page as it is.
fn plain(token: &str) -> bool {
    (8..=64).contains(&token.len()) && token.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn ask(what: What, query: Option<&str>) -> Response {
    let token = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes())
        .find(|(name, _)| name == "token")
        .map(|(_, value)| value.trim().to_ascii_lowercase());
    let Some(token) = token.filter(|token| plain(token)) else {
        return unknown();
    };
    let (path, zh, en, button) = match what {
        What::Confirm => (
            "confirm",
            "请按下按钮，确认订阅邮件版。",
            "Press the button to confirm your subscription to the mail edition.",
            "确认订阅 · Confirm",
        ),
        What::Leave => (
            "leave",
            "请按下按钮，退订邮件版。",
            "Press the button to unsubscribe from the mail edition.",
            "退订 · Unsubscribe",
        ),
    };
    let form = format!(
        "<form method=\"post\" action=\"/subscriptions/{path}\"><input type=\"hidden\" name=\"token\" value=\"{token}\"><button>{button}</button></form>"
    );
    page(StatusCode::OK, zh, en, &form)
}

fn unknown() -> Response {
    page(
        StatusCode::NOT_FOUND,
        "链接无效或已过期。",
        "This address is not valid, or not any more.",
        "",
    )
}

fn failed(desk: &Desk, error: &ledger::Error) -> Response {
    if matches!(error.label(), "not-found" | "conflict") {
        return unknown();
    }
    tracing::error!(%error, "a subscription cannot be changed");
    if error.is_fatal() {
        // Full means that it was told already.
        let _ = desk.bonds.fatal.try_send(error.to_string());
    }
    page(
        StatusCode::SERVICE_UNAVAILABLE,
        "暂时无法处理，请稍后再试。",
        "This does not work just now. Please try again later.",
        "",
    )
}

fn page(status: StatusCode, zh: &str, en: &str, form: &str) -> Response {
    let html = format!(
        "<!doctype html>\n<html lang=\"zh-CN\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\"><title>邮件订阅 · Mail edition</title>\
         <style>body{{font:1.125rem/1.6 system-ui,sans-serif;max-width:34rem;margin:15vh auto;padding:0 1.5rem}}\
         button{{font:inherit;padding:.6rem 1.4rem;margin-top:1rem;border:2px solid;border-radius:.4rem;\
         background:none;color:inherit;cursor:pointer}}</style></head>\
         <body><main><h1>邮件订阅 · Mail edition</h1><p>{zh}</p><p lang=\"en\">{en}</p>{form}</main></body></html>\n"
    );
    let fixed = HeaderValue::from_static;
    let heads = [
        (header::CONTENT_TYPE, fixed("text/html; charset=utf-8")),
        (header::CACHE_CONTROL, fixed("no-store")),
        (header::REFERRER_POLICY, fixed("no-referrer")),
        (header::X_CONTENT_TYPE_OPTIONS, fixed("nosniff")),
        (
            header::CONTENT_SECURITY_POLICY,
            fixed(
                "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
            ),
        ),
    ];
    (status, heads, html).into_response()
}
