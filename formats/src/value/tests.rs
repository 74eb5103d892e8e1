//! Sanitising rules by example, and that no text makes them panic.

use super::*;
use model::record::Value;
use proptest::prelude::*;

fn utc() -> TimeZone {
    TimeZone::UTC
}

/// What a field holds after the text, as text; `None` if nothing, `Err` if refused.
fn held(field: Field, text: &str) -> Result<Option<String>, &'static str> {
    let mut record = Record::new();
    set(&mut record, field, text, &utc()).map_err(|bad| bad.expected)?;
    Ok(record.get(field).map(|value| match value {
        Value::Text(text) => text.to_owned(),
        Value::Ip(ip) => ip.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Float(value) => value.to_string(),
        Value::Bool(value) => value.to_string(),
        Value::Time(at) => at.to_string(),
    }))
}

#[track_caller]
fn check(field: Field, cases: &[(&str, Option<&str>)]) {
    for (text, expected) in cases {
        let got = held(field, text);
        match expected {
            Some(value) => assert_eq!(
                got.as_ref().map(|v| v.as_deref()),
                Ok(Some(*value)),
                "{field}: {text:?}"
            ),
            None => assert!(got.is_err(), "{field}: {text:?} gave {got:?}"),
        }
    }
}

#[test]
fn nothing_given_sets_nothing() {
    for spec in model::field::FIELDS {
        for text in ["", " ", "-", "N/A", " \t- "] {
            assert_eq!(
                held(spec.field, text),
                Ok(None),
                "{}: {text:?}",
                spec.column
            );
        }
    }
}

#[test]
fn addresses() {
    check(
        Field::SourceIp,
        &[
            ("192.0.2.1", Some("192.0.2.1")),
            (" 192.0.2.1 ", Some("192.0.2.1")),
            ("2001:DB8::1", Some("2001:db8::1")),
            ("fe80::1%eth0", Some("fe80::1")),
            ("::ffff:192.0.2.1", Some("192.0.2.1")),
            ("192.0.2.1:80", None),
            ("192.0.2.01", None),
            ("192.0.2.256", None),
            ("192.0.2", None),
            ("192.0.2.", None),
            (".192.0.2.1", None),
            ("192.0.2.1.", None),
            ("192.0.2.0/24", None),
            ("0.0.0.0", None),
            ("::", None),
            ("[2001:db8::1]", None),
            ("www.example", None),
        ],
    );
    check(
        Field::SourceNetwork,
        &[
            ("192.0.2.77/24", Some("192.0.2.0/24")),
            ("192.0.2.1", Some("192.0.2.1/32")),
            ("2001:db8::1/32", Some("2001:db8::/32")),
            ("0.0.0.0/0", Some("0.0.0.0/0")),
            ("::/0", Some("::/0")),
            ("192.0.2.0/33", None),
            ("192.0.2.0/-1", None),
            ("192.0.2.0/", None),
        ],
    );
}

#[test]
fn numbers() {
    check(
        Field::SourcePort,
        &[
            ("0", Some("0")),
            ("65535", Some("65535")),
            ("65536", None),
            ("-1", None),
            ("8o", None),
        ],
    );
    check(
        Field::SourceAsn,
        &[
            ("64500", Some("64500")),
            ("AS64500", Some("64500")),
            ("as 64500", Some("64500")),
            ("0", None),
            ("4294967295", Some("4294967295")),
            ("4294967296", None),
        ],
    );
    check(
        Field::FeedAccuracy,
        &[
            ("0", Some("0")),
            ("99.5", Some("99.5")),
            ("101", None),
            ("NaN", None),
            ("inf", None),
        ],
    );
}

#[test]
fn hosts() {
    let long = "a".repeat(63);
    let too_long = "a".repeat(64);
    let longest = [long.as_str(); 3].join(".") + "." + &"a".repeat(61);
    let over = longest.clone() + "a";
    check(
        Field::SourceHost,
        &[
            ("www.example", Some("www.example")),
            ("WWW.Example.", Some("www.example")),
            ("_dmarc.sub_sub.example", Some("_dmarc.sub_sub.example")),
            ("xn--bcher-kva.example", Some("xn--bcher-kva.example")),
            ("bücher.example", Some("xn--bcher-kva.example")),
            ("BÜCHER.example", Some("xn--bcher-kva.example")),
            ("例子.test", Some("xn--fsqu00a.test")),
            ("例子。test", Some("xn--fsqu00a.test")),
            ("www[.]example", Some("www.example")),
            ("www(dot)example", Some("www.example")),
            ("localhost", Some("localhost")),
            (&long, Some(&long)),
            (&longest, Some(&longest)),
            (&over, None),
            (&too_long, None),
            ("192.0.2.1", None),
            ("192.0.2.1:8080", None),
            ("2001:db8::1", None),
            ("www.example:80", None),
            ("www..example", None),
            (".example", None),
            ("-www.example", None),
            ("www example", None),
            ("http://www.example/", None),
            ("a。_", None),
            ("例子.1", None),
            ("xn--.example", None),
            ("xn--a.example", None),
            ("xn--bcher-.example", None),
        ],
    );
}

