//! What is done to an incident: one function an act, whether a page's form, many at once or a program asks. Each loads
//! the incident by its number within the visitor's reach; the ledger audits it.

use ledger::clock::{ClockState, Ending};
use ledger::incident::Split;
use ledger::{Incident, NewStep, Reach};
use model::grade::{Extent, Importance, Loss, Mark, Measure, Operator};
use model::ids::{CampaignId, EventId, IncidentId};
use model::incident::{IncidentState, Resolution, Step};
use model::time::Timestamp;
use model::worded::Word;
use response::duty::{Grading, StoredGrade};
use response::grade::Facts;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

use super::words::CaseWords;
use crate::Desk;
use crate::casework::{Casework, Trouble};
use crate::refusal::Refusal;
use crate::visitor::Visitor;

/// A list that a form writes as one text with commas, and a program as an array.
fn many<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        One(String),
        Many(Vec<String>),
    }
    Ok(match Either::deserialize(from)? {
        Either::Many(all) => all,
        Either::One(text) => text
            .split(',')
            .map(|one| one.trim().to_owned())
            .filter(|one| !one.is_empty())
            .collect(),
    })
}

/// A step.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct StepBody {
    /// `validate`, `close` or `reopen`.
    pub(super) step: String,
    /// How it ended, for `close`: a resolution's label.
    #[serde(default)]
    pub(super) resolution: Option<String>,
    /// On what it rests.
    pub(super) reason: String,
}

/// A note.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NoteBody {
    /// What is to be kept.
    pub(super) body: String,
}

/// Who works on it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AssignBody {
    /// A login; empty: nobody.
    pub(super) to: String,
}

/// What is known of the harm.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct GradeBody {
    /// Importance of the system: general, important, especially-important.
    #[serde(default)]
    pub(super) importance: String,
    /// Its loss: small, larger, severe, especially-severe.
    #[serde(default)]
    pub(super) loss: String,
    /// How far it reaches: city, province, several-provinces, nation.
    #[serde(default)]
    pub(super) extent: String,
    /// What was measured, as `persons-data=2000000`.
    #[serde(default, deserialize_with = "many")]
    pub(super) measures: Vec<String>,
    /// What is so, as `outage`.
    #[serde(default, deserialize_with = "many")]
    pub(super) marks: Vec<String>,
    /// On whom the duty to report lies: critical-infrastructure, state-organ, other.
    #[serde(default)]
    pub(super) operator: String,
    /// Since when it is known: RFC 3339, or local time to the minute; empty: now.
    #[serde(default)]
    pub(super) known: String,
    /// What was seen.
    pub(super) reason: String,
}

/// The incident that it becomes part of.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MergeBody {
    /// Its number.
    pub(super) whole: String,
    /// Why they are the same matter.
    pub(super) reason: String,
}

/// What is split off.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SplitBody {
    /// The events, 32 hex digits each.
    #[serde(default, deserialize_with = "many")]
    pub(super) events: Vec<String>,
    /// What the new incident is about.
    pub(super) what: String,
    /// Why it is another matter.
    pub(super) reason: String,
}

/// The campaign that it belongs to.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CampaignBody {
    /// Name or id; a new one is opened where none of this name is open.
    pub(super) campaign: String,
    /// What makes them one.
    pub(super) reason: String,
}

/// A reason alone.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ReasonBody {
    /// Why.
    pub(super) reason: String,
}

/// How a clock ends.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ClockBody {
    /// `done` or `waived`.
    pub(super) how: String,
    /// Why.
    pub(super) reason: String,
}

/// A text that must say something.
pub(super) fn needed<'a>(
    field: &str,
    text: &'a str,
    visitor: &Visitor,
) -> Result<&'a str, Refusal> {
    match text.trim() {
        "" => Err(Refusal::invalid(
            field,
            CaseWords::of(visitor.lang).reason_help,
        )),
        said => Ok(said),
    }
}

/// A word of a closed list.
pub(super) fn closed<W: Word>(field: &str, text: &str) -> Result<W, Refusal> {
    text.parse().map_err(|error| Refusal::invalid(field, error))
}

