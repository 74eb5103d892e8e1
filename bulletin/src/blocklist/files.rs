//! The files of a publication: response policy zone, hosts, names, addresses, URLs, CSV, STIX and what
//! was taken off. Each begins with the same head, as a comment where the format has any.

use std::fmt::Write as _;

use formats::stix::write as stix;
use jiff::tz::TimeZone;
use ledger::ListedKind;
use model::time::Timestamp;
use model::tlp::Tlp;

use super::gate::network;
use super::{Entry, Head, ListFile, zone};
use crate::render::guard;

/// The files of every list, with what each is for in Chinese and English.
pub const NAMES: &[(&str, &str, &str)] = &[
    (
        "rpz.zone",
        "响应策略区，供BIND、Unbound等解析服务器加载",
        "response policy zone for resolvers such as BIND and Unbound",
    ),
    ("hosts.txt", "hosts格式的域名", "names as a hosts file"),
    ("domains.txt", "域名，每行一个", "names, one a line"),
    (
        "networks.txt",
        "地址和网段（CIDR）",
        "addresses and prefixes (CIDR)",
    ),
    ("urls.txt", "链接，每行一个", "URLs, one a line"),
    (
        "list.csv",
        "全部条目，含分类、来源、起止时间",
        "every entry with class, source, begin and end",
    ),
    ("list.stix.json", "STIX 2.1指标", "STIX 2.1 indicators"),
    (
        "delisted.csv",
        "90天内解除的条目",
        "what was taken off in the last 90 days",
    ),
];

/// All files of a publication. Entries that were taken off ([`Entry::off`]) are named as such, the others
/// stand; the order of what is given plays no part.
pub fn files(head: &Head, entries: &[Entry]) -> Vec<ListFile> {
    let mut all: Vec<Entry> = entries.to_vec();
    all.sort_by(|a, b| (a.kind, &a.value, a.since, a.off).cmp(&(b.kind, &b.value, b.since, b.off)));
    let (off, on): (Vec<_>, Vec<_>) = all.into_iter().partition(|entry| entry.off.is_some());
    let lines = Lines::of(head, &on);
    let of = |kinds: &'static [ListedKind]| on.iter().filter(|entry| kinds.contains(&entry.kind));
    let list = |name, kinds, line: fn(&str) -> String| {
        let mut text = String::new();
        let mut count = 0;
        for entry in of(kinds) {
            text.push_str(&line(&entry.value));
            text.push('\n');
            count += 1;
        }
        plain(name, lines.text("#", count), &text, count)
    };
    let (zone, named) = zone::zone(head, &on);
    let mut files = vec![
        plain("rpz.zone", lines.text(";", named), &zone, named),
        list("hosts.txt", &[ListedKind::Domain], |name| {
            format!("0.0.0.0 {name}")
        }),
        list("domains.txt", &[ListedKind::Domain], str::to_owned),
        list("networks.txt", &[ListedKind::Ip, ListedKind::Cidr], prefix),
        list("urls.txt", &[ListedKind::Url], str::to_owned),
    ];
    let whole = on.len() as u64;
    files.push(ListFile {
        name: "list.csv",
        media: "text/csv; charset=utf-8",
        entries: whole,
        bytes: table(lines.text("#", whole), &on, false),
    });
    files.push(ListFile {
        name: "list.stix.json",
        media: "application/stix+json;version=2.1",
        entries: whole,
        bytes: bundle(head, &lines.text("", whole), on.iter().chain(&off)).into_bytes(),
    });
    let gone = off.len() as u64;
    files.push(ListFile {
        name: "delisted.csv",
        media: "text/csv; charset=utf-8",
        entries: gone,
        bytes: table(lines.text("#", gone), &off, true),
    });
    files
}

fn plain(name: &'static str, mut head: String, text: &str, entries: u64) -> ListFile {
    head.push_str(text);
    ListFile {
        name,
        media: "text/plain; charset=utf-8",
        entries,
        bytes: head.into_bytes(),
    }
}

/// What a reader of any file must know.
struct Lines {
    before: Vec<String>,
    whole: usize,
    after: Vec<String>,
}

