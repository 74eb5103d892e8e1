//! The page of one incident: how it stands and what runs out, what happened, evidence, parties, and the acts. An act
//! is a panel of this page, so that what one decides stands beside what one decides on.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use ledger::{
    AuditFilter, Clock, ClockState, Directive, DirectiveState, Incident, NewAudit, Page, Query,
};
use model::bulletin::Lang;
use model::ids::OrganizationId;
use model::incident::{Border, IncidentState};
use model::newsroom::Right;
use model::notice::NoticeState;
use model::worded::Word;
use response::duty::StoredGrade;
use serde_json::json;

use super::acts::load;
use super::panel::{Around, Panel, Typed, panel};
use super::rows::{Pen, people};
use super::timeline::{self, DayOf, Item, KINDS, Quill};
use super::words::CaseWords;
use super::{At, StateView, country, escaped, evidence, marking, meant, province, same, statutory};
use crate::Desk;
use crate::pages::draw::{self, Countdown};
use crate::pages::form;
use crate::pages::shell::{self, Nav, Shell};
use crate::refusal::Refusal;
use crate::visitor::Visitor;
use crate::words::{fill, word};

/// Events that are listed.
const EVENTS: u64 = 50;
/// Pieces of evidence that are listed openly, as the template counts them.
const SHOWN: usize = 5;
/// Related incidents that are listed.
const RELATED: u64 = 5;

mod beside;
mod doing;

use beside::{dials, parties, related};
use doing::done;

/// A clock of the strip.
struct Dial {
    label: String,
    clock: Option<Countdown>,
    big: String,
    muted: bool,
    about: String,
    end: bool,
    /// Where the report that it asks for is shown.
    form: Option<String>,
}

/// A thing that was observed.
struct Observable {
    shown: String,
    live: String,
}

/// A contact that a party was written to by.
struct RungView {
    word: &'static str,
    bounced: bool,
    answered: bool,
}

/// A party that is asked.
struct PartyView {
    name: String,
    href: Option<String>,
    state: &'static str,
    tone: &'static str,
    line: String,
    times: String,
    reason: String,
    rungs: Vec<RungView>,
}

/// A piece of evidence.
struct PieceView {
    id: String,
    name: String,
    line: String,
    hash: String,
}

/// Another incident.
struct Related {
    why: &'static str,
    href: String,
    all: Vec<(i64, String, StateView)>,
}

/// An event that joined it.
struct EventView {
    id: String,
    day: String,
    joined: String,
    rule: String,
}

/// An act of the menu.
struct ActView {
    act: &'static str,
    word: &'static str,
    key: &'static str,
}

