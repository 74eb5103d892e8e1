//! STIX 2.0 and 2.1 (OASIS): indicators and observed data, out of a bundle, a TAXII page, a list of
//! objects or one object.
//!
//! - **Indicators.** The `pattern` is read ([`pattern`]); every alternative that names something by
//!   its literal value is a record, tests that hold together are one. An indicator whose pattern
//!   cannot be read, or that names nothing we have a field for, is a reject that quotes it. Revoked
//!   and benign ones accuse nobody: they are passed by with a warning.
//! - **Observed data.** Their objects (inside them in 2.0, referred to in 2.1) are records, observed
//!   at `first_observed`. Where the source marks them as context and not as a finding (the labels
//!   that MISP's exporter leaves), or with the option `observed = "none"`, they are passed by.
//! - **Relations.** A malware that the indicator `indicates` gives its name, a marking its TLP label,
//!   the creator its name. These may stand anywhere in the bundle, so objects wait until its end;
//!   what waits is bounded ([`crate::draft::HELD_BYTES`]).
//!
//! STIX 1.x is XML and is not read.

mod named;
mod observed;
mod pattern;
pub mod write;

use std::io::{self, BufRead};

use model::classification::classification;
use model::feed::Feed;
use model::field::Field;
use model::reject::RejectReason;
use rustc_hash::FxHashMap;

use crate::document::Window;
use crate::draft::{self, Draft, Fault, HELD_BYTES, Held, Place};
use crate::json::tree::{Json, Tree};
use crate::json::walk::{self, End, Found, Step};
use crate::{Context, Format, Output, Reader, StreamReader, Unreadable, Warning, value};
use named::Named;

/// STIX 2.
pub const FORMAT: Format = Format {
    name: "stix",
    about: "STIX 2.0 and 2.1: indicators and observed data",
    open,
    check,
};

const OPTIONS: &[(&str, &str)] = &[(
    "observed",
    "which observed data are read: findings (default), all or none",
)];

fn open(ctx: &Context<'_>, head: &[u8]) -> Result<Reader, Unreadable> {
    let start = draft::content(head);
    if start.starts_with(b"<") {
        let detail = "the file is XML, perhaps STIX 1; STIX 2 is JSON";
        return Err(draft::header(FORMAT.name, detail));
    }
    let first = draft::json_start(FORMAT.name, head)?;
    let path = match first {
        b'{' if draft::has(head, "objects") != Some(false) => {
            vec![Step::Member("objects".into())]
        }
        b'{' if draft::has(head, "type") == Some(false) => {
            let detail = "there is neither `objects` nor `type`";
            return Err(draft::header(FORMAT.name, detail));
        }
        _ => Vec::new(),
    };
    let observed = match ctx.feed.options.get("observed").map(String::as_str) {
        Some("all") => Observed::All,
        Some("none") => Observed::None,
        _ => Observed::Findings,
    };
    Ok(Reader::Stream(Box::new(Objects {
        draft: Draft::new(ctx)?,
        tree: Tree::default(),
        path,
        observed,
        known: Known::default(),
        held: Held::new(),
        passed: Passed::default(),
    })))
}

fn check(feed: &Feed) -> Vec<String> {
    let mut problems = draft::check_fixed(feed, OPTIONS);
    if let Some(observed) = feed.options.get("observed")
        && !matches!(observed.as_str(), "findings" | "all" | "none")
    {
        problems.push(format!(
            "options: observed `{observed}` is not findings, all or none"
        ));
    }
    problems
}

/// Which observed data are read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Observed {
    Findings,
    All,
    None,
}

/// What waits for the end of the bundle.
enum Kind {
    Indicator,
    ObservedData,
}

struct Objects {
    draft: Draft,
    tree: Tree,
    path: Vec<Step>,
    observed: Observed,
    known: Known,
    held: Held<Kind>,
    passed: Passed,
}

