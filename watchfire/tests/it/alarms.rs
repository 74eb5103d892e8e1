//! Alarms and webhooks from the serving process to receivers that stand on this machine: signed, tried again, written
//! down, told again on request; taken up or climbing to the lead; and the silence of a process that stands still.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::respond::Post;
use crate::run::Bench;
use crate::serve::{Answer, Serving, ask, until};

/// What somebody asked for.
#[derive(Clone, Debug)]
struct Asked {
    line: String,
    head: String,
    body: String,
}

impl Asked {
    fn header(&self, name: &str) -> String {
        let found = self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name)
                .then(|| value.trim().to_owned())
        });
        found.unwrap_or_default()
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// A receiver: answers as it is told to, 200 when it is told nothing, and remembers what came.
#[derive(Clone)]
struct Receiver {
    at: SocketAddr,
    came: Arc<Mutex<Vec<Asked>>>,
    answers: Arc<Mutex<VecDeque<u16>>>,
}

impl Receiver {
    fn start() -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let receiver = Receiver {
            at: listener.local_addr().expect("it is bound"),
            came: Arc::default(),
            answers: Arc::default(),
        };
        let here = receiver.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                here.answer(stream);
            }
        });
        receiver
    }

    fn answer(&self, mut stream: TcpStream) {
        let mut bytes = Vec::new();
        let mut piece = [0; 4096];
        let whole = |bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes).into_owned();
            let (head, body) = text.split_once("\r\n\r\n")?;
            let length = head.lines().find_map(|line| {
                let line = line.to_ascii_lowercase();
                line.strip_prefix("content-length:")?.trim().parse().ok()
            });
            let (line, head) = head.split_once("\r\n")?;
            (body.len() >= length.unwrap_or(0)).then(|| Asked {
                line: line.to_owned(),
                head: head.to_owned(),
                body: body.to_owned(),
            })
        };
        let asked = loop {
            if let Some(asked) = whole(&bytes) {
                break asked;
            }
            match stream.read(&mut piece) {
                Ok(0) | Err(_) => return,
                Ok(size) => bytes.extend_from_slice(&piece[..size]),
            }
        };
        self.came.lock().expect("nobody panics with it").push(asked);
        let mut answers = self.answers.lock().expect("nobody panics with it");
        let status = answers.pop_front().unwrap_or(200);
        let answer =
            format!("HTTP/1.1 {status} So\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
        let _ = stream.write_all(answer.as_bytes());
    }

    fn will_answer(&self, statuses: &[u16]) {
        let mut answers = self.answers.lock().expect("nobody panics with it");
        answers.extend(statuses);
    }

    fn all(&self) -> Vec<Asked> {
        self.came.lock().expect("nobody panics with it").clone()
    }
}

/// Whether a post carries the signature of a secret, as Standard Webhooks writes it; made here anew, not by our code.
fn signed(asked: &Asked, secret: &str) -> bool {
    let bytes = BASE64_STANDARD
        .decode(secret.strip_prefix("whsec_").expect("a secret"))
        .expect("base64");
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &bytes);
    let (id, at) = (
        asked.header("webhook-id"),
        asked.header("webhook-timestamp"),
    );
    let text = format!("{id}.{at}.{}", asked.body);
    asked.header("webhook-signature").split(' ').any(|one| {
        let tag = one
            .strip_prefix("v1,")
            .and_then(|tag| BASE64_STANDARD.decode(tag).ok());
        tag.is_some_and(|tag| ring::hmac::verify(&key, text.as_bytes(), &tag).is_ok())
    })
}

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
/// A secret of somebody else.
const OTHER: &str = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// A token of the API in a person's name.
fn token(bench: &Bench, login: &str, may: &str) -> String {
    let made = bench
        .run(&[
            "--json", "tokens", "api", "add", login, "test", "--may", may,
        ])
        .exits(0)
        .json();
    made["token"].as_str().expect("a token").to_owned()
}

