//! A complaint that waits for a person, and what the person decides about it.

use super::*;

impl Ledger {
    /// Settles a complaint that waits: it opens an incident, joins one, or is refused. Audited.
    ///
    /// # Errors
    /// [`Error::Conflict`] if it does not wait, or is to wait again, or the incident it opens was opened by somebody
    /// else meanwhile; [`Error::NotFound`] if there is none.
    pub async fn settle_complaint(
        &self,
        id: ComplaintId,
        fate: Fate,
        actor: &str,
        now: i64,
    ) -> Result<Complaint> {
        let tx = self.begin().await?;
        let found = Entity::find_by_id(Text(id)).one(&tx).await?;
        let found = found.ok_or_else(|| Error::not_found("complaint", id))?;
        let waits = found.state == ComplaintState::Waiting;
        if !waits || matches!(fate, Fate::Waits(_)) {
            let why = "only one that waits is settled, and once";
            return Err(Error::conflict(format!("complaint {id}"), why));
        }
        let (state, reason, incident) = settle(&tx, fate, actor, now).await?;
        let row = ActiveModel {
            id: Set(Text(id)),
            state: Set(state),
            reason: Set(reason.clone()),
            incident_id: Set(incident.map(Text)),
            ..Default::default()
        };
        let after = Entity::update(row).exec(&tx).await?;
        let record = NewAudit {
            actor: actor.to_owned(),
            action: "complaint.settle".to_owned(),
            object: format!("complaint {id}"),
            detail: json!({ "state": after.state, "incident": incident, "reason": reason }),
        };
        audit::append(&tx, record, now).await?;
        tx.commit().await?;
        Ok(after)
    }
}
