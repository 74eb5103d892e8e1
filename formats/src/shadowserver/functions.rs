//! The functions that the published schema names: 18 small rules, told apart by an enum.
//!
//! What each does was learned from its name, the schema's use of it and the published expectations
//! of IntelMQ's test data. A name that is not here keeps the text as it stands, with a warning, so
//! that a schema of next month still gives events.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::tz::TimeZone;

use crate::value;

/// What is done to a column's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    /// No function, or one not known here: the text as it stands.
    Keep,
    /// `validate_to_none`: `0` and `unknown` say nothing.
    ValidateToNone,
    /// `convert_int`.
    ConvertInt,
    /// `invalidate_zero`: an integer of which 0 says nothing.
    InvalidateZero,
    /// `convert_bool`.
    ConvertBool,
    /// `convert_float`.
    ConvertFloat,
    /// `validate_ip`: an address, or nothing.
    ValidateIp,
    /// `validate_network`: a network in CIDR form with its length written, or nothing.
    ValidateNetwork,
    /// `validate_fqdn`: a host name, or nothing.
    ValidateFqdn,
    /// `add_UTC_to_timestamp`.
    AddUtc,
    /// `convert_date`: the form of HTTP headers, and others, to RFC 3339.
    ConvertDate,
    /// `convert_date_utc`: the same for times that are UTC without saying so.
    ConvertDateUtc,
    /// `extract_cve_from_tag`: the CVE ids among the tags.
    ExtractCve,
    /// `convert_http_host_and_url`: a URL from the request line and the host of the same row.
    HostAndUrl,
    /// `category_or_detail`: the category, else the column `detail` of the same row.
    CategoryOrDetail,
    /// `force_base64`: Base64, unless it is that already.
    ForceBase64,
    /// `scan_exchange_taxonomy`: follows from the type.
    ExchangeTaxonomy,
    /// `scan_exchange_type`: by whether the tag says that a web shell was found.
    ExchangeType,
    /// `scan_exchange_identifier`: likewise.
    ExchangeIdentifier,
}

/// The published names.
pub const FUNCTIONS: &[(&str, Function)] = &[
    ("validate_to_none", Function::ValidateToNone),
    ("convert_int", Function::ConvertInt),
    ("invalidate_zero", Function::InvalidateZero),
    ("convert_bool", Function::ConvertBool),
    ("validate_ip", Function::ValidateIp),
    ("add_UTC_to_timestamp", Function::AddUtc),
    ("extract_cve_from_tag", Function::ExtractCve),
    ("convert_float", Function::ConvertFloat),
    ("convert_date", Function::ConvertDate),
    ("convert_http_host_and_url", Function::HostAndUrl),
    ("validate_fqdn", Function::ValidateFqdn),
    ("convert_date_utc", Function::ConvertDateUtc),
    ("validate_network", Function::ValidateNetwork),
    ("category_or_detail", Function::CategoryOrDetail),
    ("force_base64", Function::ForceBase64),
    ("scan_exchange_taxonomy", Function::ExchangeTaxonomy),
    ("scan_exchange_type", Function::ExchangeType),
    ("scan_exchange_identifier", Function::ExchangeIdentifier),
];

impl Function {
    /// Finds a function by its published name.
    pub fn named(name: &str) -> Option<Function> {
        FUNCTIONS
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, function)| *function)
    }

    /// Whether an empty cell still gives a value.
    #[inline]
    pub fn speaks_of_nothing(self) -> bool {
        use Function::*;
        matches!(self, CategoryOrDetail | ExchangeType | ExchangeIdentifier)
    }
}

/// `validate_to_none`'s test.
#[inline]
pub fn says_nothing(text: &str) -> bool {
    text == "0" || (text.len() == 7 && text.eq_ignore_ascii_case("unknown"))
}

/// `convert_bool`.
#[inline]
pub fn boolean(text: &str) -> Option<bool> {
    let is = |names: &[&str]| names.iter().any(|name| name.eq_ignore_ascii_case(text));
    match text {
        _ if is(&["y", "yes", "true", "t", "1", "enabled"]) => Some(true),
        _ if is(&["n", "no", "false", "f", "0", "disabled"]) => Some(false),
        _ => None,
    }
}

