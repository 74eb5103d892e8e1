//! Rights that one process of a whole cluster has, for as long as it lives and is seen to: to plan the work, to
//! change the whole.
//!
//! On PostgreSQL a right is an advisory lock of a session of its own, which says something every few seconds.
//! The server ends a session that is silent for too long (`idle_session_timeout`) and with it the right: a
//! process that was stopped, or whose network was cut, keeps it no longer than a dead one. Its own side counts
//! by the same measure, earlier: [`Held::alive`] is false before the server could have given the right away.
//!
//! A ledger in a file has one folder and one machine: there the locks of the folder say who may what, and a
//! right is always given.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

use crate::postgres::Session;
use crate::{Ledger, Result};

/// How often a session says something.
const BEAT: Duration = Duration::from_secs(2);
/// After this time without an answer the right counts as lost.
const LOST: Duration = Duration::from_secs(8);
/// After this time of silence the server ends the session.
pub(crate) const SILENCE: Duration = Duration::from_secs(12);

/// A right that one process of all may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// To plan the cluster's work.
    Lead,
    /// To open incidents from events.
    Triage,
    /// To read mail, and to decide and write what is to be sent.
    Respond,
    /// To send it.
    Notify,
    /// To look whether what was reported is gone.
    Verify,
    /// To change the whole: restore, retention, compaction. Nothing is taken in meanwhile.
    Whole,
}

/// A right, until this is dropped or it is lost.
#[derive(Debug)]
pub struct Held {
    seen: Option<Arc<Mutex<Option<Instant>>>>,
    _end: Option<oneshot::Sender<()>>,
}

impl Held {
    /// Whether the right is surely still ours.
    pub fn alive(&self) -> bool {
        let Some(seen) = &self.seen else {
            return true;
        };
        let seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.is_some_and(|at| at.elapsed() < LOST)
    }
}

impl Ledger {
    /// Takes a right, if nobody else has it.
    ///
    /// # Errors
    /// The server cannot be reached.
    pub async fn hold(&self, right: Right) -> Result<Option<Held>> {
        let Some(server) = self.server() else {
            return Ok(Some(Held {
                seen: None,
                _end: None,
            }));
        };
        let begun = Instant::now();
        let Some(mut session) = server.lock(right).await? else {
            return Ok(None);
        };
        let seen = Arc::new(Mutex::new(Some(begun)));
        let (end, mut ended) = oneshot::channel::<()>();
        let told = Arc::clone(&seen);
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    // A sender that is gone means that the right is given back.
                    _ = &mut ended => break,
                    () = sleep(BEAT) => {}
                }
                let asked = Instant::now();
                let answered = timeout(LOST, session.beat()).await;
                let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
                *told = matches!(answered, Ok(true)).then_some(asked);
                if told.is_none() {
                    break;
                }
            }
            session.end().await;
        });
        Ok(Some(Held {
            seen: Some(seen),
            _end: Some(end),
        }))
    }
}

impl Session {
    /// Whether the server answers.
    async fn beat(&mut self) -> bool {
        self.ping().await.is_ok()
    }
}
