//! What a mail complains about: the things that it names, of what kind, when, by whom.
//!
//! Readers are tried from the surest form to the least: feedback reports, X-ARF in JSON and in labels,
//! infringement notices (ACNS), tables, the lists of known notifiers, labelled lines, a mail inside the
//! mail, and at last prose, where [`crate::notes`] finds what is named and words say of which kind it
//! is. The first that finds something is believed, with its own confidence; none invents: a mail that
//! names nothing gives a [`NoComplaint`].

mod kinds;
mod tables;

use jiff::tz::TimeZone;
use model::classification::classification;
use model::field::Field;
use model::incident::CaseKind;
use model::time::Timestamp;

use super::arf::{self, FeedbackReport};
use super::extract;
use super::header::Line;
use super::labels;
use super::nature::XarfForm;
use super::own::Own;
use super::{Limits, Mail, Part};
use crate::value;

pub use extract::Observable;

/// One thing that is complained about.
#[derive(Clone, Debug, PartialEq)]
pub struct Complaint {
    /// What kind of case it makes.
    pub kind: CaseKind,
    /// RSIT entry (`model::classification`).
    pub classification: &'static str,
    /// What the report itself calls it; empty where it has no name for it.
    pub identifier: Line,
    /// What it names.
    pub observables: Vec<Observable>,
    /// When it was seen, where the report says so.
    pub observed_at: Option<Timestamp>,
    /// Who complains: as the report says, else as the mail does.
    pub reporter: Line,
    /// The reporter's number for it; empty where there is none.
    pub reference: Line,
    /// The numbers of the parts that are evidence.
    pub evidence: Vec<usize>,
    /// How sure it is that kind and things are what the reporter means, 0 to 100.
    pub confidence: u8,
    /// By which reader: `arf`, `xarf`, `xarf-labels`, `acns`, `table`, ...
    pub form: &'static str,
}

/// The kind of case that an RSIT entry makes, of what is named. A file that phones install is an app,
/// whatever the report calls it.
fn kind_of(classification: &str, named: &[Observable]) -> CaseKind {
    let is_app = |one: &Observable| {
        let path = one.text.split(['?', '#']).next().unwrap_or_default();
        one.field == Field::SourceUrl && path.to_ascii_lowercase().ends_with(".apk")
    };
    match classification {
        "phishing" | "masquerade" => CaseKind::Phishing,
        "malware-distribution" | "malware" | "malware-configuration" => {
            match named.iter().any(is_app) {
                true => CaseKind::MaliciousApp,
                false => CaseKind::MalwareHosting,
            }
        }
        "c2-server" => CaseKind::ControlServer,
        "infected-system" => CaseKind::InfectedHost,
        "spam" => CaseKind::Spam,
        "brute-force" | "scanner" | "exploit" | "ids-alert" | "dos" | "ddos" => CaseKind::Attack,
        "unauthorised-information-modification" => CaseKind::Defacement,
        "system-compromise" | "application-compromise" => CaseKind::Backdoor,
        "vulnerable-system"
        | "weak-crypto"
        | "ddos-amplifier"
        | "misconfiguration"
        | "potentially-unwanted-accessible"
        | "information-disclosure" => CaseKind::Vulnerability,
        _ => CaseKind::Other,
    }
}

/// Why a mail gives no complaint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoComplaint {
    /// The feedback says that the mail was wanted, or asks for no more.
    #[error("the feedback is `{0}`: nobody complains")]
    Feedback(String),
    /// It complains, but names nothing to act on.
    #[error("it names no address, host, URL or hash")]
    NothingNamed,
    /// X-ARF that cannot be read, with the first reason.
    #[error("its X-ARF report was refused: {0}")]
    Refused(String),
}

/// Complaints that one mail may make.
const MAX_COMPLAINTS: usize = 1_000;

/// Things that one complaint may name.
const MAX_OBSERVABLES: usize = 200;

