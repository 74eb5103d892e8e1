//! Evidence: never shown as it is. A picture is read and drawn anew as a small grey one; everything goes out as a file
//! to be kept, in a sandbox, under no type that a browser would run.

use std::io::Cursor;

use axum::extract::{Path, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use ledger::{Evidence, NewAudit};
use model::ids::EvidenceId;
use serde_json::json;

use super::At;
use super::acts::load;
use crate::Desk;
use crate::refusal::Refusal;
use crate::visitor::Visitor;

/// Bytes of a picture that is looked at, at most.
const BIGGEST: i64 = 24 << 20;
/// Width and height of a picture that is read at most, and memory that reading takes at most.
const WIDEST: u32 = 12_000;
const MEMORY: u64 = 256 << 20;
/// Width of the preview at most, and height.
const PREVIEW: (u32, u32) = (800, 600);

/// Whether a picture can be drawn of it.
pub(super) fn is_picture(one: &Evidence) -> bool {
    let kinds = ["image/png", "image/jpeg", "image/gif", "image/webp"];
    kinds.contains(&one.media_type.as_str()) && one.bytes <= BIGGEST
}

/// A piece of the incident's evidence.
async fn piece(desk: &Desk, visitor: &Visitor, number: i64, id: &str) -> Result<Evidence, Refusal> {
    let id: EvidenceId = id.parse().map_err(|_| Refusal::Absent)?;
    let one = load(desk, visitor, number).await?;
    let all = desk.ledger.evidence(one.incident_id()).await?;
    all.into_iter()
        .find(|piece| piece.id.0 == id)
        .ok_or(Refusal::Absent)
}

async fn bytes(desk: &Desk, piece: &Evidence) -> Result<Vec<u8>, Refusal> {
    let (blobs, hash) = (desk.blobs.clone(), piece.blob);
    let read = tokio::task::spawn_blocking(move || blobs.read(&hash)).await;
    let read = read.map_err(|error| Refusal::broken("evidence", error))?;
    read.map_err(|error| Refusal::broken("evidence", error))
}

/// What keeps a browser from making anything of it.
fn sandboxed(response: &mut Response) {
    let policy = HeaderValue::from_static("default-src 'none'; sandbox");
    response
        .headers_mut()
        .insert(header::CONTENT_SECURITY_POLICY, policy);
    let nosniff = HeaderValue::from_static("nosniff");
    response
        .headers_mut()
        .insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
    let own = HeaderValue::from_static("same-origin");
    response
        .headers_mut()
        .insert(HeaderName::from_static("cross-origin-resource-policy"), own);
}

/// A name that is safe in a header and on every disk.
fn safe(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
    let name: String = name
        .chars()
        .map(|c| if plain(c) { c } else { '_' })
        .take(80)
        .collect();
    match name.trim_matches('.') {
        "" => "evidence".to_owned(),
        name => name.to_owned(),
    }
}

pub(super) async fn download(
    State(desk): At,
    visitor: Visitor,
    Path((number, id)): Path<(i64, String)>,
) -> Result<Response, Refusal> {
    let piece = piece(&desk, &visitor, number, &id).await?;
    let content = bytes(&desk, &piece).await?;
    // What was kept may be dangerous: who took a copy is told of in the trail.
    let record = NewAudit {
        actor: visitor.login().to_owned(),
        action: "evidence.read".to_owned(),
        object: format!("incident {}", piece.incident_id.0),
        detail: json!({ "evidence": piece.id.0, "blob": piece.blob }),
    };
    desk.ledger.append_audit(record, desk.now().0).await?;
    let disposition = format!("attachment; filename=\"{}\"", safe(&piece.name));
    let kind = (header::CONTENT_TYPE, "application/octet-stream".to_owned());
    let mut response =
        ([kind, (header::CONTENT_DISPOSITION, disposition)], content).into_response();
    sandboxed(&mut response);
    Ok(response)
}

pub(super) async fn preview(
    State(desk): At,
    visitor: Visitor,
    Path((number, id)): Path<(i64, String)>,
) -> Result<Response, Refusal> {
    let piece = piece(&desk, &visitor, number, &id).await?;
    if !is_picture(&piece) {
        return Err(Refusal::Absent);
    }
    let content = bytes(&desk, &piece).await?;
    let drawn = tokio::task::spawn_blocking(move || drawn(&content)).await;
    let drawn = drawn.map_err(|error| Refusal::broken("a preview", error))?;
    let drawn = drawn.map_err(|error| {
        tracing::info!(%error, evidence = %piece.id, "a preview cannot be drawn");
        Refusal::Absent
    })?;
    let mut response = ([(header::CONTENT_TYPE, "image/png")], drawn).into_response();
    sandboxed(&mut response);
    Ok(response)
}

/// A picture read within limits and drawn anew: small, grey, without anything that was beside its points.
fn drawn(bytes: &[u8]) -> Result<Vec<u8>, image::ImageError> {
    let mut limits = image::Limits::default();
    limits.max_image_width = Some(WIDEST);
    limits.max_image_height = Some(WIDEST);
    limits.max_alloc = Some(MEMORY);
    let mut reader = image::ImageReader::new(Cursor::new(bytes)).with_guessed_format()?;
    reader.limits(limits);
    let picture = reader.decode()?.thumbnail(PREVIEW.0, PREVIEW.1).grayscale();
    let mut out = Cursor::new(Vec::new());
    image::DynamicImage::from(picture.to_luma8()).write_to(&mut out, image::ImageFormat::Png)?;
    Ok(out.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_drawn_anew_and_small() {
        let mut red = image::RgbImage::new(1_600, 900);
        for point in red.pixels_mut() {
            *point = image::Rgb([200, 20, 20]);
        }
        let mut bytes = Cursor::new(Vec::new());
        red.write_to(&mut bytes, image::ImageFormat::Png)
            .expect("written");
        let mut bytes = bytes.into_inner();
        bytes.extend_from_slice(b"<script>alert(1)</script>");
        let drawn = drawn(&bytes).expect("drawn");
        assert!(!drawn.windows(8).any(|part| part == b"<script>"));
        let again = image::load_from_memory(&drawn).expect("a picture");
        assert_eq!((again.width(), again.height()), (800, 450));
        assert_eq!(again.color(), image::ColorType::L8);
        assert!(super::drawn(b"<svg onload=alert(1)>").is_err());
    }

    #[test]
    fn names_are_plain() {
        assert_eq!(safe("../a b\"\r\n.html"), "_a_b___.html");
        assert_eq!(safe("银行"), "__");
        assert_eq!(safe("..."), "evidence");
    }
}
