//! Who is there, asked once more before acts of weight ([`Route::fresh`](crate::routes::Route::fresh)): a browser left
//! open on a desk must not sign a bulletin. A page asks for the password or a code and then does what was asked for,
//! without any script; a program that comes with a session shows it at `/api/v1/me/again` and asks again.
//!
//! A token is not asked: making one is such an act itself, and it ends by itself.

use std::sync::Arc;

use askama::Template;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use ledger::{Account, Admission};
use serde::Deserialize;

use super::form::Input;
use super::shell::{self, Nav, Shell};
use super::sign_in::{code, held, home, waited};
use crate::Desk;
use crate::problem::Problem;
use crate::refusal::Refusal;
use crate::routes::{Described, Need, Route, Verb, post};
use crate::signing;
use crate::totp;
use crate::visitor::Visitor;
use crate::words::{fill, words};

pub(crate) const ROUTES: &[Route] = &[Route::api(
    Verb::Post,
    "/api/v1/me/again",
    Need::SignedIn,
    described,
    || post(show),
)];

/// The field of the page's form that shows it; every other field is of the act.
const FIELD: &str = "proof";

words! {
    Words {
        title: "请确认是您本人", "Confirm that it is you";
        about: "这一步影响较大，请再确认一次。确认后会接着完成刚才的操作。", "This step carries weight, so it asks once more. What you asked for is then done at once.";
        password: "口令", "Password";
        code: "口令，或身份验证器上的六位数字", "Password, or the six digits of your authenticator";
        submit: "确认并继续", "Confirm and go on";
        leave: "不做了，返回", "Leave it and go back";
        wrong: "口令或验证码不对。", "The password or the code is wrong.";
        wait: "尝试次数过多，请在 {time} 后再试。", "Too many attempts. Try again in {time}.";
        elsewhere: "用{name}重新登录，然后再做一次", "Sign in with {name} again, then repeat the step";
    }
}

#[derive(Template)]
#[template(path = "again.html")]
struct Page {
    shell: Shell,
    w: &'static Words,
    /// The fields of the act, sent along.
    fields: Vec<(String, String)>,
    /// Whether the person has anything to show here.
    shows: bool,
    proof: &'static str,
    /// Where the provider is asked instead.
    elsewhere: Option<String>,
    /// The page that the act was asked for on.
    to: String,
    wrong: String,
}

/// What an account can show.
struct Means {
    password: bool,
    factor: bool,
}

async fn means(desk: &Desk, account: &Account) -> Result<Means, Refusal> {
    Ok(Means {
        password: desk.ledger.credential(&account.login).await?.is_some(),
        factor: signing::has_second_factor(desk, &account.login).await?,
    })
}

/// What came of showing something.
enum Shown {
    Right,
    Wrong,
    /// It is not looked at before so many microseconds have passed.
    Wait(i64),
}

/// Looks at a password or a code, and remembers with the session that it was right.
async fn look(
    desk: &Desk,
    visitor: &Visitor,
    account: &Account,
    given: &str,
) -> Result<Shown, Refusal> {
    let now = desk.now().0;
    let login = account.login.as_str();
    // Counted together with sign-ins: whoever found the browser open may not guess on.
    let tried = desk.ledger.try_sign_in(login, &visitor.source, now).await?;
    if let Admission::Wait(left) = tried {
        return Ok(Shown::Wait(left));
    }
    let typed = totp::typed(given);
    let digits = typed.len() == 6 && typed.bytes().all(|byte| byte.is_ascii_digit());
    let right = match digits {
        true => code::shown(desk, login, &typed, now).await?.is_some(),
        false => signing::is_right(desk, login, given).await?,
    };
    if !right {
        tracing::warn!(login, source = visitor.source, "a confirmation failed");
        return Ok(Shown::Wrong);
    }
    let ledger = &desk.ledger;
    ledger.sign_in_succeeded(login, &visitor.source).await?;
    if let Some(session) = visitor.session {
        ledger.prove_session(session, now).await?;
    }
    Ok(Shown::Right)
}

/// Lets an act of weight on if its session showed lately whose it is, or shows it with the act; the page or the
/// problem that asks for it otherwise. The request goes on without what was shown.
pub(crate) async fn proved(
    desk: &Desk,
    visitor: &Visitor,
    proved_at: Option<i64>,
    request: Request,
    most: usize,
) -> Result<Request, Box<Response>> {
    let lasts = i64::from(desk.sign_in().proof_minutes) * 60_000_000;
    let ends = proved_at.unwrap_or(0).saturating_add(lasts);
    if desk.now().0 < ends {
        return Ok(request);
    }
    if request.uri().path().starts_with("/api/") {
        return Err(Box::new(Refusal::Problem(problem()).into_response()));
    }
    match asked(desk, visitor, request, most).await {
        Ok(Asked::On(request)) => Ok(*request),
        Ok(Asked::Page(page)) => Err(page),
        Err(refusal) => Err(Box::new(refusal.into_response())),
    }
}

