//! Containers as they come, and as attackers make them.

use std::io::Write;
use std::ops::ControlFlow;

use encoding_rs::GB18030;

use super::*;

type Found = Vec<(String, u32, Vec<u8>)>;

fn texts(delivered: &[u8], name: &str, encoding: Encoding, caps: &Caps) -> (Found, io::Result<()>) {
    let mut found = Vec::new();
    let outcome = each_member(
        Cursor::new(delivered),
        name,
        encoding,
        caps,
        &mut |member| {
            let mut text = Vec::new();
            let read = member.text.read_to_end(&mut text);
            found.push((member.name.to_owned(), member.index, text));
            if read.is_err() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        },
    );
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
        (
            "x.csv.zst",
            zstd::encode_all(text.as_slice(), 1).expect("packs"),
        ),
        ("x.csv.gz.gz", gzip(&gzip(text))),
    ];
    for (name, bytes) in packed {
        let (found, outcome) = texts(&bytes, name, Encoding::Utf8, &caps);
        outcome.expect("opens");
        assert_eq!(found, [("x.csv".to_owned(), 0, text.to_vec())], "{name}");
    }
    let members: &[(&str, &[u8])] = &[("a.csv", b"one"), ("../../b.csv", b"two")];
    let two = [
        ("a.csv".to_owned(), 0, b"one".to_vec()),
        ("../../b.csv".to_owned(), 1, b"two".to_vec()),
    ];
    for bytes in [
        tar_of(members),
        gzip(&tar_of(members)),
        zip_of(members),
        gzip(&zip_of(members)),
    ] {
        let (found, outcome) = texts(&bytes, "all", Encoding::Utf8, &caps);
        outcome.expect("opens");
        assert_eq!(found, two);
    }
}

#[test]
fn bombs_end_at_their_caps() {
    let caps = Caps {
        ratio: 10,
        free: 1 << 16,
        total: 1 << 20,
        members: 3,
    };
    let bomb = gzip(&vec![b'x'; 10 << 20]);
    let mut read = 0;
    let mut error = None;
    each_member(
        Cursor::new(&bomb),
        "bomb.gz",
        Encoding::Utf8,
        &caps,
        &mut |member| {
            let mut text = Vec::new();
            error = member.text.read_to_end(&mut text).err();
            read = text.len();
            ControlFlow::Continue(())
        },
    )
    .expect("opens");
    assert!(error.is_some_and(|error| error.to_string().contains("bomb")));
    assert!(read <= 1 << 20);
    let many: Vec<(String, Vec<u8>)> = (0..5).map(|n| (format!("{n}"), vec![b'x'])).collect();
    let many: Vec<(&str, &[u8])> = many
        .iter()
        .map(|(name, bytes)| (name.as_str(), bytes.as_slice()))
        .collect();
    assert!(
        texts(&zip_of(&many), "many.zip", Encoding::Utf8, &caps)
            .1
            .is_err()
    );
    assert!(
        texts(&tar_of(&many), "many.tar", Encoding::Utf8, &caps)
            .1
            .is_err()
    );
    let deep = (0..6).fold(b"x".to_vec(), |bytes, _| gzip(&bytes));
    assert!(texts(&deep, "deep", Encoding::Utf8, &caps).1.is_err());
}

