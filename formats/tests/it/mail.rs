//! Mail: every sample of the folder of real input is told apart and read, or is named here with its
//! reason; damaged and hostile mails end.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use formats::mail::bounce::{Hardness, Outcome, Reason};
use formats::mail::complaint::Complaint;
use formats::mail::nature::Nature;
use formats::mail::own::Own;
use formats::mail::{Limits, Mail, Note, Unreadable};
use model::worded::Word as _;

use crate::fuzz::body;
use crate::harness::data;

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)
        .expect("the folder is there")
        .flatten()
    {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn own() -> Own {
    Own {
        addresses: vec!["cert@example.com".into()],
        verp: vec!["notice+{token}@example.com".into()],
        message_domain: "notices.example.com".into(),
    }
}

fn name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

fn read(path: &Path) -> Mail {
    let bytes = std::fs::read(path).expect("the sample can be read");
    Mail::read(&bytes, &Limits::default()).unwrap_or_else(|why| panic!("{}: {why}", path.display()))
}

/// docs/mail.md says what the samples give; a change of the readers shows there.
fn documented(rows: impl Iterator<Item = String>) {
    let page = include_str!("../../../docs/mail.md");
    for row in rows {
        println!("{row}");
        assert!(page.contains(&row), "docs/mail.md has no row `{row}`");
    }
}

/// Samples in the folder of bounces that are none, and what they are.
const NO_BOUNCE: &[(&str, &str)] = &[("rfc3834-04.eml", "automatic-reply")];

#[test]
fn every_bounce_names_its_recipients() {
    let Some(data) = data() else { return };
    let mut table: BTreeMap<(&str, &str), u32> = BTreeMap::new();
    let (mut files_read, mut recipients, mut with_id) = (0, 0, 0);
    let mut wrong = String::new();
    for path in files(&data.join("mail/bounce")) {
        let (mail, name) = (read(&path), name(&path));
        files_read += 1;
        let verdict = mail.verdict(&own(), &Limits::default());
        if let Some((_, kind)) = NO_BOUNCE.iter().find(|(known, _)| *known == name) {
            assert_eq!(verdict.nature.label(), *kind, "{name}");
            continue;
        }
        let Nature::Bounce(report) = verdict.nature else {
            let _ = writeln!(
                wrong,
                "{name}: {} {:?}",
                verdict.nature.label(),
                verdict.evidence
            );
            continue;
        };
        if report.recipients.is_empty() {
            let _ = writeln!(wrong, "{name}: nobody named, {:?}", verdict.evidence);
        }
        with_id += u32::from(report.message_id.is_some());
        for one in &report.recipients {
            recipients += 1;
            assert!(one.address.contains('@'), "{name}: {one:?}");
            let hard = match (one.outcome, one.hardness) {
                (Outcome::Delayed, _) => "delayed",
                (Outcome::Delivered | Outcome::Relayed, _) => "arrived",
                (_, Hardness::Hard) => "hard",
                (_, Hardness::Soft) => "soft",
                (_, Hardness::Unknown) => "unknown",
            };
            *table.entry((one.reason.label(), hard)).or_default() += 1;
            println!(
                "{name}\t{}\t{}\t{hard}\t{}\t{:?}\t{:.90}",
                one.address,
                one.reason.label(),
                one.status.as_deref().unwrap_or("-"),
                report.form,
                one.diagnostic.as_str()
            );
        }
    }
    println!("{files_read} mails, {recipients} recipients, {with_id} with a message id");
    documented(
        table
            .iter()
            .map(|((reason, hard), count)| format!("| {reason} | {hard} | {count} |")),
    );
    assert!(wrong.is_empty(), "{wrong}");
    // Where nothing tells, the class says so; these are the samples that tell nothing.
    let untold = table
        .iter()
        .filter(|((reason, _), _)| *reason == Reason::Other.label());
    let untold: u32 = untold.map(|(_, count)| count).sum();
    assert!(
        untold * 10 <= recipients,
        "{untold} of {recipients} recipients have no reason"
    );
}

/// Samples among the complaints that give none, and why.
const NO_COMPLAINT: &[(&str, &str)] = &[
    // A mail program asks to be taken off a list.
    ("bsd_arf-26.eml", "automatic-reply"),
];

#[test]
fn every_complaint_names_what_it_complains_about() {
    let Some(data) = data() else { return };
    let mut table: BTreeMap<[String; 4], [usize; 3]> = BTreeMap::new();
    let mut wrong = String::new();
    for folder in ["abuse-notifiers", "arf"] {
        for path in files(&data.join("mail").join(folder)) {
            let name = name(&path);
            if !name.ends_with(".eml") {
                continue;
            }
            let mail = read(&path);
            let verdict = mail.verdict(&own(), &Limits::default());
            let group = path.parent().and_then(Path::file_name).unwrap_or_default();
            let group = group.to_string_lossy().into_owned();
            let nature = verdict.nature.label();
            if let Some((_, kind)) = NO_COMPLAINT.iter().find(|(known, _)| *known == name) {
                assert_eq!(nature, *kind, "{name}");
                continue;
            }
            if let Nature::Feed(files) = &verdict.nature {
                assert!(!files[0].report.is_empty());
                let row = [group.as_str(), nature, "-", "-"].map(str::to_owned);
                table.entry(row).or_default()[0] += 1;
                continue;
            }
            let found: Vec<Complaint> = match mail.complaints(&own(), &Limits::default()) {
                Ok(found) => found,
                Err(why) => {
                    let _ = writeln!(wrong, "{group}/{name}: {nature}: {why}; {}", mail.outline());
                    continue;
                }
            };
            let first = &found[0];
            println!(
                "{group}/{name}\t{nature}\t{}\t{}\t{}\t{:?}\t{}",
                first.form,
                first.kind.label(),
                first.identifier,
                first.observed_at.map(|at| at.to_string()),
                found
                    .iter()
                    .flat_map(|one| &one.observables)
                    .map(|one| format!("{:?}={}", one.field, one.text))
                    .take(4)
                    .collect::<Vec<_>>()
                    .join(" ")
            );
            if !matches!(nature, "arf" | "xarf" | "notifier-complaint" | "complaint") {
                let _ = writeln!(wrong, "{group}/{name}: {nature} {:?}", verdict.evidence);
            }
            for one in &found {
                assert!(
                    !one.observables.is_empty() && !one.reporter.is_empty(),
                    "{name}: {one:?}"
                );
                assert!(model::classification::classification(one.classification).is_some());
            }
            let row = [group.as_str(), nature, first.form, first.kind.label()];
            let cell = table.entry(row.map(str::to_owned)).or_default();
            cell[0] += 1;
            cell[1] += found.len();
            cell[2] += found.iter().map(|one| one.observables.len()).sum::<usize>();
        }
    }
    let rows = table.iter().map(
        |([group, nature, form, kind], [mails, complaints, things])| {
            format!("| {group} | {nature} | {form} | {kind} | {mails} | {complaints} | {things} |")
        },
    );
    documented(rows);
    assert!(wrong.is_empty(), "{wrong}");
}

/// X-ARF samples that are refused, with the words of the refusal.
#[test]
fn every_xarf_report_is_read_or_refused_with_a_reason() {
    let Some(data) = data() else { return };
    let mut table: BTreeMap<(String, &str), u32> = BTreeMap::new();
    for path in files(&data.join("mail/xarf")) {
        let text = std::fs::read(&path).expect("the sample can be read");
        let path = path.to_string_lossy().into_owned();
        if path.contains("schema") || !path.ends_with(".json") {
            continue;
        }
        let head = "From: a@example.net\nSubject: report\nContent-Type: multipart/mixed; boundary=b\n\n\
                    --b\n\nSee the attached report.\n--b\nContent-Type: application/json; name=xarf.json\n\n";
        let bytes = [head.as_bytes(), &text, b"\n--b--\n"].concat();
        let mail = Mail::read(&bytes, &Limits::default()).expect("a mail");
        let nature = mail.verdict(&own(), &Limits::default()).nature;
        let found = mail.complaints(&own(), &Limits::default());
        let negative = path.contains("negative") || path.contains("invalid");
        let set = if negative { "negative" } else { "positive" };
        let outcome = match &found {
            Ok(_) => "complaint",
            Err(why) => {
                println!("{path}: {why}");
                "refused"
            }
        };
        if !negative {
            assert_eq!(nature.label(), "xarf", "{path}");
            assert!(found.is_ok(), "{path}: {found:?}");
        }
        *table.entry((set.to_owned(), outcome)).or_default() += 1;
    }
    documented(
        table
            .iter()
            .map(|((set, outcome), count)| format!("| {set} | {outcome} | {count} |")),
    );
}

/// A small generator: the same numbers in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end.max(1) as u64) as usize
    }
}

