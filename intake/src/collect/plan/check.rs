//! What can be seen to be wrong with an entry before anything is fetched.

use model::fetch::{Fetch, Secret, Transport};
use outbound::Allowed;
use url::Url;

use super::place_held;

/// Headers that carry a credential whatever their value looks like.
const CREDENTIALS: [&str; 8] = [
    "authorization",
    "proxy-authorization",
    "cookie",
    "x-api-key",
    "api-key",
    "apikey",
    "x-auth-token",
    "auth-key",
];

/// Headers that the client sets itself.
const OWN_HEADERS: [&str; 7] = [
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "accept-encoding",
    "if-none-match",
    "if-modified-since",
];

/// Options by transport, and whether each must be there.
fn options(kind: Transport) -> &'static [(&'static str, bool)] {
    match kind {
        Transport::Http => &[],
        Transport::Shadowserver => &[
            ("reports", false),
            ("types", false),
            ("days", false),
            ("downloads", false),
            ("batch", false),
        ],
        Transport::Taxii => &[("limit", false), ("batch", false)],
        Transport::Misp => &[("batch", false)],
        Transport::S3 => &[("region", false), ("prefix", false), ("batch", false)],
        Transport::Maildir => &[("folder", true), ("attachments", false), ("batch", false)],
        Transport::Redis => &[("key", true), ("batch", false)],
        Transport::Tcp => &[("peers", false), ("batch", false)],
    }
}

/// Every problem of an entry that can be seen without the environment, each with key and remedy.
pub fn check(fetch: &Fetch) -> Vec<String> {
    let mut problems = Vec::new();
    let kind = fetch.kind;
    let known = options(kind);
    for key in fetch.options.keys() {
        if !known.iter().any(|(name, _)| name == key) {
            let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
            let remedy = match names.as_slice() {
                [] => "remove it".to_owned(),
                names => format!("it takes {}", names.join(", ")),
            };
            problems.push(format!(
                "`fetch.options.{key}` is no option of kind `{kind}`: {remedy}"
            ));
        }
    }
    for (name, _) in known.iter().filter(|(_, needed)| *needed) {
        if fetch.options.get(*name).is_none_or(String::is_empty) {
            problems.push(format!(
                "kind `{kind}` needs `fetch.options.{name}`: add it"
            ));
        }
    }
    for name in ["batch", "days", "limit"] {
        let value = fetch.options.get(name);
        if value.is_some_and(|value| !value.parse::<u32>().is_ok_and(|count| count > 0)) {
            problems.push(format!(
                "`fetch.options.{name}` is no whole number above 0: write one"
            ));
        }
    }
    check_url(fetch, &mut problems);
    check_credentials(fetch, &mut problems);
    let too_small = [
        ("interval_secs", fetch.interval_secs),
        ("max_bytes", fetch.max_bytes),
        ("timeout_secs", fetch.timeout_secs),
    ];
    for (key, value) in too_small {
        if value == 0 {
            problems.push(format!(
                "`fetch.{key}` is 0: write a number above 0, or leave it out"
            ));
        }
    }
    if let Err(detail) = Allowed::parse(fetch.allow_private.iter().map(String::as_str)) {
        problems.push(format!("`fetch.allow_private`: {detail}"));
    }
    if let Some(peers) = fetch.options.get("peers")
        && !Allowed::parse(peers.split(',')).is_ok_and(|peers| peers.has_no_names())
    {
        problems.push(
            "`fetch.options.peers` takes addresses and networks with commas between: correct it"
                .to_owned(),
        );
    }
    problems
}

