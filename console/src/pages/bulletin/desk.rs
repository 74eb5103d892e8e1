//! The desk of one issue: the issue as it will look, one number opened down to its raw line, and the rail.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use bulletin::render::Form;
use model::newsroom::{EditionState, Right};
use model::time::Day;
use serde::Deserialize;

use super::inspector::{self, Inspector, Listed};
use super::paper::{self, Paper};
use super::rail::{self, Rail};
use super::stand::Stand;
use super::{centre, issue_of, parse, row};
use crate::Desk;
use crate::pages::draw::{self, Countdown};
use crate::pages::shell::{self, Nav, Shell};
use crate::refusal::Refusal;
use crate::routes::{Need, Route, get};
use crate::visitor::Visitor;
use crate::words::{fill, word, words};

pub(crate) const ROUTES: &[Route] = &[Route::page(
    "/console/bulletin/{issue}",
    Need::Right(Right::View),
    || get(one),
)];

words! {
    Words {
        title: "第 {n} 期", "Issue {n}";
        meta: "{week}，修订 {n}，{state}", "{week}, revision {n}, {state}";
        meta_none: "{week}，{state}", "{week}, {state}";
        until: "后截稿", "to the deadline";
        over: "已过截稿时刻", "past the deadline";
        forms: "版式", "Forms";
        look: "网页", "Web page";
        download: "下载", "Download";
        edit: "改文字", "Edit prose";
        back: "全部期次", "All issues";
        nothing: "还没有稿件", "There is no draft yet";
        nothing_text: "起草会统计这一周、给出评级并成稿。定稿时刻（{at}）之前的数字是初步结果；之后的首次起草即冻结数字。", "Drafting counts the week, rates it and composes the issue. Before the freeze moment ({at}) its figures are preliminary; the first draft after it freezes them.";
        preview: "成稿预览", "The issue as it will look";
        old: "这是旧的修订 {n}，最新为修订 {newest}。", "This is revision {n}; the newest is {newest}.";
        newest: "看最新修订", "To the newest revision";
        revisions: "修订", "Revisions";
        preliminary: "数字未定稿", "Figures not frozen";
        frozen: "数字定稿于 {at}", "Figures frozen {at}";
    }
}

#[derive(Debug, Default, Deserialize)]
struct Asked {
    #[serde(default)]
    figure: String,
    #[serde(default)]
    key: String,
    #[serde(default)]
    revision: Option<i32>,
    #[serde(default)]
    against: String,
}

#[derive(Template)]
#[template(path = "bulletin-desk.html")]
struct DeskPage {
    shell: Shell,
    w: &'static Words,
    base: String,
    heading: String,
    meta: String,
    basis: String,
    clock: Option<Countdown>,
    due: &'static str,
    revision: i32,
    old: String,
    paper: Option<Paper>,
    nothing_text: String,
    inspector: Option<Inspector>,
    iw: &'static inspector::Words,
    figures: Vec<Listed>,
    rail: Rail,
    forms: Vec<&'static str>,
    revisions: Vec<(i32, String)>,
    planned: bool,
    needs_note: bool,
    lang_code: &'static str,
}

async fn one(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path(issue): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Refusal> {
    centre(&visitor)?;
    let lang = visitor.lang;
    let w = Words::of(lang);
    let stand = Stand::of(&desk, issue_of(&issue)?).await?;
    let base = format!("/console/bulletin/{}", stand.issue);
    let newest = stand.newest().map(|head| head.revision);
    let revision = asked.revision.or(newest);
    let head =
        revision.and_then(|revision| stand.heads.iter().find(|head| head.revision == revision));
    if revision.is_some() && head.is_none() {
        return Err(Refusal::Absent);
    }
    let bulletin = match head {
        Some(head) => Some(parse(&row(&desk, &stand.key, head.revision).await?)?),
        None => None,
    };
    let read = bulletin.as_ref().zip(head.map(|head| head.revision));
    let rail = rail::of(&desk, &visitor, &stand, read, &asked.against).await?;
    let paper = bulletin
        .as_ref()
        .map(|b| paper::draw(b, lang, &base, &asked.figure, &rail.bad));
    let mut opened = None;
    if let (Some(b), Some(head), Some(paper)) = (&bulletin, head, &paper)
        && !asked.figure.is_empty()
    {
        let at = (asked.figure.as_str(), asked.key.as_str());
        opened = Some(inspector::open(&desk, &visitor, &stand, (b, head), at, &paper.order).await?);
    }
    let figures = match (&bulletin, &opened) {
        (Some(b), None) => inspector::all(b, &visitor, &base),
        _ => Vec::new(),
    };
    let edition = &stand.edition;
    let week = format!("{} – {}", Day(edition.week_start), Day(edition.week_end));
    let state = word(stand.state, lang);
    let now = desk.now().0;
    let open = !stand.settled();
    let heading = fill(w.title, &[("n", &stand.issue)]);
    let page = DeskPage {
        shell: shell::shell(&desk, &visitor, Nav::Bulletin, &heading).await,
        w,
        meta: match revision {
            Some(n) => fill(w.meta, &[("week", &week), ("n", &n), ("state", &state)]),
            None => fill(w.meta_none, &[("week", &week), ("state", &state)]),
        },
        basis: match edition.frozen_at {
            Some(at) => fill(w.frozen, &[("at", &draw::exact(&desk, at))]),
            None => w.preliminary.to_owned(),
        },
        clock: open.then(|| {
            let span = (edition.freeze_at, edition.deadline_at);
            draw::countdown(&desk, span, now, lang)
        }),
        due: match edition.deadline_at < now {
            true => w.over,
            false => w.until,
        },
        revision: revision.unwrap_or(0),
        old: match (revision, newest) {
            (Some(n), Some(newest)) if n != newest => {
                fill(w.old, &[("n", &n), ("newest", &newest)])
            }
            _ => String::new(),
        },
        paper,
        nothing_text: fill(
            w.nothing_text,
            &[("at", &draw::exact(&desk, edition.freeze_at))],
        ),
        inspector: opened,
        iw: inspector::Words::of(lang),
        figures,
        forms: Form::ALL
            .iter()
            .filter(|form| **form != Form::Html)
            .map(|form| form.name())
            .collect(),
        revisions: stand
            .heads
            .iter()
            .map(|head| {
                let at = draw::exact(&desk, head.created_at);
                (head.revision, format!("{at} {}", head.note))
            })
            .collect(),
        planned: stand.state == EditionState::Planned,
        needs_note: stand.heads.iter().any(|head| head.approved_at.is_some()),
        lang_code: lang.code(),
        rail,
        base,
        heading,
    };
    let busy = page.rail.doing.is_some();
    let mut response = shell::page(&page);
    if busy {
        // Without script: the browser asks again until the work has ended.
        response
            .headers_mut()
            .insert(header::REFRESH, HeaderValue::from_static("2"));
    }
    Ok(response)
}
