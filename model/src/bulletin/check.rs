//! The preconditions of the renderers, checked before a bulletin is stored.
//!
//! Not the editorial lint: this only finds what would make a page wrong in itself, as a printed number that is
//! not listed or a level outside its scale.

use super::{Bulletin, Run};
use std::collections::BTreeSet;

impl Bulletin {
    /// What contradicts itself, one sentence each; empty for a sound bulletin. Composition must never produce
    /// one of these: they are the renderers' preconditions, checked before a bulletin is stored.
    pub fn check(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut keys = BTreeSet::new();
        for v in &self.values {
            if !keys.insert(v.key.as_str()) {
                found.push(format!("value {} is listed twice", v.key));
            }
            if v.value.is_none() && v.missing.is_none() {
                found.push(format!(
                    "value {} is neither there nor said to be missing",
                    v.key
                ));
            }
        }
        for key in self.printed_keys() {
            if !keys.contains(key) {
                found.push(format!("value {key} is printed but not listed"));
            }
        }
        if self.rating.words.len() != 5 {
            found.push(format!(
                "the rating scale has {} words instead of 5",
                self.rating.words.len()
            ));
        }
        let levels = [
            self.rating.outcome.level(),
            self.rating.previous,
            self.rating.working.by_score,
        ];
        for level in levels
            .into_iter()
            .chain(self.recent.iter().map(|r| r.level))
            .flatten()
        {
            if !(1..=5).contains(&level) {
                found.push(format!("rating level {level} is outside 1 to 5"));
            }
        }
        if let Some(v) = &self.vulnerability
            && v.level
                .is_some_and(|l| l == 0 || usize::from(l) > v.words.len())
        {
            found.push("the vulnerability level is outside its scale".to_owned());
        }
        for (i, s) in self.sections.iter().enumerate() {
            if s.number as usize != i + 1 {
                found.push(format!(
                    "section {} has number {} in place {}",
                    s.id,
                    s.number,
                    i + 1
                ));
            }
        }
        let mut ids = BTreeSet::new();
        for (i, c) in self.charts().enumerate() {
            if c.number as usize != i + 1 {
                found.push(format!(
                    "chart {} has number {} in place {}",
                    c.id,
                    c.number,
                    i + 1
                ));
            }
            if !ids.insert(&c.id) {
                found.push(format!("chart {} is there twice", c.id));
            }
        }
        let all_ids = self
            .sections
            .iter()
            .map(|s| &s.id)
            .chain(self.lead.iter().chain(&self.news).map(|s| &s.id))
            .chain(self.charts().map(|c| &c.id));
        for id in all_ids.chain(self.notes.iter().map(|n| &n.id)) {
            if id.is_empty() || !id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
                found.push(format!(
                    "identifier '{id}' is not made of letters, digits and hyphens"
                ));
            }
        }
        for tile in &self.board.tiles {
            let note = tile.incomplete.as_ref().and_then(|i| i.note.as_ref());
            if let Some(id) = note.filter(|id| !self.notes.iter().any(|n| n.id == **id)) {
                found.push(format!(
                    "tile {} leads to note {id}, which is not there",
                    tile.value
                ));
            }
        }
        if self.hash.as_ref().is_some_and(|h| *h != self.digest()) {
            found.push("the hash does not match the content".to_owned());
        }
        found
    }

    /// Keys of every statistic value that is printed somewhere.
    fn printed_keys(&self) -> Vec<&str> {
        let mut keys: Vec<&str> = Vec::new();
        let vulnerability = self.vulnerability.iter().map(|v| &v.sentence);
        let sections = self.sections.iter().flat_map(|s| &s.paragraphs);
        let paragraphs = std::iter::once(&self.rating.sentence)
            .chain(vulnerability)
            .chain(&self.situation)
            .chain(sections)
            .chain(
                self.lead
                    .iter()
                    .chain(&self.news)
                    .flat_map(|s| &s.paragraphs),
            )
            .chain(self.notes.iter().map(|n| &n.text));
        for run in paragraphs.flat_map(|p| p.zh.iter().chain(&p.en)) {
            if let Run::Number { value, .. } = run {
                keys.push(value);
            }
        }
        keys.extend(self.board.tiles.iter().map(|t| t.value.as_str()));
        keys.extend(
            self.handling
                .iter()
                .flat_map(|h| &h.cells)
                .map(|c| c.value.as_str()),
        );
        keys.extend(self.rating.working.rows.iter().map(|r| r.value.as_str()));
        let tables = self
            .sections
            .iter()
            .flat_map(|s| &s.tables)
            .chain(self.charts().map(|c| &c.table));
        let cells = tables.flat_map(|t| &t.rows).flat_map(|r| &r.cells);
        keys.extend(cells.filter_map(|c| c.value.as_deref()));
        keys
    }
}
