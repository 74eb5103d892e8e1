//! Pictures as PNG: charts, sparklines, the card and the cover, for forms that cannot hold SVG.
//!
//! The SVG is our own; it is drawn in the process with the fonts that the PDF is set in, so the same bulletin and
//! fonts give the same pixels everywhere. No file and no address that an SVG names is ever opened.

use super::charts::{self, Width};
use super::palette::Palette;
use super::{Fonts, bitmap, svg};
use crate::Error;
use model::bulletin::{Chart, Lang};
use resvg::tiny_skia::{Color, Pixmap, Transform};
use resvg::usvg;

/// The longest side, px, and the largest area that is drawn: a mistake in a scale must not take the memory.
const LONGEST: f32 = 16_000.0;
const AREA: f32 = 60e6;

/// A finished picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// The file.
    pub png: Vec<u8>,
    /// Width, px.
    pub width: u32,
    /// Height, px.
    pub height: u32,
}

/// A chart as a PNG file: title, subtitle, picture, source on the palette's ground; `scale` pixels for each px of
/// the drawing.
///
/// # Errors
/// [`Error::Picture`] where `scale` makes a picture of no size or beyond all reason.
pub fn png(
    chart: &Chart,
    lang: Lang,
    width: Width,
    palette: &Palette,
    scale: f32,
    fonts: &Fonts,
) -> Result<Vec<u8>, Error> {
    let drawing = svg(chart, lang, width, palette);
    Ok(raster(&drawing, scale, fonts)?.png)
}

/// The picture of a chart alone, on white, `px` pixels wide, its title and source being set as text around it.
pub(super) fn bare(
    chart: &Chart,
    lang: Lang,
    width: Width,
    px: f32,
    dpi: Option<u32>,
    fonts: &Fonts,
) -> Result<Picture, Error> {
    let frame = super::Frame::File(0.0);
    let drawing = charts::draw(chart, lang, width, &Palette::PRINT, frame);
    raster_at(&drawing, px, dpi, fonts)
}

/// Draws one of our SVG files, `scale` pixels to a px.
pub(super) fn raster(svg: &str, scale: f32, fonts: &Fonts) -> Result<Picture, Error> {
    draw(svg, fonts, None, |_| scale)
}

/// Draws one of our SVG files `px` pixels wide, noting in it how many dots an inch has on paper.
pub(super) fn raster_at(
    svg: &str,
    px: f32,
    dpi: Option<u32>,
    fonts: &Fonts,
) -> Result<Picture, Error> {
    draw(svg, fonts, dpi, |width| px / width)
}

fn draw(
    svg: &str,
    fonts: &Fonts,
    dpi: Option<u32>,
    scale: impl Fn(f32) -> f32,
) -> Result<Picture, Error> {
    let refused = |reason: String| Error::Picture { reason };
    let tree = usvg::Tree::from_str(svg, fonts.drawing()).map_err(|e| refused(e.to_string()))?;
    let size = tree.size();
    let scale = scale(size.width());
    let (w, h) = (
        (size.width() * scale).round(),
        (size.height() * scale).round(),
    );
    let sound = w >= 1.0 && h >= 1.0 && w <= LONGEST && h <= LONGEST && w * h <= AREA;
    let pixels = if sound {
        Pixmap::new(w as u32, h as u32)
    } else {
        None
    };
    let mut pixels = pixels.ok_or_else(|| refused(format!("a size of {w} x {h} pixels")))?;
    // Never transparent: dark ink on a reader's dark ground says nothing.
    pixels.fill(Color::WHITE);
    let fit = Transform::from_scale(w / size.width(), h / size.height());
    resvg::render(&tree, fit, &mut pixels.as_mut());
    Ok(Picture {
        png: bitmap::encode(pixels.data(), pixels.width(), pixels.height(), dpi),
        width: pixels.width(),
        height: pixels.height(),
    })
}
