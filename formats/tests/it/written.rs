//! What the writers of interchange formats write, our own readers read back.

use formats::iodef::write as iodef;
use formats::stix::write as stix;
use formats::xarf::write as xarf;
use model::field::Field;
use model::time::Timestamp;
use model::tlp::Tlp;

use crate::harness::{Read, feed, read};

const SEEN: (Timestamp, Timestamp) = (
    Timestamp(1_673_222_400_000_000),
    Timestamp(1_673_226_000_000_000),
);
/// As hostile as a URL may be.
const URL: &str = "http://login.example.com:8080/a?q='x'&b=<c>\\\"";

fn back(format: &str, text: &str) -> Read {
    let read = read(&feed(format, "UTC"), text.as_bytes()).expect("a report");
    assert!(read.rejects.is_empty(), "{:?}\n{text}", read.rejects);
    assert!(read.warnings.is_empty(), "{:?}", read.warnings);
    read
}

fn incident() -> iodef::Incident {
    iodef::Incident {
        number: "INC-1".into(),
        description: "A <page> & \"more\"\u{0}".into(),
        category: "phishing".into(),
        seen: SEEN,
        count: 3,
        part: iodef::Part::Source,
        role: Some("phishing-site"),
        url: Some(URL.into()),
        host: Some("login.example.com".into()),
        ip: "192.0.2.1".parse().ok(),
        port: Some(8080),
        hash: None,
        asked: Some("remove it".into()),
        asked_by: Some(SEEN.1),
    }
}

#[test]
fn iodef_is_read_back_with_every_marking() {
    for tlp in [Tlp::Clear, Tlp::Green, Tlp::Amber, Tlp::Red] {
        let text = iodef::write(&iodef::Document {
            language: "en",
            issuer: "cert.example".into(),
            generated_at: SEEN.1,
            creator: iodef::Creator {
                name: "Example CERT".into(),
                mail: "cert@cert.example".into(),
                phone: None,
            },
            tlp,
            incidents: vec![incident()],
        });
        let read = back("iodef", &text);
        // A URL is a record of its own beside the host and its address.
        let has = |field, value: &str| read.values(field).iter().any(|found| found == value);
        assert!(has(Field::SourceIp, "192.0.2.1"), "{text}");
        assert!(has(Field::SourceHost, "login.example.com"), "{text}");
        assert!(
            read.values(Field::SourceUrl)
                .iter()
                .any(|url| url.starts_with("http://login.example.com:8080/a?q="))
        );
        for record in 0..read.records.len() {
            assert_eq!(read.values(Field::Reporter)[record], "Example CERT");
            assert_eq!(
                read.values(Field::ObservedAt)[record],
                "2023-01-09T00:00:00Z"
            );
            assert_eq!(
                read.values(Field::Tlp)[record],
                tlp.to_string().to_uppercase()
            );
        }
    }
}

#[test]
fn stix_is_read_back_with_every_marking() {
    use model::worded::Word as _;
    for tlp in Tlp::ALL {
        let finding = |url: Option<&str>, host: Option<&str>, port| stix::Finding {
            name: "Phishing page".into(),
            description: "seen".into(),
            kind: "malicious-activity",
            seen: SEEN,
            count: 2,
            url: url.map(str::to_owned),
            host: host.map(str::to_owned),
            ip: host.is_none().then(|| "192.0.2.1".parse().ok()).flatten(),
            port,
            hash: None,
            reference: Some(("INC-1".into(), "cert.example".into())),
        };
        let text = stix::write(&stix::Bundle {
            id: [1; 16],
            created_at: SEEN.1,
            creator: "Example CERT".into(),
            creator_id: [2; 16],
            tlp: *tlp,
            findings: vec![
                finding(Some(URL), None, None),
                finding(None, Some("c2.example.com"), None),
                finding(None, None, Some(443)),
            ],
        });
        let read = back("stix", &text);
        assert_eq!(read.records.len(), 3, "{text}");
        assert_eq!(read.values(Field::SourceHost)[1], "c2.example.com");
        let label = tlp.to_string().to_uppercase();
        assert_eq!(
            read.values(Field::Tlp),
            [label.clone(), label.clone(), label]
        );
    }
}

#[test]
fn xarf_is_read_back_in_every_type() {
    let us = xarf::Party {
        org: "Example CERT".into(),
        contact: "cert@cert.example".into(),
        domain: "cert.example".into(),
    };
    let kinds = [
        (xarf::Kind::Phishing(URL.into()), "phishing"),
        (xarf::Kind::Malware(URL.into()), "malware-distribution"),
        (
            xarf::Kind::Botnet {
                control: None,
                evidence: "seen".into(),
            },
            "infected-system",
        ),
        (
            xarf::Kind::CompromisedServer {
                method: "unknown".into(),
            },
            "system-compromise",
        ),
        (
            xarf::Kind::Misconfiguration {
                service: "unknown".into(),
            },
            "misconfiguration",
        ),
        (xarf::Kind::Spam, "spam"),
    ];
    for (kind, class) in kinds {
        let text = xarf::write(&xarf::Report {
            id: [3; 16],
            at: SEEN.0,
            reporter: us.clone(),
            sender: us.clone(),
            source: "192.0.2.1".into(),
            port: Some(443),
            kind,
            seen: Some(SEEN),
            description: "a page".into(),
            tags: vec!["tlp:amber".into(), "No Tag".into()],
            evidence: vec![xarf::Evidence {
                content_type: "text/plain".into(),
                description: "x".into(),
                bytes: b"evidence".to_vec(),
            }],
        });
        let read = back("xarf", &text);
        assert_eq!(read.values(Field::ClassType), [class]);
        assert_eq!(read.values(Field::SourceIp), ["192.0.2.1"]);
        assert_eq!(read.values(Field::Tags), ["tlp:amber"]);
    }
}