/// What other objects say, by id.
#[derive(Default)]
struct Known {
    malware: FxHashMap<String, String>,
    identities: FxHashMap<String, String>,
    markings: FxHashMap<String, &'static str>,
    /// Indicator to what it indicates.
    indicates: FxHashMap<String, Vec<String>>,
    /// Observable objects of 2.1, which observed data refer to.
    observables: FxHashMap<String, Tree>,
    bytes: usize,
}

/// Objects that accuse nobody, counted for a warning.
#[derive(Default)]
struct Passed {
    revoked: u64,
    benign: u64,
    context: u64,
}

impl StreamReader for Objects {
    fn read(mut self: Box<Self>, input: &mut dyn BufRead, out: &mut dyn Output) -> io::Result<()> {
        let mut window = Window::new(input)?;
        let path = std::mem::take(&mut self.path);
        let mut late = false;
        let end = walk::walk(&mut window, &path, &mut |found| match found {
            Found::Element(element) => {
                let full = self.object(element.into(), out);
                let too_much = self.known.bytes > HELD_BYTES;
                if full || too_much {
                    late = true;
                    self.flush(out);
                }
                if too_much {
                    self.known = Known::default();
                }
            }
            Found::Broken(reject) => out.reject(reject),
            Found::Remark(message) => out.warn(Warning {
                label: "loose-json",
                message: message.into(),
            }),
            Found::Closed => {}
        })?;
        self.flush(out);
        let mut warn = |label, message: String| out.warn(Warning { label, message });
        if late {
            let message =
                "the bundle is so long that relations do not reach from one end of it to the other";
            warn("late-parts", message.into());
        }
        let Passed {
            revoked,
            benign,
            context,
        } = self.passed;
        for (count, what) in [
            (revoked, "indicators are revoked"),
            (benign, "indicators are of benign activity"),
            (context, "observed data are context, not findings"),
        ] {
            if count > 0 {
                warn("passed-by", format!("{count} {what}: they are no records"));
            }
        }
        match end {
            End::Whole => {}
            End::Cut => warn(
                "truncated",
                "the document ends before its records do: it may have been cut off".into(),
            ),
            End::NoRecords => warn(
                "no-records",
                "nothing stands where the records should be".into(),
            ),
        }
        Ok(())
    }
}

/// TLP markings that every reader is to know by their ids: 1.0 (STIX 2.1 section 7.2.1.4) and those
/// of the extension for TLP 2.0.
const MARKINGS: &[(&str, &str)] = &[
    ("613f2e26-407d-48c7-9eca-b8e91df99dc9", "CLEAR"),
    ("34098fce-860f-48ae-8e50-ebd3cc5e41da", "GREEN"),
    ("f88d31f6-486f-44da-b317-01333bde0b82", "AMBER"),
    ("5e57c739-391a-4eb3-b6be-7d15ca92d5ed", "RED"),
    ("94868c89-83c2-464b-929b-a1a8aa3c8487", "CLEAR"),
    ("bab4a63c-aed9-4cf5-a766-dfca5abac2bb", "GREEN"),
    ("55d920b0-5e8b-4f79-9ee9-91f868d9b421", "AMBER"),
    ("939a9414-2ddd-4d32-a0cd-375ea402b003", "AMBER+STRICT"),
    ("e828b379-4e03-4974-9ac4-e53a884c97c1", "RED"),
];

