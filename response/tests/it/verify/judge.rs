//! The table of rules against the server's pages, and what is no page.

use model::incident::CaseKind;
use model::verification::{Client, Finding, ProbeKind};
use proptest::prelude::*;
use response::verify::judge::{judge, rules};
use response::verify::markers::Markers;
use response::verify::page::text;
use response::verify::permit::Permit;
use response::verify::seen::{Cut, End, Hop, Names, Page, Record, Resolved, Seen, registration};
use response::verify::strip::strip;
use response::verify::target::{Fingerprint, Place, Target};

use super::server::{KIT, NOW, Server, look, prober, target};

#[tokio::test]
async fn pages_are_found_by_the_named_rule() {
    use Finding::{Benign, Gone, Inconclusive, Present, Suspended};
    let server = Server::start().await;
    let prober = prober();
    for (path, finding, rule) in [
        ("/kit", Present, "fingerprint"),
        ("/kit-behind-404", Present, "fingerprint"),
        ("/hop", Present, "fingerprint"),
        ("/gzip", Present, "fingerprint"),
        ("/gone", Gone, "not-found"),
        ("/gone-410", Gone, "not-found"),
        ("/suspended", Suspended, "suspension-page"),
        ("/default", Benign, "default-page"),
        ("/401", Inconclusive, "asks-or-refuses"),
        ("/403", Inconclusive, "asks-or-refuses"),
        ("/429", Inconclusive, "asks-or-refuses"),
        ("/503", Inconclusive, "server-error"),
        ("/204", Inconclusive, "other-status"),
        ("/blank", Inconclusive, "blank"),
        ("/captcha", Inconclusive, "challenge"),
        ("/parked", Inconclusive, "parked"),
        ("/brand", Inconclusive, "redirect-to-brand"),
        ("/away", Inconclusive, "redirected-away"),
        ("/loop", Inconclusive, "redirects-in-circles"),
        ("/to-private", Inconclusive, "address-refused"),
        ("/to-nowhere", Inconclusive, "other-status"),
        ("/cut", Inconclusive, "body-cut"),
        ("/drip", Inconclusive, "body-cut"),
        ("/other", Inconclusive, "changed"),
        ("/nonsense", Inconclusive, "not-reached"),
    ] {
        let looked = look(
            &prober,
            &target(server.url(path)),
            Permit::OneGet,
            Client::Victim,
        )
        .await;
        let judged = &looked[0].judged;
        assert_eq!(
            (judged.finding, judged.reason),
            (finding, rule),
            "{path}: {}",
            judged.detail
        );
    }
}

#[tokio::test]
async fn the_harm_is_told_by_body_and_title_too() {
    let server = Server::start().await;
    let prober = prober();
    let with = |known_bad: Fingerprint, path: &str| Target {
        known_bad,
        ..target(server.url(path))
    };
    let hash = blake3::hash(KIT.as_bytes()).to_hex().to_string();
    let body = with(
        Fingerprint {
            body: Some(hash.clone()),
            ..Default::default()
        },
        "/gzip",
    );
    let title = with(
        Fingerprint {
            title: Some("EXAMPLE bank -  Sign in".into()),
            ..Default::default()
        },
        "/kit",
    );
    let nothing = with(Fingerprint::default(), "/kit");
    let twin = with(
        Fingerprint {
            body: Some(hash.chars().rev().collect()),
            ..Default::default()
        },
        "/gzip",
    );
    for (target, rule, weak) in [
        (body, "unchanged-body", true),
        (title, "title-unchanged", true),
        (nothing, "nothing-to-compare", false),
        (twin, "changed", false),
    ] {
        let looked = look(&prober, &target, Permit::OneGet, Client::Plain).await;
        let judged = &looked[0].judged;
        assert_eq!(
            (judged.reason, judged.weak),
            (rule, weak),
            "{}",
            judged.detail
        );
    }
}

