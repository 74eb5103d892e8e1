//! Response from outside: the commands as a person runs them, a process that is killed anywhere, a mail
//! server that is down, and rounds of the serving process.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::crash::copy;
use crate::run::Bench;

/// A mail server that takes everything and remembers it.
pub struct Post {
    pub at: SocketAddr,
    pub taken: Arc<Mutex<Vec<String>>>,
}

impl Post {
    pub fn start() -> Post {
        Post::slow(Duration::ZERO)
    }

    /// One that takes so long for each mail.
    pub fn slow(pause: Duration) -> Post {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let at = listener.local_addr().expect("it is bound");
        let taken = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&taken);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let kept = Arc::clone(&kept);
                std::thread::spawn(move || {
                    // A client that was killed is gone in the middle of a word.
                    let _ = talk(&stream, &kept, pause);
                });
            }
        });
        Post { at, taken }
    }

    /// Mails taken per recipient: their Message-IDs.
    pub fn ids(&self) -> BTreeMap<String, Vec<String>> {
        let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for mail in self.taken.lock().expect("nobody panics with it").iter() {
            let head = |name: &str| {
                let mut lines = mail.lines();
                let line = lines
                    .find_map(|line| line.strip_prefix(name))
                    .unwrap_or_default();
                line.trim().to_owned()
            };
            all.entry(head("To:"))
                .or_default()
                .push(head("Message-ID:"));
        }
        all
    }
}

fn talk(stream: &TcpStream, taken: &Mutex<Vec<String>>, pause: Duration) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let say = |line: &str| (&*stream).write_all(format!("{line}\r\n").as_bytes());
    say("220 mx.test ESMTP")?;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        match line.get(..4).unwrap_or_default() {
            "EHLO" => say("250-mx.test\r\n250 8BITMIME")?,
            "DATA" => {
                std::thread::sleep(pause);
                say("354 go ahead")?;
                let mut content = String::new();
                loop {
                    let mut bytes = Vec::new();
                    if reader.read_until(b'\n', &mut bytes)? == 0 {
                        return Ok(());
                    }
                    if bytes == b".\r\n" {
                        break;
                    }
                    content.push_str(&String::from_utf8_lossy(&bytes));
                }
                taken.lock().expect("nobody panics with it").push(content);
                say("250 2.0.0 taken")?;
            }
            "QUIT" => return say("221 bye"),
            _ => say("250 ok")?,
        }
    }
}

/// A configuration with a feed of phishing pages, whose mail goes to a server.
pub fn configuration(post: SocketAddr) -> String {
    format!(
        r#"
[workspace]
name = "respond"
zone = "Asia/Shanghai"

[response]
address = "duty@cert.example"
name_zh = "示例应急中心"
name_en = "Example CERT"
smtp = "smtp://{post}"
round_secs = 1
# Nobody is there: no look of a test leaves this machine.
resolvers = ["127.0.0.1:1"]

[[feed]]
name = "phish"
provider = "Example"
format = "jpcert"
zone = "Asia/Tokyo"
licence = "none"
paths = ["in/*.csv"]
"#
    )
}

/// A report of pages that were seen yesterday.
pub fn report(hosts: &[String]) -> String {
    let yesterday = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(24);
    let day = yesterday.strftime("%Y/%m/%d %H:%M:%S");
    let mut text = String::from("date,URL,description\n");
    for host in hosts {
        text.push_str(&format!("{day},https://{host}/login,Example Bank\n"));
    }
    text
}

pub const PARTIES: &str = "\
name_en,name_zh,roles,country,province,zone,language,interval_hours,channel,address,format,rung,hours,scope,value
Example Registrar,示例注册商,registrar,,,UTC,en,0,mail,abuse@registrar.test,csv,agreed,,tld,example
";

const COMPLAINT: &str = "From: Alice <alice@example.org>\r
To: duty@cert.example\r
Subject: phishing page\r
Message-ID: <c1@example.org>\r
Date: Fri, 20 Nov 2026 00:10:00 +0000\r
Content-Type: text/plain\r
\r
Dear CERT,\r
\r
this phishing page imitates our bank: https://a.example/login\r
\r
Please have it taken down.\r
";

