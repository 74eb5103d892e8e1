//! The mail edition: who is asked, who gets an issue, and that nobody gets it twice.
//!
//! The same rules as for notices: nothing leaves while the instance is not armed or somebody stopped all
//! sending, which is looked up before each mail; a row with the mail's identity is there before its first
//! byte leaves. The bulletin's text comes in from outside: this module knows no figures.

use ledger::{Hash, MailState, NewSubscriber, Page, Subscriber, SubscriberState};
use model::bulletin::{Lang, Text};
use model::time::Timestamp;

use crate::deliver::edition::{EditionMail, Leave as Way, build};
use crate::deliver::header::{Mailbox, MessageId};
use crate::deliver::{Outcome, pace};
use crate::notice::Token;
use crate::notify::House;
use crate::notify::arming::Leave;
use crate::{Desk, Error, Result};

/// Who the machine is in the audit trail.
const ACTOR: &str = "system:edition";

/// One edition: an issue's revision, or its recall.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edition {
    /// The series, as `weekly`.
    pub series: String,
    /// The issue, as `2023-3`.
    pub issue: String,
    /// Its revision.
    pub revision: u32,
    /// Whether the issue was withdrawn: the mail that calls it back.
    pub recall: bool,
}

impl Edition {
    /// The name under which its mails are stored.
    pub fn name(&self) -> String {
        let recall = if self.recall { " recall" } else { "" };
        format!("{} {} r{}{recall}", self.series, self.issue, self.revision)
    }
}

/// What a mail says, in one language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body {
    /// Its subject.
    pub subject: String,
    /// Plain text.
    pub text: String,
    /// HTML.
    pub html: Option<String>,
}

/// Writes a mail's body: in which language, and where the subscriber leaves (an HTTPS address, or `mailto:`).
pub type Write<'a> = dyn Fn(Lang, &str) -> Body + Send + Sync + 'a;

/// Addresses of the pages that confirm and leave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pages {
    /// Base address of the HTTP interface as subscribers see it, as `https://cert.example`; empty: by mail only.
    pub base: String,
}

impl Pages {
    fn of(&self, what: &str, token: &Token) -> Option<String> {
        let base = self.base.trim_end_matches('/');
        (!base.is_empty()).then(|| format!("{base}/subscriptions/{what}?token={}", token.as_str()))
    }
}

/// What sending did.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct SentEdition {
    /// Taken by the server.
    pub sent: u64,
    /// Taken before.
    pub before: u64,
    /// To be tried again.
    pub later: u64,
    /// Not taken.
    pub refused: u64,
    /// Why it stopped before all was out.
    pub stopped: Option<String>,
}

/// Tokens of a subscriber that is asked: to confirm, and to leave.
fn tokens(house: &House, email: &str, at: Timestamp) -> (Token, Token) {
    let of = |what: &str| {
        let id = format!("{what} {} {}", email.to_lowercase(), at.0);
        Token::derive(&house.token_key, &id)
    };
    (of("confirm"), of("leave"))
}

/// The hash under which a token is stored.
pub fn hash(token: &Token) -> Hash {
    Hash::of(token.as_str().as_bytes())
}

fn lang(subscriber: &Subscriber) -> Lang {
    match subscriber.language.as_str() {
        "zh" => Lang::Zh,
        _ => Lang::En,
    }
}

impl Desk {
    /// Takes an address that wants the edition, or for which somebody wants it; it is asked by the next
    /// [`Desk::send_confirmations`].
    ///
    /// # Errors
    /// It is no address that mail can be written to; the ledger.
    pub async fn add_subscriber(
        &self,
        house: &House,
        email: &str,
        language: Lang,
        source: &str,
        actor: &str,
    ) -> Result<Subscriber> {
        let email = Mailbox::read(email)
            .map_err(|error| Error::refused("subscriber", error))?
            .address();
        let now = (self.clock)();
        let (confirm, leave) = tokens(house, &email, now);
        let new = NewSubscriber {
            email,
            language: language.code().to_owned(),
            source: source.to_owned(),
            confirm_hash: hash(&confirm),
            leave_hash: hash(&leave),
        };
        Ok(self.ledger.ask_subscriber(new, actor, now.0).await?)
    }

