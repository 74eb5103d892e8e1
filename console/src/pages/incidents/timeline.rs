//! What happened to an incident, newest first: what joined it and why, what was decided, written, answered, seen and
//! noted, and every step of the audit trail.

use std::collections::BTreeMap;

use ledger::{AuditEntry, AuditFilter, Incident, Page};
use model::bulletin::Lang;
use model::ids::OrganizationId;
use model::incident::{Border, IncidentState, Step};
use model::notice::NoticeState;
use model::time::Timestamp;
use serde_json::Value;

use super::machine;
use super::words::CaseWords;
use crate::Desk;
use crate::pages::draw;
use crate::refusal::Refusal;
use crate::visitor::Visitor;
use crate::words::{fill, word};

/// Entries of each source at most.
const MOST: u64 = 300;

/// Kinds by which it is filtered, in the order of their chips.
pub(super) const KINDS: [&str; 6] = ["notices", "replies", "probes", "notes", "steps", "events"];

/// Icons, drawn in 16 by 16.
mod icon {
    pub(super) const LINK: &str = "M6.500 9.500l3-3M5 7.500 3.500 9a2.500 2.500 0 0 0 3.500 3.500L8.500 11M11 8.500 12.500 7A2.500 2.500 0 0 0 9 3.500L7.500 5";
    pub(super) const MAIL: &str = "M2 3.500h12v9H2zM2.500 4.500l5.500 4 5.500-4";
    pub(super) const EYE: &str = "M1.500 8S4 3.500 8 3.500 14.500 8 14.500 8 12 12.500 8 12.500 1.500 8 1.500 8zM8 6a2 2 0 1 0 0 4a2 2 0 1 0 0-4";
    pub(super) const NOTE: &str = "M3 3h10v7.500L10.500 13H3zM5.500 6h5M5.500 9h3";
    pub(super) const STEP: &str = "M2.500 8h10M9 4.500 12.500 8 9 11.500";
    pub(super) const OPEN: &str =
        "M8 2.500a5.500 5.500 0 1 0 0 11a5.500 5.500 0 1 0 0-11M8 5v3.500M8 11v.01";
    pub(super) const WARN: &str = "M8 2.500 14.500 13.500h-13zM8 6.500v3M8 11.500v.01";
    pub(super) const BELL: &str = "M4 11V7a4 4 0 0 1 8 0v4l1 1H3zM7 14h2";
    pub(super) const CLOCK: &str =
        "M8 2.500a5.500 5.500 0 1 0 0 11a5.500 5.500 0 1 0 0-11M8 5v3l2 1.500";
    pub(super) const PERSON: &str =
        "M8 3a2.500 2.500 0 1 0 0 5a2.500 2.500 0 1 0 0-5M3 13.500c.5-3 2.500-4 5-4s4.500 1 5 4";
}

/// One thing that happened.
#[derive(Clone, Default)]
pub(super) struct Item {
    pub(super) at: i64,
    pub(super) kind: &'static str,
    /// `w`: a warning, `g`: good news.
    pub(super) tone: &'static str,
    pub(super) icon: &'static str,
    pub(super) title: String,
    /// When, as it is shown.
    pub(super) when: String,
    pub(super) exact: String,
    /// In somebody's own words.
    pub(super) quote: String,
    pub(super) text: String,
    pub(super) sub: String,
    pub(super) href: Option<(String, String)>,
}

/// The things of a day.
pub(super) struct DayOf {
    pub(super) title: String,
    pub(super) items: Vec<Item>,
}

/// What the words are made with.
pub(super) struct Quill<'a> {
    pub(super) desk: &'a Desk,
    pub(super) lang: Lang,
    pub(super) now: i64,
    pub(super) people: &'a BTreeMap<String, String>,
    pub(super) organizations: BTreeMap<OrganizationId, String>,
}

