//! The bots of a `runtime.yaml`, how they are linked, and what is known of each module.
//!
//! Tables here say what becomes of experts, outputs and of the parameters that every bot has; how a
//! collector or a parser becomes part of a feed stands in the files of those names.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value as Json};

use super::findings::{Fate, Findings};

/// A word of a shell's command line.
fn word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:@%+=,".contains(c);
    match !text.is_empty() && text.chars().all(plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', "'\\''")),
    }
}

/// One bot.
#[derive(Clone, Debug)]
pub struct Bot {
    /// Its id.
    pub id: String,
    /// Its module without `intelmq.bots.`.
    pub module: String,
    /// Whether it is in use.
    pub enabled: bool,
    /// Its queues by the name of the path.
    pub destinations: Vec<(String, Vec<String>)>,
    /// Parameters that nothing has asked for yet.
    pub parameters: Map<String, Json>,
    /// The queue it reads.
    pub queue: String,
}

impl Bot {
    /// Reads a bot's block; keys that are for people only are left out, others said.
    pub fn read(id: &str, block: &Json, findings: &mut Findings) -> Option<Bot> {
        let Json::Object(block) = block else {
            findings.say(id, Fate::NotTakenOver, "is no block of a bot");
            return None;
        };
        let text = |key: &str| block.get(key).and_then(Json::as_str).unwrap_or_default();
        let module = text("module");
        let parameters = block.get("parameters").and_then(Json::as_object);
        let mut parameters = parameters.cloned().unwrap_or_default();
        for key in block.keys() {
            const KNOWN: &[&str] = &[
                "bot_id",
                "description",
                "enabled",
                "group",
                "groupname",
                "module",
                "name",
                "parameters",
                "run_mode",
            ];
            if !KNOWN.contains(&key.as_str()) {
                findings.parameter(
                    id,
                    key,
                    Fate::NotTakenOver,
                    "a key of the block that is not known",
                );
            }
        }
        if text("run_mode") == "scheduled" {
            let remark = "`watchfire fetch` asks a feed when its interval has passed";
            findings.parameter(id, "run_mode", Fate::BuiltIn, remark);
        }
        let queues = |value: &Json| match value {
            Json::String(one) => vec![one.clone()],
            Json::Array(list) => list
                .iter()
                .filter_map(Json::as_str)
                .map(str::to_owned)
                .collect(),
            _ => Vec::new(),
        };
        let destinations = match parameters.remove("destination_queues") {
            Some(Json::Object(paths)) => paths
                .iter()
                .map(|(path, value)| (path.clone(), queues(value)))
                .collect(),
            Some(other) => vec![("_default".to_owned(), queues(&other))],
            None => Vec::new(),
        };
        let queue = match parameters.remove("source_queue") {
            Some(Json::String(queue)) => queue,
            _ => format!("{id}-queue"),
        };
        Some(Bot {
            id: id.to_owned(),
            module: module
                .strip_prefix("intelmq.bots.")
                .unwrap_or(module)
                .to_owned(),
            enabled: block.get("enabled").and_then(Json::as_bool).unwrap_or(true),
            destinations,
            parameters,
            queue,
        })
    }

    /// `collectors`, `parsers`, `experts` or `outputs`.
    pub fn group(&self) -> &str {
        self.module.split('.').next().unwrap_or_default()
    }

    /// Takes a parameter; `None` where it is missing or says nothing.
    pub fn take(&mut self, name: &str) -> Option<Json> {
        let value = self.parameters.shift_remove(name)?;
        let silent = value.is_null() || value == "" || value == Json::Bool(false);
        (!silent).then_some(value)
    }

    /// Takes a parameter as text.
    pub fn take_text(&mut self, name: &str) -> Option<String> {
        match self.take(name)? {
            Json::String(text) => Some(text),
            Json::Number(number) => Some(number.to_string()),
            Json::Bool(truth) => Some(truth.to_string()),
            other => Some(other.to_string()),
        }
    }

