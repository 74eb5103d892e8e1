//! All outputs agree: what each form prints is taken out of its bytes again and compared with the bulletin, figure by
//! figure and sentence by sentence. Each extractor has a broken twin: one number changed in the bytes must be found.

mod extract;
mod peers;
mod wechat;

use super::print::FONTS;
use super::{hostile, specimen};
use bulletin::render::{self, Form};
use extract::Printed;
use model::bulletin::{Bulletin, Lang, Paragraph};
use std::sync::LazyLock;

/// The word edition of the full specimen in Chinese, made once: pictures are slow without optimization.
static DOCX: LazyLock<Option<Vec<u8>>> = LazyLock::new(|| {
    let fonts = FONTS.as_ref()?;
    Some(render::docx(&specimen::bulletin(), Lang::Zh, fonts).expect("a document"))
});

/// Every form of a bulletin that prints all figures, as taken out of its bytes again.
fn printed(b: &Bulletin, lang: Lang) -> Vec<(&'static str, Printed)> {
    let (home, leave) = ("https://cert.example/3/", "https://cert.example/leave");
    let mut out = vec![
        (
            "xlsx",
            extract::xlsx(&unpacked(&render::xlsx(b, lang).expect("a workbook"))),
        ),
        ("md", extract::markdown(&render::markdown(b, lang))),
        ("wechat", extract::wechat(&render::wechat(b, lang), lang)),
        (
            "mail.html",
            extract::mail_html(&render::mail_html(b, lang, home, leave)),
        ),
        (
            "mail.txt",
            extract::mail_text(&render::mail_text(b, lang, home, leave), lang),
        ),
    ];
    let full = lang == Lang::Zh && *b == specimen::bulletin();
    let document = match &*FONTS {
        Some(_) if full => DOCX.clone(),
        Some(fonts) => Some(render::docx(b, lang, fonts).expect("a document")),
        None => None,
    };
    if let Some(bytes) = document {
        out.push(("docx", extract::docx(&unpacked(&bytes))));
    }
    out
}

/// The parts of a packed document: name and content.
fn unpacked(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    use std::io::Read;
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(bytes)).expect("a container");
    (0..archive.len())
        .map(|at| {
            let mut entry = archive.by_index(at).expect("an entry");
            let mut content = Vec::new();
            entry.read_to_end(&mut content).expect("whole");
            (entry.name().expect("a name").into_owned(), content)
        })
        .collect()
}

/// What a form should print of every figure, against what it does; one line for each difference.
fn differences(b: &Bulletin, lang: Lang, found: &Printed) -> Vec<String> {
    let mut out = Vec::new();
    for v in &b.values {
        let wanted = v.value.as_ref().map(|a| a.text.get(lang));
        let Some(text) = found.figures.get(&v.key) else {
            out.push(format!("{} is not printed", v.key));
            continue;
        };
        // Some forms join the unit.
        let bare = text
            .strip_suffix(v.unit.get(lang))
            .unwrap_or(text)
            .trim_end();
        let same = match wanted {
            Some(wanted) => text == wanted || bare == wanted,
            None => {
                text.is_empty()
                    || v.missing
                        .as_ref()
                        .is_some_and(|m| text.contains(m.get(lang)))
            }
        };
        if !same {
            out.push(format!("{}: {text} instead of {wanted:?}", v.key));
        }
        if let (Some(number), Some(amount)) = (found.numbers.get(&v.key), &v.value) {
            let wanted = amount.number.map(|n| n.to_f64());
            if *number != wanted {
                out.push(format!(
                    "{}: the number {number:?} instead of {wanted:?}",
                    v.key
                ));
            }
        }
    }
    if !found.all_text.is_empty() {
        let text = extract::dense(&found.all_text);
        for wanted in sentences(b, lang) {
            if !text.contains(&extract::dense(&wanted)) {
                out.push(format!("the text lacks: {wanted}"));
            }
        }
    }
    out
}

