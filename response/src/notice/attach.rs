//! The files beside a letter: the table, and one machine-readable form of the same.

use std::io::{Cursor, Write as _};

use formats::arf;
use formats::iodef::write as iodef;
use formats::stix::write as stix;
use formats::xarf::write as xarf;
use model::bulletin::Lang;
use model::incident::CaseKind;
use model::organization::NoticeFormat;
use model::worded::Word;
use zip::write::SimpleFileOptions;

use super::{Attachment, Draft, Error, Feedback, Item, Look, table};

/// What calls itself the maker of a report.
const MAKER: &str = concat!("Watchfire/", env!("CARGO_PKG_VERSION"));

/// The parts of an ARF report, where the contact wants one and the notice is about one incident: RFC 5965
/// reports one thing.
pub(super) fn feedback(draft: &Draft, look: &Look) -> Option<Feedback> {
    if look.format != NoticeFormat::Arf || !draft.kind.asks() {
        return None;
    }
    let [item] = draft.items.as_slice() else {
        return None;
    };
    let seen = &item.observed;
    let report = arf::write(&arf::Feedback {
        kind: match item.kind {
            CaseKind::Phishing => arf::Kind::Fraud,
            CaseKind::MaliciousApp | CaseKind::MalwareHosting => arf::Kind::Virus,
            CaseKind::Spam | CaseKind::Attack => arf::Kind::Abuse,
            _ => arf::Kind::Other,
        },
        user_agent: MAKER.to_owned(),
        arrived_at: Some(item.first_seen),
        source_ip: seen.ip,
        source_port: seen.port,
        domains: seen.host.as_deref().map(a_labels).into_iter().collect(),
        uris: seen.url.clone().into_iter().collect(),
        incidents: Some(item.count),
    });
    let original = item.message.clone().filter(|_| look.people);
    Some(Feedback { report, original })
}

/// A host as it stands in the DNS; what is none stays as it is.
fn a_labels(host: &str) -> String {
    url::Host::parse(host).map_or_else(|_| host.to_owned(), |host| host.to_string())
}

/// The files of a notice, the table first. Reporters get none; an ARF report holds the three parts of its own
/// only (RFC 6522 section 3).
pub(super) fn files(draft: &Draft, look: &Look, is_arf: bool) -> Result<Vec<Attachment>, Error> {
    let to_party = draft.kind.asks() || draft.kind == model::notice::NoticeKind::Retraction;
    if !to_party || is_arf {
        return Ok(Vec::new());
    }
    let token = draft.token.as_str();
    let name = match draft.language {
        Lang::Zh => format!("处置清单-{token}.csv"),
        Lang::En => format!("incidents-{token}.csv"),
    };
    let mut all = vec![file(
        draft,
        look,
        name,
        "text/csv",
        table::write(draft, look),
    )?];
    // What is taken back is not reported once more to a machine.
    if !draft.kind.asks() {
        return Ok(all);
    }
    match look.format {
        NoticeFormat::Csv | NoticeFormat::Arf => {}
        NoticeFormat::Xarf => all.push(reports(draft, look)?),
        NoticeFormat::Iodef => {
            let bytes = iodef::write(&document(draft)).into_bytes();
            let name = format!("incidents-{token}.iodef.xml");
            all.push(file(draft, look, name, "application/xml", bytes)?);
        }
        NoticeFormat::Stix => {
            let bytes = stix::write(&bundle(draft)).into_bytes();
            let name = format!("incidents-{token}.stix.json");
            all.push(file(draft, look, name, "application/stix+json", bytes)?);
        }
    }
    Ok(all)
}

/// A file, zipped if it is too long.
fn file(
    draft: &Draft,
    look: &Look,
    name: String,
    mime: &'static str,
    bytes: Vec<u8>,
) -> Result<Attachment, Error> {
    if bytes.len() <= look.zip_over {
        return Ok(Attachment { name, mime, bytes });
    }
    zipped(draft, format!("{name}.zip"), [(name, bytes)])
}

