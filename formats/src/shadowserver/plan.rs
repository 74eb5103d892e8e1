//! The schema's mappings compiled against one report's header: what is done for every row.
//!
//! This is the hot path of the whole product. A row is cut once ([`crate::row`]); then each action
//! looks at its cell and puts it where it goes. Keys of `extra` are quoted beforehand, nothing is
//! looked up by name and nothing is allocated for a row whose cells are plain.

use std::fmt::Write;

use jiff::tz::TimeZone;
use model::field::{Field, Kind};
use model::record::{Record, push_json_text, quoted_key};
use model::reject::RejectReason;
use rustc_hash::{FxHashMap, FxHashSet};

use super::functions::{self, Function};
use super::schema::{Place, ReportType};
use crate::row::Cut;
use crate::{Unreadable, Warning, value};

/// A static one, because the constant would be made and dropped at every use.
static UTC: TimeZone = TimeZone::UTC;

/// Every column there may be.
pub const MAX_COLUMNS: usize = 100_000;

/// A report type compiled against a header.
#[derive(Debug)]
pub struct Plan {
    columns: usize,
    actions: Vec<Action>,
    constants: Vec<(Field, String)>,
    /// Whether rows of this type name something to act on; a victim's name alone is all that some
    /// types bring.
    names_something: bool,
    /// What is worth saying of this report as a whole.
    pub warnings: Vec<Warning>,
}

#[derive(Debug)]
struct Action {
    column: usize,
    function: Function,
    target: Target,
    required: bool,
    /// Other columns that the function looks at; `usize::MAX` where the report lacks them.
    others: [usize; 5],
}

#[derive(Debug)]
enum Target {
    /// A typed field, and the key under which a text goes that is no value of it.
    Field(Field, Option<Key>),
    /// A key of `extra`.
    Extra(Key),
}

/// A key of `extra`, quoted with its colon, and the same with the quote that opens a text.
#[derive(Debug)]
struct Key {
    key: String,
    open: String,
}

impl Key {
    fn new(name: &str) -> Key {
        let key = quoted_key(name);
        Key {
            open: format!("{key}\""),
            key,
        }
    }
}

/// A row that became no event.
pub type Refusal = Box<(RejectReason, String)>;

fn refusal<T>(reason: RejectReason, message: impl Into<String>) -> Result<T, Refusal> {
    Err(Box::new((reason, message.into())))
}

