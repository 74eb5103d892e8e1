//! Abuse Reporting Format (RFC 5965): the machine-readable second part of a `multipart/report` mail.
//!
//! Writer. The reader stands with the mail reader, since the format is a mail's structure; the parts around
//! this one (the letter before it, the reported message or its header after it) belong to whoever builds the
//! mail.

use std::fmt::Write as _;
use std::net::IpAddr;

use model::time::Timestamp;

/// A value longer than this, in bytes, would not fit into a line of a mail (RFC 5322 section 2.1.1), and a URL
/// cannot be broken: it is left out.
const LONGEST: usize = 900;

/// What is reported (RFC 5965 section 7.3 and the registry after it).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Unsolicited mail or other abuse of a network.
    Abuse,
    /// Fraud or phishing.
    Fraud,
    /// A virus or what spreads it.
    Virus,
    /// Anything else.
    Other,
}

impl Kind {
    /// As `Feedback-Type` says it.
    pub fn label(self) -> &'static str {
        match self {
            Kind::Abuse => "abuse",
            Kind::Fraud => "fraud",
            Kind::Virus => "virus",
            Kind::Other => "other",
        }
    }
}

/// One feedback report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feedback {
    /// What is reported.
    pub kind: Kind,
    /// The program that made it: product and version, `Watchfire/0.1`.
    pub user_agent: String,
    /// When what is reported happened or arrived.
    pub arrived_at: Option<Timestamp>,
    /// The address it came from or lies at.
    pub source_ip: Option<IpAddr>,
    /// Its port (RFC 6692).
    pub source_port: Option<u16>,
    /// Domains that are reported.
    pub domains: Vec<String>,
    /// URLs that are reported.
    pub uris: Vec<String>,
    /// How many times it was seen, where more than once.
    pub incidents: Option<u64>,
}

/// The body of the `message/feedback-report` part, lines ending in CRLF. Whatever a value holds, it stays
/// within its line: control characters become `%XX` in URLs and spaces elsewhere.
pub fn write(feedback: &Feedback) -> String {
    let mut out = String::new();
    let mut field = |name: &str, value: &str| {
        let _ = write!(out, "{name}: {value}\r\n");
    };
    field("Feedback-Type", feedback.kind.label());
    field("User-Agent", &word(&feedback.user_agent));
    field("Version", "1");
    if let Some(at) = feedback.arrived_at.and_then(rfc5322) {
        field("Arrival-Date", &at);
    }
    if let Some(ip) = feedback.source_ip {
        field("Source-IP", &ip.to_string());
    }
    if let Some(port) = feedback.source_port {
        field("Source-Port", &port.to_string());
    }
    for domain in &feedback.domains {
        field("Reported-Domain", &word(domain));
    }
    for uri in feedback.uris.iter().map(|text| self::uri(text)) {
        if uri.len() <= LONGEST {
            field("Reported-URI", &uri);
        }
    }
    if let Some(incidents) = feedback.incidents.filter(|count| *count > 1) {
        field("Incidents", &incidents.to_string());
    }
    out
}

/// The date as RFC 5322 wants it, in UTC; `None` outside the years it can say.
pub fn rfc5322(at: Timestamp) -> Option<String> {
    let zoned = at.to_jiff()?.to_zoned_datetime(jiff::tz::TimeZone::UTC);
    (1900..=9999)
        .contains(&zoned.year())
        .then(|| zoned.strftime("%a, %d %b %Y %H:%M:%S +0000").to_string())
}

/// A value in one line of printable ASCII; what is none becomes a question mark (domains are given as A-labels).
fn word(text: &str) -> String {
    let clean: String = text
        .chars()
        .take(LONGEST)
        .map(|c| match c {
            c if c.is_control() => ' ',
            c if c.is_ascii() => c,
            _ => '?',
        })
        .collect();
    clean.trim().to_owned()
}

/// A URL in ASCII: what a URL may not hold is percent-encoded (RFC 3986 section 2.1).
fn uri(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.trim().bytes() {
        if byte.is_ascii_graphic() && !matches!(byte, b'<' | b'>' | b'"') {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_stays_in_its_line() {
        let report = Feedback {
            kind: Kind::Fraud,
            user_agent: "Watchfire/0.1\r\nFeedback-Type: not-spam".into(),
            arrived_at: Some(Timestamp(1_673_222_400_000_000)),
            source_ip: "192.0.2.1".parse().ok(),
            source_port: Some(443),
            domains: vec!["login.example.com".into()],
            uris: vec!["http://login.example.com/a\r\nSource-IP: 198.51.100.1/ü".into()],
            incidents: Some(3),
        };
        let text = write(&report);
        assert_eq!(text.lines().count(), 9, "{text}");
        assert!(
            text.contains("Arrival-Date: Mon, 09 Jan 2023 00:00:00 +0000\r\n"),
            "{text}"
        );
        assert!(
            text.contains("/a%0D%0ASource-IP:%20198.51.100.1/%C3%BC\r\n"),
            "{text}"
        );
    }
}
