//! The ledger: everything that changes, in SQL, beside the blobs that never do.
//!
//! A delivery arrives: [`BlobStore::put_file`] keeps its bytes under their hash and
//! [`Ledger::archive_report`] its row. Intake parses it, stages Parquet parts in the lake, and asks
//! for [`Ledger::commit_ingest`]: one transaction that marks the report ingested, stores what was
//! rejected and tallied, puts the parts into the lake's [`manifest`] under the next snapshot and
//! enqueues the follow-up [`job`]. Before that commit nothing of the report is visible, after it
//! everything is; asking again changes nothing. Later an [`issue`] freezes a week's values together
//! with the snapshot they were read from, and the [`audit`] chain records who changed what.
//!
//! One file per aggregate; each file holds the rows it owns, the functions that change them and the
//! queries on them. `sqlite.rs` and `postgres.rs` open the two databases and are the only files that
//! speak a dialect: all other statements go through SeaORM and run on both unchanged, as the tests do.
//!
//! What the ledger is not: it holds no events (those are the lake's), reads no clock and draws no
//! random number. Instants are `i64` microseconds since the Unix epoch, UTC; days are `i32` days since
//! 1970-01-01; both are handed in.

mod bulk;
mod counter;
mod error;
mod hash;
mod migration;
mod open;
mod postgres;
mod sqlite;
mod text;

pub mod access;
pub mod account;
pub mod audit;
pub mod blob;
pub mod campaign;
pub mod clock;
pub mod commit;
pub mod complaint;
pub mod directive;
pub mod edition;
pub mod flash;
pub mod handled;
pub mod history;
pub mod incident;
pub mod infrastructure;
pub mod issue;
pub mod job;
pub mod listing;
pub mod manifest;
pub mod member;
pub mod message;
pub mod notice;
pub mod organization;
pub mod profile;
pub mod reference;
pub mod registration;
pub mod reject;
pub mod report;
pub mod retention;
pub mod rule_trust;
pub mod setting;
pub mod standing;
pub mod subscriber;
pub mod tally;
pub mod token;
pub mod verdict;
pub mod verification;
pub mod watch;

pub use access::{Credential, NewSession, SignedIn};
pub use account::{Account, Actor, Deputy};
pub use audit::{AuditEntry, AuditFilter, NewAudit};
pub use blob::{Blob, BlobStore};
pub use campaign::Campaign;
pub use clock::{Clock, ClockState, Ending, Escalation, NewClock};
pub use commit::{IngestCommit, LakeCommit, Scope, Totals};
pub use complaint::{Complaint, ComplaintState, Fate, NewComplaint};
pub use directive::{Directive, DirectiveState, NewDirective};
pub use edition::{
    Comment, Correction, Edition, EditionKey, EditionStep, Frozen, Hindrance, LintOutcome,
    NewCorrection, NewEdition, NewRendition, Rendition, Review,
};
pub use error::{Error, Result};
pub use flash::{FLASH_LEVELS, Flash, FlashState, NewFlash};
pub use handled::{AskedParty, HandlingRow, Stock};
pub use hash::Hash;
pub use history::{HistoryKind, HistoryRow, NewHistoryRow};
pub use incident::{
    Incident, IncidentEvent, IncidentFilter, IncidentNote, IncidentSort, NewIncident, NewStep,
    Reach,
};
pub use infrastructure::{InfrastructureEvent, InfrastructureState, NewInfrastructureEvent};
pub use issue::{Issue, IssueHead, IssueState, NewIssue};
pub use job::{Job, JobCounts, JobState, Lease, NewJob};
pub use listing::{
    Listed, ListedKind, ListedState, ListingFilter, NewListed, NewPublication, Proposed,
    Publication,
};
pub use manifest::{LakeFile, LakeFileKind, LakeTotals, NewLakeFile, Snapshot};
pub use member::LakeMember;
pub use message::{Message, MessageRead, MessageState, NewMessage};
pub use notice::{Attempt, Fault, Move, NewNotice, Notice, NoticeDirective};
pub use open::{Ledger, Page};
pub use organization::{
    Contact, NewContact, NewOrganization, Organization, Register, Responsibility,
};
pub use profile::{NewProfile, ReportProfile};
pub use reference::{NewReferenceTable, ReferenceTable};
pub use registration::{RegistrationAnswer, RegistrationState};
pub use reject::{Reject, RejectFilter, RejectState};
pub use report::{Archived, FeedTotals, NewReport, Report, ReportFilter, ReportKind, ReportState};
pub use retention::{Expiry, Hold, NewExpiry, NewHold, Retained, Rewritten};
pub use rule_trust::{RuleMode, RuleTrust};
pub use setting::Setting;
pub use standing::Standing;
pub use subscriber::{EditionMail, MailState, NewSubscriber, Subscriber, SubscriberState};
pub use tally::{NewTally, TallyBy, TallySum};
pub use text::Text;
pub use token::{NewToken, Token};
pub use verdict::{Decision, NewVerdict, Verdict};
pub use verification::{Evidence, NewEvidence, NewVerification, Verification};
pub use watch::{Pace, Running, Unanswered};
