//! How a collector becomes the `fetch` table or the `paths` of a feed.
//!
//! Secrets are never copied: the entry names a variable of the environment, and the report tells its
//! name and where the value stands.

use serde_json::Value as Json;
use toml::{Table, Value};

use super::bots::Bot;
use super::findings::{Fate, Findings};

/// Where a feed's reports come from.
#[derive(Debug, Default)]
pub struct Source {
    /// Its `fetch` table.
    pub fetch: Option<Table>,
    /// Its files, where it is not fetched or beside it.
    pub paths: Vec<String>,
    /// The address, to be known again in the catalogue.
    pub url: Option<String>,
    /// The format that the transport brings along.
    pub format: Option<&'static str>,
    /// A warning for the report: the feed needs a hand.
    pub hand: Option<String>,
}

/// Names of query parameters that hold a secret.
const SECRETS: &[&str] = &[
    "apikey", "api_key", "api-key", "key", "token", "auth", "authkey", "auth_key", "password",
    "pass", "secret", "receipt", "cert",
];

/// The name of the variable that stands for a bot's secret.
fn variable(bot: &str, what: &str) -> String {
    let name: String = format!("INTELMQ_{bot}_{what}")
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() {
                c.to_ascii_uppercase()
            } else {
                '_'
            }
        })
        .collect();
    name
}

/// Puts a variable in a secret's place, and says so.
fn secret(bot: &str, parameter: &str, findings: &mut Findings) -> String {
    let name = variable(bot, parameter);
    let remark = format!("not copied: set {name} in the environment");
    findings.parameter(bot, parameter, Fate::NeedsYourHand, remark);
    format!("${{{name}}}")
}

fn text(value: impl Into<String>) -> Value {
    Value::String(value.into())
}

/// Translates a collector.
///
/// # Errors
/// Why it has no counterpart.
pub fn read(bot: &mut Bot, slug: &str, findings: &mut Findings) -> Result<Source, String> {
    let name = bot
        .module
        .strip_prefix("collectors.")
        .unwrap_or(&bot.module)
        .to_owned();
    let mut source = match name.as_str() {
        "http.collector_http" => http(bot, findings)?,
        "file.collector_file" => file(bot, findings),
        "shadowserver.collector_reports_api" => shadowserver(bot, findings),
        "tcp.collector" => tcp(bot, findings),
        "mail.collector_mail_attach" => mail(bot, slug, findings),
        "alienvault_otx.collector" => otx(bot, findings),
        "mail.collector_mail_body" | "mail.collector_mail_url" => {
            return Err("text and links of mails are not read: have the mail server put the reports into a maildir or a folder".into());
        }
        "misp.collector" => {
            return Err("MISP's API is not asked: subscribe to its static feed with fetch.kind = \"misp\", or to its TAXII with \"taxii\"".into());
        }
        "amqp.collector_amqp" | "stomp.collector" | "kafka.collector" => {
            return Err("there is no client of a broker: let a bridge write files into the feed's folder".into());
        }
        "rt.collector_rt" => return Err("Request Tracker is not asked: have it mail the reports".into()),
        "api.collector_api" => return Err("events are not pushed over HTTP yet: use IntelMQ's tcp output and fetch.kind = \"tcp\"".into()),
        "rsync.collector_rsync" => return Err("rsync is not run: run it yourself into the feed's folder".into()),
        "http.collector_http_stream" | "shodan.collector_stream" | "calidog.collector_certstream" => {
            return Err("streams over HTTP are not read".into());
        }
        _ => return Err("there is no transport for it; a feed with `paths` reads files that another program fetches".into()),
    };
    if let Some(secs) = bot.take("rate_limit") {
        let whole = secs.as_i64().or_else(|| secs.as_str()?.parse().ok());
        match (whole.filter(|secs| *secs > 0), &mut source.fetch) {
            (Some(secs), Some(fetch)) => {
                fetch.insert("interval_secs".into(), Value::Integer(secs));
                findings.parameter(
                    &bot.id,
                    "rate_limit",
                    Fate::TakenOver,
                    "fetch.interval_secs",
                );
            }
            _ => {
                let remark = "`watchfire ingest` looks for files whenever it is run";
                findings.parameter(&bot.id, "rate_limit", Fate::BuiltIn, remark);
            }
        }
    }
    Ok(source)
}

