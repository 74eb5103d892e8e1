//! `watchfire rating`: the proposed rating of a week with its full working.

use std::path::Path;

use bulletin::rating::{DEFAULT_RATING, Profile};

use crate::config::Settings;
use crate::failure::{Failure, Result};
use crate::workspace::Session;

/// Show the proposed rating of a week with its full working.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  watchfire rating 2023-3\n  watchfire rating last --json")]
pub struct Args {
    /// Issue (2023-3), date of the week (2023-01-12), or `last`.
    issue: String,
}

/// The rating profile of the configuration: `default`, the name of one that comes with the program, or
/// the path of a file, relative to the workspace.
///
/// # Errors
/// The file cannot be read or is no profile, or there is none of this name.
pub fn profile(settings: &Settings, root: &Path) -> Result<Profile> {
    let name = settings.profile.as_str();
    if name == "default" {
        return Ok(Profile::named(DEFAULT_RATING, &[])?);
    }
    if !name.contains('/') && !name.ends_with(".toml") {
        return Ok(Profile::named(name, &[])?);
    }
    let path = root.join(name);
    let text = std::fs::read_to_string(&path).map_err(|error| {
        Failure::new(path.display(), error).remedy("[rating] profile is a built-in name or the path of a file")
    })?;
    Ok(Profile::parse(name, &text)?)
}

pub fn run(args: Args, _: &Session) -> Result {
    Err(Failure::new(args.issue, "ratings are not wired yet"))
}
