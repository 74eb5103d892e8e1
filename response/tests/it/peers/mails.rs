//! Mails, judged: headers, parts, DKIM signatures, and what a server of others stores.

use std::process::{Command, Stdio};

use model::bulletin::Lang;
use model::notice::NoticeKind;
use model::organization::NoticeFormat;
use response::deliver::Outcome;
use response::deliver::dkim;
use response::deliver::message::Protection;
use response::deliver::smtp::{Config, Relay, Security};
use response::notice::{Look, compose};
use serde_json::json;

use super::{Court, look, program, python, replaced};
use crate::drafts::{draft, several};
use crate::mail::{DOMAIN, built};

#[test]
fn python_reads_every_header_and_part() {
    let Some(court) = Court::of("email") else {
        return;
    };
    for lang in Lang::ALL {
        let composed = <NoticeKind as model::worded::Word>::ALL
            .iter()
            .filter(|kind| **kind != NoticeKind::Answer); // a person's own words
        for kind in composed {
            let submitted = match kind {
                NoticeKind::Receipt => "auto-replied",
                _ => "auto-generated",
            };
            let draft = draft(*kind, lang);
            let composed = compose(&draft, &Look::default()).unwrap();
            let message = built(&draft, &Look::default(), &Protection::default());
            let expected = json!({
                "headers": {
                    "Subject": composed.subject,
                    "Message-ID": message.id.to_string(),
                    "Auto-Submitted": submitted,
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
                &format!("Auto-Submitted: {submitted}"),
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
