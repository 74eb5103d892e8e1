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
use model::organization::Role;
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

/// What is counted for a party.
#[derive(Default)]
struct Sum {
    card: Scorecard,
    answers: Vec<i64>,
    takedowns: Vec<i64>,
}

impl Sum {
    /// Counts a directive that was asked at an instant.
    fn count(&mut self, row: &Directive, at: i64, gone_at: Option<i64>, now: i64) {
        let card = &mut self.card;
        card.cases += 1;
        let answered = [row.answered_at, row.acted_at].into_iter().flatten().min();
        let over = row.due_at.is_some_and(|due| due <= now);
        if let Some(answered) = answered {
            card.acknowledged += 1;
            self.answers.push((answered - at).max(0) / 1_000_000);
        }
        if answered.is_some() || over {
            card.decided += 1;
            let in_time = answered.is_some_and(|at| row.due_at.is_none_or(|due| at <= due));
            card.within_target += u64::from(in_time);
        }
        card.refused += u64::from(row.state == ledger::DirectiveState::Refused);
        if let Some(gone) = gone_at.filter(|gone| *gone >= at) {
            card.effective += 1;
            self.takedowns.push((gone - at) / 1_000_000);
        }
    }

    fn card(self) -> Scorecard {
        Scorecard {
            median_acknowledge_secs: median(self.answers),
            median_takedown_secs: median(self.takedowns),
            ..self.card
        }
    }
}

/// A party's last twelve months beside others.
#[derive(Clone, Debug)]
pub struct Year {
    /// The party.
    pub organization: OrganizationId,
    /// Its roles.
    pub roles: Vec<Role>,
    /// What it did; notices are not counted.
    pub card: Scorecard,
}

/// What the others do who are asked in a role of its own: the middle one of them. A figure that fewer than
/// [`Peers::LEAST`] of them have is left out: it would tell what one of them does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Peers {
    /// How many there are that were asked within twelve months.
    pub parties: u64,
    /// Share that is answered in time, in tenths of a per cent.
    pub within_permille: Option<i64>,
    /// Seconds to the first answer.
    pub acknowledge_secs: Option<i64>,
    /// Seconds until it was found gone.
    pub takedown_secs: Option<i64>,
}

impl Peers {
    /// Others that have a figure, at least.
    pub const LEAST: usize = 5;

    /// The peers of a party among all; `None` where they are too few.
    pub fn of(all: &[Year], party: OrganizationId, roles: &[Role]) -> Option<Peers> {
        let alike: Vec<&Scorecard> = all
            .iter()
            .filter(|one| one.organization != party && one.card.cases > 0)
            .filter(|one| one.roles.iter().any(|role| roles.contains(role)))
            .map(|one| &one.card)
            .collect();
        if alike.len() < Self::LEAST {
            return None;
        }
        let middle = |figure: &dyn Fn(&Scorecard) -> Option<i64>| {
            let known: Vec<i64> = alike.iter().filter_map(|card| figure(card)).collect();
            (known.len() >= Self::LEAST)
                .then(|| median(known))
                .flatten()
        };
        Some(Peers {
            parties: alike.len() as u64,
            within_permille: middle(&|card| {
                let share = Scorecard::permille(card.within_target, card.decided)?;
                i64::try_from(share).ok()
            }),
            acknowledge_secs: middle(&|card| card.median_acknowledge_secs),
            takedown_secs: middle(&|card| card.median_takedown_secs),
        })
    }
}

impl Desk {
    /// What every party did with what it was asked in the last twelve months. Reads all of it, in pages: whoever asks
    /// often keeps the answer.
    ///
    /// # Errors
    /// The ledger fails.
    pub async fn year_of_parties(&self) -> Result<Vec<Year>> {
        const PAGE: u64 = 5_000;
        const YEAR: i64 = 365 * 86_400_000_000;
        let now = (self.clock)().0;
        let mut sums: BTreeMap<OrganizationId, Sum> = BTreeMap::new();
        let mut after = None;
        loop {
            let rows = self.ledger.directives_asked_since(now - YEAR, after, PAGE);
            let rows = rows.await?;
            let Some((last, _)) = rows.last() else {
                break;
            };
            after = Some(last.id.0);
            for (row, gone_at) in &rows {
                if let (Some(id), Some(at)) = (row.organization_id, row.asked_at) {
                    sums.entry(id.0).or_default().count(row, at, *gone_at, now);
                }
            }
        }
        let parties = self.ledger.organizations(None).await?;
        let year = |party: &Organization| {
            let id = party.organization_id();
            let card = sums.remove(&id)?.card();
            Some(Year {
                organization: id,
                roles: party.roles(),
                card,
            })
        };
        Ok(parties.iter().filter_map(year).collect())
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
        sums.entry(id).or_default().count(row, at, *gone_at, now);
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
            ..sum.card()
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
    #[test]
    fn peers_are_those_of_a_role_and_never_fewer_than_five() {
        let id = |n: u8| OrganizationId::draw(model::time::Timestamp(0), [n; 10]);
        let year = |n: u8, role: Role, answer: Option<i64>| Year {
            organization: id(n),
            roles: vec![role],
            card: Scorecard {
                cases: 10,
                decided: 10,
                within_target: u64::from(n),
                median_acknowledge_secs: answer,
                ..Scorecard::default()
            },
        };
        let mut all: Vec<Year> = (1..=5)
            .map(|n| year(n, Role::Registrar, Some(i64::from(n) * 60)))
            .collect();
        // Neither its own figures nor those of another role count.
        all.push(year(9, Role::Registrar, Some(1)));
        all.push(year(8, Role::CloudProvider, Some(1)));
        let own = [Role::Registrar];
        let peers = Peers::of(&all, id(9), &own).expect("five others");
        assert_eq!((peers.parties, peers.within_permille), (5, Some(300)));
        assert_eq!(
            (peers.acknowledge_secs, peers.takedown_secs),
            (Some(180), None)
        );
        // One of them has no answer yet: four would tell too much.
        all[0].card.median_acknowledge_secs = None;
        let peers = Peers::of(&all, id(9), &own).expect("five others");
        assert_eq!(
            (peers.acknowledge_secs, peers.within_permille),
            (None, Some(300))
        );
        all[0].card.cases = 0;
        assert_eq!(Peers::of(&all, id(9), &own), None);
    }
}
