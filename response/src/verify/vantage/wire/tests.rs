//! What is told comes back as it was seen, and what cannot have been seen does not.

use std::time::Duration;

use model::time::Timestamp;
use outbound::Allowed;
use proptest::prelude::*;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use super::*;
use crate::verify::probe::der;
use crate::verify::seen::{Names, Port, Record, Tls};

const USER_AGENT: &str = "one";
/// What was asked at this instant was told within a minute.
const ASKED: (Timestamp, Duration) = (Timestamp(0), Duration::from_secs(60));

fn limits() -> Limits {
    Limits {
        body: 4_000,
        redirects: 3,
        ..Limits::default()
    }
}

fn errand(probe: ProbeKind, place: Place) -> Errand {
    let mut headers = HeaderMap::new();
    headers.append("user-agent", HeaderValue::from_static(USER_AGENT));
    Errand {
        probe,
        client: Client::Victim,
        place,
        removed: Vec::new(),
        headers,
        made_up: None,
    }
}

fn at(url: &str) -> Place {
    Place::Page {
        url: url.parse().expect("an address"),
    }
}

/// The JSON of what a vantage saw, read back on the other side.
fn back(errand: &Errand, told: &Value) -> Result<Seen, String> {
    let told: Told = serde_json::from_value(told.clone()).map_err(|error| error.to_string())?;
    let allowed = Allowed::parse(["own.example"])?;
    told.read(errand, &allowed, &limits(), ASKED)
        .map_err(|nonsense| nonsense.to_string())
}

fn told(errand: &Errand, seen: &Seen) -> Value {
    let told = Told::of(errand, seen).expect("it can be told");
    serde_json::to_value(told).expect("it is JSON")
}

fn hop(at: usize, of: usize, status: u16, body: Vec<u8>, headers: Vec<(String, Vec<u8>)>) -> Hop {
    let last = at + 1 == of;
    let mut headers = headers;
    if !last {
        let next = format!("http://host{}.example/way?n={}", at + 1, at + 1);
        headers.insert(0, ("location".to_owned(), next.into_bytes()));
    }
    Hop {
        at: Timestamp(1_000 * at as i64),
        url: format!("http://host{at}.example/way?n={at}"),
        address: Some(SocketAddr::from(([1, 1, 1, at as u8], 80))),
        asked: vec![
            ("user-agent".to_owned(), USER_AGENT.to_owned()),
            ("host".to_owned(), format!("host{at}.example")),
        ],
        status: if last { status } else { 302 },
        headers,
        body,
        cut: Cut::Whole,
        tls: None,
    }
}

fn page(hops: Vec<Hop>) -> Seen {
    Seen::Page(Page {
        hops,
        end: End::Answered,
        removed: Vec::new(),
    })
}

fn first() -> Errand {
    errand(ProbeKind::Http, at("http://host0.example/way?n=0"))
}

prop_compose! {
    fn header_field()(
        name in "x-[a-z]{1,12}",
        value in proptest::collection::vec(prop_oneof![0x20_u8..0x7f, 0x80_u8..=0xff], 0..40),
    ) -> (String, Vec<u8>) {
        (name, value)
    }
}

proptest! {
    #[test]
    fn a_page_comes_back_as_it_was_seen(
        of in 1_usize..=4,
        status in prop_oneof![Just(200_u16), Just(404), Just(410), Just(503), Just(304)],
        bodies in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..3_000), 4),
        fields in proptest::collection::vec(header_field(), 0..6),
        cut in prop_oneof![Just(Cut::Whole), Just(Cut::Time), Just(Cut::Broken), Just(Cut::Length)],
    ) {
        let hops = bodies.into_iter().take(of).enumerate();
        let mut hops: Vec<Hop> = hops
            .map(|(at, body)| hop(at, of, status, body, fields.clone()))
            .collect();
        hops[of - 1].cut = cut;
        let (errand, seen) = (first(), page(hops));
        let read = back(&errand, &told(&errand, &seen));
        prop_assert_eq!(format!("{:?}", read.as_ref()), format!("{:?}", Ok::<_, &String>(&seen)));
    }

    #[test]
    fn no_text_and_no_change_of_a_letter_breaks_the_reading(
        text in ".{0,200}",
        cut in 0_usize..600,
        letter in any::<u8>(),
    ) {
        prop_assert!(serde_json::from_str::<Told>(&text).is_err());
        let errand = first();
        let seen = page(vec![hop(0, 1, 404, b"no".to_vec(), Vec::new())]);
        let mut bytes = told(&errand, &seen).to_string().into_bytes();
        let cut = cut % bytes.len();
        bytes[cut] = letter;
        // Read or refused, never a panic.
        if let Ok(told) = serde_json::from_slice::<Told>(&bytes) {
            let _ = told.read(&errand, &Allowed::default(), &limits(), ASKED);
        }
    }
}

