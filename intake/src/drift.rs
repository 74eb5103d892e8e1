//! Drift: a feed whose reports are no longer like those before.
//!
//! Each report's [`Profile`] is held against those of the feed's reports of the same kind before it:
//! columns by name, volume against median and median deviation (of the same weekday where there are
//! enough), filled fields, words, refused rows, and lists that lose most of their items. A small feed
//! must not cry wolf: every rule asks for a number of rows and of earlier reports.
//!
//! What is found follows from the stored profiles and from the [`Verdict`]s of persons alone: an
//! accepted change is what is usual from then on, a dismissed report never is.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use formats::Unreadable;
use jiff::tz::TimeZone;
use ledger::{
    Decision, Ledger, NewVerdict, Page, ReportFilter, ReportProfile, ReportState, Verdict,
};
use model::listing::{Held, list_days};
use model::time::Timestamp;
use serde::Serialize;

use crate::catalogue::Source;
use crate::error::Result;
use crate::profile::Profile;

/// Earlier reports that a report is held against.
const USUAL: usize = 14;
/// Of the same weekday, where there are so many.
const SAME_WEEKDAY: usize = 6;
/// Volume: earlier reports needed; rows that must be at stake; how many deviations are too many.
const VOLUME_AFTER: usize = 6;
const VOLUME_ROWS: f64 = 50.0;
const VOLUME_CHANGE: f64 = 40.0;
const DEVIATIONS: f64 = 6.0;
/// A factor below this is never too much, with a long past and with a short one.
const FACTOR: f64 = 1.9;
const FACTOR_EARLY: f64 = 3.0;
/// A deviation of a normal distribution is so many median deviations.
const MEDIAN_DEVIATIONS: f64 = 1.4826;
/// Fields and words: earlier reports needed, rows needed.
const WORDS_AFTER: usize = 6;
const WORDS_ROWS: u64 = 40;
/// A new word of a closed vocabulary (class, protocol ...), and of an open one, has this share.
const CLOSED_SHARE: f64 = 0.05;
const OPEN_SHARE: f64 = 0.25;
const OPEN: [&str; 3] = ["class_identifier", "malware_name", "tags"];
/// A word is missed if every earlier report had this share of it.
const LOST_SHARE: f64 = 0.2;
/// A refused share under this is not looked at.
const REJECT_SHARE: f64 = 0.05;
const REJECT_ROWS: i64 = 10;
const REJECTS_AFTER: usize = 3;

