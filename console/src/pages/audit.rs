//! The audit trail: who did what to which object, with the state of its chain. Reading it is written down too.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use jiff::civil::Date;
use ledger::{AuditEntry, AuditFilter, Page};
use model::newsroom::Right;
use model::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::draw;
use super::form::answer;
use super::settings::of_the_house;
use super::shell::{self, Nav, Shell};
use crate::Desk;
use crate::refusal::Refusal;
use crate::routes::{Described, Need, Route, Verb, get};
use crate::visitor::Visitor;
use crate::words::{ShellWords, fill, words};

const READ: Need = Need::Right(Right::View);

pub(crate) const ROUTES: &[Route] = &[
    Route::page("/console/audit", READ, || get(page)),
    Route::page("/console/audit/export", READ, || get(export)),
    Route::api(Verb::Get, "/api/v1/audit", READ, list_described, || {
        get(list)
    }),
    Route::api(
        Verb::Get,
        "/api/v1/audit/chain",
        READ,
        chain_described,
        || get(chain),
    ),
];

/// Rows of a page, at most of a page of the API, and of an export.
const ROWS: u64 = 50;
const MOST: u64 = 200;
const EXPORT: u64 = 100_000;

words! {
    Words {
        about: "每次改动与每次敏感查阅都记在这里，逐条相连，事后不能改动而不被发现。", "Every change and every sensitive read stands here, each row chained to the one before: none can be changed unnoticed.";
        chain: "链的状态", "The chain";
        whole: "完整，共 {n} 条", "whole, {n} rows";
        broken: "第 {n} 条起不可信：{why}", "not to be trusted from row {n}: {why}";
        check: "核对整条链", "Check the whole chain";
        head: "最后一条 {n}", "last row {n}";
        head_text: "把它抄到别处，就能证明此前的记录没有被改写。", "Written down elsewhere, it proves everything up to there.";
        actor: "操作者", "Who";
        action: "动作", "Did what";
        action_hint: "以点结尾表示一类，如 account.", "with a dot at the end: all of a kind, such as account.";
        object: "对象", "To what";
        since: "自", "From";
        until: "至", "To";
        filter: "筛选", "Filter";
        clear: "清除", "Clear";
        time: "时间", "When";
        row: "序号", "Row";
        detail: "详情", "Details";
        before: "改前", "before";
        after: "改后", "after";
        hash: "本条摘要", "Hash of the row";
        older: "更早", "Older";
        newest: "回到最新", "Newest";
        none: "没有符合条件的记录", "No row is like that";
        none_text: "放宽条件再试。动作写全名，或以点结尾。", "Ask for less. Actions are written in full, or with a dot at the end.";
        csv: "导出 CSV", "Export CSV";
        json: "导出 JSON", "Export JSON";
        day: "写成 2026-11-29 这样的日期", "write a day as 2026-11-29";
        list: "审计记录", "Audit trail";
    }
}

#[derive(Clone, Debug, Default, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// Login, or a part of the system such as `system:scheduler`.
    #[serde(default)]
    actor: String,
    /// Action in full, or with a dot at the end all of a kind.
    #[serde(default)]
    action: String,
    /// Kind and id of the object.
    #[serde(default)]
    object: String,
    /// First day in the house's zone, `YYYY-MM-DD`.
    #[serde(default)]
    since: String,
    /// Last day.
    #[serde(default)]
    until: String,
    /// Rows at most.
    limit: Option<u64>,
    /// What `next` of the page before says.
    #[serde(default)]
    after: String,
    /// `csv` or `json`, of an export.
    #[serde(default)]
    format: String,
    /// Whether the whole chain is checked.
    #[serde(default)]
    check: bool,
    /// Language of the page.
    #[serde(default, rename = "lang")]
    #[schemars(skip)]
    _lang: String,
}

