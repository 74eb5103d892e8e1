//! What was done in a week, read from the ledger's incidents: the cells `handled.*`, `takedown.*`,
//! `acknowledge.*` and `stock.*` of the handling statistics.
//!
//! Never counted in the scan of the week's events: an incident is worked over weeks and counts once,
//! in the week in which it was first both asked about and given an outcome (DOMAIN 5.2). Counting and
//! explaining share the cells, each a list of keys, so the lines behind a figure are as many as it says.

use std::collections::{BTreeMap, BTreeSet};

use ledger::{HandlingRow, Ledger, Standing, Stock};
use model::ids::{IncidentId, OrganizationId};
use model::incident::{CaseKind, IncidentState, Resolution};
use model::organization::Role;
use model::statistic::Counted;
use model::verification::Finding;

use crate::Result;
use crate::statistics::WeekTally;
use crate::statistics::explain::Line;
use crate::turnaround::{Case, DAY_MICROS, Turnaround};

/// The cell whose presence says that incidents are handled here: it is there, perhaps with nothing in
/// it, from the first week in which any was.
pub const BEGUN: &str = "handled.incident";

/// The stocks and their cells.
const STOCKS: [(&str, Stock); 5] = [
    ("stock.open", Stock::Open),
    ("stock.opened", Stock::Opened),
    ("stock.closed", Stock::Closed),
    ("stock.overdue", Stock::Overdue),
    ("stock.government", Stock::Government),
];

/// The handling of one week.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HandlingWeek {
    /// Keys of each cell: incidents by number, platforms and addresses by name.
    cells: BTreeMap<String, Vec<String>>,
    /// Counted and measured numbers that have no keys here.
    numbers: BTreeMap<String, u64>,
    /// The last change of an incident that is in a cell, or the instant given if that is later:
    /// microseconds UTC. Nothing that happened later is in any cell.
    pub as_of: i64,
}

/// An earlier reading of the ledger, to be read again as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Then {
    /// When the issue was frozen: what changed later is not seen. Microseconds UTC.
    pub frozen_at: i64,
    /// [`HandlingWeek::as_of`] of that reading, microseconds UTC.
    pub as_of: i64,
}

/// Reads the handling of a span (microseconds UTC, end exclusive), as it is or as it was; `None` while no
/// incident was ever handled. `known_at` is the last change of what else the week is made from.
///
/// # Errors
/// The ledger fails.
pub async fn handling_week(
    ledger: &Ledger,
    span: (i64, i64),
    known_at: i64,
    then: Option<Then>,
) -> Result<Option<HandlingWeek>> {
    if ledger
        .handling_began()
        .await?
        .is_none_or(|began| began >= span.1)
    {
        return Ok(None);
    }
    let ledger = ledger.standing(then.map(|then| then.frozen_at), span.1);
    let ledger = &ledger.await?;
    let handled = ledger.incidents_handled(span).await?;
    let opened = ledger.incidents_opened(span).await?;
    let mut week = HandlingWeek::default();
    let changed = handled.iter().chain(&opened).map(|row| row.changed_at);
    week.as_of = match then {
        Some(then) => then.as_of,
        None => changed.max().unwrap_or(0).max(known_at),
    };
    week.cells.entry(BEGUN.to_owned()).or_default();
    week.place_handled(ledger, &handled).await?;
    week.place_cohort(ledger, &opened).await?;
    for (cell, stock) in STOCKS {
        let count = ledger.stock(stock, span).await?;
        week.numbers.insert(cell.to_owned(), count);
    }
    Ok(Some(week))
}

/// How an incident stands, for the division of the handled by outcome.
fn outcome(row: &HandlingRow) -> &'static str {
    match row.resolution.map(|resolution| resolution.0) {
        Some(Resolution::Refused) => "refused",
        Some(Resolution::NoResponse) => "no-response",
        Some(Resolution::Moved) => "moved",
        _ if row.ended_at().is_some() => "ended",
        _ if row.state.0 == IncidentState::Acted => "acted",
        // Counted, and back since: it goes on.
        _ => "reopened",
    }
}

/// Whether a look from outside can tell that it is gone: time to takedown is measured on these.
fn can_be_taken_down(kind: CaseKind) -> bool {
    use CaseKind::*;
    matches!(
        kind,
        Phishing
            | MaliciousApp
            | MalwareHosting
            | ControlServer
            | MobileControlServer
            | Defacement
            | Backdoor
    )
}

/// How an incident is named where it is a key.
fn incident(number: i64) -> String {
    format!("incident {number}")
}

