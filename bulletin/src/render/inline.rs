//! Pieces of markup for places without a style sheet: WeChat's editor and mail. Styles stand in the elements.

use super::draw::escape;
use super::palette::Palette;
use std::fmt::Write;

/// Light colors, as these forms lie on the reader's own white.
pub const INK: Palette = Palette::PRINT;

/// An element with a style and escaped text.
pub fn element(out: &mut String, name: &str, style: &str, text: &str) {
    open(out, name, style);
    out.push_str(&escape(text));
    close(out, name);
}

/// Opens an element with a style; none where it is empty.
pub fn open(out: &mut String, name: &str, style: &str) {
    if style.is_empty() {
        let _ = write!(out, "<{name}>");
    } else {
        let _ = write!(out, r#"<{name} style="{style}">"#);
    }
}

/// Closes an element.
pub fn close(out: &mut String, name: &str) {
    let _ = write!(out, "</{name}>");
}

/// The color of a change.
pub fn change_color(class: &str) -> &'static str {
    match class {
        "worse" => INK.worse,
        "better" => INK.better,
        _ => INK.ink_2,
    }
}
