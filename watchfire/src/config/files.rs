//! What names files: fonts, reference tables, feeds and their rules.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use intake::rules::Rules;
use intake::{Catalogue, Source};
use model::feed::Feed;

use super::expand::{Target, Unexpanded, expand};
use super::written::Written;
use super::{FILE, Problem, ReferenceFiles, Resolver, nearest};
use crate::reference_files::ReferenceKind;

impl Resolver<'_> {
    pub(super) fn font_dirs(&mut self, written: &Written, file: &Path) -> Vec<PathBuf> {
        let root = file.parent().unwrap_or(Path::new(""));
        let dirs = self.paths("fonts.dirs", "[fonts]", &written.fonts.dirs, Target::Path);
        dirs.iter().map(|dir| root.join(dir)).collect()
    }

    pub(super) fn references(&mut self, written: &Written) -> Vec<ReferenceFiles> {
        let mut resolved = Vec::new();
        for (at, entry) in written.references.iter().enumerate() {
            let key = format!("reference.{at}");
            let place = self.spelling.place(&key);
            let label = format!("reference {}", entry.name.as_deref().unwrap_or(&entry.kind));
            if entry.paths.is_empty() {
                self.problem(&key, format!("{label}: no paths"), "add paths = [\"...\"]");
            }
            match entry.kind.parse() {
                Ok(kind) => resolved.push(ReferenceFiles {
                    kind,
                    name: entry.name.clone(),
                    paths: self.paths(&key, &label, &entry.paths, Target::Pattern),
                    exclude: self.paths(&key, &label, &entry.exclude, Target::Pattern),
                    rank: entry.rank,
                    place,
                }),
                Err(_) => {
                    let names = ReferenceKind::names();
                    let near = nearest(&entry.kind, names.iter().copied());
                    let remedy = match near {
                        Some(near) => format!("did you mean `{near}`?"),
                        None => format!("use one of {}", names.join(", ")),
                    };
                    self.problem(
                        &key,
                        format!("reference kind `{}` is unknown", entry.kind),
                        &remedy,
                    );
                }
            }
        }
        resolved
    }

    pub(super) fn catalogue(&mut self, feeds: Vec<Feed>, root: &Path) -> Catalogue {
        let mut names: Vec<String> = Vec::new();
        let mut good = Vec::new();
        for (at, mut feed) in feeds.into_iter().enumerate() {
            let key = format!("feed.{at}");
            let label = format!("feed {}", feed.name);
            feed.paths = self.paths(&key, &label, &feed.paths, Target::Pattern);
            feed.exclude = self.paths(&key, &label, &feed.exclude, Target::Pattern);
            if names.contains(&feed.name) {
                self.problem(
                    &key,
                    format!("{label} stands twice"),
                    "names are unique: rename or remove one",
                );
                continue;
            }
            names.push(feed.name.clone());
            let glob = |pattern: &&String| glob::Pattern::new(pattern).is_err();
            if let Some(bad) = feed.paths.iter().chain(&feed.exclude).find(glob) {
                self.problem(
                    &key,
                    format!("{label}: `{bad}` is no glob pattern"),
                    "write ** only as a whole folder, close every [",
                );
            }
            let rules = self.rules(&feed, root);
            match Source::compile(feed) {
                Ok(source) => good.push(source.with_rules(rules)),
                Err(error) => self
                    .problems
                    .push(Problem::new(self.spelling.place(&key), error.to_string())),
            }
        }
        match Catalogue::new(good) {
            Ok(catalogue) => catalogue,
            Err(error) => {
                self.problems.push(Problem::new(FILE, error.to_string()));
                Catalogue::default()
            }
        }
    }

    /// The rules of a feed; what is wrong with one has its place in the rule file.
    fn rules(&mut self, feed: &Feed, root: &Path) -> Option<Arc<Rules>> {
        if feed.rules.is_empty() {
            return None;
        }
        match Rules::load(root, &feed.rules) {
            Ok(rules) => Some(Arc::new(rules)),
            Err(faults) => {
                for fault in faults {
                    let place = match fault.line {
                        0 => fault.file.clone(),
                        line => format!("{}:{line}:{}", fault.file, fault.column),
                    };
                    let remedy = format!(
                        "mend the file, or take it out of `rules` of feed {}",
                        feed.name
                    );
                    self.problems
                        .push(Problem::new(place, fault.message).remedy(remedy));
                }
                None
            }
        }
    }

    /// Paths with their variables replaced. A variable that is not set is kept for whoever needs the
    /// paths: a query over what is stored does not.
    fn paths(&mut self, key: &str, label: &str, paths: &[String], target: Target) -> Vec<String> {
        let mut expanded = Vec::with_capacity(paths.len());
        for path in paths {
            match expand(path, self.environment, target) {
                Ok(path) => expanded.push(path),
                Err(Unexpanded::Unset(name)) => {
                    let place = self.spelling.place(key);
                    let wanted = self
                        .unset
                        .entry(name)
                        .or_insert_with(|| (place, Vec::new()));
                    if wanted.1.last().is_none_or(|last| last != label) {
                        wanted.1.push(label.to_owned());
                    }
                }
                Err(Unexpanded::Malformed(part)) => {
                    let message = format!("{label}: `{part}` in `{path}` names no variable");
                    self.problem(key, message, "write ${NAME} with letters, digits and _");
                }
            }
        }
        expanded
    }
}