/// A key with the incidents behind it.
fn with_incidents(key: &str, numbers: &BTreeSet<i64>) -> String {
    let named: Vec<String> = numbers.iter().map(ToString::to_string).collect();
    let word = if numbers.len() == 1 {
        "incident"
    } else {
        "incidents"
    };
    format!("{key} ({word} {})", named.join(", "))
}

impl HandlingWeek {
    fn put(&mut self, cell: impl Into<String>, key: String) {
        self.cells.entry(cell.into()).or_default().push(key);
    }

    async fn place_handled(
        &mut self,
        ledger: &Standing<'_>,
        handled: &[HandlingRow],
    ) -> Result<()> {
        let ids: Vec<IncidentId> = handled.iter().map(|row| row.id.0).collect();
        let mut asked: BTreeMap<IncidentId, Vec<(Role, Option<OrganizationId>, bool)>> =
            BTreeMap::new();
        for party in ledger.parties_asked(&ids).await? {
            let organization = party.organization_id.map(|id| id.0);
            asked.entry(party.incident_id.0).or_default().push((
                party.role.0,
                organization,
                party.acted_at.is_some(),
            ));
        }
        let named: BTreeSet<OrganizationId> = asked
            .values()
            .flatten()
            .filter_map(|party| party.1)
            .collect();
        let named: Vec<OrganizationId> = named.into_iter().collect();
        let names = ledger.organization_names(&named).await?;
        let name = |id: &OrganizationId| {
            let known = names.get(id).map(|(en, _)| en.clone());
            known.unwrap_or_else(|| id.to_string())
        };
        let mut platforms: BTreeMap<OrganizationId, BTreeSet<i64>> = BTreeMap::new();
        let mut urls: BTreeMap<String, BTreeSet<i64>> = BTreeMap::new();
        for row in handled {
            let key = incident(row.number);
            let kind = row.kind.0;
            let parties = asked.get(&row.id.0).map_or(&[][..], Vec::as_slice);
            let roles: BTreeSet<Role> = parties.iter().map(|party| party.0).collect();
            self.put(BEGUN, key.clone());
            self.put(format!("handled.kind/{kind}"), key.clone());
            self.put(format!("handled.outcome/{}", outcome(row)), key.clone());
            let borders = row.borders();
            if !borders.is_empty() {
                self.put("handled.cross-border", key.clone());
            }
            for border in borders {
                self.put(format!("handled.border/{border}"), key.clone());
            }
            for role in &roles {
                let of_role = parties.iter().filter(|party| party.0 == *role);
                let who: BTreeSet<String> = of_role
                    .filter_map(|party| party.1.as_ref())
                    .map(name)
                    .collect();
                let who: Vec<String> = who.into_iter().collect();
                let line = format!("{key}: {}", who.join(", "));
                self.put(format!("handled.role/{role}"), line);
            }
            match kind {
                CaseKind::Phishing => {
                    let registrar =
                        roles.contains(&Role::Registrar) || roles.contains(&Role::Registry);
                    let overseas = roles.contains(&Role::OverseasCert);
                    if registrar {
                        self.put("handled.phishing.registrar", key.clone());
                    }
                    if overseas {
                        self.put("handled.phishing.overseas-cert", key.clone());
                    }
                    if registrar || overseas {
                        self.put("handled.phishing.partners", key);
                    }
                }
                CaseKind::MaliciousApp => {
                    // A platform acted if it says so, or if what it was asked about is gone.
                    let ended = row.ended_at().is_some();
                    let acted = parties
                        .iter()
                        .filter(|(role, _, acted)| *role == Role::AppPlatform && (*acted || ended));
                    for (_, platform, _) in acted {
                        if let Some(platform) = platform {
                            platforms.entry(*platform).or_default().insert(row.number);
                        }
                        let url = row.url.as_deref().unwrap_or(&row.key).to_owned();
                        urls.entry(url).or_default().insert(row.number);
                    }
                }
                _ => {}
            }
        }
        for (platform, numbers) in platforms {
            let key = with_incidents(&name(&platform), &numbers);
            self.put("handled.platform", key);
        }
        for (url, numbers) in urls {
            self.put("handled.url", with_incidents(&url, &numbers));
        }
        Ok(())
    }