/// Pieces that mail readers trip over.
const PIECES: &[&[u8]] = &[
    b"\r",
    b"\n\n",
    b"\0",
    b"--",
    b"=?gb2312?b?",
    b"?=",
    b"=",
    b"\"",
    b"<",
    b">",
    b"(",
    b":",
    b";",
    b"\xff\xfe",
    b"\xe2\x80\xae",
    b"Content-Type: multipart/mixed; boundary=\n\n",
    b"Content-Type: message/rfc822\n\n",
    b"Content-Transfer-Encoding: base64\n",
    b"Content-Type: text/plain; charset=utf-7\n\n",
    b"Final-Recipient: rfc822;",
    b"\nReturn-Path: <>\n",
    b"{\"xarf_version\":",
    b"<Infringement><Source><IP_Address>",
    b"@",
    b"http://",
    b"[.]",
];

fn damage(text: &mut Vec<u8>, numbers: &mut Numbers) {
    for _ in 0..1 + numbers.below(4) {
        let (at, other) = (numbers.below(text.len() + 1), numbers.below(text.len() + 1));
        let (from, to) = (at.min(other), at.max(other));
        let near = to.min(from + 1 + numbers.below(40));
        match numbers.below(8) {
            0 if at < text.len() => text[at] ^= 1 << numbers.below(8),
            1 => _ = text.drain(from..near),
            2 => text.truncate(at),
            3 => {
                let again = text[from..near].repeat(1 + numbers.below(3));
                text.splice(at..at, again);
            }
            4 if at < text.len() => text[at] = numbers.below(256) as u8,
            _ => {
                let piece = PIECES[numbers.below(PIECES.len())];
                text.splice(at..at, piece.repeat(1 + numbers.below(2)));
            }
        }
    }
}

