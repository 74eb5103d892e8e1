//! `watchfire feeds catalogue|add|enable|disable`: the public feeds that the binary knows, and the
//! entries of watchfire.toml that subscribe to them.
//!
//! The file is edited as text with its comments kept, checked as a whole before it is written, and
//! replaced in one step: a command that fails leaves it as it was.

use std::io::Write;
use std::path::Path;

use intake::catalogue::public::{self, PublicFeed};
use serde_json::json;
use toml_edit::{DocumentMut, Item, value};

use crate::config::{self, FILE, nearest};
use crate::failure::{Exit, Failure, Result};
use crate::table::{Out, Table};
use crate::workspace::Session;

/// Lists the catalogue, all of it or what has the words.
pub fn catalogue(words: &str, session: &Session) -> Result {
    let found = public::search(words).map_err(|why| Failure::new("catalogue", why))?;
    let mut out = Out::new();
    if session.json {
        let all: Vec<_> = found
            .iter()
            .map(|public| {
                json!({
                    "feed": public.feed,
                    "about": public.about,
                    "address": public.address,
                    "documentation": public.documentation,
                    "interval_secs": public.interval_secs,
                    "access": public.access.label(),
                })
            })
            .collect();
        out.json(&all)?;
        return out.end();
    }
    let mut table = Table::new([
        "feed",
        "provider",
        "about",
        "every",
        "access",
        "publishable",
    ]);
    for public in &found {
        let feed = &public.feed;
        table.row([
            feed.name.clone(),
            feed.provider.clone(),
            public.about.clone(),
            every(public.interval_secs),
            public.access.label().to_owned(),
            format!("{:?}", feed.publishable).to_lowercase(),
        ]);
    }
    if table.is_empty() {
        session
            .talk
            .say(format_args!("no feed of the catalogue has `{words}`"));
    } else {
        table.print(&mut out)?;
        session.talk.say(format_args!(
            "{} feeds; `watchfire feeds add NAME` subscribes to one",
            found.len()
        ));
    }
    out.end()
}

fn every(secs: u64) -> String {
    match secs {
        secs if secs % 86_400 == 0 => format!("{} d", secs / 86_400),
        secs if secs % 3_600 == 0 => format!("{} h", secs / 3_600),
        secs => format!("{} min", secs.div_ceil(60)),
    }
}

/// Adds a feed of the catalogue to the configuration.
pub fn add(name: &str, paths: &[String], off: bool, session: &Session) -> Result {
    let (root, settings) = session.settings()?;
    if settings.catalogue.get(name).is_ok() {
        return Err(Failure::new(
            format_args!("feed {name}"),
            "stands in watchfire.toml already",
        )
        .remedy(format_args!("watchfire feeds enable {name}")));
    }
    let public = known(name)?;
    let paths = match paths {
        [] => vec![format!("incoming/{name}/*")],
        paths => paths.to_vec(),
    };
    let entry = public.entry(&paths, !off);
    edit(&root, session, |text| {
        let gap = if text.ends_with("\n\n") || text.is_empty() {
            ""
        } else {
            "\n"
        };
        Ok(format!("{text}{gap}{entry}"))
    })?;
    session.talk.say(format_args!(
        "feed {name} stands in {FILE}, {}; its files: {}",
        if off { "off" } else { "on" },
        paths.join(", ")
    ));
    session.talk.say(format_args!(
        "`watchfire fetch {name}` asks for it; `watchfire fetch`, run often, does every {}",
        every(public.interval_secs),
    ));
    session.talk.say(format_args!(
        "licence {}; terms: {}",
        public.feed.licence, public.feed.terms
    ));
    if public.address.contains("${") || public.access != public::Access::Open {
        session.talk.warn(format_args!(
            "{} gives this feed with {} only: see {}",
            public.feed.provider,
            public.access.label(),
            public.documentation
        ));
    }
    Ok(())
}

fn known(name: &str) -> Result<PublicFeed> {
    let all = public::feeds().map_err(|why| Failure::new("catalogue", why))?;
    let near = nearest(name, all.iter().map(|public| public.feed.name.as_str())).map(str::to_owned);
    all.into_iter()
        .find(|public| public.feed.name == name)
        .ok_or_else(|| {
            let failure = Failure::new(format_args!("feed {name}"), "is not in the catalogue");
            match near {
                Some(near) => failure.remedy(format_args!("did you mean {near}?")),
                None => failure
                    .remedy("`watchfire feeds catalogue --search WORDS` looks for one; a feed of your own is an entry in watchfire.toml"),
            }
        })
}

/// Turns a feed of the configuration on or off.
pub fn switch(name: &str, on: bool, session: &Session) -> Result {
    let (root, settings) = session.settings()?;
    settings.catalogue.get(name)?;
    edit(&root, session, |text| {
        let mut document: DocumentMut = text
            .parse()
            .map_err(|error| Failure::new(FILE, error).with(Exit::Configuration))?;
        let entries = document
            .get_mut("feed")
            .and_then(Item::as_array_of_tables_mut);
        let entry = entries.and_then(|entries| {
            entries
                .iter_mut()
                .find(|entry| entry.get("name").and_then(Item::as_str) == Some(name))
        });
        let entry = entry.ok_or_else(|| {
            Failure::new(
                format_args!("feed {name}"),
                "is not written as a [[feed]] table",
            )
            .remedy(format_args!("set `enabled = {on}` in {FILE} by hand"))
        })?;
        entry["enabled"] = value(on);
        Ok(document.to_string())
    })?;
    let state = if on { "on" } else { "off" };
    session.talk.say(format_args!("feed {name} is {state}"));
    Ok(())
}

/// Whether the configuration would be a right one with `change`; nothing is written.
///
/// # Errors
/// What would be wrong with it.
pub fn check(
    root: &Path,
    session: &Session,
    change: impl FnOnce(&str) -> Result<String>,
) -> Result<()> {
    let path = root.join(FILE);
    let text =
        std::fs::read_to_string(&path).map_err(|error| Failure::new(path.display(), error))?;
    config::parse(&change(&text)?, &path, &session.environment)
        .map(drop)
        .map_err(Failure::configuration)
}

/// Replaces the configuration by what `change` makes of it, if that is a right one.
///
/// # Errors
/// What would be wrong with it, or a file that cannot be written.
pub fn edit(
    root: &Path,
    session: &Session,
    change: impl FnOnce(&str) -> Result<String>,
) -> Result<()> {
    let path = root.join(FILE);
    let fail = |error: std::io::Error| Failure::new(path.display(), error);
    let text = change(&std::fs::read_to_string(&path).map_err(fail)?)?;
    config::parse(&text, &path, &session.environment).map_err(Failure::configuration)?;
    let mut file = tempfile::NamedTempFile::new_in(root).map_err(fail)?;
    file.write_all(text.as_bytes()).map_err(fail)?;
    let rights = std::fs::metadata(&path).map_err(fail)?.permissions();
    file.as_file().set_permissions(rights).map_err(fail)?;
    file.as_file().sync_all().map_err(fail)?;
    file.persist(&path).map_err(|error| fail(error.error))?;
    std::fs::File::open(root)
        .and_then(|folder| folder.sync_all())
        .map_err(fail)
}
