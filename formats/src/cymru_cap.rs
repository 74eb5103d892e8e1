//! Team Cymru's CSIRT assistance program (CAP): `category|address|asn|timestamp|information|as name`,
//! comments with `#`, in both the form of 2019 (`family: x;dest_port: 80;`) and the older one
//! (`srcport 1337 mwtype X destaddr 192.0.2.1 Some words`). A row that names several ports of its
//! target is an event for each. A category that is not known is kept under its name, undetermined.

use jiff::tz::TimeZone;
use model::feed::Feed;
use model::field::Field;
use model::record::Record;
use model::reject::RejectReason;

use crate::entry::{self, Entry};
use crate::line::{Emit, Fault, Lines};
use crate::{Context, Format, Reader, Unreadable, value};

/// Team Cymru's CAP.
pub const FORMAT: Format = Format {
    name: "cymru-cap",
    about: "Team Cymru's CSIRT assistance program",
    open,
    check,
};

/// Category, classification, identifier (`""`: none, or the malware's name).
const CATEGORIES: &[(&str, &str, &str)] = &[
    ("bot", "infected-system", ""),
    ("bots", "infected-system", ""),
    ("bruteforce", "brute-force", ""),
    ("conficker", "infected-system", ""),
    ("controller", "c2-server", ""),
    ("darknet", "scanner", "darknet"),
    ("ddosreport", "ddos", "ddos"),
    ("honeypot", "scanner", ""),
    ("malwareurl", "malware-distribution", "malwareurl"),
    ("openresolver", "vulnerable-system", "dns-open-resolver"),
    ("openresolvers", "vulnerable-system", "dns-open-resolver"),
    ("phishing", "phishing", "phishing"),
    ("proxy", "proxy", "openproxy"),
    ("scanner", "scanner", "scanner"),
    ("scanners", "scanner", "scanner"),
    ("spam", "spam", "spam"),
    ("tor", "tor", "tor"),
];

/// IANA's names of protocol numbers that darknets meet.
const PROTOCOLS: &[(i64, &str)] = &[
    (1, "icmp"),
    (2, "igmp"),
    (6, "tcp"),
    (11, "nvp-ii"),
    (17, "udp"),
    (33, "dccp"),
    (41, "ipv6"),
    (47, "gre"),
    (50, "esp"),
    (51, "ah"),
    (58, "ipv6-icmp"),
    (59, "ipv6-nonxt"),
    (88, "eigrp"),
    (89, "ospfigp"),
    (103, "pim"),
    (112, "vrrp"),
    (132, "sctp"),
    (136, "udplite"),
];

fn check(feed: &Feed) -> Vec<String> {
    let mut problems = entry::check_fixed(feed);
    problems.extend(entry::check_options(feed, &[]));
    problems
}

fn open(ctx: &Context<'_>, head: &[u8]) -> Result<Reader, Unreadable> {
    if head.trim_ascii().is_empty() {
        return Err(Unreadable::Empty);
    }
    let zone = ctx.zone.clone();
    let parse = move |line: &str, record: &mut Record, emit: &mut Emit<'_>| -> Result<(), Fault> {
        let ports = Row {
            record,
            zone: &zone,
        }
        .read(line)?;
        if ports.is_empty() {
            emit(record);
        }
        for port in ports {
            record.set_int(Field::DestinationPort, port);
            emit(record);
        }
        Ok(())
    };
    Ok(Lines::reader(Entry::compile(ctx)?, &["#"], parse))
}

struct Row<'r> {
    record: &'r mut Record,
    zone: &'r TimeZone,
}