fn holds(what: &str, bytes: &[u8]) {
    let held = std::panic::catch_unwind(|| body::mail(bytes));
    assert!(held.is_ok(), "{what}: {:?}", String::from_utf8_lossy(bytes));
}

const SAMPLES: &[&str] = &[
    "Return-Path: <>\nFrom: MAILER-DAEMON@example.net\nSubject: Undelivered\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\n\n<a@example.net>: no\n--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; x.example.net\n\nFinal-Recipient: rfc822; a@example.net\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 user unknown\n\n--b\nContent-Type: message/rfc822\n\nMessage-ID: <1@notices.example.com>\nTo: a@example.net\n\nx\n--b--\n",
    "From: MAILER-DAEMON@example.net\nSubject: failure notice\n\nHi. This is the program.\n<a@example.net>:\n192.0.2.1 does not like recipient.\nRemote host said: 550 5.1.1 unknown\n\n--- Below this line is a copy of the message.\n\nReturn-Path: <notice+t@example.com>\nMessage-ID: <1@notices.example.com>\n\nx\n",
    "From: fbl@example.net\nSubject: FW: x\nContent-Type: multipart/report; report-type=feedback-report; boundary=\"b\"\n\n--b\nContent-Type: text/plain\n\nreceived from IP 192.0.2.2 on\n--b\nContent-Type: message/feedback-report\n\nFeedback-Type: abuse\nUser-Agent: x\nVersion: 1\nSource-IP: 192.0.2.2\nReported-Domain: a.example\n\n--b\nContent-Type: message/rfc822\n\nReceived: from x [192.0.2.3] by y\nSubject: x\n\ny\n--b--\n",
    "From: a@example.net\nSubject: =?gb2312?B?tvbB6szhyr4=?=\nX-XARF: PLAIN\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nHello\n--b\nContent-Type: text/plain; name=report.txt\nContent-Transfer-Encoding: quoted-printable\n\n---\nReported-From: a@example.net\nCategory: abuse\nReport-Type: phishing\nDate: Mon, 9 Jan 2023 08:00:00 +0100\nSource: http://a.example/=3Fx\nSource-Type: uri\n--b--\n",
    "From: a@example.net\nSubject: Fwd: phishing\n\nPlease see hxxp://bad[.]example/login and 192.0.2.9:80\n\n---------- Forwarded message ---------\nFrom: x\n> IP: 192.0.2.7\nURL: http://b.example/x\n",
    "From: a@example.net\nIn-Reply-To: <1@notices.example.com>\nContent-Type: multipart/alternative; boundary=b\n\n--b\nContent-Type: text/html; charset=gbk\n\n<p>&nbsp;ok has been removed</p><br>\n--b\nContent-Type: text/csv; name=x.csv\n\nrow_id;state\nW-1;fixed\n--b--\n",
];