/// Every sentence, tile, cell and note that is read, whatever the form.
fn sentences(b: &Bulletin, lang: Lang) -> Vec<String> {
    let mut out = Vec::new();
    let mut paragraph = |p: &Paragraph| out.push(p.plain(lang));
    paragraph(&b.rating.sentence);
    b.situation.iter().for_each(&mut paragraph);
    for story in b.lead.iter().chain(&b.news) {
        story.paragraphs.iter().for_each(&mut paragraph);
    }
    for section in &b.sections {
        section.paragraphs.iter().for_each(&mut paragraph);
    }
    b.notes.iter().for_each(|n| paragraph(&n.text));
    for t in &b.board.tiles {
        let texts = [&t.name, &t.amount, &t.unit, &t.change.text];
        out.extend(texts.map(|x| x.get(lang).to_owned()));
    }
    for c in b.handling.iter().flat_map(|h| &h.cells) {
        out.extend([&c.name, &c.amount, &c.note].map(|x| x.get(lang).to_owned()));
    }
    for story in b.lead.iter().chain(&b.news) {
        out.push(story.title.get(lang).to_owned());
    }
    for section in &b.sections {
        out.push(section.title.get(lang).to_owned());
        for row in section.tables.iter().flat_map(|t| &t.rows) {
            out.push(row.name.get(lang).to_owned());
            out.extend(row.cells.iter().map(|c| c.text.get(lang).to_owned()));
        }
        out.extend(section.charts.iter().map(|c| c.title.get(lang).to_owned()));
    }
    out
}

#[test]
fn every_form_prints_every_figure_and_sentence() {
    for b in [specimen::bulletin(), specimen::sparse()] {
        for lang in Lang::ALL {
            // The full document is made in one language, the sparse one in the other.
            for (form, found) in printed(&b, lang) {
                assert_eq!(
                    differences(&b, lang, &found),
                    Vec::<String>::new(),
                    "{form}"
                );
            }
        }
    }
}

#[test]
fn a_number_that_was_changed_is_found_in_every_form() {
    let mut b = specimen::bulletin();
    b.sections.iter_mut().for_each(|s| s.charts.clear());
    let lang = Lang::En;
    let mut changed = b.clone();
    let v = changed
        .values
        .iter_mut()
        .find(|v| v.key == "W1")
        .expect("listed");
    let amount = v.value.as_mut().expect("a number");
    amount.text = model::bulletin::Text::same("2,164");
    amount.number = Some(model::bulletin::Decimal::count(2_164));
    let forms = printed(&changed, lang);
    assert!(forms.len() >= 5);
    for (form, found) in forms {
        let told = differences(&b, lang, &found);
        assert!(
            told.iter().any(|d| d.starts_with("W1: 2,164")),
            "{form}: {told:?}"
        );
    }
    // And in a sentence.
    let mut changed = b.clone();
    changed.sections[1].paragraphs[0]
        .en
        .iter_mut()
        .for_each(|run| {
            if let model::bulletin::Run::Number { text, .. } = run {
                *text = text.replace("2,146", "2,164");
            }
        });
    for (form, found) in printed(&changed, lang) {
        let told = differences(&b, lang, &found);
        assert!(
            form == "xlsx" || told.iter().any(|d| d.contains("the text lacks")),
            "{form}"
        );
    }
}

#[test]
fn the_page_prints_no_figure_that_the_others_lack() {
    let b = specimen::bulletin();
    for lang in Lang::ALL {
        let html = render::html(&b, lang);
        let keys: std::collections::BTreeSet<&str> = html
            .split(" data-statistic=\"")
            .skip(1)
            .filter_map(|t| t.split('"').next())
            .collect();
        assert!(keys.len() > 15);
        let found = extract::mail_html(&render::mail_html(&b, lang, "https://cert.example/", "x"));
        for key in keys {
            assert!(found.figures.contains_key(key), "{key}");
        }
    }
}

/// The page with links to every other form.
fn page(b: &model::bulletin::Bulletin, lang: Lang) -> render::Rendition {
    render::Rendition {
        name: format!("{}.{}.html", render::stem(b), lang.code()),
        bytes: render::html(b, lang).into_bytes(),
    }
}

