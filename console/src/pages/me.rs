//! A person's own account: name, language, what proves them, where they are signed in.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use ledger::{Account, Identity};
use model::newsroom::Right;
use model::worded::Word;
use serde::{Deserialize, Serialize};

use super::draw;
use super::form::{Input, answer, done};
use super::shell::{self, Nav, Shell};
use crate::Desk;
use crate::refusal::Refusal;
use crate::routes::{Described, Need, Route, Verb, get, post};
use crate::signing;
use crate::visitor::Visitor;
use crate::words::{word, words};

pub(crate) mod factor;
pub(crate) mod password;

pub(crate) const ROUTES: &[Route] = &[
    Route::page("/console/me", Need::SignedIn, || get(page)),
    Route::act("/console/me", Need::SignedIn, || post(change)),
    Route::act("/console/me/sessions/end", Need::SignedIn, || post(end)),
    Route::act("/console/me/identities/loose", Need::SignedIn, || {
        post(loose)
    }),
    Route::api(Verb::Get, "/api/v1/me", Need::SignedIn, described, || {
        get(read)
    }),
];

words! {
    Words {
        title: "我的账户", "My account";
        about: "这里的设置只属于您本人。", "What stands here is yours alone.";
        name: "姓名", "Name";
        email: "邮箱", "Mail address";
        name_rule: "最多 100 个字符", "takes 100 characters at most";
        email_rule: "写成 name@example.org 的样子", "is written as name@example.org";
        save: "保存", "Save";
        saved: "已保存", "Saved";
        taste: "语言与外观", "Language and look";
        language: "语言", "Language";
        theme: "外观", "Look";
        light: "浅色", "Light";
        dark: "深色", "Dark";
        auto: "跟随系统", "As the system";
        keys: "单键快捷键", "Single keys";
        keys_text: "按 ? 查看快捷键；在那里可以停用单键，只对这台浏览器有效。", "Press ? for all keys; there single keys can be switched off, for this browser.";
        proof: "登录方式", "How you sign in";
        password: "口令", "Password";
        password_change: "更改口令", "Change password";
        password_none: "没有口令", "No password";
        since: "自 {time}", "since {time}";
        factor: "第二步验证", "Second step";
        factor_on: "已启用，还剩 {n} 个恢复码", "On, {n} recovery codes left";
        factor_off: "未启用", "Off";
        factor_set: "设置", "Set up";
        factor_manage: "管理", "Manage";
        tokens: "接口令牌", "API tokens";
        tokens_text: "供程序以您的名义调用接口。", "For programs that call in your name.";
        open: "查看", "Open";
        sessions: "已登录的浏览器", "Where you are signed in";
        this_one: "本机", "this browser";
        begun: "登录于", "Begun";
        seen: "最近使用", "Last used";
        source: "来自", "From";
        how: "方式", "By";
        end: "结束", "End";
        end_all: "结束其他全部", "End all others";
        ended: "已结束", "Ended";
        work: "角色与单位", "Roles and organization";
        roles: "角色", "Roles";
        login: "账户", "Account";
        organization: "单位", "Organization";
        house: "本中心", "The house";
        roles_text: "角色由管理员设定。", "Roles are given by an administrator.";
        tie: "与{name}绑定", "Tie to {name}";
        tied: "已绑定{issuer}", "Tied to {issuer}";
        loose: "解除", "Untie";
        by_password: "口令", "password";
        by_totp: "口令与验证码", "password and code";
        by_recovery: "口令与恢复码", "password and recovery code";
        by_oidc: "外部身份", "another house";
    }
}

/// A browser that is signed in.
struct Session {
    id: String,
    agent: String,
    source: String,
    how: &'static str,
    begun: String,
    seen: String,
    own: bool,
}

#[derive(Template)]
#[template(path = "me.html")]
struct MePage {
    shell: Shell,
    w: &'static Words,
    login: String,
    name: String,
    email: String,
    theme: String,
    english: bool,
    roles: String,
    organization: Option<String>,
    /// Since when the password holds.
    password: Option<String>,
    /// Recovery codes left, where there is a second factor.
    factor: Option<String>,
    sessions: Vec<Session>,
    others: bool,
    identities: Vec<(i64, String)>,
    /// What the button says that ties the account to the provider.
    tie: Option<String>,
}

/// The account of whoever signed in by a browser; a token of the API changes nothing about its owner.
pub(crate) fn own(visitor: &Visitor) -> Result<&Account, Refusal> {
    match (&visitor.account, visitor.session) {
        (Some(account), Some(_)) => Ok(account),
        _ => Err(Refusal::Absent),
    }
}

