//! The page of a notice at a public node, from the letter to the answer: the inside writes and sends a notice, the node
//! shows its page to whoever has the letter's address and to nobody else, a browser opens and answers it, and the answer
//! arrives inside once. What lies on the node meanwhile tells nothing.
//!
//! The pictures are left in `target/pictures/leaf` to be looked at.

use std::path::Path;
use std::process::Command;

use ::ledger::portal::Post as Said;
use ::ledger::{Ledger, Page, Reach};
use model::outside::PostKind;
use serde_json::{Value, json};

use crate::browser::peers;
use crate::public::{Node, Pair, files_below, found};
use crate::respond::{PARTIES, Post, configuration, report};

/// Words of a party that must never lie in clear on the node.
const COMMENT: &str = "taken down by our night shift";

/// A mail's lines as they were before they were made fit for transport: long ones were cut with `=`.
fn plain(mail: &str) -> String {
    let joined = mail.replace("=\r\n", "").replace("=\n", "");
    joined.replace("=3D", "=").replace("=23", "#")
}

/// The address that a letter names.
fn link(mail: &str) -> Option<String> {
    let mail = plain(mail);
    let at = mail.find("/notice#")?;
    let begin = mail[..at].rfind("http://")?;
    mail[begin..].split_whitespace().next().map(str::to_owned)
}

/// An inside that has sent one notice about two pages; the notice's mail.
fn sent(pair: &Pair, node: &Node, post: &Post) -> String {
    let inside = &pair.inside;
    let base = format!("http://{}/", node.outer);
    inside.write(
        "watchfire.toml",
        configuration(post.at) + &Pair::meeting(node.inner) + &format!("url = \"{base}\"\n"),
    );
    let hosts = ["a.example", "b.example"].map(str::to_owned);
    inside.write("in/a.csv", report(&hosts));
    inside.write("parties.csv", PARTIES);
    for line in [
        "ingest",
        "orgs import parties.csv --source partners --apply",
        "incidents triage",
        "incidents validate 1 2 --reason looked",
        "route",
        "notices write",
        "notices approve 1 --reason read",
        "notices arm --reason duty",
        "notices send",
    ] {
        let words: Vec<_> = line.split(' ').collect();
        inside.run(&words).exits(0);
    }
    let taken = post.taken.lock().expect("nobody panics with it");
    assert_eq!(taken.len(), 1, "one notice went out");
    taken[0].clone()
}

/// What stands at the node, with names and contents.
fn lying(pair: &Pair) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    files_below(pair.node.path(), &mut all);
    all
}

/// What parties said, inside: incident, kind and words of each post.
fn said(pair: &Pair) -> Vec<(i64, PostKind, String)> {
    let path = pair.inside.path().join("ledger.db");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let ledger = Ledger::open_read_only(&path).await.expect("opens");
        let page = Page {
            offset: 0,
            limit: 100,
        };
        let posts = ledger.portal_posts(&Reach::All, page).await.expect("reads");
        let one = |(post, number): (Said, i64)| (number, post.kind.0, post.body);
        posts.into_iter().map(one).collect()
    })
}

#[test]
fn a_party_answers_at_the_node_and_the_node_reads_nothing() {
    let Some(peers) = peers() else {
        return;
    };
    let post = Post::start();
    let pair = Pair::new(64);
    let node = Node::start(&pair.node);
    let mail = sent(&pair, &node, &post);
    let link = link(&mail).unwrap_or_else(|| panic!("no address in\n{mail}"));
    let (base, key) = link.split_once("notice#").expect("a key");
    assert_eq!(pair.exchange(), 0);
    let secrets: Vec<String> = [key, "a.example", "b.example", "Example Registrar", COMMENT]
        .into_iter()
        .chain(["notices", "示例注册商", "AB-", "token_key"])
        .map(str::to_owned)
        .collect();
    assert_eq!(found(&secrets, &lying(&pair)), Vec::<String>::new());
    let leaves = pair.node.path().join("public/leaves");
    let held = std::fs::read_dir(&leaves).expect("a folder").count();
    assert_eq!(held, 2, "one page and the list of them");
    // Nothing changed: nothing is brought again.
    let again = pair.inside.run(&["--json", "outpost", "exchange"]);
    assert_eq!(again.exits(0).json()["done"]["leaves"], false);

    let folder = tempfile::tempdir().expect("a folder");
    let shots = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/pictures/leaf");
    // Of another run: nobody shall look at old pictures.
    let _ = std::fs::remove_dir_all(&shots);
    std::fs::create_dir_all(&shots).expect("a folder");
    let plan = folder.path().join("plan.json");
    let told = json!({
        "npm": peers.npm, "chromium": peers.chromium, "shots": shots, "base": base, "link": link, "comment": COMMENT,
    });
    std::fs::write(&plan, told.to_string()).expect("a file");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/leaf.cjs");
    let seen = Command::new("node").arg(script).arg(&plan).output();
    let seen = seen.expect("node runs");
    let why = String::from_utf8_lossy(&seen.stderr);
    assert!(seen.status.success(), "{why}");
    let seen: Value = serde_json::from_slice(&seen.stdout).expect("one line of JSON");
    assert_eq!(seen["faults"], json!([]), "{seen:#}");
    for (lang, words) in [
        ("en", ["Example Registrar", "a[.]example"]),
        ("zh", ["示例注册商", "a[.]example"]),
    ] {
        let text = seen["shown"][lang].as_str().unwrap_or_default();
        for word in words {
            assert!(text.contains(word), "{word} in {lang}: {text}");
        }
    }
    assert_eq!(
        (&seen["sent"], &seen["wrong"]),
        (&json!("sent"), &json!("unknown"))
    );

    // What was answered lies at the node, sealed, until it is fetched; and if it comes twice it counts once.
    let spool = pair.node.path().join("public/spool");
    let mut waiting = Vec::new();
    files_below(&spool, &mut waiting);
    assert!(!waiting.is_empty(), "the answer waits");
    assert_eq!(found(&secrets, &lying(&pair)), Vec::<String>::new());
    assert_eq!(said(&pair), []);
    assert_eq!(pair.exchange(), 0);
    let once = said(&pair);
    let [(number, kind, words)] = once.as_slice() else {
        panic!("one answer: {once:?}");
    };
    assert_eq!((*kind, words.as_str()), (PostKind::Fixed, COMMENT));
    let list = ["--json", "incidents", "list", "--state", "acted"];
    let acted = pair.inside.run(&list).exits(0).json();
    assert_eq!(acted[0]["number"], *number, "{acted}");
    for (path, bytes) in waiting {
        std::fs::write(path, bytes).expect("a file");
    }
    assert_eq!(pair.exchange(), 0);
    assert_eq!(said(&pair), once);
    // The scan finds what it looks for.
    pair.node.write("public/leaves/slip", format!("see {key}"));
    assert_eq!(found(&secrets, &lying(&pair)).len(), 1);
    pair.inside.run(&["audit", "verify"]).exits(0);
}
