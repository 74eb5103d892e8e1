//! Formats of services for CERTs and of single providers, by samples of our own.

use formats::Unreadable;
use model::feed::Feed;
use model::field::Field;
use model::reject::RejectReason;

use crate::harness::{Read, SNAPSHOT, feed, read, show};

fn entry(format: &str, classification: &str) -> Feed {
    let mut feed = feed(format, "UTC");
    if !classification.is_empty() {
        feed.classification = Some(classification.into());
    }
    feed
}

fn good(feed: &Feed, text: &str) -> Read {
    let read = read(feed, text.as_bytes()).expect("it opens");
    read.check_rows(text.as_bytes());
    read
}

/// The given fields of every record.
fn rows(read: &Read, fields: &[Field]) -> Vec<String> {
    let row = |record| {
        let values = fields.iter().map(|field| show(record, *field));
        values.collect::<Vec<_>>().join(" ").trim_end().to_owned()
    };
    read.records.iter().map(row).collect()
}

#[test]
fn bambenek() {
    let feed = entry("bambenek", "c2-server");
    let read = good(
        &feed,
        "## head\nc2.example.com,Domain used by one/two/Three,2023-01-09 15:02,https://example.com/three.txt\r\n\
         192.0.2.1,IP used by three C&C,2023-01-09 15:02,\nonly,three,columns\n",
    );
    assert_eq!(
        rows(
            &read,
            &[Field::SourceHost, Field::SourceIp, Field::MalwareName]
        ),
        ["c2.example.com  three", " 192.0.2.1 three"]
    );
    assert_eq!(read.values(Field::ObservedAt)[0], "2023-01-09T15:02:00Z");
    assert_eq!(read.reasons(), [RejectReason::ColumnCount]);
}

#[test]
fn ponmocup_lines_are_two_events() {
    let mut feed = entry("ponmocup", "");
    feed.options
        .insert("dated_by".into(), "last updated:".into());
    let read = good(
        &feed,
        "# last updated: Mon Jan  9 00:47:49 PST 2023\n/ r.example.com http://r.example.com/x site.example.net\n",
    );
    assert_eq!(
        rows(
            &read,
            &[Field::ClassType, Field::SourceHost, Field::DestinationHost]
        ),
        [
            "malware-distribution r.example.com site.example.net",
            "system-compromise site.example.net r.example.com"
        ]
    );
    assert_eq!(read.values(Field::ObservedAt)[1], "2023-01-09T08:47:49Z");
    assert!(read.records.iter().all(|record| record.undated));
}

#[test]
fn cymru_cap_in_both_forms() {
    let feed = entry("cymru-cap", "");
    let read = good(
        &feed,
        "# category|address|asn|timestamp|information|name\n\
         bot|192.0.2.1|64496|2023-01-09 08:00:00|family: Example;dest_addr: 198.51.100.1; dest_port: 80;protocol: 6;|Example Net, ZZ\n\
         bots|192.0.2.2|0|2023-01-09 08:00:00|srcport 1337 mwtype Some Bot destaddr 198.51.100.1 more words|Example\n\
         darknet|192.0.2.3|64496|2023-01-09 08:00:00|destination_port_numbers: 23,2323 (total_count:9);protocol: 200;|Example\n\
         oddity|192.0.2.4|64496|2023-01-09 08:00:00||Example\nbot|nowhere|1|2023-01-09||x\n",
    );
    let fields = [
        Field::ClassType,
        Field::ClassIdentifier,
        Field::SourceIp,
        Field::DestinationPort,
    ];
    assert_eq!(
        rows(&read, &fields),
        [
            "infected-system example 192.0.2.1 80",
            "infected-system some bot 192.0.2.2",
            "scanner darknet 192.0.2.3 23",
            "scanner darknet 192.0.2.3 2323",
            "undetermined oddity 192.0.2.4",
        ]
    );
    assert_eq!(read.values(Field::SourceCountry)[0], "ZZ");
    assert_eq!(read.values(Field::Description)[1], "more words");
    assert_eq!(read.values(Field::SourcePort)[1], "1337");
    assert_eq!(read.reasons(), [RejectReason::BadValue]);
}

