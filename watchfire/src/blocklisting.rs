//! Block lists of this workspace: candidates from incidents and feeds, the files, and taking off.
//!
//! There are two ways to the files. A person publishes: everything that is approved passes the gate again
//! and goes out, and a great loss has to be accepted. And entries go: taken off by a person or over, they
//! are gone from the files at once ([`withdraw`]); nothing is ever added by that. Where many entries end
//! together, something failed (no verification, no feed): then those stay until a person publishes, and
//! only what was taken off goes.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;

use bulletin::blocklist::NAMES;
use bulletin::blocklist::gate::Gate;
use bulletin::blocklist::{Change, Entry, Head, ListFile, TOLD_DAYS, files, serial};
use jiff::tz::TimeZone;
use ledger::{
    Hash, Incident, Listed, ListedState, ListingFilter, NewPublication, Page, Publication, Reach,
};
use model::incident::CaseKind;
use model::marking::{Marking, To, Why};
use model::time::{MICROS_PER_DAY, Timestamp};
use model::tlp::Tlp;
use reference::Tables;
use serde::Serialize;
use serde_json::json;

use crate::failure::{Exit, Failure, Result};
use crate::publishing;
use crate::workspace::{Workspace, now};

/// Who ends entries whose days are over.
pub const MACHINE: &str = "system:blocklist";
/// What a publication says that kept entries which are over, and since when.
const HELD_OVER: &str = "held over since ";

/// The list of a kind of incident, and its RSIT entry; `None` where nothing is blocked.
pub fn list_of(kind: CaseKind) -> Option<(&'static str, &'static str)> {
    match kind {
        CaseKind::Phishing => Some(("phishing", "phishing")),
        CaseKind::MaliciousApp | CaseKind::MalwareHosting => {
            Some(("malware", "malware-distribution"))
        }
        CaseKind::ControlServer | CaseKind::MobileControlServer => Some(("c2", "c2-server")),
        _ => None,
    }
}

/// The list of an RSIT entry.
pub fn list_of_class(class: &str) -> Option<&'static str> {
    match class {
        "phishing" => Some("phishing"),
        "malware-distribution" => Some("malware"),
        "c2-server" => Some("c2"),
        _ => None,
    }
}

/// Refuses where lists are off.
///
/// # Errors
/// They are, with the key.
pub fn need_on(workspace: &Workspace) -> Result {
    match workspace.settings.lists.enabled {
        true => Ok(()),
        false => Err(
            Failure::new("block lists", "are off: `lists.enabled` is false")
                .remedy(format_args!(
                    "set it under [lists] in {}",
                    crate::config::FILE
                ))
                .with(Exit::Configuration),
        ),
    }
}

/// The gate of a workspace.
///
/// # Errors
/// No warning list is imported: then no top site is known.
pub fn gate<'a>(workspace: &'a Workspace, tables: &'a Tables) -> Result<Gate<'a>> {
    if tables.warning_lists().is_empty() {
        return Err(Failure::new(
            "block lists",
            "no warning list is imported, so that no site is known that must not be blocked",
        )
        .remedy("watchfire reference import warninglist FILES (MISP's tranco, public resolvers, content networks)"));
    }
    Ok(Gate {
        tables,
        allow: &workspace.settings.lists.allow,
    })
}

/// What a publication did.
#[derive(Debug, Serialize)]
pub struct Published {
    /// The list.
    pub list: String,
    /// Its serial.
    pub serial: i64,
    /// Entries on it.
    pub entries: i64,
    /// Approved entries that the gate refuses now, or their incident's marking keeps back, and why.
    pub refused: Vec<(String, String)>,
    /// Whether entries stay that are over, because too many ended together.
    pub held_over: bool,
}

/// How a person publishes.
#[derive(Clone, Debug, Default)]
pub struct Wish {
    /// The issue it goes with.
    pub issue: Option<String>,
    /// Why a great loss is right.
    pub accept: Option<String>,
}

fn all(workspace: &Workspace, filter: ListingFilter) -> Result<Vec<Listed>> {
    Ok(workspace.block_on(workspace.ledger.listings(&filter, Page::ALL))?)
}

