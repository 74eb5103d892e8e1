//! The mail edition from outside: one mail asks, a yes on the page, the issue once, one click and out.

use std::process::Command;

use base64::Engine as _;

use super::{Serving, ask};
use crate::respond::Post;
use crate::run::Bench;

fn openssl(arguments: &[&str]) -> Option<String> {
    let done = Command::new("openssl").args(arguments).output().ok()?;
    done.status
        .success()
        .then(|| String::from_utf8_lossy(&done.stdout).into_owned())
}

fn configuration(post: std::net::SocketAddr) -> String {
    format!(
        r#"
[workspace]
name = "edition"

[response]
address = "duty@cert.example"
name_zh = "示例应急中心"
name_en = "Example CERT"
smtp = "smtp://{post}"
dkim_key = "dkim.pem"
dkim_selector = "wf"
# No round comes between.
round_secs = 86400

[subscribers]
base = "http://127.0.0.1"
"#
    )
}

fn mails(post: &Post) -> Vec<String> {
    post.taken.lock().expect("nobody panics with it").clone()
}

/// The text of a mail's first part.
fn text(mail: &str) -> String {
    let (_, body) = mail.split_once("\r\n\r\n").expect("a body");
    let body = match body.trim_start().starts_with("--") {
        true => body.split_once("\r\n\r\n").expect("a part").1,
        false => body,
    };
    let code: String = body
        .lines()
        .take_while(|line| !line.is_empty() && !line.starts_with("--"))
        .collect();
    let bytes = base64::engine::general_purpose::STANDARD.decode(code);
    String::from_utf8(bytes.expect("base64")).expect("UTF-8")
}

fn path(text: &str) -> String {
    let at = text.find("/subscriptions/").expect("an address");
    let rest = &text[at..];
    let end = rest.find(['\n', '\r', '>', ' ']).unwrap_or(rest.len());
    rest[..end].to_owned()
}

fn head<'a>(mail: &'a str, name: &str) -> Option<&'a str> {
    let (head, _) = mail.split_once("\r\n\r\n")?;
    let start = head.find(&format!("\r\n{name}: "))? + name.len() + 4;
    let rest = &head[start..];
    // To the next field; folds are part of this one.
    let end = rest
        .match_indices("\r\n")
        .find(|(at, _)| !rest[at + 2..].starts_with([' ', '\t']))
        .map_or(rest.len(), |(at, _)| at);
    Some(&rest[..end])
}

/// What dkimpy says, where it is installed.
fn dkim(mail: &str, public: &str) -> Option<bool> {
    let python = std::env::var_os("WATCHFIRE_PEERS")
        .map(|folder| std::path::PathBuf::from(folder).join("bin/python"))?;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("mail");
    std::fs::write(&file, mail).expect("it is written");
    let record = format!("v=DKIM1; k=rsa; p={public}");
    let code = "import dkim,sys\n\
        r=sys.argv[2].encode()\n\
        m=open(sys.argv[1],'rb').read()\n\
        print(dkim.verify(m,dnsfunc=lambda n,timeout=5: r))";
    let done = Command::new(python)
        .args(["-c", code])
        .arg(&file)
        .arg(record)
        .output()
        .ok()?;
    match String::from_utf8_lossy(&done.stdout).trim() {
        "True" => Some(true),
        "False" => Some(false),
        _ => None,
    }
}

fn bounce(mail: &str) -> String {
    let to = head(mail, "Reply-To").expect("Reply-To");
    let id = head(mail, "Message-ID").expect("Message-ID");
    format!(
        "From: MAILER-DAEMON@mx.test\r\nTo: {to}\r\nSubject: Undelivered Mail Returned to Sender\r\n\
         Message-ID: <b{}@mx.test>\r\nDate: Fri, 20 Nov 2026 00:10:00 +0000\r\nMIME-Version: 1.0\r\n\
         Auto-Submitted: auto-replied\r\n\
         Content-Type: multipart/report; report-type=delivery-status; boundary=\"b\"\r\n\r\n\
         --b\r\nContent-Type: text/plain\r\n\r\nThe mail could not be delivered.\r\n\
         --b\r\nContent-Type: message/delivery-status\r\n\r\n\
         Reporting-MTA: dns; mx.test\r\n\r\n\
         Final-Recipient: rfc822; bob@example.com\r\nAction: failed\r\nStatus: 5.1.1\r\n\
         Diagnostic-Code: smtp; 550 5.1.1 no such user\r\n\r\n\
         --b\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: {id}\r\n\r\n--b--\r\n",
        blake(id)
    )
}

fn blake(text: &str) -> String {
    blake3::hash(text.as_bytes()).to_hex().as_str()[..12].to_owned()
}