    async fn place_cohort(&mut self, ledger: &Standing<'_>, opened: &[HandlingRow]) -> Result<()> {
        let noticed: Vec<&HandlingRow> = opened
            .iter()
            .filter(|row| row.noticed_at.is_some_and(|at| at <= self.as_of))
            .collect();
        let down_kinds: Vec<&HandlingRow> = opened
            .iter()
            .filter(|row| can_be_taken_down(row.kind.0))
            .collect();
        let down_noticed: Vec<&HandlingRow> = noticed
            .iter()
            .copied()
            .filter(|row| can_be_taken_down(row.kind.0))
            .collect();
        let ids: Vec<IncidentId> = down_kinds.iter().map(|row| row.id.0).collect();
        let findings = ledger.last_findings(&ids).await?;
        // By verification alone: a party's word takes nothing down.
        let takedown = |row: &HandlingRow, began: i64| Case {
            began,
            ended: row.gone_at,
            inconclusive: findings.get(&row.id.0) == Some(&Finding::Inconclusive),
        };
        let from_notice =
            |row: &&HandlingRow| takedown(row, row.noticed_at.unwrap_or(row.opened_at));
        let at = self.as_of;
        let down = Turnaround::of(down_noticed.iter().map(from_notice), at);
        let phishing = down_noticed
            .iter()
            .filter(|row| row.kind.0 == CaseKind::Phishing);
        let phishing = Turnaround::of(phishing.map(from_notice), at);
        let from_opening = Turnaround::of(
            down_kinds.iter().map(|row| takedown(row, row.opened_at)),
            at,
        );
        let acknowledged = Turnaround::of(
            noticed.iter().map(|row| Case {
                ended: row.acknowledged_at,
                ..from_notice(row)
            }),
            at,
        );
        for row in &down_noticed {
            let gone = row.gone_at.filter(|gone| *gone <= at);
            let key = incident(row.number);
            if gone.is_none() {
                self.put("takedown.open", key.clone());
                if findings.get(&row.id.0) == Some(&Finding::Inconclusive) {
                    self.put("takedown.inconclusive", key.clone());
                }
            }
            let began = row.noticed_at.unwrap_or(row.opened_at);
            if gone.is_some_and(|gone| gone - began <= DAY_MICROS) {
                self.put("takedown.within-day", key.clone());
            }
            self.put("takedown.n", key);
        }
        for row in &noticed {
            let key = incident(row.number);
            if row.acknowledged_at.is_none_or(|told| told > at) {
                self.put("acknowledge.open", key.clone());
            }
            self.put("acknowledge.n", key);
        }
        for (name, measured) in [
            ("takedown.median", down.median()),
            ("takedown.p90", down.p90()),
            ("takedown.phishing.median", phishing.median()),
            ("takedown.from-opening.median", from_opening.median()),
            ("acknowledge.median", acknowledged.median()),
            ("acknowledge.p90", acknowledged.p90()),
        ] {
            self.numbers
                .extend(measured.map(|minutes| (name.to_owned(), minutes)));
        }
        Ok(())
    }

    /// The size of each cell, by name.
    fn counts(&self) -> impl Iterator<Item = (String, u64)> {
        let cells = self
            .cells
            .iter()
            .map(|(cell, keys)| (cell.clone(), keys.len() as u64));
        let numbers = self
            .numbers
            .iter()
            .map(|(cell, count)| (cell.clone(), *count));
        cells.chain(numbers)
    }
}

/// Puts the week's handling into its tally.
pub(crate) fn place(tally: &mut WeekTally, week: &HandlingWeek) {
    let cells = week
        .counts()
        .map(|(cell, count)| (cell, Counted::imported(count)));
    tally.cells.extend(cells);
}

/// Calls `each` for every key of the cells and families of `inputs`, in their order. Measured numbers
/// have no keys of their own: the incidents they are measured on are those of `takedown.n` and
/// `acknowledge.n`.
///
/// # Errors
/// The ledger fails.
pub(crate) async fn explain(
    ledger: &Ledger,
    week: &HandlingWeek,
    span: (i64, i64),
    inputs: &[String],
    each: &mut (dyn FnMut(Line) + Send),
) -> Result<()> {
    let mut tell = |cell: &str, key: String| {
        each(Line {
            input: cell.to_owned(),
            key,
            feeds: Vec::new(),
            events: Vec::new(),
        });
    };
    for input in inputs {
        if let Some((cell, stock)) = STOCKS.iter().find(|(cell, _)| cell == input) {
            for number in ledger.stock_numbers(*stock, span).await? {
                tell(cell, incident(number));
            }
            continue;
        }
        let wanted = |cell: &str| {
            cell == input || (input.ends_with('/') && cell.starts_with(input.as_str()))
        };
        for (cell, keys) in week.cells.iter().filter(|(cell, _)| wanted(cell)) {
            for key in keys {
                tell(cell, key.clone());
            }
        }
    }
    Ok(())
}