fn of(list: &str, states: &[ListedState]) -> ListingFilter {
    ListingFilter {
        list: Some(list.to_owned()),
        states: states.to_vec(),
        approved: true,
        ..ListingFilter::default()
    }
}

/// Which entries may not be published now, by the markings of the incidents that they come from; by number, with the
/// reason. An incident's TLP is no reason: who proposed the entry released it.
///
/// # Errors
/// The ledger.
pub fn kept_back(
    workspace: &Workspace,
    rows: &[Listed],
    at: Timestamp,
) -> Result<BTreeMap<i64, Why>> {
    let number = |row: &Listed| -> Option<i64> {
        let from = row.incident.as_deref()?;
        from.strip_prefix("incident ")?.parse().ok()
    };
    let numbers: Vec<i64> = rows.iter().filter_map(number).collect();
    let ledger = &workspace.ledger;
    let incidents = workspace.block_on(ledger.incidents_numbered(&numbers, &Reach::All))?;
    let ids: Vec<_> = incidents.iter().map(Incident::incident_id).collect();
    let named = workspace.block_on(ledger.allowed_recipients(&ids))?;
    let mut kept = BTreeMap::new();
    for one in &incidents {
        let named = named.get(&one.incident_id()).cloned();
        let marking = Marking {
            tlp: Tlp::Clear,
            ..one.marking(named.unwrap_or_default())
        };
        if let Err(why) = marking.may_leave(To::Everybody, at) {
            kept.insert(one.number, why);
        }
    }
    let of_row = |row: &Listed| Some((row.id, *kept.get(&number(row)?)?));
    Ok(rows.iter().filter_map(of_row).collect())
}

/// Publishes a list as a person wishes it.
///
/// # Errors
/// It is empty or lost too much, with the numbers; the gate, the ledger or the files.
pub fn publish(
    workspace: &Workspace,
    gate: &Gate<'_>,
    list: &str,
    wish: &Wish,
    actor: &str,
) -> Result<Published> {
    let ledger = &workspace.ledger;
    let at = now();
    workspace.block_on(ledger.expire_listings(MACHINE, at.0))?;
    let last = workspace.block_on(ledger.last_publication(list))?;
    let mut refused = Vec::new();
    let mut rows = all(workspace, of(list, &[ListedState::Approved]))?;
    let kept = kept_back(workspace, &rows, at)?;
    rows.retain(|row| {
        let allowed = gate.allows(row.kind, &row.value);
        let kept = kept.get(&row.id).map(ToString::to_string);
        match kept.or_else(|| allowed.err().map(|why| why.to_string())) {
            None => true,
            Some(why) => {
                refused.push((row.value.clone(), why));
                false
            }
        }
    });
    let off = off(workspace, list, at)?;
    let change = change(last.as_ref(), &off, rows.len());
    let alarm = change.check(list, workspace.settings.lists.drop_percent);
    if let Err(why) = &alarm
        && wish.accept.is_none()
    {
        return Err(Failure::new("publication", why).remedy(
            "look why (`watchfire blocklist check`); where it is right, publish with --accept-drop REASON",
        ));
    }
    let accepted = alarm.is_err().then(|| wish.accept.clone()).flatten();
    let issue = wish.issue.clone();
    let done = write(workspace, list, last, rows, off, (issue, accepted), actor)?;
    Ok(Published { refused, ..done })
}

/// Takes out of a published list what ended since; `None` where nothing is to do, or where too many
/// ended by themselves and none was taken off.
///
/// # Errors
/// The ledger or the files.
pub fn withdraw(
    workspace: &Workspace,
    last: Publication,
    actor: &str,
) -> Result<Option<Published>> {
    let list = last.list.clone();
    let at = now();
    let off = off(workspace, &list, at)?;
    let mut rows = all(workspace, of(&list, &[ListedState::Approved]))?;
    rows.retain(|row| row.approved_at.is_some_and(|approved| approved <= last.at));
    let change = change(Some(&last), &off, rows.len());
    // Nothing is added here: where somebody took the last one off, an empty list is right.
    let mut kept = None;
    if let Err(why) = change.check(&list, workspace.settings.lists.drop_percent) {
        let since = last.accepted.as_deref();
        let since = since.and_then(|text| text.strip_prefix(HELD_OVER)?.parse().ok());
        let since: i64 = since.unwrap_or(last.at);
        if change.delisted == 0 && whole(workspace, &last) {
            tracing::error!(error = %why, list, "too many entries ended together: they stay until a person publishes the list");
            return Ok(None);
        }
        let over = all(workspace, of(&list, &[ListedState::Expired]))?;
        let stays = |row: &Listed| {
            row.ended_at.is_some_and(|ended| ended > since)
                && row.approved_at.is_some_and(|approved| approved <= last.at)
        };
        rows.extend(over.into_iter().filter(stays));
        kept = Some(format!("{HELD_OVER}{since}"));
    }
    let held_over = kept.is_some();
    let issue = last.issue.clone();
    let done = write(
        workspace,
        &list,
        Some(last),
        rows,
        off,
        (issue, kept),
        actor,
    )?;
    Ok(Some(Published { held_over, ..done }))
}