#[test]
fn records_and_ports_come_back_as_they_were_seen() {
    let record = |kind: &str| Resolved::Records {
        records: vec![Record {
            name: "a.example.".to_owned(),
            kind: kind.to_owned(),
            ttl: 60,
            data: "1.2.3.4".to_owned(),
        }],
    };
    let server = SocketAddr::from(([10, 0, 0, 53], 53));
    let name = Place::Name {
        name: "a.example".to_owned(),
    };
    let errand = errand(ProbeKind::Dns, name);
    let all = vec![
        ("A".to_owned(), record("A")),
        ("AAAA".to_owned(), Resolved::NoData),
        (
            "NS".to_owned(),
            Resolved::Failure {
                code: "ServFail".to_owned(),
            },
        ),
        (
            "SOA".to_owned(),
            Resolved::Timeout {
                detail: "no answer in time".to_owned(),
            },
        ),
    ];
    for answers in [all, vec![("A".to_owned(), Resolved::NoName)]] {
        let seen = Seen::Names(Names {
            name: "a.example".to_owned(),
            at: Timestamp(0),
            servers: vec![server],
            answers,
        });
        let read = back(&errand, &told(&errand, &seen)).expect("it can be");
        assert_eq!(format!("{read:?}"), format!("{seen:?}"));
    }
    let place = Place::Port {
        host: "a.example".to_owned(),
        port: 4444,
    };
    let errand = super::tests::errand(ProbeKind::Tcp, place);
    for state in [PortState::Open, PortState::Closed, PortState::Silent] {
        let seen = Seen::Port(Port {
            host: "a.example".to_owned(),
            port: 4444,
            at: Timestamp(0),
            address: Some(SocketAddr::from(([1, 2, 3, 4], 4444))),
            state,
        });
        let read = back(&errand, &told(&errand, &seen)).expect("it can be");
        assert_eq!(format!("{read:?}"), format!("{seen:?}"));
    }
}

#[test]
fn a_missing_page_belongs_to_the_page_and_to_what_was_asked() {
    let mut errand = errand(ProbeKind::Http, at("http://host0.example/way?n=0"));
    let found = |url: &str, status| Page {
        hops: vec![Hop {
            url: url.to_owned(),
            ..hop(0, 1, status, b"<p>x".to_vec(), Vec::new())
        }],
        end: End::Answered,
        removed: Vec::new(),
    };
    let pair = |other: &str| Seen::Compared {
        page: found("http://host0.example/way?n=0", 200),
        missing: found(other, 404),
    };
    let right = pair("http://host0.example/w1");
    assert!(back(&errand, &told(&errand, &right)).is_err(), "not asked");
    errand.made_up = Some("w1".to_owned());
    assert!(back(&errand, &told(&errand, &right)).is_ok());
    let other = pair("http://host0.example/w2");
    assert!(back(&errand, &told(&errand, &other)).is_err());
    let alone = page(vec![hop(0, 1, 200, b"<p>x".to_vec(), Vec::new())]);
    assert!(back(&errand, &told(&errand, &alone)).is_err(), "left out");
    let gone = page(vec![hop(0, 1, 404, Vec::new(), Vec::new())]);
    assert!(back(&errand, &told(&errand, &gone)).is_ok());
}

#[test]
fn facts_of_a_certificate_are_read_from_its_bytes() {
    let made = rcgen::generate_simple_self_signed(vec!["host0.example".to_owned()]);
    let der = made.expect("a certificate").cert.der().to_vec();
    let errand = errand(ProbeKind::Http, at("https://host0.example/way?n=0"));
    let mut seen = hop(0, 1, 200, Vec::new(), Vec::new());
    seen.url = "https://host0.example/way?n=0".to_owned();
    seen.address = Some(SocketAddr::from(([1, 1, 1, 1], 443)));
    seen.tls = Some(Tls {
        chain: vec![der::facts(&der)],
        error: Some("unknown issuer".to_owned()),
        checked: true,
    });
    let seen = page(vec![seen]);
    let told = told(&errand, &seen);
    let read = back(&errand, &told).expect("it can be");
    assert_eq!(format!("{read:?}"), format!("{seen:?}"));
    // There is no field for what a certificate says: only for what it is.
    let mut more = told;
    more["seen"]["page"]["page"]["hops"][0]["tls"]["subject"] = json!("CN=Bank");
    assert!(back(&errand, &more).is_err());
}