#[test]
fn samples_of_our_own_hold_however_damaged() {
    let long = std::env::var("WATCHFIRE_LONG").is_ok_and(|value| value == "1");
    let rounds = if long { 20_000 } else { 600 };
    for (at, sample) in SAMPLES.iter().enumerate() {
        for end in 0..sample.len() {
            holds("prefix", &sample.as_bytes()[..end]);
        }
        let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15 ^ at as u64);
        for _ in 0..rounds {
            let mut text = sample.as_bytes().to_vec();
            damage(&mut text, &mut numbers);
            holds("damaged", &text);
        }
    }
}

#[test]
fn every_real_sample_holds_however_damaged() {
    let Some(data) = data() else { return };
    let long = std::env::var("WATCHFIRE_LONG").is_ok_and(|value| value == "1");
    let rounds = if long { 500 } else { 8 };
    let mut numbers = Numbers(11);
    for folder in ["bounce", "arf", "abuse-notifiers"] {
        for path in files(&data.join("mail").join(folder)) {
            let good = std::fs::read(&path).expect("the sample can be read");
            for _ in 0..rounds {
                let mut text = good.clone();
                damage(&mut text, &mut numbers);
                holds(&name(&path), &text);
            }
        }
    }
}

/// Mails that are made to hang or to fill memory are read to a named end. Their sizes are such that time
/// in the square of the length would show as minutes.
#[test]
fn bombs_end_with_a_note() {
    let limits = Limits::default();
    let read = |bytes: &[u8]| {
        body::mail(bytes);
        Mail::read(bytes, &limits).map(|mail| (mail.notes, mail.parts.len()))
    };
    let mixed = "From: a@example.net\nContent-Type: multipart/mixed; boundary=b\n\n";
    let many = format!("{mixed}{}--b--\n", "--b\n\nx\n".repeat(50_000));
    let (notes, parts) = read(many.as_bytes()).expect("a mail");
    assert_eq!(parts, 1_000);
    assert!(
        notes.contains(&Note::PartsLeftOut {
            kept: 1_000,
            seen: 10_000
        }),
        "{notes:?}"
    );
    let lost = format!(
        "{mixed}{}",
        "--b\nContent-Type: multipart/mixed; boundary=nowhere\n\n".repeat(20_000)
    );
    assert!(read(lost.as_bytes()).is_ok());
    let deep: String = (0..5_000)
        .map(|n| {
            format!(
                "--b{n}\nContent-Type: multipart/mixed; boundary=b{}\n\n",
                n + 1
            )
        })
        .collect();
    let (notes, _) =
        read(format!("From: x\nContent-Type: multipart/mixed; boundary=b0\n\n{deep}").as_bytes())
            .expect("a mail");
    assert!(notes.contains(&Note::TooDeep), "{notes:?}");
    let nested = "Content-Type: message/rfc822\n\n".repeat(100_000);
    assert!(read(nested.as_bytes()).is_ok());
    for field in [
        format!("Subject: {}", "=?utf-8?q?".repeat(20_000)),
        format!("From: {}", "\"".repeat(200_001)),
        format!("From: {}", "(<".repeat(100_000)),
        format!("References: {}", "<".repeat(200_000)),
        format!(
            "Content-Type: multipart/mixed; {}",
            "a*0*=x;".repeat(20_000)
        ),
        "X: y\n".repeat(100_000),
        format!("To: {}", "a@example.net, ".repeat(15_000)),
    ] {
        assert!(read(format!("{field}\nFrom: a@example.net\n\nbody\n").as_bytes()).is_ok());
    }
    for body in [
        "<".repeat(1_000_000),
        "<p>".repeat(300_000),
        "&".repeat(1_000_000),
        "a@b.example ".repeat(80_000),
        "IP: 192.0.2.1\n".repeat(70_000),
        "[.]".repeat(300_000),
        "> ".repeat(400_000),
        "@".repeat(1_000_000),
        "<url_info url=\"http://a.example/\" ip=\"192.0.2.1\"/>\n".repeat(20_000),
        "Final-Recipient: rfc822; a@example.net\n\n".repeat(25_000),
    ] {
        for kind in ["text/plain", "text/html"] {
            let text = format!(
                "From: MAILER-DAEMON@example.net\nSubject: Undelivered\nContent-Type: {kind}\n\n{body}\n"
            );
            assert!(read(text.as_bytes()).is_ok());
        }
    }
    let long = vec![b'x'; limits.bytes + 1];
    assert_eq!(
        read(&long).unwrap_err(),
        Unreadable::TooLong {
            bytes: long.len(),
            limit: limits.bytes
        }
    );
}

