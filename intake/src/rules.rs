//! Rules over events: a site's know-how, as its IntelMQ holds it, run on every row of a feed.
//!
//! A feed's entry names rule files. They are read when the configuration is, compiled to [`Rules`],
//! and applied in `gather` after a row was parsed and named and before it is enriched and stored: an
//! event's identity is the source's row and not what a rule makes of it, so a changed rule and
//! `ingest --again` replace events, and do not double them. Rules see an event in IntelMQ's names
//! ([`view`]) and speak IntelMQ's sieve language ([`sieve`]) or its modify configuration ([`modify`]).
//! A row that a rule drops is a reject with the rule's place, kept and replayable; so is a row on
//! which a rule fails. A span such as `10 hours` counts back from the receipt of the report, not from
//! now: the same report gives the same events next year.
//!
//! Not here: routing. The name that `path` gives is noted in `extra.rule_path`.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use formats::intelmq::Header;
use model::record::Record;
use model::reject::RejectReason;
use model::time::Timestamp;
use reference::Scratch;

use crate::catalogue::Source;
use crate::enrich::Enricher;

mod modify;
mod pattern;
mod sieve;
mod view;

use view::View;

/// Something wrong with a rule file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The file as the entry names it.
    pub file: String,
    /// Line, from 1; 0 where the file could not be read.
    pub line: u32,
    /// Character of the line, from 1.
    pub column: u32,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.file, self.message),
            line => write!(f, "{}:{line}:{}: {}", self.file, self.column, self.message),
        }
    }
}

/// A fault at a byte of a text, before its file is known.
#[derive(Clone, Debug, PartialEq, Eq)]
struct At {
    offset: usize,
    message: String,
}

impl At {
    fn new(offset: usize, message: impl Into<String>) -> At {
        At {
            offset,
            message: message.into(),
        }
    }
}

/// Line and character of a byte, both from 1.
fn position(text: &str, offset: usize) -> (u32, u32) {
    let before = &text.as_bytes()[..offset.min(text.len())];
    let start = before
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |at| at + 1);
    let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
    let column = 1 + String::from_utf8_lossy(&before[start..]).chars().count();
    (line as u32, column as u32)
}

/// What a rule file makes of an event.
#[derive(Debug, PartialEq)]
enum Verdict {
    /// It goes on.
    Pass,
    /// It is dropped, by the statement at this line.
    Drop(u32),
}

enum Program {
    Sieve(sieve::Script),
    Modify(modify::Config),
}

/// The rule files of a feed, compiled.
pub struct Rules {
    files: Vec<(String, Program)>,
    hash: [u8; 32],
    /// A rule asks for what our own tables say of a row.
    asks_tables: bool,
}

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rules({})", self.version())
    }
}

impl Rules {
    /// Reads and compiles rule files, whose names are relative to `root`.
    ///
    /// # Errors
    /// Every fault of every file.
    pub fn load(root: &Path, names: &[String]) -> Result<Rules, Vec<Fault>> {
        let mut texts = Vec::with_capacity(names.len());
        let mut faults = Vec::new();
        for name in names {
            match std::fs::read_to_string(root.join(name)) {
                Ok(text) => texts.push((name.clone(), text)),
                Err(error) => faults.push(Fault {
                    file: name.clone(),
                    line: 0,
                    column: 0,
                    message: format!("the rule file cannot be read: {error}"),
                }),
            }
        }
        match (Rules::compile(&texts), faults.is_empty()) {
            (Ok(rules), true) => Ok(rules),
            (Ok(_), false) => Err(faults),
            (Err(more), _) => Err(faults.into_iter().chain(more).collect()),
        }
    }

