//! The text that asks for events: `class:phishing -feed:x ip:192.0.2.0/24 observed:2026-11-16..2026-11-22 login`.
//!
//! A text is a row of terms; an event must satisfy all of them. A term is `key:value,value` (one of the values),
//! `-key:value` (none of them), or a bare word, which URL, host or domain must contain. `*` before or after a value
//! stands for anything, `any` and `none` for a column with and without a value; quotes take a value as it is. The
//! printed form is canonical: it parses to the same query, and the chips of a page are its terms.

use std::fmt;
use std::net::IpAddr;

use jiff::ToSpan;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use model::time::Timestamp;

mod reading;

use reading::{Read, Reader, as_number, net};

/// Longest text in bytes.
const LONGEST: usize = 4096;
/// Most values in all terms together: each is looked for in every row.
const MOST_VALUES: usize = 200;
/// Prefix length of one IPv4 and one IPv6 address.
const WHOLE: (u8, u8) = (32, 128);

/// What a term is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum Key {
    Text,
    Class,
    Identifier,
    Ip,
    Destination,
    Asn,
    Province,
    City,
    Country,
    Territory,
    Feed,
    Report,
    Malware,
    Url,
    Host,
    Domain,
    Tld,
    Brand,
    Sector,
    Holder,
    Port,
    Severity,
    Tag,
    Vulnerability,
    Hash,
    Tlp,
    Warning,
}

/// How the values of a key are written and compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Text, whatever its case.
    Text,
    /// Text that must be contained.
    Within,
    /// One of several words in a column that are set apart by this character.
    Word(char),
    /// An address or a CIDR prefix.
    Net,
    /// A whole number.
    Number,
    /// An AS number, with or without `AS`.
    Asn,
    /// A GB/T 2260 code, two digits for a province or six.
    Division,
    /// `inside`, `outside`.
    Territory,
}

/// A row of the table of keys.
struct Row {
    key: Key,
    name: &'static str,
    also: &'static [&'static str],
    form: Form,
    columns: &'static [&'static str],
    example: &'static str,
}

const fn row(
    key: Key,
    name: &'static str,
    form: Form,
    columns: &'static [&'static str],
    example: &'static str,
) -> Row {
    Row {
        key,
        name,
        also: &[],
        form,
        columns,
        example,
    }
}

/// Every key, in the order of [`Key`].
const KEYS: &[Row] = &[
    row(
        Key::Text,
        "text",
        Form::Within,
        &["source_url", "host", "domain", "source_host"],
        "login",
    ),
    Row {
        also: &["type"],
        ..row(Key::Class, "class", Form::Text, &["class_type"], "phishing")
    },
    row(
        Key::Identifier,
        "identifier",
        Form::Text,
        &["class_identifier"],
        "open-telnet",
    ),
    Row {
        also: &["source", "cidr"],
        ..row(Key::Ip, "ip", Form::Net, &["source_ip"], "192.0.2.0/24")
    },
    row(
        Key::Destination,
        "destination",
        Form::Net,
        &["destination_ip"],
        "198.51.100.7",
    ),
    Row {
        also: &["as"],
        ..row(Key::Asn, "asn", Form::Asn, &["asn"], "AS64500")
    },
    row(
        Key::Province,
        "province",
        Form::Division,
        &["province"],
        "32",
    ),
    row(Key::City, "city", Form::Division, &["city"], "320100"),
    Row {
        also: &["cc"],
        ..row(Key::Country, "country", Form::Text, &["country"], "CN")
    },
    row(
        Key::Territory,
        "territory",
        Form::Territory,
        &["territory"],
        "inside",
    ),
    row(Key::Feed, "feed", Form::Text, &["feed"], "sinkhole"),
    row(
        Key::Report,
        "report",
        Form::Text,
        &["report"],
        "R-0123456789abcdef0123456789abcdef",
    ),
    row(
        Key::Malware,
        "malware",
        Form::Text,
        &["malware_name"],
        "mirai",
    ),
    row(Key::Url, "url", Form::Within, &["source_url"], "login"),
    row(
        Key::Host,
        "host",
        Form::Text,
        &["host", "source_host"],
        "*.example.test",
    ),
    row(
        Key::Domain,
        "domain",
        Form::Text,
        &["domain"],
        "example.test",
    ),
    row(Key::Tld, "tld", Form::Text, &["tld"], "test"),
    row(Key::Brand, "brand", Form::Text, &["brand"], "example-bank"),
    row(Key::Sector, "sector", Form::Text, &["sector"], "bank"),
    row(
        Key::Holder,
        "holder",
        Form::Text,
        &["holder"],
        "example-telecom",
    ),
    row(Key::Port, "port", Form::Number, &["source_port"], "8080"),
    row(Key::Severity, "severity", Form::Text, &["severity"], "high"),
    row(Key::Tag, "tag", Form::Word(' '), &["tags"], "iot"),
    Row {
        also: &["cve", "vuln"],
        ..row(
            Key::Vulnerability,
            "vulnerability",
            Form::Word(';'),
            &["vulnerabilities", "vulnerability_id"],
            "CVE-2023-0001",
        )
    },
    row(
        Key::Hash,
        "hash",
        Form::Text,
        &["hash_md5", "hash_sha1", "hash_sha256"],
        "d41d8cd98f00b204e9800998ecf8427e",
    ),
    row(Key::Tlp, "tlp", Form::Text, &["tlp"], "AMBER"),
    row(Key::Warning, "warning", Form::Text, &["warning"], "none"),
];

