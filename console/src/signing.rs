//! What signing in is made of: whether a password is right, which one may be chosen, what is owed, and the session
//! that begins.

use std::sync::Arc;

use axum::http::{HeaderMap, HeaderValue, header};
use ledger::{Account, Hash, NewSession, SecondFactor};
use model::bulletin::Lang;

use crate::Desk;
use crate::breached::Breached;
use crate::password::{self, Weak};
use crate::refusal::Refusal;
use crate::visitor::{Owes, SESSION, Visitor, cookie, set_cookie};

/// A session lasts a week at most, however much it is used.
const LASTS: i64 = 7 * 24 * 3_600 * 1_000_000;

/// Whether a password is the account's. The same work is done for an account that is not there.
///
/// # Errors
/// The ledger cannot be read.
pub(crate) async fn is_right(desk: &Desk, login: &str, given: &str) -> Result<bool, Refusal> {
    let credential = desk.ledger.credential(login).await?;
    let stored = credential.map(|one| one.password);
    let given = given.to_owned();
    tokio::task::spawn_blocking(move || password::verify(&given, stored.as_deref()))
        .await
        .map_err(|error| Refusal::broken("a password", error))
}

/// Why a password is not taken, in the reader's language.
pub(crate) fn why(weak: Weak, lang: Lang) -> &'static str {
    match (weak, lang) {
        (Weak::Short, Lang::Zh) => "至少要 12 个字符，几个词连在一起就够了。",
        (Weak::Short, Lang::En) => "Take at least 12 characters; a few words in a row will do.",
        (Weak::Long, Lang::Zh) => "太长了，最多 256 字节。",
        (Weak::Long, Lang::En) => "Too long: 256 bytes at most.",
        (Weak::Easy, Lang::Zh) => "太容易猜到，请换一个。",
        (Weak::Easy, Lang::En) => "Too easy to guess; take another.",
        (Weak::Known, Lang::Zh) => "这个口令出现在已泄露的名单里，请换一个。",
        (Weak::Known, Lang::En) => "This password is known from a breach; take another.",
    }
}

/// The argon2id string of a password that may be taken.
///
/// # Errors
/// It is too short, too easy to guess, or known from a breach: the field `again` or `password` is named.
pub(crate) async fn chosen(
    desk: &Desk,
    login: &str,
    password: &str,
    lang: Lang,
) -> Result<String, Refusal> {
    let terms = desk.sign_in();
    let (login, text) = (login.to_owned(), password.to_owned());
    let mut salt = [0; 16];
    ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut salt)
        .map_err(|error| Refusal::broken("the system's random source", error))?;
    let work = move || taken(&login, &text, terms.breached.as_ref(), salt);
    let done = tokio::task::spawn_blocking(work).await;
    let done = done.map_err(|error| Refusal::broken("a password", error))?;
    done.map_err(|error| match error {
        Untaken::Weak(weak) => Refusal::invalid("password", why(weak, lang)),
        Untaken::Broken(error) => Refusal::broken("a password", error),
    })
}

enum Untaken {
    Weak(Weak),
    Broken(String),
}

fn taken(
    login: &str,
    text: &str,
    breached: Option<&Breached>,
    salt: [u8; 16],
) -> Result<String, Untaken> {
    password::check(login, text).map_err(Untaken::Weak)?;
    if let Some(breached) = breached {
        let known = breached.holds(text);
        if known.map_err(|error| Untaken::Broken(error.to_string()))? {
            return Err(Untaken::Weak(Weak::Known));
        }
    }
    password::hash(text, salt).map_err(|error| Untaken::Broken(error.to_string()))
}

