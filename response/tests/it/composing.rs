//! Letters and tables.

use model::bulletin::Lang;
use model::notice::NoticeKind;
use model::organization::NoticeFormat;
use model::tlp::Tlp;
use model::worded::Word as _;
use response::deliver::manual;
use response::notice::words::{defang, refang};
use response::notice::{Composed, Look, Token, compose};

use crate::drafts::{NAUGHTY, draft, poisoned, several};

fn every() -> impl Iterator<Item = (NoticeKind, Lang)> {
    // An answer is in a person's own words, and not composed.
    let kinds = NoticeKind::ALL.iter();
    let kinds = kinds.filter(|kind| **kind != NoticeKind::Answer);
    kinds.flat_map(|kind| Lang::ALL.map(|lang| (*kind, lang)))
}

fn table(composed: &Composed) -> String {
    String::from_utf8(composed.attachments[0].bytes.clone()).unwrap()
}

/// With WATCHFIRE_LETTERS naming a folder, all letters are written there to be read.
#[test]
fn each_letter_says_who_what_when_and_how_to_answer() {
    let folder = std::env::var_os("WATCHFIRE_LETTERS").map(std::path::PathBuf::from);
    for (kind, lang) in every() {
        let draft = draft(kind, lang);
        let composed = compose(&draft, &Look::default()).unwrap();
        assert_eq!(
            composed,
            compose(&draft, &Look::default()).unwrap(),
            "the same again"
        );
        if let Some(folder) = &folder {
            let text = format!("Subject: {}\n\n{}", composed.subject, composed.text);
            std::fs::write(folder.join(format!("{kind}-{}.txt", lang.code())), text).unwrap();
        }
        let text = &composed.text;
        assert_eq!(Token::find(&composed.subject), Some(draft.token.clone()));
        assert!(
            composed.subject.starts_with("[TLP:AMBER] "),
            "{}",
            composed.subject
        );
        assert!(text.starts_with("TLP:AMBER"), "{text}");
        for part in [
            draft.sender.name.get(lang),
            draft.party.name.get(lang),
            &draft.sender.phone,
            "INC-2026-000123",
            "hxxps://login[.]example[.]com/bank/index[.]php?next=www[.]example[.]net",
            &draft.token.tag(),
        ] {
            assert!(text.contains(part), "{kind} {lang:?}: {part}\n{text}");
        }
        // A receipt decides nothing that one could appeal against.
        assert_eq!(
            text.contains("appeal@cert.example"),
            kind != NoticeKind::Receipt
        );
        assert!(
            !text.contains("login.example.com"),
            "nothing can be clicked:\n{text}"
        );
        assert!(
            !text.contains("Example Bank")
                && !table(&composed_or(&composed)).contains("Example Bank")
        );
        if kind.asks() {
            assert!(
                text.contains(if lang == Lang::Zh {
                    "11月21日"
                } else {
                    "21 November 2026"
                }),
                "{text}"
            );
            assert!(
                text.contains(if lang == Lang::Zh {
                    "非我单位"
                } else {
                    "NOT OURS"
                }),
                "{text}"
            );
            assert!(table(&composed).contains("https://login.example.com/bank/index.php"));
        }
        for line in text.lines() {
            assert_eq!(line, line.trim_end(), "no white space at ends of lines");
            let long = lang == Lang::En && !line.starts_with(' ') && line.chars().count() > 76;
            assert!(!long, "{line}");
        }
        assert!(
            !text.contains("\n\n\n") && !text.contains("{{") && !text.contains("{%"),
            "{text}"
        );
    }
    for lang in Lang::ALL {
        let composed = compose(&several(lang), &Look::default()).unwrap();
        if let Some(folder) = &folder {
            let text = format!("Subject: {}\n\n{}", composed.subject, composed.text);
            std::fs::write(folder.join(format!("several-{}.txt", lang.code())), text).unwrap();
            std::fs::write(
                folder.join(format!("several-{}.csv", lang.code())),
                table(&composed),
            )
            .unwrap();
        }
    }
}

