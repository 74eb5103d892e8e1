//! How a parser becomes the format and the mapping of a feed.
//!
//! A parser of one provider's feed is an entry of our catalogue, found by the address or by the
//! module; the generic ones are translated parameter by parameter.

use intake::catalogue::public::{self, PublicFeed};
use serde_json::Value as Json;
use toml::{Table, Value};

use super::bots::Bot;
use super::findings::{Fate, Findings};

/// Modules of parsers and the feeds of our catalogue that they read, the usual one first.
const CATALOGUE: &[(&str, &[&str])] = &[
    ("abusech.parser_feodotracker", &["feodotracker-json"]),
    ("alienvault.parser", &["alienvault-reputation"]),
    ("alienvault.parser_otx", &["alienvault-otx"]),
    (
        "bambenek.parser",
        &["bambenek-c2-ip", "bambenek-c2-domain", "bambenek-dga"],
    ),
    ("blocklistde.parser", &["blocklist-de-all"]),
    ("ci_army.parser", &["ci-army"]),
    ("cymru.parser_cap_program", &["cymru-cap"]),
    (
        "cymru.parser_full_bogons",
        &["cymru-fullbogons-ipv4", "cymru-fullbogons-ipv6"],
    ),
    ("danger_rulez.parser", &["bruteforceblocker"]),
    ("dataplane.parser", &["dataplane-sshclient"]),
    ("dshield.parser_asn", &["dshield-as"]),
    ("dshield.parser_block", &["dshield-block"]),
    ("dyn.parser", &["ponmocup-domains"]),
    ("hibp.parser_callback", &["hibp-callback"]),
    ("microsoft.parser_bingmurls", &["microsoft-bing-murls"]),
    ("microsoft.parser_ctip", &["microsoft-ctip-azure"]),
    ("openphish.parser", &["openphish-community"]),
    ("openphish.parser_commercial", &["openphish-premium"]),
    ("phishtank.parser", &["phishtank-json", "phishtank-csv"]),
    ("spamhaus.parser_cert", &["spamhaus-cert"]),
    (
        "spamhaus.parser_drop",
        &[
            "spamhaus-drop-txt",
            "spamhaus-drop-v4",
            "spamhaus-drop-v6",
            "spamhaus-asndrop",
        ],
    ),
    ("turris.parser", &["turris-greylist"]),
    ("vxvault.parser", &["vxvault"]),
    ("zoneh.parser", &["zoneh-defacements"]),
];

/// The part of an entry that says how reports are read.
pub struct Reading {
    /// Keys of the entry: format, zone, columns, options, classification, licence ...
    pub entry: Table,
    /// How it was found, for the report.
    pub how: String,
}

fn text(value: impl Into<String>) -> Value {
    Value::String(value.into())
}

/// The feeds of the catalogue whose address is this one, whatever its scheme.
fn by_address(url: &str) -> Option<PublicFeed> {
    let bare = |url: &str| {
        let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
        rest.trim_start_matches("www.")
            .trim_end_matches('/')
            .to_ascii_lowercase()
    };
    let wanted = bare(url);
    let feeds = public::feeds().unwrap_or_default();
    feeds
        .into_iter()
        .find(|public| bare(&public.address) == wanted)
}

fn of_catalogue(public: &PublicFeed, how: String) -> Reading {
    let mut entry: Table = toml::Table::try_from(&public.feed).unwrap_or_default();
    for key in [
        "name", "paths", "exclude", "enabled", "fetch", "rules", "title",
    ] {
        entry.remove(key);
    }
    entry.retain(|_, value| !matches!(value, Value::Table(table) if table.is_empty()));
    Reading { entry, how }
}

