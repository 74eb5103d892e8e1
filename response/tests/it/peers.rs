//! Programs of others judge what we wrote: PyPI's `xarf`, `stix2-validator`, `dkimpy` and `aiosmtpd`, Python's own
//! `email`, and GnuPG. Each also gets a broken twin, which it must refuse. Where one is not installed, its tests say
//! so and pass; `.ci/run` installs all.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use model::bulletin::Lang;
use model::notice::NoticeKind;
use model::organization::NoticeFormat;
use response::deliver::dkim;
use response::deliver::message::{Error, Protection, build};
use response::deliver::openpgp::{self, Recipient, Seed, Signer};
use response::deliver::smtp::{Config, Relay, Security};
use response::deliver::{Outcome, Secret};
use response::notice::{Draft, Look, compose};
use serde_json::json;

use crate::drafts::{NAUGHTY, NOW, draft, poisoned, several};
use crate::mail::{DOMAIN, built, mail};

const JUDGES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/peers.py");

/// A Python that has a module, or a loud word that its test does not run.
fn python(module: &str) -> Option<PathBuf> {
    let peers =
        std::env::var_os("WATCHFIRE_PEERS").map(|folder| PathBuf::from(folder).join("bin/python"));
    let found = peers
        .into_iter()
        .chain([PathBuf::from("/usr/bin/python3")])
        .find(|python| {
            let tried = Command::new(python)
                .args(["-c", &format!("import {module}")])
                .output();
            tried.is_ok_and(|done| done.status.success())
        });
    if found.is_none() {
        eprintln!("SKIPPED: Python has no {module}; see .ci/run and WATCHFIRE_PEERS");
    }
    found
}

fn program(name: &str) -> Option<&str> {
    let asks = if name == "openssl" {
        "version"
    } else {
        "--version"
    };
    let found = Command::new(name)
        .arg(asks)
        .output()
        .is_ok_and(|done| done.status.success());
    if !found {
        eprintln!("SKIPPED: {name} is not installed; see .ci/run");
    }
    found.then_some(name)
}

/// What a judge says of bytes.
struct Court {
    python: PathBuf,
    folder: tempfile::TempDir,
}

impl Court {
    fn of(module: &str) -> Option<Court> {
        Some(Court {
            python: python(module)?,
            folder: tempfile::tempdir().unwrap(),
        })
    }

    /// What a judge says of each of several files, in one run.
    fn judge_all(&self, judge: &str, files: &[Vec<u8>]) -> Vec<String> {
        let mut command = Command::new(&self.python);
        command.arg(JUDGES).arg("each").arg(judge);
        for (at, bytes) in files.iter().enumerate() {
            let file = self.folder.path().join(format!("file{at}"));
            std::fs::write(&file, bytes).unwrap();
            command.arg(file);
        }
        let done = command.output().unwrap();
        assert!(
            done.status.success(),
            "{}",
            String::from_utf8_lossy(&done.stderr)
        );
        String::from_utf8_lossy(&done.stdout)
            .lines()
            .map(str::to_owned)
            .collect()
    }

    fn judge(&self, judge: &str, bytes: &[u8], more: Option<serde_json::Value>) -> String {
        let file = self.folder.path().join("file");
        std::fs::write(&file, bytes).unwrap();
        let mut command = Command::new(&self.python);
        command.arg(JUDGES).arg(judge).arg(&file);
        if let Some(more) = more {
            let path = self.folder.path().join("more.json");
            std::fs::write(&path, more.to_string()).unwrap();
            command.arg(path);
        }
        let done = command.output().unwrap();
        let errors = String::from_utf8_lossy(&done.stderr).into_owned();
        assert!(done.status.success(), "{judge}: {errors}");
        String::from_utf8_lossy(&done.stdout).trim().to_owned()
    }
}

fn look(format: NoticeFormat) -> Look {
    Look {
        format,
        ..Look::default()
    }
}

/// The machine-readable file of a draft.
fn machine(draft: &Draft, format: NoticeFormat) -> Vec<u8> {
    let composed = compose(draft, &look(format)).unwrap();
    composed.attachments.into_iter().nth(1).unwrap().bytes
}

/// Each incident of a draft as a draft of its own.
fn singles(draft: &Draft) -> impl Iterator<Item = Draft> {
    draft.items.iter().map(|item| Draft {
        items: vec![item.clone()],
        ..draft.clone()
    })
}

fn replaced(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    assert!(text.contains(from), "{from}: {text}");
    text.replacen(from, to, 1).into_bytes()
}

