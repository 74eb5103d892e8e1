//! Lists and tables that notifiers send: infringement notices (ACNS), Google's report for networks,
//! lists under headings, and CSV files with an address in each row.

use model::field::Field;

use super::super::header::Line;
use super::{
    Complaint, Limits, MAX_COMPLAINTS, MAX_OBSERVABLES, Mail, Observable, complaint, kinds, when,
};
use crate::value;

/// The text between the first `<name ...>` and its end; `None` where there is none.
fn tag<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let mut from = 0;
    while let Some(at) = text[from..].find('<').map(|at| from + at) {
        let rest = &text[at + 1..];
        from = at + 1;
        let Some(behind) = rest.strip_prefix(name) else {
            continue;
        };
        if !behind.starts_with(['>', ' ', '\t', '\r', '\n']) {
            continue;
        }
        let start = behind.find('>')? + 1;
        let body = &behind[start..];
        return body.split_once('<').map(|(value, _)| value.trim());
    }
    None
}

/// A notice of infringement in ACNS (acns.net, version 1.x): XML in the text or in a file.
pub(super) fn acns(mail: &Mail, limits: &Limits) -> Vec<Complaint> {
    let files = mail.parts.iter().enumerate().filter(|(_, part)| {
        part.media.ends_with("/xml") || part.media.ends_with("+xml") || part.name.is_some()
    });
    let inline = std::iter::once((None, mail.text.clone()));
    let texts = files.map(|(at, part)| (Some(at), part.text_up_to(limits.text_bytes)));
    for (at, text) in texts.chain(inline) {
        let Some(start) = text.find("<Infringement") else {
            continue;
        };
        let end = text[start..]
            .find("</Infringement>")
            .map_or(text.len(), |end| start + end);
        let xml = &text[start..end];
        let source = xml.find("<Source").map_or(xml, |at| &xml[at..]);
        let mut one = complaint("acns", "copyright", 95);
        let Some(mut ip) = tag(source, "IP_Address").and_then(|ip| Observable::parse(ip, 95))
        else {
            continue;
        };
        ip.port = tag(source, "Port").and_then(|port| port.parse().ok());
        one.observables.push(ip);
        let content = xml.find("<Content").map_or("", |at| &xml[at..]);
        if let Some(url) = tag(source, "URL").or_else(|| tag(content, "URL"))
            && url.contains("://")
        {
            one.observables.extend(Observable::parse(url, 80));
        }
        one.observed_at = tag(source, "TimeStamp").and_then(when);
        one.identifier = Line::new(tag(source, "Type").unwrap_or_default());
        one.reference = Line::new(tag(xml, "ID").unwrap_or_default());
        one.reporter = Line::new(tag(xml, "Entity").unwrap_or_default());
        one.evidence = at.into_iter().collect();
        return vec![one];
    }
    Vec::new()
}

/// Google's Safe Browsing report for networks: one complaint of each list in it.
pub(super) fn safe_browsing(mail: &Mail) -> Vec<Complaint> {
    if !mail.text.contains("<url_info") {
        return Vec::new();
    }
    let mut found: Vec<Complaint> = Vec::new();
    for line in mail.text.lines().take(50_000) {
        let line = line.trim();
        if line.starts_with("<list") || found.is_empty() {
            if found.len() >= MAX_COMPLAINTS {
                break;
            }
            let mut one = complaint("safe-browsing", "malware-distribution", 80);
            let kind = attribute(line, "type").unwrap_or_default();
            one.identifier = Line::new(&format!("list {kind}"));
            one.observed_at = mail.date;
            found.push(one);
        }
        let Some(one) = found.last_mut() else { break };
        if line.starts_with("<url_info") && one.observables.len() < MAX_OBSERVABLES {
            let url = attribute(line, "url").map(|url| url.replace("&amp;", "&"));
            one.observables
                .extend(url.and_then(|url| Observable::parse(&url, 90)));
            let ip = attribute(line, "ip").and_then(|ip| Observable::parse(ip, 70));
            one.observables
                .extend(ip.filter(|ip| !one.observables.contains(ip)));
        }
    }
    found
}

fn attribute<'t>(line: &'t str, name: &str) -> Option<&'t str> {
    let at = line.find(&format!(" {name}=\""))? + name.len() + 3;
    line[at..].split_once('"').map(|(value, _)| value)
}

