//! Response: events become incidents and get fixed.
//!
//! [`triage`] turns events into incidents; [`party`] keeps the register of who can act, and [`route`]
//! decides whom to ask for what; [`notice`] writes to them and [`deliver`] hands it over, which
//! [`notify`] ties to what is stored; [`inbox`] reads what comes back; [`followup`] reminds and goes on
//! to the next party, in working days by [`calendar`] where the table says so; [`verify`] looks whether it is gone, which [`checking`] ties to what is stored.
//! Everything that is kept is in the ledger; each step reads what is stored there and stores what it
//! did, so that a killed process goes on where it was.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod error;

pub mod calendar;
pub mod campaign;
pub mod casework;
pub mod checking;
pub mod deliver;
pub mod duty;
pub mod followup;
pub mod grade;
pub mod inbox;
pub mod moving;
pub mod notice;
pub mod notify;
pub mod party;
pub mod portal;
pub mod rdap;
pub mod route;
pub mod scorecard;
pub mod subscribers;
pub mod takedown;
pub mod triage;
pub mod verify;

use std::fmt;
use std::sync::Arc;

use model::time::Timestamp;

pub use error::{Error, Result};

/// Tells the time.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;
/// Gives ten random bytes.
pub type Random = Arc<dyn Fn() -> [u8; 10] + Send + Sync>;

/// Where response works: the stores, and what it is handed to tell time and draw ids.
#[derive(Clone)]
pub struct Desk {
    /// The event store.
    pub lake: lake::Lake,
    /// Everything that changes.
    pub ledger: ledger::Ledger,
    /// Bytes by hash.
    pub blobs: ledger::BlobStore,
    /// Tells the time.
    pub clock: Clock,
    /// Draws the random part of ids.
    pub random: Random,
}

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desk")
            .field("ledger", &self.ledger)
            .finish_non_exhaustive()
    }
}
