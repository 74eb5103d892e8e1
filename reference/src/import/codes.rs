//! Code tables as CSV (divisions, countries, brands) and the territory rule.

use model::territory::Territory;
use serde::Deserialize;

use super::{Draft, Job, csv_rows, unfit};
use crate::cidr::parse_decimal;
use crate::read::{Input, Tally};
use crate::territory::TerritoryRule;
use crate::{Country, Error, Province};

/// GB/T 2260 lists drop trailing zeros: 44 is a province, 4401 a city, 440103 a county.
pub(super) fn divisions(
    input: &Input,
    job: &Job<'_>,
    draft: &mut Draft,
    tally: &mut Tally,
) -> Result<(), Error> {
    csv_rows(
        input,
        job,
        [
            &["code"],
            &["name"],
            &["country"],
            &["iso"],
            &["zh_short"],
            &["en"],
        ],
        2,
        tally,
        |line, [code, name, country, iso, zh_short, en], tally| {
            let full = match (parse_decimal(code.as_bytes()), code.len()) {
                (Some(code), 2) => Some(code * 10_000),
                (Some(code), 4) => Some(code * 100),
                (Some(code), 6) => Some(code),
                _ => None,
            };
            let Some(full) = full else {
                return tally.refuse(
                    line,
                    format_args!("{code:?} is no code of 2, 4 or 6 digits"),
                );
            };
            if name.is_empty() {
                return tally.refuse(line, "no name");
            }
            // A row that says whose division it is makes a province of its own: other countries'
            // provinces, in codes that GB/T 2260 does not use.
            if let (Some(country), 0) = (Country::new(country), full % 10_000) {
                draft.names.set_province(Province {
                    code: full,
                    iso: iso.rsplit('-').next().unwrap_or(iso).to_owned(),
                    country,
                    zh: name.to_owned(),
                    zh_short: if zh_short.is_empty() { name } else { zh_short }.to_owned(),
                    en: if en.is_empty() { name } else { en }.to_owned(),
                });
            }
            // Municipalities and direct-administered counties have a city level in code only
            // (市辖区, 县, 省直辖县级行政区划): the province's name is the one people know.
            let placeholder = matches!(
                name,
                "市辖区" | "县" | "省直辖县级行政区划" | "自治区直辖县级行政区划"
            );
            match draft
                .names
                .province(full)
                .map(|province| province.zh.clone())
                .filter(|_| placeholder)
            {
                Some(province) => draft.names.set_division(full, &province),
                None => draft.names.set_division(full, name),
            }
            tally.records += 1;
        },
    )
}

pub(super) fn countries(
    input: &Input,
    job: &Job<'_>,
    draft: &mut Draft,
    tally: &mut Tally,
) -> Result<(), Error> {
    let columns: [&[&str]; 4] = [
        &["alpha-2", "alpha2", "code"],
        &["name", "en"],
        &["zh"],
        &["tld"],
    ];
    csv_rows(
        input,
        job,
        columns,
        2,
        tally,
        |line, [code, en, zh, tld], tally| match Country::new(code) {
            Some(country) if !en.is_empty() => {
                draft
                    .names
                    .set_country(country, en, (!zh.is_empty()).then_some(zh));
                if !tld.is_empty() {
                    draft.names.set_tld(tld, country);
                }
                tally.records += 1;
            }
            Some(_) => tally.refuse(line, "no name"),
            None => tally.refuse(line, format_args!("{code:?} is no two-letter country code")),
        },
    )
}

pub(super) fn brands(
    input: &Input,
    job: &Job<'_>,
    draft: &mut Draft,
    tally: &mut Tally,
) -> Result<(), Error> {
    let columns: [&[&str]; 4] = [
        &["brand", "name"],
        &["alias", "text"],
        &["sector"],
        &["country", "territory"],
    ];
    csv_rows(
        input,
        job,
        columns,
        1,
        tally,
        |line, [brand, alias, sector, country], tally| {
            if brand.is_empty() {
                return tally.refuse(line, "no brand");
            }
            let code = Country::new(country);
            if code.is_none() && !country.is_empty() {
                return tally.refuse(
                    line,
                    format_args!("{country:?} is no two-letter country code"),
                );
            }
            draft.brands.add(alias, brand, sector, code);
            tally.records += 1;
        },
    )
}

/// The rule as it is written in TOML.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleFile {
    inside: Vec<String>,
    #[serde(default)]
    outside: Vec<String>,
    #[serde(default)]
    unknown: Vec<String>,
}

/// A rule is all or nothing: with one line of it misread every published figure would be wrong.
pub(super) fn territory(
    input: &Input,
    job: &Job<'_>,
    draft: &mut Draft,
    tally: &mut Tally,
) -> Result<(), Error> {
    if draft.rule.is_some() {
        return Err(unfit(
            input,
            job,
            "another territory rule is imported already, and there can be only one",
        ));
    }
    let text = std::str::from_utf8(&input.bytes).map_err(|_| unfit(input, job, "not UTF-8"))?;
    let mut pairs: Vec<(String, Territory)> = Vec::new();
    let first = text
        .lines()
        .map(str::trim)
        .find(|line| !line.is_empty() && !line.starts_with('#'))
        .unwrap_or("");
    if first.contains('=') || first.starts_with('[') {
        let file: RuleFile = toml::from_str(text)
            .map_err(|error| unfit(input, job, error.to_string().replace('\n', " ")))?;
        for (codes, territory) in [
            (file.inside, Territory::Inside),
            (file.outside, Territory::Outside),
            (file.unknown, Territory::Unknown),
        ] {
            pairs.extend(codes.into_iter().map(|code| (code, territory)));
        }
    } else {
        let mut bad = None;
        csv_rows(
            input,
            job,
            [&["country"], &["territory"]],
            2,
            tally,
            |line, [country, territory], _| match Territory::named(territory) {
                Some(territory) => pairs.push((country.to_owned(), territory)),
                None => {
                    bad = bad.take().or(Some(format!(
                        "line {line}: {territory:?} is none of inside, outside, unknown"
                    )))
                }
            },
        )?;
        if let Some(reason) = bad.or_else(|| tally.problems.first().cloned()) {
            return Err(unfit(input, job, reason));
        }
    }
    let mut rule = TerritoryRule::blank();
    let mut seen: Vec<Country> = Vec::new();
    for (code, territory) in pairs {
        let country = Country::new(code.trim()).ok_or_else(|| {
            unfit(
                input,
                job,
                format!("{code:?} is no two-letter country code"),
            )
        })?;
        if seen.contains(&country) {
            return Err(unfit(input, job, format!("{country} is named twice")));
        }
        seen.push(country);
        rule.set(country, territory);
        tally.records += 1;
    }
    if rule.inside().next().is_none() {
        return Err(unfit(input, job, "no country is inside"));
    }
    draft.rule = Some(rule);
    Ok(())
}