#[test]
fn from_an_event_to_a_notice_and_back_by_hand() {
    let post = Post::start();
    let bench = Bench::with(&configuration(post.at));
    bench.write(
        "in/a.csv",
        report(&["a.example".to_owned(), "b.example".to_owned()]),
    );
    bench.write("parties.csv", PARTIES);
    bench.write("mail/c1.eml", COMPLAINT);
    bench.run(&["ingest"]).exits(0);
    bench
        .run(&["orgs", "import", "parties.csv", "--source", "partners"])
        .exits(0)
        .prints("+ Example Registrar");
    bench
        .run(&[
            "orgs",
            "import",
            "parties.csv",
            "--source",
            "partners",
            "--apply",
        ])
        .exits(0);
    let triaged = bench
        .run(&["--json", "incidents", "triage"])
        .exits(0)
        .json();
    assert_eq!(triaged["triage"]["opened"], 2);
    let again = bench
        .run(&["--json", "incidents", "triage"])
        .exits(0)
        .json();
    assert_eq!(again["reports"], 0);
    bench
        .run(&["notices", "write"])
        .exits(0)
        .prints("0 notices written");
    bench
        .run(&[
            "incidents",
            "validate",
            "1",
            "2",
            "--reason",
            "pages looked at",
        ])
        .exits(0);
    bench.run(&["route"]).exits(0);
    bench
        .run(&["notices", "write"])
        .exits(0)
        .prints("1 notices written for 2 directives, 1 of them held");
    let held = bench
        .run(&["--json", "notices", "list", "--state", "held"])
        .exits(0)
        .json();
    assert_eq!(held[0]["hold_reason"], "the first contact with this party");
    bench.run(&["notices", "send"]).exits(1).says("not armed");
    bench
        .run(&["notices", "approve", "1", "--reason", "read"])
        .exits(0);
    bench
        .run(&["doctor"])
        .prints("nothing leaves: the instance is not armed");
    bench
        .run(&["notices", "arm", "--reason", "on duty"])
        .exits(0);
    bench.run(&["notices", "send"]).exits(0).prints("1 sent");
    assert_eq!(post.ids().len(), 1);
    let shown = bench
        .run(&["--json", "incidents", "show", "1"])
        .exits(0)
        .json();
    assert_eq!(shown["incident"]["state"], "notified");
    // A copied workspace is another instance.
    let copied = Bench::new();
    copy(bench.path(), copied.path());
    copied
        .run(&["notices", "status"])
        .exits(0)
        .prints("nothing leaves: it was armed elsewhere");
    bench
        .run(&["inbox", "take", "mail"])
        .exits(0)
        .prints("1 mails taken in");
    let read = bench.run(&["--json", "inbox", "read"]).exits(0).json();
    assert_eq!(read["read"]["complaints"], 1);
    assert_eq!(read["read"]["opened"], 0, "it joins what the events opened");
    assert_eq!(read["receipts"], 1);
    bench
        .run(&["inbox", "fetch"])
        .exits(3)
        .says("response.imap");
    let done = bench
        .run(&["--json", "respond", "--no-verify"])
        .exits(0)
        .json();
    assert_eq!(done["send"]["sent"], 1, "the receipt");
    let before = bench.run(&["--json", "incidents", "list"]).exits(0).stdout;
    let again = bench
        .run(&["--json", "respond", "--no-verify"])
        .exits(0)
        .json();
    assert_eq!(again["send"]["sent"], 0);
    assert_eq!(
        bench.run(&["--json", "incidents", "list"]).exits(0).stdout,
        before
    );
    bench
        .run(&["notices", "stop", "--reason", "wrong template"])
        .exits(0);
    bench
        .run(&["notices", "send"])
        .exits(1)
        .says("stopped all sending");
}

/// A workspace with everything up to the round that sends: pages of twenty parties, validated, armed.
fn prepared(post: SocketAddr) -> Bench {
    let bench = Bench::with(&configuration(post));
    prepare(&bench);
    bench
}