/// Name of the term of time, which is no [`Key`].
const OBSERVED: &str = "observed";

impl Key {
    /// Every key but the bare word.
    pub fn all() -> impl Iterator<Item = Key> {
        KEYS.iter().skip(1).map(|row| row.key)
    }

    fn row(self) -> &'static Row {
        &KEYS[self as usize]
    }

    /// As it is written before the colon.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// The key of a name.
    pub fn named(name: &str) -> Option<Key> {
        KEYS.iter()
            .find(|row| row.name == name || row.also.contains(&name))
            .map(|row| row.key)
    }

    /// How its values are written.
    pub fn form(self) -> Form {
        self.row().form
    }

    /// Columns of the lake that it looks at; one that matches is enough.
    pub fn columns(self) -> &'static [&'static str] {
        self.row().columns
    }

    /// A value as an example.
    pub fn example(self) -> &'static str {
        self.row().example
    }
}

/// A value of a term.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value {
    /// The column has a value.
    Any,
    /// It has none.
    None,
    /// Text, and whether more may stand before and after it.
    Text {
        /// The text.
        text: String,
        /// More may stand before it.
        before: bool,
        /// More may stand after it.
        after: bool,
    },
    /// A prefix: the network's first address and its length.
    Net(IpAddr, u8),
    /// A number.
    Number(i64),
}

impl Value {
    /// A text as it is.
    pub fn text(text: &str) -> Value {
        Value::Text {
            text: text.to_owned(),
            before: false,
            after: false,
        }
    }
}

/// One condition.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Term {
    /// What it is about.
    pub key: Key,
    /// Whether it must not hold.
    pub exclude: bool,
    /// One of these; never empty.
    pub values: Vec<Value>,
}

/// A moment of a span in the time of the house.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Moment {
    /// A day as a whole: as an end it is included.
    Day(Date),
    /// A time of day: as an end it is not included.
    At(DateTime),
}

/// The time that is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Span {
    /// The last so many hours.
    Hours(u32),
    /// The last so many days, of 24 hours each.
    Days(u32),
    /// From and to; open where nothing is said.
    Between(Option<Moment>, Option<Moment>),
}

/// What is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Query {
    /// When the events were observed; `None`: whenever.
    pub span: Option<Span>,
    /// Every one must hold.
    pub terms: Vec<Term>,
}

/// Why a text is no query. The position is that of the term, in characters from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// No such key.
    #[error(
        "character {at}: there is no filter `{key}`{}; filters are {}",
        meant(near),
        names()
    )]
    Key {
        /// Where.
        at: usize,
        /// What was written.
        key: String,
        /// The key that was probably meant.
        near: Option<&'static str>,
    },
    /// The value is none of this key.
    #[error("character {at}: `{value}` is no value of `{key}`; write for example {key}:{example}")]
    Value {
        /// Where.
        at: usize,
        /// The key.
        key: &'static str,
        /// What was written.
        value: String,
        /// How one is written.
        example: &'static str,
    },
    /// A quote that is not closed.
    #[error("character {at}: a quotation mark is opened and not closed")]
    Quote {
        /// Where.
        at: usize,
    },
    /// Something stands directly behind a closed quote.
    #[error("character {at}: a space or a comma is missing behind the quotation mark")]
    Behind {
        /// Where.
        at: usize,
    },
    /// A star within a value.
    #[error(
        "character {at}: `*` stands before or after a value, not within it; quotes take it as it is"
    )]
    Star {
        /// Where.
        at: usize,
    },
    /// No value.
    #[error("character {at}: `{key}:` has no value; write for example {key}:{example}")]
    Empty {
        /// Where.
        at: usize,
        /// The key.
        key: &'static str,
        /// How one is written.
        example: &'static str,
    },
    /// The time is said twice, or excluded.
    #[error("character {at}: the time is said once, as observed:FROM..TO or observed:7d")]
    Time {
        /// Where.
        at: usize,
    },
    /// The span ends before it begins.
    #[error("character {at}: the time ends before it begins")]
    Reversed {
        /// Where.
        at: usize,
    },
    /// Too long, or too many values.
    #[error("the query has more than {LONGEST} bytes or {MOST_VALUES} values")]
    Large,
}

