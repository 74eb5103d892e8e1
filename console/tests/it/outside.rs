//! What tests of pages for everybody share: forms of several parts, pictures, and strings that mean harm.

use std::io::Cursor;
use std::sync::Arc;

use axum::body::Body;
use axum::http::{Request, header};
use image::{DynamicImage, ImageFormat, RgbImage};
use model::time::Timestamp;

use crate::house::{Answer, House};

/// Strings that were made to break something: markup, templates, directions, ends of lines, formulas, paths.
pub const NAUGHTY: &[&str] = &[
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "</textarea><svg/onload=alert(1)>",
    "javascript:alert(1)",
    "{{ 7*7 }}${7*7}<%= 7*7 %>",
    "' OR '1'='1'; DROP TABLE complaint; --",
    "=cmd|' /C calc'!A0",
    "a\r\nBcc: victim@example.com\r\n\r\nbody",
    "\u{202e}txt.exe\u{200b}\u{feff}",
    "../../../../etc/passwd\0.png",
    "\u{0}\u{1}\u{1b}[31mred",
    "𝕋𝕙𝕖 ﷽ 田中さん Ω≈ç√∫",
    "%00%0d%0a%3Cscript%3E",
    "&lt;script&gt;&amp;amp;",
];

/// A form of several parts: fields, and files with the name and type that they claim.
pub fn parts(fields: &[(&str, &str)], files: &[(&str, &str, &[u8])]) -> (String, Vec<u8>) {
    let edge = "edge-7f3a9c";
    let mut body = Vec::new();
    for (name, value) in fields {
        let head = format!("--{edge}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n");
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(value.as_bytes());
        body.extend_from_slice(b"\r\n");
    }
    for (name, kind, bytes) in files {
        let head = format!(
            "--{edge}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\nContent-Type: {kind}\r\n\r\n"
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{edge}--\r\n").as_bytes());
    (format!("multipart/form-data; boundary={edge}"), body)
}

/// Sends such a form, as a login; an empty one is nobody.
pub async fn send(
    house: &House,
    login: &str,
    path: &str,
    fields: &[(&str, &str)],
    files: &[(&str, &str, &[u8])],
) -> Answer {
    let (kind, body) = parts(fields, files);
    let mut request = Request::builder()
        .method("POST")
        .uri(path)
        .header(header::HOST, "console.example.test")
        .header(header::ACCEPT_LANGUAGE, "en")
        .header("sec-fetch-site", "same-origin")
        .header(header::CONTENT_TYPE, kind);
    if !login.is_empty() {
        request = request.header(header::COOKIE, house.cookie(login).await);
    }
    house.send(request.body(Body::from(body)).unwrap()).await
}

/// A small picture.
pub fn picture(format: ImageFormat) -> Vec<u8> {
    let picture = RgbImage::from_fn(24, 16, |x, y| image::Rgb([x as u8, y as u8, 9]));
    let mut out = Cursor::new(Vec::new());
    DynamicImage::ImageRgb8(picture)
        .write_to(&mut out, format)
        .unwrap();
    out.into_inner()
}

/// A GIF that says it has 65,535 by 65,535 pixels, in a few bytes: 13 GB, if one believed it.
pub fn bomb() -> Vec<u8> {
    let mut bytes = b"GIF89a\xff\xff\xff\xff\x80\0\0\0\0\0\xff\xff\xff".to_vec();
    bytes.extend_from_slice(b"\x2c\0\0\0\0\xff\xff\xff\xff\0\x02\x02\x44\x01\0\x3b");
    bytes
}

/// What the rounds of response work at, on the same stores.
pub fn desk(house: &House) -> response::Desk {
    let now = house.now();
    let drawn = std::sync::atomic::AtomicU64::new(1 << 40);
    response::Desk {
        lake: lake::Lake::open(&house.folder.path().join("lake"), 256 << 20, 2).unwrap(),
        ledger: house.ledger.clone(),
        blobs: house.blobs.clone(),
        clock: Arc::new(move || Timestamp(now)),
        random: Arc::new(move || {
            let n = drawn.fetch_add(1, std::sync::atomic::Ordering::SeqCst) + now as u64;
            let mut out = [0; 10];
            out[..8].copy_from_slice(&n.to_be_bytes());
            out
        }),
    }
}

/// Whether anything of a text stands in a page as markup.
pub fn harmless(page: &str) -> bool {
    [
        "<script>alert",
        "<img src=x",
        "<svg/onload",
        "\u{202e}",
        "\u{1b}",
    ]
    .iter()
    .all(|part| !page.contains(part))
}
