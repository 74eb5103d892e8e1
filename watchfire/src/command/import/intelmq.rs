//! `watchfire import intelmq DIR`: from a folder of configuration to feeds, rule files and a report.
//!
//! Every pair of a collector and a parser behind it is a feed. What is written: entries at the end of
//! `watchfire.toml`, turned off unless asked otherwise, and files below `rules/`. What stands there
//! already is left alone, so that a second import changes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;

use serde_json::{Map, Value as Json, json};
use toml::{Table, Value};

use super::bots::{self, Bot, Graph, UNKNOWN, common};
use super::entry::{Entry, feed, slug};
use super::findings::{Fate, Findings};
use super::harmonization;
use super::rules::{self, RuleFile};
use crate::command::feeds::subscribe;
use crate::config::FILE;
use crate::failure::{Failure, Result};
use crate::table::Out;
use crate::workspace::Session;

/// Everything that an import makes.
#[derive(Default)]
struct Import {
    findings: Findings,
    entries: Vec<Entry>,
    rules: Vec<RuleFile>,
}

pub fn import(dir: &Path, dry_run: bool, enable: bool, session: &Session) -> Result {
    if !dir.is_dir() {
        return Err(Failure::new(dir.display(), "is no folder")
            .remedy("name the folder that holds IntelMQ's runtime.yaml, often /etc/intelmq"));
    }
    let (root, settings) = session.settings()?;
    let mut import = read(dir, enable)?;
    let mut written = 0;
    for rule in &import.rules {
        let path = root.join(&rule.name);
        match std::fs::read_to_string(&path) {
            Ok(text) if text == rule.text => {}
            Ok(_) => {
                let remark = "stands in the workspace with another text: it is left as it is";
                import.findings.say(&rule.name, Fate::NeedsYourHand, remark);
            }
            Err(_) if dry_run => {}
            Err(_) => {
                let fail = |error: std::io::Error| Failure::new(path.display(), error);
                std::fs::create_dir_all(path.parent().unwrap_or(&root)).map_err(fail)?;
                std::fs::write(&path, &rule.text).map_err(fail)?;
                written += 1;
            }
        }
    }
    let mut text = String::new();
    let mut added = 0;
    for entry in &import.entries {
        if settings.catalogue.get(&entry.name).is_ok() {
            import.findings.say(
                &format!("feed {}", entry.name),
                Fate::TakenOver,
                format!("stands in {FILE} already: it is left as it is"),
            );
            continue;
        }
        let mut table = entry.table.clone();
        if dry_run {
            // Its files are not there yet, and were checked by themselves.
            table.remove("rules");
        }
        let mut whole = Table::new();
        whole.insert("feed".into(), Value::Array(vec![Value::Table(table)]));
        let _ = write!(text, "\n# {}\n{whole}", entry.remark);
        added += 1;
        let state = if enable { "on" } else { "off" };
        import.findings.say(
            &format!("feed {}", entry.name),
            Fate::TakenOver,
            format!("{}; {state}", entry.remark),
        );
    }
    let with = |before: &str| Ok(format!("{}\n{text}", before.trim_end()));
    match (added, dry_run) {
        (0, _) => {}
        (_, true) => subscribe::check(&root, session, with)?,
        (_, false) => subscribe::edit(&root, session, with)?,
    }
    import.findings.arrange();
    let mut out = Out::new();
    if session.json {
        out.json(&json!({
            "dry_run": dry_run,
            "feeds": import.entries.iter().map(|entry| &entry.name).collect::<Vec<_>>(),
            "rules": import.rules.iter().map(|rule| &rule.name).collect::<Vec<_>>(),
            "findings": import.findings.0,
        }))?;
    } else {
        import.findings.print(&mut out)?;
    }
    out.end()?;
    session.talk.say(import.findings.summary());
    session.talk.say(match dry_run {
        true => format!(
            "nothing was written: {added} feeds and {} rule files would be",
            import.rules.len()
        ),
        false => format!("{added} feeds were added to {FILE}, {written} rule files written"),
    });
    if added > 0 && !dry_run && !enable {
        session.talk.say("the feeds are off: try one with `watchfire parse FILE --feed NAME`, then `watchfire feeds enable NAME`");
    }
    Ok(())
}

