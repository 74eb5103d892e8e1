//! One act on many incidents: a preview says what will happen to each and which cannot, then it is done, with
//! progress, and the result page undoes what can be undone. Each incident is changed by the function that changes
//! one; one that is refused does not keep the others.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse, Redirect, Response};
use ledger::{BulkAct, Incident, Query};
use model::bulletin::Lang;
use model::ids::CampaignId;
use model::incident::Resolution;
use model::worded::Word;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::acts::{self, AssignBody, CampaignBody, MergeBody, NoteBody, StepBody};
use super::words::ListWords;
use super::{At, StateView, meant, workers};
use crate::Desk;
use crate::pages::draw;
use crate::pages::form;
use crate::pages::shell::{self, Nav, Shell};
use crate::refusal::Refusal;
use crate::visitor::Visitor;
use crate::words::{fill, word};

/// Incidents of one act at most.
const MOST: usize = 2_000;
/// How long the answer waits for it to end, so that most are shown done.
const PATIENCE: Duration = Duration::from_millis(1_500);
/// Incidents after which it is noted how far it is.
const STRIDE: usize = 20;

/// What is to be done, and with what.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Bulk {
    /// `validate`, `close`, `assign`, `note`, `merge` or `campaign`.
    pub(super) act: String,
    /// Numbers of the incidents.
    pub(super) incidents: Vec<i64>,
    /// How they ended, for `close`.
    pub(super) resolution: String,
    /// Why; for all but `assign` and `note`.
    pub(super) reason: String,
    /// Who works on them, for `assign`; empty: nobody.
    pub(super) to: String,
    /// The note, for `note`.
    pub(super) body: String,
    /// Number of the incident that they become part of, for `merge`.
    pub(super) whole: String,
    /// Name of the campaign, for `campaign`.
    pub(super) campaign: String,
}

/// What became of one incident.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
pub(super) struct Outcome {
    /// Its number.
    pub(super) number: i64,
    /// Whether it was done.
    pub(super) done: bool,
    /// What is so now, or why not.
    pub(super) told: String,
    /// What undoing takes: who had it before, or the campaign.
    pub(super) before: Option<String>,
}

/// The acts there are.
pub(super) const ACTS: [&str; 6] = ["validate", "close", "assign", "note", "merge", "campaign"];

fn act_word(act: &str, w: &ListWords) -> &'static str {
    match act {
        "validate" => w.act_validate,
        "close" => w.act_close,
        "assign" => w.act_assign,
        "note" => w.act_note,
        "merge" => w.act_merge,
        _ => w.act_campaign,
    }
}

/// Why a step is refused, in a language.
pub(super) fn refused(reason: &str, lang: Lang) -> String {
    if lang == Lang::En {
        return reason.to_owned();
    }
    let zh = match reason {
        "work on the incident it became part of" => "已合并，请处理合并后的事件",
        "reopen it first" => "已办结，请先重新打开",
        "it is not closed" => "尚未办结",
        "nothing goes out before it is validated" => "尚未核实，不能通报",
        "nobody was asked yet" => "尚未通报任何单位",
        "a takedown needs a verification that found it gone" => "须先核验已消除",
        "a party must have said that it acted, or a verification found it gone" => {
            "须有单位答复已处置，或核验已消除"
        }
        "validate it first" => "请先核实",
        other => other,
    };
    zh.to_owned()
}

impl Bulk {
    /// Reads pairs of an address or a form; `n` comes once an incident, `numbers` holds them all.
    fn read(pairs: &str) -> (Bulk, bool, Option<String>) {
        let mut bulk = Bulk::default();
        let (mut all, mut q) = (false, None);
        for (name, text) in url::form_urlencoded::parse(pairs.as_bytes()) {
            let text = text.into_owned();
            match name.as_ref() {
                "act" => bulk.act = text,
                "n" | "numbers" => {
                    bulk.incidents.extend(
                        text.split([' ', ','])
                            .filter_map(|one| one.parse::<i64>().ok()),
                    );
                }
                "resolution" => bulk.resolution = text,
                "reason" => bulk.reason = text,
                "to" => bulk.to = text,
                "body" => bulk.body = text,
                "whole" => bulk.whole = text,
                "campaign" => bulk.campaign = text,
                "all" => all = !text.is_empty(),
                "q" => q = Some(text),
                _ => {}
            }
        }
        bulk.incidents.sort_unstable();
        bulk.incidents.dedup();
        (bulk, all, q)
    }

