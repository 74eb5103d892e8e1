//! A parcel: what somebody sent to a public node, as it travels inside, and how the inside takes it in. The inside
//! believes nothing of it: the node may be somebody else's by now. Texts are cleaned and judged again, pictures drawn
//! again, and the receipt is the key: a parcel that comes twice is the same complaint.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use model::outside::{AppealState, Stage};
use model::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::answers::{self, Kind, Told};
use super::leaf::{self, Reply};
use crate::front::{self, Files, Judged, Plea, Report};
use crate::pages::outside::{DAY, FILES, FORM_BYTES, HOUR, line, plain, report};
use crate::pictures;
use crate::receipts;
use crate::refusal::Refusal;
use crate::{Error, Result};

/// Version of the form in which parcels are written.
const VERSION: u32 = 1;
/// Bytes of an opened parcel at most: its files in base 64, and its texts.
pub const MOST: usize = FORM_BYTES * 3 / 2 + (1 << 20);
/// An instant before this is not believed: a week's figures would change long after.
const OLDEST: i64 = 7 * DAY;

/// A parcel.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Parcel {
    version: u32,
    receipt: String,
    /// When it was sent, microseconds UTC.
    at: i64,
    what: What,
    /// Files as they came, base 64.
    files: Vec<String>,
}

/// What it holds.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum What {
    Report(Report),
    Plea(Plea),
    Reply(Reply),
}

impl What {
    pub(crate) fn kind(&self) -> Kind {
        match self {
            What::Report(_) => Kind::Complaint,
            What::Plea(_) => Kind::Appeal,
            What::Reply(_) => Kind::Reply,
        }
    }
}

impl Parcel {
    pub(crate) fn new(receipt: &str, at: i64, what: What, files: &Files) -> Self {
        let files = files.iter().map(|(bytes, _)| BASE64_STANDARD.encode(bytes));
        Parcel {
            version: VERSION,
            receipt: receipt.to_owned(),
            at,
            what,
            files: files.collect(),
        }
    }
}

/// What became of a parcel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is durable inside, now or before; the line to be told to the node for its receipt.
    Filed(String),
    /// What it says was done, now or before; nobody waits to be told.
    Done,
    /// It is nothing that a form of ours can have sent, and why.
    Refused(String),
    /// It is taken in later: more came within an hour than anybody can read.
    Later,
}

/// Takes in an opened parcel that lay in this slot; `key` is the instance's, from which keys of notices' pages follow.
///
/// # Errors
/// The disk or the ledger: the parcel must be fetched again.
pub async fn take_in(
    desk: &response::Desk,
    key: &[u8; 32],
    slot: &str,
    opened: &[u8],
) -> Result<Fate> {
    let parcel: Parcel = match serde_json::from_slice(opened) {
        Ok(parcel) => parcel,
        Err(error) => return Ok(Fate::Refused(format!("it is no parcel: {error}"))),
    };
    let refused = |why: &str| Ok(Fate::Refused(why.to_owned()));
    if parcel.version != VERSION {
        return refused("it is of another version: bring both nodes to the same one");
    }
    let receipt = parcel.receipt;
    let kind = parcel.what.kind();
    let ours = receipts::read(&receipt).as_ref() == Some(&receipt) && receipt.starts_with("WF-");
    if !ours || answers::slot(kind, &receipt) != slot {
        return refused("its receipt is not that of its slot");
    }
    let filed = |told: Told| answers::line(kind, &receipt, &told).map(Fate::Filed);
    let broken =
        |what: &str, error: &dyn std::fmt::Display| Error::Parcel(format!("{what}: {error}"));
    let told = match kind {
        Kind::Complaint | Kind::Reply => Told::Stage(Stage::Received),
        Kind::Appeal => Told::Judged(Judged {
            state: AppealState::Waiting,
            decision: String::new(),
        }),
    };
    let ledger = &desk.ledger;
    let failed = |error: ledger::Error| broken("ledger", &error);
    let now = (desk.clock)();
    let (known, full) = match kind {
        Kind::Complaint => (
            ledger
                .complaint_of(&receipt)
                .await
                .map_err(failed)?
                .is_some(),
            ledger
                .form_complaints_since(now.0 - HOUR, None)
                .await
                .map_err(failed)?
                >= front::COMPLAINTS,
        ),
        Kind::Appeal => (
            ledger.appeal_of(&receipt).await.map_err(failed)?.is_some(),
            ledger.appeals_since(now.0 - HOUR).await.map_err(failed)? >= front::APPEALS,
        ),
        // What it is about says whether it was taken in, and its key who may say it.
        Kind::Reply => (false, false),
    };
    if known {
        return filed(told).map_err(|why| broken("answer", &why));
    }
    if full {
        return Ok(Fate::Later);
    }
    let files = match redrawn(parcel.files, kind == Kind::Appeal).await? {
        Ok(files) => files,
        Err(why) => return refused(why),
    };
    // The node's clock is believed within bounds.
    let at = Some(Timestamp(parcel.at.clamp(now.0 - OLDEST, now.0)));
    let done = match parcel.what {
        What::Report(typed) => {
            let mut typed = cleaned_report(typed);
            let given = ledger.form_complaints_since(now.0 - DAY, Some(&typed.address));
            let given = given.await.map_err(failed)?;
            if !typed.address.is_empty() && given >= front::ADDRESS {
                // Whoever owns the node could have us write to anybody: the complaint stands, its mail does not.
                typed.address.clear();
            }
            if report::reading(&typed).is_err() {
                return refused("no form of ours lets such a report through");
            }
            front::file_report(desk, &receipt, typed, files, at).await
        }
        What::Plea(typed) => {
            let typed = cleaned_plea(typed);
            front::file_plea(desk, &receipt, typed, files, at, now.0).await
        }
        What::Reply(reply) => return leaf::take_in(desk, key, reply).await,
    };
    match done {
        Ok(()) => filed(told).map_err(|why| broken("answer", &why)),
        Err(Refusal::Problem(_) | Refusal::Invalid(..)) => {
            refused("no form of ours lets such a thing through")
        }
        Err(refusal) => Err(broken("it was not stored", &refusal.detail())),
    }
}

