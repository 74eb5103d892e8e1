//! Block lists: what the gate lets through, the files, and what programs of others do with them.

mod peers;

use bulletin::blocklist::gate::{Candidate, Gate, Refusal};
use bulletin::blocklist::{Entry, Head, ListFile, files};
use ledger::ListedKind;
use model::time::Timestamp;
use model::tlp::Tlp;
use proptest::prelude::*;
use reference::{Kind, SourceFile, Tables};

/// 2023-01-09T00:00:00Z.
const T0: i64 = 1_673_222_400_000_000;
const DAY: i64 = 86_400_000_000;

/// Names that the tables' lists know: public suffixes, top sites, a content network, a resolver.
const SUFFIXES: &str = "// ===BEGIN ICANN DOMAINS===\ntest\nexample\ncom.example\ncn\ngov.cn\n*.wild.example\n!no.wild.example\n// ===END ICANN DOMAINS===\n// ===BEGIN PRIVATE DOMAINS===\npages.example\n// ===END PRIVATE DOMAINS===\n";
const TOP: &str = r#"{"name":"Top","version":1,"description":"","type":"hostname","matching_attributes":["hostname","domain"],"list":["top.example","shared.test"]}"#;
const EXACT: &str = r#"{"name":"Exact","version":1,"description":"","type":"string","matching_attributes":["hostname","domain"],"list":["www.known.test"]}"#;
const NETS: &str = r#"{"name":"Net","version":1,"description":"","type":"cidr","matching_attributes":["ip-src","ip-dst"],"list":["203.0.113.0/25","2001:db8:cd::/48"]}"#;
const OWNERS: &str = "suffix,class,country\nbank.test,bank,\nschool.test,education,\n";

fn tables() -> Tables {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |kind, name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("it is written");
        SourceFile::new(kind, path)
    };
    let all = [
        file(Kind::PublicSuffix, "public_suffix_list.dat", SUFFIXES),
        file(Kind::Warninglist, "top.json", TOP),
        file(Kind::Warninglist, "exact.json", EXACT),
        file(Kind::Warninglist, "net.json", NETS),
        file(Kind::OwnerClass, "owners.csv", OWNERS),
    ];
    Tables::build(&all).expect("the tables are read").0
}

fn named(gate: &Gate<'_>, candidate: Candidate<'_>) -> Result<(ListedKind, String), Refusal> {
    let named = gate.name(&candidate)?;
    assert_eq!(gate.allows(named.kind, &named.value), Ok(()), "{named:?}");
    Ok((named.kind, named.value))
}

fn url(url: &str) -> Candidate<'_> {
    Candidate {
        url: Some(url),
        ..Candidate::default()
    }
}

fn control(network: &str) -> Candidate<'_> {
    Candidate {
        network: Some(network),
        control: true,
        ..Candidate::default()
    }
}

