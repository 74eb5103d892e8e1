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
pub mod alarm;
pub mod api_token;
pub mod appeal;
pub mod assignment;
pub mod attempt;
pub mod audit;
pub mod blob;
pub mod bulk_act;
pub mod campaign;
pub mod clock;
pub mod commit;
pub mod complaint;
pub mod directive;
pub mod drill;
pub mod dump;
pub mod edition;
pub mod fence;
pub mod flash;
pub mod handled;
pub mod handover;
pub mod held;
pub mod history;
pub mod hook;
pub mod identity;
pub mod incident;
pub mod infrastructure;
pub mod issue;
pub mod job;
pub mod listing;
pub mod manifest;
pub mod member;
pub mod message;
pub mod notice;
pub mod once;
pub mod organization;
pub mod portal;
pub mod profile;
pub mod promise;
pub mod queue;
pub mod reference;
pub mod registration;
pub mod reject;
pub mod report;
pub mod retention;
pub mod rule_trust;
pub mod second_factor;
pub mod setting;
pub mod shift;
pub mod standing;
pub mod submitted;
pub mod subscriber;
pub mod tally;
pub mod token;
pub mod verdict;
pub mod verification;
pub mod view;
pub mod watch;

pub use access::{Credential, NewSession, SignedIn};
pub use account::{Account, Actor, Deputy};
pub use alarm::{Alarm, Finding, NewTelling, Telling, TellingState};
pub use api_token::{ApiToken, NewApiToken};
pub use appeal::{Appeal, NewAppeal};
pub use assignment::Assignment;
pub use attempt::Admission;
pub use audit::{AuditEntry, AuditFilter, NewAudit};
pub use blob::{Blob, BlobStore};
pub use bulk_act::BulkAct;
pub use campaign::Campaign;
pub use clock::{Clock, ClockState, Ending, Escalation, NewClock};
pub use commit::{IngestCommit, LakeCommit, Scope, Totals};
pub use complaint::{Complaint, ComplaintState, Fate, NewComplaint};
pub use directive::{Cause, Directive, DirectiveState, HOLD_MOST, NewDirective};
pub use drill::Drill;
pub use dump::Dumped;
pub use edition::{
    Comment, Correction, Edition, EditionKey, EditionStep, Frozen, Hindrance, LintOutcome,
    NewCorrection, NewEdition, NewRendition, Rendition, Review,
};
pub use error::{Error, Result};
pub use fence::{Fence, Taken};
pub use flash::{FLASH_LEVELS, Flash, FlashState, NewFlash};
pub use handled::{AskedParty, HandlingRow, Stock};
pub use handover::Handover;
pub use hash::Hash;
pub use held::{Held, Right};
pub use history::{HistoryKind, HistoryRow, NewHistoryRow};
pub use hook::{CallState, Hook, HookCall};
pub use identity::{Identity, NewIdentity};
pub use incident::{
    BadQuery, Beside, Bounded, Cursor, Found, Incident, IncidentEvent, IncidentFilter,
    IncidentNote, IncidentSort, Key, Marked, Moment, NewIncident, NewMarking, NewStep, Order,
    Query, Reach, SameMatter, Search, Seen, Term,
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
pub use message::{Message, MessageFilter, MessageRead, MessageState, NewMessage, Settled};
pub use notice::{Attempt, Fault, Move, NewNotice, Notice, NoticeDirective, NoticeFilter};
pub use once::{Answered, Once};
pub use open::{Ledger, Page};
pub use organization::{
    Contact, Merged, NewContact, NewOrganization, Organization, PartyFilter, PartyRow, Register,
    Responsibility,
};
pub use profile::{NewProfile, ReportProfile};
pub use promise::{NewPromise, Promise};
pub use queue::{Call, Queue};
pub use reference::{NewReferenceTable, ReferenceTable};
pub use registration::{RegistrationAnswer, RegistrationState};
pub use reject::{Reject, RejectFilter, RejectState};
pub use report::{Archived, FeedTotals, NewReport, Report, ReportFilter, ReportKind, ReportState};
pub use retention::{Expiry, Hold, Holds, NewExpiry, NewHold, Retained, Rewritten};
pub use rule_trust::{RuleMode, RuleTrust};
pub use second_factor::{HalfSession, SecondFactor};
pub use setting::Setting;
pub use shift::{NewShift, Shift, Swap};
pub use standing::Standing;
pub use submitted::{NewSubmitted, Submitted};
pub use subscriber::{EditionMail, MailState, NewSubscriber, Subscriber, SubscriberState};
pub use tally::{NewTally, TallyBy, TallySum};
pub use text::Text;
pub use token::{NewToken, Token};
pub use verdict::{Decision, NewVerdict, Verdict};
pub use verification::{Evidence, NewEvidence, NewVerification, Verification};
pub use view::SavedView;
pub use watch::{Pace, Running, Unanswered};
