//! Which lines of a report are rows, and the date that a list has in its head: what lists and CSV
//! have in common beyond their rows.
//!
//! A list is often dated as a whole (`; Last-Modified: Mon, 14 Sep 2015 04:39:22 GMT`). Where the
//! entry says how that line begins, the rows stand for that time instead of the snapshot's; they stay
//! undated, so that a list that is made anew every hour gives one event per item and UTC day.

use jiff::tz::TimeZone;
use model::feed::Feed;
use model::time::Timestamp;

use crate::{Block, Framing, Warning, frame, value};

/// The options, for [`crate::entry::check_options`].
pub(crate) const OPTIONS: &[(&str, &str)] = &[
    ("rows_with", "text without which a line is no row"),
    ("rows_without", "text with which a line is no row"),
    (
        "dated_by",
        "what stands before the list's own time in its head, as `Last-Modified:`; empty where the time is a line",
    ),
];

/// Lines of the head in which the time is looked for.
const HEAD_LINES: usize = 200;
/// Words behind a time that are not part of it, at most.
const MOST_WORDS: usize = 12;

/// The lines that are rows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Selection {
    with: Option<String>,
    without: Option<String>,
}

impl Selection {
    /// As the entry says.
    pub(crate) fn of(feed: &Feed) -> Selection {
        let text = |name: &str| {
            feed.options
                .get(name)
                .filter(|text| !text.is_empty())
                .cloned()
        };
        Selection {
            with: text("rows_with"),
            without: text("rows_without"),
        }
    }

    /// Whether every line is a row.
    pub(crate) fn takes_all(&self) -> bool {
        self.with.is_none() && self.without.is_none()
    }

    /// Whether the line is a row.
    pub(crate) fn takes(&self, line: &str) -> bool {
        self.with.as_deref().is_none_or(|text| line.contains(text))
            && !self
                .without
                .as_deref()
                .is_some_and(|text| line.contains(text))
    }
}

/// The time in the head of a list, where the entry says that there is one.
///
/// # Errors
/// A warning, if there is none: the rows then stand for the snapshot's time.
pub(crate) fn dated(
    feed: &Feed,
    head: &[u8],
    zone: &TimeZone,
) -> Result<Option<Timestamp>, Warning> {
    let Some(mark) = feed.options.get("dated_by") else {
        return Ok(None);
    };
    let block = Block {
        bytes: head,
        offset: 0,
        line: 1,
    };
    frame::rows(block, Framing::Lines)
        .take(HEAD_LINES)
        .filter_map(|line| std::str::from_utf8(line.bytes).ok())
        .filter_map(|line| match mark.as_str() {
            "" => Some(line),
            mark => line.split_once(mark).map(|(_, rest)| rest),
        })
        .find_map(|text| leading_time(text, zone))
        .map(Some)
        .ok_or_else(|| Warning {
            label: "no-date",
            message: format!("no time stands behind `{mark}` in the first {HEAD_LINES} lines"),
        })
}

/// The time with which a text begins: the longest run of words that is one.
fn leading_time(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    let mut text = text.trim();
    for _ in 0..MOST_WORDS {
        if let Ok(written) = value::time(text, zone) {
            return Some(written.at);
        }
        (text, _) = text.rsplit_once(char::is_whitespace)?;
        text = text.trim_end();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_has_a_time() {
        let mut feed = crate::test_feed("list");
        let read = |feed: &Feed, head: &str| {
            dated(feed, head.as_bytes(), &TimeZone::UTC).map(|at| at.map(|at| at.to_string()))
        };
        assert_eq!(read(&feed, "# x"), Ok(None));
        for (mark, head, expected) in [
            (
                "Last-Modified:",
                "; a list\n; Last-Modified: Mon, 09 Jan 2023 04:39:22 GMT\n",
                "2023-01-09T04:39:22Z",
            ),
            (
                "last updated",
                "# last updated 1673239162 (Mon Jan  9 04:39:22 2023 GMT)\n",
                "2023-01-09T04:39:22Z",
            ),
            (
                "last updated:",
                "# last updated: Mon Jan 9 04:39:22 PST 2023\n",
                "2023-01-09T12:39:22Z",
            ),
            (
                "",
                "<pre>\na list\nMon, 09 Jan 2023 04:39:22 +0000\n",
                "2023-01-09T04:39:22Z",
            ),
            ("from", "# from 2023-01-09 on", "2023-01-09T00:00:00Z"),
        ] {
            feed.options.insert("dated_by".into(), mark.into());
            assert_eq!(read(&feed, head), Ok(Some(expected.to_owned())), "{head}");
        }
        assert_eq!(
            read(&feed, "nothing\n").map_err(|warning| warning.label),
            Err("no-date")
        );
    }

    #[test]
    fn lines_are_selected() {
        let mut feed = crate::test_feed("list");
        feed.options.insert("rows_with".into(), "add ".into());
        feed.options.insert("rows_without".into(), "127.".into());
        let selection = Selection::of(&feed);
        assert!(selection.takes("add 192.0.2.1"));
        assert!(!selection.takes("create x"));
        assert!(!selection.takes("add 127.0.0.1"));
        assert!(Selection::default().takes("anything"));
    }
}
