//! What a form is filled from, read from the ledger. Reading only: printing a form changes nothing and is not recorded.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use ledger::{Clock, Incident};
use model::bulletin::Lang;
use model::ids::OrganizationId;
use model::territory;
use reference::{Country, Tables};

use super::{Form, House, Matter, fill, law};
use crate::duty::StoredGrade;
use crate::{Desk, Result};

/// Names of provinces and countries, from what is built in.
static NAMES: LazyLock<Tables> = LazyLock::new(Tables::empty);

/// Province or country of an incident by its name; its code where it has none.
fn place(one: &Incident, language: Lang) -> String {
    let lang = match language {
        Lang::Zh => territory::Lang::Zh,
        Lang::En => territory::Lang::En,
    };
    let (name, code) = match (one.province.as_deref(), one.country.as_deref()) {
        (Some(code), _) => {
            let found = code.parse().ok();
            (found.and_then(|own| NAMES.province_name(own, lang)), code)
        }
        (None, Some(code)) => {
            let found = Country::new(code);
            (found.and_then(|own| NAMES.country_name(own, lang)), code)
        }
        (None, None) => return String::new(),
    };
    name.unwrap_or(code).to_owned()
}

impl Desk {
    /// The form of a duty of a law, filled from an incident that the caller loaded within reach, and from the clock of
    /// the duty, if one ran.
    ///
    /// # Errors
    /// There is no such law or duty, or no form of it; or the ledger fails.
    pub async fn form(
        &self,
        incident: &Incident,
        clock: Option<&Clock>,
        (law_id, duty): (&str, &str),
        house: &House<'_>,
        language: Lang,
    ) -> Result<Form> {
        let law = law(law_id)?;
        let id = incident.incident_id();
        let directives = self.ledger.directives(id).await?;
        let notices = self.ledger.notices_about(id).await?;
        let looks = self.ledger.verifications(id).await?;
        let owner = incident.owner.as_deref().and_then(|id| id.parse().ok());
        let parties = directives
            .iter()
            .filter_map(|one| one.organization_id.map(|id| id.0));
        let named: BTreeSet<OrganizationId> = parties.chain(owner).collect();
        let named: Vec<_> = named.into_iter().collect();
        let organizations = self.ledger.organizations_of(&named).await?;
        let grade = StoredGrade::of(incident);
        let place = place(incident, language);
        let matter = Matter {
            incident,
            clock,
            grade: grade.as_ref(),
            directives: &directives,
            notices: &notices,
            looks: &looks,
            organizations: &organizations,
            place: &place,
        };
        fill(law, duty, &matter, house, language)
    }
}