#[tokio::test]
async fn listings_programs_and_defaced_pages() {
    let server = Server::start().await;
    let prober = prober();
    let listing = Target {
        kind: CaseKind::MaliciousApp,
        place: Place::Listing {
            url: server.url("/delisted"),
            platform: "example-store".into(),
        },
        ..target(server.url("/"))
    };
    let judged = look(&prober, &listing, Permit::OneGet, Client::Victim)
        .await
        .remove(0)
        .judged;
    assert_eq!((judged.finding, judged.reason), (Finding::Gone, "delisted"));
    // The same words on a page that is no listing delist nothing.
    let page = target(server.url("/delisted"));
    let judged = look(&prober, &page, Permit::OneGet, Client::Victim)
        .await
        .remove(0)
        .judged;
    assert_eq!(judged.finding, Finding::Inconclusive);

    let program = Target {
        kind: CaseKind::MalwareHosting,
        ..target(server.url("/program"))
    };
    let judged = look(&prober, &program, Permit::OneGet, Client::Plain)
        .await
        .remove(0)
        .judged;
    assert_eq!(
        (judged.finding, judged.reason),
        (Finding::Present, "still-a-program")
    );

    let flowers = text(
        "<title>A flower shop</title><p>Roses and tulips of this season, sent the same day.</p>",
    );
    let defaced = "Owned by nobody. Your security is low. Greetings to all friends of the night.";
    let site = |good: &str, bad: &str| Target {
        kind: CaseKind::Defacement,
        known_bad: Fingerprint::default(),
        good_text: Some(good.to_owned()),
        defaced_text: Some(bad.to_owned()),
        ..target(server.url("/other"))
    };
    for (target, finding, rule) in [
        (site(&flowers, defaced), Finding::Gone, "restored"),
        (site(defaced, &flowers), Finding::Present, "still-defaced"),
        (site(defaced, defaced), Finding::Inconclusive, "changed"),
    ] {
        let judged = look(&prober, &target, Permit::OneGet, Client::Plain)
            .await
            .remove(0)
            .judged;
        assert_eq!(
            (judged.finding, judged.reason),
            (finding, rule),
            "{}",
            judged.detail
        );
    }
}

fn names(answers: Vec<(&str, Resolved)>) -> Seen {
    Seen::Names(Names {
        name: "phish.test".into(),
        at: NOW,
        servers: Vec::new(),
        answers: answers
            .into_iter()
            .map(|(kind, answer)| (kind.to_owned(), answer))
            .collect(),
    })
}

fn records(kind: &str, data: &str) -> Resolved {
    let record = Record {
        name: "phish.test.".into(),
        kind: kind.into(),
        ttl: 60,
        data: data.into(),
    };
    Resolved::Records {
        records: vec![record],
    }
}

#[test]
fn names_are_gone_only_when_they_are_not_there() {
    let markers = Markers::usual().unwrap();
    let target = target("http://phish.test/".parse().unwrap());
    let failure = || Resolved::Failure {
        code: "Server Failure".into(),
    };
    let silence = || Resolved::Timeout {
        detail: "no answer in time".into(),
    };
    for (seen, finding, rule) in [
        (
            names(vec![("A", Resolved::NoName)]),
            Finding::Gone,
            "no-such-name",
        ),
        (
            names(vec![("A", Resolved::NoData), ("AAAA", Resolved::NoData)]),
            Finding::Inconclusive,
            "name-without-address",
        ),
        (
            names(vec![("A", failure())]),
            Finding::Inconclusive,
            "resolution-failed",
        ),
        (
            names(vec![("A", silence())]),
            Finding::Inconclusive,
            "resolution-failed",
        ),
        (names(vec![]), Finding::Inconclusive, "resolution-failed"),
        (
            names(vec![("A", records("A", "192.0.2.1"))]),
            Finding::Inconclusive,
            "name-has-address",
        ),
        // A server that says both is broken.
        (
            names(vec![
                ("A", records("A", "192.0.2.1")),
                ("AAAA", Resolved::NoName),
            ]),
            Finding::Inconclusive,
            "name-has-address",
        ),
        (
            names(vec![
                ("A", records("A", "192.0.2.1")),
                ("NS", records("NS", "NS1.suspended-domain.com.")),
            ]),
            Finding::Suspended,
            "stopped-nameserver",
        ),
    ] {
        let judged = judge(&target, ProbeKind::Dns, &seen, &markers);
        assert_eq!(
            (judged.finding, judged.reason),
            (finding, rule),
            "{}",
            judged.detail
        );
    }
}

