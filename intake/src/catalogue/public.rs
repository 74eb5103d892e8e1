//! The catalogue of public feeds: data that the binary carries, so that turning a known feed on is
//! copying its entry.
//!
//! `feeds.toml` holds entries as `[[feed]]` in the configuration has them, and what only a catalogue
//! needs to say: where the feed is, how often to ask, who may. Nothing here is in use: a feed is when
//! it stands in the configuration. Not here: fetching.

use std::fmt::Write;

use model::feed::Feed;
use toml::{Table, Value};

/// The data.
const FEEDS: &str = include_str!("feeds.toml");

/// Who may have a feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Everybody.
    Open,
    /// Who is registered with the provider, perhaps under an agreement.
    Registration,
    /// Who has a key of the provider, part of the address or of the request.
    Key,
}

impl Access {
    /// The word of the catalogue.
    pub fn label(self) -> &'static str {
        match self {
            Access::Open => "open",
            Access::Registration => "registration",
            Access::Key => "key",
        }
    }
}

/// A feed of the catalogue.
#[derive(Clone, Debug)]
pub struct PublicFeed {
    /// Its entry, turned off and without paths.
    pub feed: Feed,
    /// What it lists, in a sentence.
    pub about: String,
    /// Where the provider describes it.
    pub documentation: String,
    /// Where it is; `${NAME}` stands for what only the subscriber knows.
    pub address: String,
    /// Seconds between two fetches.
    pub interval_secs: u64,
    /// Who may have it.
    pub access: Access,
    entry: Table,
}

impl PublicFeed {
    /// The entry as it stands in a configuration, turned on or off, with the files that belong to it.
    pub fn entry(&self, paths: &[String], enabled: bool) -> String {
        let mut entry = self.entry.clone();
        let paths = paths.iter().cloned().map(Value::String).collect();
        entry.insert("paths".into(), Value::Array(paths));
        entry.insert("enabled".into(), Value::Boolean(enabled));
        let mut whole = Table::new();
        whole.insert("feed".into(), Value::Array(vec![Value::Table(entry)]));
        let mut text = String::new();
        for line in [&self.about, &self.address, &self.documentation] {
            writeln!(text, "# {line}").expect("writing to a string does not fail");
        }
        text + &whole.to_string()
    }
}

/// Every feed of the catalogue, in its order.
///
/// # Errors
/// What is wrong with the data, with the name of the entry: a fault of the build, which a test finds.
pub fn feeds() -> Result<Vec<PublicFeed>, String> {
    let whole: Table = FEEDS
        .parse()
        .map_err(|error| format!("feeds.toml: {error}"))?;
    let entries = whole.get("feed").and_then(Value::as_array);
    let entries = entries.ok_or("feeds.toml: there is no [[feed]]")?;
    entries
        .iter()
        .map(|entry| {
            entry
                .as_table()
                .ok_or("not a table".to_owned())
                .and_then(read)
        })
        .collect()
}

/// The feeds with all words in name, provider, description, format or classification, whatever their
/// case.
///
/// # Errors
/// As [`feeds`].
pub fn search(words: &str) -> Result<Vec<PublicFeed>, String> {
    let words: Vec<String> = words.split_whitespace().map(str::to_lowercase).collect();
    let mut found = feeds()?;
    found.retain(|public| {
        let feed = &public.feed;
        let class = feed.classification.as_deref().unwrap_or_default();
        let text = [
            &feed.name,
            &feed.provider,
            &public.about,
            &feed.format,
            class,
        ]
        .join("\n");
        let text = text.to_lowercase();
        words.iter().all(|word| text.contains(word))
    });
    Ok(found)
}

/// The feed of that name.
///
/// # Errors
/// As [`feeds`].
pub fn find(name: &str) -> Result<Option<PublicFeed>, String> {
    Ok(feeds()?.into_iter().find(|public| public.feed.name == name))
}

/// What is wrong with an entry: faults of the format's own check, and what a catalogue must say.
pub fn problems(public: &PublicFeed) -> Vec<String> {
    let feed = &public.feed;
    let mut problems = match formats::format(&feed.format) {
        Ok(format) => (format.check)(feed),
        Err(error) => vec![error.to_string()],
    };
    for (key, text) in [
        ("provider", &feed.provider),
        ("licence", &feed.licence),
        ("terms", &feed.terms),
        ("about", &public.about),
        ("documentation", &public.documentation),
        ("address", &public.address),
    ] {
        if text.trim().is_empty() {
            problems.push(format!("{key}: is missing"));
        }
    }
    if feed.enabled {
        problems.push("enabled: a feed of the catalogue is off".into());
    }
    if public.interval_secs < 300 {
        problems.push("interval_secs: under five minutes is impolite".into());
    }
    problems
}

