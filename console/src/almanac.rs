//! The weeks' figures as the explorer of statistics shows them: what was frozen and transcribed, and the week that
//! runs, counted now.
//!
//! Counting needs the whole workspace, so it is reached through [`Almanac`], which the program implements.

use std::collections::BTreeMap;
use std::sync::Arc;

use bulletin::publish::Figure;
use bulletin::statistics::breakdown::{By, Division};
use model::bulletin::Text;
use model::issue::IssueNumber;
use model::statistic::Statistic;
use model::time::ReportingWeek;

/// Why a figure cannot be had.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct AlmanacError(pub String);

/// Where a week's figures come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Published here.
    Published,
    /// Frozen for a draft that is not public.
    Frozen,
    /// Read from a back issue of others.
    Transcribed,
    /// Counted just now; it changes until the week is frozen.
    Live,
}

/// A week's figures.
#[derive(Clone, Debug)]
pub struct CountedWeek {
    /// The week.
    pub week: ReportingWeek,
    /// Its number in the series, where it has one.
    pub number: Option<IssueNumber>,
    /// Revision of the issue that they were frozen for; 0 where there is none.
    pub revision: i32,
    /// Where they come from.
    pub origin: Origin,
    /// The figures, in printed order.
    pub figures: Vec<Figure>,
    /// Statistics of which a source changed in this week: their series break here.
    pub changed: Vec<String>,
}

impl CountedWeek {
    /// A figure by the id of its statistic and its part; an empty part is the whole.
    pub fn figure(&self, statistic: &str, part: &str) -> Option<&Figure> {
        self.figures
            .iter()
            .find(|figure| figure.statistic == statistic && figure.part == part)
    }
}

/// Names that figures and events are printed with.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// Provinces by GB/T 2260 code NN0000.
    pub provinces: BTreeMap<u32, Text>,
    /// Sectors by id.
    pub sectors: BTreeMap<String, Text>,
}

/// Keys behind a figure.
#[derive(Clone, Debug, Default)]
pub struct Behind {
    /// One line a counted key, in the order of inputs and keys; those from the asked place on.
    pub lines: Vec<bulletin::statistics::explain::Line>,
    /// Lines in all, by input.
    pub inputs: BTreeMap<String, u64>,
    /// Snapshot of the lake that they were counted at.
    pub snapshot: i64,
}

/// Counts weeks.
#[async_trait::async_trait]
pub trait Almanac: Send + Sync {
    /// Names of provinces and sectors.
    async fn names(&self) -> Result<Arc<Names>, AlmanacError>;

    /// Every week that was frozen or transcribed, oldest first.
    async fn weeks(&self) -> Result<Vec<Arc<CountedWeek>>, AlmanacError>;

    /// A week counted now; kept for a minute.
    async fn live(&self, week: ReportingWeek) -> Result<Arc<CountedWeek>, AlmanacError>;

    /// A week's counts divided, as far as they are counted from events.
    async fn divide(&self, week: ReportingWeek, by: By)
    -> Result<Arc<Vec<Division>>, AlmanacError>;

    /// Keys behind a figure: `most` lines from the line `from` on.
    async fn behind(
        &self,
        week: ReportingWeek,
        statistic: &'static Statistic,
        from: usize,
        most: usize,
    ) -> Result<Behind, AlmanacError>;
}
