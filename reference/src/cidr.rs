//! Reads one CIDR prefix or address from bytes into the range it covers.
//!
//! Written for half a million lines at start-up: no allocation, one pass for IPv4; IPv6 goes through
//! the standard library. Not a general network type.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A prefix as the closed range of addresses that it covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Prefix {
    /// IPv4: first and last address, prefix length.
    V4(u32, u32, u8),
    /// IPv6: first and last address, prefix length.
    V6(u128, u128, u8),
}

/// Reads `a.b.c.d`, `a.b.c.d/n`, `x:y::z` or `x:y::z/n`. Bits set behind the prefix are cleared, as
/// published lists have them. Errors say what is wrong, for the report of refused lines.
pub(crate) fn parse_prefix(text: &[u8]) -> Result<Prefix, &'static str> {
    let (address, length) = match text.iter().position(|&byte| byte == b'/') {
        Some(slash) => (&text[..slash], Some(parse_length(&text[slash + 1..])?)),
        None => (text, None),
    };
    if let Some(v4) = parse_v4(address) {
        return prefix_of(Ipv4Addr::from(v4).into(), length.unwrap_or(32));
    }
    let v6 = std::str::from_utf8(address)
        .ok()
        .and_then(|text| text.parse::<Ipv6Addr>().ok())
        .ok_or("not an address or prefix")?;
    prefix_of(v6.into(), length.unwrap_or(128))
}

/// The range of a prefix in parts.
pub(crate) fn prefix_of(address: IpAddr, length: u8) -> Result<Prefix, &'static str> {
    match address {
        IpAddr::V4(_) if length > 32 => Err("prefix length above 32"),
        IpAddr::V4(v4) => {
            let host = u32::MAX.checked_shr(u32::from(length)).unwrap_or(0);
            let v4 = u32::from(v4);
            Ok(Prefix::V4(v4 & !host, v4 | host, length))
        }
        IpAddr::V6(_) if length > 128 => Err("prefix length above 128"),
        IpAddr::V6(v6) => {
            let host = u128::MAX.checked_shr(u32::from(length)).unwrap_or(0);
            let v6 = u128::from(v6);
            Ok(Prefix::V6(v6 & !host, v6 | host, length))
        }
    }
}

/// Strict dotted quad: four decimal numbers of at most three digits, none above 255.
pub(crate) fn parse_v4(text: &[u8]) -> Option<u32> {
    if text.len() < 7 || text.len() > 15 {
        return None;
    }
    let (mut address, mut octet, mut digits, mut dots) = (0u32, 0u32, 0u32, 0u32);
    for &byte in text {
        match byte {
            b'0'..=b'9' => {
                octet = octet * 10 + u32::from(byte - b'0');
                digits += 1;
                if digits > 3 || octet > 255 {
                    return None;
                }
            }
            b'.' if digits > 0 && dots < 3 => {
                address = address << 8 | octet;
                (octet, digits, dots) = (0, 0, dots + 1);
            }
            _ => return None,
        }
    }
    (dots == 3 && digits > 0).then_some(address << 8 | octet)
}

fn parse_length(text: &[u8]) -> Result<u8, &'static str> {
    parse_decimal(text)
        .and_then(|length| u8::try_from(length).ok())
        .ok_or("prefix length is no number")
}

/// A run of decimal digits as `u32`; `None` for anything else or overflow.
pub(crate) fn parse_decimal(text: &[u8]) -> Option<u32> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0u32, |value, &byte| {
        byte.is_ascii_digit()
            .then(|| value.checked_mul(10)?.checked_add(u32::from(byte - b'0')))
            .flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn prefixes_cover_what_they_say() {
        assert_eq!(
            parse_prefix(b"192.0.2.0/24"),
            Ok(Prefix::V4(0xC000_0200, 0xC000_02FF, 24))
        );
        assert_eq!(
            parse_prefix(b"192.0.2.7/24"),
            Ok(Prefix::V4(0xC000_0200, 0xC000_02FF, 24))
        );
        assert_eq!(
            parse_prefix(b"192.0.2.7"),
            Ok(Prefix::V4(0xC000_0207, 0xC000_0207, 32))
        );
        assert_eq!(parse_prefix(b"0.0.0.0/0"), Ok(Prefix::V4(0, u32::MAX, 0)));
        assert_eq!(parse_prefix(b"::/0"), Ok(Prefix::V6(0, u128::MAX, 0)));
        let documentation = 0x2001_0db8_u128 << 96;
        assert_eq!(
            parse_prefix(b"2001:db8::/32"),
            Ok(Prefix::V6(
                documentation,
                documentation | (u128::MAX >> 32),
                32
            ))
        );
    }

    #[test]
    fn bad_prefixes_are_refused_with_a_reason() {
        for text in [
            "",
            "192.0.2",
            "192.0.2.256",
            "192.0.2.0/",
            "192.0.2.0/33",
            "1.2.3.4.5",
            "1..2.3",
            "192.0.2.0/-1",
            "x",
            "2001:db8::/129",
            "fe80::1%eth0",
        ] {
            assert!(parse_prefix(text.as_bytes()).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = parse_prefix(&bytes);
        }

        #[test]
        fn addresses_read_as_the_standard_library_reads_them(bits in any::<u32>()) {
            let text = std::net::Ipv4Addr::from(bits).to_string();
            prop_assert_eq!(parse_v4(text.as_bytes()), Some(bits));
        }
    }
}