impl Plan {
    /// Compiles `report` for a report with the columns `header`. The first column of a name counts,
    /// its namesakes go to `extra` as `name.2`; columns that the schema does not name go to `extra`
    /// under their own name, sorted, so that the order of the file's columns changes no event.
    pub fn compile(report: &ReportType, header: &[String]) -> Result<Plan, Unreadable> {
        let wrong = |detail: String| Unreadable::Header {
            format: "shadowserver",
            detail,
        };
        if header.len() > MAX_COLUMNS {
            return Err(wrong(format!(
                "it has {} columns; at most {MAX_COLUMNS} are read",
                header.len()
            )));
        }
        let mut warnings = Vec::new();
        let mut warn = |label, message: String| warnings.push(Warning { label, message });
        let mut places: FxHashMap<&str, usize> = FxHashMap::default();
        let mut namesakes = Vec::new();
        for (at, name) in header.iter().enumerate() {
            if places.contains_key(name.as_str()) {
                namesakes.push((at, name));
            } else {
                places.insert(name, at);
            }
        }
        check_required(report, &places, header, &mut warn).map_err(wrong)?;
        for unknown in &report.unknown {
            warn("schema", format!("report type {}: {unknown}", report.name));
        }

        // Where a key of `extra` has several sources, the last mapping counts; a later one with
        // another column gets a key of its own.
        let mut keys: FxHashMap<String, usize> = FxHashMap::default();
        let mut key = |name: &str| {
            let count = keys.entry(name.to_owned()).or_insert(0);
            *count += 1;
            if *count == 1 {
                Key::new(name)
            } else {
                Key::new(&format!("{name}.{count}"))
            }
        };
        let mut actions: Vec<Action> = Vec::new();
        let mut extras: FxHashSet<&str> = FxHashSet::default();
        for (index, mapping) in report.mappings.iter().enumerate() {
            let Some(&column) = places.get(mapping.column.as_str()) else {
                continue;
            };
            let again = |later: &super::schema::Mapping| {
                later.column == mapping.column
                    && later.target == mapping.target
                    && matches!(later.target, Place::Extra(_))
            };
            if report.mappings[index + 1..].iter().any(again) {
                continue;
            }
            let target = match &mapping.target {
                Place::Drop => continue,
                Place::Extra(name) => {
                    extras.insert(name);
                    Target::Extra(key(name))
                }
                Place::Field(field) => Target::Field(*field, None),
            };
            let other = |name: &str| places.get(name).copied().unwrap_or(usize::MAX);
            let others = match mapping.function {
                Function::HostAndUrl => {
                    ["application", "cc_dns", "http_host", "hostname", "ip"].map(other)
                }
                Function::CategoryOrDetail => {
                    let mut others = [usize::MAX; 5];
                    others[0] = other("detail");
                    others
                }
                _ => [usize::MAX; 5],
            };
            actions.push(Action {
                column,
                function: mapping.function,
                target,
                required: mapping.required,
                others,
            });
        }
        // A text that is no value of its field is kept under the column's name, unless the column
        // goes to `extra` anyway.
        for action in &mut actions {
            // What is no address may be the network that another mapping takes it for.
            let sharing = |mapping: &&super::schema::Mapping| {
                mapping.column == header[action.column] && mapping.target != Place::Drop
            };
            if action.function == Function::ValidateIp
                && report.mappings.iter().filter(sharing).count() > 1
            {
                continue;
            }
            if let Target::Field(_, fallback) = &mut action.target
                && !extras.contains(header[action.column].as_str())
            {
                extras.insert(&header[action.column]);
                *fallback = Some(key(&header[action.column]));
            }
        }
        let mapped: FxHashSet<&str> = report
            .mappings
            .iter()
            .map(|mapping| mapping.column.as_str())
            .collect();
        let mut rest: Vec<(&str, usize)> = places
            .iter()
            .map(|(name, at)| (*name, *at))
            .filter(|(name, _)| !mapped.contains(name))
            .collect();
        rest.sort_unstable();
        if !rest.is_empty() {
            let names: Vec<_> = rest
                .iter()
                .take(20)
                .map(|(name, _)| value::shorten(name))
                .collect();
            let more = if rest.len() > 20 {
                format!(" and {} more", rest.len() - 20)
            } else {
                String::new()
            };
            warn(
                "unknown-column",
                format!(
                    "report type {}: columns kept in `extra` as text: {}{more}",
                    report.name,
                    names.join(", ")
                ),
            );
        }
        for (at, name) in &namesakes {
            warn(
                "duplicate-column",
                format!(
                    "column `{}` stands twice: the first counts, column {} goes to `extra`",
                    value::shorten(name),
                    at + 1
                ),
            );
            key(name);
        }
        let mut add = |column: usize, key: Key| {
            actions.push(Action {
                column,
                function: Function::Keep,
                target: Target::Extra(key),
                required: false,
                others: [usize::MAX; 5],
            });
        };
        for (name, column) in rest {
            let key = if extras.contains(name) {
                key(name)
            } else {
                Key::new(name)
            };
            add(column, key);
        }
        let mut seen: FxHashMap<&str, usize> = FxHashMap::default();
        for (column, name) in namesakes {
            let count = seen.entry(name).or_insert(1);
            *count += 1;
            add(column, Key::new(&format!("{name}.{count}")));
        }
        let names_something = report.mappings.iter().any(
            |mapping| matches!(&mapping.target, Place::Field(field) if OBSERVABLES.contains(field)),
        );
        Ok(Plan {
            columns: header.len(),
            actions,
            constants: constants(report),
            names_something,
            warnings,
        })
    }

    /// Whether a row of `cells` cells is one of this report. One column too few is: publishers have
    /// added columns to headers before they wrote them. Surplus cells must be empty.
    #[inline]
    pub fn fits(&self, cut: &Cut<'_>) -> bool {
        cut.fits(self.columns) || (cut.len() + 1 == self.columns && !cut.is_cut_off())
    }