#[test]
fn xarf_accepts_our_reports() {
    let Some(court) = Court::of("xarf") else {
        return;
    };
    let good: Vec<Vec<u8>> = singles(&several(Lang::En))
        .map(|draft| machine(&draft, NoticeFormat::Xarf))
        .collect();
    for (bytes, verdict) in good.iter().zip(court.judge_all("xarf", &good)) {
        assert_eq!(verdict, "ok", "{}", String::from_utf8_lossy(bytes));
    }
    let bytes = machine(&draft(NoticeKind::First, Lang::En), NoticeFormat::Xarf);
    for (from, to) in [
        ("\"source_identifier\"", "\"source\""),
        ("\"content\"", "\"contents\""),
        ("\"xarf_version\": \"4", "\"xarf_version\": \"9"),
    ] {
        assert!(
            court
                .judge("xarf", &replaced(&bytes, from, to), None)
                .starts_with("refused"),
            "{to}"
        );
    }
}

#[test]
fn the_stix_validator_accepts_our_bundles() {
    let Some(court) = Court::of("stix2validator") else {
        return;
    };
    let mut good: Vec<Vec<u8>> = Vec::new();
    for tlp in <model::tlp::Tlp as model::worded::Word>::ALL {
        let mut draft = several(Lang::En);
        draft.tlp = *tlp;
        good.push(machine(&draft, NoticeFormat::Stix));
    }
    let poison = NAUGHTY
        .iter()
        .map(|text| poisoned(NoticeKind::First, Lang::En, text));
    good.extend(poison.map(|draft| machine(&draft, NoticeFormat::Stix)));
    for (bytes, verdict) in good.iter().zip(court.judge_all("stix", &good)) {
        assert_eq!(verdict, "ok", "{}", String::from_utf8_lossy(bytes));
    }
    let broken = [
        replaced(&good[0], "\"valid_from\"", "\"valid_since\""),
        replaced(&good[0], "[url:value = '", "[url:value = ''"),
    ];
    for verdict in court.judge_all("stix", &broken) {
        assert!(verdict.starts_with("refused"), "{verdict}");
    }
}

#[test]
fn iodef_has_the_structure_of_rfc_7970() {
    let Some(court) = Court::of("xml") else {
        return;
    };
    for lang in Lang::ALL {
        let bytes = machine(&several(lang), NoticeFormat::Iodef);
        assert_eq!(
            court.judge("iodef", &bytes, None),
            "ok",
            "{}",
            String::from_utf8_lossy(&bytes)
        );
    }
    for text in NAUGHTY {
        let bytes = machine(
            &poisoned(NoticeKind::First, Lang::En, text),
            NoticeFormat::Iodef,
        );
        assert_eq!(court.judge("iodef", &bytes, None), "ok", "{text:?}");
    }
    let bytes = machine(&several(Lang::En), NoticeFormat::Iodef);
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let id = &text[text.find("<IncidentID").unwrap()..text.find("</IncidentID>").unwrap() + 13];
    assert!(
        court
            .judge("iodef", &replaced(&bytes, id, ""), None)
            .starts_with("refused")
    );
    assert!(
        court
            .judge(
                "iodef",
                &replaced(&bytes, "purpose=\"mitigation\"", "purpose=\"x\""),
                None
            )
            .starts_with("refused")
    );
}

#[test]
fn python_reads_every_header_and_part() {
    let Some(court) = Court::of("email") else {
        return;
    };
    for lang in Lang::ALL {
        for kind in <NoticeKind as model::worded::Word>::ALL {
            let draft = draft(*kind, lang);
            let composed = compose(&draft, &Look::default()).unwrap();
            let message = built(&draft, &Look::default(), &Protection::default());
            let expected = json!({
                "headers": {
                    "Subject": composed.subject,
                    "Message-ID": message.id.to_string(),
                    "Auto-Submitted": "auto-generated",
                    "Date": "Fri, 20 Nov 2026 00:30:00 +0000",
                    "MIME-Version": "1.0",
                },
                "from": "notice@cert.example", "from_name": draft.sender.name.get(lang),
                "to": "abuse@cloud.example", "to_name": draft.party.name.get(lang),
                "text": composed.text,
                "files": composed.attachments.iter().map(|file| &file.name).collect::<Vec<_>>(),
            });
            assert_eq!(
                court.judge("headers", &message.bytes, Some(expected.clone())),
                "ok",
                "{kind}"
            );
            let twin = replaced(
                &message.bytes,
                "Auto-Submitted: auto-generated",
                "Auto-Submitted: no",
            );
            assert!(
                court
                    .judge("headers", &twin, Some(expected))
                    .starts_with("refused")
            );
        }
    }
}

