//! The bulletin desk: issues from their plan to their withdrawal, figure by figure down to the raw line; alerts and
//! sheets between the issues. It belongs to the centre: for a branch there is nothing here.

pub(crate) mod acts;
pub(crate) mod api;
pub(crate) mod change;
pub(crate) mod desk;
pub(crate) mod files;
pub(crate) mod flash;
pub(crate) mod inspector;
pub(crate) mod list;
pub(crate) mod paper;
pub(crate) mod prose;
pub(crate) mod rail;
pub(crate) mod rollups;
pub(crate) mod sheets;
pub(crate) mod stand;

use std::sync::Arc;

use ledger::{Actor, EditionKey, Issue, IssueHead, Page};
use model::bulletin::Bulletin;
use model::issue::IssueNumber;
use model::newsroom::Right;

use crate::Desk;
use crate::newsroom::{Declined, Newsroom};
use crate::refusal::Refusal;
use crate::routes::Route;
use crate::visitor::Visitor;

/// The rows of the area.
pub(crate) const ROUTES: &[&[Route]] = &[
    list::ROUTES,
    desk::ROUTES,
    acts::ROUTES,
    prose::ROUTES,
    change::ROUTES,
    files::ROUTES,
    flash::ROUTES,
    sheets::ROUTES,
    rollups::ROUTES,
    api::ROUTES,
];

impl From<Declined> for Refusal {
    fn from(declined: Declined) -> Self {
        match declined {
            Declined::Absent => Refusal::Absent,
            Declined::Refused(text) => match text.split_once(": ") {
                Some((what, why)) => Refusal::conflict(what, why),
                None => Refusal::conflict("bulletin", text),
            },
            Declined::Broken(text) => Refusal::broken("the newsroom", text),
        }
    }
}

/// The newsroom; a process without one has no desk.
pub(crate) fn newsroom(desk: &Desk) -> Result<Arc<dyn Newsroom>, Refusal> {
    desk.newsroom.clone().ok_or(Refusal::Absent)
}

/// Nobody but the centre's own people is at the desk.
pub(crate) fn centre(visitor: &Visitor) -> Result<(), Refusal> {
    match visitor.within()? {
        ledger::Reach::All => Ok(()),
        _ => Err(Refusal::Absent),
    }
}

/// A person of the centre with a right; denial looks like absence.
pub(crate) async fn person(desk: &Desk, visitor: &Visitor, right: Right) -> Result<Actor, Refusal> {
    centre(visitor)?;
    match visitor.actor(desk, right).await {
        Err(Refusal::Conflict(..)) => Err(Refusal::Absent),
        other => other,
    }
}

/// An issue as its address names it: `2026-46`.
pub(crate) fn issue_of(text: &str) -> Result<IssueNumber, Refusal> {
    text.parse().map_err(|_| Refusal::Absent)
}

/// Its name in the ledger.
pub(crate) fn key_of(desk: &Desk, issue: IssueNumber) -> EditionKey {
    EditionKey {
        series: desk.terms().house.series.clone(),
        year: i32::from(issue.year),
        number: i32::try_from(issue.number).unwrap_or(i32::MAX),
    }
}

/// The number of an issue of the ledger.
pub(crate) fn number_of(year: i32, number: i32) -> IssueNumber {
    IssueNumber {
        year: i16::try_from(year).unwrap_or(i16::MAX),
        number: u32::try_from(number).unwrap_or(0),
    }
}

/// The stored revisions of an issue, newest first, without their content.
pub(crate) async fn revisions(desk: &Desk, key: &EditionKey) -> Result<Vec<IssueHead>, Refusal> {
    let all = desk.ledger.issues(Some(&key.series), Page::ALL).await?;
    let own = all.into_iter();
    Ok(own
        .filter(|head| head.year == key.year && head.number == key.number)
        .collect())
}

/// A stored revision.
pub(crate) async fn row(desk: &Desk, key: &EditionKey, revision: i32) -> Result<Issue, Refusal> {
    let found = desk
        .ledger
        .issue(&key.series, key.year, key.number, revision);
    found.await?.ok_or(Refusal::Absent)
}

/// The bulletin of a stored revision.
pub(crate) fn parse(row: &Issue) -> Result<Bulletin, Refusal> {
    if row.digest() != row.hash {
        let what = format!(
            "issue {}-{} revision {}",
            row.year, row.number, row.revision
        );
        return Err(Refusal::conflict(
            what,
            "its content was changed after it was stored: restore the ledger from a backup, or draft it again",
        ));
    }
    serde_json::from_str(&row.bulletin).map_err(|error| Refusal::broken("a stored bulletin", error))
}

/// A value of an address's query.
pub(crate) fn encode(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
