//! From the bytes of a part to its content: transfer encodings (RFC 2045 section 6) and characters.
//!
//! What is damaged is decoded as far as it goes and said to be damaged; nothing fails.

use encoding_rs::{Encoding, GB18030, UTF_8, WINDOWS_1252};

/// Bytes of base64, characters of other kinds skipped; `true` where there were such or bits were left
/// over. Padding within the text begins anew: some writers join encoded pieces.
pub(super) fn base64(text: &[u8]) -> (Vec<u8>, bool) {
    let mut out = Vec::with_capacity(text.len() / 4 * 3 + 3);
    let (mut bits, mut count, mut damaged) = (0_u32, 0_u32, false);
    for byte in text {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            b'=' => {
                (bits, count) = (0, 0);
                continue;
            }
            _ => {
                damaged |= !byte.is_ascii_whitespace();
                continue;
            }
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    (out, damaged || count >= 6)
}

fn hex(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    Some((digit(high)? * 16 + digit(low)?) as u8)
}

/// Bytes of quoted-printable; `true` where an escape was none, which stays as it stood.
pub(super) fn quoted_printable(text: &[u8]) -> (Vec<u8>, bool) {
    let mut out = Vec::with_capacity(text.len());
    let mut damaged = false;
    let mut at = 0;
    while at < text.len() {
        match (text[at], text.get(at + 1), text.get(at + 2)) {
            (b'=', Some(b'\r'), Some(b'\n')) => at += 3,
            (b'=', Some(b'\n'), _) => at += 2,
            (b'=', Some(high), Some(low)) if hex(*high, *low).is_some() => {
                out.extend(hex(*high, *low));
                at += 3;
            }
            (byte, ..) => {
                damaged |= byte == b'=';
                out.push(byte);
                at += 1;
            }
        }
    }
    (out, damaged)
}

/// Bytes of an encoded word's `Q` (RFC 2047 4.2).
pub(super) fn quoted_word(text: &[u8]) -> Vec<u8> {
    let spaced: Vec<u8> = text
        .iter()
        .map(|byte| if *byte == b'_' { b' ' } else { *byte })
        .collect();
    quoted_printable(&spaced).0
}

/// Appends what percent-encoding stands for (RFC 2231 section 4).
pub(super) fn percent(text: &[u8], out: &mut Vec<u8>) {
    let mut at = 0;
    while at < text.len() {
        let escaped = match text.get(at..at + 3) {
            Some([b'%', high, low]) => hex(*high, *low),
            _ => None,
        };
        out.push(escaped.unwrap_or(text[at]));
        at += if escaped.is_some() { 3 } else { 1 };
    }
}

/// The encoding of a label. GB 2312 and GBK are read as GB 18030, whose parts they are: writers use
/// its characters under their names.
pub(super) fn encoding(label: &[u8]) -> Option<&'static Encoding> {
    let found = Encoding::for_label_no_replacement(label.trim_ascii())?;
    Some(if found == encoding_rs::GBK {
        GB18030
    } else {
        found
    })
}

/// Text of bytes that declare no encoding: UTF-8 where they are, GB 18030 where they can be (raw
/// headers of that kind come from Chinese systems), else one byte a character.
pub(super) fn guess(bytes: &[u8]) -> String {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return text.to_owned();
    }
    let (text, wrong) = GB18030.decode_without_bom_handling(bytes);
    if !wrong {
        return text.into_owned();
    }
    WINDOWS_1252
        .decode_without_bom_handling(bytes)
        .0
        .into_owned()
}

/// Text of a part. What its charset does not have becomes U+FFFD; a label that names none is as if
/// there were none, and `false` says so.
pub(super) fn text(bytes: &[u8], charset: Option<&str>) -> (String, bool) {
    let label = charset.map(str::trim).filter(|label| !label.is_empty());
    let known = label.and_then(|label| encoding(label.as_bytes()));
    let named = label.is_none() || known.is_some();
    let ascii = label.is_some_and(|label| label.eq_ignore_ascii_case("us-ascii"));
    if let Some(known) = known.filter(|found| !ascii && *found != UTF_8) {
        return (known.decode(bytes).0.into_owned(), true);
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        return (text.trim_start_matches('\u{feff}').to_owned(), named);
    }
    if label.is_some() && known == Some(UTF_8) {
        return (String::from_utf8_lossy(bytes).into_owned(), named);
    }
    let mut detector = chardetng::EncodingDetector::new(chardetng::Iso2022JpDetection::Allow);
    let head = &bytes[..bytes.len().min(64 << 10)];
    detector.feed(head, head.len() == bytes.len());
    let found = detector.guess(None, chardetng::Utf8Detection::Allow);
    (found.decode(bytes).0.into_owned(), named)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damaged_encodings_give_what_they_have() {
        assert_eq!(base64(b"aGVs\r\nbG8="), (b"hello".to_vec(), false));
        assert_eq!(base64(b"aGk=aGk="), (b"hihi".to_vec(), false));
        assert_eq!(base64(b"a*Gk="), (b"hi".to_vec(), true));
        assert_eq!(
            quoted_printable(b"a=3D=\r\nb=zz="),
            (b"a=b=zz=".to_vec(), true)
        );
        assert_eq!(text(b"\xc4\xe3", Some("gb2312")), ("你".into(), true));
        assert_eq!(text(b"x", Some("no-such")), ("x".into(), false));
        assert!(text(b"\xff\xfe\xfd", Some("utf-8")).0.contains('\u{fffd}'));
    }
}
