//! Evidence, checked by the programs of others: `sha256sum`, `unzip` by a reader of our own, warcio,
//! Chromium; and damaged twins that they refuse.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use model::verification::Client;
use response::verify::evidence::screenshot::{Browser, NoPicture, Shown, take};
use response::verify::evidence::sealed::{Custody, seal};
use response::verify::evidence::{Piece, pieces, warc};
use response::verify::permit::Permit;
use rustls::RootCertStore;

use super::server::{KIT, NOW, Server, look, page, prober, prober_with, target};

fn peer(name: &str) -> Option<PathBuf> {
    let peers = std::env::var_os("WATCHFIRE_PEERS").map(|folder| PathBuf::from(folder).join("bin"));
    let system = ["/usr/bin", "/usr/local/bin"].map(PathBuf::from);
    let found = peers
        .into_iter()
        .chain(system)
        .map(|folder| folder.join(name))
        .find(|path| path.is_file());
    if found.is_none() {
        eprintln!("SKIPPED: {name} is not installed; see .ci/run and WATCHFIRE_PEERS");
    }
    found
}

fn members(gz: &[u8]) -> Vec<String> {
    let mut rest = gz;
    let mut records = Vec::new();
    while !rest.is_empty() {
        let mut reader = flate2::bufread::GzDecoder::new(rest);
        let mut text = Vec::new();
        reader.read_to_end(&mut text).unwrap();
        records.push(String::from_utf8_lossy(&text).into_owned());
        rest = reader.into_inner();
    }
    records
}

#[tokio::test]
async fn a_page_becomes_an_archive_that_others_read() {
    let server = Server::start().await;
    let seen = page(&prober(), &server.url("/hop")).await;
    let bytes = warc::archive(&seen, "local", "watchfire/test");
    let records = members(&bytes);
    let kinds: Vec<_> = records
        .iter()
        .map(|r| {
            r.split("WARC-Type: ")
                .nth(1)
                .unwrap()
                .split("\r\n")
                .next()
                .unwrap()
        })
        .collect();
    let hop = ["request", "response", "metadata"];
    assert_eq!(kinds, [&["warcinfo"][..], &hop, &hop, &hop].concat());
    let last = &records[8];
    assert!(
        last.contains("WARC-Target-URI: http://phish.test") && last.contains("/kit\r\n"),
        "{last}"
    );
    assert!(
        last.contains("\r\n\r\nHTTP/1.1 200 OK\r\n") && last.contains(KIT),
        "{last}"
    );
    assert!(
        records[1].contains("\r\n\r\nGET /hop HTTP/1.1\r\n")
            && records[1].contains("host: phish.test:"),
        "{}",
        records[1]
    );
    assert_eq!(
        bytes,
        warc::archive(&seen, "local", "watchfire/test"),
        "the same look, the same bytes"
    );
    let Some(warcio) = peer("warcio") else { return };
    let folder = tempfile::tempdir().unwrap();
    let check = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let out = Command::new(&warcio)
            .arg("check")
            .arg("-v")
            .arg(&path)
            .output()
            .unwrap();
        let text = format!(
            "{}{}",
            String::from_utf8_lossy(&out.stdout),
            String::from_utf8_lossy(&out.stderr)
        );
        (out.status.success(), text)
    };
    let (good, said) = check("good.warc.gz", &bytes);
    assert!(good && said.contains("digest pass"), "{said}");
    // The twin: one letter of the page changed after it was recorded.
    let mut packed = Vec::new();
    for record in &records {
        let twin = record.replace("kit-marker-4711", "kit-marker-4712");
        let mut member = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        std::io::Write::write_all(&mut member, twin.as_bytes()).unwrap();
        packed.extend(member.finish().unwrap());
    }
    let (good, said) = check("twin.warc.gz", &packed);
    assert!(!good && said.contains("digest failed"), "{said}");
}

