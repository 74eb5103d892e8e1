//! A mailbox read over IMAP (RFC 3501): new messages are handed out one by one, and one is flagged or
//! removed only after the hand-in said that it is durable.
//!
//! Where reading stands is a [`Checkpoint`]: the mailbox's UIDVALIDITY and the last UID that is done
//! with. UIDs only grow, so nothing behind it is missed; when UIDVALIDITY changes the numbers mean
//! other messages and reading begins anew, which costs time and doubles nothing since mails are known
//! by their content ([`formats::mail::Key`]). A connection that breaks, at any byte, ends the sweep
//! with what is done until then: the next one begins there.
//!
//! Not here: reading of mails, retries and their pauses, secrets, and the choice of addresses that may
//! be asked: the connection is handed in, or made to a server that the configuration names.

use std::fmt::Debug;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use async_imap::types::Fetch;
use async_imap::{Client, Session};
use futures_core::Stream;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;

/// What a connection must be able to do.
pub trait Wire: AsyncRead + AsyncWrite + Unpin + Debug + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Debug + Send> Wire for T {}

/// A mailbox and how to deal with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mailbox {
    /// Its name on the server: `INBOX`.
    pub folder: String,
    /// What becomes of a message once it is durable.
    pub after: After,
    /// Bytes of a message; a longer one is left where it is and named in [`Sweep::too_long`].
    pub max_bytes: u32,
    /// Messages that one sweep takes at most.
    pub max_messages: usize,
    /// How long the server may take for one answer, and for one message.
    pub patience: Duration,
}

impl Default for Mailbox {
    fn default() -> Self {
        Mailbox {
            folder: "INBOX".into(),
            after: After::Flag,
            max_bytes: 64 << 20,
            max_messages: 10_000,
            patience: Duration::from_secs(120),
        }
    }
}

/// What becomes of a message once it is durable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum After {
    /// Nothing; only the checkpoint remembers it.
    Leave,
    /// It is marked as seen.
    #[default]
    Flag,
    /// It is removed. On a server without UIDPLUS (RFC 4315) it is only marked as deleted: a plain
    /// EXPUNGE would take others' messages along.
    Remove,
}

/// Up to where a mailbox was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// UIDVALIDITY of the mailbox; 0 where it was never read.
    pub uid_validity: u32,
    /// The last UID that is done with; 0 for none.
    pub uid: u32,
}

/// A message as it is handed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incoming {
    /// UIDVALIDITY of its mailbox.
    pub uid_validity: u32,
    /// Its UID.
    pub uid: u32,
    /// Its bytes, as the server has them.
    pub bytes: Vec<u8>,
}

/// What one look into a mailbox came to.
#[derive(Debug)]
pub struct Sweep {
    /// Where reading stands now; to be stored, whatever else happened.
    pub checkpoint: Checkpoint,
    /// How many messages are durable since.
    pub durable: usize,
    /// Messages that were not taken: UID and bytes.
    pub too_long: Vec<(u32, u32)>,
    /// UIDs that were gone before they could be read.
    pub gone: Vec<u32>,
    /// Messages that are durable but could not be flagged or removed: UID and the server's words.
    pub unmarked: Vec<(u32, String)>,
    /// The mailbox was another before: reading began anew.
    pub renewed: bool,
    /// There are more messages than [`Mailbox::max_messages`]: sweep again.
    pub more: bool,
    /// Why it ended early.
    pub failure: Option<Failure>,
}

/// Why mail could not be fetched.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// No connection.
    #[error("IMAP server {server} cannot be reached: {detail}")]
    Unreachable {
        /// Host and port.
        server: String,
        /// What the system said.
        detail: String,
    },
    /// The server's certificate is not one that is trusted, or there is no TLS at all.
    #[error("IMAP server {server}: no TLS: {detail}; check its certificate and `inbox.port`")]
    Tls {
        /// Host and port.
        server: String,
        /// What was wrong.
        detail: String,
    },
    /// Name or password are wrong, or empty.
    #[error("IMAP login of `{user}` was refused: {detail}")]
    Login {
        /// The name.
        user: String,
        /// The server's words.
        detail: String,
    },
    /// The server refused something.
    #[error("IMAP server refused {what}: {detail}")]
    Refused {
        /// What was asked.
        what: &'static str,
        /// Its words.
        detail: String,
    },
    /// The connection broke, or the server's answer cannot be understood.
    #[error("IMAP connection broke at {what}: {detail}; the next fetch goes on from there")]
    Broken {
        /// What was going on.
        what: &'static str,
        /// What was seen.
        detail: String,
    },
    /// The server was silent for longer than [`Mailbox::patience`].
    #[error("IMAP server was silent for {seconds} s at {what}; the next fetch goes on from there")]
    Silent {
        /// What was going on.
        what: &'static str,
        /// How long, in seconds.
        seconds: u64,
    },
    /// The hand-in failed: the message stays as it is and comes again.
    #[error("message {uid} could not be stored: {detail}")]
    NotDurable {
        /// Its UID.
        uid: u32,
        /// Why.
        detail: String,
    },
}

