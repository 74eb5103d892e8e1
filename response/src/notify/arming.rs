//! Nothing leaves by accident: an instance sends only after a person armed it, where it was armed, and
//! while nobody stopped it.
//!
//! Arming stores what the instance is (its id, and what the caller can tell of the machine and folder).
//! A copied or restored workspace is another one and so is disarmed without anybody's doing. The kill
//! switch is one row that is read before each message: it stops all nodes that share the ledger.

use ledger::NewAudit;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{Desk, Error, Result};

const ARMED: &str = "response.armed";
const STOPPED: &str = "response.stopped";

/// That the instance may send.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Armed {
    /// What it was when it was armed.
    pub identity: String,
    /// Who armed it.
    pub by: String,
    /// When, microseconds UTC.
    pub at: i64,
    /// Why.
    pub reason: String,
}

/// That nothing may leave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stopped {
    /// Who stopped it.
    pub by: String,
    /// When, microseconds UTC.
    pub at: i64,
    /// Why.
    pub reason: String,
}

/// Whether something may leave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leave {
    /// It may.
    Yes(Armed),
    /// It may not, for this reason, with the remedy.
    No(String),
}

impl Desk {
    /// Whether something may leave this instance, which is now `identity`.
    ///
    /// # Errors
    /// The ledger fails.
    pub async fn may_leave(&self, identity: &str) -> Result<Leave> {
        if let Some(stopped) = self.ledger.setting::<Stopped>(STOPPED).await? {
            return Ok(Leave::No(format!(
                "{} stopped all sending: {}; `watchfire notices resume` lets it go on",
                stopped.by, stopped.reason
            )));
        }
        match self.ledger.setting::<Armed>(ARMED).await? {
            None => Ok(Leave::No(
                "the instance is not armed; `watchfire notices arm` arms it".to_owned(),
            )),
            Some(armed) if armed.identity != identity => Ok(Leave::No(
                "it was armed elsewhere (a copied or restored workspace); `watchfire notices arm` arms this one".to_owned(),
            )),
            Some(armed) => Ok(Leave::Yes(armed)),
        }
    }

    /// Who stopped all sending, and who armed an instance, where it is so.
    ///
    /// # Errors
    /// The ledger fails.
    pub async fn sending_state(&self) -> Result<(Option<Stopped>, Option<Armed>)> {
        Ok((
            self.ledger.setting(STOPPED).await?,
            self.ledger.setting(ARMED).await?,
        ))
    }

    /// Whether somebody stopped all sending.
    ///
    /// # Errors
    /// The ledger fails.
    pub async fn is_stopped(&self) -> Result<bool> {
        Ok(self.ledger.setting::<Stopped>(STOPPED).await?.is_some())
    }

    /// Lets the instance, which is `identity`, send. Audited.
    ///
    /// # Errors
    /// The ledger fails.
    pub async fn arm(&self, identity: &str, reason: &str, actor: &str) -> Result<()> {
        let at = (self.clock)().0;
        let armed = Armed {
            identity: identity.to_owned(),
            by: actor.to_owned(),
            at,
            reason: reason.to_owned(),
        };
        self.ledger.set_setting(ARMED, &armed).await?;
        self.told("response.arm", reason, actor, at).await
    }

    /// Takes the leave to send back. Audited.
    ///
    /// # Errors
    /// The ledger fails.
    pub async fn disarm(&self, reason: &str, actor: &str) -> Result<()> {
        self.ledger.remove_setting(ARMED).await?;
        let at = (self.clock)().0;
        self.told("response.disarm", reason, actor, at).await
    }

    /// Stops all sending, on every node that shares the ledger. Audited.
    ///
    /// # Errors
    /// The ledger fails.
    pub async fn stop(&self, reason: &str, actor: &str) -> Result<()> {
        let at = (self.clock)().0;
        let stopped = Stopped {
            by: actor.to_owned(),
            at,
            reason: reason.to_owned(),
        };
        self.ledger.set_setting(STOPPED, &stopped).await?;
        self.told("response.stop", reason, actor, at).await
    }

    /// Lets sending go on that was stopped. Audited.
    ///
    /// # Errors
    /// [`Error::Refused`] if it was not stopped; the ledger fails.
    pub async fn resume(&self, reason: &str, actor: &str) -> Result<()> {
        if !self.ledger.remove_setting(STOPPED).await? {
            return Err(Error::refused("sending", "is not stopped"));
        }
        let at = (self.clock)().0;
        self.told("response.resume", reason, actor, at).await
    }

    async fn told(&self, action: &str, reason: &str, actor: &str, at: i64) -> Result<()> {
        let record = NewAudit {
            actor: actor.to_owned(),
            action: action.to_owned(),
            object: "response".to_owned(),
            detail: json!({ "reason": reason }),
        };
        Ok(self.ledger.append_audit(record, at).await?)
    }
}
