//! Handled incidents by what no event says: the registrar that was asked, and the campaign they are of.

use std::collections::BTreeSet;

use model::organization::Role;

use super::Week;
use crate::Result;
use crate::change::Tally;

impl Week<'_> {
    /// How many handled incidents each registrar was asked about, by name: for the movers of handling and
    /// phishing figures, as events do not say who registered a domain.
    ///
    /// # Errors
    /// The ledger fails.
    pub async fn registrars(&self) -> Result<Tally> {
        let (start, end) = self.span();
        let rows = self.ledger.incidents_handled((start.0, end.0)).await?;
        let ids: Vec<_> = rows.iter().map(|row| row.id.0).collect();
        let asked = self.ledger.parties_asked(&ids).await?;
        let registrars = asked
            .iter()
            .filter(|party| party.role.0 == Role::Registrar)
            .filter_map(|party| Some((party.organization_id?.0, party.incident_id.0)));
        let pairs: BTreeSet<_> = registrars.collect();
        let ids: Vec<_> = pairs.iter().map(|(id, _)| *id).collect();
        let names = self.ledger.organization_names(&ids).await?;
        let mut out = Tally::new();
        for (id, _) in pairs {
            let name = names
                .get(&id)
                .map_or_else(|| id.to_string(), |(en, _)| en.clone());
            *out.entry(name).or_default() += 1;
        }
        Ok(out)
    }

    /// How many handled incidents are of each campaign, by name: what people put together is a cause that no
    /// attribute of an event shows.
    ///
    /// # Errors
    /// The ledger fails.
    pub async fn campaigns(&self) -> Result<Tally> {
        let (start, end) = self.span();
        let rows = self.ledger.incidents_handled((start.0, end.0)).await?;
        let ids: Vec<_> = rows.iter().map(|row| row.id.0).collect();
        let mut out = Tally::new();
        for (id, count) in self.ledger.campaigns_among(&ids).await? {
            // Two campaigns of one name are told apart by nothing that is printed.
            *out.entry(self.ledger.campaign(id).await?.name).or_default() += count;
        }
        Ok(out)
    }
}