fn cleaned_report(typed: Report) -> Report {
    Report {
        kind: line(&plain(&typed.kind), 40),
        place: plain(&typed.place),
        app: line(&plain(&typed.app), 200),
        store: line(&plain(&typed.store), 200),
        story: plain(&typed.story),
        address: line(&plain(&typed.address), 254),
        lang: line(&plain(&typed.lang), 2),
    }
}

fn cleaned_plea(typed: Plea) -> Plea {
    Plea {
        about: line(&plain(&typed.about), 40),
        object: line(&plain(&typed.object), 500),
        why: plain(&typed.why),
        name: line(&plain(&typed.name), 200),
        address: line(&plain(&typed.address), 254),
        lang: line(&plain(&typed.lang), 2),
    }
}

/// Draws the pictures of a parcel again, off the threads that serve; the inner error says why one is not taken.
async fn redrawn(files: Vec<String>, documents: bool) -> Result<Result<Files, &'static str>> {
    if files.len() > FILES {
        return Ok(Err("it has more files than a form takes"));
    }
    let work = move || {
        let mut all = Files::new();
        for text in files {
            let Ok(bytes) = BASE64_STANDARD.decode(text) else {
                return Err("a file of it cannot be read");
            };
            match pictures::take(&bytes, documents) {
                Ok(taken) => all.push((bytes, taken)),
                Err(_) => return Err("a file of it is none that a form takes"),
            }
        }
        Ok(all)
    };
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => Ok(done),
        // A decoder that fell over its picture.
        Err(error) => {
            tracing::warn!(%error, "a picture from outside could not be decoded");
            Ok(Err("a file of it could not be decoded"))
        }
    }
}

/// Receipts are told of for so long after they were given.
const TOLD: i64 = 400 * DAY;

/// Everything that a public node may tell, as lines in order: of each receipt of a form given in the last 400 days, what
/// its holder may know, sealed to the receipt.
///
/// # Errors
/// The ledger.
pub async fn projection(desk: &response::Desk, zone: &jiff::tz::TimeZone) -> Result<String> {
    let broken = |error: &dyn std::fmt::Display| Error::Parcel(format!("projection: {error}"));
    let now = (desk.clock)();
    let since = now.0 - TOLD;
    let ledger = &desk.ledger;
    let mut lines = Vec::new();
    let stages = ledger.stages_since(since, report::as_of(now, zone));
    for (receipt, stage) in stages.await.map_err(|error| broken(&error))? {
        let line = answers::line(Kind::Complaint, &receipt, &Told::Stage(stage));
        lines.push(line.map_err(|error| broken(&error))?);
    }
    for appeal in ledger
        .appeals_told_since(since)
        .await
        .map_err(|error| broken(&error))?
    {
        let receipt = appeal.receipt.clone();
        let told = Told::Judged(front::judged(appeal));
        let line = answers::line(Kind::Appeal, &receipt, &told);
        lines.push(line.map_err(|error| broken(&error))?);
    }
    lines.sort_unstable();
    Ok(lines.iter().map(|line| format!("{line}\n")).collect())
}
