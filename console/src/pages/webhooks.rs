//! Webhooks out: who is told of changes, what was told, and what came of it.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use ledger::{CallState, Hook, HookCall, Page};
use model::newsroom::Right;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::draw;
use super::form::{self, Input};
use super::shell::{self, Nav, Shell};
use crate::Desk;
use crate::once::ShownOnce;
use crate::refusal::Refusal;
use crate::routes::{Described, Need, Route, Verb, get, post};
use crate::visitor::Visitor;
use crate::words::words;

const NEED: Need = Need::Right(Right::Administer);

pub(crate) const ROUTES: &[Route] = &[
    Route::page("/console/settings/webhooks", NEED, || get(list_page)),
    Route::act("/console/settings/webhooks", NEED, || post(add_page)),
    Route::page("/console/settings/webhooks/{id}", NEED, || get(one_page)),
    Route::act("/console/settings/webhooks/{id}/end", NEED, || {
        post(end_page)
    }),
    Route::act("/console/settings/webhooks/{id}/test", NEED, || {
        post(test_page)
    }),
    Route::act(
        "/console/settings/webhooks/{id}/calls/{call}/replay",
        NEED,
        || post(replay_page),
    ),
    Route::api(Verb::Get, "/api/v1/webhooks", NEED, listed, || get(list)),
    Route::api(Verb::Post, "/api/v1/webhooks", NEED, added, || post(add)),
    Route::api(Verb::Get, "/api/v1/webhooks/{id}", NEED, shown, || get(one)),
    Route::api(Verb::Delete, "/api/v1/webhooks/{id}", NEED, ended, || {
        axum::routing::delete(end)
    }),
    Route::api(
        Verb::Post,
        "/api/v1/webhooks/{id}/test",
        NEED,
        tested,
        || post(test),
    ),
    Route::api(
        Verb::Get,
        "/api/v1/webhooks/{id}/calls",
        NEED,
        calls_listed,
        || get(calls),
    ),
    Route::api(
        Verb::Post,
        "/api/v1/webhooks/{id}/calls/{call}/replay",
        NEED,
        replayed,
        || post(replay),
    ),
];

/// Calls on a page.
const SHOWN: u64 = 50;
/// Calls in an answer at most.
const MOST: u64 = 500;

words! {
    Words {
        title: "变更推送", "Webhooks";
        lead: "有变更时，烽火把它签名后推送到您的系统（Standard Webhooks）。推送失败会自动重试，也可以在记录里重发。", "When something changes, Watchfire signs it and posts it to your system (Standard Webhooks). What fails is tried again by itself, and can be sent again from the log.";
        empty: "还没有推送", "No webhook yet";
        empty_text: "填写右侧的名称和地址，选好变更种类；密钥只显示一次。", "Give a name and an address on this page, and say which changes; the secret is shown once.";
        add: "新增推送", "New webhook";
        name: "名称", "Name";
        url: "接收地址", "Address";
        url_hint: "https 地址。内部地址须先在配置 response.webhook_allow 中放行。", "An https address. Inner addresses must be let through by response.webhook_allow in the configuration.";
        kinds: "变更种类", "Changes";
        kinds_hint: "每行一种：incident.close 只指这一种，incident. 指所有以它开头的，* 指全部。", "One a line: incident.close itself, incident. all that begin so, * all of them.";
        create: "新增", "Add";
        secret: "密钥", "Secret";
        secret_once: "请现在保存：它不会再显示。接收方用它核对签名。", "Keep it now: it is not shown again. The receiver checks signatures with it.";
        log: "推送记录", "Log";
        log_empty: "还没有推送过。点“试一下”看对方是否收到。", "Nothing was sent yet. Press Try it to see whether it is heard.";
        test: "试一下", "Try it";
        tested: "已推送一条试验消息。", "A trial message is on its way.";
        end: "停用", "End it";
        end_ask: "停用后不再推送，且不能恢复。继续？", "Nothing more is sent, and this cannot be undone. Go on?";
        ended: "已停用", "ended";
        ended_said: "已停用。", "It is ended.";
        replay: "重发", "Send again";
        replayed: "已安排重发。", "It is sent again.";
        when: "时间", "When";
        kind: "种类", "Kind";
        state: "状态", "State";
        tries: "次数", "Tries";
        reply: "对方答复", "Reply";
        waiting: "等待", "waiting";
        sent: "已送达", "sent";
        failed: "已放弃", "given up";
        back: "全部推送", "All webhooks";
        api: "接口说明", "API";
    }
}

