//! PNG files with a palette: charts have few colors, and a byte for each pixel instead of four makes them a third of
//! the size and several times as fast to write.
//!
//! PNG (ISO 15948), color type 3, eight bits, no filter. A picture of more than 256 colors, which the soft edges of
//! letters can give, loses the last bits of each channel, which nobody sees, until it has no more than that.

use flate2::Crc;
use flate2::write::ZlibEncoder;
use rustc_hash::FxHashMap;
use std::io::Write;

/// Entries of a palette.
const COLORS: usize = 256;

/// Writes opaque pixels, four bytes red, green, blue, alpha each, as PNG; `dpi` dots to the inch are noted in it where
/// given. Writing into memory cannot fail.
pub fn encode(rgba: &[u8], width: u32, height: u32, dpi: Option<u32>) -> Vec<u8> {
    let (palette, indices) = (0..8)
        .find_map(|bits| indexed(rgba, bits))
        .unwrap_or_default();
    let mut out = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut head = Vec::with_capacity(13);
    head.extend(width.to_be_bytes());
    head.extend(height.to_be_bytes());
    // Bits, color type, and the only methods there are.
    head.extend([8, 3, 0, 0, 0]);
    chunk(&mut out, b"IHDR", &head);
    if let Some(dpi) = dpi {
        // Pixels to the meter, both ways; 1 is the meter.
        let meter = (f64::from(dpi) / 0.0254).round() as u32;
        let mut density = Vec::with_capacity(9);
        density.extend(meter.to_be_bytes());
        density.extend(meter.to_be_bytes());
        density.push(1);
        chunk(&mut out, b"pHYs", &density);
    }
    chunk(&mut out, b"PLTE", &palette);
    let mut packed = ZlibEncoder::new(Vec::new(), flate2::Compression::new(6));
    for row in indices.chunks(width.max(1) as usize) {
        // Each row begins with its filter: none.
        packed.write_all(&[0]).expect("memory takes every byte");
        packed.write_all(row).expect("memory takes every byte");
    }
    let packed = packed.finish().expect("memory takes every byte");
    chunk(&mut out, b"IDAT", &packed);
    chunk(&mut out, b"IEND", &[]);
    out
}

/// Palette and an index for each pixel, with the last `bits` of each channel rounded away; None where that leaves too
/// many colors. Colors stand in the order of their first pixel.
fn indexed(rgba: &[u8], bits: u32) -> Option<(Vec<u8>, Vec<u8>)> {
    let mut palette: Vec<u8> = Vec::new();
    let mut known: FxHashMap<[u8; 3], u8> = FxHashMap::default();
    let mut indices = Vec::with_capacity(rgba.len() / 4);
    // Most pixels are like the one before.
    let mut last: Option<(&[u8], u8)> = None;
    for pixel in rgba.chunks_exact(4) {
        if let Some((before, index)) = last
            && before == pixel
        {
            indices.push(index);
            continue;
        }
        let color = [pixel[0], pixel[1], pixel[2]].map(|channel| coarse(channel, bits));
        let index = match known.get(&color) {
            Some(index) => *index,
            None if known.len() == COLORS => return None,
            None => {
                let index = known.len() as u8;
                known.insert(color, index);
                palette.extend(color);
                index
            }
        };
        indices.push(index);
        last = Some((pixel, index));
    }
    Some((palette, indices))
}

/// A channel in steps of two to the power of `bits`; black and white stay what they are.
fn coarse(channel: u8, bits: u32) -> u8 {
    if bits == 0 || channel == 255 {
        return channel;
    }
    let step = 1u16 << bits;
    ((u16::from(channel) + step / 2) / step * step).min(255) as u8
}

/// A chunk: length, name, content, checksum over name and content.
fn chunk(out: &mut Vec<u8>, name: &[u8; 4], content: &[u8]) {
    let length = u32::try_from(content.len()).unwrap_or(u32::MAX);
    out.extend(length.to_be_bytes());
    out.extend(name);
    out.extend(content);
    let mut sum = Crc::new();
    sum.update(name);
    sum.update(content);
    out.extend(sum.sum().to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use resvg::tiny_skia::Pixmap;

    fn opaque(colors: impl Iterator<Item = [u8; 3]>) -> Vec<u8> {
        colors.flat_map(|[r, g, b]| [r, g, b, 255]).collect()
    }

    #[test]
    fn another_reader_gets_the_same_pixels() {
        let colors = |n: u32| [(n % 5 * 50) as u8, (n % 7 * 30) as u8, (n % 3 * 90) as u8];
        let pixels = opaque((0..24 * 10).map(colors));
        let file = encode(&pixels, 24, 10, Some(300));
        let back = Pixmap::decode_png(&file).expect("a sound file");
        assert_eq!((back.width(), back.height()), (24, 10));
        assert_eq!(back.data(), pixels);
        assert!(file.windows(4).any(|w| w == b"pHYs"));
        // One byte of the pixels changed is found by the reader: the last before the end's own twelve.
        let mut broken = file.clone();
        let at = broken.len() - 20;
        broken[at] ^= 1;
        assert!(Pixmap::decode_png(&broken).is_err());
    }

    #[test]
    fn too_many_colors_lose_what_nobody_sees() {
        let pixels = opaque((0..4096u32).map(|n| [(n % 64 * 4) as u8, (n / 64 * 4) as u8, 255]));
        let back = Pixmap::decode_png(&encode(&pixels, 64, 64, None)).expect("a sound file");
        let far = pixels
            .iter()
            .zip(back.data())
            .map(|(a, b)| a.abs_diff(*b))
            .max();
        assert!(far.is_some_and(|far| far <= 16), "{far:?}");
    }

    #[test]
    fn white_stays_white() {
        assert!((0..8).all(|bits| coarse(255, bits) == 255 && coarse(0, bits) == 0));
    }
}