/// Reporters get no table.
fn composed_or(composed: &Composed) -> Composed {
    let mut composed = composed.clone();
    if composed.attachments.is_empty() {
        composed.attachments.push(response::notice::Attachment {
            name: String::new(),
            mime: "text/plain",
            bytes: Vec::new(),
        });
    }
    composed
}

#[test]
fn an_exercise_says_so_everywhere_and_markings_are_said_in_full() {
    for (kind, lang) in every() {
        let mut draft = draft(kind, lang);
        draft.exercise = true;
        draft.tlp = Tlp::AmberStrict;
        let composed = compose(&draft, &Look::default()).unwrap();
        let word = if lang == Lang::Zh {
            "演练"
        } else {
            "EXERCISE"
        };
        assert!(composed.subject.contains(word) && composed.text.contains(word));
        assert!(composed.subject.contains("TLP:AMBER+STRICT"));
        assert!(manual::task(&draft, &composed).short.contains(word));
    }
}

#[test]
fn people_are_named_only_where_that_is_allowed() {
    let draft = draft(NoticeKind::First, Lang::En);
    let look = Look {
        people: true,
        ..Look::default()
    };
    let told = compose(&draft, &look).unwrap();
    assert!(told.text.contains("Example Bank") && told.text.contains("Alice Reporter"));
    assert!(table(&told).contains("Example Bank"));
    for format in NoticeFormat::ALL {
        let look = Look {
            format: *format,
            ..Look::default()
        };
        let composed = compose(&draft, &look).unwrap();
        let mut all = composed.text.clone();
        for file in &composed.attachments {
            all.push_str(&String::from_utf8_lossy(&file.bytes));
        }
        all.push_str(
            &composed
                .feedback
                .map(|feedback| feedback.report)
                .unwrap_or_default(),
        );
        assert!(
            !all.contains("Example Bank") && !all.contains("Alice"),
            "{format}: {all}"
        );
    }
}

#[test]
fn many_incidents_are_counted_in_the_letter_and_listed_in_the_table() {
    let mut draft = several(Lang::Zh);
    let one = draft.items[0].clone();
    draft.items.extend((0..4000).map(|_| one.clone()));
    let look = Look {
        zip_over: 10_000,
        ..Look::default()
    };
    let composed = compose(&draft, &look).unwrap();
    assert!(
        composed.text.contains("网页仿冒　4001 起"),
        "{}",
        composed.text
    );
    assert!(composed.text.len() < 5000);
    let file = &composed.attachments[0];
    assert!(file.name.ends_with(".csv.zip") && file.mime == "application/zip");
    let mut zip = zip::ZipArchive::new(std::io::Cursor::new(&file.bytes)).unwrap();
    let mut text = String::new();
    std::io::Read::read_to_string(&mut zip.by_index(0).unwrap(), &mut text).unwrap();
    assert!(
        text.starts_with("\u{feff}事件编号,类型,网址"),
        "a mark for spreadsheets"
    );
    assert_eq!(text.lines().count(), 1 + draft.items.len());
    let whole = compose(&draft, &Look::default()).unwrap();
    let file = &whole.attachments[0];
    assert!(file.bytes.len() <= 1 << 20 && file.mime == "application/zip");
    assert!(
        !table(&compose(&several(Lang::En), &Look::default()).unwrap()).starts_with('\u{feff}')
    );
}

