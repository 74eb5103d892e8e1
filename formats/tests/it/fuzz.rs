//! The bodies of the fuzz targets, with a few seeds.

#[path = "../../../fuzz/body.rs"]
mod body;

use std::io::Write;

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
