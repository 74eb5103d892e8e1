//! Signed and encrypted mails, judged by GnuPG.

use std::process::Command;

use model::bulletin::Lang;
use model::notice::NoticeKind;
use model::organization::NoticeFormat;
use response::deliver::Secret;
use response::deliver::message::{Error, Protection, build};
use response::deliver::openpgp::{self, Recipient, Seed, Signer};
use response::notice::{Look, compose};

use super::{look, program};
use crate::drafts::{NOW, draft, several};
use crate::mail::{DOMAIN, built, mail};

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
        let file = gpg.file("mail.asc", &text.as_bytes()[start..]);
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
