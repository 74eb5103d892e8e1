//! Reading stored mail: a complaint opens or joins an incident, an answer is tied to its notice and
//! classed, a bounce moves on to the next contact. A class proposes; nothing here closes an incident
//! or stops a clock. Reading a message again is safe: what it led to is keyed by the message.

use std::collections::BTreeSet;
use std::io::Read;

use formats::mail::bounce::{BounceReport, Hardness, Outcome};
use formats::mail::complaint::{Complaint, Observable};
use formats::mail::nature::{Nature, may_answer};
use formats::mail::own::{Link, Own};
use formats::mail::reply::{Class, reply_class, unquoted};
use formats::mail::{Limits, Mail};
use ledger::complaint::{Fate, NewComplaint};
use ledger::message::READ_MESSAGE;
use ledger::notice::Move;
use ledger::verification::NewEvidence;
use ledger::{
    Directive, DirectiveState, Fault, Incident, Message, MessageRead, MessageState, NewIncident,
    NewStep, Notice, Reach, Subscriber, SubscriberState,
};
use model::field::Field;
use model::ids::{ComplaintId, EvidenceId, IncidentId};
use model::incident::{CaseKind, Severity, Step};
use model::notice::NoticeState;
use model::territory::Territory;
use model::time::Timestamp;
use model::tlp::Tlp;

use crate::triage::{KeyPart, Rules};
use crate::{Desk, Error, Result};

/// Adds what tables tell of the host and address that a complaint names: country, province, network,
/// whose site it is, why it crosses the border.
pub type Enrich<'a> = dyn Fn(&mut NewIncident) + Send + Sync + 'a;

/// Who acts when a mail does.
pub const ACTOR: &str = "system:inbox";
/// Rule of incidents that only complaints opened.
pub const RULE: &str = "complaint";
/// How often a message is tried before it waits for a person.
const TRIES: i32 = 3;

/// What reading did, by kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct ReadMail {
    /// Messages read.
    pub messages: u64,
    /// Complaints stored.
    pub complaints: u64,
    /// Incidents that complaints opened.
    pub opened: u64,
    /// Answers tied to a notice.
    pub answers: u64,
    /// Bounces tied to a notice.
    pub bounces: u64,
    /// Messages that wait for a person.
    pub waiting: u64,
    /// Messages that could not be read.
    pub quarantined: u64,
    /// Messages that failed and are tried again.
    pub failed: u64,
    /// Whether its time was over before all were read.
    pub more: bool,
}

/// What one message came to.
pub(super) struct Came {
    pub(super) state: MessageState,
    pub(super) reason: Option<String>,
    proposal: Option<String>,
    notice: Option<Notice>,
    pub(super) incident: Option<IncidentId>,
}

impl Came {
    fn handled(reason: impl Into<String>) -> Self {
        Came {
            state: MessageState::Handled,
            reason: Some(reason.into()),
            proposal: None,
            notice: None,
            incident: None,
        }
    }

    fn waits(reason: impl Into<String>) -> Self {
        Came {
            state: MessageState::Waiting,
            ..Came::handled(reason)
        }
    }
}

impl Desk {
    /// Reads all messages that wait; what is left at `until` waits for the next call
    /// ([`ReadMail::more`]). `own` is what is ours; `rules` are those of triage, so that a
    /// complaint joins the incident that events of the same matter opened.
    ///
    /// # Errors
    /// The ledger or the blob store fails.
    pub async fn read_messages(
        &self,
        own: &Own,
        rules: &Rules,
        enrich: &Enrich<'_>,
        until: Timestamp,
    ) -> Result<ReadMail> {
        let mut told = ReadMail::default();
        loop {
            let at = (self.clock)();
            if at >= until {
                told.more = true;
                return Ok(told);
            }
            let lease = self
                .ledger
                .lease(at.0, "inbox", &[READ_MESSAGE], 600)
                .await?;
            let Some(lease) = lease else { return Ok(told) };
            let message = self.ledger.message(&lease.job.key).await?;
            match self
                .read_one(&message, own, (rules, enrich), &mut told)
                .await
            {
                Ok(()) => self.ledger.complete(lease, (self.clock)().0).await?,
                Err(error) if lease.job.attempts >= TRIES => {
                    // One poison message never blocks the queue: a person looks.
                    let read = MessageRead {
                        sender: message.sender.clone(),
                        subject: message.subject.clone(),
                        nature: message.nature.clone(),
                        state: MessageState::Waiting,
                        reason: Some(format!("tried {TRIES} times: {error}")),
                        proposal: None,
                        notice: None,
                        incident: None,
                    };
                    let now = (self.clock)().0;
                    self.ledger.message_read(&message.id, read, now).await?;
                    self.ledger.complete(lease, now).await?;
                    told.waiting += 1;
                }
                Err(error) => {
                    let now = (self.clock)().0;
                    let text = error.to_string();
                    tracing::warn!(message = message.id, error = text, "a mail cannot be read");
                    // It rests, and the others are read. A store that fails ends this here as well.
                    self.ledger.fail(lease, now, &text, 60, TRIES + 1).await?;
                    told.failed += 1;
                }
            }
        }
    }

