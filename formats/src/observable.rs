//! An observable whose kind the source leaves open: a URL, an address or a host, with a port perhaps,
//! a network or a hash. Typed values go straight to [`crate::value`].

use jiff::tz::TimeZone;
use model::field::Field;
use model::record::Record;
use model::reject::RejectReason;

use crate::value::{self, BadValue};

/// Sets `source_url`, `source_ip` or `source_host` (the last two perhaps with `source_port`), by the
/// form of the text. Text that says nothing sets nothing.
pub(crate) fn set(record: &mut Record, text: &str, zone: &TimeZone) -> Result<(), BadValue> {
    let Some(text) = value::given(text) else {
        return Ok(());
    };
    if text.contains('/') {
        return value::set(record, Field::SourceUrl, text, zone);
    }
    set_with_port(record, Field::SourceIp, text, zone)
        .or_else(|_| set_with_port(record, Field::SourceHost, text, zone))
}

/// Sets an address or host; `:80` behind it goes to `source_port`. An IPv6 address with a port needs
/// its brackets (RFC 3986), since without them the port might be its last group.
pub(crate) fn set_with_port(
    record: &mut Record,
    field: Field,
    text: &str,
    zone: &TimeZone,
) -> Result<(), BadValue> {
    let Err(bad) = value::set(record, field, text, zone) else {
        return Ok(());
    };
    let parts = match text.strip_prefix('[') {
        Some(rest) => rest.split_once("]:"),
        None => text.split_once(':').filter(|(_, port)| !port.contains(':')),
    };
    if let Some((host, port)) = parts
        && let Some(port @ 1..=65535) = value::int(port)
        && value::set(record, field, host, zone).is_ok()
        && record.has(field)
    {
        record.set_int(Field::SourcePort, port);
        return Ok(());
    }
    Err(bad)
}

/// What [`set_any`] reads, to be read after "is not".
pub(crate) const ANY: &str = "an address, network, host, URL or hash";

/// Sets whatever the text is: an address or host (perhaps with a port), a network, a hash or a URL.
/// Text that says nothing sets nothing.
pub(crate) fn set_any(record: &mut Record, text: &str, zone: &TimeZone) -> Result<(), BadValue> {
    let Some(text) = value::given(text) else {
        return Ok(());
    };
    let read = set_with_port(record, Field::SourceIp, text, zone).is_ok()
        || network(text, record).is_some()
        || hash(text, record).is_some()
        || domain(text, record, zone).is_some()
        || value::set(record, Field::SourceUrl, text, zone).is_ok();
    if read {
        return Ok(());
    }
    Err(BadValue {
        field: Field::SourceIp,
        expected: ANY,
        reason: RejectReason::BadValue,
    })
}

/// A network; one of a single address is that address.
pub(crate) fn network(text: &str, record: &mut Record) -> Option<()> {
    let (ip, bits) = value::network(text)?;
    if bits == if ip.is_ipv4() { 32 } else { 128 } {
        record.set_ip(Field::SourceIp, value::ip(&ip.to_string())?);
    } else {
        record.write_text(Field::SourceNetwork, |out| {
            use std::fmt::Write;
            write!(out, "{ip}/{bits}").expect("writing to a string does not fail");
        });
    }
    Some(())
}

/// A host name with a dot, perhaps with a port, a wildcard before it (`*.www.example`,
/// `.www.example`) or around it what ad-block lists write (`||www.example^`).
pub(crate) fn domain(text: &str, record: &mut Record, zone: &TimeZone) -> Option<()> {
    let text = text.strip_prefix("||").unwrap_or(text);
    let text = text.strip_suffix('^').unwrap_or(text);
    let text = text
        .strip_prefix("*.")
        .or(text.strip_prefix('.'))
        .unwrap_or(text);
    if !text.contains('.') && !text.contains('。') {
        return None;
    }
    set_with_port(record, Field::SourceHost, text, zone).ok()?;
    record.has(Field::SourceHost).then_some(())
}

/// An MD5, SHA-1 or SHA-256 hash, by its length.
pub(crate) fn hash(text: &str, record: &mut Record) -> Option<()> {
    let field = match text.len() {
        32 => Field::Md5,
        40 => Field::Sha1,
        64 => Field::Sha256,
        _ => return None,
    };
    value::set(record, field, text, &TimeZone::UTC).ok()?;
    record.has(field).then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_decides() {
        let read = |text: &str| {
            let mut record = Record::new();
            set(&mut record, text, &TimeZone::UTC).ok()?;
            Some(
                record
                    .iter()
                    .map(|(field, value)| format!("{field}={value:?}"))
                    .collect::<Vec<_>>()
                    .join(" "),
            )
        };
        for (text, expected) in [
            ("192.0.2.1", "source_ip=Ip(192.0.2.1)"),
            (
                "192.0.2.1:8080",
                "source_ip=Ip(192.0.2.1) source_port=Int(8080)",
            ),
            ("fe80::1%eth0", "source_ip=Ip(fe80::1)"),
            (
                "[2001:db8::1]:443",
                "source_ip=Ip(2001:db8::1) source_port=Int(443)",
            ),
            ("WWW.Example.test", "source_host=Text(\"www.example.test\")"),
            (
                "www.example.test:81",
                "source_port=Int(81) source_host=Text(\"www.example.test\")",
            ),
            (
                "hxxp://a[.]example/x",
                "source_url=Text(\"http://a.example/x\")",
            ),
            ("", ""),
        ] {
            assert_eq!(read(text).as_deref(), Some(expected), "{text}");
        }
        for text in [
            "192.0.2.1:0",
            "192.0.2.1:99999",
            "a b",
            "[2001:db8::1]",
            ":80",
            "999.1.1.1",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
