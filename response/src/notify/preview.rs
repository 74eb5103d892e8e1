//! What would leave to a party about an incident, in all its parts: nothing is stored, nothing leaves.

use super::*;

/// A file that goes with a letter.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Part {
    /// Its name.
    pub name: String,
    /// MIME type.
    pub media_type: &'static str,
    /// Its size.
    pub bytes: usize,
}

/// A letter as it would go out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preview {
    /// To whom.
    pub organization: OrganizationId,
    /// To which address.
    pub address: String,
    /// How.
    pub channel: Channel,
    /// Where the contact was found.
    pub rung: model::organization::Rung,
    /// Its language, `zh` or `en`.
    pub language: &'static str,
    /// How far the party may pass it on.
    pub tlp: Tlp,
    /// Its subject.
    pub subject: String,
    /// The letter.
    pub text: String,
    /// Rows of its table.
    pub rows: usize,
    /// The files that go with it.
    pub attachments: Vec<Part>,
    /// Numbers of the evidence that it offers.
    pub evidence: Vec<String>,
    /// Why it would wait for a person; empty: it would go out.
    pub held: Vec<String>,
}

/// What there is to say of a directive that is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Foreseen {
    /// The letter.
    Letter(Box<Preview>),
    /// The marking keeps it from the party.
    Withheld(Withheld),
    /// No letter can be written, for this reason.
    Problem(String),
}

impl Desk {
    /// The letter that would go to a party about an incident, or why none does: nothing is stored, nothing leaves.
    ///
    /// # Errors
    /// The ledger or the lake fails.
    pub async fn preview_notice(
        &self,
        house: &House,
        parties: &Parties,
        incident: &Incident,
        directive: &Directive,
    ) -> Result<Foreseen> {
        let organization = directive.organization_id.map(|id| id.0);
        let party = organization.and_then(|id| parties.get(id));
        let (Some(organization), Some(party)) = (organization, party) else {
            let why = "nobody is known who could be asked";
            return Ok(Foreseen::Problem(why.to_owned()));
        };
        let markings = self
            .markings(house, parties, &[incident.incident_id()])
            .await?;
        if let Some(kept) = markings.withheld(incident, organization, (self.clock)()) {
            return Ok(Foreseen::Withheld(kept));
        }
        let problem = |why: &dyn std::fmt::Display| {
            Ok(Foreseen::Problem(format!("{}: {why}", party.name_en)))
        };
        let Some(contact) = parties.reachable(organization).next() else {
            return problem(&"no contact may be used");
        };
        let kind = match (directive.asked_at, directive.place) {
            (Some(_), _) => NoticeKind::OtherContact,
            (None, 1) => NoticeKind::First,
            (None, _) => NoticeKind::SecondParty,
        };
        let batch = Batch {
            directives: vec![directive.clone()],
            kind,
        };
        let incidents = [incident.clone()];
        let held = self.holds(house, organization, contact, &incidents).await?;
        let draft = self
            .draft(house, party, contact, &batch, &incidents)
            .await?;
        let look = look(party, contact);
        let composed = match notice::compose(&draft, &look) {
            Ok(composed) => composed,
            Err(error) => return problem(&error),
        };
        let mut attachments: Vec<Part> = composed
            .attachments
            .iter()
            .map(|one| Part {
                name: one.name.clone(),
                media_type: one.mime,
                bytes: one.bytes.len(),
            })
            .collect();
        // An ARF report has no name: it is the mail itself.
        if let Some(feedback) = &composed.feedback {
            attachments.push(Part {
                name: "feedback-report".to_owned(),
                media_type: "message/feedback-report",
                bytes: feedback.report.len(),
            });
            attachments.extend(feedback.original.as_ref().map(|mail| Part {
                name: "reported mail".to_owned(),
                media_type: "message/rfc822",
                bytes: mail.len(),
            }));
        }
        let evidence = draft.items.iter().flat_map(|item| item.evidence.clone());
        Ok(Foreseen::Letter(Box::new(Preview {
            organization,
            address: contact.address.clone(),
            channel: contact.channel.0,
            rung: contact.rung.0,
            language: language(party, contact).0,
            tlp: composed.tlp,
            subject: composed.subject,
            text: composed.text,
            rows: draft.items.len(),
            attachments,
            evidence: evidence.collect(),
            held,
        })))
    }
}
