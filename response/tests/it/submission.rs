//! Submission to servers of all tempers: what the outcome is, and what arrives.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use model::bulletin::Lang;
use model::notice::{NoticeKind, NoticeState};
use response::deliver::message::{Message, Protection};
use response::deliver::smtp::{Config, Relay, Security};
use response::deliver::webhook::{self, Key};
use response::deliver::{Outcome, Secret};
use response::notice::Look;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;

use crate::drafts::{NOW, draft, several};
use crate::mail::built;

/// What a server does.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Temper {
    Honest,
    Greets(&'static str),
    AnswersSender(&'static str),
    AnswersRecipient(&'static str),
    AnswersData(&'static str),
    AnswersContent(&'static str),
    /// Hangs up as soon as it has the content.
    AbortsAfterContent,
    /// Hangs up when the content has begun.
    AbortsInContent,
    /// Never answers the content.
    SlowAfterContent,
    /// Never answers the recipient.
    SlowAtRecipient,
    /// Answers with something that is no answer.
    Babbles,
    /// Offers STARTTLS and then refuses it.
    BreaksStartTls,
    /// Does not offer STARTTLS.
    KnowsNoTls,
    /// Wants a login.
    WantsLogin,
}

/// What a server saw: envelopes and contents.
#[derive(Default)]
struct Seen {
    commands: Vec<String>,
    contents: Vec<Vec<u8>>,
}

struct Server {
    at: SocketAddr,
    seen: Arc<Mutex<Seen>>,
}

async fn serve(temper: Temper, tls: Option<tokio_rustls::TlsAcceptor>) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let seen = Arc::new(Mutex::new(Seen::default()));
    let theirs = seen.clone();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let (seen, tls) = (theirs.clone(), tls.clone());
            tokio::spawn(async move {
                let _ = talk(socket, temper, tls, seen).await;
            });
        }
    });
    Server { at, seen }
}

async fn talk(
    socket: tokio::net::TcpStream,
    temper: Temper,
    tls: Option<tokio_rustls::TlsAcceptor>,
    seen: Arc<Mutex<Seen>>,
) -> io::Result<()> {
    let mut stream = BufReader::new(socket);
    let greeting = match temper {
        Temper::Greets(line) => line,
        _ => "220 mx.test ESMTP",
    };
    say(&mut stream, greeting).await?;
    if converse(&mut stream, temper, &seen, tls.is_none()).await? {
        let Some(acceptor) = tls else {
            return say(&mut stream, "454 4.7.0 TLS not available").await;
        };
        say(&mut stream, "220 go ahead").await?;
        let mut stream = BufReader::new(acceptor.accept(stream.into_inner()).await?);
        converse(&mut stream, temper, &seen, true).await?;
    }
    Ok(())
}

async fn say<S: AsyncWrite + Unpin>(stream: &mut S, line: &str) -> io::Result<()> {
    stream.write_all(format!("{line}\r\n").as_bytes()).await?;
    stream.flush().await
}

