//! IODEF documents (Incident Object Description Exchange Format): version 1 (RFC 5070) and version 2
//! (RFC 7970), XML.
//!
//! - Every source of a `Flow` is a record; the flow's target is its destination where there is one
//!   only. A flow without source accuses its other systems, except sensors. An intermediate system
//!   (a control server between bots and victims) is a record of its own; `extra` says what it is.
//! - Every observable of an `Indicator` (version 2, section 3.29) is a record.
//!
//! The order of an incident's parts is fixed by the schema: what is said of the whole incident stands
//! before its events, so the document is read in one pass and only one flow or indicator is held.
//! An event inside another takes over what the outer one says. The raw log lines of `Record` stay in
//! the archived report.

mod observables;
mod tree;
pub mod write;

use std::io::{self, BufRead};

use model::classification::classification;
use model::feed::Feed;
use model::field::Field;
use model::reject::RejectReason;

use crate::cve::is_cve;
use crate::draft::{self, Draft, Fault, Place};
use crate::{Context, Format, Output, Reader, StreamReader, Unreadable, Warning, value};
use observables::{Asset, assets, of_flow};
use tree::{Document, Node, Step, Stop};

/// IODEF 1 and 2.
pub const FORMAT: Format = Format {
    name: "iodef",
    about: "IODEF version 1 (RFC 5070) and 2 (RFC 7970), XML",
    open,
    check,
};

fn open(ctx: &Context<'_>, head: &[u8]) -> Result<Reader, Unreadable> {
    let text = draft::content(head);
    let contains = |what: &[u8]| memchr::memmem::find(text, what).is_some();
    let detail = match text.first() {
        None => return Err(Unreadable::Empty),
        Some(b'<') if !contains(b"IODEF-Document") => "there is no <IODEF-Document>",
        Some(b'<') if contains(b"<!ENTITY") => {
            "the document type declares entities, which are refused"
        }
        Some(b'<') => {
            return Ok(Reader::Stream(Box::new(Incidents {
                draft: Draft::new(ctx)?,
            })));
        }
        Some(_) => "the file does not start with an XML tag; an <IODEF-Document> is expected",
    };
    Err(draft::header(FORMAT.name, detail))
}

fn check(feed: &Feed) -> Vec<String> {
    draft::check_fixed(feed, &[])
}

struct Incidents {
    draft: Draft,
}

/// What incident and event say of everything in them.
#[derive(Clone, Default)]
struct About {
    incident: Option<String>,
    incident_source: Option<String>,
    start: Option<String>,
    detected: Option<String>,
    reported: Option<String>,
    description: Option<String>,
    class: Option<&'static str>,
    severity: Option<String>,
    confidence: Option<String>,
    tlp: Option<&'static str>,
    reporter: Option<String>,
    reference: Option<String>,
    methods: Vec<String>,
    vulnerabilities: Vec<String>,
}

/// Elements that are walked into.
const FRAME: &[&str] = &["IODEF-Document", "Incident", "EventData", "IndicatorData"];
/// Elements that say something of the incident or event around them.
const SAYING: &[&str] = &[
    "IncidentID",
    "DetectTime",
    "StartTime",
    "ReportTime",
    "GenerationTime",
    "Description",
    "Assessment",
    "Method",
    "Contact",
];

impl StreamReader for Incidents {
    fn read(mut self: Box<Self>, input: &mut dyn BufRead, out: &mut dyn Output) -> io::Result<()> {
        let mut document = Document::new(input)?;
        let fault = match self.walk(&mut document, out) {
            Ok(true) => return Ok(()),
            Ok(false) => {
                out.warn(Warning {
                    label: "truncated",
                    message: "the document ends before </IODEF-Document>: it may have been cut off"
                        .into(),
                });
                return Ok(());
            }
            Err(Stop::Io(error)) => return Err(error),
            Err(Stop::Syntax(message)) => (RejectReason::Syntax, message),
            Err(Stop::TooLong) => {
                let most = crate::frame::MAX_ROW_BYTES;
                let message = format!("a part of the document is longer than {most} bytes");
                (RejectReason::TooLong, message)
            }
            Err(Stop::TooDeep) => {
                let message = "elements are nested too deeply".to_owned();
                (RejectReason::TooDeep, message)
            }
        };
        let rest = document.rest(fault)?;
        out.reject(rest);
        Ok(())
    }
}

impl Incidents {
    /// Walks the document; `false` where it ends too early.
    fn walk(&mut self, document: &mut Document<'_>, out: &mut dyn Output) -> Result<bool, Stop> {
        let mut scopes: Vec<About> = vec![About::default()];
        loop {
            let start = match document.step()? {
                Step::Start(start) => start,
                Step::End => {
                    scopes.pop();
                    if scopes.len() <= 1 {
                        return Ok(true);
                    }
                    continue;
                }
                Step::Eof => return Ok(false),
            };
            let Some(about) = scopes.last_mut() else {
                return Ok(true);
            };
            let name = start.name.as_str();
            if FRAME.contains(&name) {
                let mut inner = about.clone();
                inner.mark(&start);
                scopes.push(inner);
            } else if SAYING.contains(&name) {
                let node = document.whole(start)?;
                about.learn(&node);
            } else if name == "Flow" {
                let flow = document.whole(start)?;
                let flow = of_flow(&flow);
                self.emit(flow, about, document.place(), out);
            } else if name == "Indicator" {
                let node = document.whole(start)?;
                let mut inner = about.clone();
                inner.mark(&node);
                node.children.iter().for_each(|child| inner.learn(child));
                self.emit(assets(&node), &inner, document.place(), out);
            } else if !document.skip()? {
                return Ok(false);
            }
        }
    }

