//! Pages as a web archive: WARC 1.1 (ISO 28500:2017), each record a gzip member of its own, so that
//! any reader of such archives opens it and any record can be read alone.
//!
//! Bodies are as they came but for the transfer coding, which the HTTP client undoes; the header that
//! named it is kept as `X-Archive-Orig-Transfer-Encoding`, as archives do. Header names are in lower
//! case, since the client keeps no other. Both are said in the metadata record. Record numbers are
//! made of what the record holds: the same look gives the same bytes.

use std::fmt::Write as _;
use std::io::Write as _;

use flate2::write::GzEncoder;
use flate2::{Compression, GzBuilder};
use ring::digest::{SHA256, digest};
use uuid::Builder;

use super::super::seen::{Cut, End, Hop, Page};
use super::instant;

/// The archive of a page: a `warcinfo` record, then request, response and metadata of every hop.
pub fn archive(page: &Page, vantage: &str, software: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let began = page.hops.first().map_or_else(
        || "1970-01-01T00:00:00.000000Z".to_owned(),
        |hop| instant(hop.at),
    );
    let mut about = format!("software: {software}\r\nformat: WARC File Format 1.1\r\n");
    let _ = write!(about, "vantage: {}\r\n", line(vantage));
    let _ = write!(about, "end: {}\r\n", line(&ended(&page.end)));
    for part in &page.removed {
        let _ = write!(about, "removed: {} ({})\r\n", line(&part.part), part.rule);
    }
    let info = Record {
        kind: "warcinfo",
        date: began,
        media: "application/warc-fields",
        block: about.into_bytes(),
        fields: Vec::new(),
    };
    info.write(&mut out);
    for hop in &page.hops {
        of_hop(hop, &mut out);
    }
    out
}

fn ended(end: &End) -> String {
    match end {
        End::Answered => "answered".to_owned(),
        End::Refused(why) => format!("refused: {why}"),
        End::Unreachable(why) => format!("unreachable: {why}"),
        End::Timeout(why) => format!("timeout: {why}"),
        End::Loop(why) => format!("loop: {why}"),
    }
}

fn of_hop(hop: &Hop, out: &mut Vec<u8>) {
    let uri = line(&hop.url);
    let mut shared = vec![("WARC-Target-URI", uri)];
    if let Some(address) = hop.address {
        shared.push(("WARC-IP-Address", address.ip().to_string()));
    }
    let response_block = response(hop);
    let mut response = Record {
        kind: "response",
        date: instant(hop.at),
        media: "application/http; msgtype=response",
        block: response_block,
        fields: shared.clone(),
    };
    let payload = digest(&SHA256, &hop.body);
    response.fields.push((
        "WARC-Payload-Digest",
        format!("sha256:{}", base32(payload.as_ref())),
    ));
    match hop.cut {
        Cut::Whole => {}
        Cut::Length => response
            .fields
            .push(("WARC-Truncated", "length".to_owned())),
        Cut::Time => response.fields.push(("WARC-Truncated", "time".to_owned())),
        Cut::Broken => response
            .fields
            .push(("WARC-Truncated", "disconnect".to_owned())),
    }
    let concurrent = ("WARC-Concurrent-To", response.id());
    let with = |kind, media, block: Vec<u8>| {
        let mut fields = shared.clone();
        fields.push((concurrent.0, concurrent.1.clone()));
        Record {
            kind,
            date: instant(hop.at),
            media,
            block,
            fields,
        }
    };
    let mut metadata = String::from(
        "note: header names in lower case; transfer coding undone; content coding as received\r\n",
    );
    let _ = write!(metadata, "body: {:?}\r\n", hop.cut);
    if let Some(tls) = &hop.tls {
        for (at, certificate) in tls.chain.iter().enumerate() {
            let subject = line(&certificate.subject);
            let _ = write!(
                metadata,
                "certificate-{at}: sha256:{} {subject}\r\n",
                certificate.sha256
            );
        }
        if let Some(error) = &tls.error {
            let _ = write!(metadata, "tls-error: {}\r\n", line(error));
        }
    }
    with("request", "application/http; msgtype=request", request(hop)).write(out);
    response.write(out);
    with("metadata", "application/warc-fields", metadata.into_bytes()).write(out);
}