/// Addresses under headings that say what they did (Project Honey Pot).
pub(super) fn sections(mail: &Mail) -> Vec<Complaint> {
    let mut found: Vec<Complaint> = Vec::new();
    let mut heading: Option<&str> = None;
    for line in mail.text.lines().take(20_000) {
        let bare = line.trim();
        if let Some(title) = bare.strip_suffix(':') {
            heading = (title.contains("IPs") && title.contains("Network")).then_some(title);
            continue;
        }
        let Some(title) = heading else { continue };
        let mut words = bare.split_whitespace();
        let first = words.next().unwrap_or_default();
        if let Some(ip) = value::ip(first) {
            let class = match title {
                title if title.contains("Spamming") => "spam",
                title if title.contains("Dictionary") => "brute-force",
                title => kinds::classify(title).unwrap_or("undetermined"),
            };
            let same = found.last().is_some_and(|one| *one.identifier == *title);
            if !same {
                if found.len() >= MAX_COMPLAINTS {
                    break;
                }
                let mut one = complaint("honeypot-list", class, 80);
                one.identifier = Line::new(title);
                one.observed_at = mail.date;
                found.push(one);
            }
            if let Some(one) = found
                .last_mut()
                .filter(|one| one.observables.len() < MAX_OBSERVABLES)
            {
                one.observables
                    .push(Observable::new(Field::SourceIp, &ip.to_string(), 80));
            }
        } else if first == "-" || first.starts_with("---") {
            heading = if first == "-" { heading } else { None };
        }
    }
    found
}

/// Columns by the names that tables give them, lower case.
const COLUMNS: &[(&str, &[&str])] = &[
    (
        "ip",
        &[
            "src_ip",
            "source_ip",
            "ip",
            "src",
            "ip_address",
            "ipaddress",
            "source.ip",
            "源ip",
            "ip地址",
            "攻击ip",
        ],
    ),
    ("port", &["src_port", "source_port", "port"]),
    ("url", &["url", "uri", "source_url", "网址", "链接"]),
    ("host", &["domain", "hostname", "fqdn", "src_host", "域名"]),
    ("hash", &["md5", "sha1", "sha256"]),
    (
        "time",
        &[
            "timestamp",
            "event_date",
            "date",
            "time",
            "observed_at",
            "时间",
            "发现时间",
        ],
    ),
    ("clock", &["event_time"]),
    (
        "kind",
        &[
            "report_type",
            "type",
            "infection_type",
            "infection",
            "category",
            "malware",
            "类型",
        ],
    ),
    (
        "name",
        &["infection_type", "infection", "malware", "malware_name"],
    ),
];

/// Tables (CSV) with an address in each row: one complaint a row.
pub(super) fn csv(mail: &Mail, limits: &Limits) -> Vec<Complaint> {
    let mut found = Vec::new();
    for (at, part) in mail.parts.iter().enumerate() {
        let named = part
            .name
            .as_deref()
            .is_some_and(|name| name.to_ascii_lowercase().ends_with(".csv"));
        if part.media != "text/csv" && !named {
            continue;
        }
        let text = part.text_up_to(limits.text_bytes);
        rows(&text, at, mail, &mut found);
        if !found.is_empty() {
            // Further files tell the same rows in other words.
            break;
        }
    }
    found
}

fn rows(text: &str, part: usize, mail: &Mail, found: &mut Vec<Complaint>) {
    let delimiter = super::super::rows::delimiter(text);
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .flexible(true)
        .from_reader(text.as_bytes());
    let Ok(header) = reader.headers().cloned() else {
        return;
    };
    let column = |what: &str| {
        let (_, names) = COLUMNS.iter().find(|(known, _)| *known == what)?;
        names.iter().find_map(|name| {
            let mut cells = header.iter();
            cells.position(|cell| cell.trim().to_lowercase() == *name)
        })
    };
    let columns = ["ip", "url", "host", "hash"].map(column);
    if columns.iter().all(Option::is_none) {
        return;
    }
    let [port, time, clock, kind, name] = ["port", "time", "clock", "kind", "name"].map(column);
    let cell = |row: &csv::StringRecord, at: Option<usize>| -> String {
        let text = at.and_then(|at| row.get(at)).unwrap_or_default();
        text.trim().to_owned()
    };
    for row in reader.records().flatten().take(MAX_COMPLAINTS) {
        let said = format!("{} {} {}", cell(&row, kind), cell(&row, name), mail.subject);
        let class = kinds::classify(&said).unwrap_or("undetermined");
        let mut one = complaint("table", class, 80);
        for at in columns {
            one.observables
                .extend(Observable::parse(&cell(&row, at), 85));
        }
        if let Some(first) = one.observables.first_mut()
            && first.field == Field::SourceIp
        {
            first.port = cell(&row, port).parse().ok();
        }
        one.identifier = Line::new(&cell(&row, if name.is_some() { name } else { kind }));
        one.observed_at = when(format!("{} {}", cell(&row, time), cell(&row, clock)).trim());
        one.evidence = vec![part];
        found.push(one);
    }
}