    /// Says what becomes of the parameters that nothing asked for; `otherwise` of those that are not
    /// known.
    pub fn settle(&mut self, otherwise: &str, findings: &mut Findings) {
        for (name, value) in std::mem::take(&mut self.parameters) {
            if value.is_null() {
                continue;
            }
            let secret = ["password", "secret", "token", "apikey", "api_key"];
            let (fate, remark) = match common(&name) {
                Some(known) => known,
                None if secret.iter().any(|word| name.contains(word)) => {
                    (Fate::NotTakenOver, "a secret: it is not copied")
                }
                None => (Fate::NotTakenOver, otherwise),
            };
            findings.parameter(&self.id, &name, fate, remark);
        }
    }
}

/// What is said of a parameter that nothing knows.
pub const UNKNOWN: &str = "this parameter is not known";

/// What becomes of a parameter that any bot may have.
pub fn common(name: &str) -> Option<(Fate, &'static str)> {
    const PREFIXES: &[(&str, Fate, &str)] = &[
        (
            "redis_cache_",
            Fate::BuiltIn,
            "identities lie in the lake: no cache, no time to live",
        ),
        (
            "error_",
            Fate::BuiltIn,
            "what fails is a reject with its reason: `watchfire rejects`",
        ),
        (
            "logging_",
            Fate::NotTakenOver,
            "logs go to standard error; WATCHFIRE_LOG says how much",
        ),
        (
            "log_processed_messages_",
            Fate::NotTakenOver,
            "logs go to standard error; WATCHFIRE_LOG says how much",
        ),
        (
            "source_pipeline_",
            Fate::NotTakenOver,
            "there is no broker between stages",
        ),
        (
            "destination_pipeline_",
            Fate::NotTakenOver,
            "there is no broker between stages",
        ),
        (
            "statistics_",
            Fate::NotTakenOver,
            "`watchfire status` and `feeds list` count what came",
        ),
        (
            "instances_threads",
            Fate::BuiltIn,
            "blocks of a report are parsed on several threads",
        ),
        (
            "load_balance",
            Fate::BuiltIn,
            "blocks of a report are parsed on several threads",
        ),
        (
            "broker",
            Fate::NotTakenOver,
            "there is no broker between stages",
        ),
        (
            "process_manager",
            Fate::NotTakenOver,
            "there is one program",
        ),
        ("bots_", Fate::NotTakenOver, "there is one program"),
        (
            "rate_limit",
            Fate::NotTakenOver,
            "a slow stage slows its source",
        ),
        (
            "chunk_",
            Fate::BuiltIn,
            "a report is read in blocks, however large",
        ),
        (
            "extract_files",
            Fate::BuiltIn,
            "gzip, zip, zstd and tar are opened",
        ),
        (
            "overwrite",
            Fate::NotTakenOver,
            "what the source says stands; our own tables have columns of their own",
        ),
        (
            "http_user_agent",
            Fate::NotTakenOver,
            "the client names itself",
        ),
        (
            "http_timeout_max_tries",
            Fate::BuiltIn,
            "a fetch is tried again with growing pauses",
        ),
        (
            "http_verify_cert",
            Fate::NotTakenOver,
            "certificates are always verified; trust another with `fetch.ca`",
        ),
        ("testing", Fate::NotTakenOver, "is for IntelMQ's own tests"),
        (
            "save_original_line",
            Fate::BuiltIn,
            "the line is read from the archived report",
        ),
    ];
    let found = PREFIXES
        .iter()
        .find(|(prefix, ..)| name.starts_with(prefix));
    found.map(|(_, fate, remark)| (*fate, *remark))
}

/// What becomes of an expert by its module, rules aside.
pub fn expert(module: &str) -> Option<(Fate, &'static str)> {
    use Fate::{BuiltIn, NeedsYourHand};
    let name = module.strip_prefix("experts.")?;
    let name = name.strip_suffix(".expert").unwrap_or(name);
    Some(match name {
        "deduplicator" => (
            BuiltIn,
            "an event is stored once, by the identity of its row",
        ),
        "taxonomy" => (BuiltIn, "the taxonomy goes with the type"),
        "url" | "url2fqdn" => (BuiltIn, "host and domain are taken from the URL"),
        "domain_suffix" => (
            BuiltIn,
            "`watchfire reference import` takes the public suffix list",
        ),
        "asn_lookup" | "cymru_whois" | "ripe" => (
            BuiltIn,
            "networks come from imported tables: `watchfire reference import --help`; contacts do not yet",
        ),
        "maxmind_geoip" => (
            BuiltIn,
            "places come from imported tables: `watchfire reference import --help`",
        ),
        "rfc1918" => (
            BuiltIn,
            "addresses that lie nowhere have no country; a rule can drop them",
        ),
        "tor_nodes" => (
            NeedsYourHand,
            "subscribe to tor-exits and ask for its addresses in a query",
        ),
        "field_reducer" | "remove_affix" | "truncate_by_delimiter" | "format_field" => (
            NeedsYourHand,
            "write it as a rule in the sieve language, or in the feed's `columns`",
        ),
        "threshold" | "aggregate" => (
            NeedsYourHand,
            "count with `watchfire query` or a statistic; events are kept one by one",
        ),
        "csv_converter" => (BuiltIn, "`watchfire query --format csv`"),
        _ => return None,
    })
}

