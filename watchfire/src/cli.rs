//! The command line: which commands there are and what they all share.
//!
//! The arguments of a command and what it does stand in its own file under `command`; a command is one
//! file there, one variant here and one line in [`Command::run`].

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use tracing_subscriber::EnvFilter;

use crate::command::{
    audit, backup, blocklist, bulletin, completions, config, contacts, daily, demo, doctor,
    evidence, executor, exercise, export, feeds, fetch, flash, health, history, hold, import,
    inbox, incidents, infrastructure, ingest, init, jobs, lake, man, notices, orgs, outpost,
    parallel, parse, query, rating, reference, rejects, respond, restore, retention, rollup, route,
    serve, status, subscribers, tokens, users, vantage, verify, watch, week,
};
use crate::config::Environment;
use crate::failure::Result;
use crate::talk::{Loudness, Talk};
use crate::workspace::Session;

const AFTER: &str = "\
Exit codes:
  0  done
  1  could not be done; the message names the object and the remedy
  2  the command line is wrong
  3  there is no workspace, or its configuration is wrong
  4  done, but something was found wanting: findings of `doctor`, `lake check`, `feeds check`
     and `feeds health`, a broken chain in `audit verify`,
     rejects or unreadable reports with --strict

Data go to standard output, talk goes to standard error. Variables: WATCHFIRE_WORKSPACE names the
workspace, WATCHFIRE__SECTION__KEY overrides a value of watchfire.toml, WATCHFIRE_AS says who acts, WATCHFIRE_LOG sets what is
logged (as in `WATCHFIRE_LOG=debug`), NO_COLOR is honored.";

const AFTER_LONG: &str = "\
Examples:
  watchfire demo                          a made-up country, its feeds, its bulletin
  watchfire init here && cd here          a workspace of one's own
  watchfire ingest                        take in what the feeds delivered
  watchfire serve                         collect unattended
  watchfire week last                     the figures of the last whole week
  watchfire bulletin draft 2023-3         freeze an issue
  watchfire bulletin render 2023-3        print it";

/// The working system of a CERT: feeds in, the weekly bulletin out, every figure traceable.
#[derive(Debug, Parser)]
#[command(
    name = "watchfire",
    version,
    after_help = AFTER,
    after_long_help = format!("{AFTER_LONG}\n\n{AFTER}"),
    arg_required_else_help = true,
    max_term_width = 110
)]
struct Line {
    /// Workspace folder; without it the current folder, if it is one.
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        env = "WATCHFIRE_WORKSPACE",
        hide_env = true
    )]
    workspace: Option<PathBuf>,
    /// Write JSON to standard output.
    #[arg(long, global = true)]
    json: bool,
    /// Say only what went wrong.
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    quiet: bool,
    /// Say more; twice, log more.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
    #[command(subcommand)]
    command: Command,
}

/// Who acts, of commands that need a second person or say who it was.
#[derive(Debug, clap::Args)]
pub struct Acting {
    /// Who acts; without it WATCHFIRE_AS, and without that the login of this machine.
    // Under an id of its own: a command's argument of the same id would hide it.
    #[arg(id = "acting-as", long = "as", global = true, value_name = "LOGIN")]
    login: Option<String>,
}

/// Every command.
#[derive(Debug, Subcommand)]
enum Command {
    Init(init::Args),
    Demo(demo::Args),
    Config(config::Args),
    Reference(reference::Args),
    Feeds(feeds::Args),
    Status(status::Args),
    Doctor(doctor::Args),
    Parse(parse::Args),
    Fetch(fetch::Args),
    Ingest(ingest::Args),
    Serve(serve::Args),
    Health(health::Args),
    Tokens(tokens::Args),
    Rejects(rejects::Args),
    Incidents(incidents::Args),
    Inbox(inbox::Args),
    Notices(notices::Args),
    Orgs(orgs::Args),
    Contacts(contacts::Args),
    Route(route::Args),
    Verify(verify::Args),
    Vantage(vantage::Args),
    Evidence(evidence::Args),
    Respond(respond::Args),
    Watch(watch::Args),
    Week(week::Args),
    Query(query::Args),
    Import(import::Args),
    Executor(executor::Args),
    Exercise(exercise::Args),
    Export(export::Args),
    Rating(rating::Args),
    Infrastructure(infrastructure::Args),
    History(history::Args),
    Bulletin(bulletin::Args),
    Users(users::Args),
    Rollup(rollup::Args),
    Blocklist(blocklist::Args),
    Parallel(parallel::Args),
    Outpost(outpost::Args),
    Flash(flash::Args),
    Daily(daily::Args),
    Subscribers(subscribers::Args),
    Lake(lake::Args),
    Backup(backup::Args),
    Restore(restore::Args),
    Retention(retention::Args),
    Hold(hold::Args),
    Jobs(jobs::Args),
    Audit(audit::Args),
    Completions(completions::Args),
    Man(man::Args),
}

impl Command {
    /// Who acts, where the command line says it.
    fn acting(&self) -> Option<&str> {
        let acting = match self {
            Command::Bulletin(args) => &args.acting,
            Command::Users(args) => &args.acting,
            Command::Rollup(args) => &args.acting,
            Command::Flash(args) => &args.acting,
            Command::Blocklist(args) => &args.acting,
            Command::Subscribers(args) => &args.acting,
            Command::Notices(args) => &args.acting,
            Command::Orgs(args) => &args.acting,
            Command::Contacts(args) => &args.acting,
            Command::Inbox(args) => &args.acting,
            Command::Evidence(args) => &args.acting,
            _ => return None,
        };
        acting.login.as_deref()
    }