impl Known {
    fn marking(&self, id: &str) -> Option<&'static str> {
        let uuid = id.strip_prefix("marking-definition--")?;
        let fixed = MARKINGS.iter().find(|(known, _)| *known == uuid);
        fixed
            .map(|(_, label)| *label)
            .or_else(|| self.markings.get(id).copied())
    }

    fn learn(&mut self, tree: &Tree, size: usize) {
        let object = tree.root();
        let id = object.member("id").string().unwrap_or_default().to_owned();
        let name = || object.member("name").string().map(str::to_owned);
        match object.member("type").string() {
            Some("malware") => self.malware.extend(name().map(|name| (id, name))),
            Some("identity") => self.identities.extend(name().map(|name| (id, name))),
            Some("marking-definition") => {
                let label = object
                    .member("definition")
                    .member("tlp")
                    .string()
                    .map(str::to_owned)
                    .or_else(name);
                self.markings
                    .extend(label.as_deref().and_then(value::tlp).map(|tlp| (id, tlp)));
            }
            Some("relationship")
                if object.member("relationship_type").string() == Some("indicates") =>
            {
                if let (Some(source), Some(target)) = (
                    object.member("source_ref").string(),
                    object.member("target_ref").string(),
                ) {
                    self.indicates
                        .entry(source.to_owned())
                        .or_default()
                        .push(target.to_owned());
                }
            }
            Some(kind) if observed::is_observable(kind) => {
                self.observables.insert(id, tree.clone());
                self.bytes += 4 * size;
            }
            _ => return,
        }
        self.bytes += 256;
    }
}

impl Objects {
    /// Takes one object; `true` where no more may wait.
    fn object(&mut self, place: Place<'_>, out: &mut dyn Output) -> bool {
        let object = match draft::element(&mut self.tree, place.bytes) {
            Ok(object) => object,
            Err(fault) => {
                out.reject(place.reject(fault));
                return false;
            }
        };
        let kind = match object.member("type").string() {
            Some("indicator") => Kind::Indicator,
            Some("observed-data") => Kind::ObservedData,
            Some(_) => {
                self.known.learn(&self.tree, place.bytes.len());
                return false;
            }
            None => {
                let message = "the object has no `type`".to_owned();
                out.reject(place.reject((RejectReason::MissingField, message)));
                return false;
            }
        };
        self.held.push(kind, place)
    }

    fn flush(&mut self, out: &mut dyn Output) {
        let mut held = std::mem::replace(&mut self.held, Held::new());
        let mut tree = std::mem::take(&mut self.tree);
        held.drain(
            |kind, place| match (draft::element(&mut tree, place.bytes), kind) {
                (Ok(object), Kind::Indicator) => self.indicator(object, place, out),
                (Ok(object), Kind::ObservedData) => self.observed_data(object, place, out),
                (Err(fault), _) => out.reject(place.reject(fault)),
            },
        );
        self.tree = tree;
    }

    fn indicator(&mut self, indicator: Json<'_>, place: Place<'_>, out: &mut dyn Output) {
        if indicator.member("revoked").bool() == Some(true) {
            self.passed.revoked += 1;
            return;
        }
        let mut types = indicator
            .member("indicator_types")
            .list()
            .chain(indicator.member("labels").list())
            .filter_map(Json::string);
        if types.any(|name| name.eq_ignore_ascii_case("benign")) {
            self.passed.benign += 1;
            return;
        }
        let reject = |reason, message: String| place.reject((reason, message));
        let Some(pattern) = indicator.member("pattern").string() else {
            let message = "the indicator has no `pattern`".to_owned();
            out.reject(reject(RejectReason::MissingField, message));
            return;
        };
        if let Some(language) = indicator.member("pattern_type").string()
            && language != "stix"
        {
            let message = format!(
                "a pattern of type `{}` is not read: `{}`",
                value::shorten(language),
                value::shorten(pattern)
            );
            out.reject(reject(RejectReason::NoObservable, message));
            return;
        }
        let alternatives = match pattern::read(pattern) {
            Ok(alternatives) => alternatives,
            Err(what) => {
                let message = format!("the pattern {what}: `{}`", value::shorten(pattern));
                out.reject(reject(RejectReason::Syntax, message));
                return;
            }
        };
        let mut unread = Vec::new();
        for tests in &alternatives {
            let named = Named::of(tests);
            if named.groups.is_empty() {
                unread.push(tests);
            }
            // The pattern says more than the record does.
            let whole = named.part || alternatives.len() > 1;
            for group in &named.groups {
                self.draft.clear();
                match self.fill_indicator(indicator, group, &named.files, whole) {
                    Ok(()) => self.draft.hand_over(place, out),
                    Err(fault) => out.reject(place.reject(fault)),
                }
            }
        }
        if !unread.is_empty() {
            let mut what: Vec<String> = Vec::new();
            for test in unread.into_iter().flatten() {
                let test = format!(
                    "{}:{} {}{}",
                    test.object,
                    test.property,
                    if test.negated { "NOT " } else { "" },
                    test.op
                );
                if what.len() < 5 && !what.contains(&test) {
                    what.push(test);
                }
            }
            let message = format!(
                "nothing is named by `{}`: `{}`",
                value::shorten(&what.join("`, `")),
                value::shorten(pattern)
            );
            out.reject(reject(RejectReason::NoObservable, message));
        }
    }