    fn emit(&mut self, assets: Vec<Asset>, about: &About, place: Place<'_>, out: &mut dyn Output) {
        if assets.is_empty() {
            let message = "nothing in it is an address, host, URL, account, network or hash";
            out.reject(place.reject((RejectReason::NoObservable, message.into())));
        }
        for asset in assets {
            self.draft.clear();
            match self.fill(&asset, about) {
                Ok(()) => self.draft.hand_over(place, out),
                Err(fault) => out.reject(place.reject(fault)),
            }
        }
    }

    fn fill(&mut self, asset: &Asset, about: &About) -> Result<(), Fault> {
        let draft = &mut self.draft;
        for (field, text) in &asset.fields {
            if value::is_observable(*field) {
                draft.set(*field, text)?;
            } else {
                draft.keep(*field, text);
            }
        }
        let times = [&about.start, &about.detected, &about.reported];
        draft.observed(times.map(|time| time.as_deref().map(Into::into)))?;
        if let Some(class) = about.class {
            draft.record.set_text(Field::ClassType, class);
        }
        if let Some(tlp) = about.tlp {
            draft.record.set_text(Field::Tlp, tlp);
        }
        for (field, text) in [
            (Field::Description, &about.description),
            (Field::Severity, &about.severity),
            (Field::Reporter, &about.reporter),
            (Field::DescriptionUrl, &about.reference),
            (Field::FeedAccuracy, &about.confidence),
            (Field::Comment, &asset.description),
        ] {
            if let Some(text) = text {
                draft.keep(field, text);
            }
        }
        draft.keep(Field::Vulnerabilities, &about.vulnerabilities.join(";"));
        for (key, text) in [
            ("incident", &about.incident),
            ("incident_source", &about.incident_source),
            ("system", &asset.category),
        ] {
            if let Some(text) = text {
                draft.record.extra_text(key, text);
            }
        }
        draft.extra_list("methods", &about.methods);
        draft.extra_list("targets", &asset.targets);
        draft.extra_list("ports", &asset.ports);
        draft.extra_list("file_names", &asset.files);
        Ok(())
    }
}

/// Kinds of impact that mean one RSIT entry, of version 1 (RFC 5070 section 3.10.1) and version 2
/// (RFC 7970 section 3.12.1).
const IMPACTS: &[(&str, &str)] = &[
    ("dos", "dos"),
    ("info-leak", "data-leak"),
    ("misconfiguration", "misconfiguration"),
    ("recon", "scanner"),
    ("social-engineering", "social-engineering"),
    ("admin", "privileged-account-compromise"),
    ("user", "unprivileged-account-compromise"),
    ("takeover-account", "unprivileged-account-compromise"),
    ("takeover-service", "application-compromise"),
    ("takeover-system", "system-compromise"),
    ("breach-proprietary", "data-leak"),
    ("breach-privacy", "data-leak"),
    ("breach-credential", "data-leak"),
    ("integrity-data", "unauthorised-information-modification"),
    ("monitoring-traffic", "sniffing"),
];

impl About {
    /// What the start tag of an incident, event or indicator says.
    fn mark(&mut self, start: &Node) {
        if let Some(tlp) = start.attribute("restriction").and_then(value::tlp) {
            self.tlp = Some(tlp);
        }
    }

    fn learn(&mut self, node: &Node) {
        let text = || {
            node.text()
                .map(|text| text.split_whitespace().collect::<Vec<_>>().join(" "))
        };
        match node.name.as_str() {
            "IncidentID" => {
                self.incident = text();
                self.incident_source = node.attribute("name").map(str::to_owned);
            }
            "StartTime" => self.start = text(),
            "DetectTime" => self.detected = text(),
            "ReportTime" => self.reported = text(),
            "GenerationTime" if self.reported.is_none() => self.reported = text(),
            "Description" => self.description = text(),
            "Assessment" => self.assess(node),
            "Method" => self.method(node),
            "Contact" if node.attribute("role") == Some("creator") => {
                let name = node.child_text("ContactName");
                self.reporter = name.map(str::to_owned).or(self.reporter.take());
            }
            _ => {}
        }
    }

    fn assess(&mut self, assessment: &Node) {
        let impacts = assessment
            .children
            .iter()
            .filter(|child| matches!(child.name.as_str(), "Impact" | "SystemImpact"));
        for impact in impacts {
            if let Some(severity) = impact.attribute("severity") {
                self.severity = Some(severity.to_owned());
            }
            // What was tried and failed did not happen.
            let failed = impact.attribute("completion") == Some("failed");
            let class = impact.attribute("type").and_then(|kind| {
                let found = IMPACTS.iter().find(|(known, _)| *known == kind);
                found.map(|(_, class)| *class)
            });
            let class = match class {
                Some("privileged-account-compromise" | "unprivileged-account-compromise")
                    if failed =>
                {
                    Some("exploit")
                }
                Some(_) if failed => None,
                class => class,
            };
            if self.class.is_none() {
                self.class = class.and_then(classification).map(|spec| spec.name);
            }
        }
        for confidence in assessment.all("Confidence") {
            // Only a number is one; low, medium and high are not on its scale.
            if confidence.attribute("rating") == Some("numeric") {
                self.confidence = confidence.text().map(str::to_owned);
            }
        }
    }

    fn method(&mut self, method: &Node) {
        method.each(&mut |node| match (node.name.as_str(), node.text()) {
            ("URL", Some(url)) if self.reference.is_none() => self.reference = Some(url.to_owned()),
            ("ReferenceName" | "ID", Some(name)) if is_cve(name) => {
                self.vulnerabilities.push(name.to_owned());
            }
            ("ReferenceName" | "ID", Some(name)) if self.methods.len() < 20 => {
                self.methods.push(name.to_owned());
            }
            _ => {}
        });
    }
}