    /// How many columns the report has.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Reads one row into a cleared record.
    #[inline]
    pub fn fill(&self, cut: &Cut<'_>, record: &mut Record) -> Result<(), Refusal> {
        let mut refused = None;
        for action in &self.actions {
            if cut.is_blank(action.column) && !action.function.speaks_of_nothing() {
                continue;
            }
            if !action.apply(cut, record)? && action.required && refused.is_none() {
                refused = Some(action);
            }
        }
        // What the type says of all its rows stands above what a column says.
        for (field, text) in &self.constants {
            match field.kind() {
                Kind::Text => record.set_text(*field, text),
                _ => {
                    if let Err(bad) = value::set(record, *field, text, &UTC) {
                        return refusal(bad.reason, bad.message(text));
                    }
                }
            }
        }
        if !record.has(Field::ObservedAt) {
            return refusal(RejectReason::MissingField, "the row has no time");
        }
        if self.names_something && !OBSERVABLES.iter().any(|field| record.has(*field)) {
            return match refused {
                Some(action) => action.refuse(cut),
                None => refusal(
                    RejectReason::NoObservable,
                    "the row names no address, host, URL, network, account or hash",
                ),
            };
        }
        Ok(())
    }
}

/// The type's constants in the form of their fields: a protocol is lower case.
fn constants(report: &ReportType) -> Vec<(Field, String)> {
    let mut record = Record::new();
    let constants = report.constants.iter().map(|(field, text)| {
        let sound = value::set(&mut record, *field, text, &UTC).is_ok();
        let made = record.text(*field).filter(|_| sound);
        (*field, made.unwrap_or(text).to_owned())
    });
    constants.collect()
}

