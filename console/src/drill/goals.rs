//! What counts as done in a scenario: questions to the ledger, each answered by what is stored there and by nothing
//! that the player says.

use ledger::{Drill, Incident, IncidentFilter, IncidentSort, MessageState, Page, Reach};
use model::incident::{IncidentState, Resolution};
use model::newsroom::{CorrectionState, Step};

use super::{Stage, props};
use crate::Desk;
use crate::refusal::Refusal;

/// A question to the ledger. Numbers are places of the drill's hosts.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Goal {
    /// The incident about the host was found true.
    Validated(usize),
    /// So many incidents of the drill were found true.
    AllValidated,
    /// Somebody wrote a note on it.
    Noted(usize),
    /// A notice about it was written.
    Written(usize),
    /// Notices about it were written to at least so many contacts.
    WrittenTo(usize, usize),
    /// A notice about it went out.
    Noticed(usize),
    /// It was graded, so that the law's clocks run.
    Graded(usize),
    /// All clocks of it are done, none of them waived.
    ClocksDone(usize),
    /// It ended, whichever way.
    Closed(usize),
    /// It was found not to be one.
    Dismissed(usize),
    /// No notice about it ever went out.
    NeverNoticed(usize),
    /// All incidents of the drill belong to one campaign.
    OneCampaign,
    /// The drill's alarm was taken up, with a remark.
    AlarmTaken,
    /// A promise was made since it began.
    Promised,
    /// A handover was signed by the player since it began, with a remark.
    HandedOver,
    /// That handover was signed by the other side too.
    TakenOver,
    /// No mail about its hosts waits for a person.
    InboxClear,
    /// The published issue was counted again, and a figure that would be another is proposed for correction.
    CorrectionFound,
    /// The player accepted a correction.
    CorrectionAccepted,
    /// A corrected revision is public, signed by somebody else.
    CorrectionPublished,
}

impl Goal {
    /// Whether what was so may be so no more: things that must not happen, and lists that fill again.
    pub(crate) fn may_be_lost(self) -> bool {
        matches!(self, Goal::NeverNoticed(_) | Goal::InboxClear)
    }