#[test]
fn python_reads_arf_reports() {
    let Some(court) = Court::of("email") else {
        return;
    };
    let mut with_mail = draft(NoticeKind::First, Lang::En);
    with_mail.items[0].message =
        Some(b"From: a@example.net\nSubject: win a prize\n\nClick.\n".to_vec());
    let mut with_bad_mail = with_mail.clone();
    with_bad_mail.items[0].message = Some(
        "From: a@example.net\nSubject: x\n\nKlick hier: ä\n"
            .as_bytes()
            .to_vec(),
    );
    let plain = draft(NoticeKind::First, Lang::Zh);
    for (draft, people, third) in [
        (&with_mail, true, "message/rfc822"),
        (&with_mail, false, "text/rfc822-headers"),
        (&with_bad_mail, true, "text/rfc822-headers"),
        (&plain, true, "text/rfc822-headers"),
    ] {
        let look = Look {
            people,
            ..look(NoticeFormat::Arf)
        };
        let message = built(draft, &look, &Protection::default());
        let expected = json!({
            "third": third, "subject": "win a prize",
            "fields": {
                "Feedback-Type": "fraud", "Version": "1", "Source-IP": "192.0.2.17", "Source-Port": "443",
                "Reported-Domain": "login.example.com", "Incidents": "12",
                "Reported-URI": "https://login.example.com/bank/index.php?next=www.example.net",
            },
        });
        assert_eq!(
            court.judge("arf", &message.bytes, Some(expected.clone())),
            "ok"
        );
        let twin = replaced(
            &message.bytes,
            "Feedback-Type: fraud",
            "Feedback-Typ: fraud",
        );
        assert!(
            court
                .judge("arf", &twin, Some(expected))
                .starts_with("refused")
        );
    }
    // Several incidents are no ARF report, but a table.
    let composed = compose(&several(Lang::En), &look(NoticeFormat::Arf)).unwrap();
    assert!(composed.feedback.is_none() && composed.attachments.len() == 1);
}

fn openssl(arguments: &[&str]) -> String {
    let done = Command::new("openssl")
        .args(arguments)
        .stderr(Stdio::null())
        .output()
        .unwrap();
    String::from_utf8(done.stdout).unwrap()
}

#[test]
fn dkimpy_verifies_our_signatures() {
    let Some(court) = Court::of("dkim") else {
        return;
    };
    if program("openssl").is_none() {
        return;
    }
    let pkcs8 = openssl(&[
        "genpkey",
        "-algorithm",
        "RSA",
        "-pkeyopt",
        "rsa_keygen_bits:2048",
    ]);
    let pkcs1 = openssl(&["genrsa", "-traditional", "2048"]);
    let ed25519 = openssl(&["genpkey", "-algorithm", "ED25519"]);
    assert!(pkcs1.contains("RSA PRIVATE KEY"));
    for pem in [&pkcs8, &pkcs1, &ed25519] {
        let key = dkim::Key::from_pem("wf2026", DOMAIN, pem).unwrap();
        let (name, record) = key.record();
        let records = json!({ name.clone(): record });
        for draft in [several(Lang::Zh), draft(NoticeKind::Reminder, Lang::En)] {
            let protection = Protection {
                dkim: Some(&key),
                ..Protection::default()
            };
            let message = built(&draft, &Look::default(), &protection);
            assert_eq!(
                message,
                built(&draft, &Look::default(), &protection),
                "the same again"
            );
            let judge = |bytes: &[u8]| court.judge("dkim", bytes, Some(records.clone()));
            assert_eq!(judge(&message.bytes), "ok", "{record}");
            // White space that servers change does not count; words do, and so do fields that are added.
            let folded = replaced(
                &message.bytes,
                "\r\nMIME-Version: 1.0",
                "\r\nMIME-Version:   1.0 ",
            );
            assert_eq!(judge(&folded), "ok");
            for (from, to) in [
                ("\r\nSubject: ", "\r\nSubject: x"),
                (
                    "\r\nMIME-Version",
                    "\r\nFrom: ceo@bank.example\r\nMIME-Version",
                ),
                ("\r\nMIME-Version", "\r\nSubject: another\r\nMIME-Version"),
                ("\r\n\r\n--", "\r\n\r\nx--"),
            ] {
                assert!(
                    judge(&replaced(&message.bytes, from, to)).starts_with("refused"),
                    "{to}"
                );
            }
        }
    }
    for (selector, pem) in [
        ("a\r\nb", pkcs8.as_str()),
        ("a", ""),
        (
            "a",
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        ),
    ] {
        assert!(dkim::Key::from_pem(selector, DOMAIN, pem).is_err());
    }
    let short = openssl(&[
        "genpkey",
        "-algorithm",
        "RSA",
        "-pkeyopt",
        "rsa_keygen_bits:1024",
    ]);
    let told = dkim::Key::from_pem("a", DOMAIN, &short)
        .unwrap_err()
        .to_string();
    assert!(told.contains("2048"), "{told}");
}

