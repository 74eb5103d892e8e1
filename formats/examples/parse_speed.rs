//! How fast Shadowserver's CSV becomes records on one core: a generated scan report of about 270
//! bytes and 25 columns a row, under a schema of its own making.
//!
//! ```text
//! cargo run --release -p formats --example parse_speed [ROWS] [ROUNDS]
//! ```
//!
//! Prints nanoseconds a row for framing alone, for cutting rows into cells alone, and for the whole
//! way from text to record; the best round counts, so that a busy machine disturbs least.

use std::hint::black_box;
use std::time::{Duration, Instant};

use formats::frame::{BlockCutter, Cut};
use formats::row::Scanner;
use formats::shadowserver::Schema;
use formats::{Context, Framing, Output, Reader, Warning, drive};
use jiff::tz::TimeZone;
use model::feed::Feed;
use model::record::Record;
use model::reject::Reject;
use model::time::Timestamp;

const SCHEMA: &str = r#"{
  "_meta": {"date_created": "2025-01-01T00:00:00Z"},
  "scan_knock": {
    "feed_name": "Open-Knock", "file_name": "scan_knock",
    "constant_fields": {"classification.identifier": "open-knock", "classification.taxonomy": "vulnerable",
      "classification.type": "vulnerable-system", "protocol.application": "knock"},
    "required_fields": [["time.source", "timestamp", "add_UTC_to_timestamp"], ["source.ip", "ip", "validate_ip"],
      ["source.port", "port", "convert_int"]],
    "optional_fields": [["severity", "severity", "validate_to_none"], ["protocol.transport", "protocol"],
      ["source.reverse_dns", "hostname"], ["extra.", "tag", "validate_to_none"], ["source.asn", "asn", "invalidate_zero"],
      ["source.geolocation.cc", "geo"], ["source.geolocation.region", "region"], ["source.geolocation.city", "city"],
      ["extra.source.naics", "naics", "invalidate_zero"], ["extra.", "hostname_source", "validate_to_none"],
      ["extra.source.sector", "sector", "validate_to_none"], ["extra.", "banner", "validate_to_none"],
      ["extra.", "version", "validate_to_none"], ["extra.", "open", "convert_bool"], ["extra.", "size", "convert_int"],
      ["extra.", "ratio", "convert_float"], ["extra.", "device_vendor", "validate_to_none"],
      ["extra.", "device_type", "validate_to_none"], ["extra.", "device_model", "validate_to_none"],
      ["extra.", "device_version", "validate_to_none"], ["extra.", "device_sector", "validate_to_none"],
      ["product.vulnerabilities", "tag", "extract_cve_from_tag"]]
  }
}"#;

const HEADER: &str = "\"timestamp\",\"severity\",\"ip\",\"protocol\",\"port\",\"hostname\",\"tag\",\"asn\",\"geo\",\"region\",\"city\",\
    \"naics\",\"hostname_source\",\"sector\",\"banner\",\"version\",\"open\",\"size\",\"ratio\",\"device_vendor\",\"device_type\",\
    \"device_model\",\"device_version\",\"device_sector\",\"event_id\"\n";

fn report(rows: u64) -> String {
    let mut text = String::from(HEADER);
    for row in 0..rows {
        let mixed = row.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        text.push_str(&format!(
            "\"2025-01-06 {:02}:{:02}:{:02}\",\"medium\",\"10.{}.{}.{}\",\"tcp\",{},\"host-{mixed}.example\",\"knock;iot\",{},\"CN\",\
             \"GUANGDONG SHENG\",\"SHENZHEN\",517311,\"ptr\",\"Communications, Service Provider, and Hosting Service\",\
             \"knock knock {mixed} |who is there\",\"2.{}\",\"Y\",{},{}.5,,,,,,\n",
            row / 3600 % 24,
            row / 60 % 60,
            row % 60,
            mixed >> 16 & 255,
            mixed >> 8 & 255,
            mixed & 255,
            1024 + mixed % 60_000,
            64_512 + mixed % 1000,
            mixed % 10,
            mixed % 1500,
            mixed % 30,
        ));
    }
    text
}

