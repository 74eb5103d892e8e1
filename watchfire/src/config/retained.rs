//! `[[retention]]` entries become rules, or problems.

use intake::retention::Rule;
use ledger::Retained;

use super::Resolver;
use super::written::{RetentionEntry, Written};

/// TLP 2.0 labels as events bear them.
const LABELS: [&str; 5] = ["CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED"];

impl Resolver<'_> {
    pub(super) fn retention(&mut self, written: &Written) -> Vec<Rule> {
        let mut rules: Vec<Rule> = Vec::new();
        for (at, entry) in written.retention.iter().enumerate() {
            let key = format!("retention.{at}");
            let label = format!("retention {}", entry.name);
            if entry.name.trim().is_empty() || rules.iter().any(|rule| rule.name == entry.name) {
                let message = format!("{label}: the name is empty or stands twice");
                self.problem(
                    &key,
                    message,
                    "what is taken away is recorded under it: make it unique",
                );
            }
            let what = match entry.what.as_str() {
                "events" => Retained::Events,
                "raw" => Retained::Raw,
                "rejects" => Retained::Rejects,
                other => {
                    let message = format!("{label}: `{other}` is nothing that is kept");
                    self.problem(&key, message, "what is one of events, raw, rejects");
                    continue;
                }
            };
            if what != Retained::Events && !(entry.classes.is_empty() && entry.tlp.is_empty()) {
                let message = format!("{label}: classes and tlp are facts of events");
                self.problem(&key, message, "leave them out, or write what = \"events\"");
            }
            rules.push(Rule {
                name: entry.name.clone(),
                what,
                feeds: self.patterns(&key, &label, entry),
                classes: self.classes(&key, &label, entry),
                tlp: self.labels(&key, &label, entry),
                keep_days: entry.keep_days,
            });
        }
        rules
    }

    fn patterns(&mut self, key: &str, label: &str, entry: &RetentionEntry) -> Vec<glob::Pattern> {
        let mut patterns = Vec::new();
        for feed in &entry.feeds {
            match glob::Pattern::new(feed) {
                Ok(pattern) => patterns.push(pattern),
                Err(_) => {
                    let message = format!("{label}: `{feed}` is no glob pattern");
                    self.problem(key, message, "name a feed, or several as in `shadow-*`");
                }
            }
        }
        patterns
    }

    fn classes(&mut self, key: &str, label: &str, entry: &RetentionEntry) -> Vec<String> {
        for class in &entry.classes {
            if model::classification::type_code(class).is_none() {
                let message = format!("{label}: `{class}` is no entry of the classification");
                self.problem(
                    key,
                    message,
                    "write it as `class_type` shows it, as in phishing",
                );
            }
        }
        entry.classes.clone()
    }

    fn labels(&mut self, key: &str, label: &str, entry: &RetentionEntry) -> Vec<String> {
        let mut labels = Vec::new();
        for word in &entry.tlp {
            let upper = word.to_ascii_uppercase();
            let bare = upper.strip_prefix("TLP:").unwrap_or(&upper).to_owned();
            if !LABELS.contains(&bare.as_str()) {
                let message = format!("{label}: `{word}` is no TLP 2.0 label");
                self.problem(
                    key,
                    message,
                    "choose CLEAR, GREEN, AMBER, AMBER+STRICT or RED",
                );
            }
            labels.push(bare);
        }
        labels
    }
}
