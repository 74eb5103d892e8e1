//! Entries, right and wrong.

use super::*;

fn entry(kind: Transport, url: &str) -> Fetch {
    Fetch::new(kind, url)
}

fn environment(pairs: &[(&str, &str)]) -> Environment {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn secret(text: &str) -> Option<Secret> {
    Some(Secret::new(text))
}

#[test]
fn good_entries_have_no_problem() {
    let mut fetch = entry(
        Transport::Http,
        "https://feeds.example.net/${KEY}/list.csv?a=1",
    );
    fetch.user = secret("reader");
    fetch.password = secret("${PASSWORD}");
    fetch.allow_private = vec!["10.0.0.0/8".to_owned(), "proxy.example.net".to_owned()];
    fetch.proxy = secret("http://u:${P}@proxy.example.net:3128");
    assert_eq!(check(&fetch), Vec::<String>::new());
    assert_eq!(
        check(&entry(Transport::Http, "${WHOLE}")),
        Vec::<String>::new()
    );
    let mut fetch = entry(Transport::Maildir, "");
    fetch.options.insert("folder".to_owned(), "mail".to_owned());
    assert_eq!(check(&fetch), Vec::<String>::new());
    assert_eq!(
        check(&entry(Transport::Tcp, "tcp://127.0.0.1:5055")),
        Vec::<String>::new()
    );
}

#[test]
fn every_problem_names_its_key() {
    let with = |change: fn(&mut Fetch)| {
        let mut fetch = entry(Transport::Http, "https://feeds.example.net/");
        change(&mut fetch);
        check(&fetch).join("; ")
    };
    let cases: [(String, &str); 16] = [
        (
            with(|fetch| fetch.url = "feeds.example.net".to_owned()),
            "fetch.url",
        ),
        (
            with(|fetch| fetch.url = "file:///etc/passwd".to_owned()),
            "fetch.url",
        ),
        (
            with(|fetch| fetch.url = "https://u:p@feeds.example.net/".to_owned()),
            "fetch.user",
        ),
        (with(|fetch| fetch.token = secret("literal")), "fetch.token"),
        (
            with(|fetch| {
                fetch
                    .headers
                    .insert("Authorization".to_owned(), Secret::new("x"));
            }),
            "headers.Authorization",
        ),
        (
            with(|fetch| {
                fetch.headers.insert("Host".to_owned(), Secret::new("x"));
            }),
            "headers.Host",
        ),
        (
            with(|fetch| {
                fetch.headers.insert("a b".to_owned(), Secret::new("x"));
            }),
            "headers.a b",
        ),
        (with(|fetch| fetch.user = secret("x")), "belong together"),
        (
            with(|fetch| fetch.client_cert = Some("a.pem".to_owned())),
            "client_key",
        ),
        (with(|fetch| fetch.proxy = secret("ftp://x")), "fetch.proxy"),
        (with(|fetch| fetch.max_bytes = 0), "fetch.max_bytes"),
        (
            with(|fetch| fetch.allow_private = vec!["10.0.0.0/99".to_owned()]),
            "allow_private",
        ),
        (
            with(|fetch| {
                fetch.options.insert("folder".to_owned(), "x".to_owned());
            }),
            "options.folder",
        ),
        (
            with(|fetch| {
                fetch.kind = Transport::Redis;
                fetch.url = "redis://127.0.0.1".to_owned();
            }),
            "options.key",
        ),
        (
            with(|fetch| {
                fetch.kind = Transport::Tcp;
                fetch.url = "tcp://0.0.0.0:5055".to_owned();
            }),
            "options.peers",
        ),
        (
            with(|fetch| fetch.kind = Transport::Shadowserver),
            "fetch.password",
        ),
    ];
    for (problems, expected) in cases {
        assert!(
            problems.contains(expected),
            "`{problems}` should name {expected}"
        );
    }
}

#[test]
fn a_secret_in_the_entry_is_not_repeated_in_the_problem() {
    let mut fetch = entry(Transport::Http, "https://feeds.example.net/");
    fetch.token = secret("literal-secret");
    fetch
        .headers
        .insert("cookie".to_owned(), Secret::new("literal-secret"));
    fetch.proxy = secret("http://u:literal-secret@proxy.example.net:3128");
    let problems = check(&fetch);
    assert_eq!(problems.len(), 3, "{problems:?}");
    assert!(
        !problems.join(" ").contains("literal-secret"),
        "{problems:?}"
    );
}

#[test]
fn variables_are_replaced_and_hidden() {
    let mut fetch = entry(
        Transport::Http,
        "https://feeds.example.net/${KEY}/list.csv?k=${KEY}",
    );
    fetch.token = secret("${TOKEN}");
    fetch.client_cert = Some("tls/own.pem".to_owned());
    fetch.client_key = Some("/etc/own.key".to_owned());
    let root = Path::new("/workspace");
    let known = environment(&[("KEY", "k3y0"), ("TOKEN", "t0k3n")]);
    let plan = Plan::resolve("one", &fetch, root, &known).unwrap();
    assert_eq!(plan.url().unwrap().path(), "/k3y0/list.csv");
    assert_eq!(plan.shown, "https://feeds.example.net/${KEY}/list.csv");
    assert_eq!(
        plan.client_cert.as_deref(),
        Some(Path::new("/workspace/tls/own.pem"))
    );
    assert_eq!(plan.client_key.as_deref(), Some(Path::new("/etc/own.key")));
    let told = plan.told(Failure::malformed(
        "https://feeds.example.net/k3y0: bearer t0k3n",
    ));
    assert_eq!(
        told.to_string(),
        "feed one: https://feeds.example.net/***: bearer ***"
    );
    assert!(!format!("{plan:?}").contains("k3y0"));

    let lacking = environment(&[("KEY", "k3y0")]);
    let error = Plan::resolve("one", &fetch, root, &lacking).unwrap_err();
    assert_eq!(error.kind, Kind::Entry);
    assert!(
        error.detail.contains("fetch.token") && error.detail.contains("TOKEN"),
        "{error}"
    );
}
