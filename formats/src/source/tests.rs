//! Containers as they come, and as attackers make them.

use std::io::Write;
use std::ops::ControlFlow;

use super::*;

fn texts(delivered: &[u8], name: &str, encoding: Encoding, caps: &Caps) -> (Vec<(String, u32, Vec<u8>)>, io::Result<()>) {
    let mut found = Vec::new();
    let outcome = each_member(Cursor::new(delivered), name, encoding, caps, &mut |member| {
        let mut text = Vec::new();
        let read = member.text.read_to_end(&mut text);
        found.push((member.name.to_owned(), member.index, text));
        if read.is_err() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    (found, outcome)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(bytes).expect("writes");
    out.finish().expect("finishes")
}

fn tar_of(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = tar::Builder::new(Vec::new());
    for (name, bytes) in members {
        let mut header = tar::Header::new_ustar();
        // Names that a careful writer would refuse are the point here.
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.set_size(bytes.len() as u64);
        header.set_cksum();
        out.append(&header, *bytes).expect("appends");
    }
    out.into_inner().expect("finishes")
}

fn zip_of(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        let options = zip::write::SimpleFileOptions::default();
        out.start_file(*name, options).expect("starts");
        out.write_all(bytes).expect("writes");
    }
    out.finish().expect("finishes").into_inner()
}

#[test]
fn plain_packed_and_nested() {
    let caps = Caps::default();
    let text = b"a,b\n1,2\n";
    let packed = [
        ("x.csv", text.to_vec()),
        ("x.csv.gz", gzip(text)),
        ("x.csv.zst", zstd::encode_all(text.as_slice(), 1).expect("packs")),
        ("x.csv.gz.gz", gzip(&gzip(text))),
    ];
    for (name, bytes) in packed {
        let (found, outcome) = texts(&bytes, name, Encoding::Utf8, &caps);
        outcome.expect("opens");
        assert_eq!(found, [("x.csv".to_owned(), 0, text.to_vec())], "{name}");
    }
    let members: &[(&str, &[u8])] = &[("a.csv", b"one"), ("../../b.csv", b"two")];
    let two = [("a.csv".to_owned(), 0, b"one".to_vec()), ("../../b.csv".to_owned(), 1, b"two".to_vec())];
    for bytes in [tar_of(members), gzip(&tar_of(members)), zip_of(members), gzip(&zip_of(members))] {
        let (found, outcome) = texts(&bytes, "all", Encoding::Utf8, &caps);
        outcome.expect("opens");
        assert_eq!(found, two);
    }
}

#[test]
fn bombs_end_at_their_caps() {
    let caps = Caps { ratio: 10, free: 1 << 16, total: 1 << 20, members: 3 };
    let bomb = gzip(&vec![b'x'; 10 << 20]);
    let mut read = 0;
    let mut error = None;
    each_member(Cursor::new(&bomb), "bomb.gz", Encoding::Utf8, &caps, &mut |member| {
        let mut text = Vec::new();
        error = member.text.read_to_end(&mut text).err();
        read = text.len();
        ControlFlow::Continue(())
    })
    .expect("opens");
    assert!(error.is_some_and(|error| error.to_string().contains("bomb")));
    assert!(read <= 1 << 20);
    let many: Vec<(String, Vec<u8>)> = (0..5).map(|n| (format!("{n}"), vec![b'x'])).collect();
    let many: Vec<(&str, &[u8])> = many.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
    assert!(texts(&zip_of(&many), "many.zip", Encoding::Utf8, &caps).1.is_err());
    assert!(texts(&tar_of(&many), "many.tar", Encoding::Utf8, &caps).1.is_err());
    let deep = (0..6).fold(b"x".to_vec(), |bytes, _| gzip(&bytes));
    assert!(texts(&deep, "deep", Encoding::Utf8, &caps).1.is_err());
}

#[test]
fn damage_is_an_error_after_what_could_be_read() {
    let caps = Caps::default();
    for whole in [gzip(&[b'x'; 100_000]), zip_of(&[("a", &[b'x'; 1000])]), tar_of(&[("a", &[b'x'; 5000])])] {
        let (found, outcome) = texts(&whole[..whole.len() / 2], "cut", Encoding::Utf8, &caps);
        let failed = outcome.is_err() || found.iter().any(|(_, _, text)| text.len() < 1000);
        assert!(failed, "half a container was taken for a whole one");
    }
    let (found, outcome) = texts(b"", "empty", Encoding::Utf8, &caps);
    assert!(outcome.is_ok() && found == [("empty".to_owned(), 0, Vec::new())]);
}

#[test]
fn gb18030_is_decoded_and_malformed_bytes_are_marked() {
    let (bytes, ..) = GB18030.encode("网,页\n二,行\n");
    let mut bytes = bytes.into_owned();
    let (found, _) = texts(&bytes, "x", Encoding::Gb18030, &Caps::default());
    assert_eq!(found[0].2, "网,页\n二,行\n".as_bytes());
    bytes.insert(3, 0xff);
    let (found, _) = texts(&bytes, "x", Encoding::Gb18030, &Caps::default());
    assert!(found[0].2.contains(&0xff) && found[0].2.ends_with("二,行\n".as_bytes()));
}