#[test]
fn whatever_others_write_stays_what_it_is() {
    for text in NAUGHTY {
        for (kind, lang) in every() {
            for format in NoticeFormat::ALL {
                let draft = poisoned(kind, lang, text);
                let look = Look {
                    format: *format,
                    people: true,
                    ..Look::default()
                };
                let composed = compose(&draft, &look).unwrap();
                assert!(
                    !composed.subject.contains(['\r', '\n', '\0', '\u{202e}']),
                    "{text:?}"
                );
                let invisible = |c: char| {
                    c.is_control() && c != '\n' || matches!(c, '\u{202e}' | '\u{2028}' | '\u{feff}')
                };
                assert!(
                    !composed.text.contains(invisible),
                    "{text:?}: {}",
                    composed.text
                );
                for file in composed
                    .attachments
                    .iter()
                    .filter(|file| file.mime == "text/csv")
                {
                    let bytes = file
                        .bytes
                        .strip_prefix("\u{feff}".as_bytes())
                        .unwrap_or(&file.bytes);
                    let mut reader = csv::Reader::from_reader(bytes);
                    let rows: Vec<csv::StringRecord> =
                        reader.records().map(Result::unwrap).collect();
                    assert_eq!(rows.len(), 1, "{text:?}");
                    let bad = |cell: &str| cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']);
                    assert!(!rows[0].iter().any(bad), "{text:?}: {:?}", rows[0]);
                }
                let _ = manual::task(&draft, &composed);
            }
        }
    }
}

#[test]
fn a_task_for_a_person_holds_all_that_is_pasted() {
    for lang in Lang::ALL {
        let draft = several(lang);
        let task = manual::task(&draft, &compose(&draft, &Look::default()).unwrap());
        assert_eq!(task.values.len(), draft.items.len());
        assert_eq!(task.values[2], "c2.example.org");
        assert_eq!(task.evidence, ["EVI-77", "EVI-78"]);
        assert_eq!(task.deadline, draft.target);
        assert!(task.short.chars().count() <= 520, "{}", task.short);
        assert!(
            task.short.contains("hxxps://login[.]example[.]com"),
            "{}",
            task.short
        );
        assert!(task.short.contains(&draft.token.tag()));
    }
}

#[test]
fn a_notice_about_nothing_is_none() {
    let mut empty = draft(NoticeKind::First, Lang::En);
    empty.items[0].observed = response::notice::Observed {
        port: Some(1),
        ..Default::default()
    };
    let told = compose(&empty, &Look::default()).unwrap_err().to_string();
    assert!(told.contains("INC-2026-000123"), "{told}");
    empty.items.clear();
    assert!(compose(&empty, &Look::default()).is_err());
    let mut silent = draft(NoticeKind::Retraction, Lang::En);
    silent.remark = None;
    assert!(compose(&silent, &Look::default()).is_err());
}

proptest::proptest! {
    #[test]
    fn defanged_text_has_no_link_and_comes_back(host in "[a-z]{1,9}(\\.[a-z]{2,5}){1,3}", path in "[a-z0-9/?=&%._-]{0,40}") {
        let url = format!("http://{host}/{path}");
        let safe = defang(&url);
        proptest::prop_assert!(!safe.replace("[.]", "").contains('.'));
        proptest::prop_assert_eq!(refang(&safe), url.trim());
    }
}

#[test]
fn a_list_of_infected_hosts_counts_hosts_and_not_incidents() {
    let mut draft = several(Lang::Zh);
    let mut item = draft.items[0].clone();
    item.kind = model::incident::CaseKind::InfectedHost;
    item.observed.url = None;
    item.observed.host = None;
    let at = |last: u8| {
        let mut item = item.clone();
        item.observed.ip = Some([192, 0, 2, last].into());
        item
    };
    // The first host was seen twice.
    draft.items = vec![at(1), at(1), at(2)];
    let zh = compose(&draft, &Look::default()).unwrap();
    assert!(zh.subject.contains("2台受控主机"), "{}", zh.subject);
    assert!(
        !zh.subject.contains("起") && !zh.text.contains("3 起"),
        "{}",
        zh.text
    );
    draft.language = Lang::En;
    let en = compose(&draft, &Look::default()).unwrap();
    assert!(en.subject.contains("2 infected hosts"), "{}", en.subject);
    assert!(en.text.contains("2 infected hosts"), "{}", en.text);
}
