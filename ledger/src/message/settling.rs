//! What a person decides about a mail that the machine could not settle.

use sea_orm::Condition;
use serde_json::json;

use super::*;
use crate::audit::{self, NewAudit};

/// Which messages. Everything that is empty does not filter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MessageFilter {
    /// In this state.
    pub state: Option<MessageState>,
    /// Whose sender or subject holds this text.
    pub text: Option<String>,
    /// After this one in the order of the list: receipt and id of the last of the page before.
    pub after: Option<(i64, String)>,
}

/// What a person decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// Where the message stands now.
    pub state: MessageState,
    /// What it is, where the person says so.
    pub nature: Option<String>,
    /// What came of it, in words.
    pub reason: String,
    /// The notice it answers; `None` leaves what is known.
    pub notice: Option<NoticeId>,
    /// The incident it belongs to; `None` leaves what is known.
    pub incident: Option<IncidentId>,
}

impl Ledger {
    /// Messages that a filter lets through, the newest first, at most `limit`.
    pub async fn inbox(&self, filter: &MessageFilter, limit: u64) -> Result<Vec<Message>> {
        let mut select = Entity::find()
            .order_by_desc(Column::ReceivedAt)
            .order_by_asc(Column::Id)
            .limit(limit);
        if let Some(state) = filter.state {
            select = select.filter(Column::State.eq(state));
        }
        if let Some(text) = &filter.text {
            let any = Condition::any()
                .add(Column::Sender.contains(text.as_str()))
                .add(Column::Subject.contains(text.as_str()));
            select = select.filter(any);
        }
        if let Some((at, id)) = &filter.after {
            let same = Condition::all()
                .add(Column::ReceivedAt.eq(*at))
                .add(Column::Id.gt(id.as_str()));
            let later = Condition::any().add(Column::ReceivedAt.lt(*at)).add(same);
            select = select.filter(later);
        }
        Ok(select.all(self.reader()).await?)
    }

    /// Stores what a person decided about a message. Audited as `message.settle`.
    ///
    /// # Errors
    /// [`Error::Conflict`] if the machine has not read it yet; [`Error::NotFound`] if there is none.
    pub async fn settle_message(
        &self,
        id: &str,
        settled: Settled,
        actor: &str,
        now: i64,
    ) -> Result<Message> {
        let tx = self.begin().await?;
        let found = Entity::find_by_id(id).one(&tx).await?;
        let found = found.ok_or_else(|| Error::not_found("message", id))?;
        if found.state == MessageState::New {
            let why = "was not read yet: a round of response reads it first";
            return Err(Error::conflict(format!("message {id}"), why));
        }
        let reason = without_nul(&settled.reason).into_owned();
        let row = ActiveModel {
            id: Set(id.to_owned()),
            state: Set(settled.state),
            nature: Set(settled.nature.unwrap_or(found.nature)),
            reason: Set(Some(reason.clone())),
            notice_id: Set(settled.notice.map(Text).or(found.notice_id)),
            incident_id: Set(settled.incident.map(Text).or(found.incident_id)),
            handled_at: Set(Some(now)),
            ..Default::default()
        };
        let after = Entity::update(row).exec(&tx).await?;
        let record = NewAudit {
            actor: actor.to_owned(),
            action: "message.settle".to_owned(),
            object: format!("message {id}"),
            detail: json!({ "from": found.state, "to": after.state, "nature": after.nature,
                "incident": after.incident_id, "notice": after.notice_id, "reason": reason }),
        };
        audit::append(&tx, record, now).await?;
        tx.commit().await?;
        Ok(after)
    }
}