impl Lines {
    fn of(head: &Head, on: &[Entry]) -> Lines {
        let before = vec![
            format!("block list {}", line(&head.list)),
            format!("publisher: {}", line(&head.publisher)),
            "marking: TLP:CLEAR".to_owned(),
            format!("licence: {}", line(&head.licence)),
            format!("serial: {}", head.serial),
            format!("made: {}", instant(head.made)),
        ];
        let mut after = Vec::new();
        let ends = || on.iter().map(|entry| entry.expires);
        if let (Some(first), Some(last)) = (ends().min(), ends().max()) {
            after.push(format!(
                "expiry: the first entry ends {}, the last {}; do not use the list after that",
                instant(first),
                instant(last)
            ));
        }
        if let Some(issue) = &head.issue {
            after.push(format!("issue: {}", line(issue)));
        }
        after.push(format!("delisting: {}", line(&head.contact)));
        Lines {
            before,
            whole: on.len(),
            after,
        }
    }

    fn text(&self, mark: &str, entries: u64) -> String {
        let count = format!("entries: {entries} here, {} on the list", self.whole);
        let all = self.before.iter().chain([&count]).chain(&self.after);
        let mut text = String::new();
        for one in all {
            let _ = match mark {
                "" => writeln!(text, "{one}"),
                mark => writeln!(text, "{mark} {one}"),
            };
        }
        text
    }
}

/// A text that stays on its line.
fn line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

fn instant(at: Timestamp) -> String {
    at.to_jiff().map_or_else(String::new, |at| {
        at.to_zoned_datetime(TimeZone::UTC)
            .strftime("%Y-%m-%dT%H:%M:%SZ")
            .to_string()
    })
}

fn prefix(value: &str) -> String {
    network(value).map_or_else(|| value.to_owned(), |(ip, length)| format!("{ip}/{length}"))
}

fn word(kind: ListedKind) -> &'static str {
    match kind {
        ListedKind::Domain => "domain",
        ListedKind::Url => "url",
        ListedKind::Ip => "ip",
        ListedKind::Cidr => "cidr",
    }
}

fn table(head: String, entries: &[Entry], off: bool) -> Vec<u8> {
    let mut writer = csv::Writer::from_writer(head.into_bytes());
    let mut put = |cells: &[String]| {
        // Memory refuses nothing.
        let _ = writer.write_record(cells);
    };
    let heads = match off {
        true => ["kind", "value", "listed", "delisted"].as_slice(),
        false => &[
            "kind", "value", "class", "source", "licence", "listed", "expires",
        ],
    };
    put(&heads
        .iter()
        .map(|head| (*head).to_owned())
        .collect::<Vec<_>>());
    for entry in entries {
        let mut cells = vec![word(entry.kind).to_owned(), guard(&entry.value)];
        match entry.off {
            Some(at) if off => cells.extend([instant(entry.since), instant(at)]),
            _ => cells.extend([
                guard(&entry.classification),
                guard(&entry.source),
                guard(&entry.licence),
                instant(entry.since),
                instant(entry.expires),
            ]),
        }
        put(&cells);
    }
    writer.into_inner().unwrap_or_default()
}

fn id(parts: &[&str]) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"watchfire block list 1\0");
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    let mut id = [0; 16];
    id.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    id
}

fn bundle<'a>(head: &Head, note: &str, entries: impl Iterator<Item = &'a Entry>) -> String {
    let list = line(&head.list);
    let entries = entries.filter_map(|entry| {
        let blocked = match entry.kind {
            ListedKind::Domain => stix::Blocked::Domain(entry.value.clone()),
            ListedKind::Url => stix::Blocked::Url(entry.value.clone()),
            ListedKind::Ip | ListedKind::Cidr => {
                let (ip, length) = network(&entry.value)?;
                stix::Blocked::Network(ip, length)
            }
        };
        let since = entry.since.0.to_string();
        Some(stix::ListEntry {
            id: id(&["entry", &head.list, word(entry.kind), &entry.value, &since]),
            blocked,
            name: format!("{}: {}", list, word(entry.kind)),
            description: format!(
                "{}; licence {}",
                line(&entry.classification),
                line(&entry.licence)
            ),
            kind: "malicious-activity",
            created_at: entry.since,
            modified_at: entry.changed,
            valid_until: entry.expires,
            revoked: entry.off.is_some(),
            reference: (!entry.source.is_empty())
                .then(|| (line(&entry.source), line(&head.publisher))),
        })
    });
    let serial = head.serial.to_string();
    stix::write_list(&stix::BlockList {
        id: id(&["publication", &head.list, &serial, &head.publisher]),
        created_at: head.made,
        creator: line(&head.publisher),
        creator_id: id(&["publisher", &head.publisher]),
        creator_at: Timestamp(0),
        contact: line(&head.contact),
        note: note.to_owned(),
        tlp: Tlp::Clear,
        entries: entries.collect(),
    })
}
