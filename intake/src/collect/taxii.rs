//! Stub.
use super::{client::Session, failure::{Result, Failure, Kind}, fetch::Batch, spool::Spool};
/// Stub.
pub async fn fetch(_: &Session<'_>, _: &mut Spool, _: &mut Batch) -> Result<()> { Err(Failure::new(Kind::Entry, "not yet")) }