impl Mail {
    /// What the mail complains about. Meant for mails whose verdict is a report, a complaint or a reply
    /// with a complaint in it; of a bounce or a feed it says what it would of any text.
    ///
    /// # Errors
    /// Why there is nothing.
    pub fn complaints(&self, own: &Own, limits: &Limits) -> Result<Vec<Complaint>, NoComplaint> {
        if let Some((report, _)) = arf::read(self, own, limits) {
            return feedback(self, &report);
        }
        let mut refused = None;
        for reader in READERS {
            match (reader.read)(self, limits) {
                Ok(found) if found.iter().any(|one| !one.observables.is_empty()) => {
                    return Ok(finish(self, found));
                }
                Ok(_) => {}
                Err(reason) => refused = refused.or(Some(reason)),
            }
        }
        if limits.mails > 0 {
            let inside = limits.inside();
            for (at, inner) in self.mails(limits) {
                if let Some(found) = forwarded(self, at, &inner, own, &inside) {
                    return Ok(finish(self, found));
                }
            }
        }
        let found = prose(self, own, limits);
        if !found.is_empty() {
            return Ok(finish(self, found));
        }
        Err(refused.unwrap_or(NoComplaint::NothingNamed))
    }
}

/// A reader of one form.
struct Reader {
    /// Its name.
    form: &'static str,
    read: fn(&Mail, &Limits) -> Result<Vec<Complaint>, NoComplaint>,
}

/// The readers, the surest first. All but the first two are notifiers' own forms.
const READERS: &[Reader] = &[
    Reader {
        form: "xarf",
        read: xarf,
    },
    Reader {
        form: "xarf-labels",
        read: xarf_labels,
    },
    Reader {
        form: "acns",
        read: |mail, limits| Ok(tables::acns(mail, limits)),
    },
    Reader {
        form: "safe-browsing",
        read: |mail, _| Ok(tables::safe_browsing(mail)),
    },
    Reader {
        form: "honeypot-list",
        read: |mail, _| Ok(tables::sections(mail)),
    },
    Reader {
        form: "table",
        read: |mail, limits| Ok(tables::csv(mail, limits)),
    },
    Reader {
        form: "labels",
        read: |mail, _| Ok(labelled(mail)),
    },
];

/// The form of a notifier's mail; `None` where it has none that is known.
pub(super) fn notifier_form(mail: &Mail, limits: &Limits) -> Option<&'static str> {
    let own_forms = READERS.iter().skip(2);
    let mut known = own_forms.filter(|reader| {
        (reader.read)(mail, limits)
            .is_ok_and(|found| found.iter().any(|one| !one.observables.is_empty()))
    });
    known.next().map(|reader| reader.form)
}

/// Whether prose complains: it names something and says of which kind it is.
pub(super) fn prose_complains(mail: &Mail, own: &Own, limits: &Limits) -> bool {
    let found = prose(mail, own, limits);
    found.iter().any(|one| one.classification != "undetermined")
}

/// Fills in what every complaint of a mail shares and bounds it.
fn finish(mail: &Mail, mut found: Vec<Complaint>) -> Vec<Complaint> {
    found.retain(|one| !one.observables.is_empty());
    found.truncate(MAX_COMPLAINTS);
    let sender = reporter(mail);
    for one in &mut found {
        one.observables.truncate(MAX_OBSERVABLES);
        one.kind = kind_of(one.classification, &one.observables);
        if one.reporter.is_empty() {
            one.reporter = sender.clone();
        }
    }
    found
}

fn reporter(mail: &Mail) -> Line {
    mail.from
        .first()
        .map_or_else(Line::default, |from| from.address.clone())
}

/// An empty complaint of a kind.
fn complaint(form: &'static str, class: &'static str, confidence: u8) -> Complaint {
    Complaint {
        // Decided when all is known that it names: see `finish`.
        kind: CaseKind::Other,
        classification: class,
        identifier: Line::default(),
        observables: Vec::new(),
        observed_at: None,
        reporter: Line::default(),
        reference: Line::default(),
        evidence: Vec::new(),
        confidence,
        form,
    }
}

/// The complaint of a feedback report.
fn feedback(mail: &Mail, report: &FeedbackReport) -> Result<Vec<Complaint>, NoComplaint> {
    let class = match report.feedback_type.as_str() {
        "not-spam" | "opt-out" | "opt-out-list" => {
            return Err(NoComplaint::Feedback(report.feedback_type.clone()));
        }
        "fraud" => "phishing",
        "virus" => "malware-distribution",
        "auth-failure" => "masquerade",
        "abuse" | "" => "spam",
        _ => "undetermined",
    };
    let mut one = complaint("arf", class, 90);
    // A failed check of a sender: a forgery, or a list that passed a good mail on.
    let unsure = report.feedback_type == "auth-failure";
    if unsure {
        one.confidence = 50;
    }
    one.identifier = Line::new(&report.feedback_type);
    one.observed_at = report.arrived_at;
    one.evidence = report.parts.clone();
    if let Some(ip) = report.source_ip {
        one.observables
            .push(Observable::new(Field::SourceIp, &ip.to_string(), 90));
    }
    for uri in &report.reported_uris {
        one.observables.extend(Observable::parse(uri, 90));
    }
    for domain in &report.reported_domains {
        // The domain that a forged mail pretends to be of has done nothing.
        if class != "masquerade" {
            one.observables.extend(Observable::parse(domain, 60));
        }
    }
    if one.observables.is_empty() {
        return Err(NoComplaint::NothingNamed);
    }
    let mut found = finish(mail, vec![one]);
    if unsure {
        found.iter_mut().for_each(|one| one.kind = CaseKind::Other);
    }
    Ok(found)
}

