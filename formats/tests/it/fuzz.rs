//! The bodies of the fuzz targets: on a few seeds, on a good report of each format, and on thousands of
//! damaged ones, the same in every run. `WATCHFIRE_LONG=1` makes fifty times as many.

#[path = "../../../fuzz/body.rs"]
pub mod body;

use std::io::Write;

use body::samples::SAMPLES;

use crate::harness::Read;

/// Texts that several formats begin like.
const SEEDS: [&str; 8] = [
    "",
    "{\"Event\": {\"Attribute\": [{\"type\": \"md5\", \"to_ids\": true, \"value\": \"x\"}]}}",
    "{\"objects\": [{\"type\": \"indicator\", \"pattern\": \"[a:b = 'c']\"}]}",
    "[{\"xarf_version\": \"4\"}, {\"Report\": {}}]",
    "<IODEF-Document><Incident><EventData><Flow>",
    "cve,epss,percentile\nCVE-2023-00001,0.1,0.2\n",
    "hxxp://a[.]example 192.0.2.1 \u{feff}\0\n",
    "date,URL,description\n2023/01/09 08:59:00,http://a.example/,B\n",
];

#[test]
fn formats_hold_on_the_seeds() {
    for choice in 0..formats::FORMATS.len() as u8 {
        for seed in SEEDS {
            body::formats(&[&[choice], seed.as_bytes()].concat());
        }
    }
}

#[test]
fn containers_hold_on_the_seeds() {
    for seed in SEEDS {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(seed.as_bytes())
            .expect("memory does not fail");
        let gzip = gzip.finish().expect("memory does not fail");
        let zstd = zstd::encode_all(seed.as_bytes(), 1).expect("memory does not fail");
        let wide: Vec<u8> = seed.encode_utf16().flat_map(u16::to_le_bytes).collect();
        for delivered in [
            seed.as_bytes(),
            &gzip,
            &zstd,
            &wide,
            &gzip[..gzip.len() / 2],
            b"PK\x03\x04",
            b"\xff\xfe\0",
        ] {
            for choice in 0..6 {
                body::source(&[&[choice], delivered].concat());
            }
        }
    }
}

#[test]
fn every_format_has_a_good_sample() {
    let names: Vec<&str> = SAMPLES.iter().map(|sample| sample.format).collect();
    let formats: Vec<&str> = formats::FORMATS.iter().map(|format| format.name).collect();
    assert_eq!(names, formats, "fuzz/samples.rs and the table of formats");
    for sample in SAMPLES {
        let name = sample.format;
        let format = formats::format(name).expect("in the table");
        assert_eq!(
            (format.check)(&body::feed(sample)),
            Vec::<String>::new(),
            "{name}"
        );
        let (text, mut read) = (sample.text(1_000), Read::default());
        assert!(body::read(sample, &text, &mut read), "{name} does not open");
        assert_eq!(
            read.rejects.first().map(|reject| &reject.message),
            None,
            "{name}"
        );
        assert_eq!(read.records.len() as u32, 1_000 * sample.records, "{name}");
        read.check_rows(&text);
    }
}

/// A small generator: the same numbers in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end.max(1) as u64) as usize
    }
}

/// Pieces that readers trip over.
const PIECES: &[&[u8]] = &[
    b"\"",
    b"\\",
    b"\0",
    b"\r",
    b"\n\n",
    b",",
    b"{",
    b"}",
    b"[",
    b"]",
    b"<",
    b">",
    b"&",
    b"]]>",
    b"<!--",
    b"<![CDATA[",
    b"\\u0000",
    b"\\ud800",
    b"\xff",
    b"\xef\xbb\xbf",
    b"\xc3",
    "\u{202e}".as_bytes(),
    b"null",
    b"-",
    b"1e400",
    b"99999999999999999999",
    b"9999-12-31T23:59:60Z",
    b"0000-00-00",
    b"hxxp[:]//",
    b"[.]",
    b"://",
    b"%00",
    b"::ffff:1.2.3.4%",
    b"/129",
    b"'",
    b"--- ",
    b"- &a *a",
    b"#",
];

fn damage(text: &mut Vec<u8>, numbers: &mut Numbers) {
    for _ in 0..1 + numbers.below(4) {
        let (at, other) = (numbers.below(text.len() + 1), numbers.below(text.len() + 1));
        let (from, to) = (at.min(other), at.max(other));
        let near = to.min(from + 1 + numbers.below(40));
        match numbers.below(7) {
            0 if at < text.len() => text[at] ^= 1 << numbers.below(8),
            1 => _ = text.drain(from..near),
            2 => text.truncate(at),
            3 => {
                let again = text[from..near].repeat(1 + numbers.below(3));
                text.splice(at..at, again);
            }
            4 if at < text.len() => text[at] = numbers.below(256) as u8,
            _ => {
                let piece = PIECES[numbers.below(PIECES.len())];
                text.splice(at..at, piece.repeat(1 + numbers.below(2)));
            }
        }
    }
}

#[test]
fn damaged_reports_of_every_format_give_records_or_rejects() {
    let long = std::env::var("WATCHFIRE_LONG").is_ok_and(|value| value == "1");
    let rounds = if long { 20_000 } else { 400 };
    for (at, sample) in SAMPLES.iter().enumerate() {
        let good = sample.text(6);
        let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15 ^ at as u64);
        for round in 0..rounds {
            let mut text = good.clone();
            damage(&mut text, &mut numbers);
            let held = std::panic::catch_unwind(|| {
                body::read(sample, &text, &mut body::Check { text: &text })
            });
            assert!(
                held.is_ok(),
                "{} round {round}: {:?}",
                sample.format,
                String::from_utf8_lossy(&text)
            );
        }
    }
}

#[test]
fn damaged_containers_end() {
    let mut numbers = Numbers(7);
    let text = SAMPLES[3].text(50);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&text).expect("memory does not fail");
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(text.len() as u64);
    tar.append_data(&mut header, "report.csv", text.as_slice())
        .expect("memory does not fail");
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    zip.start_file("report.csv", zip::write::SimpleFileOptions::default())
        .expect("memory does not fail");
    zip.write_all(&text).expect("memory does not fail");
    for good in [
        gzip.finish().expect("memory does not fail"),
        zstd::encode_all(text.as_slice(), 1).expect("memory does not fail"),
        tar.into_inner().expect("memory does not fail"),
        zip.finish().expect("memory does not fail").into_inner(),
    ] {
        for round in 0..400_u32 {
            let mut delivered = vec![(round % 6) as u8];
            delivered.extend_from_slice(&good);
            damage(&mut delivered, &mut numbers);
            body::source(&delivered);
        }
    }
}
