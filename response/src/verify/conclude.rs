//! From many findings to one conclusion. Pure: looks, rules and the time are handed in.
//!
//! Inconclusive looks are left out before anything is counted, so that no number of them can make
//! something down; they only decide how soon it is looked at again. Looks at one instant are one: a
//! single `present` among them outweighs all others.

use model::time::Timestamp;
use model::verification::{Client, Finding, ProbeKind};
use serde::{Deserialize, Serialize};

/// One finding, with what counts of its look.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Look {
    /// When.
    pub at: Timestamp,
    /// How.
    pub probe: ProbeKind,
    /// As whom.
    pub client: Client,
    /// From where: the name of the vantage.
    pub vantage: String,
    /// What.
    pub finding: Finding,
}

/// What it takes. Durations in seconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rules {
    /// Findings of down that are needed, each at least an interval after the one before.
    pub independent: u32,
    /// Time between findings that count as independent.
    pub interval_secs: i64,
    /// Whether at least one must come from a client like a victim's, where clients can be shown
    /// different things. Registries, resolvers and ports show all clients the same.
    pub victim_like: bool,
    /// Wait after the first look that changed nothing; it doubles with each further one.
    pub first_wait_secs: i64,
    /// Longest wait while it is not down.
    pub most_wait_secs: i64,
    /// Time after closing during which it is looked at for a return.
    pub watch_secs: i64,
    /// Longest wait while it is watched.
    pub watch_wait_secs: i64,
}

impl Default for Rules {
    fn default() -> Self {
        Rules {
            independent: 3,
            interval_secs: 3_600,
            victim_like: true,
            first_wait_secs: 900,
            most_wait_secs: 6 * 3_600,
            watch_secs: 14 * 86_400,
            watch_wait_secs: 86_400,
        }
    }
}

/// How it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "standing")]
pub enum Standing {
    /// Down, between two instants.
    Down {
        /// When it was last seen up; `None` where no look ever found it up.
        last_seen_up: Option<Timestamp>,
        /// When it was first seen gone.
        first_seen_gone: Timestamp,
        /// The look with which enough was known.
        confirmed: Timestamp,
    },
    /// Up.
    Up {
        /// The last look that found it.
        last_seen: Timestamp,
    },
    /// Not enough is known.
    Undecided {
        /// When it was last seen up.
        last_seen_up: Option<Timestamp>,
        /// Where something speaks for down: since when.
        first_seen_gone: Option<Timestamp>,
    },
}

/// What follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Conclusion {
    /// How it stands.
    pub standing: Standing,
    /// When to look again: never before the time handed in; `None` once watching is over.
    pub next_look_at: Option<Timestamp>,
    /// It was closed and is back: open it again.
    pub returned: bool,
    /// Until when it is watched, where it was closed.
    pub watch_until: Option<Timestamp>,
}

impl Conclusion {
    /// Whether it counts as down.
    pub fn is_down(&self) -> bool {
        matches!(self.standing, Standing::Down { .. })
    }
}

fn after(at: Timestamp, secs: i64) -> Timestamp {
    Timestamp(at.0.saturating_add(secs.saturating_mul(1_000_000)))
}

/// Looks of one instant.
#[derive(Clone, Copy)]
struct Moment {
    at: Timestamp,
    up: bool,
    down: bool,
    /// A finding of down by a client like a victim's, or by what shows all clients the same.
    seen_as_victim: bool,
}

/// What many looks come to. `closed_at` is when the incident was closed as down, if it was. Looks
/// later than `now` are not counted.
pub fn conclude(
    history: &[Look],
    rules: &Rules,
    closed_at: Option<Timestamp>,
    now: Timestamp,
) -> Conclusion {
    let moments = moments(history, now);
    let telling = || moments.iter().filter(|moment| moment.up || moment.down);
    let last_seen_up = telling().filter(|m| m.up).map(|m| m.at).max();
    let run: Vec<Moment> = telling()
        .filter(|m| !m.up && last_seen_up.is_none_or(|up| m.at > up))
        .copied()
        .collect();
    let standing = match (run.first(), last_seen_up) {
        (Some(first), _) => match confirmed(&run, rules) {
            Some(confirmed) => Standing::Down {
                last_seen_up,
                first_seen_gone: first.at,
                confirmed,
            },
            None => Standing::Undecided {
                last_seen_up,
                first_seen_gone: Some(first.at),
            },
        },
        (None, Some(last_seen)) => Standing::Up { last_seen },
        (None, None) => Standing::Undecided {
            last_seen_up: None,
            first_seen_gone: None,
        },
    };
    let watch_until = closed_at.map(|at| after(at, rules.watch_secs));
    let returned = match (closed_at, standing) {
        (Some(closed), Standing::Up { last_seen }) => last_seen > closed,
        _ => false,
    };
    let next = next_look(&moments, &run, standing, rules, watch_until);
    Conclusion {
        standing,
        next_look_at: match next {
            Next::At(at) => Some(at.max(now)),
            Next::Now => Some(now),
            Next::Never => None,
        }
        .filter(|at| returned || watch_until.is_none_or(|until| *at <= until)),
        returned,
        watch_until,
    }
}

