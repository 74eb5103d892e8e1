//! Who may know of an incident, and from when.
//!
//! Its TLP travels with what leaves. Three more things decide whether it leaves at all: until when it is under
//! embargo, whose information it is (its originator), and whom that one allows. [`Marking::may_leave`] alone decides,
//! and every exit asks it. Whoever works on an incident raises its marking; what lowers it
//! ([`Marking::lowered_by`]) is its originator's to allow.

use std::collections::BTreeSet;
use std::fmt;

use crate::ids::OrganizationId;
use crate::time::Timestamp;
use crate::tlp::Tlp;

/// The marking of an incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marking {
    /// How far whoever gets it may pass it on.
    pub tlp: Tlp,
    /// Whose information it is; `None`: this house's.
    pub originator: Option<OrganizationId>,
    /// Until then nobody but a named recipient gets it; `None`: there is no embargo.
    pub embargo_until: Option<Timestamp>,
    /// Who may get it; empty: whoever its TLP lets.
    pub recipients: BTreeSet<OrganizationId>,
}

/// To whom something would leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum To {
    /// An organization of the register.
    Party(OrganizationId),
    /// Somebody who is none: a reporter, or whoever is handed a file.
    Outsider,
    /// The public.
    Everybody,
}

/// Why something does not leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It is under embargo until then.
    Embargo(Timestamp),
    /// Its recipients are named, and this is none of them.
    NotNamed,
    /// It is marked higher than the public may have.
    NotPublic(Tlp),
}

/// What of a marking is lowered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Lowered {
    /// Whoever gets it may pass it on further.
    Tlp,
    /// The embargo ends earlier, or now.
    Embargo,
    /// Somebody may get it who might not.
    Recipients,
}

impl Why {
    /// In words, of information that the originator of this name gave.
    pub fn told(self, originator: &str) -> String {
        match self {
            Why::NotNamed => format!("not among the recipients that {originator} allows"),
            other => other.to_string(),
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Why::Embargo(until) => write!(f, "under embargo until {until}"),
            Why::NotNamed => f.write_str("not among the recipients that its marking allows"),
            Why::NotPublic(tlp) => write!(f, "is marked {tlp}: only TLP:CLEAR is published"),
        }
    }
}

impl Marking {
    /// A marking by TLP alone.
    pub fn of(tlp: Tlp) -> Self {
        Marking {
            tlp,
            originator: None,
            embargo_until: None,
            recipients: BTreeSet::new(),
        }
    }

    /// The end of its embargo, while it is under one.
    pub fn embargo(&self, now: Timestamp) -> Option<Timestamp> {
        self.embargo_until.filter(|until| now < *until)
    }

    /// Whether what bears this marking may leave to somebody now.
    ///
    /// # Errors
    /// Why not.
    pub fn may_leave(&self, to: To, now: Timestamp) -> Result<(), Why> {
        let named = matches!(to, To::Party(id) if self.recipients.contains(&id));
        match (self.embargo(now), to) {
            (Some(until), _) if !named => Err(Why::Embargo(until)),
            _ if !named && !self.recipients.is_empty() => Err(Why::NotNamed),
            (_, To::Everybody) if !self.tlp.is_public() => Err(Why::NotPublic(self.tlp)),
            _ => Ok(()),
        }
    }

    /// What another marking in its place would lower, now. An embargo that is over holds nothing, so that nothing of
    /// it is lowered. Under an embargo nobody gets it who is not named: whoever is named more gets more.
    pub fn lowered_by(&self, other: &Marking, now: Timestamp) -> Vec<Lowered> {
        let mut lowered = Vec::new();
        if other.tlp < self.tlp {
            lowered.push(Lowered::Tlp);
        }
        let embargo = self.embargo(now);
        if other.embargo(now) < embargo {
            lowered.push(Lowered::Embargo);
        }
        let bound = embargo.is_some() || !self.recipients.is_empty();
        let anybody = other.recipients.is_empty() && !self.recipients.is_empty();
        if bound && (anybody || !other.recipients.is_subset(&self.recipients)) {
            lowered.push(Lowered::Recipients);
        }
        lowered
    }

    /// The marking of what is made of two: the stricter of both in everything; `None` if there is none that lowers
    /// neither, as of two originators or of recipients that have nobody in common.
    pub fn joined(&self, other: &Marking, now: Timestamp) -> Option<Marking> {
        let originator = match (self.originator, other.originator) {
            (Some(one), Some(two)) if one != two => return None,
            (one, two) => one.or(two),
        };
        let recipients = match (self.recipients.is_empty(), other.recipients.is_empty()) {
            (true, _) => other.recipients.clone(),
            (_, true) => self.recipients.clone(),
            _ => &self.recipients & &other.recipients,
        };
        let joined = Marking {
            tlp: Ord::max(self.tlp, other.tlp),
            originator,
            embargo_until: Ord::max(self.embargo_until, other.embargo_until),
            recipients,
        };
        let lowers = |one: &Marking| !one.lowered_by(&joined, now).is_empty();
        (!lowers(self) && !lowers(other)).then_some(joined)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_795_134_600_000_000);
    const LATER: Timestamp = Timestamp(NOW.0 + 3_600_000_000);
    const EARLIER: Timestamp = Timestamp(NOW.0 - 1);

    fn party(n: u8) -> OrganizationId {
        OrganizationId::draw(NOW, [n; 10])
    }

