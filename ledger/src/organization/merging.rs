//! Two entries of one party become one.

use super::*;
use crate::directive::{self, DirectiveState};
use crate::retention::matter;
use crate::{account, incident};

/// What a merge moved.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Merged {
    /// Contacts that the one has now.
    pub contacts: u64,
    /// Contacts that it had already, and that ended.
    pub doubled: u64,
    /// Responsibilities that it has now.
    pub responsible: u64,
    /// Requests that were not over and are its now.
    pub directives: u64,
}

impl Ledger {
    /// Merges an organization into another: contacts, responsibilities and requests that are not over become the
    /// other's, and the one is not used any more. What was written to it before stays its own. All or nothing,
    /// audited.
    ///
    /// # Errors
    /// [`Error::Conflict`] if both are the same, the other is not in use, or accounts belong to the one: whose
    /// accounts they are is decided first. [`Error::NotFound`] if one of them is not there.
    pub async fn merge_organizations(
        &self,
        from: OrganizationId,
        into: OrganizationId,
        reason: &str,
        actor: &str,
        now: i64,
    ) -> Result<Merged> {
        let tx = self.begin().await?;
        let load = async |id: OrganizationId| {
            let found = Entity::find_by_id(Text(id)).one(&tx).await?;
            found.ok_or_else(|| Error::not_found("organization", id))
        };
        let (mut gone, mut kept) = (load(from).await?, load(into).await?);
        if from == into || !kept.active {
            let why = "an entry is merged into another one that is in use";
            return Err(Error::conflict(object(from), why));
        }
        let accounts = account::Entity::find()
            .filter(account::Column::Organization.eq(from.to_string()))
            .count(&tx)
            .await?;
        if accounts > 0 {
            let why =
                format!("{accounts} accounts belong to it: give them another organization first");
            return Err(Error::conflict(object(from), why));
        }
        let mut merged = Merged::default();
        let of = |id: OrganizationId| {
            contact::Entity::find()
                .filter(contact::Column::OrganizationId.eq(Text(id)))
                .filter(contact::Column::Active.eq(true))
        };
        let known = of(into).all(&tx).await?;
        for mut one in of(from).all(&tx).await? {
            let double = known
                .iter()
                .any(|own| own.channel == one.channel && own.address == one.address);
            match double {
                true => {
                    one.active = false;
                    merged.doubled += 1;
                }
                false => {
                    one.organization_id = Text(into);
                    merged.contacts += 1;
                }
            }
            one.changed_at = now;
            contact::Entity::update(contact::ActiveModel::from(one).reset_all())
                .exec(&tx)
                .await?;
        }
        let duties = |id: OrganizationId| {
            responsibility::Entity::find()
                .filter(responsibility::Column::OrganizationId.eq(Text(id)))
                .filter(responsibility::Column::Active.eq(true))
        };
        let known = duties(into).all(&tx).await?;
        for mut one in duties(from).all(&tx).await? {
            let double = known
                .iter()
                .any(|own| own.scope == one.scope && own.value == one.value);
            match double {
                true => one.active = false,
                false => {
                    one.organization_id = Text(into);
                    merged.responsible += 1;
                }
            }
            responsibility::Entity::update(responsibility::ActiveModel::from(one).reset_all())
                .exec(&tx)
                .await?;
        }
        merged.directives = directive::Entity::update_many()
            .col_expr(directive::Column::OrganizationId, Expr::value(Text(into)))
            .filter(directive::Column::OrganizationId.eq(Text(from)))
            .filter(directive::Column::State.is_in([
                DirectiveState::Planned,
                DirectiveState::Due,
                DirectiveState::Noticed,
                DirectiveState::Asked,
                DirectiveState::Answered,
            ]))
            .exec(&tx)
            .await?
            .rows_affected;
        matter::merge_party(&tx, from, into).await?;
        incident::merge_party(&tx, from, into).await?;
        let mut roles = kept.roles();
        roles.extend(gone.roles());
        roles.sort_unstable();
        roles.dedup();
        let roles: Vec<_> = roles.iter().map(ToString::to_string).collect();
        kept.roles = roles.join(" ");
        kept.protected = true;
        gone.active = false;
        gone.mark_reason = Some(format!("merged into {}: {reason}", kept.name_en));
        for mut row in [kept, gone] {
            row.changed_at = now;
            row.version += 1;
            Entity::update(ActiveModel::from(row).reset_all())
                .exec(&tx)
                .await?;
        }
        let record = NewAudit {
            actor: actor.to_owned(),
            action: "organization.merge".to_owned(),
            object: object(from),
            detail: json!({ "into": into, "merged": merged, "reason": reason }),
        };
        audit::append(&tx, record, now).await?;
        tx.commit().await?;
        Ok(merged)
    }
}
