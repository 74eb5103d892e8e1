//! The interpreter on a small schema of our own making.

use super::*;
use crate::{Warning, test_feed};
use jiff::tz::TimeZone;
use model::field::Field;
use model::reject::RejectReason;
use model::time::Timestamp;

/// Three types that between them use every function.
pub(super) const SCHEMA: &str = r#"{
  "_meta": {"date_created": "2025-01-01T00:00:00Z", "change_log": []},
  "scan_knock": {
    "feed_name": "Open-Knock", "file_name": "scan_knock", "url": "https://reports.example/knock",
    "constant_fields": {"classification.taxonomy": "vulnerable", "classification.type": "vulnerable-system",
      "classification.identifier": "open-knock", "protocol.application": "knock"},
    "required_fields": [["time.source", "timestamp", "add_UTC_to_timestamp"], ["source.ip", "ip", "validate_ip"],
      ["source.port", "port", "convert_int"]],
    "optional_fields": [["protocol.transport", "protocol"], ["source.reverse_dns", "hostname"],
      ["extra.", "tag", "validate_to_none"], ["source.asn", "asn", "invalidate_zero"], ["source.geolocation.cc", "geo"],
      ["extra.source.naics", "naics", "invalidate_zero"], ["extra.", "open", "convert_bool"],
      ["extra.", "ratio", "convert_float"], ["extra.", "size", "convert_int"], ["extra.", "http_date", "convert_date"],
      ["extra.", "seen", "convert_date_utc"], ["extra.", "body", "force_base64"], ["severity", "severity", "validate_to_none"],
      ["product.vulnerabilities", "tag", "extract_cve_from_tag"], ["source.network", "ip", "validate_network"],
      [false, "internal"]]
  },
  "event_trap": {
    "feed_name": "Trap-Events", "file_name": "event4_trap",
    "constant_fields": {"classification.identifier": "trap", "classification.type": "brute-force"},
    "required_fields": [["time.source", "timestamp", "add_UTC_to_timestamp"], ["source.ip", "src_ip", "validate_ip"]],
    "optional_fields": [["destination.url", "http_url", "convert_http_host_and_url", true],
      ["destination.fqdn", "http_host", "validate_fqdn"], ["event_description.text", "category", "category_or_detail", true],
      ["classification.type", "tag", "scan_exchange_type"], ["classification.taxonomy", "tag", "scan_exchange_taxonomy"],
      ["classification.identifier", "tag", "scan_exchange_identifier"], ["extra.relay.ip", "relay", "validate_ip"],
      ["extra.", "tag", "validate_to_none"], ["extra.", "tag"]]
  },
  "scan_new": {
    "feed_name": "New", "file_name": "scan_new",
    "constant_fields": {"classification.type": "unheard-of"},
    "required_fields": [["time.source", "timestamp", "add_UTC_to_timestamp"], ["source.ip", "ip", "validate_ip"]],
    "optional_fields": [["source.mood", "mood"], ["extra.", "odd", "convert_oddly"], [false, "internal"]]
  }
}"#;

#[derive(Default)]
struct Seen {
    events: Vec<String>,
    rejects: Vec<Reject>,
    warnings: Vec<Warning>,
}

impl Output for Seen {
    fn record(&mut self, record: &Record) {
        let fields: Vec<String> = record
            .iter()
            .map(|(field, value)| format!("{field}={value:?}"))
            .collect();
        self.events.push(format!(
            "{} {}",
            fields.join(" "),
            record.extra_json().unwrap_or_default()
        ));
    }
    fn reject(&mut self, reject: Reject) {
        self.rejects.push(reject);
    }
    fn warn(&mut self, warning: Warning) {
        self.warnings.push(warning);
    }
}

fn read(file_name: &str, text: &str) -> Result<Seen, Unreadable> {
    let schema = Schema::parse(SCHEMA.as_bytes()).expect("our own schema");
    let feed = test_feed("shadowserver");
    let ctx = Context {
        feed: &feed,
        zone: &TimeZone::UTC,
        file_name,
        path: file_name,
        snapshot: Timestamp(0),
        schema: Some(&schema),
    };
    let mut seen = Seen::default();
    let Reader::Blocks {
        reader,
        header_len,
        header_lines,
        ..
    } = open(&ctx, text.as_bytes())?
    else {
        panic!("blocks")
    };
    let block = Block {
        bytes: &text.as_bytes()[header_len..],
        offset: header_len as u64,
        line: header_lines + 1,
    };
    reader.read(block, &mut Record::new(), &mut seen);
    for reject in &seen.rejects {
        assert_eq!(
            &text.as_bytes()[reject.offset as usize..][..reject.raw.len()],
            reject.raw
        );
    }
    Ok(seen)
}

