//! Stub.
use super::{plan::Plan, failure::{Result, Failure, Kind}, fetch::Batch, spool::Spool};
/// Stub.
pub async fn fetch(_: &Plan, _: &mut Spool, _: &mut Batch) -> Result<()> { Err(Failure::new(Kind::Entry, "not yet")) }
