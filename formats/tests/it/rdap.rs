//! Registration data: samples of our own with everything that servers do, and recorded answers.

use formats::rdap::{Answer, NoAnswer, Registration, read};

use crate::harness::data;

const HELD: &str = r#"{
  "objectClassName": "domain", "ldhName": "PHISH.EXAMPLE.", "handle": "D1-EXAMPLE",
  "status": ["clientHold", "server transfer prohibited"],
  "events": [
    {"eventAction": "registration", "eventDate": "2026-11-01T08:00:00+08:00"},
    {"eventAction": "last changed", "eventDate": "2026-11-02T00:00:00Z"},
    {"eventAction": "expiration", "eventDate": "not a date"}
  ],
  "nameservers": [{"objectClassName": "nameserver", "ldhName": "NS1.EXAMPLE.NET"}, 7],
  "redacted": [{"name": {"description": "Registrant Email"}, "method": "removal"}],
  "links": [{"rel": "related", "href": "https://rdap.example.net/domain/phish.example"}],
  "entities": [
    {"objectClassName": "entity", "roles": ["registrant"],
     "remarks": [{"title": "REDACTED FOR PRIVACY", "description": ["x"]}]},
    {"objectClassName": "entity", "handle": "99", "roles": ["registrar"],
     "publicIds": [{"type": "IANA Registrar ID", "identifier": "9999"}],
     "vcardArray": ["vcard", [["version", {}, "text", "4.0"], ["fn", {}, "text", "Example Names Ltd"]]],
     "entities": [
       {"objectClassName": "entity", "roles": "abuse",
        "vcardArray": ["vcard", [
          ["fn", {}, "text", "Abuse desk"],
          ["EMAIL", {"type": ["work"]}, "text", "abuse@names.example", "mailto:second@names.example"],
          ["tel", {"type": "voice"}, "uri", "tel:+1.5550100"],
          ["adr", {}, "text", ["", "", ["1 Way"], "Town"]],
          "odd", ["email"], ["email", {}, "text", {"no": "text"}], ["email", {}, "text", "none"]
        ]]}
     ]}
  ]
}"#;

fn registration(text: &str) -> Registration {
    match read(text.as_bytes()) {
        Ok(Answer::Registration(found)) => *found,
        other => panic!("no registration: {other:?}"),
    }
}

#[test]
fn a_held_name_tells_its_registrar_and_the_contact_below_it() {
    let found = registration(HELD);
    assert_eq!(found.name.as_deref(), Some("phish.example"));
    assert_eq!(found.hold(), Some("client hold"));
    let registrar = found.registrar.as_ref().unwrap();
    assert_eq!(registrar.name.as_deref(), Some("Example Names Ltd"));
    assert_eq!(registrar.iana_id, Some(9999));
    assert_eq!(found.abuse.len(), 1);
    let abuse = &found.abuse[0];
    assert_eq!(
        abuse.emails,
        ["abuse@names.example", "second@names.example"]
    );
    assert_eq!(abuse.phones, ["+1.5550100"]);
    assert_eq!(abuse.within, ["99"]);
    assert_eq!(found.nameservers, ["ns1.example.net"]);
    assert_eq!(found.events.len(), 2);
    assert_eq!(
        found.event("registration").unwrap().0,
        1_793_491_200_000_000
    );
    assert_eq!(found.redacted, ["Registrant Email", "REDACTED FOR PRIVACY"]);
    assert_eq!(found.related.len(), 1);
}

#[test]
fn no_hold_is_no_hold() {
    let twin = HELD.replace("clientHold", "client transfer prohibited");
    assert_eq!(registration(&twin).hold(), None);
    // A status that only sounds like it.
    let twin = HELD.replace("clientHold", "add hold period");
    assert_eq!(registration(&twin).hold(), None);
}

#[test]
fn errors_and_what_is_none_are_told_apart() {
    let none = read(br#"{"errorCode": 404, "title": "Not found", "description": []}"#).unwrap();
    assert!(matches!(none, Answer::Refused { code: 404, .. }));
    assert!(matches!(read(b"<html>"), Err(NoAnswer::Json(_))));
    assert_eq!(read(br#"{"notices": []}"#), Err(NoAnswer::Class));
    assert_eq!(read(b"[]"), Err(NoAnswer::Class));
}

#[test]
fn hostile_shapes_neither_fail_nor_run_away() {
    for (from, to) in [
        (
            r#""status": ["clientHold", "server transfer prohibited"]"#,
            r#""status": {"a": 1}"#,
        ),
        (
            r#""publicIds": [{"type": "IANA Registrar ID", "identifier": "9999"}]"#,
            r#""publicIds": 3"#,
        ),
        (
            r#""roles": ["registrar"]"#,
            r#""roles": [null, ["registrar"]]"#,
        ),
    ] {
        let text = HELD.replace(from, to);
        assert_ne!(text, HELD, "the twin differs: {from}");
        registration(&text);
    }
    let mut nested = r#"{"roles":["abuse"]}"#.to_owned();
    for _ in 0..20 {
        nested = format!(r#"{{"roles":["abuse"],"entities":[{nested}]}}"#);
    }
    let found = registration(&format!(
        r#"{{"objectClassName":"domain","entities":[{nested}]}}"#
    ));
    assert_eq!(found.abuse.len(), 4, "no deeper than four");
}

/// Real answers: every one is read or refused by name, and what this file is for is found in some.
#[test]
fn recorded_answers_are_read() {
    let Some(folder) = data().map(|folder| folder.join("geo/rdap/responses")) else {
        return;
    };
    let mut folders = vec![folder];
    let (mut read_whole, mut registrars, mut abuse) = (0, 0, 0);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            if path.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            match read(&std::fs::read(&path).unwrap()) {
                Ok(Answer::Registration(found)) => {
                    read_whole += 1;
                    registrars += usize::from(found.registrar.is_some_and(|r| r.name.is_some()));
                    abuse += usize::from(found.abuse.iter().any(|c| !c.emails.is_empty()));
                }
                Ok(Answer::Refused { .. }) | Err(NoAnswer::Class) => {}
                Err(error) => panic!("{}: {error}", path.display()),
            }
        }
    }
    assert!(
        read_whole >= 5 && registrars >= 2 && abuse >= 2,
        "{read_whole} {registrars} {abuse}"
    );
}