    /// Whether it is so.
    pub(crate) async fn met(
        self,
        desk: &Desk,
        drill: &Drill,
        stage: &Stage,
    ) -> Result<bool, Refusal> {
        let ledger = &desk.ledger;
        let found = incidents(desk, drill, stage).await?;
        let of = |nth: usize| found.get(nth).and_then(Option::as_ref);
        Ok(match self {
            Goal::Validated(nth) => of(nth).is_some_and(|one| one.validated_at.is_some()),
            Goal::AllValidated => found
                .iter()
                .all(|one| one.as_ref().is_some_and(|one| one.validated_at.is_some())),
            Goal::Noted(nth) => match of(nth) {
                None => false,
                Some(one) => !ledger
                    .incident_notes(one.incident_id(), &Reach::All)
                    .await?
                    .is_empty(),
            },
            Goal::Written(nth) => match of(nth) {
                None => false,
                Some(one) => ledger
                    .notices_about(one.incident_id())
                    .await?
                    .iter()
                    .any(|notice| notice.kind.0.asks()),
            },
            Goal::WrittenTo(nth, count) => match of(nth) {
                None => false,
                Some(one) => {
                    let notices = ledger.notices_about(one.incident_id()).await?;
                    let asks = notices.iter().filter(|notice| notice.kind.0.asks());
                    let mut to: Vec<_> = asks.map(|notice| &notice.address).collect();
                    to.sort_unstable();
                    to.dedup();
                    to.len() >= count
                }
            },
            Goal::Noticed(nth) => of(nth).is_some_and(|one| one.noticed_at.is_some()),
            Goal::Graded(nth) => of(nth).is_some_and(|one| one.grade.is_some()),
            Goal::ClocksDone(nth) => match of(nth) {
                None => false,
                Some(one) => {
                    let clocks = ledger.clocks(one.incident_id()).await?;
                    !clocks.is_empty()
                        && clocks
                            .iter()
                            .all(|clock| clock.state == ledger::ClockState::Done)
                }
            },
            Goal::Closed(nth) => of(nth).is_some_and(|one| one.closed_at.is_some()),
            Goal::Dismissed(nth) => of(nth).is_some_and(|one| {
                one.state.0 == IncidentState::Closed
                    && one
                        .resolution
                        .is_some_and(|resolution| resolution.0 == Resolution::Invalid)
            }),
            Goal::NeverNoticed(nth) => of(nth).is_some_and(|one| one.noticed_at.is_none()),
            Goal::OneCampaign => {
                let first = of(0).and_then(|one| one.campaign_id);
                first.is_some()
                    && found
                        .iter()
                        .all(|one| one.as_ref().is_some_and(|one| one.campaign_id == first))
            }
            Goal::AlarmTaken => {
                let page = Page {
                    offset: 0,
                    limit: 200,
                };
                let alarms = ledger.alarms(None, page).await?;
                let own = alarms
                    .iter()
                    .filter(|alarm| stage.topics.contains(&alarm.topic));
                let mut own = own.peekable();
                own.peek().is_some() && own.all(|alarm| alarm.remark.is_some())
            }
            Goal::Promised => {
                let open = ledger.promises_open(&Reach::All).await?;
                open.iter()
                    .any(|one| one.made_by == drill.login && one.made_at >= drill.begun_at)
            }
            Goal::HandedOver | Goal::TakenOver => {
                let page = Page {
                    offset: 0,
                    limit: 50,
                };
                let own = ledger.handovers(None, page).await?;
                let mut own = own.iter().filter(|row| {
                    row.giver == drill.login
                        && row.given_at >= drill.begun_at
                        && !row.remark.is_empty()
                });
                match self {
                    Goal::HandedOver => own.next().is_some(),
                    _ => own.any(|row| row.taken_at.is_some()),
                }
            }
            Goal::CorrectionFound | Goal::CorrectionAccepted | Goal::CorrectionPublished => {
                let Some(edition) = props::published(desk).await? else {
                    return Ok(false);
                };
                let key = edition.key();
                if matches!(self, Goal::CorrectionPublished) {
                    let steps = ledger.edition_steps(&key).await?;
                    let late = |step: &ledger::EditionStep| step.at >= drill.begun_at;
                    let mut late = steps.iter().filter(|step| late(step));
                    let public = |step: &&ledger::EditionStep| step.step.0 == Step::Publish;
                    return Ok(edition.published_revision.is_some_and(|revision| {
                        revision > 1 && late.any(|step| public(&step) && step.revision == revision)
                    }));
                }
                let all = ledger.corrections(&key).await?;
                all.iter().any(|one| match self {
                    Goal::CorrectionFound => one.found_at >= drill.begun_at,
                    _ => {
                        one.state.0 == CorrectionState::Accepted
                            && one.decided_by.as_ref() == Some(&drill.login)
                            && one.decided_at.is_some_and(|at| at >= drill.begun_at)
                    }
                })
            }
            Goal::InboxClear => {
                let page = Page {
                    offset: 0,
                    limit: 500,
                };
                let waiting = ledger.messages(Some(MessageState::Waiting), page).await?;
                let new = ledger.messages(Some(MessageState::New), page).await?;
                let own = |message: &ledger::Message| {
                    message.origin == "drill" && message.received_at >= drill.begun_at
                };
                !waiting.iter().chain(&new).any(own)
            }
        })
    }
}

/// The incidents about the drill's hosts, in their order; `None` while there is none.
async fn incidents(
    desk: &Desk,
    drill: &Drill,
    stage: &Stage,
) -> Result<Vec<Option<Incident>>, Refusal> {
    let page = Page {
        offset: 0,
        limit: 1,
    };
    let mut all = Vec::new();
    for host in &stage.hosts {
        let filter = IncidentFilter {
            host: Some(host.clone()),
            opened: Some((drill.begun_at, i64::MAX)),
            ..IncidentFilter::default()
        };
        let sort = IncidentSort::Newest;
        let found = desk
            .ledger
            .incidents(&filter, &Reach::All, sort, page)
            .await?;
        all.push(found.into_iter().next());
    }
    Ok(all)
}
