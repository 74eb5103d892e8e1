//! Formats that are read block by block: how the text is cut into blocks, and what it was packed in,
//! changes nothing; and input that nobody meant is survived.

use std::io::{Cursor, Write as _};

use formats::frame::{BlockCutter, Cut};
use formats::shadowserver::Schema;
use formats::source::Caps;
use formats::{Context, Reader, Unreadable, drive};
use jiff::tz::TimeZone;
use model::feed::Feed;
use model::field::Field;
use model::record::Record;
use model::reject::RejectReason;
use proptest::prelude::*;

use crate::harness::{Read, SNAPSHOT, feed};

const SCHEMA: &str = r#"{
  "_meta": {"date_created": "2025-01-01T00:00:00Z"},
  "scan_knock": {
    "feed_name": "Open-Knock", "file_name": "scan_knock",
    "constant_fields": {"classification.identifier": "open-knock", "classification.type": "vulnerable-system"},
    "required_fields": [["time.source", "timestamp", "add_UTC_to_timestamp"], ["source.ip", "ip", "validate_ip"],
      ["source.port", "port", "convert_int"]],
    "optional_fields": [["source.reverse_dns", "hostname"], ["extra.", "tag", "validate_to_none"],
      ["product.vulnerabilities", "tag", "extract_cve_from_tag"], ["destination.url", "url", "convert_http_host_and_url", true]]
  }
}"#;

/// A good report of each format that is read in blocks, with the entry that reads it.
fn samples() -> Vec<(Feed, &'static str)> {
    let mut csv = feed("csv", "Asia/Tokyo");
    csv.classification = Some("phishing".into());
    csv.columns = [
        ("t", "observed_at"),
        ("ip", "source_ip"),
        ("url", "source_url"),
    ]
    .map(|(from, to)| (from.to_owned(), to.to_owned()))
    .into();
    let mut list = feed("list", "UTC");
    list.classification = Some("c2-server".into());
    let mut dga = feed("bambenek", "UTC");
    dga.classification = Some("dga-domain".into());
    vec![
        (
            feed("shadowserver", "UTC"),
            "\"timestamp\",\"ip\",\"port\",\"hostname\",\"tag\",\"url\",\"more\"\n\
             \"2025-01-06 08:00:00\",\"192.0.2.1\",23,\"a.example\",\"knock;cve-2024-0001\",,\"x, \"\"y\"\"\"\r\n\
             \"2025-01-06 08:00:01\",\"2001:db8::1\",,\"\",\"a\nb\",\"http://b.example/\",\\\n\
             2099-01-06 08:00:02,192.0.2.3,70000,-,0,/c,\n",
        ),
        (
            csv,
            "t,ip,url,rest\n2023-01-09 08:00,192.0.2.1:80,,\"a\nb\"\n# note\n2023/01/09,,hxxp://a[.]example/,é\r\n,fe80::1%x,,\n",
        ),
        (
            list,
            "# list\n192.0.2.1\nb\u{fc}cher.example:81 ; why\n192.0.2.0/24\r\nhttp://a.example/x?y=\"z\"\n",
        ),
        (
            feed("jpcert", "Asia/Tokyo"),
            "date,URL,description\n2023/01/09 08:59:00,http://a.example/,B\n,\"http://b.example/\"\"x\",\"C,\nD\"\r\n2023/01/10,http://c.example/,E\n",
        ),
        (
            feed("tweetfeed", "UTC"),
            "2023-01-09 00:02:28,a,url,http://a.example/x,#phishing #Scam,https://b.example/1\n2023-01-09 00:03:00,b,ip,192.0.2.1,#c2,\n",
        ),
        (
            dga,
            "# list\nc2.example.com,Domain used by a/b,2023-01-09 15:02,https://example.com/b.txt\n192.0.2.1,IP used by b,2023-01-09,\n",
        ),
        (
            feed("cymru-cap", "UTC"),
            "# head\ndarknet|192.0.2.3|64496|2023-01-09 08:00:00|destination_port_numbers: 23,2323;protocol: 6;|Example, ZZ\n\
             bot|192.0.2.1|64496|2023-01-09 08:00:00|family: x;|Example\n",
        ),
        (
            feed("spamhaus-cert", "UTC"),
            "; head\n192.0.2.1,AS64496,ZZ,1673251200,examplebot,-,?,?,?,?\n192.0.2.2,AS64496,ZZ,1673251200,sshauth,,198.51.100.1,22,,tcp\n",
        ),
        (
            feed("ctip", "UTC"),
            "{\"SourceIp\":\"192.0.2.1\",\"ThreatCode\":\"x\"}\n{\"SourceIp\":\"192.0.2.2\",\"Payload\":\"text\"}\n",
        ),
    ]
}

