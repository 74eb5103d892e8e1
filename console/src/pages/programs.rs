//! The API for whoever writes a program: the OpenAPI document, and the same as a page.

use std::sync::{Arc, LazyLock};

use askama::Template;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use model::newsroom::Right;
use serde_json::{Value, json};

use super::form;
use super::shell::{self, Nav, Shell};
use crate::Desk;
use crate::openapi;
use crate::refusal::Refusal;
use crate::routes::{Described, Need, Route, Verb, get};
use crate::visitor::Visitor;
use crate::words::{word, words};

pub(crate) const ROUTES: &[Route] = &[
    Route::api(
        Verb::Get,
        "/api/v1/openapi.json",
        Need::Nothing,
        described,
        || get(document),
    ),
    Route::page("/console/settings/api", Need::Right(Right::View), || {
        get(page)
    }),
];

fn described() -> Described {
    Described {
        summary: "This document",
        answer: Some(json!({ "type": "object" })),
        ..Described::default()
    }
}

/// Made once: the table of routes does not change while the process runs.
static DOCUMENT: LazyLock<Value> = LazyLock::new(openapi::document);

async fn document(headers: HeaderMap) -> Result<Response, Refusal> {
    form::answer(&headers, &*DOCUMENT)
}

words! {
    Words {
        title: "接口", "API";
        lead: "控制台能做的，程序也能做。每个地址在这里都有说明；机器可读的说明是一份 OpenAPI 3.1 文档。", "What the console can do, a program can do. Every address is described here; for machines there is an OpenAPI 3.1 document.";
        download: "下载 OpenAPI 文档", "OpenAPI document";
        hooks: "变更推送", "Webhooks";
        start: "从这里开始", "Where to begin";
        start_text: "在设置中生成一个令牌，选定权限和有效期，然后：", "Make a token under Settings, with its rights and its end, then:";
        paging: "翻页", "Paging";
        paging_text: "列表每次给出 items 和 next；把 next 的值作为 after 再问，直到 next 为 null。", "Lists give items and next; ask again with next as after, until next is null.";
        again: "重试", "Trying again";
        again_text: "改动请求请带 Idempotency-Key：同一个键一天之内只生效一次，再问得到同样的答复。", "Send an Idempotency-Key with whatever changes something: within a day the same key acts once, and asking again gives the same answer.";
        both: "两人同改", "Two at once";
        both_text: "答复带 ETag；改动时把它放进 If-Match，若其间有人改过，会得到 412。", "Answers bear an ETag; send it as If-Match with a change, and you get 412 if somebody changed it in between.";
        live: "实时变更", "Changes as they happen";
        live_text: "/api/v1/changes 是服务器推送事件；断线后带 Last-Event-ID 重连，不会漏。", "/api/v1/changes sends events; come back with Last-Event-ID after a break, and nothing is missed.";
        errors: "出错", "Errors";
        errors_text: "按 RFC 9457 给出 type、title、status、detail。无权查看与不存在，答复相同。", "By RFC 9457: type, title, status, detail. What is not yours to see is answered as if it were not there.";
        right: "所需权限", "Needs";
        anybody: "任何人", "anybody";
        signed_in: "已登录", "whoever signed in";
        query: "查询参数", "Query";
        body: "请求体", "Body";
        answer: "答复", "Answer";
        field: "字段", "Field";
        kind: "类型", "Type";
        about: "说明", "About";
        needed: "必填", "needed";
    }
}

struct Field {
    name: String,
    kind: String,
    needed: bool,
    about: String,
}

/// Fields of a query, a body or an answer.
struct Part {
    heading: &'static str,
    kind: String,
    fields: Vec<Field>,
}

struct Operation {
    verb: &'static str,
    path: &'static str,
    summary: &'static str,
    right: String,
    parts: Vec<Part>,
}

struct Area {
    name: &'static str,
    operations: Vec<Operation>,
}

#[derive(Template)]
#[template(path = "programs.html")]
struct ProgramsPage {
    shell: Shell,
    w: &'static Words,
    areas: Vec<Area>,
}

/// The type of a schema in a word.
fn kind(schema: &Value) -> String {
    if let Some(target) = schema.get("$ref").and_then(Value::as_str) {
        return target.rsplit('/').next().unwrap_or_default().to_owned();
    }
    if let Some(all) = schema.get("enum").and_then(Value::as_array) {
        let all: Vec<&str> = all.iter().filter_map(Value::as_str).collect();
        return all.join(" | ");
    }
    let own = |kind: &str| match kind {
        "array" => {
            let inner = schema.get("items").map(self::kind).unwrap_or_default();
            format!("[{inner}]")
        }
        other => other.to_owned(),
    };
    match schema.get("type") {
        Some(Value::String(text)) => own(text),
        Some(Value::Array(all)) => {
            let all = all.iter().filter_map(Value::as_str).map(own);
            all.collect::<Vec<_>>().join(" | ")
        }
        _ => {
            let choices = schema.get("anyOf").or_else(|| schema.get("oneOf"));
            let choices = choices.and_then(Value::as_array);
            let all = choices.into_iter().flatten().map(|one| {
                one.get("const")
                    .and_then(Value::as_str)
                    .map_or_else(|| kind(one), str::to_owned)
            });
            all.collect::<Vec<_>>().join(" | ")
        }
    }
}

fn part(heading: &'static str, schema: Option<&Value>) -> Option<Part> {
    let schema = schema?;
    let fields = openapi::fields(schema)
        .into_iter()
        .map(|(name, needed, inner)| Field {
            name,
            kind: kind(&inner),
            needed,
            about: inner
                .get("description")
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned(),
        });
    Some(Part {
        heading,
        kind: kind(schema),
        fields: fields.collect(),
    })
}

async fn page(State(desk): State<Arc<Desk>>, visitor: Visitor) -> Result<Response, Refusal> {
    let lang = visitor.lang;
    let w = Words::of(lang);
    let mut areas: Vec<Area> = Vec::new();
    for route in crate::routes::all() {
        let Some(described) = route.described.map(|described| described()) else {
            continue;
        };
        let name = openapi::area(route.path);
        let operation = Operation {
            verb: route.verb.as_str(),
            path: route.path,
            summary: described.summary,
            right: match route.need {
                Need::Nothing => w.anybody.to_owned(),
                Need::SignedIn => w.signed_in.to_owned(),
                Need::Right(right) => word(right, lang).to_owned(),
            },
            parts: [
                part(w.query, described.query.as_ref()),
                part(w.body, described.body.as_ref()),
                part(w.answer, described.answer.as_ref()),
            ]
            .into_iter()
            .flatten()
            .collect(),
        };
        match areas.iter_mut().find(|area| area.name == name) {
            Some(area) => area.operations.push(operation),
            None => areas.push(Area {
                name,
                operations: vec![operation],
            }),
        }
    }
    areas.sort_by_key(|area| area.name);
    Ok(shell::page(&ProgramsPage {
        shell: shell::shell(&desk, &visitor, Nav::Settings, w.title).await,
        w,
        areas,
    }))
}
