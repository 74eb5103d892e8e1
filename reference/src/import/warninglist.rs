//! MISP warning lists (MISP/misp-warninglists, `list.json`), all five types.

use serde::Deserialize;
use serde_json::Value;

use super::{Draft, Job, unfit};
use crate::Error;
use crate::cidr::parse_prefix;
use crate::read::{Input, Tally};
use crate::site::clean_name;
use crate::warning::{Applies, WarningList, WarningSet};

#[derive(Deserialize)]
struct MispList {
    #[serde(default)]
    name: String,
    #[serde(default)]
    version: Value,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    matching_attributes: Vec<String>,
    list: Vec<Value>,
}

pub(super) fn read(
    input: &Input,
    job: &Job<'_>,
    draft: &mut Draft,
    tally: &mut Tally,
) -> Result<(), Error> {
    let json: MispList = serde_json::from_slice(&input.bytes)
        .map_err(|error| unfit(input, job, error.to_string()))?;
    let number = draft.warnings.lists.len();
    if number >= WarningSet::CAPACITY {
        return Err(Error::TooManyWarningLists {
            count: number + 1,
            limit: WarningSet::CAPACITY,
        });
    }
    if !matches!(
        json.kind.as_str(),
        "string" | "hostname" | "cidr" | "substring" | "regex"
    ) {
        return Err(unfit(
            input,
            job,
            format!(
                "list type {:?} is none of string, hostname, cidr, substring, regex",
                json.kind
            ),
        ));
    }
    let list = number as u8; // below the capacity of 128
    let applies = Applies::from_attributes(&json.matching_attributes);
    for (at, value) in json.list.iter().enumerate() {
        let Some(value) = value
            .as_str()
            .map(str::trim)
            .filter(|value| !value.is_empty())
        else {
            tally.refuse(format_args!("list[{at}]"), "not a text");
            continue;
        };
        let added = match json.kind.as_str() {
            "cidr" => parse_prefix(value.as_bytes()).map(|prefix| draft.ip.warn(prefix, list)),
            "hostname" => hostname(value, list, true, draft),
            "string" => string(value, list, applies, draft),
            "regex" => regex(value, list, draft),
            _ => {
                let finder =
                    memchr::memmem::Finder::new(value.to_lowercase().as_bytes()).into_owned();
                draft.warnings.substrings.push((finder, list));
                Ok(())
            }
        };
        match added {
            Ok(()) => tally.records += 1,
            Err(reason) => tally.refuse(
                format_args!("list[{at}]"),
                format_args!("{value:?}: {reason}"),
            ),
        }
    }
    let version = match json.version {
        Value::String(version) => version,
        Value::Null => String::new(),
        other => other.to_string(),
    };
    draft.warnings.lists.push(WarningList {
        id: job.name.to_owned(),
        title: json.name,
        version,
        applies,
        entries: tally.records,
    });
    Ok(())
}

/// A name with everything below it, written `name`, `.name` or `*.name`.
fn hostname(value: &str, list: u8, below: bool, draft: &mut Draft) -> Result<(), &'static str> {
    let name = clean_name(value.trim_start_matches("*.").trim_start_matches('.'))
        .ok_or("not a host name")?;
    draft.sites.warn(&name, list, below);
    Ok(())
}

/// A whole value: an address, a name, a URL or a hash, as the list's attributes allow.
fn string(value: &str, list: u8, applies: Applies, draft: &mut Draft) -> Result<(), &'static str> {
    let mut used = false;
    if applies.ip
        && let Ok(prefix) = parse_prefix(value.as_bytes())
    {
        draft.ip.warn(prefix, list);
        used = true;
    }
    if applies.host && !used && !value.contains('/') {
        used = hostname(value, list, false, draft).is_ok();
    }
    if applies.hash || (applies.url && value.contains('/')) {
        draft.warnings.add_exact(value, list);
        used = true;
    }
    used.then_some(())
        .ok_or("fits none of the list's attributes")
}

/// Regular expressions that only say "this name" or "this name and below": `/^name$/`,
/// `/\.name$/i`, `/(^|\.)name$/`, `/^(.*\.)?name$/`. Anything wider is refused with the reason; a
/// general engine here would run over every value of every feed.
fn regex(value: &str, list: u8, draft: &mut Draft) -> Result<(), &'static str> {
    const UNSUPPORTED: &str =
        "only regular expressions of a name and what lies below it are supported";
    let body = match value.strip_prefix('/') {
        Some(rest) => &rest[..rest.rfind('/').ok_or("no closing slash")?],
        None => value,
    };
    let body = body.strip_suffix('$').ok_or(UNSUPPORTED)?;
    let below = [
        "^(.*\\.)?",
        "^(.+\\.)?",
        "(^|\\.)",
        "(?:^|\\.)",
        "^.*\\.",
        "^.+\\.",
        ".*\\.",
        "\\.",
        "^",
    ]
    .into_iter()
    .find_map(|start| Some((body.strip_prefix(start)?, start != "^")));
    let (name, below) = below.ok_or(UNSUPPORTED)?;
    // What is left must be a literal: dots escaped, nothing else special.
    let literal = name.replace("\\.", "\u{0}").replace("\\-", "-");
    if literal.contains([
        '.', '\\', '*', '+', '?', '(', ')', '[', ']', '{', '}', '|', '^', '$',
    ]) {
        return Err(UNSUPPORTED);
    }
    hostname(&literal.replace('\u{0}', "."), list, below, draft)
}