/// What the hand-in says of a message: durable, or why not.
pub type Stored = Result<(), Box<dyn std::error::Error + Send + Sync>>;

/// TLS that trusts the certificates of a bundle in PEM, as operating systems keep one.
///
/// # Errors
/// The cryptography does not speak TLS at all.
pub fn trusting(pem: &[u8]) -> Result<Arc<ClientConfig>, Failure> {
    let provider = tokio_rustls::rustls::crypto::ring::default_provider();
    let config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| Failure::Tls {
            server: "any".to_owned(),
            detail: error.to_string(),
        })?;
    let roots = crate::verify::probe::tls::roots(pem).0;
    Ok(Arc::new(
        config.with_root_certificates(roots).with_no_client_auth(),
    ))
}

/// Connects to a server and speaks TLS from the first byte (RFC 8314). Which certificates are trusted
/// is the configuration's matter.
///
/// # Errors
/// No connection, no TLS, a certificate for another name.
pub async fn connect(
    host: &str,
    port: u16,
    tls: Arc<ClientConfig>,
    patience: Duration,
) -> Result<TlsStream<TcpStream>, Failure> {
    let server = format!("{host}:{port}");
    let unreachable = |detail: String| Failure::Unreachable {
        server: server.clone(),
        detail,
    };
    let failed = |detail: String| Failure::Tls {
        server: server.clone(),
        detail,
    };
    let silent = format!("no answer in {} s", patience.as_secs());
    let stream = timeout(patience, TcpStream::connect((host, port)))
        .await
        .map_err(|_| unreachable(silent.clone()))?
        .map_err(|error| unreachable(error.to_string()))?;
    let name = ServerName::try_from(host.to_owned()).map_err(|error| failed(error.to_string()))?;
    timeout(patience, TlsConnector::from(tls).connect(name, stream))
        .await
        .map_err(|_| failed(silent.clone()))?
        .map_err(|error| failed(error.to_string()))
}

/// A session on a server, logged in.
pub struct Inbox<T: Wire> {
    session: Session<T>,
    mailbox: Mailbox,
    uid_plus: bool,
    idle: bool,
}

impl<T: Wire> Inbox<T> {
    /// Logs in over a connection. An empty password is refused here: some servers take it for an
    /// anonymous login.
    ///
    /// # Errors
    /// A refused login, a broken connection.
    pub async fn login(
        wire: T,
        user: &str,
        password: &str,
        mailbox: Mailbox,
    ) -> Result<Inbox<T>, Failure> {
        let refused = |detail: String| Failure::Login {
            user: user.to_owned(),
            detail,
        };
        if password.is_empty() {
            return Err(refused("the password is empty".into()));
        }
        let patience = mailbox.patience;
        let mut client = Client::new(wire);
        let greeting = within(patience, "the greeting", async {
            client
                .read_response()
                .await
                .map_err(async_imap::error::Error::from)
        });
        if greeting.await?.is_none() {
            return Err(broken("the greeting", "the server closed the connection"));
        }
        let login = timeout(patience, client.login(user, password)).await;
        let mut session = match login {
            Err(_) => return Err(silent("login", patience)),
            Ok(Err((
                async_imap::error::Error::No(detail) | async_imap::error::Error::Bad(detail),
                _,
            ))) => {
                return Err(refused(detail));
            }
            Ok(Err((error, _))) => return Err(broken("login", error)),
            Ok(Ok(session)) => session,
        };
        let known = within(patience, "capabilities", session.capabilities()).await?;
        Ok(Inbox {
            uid_plus: known.has_str("UIDPLUS"),
            idle: known.has_str("IDLE"),
            session,
            mailbox,
        })
    }