/// Translates a parser, for reports that come from `url`.
///
/// # Errors
/// Why no format of ours reads what it reads.
pub fn read(bot: &mut Bot, url: Option<&str>, findings: &mut Findings) -> Result<Reading, String> {
    let module = bot
        .module
        .strip_prefix("parsers.")
        .unwrap_or(&bot.module)
        .to_owned();
    let generic = matches!(
        module.as_str(),
        "generic.parser_csv" | "generic.csv_parser" | "json.parser" | "json_custom.parser"
    );
    if !generic && let Some(public) = url.and_then(by_address) {
        let how = format!("as `{}` of the catalogue, by its address", public.feed.name);
        return Ok(of_catalogue(&public, how));
    }
    match module.as_str() {
        "generic.parser_csv" | "generic.csv_parser" => return csv(bot, findings),
        "json.parser" => {
            if bot.take("splitlines").is_some() {
                findings.parameter(
                    &bot.id,
                    "splitlines",
                    Fate::BuiltIn,
                    "lines and arrays are told apart by their looks",
                );
            }
            return Ok(simple("intelmq", "events of IntelMQ"));
        }
        "shadowserver.parser" | "shadowserver.parser_json" => {
            for (parameter, remark) in [
                ("feedname", "the report's type is taken from its file name"),
                (
                    "auto_update",
                    "`watchfire reference import shadowserver-schema FILE` takes a new schema",
                ),
            ] {
                if bot.take(parameter).is_some() {
                    findings.parameter(&bot.id, parameter, Fate::BuiltIn, remark);
                }
            }
            return Ok(simple(
                "shadowserver",
                "by the published schema: import it with `watchfire reference import shadowserver-schema FILE`",
            ));
        }
        "misp.parser" => return Ok(simple("misp", "events of MISP")),
        "ioc_extractor.parser" | "unstructured_text.parser" => {
            return Ok(simple("notes", "free text, with a confidence"));
        }
        _ => {}
    }
    let known = CATALOGUE.iter().find(|(name, _)| *name == module);
    let Some((_, names)) = known else {
        return Err(match module.as_str() {
            "html_table.parser" => "tables of web pages are not read".into(),
            "n6.parser_n6stomp" => "n6's events are not read".into(),
            "key_value.parser" => "lines of key=value are not read".into(),
            _ => "no format of ours reads what it reads; where that is CSV or JSON, an entry with `columns` does".to_owned(),
        });
    };
    // Of several editions the one whose address ends like this one's.
    let feeds = public::feeds().unwrap_or_default();
    let ending = url
        .and_then(|url| url.rsplit('/').next())
        .unwrap_or_default()
        .to_lowercase();
    let known = |name: &&str| feeds.iter().find(|public| public.feed.name == **name);
    let same_end = |public: &&PublicFeed| {
        !ending.is_empty() && public.address.to_lowercase().ends_with(&ending)
    };
    let found = names.iter().filter_map(&known).find(same_end);
    let found = found.or_else(|| names.iter().find_map(known));
    let public = found.ok_or("its feed is not in the catalogue any more")?;
    let how = format!(
        "as `{}` of the catalogue, by its parser: look whether the address gives that edition",
        public.feed.name
    );
    Ok(of_catalogue(public, how))
}

/// An entry of a format with fixed fields.
fn simple(format: &str, how: &str) -> Reading {
    let mut entry = Table::new();
    entry.insert("format".into(), text(format));
    entry.insert("zone".into(), text("UTC"));
    Reading {
        entry,
        how: format!("format {format}: {how}"),
    }
}

/// Where a key of IntelMQ's goes as a target of `columns`.
fn target(key: &str) -> Option<String> {
    match key {
        "" | "__IGNORE__" | "raw" => Some(String::new()),
        "extra" => None,
        _ if key.starts_with("extra.") => Some(key.to_owned()),
        _ => match formats::intelmq::keys::field(key) {
            Some(field) => Some(field.column().to_owned()),
            None => Some(format!("extra.{key}")),
        },
    }
}

/// Whether a column may give the type.
fn is_type(key: &str) -> bool {
    key.split('|').any(|key| key == "classification.type")
}

