//! What can go wrong between stored events and a bulletin.

/// This crate's results.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a week could not be counted, rated or composed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The lake has another type for a column than its table says.
    #[error("column {column} of the lake has type {found}, which no statistic can read")]
    ColumnType {
        /// The column.
        column: String,
        /// Its type.
        found: String,
    },
    /// No such statistic.
    #[error("statistic {id} is unknown: the statistics are {known}")]
    UnknownStatistic {
        /// What was asked for.
        id: String,
        /// All there are.
        known: String,
    },
    /// No such division.
    #[error("counts cannot be divided by `{name}`, but by {known}")]
    UnknownDivision {
        /// What was asked for.
        name: String,
        /// All there are.
        known: String,
    },
    /// A rating profile does not parse or contradicts itself.
    #[error("rating profile {name}: {reason}")]
    Profile {
        /// File or identifier.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// No such rating profile.
    #[error("rating profile {id} is unknown: the profiles are {known}")]
    UnknownProfile {
        /// What was asked for.
        id: String,
        /// All there are.
        known: String,
    },
    /// A stored week cannot be read.
    #[error("frozen week {name}: {reason}")]
    Frozen {
        /// The issue.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// A table of back issues cannot be read.
    #[error("history table, line {line}: {reason}")]
    History {
        /// The line, from 1.
        line: u64,
        /// What is wrong.
        reason: String,
    },
    /// The ledger failed.
    #[error(transparent)]
    Ledger(#[from] ledger::Error),
    /// The lake failed.
    #[error(transparent)]
    Lake(#[from] lake::Error),
    /// A composed issue contradicts itself.
    #[error("bulletin {issue}: {reason}")]
    Composed {
        /// The issue.
        issue: String,
        /// What is wrong.
        reason: String,
    },
    /// What an editor wrote cannot be placed.
    #[error("block {block}: {reason}")]
    Editorial {
        /// The block.
        block: String,
        /// What is wrong, and the remedy.
        reason: String,
    },
    /// A statistic whose change has no parts: a share, a rank, a word, a time.
    #[error(
        "statistic {id} is no count of things: its change cannot be split, that of {instead} can"
    )]
    NotACount {
        /// The statistic.
        id: String,
        /// What to ask for instead.
        instead: String,
    },
    /// A scan failed underway.
    #[error("the scan of the lake failed: {0}")]
    Scan(String),
    /// No font for Chinese.
    #[error(
        "no font covers both 网 and Latin letters in {searched}: install the Debian package fonts-noto-cjk, or name a folder with --font-dir"
    )]
    NoFont {
        /// The folders that were searched.
        searched: String,
    },
    /// A font folder or file that was asked for cannot be read.
    #[error("font path {}: cannot be read: {source}", path.display())]
    FontFile {
        /// The path.
        path: std::path::PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The typesetter refused; a fault of ours, as its input is escaped and its template fixed.
    #[error("bulletin {issue}: the PDF could not be set: {reason}")]
    Typeset {
        /// The issue.
        issue: String,
        /// What the typesetter says.
        reason: String,
    },
}

impl Error {
    /// Stable label, for logs and machine-readable output.
    pub fn label(&self) -> &'static str {
        match self {
            Error::ColumnType { .. } => "column-type",
            Error::UnknownStatistic { .. } => "unknown-statistic",
            Error::UnknownDivision { .. } => "unknown-division",
            Error::Profile { .. } => "profile",
            Error::Frozen { .. } => "frozen-week",
            Error::History { .. } => "history",
            Error::Ledger(_) => "ledger",
            Error::Lake(_) => "lake",
            Error::Scan(_) => "scan",
            Error::Composed { .. } => "composed",
            Error::Editorial { .. } => "editorial",
            Error::NotACount { .. } => "not-a-count",
            Error::UnknownProfile { .. } => "unknown-profile",
            Error::NoFont { .. } => "no-font",
            Error::FontFile { .. } => "font-file",
            Error::Typeset { .. } => "typeset",
        }
    }
}
