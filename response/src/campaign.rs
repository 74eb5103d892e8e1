//! Campaigns: what may be of one hand is proposed, a person decides; and how much of a figure one campaign
//! makes up is said. Pure functions over incidents and counts.

use std::collections::{BTreeMap, BTreeSet};

use ledger::Incident;
use ledger::incident::CampaignCount;
use model::ids::{CampaignId, IncidentId};
use model::incident::CaseKind;
use serde::Serialize;

/// What incidents of a proposal share must lie within so long, microseconds.
pub const WITHIN: i64 = 7 * 86_400_000_000;
/// Incidents that a proposal has at least.
pub const LEAST: usize = 3;
/// A campaign that makes up more percent of a figure than this is said.
pub const PERCENT: i64 = 10;

/// What incidents share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Shared {
    /// The address.
    Address,
    /// Who registered the names.
    Registrant,
    /// The brand that is imitated.
    Brand,
}

/// Incidents that may be one campaign.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Proposal {
    /// What they share.
    pub shared: Shared,
    /// Its value.
    pub value: String,
    /// The campaign that some of them are in already: the others would join it.
    pub campaign: Option<CampaignId>,
    /// Those that are in no campaign yet, the oldest first.
    pub incidents: Vec<IncidentId>,
    /// Their numbers.
    pub numbers: Vec<i64>,
}

/// Proposes campaigns: at least [`LEAST`] incidents that share an address, a registrant or a brand and were
/// first seen within [`WITHIN`]. Incidents that a person put into different campaigns are not proposed
/// together. `registrant` gives a registry's handle of who registered the name, where it is known.
pub fn propose(
    incidents: &[Incident],
    registrant: &dyn Fn(&Incident) -> Option<String>,
) -> Vec<Proposal> {
    let mut groups: BTreeMap<(Shared, String), Vec<&Incident>> = BTreeMap::new();
    for one in incidents.iter().filter(|one| one.merged_into.is_none()) {
        let shared = [
            (Shared::Address, one.ip.clone()),
            (Shared::Registrant, registrant(one)),
            (Shared::Brand, one.brand.clone()),
        ];
        for (shared, value) in shared {
            if let Some(value) = value.filter(|value| !value.is_empty()) {
                groups.entry((shared, value)).or_default().push(one);
            }
        }
    }
    let mut out: Vec<Proposal> = Vec::new();
    for ((shared, value), mut all) in groups {
        all.sort_by_key(|one| (one.first_seen_at, one.number));
        let mut rest = all.as_slice();
        while let Some(first) = rest.first() {
            let near = |one: &&Incident| one.first_seen_at - first.first_seen_at < WITHIN;
            let count = rest.iter().take_while(|one| near(one)).count();
            let (cluster, later) = rest.split_at(count);
            rest = later;
            let campaigns: BTreeSet<CampaignId> = cluster
                .iter()
                .filter_map(|one| Some(one.campaign_id?.0))
                .collect();
            let free = cluster.iter().filter(|one| one.campaign_id.is_none());
            let incidents: Vec<_> = free.clone().map(|one| one.incident_id()).collect();
            if cluster.len() < LEAST || incidents.is_empty() || campaigns.len() > 1 {
                continue;
            }
            // The same incidents by another mark are the same proposal.
            if out.iter().any(|other| other.incidents == incidents) {
                continue;
            }
            out.push(Proposal {
                shared,
                value: value.clone(),
                campaign: campaigns.first().copied(),
                numbers: free.map(|one| one.number).collect(),
                incidents,
            });
        }
    }
    out.sort_by_key(|one| std::cmp::Reverse(one.incidents.len()));
    out
}

/// A campaign that makes up much of a figure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Weighty {
    /// The campaign.
    pub campaign: CampaignId,
    /// The kind that is counted; `None`: all of them.
    pub kind: Option<CaseKind>,
    /// Its incidents.
    pub count: i64,
    /// All that are counted.
    pub of: i64,
}

impl Weighty {
    /// Its share, percent, rounded down.
    pub fn percent(&self) -> i64 {
        self.count * 100 / self.of.max(1)
    }
}

/// The campaigns that make up more than [`PERCENT`] percent of all that is counted, or of one kind; the
/// figure's text says so.
pub fn weighty(counts: &[CampaignCount]) -> Vec<Weighty> {
    let mut whole: BTreeMap<Option<CaseKind>, i64> = BTreeMap::new();
    let mut own: BTreeMap<(Option<CaseKind>, CampaignId), i64> = BTreeMap::new();
    for row in counts {
        for kind in [None, Some(row.kind.0)] {
            *whole.entry(kind).or_default() += row.count;
            if let Some(campaign) = row.campaign_id {
                *own.entry((kind, campaign.0)).or_default() += row.count;
            }
        }
    }
    let all = own.into_iter().map(|((kind, campaign), count)| Weighty {
        campaign,
        kind,
        count,
        of: whole.get(&kind).copied().unwrap_or_default(),
    });
    // One incident alone is no concentration.
    let mut all: Vec<_> = all
        .filter(|one| one.count > 1 && one.count * 100 > PERCENT * one.of)
        .collect();
    all.sort_by_key(|one| (one.kind, std::cmp::Reverse(one.count)));
    all
}

#[cfg(test)]
mod tests {
    use ledger::Text;

    use super::*;

    fn count(kind: CaseKind, campaign: Option<u8>, count: i64) -> CampaignCount {
        let now = model::time::Timestamp(1_673_222_400_000_000);
        CampaignCount {
            kind: Text(kind),
            campaign_id: campaign.map(|n| Text(CampaignId::draw(now, [n; 10]))),
            count,
        }
    }

    #[test]
    fn a_share_over_ten_percent_is_said_and_ten_is_not() {
        let told = |counts: &[CampaignCount]| {
            let all = weighty(counts);
            let told = all.iter().map(|one| (one.kind, one.count, one.percent()));
            told.collect::<Vec<_>>()
        };
        let phishing = CaseKind::Phishing;
        assert!(told(&[count(phishing, None, 90), count(phishing, Some(1), 10)]).is_empty());
        assert_eq!(
            told(&[count(phishing, None, 89), count(phishing, Some(1), 11)]),
            [(None, 11, 11), (Some(phishing), 11, 11)]
        );
        // Little of all, but half of its kind.
        let spam = CaseKind::Spam;
        assert_eq!(
            told(&[
                count(phishing, None, 96),
                count(spam, None, 2),
                count(spam, Some(2), 2)
            ]),
            [(Some(spam), 2, 50)]
        );
        // One incident in one campaign is one incident.
        assert!(told(&[count(spam, Some(2), 1)]).is_empty());
        assert!(told(&[]).is_empty());
    }
}
