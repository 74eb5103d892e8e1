//! MaxMind DB files: GeoIP2 and GeoLite2 (country, city, ASN, ISP) and the flat records other
//! publishers use (`country_code`, `asn`, `as_name`).
//!
//! All networks are walked once and become claims; the file itself is not kept. Records are decoded
//! once per distinct data offset, since many networks share one. Writers choose the width of
//! integers, so numbers are read by a visitor that takes any.

use std::fmt;

use maxminddb::{MaxMindDbError, Reader, WithinOptions};
use rustc_hash::FxHashMap;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};

use super::{Draft, Job};
use crate::cidr::{Prefix, parse_decimal, prefix_of};
use crate::ip::Said;
use crate::names::Names;
use crate::read::{Input, Tally};
use crate::{Country, Error};

pub(super) fn read(
    input: &Input,
    job: &Job<'_>,
    draft: &mut Draft,
    tally: &mut Tally,
) -> Result<(), Error> {
    let damaged = |error: MaxMindDbError| Error::Damaged {
        path: input.path.clone(),
        reason: error.to_string(),
    };
    let reader = Reader::from_source(input.bytes.as_slice()).map_err(damaged)?;
    let mut decoded: FxHashMap<usize, Said> = FxHashMap::default();
    // A database is flat and whole: nothing in it is more specific than anything else in it, so
    // neighbours with one answer may be joined.
    let (mut v4, mut v6) = (Run::new(), Run::new());
    for found in reader.networks(WithinOptions::default()).map_err(damaged)? {
        let found = found.map_err(damaged)?;
        let Some(offset) = found.offset() else {
            continue;
        };
        let said = match decoded.get(&offset) {
            Some(said) => *said,
            None => {
                let record: Record = found.decode().map_err(damaged)?.unwrap_or_default();
                let said = record.said(&mut draft.names);
                decoded.insert(offset, said);
                said
            }
        };
        if said.country.is_none() && said.province.is_none() && said.asn.is_none() {
            tally.unused += 1;
            continue;
        }
        tally.records += 1;
        let network = found.network().map_err(damaged)?;
        match prefix_of(network.network(), network.prefix()) {
            Ok(Prefix::V4(first, last, _)) => {
                if let Some((first, last, said)) =
                    v4.extend(first, last, said, first.checked_sub(1))
                {
                    draft.ip.v4.add((first, last, 0), job.rank, &said);
                }
            }
            Ok(Prefix::V6(first, last, _)) => {
                if let Some((first, last, said)) =
                    v6.extend(first, last, said, first.checked_sub(1))
                {
                    draft.ip.v6.add((first, last, 0), job.rank, &said);
                }
            }
            Err(reason) => {
                tally.records -= 1;
                tally.refuse(network, reason);
            }
        }
    }
    if let Some((first, last, said)) = v4.current {
        draft.ip.v4.add((first, last, 0), job.rank, &said);
    }
    if let Some((first, last, said)) = v6.current {
        draft.ip.v6.add((first, last, 0), job.rank, &said);
    }
    if tally.records == 0 {
        let reason = format!(
            "a {} database has no country, province or AS",
            reader.metadata().database_type
        );
        return Err(Error::Unfit {
            path: input.path.clone(),
            kind: job.kind,
            reason,
        });
    }
    Ok(())
}

/// Joins neighbouring networks that say the same; they come in address order.
struct Run<A> {
    current: Option<(A, A, Said)>,
}

impl<A: Copy + PartialEq> Run<A> {
    fn new() -> Self {
        Run { current: None }
    }

    /// Takes the next network; gives back the run that it ends, if it ends one.
    fn extend(&mut self, first: A, last: A, said: Said, before: Option<A>) -> Option<(A, A, Said)> {
        match &mut self.current {
            Some((_, end, same)) if Some(*end) == before && *same == said => {
                *end = last;
                None
            }
            _ => self.current.replace((first, last, said)),
        }
    }
}

/// The fields we keep of any known record layout. Unknown fields are skipped.
#[derive(Debug, Default, serde::Deserialize)]
struct Record {
    country: Option<Place>,
    country_code: Option<Place>,
    subdivisions: Option<Vec<Place>>,
    autonomous_system_number: Option<Number>,
    autonomous_system_organization: Option<String>,
    asn: Option<Number>,
    as_name: Option<String>,
}

impl Record {
    fn said(self, names: &mut Names) -> Said {
        // `registered_country` is left aside: it says where the holder is registered, not where the
        // address is used.
        let country = self
            .country
            .or(self.country_code)
            .and_then(|place| Country::new(&place.0));
        let province = match (country, self.subdivisions.as_deref()) {
            (Some(country), Some([first, ..])) if country.as_str() == "CN" => {
                names.province_of_iso(&first.0)
            }
            (Some(country), _) => match country.as_str() {
                "HK" => Some(810_000),
                "MO" => Some(820_000),
                "TW" => Some(710_000),
                _ => None,
            },
            _ => None,
        };
        let asn = self
            .autonomous_system_number
            .or(self.asn)
            .map(|number| number.0)
            .filter(|&asn| asn != 0 && asn != u32::MAX);
        if let (Some(asn), Some(name)) = (asn, self.autonomous_system_organization.or(self.as_name))
        {
            names.name_asn(asn, &name);
        }
        Said {
            country,
            province,
            city: None,
            asn,
            holder: None,
        }
    }
}

/// A code: a text, or the `iso_code` of a map.
#[derive(Debug, Default)]
struct Place(String);

impl<'de> Deserialize<'de> for Place {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Code;
        impl<'de> Visitor<'de> for Code {
            type Value = Place;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a code or a map with iso_code")
            }

            fn visit_str<E>(self, text: &str) -> Result<Place, E> {
                Ok(Place(text.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Place, A::Error> {
                let mut place = Place::default();
                while let Some(key) = map.next_key::<String>()? {
                    if key == "iso_code" {
                        place.0 = map.next_value()?;
                    } else {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
                Ok(place)
            }
        }
        deserializer.deserialize_any(Code)
    }
}

/// An AS number in any integer width or as text with or without `AS`; what is no number reads as 0.
#[derive(Clone, Copy, Debug, Default)]
struct Number(u32);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Number;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an AS number")
            }

            fn visit_u64<E>(self, number: u64) -> Result<Number, E> {
                Ok(Number(u32::try_from(number).unwrap_or(0)))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Number, E> {
                Ok(Number(u32::try_from(number).unwrap_or(0)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Number, E> {
                Ok(Number(
                    parse_decimal(text.trim_start_matches("AS").as_bytes()).unwrap_or(0),
                ))
            }
        }
        deserializer.deserialize_any(Any)
    }
}