/// The header must have the column of the time and one required column besides, or it is another
/// report's. Other required columns may be missing: the row then says less, but what it says is true.
fn check_required(
    report: &ReportType,
    places: &FxHashMap<&str, usize>,
    header: &[String],
    warn: &mut impl FnMut(&'static str, String),
) -> Result<(), String> {
    let required = || report.mappings.iter().filter(|mapping| mapping.required);
    let is_time = |place: &Place| *place == Place::Field(Field::ObservedAt);
    let has = |column: &str| places.contains_key(column);
    let missing: Vec<&str> = required()
        .map(|mapping| mapping.column.as_str())
        .filter(|column| !has(column))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let time = required().any(|mapping| is_time(&mapping.target) && has(&mapping.column));
    let other = required().any(|mapping| !is_time(&mapping.target) && has(&mapping.column));
    let alone = required().all(|mapping| is_time(&mapping.target));
    if !time || !(other || alone) {
        let found: Vec<_> = header
            .iter()
            .take(10)
            .map(|name| value::shorten(name))
            .collect();
        return Err(format!(
            "report type {} needs the columns {}; found {}",
            report.name,
            missing.join(", "),
            found.join(", ")
        ));
    }
    warn(
        "missing-column",
        format!(
            "report type {}: the schema requires the columns {}, which the report lacks",
            report.name,
            missing.join(", ")
        ),
    );
    Ok(())
}

/// What a row may name to act on; an AS number or a reverse name alone is too little.
const OBSERVABLES: &[Field] = &[
    Field::SourceIp,
    Field::SourceUrl,
    Field::SourceHost,
    Field::SourceNetwork,
    Field::SourceAccount,
    Field::DestinationIp,
    Field::DestinationUrl,
    Field::DestinationHost,
    Field::DestinationAccount,
    Field::Sha256,
    Field::Sha1,
    Field::Md5,
];

impl Action {
    /// Puts the cell where it goes; false if it is no value of its field or function. Only a bad
    /// time is an error at once.
    #[inline]
    fn apply(&self, cut: &Cut<'_>, record: &mut Record) -> Result<bool, Refusal> {
        let raw = cut.raw_cell(self.column);
        let Some(text) = value::given(raw) else {
            return Ok(match (self.function, &self.target) {
                (Function::CategoryOrDetail, _) => self.apply_category(cut, record),
                (Function::ExchangeType, Target::Field(field, _)) => {
                    value::set(record, *field, functions::exchange_type(""), &UTC).is_ok()
                }
                (Function::ExchangeIdentifier, Target::Field(field, _)) => {
                    value::set(record, *field, functions::exchange_identifier(""), &UTC).is_ok()
                }
                _ => true,
            });
        };
        match &self.target {
            Target::Extra(key) => {
                match self.function {
                    Function::ValidateToNone if functions::says_nothing(text) => {}
                    Function::Keep | Function::ValidateToNone => {
                        self.push_text(key, raw, cut, record)
                    }
                    Function::ConvertInt | Function::InvalidateZero => match value::int(text) {
                        Some(0) if self.function == Function::InvalidateZero => {}
                        Some(number) => push_int(record.extra_member(&key.key), number, text),
                        None => self.push_text(key, raw, cut, record),
                    },
                    Function::ConvertBool if functions::boolean(text).is_some() => {
                        let word = if functions::boolean(text) == Some(true) {
                            "true"
                        } else {
                            "false"
                        };
                        record.extra_member(&key.key).push_str(word);
                    }
                    _ => self.apply_extra(&key.key, cut, record),
                }
                Ok(true)
            }
            Target::Field(field, fallback) if cut.is_plain() => {
                self.apply_field(*field, fallback.as_ref(), text, cut, record)
            }
            Target::Field(field, fallback) => {
                let cell = cut.cell(self.column);
                match value::given(&cell) {
                    Some(text) => self.apply_field(*field, fallback.as_ref(), text, cut, record),
                    None => Ok(true),
                }
            }
        }
    }

    /// The cell as it stands into `extra`.
    #[inline]
    fn push_text(&self, key: &Key, raw: &str, cut: &Cut<'_>, record: &mut Record) {
        if !cut.is_plain() {
            return cut.push_json(self.column, record.extra_member(&key.key));
        }
        let out = record.extra_member(&key.open);
        out.push_str(raw);
        out.push('"');
    }

    /// `category_or_detail` for a row without a category.
    fn apply_category(&self, cut: &Cut<'_>, record: &mut Record) -> bool {
        let category = self.category(cut);
        match &self.target {
            Target::Field(field, _) => value::set(record, *field, &category, &UTC).is_ok(),
            Target::Extra(_) if category.is_empty() => true,
            Target::Extra(key) => {
                push_json_text(record.extra_member(&key.key), &category);
                true
            }
        }
    }

    /// The rarer functions into `extra`.
    fn apply_extra(&self, key: &str, cut: &Cut<'_>, record: &mut Record) {
        let cell = cut.cell(self.column);
        let text = cell.trim();
        let made = match self.function {
            Function::AddUtc | Function::ConvertDate | Function::ConvertDateUtc => {
                functions::date(text, &UTC)
            }
            Function::ValidateIp => value::ip(text).map(|ip| ip.to_string()),
            _ => None,
        };
        if let Some(text) = made {
            return push_json_text(record.extra_member(key), &text);
        }
        if self.function == Function::ConvertFloat {
            let out = record.extra_member(key);
            if !functions::push_float(text, out) {
                push_json_text(out, text);
            }
            return;
        }
        let mut out = String::new();
        let text = match self.function {
            Function::ValidateIp | Function::ValidateNetwork => return,
            Function::ForceBase64 => {
                out = functions::base64(text);
                &out
            }
            Function::ExtractCve => match functions::cves(text, &mut out) {
                true => &out,
                false => return,
            },
            Function::HostAndUrl => {
                out = self.url(cut).unwrap_or_else(|| text.to_owned());
                &out
            }
            Function::CategoryOrDetail => {
                out = self.category(cut);
                &out
            }
            Function::ExchangeType => functions::exchange_type(text),
            Function::ExchangeIdentifier => functions::exchange_identifier(text),
            _ => text,
        };
        push_json_text(record.extra_member(key), text);
    }

    #[inline]
    fn apply_field(
        &self,
        field: Field,
        fallback: Option<&Key>,
        text: &str,
        cut: &Cut<'_>,
        record: &mut Record,
    ) -> Result<bool, Refusal> {
        let utc = &UTC;
        let set = match self.function {
            Function::ValidateToNone if functions::says_nothing(text) => return Ok(true),
            Function::Keep | Function::ValidateToNone | Function::ConvertInt => {
                value::set_given(record, field, text, utc)
            }
            Function::InvalidateZero if text == "0" => return Ok(true),
            Function::InvalidateZero => value::set_given(record, field, text, utc),
            Function::ValidateIp if field.kind() == Kind::Ip => {
                let ip = value::ip(text);
                match (ip, fallback) {
                    (Some(ip), _) => record.set_ip(field, ip),
                    // What a row must have is kept even if it is none.
                    (None, Some(key)) if self.required => {
                        push_json_text(record.extra_member(&key.key), text);
                    }
                    (None, _) => {}
                }
                return Ok(ip.is_some());
            }
            Function::AddUtc if field == Field::ObservedAt => match value::utc_time(text) {
                Ok(written) => {
                    record.set_time(field, written.at);
                    record.written_day = Some(written.day);
                    return Ok(true);
                }
                Err(expected) => {
                    return refusal(
                        RejectReason::BadTime,
                        format!("{field}: `{}` is not {expected}", value::shorten(text)),
                    );
                }
            },
            Function::ExtractCve => {
                // Most tags name none: look before anything is written.
                if memchr::memchr(b'-', text.as_bytes()).is_some() {
                    let mut ids = String::new();
                    if functions::cves(text, &mut ids) {
                        return Ok(value::set_given(record, field, &ids, utc).is_ok());
                    }
                }
                return Ok(true);
            }
            Function::ValidateNetwork if !text.contains('/') => return Ok(false),
            Function::ValidateNetwork | Function::ValidateFqdn => {
                return Ok(value::set_given(record, field, text, utc).is_ok());
            }
            Function::HostAndUrl => match self.url(cut) {
                Some(url) => value::set(record, field, &url, utc),
                None => {
                    if let Some(key) = fallback {
                        push_json_text(record.extra_member(&key.key), text);
                    }
                    return Ok(false);
                }
            },
            Function::CategoryOrDetail => return Ok(self.apply_category(cut, record)),
            Function::ExchangeType => {
                value::set(record, field, functions::exchange_type(text), utc)
            }
            Function::ExchangeIdentifier => {
                value::set(record, field, functions::exchange_identifier(text), utc)
            }
            _ => value::set_given(record, field, text, utc),
        };
        if let (Err(_), Some(key)) = (&set, fallback) {
            push_json_text(record.extra_member(&key.key), text);
        }
        Ok(set.is_ok())
    }

    fn url(&self, cut: &Cut<'_>) -> Option<String> {
        // What the client asked for, else whom it asked: the first that says something.
        let [application, hosts @ ..] = self.others;
        let hosts = hosts.map(|column| cut.cell(column));
        let host = hosts.iter().find_map(|host| value::given(host));
        functions::host_and_url(
            &cut.cell(self.column),
            host.unwrap_or_default(),
            &cut.cell(application),
        )
    }

    fn category(&self, cut: &Cut<'_>) -> String {
        let category = cut.cell(self.column);
        let detail = cut.cell(self.others[0]);
        value::given(&category)
            .or(value::given(&detail))
            .unwrap_or_default()
            .to_owned()
    }

    /// Refuses the row for this required column.
    fn refuse(&self, cut: &Cut<'_>) -> Result<(), Refusal> {
        let text = cut.cell(self.column);
        let name = match &self.target {
            Target::Field(field, _) => field.column(),
            Target::Extra(key) => &key.key,
        };
        refusal(
            RejectReason::BadValue,
            format!(
                "{name}: `{}` is not what the schema asks for",
                value::shorten(&text)
            ),
        )
    }
}

/// Appends an integer, as the source wrote it where that is JSON.
#[inline]
fn push_int(out: &mut String, number: i64, text: &str) {
    match text.as_bytes() {
        [b'0'] | [b'1'..=b'9', ..] => out.push_str(text),
        _ => write!(out, "{number}").expect("writing to a string does not fail"),
    }
}
