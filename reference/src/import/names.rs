//! AS names: a JSON object of number to name, or a CSV of number and name.

use serde_json::Value;

use super::{Draft, Job, unfit};
use crate::Error;
use crate::cidr::parse_decimal;
use crate::read::{Input, Tally};

pub(super) fn asn_names(
    input: &Input,
    job: &Job<'_>,
    draft: &mut Draft,
    tally: &mut Tally,
) -> Result<(), Error> {
    if input.bytes.trim_ascii_start().starts_with(b"{") {
        let json: serde_json::Map<String, Value> = serde_json::from_slice(&input.bytes)
            .map_err(|error| unfit(input, job, error.to_string()))?;
        for (asn, name) in &json {
            let name = match name {
                Value::String(name) => Ok(name.as_str()),
                _ => Err("name is no text"),
            };
            add(asn, name, format_args!("[{asn:?}]"), draft, tally);
        }
        return Ok(());
    }
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .comment(Some(b'#'))
        .from_reader(input.bytes.as_slice());
    for row in reader.records() {
        match row {
            Ok(row) => {
                let line = row.position().map_or(0, csv::Position::line);
                let asn = row.get(0).unwrap_or("").trim();
                if line == 1 && asn.eq_ignore_ascii_case("asn") {
                    continue;
                }
                add(asn, row.get(1).ok_or("no name"), line, draft, tally);
            }
            Err(error) => tally.refuse(error.position().map_or(0, csv::Position::line), &error),
        }
    }
    Ok(())
}

fn add(
    asn: &str,
    name: Result<&str, &'static str>,
    at: impl std::fmt::Display,
    draft: &mut Draft,
    tally: &mut Tally,
) {
    let digits = asn
        .strip_prefix("AS")
        .or_else(|| asn.strip_prefix("as"))
        .unwrap_or(asn);
    match (parse_decimal(digits.as_bytes()), name.map(str::trim)) {
        (None, _) => tally.refuse(at, "AS number is no number"),
        (_, Err(reason)) => tally.refuse(at, reason),
        (_, Ok("")) => tally.refuse(at, "no name"),
        (Some(asn), Ok(name)) => {
            draft.names.name_asn(asn, name);
            tally.records += 1;
        }
    }
}
