//! The panel of an act on an incident's page: a form with what was typed, and what stands against it.

use std::collections::BTreeMap;

use ledger::{Clock, Incident, IncidentEvent};
use model::bulletin::Lang;
use model::grade::{Extent, Importance, Loss, Mark, Measure, Operator};
use model::incident::{Resolution, Step};
use model::tlp::Tlp;
use model::worded::Word;

use super::acts::{self, casework};
use super::bulk::refused;
use super::timeline::Item;
use super::words::CaseWords;
use crate::Desk;
use crate::pages::draw;
use crate::refusal::Refusal;
use crate::visitor::Visitor;
use crate::words::{fill, word};

/// What was typed, by the names of the fields.
#[derive(Clone, Debug, Default)]
pub(super) struct Typed(pub(super) BTreeMap<String, String>);

impl Typed {
    /// The pairs of a form; a field that comes again and again is a list with commas.
    pub(super) fn read(body: &str) -> Typed {
        let mut all: BTreeMap<String, String> = BTreeMap::new();
        for (name, text) in url::form_urlencoded::parse(body.as_bytes()) {
            all.entry(name.into_owned())
                .and_modify(|there| {
                    there.push(',');
                    there.push_str(&text);
                })
                .or_insert_with(|| text.clone().into_owned());
        }
        Typed(all)
    }

    pub(super) fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// Whether a value of a list is among what was typed.
    pub(super) fn has(&self, name: &str, value: &str) -> bool {
        self.get(name).split(',').any(|one| one == value)
    }

    /// Takes a field out.
    pub(super) fn take(&mut self, name: &str) -> Option<String> {
        self.0.remove(name)
    }
}

/// Words of a closed list as choices.
pub(super) type Choices = Vec<(&'static str, &'static str)>;

fn choices<W: Word>(lang: Lang) -> Choices {
    W::ALL
        .iter()
        .map(|one| (one.label(), word(*one, lang)))
        .collect()
}

/// A letter as it would go out.
pub(super) struct Letter {
    pub(super) to: String,
    pub(super) subject: String,
    pub(super) text: String,
    /// Its language, marking and rows.
    pub(super) parts: String,
    pub(super) attachments: String,
    pub(super) held: Option<String>,
}

/// Somebody who would be asked.
pub(super) struct Asked {
    pub(super) place: i32,
    pub(super) name: String,
    pub(super) role: &'static str,
    pub(super) reason: String,
}

/// A panel.
pub(super) struct Panel {
    pub(super) act: String,
    pub(super) title: &'static str,
    pub(super) about: &'static str,
    pub(super) button: &'static str,
    /// What is asked before it is done.
    pub(super) ask: Option<String>,
    pub(super) danger: bool,
    /// Why it cannot be done.
    pub(super) blocked: Option<String>,
    pub(super) wrong: Option<String>,
    pub(super) conflict: bool,
    pub(super) changes: Vec<Item>,
    pub(super) typed: Typed,
    pub(super) people: Vec<(String, String)>,
    pub(super) resolutions: Vec<(&'static str, &'static str, Option<String>)>,
    pub(super) events: Vec<(String, String)>,
    pub(super) clocks: Vec<(i64, String)>,
    pub(super) importance: Choices,
    pub(super) loss: Choices,
    pub(super) extent: Choices,
    pub(super) operator: Choices,
    pub(super) measures: Choices,
    pub(super) marks: Choices,
    pub(super) tlps: Choices,
    pub(super) asked: Vec<Asked>,
    pub(super) letters: Vec<Letter>,
    pub(super) problems: Vec<String>,
}

/// The acts that have a panel.
pub(super) const ACTS: [&str; 17] = [
    "validate",
    "note",
    "assign",
    "grade",
    "close",
    "reopen",
    "mark",
    "merge",
    "same",
    "apart",
    "split",
    "campaign",
    "uncampaign",
    "dispatch",
    "remind",
    "probe",
    "clock",
];

/// What stands around the panel.
pub(super) struct Around<'a> {
    pub(super) desk: &'a Desk,
    pub(super) visitor: &'a Visitor,
    pub(super) one: &'a Incident,
    pub(super) events: &'a [IncidentEvent],
    pub(super) clocks: &'a [Clock],
}

/// Why a step is not allowed now.
fn against(one: &Incident, step: Step, lang: Lang) -> Option<String> {
    let no = one.state.0.after(step).err()?;
    Some(fill(
        CaseWords::of(lang).blocked,
        &[("why", &refused(no.reason, lang))],
    ))
}

