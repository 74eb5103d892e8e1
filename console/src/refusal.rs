//! Why something is not done, once for pages and for programs: a page shows it in words, the API as a problem
//! (RFC 9457). Denial looks like absence: whoever may not see a thing is told what anybody is told of a thing
//! that is not there.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::problem::Problem;

/// Why a request is refused.
#[derive(Clone, Debug)]
pub(crate) enum Refusal {
    /// There is nothing of the kind, or it is not the visitor's to see.
    Absent,
    /// Nobody signed in.
    SignIn,
    /// What was sent cannot be used: field, and what is wrong with it. An empty field: the whole.
    Invalid(String, String),
    /// The state of things forbids it: what, and why.
    Conflict(String, String),
    /// Somebody else changed it since it was read.
    Changed,
    /// Too much was asked for; again after so many seconds.
    TooMany(u64),
    /// Nothing more can be kept at present; nothing was.
    Full,
    /// Something broke; it was logged.
    Broken,
    /// Anything else, as a problem.
    Problem(Problem),
}

impl Refusal {
    /// A field that cannot be used.
    pub(crate) fn invalid(field: &str, why: impl std::fmt::Display) -> Self {
        Refusal::Invalid(field.to_owned(), why.to_string())
    }

    /// A state that forbids it.
    pub(crate) fn conflict(what: impl Into<String>, why: impl std::fmt::Display) -> Self {
        Refusal::Conflict(what.into(), why.to_string())
    }

    /// Something broke that the visitor cannot mend; the log says what.
    pub(crate) fn broken(what: &str, error: impl std::fmt::Display) -> Self {
        tracing::error!(%error, "{what}");
        Refusal::Broken
    }

    /// Its status.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Refusal::Absent => StatusCode::NOT_FOUND,
            Refusal::SignIn => StatusCode::UNAUTHORIZED,
            Refusal::Invalid(..) => StatusCode::UNPROCESSABLE_ENTITY,
            Refusal::Conflict(..) => StatusCode::CONFLICT,
            Refusal::Changed => StatusCode::PRECONDITION_FAILED,
            Refusal::TooMany(_) => StatusCode::TOO_MANY_REQUESTS,
            Refusal::Full => StatusCode::SERVICE_UNAVAILABLE,
            Refusal::Broken => StatusCode::INTERNAL_SERVER_ERROR,
            Refusal::Problem(problem) => problem.status(),
        }
    }

    /// What happened, in one sentence that names the object.
    pub(crate) fn detail(&self) -> String {
        match self {
            Refusal::Invalid(field, why) if field.is_empty() => why.clone(),
            Refusal::Invalid(what, why) | Refusal::Conflict(what, why) => format!("{what}: {why}"),
            Refusal::Problem(problem) => problem.text(),
            _ => String::new(),
        }
    }

    /// As a problem of RFC 9457.
    pub(crate) fn problem(&self) -> Problem {
        let plain = |kind, title| Problem::new(self.status(), kind, title);
        match self {
            Refusal::Absent => plain("not-found", "nothing is here"),
            Refusal::SignIn => plain("unauthorized", "a session or a valid token is needed"),
            Refusal::Invalid(field, _) => plain("invalid", "what was sent cannot be used")
                .detail(self.detail())
                .field(field),
            Refusal::Conflict(..) => {
                plain("conflict", "the state of things forbids it").detail(self.detail())
            }
            Refusal::Changed => plain("changed", "somebody else changed it since it was read")
                .detail("read it again, and send its ETag as If-Match"),
            Refusal::TooMany(secs) => {
                plain("too-many-requests", "too many requests").retry_after(*secs)
            }
            Refusal::Full => plain("full", "nothing more can be kept at present")
                .detail("nothing of what you sent was kept: send it again in an hour")
                .retry_after(3_600),
            Refusal::Broken => plain(
                "broken",
                "something broke; it was logged under the request id",
            ),
            Refusal::Problem(problem) => problem.clone(),
        }
    }
}

impl From<ledger::Error> for Refusal {
    fn from(error: ledger::Error) -> Self {
        match error {
            ledger::Error::NotFound { .. } => Refusal::Absent,
            ledger::Error::Changed { .. } => Refusal::Changed,
            ledger::Error::Conflict { object, reason, .. } => Refusal::Conflict(object, reason),
            other => Refusal::broken("the ledger", other),
        }
    }
}

impl From<response::Error> for Refusal {
    fn from(error: response::Error) -> Self {
        match error {
            response::Error::Ledger(error) => error.into(),
            response::Error::Refused { object, reason } => Refusal::Conflict(object, reason),
            other => Refusal::broken("response", other),
        }
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Refusal::Problem(problem)
    }
}

impl IntoResponse for Refusal {
    /// Carries itself along; the guard of the route puts it into a page or a problem.
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}
