//! Tables about names: the Public Suffix List and owner classes.

use model::territory::OwnerClass;

use super::{Draft, Job, csv_rows};
use crate::Error;
use crate::read::{Input, Tally};
use crate::site::{Rule, SuffixKind, clean_name};

/// The list as published: one rule a line up to the first blank, `//` comments, two sections. Rules
/// outside the sections (an extract, a local addition) count as ICANN's.
pub(super) fn public_suffix(
    input: &Input,
    _: &Job<'_>,
    draft: &mut Draft,
    tally: &mut Tally,
) -> Result<(), Error> {
    let mut kind = SuffixKind::Icann;
    for (number, line) in input.lines() {
        let Ok(line) = std::str::from_utf8(line) else {
            tally.refuse(number, "not UTF-8");
            continue;
        };
        if let Some(comment) = line.strip_prefix("//") {
            if comment.contains("BEGIN PRIVATE DOMAINS") {
                kind = SuffixKind::Private;
            } else if comment.contains("BEGIN ICANN DOMAINS") {
                kind = SuffixKind::Icann;
            }
            continue;
        }
        let text = line.split_whitespace().next().unwrap_or_default();
        let (text, rule) = match (text.strip_prefix('!'), text.strip_prefix("*.")) {
            (Some(name), _) => (name, Rule::Exception),
            (None, Some(name)) => (name, Rule::Wildcard),
            (None, None) => (text, Rule::Plain),
        };
        if text == "*" {
            tally.unused += 1; // the default rule, which holds without being written
        } else if text.contains('*') {
            tally.refuse(number, "a wildcard may only stand for the first label");
        } else if let Some(name) = clean_name(text) {
            draft.sites.add_rule(&name, rule, kind);
            tally.records += 1;
        } else {
            tally.refuse(number, format_args!("{text:?} is no host name"));
        }
    }
    Ok(())
}

pub(super) fn owner_class(
    input: &Input,
    job: &Job<'_>,
    draft: &mut Draft,
    tally: &mut Tally,
) -> Result<(), Error> {
    let columns: [&[&str]; 2] = [&["suffix", "domain"], &["class", "owner_class"]];
    csv_rows(
        input,
        job,
        columns,
        2,
        tally,
        |line, [suffix, class], tally| {
            let Some(class) = OwnerClass::named(class) else {
                return tally.refuse(
                    line,
                    format_args!("{class:?} is none of government, education, bank, other"),
                );
            };
            match draft.sites.set_owner(suffix, class) {
                Ok(()) => tally.records += 1,
                Err(reason) => tally.refuse(line, format_args!("{suffix:?}: {reason}")),
            }
        },
    )
}
