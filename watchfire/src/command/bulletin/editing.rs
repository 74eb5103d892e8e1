//! Editing: the prose around the figures, as one file that an editor opens in any program.

use std::io::Read;
use std::path::PathBuf;

use bulletin::editorial::{Editorial, Written};
use clap::Args;
use model::newsroom::Right;
use serde::{Deserialize, Serialize};

use super::drafting::{actor, plan};
use crate::failure::{Failure, Result};
use crate::table::Out;
use crate::weeks;
use crate::workspace::{Access, Session, now};

#[derive(Debug, Args)]
pub struct Edit {
    /// Issue (2023-3), date of the week (2023-01-12), or `last`.
    issue: String,
    /// File with the prose, `-` for standard input; without it the prose that is stored is printed.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Blocks whose English was read again and still says what the Chinese says.
    #[arg(long, value_name = "BLOCK", value_delimiter = ',')]
    translated: Vec<String>,
}

/// The head of the file.
const HEAD: &str = "\
# The prose of an issue. Figures are cited by reference and cannot drift: {M1} the value, {M1|个} with its unit,
# {~M1} its change, {<M1} last week's; a number that is no figure of the issue is written {=24小时}. The keys are
# those of `watchfire week ISSUE`. A blank line parts paragraphs.
# place: lead (the case of the week), section:ID (as section:malware), news, note.
";

/// The file.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Prose {
    #[serde(default, rename = "block", skip_serializing_if = "Vec::is_empty")]
    blocks: Vec<Written>,
}

pub fn run(args: Edit, session: &Session) -> Result {
    let access = match args.file.is_some() || !args.translated.is_empty() {
        true => Access::Write("bulletin edit"),
        false => Access::Read,
    };
    let workspace = session.open(access)?;
    let named = weeks::read(&args.issue, &workspace, now())?;
    let stored = {
        let issue = crate::weekly::number(named)?;
        let key = super::drafting::key_of(&workspace, issue);
        workspace.block_on(workspace.ledger.edition(&key))?
    };
    let before = match stored.as_ref().map(|edition| edition.editorial.as_str()) {
        None | Some("") => Editorial::default(),
        Some(text) => Editorial::from_json(text)?,
    };
    if access == Access::Read {
        let mut out = Out::new();
        match session.json {
            true => out.json(&before)?,
            false => out.bytes(print(&before)?.as_bytes())?,
        }
        return out.end();
    }
    let mut editorial = match &args.file {
        Some(file) => {
            let text = read(file)?;
            merge(&text, &before).map_err(|failure| {
                failure.remedy("watchfire bulletin edit ISSUE > prose.toml shows the form")
            })?
        }
        None => before,
    };
    for id in &args.translated {
        let block = editorial.blocks.iter_mut().find(|block| block.id == *id);
        let Some(block) = block else {
            return Err(Failure::usage(
                format_args!("block {id}"),
                "there is none of this name",
            ));
        };
        block.translated_of = block.source();
    }
    let at = now();
    let by = actor(&workspace, &session.actor(), Right::Edit, at)?;
    let edition = plan(&workspace, named, by.login(), at)?;
    let (key, text) = (edition.key(), editorial.to_json());
    let saving = workspace.ledger.save_editorial(&key, &text, &by, at.0);
    let changed = workspace.block_on(saving)?;
    let label = named.label();
    session.talk.say(match changed {
        true => format!("issue {label}: prose stored; next: watchfire bulletin draft {label}"),
        false => format!("issue {label}: the prose says what it said"),
    });
    let stale: Vec<&str> = editorial
        .blocks
        .iter()
        .filter(|block| block.is_stale())
        .map(|block| block.id.as_str())
        .collect();
    if !stale.is_empty() {
        session.talk.warn(format_args!(
            "the Chinese of {} changed and the English did not: change it, or say --translated {}",
            stale.join(", "),
            stale.join(",")
        ));
    }
    Ok(())
}

fn read(file: &PathBuf) -> Result<String> {
    if file.as_os_str() != "-" {
        return std::fs::read_to_string(file).map_err(|error| Failure::new(file.display(), error));
    }
    let mut text = String::new();
    std::io::stdin()
        .read_to_string(&mut text)
        .map_err(|error| Failure::new("standard input", error))?;
    Ok(text)
}

fn print(editorial: &Editorial) -> Result<String> {
    let written = Prose {
        blocks: editorial.blocks.iter().map(Written::of).collect(),
    };
    let text = toml::to_string_pretty(&written).map_err(|error| Failure::new("prose", error))?;
    Ok(format!("{HEAD}\n{text}"))
}

/// Reads the file, and what of it is stored.
fn merge(text: &str, before: &Editorial) -> Result<Editorial> {
    let prose: Prose = toml::from_str(text).map_err(|error| Failure::new("prose", error))?;
    Ok(before.rewritten(prose.blocks)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &str = "[[block]]\nid = \"lead\"\nplace = \"lead\"\ntitle_zh = \"甲\"\ntitle_en = \"A\"\nzh = \"受控主机{M1|台}。\"\nen = \"{M1} hosts.\"\n";

    #[test]
    fn the_english_of_a_changed_chinese_is_stale_until_it_is_read_again() {
        let first = merge(FIRST, &Editorial::default()).unwrap();
        assert!(!first.blocks[0].is_stale());
        let second = merge(&FIRST.replace("受控主机", "感染主机"), &first).unwrap();
        assert!(second.blocks[0].is_stale());
        let both = FIRST
            .replace("受控主机", "感染主机")
            .replace(" hosts", " infected hosts");
        assert!(!merge(&both, &second).unwrap().blocks[0].is_stale());
        assert_eq!(merge(&print(&first).unwrap(), &first).unwrap(), first);
    }

    #[test]
    fn a_wrong_file_is_refused_by_name() {
        for (from, to, says) in [
            ("\"lead\"\nplace", "\"le ad\"\nplace", "letters, digits"),
            (
                "place = \"lead\"",
                "place = \"section:\"",
                "its place is none",
            ),
            ("zh =", "zz =", "zz"),
        ] {
            let text = FIRST.replacen(from, to, 1);
            assert_ne!(text, FIRST);
            let failure = merge(&text, &Editorial::default()).unwrap_err();
            assert!(failure.message().contains(says), "{}", failure.message());
        }
        let twice = format!("{FIRST}{FIRST}");
        let failure = merge(&twice, &Editorial::default()).unwrap_err();
        assert!(failure.message().contains("twice"));
    }
}
