//! Vulnerabilities of the NVD in the form of its API 2.0: a page (`vulnerabilities` in an envelope),
//! one entry alone (`{"cve": ...}`), a list of entries, or one a line. A vulnerability is observed when
//! it was published; the NVD writes times in UTC without saying so, so the feed's zone is UTC.
//!
//! The NVD is older than the years that are believed elsewhere: its first entries are of 1988, and
//! no clock that was never set wrote them. An entry in status Rejected names no vulnerability and is
//! a reject. A page says how many there are in all; where it holds fewer than that, a warning says
//! so.

use std::io::{self, BufRead};

use model::feed::Feed;
use model::field::Field;
use model::reject::RejectReason;

use crate::cve::set_id;
use crate::document::Window;
use crate::draft::{self, Draft, Fault, Place};
use crate::json::tree::{Json, Tree};
use crate::json::walk::{self, End, Found, Step};
use crate::{Context, Format, Output, Reader, StreamReader, Unreadable, Warning, score, value};

/// The NVD's API 2.0.
pub const FORMAT: Format = Format {
    name: "nvd",
    about: "NVD API 2.0: a page or single vulnerabilities",
    open,
    check,
};

/// How a document holds its entries.
#[derive(Clone, Copy)]
enum Layout {
    /// A page: members of the envelope.
    Page,
    /// One entry or a list of them.
    Entries,
}

fn open(ctx: &Context<'_>, head: &[u8]) -> Result<Reader, Unreadable> {
    let first = draft::json_start(FORMAT.name, head)?;
    let lines = draft::is_json_lines(head);
    let layout = match first {
        b'{' if !lines && draft::has(head, "cve") != Some(true) => {
            if draft::has(head, "vulnerabilities") == Some(false)
                && draft::has(head, "totalResults") == Some(false)
            {
                let detail = "there is neither `vulnerabilities` nor `cve`";
                return Err(draft::header(FORMAT.name, detail));
            }
            Layout::Page
        }
        _ => Layout::Entries,
    };
    Ok(Reader::Stream(Box::new(Vulnerabilities {
        draft: Draft::new(ctx)?,
        tree: Tree::default(),
        layout,
        lines,
    })))
}

fn check(feed: &Feed) -> Vec<String> {
    draft::check_fixed(feed, &[])
}

struct Vulnerabilities {
    draft: Draft,
    tree: Tree,
    layout: Layout,
    /// The document is one of JSON values one after another.
    lines: bool,
}

impl StreamReader for Vulnerabilities {
    fn read(mut self: Box<Self>, input: &mut dyn BufRead, out: &mut dyn Output) -> io::Result<()> {
        let mut window = Window::new(input)?;
        let path: &[Step] = match self.layout {
            Layout::Page => &[Step::Every],
            Layout::Entries => &[],
        };
        let lines = self.lines;
        let (mut entries, mut total) = (0u64, 0u64);
        let mut each = |found: Found<'_>| match found {
            Found::Element(element) => match element.key {
                Some("vulnerabilities") | None => {
                    entries += 1;
                    self.vulnerability(element.into(), out);
                }
                Some("totalResults") => {
                    total = serde_json::from_slice(element.bytes).unwrap_or(0);
                }
                Some(_) => {}
            },
            Found::Broken(reject) => out.reject(reject),
            Found::Remark(message) => out.warn(Warning {
                label: "loose-json",
                message: message.into(),
            }),
            Found::Closed => {}
        };
        let end = if lines {
            walk::values(&mut window, &mut each)?
        } else {
            walk::walk(&mut window, path, &mut each)?
        };
        if end == End::Cut {
            out.warn(Warning {
                label: "truncated",
                message: "the document ends before its records do: it may have been cut off".into(),
            });
        }
        if total > entries {
            out.warn(Warning {
                label: "one-page",
                message: format!("the page holds {entries} of {total} vulnerabilities"),
            });
        }
        Ok(())
    }
}

impl Vulnerabilities {
    fn vulnerability(&mut self, place: Place<'_>, out: &mut dyn Output) {
        self.draft.clear();
        let filled = draft::element(&mut self.tree, place.bytes).and_then(|json| {
            let cve = json.get("cve").ok_or_else(|| {
                let message = "the entry has no `cve`".to_owned();
                (RejectReason::MissingField, message)
            })?;
            fill(&mut self.draft, cve)
        });
        match filled {
            Ok(()) => self.draft.hand_over(place, out),
            Err(fault) => out.reject(place.reject(fault)),
        }
    }
}

