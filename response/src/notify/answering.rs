//! Answering a mail that came in, in a person's words. The answer goes into the outbox as every letter does: it
//! leaves when the instance is armed, under a token, so that what comes back finds its way.

use formats::mail::nature::may_answer;
use formats::mail::own::Own;
use ledger::notice::NewNotice;
use ledger::{Message, Notice};
use model::bulletin::Lang;
use model::ids::NoticeId;
use model::notice::NoticeKind;
use model::organization::Channel;
use model::tlp::Tlp;

use super::House;
use super::receipts::Written;
use crate::deliver::header::{Mailbox, MessageId};
use crate::notice::words::line;
use crate::notice::{Composed, Token};
use crate::{Desk, Error, Result};

/// Characters of an answer at most.
const LONGEST: usize = 20_000;

impl Desk {
    /// Writes an answer to a mail; what stands in the outbox. `own` is what is ours in mail.
    ///
    /// # Errors
    /// The mail was sent by a machine or by us, names nobody who could be answered, or the text is empty or too
    /// long; the ledger or the blob store fails.
    pub async fn write_answer(
        &self,
        house: &House,
        own: &Own,
        message: &Message,
        text: &str,
        actor: &str,
    ) -> Result<Notice> {
        let object = format!("mail {}", &message.id[..message.id.len().min(8)]);
        let refused = |why: &dyn std::fmt::Display| Error::refused(&object, why);
        let text = text.trim().replace("\r\n", "\n");
        if text.is_empty() || text.chars().count() > LONGEST {
            return Err(refused(&"the answer is empty or too long"));
        }
        let mail = self.mail_of(message)?;
        // Two machines that answer each other never stop (RFC 3834 section 2).
        may_answer(&mail, own).map_err(|why| refused(&why))?;
        let to = mail.reply_to.first();
        let to = to.ok_or_else(|| refused(&"names nobody who could be answered"))?;
        let address = to.address.to_string();
        let to = Mailbox::read(&address).map_err(|error| refused(&error))?;
        let now = (self.clock)();
        let id = NoticeId::draw(now, (self.random)());
        let token = Token::derive(&house.token_key, &id.to_string());
        let chinese = text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
        let language = if chinese { Lang::Zh } else { Lang::En };
        let about = mail.subject.to_string();
        let about = line(strip_re(&about), 200);
        let name = match language {
            Lang::Zh => &house.sender.name.zh,
            Lang::En => &house.sender.name.en,
        };
        let sender = &house.sender;
        let (mark, says) = match (house.exercise, language) {
            (false, _) => ("", ""),
            (true, Lang::Zh) => ("【演练】", "本函为演练文电，请勿据此处置。\n\n"),
            (true, Lang::En) => (
                "EXERCISE - ",
                "THIS IS AN EXERCISE. Please do not act on it.\n\n",
            ),
        };
        // A person's own words, a line at a time: what cannot be seen does not go out.
        let lines: Vec<String> = text.lines().map(|one| line(one, LONGEST)).collect();
        let signed = [name, &sender.address, &sender.phone];
        let signed = signed.into_iter().filter(|part| !part.is_empty());
        let signed: Vec<&str> = signed.map(String::as_str).collect();
        let composed = Composed {
            subject: format!("{mark}Re: {about} {}", token.tag()),
            text: format!("{says}{}\n\n{}\n", lines.join("\n"), signed.join("\n")),
            attachments: Vec::new(),
            feedback: None,
            language,
            tlp: Tlp::Green,
            exercise: house.exercise,
            answers: false,
        };
        let written = Written {
            composed: &composed,
            notice: id,
            token: &token,
            to,
            follows: mail
                .message_id
                .iter()
                .filter_map(|id| MessageId::read(id))
                .collect(),
        };
        let (message_id, bytes) = written.build(house, now).map_err(|why| refused(&why))?;
        let blob = self.blobs.put_bytes(&bytes)?;
        let (organization, contact) = match message.notice_id {
            Some(notice) => {
                let earlier = self.ledger.notice(notice.0).await?;
                (earlier.organization_id.0, earlier.contact_id.map(|id| id.0))
            }
            None => (self.reporters().await?, None),
        };
        let new = NewNotice {
            id,
            kind: NoticeKind::Answer,
            organization,
            contact,
            channel: Channel::Mail,
            address,
            format: None,
            language: if chinese { "zh" } else { "en" }.to_owned(),
            subject: composed.subject.clone(),
            token: token.as_str().to_owned(),
            message_id,
            thread: mail.message_id.iter().cloned().collect(),
            body: blob.hash,
            hold_reason: None,
            approved_by: Some(actor.to_owned()),
            exercise: house.exercise,
            covers: Vec::new(),
        };
        self.ledger.write_notices(vec![new], actor, now.0).await?;
        Ok(self.ledger.notice(id).await?)
    }
}

/// A subject without what says that it answers.
fn strip_re(subject: &str) -> &str {
    let mut rest = subject.trim();
    loop {
        let lower = rest.to_lowercase();
        let cut = ["re:", "re：", "回复:", "回复：", "答复:", "答复："]
            .into_iter()
            .find(|mark| lower.starts_with(*mark));
        match cut.and_then(|mark| rest.get(mark.len()..)) {
            Some(after) => rest = after.trim_start(),
            None => return rest,
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_subject_is_answered_once() {
        assert_eq!(super::strip_re("Re: RE: 回复：phishing"), "phishing");
        assert_eq!(super::strip_re("report"), "report");
    }
}