fn yaml(path: &Path) -> Result<Json> {
    let text =
        std::fs::read_to_string(path).map_err(|error| Failure::new(path.display(), error))?;
    serde_saphyr::from_str(&text).map_err(|error| {
        Failure::new(
            path.display(),
            format_args!("is no YAML that can be read: {error}"),
        )
    })
}

fn read(dir: &Path, enable: bool) -> Result<Import> {
    let mut import = Import::default();
    let mut files: Vec<(String, std::path::PathBuf)> = Vec::new();
    let pattern = format!("{}/**/*", glob::Pattern::escape(&dir.to_string_lossy()));
    for path in glob::glob(&pattern)
        .into_iter()
        .flatten()
        .filter_map(std::result::Result::ok)
    {
        if path.is_file() {
            let name = path
                .strip_prefix(dir)
                .unwrap_or(&path)
                .to_string_lossy()
                .into_owned();
            files.push((name, path));
        }
    }
    files.sort();
    let mut used = BTreeSet::new();
    let find = |name: &str| {
        files
            .iter()
            .find(|(known, _)| known.rsplit('/').next() == Some(name))
    };
    let Some((name, path)) = find("runtime.yaml").or_else(|| find("feeds.yaml")) else {
        return Err(Failure::new(dir.display(), "holds neither runtime.yaml nor feeds.yaml")
            .remedy("name the folder of IntelMQ's configuration; one of version 2 has runtime.conf: run `intelmqctl upgrade-config` there first"));
    };
    if name.ends_with("runtime.yaml") {
        used.insert(name.clone());
        let (graph, global) = runtime(&yaml(path)?, name, &mut import.findings);
        let rule_files = translate(graph, &global, dir, enable, &mut import);
        used.extend(rule_files);
    }
    if let Some((name, path)) = find("feeds.yaml") {
        used.insert(name.clone());
        feeds(&yaml(path)?, name, enable, &mut import);
    }
    for (name, path) in &files {
        let base = name.rsplit('/').next().unwrap_or(name);
        if base == "harmonization.conf" {
            match std::fs::read_to_string(path) {
                Ok(text) => harmonization::compare(name, &text, &mut import.findings),
                Err(error) => import
                    .findings
                    .say(name, Fate::NeedsYourHand, error.to_string()),
            }
        } else if base.ends_with(".dump") {
            let remark = format!(
                "replay it: watchfire import intelmq-dump {} --feed NAME",
                path.display()
            );
            import.findings.say(name, Fate::NeedsYourHand, remark);
        } else if !used.contains(name) && !used.contains(base) {
            let why = match base {
                "pipeline.conf" | "pipeline.yaml" | "runtime.conf" | "defaults.conf" | "BOTS" => {
                    "is of an IntelMQ before 3.0: run `intelmqctl upgrade-config` there first"
                }
                "manager.conf" | "positions.conf" => "is of IntelMQ Manager",
                _ => "nothing in runtime.yaml names it",
            };
            import.findings.say(name, Fate::NotTakenOver, why);
        }
    }
    Ok(import)
}

/// The bots of a `runtime.yaml`, and its global parameters.
fn runtime(whole: &Json, file: &str, findings: &mut Findings) -> (Graph, Map<String, Json>) {
    let mut graph = Graph {
        bots: BTreeMap::new(),
    };
    let mut global = Map::new();
    for (id, block) in whole.as_object().into_iter().flatten() {
        if id == "global" {
            global = block.as_object().cloned().unwrap_or_default();
            continue;
        }
        if let Some(bot) = Bot::read(id, block, findings) {
            graph.bots.insert(id.clone(), bot);
        }
    }
    findings.say(file, Fate::TakenOver, format!("{} bots", graph.bots.len()));
    for (name, value) in &global {
        if value.is_null() {
            continue;
        }
        match name.as_str() {
            "http_proxy" | "https_proxy" | "ssl_ca_certificate" | "http_timeout_sec" => {
                findings.parameter(
                    "global",
                    name,
                    Fate::TakenOver,
                    "for every feed that is fetched over HTTP",
                );
            }
            _ => {
                let (fate, remark) = common(name).unwrap_or((Fate::NotTakenOver, UNKNOWN));
                findings.parameter("global", name, fate, remark);
            }
        }
    }
    (graph, global)
}

