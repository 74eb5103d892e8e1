//! Refusals in the words of RFC 9457: `application/problem+json` with a stable type, a title, a status
//! and a detail that names the remedy. A refusal says nothing of the workspace to whoever has no token.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// Why a request is refused.
#[derive(Clone, Debug)]
pub struct Problem {
    status: StatusCode,
    kind: &'static str,
    title: &'static str,
    detail: String,
    /// The field that is wrong, where one is.
    field: String,
    /// Boxed: few problems have one, and a result should stay small.
    header: Option<Box<(HeaderName, HeaderValue)>>,
}

impl Problem {
    /// Reports are not accepted at present.
    pub const UNREADY: Problem = Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "not-ready",
        "reports are not accepted at present",
    );

    /// A problem; `kind` is the stable end of its type.
    pub const fn new(status: StatusCode, kind: &'static str, title: &'static str) -> Self {
        Problem {
            status,
            kind,
            title,
            detail: String::new(),
            field: String::new(),
            header: None,
        }
    }

    /// With what happened and what to do about it.
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }

    /// With the field that is wrong.
    pub fn field(mut self, field: &str) -> Self {
        field.clone_into(&mut self.field);
        self
    }

    /// Its status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Its title.
    pub fn title(&self) -> &'static str {
        self.title
    }

    /// Title and detail in one line.
    pub fn text(&self) -> String {
        match self.detail.is_empty() {
            true => self.title.to_owned(),
            false => format!("{}: {}", self.title, self.detail),
        }
    }

    /// With a header of the answer.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.header = Some(Box::new((name, value)));
        self
    }

    /// To be tried again after so many seconds.
    pub fn retry_after(self, secs: u64) -> Self {
        self.header(header::RETRY_AFTER, HeaderValue::from(secs))
    }

    /// The stable end of its type.
    pub fn kind(&self) -> &'static str {
        self.kind
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut body = json!({
            "type": format!("urn:watchfire:problem:{}", self.kind),
            "title": self.title,
            "status": self.status.as_u16(),
        });
        if !self.detail.is_empty() {
            body["detail"] = json!(self.detail);
        }
        if !self.field.is_empty() {
            body["field"] = json!(self.field);
        }
        let kind = (header::CONTENT_TYPE, "application/problem+json");
        let mut response = (self.status, [kind], body.to_string()).into_response();
        if let Some((name, value)) = self.header.map(|header| *header) {
            response.headers_mut().insert(name, value);
        }
        response
    }
}