impl Quill<'_> {
    fn w(&self) -> &'static CaseWords {
        CaseWords::of(self.lang)
    }

    /// Name of a person, or of the machine's part as it is.
    pub(super) fn who(&self, login: &str) -> String {
        if let Some(part) = machine::actor(login, self.lang) {
            return part.to_owned();
        }
        self.people
            .get(login)
            .cloned()
            .unwrap_or_else(|| login.to_owned())
    }

    fn organization(&self, id: OrganizationId) -> String {
        self.organizations
            .get(&id)
            .cloned()
            .unwrap_or_else(|| id.to_string())
    }

    fn item(&self, at: i64, kind: &'static str, icon: &'static str, title: String) -> Item {
        let (today, day) = (self.date(self.now), self.date(at));
        let time = draw::exact(self.desk, at);
        let time = time
            .split_once(' ')
            .map_or_else(String::new, |(_, time)| time.to_owned());
        Item {
            at,
            kind,
            icon,
            title,
            when: match today == day {
                true => format!("{}, {time}", draw::ago(self.now, at, self.lang)),
                false => time,
            },
            exact: draw::exact(self.desk, at),
            ..Item::default()
        }
    }

    fn date(&self, at: i64) -> jiff::civil::Date {
        Timestamp(at)
            .date_in(&self.desk.terms().zone)
            .unwrap_or_default()
    }

    /// A step in words.
    fn step(&self, told: &Value) -> (String, &'static str) {
        let w = self.w();
        let step = serde_json::from_value::<Step>(told["step"].clone()).ok();
        let state = |key: &str| {
            let state = serde_json::from_value::<IncidentState>(told[key].clone()).ok();
            state.map_or("", |state| word(state, self.lang))
        };
        let (name, tone) = match step {
            Some(Step::Validate) => (w.s_validate.to_owned(), ""),
            Some(Step::Notify) => (w.s_notify.to_owned(), ""),
            Some(Step::Acknowledge) => (w.s_acknowledge.to_owned(), "g"),
            Some(Step::Act) => (w.s_act.to_owned(), "g"),
            Some(Step::FindGone) => (w.s_find_gone.to_owned(), "g"),
            Some(Step::FindBack) => (w.s_find_back.to_owned(), "w"),
            Some(Step::Close(how)) => (fill(w.s_close, &[("how", &word(how, self.lang))]), "g"),
            Some(Step::Reopen) => (w.s_reopen.to_owned(), "w"),
            Some(Step::Merge) => (w.s_merge.to_owned(), ""),
            None => (String::new(), ""),
        };
        let title = match state("from") == state("to") {
            true => name,
            false => fill(
                w.t_step,
                &[
                    ("step", &name),
                    ("from", &state("from")),
                    ("to", &state("to")),
                ],
            ),
        };
        (title, tone)
    }

    /// A row of the trail as something that happened; `None` where another source tells it better.
    pub(super) fn trail(&self, entry: &AuditEntry) -> Option<Item> {
        let w = self.w();
        let told: Value = serde_json::from_str(&entry.detail).unwrap_or_default();
        let text = |key: &str| told[key].as_str().unwrap_or_default().to_owned();
        let mut item = match entry.action.as_str() {
            "incident.step" => {
                let (title, tone) = self.step(&told);
                let mut item = self.item(entry.at, "steps", icon::STEP, title);
                item.tone = tone;
                item.text = machine::told(&text("basis"), self.lang);
                item
            }
            "incident.assign" => {
                let title = match told["to"].as_str() {
                    Some(login) => fill(w.t_assign, &[("who", &self.who(login))]),
                    None => w.t_unassign.to_owned(),
                };
                self.item(entry.at, "steps", icon::PERSON, title)
            }
            "incident.merge" => {
                let mut item = self.item(entry.at, "steps", icon::LINK, w.t_merge.to_owned());
                item.text = text("reason");
                item
            }
            "incident.same" => {
                let title = match (told["apart"].as_bool(), told["counts"].as_bool()) {
                    (Some(true), _) => w.t_apart,
                    (_, Some(true)) => w.t_same,
                    _ => w.t_same_other,
                };
                let mut item = self.item(entry.at, "steps", icon::LINK, title.to_owned());
                item.text = text("reason");
                item
            }
            "incident.split" => {
                let title = fill(w.t_split, &[("n", &told["events"].as_i64().unwrap_or(0))]);
                let mut item = self.item(entry.at, "steps", icon::LINK, title);
                item.text = text("reason");
                item
            }
            "incident.campaign" => {
                let mut item = self.item(entry.at, "steps", icon::LINK, w.t_campaign.to_owned());
                item.text = text("reason");
                item
            }
            "incident.route" => {
                let all = told["directives"].as_array().cloned().unwrap_or_default();
                let named = all
                    .iter()
                    .filter(|one| !one["organization"].is_null())
                    .count();
                let mut item = self.item(
                    entry.at,
                    "notices",
                    icon::STEP,
                    fill(w.t_route, &[("n", &named)]),
                );
                let lines = all.iter().map(|one| {
                    let who = one["organization"].as_str().and_then(|id| id.parse().ok());
                    let who = who.map_or_else(|| w.none.to_owned(), |id| self.organization(id));
                    format!(
                        "{}. {who}: {}",
                        one["place"],
                        one["reason"].as_str().unwrap_or_default()
                    )
                });
                item.sub = lines.collect::<Vec<_>>().join("; ");
                item
            }
            "incident.edit" if !told["grade"].is_null() => {
                let grade =
                    serde_json::from_value::<model::grade::Grade>(told["grade"].clone()).ok();
                let grade = grade.map_or("", |grade| match self.lang {
                    Lang::Zh => grade.zh(),
                    Lang::En => grade.roman(),
                });
                let title = fill(w.t_graded, &[("grade", &grade)]);
                let mut item = self.item(entry.at, "steps", icon::STEP, title);
                item.text = text("reason");
                item
            }
            "incident.edit" if told["border"].is_string() => {
                let why = text("border").parse::<Border>();
                let why =
                    why.map_or_else(|_| text("border"), |why| word(why, self.lang).to_owned());
                let title = fill(w.t_border, &[("why", &why)]);
                self.item(entry.at, "steps", icon::STEP, title)
            }
            "incident.edit" => {
                let mut item = self.item(entry.at, "steps", icon::STEP, w.t_edit.to_owned());
                let fields = told.as_object().into_iter().flatten();
                let fields = fields.map(|(name, value)| match value.as_str() {
                    Some(text) => format!("{name}: {text}"),
                    None => format!("{name}: {value}"),
                });
                item.sub = fields.collect::<Vec<_>>().join("; ");
                item
            }
            "directive.edit" => {
                let what = &told["what"];
                let said = what["because"]
                    .as_str()
                    .or(what["answered"].as_str())
                    .or(what["no_contact"].as_str());
                let mut item = self.item(entry.at, "notices", icon::BELL, w.t_directive.to_owned());
                item.sub = machine::told(said?, self.lang);
                item
            }
            action @ ("clock.start" | "clock.stop" | "clock.waive" | "clock.escalate") => {
                let duty = format!("{}/{}", text("law"), text("duty"));
                let title = match action {
                    "clock.start" => fill(w.t_clock_start, &[("duty", &duty)]),
                    "clock.stop" => fill(w.t_clock_end, &[("duty", &duty)]),
                    "clock.waive" => fill(w.t_clock_waive, &[("duty", &duty)]),
                    _ => fill(w.t_clock_at, &[("n", &told["percent"]), ("duty", &duty)]),
                };
                let mut item = self.item(entry.at, "steps", icon::CLOCK, title);
                item.text = text("reason");
                if action == "clock.escalate" {
                    item.tone = "w";
                }
                item
            }
            "incident.live" => self.item(entry.at, "steps", icon::EYE, w.t_live.to_owned()),
            _ => return None,
        };
        let who = fill(w.t_by, &[("who", &self.who(&entry.actor))]);
        item.sub = match item.sub.is_empty() {
            true => who,
            false => format!("{who} · {}", item.sub),
        };
        Some(item)
    }

    /// Looks that one after the other found the same, as one: a page that is looked at for weeks would hide what
    /// people did about it.
    pub(super) fn gathered(&self, items: Vec<Item>) -> Vec<Item> {
        let mut all: Vec<Item> = Vec::new();
        let (mut more, mut since) = (0_u32, String::new());
        let told = |last: &mut Item, more: u32, since: &str| {
            if more > 0 {
                last.sub += " · ";
                last.sub += &fill(self.w().t_looks, &[("n", &(more + 1)), ("since", &since)]);
            }
        };
        for item in items {
            match all.last_mut() {
                Some(last)
                    if item.kind == "probes"
                        && last.kind == "probes"
                        && last.title == item.title =>
                {
                    more += 1;
                    since = item.exact;
                }
                last => {
                    if let Some(last) = last {
                        told(last, more, &since);
                    }
                    more = 0;
                    all.push(item);
                }
            }
        }
        if let Some(last) = all.last_mut() {
            told(last, more, &since);
        }
        all
    }

    /// Grouped by day, the newest first.
    pub(super) fn days(&self, items: Vec<Item>) -> Vec<DayOf> {
        let today = self.date(self.now);
        let mut days: Vec<(jiff::civil::Date, DayOf)> = Vec::new();
        for item in items {
            let day = self.date(item.at);
            match days.last_mut() {
                Some((last, of)) if *last == day => of.items.push(item),
                _ => days.push((
                    day,
                    DayOf {
                        title: self.day(day, today),
                        items: vec![item],
                    },
                )),
            }
        }
        days.into_iter().map(|(_, of)| of).collect()
    }

    fn day(&self, day: jiff::civil::Date, today: jiff::civil::Date) -> String {
        let named = match self.lang {
            Lang::Zh if day.year() == today.year() => day.strftime("%-m月%-d日").to_string(),
            Lang::Zh => day.strftime("%Y年%-m月%-d日").to_string(),
            Lang::En => day.strftime("%-d %B %Y").to_string(),
        };
        let yesterday = today.yesterday().ok();
        match day {
            day if day == today => fill(self.w().today, &[("day", &named)]),
            day if Some(day) == yesterday => fill(self.w().yesterday, &[("day", &named)]),
            _ => named,
        }
    }
}