/// Turns the graph into feeds and rule files; the names of files that bots named come back.
fn translate(
    mut graph: Graph,
    global: &Map<String, Json>,
    dir: &Path,
    enable: bool,
    import: &mut Import,
) -> Vec<String> {
    let findings = &mut import.findings;
    let written: Vec<(String, Map<String, Json>)> = graph
        .bots
        .values()
        .map(|bot| (bot.id.clone(), bot.parameters.clone()))
        .collect();
    let ids: Vec<String> = graph.bots.keys().cloned().collect();
    let queues: BTreeSet<String> = graph.bots.values().map(|bot| bot.queue.clone()).collect();
    let mut named_files = Vec::new();
    // Rules first: feeds name their files.
    let mut rule_of: BTreeMap<String, RuleFile> = BTreeMap::new();
    for id in &ids {
        let mut bot = graph.bots[id].clone();
        for (path, list) in &bot.destinations {
            for queue in list.iter().filter(|queue| !queues.contains(*queue)) {
                findings.parameter(
                    id,
                    "destination_queues",
                    Fate::NotTakenOver,
                    format!("nobody reads the queue {queue} (path {path})"),
                );
            }
            if path == "_on_error" {
                findings.parameter(
                    id,
                    "destination_queues",
                    Fate::BuiltIn,
                    "path _on_error: what fails is a reject with its reason",
                );
            } else if path != "_default" && bot.module != "experts.filter.expert" {
                findings.parameter(id, "destination_queues", Fate::NeedsYourHand, format!("path {path}: events are not led along paths; a rule notes it in extra.rule_path"));
            }
        }
        if rules::bears_rules(&bot.module) {
            for parameter in ["file", "configuration_path"] {
                let path = bot.parameters.get(parameter).and_then(Json::as_str);
                named_files.extend(
                    path.and_then(|path| path.rsplit('/').next())
                        .map(str::to_owned),
                );
            }
            if !bot.enabled {
                findings.say(id, Fate::NotTakenOver, "is not enabled there");
                bot.parameters.clear();
            } else if let Some(file) = rules::read(&mut bot, &slug(id), dir, findings) {
                rule_of.insert(id.clone(), file);
            }
            bot.settle(UNKNOWN, findings);
            graph.bots.insert(id.clone(), bot);
        }
    }
    let mut reached = BTreeSet::new();
    let mut rule_used = BTreeSet::new();
    let mut beside: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for id in &ids {
        if graph.bots[id].group() != "collectors" {
            continue;
        }
        let behind = graph.reached(id);
        let parsers: Vec<String> = behind
            .iter()
            .filter(|next| graph.bots[*next].group() == "parsers")
            .cloned()
            .collect();
        if parsers.is_empty() {
            findings.say(id, Fate::NotTakenOver, "no parser reads what it collects");
        }
        for parser in &parsers {
            reached.insert(parser.clone());
            let name = match parsers.len() {
                1 => slug(id),
                _ => format!("{}-{}", slug(id), slug(parser)),
            };
            let (mut rule_names, mut not_always) = (Vec::new(), Vec::new());
            for next in graph.reached(parser) {
                let Some(rule) = rule_of.get(&next) else {
                    continue;
                };
                rule_used.insert(next.clone());
                if graph.always_passes(parser, &next) {
                    rule_names.push(rule.name.clone());
                } else {
                    not_always.push(next);
                }
            }
            let (collector, parser) = (graph.bots[id].clone(), graph.bots[parser].clone());
            if let Some(entry) = feed(
                &name, collector, parser, global, rule_names, enable, findings,
            ) {
                import.entries.push(entry);
                for rule in not_always {
                    beside.entry(rule).or_default().push(name.clone());
                }
            }
        }
    }
    for (id, feeds) in beside {
        let remark = format!(
            "only some events pass it there: if it is for all of a feed, add {} to the `rules` of {}",
            rule_of[&id].name,
            feeds.join(", ")
        );
        findings.say(&id, Fate::NeedsYourHand, remark);
    }
    for (id, rule) in rule_of {
        match rule_used.contains(&id) {
            true => findings.say(&id, Fate::TakenOver, rule.name.clone()),
            false => findings.say(
                &id,
                Fate::NeedsYourHand,
                format!(
                    "no parser's events reach it; its rules are in {}",
                    rule.name
                ),
            ),
        }
        import.rules.push(rule);
    }
    for id in &ids {
        let mut bot = graph.bots[id].clone();
        if rules::bears_rules(&bot.module) {
            continue;
        }
        let mut otherwise = "its bot is not taken over";
        match bot.group() {
            "collectors" => continue,
            "parsers" if reached.contains(id) => continue,
            "parsers" => findings.say(id, Fate::NotTakenOver, "no collector's reports reach it"),
            _ if !bot.enabled => {
                findings.say(id, Fate::NotTakenOver, "is not enabled there");
                continue;
            }
            "experts" => match bots::expert(&bot.module) {
                Some((fate, remark)) => {
                    otherwise = "what is built in has no such parameter";
                    findings.say(id, fate, remark);
                }
                None => findings.say(id, Fate::NotTakenOver, bots::no_expert(&bot.module)),
            },
            "outputs" => {
                let (fate, remark) = bots::output(&mut bot);
                if fate == Fate::TakenOver {
                    otherwise = "the command decides the form";
                }
                findings.say(id, fate, remark);
            }
            _ => findings.say(
                id,
                Fate::NotTakenOver,
                format!("module {} is none of IntelMQ's", bot.module),
            ),
        }
        bot.settle(otherwise, findings);
    }
    for (id, parameters) in &written {
        findings.complete(id, parameters);
    }
    named_files
}

