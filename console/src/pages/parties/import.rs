//! Importing a list of parties: what it would change is shown entry by entry, and only what a person approved is done.
//! What was applied can be undone.

use std::collections::BTreeSet;
use std::sync::Arc;

use askama::Template;
use axum::body::Bytes;
use axum::extract::multipart::MultipartRejection;
use axum::extract::{Multipart, Path, State};
use axum::response::Response;
use ledger::Hash;
use ledger::organization::Undone;
use model::newsroom::Right;
use model::territory::OwnerClass;
use response::party::{self, BadLine, Change, Difference, Entry, Import, SourceKind};
use serde::{Deserialize, Serialize};

use crate::Desk;
use crate::pages::form::done;
use crate::pages::notices::bytes;
use crate::pages::shell::{self, Nav, Shell};
use crate::pages::{draw, mail, paging};
use crate::refusal::Refusal;
use crate::visitor::Visitor;
use crate::words::{fill, words};

words! {
    Words {
        title: "导入名单", "Import a list";
        back: "处置单位", "Parties";
        upload_text: "上传后先比较，逐项看过再批准；批准之前什么都不变。", "An uploaded list is compared first; nothing changes before entries are approved.";
        file: "文件", "File";
        kind: "格式", "What it is";
        parties: "处置单位名单（CSV）", "List of parties (CSV)";
        registrars: "IANA 注册商名单（CSV）", "IANA's registrars (CSV)";
        csirts: "国家应急组织名单（JSON）", "National CSIRTs (JSON)";
        contactdb: "IntelMQ 联系人库（pg_dump）", "IntelMQ's contact database (pg_dump)";
        source: "来源名称", "Name of the source";
        source_hint: "同一来源上次有、这次没有的负责范围会列为“不再提及”。", "What an earlier list of this name had and this does not is shown as gone.";
        upload: "上传并比较", "Upload and compare";
        heads: "CSV 表头：", "Heads of the CSV: ";
        waiting: "等待批准", "Waiting for approval";
        applied: "已导入", "Imported";
        nothing: "还没有导入过名单。", "No list was imported yet.";
        look: "查看差异", "Look";
        undo: "撤销最近一次", "Undo the last one";
        undo_ask: "撤销来源 {s} 最近一次导入？之后由人改动过的不受影响。", "Undo the last import of {s}? What a person changed since stays.";
        by: "{who}，{at}", "{who}, {at}";
        did: "新增单位 {o}，联系人 {c}，负责范围 {r}；结束 {e}", "{o} new parties, {c} contacts, {r} responsibilities; {e} ended";
        diff_title: "名单差异：{s}", "What {s} changes";
        new: "新增单位", "New parties";
        more: "新增内容", "Additions";
        gone: "不再提及", "Gone";
        bad: "读不了的行", "Lines that cannot be used";
        line: "第 {n} 行", "Line {n}";
        manual: "人工条目", "kept by hand";
        manual_note: "触及人工维护的条目，默认不选。", "It touches an entry kept by hand: not selected unless you do.";
        party: "单位", "Party";
        field: "字段", "Field";
        value: "内容", "What";
        all: "全选", "Select all";
        choose: "选择", "Select";
        reason: "为什么可以", "Why it is right";
        apply: "批准所选", "Approve the selected";
        discard: "放弃这份名单", "Discard this list";
        same: "名单与登记一致，没有差异。", "The register holds all of it.";
        careful: "需要留意：", "Take care: ";
        organization: "单位", "party";
        contact: "联系人", "contact";
        done_apply: "已批准 {n} 项", "{n} entries are done";
        done_undo: "已撤销：单位 {o}，联系人 {c}，负责范围 {r}；恢复 {e}", "undone: {o} parties, {c} contacts, {r} responsibilities; {e} hold again";
        done_discard: "名单已放弃，登记没有改变", "the list is discarded; nothing changed";
        no_file: "没有选择文件", "no file was chosen";
        bad_source: "只用字母、数字、点、横线，最多 40 个字符", "letters, digits, dots and dashes only, at most 40";
        bad_kind: "不认识这种格式", "is no kind of file";
        nothing_chosen: "没有选择任何一项", "nothing is selected";
        none_waits: "这个来源没有等待批准的名单", "no list of this source waits";
        unreadable: "整份文件读不出来：请核对格式和编码（UTF-8）", "nothing of the file could be read: look at its format and encoding (UTF-8)";
    }
}

