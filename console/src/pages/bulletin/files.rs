//! Files of a revision: the page in a frame of our own, every form to download, the published files as they are kept,
//! and the records behind a figure as CSV.

use std::io::Read;
use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bulletin::render::{self, Form};
use bulletin::statistics;
use model::bulletin::Lang;
use model::newsroom::Right;
use serde::Deserialize;

use super::stand::Stand;
use super::{centre, inspector, issue_of, key_of, newsroom, parse, revisions, row};
use crate::Desk;
use crate::newsroom::Asked;
use crate::pages::shell::{self, Nav, Shell};
use crate::public;
use crate::refusal::Refusal;
use crate::routes::{Described, Need, Route, Verb, get};
use crate::visitor::Visitor;
use crate::words::{fill, words};

const VIEW: Need = Need::Right(Right::View);
/// Keys of a file of records at most.
const MOST: usize = 100_000;
/// Bytes of a stored file that is handed out.
const LARGEST: u64 = 64 << 20;

pub(crate) const ROUTES: &[Route] = &[
    Route::page("/console/bulletin/{issue}/look", VIEW, || get(look)),
    Route::page(
        "/console/bulletin/{issue}/revisions/{revision}/page/{lang}",
        VIEW,
        || get(page),
    ),
    Route::page(
        "/console/bulletin/{issue}/revisions/{revision}/as/{form}/{lang}",
        VIEW,
        || get(form),
    ),
    Route::page(
        "/console/bulletin/{issue}/revisions/{revision}/files/{name}",
        VIEW,
        || get(stored),
    ),
    Route::page("/console/bulletin/{issue}/records", VIEW, || get(records)),
    Route::api(
        Verb::Get,
        "/api/v1/bulletins/{issue}/revisions/{revision}/files/{name}",
        VIEW,
        says_file,
        || get(stored),
    ),
];

fn says_file() -> Described {
    Described {
        summary: "A file of a published revision, as it is kept.",
        kind: Some("application/octet-stream"),
        ..Described::default()
    }
}

words! {
    Words {
        title: "第 {n} 期的版式", "Forms of issue {n}";
        back: "回到编辑台", "Back to the desk";
        frame: "网页版式，修订 {n}", "The page, revision {n}";
        alone: "单独打开", "Open alone";
        forms: "按当前修订生成", "Rendered from this revision";
        forms_text: "每次下载即时生成；同一修订总是得到同样的字节。", "Made when asked for; the same revision always gives the same bytes.";
        stored: "已发布的文件", "Published files";
        stored_text: "发布时存下的原件，按哈希保存。", "What was kept by its hash when it was published.";
        none: "这个修订没有发布过。", "This revision was never published.";
    }
}

#[derive(Debug, Default, Deserialize)]
struct Which {
    #[serde(default)]
    revision: Option<i32>,
    #[serde(default)]
    figure: String,
}

#[derive(Template)]
#[template(path = "bulletin-look.html")]
struct LookPage {
    shell: Shell,
    w: &'static Words,
    base: String,
    heading: String,
    frame: String,
    revision: i32,
    code: &'static str,
    forms: Vec<&'static str>,
    files: Vec<(String, String)>,
}

async fn look(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path(issue): Path<String>,
    Query(asked): Query<Which>,
) -> Result<Response, Refusal> {
    centre(&visitor)?;
    let w = Words::of(visitor.lang);
    let stand = Stand::of(&desk, issue_of(&issue)?).await?;
    let newest = stand.newest().ok_or(Refusal::Absent)?.revision;
    let revision = asked.revision.unwrap_or(newest);
    if !stand.heads.iter().any(|head| head.revision == revision) {
        return Err(Refusal::Absent);
    }
    let files = desk.ledger.renditions(&stand.key, revision).await?;
    let heading = fill(w.title, &[("n", &stand.issue)]);
    Ok(shell::page(&LookPage {
        shell: shell::shell(&desk, &visitor, Nav::Bulletin, &heading).await,
        w,
        base: format!("/console/bulletin/{}", stand.issue),
        heading,
        frame: fill(w.frame, &[("n", &revision)]),
        revision,
        code: visitor.lang.code(),
        forms: Form::ALL.iter().map(|form| form.name()).collect(),
        files: files
            .into_iter()
            .map(|file| (file.name, size(file.size)))
            .collect(),
    }))
}

/// A size for people.
fn size(bytes: i64) -> String {
    match bytes {
        0..1_024 => format!("{bytes} B"),
        1_024..1_048_576 => format!("{} KiB", bytes / 1_024),
        _ => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
    }
}