/// Everything that happened to an incident that the caller loaded within reach, newest first.
pub(super) async fn all(
    desk: &Desk,
    visitor: &Visitor,
    one: &Incident,
    people: &BTreeMap<String, String>,
) -> Result<(Vec<Item>, BTreeMap<OrganizationId, String>), Refusal> {
    let (ledger, id, lang) = (&desk.ledger, one.incident_id(), visitor.lang);
    let reach = visitor.within()?;
    let w = CaseWords::of(lang);
    let directives = ledger.directives(id).await?;
    let notices = ledger.notices_about(id).await?;
    let mut named: Vec<OrganizationId> = notices.iter().map(|one| one.organization_id.0).collect();
    named.extend(
        directives
            .iter()
            .filter_map(|one| Some(one.organization_id?.0)),
    );
    named.sort();
    named.dedup();
    let code = if lang == Lang::Zh { "zh" } else { "en" };
    let organizations = ledger.organizations_of(&named).await?;
    let organizations: BTreeMap<_, _> = organizations
        .into_iter()
        .map(|(id, org)| (id, org.name(code).to_owned()))
        .collect();
    let quill = Quill {
        desk,
        lang,
        now: desk.now().0,
        people,
        organizations: organizations.clone(),
    };
    let mut items = Vec::new();
    let mut opened = quill.item(one.opened_at, "events", icon::OPEN, w.t_opened.to_owned());
    opened.text = fill(
        w.t_opened_by,
        &[("rule", &one.rule), ("key", &draw::defang(&one.key))],
    );
    items.push(opened);
    for (at, rule, count) in ledger.incident_joins(id, MOST).await? {
        let mut item = quill.item(at, "events", icon::LINK, fill(w.t_joined, &[("n", &count)]));
        let key = draw::defang(&one.key);
        item.text = fill(w.t_joined_by, &[("rule", &rule), ("key", &key)]);
        items.push(item);
    }
    for complaint in ledger.complaints_about(id).await? {
        let title = fill(
            w.t_complaint,
            &[("n", &complaint.number), ("via", &complaint.via)],
        );
        let mut item = quill.item(complaint.received_at, "events", icon::OPEN, title);
        item.quote = complaint.body.clone();
        items.push(item);
    }
    for note in ledger.incident_notes(id, &reach).await? {
        let title = fill(w.t_note, &[("who", &quill.who(&note.actor))]);
        let mut item = quill.item(note.at, "notes", icon::NOTE, title);
        item.quote = note.body;
        items.push(item);
    }
    for look in ledger
        .verifications(id)
        .await?
        .into_iter()
        .rev()
        .take(MOST as usize)
    {
        let title = fill(
            w.t_probe,
            &[
                ("probe", &word(look.probe.0, lang)),
                ("finding", &word(look.finding.0, lang)),
            ],
        );
        let mut item = quill.item(look.at, "probes", icon::EYE, title);
        item.tone = match (look.finding.0.is_up(), look.finding.0.is_down()) {
            (true, _) => "w",
            (_, true) => "g",
            _ => "",
        };
        item.sub = fill(
            w.t_probe_sub,
            &[
                ("client", &word(look.client.0, lang)),
                ("vantage", &look.vantage),
                ("reason", &look.reason),
            ],
        );
        items.push(item);
    }
    for notice in &notices {
        let (failed, icon) = match notice.state.0 {
            NoticeState::Bounced | NoticeState::Failed => (true, icon::WARN),
            _ if notice.kind.0 == model::notice::NoticeKind::Reminder => (false, icon::BELL),
            _ => (false, icon::MAIL),
        };
        let title = fill(
            w.t_notice,
            &[
                ("kind", &word(notice.kind.0, lang)),
                ("name", &quill.organization(notice.organization_id.0)),
                ("state", &word(notice.state.0, lang)),
            ],
        );
        let mut item = quill.item(
            notice.sent_at.unwrap_or(notice.created_at),
            "notices",
            icon,
            title,
        );
        item.tone = if failed { "w" } else { "" };
        item.sub = fill(
            w.t_notice_sub,
            &[
                ("n", &notice.number),
                ("channel", &word(notice.channel.0, lang)),
                ("address", &notice.address),
            ],
        );
        if let Some(sent) = notice.sent_at {
            item.sub += " · ";
            item.sub += &fill(w.t_sent, &[("when", &draw::exact(desk, sent))]);
        }
        // Why it waited is of interest while it waits.
        let told = match notice.state.0 {
            NoticeState::Held => &notice.hold_reason,
            _ => &notice.outcome,
        };
        item.text = machine::told(told.as_deref().unwrap_or_default(), lang);
        item.href = Some((
            format!("/console/notices/{}", notice.number),
            format!("#{}", notice.number),
        ));
        items.push(item);
    }
    for message in ledger.incident_messages(id, &reach).await? {
        let title = fill(w.t_reply, &[("who", &message.sender)]);
        let mut item = quill.item(message.received_at, "replies", icon::MAIL, title);
        item.quote = message.subject.clone();
        item.sub = match &message.proposal {
            Some(proposal) => fill(
                w.t_reply_reads,
                &[("proposal", &machine::told(proposal, lang))],
            ),
            None => message.reason.clone().unwrap_or_default(),
        };
        items.push(item);
    }
    let filter = AuditFilter {
        object: Some(format!("incident {id}")),
        ..AuditFilter::default()
    };
    let page = Page {
        offset: 0,
        limit: MOST,
    };
    let trail = ledger.audit_rows(&filter, page).await?;
    items.extend(trail.iter().filter_map(|entry| quill.trail(entry)));
    items.sort_by_key(|item| std::cmp::Reverse(item.at));
    Ok((items, organizations))
}