/// Why an expert has no counterpart.
pub fn no_expert(module: &str) -> &'static str {
    match module
        .strip_prefix("experts.")
        .unwrap_or(module)
        .split('.')
        .next()
    {
        Some("gethostbyname" | "reverse_dns" | "domain_valid") => {
            "names are not resolved: malicious ones are left alone"
        }
        Some(
            "rdap"
            | "uwhoisd"
            | "abusix"
            | "securitytxt"
            | "national_cert_contact_certat"
            | "trusted_introducer_lookup"
            | "do_portal"
            | "tuency",
        ) => "contacts are not looked up yet",
        Some(
            "http"
            | "lookyloo"
            | "misp"
            | "mcafee"
            | "recordedfuture_iprisk"
            | "splunk_saved_search"
            | "generic_db_lookup",
        ) => "asks another service for each event",
        Some("jinja" | "idea") => "makes a text of an event; exports do that",
        Some("wait" | "fake" | "geohash") => "has no counterpart",
        _ => "this module is not known",
    }
}

/// The command that stands for an output, or why there is none.
pub fn output(bot: &mut Bot) -> (Fate, String) {
    let name = bot
        .module
        .strip_prefix("outputs.")
        .unwrap_or(&bot.module)
        .to_owned();
    let name = name.split('.').next().unwrap_or_default().to_owned();
    let command = match name.as_str() {
        "file" => {
            let file = bot
                .take_text("file")
                .unwrap_or_else(|| "events.jsonl".to_owned());
            format!("watchfire export last --as intelmq --to {}", word(&file))
        }
        "tcp" => {
            let host = bot.take_text("ip").unwrap_or_else(|| "HOST".to_owned());
            let port = bot.take_text("port").unwrap_or_else(|| "PORT".to_owned());
            format!("watchfire export last --as intelmq --to tcp://{host}:{port}")
        }
        "sql" => {
            let mut psql = String::from("psql");
            for (parameter, option) in [
                ("host", "-h"),
                ("port", "-p"),
                ("user", "-U"),
                ("database", "-d"),
            ] {
                if let Some(value) = bot.take_text(parameter) {
                    psql.push_str(&format!(" {option} {}", word(&value)));
                }
            }
            let engine = bot.take_text("engine").unwrap_or_default();
            if !engine.is_empty() && engine != "postgresql" {
                return (
                    Fate::NotTakenOver,
                    format!(
                        "the script of `export --as eventdb` is for PostgreSQL, not for {engine}"
                    ),
                );
            }
            format!("watchfire export last --as eventdb | {psql}")
        }
        "redis" => {
            let mut client = String::from("redis-cli");
            for (parameter, option) in [
                ("redis_server_ip", "-h"),
                ("redis_server_port", "-p"),
                ("redis_db", "-n"),
            ] {
                if let Some(value) = bot.take_text(parameter) {
                    client.push_str(&format!(" {option} {}", word(&value)));
                }
            }
            let queue = bot
                .take_text("redis_queue")
                .unwrap_or_else(|| "QUEUE".to_owned());
            format!(
                "watchfire export last --as intelmq | xargs -d '\\n' -n 100 {client} LPUSH {}",
                word(&queue)
            )
        }
        "blackhole" => {
            return (
                Fate::BuiltIn,
                "events are stored whether or not anyone takes them".to_owned(),
            );
        }
        "smtp" | "smtp_batch" | "templated_smtp" => {
            return (Fate::NotTakenOver, "notices are not sent yet".to_owned());
        }
        "elasticsearch" | "mongodb" | "amqptopic" | "stomp" | "restapi" | "udp" | "misp" | "rt"
        | "cif3" | "mcafee" | "bro_file" | "rpz_file" | "files" | "touch" => {
            return (
                Fate::NotTakenOver,
                "has no exporter; `watchfire export --as intelmq` gives the events to one of yours"
                    .to_owned(),
            );
        }
        _ => return (Fate::NotTakenOver, "this module is not known".to_owned()),
    };
    (Fate::TakenOver, command)
}