#[tokio::test]
async fn nothing_from_outside_ends_a_line() {
    let server = Server::start().await;
    let mut seen = page(&prober(), &server.url("/kit")).await;
    seen.hops[0]
        .headers
        .push(("x-odd".into(), b"a\r\nWARC-Type: response\r\n\r\n".to_vec()));
    seen.hops[0]
        .url
        .push_str("\r\nWARC-Target-URI: http://victim.test/");
    let records = members(&warc::archive(
        &seen,
        "here\r\nWARC-Type: x",
        "watchfire/test",
    ));
    for record in &records {
        assert_eq!(record.matches("\r\nWARC-Type: ").count(), 1, "{record}");
        assert!(
            record.matches("\r\nWARC-Target-URI: ").count() <= 1,
            "{record}"
        );
    }
}

fn custody() -> Vec<Custody> {
    let step = |who: &str, what: &str, member: &str| Custody {
        at: NOW,
        who: who.into(),
        what: what.into(),
        member: member.into(),
    };
    vec![
        step("watchfire worker 1", "collected", "phishing/page.warc.gz"),
        step("analyst\t7\n", "exported", ""),
    ]
}

#[tokio::test]
async fn a_sealed_package_is_checked_with_sha256sum_alone() {
    let (server, _) = Server::start_tls("phish.test").await;
    let url = format!("https://phish.test:{}/kit", server.port)
        .parse()
        .unwrap();
    let prober = prober_with(Default::default(), RootCertStore::empty());
    let looked = look(&prober, &target(url), Permit::Compare, Client::Victim).await;
    let mut all = pieces(&looked[0], "local", "watchfire/test");
    let names: Vec<_> = all.iter().map(|piece| piece.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "page.warc.gz",
            "page-certificates.json",
            "missing.warc.gz",
            "missing-certificates.json",
            "finding.json"
        ]
    );
    for piece in &mut all {
        piece.name = format!("phishing/{}", piece.name);
    }
    let sealed = seal("incident 2026-17", &all, &custody()).unwrap();
    assert_eq!(
        sealed,
        seal("incident 2026-17", &all, &custody()).unwrap(),
        "the same bytes"
    );
    let folder = tempfile::tempdir().unwrap();
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(&sealed.bytes)).unwrap();
    let mut found = BTreeMap::new();
    for at in 0..archive.len() {
        let mut member = archive.by_index(at).unwrap();
        let mut bytes = Vec::new();
        member.read_to_end(&mut bytes).unwrap();
        let name = member.name().unwrap().into_owned();
        let path = folder.path().join(&name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &bytes).unwrap();
        found.insert(name, bytes);
    }
    let custody = String::from_utf8(found["custody.tsv"].clone()).unwrap();
    assert_eq!(custody.lines().count(), 3, "{custody}");
    assert!(
        custody.lines().all(|line| line.matches('\t').count() == 5),
        "{custody}"
    );
    assert!(checks(folder.path()), "sha256sum -c");
    let sums = &found["SHA256SUMS"];
    assert_eq!(
        sealed.seal,
        hex::encode(ring::digest::digest(&ring::digest::SHA256, sums))
    );
    assert_eq!(
        String::from_utf8_lossy(sums).lines().count(),
        found.len() - 1,
        "all but itself"
    );
    // Twins: a changed byte, a line of custody more, a member less.
    for (name, twin) in [
        ("phishing/finding.json", Some(b"{}".to_vec())),
        (
            "custody.tsv",
            Some([&found["custody.tsv"][..], b"3\tlater\n"].concat()),
        ),
        ("phishing/page.warc.gz", None),
    ] {
        let path = folder.path().join(name);
        match twin {
            Some(bytes) => std::fs::write(&path, bytes).unwrap(),
            None => std::fs::remove_file(&path).unwrap(),
        }
        assert!(!checks(folder.path()), "{name} was changed");
        std::fs::write(&path, &found[name]).unwrap();
    }
    assert!(checks(folder.path()));
}

fn checks(folder: &Path) -> bool {
    Command::new("sha256sum")
        .args(["-c", "--strict", "--quiet", "SHA256SUMS"])
        .current_dir(folder)
        .output()
        .unwrap()
        .status
        .success()
}