/// The form of X-ARF that a mail bears, with the evidence.
pub(super) fn xarf_form(mail: &Mail, limits: &Limits) -> Option<(XarfForm, String)> {
    if let Some(at) = mail.parts.iter().position(is_xarf_json) {
        return Some((XarfForm::Json, format!("part {at} is X-ARF in JSON")));
    }
    let at = mail.parts.iter().position(|part| {
        is_label_file(part) && is_xarf_labels(&labels::read(&part.text_up_to(limits.header_bytes)))
    })?;
    Some((XarfForm::Labels, format!("part {at} is X-ARF in labels")))
}

/// Whether a part is an X-ARF report in JSON: its first member, or its type or name, says so.
fn is_xarf_json(part: &Part) -> bool {
    let text = part.bytes.trim_ascii_start();
    let starts = text.starts_with(b"{") || text.starts_with(b"[");
    let head = &text[..text.len().min(4_096)];
    let has = |name: &str| memchr::memmem::find(head, name.as_bytes()).is_some();
    starts && (has("\"xarf_version\"") || has("\"ReporterInfo\"") || has("\"ReportType\""))
}

fn xarf(mail: &Mail, _: &Limits) -> Result<Vec<Complaint>, NoComplaint> {
    let mut found = Vec::new();
    let mut refused = None;
    for (at, part) in mail
        .parts
        .iter()
        .enumerate()
        .filter(|(_, part)| is_xarf_json(part))
    {
        let (records, reason) = extract::records("xarf", &part.bytes, mail.date);
        refused = refused.or(reason);
        for record in &records {
            let class = record.text(Field::ClassType).and_then(classification);
            let mut one = complaint("xarf", class.map_or("undetermined", |class| class.name), 95);
            one.identifier = Line::new(record.text(Field::ClassIdentifier).unwrap_or_default());
            one.observables = extract::observables(record, 95);
            one.observed_at = record.observed_at();
            one.reporter = Line::new(record.text(Field::Reporter).unwrap_or_default());
            one.evidence = vec![at];
            found.push(one);
        }
    }
    match (found.is_empty(), refused) {
        (true, Some(reason)) => Err(NoComplaint::Refused(reason)),
        _ => Ok(found),
    }
}

/// Whether a part may be a report in labels: a text file, or one of no declared type.
fn is_label_file(part: &Part) -> bool {
    let named = part.name.is_some() || part.attached;
    let text = part.media.starts_with("text/") && part.media != "text/html";
    (text || part.media == "application/octet-stream" || part.media == "application/x-yaml")
        && (named || part.media != "text/plain" || part.depth > 0)
        && part.bytes.len() <= 1 << 20
        && !part.bytes.contains(&0)
}

/// Whether labels are those of X-ARF before JSON: who reports and of which type, or the address and URL
/// with the finding that some notifiers send instead.
fn is_xarf_labels(labels: &[(String, String)]) -> bool {
    let map = labels::map(labels);
    let has = |name: &str| map.contains_key(name);
    (has("reported-from") || has("schema-url")) && (has("source") || has("source-ip"))
        || has("uri") && has("ip") && (has("signature") || has("first-seen"))
}

