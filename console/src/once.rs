//! `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header-07): a program that did not hear the answer asks
//! again under the same key and gets the answer that it missed. For every route of the API that changes something.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use ledger::{Answered, Hash, Once};

use crate::Desk;
use crate::problem::Problem;
use crate::refusal::Refusal;
use crate::visitor::Visitor;

/// The header of the key.
pub(crate) const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Tells that an answer was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// How long a key is remembered: a day, as others do; a program that was off for longer looks first.
const KEPT: i64 = 24 * 3_600 * 1_000_000;
/// Most characters of a key.
const LONGEST: usize = 255;
/// Bytes of an answer that is kept.
const MOST: usize = 1 << 20;
/// Headers of an answer that are kept.
const HEADERS: [HeaderName; 3] = [header::CONTENT_TYPE, header::LOCATION, header::ETAG];

/// Marks an answer that holds a secret which is shown once: it is not kept, so that the ledger holds no secret.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ShownOnce;

/// Runs a request; once only, if it came with a key.
pub(crate) async fn run(
    desk: &Arc<Desk>,
    visitor: &Visitor,
    most: usize,
    request: Request,
    next: Next,
) -> Response {
    match key(visitor, &request) {
        Ok(None) => next.run(request).await,
        Ok(Some(key)) => match guarded(desk, visitor, &key, most, request, next).await {
            Ok(response) => response,
            Err(refusal) => refusal.into_response(),
        },
        Err(refusal) => refusal.into_response(),
    }
}

/// The key of a request that changes something through the API; nobody in particular has none.
fn key(visitor: &Visitor, request: &Request) -> Result<Option<String>, Refusal> {
    let acts = matches!(
        *request.method(),
        Method::POST | Method::PUT | Method::PATCH | Method::DELETE
    );
    let Some(value) = request.headers().get(&KEY).filter(|_| acts) else {
        return Ok(None);
    };
    if visitor.account.is_none() || !request.uri().path().starts_with("/api/") {
        return Ok(None);
    }
    let visible = |key: &&str| key.bytes().all(|byte| byte.is_ascii_graphic());
    let sound = value.to_str().ok().filter(visible);
    let sound = sound.filter(|key| (1..=LONGEST).contains(&key.len()));
    let why = format!("must be 1 to {LONGEST} visible ASCII characters");
    let key = sound.ok_or_else(|| Refusal::invalid(KEY.as_str(), why))?;
    Ok(Some(key.to_owned()))
}

async fn guarded(
    desk: &Arc<Desk>,
    visitor: &Visitor,
    key: &str,
    most: usize,
    request: Request,
    next: Next,
) -> Result<Response, Refusal> {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, most).await.map_err(|_| {
        Refusal::Problem(Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too-large",
            "the body is larger than this address takes",
        ))
    })?;
    let mut whole = Vec::with_capacity(body.len() + 200);
    let kind = parts.headers.get(header::CONTENT_TYPE);
    let condition = parts.headers.get(header::IF_MATCH);
    for part in [
        parts.method.as_str().as_bytes(),
        parts.uri.to_string().as_bytes(),
        kind.map_or(b"", HeaderValue::as_bytes),
        condition.map_or(b"", HeaderValue::as_bytes),
        &body,
    ] {
        whole.extend_from_slice(&(part.len() as u64).to_le_bytes());
        whole.extend_from_slice(part);
    }
    let name = (visitor.login(), key);
    let now = desk.now().0;
    let found = desk
        .ledger
        .once(name, Hash::of(&whole), now + KEPT, now)
        .await?;
    match found {
        Once::Claimed => {}
        Once::Before(answered) => return Ok(again(answered)),
        Once::Other => {
            return Err(Refusal::invalid(
                KEY.as_str(),
                "was used for another request: take a new key for a new request",
            ));
        }
        Once::UnderWay => {
            return Err(Refusal::conflict(
                KEY.as_str(),
                "a request under this key is under way, or was cut off: look at what it did, then take a new key",
            ));
        }
    }
    let mut response = next.run(Request::from_parts(parts, Body::from(body))).await;
    if let Some(refusal) = response.extensions_mut().remove::<Refusal>() {
        response = refusal.problem().into_response();
    }
    let status = response.status();
    // What broke or came too often did nothing: the same may be asked again.
    if status.is_server_error()
        || matches!(
            status,
            StatusCode::TOO_MANY_REQUESTS | StatusCode::UNAUTHORIZED
        )
    {
        desk.ledger.once_given_back(name).await?;
        return Ok(response);
    }
    if response.extensions().get::<ShownOnce>().is_some() {
        let kept = Refusal::conflict(
            KEY.as_str(),
            "the request was done, and its answer held a secret that is shown once",
        );
        let (_, kept) = told(kept.problem().into_response()).await?;
        desk.ledger.once_answered(name, &kept).await?;
        return Ok(response);
    }
    let (response, kept) = told(response).await?;
    desk.ledger.once_answered(name, &kept).await?;
    Ok(response)
}

/// An answer, and what is kept of it.
async fn told(response: Response) -> Result<(Response, Answered), Refusal> {
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, MOST)
        .await
        .map_err(|error| Refusal::broken("an answer that is to be kept", error))?;
    let mut headers = Vec::new();
    for name in HEADERS {
        if let Some(value) = parts
            .headers
            .get(&name)
            .and_then(|value| value.to_str().ok())
        {
            headers.push((name.to_string(), value.to_owned()));
        }
    }
    let kept = Answered {
        status: parts.status.as_u16(),
        headers,
        body: body.to_vec(),
    };
    Ok((Response::from_parts(parts, Body::from(body)), kept))
}

/// An answer that was given before.
fn again(answered: Answered) -> Response {
    let mut headers = HeaderMap::new();
    for (name, value) in answered.headers {
        let name = HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(&value)) {
            headers.insert(name, value);
        }
    }
    headers.insert(REPLAYED, HeaderValue::from_static("true"));
    let status = StatusCode::from_u16(answered.status).unwrap_or(StatusCode::OK);
    (status, headers, answered.body).into_response()
}