/// A language by its code, or by the end of the name that an issue's page leads to: `2026-46.en.html`.
fn lang_of(code: &str) -> Result<Lang, Refusal> {
    let code = code.trim_end_matches(".html");
    let code = code.rsplit('.').next().unwrap_or(code);
    let found = Lang::ALL.into_iter().find(|lang| lang.code() == code);
    found.ok_or(Refusal::Absent)
}

/// The page of a revision, for a frame: its own style inside, so its own policy by hash. It runs no script here, leads
/// nowhere, and is drawn by nobody else's page.
async fn page(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path((issue, revision, lang)): Path<(String, String, String)>,
) -> Result<Response, Refusal> {
    centre(&visitor)?;
    let revision: i32 = revision.parse().map_err(|_| Refusal::Absent)?;
    let row = row(&desk, &key_of(&desk, issue_of(&issue)?), revision).await?;
    let mut bulletin = parse(&row)?;
    if row.state == ledger::IssueState::Approved {
        bulletin.state = model::bulletin::State::Approved;
    }
    let html = render::html(&bulletin, lang_of(&lang)?);
    Ok(framed(html))
}

/// A page with style inside, for a frame on our own pages.
pub(crate) fn framed(html: String) -> Response {
    // Its own switch of themes cannot run in a frame without script: a browser would complain of it.
    let html = match (html.find("<script>"), html.find("</script>")) {
        (Some(from), Some(to)) if from < to => {
            format!("{}{}", &html[..from], &html[to + "</script>".len()..])
        }
        _ => html,
    };
    let policy = public::framed(html.as_bytes());
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/html; charset=utf-8"),
        ),
        (header::CONTENT_SECURITY_POLICY, policy),
    ];
    (headers, html).into_response()
}

/// A file that a browser stores and does not open.
pub(crate) fn download(name: &str, bytes: Vec<u8>) -> Response {
    let plain: String = name
        .chars()
        .map(|c| match c.is_ascii_alphanumeric() || "-_.".contains(c) {
            true => c,
            false => '_',
        })
        .collect();
    let disposition = format!("attachment; filename=\"{plain}\"");
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static(public::kind_of(name)),
        ),
        (
            header::CONTENT_DISPOSITION,
            HeaderValue::from_str(&disposition).unwrap_or(HeaderValue::from_static("attachment")),
        ),
        (
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static("default-src 'none'; sandbox"),
        ),
    ];
    (headers, bytes).into_response()
}

async fn form(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path((issue, revision, form, lang)): Path<(String, String, String, String)>,
) -> Result<Response, Refusal> {
    centre(&visitor)?;
    let issue = issue_of(&issue)?;
    let revision: i32 = revision.parse().map_err(|_| Refusal::Absent)?;
    let lang = lang_of(&lang)?;
    let form = Form::ALL.into_iter().find(|one| one.name() == form);
    let form = form.ok_or(Refusal::Absent)?;
    let mut files = newsroom(&desk)?.render(issue, revision, form, lang).await?;
    if files.len() == 1 {
        let file = files.remove(0);
        return Ok(download(&file.name, file.bytes));
    }
    let mut archive = Archive::default();
    for file in files {
        archive.add(&file.name, &file.bytes);
    }
    let name = format!("{issue}-r{revision}.{}.{}.tar", form.name(), lang.code());
    Ok(download(&name, archive.end()))
}

async fn stored(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path((issue, revision, name)): Path<(String, String, String)>,
) -> Result<Response, Refusal> {
    centre(&visitor)?;
    let key = key_of(&desk, issue_of(&issue)?);
    let revision: i32 = revision.parse().map_err(|_| Refusal::Absent)?;
    // Only what the ledger lists for the revision, by the name it is listed under.
    let files = desk.ledger.renditions(&key, revision).await?;
    let file = files.into_iter().find(|file| file.name == name);
    let file = file.ok_or(Refusal::Absent)?;
    let blobs = desk.blobs.clone();
    let read = tokio::task::spawn_blocking(move || -> Result<Vec<u8>, Refusal> {
        let mut bytes = Vec::new();
        let open = blobs.open(&file.hash)?;
        open.take(LARGEST)
            .read_to_end(&mut bytes)
            .map_err(|error| Refusal::broken("a stored file", error))?;
        Ok(bytes)
    });
    let bytes = read
        .await
        .map_err(|error| Refusal::broken("a stored file", error))??;
    Ok(download(&name, bytes))
}