fn xarf_labels(mail: &Mail, limits: &Limits) -> Result<Vec<Complaint>, NoComplaint> {
    let mut found = Vec::new();
    for (at, part) in mail
        .parts
        .iter()
        .enumerate()
        .filter(|(_, part)| is_label_file(part))
    {
        let labels = labels::read(&part.text_up_to(limits.header_bytes));
        if !is_xarf_labels(&labels) {
            continue;
        }
        let map = labels::map(&labels);
        let words = ["report-type", "category", "signature", "service"];
        let names: Vec<&str> = words
            .iter()
            .filter_map(|name| map.get(name).copied())
            .collect();
        // The type is the report's own name; category and service are asked where it says nothing.
        let class = names.iter().find_map(|name| kinds::classify(name));
        let class = class.unwrap_or_else(|| match map.get("category") {
            Some(&"abuse") => "ids-alert",
            _ => "undetermined",
        });
        let mut one = complaint("xarf-labels", class, 90);
        one.identifier = Line::new(names.first().copied().unwrap_or_default());
        for name in [
            "source",
            "source-ip",
            "uri",
            "ip",
            "domain",
            "url",
            "file-sha256",
            "md5",
        ] {
            if let Some(value) = map.get(name) {
                one.observables.extend(Observable::parse(value, 90));
            }
        }
        let port = ["source-port", "port"]
            .iter()
            .find_map(|name| map.get(name));
        let plain_ip = one.observables.len() == 1 && one.observables[0].field == Field::SourceIp;
        if let Some(port) = port.and_then(|port| port.parse().ok())
            && plain_ip
            && map.contains_key("source-port")
        {
            one.observables[0].port = Some(port);
        }
        one.observables.dedup();
        one.observed_at = time(&map);
        one.reporter = Line::new(map.get("reported-from").copied().unwrap_or_default());
        one.reference = Line::new(map.get("report-id").copied().unwrap_or_default());
        one.evidence = vec![at];
        // The files that come with a report are its logs.
        let others = mail.parts.iter().enumerate();
        one.evidence.extend(
            others
                .filter(|(other, part)| *other != at && (part.name.is_some() || part.attached))
                .map(|(other, _)| other)
                .take(50),
        );
        found.push(one);
    }
    Ok(found)
}

/// Labels that tell when.
const TIMES: &[&str] = &[
    "date",
    "timestamp",
    "time",
    "event-time",
    "event-date",
    "first-seen",
    "last-seen",
    "tested-on",
    "arrival-date",
    "received-date",
    "recent-infringement-timestamp",
    "initial-infringement-timestamp",
    "时间",
    "发现时间",
    "攻击时间",
];

fn time(map: &std::collections::BTreeMap<&str, &str>) -> Option<Timestamp> {
    TIMES
        .iter()
        .find_map(|name| map.get(name).and_then(|text| when(text)))
}

/// A time as notifiers write it; one without an offset is taken for UTC.
fn when(text: &str) -> Option<Timestamp> {
    let read = |text: &str| value::time(text, &TimeZone::UTC).ok().map(|read| read.at);
    read(text).or_else(|| super::date(text)).or_else(|| {
        // `2015-03-02 01:45:59 +01:00`: the blank before the offset.
        let (front, offset) = text.rsplit_once(' ')?;
        read(&format!("{front}{offset}"))
    })
}

/// Labels behind which stands what is complained about, each with its weight.
const SUBJECTS: &[(&str, u8)] = &[
    ("offending-ip", 85),
    ("offending/source-ip", 85),
    ("source-ip", 85),
    ("attacker-ip", 85),
    ("attacking-ip", 85),
    ("attacker", 80),
    ("abusive-ip", 85),
    ("infringers-ip-address", 85),
    ("infected-ip", 85),
    ("remote-ip", 75),
    ("ip", 75),
    ("ips", 75),
    ("ip-address", 75),
    ("ip-address(es)", 75),
    ("ip-addresses", 75),
    ("src-ip", 85),
    ("source", 75),
    ("source-address", 80),
    ("host", 60),
    ("hostname", 60),
    ("url", 80),
    ("urls", 80),
    ("uri", 80),
    ("link", 60),
    ("phishing-url", 90),
    ("malicious-url", 90),
    ("malware-url", 90),
    ("infringing-url", 90),
    ("offending-url", 90),
    ("spam-url", 85),
    ("domain", 75),
    ("domain-name", 75),
    ("reported-domain", 80),
    ("md5", 80),
    ("sha1", 80),
    ("sha256", 85),
    ("ip地址", 80),
    ("源ip", 85),
    ("攻击ip", 85),
    ("攻击源", 85),
    ("恶意ip", 85),
    ("网址", 80),
    ("链接", 70),
    ("恶意网址", 90),
    ("恶意链接", 90),
    ("钓鱼网址", 90),
    ("钓鱼链接", 90),
    ("域名", 80),
];