/// A subscription.
#[derive(Serialize, JsonSchema)]
struct Webhook {
    /// Its number.
    id: i64,
    /// What it is called.
    name: String,
    /// Where it is posted to.
    url: String,
    /// Kinds of changes.
    kinds: Vec<String>,
    /// Who made it.
    created_by: String,
    /// When, RFC 3339.
    created_at: String,
    /// When it was ended.
    ended_at: Option<String>,
}

impl From<&Hook> for Webhook {
    fn from(hook: &Hook) -> Self {
        Webhook {
            id: hook.id,
            name: hook.name.clone(),
            url: hook.url.clone(),
            kinds: hook.kinds.split(',').map(str::to_owned).collect(),
            created_by: hook.created_by.clone(),
            created_at: draw::stamp(hook.created_at),
            ended_at: hook.ended_at.map(draw::stamp),
        }
    }
}

/// A new subscription, with the secret that is shown once.
#[derive(Serialize, JsonSchema)]
struct NewWebhook {
    /// The subscription.
    webhook: Webhook,
    /// The secret, `whsec_...`: keep it, it is not shown again.
    secret: String,
}

#[derive(Serialize, JsonSchema)]
struct Webhooks {
    items: Vec<Webhook>,
    /// Always null: there are few.
    next: Option<String>,
}

/// One thing told.
#[derive(Serialize, JsonSchema)]
struct Call {
    /// Its number.
    id: i64,
    /// Its `webhook-id`.
    message: String,
    /// Kind of change.
    kind: String,
    /// `waiting`, `sent` or `failed`.
    state: String,
    /// How often it was tried.
    attempts: i32,
    /// What the other side said last.
    reply: String,
    /// When it was asked for, RFC 3339.
    created_at: String,
    /// When it was tried last.
    tried_at: Option<String>,
}

#[derive(Serialize, JsonSchema)]
struct Calls {
    items: Vec<Call>,
    /// Ask again with this as `after`.
    next: Option<String>,
}

fn label(state: CallState) -> &'static str {
    match state {
        CallState::Waiting => "waiting",
        CallState::Sent => "sent",
        CallState::Failed => "failed",
    }
}

impl From<&HookCall> for Call {
    fn from(call: &HookCall) -> Self {
        Call {
            id: call.id,
            message: call.message.clone(),
            kind: call.kind.clone(),
            state: label(call.state).to_owned(),
            attempts: call.attempts,
            reply: call.reply.clone(),
            created_at: draw::stamp(call.created_at),
            tried_at: call.tried_at.map(draw::stamp),
        }
    }
}

/// What a program sends.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// What it is called.
    #[schemars(length(min = 1, max = 100))]
    name: String,
    /// Where it is posted to: an https address.
    #[schemars(length(min = 1, max = 2000))]
    url: String,
    /// Kinds of changes.
    #[schemars(length(min = 1, max = 50))]
    kinds: Vec<String>,
}

/// What the page sends.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WantedForm {
    name: String,
    url: String,
    kinds: String,
}

/// Makes a subscription; its secret.
async fn make(desk: &Desk, visitor: &Visitor, wanted: Wanted) -> Result<(Hook, String), Refusal> {
    let name = wanted.name.trim();
    if !(1..=100).contains(&name.chars().count()) {
        return Err(Refusal::invalid("name", "needs 1 to 100 characters"));
    }
    let url = url::Url::parse(wanted.url.trim()).map_err(|error| Refusal::invalid("url", error))?;
    let whole = matches!(url.scheme(), "https" | "http")
        && url.host_str().is_some_and(|host| !host.is_empty())
        && url.username().is_empty()
        && url.password().is_none()
        && url.as_str().len() <= 2000;
    if !whole {
        let why = "must be an https address without a name or password in it";
        return Err(Refusal::invalid("url", why));
    }
    let mut kinds = Vec::new();
    for kind in &wanted.kinds {
        let kind = kind.trim();
        let plain = |c: char| c.is_ascii_lowercase() || c == '_' || c == '.' || c == '-';
        if kind != "*" && (kind.is_empty() || kind.len() > 60 || !kind.chars().all(plain)) {
            let why = "is no kind of change: write incident.close, incident. or *";
            return Err(Refusal::invalid("kinds", why));
        }
        kinds.push(kind.to_owned());
    }
    if !(1..=50).contains(&kinds.len()) {
        return Err(Refusal::invalid("kinds", "needs 1 to 50 kinds of changes"));
    }
    let bytes = BASE64_URL_SAFE_NO_PAD
        .decode(desk.secret()?)
        .map_err(|error| Refusal::broken("a secret", error))?;
    let secret = format!("whsec_{}", BASE64_STANDARD.encode(bytes));
    let by = visitor.actor(desk, Right::Administer).await?;
    let now = desk.now().0;
    let hook = desk
        .ledger
        .add_hook(&by, (name, url.as_str(), &kinds), &secret, now)
        .await?;
    Ok((hook, secret))
}