/// What changed.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "change", rename_all = "kebab-case")]
pub enum Change {
    /// A column that no earlier report had.
    NewColumn {
        /// Its name.
        name: String,
    },
    /// A column that every earlier report had.
    LostColumn {
        /// Its name.
        name: String,
    },
    /// More or fewer rows than is usual.
    Volume {
        /// Rows now.
        rows: i64,
        /// The usual number.
        usual: i64,
        /// The least and the most that would not be remarked.
        range: (i64, i64),
        /// Whether `usual` is that of the same weekday.
        weekday: bool,
    },
    /// A field that was filled is hardly filled any more, or the other way round.
    Filled {
        /// Column of the lake.
        field: String,
        /// Per cent of the rows before.
        was: u32,
        /// Per cent now.
        now: u32,
    },
    /// A word that no earlier report had.
    NewWord {
        /// Column of the lake.
        field: String,
        /// The word.
        word: String,
        /// Per cent of the rows.
        share: u32,
    },
    /// A word that every earlier report had.
    LostWord {
        /// Column of the lake.
        field: String,
        /// The word.
        word: String,
        /// Per cent of the rows before.
        share: u32,
    },
    /// More rows are refused than before.
    Rejects {
        /// Rows refused.
        rejects: i64,
        /// Of so many.
        rows: i64,
        /// The largest share before, per cent.
        usual: u32,
    },
    /// A snapshot of a list is held back: it delists nothing.
    HeldBack {
        /// Why.
        held: Held,
    },
    /// The report cannot be read.
    Unreadable {
        /// Why.
        reason: String,
    },
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Change::NewColumn { name } => write!(f, "new column `{name}`"),
            Change::LostColumn { name } => write!(f, "column `{name}` is gone"),
            Change::Volume {
                rows,
                usual,
                range: (low, high),
                weekday,
            } => {
                let day = if *weekday { " on this weekday" } else { "" };
                write!(
                    f,
                    "{rows} rows where {usual} are usual{day} ({low} to {high})"
                )
            }
            Change::Filled { field, was, now } => {
                write!(f, "`{field}` is filled in {now}% of the rows, was {was}%")
            }
            Change::NewWord { field, word, share } => {
                write!(f, "new word `{word}` in `{field}`, {share}% of the rows")
            }
            Change::LostWord { field, word, share } => {
                write!(
                    f,
                    "`{word}` is gone from `{field}`, was {share}% of the rows"
                )
            }
            Change::Rejects {
                rejects,
                rows,
                usual,
            } => write!(
                f,
                "{rejects} of {rows} rows refused, at most {usual}% before"
            ),
            Change::HeldBack { held } => match held {
                Held::Damaged => write!(f, "the list is damaged: it delists nothing"),
                Held::Refused { rejects, items } => write!(
                    f,
                    "{rejects} lines of the list are refused beside {items} items: it delists nothing"
                ),
                Held::Shrunk { from, to } => {
                    write!(
                        f,
                        "the list shrank from {from} to {to} items: it delists nothing"
                    )
                }
            },
            Change::Unreadable { reason } => write!(f, "cannot be read: {reason}"),
        }
    }
}

/// A change of one report.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// The feed.
    pub feed: String,
    /// Which of its reports: type or list; empty where they are alike.
    pub kind: String,
    /// The report.
    pub report: String,
    /// The instant it stands for.
    pub at: Timestamp,
    /// What changed.
    #[serde(flatten)]
    pub change: Change,
    /// What a person decided about it.
    pub decision: Option<Decision>,
}

/// A report as drift sees it.
#[derive(Clone, Debug)]
pub struct Seen {
    /// What the ledger holds of it.
    pub row: ReportProfile,
    /// What its rows were like.
    pub profile: Profile,
}

/// What drifted in a feed's reports, in order of time. Reports that stand for an instant before
/// `since` are looked at only as what is usual.
///
/// # Errors
/// The ledger fails.
pub async fn drift(ledger: &Ledger, source: &Source, since: Timestamp) -> Result<Vec<Finding>> {
    drift_since(ledger, source, |_| since).await
}

/// [`drift`] of so many weeks before the feed's newest report.
///
/// # Errors
/// The ledger fails.
pub async fn recent(ledger: &Ledger, source: &Source, weeks: u32) -> Result<Vec<Finding>> {
    let span = i64::from(weeks) * 7 * model::time::MICROS_PER_DAY;
    let since = |seen: &[Seen]| {
        let newest = seen.last().map_or(0, |last| last.row.at);
        Timestamp(newest.saturating_sub(span))
    };
    drift_since(ledger, source, since).await
}

async fn drift_since(
    ledger: &Ledger,
    source: &Source,
    since: impl FnOnce(&[Seen]) -> Timestamp,
) -> Result<Vec<Finding>> {
    let feed = source.feed.name.as_str();
    let verdicts = ledger.verdicts(Some(feed)).await?;
    let rows = ledger.profiles(feed, None).await?;
    let seen: Vec<Seen> = rows
        .into_iter()
        .map(|row| Seen {
            // A profile of a later version that cannot be read says nothing.
            profile: serde_json::from_str(&row.json).unwrap_or_default(),
            row,
        })
        .collect();
    let since = since(&seen);
    let mut found = findings(&seen, &verdicts, &source.zone, since);
    found.extend(unreadable(ledger, source, &seen, &verdicts, since).await?);
    found.sort_by(|a, b| (a.at, &a.kind, &a.report).cmp(&(b.at, &b.kind, &b.report)));
    Ok(found)
}

