//! The inbox against Debian's dovecot, started on a free port of this machine, and behind a proxy that
//! breaks the connection.

use std::io::Write as _;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use response::inbox::imap::{
    After, Checkpoint, Failure, Inbox, Incoming, Mailbox, Stored, connect,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// A dovecot of our own, ended when it is dropped.
struct Server {
    child: Child,
    folder: tempfile::TempDir,
    /// Who reads the mailbox on the server's side.
    owner: (u32, u32),
    plain: u16,
    tls: u16,
    certificate: CertificateDer<'static>,
}

impl Drop for Server {
    fn drop(&mut self) {
        // The master ends its workers when it is asked to; killed, it would leave them behind.
        let _ = Command::new("kill")
            .arg(self.child.id().to_string())
            .status();
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has ports");
    listener.local_addr().expect("it is bound").port()
}

/// Starts dovecot, or says loudly that it is not there; in CI it must be.
fn start() -> Option<Server> {
    let program = ["/usr/sbin/dovecot", "/usr/local/sbin/dovecot"];
    let Some(program) = program.iter().find(|path| Path::new(path).is_file()) else {
        assert!(
            std::env::var("CI").as_deref() != Ok("true"),
            "CI needs the Debian package dovecot-imapd"
        );
        eprintln!("SKIPPED: no dovecot: install the Debian package dovecot-imapd");
        return None;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().display();
    let (plain, tls) = (free_port(), free_port());
    let key = rcgen::generate_simple_self_signed(vec!["localhost".into()]).expect("a key");
    let certificate = key.cert.der().clone();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("the folder can be written");
    };
    write("cert.pem", &key.cert.pem());
    write("key.pem", &key.signing_key.serialize_pem());
    write("users", "cert:{PLAIN}secret word::::::\n");
    let user = command("id", &["-un"]);
    let group = command("id", &["-gn"]);
    let is_root = user == "root";
    // As root the workers run as the user that the package made; else all run as who runs the test.
    let (inner, login) = if is_root {
        ("dovecot".to_owned(), "dovenull".to_owned())
    } else {
        (user.clone(), user.clone())
    };
    // It serves no mailbox of root's.
    let reader = if is_root { "dovecot" } else { user.as_str() };
    let number = |what: &str| command("id", &[what, reader]).parse().expect("a number");
    let owner: (u32, u32) = (number("-u"), number("-g"));
    let (uid, gid) = owner;
    write(
        "dovecot.conf",
        &format!(
            "base_dir = {root}/run\nstate_dir = {root}/state\nlog_path = {root}/log\nprotocols = imap\n\
             listen = 127.0.0.1\ndefault_internal_user = {inner}\ndefault_internal_group = {}\n\
             default_login_user = {login}\nssl = yes\nssl_cert = <{root}/cert.pem\nssl_key = <{root}/key.pem\n\
             disable_plaintext_auth = no\nauth_mechanisms = plain\nmail_location = maildir:{root}/mail\n\
             mail_uid = {uid}\nmail_gid = {gid}\nfirst_valid_uid = 1\nfirst_valid_gid = 1\n\
             passdb {{\n driver = passwd-file\n args = {root}/users\n}}\n\
             userdb {{\n driver = static\n args = uid={uid} gid={gid} home={root}/mail\n}}\n\
             service imap-login {{\n chroot =\n inet_listener imap {{\n  port = {plain}\n }}\n inet_listener imaps {{\n  port = {tls}\n  ssl = yes\n }}\n}}\n\
             service anvil {{\n chroot =\n}}\nservice stats {{\n chroot =\n}}\n",
            if is_root { "dovecot".to_owned() } else { group },
        ),
    );
    for part in ["mail", "mail/new", "mail/cur", "mail/tmp"] {
        let part = folder.path().join(part);
        std::fs::create_dir(&part).expect("the folder can be written");
        std::os::unix::fs::chown(part, Some(uid), Some(gid))
            .expect("root may, and so may the owner");
    }
    if is_root {
        // The login process runs as another user and must reach its sockets.
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(folder.path(), open).expect("our own folder");
    }
    let child = Command::new(program)
        .arg("-F")
        .arg("-c")
        .arg(folder.path().join("dovecot.conf"))
        .stdout(Stdio::null())
        .spawn()
        .expect("dovecot starts");
    let server = Server {
        child,
        folder,
        owner,
        plain,
        tls,
        certificate,
    };
    for _ in 0..200 {
        if std::net::TcpStream::connect(("127.0.0.1", plain)).is_ok() {
            return Some(server);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("dovecot does not listen: {}", server.log());
}

fn command(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .expect("a command of every system");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

impl Server {
    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Puts a message into the maildir, as a mail server would.
    fn deliver(&self, name: &str, text: &[u8]) {
        let path = |part: &str| self.folder.path().join("mail").join(part).join(name);
        let mut file = std::fs::File::create(path("tmp")).expect("the maildir can be written");
        file.write_all(text).expect("the maildir can be written");
        let (uid, gid) = self.owner;
        std::os::unix::fs::chown(path("tmp"), Some(uid), Some(gid))
            .expect("root may, and so may the owner");
        std::fs::rename(path("tmp"), path("new")).expect("one file system");
    }

    /// How many messages the mailbox has, and how many of them are marked as seen.
    fn counts(&self) -> (usize, usize) {
        let names: Vec<String> = ["new", "cur"]
            .iter()
            .flat_map(|part| {
                std::fs::read_dir(self.folder.path().join("mail").join(part)).expect("the maildir")
            })
            .flatten()
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect();
        let seen = names.iter().filter(|name| {
            name.split(":2,")
                .nth(1)
                .is_some_and(|flags| flags.contains('S'))
        });
        (names.len(), seen.count())
    }

    async fn open(&self, port: u16, mailbox: Mailbox) -> Inbox<TcpStream> {
        let wire = TcpStream::connect(("127.0.0.1", port))
            .await
            .expect("it listens");
        let inbox = Inbox::login(wire, "cert", "secret word", mailbox).await;
        inbox.unwrap_or_else(|failure| panic!("{failure}: {}", self.log()))
    }
}

fn message(number: usize, bytes: usize) -> Vec<u8> {
    let line = "0123456789abcdef0123456789abcdef\r\n";
    format!(
        "From: a@example.net\r\nSubject: {number}\r\nMessage-ID: <{number}@example.net>\r\n\r\n{}",
        line.repeat(bytes / line.len())
    )
    .into_bytes()
}

fn mailbox(after: After) -> Mailbox {
    Mailbox {
        after,
        patience: Duration::from_secs(20),
        ..Mailbox::default()
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime")
}

/// A hand-in that keeps what it gets.
async fn keep(kept: &std::sync::Mutex<Vec<Incoming>>, incoming: Incoming) -> Stored {
    kept.lock().expect("nobody panics").push(incoming);
    Ok(())
}

#[test]
fn messages_are_marked_only_after_they_are_durable() {
    let Some(server) = start() else { return };
    for number in 0..3 {
        server.deliver(&format!("{number}.a"), &message(number, 1_000));
    }
    runtime().block_on(async {
        let mut inbox = server.open(server.plain, mailbox(After::Flag)).await;
        let refused = inbox
            .sweep(Checkpoint::default(), |incoming| {
                let at_hand = server.counts();
                async move {
                    assert_eq!(at_hand, (3, if incoming.uid == 1 { 0 } else { 1 }));
                    if incoming.uid == 1 {
                        Ok(())
                    } else {
                        Err("the disk is full".into())
                    }
                }
            })
            .await;
        assert_eq!(
            (refused.durable, refused.checkpoint.uid),
            (1, 1),
            "{refused:?}"
        );
        assert!(
            matches!(refused.failure, Some(Failure::NotDurable { uid: 2, .. })),
            "{refused:?}"
        );
        assert_eq!(server.counts(), (3, 1));
        let kept = std::sync::Mutex::default();
        let again = inbox
            .sweep(refused.checkpoint, |incoming| keep(&kept, incoming))
            .await;
        assert!(again.failure.is_none(), "{again:?}");
        assert_eq!(
            (again.durable, again.checkpoint.uid, again.renewed),
            (2, 3, false)
        );
        assert_eq!(server.counts(), (3, 3));
        let kept = kept.into_inner().expect("nobody panics");
        assert_eq!(kept[1].bytes, message(2, 1_000));
        // Nothing new; the checkpoint of another mailbox begins anew.
        let none = inbox
            .sweep(again.checkpoint, |_| async { Err("there is none".into()) })
            .await;
        assert_eq!((none.durable, none.failure.is_none()), (0, true));
        let other = Checkpoint {
            uid_validity: again.checkpoint.uid_validity ^ 1,
            uid: 2,
        };
        let anew = inbox.sweep(other, |_| async { Ok(()) }).await;
        assert_eq!(
            (anew.durable, anew.renewed, anew.checkpoint),
            (3, true, again.checkpoint)
        );
        inbox.logout().await;
    });
}

#[test]
fn messages_are_removed_too_long_ones_are_left_and_idle_wakes() {
    let Some(server) = start() else { return };
    server.deliver("0.a", &message(0, 100));
    server.deliver("1.a", &message(1, 100_000));
    runtime().block_on(async {
        let small = Mailbox {
            max_bytes: 10_000,
            ..mailbox(After::Remove)
        };
        let mut inbox = server.open(server.plain, small).await;
        let swept = inbox
            .sweep(Checkpoint::default(), |_| async { Ok(()) })
            .await;
        assert!(
            swept.failure.is_none() && swept.unmarked.is_empty(),
            "{swept:?}"
        );
        assert_eq!(
            (swept.durable, swept.too_long.len(), swept.checkpoint.uid),
            (1, 1, 2)
        );
        assert_eq!(server.counts().0, 1);
        let waiting = inbox.wait(Duration::from_secs(120));
        let delivering = async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            server.deliver("2.a", &message(2, 100));
        };
        let (inbox, ()) = tokio::join!(waiting, delivering);
        let mut inbox = inbox.expect("the server is there");
        let swept = inbox.sweep(swept.checkpoint, |_| async { Ok(()) }).await;
        assert_eq!((swept.durable, swept.checkpoint.uid), (1, 3), "{swept:?}");
        inbox.logout().await;
    });
}

#[test]
fn tls_is_spoken_with_the_server_that_is_meant() {
    let Some(server) = start() else { return };
    let trusting = |certificate: Option<CertificateDer<'static>>| {
        let mut roots = RootCertStore::empty();
        if let Some(one) = certificate {
            roots.add(one).expect("a certificate");
        }
        let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
        let config =
            ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        Arc::new(
            config
                .expect("ring has them")
                .with_root_certificates(roots)
                .with_no_client_auth(),
        )
    };
    let patience = Duration::from_secs(20);
    server.deliver("0.a", &message(0, 100));
    runtime().block_on(async {
        let right = trusting(Some(server.certificate.clone()));
        let wire = connect("localhost", server.tls, Arc::clone(&right), patience)
            .await
            .expect("TLS");
        let mut inbox = Inbox::login(wire, "cert", "secret word", mailbox(After::Leave))
            .await
            .expect("a login");
        let swept = inbox
            .sweep(Checkpoint::default(), |_| async { Ok(()) })
            .await;
        assert_eq!(swept.durable, 1, "{swept:?}");
        assert_eq!(server.counts(), (1, 0));
        // The broken twins: a stranger's certificate, another name, no TLS at all, wrong passwords.
        let stranger = connect("localhost", server.tls, trusting(None), patience).await;
        assert!(matches!(stranger, Err(Failure::Tls { .. })));
        let other_name = connect("127.0.0.1", server.tls, Arc::clone(&right), patience).await;
        assert!(matches!(other_name, Err(Failure::Tls { .. })));
        let plain = connect("localhost", server.plain, right, patience).await;
        assert!(matches!(plain, Err(Failure::Tls { .. })));
        for password in ["wrong", "", "x\" \"y"] {
            let wire = TcpStream::connect(("127.0.0.1", server.plain))
                .await
                .expect("it listens");
            let refused = Inbox::login(wire, "cert", password, mailbox(After::Flag)).await;
            assert!(
                matches!(refused.err(), Some(Failure::Login { .. })),
                "{password}"
            );
        }
    });
}

/// A proxy that lets so many bytes of the server's answers through, then closes.
async fn breaking(to: u16, bytes: usize) -> u16 {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("loopback has ports");
    let port = listener.local_addr().expect("it is bound").port();
    tokio::spawn(async move {
        let (client, _) = listener.accept().await.expect("somebody comes");
        let server = TcpStream::connect(("127.0.0.1", to))
            .await
            .expect("it listens");
        let (mut from_client, mut to_client) = client.into_split();
        let (mut from_server, mut to_server) = server.into_split();
        let asking =
            tokio::spawn(async move { tokio::io::copy(&mut from_client, &mut to_server).await });
        let mut left = bytes;
        let mut buffer = [0; 1_024];
        while left > 0 {
            let most = left.min(buffer.len());
            match from_server.read(&mut buffer[..most]).await {
                Ok(0) | Err(_) => break,
                Ok(read) => {
                    left -= read;
                    if to_client.write_all(&buffer[..read]).await.is_err() {
                        break;
                    }
                }
            }
        }
        asking.abort();
    });
    port
}

/// Wherever the connection breaks, every message is durable in the end, none is marked before it is, and
/// none comes again once its checkpoint is stored.
#[test]
fn a_connection_that_breaks_loses_nothing() {
    let Some(server) = start() else { return };
    const MESSAGES: usize = 4;
    for number in 0..MESSAGES {
        server.deliver(&format!("{number}.a"), &message(number, 3_000));
    }
    runtime().block_on(async {
        let mut broke = 0;
        for bytes in (400..16_000).step_by(517) {
            let kept = std::sync::Mutex::default();
            let mut checkpoint = Checkpoint::default();
            let port = breaking(server.plain, bytes).await;
            let wire = TcpStream::connect(("127.0.0.1", port))
                .await
                .expect("it listens");
            let opened = Inbox::login(wire, "cert", "secret word", mailbox(After::Leave)).await;
            if let Ok(mut inbox) = opened {
                let swept = inbox
                    .sweep(checkpoint, |incoming| keep(&kept, incoming))
                    .await;
                assert!(
                    matches!(swept.failure, None | Some(Failure::Broken { .. })),
                    "{bytes}: {swept:?}"
                );
                assert!(swept.gone.is_empty(), "{bytes}: {swept:?}");
                assert_eq!(
                    swept.checkpoint.uid as usize, swept.durable,
                    "{bytes}: {swept:?}"
                );
                broke += usize::from(swept.failure.is_some());
                checkpoint = swept.checkpoint;
            }
            let mut inbox = server.open(server.plain, mailbox(After::Leave)).await;
            let rest = inbox
                .sweep(checkpoint, |incoming| keep(&kept, incoming))
                .await;
            assert!(rest.failure.is_none(), "{bytes}: {rest:?}");
            let kept = kept.into_inner().expect("nobody panics");
            let uids: Vec<u32> = kept.iter().map(|incoming| incoming.uid).collect();
            assert_eq!(
                uids,
                (1..=MESSAGES as u32).collect::<Vec<_>>(),
                "broken after {bytes} bytes"
            );
            for (number, incoming) in kept.iter().enumerate() {
                assert_eq!(
                    incoming.bytes,
                    message(number, 3_000),
                    "broken after {bytes} bytes"
                );
            }
            inbox.logout().await;
        }
        assert!(broke > 10, "the proxy broke only {broke} sweeps");
    });
}
