//! Where the values of a mapped column or member go: the small language of `columns` and `values` in
//! a feed's entry, which lets most feeds do without Rust.
//!
//! A target is a field, `extra.NAME`, nothing (dropped), or one of three forms more: `observable`
//! (the text's form says whether it is an address, network, host, URL or hash), several targets with
//! commas between (the text goes to each), and a pattern such as `{source_country} | {source_as_name}`
//! that takes the text apart. On the column's side, `{Start}/{Bits}` is a text put together from
//! columns. `values` says what single values mean. Not here: which columns there are, and how times
//! of odd form are read, are the formats' own.

use std::collections::HashMap;

use jiff::tz::TimeZone;
use model::feed::Feed;
use model::field::Field;
use model::record::Record;

use crate::entry::Target;
use crate::observable;
use crate::value::{self, BadValue};

/// Where a text goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// To one target.
    One(Target),
    /// To the field that the text's form asks for.
    Observable,
    /// To each of several.
    Each(Vec<Place>),
    /// Taken apart.
    Parts(Pattern),
}

/// A text's form: literals with places between.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern {
    before: String,
    /// Each place with the literal that ends its text; empty for "up to the end".
    parts: Vec<(Place, String)>,
    /// Key in `extra` of a text that does not fit.
    unfit: Target,
}

impl Place {
    /// Reads a target as `columns` has it.
    pub(crate) fn parse(text: &str, column: &str) -> Result<Place, String> {
        if text.contains('{') {
            return Pattern::parse(text, column).map(Place::Parts);
        }
        if text.contains(',') {
            let places = text.split(',').map(|one| Place::parse(one.trim(), column));
            return places.collect::<Result<_, _>>().map(Place::Each);
        }
        if text == "observable" {
            return Ok(Place::Observable);
        }
        Target::parse(text, column).map(Place::One)
    }

    /// Whether a text may go to a field that passes the test.
    pub(crate) fn reaches(&self, test: &dyn Fn(Field) -> bool) -> bool {
        match self {
            Place::One(Target::Field(field)) => test(*field),
            Place::One(_) => false,
            Place::Observable => test(Field::SourceIp) || test(Field::SourceUrl),
            Place::Each(places) => places.iter().any(|place| place.reaches(test)),
            Place::Parts(pattern) => pattern.parts.iter().any(|(place, _)| place.reaches(test)),
        }
    }

    /// Puts the text where it goes; of several texts for one field the first that says something
    /// counts.
    pub(crate) fn put(
        &self,
        record: &mut Record,
        text: &str,
        zone: &TimeZone,
    ) -> Result<(), BadValue> {
        match self {
            Place::One(Target::Field(field)) if record.has(*field) => Ok(()),
            Place::One(Target::Field(field @ (Field::SourceIp | Field::SourceHost))) => {
                match value::given(text) {
                    Some(text) => observable::set_with_port(record, *field, text, zone),
                    None => Ok(()),
                }
            }
            Place::One(target) => target.put(record, text, zone),
            Place::Observable => observable::set_any(record, text, zone),
            Place::Each(places) => places
                .iter()
                .try_for_each(|place| place.put(record, text, zone)),
            Place::Parts(pattern) => pattern.put(record, text, zone),
        }
    }
}

impl Pattern {
    fn parse(text: &str, column: &str) -> Result<Pattern, String> {
        let mut pieces = text.split('{');
        let before = pieces.next().unwrap_or_default().trim().to_owned();
        let mut parts = Vec::new();
        for piece in pieces {
            let (target, after) = piece
                .split_once('}')
                .ok_or_else(|| format!("`{text}` opens a brace that it does not close"))?;
            parts.push((
                Place::parse(target.trim(), column)?,
                after.trim().to_owned(),
            ));
        }
        let last = parts.len() - 1;
        if parts[..last].iter().any(|(_, after)| after.is_empty()) {
            return Err(format!(
                "`{text}` has nothing between two of its parts by which to tell them apart"
            ));
        }
        Ok(Pattern {
            before,
            parts,
            unfit: Target::parse("extra.", column)?,
        })
    }

