//! The `[[feed]]` entry of a collector with a parser behind it.
//!
//! Here the two halves meet: where reports come from ([`super::collectors`]) and how they are read
//! ([`super::parsers`]), with what IntelMQ knows of the feed itself: its names, accuracy and
//! documentation. Not here: which collector belongs to which parser.

use intake::Source;
use intake::catalogue::public;
use serde_json::{Map, Value as Json};
use toml::{Table, Value};

use super::bots::{Bot, UNKNOWN};
use super::findings::{Fate, Findings};
use super::{collectors, parsers};

/// A feed to be written.
pub struct Entry {
    /// Its name.
    pub name: String,
    /// Its entry.
    pub table: Table,
    /// Where it comes from, for a comment above it.
    pub remark: String,
}

/// A name of a feed or rule file: small letters, digits, dashes.
pub fn slug(id: &str) -> String {
    let mut name = String::new();
    for c in id.to_lowercase().chars() {
        match c {
            'a'..='z' | '0'..='9' | '_' => name.push(c),
            _ if !name.ends_with('-') && !name.is_empty() => name.push('-'),
            _ => {}
        }
    }
    let name = name.trim_end_matches('-');
    let name = name.strip_suffix("-collector").unwrap_or(name);
    if name.is_empty() {
        "feed".to_owned()
    } else {
        name.to_owned()
    }
}

