//! The counter at which everybody may report and appeal. The forms ([`crate::pages::outside`]) are the same on a node
//! inside, where what is sent goes into the ledger at once ([`Inside`]), and on a public node, which has no ledger and
//! puts it into a spool that the inside fetches ([`crate::outpost`]).

use std::sync::Arc;

use axum::http::StatusCode;
use ledger::{Ledger, NewAppeal};
use model::outside::{AppealState, Stage};
use model::time::Timestamp;
use response::inbox::form::Reported;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::limits::Limits;
use crate::pages::outside::{DAY, HOUR, keep, report};
use crate::pictures::Taken;
use crate::problem::Problem;
use crate::receipts;
use crate::refusal::Refusal;
use crate::{Desk, Terms};

/// Who acts when somebody without an account does.
pub(crate) const ACTOR: &str = "system:form";
/// Complaints of the form in an hour, of everybody.
pub(crate) const COMPLAINTS: u64 = 1_000;
/// Appeals in an hour, of everybody.
pub(crate) const APPEALS: u64 = 200;
/// Complaints in a day that leave one address.
pub(crate) const ADDRESS: u64 = 5;

/// A complaint as it was typed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) kind: String,
    pub(crate) place: String,
    pub(crate) app: String,
    pub(crate) store: String,
    pub(crate) story: String,
    pub(crate) address: String,
    /// `zh` or `en`.
    pub(crate) lang: String,
}

/// An appeal as it was typed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Plea {
    pub(crate) about: String,
    pub(crate) object: String,
    pub(crate) why: String,
    pub(crate) name: String,
    pub(crate) address: String,
    /// `zh` or `en`.
    pub(crate) lang: String,
}

/// What became of an appeal, for whoever holds its receipt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Judged {
    pub(crate) state: AppealState,
    pub(crate) decision: String,
}

/// Files that came with a form: bytes as they came, and what was made of them.
pub(crate) type Files = Vec<(Vec<u8>, Taken)>;

/// Takes what is sent, and tells how it stands.
#[async_trait::async_trait]
pub(crate) trait Counter: Send + Sync {
    /// Whether an address was given as often today as it may be.
    async fn given_often(&self, address: &str, now: i64) -> Result<bool, Refusal>;
    /// Takes a complaint that is sound; durable when its receipt is given.
    async fn report(&self, report: Report, files: Files, now: i64) -> Result<String, Refusal>;
    /// Takes an appeal that is sound; durable when its receipt is given.
    async fn appeal(&self, plea: Plea, files: Files, now: i64) -> Result<String, Refusal>;
    /// What the holder of a complaint's receipt may know.
    async fn stage(&self, receipt: &str) -> Result<Option<Stage>, Refusal>;
    /// What the holder of an appeal's receipt may know.
    async fn judged(&self, receipt: &str) -> Result<Option<Judged>, Refusal>;
}

/// What the forms work on: nothing of the house but its counter.
pub(crate) struct Front {
    pub(crate) counter: Arc<dyn Counter>,
    pub(crate) limits: Limits,
    pub(crate) clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    /// Whether the workspace is for exercises: pages say so.
    pub(crate) exercise: bool,
}

impl Front {
    /// That of a node with a ledger.
    pub(crate) fn of(desk: &Desk) -> Self {
        let inside = Inside {
            desk: desk.response.clone(),
            terms: desk.terms.clone(),
        };
        Front {
            counter: Arc::new(inside),
            limits: Limits::default(),
            clock: Arc::clone(&desk.bonds.clock),
            exercise: desk.exercise,
        }
    }

    /// The instant.
    pub(crate) fn now(&self) -> Timestamp {
        (self.clock)()
    }
}

/// The counter of a node with a ledger.
struct Inside {
    desk: response::Desk,
    terms: watch::Receiver<Arc<Terms>>,
}

#[async_trait::async_trait]
impl Counter for Inside {
    async fn given_often(&self, address: &str, now: i64) -> Result<bool, Refusal> {
        let ledger = &self.desk.ledger;
        let given = ledger.form_complaints_since(now - DAY, Some(address));
        Ok(given.await? >= ADDRESS)
    }