fn read(entry: &Table) -> Result<PublicFeed, String> {
    let mut entry = entry.clone();
    let name = entry
        .get("name")
        .and_then(Value::as_str)
        .unwrap_or("a feed")
        .to_owned();
    let fault = |what: &str| format!("feeds.toml: {name}: {what}");
    let mut text = |key: &str| match entry.remove(key) {
        Some(Value::String(text)) => Ok(text),
        _ => Err(fault(&format!("`{key}` is missing or no text"))),
    };
    let about = text("about")?;
    let documentation = text("documentation")?;
    let address = text("address")?;
    let access = match text("access")?.as_str() {
        "open" => Access::Open,
        "registration" => Access::Registration,
        "key" => Access::Key,
        other => {
            return Err(fault(&format!(
                "access `{other}` is none of open, registration, key"
            )));
        }
    };
    let interval = entry
        .remove("interval_secs")
        .and_then(|value| value.as_integer());
    let interval_secs = interval
        .and_then(|secs| u64::try_from(secs).ok())
        .ok_or_else(|| fault("`interval_secs` is missing or no number"))?;
    let feed: Feed = Value::Table(entry.clone())
        .try_into()
        .map_err(|error| fault(&error.to_string()))?;
    Ok(PublicFeed {
        feed,
        about,
        documentation,
        address,
        interval_secs,
        access,
        entry,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// Formats that serve feeds of any provider.
    const SHARED: [&str; 3] = ["csv", "json", "list"];

    #[test]
    fn every_entry_is_in_order() {
        let feeds = feeds().expect("the data can be read");
        let mut names = HashSet::new();
        let mut wrong = Vec::new();
        for public in &feeds {
            let name = &public.feed.name;
            assert!(names.insert(name.clone()), "{name} stands twice");
            let valid = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            assert!(name.chars().all(valid), "{name}");
            wrong.extend(
                problems(public)
                    .into_iter()
                    .map(|problem| format!("{name}: {problem}")),
            );
            // Shadowserver's schema and rows that bring their own classification say it themselves.
            let by_row = public
                .feed
                .values
                .values()
                .flat_map(|values| values.values());
            let by_row = by_row
                .flat_map(|fields| fields.keys())
                .any(|key| key == "class_type");
            assert!(
                public.feed.classification.is_some()
                    || by_row
                    || public.feed.format == "shadowserver",
                "{name} has no classification"
            );
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        assert!(feeds.len() >= 90, "only {} feeds", feeds.len());
        let shared = feeds
            .iter()
            .filter(|public| SHARED.contains(&public.feed.format.as_str()));
        assert!(
            2 * shared.count() > feeds.len(),
            "too few use the shared formats"
        );
    }

    #[test]
    fn a_search_takes_all_words_in_any_case() {
        let names = |words: &str| -> Vec<String> {
            let found = search(words).expect("the data can be read");
            found.into_iter().map(|public| public.feed.name).collect()
        };
        assert!(names("FEODO json").contains(&"feodotracker-json".to_owned()));
        assert!(names("blocklist.de").len() > 5);
        assert_eq!(names("no such thing"), Vec::<String>::new());
        assert_eq!(
            names("").len(),
            feeds().expect("the data can be read").len()
        );
    }

    #[test]
    fn an_entry_comes_back_from_its_text() {
        for public in feeds().expect("the data can be read") {
            let text = public.entry(&["feeds/x/*".to_owned()], true);
            let whole: Table = text.parse().expect("TOML");
            let mut feed: Feed = whole["feed"][0].clone().try_into().expect("a feed");
            assert!(feed.enabled && feed.paths == ["feeds/x/*"]);
            (feed.enabled, feed.paths) = (false, Vec::new());
            assert_eq!(feed, public.feed);
        }
        assert!(find("tor-exits").is_ok_and(|found| found.is_some()));
        assert!(find("tor-entries").is_ok_and(|found| found.is_none()));
    }
}
