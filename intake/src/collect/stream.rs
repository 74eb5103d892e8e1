//! Stub.
use super::{plan::Plan, client::Clients, failure::{Result, Failure, Kind}, fetch::Batch, spool::Spool};
/// Stub.
pub async fn fetch_redis(_: &Clients, _: &Plan, _: &mut Spool, _: &mut Batch) -> Result<()> { Err(Failure::new(Kind::Entry, "not yet")) }
