//! Who may be looked at and how far: the table, approval, and marks.

use model::incident::CaseKind;
use model::territory::OwnerClass;
use model::verification::ProbeKind;
use response::verify::permit::{Permit, Policy, Ruling};
use response::verify::probe::Clients;
use response::verify::target::{Mark, Place, Target};

use super::server::target;

fn of(kind: CaseKind, owner: OwnerClass) -> Target {
    Target {
        kind,
        owner,
        ..target("http://phish.test/a".parse().unwrap())
    }
}

fn permit(policy: &Policy, target: &Target, approved_by: Option<&str>) -> Permit {
    match policy.rule(target, approved_by) {
        Ruling::Go { permit, .. } => permit,
        Ruling::Blocked { why } => panic!("blocked: {why}"),
    }
}

#[test]
fn the_table_that_ships_decides_every_kind() {
    let policy = Policy::usual().unwrap();
    use CaseKind::*;
    for (kind, owner, want) in [
        (Phishing, OwnerClass::Other, Permit::Compare),
        (Phishing, OwnerClass::Bank, Permit::OneGet),
        (Defacement, OwnerClass::Government, Permit::OneGet),
        (Vulnerability, OwnerClass::Government, Permit::ByApproval),
        (InfectedHost, OwnerClass::Other, Permit::Passive),
        (Backdoor, OwnerClass::Other, Permit::ByApproval),
        (ControlServer, OwnerClass::Other, Permit::OneGet),
        (Other, OwnerClass::Other, Permit::ByApproval),
    ] {
        assert_eq!(
            permit(&policy, &of(kind, owner), None),
            want,
            "{kind} {owner:?}"
        );
    }
    // A named person lifts approval, and nothing else; a blank name is nobody.
    let hole = of(Vulnerability, OwnerClass::Other);
    assert_eq!(permit(&policy, &hole, Some("analyst-7")), Permit::OneGet);
    assert_eq!(permit(&policy, &hole, Some("  ")), Permit::ByApproval);
    let host = of(InfectedHost, OwnerClass::Other);
    assert_eq!(permit(&policy, &host, Some("analyst-7")), Permit::Passive);
    for probe in [
        ProbeKind::Http,
        ProbeKind::Tcp,
        ProbeKind::Listing,
        ProbeKind::Defacement,
    ] {
        assert!(!Permit::Passive.allows(probe) && !Permit::ByApproval.allows(probe));
    }
}

#[test]
fn a_mark_stands_above_the_table_and_shows_why() {
    let policy = Policy::usual().unwrap();
    let mut target = of(CaseKind::Phishing, OwnerClass::Other);
    target.marks.push(Mark {
        on: "incident 2026-17".into(),
        by: "head of operations".into(),
        reason: "police are watching the host".into(),
    });
    let Ruling::Blocked { why } = policy.rule(&target, Some("analyst-7")) else {
        panic!("it is marked")
    };
    assert!(
        why.contains("police are watching") && why.contains("head of operations"),
        "{why}"
    );
}

#[test]
fn places_fit_only_where_they_are_known() {
    let text = "[[rule]]\nname = \"abroad\"\ncountries = [\"XA\"]\npermit = \"passive\"\n\
                [[rule]]\nname = \"rest\"\npermit = \"one-get\"";
    let policy = Policy::parse(text).unwrap();
    let mut target = of(CaseKind::Phishing, OwnerClass::Other);
    assert_eq!(permit(&policy, &target, None), Permit::OneGet);
    target.country = Some("XA".into());
    assert_eq!(permit(&policy, &target, None), Permit::Passive);
    // Where no rule fits nothing leaves.
    let narrow = Policy::parse(text.split("[[rule]]\nname = \"rest\"").next().unwrap()).unwrap();
    target.country = None;
    assert!(matches!(narrow.rule(&target, None), Ruling::Blocked { .. }));
}

#[test]
fn bad_tables_are_refused() {
    for text in [
        "[[rule]]\nname = \"a\"\npermit = \"all\"",
        "[[rule]]\nname = \"a\"\npermit = \"passive\"\n[[rule]]\nname = \"a\"\npermit = \"passive\"",
        "[[rule]]\nname = \"a\"\ncountries = [\"china\"]\npermit = \"passive\"",
        "[[rule]]\nname = \"a\"\npermit = \"passive\"\nkindd = []",
    ] {
        assert!(Policy::parse(text).is_err(), "{text}");
    }
    let client = |header: &str| {
        format!(
            "[[client]]\nname = \"p\"\nclient = \"plain\"\nheaders = [{header}]\n\
             [[client]]\nname = \"v\"\nclient = \"victim\"\nheaders = []"
        )
    };
    assert!(Clients::parse(&client("[\"accept\", \"*/*\"]")).is_ok());
    for header in [
        "[\"cookie\", \"a=b\"]",
        "[\"content-type\", \"x\"]",
        "[\"accept-encoding\", \"br\"]",
        "[\"a b\", \"x\"]",
    ] {
        assert!(Clients::parse(&client(header)).is_err(), "{header}");
    }
}

#[test]
fn each_place_has_its_probes() {
    let mut case = of(CaseKind::Phishing, OwnerClass::Other);
    assert_eq!(case.probes(), [ProbeKind::Dns, ProbeKind::Http]);
    case.place = Place::Page {
        url: "http://192.0.2.1/".parse().unwrap(),
    };
    assert_eq!(case.probes(), [ProbeKind::Http]);
    case.place = Place::Port {
        host: "2001:db8::1".into(),
        port: 443,
    };
    assert_eq!(case.probes(), [ProbeKind::Tcp]);
    case.place = Place::Name {
        name: "phish.test".into(),
    };
    assert_eq!(case.probes(), [ProbeKind::Dns]);
    case.place = Place::Listing {
        url: "https://store.test/a".parse().unwrap(),
        platform: "x".into(),
    };
    assert_eq!(case.probes(), [ProbeKind::Listing]);
}
