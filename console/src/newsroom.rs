//! What the bulletin desk asks of the newsroom: what needs the whole workspace (counting, checking, rendering with
//! fonts, writing the site). The binary answers with the functions behind its commands; what the ledger and the
//! bulletin crate answer alone, the desk asks them itself.

use async_trait::async_trait;
use bulletin::change::ChangeExplanation;
use bulletin::lint::Finding;
use bulletin::render::{Form, Rendition};
use bulletin::statistics::explain::Line;
use jiff::civil::Date;
use ledger::{Flash, Hash};
use model::bulletin::{Bulletin, Lang, Tlp};
use model::issue::IssueNumber;
use model::period::ReportingPeriod;

/// Why the newsroom does not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Declined {
    /// There is no such issue, revision, figure or file.
    #[error("nothing is here")]
    Absent,
    /// The state of things, or a rule, forbids it; in one sentence that names the object.
    #[error("{0}")]
    Refused(String),
    /// Something broke.
    #[error("{0}")]
    Broken(String),
}

/// What the newsroom answers.
pub type Told<T> = Result<T, Declined>;

/// Work that takes longer than a page may. It is stored with its job until it is done.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "task", rename_all = "snake_case")]
pub enum Task {
    /// Compose the issue of a week, anew from frozen figures or from a new count.
    Draft {
        /// What a new revision changes; printed in it. Needed once an issue was approved.
        note: String,
        /// Why frozen figures are counted anew.
        refreeze: Option<String>,
    },
    /// Render an approved revision and put it on the site.
    Publish {
        /// In these forms; empty: in all.
        forms: Vec<Form>,
    },
    /// Count the week as it would be counted now, and propose corrections.
    Late,
    /// Take a public issue back, for a reason in Chinese and in English.
    Withdraw {
        /// Chinese.
        zh: String,
        /// English.
        en: String,
    },
}

/// Which [`Task`] a piece of work is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Kind {
    Draft,
    Publish,
    Late,
    Withdraw,
}

impl Task {
    /// Its kind.
    pub fn kind(&self) -> Kind {
        match self {
            Task::Draft { .. } => Kind::Draft,
            Task::Publish { .. } => Kind::Publish,
            Task::Late => Kind::Late,
            Task::Withdraw { .. } => Kind::Withdraw,
        }
    }
}

/// How far a piece of work is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Another change of the workspace goes first.
    Waiting,
    /// Figures are counted and composed.
    Counting,
    /// The forms are rendered.
    Rendering,
    /// The site is written.
    Site,
}

impl Stage {
    /// Each with the word that the ledger stores.
    const NAMES: [(Stage, &str); 4] = [
        (Stage::Waiting, "waiting"),
        (Stage::Counting, "counting"),
        (Stage::Rendering, "rendering"),
        (Stage::Site, "site"),
    ];

    /// Its word.
    pub fn name(self) -> &'static str {
        let found = Stage::NAMES.into_iter().find(|(stage, _)| *stage == self);
        found.map_or("waiting", |(_, name)| name)
    }

    /// The stage of a word.
    pub fn named(name: &str) -> Option<Stage> {
        let found = Stage::NAMES.into_iter().find(|(_, known)| *known == name);
        found.map(|(stage, _)| stage)
    }
}

/// What a piece of work came to.
#[derive(
    Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// A revision is stored.
    Drafted {
        /// Which.
        revision: i32,
        /// Whether it is a new one.
        new: bool,
        /// Whether its figures are frozen.
        frozen: bool,
    },
    /// It is public, and on the site of every node that has one within seconds.
    Public {
        /// Files on the site.
        files: usize,
    },
    /// It was counted again.
    Counted {
        /// Corrections that are proposed.
        corrections: usize,
    },
    /// It was not done.
    Failed {
        /// Why, in one sentence.
        why: String,
    },
}

/// A piece of work, under way or done. It is a job of the ledger, the same on every node; each may be begun again, and
/// then finishes what was interrupted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Work {
    /// Number of its job.
    pub id: i64,
    /// About which issue.
    pub issue: IssueNumber,
    /// What it is.
    pub kind: Kind,
    /// Who asked for it.
    pub by: String,
    /// When, microseconds UTC.
    pub begun_at: i64,
    /// How far it is.
    pub stage: Stage,
    /// When it ended.
    pub ended_at: Option<i64>,
    /// What it came to, once it ended.
    pub outcome: Option<Outcome>,
}

