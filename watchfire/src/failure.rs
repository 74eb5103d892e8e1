//! A command that did not do what it was asked: what, why, the remedy, and the exit code.

use std::fmt::Display;
use std::process::ExitCode;

use crate::config::Problem;

/// What the process answers to its caller. Documented in `watchfire --help`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It could not be done.
    Failed = 1,
    /// The command line is wrong.
    Usage = 2,
    /// The configuration is wrong, or there is none.
    Configuration = 3,
    /// It was done, and something was found wanting: findings of `doctor`, rejects with `--strict`.
    Findings = 4,
}

/// Why a command ended early. It prints as `watchfire: <what>: <why>` and a line with the remedy.
#[derive(Debug)]
pub struct Failure {
    lines: Vec<(String, Option<String>)>,
    exit: Exit,
    /// Whether machines stand in the way, and no rule and nothing that a person can put right in what was asked.
    outage: bool,
}

/// What commands return.
pub type Result<T = (), E = Failure> = std::result::Result<T, E>;

impl Failure {
    /// It could not be done: `what` is the object, `why` the reason.
    pub fn new(what: impl Display, why: impl Display) -> Self {
        Failure {
            lines: vec![(format!("{what}: {why}"), None)],
            exit: Exit::Failed,
            outage: false,
        }
    }

    /// The command line is wrong in a way that clap cannot know.
    pub fn usage(what: impl Display, why: impl Display) -> Self {
        Failure {
            exit: Exit::Usage,
            ..Failure::new(what, why)
        }
    }

    /// The configuration is wrong.
    pub fn configuration(problems: Vec<Problem>) -> Self {
        let lines = problems
            .into_iter()
            .map(|problem| (problem.to_string(), problem.remedy))
            .collect();
        Failure {
            lines,
            exit: Exit::Configuration,
            outage: false,
        }
    }

    /// Everything was done and said already; only the exit code remains.
    pub fn findings() -> Self {
        Failure {
            lines: Vec::new(),
            exit: Exit::Findings,
            outage: false,
        }
    }

    /// Adds what to do about it.
    pub fn remedy(mut self, remedy: impl Display) -> Self {
        if let Some(line) = self.lines.last_mut() {
            line.1 = Some(remedy.to_string());
        }
        self
    }

    /// With another exit code.
    pub fn with(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }

    /// Machines stand in the way: another time, or on another node, it may go well.
    pub fn outage(self) -> Self {
        Failure {
            outage: true,
            ..self
        }
    }

    /// Whether it may go well another time, asked for as it was.
    pub fn is_outage(&self) -> bool {
        self.outage
    }

    /// The first line, for whoever shows it elsewhere.
    pub fn message(&self) -> &str {
        self.lines.first().map_or("", |(line, _)| line)
    }

    /// What the remedy is, where there is one.
    pub fn remedy_text(&self) -> Option<&str> {
        self.lines.first()?.1.as_deref()
    }

    /// Prints the failure on standard error.
    pub fn report(&self) -> ExitCode {
        for (line, remedy) in &self.lines {
            crate::talk::line(format_args!("watchfire: {}", crate::table::clean(line)));
            if let Some(remedy) = remedy.as_deref().or_else(|| of_the_machine(line)) {
                crate::talk::line(format_args!("  remedy: {}", crate::table::clean(remedy)));
            }
        }
        ExitCode::from(self.exit as u8)
    }

    /// Standard output could not be written. A reader that has seen enough (`| head`) is no failure.
    pub fn output(error: &std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::BrokenPipe {
            std::process::exit(0);
        }
        Failure::new("standard output", error)
    }
}

