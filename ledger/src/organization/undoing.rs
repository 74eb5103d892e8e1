//! Undoing an import: what it brought ends, what it ended holds again. Nothing is deleted, since notices
//! may rest on it, and what a person changed since stays.

use super::*;

/// What an import did, by id: enough to undo it.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Applied {
    /// Organizations it brought.
    pub organizations: Vec<OrganizationId>,
    /// Contacts it brought to organizations that were there.
    pub contacts: Vec<ContactId>,
    /// Responsibilities it brought to organizations that were there.
    pub responsible: Vec<(OrganizationId, Scope, String)>,
    /// Responsibilities it ended, by number.
    pub ended: Vec<i64>,
}

/// What undoing did.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Undone {
    /// Organizations ended.
    pub organizations: u64,
    /// Contacts ended.
    pub contacts: u64,
    /// Responsibilities ended.
    pub responsible: u64,
    /// Responsibilities that hold again.
    pub restored: u64,
    /// Names of organizations that stay because somebody changed them since.
    pub kept: Vec<String>,
}

impl Ledger {
    /// Undoes an import of `source`, all or nothing; doing it again changes nothing. Audited.
    pub async fn undo_import(
        &self,
        source: &str,
        applied: &Applied,
        actor: &str,
        now: i64,
    ) -> Result<Undone> {
        let tx = self.begin().await?;
        let mut done = Undone::default();
        for chunk in applied.organizations.chunks(bulk::LIST) {
            let ids = || chunk.iter().map(|id| Text(*id));
            let changed = Entity::find()
                .filter(Column::Id.is_in(ids()))
                .filter(Column::Version.gt(1))
                .filter(Column::Active.eq(true))
                .all(&tx)
                .await?;
            done.kept
                .extend(changed.iter().map(|row| row.name_en.clone()));
            let keep: Vec<_> = changed.iter().map(|row| row.id).collect();
            let end: Vec<_> = ids().filter(|id| !keep.contains(id)).collect();
            done.organizations += Entity::update_many()
                .col_expr(Column::Active, Expr::value(false))
                .col_expr(Column::ChangedAt, Expr::value(now))
                .filter(Column::Id.is_in(end.iter().copied()))
                .filter(Column::Active.eq(true))
                .exec(&tx)
                .await?
                .rows_affected;
            done.contacts += contact::Entity::update_many()
                .col_expr(contact::Column::Active, Expr::value(false))
                .filter(contact::Column::OrganizationId.is_in(end.iter().copied()))
                .filter(contact::Column::Active.eq(true))
                .exec(&tx)
                .await?
                .rows_affected;
            done.responsible += responsibility::Entity::update_many()
                .col_expr(responsibility::Column::Active, Expr::value(false))
                .filter(responsibility::Column::OrganizationId.is_in(end))
                .filter(responsibility::Column::Active.eq(true))
                .exec(&tx)
                .await?
                .rows_affected;
        }
        for chunk in applied.contacts.chunks(bulk::LIST) {
            done.contacts += contact::Entity::update_many()
                .col_expr(contact::Column::Active, Expr::value(false))
                .filter(contact::Column::Id.is_in(chunk.iter().map(|id| Text(*id))))
                .filter(contact::Column::Source.eq(source))
                .filter(contact::Column::Active.eq(true))
                .exec(&tx)
                .await?
                .rows_affected;
        }
        for (id, scope, value) in &applied.responsible {
            done.responsible += responsibility::Entity::update_many()
                .col_expr(responsibility::Column::Active, Expr::value(false))
                .filter(responsibility::Column::OrganizationId.eq(Text(*id)))
                .filter(responsibility::Column::Scope.eq(Text(*scope)))
                .filter(responsibility::Column::Value.eq(value.as_str()))
                .filter(responsibility::Column::Source.eq(source))
                .filter(responsibility::Column::Active.eq(true))
                .exec(&tx)
                .await?
                .rows_affected;
        }
        for chunk in applied.ended.chunks(bulk::LIST) {
            done.restored += responsibility::Entity::update_many()
                .col_expr(responsibility::Column::Active, Expr::value(true))
                .filter(responsibility::Column::Id.is_in(chunk.iter().copied()))
                .filter(responsibility::Column::Active.eq(false))
                .exec(&tx)
                .await?
                .rows_affected;
        }
        let record = NewAudit {
            actor: actor.to_owned(),
            action: "register.undo".to_owned(),
            object: "register".to_owned(),
            detail: json!({ "source": source, "undone": done }),
        };
        audit::append(&tx, record, now).await?;
        tx.commit().await?;
        Ok(done)
    }
}