/// What the check of a revision found.
#[derive(Clone, Debug, Default)]
pub struct Checked {
    /// The revision.
    pub revision: i32,
    /// Everything found, in the order of the rules.
    pub findings: Vec<Finding>,
}

/// A question for what stands behind a figure.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Asked {
    /// The issue.
    pub issue: IssueNumber,
    /// Its revision: records are read at the snapshot that it was counted from.
    pub revision: i32,
    /// The statistic.
    pub statistic: String,
    /// Cells whose keys are listed; one that ends with `/` stands for all that begin so. Empty: all.
    pub cells: Vec<String>,
    /// Keys that are listed at most.
    pub most: usize,
    /// A key whose raw lines are read; the first that is listed where it is empty.
    pub key: String,
}

/// A raw line and where it lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raw {
    /// The report.
    pub report: String,
    /// Its feed.
    pub feed: String,
    /// Name it came under.
    pub origin: String,
    /// Line in the report.
    pub line: u64,
    /// The event that was read from it.
    pub event: String,
    /// What it says.
    pub text: String,
    /// When the report was received, microseconds UTC.
    pub received_at: i64,
    /// Hash of the archived report.
    pub archive: Hash,
}

/// What stands behind a figure.
#[derive(Clone, Debug, Default)]
pub struct Behind {
    /// The lake's snapshot.
    pub snapshot: i64,
    /// The SELECT whose rows hold the keys.
    pub query: String,
    /// Keys by cell, in the order of the definition.
    pub cells: Vec<(String, u64)>,
    /// The first keys with their events.
    pub lines: Vec<Line>,
    /// The key that is opened.
    pub open: Option<Line>,
    /// Raw lines of its first events.
    pub raws: Vec<Raw>,
    /// What rules of retention took of the week, a sentence each.
    pub gone: Vec<String>,
}

/// A daily sheet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Daily {
    /// Whether nothing reportable happened.
    pub zero: bool,
    /// Feeds without data of the day.
    pub silent: Vec<String>,
    /// The page.
    pub html: String,
    /// The same as plain text.
    pub text: String,
}

/// The newsroom. Every function that changes something asks itself whether the login may.
#[async_trait]
pub trait Newsroom: Send + Sync {
    /// How far what the house publishes may be passed on.
    fn tlp(&self) -> Tlp;

    /// Plans the issues of so many weeks, from the one before this on.
    async fn plan(&self, weeks: u16, by: &str) -> Told<()>;

    /// Asks for work on an issue, which is done by whoever works. There is one piece of work an issue at a time.
    async fn begin(&self, issue: IssueNumber, task: Task, by: &str) -> Told<Work>;

    /// The newest pieces of work, whichever node began or did them, newest first.
    async fn works(&self) -> Told<Vec<Work>>;

    /// What the check of the newest revision finds. Nothing is stored.
    async fn findings(&self, issue: IssueNumber) -> Told<Checked>;

    /// The same, checked anew, and what it came to stored.
    async fn check(&self, issue: IssueNumber, by: &str) -> Told<Checked>;

    /// Signs a revision, which must be the newest, after it was checked anew.
    async fn approve(&self, issue: IssueNumber, revision: i32, by: &str) -> Told<()>;

    /// A stored revision in a form and language, as files.
    async fn render(
        &self,
        issue: IssueNumber,
        revision: i32,
        form: Form,
        lang: Lang,
    ) -> Told<Vec<Rendition>>;

    /// What stands behind a figure.
    async fn behind(&self, asked: Asked) -> Told<Behind>;

    /// Why a figure changed.
    async fn change(&self, issue: IssueNumber, statistic: &str) -> Told<ChangeExplanation>;

    /// Puts an approved alert out.
    async fn publish_flash(&self, key: (i32, i32), by: &str) -> Told<Flash>;

    /// Takes an alert back.
    async fn withdraw_flash(&self, key: (i32, i32), reason: &str, by: &str) -> Told<Flash>;

    /// An alert as its page.
    async fn flash_page(&self, key: (i32, i32), lang: Lang) -> Told<String>;

    /// The sheet about a day, with who confirms its zero report.
    async fn daily(&self, day: Date, confirmed_by: Option<&str>, lang: Lang) -> Told<Daily>;

    /// Counts a period and stores its edition: the revision that says so, and whether it is new.
    async fn rollup(&self, period: ReportingPeriod, by: &str) -> Told<(i32, bool)>;

    /// A stored edition of a period for print.
    async fn rollup_pdf(
        &self,
        edition: Bulletin,
        period: ReportingPeriod,
        lang: Lang,
    ) -> Told<Rendition>;
}
