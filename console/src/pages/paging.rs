//! Lists a page at a time, and the small checks that forms and programs share.

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::refusal::Refusal;

/// Rows of a page unless more or fewer are asked for, and at most.
const USUAL: u64 = 50;
const MOST: u64 = 200;
/// Characters of a reason at most.
const REASON: usize = 2_000;

/// What the address asks for; what cannot be read is refused as everything else is.
pub(crate) struct Asked<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let read = Query::<T>::from_request_parts(parts, state).await;
        read.map(|Query(it)| Asked(it))
            .map_err(|error| Refusal::invalid("query", error.body_text()))
    }
}

/// A page of a list, for programs.
#[derive(Serialize, JsonSchema)]
pub(crate) struct PageOf<T> {
    /// The rows.
    pub(crate) items: Vec<T>,
    /// What `after` says for the next page; none: this is the last.
    pub(crate) next: Option<String>,
}

/// How many rows a page has.
pub(crate) fn limit(asked: Option<u64>) -> u64 {
    asked.unwrap_or(USUAL).clamp(1, MOST)
}

/// Takes off the row that was read in excess: where there is one, there is a next page, after the last that stays.
pub(crate) fn cut<T>(rows: &mut Vec<T>, limit: u64, key: impl Fn(&T) -> String) -> Option<String> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    if rows.len() <= limit {
        return None;
    }
    rows.truncate(limit);
    rows.last().map(key)
}

/// A reason, which everything that is decided has.
pub(crate) fn reason(text: &str) -> Result<String, Refusal> {
    let text = text.trim();
    match text.is_empty() || text.chars().count() > REASON {
        true => Err(Refusal::invalid(
            "reason",
            "say why, in at most 2000 characters",
        )),
        false => Ok(text.to_owned()),
    }
}

/// A number in an address; anything else is nothing's.
pub(crate) fn number(text: &str) -> Result<i64, Refusal> {
    let text = text.trim_start_matches('#');
    text.parse().map_err(|_| Refusal::Absent)
}

/// A text without blanks around it, where something is left.
pub(crate) fn filled(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// The values of a key that a form repeats, and its other fields; for check boxes.
pub(crate) fn repeated(body: &[u8], key: &str) -> (Vec<String>, Vec<(String, String)>) {
    let (mut many, mut others) = (Vec::new(), Vec::new());
    for (name, value) in url::form_urlencoded::parse(body) {
        match name == key {
            true => many.push(value.into_owned()),
            false => others.push((name.into_owned(), value.into_owned())),
        }
    }
    (many, others)
}

/// A part of an address, escaped.
pub(crate) fn escaped(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// A count as pages print it: `13,022`.
pub(crate) fn grouped(count: i64) -> String {
    let sign = if count < 0 { "-" } else { "" };
    format!("{sign}{}", super::draw::thousands(count.unsigned_abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_grouped_and_pages_are_cut() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(-13_022), "-13,022");
        assert_eq!(grouped(1_234_567), "1,234,567");
        let mut rows = vec![3, 2, 1];
        assert_eq!(
            cut(&mut rows, 2, |row| row.to_string()),
            Some("2".to_owned())
        );
        assert_eq!(rows, [3, 2]);
        assert_eq!(cut(&mut rows, 2, |row| row.to_string()), None);
        assert!(reason("  ").is_err());
    }

    #[test]
    fn a_repeated_key_keeps_all_its_values() {
        let (many, others) = repeated(b"n=1&reason=read+it&n=2", "n");
        assert_eq!(many, ["1", "2"]);
        assert_eq!(others, [("reason".to_owned(), "read it".to_owned())]);
    }
}
