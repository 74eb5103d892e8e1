//! Delivery: how a composed notice gets to its contact, and what came of trying.
//!
//! [`message`] makes the bytes of a mail, [`dkim`] and [`openpgp`] sign and encrypt them, [`smtp`] hands them
//! to the submission server. [`edition`] makes the mails of the bulletin's mail edition. [`webhook`] posts, [`files`] puts into a folder, [`manual`] prepares what a person
//! carries. [`pace`] says when to try and how fast. Nothing here decides *whether* something may go out, and
//! nothing reads a clock or draws random bits: both are handed in.

pub mod dkim;
pub mod edition;
pub mod files;
pub mod header;
pub mod manual;
pub mod message;
pub mod openpgp;
pub mod pace;
pub mod sealed;
mod seed;
pub mod smtp;
pub mod webhook;

use model::notice::NoticeState;

/// What came of handing a notice over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The other side took it.
    Sent {
        /// What it said.
        reply: String,
    },
    /// It did not take it, for now: nothing was handed over.
    Later {
        /// What it said, or what hindered.
        reply: String,
    },
    /// It does not take it.
    Refused {
        /// What it said.
        reply: String,
    },
    /// The connection ended after everything was handed over and before the answer: it may have been taken.
    /// It is sent again as the same bytes under the same Message-ID.
    Unknown {
        /// What happened.
        reply: String,
    },
}

impl Outcome {
    /// The state of the notice after it. What is refused bounced, as if the answer had come by mail: the next
    /// contact is tried.
    pub fn state(&self) -> NoticeState {
        match self {
            Outcome::Sent { .. } => NoticeState::Sent,
            Outcome::Later { .. } => NoticeState::Ready,
            Outcome::Refused { .. } => NoticeState::Bounced,
            Outcome::Unknown { .. } => NoticeState::Sending,
        }
    }

    /// Whether it is to be tried again.
    pub fn again(&self) -> bool {
        matches!(self, Outcome::Later { .. } | Outcome::Unknown { .. })
    }

    /// What the other side said, or what hindered.
    pub fn reply(&self) -> &str {
        match self {
            Outcome::Sent { reply }
            | Outcome::Later { reply }
            | Outcome::Refused { reply }
            | Outcome::Unknown { reply } => reply,
        }
    }
}

/// A secret that no log and no serialization shows.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    pub(crate) fn bare(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}