    /// Compiles texts by their names: `.sieve` is the sieve language, `.json` and `.conf` a modify
    /// configuration.
    ///
    /// # Errors
    /// Every fault.
    pub fn compile(texts: &[(String, String)]) -> Result<Rules, Vec<Fault>> {
        let mut files = Vec::with_capacity(texts.len());
        let mut faults = Vec::new();
        let mut hash = blake3::Hasher::new();
        let mut asks_tables = false;
        for (name, text) in texts {
            hash.update(&(text.len() as u64).to_le_bytes());
            hash.update(text.as_bytes());
            let program = match name.rsplit('.').next() {
                Some("sieve") => sieve::parse(text).map(Program::Sieve),
                Some("json" | "conf") => modify::parse(text).map(Program::Modify),
                _ => {
                    let what = "rules are in *.sieve or, for IntelMQ's modify, in *.json or *.conf";
                    Err(At::new(0, what))
                }
            };
            match program {
                Ok(program) => {
                    asks_tables |= view::DERIVED.iter().any(|key| text.contains(key));
                    files.push((name.clone(), program));
                }
                Err(at) => {
                    let (line, column) = position(text, at.offset);
                    faults.push(Fault {
                        file: name.clone(),
                        line,
                        column,
                        message: at.message,
                    });
                }
            }
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        Ok(Rules {
            files,
            hash: *hash.finalize().as_bytes(),
            asks_tables,
        })
    }

    /// What names this state of the rules: the first 48 bits of BLAKE3 over the files' texts in order.
    pub fn version(&self) -> String {
        let digits = self.hash[..6].iter().map(|byte| format!("{byte:02x}"));
        digits.collect()
    }

    /// Runs the rules on a row; `out` is filled and returned where they changed it.
    ///
    /// # Errors
    /// Why the row becomes no event: dropped, with the rule's place, or a rule that failed.
    pub fn apply<'r>(
        &self,
        record: &'r Record,
        source: &Source,
        received_at: Timestamp,
        enricher: &Enricher,
        scratch: &mut Scratch,
        out: &'r mut Record,
    ) -> Result<&'r Record, (RejectReason, String)> {
        let header = Header::new(&source.feed, None, Some(received_at));
        let mut view = View::new(record, &header);
        if self.asks_tables {
            view.derive(&enricher.enrich(record, scratch));
        }
        for (file, program) in &self.files {
            let verdict = match program {
                Program::Sieve(script) => script.run(&mut view, received_at),
                Program::Modify(config) => config.run(&mut view).map(|()| Verdict::Pass),
            };
            match verdict {
                Ok(Verdict::Pass) => {}
                Ok(Verdict::Drop(line)) => {
                    let message = format!("dropped by {file}:{line}");
                    return Err((RejectReason::DroppedByRule, message));
                }
                Err(why) => return Err((RejectReason::RuleFailed, format!("{file}: {why}"))),
            }
        }
        if !view.is_changed() {
            return Ok(record);
        }
        out.clone_from(record);
        view.write_back(out)
            .map_err(|why| (RejectReason::RuleFailed, why))?;
        let observed_at = out.observed_at().unwrap_or(received_at);
        if observed_at > crate::catalogue::latest_plausible(received_at) {
            let message = format!("a rule moves observed_at to {observed_at}, after its receipt");
            return Err((RejectReason::BadTime, message));
        }
        Ok(out)
    }
}

impl Source {
    /// What the source's rows are read by, as stored with each of them: the version of a published
    /// schema, that of the feed's rules, both or neither.
    pub fn read_by(&self, schema: Option<&str>) -> Option<String> {
        let rules = self.rules.as_ref().map(|rules| rules.version());
        match (schema, rules) {
            (None, None) => None,
            (Some(schema), None) => Some(schema.to_owned()),
            (None, Some(rules)) => Some(format!("rules {rules}")),
            (Some(schema), Some(rules)) => Some(format!("{schema}; rules {rules}")),
        }
    }

    /// Gives the source its rules, which its entry names.
    pub fn with_rules(mut self, rules: Option<Arc<Rules>>) -> Source {
        self.rules = rules;
        self
    }
}

#[cfg(test)]
mod tests;
