//! Tables that others publish, imported with date and hash and looked up fast: the memory of the
//! enrichment.
//!
//! Three steps. *Import*: [`Sources`] checks a file of a [`Kind`], keeps it in the workspace's
//! reference folder under its hash, and lists it. *Build*: [`Tables::build`] reads all kept files
//! (plain, gzip or zstd) and compiles them; a line is used or refused with a reason, never dropped
//! silently. *Look up*: an address costs one search ([`Tables::ip`], [`IpFacts`]), a host name one
//! probe per label ([`Tables::site`], [`SiteFacts`]), a phishing target one ([`Tables::brand`]).
//!
//! Where sources disagree about an address, each field is decided alone: the source of the lower
//! rank first (region lists before country lists before MMDB before registry statistics, see
//! [`KINDS`]), within a source the longer prefix, then the file that came first. A province stands
//! only in its own country and a city only in its own province.
//!
//! Territory (境内, 境外) is a rule on countries ([`TerritoryRule`]): by default mainland China is
//! inside, every other country outside, and no country is unknown. A host's country is that of its
//! top-level domain, an address's that of the address tables, a phishing target's that of the brand.
//!
//! This crate reads files and nothing else: no network, no clock, no ledger. The taxonomies are in
//! `model`; deciding what to do with a warning is `intake`'s business.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod brand;
mod cidr;
mod country;
mod error;
mod import;
mod ip;
mod kind;
mod names;
mod ranges;
mod read;
mod site;
mod sources;
mod tables;
mod territory;
mod warning;

pub use brand::Brand;
pub use country::Country;
pub use error::Error;
pub use ip::{FactsIndex, IpFacts};
pub use kind::{KINDS, Kind, KindSpec};
pub use names::{Holder, Province};
pub use read::KEPT_PROBLEMS;
pub use site::{Scratch, SiteFacts, SuffixKind, display_host, url_host};
pub use sources::{Imported, Source, Sources};
pub use tables::{BuildReport, FileReport, SourceFile, Tables};
pub use territory::TerritoryRule;
pub use warning::{WarningKind, WarningList, WarningSet};
