//! X-ARF abuse reports as JSON: version 4 (`xarf_version`, schemas 4.2.0) and version 3 (`Version`,
//! `ReporterInfo`, `Report`; its numbered and draft versions as well), one report or a list of them.
//! Mail around them is for the mail reader.
//!
//! The source of a report is the asset that is complained about, its destination the one that
//! suffered. The type decides the classification where it means one RSIT entry and no other; else
//! the feed's entry gives it. Evidence and samples stay in the archived report, and what a sender
//! marks as internal is dropped, as the specification asks. Other members go to `extra` under their own
//! names.

pub mod write;

use std::io::{self, BufRead};

use model::classification::classification;
use model::feed::Feed;
use model::field::Field;
use model::reject::RejectReason;

use crate::document::Window;
use crate::draft::{self, Draft, Fault};
use crate::json::tree::{Json, Tree};
use crate::json::walk::{self, End, Found};
use crate::{Context, Format, Output, Reader, StreamReader, Unreadable, Warning, value};

/// X-ARF 3 and 4.
pub const FORMAT: Format = Format {
    name: "xarf",
    about: "X-ARF abuse reports, JSON of version 3 or 4",
    open,
    check,
};

/// The longest report that is read: evidence is inside, base64 of what a mail may carry.
const LONGEST: usize = 16 << 20;

fn open(ctx: &Context<'_>, head: &[u8]) -> Result<Reader, Unreadable> {
    let first = draft::json_start(FORMAT.name, head)?;
    let is_report = ["xarf_version", "Version", "Report", "ReporterInfo"]
        .iter()
        .any(|member| draft::has(head, member) != Some(false));
    if first == b'{' && !is_report {
        let detail = "there is neither `xarf_version` nor `Version` with `Report`";
        return Err(draft::header(FORMAT.name, detail));
    }
    Ok(Reader::Stream(Box::new(Reports {
        draft: Draft::new(ctx)?,
        tree: Tree::default(),
    })))
}

fn check(feed: &Feed) -> Vec<String> {
    draft::check_fixed(feed, &[])
}

struct Reports {
    draft: Draft,
    tree: Tree,
}

impl StreamReader for Reports {
    fn read(mut self: Box<Self>, input: &mut dyn BufRead, out: &mut dyn Output) -> io::Result<()> {
        let mut window = Window::new(input)?.with_longest(LONGEST);
        let end = walk::walk(&mut window, &[], &mut |found| match found {
            Found::Element(element) => {
                let place = draft::Place::from(element);
                self.draft.clear();
                let read = draft::element(&mut self.tree, place.bytes);
                match read.and_then(|json| fill(&mut self.draft, json)) {
                    Ok(()) => self.draft.hand_over(place, out),
                    Err(fault) => out.reject(place.reject(fault)),
                }
            }
            Found::Broken(reject) => out.reject(reject),
            Found::Remark(message) => out.warn(Warning {
                label: "loose-json",
                message: message.into(),
            }),
            Found::Closed => {}
        })?;
        if end == End::Cut {
            out.warn(Warning {
                label: "truncated",
                message: "the document ends before its records do: it may have been cut off".into(),
            });
        }
        Ok(())
    }
}

fn fill(draft: &mut Draft, report: Json<'_>) -> Result<(), Fault> {
    if report.get("xarf_version").is_some() {
        return four(draft, report);
    }
    match report.member("Report") {
        inner if inner.is_object() => three(draft, report, inner),
        _ => Err(missing("Report")),
    }
}

fn missing(name: &str) -> Fault {
    let message = format!("the report has no `{name}`");
    (RejectReason::MissingField, message)
}

/// Types and the RSIT entry that each means; those of version 3 are its own names in lower case.
/// What may be several things (fraud, trademarks, harassment) is not here.
const CLASSES: &[(&str, &str)] = &[
    ("spam", "spam"),
    ("bulk-messaging", "spam"),
    ("phishing", "phishing"),
    ("malware", "malware-distribution"),
    ("csam", "violence"),
    ("csem", "violence"),
    ("childabuse", "violence"),
    ("childsexualabusematerial", "violence"),
    ("brand-infringement", "masquerade"),
    ("exposed-data", "data-leak"),
    ("remote-compromise", "system-compromise"),
    ("compromised-server", "system-compromise"),
    ("copyright", "copyright"),
    ("cyberlocker", "copyright"),
    ("link-site", "copyright"),
    ("p2p", "copyright"),
    ("ugc-platform", "copyright"),
    ("usenet", "copyright"),
    ("ddos", "ddos"),
    ("dos", "dos"),
    ("infected-host", "infected-system"),
    ("botnet", "infected-system"),
    ("login-attack", "brute-force"),
    ("loginattack", "brute-force"),
    ("port-scan", "scanner"),
    ("portscan", "scanner"),
    ("reconnaissance", "scanner"),
    ("vulnerability-scan", "scanner"),
    ("sql-injection", "exploit"),
    ("exploit", "exploit"),
    ("cve", "vulnerable-system"),
    ("open-service", "potentially-unwanted-accessible"),
    ("openservice", "potentially-unwanted-accessible"),
    ("misconfiguration", "misconfiguration"),
    ("blocklist", "blocklist"),
    (
        "potentiallycompromisedaccount",
        "unprivileged-account-compromise",
    ),
];