    fn run(self, session: &Session) -> Result {
        match self {
            Command::Init(args) => init::run(args, session),
            Command::Demo(args) => demo::run(args, session),
            Command::Config(args) => config::run(args, session),
            Command::Reference(args) => reference::run(args, session),
            Command::Feeds(args) => feeds::run(args, session),
            Command::Status(args) => status::run(args, session),
            Command::Doctor(args) => doctor::run(args, session),
            Command::Parse(args) => parse::run(args, session),
            Command::Fetch(args) => fetch::run(args, session),
            Command::Ingest(args) => ingest::run(args, session),
            Command::Serve(args) => serve::run(args, session),
            Command::Health(args) => health::run(args, session),
            Command::Tokens(args) => tokens::run(args, session),
            Command::Rejects(args) => rejects::run(args, session),
            Command::Incidents(args) => incidents::run(args, session),
            Command::Inbox(args) => inbox::run(args, session),
            Command::Notices(args) => notices::run(args, session),
            Command::Orgs(args) => orgs::run(args, session),
            Command::Contacts(args) => contacts::run(args, session),
            Command::Route(args) => route::run(args, session),
            Command::Verify(args) => verify::run(args, session),
            Command::Vantage(args) => vantage::run(args, session),
            Command::Evidence(args) => evidence::run(args, session),
            Command::Respond(args) => respond::run(args, session),
            Command::Watch(args) => watch::run(args, session),
            Command::Week(args) => week::run(args, session),
            Command::Query(args) => query::run(args, session),
            Command::Import(args) => import::run(args, session),
            Command::Executor(args) => executor::run(&args, session),
            Command::Exercise(args) => exercise::run(args, session),
            Command::Export(args) => export::run(args, session),
            Command::Rating(args) => rating::run(args, session),
            Command::Infrastructure(args) => infrastructure::run(args, session),
            Command::History(args) => history::run(args, session),
            Command::Bulletin(args) => bulletin::run(args, session),
            Command::Users(args) => users::run(args, session),
            Command::Rollup(args) => rollup::run(args, session),
            Command::Blocklist(args) => blocklist::run(args, session),
            Command::Parallel(args) => parallel::run(args, session),
            Command::Outpost(args) => outpost::run(args, session),
            Command::Flash(args) => flash::run(args, session),
            Command::Daily(args) => daily::run(args, session),
            Command::Subscribers(args) => subscribers::run(args, session),
            Command::Lake(args) => lake::run(args, session),
            Command::Backup(args) => backup::run(args, session),
            Command::Restore(args) => restore::run(args, session),
            Command::Retention(args) => retention::run(args, session),
            Command::Hold(args) => hold::run(args, session),
            Command::Jobs(args) => jobs::run(args, session),
            Command::Audit(args) => audit::run(args, session),
            Command::Completions(args) => completions::run(&args, session),
            Command::Man(args) => man::run(&args, session),
        }
    }
}

/// The command line as clap holds it, for completions and manual pages.
pub fn definition() -> clap::Command {
    Line::command()
}

/// Runs the process's command line.
pub fn run() -> ExitCode {
    let line = match Line::try_parse() {
        Ok(line) => line,
        Err(error) => {
            // Nobody reads on: that is no failure of ours.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let unattended = matches!(
        line.command,
        Command::Serve(_) | Command::Executor(_) | Command::Vantage(_)
    );
    log(line.verbose, unattended);
    let loudness = match (line.quiet, line.verbose) {
        (true, _) => Loudness::Quiet,
        (false, 0) => Loudness::Normal,
        (false, _) => Loudness::Verbose,
    };
    let environment = environment();
    let login = line
        .command
        .acting()
        .or(environment.get("WATCHFIRE_AS").map(String::as_str));
    let login = login
        .filter(|login| !login.trim().is_empty())
        .map(str::to_owned);
    let session = Session {
        folder: line
            .workspace
            .filter(|folder| !folder.as_os_str().is_empty()),
        login,
        json: line.json,
        talk: Talk::new(loudness),
        environment,
    };
    match line.command.run(&session) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

/// The environment as text; a variable that is no text cannot name anything in the configuration.
fn environment() -> Environment {
    let text = |(name, value): (OsString, OsString)| {
        Some((name.into_string().ok()?, value.into_string().ok()?))
    };
    std::env::vars_os().filter_map(text).collect()
}

/// A process that runs unattended says what it does; a command has its own voice for that.
fn log(verbose: u8, unattended: bool) {
    let level = match verbose {
        0 | 1 if !unattended => "warn",
        0..=2 => "info,sea_orm_migration=warn",
        _ => "debug",
    };
    let filter = EnvFilter::try_from_env("WATCHFIRE_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(false);
    match std::env::var("WATCHFIRE_LOG_FORMAT").as_deref() {
        Ok("json") => log.event_format(crate::json_log::Lines).init(),
        _ => log.init(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound_and_every_command_has_examples() {
        Line::command().debug_assert();
        for command in Line::command().get_subcommands() {
            let help = command
                .get_after_help()
                .map(ToString::to_string)
                .unwrap_or_default();
            assert!(
                help.contains("Example"),
                "{} shows no example",
                command.get_name()
            );
            assert!(
                command.get_about().is_some(),
                "{} says not what it does",
                command.get_name()
            );
        }
    }
}
