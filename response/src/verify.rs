//! Is it gone? (issue 4.9, DOMAIN 5.2)
//!
//! A [`target::Target`] is what an incident points at. [`permit`] says how it may be looked at, if at
//! all, and [`strip`] takes out of its address what would name a victim. [`probe`] looks, through the
//! one way out, and says in plain data ([`seen`]) what it saw: pages with every hop, names, ports,
//! certificates. [`judge`] makes a finding of that, by a table of rules with names, and
//! [`conclude`] makes of many findings whether it is down, up or undecided, and when to look again.
//! [`many`] bounds how much of this goes on at once. [`vantage`] has a probe made elsewhere and takes back what
//! was seen, to be judged here. [`evidence`] keeps what was seen so that others
//! can check it without this program.
//!
//! Inconclusive never counts as down: a look that could have failed for any other reason than the
//! harm's end decides nothing. Nothing here submits a form, follows a script or keeps a cookie: there
//! is no request to what is looked at but GET. Nothing here knows the ledger; inputs are handed in, results handed back.

pub mod conclude;
pub mod evidence;
pub mod judge;
pub mod many;
pub mod markers;
pub mod page;
pub mod permit;
pub mod probe;
pub mod seen;
pub mod strip;
pub mod target;
pub mod vantage;

pub use conclude::{Conclusion, Look, Rules, Standing, conclude};
pub use judge::{Judged, judge};
pub use markers::Markers;
pub use permit::{Permit, Policy, Ruling};
pub use seen::Seen;
pub use target::{Fingerprint, Place, Target};