fn check_url(fetch: &Fetch, problems: &mut Vec<String>) {
    let schemes: &[&str] = match fetch.kind {
        Transport::Maildir => {
            if !fetch.url.is_empty() {
                problems.push(
                    "`fetch.url` is not used by kind `maildir`: give `fetch.options.folder`"
                        .to_owned(),
                );
            }
            return;
        }
        Transport::Shadowserver if fetch.url.is_empty() => return,
        Transport::Redis => &["redis"],
        Transport::Tcp => &["tcp"],
        _ => &["https", "http"],
    };
    // A variable may stand for any part, so its place is held by a letter.
    let text = place_held(&fetch.url);
    let whole = fetch.url.trim().starts_with("${") && !fetch.url.contains("://");
    match Url::parse(&text) {
        _ if whole => {}
        Ok(url) if !schemes.contains(&url.scheme()) || url.host().is_none() => {
            problems.push(format!(
                "`fetch.url` of kind `{}` begins with {}: correct it",
                fetch.kind,
                schemes.join(":// or ") + "://"
            ))
        }
        Ok(url) if !url.username().is_empty() || url.password().is_some() => problems.push(
            "`fetch.url` holds a user: write `fetch.user` and `fetch.password` instead".to_owned(),
        ),
        Ok(url) if url.port().is_none() && fetch.kind == Transport::Tcp => problems
            .push("`fetch.url` of kind `tcp` has no port: write tcp://ADDRESS:PORT".to_owned()),
        Ok(_) => {}
        Err(error) => problems.push(format!(
            "`fetch.url` is no address ({error}): write one such as {}://feeds.example.net/list",
            schemes.first().unwrap_or(&"https")
        )),
    }
    if fetch.kind == Transport::Tcp && !fetch.options.contains_key("peers") {
        let local = Url::parse(&text).ok().is_some_and(|url| {
            matches!(url.host_str(), Some("localhost" | "[::1]"))
                || url.host_str().is_some_and(|host| host.starts_with("127."))
        });
        if !local {
            problems.push(
                "kind `tcp` listens beyond this machine: name the senders in `fetch.options.peers`"
                    .to_owned(),
            );
        }
    }
}

fn check_credentials(fetch: &Fetch, problems: &mut Vec<String>) {
    let secret = |key: String, value: &Secret, problems: &mut Vec<String>| {
        if !value.names_variable() {
            problems.push(format!(
                "`fetch.{key}` holds a secret itself: put it into a variable of the environment and write `${{NAME}}`"
            ));
        }
    };
    for (key, value) in [("password", &fetch.password), ("token", &fetch.token)] {
        if let Some(value) = value {
            secret(key.to_owned(), value, problems);
        }
    }
    for (name, value) in &fetch.headers {
        let lower = name.to_ascii_lowercase();
        if CREDENTIALS.contains(&lower.as_str()) {
            secret(format!("headers.{name}"), value, problems);
        }
        if OWN_HEADERS.contains(&lower.as_str()) {
            problems.push(format!(
                "`fetch.headers.{name}` is set by the client: remove it"
            ));
        }
        if reqwest::header::HeaderName::from_bytes(lower.as_bytes()).is_err() {
            problems.push(format!(
                "`fetch.headers.{name}` is no header name: correct it"
            ));
        }
    }
    if fetch.token.is_some() && (fetch.user.is_some() || fetch.password.is_some()) {
        problems.push("`fetch.token` stands beside `fetch.user`: keep one of them".to_owned());
    }
    if fetch.client_cert.is_some() != fetch.client_key.is_some() {
        problems.push(
            "`fetch.client_cert` and `fetch.client_key` belong together: give both".to_owned(),
        );
    }
    let pair = fetch.user.is_some() && fetch.password.is_some();
    let lonely = fetch.user.is_some() != fetch.password.is_some();
    match fetch.kind {
        Transport::Shadowserver if !pair => problems.push(
            "kind `shadowserver` needs the API key in `fetch.user` and its secret in `fetch.password`"
                .to_owned(),
        ),
        // Redis knows passwords without users.
        Transport::Redis if fetch.user.is_none() => {}
        _ if lonely => problems
            .push("`fetch.user` and `fetch.password` belong together: give both".to_owned()),
        _ => {}
    }
    if let Some(proxy) = &fetch.proxy {
        let text = place_held(proxy.reveal());
        let known = ["http", "https", "socks5h"];
        let fits = |url: Url| known.contains(&url.scheme()) && url.host().is_some();
        let whole = proxy.reveal().starts_with("${");
        if !whole && !Url::parse(&text).is_ok_and(fits) {
            problems.push(
                "`fetch.proxy` is no proxy: write http://, https:// or socks5h:// with host and port"
                    .to_owned(),
            );
        }
        if !whole && Url::parse(&text).is_ok_and(|url| url.password().is_some()) {
            secret("proxy".to_owned(), proxy, problems);
        }
    }
}