/// 1980-01-01T00:00:00Z: what is written as older is no time of publication.
const FIRST: i64 = 315_532_800_000_000;
/// 1990-01-01T00:00:00Z: from here on the common rule of times holds.
const BELIEVED: i64 = 631_152_000_000_000;

fn fill(draft: &mut Draft, cve: Json<'_>) -> Result<(), Fault> {
    set_id(draft, "cve.id", cve.member("id").string())?;
    let status = cve.member("vulnStatus").string();
    if status.is_some_and(|status| status.eq_ignore_ascii_case("Rejected")) {
        let message = "the vulnerability is Rejected: it names none".to_owned();
        return Err((RejectReason::NoObservable, message));
    }
    let published = cve.member("published").string().ok_or_else(|| {
        let message = "the vulnerability has no `published`".to_owned();
        (RejectReason::MissingField, message)
    })?;
    match value::instant(published, draft.zone()) {
        Some(written) if (FIRST..BELIEVED).contains(&written.at.0) => {
            draft.record.set_time(Field::ObservedAt, written.at);
            draft.record.written_day = Some(written.day);
        }
        _ => draft.set(Field::ObservedAt, published)?,
    }
    let english = |text: &Json<'_>| text.member("lang").string() == Some("en");
    let mut texts = cve.member("descriptions").list();
    let first = cve.member("descriptions").list().next();
    let described = texts.find(english).or(first);
    let described = described.and_then(|text| text.member("value").string());
    let name = cve.member("cisaVulnerabilityName").string();
    if let Some(text) = name.or(described) {
        draft.keep(Field::Description, text);
    }
    if let Some(status) = status {
        draft.keep(Field::Status, status);
    }
    // Primary scores stand before secondary ones of the same CVSS version.
    let metrics: Vec<Json<'_>> = cve
        .member("metrics")
        .members()
        .flat_map(Json::list)
        .collect();
    let primary = |metric: &&Json<'_>| metric.member("type").string() == Some("Primary");
    let ordered = metrics
        .iter()
        .filter(primary)
        .chain(metrics.iter().filter(|metric| !primary(metric)));
    score::set(draft, ordered.map(|metric| metric.member("cvssData")));
    products(draft, cve);
    if let Some(url) = cve
        .member("references")
        .list()
        .find_map(|reference| reference.member("url").string())
    {
        draft.keep(Field::DescriptionUrl, url);
    }
    if name.is_some()
        && let Some(described) = described
    {
        draft.record.extra_text("description", described);
    }
    let mut weaknesses: Vec<&str> = Vec::new();
    for text in cve
        .member("weaknesses")
        .list()
        .flat_map(|weakness| weakness.member("description").list())
    {
        if let Some(id) = text.member("value").string()
            && !weaknesses.contains(&id)
        {
            weaknesses.push(id);
        }
    }
    draft.extra_list("cwes", &weaknesses);
    for (member, key) in [
        ("cisaExploitAdd", "kev_date_added"),
        ("cisaActionDue", "kev_due_date"),
        ("cisaRequiredAction", "kev_required_action"),
        ("sourceIdentifier", "assigner"),
        ("lastModified", "date_updated"),
    ] {
        draft.extra(key, cve.member(member));
    }
    Ok(())
}

/// Vendor and product of the first vulnerable CPE name (2.3, NISTIR 7695): its fourth and fifth part.
fn products(draft: &mut Draft, cve: Json<'_>) {
    let nodes = cve
        .member("configurations")
        .list()
        .flat_map(|configuration| configuration.member("nodes").list());
    let criteria = nodes
        .flat_map(|node| node.member("cpeMatch").list())
        .filter(|matched| matched.member("vulnerable").bool() == Some(true))
        .find_map(|matched| matched.member("criteria").string());
    let parts = criteria.map(cpe_parts).unwrap_or_default();
    for (field, at) in [(Field::ProductVendor, 3), (Field::ProductName, 4)] {
        if let Some(part) = parts
            .get(at)
            .filter(|part| !matches!(part.as_str(), "*" | "-"))
        {
            draft.keep(field, part);
        }
    }
}

/// The parts of a CPE name; `\:` is a colon inside a part.
fn cpe_parts(name: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut rest = name.chars();
    while let Some(character) = rest.next() {
        match (character, parts.last_mut()) {
            (':', _) => parts.push(String::new()),
            ('\\', Some(part)) => part.extend(rest.next()),
            (other, Some(part)) => part.push(other),
            (_, None) => {}
        }
    }
    parts
}