fn meant(near: &Option<&'static str>) -> String {
    near.map_or_else(String::new, |near| format!(", perhaps `{near}`"))
}

fn names() -> String {
    let names: Vec<&str> = std::iter::once(OBSERVED)
        .chain(Key::all().map(Key::name))
        .collect();
    names.join(", ")
}

impl Query {
    /// Reads a text.
    ///
    /// # Errors
    /// A term that cannot be read, with its place.
    pub fn parse(text: &str) -> Result<Query, QueryError> {
        if text.len() > LONGEST {
            return Err(QueryError::Large);
        }
        let mut query = Query::default();
        let mut reader = Reader::of(text);
        while let Some(term) = reader.term()? {
            match term {
                Read::Span(_, at) if query.span.is_some() => return Err(QueryError::Time { at }),
                Read::Span(span, _) => query.span = Some(span),
                Read::Term(term) => query.add(term),
            }
        }
        match query
            .terms
            .iter()
            .map(|term| term.values.len())
            .sum::<usize>()
            > MOST_VALUES
        {
            true => Err(QueryError::Large),
            false => Ok(query),
        }
    }

    /// Adds a term: values of one key stand together, bare words each for itself.
    pub fn add(&mut self, mut term: Term) {
        let same = |one: &Term| {
            one.key == term.key && one.exclude == term.exclude && term.key != Key::Text
        };
        match self.terms.iter().position(same) {
            Some(at) => self.terms[at].values.append(&mut term.values),
            None if self.terms.contains(&term) => return,
            None => self.terms.push(term),
        }
        for term in &mut self.terms {
            let mut seen: Vec<Value> = Vec::with_capacity(term.values.len());
            for value in term.values.drain(..) {
                if !seen.contains(&value) {
                    seen.push(value);
                }
            }
            term.values = seen;
        }
    }

    /// The query with one condition more; where the opposite was asked for, that is taken back.
    pub fn with(&self, key: Key, value: Value, exclude: bool) -> Query {
        let mut query = self.without(key, &value, !exclude);
        query.add(Term {
            key,
            exclude,
            values: vec![value],
        });
        query
    }

    /// The query less one value.
    pub fn without(&self, key: Key, value: &Value, exclude: bool) -> Query {
        let mut query = self.clone();
        for term in &mut query.terms {
            if term.key == key && term.exclude == exclude {
                term.values.retain(|one| one != value);
            }
        }
        query.terms.retain(|term| !term.values.is_empty());
        query
    }

    /// The query at another time.
    pub fn during(&self, span: Option<Span>) -> Query {
        Query {
            span,
            terms: self.terms.clone(),
        }
    }

    /// Whether this value is asked for.
    pub fn has(&self, key: Key, value: &Value) -> bool {
        let mut of_key = self
            .terms
            .iter()
            .filter(|term| term.key == key && !term.exclude);
        of_key.any(|term| term.values.contains(value))
    }
}

impl Span {
    /// The instants of a span, the second not included, in microseconds; open ends are those of time itself.
    pub fn bounds(self, now: Timestamp, zone: &TimeZone) -> (i64, i64) {
        let instant = |at: DateTime| -> Option<i64> {
            let at = zone.to_timestamp(at).ok()?;
            Some(at.as_microsecond())
        };
        let back = |hours: i64| {
            let from = now.0.saturating_sub(hours.saturating_mul(3_600_000_000));
            (from, now.0.saturating_add(1))
        };
        match self {
            Span::Hours(hours) => back(i64::from(hours)),
            Span::Days(days) => back(i64::from(days) * 24),
            Span::Between(from, to) => {
                let from = match from {
                    None => None,
                    Some(Moment::Day(day)) => instant(day.into()),
                    Some(Moment::At(at)) => instant(at),
                };
                let to = match to {
                    None => None,
                    Some(Moment::Day(day)) => {
                        let next = day.checked_add(1.day()).ok();
                        next.and_then(|next| instant(next.into()))
                    }
                    Some(Moment::At(at)) => instant(at),
                };
                (from.unwrap_or(i64::MIN), to.unwrap_or(i64::MAX))
            }
        }
    }

