//! The outbox as people go through it: found by state, party and words; counted by address; held back, or taken out
//! of it.

use sea_orm::QueryTrait;

use super::*;

/// Which notices. Everything that is empty does not filter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NoticeFilter {
    /// In one of these states.
    pub states: Vec<NoticeState>,
    /// To this organization.
    pub organization: Option<OrganizationId>,
    /// Whose subject or address holds this text, or whose number it is.
    pub text: Option<String>,
    /// Older than the one of this number: the last of the page before.
    pub before: Option<i64>,
}

impl NoticeFilter {
    fn condition(&self) -> Condition {
        let mut all = Condition::all();
        if !self.states.is_empty() {
            all = all.add(Column::State.is_in(self.states.iter().map(|state| Text(*state))));
        }
        if let Some(to) = self.organization {
            all = all.add(Column::OrganizationId.eq(Text(to)));
        }
        if let Some(text) = &self.text {
            let mut any = Condition::any()
                .add(Column::Subject.contains(text.as_str()))
                .add(Column::Address.contains(text.as_str()));
            if let Ok(number) = text.trim_start_matches('#').parse::<i64>() {
                any = any.add(Column::Number.eq(number));
            }
            all = all.add(any);
        }
        if let Some(before) = self.before {
            all = all.add(Column::Number.lt(before));
        }
        all
    }
}

impl Ledger {
    /// Notices that a filter lets through, the newest first, at most `limit`.
    pub async fn outbox(&self, filter: &NoticeFilter, limit: u64) -> Result<Vec<Notice>> {
        Ok(Entity::find()
            .filter(filter.condition())
            .order_by_desc(Column::Number)
            .limit(limit)
            .all(self.reader())
            .await?)
    }

    /// How many notices came back and what they asked for is still asked of nobody.
    pub async fn notices_come_back(&self) -> Result<u64> {
        let back = Entity::find()
            .select_only()
            .column(Column::Id)
            .filter(Column::State.eq(Text(NoticeState::Bounced)))
            .into_query();
        let open = directive::Entity::find()
            .select_only()
            .column(directive::Column::Id)
            .filter(
                directive::Column::State.is_in([DirectiveState::Due, DirectiveState::NoContact]),
            )
            .into_query();
        let ids: Vec<Text<NoticeId>> = covers::Entity::find()
            .select_only()
            .column(covers::Column::NoticeId)
            .distinct()
            .filter(covers::Column::NoticeId.in_subquery(back))
            .filter(covers::Column::DirectiveId.in_subquery(open))
            .into_tuple()
            .all(self.reader())
            .await?;
        Ok(ids.len() as u64)
    }

    /// Whether an automatic receipt was written to an address since an instant.
    pub async fn told_since(&self, address: &str, since: i64) -> Result<bool> {
        let found = Entity::find()
            .filter(Column::Address.eq(address))
            .filter(Column::Kind.eq(Text(NoticeKind::Receipt)))
            .filter(Column::CreatedAt.gte(since))
            .limit(1)
            .one(self.writer()?)
            .await?;
        Ok(found.is_some())
    }

    /// How many notices of a kind were written to an address since an instant.
    pub async fn mails_since(&self, address: &str, kind: NoticeKind, since: i64) -> Result<u64> {
        let select = Entity::find()
            .filter(Column::Address.eq(address))
            .filter(Column::Kind.eq(Text(kind)))
            .filter(Column::CreatedAt.gte(since));
        Ok(select.count(self.writer()?).await?)
    }

    /// Holds a notice back that waits to be sent: a person lets it go again, or not. Audited.
    ///
    /// # Errors
    /// [`Error::Conflict`] unless it is ready; [`Error::NotFound`] if there is none.
    pub async fn hold_notice(
        &self,
        id: NoticeId,
        reason: &str,
        actor: &str,
        now: i64,
    ) -> Result<Notice> {
        let tx = self.begin().await?;
        let notice = load(&tx, id).await?;
        let done = Entity::update_many()
            .col_expr(Column::State, Expr::value(Text(NoticeState::Held)))
            .col_expr(
                Column::HoldReason,
                Expr::value(without_nul(reason).into_owned()),
            )
            .filter(Column::Id.eq(Text(id)))
            // A process may be taking it at this moment.
            .filter(Column::State.eq(Text(NoticeState::Ready)))
            .exec(&tx)
            .await?;
        if done.rows_affected == 0 {
            let why = format!("is {}, only a ready one can be held", notice.state);
            return Err(Error::conflict(object(id), why));
        }
        let record = NewAudit {
            actor: actor.to_owned(),
            action: "notice.hold".to_owned(),
            object: object(id),
            detail: json!({ "reason": reason }),
        };
        audit::append(&tx, record, now).await?;
        let notice = load(&tx, id).await?;
        tx.commit().await?;
        Ok(notice)
    }

    /// Takes a notice out of the outbox that did not go out: held, ready, to be done by hand, or failed. What
    /// it was about is due again. Audited.
    ///
    /// # Errors
    /// [`Error::Conflict`] if it went out or is on its way; [`Error::NotFound`] if there is none.
    pub async fn drop_notice(
        &self,
        id: NoticeId,
        reason: &str,
        actor: &str,
        now: i64,
    ) -> Result<Notice> {
        let tx = self.begin().await?;
        let notice = load(&tx, id).await?;
        let from = notice.state.0;
        let refused = || {
            let why = format!("is {from} and cannot be dropped");
            Err(Error::conflict(object(id), why))
        };
        if !from.may_become(NoticeState::Cancelled) {
            return refused();
        }
        let done = Entity::update_many()
            .col_expr(Column::State, Expr::value(Text(NoticeState::Cancelled)))
            .col_expr(
                Column::Outcome,
                Expr::value(without_nul(reason).into_owned()),
            )
            .filter(Column::Id.eq(Text(id)))
            .filter(Column::State.eq(Text(from)))
            .exec(&tx)
            .await?;
        if done.rows_affected == 0 {
            return refused();
        }
        redo(&tx, id).await?;
        let record = NewAudit {
            actor: actor.to_owned(),
            action: "notice.cancel".to_owned(),
            object: object(id),
            detail: json!({ "from": from, "reason": reason }),
        };
        audit::append(&tx, record, now).await?;
        let notice = load(&tx, id).await?;
        tx.commit().await?;
        Ok(notice)
    }
}