/// The entry of a collector with a parser; `None` where there is none, which the findings say.
pub fn feed(
    name: &str,
    mut collector: Bot,
    mut parser: Bot,
    global: &Map<String, Json>,
    rules: Vec<String>,
    enable: bool,
    findings: &mut Findings,
) -> Option<Entry> {
    if collector.module.starts_with("collectors.http") {
        for parameter in [
            "http_proxy",
            "https_proxy",
            "ssl_ca_certificate",
            "http_timeout_sec",
        ] {
            if let Some(value) = global.get(parameter).filter(|value| !value.is_null()) {
                collector
                    .parameters
                    .entry(parameter)
                    .or_insert_with(|| value.clone());
            }
        }
    }
    let mut refuse = |bot: &Bot, why: String| {
        findings.say(&bot.id, Fate::NotTakenOver, why);
    };
    for bot in [&collector, &parser] {
        if !bot.enabled {
            refuse(bot, format!("is not enabled there; feed {name} is off"));
        }
    }
    let (title, provider) = (collector.take_text("name"), collector.take_text("provider"));
    let source = match collectors::read(&mut collector, name, findings) {
        Ok(source) => source,
        Err(why) => {
            findings.say(&collector.id, Fate::NotTakenOver, why);
            findings.say(
                &parser.id,
                Fate::NotTakenOver,
                format!("its collector {} has no counterpart", collector.id),
            );
            collector.settle("its bot is not taken over", findings);
            parser.settle("its bot is not taken over", findings);
            return None;
        }
    };
    let mut reading = match parsers::read(&mut parser, source.url.as_deref(), findings) {
        Ok(reading) => reading,
        Err(why) => {
            findings.say(
                &parser.id,
                Fate::NotTakenOver,
                format!("{why} ({})", parser.module),
            );
            findings.say(
                &collector.id,
                Fate::NotTakenOver,
                format!("its parser {} has no counterpart", parser.id),
            );
            collector.settle("its parser has no counterpart", findings);
            parser.settle("its bot is not taken over", findings);
            return None;
        }
    };
    let text = |value: &str| Value::String(value.to_owned());
    let mut table = Table::new();
    table.insert("name".into(), text(name));
    let mut set = match reading.entry.remove("set") {
        Some(Value::Table(set)) => set,
        _ => Table::new(),
    };
    if let Some(title) = title.filter(|title| !title.starts_with("__")) {
        findings.parameter(
            &collector.id,
            "name",
            Fate::TakenOver,
            "title: rules know the feed by it",
        );
        table.insert("title".into(), text(&title));
    }
    let provider = provider.filter(|provider| !provider.starts_with("__"));
    if provider.is_some() {
        findings.parameter(&collector.id, "provider", Fate::TakenOver, "provider");
    }
    let documentation = collector.take_text("documentation");
    if documentation.is_some() {
        findings.parameter(
            &collector.id,
            "documentation",
            Fate::TakenOver,
            "terms: where they stand",
        );
    }
    if let Some(code) = collector.take_text("code") {
        set.insert("extra.feed.code".into(), text(&code));
        findings.parameter(&collector.id, "code", Fate::TakenOver, "set: feed.code");
    }
    if let Some(accuracy) = collector.take_text("accuracy") {
        set.insert("feed_accuracy".into(), text(&accuracy));
        findings.parameter(
            &collector.id,
            "accuracy",
            Fate::TakenOver,
            "set: feed_accuracy",
        );
    }
    let known = source.url.as_deref().and_then(|url| {
        let feeds = public::feeds().ok()?;
        feeds.into_iter().find(|public| public.address == url)
    });
    for (key, value) in std::mem::take(&mut reading.entry) {
        table.insert(key, value);
    }
    if let Some(public) = &known {
        for (key, value) in [
            ("licence", &public.feed.licence),
            ("terms", &public.feed.terms),
        ] {
            table.entry(key).or_insert_with(|| text(value));
        }
    }
    if let Some(provider) = &provider {
        table.insert("provider".into(), text(provider));
    }
    table.entry("provider").or_insert_with(|| text("unknown"));
    table.entry("licence").or_insert_with(|| text("unknown"));
    if let Some(documentation) = documentation {
        table.entry("terms").or_insert_with(|| text(&documentation));
    }
    if let Some(format) = source.format.filter(|format| *format == "intelmq") {
        // What the transport brings are events, whatever parser stood behind it.
        table.insert("format".into(), text(format));
    }
    if !set.is_empty() {
        table.insert("set".into(), Value::Table(set));
    }
    if !rules.is_empty() {
        let rules = rules.iter().map(|rule| text(rule)).collect();
        table.insert("rules".into(), Value::Array(rules));
    }
    let mut paths = source.paths;
    if paths.is_empty() {
        paths.push(format!("incoming/{name}/*"));
    }
    table.insert(
        "paths".into(),
        Value::Array(paths.iter().map(|path| text(path)).collect()),
    );
    let on = enable && collector.enabled && parser.enabled && source.hand.is_none();
    table.insert("enabled".into(), Value::Boolean(on));
    if let Some(fetch) = source.fetch {
        table.insert("fetch".into(), Value::Table(fetch));
    }
    if let Err(why) = check(&table) {
        let remark = format!("feed {name} is not written, its entry would be wrong: {why}");
        findings.say(&parser.id, Fate::NeedsYourHand, remark);
        collector.settle(UNKNOWN, findings);
        parser.settle(UNKNOWN, findings);
        return None;
    }
    if let Some(hand) = source.hand {
        findings.say(
            &collector.id,
            Fate::NeedsYourHand,
            format!("feed {name} is off: {hand}"),
        );
    }
    findings.say(&collector.id, Fate::TakenOver, format!("feed {name}"));
    findings.say(
        &parser.id,
        Fate::TakenOver,
        format!("feed {name}: {}", reading.how),
    );
    collector.settle(UNKNOWN, findings);
    parser.settle(UNKNOWN, findings);
    let remark = format!(
        "from IntelMQ: {} and {} ({})",
        collector.id, parser.id, parser.module
    );
    Some(Entry {
        name: name.to_owned(),
        table,
        remark,
    })
}

/// What would be wrong with the entry, in a few words. Its rules were checked by themselves.
fn check(table: &Table) -> std::result::Result<(), String> {
    let mut table = table.clone();
    table.remove("rules");
    let feed = Value::Table(table).try_into::<model::feed::Feed>();
    let feed = feed.map_err(|error| error.message().to_owned())?;
    let compiled = Source::compile(feed).map(drop);
    compiled.map_err(|error| {
        let text = error.to_string();
        let text = text
            .split_once(": ")
            .map_or(text.as_str(), |(_, rest)| rest);
        match text.char_indices().nth(200) {
            Some((end, _)) => format!("{} ...", &text[..end]),
            None => text.to_owned(),
        }
    })
}
