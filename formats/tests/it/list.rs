//! Plain lists of every kind, and lines that are none.

use formats::Unreadable;
use model::feed::Feed;
use model::field::Field;
use model::reject::RejectReason;

use crate::harness::{Read, SNAPSHOT, data, feed, read};

fn list(kind: &str) -> Feed {
    let mut feed = feed("list", "UTC");
    feed.classification = Some("c2-server".into());
    if !kind.is_empty() {
        feed.options.insert("kind".into(), kind.into());
    }
    feed
}

fn good(feed: &Feed, text: &str) -> Read {
    let read = read(feed, text.as_bytes()).expect("it opens");
    read.check_rows(text.as_bytes());
    read
}

#[test]
fn every_kind() {
    let ips = good(
        &list("ip"),
        "# title\n192.0.2.1\n192.0.2.2:8080\r\n2001:db8::1\n[2001:db8::2]:443\nfe80::1%eth0\n192.0.2.3/32\n192.0.2.4 ; a remark\n192.0.2.5\t17\n\n; end\n",
    );
    assert_eq!(ips.rejects, []);
    assert_eq!(
        ips.values(Field::SourceIp),
        [
            "192.0.2.1",
            "192.0.2.2",
            "2001:db8::1",
            "2001:db8::2",
            "fe80::1",
            "192.0.2.3",
            "192.0.2.4",
            "192.0.2.5"
        ]
    );
    assert_eq!(
        ips.values(Field::SourcePort),
        ["", "8080", "", "443", "", "", "", ""]
    );
    assert_eq!(ips.values(Field::Comment)[6..], ["a remark", "17"]);
    assert!(ips.records.iter().all(|record| record.undated
        && record.observed_at() == Some(SNAPSHOT)
        && record.written_day.is_none()));
    assert_eq!(ips.values(Field::ClassType)[0], "c2-server");

    let nets = good(
        &list("cidr"),
        "192.0.2.0/24 ; SBL1\n2001:db8::/32\n192.0.2.77/25\n192.0.2.1\n",
    );
    assert_eq!(
        nets.values(Field::SourceNetwork),
        ["192.0.2.0/24", "2001:db8::/32", "192.0.2.0/25", ""]
    );
    assert_eq!(nets.values(Field::SourceIp)[3], "192.0.2.1");

    let names = good(
        &list("domain"),
        "WWW.Example.\n0.0.0.0 a.example # ad\n127.0.0.1\tb.example\n*.c.example\n||d.example^\nbücher.example\ne[.]example:8080\n",
    );
    assert_eq!(
        names.values(Field::SourceHost),
        [
            "www.example",
            "a.example",
            "b.example",
            "c.example",
            "d.example",
            "xn--bcher-kva.example",
            "e.example"
        ]
    );
    assert_eq!(names.values(Field::SourcePort)[6], "8080");

    let urls = good(
        &list("url"),
        "http://a.example/x y#z\nhxxps://b[.]example/\nc.example/login\n// a comment\n",
    );
    assert_eq!(
        urls.values(Field::SourceUrl),
        [
            "http://a.example/x y#z",
            "https://b.example/",
            "http://c.example/login"
        ]
    );

    let hashes = good(
        &list("hash"),
        "D41D8CD98F00B204E9800998ECF8427E\nda39a3ee5e6b4b0d3255bfef95601890afd80709,x\ne3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n",
    );
    assert_eq!(
        hashes.values(Field::Md5)[0],
        "d41d8cd98f00b204e9800998ecf8427e"
    );
    assert_eq!((hashes.records.len(), hashes.rejects.len()), (3, 0));
}