#[test]
fn urls() {
    check(
        Field::SourceUrl,
        &[
            (
                "http://www.example/a?b=c#d",
                Some("http://www.example/a?b=c#d"),
            ),
            ("HTTPS://WWW.Example/A", Some("HTTPS://WWW.Example/A")),
            (
                "hxxp://www[.]example/a[.]php",
                Some("http://www.example/a.php"),
            ),
            (
                "hXXps[:]//www(.)example[:]8443/x",
                Some("https://www.example:8443/x"),
            ),
            (
                "http://www.example/list[.]",
                Some("http://www.example/list[.]"),
            ),
            (
                "http://[2001:db8::1]:8080/",
                Some("http://[2001:db8::1]:8080/"),
            ),
            (
                "ftp://user:pw@192.0.2.1/x",
                Some("ftp://user:pw@192.0.2.1/x"),
            ),
            ("www.example/login", Some("http://www.example/login")),
            ("192.0.2.1:8080/x", Some("http://192.0.2.1:8080/x")),
            ("http://例子.test/", Some("http://例子.test/")),
            ("http://", None),
            ("http:///path", None),
            ("http://www.example:99999/", None),
            ("http://www.example:eighty/", None),
            ("http://[::zz]/", None),
            ("no url", None),
            ("login", None),
            ("mailto:a@www.example", None),
            ("http://www.example/\u{1}", None),
        ],
    );
}

#[test]
fn words() {
    check(
        Field::ClassType,
        &[
            ("Phishing", Some("phishing")),
            ("C&C", Some("c2-server")),
            ("blacklist", Some("blocklist")),
            ("nonsense", None),
        ],
    );
    check(
        Field::SourceCountry,
        &[
            ("cn", Some("CN")),
            ("CHN", None),
            ("C", None),
            ("中国", None),
        ],
    );
    check(
        Field::Severity,
        &[
            ("HIGH", Some("high")),
            ("informational", Some("info")),
            ("高", Some("high")),
            ("very", None),
        ],
    );
    check(
        Field::Tlp,
        &[
            ("tlp:amber", Some("AMBER")),
            ("White", Some("CLEAR")),
            ("TLP:AMBER+STRICT", Some("AMBER+STRICT")),
            ("blue", None),
        ],
    );
    check(
        Field::Md5,
        &[
            (
                "D41D8CD98F00B204E9800998ECF8427E",
                Some("d41d8cd98f00b204e9800998ecf8427e"),
            ),
            ("d41d", None),
        ],
    );
    check(
        Field::Vulnerabilities,
        &[
            (
                "cve-2023-0001, CVE-2023-0002;cve-2023-0001",
                Some("CVE-2023-0001;CVE-2023-0002"),
            ),
            ("nothing", None),
        ],
    );
    check(Field::Tags, &[("#Phishing, #Scam", Some("phishing scam"))]);
    check(
        Field::MalwareName,
        &[("Mirai", Some("mirai")), ("ÄRGER", Some("ärger"))],
    );
    check(Field::SourceCity, &[(" New York ", Some("New York"))]);
}