/// Talks SMTP; `true` where the client asks for TLS.
async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut BufReader<S>,
    temper: Temper,
    seen: &Mutex<Seen>,
    is_protected: bool,
) -> io::Result<bool> {
    let forever = Duration::from_secs(600);
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(false);
        }
        seen.lock()
            .unwrap()
            .commands
            .push(line.trim_end().to_owned());
        let verb = line
            .split([' ', '\r'])
            .next()
            .unwrap_or_default()
            .to_ascii_uppercase();
        match (verb.as_str(), temper) {
            ("EHLO", Temper::WantsLogin) => {
                say(stream, "250-mx.test\r\n250 AUTH PLAIN LOGIN").await?
            }
            ("EHLO", Temper::BreaksStartTls) => say(stream, "250-mx.test\r\n250 STARTTLS").await?,
            ("EHLO", _) if !is_protected => say(stream, "250-mx.test\r\n250 STARTTLS").await?,
            ("EHLO", _) => say(stream, "250-mx.test\r\n250 8BITMIME").await?,
            ("STARTTLS", _) => return Ok(true),
            ("AUTH", _) if line.contains("AHVzZXIAcmlnaHQ=") => say(stream, "235 welcome").await?,
            ("AUTH", _) => say(stream, "535 5.7.8 wrong password").await?,
            ("MAIL", Temper::AnswersSender(answer)) => say(stream, answer).await?,
            ("RCPT", Temper::AnswersRecipient(answer)) => say(stream, answer).await?,
            ("RCPT", Temper::SlowAtRecipient) => tokio::time::sleep(forever).await,
            ("RCPT", Temper::Babbles) => say(stream, "well, hello there").await?,
            ("DATA", Temper::AnswersData(answer)) => say(stream, answer).await?,
            ("DATA", _) => {
                say(stream, "354 go ahead").await?;
                let mut content = Vec::new();
                loop {
                    let mut line = Vec::new();
                    if stream.read_until(b'\n', &mut line).await? == 0
                        || temper == Temper::AbortsInContent
                    {
                        return Ok(false);
                    }
                    if line == b".\r\n" {
                        break;
                    }
                    content.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
                }
                seen.lock().unwrap().contents.push(content);
                match temper {
                    Temper::AbortsAfterContent => return Ok(false),
                    Temper::SlowAfterContent => tokio::time::sleep(forever).await,
                    Temper::AnswersContent(answer) => say(stream, answer).await?,
                    _ => say(stream, "250 2.0.0 queued as 1").await?,
                }
            }
            ("QUIT", _) => {
                say(stream, "221 bye").await?;
                return Ok(false);
            }
            _ => say(stream, "250 ok").await?,
        }
    }
}

fn config(at: SocketAddr, security: Security) -> Config {
    Config {
        connect_secs: 2,
        command_secs: 2,
        data_secs: 2,
        ..Config::new(&at.ip().to_string(), at.port(), security, "cert.example")
    }
}

fn message() -> Message {
    built(&several(Lang::Zh), &Look::default(), &Protection::default())
}

async fn outcome(temper: Temper) -> (Outcome, Seen) {
    let server = serve(temper, None).await;
    let relay = Relay::new(config(server.at, Security::Plain)).unwrap();
    let outcome = relay.send(&message()).await;
    let seen = std::mem::take(&mut *server.seen.lock().unwrap());
    (outcome, seen)
}

#[tokio::test]
async fn what_arrives_is_what_was_sent() {
    let mut plain = draft(NoticeKind::First, Lang::En);
    // A letter with lines of dots, which SMTP doubles on the way.
    plain.remark = Some(". .. ...".into());
    let server = serve(Temper::Honest, None).await;
    let relay = Relay::new(config(server.at, Security::Plain)).unwrap();
    let mut dotted = built(&plain, &Look::default(), &Protection::default());
    dotted.bytes.extend_from_slice(b".\r\n..\r\n.x\r\n\r\n");
    for message in [message(), dotted] {
        let outcome = relay.send(&message).await;
        assert!(
            matches!(&outcome, Outcome::Sent { reply } if reply.contains("queued as 1")),
            "{outcome:?}"
        );
        let seen = server.seen.lock().unwrap();
        assert_eq!(seen.contents.last(), Some(&message.bytes));
        let from = format!("MAIL FROM:<notice+{}@cert.example>", plain.token);
        assert!(seen.commands.contains(&from), "{:?}", seen.commands);
        assert!(
            seen.commands
                .contains(&"RCPT TO:<abuse@cloud.example>".to_owned())
        );
    }
}

