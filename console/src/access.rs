//! Who may hand reports over, and who calls in somebody's name: bearer tokens (RFC 6750), found by their hash, and
//! how often. What the configuration says of signing in stands here too ([`SignIn`]).
//!
//! An answer without a good token is the same for every feed, there or not. A token for one feed gets
//! the same answer for every other feed, there or not.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use ledger::{Hash, Ledger, Token};
use model::newsroom::AccountRole;

use crate::breached::Breached;
use crate::oidc::Provider;
use crate::problem::Problem;
use crate::refusal::Refusal;

/// What the configuration says of signing in; replaced as a whole when it is read anew.
#[derive(Clone, Debug)]
pub struct SignIn {
    /// Roles that need a second factor, from the moment when the first account in one of them has one.
    pub second_factor: Vec<AccountRole>,
    /// Passwords that are known from breaches.
    pub breached: Option<Breached>,
    /// Whom people may sign in through besides.
    pub provider: Option<Provider>,
    /// Calls a minute that one token of the API may make.
    pub calls_per_minute: u32,
    /// How long a password or a code that was shown counts before an act of weight, in minutes; 0: it is asked for
    /// before each.
    pub proof_minutes: u32,
}

impl Default for SignIn {
    fn default() -> Self {
        SignIn {
            second_factor: vec![AccountRole::Administrator, AccountRole::Approver],
            breached: None,
            provider: None,
            calls_per_minute: 600,
            proof_minutes: 10,
        }
    }
}

/// Longest token that is looked at.
const LONGEST: usize = 256;

/// How many reports a token may still hand over just now.
struct Allowance {
    left: f64,
    at: Instant,
}

impl Allowance {
    /// Takes one off an allowance that fills up evenly to `per_minute`; what is left, or the seconds until there is
    /// one.
    fn take(
        all: &mut HashMap<i64, Self>,
        id: i64,
        per_minute: u32,
        now: Instant,
    ) -> Result<f64, u64> {
        let most = f64::from(per_minute.max(1));
        let a_second = most / 60.0;
        let allowance = all.entry(id).or_insert(Allowance {
            left: most,
            at: now,
        });
        let passed = now.saturating_duration_since(allowance.at).as_secs_f64();
        allowance.left = (allowance.left + passed * a_second).min(most);
        allowance.at = now;
        if allowance.left < 1.0 {
            let wait = ((1.0 - allowance.left) / a_second).ceil() as u64;
            return Err(wait.max(1));
        }
        allowance.left -= 1.0;
        Ok(allowance.left)
    }
}

/// The allowance of each token; there are no more of them than tokens in the ledger.
#[derive(Default)]
pub struct Access {
    allowances: Mutex<HashMap<i64, Allowance>>,
    /// Those of tokens of the API.
    calls: Mutex<HashMap<i64, Allowance>>,
}

/// What a token of the API may still do in this minute; told with every answer (`RateLimit-*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rate {
    /// Calls a minute.
    pub(crate) limit: u32,
    /// Calls that are left now.
    pub(crate) left: u32,
    /// Seconds until all are there again.
    pub(crate) reset: u64,
    /// Seconds until there is one, where none is left.
    pub(crate) wait: Option<u64>,
}

fn unauthorized() -> Problem {
    Problem::new(
        StatusCode::UNAUTHORIZED,
        "unauthorized",
        "a valid token is needed",
    )
    .detail("send `Authorization: Bearer TOKEN` with a token of `watchfire tokens add`")
    .header(
        header::WWW_AUTHENTICATE,
        HeaderValue::from_static("Bearer realm=\"watchfire\""),
    )
}

/// The token of a request, by its hash.
fn bearer(headers: &HeaderMap) -> Option<Hash> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    let sound = scheme.eq_ignore_ascii_case("bearer") && (1..=LONGEST).contains(&token.len());
    sound.then(|| Hash::of(token.as_bytes()))
}

/// Another system that asks in somebody's name.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    /// Whose name.
    pub(crate) login: String,
    /// The rights that the token is limited to.
    pub(crate) scopes: Vec<model::newsroom::Right>,
    /// What it may still do.
    pub(crate) rate: Rate,
}

