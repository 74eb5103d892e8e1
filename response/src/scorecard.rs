//! Scorecards of parties: how many notices each got, how fast it answered and acted, and whether it helped.
//!
//! Everything is counted from what is stored: a directive that was asked is one case; it was answered within its
//! target if the party's first answer or act came before its time was over; it was effective if a
//! verification found the harm gone after the party was asked. Cases whose time is not over and that were not
//! answered yet count in no rate.

use std::collections::BTreeMap;

use ledger::{Directive, Notice, NoticeFilter, Organization, Page};
use model::ids::OrganizationId;
use model::notice::NoticeState;
use serde::Serialize;

use crate::{Desk, Result};

/// How a party did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Scorecard {
    /// Its id.
    pub organization: String,
    /// Its English name.
    pub name: String,
    /// Notices that reached it.
    pub notices: u64,
    /// Notices that came back.
    pub bounced: u64,
    /// Cases that it was asked about.
    pub cases: u64,
    /// Of these, decided: answered, or their time is over.
    pub decided: u64,
    /// Of the decided, answered within the target time.
    pub within_target: u64,
    /// Cases that it refused.
    pub refused: u64,
    /// Cases with an answer.
    pub acknowledged: u64,
    /// Median seconds from asking to the first answer.
    pub median_acknowledge_secs: Option<i64>,
    /// Cases that were verified gone after it was asked.
    pub effective: u64,
    /// Median seconds from asking to the first look that found it gone.
    pub median_takedown_secs: Option<i64>,
}

impl Scorecard {
    /// A share in tenths of a per cent; `None` of nothing.
    pub fn permille(part: u64, whole: u64) -> Option<u64> {
        (part * 1000 + whole / 2).checked_div(whole)
    }
}

impl Desk {
    /// Scorecards of all parties that were ever asked, or of one; by name.
    ///
    /// # Errors
    /// The ledger fails.
    pub async fn scorecards(&self, only: Option<OrganizationId>) -> Result<Vec<Scorecard>> {
        let now = (self.clock)().0;
        let (parties, notices) = match only {
            None => (
                self.ledger.organizations(None).await?,
                self.ledger.notices(&[], Page::ALL).await?,
            ),
            Some(id) => {
                let to_it = NoticeFilter {
                    organization: Some(id),
                    ..NoticeFilter::default()
                };
                // One that is not there has no card; it is no fault to ask.
                let party = match self.ledger.organization(id).await {
                    Err(ledger::Error::NotFound { .. }) => Vec::new(),
                    found => vec![found?],
                };
                (
                    party,
                    self.ledger.outbox(&to_it, i64::MAX.unsigned_abs()).await?,
                )
            }
        };
        let asked = self.ledger.directives_asked(only).await?;
        Ok(of(&parties, &notices, &asked, only, now))
    }
}

/// Counts; `asked` are directives with the instant at which their incident was first found gone.
pub fn of(
    parties: &[Organization],
    notices: &[Notice],
    asked: &[(Directive, Option<i64>)],
    only: Option<OrganizationId>,
    now: i64,
) -> Vec<Scorecard> {
    #[derive(Default)]
    struct Sum {
        card: Scorecard,
        answers: Vec<i64>,
        takedowns: Vec<i64>,
    }
    let mut sums: BTreeMap<OrganizationId, Sum> = BTreeMap::new();
    let wanted = |id: OrganizationId| only.is_none_or(|only| only == id);
    for notice in notices {
        let id = notice.organization_id.0;
        if notice.exercise || !notice.kind.0.asks() || !wanted(id) {
            continue;
        }
        let card = &mut sums.entry(id).or_default().card;
        match notice.state.0 {
            NoticeState::Sent => card.notices += 1,
            NoticeState::Bounced | NoticeState::Failed => card.bounced += 1,
            _ => {}
        }
    }
    for (row, gone_at) in asked {
        let (Some(id), Some(at)) = (row.organization_id.map(|id| id.0), row.asked_at) else {
            continue;
        };
        if !wanted(id) {
            continue;
        }
        let sum = sums.entry(id).or_default();
        sum.card.cases += 1;
        let answered = [row.answered_at, row.acted_at].into_iter().flatten().min();
        let over = row.due_at.is_some_and(|due| due <= now);
        if let Some(answered) = answered {
            sum.card.acknowledged += 1;
            sum.answers.push((answered - at).max(0) / 1_000_000);
        }
        if answered.is_some() || over {
            sum.card.decided += 1;
            let in_time = answered.is_some_and(|at| row.due_at.is_none_or(|due| at <= due));
            sum.card.within_target += u64::from(in_time);
        }
        sum.card.refused += u64::from(row.state == ledger::DirectiveState::Refused);
        if let Some(gone) = gone_at.filter(|gone| *gone >= at) {
            sum.card.effective += 1;
            sum.takedowns.push((gone - at) / 1_000_000);
        }
    }
    let names: BTreeMap<_, _> = parties
        .iter()
        .map(|party| (party.id.0, party.name_en.clone()))
        .collect();
    let mut cards: Vec<Scorecard> = sums
        .into_iter()
        .map(|(id, sum)| Scorecard {
            organization: id.to_string(),
            name: names.get(&id).cloned().unwrap_or_default(),
            median_acknowledge_secs: median(sum.answers),
            median_takedown_secs: median(sum.takedowns),
            ..sum.card
        })
        .collect();
    cards.sort_by(|a, b| (&a.name, &a.organization).cmp(&(&b.name, &b.organization)));
    cards
}

/// The middle one, or the mean of the middle two, rounded down.
fn median(mut all: Vec<i64>) -> Option<i64> {
    all.sort_unstable();
    let upper = *all.get(all.len() / 2)?;
    match all.len() % 2 {
        1 => Some(upper),
        _ => {
            let lower = all[all.len() / 2 - 1];
            Some(lower + (upper - lower) / 2)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_is_the_middle() {
        assert_eq!(median(vec![]), None);
        assert_eq!(median(vec![5]), Some(5));
        assert_eq!(median(vec![9, 1, 5]), Some(5));
        assert_eq!(median(vec![9, 1, 5, 4]), Some(4));
        assert_eq!(Scorecard::permille(1, 3), Some(333));
        assert_eq!(Scorecard::permille(0, 0), None);
    }
}
