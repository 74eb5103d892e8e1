//! Pictures from outside. What the bytes are is told by the bytes alone; size in pixels is asked before anything is
//! decoded; what is shown is drawn anew, so that nothing but the picture is left: no place, no name, no script, no
//! second file behind it.

use std::io::Cursor;

use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader};

/// Bytes of one file at most.
pub(crate) const MOST_BYTES: usize = 5 << 20;
/// Pixels of one picture at most: a photograph of a telephone has 12 to 20 million.
const MOST_PIXELS: u64 = 24_000_000;
/// Pixels of one side at most.
const MOST_SIDE: u32 = 16_000;
/// Bytes that decoding one may take.
const MOST_MEMORY: u64 = 160 << 20;
/// The picture that is shown is at most so wide and high.
const SHOWN: (u32, u32) = (2_000, 6_000);

/// Why a file is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bad {
    /// It has too many bytes.
    TooBig,
    /// It is none of the kinds that are taken.
    Kind,
    /// It has too many pixels.
    TooManyPixels,
    /// It begins like one and is none.
    Broken,
}

/// A file that is taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Taken {
    /// What its first bytes say it is.
    pub(crate) kind: &'static str,
    /// The picture drawn anew, PNG, with its width and height; a document has none.
    pub(crate) shown: Option<(Vec<u8>, u32, u32)>,
}

/// What first bytes say.
fn sniff(bytes: &[u8]) -> Option<(&'static str, Option<ImageFormat>)> {
    let starts = |with: &[u8]| bytes.starts_with(with);
    if starts(b"\x89PNG\r\n\x1a\n") {
        return Some(("png", Some(ImageFormat::Png)));
    }
    if starts(b"\xff\xd8\xff") {
        return Some(("jpeg", Some(ImageFormat::Jpeg)));
    }
    if starts(b"GIF87a") || starts(b"GIF89a") {
        return Some(("gif", Some(ImageFormat::Gif)));
    }
    if starts(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
        return Some(("webp", Some(ImageFormat::WebP)));
    }
    starts(b"%PDF-").then_some(("pdf", None))
}

