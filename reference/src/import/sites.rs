//! Tables about names: the Public Suffix List and owner classes.

use model::territory::OwnerClass;

use super::{Draft, Job, csv_rows};
use crate::read::{Input, Tally};
use crate::site::{Rule, SuffixKind, clean_name};
use crate::{Country, Error};

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

/// `suffix,class,country`: whose sites lie below a suffix, and in which country they count as
/// registered. Either may be left empty.
pub(super) fn owner_class(
    input: &Input,
    job: &Job<'_>,
    draft: &mut Draft,
    tally: &mut Tally,
) -> Result<(), Error> {
    let columns: [&[&str]; 3] = [
        &["suffix", "domain"],
        &["class", "owner_class"],
        &["country"],
    ];
    csv_rows(
        input,
        job,
        columns,
        2,
        tally,
        |line, [suffix, class, country], tally| match owner_row(draft, suffix, class, country) {
            Ok(()) => tally.records += 1,
            Err(reason) => tally.refuse(line, reason),
        },
    )
}

fn owner_row(draft: &mut Draft, suffix: &str, class: &str, country: &str) -> Result<(), String> {
    if class.is_empty() && country.is_empty() {
        return Err("neither class nor country".to_owned());
    }
    let owner = OwnerClass::named(class);
    if owner.is_none() && !class.is_empty() {
        return Err(format!(
            "{class:?} is none of government, education, bank, other"
        ));
    }
    let code = Country::new(country);
    if code.is_none() && !country.is_empty() {
        return Err(format!("{country:?} is no two-letter country code"));
    }
    let told = |reason| format!("{suffix:?}: {reason}");
    if let Some(code) = code {
        draft.sites.set_country(suffix, code).map_err(told)?;
    }
    if let Some(owner) = owner {
        draft.sites.set_owner(suffix, owner).map_err(told)?;
    }
    Ok(())
}