impl Asked {
    fn filter(&self, desk: &Desk, visitor: &Visitor) -> Result<AuditFilter, Refusal> {
        let w = Words::of(visitor.lang);
        let some = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let zone = desk.terms().zone.clone();
        let day = |field: &str, text: &str, plus: i8| -> Result<Option<i64>, Refusal> {
            let Some(text) = some(text) else {
                return Ok(None);
            };
            let begins = text.parse::<Date>().and_then(|date| {
                let date = if plus > 0 { date.tomorrow()? } else { date };
                date.to_zoned_datetime(zone.clone())
            });
            match begins {
                Ok(at) => Ok(Some(Timestamp::from(at.timestamp()).0)),
                Err(_) => Err(Refusal::invalid(field, w.day)),
            }
        };
        Ok(AuditFilter {
            object: some(&self.object),
            action: some(&self.action),
            actor: some(&self.actor),
            since: day("since", &self.since, 0)?,
            until: day("until", &self.until, 1)?,
            before: match some(&self.after) {
                None => None,
                Some(text) => Some(
                    text.parse()
                        .map_err(|_| Refusal::invalid("after", "is none of ours"))?,
                ),
            },
        })
    }

    /// The same question as the end of an address, without place and format.
    fn query(&self) -> String {
        let mut out = url::form_urlencoded::Serializer::new(String::new());
        for (key, value) in [
            ("actor", &self.actor),
            ("action", &self.action),
            ("object", &self.object),
            ("since", &self.since),
            ("until", &self.until),
        ] {
            if !value.trim().is_empty() {
                out.append_pair(key, value.trim());
            }
        }
        out.finish()
    }
}

/// One field of a row's details.
struct Field {
    key: String,
    before: Option<String>,
    after: String,
}

struct Row {
    seq: i64,
    at: String,
    exact: String,
    actor: String,
    action: String,
    object: String,
    /// The object with long ids shortened: what stands before, and their last eight digits.
    brief: String,
    short: String,
    fields: Vec<Field>,
    hash: String,
}