    /// Says yes for whoever shows the token of the confirming mail.
    ///
    /// # Errors
    /// It is no such token, or its owner left.
    pub async fn confirm(&self, token: &str, actor: &str) -> Result<Subscriber> {
        let token = Token::read(token.trim())
            .ok_or_else(|| Error::refused("subscription", "this is no token of ours"))?;
        let now = (self.clock)().0;
        Ok(self
            .ledger
            .confirm_subscriber(hash(&token), actor, now)
            .await?)
    }

    /// The subscriber whose leaving token this is.
    ///
    /// # Errors
    /// The ledger fails.
    pub async fn subscriber_of_token(&self, token: &str) -> Result<Option<Subscriber>> {
        let Some(token) = Token::read(token.trim()) else {
            return Ok(None);
        };
        Ok(self.ledger.subscriber_by_token(hash(&token)).await?)
    }

    /// Asks everybody who has not been asked yet.
    ///
    /// # Errors
    /// The ledger fails.
    pub async fn send_confirmations(
        &self,
        house: &House,
        identity: &str,
        pages: &Pages,
        title: &Text,
    ) -> Result<SentEdition> {
        let mut told = SentEdition::default();
        let asked = &[SubscriberState::Asked];
        for one in self.ledger.subscribers(asked, Page::ALL).await? {
            let edition = format!("confirmation {}", one.asked_at);
            let (confirm, leave) = tokens(house, &one.email, Timestamp(one.asked_at));
            let page = pages.of("confirm", &confirm);
            let body = asking(title.get(lang(&one)), lang(&one), &confirm, page.as_deref());
            let one = Addressed {
                subscriber: &one,
                token: &leave,
                body: &body,
                way: None,
            };
            if !self
                .send_one(house, identity, (&edition, asked), one, &mut told)
                .await?
            {
                break;
            }
        }
        Ok(told)
    }

    /// Sends an edition to everybody who said yes, each at most once; a recall to those who got the issue.
    ///
    /// # Errors
    /// The ledger fails.
    pub async fn send_edition(
        &self,
        house: &House,
        identity: &str,
        pages: &Pages,
        edition: &Edition,
        write: &Write<'_>,
    ) -> Result<SentEdition> {
        let mut told = SentEdition::default();
        let name = edition.name();
        // Who left gets nothing more, a recall neither.
        let states: &[SubscriberState] = &[SubscriberState::Confirmed];
        let mut got = Vec::new();
        if edition.recall {
            for revision in 0..=edition.revision {
                let issue = Edition {
                    revision,
                    recall: false,
                    ..edition.clone()
                };
                let mails = self.ledger.edition_mails(&issue.name()).await?;
                let out = mails
                    .into_iter()
                    .filter(|mail| matches!(mail.state, MailState::Sent | MailState::Sending));
                got.extend(out.map(|mail| mail.subscriber_id));
            }
        }
        for one in self.ledger.subscribers(states, Page::ALL).await? {
            if edition.recall && !got.contains(&one.id) {
                continue;
            }
            let (_, leave) = tokens(house, &one.email, Timestamp(one.asked_at));
            let page = pages.of("leave", &leave);
            let by_mail = || {
                let own = Mailbox::read(&house.sender.address);
                let own = own.and_then(|own| own.with_detail(leave.as_str()));
                own.map(|own| format!("mailto:{}?subject=unsubscribe", own.address()))
                    .unwrap_or_default()
            };
            let body = write(lang(&one), &page.clone().unwrap_or_else(by_mail));
            let way = Way {
                list: &edition.series,
                url: page.as_deref(),
            };
            let one = Addressed {
                subscriber: &one,
                token: &leave,
                body: &body,
                way: Some(way),
            };
            if !self
                .send_one(house, identity, (&name, states), one, &mut told)
                .await?
            {
                break;
            }
        }
        Ok(told)
    }

