//! Handing over: an incident gets an owner, a branch that works it from then on, or comes back to the centre.
//!
//! `owner` is the text of an organization's id; it is what `account.organization` is compared with
//! ([`Reach::Owner`]). Asking a branch by a notice hands nothing over: a lead does, and a lead takes back.

use model::ids::OrganizationId;
use model::newsroom::Right;
use model::organization::Role;

use super::*;
use crate::account::Actor;
use crate::organization;

/// The id of an incident by its number, inside a transaction.
pub(crate) async fn numbered<C: ConnectionTrait>(
    db: &C,
    number: i64,
    reach: &Reach,
) -> Result<IncidentId> {
    let found = Entity::find()
        .filter(Column::Number.eq(number))
        .filter(reach.condition())
        .one(db)
        .await?;
    found
        .map(|row| row.id.0)
        .ok_or_else(|| Error::not_found("incident", number))
}

/// Writes a note on an incident inside a transaction. Audited.
pub(crate) async fn write_note<C: ConnectionTrait>(
    db: &C,
    id: IncidentId,
    body: &str,
    actor: &str,
    now: i64,
) -> Result<()> {
    let row = note::ActiveModel {
        id: NotSet,
        incident_id: Set(Text(id)),
        at: Set(now),
        actor: Set(actor.to_owned()),
        body: Set(without_nul(body).into_owned()),
    };
    note::Entity::insert(row).exec_without_returning(db).await?;
    let record = NewAudit {
        actor: actor.to_owned(),
        action: "incident.note".to_owned(),
        object: object(id),
        detail: json!({ "length": body.chars().count() }),
    };
    audit::append(db, record, now).await
}

impl Ledger {
    /// Hands an incident over to a branch, or takes it back to the centre (`None`). Only the centre hands
    /// over; a branch's lead may give back. Audited, with a note.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such incident within `reach`, or no such organization;
    /// [`Error::Conflict`] if the organization is no branch in use, the incident is not live or is there
    /// already, or the reason is empty.
    pub async fn hand_over(
        &self,
        by: &Actor,
        (number, reach): (i64, &Reach),
        to: Option<OrganizationId>,
        reason: &str,
        now: i64,
    ) -> Result<Incident> {
        by.must(Right::Lead)?;
        let tx = self.begin().await?;
        let id = numbered(&tx, number, reach).await?;
        let mut row = load(&tx, id, reach).await?;
        let conflict = |why: String| Err(Error::conflict(format!("incident #{number}"), why));
        if reason.trim().is_empty() {
            return conflict("needs a reason to change hands".to_owned());
        }
        if !row.state.0.is_live() {
            return conflict(format!("is {}: only live ones change hands", row.state));
        }
        let owner = match to {
            None => None,
            Some(to) => {
                if *reach != Reach::All {
                    return conflict("is handed to another branch by the centre only".to_owned());
                }
                let found = organization::Entity::find_by_id(Text(to)).one(&tx).await?;
                let branch = found.ok_or_else(|| Error::not_found("organization", to))?;
                if !branch.active || !branch.has(Role::ProvincialBranch) {
                    return conflict(format!("{} is no branch in use", branch.name_en));
                }
                Some(to.to_string())
            }
        };
        if row.owner == owner {
            return conflict("is there already".to_owned());
        }
        let before = std::mem::replace(&mut row.owner, owner);
        row.changed_at = now;
        row.version += 1;
        Entity::update_many()
            .set(changed(&row))
            .filter(Column::Id.eq(Text(id)))
            .exec(&tx)
            .await?;
        let record = NewAudit {
            actor: by.login().to_owned(),
            action: match row.owner {
                Some(_) => "incident.hand-over",
                None => "incident.take-back",
            }
            .to_owned(),
            object: object(id),
            detail: json!({ "from": before, "to": row.owner, "reason": reason }),
        };
        audit::append(&tx, record, now).await?;
        matter::reach_owner(&tx, id, row.owner.as_deref(), (by.login(), now)).await?;
        let note = match &row.owner {
            Some(owner) => format!("handed over to {owner}: {reason}"),
            None => format!("taken back by the centre: {reason}"),
        };
        write_note(&tx, id, &note, by.login(), now).await?;
        tx.commit().await?;
        Ok(row)
    }
}
