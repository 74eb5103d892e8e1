//! `watchfire watch`: does the serving process still look after things. For cron on the machine or a monitoring
//! system: it opens nothing, so that it also tells when the ledger hangs.

use model::time::Timestamp;
use serde_json::json;

use crate::alarms::HEARTBEAT;
use crate::failure::{Exit, Failure, Result};
use crate::workspace::{Session, now};

/// Tell whether the serving process lives: when it last looked after alarms.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Exits with 4 if the sign of life is older than that, or there is none.

Examples:
  watchfire watch
  watchfire watch --minutes 3 || mail -s 'Watchfire stands still' duty@cert.example </dev/null")]
pub struct Args {
    /// Minutes that the sign of life may be old.
    #[arg(long, default_value_t = 5)]
    minutes: u32,
}

/// Age of the sign of life in seconds; `None` if there is none that can be read.
pub fn age(root: &std::path::Path, now: Timestamp) -> Option<i64> {
    let text = std::fs::read_to_string(root.join(HEARTBEAT)).ok()?;
    let at: jiff::Timestamp = text.trim().parse().ok()?;
    Some((now.0 - at.as_microsecond()) / 1_000_000)
}

pub fn run(args: Args, session: &Session) -> Result {
    let (root, _) = session.settings()?;
    let old = age(&root, now());
    let most = i64::from(args.minutes) * 60;
    let good = old.is_some_and(|secs| secs <= most);
    if session.json {
        println!("{}", json!({ "alive": good, "age_secs": old }));
    }
    match old {
        Some(secs) if good => {
            session.talk.say(format_args!("alive: {secs} seconds ago"));
            Ok(())
        }
        Some(secs) => Err(Failure::new(
            "serve",
            format_args!("no sign of life for {} minutes", secs / 60),
        )
        .remedy("look at its log, and start it again")
        .with(Exit::Findings)),
        None => Err(Failure::new("serve", "no sign of life: it never ran here")
            .remedy("start it: watchfire serve")
            .with(Exit::Findings)),
    }
}
