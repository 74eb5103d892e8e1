//! Back issues that others published: a table of printed figures becomes weeks to compare and draw with.
//!
//! `history import` reads a CSV of one row an issue ([`read`]); figures keep the text they were printed
//! with. [`values_of`] turns a row into statistic values: 万 figures become whole counts, which are exact
//! to the printed digit only, and no count knows its sources. So a back issue is drawn and taken into
//! medians, and is a baseline for a change only where this week is complete.

use jiff::civil::Date;
use ledger::{HistoryKind, HistoryRow, NewHistoryRow};
use model::issue::IssueNumber;
use model::statistic::{Counted, Measured, Missing, PartValue, Quantity, StatisticValue};
use model::time::{Day, ReportingWeek};
use serde_json::{Map, Value};

use crate::frozen::{Basis, FROZEN_FORMAT, FrozenWeek, Origin};
use crate::statistics;
use crate::{Error, Result};

/// How a column's text becomes a value.
#[derive(Clone, Copy)]
enum Form {
    /// A whole number.
    Count,
    /// 万 with one decimal.
    Wan,
    /// Per cent with one decimal.
    Percent,
    /// A printed word.
    Level,
}

/// Columns that are figures of a statistic or of one of its parts.
const COLUMNS: &[(&str, &str, Option<&str>, Form)] = &[
    ("infected_wan", "M1", None, Form::Wan),
    ("trojan_bot_wan", "M2", None, Form::Wan),
    ("conficker_wan", "M3", None, Form::Wan),
    ("new_malware_names", "M4", None, Form::Count),
    ("new_malware_families", "M4", Some("family"), Form::Count),
    ("host_domains", "H1", None, Form::Count),
    ("host_ips", "H2", None, Form::Count),
    ("host_dom_overseas_pct", "H3", None, Form::Percent),
    ("host_com_pct", "H4", None, Form::Percent),
    ("host_ip_overseas_pct", "H5", None, Form::Percent),
    ("host_direct_ip", "H6", None, Form::Count),
    ("defaced", "W1", None, Form::Count),
    ("defaced_gov", "W2", None, Form::Count),
    ("backdoored", "W3", None, Form::Count),
    ("backdoored_gov", "W4", None, Form::Count),
    ("phish_pages", "W5", None, Form::Count),
    ("phish_domains", "W6", None, Form::Count),
    ("phish_ips", "W6", Some("address"), Form::Count),
    ("vulns", "V1", None, Form::Count),
    ("vulns_high", "V2", None, Form::Count),
    ("vulns_mid", "V3", None, Form::Count),
    ("vulns_low", "V4", None, Form::Count),
    ("vuln_level_zh", "V5", None, Form::Level),
    ("incidents", "I1", None, Form::Count),
    ("cross_border", "I2", None, Form::Count),
    ("phish_complaints", "I3", None, Form::Count),
    ("app_platforms", "I4", None, Form::Count),
    ("malicious_urls", "I5", None, Form::Count),
];

/// Columns that describe the row.
const KEYS: [&str; 7] = [
    "year",
    "issue",
    "week_start",
    "week_end",
    "kind",
    "note",
    "source",
];

/// Reads a table of back issues. The columns `year`, `issue`, `week_start`, `week_end`, `kind`, `note`
/// and `source` describe a row, every other column is a figure; an empty cell is no figure.
///
/// # Errors
/// [`Error::History`], naming the line.
pub fn read(series: &str, text: &str) -> Result<Vec<NewHistoryRow>> {
    let mut reader = csv::ReaderBuilder::new()
        .flexible(false)
        .from_reader(text.trim_start_matches('\u{feff}').as_bytes());
    let fail = |line: u64, reason: String| Error::History { line, reason };
    let head = reader
        .headers()
        .map_err(|error| fail(1, error.to_string()))?
        .clone();
    for needed in ["year", "kind"] {
        if !head.iter().any(|column| column == needed) {
            return Err(fail(1, format!("there is no column {needed}")));
        }
    }
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| {
            fail(
                error.position().map_or(0, csv::Position::line),
                error.to_string(),
            )
        })?;
        let line = record.position().map_or(0, csv::Position::line);
        let cell = |column: &str| {
            let at = head.iter().position(|name| name == column)?;
            record
                .get(at)
                .map(str::trim)
                .filter(|text| !text.is_empty())
        };
        let number = |column: &str| {
            cell(column)
                .map(|text| {
                    text.parse::<i32>()
                        .map_err(|_| fail(line, format!("{column} `{text}` is no whole number")))
                })
                .transpose()
        };
        let day = |column: &str| {
            cell(column)
                .map(|text| {
                    text.parse::<Date>()
                        .map(|date| Day::of(date).0)
                        .map_err(|_| fail(line, format!("{column} `{text}` is no date")))
                })
                .transpose()
        };
        let kind = match cell("kind") {
            Some("published") => HistoryKind::Published,
            Some("undated") => HistoryKind::Undated,
            Some("derived") => HistoryKind::Derived,
            other => {
                return Err(fail(
                    line,
                    format!(
                        "kind `{}` is none of published, undated, derived",
                        other.unwrap_or("")
                    ),
                ));
            }
        };
        let mut values = Map::new();
        for (name, text) in head
            .iter()
            .zip(record.iter())
            .filter(|(name, _)| !KEYS.contains(name))
        {
            if !text.trim().is_empty() {
                values.insert(name.to_owned(), Value::String(text.trim().to_owned()));
            }
        }
        for (column, _, _, form) in COLUMNS {
            if let Some(text) = values.get(*column).and_then(Value::as_str) {
                quantity(text, *form)
                    .ok_or_else(|| fail(line, format!("{column} `{text}` cannot be read")))?;
            }
        }
        rows.push(NewHistoryRow {
            series: series.to_owned(),
            year: number("year")?.ok_or_else(|| fail(line, "the year is missing".to_owned()))?,
            number: number("issue")?,
            week_start: day("week_start")?,
            week_end: day("week_end")?,
            kind,
            values,
            note: cell("note").unwrap_or("").to_owned(),
            source: cell("source").unwrap_or("").to_owned(),
        });
    }
    Ok(rows)
}