/// Whether an account needs a second factor: by its roles, from the moment when the first account in one of the named
/// roles has one. Before that nobody could tell the others how it is done.
///
/// # Errors
/// The ledger cannot be read.
pub(crate) async fn needs_second_factor(desk: &Desk, account: &Account) -> Result<bool, Refusal> {
    let terms = desk.sign_in();
    let named = |account: &Account| {
        let mut roles = account.roles().into_iter();
        account.active && roles.any(|role| terms.second_factor.contains(&role))
    };
    if !named(account) {
        return Ok(false);
    }
    let have = desk.ledger.second_factors().await?;
    if have.contains(&account.login) {
        return Ok(true);
    }
    let accounts = desk.ledger.accounts().await?;
    let mut others = accounts.iter().filter(|one| have.contains(&one.login));
    Ok(others.any(named))
}

/// Whether a second factor is in force on an account.
///
/// # Errors
/// The ledger cannot be read.
pub(crate) async fn has_second_factor(desk: &Desk, login: &str) -> Result<bool, Refusal> {
    let found = desk.ledger.second_factor(login).await?;
    Ok(found.is_some_and(|one| one.confirmed_at.is_some()))
}

/// The key that secrets of second factors are sealed with.
///
/// # Errors
/// This process was given none.
pub(crate) fn seal(desk: &Desk) -> Result<&crate::seal::Seal, Refusal> {
    let seal = desk.seal.as_deref();
    seal.ok_or_else(|| Refusal::conflict("this process", "keeps no key for second factors"))
}

/// The secret behind a second factor; one of before sealing is sealed on the way.
///
/// # Errors
/// It does not open with our key: the log says what to do. The ledger cannot be written.
pub(crate) async fn secret_of(desk: &Desk, factor: &SecondFactor) -> Result<String, Refusal> {
    let seal = seal(desk)?;
    let login = factor.login.as_str();
    let secret = seal
        .open(login, &factor.secret)
        .map_err(|error| Refusal::broken(&format!("the second factor of {login}"), error))?;
    if !seal.is_ours(&factor.secret) {
        let sealed = seal.seal(login, &secret);
        let sealed = sealed.map_err(|error| Refusal::broken("a second factor", error))?;
        let ledger = &desk.ledger;
        ledger
            .reseal_second_factor(login, &factor.secret, &sealed)
            .await?;
    }
    Ok(secret)
}

/// Ends the session that a browser came with, if any, and begins one with a text of its own, so that none that was
/// planted before is taken over; the cookie that carries it.
///
/// # Errors
/// The ledger cannot be written.
pub(crate) async fn begin(
    desk: &Desk,
    visitor: &Visitor,
    headers: &HeaderMap,
    how: &str,
) -> Result<HeaderValue, Refusal> {
    let account = visitor.account.as_ref().ok_or(Refusal::SignIn)?;
    let now = desk.now().0;
    let by_password = how.starts_with("password");
    let credential = desk.ledger.credential(&account.login).await?;
    let owes = if by_password && credential.is_some_and(|one| one.must_change) {
        Some(Owes::Password)
    } else if by_password
        && !has_second_factor(desk, &account.login).await?
        && needs_second_factor(desk, account).await?
    {
        Some(Owes::SecondFactor)
    } else {
        None
    };
    if let Some(before) = cookie(headers, SESSION) {
        let hash = Hash::of(before.as_bytes());
        desk.ledger.end_session(hash, now).await?;
    }
    let text = desk.secret()?;
    let agent = headers.get(header::USER_AGENT);
    let agent = agent
        .and_then(|agent| agent.to_str().ok())
        .unwrap_or_default();
    let new = NewSession {
        hash: Hash::of(text.as_bytes()),
        login: account.login.clone(),
        expires_at: now + LASTS,
        source: visitor.source.clone(),
        agent: agent.chars().take(200).collect(),
        how: how.to_owned(),
    };
    let owes = owes.map(Owes::label);
    desk.ledger.begin_session_owing(new, owes, now).await?;
    set_cookie(SESSION, &text, LASTS / 1_000_000)
}

/// The terms of signing in, for templates that tell of the provider.
pub(crate) fn provider_name(terms: &Arc<crate::access::SignIn>) -> Option<String> {
    terms
        .provider
        .as_ref()
        .map(|provider| provider.name.clone())
}
