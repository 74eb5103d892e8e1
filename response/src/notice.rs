//! Notices: what is written to a party, or to who reported.
//!
//! A [`Draft`] says what is to be told, a [`Look`] how the contact wants it. [`compose`] makes a letter in the
//! contact's language and the files beside it: always a table of the incidents, and one machine-readable file
//! where the contact asked for a format. Addresses stand defanged in the letter and as they are in the files only.
//!
//! Pure: the same draft and look give the same bytes, so that what an approver saw is what goes out. The mail
//! around it is [`crate::deliver::message`]'s.

mod attach;
pub mod leaf;
mod letter;
pub mod table;
pub mod token;
pub mod words;

use std::net::IpAddr;

use jiff::tz::TimeZone;
use model::bulletin::{Lang, Text};
use model::ids::NoticeId;
use model::incident::{CaseKind, Resolution};
use model::notice::NoticeKind;
use model::organization::{NoticeFormat, Role};
use model::time::Timestamp;
use model::tlp::Tlp;

pub use leaf::LeafKey;
pub use token::Token;
pub use words::{Ask, ReplyCode};

/// What is to be told, to whom, in whose name.
#[derive(Clone, Debug)]
pub struct Draft {
    /// The notice's id.
    pub id: NoticeId,
    /// What ties an answer or a bounce to it.
    pub token: Token,
    /// Why it is written.
    pub kind: NoticeKind,
    /// Language of the letter.
    pub language: Lang,
    /// Who gets it.
    pub party: Party,
    /// Who sends it.
    pub sender: Sender,
    /// What it is about, in the order in which it is told; at least one.
    pub items: Vec<Item>,
    /// When it is composed: the date under the letter and of its files.
    pub composed_at: Timestamp,
    /// When the party should have acted.
    pub target: Option<Timestamp>,
    /// How far the party may pass it on.
    pub tlp: Tlp,
    /// The notice that a reminder, another contact's or second party's notice follows, or a retraction takes back.
    pub earlier: Option<Earlier>,
    /// Why it is taken back, for a retraction; a remark for the others.
    pub remark: Option<String>,
    /// The address of its leaf, where there is a public node.
    pub leaf: Option<String>,
    /// Nothing in it is real, and every part of it says so.
    pub exercise: bool,
}

/// Who gets a notice.
#[derive(Clone, Debug)]
pub struct Party {
    /// Name of the organization or of the reporter.
    pub name: Text,
    /// In which role it is asked.
    pub role: Role,
    /// Zone in which it reads times.
    pub zone: TimeZone,
}

/// In whose name a notice goes out.
#[derive(Clone, Debug)]
pub struct Sender {
    /// Name of the team.
    pub name: Text,
    /// Mail address for people, at our own domain.
    pub address: String,
    /// Telephone of the duty desk.
    pub phone: String,
    /// Our domain: gives incident numbers and ids their scope.
    pub domain: String,
    /// Where to appeal: a mail address or URL of ours.
    pub appeal: String,
}

/// A notice that went before.
#[derive(Clone, Debug)]
pub struct Earlier {
    /// When it was sent.
    pub at: Timestamp,
    /// Who got it, where that was another party.
    pub to: Option<Text>,
}

/// What was observed: at least one of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    /// URL, as it is.
    pub url: Option<String>,
    /// Host name, as it is.
    pub host: Option<String>,
    /// Address.
    pub ip: Option<IpAddr>,
    /// Port.
    pub port: Option<u16>,
    /// Hash of a file, hexadecimal.
    pub hash: Option<String>,
}

/// One incident in a notice.
#[derive(Clone, Debug)]
pub struct Item {
    /// The incident's number, as it is told to others.
    pub incident: String,
    /// What it is about.
    pub kind: CaseKind,
    /// What was observed.
    pub observed: Observed,
    /// First time it was seen.
    pub first_seen: Timestamp,
    /// Last time it was seen.
    pub last_seen: Timestamp,
    /// How often.
    pub count: u64,
    /// What is asked.
    pub asked: Ask,
    /// Numbers of the evidence that may be asked for.
    pub evidence: Vec<String>,
    /// Where the knowledge comes from, as a party may be told.
    pub source: Option<String>,
    /// Who reported it. Told only where [`Look::people`] allows.
    pub reporter: Option<String>,
    /// Who suffers: a brand, a person, an organization. Told only where [`Look::people`] allows.
    pub victim: Option<String>,
    /// How it ended, for the notice of an outcome.
    pub resolution: Option<Resolution>,
    /// The mail that was reported, as it arrived, for the third part of an ARF report. Holds people's data and
    /// is told only where [`Look::people`] allows.
    pub message: Option<Vec<u8>>,
}