/// The generic CSV parser.
fn csv(bot: &mut Bot, findings: &mut Findings) -> Result<Reading, String> {
    let mut entry = Table::new();
    let mut options = Table::new();
    let mut columns = Table::new();
    let mut values = Table::new();
    let id = bot.id.clone();
    let keys: Vec<String> = match bot.take("columns") {
        Some(Json::String(list)) => list.split(',').map(|key| key.trim().to_owned()).collect(),
        Some(Json::Array(list)) => list
            .iter()
            .map(|key| key.as_str().unwrap_or_default().to_owned())
            .collect(),
        _ => return Err("its parameter columns is missing".into()),
    };
    let mut optional = Vec::new();
    for (at, key) in keys.iter().enumerate() {
        let number = (at + 1).to_string();
        let mut choices: Vec<&str> = key.split('|').collect();
        if choices.len() > 1 && choices.iter().any(|key| matches!(*key, "" | "__IGNORE__")) {
            choices.retain(|key| !matches!(*key, "" | "__IGNORE__"));
            optional.push(number.clone());
        }
        const FORMS: [&str; 4] = ["source.ip", "source.fqdn", "source.url", "source.network"];
        let place = match choices.as_slice() {
            [one] => target(one),
            several if several.iter().all(|key| FORMS.contains(key)) => {
                Some("observable".to_owned())
            }
            [first, ..] => {
                let remark = format!("column {number} is only {first} here, not one of {key}");
                findings.parameter(&id, "columns", Fate::NeedsYourHand, remark);
                target(first)
            }
            [] => None,
        };
        match place {
            Some(place) => drop(columns.insert(number, text(place))),
            None => {
                let remark =
                    format!("column {number}: `{key}` as a whole is no target; name its members");
                findings.parameter(&id, "columns", Fate::NeedsYourHand, remark);
            }
        }
    }
    findings.parameter(
        &id,
        "columns",
        Fate::TakenOver,
        format!("columns 1 to {}", keys.len()),
    );
    options.insert("header".into(), text("no"));
    options.insert("unmapped".into(), text("drop"));
    options.insert("short_rows".into(), text("accept"));
    if let Some(delimiter) = bot.take_text("delimiter") {
        let delimiter = match delimiter.as_str() {
            "\t" | "\\t" => "tab",
            other => other,
        };
        if delimiter == "tab" || delimiter.len() == 1 {
            if delimiter != "," {
                options.insert("delimiter".into(), text(delimiter));
            }
            findings.parameter(&id, "delimiter", Fate::TakenOver, "options.delimiter");
        } else {
            findings.parameter(
                &id,
                "delimiter",
                Fate::NeedsYourHand,
                "only one character is taken",
            );
        }
    }
    if let Some(skip) = bot.take("skip_header") {
        let lines = skip.as_i64().unwrap_or(1).max(0);
        options.insert("skip_lines".into(), text(lines.to_string()));
        findings.parameter(&id, "skip_header", Fate::TakenOver, "options.skip_lines");
    }
    if let Some(format) = bot.take_text("time_format") {
        let pattern = format
            .strip_prefix("from_format|")
            .or_else(|| format.strip_prefix("from_format_midnight|"));
        match (pattern, format.as_str()) {
            (Some(pattern), _) => {
                options.insert("time_format".into(), text(pattern));
                findings.parameter(&id, "time_format", Fate::TakenOver, "options.time_format");
            }
            (None, "timestamp" | "epoch_millis" | "fuzzy" | "utc_isoformat" | "None") => {
                findings.parameter(
                    &id,
                    "time_format",
                    Fate::BuiltIn,
                    "usual forms of a time are told apart by their looks",
                );
            }
            (None, _) => {
                findings.parameter(
                    &id,
                    "time_format",
                    Fate::NeedsYourHand,
                    format!("`{format}` is not read: set options.time_format"),
                );
            }
        }
    }
    let mut set = Table::new();
    let mut default = |key: &str,
                       value: &Json,
                       parameter: &str,
                       entry: &mut Table,
                       findings: &mut Findings| {
        let is_text = value.is_string();
        let value = match value {
            Json::String(text) => text.clone(),
            other => other.to_string(),
        };
        match key {
            "classification.type" => {
                match model::classification::classification(&value.to_lowercase()) {
                    Some(spec) => {
                        entry.insert("classification".into(), text(spec.name));
                        findings.parameter(
                            &id,
                            parameter,
                            Fate::TakenOver,
                            format!("classification = {}", spec.name),
                        );
                    }
                    None => findings.parameter(
                        &id,
                        parameter,
                        Fate::NeedsYourHand,
                        format!("`{value}` is no classification"),
                    ),
                }
            }
            "classification.identifier" => {
                entry.insert("identifier".into(), text(value));
                findings.parameter(&id, parameter, Fate::TakenOver, "identifier");
            }
            "classification.taxonomy" => {
                findings.parameter(
                    &id,
                    parameter,
                    Fate::BuiltIn,
                    "the taxonomy goes with the type",
                );
            }
            _ => {
                let Some(place) = target(key).filter(|place| !place.is_empty()) else {
                    return findings.parameter(
                        &id,
                        parameter,
                        Fate::NeedsYourHand,
                        format!("{key} cannot be set"),
                    );
                };
                let how = if place.starts_with("extra.") && !is_text {
                    ", as text"
                } else {
                    ""
                };
                findings.parameter(&id, parameter, Fate::TakenOver, format!("set.{place}{how}"));
                set.insert(place, text(value));
            }
        }
    };
    for parameter in ["default_fields", "defaults_fields"] {
        if let Some(Json::Object(fields)) = bot.take(parameter) {
            for (key, value) in &fields {
                default(key, value, parameter, &mut entry, findings);
            }
        }
    }
    if let Some(kind) = bot.take("type") {
        default("classification.type", &kind, "type", &mut entry, findings);
    }
    let parsed = |value: Option<Json>| match value {
        Some(Json::String(text)) => serde_json::from_str(&text).ok(),
        other => other,
    };
    if let Some(translation) = bot.take("type_translation") {
        let at = keys.iter().position(|key| is_type(key));
        match (parsed(Some(translation)), at) {
            (Some(Json::Object(pairs)), Some(at)) => {
                let mut meanings = Table::new();
                for (theirs, ours) in &pairs {
                    let mut meaning = Table::new();
                    meaning.insert("class_type".into(), text(ours.as_str().unwrap_or_default()));
                    meanings.insert(theirs.clone(), Value::Table(meaning));
                }
                values.insert((at + 1).to_string(), Value::Table(meanings));
                findings.parameter(
                    &id,
                    "type_translation",
                    Fate::TakenOver,
                    format!("values.{}", at + 1),
                );
            }
            _ => findings.parameter(
                &id,
                "type_translation",
                Fate::NeedsYourHand,
                "there is no column of classification.type, or it is no object",
            ),
        }
    }
    if let Some(Json::Object(composed)) = parsed(bot.take("compose_fields")) {
        for (key, template) in &composed {
            let template = template.as_str().unwrap_or_default();
            match (shifted(template), target(key)) {
                (Some(template), Some(place)) if !place.is_empty() => {
                    columns.insert(template, text(place));
                    findings.parameter(
                        &id,
                        "compose_fields",
                        Fate::TakenOver,
                        format!("a column put together for {key}"),
                    );
                }
                _ => findings.parameter(
                    &id,
                    "compose_fields",
                    Fate::NeedsYourHand,
                    format!("{key}: `{template}` is not understood"),
                ),
            }
        }
    }
    if let Some(filter) = bot.take_text("filter_text") {
        let option = match bot.take_text("filter_type").as_deref() {
            Some("blacklist") => "rows_without",
            _ => "rows_with",
        };
        options.insert(option.into(), text(filter));
        findings.parameter(
            &id,
            "filter_text",
            Fate::TakenOver,
            format!("options.{option}"),
        );
    }
    if let Some(Json::Array(required)) = bot.take("columns_required") {
        for (at, needed) in required.iter().enumerate() {
            if needed == &Json::Bool(false) {
                optional.push((at + 1).to_string());
            }
        }
        findings.parameter(&id, "columns_required", Fate::TakenOver, "options.optional");
    }
    if !optional.is_empty() {
        options.insert("optional".into(), text(optional.join(",")));
    }
    for (parameter, remark) in [
        (
            "column_regex_search",
            "a part of a text is taken by a pattern in `columns`, such as \"{source_ip}:{source_port}\"",
        ),
        ("data_type", "JSON inside a column is kept as text"),
    ] {
        if bot.take(parameter).is_some() {
            findings.parameter(&id, parameter, Fate::NeedsYourHand, remark);
        }
    }
    if bot.take("default_url_protocol").is_some() {
        findings.parameter(
            &id,
            "default_url_protocol",
            Fate::BuiltIn,
            "a URL without a scheme is one of http",
        );
    }
    if !entry.contains_key("classification") && !keys.iter().any(|key| is_type(key)) {
        entry.insert("classification".into(), text("undetermined"));
        let remark = "nothing says of what kind the events are: undetermined, until `classification` or a rule does";
        findings.parameter(&id, "type", Fate::NeedsYourHand, remark);
    }
    entry.insert("format".into(), text("csv"));
    entry.insert("zone".into(), text("UTC"));
    entry.insert("columns".into(), Value::Table(columns));
    entry.insert("options".into(), Value::Table(options));
    if !set.is_empty() {
        entry.insert("set".into(), Value::Table(set));
    }
    if !values.is_empty() {
        entry.insert("values".into(), Value::Table(values));
    }
    Ok(Reading {
        entry,
        how: "format csv, its columns by number".to_owned(),
    })
}

