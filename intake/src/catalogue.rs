//! The feeds of a workspace, checked and compiled from their entries.

pub mod public;

use std::collections::HashSet;
use std::sync::Arc;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use model::feed::Feed;
use model::field::Field;
use model::time::Timestamp;

use crate::error::{Error, Result};
use crate::rules::Rules;

/// A feed ready for use.
#[derive(Debug)]
pub struct Source {
    /// Its entry.
    pub feed: Feed,
    /// Its zone.
    pub zone: TimeZone,
    /// Fields that make up an event's identity, where not all do.
    pub identity: Option<Vec<Field>>,
    /// The rules that its rows pass, compiled from the files that the entry names.
    pub rules: Option<Arc<Rules>>,
}

impl Source {
    /// Compiles an entry; its rules are given by [`Source::with_rules`].
    ///
    /// # Errors
    /// [`Error::Feed`] with every problem of the entry and its remedy.
    pub fn compile(feed: Feed) -> Result<Self> {
        let mut problems = Vec::new();
        let valid = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
        if feed.name.is_empty() || !feed.name.chars().all(valid) {
            problems.push("`name` takes a to z, 0 to 9, - and _".to_owned());
        }
        let zone = TimeZone::get(&feed.zone).unwrap_or_else(|_| {
            problems.push(format!(
                "zone `{}` is no IANA zone, such as Asia/Shanghai or UTC",
                feed.zone
            ));
            TimeZone::UTC
        });
        match formats::format(&feed.format) {
            Ok(format) => problems.extend((format.check)(&feed)),
            Err(error) => problems.push(error.to_string()),
        }
        let identity = feed.identity.as_ref().map(|names| {
            names
                .iter()
                .filter_map(|name| {
                    let field = Field::named(name);
                    if field.is_none() {
                        problems.push(format!("`identity` names `{name}`, which is no field"));
                    }
                    field
                })
                .collect::<Vec<_>>()
        });
        if let Some(pattern) = &feed.snapshot {
            let known = |part: &str| pattern.contains(part);
            if !(known("%Y") && known("%m") && known("%d")) {
                problems.push(format!(
                    "`snapshot = \"{pattern}\"` must hold %Y, %m and %d"
                ));
            }
        }
        if let Some(fetch) = &feed.fetch {
            problems.extend(crate::collect::plan::check(fetch));
        }
        problems.sort();
        problems.dedup();
        if problems.is_empty() {
            Ok(Source {
                feed,
                zone,
                identity,
                rules: None,
            })
        } else {
            Err(Error::Feed {
                feed: feed.name,
                detail: problems.join("; "),
            })
        }
    }

    /// The date in a file's path, by the entry's `snapshot` pattern: the last place that fits.
    pub fn date_in_path(&self, path: &str) -> Option<Date> {
        let pattern = self.feed.snapshot.as_deref()?;
        (0..path.len())
            .rev()
            .filter(|at| path.is_char_boundary(*at))
            .find_map(|at| {
                // A date does not begin in the middle of a longer number.
                let inside = path[..at].ends_with(|c: char| c.is_ascii_digit());
                if inside {
                    None
                } else {
                    date_at(&path[at..], pattern)
                }
            })
    }

    /// What a file's path says that its bytes do not: the date it stands for, and its name where
    /// the format or the entry reads values from it. Part of the report's identity.
    pub fn standing(&self, path: &str) -> String {
        let mut standing = self
            .date_in_path(path)
            .map(|date| date.to_string())
            .unwrap_or_default();
        if self.feed.from_path.is_some() || self.feed.format == "shadowserver" {
            standing.push('/');
            standing.push_str(path.rsplit('/').next().unwrap_or(path));
        }
        standing
    }

    /// Which of the feed's reports a path names, where they are not all alike: the report type, or the
    /// value that the entry takes from the path.
    pub fn named_by_path(&self, path: &str) -> Option<String> {
        let file_name = path.rsplit(['/', '\\']).next().unwrap_or(path);
        if self.feed.format == "shadowserver" {
            let option = self.feed.options.get("report").map(String::as_str);
            let named = option.or_else(|| formats::shadowserver::report_name(file_name));
            return named.map(str::to_owned);
        }
        let (_, value) = formats::entry::from_path(&self.feed, file_name, path)?;
        Some(value.to_lowercase())
    }

    /// The field that says which of the feed's lists a row is of, where it holds several: the one that
    /// the entry takes from the path.
    pub fn list_field(&self) -> Option<Field> {
        let field = Field::named(&self.feed.from_path.as_ref()?.field)?;
        (field.kind() == model::field::Kind::Text).then_some(field)
    }

