//! What pages about letters and feeds need of the process that serves them: acts that want its configuration,
//! its keys and its turn at the workspace. `watchfire` implements it with the functions of its commands.

use async_trait::async_trait;
use ledger::Message;
use model::ids::{ContactId, NoticeId};
use model::time::Timestamp;
use response::inbox::deciding::Case;
use serde::Serialize;

use crate::refusal::Refusal;

/// Why an act was not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Declined {
    /// The state of things forbids it: what, and why with the remedy.
    #[error("{0}: {1}")]
    Refused(String, String),
    /// There is no such thing.
    #[error("it is not there")]
    Absent,
    /// Something broke.
    #[error("{0}")]
    Broken(String),
}

impl From<response::Error> for Declined {
    fn from(error: response::Error) -> Self {
        match error {
            response::Error::Refused { object, reason } => Declined::Refused(object, reason),
            response::Error::Ledger(error) => error.into(),
            other => Declined::Broken(other.to_string()),
        }
    }
}

impl From<ledger::Error> for Declined {
    fn from(error: ledger::Error) -> Self {
        match error {
            ledger::Error::NotFound { .. } => Declined::Absent,
            ledger::Error::Conflict { object, reason, .. } => Declined::Refused(object, reason),
            other => Declined::Broken(other.to_string()),
        }
    }
}

impl From<Declined> for Refusal {
    fn from(declined: Declined) -> Self {
        match declined {
            Declined::Refused(object, reason) => Refusal::Conflict(object, reason),
            Declined::Absent => Refusal::Absent,
            Declined::Broken(error) => Refusal::broken("an act of the console", error),
        }
    }
}

/// Letters that go out and mail that comes in.
#[async_trait]
pub trait Correspondence: Send + Sync {
    /// Writes what a notice asked for to another contact; the new notice's number.
    ///
    /// # Errors
    /// As [`response::Desk::write_again`]; the configuration lacks what letters need.
    async fn write_again(
        &self,
        notice: NoticeId,
        contact: ContactId,
        reason: String,
        actor: String,
    ) -> Result<i64, Declined>;

    /// Writes an answer to a mail into the outbox; its number.
    ///
    /// # Errors
    /// As [`response::Desk::write_answer`]; the configuration lacks what letters need.
    async fn answer(&self, message: Message, text: String, actor: String) -> Result<i64, Declined>;

    /// A mail is a complaint about a case; the number of its incident.
    ///
    /// # Errors
    /// As [`response::Desk::take_as_complaint`].
    async fn open(&self, message: Message, case: Case, actor: String) -> Result<i64, Declined>;
}

/// How a feed is, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FeedState {
    /// It fails.
    Failing,
    /// Nothing came yet.
    Never,
    /// Something should have come by now.
    Late,
    /// It is as it should be.
    Well,
    /// It is turned off.
    Off,
}

/// How a feed is.
#[derive(Clone, Debug)]
pub struct FeedHealth {
    /// Its name.
    pub feed: String,
    /// In one word.
    pub state: FeedState,
    /// When it last gave what was asked of it, or a report of it came.
    pub last_success: Option<Timestamp>,
    /// Seconds since then.
    pub lag_secs: Option<u64>,
    /// Seconds in which it is expected to give something.
    pub interval_secs: u64,
    /// When it last failed.
    pub last_failure: Option<Timestamp>,
    /// Why.
    pub error: Option<String>,
    /// Failed runs since the last good one.
    pub failures: u32,
    /// Until when it is left alone.
    pub resting_until: Option<Timestamp>,
    /// Whether it is asked by us, so that it can be asked now.
    pub asked: bool,
    /// Line of its entry in the configuration, from 1; `None`: it cannot be told.
    pub line: Option<usize>,
}

/// The feeds and what came of them.
#[async_trait]
pub trait Sources: Send + Sync {
    /// How every feed of the configuration is, by name.
    ///
    /// # Errors
    /// The ledger.
    async fn health(&self) -> Result<Vec<FeedHealth>, Declined>;

    /// Asks a feed now; whether it waits to be asked, and so will be at once.
    ///
    /// # Errors
    /// There is no such feed, or it is not asked by us.
    async fn fetch(&self, feed: String) -> Result<bool, Declined>;

    /// Reads rejects again: those of these numbers, or all open ones of the feed where there are none.
    ///
    /// # Errors
    /// A number is of no open reject of the feed; the intake fails.
    async fn replay(
        &self,
        feed: String,
        rejects: Vec<i64>,
        actor: String,
    ) -> Result<intake::replay::Replayed, Declined>;
}
