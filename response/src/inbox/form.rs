//! Complaints of the public form. They are stored at once, and read as mail is: a job finds out whether each joins
//! the incident of its matter, opens one or waits for a person. Nothing is validated here: a person does that.

use formats::mail::complaint::Observable;
use ledger::complaint::{Fate, NewComplaint, READ_COMPLAINT};
use ledger::verification::NewEvidence;
use ledger::{Complaint, ComplaintState, NewIncident, NewSubmitted, Reach};
use model::field::Field;
use model::ids::{ComplaintId, EvidenceId, IncidentId};
use model::incident::{CaseKind, Severity};
use model::territory::Territory;
use model::time::Timestamp;
use model::tlp::Tlp;

use super::reading::{Enrich, Named, RULE, Told};
use crate::triage::Rules;
use crate::{Desk, Result};

/// Who acts when somebody without an account does.
pub const ACTOR: &str = "system:form";
/// How often a complaint is tried before it waits for a person.
const TRIES: i32 = 3;
/// Characters of what a complaint is about, in one line.
const LINE: usize = 200;

/// What somebody reported by the form.
#[derive(Clone, Debug, PartialEq)]
pub struct Reported {
    /// The receipt, drawn by the caller: not to be guessed.
    pub receipt: String,
    /// How it came: [`ledger::complaint::FORM`], or another road that goes the same way.
    pub via: &'static str,
    /// What it is about.
    pub kind: CaseKind,
    /// What it names.
    pub places: Vec<Observable>,
    /// Name of the app, and where it is offered; empty where it is about none.
    pub app: String,
    /// What was written.
    pub body: String,
    /// Where the reporter is told how it ended.
    pub address: Option<String>,
    /// Their language, `zh` or `en`.
    pub language: &'static str,
    /// What came with it, kept already.
    pub files: Vec<NewSubmitted>,
    /// When it came, where that was before it is stored: a public node took it.
    pub received_at: Option<Timestamp>,
}

/// What reading complaints of the form did.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct ReadForms {
    /// Complaints read.
    pub complaints: u64,
    /// Incidents that they opened.
    pub opened: u64,
    /// Complaints that wait for a person.
    pub waiting: u64,
    /// Complaints that failed and are tried again.
    pub failed: u64,
    /// Whether its time was over before all were read.
    pub more: bool,
}

/// What a person decides about a complaint that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It belongs to the incident of this number.
    Join(i64),
    /// It opens one, about this.
    Open(CaseKind, String),
    /// It leads to nothing, for this reason.
    Refuse(String),
}

impl Desk {
    /// Stores a complaint of the form; durable when this returns. Returns its number.
    ///
    /// # Errors
    /// The ledger fails.
    pub async fn file_complaint(&self, new: Reported) -> Result<i64> {
        let now = (self.clock)();
        let first = new.places.first().map(|one| one.text.clone());
        let app = Some(new.app.clone()).filter(|app| !app.is_empty());
        let written = || new.body.lines().next().unwrap_or_default().to_owned();
        let what = first.or(app).unwrap_or_else(written);
        let observables: Vec<_> = new
            .places
            .iter()
            .map(|one| serde_json::json!([one.field.column(), one.text]))
            .collect();
        let body = match new.app.is_empty() {
            true => new.body,
            false => format!("{}\n\n{}", new.app, new.body).trim().to_owned(),
        };
        let complaint = NewComplaint {
            id: ComplaintId::draw(now, (self.random)()),
            receipt: new.receipt,
            via: new.via.to_owned(),
            message: None,
            kind: new.kind,
            what: what.chars().take(LINE).collect(),
            observables: observables.into(),
            body,
            reporter: new.address,
            reporter_name: None,
            received_at: new.received_at.unwrap_or(now).0,
            tell: false,
        };
        let (language, files) = (new.language, new.files);
        let filed = self
            .ledger
            .file_complaint(complaint, language, files, ACTOR, now.0);
        Ok(filed.await?)
    }

    /// Reads the complaints of the form that wait for it; what is left at `until` waits for the next call.
    ///
    /// # Errors
    /// The ledger fails.
    pub async fn read_complaints(
        &self,
        rules: &Rules,
        enrich: &Enrich<'_>,
        until: Timestamp,
    ) -> Result<ReadForms> {
        let mut told = ReadForms::default();
        loop {
            let at = (self.clock)();
            if at >= until {
                told.more = true;
                return Ok(told);
            }
            let lease = self.ledger.lease(at.0, "forms", &[READ_COMPLAINT], 600);
            let Some(lease) = lease.await? else {
                return Ok(told);
            };
            let done = match lease.job.key.parse::<ComplaintId>() {
                Ok(id) => self.read_complaint(id, rules, enrich, &mut told).await,
                // No job of ours has such a key.
                Err(_) => Ok(()),
            };
            let now = (self.clock)().0;
            match done {
                Ok(()) => self.ledger.complete(lease, now).await?,
                Err(error) => {
                    // It waits for a person anyway: after some tries it is left to one.
                    let text = error.to_string();
                    tracing::warn!(
                        complaint = lease.job.key,
                        error = text,
                        "a complaint cannot be read"
                    );
                    told.failed += 1;
                    match lease.job.attempts >= TRIES {
                        true => self.ledger.complete(lease, now).await?,
                        false => {
                            self.ledger.fail(lease, now, &text, 60, TRIES + 1).await?;
                        }
                    }
                }
            }
        }
    }

