//! `watchfire bulletin`.

use crate::failure::{Failure, Result};
use crate::workspace::Session;

/// Not there yet.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  watchfire bulletin")]
pub struct Args {}

pub fn run(_: Args, _: &Session) -> Result {
    Err(Failure::new("bulletin", "not there yet"))
}