/// The panel of an act.
pub(super) async fn panel(around: &Around<'_>, act: &str, typed: Typed) -> Result<Panel, Refusal> {
    let (one, lang) = (around.one, around.visitor.lang);
    let w = CaseWords::of(lang);
    let number = one.number;
    let mut panel = Panel {
        act: act.to_owned(),
        title: "",
        about: "",
        button: "",
        ask: None,
        danger: false,
        blocked: None,
        wrong: None,
        conflict: false,
        changes: Vec::new(),
        typed,
        people: Vec::new(),
        resolutions: Vec::new(),
        events: Vec::new(),
        clocks: Vec::new(),
        importance: Vec::new(),
        loss: Vec::new(),
        extent: Vec::new(),
        operator: Vec::new(),
        measures: Vec::new(),
        marks: Vec::new(),
        tlps: Vec::new(),
        asked: Vec::new(),
        letters: Vec::new(),
        problems: Vec::new(),
    };
    match act {
        "validate" => {
            (panel.title, panel.about) = (w.a_validate, w.validate_about);
            panel.blocked = against(one, Step::Validate, lang);
        }
        "note" => (panel.title, panel.about) = (w.a_note, w.note_about),
        "assign" => {
            panel.title = w.a_assign;
            panel.people = super::workers(&around.desk.ledger, one.owner.as_deref()).await?;
        }
        "close" => {
            (panel.title, panel.about) = (w.a_close, w.close_about);
            panel.ask = Some(fill(w.close_ask, &[("n", &number)]));
            let step = |how: Resolution| one.state.0.after(Step::Close(how)).err();
            panel.resolutions = Resolution::ALL
                .iter()
                .map(|how| {
                    (
                        how.label(),
                        word(*how, lang),
                        step(*how).map(|no| refused(no.reason, lang)),
                    )
                })
                .collect();
            // What may be chosen stands first.
            panel.resolutions.sort_by_key(|(_, _, why)| why.is_some());
            panel.blocked = against(one, Step::Close(Resolution::Invalid), lang);
        }
        "reopen" => {
            (panel.title, panel.about) = (w.a_reopen, w.reopen_about);
            panel.blocked = against(one, Step::Reopen, lang);
        }
        "merge" => {
            (panel.title, panel.about, panel.danger) = (w.a_merge, w.merge_about, true);
            panel.ask = Some(fill(w.merge_ask, &[("n", &number)]));
            panel.blocked = against(one, Step::Merge, lang);
        }
        "mark" => {
            (panel.title, panel.about) = (w.a_mark, w.mark_about);
            panel.tlps = choices::<Tlp>(lang);
            super::marking::usual(around.desk, &mut panel.typed, one, lang).await?;
        }
        "same" => {
            (panel.title, panel.about) = (w.a_same, w.same_about);
            super::same::usual(&mut panel.typed, one);
        }
        "apart" => (panel.title, panel.about) = (w.a_apart, w.apart_about),
        "split" => {
            (panel.title, panel.about) = (w.a_split, w.split_about);
            panel.events = around
                .events
                .iter()
                .map(|event| {
                    let hex: String = event
                        .event_id
                        .iter()
                        .map(|byte| format!("{byte:02x}"))
                        .collect();
                    let told = format!(
                        "{} · {}",
                        draw::exact(around.desk, event.joined_at),
                        event.rule
                    );
                    (hex, told)
                })
                .collect();
            if panel.events.len() < 2 {
                panel.blocked = Some(w.split_none.to_owned());
            }
        }
        "campaign" => panel.title = w.a_campaign,
        "uncampaign" => panel.title = w.a_uncampaign,
        "grade" => {
            (panel.title, panel.about) = (w.a_grade, w.grade_about);
            // The gravest duty must not be chosen by nobody.
            panel
                .typed
                .0
                .entry("operator".to_owned())
                .or_insert_with(|| Operator::Other.label().to_owned());
            panel.importance = choices::<Importance>(lang);
            panel.loss = choices::<Loss>(lang);
            panel.extent = choices::<Extent>(lang);
            panel.operator = choices::<Operator>(lang);
            panel.measures = choices::<Measure>(lang);
            panel.marks = choices::<Mark>(lang);
            if around.desk.casework.is_none() {
                panel.blocked = Some(w.no_workspace.to_owned());
            }
        }
        "clock" => {
            (panel.title, panel.about) = (w.a_clock, w.clock_about);
            let running = around
                .clocks
                .iter()
                .filter(|clock| clock.state == ledger::ClockState::Running);
            panel.clocks = running
                .map(|clock| {
                    let due = draw::exact(around.desk, clock.due_at);
                    (clock.id, format!("{} · {} · {due}", clock.law, clock.duty))
                })
                .collect();
            if panel.clocks.is_empty() {
                panel.blocked = Some(w.clock_none.to_owned());
            }
        }
        "remind" => {
            (panel.title, panel.about) = (w.a_remind, w.remind_about);
            panel.ask = Some(w.remind_ask.to_owned());
            if around.desk.casework.is_none() {
                panel.blocked = Some(w.no_workspace.to_owned());
            }
        }
        "probe" => {
            (panel.title, panel.about) = (w.a_probe, w.probe_about);
            if around.desk.casework.is_none() {
                panel.blocked = Some(w.no_workspace.to_owned());
            }
        }
        "dispatch" => dispatch(around, &mut panel).await?,
        _ => return Err(Refusal::Absent),
    }
    if panel.button.is_empty() {
        panel.button = panel.title;
    }
    Ok(panel)
}