/// Stores what a person decided about a feed's open findings: it is so from now on, or the deliveries were wrong.
/// How many were decided. Audited.
///
/// # Errors
/// The ledger fails.
pub async fn decide(
    ledger: &Ledger,
    feed: &str,
    open: &[Finding],
    decision: Decision,
    (reason, actor): (&str, &str),
    now: Timestamp,
) -> Result<usize> {
    let changes: Vec<_> = open
        .iter()
        .map(|finding| {
            serde_json::json!({ "report": finding.report, "change": finding.change.to_string() })
        })
        .collect();
    let reports: BTreeSet<(&str, i64)> = open
        .iter()
        .map(|finding| (finding.kind.as_str(), finding.at.0))
        .collect();
    let verdicts = reports
        .into_iter()
        .map(|(kind, at)| NewVerdict {
            feed: feed.to_owned(),
            kind: Some(kind.to_owned()),
            cause: "drift",
            decision,
            at,
            reason: reason.trim().to_owned(),
        })
        .collect();
    let action = match decision {
        Decision::Accepted => "drift.accept",
        Decision::Dismissed => "drift.dismiss",
    };
    let object = format!("feed {feed}");
    let detail = serde_json::json!(changes);
    ledger
        .add_verdicts(verdicts, (action, &object), detail, actor, now.0)
        .await?;
    Ok(open.len())
}

/// Reports that cannot be read although others of their kind could, and would have said much.
async fn unreadable(
    ledger: &Ledger,
    source: &Source,
    seen: &[Seen],
    verdicts: &[Verdict],
    since: Timestamp,
) -> Result<Vec<Finding>> {
    let filter = ReportFilter {
        feed: Some(source.feed.name.clone()),
        state: Some(ReportState::Unreadable),
        received: None,
    };
    let page = Page {
        offset: 0,
        limit: 1_000,
    };
    // An empty delivery is a matter of completeness, and told there.
    let empty = Unreadable::Empty.to_string();
    let mut found = Vec::new();
    for report in ledger.reports(&filter, page).await? {
        if report.reason.as_ref() == Some(&empty) {
            continue;
        }
        let at = report.snapshot_at.unwrap_or(report.received_at);
        let kind = source.named_by_path(&report.origin).unwrap_or_default();
        let alike: Vec<f64> = seen
            .iter()
            .filter(|other| other.row.kind == kind)
            .map(|other| other.row.rows as f64)
            .collect();
        if at < since.0 || alike.len() < REJECTS_AFTER || median(&alike) < VOLUME_ROWS {
            continue;
        }
        found.push(Finding {
            feed: report.feed,
            kind,
            report: report.id,
            at: Timestamp(at),
            change: Change::Unreadable {
                reason: report.reason.unwrap_or_default(),
            },
            decision: None,
        });
    }
    for finding in &mut found {
        finding.decision = decided(verdicts, &finding.kind, finding.at.0);
    }
    Ok(found)
}

fn decided(verdicts: &[Verdict], kind: &str, at: i64) -> Option<Decision> {
    let last = verdicts.iter().rfind(|verdict| verdict.settles(kind, at));
    last.map(|verdict| verdict.decision)
}

