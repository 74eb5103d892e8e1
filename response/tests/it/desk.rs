//! A desk for tests: stores in a folder, a clock that is set by hand, ids in a row.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use ledger::incident::Triage;
use ledger::{BlobStore, Ledger, NewIncident};
use model::ids::IncidentId;
use model::incident::{CaseKind, Severity};
use model::territory::Territory;
use model::time::Timestamp;
use model::tlp::Tlp;
use response::Desk;
use tempfile::TempDir;

/// 2026-11-28 00:00 UTC.
pub const NOW: i64 = 1_795_824_000_000_000;

/// A desk and what moves its clock.
pub struct Bench {
    pub desk: Desk,
    clock: Arc<AtomicI64>,
    _folder: TempDir,
}

impl Bench {
    pub async fn new() -> Bench {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(AtomicI64::new(NOW));
        let count = AtomicU64::new(0);
        let told = Arc::clone(&clock);
        let desk = Desk {
            lake: lake::Lake::open(&folder.path().join("lake"), 64 << 20, 1).unwrap(),
            ledger: Ledger::open(&folder.path().join("ledger.db"))
                .await
                .unwrap(),
            blobs: BlobStore::new(folder.path().join("blobs")),
            clock: Arc::new(move || Timestamp(told.load(Ordering::SeqCst))),
            random: Arc::new(move || {
                let mut drawn = [0; 10];
                let next = count.fetch_add(1, Ordering::SeqCst);
                drawn[2..].copy_from_slice(&next.to_be_bytes());
                drawn
            }),
        };
        Bench {
            desk,
            clock,
            _folder: folder,
        }
    }

    /// Lets time go by.
    pub fn pass(&self, micros: i64) {
        self.clock.fetch_add(micros, Ordering::SeqCst);
    }

    pub fn now(&self) -> Timestamp {
        (self.desk.clock)()
    }

    /// Opens an incident of this host and address.
    pub async fn open(
        &self,
        host: &str,
        ip: &str,
        change: impl FnOnce(&mut NewIncident),
    ) -> IncidentId {
        let now = self.now();
        let mut new = NewIncident {
            id: IncidentId::draw(now, (self.desk.random)()),
            kind: CaseKind::Phishing,
            severity: Severity::Medium,
            rule: "phishing-host".to_owned(),
            key: host.to_owned(),
            what: format!("phishing at {host}"),
            url: None,
            host: Some(host.to_owned()),
            ip: Some(ip.to_owned()),
            asn: None,
            name: None,
            brand: None,
            country: None,
            province: None,
            territory: Territory::Unknown,
            border: Vec::new(),
            flags: Vec::new(),
            owner: None,
            tlp: Tlp::Amber,
            origin: "triage".to_owned(),
            external_number: None,
            first_seen_at: now.0,
            last_seen_at: now.0,
            validated_by: None,
        };
        change(&mut new);
        let id = new.id;
        let triage = Triage {
            opened: vec![new],
            ..Triage::default()
        };
        let ledger = &self.desk.ledger;
        ledger
            .commit_triage(triage, "phishing-host", "system:triage", now.0)
            .await
            .unwrap();
        id
    }
}