/// The counted keys behind a figure, defanged nowhere: a file for programs, which says so by its name.
async fn records(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path(issue): Path<String>,
    Query(asked): Query<Which>,
) -> Result<Response, Refusal> {
    centre(&visitor)?;
    let issue = issue_of(&issue)?;
    let key = key_of(&desk, issue);
    let revision = match asked.revision {
        Some(revision) => revision,
        None => {
            revisions(&desk, &key)
                .await?
                .first()
                .ok_or(Refusal::Absent)?
                .revision
        }
    };
    let b = parse(&row(&desk, &key, revision).await?)?;
    let value = b.value(&asked.figure).ok_or(Refusal::Absent)?;
    let statistic = statistics::named(&value.statistic).ok_or(Refusal::Absent)?;
    let (upper, _) = inspector::cells(statistic, &value.key);
    if upper.is_empty() {
        return Err(Refusal::Absent);
    }
    let behind = newsroom(&desk)?
        .behind(Asked {
            issue,
            revision,
            statistic: statistic.id.to_owned(),
            cells: upper,
            most: MOST,
            key: String::new(),
        })
        .await?;
    let mut text = String::from("\u{feff}cell,key,feeds,events\r\n");
    for line in &behind.lines {
        let events = line.events.iter();
        let events: Vec<String> = events
            .map(|one| format!("{}:{}", one.report, one.line))
            .collect();
        let cells = [
            line.input.as_str(),
            &line.key,
            &line.feeds.join(" "),
            &events.join(" "),
        ];
        let row: Vec<String> = cells.iter().map(|cell| quoted(cell)).collect();
        text.push_str(&row.join(","));
        text.push_str("\r\n");
    }
    let name = format!(
        "{issue}-r{revision}-{}-live.csv",
        value.key.replace('/', "-")
    );
    Ok(download(&name, text.into_bytes()))
}

/// A cell of a CSV file (RFC 4180); what a spreadsheet would take for a formula gets an apostrophe.
fn quoted(cell: &str) -> String {
    let guarded = match cell.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        true => format!("'{cell}"),
        false => cell.to_owned(),
    };
    match guarded.contains(['"', ',', '\n', '\r']) {
        true => format!("\"{}\"", guarded.replace('"', "\"\"")),
        false => guarded,
    }
}

/// Several files as one (ustar, POSIX.1-1988): no clock and no owner in it, so the same files give the same bytes.
#[derive(Default)]
pub(crate) struct Archive {
    bytes: Vec<u8>,
}

impl Archive {
    /// Adds a file; its name is cut after 100 bytes, which no name of ours has.
    pub(crate) fn add(&mut self, name: &str, content: &[u8]) {
        let mut head = [0_u8; 512];
        let mut put = |at: usize, text: &[u8]| {
            for (place, byte) in head[at..].iter_mut().zip(text) {
                *place = *byte;
            }
        };
        put(0, &name.as_bytes()[..name.len().min(100)]);
        put(100, b"0000644\0");
        put(108, b"0000000\0");
        put(116, b"0000000\0");
        put(124, format!("{:011o}\0", content.len()).as_bytes());
        put(136, b"00000000000\0");
        put(148, b"        ");
        put(156, b"0");
        put(257, b"ustar\x0000");
        let sum: u32 = head.iter().map(|byte| u32::from(*byte)).sum();
        let sum = format!("{sum:06o}\0 ");
        head[148..156].copy_from_slice(sum.as_bytes());
        self.bytes.extend_from_slice(&head);
        self.bytes.extend_from_slice(content);
        let rest = content.len().next_multiple_of(512) - content.len();
        self.bytes.resize(self.bytes.len() + rest, 0);
    }

    /// The archive.
    pub(crate) fn end(mut self) -> Vec<u8> {
        self.bytes.resize(self.bytes.len() + 1024, 0);
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_and_no_formula() {
        assert_eq!(quoted("a,\"b\""), "\"a,\"\"b\"\"\"");
        assert_eq!(quoted("=1+1"), "'=1+1");
        assert_eq!(quoted("192.0.2.1"), "192.0.2.1");
    }

    #[test]
    fn an_archive_is_whole_blocks_with_a_sum() {
        let mut archive = Archive::default();
        archive.add("a.txt", b"hello");
        let bytes = archive.end();
        assert_eq!(bytes.len(), 512 + 512 + 1024);
        assert_eq!(&bytes[512..517], b"hello");
        let stored = std::str::from_utf8(&bytes[148..154]).unwrap();
        let mut head = bytes[..512].to_vec();
        head[148..156].copy_from_slice(b"        ");
        let sum: u32 = head.iter().map(|byte| u32::from(*byte)).sum();
        assert_eq!(u32::from_str_radix(stored, 8).unwrap(), sum);
    }
}