/// A list that waits to be approved.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Pending {
    /// Its bytes.
    blob: String,
    /// What it is: a word of [`SourceKind::WORDS`].
    kind: String,
    /// Who uploaded it.
    by: String,
    /// When, microseconds UTC.
    at: i64,
}

/// A list held against the register.
pub(super) struct Compared {
    pub(super) entries: Vec<Entry>,
    pub(super) bad: Vec<BadLine>,
    /// Why it wants care.
    pub(super) care: Vec<String>,
    difference: Difference,
    register: ledger::Register,
}

fn key(source: &str) -> String {
    format!("orgs.pending.{source}")
}

/// A source's name, which stands in addresses and settings.
fn named(source: &str, why: &'static str) -> Result<String, Refusal> {
    let source = source.trim();
    let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    match (1..=40).contains(&source.len()) && source.chars().all(fine) {
        true => Ok(source.to_owned()),
        false => Err(Refusal::invalid("source", why)),
    }
}

/// Keeps a list until somebody approves it.
pub(super) async fn keep(
    desk: &Desk,
    visitor: &Visitor,
    (source, kind): (&str, &str),
    bytes: Vec<u8>,
) -> Result<String, Refusal> {
    visitor.of_the_house()?;
    let w = Words::of(visitor.lang);
    let source = named(source, w.bad_source)?;
    let read = SourceKind::named(kind).ok_or_else(|| Refusal::invalid("kind", w.bad_kind))?;
    if bytes.is_empty() {
        return Err(Refusal::invalid("file", w.no_file));
    }
    let tables = reference::Tables::empty();
    let (parties, _) = party::read_as(read, &bytes, &|name| tables.country_named(name));
    if parties.is_empty() {
        return Err(Refusal::invalid("file", w.unreadable));
    }
    let blobs = desk.blobs.clone();
    let kept = tokio::task::spawn_blocking(move || blobs.put_bytes(&bytes)).await;
    let kept = kept.map_err(|error| Refusal::broken("a list", error))??;
    let pending = Pending {
        blob: kept.hash.to_string(),
        kind: kind.to_owned(),
        by: visitor.login().to_owned(),
        at: desk.now().0,
    };
    desk.ledger.set_setting(&key(&source), &pending).await?;
    Ok(source)
}

/// Holds a list that waits against the register.
pub(super) async fn compare(
    desk: &Desk,
    visitor: &Visitor,
    source: &str,
) -> Result<Option<Compared>, Refusal> {
    visitor.of_the_house()?;
    let Some(pending) = desk.ledger.setting::<Pending>(&key(source)).await? else {
        return Ok(None);
    };
    let hash: Hash = pending.blob.parse().map_err(|_| Refusal::Absent)?;
    let bytes = bytes(desk, &hash).await?;
    let kind = SourceKind::named(&pending.kind).ok_or(Refusal::Absent)?;
    let tables = reference::Tables::empty();
    let (parties, bad) = party::read_as(kind, &bytes, &|name| tables.country_named(name));
    let register = desk.ledger.register().await?;
    let random = &*desk.response.random;
    let difference = party::difference(parties, &register, source, desk.now(), &random);
    let owner = |name: &str| {
        let mut scratch = reference::Scratch::default();
        let facts = tables.site(name, &mut scratch);
        facts.map_or_else(OwnerClass::default, |facts| facts.owner)
    };
    let care = party::approval(&difference, &register, source, party::PERCENT, &owner);
    Ok(Some(Compared {
        entries: difference.entries(&register),
        bad,
        care,
        difference,
        register,
    }))
}