    /// The texts of the parts; where the literal behind one is missing, it takes the rest. `None` if
    /// the text does not begin as it should.
    fn cut<'t>(&self, text: &'t str) -> Option<Vec<&'t str>> {
        let mut rest = text.trim().strip_prefix(self.before.as_str())?;
        let mut texts = Vec::with_capacity(self.parts.len());
        for (_, after) in &self.parts {
            let (part, behind) = match after.as_str() {
                "" => (rest, ""),
                after => rest.split_once(after).unwrap_or((rest, "")),
            };
            texts.push(part.trim());
            rest = behind;
        }
        Some(texts)
    }

    fn put(&self, record: &mut Record, text: &str, zone: &TimeZone) -> Result<(), BadValue> {
        let Some(text) = value::given(text) else {
            return Ok(());
        };
        match self.cut(text) {
            None => self.unfit.put(record, text, zone),
            Some(texts) => self
                .parts
                .iter()
                .zip(texts)
                .try_for_each(|((place, _), text)| place.put(record, text, zone)),
        }
    }
}

/// What a text means: the fields it stands for.
type Meaning = Vec<(Place, String)>;

/// What the values of one column mean.
#[derive(Clone, Debug, Default)]
pub(crate) struct Meanings {
    /// By value in lower case.
    by_value: HashMap<String, Meaning>,
    other: Option<Meaning>,
}

impl Meanings {
    /// Those that the entry gives for a column.
    pub(crate) fn of(feed: &Feed, column: &str) -> Result<Option<Meanings>, String> {
        let Some(values) = feed.values.get(column) else {
            return Ok(None);
        };
        let mut meanings = Meanings::default();
        for (value, fields) in values {
            let meaning = fields
                .iter()
                .map(|(name, text)| Ok((Place::parse(name, name)?, text.clone())))
                .collect::<Result<Meaning, String>>()?;
            if value == "*" {
                meanings.other = Some(meaning);
            } else {
                meanings
                    .by_value
                    .insert(value.trim().to_lowercase(), meaning);
            }
        }
        Ok(Some(meanings))
    }

    /// Puts what the text stands for; `false` if it stands for nothing but itself. Text that says
    /// nothing means nothing.
    pub(crate) fn put(
        &self,
        record: &mut Record,
        text: &str,
        zone: &TimeZone,
    ) -> Result<bool, BadValue> {
        let Some(text) = value::given(text) else {
            return Ok(false);
        };
        let known = self.by_value.get(&text.to_lowercase());
        let Some(meaning) = known.or(self.other.as_ref()) else {
            return Ok(false);
        };
        for (place, text) in meaning {
            place.put(record, text, zone)?;
        }
        Ok(true)
    }
}

/// Every fault in an entry's `values`.
pub(crate) fn check_values(feed: &Feed) -> Vec<String> {
    let mut problems = Vec::new();
    for (column, values) in &feed.values {
        for (name, text) in values.values().flatten() {
            let put = |place: Place| {
                place
                    .put(&mut Record::new(), text, &TimeZone::UTC)
                    .map_err(|bad| bad.message(text))
            };
            if let Err(problem) = Place::parse(name, name).and_then(put) {
                problems.push(format!("values: {column}: {problem}"));
            }
        }
    }
    problems
}

/// One piece of a text that is put together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Text as it stands.
    Literal(String),
    /// The text of a column.
    Column(String),
}

/// The pieces of a key of `columns` such as `{Start}/{Bits}`; `None` for the name of one column.
pub(crate) fn pieces(key: &str) -> Option<Vec<Piece>> {
    let (first, _) = key.split_once('{')?;
    let mut pieces = vec![Piece::Literal(first.to_owned())];
    for piece in key[first.len() + 1..].split('{') {
        let (column, after) = piece.split_once('}')?;
        pieces.push(Piece::Column(column.to_owned()));
        pieces.push(Piece::Literal(after.to_owned()));
    }
    pieces.retain(|piece| *piece != Piece::Literal(String::new()));
    Some(pieces)
}