#[test]
fn report_types_by_file_name() {
    for (name, expected) in [
        (
            "2015-01-01-dns_openresolver-sample-asn.csv",
            Some("dns_openresolver"),
        ),
        (
            "2020-04-03-scan_ics-sample-asn-delayed.csv",
            Some("scan_ics"),
        ),
        (
            "2024-07-04-dns_openresolver-123-sample-asn.csv",
            Some("dns_openresolver"),
        ),
        ("2024-07-04-scan_knock.csv.zip", Some("scan_knock")),
        ("inbox/2024-07-04-scan_knock-x.csv.gz", Some("scan_knock")),
        ("scan_knock.csv", Some("scan_knock")),
        ("scan_knock-example.CSV", Some("scan_knock")),
        ("scan_knock", Some("scan_knock")),
        ("", None),
        (".csv", Some(".csv")),
        ("é.csv", Some("é")),
    ] {
        assert_eq!(report_name(name), expected, "{name}");
    }
}

#[test]
fn every_function_of_a_scan() {
    let text = "timestamp,ip,port,protocol,hostname,tag,asn,geo,naics,open,ratio,size,http_date,seen,body,severity,internal\n\
        2025-01-06 08:00:00,192.0.2.1,23,TCP,Host.Example.,\"knock;cve-2024-0001\",64500,cn,0,Y,2,007,\"Mon, 06 Jan 2025 07:59:59 GMT\",2025-01-06 07:00:00.5,hi,high,secret\n\
        2025-01-06 08:00:00,192.0.2.0/24,,,,0,0,,517311,?,x,y,soon,later,aGk=,unknown,\n";
    let seen = read("2025-01-06-scan_knock-example.csv", text).expect("it opens");
    assert_eq!(seen.rejects, []);
    assert_eq!(
        seen.events,
        [
            "observed_at=Time(Timestamp(1736150400000000)) class_type=Text(\"vulnerable-system\") class_identifier=Text(\"open-knock\") \
             source_ip=Ip(192.0.2.1) source_port=Int(23) source_asn=Int(64500) source_country=Text(\"CN\") \
             source_reverse_dns=Text(\"host.example\") protocol_transport=Text(\"tcp\") protocol_application=Text(\"knock\") \
             vulnerabilities=Text(\"CVE-2024-0001\") severity=Text(\"high\") \
             {\"tag\":\"knock;cve-2024-0001\",\"open\":true,\"ratio\":2.0,\"size\":7,\"http_date\":\"2025-01-06T07:59:59+00:00\",\
             \"seen\":\"2025-01-06T07:00:00.500000+00:00\",\"body\":\"aGk=\"}",
            "observed_at=Time(Timestamp(1736150400000000)) class_type=Text(\"vulnerable-system\") class_identifier=Text(\"open-knock\") \
             source_network=Text(\"192.0.2.0/24\") protocol_application=Text(\"knock\") \
             {\"source.naics\":517311,\"open\":\"?\",\"ratio\":\"x\",\"size\":\"y\",\"http_date\":\"soon\",\"seen\":\"later\",\"body\":\"aGk=\"}",
        ]
    );
}

