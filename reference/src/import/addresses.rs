//! Lists about addresses as text: prefixes per region, country and holder, prefix-to-AS tables, and
//! the registries' delegation statistics.

use serde::Deserialize;

use super::{Draft, Job, unfit};
use crate::cidr::{Prefix, parse_decimal, parse_prefix};
use crate::ip::Said;
use crate::read::{Input, Tally};
use crate::tables::ranked;
use crate::{Country, Error, Kind};

/// The code of the nation in GB/T 2260 files: says the country and no province.
const NATION: u32 = 100_000;

pub(super) fn region_cidr(
    input: &Input,
    job: &Job<'_>,
    draft: &mut Draft,
    tally: &mut Tally,
) -> Result<(), Error> {
    let code = parse_decimal(job.name.as_bytes())
        .filter(|_| job.name.len() == 6)
        .filter(|code| code % 100 == 0);
    let said = match code {
        Some(NATION) => Said {
            country: Country::new("CN"),
            ..Said::default()
        },
        Some(code) => match draft.names.province(code) {
            Some(province) => Said {
                country: Some(province.country),
                province: Some(province.code),
                city: (code != province.code).then_some(code),
                ..Said::default()
            },
            None if draft.alone => Said::default(),
            None => {
                return Err(unfit(
                    input,
                    job,
                    format!(
                        "{} is no province of GB/T 2260, nor of an imported `divisions` file that gives its country",
                        job.name
                    ),
                ));
            }
        },
        None => {
            let reason = format!(
                "its name {:?} is no GB/T 2260 code of a province or city: name it like 440000 or 440100",
                job.name
            );
            return Err(unfit(input, job, reason));
        }
    };
    prefixes(input, job, &said, draft, tally);
    Ok(())
}

pub(super) fn country_cidr(
    input: &Input,
    job: &Job<'_>,
    draft: &mut Draft,
    tally: &mut Tally,
) -> Result<(), Error> {
    if input.bytes.trim_ascii_start().starts_with(b"{") {
        return country_json(input, job, draft, tally);
    }
    let country = Country::new(job.name).ok_or_else(|| {
        unfit(
            input,
            job,
            format!(
                "its name {:?} is no ISO 3166 code: name it like JP",
                job.name
            ),
        )
    })?;
    prefixes(
        input,
        job,
        &Said {
            country: Some(country),
            ..Said::default()
        },
        draft,
        tally,
    );
    Ok(())
}

/// Prefixes of a country as JSON, aggregated from registry statistics (ipverse/rir-ip). They say
/// where space was delegated to and so rank with the registries' own files unless the user ranks them.
#[derive(Deserialize)]
struct CountryJson {
    #[serde(rename = "countryCode")]
    country_code: String,
    prefixes: CountryPrefixes,
}

#[derive(Deserialize)]
struct CountryPrefixes {
    #[serde(default)]
    ipv4: Vec<String>,
    #[serde(default)]
    ipv6: Vec<String>,
}

fn country_json(
    input: &Input,
    job: &Job<'_>,
    draft: &mut Draft,
    tally: &mut Tally,
) -> Result<(), Error> {
    let json: CountryJson = serde_json::from_slice(&input.bytes)
        .map_err(|error| unfit(input, job, error.to_string()))?;
    let country = Country::new(&json.country_code).ok_or_else(|| {
        unfit(
            input,
            job,
            format!("countryCode {:?} is no ISO 3166 code", json.country_code),
        )
    })?;
    let said = Said {
        country: Some(country),
        ..Said::default()
    };
    let rank = if job.default_rank {
        ranked(Kind::RirDelegated.spec().rank, 0)
    } else {
        job.rank
    };
    for (family, list) in [("ipv4", &json.prefixes.ipv4), ("ipv6", &json.prefixes.ipv6)] {
        for (at, text) in list.iter().enumerate() {
            match parse_prefix(text.trim().as_bytes()) {
                Ok(prefix) => {
                    draft.ip.add(prefix, rank, &said);
                    tally.records += 1;
                }
                Err(reason) => tally.refuse(format_args!("{family}[{at}]"), reason),
            }
        }
    }
    Ok(())
}