/// `convert_float`: appends the number as JSON, the shortest text that reads as the same double, with
/// a fraction even if it is 0; false if it is none. Decimals of few digits are their own shortest
/// text but for zeros.
#[inline]
pub fn push_float(text: &str, out: &mut String) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let few = |text: &str, most: usize| {
        (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    if few(whole, 9) && few(fraction, 4) && (whole.len() == 1 || !whole.starts_with('0')) {
        let fraction = fraction.trim_end_matches('0');
        out.push_str(&text[..text.len() - digits.len() + whole.len()]);
        out.push('.');
        out.push_str(if fraction.is_empty() { "0" } else { fraction });
        return true;
    }
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() => write!(out, "{value:?}").is_ok(),
        _ => false,
    }
}

/// `convert_date`: the time in IntelMQ's form, or `None` if it is none.
pub fn date(text: &str, zone: &TimeZone) -> Option<String> {
    crate::intelmq::time(value::instant(text, zone)?.at)
}

/// `extract_cve_from_tag`: appends every CVE id in the text, upper case, each once, joined with `;`.
/// Returns whether there was one.
#[inline]
pub fn cves(text: &str, out: &mut String) -> bool {
    let bytes = text.as_bytes();
    let from = out.len();
    let mut at = 0;
    while let Some(found) = memchr::memchr2(b'c', b'C', &bytes[at..]) {
        at += found;
        if let Some(length) = cve_length(&bytes[at..]) {
            let start = out.len();
            if start > from {
                out.push(';');
            }
            let id_start = out.len();
            out.push_str(&text[at..at + length]);
            out[id_start..].make_ascii_uppercase();
            if start > from
                && out[from..start]
                    .split(';')
                    .any(|known| *known == out[id_start..])
            {
                out.truncate(start);
            }
            at += length;
        } else {
            at += 1;
        }
    }
    out.len() > from
}

/// The length of the CVE id at the front: `CVE-`, four digits, `-`, four digits or more.
fn cve_length(bytes: &[u8]) -> Option<usize> {
    let is_year = bytes.get(4..8)?.iter().all(u8::is_ascii_digit);
    if !bytes[..4].eq_ignore_ascii_case(b"cve-") || !is_year || bytes.get(8) != Some(&b'-') {
        return None;
    }
    let digits = bytes[9..]
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    (digits >= 4).then_some(9 + digits)
}

/// `convert_http_host_and_url`: `url` is a whole URL, a path, or the request line of HTTP; `host` is
/// what the client asked for, or the address that was asked. `None` if there is nothing to make a URL
/// of.
pub fn host_and_url(url: &str, host: &str, application: &str) -> Option<String> {
    let url = url.trim();
    if url.contains("://") {
        return Some(url.to_owned());
    }
    let path = match url.split_once(' ') {
        Some((method, rest)) if method.bytes().all(|byte| byte.is_ascii_uppercase()) => {
            rest.rsplit_once(" HTTP/").map_or(rest, |(path, _)| path)
        }
        _ => url,
    };
    let host = value::given(host)?;
    let v6 = value::ip(host).is_some_and(|ip| ip.is_ipv6()) && !host.contains('%');
    let host = if v6 {
        format!("[{host}]")
    } else {
        host.to_owned()
    };
    let path = value::given(path)?;
    let scheme = if application.eq_ignore_ascii_case("https") {
        "https"
    } else {
        "http"
    };
    let slash = if path.starts_with('/') { "" } else { "/" };
    Some(format!("{scheme}://{host}{slash}{path}"))
}

/// `force_base64`.
pub fn base64(text: &str) -> String {
    match STANDARD.decode(text) {
        Ok(_) => text.to_owned(),
        Err(_) => STANDARD.encode(text),
    }
}

/// Whether an Exchange server's tag says that a web shell was found on it.
fn has_web_shell(tag: &str) -> bool {
    tag.to_ascii_lowercase().contains("webshell")
}

/// `scan_exchange_type`.
pub fn exchange_type(tag: &str) -> &'static str {
    if has_web_shell(tag) {
        "system-compromise"
    } else {
        "vulnerable-system"
    }
}