#[test]
fn the_form_decides_where_the_entry_does_not() {
    let read = good(
        &list(""),
        "192.0.2.1:80\n192.0.2.0/24\nwww.example\nhttp://a.example/ seen\na.example/x\nd41d8cd98f00b204e9800998ecf8427e\n2001:db8::/32\nlocalhost\n-\n192.0.2.1-192.0.2.9\n",
    );
    assert_eq!(read.values(Field::SourceIp)[0], "192.0.2.1");
    assert_eq!(read.values(Field::SourceNetwork)[1], "192.0.2.0/24");
    assert_eq!(read.values(Field::SourceHost)[2], "www.example");
    assert_eq!(
        read.values(Field::SourceUrl)[3..5],
        ["http://a.example/", "http://a.example/x"]
    );
    assert_eq!(read.values(Field::Comment)[3], "seen");
    assert_eq!(
        read.values(Field::Md5)[5],
        "d41d8cd98f00b204e9800998ecf8427e"
    );
    assert_eq!(read.values(Field::SourceNetwork)[6], "2001:db8::/32");
    assert_eq!(read.reasons(), [RejectReason::BadValue; 3]);
}

#[test]
fn lines_that_are_none_say_why() {
    for (kind, line) in [
        ("ip", "192.0.2.0/24"),
        ("ip", "www.example"),
        ("ip", "0.0.0.0"),
        ("ip", "192.0.2.1:99999"),
        ("cidr", "192.0.2.0/33"),
        ("domain", "example"),
        ("domain", "192.0.2.1"),
        ("url", "login"),
        ("hash", "d41d8cd98f00b204"),
        ("", "<html>"),
    ] {
        let read = good(&list(kind), &format!("{line}\n"));
        assert_eq!(
            (read.reasons(), read.records.len()),
            (vec![RejectReason::BadValue], 0),
            "{kind} {line}"
        );
        assert!(
            read.rejects[0].message.contains(line),
            "{}",
            read.rejects[0].message
        );
    }
    let bytes = b"192.0.2.1\n\xff\xfe\nx\0y\n";
    let read = read(&list("ip"), bytes).expect("it opens");
    read.check_rows(bytes);
    assert_eq!(
        (read.reasons(), read.records.len()),
        (vec![RejectReason::Encoding, RejectReason::BadValue], 1)
    );
}

#[test]
fn wrong_entries_are_refused() {
    let refused = |feed: &Feed, text: &str| read(feed, text.as_bytes()).err().expect("refused");
    assert_eq!(refused(&list("ip"), "\n\n"), Unreadable::Empty);
    let mut feed = list("addresses");
    assert_eq!((formats::list::FORMAT.check)(&feed).len(), 1);
    feed.options.insert("skip_lines".into(), "-1".into());
    feed.columns.insert("a".into(), "source_ip".into());
    feed.classification = None;
    assert_eq!((formats::list::FORMAT.check)(&feed).len(), 4);
    let mut skipping = list("ip");
    skipping.options.insert("skip_lines".into(), "2".into());
    let read = good(&skipping, "a title\nthe list\n192.0.2.1\n");
    assert_eq!(
        (read.records.len(), read.records[0].line, read.rejects.len()),
        (1, 3, 0)
    );
    assert_eq!(good(&skipping, "one\n").records.len(), 0);
}

#[test]
fn real_lists_are_read_whole() {
    let Some(data) = data() else { return };
    for (path, kind, most_rejects) in [
        ("feeds/c2/threatfox-ips/ips_2023-01-09.txt", "ip", 1),
        ("feeds/ip/tor/tor-exit-nodes_2023-01-09.lst", "ip", 0),
        ("feeds/ip/ipsum/level3.txt", "ip", 0),
        (
            "feeds/c2/c2-tracker/2023-01-09/Cobalt Strike C2 IPs.txt",
            "ip",
            0,
        ),
    ] {
        for kind in [kind, "auto"] {
            let text = std::fs::read_to_string(data.join(path)).expect("the list can be read");
            let lines = text
                .lines()
                .filter(|line| !line.trim().is_empty() && !line.starts_with('#'))
                .count();
            let read = good(&list(kind), &text);
            assert_eq!(read.records.len() + read.rejects.len(), lines, "{path}");
            assert!(
                read.rejects.len() <= most_rejects,
                "{path}: {:?}",
                read.rejects.first()
            );
        }
    }
}
