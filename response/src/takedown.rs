//! How long takedowns take by party and by the party's country: from the notice to the first look that found the harm
//! gone, with what goes on counted as not over (Kaplan and Meier), so that a slow party does not look fast because only
//! its quick cases have ended. The bulletin has the same for the whole house (T1, T2).

use std::collections::BTreeMap;

use ledger::{Directive, Organization};
use model::ids::OrganizationId;
use model::listing::Survival;
use serde::Serialize;

use crate::{Desk, Result};

const MINUTE: i64 = 60_000_000;
const DAY: i64 = 24 * 60 * MINUTE;

/// What takedowns are told apart by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The party that was asked.
    Party,
    /// Its country.
    Country,
}

/// The times of one group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Takedowns {
    /// Name of the party, or two letters of the country; empty where it is not known.
    pub of: String,
    /// Cases it was asked about.
    pub cases: u64,
    /// Of these, not gone yet.
    pub open: u64,
    /// Minutes in which half were gone; `None` while fewer are.
    pub median_minutes: Option<u32>,
    /// Minutes in which nine of ten were gone.
    pub p90_minutes: Option<u32>,
    /// Gone within 24 hours of the notice.
    pub within_day: u64,
}

impl Desk {
    /// The times of cases that were asked about since an instant, most cases first.
    ///
    /// # Errors
    /// The ledger fails.
    pub async fn takedowns(&self, by: By, since: i64) -> Result<Vec<Takedowns>> {
        let now = (self.clock)().0;
        let parties = self.ledger.organizations(None).await?;
        let asked = self.ledger.directives_asked(None).await?;
        Ok(of(&parties, &asked, by, (since, now)))
    }
}

/// Counts; `asked` are directives with the instant at which their incident was first found gone.
pub fn of(
    parties: &[Organization],
    asked: &[(Directive, Option<i64>)],
    by: By,
    (since, now): (i64, i64),
) -> Vec<Takedowns> {
    let names: BTreeMap<OrganizationId, String> = parties
        .iter()
        .map(|party| {
            let name = match by {
                By::Party => party.name_en.clone(),
                By::Country => party.country.clone().unwrap_or_default(),
            };
            (party.id.0, name)
        })
        .collect();
    let mut groups: BTreeMap<String, (Survival, u64)> = BTreeMap::new();
    for (row, gone) in asked {
        let (Some(party), Some(at)) = (row.organization_id.map(|id| id.0), row.asked_at) else {
            continue;
        };
        if at < since || at > now {
            continue;
        }
        // What was gone before it was asked says nothing of the party.
        if gone.is_some_and(|gone| gone < at) {
            continue;
        }
        let gone = gone.filter(|gone| *gone <= now);
        let took = gone.unwrap_or(now) - at;
        let name = names.get(&party).cloned().unwrap_or_default();
        let (times, within) = groups.entry(name).or_default();
        times.add(
            u32::try_from(took / MINUTE).unwrap_or(u32::MAX),
            gone.is_some(),
        );
        *within += u64::from(gone.is_some() && took <= DAY);
    }
    let mut all: Vec<Takedowns> = groups
        .into_iter()
        .map(|(of, (times, within_day))| Takedowns {
            of,
            cases: times.n(),
            open: times.going_on(),
            median_minutes: times.quantile(500),
            p90_minutes: times.quantile(900),
            within_day,
        })
        .collect();
    all.sort_by(|a, b| (b.cases, &a.of).cmp(&(a.cases, &b.of)));
    all
}

#[cfg(test)]
mod tests {
    use ledger::Text;
    use model::time::Timestamp;

    use super::*;

    const HOUR: i64 = 60 * MINUTE;

    fn directive(party: OrganizationId, asked: i64) -> Directive {
        Directive {
            organization_id: Some(Text(party)),
            ..crate::followup::tests::directive(asked, asked + HOUR)
        }
    }

    #[test]
    fn what_goes_on_counts_as_not_over_and_groups_do_not_mix() {
        let id = |n| OrganizationId::draw(Timestamp(0), [n; 10]);
        let (quick, slow) = (id(1), id(2));
        let of_quick = |gone| (directive(quick, 0), gone);
        let of_slow = |gone| (directive(slow, 0), gone);
        let asked = [
            of_quick(Some(HOUR)),
            of_quick(Some(3 * HOUR)),
            of_quick(Some(30 * HOUR)),
            of_slow(Some(HOUR)),
            of_slow(None),
            of_slow(None),
            // Gone before it was asked; asked before the span.
            (directive(slow, 5 * HOUR), Some(HOUR)),
            (directive(slow, -9 * HOUR), Some(HOUR)),
        ];
        // No party is known: all are one group, told by nothing.
        let all = of(&[], &asked, By::Country, (0, 100 * HOUR));
        let [all] = &all[..] else { panic!("{all:?}") };
        assert_eq!(
            (all.of.as_str(), all.cases, all.open, all.within_day),
            ("", 6, 2, 3)
        );
        assert_eq!(all.median_minutes, Some(180), "the third of six");
        // Two of three go on: there is no median, though the only one that ended took an hour.
        let slow_only = of(&[], &asked[3..], By::Party, (0, 100 * HOUR));
        assert_eq!((slow_only[0].cases, slow_only[0].median_minutes), (3, None));
        // What ended after the look is not seen.
        let early = of(&[], &asked[..3], By::Party, (0, 2 * HOUR));
        assert_eq!((early[0].open, early[0].within_day), (2, 1));
    }
}