impl Access {
    /// Who calls by a token of the API; `None` where no token is shown at all.
    ///
    /// # Errors
    /// A token that is none of the API's, or void: whoever shows one is never taken for the owner of a cookie. The
    /// ledger cannot be read.
    pub(crate) async fn caller(
        &self,
        ledger: &Ledger,
        headers: &HeaderMap,
        per_minute: u32,
        now: i64,
    ) -> Result<Option<Caller>, Refusal> {
        if !headers.contains_key(header::AUTHORIZATION) {
            return Ok(None);
        }
        let refused = || Refusal::Problem(unauthorized());
        let hash = bearer(headers).ok_or_else(refused)?;
        let token = ledger.api_token(hash, now).await?.ok_or_else(refused)?;
        let mut all = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = Allowance::take(&mut all, token.id, per_minute, Instant::now());
        let left = taken.unwrap_or(0.0);
        let missing = f64::from(per_minute) - left;
        let rate = Rate {
            limit: per_minute,
            left: left as u32,
            reset: (missing * 60.0 / f64::from(per_minute.max(1))).ceil() as u64,
            wait: taken.err(),
        };
        Ok(Some(Caller {
            scopes: token.scopes(),
            login: token.login,
            rate,
        }))
    }

    /// Lets a request in for a feed.
    ///
    /// # Errors
    /// No good token, or one for another feed.
    pub async fn admit(
        &self,
        ledger: &Ledger,
        headers: &HeaderMap,
        feed: &str,
    ) -> Result<Token, Problem> {
        let Some(hash) = bearer(headers) else {
            return Err(unauthorized());
        };
        let token = ledger.token(hash).await.map_err(|error| {
            tracing::error!(%error, "tokens cannot be read");
            Problem::UNREADY.retry_after(10)
        })?;
        let token = token.ok_or_else(unauthorized)?;
        match &token.feed {
            Some(own) if own != feed => Err(Problem::new(
                StatusCode::FORBIDDEN,
                "forbidden",
                "the token is not for this feed",
            )),
            _ => Ok(token),
        }
    }

    /// Takes one report off a token's allowance, which fills up evenly to `per_minute`.
    ///
    /// # Errors
    /// Nothing is left.
    pub fn spend(&self, token: &Token, per_minute: u32, now: Instant) -> Result<(), Problem> {
        let mut all = self
            .allowances
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let taken = Allowance::take(&mut all, token.id, per_minute, now);
        taken.map(drop).map_err(|wait| {
            Problem::new(
                StatusCode::TOO_MANY_REQUESTS,
                "too-many-requests",
                "the token hands over too many reports",
            )
            .detail(format!("{per_minute} a minute are allowed"))
            .retry_after(wait)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn token(id: i64) -> Token {
        Token {
            id,
            name: "mail".to_owned(),
            live_name: Some("mail".to_owned()),
            hash: Hash::default(),
            feed: None,
            created_at: 0,
            revoked_at: None,
        }
    }

    #[test]
    fn a_token_is_spent_alone_and_fills_up_evenly() {
        let access = Access::default();
        let start = Instant::now();
        for _ in 0..60 {
            assert!(access.spend(&token(1), 60, start).is_ok());
        }
        let refused = access.spend(&token(1), 60, start).err();
        assert_eq!(
            refused.map(|problem| problem.kind()),
            Some("too-many-requests")
        );
        assert!(
            access.spend(&token(2), 60, start).is_ok(),
            "another token is not touched"
        );
        let later = start + Duration::from_millis(1100);
        assert!(access.spend(&token(1), 60, later).is_ok());
        assert!(access.spend(&token(1), 60, later).is_err());
    }

    #[test]
    fn only_a_bearer_token_of_sound_length_counts() {
        let with = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(
                header::AUTHORIZATION,
                HeaderValue::from_str(value).expect("a value"),
            );
            bearer(&headers)
        };
        assert_eq!(with("Bearer abc"), Some(Hash::of(b"abc")));
        assert_eq!(with("bearer  abc "), Some(Hash::of(b"abc")));
        assert_eq!(with("Basic abc"), None);
        assert_eq!(with("Bearer "), None);
        assert_eq!(with(&format!("Bearer {}", "x".repeat(300))), None);
        assert_eq!(bearer(&HeaderMap::new()), None);
    }
}
