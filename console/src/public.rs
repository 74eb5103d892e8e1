//! The published site: files of one folder, as they are.
//!
//! The folder is replaced as a whole when something is published, so a file is held in memory until the folder is
//! another one; memory is bounded. Names are plain: a path with anything but letters, digits, `-`, `_` and `.` leads
//! nowhere, so that nothing outside the folder can be named. Pages get a content security policy that allows the
//! site's own files and, by hash, what an issue's page carries inside itself. Addresses of withdrawn issues answer
//! 410 with their notice.

use std::collections::HashMap;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::UNIX_EPOCH;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ring::digest::{SHA256, digest};

use crate::problem::Problem;

/// Bytes held in memory.
const MOST: usize = 64 << 20;
/// Larger files are read each time.
const LARGE: usize = 4 << 20;
/// Longest path that is looked at.
const LONGEST: usize = 256;
/// For how long an answer may be used without asking again: a withdrawal must be seen soon.
const FRESH: HeaderValue = HeaderValue::from_static("public, max-age=60");

/// Which folder it is: replaced, it has another number or another time.
type Tree = (u64, u64, i64, i64);

/// A file as it is answered.
struct Held {
    bytes: Bytes,
    etag: HeaderValue,
    kind: HeaderValue,
    modified: Option<HeaderValue>,
    policy: HeaderValue,
    /// Open data: other sites' pages may read it.
    open: bool,
}

#[derive(Default)]
struct Cache {
    tree: Option<Tree>,
    files: HashMap<String, Arc<Held>>,
    bytes: usize,
    /// Withdrawn address to its notice.
    withdrawn: HashMap<String, String>,
}

/// The published site of a folder.
pub struct Public {
    root: PathBuf,
    /// Where the block lists lie that stand below `lists/`.
    lists: Option<PathBuf>,
    cache: RwLock<Cache>,
}

impl Public {
    /// Serves `root`, which need not be there yet.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Public {
            root: root.into(),
            lists: None,
            cache: RwLock::default(),
        }
    }

    /// Serves block lists of this folder below `lists/`. They change by the minute, so none is kept in memory.
    pub fn with_lists(mut self, folder: Option<PathBuf>) -> Self {
        self.lists = folder;
        self
    }

    /// The folder as it is now; None where there is none.
    fn tree(&self) -> Option<Tree> {
        let meta = std::fs::metadata(&self.root)
            .ok()
            .filter(std::fs::Metadata::is_dir)?;
        Some((meta.dev(), meta.ino(), meta.ctime(), meta.ctime_nsec()))
    }

    /// Answers a request; None where no site is published.
    pub(crate) async fn answer(
        self: &Arc<Self>,
        method: &Method,
        path: &str,
        headers: &HeaderMap,
    ) -> Option<Response> {
        let tree = self.tree()?;
        if method != Method::GET && method != Method::HEAD {
            let problem = Problem::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "method-not-allowed",
                "this address does not take that method",
            );
            return Some(axum::response::IntoResponse::into_response(
                problem.header(header::ALLOW, HeaderValue::from_static("GET, HEAD")),
            ));
        }
        let name = name(path);
        if let Some(held) = name.as_deref().and_then(|name| self.held(tree, name)) {
            return Some(respond(StatusCode::OK, &held, method, headers));
        }
        let site = Arc::clone(self);
        let read = tokio::task::spawn_blocking(move || site.read(tree, name.as_deref())).await;
        let (status, held) = read.ok()??;
        Some(respond(status, &held, method, headers))
    }

    /// A file in memory, of this tree and not withdrawn.
    fn held(&self, tree: Tree, name: &str) -> Option<Arc<Held>> {
        let cache = self.cache.read().unwrap_or_else(PoisonError::into_inner);
        if cache.tree != Some(tree) || cache.withdrawn.contains_key(name) {
            return None;
        }
        cache.files.get(name).map(Arc::clone)
    }

    /// Reads a file, or what stands in its place: a notice with 410, the page for wrong addresses with 404.
    fn read(&self, tree: Tree, name: Option<&str>) -> Option<(StatusCode, Arc<Held>)> {
        self.renew(tree);
        let english = name.is_some_and(|name| name.contains(".en."));
        let notice = name.and_then(|name| {
            let cache = self.cache.read().unwrap_or_else(PoisonError::into_inner);
            cache.withdrawn.get(name).cloned()
        });
        if let Some(notice) = notice {
            return Some((StatusCode::GONE, self.file(tree, &notice)?));
        }
        if let Some(held) = name.and_then(|name| self.file(tree, name)) {
            return Some((StatusCode::OK, held));
        }
        if let Some(held) = name.and_then(|name| self.list(name)) {
            return Some((StatusCode::OK, held));
        }
        let lost = if english { "404.en.html" } else { "404.html" };
        Some((StatusCode::NOT_FOUND, self.file(tree, lost)?))
    }

    /// A file of a block list, as it lies there now: `lists/phishing/rpz.zone`.
    fn list(&self, name: &str) -> Option<Arc<Held>> {
        let below = name.strip_prefix("lists/")?;
        let (list, file) = below
            .split_once('/')
            .filter(|(_, file)| !file.contains('/'))?;
        let path = self.lists.as_ref()?.join(list).join(file);
        Some(Arc::new(load(&path, name).ok()??))
    }

    /// Forgets what was read of another tree.
    fn renew(&self, tree: Tree) {
        let mut cache = self.cache.write().unwrap_or_else(PoisonError::into_inner);
        if cache.tree != Some(tree) {
            *cache = Cache {
                tree: Some(tree),
                withdrawn: withdrawn(&self.root),
                ..Cache::default()
            };
        }
    }

    fn file(&self, tree: Tree, name: &str) -> Option<Arc<Held>> {
        let found = self
            .cache
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .files
            .get(name)
            .map(Arc::clone);
        if found.is_some() {
            return found;
        }
        let held = Arc::new(load(&self.root.join(name), name).ok()??);
        // Replaced while it was read: answer with it, but do not keep it under the other tree.
        if self.tree() == Some(tree) && held.bytes.len() <= LARGE {
            let mut cache = self.cache.write().unwrap_or_else(PoisonError::into_inner);
            if cache.tree == Some(tree) && cache.bytes + held.bytes.len() <= MOST {
                cache.bytes += held.bytes.len();
                cache.files.insert(name.to_owned(), Arc::clone(&held));
            }
        }
        Some(held)
    }
}