/// Sets the classification that the type means; `class` tells apart what version 3 calls alike.
fn set_class(draft: &mut Draft, kind: &str, class: &str) {
    let name = kind.to_lowercase().replace('_', "-");
    let meant = match (name.as_str(), class) {
        // Version 3: what a host does, not what it offers.
        ("malware", "activity") => Some("infected-system"),
        (name, _) => CLASSES
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, class)| *class),
    };
    if let Some(meant) = meant.and_then(classification) {
        draft.record.set_text(Field::ClassType, meant.name);
    }
    draft.record.set_text(Field::ClassIdentifier, &name);
}

/// Where a member goes.
enum To {
    /// A field; what does not fit is kept in `extra`.
    Field(Field),
    /// A field that the report stands or falls with.
    Key(Field),
    /// A host, address or URL, whose form tells which: the counterpart.
    Counterpart,
    /// A hash, perhaps with the name of its function before it.
    Hash,
    /// tcp, udp and icmp are transports, other protocols applications.
    Protocol,
    Drop,
}

use To::{Counterpart, Drop, Hash, Key, Protocol};

/// Members of version 4 that have a field, in the order in which they are taken.
const FOUR: &[(&str, To)] = &[
    ("timestamp", Key(Field::ObservedAt)),
    ("url", Key(Field::SourceUrl)),
    ("infringing_url", Key(Field::SourceUrl)),
    ("source_port", To::Field(Field::SourcePort)),
    ("destination_ip", To::Field(Field::DestinationIp)),
    ("destination_port", To::Field(Field::DestinationPort)),
    ("c2_server", Counterpart),
    ("protocol", Protocol),
    ("target_brand", To::Field(Field::DescriptionTarget)),
    ("affected_brand", To::Field(Field::DescriptionTarget)),
    ("impersonated_entity", To::Field(Field::DescriptionTarget)),
    ("malware_family", To::Field(Field::MalwareName)),
    ("cve_id", To::Field(Field::Vulnerabilities)),
    ("vulnerability_cve", To::Field(Field::Vulnerabilities)),
    ("file_hash", Hash),
    ("hash_values", Hash),
    ("service", To::Field(Field::ProductName)),
    ("service_version", To::Field(Field::ProductVersion)),
    ("severity", To::Field(Field::Severity)),
    ("description", To::Field(Field::Description)),
    ("asn", To::Field(Field::SourceAsn)),
    ("geographic_location", To::Field(Field::SourceCountry)),
    ("xarf_version", Drop),
    ("category", Drop),
    ("type", Drop),
    ("source_identifier", Drop),
    ("reporter", Drop),
    ("sender", Drop),
    ("tags", Drop),
    ("evidence", Drop),
    ("_internal", Drop),
];

fn four(draft: &mut Draft, report: Json<'_>) -> Result<(), Fault> {
    let source = report
        .member("source_identifier")
        .text()
        .ok_or_else(|| missing("source_identifier"))?;
    let kind = report
        .member("type")
        .string()
        .ok_or_else(|| missing("type"))?;
    if report.member("timestamp").text().is_none() {
        return Err(missing("timestamp"));
    }
    draft.observable(&source)?;
    take(draft, report, FOUR)?;
    // The domain stands beside an address that is the source.
    if let Some(domain) = report.member("domain").string()
        && !draft.record.has(Field::SourceHost)
    {
        draft.keep(Field::SourceHost, domain);
    }
    set_class(draft, kind, "");
    if let Some(reporter) = report.member("reporter").member("org").string() {
        draft.keep(Field::Reporter, reporter);
    }
    let tags: Vec<&str> = report
        .member("tags")
        .list()
        .filter_map(Json::string)
        .collect();
    draft.keep(Field::Tags, &tags.join(" "));
    rest(draft, report, FOUR);
    Ok(())
}

