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
use serde_json::Value as Json;

use crate::cve::is_cve;
use crate::document::Window;
use crate::draft::{self, Draft, Fault, Held, list, string};
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
        document: Json::Null,
        products: Products::default(),
        held: Held::new(),
    })))
}

fn check(feed: &Feed) -> Vec<String> {
    draft::check_fixed(feed, &[])
}

struct Advisory {
    draft: Draft,
    document: Json,
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
                Some("document") => match draft::element(element.bytes) {
                    Ok(document) => self.document = document,
                    Err(fault) => out.reject(draft::Place::from(element).reject(fault)),
                },
                Some("product_tree") => {
                    // Names of products are an addition: a tree that cannot be read costs no record.
                    if let Ok(tree) = draft::element(element.bytes) {
                        self.products.collect(&tree["branches"], 0);
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
    fn collect(&mut self, branches: &Json, depth: usize) {
        for branch in list(branches) {
            let names = match string(&branch["category"]) {
                Some("vendor") => Some(&mut self.vendors),
                Some("product_name") => Some(&mut self.names),
                _ => None,
            };
            if let (Some(names), Some(name)) = (names, string(&branch["name"]))
                && names.len() < MAX_NAMES
                && !names.iter().any(|known| known == name)
            {
                names.push(name.to_owned());
            }
            if depth < MAX_BRANCHES {
                self.collect(&branch["branches"], depth + 1);
            }
        }
    }
}

impl Advisory {
    fn flush(&mut self, out: &mut dyn Output) {
        let Advisory {
            draft,
            document,
            products,
            held,
        } = self;
        held.drain(|(), place| {
            draft.clear();
            let filled = draft::element(place.bytes)
                .and_then(|entry| fill(draft, document, products, &entry));
            match filled {
                Ok(()) => draft.hand_over(place, out),
                Err(fault) => out.reject(place.reject(fault)),
            }
        });
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
    document: &Json,
    products: &Products,
    entry: &Json,
) -> Result<(), Fault> {
    let cve = string(&entry["cve"]);
    let other = list(&entry["ids"]).find_map(|id| string(&id["text"]));
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
    let tracking = &document["tracking"];
    let released = ["initial_release_date", "current_release_date"]
        .iter()
        .find_map(|name| string(&tracking[*name]));
    let released = released.ok_or_else(|| {
        let message = "the advisory has no `document.tracking.initial_release_date`".to_owned();
        (RejectReason::MissingField, message)
    })?;
    draft.set(Field::ObservedAt, released)?;
    if let Some(title) = string(&entry["title"]).or(string(&document["title"])) {
        draft.keep(Field::Description, title);
    }
    if let Some(label) = string(&document["distribution"]["tlp"]["label"]) {
        draft.keep(Field::Tlp, label);
    }
    if let Some(publisher) = string(&document["publisher"]["name"]) {
        draft.keep(Field::Reporter, publisher);
    }
    let mut references = list(&document["references"]).filter(|reference| {
        string(&reference["category"]) == Some("self")
            && string(&reference["url"]).is_some_and(|url| !url.ends_with(".json"))
    });
    if let Some(url) = references.find_map(|reference| string(&reference["url"])) {
        draft.keep(Field::DescriptionUrl, url);
    }
    let mut statuses = STATUSES.iter();
    if let Some(status) =
        statuses.find(|name| list(&entry["product_status"][**name]).next().is_some())
    {
        draft.keep(Field::Status, status);
    }
    score::set(
        draft,
        list(&entry["scores"]).flat_map(|score| [&score["cvss_v3"], &score["cvss_v2"]]),
    );
    if !draft.record.has(Field::Severity) {
        let impact = list(&entry["threats"])
            .find(|threat| string(&threat["category"]) == Some("impact"))
            .and_then(|threat| string(&threat["details"]));
        let words = impact.or(string(&document["aggregate_severity"]["text"]));
        if let Some(words) = words {
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
    draft.extra("advisory", &tracking["id"]);
    draft.extra("advisory_title", &document["title"]);
    draft.extra("advisory_version", &tracking["version"]);
    draft.extra("advisory_status", &tracking["status"]);
    draft.extra("advisory_category", &document["category"]);
    draft.extra("date_updated", &tracking["current_release_date"]);
    draft.extra("cwe", &entry["cwe"]["id"]);
    let summary = list(&entry["notes"])
        .filter(|note| matches!(string(&note["category"]), Some("summary" | "description")))
        .find_map(|note| string(&note["text"]));
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