#[test]
fn spamhaus_cert_by_the_bots_name() {
    let feed = entry("spamhaus-cert", "");
    let read = good(
        &feed,
        "; ip, asn, ...\n192.0.2.1,AS64496,ZZ,1673251200,examplebot,-,?,?,?,?\n\
         192.0.2.2,AS64496,ZZ,1673251200,sshauth,,198.51.100.1,22,,tcp\n\
         192.0.2.3,AS64496,ZZ,1673251200,l_spamlink,http://example.com/,http://example.com/,,192.0.2.9:7:mailer,tcp\n",
    );
    let fields = [Field::ClassType, Field::MalwareName, Field::DestinationPort];
    assert_eq!(
        rows(&read, &fields),
        [
            "infected-system examplebot",
            "brute-force  22",
            "spam mailer"
        ]
    );
    assert_eq!(read.values(Field::SourceUrl)[2], "http://example.com/");
    assert_eq!(read.values(Field::ObservedAt)[0], "2023-01-09T08:00:00Z");
    assert_eq!(read.rejects, []);
}

#[test]
fn hibp_gives_an_event_for_each_account() {
    let feed = entry("hibp", "");
    let read = good(
        &feed,
        r#"{"Breach": {"Name": "Example", "AddedDate": "2023-01-09T00:00Z"}, "Domain": "example.com",
            "DomainEmails": ["a@example.com", "b@example.com"]}"#,
    );
    assert_eq!(
        rows(
            &read,
            &[
                Field::ClassType,
                Field::ClassIdentifier,
                Field::SourceAccount
            ]
        ),
        [
            "data-leak breach a@example.com",
            "data-leak breach b@example.com"
        ]
    );
    // A long list does not stand in each of its records.
    let all: Vec<String> = (0..20_000)
        .map(|n| format!("\"u{n}@example.com\""))
        .collect();
    let long = format!(
        r#"{{"Breach": {{"AddedDate": "2023-01-09T00:00Z"}}, "Domain": "example.com", "DomainEmails": [{}]}}"#,
        all.join(",")
    );
    let long = good(&feed, &long);
    assert_eq!(long.records.len(), 20_000);
    let extra = long.records[0].extra_json().expect("extra");
    assert!(
        extra.contains(r#""domain_emails_count":20000"#) && extra.len() < 200,
        "{extra}"
    );
    let paste = good(&feed, r#"{"Paste": [], "Email": "c@example.com"}"#);
    assert_eq!(paste.records[0].observed_at(), Some(SNAPSHOT));
    for text in [r#"{"Breach": {}}"#, r#"{"Domain": "example.com"}"#] {
        assert_eq!(good(&feed, text).reasons(), [RejectReason::MissingField]);
    }
    assert!(matches!(
        self::read(&feed, b"[]").err(),
        Some(Unreadable::Header { .. })
    ));
}

#[test]
fn otx_indicators_carry_their_pulse() {
    let feed = entry("otx", "blocklist");
    let read = good(
        &feed,
        r#"[{"name": "P", "author_name": "A", "tags": ["x y"], "created": "2023-01-09T08:00:00.5", "TLP": "green",
             "indicators": [{"type": "domain", "indicator": "c2.example.com", "created": "2023-01-09T08:00:01"},
                            {"type": "IPv4", "indicator": "192.0.2.1"}, {"type": "Mutex", "indicator": "m"},
                            {"type": "URI", "indicator": "/x"}]}, {"name": "none"}]"#,
    );
    assert_eq!(
        rows(&read, &[Field::SourceHost, Field::SourceIp, Field::Tlp]),
        ["c2.example.com  GREEN", " 192.0.2.1 GREEN"]
    );
    assert_eq!(
        read.records[0].extra_json().as_deref(),
        Some(r#"{"author":"A","pulse":"P","tags":["x y"]}"#)
    );
    assert_eq!(
        read.reasons(),
        [RejectReason::NoObservable, RejectReason::MissingField]
    );
}

#[test]
fn ctip_with_its_payload() {
    let feed = entry("ctip", "infected-system");
    let line = r#"{"DateTimeReceivedUtc":133177248000000000,"ThreatCode":"B00-X","ThreatConfidence":"Low","TLP":"Amber",
        "SourceIp":"192.0.2.1","SourcePort":1025,"DestinationIp":"0.0.0.0","SourceIpInfo":{"SourceIpAsnNumber":"64496"},
        "Payload":"eyJkb21haW4iOiJzaW5rLmV4YW1wbGUuY29tIiwidHlwZSI6Ikh0dHAiLCJzZXJ2ZXJQb3J0Ijo4MH0="}"#;
    let line = line.replace('\n', " ");
    let read = good(&feed, &format!("{line}\n{{}}\nx\n"));
    let fields = [
        Field::ObservedAt,
        Field::SourceIp,
        Field::DestinationHost,
        Field::ProtocolApplication,
        Field::FeedAccuracy,
    ];
    assert_eq!(
        rows(&read, &fields),
        ["2023-01-09T08:00:00Z 192.0.2.1 sink.example.com http 20"]
    );
    assert_eq!(
        read.records[0].extra_json().as_deref(),
        Some(r#"{"payload.server.port":80}"#)
    );
    assert_eq!(
        read.reasons(),
        [RejectReason::MissingField, RejectReason::Syntax]
    );
}