/// What any HTTP client has: proxy, certificates, headers, time.
fn client(bot: &mut Bot, fetch: &mut Table, findings: &mut Findings) {
    for parameter in ["https_proxy", "http_proxy"] {
        let Some(proxy) = bot.take_text(parameter) else {
            continue;
        };
        let value = match proxy.contains('@') {
            true => secret(&bot.id, parameter, findings),
            false => {
                findings.parameter(&bot.id, parameter, Fate::TakenOver, "fetch.proxy");
                proxy
            }
        };
        fetch.insert("proxy".into(), text(value));
    }
    if let Some(Json::Object(headers)) = bot.take("http_header") {
        let mut table = Table::new();
        for (name, value) in &headers {
            let lower = name.to_ascii_lowercase();
            if ["user-agent", "host", "accept-encoding"].contains(&lower.as_str()) {
                let remark = format!("header {name}: the client sets it itself");
                findings.parameter(&bot.id, "http_header", Fate::NotTakenOver, remark);
                continue;
            }
            let plain =
                ["accept", "accept-language", "content-type", "referer"].contains(&lower.as_str());
            let value = match (plain, value.as_str()) {
                (true, Some(value)) => {
                    findings.parameter(
                        &bot.id,
                        "http_header",
                        Fate::TakenOver,
                        format!("fetch.headers.{name}"),
                    );
                    value.to_owned()
                }
                _ => secret(&bot.id, &format!("http_header {name}"), findings),
            };
            table.insert(name.clone(), text(value));
        }
        if !table.is_empty() {
            fetch.insert("headers".into(), Value::Table(table));
        }
    }
    if let Some(secs) = bot.take("http_timeout_sec") {
        match secs.as_f64().filter(|secs| *secs >= 1.0) {
            Some(secs) => {
                // A whole delivery may take ten times what IntelMQ waits for a byte.
                fetch.insert("timeout_secs".into(), Value::Integer((secs * 10.0) as i64));
                findings.parameter(
                    &bot.id,
                    "http_timeout_sec",
                    Fate::TakenOver,
                    "fetch.timeout_secs, for the whole delivery: ten times as much",
                );
            }
            None => findings.parameter(
                &bot.id,
                "http_timeout_sec",
                Fate::NotTakenOver,
                "is no number",
            ),
        }
    }
    if let Some(pem) = bot.take_text("ssl_client_certificate") {
        fetch.insert("client_cert".into(), text(pem.clone()));
        fetch.insert("client_key".into(), text(pem));
        let remark = "fetch.client_cert and fetch.client_key: split the file if it holds both";
        findings.parameter(&bot.id, "ssl_client_certificate", Fate::TakenOver, remark);
    }
    if let Some(ca) = bot.take_text("ssl_ca_certificate") {
        fetch.insert("ca".into(), text(ca));
        findings.parameter(&bot.id, "ssl_ca_certificate", Fate::TakenOver, "fetch.ca");
    }
    if bot.parameters.get("http_verify_cert") == Some(&Json::Bool(true)) {
        bot.parameters.shift_remove("http_verify_cert");
        findings.parameter(
            &bot.id,
            "http_verify_cert",
            Fate::BuiltIn,
            "certificates are always verified",
        );
    }
}

/// The address with its secrets replaced.
fn address(
    bot: &mut Bot,
    parameter: &str,
    fetch: &mut Table,
    findings: &mut Findings,
) -> Result<String, String> {
    let url = bot.take_text(parameter);
    let url = url.filter(|url| !url.starts_with('<'));
    let mut url = url.ok_or_else(|| format!("{parameter} is missing"))?;
    let mut copied = true;
    if let Some((scheme, rest)) = url.clone().split_once("://")
        && let Some((user, host)) = rest.split_once('@').filter(|(user, _)| !user.contains('/'))
    {
        url = format!("{scheme}://{host}");
        let has_password = user.contains(':');
        fetch.insert(
            "user".into(),
            text(secret(&bot.id, &format!("{parameter} user"), findings)),
        );
        if has_password {
            fetch.insert(
                "password".into(),
                text(secret(&bot.id, &format!("{parameter} password"), findings)),
            );
        }
        copied = false;
    }
    if let Some((before, query)) = url.clone().split_once('?') {
        let mut parts = Vec::new();
        for part in query.split('&') {
            let is_secret = |name: &str| SECRETS.contains(&name.to_ascii_lowercase().as_str());
            match part.split_once('=') {
                Some((name, value)) if is_secret(name) && !value.is_empty() => {
                    parts.push(format!(
                        "{name}={}",
                        secret(&bot.id, &format!("{parameter} {name}"), findings)
                    ));
                    copied = false;
                }
                _ => parts.push(part.to_owned()),
            }
        }
        url = format!("{before}?{}", parts.join("&"));
    }
    // What a person was to fill in, as IntelMQ's feeds.yaml has it.
    while let (Some(start), Some(end)) = (url.find("{{"), url.find("}}")) {
        if end < start {
            break;
        }
        let value = secret(&bot.id, &format!("{parameter} placeholder"), findings);
        url.replace_range(start..end + 2, &value);
        copied = false;
    }
    if copied {
        findings.parameter(&bot.id, parameter, Fate::TakenOver, "fetch.url");
    }
    Ok(url)
}