/// Ends what is over, and takes out of the files of every published list what ended since, or writes
/// them anew where they are not what was published. What was done.
///
/// # Errors
/// As [`withdraw`].
pub fn look_after(workspace: &Workspace) -> Result<Vec<Published>> {
    let ledger = &workspace.ledger;
    workspace.block_on(ledger.expire_listings(MACHINE, now().0))?;
    let mut done = Vec::new();
    for last in workspace.block_on(ledger.published_lists())? {
        if is_behind(workspace, &last)? {
            done.extend(withdraw(workspace, last, MACHINE)?);
        }
    }
    Ok(done)
}

/// Writes the site's page of the lists anew, where lists are turned on: it tells how many entries each has.
///
/// # Errors
/// The site cannot be written; the lists' own files are as they should be.
pub fn tell(workspace: &Workspace) -> Result {
    match workspace.settings.lists.enabled {
        true => publishing::build(workspace).map(|_| ()),
        false => Ok(()),
    }
}

/// Whether a published list names what has ended since, or its files are not those that were published.
///
/// # Errors
/// The ledger.
pub fn is_behind(workspace: &Workspace, last: &Publication) -> Result<bool> {
    let ended = ListingFilter {
        ended_since: Some(last.at + 1),
        ..of(&last.list, &[])
    };
    Ok(!all(workspace, ended)?.is_empty() || !whole(workspace, last))
}

/// Entries of a list that were taken off and are still to be told.
fn off(workspace: &Workspace, list: &str, at: Timestamp) -> Result<Vec<Listed>> {
    let filter = ListingFilter {
        ended_since: Some(at.0 - TOLD_DAYS * MICROS_PER_DAY),
        ..of(list, &[ListedState::Delisted])
    };
    all(workspace, filter)
}

fn change(last: Option<&Publication>, off: &[Listed], now: usize) -> Change {
    let Some(last) = last else {
        return Change {
            now: now as u64,
            ..Change::default()
        };
    };
    let since = |row: &&Listed| {
        row.ended_at.is_some_and(|ended| ended > last.at)
            && row.approved_at.is_some_and(|approved| approved <= last.at)
    };
    Change {
        before: u64::try_from(last.entries).unwrap_or(0),
        delisted: off.iter().filter(since).count() as u64,
        now: now as u64,
    }
}

fn entry(row: Listed) -> Entry {
    let source = match (&row.incident, &row.feed) {
        (Some(incident), _) => incident.clone(),
        (None, feed) => feed.clone().unwrap_or_default(),
    };
    Entry {
        off: (row.state == ListedState::Delisted)
            .then(|| row.ended_at.map(Timestamp))
            .flatten(),
        kind: row.kind,
        value: row.value,
        classification: row.classification,
        source,
        licence: row.licence,
        since: Timestamp(row.approved_at.unwrap_or(row.proposed_at)),
        changed: Timestamp(row.changed_at),
        expires: Timestamp(row.expires_at),
    }
}