pub(crate) fn how(w: &'static Words, how: &str) -> &'static str {
    match how {
        "password+totp" => w.by_totp,
        "password+recovery" => w.by_recovery,
        "oidc" => w.by_oidc,
        _ => w.by_password,
    }
}

/// What a browser calls itself, in a few words.
fn agent(text: &str) -> String {
    let of = |names: &[(&'static str, &'static str)]| {
        names
            .iter()
            .find(|(mark, _)| text.contains(mark))
            .map(|(_, name)| *name)
    };
    let browser = of(&[
        ("Edg/", "Edge"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
    ]);
    let system = of(&[
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("Windows", "Windows"),
        ("Mac OS X", "macOS"),
        ("Linux", "Linux"),
    ]);
    match (browser, system) {
        (Some(browser), Some(system)) => format!("{browser} · {system}"),
        (Some(browser), None) => browser.to_owned(),
        _ => text.chars().take(40).collect(),
    }
}

async fn page(State(desk): State<Arc<Desk>>, visitor: Visitor) -> Result<Response, Refusal> {
    let account = own(&visitor)?.clone();
    let w = Words::of(visitor.lang);
    let (now, lang) = (desk.now().0, visitor.lang);
    let ledger = &desk.ledger;
    let current = visitor.session.map(|hash| hash.to_string());
    let live = ledger.sessions_of(&account.login).await?.into_iter();
    let sessions: Vec<Session> = live
        .filter(|one| now < one.expires_at && now < one.seen_at + crate::guard::IDLE)
        .map(|one| Session {
            own: Some(&one.id) == current.as_ref(),
            agent: agent(&one.agent),
            source: one.source,
            how: how(w, &one.how),
            begun: draw::exact(&desk, one.created_at),
            seen: draw::ago(now, one.seen_at, lang),
            id: one.id,
        })
        .collect();
    let credential = ledger.credential(&account.login).await?;
    let since = |at: i64| crate::words::fill(w.since, &[("time", &draw::exact(&desk, at))]);
    let factor = match signing::has_second_factor(&desk, &account.login).await? {
        false => None,
        true => {
            let left = ledger.recovery_codes_left(&account.login).await?;
            Some(crate::words::fill(w.factor_on, &[("n", &left)]))
        }
    };
    let identities = ledger.identities_of(&account.login).await?;
    let terms = desk.sign_in();
    let tie = terms
        .provider
        .as_ref()
        .filter(|provider| !identities.iter().any(|one| one.issuer == provider.issuer));
    let tie = tie.map(|provider| crate::words::fill(w.tie, &[("name", &provider.name)]));
    let shown = |one: Identity| {
        (
            one.id,
            crate::words::fill(w.tied, &[("issuer", &one.issuer)]),
        )
    };
    let roles: Vec<&str> = account
        .roles()
        .into_iter()
        .map(|role| word(role, lang))
        .collect();
    Ok(shell::page(&MePage {
        shell: shell::shell(&desk, &visitor, Nav::Nowhere, w.title).await,
        w,
        others: sessions.len() > 1,
        login: account.login,
        name: account.name,
        email: account.email.unwrap_or_default(),
        theme: account.theme.unwrap_or_default(),
        english: lang == model::bulletin::Lang::En,
        roles: roles.join(" · "),
        organization: account.organization,
        password: credential.map(|one| since(one.changed_at)),
        factor,
        sessions,
        identities: identities.into_iter().map(shown).collect(),
        tie,
    }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    name: String,
    #[serde(default)]
    email: String,
}

async fn change(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Input(form): Input<Change>,
) -> Result<Response, Refusal> {
    let account = own(&visitor)?;
    let w = Words::of(visitor.lang);
    let name = form.name.trim();
    let plain = |text: &str| text.chars().count() <= 100 && !text.chars().any(char::is_control);
    if !plain(name) {
        return Err(Refusal::invalid(w.name, w.name_rule));
    }
    let email = form.email.trim();
    let mail = email.split_once('@').is_some_and(|(local, host)| {
        !local.is_empty() && host.contains('.') && !email.contains(char::is_whitespace)
    });
    let sound = email.is_empty() || (plain(email) && mail);
    if !sound {
        return Err(Refusal::invalid(w.email, w.email_rule));
    }
    let email = Some(email).filter(|email| !email.is_empty());
    desk.ledger
        .set_account_profile(&account.login, (name, email), desk.now().0)
        .await?;
    Ok(done("/console/me", w.saved))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct End {
    /// Id of the session; empty: all but this one.
    #[serde(default)]
    session: String,
}

async fn end(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Input(form): Input<End>,
) -> Result<Response, Refusal> {
    let account = own(&visitor)?;
    let kept = visitor.session.ok_or(Refusal::Absent)?;
    let now = desk.now().0;
    let login = &account.login;
    match form.session.is_empty() {
        true => desk
            .ledger
            .end_other_sessions(login, kept, now)
            .await
            .map(drop)?,
        false => {
            desk.ledger
                .end_session_of(login, login, &form.session, now)
                .await?
        }
    }
    Ok(done("/console/me", Words::of(visitor.lang).ended))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Loose {
    identity: i64,
}

async fn loose(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Input(form): Input<Loose>,
) -> Result<Response, Refusal> {
    let account = own(&visitor)?;
    let now = desk.now().0;
    desk.ledger
        .loose_identity(&account.login, &account.login, form.identity, now)
        .await?;
    Ok(done("/console/me", Words::of(visitor.lang).saved))
}

/// Who asks, as the API tells it.
#[derive(Serialize, schemars::JsonSchema)]
struct Me {
    /// Login.
    login: String,
    /// Name.
    name: String,
    /// Labels of the roles.
    roles: Vec<&'static str>,
    /// Labels of the rights that are held here: the account's, within the token's.
    rights: Vec<&'static str>,
    /// Id of the organization; absent for people of the house.
    organization: Option<String>,
    /// Whether a second factor is in force.
    second_factor: bool,
}

fn described() -> Described {
    Described {
        summary: "Who asks, and what they may do.",
        answer: Some(schemars::schema_for!(Me).to_value()),
        ..Described::default()
    }
}

async fn read(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let account = visitor.account.as_ref().ok_or(Refusal::Absent)?;
    let rights = Right::ALL.iter().filter(|right| visitor.may(**right));
    let me = Me {
        login: account.login.clone(),
        name: account.name.clone(),
        roles: account.roles().into_iter().map(Word::label).collect(),
        rights: rights.map(|right| right.label()).collect(),
        organization: account.organization.clone(),
        second_factor: signing::has_second_factor(&desk, &account.login).await?,
    };
    answer(&headers, &me)
}