/// The caps of attachments: what is no archive is given as it is, a bomb ends with an error that names
/// it.
#[test]
fn archives_are_opened_under_caps() {
    use std::io::Write;
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for name in ["a.csv", "../b.csv"] {
        zip.start_file(name, zip::write::SimpleFileOptions::default())
            .expect("memory does not fail");
        zip.write_all(&vec![b'0'; 1 << 20])
            .expect("memory does not fail");
    }
    let zip = zip.finish().expect("memory does not fail").into_inner();
    let mail = [
        b"From: a@example.net\nContent-Type: application/zip; name=x.zip\nContent-Transfer-Encoding: binary\n\n".as_slice(),
        &zip,
    ]
    .concat();
    let mut limits = Limits::default();
    let mail = Mail::read(&mail, &limits).expect("a mail");
    let walk = |limits: &Limits| {
        let mut lengths = Vec::new();
        let ended = mail.parts[0].each_text(limits, &mut |name, text| {
            let mut all = Vec::new();
            let read = text.read_to_end(&mut all);
            lengths.push((name.to_owned(), read.is_ok()));
            std::ops::ControlFlow::Continue(())
        });
        (lengths, ended.is_ok())
    };
    assert_eq!(
        walk(&limits),
        (
            vec![("a.csv".into(), true), ("../b.csv".into(), true)],
            true
        )
    );
    limits.caps.free = 1 << 10;
    limits.caps.ratio = 2;
    assert!(walk(&limits).0.iter().any(|(_, whole)| !whole));
    limits.caps.members = 1;
    assert!(!walk(&limits).1);
}