#[cfg(test)]
mod tests {
    use super::*;

    const UTC: &TimeZone = &TimeZone::UTC;

    fn placed(target: &str, text: &str) -> String {
        let place = Place::parse(target, "col").expect("a target");
        let mut record = Record::new();
        place.put(&mut record, text, UTC).expect("a good text");
        let fields = record
            .iter()
            .map(|(field, value)| format!("{field}={value:?}"));
        let fields: Vec<_> = fields.chain(record.extra_json()).collect();
        fields.join(" ")
    }

    #[test]
    fn targets_of_every_form() {
        for (target, text, expected) in [
            ("", "x", ""),
            ("source_port", "80", "source_port=Int(80)"),
            (
                "status, extra.seen",
                "up",
                "status=Text(\"up\") {\"seen\":\"up\"}",
            ),
            (
                "observable",
                "192.0.2.0/24",
                "source_network=Text(\"192.0.2.0/24\")",
            ),
            (
                "{source_country} | {source_as_name}",
                "AT | Example | Net",
                "source_as_name=Text(\"Example | Net\") source_country=Text(\"AT\")",
            ),
            (
                "{source_country} | {source_as_name}",
                "| Example Net",
                "source_as_name=Text(\"Example Net\")",
            ),
            ("{status} | {comment}", "up", "status=Text(\"up\")"),
            ("id {status}", "none", "{\"col\":\"none\"}"),
            (
                "id {class_identifier};",
                "id a-b; rest",
                "class_identifier=Text(\"a-b\")",
            ),
        ] {
            assert_eq!(placed(target, text), expected, "{target}");
        }
        for wrong in [
            "sauce",
            "status, sauce",
            "{status",
            "{status}{comment}",
            "{sauce}",
        ] {
            assert!(Place::parse(wrong, "col").is_err(), "{wrong}");
        }
    }

    #[test]
    fn values_mean_fields() {
        let mut feed = crate::test_feed("csv");
        let scan = [("class_type", "scanner"), ("destination_port", "22")];
        let scan = scan.map(|(name, text)| (name.to_owned(), text.to_owned()));
        let of_kind = [
            ("Scan".to_owned(), scan.into()),
            ("?".to_owned(), Default::default()),
        ];
        feed.values.insert("kind".into(), of_kind.into());
        assert_eq!(check_values(&feed), Vec::<String>::new());
        let meanings = Meanings::of(&feed, "kind")
            .expect("in order")
            .expect("there");
        let mut record = Record::new();
        assert_eq!(meanings.put(&mut record, "scan ", UTC), Ok(true));
        assert_eq!(record.text(Field::ClassType), Some("scanner"));
        assert_eq!(meanings.put(&mut record, "?", UTC), Ok(true));
        assert_eq!(meanings.put(&mut record, "x", UTC), Ok(false));
        assert_eq!(meanings.put(&mut record, "-", UTC), Ok(false));
        let any = [(
            "*".to_owned(),
            [("class_type".to_owned(), "nonsense".to_owned())].into(),
        )];
        feed.values.insert("other".into(), any.into());
        assert_eq!(check_values(&feed).len(), 1);
    }

    #[test]
    fn texts_are_put_together() {
        let column = |name: &str| Piece::Column(name.into());
        let literal = |text: &str| Piece::Literal(text.into());
        assert_eq!(pieces("ip"), None);
        assert_eq!(
            pieces("http://{1}{2}"),
            Some(vec![literal("http://"), column("1"), column("2")])
        );
        assert_eq!(
            pieces("{a}/{b}"),
            Some(vec![column("a"), literal("/"), column("b")])
        );
        assert_eq!(pieces("{a"), None);
    }
}