/// The pure part of [`drift`]: `seen` are a feed's reports in order of time.
pub fn findings(
    seen: &[Seen],
    verdicts: &[Verdict],
    zone: &TimeZone,
    since: Timestamp,
) -> Vec<Finding> {
    let mut kinds: BTreeMap<&str, Vec<&Seen>> = BTreeMap::new();
    for one in seen {
        kinds.entry(&one.row.kind).or_default().push(one);
    }
    let mut found = Vec::new();
    for of_kind in kinds.into_values() {
        let held = held_back(&of_kind, verdicts);
        for (at, one) in of_kind.iter().enumerate() {
            if one.row.at < since.0 {
                continue;
            }
            // What is usual begins anew with the last change that was accepted before this report.
            let begin = verdicts
                .iter()
                .filter(|verdict| verdict.decision == Decision::Accepted)
                .filter(|verdict| verdict.is_about(&one.row.kind))
                .map(|verdict| verdict.at)
                .filter(|begin| *begin <= one.row.at)
                .max()
                .unwrap_or(i64::MIN);
            let before: Vec<&Seen> = of_kind[..at]
                .iter()
                .filter(|other| {
                    other.row.at >= begin
                        && decided(verdicts, &other.row.kind, other.row.at)
                            != Some(Decision::Dismissed)
                })
                .copied()
                .collect();
            let changes = changes(one, &before, zone);
            let held = held.get(one.row.report_id.as_str()).copied();
            let held = held.map(|held| Change::HeldBack { held });
            found.extend(held.into_iter().chain(changes).map(|change| Finding {
                feed: one.row.feed.clone(),
                kind: one.row.kind.clone(),
                report: one.row.report_id.clone(),
                at: Timestamp(one.row.at),
                change,
                decision: decided(verdicts, &one.row.kind, one.row.at),
            }));
        }
    }
    found.sort_by(|a, b| (a.at, &a.kind, &a.report).cmp(&(b.at, &b.kind, &b.report)));
    found
}

/// Snapshots that do not delist, by report, and why; a person's word aside.
fn held_back<'a>(of_kind: &[&'a Seen], verdicts: &[Verdict]) -> BTreeMap<&'a str, Held> {
    let snapshots: Vec<_> = of_kind
        .iter()
        .filter_map(|one| Some((&one.row, one.row.snapshot(verdicts)?.1)))
        .collect();
    let days = list_days(&snapshots.iter().map(|(_, one)| *one).collect::<Vec<_>>());
    let mut held = BTreeMap::new();
    for (row, snapshot) in &snapshots {
        let day = days.iter().find(|day| day.day == snapshot.at.day());
        if let Some(why) = day.and_then(|day| day.held) {
            held.insert(row.report_id.as_str(), why);
        }
    }
    // A list from which nothing came is not even a snapshot.
    let mut longest = 0;
    for one in of_kind {
        match (&one.row.list, one.row.rows - one.row.rejects) {
            (Some(_), items) => longest = items.unsigned_abs(),
            (None, 0) if longest > model::listing::HELD_LOSS => {
                let why = Held::Shrunk {
                    from: longest,
                    to: 0,
                };
                held.insert(one.row.report_id.as_str(), why);
            }
            (None, _) => {}
        }
    }
    held
}

fn changes(one: &Seen, before: &[&Seen], zone: &TimeZone) -> Vec<Change> {
    let usual: Vec<&Seen> = before.iter().rev().take(USUAL).copied().collect();
    let mut found = columns(one, &usual);
    found.extend(volume(one, before, zone));
    if usual.len() >= WORDS_AFTER && one.profile.rows >= WORDS_ROWS {
        found.extend(filled(one, &usual));
        found.extend(words(one, &usual));
    }
    found.extend(rejects(one, &usual));
    found
}

fn columns(one: &Seen, usual: &[&Seen]) -> Vec<Change> {
    let with_header: Vec<&BTreeSet<String>> = usual
        .iter()
        .map(|other| &other.profile.columns)
        .filter(|columns| !columns.is_empty())
        .collect();
    let mine = &one.profile.columns;
    if mine.is_empty() || with_header.len() < 2 {
        return if mine.is_empty() && with_header.is_empty() {
            members(one, usual)
        } else {
            Vec::new()
        };
    }
    let known = |name: &&String| with_header.iter().any(|columns| columns.contains(*name));
    let new = mine.iter().filter(|name| !known(name));
    let everywhere = |name: &&String| with_header.iter().all(|columns| columns.contains(*name));
    let lost = with_header[0]
        .iter()
        .filter(everywhere)
        .filter(|name| !mine.contains(*name));
    let new = new.map(|name| Change::NewColumn { name: name.clone() });
    new.chain(lost.map(|name| Change::LostColumn { name: name.clone() }))
        .collect()
}