    /// Hands every message behind the checkpoint to `durable`, in the order of their UIDs, one at a time;
    /// each is marked only after `durable` has said that it is.
    pub async fn sweep<F, S>(&mut self, from: Checkpoint, mut durable: F) -> Sweep
    where
        F: FnMut(Incoming) -> S,
        S: Future<Output = Stored>,
    {
        let mut sweep = Sweep {
            checkpoint: from,
            durable: 0,
            too_long: Vec::new(),
            gone: Vec::new(),
            unmarked: Vec::new(),
            renewed: false,
            more: false,
            failure: None,
        };
        sweep.failure = self.run(&mut sweep, &mut durable).await.err();
        sweep
    }

    async fn run<F, S>(&mut self, sweep: &mut Sweep, durable: &mut F) -> Result<(), Failure>
    where
        F: FnMut(Incoming) -> S,
        S: Future<Output = Stored>,
    {
        let patience = self.mailbox.patience;
        let folder = self.mailbox.folder.clone();
        let select = self.session.select(&folder);
        let found = within(patience, "the folder (`inbox.folder`)", select).await?;
        let uid_validity = found.uid_validity.ok_or_else(|| Failure::Refused {
            what: "UIDs",
            detail: "the server has none: it cannot be read without loss".into(),
        })?;
        if sweep.checkpoint.uid_validity != uid_validity {
            sweep.renewed = sweep.checkpoint.uid_validity != 0;
            sweep.checkpoint = Checkpoint {
                uid_validity,
                uid: 0,
            };
        }
        let first = sweep.checkpoint.uid.saturating_add(1);
        let search = self.session.uid_search(format!("UID {first}:*"));
        // `*` is the last message, whatever its number: a search behind it finds it again.
        let mut uids: Vec<u32> = within(patience, "search", search)
            .await?
            .into_iter()
            .filter(|uid| *uid >= first)
            .collect();
        uids.sort_unstable();
        sweep.more = uids.len() > self.mailbox.max_messages;
        uids.truncate(self.mailbox.max_messages);
        for uid in uids {
            match self.take(uid).await? {
                Taken::Message(bytes) => {
                    let incoming = Incoming {
                        uid_validity,
                        uid,
                        bytes,
                    };
                    durable(incoming)
                        .await
                        .map_err(|error| Failure::NotDurable {
                            uid,
                            detail: error.to_string(),
                        })?;
                    sweep.durable += 1;
                    sweep.checkpoint.uid = uid;
                    match self.mark(uid).await {
                        Ok(()) => {}
                        Err(Failure::Refused { detail, .. }) => sweep.unmarked.push((uid, detail)),
                        Err(failure) => return Err(failure),
                    }
                }
                Taken::TooLong(bytes) => {
                    // One that nobody will ever take must not stand before all others.
                    sweep.too_long.push((uid, bytes));
                    sweep.checkpoint.uid = uid;
                }
                Taken::Gone => {
                    sweep.gone.push(uid);
                    sweep.checkpoint.uid = uid;
                }
            }
        }
        Ok(())
    }

    /// Fetches one message; its size is asked first.
    async fn take(&mut self, uid: u32) -> Result<Taken, Failure> {
        let asked = uid.to_string();
        let size = self.fetch(&asked, "(UID RFC822.SIZE)", "the size of a message");
        let Some(size) = size.await?.and_then(|fetch| fetch.size) else {
            return self.gone().await;
        };
        if size > self.mailbox.max_bytes {
            return Ok(Taken::TooLong(size));
        }
        let fetched = self.fetch(&asked, "(UID BODY.PEEK[])", "a message").await?;
        match fetched.as_ref().and_then(Fetch::body) {
            // A server that sends less than it said has not sent the message.
            Some(body) if body.is_empty() && size > 0 => {
                Err(broken("a message", "its body is empty"))
            }
            Some(body) => Ok(Taken::Message(body.to_vec())),
            None => self.gone().await,
        }
    }

    /// A message that was not sent is gone, if the connection is not: that is asked, since the end of a
    /// connection looks the same.
    async fn gone(&mut self) -> Result<Taken, Failure> {
        let patience = self.mailbox.patience;
        within(patience, "a message", self.session.noop()).await?;
        Ok(Taken::Gone)
    }