/// Whom it goes to and the letters.
async fn dispatch(around: &Around<'_>, panel: &mut Panel) -> Result<(), Refusal> {
    let (one, lang) = (around.one, around.visitor.lang);
    let w = CaseWords::of(lang);
    (panel.title, panel.about, panel.button) = (w.a_dispatch, w.dispatch_about, w.dispatch_now);
    panel.blocked = match one.state.0.is_live() {
        true => against(one, Step::Notify, lang),
        false => Some(fill(
            w.blocked,
            &[("why", &refused("reopen it first", lang))],
        )),
    };
    let plan = match casework(around.desk, around.visitor) {
        Ok(casework) => casework.plan(one.number).await.map_err(acts::troubled)?,
        Err(refusal) => {
            panel.blocked = Some(refusal.detail());
            return Ok(());
        }
    };
    let ids: Vec<_> = plan
        .directives
        .iter()
        .filter_map(|one| Some(one.organization_id?.0))
        .collect();
    let organizations = around.desk.ledger.organizations_of(&ids).await?;
    let code = if lang == Lang::Zh { "zh" } else { "en" };
    let name = |id| {
        organizations
            .get(&id)
            .map_or_else(|| w.none.to_owned(), |org| org.name(code).to_owned())
    };
    panel.asked = plan
        .directives
        .iter()
        .map(|one| Asked {
            place: one.place,
            name: one
                .organization_id
                .map_or_else(|| w.d_no_contact.to_owned(), |id| name(id.0)),
            role: word(one.role.0, lang),
            reason: one.reason.clone(),
        })
        .collect();
    for letter in plan.letters {
        let to = name(letter.organization);
        let held = super::machine::told(&letter.held.join("; "), lang);
        panel.letters.push(Letter {
            to: fill(w.letter_to, &[("name", &to), ("address", &letter.address)]),
            parts: fill(
                w.letter_parts,
                &[
                    ("channel", &word(letter.channel, lang)),
                    ("language", &letter.language),
                    ("tlp", &letter.tlp.en()),
                    ("rows", &letter.rows),
                ],
            ),
            subject: letter.subject,
            text: letter.text,
            attachments: letter
                .attachments
                .iter()
                .map(|one| {
                    let bytes = draw::thousands(one.bytes as u64);
                    fill(w.letter_file, &[("name", &one.name), ("bytes", &bytes)])
                })
                .collect::<Vec<_>>()
                .join(", "),
            held: (!held.is_empty()).then(|| fill(w.letter_held, &[("why", &held)])),
        });
    }
    let kept = plan.withheld.iter().map(|kept| {
        let why = super::machine::told(&kept.reason, lang);
        let to = name(kept.organization);
        fill(w.letter_kept, &[("name", &to), ("why", &why)])
    });
    panel.problems = kept.chain(plan.problems).collect();
    panel.ask = Some(fill(w.dispatch_ask, &[("n", &panel.letters.len())]));
    if panel.letters.is_empty() && panel.blocked.is_none() {
        panel.blocked = Some(w.dispatch_none.to_owned());
    }
    Ok(())
}
