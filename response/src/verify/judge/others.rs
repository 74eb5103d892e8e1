//! The rules for names, registrations and ports, in the order in which they are asked.

use model::verification::Finding::{Gone, Inconclusive, Present, Suspended};

use super::super::seen::{PortState, Resolved};
use super::{Holds, Rule};

/// The rules.
pub(super) const OTHERS: &[Rule] = &[
    Rule {
        name: "no-such-name",
        finding: Gone,
        about: "NXDOMAIN",
        holds: Holds::Names(|names, _| {
            // One answer of NXDOMAIN beside records of another type is a broken server.
            let any = names
                .answers
                .iter()
                .any(|(_, a)| matches!(a, Resolved::Records { .. }));
            let none = names.answers.iter().any(|(_, a)| *a == Resolved::NoName);
            (none && !any).then(|| format!("{} does not exist", names.name))
        }),
    },
    Rule {
        name: "stopped-nameserver",
        finding: Suspended,
        about: "the name was moved to name servers of stopped names",
        holds: Holds::Names(|names, markers| {
            let row = markers.nameserver(&names.data("NS"))?;
            Some(format!("name servers of {}", row.name))
        }),
    },
    Rule {
        name: "name-has-address",
        finding: Inconclusive,
        about: "the name resolves, which says nothing of what is there",
        holds: Holds::Names(|names, _| {
            let found = [names.data("A"), names.data("AAAA")].concat();
            (!found.is_empty()).then(|| found.join(", "))
        }),
    },
    Rule {
        name: "name-without-address",
        finding: Inconclusive,
        about: "the name is there and has no address now",
        holds: Holds::Names(|names, _| {
            let none = |kind| {
                matches!(
                    names.of(kind),
                    Some(Resolved::NoData | Resolved::Records { .. })
                )
            };
            (none("A") && none("AAAA")).then(|| "neither A nor AAAA".to_owned())
        }),
    },
    Rule {
        name: "resolution-failed",
        finding: Inconclusive,
        about: "SERVFAIL, REFUSED or no answer: nothing was learnt",
        holds: Holds::Names(|names, _| {
            let mut told = names.answers.iter();
            let why = told.find_map(|(kind, answer)| match answer {
                Resolved::Failure { code } => Some(format!("{kind}: {code}")),
                Resolved::Timeout { detail } => Some(format!("{kind}: {detail}")),
                _ => None,
            });
            Some(why.unwrap_or_else(|| "nothing was asked".to_owned()))
        }),
    },
    Rule {
        name: "registry-hold",
        finding: Gone,
        about: "registry or registrar stopped the name's resolution",
        holds: Holds::Registration(|found, _| {
            let found = found?;
            found.hold().map(|status| format!("status `{status}`"))
        }),
    },
    Rule {
        name: "not-registered",
        finding: Gone,
        about: "the registry knows no such name",
        holds: Holds::Registration(|found, _| {
            found.is_none().then(|| "no registration".to_owned())
        }),
    },
    Rule {
        name: "registered-to-stopped",
        finding: Suspended,
        about: "the registration names name servers of stopped names",
        holds: Holds::Registration(|found, markers| {
            let names: Vec<_> = found?.nameservers.iter().map(String::as_str).collect();
            let row = markers.nameserver(&names)?;
            Some(format!("name servers of {}", row.name))
        }),
    },
    Rule {
        name: "registered",
        finding: Inconclusive,
        about: "the name is registered and not held, which says nothing of what is there",
        holds: Holds::Registration(|found, _| found.map(|found| found.status.join(", "))),
    },
    Rule {
        name: "port-open",
        finding: Present,
        about: "somebody answers at the port",
        holds: Holds::Port(|state| (*state == PortState::Open).then(|| "open".to_owned())),
    },
    Rule {
        name: "port-closed",
        finding: Gone,
        about: "the host itself says that nobody listens",
        holds: Holds::Port(|state| {
            (*state == PortState::Closed).then(|| "connection refused".to_owned())
        }),
    },
    Rule {
        name: "port-silent",
        finding: Inconclusive,
        about: "nothing came back in time: filtered, down, or out of reach from here",
        holds: Holds::Port(|state| (*state == PortState::Silent).then(|| "no answer".to_owned())),
    },
    Rule {
        name: "port-not-tried",
        finding: Inconclusive,
        about: "no connection could be tried",
        holds: Holds::Port(|state| match state {
            PortState::Failed { detail } => Some(detail.clone()),
            _ => None,
        }),
    },
];
