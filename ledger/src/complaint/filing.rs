//! Complaints of the public form: stored at once with the receipt that was shown, read by a job as mail is, and
//! decided by a person where the job could not.

use std::collections::HashMap;

use model::incident::IncidentState;
use model::outside::Stage;

use super::*;
use crate::submitted::{self, NewSubmitted, With};

/// Kind of the job that decides what becomes of a complaint of the form; its key is the complaint's id.
pub const READ_COMPLAINT: &str = "read-complaint";

/// The road of complaints of the form.
pub const FORM: &str = "form";

/// Why a complaint waits that nobody looked at.
const UNREAD: &str = "not looked at yet";

impl Ledger {
    /// Stores a complaint whose reporter saw its receipt, with the files that came with it, and asks for it
    /// to be read, all or nothing. `language` is `zh` or `en`. Audited. Returns its number. A receipt that is there
    /// already changes nothing and gives the number it has: a public node hands over what it took at least once.
    pub async fn file_complaint(
        &self,
        new: NewComplaint,
        language: &str,
        files: Vec<NewSubmitted>,
        actor: &str,
        now: i64,
    ) -> Result<i64> {
        let tx = self.begin().await?;
        let known = Entity::find().filter(Column::Receipt.eq(new.receipt.as_str()));
        if let Some(known) = known.one(&tx).await? {
            return Ok(known.number);
        }
        let number = counter::next(&tx, counter::COMPLAINT).await?;
        let id = new.id;
        let record = NewAudit {
            actor: actor.to_owned(),
            action: "complaint.add".to_owned(),
            object: format!("complaint {id}"),
            detail: json!({ "via": new.via, "kind": new.kind, "files": files.len() }),
        };
        let fate = (ComplaintState::Waiting, Some(UNREAD.to_owned()), None);
        let mut row = row_of(new, number, fate);
        row.language = Set(Some(language.to_owned()));
        // The page showed it: no mail need tell it.
        row.receipt_at = Set(Some(now));
        Entity::insert(row).exec_without_returning(&tx).await?;
        submitted::add(&tx, With::Complaint(id), files, now).await?;
        let read = crate::NewJob {
            kind: READ_COMPLAINT.to_owned(),
            key: id.to_string(),
            payload: "{}".to_owned(),
            run_at: 0,
        };
        job::enqueue(&tx, read, now).await?;
        audit::append(&tx, record, now).await?;
        tx.commit().await?;
        Ok(number)
    }

    /// Decides what becomes of a complaint that waits. Audited.
    ///
    /// # Errors
    /// [`Error::NotFound`] without the complaint or the incident it joins, [`Error::Conflict`] if it does
    /// not wait, or the incident it opens was opened by somebody else meanwhile.
    pub async fn decide_complaint(
        &self,
        id: ComplaintId,
        fate: Fate,
        actor: &str,
        now: i64,
    ) -> Result<Complaint> {
        let tx = self.begin().await?;
        let object = format!("complaint {id}");
        let found = Entity::find_by_id(Text(id)).one(&tx).await?;
        let mut complaint = found.ok_or_else(|| Error::not_found("complaint", id))?;
        if complaint.state != ComplaintState::Waiting {
            return Err(Error::conflict(object, "was decided already"));
        }
        if let Fate::Joins(into) = &fate {
            incident::load(&tx, *into, &crate::Reach::All).await?;
        }
        let (state, reason, incident) = settle(&tx, fate, actor, now).await?;
        complaint.state = state;
        complaint.reason = reason;
        complaint.incident_id = incident.map(Text);
        complaint.decided_at = (state != ComplaintState::Waiting).then_some(now);
        let row = ActiveModel {
            id: Set(complaint.id),
            state: Set(state),
            reason: Set(complaint.reason.clone()),
            incident_id: Set(complaint.incident_id),
            decided_at: Set(complaint.decided_at),
            ..Default::default()
        };
        Entity::update(row).exec(&tx).await?;
        let record = NewAudit {
            actor: actor.to_owned(),
            action: "complaint.decide".to_owned(),
            object,
            detail: json!({ "state": state, "incident": incident, "reason": complaint.reason }),
        };
        audit::append(&tx, record, now).await?;
        tx.commit().await?;
        Ok(complaint)
    }