#[test]
fn one_mail_asks_and_one_click_leaves() {
    let Some(key) = openssl(&[
        "genpkey",
        "-algorithm",
        "RSA",
        "-pkeyopt",
        "rsa_keygen_bits:2048",
    ]) else {
        eprintln!("SKIPPED: openssl is not installed; see .ci/run");
        return;
    };
    let post = Post::start();
    let bench = Bench::with(&configuration(post.at)).set("USER", "ann");
    bench.write("dkim.pem", &key);
    let pem = bench.path().join("dkim.pem").display().to_string();
    let public = openssl(&["pkey", "-in", &pem, "-pubout"]).expect("the public key");
    let public: String = public
        .lines()
        .filter(|line| !line.starts_with('-'))
        .collect();
    for (name, text) in [
        ("zh.txt", "第3期\n退订：@@LEAVE@@\n"),
        ("en.txt", "No. 3\nUnsubscribe: @@LEAVE@@\n"),
        (
            "en.html",
            "<p>No. 3</p><a href=\"@@LEAVE@@\">unsubscribe</a>\n",
        ),
    ] {
        bench.write(&format!("edition.{name}"), text);
    }
    let send = |revision: &str| {
        bench.run(&[
            "--json",
            "subscribers",
            "send",
            "2023-3",
            "--revision",
            revision,
            "--body",
            "edition",
            "--not-public",
            "an older program published it",
        ])
    };
    bench
        .run(&["subscribers", "add", "bob@example.com", "--lang", "en"])
        .exits(0);
    bench
        .run(&["subscribers", "add", "no address"])
        .exits(1)
        .says("subscriber");
    bench
        .run(&["subscribers", "ask"])
        .exits(1)
        .says("not armed");
    assert!(mails(&post).is_empty());
    bench.run(&["notices", "arm", "--reason", "test"]).exits(0);
    for sent in ["1 sent, 0 had it before", "0 sent, 1 had it before"] {
        bench.run(&["subscribers", "ask"]).exits(0).prints(sent);
    }
    let asked = mails(&post);
    assert_eq!(asked.len(), 1);
    assert_eq!(head(&asked[0], "List-Unsubscribe"), None);
    // Content of one's own for an issue that is not public goes to nobody without a reason.
    let body = [
        "subscribers",
        "send",
        "2023-3",
        "--revision",
        "1",
        "--body",
        "edition",
    ];
    bench.run(&body).exits(1).says("is not public");
    bench
        .run(&[&body[..], &["--not-public", " "]].concat())
        .exits(1)
        .says("is not public");
    // Nothing before a yes.
    assert_eq!(send("1").exits(0).json()["sent"], 0);

    let serving = Serving::start(&bench);
    let yes = path(&text(&asked[0]));
    let state = || {
        let all = bench
            .run(&["--json", "subscribers", "list"])
            .exits(0)
            .json();
        all[0]["state"].as_str().expect("a state").to_owned()
    };
    let page = serving.get(&yes).is(200);
    assert!(
        page.body.contains("<button>") && page.head.contains("no-referrer"),
        "{page:?}"
    );
    assert_eq!(state(), "asked", "a look changes nothing");
    let (address, query) = yes.split_once('?').expect("a token");
    serving
        .get("/subscriptions/confirm?token=%3Cscript%3E")
        .is(404);
    serving
        .get(&format!("{address}?token=000000000000"))
        .is(200);
    let post_to = |path: &str, body: &str| {
        let form = "Content-Type: application/x-www-form-urlencoded";
        ask(serving.address, "POST", path, &[form], body.as_bytes()).expect("it answers")
    };
    post_to(address, "token=000000000000").is(404);
    post_to(address, query).is(200);
    assert_eq!(state(), "confirmed");

    assert_eq!(send("1").exits(0).json()["sent"], 1);
    let again = send("1").exits(0).json();
    assert_eq!((&again["sent"], &again["before"]), (&0.into(), &1.into()));
    let issue = mails(&post).pop().expect("the issue");
    assert_eq!(mails(&post).len(), 2);
    assert_eq!(
        head(&issue, "List-Unsubscribe-Post"),
        Some("List-Unsubscribe=One-Click")
    );
    let ways = head(&issue, "List-Unsubscribe").expect("how to leave");
    assert!(
        ways.contains("<http://127.0.0.1/subscriptions/leave?token=")
            && ways.contains("<mailto:duty+"),
        "{ways}"
    );
    assert!(text(&issue).contains("/subscriptions/leave?token="));
    match dkim(&issue, &public) {
        None => eprintln!("SKIPPED: Python has no dkim; see .ci/run and WATCHFIRE_PEERS"),
        Some(good) => {
            assert!(good, "{issue}");
            let forged = issue.replacen("One-Click", "One-Clack", 1);
            assert_eq!(
                dkim(&forged, &public),
                Some(false),
                "the one click is signed"
            );
        }
    }

    // Back for good twice: no more is written.
    for (revision, expected) in [("1", "confirmed"), ("2", "bouncing")] {
        let sent = send(revision).exits(0).json();
        assert_eq!(sent["sent"], u8::from(revision == "2"));
        let mail = mails(&post).pop().expect("a mail");
        bench.write("in/b.eml", bounce(&mail));
        bench.run(&["inbox", "take", "in/b.eml"]).exits(0);
        bench.run(&["inbox", "read"]).exits(0);
        assert_eq!(state(), expected);
    }
    assert_eq!(send("3").exits(0).json()["sent"], 0);

    // The program of the reader posts, without a cookie and without a look at the page.
    let out = path(ways);
    post_to(&out, "List-Unsubscribe=One-Click").is(200);
    post_to(&out, "List-Unsubscribe=One-Click").is(200);
    assert_eq!(state(), "left");
    let before = mails(&post).len();
    assert_eq!(send("4").exits(0).json()["sent"], 0);
    assert_eq!(mails(&post).len(), before);
}