/// `scan_exchange_identifier`.
pub fn exchange_identifier(tag: &str) -> &'static str {
    if has_web_shell(tag) {
        "exchange-server-webshell"
    } else {
        "vulnerable-exchange-server"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_one_function() {
        for (index, (name, function)) in FUNCTIONS.iter().enumerate() {
            assert_eq!(Function::named(name), Some(*function));
            assert!(
                FUNCTIONS[..index]
                    .iter()
                    .all(|(_, other)| other != function),
                "{name}"
            );
        }
        assert_eq!(FUNCTIONS.len(), 18);
        assert_eq!(Function::named("convert_everything"), None);
    }

    #[test]
    fn small_rules() {
        assert!(says_nothing("0") && says_nothing("Unknown") && !says_nothing("00"));
        assert_eq!(
            (boolean("Y"), boolean("FALSE"), boolean("maybe")),
            (Some(true), Some(false), None)
        );
        let float = |text| {
            let mut out = String::new();
            push_float(text, &mut out).then_some(out)
        };
        for (text, expected) in [
            ("74.00", "74.0"),
            ("2", "2.0"),
            ("-20.407", "-20.407"),
            ("0.50", "0.5"),
            ("007", "7.0"),
            ("1e3", "1000.0"),
            (".5", "0.5"),
        ] {
            assert_eq!(float(text).as_deref(), Some(expected), "{text}");
        }
        for text in ["x", "", "NaN", "inf", "1.2.3", "-"] {
            assert_eq!(float(text), None, "{text}");
        }
        let date = |text| date(text, &TimeZone::UTC);
        assert_eq!(
            date("Thu, 19 Apr 2018 00:02:28 GMT").as_deref(),
            Some("2018-04-19T00:02:28+00:00")
        );
        assert_eq!(
            date("2021-03-27T00:00:00.521730Z").as_deref(),
            Some("2021-03-27T00:00:00.521730+00:00")
        );
        assert_eq!(
            date("Thu, 01 Jan 1970 00:00:00 GMT").as_deref(),
            Some("1970-01-01T00:00:00+00:00")
        );
        assert_eq!(date("soon"), None);
        assert_eq!(base64("GET / HTTP/1.1"), "R0VUIC8gSFRUUC8xLjE=");
        assert_eq!(base64("R0VUIC8gSFRUUC8xLjE="), "R0VUIC8gSFRUUC8xLjE=");
        assert_eq!(
            (
                exchange_type("exchange;webshell"),
                exchange_type("exchange")
            ),
            ("system-compromise", "vulnerable-system")
        );
        assert_eq!(
            exchange_identifier("exchange;webshell"),
            "exchange-server-webshell"
        );
        assert_eq!(
            exchange_identifier("exchange;cve-2021-0001"),
            "vulnerable-exchange-server"
        );
    }

    proptest::proptest! {
        #[test]
        fn a_float_is_written_as_its_shortest_text(text in "-?[0-9]{0,12}(\\.[0-9]{0,6})?") {
            let mut out = String::new();
            match text.parse::<f64>() {
                Ok(value) => {
                    proptest::prop_assert!(push_float(&text, &mut out));
                    proptest::prop_assert_eq!(out, format!("{value:?}"));
                }
                Err(_) => proptest::prop_assert!(!push_float(&text, &mut out)),
            }
        }
    }

    #[test]
    fn cves_are_found_anywhere_in_the_tag() {
        let found = |text| {
            let mut out = String::from("kept");
            let any = cves(text, &mut out);
            assert_eq!(any, out.len() > 4);
            out.split_off(4)
        };
        assert_eq!(
            found("rdp;vulnerable-cve-2019-0001,CVE-2020-123456"),
            "CVE-2019-0001;CVE-2020-123456"
        );
        assert_eq!(
            found("cve-2019-0001;CVE-2019-0001;cve-2019-00010"),
            "CVE-2019-0001;CVE-2019-00010"
        );
        assert_eq!(found("coap,ccve-2019-001,cve-19-0001,cve-"), "");
        assert_eq!(found("cccve-2019-0001"), "CVE-2019-0001");
    }

    #[test]
    fn urls_are_put_together() {
        let url = |url, host, application| host_and_url(url, host, application);
        assert_eq!(
            url("/a", "www.example", "http").as_deref(),
            Some("http://www.example/a")
        );
        assert_eq!(
            url("GET /a b HTTP/1.1", "www.example", "https").as_deref(),
            Some("https://www.example/a b")
        );
        assert_eq!(
            url("index.php", "www.example:8080", "").as_deref(),
            Some("http://www.example:8080/index.php")
        );
        assert_eq!(
            url("http://other.example/a", "www.example", "").as_deref(),
            Some("http://other.example/a")
        );
        assert_eq!(
            url("/a", "2001:db8::1", "").as_deref(),
            Some("http://[2001:db8::1]/a")
        );
        assert_eq!(url("/a", "", ""), None);
        assert_eq!(url("", "www.example", ""), None);
    }
}
