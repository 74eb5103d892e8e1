//! Golden files: what the specimen looks like in every text format, kept under `tests/it/render/golden`.
//!
//! `UPDATE_GOLDEN=1 cargo test -p bulletin` writes them anew; the change is then read in the diff and looked at as
//! pictures with `cargo run -p bulletin --example specimen`.

use super::specimen;
use bulletin::render::{self, charts::Width, palette::Palette};
use model::bulletin::Lang;
use std::path::PathBuf;

/// Compares with the kept file, or writes it anew.
pub fn compare(name: &str, bytes: &[u8]) {
    let path = PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/it/render/golden"
    ))
    .join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a writable tree");
        std::fs::write(&path, bytes).expect("a writable tree");
        return;
    }
    let kept = std::fs::read(&path)
        .unwrap_or_else(|e| panic!("{}: {e}; run with UPDATE_GOLDEN=1", path.display()));
    if kept != bytes {
        let at = kept.iter().zip(bytes).take_while(|(a, b)| a == b).count();
        let near = |text: &[u8]| {
            let text = &text[at.saturating_sub(60).min(text.len())..(at + 100).min(text.len())];
            String::from_utf8_lossy(text).into_owned()
        };
        panic!(
            "{name} differs at byte {at}\n kept: {}\n  now: {}\nrun with UPDATE_GOLDEN=1",
            near(&kept),
            near(bytes)
        );
    }
}

#[test]
fn pages_json_and_csv_are_as_kept() {
    for (name, b) in [
        ("full", specimen::bulletin()),
        ("sparse", specimen::sparse()),
    ] {
        compare(&format!("{name}.json"), render::json(&b).as_bytes());
        for lang in Lang::ALL {
            let code = lang.code();
            compare(
                &format!("{name}.{code}.html"),
                render::html(&b, lang).as_bytes(),
            );
            compare(&format!("{name}.{code}.csv"), &render::csv(&b, lang));
        }
    }
}

#[test]
fn charts_as_files_are_as_kept() {
    let b = specimen::bulletin();
    for chart in b.charts() {
        let svg = render::svg(chart, Lang::Zh, Width::Narrow, &Palette::LIGHT);
        compare(&format!("chart-{}.zh.svg", chart.id), svg.as_bytes());
    }
}

#[test]
fn the_same_bulletin_gives_the_same_bytes() {
    for lang in Lang::ALL {
        assert_eq!(
            render::html(&specimen::bulletin(), lang),
            render::html(&specimen::bulletin(), lang)
        );
        assert_eq!(
            render::csv(&specimen::bulletin(), lang),
            render::csv(&specimen::bulletin(), lang)
        );
    }
    assert_eq!(specimen::bulletin().digest(), specimen::bulletin().digest());
}
