//! `watchfire config`: is the configuration right, and what stands in it.

use clap::Subcommand;

use crate::failure::{Failure, Result};
use crate::table::{Out, Table};
use crate::workspace::Session;

/// Check the configuration, or show it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  watchfire config check\n  watchfire config show --origin")]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Read watchfire.toml and the environment and tell every problem with its line and remedy.
    Check,
    /// Print every value as it stands, defaults and environment included.
    Show {
        /// Say where each value comes from: default, line of the file, variable of the environment.
        #[arg(long)]
        origin: bool,
    },
}

pub fn run(args: Args, session: &Session) -> Result {
    let (_, settings) = session.settings()?;
    let mut out = Out::new();
    match args.what {
        What::Check => {
            if !settings.unset.is_empty() {
                return Err(Failure::configuration(settings.unset));
            }
            let feeds = settings.catalogue.sources();
            let enabled = feeds.iter().filter(|source| source.feed.enabled).count();
            if session.json {
                let file = settings.file.display().to_string();
                out.json(&serde_json::json!({ "file": file, "feeds": feeds.len(), "enabled": enabled, "references": settings.references.len() }))?;
            } else {
                let file = settings.file.display();
                let references = settings.references.len();
                out.line(format_args!("{file}: {} feeds ({enabled} enabled), {references} reference entries, no problem", feeds.len()))?;
            }
        }
        What::Show { .. } if session.json => out.json(&settings.shown)?,
        What::Show { origin: false } => out.bytes(settings.text.as_bytes())?,
        What::Show { origin: true } => {
            let mut table = Table::new(["key", "value", "from"]);
            for shown in &settings.shown {
                table.row([
                    shown.key.clone(),
                    shown.value.to_string(),
                    shown.origin.to_string(),
                ]);
            }
            table.print(&mut out)?;
        }
    }
    out.end()
}