    /// A complaint by its number.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none.
    pub async fn complaint_numbered(&self, number: i64) -> Result<Complaint> {
        Entity::find()
            .filter(Column::Number.eq(number))
            .one(self.reader())
            .await?
            .ok_or_else(|| Error::not_found("complaint", number))
    }

    /// How many complaints came by the form since an instant: all of them, or those that left an address.
    pub async fn form_complaints_since(&self, since: i64, address: Option<&str>) -> Result<u64> {
        let mut select = Entity::find()
            .filter(Column::Via.eq(FORM))
            .filter(Column::ReceivedAt.gte(since));
        if let Some(address) = address {
            select = select.filter(Column::Reporter.eq(address));
        }
        Ok(select.count(self.writer()?).await?)
    }

    /// What the holder of a receipt may know, as it stood at `by` (microseconds UTC), which lies well in
    /// the past: a stage, and nothing else. `None`: there is no such receipt.
    pub async fn stage_of(&self, receipt: &str, by: i64) -> Result<Option<Stage>> {
        let Some(complaint) = self.complaint_of(receipt).await? else {
            return Ok(None);
        };
        let Some(incident) = complaint.incident_id else {
            return Ok(Some(stage(&complaint, None, by)));
        };
        let mut incident = self.incident(incident.0, &crate::Reach::All).await?;
        // What became part of another ends with it.
        if let Some(whole) = incident.merged_into {
            incident = self.incident(whole.0, &crate::Reach::All).await?;
        }
        Ok(Some(stage(&complaint, Some(&incident), by)))
    }

    /// [`Ledger::stage_of`] of every receipt of the form that was given since an instant: what a public node
    /// may show.
    pub async fn stages_since(&self, since: i64, by: i64) -> Result<Vec<(String, Stage)>> {
        let complaints = Entity::find()
            .filter(Column::Via.eq(FORM))
            .filter(Column::ReceivedAt.gte(since))
            .order_by_asc(Column::Number)
            .all(self.reader())
            .await?;
        let mut incidents = HashMap::new();
        let mut wanted: Vec<IncidentId> = complaints
            .iter()
            .filter_map(|complaint| Some(complaint.incident_id?.0))
            .collect();
        // Twice: those that they became part of are looked up after them.
        for _ in 0..2 {
            wanted.sort_unstable();
            wanted.dedup();
            let mut wholes = Vec::new();
            for ids in wanted.chunks(crate::bulk::LIST) {
                let ids = ids.iter().map(|id| Text(*id));
                let found = incident::Entity::find().filter(incident::Column::Id.is_in(ids));
                for one in found.all(self.reader()).await? {
                    wholes.extend(one.merged_into.map(|whole| whole.0));
                    incidents.insert(one.incident_id(), one);
                }
            }
            wholes.retain(|id| !incidents.contains_key(id));
            wanted = wholes;
        }
        let stage_of = |complaint: &Complaint| {
            let own = complaint.incident_id.and_then(|id| incidents.get(&id.0));
            let whole = own.and_then(|own| incidents.get(&own.merged_into?.0));
            stage(complaint, whole.or(own), by)
        };
        Ok(complaints
            .iter()
            .map(|complaint| (complaint.receipt.clone(), stage_of(complaint)))
            .collect())
    }
}

/// What the holder of a complaint's receipt may know, as it stood at `by`; `incident` is the one it belongs to, or
/// the whole that one became part of.
fn stage(complaint: &Complaint, incident: Option<&incident::Incident>, by: i64) -> Stage {
    let before = |at: Option<i64>| at.is_some_and(|at| at <= by);
    let Some(incident) = incident else {
        let over = complaint.state == ComplaintState::Refused
            && before(complaint.decided_at.or(Some(complaint.received_at)));
        return if over { Stage::Closed } else { Stage::Received };
    };
    let closed = incident.state.0 == IncidentState::Closed && before(incident.closed_at);
    let handled = before(incident.validated_at) && before(Some(complaint.received_at));
    match (closed, handled) {
        (true, _) => Stage::Closed,
        (false, true) => Stage::Handling,
        (false, false) => Stage::Received,
    }
}
