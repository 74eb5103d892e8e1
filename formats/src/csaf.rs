//! Security advisories in CSAF 2.0 (OASIS Standard, ISO/IEC 20153): one document, one record for each
//! entry of `vulnerabilities` (section 3.2.3). An entry is observed when its advisory was first
//! released (`document.tracking.initial_release_date`), so that a revision makes no second event of
//! it where the feed's entry narrows the identity.
//!
//! Entries wait until the document is read to its end, for their meaning hangs on parts that may
//! come later: the advisory's marking and date, the product tree. The list is walked entry by entry;
//! a part that is not needed is passed by unread, whatever its length. An entry without a CVE id
//! goes by the first id of another system that it has. Other documents of the CSAF world (provider
//! metadata, aggregators, ROLIE feeds) are told by name.

use std::io::{self, BufRead};

use model::feed::Feed;
use model::field::Field;
use model::reject::RejectReason;

use crate::cve::is_cve;
use crate::document::Window;
use crate::draft::{self, Draft, Fault, Held};
use crate::json::tree::{Json, Tree};
use crate::json::walk::{self, End, Found, Step};
use crate::{Context, Format, Output, Reader, StreamReader, Unreadable, Warning, score};

/// CSAF 2.0.
pub const FORMAT: Format = Format {
    name: "csaf",
    about: "CSAF 2.0 advisories, one record a vulnerability",
    open,
    check,
};

/// Documents that come along with advisories and are none.
const OTHERS: &[(&str, &str)] = &[
    (
        "canonical_url",
        "a description of a provider or an aggregator",
    ),
    ("feed", "a ROLIE feed"),
    ("service", "a ROLIE service document"),
    ("categories", "a ROLIE category document"),
];

fn open(ctx: &Context<'_>, head: &[u8]) -> Result<Reader, Unreadable> {
    let first = draft::json_start(FORMAT.name, head)?;
    if first != b'{' || draft::has(head, "document") == Some(false) {
        let other = OTHERS
            .iter()
            .find(|(member, _)| draft::has(head, member) == Some(true));
        let detail = match other {
            Some((_, what)) => format!("this is {what}, not an advisory"),
            None => "there is no member `document`".to_owned(),
        };
        return Err(draft::header(FORMAT.name, detail));
    }
    Ok(Reader::Stream(Box::new(Advisory {
        draft: Draft::new(ctx)?,
        tree: Tree::default(),
        document: Tree::default(),
        products: Products::default(),
        held: Held::new(),
    })))
}

fn check(feed: &Feed) -> Vec<String> {
    draft::check_fixed(feed, &[])
}

struct Advisory {
    draft: Draft,
    tree: Tree,
    document: Tree,
    products: Products,
    held: Held<()>,
}

/// What the product tree names.
#[derive(Default)]
struct Products {
    vendors: Vec<String>,
    names: Vec<String>,
}

impl StreamReader for Advisory {
    fn read(mut self: Box<Self>, input: &mut dyn BufRead, out: &mut dyn Output) -> io::Result<()> {
        let mut window = Window::new(input)?.with_longest(LONGEST);
        let mut late = false;
        let end = walk::walk(&mut window, &[Step::Every], &mut |found| match found {
            Found::Element(element) => match element.key {
                Some("document") => match draft::element(&mut self.tree, element.bytes) {
                    Ok(_) => std::mem::swap(&mut self.document, &mut self.tree),
                    Err(fault) => out.reject(draft::Place::from(element).reject(fault)),
                },
                Some("product_tree") => {
                    // Names of products are an addition: a tree that cannot be read costs no record.
                    if let Ok(tree) = draft::element(&mut self.tree, element.bytes) {
                        self.products.collect(tree.member("branches"), 0);
                    }
                }
                Some("vulnerabilities") if self.held.push((), element.into()) => {
                    late = true;
                    self.flush(out);
                }
                _ => {}
            },
            Found::Broken(reject) => out.reject(reject),
            Found::Remark(message) => out.warn(Warning {
                label: "loose-json",
                message: message.into(),
            }),
            Found::Closed => {}
        })?;
        self.flush(out);
        if late {
            out.warn(Warning {
                label: "late-parts",
                message: "the advisory is so long that parts at its end do not reach its first vulnerabilities".into(),
            });
        }
        if end == End::Cut {
            out.warn(Warning {
                label: "truncated",
                message: "the document ends before its records do: it may have been cut off".into(),
            });
        }
        Ok(())
    }
}

/// The longest part of an advisory that is read: product trees of large vendors are long.
const LONGEST: usize = 16 << 20;
/// Branches inside branches that are followed.
const MAX_BRANCHES: usize = 30;
/// Names of products that are kept with every record.
const MAX_NAMES: usize = 50;

impl Products {
    /// Collects the names of vendors and products (section 3.2.2.1).
    fn collect(&mut self, branches: Json<'_>, depth: usize) {
        for branch in branches.list() {
            let names = match branch.member("category").string() {
                Some("vendor") => Some(&mut self.vendors),
                Some("product_name") => Some(&mut self.names),
                _ => None,
            };
            if let (Some(names), Some(name)) = (names, branch.member("name").string())
                && names.len() < MAX_NAMES
                && !names.iter().any(|known| known == name)
            {
                names.push(name.to_owned());
            }
            if depth < MAX_BRANCHES {
                self.collect(branch.member("branches"), depth + 1);
            }
        }
    }
}

