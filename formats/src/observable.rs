//! An observable whose kind the source leaves open: a URL, an address or a host, with a port perhaps.
//! Typed values go straight to [`crate::value`]; networks and whole lists are [`crate::list`]'s.

use jiff::tz::TimeZone;
use model::field::Field;
use model::record::Record;

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
