//! Mailed reports in a maildir.

use std::path::Path;

use base64::Engine;
use intake::collect::failure::Kind;
use intake::collect::state::FetchState;
use model::fetch::{Fetch, Transport};

use crate::bench::{Bench, names, texts};

fn maildir(root: &Path) -> Fetch {
    for part in ["new", "cur", "tmp"] {
        std::fs::create_dir_all(root.join("mail").join(part)).unwrap();
    }
    let mut fetch = Fetch::new(Transport::Maildir, "");
    fetch.options.insert("folder".to_owned(), "mail".to_owned());
    fetch
}

/// A mail with attachments.
fn mail(attachments: &[(&str, &str)]) -> String {
    let mut text = "From: reports@feeds.example.net\r\nTo: cert@example.org\r\nSubject: report\r\n\
        MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nSee below.\r\n"
        .to_owned();
    for (name, content) in attachments {
        let content = base64::engine::general_purpose::STANDARD.encode(content);
        text.push_str(&format!(
            "--b\r\nContent-Type: text/csv\r\nContent-Transfer-Encoding: base64\r\n\
             Content-Disposition: attachment; filename=\"{name}\"\r\n\r\n{content}\r\n"
        ));
    }
    text.push_str("--b--\r\n");
    text
}

#[tokio::test]
async fn attachments_come_once_whichever_flags_the_mail_bears() {
    let bench = Bench::new();
    let fetch = maildir(bench.folder.path());
    let put = |name: &str, text: String| {
        std::fs::write(bench.folder.path().join("mail").join(name), text).unwrap()
    };
    put(
        "new/1673222400.M1P1.host",
        mail(&[
            ("2023-01-09-scan_http-example.csv", "a\n1\n"),
            ("b.csv", "b\n"),
        ]),
    );
    put(
        "cur/1673222300.M1P1.host:2,S",
        mail(&[("../../c.csv", "c\n")]),
    );
    put("tmp/1673222500.M1P1.host", mail(&[("unfinished.csv", "x")]));
    put(
        "new/1673222600.M1P1.host",
        "Subject: no attachment\r\n\r\nHello\r\n".to_owned(),
    );
    let first = bench.gets(&fetch, &FetchState::default()).await;
    assert_eq!(
        names(&first),
        ["c.csv", "2023-01-09-scan_http-example.csv", "b.csv"]
    );
    assert_eq!(texts(&first), ["c\n", "a\n1\n", "b\n"]);
    assert_eq!(
        first.deliveries[0].origin,
        "maildir/1673222300.M1P1.host/c.csv"
    );
    assert_eq!(first.state.seen.len(), 3);

    let root = bench.folder.path().join("mail");
    std::fs::rename(
        root.join("new/1673222400.M1P1.host"),
        root.join("cur/1673222400.M1P1.host:2,RS"),
    )
    .unwrap();
    put("new/1673222700.M1P1.host", mail(&[("d.csv", "d\n")]));
    std::fs::remove_file(root.join("cur/1673222300.M1P1.host:2,S")).unwrap();
    let second = bench.gets(&fetch, &first.state).await;
    assert_eq!(texts(&second), ["d\n"]);
    assert_eq!(
        second.state.seen.len(),
        3,
        "the mail that is gone is forgotten"
    );
}

#[tokio::test]
async fn mails_in_mails_are_opened_and_only_wanted_names_are_taken() {
    let bench = Bench::new();
    let mut fetch = maildir(bench.folder.path());
    fetch
        .options
        .insert("attachments".to_owned(), "*.csv".to_owned());
    let inner = mail(&[("in.csv", "in\n"), ("logo.png", "no")]);
    let outer = format!(
        "Subject: forwarded\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=o\r\n\r\n\
         --o\r\nContent-Type: message/rfc822\r\n\r\n{inner}\r\n--o--\r\n"
    );
    std::fs::write(bench.folder.path().join("mail/new/1"), outer).unwrap();
    let fetched = bench.gets(&fetch, &FetchState::default()).await;
    assert_eq!(texts(&fetched), ["in\n"]);
}

#[tokio::test]
async fn a_mail_that_is_too_large_holds_up_none_and_no_maildir_is_told() {
    let bench = Bench::new();
    let mut fetch = maildir(bench.folder.path());
    fetch.max_bytes = 2000;
    let root = bench.folder.path().join("mail");
    std::fs::write(
        root.join("new/1"),
        mail(&[("large.csv", &"x".repeat(4000))]),
    )
    .unwrap();
    std::fs::write(root.join("new/2"), mail(&[("small.csv", "s\n")])).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", root.join("new/3")).unwrap();
    let fetched = bench
        .fetch(fetch.clone(), &FetchState::default())
        .await
        .unwrap();
    assert_eq!(texts(&fetched), ["s\n"]);
    assert_eq!(fetched.failures.len(), 1);
    assert_eq!(fetched.failures[0].kind, Kind::Limit);
    fetch
        .options
        .insert("folder".to_owned(), "nowhere".to_owned());
    assert_eq!(
        bench
            .fetch(fetch, &FetchState::default())
            .await
            .unwrap_err()
            .kind,
        Kind::Local
    );
}