/// Bots by id, and how their queues link them.
pub struct Graph {
    /// The bots.
    pub bots: BTreeMap<String, Bot>,
}

impl Graph {
    /// The bots behind a bot, by path; queues that nobody reads are said by the caller.
    pub fn behind(&self, id: &str) -> Vec<(&str, &str)> {
        let Some(bot) = self.bots.get(id) else {
            return Vec::new();
        };
        let mut found = Vec::new();
        for (path, queues) in &bot.destinations {
            for queue in queues {
                if let Some(next) = self.bots.values().find(|next| next.queue == *queue) {
                    found.push((path.as_str(), next.id.as_str()));
                }
            }
        }
        found
    }

    /// Everything that is reached from a bot, nearest first; queues on which failed messages go are no
    /// way.
    pub fn reached(&self, from: &str) -> Vec<String> {
        self.walk(from, None, |path| path != "_on_error")
    }

    fn walk(&self, from: &str, but: Option<&str>, way: fn(&str) -> bool) -> Vec<String> {
        let mut seen = BTreeSet::from([from.to_owned()]);
        let mut order = Vec::new();
        let mut waiting = std::collections::VecDeque::from([from.to_owned()]);
        while let Some(id) = waiting.pop_front() {
            for (path, next) in self.behind(&id) {
                if !way(path) || Some(next) == but || !seen.insert(next.to_owned()) {
                    continue;
                }
                order.push(next.to_owned());
                waiting.push_back(next.to_owned());
            }
        }
        order
    }

    /// Whether every way from a bot to an end passes `through`, by the paths that all events take.
    pub fn always_passes(&self, from: &str, through: &str) -> bool {
        let default = |path: &str| path == "_default";
        let is_end = |id: &String| !self.behind(id).iter().any(|(path, _)| default(path));
        let on_the_way = self
            .walk(from, None, default)
            .iter()
            .any(|id| id == through);
        on_the_way && !self.walk(from, Some(through), default).iter().any(is_end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(links: &[(&str, &[(&str, &str)])]) -> Graph {
        let mut findings = Findings::default();
        let bots = links.iter().map(|(id, next)| {
            let mut queues = Map::new();
            for (path, to) in *next {
                let list = queues
                    .entry(*path)
                    .or_insert_with(|| Json::Array(Vec::new()));
                if let Json::Array(list) = list {
                    list.push(format!("{to}-queue").into());
                }
            }
            let block =
                serde_json::json!({"module": "x", "parameters": {"destination_queues": queues}});
            let bot = Bot::read(id, &block, &mut findings).expect("a bot");
            ((*id).to_owned(), bot)
        });
        Graph {
            bots: bots.collect(),
        }
    }

    #[test]
    fn a_bot_is_passed_by_all_or_by_some() {
        let d = "_default";
        let graph = graph(&[
            ("parser", &[(d, "sieve"), ("_on_error", "trouble")]),
            ("sieve", &[(d, "left"), (d, "right"), ("special", "side")]),
            ("left", &[(d, "join")]),
            ("right", &[(d, "join")]),
            ("join", &[(d, "out")]),
            ("out", &[]),
            ("side", &[]),
            ("trouble", &[]),
        ]);
        for (through, always) in [
            ("sieve", true),
            ("left", false),
            ("join", true),
            ("out", true),
            ("side", false),
            ("trouble", false),
        ] {
            assert_eq!(graph.always_passes("parser", through), always, "{through}");
        }
        let reached = graph.reached("parser");
        assert!(reached.contains(&"side".to_owned()) && !reached.contains(&"trouble".to_owned()));
    }

    #[test]
    fn words_are_quoted_for_a_shell() {
        assert_eq!(word("/srv/a.jsonl"), "/srv/a.jsonl");
        assert_eq!(word("a b'c; rm"), "'a b'\\''c; rm'");
        assert_eq!(word(""), "''");
    }
}