#[test]
fn times() {
    let at = |text, zone: &str| {
        let zone = TimeZone::get(zone).expect("the zone is known");
        time(text, &zone).map(|written| (written.at.to_string(), Day(written.day).to_string()))
    };
    use model::time::Day;
    let ok = |at: &str, day: &str| Ok((at.to_owned(), day.to_owned()));
    for (text, zone, expected) in [
        (
            "2023-01-09 08:00:00",
            "UTC",
            ok("2023-01-09T08:00:00Z", "2023-01-09"),
        ),
        (
            "2023-01-09 08:00:00",
            "Asia/Tokyo",
            ok("2023-01-08T23:00:00Z", "2023-01-09"),
        ),
        (
            "2023-01-09T08:00:00Z",
            "Asia/Tokyo",
            ok("2023-01-09T08:00:00Z", "2023-01-09"),
        ),
        (
            "2023-01-09T08:00:00.5+08:00",
            "UTC",
            ok("2023-01-09T00:00:00.5Z", "2023-01-09"),
        ),
        (
            "2023-01-09T01:00:00+0800",
            "UTC",
            ok("2023-01-08T17:00:00Z", "2023-01-09"),
        ),
        (
            "2023/1/9 8:00",
            "Asia/Tokyo",
            ok("2023-01-08T23:00:00Z", "2023-01-09"),
        ),
        (
            "2023/01/09",
            "Asia/Shanghai",
            ok("2023-01-08T16:00:00Z", "2023-01-09"),
        ),
        ("20230109", "UTC", ok("2023-01-09T00:00:00Z", "2023-01-09")),
        (
            "2023年1月9日",
            "Asia/Shanghai",
            ok("2023-01-08T16:00:00Z", "2023-01-09"),
        ),
        (
            "2023-01-09 08:00:00 UTC",
            "Asia/Tokyo",
            ok("2023-01-09T08:00:00Z", "2023-01-09"),
        ),
        (
            "1673251200",
            "Asia/Tokyo",
            ok("2023-01-09T08:00:00Z", "2023-01-09"),
        ),
        (
            "1673251200000",
            "UTC",
            ok("2023-01-09T08:00:00Z", "2023-01-09"),
        ),
        (
            "1673251200.25",
            "UTC",
            ok("2023-01-09T08:00:00.25Z", "2023-01-09"),
        ),
        (
            "Mon, 09 Jan 2023 08:00:00 GMT",
            "Asia/Tokyo",
            ok("2023-01-09T08:00:00Z", "2023-01-09"),
        ),
        (
            "Thur, 19 Apr 2018 13:32:41 GMT",
            "UTC",
            ok("2018-04-19T13:32:41Z", "2018-04-19"),
        ),
        (
            "Monday, 09-Jan-23 08:00:00 GMT",
            "UTC",
            ok("2023-01-09T08:00:00Z", "2023-01-09"),
        ),
        (
            "2024-02-29 00:00:00",
            "UTC",
            ok("2024-02-29T00:00:00Z", "2024-02-29"),
        ),
        (
            "2016-12-31 23:59:60",
            "UTC",
            ok("2016-12-31T23:59:59Z", "2016-12-31"),
        ),
        (
            "2099-12-31 00:00:00",
            "UTC",
            ok("2099-12-31T00:00:00Z", "2099-12-31"),
        ),
        (
            "1970-01-01 00:00:00",
            "UTC",
            Err(super::time::time("1970-01-01", &TimeZone::UTC).expect_err("a sentinel")),
        ),
    ] {
        assert_eq!(at(text, zone), expected, "{text:?} in {zone}");
    }
    for text in [
        "1970-01-01 00:00:00",
        "0",
        "1989-12-31",
        "2101-01-01",
        "2023-02-29 00:00:00",
        "2023-13-01",
        "2023-01-09 24:00:00",
        "2023-01-09 08:60:00",
        "yesterday",
        "2023",
        "2023-01",
        "2023-01-09 08:00:00 CEST",
        "99999999999999999999",
        "-5",
        "9.9.9",
    ] {
        assert!(at(text, "UTC").is_err(), "{text:?}");
    }
}

#[test]
fn times_by_pattern() {
    let shanghai = TimeZone::get("Asia/Shanghai").expect("the zone is known");
    let at = |text, pattern| {
        time_by_pattern(text, pattern, &shanghai).map(|written| written.at.to_string())
    };
    assert_eq!(
        at("1/9/23 8:00", "%m/%d/%y %H:%M").as_deref(),
        Ok("2023-01-09T00:00:00Z")
    );
    assert_eq!(
        at("1/9/23", "%m/%d/%y").as_deref(),
        Ok("2023-01-08T16:00:00Z")
    );
    assert!(at("9 January", "%m/%d/%y").is_err());
}

#[test]
fn the_fast_date_agrees_with_jiff() {
    for days in (-7000..50_000).step_by(13) {
        let date = model::time::Day(days).date();
        let text = format!("{date} 12:34:56");
        if let Ok(written) = time(&text, &TimeZone::UTC) {
            assert_eq!(written.day, days);
            assert_eq!(written.at.to_string(), format!("{date}T12:34:56Z"));
        } else {
            assert!(date.year() < 1990 || date.year() > 2100, "{text}");
        }
    }
}

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC{0,40}|[0-9a-fx:./%\\[\\]-]{0,40}|[0-9/: TZ+-]{0,30}") {
        let tokyo = TimeZone::get("Asia/Tokyo").expect("the zone is known");
        let mut record = Record::new();
        for spec in model::field::FIELDS {
            let _ = set(&mut record, spec.field, &text, &tokyo);
        }
    }

    #[test]
    fn setting_again_what_is_held_changes_nothing(text in "[a-zA-Z0-9äß例。.:/_ \\[\\]-]{1,40}") {
        for spec in model::field::FIELDS.iter().filter(|spec| spec.kind == model::field::Kind::Text) {
            if let Ok(Some(once)) = held(spec.field, &text) {
                prop_assert_eq!(held(spec.field, &once), Ok(Some(once.clone())), "{}", spec.column);
            }
        }
    }

    #[test]
    fn every_address_round_trips(bits: u128, v4: bool) {
        let ip: IpAddr = if v4 { Ipv4Addr::from_bits(bits as u32).into() } else { Ipv6Addr::from_bits(bits).into() };
        prop_assume!(!ip.is_unspecified());
        prop_assert_eq!(super::ip(&ip.to_string()), Some(ip.to_canonical()));
    }
}
