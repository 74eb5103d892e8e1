//! The counter of a public node: it seals what is sent and keeps it in the spool; what it tells comes from the answers
//! that the inside left.

use std::sync::Arc;

use ledger::Hash;
use model::outside::{AppealState, Stage};
use response::deliver::openpgp::{Recipient, Seed};

use super::answers::{self, Answers, Kind, Told};
use super::parcel::{Parcel, What};
use super::spool::Spool;
use crate::front::{self, Counter, Files, Judged, Plea, Report};
use crate::limits::{Limit, Limits};
use crate::pages::outside::{DAY, HOUR};
use crate::receipts;
use crate::refusal::Refusal;

/// Complaints that leave one address.
const ADDRESS: Limit = Limit {
    what: "address",
    most: front::ADDRESS as u32,
    per: DAY,
};
/// Complaints of everybody.
const COMPLAINTS: Limit = Limit {
    what: "complaints",
    most: front::COMPLAINTS as u32,
    per: HOUR,
};
/// Appeals of everybody.
const APPEALS: Limit = Limit {
    what: "appeals",
    most: front::APPEALS as u32,
    per: HOUR,
};
/// Parcels that are sealed at the same time: each is held in memory some times over.
const SEALING: usize = 2;

/// The counter.
pub(crate) struct Outside {
    pub(crate) spool: Arc<Spool>,
    pub(crate) answers: Arc<Answers>,
    sealer: Arc<Recipient>,
    limits: Limits,
    sealing: tokio::sync::Semaphore,
}

impl Outside {
    pub(crate) fn new(spool: Arc<Spool>, answers: Arc<Answers>, sealer: Recipient) -> Self {
        Outside {
            spool,
            answers,
            sealer: Arc::new(sealer),
            limits: Limits::default(),
            sealing: tokio::sync::Semaphore::new(SEALING),
        }
    }

    /// Seals what was sent and keeps it; its receipt, when it is durable.
    pub(crate) async fn keep(&self, what: What, files: Files, now: i64) -> Result<String, Refusal> {
        let receipt = receipts::draw()?;
        let slot = answers::slot(what.kind(), &receipt);
        let parcel = Parcel::new(&receipt, now, what, &files);
        let turn = self.sealing.acquire().await;
        let turn = turn.map_err(|error| Refusal::broken("sealing", error))?;
        let (sealer, spool) = (Arc::clone(&self.sealer), Arc::clone(&self.spool));
        let work = move || {
            let plain = serde_json::to_vec(&parcel).map_err(|error| error.to_string())?;
            let mut seed = [0; 32];
            ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut seed)
                .map_err(|_| "the system gives no random bytes".to_owned())?;
            let at = model::time::Timestamp(now);
            let sealed = sealer.encrypt(&plain, None, at, Seed(seed));
            let sealed = sealed.map_err(|error| error.to_string())?;
            let kept = spool.keep(&slot, sealed.as_bytes());
            kept.map_err(|error| error.to_string())
        };
        let kept = tokio::task::spawn_blocking(work).await;
        drop(turn);
        let kept = kept.map_err(|error| Refusal::broken("sealing", error))?;
        match kept.map_err(|why| Refusal::broken("the spool", why))? {
            true => Ok(receipt),
            false => {
                metrics::counter!("watchfire_public_full_total").increment(1);
                Err(Refusal::Full)
            }
        }
    }
}

#[async_trait::async_trait]
impl Counter for Outside {
    async fn given_often(&self, address: &str, now: i64) -> Result<bool, Refusal> {
        // Kept by hash: memory holds nobody's address.
        let key = Hash::of(address.as_bytes()).to_string();
        Ok(self.limits.spend(ADDRESS, &key, now).is_err())
    }

    async fn report(&self, report: Report, files: Files, now: i64) -> Result<String, Refusal> {
        self.limits.spend(COMPLAINTS, "", now)?;
        self.keep(What::Report(report), files, now).await
    }

    async fn appeal(&self, plea: Plea, files: Files, now: i64) -> Result<String, Refusal> {
        self.limits.spend(APPEALS, "", now)?;
        self.keep(What::Plea(plea), files, now).await
    }

    async fn stage(&self, receipt: &str) -> Result<Option<Stage>, Refusal> {
        match self.answers.told(Kind::Complaint, receipt) {
            Some(Told::Stage(stage)) => Ok(Some(stage)),
            _ => {
                let waits = self.spool.holds(&answers::slot(Kind::Complaint, receipt));
                Ok(waits.then_some(Stage::Received))
            }
        }
    }

    async fn judged(&self, receipt: &str) -> Result<Option<Judged>, Refusal> {
        match self.answers.told(Kind::Appeal, receipt) {
            Some(Told::Judged(judged)) => Ok(Some(judged)),
            _ => {
                let waits = self.spool.holds(&answers::slot(Kind::Appeal, receipt));
                Ok(waits.then(|| Judged {
                    state: AppealState::Waiting,
                    decision: String::new(),
                }))
            }
        }
    }
}
