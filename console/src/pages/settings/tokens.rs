//! Tokens of the API: a person's own, and for administrators everybody's.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use ledger::{Account, ApiToken, Hash, NewApiToken};
use model::newsroom::Right;
use model::worded::Word;
use serde::{Deserialize, Serialize};

use super::{Tab, of_the_house, tabs};
use crate::Desk;
use crate::once::ShownOnce;
use crate::pages::draw;
use crate::pages::form::{Input, answer, done};
use crate::pages::me::own;
use crate::pages::shell::{self, Nav, Shell};
use crate::refusal::Refusal;
use crate::routes::{Described, Need, Route, Verb, delete, get, post};
use crate::visitor::Visitor;
use crate::words::{fill, word, words};

pub(crate) const ROUTES: &[Route] = &[
    Route::page("/console/settings/tokens", Need::SignedIn, || get(page)),
    Route::act("/console/settings/tokens", Need::SignedIn, || {
        post(add_form)
    })
    .fresh(),
    Route::act(
        "/console/settings/tokens/{id}/revoke",
        Need::SignedIn,
        || post(revoke_form),
    ),
    Route::api(
        Verb::Get,
        "/api/v1/me/tokens",
        Need::SignedIn,
        list_described,
        || get(list_api),
    ),
    Route::api(
        Verb::Post,
        "/api/v1/me/tokens",
        Need::SignedIn,
        add_described,
        || post(add_api),
    )
    .fresh(),
    Route::api(
        Verb::Delete,
        "/api/v1/me/tokens/{id}",
        Need::SignedIn,
        revoke_described,
        || delete(revoke_api),
    ),
];

const DAY: i64 = 86_400_000_000;

words! {
    Words {
        title: "接口令牌", "API tokens";
        about: "程序凭令牌以您的名义调用接口。令牌能做的不超过您本人，并在到期日失效。", "A program that shows a token calls the API in your name. A token may never do more than you, and ends on a day.";
        shown_once: "令牌“{name}”只显示这一次，请现在抄走：", "The token “{name}” is shown this once; copy it now:";
        use_it: "用法", "Use it";
        own: "我的令牌", "My tokens";
        all: "全体的令牌", "Everybody's tokens";
        none: "还没有令牌。需要让程序读写数据时，在右侧新建一个。", "There is none yet. Where a program is to read or write, make one at the side.";
        name: "名称", "Name";
        name_hint: "写明用在哪里，例如 SIEM 同步。", "Say where it is used, such as SIEM sync.";
        who: "账户", "Account";
        may: "可以", "May";
        ends: "到期", "Ends";
        used: "最近使用", "Last used";
        never: "从未", "never";
        void: "已作废", "void";
        over: "已到期", "over";
        make: "新建令牌", "Make a token";
        days: "有效天数", "Days";
        scopes: "允许", "It may";
        revoke: "作废", "Revoke";
        revoke_ask: "作废后，用它的程序立即不能再调用。", "The program that uses it is shut out at once.";
        revoked: "令牌已作废", "The token is void";
    }
}

struct Row {
    id: i64,
    login: String,
    name: String,
    may: String,
    ends: String,
    used: String,
    live: bool,
    state: &'static str,
}

struct Scope {
    label: &'static str,
    word: &'static str,
}

#[derive(Template)]
#[template(path = "settings-tokens.html")]
struct TokensPage {
    shell: Shell,
    w: &'static Words,
    tabs: Vec<Tab>,
    /// What is said of the one that was just made, and its text.
    made: Option<(String, String)>,
    own: Vec<Row>,
    others: Vec<Row>,
    scopes: Vec<Scope>,
}