/// The incident of a number within reach.
pub(super) async fn load(desk: &Desk, visitor: &Visitor, number: i64) -> Result<Incident, Refusal> {
    Ok(desk
        .ledger
        .incident_numbered(number, &visitor.within()?)
        .await?)
}

/// The same, if it is still as it was read.
async fn fresh(
    desk: &Desk,
    visitor: &Visitor,
    number: i64,
    version: Option<i32>,
) -> Result<Incident, Refusal> {
    let one = load(desk, visitor, number).await?;
    match version.is_none_or(|version| version == one.version) {
        true => Ok(one),
        false => Err(Refusal::Changed),
    }
}

/// What a step is called, with its resolution.
pub(super) fn step_of(body: &StepBody) -> Result<Step, Refusal> {
    match (body.step.as_str(), body.resolution.as_deref()) {
        ("validate", _) => Ok(Step::Validate),
        ("reopen", _) => Ok(Step::Reopen),
        ("close", Some(how)) if !how.is_empty() => {
            Ok(Step::Close(closed::<Resolution>("resolution", how)?))
        }
        ("close", _) => Err(Refusal::invalid("resolution", "say how it ended")),
        _ => Err(Refusal::invalid("step", "validate, close or reopen")),
    }
}

/// Takes a step.
pub(super) async fn step(
    desk: &Desk,
    visitor: &Visitor,
    number: i64,
    body: &StepBody,
    version: Option<i32>,
) -> Result<Incident, Refusal> {
    let step = step_of(body)?;
    let reason = needed("reason", &body.reason, visitor)?;
    let one = fresh(desk, visitor, number, version).await?;
    // Asked here for the words of the visitor's language; the ledger asks again.
    if let Err(no) = one.state.0.after(step) {
        return Err(Refusal::conflict(
            format!("#{number}"),
            super::bulk::refused(no.reason, visitor.lang),
        ));
    }
    let now = desk.now().0;
    let new = NewStep::new(step, reason, now).of_version(version);
    let after = desk
        .ledger
        .step(
            one.incident_id(),
            &visitor.within()?,
            new,
            visitor.login(),
            now,
        )
        .await?;
    // A rule is trusted by what people find of what it opened.
    let judged = match step {
        Step::Validate if one.state.0 == IncidentState::Open => Some(true),
        Step::Close(Resolution::Invalid) => Some(false),
        _ => None,
    };
    if let Some(right) = judged {
        desk.ledger.judged_rule(&one.rule, right, now).await?;
    }
    Ok(after)
}

/// Writes a note.
pub(super) async fn note(
    desk: &Desk,
    visitor: &Visitor,
    number: i64,
    body: &NoteBody,
) -> Result<(), Refusal> {
    let text = needed("body", &body.body, visitor)?;
    let one = load(desk, visitor, number).await?;
    let (id, reach) = (one.incident_id(), visitor.within()?);
    Ok(desk
        .ledger
        .note_incident(id, &reach, text, visitor.login(), desk.now().0)
        .await?)
}

/// Gives it to somebody; who had it before.
pub(super) async fn assign(
    desk: &Desk,
    visitor: &Visitor,
    number: i64,
    body: &AssignBody,
) -> Result<Option<String>, Refusal> {
    let one = load(desk, visitor, number).await?;
    let to = (!body.to.is_empty()).then_some(body.to.as_str());
    let reach = visitor.within()?;
    Ok(desk
        .ledger
        .assign_incident(one.incident_id(), &reach, to, visitor.login(), desk.now().0)
        .await?)
}

/// Whoever keeps the workspace.
pub(super) fn casework(
    desk: &Desk,
    visitor: &Visitor,
) -> Result<std::sync::Arc<dyn Casework>, Refusal> {
    let held = desk.casework.clone();
    let w = CaseWords::of(visitor.lang);
    held.ok_or_else(|| Refusal::conflict(w.a_dispatch, w.no_workspace))
}