/// Looks at a file and draws its picture anew. `documents`: whether PDF is taken too, which is never shown. Takes up to
/// a second: call it off the threads that serve.
///
/// # Errors
/// Why it is not taken.
pub(crate) fn take(bytes: &[u8], documents: bool) -> Result<Taken, Bad> {
    if bytes.len() > MOST_BYTES {
        return Err(Bad::TooBig);
    }
    let (kind, format) = sniff(bytes).ok_or(Bad::Kind)?;
    let Some(format) = format else {
        return match documents {
            true => Ok(Taken { kind, shown: None }),
            false => Err(Bad::Kind),
        };
    };
    let reader = || ImageReader::with_format(Cursor::new(bytes), format);
    let (width, height) = reader().into_dimensions().map_err(|_| Bad::Broken)?;
    let pixels = u64::from(width) * u64::from(height);
    if pixels > MOST_PIXELS || width > MOST_SIDE || height > MOST_SIDE {
        return Err(Bad::TooManyPixels);
    }
    if pixels == 0 {
        return Err(Bad::Broken);
    }
    let mut reader = reader();
    let mut limits = image::Limits::default();
    limits.max_image_width = Some(MOST_SIDE);
    limits.max_image_height = Some(MOST_SIDE);
    limits.max_alloc = Some(MOST_MEMORY);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(|_| Bad::Broken)?;
    // How it was held is in what is thrown away: it is turned first.
    let turned = decoder.orientation().ok();
    let mut picture = DynamicImage::from_decoder(decoder).map_err(|_| Bad::Broken)?;
    if let Some(turned) = turned {
        picture.apply_orientation(turned);
    }
    if picture.width() > SHOWN.0 || picture.height() > SHOWN.1 {
        picture = picture.thumbnail(SHOWN.0, SHOWN.1);
    }
    // Eight bits a channel are enough to look at.
    let picture = match picture.color().has_alpha() {
        true => DynamicImage::ImageRgba8(picture.into_rgba8()),
        false => DynamicImage::ImageRgb8(picture.into_rgb8()),
    };
    let mut out = Cursor::new(Vec::new());
    picture
        .write_to(&mut out, ImageFormat::Png)
        .map_err(|_| Bad::Broken)?;
    Ok(Taken {
        kind,
        shown: Some((out.into_inner(), picture.width(), picture.height())),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(width: u32, height: u32, format: ImageFormat) -> Vec<u8> {
        let picture = DynamicImage::ImageRgb8(image::RgbImage::from_fn(width, height, |x, y| {
            image::Rgb([x as u8, y as u8, 7])
        }));
        let mut out = Cursor::new(Vec::new());
        picture.write_to(&mut out, format).expect("written");
        out.into_inner()
    }

    #[test]
    fn every_kind_is_drawn_anew_and_nothing_else_is_left() {
        for (format, kind) in [
            (ImageFormat::Png, "png"),
            (ImageFormat::Jpeg, "jpeg"),
            (ImageFormat::Gif, "gif"),
            (ImageFormat::WebP, "webp"),
        ] {
            let mut bytes = made(40, 30, format);
            bytes.extend_from_slice(b"<script>alert(1)</script>PK\x03\x04");
            let taken = take(&bytes, false).expect(kind);
            let (shown, width, height) = taken.shown.expect("a picture");
            assert_eq!((taken.kind, width, height), (kind, 40, 30));
            assert!(shown.starts_with(b"\x89PNG"));
            assert!(!shown.windows(7).any(|part| part == b"<script"), "{kind}");
        }
    }

    #[test]
    fn what_a_picture_carries_beside_itself_is_gone() {
        // A JPEG with a segment of Exif in which the place stands.
        let plain = made(16, 16, ImageFormat::Jpeg);
        let mut exif = b"Exif\0\0MM\0*\0\0\0\x08\0\0GPS 31.23N 121.47E".to_vec();
        let length = u16::try_from(exif.len() + 2).expect("short");
        let mut bytes = plain[..2].to_vec();
        bytes.extend_from_slice(b"\xff\xe1");
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.append(&mut exif);
        bytes.extend_from_slice(&plain[2..]);
        let taken = take(&bytes, false).expect("a picture");
        let shown = taken.shown.expect("shown").0;
        assert!(!shown.windows(3).any(|part| part == b"GPS"));
    }

    #[test]
    fn a_picture_that_only_says_it_is_large_is_not_decoded() {
        // A PNG head of 60,000 by 60,000 pixels and nothing behind it: 10 GB, if one believed it.
        let mut bytes = made(1, 1, ImageFormat::Png);
        bytes[16..20].copy_from_slice(&60_000_u32.to_be_bytes());
        bytes[20..24].copy_from_slice(&60_000_u32.to_be_bytes());
        // The checksum of the head, so that only the size is wrong.
        let mut crc = !0u32;
        for byte in &bytes[12..29] {
            crc ^= u32::from(*byte);
            for _ in 0..8 {
                crc = if crc & 1 == 1 {
                    (crc >> 1) ^ 0xedb8_8320
                } else {
                    crc >> 1
                };
            }
        }
        bytes[29..33].copy_from_slice(&(!crc).to_be_bytes());
        assert_eq!(take(&bytes, false), Err(Bad::TooManyPixels));
    }

    #[test]
    fn what_is_none_is_not_taken() {
        assert_eq!(
            take(b"<svg xmlns='http://www.w3.org/2000/svg'/>", true),
            Err(Bad::Kind)
        );
        assert_eq!(take(b"<html>", true), Err(Bad::Kind));
        assert_eq!(take(b"", true), Err(Bad::Kind));
        assert_eq!(take(b"\x89PNG\r\n\x1a\nrubbish", false), Err(Bad::Broken));
        assert_eq!(take(b"GIF89a", false), Err(Bad::Broken));
        assert_eq!(take(b"%PDF-1.7", false), Err(Bad::Kind));
        assert_eq!(take(b"%PDF-1.7", true).expect("taken").shown, None);
        assert_eq!(take(&vec![0; MOST_BYTES + 1], true), Err(Bad::TooBig));
    }

    #[test]
    fn a_long_picture_is_made_small_enough_to_look_at() {
        let bytes = made(3_000, 100, ImageFormat::Png);
        let (_, width, height) = take(&bytes, false).expect("taken").shown.expect("shown");
        assert_eq!((width, height), (2_000, 67));
    }
}