fn zipped(
    draft: &Draft,
    name: String,
    files: impl IntoIterator<Item = (String, Vec<u8>)>,
) -> Result<Attachment, Error> {
    let pack = || {
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        // The format's own epoch: what the clock says has no place in bytes that must come out the same again.
        let options = SimpleFileOptions::default().last_modified_time(zip::DateTime::default());
        for (name, bytes) in files {
            zip.start_file(name, options)?;
            zip.write_all(&bytes)?;
        }
        Ok(zip.finish()?.into_inner())
    };
    match pack() {
        Ok(bytes) => Ok(Attachment {
            name,
            mime: "application/zip",
            bytes,
        }),
        Err(source) => Err(Error::Zip {
            notice: draft.id,
            name,
            source,
        }),
    }
}

/// Sixteen bytes that follow from the notice and what they are for.
fn derived(draft: &Draft, what: &str, at: usize) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(draft.id.0.as_bytes()).update(what.as_bytes());
    hasher.update(&(at as u64).to_le_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    bytes
}

/// X-ARF holds one report a document: one incident is a file, several are a zip of files.
fn reports(draft: &Draft, look: &Look) -> Result<Attachment, Error> {
    let token = draft.token.as_str();
    if let [item] = draft.items.as_slice() {
        let bytes = xarf::write(&report(draft, item, 0)).into_bytes();
        let name = format!("report-{token}.xarf.json");
        return file(draft, look, name, "application/json", bytes);
    }
    let files = draft.items.iter().enumerate().map(|(at, item)| {
        let name = format!("report-{token}-{:05}.xarf.json", at + 1);
        (name, xarf::write(&report(draft, item, at)).into_bytes())
    });
    zipped(draft, format!("reports-{token}.xarf.zip"), files)
}

/// The name by which an incident's source is known best.
fn source(item: &Item) -> String {
    let seen = &item.observed;
    let host_of_url = || {
        let url = url::Url::parse(seen.url.as_deref()?).ok()?;
        url.host_str().map(str::to_owned)
    };
    seen.ip
        .map(|ip| ip.to_string())
        .or_else(|| seen.host.clone())
        .or_else(host_of_url)
        .or_else(|| seen.url.clone())
        .or_else(|| seen.hash.clone())
        .unwrap_or_default()
}

fn report(draft: &Draft, item: &Item, at: usize) -> xarf::Report {
    let seen = &item.observed;
    let us = xarf::Party {
        org: draft.sender.name.en.clone(),
        contact: draft.sender.address.clone(),
        domain: draft.sender.domain.clone(),
    };
    let url = seen.url.clone().filter(|url| url::Url::parse(url).is_ok());
    let said = summary(draft, item);
    let kind = match (item.kind, url) {
        (CaseKind::Phishing, Some(url)) => xarf::Kind::Phishing(url),
        (CaseKind::MaliciousApp | CaseKind::MalwareHosting, Some(url)) => xarf::Kind::Malware(url),
        (CaseKind::ControlServer | CaseKind::MobileControlServer, _) => xarf::Kind::Botnet {
            control: Some(source(item)),
            evidence: said.clone(),
        },
        (CaseKind::InfectedHost, _) => xarf::Kind::Botnet {
            control: None,
            evidence: said.clone(),
        },
        (CaseKind::Defacement | CaseKind::Backdoor, _) => xarf::Kind::CompromisedServer {
            method: "unknown".into(),
        },
        (CaseKind::Vulnerability, _) => xarf::Kind::Misconfiguration {
            service: "unknown".into(),
        },
        (CaseKind::Spam, _) => xarf::Kind::Spam,
        _ => xarf::Kind::Threat,
    };
    xarf::Report {
        id: derived(draft, "xarf", at),
        at: item.last_seen,
        reporter: us.clone(),
        sender: us,
        source: source(item),
        port: seen.port,
        kind,
        seen: Some((item.first_seen, item.last_seen.max(item.first_seen))),
        description: said,
        tags: vec![
            format!("tlp:{}", draft.tlp),
            format!("watchfire:{}", item.kind.label()),
        ],
        // A reported mail holds people's data: it goes into ARF's third part by rule, and into no file.
        evidence: Vec::new(),
    }
}