fn call(serving: &Serving, token: &str, method: &str, path: &str, body: &Value) -> Answer {
    let bearer = format!("Authorization: Bearer {token}");
    let heads = [bearer.as_str(), "Content-Type: application/json"];
    let body = match body.is_null() {
        true => Vec::new(),
        false => body.to_string().into_bytes(),
    };
    ask(serving.address, method, path, &heads, &body).expect("it answers")
}

fn people(bench: &Bench) {
    for (login, roles) in [("li", "administrator,lead"), ("chen", "lead")] {
        bench
            .run(&["users", "add", login, "--role", roles, "--as", "li"])
            .exits(0);
    }
}

#[test]
fn a_webhook_is_signed_tried_again_written_down_and_told_again() {
    let receiver = Receiver::start();
    let bench =
        Bench::with("[workspace]\nzone = \"UTC\"\n[response]\nwebhook_allow = [\"127.0.0.1\"]\n");
    people(&bench);
    let token = token(&bench, "li", "view,administer,lead,work");
    let serving = Serving::start(&bench);
    let url = format!("http://{}/hook", receiver.at);
    let new = json!({ "name": "chat", "url": url, "kinds": ["webhook."] });
    let made = call(&serving, &token, "POST", "/api/v1/webhooks", &new).json();
    let (id, secret) = (
        &made["webhook"]["id"],
        made["secret"].as_str().expect("a secret"),
    );
    // Refused once: it comes again by itself, under the same id.
    receiver.will_answer(&[500]);
    let test = format!("/api/v1/webhooks/{id}/test");
    call(&serving, &token, "POST", &test, &Value::Null);
    until("the webhook", || receiver.all().len() >= 2);
    let came = receiver.all();
    let (first, second) = (&came[0], &came[1]);
    assert!(first.line.starts_with("POST /hook "), "{first:?}");
    assert_eq!(first.header("webhook-id"), second.header("webhook-id"));
    assert_eq!(first.body, second.body);
    for asked in &came {
        assert!(signed(asked, secret), "{asked:?}");
        assert!(!signed(asked, OTHER), "another secret must not do");
        let mut changed = asked.clone();
        changed.body.push(' ');
        assert!(!signed(&changed, secret), "a changed body must not do");
    }
    // The log says how it went; told again on request, it is the same message.
    let calls = format!("/api/v1/webhooks/{id}/calls");
    let logged = || call(&serving, &token, "GET", &calls, &Value::Null).json();
    until("the log", || logged()["items"][0]["state"] == "sent");
    let log = logged();
    assert_eq!(log["items"][0]["attempts"], 2, "{log}");
    let replay = format!("{calls}/{}/replay", log["items"][0]["id"]);
    call(&serving, &token, "POST", &replay, &Value::Null).is(204);
    until("the replay", || receiver.all().len() >= 3);
    let third = receiver.all()[2].clone();
    assert_eq!(third.header("webhook-id"), first.header("webhook-id"));
    assert!(signed(&third, secret));
    // Ended: nothing more is told.
    let one = format!("/api/v1/webhooks/{id}");
    call(&serving, &token, "DELETE", &one, &Value::Null).is(204);
    let before = receiver.all().len();
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(receiver.all().len(), before);
}

/// A house whose alarms leave by every way, and climb after a minute.
fn ringing(receiver: &Receiver, post: SocketAddr) -> Bench {
    let at = receiver.at;
    let bench = Bench::with(&format!(
        r#"
[workspace]
zone = "UTC"

[response]
address = "duty@cert.example"
name_zh = "示例应急中心"
name_en = "Example CERT"
smtp = "smtp://{post}"
webhook_allow = ["127.0.0.1"]
resolvers = ["127.0.0.1:1"]

[duty]
base = "https://watchfire.cert.example"
language = "en"
mail = ["officer@cert.example"]
lead_mail = ["head@cert.example"]
webhook = "http://{at}/alarms"
webhook_secret = "duty.secret"
gateway = "http://{at}/sms"
gateway_json = '{{"to":"{{to}}","text":"{{text}}"}}'
gateway_to = ["+8600000000000"]
gateway_lead_to = ["+8600000000001"]
climb_minutes = 1
disk_percent = 0
dead_man_url = "http://{at}/alive"
dead_man_secs = 10
"#
    ));
    bench.write("duty.secret", SECRET);
    people(&bench);
    bench
}