impl Row<'_> {
    fn set(&mut self, field: Field, text: &str) -> Result<(), Fault> {
        value::set(self.record, field, text, self.zone)
            .map_err(|bad| (bad.reason, bad.message(text)))
    }

    /// Reads a row; gives the ports of its target back.
    fn read(&mut self, line: &str) -> Result<Vec<i64>, Fault> {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let &[category, address, asn, time, information, holder] = cells.as_slice() else {
            let message = format!("{} columns where 6 are expected", cells.len());
            return Err((RejectReason::ColumnCount, message));
        };
        self.set(Field::SourceIp, address)?;
        self.set(Field::ObservedAt, time)?;
        if !self.record.has(Field::SourceIp) {
            return Err((RejectReason::MissingField, "the row has no address".into()));
        }
        // AS 0 is none, which is no fault of the row.
        let _ = self.set(Field::SourceAsn, asn);
        self.holder(holder)?;
        let category = category.to_ascii_lowercase();
        let known = CATEGORIES.iter().find(|(name, ..)| *name == category);
        let (_, class, identifier) = known.unwrap_or(&("", "undetermined", ""));
        self.set(Field::ClassType, class)?;
        self.set(Field::ClassIdentifier, identifier)?;
        match category.as_str() {
            "openresolver" | "openresolvers" => self.set(Field::ProtocolApplication, "dns")?,
            "conficker" => self.malware("conficker")?,
            _ if known.is_none() => self.set(Field::ClassIdentifier, &category)?,
            _ => {}
        }
        let mut ports = Vec::new();
        if matches!(category.as_str(), "phishing" | "malwareurl") {
            self.set(Field::SourceUrl, information.trim_end_matches(';'))?;
            return Ok(ports);
        }
        for piece in information.split(';').map(str::trim) {
            match piece.split_once(':') {
                Some((key, text)) => self.told(key.trim(), text.trim(), asn, &mut ports)?,
                None if !piece.is_empty() => self.untold(&category, piece)?,
                None => {}
            }
        }
        Ok(ports)
    }

    /// The holder's name, with its country behind a comma.
    fn holder(&mut self, holder: &str) -> Result<(), Fault> {
        match holder.rsplit_once(',') {
            Some((name, country)) if country.trim().len() == 2 => {
                self.set(Field::SourceAsName, name)?;
                self.set(Field::SourceCountry, country)
            }
            _ => self.set(Field::SourceAsName, holder),
        }
    }

    fn malware(&mut self, name: &str) -> Result<(), Fault> {
        self.set(Field::MalwareName, name)?;
        self.set(Field::ClassIdentifier, &name.to_lowercase())
    }

    /// `key: text`.
    fn told(
        &mut self,
        key: &str,
        text: &str,
        asn: &str,
        ports: &mut Vec<i64>,
    ) -> Result<(), Fault> {
        match key {
            "family" => self.malware(text),
            "dest_addr" | "destaddr" | "dstaddr" => self.set(Field::DestinationIp, text),
            "port" | "srcport" | "source_port" => self.set(Field::SourcePort, text),
            "username" => self.set(Field::SourceAccount, text),
            "dest_port"
            | "darknet_port"
            | "honeypot_port"
            | "ports_scanned"
            | "destination_port_numbers" => {
                // `80,81 (total_count:19)`
                let list = text.split_once('(').map_or(text, |(list, _)| list);
                let found = list.split(',').map(|port| value::int(port.trim()));
                ports.extend(found.flatten().filter(|port| (0..=65535).contains(port)));
                Ok(())
            }
            "protocol" => {
                let number = value::int(text);
                match PROTOCOLS.iter().find(|(known, _)| Some(*known) == number) {
                    Some((_, name)) => self.set(Field::ProtocolTransport, name)?,
                    None => self.extra("protocol.transport", text),
                }
                Ok(())
            }
            "proxy_type" => {
                self.proxy(text);
                Ok(())
            }
            "hostname" => {
                // The semicolon before the next key is missing at times.
                let (host, port) = text.split_once("port:").unwrap_or((text, ""));
                self.set(Field::SourcePort, port)?;
                // An address for a name says nothing new.
                let _ = self.set(Field::SourceHost, host);
                Ok(())
            }
            "additional_asns" => {
                let others = text.split(',').map(str::trim);
                let all: Vec<i64> = [asn]
                    .into_iter()
                    .chain(others)
                    .filter_map(value::asn)
                    .collect();
                self.record.extra_value("source.asns", &all.into());
                Ok(())
            }
            _ => {
                self.extra(key, text);
                Ok(())
            }
        }
    }

    /// Text without a key: what it is depends on the category.
    fn untold(&mut self, category: &str, text: &str) -> Result<(), Fault> {
        match category {
            "bruteforce" => {
                self.set(Field::ClassIdentifier, text)?;
                self.set(Field::ProtocolApplication, text)
            }
            "proxy" if text.contains('(') => {
                self.extra("request", text);
                Ok(())
            }
            "proxy" => {
                self.proxy(text);
                Ok(())
            }
            "bot" | "bots" => self.words(text),
            _ => {
                self.extra("information", text);
                Ok(())
            }
        }
    }

    /// `socks4-1080`, or the kind of proxy alone.
    fn proxy(&mut self, text: &str) {
        let (kind, port) = text.rsplit_once('-').unwrap_or((text, ""));
        self.record
            .set_text(Field::ProtocolApplication, &kind.to_lowercase());
        if let Some(port @ 0..=65535) = value::int(port) {
            self.record.set_int(Field::SourcePort, port);
        }
    }

    /// The old form: `srcport 1337 mwtype Name with words destaddr 192.0.2.1 description`.
    fn words(&mut self, text: &str) -> Result<(), Fault> {
        let keys = ["srcport", "mwtype", "destaddr", "dstaddr"];
        let (mut key, mut name, mut rest) = ("", Vec::new(), Vec::new());
        for word in text.split_whitespace() {
            match key {
                _ if keys.contains(&word) => key = word,
                "srcport" => {
                    self.set(Field::SourcePort, word)?;
                    key = "";
                }
                "destaddr" | "dstaddr" => {
                    self.set(Field::DestinationIp, word)?;
                    key = "";
                }
                "mwtype" => name.push(word),
                _ => rest.push(word),
            }
        }
        if !name.is_empty() {
            self.malware(&name.join(" "))?;
        }
        self.set(Field::Description, &rest.join(" "))
    }

    fn extra(&mut self, key: &str, text: &str) {
        if let Some(text) = value::given(text) {
            self.record.extra_text(key, text);
        }
    }
}