#[tokio::test]
async fn each_answer_has_its_outcome() {
    use Temper::*;
    let later = |outcome: &Outcome| matches!(outcome, Outcome::Later { .. });
    let refused = |outcome: &Outcome| matches!(outcome, Outcome::Refused { .. });
    for temper in [
        Greets("421 4.3.2 closing"),
        Greets("554 5.7.1 go away"),
        AnswersSender("451 4.3.0 later"),
        AnswersRecipient("451 4.7.1 greylisted"),
        AnswersRecipient("421 4.7.0 too many"),
        AnswersData("451 4.3.0 later"),
        AnswersContent("452 4.2.2 full"),
        SlowAtRecipient,
        Babbles,
    ] {
        let (outcome, _) = outcome(temper).await;
        assert!(
            later(&outcome) && outcome.state() == NoticeState::Ready && outcome.again(),
            "{temper:?}: {outcome:?}"
        );
    }
    for temper in [
        AnswersSender("550 5.7.1 not you"),
        AnswersRecipient("550 5.1.1 no such user"),
        AnswersData("554 5.5.1 no"),
        AnswersContent("554 5.7.1 spam"),
    ] {
        let (outcome, _) = outcome(temper).await;
        assert!(
            refused(&outcome) && outcome.state() == NoticeState::Bounced && !outcome.again(),
            "{temper:?}: {outcome:?}"
        );
        assert!(outcome.reply().contains("5."), "{outcome:?}");
    }
    let (told, _) = outcome(AnswersRecipient("550 5.1.1 no such user")).await;
    assert!(told.reply().contains("no such user"), "{told:?}");
}

#[tokio::test]
async fn a_mail_that_may_have_been_taken_is_unknown_and_goes_again_as_the_same() {
    use Temper::*;
    for temper in [AbortsAfterContent, SlowAfterContent, AbortsInContent] {
        let (outcome, _) = outcome(temper).await;
        assert!(
            matches!(outcome, Outcome::Unknown { .. }),
            "{temper:?}: {outcome:?}"
        );
        assert_eq!(outcome.state(), NoticeState::Sending);
        assert!(outcome.again());
    }
    let server = serve(AbortsAfterContent, None).await;
    let relay = Relay::new(config(server.at, Security::Plain)).unwrap();
    let message = message();
    for _ in 0..2 {
        relay.send(&message).await;
    }
    let seen = server.seen.lock().unwrap();
    assert_eq!(seen.contents.len(), 2);
    assert_eq!(seen.contents[0], seen.contents[1]);
}

#[tokio::test]
async fn nobody_there_is_for_later() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = free.local_addr().unwrap();
    drop(free);
    let relay = Relay::new(config(at, Security::Plain)).unwrap();
    let outcome = relay.send(&message()).await;
    assert!(matches!(&outcome, Outcome::Later { .. }), "{outcome:?}");
    assert!(
        outcome.reply().contains(&at.port().to_string()),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn without_tls_mail_stays_on_this_machine() {
    for host in ["mx.example.com", "192.0.2.1", "127.0.0.1.example.com"] {
        let told = Relay::new(Config::new(host, 25, Security::Plain, "cert.example"));
        assert!(told.is_err(), "{host}");
    }
    assert!(Relay::new(Config::new("::1", 25, Security::Plain, "cert.example")).is_ok());
    assert!(Relay::new(Config::new("::1", 25, Security::Plain, "x\r\nMAIL FROM:<>")).is_err());
    // Neither the mail nor the password goes over a way that could not be protected.
    for temper in [Temper::BreaksStartTls, Temper::KnowsNoTls] {
        let server = serve(temper, None).await;
        let mut config = config(server.at, Security::StartTls);
        config.login = Some(("user".into(), Secret::new("right")));
        let outcome = Relay::new(config).unwrap().send(&message()).await;
        assert!(
            matches!(outcome, Outcome::Later { .. }),
            "{temper:?}: {outcome:?}"
        );
        let seen = server.seen.lock().unwrap();
        let leaked = seen
            .commands
            .iter()
            .any(|line| line.starts_with("AUTH") || line.starts_with("MAIL"));
        assert!(!leaked && seen.contents.is_empty(), "{:?}", seen.commands);
    }
}

#[tokio::test]
async fn a_login_is_made_and_a_wrong_one_is_for_later() {
    let server = serve(Temper::WantsLogin, None).await;
    for (password, fine) in [("right", true), ("wrong", false)] {
        let mut config = config(server.at, Security::Plain);
        config.login = Some(("user".into(), Secret::new(password)));
        assert!(!format!("{config:?}").contains(password));
        let outcome = Relay::new(config).unwrap().send(&message()).await;
        assert_eq!(matches!(outcome, Outcome::Sent { .. }), fine, "{outcome:?}");
        assert_eq!(
            matches!(outcome, Outcome::Later { .. }),
            !fine,
            "{outcome:?}"
        );
    }
}

/// An acceptor for `localhost`, and its certificate.
fn acceptor() -> (tokio_rustls::TlsAcceptor, String) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key.into())
        .unwrap();
    (
        tokio_rustls::TlsAcceptor::from(Arc::new(config)),
        made.cert.pem(),
    )
}