fn http(bot: &mut Bot, findings: &mut Findings) -> Result<Source, String> {
    let mut fetch = Table::new();
    let plain = bot
        .parameters
        .get("http_url")
        .and_then(Json::as_str)
        .map(str::to_owned);
    let url = address(bot, "http_url", &mut fetch, findings)?;
    if !["http://", "https://", "${"]
        .iter()
        .any(|start| url.starts_with(start))
    {
        return Err(format!("its address is none of HTTP: {url}"));
    }
    let mut hand = None;
    if bot.take("http_url_formatting").is_some() {
        let remark = "addresses with a date in them are not put together: write today's, or fetch the file otherwise";
        findings.parameter(&bot.id, "http_url_formatting", Fate::NeedsYourHand, remark);
        hand = Some("its address has a date in it".to_owned());
    }
    if bot.take_text("http_username").is_some() {
        fetch.insert(
            "user".into(),
            text(secret(&bot.id, "http_username", findings)),
        );
        if bot
            .parameters
            .get("http_password")
            .is_none_or(Json::is_null)
        {
            hand = Some("it has a user and no password".to_owned());
            fetch.insert(
                "password".into(),
                text(secret(&bot.id, "http_password", findings)),
            );
        }
    }
    if bot.take("http_password").is_some() {
        fetch.insert(
            "password".into(),
            text(secret(&bot.id, "http_password", findings)),
        );
        if !fetch.contains_key("user") {
            fetch.insert(
                "user".into(),
                text(secret(&bot.id, "http_username", findings)),
            );
        }
    }
    if bot.take("verify_pgp_signatures").is_some() {
        let remark = "signatures are not verified: the transport's certificate is all that vouches for the report";
        findings.parameter(
            &bot.id,
            "verify_pgp_signatures",
            Fate::NeedsYourHand,
            remark,
        );
        for detail in ["signature_url", "signature_url_formatting", "gpg_keyring"] {
            if bot.take(detail).is_some() {
                findings.parameter(
                    &bot.id,
                    detail,
                    Fate::NotTakenOver,
                    "signatures are not verified",
                );
            }
        }
    }
    client(bot, &mut fetch, findings);
    fetch.insert("url".into(), text(url));
    Ok(Source {
        fetch: Some(fetch),
        url: plain,
        hand,
        ..Source::default()
    })
}

fn file(bot: &mut Bot, findings: &mut Findings) -> Source {
    let folder = bot.take_text("path").unwrap_or_else(|| "/tmp/".to_owned());
    let postfix = bot
        .take_text("postfix")
        .unwrap_or_else(|| ".csv".to_owned());
    let escape = |part: &str| glob::Pattern::escape(part);
    let pattern = format!(
        "{}/*{}",
        escape(folder.trim_end_matches('/')),
        escape(&postfix)
    );
    findings.parameter(
        &bot.id,
        "path",
        Fate::TakenOver,
        format!("paths: {pattern}"),
    );
    if bot.take("delete_file").is_some() {
        let remark = "files are left where they are: the same bytes again change nothing";
        findings.parameter(&bot.id, "delete_file", Fate::NotTakenOver, remark);
    }
    Source {
        paths: vec![pattern],
        ..Source::default()
    }
}