/// A complaint that the lines of a text label.
fn labelled(mail: &Mail) -> Vec<Complaint> {
    let labels = labels::read(&mail.text);
    let map = labels::map(&labels);
    let mut one = complaint("labels", "undetermined", 70);
    for (label, value) in &labels {
        let Some((_, weight)) = SUBJECTS.iter().find(|(known, _)| known == label) else {
            continue;
        };
        for word in value.split([' ', ',', '，', '、', '\t']).take(20) {
            let found = Observable::parse(word, *weight);
            one.observables
                .extend(found.filter(|new| !one.observables.contains(new)));
        }
        if one.observables.len() >= MAX_OBSERVABLES {
            break;
        }
    }
    if one.observables.is_empty() {
        return Vec::new();
    }
    let named = [
        "report-type",
        "attack-type",
        "type",
        "issue",
        "category",
        "result",
        "类型",
        "攻击类型",
    ];
    let name = named
        .iter()
        .find_map(|name| map.get(name))
        .copied()
        .unwrap_or_default();
    let class = kinds::classify(name).or_else(|| kinds::of_mail(&mail.subject, &mail.text));
    one.classification = class.unwrap_or("undetermined");
    one.identifier = Line::new(name);
    one.observed_at = time(&map);
    let numbers = [
        "report-id",
        "notice-id",
        "case-id",
        "ticket",
        "ticket-id",
        "reference",
    ];
    let number = numbers.iter().find_map(|name| map.get(name)).copied();
    one.reference = Line::new(number.unwrap_or_default());
    one.evidence = files(mail);
    vec![one]
}

/// The parts that are files.
fn files(mail: &Mail) -> Vec<usize> {
    let parts = mail.parts.iter().enumerate();
    parts
        .filter(|(_, part)| part.name.is_some() || part.attached || part.is_mail())
        .map(|(at, _)| at)
        .take(50)
        .collect()
}

/// What a mail inside a mail gives: its own complaint, or, where somebody sends the mail that annoyed
/// him, the address it came from.
fn forwarded(
    mail: &Mail,
    at: usize,
    inner: &Mail,
    own: &Own,
    limits: &Limits,
) -> Option<Vec<Complaint>> {
    let outer = kinds::of_mail(&mail.subject, &mail.text);
    let mut found = inner.complaints(own, limits).unwrap_or_default();
    found.retain(|one| outer.is_none() || one.form != "prose");
    if found.is_empty() {
        // Somebody's covering words say what the mail is: then what it names is complained about.
        let class = outer.or_else(|| kinds::of_mail(&inner.subject, &inner.text))?;
        let mut one = complaint("forwarded", class, 60);
        one.observables = extract::named(&inner.text, own, inner, 50);
        if class == "spam" || one.observables.is_empty() {
            let origin = arf::origin(&inner.headers);
            one.observables
                .extend(origin.map(|ip| Observable::new(Field::SourceIp, &ip.to_string(), 60)));
        }
        one.observed_at = inner.date;
        found.push(one);
    }
    for one in &mut found {
        one.evidence = vec![at];
        one.confidence = one.confidence.min(70);
        if one.form == "prose" {
            one.reporter = reporter(mail);
        }
    }
    found
        .iter()
        .any(|one| !one.observables.is_empty())
        .then_some(found)
}

/// What prose names.
fn prose(mail: &Mail, own: &Own, limits: &Limits) -> Vec<Complaint> {
    let text = match super::reply::forward(&mail.text) {
        // Who forwards complains with somebody else's words.
        Some(_) => mail.text.as_str(),
        None => super::reply::unquoted(&mail.text),
    };
    let whole = format!("{}\n{text}", mail.subject);
    let class = kinds::of_mail(&mail.subject, text).unwrap_or("undetermined");
    let confidence = if class == "undetermined" { 30 } else { 50 };
    let mut one = complaint("prose", class, confidence);
    one.observables = extract::named(&whole, own, mail, 50);
    if one.observables.is_empty() {
        // A log alone: what its lines name.
        for part in mail
            .parts
            .iter()
            .filter(|part| is_label_file(part))
            .take(20)
        {
            let text = part.text_up_to(limits.header_bytes);
            one.observables.extend(extract::named(&text, own, mail, 40));
        }
    }
    one.evidence = files(mail);
    if one.observables.is_empty() {
        Vec::new()
    } else {
        vec![one]
    }
}
