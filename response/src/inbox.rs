//! Mail that comes back to us: fetched ([`imap`]), archived by hash, and read as jobs ([`reading`]) with
//! [`formats::mail`]; and what came by the public form ([`form`]) or as a table ([`bulk`]), which goes the same way. One mailbox carries complaints, answers, bounces and feeds; what each mail led to
//! stands in its row.

pub mod bulk;
pub mod deciding;
pub mod form;
pub mod imap;
pub mod reading;

use ledger::message::NewMessage;
use model::time::Timestamp;

use crate::{Desk, Result};

impl Desk {
    /// Takes a mail in: durable when this returns, so that its source may let it go. The same bytes
    /// again change nothing; whether it is new. `origin` says where it was taken from.
    ///
    /// # Errors
    /// The blob store or the ledger fails: the mail must be offered again.
    pub async fn receive(&self, bytes: &[u8], origin: &str, received: Timestamp) -> Result<bool> {
        let blob = self.blobs.put_bytes(bytes)?;
        let message_id = scanned_id(bytes);
        let new = NewMessage {
            blob: blob.hash,
            origin: origin.to_owned(),
            message_id,
            received_at: received.0,
        };
        Ok(self.ledger.receive_message(new, (self.clock)().0).await?)
    }
}

/// The Message-ID by a scan that cannot fail: the first header line of that name.
fn scanned_id(bytes: &[u8]) -> Option<String> {
    let head = &bytes[..bytes.len().min(64 << 10)];
    let line = head.split(|byte| *byte == b'\n').find(|line| {
        let name = b"message-id:";
        line.len() > name.len() && line[..name.len()].eq_ignore_ascii_case(name)
    })?;
    let text = String::from_utf8_lossy(&line[b"message-id:".len()..]);
    let id = text.trim().trim_matches(['<', '>']);
    (!id.is_empty() && id.len() <= 250).then(|| id.to_owned())
}
