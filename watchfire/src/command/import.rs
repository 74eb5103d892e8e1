//! `watchfire import`: take over what another system's configuration and stores hold.
//!
//! `import intelmq DIR` reads an IntelMQ's folder: each collector with its parser becomes a feed,
//! rules are taken along, and a report says of every bot, parameter and file what became of it.
//! `import intelmq-dump FILE` replays what its bots could not process.

use std::path::PathBuf;

use clap::Subcommand;

use crate::failure::Result;
use crate::workspace::Session;

mod bots;
mod collectors;
mod dump;
mod entry;
mod findings;
mod harmonization;
mod intelmq;
mod parsers;
mod rules;

/// Take over feeds and rules of an IntelMQ, or replay its dumps.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  watchfire import intelmq /etc/intelmq --dry-run      what would become of every bot, file and parameter
  watchfire import intelmq /etc/intelmq                the feeds stand in watchfire.toml, turned off
  watchfire import intelmq-dump malware-parser.dump --feed urlhaus-collector

Secrets are not copied: the entry names a variable of the environment, and the report says which.
A second import changes nothing. See docs/intelmq.md.")]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Take over feeds and rules from an IntelMQ's configuration folder.
    Intelmq {
        /// The folder with runtime.yaml, feeds.yaml, harmonization.conf and rule files.
        dir: PathBuf,
        /// Only say what would be done.
        #[arg(long)]
        dry_run: bool,
        /// Turn the feeds on.
        #[arg(long)]
        enable: bool,
    },
    /// Replay a bot's *.dump through a feed: what could not be processed there is ingested here.
    IntelmqDump {
        /// The dump.
        file: PathBuf,
        /// The feed whose format reads what the bot could not.
        #[arg(long, value_name = "NAME")]
        feed: String,
        /// Only say what is in it.
        #[arg(long)]
        dry_run: bool,
    },
}

pub fn run(args: Args, session: &Session) -> Result {
    match args.what {
        What::Intelmq {
            dir,
            dry_run,
            enable,
        } => intelmq::import(&dir, dry_run, enable, session),
        What::IntelmqDump {
            file,
            feed,
            dry_run,
        } => dump::replay(&file, &feed, dry_run, session),
    }
}