#[test]
fn fixed_formats_take_no_mapping() {
    for name in [
        "bambenek",
        "ctip",
        "cymru-cap",
        "hibp",
        "otx",
        "ponmocup",
        "spamhaus-cert",
    ] {
        let format = formats::format(name).expect("in the table");
        let mut feed = entry(name, "other");
        assert_eq!((format.check)(&feed), Vec::<String>::new(), "{name}");
        feed.columns.insert("a".into(), "source_ip".into());
        feed.values.insert("a".into(), Default::default());
        feed.options.insert("odd".into(), "1".into());
        assert_eq!((format.check)(&feed).len(), 3, "{name}");
        assert!(
            matches!(
                read(&entry(name, "other"), b" \n").err(),
                Some(Unreadable::Empty)
            ),
            "{name}"
        );
    }
}

#[test]
fn json_takes_values_several_targets_and_optional_members() {
    let mut feed = entry("json", "c2-server");
    for (path, target) in [
        ("ioc", "observable"),
        ("first", "observed_at"),
        ("last", "observed_at, extra.last"),
        ("host", "source_host"),
    ] {
        feed.columns.insert(path.into(), target.into());
    }
    feed.options.insert("optional".into(), "host".into());
    feed.options
        .insert("rows_without".into(), "\"meta\"".into());
    let up = [("status".to_owned(), "online".to_owned())].into();
    feed.values
        .insert("up".into(), [("yes".to_owned(), up)].into());
    let read = good(
        &feed,
        "{\"ioc\":\"192.0.2.1:443\",\"first\":\"2023-01-09\",\"last\":\"2023-01-10\",\"up\":\"yes\"}\n\
         {\"ioc\":\"http://example.com/x\",\"last\":\"2023-01-10\",\"up\":\"perhaps\",\"host\":\"192.0.2.1\"}\n{\"meta\":1}\n",
    );
    let fields = [
        Field::ObservedAt,
        Field::SourceIp,
        Field::SourcePort,
        Field::SourceUrl,
        Field::Status,
    ];
    assert_eq!(
        rows(&read, &fields),
        [
            "2023-01-09T00:00:00Z 192.0.2.1 443  online",
            "2023-01-10T00:00:00Z   http://example.com/x"
        ]
    );
    assert_eq!(
        read.records[1].extra_json().as_deref(),
        Some(r#"{"up":"perhaps","host":"192.0.2.1","last":"2023-01-10"}"#)
    );
    assert_eq!(read.rejects, []);
}

#[test]
fn csv_takes_values_parts_and_texts_put_together() {
    let mut feed = entry("csv", "");
    for (column, target) in [
        ("{net}/{bits}", "source_network"),
        ("who", "{source_country} | {source_as_name}"),
        ("port", "destination_port"),
    ] {
        feed.columns.insert(column.into(), target.into());
    }
    for (name, text) in [
        ("split", "tags"),
        ("short_rows", "accept"),
        ("optional", "port"),
        ("padded_ip", "yes"),
        ("dated_by", "updated:"),
    ] {
        feed.options.insert(name.into(), text.into());
    }
    let class = |name: &str| [("class_type".to_owned(), name.to_owned())].into();
    let tags = [
        ("ssh".to_owned(), class("brute-force")),
        ("*".to_owned(), class("scanner")),
    ];
    feed.values.insert("tags".into(), tags.into());
    let read = good(
        &feed,
        "# updated: Mon Jan  9 08:00:00 2023 UTC\nnet,bits,who,tags,port\n\
         192.0.2.0,25,ZZ | Example,\"ssh,http\",22\n192.0.2.128,25,| Other,\n,25,x,ssh,\n",
    );
    let fields = [
        Field::ClassType,
        Field::SourceNetwork,
        Field::SourceCountry,
        Field::SourceAsName,
        Field::DestinationPort,
    ];
    assert_eq!(
        rows(&read, &fields),
        [
            "brute-force 192.0.2.0/25 ZZ Example 22",
            "scanner 192.0.2.0/25 ZZ Example 22",
            " 192.0.2.128/25  Other",
        ]
    );
    assert_eq!(read.values(Field::ObservedAt)[0], "2023-01-09T08:00:00Z");
    assert_eq!(read.reasons(), [RejectReason::NoObservable]);
}
