//! CVE records in the CVE JSON 5 form (schema 5.0 to 5.2): one record, a list of them, or one a
//! line. A record is observed when it was published; its severity is that of the newest CVSS version
//! among what the assigning authority (`containers.cna`) and the authorized publishers
//! (`containers.adp`) say, for CISA's container often has the only score.
//!
//! A record in state REJECTED names no vulnerability and is a reject. The form has no
//! classification: the feed's entry gives that. Since a record grows over time, an entry may narrow
//! the identity to `vulnerability_id`.

use std::io::{self, BufRead};

use model::feed::Feed;
use model::field::Field;
use model::record::Record;
use model::reject::RejectReason;

use crate::draft::{self, Draft, Fault, Place};
use crate::json::tree::{Json, Tree};
use crate::{
    Block, BlockReader, Context, Format, Framing, Output, Reader, StreamReader, Unreadable, frame,
    json, score, value,
};

/// CVE records.
pub const FORMAT: Format = Format {
    name: "cve",
    about: "CVE records, CVE JSON 5: one, a list or one a line",
    open,
    check,
};

fn open(ctx: &Context<'_>, head: &[u8]) -> Result<Reader, Unreadable> {
    let first = draft::json_start(FORMAT.name, head)?;
    let records = Records {
        draft: Draft::new(ctx)?,
    };
    if draft::is_json_lines(head) {
        let bom = usize::from(head.starts_with(b"\xef\xbb\xbf")) * 3;
        return Ok(Reader::Blocks {
            reader: Box::new(records),
            framing: Framing::Lines,
            header_len: bom,
            header_lines: 0,
        });
    }
    if first == b'{' && draft::has(head, "cveMetadata") == Some(false) {
        let detail = "there is no member `cveMetadata`; a record of CVE JSON 5 is expected";
        return Err(draft::header(FORMAT.name, detail));
    }
    Ok(Reader::Stream(Box::new(records)))
}

fn check(feed: &Feed) -> Vec<String> {
    draft::check_fixed(feed, &[])
}

struct Records {
    draft: Draft,
}

impl StreamReader for Records {
    fn read(mut self: Box<Self>, input: &mut dyn BufRead, out: &mut dyn Output) -> io::Result<()> {
        let mut tree = Tree::default();
        json::read_document(input, &[], out, &mut |element, out| {
            read(&mut self.draft, &mut tree, element.into(), out);
        })
    }
}

impl BlockReader for Records {
    fn read(&self, block: Block<'_>, record: &mut Record, out: &mut dyn Output) {
        let (mut draft, mut tree) = (self.draft.sibling(record), Tree::default());
        for line in frame::rows(block, Framing::Lines) {
            if line.bytes.trim_ascii().is_empty() {
                continue;
            }
            let place = Place {
                line: line.line,
                offset: line.offset,
                bytes: line.bytes,
            };
            read(&mut draft, &mut tree, place, out);
        }
        *record = draft.record;
    }
}

/// Reads one record.
fn read(draft: &mut Draft, tree: &mut Tree, place: Place<'_>, out: &mut dyn Output) {
    draft.clear();
    match draft::element(tree, place.bytes).and_then(|json| fill(draft, json)) {
        Ok(()) => draft.hand_over(place, out),
        Err(fault) => out.reject(place.reject(fault)),
    }
}

/// Sets a CVE id as the record's own and as the field that other sources join on.
pub(crate) fn set_id(draft: &mut Draft, member: &str, id: Option<&str>) -> Result<(), Fault> {
    let id = id.ok_or_else(|| {
        let message = format!("the record has no `{member}`");
        (RejectReason::MissingField, message)
    })?;
    if !is_cve(id) {
        let message = format!("{member}: `{}` is not a CVE id", value::shorten(id));
        return Err((RejectReason::BadValue, message));
    }
    draft.set(Field::VulnerabilityId, id)?;
    draft.set(Field::Vulnerabilities, id)
}

/// Whether a text is a CVE id: `CVE-`, a year, and a number of four digits or more.
pub(crate) fn is_cve(text: &str) -> bool {
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    match text.get(..4) {
        Some(scheme) if scheme.eq_ignore_ascii_case("CVE-") => {}
        _ => return false,
    }
    text[4..].split_once('-').is_some_and(|(year, number)| {
        year.len() == 4 && digits(year) && (4..=19).contains(&number.len()) && digits(number)
    })
}

