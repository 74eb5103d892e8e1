//! Sending: ready notices go out, one at a time, and what came of each is stored before the next.
//!
//! A notice is marked as being sent before its first byte leaves. A process that is killed then leaves
//! the outcome unknown; the next one sends the same bytes under the same Message-ID, so that the other
//! side can tell a repetition from a second message.

use std::io::Read;

use ledger::notice::Move;
use ledger::{Fault, Notice, Reach};
use model::notice::{NoticeKind, NoticeState};
use model::organization::Channel;
use model::time::Timestamp;

use super::arming::Leave;
use super::{ACTOR, House};
use crate::deliver::header::{Mailbox, MessageId};
use crate::deliver::message::Message;
use crate::deliver::{Outcome, files, pace};
use crate::{Desk, Result};

const DAY: i64 = 86_400_000_000;
const HOUR: i64 = 3_600_000_000;

/// What sending did.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct SentNotices {
    /// Taken by the other side.
    pub sent: u64,
    /// Cancelled, being about what is over.
    pub cancelled: u64,
    /// Taken back, being about what may not leave to its party now: what they asked for is due again.
    pub withheld: u64,
    /// To be tried again.
    pub later: u64,
    /// Not taken.
    pub refused: u64,
    /// Sunk, being an exercise.
    pub sunk: u64,
    /// Put off by a daily limit.
    pub capped: u64,
    /// Of a killed process, to be sent again under the same Message-ID.
    pub recovered: u64,
    /// Why it stopped before all was out.
    pub stopped: Option<String>,
    /// Whether its time was over before all was out.
    pub more: bool,
}

/// A daily limit that was reached.
struct Limit {
    /// Whether it is that of all notices, not of one party's.
    of_all: bool,
    reason: String,
}

impl Desk {
    /// Sends what is ready and due, until nothing is, or something says stop; what is left at `until`
    /// waits for the next call ([`SentNotices::more`]). Only one process may do so at a time.
    ///
    /// # Errors
    /// The ledger or the blob store fails.
    pub async fn send_notices(
        &self,
        house: &House,
        identity: &str,
        until: Timestamp,
    ) -> Result<SentNotices> {
        let mut told = SentNotices {
            recovered: self.ledger.recover_notices((self.clock)().0).await?,
            ..SentNotices::default()
        };
        loop {
            // Read anew before each message: the switch works within one message's time.
            if !house.exercise
                && let Leave::No(why) = self.may_leave(identity).await?
            {
                told.stopped = Some(why);
                return Ok(told);
            }
            let now = (self.clock)();
            if now >= until {
                told.more = true;
                return Ok(told);
            }
            let Some(notice) = self.ledger.take_notice(now.0).await? else {
                return Ok(told);
            };
            let id = notice.notice_id();
            if self.pointless(&notice).await? {
                for to in [NoticeState::Ready, NoticeState::Cancelled] {
                    let over = Move {
                        to,
                        reply: "what it is about is over".to_owned(),
                        next_at: None,
                    };
                    self.ledger.move_notice(id, over, ACTOR, now.0).await?;
                }
                told.cancelled += 1;
                continue;
            }
            // Its marking may have changed since it was written.
            if let Some(why) = self.ledger.keep_back(id, ACTOR, now.0).await? {
                tracing::info!(notice = notice.number, %why, "taken back");
                told.withheld += 1;
                continue;
            }
            if let Some(limit) = self.capped(house, &notice, now).await? {
                let all = limit.of_all;
                let put_off = Move {
                    to: NoticeState::Ready,
                    reply: limit.reason.clone(),
                    next_at: Some(now.0 + HOUR),
                };
                self.ledger.move_notice(id, put_off, ACTOR, now.0).await?;
                told.capped += 1;
                // The others would break it as well.
                if all {
                    told.stopped = Some(limit.reason);
                    return Ok(told);
                }
                continue;
            }
            let outcome = match notice.exercise || house.exercise {
                true => None,
                false => {
                    // Asked last: whoever was stopped in between has lost it, and another sends it.
                    self.ledger.holds_fences().await?;
                    Some(self.hand_over(house, &notice).await?)
                }
            };
            let now = (self.clock)();
            let Some(outcome) = outcome else {
                // An exercise goes back to ready first: sunk is what ready may become.
                for to in [NoticeState::Ready, NoticeState::Exercise] {
                    let sunk = Move {
                        to,
                        reply: "exercise: sunk".to_owned(),
                        next_at: None,
                    };
                    self.ledger.move_notice(id, sunk, ACTOR, now.0).await?;
                }
                told.sunk += 1;
                continue;
            };
            self.came_of(&notice, outcome, now, &mut told).await?;
        }
    }