fn row(desk: &Desk, visitor: &Visitor, token: ApiToken) -> Row {
    let w = Words::of(visitor.lang);
    let now = desk.now().0;
    let may: Vec<&str> = token
        .scopes()
        .into_iter()
        .map(|right| word(right, visitor.lang))
        .collect();
    Row {
        id: token.id,
        may: may.join(" · "),
        ends: draw::exact(desk, token.expires_at),
        used: token
            .used_at
            .map_or_else(|| w.never.to_owned(), |at| draw::ago(now, at, visitor.lang)),
        live: token.is_live(now),
        state: match (token.revoked_at, token.is_live(now)) {
            (Some(_), _) => w.void,
            (None, false) => w.over,
            (None, true) => "",
        },
        login: token.login,
        name: token.name,
    }
}

fn rights(account: &Account) -> Vec<Right> {
    Right::ALL
        .iter()
        .copied()
        .filter(|right| account.may(*right))
        .collect()
}

async fn shown(
    desk: &Desk,
    visitor: &Visitor,
    made: Option<(String, String)>,
) -> Result<Response, Refusal> {
    let account = own(visitor)?;
    let w = Words::of(visitor.lang);
    let mine = desk.ledger.api_tokens(Some(&account.login)).await?;
    let administers = visitor.may(Right::Administer) && of_the_house(visitor).is_ok();
    let others = match administers {
        true => desk.ledger.api_tokens(None).await?,
        false => Vec::new(),
    };
    let others = others.into_iter().filter(|one| one.login != account.login);
    Ok(shell::page(&TokensPage {
        shell: shell::shell(desk, visitor, Nav::Settings, w.title).await,
        w,
        tabs: tabs(visitor, "/console/settings/tokens"),
        made,
        own: mine
            .into_iter()
            .map(|one| row(desk, visitor, one))
            .collect(),
        others: others.map(|one| row(desk, visitor, one)).collect(),
        scopes: rights(account)
            .into_iter()
            .map(|right| Scope {
                label: right.label(),
                word: word(right, visitor.lang),
            })
            .collect(),
    }))
}

async fn page(State(desk): State<Arc<Desk>>, visitor: Visitor) -> Result<Response, Refusal> {
    shown(&desk, &visitor, None).await
}

/// A token as a page's form says it: a box a right.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AddForm {
    name: String,
    days: i64,
    #[serde(default)]
    view: bool,
    #[serde(default)]
    work: bool,
    #[serde(default)]
    lead: bool,
    #[serde(default)]
    answer: bool,
    #[serde(default)]
    edit: bool,
    #[serde(default)]
    review: bool,
    #[serde(default)]
    approve: bool,
    #[serde(default)]
    publish: bool,
    #[serde(default)]
    administer: bool,
}

/// A token as a program says it.
#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct AddToken {
    /// What it is called.
    name: String,
    /// Days until it ends, 1 to 365.
    days: i64,
    /// Labels of the rights that it is limited to.
    scopes: Vec<String>,
}

/// Makes a token; its text.
async fn add(
    desk: &Desk,
    visitor: &Visitor,
    (name, days): (&str, i64),
    scopes: Vec<Right>,
) -> Result<String, Refusal> {
    // Tokens are made by people: one that could make others would outlive its own end.
    let account = own(visitor)?;
    if !(1..=365).contains(&days) {
        return Err(Refusal::invalid("days", "takes 1 to 365"));
    }
    let mut bytes = [0; 32];
    ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut bytes)
        .map_err(|error| Refusal::broken("the system's random source", error))?;
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let text = format!("wf_{digits}");
    let now = desk.now().0;
    let new = NewApiToken {
        login: account.login.clone(),
        name: name.to_owned(),
        hash: Hash::of(text.as_bytes()),
        scopes,
        expires_at: now + days * DAY,
    };
    desk.ledger.add_api_token(&account.login, new, now).await?;
    Ok(text)
}

async fn add_form(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Input(form): Input<AddForm>,
) -> Result<Response, Refusal> {
    let all = [
        (form.view, Right::View),
        (form.work, Right::Work),
        (form.lead, Right::Lead),
        (form.answer, Right::Answer),
        (form.edit, Right::Edit),
        (form.review, Right::Review),
        (form.approve, Right::Approve),
        (form.publish, Right::Publish),
        (form.administer, Right::Administer),
    ];
    let scopes = all
        .into_iter()
        .filter_map(|(held, right)| held.then_some(right))
        .collect();
    let text = add(&desk, &visitor, (&form.name, form.days), scopes).await?;
    let said = fill(
        Words::of(visitor.lang).shown_once,
        &[("name", &form.name.trim())],
    );
    shown(&desk, &visitor, Some((said, text))).await
}