/// What a program is told.
fn problem() -> Problem {
    Problem::new(
        StatusCode::FORBIDDEN,
        "reauthenticate",
        "this act asks once more who is there",
    )
    .detail("send the password or a code as `proof` to /api/v1/me/again, then ask again")
}

enum Asked {
    On(Box<Request>),
    Page(Box<Response>),
}

/// The form of an act: with what shows who is there, or a page that asks for it.
async fn asked(
    desk: &Desk,
    visitor: &Visitor,
    request: Request,
    most: usize,
) -> Result<Asked, Refusal> {
    let account = visitor.account.as_ref().ok_or(Refusal::SignIn)?;
    let (mut parts, body) = request.into_parts();
    let kind = parts.headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    // No form of weight takes files; what is no form is no page's.
    if !kind.is_empty() && !kind.starts_with("application/x-www-form-urlencoded") {
        return Err(Refusal::Problem(problem()));
    }
    let body = to_bytes(body, most)
        .await
        .map_err(|_| Refusal::invalid("", "the form is larger than this address takes"))?;
    let mut fields: Vec<(String, String)> =
        url::form_urlencoded::parse(&body).into_owned().collect();
    let mut given = None;
    fields.retain(|(name, value)| {
        let other = name != FIELD;
        if !other {
            given = Some(value.clone());
        }
        other
    });
    let w = Words::of(visitor.lang);
    let from = came_from(&parts.headers);
    let to = from.unwrap_or_else(|| home(visitor).to_owned());
    let Some(given) = given else {
        let page = page(desk, visitor, account, (fields, to), String::new()).await?;
        let page = shell::status_page(StatusCode::FORBIDDEN, &page);
        return Ok(Asked::Page(Box::new(page)));
    };
    match look(desk, visitor, account, &given).await? {
        Shown::Right => {
            let mut body = url::form_urlencoded::Serializer::new(String::new());
            body.extend_pairs(&fields);
            parts.headers.remove(header::CONTENT_LENGTH);
            let request = Request::from_parts(parts, Body::from(body.finish()));
            Ok(Asked::On(Box::new(request)))
        }
        Shown::Wrong => {
            let page = page(desk, visitor, account, (fields, to), w.wrong.to_owned()).await?;
            let page = shell::status_page(StatusCode::FORBIDDEN, &page);
            Ok(Asked::Page(Box::new(page)))
        }
        Shown::Wait(left) => {
            let wait = fill(w.wait, &[("time", &waited(left, visitor.lang))]);
            let page = page(desk, visitor, account, (fields, to), wait).await?;
            Ok(Asked::Page(Box::new(held(&page, left)?)))
        }
    }
}

/// The page of ours that a form was sent from.
fn came_from(headers: &HeaderMap) -> Option<String> {
    let host = headers.get(header::HOST)?.to_str().ok()?;
    let from = headers.get(header::REFERER)?.to_str().ok()?;
    let from = url::Url::parse(from).ok()?;
    let port = from.port().map(|port| format!(":{port}"));
    let named = format!("{}{}", from.host_str()?, port.unwrap_or_default());
    let path = from.path();
    let ours = path.starts_with("/console") || path.starts_with("/portal");
    (named == host && ours).then(|| path.to_owned())
}

async fn page(
    desk: &Desk,
    visitor: &Visitor,
    account: &Account,
    (fields, to): (Vec<(String, String)>, String),
    wrong: String,
) -> Result<Page, Refusal> {
    let w = Words::of(visitor.lang);
    let means = means(desk, account).await?;
    let provider = signing::provider_name(&desk.sign_in());
    Ok(Page {
        shell: shell::shell(desk, visitor, Nav::Nowhere, w.title).await,
        w,
        fields,
        shows: means.password || means.factor,
        proof: match means.factor {
            true => w.code,
            false => w.password,
        },
        elsewhere: provider.map(|name| fill(w.elsewhere, &[("name", &name)])),
        to,
        wrong,
    })
}

/// What shows who is there.
#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Proof {
    /// The password, or the six digits that the authenticator shows.
    proof: String,
}

fn described() -> Described {
    Described {
        summary: "Shows once more whose the session is, for acts that answer with the problem `reauthenticate`.",
        body: Some(schemars::schema_for!(Proof).to_value()),
        status: 204,
        ..Described::default()
    }
}

async fn show(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Input(body): Input<Proof>,
) -> Result<StatusCode, Refusal> {
    let account = visitor.account.as_ref().ok_or(Refusal::SignIn)?;
    if visitor.session.is_none() {
        return Err(Refusal::conflict(
            "a token",
            "is not asked who is there: it was made for what it may do",
        ));
    }
    match look(&desk, &visitor, account, &body.proof).await? {
        Shown::Right => Ok(StatusCode::NO_CONTENT),
        Shown::Wrong => Err(Refusal::invalid(
            "proof",
            "is neither the password nor a code of now",
        )),
        Shown::Wait(left) => Err(Refusal::TooMany(
            u64::try_from(left / 1_000_000 + 1).unwrap_or(1),
        )),
    }
}
