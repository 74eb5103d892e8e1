//! `watchfire retention`: what the rules of `[[retention]]` would take away, and taking it away.

use clap::Subcommand;
use intake::compaction::Upkeep;
use intake::retention::{Due, Retention};
use ledger::Expiry;
use model::time::{Day, Timestamp};
use serde_json::json;

use crate::failure::{Failure, Result};
use crate::table::{Out, Table};
use crate::talk::human_bytes;
use crate::workspace::{Access, Session, Workspace, now, while_nobody_reads};

/// Take away what a rule says is over; legal holds win.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Rules stand in watchfire.toml; of those for the same thing the first that matches decides:

  [[retention]]
  name = \"phishing pages\"
  what = \"events\"              events, raw (reports as delivered) or rejects
  feeds = [\"openphish*\"]       optional; classes and tlp too, for events
  keep_days = 365

What goes is gone from every snapshot; frozen issues keep their values, and `week --explain` says which
rule took their records and when.

Examples:
  watchfire retention preview
  watchfire retention apply --by li.na
  watchfire retention log --json")]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Say what the rules would take away today, and what holds keep.
    Preview,
    /// Take it away.
    Apply {
        /// Who applies them.
        #[arg(long, value_name = "NAME", default_value = "system:retention")]
        by: String,
    },
    /// List what was taken away.
    Log,
}

pub fn run(args: Args, session: &Session) -> Result {
    match args.what {
        What::Preview => {
            let workspace = session.open(Access::Read)?;
            let due = rules(&workspace, "")?.preview()?;
            print(&due, session)
        }
        What::Apply { by } => {
            let workspace = session.open(Access::Write("retention apply"))?;
            let retention = rules(&workspace, &by)?;
            let due = while_nobody_reads(&workspace.root, || retention.apply())?;
            let Some(due) = due else {
                return Err(
                    Failure::new("retention", "another command is reading the lake")
                        .remedy("run it again when that has ended"),
                );
            };
            print(&due?, session)
        }
        What::Log => log(session),
    }
}

fn rules<'a>(workspace: &'a Workspace, actor: &'a str) -> Result<Retention<'a>> {
    if workspace.settings.retention.is_empty() {
        return Err(Failure::new("retention", "there is no rule").remedy(
            "add [[retention]] entries to watchfire.toml, see `watchfire retention --help`",
        ));
    }
    Ok(Retention {
        upkeep: Upkeep {
            ledger: &workspace.ledger,
            lake: &workspace.lake,
            runtime: workspace.handle(),
            clock: &now,
        },
        blobs: &workspace.blobs,
        rules: &workspace.settings.retention,
        actor,
    })
}

fn print(due: &[Due], session: &Session) -> Result {
    let mut out = Out::new();
    if session.json {
        out.json(&due)?;
        return out.end();
    }
    let mut table = Table::new([
        "rule", "what", "feed", "over", "held", "bytes", "first", "last",
    ]);
    for due in due {
        table.row([
            due.rule.clone(),
            due.what.to_owned(),
            due.feed.clone(),
            due.count.to_string(),
            due.held.to_string(),
            match due.bytes {
                0 => String::new(),
                bytes => human_bytes(bytes),
            },
            due.first_day.clone(),
            due.last_day.clone(),
        ]);
    }
    if table.is_empty() {
        session.talk.say("nothing is over");
    } else {
        table.print(&mut out)?;
    }
    out.end()
}

fn log(session: &Session) -> Result {
    let workspace = session.open(Access::Read)?;
    let expiries = workspace.block_on(workspace.ledger.expiries(None, None))?;
    let mut out = Out::new();
    if session.json {
        out.json(&expiries)?;
        return out.end();
    }
    for gone in gone(&expiries) {
        out.line(gone.text())?;
    }
    out.end()
}

/// What one rule took away of one feed on one day of its application.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Gone {
    rule: String,
    what: String,
    feed: String,
    count: i64,
    first_day: Option<String>,
    last_day: Option<String>,
    expired_on: String,
    by: String,
}

impl Gone {
    /// A sentence.
    pub fn text(&self) -> String {
        let days = match (&self.first_day, &self.last_day) {
            (Some(first), Some(last)) if first != last => format!(" of {first} to {last}"),
            (Some(day), _) => format!(" of {day}"),
            _ => String::new(),
        };
        let what = match self.what.as_str() {
            "raw" => "raw reports",
            what => what,
        };
        format!(
            "{} {what}{days} of feed {} were taken away by rule `{}` on {} ({})",
            self.count, self.feed, self.rule, self.expired_on, self.by
        )
    }

    /// As a program reads it.
    pub fn json(&self) -> serde_json::Value {
        json!({ "expired": self })
    }
}

/// Expiries together, by rule, feed and day of application.
pub fn gone(expiries: &[Expiry]) -> Vec<Gone> {
    let mut all: Vec<(Gone, Option<(i32, i32)>)> = Vec::new();
    for expiry in expiries {
        let expired_on = Timestamp(expiry.expired_at).day().to_string();
        let same = all.iter_mut().find(|(gone, _)| {
            gone.rule == expiry.rule
                && gone.what == expiry.what
                && gone.feed == expiry.feed
                && gone.expired_on == expired_on
                && gone.by == expiry.actor
        });
        match same {
            Some((gone, days)) => {
                gone.count += expiry.count;
                *days = days
                    .zip(expiry.day)
                    .map(|((first, last), day)| (first.min(day), last.max(day)));
            }
            None => {
                let gone = Gone {
                    rule: expiry.rule.clone(),
                    what: expiry.what.clone(),
                    feed: expiry.feed.clone(),
                    count: expiry.count,
                    first_day: None,
                    last_day: None,
                    expired_on,
                    by: expiry.actor.clone(),
                };
                all.push((gone, expiry.day.map(|day| (day, day))));
            }
        }
    }
    all.into_iter()
        .map(|(gone, days)| Gone {
            first_day: days.map(|(first, _)| Day(first).to_string()),
            last_day: days.map(|(_, last)| Day(last).to_string()),
            ..gone
        })
        .collect()
}