/// Tenths in a text such as `87.8` or `-35`.
fn tenths(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digit: u64 = fraction.parse().ok().filter(|_| fraction.len() == 1)?;
    whole
        .parse::<u64>()
        .ok()?
        .checked_mul(10)?
        .checked_add(digit)
}

fn quantity(text: &str, form: Form) -> Option<Quantity> {
    Some(match form {
        Form::Count => Quantity::Count(Counted::imported(text.parse().ok()?)),
        Form::Wan => Quantity::Count(Counted::imported(tenths(text)?.checked_mul(1000)?)),
        Form::Percent => Quantity::Ratio {
            numerator: Counted::imported(tenths(text)?),
            denominator: Counted::imported(1000),
            of: None,
        },
        Form::Level => Quantity::Word {
            word: match text {
                "低" => "low",
                "中" => "medium",
                "高" => "high",
                _ => return None,
            }
            .to_owned(),
        },
    })
}

/// The statistic values among a row's figures; every statistic has one, available or not.
pub fn values_of(figures: &Map<String, Value>) -> Vec<StatisticValue> {
    let find = |id: &str, part: Option<&str>| {
        let (column, .., form) = COLUMNS
            .iter()
            .find(|(_, statistic, of, _)| *statistic == id && *of == part)?;
        quantity(figures.get(*column)?.as_str()?, *form)
    };
    let measured = |found: Option<Quantity>| match found {
        Some(quantity) => Measured::Available { quantity },
        None => Measured::NotAvailable {
            reason: Missing::NotInSource,
        },
    };
    statistics::all()
        .into_iter()
        .map(|statistic| StatisticValue {
            statistic: statistic.id.to_owned(),
            version: statistic.version,
            measured: measured(find(statistic.id, None)),
            sources: Vec::new(),
            parts: statistic
                .parts
                .iter()
                .filter_map(|part| {
                    Some(PartValue {
                        id: part.id.to_owned(),
                        measured: measured(Some(find(statistic.id, Some(part.id))?)),
                    })
                })
                .collect(),
        })
        .collect()
}

/// A dated row as a week; `None` where the row has no number or week.
///
/// # Errors
/// The stored figures are damaged.
pub fn week_of(row: &HistoryRow, zone: &str) -> Result<Option<FrozenWeek>> {
    let (Some(number), Some(monday)) = (row.number, row.week_start) else {
        return Ok(None);
    };
    let figures = row.values()?;
    let mut values = values_of(&figures);
    // What was printed then was counted by the definition of its time.
    for value in &mut values {
        if let Some(statistic) = statistics::named(&value.statistic) {
            value.version = statistic.at(Day(monday).date()).version;
        }
    }
    let issue = IssueNumber {
        year: i16::try_from(row.year).unwrap_or(i16::MAX),
        number: u32::try_from(number).unwrap_or_default(),
    };
    Ok(Some(FrozenWeek {
        format: FROZEN_FORMAT,
        series: row.series.clone(),
        issue,
        week: ReportingWeek::containing(Day(monday).date()),
        zone: zone.to_owned(),
        origin: Origin::Imported {
            source: row.source.clone(),
        },
        basis: Basis {
            lake_snapshot: 0,
            ledger_as_of: String::new(),
            reference: String::new(),
            identity_version: 0,
            classification: String::new(),
            lake_schema: 0,
            source_schemas: Vec::new(),
            program: String::new(),
        },
        coverage: Vec::new(),
        supplies: Vec::new(),
        values,
        former: Vec::new(),
        restated: Vec::new(),
        beside: Vec::new(),
        infrastructure: Vec::new(),
        rating: None,
        vulnerability: None,
        top: Vec::new(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printed_texts_become_exact_values() {
        assert_eq!(tenths("87.8"), Some(878));
        assert_eq!(tenths("68"), Some(680));
        assert_eq!(tenths("1.25"), None);
        assert_eq!(
            quantity("28.4", Form::Wan),
            Some(Quantity::Count(Counted::imported(284_000)))
        );
        assert!(quantity("x", Form::Count).is_none());
    }

    #[test]
    fn a_damaged_table_names_its_line() {
        let error = read(
            "weekly",
            "year,kind,defaced\n2013,published,12\n2014,published,many\n",
        )
        .expect_err("refused");
        assert!(
            error.to_string().contains("line 3") && error.to_string().contains("defaced"),
            "{error}"
        );
        assert!(read("weekly", "year,defaced\n").is_err());
        assert!(read("weekly", "").is_err());
    }
}