#[test]
fn every_function_of_an_event() {
    let text = "timestamp,src_ip,http_url,http_host,application,category,detail,tag,relay\r\n\
        2025-01-06 08:00:00,192.0.2.1,GET /a HTTP/1.1,www.example,https,,worm,exchange;webshell,2001:DB8::1\r\n\
        2025-01-06 08:00:00,192.0.2.1,/b,192.0.2.9,,spam,worm,exchange,nowhere\r\n";
    let seen = read("event4_trap.csv", text).expect("it opens");
    // The type has constants besides: they stand above what the tag says of single rows.
    assert_eq!(
        seen.events,
        [
            "observed_at=Time(Timestamp(1736150400000000)) class_type=Text(\"brute-force\") \
             class_identifier=Text(\"trap\") source_ip=Ip(192.0.2.1) destination_host=Text(\"www.example\") \
             destination_url=Text(\"https://www.example/a\") description=Text(\"worm\") \
             {\"relay.ip\":\"2001:db8::1\",\"tag\":\"exchange;webshell\",\"application\":\"https\",\"detail\":\"worm\"}",
            "observed_at=Time(Timestamp(1736150400000000)) class_type=Text(\"brute-force\") \
             class_identifier=Text(\"trap\") source_ip=Ip(192.0.2.1) \
             destination_url=Text(\"http://192.0.2.9/b\") description=Text(\"spam\") \
             {\"tag\":\"exchange\",\"detail\":\"worm\"}",
        ]
    );
    assert_eq!(seen.warnings.len(), 1);
    assert_eq!(seen.warnings[0].label, "unknown-column");
}

#[test]
fn the_order_of_columns_changes_no_event() {
    let one = read(
        "scan_knock.csv",
        "timestamp,ip,port,tag,zeta,alpha\n2025-01-06 08:00:00,192.0.2.1,1,t,z,a\n",
    )
    .expect("it opens");
    let two = read(
        "scan_knock.csv",
        "alpha,zeta,tag,port,ip,timestamp\na,z,t,1,192.0.2.1,2025-01-06 08:00:00\n",
    )
    .expect("it opens");
    assert_eq!(one.events, two.events);
    assert!(
        one.events[0].ends_with("{\"tag\":\"t\",\"alpha\":\"a\",\"zeta\":\"z\"}"),
        "{}",
        one.events[0]
    );
}

#[test]
fn what_a_field_cannot_hold_is_kept_under_its_column() {
    let text = "timestamp,ip,port,asn,geo,severity,ip,odd.2\n2025-01-06 08:00:00,192.0.2.1,70000,ASX,China,grave,192.0.2.2,x\n";
    let seen = read("scan_knock.csv", text).expect("it opens");
    assert!(
        seen.events[0].ends_with("{\"port\":\"70000\",\"asn\":\"ASX\",\"geo\":\"China\",\"severity\":\"grave\",\"odd.2\":\"x\",\"ip.2\":\"192.0.2.2\"}"),
        "{}",
        seen.events[0]
    );
    let labels: Vec<_> = seen.warnings.iter().map(|warning| warning.label).collect();
    assert_eq!(labels, ["unknown-column", "duplicate-column"]);
}

#[test]
fn rows_that_are_no_event_say_why() {
    let head = "timestamp,ip,port,protocol\n";
    for (row, reason, word) in [
        (
            "2025-01-06 08:00:00,nowhere,1,tcp",
            RejectReason::BadValue,
            "nowhere",
        ),
        (
            "2025-01-06 08:00:00,,1,tcp",
            RejectReason::NoObservable,
            "no address",
        ),
        (",192.0.2.1,1,tcp", RejectReason::MissingField, "time"),
        (
            "yesterday,192.0.2.1,1,tcp",
            RejectReason::BadTime,
            "yesterday",
        ),
        (
            "1970-01-01 00:00:00,192.0.2.1,1,tcp",
            RejectReason::BadTime,
            "1990",
        ),
        (
            "2025-01-06 08:00:00,192.0.2.1",
            RejectReason::ColumnCount,
            "2 columns",
        ),
        (
            "2025-01-06 08:00:00,192.0.2.1,1,tcp,more",
            RejectReason::ColumnCount,
            "5 columns",
        ),
        (
            "2025-01-06 08:00:00,192.0.2.1,1,t\0cp",
            RejectReason::BadValue,
            "NUL",
        ),
    ] {
        let seen = read("scan_knock.csv", &format!("{head}{row}\n")).expect("it opens");
        assert_eq!(seen.events, Vec::<String>::new(), "{row}");
        assert_eq!(
            (seen.rejects.len(), seen.rejects[0].reason),
            (1, reason),
            "{row}"
        );
        assert!(
            seen.rejects[0].message.contains(word),
            "{}",
            seen.rejects[0].message
        );
        assert_eq!(
            (seen.rejects[0].line, seen.rejects[0].raw.as_slice()),
            (2, row.as_bytes())
        );
    }
    // A stray quote costs its own row; the next is read.
    let seen = read(
        "scan_knock.csv",
        &format!(
            "{head}\"2025-01-06 08:00:00,192.0.2.1,1,tcp\n\"2025-01-06 08:00:00\",192.0.2.2,1,tcp\n"
        ),
    )
    .expect("it opens");
    assert_eq!((seen.rejects.len(), seen.events.len()), (1, 1));
    assert_eq!(seen.rejects[0].reason, RejectReason::Syntax);
    // A row that the end of the file cuts off is no short row.
    let seen = read(
        "scan_knock.csv",
        &format!("{head}2025-01-06 08:00:00,192.0.2.1,1\n2025-01-06 08:00:00,192.0.2.1,1"),
    )
    .expect("it opens");
    assert_eq!(
        (seen.rejects.len(), seen.events.len(), seen.warnings.len()),
        (1, 1, 1)
    );
    // A surplus of nothing is nothing.
    let seen = read(
        "scan_knock.csv",
        &format!("{head}2025-01-06 08:00:00,192.0.2.1,1,tcp,,\"\"\n\n"),
    )
    .expect("it opens");
    assert_eq!((seen.rejects.len(), seen.events.len()), (0, 1));
}

