//! The published site over real sockets: whole, with tags, notices and policies, and nothing beside it.

use bulletin::render::Rendition;
use watchfire::site;

use super::{SERVE, Serving, ask};
use crate::run::Bench;

fn page(name: &str, text: &str) -> Rendition {
    Rendition {
        name: name.to_owned(),
        bytes: text.as_bytes().to_vec(),
    }
}

fn pages(home: &str) -> Vec<Rendition> {
    let withdrawn = r#"{"withdrawn":[{"issue":"2023-2","notice":{"zh":"issues/2023-2.zh.html","en":"issues/2023-2.en.html"},"addresses":["issues/2023-2.en.html","issues/2023-2.en.pdf","issues/2023-2.json"]}]}"#;
    vec![
        page("index.html", home),
        page("404.html", "lost zh"),
        page("404.en.html", "lost en"),
        page("issues/2023-2.zh.html", "gone zh"),
        page("issues/2023-2.en.html", "gone en"),
        page(
            "issues/2023-3.en.html",
            "<style>a{}</style><script>1</script>issue",
        ),
        page("feeds/atom.en.xml", "<feed/>"),
        page("data/figures.csv", "a,b\r\n"),
        page(".well-known/security.txt", "Contact: x\n"),
        page("withdrawn.json", withdrawn),
    ]
}

fn publish(bench: &Bench, home: &str) {
    site::publish(&bench.path().join("site"), &pages(home), &[], &|_| {
        unreachable!("no assets")
    })
    .expect("published");
}

#[test]
fn the_published_site_is_served_beside_the_routes() {
    let bench = Bench::with(SERVE);
    let serving = Serving::start(&bench);
    // Nothing is published: as before.
    assert!(
        serving
            .get("/")
            .is(404)
            .head
            .contains("application/problem+json")
    );
    publish(&bench, "first");
    let home = serving.get("/").is(200);
    assert_eq!(home.body, "first");
    for head in [
        "text/html; charset=utf-8",
        "default-src 'none'",
        "nosniff",
        "max-age=60",
        "last-modified:",
    ] {
        assert!(
            home.head.to_lowercase().contains(head),
            "{head}: {}",
            home.head
        );
    }
    serving.get("/healthz").is(200);
    assert!(
        serving
            .get("/api/v1/nothing")
            .is(404)
            .head
            .contains("application/problem+json")
    );

    // What a reader has already is not sent again.
    let header = |name: &str| {
        let line = home
            .head
            .lines()
            .find(|line| line.to_lowercase().starts_with(&format!("{name}:")))
            .expect("a header");
        line.split_once(": ").expect("a value").1.trim().to_owned()
    };
    let tag = header("etag");
    for condition in [
        format!("If-None-Match: {tag}"),
        format!("If-None-Match: \"x\", W/{tag}"),
        format!("If-Modified-Since: {}", header("last-modified")),
    ] {
        let same = ask(serving.address, "GET", "/index.html", &[&condition], b"")
            .expect("it answers")
            .is(304);
        assert_eq!(same.body, "", "{condition}");
    }
    let other = ask(serving.address, "GET", "/", &["If-None-Match: \"x\""], b"")
        .expect("it answers")
        .is(200);
    assert_eq!(other.body, "first");
    let head = ask(serving.address, "HEAD", "/", &[], b"")
        .expect("it answers")
        .is(200);
    assert!(head.body.is_empty() && head.head.to_lowercase().contains("content-length: 5"));
    ask(serving.address, "POST", "/", &[], b"x")
        .expect("it answers")
        .is(405);

    // What an issue carries inside is allowed by its hash, and nothing else.
    let issue = serving.get("/issues/2023-3.en.html").is(200);
    assert_eq!(issue.head.matches("'sha256-").count(), 2);
    assert!(!issue.head.contains("unsafe"));
    let feed = serving.get("/feeds/atom.en.xml").is(200);
    assert!(feed.head.contains("application/atom+xml"));
    let data = serving.get("/data/figures.csv").is(200);
    assert!(
        data.head.contains("text/csv")
            && data
                .head
                .to_lowercase()
                .contains("access-control-allow-origin: *")
    );
    serving.get("/.well-known/security.txt").is(200);

    // Wrong addresses, and withdrawn ones.
    assert_eq!(serving.get("/nothing.html").is(404).body, "lost zh");
    assert_eq!(serving.get("/nothing.en.html").is(404).body, "lost en");
    assert_eq!(
        serving.get("/issues/2023-2.en.html").is(410).body,
        "gone en"
    );
    assert_eq!(serving.get("/issues/2023-2.en.pdf").is(410).body, "gone en");
    assert_eq!(serving.get("/issues/2023-2.json").is(410).body, "gone zh");

    // Nothing outside the folder, however it is asked for.
    std::os::unix::fs::symlink(
        bench.path().join("watchfire.toml"),
        bench.path().join("site/link.txt"),
    )
    .expect("a link");
    for path in [
        "/../watchfire.toml",
        "/issues/../../watchfire.toml",
        "/%2e%2e/watchfire.toml",
        "/..%2fwatchfire.toml",
        "//etc/passwd",
        "/issues",
        "/link.txt",
        "/.hidden",
    ] {
        let answer = serving.get(path).is(404);
        assert!(answer.body.starts_with("lost"), "{path}: {}", answer.body);
    }

    // Published anew, it is seen at once.
    std::fs::remove_file(bench.path().join("site/link.txt")).expect("a link");
    publish(&bench, "second");
    assert_eq!(serving.get("/").is(200).body, "second");
}