#[test]
fn a_hold_is_gone_and_a_transfer_lock_is_not() {
    let markers = Markers::usual().unwrap();
    let target = target("http://phish.test/".parse().unwrap());
    for (status, finding) in [
        ("clientHold", Finding::Gone),
        ("server hold", Finding::Gone),
        ("client transfer prohibited", Finding::Inconclusive),
        ("active", Finding::Inconclusive),
    ] {
        let text = format!(r#"{{"objectClassName": "domain", "status": ["{status}"]}}"#);
        let seen = registration(text.as_bytes()).unwrap();
        let judged = judge(&target, ProbeKind::Dns, &seen, &markers);
        assert_eq!(judged.finding, finding, "{status}: {}", judged.detail);
    }
    let missing = registration(br#"{"errorCode": 404, "title": "no"}"#).unwrap();
    let none = judge(&target, ProbeKind::Dns, &missing, &markers);
    assert_eq!(none.reason, "not-registered");
    // What tells nothing is not judged: too many questions, a page, another object.
    for twin in [
        &br#"{"errorCode": 429, "title": "slow down"}"#[..],
        b"<html>busy</html>",
        br#"{"objectClassName": "entity", "status": ["client hold"]}"#,
    ] {
        assert!(registration(twin).is_err());
    }
}

#[test]
fn rules_have_names_of_their_own_and_markers_do_not_take_the_harm_for_its_end() {
    let mut names: Vec<_> = rules().map(|rule| rule.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), rules().count());
    assert!(rules().all(|rule| !rule.about.is_empty()));
    // The only findings of down are of rules that this list knows: whoever adds one reads it.
    let down: Vec<_> = rules()
        .filter(|rule| rule.finding.is_down())
        .map(|rule| rule.name)
        .collect();
    assert_eq!(
        down,
        [
            "suspension-page",
            "not-found",
            "delisted",
            "soft-404",
            "restored",
            "default-page",
            "no-such-name",
            "stopped-nameserver",
            "registry-hold",
            "not-registered",
            "registered-to-stopped",
            "port-closed",
        ]
    );
}

#[tokio::test]
async fn a_page_that_only_says_suspended_is_not_suspended() {
    // A kit's own words: "your account has been suspended, sign in".
    let markers = Markers::usual().unwrap();
    let sought = response::verify::markers::Sought {
        title: "account suspended",
        text: "dear customer, your account is locked. sign in to restore it",
        ..Default::default()
    };
    assert!(
        markers
            .find(response::verify::markers::Tells::Suspended, &sought)
            .is_none()
    );
    assert!(Markers::parse("[[marker]]\nkind = \"parked\"\nname = \"x\"\ntext = [\"a\"]").is_err());
    assert!(Markers::parse("[[marker]]\nkind = \"parked\"\nname = \"x\"").is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever comes with a status that says nothing is never down, and nothing makes it fail.
    #[test]
    fn no_bytes_are_down_by_themselves(
        body in proptest::collection::vec(any::<u8>(), 0..300),
        html in "(<(script|style|title|!--|/title|p)[ >]|&#?x?[0-9a-f]{0,9};?|[<>&;é中 a]){0,40}",
        coding in proptest::option::of("gzip|deflate|br|identity"),
        status in prop_oneof![Just(200u16), Just(403), Just(429), Just(500), Just(302), Just(451)],
        plain in any::<bool>(),
    ) {
        let markers = Markers::usual().unwrap();
        let url = "http://phish.test/";
        let mut headers = vec![("content-type".to_owned(), b"text/html; charset=gbk".to_vec())];
        headers.extend(coding.map(|coding| ("content-encoding".to_owned(), coding.into_bytes())));
        let hop = Hop {
            at: NOW, url: url.into(), address: None, asked: Vec::new(), status, headers,
            body: if plain { html.into_bytes() } else { body }, cut: Cut::Whole, tls: None,
        };
        let page = Page { hops: vec![hop], end: End::Answered, removed: Vec::new() };
        for probe in [ProbeKind::Http, ProbeKind::Listing, ProbeKind::Defacement] {
            let judged = judge(&target(url.parse().unwrap()), probe, &Seen::Page(page.clone()), &markers);
            prop_assert!(!judged.finding.is_down(), "{judged:?}");
        }
    }

    /// What is stripped is stripped once and for all, whatever the address.
    #[test]
    fn stripping_again_changes_nothing(rest in "[a-zA-Z0-9/?&=%@.#+_:é中-]{0,80}") {
        let url: Result<url::Url, _> = format!("http://phish.test/{rest}").parse();
        prop_assume!(url.is_ok());
        let (once, _) = strip(&url.unwrap());
        let (twice, removed) = strip(&once);
        prop_assert_eq!(once, twice);
        prop_assert!(removed.is_empty(), "{:?}", removed);
    }
}
