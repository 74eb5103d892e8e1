//! Mail is fetched from the mailbox that the configuration names: each is durable here before it is
//! marked there, and where reading stands is kept in the ledger.

use std::time::Duration;

use model::time::Timestamp;
use response::Desk;
use response::inbox::imap::{Checkpoint, Inbox, Mailbox, connect, trusting};
use serde::{Deserialize, Serialize};

use super::round::Right;
use crate::config::Environment;
use crate::failure::{Exit, Failure, Result};
use crate::workspace::{Workspace, now};

/// Setting of the ledger that says where reading stands.
const STANDS: &str = "response.imap";
/// The password's variable.
const PASSWORD: &str = "WATCHFIRE_IMAP_PASSWORD";
/// Port of IMAP over TLS (RFC 8314).
const PORT: u16 = 993;
/// Where operating systems keep the certificates that are trusted, and the variable that names another.
const TRUSTED: &str = "/etc/ssl/certs/ca-certificates.crt";
const TRUSTED_BY: &str = "SSL_CERT_FILE";

/// Where reading stands, and in which mailbox: another one begins anew.
#[derive(Debug, Serialize, Deserialize)]
struct Stands {
    mailbox: String,
    checkpoint: Checkpoint,
}

/// What fetching did.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Fetched {
    /// Mails that are durable now.
    pub mails: usize,
    /// Mails that are longer than is taken, by their UIDs.
    pub too_long: Vec<u32>,
    /// Mails that are durable and could not be marked.
    pub unmarked: usize,
    /// Whether there are more.
    pub more: bool,
    /// Why it ended early; what was durable by then is.
    pub failure: Option<String>,
}

/// The mailbox of the configuration: host, port, user, folder.
fn named(text: &str) -> Result<(String, u16, String, String)> {
    let wrong = |why: &str| {
        Failure::new("response.imap", format_args!("`{text}`: {why}"))
            .remedy("write imaps://user@host/INBOX")
            .with(Exit::Configuration)
    };
    let url = url::Url::parse(text).map_err(|error| wrong(&error.to_string()))?;
    if url.scheme() != "imaps" {
        return Err(wrong("is no address of a mailbox over TLS"));
    }
    let host = url.host_str().ok_or_else(|| wrong("names no host"))?;
    let plain = |text: &str| {
        percent(text).ok_or_else(|| wrong("holds a percent sign that stands for nothing"))
    };
    let user = plain(url.username())?;
    if user.is_empty() {
        return Err(wrong("names no user"));
    }
    let folder = match url.path().trim_start_matches('/') {
        "" => "INBOX".to_owned(),
        folder => plain(folder)?,
    };
    Ok((host.to_owned(), url.port().unwrap_or(PORT), user, folder))
}

/// Text of a URL, without its percent signs (RFC 3986 section 2.1).
fn percent(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
                u8::try_from(digit(rest.next())? * 16 + digit(rest.next())?).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

/// Fetches what is new. Nothing is fetched where no mailbox is configured.
///
/// # Errors
/// The configuration; the ledger. A server that fails is told in [`Fetched::failure`].
pub fn fetch(
    workspace: &Workspace,
    environment: &Environment,
    desk: &Desk,
    right: &Right<'_>,
) -> Result<Option<Fetched>> {
    let written = &workspace.settings.response.imap;
    if written.is_empty() {
        return Ok(None);
    }
    let (host, port, user, folder) = named(written)?;
    let Some(password) = environment.get(PASSWORD) else {
        return Err(
            Failure::new("response.imap", format_args!("{PASSWORD} is not set"))
                .remedy("set it where the process starts")
                .with(Exit::Configuration),
        );
    };
    let trusted = environment.get(TRUSTED_BY).map_or(TRUSTED, String::as_str);
    let pem = std::fs::read(trusted).map_err(|error| Failure::new(trusted, error))?;
    let failed = |error: &dyn std::fmt::Display| Fetched {
        failure: Some(error.to_string()),
        ..Fetched::default()
    };
    let tls = match trusting(&pem) {
        Ok(tls) => tls,
        Err(error) => return Ok(Some(failed(&error))),
    };
    let known = workspace.block_on(workspace.ledger.setting::<Stands>(STANDS))?;
    let from = known.filter(|stands| &stands.mailbox == written);
    let from = from.map(|stands| stands.checkpoint).unwrap_or_default();
    let mailbox = Mailbox {
        folder,
        max_messages: 500,
        patience: Duration::from_secs(60),
        ..Mailbox::default()
    };
    let patience = mailbox.patience;
    let swept = workspace.block_on(async {
        let wire = connect(&host, port, tls, patience).await?;
        let mut inbox = Inbox::login(wire, &user, password, mailbox).await?;
        let place = format!("{user}@{host}");
        let sweep = inbox
            .sweep(from, |mail| {
                let place = &place;
                async move {
                    // The right is taken for one mail: a slow server keeps nobody waiting.
                    let turn = right.take(workspace).await;
                    let _turn = turn.map_err(|failure| failure.message().to_owned())?;
                    let origin = format!("{place} {}/{}", mail.uid_validity, mail.uid);
                    desk.receive(&mail.bytes, &origin, Timestamp(now().0))
                        .await?;
                    Ok(())
                }
            })
            .await;
        Ok::<_, response::inbox::imap::Failure>(sweep)
    });
    let sweep = match swept {
        Ok(sweep) => sweep,
        Err(error) => return Ok(Some(failed(&error))),
    };
    let stands = Stands {
        mailbox: written.clone(),
        checkpoint: sweep.checkpoint,
    };
    workspace.block_on(workspace.ledger.set_setting(STANDS, &stands))?;
    Ok(Some(Fetched {
        mails: sweep.durable,
        too_long: sweep.too_long.iter().map(|(uid, _)| *uid).collect(),
        unmarked: sweep.unmarked.len(),
        more: sweep.more,
        failure: sweep.failure.map(|failure| failure.to_string()),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mailbox_is_named_by_a_url() {
        let (host, port, user, folder) =
            named("imaps://duty%40cert.example@mail.example/Abuse%20desk").expect("names one");
        assert_eq!((host.as_str(), port), ("mail.example", 993));
        assert_eq!(
            (user.as_str(), folder.as_str()),
            ("duty@cert.example", "Abuse desk")
        );
        assert_eq!(
            named("imaps://u@h.example:1993").expect("names one").1,
            1993
        );
        for wrong in ["imap://u@h.example/", "imaps://h.example/INBOX", "nonsense"] {
            assert!(named(wrong).is_err(), "{wrong}");
        }
    }
}
