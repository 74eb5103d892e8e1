//! MaxMind's test databases against their own source, and the damaged ones.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use reference::{Country, Error, Kind, SourceFile, Tables};
use serde_json::Value;

use crate::data;

/// First address and length of a network as the source writes it; `::1.2.3.4/120` is IPv4.
fn network(text: &str) -> (u128, u8) {
    let (address, length) = text.split_once('/').unwrap();
    let length: u8 = length.parse().unwrap();
    match address.parse::<IpAddr>().unwrap() {
        IpAddr::V4(v4) => (u128::from(u32::from(v4)), length + 96),
        IpAddr::V6(v6) => (u128::from(v6), length),
    }
}

/// Compares a field of every network's first address with the most specific entry of the source.
fn compare<V: PartialEq + std::fmt::Debug>(
    database: &str,
    source: &str,
    theirs: impl Fn(&Value) -> Option<V>,
    ours: impl Fn(&Tables, IpAddr) -> Option<V>,
) {
    let Some(data) = data() else { return };
    let folder = data.join("geo/mmdb");
    let (tables, report) =
        Tables::build(&[SourceFile::new(Kind::Mmdb, folder.join(database))]).unwrap();
    assert_eq!(report.files[0].rejected, 0, "{report:?}");
    let json: Vec<serde_json::Map<String, Value>> =
        serde_json::from_slice(&std::fs::read(folder.join("source-data").join(source)).unwrap())
            .unwrap();
    let entries: Vec<(u128, u8, &Value)> = json
        .iter()
        .flatten()
        .map(|(prefix, record)| {
            let (first, length) = network(prefix);
            (first, length, record)
        })
        .collect();
    let mut answered = 0;
    for &(first, _, _) in &entries {
        let covers = |start: u128, length: u8| {
            (first ^ start)
                .checked_shr(u32::from(128 - length))
                .unwrap_or(0)
                == 0
        };
        let record = entries
            .iter()
            .filter(|(start, length, _)| covers(*start, *length))
            .max_by_key(|entry| entry.1)
            .unwrap()
            .2;
        let address: IpAddr = match u32::try_from(first) {
            Ok(v4) => Ipv4Addr::from(v4).into(),
            Err(_) => Ipv6Addr::from(first).into(),
        };
        assert_eq!(
            ours(&tables, address),
            theirs(record),
            "{address} in {database}"
        );
        answered += usize::from(theirs(record).is_some());
    }
    assert!(
        answered > 150,
        "{answered} of {} in {database}",
        entries.len()
    );
}

fn country(record: &Value) -> Option<String> {
    record
        .pointer("/country/iso_code")
        .and_then(Value::as_str)
        .map(str::to_owned)
}

fn our_country(tables: &Tables, address: IpAddr) -> Option<String> {
    tables
        .facts(tables.ip(address))
        .country
        .map(|country| country.to_string())
}

#[test]
fn countries_equal_the_source() {
    compare(
        "GeoIP2-Country-Test.mmdb",
        "GeoIP2-Country-Test.json",
        country,
        our_country,
    );
    compare(
        "GeoIP2-City-Test.mmdb",
        "GeoIP2-City-Test.json",
        country,
        our_country,
    );
}

#[test]
fn as_numbers_and_names_equal_the_source() {
    let asn = |record: &Value| {
        record
            .get("autonomous_system_number")
            .and_then(Value::as_u64)
            .map(|asn| asn as u32)
    };
    let ours = |tables: &Tables, address: IpAddr| tables.facts(tables.ip(address)).asn;
    compare(
        "GeoLite2-ASN-Test.mmdb",
        "GeoLite2-ASN-Test.json",
        asn,
        ours,
    );
    compare("GeoIP2-ISP-Test.mmdb", "GeoIP2-ISP-Test.json", asn, ours);
}

#[test]
fn provinces_come_from_subdivisions() {
    let Some(data) = data() else { return };
    let (tables, _) = Tables::build(&[SourceFile::new(
        Kind::Mmdb,
        data.join("geo/mmdb/GeoIP2-City-Test.mmdb"),
    )])
    .unwrap();
    let facts = tables.facts(tables.ip("175.16.199.1".parse().unwrap()));
    assert_eq!(
        (facts.country, facts.province),
        (Country::new("CN"), Some(220_000))
    );
}

#[test]
fn damaged_and_unfit_databases_are_refused() {
    let Some(data) = data() else { return };
    let folder = data.join("geo/mmdb");
    for name in [
        "MaxMind-DB-test-broken-pointers-24.mmdb",
        "MaxMind-DB-test-broken-search-tree-24.mmdb",
    ] {
        let error = Tables::check(&SourceFile::new(Kind::Mmdb, folder.join(name))).unwrap_err();
        assert!(matches!(error, Error::Damaged { .. }), "{error}");
        assert!(error.to_string().contains(name), "{error}");
    }
    let error = Tables::check(&SourceFile::new(
        Kind::Mmdb,
        folder.join("GeoIP2-Anonymous-IP-Test.mmdb"),
    ))
    .unwrap_err();
    assert!(matches!(error, Error::Unfit { .. }), "{error}");

    // Cut anywhere, a database is refused or read, never a panic.
    let whole = std::fs::read(folder.join("GeoLite2-ASN-Test.mmdb")).unwrap();
    let cut = tempfile::tempdir().unwrap();
    for part in 1..40 {
        let path = cut.path().join("cut.mmdb");
        std::fs::write(&path, &whole[..whole.len() * part / 40]).unwrap();
        assert!(
            Tables::check(&SourceFile::new(Kind::Mmdb, &path)).is_err(),
            "{part} of 40"
        );
        let mut spoilt = whole.clone();
        let at = whole.len() * part / 40;
        spoilt[at] ^= 0xff;
        std::fs::write(&path, &spoilt).unwrap();
        let _ = Tables::check(&SourceFile::new(Kind::Mmdb, &path));
    }
}
