//! Events for tests, as record batches with the types of the lake's table.

use std::net::IpAddr;
use std::sync::Arc;

use lake::arrow::array::{
    ArrayRef, BinaryBuilder, FixedSizeBinaryBuilder, Int32Builder, RecordBatch, StringBuilder,
    TimestampMicrosecondBuilder, UInt8Builder, UInt32Builder, UInt64Builder,
};
use lake::arrow::datatypes::{DataType, Field, Schema, TimeUnit};

/// An event; what is not said is null.
#[derive(Clone, Debug, Default)]
pub struct Event {
    pub feed: &'static str,
    pub class: &'static str,
    pub identifier: &'static str,
    pub malware: &'static str,
    pub ip: &'static str,
    pub url: &'static str,
    pub host: &'static str,
    pub domain: &'static str,
    pub tld: &'static str,
    pub territory: u8,
    pub domain_territory: u8,
    pub target_territory: u8,
    pub province: i32,
    pub owner_class: u8,
    pub sector: &'static str,
    pub brand: &'static str,
    pub warning: &'static str,
    pub vulnerability: &'static str,
    pub severity: &'static str,
    pub object: &'static str,
    pub observed_at: i64,
    pub line: u64,
}

/// An infected host inside.
pub fn infected(feed: &'static str, ip: &'static str, malware: &'static str) -> Event {
    Event {
        feed,
        class: "infected-system",
        malware,
        ip,
        territory: 1,
        province: 440_000,
        ..Event::default()
    }
}

/// A place that spreads malware, by URL.
pub fn hosting(
    feed: &'static str,
    url: &'static str,
    domain: &'static str,
    tld: &'static str,
) -> Event {
    Event {
        feed,
        class: "malware-distribution",
        url,
        host: domain,
        domain,
        tld,
        ..Event::default()
    }
}

/// A phishing page against the territory.
pub fn phishing(feed: &'static str, url: &'static str, domain: &'static str) -> Event {
    Event {
        feed,
        class: "phishing",
        url,
        host: domain,
        domain,
        target_territory: 1,
        ..Event::default()
    }
}

/// A defaced site inside.
pub fn defaced(
    feed: &'static str,
    domain: &'static str,
    tld: &'static str,
    owner_class: u8,
) -> Event {
    Event {
        feed,
        class: "unauthorised-information-modification",
        host: domain,
        domain,
        tld,
        owner_class,
        domain_territory: 1,
        ..Event::default()
    }
}

/// A vulnerability record.
pub fn vulnerability(
    feed: &'static str,
    id: &'static str,
    severity: &'static str,
    object: &'static str,
) -> Event {
    Event {
        feed,
        class: "vulnerable-system",
        vulnerability: id,
        severity,
        object,
        ..Event::default()
    }
}

/// The events as one batch.
pub fn batch(events: &[Event]) -> RecordBatch {
    let text = |get: fn(&Event) -> &'static str| -> ArrayRef {
        let mut out = StringBuilder::new();
        events
            .iter()
            .for_each(|event| out.append_option(Some(get(event)).filter(|text| !text.is_empty())));
        Arc::new(out.finish())
    };
    let byte = |get: fn(&Event) -> u8| -> ArrayRef {
        let mut out = UInt8Builder::new();
        events.iter().for_each(|event| out.append_value(get(event)));
        Arc::new(out.finish())
    };
    let mut ips = BinaryBuilder::new();
    let mut provinces = Int32Builder::new();
    let mut times = TimestampMicrosecondBuilder::new();
    let mut ids = FixedSizeBinaryBuilder::new(16);
    let mut lines = UInt64Builder::new();
    let mut members = UInt32Builder::new();
    for event in events {
        match event.ip.parse() {
            Ok(IpAddr::V4(ip)) => ips.append_value(ip.octets()),
            Ok(IpAddr::V6(ip)) => ips.append_value(ip.octets()),
            Err(_) => ips.append_null(),
        }
        provinces.append_option(Some(event.province).filter(|code| *code != 0));
        times.append_value(event.observed_at);
        let id = blake3::hash(format!("{event:?}").as_bytes());
        ids.append_value(&id.as_bytes()[..16]).expect("16 bytes");
        lines.append_value(event.line);
        members.append_value(0);
    }
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("feed", text(|e| e.feed)),
        ("class_type", text(|e| e.class)),
        ("class_identifier", text(|e| e.identifier)),
        ("malware_name", text(|e| e.malware)),
        ("source_ip", Arc::new(ips.finish())),
        ("source_url", text(|e| e.url)),
        ("host", text(|e| e.host)),
        ("domain", text(|e| e.domain)),
        ("tld", text(|e| e.tld)),
        ("territory", byte(|e| e.territory)),
        ("domain_territory", byte(|e| e.domain_territory)),
        ("target_territory", byte(|e| e.target_territory)),
        ("province", Arc::new(provinces.finish())),
        ("owner_class", byte(|e| e.owner_class)),
        ("sector", text(|e| e.sector)),
        ("brand", text(|e| e.brand)),
        ("warning", text(|e| e.warning)),
        ("vulnerability_id", text(|e| e.vulnerability)),
        ("severity", text(|e| e.severity)),
        ("object_type", text(|e| e.object)),
        ("observed_at", Arc::new(times.finish())),
        ("event_id", Arc::new(ids.finish())),
        ("report", text(|e| e.feed)),
        ("member", Arc::new(members.finish())),
        ("line", Arc::new(lines.finish())),
    ];
    let fields: Vec<Field> = columns
        .iter()
        .map(|(name, column)| Field::new(*name, column.data_type().clone(), true))
        .collect();
    debug_assert!(
        fields
            .iter()
            .any(|field| *field.data_type() == DataType::Timestamp(TimeUnit::Microsecond, None))
    );
    RecordBatch::try_new(
        Arc::new(Schema::new(fields)),
        columns.into_iter().map(|(_, column)| column).collect(),
    )
    .expect("columns of one length")
}
