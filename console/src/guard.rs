//! The guard before every route of the table: finds who asks, refuses what crosses sites, asks for the right, and
//! turns refusals into a page or a problem. Every answer gets the headers that keep a browser in bounds.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ledger::Hash;

use crate::Desk;
use crate::access::Rate;
use crate::front::Front;
use crate::once;
use crate::pages::{again, shell};
use crate::problem::Problem;
use crate::refusal::Refusal;
use crate::routes::{Need, Verb};
use crate::visitor::{Owes, SAID, SESSION, Visitor, cookie, language};

/// A session that is not used for so long has ended: twelve hours, a shift and its handover.
pub(crate) const IDLE: i64 = 12 * 3_600 * 1_000_000;

/// What a page of ours may load: our own files. No script and no style stands inside a page.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'self'",
);

/// What the guard of a route is told.
#[derive(Clone)]
pub(crate) struct Door {
    pub(crate) desk: Arc<Desk>,
    /// Who may.
    pub(crate) need: Need,
    /// Whether the session must have shown just now whose it is.
    pub(crate) fresh: bool,
    /// Bytes of a body at most.
    pub(crate) most: usize,
    /// Every method that the address takes.
    pub(crate) verbs: Arc<[Verb]>,
    /// What forms for everybody work on.
    pub(crate) front: Arc<Front>,
}

impl Door {
    /// A refusal of a method that the address does not take; which it takes is no secret.
    fn method(&self, method: &Method) -> Option<Response> {
        let mut names: Vec<&str> = self.verbs.iter().map(|verb| verb.as_str()).collect();
        if names.contains(&"GET") {
            names.push("HEAD");
        }
        if names.contains(&method.as_str()) {
            return None;
        }
        let allow = HeaderValue::from_str(&names.join(", ")).ok()?;
        let problem = Problem::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method-not-allowed",
            "this address does not take that method",
        );
        let mut response = problem.header(header::ALLOW, allow).into_response();
        bounds(response.headers_mut());
        Some(response)
    }
}

/// Lets a request in, or not.
pub(crate) async fn guarded(State(door): State<Door>, request: Request, next: Next) -> Response {
    if let Some(refused) = door.method(request.method()) {
        return refused;
    }
    let Door {
        desk,
        need,
        fresh,
        most,
        front,
        ..
    } = door;
    let (mut parts, body) = request.into_parts();
    let api = parts.uri.path().starts_with("/api/");
    let (visitor, standing) = match visitor(&desk, &mut parts).await {
        Ok(found) => found,
        Err(refusal) => return bare(refusal),
    };
    let unsafe_method = !matches!(parts.method, Method::GET | Method::HEAD | Method::OPTIONS);
    let by_cookie = visitor.scopes.is_none();
    // A browser sends cookies along with whatever any site asks of it; a token is sent on purpose.
    let crossed = unsafe_method && by_cookie && !same_site(&parts.headers, api);
    let allowed = match need {
        _ if crossed => Err(Refusal::Problem(Problem::new(
            StatusCode::FORBIDDEN,
            "cross-site",
            "the request came from another site",
        ))),
        _ if standing.rate.is_some_and(|rate| rate.wait.is_some()) => Err(Refusal::TooMany(
            standing.rate.and_then(|rate| rate.wait).unwrap_or(1),
        )),
        // A token opens the API and no page.
        _ if !by_cookie && !api => Err(Refusal::Absent),
        Need::Nothing => Ok(()),
        Need::SignedIn if visitor.account.is_some() => Ok(()),
        Need::Right(right) if visitor.may(right) => Ok(()),
        _ if visitor.account.is_none() => Err(Refusal::SignIn),
        _ => Err(Refusal::Absent),
    };
    let to_sign_in = matches!(allowed, Err(Refusal::SignIn)) && !api;
    let mut response = match allowed {
        Ok(()) => {
            parts.extensions.insert(visitor.clone());
            parts.extensions.insert(front);
            let request = Request::from_parts(parts, body);
            let request = match fresh && by_cookie {
                true => again::proved(&desk, &visitor, standing.proved_at, request, most).await,
                false => Ok(request),
            };
            match request {
                Ok(request) => {
                    let answered = once::run(&desk, &visitor, most, request, next).await;
                    in_our_words(answered).await
                }
                Err(asked) => *asked,
            }
        }
        // Back to the page afterwards, never to what would act.
        Err(Refusal::SignIn) if standing.owes.is_some() && !api && !unsafe_method => {
            Redirect::to(standing.owes.map_or("/console", Owes::page)).into_response()
        }
        Err(_) if to_sign_in && !unsafe_method => {
            let to = url::form_urlencoded::byte_serialize(visitor.here.as_bytes());
            let to: String = to.collect();
            Redirect::to(&format!("/console/sign-in?to={to}")).into_response()
        }
        Err(refusal) => refusal.into_response(),
    };
    if let Some(refusal) = response.extensions_mut().remove::<Refusal>() {
        let allow = response.headers_mut().remove(header::ALLOW);
        response = match api {
            true => refusal.problem().into_response(),
            false => shell::refused(&desk, &visitor, &refusal).await,
        };
        if let Some(allow) = allow {
            response.headers_mut().insert(header::ALLOW, allow);
        }
    }
    bounds(response.headers_mut());
    if let Some(rate) = standing.rate {
        told(response.headers_mut(), rate);
    }
    if visitor.said.is_some() && response.status() == StatusCode::OK && !api {
        let gone = format!("{SAID}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax");
        if let Ok(value) = HeaderValue::from_str(&gone) {
            response.headers_mut().append(header::SET_COOKIE, value);
        }
    }
    response
}

