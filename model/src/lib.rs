//! The vocabulary of Watchfire and its rules.
//!
//! A CERT's week in types. *Feeds* bring [`feed::Feed`] reports; a parser turns each row into a
//! [`record::Record`] of typed [`field::Field`]s or a [`reject::Reject`]; the record's identity is an
//! [`ids::EventId`]. A [`time::ReportingWeek`] of events becomes numbers by declared statistics
//! ([`statistic`]), judged by a rating, and told in a [`bulletin::Bulletin`] that bears an
//! [`issue::IssueNumber`].
//!
//! What is found is worked on as an [`incident`]: an [`organization`] that can act gets a [`notice`],
//! a [`verification`] tells whether it helped, and a [`marking`] tells who may know.
//!
//! This crate holds the words, their tables and the functions on them. It does no I/O, reads no
//! clock and knows no async; everything else may depend on it, it depends on nothing of ours.

pub mod bulletin;
pub mod classification;
pub mod duty;
pub mod feed;
pub mod fetch;
pub mod field;
pub mod grade;
pub mod identity;
pub mod ids;
pub mod incident;
pub mod issue;
pub mod listing;
pub mod marking;
pub mod newsroom;
pub mod notice;
pub mod organization;
pub mod outside;
pub mod period;
pub mod record;
pub mod reject;
pub mod statistic;
pub mod territory;
pub mod time;
pub mod tlp;
pub mod verification;
pub mod worded;