/// The file that a path names; None for a path that can name none.
fn name(path: &str) -> Option<String> {
    let path = path
        .strip_prefix('/')
        .filter(|path| path.len() <= LONGEST)?;
    let mut name = path.to_owned();
    if name.is_empty() || name.ends_with('/') {
        name.push_str("index.html");
    }
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    let sound = name.split('/').enumerate().all(|(at, part)| {
        let hidden = part.starts_with('.') && !(at == 0 && part == ".well-known");
        !part.is_empty() && !hidden && part.bytes().all(plain)
    });
    sound.then_some(name)
}

/// Reads a file; None where it is no plain file.
fn load(path: &Path, name: &str) -> io::Result<Option<Held>> {
    let meta = std::fs::symlink_metadata(path)?;
    if !meta.is_file() {
        return Ok(None);
    }
    let bytes = std::fs::read(path)?;
    let (kind, open) = kind(name);
    let etag = format!("\"{}\"", &ledger::Hash::of(&bytes).to_string()[..32]);
    let modified = meta
        .modified()
        .ok()
        .and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    Ok(Some(Held {
        etag: HeaderValue::from_str(&etag).map_err(io::Error::other)?,
        kind: HeaderValue::from_static(kind),
        modified: modified.and_then(|since| {
            HeaderValue::from_str(&date(i64::try_from(since.as_secs()).ok()?)?).ok()
        }),
        policy: policy(if kind.starts_with("text/html") {
            &bytes
        } else {
            b""
        }),
        bytes: Bytes::from(bytes),
        open,
    }))
}

/// Seconds since 1970 as HTTP writes them.
fn date(secs: i64) -> Option<String> {
    let at = model::time::Timestamp(secs.checked_mul(1_000_000)?).to_jiff()?;
    Some(at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string())
}

/// Type of a file by its ending, and whether it is open data.
fn kind(name: &str) -> (&'static str, bool) {
    match name.rsplit('.').next().unwrap_or_default() {
        "html" => ("text/html; charset=utf-8", false),
        "css" => ("text/css; charset=utf-8", false),
        "js" => ("text/javascript; charset=utf-8", false),
        "svg" => ("image/svg+xml", false),
        "png" => ("image/png", false),
        "json" if name.starts_with("feeds/") => ("application/feed+json; charset=utf-8", true),
        "json" => ("application/json; charset=utf-8", true),
        "xml" if name.starts_with("feeds/atom") => ("application/atom+xml; charset=utf-8", true),
        "xml" if name.starts_with("feeds/rss") => ("application/rss+xml; charset=utf-8", true),
        "xml" => ("application/xml; charset=utf-8", true),
        "csv" => ("text/csv; charset=utf-8", true),
        "pdf" => ("application/pdf", false),
        "docx" => (
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            false,
        ),
        "xlsx" => (
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            false,
        ),
        "md" => ("text/markdown; charset=utf-8", false),
        "txt" | "hosts" | "rpz" | "zone" => ("text/plain; charset=utf-8", true),
        _ => ("application/octet-stream", false),
    }
}

/// The type of a file by its ending.
pub(crate) fn kind_of(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("tar") => "application/x-tar",
        _ => kind(name).0,
    }
}

/// What an issue's page may do in a frame of the desk: use the style inside itself, and nothing else.
pub(crate) fn framed(html: &[u8]) -> HeaderValue {
    let styles = hashes(html, "style");
    let text = format!(
        "default-src 'none'; style-src{styles}; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'; sandbox"
    );
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("default-src 'none'; sandbox"))
}