/// A `feeds.yaml`: the collector and the parser of each feed of each provider.
fn feeds(whole: &Json, file: &str, enable: bool, import: &mut Import) {
    let providers = whole.get("providers").and_then(Json::as_object);
    let Some(providers) = providers else {
        return import
            .findings
            .say(file, Fate::NeedsYourHand, "has no `providers`");
    };
    let mut count = 0;
    for (provider, feeds) in providers {
        for (title, spec) in feeds.as_object().into_iter().flatten() {
            count += 1;
            let id = format!("{provider} {title}");
            let block = |part: &str| spec.pointer(&format!("/bots/{part}"));
            let (Some(collector), Some(parser)) = (block("collector"), block("parser")) else {
                import
                    .findings
                    .say(&id, Fate::NotTakenOver, "has no collector or no parser");
                continue;
            };
            let name = slug(&format!("{provider}-{title}"));
            let bot = |part: &str, block: &Json, findings: &mut Findings| {
                let mut bot = Bot::read(&format!("{id} {part}"), block, findings)?;
                for (parameter, holder, value) in [
                    ("name", "__FEED__", title),
                    ("provider", "__PROVIDER__", provider),
                ] {
                    if bot
                        .parameters
                        .get(parameter)
                        .is_some_and(|held| held == holder)
                    {
                        bot.parameters.insert(parameter.to_owned(), json!(value));
                    }
                }
                Some(bot)
            };
            let collector = bot("collector", collector, &mut import.findings);
            let parser = bot("parser", parser, &mut import.findings);
            let (Some(collector), Some(parser)) = (collector, parser) else {
                continue;
            };
            let url = collector.parameters.get("http_url").cloned();
            let same = |entry: &Entry| {
                let fetch = entry.table.get("fetch").and_then(|fetch| fetch.get("url"));
                entry.name == name
                    || url.is_some()
                        && fetch.and_then(Value::as_str) == url.as_ref().and_then(Json::as_str)
            };
            if let Some(known) = import.entries.iter().find(|entry| same(entry)) {
                import.findings.say(
                    &id,
                    Fate::TakenOver,
                    format!("is feed {} already", known.name),
                );
                continue;
            }
            let made = feed(
                &name,
                collector,
                parser,
                &Map::new(),
                Vec::new(),
                enable,
                &mut import.findings,
            );
            import.entries.extend(made);
        }
    }
    import
        .findings
        .say(file, Fate::TakenOver, format!("{count} feeds"));
}