    /// Sends one mail; `false` where nothing may leave any more.
    async fn send_one(
        &self,
        house: &House,
        identity: &str,
        (edition, states): (&str, &[SubscriberState]),
        one: Addressed<'_>,
        told: &mut SentEdition,
    ) -> Result<bool> {
        // Read anew before each mail: the switch works within one mail's time.
        if let Leave::No(why) = self.may_leave(identity).await? {
            told.stopped = Some(why);
            return Ok(false);
        }
        let Some(relay) = &house.relay else {
            told.stopped = Some("no mail server is configured: set response.smtp".to_owned());
            return Ok(false);
        };
        let domain = &house.sender.domain;
        let id = MessageId::of_edition(edition, one.subscriber.id, domain);
        let now = (self.clock)();
        let row = self
            .ledger
            .edition_mail(edition, one.subscriber.id, id.as_str(), now.0)
            .await?;
        match row.state {
            MailState::Sent => told.before += 1,
            MailState::Refused => told.refused += 1,
            MailState::Ready | MailState::Sending => {}
        }
        if !self.ledger.take_edition_mail(row.id, states, now.0).await? {
            told.later += u64::from(matches!(row.state, MailState::Ready | MailState::Sending));
            return Ok(true);
        }
        let language = lang(one.subscriber);
        let made = Mailbox::read(&house.sender.address).and_then(|from| {
            let to = Mailbox::read(&one.subscriber.email)?;
            Ok((from.named(house.sender.name.get(language)), to))
        });
        let outcome = match made {
            Err(error) => Outcome::Refused {
                reply: error.to_string(),
            },
            Ok((from, to)) => {
                let mail = EditionMail {
                    id,
                    from,
                    to,
                    token: one.token.as_str(),
                    language,
                    subject: &one.body.subject,
                    text: &one.body.text,
                    html: one.body.html.as_deref(),
                    leave: one.way,
                    date: Timestamp(row.made_at),
                };
                match build(&mail, domain, house.dkim.as_ref()) {
                    Ok(message) => relay.send(&message).await,
                    Err(error) => Outcome::Later {
                        reply: error.to_string(),
                    },
                }
            }
        };
        let now = (self.clock)();
        let reply = outcome.reply().to_owned();
        let tries = u32::try_from(row.attempts + 1).unwrap_or(1);
        let salt = row.id.unsigned_abs();
        let next = pace::next_try(tries, Timestamp(row.made_at), now, salt);
        let (state, next_at) = match (&outcome, next) {
            (Outcome::Sent { .. }, _) => (MailState::Sent, now.0),
            (Outcome::Refused { .. }, _) | (_, None) => (MailState::Refused, now.0),
            (Outcome::Later { .. }, Some(next)) => (MailState::Ready, next.0),
            (Outcome::Unknown { .. }, Some(next)) => (MailState::Sending, next.0),
        };
        match state {
            MailState::Sent => told.sent += 1,
            MailState::Refused => told.refused += 1,
            MailState::Ready | MailState::Sending => told.later += 1,
        }
        self.ledger
            .edition_mail_done(row.id, state, &reply, next_at, now.0)
            .await?;
        // The server's own word that there is no such address weighs as a bounce.
        if matches!(outcome, Outcome::Refused { .. }) {
            self.ledger
                .subscriber_bounced(one.subscriber.id, true, &reply, ACTOR, now.0)
                .await?;
        }
        Ok(true)
    }
}

/// A mail for one subscriber.
struct Addressed<'a> {
    subscriber: &'a Subscriber,
    token: &'a Token,
    body: &'a Body,
    way: Option<Way<'a>>,
}

/// The one mail that an address gets before it said yes.
fn asking(title: &str, language: Lang, token: &Token, page: Option<&str>) -> Body {
    let token = token.as_str();
    let how = |page_text: &str, mail_text: &str| match page {
        Some(page) => format!("{page_text}\n{page}\n"),
        None => format!("{mail_text}\n{token}\n"),
    };
    match language {
        Lang::Zh => Body {
            subject: format!("请确认订阅《{title}》"),
            text: format!(
                "您好：\n\n有人用本邮箱订阅了《{title}》邮件版。\n\n{}\n如非本人操作，请忽略本邮件，我们不会再发送任何邮件。\n",
                how(
                    "请打开以下链接并点击按钮，确认订阅：",
                    "如确认订阅，请将以下确认码告知我们："
                )
            ),
            html: None,
        },
        Lang::En => Body {
            subject: format!("Please confirm: {title}"),
            text: format!(
                "Hello,\n\nsomebody asked for the mail edition of {title} to be sent to this address.\n\n{}\nIf it was not you, do nothing: no further mail will be sent.\n",
                how(
                    "To confirm, open this address and press the button:",
                    "To confirm, give us this code:"
                )
            ),
            html: None,
        },
    }
}
