//! Counts weeks for the explorer of statistics.
//!
//! Reads the ledger and the lake only, so it takes no turn with the workspace. What was frozen never changes and is
//! kept; a week that is counted now is kept for a minute, a division and the names for as long as the lake stays.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bulletin::frozen::FrozenWeek;
use bulletin::history::week_of;
use bulletin::publish::Earlier;
use bulletin::statistics::breakdown::{By, Division};
use console::almanac::{Almanac, AlmanacError, Behind, CountedWeek, Names, Origin};
use ledger::HistoryKind;
use model::statistic::Statistic;
use model::time::ReportingWeek;

use super::super::Server;
use crate::failure::{Failure, Result};
use crate::weekly::{self, Desk};
use crate::weeks::Named;
use crate::workspace::Workspace;

/// How long a week that was counted is good for.
const FRESH: Duration = Duration::from_secs(60);
/// Divisions kept.
const DIVISIONS: usize = 64;

/// A division by snapshot, week and what it is by.
type DivisionKey = (i64, ReportingWeek, &'static str);

#[derive(Default)]
struct Kept {
    /// Frozen weeks by year, number and revision.
    frozen: HashMap<(i32, i32, i32), Arc<CountedWeek>>,
    /// Weeks counted now, and when.
    live: HashMap<ReportingWeek, (Instant, Arc<CountedWeek>)>,
    divisions: HashMap<DivisionKey, Arc<Vec<Division>>>,
    names: Option<(String, Arc<Names>)>,
}

/// The almanac of the serving process.
pub struct Office {
    server: Arc<Server>,
    kept: Mutex<Kept>,
    /// One count at a time: whoever waits finds what the one before has counted.
    counting: Mutex<()>,
}

impl Office {
    /// An almanac of the workspace that is served.
    pub fn new(server: Arc<Server>) -> Arc<Office> {
        Arc::new(Office {
            server,
            kept: Mutex::default(),
            counting: Mutex::default(),
        })
    }

    fn kept<T>(&self, act: impl FnOnce(&mut Kept) -> T) -> T {
        act(&mut self.kept.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn names(&self, workspace: &Workspace) -> Result<Arc<Names>> {
        let desk = Desk::new(workspace)?;
        let reference = desk.reference().to_owned();
        let known = self.kept(|kept| kept.names.clone());
        if let Some((of, names)) = known
            && of == reference
        {
            return Ok(names);
        }
        // Codes of provinces are NN0000, of which a table names some thirty.
        let provinces = (1..=99).map(|code| code * 10_000);
        let names = Arc::new(Names {
            provinces: provinces
                .filter_map(|code| Some((code, desk.province(code)?)))
                .collect(),
            sectors: weekly::sectors().collect(),
        });
        self.kept(|kept| kept.names = Some((reference, Arc::clone(&names))));
        Ok(names)
    }

    fn weeks(&self, workspace: &Workspace) -> Result<Vec<Arc<CountedWeek>>> {
        let ledger = &workspace.ledger;
        let settings = &workspace.settings;
        let series = &settings.series.id;
        let desk = Desk::new(workspace)?;
        let mut weeks: BTreeMap<ReportingWeek, Arc<CountedWeek>> = BTreeMap::new();
        for row in workspace.block_on(ledger.history(series, None))? {
            let Some(week) = week_of(&row, &settings.zone_name)? else {
                continue;
            };
            // What was printed holds over what was computed back from a later issue.
            if row.kind == HistoryKind::Published || !weeks.contains_key(&week.week) {
                let counted = counted(&desk, &week, Origin::Transcribed, 0);
                weeks.insert(week.week, Arc::new(counted));
            }
        }
        let public: HashMap<(i32, i32), Option<i32>> = workspace
            .block_on(ledger.published(series))?
            .into_iter()
            .map(|row| {
                let revision = row
                    .published_revision
                    .filter(|_| row.withdrawn_at.is_none());
                ((row.year, row.number), revision)
            })
            .collect();
        for ((year, number), revision) in workspace.block_on(ledger.baselines(series, i64::MAX))? {
            let origin = match public.get(&(year, number)).copied().flatten() {
                Some(public) if public == revision => Origin::Published,
                _ => Origin::Frozen,
            };
            let key = (year, number, revision);
            let known = self.kept(|kept| kept.frozen.get(&key).cloned());
            let counted = match known.filter(|known| known.origin == origin) {
                Some(known) => known,
                None => {
                    let row = ledger.issue(series, year, number, revision);
                    let Some(row) = workspace.block_on(row)? else {
                        continue;
                    };
                    let name = format!("{year}-{number}");
                    let frozen = FrozenWeek::from_json(&name, &row.statistics)?;
                    let counted = Arc::new(counted(&desk, &frozen, origin, revision));
                    self.kept(|kept| kept.frozen.insert(key, Arc::clone(&counted)));
                    counted
                }
            };
            weeks.insert(counted.week, counted);
        }
        Ok(weeks.into_values().collect())
    }

    fn live(&self, workspace: &Workspace, week: ReportingWeek) -> Result<Arc<CountedWeek>> {
        let fresh = || {
            let known = self.kept(|kept| kept.live.get(&week).cloned());
            known
                .filter(|(at, _)| at.elapsed() < FRESH)
                .map(|(_, counted)| counted)
        };
        if let Some(counted) = fresh() {
            return Ok(counted);
        }
        let _one = self.counting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(counted) = fresh() {
            return Ok(counted);
        }
        let desk = Desk::new(workspace)?;
        let named = Named::of(week, &workspace.settings);
        let found = desk.count(named, None)?;
        let mut counted = counted(&desk, &found.frozen, Origin::Live, 0);
        counted.number = named.issue;
        let counted = Arc::new(counted);
        self.kept(|kept| {
            kept.live.retain(|_, (at, _)| at.elapsed() < FRESH);
            kept.live
                .insert(week, (Instant::now(), Arc::clone(&counted)));
        });
        Ok(counted)
    }

    fn divide(
        &self,
        workspace: &Workspace,
        week: ReportingWeek,
        by: By,
    ) -> Result<Arc<Vec<Division>>> {
        let desk = Desk::new(workspace)?;
        let of = desk.week(Named::of(week, &workspace.settings), None)?;
        let key = (of.snapshot, week, by.as_str());
        if let Some(known) = self.kept(|kept| kept.divisions.get(&key).cloned()) {
            return Ok(known);
        }
        let _one = self.counting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = self.kept(|kept| kept.divisions.get(&key).cloned()) {
            return Ok(known);
        }
        let divisions = Arc::new(desk.wait(of.breakdown(by))?);
        self.kept(|kept| {
            kept.divisions
                .retain(|(snapshot, ..), _| *snapshot == of.snapshot);
            if kept.divisions.len() < DIVISIONS {
                kept.divisions.insert(key, Arc::clone(&divisions));
            }
        });
        Ok(divisions)
    }

    fn behind(
        &self,
        workspace: &Workspace,
        week: ReportingWeek,
        statistic: &'static Statistic,
        from: usize,
        most: usize,
    ) -> Result<Behind> {
        let _one = self.counting.lock().unwrap_or_else(PoisonError::into_inner);
        let desk = Desk::new(workspace)?;
        let of = desk.week(Named::of(week, &workspace.settings), None)?;
        let mut behind = Behind {
            snapshot: of.snapshot,
            ..Behind::default()
        };
        let mut at = 0;
        let mut each = |line: bulletin::statistics::explain::Line| {
            *behind.inputs.entry(line.input.clone()).or_default() += 1;
            if at >= from && behind.lines.len() < most {
                behind.lines.push(line);
            }
            at += 1;
        };
        desk.wait(of.explain(statistic, &mut each))?;
        Ok(behind)
    }

    /// Does something with the workspace on a thread that may wait.
    async fn blocking<T: Send + 'static>(
        self: &Arc<Self>,
        act: impl FnOnce(&Office, &Workspace) -> Result<T> + Send + 'static,
    ) -> Result<T, AlmanacError> {
        let office = Arc::clone(self);
        let done = tokio::task::spawn_blocking(move || {
            let workspace = office.server.workspace();
            act(&office, &workspace)
        });
        let done = done
            .await
            .unwrap_or_else(|error| Err(Failure::new("statistics", error)));
        done.map_err(|failure| AlmanacError(failure.message().to_owned()))
    }
}

fn counted(desk: &Desk<'_>, frozen: &FrozenWeek, origin: Origin, revision: i32) -> CountedWeek {
    let digest = desk.with_names(|names| Earlier::of(frozen, names));
    let changed: Vec<&str> = frozen
        .coverage
        .iter()
        .filter(|coverage| coverage.changed)
        .map(|coverage| coverage.feed.as_str())
        .collect();
    let of_changed =
        |sources: &[String]| sources.iter().any(|feed| changed.contains(&feed.as_str()));
    CountedWeek {
        week: frozen.week,
        number: Some(frozen.issue).filter(|issue| issue.number > 0),
        revision,
        origin,
        figures: digest.figures,
        changed: frozen
            .values
            .iter()
            .filter(|value| of_changed(&value.sources))
            .map(|value| value.statistic.clone())
            .collect(),
    }
}

/// The trait's face of an [`Office`], which has to hand itself to other threads.
pub struct Shared(pub Arc<Office>);

#[async_trait::async_trait]
impl Almanac for Shared {
    async fn names(&self) -> Result<Arc<Names>, AlmanacError> {
        self.0
            .blocking(|office, workspace| office.names(workspace))
            .await
    }

    async fn weeks(&self) -> Result<Vec<Arc<CountedWeek>>, AlmanacError> {
        self.0
            .blocking(|office, workspace| office.weeks(workspace))
            .await
    }

    async fn live(&self, week: ReportingWeek) -> Result<Arc<CountedWeek>, AlmanacError> {
        self.0
            .blocking(move |office, workspace| office.live(workspace, week))
            .await
    }

    async fn divide(
        &self,
        week: ReportingWeek,
        by: By,
    ) -> Result<Arc<Vec<Division>>, AlmanacError> {
        self.0
            .blocking(move |office, workspace| office.divide(workspace, week, by))
            .await
    }

    async fn behind(
        &self,
        week: ReportingWeek,
        statistic: &'static Statistic,
        from: usize,
        most: usize,
    ) -> Result<Behind, AlmanacError> {
        let act = move |office: &Office, workspace: &Workspace| {
            office.behind(workspace, week, statistic, from, most)
        };
        self.0.blocking(act).await
    }
}