/// What to do about a fault of the disk, told by the words of the system and of SQLite: any crate may meet one.
fn of_the_machine(message: &str) -> Option<&'static str> {
    const FAULTS: [(&[&str], &str); 4] = [
        (
            &["(os error 28)", "disk is full"],
            "make room on the disk and run the command again; what was committed is safe",
        ),
        (
            &["(os error 5)", "disk I/O error"],
            "look at the disk and the system's log, then run the command again; what was committed is safe",
        ),
        (
            &["(os error 30)", "(os error 13)", "readonly database"],
            "run it where the workspace can be written; commands that only read work on it as it is",
        ),
        (
            &["database is locked"],
            "end the other program that has ledger.db open, or wait for it",
        ),
    ];
    FAULTS
        .iter()
        .find(|(signs, _)| signs.iter().any(|sign| message.contains(sign)))
        .map(|(_, remedy)| *remedy)
}

/// The crates' messages name object, reason and often the remedy; here the rest gets one.
fn told(message: String, label: &str) -> Failure {
    let remedy = match label {
        "busy" => Some(
            "wait for the other command; if none runs, look which program has ledger.db open (PostgreSQL: pg_stat_activity)",
        ),
        "blob-missing" | "blob-corrupt" | "database-corrupt" => Some(
            "restore the workspace from a backup; `watchfire doctor --deep` lists what is damaged",
        ),
        "lake-run-damaged" => Some("watchfire doctor"),
        "lake-query-refused" => {
            Some("ask a SELECT over `events` or `events_raw`; `watchfire query --help` shows some")
        }
        "lake-query" => Some("columns are listed by `watchfire query --columns`"),
        "intake-unknown-feed" => Some("watchfire feeds list"),
        "reference-unknown-kind" => Some("watchfire reference import --help"),
        _ => None,
    };
    // The engine lists every column there is; the remedy says where to find them.
    let message = match message
        .find(". Valid fields are")
        .or_else(|| message.find(".\nValid fields are"))
    {
        Some(end) => message[..end].trim_end().trim_end_matches('.').to_owned(),
        None => message,
    };
    let failure = Failure {
        lines: vec![(message, None)],
        exit: Exit::Failed,
        outage: false,
    };
    match remedy {
        Some(remedy) => failure.remedy(remedy),
        None => failure,
    }
}

impl From<ledger::Error> for Failure {
    fn from(error: ledger::Error) -> Self {
        if let ledger::Error::Server {
            server,
            reason,
            remedy,
        } = &error
        {
            return Failure::new(server, reason).remedy(remedy).outage();
        }
        let failure = told(error.to_string(), error.label());
        match error.is_outage() {
            true => failure.outage(),
            false => failure,
        }
    }
}

impl From<lake::Error> for Failure {
    fn from(error: lake::Error) -> Self {
        told(error.to_string(), error.label()).outage()
    }
}

impl From<storage::Error> for Failure {
    fn from(error: storage::Error) -> Self {
        told(error.to_string(), error.label()).outage()
    }
}

impl From<intake::Error> for Failure {
    fn from(error: intake::Error) -> Self {
        told(error.to_string(), error.label())
    }
}

impl From<reference::Error> for Failure {
    fn from(error: reference::Error) -> Self {
        told(error.to_string(), error.label())
    }
}

impl From<bulletin::Error> for Failure {
    fn from(error: bulletin::Error) -> Self {
        match error {
            bulletin::Error::Ledger(error) => error.into(),
            bulletin::Error::Lake(error) => error.into(),
            bulletin::Error::Scan(_) => told(error.to_string(), error.label()).outage(),
            other => told(other.to_string(), other.label()),
        }
    }
}

impl From<response::Error> for Failure {
    fn from(error: response::Error) -> Self {
        match error {
            response::Error::Ledger(error) => error.into(),
            response::Error::Lake(error) => error.into(),
            other => told(other.to_string(), "response"),
        }
    }
}

impl From<formats::Unreadable> for Failure {
    fn from(error: formats::Unreadable) -> Self {
        told(error.to_string(), "formats-unreadable")
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        told(format!("{error:#}"), "other")
    }
}