fn with_context<T>(feed: &Feed, run: impl FnOnce(&Context<'_>) -> T) -> T {
    let schema = Schema::parse(SCHEMA.as_bytes()).expect("the schema above is one");
    let zone = TimeZone::get(&feed.zone).expect("a test feed has a zone");
    let name = "2025-01-06-scan_knock-example.csv";
    run(&Context {
        feed,
        zone: &zone,
        file_name: name,
        path: name,
        snapshot: SNAPSHOT,
        schema: Some(&schema),
    })
}

/// Reads a text in blocks of the given size.
fn in_blocks(feed: &Feed, text: &[u8], size: usize) -> Result<Read, Unreadable> {
    with_context(feed, |ctx| {
        let open = drive::open(ctx, &mut &*text).expect("memory does not fail")?;
        let Reader::Blocks {
            reader,
            framing,
            header_len,
            header_lines,
        } = open.reader
        else {
            panic!("a block format")
        };
        let mut cutter = BlockCutter::new(&text[header_len..], framing)
            .with_block_bytes(size)
            .after_header(header_len as u64, header_lines);
        let (mut read, mut record) = (Read::default(), Record::new());
        while let Some(cut) = cutter.next(Vec::new()).expect("memory does not fail") {
            match cut {
                Cut::Block(block) => reader.read(block.as_block(), &mut record, &mut read),
                Cut::Reject(reject) => read.rejects.push(reject),
            }
        }
        Ok(read)
    })
}

/// Reads a delivery on this thread; texts that cannot be read are left out.
fn deliver(feed: &Feed, delivered: &[u8]) -> (Read, Result<(), String>) {
    with_context(feed, |ctx| {
        let mut read = Read::default();
        let outcome = drive::deliver(Cursor::new(delivered), ctx, &Caps::default(), &mut read);
        (read, outcome.map(|_| ()).map_err(|error| error.to_string()))
    })
}

/// Everything that was read, in a form to compare.
fn shown(read: &Read) -> Vec<String> {
    let mut scratch = Vec::new();
    let records = read.records.iter().map(|record| {
        let id = record.identity("f", None, &mut scratch);
        (
            record.offset,
            format!(
                "{} {} {} {id} {:?} {}",
                record.line, record.offset, record.len, record.written_day, record.undated
            ),
        )
    });
    let mut all: Vec<(u64, String)> = records.collect();
    all.extend(
        read.rejects
            .iter()
            .map(|reject| (reject.offset, format!("{reject:?}"))),
    );
    all.sort();
    all.into_iter().map(|(_, text)| text).collect()
}

#[test]
fn the_samples_are_good() {
    for (feed, text) in samples() {
        let read = in_blocks(&feed, text.as_bytes(), 1 << 20).expect("a good report");
        read.check_rows(text.as_bytes());
        assert_eq!(read.rejects, [], "{}", feed.format);
        assert!(!read.records.is_empty());
    }
}

#[test]
fn a_byte_order_mark_and_other_line_ends_change_no_event() {
    let mut scratch = Vec::new();
    for (feed, text) in samples() {
        let mut ids = |text: &str| -> Vec<_> {
            let (read, walked) = deliver(&feed, text.as_bytes());
            assert_eq!(
                (walked, read.rejects.len()),
                (Ok(()), 0),
                "{} {text:?}",
                feed.format
            );
            read.records
                .iter()
                .map(|record| record.identity("f", None, &mut scratch))
                .collect()
        };
        let text = text
            .replace("\r\n", "\n")
            .replace("a\nb", "ab")
            .replace("C,\nD", "C,D");
        let expected = ids(&text);
        assert_eq!(ids(&format!("\u{feff}{text}")), expected);
        for end in ["\r\n", "\r"] {
            assert_eq!(
                ids(&text.replace('\n', end)),
                expected,
                "{} {end:?}",
                feed.format
            );
        }
        assert_eq!(ids(text.trim_end()), expected);
        assert_eq!(ids(&format!("{text}\n\n \n")), expected);
    }
}

#[test]
fn every_container_gives_the_same_rows() {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let (feed, text) = samples().swap_remove(0);
    gzip.write_all(text.as_bytes())
        .expect("memory does not fail");
    let gzip = gzip.finish().expect("memory does not fail");
    let zstd = zstd::encode_all(text.as_bytes(), 1).expect("memory does not fail");
    let expected = shown(&deliver(&feed, text.as_bytes()).0);
    for packed in [gzip, zstd] {
        let (read, walked) = deliver(&feed, &packed);
        assert_eq!((shown(&read), walked), (expected.clone(), Ok(())));
        // Half of it: what came before the damage is read, and the damage is told.
        let (half, walked) = deliver(&feed, &packed[..packed.len() / 2]);
        let told = walked.is_err()
            || half
                .rejects
                .iter()
                .any(|reject| reject.reason == RejectReason::Damaged);
        assert!(
            told || half.records.is_empty() && half.rejects.is_empty(),
            "{:?}",
            half.rejects
        );
        assert!(half.records.len() < read.records.len() || told);
    }
}

#[test]
fn gb18030_is_read_and_broken_rows_are_rejects() {
    let mut csv = samples().swap_remove(1).0;
    csv.encoding = Some("gb18030".into());
    let text = "t,ip,url,rest\n2023-01-09,192.0.2.1,,广东省\n2023-01-09,192.0.2.2,,深圳市\n2023-01-09,192.0.2.3,,北京市\n";
    let (mut bytes, ..) = encoding_rs::GB18030.encode(text);
    let (read, walked) = deliver(&csv, &bytes);
    assert_eq!(
        (read.records.len(), read.rejects.len(), walked),
        (3, 0, Ok(()))
    );
    assert_eq!(
        read.records[0].extra_json().as_deref(),
        Some("{\"rest\":\"广东省\"}")
    );
    read.check_rows(text.as_bytes());
    let second = bytes
        .windows(9)
        .position(|window| window == b"192.0.2.2")
        .expect("it is there");
    bytes.to_mut()[second + 12] = 0xff;
    let (read, _) = deliver(&csv, &bytes);
    assert_eq!(read.values(Field::SourceIp), ["192.0.2.1", "192.0.2.3"]);
    assert_eq!(read.reasons(), [RejectReason::Encoding]);
}

#[test]
fn a_line_without_end_is_one_reject() {
    let long = 3 << 20;
    for (feed, text) in samples() {
        let good = in_blocks(&feed, text.as_bytes(), 1 << 20)
            .expect("a good report")
            .records
            .len();
        let mut text = text.as_bytes().to_vec();
        text.extend(std::iter::repeat_n(b'x', long));
        text.extend(b"\n");
        let (read, _) = deliver(&feed, &text);
        assert_eq!(
            (read.records.len(), read.reasons()),
            (good, vec![RejectReason::TooLong]),
            "{}",
            feed.format
        );
        assert_eq!(
            (read.rejects[0].raw_len, read.rejects[0].raw.len()),
            (long as u64, 64 * 1024)
        );
        read.check_rows(&text);
    }
}

#[test]
fn nul_bytes_and_other_encodings_cost_their_row() {
    for (feed, text) in samples() {
        let good = in_blocks(&feed, text.as_bytes(), 1 << 20).expect("a good report");
        let mut text = text.as_bytes().to_vec();
        let last = text.trim_ascii_end().len();
        text.insert(last, 0);
        let read = in_blocks(&feed, &text, 1 << 20).expect("it opens");
        assert_eq!(
            (read.records.len(), read.reasons()),
            (good.records.len() - 1, vec![RejectReason::BadValue]),
            "{}",
            feed.format
        );
        text[last] = 0xe9;
        let read = in_blocks(&feed, &text, 1 << 20).expect("it opens");
        assert_eq!(
            (read.records.len(), read.reasons()),
            (good.records.len() - 1, vec![RejectReason::Encoding]),
            "{}",
            feed.format
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn blocks_change_nothing_whatever_the_text(
        which in 0usize..9,
        edits in proptest::collection::vec((any::<prop::sample::Index>(), 0usize..6, proptest::collection::vec(
            prop_oneof![any::<u8>(), proptest::sample::select(b"\",\n\r;#\\ \0-/.:".to_vec())], 0..6)), 0..8),
        again in 1usize..6,
        size in 1usize..200,
    ) {
        let (feed, text) = samples().swap_remove(which);
        let header = text.find('\n').map_or(0, |at| at + 1);
        let mut text = [text, &text[header..].repeat(again)].concat().into_bytes();
        for (at, remove, insert) in edits {
            let at = at.index(text.len() + 1);
            let end = (at + remove).min(text.len());
            text.splice(at..end, insert);
        }
        if let Ok(whole) = in_blocks(&feed, &text, 1 << 20) {
            whole.check_rows(&text);
            let parts = in_blocks(&feed, &text, size).expect("it opened before");
            prop_assert_eq!(shown(&whole), shown(&parts));
        }
        let _ = deliver(&feed, &text);
    }

    #[test]
    fn arbitrary_bytes_are_survived(text in proptest::collection::vec(any::<u8>(), 0..300)) {
        for (feed, sample) in samples() {
            let _ = deliver(&feed, &text);
            let header = sample.find('\n').map_or(0, |at| at + 1);
            let text = [&sample.as_bytes()[..header], &text].concat();
            if let Ok(read) = in_blocks(&feed, &text, 64) {
                read.check_rows(&text);
            }
        }
    }
}

#[test]
fn what_is_left_of_a_torn_file_is_read() {
    struct Torn<'a>(&'a [u8]);
    impl std::io::Read for Torn<'_> {
        fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
            match std::io::Read::read(&mut self.0, out)? {
                0 => Err(std::io::Error::other("the disk gave up")),
                count => Ok(count),
            }
        }
    }
    let (feed, text) = samples().swap_remove(2);
    with_context(&feed, |ctx| {
        let mut text = std::io::BufReader::new(Torn(text.as_bytes()));
        let open = drive::open(ctx, &mut text)
            .expect("the head is there")
            .expect("it opens");
        let mut read = Read::default();
        drive::read(open, &mut text, &mut Record::new(), &mut read);
        assert_eq!(read.records.len(), 4);
        assert_eq!(read.reasons(), [RejectReason::Damaged]);
        assert!(read.rejects[0].message.contains("gave up"));
    });
}