fn shadowserver(bot: &mut Bot, findings: &mut Findings) -> Source {
    let mut fetch = Table::new();
    fetch.insert("kind".into(), text("shadowserver"));
    for (parameter, ours) in [("apikey", "user"), ("secret", "password")] {
        bot.take(parameter);
        if parameter == "apikey" {
            bot.take("api_key");
        }
        fetch.insert(ours.into(), text(secret(&bot.id, parameter, findings)));
    }
    let mut options = Table::new();
    for parameter in ["reports", "types"] {
        let list = match bot.take(parameter) {
            Some(Json::Array(list)) => list
                .iter()
                .filter_map(Json::as_str)
                .collect::<Vec<_>>()
                .join(","),
            Some(Json::String(text)) => text,
            _ => continue,
        };
        options.insert(parameter.into(), text(list));
        findings.parameter(
            &bot.id,
            parameter,
            Fate::TakenOver,
            format!("fetch.options.{parameter}"),
        );
    }
    if bot.take_text("file_format").is_some() {
        findings.parameter(
            &bot.id,
            "file_format",
            Fate::BuiltIn,
            "reports are fetched as CSV",
        );
    }
    if bot.take("country").is_some() {
        findings.parameter(
            &bot.id,
            "country",
            Fate::NotTakenOver,
            "the subscription decides; IntelMQ deprecates it too",
        );
    }
    if !options.is_empty() {
        fetch.insert("options".into(), Value::Table(options));
    }
    client(bot, &mut fetch, findings);
    Source {
        fetch: Some(fetch),
        format: Some("shadowserver"),
        ..Source::default()
    }
}

fn tcp(bot: &mut Bot, findings: &mut Findings) -> Source {
    let ip = bot.take_text("ip").filter(|ip| !ip.starts_with('<'));
    let ip = ip.unwrap_or_else(|| "127.0.0.1".to_owned());
    let port = bot
        .take_text("port")
        .filter(|port| port.parse::<u16>().is_ok());
    let port = port.unwrap_or_else(|| "5000".to_owned());
    let host = if ip.contains(':') {
        format!("[{ip}]")
    } else {
        ip.clone()
    };
    let url = format!("tcp://{host}:{port}");
    for parameter in ["ip", "port"] {
        findings.parameter(
            &bot.id,
            parameter,
            Fate::TakenOver,
            format!("fetch.url = {url}"),
        );
    }
    let mut fetch = Table::new();
    fetch.insert("kind".into(), text("tcp"));
    fetch.insert("url".into(), text(url));
    let local = ip == "127.0.0.1" || ip == "::1" || ip == "localhost";
    let hand = (!local).then(|| "name the senders in fetch.options.peers".to_owned());
    if !local {
        let mut options = Table::new();
        options.insert("peers".into(), text("127.0.0.1"));
        fetch.insert("options".into(), Value::Table(options));
    }
    Source {
        fetch: Some(fetch),
        format: Some("intelmq"),
        hand,
        ..Source::default()
    }
}

fn mail(bot: &mut Bot, slug: &str, findings: &mut Findings) -> Source {
    let folder = format!("mail/{slug}");
    for parameter in [
        "mail_host",
        "mail_port",
        "mail_user",
        "mail_ssl",
        "mail_starttls",
        "folder",
        "sent_from",
        "sent_to",
        "subject_regex",
    ] {
        if bot.take(parameter).is_some() {
            let remark = format!(
                "IMAP is not spoken: have your mail server or a fetcher put these mails into the maildir {folder}"
            );
            findings.parameter(&bot.id, parameter, Fate::NeedsYourHand, remark);
        }
    }
    if bot.take("mail_password").is_some() {
        findings.parameter(
            &bot.id,
            "mail_password",
            Fate::NotTakenOver,
            "not copied, and not needed for a maildir",
        );
    }
    let mut options = Table::new();
    options.insert("folder".into(), text(folder.clone()));
    if let Some(regex) = bot.take_text("attach_regex") {
        let remark = format!(
            "every attachment is taken; narrow fetch.options.attachments, a pattern of file names, to what `{regex}` finds"
        );
        findings.parameter(&bot.id, "attach_regex", Fate::NeedsYourHand, remark);
    }
    let mut fetch = Table::new();
    fetch.insert("kind".into(), text("maildir"));
    fetch.insert("options".into(), Value::Table(options));
    Source {
        fetch: Some(fetch),
        hand: Some(format!("have its mails put into the maildir {folder}")),
        ..Source::default()
    }
}

fn otx(bot: &mut Bot, findings: &mut Findings) -> Source {
    let mut fetch = Table::new();
    bot.take("api_key");
    let key = secret(&bot.id, "api_key", findings);
    let mut headers = Table::new();
    headers.insert("X-OTX-API-KEY".into(), text(key));
    fetch.insert("headers".into(), Value::Table(headers));
    let url = "https://otx.alienvault.com/api/v1/pulses/subscribed";
    fetch.insert("url".into(), text(url));
    client(bot, &mut fetch, findings);
    Source {
        fetch: Some(fetch),
        url: Some(url.to_owned()),
        format: Some("otx"),
        ..Source::default()
    }
}