/// A GnuPG of its own.
struct Gpg {
    home: tempfile::TempDir,
}

impl Gpg {
    fn new() -> Option<Gpg> {
        program("gpg")?;
        Some(Gpg {
            home: tempfile::tempdir().unwrap(),
        })
    }

    fn run(&self, arguments: &[&str]) -> (bool, String, String) {
        let done = Command::new("gpg")
            .env("GNUPGHOME", self.home.path())
            .args([
                "--batch",
                "--yes",
                "--no-tty",
                "--pinentry-mode",
                "loopback",
                "--passphrase",
                "",
            ])
            .args(arguments)
            .output()
            .unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        (done.status.success(), text(done.stdout), text(done.stderr))
    }

    fn fine(&self, arguments: &[&str]) -> String {
        let (fine, out, err) = self.run(arguments);
        assert!(fine, "{arguments:?}: {err}");
        out
    }

    fn file(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.home.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.to_string_lossy().into_owned()
    }
}

impl Drop for Gpg {
    fn drop(&mut self) {
        let _ = Command::new("gpgconf")
            .env("GNUPGHOME", self.home.path())
            .args(["--kill", "all"])
            .output();
    }
}

/// The part that was signed and the signature, cut out of the mail as they stand.
fn signed_parts(bytes: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    let boundary = text
        .split("boundary=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    let parts: Vec<&str> = text.split(&format!("\r\n--{boundary}")).collect();
    assert_eq!(parts.len(), 4, "content, signature, end");
    let content = parts[1].strip_prefix("\r\n").unwrap();
    let signature = parts[2].split_once("\r\n\r\n").unwrap().1;
    (content.as_bytes().to_vec(), signature.as_bytes().to_vec())
}

#[test]
fn gpg_verifies_and_decrypts() {
    let Some(gpg) = Gpg::new() else { return };
    // Keys are made some days before the mail and end some days after it.
    let made = "20261110T000000!";
    for (user, algorithm, usage) in [
        ("us@cert.example", "ed25519", "sign"),
        ("old@cert.example", "rsa2048", "sign"),
        ("abuse@cloud.example", "default", "default"),
        ("rsa@cloud.example", "rsa2048", "cert,sign,encrypt"),
    ] {
        gpg.fine(&[
            "--faked-system-time",
            made,
            "--quick-generate-key",
            user,
            algorithm,
            usage,
            "30d",
        ]);
    }
    gpg.fine(&[
        "--faked-system-time",
        made,
        "--quick-generate-key",
        "short@cloud.example",
        "default",
        "default",
        "5d",
    ]);
    gpg.fine(&[
        "--faked-system-time",
        made,
        "--quick-generate-key",
        "mute@cloud.example",
        "ed25519",
        "sign",
        "30d",
    ]);
    let secret = |user: &str| gpg.fine(&["--armor", "--export-secret-keys", user]);
    let public = |user: &str| gpg.fine(&["--armor", "--export", user]);
    let now = "20261120T010000!";

    for user in ["us@cert.example", "old@cert.example"] {
        let signer = Signer::read(user, &secret(user), None).unwrap();
        for lang in Lang::ALL {
            let protection = Protection {
                signer: Some(&signer),
                ..Protection::default()
            };
            let message = built(&several(lang), &look(NoticeFormat::Iodef), &protection);
            let (content, signature) = signed_parts(&message.bytes);
            let signature = gpg.file("content.asc", &signature);
            let verify = |bytes: &[u8]| {
                let file = gpg.file("content", bytes);
                gpg.run(&["--faked-system-time", now, "--verify", &signature, &file])
            };
            let (fine, _, told) = verify(&content);
            assert!(fine && told.contains("Good signature"), "{told}");
            let lf: Vec<u8> = content
                .iter()
                .copied()
                .filter(|byte| *byte != b'\r')
                .collect();
            let (fine, _, told) = verify(&lf);
            assert!(!fine && told.contains("BAD signature"), "{told}");
            let head = String::from_utf8_lossy(&message.bytes).into_owned();
            assert!(
                head.contains("micalg=\"pgp-sha512\"") || head.contains("micalg=pgp-sha512"),
                "{head}"
            );
        }
    }

    let signer = Signer::read("us", &secret("us@cert.example"), None).unwrap();
    for user in ["abuse@cloud.example", "rsa@cloud.example"] {
        let recipient = Recipient::read(user, &public(user)).unwrap();
        recipient.usable(NOW).unwrap();
        let end = recipient.expires(NOW).unwrap();
        assert_eq!((end.0 - NOW.0) / 86_400_000_000, 19, "{end}");
        let protection = Protection {
            signer: Some(&signer),
            recipient: Some(&recipient),
            dkim: None,
        };
        let draft = several(Lang::Zh);
        let composed = compose(&draft, &Look::default()).unwrap();
        let message = built(&draft, &Look::default(), &protection);
        let text = String::from_utf8(message.bytes).unwrap();
        assert!(
            text.contains("multipart/encrypted") && !text.contains("example.com"),
            "{text}"
        );
        let start = text.find("-----BEGIN PGP MESSAGE").unwrap();
        let file = gpg.file("mail.asc", text[start..].as_bytes());
        let (fine, out, told) = gpg.run(&["--faked-system-time", now, "--decrypt", &file]);
        assert!(fine && told.contains("Good signature"), "{told}");
        let read = mail_parser::MessageParser::default()
            .parse(out.as_bytes())
            .unwrap();
        assert_eq!(
            read.body_text(0).unwrap().replace("\r\n", "\n"),
            composed.text
        );
    }

    // Nothing falls back to plain text.
    let draft = draft(NoticeKind::First, Lang::En);
    let composed = compose(&draft, &Look::default()).unwrap();
    for (user, what) in [
        ("short@cloud.example", "expired at 2026-11-15"),
        ("mute@cloud.example", "no valid part that encrypts"),
    ] {
        let recipient = Recipient::read(user, &public(user)).unwrap();
        let protection = Protection {
            recipient: Some(&recipient),
            ..Protection::default()
        };
        let told = build(&mail(&draft, &composed), DOMAIN, &protection, Seed([1; 32])).unwrap_err();
        assert!(
            matches!(told, Error::Pgp { .. }) && told.to_string().contains(what),
            "{told}"
        );
    }
    let revocation = gpg.home.path().join("openpgp-revocs.d").join(format!(
        "{}.rev",
        Recipient::read("", &public("abuse@cloud.example"))
            .unwrap()
            .fingerprint()
            .to_uppercase()
    ));
    let revocation = std::fs::read_to_string(revocation)
        .unwrap()
        .replace(":-----BEGIN", "-----BEGIN");
    let file = gpg.file("revoke.asc", revocation.as_bytes());
    gpg.fine(&["--import", &file]);
    let told = Recipient::read("abuse", &public("abuse@cloud.example"))
        .unwrap()
        .usable(NOW)
        .unwrap_err();
    assert!(matches!(told, openpgp::Error::Revoked { .. }), "{told}");
    assert!(Recipient::read("x", "no key").is_err());
    assert!(
        Signer::read(
            "us",
            &secret("us@cert.example"),
            Some(&Secret::new("not needed"))
        )
        .is_ok()
    );
}

/// A server of others takes what we send, and what it stored is what we sent.
#[tokio::test]
async fn aiosmtpd_stores_what_we_sent() {
    let Some(python) = python("aiosmtpd") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mail");
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let script = "\
import asyncio, sys
from aiosmtpd.smtp import SMTP
class Store:
    async def handle_DATA(self, server, session, envelope):
        with open(sys.argv[2] + '.new', 'wb') as file:
            file.write(envelope.original_content)
        import os
        os.rename(sys.argv[2] + '.new', sys.argv[2])
        return '250 2.0.0 stored'
async def main():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(Store(), hostname='mx.test'), '127.0.0.1', int(sys.argv[1]))
    await server.serve_forever()
asyncio.run(main())
";
    let mut server = Command::new(python)
        .args(["-c", script, &port.to_string(), &path.to_string_lossy()])
        .spawn()
        .unwrap();
    wait_for(port);
    let relay = Relay::new(Config::new(
        "127.0.0.1",
        port,
        Security::Plain,
        "cert.example",
    ))
    .unwrap();
    for draft in [
        several(Lang::Zh),
        several(Lang::En),
        draft(NoticeKind::Receipt, Lang::En),
    ] {
        let message = built(&draft, &look(NoticeFormat::Stix), &Protection::default());
        let outcome = relay.send(&message).await;
        assert!(
            matches!(&outcome, Outcome::Sent { reply } if reply.contains("stored")),
            "{outcome:?}"
        );
        assert_eq!(std::fs::read(&path).unwrap(), message.bytes);
    }
    let _ = server.kill();
    let _ = server.wait();
}

fn wait_for(port: u16) {
    for _ in 0..200 {
        if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("nobody listens on {port}");
}