#[derive(Template)]
#[template(path = "incidents/detail.html")]
struct CasePage {
    shell: Shell,
    w: &'static CaseWords,
    number: i64,
    version: i32,
    seen: i64,
    id: String,
    second: String,
    state: StateView,
    facts: Vec<(&'static str, String)>,
    links: Vec<(&'static str, String, String)>,
    flags: Vec<&'static str>,
    tlp: &'static str,
    dials: Vec<Dial>,
    filters: Vec<(String, String, bool)>,
    days: Vec<DayOf>,
    pieces: Vec<PieceView>,
    pieces_n: String,
    older: Option<String>,
    preview: Option<(String, String)>,
    observables: Vec<Observable>,
    live: bool,
    parties: Vec<PartyView>,
    related: Vec<Related>,
    events: Vec<EventView>,
    events_more: Option<String>,
    primary: Option<ActView>,
    acts: Vec<ActView>,
    panel: Option<Panel>,
    may_work: bool,
    login: String,
    mine: bool,
}

/// What the page shows beside the incident itself.
#[derive(Default)]
struct Shown<'a> {
    filter: &'a str,
    panel: Option<(String, Typed)>,
    wrong: Option<String>,
    /// What was read when the form was made, where somebody else changed it since.
    conflict: Option<i64>,
    live: bool,
    status: StatusCode,
}

/// Reads one field of an address.
fn field(raw: Option<&str>, name: &str) -> Option<String> {
    let pairs = url::form_urlencoded::parse(raw.unwrap_or_default().as_bytes());
    pairs
        .into_iter()
        .find_map(|(key, text)| (key == name).then(|| text.into_owned()))
}

pub(super) async fn page(
    State(desk): At,
    visitor: Visitor,
    Path(number): Path<i64>,
    RawQuery(raw): RawQuery,
) -> Result<Response, Refusal> {
    let filter = field(raw.as_deref(), "show").unwrap_or_default();
    let act = field(raw.as_deref(), "do").filter(|_| visitor.may(Right::Work));
    let shown = Shown {
        filter: KINDS
            .iter()
            .find(|kind| **kind == filter)
            .copied()
            .unwrap_or_default(),
        panel: act.map(|act| (act, Typed::default())),
        ..Shown::default()
    };
    draw_page(&desk, &visitor, number, shown).await
}

/// The state of a directive: word and tone.
pub(super) fn directive_word(
    state: DirectiveState,
    w: &'static CaseWords,
) -> (&'static str, &'static str) {
    match state {
        DirectiveState::Planned => (w.d_planned, ""),
        DirectiveState::Due => (w.d_due, ""),
        DirectiveState::Noticed => (w.d_noticed, ""),
        DirectiveState::Asked => (w.d_asked, ""),
        DirectiveState::Answered => (w.d_answered, ""),
        DirectiveState::Acted => (w.d_acted, "better"),
        DirectiveState::Refused => (w.d_refused, "worse"),
        DirectiveState::NoContact => (w.d_no_contact, "worse"),
        DirectiveState::Over => (w.d_over, ""),
    }
}

/// What the sentence of a directive asks, in a language.
fn ask_word(ask: &str, lang: Lang) -> String {
    let zh = match ask {
        "remove-content" => "清除内容",
        "suspend-domain" => "停止域名解析",
        "delist" => "下架应用",
        "cut-server" => "关停控制端",
        "clean-host" => "清除主机木马",
        "inform-users" => "通知用户",
        "restore-site" => "恢复网站并修补",
        "fix-vulnerability" => "修复漏洞",
        "stop-abuse" => "制止攻击",
        "coordinate" => "协调处置",
        _ => ask,
    };
    match lang {
        Lang::Zh => zh.to_owned(),
        Lang::En => ask.replace('-', " "),
    }
}

/// The acts: the one to do next, and the others.
fn menu(
    one: &Incident,
    clocks: &[Clock],
    linked: bool,
    w: &'static CaseWords,
) -> (ActView, Vec<ActView>) {
    use IncidentState::{Acknowledged, Acted, Closed, Gone, Merged, Notified, Open, Validated};
    let state = one.state.0;
    let mut all = vec![
        ("validate", w.a_validate, "", state == Open),
        (
            "dispatch",
            w.a_dispatch,
            "d",
            matches!(state, Validated | Notified | Acknowledged | Acted),
        ),
        ("probe", w.a_probe, "v", !matches!(state, Merged)),
        (
            "remind",
            w.a_remind,
            "r",
            matches!(state, Notified | Acknowledged),
        ),
        ("close", w.a_close, "e", state.is_live()),
        ("reopen", w.a_reopen, "", state == Closed),
        ("note", w.a_note, "n", true),
        ("assign", w.a_assign, "a", true),
        ("grade", w.a_grade, "", state != Merged),
        (
            "clock",
            w.a_clock,
            "",
            clocks
                .iter()
                .any(|clock| clock.state == ClockState::Running),
        ),
        (
            "campaign",
            w.a_campaign,
            "",
            one.campaign_id.is_none() && state != Merged,
        ),
        ("uncampaign", w.a_uncampaign, "", one.campaign_id.is_some()),
        ("split", w.a_split, "", state.is_live() && one.events > 1),
        ("merge", w.a_merge, "m", state.is_live()),
        ("mark", w.a_mark, "", state != Merged),
        ("same", w.a_same, "", state != Merged),
        ("apart", w.a_apart, "", linked),
    ];
    all.retain(|(_, _, _, there)| *there);
    let next = match state {
        Open => "validate",
        Validated => "dispatch",
        Notified | Acknowledged | Acted => "probe",
        Gone => "close",
        Closed | Merged => "note",
    };
    let at = all.iter().position(|(act, ..)| *act == next).unwrap_or(0);
    let view = |(act, word, key, _): (&'static str, &'static str, &'static str, bool)| ActView {
        act,
        word,
        key,
    };
    let first = view(all.remove(at));
    (first, all.into_iter().map(view).collect())
}

/// Facts of the line under the title.
fn facts(
    one: &Incident,
    beside: &ledger::Beside,
    pen: &Pen<'_>,
    w: &'static CaseWords,
) -> Vec<(&'static str, String)> {
    let lang = pen.lang;
    let mut facts = vec![
        (
            w.owner,
            pen.person(one, beside)
                .unwrap_or_else(|| w.nobody.to_owned()),
        ),
        (w.severity, word(one.severity.0, lang).to_owned()),
    ];
    if StoredGrade::of(one).is_some() {
        facts.push((w.level, pen.level(one).0));
    }
    let place = match (one.province.as_deref(), one.country.as_deref()) {
        (Some(code), _) => province(code, lang),
        (None, Some(code)) => country(code, lang),
        _ => String::new(),
    };
    if !place.is_empty() {
        facts.push((super::words::ListWords::of(lang).c_place, place));
    }
    let border: Vec<_> = one
        .border
        .split_whitespace()
        .filter_map(|label| label.parse::<Border>().ok())
        .map(|why| word(why, lang))
        .collect();
    if !border.is_empty() {
        facts.push((
            w.border,
            border.join(if lang == Lang::Zh { "、" } else { ", " }),
        ));
    }
    if let Some(owner) = &one.owner {
        let named = owner
            .parse()
            .ok()
            .and_then(|id| beside.organizations.get(&id));
        let code = if lang == Lang::Zh { "zh" } else { "en" };
        facts.push((
            w.works,
            named.map_or_else(|| owner.clone(), |org| org.name(code).to_owned()),
        ));
    }
    if let Some(number) = &one.external_number {
        facts.push((w.elsewhere, number.clone()));
    }
    if let Some(how) = one.resolution {
        facts.push((w.resolution, word(how.0, lang).to_owned()));
    }
    let (from, to) = (
        draw::exact(pen.desk, one.first_seen_at),
        draw::exact(pen.desk, one.last_seen_at),
    );
    let seen = match from == to {
        true => from,
        false => fill(w.seen_span, &[("from", &from), ("to", &to)]),
    };
    facts.push((w.seen, seen));
    facts
}

async fn draw_page(
    desk: &Desk,
    visitor: &Visitor,
    number: i64,
    shown: Shown<'_>,
) -> Result<Response, Refusal> {
    let (lang, w) = (visitor.lang, CaseWords::of(visitor.lang));
    let one = load(desk, visitor, number).await?;
    let id = one.incident_id();
    let ledger = &desk.ledger;
    let names = people(desk).await?;
    let pen = Pen {
        desk,
        lang,
        now: desk.now().0,
        names: &names,
    };
    let beside = ledger.beside_incidents(std::slice::from_ref(&one)).await?;
    let (items, organizations) = timeline::all(desk, visitor, &one, &names).await?;
    let clocks = ledger.clocks(id).await?;
    let directives = ledger.directives(id).await?;
    let reach = visitor.within()?;
    let events = ledger
        .incident_events(
            id,
            &reach,
            Page {
                offset: 0,
                limit: EVENTS,
            },
        )
        .await?;
    let around = Around {
        desk,
        visitor,
        one: &one,
        events: &events,
        clocks: &clocks,
    };
    let quill = Quill {
        desk,
        lang,
        now: desk.now().0,
        people: &names,
        organizations: organizations.clone(),
    };
    let panel = match shown.panel {
        Some((act, typed)) => {
            let mut panel = panel(&around, &act, typed).await?;
            panel.wrong = shown.wrong;
            if let Some(seen) = shown.conflict {
                panel.conflict = true;
                let filter = AuditFilter {
                    object: Some(format!("incident {id}")),
                    since: Some(seen + 1),
                    ..AuditFilter::default()
                };
                let since = ledger
                    .audit_rows(
                        &filter,
                        Page {
                            offset: 0,
                            limit: 20,
                        },
                    )
                    .await?;
                panel.changes = since
                    .iter()
                    .filter_map(|entry| quill.trail(entry))
                    .collect();
            }
            Some(panel)
        }
        None => None,
    };
    let mut filters = Vec::new();
    let counted = |kind: &str| {
        items
            .iter()
            .filter(|item| kind.is_empty() || item.kind == kind)
            .count()
    };
    for kind in [""].into_iter().chain(KINDS) {
        let text = match kind {
            "" => w.f_all,
            "notices" => w.f_notices,
            "replies" => w.f_replies,
            "probes" => w.f_probes,
            "notes" => w.f_notes,
            "steps" => w.f_steps,
            _ => w.f_events,
        };
        let n = counted(kind);
        if n > 0 {
            let href = format!(
                "/console/incidents/{number}{}{kind}",
                if kind.is_empty() { "" } else { "?show=" }
            );
            filters.push((fill(text, &[("n", &n)]), href, kind == shown.filter));
        }
    }
    let chosen: Vec<Item> = items
        .into_iter()
        .filter(|item| shown.filter.is_empty() || item.kind == shown.filter)
        .collect();
    let kept = ledger.evidence(id).await?;
    let preview = kept
        .iter()
        .rev()
        .find(|piece| evidence::is_picture(piece))
        .map(|piece| {
            let alt = fill(w.preview_alt, &[("name", &piece.name)]);
            (
                format!("/console/incidents/{number}/evidence/{}/preview", piece.id),
                alt,
            )
        });
    let pieces = kept
        .iter()
        .rev()
        .map(|piece| PieceView {
            id: piece.id.to_string(),
            name: piece.name.clone(),
            line: format!(
                "{} · {} KB · {}",
                draw::exact(desk, piece.at),
                (piece.bytes + 1023) / 1024,
                piece.source
            ),
            hash: piece.blob.to_string(),
        })
        .collect();
    let observed = [
        one.url.clone(),
        one.host.clone(),
        one.ip.clone(),
        one.asn.map(|asn| format!("AS{asn}")),
        one.name.clone(),
    ];
    let observables = observed
        .into_iter()
        .flatten()
        .map(|live| Observable {
            shown: draw::defang(&live),
            live,
        })
        .collect();
    let mut links = Vec::new();
    if let Some(campaign) = one.campaign_id {
        let named = ledger.campaign(campaign.0).await?;
        let to = format!(
            "/console/incidents?q={}",
            escaped(&format!("campaign:{campaign}"))
        );
        links.push((w.campaign, to, named.name));
    }
    if let Some(whole) = one.merged_into
        && let Ok(whole) = ledger.incident(whole.0, &reach).await
    {
        links.push((
            w.merged,
            format!("/console/incidents/{}", whole.number),
            format!("#{}", whole.number),
        ));
    }
    let same = same::others(desk, &reach, &one, lang).await?;
    let linked = !same.is_empty();
    for view in same {
        let name = if view.counts { w.same_counted } else { w.same };
        links.push((name, view.href, view.words));
    }
    let flags = ledger::Key::Flag
        .values()
        .into_iter()
        .filter(|(label, _, _)| one.has_flag(label));
    let (first, acts) = menu(&one, &clocks, linked, w);
    let may_work = visitor.may(Right::Work);
    let (title, (_, second)) = (pen.title(&one), pen.lines(&one));
    let more = one.events - events.len() as i64;
    let dials = dials(desk, visitor, &one, &clocks, &directives).await?;
    let marking = marking::of(&one, &beside);
    let marks = marking::facts(desk, &marking, &beside, lang);
    let marked = (&marking, &beside);
    let parties = parties(desk, visitor, &one, (&directives, marked), &organizations).await?;
    let related = related(desk, visitor, &one).await?;
    let shell = shell::shell(desk, visitor, Nav::Incidents, &title).await;
    let page = CasePage {
        shell,
        w,
        number,
        version: one.version,
        seen: one.changed_at,
        id: id.to_string(),
        second,
        state: StateView::of(one.state.0, lang),
        facts: facts(&one, &beside, &pen, w)
            .into_iter()
            .chain(marks)
            .collect(),
        links,
        flags: flags
            .map(|(_, zh, en)| if lang == Lang::Zh { zh } else { en })
            .chain(one.legal_hold.then_some(w.legal_hold))
            .collect(),
        tlp: one.tlp.0.en(),
        dials,
        filters,
        days: quill.days(match shown.filter {
            "probes" => chosen,
            _ => quill.gathered(chosen),
        }),
        pieces_n: fill(w.items, &[("n", &kept.len())]),
        older: (kept.len() > SHOWN).then(|| fill(w.older, &[("n", &(kept.len() - SHOWN))])),
        pieces,
        preview,
        observables,
        live: shown.live,
        parties,
        related,
        events: events
            .iter()
            .map(|event| EventView {
                id: event
                    .event_id
                    .iter()
                    .map(|byte| format!("{byte:02x}"))
                    .collect(),
                day: model::time::Day(event.day).to_string(),
                joined: draw::exact(desk, event.joined_at),
                rule: event.rule.clone(),
            })
            .collect(),
        events_more: (more > 0).then(|| fill(w.events_more, &[("n", &more)])),
        primary: may_work.then_some(first),
        acts: if may_work { acts } else { Vec::new() },
        panel,
        may_work,
        mine: beside
            .assignees
            .get(&id)
            .is_some_and(|login| login == visitor.login()),
        login: visitor.login().to_owned(),
    };
    Ok(shell::status_page(shown.status, &page))
}

pub(super) async fn act(
    State(desk): At,
    visitor: Visitor,
    Path((number, act)): Path<(i64, String)>,
    text: String,
) -> Result<Response, Refusal> {
    let mut typed = Typed::read(&text);
    let version = typed.take("version").and_then(|text| text.parse().ok());
    let seen = typed.take("seen").and_then(|text| text.parse().ok());
    if act == "live" {
        let one = load(&desk, &visitor, number).await?;
        let record = NewAudit {
            actor: visitor.login().to_owned(),
            action: "incident.live".to_owned(),
            object: format!("incident {}", one.incident_id()),
            detail: json!({}),
        };
        desk.ledger.append_audit(record, desk.now().0).await?;
        return draw_page(
            &desk,
            &visitor,
            number,
            Shown {
                live: true,
                ..Shown::default()
            },
        )
        .await;
    }
    if !super::panel::ACTS.contains(&act.as_str()) {
        return Err(Refusal::Absent);
    }
    let refused = match done(&desk, &visitor, number, (&act, typed.clone(), version)).await {
        Ok((to, said)) => return Ok(form::done(&format!("/console/incidents/{to}"), &said)),
        Err(refusal) => refusal,
    };
    // What was typed is kept: the form comes again with what is wrong, or with what somebody else did.
    let status = refused.status();
    let shown = match refused {
        Refusal::Changed => Shown {
            conflict: Some(seen.unwrap_or_default()),
            ..Shown::default()
        },
        wrong @ (Refusal::Invalid(..) | Refusal::Conflict(..)) => Shown {
            wrong: Some(wrong.detail()),
            ..Shown::default()
        },
        other => return Err(other),
    };
    let shown = Shown {
        panel: Some((act, typed)),
        status,
        ..shown
    };
    draw_page(&desk, &visitor, number, shown).await
}