/// Names of further products that are kept with a record.
const MAX_PRODUCTS: usize = 50;

fn fill(draft: &mut Draft, record: Json<'_>) -> Result<(), Fault> {
    let about = record.member("cveMetadata");
    let id = about.member("cveId").string();
    set_id(draft, "cveMetadata.cveId", id)?;
    if about
        .member("state")
        .string()
        .is_some_and(|state| state.eq_ignore_ascii_case("REJECTED"))
    {
        let message = format!(
            "{} is REJECTED: it names no vulnerability",
            id.unwrap_or_default()
        );
        return Err((RejectReason::NoObservable, message));
    }
    let cna = record.member("containers").member("cna");
    let published = [about.member("datePublished"), cna.member("datePublic")]
        .into_iter()
        .find_map(Json::string);
    let published = published.ok_or_else(|| {
        let message = "the record has no `cveMetadata.datePublished`".to_owned();
        (RejectReason::MissingField, message)
    })?;
    draft.set(Field::ObservedAt, published)?;
    let described = cna
        .member("descriptions")
        .list()
        .find(|text| {
            text.member("lang")
                .string()
                .is_some_and(|lang| lang.starts_with("en"))
        })
        .or(cna.member("descriptions").list().next())
        .and_then(|text| text.member("value").string());
    let title = cna.member("title").string();
    if let Some(text) = title.or(described) {
        draft.keep(Field::Description, text);
    }
    let containers =
        || std::iter::once(cna).chain(record.member("containers").member("adp").list());
    let metrics = || containers().flat_map(|container| container.member("metrics").list());
    let scores = metrics()
        .flat_map(Json::members)
        .filter(|score| score.name().starts_with("cvss"));
    score::set(draft, scores);
    products(draft, cna);
    if let Some(url) = cna
        .member("references")
        .list()
        .find_map(|reference| reference.member("url").string())
    {
        draft.keep(Field::DescriptionUrl, url);
    }
    if title.is_some()
        && let Some(described) = described
    {
        draft.record.extra_text("description", described);
    }
    let mut weaknesses: Vec<&str> = Vec::new();
    for problem in containers().flat_map(|container| container.member("problemTypes").list()) {
        for id in problem
            .member("descriptions")
            .list()
            .filter_map(|text| text.member("cweId").string())
        {
            if !weaknesses.contains(&id) {
                weaknesses.push(id);
            }
        }
    }
    draft.extra_list("cwes", &weaknesses);
    let other = |kind: &'static str| {
        metrics()
            .map(|metric| metric.member("other"))
            .find(move |other| other.member("type").string() == Some(kind))
            .map(|other| other.member("content"))
    };
    if let Some(ssvc) = other("ssvc") {
        for choice in ssvc.member("options").list().flat_map(Json::members) {
            let name = choice.name().to_lowercase().replace(' ', "_");
            draft.extra(&format!("ssvc_{name}"), choice);
        }
    }
    if let Some(kev) = other("kev") {
        draft.extra("kev_date_added", kev.member("dateAdded"));
    }
    draft.extra("assigner", about.member("assignerShortName"));
    draft.extra("date_updated", about.member("dateUpdated"));
    Ok(())
}

/// Vendor and product of the first affected product that is named; the others go to `extra`.
fn products(draft: &mut Draft, cna: Json<'_>) {
    let mut others: Vec<String> = Vec::new();
    let mut first: Option<(Option<&str>, Option<&str>)> = None;
    for affected in cna.member("affected").list() {
        let named = |member| {
            let text = affected.member(member).string()?;
            (!text.eq_ignore_ascii_case("n/a")).then_some(text)
        };
        let vendor = named("vendor");
        let product = named("product").or_else(|| named("packageName"));
        let pair = (vendor, product);
        match &first {
            _ if pair == (None, None) => {}
            None => first = Some(pair),
            Some(known) if *known == pair => {}
            Some(_) => {
                let (vendor, product) = pair;
                let name = [vendor, product].into_iter().flatten().collect::<Vec<_>>();
                let name = name.join(" ");
                if others.len() < MAX_PRODUCTS && !others.contains(&name) {
                    others.push(name);
                }
            }
        }
    }
    if let Some((vendor, product)) = first {
        if let Some(vendor) = vendor {
            draft.keep(Field::ProductVendor, vendor);
        }
        if let Some(product) = product {
            draft.keep(Field::ProductName, product);
        }
    }
    draft.extra_list("other_products", &others);
}