#[test]
fn names_that_lead_out_are_refused() {
    let piece = |name: &str| Piece {
        name: name.into(),
        media: "text/plain",
        bytes: Vec::new(),
    };
    for name in [
        "../a",
        "/a",
        "a/../b",
        "README.txt",
        "",
        "a//b",
        "-a",
        "a\n",
        ".a",
    ] {
        assert!(seal("x", &[piece(name)], &[]).is_err(), "{name:?}");
    }
    assert!(seal("x", &[piece("a"), piece("a")], &[]).is_err());
    assert!(seal("x", &[piece("a/b.json")], &[]).is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_is_taken_without_a_network() {
    let Some(program) = peer("chromium") else {
        return;
    };
    let server = Server::start().await;
    let scratch = tempfile::tempdir().unwrap();
    let browser = Browser {
        program,
        scratch: scratch.path().to_owned(),
        time: Duration::from_secs(60),
        memory: 4 << 30,
        size: (800, 600),
        // The tests may run where the browser's own walls cannot be built.
        flags: vec!["--no-sandbox".into()],
    };
    let hostile = format!(
        "<h1>recorded</h1><img src='http://127.0.0.1:{0}/img'><img src='http://phish.test:{0}/img'>\
         <script>fetch('http://127.0.0.1:{0}/script')</script>",
        server.port
    );
    let run = browser.clone();
    let picture = tokio::task::spawn_blocking(move || {
        take(&run, &Shown::Recorded(hostile.as_bytes()), "one")
    })
    .await
    .unwrap();
    let picture = picture.unwrap();
    assert!(picture.bytes.len() > 1_000, "{}", picture.bytes.len());
    assert!(
        server.asked().is_empty(),
        "a recorded page asked for {:?}",
        server.asked()
    );
    // A live page reaches its own host, at the address that was judged, and neither runs nor submits.
    let (run, url) = (browser.clone(), server.url("/scripted"));
    let live = move || take(&run, &Shown::Live(&url, [127, 0, 0, 1].into()), "two");
    let live = tokio::task::spawn_blocking(live).await.unwrap();
    assert!(live.is_ok(), "{live:?}");
    let asked = |path: &str| server.asked().iter().any(|line| line.contains(path));
    assert!(asked("/scripted") && asked("/seen"), "{:?}", server.asked());
    assert!(!asked("/ran") && !asked("/sent"), "{:?}", server.asked());
    // The twin: shown without the frame, the same page does both.
    let (program, folder) = (browser.program.clone(), scratch.path().join("bare"));
    let url = server.url("/scripted");
    let bare = move || {
        let mut command = Command::new(program);
        command.args(["--headless=new", "--no-sandbox", "--disable-gpu"]);
        command.args([
            "--host-resolver-rules=MAP phish.test 127.0.0.1",
            "--virtual-time-budget=2000",
        ]);
        command.arg(format!(
            "--user-data-dir={}",
            folder.join("profile").display()
        ));
        command.arg(format!(
            "--screenshot={}",
            folder.join("bare.png").display()
        ));
        let done = command.arg(url.as_str()).output().map(drop);
        std::fs::remove_dir_all(folder).and(done)
    };
    tokio::task::spawn_blocking(bare).await.unwrap().unwrap();
    assert!(asked("/sent"), "{:?}", server.asked());
    // Bounds, and a program that is not there.
    for (twin, said) in [
        (
            Browser {
                memory: 1 << 20,
                ..browser.clone()
            },
            "memory",
        ),
        (
            Browser {
                time: Duration::ZERO,
                ..browser.clone()
            },
            "time",
        ),
        (
            Browser {
                program: "/nonexistent".into(),
                ..browser.clone()
            },
            "start",
        ),
    ] {
        let taken =
            tokio::task::spawn_blocking(move || take(&twin, &Shown::Recorded(b"x"), "three"))
                .await
                .unwrap();
        let error = taken.unwrap_err();
        let found = match error {
            NoPicture::Memory(_) => "memory",
            NoPicture::Time(_) => "time",
            NoPicture::Start { .. } => "start",
            NoPicture::None(_) => "none",
        };
        assert_eq!(found, said);
    }
    assert_eq!(
        std::fs::read_dir(scratch.path()).unwrap().count(),
        0,
        "no profile is left"
    );
}