/// Members of `Report` in version 3 that have a field.
const THREE: &[(&str, To)] = &[
    ("Date", Key(Field::ObservedAt)),
    ("SourceIp", Key(Field::SourceIp)),
    ("SourceUrl", Key(Field::SourceUrl)),
    ("SourcePort", To::Field(Field::SourcePort)),
    ("DestinationIp", To::Field(Field::DestinationIp)),
    ("DestinationPort", To::Field(Field::DestinationPort)),
    ("RpzDomain", Counterpart),
    ("TransportProtocol", Protocol),
    ("MalwareName", To::Field(Field::MalwareName)),
    ("BotnetName", To::Field(Field::MalwareName)),
    ("CVE", To::Field(Field::Vulnerabilities)),
    ("FileHash", Hash),
    ("ServiceName", To::Field(Field::ProductName)),
    ("ServiceVersion", To::Field(Field::ProductVersion)),
    ("ReportClass", Drop),
    ("ReportType", Drop),
    ("Source", Drop),
    ("Samples", Drop),
    ("Attachment", Drop),
];

fn three(draft: &mut Draft, report: Json<'_>, inner: Json<'_>) -> Result<(), Fault> {
    let kind = inner
        .member("ReportType")
        .string()
        .ok_or_else(|| missing("Report.ReportType"))?;
    if inner.member("Date").text().is_none() {
        return Err(missing("Report.Date"));
    }
    take(draft, inner, THREE)?;
    // Drafts of version 3 put the source into an object of its own.
    let source = inner.member("Source");
    for (member, field) in [("IP", Field::SourceIp), ("URL", Field::SourceUrl)] {
        if let Some(text) = source.member(member).text()
            && !draft.record.has(field)
        {
            draft.set(field, &text)?;
        }
    }
    if !draft.record.has(Field::SourcePort) {
        draft.keep_json(Field::SourcePort, source.member("Port"));
    }
    // Who lost an account, or whom a person harasses, is an account and no host.
    let account = inner.member("Account");
    let ids = ["AccountEmail", "AccountId", "AccountName"];
    let named = ids.iter().find_map(|name| account.member(name).string());
    if let Some(id) = named.or_else(|| account.members().find_map(Json::string)) {
        draft.keep(Field::SourceAccount, id);
    }
    let class = inner.member("ReportClass").string().unwrap_or_default();
    set_class(draft, kind, &class.to_lowercase());
    let reporter = ["ReporterOrg", "ReporterContactName"];
    if let Some(name) = reporter
        .iter()
        .find_map(|name| report.member("ReporterInfo").member(name).string())
    {
        draft.keep(Field::Reporter, name);
    }
    rest(draft, inner, THREE);
    Ok(())
}

/// Takes the members that have a field.
fn take(draft: &mut Draft, report: Json<'_>, members: &[(&str, To)]) -> Result<(), Fault> {
    let taken = members.iter().filter(|(_, to)| !matches!(to, Drop));
    for (name, to) in taken {
        let json = report.member(name);
        match to {
            Drop => {}
            Hash => hashes(draft, json),
            Key(field) | To::Field(field) if draft.record.has(*field) => {
                draft.extra(name, json);
            }
            To::Field(field) => draft.keep_json(*field, json),
            Key(field) => {
                if let Some(text) = json.text() {
                    draft.set(*field, &text)?;
                }
            }
            Counterpart => {
                if let Some(text) = json.string() {
                    let field = if text.contains("://") {
                        Field::DestinationUrl
                    } else if value::ip(text).is_some() {
                        Field::DestinationIp
                    } else {
                        Field::DestinationHost
                    };
                    draft.keep(field, text);
                }
            }
            Protocol => {
                if let Some(name) = json.string() {
                    let transport = ["tcp", "udp", "icmp", "icmpv6", "sctp"];
                    let is_one = transport
                        .iter()
                        .any(|known| known.eq_ignore_ascii_case(name));
                    draft.keep(
                        if is_one {
                            Field::ProtocolTransport
                        } else {
                            Field::ProtocolApplication
                        },
                        name,
                    );
                }
            }
        }
    }
    Ok(())
}

/// Sets the hashes of a member: a text, perhaps with its function before it (`sha256:...`), or an
/// object of them.
fn hashes(draft: &mut Draft, json: Json<'_>) {
    let mut set = |text: &str| {
        let bare = text.rsplit_once(':').map_or(text, |(_, hash)| hash);
        draft.hash(bare.trim());
    };
    match json.str() {
        Some(text) => set(text),
        None => json.members().filter_map(Json::string).for_each(set),
    }
}

/// Keeps the members that have no field of their own, in the order of their names.
fn rest(draft: &mut Draft, report: Json<'_>, members: &[(&str, To)]) {
    let known = |name: &str| members.iter().any(|(known, _)| *known == name);
    let mut others: Vec<Json<'_>> = report
        .members()
        .filter(|member| !known(member.name()))
        .collect();
    others.sort_by_key(|member| member.name());
    for member in others {
        draft.extra(member.name(), member);
    }
}
