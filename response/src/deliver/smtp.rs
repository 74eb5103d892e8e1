//! Submission by SMTP (RFC 6409) over lettre's connection, driven step by step: only who knows how far the
//! conversation came can tell a mail that was not taken from one that may have been.

use std::net::IpAddr;
use std::time::Duration;

use lettre::Address;
use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::response::Response;
use tokio::time::timeout;

use super::header::Mailbox;
use super::message::Message;
use super::{Outcome, Secret};

/// How the way to the server is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// TLS from the first byte (port 465).
    Tls,
    /// TLS after `STARTTLS` (port 587); without it nothing is sent.
    StartTls,
    /// None: to this machine itself only.
    Plain,
}

/// A submission server.
#[derive(Clone, Debug)]
pub struct Config {
    /// Its name, which its certificate must bear.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the way is protected.
    pub security: Security,
    /// User and password, where it asks for them.
    pub login: Option<(String, Secret)>,
    /// The name by which we greet: our own.
    pub hello: String,
    /// Certificates (PEM) that are trusted besides the public ones.
    pub roots: Vec<String>,
    /// Seconds for connecting and for TLS.
    pub connect_secs: u64,
    /// Seconds for each command's answer. RFC 5321 section 4.5.3.2 has five minutes.
    pub command_secs: u64,
    /// Seconds for handing the content over and for its answer; the same section has ten minutes.
    pub data_secs: u64,
}

impl Config {
    /// A server with the usual times.
    pub fn new(host: &str, port: u16, security: Security, hello: &str) -> Config {
        Config {
            host: host.to_owned(),
            port,
            security,
            login: None,
            hello: hello.to_owned(),
            roots: Vec::new(),
            connect_secs: 30,
            command_secs: 300,
            data_secs: 600,
        }
    }
}

/// Why a server cannot be used as it is configured.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Without TLS, mail goes to this machine only.
    #[error("SMTP server {0}: without TLS only a loopback address is allowed; set tls or starttls")]
    Plain(String),
    /// The greeting must be a name.
    #[error("SMTP server {host}: `{hello}` is no name to greet with")]
    Hello {
        /// The server.
        host: String,
        /// What was set.
        hello: String,
    },
    /// A certificate cannot be read, or there is no TLS.
    #[error("SMTP server {host}: {source}")]
    Tls {
        /// The server.
        host: String,
        /// Why.
        source: SmtpError,
    },
}

/// A submission server that mails are handed to, one connection a mail.
pub struct Relay {
    config: Config,
    hello: ClientId,
    tls: Option<TlsParameters>,
}

impl std::fmt::Debug for Relay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Relay")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