#[test]
fn an_alarm_leaves_by_every_way_is_taken_up_or_climbs_and_a_silence_is_seen() {
    let receiver = Receiver::start();
    let post = Post::start();
    let bench = ringing(&receiver, post.at);
    let token = token(&bench, "chen", "view,work,lead");
    let serving = Serving::start(&bench);
    let at = |path: &str| -> Vec<Asked> {
        let all = receiver.all();
        let here = format!(" {path} ");
        all.into_iter()
            .filter(|one| one.line.contains(&here))
            .collect()
    };
    let mails = || post.taken.lock().expect("nobody panics with it").clone();
    let ring = || {
        let rung = call(
            &serving,
            &token,
            "POST",
            "/api/v1/duty/alarms/trial",
            &json!({}),
        );
        assert!(rung.status < 300, "{rung:?}");
        rung.json()["id"].as_i64().expect("a number")
    };
    let taken = ring();
    until("mail, webhook and gateway", || {
        !at("/alarms").is_empty() && !at("/sms").is_empty() && !mails().is_empty()
    });
    let hook = at("/alarms").remove(0);
    assert!(signed(&hook, SECRET) && !signed(&hook, OTHER), "{hook:?}");
    assert_eq!(hook.json()["type"], "alarm.raise");
    assert_eq!(hook.json()["data"]["alarm"], taken);
    assert_eq!(at("/sms")[0].json()["to"], "+8600000000000");
    let mail = mails().remove(0);
    assert!(mail.contains("officer@cert.example"), "{mail}");
    assert!(!mail.contains("head@cert.example"), "{mail}");
    // Somebody takes it up: it does not climb.
    let path = format!("/api/v1/duty/alarms/{taken}/acknowledge");
    let done = call(
        &serving,
        &token,
        "POST",
        &path,
        &json!({ "remark": "looking" }),
    );
    assert!(done.status < 300, "{done:?}");
    // Nobody takes the next one up; the receiver is down at first, which loses nothing.
    receiver.will_answer(&[503]);
    let left = ring();
    assert_ne!(left, taken, "a trial that was taken up rings anew");
    let climbed = || {
        let all = at("/alarms");
        all.into_iter()
            .find(|one| one.json()["type"] == "alarm.climb")
    };
    let begun = Instant::now();
    while climbed().is_none()
        || !mails()
            .iter()
            .any(|mail| mail.contains("head@cert.example"))
    {
        assert!(
            begun.elapsed() < Duration::from_secs(120),
            "it did not climb"
        );
        std::thread::sleep(Duration::from_millis(200));
    }
    assert!(
        begun.elapsed() > Duration::from_secs(50),
        "it climbed at once"
    );
    let climb = climbed().expect("it climbed");
    assert_eq!(
        climb.json()["data"]["alarm"],
        left,
        "what was taken up stays"
    );
    assert!(signed(&climb, SECRET));
    until("the lead's short message", || {
        at("/sms")
            .iter()
            .any(|one| one.json()["to"] == "+8600000000001")
    });
    // It lives, and says so; a process that stands still says nothing, and doctor says since when.
    until("a sign of life", || !at("/alive").is_empty());
    bench.run(&["watch"]).exits(0);
    serving.signal("STOP");
    std::thread::sleep(Duration::from_secs(1));
    let before = at("/alive").len();
    std::thread::sleep(Duration::from_secs(13));
    assert_eq!(at("/alive").len(), before, "who is stopped pings nobody");
    bench
        .run(&["doctor"])
        .prints("last sign of life of `watchfire serve`");
    serving.signal("CONT");
    until("it lives again", || at("/alive").len() > before);
}