#[derive(Template)]
#[template(path = "audit.html")]
struct AuditPage {
    shell: Shell,
    w: &'static Words,
    asked: Asked,
    query: String,
    rows: Vec<Row>,
    older: Option<i64>,
    /// What is said of the last row, and its hash.
    head: Option<(String, String)>,
    /// How the check of the chain ended, and whether well.
    checked: Option<(String, bool)>,
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "–".to_owned(),
        Value::Array(all) => all.iter().map(text).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

/// Details as fields, with what stood before where it is told.
fn fields(detail: &str) -> Vec<Field> {
    let Ok(Value::Object(map)) = serde_json::from_str(detail) else {
        return Vec::new();
    };
    let before = map.get("before").and_then(Value::as_object);
    let nested = map.get("after").and_then(Value::as_object);
    let after = nested.unwrap_or(&map);
    after
        .iter()
        .filter(|(key, _)| *key != "before")
        .map(|(key, value)| {
            let then = before.and_then(|before| before.get(key)).map(text);
            let now = text(value);
            Field {
                before: then.filter(|then| *then != now && then.replace(',', ", ") != now),
                key: key.clone(),
                after: now,
            }
        })
        .collect()
}

/// An object as it is read: of a long id the kind and the last eight digits.
fn brief(object: &str) -> String {
    let words = object.split(' ').map(|word| match word.split_once('-') {
        Some((kind, rest)) if rest.len() == 36 && rest.is_ascii() => {
            format!("{kind}-…{}", &rest[28..])
        }
        _ => word.to_owned(),
    });
    words.collect::<Vec<_>>().join(" ")
}

fn row(desk: &Desk, visitor: &Visitor, entry: AuditEntry) -> Row {
    let fields = fields(&entry.detail);
    let short: Vec<String> = fields
        .iter()
        .map(|field| match &field.before {
            Some(before) => format!("{}: {before} → {}", field.key, field.after),
            None => format!("{}: {}", field.key, field.after),
        })
        .collect();
    Row {
        at: draw::ago(desk.now().0, entry.at, visitor.lang),
        exact: draw::exact(desk, entry.at),
        short: short.join("; ").chars().take(160).collect(),
        fields,
        seq: entry.seq,
        actor: entry.actor,
        action: entry.action,
        brief: brief(&entry.object),
        object: entry.object,
        hash: entry.hash.to_string(),
    }
}

async fn page(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Result<Response, Refusal> {
    of_the_house(&visitor)?;
    let w = Words::of(visitor.lang);
    let filter = asked.filter(&desk, &visitor)?;
    let object = format!("audit trail {}", asked.query());
    desk.sensitive_read(&visitor, object.trim_end()).await?;
    let slice = Page {
        offset: 0,
        limit: ROWS + 1,
    };
    let mut entries = desk.ledger.audit_rows(&filter, slice).await?;
    let more = entries.len() as u64 > ROWS;
    entries.truncate(ROWS as usize);
    let older = entries.last().map(|entry| entry.seq).filter(|_| more);
    let checked = match asked.check {
        false => None,
        true => Some(match desk.ledger.verify_audit().await {
            Ok(rows) => (fill(w.whole, &[("n", &rows)]), true),
            Err(ledger::Error::AuditBroken { seq, reason }) => {
                (fill(w.broken, &[("n", &seq), ("why", &reason)]), false)
            }
            Err(error) => return Err(error.into()),
        }),
    };
    let head = desk.ledger.audit_head().await?;
    Ok(shell::page(&AuditPage {
        shell: shell::shell(
            &desk,
            &visitor,
            Nav::Audit,
            ShellWords::of(visitor.lang).audit,
        )
        .await,
        w,
        query: asked.query(),
        asked,
        rows: entries
            .into_iter()
            .map(|entry| row(&desk, &visitor, entry))
            .collect(),
        older,
        head: head.map(|(seq, hash)| (fill(w.head, &[("n", &seq)]), hash.to_string())),
        checked,
    }))
}

/// A row as programs read it.
#[derive(Serialize, schemars::JsonSchema)]
struct Told {
    /// Its place, from 1 without gaps.
    seq: i64,
    /// When (RFC 3339).
    at: String,
    /// Who.
    actor: String,
    /// What was done.
    action: String,
    /// To what.
    object: String,
    /// Details.
    detail: Value,
    /// BLAKE3 of the row, over its content and the row before.
    hash: String,
}

fn told(entry: AuditEntry) -> Told {
    Told {
        seq: entry.seq,
        at: draw::stamp(entry.at),
        detail: serde_json::from_str(&entry.detail).unwrap_or(Value::Null),
        hash: entry.hash.to_string(),
        actor: entry.actor,
        action: entry.action,
        object: entry.object,
    }
}

/// A cell of CSV that no spreadsheet takes for a formula.
fn cell(text: &str) -> String {
    let risky = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = text.replace('"', "\"\"");
    match risky {
        true => format!("\"'{text}\""),
        false => format!("\"{text}\""),
    }
}

/// Exactly the rows that the page is about, up to a bound.
async fn export(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Result<Response, Refusal> {
    of_the_house(&visitor)?;
    let filter = asked.filter(&desk, &visitor)?;
    let object = format!("export of the audit trail {}", asked.query());
    desk.sensitive_read(&visitor, object.trim_end()).await?;
    let slice = Page {
        offset: 0,
        limit: EXPORT,
    };
    let entries = desk.ledger.audit_rows(&filter, slice).await?;
    let all = entries.into_iter().map(told);
    let (body, kind, name) = match asked.format.as_str() {
        "json" => {
            let all: Vec<Told> = all.collect();
            let body = serde_json::to_string_pretty(&all);
            let body = body.map_err(|error| Refusal::broken("an export", error))?;
            (body, "application/json", "audit.json")
        }
        "csv" | "" => {
            let mut body = "\u{feff}seq,at,actor,action,object,detail,hash\r\n".to_owned();
            for one in all {
                let detail = one.detail.to_string();
                let cells = [
                    &one.at,
                    &one.actor,
                    &one.action,
                    &one.object,
                    &detail,
                    &one.hash,
                ];
                let cells: Vec<String> = cells.into_iter().map(|text| cell(text)).collect();
                body.push_str(&format!("{},{}\r\n", one.seq, cells.join(",")));
            }
            (body, "text/csv; charset=utf-8", "audit.csv")
        }
        _ => return Err(Refusal::invalid("format", "is csv or json")),
    };
    let disposition = format!("attachment; filename=\"{name}\"");
    let disposition =
        HeaderValue::from_str(&disposition).map_err(|error| Refusal::broken("an export", error))?;
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (header::CONTENT_DISPOSITION, disposition),
    ];
    Ok((headers, body).into_response())
}

#[derive(Serialize, schemars::JsonSchema)]
struct ToldList {
    items: Vec<Told>,
    /// Where the next page begins, for `after`.
    next: Option<String>,
}

fn list_described() -> Described {
    Described {
        summary: "Rows of the audit trail, the newest first; reading them is written down.",
        query: Some(schemars::schema_for!(Asked).to_value()),
        answer: Some(schemars::schema_for!(ToldList).to_value()),
        ..Described::default()
    }
}

async fn list(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
    Query(asked): Query<Asked>,
) -> Result<Response, Refusal> {
    of_the_house(&visitor)?;
    let filter = asked.filter(&desk, &visitor)?;
    let object = format!("audit trail {}", asked.query());
    desk.sensitive_read(&visitor, object.trim_end()).await?;
    let limit = asked.limit.unwrap_or(ROWS).clamp(1, MOST);
    let slice = Page {
        offset: 0,
        limit: limit + 1,
    };
    let mut entries = desk.ledger.audit_rows(&filter, slice).await?;
    let more = entries.len() as u64 > limit;
    entries.truncate(limit as usize);
    let next = entries
        .last()
        .filter(|_| more)
        .map(|entry| entry.seq.to_string());
    let items = entries.into_iter().map(told).collect();
    answer(&headers, &ToldList { items, next })
}

/// How the chain stands.
#[derive(Serialize, schemars::JsonSchema)]
struct Chain {
    /// Whether every row continues the one before and is as it was written.
    whole: bool,
    /// Rows that were checked.
    rows: u64,
    /// The first row that is not to be trusted.
    broken_at: Option<i64>,
    /// Why.
    reason: Option<String>,
    /// Hash of the last row.
    head: Option<String>,
}

fn chain_described() -> Described {
    Described {
        summary: "Checks the whole chain of the audit trail.",
        answer: Some(schemars::schema_for!(Chain).to_value()),
        ..Described::default()
    }
}

async fn chain(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    of_the_house(&visitor)?;
    let head = desk
        .ledger
        .audit_head()
        .await?
        .map(|(_, hash)| hash.to_string());
    let chain = match desk.ledger.verify_audit().await {
        Ok(rows) => Chain {
            whole: true,
            rows,
            broken_at: None,
            reason: None,
            head,
        },
        Err(ledger::Error::AuditBroken { seq, reason }) => Chain {
            whole: false,
            rows: u64::try_from(seq - 1).unwrap_or(0),
            broken_at: Some(seq),
            reason: Some(reason),
            head,
        },
        Err(error) => return Err(error.into()),
    };
    answer(&headers, &chain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spreadsheet_takes_no_cell_for_a_formula() {
        assert_eq!(cell("=1+1"), "\"'=1+1\"");
        assert_eq!(cell("a \"b\""), "\"a \"\"b\"\"\"");
    }

    #[test]
    fn long_ids_are_shortened_and_nothing_else() {
        let id = "incident INC-01a2008d-7400-7814-85a0-8202764b73fe";
        assert_eq!(brief(id), "incident INC-…764b73fe");
        assert_eq!(brief("account li.na"), "account li.na");
    }

    #[test]
    fn what_changed_shows_before_and_after() {
        let found = fields(r#"{"name":"b","active":true,"before":{"name":"a","active":true}}"#);
        let shown: Vec<_> = found
            .iter()
            .map(|one| (one.key.as_str(), one.before.as_deref(), one.after.as_str()))
            .collect();
        assert_eq!(shown, [("name", Some("a"), "b"), ("active", None, "true")]);
        assert!(fields("[]").is_empty());
    }
}