    /// The field that is still to be filled in.
    fn missing(&self, w: &ListWords) -> Option<&'static str> {
        let empty = |text: &String| text.trim().is_empty();
        match self.act.as_str() {
            "close" if empty(&self.resolution) => Some(w.resolution),
            "note" if empty(&self.body) => Some(w.body),
            "merge" if empty(&self.whole) => Some(w.whole),
            "campaign" if empty(&self.campaign) => Some(w.campaign),
            "validate" | "close" | "merge" | "campaign" if empty(&self.reason) => Some(w.reason),
            _ => None,
        }
    }

    fn undoable(&self) -> bool {
        matches!(self.act.as_str(), "close" | "assign" | "campaign")
    }

    fn step(&self) -> StepBody {
        StepBody {
            step: self.act.clone(),
            resolution: Some(self.resolution.clone()),
            reason: self.reason.clone(),
        }
    }

    /// Does it to one incident.
    async fn one(
        &self,
        desk: &Desk,
        visitor: &Visitor,
        number: i64,
    ) -> Result<(String, Option<String>), Refusal> {
        let lang = visitor.lang;
        match self.act.as_str() {
            "validate" | "close" => {
                let after = acts::step(desk, visitor, number, &self.step(), None).await?;
                Ok((word(after.state.0, lang).to_owned(), None))
            }
            "assign" => {
                let body = AssignBody {
                    to: self.to.clone(),
                };
                let before = acts::assign(desk, visitor, number, &body).await?;
                Ok((self.to.clone(), Some(before.unwrap_or_default())))
            }
            "note" => {
                let body = NoteBody {
                    body: self.body.clone(),
                };
                acts::note(desk, visitor, number, &body).await?;
                Ok((String::new(), None))
            }
            "merge" => {
                let body = MergeBody {
                    whole: self.whole.clone(),
                    reason: self.reason.clone(),
                };
                let whole = acts::merge(desk, visitor, number, &body, None).await?;
                Ok((format!("#{}", whole.number), None))
            }
            "campaign" => {
                acts::of_the_centre(visitor)?;
                let one = acts::load(desk, visitor, number).await?;
                let body = CampaignBody {
                    campaign: self.campaign.clone(),
                    reason: self.reason.clone(),
                };
                let name = acts::campaign(desk, visitor, &[one.incident_id()], &body).await?;
                let now = acts::load(desk, visitor, number).await?;
                let joined = now.campaign_id.filter(|_| one.campaign_id.is_none());
                Ok((name, joined.map(|id| id.to_string())))
            }
            _ => Err(Refusal::invalid("act", ACTS.join(", "))),
        }
    }

    /// Puts one incident back as it was.
    async fn back(&self, desk: &Desk, visitor: &Visitor, outcome: &Outcome) -> Result<(), Refusal> {
        let number = outcome.number;
        match self.act.as_str() {
            "assign" => {
                let body = AssignBody {
                    to: outcome.before.clone().unwrap_or_default(),
                };
                acts::assign(desk, visitor, number, &body).await.map(drop)
            }
            "close" => {
                let undo = ListWords::of(visitor.lang).undo;
                let reason = format!("{undo}: {}", self.reason);
                let body = StepBody {
                    step: "reopen".to_owned(),
                    resolution: None,
                    reason,
                };
                acts::step(desk, visitor, number, &body, None)
                    .await
                    .map(drop)
            }
            "campaign" => {
                let Some(Ok(id)) = outcome.before.as_deref().map(str::parse::<CampaignId>) else {
                    return Ok(());
                };
                let one = acts::load(desk, visitor, number).await?;
                let (ids, now) = ([one.incident_id()], desk.now().0);
                let reason = ListWords::of(visitor.lang).undo;
                desk.ledger
                    .leave_campaign(id, &ids, reason, visitor.login(), now)
                    .await?;
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// What will happen to one incident.
struct Foreseen {
    number: i64,
    what: String,
    state: StateView,
    then: String,
    why: Option<String>,
}

fn foreseen(bulk: &Bulk, one: &Incident, lang: Lang) -> Foreseen {
    let w = ListWords::of(lang);
    let mut told = Foreseen {
        number: one.number,
        what: draw::defang(&one.what),
        state: StateView::of(one.state.0, lang),
        then: String::new(),
        why: None,
    };
    match bulk.act.as_str() {
        "validate" | "close" => match acts::step_of(&bulk.step()) {
            Ok(step) => match one.state.0.after(step) {
                Ok(after) if after == one.state.0 => {
                    told.why = Some(StateView::of(after, lang).word.to_owned())
                }
                Ok(after) => told.then = StateView::of(after, lang).word.to_owned(),
                Err(no) => told.why = Some(refused(no.reason, lang)),
            },
            Err(_) => told.why = Some(fill(w.need, &[("what", &w.resolution)])),
        },
        "merge" => {
            let whole = bulk.whole.trim().trim_start_matches('#');
            if whole == one.number.to_string() {
                told.why = Some(format!("#{whole}"));
            } else {
                match one.state.0.after(model::incident::Step::Merge) {
                    Ok(after) => {
                        told.then = format!("{} → #{whole}", StateView::of(after, lang).word)
                    }
                    Err(no) => told.why = Some(refused(no.reason, lang)),
                }
            }
        }
        "campaign" if one.state.0 == model::incident::IncidentState::Merged => {
            told.why = Some(refused("work on the incident it became part of", lang));
        }
        "campaign" => told.then = bulk.campaign.clone(),
        "assign" if bulk.to.is_empty() => told.then = w.nobody.to_owned(),
        "assign" => told.then = bulk.to.clone(),
        _ => {}
    }
    told
}

#[derive(Template)]
#[template(path = "incidents/bulk.html")]
struct PreviewPage {
    shell: Shell,
    w: &'static ListWords,
    bulk: Bulk,
    numbers: String,
    people: Vec<(String, String)>,
    resolutions: Vec<(&'static str, &'static str)>,
    missing: Option<String>,
    will: Vec<Foreseen>,
    cannot: Vec<Foreseen>,
    absent: Vec<i64>,
    button: String,
    undoable: bool,
}

pub(super) async fn preview(
    State(desk): At,
    visitor: Visitor,
    RawQuery(raw): RawQuery,
) -> Result<Response, Refusal> {
    let (lang, w) = (visitor.lang, ListWords::of(visitor.lang));
    let (mut bulk, all, q) = Bulk::read(raw.as_deref().unwrap_or_default());
    if !ACTS.contains(&bulk.act.as_str()) {
        return Err(Refusal::invalid("act", ACTS.join(", ")));
    }
    let reach = visitor.within()?;
    if all && let Some(q) = q {
        let query = Query::read(&q).map_err(|bad| Refusal::invalid("q", bad.told(lang)))?;
        let search = meant(&desk, &visitor, &query);
        let found = desk
            .ledger
            .find_incidents(&search, &reach, None, MOST as u64)
            .await?;
        bulk.incidents = found.incidents.iter().map(|one| one.number).collect();
    }
    bulk.incidents.truncate(MOST);
    let found = desk
        .ledger
        .incidents_numbered(&bulk.incidents, &reach)
        .await?;
    let there: Vec<i64> = found.iter().map(|one| one.number).collect();
    let absent = bulk
        .incidents
        .iter()
        .copied()
        .filter(|number| !there.contains(number))
        .collect();
    let missing = bulk.missing(w).map(|what| fill(w.need, &[("what", &what)]));
    let (mut will, mut cannot) = (Vec::new(), Vec::new());
    for one in &found {
        let told = foreseen(&bulk, one, lang);
        match told.why.is_some() {
            true => cannot.push(told),
            false => will.push(told),
        }
    }
    let title = fill(w.bulk_title, &[("act", &act_word(&bulk.act, w))]);
    Ok(shell::page(&PreviewPage {
        shell: shell::shell(&desk, &visitor, Nav::Incidents, &title).await,
        w,
        numbers: will
            .iter()
            .map(|one| one.number.to_string())
            .collect::<Vec<_>>()
            .join(" "),
        people: workers(
            &desk.ledger,
            found.first().and_then(|one| one.owner.as_deref()),
        )
        .await?,
        resolutions: Resolution::ALL
            .iter()
            .map(|how| (how.label(), word(*how, lang)))
            .collect(),
        missing,
        button: fill(w.do_it, &[("n", &will.len())]),
        will,
        cannot,
        absent,
        undoable: bulk.undoable(),
        bulk,
    }))
}

/// Begins an act on many; its id.
pub(super) async fn start(
    desk: &Arc<Desk>,
    visitor: &Visitor,
    mut bulk: Bulk,
) -> Result<String, Refusal> {
    let w = ListWords::of(visitor.lang);
    if !ACTS.contains(&bulk.act.as_str()) {
        return Err(Refusal::invalid("act", ACTS.join(", ")));
    }
    if let Some(what) = bulk.missing(w) {
        return Err(Refusal::invalid(
            &bulk.act,
            fill(w.need, &[("what", &what)]),
        ));
    }
    if bulk.act == "close" {
        acts::step_of(&bulk.step())?;
    }
    bulk.incidents.sort_unstable();
    bulk.incidents.dedup();
    if bulk.incidents.is_empty() || bulk.incidents.len() > MOST {
        return Err(Refusal::invalid("incidents", format!("1 to {MOST}")));
    }
    let id = desk.secret()?[..22].to_owned();
    let detail =
        serde_json::to_value(&bulk).map_err(|error| Refusal::broken("a bulk act", error))?;
    let total = bulk.incidents.len();
    let told = (bulk.act.as_str(), &detail, total);
    desk.ledger
        .begin_bulk(&id, told, visitor.login(), desk.now().0)
        .await?;
    let work = {
        let (desk, visitor, id) = (Arc::clone(desk), visitor.clone(), id.clone());
        tokio::spawn(async move { run(&desk, &visitor, &id, &bulk).await })
    };
    // Most are done before anybody could look.
    let _ = tokio::time::timeout(PATIENCE, work).await;
    Ok(id)
}

async fn run(desk: &Desk, visitor: &Visitor, id: &str, bulk: &Bulk) {
    let mut outcomes = Vec::new();
    let (mut done, mut failed) = (0, 0);
    let total = bulk.incidents.len();
    for (at, number) in bulk.incidents.iter().enumerate() {
        let outcome = match bulk.one(desk, visitor, *number).await {
            Ok((told, before)) => Outcome {
                number: *number,
                done: true,
                told,
                before,
            },
            Err(refusal) => {
                let told = match refusal {
                    Refusal::Absent => ListWords::of(visitor.lang).not_there.to_owned(),
                    other => other.detail(),
                };
                Outcome {
                    number: *number,
                    done: false,
                    told,
                    before: None,
                }
            }
        };
        match outcome.done {
            true => done += 1,
            false => failed += 1,
        }
        outcomes.push(outcome);
        let last = at + 1 == total;
        if last || (at + 1).is_multiple_of(STRIDE) {
            let told = serde_json::to_value(&outcomes).unwrap_or_default();
            let ended = last.then(|| (desk.now().0, bulk.undoable() && done > 0));
            if let Err(error) = desk
                .ledger
                .bulk_went(id, (done, failed), &told, ended)
                .await
            {
                tracing::error!(%error, id, "how far a bulk act is cannot be noted");
            }
        }
    }
}

pub(super) async fn begin(
    State(desk): At,
    visitor: Visitor,
    body: String,
) -> Result<Response, Refusal> {
    let (bulk, _, _) = Bulk::read(&body);
    let id = start(&desk, &visitor, bulk).await?;
    Ok(Redirect::to(&format!("/console/incidents/bulk/{id}")).into_response())
}

#[derive(Template)]
#[template(path = "incidents/bulk-result.html")]
struct ResultPage {
    shell: Shell,
    w: &'static ListWords,
    id: String,
    running: bool,
    broken: bool,
    progress: String,
    rest: String,
    percent: i32,
    done: Vec<Outcome>,
    done_n: String,
    failed: Vec<Outcome>,
    failed_n: String,
    undo_ask: Option<String>,
    undone: Option<String>,
}

/// Without news for so long it was broken off, microseconds.
const SILENCE: i64 = 120_000_000;

/// An act with what became of each.
pub(super) async fn told(
    desk: &Desk,
    visitor: &Visitor,
    id: &str,
) -> Result<(BulkAct, Vec<Outcome>), Refusal> {
    let act = desk.ledger.bulk_act(id, visitor.login()).await?;
    let outcomes =
        serde_json::from_str(&act.outcome).map_err(|error| Refusal::broken("a bulk act", error))?;
    Ok((act, outcomes))
}

pub(super) async fn result(
    State(desk): At,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    let (lang, w) = (visitor.lang, ListWords::of(visitor.lang));
    let (act, outcomes) = told(&desk, &visitor, &id).await?;
    let now = desk.now().0;
    let gone = act.done + act.failed;
    let (done, failed): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(|one| one.done);
    let unended = act.ended_at.is_none();
    let broken = unended && now - act.begun_at > SILENCE * i64::from(1 + act.total / 100);
    let left = match gone {
        0 => 0,
        _ => (now - act.begun_at) / i64::from(gone) * i64::from(act.total - gone),
    };
    let title = fill(w.bulk_title, &[("act", &act_word(&act.act, w))]);
    Ok(shell::page(&ResultPage {
        shell: shell::shell(&desk, &visitor, Nav::Incidents, &title).await,
        w,
        running: unended && !broken,
        broken,
        progress: fill(w.progress, &[("n", &gone), ("total", &act.total)]),
        rest: fill(w.rest, &[("span", &draw::span(left, lang))]),
        percent: gone * 100 / act.total.max(1),
        done_n: fill(w.done_n, &[("n", &done.len())]),
        failed_n: fill(w.failed_n, &[("n", &failed.len())]),
        undo_ask: (act.undoable && act.undone_at.is_none())
            .then(|| fill(w.undo_ask, &[("n", &done.len())])),
        undone: act.undone_at.map(|at| {
            let who = act.undone_by.clone().unwrap_or_default();
            fill(
                w.undone_at,
                &[("who", &who), ("when", &draw::exact(&desk, at))],
            )
        }),
        done,
        failed,
        id,
    }))
}

/// Takes an act back; how many were put back, and how many could not.
pub(super) async fn take_back(
    desk: &Desk,
    visitor: &Visitor,
    id: &str,
) -> Result<(usize, usize), Refusal> {
    let (act, outcomes) = told(desk, visitor, id).await?;
    let bulk: Bulk =
        serde_json::from_str(&act.detail).map_err(|error| Refusal::broken("a bulk act", error))?;
    if !desk
        .ledger
        .claim_undo(id, visitor.login(), desk.now().0)
        .await?
    {
        return Err(Refusal::conflict(
            act_word(&act.act, ListWords::of(visitor.lang)),
            "cannot be undone any more",
        ));
    }
    let (mut back, mut failed) = (0, 0);
    for outcome in outcomes.iter().filter(|one| one.done) {
        match bulk.back(desk, visitor, outcome).await {
            Ok(()) => back += 1,
            Err(_) => failed += 1,
        }
    }
    Ok((back, failed))
}

pub(super) async fn undo(
    State(desk): At,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    let (back, failed) = take_back(&desk, &visitor, &id).await?;
    let said = fill(
        ListWords::of(visitor.lang).undone,
        &[("n", &back), ("failed", &failed)],
    );
    Ok(form::done(&format!("/console/incidents/bulk/{id}"), &said))
}