    /// The answer for one message; `None` where the server has none.
    async fn fetch(
        &mut self,
        uid: &str,
        query: &'static str,
        what: &'static str,
    ) -> Result<Option<Fetch>, Failure> {
        let patience = self.mailbox.patience;
        let session = &mut self.session;
        within(patience, what, async move {
            let mut answers = pin!(session.uid_fetch(uid, query).await?);
            let mut found = None;
            // Answers for other messages may come in between: flags that others change.
            while let Some(answer) = next(answers.as_mut()).await {
                let answer = answer?;
                if answer.uid.is_some_and(|known| known.to_string() == uid) && found.is_none() {
                    found = Some(answer);
                }
            }
            Ok(found)
        })
        .await
    }

    /// Marks a durable message.
    async fn mark(&mut self, uid: u32) -> Result<(), Failure> {
        let patience = self.mailbox.patience;
        let flags = match self.mailbox.after {
            After::Leave => return Ok(()),
            After::Flag => "+FLAGS.SILENT (\\Seen)",
            After::Remove => "+FLAGS.SILENT (\\Seen \\Deleted)",
        };
        let uid = uid.to_string();
        let session = &mut self.session;
        within(patience, "flags", async {
            let mut answers = pin!(session.uid_store(&uid, flags).await?);
            while let Some(answer) = next(answers.as_mut()).await {
                answer?;
            }
            Ok(())
        })
        .await?;
        if self.mailbox.after == After::Remove && self.uid_plus {
            let session = &mut self.session;
            within(patience, "removal", async {
                let mut answers = pin!(session.uid_expunge(&uid).await?);
                while let Some(answer) = next(answers.as_mut()).await {
                    answer?;
                }
                Ok(())
            })
            .await?;
        }
        Ok(())
    }

    /// Waits until the server says that something is new (IDLE, RFC 2177), at most so long; on a server
    /// that cannot say so, that long. RFC 2177 asks clients to ask anew within 29 minutes. A folder must
    /// have been swept before: it is the one that is watched.
    ///
    /// # Errors
    /// A broken connection.
    pub async fn wait(self, at_most: Duration) -> Result<Inbox<T>, Failure> {
        let patience = self.mailbox.patience;
        if !self.idle {
            tokio::time::sleep(at_most).await;
            let mut inbox = self;
            within(patience, "waiting", inbox.session.noop()).await?;
            return Ok(inbox);
        }
        let at_most = at_most.min(Duration::from_secs(29 * 60));
        let mut handle = self.session.idle();
        within(patience, "IDLE", handle.init()).await?;
        let (waiting, _interrupt) = handle.wait_with_timeout(at_most);
        // Whether something came or nothing did, the next sweep tells.
        waiting.await.map_err(|error| broken("IDLE", error))?;
        let session = within(patience, "the end of IDLE", handle.done()).await?;
        Ok(Inbox { session, ..self })
    }

    /// Says goodbye. A connection that breaks then has nothing to lose.
    pub async fn logout(mut self) {
        let _ = timeout(self.mailbox.patience, self.session.logout()).await;
    }
}

enum Taken {
    Message(Vec<u8>),
    TooLong(u32),
    Gone,
}

fn broken(what: &'static str, detail: impl ToString) -> Failure {
    Failure::Broken {
        what,
        detail: detail.to_string(),
    }
}

fn silent(what: &'static str, patience: Duration) -> Failure {
    Failure::Silent {
        what,
        seconds: patience.as_secs(),
    }
}

/// Waits for an answer as long as there is patience.
async fn within<V>(
    patience: Duration,
    what: &'static str,
    answer: impl Future<Output = async_imap::error::Result<V>>,
) -> Result<V, Failure> {
    use async_imap::error::Error;
    match timeout(patience, answer).await {
        Err(_) => Err(silent(what, patience)),
        Ok(Ok(value)) => Ok(value),
        Ok(Err(Error::No(detail) | Error::Bad(detail))) => Err(Failure::Refused { what, detail }),
        Ok(Err(error)) => Err(broken(what, error)),
    }
}

/// The next item of a stream.
async fn next<S: Stream>(mut stream: std::pin::Pin<&mut S>) -> Option<S::Item> {
    poll_fn(|context| stream.as_mut().poll_next(context)).await
}
