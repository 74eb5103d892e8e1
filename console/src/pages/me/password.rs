//! Choosing another password.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use ledger::Admission;
use serde::Deserialize;

use super::own;
use crate::Desk;
use crate::pages::form::{Input, done};
use crate::pages::shell::{self, Nav, Shell};
use crate::pages::sign_in::{held, home, waited};
use crate::refusal::Refusal;
use crate::routes::{Need, Route, get, post};
use crate::signing;
use crate::visitor::Visitor;
use crate::words::{fill, words};

pub(crate) const ROUTES: &[Route] = &[
    Route::page("/console/me/password", Need::SignedIn, || get(page)),
    Route::act("/console/me/password", Need::SignedIn, || post(change)),
];

words! {
    Words {
        title: "更改口令", "Change password";
        owed: "这个口令是别人替您设的。请先换成只有您知道的。", "Somebody else made this password. First choose one that only you know.";
        rule: "至少 12 个字符。几个词连在一起，比夹杂符号更好记、更难猜。", "At least 12 characters. A few words in a row are easier to remember and harder to guess than signs.";
        current: "现在的口令", "Current password";
        new: "新口令", "New password";
        again: "再输入一次", "The new one again";
        submit: "更改", "Change";
        wrong: "现在的口令不对。", "The current password is wrong.";
        differ: "两次输入不一致。", "The two do not agree.";
        same: "与现在的口令相同。", "It is the current password.";
        wait: "尝试次数过多，请在 {time} 后再试。", "Too many attempts. Try again in {time}.";
        changed: "口令已更改，其他浏览器都已退出。", "The password is changed; every other browser is signed out.";
        back: "返回", "Back";
    }
}

#[derive(Template)]
#[template(path = "me-password.html")]
struct PasswordPage {
    shell: Shell,
    w: &'static Words,
    login: String,
    owed: bool,
    /// Whether there is one to be asked for.
    current: bool,
    wrong: String,
}

async fn form(desk: &Desk, visitor: &Visitor, wrong: String) -> Result<PasswordPage, Refusal> {
    let w = Words::of(visitor.lang);
    let account = own(visitor)?;
    let credential = desk.ledger.credential(&account.login).await?;
    let owed = credential.as_ref().is_some_and(|one| one.must_change);
    let mut shell = shell::shell(desk, visitor, Nav::Nowhere, w.title).await;
    if owed {
        // Nothing else is open before: nothing else is shown.
        shell.entries.clear();
    }
    Ok(PasswordPage {
        shell,
        w,
        login: account.login.clone(),
        owed,
        current: credential.is_some(),
        wrong,
    })
}

async fn page(State(desk): State<Arc<Desk>>, visitor: Visitor) -> Result<Response, Refusal> {
    Ok(shell::page(&form(&desk, &visitor, String::new()).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    #[serde(default)]
    current: String,
    password: String,
    again: String,
    /// For the browser's store of passwords.
    #[serde(default, rename = "login")]
    _login: String,
}

async fn change(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
    Input(given): Input<Change>,
) -> Result<Response, Refusal> {
    let w = Words::of(visitor.lang);
    let login = own(&visitor)?.login.clone();
    let now = desk.now().0;
    let refuse = async |text: &str| -> Result<Response, Refusal> {
        let page = form(&desk, &visitor, text.to_owned()).await?;
        Ok(shell::status_page(StatusCode::UNPROCESSABLE_ENTITY, &page))
    };
    let guarded = desk.ledger.credential(&login).await?.is_some();
    if guarded {
        // An open browser must not become a place to guess at the password.
        let tried = desk
            .ledger
            .try_sign_in(&login, &visitor.source, now)
            .await?;
        if let Admission::Wait(left) = tried {
            let wait = fill(w.wait, &[("time", &waited(left, visitor.lang))]);
            return held(&form(&desk, &visitor, wait).await?, left);
        }
        if !signing::is_right(&desk, &login, &given.current).await? {
            return refuse(w.wrong).await;
        }
        desk.ledger
            .sign_in_succeeded(&login, &visitor.source)
            .await?;
    }
    if given.password != given.again {
        return refuse(w.differ).await;
    }
    if guarded && given.password == given.current {
        return refuse(w.same).await;
    }
    let hash = match signing::chosen(&desk, &login, &given.password, visitor.lang).await {
        Ok(hash) => hash,
        Err(Refusal::Invalid(_, why)) => return refuse(&why).await,
        Err(other) => return Err(other),
    };
    // Ends every session, this one too; a new one begins.
    desk.ledger
        .set_password(&login, &login, (&hash, false), now)
        .await?;
    let how = match signing::has_second_factor(&desk, &login).await? {
        true => "password+totp",
        false => "password",
    };
    let session = signing::begin(&desk, &visitor, &headers, how).await?;
    let mut response = done(home(&visitor), w.changed);
    response.headers_mut().append(header::SET_COOKIE, session);
    Ok(response)
}