/// One sentence on an incident, for machines' descriptions.
fn summary(draft: &Draft, item: &Item) -> String {
    let exercise = if draft.exercise { "EXERCISE: " } else { "" };
    let kind = item.kind.en();
    let (first, last) = (item.first_seen, item.last_seen);
    let times = match item.count {
        0 | 1 => String::new(),
        n => format!(", {n} times"),
    };
    format!(
        "{exercise}{kind}, seen from {first} to {last}{times}; asked to {} ({})",
        item.asked.words(Lang::En),
        item.incident
    )
}

fn document(draft: &Draft) -> iodef::Document {
    let language = draft.language;
    let incidents = draft.items.iter().map(|item| {
        let seen = &item.observed;
        iodef::Incident {
            number: item.incident.clone(),
            description: match language {
                Lang::En => summary(draft, item),
                Lang::Zh if draft.exercise => format!("演练：{}", item.kind.zh()),
                Lang::Zh => item.kind.zh().to_owned(),
            },
            category: item.kind.label().to_owned(),
            seen: (item.first_seen, item.last_seen),
            count: item.count,
            part: match item.kind {
                CaseKind::Vulnerability | CaseKind::Defacement | CaseKind::Backdoor => {
                    iodef::Part::Target
                }
                _ => iodef::Part::Source,
            },
            role: match item.kind {
                CaseKind::Phishing => Some("phishing-site"),
                CaseKind::MaliciousApp | CaseKind::MalwareHosting => Some("malware-distribution"),
                CaseKind::ControlServer | CaseKind::MobileControlServer => Some("c2-server"),
                _ => None,
            },
            url: seen.url.clone(),
            host: seen.host.clone(),
            ip: seen.ip,
            port: seen.port,
            hash: seen.hash.clone(),
            asked: Some(item.asked.words(language).to_owned()),
            asked_by: draft.target,
        }
    });
    iodef::Document {
        language: language.code(),
        issuer: draft.sender.domain.clone(),
        generated_at: draft.composed_at,
        creator: iodef::Creator {
            name: draft.sender.name.get(language).to_owned(),
            mail: draft.sender.address.clone(),
            phone: Some(draft.sender.phone.clone()).filter(|phone| !phone.is_empty()),
        },
        tlp: draft.tlp,
        incidents: incidents.collect(),
    }
}

fn bundle(draft: &Draft) -> stix::Bundle {
    let findings = draft.items.iter().map(|item| {
        let seen = &item.observed;
        stix::Finding {
            name: format!("{} ({})", item.kind.en(), item.incident),
            description: summary(draft, item),
            kind: match item.kind {
                CaseKind::InfectedHost | CaseKind::Defacement | CaseKind::Backdoor => "compromised",
                CaseKind::Vulnerability => "unknown",
                _ => "malicious-activity",
            },
            seen: (item.first_seen, item.last_seen),
            count: item.count,
            url: seen.url.clone(),
            host: seen.host.clone(),
            ip: seen.ip,
            port: seen.port,
            hash: seen.hash.clone(),
            reference: Some((item.incident.clone(), draft.sender.domain.clone())),
        }
    });
    let mut creator_id = [0; 16];
    creator_id.copy_from_slice(&blake3::hash(draft.sender.domain.as_bytes()).as_bytes()[..16]);
    stix::Bundle {
        id: derived(draft, "stix", 0),
        created_at: draft.composed_at,
        creator: draft.sender.name.en.clone(),
        creator_id,
        tlp: draft.tlp,
        findings: findings.collect(),
    }
}