/// What whoever keeps the workspace could not do.
pub(super) fn troubled(trouble: Trouble) -> Refusal {
    match trouble.0.split_once(": ") {
        Some((object, why)) => Refusal::conflict(object, why),
        None => Refusal::conflict("watchfire", trouble),
    }
}

fn facts(body: &GradeBody) -> Result<Facts, Refusal> {
    fn some<W: Word>(field: &str, text: &str) -> Result<Option<W>, Refusal> {
        match text.is_empty() {
            true => Ok(None),
            false => closed(field, text).map(Some),
        }
    }
    let mut facts = Facts {
        importance: some::<Importance>("importance", &body.importance)?,
        loss: some::<Loss>("loss", &body.loss)?,
        extent: some::<Extent>("extent", &body.extent)?,
        ..Facts::default()
    };
    for text in &body.measures {
        let wrong = || {
            Refusal::invalid(
                "measures",
                format!("{text}: write it as persons-data=2000000"),
            )
        };
        let (name, number) = text.split_once('=').ok_or_else(wrong)?;
        let number = number.replace(['_', ' '], "");
        if !number.is_empty() {
            facts.measured.insert(
                closed::<Measure>("measures", name)?,
                number.parse().map_err(|_| wrong())?,
            );
        }
    }
    for text in &body.marks {
        facts.marks.insert(closed::<Mark>("marks", text)?);
    }
    Ok(facts)
}

/// An instant as a person or a program writes it.
fn instant(desk: &Desk, text: &str) -> Result<Timestamp, Refusal> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(desk.now());
    }
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Ok(Timestamp(at.as_microsecond()));
    }
    let wrong = |_| Refusal::invalid("known", "2026-11-19 08:30");
    let local: jiff::civil::DateTime = text.replace(' ', "T").parse().map_err(wrong)?;
    let at = desk
        .terms()
        .zone
        .to_ambiguous_timestamp(local)
        .compatible()
        .map_err(wrong)?;
    Ok(Timestamp(at.as_microsecond()))
}

/// Grades it; the grade, and how many clocks began.
pub(super) async fn grade(
    desk: &Desk,
    visitor: &Visitor,
    number: i64,
    body: &GradeBody,
    version: Option<i32>,
) -> Result<(StoredGrade, usize), Refusal> {
    let reason = needed("reason", &body.reason, visitor)?.to_owned();
    let one = fresh(desk, visitor, number, version).await?;
    let operator = match body.operator.as_str() {
        "" => Operator::Other,
        text => closed("operator", text)?,
    };
    let said = Grading {
        facts: facts(body)?,
        operator,
        known: instant(desk, &body.known)?,
        reason,
    };
    let (schemes, laws) = casework(desk, visitor)?.grading().map_err(troubled)?;
    let graded = desk
        .response
        .grade(one.incident_id(), &schemes, &laws, said, visitor.login())
        .await;
    let (stored, clocks) = graded.map_err(responded)?;
    Ok((stored, clocks.len()))
}

/// A refusal of response.
pub(super) fn responded(error: response::Error) -> Refusal {
    match error {
        response::Error::Ledger(error) => error.into(),
        response::Error::Refused { object, reason } => Refusal::conflict(object, reason),
        other => Refusal::broken("response", other),
    }
}

/// Makes it part of another; the other.
pub(super) async fn merge(
    desk: &Desk,
    visitor: &Visitor,
    number: i64,
    body: &MergeBody,
    version: Option<i32>,
) -> Result<Incident, Refusal> {
    let reason = needed("reason", &body.reason, visitor)?;
    let part = fresh(desk, visitor, number, version).await?;
    let whole = body.whole.trim().trim_start_matches('#').parse();
    let whole = whole.map_err(|_| Refusal::invalid("whole", "704"))?;
    let whole = load(desk, visitor, whole)
        .await
        .map_err(|refusal| match refusal {
            Refusal::Absent => Refusal::invalid("whole", format!("#{whole}")),
            other => other,
        })?;
    let (part, whole) = (part.incident_id(), whole.incident_id());
    let reach = visitor.within()?;
    Ok(desk
        .ledger
        .merge_incidents(part, whole, &reach, reason, visitor.login(), desk.now().0)
        .await?)
}