#[test]
fn as_little_is_named_as_does_it() {
    let tables = tables();
    let allow = ["cert.test".to_owned(), "198.51.100.0/28".to_owned()];
    let gate = Gate {
        tables: &tables,
        allow: &allow,
    };
    let is = |candidate, kind, value: &str| {
        assert_eq!(named(&gate, candidate), Ok((kind, value.to_owned())));
    };
    use ListedKind::{Cidr, Domain, Ip, Url};
    is(url("http://Login.Bad.test/a#b"), Domain, "login.bad.test");
    is(
        url("http://one.pages.example/"),
        Domain,
        "one.pages.example",
    );
    is(
        url("https://top.example/form?id=1#x"),
        Url,
        "https://top.example/form?id=1",
    );
    is(
        url("https://a.top.example/form"),
        Url,
        "https://a.top.example/form",
    );
    is(url("https://known.test/p"), Url, "https://known.test/p");
    is(url("https://school.test/p"), Url, "https://school.test/p");
    is(
        url("http://shop.test/wp-content/x/login.php"),
        Url,
        "http://shop.test/wp-content/x/login.php",
    );
    is(url("http://192.0.2.7/bank/"), Url, "http://192.0.2.7/bank/");
    let hacked = Candidate {
        hacked: true,
        ..url("http://shop.test/login/")
    };
    is(hacked, Url, "http://shop.test/login/");
    is(control("192.0.2.7"), Ip, "192.0.2.7");
    is(control("192.0.2.7/24"), Cidr, "192.0.2.0/24");
    is(control("2001:db8::1"), Ip, "2001:db8::1");

    let refuses = |candidate: Candidate<'_>, words: &str| {
        let told = gate.name(&candidate).expect_err("refused").to_string();
        assert!(told.contains(words), "{told}");
    };
    refuses(url("http://com.example/x"), "public suffix");
    refuses(url("http://pages.example/x"), "public suffix");
    refuses(url("http://a.wild.example/x"), "public suffix");
    refuses(url("https://top.example/"), "shared");
    refuses(url("https://top.example"), "shared");
    refuses(url("https://www.mof.gov.cn/x"), "government");
    refuses(url("https://my.bank.test/x"), "banks");
    refuses(url("https://cert.test/x"), "site's own list");
    refuses(url("https://test/x"), "public suffix");
    refuses(url("http://10.0.0.1/x"), "no single network");
    refuses(control("10.0.0.0/24"), "no single network");
    refuses(control("192.0.0.0/16"), "no single network");
    refuses(control("203.0.113.9"), "a warning list");
    refuses(control("203.0.113.0/24"), "a warning list");
    refuses(control("2001:db8:cd::1"), "a warning list");
    refuses(control("198.51.100.0/24"), "site's own list");
    refuses(control(""), "is no host name");
    let address = Candidate {
        network: Some("192.0.2.7"),
        ..Candidate::default()
    };
    refuses(address, "command servers alone");
    let shared = Candidate {
        host: Some("shared.test"),
        ..Candidate::default()
    };
    refuses(shared, "shared");
    assert!(Gate::may_publish(Tlp::Clear, "x", true).is_ok());
    assert!(Gate::may_publish(Tlp::Green, "x", true).is_err());
    assert!(Gate::may_publish(Tlp::Clear, "x", false).is_err());
}

#[test]
fn what_was_stored_is_asked_again() {
    let tables = tables();
    let gate = Gate {
        tables: &tables,
        allow: &[],
    };
    for (kind, value) in [
        (ListedKind::Domain, "Bad.test"),
        (ListedKind::Domain, "bad.test."),
        (ListedKind::Domain, "top.example"),
        (ListedKind::Domain, "known.test"),
        (ListedKind::Domain, "192.0.2.1"),
        (ListedKind::Domain, "a b.test"),
        (ListedKind::Url, "ftp://bad.test/x"),
        (ListedKind::Url, "http://bad.test/a\nb"),
        (ListedKind::Url, "http://top.example/"),
        (ListedKind::Ip, "192.0.2.0/24"),
        (ListedKind::Cidr, "192.0.2.1"),
        (ListedKind::Cidr, "192.0.2.1/24"),
        (ListedKind::Ip, "127.0.0.1"),
        (ListedKind::Ip, "::1"),
        (ListedKind::Cidr, "0.0.0.0/0"),
    ] {
        assert!(gate.allows(kind, value).is_err(), "{value}");
    }
}

/// Labels from which names are made that touch the lists from above, below and beside.
fn host() -> impl Strategy<Value = String> {
    let label = prop_oneof![
        Just("top".to_owned()),
        Just("shared".to_owned()),
        Just("known".to_owned()),
        Just("www".to_owned()),
        Just("pages".to_owned()),
        Just("wild".to_owned()),
        Just("no".to_owned()),
        Just("com".to_owned()),
        Just("bank".to_owned()),
        Just("gov".to_owned()),
        "[a-zA-Z0-9_-]{1,12}",
        "\\PC{1,6}",
    ];
    let last = prop_oneof![
        Just("test"),
        Just("example"),
        Just("cn"),
        Just("com.example"),
        Just("")
    ];
    (proptest::collection::vec(label, 0..4), last).prop_map(|(labels, last)| {
        let mut name = labels.join(".");
        if !last.is_empty() {
            if !name.is_empty() {
                name.push('.');
            }
            name.push_str(last);
        }
        name
    })
}