#[test]
fn the_same_bulletin_gives_the_same_files_on_any_thread() {
    let Some(fonts) = &*FONTS else { return };
    let mut b = specimen::sparse();
    b.sections.iter_mut().for_each(|s| s.charts.truncate(1));
    let here = render::all(&b, fonts).expect("all files");
    let there = std::thread::scope(|scope| {
        let work = || {
            // One after the other, as a machine with one processor does.
            Form::ALL
                .iter()
                .map(|f| match f {
                    // A page alone links to no other form: the whole set is compared.
                    Form::Html => Lang::ALL.map(|lang| page(&b, lang)).to_vec(),
                    _ => render::files(&b, &[*f], &Lang::ALL, Some(fonts)).expect("files"),
                })
                .collect::<Vec<_>>()
        };
        scope.spawn(work).join().expect("no panic")
    });
    let mut there: Vec<render::Rendition> = there.into_iter().flatten().collect();
    let mut sorted = here.clone();
    sorted.sort_by(|a, b| a.name.cmp(&b.name));
    there.sort_by(|a, b| a.name.cmp(&b.name));
    assert_eq!(sorted.len(), there.len());
    for (a, b) in sorted.iter().zip(&there) {
        assert!(a == b, "{} and {} differ", a.name, b.name);
    }
    let names: Vec<&str> = here.iter().map(|f| f.name.as_str()).collect();
    assert_eq!(names, render::names(&b, &Form::ALL, &Lang::ALL));
    for name in [
        "2023-3.json",
        "2023-3.zh.html",
        "2023-3.en.pdf",
        "2023-3.zh.docx",
        "2023-3.zh.xlsx",
        "2023-3.zh.md",
        "2023-3.zh.wechat.html",
        "2023-3.wechat-cover.zh.png",
        "2023-3.wechat-fig1.en.png",
        "2023-3.zh.mail.html",
        "2023-3.zh.mail.txt",
        "2023-3.fig1.zh.png",
        "2023-3.fig1.zh.svg",
        "2023-3.fig1.zh.csv",
        "2023-3.card.zh.png",
    ] {
        assert!(names.contains(&name), "{name}");
    }
}

#[test]
fn forms_without_pictures_need_no_font() {
    let b = specimen::sparse();
    let plain: Vec<Form> = Form::ALL.into_iter().filter(|f| !f.needs_fonts()).collect();
    let names: Vec<&str> = plain.iter().map(|f| f.name()).collect();
    assert_eq!(names, ["html", "json", "csv", "svg", "xlsx", "md", "mail"]);
    assert!(render::files(&b, &plain, &Lang::ALL, None).is_ok());
    let Err(error) = render::files(&b, &[Form::Md, Form::Docx], &[Lang::Zh], None) else {
        panic!("a document has pictures")
    };
    assert!(error.to_string().contains("docx") && error.to_string().contains("fonts-noto-cjk"));
}

#[test]
fn no_text_becomes_markup_in_any_form() {
    let b = hostile::poisoned();
    for lang in Lang::ALL {
        let mail = render::mail_html(&b, lang, "https://cert.example/\"><b>", "x\"><i>");
        assert!(!mail.contains("<script") && !mail.contains("<b>\"") && !mail.contains("<i>"));
        assert_eq!(mail.matches("</style>").count(), 1);
        let body = mail.split("</head>").nth(1).expect("a body");
        hostile::well_formed(body.trim_end().trim_end_matches("</html>"));
        let md = render::markdown(&b, lang);
        assert!(!md.replace("\\<", "").contains('<') || md.contains("<https://"));
        let article = render::wechat(&b, lang);
        assert!(!article.contains("<script") && !article.contains("style>"));
        let sheets = unpacked(&render::xlsx(&b, lang).expect("a workbook"));
        for (name, content) in &sheets {
            let text = String::from_utf8_lossy(content);
            assert!(
                !text.contains("<f>") && !text.contains("<f "),
                "a formula in {name}"
            );
            assert!(
                !text.contains("<script") && !text.contains('\u{202e}'),
                "{name}"
            );
        }
        for text in [
            mail,
            md,
            article,
            render::card(&b, lang),
            render::cover(&b, lang),
        ] {
            assert!(!text.contains('\u{202e}') && !text.contains('\u{0}'));
        }
        hostile::well_formed(&render::card(&b, lang));
        hostile::well_formed(&render::cover(&b, lang));
    }
    if let Some(fonts) = &*FONTS {
        let mut b = b;
        b.sections.truncate(1);
        b.board.tiles.truncate(1);
        let parts = unpacked(&render::docx(&b, Lang::En, fonts).expect("a document"));
        let found = extract::docx(&parts);
        assert!(
            found
                .all_text
                .contains("<script>alert(1)</script>&\"'}</style>\u{fffd}")
        );
        let document = String::from_utf8_lossy(
            &parts
                .iter()
                .find(|p| p.0 == "word/document.xml")
                .expect("there")
                .1,
        );
        assert!(!document.contains("<script"));
    }
}

