//! What anybody may see and send without an account: the complaint form, the appeal form, and where each stands. A
//! number tells a stage and no more, because whoever holds it may be the phisher.

use std::collections::HashMap;

use axum::extract::Multipart;
use axum::extract::multipart::MultipartRejection;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use ledger::{BlobStore, NewSubmitted};
use model::bulletin::Lang;

use crate::front::Front;
use crate::limits::{Limit, source_key};
use crate::pictures::{self, Bad};
use crate::problem::Problem;
use crate::refusal::Refusal;
use crate::visitor::Visitor;

pub(crate) mod appeal;
pub(crate) mod leaf;
pub(crate) mod report;

/// Bytes of a form with its files.
pub(crate) const FORM_BYTES: usize = FILES * (pictures::MOST_BYTES + 1024) + (256 << 10);
/// Files that come with a form.
pub(crate) const FILES: usize = 3;
/// Characters of a text field.
pub(crate) const TEXT: usize = 10_000;

pub(crate) const HOUR: i64 = 3_600_000_000;
pub(crate) const DAY: i64 = 24 * HOUR;

/// Forms that one source sends.
pub(crate) const SENDING: Limit = Limit {
    what: "form",
    most: 10,
    per: 3_600_000_000,
};
/// Numbers that one source asks for.
pub(crate) const ASKING: Limit = Limit {
    what: "number",
    most: 30,
    per: 600_000_000,
};

/// What a form of several parts held.
#[derive(Default)]
pub(crate) struct Sent {
    fields: HashMap<&'static str, String>,
    files: Vec<Vec<u8>>,
    /// A file had too many bytes, or there were too many files.
    pub(crate) too_much: bool,
}

impl Sent {
    /// A field, without what no text holds; empty where it was not sent.
    pub(crate) fn field(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }
}

/// Text as it is kept: without control characters but line ends and tabs, and without what turns the direction of
/// reading, which makes a name look like another.
pub(crate) fn plain(text: &str) -> String {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let kept = |c: &char| match c {
        '\n' | '\t' => true,
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' => false,
        c => !c.is_control(),
    };
    let text: String = text.chars().filter(kept).take(TEXT).collect();
    text.trim().to_owned()
}

/// A text of one line.
pub(crate) fn line(text: &str, most: usize) -> String {
    let text: String = text
        .chars()
        .map(|c| if c == '\n' { ' ' } else { c })
        .take(most)
        .collect();
    text.trim().to_owned()
}

/// Reads a form of several parts: the fields of these names, and the files under `file`. What a file is called and
/// what it says it is are thrown away here.
///
/// # Errors
/// It is no such form, names another field, or is too big.
pub(crate) async fn read(
    parts: Result<Multipart, MultipartRejection>,
    names: &'static [&'static str],
) -> Result<Sent, Refusal> {
    let wrong = |why: String| Refusal::invalid("", why);
    let mut parts = parts.map_err(|error| wrong(error.body_text()))?;
    let broken = |error: axum::extract::multipart::MultipartError| match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Refusal::Problem(
            Problem::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "too-large",
                "what was sent is too large",
            )
            .detail(format!(
                "at most {FILES} files of {} MiB",
                pictures::MOST_BYTES >> 20
            )),
        ),
        _ => wrong(error.body_text()),
    };
    let mut sent = Sent::default();
    while let Some(mut part) = parts.next_field().await.map_err(broken)? {
        let name = part.name().unwrap_or_default().to_owned();
        let is_file = name == "file";
        let known = names.iter().find(|own| **own == name);
        let most = match (is_file, known) {
            (true, _) => pictures::MOST_BYTES,
            (false, Some(_)) => TEXT * 4,
            (false, None) => {
                return Err(wrong("the form has a field that is not known".to_owned()));
            }
        };
        let mut bytes = Vec::new();
        let mut over = false;
        while let Some(chunk) = part.chunk().await.map_err(broken)? {
            over |= bytes.len() + chunk.len() > most;
            if !over {
                bytes.extend_from_slice(&chunk);
            }
        }
        match known {
            _ if is_file && bytes.is_empty() && !over => {}
            _ if is_file && (over || sent.files.len() == FILES) => sent.too_much = true,
            _ if is_file => sent.files.push(bytes),
            Some(own) => {
                let text = plain(&String::from_utf8_lossy(&bytes));
                sent.fields.insert(own, text);
            }
            None => {}
        }
    }
    Ok(sent)
}

/// Draws the pictures of a form anew. Nothing is kept yet.
///
/// # Errors
/// The first file that is not taken, and why.
pub(crate) async fn look_at(
    front: &Front,
    sent: &mut Sent,
    documents: bool,
) -> Result<Result<Vec<(Vec<u8>, pictures::Taken)>, Bad>, Refusal> {
    if sent.too_much {
        return Ok(Err(Bad::TooBig));
    }
    let mut all = Vec::new();
    for bytes in std::mem::take(&mut sent.files) {
        let turn = front.limits.decoding.acquire().await;
        let turn = turn.map_err(|error| Refusal::broken("decoding", error))?;
        let done = tokio::task::spawn_blocking(move || {
            let taken = pictures::take(&bytes, documents);
            (bytes, taken)
        })
        .await;
        drop(turn);
        match done {
            Ok((bytes, Ok(taken))) => all.push((bytes, taken)),
            Ok((_, Err(bad))) => return Ok(Err(bad)),
            // A decoder that fell over its picture.
            Err(error) => {
                tracing::warn!(%error, "a picture from outside could not be decoded");
                return Ok(Err(Bad::Broken));
            }
        }
    }
    Ok(Ok(all))
}

/// Keeps files by their hash: the bytes as they came, and the picture made of them.
///
/// # Errors
/// The disk.
pub(crate) fn keep(
    blobs: &BlobStore,
    all: Vec<(Vec<u8>, pictures::Taken)>,
) -> ledger::Result<Vec<NewSubmitted>> {
    let mut kept = Vec::new();
    for (bytes, taken) in all {
        let original = blobs.put_bytes(&bytes)?.hash;
        let shown = match taken.shown {
            None => None,
            Some((png, width, height)) => Some((blobs.put_bytes(&png)?.hash, width, height)),
        };
        kept.push(NewSubmitted {
            original,
            bytes: bytes.len() as u64,
            kind: taken.kind,
            shown,
        });
    }
    Ok(kept)
}

/// Takes one off what a source may send or ask.
///
/// # Errors
/// [`Refusal::TooMany`].
pub(crate) fn spend(front: &Front, visitor: &Visitor, limit: Limit) -> Result<(), Refusal> {
    let key = source_key(&visitor.source);
    front.limits.spend(limit, &key, front.now().0)
}

/// Code of a language.
pub(crate) fn code(lang: Lang) -> &'static str {
    match lang {
        Lang::Zh => "zh",
        Lang::En => "en",
    }
}

/// A picture that was drawn anew, as a page shows it: alone it can do nothing.
pub(crate) fn picture(bytes: Vec<u8>) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "image/png"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; sandbox",
        ),
    ];
    (headers, bytes).into_response()
}

/// Bytes as they came, to be saved and never opened here.
pub(crate) fn quarantined(name: &str, bytes: Vec<u8>) -> Response {
    let disposition = format!("attachment; filename=\"{name}\"");
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (header::CONTENT_DISPOSITION, disposition),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; sandbox".to_owned(),
        ),
    ];
    (headers, bytes).into_response()
}