    fn fill_indicator(
        &mut self,
        indicator: Json<'_>,
        group: &[(Field, String)],
        files: &[String],
        whole: bool,
    ) -> Result<(), Fault> {
        let draft = &mut self.draft;
        for (field, text) in group {
            draft.set(*field, text)?;
        }
        let times = ["valid_from", "created", "modified"].map(|name| indicator.member(name).text());
        draft.observed(times)?;
        if let Some(name) = indicator.member("name").string() {
            draft.keep(Field::Description, name);
        }
        if let Some(text) = indicator.member("description").string() {
            draft.keep(Field::Comment, text);
        }
        draft.keep_json(Field::FeedAccuracy, indicator.member("confidence"));
        self.about(indicator);
        let draft = &mut self.draft;
        draft.extra_list("file_names", files);
        draft.extra("valid_until", indicator.member("valid_until"));
        if whole {
            draft.extra("pattern", indicator.member("pattern"));
        }
        Ok(())
    }

    /// What indicators and observed data have in common: classification, names, markings, origin.
    fn about(&mut self, object: Json<'_>) {
        let Objects { draft, known, .. } = self;
        let labels = || object.member("labels").list().filter_map(Json::string);
        let types = object
            .member("indicator_types")
            .list()
            .filter_map(Json::string);
        let class = labels()
            .chain(types)
            .find_map(|name| classification(&name.to_lowercase()));
        let phase = |name| {
            object
                .member("kill_chain_phases")
                .list()
                .any(|phase| phase.member("phase_name").string() == Some(name))
        };
        match class {
            Some(class) => draft.record.set_text(Field::ClassType, class.name),
            None if phase("command-and-control") => {
                draft.record.set_text(Field::ClassType, "c2-server");
            }
            None => {}
        }
        let id = object.member("id").string().unwrap_or_default();
        let mut names: Vec<String> = Vec::new();
        for name in known
            .indicates
            .get(id)
            .into_iter()
            .flatten()
            .filter_map(|target| known.malware.get(target))
        {
            let name = name.to_lowercase();
            if !names.contains(&name) {
                names.push(name);
            }
        }
        match names.as_slice() {
            [name] => draft.keep(Field::MalwareName, name),
            names => draft.extra_list("malware_names", names),
        }
        let tlp = object
            .member("object_marking_refs")
            .list()
            .filter_map(Json::string)
            .filter_map(|id| known.marking(id))
            .max_by_key(|label| value::tlp_rank(label));
        if let Some(tlp) = tlp {
            draft.record.set_text(Field::Tlp, tlp);
        }
        let mut references = object.member("external_references").list();
        if let Some(url) = references.find_map(|reference| reference.member("url").string()) {
            draft.keep(Field::DescriptionUrl, url);
        }
        if let Some(creator) = object.member("created_by_ref").string()
            && let Some(name) = known.identities.get(creator)
        {
            draft.keep(Field::Reporter, name);
        }
        let tags: Vec<&str> = labels()
            .filter(|label| !label.contains(|c: char| c.is_whitespace() || c == '"'))
            .collect();
        draft.keep(Field::Tags, &tags.join(" "));
        draft.extra("stix_id", object.member("id"));
    }
}
