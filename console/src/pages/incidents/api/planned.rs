//! What would leave to whom, as a program reads it: the plan of an incident with its letters, and what its marking
//! keeps back.

use response::notify::Withheld;

use super::*;

/// Whom it would be sent to, with the letters.
#[derive(Serialize, JsonSchema)]
pub(crate) struct PlanOut {
    /// Whether the decision is stored.
    stored: bool,
    parties: Vec<PartyOut>,
    letters: Vec<LetterOut>,
    /// Parties that would be written to, and that the incident's marking keeps it from now.
    withheld: Vec<WithheldOut>,
    problems: Vec<String>,
}

/// A party that gets nothing now.
#[derive(Serialize, JsonSchema)]
pub(crate) struct WithheldOut {
    organization: String,
    reason: String,
}

impl WithheldOut {
    pub(super) fn of(kept: Withheld) -> Self {
        WithheldOut {
            organization: kept.organization.to_string(),
            reason: kept.reason,
        }
    }
}

/// A file that goes with a letter.
#[derive(Serialize, JsonSchema)]
pub(crate) struct FileOut {
    name: String,
    media_type: String,
    bytes: usize,
}

/// A letter as it would go out.
#[derive(Serialize, JsonSchema)]
pub(crate) struct LetterOut {
    organization: String,
    channel: String,
    address: String,
    /// `zh` or `en`.
    language: String,
    /// How far the party may pass it on.
    tlp: String,
    subject: String,
    text: String,
    /// Rows of its table.
    rows: usize,
    attachments: Vec<String>,
    /// The same files with their sizes.
    files: Vec<FileOut>,
    /// Numbers of the evidence that it offers.
    evidence: Vec<String>,
    /// Why it would wait for a person.
    held: Vec<String>,
}

pub(crate) async fn plan(
    State(desk): At,
    visitor: Visitor,
    headers: HeaderMap,
    Path(number): Path<i64>,
) -> Result<Response, Refusal> {
    acts::load(&desk, &visitor, number).await?;
    let plan = acts::casework(&desk, &visitor)?
        .plan(number)
        .await
        .map_err(acts::troubled)?;
    let parties = plan.directives.iter().map(|one| PartyOut {
        organization: one.organization_id.map(|id| id.to_string()),
        name: None,
        place: one.place,
        role: one.role.to_string(),
        ask: one.ask.clone(),
        state: label(&one.state),
        reason: one.reason.clone(),
        asked_at: one.asked_at.map(stamp),
        due_at: one.due_at.map(stamp),
    });
    let told = PlanOut {
        stored: plan.stored,
        parties: parties.collect(),
        letters: plan
            .letters
            .into_iter()
            .map(|letter| LetterOut {
                organization: letter.organization.to_string(),
                channel: letter.channel.to_string(),
                address: letter.address,
                language: letter.language.to_owned(),
                tlp: letter.tlp.to_string(),
                subject: letter.subject,
                text: letter.text,
                rows: letter.rows,
                attachments: letter
                    .attachments
                    .iter()
                    .map(|one| one.name.clone())
                    .collect(),
                files: letter
                    .attachments
                    .into_iter()
                    .map(|one| FileOut {
                        name: one.name,
                        media_type: one.media_type.to_owned(),
                        bytes: one.bytes,
                    })
                    .collect(),
                evidence: letter.evidence,
                held: letter.held,
            })
            .collect(),
        withheld: plan.withheld.into_iter().map(WithheldOut::of).collect(),
        problems: plan.problems,
    };
    form::answer(&headers, &told)
}