    async fn report(&self, report: Report, files: Files, now: i64) -> Result<String, Refusal> {
        let ledger = &self.desk.ledger;
        if ledger.form_complaints_since(now - HOUR, None).await? >= COMPLAINTS {
            return Err(Refusal::TooMany(600));
        }
        let receipt = receipts::draw()?;
        file_report(&self.desk, &receipt, report, files, None).await?;
        Ok(receipt)
    }

    async fn appeal(&self, plea: Plea, files: Files, now: i64) -> Result<String, Refusal> {
        if self.desk.ledger.appeals_since(now - HOUR).await? >= APPEALS {
            return Err(Refusal::TooMany(600));
        }
        let receipt = receipts::draw()?;
        file_plea(&self.desk, &receipt, plea, files, None, now).await?;
        Ok(receipt)
    }

    async fn stage(&self, receipt: &str) -> Result<Option<Stage>, Refusal> {
        let zone = self.terms.borrow().zone.clone();
        let by = report::as_of((self.desk.clock)(), &zone);
        Ok(self.desk.ledger.stage_of(receipt, by).await?)
    }

    async fn judged(&self, receipt: &str) -> Result<Option<Judged>, Refusal> {
        let found = self.desk.ledger.appeal_of(receipt).await?;
        Ok(found.map(judged))
    }
}

/// What the holder of an appeal's receipt may know of it.
pub(crate) fn judged(appeal: ledger::Appeal) -> Judged {
    Judged {
        state: appeal.state.0,
        decision: appeal.decision.unwrap_or_default(),
    }
}

/// A language as rows hold it.
fn language(code: &str) -> &'static str {
    if code == "en" { "en" } else { "zh" }
}

fn unsound() -> Refusal {
    let problem = Problem::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "invalid",
        "what was sent cannot be used",
    );
    Refusal::Problem(problem)
}

/// Stores a complaint under its receipt; under one that is there already nothing changes.
///
/// # Errors
/// It is not sound; the disk or the ledger.
pub(crate) async fn file_report(
    desk: &response::Desk,
    receipt: &str,
    report: Report,
    files: Files,
    received_at: Option<Timestamp>,
) -> Result<(), Refusal> {
    let Ok((kind, places)) = report::reading(&report) else {
        return Err(unsound());
    };
    let app = match (report.app.is_empty(), report.store.is_empty()) {
        (true, _) => String::new(),
        (false, true) => report.app,
        (false, false) => format!("{} ({})", report.app, report.store),
    };
    // What was typed is kept with what was recognized: a person may see more in it.
    let body = match places.len() {
        0 => report.story,
        _ => format!("{}\n\n{}", report.place, report.story)
            .trim()
            .to_owned(),
    };
    let new = Reported {
        receipt: receipt.to_owned(),
        via: ledger::complaint::FORM,
        kind,
        places,
        app,
        body,
        address: Some(report.address).filter(|address| !address.is_empty()),
        language: language(&report.lang),
        files: keep(&desk.blobs, files)?,
        received_at,
    };
    desk.file_complaint(new).await?;
    Ok(())
}

/// Stores an appeal under its receipt; under one that is there already nothing changes.
///
/// # Errors
/// It is not sound; the disk or the ledger.
pub(crate) async fn file_plea(
    desk: &response::Desk,
    receipt: &str,
    plea: Plea,
    files: Files,
    received_at: Option<Timestamp>,
    now: i64,
) -> Result<(), Refusal> {
    let sound = crate::pages::outside::appeal::flaws(&plea) == Default::default();
    let (true, Ok(about)) = (sound, plea.about.parse()) else {
        return Err(unsound());
    };
    let given = |text: String| Some(text).filter(|text| !text.is_empty());
    let new = NewAppeal {
        receipt: receipt.to_owned(),
        about,
        object: plea.object,
        body: plea.why,
        name: given(plea.name),
        address: given(plea.address),
        language: language(&plea.lang),
        received_at: received_at.map(|at| at.0),
    };
    let files = keep(&desk.blobs, files)?;
    let ledger: &Ledger = &desk.ledger;
    ledger.file_appeal(new, files, ACTOR, now).await?;
    Ok(())
}