/// Brings a workspace with that configuration there.
pub fn prepare(bench: &Bench) {
    let hosts: Vec<_> = (0..20).map(|n| format!("p{n}.example")).collect();
    bench.write("in/a.csv", report(&hosts));
    let mut parties = String::from(
        "name_en,name_zh,roles,country,province,zone,language,interval_hours,channel,address,format,rung,hours,scope,value\n",
    );
    for n in 0..20 {
        parties.push_str(&format!(
            "Party {n},当事方,registrar,,,UTC,en,0,mail,abuse{n}@registrar.test,csv,agreed,,domain,p{n}.example\n"
        ));
    }
    bench.write("parties.csv", parties);
    bench.run(&["ingest"]).exits(0);
    bench
        .run(&[
            "orgs",
            "import",
            "parties.csv",
            "--source",
            "partners",
            "--apply",
        ])
        .exits(0);
    bench.run(&["incidents", "triage"]).exits(0);
    let numbers: Vec<_> = (1..=20).map(|n| n.to_string()).collect();
    let mut validate = vec!["incidents", "validate", "--reason", "looked"];
    validate.extend(numbers.iter().map(String::as_str));
    bench.run(&validate).exits(0);
    bench.run(&["route"]).exits(0);
    bench.run(&["notices", "write"]).exits(0);
    let mut approve = vec!["notices", "approve", "--reason", "read"];
    approve.extend(numbers.iter().map(String::as_str));
    bench.run(&approve).exits(0);
    bench.write("mail/c1.eml", COMPLAINT);
    bench.run(&["inbox", "take", "mail"]).exits(0);
    bench
        .run(&["notices", "arm", "--reason", "on duty"])
        .exits(0);
}

#[test]
fn killed_anywhere_a_round_loses_nothing_and_sends_nothing_under_two_names() {
    for n in 0..12_u32 {
        let post = Post::start();
        let bench = prepared(post.at);
        // Killed several times on the way; the moments differ from bench to bench.
        let mut moment = Duration::from_millis(40 + u64::from(n) * 17);
        for _ in 0..4 {
            let mut child = bench
                .command(&["respond", "--no-verify"])
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .expect("the binary runs");
            std::thread::sleep(moment);
            child.kill().expect("it can be killed");
            child.wait().expect("it ends");
            moment += Duration::from_millis(60);
        }
        bench.run(&["respond", "--no-verify"]).exits(0);
        let all = bench
            .run(&["--json", "notices", "list", "--limit", "100"])
            .exits(0)
            .json();
        let all = all.as_array().expect("a list");
        assert_eq!(all.len(), 21, "20 parties and one reporter");
        assert!(all.iter().all(|one| one["state"] == "sent"), "{all:?}");
        let ids = post.ids();
        assert_eq!(ids.len(), 21, "{ids:?}");
        for (to, mut ids) in ids {
            ids.sort();
            ids.dedup();
            assert_eq!(ids.len(), 1, "{to} got more than one mail");
        }
        let complaints = bench
            .run(&["--json", "inbox", "complaints"])
            .exits(0)
            .json();
        assert_eq!(complaints.as_array().map(Vec::len), Some(1));
    }
}

#[test]
fn a_mail_server_that_is_down_costs_time_and_nothing_else() {
    let nobody = TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("a port is free");
    let bench = prepared(nobody);
    let done = bench
        .run(&["--json", "respond", "--no-verify"])
        .exits(0)
        .json();
    assert_eq!(
        (&done["send"]["sent"], &done["send"]["later"]),
        (&0.into(), &21.into())
    );
    let all = bench
        .run(&["--json", "notices", "list", "--state", "ready"])
        .exits(0)
        .json();
    assert_eq!(all.as_array().map(Vec::len), Some(21));
    // Its own time has not come: nobody hammers a server that is down.
    let done = bench
        .run(&["--json", "respond", "--no-verify"])
        .exits(0)
        .json();
    assert_eq!(done["send"]["later"], 0);
}

#[test]
fn the_serving_process_does_rounds() {
    let post = Post::start();
    let bench = prepared(post.at);
    let mut child = bench
        .command(&["serve", "--listen", "127.0.0.1:0"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary runs");
    let begun = Instant::now();
    while post.ids().len() < 21 && begun.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(50));
    }
    // Commands get their turn beside it.
    bench
        .run(&["notices", "stop", "--reason", "a test"])
        .exits(0);
    bench
        .run(&["incidents", "note", "1", "beside the serving process"])
        .exits(0);
    let done = std::process::Command::new("kill")
        .args(["-TERM", &child.id().to_string()])
        .status();
    assert!(done.is_ok_and(|status| status.success()));
    let ended = child.wait().expect("it ends");
    assert!(ended.success(), "{ended:?}");
    assert_eq!(post.ids().len(), 21);
    assert!(
        post.ids().values().all(|ids| ids.len() == 1),
        "{:?}",
        post.ids()
    );
    let jobs = bench.run(&[
        "--json", "notices", "list", "--state", "sent", "--limit", "100",
    ]);
    assert_eq!(jobs.exits(0).json().as_array().map(Vec::len), Some(21));
}