    /// The span between two instants, in the time of the house, cut to the minute.
    pub fn between(from: i64, to: i64, zone: &TimeZone) -> Option<Span> {
        let at = |micros: i64| {
            let round = jiff::civil::DateTimeRound::new()
                .smallest(jiff::Unit::Minute)
                .mode(jiff::RoundMode::Trunc);
            zone.to_datetime(Timestamp(micros).to_jiff()?)
                .round(round)
                .ok()
        };
        let (from, to) = (at(from)?, at(to)?);
        let midnight = |at: DateTime| at.time() == jiff::civil::Time::midnight();
        Some(match midnight(from) && midnight(to) && from < to {
            true => Span::Between(
                Some(Moment::Day(from.date())),
                Some(Moment::Day(to.date().checked_sub(1.day()).ok()?)),
            ),
            false => Span::Between(Some(Moment::At(from)), Some(Moment::At(to))),
        })
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Moment::Day(day) => write!(f, "{day}"),
            Moment::At(at) if at.second() == 0 && at.subsec_nanosecond() == 0 => {
                write!(f, "{}T{:02}:{:02}", at.date(), at.hour(), at.minute())
            }
            Moment::At(at) => write!(f, "{at}"),
        }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Span::Hours(hours) => write!(f, "{hours}h"),
            Span::Days(days) => write!(f, "{days}d"),
            Span::Between(Some(Moment::Day(from)), Some(Moment::Day(to))) if from == to => {
                write!(f, "{from}")
            }
            Span::Between(from, to) => {
                if let Some(from) = from {
                    write!(f, "{from}")?;
                }
                f.write_str("..")?;
                to.map_or(Ok(()), |to| write!(f, "{to}"))
            }
        }
    }
}

/// Whether a text can stand without quotes.
fn plain(text: &str, bare: bool) -> bool {
    let sound = !text.is_empty()
        && !text
            .chars()
            .any(|c| c.is_whitespace() || ['"', '*', '\\'].contains(&c))
        && (bare || !text.contains(','));
    sound
        && match bare {
            true => {
                !text.contains(':')
                    && !text.starts_with('-')
                    && net(text).is_none()
                    && as_number(text).is_none()
            }
            // Before two slashes a key would be read as a URL's scheme.
            false => !["any", "none"].contains(&text) && !text.starts_with("//"),
        }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// A value as it is written behind its key.
pub fn printed(key: Key, value: &Value) -> String {
    match value {
        Value::Any => "any".to_owned(),
        Value::None => "none".to_owned(),
        Value::Net(ip, length) => {
            let whole = if ip.is_ipv4() { WHOLE.0 } else { WHOLE.1 };
            match *length == whole {
                true => ip.to_string(),
                false => format!("{ip}/{length}"),
            }
        }
        Value::Number(number) => match key.form() {
            Form::Asn => format!("AS{number}"),
            Form::Division if number % 10_000 == 0 && *number < 1_000_000 => {
                format!("{:02}", number / 10_000)
            }
            Form::Division => format!("{number:06}"),
            Form::Territory if *number == 1 => "inside".to_owned(),
            Form::Territory => "outside".to_owned(),
            _ => number.to_string(),
        },
        Value::Text {
            text,
            before,
            after,
        } => {
            let star = |open: bool| if open { "*" } else { "" };
            let text = match plain(text, key == Key::Text) {
                true => text.clone(),
                false => quoted(text),
            };
            format!("{}{text}{}", star(*before), star(*after))
        }
    }
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut apart = "";
        if let Some(span) = self.span {
            write!(f, "{OBSERVED}:{span}")?;
            apart = " ";
        }
        for term in &self.terms {
            write!(f, "{apart}{}", if term.exclude { "-" } else { "" })?;
            apart = " ";
            if term.key != Key::Text {
                write!(f, "{}:", term.key.name())?;
            }
            for (at, value) in term.values.iter().enumerate() {
                let comma = if at > 0 { "," } else { "" };
                write!(f, "{comma}{}", printed(term.key, value))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
