//! Handled incidents by what no event says: the registrar that was asked, and the campaign they are of.

use std::collections::BTreeSet;

use model::organization::Role;

use super::Week;
use crate::Result;
use crate::change::{Handled, Tally};

impl Week<'_> {
    /// How many handled incidents each registrar was asked about and each campaign has, by name: for the movers of
    /// handling and phishing figures, as events say neither.
    ///
    /// # Errors
    /// The ledger fails.
    pub async fn handled(&self) -> Result<Handled> {
        let (start, end) = self.span();
        let rows = self.ledger.incidents_handled((start.0, end.0)).await?;
        let ids: Vec<_> = rows.iter().map(|row| row.id.0).collect();
        let asked = self.ledger.parties_asked(&ids).await?;
        let registrars = asked
            .iter()
            .filter(|party| party.role.0 == Role::Registrar)
            .filter_map(|party| Some((party.organization_id?.0, party.incident_id.0)));
        let pairs: BTreeSet<_> = registrars.collect();
        let parties: Vec<_> = pairs.iter().map(|(id, _)| *id).collect();
        let names = self.ledger.organization_names(&parties).await?;
        let mut registrars = Tally::new();
        for (id, _) in pairs {
            let name = names
                .get(&id)
                .map_or_else(|| id.to_string(), |(en, _)| en.clone());
            *registrars.entry(name).or_default() += 1;
        }
        let mut campaigns = Tally::new();
        for (id, count) in self.ledger.campaigns_among(&ids).await? {
            // Two campaigns of one name are told apart by nothing that is printed.
            *campaigns
                .entry(self.ledger.campaign(id).await?.name)
                .or_default() += count;
        }
        Ok(Handled {
            registrars,
            campaigns,
        })
    }
}