/// Does what was approved; how many entries. A list of which all was done waits no more.
pub(super) async fn approve(
    desk: &Desk,
    visitor: &Visitor,
    source: &str,
    keys: Option<BTreeSet<String>>,
    why: &str,
) -> Result<usize, Refusal> {
    let w = Words::of(visitor.lang);
    let why = paging::reason(why)?;
    let compared = compare(desk, visitor, source).await?;
    let compared = compared.ok_or_else(|| Refusal::conflict(source, w.none_waits))?;
    let all: BTreeSet<String> = compared.entries.iter().map(|one| one.key.clone()).collect();
    let keys = match keys {
        None => all.clone(),
        Some(keys) => all.intersection(&keys).cloned().collect(),
    };
    if keys.is_empty() {
        return Err(Refusal::invalid("keep", w.nothing_chosen));
    }
    let some = compared.difference.only(&keys, &compared.register);
    let who = visitor.login();
    desk.response
        .apply_parties(some, source, Some(&why), who)
        .await?;
    if keys.len() == all.len() {
        desk.ledger.remove_setting(&key(source)).await?;
    }
    Ok(keys.len())
}

/// Undoes the last import of a source.
pub(super) async fn take_back(
    desk: &Desk,
    visitor: &Visitor,
    source: &str,
) -> Result<Undone, Refusal> {
    visitor.of_the_house()?;
    let (_, undone) = desk.response.undo_import(source, visitor.login()).await?;
    Ok(undone)
}

struct Waits {
    source: String,
    by: String,
}

struct Done {
    source: String,
    by: String,
    did: String,
    ask: String,
}

#[derive(Template)]
#[template(path = "party-import.html")]
struct ImportPage {
    shell: Shell,
    w: &'static Words,
    waiting: Vec<Waits>,
    done: Vec<Done>,
    may: bool,
}

pub(super) async fn page(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
) -> Result<Response, Refusal> {
    visitor.of_the_house()?;
    let w = Words::of(visitor.lang);
    let told = |who: &str, at: i64| {
        let at = draw::exact(&desk, at);
        fill(w.by, &[("who", &mail::plain(who)), ("at", &at)])
    };
    let mut waiting = Vec::new();
    for setting in desk.ledger.settings("orgs.pending.").await? {
        if let Ok(pending) = serde_json::from_str::<Pending>(&setting.json) {
            waiting.push(Waits {
                source: setting.key.trim_start_matches("orgs.pending.").to_owned(),
                by: told(&pending.by, pending.at),
            });
        }
    }
    let mut done = Vec::new();
    for setting in desk.ledger.settings("orgs.applied.").await? {
        let all: Vec<Import> = serde_json::from_str(&setting.json).unwrap_or_default();
        let Some(last) = all.last() else { continue };
        let source = setting.key.trim_start_matches("orgs.applied.").to_owned();
        let did = &last.applied;
        done.push(Done {
            by: told(&last.actor, last.at),
            did: fill(
                w.did,
                &[
                    ("o", &did.organizations.len()),
                    ("c", &did.contacts.len()),
                    ("r", &did.responsible.len()),
                    ("e", &did.ended.len()),
                ],
            ),
            ask: fill(w.undo_ask, &[("s", &source)]),
            source,
        });
    }
    Ok(shell::page(&ImportPage {
        shell: shell::shell(&desk, &visitor, Nav::Parties, w.title).await,
        w,
        waiting,
        done,
        may: visitor.may(Right::Lead),
    }))
}

struct Row {
    key: String,
    party: String,
    field: &'static str,
    other_field: String,
    value: String,
    manual: bool,
}

struct Group {
    title: &'static str,
    sign: &'static str,
    rows: Vec<Row>,
}

struct Bad {
    line: String,
    reason: String,
}

#[derive(Template)]
#[template(path = "party-difference.html")]
struct DifferencePage {
    shell: Shell,
    w: &'static Words,
    source: String,
    groups: Vec<Group>,
    bad: Vec<Bad>,
    care: Vec<String>,
    may: bool,
}

