//! Mailed reports in a maildir on this machine (D. J. Bernstein, "Using maildir format"): every
//! attachment with a file name is a delivery. Mails are read and left where they are, others may read
//! them too; a mail is known by its unique name, whichever flags it bears.
//!
//! Anyone can send mail: whether the sender is who it says must be settled by the mail server that
//! fills the folder.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use mail_parser::{Message, MessageParser, MessagePart, MimeHeaders, PartType};

use super::failure::{Failure, Kind, Result};
use super::fetch::Batch;
use super::plan::Plan;
use super::spool::{Spool, plain};

/// How deep mails may lie in mails.
const DEPTH: u32 = 4;

/// Takes the attachments of new mails into the batch, in the order of the mails' names, which begin
/// with the time of delivery.
///
/// # Errors
/// A folder that is no maildir or cannot be read.
pub async fn fetch(plan: &Plan, spool: &mut Spool, batch: &mut Batch) -> Result<()> {
    let folder = PathBuf::from(plan.option("folder").unwrap_or(""));
    let wanted =
        glob::Pattern::new(plan.option("attachments").unwrap_or("*")).map_err(|error| {
            Failure::new(Kind::Entry, format!("`fetch.options.attachments`: {error}"))
        })?;
    let mails = mails(&folder)?;
    batch
        .state
        .keep_only(&mails.keys().cloned().collect::<BTreeSet<_>>());
    for (name, path) in mails {
        if batch.state.seen.contains_key(&name) {
            continue;
        }
        if batch.full() {
            return Ok(());
        }
        match one(plan, spool, batch, &wanted, &name, &path).await {
            Ok(count) => {
                if count == 0 {
                    tracing::warn!(feed = %plan.feed, mail = %name, "no attachment of this mail is wanted");
                }
                batch.state.seen.insert(name, count.to_string());
            }
            // Moved to `cur` while we looked: the next fetch finds it there.
            Err(_) if !path.exists() => {}
            Err(failure) => {
                if batch.fail(failure) {
                    return Ok(());
                }
            }
        }
    }
    Ok(())
}

/// Mails by unique name; what is still being written lies in `tmp` and is not looked at.
fn mails(folder: &Path) -> Result<BTreeMap<String, PathBuf>> {
    let mut found = BTreeMap::new();
    for part in ["new", "cur"] {
        let part = folder.join(part);
        let entries = std::fs::read_dir(&part).map_err(|error| {
            let detail = format!(
                "{}: {error}; `fetch.options.folder` is to be a maildir",
                part.display()
            );
            Failure::new(Kind::Local, detail)
        })?;
        for entry in entries {
            let entry = entry.map_err(Failure::local(&part))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            // A link could lead anywhere.
            let file = entry.file_type().map_err(Failure::local(&part))?.is_file();
            if file && !name.starts_with('.') {
                let unique = name.split(":2,").next().unwrap_or(&name).to_owned();
                found.insert(unique, entry.path());
            }
        }
    }
    Ok(found)
}

/// Takes the attachments of one mail; all or none, so that the mail is tried again as a whole.
async fn one(
    plan: &Plan,
    spool: &mut Spool,
    batch: &mut Batch,
    wanted: &glob::Pattern,
    mail: &str,
    path: &Path,
) -> Result<usize> {
    let length = std::fs::metadata(path).map_err(Failure::local(path))?.len();
    if length > plan.max_bytes {
        let detail = format!("mail {mail} has {length} bytes; see `fetch.max_bytes`");
        return Err(Failure::new(Kind::Limit, detail));
    }
    let bytes = std::fs::read(path).map_err(Failure::local(path))?;
    let message = MessageParser::default()
        .parse(&bytes)
        .ok_or_else(|| Failure::malformed(format!("{} is no mail", path.display())))?;
    let mut parts = Vec::new();
    attachments(&message, DEPTH, &mut parts);
    parts.retain(|(name, _)| wanted.matches(name));
    let mut kept = Vec::with_capacity(parts.len());
    for (name, part) in &parts {
        let origin = format!("maildir/{mail}/{name}");
        match spool.put(part.contents(), name, origin).await {
            Ok(spooled) => kept.push(spooled),
            Err(failure) => {
                for spooled in kept {
                    // Best effort: what stays is removed when the spool is next looked through.
                    let _ = std::fs::remove_file(spooled.path);
                }
                return Err(failure);
            }
        }
    }
    let count = kept.len();
    kept.into_iter().for_each(|spooled| batch.take(spooled));
    Ok(count)
}

/// The attachments that bear a name, those of mails inside the mail as well.
fn attachments<'a>(
    message: &'a Message<'a>,
    depth: u32,
    found: &mut Vec<(String, &'a MessagePart<'a>)>,
) {
    for part in &message.parts {
        match (&part.body, part.attachment_name()) {
            (PartType::Message(inner), _) if depth > 0 => attachments(inner, depth - 1, found),
            (PartType::Multipart(_) | PartType::Message(_), _) => {}
            (_, Some(name)) => found.push((plain(name), part)),
            (_, None) => {}
        }
    }
}