    /// Stores what came of handing a notice over.
    async fn came_of(
        &self,
        notice: &Notice,
        outcome: Outcome,
        now: Timestamp,
        told: &mut SentNotices,
    ) -> Result<()> {
        let id = notice.notice_id();
        let reply = outcome.reply().to_owned();
        let salt = u64::from_le_bytes(id.0.as_bytes()[8..].try_into().unwrap_or_default());
        let tries = u32::try_from(notice.attempts).unwrap_or(1);
        // Days that it waited for a person are no tries.
        let began = notice.approved_at.unwrap_or(notice.created_at);
        let next = pace::next_try(tries, Timestamp(began), now, salt);
        let (to, reply, next_at) = match (&outcome, next) {
            (Outcome::Sent { .. }, _) => (NoticeState::Sent, reply, None),
            (Outcome::Refused { .. }, _) => (NoticeState::Bounced, reply, None),
            (Outcome::Later { .. }, Some(next)) => (NoticeState::Ready, reply, Some(next.0)),
            (Outcome::Unknown { .. }, Some(next)) => {
                let reply = format!("unknown, retrying: {reply}");
                (NoticeState::Ready, reply, Some(next.0))
            }
            (_, None) => (NoticeState::Failed, format!("given up: {reply}"), None),
        };
        match to {
            NoticeState::Sent => told.sent += 1,
            NoticeState::Ready => told.later += 1,
            _ => told.refused += 1,
        }
        let moved = Move { to, reply, next_at };
        if matches!(to, NoticeState::Bounced | NoticeState::Failed) {
            // What was put off for days never came to the contact: we hand over to a server of our own.
            let fault = match (to == NoticeState::Bounced, &outcome) {
                (true, _) => Fault::Gone,
                (false, Outcome::Later { .. }) if notice.channel.0 == Channel::Mail => Fault::Ours,
                (false, _) => Fault::Passing,
            };
            self.ledger
                .notice_came_back(id, moved, fault, ACTOR, now.0)
                .await?;
        } else {
            self.ledger.move_notice(id, moved, ACTOR, now.0).await?;
        }
        Ok(())
    }

    /// Whether all that a notice asks for is over, or gone.
    async fn pointless(&self, notice: &Notice) -> Result<bool> {
        if !notice.kind.0.asks() {
            return Ok(false);
        }
        let about = self.ledger.notice_directives(notice.notice_id()).await?;
        for covered in &about {
            let id = covered.incident_id.0;
            let incident = self.ledger.incident(id, &Reach::All).await?;
            if incident.state.0.is_live() && incident.gone_at.is_none() {
                return Ok(false);
            }
        }
        Ok(!about.is_empty())
    }

    /// The daily limit that a notice would break.
    async fn capped(
        &self,
        house: &House,
        notice: &Notice,
        now: Timestamp,
    ) -> Result<Option<Limit>> {
        let since = now.0 - DAY;
        // The notice itself counts, being marked as sent.
        if self.ledger.sent_since(since, None).await? > house.daily_most {
            let reason = format!("{} notices went out in 24 hours", house.daily_most);
            return Ok(Some(Limit {
                of_all: true,
                reason,
            }));
        }
        // All reporters are one organization of the register, and no party.
        if matches!(
            notice.kind.0,
            NoticeKind::Receipt | NoticeKind::Outcome | NoticeKind::Answer
        ) {
            return Ok(None);
        }
        let to = notice.organization_id.0;
        if self.ledger.sent_since(since, Some(to)).await? > house.party_most {
            let reason = format!(
                "{} notices went to this party in 24 hours",
                house.party_most
            );
            return Ok(Some(Limit {
                of_all: false,
                reason,
            }));
        }
        Ok(None)
    }

    async fn hand_over(&self, house: &House, notice: &Notice) -> Result<Outcome> {
        let mut bytes = Vec::new();
        let read = match self.blobs.open(&notice.body) {
            Ok(mut blob) => blob
                .read_to_end(&mut bytes)
                .map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        // One whose bytes cannot be read does not keep the others back.
        if let Err(error) = read {
            let reply = format!("blob {} cannot be read: {error}", notice.body);
            return Ok(Outcome::Later { reply });
        }
        let wrong = |reply: String| Ok(Outcome::Refused { reply });
        match notice.channel.0 {
            Channel::Mail => {
                let Some(relay) = &house.relay else {
                    return Ok(Outcome::Later {
                        reply: "no mail server is configured: set response.smtp".to_owned(),
                    });
                };
                let from = Mailbox::read(&house.sender.address)
                    .and_then(|from| from.with_detail(&notice.token));
                let to = Mailbox::read(&notice.address);
                let (sender, recipient) = match (from, to) {
                    (Ok(from), Ok(to)) => (from, to),
                    (Err(error), _) | (_, Err(error)) => return wrong(error.to_string()),
                };
                let Some(id) = MessageId::read(&notice.message_id) else {
                    return wrong(format!("{} is no Message-ID", notice.message_id));
                };
                let message = Message {
                    id,
                    sender,
                    recipient,
                    bytes,
                };
                Ok(relay.send(&message).await)
            }
            Channel::Files => {
                let below = std::path::Path::new(&notice.address);
                let plain = |part| matches!(part, std::path::Component::Normal(_));
                if !below.components().all(plain) {
                    return wrong(format!("`{}` is no folder below ours", notice.address));
                }
                let folder = house.files.join(below);
                let name = format!("notice-{}.txt", notice.number);
                let written = std::fs::create_dir_all(&folder)
                    .map_err(|error| error.to_string())
                    .and_then(|()| {
                        files::write(&folder, &name, &bytes).map_err(|error| error.to_string())
                    });
                Ok(match written {
                    Ok(path) => Outcome::Sent {
                        reply: format!("written to {}", path.display()),
                    },
                    Err(reply) => Outcome::Later { reply },
                })
            }
            Channel::Webhook => {
                let Some(hooks) = &house.hooks else {
                    return Ok(Outcome::Later {
                        reply: "no webhook secrets are configured: set response.webhook_keys"
                            .to_owned(),
                    });
                };
                let (id, now) = (&notice.message_id, (self.clock)());
                Ok(hooks.post(&notice.address, id, now, bytes).await)
            }
            Channel::Manual => wrong("a person carries it".to_owned()),
        }
    }
}