impl Relay {
    /// Checks the configuration; connects to nothing.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn new(config: Config) -> Result<Relay, Error> {
        let loopback = config.host == "localhost"
            || config
                .host
                .parse::<IpAddr>()
                .is_ok_and(|ip| ip.is_loopback());
        if config.security == Security::Plain && !loopback {
            return Err(Error::Plain(config.host));
        }
        let name = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
        if config.hello.is_empty() || !config.hello.bytes().all(name) {
            return Err(Error::Hello {
                host: config.host.clone(),
                hello: crate::notice::words::line(&config.hello, 80),
            });
        }
        let tls = match config.security {
            Security::Plain => None,
            _ => Some(tls(&config).map_err(|source| Error::Tls {
                host: config.host.clone(),
                source,
            })?),
        };
        Ok(Relay {
            hello: ClientId::Domain(config.hello.clone()),
            config,
            tls,
        })
    }

    /// Hands a mail over. Always the stored bytes: a retry after [`Outcome::Unknown`] is the same mail.
    pub async fn send(&self, message: &Message) -> Outcome {
        let mut connection = match self.open().await {
            Ok(connection) => connection,
            Err(outcome) => return outcome,
        };
        let outcome = self.hand_over(&mut connection, message).await;
        // Whatever comes of the farewell changes nothing.
        let _ = timeout(Duration::from_secs(5), connection.abort()).await;
        outcome
    }

    /// Connects, protects the way and logs in. Nothing of the mail has been said yet, so all that hinders is
    /// for later; a wrong password too, since it is ours to correct.
    async fn open(&self) -> Result<AsyncSmtpConnection, Outcome> {
        let later = |what: &str, error: String| Outcome::Later {
            reply: format!("{what} {}:{}: {error}", self.config.host, self.config.port),
        };
        let wait = Duration::from_secs(self.config.connect_secs);
        let at_once = (self.config.security == Security::Tls)
            .then(|| self.tls.clone())
            .flatten();
        let server = (self.config.host.as_str(), self.config.port);
        let connecting =
            AsyncSmtpConnection::connect_tokio1(server, Some(wait), &self.hello, at_once, None);
        let mut connection = match timeout(wait, connecting).await {
            Ok(Ok(connection)) => connection,
            Ok(Err(error)) => return Err(later("connecting to", told(&error))),
            Err(_) => return Err(later("connecting to", "no answer in time".into())),
        };
        if self.config.security == Security::StartTls
            && let Some(tls) = &self.tls
        {
            match timeout(wait, connection.starttls(tls.clone(), &self.hello)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return Err(later("STARTTLS at", told(&error))),
                Err(_) => return Err(later("STARTTLS at", "no answer in time".into())),
            }
        }
        if let Some((user, password)) = &self.config.login {
            let credentials = Credentials::new(user.clone(), password.bare().to_owned());
            let mechanisms = [Mechanism::Plain, Mechanism::Login];
            let wait = Duration::from_secs(self.config.command_secs);
            match timeout(wait, connection.auth(&mechanisms, &credentials)).await {
                Ok(Ok(_)) => {}
                Ok(Err(error)) => return Err(later("logging in at", told(&error))),
                Err(_) => return Err(later("logging in at", "no answer in time".into())),
            }
        }
        Ok(connection)
    }

    async fn hand_over(&self, connection: &mut AsyncSmtpConnection, message: &Message) -> Outcome {
        let (Some(from), Some(to)) = (envelope(&message.sender), envelope(&message.recipient))
        else {
            return Outcome::Refused {
                reply: format!(
                    "an address of mail {} cannot stand in an envelope",
                    message.id
                ),
            };
        };
        let wait = Duration::from_secs(self.config.command_secs);
        let steps = async {
            connection
                .command(Mail::new(Some(from), Vec::new()))
                .await?;
            connection.command(Rcpt::new(to, Vec::new())).await?;
            connection.command(Data).await
        };
        match timeout(wait, steps).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => return before_data(&error),
            Err(_) => {
                return Outcome::Later {
                    reply: "the server did not answer in time".into(),
                };
            }
        }
        // Lettre ends the content by a line end of its own.
        let content = message
            .bytes
            .strip_suffix(b"\r\n")
            .unwrap_or(&message.bytes);
        let wait = Duration::from_secs(self.config.data_secs);
        match timeout(wait, connection.message(content)).await {
            Ok(Ok(answer)) => Outcome::Sent {
                reply: said(&answer),
            },
            Ok(Err(error)) if error.is_permanent() => Outcome::Refused {
                reply: told(&error),
            },
            Ok(Err(error)) if error.is_transient() => Outcome::Later {
                reply: told(&error),
            },
            Ok(Err(error)) => Outcome::Unknown {
                reply: format!("after the content: {}", told(&error)),
            },
            Err(_) => Outcome::Unknown {
                reply: "after the content: the server did not answer in time".into(),
            },
        }
    }
}

fn tls(config: &Config) -> Result<TlsParameters, SmtpError> {
    let mut builder = TlsParameters::builder(config.host.clone());
    for pem in &config.roots {
        builder = builder.add_root_certificate(Certificate::from_pem(pem.as_bytes())?);
    }
    builder.build_rustls()
}

fn envelope(mailbox: &Mailbox) -> Option<Address> {
    mailbox.address().parse().ok()
}

/// Before the content nothing was taken: what is permanent is a refusal, all else is for later.
fn before_data(error: &SmtpError) -> Outcome {
    let reply = told(error);
    if error.is_permanent() {
        Outcome::Refused { reply }
    } else {
        Outcome::Later { reply }
    }
}

/// A server's words in one line; they are the server's, so they are kept short.
fn said(answer: &Response) -> String {
    let words: Vec<&str> = answer.message().collect();
    crate::notice::words::line(&format!("{} {}", answer.code(), words.join(" ")), 400)
}

fn told(error: &SmtpError) -> String {
    crate::notice::words::line(&error.to_string(), 400)
}