pub(super) fn holder_cidr(
    input: &Input,
    job: &Job<'_>,
    draft: &mut Draft,
    tally: &mut Tally,
) -> Result<(), Error> {
    if job.name.is_empty() {
        return Err(unfit(
            input,
            job,
            "a holder's list is named after the holder",
        ));
    }
    let said = Said {
        holder: Some(draft.names.holder_number(job.name)),
        ..Said::default()
    };
    prefixes(input, job, &said, draft, tally);
    Ok(())
}

/// One prefix a line; `#` and `;` begin comments, also behind a prefix.
fn prefixes(input: &Input, job: &Job<'_>, said: &Said, draft: &mut Draft, tally: &mut Tally) {
    for (number, line) in input.lines() {
        let text = without_comment(line);
        if text.is_empty() {
            continue;
        }
        match parse_prefix(text) {
            Ok(prefix) => {
                draft.ip.add(prefix, job.rank, said);
                tally.records += 1;
            }
            Err(reason) => tally.refuse(number, reason),
        }
    }
}

fn without_comment(line: &[u8]) -> &[u8] {
    let end = memchr::memchr2(b'#', b';', line).unwrap_or(line.len());
    line[..end].trim_ascii_end()
}

/// `prefix<TAB>asn` (pyasn) or `address<TAB>length<TAB>asn` (CAIDA). Of several origins joined by
/// `_` or `,` the first is taken, which is the most seen one.
pub(super) fn prefix_asn(
    input: &Input,
    job: &Job<'_>,
    draft: &mut Draft,
    tally: &mut Tally,
) -> Result<(), Error> {
    for (number, line) in input.lines() {
        let text = without_comment(line);
        if text.is_empty() {
            continue;
        }
        match prefix_and_asn(text) {
            Ok((prefix, asn)) => {
                draft.ip.add(
                    prefix,
                    job.rank,
                    &Said {
                        asn: Some(asn),
                        ..Said::default()
                    },
                );
                tally.records += 1;
            }
            Err(reason) => tally.refuse(number, reason),
        }
    }
    Ok(())
}

fn prefix_and_asn(text: &[u8]) -> Result<(Prefix, u32), &'static str> {
    let mut parts = text
        .split(|byte| byte.is_ascii_whitespace())
        .filter(|part| !part.is_empty());
    let (first, second, third) = (
        parts.next().unwrap_or_default(),
        parts.next().ok_or("no AS number")?,
        parts.next(),
    );
    let (prefix, asn) = match third {
        None => (parse_prefix(first)?, second),
        Some(asn) => (parse_prefix(&[first, b"/", second].concat())?, asn),
    };
    let asn = asn
        .split(|&byte| byte == b'_' || byte == b',')
        .next()
        .unwrap_or_default();
    // AS 0 marks space that must not be routed (RFC 7607); u32::MAX is reserved (RFC 7300).
    match parse_decimal(asn) {
        Some(asn) if asn != 0 && asn != u32::MAX => Ok((prefix, asn)),
        Some(_) => Err("AS number is reserved"),
        None => Err("AS number is no number"),
    }
}

/// `registry|cc|type|start|value|date|status[|...]`. Says where an address was delegated to, which is
/// not always where it is used: the last of the country sources.
pub(super) fn rir_delegated(
    input: &Input,
    job: &Job<'_>,
    draft: &mut Draft,
    tally: &mut Tally,
) -> Result<(), Error> {
    for (number, line) in input.lines() {
        if line.starts_with(b"#") {
            continue;
        }
        let Ok(text) = std::str::from_utf8(line) else {
            tally.refuse(number, "not UTF-8");
            continue;
        };
        let fields: Vec<&str> = text.split('|').collect();
        match delegation(&fields) {
            Ok(Some((country, range))) => {
                let said = Said {
                    country: Some(country),
                    ..Said::default()
                };
                draft.ip.add(range, job.rank, &said);
                tally.records += 1;
            }
            Ok(None) => tally.unused += 1,
            Err(reason) => tally.refuse(number, reason),
        }
    }
    Ok(())
}