#[tokio::test]
async fn tls_protects_the_way_and_an_unknown_certificate_ends_it() {
    let (acceptor, pem) = acceptor();
    let server = serve(Temper::Honest, Some(acceptor)).await;
    for (roots, fine) in [(vec![pem], true), (Vec::new(), false)] {
        let mut config = config(server.at, Security::StartTls);
        config.host = "localhost".into();
        config.roots = roots;
        let message = message();
        let outcome = Relay::new(config).unwrap().send(&message).await;
        assert_eq!(matches!(outcome, Outcome::Sent { .. }), fine, "{outcome:?}");
        assert_eq!(
            matches!(outcome, Outcome::Later { .. }),
            !fine,
            "{outcome:?}"
        );
        assert_eq!(server.seen.lock().unwrap().contents.len(), 1);
    }
}

#[tokio::test]
async fn a_webhook_is_signed_and_its_answer_judged() {
    use tokio::io::AsyncReadExt as _;
    let _ = rustls::crypto::ring::default_provider().install_default();
    let key = || Key::read(&Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")).unwrap();
    let draft = several(Lang::En);
    let body = webhook::body(&draft, &Look::default());
    let text = String::from_utf8(body.clone()).unwrap();
    assert!(
        text.contains("https://login.example.com/bank") && !text.contains("Example Bank"),
        "{text}"
    );
    for (answer, state) in [
        ("HTTP/1.1 204 No Content\r\n\r\n", NoticeState::Sent),
        (
            "HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n",
            NoticeState::Ready,
        ),
        (
            "HTTP/1.1 410 Gone\r\ncontent-length: 0\r\n\r\n",
            NoticeState::Bounced,
        ),
        ("", NoticeState::Sending),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let length = body.len();
        let server = tokio::spawn(async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut got = Vec::new();
            while !got.windows(4).any(|w| w == b"\r\n\r\n")
                || !got.ends_with(b"}")
                || got.len() < length
            {
                let mut piece = [0; 4096];
                let n = socket.read(&mut piece).await.unwrap();
                got.extend_from_slice(&piece[..n]);
            }
            socket.write_all(answer.as_bytes()).await.unwrap();
            String::from_utf8(got).unwrap()
        });
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let outcome =
            webhook::post(&client, &url, &[key(), key()], "id-1", NOW, body.clone()).await;
        assert_eq!(outcome.state(), state, "{outcome:?}");
        let got = server.await.unwrap();
        let signature = key().sign("id-1", NOW, &body);
        for header in [
            "webhook-id: id-1".to_owned(),
            format!("webhook-timestamp: {}", NOW.0 / 1_000_000),
            format!("webhook-signature: {signature} {signature}"),
        ] {
            assert!(got.contains(&header), "{header}\n{got}");
        }
        assert!(got.ends_with(&text));
    }
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let outcome = webhook::post(&client, "http://127.0.0.1:1/", &[key()], "id-1", NOW, body).await;
    assert_eq!(outcome.state(), NoticeState::Ready, "{outcome:?}");
}