/// Splits events off; the new incident.
pub(super) async fn split(
    desk: &Desk,
    visitor: &Visitor,
    number: i64,
    body: &SplitBody,
    version: Option<i32>,
) -> Result<Incident, Refusal> {
    let reason = needed("reason", &body.reason, visitor)?;
    let what = needed("what", &body.what, visitor)?;
    let one = fresh(desk, visitor, number, version).await?;
    let events = body
        .events
        .iter()
        .map(|text| text.parse::<EventId>().map(|id| id.0));
    let events = events
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| Refusal::invalid("events", error))?;
    let now = desk.now();
    let split = Split {
        id: IncidentId::draw(now, (desk.response.random)()),
        events: &events,
        what,
        reason,
    };
    let reach = visitor.within()?;
    Ok(desk
        .ledger
        .split_incident(one.incident_id(), &reach, split, visitor.login(), now.0)
        .await?)
}

/// Puts incidents into a campaign, a new one where none of its name is open; its name.
pub(super) async fn campaign(
    desk: &Desk,
    visitor: &Visitor,
    incidents: &[IncidentId],
    body: &CampaignBody,
) -> Result<String, Refusal> {
    let reason = needed("reason", &body.reason, visitor)?;
    let name = needed("campaign", &body.campaign, visitor)?;
    let all = desk.ledger.campaigns().await?;
    let id = name.parse::<CampaignId>().ok();
    let open = all
        .iter()
        .find(|one| one.closed_at.is_none() && (one.name == name || Some(one.id.0) == id));
    let now = desk.now();
    match open {
        Some(open) => {
            desk.ledger
                .join_campaign(
                    open.campaign_id(),
                    incidents,
                    reason,
                    visitor.login(),
                    now.0,
                )
                .await?;
            Ok(open.name.clone())
        }
        None => {
            let id = CampaignId::draw(now, (desk.response.random)());
            let new = desk
                .ledger
                .add_campaign(id, name, reason, incidents, visitor.login(), now.0)
                .await?;
            Ok(new.name)
        }
    }
}

/// Takes it out of its campaign.
pub(super) async fn uncampaign(
    desk: &Desk,
    visitor: &Visitor,
    number: i64,
    body: &ReasonBody,
) -> Result<(), Refusal> {
    let reason = needed("reason", &body.reason, visitor)?;
    let one = load(desk, visitor, number).await?;
    let campaign = one
        .campaign_id
        .ok_or_else(|| Refusal::conflict(format!("#{number}"), "belongs to no campaign"))?;
    let ids = [one.incident_id()];
    desk.ledger
        .leave_campaign(campaign.0, &ids, reason, visitor.login(), desk.now().0)
        .await?;
    Ok(())
}

/// Ends a clock of the incident.
pub(super) async fn end_clock(
    desk: &Desk,
    visitor: &Visitor,
    number: i64,
    clock: i64,
    body: &ClockBody,
) -> Result<(), Refusal> {
    let reason = needed("reason", &body.reason, visitor)?.to_owned();
    let one = load(desk, visitor, number).await?;
    let own = desk.ledger.clocks(one.incident_id()).await?;
    if !own.iter().any(|own| own.id == clock) {
        return Err(Refusal::Absent);
    }
    let state = match body.how.as_str() {
        "done" => ClockState::Done,
        "waived" => ClockState::Waived,
        _ => return Err(Refusal::invalid("how", "done, waived")),
    };
    let ending = Ending {
        state,
        at: desk.now().0,
        reason,
    };
    let (_, laws) = casework(desk, visitor)?.grading().map_err(troubled)?;
    let ended = desk
        .response
        .end_clock(clock, ending, &laws, visitor.login())
        .await;
    ended.map(drop).map_err(responded)
}

/// Whether somebody reaches an incident of the centre: what only the centre decides.
pub(super) fn of_the_centre(visitor: &Visitor) -> Result<(), Refusal> {
    match visitor.within()? {
        Reach::All => Ok(()),
        Reach::Owner(_) => Err(Refusal::Absent),
    }
}