#[derive(Default)]
struct Counting {
    records: u64,
    rejects: u64,
    extra: u64,
}

impl Output for Counting {
    fn record(&mut self, record: &Record) {
        self.records += 1;
        self.extra += record.extra().len() as u64;
    }
    fn reject(&mut self, reject: Reject) {
        if self.rejects == 0 {
            eprintln!("line {}: {}", reject.line, reject.message);
        }
        self.rejects += 1;
    }
    fn warn(&mut self, warning: Warning) {
        eprintln!("{}: {}", warning.label, warning.message);
    }
}

/// The best of some rounds.
fn best(rounds: u32, mut work: impl FnMut()) -> Duration {
    let rounds = (0..rounds).map(|_| {
        let start = Instant::now();
        work();
        start.elapsed()
    });
    rounds.min().unwrap_or_default()
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut number = |default: u64| {
        arguments
            .next()
            .and_then(|text| text.parse().ok())
            .unwrap_or(default)
    };
    let (rows, rounds) = (number(200_000), number(7) as u32);
    let text = report(rows);
    println!(
        "{rows} rows, {} bytes a row",
        (text.len() - HEADER.len()) as u64 / rows.max(1)
    );
    let tell = |what: &str, time: Duration| {
        let each = time.as_nanos() as f64 / rows as f64;
        let speed = text.len() as f64 / time.as_secs_f64() / 1e6;
        println!(
            "{what:<28} {each:>7.1} ns a row {:>12.0} rows/s {speed:>7.0} MB/s",
            1e9 / each
        );
    };

    let framing = Framing::QuotedLines { delimiter: b',' };
    let framed = best(rounds, || {
        let mut cutter = BlockCutter::new(text.as_bytes(), framing);
        let mut spare = Vec::new();
        while let Ok(Some(Cut::Block(block))) = cutter.next(std::mem::take(&mut spare)) {
            spare = black_box(block).bytes;
        }
    });
    tell("blocks of whole rows", framed);

    let cut = best(rounds, || {
        let mut scanner = Scanner::new(&text, 1, b',');
        while let Some(row) = scanner.next_row() {
            black_box(row);
        }
    });
    tell("rows to cells", cut);

    let schema = Schema::parse(SCHEMA.as_bytes()).expect("the schema above is one");
    let feed: Feed = serde_json::from_value(serde_json::json!({
        "name": "speed", "provider": "Example", "format": "shadowserver", "zone": "UTC", "licence": "none",
    }))
    .expect("the entry is whole");
    let ctx = Context {
        feed: &feed,
        zone: &TimeZone::UTC,
        file_name: "2025-01-06-scan_knock-example.csv",
        path: "2025-01-06-scan_knock-example.csv",
        snapshot: Timestamp(0),
        schema: Some(&schema),
    };
    let mut record = Record::new();
    let mut counted = Counting::default();
    let open = || {
        drive::open(&ctx, &mut text.as_bytes())
            .expect("memory does not fail")
            .expect("the report opens")
    };
    let Reader::Blocks {
        reader,
        header_len,
        header_lines,
        ..
    } = open().reader
    else {
        panic!("blocks")
    };
    let read = best(rounds, || {
        counted = Counting::default();
        let mut cutter = BlockCutter::new(&text.as_bytes()[header_len..], framing)
            .after_header(header_len as u64, header_lines);
        let mut spare = Vec::new();
        while let Ok(Some(Cut::Block(block))) = cutter.next(std::mem::take(&mut spare)) {
            reader.read(block.as_block(), &mut record, &mut counted);
            spare = block.bytes;
        }
    });
    tell("text to records", read);
    println!(
        "{} records, {} rejects, {} bytes of extra a record",
        counted.records,
        counted.rejects,
        counted.extra / counted.records.max(1)
    );
}