/// Columns of a format without a header: the open members that most rows have.
fn members(one: &Seen, usual: &[&Seen]) -> Vec<Change> {
    let opened: Vec<&&Seen> = usual
        .iter()
        .filter(|other| other.profile.opened >= 4)
        .collect();
    let mine = &one.profile;
    if mine.opened < 4 || opened.len() < WORDS_AFTER {
        return Vec::new();
    }
    let new = mine
        .members
        .iter()
        .filter(|(_, count)| **count * 2 >= mine.opened)
        .filter(|(name, _)| {
            !opened
                .iter()
                .any(|other| other.profile.members.contains_key(*name))
        })
        .map(|(name, _)| Change::NewColumn { name: name.clone() });
    let always = |name: &str| {
        opened.iter().all(|other| {
            let count = other.profile.members.get(name).copied().unwrap_or(0);
            count == other.profile.opened
        })
    };
    let lost = opened[0]
        .profile
        .members
        .keys()
        .filter(|name| always(name) && !mine.members.contains_key(*name))
        .map(|name| Change::LostColumn { name: name.clone() });
    new.chain(lost).collect()
}

fn weekday(at: i64, zone: &TimeZone) -> Option<jiff::civil::Weekday> {
    Timestamp(at).date_in(zone).map(|date| date.weekday())
}

fn volume(one: &Seen, before: &[&Seen], zone: &TimeZone) -> Option<Change> {
    let today = weekday(one.row.at, zone);
    let recent = || before.iter().rev().take(USUAL * 7);
    let mut same: Vec<f64> = recent()
        .filter(|other| weekday(other.row.at, zone) == today)
        .take(USUAL)
        .map(|other| other.row.rows as f64)
        .collect();
    let by_weekday = same.len() >= SAME_WEEKDAY;
    if !by_weekday {
        same = recent()
            .take(USUAL)
            .map(|other| other.row.rows as f64)
            .collect();
    }
    if same.len() < VOLUME_AFTER {
        return None;
    }
    let logs: Vec<f64> = same.iter().map(|rows| (rows + 1.0).ln()).collect();
    let middle = median(&logs);
    let deviations: Vec<f64> = logs.iter().map(|log| (log - middle).abs()).collect();
    let usual = middle.exp() - 1.0;
    let floor = if before.len() >= USUAL {
        FACTOR
    } else {
        FACTOR_EARLY
    };
    let allowed = (DEVIATIONS * MEDIAN_DEVIATIONS * median(&deviations))
        // Small counts vary by chance: a count of n by about the root of n.
        .max(DEVIATIONS / usual.max(1.0).sqrt())
        .max(floor.ln());
    let rows = one.row.rows as f64;
    let off = ((rows + 1.0).ln() - middle).abs() > allowed;
    let matters = rows.max(usual) >= VOLUME_ROWS && (rows - usual).abs() >= VOLUME_CHANGE;
    (off && matters).then(|| Change::Volume {
        rows: one.row.rows,
        usual: usual.round() as i64,
        range: (
            ((middle - allowed).exp() - 1.0).max(0.0).ceil() as i64,
            ((middle + allowed).exp() - 1.0).floor() as i64,
        ),
        weekday: by_weekday,
    })
}

