//! The portal's other pages: events in what a party answers for, its scorecard, its feedback files.

use std::sync::Arc;

use askama::Template;
use axum::extract::multipart::MultipartRejection;
use axum::extract::{Multipart, Query, State};
use axum::response::Response;
use response::portal::{FEEDBACK_BYTES, Feedback};
use response::scorecard::Scorecard;
use serde::Deserialize;

use super::{ANSWER, Tab, party, tabs};
use crate::Desk;
use crate::limits::Limit;
use crate::pages::draw;
use crate::pages::events::labels;
use crate::pages::months::{self, Months};
use crate::pages::outside::code;
use crate::pages::shell::{self, Nav, Shell};
use crate::refusal::Refusal;
use crate::routes::{Route, get, post};
use crate::visitor::Visitor;
use crate::words::{fill, words};

pub(crate) const ROUTES: &[Route] = &[
    Route::page("/portal/events", ANSWER, || get(events)),
    Route::page("/portal/scorecard", ANSWER, || get(scorecard)),
    Route::page("/portal/feedback", ANSWER, || get(feedback)),
    Route::act("/portal/feedback", ANSWER, || post(send_feedback))
        .taking(FEEDBACK_BYTES + (64 << 10)),
];

/// Feedback files of one organization.
pub(crate) const FILES: Limit = Limit {
    what: "feedback",
    most: 20,
    per: 3_600_000_000,
};
/// Queries of one organization over the events.
pub(crate) const QUERIES: Limit = Limit {
    what: "party-events",
    most: 60,
    per: 600_000_000,
};
const DAY: i64 = 86_400_000_000;
/// Events on a page.
const EVENTS: usize = 200;

words! {
    Words {
        events: "监测记录", "Events";
        events_lead: "最近 {days} 天在贵单位负责的地址段、自治系统和域名中发现的记录，最新在前，最多 {n} 条。", "What was observed in the last {days} days in the prefixes, systems and names you answer for; the newest first, at most {n}.";
        days: "天", "days";
        days_label: "时间范围", "Span";
        calm: "没有记录", "No events";
        calm_text: "登记册中没有贵单位负责的地址段、自治系统或域名，或这段时间没有发现。可在“接收方式”页查看登记情况。", "The register has no prefix, system or name of yours, or nothing was seen in this time. See Delivery for what is registered.";
        observed: "时间", "Observed";
        class: "类型", "Class";
        asset: "对象", "Asset";
        detail: "细节", "Detail";
        csv: "下载 CSV", "Download CSV";
        scorecard: "处置情况", "Scorecard";
        scorecard_lead: "只有贵单位和国家中心看得到。", "Only you and the national center see it.";
        no_card: "还没有可统计的通报", "Nothing to count yet";
        no_card_text: "收到第一份通报并到期或答复后，这里会显示答复和处置的快慢。", "After the first notice was answered or its time is over, this shows how fast you answered and acted.";
        notices: "送达的通报", "Notices that reached you";
        cases: "被通报的事件", "Incidents you were asked about";
        within: "按时答复", "Answered in time";
        median_answer: "答复时间中位数", "Median time to answer";
        median_gone: "消除时间中位数", "Median time until it was gone";
        effective: "核验已消除", "Verified gone";
        refused: "不予处置", "Refused";
        of: "{part} / {whole}", "{part} of {whole}";
        none: "尚无", "none yet";
        feedback: "反馈文件", "Feedback files";
        feedback_lead: "一次答复多件：下载 CSV，填写 status 和 comment 列后传回。读不懂的行会列出，不改变任何东西。", "Answer many at once: take the CSV, fill status and comment, bring it back. Rows we cannot read are shown to you and change nothing.";
        feedback_words: "status 可写：acknowledged（已签收）、fixed（已处置），或异议：gone、legitimate、not-ours、undecided、other。其余列不读。", "status is one of acknowledged, fixed, or a dispute: gone, legitimate, not-ours, undecided, other. Other columns are not read.";
        take: "下载进行中的 CSV", "CSV of open incidents";
        choose: "选择文件", "Choose file";
        send: "传回", "Send";
        done: "{n} 行已记录，{empty} 行没有填写 status。", "{n} rows were taken; {empty} had no status.";
        bad: "{n} 行没有采用", "{n} rows were not used";
        line: "第 {n} 行", "Row {n}";
        no_file: "请先选择文件。", "Choose a file first.";
        bad_file: "这不是可读的 CSV：第一行须有 id 和 status 两列，编码为 UTF-8，不超过 1 MiB。", "This is no CSV that can be read: its first line names the columns id and status, it is UTF-8 and has at most 1 MiB.";
    }
}