#[test]
fn what_cannot_have_been_seen_is_no_look() {
    let errand = first();
    let way = page(vec![
        hop(0, 2, 404, b"on".to_vec(), Vec::new()),
        hop(1, 2, 404, b"no".to_vec(), Vec::new()),
    ]);
    let right = told(&errand, &way);
    assert!(back(&errand, &right).is_ok());
    let hops = "/seen/page/page/hops";
    let long = STANDARD.encode(vec![b'x'; 4_001]);
    let secret = STANDARD.encode(vec![b'x'; 17_000]);
    let lies: [(&str, String, Value); 16] = [
        ("a finding", "/finding".into(), json!("gone")),
        (
            "a finding within",
            "/seen/page/finding".into(),
            json!("gone"),
        ),
        ("a version", "/version".into(), json!(2)),
        ("another probe", "/probe".into(), json!("defacement")),
        ("another client", "/client".into(), json!("plain")),
        (
            "another page",
            format!("{hops}/0/url"),
            json!("http://other.example/"),
        ),
        (
            "a jump",
            format!("{hops}/1/url"),
            json!("http://host1.example/other"),
        ),
        ("no way on", format!("{hops}/0/status"), json!(200)),
        ("a status", format!("{hops}/1/status"), json!(99)),
        ("nobody", format!("{hops}/1/address"), json!(null)),
        ("a port", format!("{hops}/1/address"), json!("1.1.1.1:8080")),
        (
            "metadata",
            format!("{hops}/1/address"),
            json!("169.254.169.254:80"),
        ),
        (
            "an address inside",
            format!("{hops}/1/address"),
            json!("10.0.0.1:80"),
        ),
        ("a long body", format!("{hops}/1/body"), json!(long)),
        (
            "long headers",
            format!("{hops}/1/headers"),
            json!([["x-a", secret]]),
        ),
        ("no answer", "/seen/page/page/hops".into(), json!([])),
    ];
    for (what, place, value) in lies {
        let mut lie = right.clone();
        match lie.pointer_mut(&place) {
            Some(there) => *there = value,
            None => {
                let (parent, key) = place.rsplit_once('/').expect("a pointer");
                lie.pointer_mut(parent).expect("it is there")[key] = value;
            }
        }
        assert!(back(&errand, &lie).is_err(), "{what}: {lie}");
    }
    // A way that ended elsewhere than with an answer is one; a page that it would not ask for is none.
    let mut ended = right.clone();
    ended["seen"]["page"]["page"]["end"] = json!({ "timeout": "host2 did not answer" });
    assert!(
        back(&errand, &ended).is_err(),
        "the last answer leads nowhere"
    );
    ended["seen"]["page"]["page"]["hops"]
        .as_array_mut()
        .expect("hops")
        .truncate(1);
    assert!(back(&errand, &ended).is_ok());
    for end in ["unreachable", "refused"] {
        let none = json!({ "hops": [], "end": { end: "why" } });
        ended["seen"]["page"]["page"] = none;
        assert_eq!(back(&errand, &ended).is_ok(), end == "unreachable", "{end}");
    }
    // Another kind of thing, and a name that this side would not open.
    let names = json!({ "names": { "servers": [], "answers": [["A", { "result": "no-name" }]] } });
    let mut other = right.clone();
    other["seen"] = names.clone();
    assert!(back(&errand, &other).is_err());
    let name = Place::Name {
        name: "a.example".to_owned(),
    };
    let asked = super::tests::errand(ProbeKind::Dns, name);
    let mut gone = right;
    gone["probe"] = json!("dns");
    gone["seen"] = names;
    assert!(back(&asked, &gone).is_ok());
    gone["seen"]["names"]["answers"] = json!([["MX", { "result": "no-name" }]]);
    assert!(back(&asked, &gone).is_err());
    gone["seen"]["names"]["answers"] = json!([["A", { "result": "no-data" }]]);
    assert!(back(&asked, &gone).is_err(), "it stopped half way");
}

#[test]
fn a_private_address_is_believed_where_it_is_allowed_by_name() {
    let errand = errand(ProbeKind::Http, at("http://own.example/way"));
    let mut seen = hop(0, 1, 200, Vec::new(), Vec::new());
    seen.url = "http://own.example/way".to_owned();
    seen.asked[1].1 = "own.example".to_owned();
    seen.address = Some(SocketAddr::from(([10, 0, 0, 1], 80)));
    let seen = page(vec![seen]);
    assert!(back(&errand, &told(&errand, &seen)).is_ok());
    // The asker's own word counts, not the vantage's: metadata are opened by no name.
    let mut lie = told(&errand, &seen);
    lie["seen"]["page"]["page"]["hops"][0]["address"] = json!("169.254.169.254:80");
    assert!(back(&errand, &lie).is_err());
}
