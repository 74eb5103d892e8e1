//! What a person does with a mail that waits: it belongs to an incident, answers a notice, came back, or opens a
//! case that the machine was not sure of.

use std::io::Read;

use formats::mail::complaint::Observable;
use formats::mail::{Limits, Mail};
use ledger::complaint::{ComplaintState, NewComplaint};
use ledger::notice::Move;
use ledger::{Fault, Message, MessageState, Notice, Reach, Settled};
use model::field::Field;
use model::ids::{ComplaintId, IncidentId, NoticeId};
use model::incident::CaseKind;
use model::notice::NoticeState;

use super::reading::{Enrich, Named, ReadMail, Told, receipt};
use crate::triage::Rules;
use crate::{Desk, Error, Result};

/// What a case is opened about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// What kind.
    pub kind: CaseKind,
    /// The address, URL or name that it is about, defanged or not.
    pub what: String,
}

impl Desk {
    /// A stored mail, read.
    ///
    /// # Errors
    /// Its bytes are gone or are no mail.
    pub fn mail_of(&self, message: &Message) -> Result<Mail> {
        let object = format!("mail {}", &message.id[..message.id.len().min(8)]);
        let mut bytes = Vec::new();
        self.blobs
            .open(&message.blob)?
            .read_to_end(&mut bytes)
            .map_err(|error| Error::refused(&object, error))?;
        Mail::read(&bytes, &Limits::default()).map_err(|error| Error::refused(&object, error))
    }

    /// A mail belongs to an incident: its attachments are kept there as evidence.
    ///
    /// # Errors
    /// There is no such incident; the ledger or the blob store fails.
    pub async fn attach_message(
        &self,
        message: &Message,
        incident: IncidentId,
        reach: &Reach,
        (reason, actor): (&str, &str),
    ) -> Result<Message> {
        let found = self.ledger.incident(incident, reach).await?;
        // What cannot be read has no attachments that could be told apart.
        if let Ok(mail) = self.mail_of(message) {
            self.keep_attachments(&mail, incident, &message.id).await?;
        }
        let settled = Settled {
            state: MessageState::Handled,
            nature: None,
            reason: said(&format!("belongs to incident #{}", found.number), reason),
            notice: None,
            incident: Some(incident),
        };
        let now = (self.clock)().0;
        Ok(self
            .ledger
            .settle_message(&message.id, settled, actor, now)
            .await?)
    }

    /// A mail answers a notice: its requests are answered, and its incidents are acknowledged.
    ///
    /// # Errors
    /// As [`Desk::attach_message`].
    pub async fn take_as_answer(
        &self,
        message: &Message,
        notice: NoticeId,
        (reason, actor): (&str, &str),
    ) -> Result<Message> {
        let notice = self.ledger.notice(notice).await?;
        let (id, number) = (notice.notice_id(), notice.number);
        let mut incident = message.incident_id.map(|id| id.0);
        // Where the machine tied it to this notice, what it means is stored already.
        if message.notice_id.map(|id| id.0) != Some(id) {
            let mail = self.mail_of(message)?;
            let mut told = ReadMail::default();
            let came = self.answered(message, &mail, notice, &mut told).await?;
            incident = came.incident.or(incident);
        }
        let settled = Settled {
            state: MessageState::Handled,
            nature: Some("reply".to_owned()),
            reason: said(&format!("answer to notice #{number}"), reason),
            notice: Some(id),
            incident,
        };
        let now = (self.clock)().0;
        Ok(self
            .ledger
            .settle_message(&message.id, settled, actor, now)
            .await?)
    }

    /// A mail says that a notice came back: `hard` ends the use of its contact.
    ///
    /// # Errors
    /// As [`Desk::attach_message`].
    pub async fn take_as_bounce(
        &self,
        message: &Message,
        notice: NoticeId,
        hard: bool,
        (reason, actor): (&str, &str),
    ) -> Result<Message> {
        let notice = self.ledger.notice(notice).await?;
        let now = (self.clock)().0;
        if notice.state.0.may_become(NoticeState::Bounced) {
            let moved = Move {
                to: NoticeState::Bounced,
                reply: said("a person read it as a bounce", reason),
                next_at: None,
            };
            let fault = if hard { Fault::Gone } else { Fault::Passing };
            let id = notice.notice_id();
            self.ledger
                .notice_came_back(id, moved, fault, actor, now)
                .await?;
        }
        let settled = Settled {
            state: MessageState::Handled,
            nature: Some("bounce".to_owned()),
            reason: said(&format!("notice #{} came back", notice.number), reason),
            notice: Some(notice.notice_id()),
            incident: None,
        };
        Ok(self
            .ledger
            .settle_message(&message.id, settled, actor, now)
            .await?)
    }