fn write(
    workspace: &Workspace,
    list: &str,
    last: Option<Publication>,
    rows: Vec<Listed>,
    off: Vec<Listed>,
    (issue, accepted): (Option<String>, Option<String>),
    actor: &str,
) -> Result<Published> {
    let settings = &workspace.settings;
    let at = now();
    let day = at
        .to_jiff()
        .map(|at| at.to_zoned_datetime(TimeZone::UTC).date())
        .unwrap_or_default();
    let before = last.and_then(|last| u32::try_from(last.serial).ok());
    let or = |own: &str, other: &str| match own.is_empty() {
        true => other.to_owned(),
        false => own.to_owned(),
    };
    let publisher = or(&settings.response.name_en, &settings.series.organization.en);
    let head = Head {
        list: list.to_owned(),
        publisher: or(&publisher, &settings.name),
        licence: settings.lists.licence.clone(),
        contact: or(&settings.lists.contact, &settings.response.address),
        issue: issue.clone(),
        serial: serial(before, day),
        made: at,
    };
    if head.contact.is_empty() {
        return Err(Failure::new(
            "lists.contact",
            "is not set: whoever is listed wrongly must find somebody",
        )
        .remedy(format_args!("set it in {}", crate::config::FILE))
        .with(Exit::Configuration));
    }
    let count = rows.len() as u64;
    let entries: Vec<Entry> = rows.into_iter().chain(off).map(entry).collect();
    let files = files(&head, &entries);
    let new = NewPublication {
        list: list.to_owned(),
        serial: i64::from(head.serial),
        entries: count,
        digest: digest(files.iter().map(|file| (file.name, file.bytes.as_slice()))),
        issue,
        accepted,
    };
    // The serial first: killed in between, the files are found not to be those of it, and written anew.
    let done = workspace.block_on(workspace.ledger.add_publication(new, actor, at.0))?;
    let folder = workspace.root.join(&settings.lists.folder).join(list);
    std::fs::create_dir_all(&folder).map_err(|error| Failure::new(folder.display(), error))?;
    for file in &files {
        place(&folder, file.name, &file.bytes)?;
    }
    index(workspace, list, &done, &files)?;
    Ok(Published {
        list: list.to_owned(),
        serial: done.serial,
        entries: done.entries,
        refused: Vec::new(),
        held_over: false,
    })
}

fn digest<'a>(files: impl Iterator<Item = (&'a str, &'a [u8])>) -> Hash {
    let mut hasher = blake3::Hasher::new();
    for (name, bytes) in files {
        for part in [name.as_bytes(), bytes] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
    }
    hasher.finalize().into()
}

/// Whether the files in the folder are those of a publication.
pub fn whole(workspace: &Workspace, last: &Publication) -> bool {
    let folder = workspace.root.join(&workspace.settings.lists.folder);
    let folder = folder.join(&last.list);
    let read = |(name, ..): &(&'static str, &str, &str)| {
        Some((*name, std::fs::read(folder.join(name)).ok()?))
    };
    let files: Option<Vec<_>> = NAMES.iter().map(read).collect();
    files.is_some_and(|files| {
        digest(files.iter().map(|(name, bytes)| (*name, bytes.as_slice()))) == last.digest
    })
}

/// What of a list is beside it for programs: names, sizes and hashes.
fn index(workspace: &Workspace, list: &str, done: &Publication, files: &[ListFile]) -> Result {
    let files: Vec<_> = files
        .iter()
        .map(|file| {
            json!({ "name": file.name, "media": file.media, "entries": file.entries,
                "bytes": file.bytes.len(), "blake3": Hash::of(&file.bytes) })
        })
        .collect();
    let text = json!({ "list": list, "serial": done.serial, "entries": done.entries,
        "at": Timestamp(done.at).to_string(), "issue": done.issue, "tlp": "TLP:CLEAR",
        "licence": workspace.settings.lists.licence, "files": files });
    let folder = workspace.root.join(&workspace.settings.lists.folder);
    let text = serde_json::to_string_pretty(&text).map_err(|error| Failure::new("JSON", error))?;
    place(
        &folder.join(list),
        "index.json",
        format!("{text}\n").as_bytes(),
    )
}

/// Puts a file in its place whole: a reader sees the old one or the new one.
fn place(folder: &Path, name: &str, bytes: &[u8]) -> Result {
    let path = folder.join(name);
    let aside = folder.join(format!(".{name}.{}", std::process::id()));
    let write = || -> std::io::Result<()> {
        let mut new = std::fs::File::create(&aside)?;
        new.write_all(bytes)?;
        new.sync_all()?;
        std::fs::rename(&aside, &path)
    };
    write().map_err(|error| Failure::new(path.display(), error))
}
