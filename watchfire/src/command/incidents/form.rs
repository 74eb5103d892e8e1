//! `watchfire incidents form`: the report that a duty asks for, filled from the incident. Reading only: what is printed
//! is not sent, and ends no clock.

use std::path::PathBuf;

use ledger::Incident;
use ledger::clock::Clock;
use model::bulletin::Lang;
use response::duty::form::{House, choose};

use crate::failure::{Failure, Result};
use crate::responding::{desk, incident};
use crate::table::{Out, clean};
use crate::weekly::tongue;
use crate::workspace::{Access, Session};

/// `incidents form`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Without --law and --duty it is the report of the clock that is due first. What is not on record stays
blank, for a person to fill in; an asterisk marks what is not confirmed against the official text.

Examples:
  watchfire incidents form 704                   what is to be reported next, in the terminal
  watchfire incidents form 704 --lang zh --out 704.html     a page for print
  watchfire incidents form 704 --law nis2 --duty notification --json")]
pub struct Args {
    /// Its number or id.
    incident: String,
    /// The law, as cn-2025 or nis2.
    #[arg(long)]
    law: Option<String>,
    /// The duty of the law, as state-organ or early-warning.
    #[arg(long)]
    duty: Option<String>,
    /// Its language: zh or en; without it, that of the session.
    #[arg(long, value_parser = lang)]
    lang: Option<Lang>,
    /// Write it as one page for print instead.
    #[arg(long, value_name = "FILE.html")]
    out: Option<PathBuf>,
}

fn lang(text: &str) -> std::result::Result<Lang, String> {
    Lang::ALL
        .into_iter()
        .find(|lang| lang.code() == text)
        .ok_or_else(|| "write zh or en".to_owned())
}

/// Whose report is meant: law, duty, and the clock of it, if one ran.
fn meant<'a>(
    args: &'a Args,
    one: &Incident,
    clocks: &'a [Clock],
) -> Result<(&'a str, &'a str, Option<&'a Clock>)> {
    let clock = choose(clocks, args.law.as_deref(), args.duty.as_deref());
    match (clock, &args.law, &args.duty) {
        (Some(clock), ..) => Ok((clock.law.as_str(), clock.duty.as_str(), Some(clock))),
        (None, Some(law), Some(duty)) => Ok((law.as_str(), duty.as_str(), None)),
        (None, ..) => Err(Failure::new(
            format_args!("#{}", one.number),
            "no clock runs whose report could be meant",
        )
        .remedy(format_args!(
            "grade it, which starts the clocks of its duties: watchfire incidents grade {} --help; or name both --law and --duty",
            one.number
        ))),
    }
}

/// Prints the form of a duty.
///
/// # Errors
/// There is no such incident, law or duty; no clock runs and none is named; or the file cannot be written.
pub fn run(args: &Args, session: &Session) -> Result {
    let workspace = session.open(Access::Read)?;
    let one = incident(&workspace, &args.incident)?;
    let clocks = workspace.block_on(workspace.ledger.clocks(one.incident_id()))?;
    let (law, duty, clock) = meant(args, &one, &clocks)?;
    let settings = &workspace.settings;
    let house = House {
        name: &settings.series.organization,
        address: &settings.response.address,
        phone: &settings.response.phone,
        zone: &settings.zone,
    };
    let lang = args.lang.unwrap_or_else(|| tongue(&session.environment));
    let desk = desk(&workspace);
    let form = workspace.block_on(desk.form(&one, clock, (law, duty), &house, lang))?;
    if let Some(path) = &args.out {
        std::fs::write(path, form.html()?).map_err(|error| Failure::new(path.display(), error))?;
        session
            .talk
            .say(format_args!("written: {}", path.display()));
    }
    let mut out = Out::new();
    match (session.json, &args.out) {
        (true, _) => out.json(&form)?,
        (false, Some(_)) => {}
        (false, None) => {
            for line in form.text().lines() {
                out.line(clean(line))?;
            }
        }
    }
    out.end()
}