pub(super) async fn difference(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path(source): Path<String>,
) -> Result<Response, Refusal> {
    let w = Words::of(visitor.lang);
    let compared = compare(&desk, &visitor, &source).await?;
    let compared = compared.ok_or(Refusal::Absent)?;
    let rows = |change: Change| -> Vec<Row> {
        let of = compared.entries.iter().filter(|one| one.change == change);
        of.map(|one| Row {
            key: one.key.clone(),
            party: mail::plain(&one.party),
            field: match one.field.as_str() {
                "organization" => w.organization,
                "contact" => w.contact,
                _ => "",
            },
            other_field: match one.field.parse::<model::organization::Scope>() {
                Ok(scope) => crate::words::word(scope, visitor.lang).to_owned(),
                Err(_) => String::new(),
            },
            value: mail::plain(&one.value),
            manual: one.touches_manual,
        })
        .collect()
    };
    let groups = [
        (w.new, "+", Change::New),
        (w.more, "+", Change::More),
        (w.gone, "−", Change::Gone),
    ];
    let groups = groups.into_iter().map(|(title, sign, change)| Group {
        title,
        sign,
        rows: rows(change),
    });
    let groups: Vec<_> = groups.filter(|group| !group.rows.is_empty()).collect();
    let bad = compared.bad.iter().map(|bad| Bad {
        line: fill(w.line, &[("n", &bad.line)]),
        reason: mail::plain(&bad.reason),
    });
    let title = fill(w.diff_title, &[("s", &source)]);
    Ok(shell::page(&DifferencePage {
        shell: shell::shell(&desk, &visitor, Nav::Parties, &title).await,
        w,
        groups,
        bad: bad.collect(),
        care: compared.care.iter().map(|one| mail::plain(one)).collect(),
        may: visitor.may(Right::Lead),
        source,
    }))
}

pub(super) async fn upload(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    form: Result<Multipart, MultipartRejection>,
) -> Result<Response, Refusal> {
    let wrong = |error: String| Refusal::invalid("file", error);
    let mut form = form.map_err(|error| wrong(error.body_text()))?;
    let (mut source, mut kind, mut file) = (String::new(), String::new(), Vec::new());
    while let Some(field) = form
        .next_field()
        .await
        .map_err(|error| wrong(error.body_text()))?
    {
        let name = field.name().unwrap_or_default().to_owned();
        let bytes = field
            .bytes()
            .await
            .map_err(|error| wrong(error.body_text()))?;
        let text = || String::from_utf8_lossy(&bytes).into_owned();
        match name.as_str() {
            "source" => source = text(),
            "kind" => kind = text(),
            "file" => file = bytes.to_vec(),
            other => return Err(Refusal::invalid(other, "is no field of this form")),
        }
    }
    let source = keep(&desk, &visitor, (&source, &kind), file).await?;
    Ok(done(&format!("/console/parties/import/{source}"), ""))
}

pub(super) async fn apply(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path(source): Path<String>,
    body: Bytes,
) -> Result<Response, Refusal> {
    let (keys, others) = paging::repeated(&body, "keep");
    let why = others.iter().find(|(key, _)| key == "reason");
    let why = why.map_or("", |(_, value)| value);
    let keys = Some(keys.into_iter().collect());
    let n = approve(&desk, &visitor, &source, keys, why).await?;
    let said = fill(Words::of(visitor.lang).done_apply, &[("n", &n)]);
    let rest = desk.ledger.setting::<Pending>(&key(&source)).await?;
    Ok(match rest {
        Some(_) => done(&format!("/console/parties/import/{source}"), &said),
        None => done("/console/parties/import", &said),
    })
}

pub(super) async fn discard(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path(source): Path<String>,
) -> Result<Response, Refusal> {
    visitor.of_the_house()?;
    if !desk.ledger.remove_setting(&key(&source)).await? {
        return Err(Refusal::Absent);
    }
    let w = Words::of(visitor.lang);
    Ok(done("/console/parties/import", w.done_discard))
}

pub(super) async fn undo(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path(source): Path<String>,
) -> Result<Response, Refusal> {
    let undone = take_back(&desk, &visitor, &source).await?;
    let said = fill(
        Words::of(visitor.lang).done_undo,
        &[
            ("o", &undone.organizations),
            ("c", &undone.contacts),
            ("r", &undone.responsible),
            ("e", &undone.restored),
        ],
    );
    Ok(done("/console/parties/import", &said))
}