    fn marking(tlp: Tlp, embargo: Option<Timestamp>, recipients: &[u8]) -> Marking {
        Marking {
            embargo_until: embargo,
            recipients: recipients.iter().map(|n| party(*n)).collect(),
            ..Marking::of(tlp)
        }
    }

    #[test]
    fn every_exit_by_embargo_recipients_and_tlp() {
        let (one, two) = (To::Party(party(1)), To::Party(party(2)));
        let embargo = Err(Why::Embargo(LATER));
        let named = Err(Why::NotNamed);
        let amber = Err(Why::NotPublic(Tlp::Amber));
        // Embargo, recipients; what parties 1 and 2, an outsider and the public get of TLP:AMBER.
        type Row = (Option<Timestamp>, &'static [u8], [Result<(), Why>; 4]);
        let table: [Row; 6] = [
            (None, &[], [Ok(()), Ok(()), Ok(()), amber]),
            (Some(EARLIER), &[], [Ok(()), Ok(()), Ok(()), amber]),
            // At its very end it is over.
            (Some(NOW), &[], [Ok(()), Ok(()), Ok(()), amber]),
            (Some(LATER), &[], [embargo; 4]),
            (Some(LATER), &[1], [Ok(()), embargo, embargo, embargo]),
            (None, &[1], [Ok(()), named, named, named]),
        ];
        for (until, recipients, expected) in table {
            let marking = marking(Tlp::Amber, until, recipients);
            for (to, expected) in [one, two, To::Outsider, To::Everybody]
                .into_iter()
                .zip(expected)
            {
                let found = marking.may_leave(to, NOW);
                assert_eq!(found, expected, "{until:?} {recipients:?} {to:?}");
            }
        }
        for tlp in [Tlp::Clear, Tlp::Green, Tlp::Red] {
            let open = marking(tlp, None, &[]);
            assert_eq!(open.may_leave(one, NOW), Ok(()), "{tlp}");
            let public = open.may_leave(To::Everybody, NOW);
            assert_eq!(public.is_ok(), tlp.is_public(), "{tlp}");
        }
    }

    #[test]
    fn what_lowers_and_what_does_not() {
        use Lowered::{Embargo, Recipients, Tlp as Mark};
        let of = |embargo, recipients: &[u8]| marking(Tlp::Amber, embargo, recipients);
        let much = Timestamp(LATER.0 + 1);
        let table: [(Marking, Marking, &[Lowered]); 14] = [
            (of(None, &[]), of(None, &[]), &[]),
            (of(None, &[]), of(Some(LATER), &[]), &[]),
            (of(None, &[]), of(None, &[1]), &[]),
            (of(Some(LATER), &[]), of(Some(much), &[]), &[]),
            (of(None, &[1, 2]), of(None, &[2]), &[]),
            (of(Some(EARLIER), &[]), of(None, &[]), &[]),
            (of(Some(LATER), &[]), of(None, &[]), &[Embargo]),
            (of(Some(much), &[]), of(Some(LATER), &[]), &[Embargo]),
            (of(None, &[1]), of(None, &[]), &[Recipients]),
            (of(None, &[1]), of(None, &[1, 2]), &[Recipients]),
            (of(None, &[1]), of(None, &[2]), &[Recipients]),
            // Nobody got it before the end, and now one does.
            (of(Some(LATER), &[]), of(Some(LATER), &[1]), &[Recipients]),
            (of(Some(LATER), &[1]), of(Some(LATER), &[]), &[Recipients]),
            (of(Some(LATER), &[1]), of(Some(LATER), &[1]), &[]),
        ];
        for (before, after, expected) in table {
            let found = before.lowered_by(&after, NOW);
            assert_eq!(found, expected, "{before:?} to {after:?}");
        }
        let (amber, green) = (Marking::of(Tlp::Amber), Marking::of(Tlp::Green));
        assert_eq!(amber.lowered_by(&green, NOW), [Mark]);
        assert!(green.lowered_by(&amber, NOW).is_empty());
    }

    #[test]
    fn two_become_one_that_lowers_neither() {
        let plain = Marking::of(Tlp::Green);
        let strict = Marking {
            originator: Some(party(9)),
            ..marking(Tlp::Red, Some(LATER), &[1, 2])
        };
        assert_eq!(plain.joined(&strict, NOW), Some(strict.clone()));
        assert_eq!(strict.joined(&plain, NOW), Some(strict.clone()));
        let other = Marking {
            originator: Some(party(8)),
            ..plain.clone()
        };
        assert_eq!(strict.joined(&other, NOW), None, "two originators");
        let (one, two) = (
            marking(Tlp::Amber, None, &[1]),
            marking(Tlp::Amber, None, &[2]),
        );
        assert_eq!(one.joined(&two, NOW), None, "nobody in common");
        // Whom the one names the other's embargo keeps out.
        let closed = marking(Tlp::Amber, Some(LATER), &[]);
        assert_eq!(closed.joined(&one, NOW), None);
    }

    #[test]
    fn a_person_reads_why() {
        assert_eq!(
            Why::Embargo(LATER).told("CERT X"),
            "under embargo until 2026-11-20T01:30:00Z"
        );
        assert_eq!(
            Why::NotNamed.told("CERT X"),
            "not among the recipients that CERT X allows"
        );
    }
}