/// A token that was made.
#[derive(Serialize, schemars::JsonSchema)]
struct Made {
    /// Its text, told once.
    token: String,
}

async fn add_api(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
    Input(body): Input<AddToken>,
) -> Result<Response, Refusal> {
    let mut scopes = Vec::new();
    for label in &body.scopes {
        let right = label.parse::<Right>();
        scopes
            .push(right.map_err(|_| Refusal::invalid("scopes", format!("`{label}` is no right")))?);
    }
    let token = add(&desk, &visitor, (&body.name, body.days), scopes).await?;
    let mut response = answer(&headers, &Made { token })?;
    response.extensions_mut().insert(ShownOnce);
    Ok(response)
}

/// Whose tokens the visitor may revoke: their own; an administrator of the house anybody's.
async fn revoke(desk: &Desk, visitor: &Visitor, id: i64) -> Result<(), Refusal> {
    let account = visitor.account.as_ref().ok_or(Refusal::Absent)?;
    let all = visitor.may(Right::Administer) && of_the_house(visitor).is_ok();
    let owner = (!all).then_some(account.login.as_str());
    let now = desk.now().0;
    Ok(desk
        .ledger
        .revoke_api_token(&account.login, id, owner, now)
        .await?)
}

async fn revoke_form(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path(id): Path<i64>,
) -> Result<Response, Refusal> {
    revoke(&desk, &visitor, id).await?;
    Ok(done(
        "/console/settings/tokens",
        Words::of(visitor.lang).revoked,
    ))
}

async fn revoke_api(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path(id): Path<i64>,
) -> Result<StatusCode, Refusal> {
    revoke(&desk, &visitor, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A token as the API tells it.
#[derive(Serialize, schemars::JsonSchema)]
struct Told {
    id: i64,
    name: String,
    /// Labels of the rights that it is limited to.
    scopes: Vec<&'static str>,
    /// RFC 3339.
    created_at: String,
    /// RFC 3339.
    expires_at: String,
    /// RFC 3339; absent if it was never used.
    used_at: Option<String>,
    /// RFC 3339; absent while it is not void.
    revoked_at: Option<String>,
}

#[derive(Serialize, schemars::JsonSchema)]
struct ToldList {
    items: Vec<Told>,
    /// Where the next page begins; there is one page.
    next: Option<String>,
}

async fn list_api(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let account = visitor.account.as_ref().ok_or(Refusal::Absent)?;
    let all = desk.ledger.api_tokens(Some(&account.login)).await?;
    let items = all.into_iter().map(|one| Told {
        id: one.id,
        scopes: one.scopes().into_iter().map(Word::label).collect(),
        created_at: draw::stamp(one.created_at),
        expires_at: draw::stamp(one.expires_at),
        used_at: one.used_at.map(draw::stamp),
        revoked_at: one.revoked_at.map(draw::stamp),
        name: one.name,
    });
    let list = ToldList {
        items: items.collect(),
        next: None,
    };
    answer(&headers, &list)
}

fn list_described() -> Described {
    Described {
        summary: "The caller's own tokens, the newest first.",
        answer: Some(schemars::schema_for!(ToldList).to_value()),
        ..Described::default()
    }
}

fn add_described() -> Described {
    Described {
        summary: "Makes a token; by a session only, never by another token.",
        body: Some(schemars::schema_for!(AddToken).to_value()),
        answer: Some(schemars::schema_for!(Made).to_value()),
        ..Described::default()
    }
}

fn revoke_described() -> Described {
    Described {
        summary: "Makes a token void.",
        status: 204,
        ..Described::default()
    }
}