/// What a page may load: the site's own files, and by hash the scripts and styles inside it.
fn policy(html: &[u8]) -> HeaderValue {
    let (scripts, styles) = (hashes(html, "script"), hashes(html, "style"));
    let text = format!(
        "default-src 'none'; script-src 'self'{scripts}; style-src 'self'{styles}; img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    );
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("default-src 'none'"))
}

/// Hashes of the elements of a kind that have no attribute, each with a space before it.
fn hashes(html: &[u8], tag: &str) -> String {
    let Ok(mut rest) = std::str::from_utf8(html) else {
        return String::new();
    };
    let (open, close) = (format!("<{tag}>"), format!("</{tag}>"));
    let mut out = String::new();
    while let Some((inside, after)) = rest
        .split_once(&open)
        .and_then(|(_, after)| after.split_once(&close))
    {
        out.push_str(" 'sha256-");
        out.push_str(&BASE64_STANDARD.encode(digest(&SHA256, inside.as_bytes())));
        out.push('\'');
        rest = after;
    }
    out
}

/// Withdrawn addresses and their notices, from the tree's own list.
fn withdrawn(root: &Path) -> HashMap<String, String> {
    let read = || -> Option<HashMap<String, String>> {
        let text = std::fs::read(root.join("withdrawn.json")).ok()?;
        let list: serde_json::Value = serde_json::from_slice(&text).ok()?;
        let mut out = HashMap::new();
        for issue in list.get("withdrawn")?.as_array()? {
            for address in issue.get("addresses")?.as_array()? {
                let address = address.as_str()?;
                let lang = if address.contains(".en.") { "en" } else { "zh" };
                let notice = issue.get("notice")?.get(lang)?.as_str()?;
                if name(&format!("/{notice}")).is_some() {
                    out.insert(address.to_owned(), notice.to_owned());
                }
            }
        }
        Some(out)
    };
    read().unwrap_or_default()
}

/// Whether the caller has this file already.
fn known(headers: &HeaderMap, held: &Held) -> bool {
    if let Some(tags) = headers.get(header::IF_NONE_MATCH) {
        let own = held.etag.to_str().unwrap_or_default();
        let tags = tags.to_str().unwrap_or_default();
        return tags
            .split(',')
            .map(str::trim)
            .any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == own);
    }
    // A date that we gave comes back as we gave it.
    headers
        .get(header::IF_MODIFIED_SINCE)
        .is_some_and(|since| Some(since) == held.modified.as_ref())
}

fn respond(status: StatusCode, held: &Held, method: &Method, headers: &HeaderMap) -> Response {
    let unchanged = status == StatusCode::OK && known(headers, held);
    let body = match unchanged || method == Method::HEAD {
        true => Body::empty(),
        false => Body::from(held.bytes.clone()),
    };
    let mut response = Response::new(body);
    *response.status_mut() = if unchanged {
        StatusCode::NOT_MODIFIED
    } else {
        status
    };
    let out = response.headers_mut();
    out.insert(header::CACHE_CONTROL, FRESH);
    if status == StatusCode::OK {
        out.insert(header::ETAG, held.etag.clone());
        if let Some(modified) = &held.modified {
            out.insert(header::LAST_MODIFIED, modified.clone());
        }
    }
    if !unchanged {
        out.insert(header::CONTENT_TYPE, held.kind.clone());
        if method == Method::HEAD {
            out.insert(header::CONTENT_LENGTH, HeaderValue::from(held.bytes.len()));
        }
    }
    out.insert(header::CONTENT_SECURITY_POLICY, held.policy.clone());
    out.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    out.insert(
        header::REFERRER_POLICY,
        HeaderValue::from_static("same-origin"),
    );
    if held.open {
        out.insert(
            header::ACCESS_CONTROL_ALLOW_ORIGIN,
            HeaderValue::from_static("*"),
        );
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_names_lead_to_a_file() {
        assert_eq!(name("/").as_deref(), Some("index.html"));
        assert_eq!(
            name("/issues/2023-3.zh.html").as_deref(),
            Some("issues/2023-3.zh.html")
        );
        assert_eq!(
            name("/.well-known/security.txt").as_deref(),
            Some(".well-known/security.txt")
        );
        for hostile in [
            "/../etc/passwd",
            "/a/../../b",
            "/%2e%2e/b",
            "/a//b",
            "/.hidden",
            "/a/.well-known/x",
            "/a\\b",
            "/a\0b",
            "//etc/passwd",
            "index.html",
            "/网",
        ] {
            assert_eq!(name(hostile), None, "{hostile}");
        }
        assert_eq!(name(&format!("/{}", "a".repeat(300))), None);
    }

    #[test]
    fn what_a_page_carries_is_allowed_by_its_hash() {
        let policy = policy(
            b"<style>a{}</style><script src=x></script><script>1</script><script>2</script>",
        );
        let text = policy.to_str().expect("a header");
        assert_eq!(text.matches("'sha256-").count(), 3);
        // openssl dgst -sha256 -binary | base64 of `1`.
        assert!(
            text.contains("'sha256-a4ayc/80/OGda4BO/1o/V0etpOqiLx1JwB5S3beHW0s='"),
            "{text}"
        );
        assert!(!text.contains("unsafe"));
    }
}