#[test]
fn damage_is_an_error_after_what_could_be_read() {
    let caps = Caps::default();
    let noise: Vec<u8> = (0..100_000u32)
        .flat_map(|n| n.wrapping_mul(0x9e37_79b9).to_le_bytes())
        .collect();
    let zstd = zstd::encode_all(noise.as_slice(), 1).expect("packs");
    for whole in [
        gzip(&noise),
        zstd,
        zip_of(&[("a", &noise)]),
        tar_of(&[("a", &noise)]),
        gzip(&tar_of(&[("a", &noise)])),
    ] {
        let cut = &whole[..whole.len() / 2];
        let mut errors = Vec::new();
        let outcome = each_member(
            Cursor::new(cut),
            "cut",
            Encoding::Utf8,
            &caps,
            &mut |member| {
                let mut text = Vec::new();
                errors.extend(member.text.read_to_end(&mut text).err());
                assert!(noise.starts_with(&text));
                // Whoever missed the damage meets it again.
                errors.extend(member.text.read_to_end(&mut text).err());
                assert_eq!(errors.len(), 2);
                ControlFlow::Break(())
            },
        );
        assert!(
            outcome.is_err() || !errors.is_empty(),
            "half a container was taken for a whole one"
        );
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

#[test]
fn a_byte_order_mark_is_no_text() {
    let caps = Caps::default();
    let utf16 = |order: fn(u16) -> [u8; 2]| {
        "\u{feff}网,a\n"
            .encode_utf16()
            .flat_map(order)
            .collect::<Vec<u8>>()
    };
    for bytes in [
        "\u{feff}网,a\n".as_bytes().to_vec(),
        utf16(u16::to_le_bytes),
        utf16(u16::to_be_bytes),
    ] {
        for encoding in [Encoding::Utf8, Encoding::Gb18030] {
            let (found, outcome) = texts(&gzip(&bytes), "x", encoding, &caps);
            outcome.expect("opens");
            assert_eq!(found[0].2, "网,a\n".as_bytes());
        }
    }
}

#[test]
fn a_directory_of_many_members_is_not_read() {
    let mut record = b"PK\x05\x06\0\0\0\0\xff\xff\xff\xff".to_vec();
    record.extend([0; 10]);
    let mut zip = b"PK\x06\x06".to_vec();
    zip.extend([0; 28]);
    zip.extend(1_000_000u64.to_le_bytes());
    zip.extend([0; 16]);
    zip.extend(record);
    let mut bytes = b"PK\x03\x04".to_vec();
    bytes.extend(zip);
    let (found, outcome) = texts(&bytes, "wide.zip", Encoding::Utf8, &Caps::default());
    assert!(
        found.is_empty()
            && outcome
                .expect_err("refused")
                .to_string()
                .contains("more members")
    );
}

#[test]
fn arbitrary_bytes_behind_a_magic_number_are_damage() {
    let mut state = 1u32;
    for magic in [
        &b"\x1f\x8b\x08\0"[..],
        b"\x28\xb5\x2f\xfd",
        b"PK\x03\x04",
        b"PK\x05\x06",
        b"",
    ] {
        for length in [0, 1, 10, 100, 1000] {
            let mut bytes = magic.to_vec();
            for _ in 0..length {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                bytes.push((state >> 24) as u8);
            }
            let _ = texts(&bytes, "noise", Encoding::Utf8, &Caps::default());
            let _ = texts(&bytes, "noise", Encoding::Gb18030, &Caps::default());
        }
    }
}

#[test]
fn other_containers_are_named() {
    for (bytes, word) in [
        (&b"BZh91AY"[..], "bzip2"),
        (b"%PDF-1.7", "PDF"),
        (&gzip(b"7z\xbc\xaf\x27\x1c"), "7-Zip"),
    ] {
        let (found, outcome) = texts(bytes, "x", Encoding::Utf8, &Caps::default());
        assert!(found.is_empty() && outcome.expect_err("refused").to_string().contains(word));
    }
}

#[test]
fn encodings_have_the_names_of_their_standard() {
    for (name, expected) in [
        ("UTF-8", Encoding::Utf8),
        ("gb2312", Encoding::Gb18030),
        ("utf-16", Encoding::Other(encoding_rs::UTF_16LE)),
        ("UTF-16BE", Encoding::Other(encoding_rs::UTF_16BE)),
        ("shift_jis", Encoding::Other(encoding_rs::SHIFT_JIS)),
        ("latin1", Encoding::Other(encoding_rs::WINDOWS_1252)),
        ("auto", Encoding::Detected),
    ] {
        assert_eq!(Encoding::named(name), Some(expected), "{name}");
    }
    for name in ["", "ebcdic", "iso-2022-kr", "hz-gb-2312"] {
        assert_eq!(Encoding::named(name), None, "{name}");
    }
}

#[test]
fn declared_encodings_are_decoded() {
    let text = "名前,http://a.example/\n".repeat(5_000);
    let wide = |order: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(order).collect::<Vec<u8>>();
    for (name, bytes) in [
        ("utf-16le", wide(u16::to_le_bytes)),
        ("utf-16be", wide(u16::to_be_bytes)),
        (
            "shift_jis",
            encoding_rs::SHIFT_JIS.encode(&text).0.into_owned(),
        ),
        ("euc-jp", encoding_rs::EUC_JP.encode(&text).0.into_owned()),
    ] {
        let encoding = Encoding::named(name).expect("a name");
        let (found, outcome) = texts(&gzip(&bytes), "a.gz", encoding, &Caps::default());
        outcome.expect("whole");
        assert!(found[0].2 == text.as_bytes(), "{name}");
    }
    // An odd byte at the end is no text.
    let (found, _) = texts(
        b"a\0b\0c",
        "a",
        Encoding::Other(encoding_rs::UTF_16LE),
        &Caps::default(),
    );
    assert_eq!(found[0].2, b"ab\xff");
}

#[test]
fn encodings_are_found_out() {
    let japanese = "日付,アドレス,説明\n2023/01/09,http://a.example/,これは見本の文章です。偽サイトの報告がありました。\n";
    let chinese =
        "日期,网址,说明\n2023-01-09,http://a.example/,这是一份示例报告，内容为虚构的钓鱼网站。\n";
    let russian = "Дата,адрес,описание\n2023-01-09,http://a.example/,Это пример отчёта о вредоносном сайте.\n";
    let xml = "<?xml version=\"1.0\" encoding=\"GB2312\"?><a>漏洞</a>";
    let wide = |text: &str, order: fn(u16) -> [u8; 2]| {
        text.encode_utf16().flat_map(order).collect::<Vec<u8>>()
    };
    for (text, bytes) in [
        (japanese, japanese.as_bytes().to_vec()),
        (
            japanese,
            encoding_rs::SHIFT_JIS.encode(japanese).0.into_owned(),
        ),
        (
            japanese,
            encoding_rs::EUC_JP.encode(japanese).0.into_owned(),
        ),
        (chinese, GB18030.encode(chinese).0.into_owned()),
        (
            russian,
            encoding_rs::WINDOWS_1251.encode(russian).0.into_owned(),
        ),
        (xml, GB18030.encode(xml).0.into_owned()),
        (japanese, wide(japanese, u16::to_le_bytes)),
        (japanese, wide(japanese, u16::to_be_bytes)),
        ("plain\n", b"plain\n".to_vec()),
        ("", Vec::new()),
    ] {
        let (found, outcome) = texts(&bytes, "a", Encoding::Detected, &Caps::default());
        outcome.expect("whole");
        assert_eq!(String::from_utf8_lossy(&found[0].2), text);
    }
    // Damage does not turn UTF-8 into something else, and a character may be cut at the head's end.
    let mut damaged = chinese.as_bytes().repeat(3);
    damaged[20] = 0xff;
    let (found, _) = texts(&damaged, "a", Encoding::Detected, &Caps::default());
    assert_eq!(found[0].2, damaged);
    let long = format!("x{}", "说".repeat(40_000));
    let (found, _) = texts(long.as_bytes(), "a", Encoding::Detected, &Caps::default());
    assert!(found[0].2 == long.as_bytes());
}
