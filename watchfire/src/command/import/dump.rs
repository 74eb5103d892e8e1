//! `watchfire import intelmq-dump`: what IntelMQ's bots could not process, read by a feed of ours.
//!
//! A `*.dump` is a JSON object by the time of the failure; each entry holds a traceback and the
//! message, whose `raw` is the report, or the line of it, in Base64. The raw data of all messages
//! become one delivery, a tar with a member each: archived, read by the feed's format, replayable, and
//! the same dump again is the same bytes. Messages that were events already are taken as events where
//! the feed's format is `intelmq`.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use intake::collect::Delivery;
use serde_json::{Map, Value as Json, json};

use crate::command::ingest;
use crate::failure::{Failure, Result};
use crate::table::{Out, Table, clean};
use crate::workspace::{Access, Session, now};

/// A message that can be replayed, or why it cannot.
struct Message {
    time: String,
    bot: String,
    traceback: String,
    data: std::result::Result<(String, Vec<u8>), String>,
}

pub fn replay(file: &Path, feed: &str, dry_run: bool, session: &Session) -> Result {
    let workspace = match dry_run {
        true => session.open(Access::Read)?,
        false => session.open(Access::Write("import intelmq-dump"))?,
    };
    let source = Arc::clone(workspace.settings.catalogue.get(feed)?);
    let fail = |why: String| Failure::new(file.display(), why);
    let text = std::fs::read_to_string(file).map_err(|error| fail(error.to_string()))?;
    let entries: Map<String, Json> = serde_json::from_str(&text)
        .map_err(|error| fail(format!("is no dump of IntelMQ's: {error}")))?;
    let as_events = source.feed.format == "intelmq";
    let messages: Vec<Message> = entries
        .iter()
        .map(|(time, entry)| message(time, entry, as_events))
        .collect();
    let lost: Vec<&Message> = messages
        .iter()
        .filter(|message| message.data.is_err())
        .collect();
    if dry_run {
        return list(&messages, session);
    }
    let good: Vec<_> = messages
        .iter()
        .filter_map(|message| message.data.as_ref().ok())
        .collect();
    for message in &lost {
        if let Err(why) = &message.data {
            session.talk.warn(format_args!("{}: {why}", message.time));
        }
    }
    if good.is_empty() {
        return Err(fail("holds no message that can be replayed".to_owned())
            .remedy("--dry-run shows what is in it"));
    }
    let folder = tempfile::tempdir().map_err(|error| fail(error.to_string()))?;
    let name = file.file_name().map_or_else(
        || "dump".to_owned(),
        |name| name.to_string_lossy().into_owned(),
    );
    let path = folder.path().join(format!("{name}.tar"));
    let bytes = pack(&good).map_err(|error| fail(error.to_string()))?;
    std::fs::File::create(&path)
        .and_then(|mut file| file.write_all(&bytes))
        .map_err(|error| fail(error.to_string()))?;
    let delivery = Delivery {
        source,
        path,
        origin: format!("{name}.tar"),
    };
    let mut out = Out::new();
    let (summary, took) = ingest::ingest(&workspace, &[delivery], false, &now, &session.talk)?;
    match session.json {
        true => out.json(
            &json!({ "messages": messages.len(), "replayed": good.len(), "summary": summary }),
        )?,
        false => ingest::print(&summary, took, &mut out, &session.talk)?,
    }
    out.end()?;
    session.talk.say(format_args!(
        "{} of {} messages of the dump were read; the dump is left as it is",
        good.len(),
        messages.len()
    ));
    Ok(())
}

fn list(messages: &[Message], session: &Session) -> Result {
    let mut out = Out::new();
    let mut table = Table::new(["time", "bot", "bytes", "failed with"]);
    let mut all = Vec::new();
    for message in messages {
        let bytes = message.data.as_ref().map(|(_, data)| data.len());
        let why = match &message.data {
            Ok(_) => message.traceback.lines().last().unwrap_or_default(),
            Err(why) => why,
        };
        all.push(
            json!({ "time": message.time, "bot": message.bot, "bytes": bytes.ok(), "why": why }),
        );
        let bytes = message
            .data
            .as_ref()
            .map_or_else(|_| "–".to_owned(), |(_, data)| data.len().to_string());
        table.row([
            message.time.clone(),
            message.bot.clone(),
            bytes,
            clean(why).into_owned(),
        ]);
    }
    match session.json {
        true => out.json(&all)?,
        false => table.print(&mut out)?,
    }
    out.end()
}

/// Reads one entry of the dump.
fn message(time: &str, entry: &Json, as_events: bool) -> Message {
    let text = |key: &str| match entry.get(key) {
        Some(Json::String(text)) => text.clone(),
        Some(Json::Array(lines)) => lines
            .iter()
            .filter_map(Json::as_str)
            .collect::<Vec<_>>()
            .join("\n"),
        _ => String::new(),
    };
    Message {
        time: time.to_owned(),
        bot: text("bot_id"),
        traceback: text("traceback").trim_end().to_owned(),
        data: data(time, entry, as_events),
    }
}

fn data(
    time: &str,
    entry: &Json,
    as_events: bool,
) -> std::result::Result<(String, Vec<u8>), String> {
    let parsed: Json;
    let message = match entry.get("message") {
        Some(Json::String(text)) => {
            parsed = serde_json::from_str(text)
                .map_err(|error| format!("the message is no JSON: {error}"))?;
            &parsed
        }
        Some(message @ Json::Object(_)) => message,
        _ => return Err("the entry has no message".into()),
    };
    let stem: String = time
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect();
    let is_event = message.get("__type").is_some_and(|kind| kind == "Event");
    if as_events && is_event {
        return Ok((format!("{stem}.jsonl"), format!("{message}\n").into_bytes()));
    }
    let raw = message
        .get("raw")
        .and_then(Json::as_str)
        .filter(|raw| !raw.is_empty());
    let raw = raw.ok_or("the message has no raw data")?;
    let bytes = STANDARD
        .decode(raw.trim())
        .map_err(|error| format!("the raw data are no Base64: {error}"))?;
    // Some formats know the report by its file's name.
    let name = message.get("extra.file_name").and_then(Json::as_str);
    let name = name.and_then(|name| name.rsplit(['/', '\\']).next());
    Ok((format!("{stem}/{}", name.unwrap_or("raw")), bytes))
}

/// A tar of these members, the same for the same dump: no owner, no time.
fn pack(members: &[&(String, Vec<u8>)]) -> std::io::Result<Vec<u8>> {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, data) in members {
        let mut header = tar::Header::new_ustar();
        header.set_size(data.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(0);
        header.set_entry_type(tar::EntryType::Regular);
        archive.append_data(&mut header, name, data.as_slice())?;
    }
    archive.into_inner()
}