fn moments(history: &[Look], now: Timestamp) -> Vec<Moment> {
    let mut looks: Vec<&Look> = history.iter().filter(|look| look.at <= now).collect();
    looks.sort_by_key(|look| look.at);
    let same = |one: &&Look, other: &&Look| one.at == other.at;
    looks
        .chunk_by(same)
        .map(|looks| {
            let down = |look: &&&Look| look.finding.is_down();
            Moment {
                at: looks[0].at,
                up: looks.iter().any(|look| look.finding.is_up()),
                down: looks.iter().any(|look| look.finding.is_down()),
                seen_as_victim: looks.iter().filter(down).any(|look| {
                    look.client == Client::Victim
                        || matches!(
                            look.probe,
                            ProbeKind::Dns | ProbeKind::Tcp | ProbeKind::Person
                        )
                }),
            }
        })
        .collect()
}

/// The look with which enough was known. Taking each look as early as it counts gives the most that
/// count.
fn confirmed(run: &[Moment], rules: &Rules) -> Option<Timestamp> {
    let mut counted = 0;
    let mut next = Timestamp(i64::MIN);
    let mut as_victim = !rules.victim_like;
    for moment in run {
        if moment.at >= next {
            counted += 1;
            next = after(moment.at, rules.interval_secs.max(1));
        }
        as_victim |= moment.seen_as_victim;
        if counted >= rules.independent.max(1) && as_victim {
            return Some(moment.at);
        }
    }
    None
}

enum Next {
    Now,
    At(Timestamp),
    Never,
}

fn next_look(
    moments: &[Moment],
    run: &[Moment],
    standing: Standing,
    rules: &Rules,
    watch_until: Option<Timestamp>,
) -> Next {
    let Some(last) = moments.last() else {
        return Next::Now;
    };
    // Looks in a row, from the last one back, that said the same.
    let same = moments
        .iter()
        .rev()
        .take_while(|moment| (moment.up, moment.down) == (last.up, last.down))
        .count();
    let doubled = |most: i64| {
        let times = u32::try_from(same.saturating_sub(1))
            .unwrap_or(u32::MAX)
            .min(32);
        rules
            .first_wait_secs
            .saturating_mul(1 << times)
            .min(most)
            .max(1)
    };
    match standing {
        Standing::Down { .. } => match watch_until {
            // Down and not closed yet: somebody has to close it; it is watched as if it were.
            None => Next::At(after(last.at, rules.watch_wait_secs)),
            Some(until) if last.at >= until => Next::Never,
            Some(until) => {
                let wait = doubled(rules.watch_wait_secs).max(rules.interval_secs);
                Next::At(after(last.at, wait).min(until))
            }
        },
        // Something speaks for down: as soon as another look counts.
        Standing::Undecided { .. } if last.down && !last.up => {
            let counted = counted_last(run, rules).unwrap_or(last.at);
            Next::At(after(counted, rules.interval_secs.max(1)).max(after(last.at, 1)))
        }
        _ => Next::At(after(last.at, doubled(rules.most_wait_secs))),
    }
}

/// The last look of a run that counted as independent.
fn counted_last(run: &[Moment], rules: &Rules) -> Option<Timestamp> {
    let mut last: Option<Timestamp> = None;
    for moment in run {
        if last.is_none_or(|at| moment.at >= after(at, rules.interval_secs.max(1))) {
            last = Some(moment.at);
        }
    }
    last
}
