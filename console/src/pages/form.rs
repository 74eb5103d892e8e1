//! What is sent to us, and what is answered when it is done: one function an action, whether a page's form or a
//! program asks.

use axum::Json;
use axum::extract::{Form, FromRequest, Request};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::refusal::Refusal;
use crate::visitor::SAID;

/// The body of an action: JSON from a program, a form from a page. Types say `deny_unknown_fields`.
pub(crate) struct Input<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Input<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        let kind = request.headers().get(header::CONTENT_TYPE);
        let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let wrong = |error: String| Refusal::invalid("", error);
        if kind.starts_with("application/json") {
            let read = Json::<T>::from_request(request, state).await;
            return read
                .map(|Json(it)| Input(it))
                .map_err(|error| wrong(error.body_text()));
        }
        let read = Form::<T>::from_request(request, state).await;
        read.map(|Form(it)| Input(it))
            .map_err(|error| wrong(error.body_text()))
    }
}

/// An action that was done, on a page: back to a page of ours, which says in a line what was done.
pub(crate) fn done(to: &str, said: &str) -> Response {
    // Only ever to our own pages: an address from outside must not lead away.
    let to = match to.starts_with('/') && !to.starts_with("//") && !to.contains('\\') {
        true => to,
        false => "/console",
    };
    let mut response = Redirect::to(to).into_response();
    if !said.is_empty() {
        let text = BASE64_URL_SAFE_NO_PAD.encode(said);
        let cookie = format!("{SAID}={text}; Path=/; Max-Age=60; HttpOnly; SameSite=Lax");
        if let Ok(value) = HeaderValue::from_str(&cookie) {
            response.headers_mut().append(header::SET_COOKIE, value);
        }
    }
    response
}

/// An answer of the API, with an ETag of its content; 304 where the caller has it already.
pub(crate) fn answer<T: Serialize>(headers: &HeaderMap, value: &T) -> Result<Response, Refusal> {
    let body = serde_json::to_vec(value).map_err(|error| Refusal::broken("an answer", error))?;
    let tag = etag(&body);
    let known = headers
        .get(header::IF_NONE_MATCH)
        .and_then(|tags| tags.to_str().ok())
        .is_some_and(|tags| tags.split(',').any(|one| one.trim() == tag));
    let value = HeaderValue::from_str(&tag).map_err(|error| Refusal::broken("an ETag", error))?;
    if known {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, value)]).into_response());
    }
    let kind = HeaderValue::from_static("application/json");
    Ok(([(header::CONTENT_TYPE, kind), (header::ETAG, value)], body).into_response())
}

/// The place that a list goes on after, where it is the number of a row.
///
/// # Errors
/// What was sent is no `next` of a list.
pub(crate) fn cursor(field: &str, text: Option<&str>) -> Result<Option<i64>, Refusal> {
    let read = |text: &str| {
        text.parse::<i64>()
            .map_err(|_| Refusal::invalid(field, "is no `next` of a page before"))
    };
    text.map(read).transpose()
}

/// The tag of a body.
pub(crate) fn etag(body: &[u8]) -> String {
    format!("\"{}\"", &ledger::Hash::of(body).to_string()[..32])
}

/// Refuses a change by somebody who did not see the newest state: `If-Match` (RFC 9110 section 13.1.1) names none of
/// its tags. `tag` is what [`answer`] gave with it, as [`tag_of`] makes it; without the header the change goes on.
///
/// # Errors
/// [`Refusal::Changed`].
pub(crate) fn expect(headers: &HeaderMap, tag: &str) -> Result<(), Refusal> {
    let Some(wanted) = headers.get(header::IF_MATCH) else {
        return Ok(());
    };
    let met = wanted.to_str().is_ok_and(|tags| {
        let mut tags = tags.split(',').map(str::trim);
        tags.any(|one| one == "*" || one == tag)
    });
    match met {
        true => Ok(()),
        false => Err(Refusal::Changed),
    }
}

/// The tag that [`answer`] gives with a value.
pub(crate) fn tag_of<T: Serialize>(value: &T) -> Result<String, Refusal> {
    let body = serde_json::to_vec(value).map_err(|error| Refusal::broken("an answer", error))?;
    Ok(etag(&body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_needs_the_newest_state_where_it_names_one() {
        let tag = tag_of(&"a").unwrap_or_default();
        let with = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::IF_MATCH, value.parse().expect("a value"));
            expect(&headers, &tag).is_ok()
        };
        assert!(expect(&HeaderMap::new(), &tag).is_ok());
        assert!(with("*") && with(&tag) && with(&format!("\"x\", {tag}")));
        assert!(!with("\"x\"") && !with("W/\"x\""));
    }
}