struct Event {
    at: String,
    /// RSIT entry: a name that stands in every language.
    class: String,
    asset: String,
    detail: String,
}

#[derive(Template)]
#[template(path = "portal-events.html")]
struct EventsPage {
    shell: Shell,
    w: &'static Words,
    tabs: Vec<Tab>,
    name: String,
    lead: String,
    days: i64,
    rows: Vec<Event>,
}

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    days: Option<i64>,
}

async fn events(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Result<Response, Refusal> {
    let (w, lang) = (Words::of(visitor.lang), visitor.lang);
    let party = party(&desk, &visitor).await?;
    let now = desk.now().0;
    desk.limits.spend(QUERIES, &party.id().to_string(), now)?;
    let days = asked.days.unwrap_or(7).clamp(1, 31);
    let span = (now - days * DAY, now);
    let found = desk.response.party_events(&party, span, EVENTS).await?;
    let rows = found.into_iter().map(|one| {
        let asset = one.url.or(one.host).or(one.ip.clone()).unwrap_or_default();
        let port = one.port.map(|port| format!(":{port}"));
        let parts = [one.ip, port, one.malware, one.identifier];
        Event {
            at: draw::exact(&desk, one.observed_at),
            class: labels::class(&one.class, lang).to_owned(),
            asset: draw::defang(&asset),
            detail: parts.into_iter().flatten().collect::<Vec<_>>().join(" "),
        }
    });
    Ok(shell::page(&EventsPage {
        shell: shell::shell(&desk, &visitor, Nav::Portal, w.events).await,
        w,
        tabs: tabs(lang, "/portal/events"),
        name: party.name(code(lang)).to_owned(),
        lead: fill(w.events_lead, &[("days", &days), ("n", &EVENTS)]),
        days,
        rows: rows.collect(),
    }))
}

struct Tile {
    label: &'static str,
    value: String,
}

#[derive(Template)]
#[template(path = "portal-scorecard.html")]
struct CardPage {
    shell: Shell,
    w: &'static Words,
    tabs: Vec<Tab>,
    name: String,
    tiles: Vec<Tile>,
    months: Months,
    peers: Option<String>,
}

async fn scorecard(State(desk): State<Arc<Desk>>, visitor: Visitor) -> Result<Response, Refusal> {
    let (w, lang) = (Words::of(visitor.lang), visitor.lang);
    let party = party(&desk, &visitor).await?;
    let card = desk.response.scorecards(Some(party.id())).await?;
    let own = party.id().to_string();
    let card = card.into_iter().find(|card| card.organization == own);
    let tiles = card.map_or_else(Vec::new, |card: Scorecard| {
        let share = |part: u64, whole: u64| match Scorecard::permille(part, whole) {
            Some(share) => format!("{}.{} %", share / 10, share % 10),
            None => w.none.to_owned(),
        };
        let span = |secs: Option<i64>| match secs {
            Some(secs) => draw::span(secs.saturating_mul(1_000_000), lang),
            None => w.none.to_owned(),
        };
        vec![
            (w.within, share(card.within_target, card.decided)),
            (w.median_answer, span(card.median_acknowledge_secs)),
            (w.median_gone, span(card.median_takedown_secs)),
            (
                w.effective,
                fill(w.of, &[("part", &card.effective), ("whole", &card.cases)]),
            ),
            (w.notices, card.notices.to_string()),
            (w.cases, card.cases.to_string()),
            (w.refused, card.refused.to_string()),
        ]
        .into_iter()
        .map(|(label, value)| Tile { label, value })
        .collect()
    });
    let asked = desk.ledger.directives_asked(Some(party.id())).await?;
    let roles = desk.ledger.organization(party.id()).await?.roles();
    let peers = desk.peers(party.id(), &roles).await?;
    Ok(shell::page(&CardPage {
        shell: shell::shell(&desk, &visitor, Nav::Portal, w.scorecard).await,
        w,
        tabs: tabs(lang, "/portal/scorecard"),
        name: party.name(code(lang)).to_owned(),
        tiles,
        months: months::drawn(&months::counted(&desk, &asked), lang),
        peers: peers.and_then(|peers| months::beside(&peers, lang)),
    }))
}

#[derive(Template)]
#[template(path = "portal-feedback.html")]
struct FeedbackPage {
    shell: Shell,
    w: &'static Words,
    tabs: Vec<Tab>,
    name: String,
    wrong: &'static str,
    done: String,
    bad_head: String,
    bad: Vec<(String, String)>,
}

async fn feedback(State(desk): State<Arc<Desk>>, visitor: Visitor) -> Result<Response, Refusal> {
    feedback_page(&desk, &visitor, "", None).await
}

async fn feedback_page(
    desk: &Desk,
    visitor: &Visitor,
    wrong: &'static str,
    told: Option<Feedback>,
) -> Result<Response, Refusal> {
    let w = Words::of(visitor.lang);
    let party = party(desk, visitor).await?;
    let status = match wrong.is_empty() {
        true => axum::http::StatusCode::OK,
        false => axum::http::StatusCode::UNPROCESSABLE_ENTITY,
    };
    let (done, bad_head, bad) = match told {
        None => Default::default(),
        Some(told) => {
            let head = match told.bad.len() {
                0 => String::new(),
                n => fill(w.bad, &[("n", &n)]),
            };
            let bad = told
                .bad
                .into_iter()
                .map(|bad| (fill(w.line, &[("n", &bad.line)]), bad.reason));
            let done = fill(w.done, &[("n", &told.done), ("empty", &told.empty)]);
            (done, head, bad.collect())
        }
    };
    Ok(shell::status_page(
        status,
        &FeedbackPage {
            shell: shell::shell(desk, visitor, Nav::Portal, w.feedback).await,
            w,
            tabs: tabs(visitor.lang, "/portal/feedback"),
            name: party.name(code(visitor.lang)).to_owned(),
            wrong,
            done,
            bad_head,
            bad,
        },
    ))
}

/// Carries out a feedback file, for the page and for programs; `None`: it is none.
pub(super) async fn taken(
    desk: &Desk,
    visitor: &Visitor,
    bytes: &[u8],
) -> Result<Option<Feedback>, Refusal> {
    let party = party(desk, visitor).await?;
    desk.limits
        .spend(FILES, &party.id().to_string(), desk.now().0)?;
    match desk
        .response
        .take_feedback(&party, bytes, visitor.login())
        .await
    {
        Ok(told) => Ok(Some(told)),
        Err(response::Error::Refused { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

async fn send_feedback(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    parts: Result<Multipart, MultipartRejection>,
) -> Result<Response, Refusal> {
    let w = Words::of(visitor.lang);
    let wrong = |why: String| Refusal::invalid("", why);
    let mut parts = parts.map_err(|error| wrong(error.body_text()))?;
    let mut bytes = None;
    while let Some(part) = parts
        .next_field()
        .await
        .map_err(|error| wrong(error.body_text()))?
    {
        if part.name() == Some("file") {
            let read = part
                .bytes()
                .await
                .map_err(|error| wrong(error.body_text()))?;
            bytes = Some(read).filter(|read| !read.is_empty());
        }
    }
    let Some(bytes) = bytes else {
        return feedback_page(&desk, &visitor, w.no_file, None).await;
    };
    match taken(&desk, &visitor, &bytes).await? {
        None => feedback_page(&desk, &visitor, w.bad_file, None).await,
        // Shown at once: what was not used is not kept anywhere.
        told => feedback_page(&desk, &visitor, "", told).await,
    }
}