fn delegation(fields: &[&str]) -> Result<Option<(Country, Prefix)>, &'static str> {
    let version = fields[0]
        .bytes()
        .next()
        .is_some_and(|byte| byte.is_ascii_digit());
    if version || fields.last() == Some(&"summary") {
        return Ok(None);
    }
    let &[_, country, family, start, value, _, status, ..] = fields else {
        return Err("fewer than seven fields");
    };
    if family == "asn" || !matches!(status, "allocated" | "assigned") {
        return Ok(None);
    }
    let country = Country::new(country).ok_or("no country code")?;
    let range = match (family, parse_prefix(start.as_bytes())?) {
        ("ipv4", Prefix::V4(first, _, 32)) => {
            let count: u32 = value
                .parse()
                .map_err(|_| "number of addresses is no number")?;
            let last = count
                .checked_sub(1)
                .and_then(|more| first.checked_add(more))
                .ok_or("range leaves the address space")?;
            Prefix::V4(first, last, (32 - count.ilog2()) as u8)
        }
        ("ipv6", Prefix::V6(_, _, 128)) => parse_prefix(format!("{start}/{value}").as_bytes())?,
        _ => return Err("neither an ipv4 nor an ipv6 nor an asn line"),
    };
    Ok(Some((country, range)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_prefix_to_as_forms_are_read() {
        let v4 = Prefix::V4(0xC000_0200, 0xC000_02FF, 24);
        assert_eq!(prefix_and_asn(b"192.0.2.0/24\t64496"), Ok((v4, 64_496)));
        assert_eq!(
            prefix_and_asn(b"192.0.2.0\t24\t64496_64497"),
            Ok((v4, 64_496))
        );
        assert_eq!(prefix_and_asn(b"192.0.2.0/24"), Err("no AS number"));
        assert_eq!(
            prefix_and_asn(b"192.0.2.0/24\t0"),
            Err("AS number is reserved")
        );
        assert_eq!(
            prefix_and_asn(b"192.0.2.0/24\tAS1"),
            Err("AS number is no number")
        );
    }

    #[test]
    fn delegations_count_addresses_for_ipv4_and_bits_for_ipv6() {
        let line = |text: &'static str| delegation(&text.split('|').collect::<Vec<_>>());
        let cn = Country::new("CN").unwrap();
        assert_eq!(
            line("apnic|CN|ipv4|192.0.2.0|768|20110414|allocated"),
            Ok(Some((cn, Prefix::V4(0xC000_0200, 0xC000_04FF, 23))))
        );
        assert!(matches!(
            line("apnic|CN|ipv6|2001:db8::|32|20110414|assigned|x"),
            Ok(Some((_, Prefix::V6(_, _, 32))))
        ));
        assert_eq!(line("apnic|CN|asn|64496|1|20110414|allocated"), Ok(None));
        assert_eq!(line("apnic||ipv4|192.0.2.0|256||available"), Ok(None));
        assert_eq!(
            line("2|apnic|20241109|80145|19830613|20241108|+1000"),
            Ok(None)
        );
        assert_eq!(line("apnic|*|ipv4|*|51925|summary"), Ok(None));
        assert!(line("apnic|CN|ipv4|255.255.255.0|512|20110414|allocated").is_err());
        assert!(line("apnic|CN|ipv4|192.0.2.0|0|20110414|allocated").is_err());
        assert!(line("no such thing").is_err());
    }
}