fn listed() -> Described {
    Described {
        summary: "Webhooks, the newest first; without their secrets",
        answer: Some(schemars::schema_for!(Webhooks).to_value()),
        ..Described::default()
    }
}

async fn list(State(desk): State<Arc<Desk>>, headers: HeaderMap) -> Result<Response, Refusal> {
    let all = desk.ledger.hooks().await?;
    let items = all.iter().map(Webhook::from).collect();
    form::answer(&headers, &Webhooks { items, next: None })
}

fn added() -> Described {
    Described {
        summary: "Makes a webhook; its secret is shown once",
        body: Some(schemars::schema_for!(Wanted).to_value()),
        answer: Some(schemars::schema_for!(NewWebhook).to_value()),
        status: 201,
        ..Described::default()
    }
}

async fn add(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
    Input(wanted): Input<Wanted>,
) -> Result<Response, Refusal> {
    let (hook, secret) = make(&desk, &visitor, wanted).await?;
    let webhook = Webhook::from(&hook);
    let place = format!("/api/v1/webhooks/{}", hook.id);
    let mut response = form::answer(&headers, &NewWebhook { webhook, secret })?;
    *response.status_mut() = StatusCode::CREATED;
    response.extensions_mut().insert(ShownOnce);
    if let Ok(place) = place.parse() {
        response.headers_mut().insert(header::LOCATION, place);
    }
    Ok(response)
}

fn shown() -> Described {
    Described {
        summary: "A webhook, without its secret",
        answer: Some(schemars::schema_for!(Webhook).to_value()),
        ..Described::default()
    }
}

async fn one(
    State(desk): State<Arc<Desk>>,
    headers: HeaderMap,
    Path(id): Path<i64>,
) -> Result<Response, Refusal> {
    let hook = desk.ledger.hook(id).await?;
    form::answer(&headers, &Webhook::from(&hook))
}

fn ended() -> Described {
    Described {
        summary: "Ends a webhook",
        ..Described::default()
    }
}

async fn end(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
    Path(id): Path<i64>,
) -> Result<Response, Refusal> {
    let by = visitor.actor(&desk, Right::Administer).await?;
    let hook = desk.ledger.hook(id).await?;
    form::expect(&headers, &form::tag_of(&Webhook::from(&hook))?)?;
    desk.ledger.end_hook(&by, id, desk.now().0).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn tested() -> Described {
    Described {
        summary: "Posts a trial message to a webhook",
        status: 202,
        answer: Some(schemars::schema_for!(Call).to_value()),
        ..Described::default()
    }
}

async fn test(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
    Path(id): Path<i64>,
) -> Result<Response, Refusal> {
    let by = visitor.actor(&desk, Right::Administer).await?;
    let call = desk.ledger.try_hook(&by, id, desk.now().0).await?;
    let call = desk.ledger.hook_call(call).await?;
    let mut response = form::answer(&headers, &Call::from(&call))?;
    *response.status_mut() = StatusCode::ACCEPTED;
    Ok(response)
}

/// A page of a list.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// How many, 1 to 500; 50 if left out.
    #[serde(default)]
    #[schemars(range(min = 1, max = 500))]
    limit: Option<u64>,
    /// `next` of the page before.
    #[serde(default)]
    #[schemars(regex(pattern = "^[0-9]{1,18}$"))]
    after: Option<String>,
}

fn calls_listed() -> Described {
    Described {
        summary: "What was told to a webhook, the newest first",
        query: Some(schemars::schema_for!(Asked).to_value()),
        answer: Some(schemars::schema_for!(Calls).to_value()),
        ..Described::default()
    }
}

async fn calls(
    State(desk): State<Arc<Desk>>,
    headers: HeaderMap,
    Path(id): Path<i64>,
    Query(asked): Query<Asked>,
) -> Result<Response, Refusal> {
    desk.ledger.hook(id).await?;
    let limit = asked.limit.unwrap_or(SHOWN);
    if !(1..=MOST).contains(&limit) {
        return Err(Refusal::invalid("limit", "must be 1 to 500"));
    }
    let before = form::cursor("after", asked.after.as_deref())?;
    let page = Page { offset: 0, limit };
    let found = desk.ledger.hook_calls(id, before, page).await?;
    let next = (found.len() as u64 == limit)
        .then(|| found.last().map(|last| last.id.to_string()))
        .flatten();
    let items = found.iter().map(Call::from).collect();
    form::answer(&headers, &Calls { items, next })
}

