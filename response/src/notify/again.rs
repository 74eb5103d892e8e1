//! Writing a notice again, to a contact that a person chose: the one it went to bounced, or is the wrong one.
//!
//! A letter is composed for who gets it (address, language, attachment, key), so that nothing is re-addressed: the
//! old notice is dropped unless it came back already, and what it asked for is asked by a new one.

use ledger::{DirectiveState, NewAudit, Notice};
use model::ids::ContactId;
use serde_json::json;

use super::*;
use crate::Error;

impl Desk {
    /// Writes what a notice asked for to another contact of the same party; the new notice. A notice that waits
    /// (held, ready, by hand) or failed is dropped for it.
    ///
    /// # Errors
    /// The notice went out or asks for nothing, the contact may not be used, something that it is about may not leave
    /// to the party now, or what it asked for is over or asked by another notice; the ledger fails.
    pub async fn write_again(
        &self,
        house: &House,
        parties: &Parties,
        id: NoticeId,
        contact: ContactId,
        (reason, actor): (&str, &str),
    ) -> Result<Notice> {
        let old = self.ledger.notice(id).await?;
        let object = format!("notice #{}", old.number);
        let refuse = |why: &str| Err(Error::refused(&object, why));
        if !old.kind.0.asks() {
            return refuse("asks no party for anything: it cannot be written to another contact");
        }
        let organization = old.organization_id.0;
        let to = self.ledger.contact(contact).await?;
        if to.organization_id.0 != organization || !to.active || to.opted_out {
            return refuse(
                "the contact is not the party's, not in use, or asked not to be written to",
            );
        }
        let came_back = old.state.0 == NoticeState::Bounced;
        if !came_back && !old.state.0.may_become(NoticeState::Cancelled) {
            return refuse("it went out, or is on its way");
        }
        if !parties.get(organization).is_some_and(|one| one.may_contact) {
            return refuse("the party is marked as not to be written to");
        }
        let about = self.ledger.notice_directives(id).await?;
        let about: Vec<IncidentId> = about.iter().map(|one| one.incident_id.0).collect();
        let markings = self.markings(house, parties, &about).await?;
        let now = (self.clock)();
        for about in about {
            let incident = self.ledger.incident(about, &Reach::All).await?;
            if let Some(kept) = markings.withheld(&incident, organization, now) {
                return refuse(&format!("#{}: {}", kept.incident, kept.reason));
            }
        }
        let now = now.0;
        match came_back {
            false => {
                self.ledger.drop_notice(id, reason, actor, now).await?;
            }
            true => {
                let record = NewAudit {
                    actor: actor.to_owned(),
                    action: "notice.again".to_owned(),
                    object: format!("notice {id}"),
                    detail: json!({ "contact": contact, "reason": reason }),
                };
                self.ledger.append_audit(record, now).await?;
            }
        }
        let directives = self.due_again(id, now, actor).await?;
        let Some(first) = directives.first() else {
            return refuse("what it asked for is over, or another notice asks for it");
        };
        let incident = first.incident_id.0;
        let asked = directives.iter().any(|one| one.asked_at.is_some());
        let kind = match (asked, first.place) {
            (true, _) => NoticeKind::OtherContact,
            (false, 1) => NoticeKind::First,
            (false, _) => NoticeKind::SecondParty,
        };
        let mut told = WrittenNotices::default();
        let batch = Batch { directives, kind };
        self.write_batch(house, parties, organization, &to, batch, &mut told)
            .await?;
        if let Some(problem) = told.problems.first() {
            return refuse(problem);
        }
        let written = self.ledger.notices_about(incident).await?;
        written
            .into_iter()
            .rfind(|one| one.contact_id.map(|id| id.0) == Some(contact))
            .ok_or_else(|| Error::refused(&object, "the new notice is not there"))
    }

    /// Directives of a notice that are to be asked anew; one for which nobody was left is due again.
    async fn due_again(&self, id: NoticeId, now: i64, actor: &str) -> Result<Vec<Directive>> {
        let mut due = Vec::new();
        for covered in self.ledger.notice_directives(id).await? {
            let incident = covered.incident_id.0;
            let incident = self.ledger.incident(incident, &Reach::All).await?;
            if !incident.state.0.is_live() || incident.gone_at.is_some() {
                continue;
            }
            let directive = self.ledger.directive(covered.directive_id.0).await?;
            match directive.state {
                DirectiveState::Due => due.push(directive),
                DirectiveState::NoContact => {
                    let what = json!({ "due": "written again to a contact that a person chose" });
                    let again = |row: &mut Directive| row.state = DirectiveState::Due;
                    let edited =
                        self.ledger
                            .edit_directive(directive.id.0, what, again, actor, now);
                    due.push(edited.await?);
                }
                _ => {}
            }
        }
        Ok(due)
    }
}