    /// The instant that an undated list in `path` stands for: its date's midnight in the feed's
    /// zone, else the time of receipt.
    pub fn snapshot_at(&self, path: &str, received_at: Timestamp) -> Timestamp {
        self.date_in_path(path)
            .and_then(|date| date.to_zoned_datetime(self.zone.clone()).ok())
            .map_or(received_at, |zoned| Timestamp::from(zoned.timestamp()))
    }
}

/// Reads a date at the start of `text` by a pattern of %Y, %m, %d and literals.
fn date_at(text: &str, pattern: &str) -> Option<Date> {
    let (mut year, mut month, mut day) = (None, None, None);
    let mut rest = text;
    let mut pattern = pattern.chars();
    while let Some(c) = pattern.next() {
        if c != '%' {
            rest = rest.strip_prefix(c)?;
            continue;
        }
        let (slot, width) = match pattern.next()? {
            'Y' => (&mut year, 4),
            'm' => (&mut month, 2),
            'd' => (&mut day, 2),
            _ => return None,
        };
        let digits = rest
            .get(..width)
            .filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()))?;
        *slot = digits.parse::<i16>().ok();
        rest = &rest[width..];
    }
    if rest.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    Date::new(year?, month? as i8, day? as i8).ok()
}

/// All feeds of a workspace.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    sources: Vec<Arc<Source>>,
}

impl Catalogue {
    /// Takes compiled feeds.
    ///
    /// # Errors
    /// [`Error::Feed`] for a name that stands twice.
    pub fn new(compiled: Vec<Source>) -> Result<Self> {
        let mut names = HashSet::new();
        let mut sources = Vec::with_capacity(compiled.len());
        for source in compiled {
            if !names.insert(source.feed.name.clone()) {
                let detail = "stands twice; names are unique".to_owned();
                return Err(Error::Feed {
                    feed: source.feed.name,
                    detail,
                });
            }
            sources.push(Arc::new(source));
        }
        Ok(Catalogue { sources })
    }

    /// The feeds in the order of the configuration.
    pub fn sources(&self) -> &[Arc<Source>] {
        &self.sources
    }

    /// The feeds' entries.
    pub fn feeds(&self) -> Vec<Feed> {
        self.sources
            .iter()
            .map(|source| source.feed.clone())
            .collect()
    }

    /// Finds a feed by name.
    ///
    /// # Errors
    /// [`Error::UnknownFeed`] with the nearest names.
    pub fn get(&self, name: &str) -> Result<&Arc<Source>> {
        self.sources
            .iter()
            .find(|source| source.feed.name == name)
            .ok_or_else(|| {
                let near: Vec<&str> = self
                    .sources
                    .iter()
                    .map(|source| source.feed.name.as_str())
                    .filter(|known| known.contains(name) || name.contains(known))
                    .collect();
                let hint = match near.as_slice() {
                    [] => "; `watchfire feeds list` shows them".to_owned(),
                    near => format!("; did you mean {}?", near.join(" or ")),
                };
                Error::UnknownFeed {
                    name: name.to_owned(),
                    hint,
                }
            })
    }
}

/// The UTC day after which a row dated in the future is refused: clocks and zones may be off by
/// some, a date two days ahead of its receipt is wrong.
pub fn latest_plausible(received_at: Timestamp) -> Timestamp {
    Timestamp(
        received_at
            .0
            .saturating_add(2 * model::time::MICROS_PER_DAY),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_found_in_paths() {
        let cases = [
            (
                "%Y-%m-%d",
                "c2/2023-01-09/Cobalt IPs.txt",
                Some("2023-01-09"),
            ),
            (
                "%Y%m%d",
                "tweetfeed/2023/202301/20230109.csv",
                Some("2023-01-09"),
            ),
            ("%Y-%m-%d", "ips_2023-01-09.txt", Some("2023-01-09")),
            ("%Y-%m-%d", "2022-12-26/2023-01-02.txt", Some("2023-01-02")),
            ("%Y%m%d", "1202301091.csv", None),
            ("%Y-%m-%d", "2023-13-09.csv", None),
        ];
        for (pattern, path, expected) in cases {
            assert_eq!(
                date_in(pattern, path)
                    .map(|date| date.to_string())
                    .as_deref(),
                expected,
                "{pattern} in {path}"
            );
        }
    }

    fn date_in(pattern: &str, path: &str) -> Option<Date> {
        (0..path.len()).rev().find_map(|at| {
            let inside = path[..at].ends_with(|c: char| c.is_ascii_digit());
            if inside {
                None
            } else {
                date_at(&path[at..], pattern)
            }
        })
    }
}
