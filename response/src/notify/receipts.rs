//! Telling reporters: that a complaint arrived, with its receipt, and how it ended.
//!
//! A reporter is a person who is no party: notices to reporters belong to one organization of the
//! register that stands for all of them. At most one automatic mail goes to an address in a day, and
//! none to a machine (RFC 3834; decided where the complaint was read).

use jiff::tz::TimeZone;
use ledger::complaint::TELL_REPORTER;
use ledger::notice::NewNotice;
use ledger::organization::NewOrganization;
use ledger::{Complaint, NewAudit};
use model::bulletin::{Lang, Text};
use model::ids::{ComplaintId, NoticeId, OrganizationId};
use model::incident::CaseKind;
use model::marking::To;
use model::notice::NoticeKind;
use model::organization::{Channel, Role};
use model::time::Timestamp;
use model::tlp::Tlp;

use super::{ACTOR, House};
use crate::deliver::header::{Mailbox, MessageId};
use crate::deliver::message::{self, Mail, Protection};
use crate::deliver::openpgp::Seed;
use crate::notice::{self, Ask, Composed, Draft, Item, Look, Observed, Party, Token};
use crate::{Desk, Error, Result};

/// Name of the organization that stands for all reporters.
const REPORTERS: &str = "Reporters";
const DAY: i64 = 86_400_000_000;
/// Mails about how complaints ended that one address gets in a day.
const OUTCOMES_A_DAY: u64 = 5;

impl Desk {
    /// Writes receipts for complaints whose reporters may be told; returns how many. Reading left a job
    /// for each, so that a process that is killed in between owes nobody a receipt.
    ///
    /// # Errors
    /// The ledger or the blob store fails.
    pub async fn write_receipts(&self, house: &House) -> Result<u64> {
        let mut written = 0;
        loop {
            let at = (self.clock)().0;
            let lease = self.ledger.lease(at, "receipts", &[TELL_REPORTER], 600);
            let Some(lease) = lease.await? else {
                return Ok(written);
            };
            if let Ok(id) = lease.job.key.parse::<ComplaintId>() {
                let complaint = self.ledger.complaint(id).await?;
                if complaint.receipt_at.is_none() {
                    written += u64::from(self.tell(house, &complaint, NoticeKind::Receipt).await?);
                }
            }
            self.ledger.complete(lease, (self.clock)().0).await?;
        }
    }

    /// Tells reporters of incidents that ended; returns how many.
    ///
    /// # Errors
    /// As [`Desk::write_receipts`].
    pub async fn write_outcomes(&self, house: &House) -> Result<u64> {
        let mut written = 0;
        for complaint in self.ledger.complaints_to_answer().await? {
            written += u64::from(self.tell(house, &complaint, NoticeKind::Outcome).await?);
        }
        Ok(written)
    }

    pub(super) async fn reporters(&self) -> Result<OrganizationId> {
        let all = self.ledger.organizations(Some(REPORTERS)).await?;
        if let Some(known) = all.iter().find(|org| org.name_en == REPORTERS) {
            return Ok(known.id.0);
        }
        let now = (self.clock)();
        let id = OrganizationId::draw(now, (self.random)());
        let new = NewOrganization {
            id,
            name_zh: "举报人".to_owned(),
            name_en: REPORTERS.to_owned(),
            roles: vec![Role::Reporter],
            country: None,
            province: None,
            zone: "UTC".to_owned(),
            language: "en".to_owned(),
            interval_secs: 0,
            source: "system".to_owned(),
            protected: true,
            contacts: Vec::new(),
            responsible: Vec::new(),
        };
        self.ledger
            .add_organizations(vec![new], ACTOR, now.0)
            .await?;
        Ok(id)
    }

