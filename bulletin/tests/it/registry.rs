//! The declarations and their documentation.

use bulletin::statistics::document::{END_MARKER, document};

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/statistics.md");

/// `UPDATE_GOLDEN=1` rewrites the generated part and leaves what follows the marker.
#[test]
fn the_documentation_is_what_the_declarations_say() {
    let written = std::fs::read_to_string(PATH).unwrap_or_default();
    let by_hand = written
        .split_once(END_MARKER)
        .map_or("", |(_, rest)| rest.trim_start_matches('\n'));
    let expected = format!("{}\n{by_hand}", document());
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(PATH, &expected).expect("docs/statistics.md can be written");
        return;
    }
    assert!(
        written == expected,
        "docs/statistics.md differs from the declarations: run with UPDATE_GOLDEN=1"
    );
}