fn is_suffix(name: &str) -> bool {
    let wild = name.strip_suffix(".wild.example");
    matches!(
        name,
        "test" | "example" | "com.example" | "cn" | "gov.cn" | "pages.example"
    ) || wild.is_some_and(|head| !head.contains('.') && head != "no")
        || !name.contains('.')
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_public_suffix_and_no_allowed_name_is_ever_listed(
        host in host(), path in "[ -~]{0,20}", control: bool, hacked: bool,
    ) {
        let tables = tables_once();
        let allow = ["cert.test".to_owned()];
        let gate = Gate { tables, allow: &allow };
        let url = format!("https://{host}/{path}");
        for candidate in [
            Candidate { url: Some(&url), host: Some(&host), control, hacked, ..Candidate::default() },
            Candidate { host: Some(&host), control, hacked, ..Candidate::default() },
        ] {
            let Ok(named) = gate.name(&candidate) else { continue };
            prop_assert_eq!(gate.allows(named.kind, &named.value), Ok(()));
            if named.kind != ListedKind::Domain {
                continue;
            }
            let name = named.value.as_str();
            prop_assert!(!is_suffix(name), "{}", name);
            let at_or_below = |top: &str| name == top || name.ends_with(&format!(".{top}"));
            for top in ["top.example", "shared.test", "www.known.test", "bank.test", "gov.cn", "cert.test"] {
                prop_assert!(!at_or_below(top), "{} is at or below {}", name, top);
            }
            prop_assert_ne!(name, "known.test");
        }
    }

    #[test]
    fn no_allowed_address_is_ever_listed(bits: u32, length in 0u8..=32) {
        let tables = tables_once();
        let gate = Gate { tables, allow: &[] };
        // Half of them lie where the lists are.
        let bits = if bits & 1 == 0 { 0xcb00_7100 | bits >> 24 } else { bits };
        let text = format!("{}/{length}", std::net::Ipv4Addr::from(bits));
        if let Ok(named) = gate.name(&control(&text)) {
            let (ip, length) = bulletin::blocklist::gate::network(&named.value).expect("it is a network");
            prop_assert!(length >= 24);
            let std::net::IpAddr::V4(ip) = ip else { panic!("{ip}") };
            let mask = u32::MAX << (32 - u32::from(length));
            let (first, last) = (u32::from(ip), u32::from(ip) | !mask);
            prop_assert!(last < 0xcb00_7100 || first > 0xcb00_717f, "{}", named.value);
            prop_assert!(!ip.is_private() && !ip.is_loopback());
        }
    }
}

fn tables_once() -> &'static Tables {
    static TABLES: std::sync::OnceLock<Tables> = std::sync::OnceLock::new();
    TABLES.get_or_init(tables)
}

fn head(serial: u32) -> Head {
    Head {
        list: "phishing".to_owned(),
        publisher: "Example CERT".to_owned(),
        licence: "CC-BY-4.0".to_owned(),
        contact: "delist@cert.example\n; evil".to_owned(),
        issue: Some("2023-3".to_owned()),
        serial,
        made: Timestamp(T0 + DAY),
    }
}

fn entry(kind: ListedKind, value: &str) -> Entry {
    Entry {
        kind,
        value: value.to_owned(),
        classification: "phishing".to_owned(),
        source: "incident 12".to_owned(),
        licence: "CC-BY-4.0".to_owned(),
        since: Timestamp(T0),
        changed: Timestamp(T0 + 5_000),
        expires: Timestamp(T0 + 7 * DAY),
        off: None,
    }
}