    async fn tell(&self, house: &House, complaint: &Complaint, kind: NoticeKind) -> Result<bool> {
        let id = complaint.id.0;
        let now = (self.clock)();
        let outcome = kind == NoticeKind::Outcome;
        let Some(address) = &complaint.reporter else {
            return Ok(false);
        };
        if !outcome && self.ledger.told_since(address, now.0 - DAY).await? {
            return Ok(false);
        }
        // One automatic mail a thread and day: who got the receipt today hears the rest tomorrow.
        if outcome && complaint.receipt_at.is_some_and(|at| at > now.0 - DAY) {
            return Ok(false);
        }
        // Anybody may write anybody's address into a form: a few mails a day, and the rest on other days.
        let since = now.0 - DAY;
        if outcome && self.ledger.mails_since(address, kind, since).await? >= OUTCOMES_A_DAY {
            return Ok(false);
        }
        let resolution = match complaint.incident_id {
            Some(incident) if outcome => {
                let reach = &ledger::Reach::All;
                let incident = self.ledger.incident(incident.0, reach).await?;
                let marking = self.ledger.marking(&incident).await?;
                // How it ended is of the incident; it is told when that may leave.
                if marking.may_leave(To::Outsider, now).is_err() {
                    return Ok(false);
                }
                incident.resolution
            }
            _ => None,
        };
        let notice_id = NoticeId::draw(now, (self.random)());
        // The language of the form, else: Chinese in what was written is answered in Chinese.
        let han = |c: char| ('\u{4e00}'..='\u{9fff}').contains(&c);
        let chinese = match complaint.language.as_deref() {
            Some(language) => language == "zh",
            None => complaint.body.chars().any(han),
        };
        let language = if chinese { Lang::Zh } else { Lang::En };
        let name = complaint.reporter_name.clone().unwrap_or_default();
        let draft = Draft {
            id: notice_id,
            token: Token::derive(&house.token_key, &notice_id.to_string()),
            kind,
            language,
            party: Party {
                name: Text {
                    zh: name.clone(),
                    en: name,
                },
                role: Role::Reporter,
                zone: TimeZone::UTC,
            },
            sender: house.sender.clone(),
            items: vec![item(complaint, resolution.map(|how| how.0))],
            composed_at: now,
            target: None,
            tlp: Tlp::Green,
            earlier: None,
            remark: None,
            leaf: None,
            exercise: house.exercise,
        };
        let refused = |error: String| Error::refused(format!("complaint {id}"), error);
        let composed = notice::compose(&draft, &Look::default())
            .map_err(|error| refused(error.to_string()))?;
        let to = match Mailbox::read(address) {
            Ok(to) => to,
            Err(error) => {
                // Nobody can be told at such an address: said once, in the trail.
                let record = NewAudit {
                    actor: ACTOR.to_owned(),
                    action: "complaint.untold".to_owned(),
                    object: format!("complaint {id}"),
                    detail: serde_json::json!({ "reason": error.to_string() }),
                };
                self.ledger.append_audit(record, now.0).await?;
                self.ledger.reporter_told(id, outcome, now.0).await?;
                return Ok(false);
            }
        };
        let mail = Written {
            composed: &composed,
            notice: notice_id,
            token: &draft.token,
            to,
            follows: Vec::new(),
        };
        let (message_id, bytes) = mail.build(house, now).map_err(refused)?;
        let blob = self.blobs.put_bytes(&bytes)?;
        let new = NewNotice {
            id: notice_id,
            kind,
            organization: self.reporters().await?,
            contact: None,
            channel: Channel::Mail,
            address: address.clone(),
            format: None,
            language: if chinese { "zh" } else { "en" }.to_owned(),
            subject: composed.subject.clone(),
            token: draft.token.as_str().to_owned(),
            message_id,
            thread: Vec::new(),
            body: blob.hash,
            hold_reason: None,
            approved_by: Some(ACTOR.to_owned()),
            exercise: house.exercise,
            covers: Vec::new(),
        };
        self.ledger.tell_reporter(new, id, ACTOR, now.0).await?;
        Ok(true)
    }
}

/// A mail to somebody who is no contact of the register: a reporter, or whoever wrote to us.
pub(super) struct Written<'a> {
    pub(super) composed: &'a Composed,
    pub(super) notice: NoticeId,
    pub(super) token: &'a Token,
    pub(super) to: Mailbox,
    /// Messages that it follows, the oldest first.
    pub(super) follows: Vec<MessageId>,
}

impl Written<'_> {
    /// Its Message-ID and its bytes; or why it cannot be written.
    pub(super) fn build(self, house: &House, now: Timestamp) -> Result<(String, Vec<u8>), String> {
        let domain = &house.sender.domain;
        let id = MessageId::of(self.notice, &self.to.address(), domain);
        let from = Mailbox::read(&house.sender.address).map_err(|error| error.to_string())?;
        let shown = match self.composed.language {
            Lang::Zh => &house.sender.name.zh,
            Lang::En => &house.sender.name.en,
        };
        let mail = Mail {
            composed: self.composed,
            notice: self.notice,
            token: self.token,
            id: id.clone(),
            from: from.named(shown),
            to: self.to,
            references: self.follows,
            date: now,
        };
        let protection = Protection {
            signer: house.signer.as_ref(),
            recipient: None,
            dkim: house.dkim.as_ref(),
        };
        let built = message::build(&mail, domain, &protection, Seed((house.seed)()));
        let built = built.map_err(|error| error.to_string())?;
        Ok((id.as_str().to_owned(), built.bytes))
    }
}

fn item(complaint: &Complaint, resolution: Option<model::incident::Resolution>) -> Item {
    let kind: CaseKind = complaint.kind.0;
    let mut observed = Observed::default();
    let named: Vec<(String, String)> =
        serde_json::from_str(&complaint.observables).unwrap_or_default();
    for (field, text) in named {
        match field.as_str() {
            "source_url" => observed.url.get_or_insert(text),
            "source_host" => observed.host.get_or_insert(text),
            "source_ip" => {
                observed.ip = observed.ip.or_else(|| text.parse().ok());
                continue;
            }
            _ => continue,
        };
    }
    if observed == Observed::default() {
        observed.host = Some(complaint.what.clone());
    }
    Item {
        incident: complaint.receipt.clone(),
        kind,
        observed,
        first_seen: Timestamp(complaint.received_at),
        last_seen: Timestamp(complaint.received_at),
        count: 1,
        asked: Ask::Coordinate,
        evidence: Vec::new(),
        source: None,
        reporter: None,
        victim: None,
        resolution,
        message: None,
    }
}