/// Refusals of the framework (a place in the address that is no number, a query that cannot be read) in our words.
pub(crate) async fn in_our_words(mut response: Response) -> Response {
    let status = response.status();
    let own = response.extensions().get::<Refusal>().is_some();
    let kind = response.headers().get(header::CONTENT_TYPE);
    let plain = kind.is_none_or(|kind| kind.as_bytes().starts_with(b"text/plain"));
    if own || !plain || !status.is_client_error() {
        return response;
    }
    /// Bytes of what the framework says.
    const MOST: usize = 4_096;
    let allow = response.headers_mut().remove(header::ALLOW);
    let text = axum::body::to_bytes(response.into_body(), MOST).await;
    let text = String::from_utf8_lossy(&text.unwrap_or_default()).into_owned();
    let problem = |kind, title| Problem::new(status, kind, title).detail(text.as_str());
    let refusal = match status {
        // What no address of ours can be names nothing.
        StatusCode::BAD_REQUEST if text.starts_with("Invalid URL") => Refusal::Absent,
        StatusCode::BAD_REQUEST => Refusal::Invalid(String::new(), text),
        StatusCode::METHOD_NOT_ALLOWED => Refusal::Problem(problem(
            "method-not-allowed",
            "this address does not take that method",
        )),
        StatusCode::PAYLOAD_TOO_LARGE => Refusal::Problem(problem(
            "too-large",
            "the body is larger than this address takes",
        )),
        _ => Refusal::Problem(problem("refused", "the request cannot be used")),
    };
    let mut response = refusal.into_response();
    if let Some(allow) = allow {
        response.headers_mut().insert(header::ALLOW, allow);
    }
    response
}

/// A refusal before it is known who asks.
fn bare(refusal: Refusal) -> Response {
    let mut response = refusal.problem().into_response();
    bounds(response.headers_mut());
    response
}

/// The headers of every page and answer; what a handler set itself stays.
pub(crate) fn bounds(headers: &mut HeaderMap) {
    let all: [(HeaderName, HeaderValue); 6] = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        ),
        (
            header::REFERRER_POLICY,
            HeaderValue::from_static("same-origin"),
        ),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            HeaderValue::from_static("same-origin"),
        ),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            HeaderValue::from_static("same-origin"),
        ),
    ];
    for (name, value) in all {
        headers.entry(name).or_insert(value);
    }
}

