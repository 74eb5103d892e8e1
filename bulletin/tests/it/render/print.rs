//! The PDF: same bytes every time, readable text, and a clear word where the font is missing.
//!
//! Needs a Chinese font (Debian `fonts-noto-cjk`); without one these tests print a loud line and pass, but in CI the
//! font must be there.

use super::{hostile, specimen};
use bulletin::Error;
use bulletin::render::{self, Fonts};
use model::bulletin::{Lang, Run};
use std::path::PathBuf;
use std::sync::LazyLock;

pub static FONTS: LazyLock<Option<Fonts>> = LazyLock::new(|| match Fonts::load(&[]) {
    Ok(fonts) => Some(fonts),
    Err(e) => {
        assert!(std::env::var_os("CI").is_none(), "{e}");
        eprintln!("SKIPPED: the PDF is not tested: {e}");
        None
    }
});

#[test]
fn the_same_bulletin_gives_the_same_pdf() {
    let Some(fonts) = &*FONTS else { return };
    let b = specimen::bulletin();
    for lang in Lang::ALL {
        let first = render::pdf(&b, lang, fonts).expect("a PDF");
        let again = render::pdf(&specimen::bulletin(), lang, fonts).expect("a PDF");
        assert!(first.starts_with(b"%PDF-1."));
        assert!(first == again, "two PDFs of one bulletin differ");
        assert!((5..=7).contains(&pages(&first)), "{} pages", pages(&first));
        // Fonts are embedded as subsets: a whole Chinese font is twenty megabytes.
        assert!(first.len() < 1_500_000, "{}", first.len());
    }
}

#[test]
fn all_files_have_safe_unique_names() {
    let Some(fonts) = &*FONTS else { return };
    let files = render::all(&specimen::sparse(), fonts).expect("all files");
    let names: std::collections::BTreeSet<&str> = files.iter().map(|f| f.name.as_str()).collect();
    assert_eq!(names.len(), files.len());
    assert!(names.iter().all(|n| {
        n.bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b))
    }));
    assert!(files.iter().all(|f| !f.bytes.is_empty()));
}

#[test]
fn hostile_text_is_set_as_text() {
    let Some(fonts) = &*FONTS else { return };
    let b = hostile::poisoned();
    render::pdf(&b, Lang::En, fonts).expect("markup in a text is no markup");
}

#[test]
fn a_section_longer_than_a_page_is_set_over_several() {
    let Some(fonts) = &*FONTS else { return };
    let mut b = specimen::bulletin();
    let short = render::pdf(&b, Lang::Zh, fonts).expect("a PDF");
    let words = Run::Words {
        text: "一段很长的说明文字。".repeat(60),
    };
    for _ in 0..20 {
        b.sections[0].paragraphs.push(model::bulletin::Paragraph {
            zh: vec![words.clone()],
            en: vec![],
        });
    }
    let long = render::pdf(&b, Lang::Zh, fonts).expect("a PDF");
    let before = pages(&short);
    assert!(
        pages(&long) >= before + 4,
        "{} pages after {before}",
        pages(&long)
    );
}

/// Number of pages, from the page tree.
fn pages(pdf: &[u8]) -> usize {
    let text = String::from_utf8_lossy(pdf);
    let at = text.find("/Count ").expect("a page tree") + "/Count ".len();
    let digits: String = text[at..]
        .chars()
        .take_while(char::is_ascii_digit)
        .collect();
    digits.parse().expect("a number")
}

#[test]
fn hashes_name_every_file_used() {
    let Some(fonts) = &*FONTS else { return };
    assert!(!fonts.hashes().is_empty());
    assert!(
        fonts
            .hashes()
            .iter()
            .all(|f| f.blake3.len() == 64 && !f.file.contains('/'))
    );
    assert_eq!(fonts.hashes(), Fonts::load(&[]).expect("again").hashes());
}

#[test]
fn a_missing_font_is_a_clear_message_not_a_page_of_boxes() {
    let empty = tempfile::tempdir().expect("a folder");
    std::fs::write(empty.path().join("broken.ttf"), b"not a font").expect("a file");
    let Err(error) = Fonts::load_only(&[empty.path().to_owned()]) else {
        panic!("no font is no font")
    };
    let text = error.to_string();
    assert!(matches!(error, Error::NoFont { .. }));
    for part in [
        "网",
        "fonts-noto-cjk",
        "--font-dir",
        &empty.path().display().to_string(),
    ] {
        assert!(text.contains(part), "{text}");
    }
    let Err(error) = Fonts::load_only(&[PathBuf::from("/no/such/folder")]) else {
        panic!("no folder is no font")
    };
    assert!(
        error
            .to_string()
            .starts_with("font path /no/such/folder: cannot be read")
    );
}