/// How a contact wants its notices.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// The machine-readable file beside the table.
    pub format: NoticeFormat,
    /// Whether the party may see who reported and who suffers
    /// ([`model::organization::Trust::sees_people`], and the rules on personal data).
    pub people: bool,
    /// So many incidents are written out in the letter; of more it gives the numbers by kind.
    pub listed: usize,
    /// A file longer than this, in bytes, is zipped.
    pub zip_over: usize,
}

impl Default for Look {
    fn default() -> Self {
        Look {
            format: NoticeFormat::Csv,
            people: false,
            listed: 20,
            zip_over: 1 << 20,
        }
    }
}

/// A file beside the letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// Name of the file; may be Chinese.
    pub name: String,
    /// MIME type.
    pub mime: &'static str,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// The machine-readable parts of an ARF report: they decide the form of the whole mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feedback {
    /// Body of the `message/feedback-report` part.
    pub report: String,
    /// The reported mail, where there is one and it may be told.
    pub original: Option<Vec<u8>>,
}

/// A composed notice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Composed {
    /// Subject, with the token's tag; one line.
    pub subject: String,
    /// The letter; lines end in LF.
    pub text: String,
    /// Files.
    pub attachments: Vec<Attachment>,
    /// What makes it an ARF report.
    pub feedback: Option<Feedback>,
    /// Language of the letter.
    pub language: Lang,
    /// How far it may go on.
    pub tlp: Tlp,
    /// Whether it is an exercise.
    pub exercise: bool,
    /// Whether it answers a mail by itself, as a receipt does (RFC 3834 section 3.1.7).
    pub answers: bool,
}

/// Why a notice cannot be composed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is nothing in it.
    #[error("notice {0} is about no incident: add one")]
    Empty(NoticeId),
    /// An incident names nothing.
    #[error(
        "notice {notice}: incident {incident} names no URL, host, address or hash; nobody could act on it"
    )]
    NothingObserved {
        /// The notice.
        notice: NoticeId,
        /// The incident.
        incident: String,
    },
    /// A retraction must say why.
    #[error("notice {0} takes something back and says neither what went before nor why")]
    NoReason(NoticeId),
    /// A file could not be zipped.
    #[error("notice {notice}: file {name} cannot be zipped: {source}")]
    Zip {
        /// The notice.
        notice: NoticeId,
        /// The file.
        name: String,
        /// Why.
        source: zip::result::ZipError,
    },
    /// The template engine failed.
    #[error("notice {notice}: the letter cannot be written: {source}")]
    Letter {
        /// The notice.
        notice: NoticeId,
        /// Why.
        source: askama::Error,
    },
}

/// Writes a notice.
///
/// # Errors
/// The draft says nothing that a party could act on.
pub fn compose(draft: &Draft, look: &Look) -> Result<Composed, Error> {
    if draft.items.is_empty() {
        return Err(Error::Empty(draft.id));
    }
    if draft.kind == NoticeKind::Retraction && (draft.earlier.is_none() || draft.remark.is_none()) {
        return Err(Error::NoReason(draft.id));
    }
    // A receipt acknowledges words as well; the others must name a thing.
    if draft.kind != NoticeKind::Receipt
        && let Some(item) = draft.items.iter().find(|item| item.observed.is_empty())
    {
        return Err(Error::NothingObserved {
            notice: draft.id,
            incident: item.incident.clone(),
        });
    }
    let feedback = attach::feedback(draft, look);
    let attachments = attach::files(draft, look, feedback.is_some())?;
    let table = attachments.first().map(|file| file.name.as_str());
    let text = letter::write(draft, look, table).map_err(|source| Error::Letter {
        notice: draft.id,
        source,
    })?;
    Ok(Composed {
        subject: letter::subject(draft),
        text,
        attachments,
        feedback,
        language: draft.language,
        tlp: draft.tlp,
        exercise: draft.exercise,
        answers: draft.kind == NoticeKind::Receipt,
    })
}

impl Observed {
    /// Whether it names nothing; a port alone names nothing.
    pub fn is_empty(&self) -> bool {
        self.url.is_none() && self.host.is_none() && self.ip.is_none() && self.hash.is_none()
    }
}