    async fn read_one(
        &self,
        message: &Message,
        own: &Own,
        how: (&Rules, &Enrich<'_>),
        told: &mut ReadMail,
    ) -> Result<()> {
        told.messages += 1;
        let mut bytes = Vec::new();
        self.blobs
            .open(&message.blob)?
            .read_to_end(&mut bytes)
            .map_err(|error| Error::refused(format!("blob {}", message.blob), error))?;
        let limits = Limits::default();
        let mail = match Mail::read(&bytes, &limits) {
            Ok(mail) => mail,
            Err(error) => {
                told.quarantined += 1;
                let read = MessageRead {
                    sender: String::new(),
                    subject: String::new(),
                    nature: String::new(),
                    state: MessageState::Quarantined,
                    reason: Some(error.to_string()),
                    proposal: None,
                    notice: None,
                    incident: None,
                };
                let now = (self.clock)().0;
                return Ok(self.ledger.message_read(&message.id, read, now).await?);
            }
        };
        let verdict = mail.verdict(own, &limits);
        let notice = match &verdict.link {
            Some(Link::Token(token)) => self.ledger.notice_of(Some(token), &[]).await?,
            Some(Link::MessageId(id)) => self.ledger.notice_of(None, &[id]).await?,
            None => None,
        };
        // What comes back to a subscriber's address is about the mail edition, not about a notice.
        let subscriber = match &verdict.link {
            Some(Link::Token(token)) if notice.is_none() => self.subscriber_of_token(token).await?,
            _ => None,
        };
        let read = match &verdict.nature {
            Nature::Bounce(report) if subscriber.is_some() => {
                self.edition_bounced(report, subscriber, told).await?
            }
            Nature::AutomaticReply(_) if subscriber.is_some() => {
                Came::handled("an automatic answer to the mail edition")
            }
            _ if subscriber.is_some() => self.subscriber_wrote(&mail, subscriber).await?,
            Nature::Bounce(report) => self.bounced(report, notice, told).await?,
            Nature::AutomaticReply(_) => Came {
                notice,
                ..Came::handled("an automatic answer")
            },
            Nature::Reply(_) => match notice {
                Some(notice) => self.answered(message, &mail, notice, told).await?,
                None => Came::waits("it refers to a notice that is not known here"),
            },
            Nature::Feed(files) => {
                let names: Vec<_> = files.iter().map(|file| file.report.as_str()).collect();
                Came::waits(format!(
                    "a feed's delivery ({}): subscribe to it with a maildir feed",
                    names.join(", ")
                ))
            }
            Nature::Bulk => Came::handled("sent to many; it asks nothing of us"),
            Nature::Arf(_) | Nature::Xarf(_) | Nature::NotifierComplaint(_) | Nature::Complaint => {
                self.complained(message, &mail, own, how, told).await?
            }
        };
        if read.state == MessageState::Waiting {
            told.waiting += 1;
        }
        let stored = MessageRead {
            sender: mail.sender().to_owned(),
            subject: mail.subject.to_string(),
            nature: verdict.nature.label().to_owned(),
            state: read.state,
            reason: read.reason.or_else(|| verdict.evidence.first().cloned()),
            proposal: read.proposal,
            notice: read.notice.as_ref().map(Notice::notice_id),
            incident: read.incident,
        };
        let now = (self.clock)().0;
        Ok(self.ledger.message_read(&message.id, stored, now).await?)
    }

    pub(super) async fn bounced(
        &self,
        report: &BounceReport,
        notice: Option<Notice>,
        told: &mut ReadMail,
    ) -> Result<Came> {
        let Some(notice) = notice else {
            return Ok(Came::waits("a bounce of a mail that is not known here"));
        };
        let failed = report
            .recipients
            .iter()
            .filter(|one| one.outcome == Outcome::Failed);
        let failed: Vec<_> = failed.collect();
        let Some(first) = failed.first() else {
            return Ok(Came {
                notice: Some(notice),
                ..Came::handled("a report of delivery; the mail did not fail")
            });
        };
        let hard = failed.iter().any(|one| one.hardness == Hardness::Hard);
        let why = format!(
            "{}{}: {}",
            first
                .status
                .as_deref()
                .map_or(String::new(), |status| format!("{status} ")),
            first.reason.label(),
            first.diagnostic.as_str()
        );
        told.bounces += 1;
        // Its reports may come several times; the first one moves on.
        if notice.state.0.may_become(NoticeState::Bounced) {
            let now = (self.clock)().0;
            let moved = Move {
                to: NoticeState::Bounced,
                reply: why.clone(),
                next_at: None,
            };
            let id = notice.notice_id();
            let fault = if hard { Fault::Gone } else { Fault::Passing };
            self.ledger
                .notice_came_back(id, moved, fault, ACTOR, now)
                .await?;
        }
        Ok(Came {
            notice: Some(notice),
            ..Came::handled(why)
        })
    }

    /// A mail of the edition came back.
    async fn edition_bounced(
        &self,
        report: &BounceReport,
        subscriber: Option<Subscriber>,
        told: &mut ReadMail,
    ) -> Result<Came> {
        let all = report.recipients.iter();
        let failed: Vec<_> = all.filter(|one| one.outcome == Outcome::Failed).collect();
        let (Some(subscriber), Some(first)) = (subscriber, failed.first()) else {
            return Ok(Came::handled("a report of delivery; the mail did not fail"));
        };
        let hard = failed.iter().any(|one| one.hardness == Hardness::Hard);
        let why = format!("{}: {}", first.reason.label(), first.diagnostic.as_str());
        told.bounces += 1;
        let now = (self.clock)().0;
        let after = self
            .ledger
            .subscriber_bounced(subscriber.id, hard, &why, ACTOR, now)
            .await?;
        let state = match after.state {
            SubscriberState::Bouncing => "is written to no more",
            _ => "stays",
        };
        Ok(Came::handled(format!(
            "subscriber {} {state}: {why}",
            after.id
        )))
    }

    /// A subscriber answered the mail edition: the word in the subject takes them off.
    async fn subscriber_wrote(&self, mail: &Mail, subscriber: Option<Subscriber>) -> Result<Came> {
        let Some(subscriber) = subscriber else {
            return Ok(Came::waits("an answer to the mail edition"));
        };
        let subject = mail.subject.to_string().to_lowercase();
        if !["unsubscribe", "退订"]
            .iter()
            .any(|word| subject.contains(word))
        {
            return Ok(Came::waits("an answer to the mail edition"));
        }
        let now = (self.clock)().0;
        let gone = self
            .ledger
            .leave_subscriber(subscriber.id, "by mail", ACTOR, now)
            .await?;
        Ok(Came::handled(format!(
            "subscriber {} left by mail",
            gone.id
        )))
    }

    pub(super) async fn answered(
        &self,
        message: &Message,
        mail: &Mail,
        notice: Notice,
        told: &mut ReadMail,
    ) -> Result<Came> {
        told.answers += 1;
        let text = unquoted(&mail.text);
        let coded = text.lines().find(|line| !line.trim().is_empty());
        let proposal = reply_class(text, None);
        let mut class = proposal.class;
        // The word that the notice asked for weighs more than phrases.
        if let Some(code) = coded.and_then(crate::notice::ReplyCode::read) {
            class = match code {
                crate::notice::ReplyCode::Fixed => Class::Fixed,
                crate::notice::ReplyCode::NotOurs => Class::WrongContact,
                crate::notice::ReplyCode::NeedInformation => Class::NeedsInformation,
            };
        }
        let about = self.ledger.notice_directives(notice.notice_id()).await?;
        let now = (self.clock)().0;
        let incidents: BTreeSet<_> = about.iter().map(|one| one.incident_id.0).collect();
        // The token in the address is proof enough that a recipient of the notice writes; whether it is
        // the party's own address is told to the person who decides.
        for covered in &about {
            let what = serde_json::json!({ "answered": class.label(), "message": message.id });
            let answer = |row: &mut Directive| {
                row.answered_at.get_or_insert(now);
                if row.state == DirectiveState::Asked {
                    row.state = DirectiveState::Answered;
                }
            };
            self.ledger
                .edit_directive(covered.directive_id.0, what, answer, ACTOR, now)
                .await?;
        }
        for id in &incidents {
            let incident = self.ledger.incident(*id, &Reach::All).await?;
            // "Not ours" is no receipt of the matter.
            let theirs = class != Class::WrongContact;
            if theirs && incident.state.0.is_live() && incident.noticed_at.is_some() {
                let at = message.received_at.min(now);
                let step = NewStep::new(Step::Acknowledge, format!("answer {}", message.id), at);
                self.ledger.step(*id, &Reach::All, step, ACTOR, now).await?;
            }
        }
        let one = match incidents.len() {
            1 => incidents.first().copied(),
            _ => None,
        };
        if let Some(id) = one {
            self.keep_attachments(mail, id, &message.id).await?;
        }
        let same = same_domain(&notice.address, mail.sender());
        let mut reason = format!("answer to notice #{}: {}", notice.number, class.label());
        if let Some(phrase) = proposal.phrase {
            reason.push_str(&format!(" (by \"{phrase}\")"));
        }
        if !same {
            reason.push_str("; it comes from another domain than the notice went to");
        }
        // "Fixed" needs no person: a verification finds out. All else does.
        let sure = class == Class::Fixed && same && !proposal.doubtful;
        Ok(Came {
            state: match sure {
                true => MessageState::Handled,
                false => MessageState::Waiting,
            },
            reason: Some(reason),
            proposal: Some(class.label().to_owned()),
            notice: Some(notice),
            incident: one,
        })
    }

    pub(super) async fn keep_attachments(
        &self,
        mail: &Mail,
        incident: IncidentId,
        message: &str,
    ) -> Result<()> {
        let source = format!("attached to mail {message}");
        let kept = self.ledger.evidence(incident).await?;
        for part in mail.parts.iter().filter(|part| part.name.is_some()) {
            let blob = self.blobs.put_bytes(&part.bytes)?;
            // The same message may be read again.
            if kept
                .iter()
                .any(|one| one.source == source && one.blob == blob.hash)
            {
                continue;
            }
            let now = (self.clock)();
            let new = NewEvidence {
                id: EvidenceId::draw(now, (self.random)()),
                incident,
                blob: blob.hash,
                name: part
                    .name
                    .as_ref()
                    .map_or(String::new(), |name| name.to_string()),
                media_type: part.media.clone(),
                bytes: part.bytes.len() as u64,
                source: source.clone(),
                tlp: Tlp::Amber,
                at: now.0,
            };
            self.ledger.add_evidence(new, ACTOR, now.0).await?;
        }
        Ok(())
    }

    async fn complained(
        &self,
        message: &Message,
        mail: &Mail,
        own: &Own,
        (rules, enrich): (&Rules, &Enrich<'_>),
        told: &mut ReadMail,
    ) -> Result<Came> {
        let limits = Limits::default();
        let complaints = match mail.complaints(own, &limits) {
            Ok(complaints) => complaints,
            Err(error) => return Ok(Came::waits(format!("a complaint, but {error}"))),
        };
        let mut incidents = BTreeSet::new();
        let mut waiting = 0;
        for (place, complaint) in complaints.iter().enumerate() {
            let now = (self.clock)();
            // The same message read again gives the same complaints.
            let receipt = receipt(&message.id, place);
            if let Some(known) = self.ledger.complaint_of(&receipt).await? {
                incidents.extend(known.incident_id.map(|id| id.0));
                continue;
            }
            let id = ComplaintId::draw(now, (self.random)());
            let told_of = Told {
                named: Named::of(&complaint.observables),
                kind: complaint.kind,
                confidence: complaint.confidence,
                observed_at: complaint.observed_at,
                reference: complaint.reference.to_string(),
            };
            let (fate, incident) = self.fate(told_of, rules, enrich, now).await?;
            waiting += u64::from(matches!(fate, Fate::Waits(_)));
            told.opened += u64::from(matches!(fate, Fate::Opens(_)));
            let observables: Vec<_> = complaint
                .observables
                .iter()
                .map(|one| serde_json::json!([one.field.column(), one.text]))
                .collect();
            let new = NewComplaint {
                id,
                receipt,
                via: "mail".to_owned(),
                message: Some(message.id.clone()),
                kind: complaint.kind,
                what: what(complaint),
                observables: observables.into(),
                body: mail.text.chars().take(20_000).collect(),
                reporter: mail.reply_to.first().map(|to| to.address.to_string()),
                reporter_name: Some(complaint.reporter.to_string()).filter(|name| !name.is_empty()),
                received_at: message.received_at,
                tell: place == 0 && may_answer(mail, own).is_ok(),
            };
            self.ledger.add_complaint(new, fate, ACTOR, now.0).await?;
            told.complaints += 1;
            incidents.extend(incident);
        }
        let said = format!(
            "{} complaints, {} incidents",
            complaints.len(),
            incidents.len()
        );
        let one = incidents.first().copied().filter(|_| incidents.len() == 1);
        Ok(Came {
            incident: one,
            ..match waiting {
                0 => Came::handled(said),
                n => Came::waits(format!("{said}; {n} need a person")),
            }
        })
    }

    /// What becomes of a complaint: it joins the live incident of its matter, opens one, or waits where
    /// it is not sure what the reporter means.
    pub(super) async fn fate(
        &self,
        complaint: Told,
        rules: &Rules,
        enrich: &Enrich<'_>,
        now: Timestamp,
    ) -> Result<(Fate, Option<IncidentId>)> {
        let named = complaint.named;
        let kind = complaint.kind;
        let fitting = rules.all().iter().filter(|rule| rule.kind == kind);
        let by_rule = fitting
            .filter_map(|rule| Some((rule.name.clone(), named.key(&rule.key)?)))
            .next();
        let Some((rule, key)) = by_rule.or_else(|| Some((RULE.to_owned(), named.any()?))) else {
            let why = "it names nothing that a case could be about".to_owned();
            return Ok((Fate::Waits(why), None));
        };
        // Any rule of its kind may have opened the incident of this matter, by the host or by a domain
        // above it.
        let mut keys = vec![Incident::live_key(&rule, &key)];
        for rule in rules.all().iter().filter(|rule| rule.kind == kind) {
            let possible = named.keys(&rule.key);
            keys.extend(possible.map(|key| Incident::live_key(&rule.name, &key)));
        }
        let live = self.ledger.live_incidents(&keys).await?;
        let first = keys
            .iter()
            .find_map(|key| live.iter().find(|(own, _)| own == key));
        if let Some((_, id)) = first {
            return Ok((Fate::Joins(*id), Some(*id)));
        }
        if complaint.confidence < 50 {
            let why = format!(
                "it is unsure ({} %) that {key} is what is meant",
                complaint.confidence
            );
            return Ok((Fate::Waits(why), None));
        }
        let id = IncidentId::draw(now, (self.random)());
        let seen = complaint.observed_at.map_or(now.0, |at| at.0.min(now.0));
        let mut new = NewIncident {
            id,
            kind,
            severity: Severity::Medium,
            rule,
            what: key.clone(),
            key,
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
            external_number: Some(complaint.reference).filter(|text| !text.is_empty()),
            first_seen_at: seen,
            last_seen_at: seen,
            validated_by: None,
        };
        enrich(&mut new);
        Ok((Fate::Opens(Box::new(new)), Some(id)))
    }
}

/// What is told of a matter, whether by mail or by the form.
pub(super) struct Told {
    /// What it names.
    pub(super) named: Named,
    /// What it is about.
    pub(super) kind: CaseKind,
    /// How sure it is that this is meant, 0 to 100.
    pub(super) confidence: u8,
    /// When it was seen.
    pub(super) observed_at: Option<Timestamp>,
    /// The reporter's own number for it.
    pub(super) reference: String,
}

/// What a complaint names, as an incident holds it.
#[derive(Default)]
pub(super) struct Named {
    pub(super) url: Option<String>,
    pub(super) host: Option<String>,
    pub(super) ip: Option<String>,
}

impl Named {
    pub(super) fn of(observables: &[Observable]) -> Named {
        let first = |field: Field| {
            let mut all = observables.iter().filter(|one| one.field == field);
            all.next().map(|one| one.text.clone())
        };
        let url = first(Field::SourceUrl);
        let parsed = url.as_deref().and_then(|url| url::Url::parse(url).ok());
        let mut named = Named {
            host: first(Field::SourceHost),
            ip: first(Field::SourceIp),
            url,
        };
        match parsed.as_ref().and_then(url::Url::host) {
            Some(url::Host::Domain(host)) => named.host = Some(host.to_owned()),
            Some(url::Host::Ipv4(ip)) => named.ip = Some(ip.to_string()),
            Some(url::Host::Ipv6(ip)) => named.ip = Some(ip.to_string()),
            None => {}
        }
        named
    }

    fn part(&self, part: KeyPart) -> Option<&String> {
        match part {
            // A complaint's host is compared as it stands: its registrable domain is enrichment's.
            KeyPart::Host | KeyPart::Domain => self.host.as_ref(),
            KeyPart::Url => self.url.as_ref(),
            KeyPart::Ip => self.ip.as_ref(),
            _ => None,
        }
    }

    fn key(&self, key: &[Vec<KeyPart>]) -> Option<String> {
        let parts = key
            .iter()
            .map(|any| any.iter().find_map(|part| self.part(*part)));
        let parts: Vec<_> = parts.collect::<Option<_>>()?;
        let parts: Vec<&str> = parts.into_iter().map(String::as_str).collect();
        Some(Incident::key_text(&parts.join(" ")))
    }

    /// All keys that events of the same matter may have: where a rule joins by the domain, which one it
    /// is only enrichment knows, so each name above the host is tried.
    fn keys(&self, key: &[Vec<KeyPart>]) -> impl Iterator<Item = String> {
        let by_domain = key.iter().flatten().any(|part| *part == KeyPart::Domain);
        let mut names = vec![self.host.clone()];
        let mut rest = self.host.as_deref().filter(|_| by_domain);
        while let Some((_, above)) = rest.and_then(|name| name.split_once('.')) {
            if !above.contains('.') {
                break;
            }
            names.push(Some(above.to_owned()));
            rest = Some(above);
        }
        names.into_iter().filter_map(move |host| {
            let named = Named {
                host,
                url: self.url.clone(),
                ip: self.ip.clone(),
            };
            named.key(key)
        })
    }

    fn any(&self) -> Option<String> {
        let any = self
            .host
            .as_ref()
            .or(self.ip.as_ref())
            .or(self.url.as_ref());
        any.cloned()
    }
}

/// Whether a sender belongs to the domain of an address, or to one below it.
fn same_domain(address: &str, sender: &str) -> bool {
    let domain = |text: &str| {
        let domain = text.rsplit_once('@').map(|(_, domain)| domain);
        domain
            .unwrap_or_default()
            .trim_end_matches('>')
            .to_lowercase()
    };
    let (own, other) = (domain(address), domain(sender));
    let below = other
        .strip_suffix(&own)
        .is_some_and(|rest| rest.ends_with('.'));
    !own.is_empty() && (own == other || below)
}

/// The receipt of a complaint in a message: not to be guessed without the message, the same each time
/// it is read.
pub(super) fn receipt(message: &str, place: usize) -> String {
    let hash = ledger::Hash::of(format!("receipt {place} {message}").as_bytes());
    let text = hash.to_string().to_uppercase();
    format!("{}-{}-{}", &text[..4], &text[4..8], &text[8..12])
}

fn what(complaint: &Complaint) -> String {
    let first = complaint.observables.first().map(|one| one.text.clone());
    first.unwrap_or_else(|| complaint.identifier.to_string())
}
