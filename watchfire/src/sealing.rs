//! The file of the key that secrets of second factors are sealed with, and sealing them anew with another.
//!
//! The key is no part of the ledger and of no backup. A process that does not find it where secrets are sealed makes
//! no other: it works without, so that the file can still be put back.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use console::seal::{KEY, Seal};
use ledger::Ledger;
use ring::rand::{SecureRandom, SystemRandom};

use crate::config::Settings;
use crate::failure::{Failure, Result};

/// Where a workspace keeps its key.
pub fn path(root: &Path, settings: &Settings) -> PathBuf {
    root.join(&settings.sign_in.key_file)
}

/// The key in a file; `None`: there is no such file.
///
/// # Errors
/// The file cannot be read, or holds no key.
pub fn read(path: &Path) -> Result<Option<Seal>> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Failure::new(path.display(), error)),
    };
    let key = bytes(text.trim()).ok_or_else(|| {
        Failure::new(path.display(), "holds no key: 64 hexadecimal digits")
            .remedy("put the file back as it was made")
    })?;
    seal(path, &key).map(Some)
}

fn bytes(text: &str) -> Option<[u8; KEY]> {
    let mut key = [0; KEY];
    if text.len() != 2 * KEY || !text.is_ascii() {
        return None;
    }
    for (byte, at) in key.iter_mut().zip((0..2 * KEY).step_by(2)) {
        *byte = u8::from_str_radix(&text[at..at + 2], 16).ok()?;
    }
    Some(key)
}

fn seal(path: &Path, key: &[u8; KEY]) -> Result<Seal> {
    Seal::new(key).map_err(|error| Failure::new(path.display(), error))
}

/// Makes a key where there is no file, readable by its owner only.
///
/// # Errors
/// There is one, or the file cannot be written.
pub fn make(path: &Path) -> Result<Seal> {
    let mut key = [0; KEY];
    SystemRandom::new().fill(&mut key).map_err(|_| {
        Failure::new(
            path.display(),
            "no key can be drawn: the system's random source gives nothing",
        )
    })?;
    let text: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| {
            writeln!(file, "{text}")?;
            file.sync_all()
        });
    written.map_err(|error| Failure::new(path.display(), error))?;
    seal(path, &key)
}

/// Second factors whose secret no key at hand opens, and the name of a key that would.
#[derive(Debug, Default)]
pub struct Shut {
    /// Whose.
    pub logins: Vec<String>,
    /// Why, for the first of them.
    pub why: String,
}

/// What sealing anew came to.
#[derive(Debug, Default)]
pub struct Sealed {
    /// Secrets that were sealed with the new key.
    pub anew: usize,
    /// Those that do not open.
    pub shut: Shut,
}

/// Seals every secret with `to` that is not yet: plain ones of before, and what `from` opens.
///
/// # Errors
/// The ledger cannot be read or written.
pub async fn all(ledger: &Ledger, from: &Seal, to: &Seal) -> Result<Sealed> {
    let mut done = Sealed::default();
    for factor in ledger.all_second_factors().await? {
        if to.is_ours(&factor.secret) {
            continue;
        }
        let login = factor.login.as_str();
        let opened = from.open(login, &factor.secret);
        match opened.and_then(|secret| to.seal(login, &secret)) {
            Ok(sealed) => {
                ledger
                    .reseal_second_factor(login, &factor.secret, &sealed)
                    .await?;
                done.anew += 1;
            }
            Err(error) => {
                if done.shut.logins.is_empty() {
                    done.shut.why = error.to_string();
                }
                done.shut.logins.push(factor.login);
            }
        }
    }
    Ok(done)
}

/// Logins whose secret is sealed.
///
/// # Errors
/// The ledger cannot be read.
pub async fn sealed(ledger: &Ledger) -> Result<Vec<String>> {
    let all = ledger.all_second_factors().await?;
    let sealed = all.into_iter().filter(|one| Seal::is_sealed(&one.secret));
    Ok(sealed.map(|one| one.login).collect())
}

/// The key that a process works with: read, or made at the first start; secrets of before are sealed with it. `None`:
/// secrets are sealed and the file is not there, which the log says.
///
/// # Errors
/// The file or the ledger cannot be used.
pub async fn at_start(ledger: &Ledger, path: &Path) -> Result<Option<Seal>> {
    let seal = match read(path)? {
        Some(seal) => seal,
        None => {
            let logins = sealed(ledger).await?;
            if !logins.is_empty() {
                tracing::error!(
                    file = %path.display(),
                    logins = logins.join(" "),
                    "the key of second factors is not there: put its file back and start again, or take the second factors off by `watchfire users no-second-factor`; until then these people sign in by recovery codes"
                );
                return Ok(None);
            }
            let seal = make(path)?;
            tracing::info!(file = %path.display(), "a key for second factors was made: keep a copy of it apart from backups");
            seal
        }
    };
    let done = all(ledger, &seal, &seal).await?;
    if done.anew > 0 {
        tracing::info!(
            count = done.anew,
            "secrets of second factors are sealed now"
        );
    }
    if !done.shut.logins.is_empty() {
        tracing::error!(
            logins = done.shut.logins.join(" "),
            why = done.shut.why,
            "second factors that our key does not open"
        );
    }
    Ok(Some(seal))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

    #[test]
    fn a_key_is_made_once_for_its_owner_only_and_read_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("key");
        assert!(read(&path).expect("nothing is wrong").is_none());
        let made = make(&path).expect("made");
        let mode = fs::metadata(&path).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(make(&path).is_err(), "never over another");
        let read = read(&path).expect("read").expect("a key");
        assert_eq!(read.name(), made.name());
        fs::write(&path, "no key").expect("written");
        assert!(super::read(&path).is_err());
    }

    #[tokio::test]
    async fn plain_secrets_are_sealed_and_a_lost_key_is_not_replaced() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("key");
        let file = folder.path().join("ledger.db");
        let ledger = Ledger::open(&file).await.expect("a ledger");
        ledger
            .offer_second_factor("li", SECRET, 1)
            .await
            .expect("kept");
        let first = at_start(&ledger, &path).await.expect("started");
        let first = first.expect("a key");
        let stored = ledger.second_factor("li").await.expect("read");
        let stored = stored.expect("a factor").secret;
        assert!(first.is_ours(&stored) && !stored.contains(SECRET));
        // Without its file there is none, and no new one is made over the old secrets.
        fs::rename(&path, folder.path().join("away")).expect("moved");
        assert!(at_start(&ledger, &path).await.expect("started").is_none());
        assert!(!path.exists());
        // Rotation: opened with the old, sealed with the new; a wrong one opens nothing.
        let new = make(&path).expect("made");
        let wrong = all(&ledger, &new, &new).await.expect("tried");
        assert_eq!((wrong.anew, wrong.shut.logins.len()), (0, 1));
        let done = all(&ledger, &first, &new).await.expect("sealed");
        assert_eq!((done.anew, done.shut.logins.len()), (1, 0));
        let stored = ledger.second_factor("li").await.expect("read");
        let stored = stored.expect("a factor").secret;
        assert_eq!(new.open("li", &stored).as_deref(), Ok(SECRET));
    }
}
