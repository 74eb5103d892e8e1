//! What stands in the way of an approval, all of it at once: the ledger refuses with the first, a page shows the
//! whole list.

use std::fmt;

use model::newsroom::Step;

use super::{Edition, EditionStep, writers};
use crate::Issue;
use crate::issue::IssueState;

/// Why a revision cannot be approved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hindrance {
    /// The issue was taken back.
    Withdrawn,
    /// It is approved already.
    Approved,
    /// Somebody changed the row beside the program.
    Tampered,
    /// Its figures are not frozen yet: it was drafted before the freeze moment.
    NotFrozen,
    /// Its figures were frozen anew after it was drafted.
    FrozenAnew,
    /// Its prose was changed after it was drafted.
    ProseChanged,
    /// This person wrote some of it.
    Wrote(String),
    /// The revision was not checked yet.
    Unchecked,
    /// So many findings of the check block it.
    Blocks(usize),
    /// Nobody answered for so many findings of the check.
    Asks(usize),
    /// Nobody else has read it yet.
    Unreviewed,
    /// This reviewer wants changes.
    Returned(String),
    /// So many comments are open.
    Comments(u64),
}

impl fmt::Display for Hindrance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Hindrance::Withdrawn => write!(f, "is withdrawn"),
            Hindrance::Approved => write!(f, "is approved already"),
            Hindrance::Tampered => write!(f, "its content was changed after it was frozen"),
            Hindrance::NotFrozen => write!(
                f,
                "its figures are not frozen yet: draft it again from the freeze moment on"
            ),
            Hindrance::FrozenAnew => write!(f, "its figures were frozen anew: draft it again"),
            Hindrance::ProseChanged => {
                write!(
                    f,
                    "its prose was changed after it was drafted: draft it again"
                )
            }
            Hindrance::Wrote(login) => write!(f, "{login} wrote it and cannot approve it"),
            Hindrance::Unchecked => write!(f, "was not checked yet: watchfire bulletin lint"),
            Hindrance::Blocks(count) => write!(f, "{count} findings of the check block it"),
            Hindrance::Asks(count) => {
                write!(f, "nobody answered for {count} findings of the check")
            }
            Hindrance::Unreviewed => write!(
                f,
                "was not reviewed yet: that is for somebody who wrote none of it"
            ),
            Hindrance::Returned(by) => write!(f, "was returned by {by}"),
            Hindrance::Comments(count) => write!(f, "{count} comments are not settled"),
        }
    }
}

/// The hindrances of a revision, in the order in which they are met.
pub(super) fn hindrances(
    (edition, row): (&Edition, &Issue),
    steps: &[EditionStep],
    comments: u64,
    names: &[&str],
) -> Vec<Hindrance> {
    let mut found = Vec::new();
    if edition.withdrawn_at.is_some() {
        found.push(Hindrance::Withdrawn);
    }
    if row.state == IssueState::Approved {
        found.push(Hindrance::Approved);
    }
    if row.digest() != row.hash {
        found.push(Hindrance::Tampered);
    }
    match edition.statistics.as_deref() {
        None => found.push(Hindrance::NotFrozen),
        Some(frozen) if frozen != row.statistics => found.push(Hindrance::FrozenAnew),
        Some(_) => {}
    }
    if prose_changed(edition, row) {
        found.push(Hindrance::ProseChanged);
    }
    let wrote = writers(steps);
    for login in names {
        if wrote.contains(login) || row.author == *login {
            found.push(Hindrance::Wrote((*login).to_owned()));
        }
    }
    let of_this = |kind| {
        let of_kind = |step: &&EditionStep| step.step.0 == kind && step.revision == row.revision;
        steps.iter().rfind(of_kind)
    };
    match of_this(Step::Lint) {
        None => found.push(Hindrance::Unchecked),
        Some(check) => {
            let blocks = fingerprints(check, "blocks").len();
            if blocks > 0 {
                found.push(Hindrance::Blocks(blocks));
            }
            let known = acknowledged(steps);
            let asks = fingerprints(check, "asks");
            let open = asks.iter().filter(|ask| !known.contains(ask)).count();
            if open > 0 {
                found.push(Hindrance::Asks(open));
            }
        }
    }
    match (of_this(Step::Review), of_this(Step::Return)) {
        (None, None) => found.push(Hindrance::Unreviewed),
        (None, Some(returned)) => found.push(Hindrance::Returned(returned.actor.clone())),
        (Some(review), Some(returned)) if returned.id > review.id => {
            found.push(Hindrance::Returned(returned.actor.clone()));
        }
        _ => {}
    }
    if comments > 0 {
        found.push(Hindrance::Comments(comments));
    }
    found
}

/// A list of fingerprints in a step's detail.
pub(super) fn fingerprints(step: &EditionStep, field: &str) -> Vec<String> {
    let detail: serde_json::Value = serde_json::from_str(&step.detail).unwrap_or_default();
    let list = detail[field].as_array().cloned().unwrap_or_default();
    list.iter()
        .filter_map(|item| item.as_str().map(str::to_owned))
        .collect()
}

/// What was acknowledged in this issue so far.
pub(crate) fn acknowledged(steps: &[EditionStep]) -> Vec<String> {
    let acknowledgements = steps.iter().filter(|step| step.step.0 == Step::Acknowledge);
    acknowledgements
        .flat_map(|step| fingerprints(step, "findings"))
        .collect()
}

/// Whether the editor stored other prose than the revision was composed with.
pub(super) fn prose_changed(edition: &Edition, row: &Issue) -> bool {
    let parse = |text: &str| serde_json::from_str(text).unwrap_or(serde_json::Value::Null);
    let composed: serde_json::Value = parse(&row.around);
    let blocks =
        |value: &serde_json::Value| value["blocks"].as_array().cloned().unwrap_or_default();
    blocks(&composed["editorial"]) != blocks(&parse(&edition.editorial))
}