    async fn read_complaint(
        &self,
        id: ComplaintId,
        rules: &Rules,
        enrich: &Enrich<'_>,
        told: &mut ReadForms,
    ) -> Result<()> {
        let complaint = self.ledger.complaint(id).await?;
        told.complaints += 1;
        // A killed process may have decided it, or a person in the meantime.
        let complaint = match complaint.state {
            ComplaintState::Waiting => {
                let now = (self.clock)();
                let of = Told {
                    named: named(&complaint),
                    kind: complaint.kind.0,
                    confidence: 100,
                    observed_at: None,
                    reference: String::new(),
                };
                let (fate, _) = self.fate(of, rules, enrich, now).await?;
                told.opened += u64::from(matches!(fate, Fate::Opens(_)));
                told.waiting += u64::from(matches!(fate, Fate::Waits(_)));
                self.ledger.decide_complaint(id, fate, ACTOR, now.0).await?
            }
            _ => complaint,
        };
        self.keep_submitted(&complaint).await
    }

    /// Decides a complaint that waits, as a person does.
    ///
    /// # Errors
    /// [`ledger::Error::Conflict`] if it was decided already; the ledger fails.
    pub async fn decide_complaint(
        &self,
        complaint: &Complaint,
        decision: Decision,
        actor: &str,
    ) -> Result<Complaint> {
        let now = (self.clock)();
        let fate = match decision {
            Decision::Refuse(reason) => Fate::Refused(reason),
            Decision::Join(number) => {
                let into = self.ledger.incident_numbered(number, &Reach::All).await?;
                Fate::Joins(into.incident_id())
            }
            Decision::Open(kind, what) => {
                Fate::Opens(Box::new(self.opened(complaint, kind, what, now)))
            }
        };
        let id = complaint.id.0;
        let decided = self.ledger.decide_complaint(id, fate, actor, now.0).await?;
        self.keep_submitted(&decided).await?;
        Ok(decided)
    }

    fn opened(
        &self,
        complaint: &Complaint,
        kind: CaseKind,
        what: String,
        now: Timestamp,
    ) -> NewIncident {
        let named = named(complaint);
        NewIncident {
            id: IncidentId::draw(now, (self.random)()),
            kind,
            severity: Severity::Medium,
            rule: RULE.to_owned(),
            key: what.clone(),
            what,
            url: named.url,
            host: named.host,
            ip: named.ip,
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
            origin: "complaint".to_owned(),
            external_number: None,
            first_seen_at: complaint.received_at,
            last_seen_at: complaint.received_at,
            validated_by: None,
        }
    }

    /// Puts what came with a complaint beside the evidence of its incident: the bytes as they came under a type
    /// that nothing opens, and the picture made of them. Doing it twice changes nothing.
    async fn keep_submitted(&self, complaint: &Complaint) -> Result<()> {
        let Some(incident) = complaint.incident_id else {
            return Ok(());
        };
        let files = self.ledger.submitted_with_complaint(complaint.id.0).await?;
        if files.is_empty() {
            return Ok(());
        }
        let kept = self.ledger.evidence(incident.0).await?;
        let source = format!("sent with complaint {}", complaint.number);
        for file in files {
            let (n, kind) = (file.place, &file.kind);
            let original = (
                file.original,
                format!("sent-{n}.{kind}.original"),
                "application/octet-stream",
            );
            let shown = file
                .shown
                .map(|hash| (hash, format!("sent-{n}.png"), "image/png"));
            for (blob, name, media_type) in [Some(original), shown].into_iter().flatten() {
                let known = kept
                    .iter()
                    .any(|one| one.source == source && one.blob == blob);
                if known {
                    continue;
                }
                let bytes = self.blobs.read(&blob)?.len() as u64;
                let now = (self.clock)();
                let new = NewEvidence {
                    id: EvidenceId::draw(now, (self.random)()),
                    incident: incident.0,
                    blob,
                    name,
                    media_type: media_type.to_owned(),
                    bytes,
                    source: source.clone(),
                    tlp: Tlp::Amber,
                    at: complaint.received_at,
                };
                self.ledger.add_evidence(new, ACTOR, now.0).await?;
            }
        }
        Ok(())
    }
}

/// What a stored complaint names.
fn named(complaint: &Complaint) -> Named {
    let pairs: Vec<(String, String)> =
        serde_json::from_str(&complaint.observables).unwrap_or_default();
    let observables = pairs.into_iter().filter_map(|(column, text)| {
        let fields = [Field::SourceUrl, Field::SourceHost, Field::SourceIp];
        let field = fields.into_iter().find(|field| field.column() == column)?;
        Some(Observable {
            field,
            text,
            port: None,
            confidence: 100,
        })
    });
    Named::of(&observables.collect::<Vec<_>>())
}