fn off(kind: ListedKind, value: &str) -> Entry {
    Entry {
        off: Some(Timestamp(T0 + DAY / 2)),
        changed: Timestamp(T0 + DAY / 2),
        ..entry(kind, value)
    }
}

fn entries() -> Vec<Entry> {
    vec![
        entry(ListedKind::Url, "https://top.example/a'b\\c?x=1,2"),
        entry(ListedKind::Domain, "bad.example"),
        entry(ListedKind::Ip, "192.0.2.66"),
        entry(ListedKind::Ip, "2001:db8::1"),
        entry(ListedKind::Cidr, "198.51.100.0/24"),
        entry(ListedKind::Domain, "also-bad.example"),
        off(ListedKind::Domain, "good.example"),
    ]
}

fn file(files: &[ListFile], name: &str) -> String {
    let file = files.iter().find(|file| file.name == name);
    let file = file.unwrap_or_else(|| panic!("no {name}"));
    String::from_utf8(file.bytes.clone()).expect("UTF-8")
}

#[test]
fn the_same_entries_are_the_same_bytes_in_any_order() {
    let one = files(&head(7), &entries());
    let mut turned = entries();
    turned.reverse();
    assert_eq!(files(&head(7), &turned), one);
    let names: Vec<_> = one.iter().map(|file| (file.name, file.entries)).collect();
    assert_eq!(
        names,
        [
            ("rpz.zone", 5),
            ("hosts.txt", 2),
            ("domains.txt", 2),
            ("networks.txt", 3),
            ("urls.txt", 1),
            ("list.csv", 6),
            ("list.stix.json", 6),
            ("delisted.csv", 1),
        ]
    );
    for file in &one {
        let text = String::from_utf8(file.bytes.clone()).expect("UTF-8");
        for word in [
            "marking: TLP:CLEAR",
            "licence: CC-BY-4.0",
            "serial: 7",
            "6 on the list",
            "2023-01-16T00:00:00Z",
            "delist@cert.example ; evil",
            "issue: 2023-3",
        ] {
            assert!(
                text.contains(word),
                "{word} is not in {}: {text}",
                file.name
            );
        }
    }
    let body = |name: &str| {
        let text = file(&one, name);
        let lines = text.lines().filter(|line| !line.starts_with(['#', ';']));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(
        body("hosts.txt"),
        ["0.0.0.0 also-bad.example", "0.0.0.0 bad.example"]
    );
    assert_eq!(
        body("networks.txt"),
        ["192.0.2.66/32", "2001:db8::1/128", "198.51.100.0/24"]
    );
    assert_eq!(
        body("delisted.csv"),
        [
            "kind,value,listed,delisted",
            "domain,good.example,2023-01-09T00:00:00Z,2023-01-09T12:00:00Z"
        ]
    );
    let zone = body("rpz.zone");
    assert!(
        zone.contains(&"*.bad.example IN CNAME .".to_owned()),
        "{zone:?}"
    );
    assert!(!file(&one, "rpz.zone").contains("good.example"));
    let stix: serde_json::Value =
        serde_json::from_str(&file(&one, "list.stix.json")).expect("JSON");
    let revoked: Vec<_> = stix["objects"]
        .as_array()
        .expect("objects")
        .iter()
        .filter(|object| object["revoked"] == true)
        .map(|object| object["pattern"].as_str().expect("a pattern"))
        .collect();
    assert_eq!(revoked, ["[domain-name:value = 'good.example']"]);
    // Whoever has an indicator of one publication meets the same one in the next.
    let ids = |files: &[ListFile]| {
        let stix: serde_json::Value =
            serde_json::from_str(&file(files, "list.stix.json")).expect("JSON");
        let all = stix["objects"].as_array().expect("objects").clone();
        all.into_iter()
            .filter(|object| object["type"] == "indicator")
            .map(|object| object["id"].to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(&files(&head(8), &entries())), ids(&one));
}
