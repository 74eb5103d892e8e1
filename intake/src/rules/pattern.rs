//! Regular expressions as rules have them: Python's spelling, our engine.
//!
//! What the engine does not do (looking around, back references) is refused when a rule file is read,
//! never found out on a row.

use regex::{Regex, RegexBuilder};

/// Bytes that a compiled expression may take.
const MAX_SIZE: usize = 4 << 20;

/// Compiles an expression that is searched for anywhere in a text.
///
/// # Errors
/// What is wrong with it, in one line.
pub(super) fn compile(pattern: &str, ignore_case: bool) -> Result<Regex, String> {
    // Python's `\Z` is the end of the text, for which the engine writes `\z`.
    let mut spelled = String::with_capacity(pattern.len());
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        spelled.push(c);
        if c == '\\'
            && let Some(escaped) = chars.next()
        {
            spelled.push(if escaped == 'Z' { 'z' } else { escaped });
        }
    }
    let built = RegexBuilder::new(&spelled)
        .case_insensitive(ignore_case)
        .size_limit(MAX_SIZE)
        .build();
    built.map_err(|error| {
        let text = error.to_string();
        let what = text.lines().last().unwrap_or_default().trim();
        let what = what.strip_prefix("error: ").unwrap_or(what);
        format!(
            "`{}` is no regular expression that can be used: {what}",
            formats::value::shorten(pattern)
        )
    })
}