/// Python's `{0}` counts columns from 0, ours from 1.
fn shifted(template: &str) -> Option<String> {
    let mut out = String::new();
    let mut rest = template;
    while let Some((before, behind)) = rest.split_once('{') {
        let (number, after) = behind.split_once('}')?;
        let number: usize = number.parse().ok()?;
        out.push_str(&format!("{before}{{{}}}", number + 1));
        rest = after;
    }
    out.push_str(rest);
    out.contains('{').then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_parser_of_the_table_names_feeds_of_the_catalogue() {
        let feeds = public::feeds().expect("the catalogue can be read");
        for (module, names) in CATALOGUE {
            for name in *names {
                let known = feeds.iter().any(|public| public.feed.name == *name);
                assert!(known, "{module}: {name} is not in the catalogue");
            }
        }
    }

    #[test]
    fn an_address_is_known_whatever_its_scheme() {
        for (url, name) in [
            (
                "http://www.spamhaus.org/drop/drop.txt",
                Some("spamhaus-drop-txt"),
            ),
            (
                "https://spamhaus.org/drop/drop.txt/",
                Some("spamhaus-drop-txt"),
            ),
            ("https://www.example.org/drop/drop.txt", None),
        ] {
            let found = by_address(url).map(|public| public.feed.name);
            assert_eq!(found.as_deref(), name, "{url}");
        }
    }

    #[test]
    fn columns_are_counted_from_one() {
        assert_eq!(
            shifted("http://{0}{10}/").as_deref(),
            Some("http://{1}{11}/")
        );
        assert_eq!(shifted("{name}"), None);
        assert_eq!(shifted("constant"), None);
    }
}
