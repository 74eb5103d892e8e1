//! What the markings of incidents let out: a notice leaves only while everything that it is about may leave to its
//! party. One that may not is taken back, and what it asked for is due again: it is written anew, without what is kept
//! back, and goes on by itself when that may leave.

use model::marking::{Marking, To, Why};
use model::time::Timestamp;

use super::*;
use crate::incident::{marking_of, withheld};

/// What keeps the first of these incidents that may not leave to a party now.
async fn kept<C: ConnectionTrait>(
    db: &C,
    about: &[IncidentId],
    party: OrganizationId,
    now: i64,
) -> Result<Option<Why>> {
    for chunk in about.chunks(bulk::LIST) {
        let own = incident::Column::Id.is_in(chunk.iter().map(|id| Text(*id)));
        let own = Condition::all().add(own);
        let Some(id) = withheld(db, own, party, now).await?.first().copied() else {
            continue;
        };
        let incident = incident::load(db, id, &Reach::All).await?;
        let marking = marking_of(db, &incident).await?;
        return Ok(marking.may_leave(To::Party(party), Timestamp(now)).err());
    }
    Ok(None)
}

/// Why a notice may not leave to its party now.
async fn kept_back<C: ConnectionTrait>(db: &C, notice: &Notice, now: i64) -> Result<Option<Why>> {
    let about = covered(db, notice.id.0).await?;
    let about: Vec<IncidentId> = about.into_iter().map(|row| row.incident_id.0).collect();
    kept(db, &about, notice.organization_id.0, now).await
}

/// Of new notices those about what may leave to their parties now.
pub(super) async fn leaving<C: ConnectionTrait>(
    db: &C,
    all: Vec<NewNotice>,
    now: i64,
) -> Result<Vec<NewNotice>> {
    let mut leaving = Vec::with_capacity(all.len());
    for new in all {
        let about: Vec<IncidentId> = new.covers.iter().map(|(_, id)| *id).collect();
        if kept(db, &about, new.organization, now).await?.is_none() {
            leaving.push(new);
        }
    }
    Ok(leaving)
}

/// Refuses to let a notice go that may not leave.
pub(super) async fn leaves<C: ConnectionTrait>(db: &C, notice: &Notice, now: i64) -> Result<()> {
    match kept_back(db, notice, now).await? {
        None => Ok(()),
        Some(why) => Err(Error::conflict(object(notice.id.0), why.to_string())),
    }
}

/// A reminder that was taken back is written again, if its time still runs.
async fn unremind<C: ConnectionTrait>(db: &C, notice: &Notice) -> Result<()> {
    if notice.kind.0 != NoticeKind::Reminder {
        return Ok(());
    }
    let ids: Vec<_> = covered(db, notice.id.0)
        .await?
        .into_iter()
        .map(|row| row.directive_id)
        .collect();
    for chunk in ids.chunks(bulk::LIST) {
        directive::Entity::update_many()
            .col_expr(directive::Column::RemindedAt, Expr::value(None::<i64>))
            .filter(directive::Column::Id.is_in(chunk.iter().copied()))
            .filter(
                directive::Column::State.is_in([DirectiveState::Asked, DirectiveState::Answered]),
            )
            .exec(db)
            .await?;
    }
    Ok(())
}

/// Takes notices about an incident out of the outbox that its marking keeps from their party now; with `stale` all of
/// them, because they bear its old TLP. Their numbers. Inside a transaction, audited each.
pub(crate) async fn take_back<C: ConnectionTrait>(
    db: &C,
    about: IncidentId,
    (marking, stale): (&Marking, bool),
    (actor, now): (&str, i64),
) -> Result<Vec<i64>> {
    let rows = covers::Entity::find()
        .filter(covers::Column::IncidentId.eq(Text(about)))
        .all(db)
        .await?;
    let ids: BTreeSet<_> = rows.into_iter().map(|row| row.notice_id).collect();
    let waiting = [NoticeState::Held, NoticeState::Ready, NoticeState::Task];
    let found = Entity::find()
        .filter(Column::Id.is_in(ids))
        .filter(Column::State.is_in(waiting.map(Text)))
        .order_by_asc(Column::Number)
        .all(db)
        .await?;
    let mut back = Vec::new();
    for mut notice in found {
        let to = To::Party(notice.organization_id.0);
        let why = match marking.may_leave(to, Timestamp(now)) {
            Err(why) => why.to_string(),
            Ok(()) if stale => "its TLP was changed".to_owned(),
            Ok(()) => continue,
        };
        let (id, from) = (notice.id.0, notice.state.0);
        notice.state = Text(NoticeState::Cancelled);
        notice.outcome = Some(why.clone());
        store(db, &notice).await?;
        redo(db, id).await?;
        unremind(db, &notice).await?;
        let record = NewAudit {
            actor: actor.to_owned(),
            action: "notice.cancel".to_owned(),
            object: object(id),
            detail: json!({ "from": from, "reason": why }),
        };
        audit::append(db, record, now).await?;
        back.push(notice.number);
    }
    Ok(back)
}

impl Ledger {
    /// Asked before the first byte of a notice that was taken for sending: if something that it is about may not
    /// leave to its party, it is taken back, what it asked for is due again, and the reason is returned. Audited.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none; [`Error::Conflict`] if it is not being sent.
    pub async fn keep_back(&self, id: NoticeId, actor: &str, now: i64) -> Result<Option<Why>> {
        let notice = self.notice(id).await?;
        if kept_back(self.reader(), &notice, now).await?.is_none() {
            return Ok(None);
        }
        let tx = self.begin().await?;
        let notice = load(&tx, id).await?;
        // Read again in the turn: it may be let go by now.
        let Some(why) = kept_back(&tx, &notice, now).await? else {
            return Ok(None);
        };
        for to in [NoticeState::Ready, NoticeState::Cancelled] {
            let back = Move {
                to,
                reply: why.to_string(),
                next_at: None,
            };
            moved(&tx, id, back, actor, now).await?;
        }
        unremind(&tx, &notice).await?;
        tx.commit().await?;
        Ok(Some(why))
    }
}
