//! What the fuzz targets do with their input. The integration tests of `formats` include this file
//! and call it with samples and mutations of them, so that it compiles and holds without a fuzzer.
#![allow(dead_code)]

use std::io::{Cursor, Read};
use std::ops::ControlFlow;
use std::sync::LazyLock;

use formats::shadowserver::Schema;
use formats::source::{Caps, Encoding, each_member};
use formats::{Context, Output, Warning, drive};
use jiff::tz::TimeZone;
use model::feed::Feed;
use model::record::Record;
use model::reject::Reject;
use model::time::Timestamp;

#[path = "samples.rs"]
pub mod samples;

use samples::{SAMPLES, Sample};

/// Checks what every output has to be: found in the text again.
pub struct Check<'t> {
    /// The text that is read.
    pub text: &'t [u8],
}

impl Output for Check<'_> {
    fn record(&mut self, record: &Record) {
        let end = record.offset as usize + record.len as usize;
        assert!(record.len > 0 && end <= self.text.len());
        assert!(record.observed_at().is_some());
        if let Some(extra) = record.extra_json() {
            let json: serde_json::Value = serde_json::from_str(&extra).expect("extra is JSON");
            assert!(json.is_object());
        }
    }

    fn reject(&mut self, reject: Reject) {
        let raw = &self.text[reject.offset as usize..][..reject.raw.len()];
        assert_eq!(raw, reject.raw);
        assert!(!reject.message.is_empty());
    }

    fn warn(&mut self, _: Warning) {}
}

/// A feed that has this sample's format.
pub fn feed(sample: &Sample) -> Feed {
    let mut entry = serde_json::json!({
        "name": "fuzz", "provider": "Example", "format": sample.format, "zone": "UTC", "licence": "none",
    });
    let more = (sample.entry)();
    let members = entry.as_object_mut().expect("an object");
    members.extend(more.as_object().expect("an object").clone());
    serde_json::from_value(entry).expect("the entry is whole")
}

/// Reads a text of a sample's format into an output; false where it does not open.
pub fn read(sample: &Sample, text: &[u8], out: &mut dyn Output) -> bool {
    static SCHEMA: LazyLock<Schema> =
        LazyLock::new(|| Schema::parse(samples::SCHEMA.as_bytes()).expect("a schema"));
    let feed = feed(sample);
    let ctx = Context {
        feed: &feed,
        zone: &TimeZone::UTC,
        file_name: sample.file,
        path: sample.file,
        snapshot: Timestamp(1_673_827_200_000_000),
        schema: Some(&SCHEMA),
    };
    let mut rest = text;
    let open = drive::open(&ctx, &mut rest).expect("memory does not fail");
    let opened = open.is_ok();
    if let Ok(open) = open {
        drive::read(open, &mut rest, &mut Record::new(), out);
    }
    opened
}

/// Reads the input as the format that its first byte chooses, or that `WATCHFIRE_FUZZ_FORMAT` names.
pub fn formats(data: &[u8]) {
    static NAMED: LazyLock<Option<String>> =
        LazyLock::new(|| std::env::var("WATCHFIRE_FUZZ_FORMAT").ok());
    let Some((choice, text)) = data.split_first() else {
        return;
    };
    let chosen = &SAMPLES[*choice as usize % SAMPLES.len()];
    let sample = match NAMED.as_deref() {
        Some(name) => SAMPLES.iter().find(|sample| sample.format == name),
        None => Some(chosen),
    };
    read(sample.expect("a format's name"), text, &mut Check { text });
}

/// Opens the input as a delivery in the encoding that its first byte chooses.
pub fn source(data: &[u8]) {
    const NAMES: [&str; 6] = [
        "utf-8",
        "gb18030",
        "utf-16le",
        "shift_jis",
        "iso-2022-jp",
        "auto",
    ];
    let Some((choice, delivered)) = data.split_first() else {
        return;
    };
    let name = NAMES[*choice as usize % NAMES.len()];
    let encoding = Encoding::named(name).expect("the name is known");
    let caps = Caps {
        free: 1 << 20,
        total: 8 << 20,
        members: 20,
        ..Caps::default()
    };
    // An error is the answer to damage; what counts is that there is one.
    let _ = each_member(
        Cursor::new(delivered),
        "report",
        encoding,
        &caps,
        &mut |member| {
            let mut text = Vec::new();
            let _ = member.text.take(16 << 20).read_to_end(&mut text);
            ControlFlow::Continue(())
        },
    );
}

/// Reads a mail and asks everything of it that can be asked: it ends, and what it says holds together.
pub fn mail(bytes: &[u8]) {
    use formats::mail::own::{Link, Own};
    use formats::mail::{Limits, Mail, nature, reply, rows};
    let own = Own {
        addresses: vec!["cert@example.com".into()],
        verp: vec!["notice+{token}@example.com".into()],
        message_domain: "notices.example.com".into(),
    };
    let limits = Limits::default();
    let Ok(mail) = Mail::read(bytes, &limits) else {
        return;
    };
    assert!(!mail.subject.contains(['\r', '\n']) && mail.parts.len() <= limits.parts_kept);
    let verdict = mail.verdict(&own, &limits);
    assert!(!verdict.evidence.is_empty());
    if let Some(Link::MessageId(id)) = &verdict.link {
        assert!(own.is_own_id(id));
    }
    for complaint in mail.complaints(&own, &limits).unwrap_or_default() {
        assert!(!complaint.observables.is_empty());
        assert!(
            complaint
                .evidence
                .iter()
                .all(|part| *part < mail.parts.len())
        );
    }
    let _ = nature::may_answer(&mail, &own);
    let _ = reply::reply_class(&mail.text, Some("zh"));
    for part in &mail.parts {
        let _ = rows::read(&part.bytes);
    }
}