#[test]
fn reports_that_cannot_be_read_say_why() {
    let error = |name, text| read(name, text).err().expect("it does not open");
    assert_eq!(error("scan_knock.csv", ""), Unreadable::Empty);
    assert_eq!(error("scan_knock.csv", "\n\n"), Unreadable::Empty);
    let unknown = error("2025-01-06-lure_url-example.csv", "timestamp,url\n").to_string();
    assert!(
        unknown.contains("`lure_url`") && unknown.contains("2025-01-01T00:00:00Z"),
        "{unknown}"
    );
    for text in [
        "<html>\n",
        "url,host\n",
        "timestamp\n",
        "ip,port\n",
        "timestamp;ip;port\n",
    ] {
        assert!(
            matches!(error("scan_knock.csv", text), Unreadable::Header { .. }),
            "{text}"
        );
    }
    let wide = format!("timestamp,ip,port{}\n", ",x".repeat(100_000));
    assert!(matches!(
        error("scan_knock.csv", &wide),
        Unreadable::Header { .. }
    ));
    let wide = format!(
        "timestamp,ip,port{}\n2025-01-06 08:00:00,192.0.2.1,1{}\n",
        ",x".repeat(99_997),
        ",1".repeat(99_997)
    );
    assert_eq!(
        read("scan_knock.csv", &wide)
            .expect("it opens")
            .events
            .len(),
        1
    );
    assert_eq!(
        read("scan_knock.csv", "timestamp,ip,port\n")
            .expect("header only")
            .events
            .len(),
        0
    );
    // A missing required column is told, and the rows say what they say.
    let seen = read(
        "scan_knock.csv",
        "timestamp,ip\n2025-01-06 08:00:00,192.0.2.1\n",
    )
    .expect("it opens");
    assert_eq!(
        (seen.events.len(), seen.warnings[0].label),
        (1, "missing-column")
    );
}

#[test]
fn the_entry_may_name_the_type() {
    let schema = Schema::parse(SCHEMA.as_bytes()).expect("our own schema");
    let mut feed = test_feed("shadowserver");
    let report = |feed: &Feed, file_name: &str, path: &str| {
        let ctx = Context {
            feed,
            zone: &TimeZone::UTC,
            file_name,
            path,
            snapshot: Timestamp(0),
            schema: Some(&schema),
        };
        report_type(&ctx).map(|report| report.name.clone())
    };
    assert_eq!(
        report(
            &feed,
            "report.csv",
            "in/2025-01-06-event4_trap-x.csv.zip/report.csv"
        )
        .as_deref(),
        Ok("event_trap")
    );
    assert!(report(&feed, "report.csv", "in/report.csv").is_err());
    feed.options.insert("report".into(), "scan_new".into());
    assert_eq!(
        report(&feed, "report.csv", "in/report.csv").as_deref(),
        Ok("scan_new")
    );
    assert_eq!(check(&feed), Vec::<String>::new());
    feed.options.insert("delimiter".into(), ";".into());
    feed.encoding = Some("gb18030".into());
    assert_eq!(check(&feed).len(), 2);
    let _ = Field::SourceIp;
}