fn replayed() -> Described {
    Described {
        summary: "Tells something once more, under the same message id",
        ..Described::default()
    }
}

/// A call of a webhook; of another's it is absent.
async fn again(desk: &Desk, visitor: &Visitor, (id, call): (i64, i64)) -> Result<(), Refusal> {
    let by = visitor.actor(desk, Right::Administer).await?;
    let found = desk.ledger.hook_call(call).await?;
    if found.hook_id != id {
        return Err(Refusal::Absent);
    }
    Ok(desk.ledger.replay_call(&by, call, desk.now().0).await?)
}

async fn replay(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path(path): Path<(i64, i64)>,
) -> Result<Response, Refusal> {
    again(&desk, &visitor, path).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

#[derive(Template)]
#[template(path = "webhooks.html")]
struct WebhooksPage {
    shell: Shell,
    w: &'static Words,
    hooks: Vec<Webhook>,
    secret: Option<(String, String)>,
}

async fn listing(
    desk: &Desk,
    visitor: &Visitor,
    secret: Option<(String, String)>,
) -> Result<Response, Refusal> {
    let w = Words::of(visitor.lang);
    let hooks = desk.ledger.hooks().await?;
    Ok(shell::page(&WebhooksPage {
        shell: shell::shell(desk, visitor, Nav::Settings, w.title).await,
        w,
        hooks: hooks.iter().map(Webhook::from).collect(),
        secret,
    }))
}

async fn list_page(State(desk): State<Arc<Desk>>, visitor: Visitor) -> Result<Response, Refusal> {
    listing(&desk, &visitor, None).await
}

async fn add_page(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Input(sent): Input<WantedForm>,
) -> Result<Response, Refusal> {
    let kinds = sent.kinds.split(['\n', ',', ' ']).map(str::trim);
    let wanted = Wanted {
        name: sent.name,
        url: sent.url,
        kinds: kinds
            .filter(|kind| !kind.is_empty())
            .map(str::to_owned)
            .collect(),
    };
    let (hook, secret) = make(&desk, &visitor, wanted).await?;
    // Shown at once: behind a redirect it would have to be kept somewhere.
    listing(&desk, &visitor, Some((hook.name, secret))).await
}

struct Row {
    id: i64,
    when: String,
    exact: String,
    kind: String,
    state: &'static str,
    class: &'static str,
    tries: i32,
    reply: String,
}

#[derive(Template)]
#[template(path = "webhook.html")]
struct WebhookPage {
    shell: Shell,
    w: &'static Words,
    hook: Webhook,
    rows: Vec<Row>,
}

async fn one_page(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path(id): Path<i64>,
) -> Result<Response, Refusal> {
    let lang = visitor.lang;
    let w = Words::of(lang);
    let hook = desk.ledger.hook(id).await?;
    let page = Page {
        offset: 0,
        limit: SHOWN,
    };
    let now = desk.now().0;
    let calls = desk.ledger.hook_calls(id, None, page).await?;
    let rows = calls.into_iter().map(|call| {
        let (state, class) = match call.state {
            CallState::Waiting => (w.waiting, ""),
            CallState::Sent => (w.sent, "better"),
            CallState::Failed => (w.failed, "hot"),
        };
        Row {
            id: call.id,
            when: draw::ago(now, call.created_at, lang),
            exact: draw::exact(&desk, call.created_at),
            kind: call.kind,
            state,
            class,
            tries: call.attempts,
            reply: call.reply,
        }
    });
    Ok(shell::page(&WebhookPage {
        shell: shell::shell(&desk, &visitor, Nav::Settings, &hook.name).await,
        w,
        rows: rows.collect(),
        hook: Webhook::from(&hook),
    }))
}

async fn end_page(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path(id): Path<i64>,
) -> Result<Response, Refusal> {
    let by = visitor.actor(&desk, Right::Administer).await?;
    desk.ledger.end_hook(&by, id, desk.now().0).await?;
    Ok(form::done(
        "/console/settings/webhooks",
        Words::of(visitor.lang).ended_said,
    ))
}

async fn test_page(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path(id): Path<i64>,
) -> Result<Response, Refusal> {
    let by = visitor.actor(&desk, Right::Administer).await?;
    desk.ledger.try_hook(&by, id, desk.now().0).await?;
    let to = format!("/console/settings/webhooks/{id}");
    Ok(form::done(&to, Words::of(visitor.lang).tested))
}

async fn replay_page(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path((id, call)): Path<(i64, i64)>,
) -> Result<Response, Refusal> {
    again(&desk, &visitor, (id, call)).await?;
    let to = format!("/console/settings/webhooks/{id}");
    Ok(form::done(&to, Words::of(visitor.lang).replayed))
}