fn filled(one: &Seen, usual: &[&Seen]) -> Vec<Change> {
    let share = |seen: &Seen, field: &str| {
        let filled = seen.profile.filled.get(field).copied().unwrap_or(0);
        filled as f64 / seen.profile.rows.max(1) as f64
    };
    let fields: BTreeSet<&String> = usual
        .iter()
        .chain([&one])
        .flat_map(|seen| seen.profile.filled.keys())
        .collect();
    let mut found = Vec::new();
    for field in fields {
        // `extra` holds whatever is over: its members are told by name.
        if field == "extra" {
            continue;
        }
        let before: Vec<f64> = usual
            .iter()
            .filter(|seen| seen.profile.rows > 0)
            .map(|seen| share(seen, field))
            .collect();
        if before.len() < WORDS_AFTER {
            continue;
        }
        let now = share(one, field);
        let least = before.iter().copied().fold(1.0, f64::min);
        let most = before.iter().copied().fold(0.0, f64::max);
        if (least >= 0.5 && now < least / 5.0) || (now >= 0.5 && most <= 0.02) {
            found.push(Change::Filled {
                field: field.clone(),
                was: percent(median(&before)),
                now: percent(now),
            });
        }
    }
    found
}

fn words(one: &Seen, usual: &[&Seen]) -> Vec<Change> {
    let looked: Vec<&&Seen> = usual
        .iter()
        .filter(|seen| seen.profile.looked > 0)
        .collect();
    let sum: u64 = looked.iter().map(|seen| seen.profile.looked).sum();
    if looked.len() < WORDS_AFTER || sum < WORDS_ROWS * 2 || one.profile.looked < WORDS_ROWS {
        return Vec::new();
    }
    let share = |seen: &Seen, field: &str, word: &str| {
        let words = seen.profile.words.get(field);
        let rows = words
            .and_then(|words| words.get(word))
            .copied()
            .unwrap_or(0);
        rows as f64 / seen.profile.looked.max(1) as f64
    };
    let mut found = Vec::new();
    for field in crate::profile::VOCABULARY.map(|field| field.column()) {
        let least = if OPEN.contains(&field) {
            OPEN_SHARE
        } else {
            CLOSED_SHARE
        };
        // Of a field that nobody filled before it is said that it is filled.
        let ever = looked
            .iter()
            .any(|seen| seen.profile.words.contains_key(field));
        for word in one
            .profile
            .words
            .get(field)
            .into_iter()
            .flat_map(BTreeMap::keys)
        {
            let now = share(one, field, word);
            let known = looked.iter().any(|seen| share(seen, field, word) > 0.0);
            if ever && now >= least && !known {
                found.push(Change::NewWord {
                    field: field.to_owned(),
                    word: word.clone(),
                    share: percent(now),
                });
            }
        }
        for word in looked[0]
            .profile
            .words
            .get(field)
            .into_iter()
            .flat_map(BTreeMap::keys)
        {
            let before: Vec<f64> = looked.iter().map(|seen| share(seen, field, word)).collect();
            let always = before.iter().all(|share| *share >= LOST_SHARE);
            if always && share(one, field, word) == 0.0 {
                found.push(Change::LostWord {
                    field: field.to_owned(),
                    word: word.clone(),
                    share: percent(median(&before)),
                });
            }
        }
    }
    found
}

fn rejects(one: &Seen, usual: &[&Seen]) -> Option<Change> {
    let share = |row: &ReportProfile| row.rejects as f64 / row.rows.max(1) as f64;
    let most = usual
        .iter()
        .map(|seen| share(&seen.row))
        .fold(0.0, f64::max);
    let now = share(&one.row);
    let off = usual.len() >= REJECTS_AFTER
        && one.row.rejects >= REJECT_ROWS
        && now > REJECT_SHARE
        && now > 3.0 * most;
    off.then(|| Change::Rejects {
        rejects: one.row.rejects,
        rows: one.row.rows,
        usual: percent(most),
    })
}

fn percent(share: f64) -> u32 {
    (share * 100.0).round() as u32
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match (sorted.len(), sorted.len() / 2) {
        (0, _) => 0.0,
        (len, middle) if len % 2 == 1 => sorted[middle],
        (_, middle) => (sorted[middle - 1] + sorted[middle]) / 2.0,
    }
}

#[cfg(test)]
mod tests;
