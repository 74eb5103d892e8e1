//! Events that another system puts where we take them: IntelMQ's queues in Redis ([`redis`]) and its
//! TCP output ([`tcp`]). Both give JSON, one event a line, and neither loses what is not yet durable:
//! Redis keeps a batch until the next fetch says that it was stored, a TCP sender gets its `Ok` after
//! the event is synced to the spool.

mod redis;
mod tcp;

pub(super) use redis::fetch_redis;
pub use tcp::{listen, receive};

/// The name of a delivery of events.
const NAME: &str = "events.jsonl";

/// An event as one line: in JSON, line ends outside of texts are blanks, and inside they are escaped.
fn line(message: &[u8]) -> Vec<u8> {
    let mut line: Vec<u8> = message
        .iter()
        .map(|byte| {
            if matches!(byte, b'\n' | b'\r') {
                b' '
            } else {
                *byte
            }
        })
        .collect();
    line.push(b'\n');
    line
}