/// What a token may still do, as draft-ietf-httpapi-ratelimit-headers-07 writes it.
fn told(headers: &mut HeaderMap, rate: Rate) {
    let all: [(&'static str, u64); 3] = [
        ("ratelimit-limit", rate.limit.into()),
        ("ratelimit-remaining", rate.left.into()),
        ("ratelimit-reset", rate.reset),
    ];
    for (name, value) in all {
        headers.insert(HeaderName::from_static(name), HeaderValue::from(value));
    }
}

/// Whether a request that acts comes from a page of ours. Browsers say so by `Sec-Fetch-Site`, older ones by
/// `Origin`; a program that sends neither has no cookie of ours by accident, but may act through the API only.
pub(crate) fn same_site(headers: &HeaderMap, api: bool) -> bool {
    if let Some(site) = headers.get("sec-fetch-site") {
        return site == "same-origin" || site == "none";
    }
    match headers.get(header::ORIGIN) {
        None => api || !headers.contains_key(header::COOKIE),
        Some(origin) => {
            let host = headers
                .get(header::HOST)
                .and_then(|host| host.to_str().ok());
            let origin = origin
                .to_str()
                .ok()
                .and_then(|origin| origin.split_once("://"));
            host.is_some() && origin.map(|(_, host)| host) == host
        }
    }
}

/// What is known of who asks besides.
#[derive(Clone, Copy, Debug, Default)]
struct Standing {
    /// What a token may still do.
    rate: Option<Rate>,
    /// What the person must do before anything else: here they are nobody.
    owes: Option<Owes>,
    /// When the session's person last showed a password or a code.
    proved_at: Option<i64>,
}

/// Finds who asks.
async fn visitor(desk: &Desk, parts: &mut Parts) -> Result<(Visitor, Standing), Refusal> {
    let now = desk.now().0;
    let mut account = None;
    let mut session = None;
    let mut scopes = None;
    let mut standing = Standing::default();
    let per_minute = desk.sign_in().calls_per_minute;
    let called = desk
        .access
        .caller(&desk.ledger, &parts.headers, per_minute, now);
    if let Some(token) = called.await? {
        account = desk.ledger.account(&token.login).await?;
        scopes = Some(token.scopes);
        standing.rate = Some(token.rate);
    } else if let Some(text) = cookie(&parts.headers, SESSION) {
        let hash = Hash::of(text.as_bytes());
        if let Some(signed) = desk.ledger.session(hash, IDLE, now).await? {
            let owes = signed.owes.as_deref().map(Owes::read);
            match owes.filter(|owes| !owes.opens(parts.uri.path())) {
                Some(owes) => standing.owes = Some(owes),
                None => {
                    standing.proved_at = signed.proved_at;
                    account = desk.ledger.account(&signed.login).await?;
                    session = Some(hash);
                }
            }
        }
    }
    // A closed account is nobody, whatever its sessions say.
    let account = account.filter(|account| account.active);
    let said = cookie(&parts.headers, SAID)
        .and_then(|text| BASE64_URL_SAFE_NO_PAD.decode(text).ok())
        .and_then(|bytes| String::from_utf8(bytes).ok());
    let request = parts.extensions.get::<crate::request::Id>();
    let visitor = Visitor {
        lang: language(parts, account.as_ref()),
        theme: account
            .as_ref()
            .and_then(|account| account.theme.clone())
            .unwrap_or_default(),
        session: account.as_ref().and(session),
        account,
        scopes,
        said,
        here: parts
            .uri
            .path_and_query()
            .map_or("/", |here| here.as_str())
            .to_owned(),
        request: request.map(|id| id.0.clone()).unwrap_or_default(),
        source: desk.source(&parts.headers, parts.extensions.get()),
    };
    Ok((visitor, standing))
}
