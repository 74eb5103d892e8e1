//! Who asks: a person by a session cookie, another system by a token, or nobody in particular.

use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;
use ledger::{Account, Actor, Hash, Reach};
use model::bulletin::Lang;
use model::newsroom::Right;
use model::time::Day;

use crate::Desk;
use crate::refusal::Refusal;

/// Cookie of the session. `__Host-`: of this host only, over TLS (or to the machine itself), for all paths.
pub(crate) const SESSION: &str = "__Host-watchfire";
/// Cookie of a sign-in whose second factor is still to come.
pub(crate) const HALF: &str = "__Host-watchfire-half";
/// Cookie of a sign-in that is on its way to another house's provider and back.
pub(crate) const ERRAND: &str = "__Host-watchfire-errand";
/// Cookie of a visitor's language, where no account says it.
pub(crate) const LANG: &str = "watchfire-lang";
/// Cookie of what the last action did, shown once.
pub(crate) const SAID: &str = "watchfire-said";

/// Who asks, and how they like their pages. Every request has one; it is made by the guard of the route.
#[derive(Clone, Debug)]
pub(crate) struct Visitor {
    /// The account; `None`: nobody signed in.
    pub(crate) account: Option<Account>,
    /// Hash of the session's text, where a browser asks.
    pub(crate) session: Option<Hash>,
    /// Rights that a token is limited to; `None`: whatever the account has.
    pub(crate) scopes: Option<Vec<Right>>,
    /// Language of the pages.
    pub(crate) lang: Lang,
    /// `light`, `dark`, or empty.
    pub(crate) theme: String,
    /// What the last action did, shown once.
    pub(crate) said: Option<String>,
    /// Path and query of the page, for links that come back.
    pub(crate) here: String,
    /// Id of the request.
    pub(crate) request: String,
    /// Address of whoever asks, as far as it is known.
    pub(crate) source: String,
}

impl Visitor {
    /// Login, or `system:visitor`.
    pub(crate) fn login(&self) -> &str {
        self.account
            .as_ref()
            .map_or("system:visitor", |account| &account.login)
    }

    /// Whether a right is held here: by the account's roles, within a token's scopes.
    pub(crate) fn may(&self, right: Right) -> bool {
        let scoped = self
            .scopes
            .as_ref()
            .is_none_or(|scopes| scopes.contains(&right));
        scoped && self.account.as_ref().is_some_and(|one| one.may(right))
    }

    /// Which incidents are within reach: everybody's for the centre, the own organization's for its people.
    /// `None` for nobody.
    pub(crate) fn reach(&self) -> Option<Reach> {
        let account = self.account.as_ref()?;
        Some(match &account.organization {
            None => Reach::All,
            Some(own) => Reach::Owner(own.clone()),
        })
    }

    /// [`Visitor::reach`], or a refusal that looks like absence.
    ///
    /// # Errors
    /// Nobody signed in.
    pub(crate) fn within(&self) -> Result<Reach, Refusal> {
        self.reach().ok_or(Refusal::Absent)
    }

    /// Lets only the house's own people on: what is not an incident's belongs to no branch and to no party.
    ///
    /// # Errors
    /// Nobody signed in, or somebody of another organization: a refusal that looks like absence.
    pub(crate) fn of_the_house(&self) -> Result<(), Refusal> {
        match self.reach() {
            Some(Reach::All) => Ok(()),
            _ => Err(Refusal::Absent),
        }
    }

    /// The person with a right, for functions of the ledger that want an [`Actor`].
    ///
    /// # Errors
    /// The right is not held.
    pub(crate) async fn actor(&self, desk: &Desk, right: Right) -> Result<Actor, Refusal> {
        let scoped = self
            .scopes
            .as_ref()
            .is_none_or(|scopes| scopes.contains(&right));
        if !scoped {
            return Err(Refusal::Absent);
        }
        let now = desk.now();
        let day = now
            .date_in(&desk.terms().zone)
            .map_or(0, |date| Day::of(date).0);
        Ok(desk.ledger.actor(self.login(), right, day).await?)
    }
}

/// What a person must do before anything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owes {
    /// Choose another password.
    Password,
    /// Set up a second factor.
    SecondFactor,
}

impl Owes {
    /// As the ledger stores it.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Owes::Password => "password",
            Owes::SecondFactor => "second-factor",
        }
    }

    /// Read back; a word that is not known is taken for the stricter.
    pub(crate) fn read(label: &str) -> Self {
        match label {
            "second-factor" => Owes::SecondFactor,
            _ => Owes::Password,
        }
    }

    /// The page where it is done.
    pub(crate) fn page(self) -> &'static str {
        match self {
            Owes::Password => "/console/me/password",
            Owes::SecondFactor => "/console/me/second-factor",
        }
    }

    /// Whether an address is open meanwhile: that page and what it needs; everywhere else the person is nobody.
    pub(crate) fn opens(self, path: &str) -> bool {
        let below = |stem: &str| path == stem || path.starts_with(&format!("{stem}/"));
        below(self.page()) || ["/console/sign-out", "/console/taste"].contains(&path)
    }
}

/// A cookie of ours that only this host gets back, and no script.
pub(crate) fn set_cookie(
    name: &str,
    value: &str,
    seconds: i64,
) -> Result<axum::http::HeaderValue, Refusal> {
    let cookie =
        format!("{name}={value}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age={seconds}");
    axum::http::HeaderValue::from_str(&cookie).map_err(|error| Refusal::broken("a cookie", error))
}

/// The value of a cookie.
pub(crate) fn cookie<'a>(headers: &'a axum::http::HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(key, value)| (key == name).then_some(value))
}

/// The language that the visitor asks for: in the address, by cookie, by the browser's list; Chinese otherwise.
pub(crate) fn language(parts: &Parts, account: Option<&Account>) -> Lang {
    let of = |text: &str| match text.get(..2) {
        Some("en") => Some(Lang::En),
        Some("zh") => Some(Lang::Zh),
        _ => None,
    };
    let asked = parts.uri.query().and_then(|query| {
        url::form_urlencoded::parse(query.as_bytes())
            .find_map(|(key, value)| (key == "lang").then(|| of(&value)).flatten())
    });
    let listed = || {
        let list = parts.headers.get(header::ACCEPT_LANGUAGE)?.to_str().ok()?;
        list.split(',').find_map(|one| of(one.trim()))
    };
    asked
        .or_else(|| {
            account
                .and_then(|account| account.lang.as_deref())
                .and_then(of)
        })
        .or_else(|| cookie(&parts.headers, LANG).and_then(of))
        .or_else(listed)
        .unwrap_or(Lang::Zh)
}

impl<S: Send + Sync> FromRequestParts<S> for Visitor {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        // The guard of every route puts one there; a route without guard lets nobody in.
        let found = parts.extensions.get::<Visitor>();
        found.cloned().ok_or(Refusal::Absent)
    }
}