fn request(hop: &Hop) -> Vec<u8> {
    let url = url::Url::parse(&hop.url).ok();
    let path = url
        .as_ref()
        .map_or("/".to_owned(), |url| match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        });
    let mut head = format!("GET {path} HTTP/1.1\r\n");
    for (name, value) in &hop.asked {
        let _ = write!(head, "{name}: {}\r\n", line(value));
    }
    head.push_str("\r\n");
    head.into_bytes()
}

fn response(hop: &Hop) -> Vec<u8> {
    let reason = reqwest::StatusCode::from_u16(hop.status)
        .ok()
        .and_then(|status| status.canonical_reason())
        .unwrap_or("");
    let mut block = format!("HTTP/1.1 {} {reason}\r\n", hop.status).into_bytes();
    for (name, value) in &hop.headers {
        if name.eq_ignore_ascii_case("transfer-encoding") {
            block.extend_from_slice(b"X-Archive-Orig-");
        }
        block.extend_from_slice(name.as_bytes());
        block.extend_from_slice(b": ");
        block.extend(
            value
                .iter()
                .map(|b| if matches!(b, b'\r' | b'\n') { b' ' } else { *b }),
        );
        block.extend_from_slice(b"\r\n");
    }
    block.extend_from_slice(b"\r\n");
    block.extend_from_slice(&hop.body);
    block
}

/// Nothing from outside ends a line of ours.
fn line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

struct Record {
    kind: &'static str,
    date: String,
    media: &'static str,
    block: Vec<u8>,
    fields: Vec<(&'static str, String)>,
}

impl Record {
    /// Made of kind, time and block, so that it is the same for the same.
    fn id(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        hasher.update(self.kind.as_bytes());
        hasher.update(self.date.as_bytes());
        for (name, value) in &self.fields {
            if *name == "WARC-Target-URI" {
                hasher.update(value.as_bytes());
            }
        }
        hasher.update(&self.block);
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
        let id = Builder::from_custom_bytes(bytes).into_uuid();
        format!("<urn:uuid:{id}>")
    }

    fn write(&self, out: &mut Vec<u8>) {
        let mut head = format!(
            "WARC/1.1\r\nWARC-Type: {}\r\nWARC-Record-ID: {}\r\nWARC-Date: {}\r\n",
            self.kind,
            self.id(),
            self.date
        );
        for (name, value) in &self.fields {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        let block = digest(&SHA256, &self.block);
        let _ = write!(
            head,
            "WARC-Block-Digest: sha256:{}\r\nContent-Type: {}\r\nContent-Length: {}\r\n\r\n",
            base32(block.as_ref()),
            self.media,
            self.block.len()
        );
        // No time and no system in the member's head: they would differ.
        let mut member: GzEncoder<&mut Vec<u8>> = GzBuilder::new()
            .operating_system(255)
            .write(out, Compression::default());
        let written = member
            .write_all(head.as_bytes())
            .and_then(|()| member.write_all(&self.block))
            .and_then(|()| member.write_all(b"\r\n\r\n"))
            .and_then(|()| member.finish().map(drop));
        debug_assert!(written.is_ok(), "a vector takes everything");
    }
}

/// Base 32 of RFC 4648: readers of archives compare digests in it.
fn base32(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut out = String::with_capacity(bytes.len() * 8 / 5 + 8);
    let (mut held, mut bits) = (0u32, 0);
    for byte in bytes {
        held = held << 8 | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            out.push(char::from(LETTERS[(held >> bits) as usize & 31]));
        }
        held &= (1 << bits) - 1;
    }
    if bits > 0 {
        out.push(char::from(LETTERS[(held << (5 - bits)) as usize & 31]));
    }
    while !out.len().is_multiple_of(8) {
        out.push('=');
    }
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn base32_as_rfc_4648_section_10_has_it() {
        for (plain, coded) in [
            ("", ""),
            ("f", "MY======"),
            ("foob", "MZXW6YQ="),
            ("foobar", "MZXW6YTBOI======"),
        ] {
            assert_eq!(super::base32(plain.as_bytes()), coded);
        }
    }
}