impl Advisory {
    fn flush(&mut self, out: &mut dyn Output) {
        let Advisory {
            draft,
            tree,
            document,
            products,
            held,
        } = self;
        let about = About::of(document.root());
        held.drain(|(), place| {
            draft.clear();
            let filled = draft::element(tree, place.bytes)
                .and_then(|entry| fill(draft, &about, products, entry));
            match filled {
                Ok(()) => draft.hand_over(place, out),
                Err(fault) => out.reject(place.reject(fault)),
            }
        });
    }
}

/// What the document says of all its entries, looked up once: it may be as long as they are many.
struct About<'t> {
    released: Option<&'t str>,
    title: Option<&'t str>,
    label: Option<&'t str>,
    publisher: Option<&'t str>,
    url: Option<&'t str>,
    severity: Option<&'t str>,
    /// Members that go to `extra`, by their key there.
    kept: [(&'static str, Json<'t>); 6],
}

impl<'t> About<'t> {
    fn of(document: Json<'t>) -> Self {
        let text = |path: &[&str]| {
            let at = |json: Json<'t>, name: &&str| json.member(name);
            path.iter().fold(document, at).string()
        };
        let tracking = document.member("tracking");
        let page = |reference: Json<'t>| {
            let url = reference.member("url").string();
            let url = url.filter(|url| !url.ends_with(".json"))?;
            (reference.member("category").string() == Some("self")).then_some(url)
        };
        About {
            released: ["initial_release_date", "current_release_date"]
                .iter()
                .find_map(|name| tracking.member(name).string()),
            title: text(&["title"]),
            label: text(&["distribution", "tlp", "label"]),
            publisher: text(&["publisher", "name"]),
            url: document.member("references").list().find_map(page),
            severity: text(&["aggregate_severity", "text"]),
            kept: [
                ("advisory", tracking.member("id")),
                ("advisory_title", document.member("title")),
                ("advisory_version", tracking.member("version")),
                ("advisory_status", tracking.member("status")),
                ("advisory_category", document.member("category")),
                ("date_updated", tracking.member("current_release_date")),
            ],
        }
    }
}

/// What an entry says of products (section 3.2.3.9), from the gravest to the most harmless.
const STATUSES: &[&str] = &[
    "known_affected",
    "first_affected",
    "last_affected",
    "under_investigation",
    "recommended",
    "first_fixed",
    "fixed",
    "known_not_affected",
];

fn fill(
    draft: &mut Draft,
    about: &About<'_>,
    products: &Products,
    entry: Json<'_>,
) -> Result<(), Fault> {
    let cve = entry.member("cve").string();
    let other = entry
        .member("ids")
        .list()
        .find_map(|id| id.member("text").string());
    let id = cve.or(other).ok_or_else(|| {
        let message = "the vulnerability has neither `cve` nor `ids`".to_owned();
        (RejectReason::MissingField, message)
    })?;
    draft.set(Field::VulnerabilityId, id)?;
    match cve {
        Some(cve) if !is_cve(cve) => {
            let message = format!("cve: `{}` is not a CVE id", crate::value::shorten(cve));
            return Err((RejectReason::BadValue, message));
        }
        Some(cve) => draft.set(Field::Vulnerabilities, cve)?,
        None => {}
    }
    let released = about.released.ok_or_else(|| {
        let message = "the advisory has no `document.tracking.initial_release_date`".to_owned();
        (RejectReason::MissingField, message)
    })?;
    draft.set(Field::ObservedAt, released)?;
    if let Some(title) = entry.member("title").string().or(about.title) {
        draft.keep(Field::Description, title);
    }
    if let Some(label) = about.label {
        draft.keep(Field::Tlp, label);
    }
    if let Some(publisher) = about.publisher {
        draft.keep(Field::Reporter, publisher);
    }
    if let Some(url) = about.url {
        draft.keep(Field::DescriptionUrl, url);
    }
    let products_by = entry.member("product_status");
    let is_given = |name: &&&str| products_by.member(name).list().next().is_some();
    if let Some(status) = STATUSES.iter().find(is_given) {
        draft.keep(Field::Status, status);
    }
    let scores = entry.member("scores").list();
    let scores = scores.flat_map(|score| [score.member("cvss_v3"), score.member("cvss_v2")]);
    score::set(draft, scores);
    if !draft.record.has(Field::Severity) {
        let impact = entry
            .member("threats")
            .list()
            .find(|threat| threat.member("category").string() == Some("impact"))
            .and_then(|threat| threat.member("details").string());
        if let Some(words) = impact.or(about.severity) {
            set_severity(draft, words);
        }
    }
    if let [vendor] = products.vendors.as_slice() {
        draft.keep(Field::ProductVendor, vendor);
    } else {
        draft.extra_list("vendors", &products.vendors);
    }
    if let [name] = products.names.as_slice() {
        draft.keep(Field::ProductName, name);
    } else {
        draft.extra_list("products", &products.names);
    }
    for (key, json) in about.kept {
        draft.extra(key, json);
    }
    draft.extra("cwe", entry.member("cwe").member("id"));
    let summary = entry
        .member("notes")
        .list()
        .filter(|note| {
            matches!(
                note.member("category").string(),
                Some("summary" | "description")
            )
        })
        .find_map(|note| note.member("text").string());
    if let Some(summary) = summary {
        draft.record.extra_text("description", summary);
    }
    Ok(())
}

/// Severity in an issuer's words: ours, or the scale that vendors use (`Important` is high). Longer
/// text is no word of a scale; it stays in `extra`.
fn set_severity(draft: &mut Draft, words: &str) {
    match words {
        "Important" | "important" => draft.keep(Field::Severity, "high"),
        words => draft.keep(Field::Severity, words),
    }
}
