//! `watchfire week`.

use crate::failure::{Failure, Result};
use crate::workspace::Session;

/// Not there yet.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  watchfire week")]
pub struct Args {}

pub fn run(_: Args, _: &Session) -> Result {
    Err(Failure::new("week", "not there yet"))
}