#[test]
fn a_document_names_nothing_outside_itself_and_describes_its_pictures() {
    let Some(bytes) = &*DOCX else { return };
    let parts = unpacked(bytes);
    let part = |name: &str| {
        let found = parts.iter().find(|p| p.0 == name).expect("a part");
        String::from_utf8(found.1.clone()).expect("UTF-8")
    };
    for (name, content) in &parts {
        if name.ends_with(".rels") {
            assert!(
                !String::from_utf8_lossy(content).contains("External"),
                "{name}"
            );
        }
    }
    let document = part("word/document.xml");
    let pictures = document.matches("<wp:docPr ").count();
    // Ten charts and eight lines of the board.
    assert_eq!(pictures, 18);
    let described = document
        .split("<wp:docPr ")
        .skip(1)
        .filter(|t| {
            t.split("/>")
                .next()
                .is_some_and(|tag| !tag.contains("descr=\"\"") && tag.contains("descr=\""))
        })
        .count();
    assert_eq!(described, pictures);
    assert!(document.matches("<w:tblHeader/>").count() >= 15);
    assert!(document.contains("w:val=\"Heading1\"") && document.contains("w:val=\"Title\""));
    let styles = part("word/styles.xml");
    assert!(
        styles.contains("w:eastAsia=\"Microsoft YaHei\"")
            && styles.contains("w:eastAsia=\"zh-CN\"")
    );
    assert!(
        styles.contains("<w:name w:val=\"heading 1\"/>")
            && styles.contains("<w:outlineLvl w:val=\"0\"/>")
    );
    let core = part("docProps/core.xml");
    assert!(
        core.contains("2023-01-19T12:00:00Z")
            && core.contains("网络安全信息与动态周报 2023年第3期")
    );
    assert!(part("word/footer1.xml").contains("TLP:CLEAR"));
}

#[test]
fn pictures_have_the_size_that_was_asked_for() {
    let Some(fonts) = &*FONTS else { return };
    let b = specimen::bulletin();
    let size = |png: &[u8]| {
        assert!(png.starts_with(b"\x89PNG\r\n\x1a\n"));
        let at = |from: usize| u32::from_be_bytes(png[from..from + 4].try_into().expect("four"));
        (at(16), at(20))
    };
    let card = render::card_png(&b, Lang::Zh, fonts).expect("a card");
    assert_eq!(size(&card), (1200, 675));
    let cover = render::cover_png(&b, Lang::En, fonts).expect("a cover");
    assert_eq!(size(&cover), (900, 383));
    let chart = b.charts().nth(3).expect("a chart");
    let (width, palette) = (
        render::charts::Width::Narrow,
        render::palette::Palette::LIGHT,
    );
    let picture = render::png(chart, Lang::Zh, width, &palette, 1.0, fonts).expect("a picture");
    assert_eq!(size(&picture).0, 342 + 32);
    for scale in [0.0, -1.0, f32::NAN, f32::INFINITY, 1e6] {
        let refused = render::png(chart, Lang::Zh, width, &palette, scale, fonts);
        assert!(
            matches!(refused, Err(bulletin::Error::Picture { .. })),
            "{scale}"
        );
    }
}

#[test]
fn text_forms_are_as_kept() {
    let b = specimen::bulletin();
    for lang in Lang::ALL {
        let code = lang.code();
        let (home, leave) = (render::HOME, render::UNSUBSCRIBE);
        let files = [
            (format!("full.{code}.md"), render::markdown(&b, lang)),
            (format!("full.{code}.wechat.html"), render::wechat(&b, lang)),
            (
                format!("full.{code}.mail.html"),
                render::mail_html(&b, lang, home, leave),
            ),
            (
                format!("full.{code}.mail.txt"),
                render::mail_text(&b, lang, home, leave),
            ),
            (format!("card.{code}.svg"), render::card(&b, lang)),
            (format!("cover.{code}.svg"), render::cover(&b, lang)),
        ];
        for (name, text) in files {
            super::golden::compare(&name, text.as_bytes());
        }
    }
}