    /// A mail is a complaint about `case`: it joins the incident of the matter or opens one, as one that the
    /// machine is sure of does. The number of the incident.
    ///
    /// # Errors
    /// The case names nothing; the ledger fails.
    pub async fn take_as_complaint(
        &self,
        message: &Message,
        case: &Case,
        how: (&Rules, &Enrich<'_>),
        actor: &str,
    ) -> Result<i64> {
        let now = (self.clock)();
        let observable = observed(&case.what).ok_or_else(|| {
            Error::refused(
                "the case",
                "names no URL, host or address: write what it is about",
            )
        })?;
        let what = observable.text.clone();
        let told = Told {
            named: Named::of(std::slice::from_ref(&observable)),
            kind: case.kind,
            confidence: 100,
            observed_at: None,
            reference: String::new(),
        };
        let (fate, incident) = self.fate(told, how.0, how.1, now).await?;
        let Some(incident) = incident else {
            return Err(Error::refused("the case", "names nothing to work on"));
        };
        // A complaint of this mail may wait already; it is that one which is settled.
        let mut waits = None;
        let mut place = 0;
        while let Some(known) = self
            .ledger
            .complaint_of(&receipt(&message.id, place))
            .await?
        {
            place += 1;
            if known.state == ComplaintState::Waiting {
                waits = Some(known);
                break;
            }
        }
        match waits {
            Some(known) => {
                self.ledger
                    .decide_complaint(known.id.0, fate, actor, now.0)
                    .await?;
            }
            None => {
                let mail = self.mail_of(message).ok();
                let to = mail.as_ref().and_then(|mail| mail.reply_to.first());
                let new = NewComplaint {
                    id: ComplaintId::draw(now, (self.random)()),
                    receipt: receipt(&message.id, place),
                    via: "mail".to_owned(),
                    message: Some(message.id.clone()),
                    kind: case.kind,
                    what,
                    observables: serde_json::json!([[observable.field.column(), observable.text]]),
                    body: mail
                        .as_ref()
                        .map(|mail| mail.text.chars().take(20_000).collect())
                        .unwrap_or_default(),
                    reporter: to.map(|to| to.address.to_string()),
                    reporter_name: None,
                    received_at: message.received_at,
                    tell: false,
                };
                self.ledger.add_complaint(new, fate, actor, now.0).await?;
            }
        }
        let opened = self.ledger.incident(incident, &Reach::All).await?;
        if let Ok(mail) = self.mail_of(message) {
            self.keep_attachments(&mail, incident, &message.id).await?;
        }
        let settled = Settled {
            state: MessageState::Handled,
            nature: Some("complaint".to_owned()),
            reason: format!("complaint about incident #{}", opened.number),
            notice: None,
            incident: Some(incident),
        };
        self.ledger
            .settle_message(&message.id, settled, actor, now.0)
            .await?;
        Ok(opened.number)
    }

    /// The notice of a number.
    ///
    /// # Errors
    /// There is none.
    pub async fn notice_by_number(&self, number: i64) -> Result<Notice> {
        Ok(self.ledger.notice_numbered(number).await?)
    }
}

/// What was done, and the person's reason where there is one.
fn said(done: &str, reason: &str) -> String {
    match reason.trim() {
        "" => done.to_owned(),
        reason => format!("{done}: {reason}"),
    }
}

/// What a text names, as a complaint holds it; brackets and `hxxp` are taken off.
fn observed(text: &str) -> Option<Observable> {
    let text = text.trim().replace("[.]", ".").replace("[:]", ":");
    let text = match text.get(..4) {
        Some(start) if start.eq_ignore_ascii_case("hxxp") => format!("http{}", &text[4..]),
        _ => text,
    };
    let of = |field, text: String| {
        Some(Observable {
            field,
            text,
            port: None,
            confidence: 100,
        })
    };
    if let Ok(ip) = text.parse::<std::net::IpAddr>() {
        return of(Field::SourceIp, ip.to_string());
    }
    if text.contains("://") {
        let url = url::Url::parse(&text).ok()?;
        return url
            .host_str()
            .is_some()
            .then(|| of(Field::SourceUrl, text))?;
    }
    let url = url::Url::parse(&format!("http://{text}")).ok()?;
    let host = url.host_str().filter(|host| host.contains('.'))?;
    of(Field::SourceHost, host.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_person_names_is_told_apart() {
        let of = |text| observed(text).map(|one| (one.field, one.text));
        let url = "http://login.example.test/a".to_owned();
        assert_eq!(
            of("hxxp://login.example[.]test/a"),
            Some((Field::SourceUrl, url))
        );
        assert_eq!(
            of(" 192.0.2[.]7 "),
            Some((Field::SourceIp, "192.0.2.7".to_owned()))
        );
        let host = "login.example.test".to_owned();
        assert_eq!(of("login.example.test"), Some((Field::SourceHost, host)));
        assert_eq!(of("phishing"), None);
        assert_eq!(of(""), None);
    }
}
