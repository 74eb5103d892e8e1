//! One parsed row before enrichment: the reusable buffer that every parser fills.
//!
//! A [`Record`] holds typed values by [`Field`], their text in one arena, and everything else the
//! source said as the text of a JSON object (`extra`). Clearing keeps the allocations, so a parser
//! that reads a million rows allocates for none of them. A record knows nothing of files, feeds or
//! time of receipt: that is why its identity can be computed from it alone.

use std::net::IpAddr;

use crate::field::{Field, Kind};
use crate::identity::{BLOCK_LEN, IDENTITY_VERSION};
use crate::ids::EventId;
use crate::time::{MICROS_PER_DAY, Timestamp};

/// A value as held in a record; text borrows from the record.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// Text.
    Text(&'a str),
    /// Address.
    Ip(IpAddr),
    /// Integer.
    Int(i64),
    /// Finite double.
    Float(f64),
    /// Truth value.
    Bool(bool),
    /// Microseconds since the Unix epoch, UTC.
    Time(Timestamp),
}

#[derive(Clone, Copy, Debug)]
enum Slot {
    Text { start: u32, len: u32 },
    Ip(IpAddr),
    Int(i64),
    Float(f64),
    Bool(bool),
    Time(Timestamp),
}

/// A reusable row of typed fields with an open `extra` object.
#[derive(Clone, Debug)]
pub struct Record {
    present: u64,
    slots: [Slot; Field::COUNT],
    text: String,
    extra: String,
    /// Line of the report on which the row starts, from 1.
    pub line: u64,
    /// Byte offset of the row's first byte in the report's decoded text.
    pub offset: u64,
    /// Length of the row in bytes, without its line end.
    pub len: u32,
    /// The list had no date of its own: `observed_at` is the snapshot's time, and the event's
    /// identity takes only its UTC day.
    pub undated: bool,
    /// Days since 1970-01-01 of the date as the source wrote it, in its own zone, for tallies that
    /// must match the source's own counts; `None` where the row has none.
    pub written_day: Option<i32>,
}

impl Default for Record {
    fn default() -> Self {
        Record {
            present: 0,
            slots: [Slot::Bool(false); Field::COUNT],
            text: String::new(),
            extra: String::new(),
            line: 0,
            offset: 0,
            len: 0,
            undated: false,
            written_day: None,
        }
    }
}

impl Record {
    /// An empty record.
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets the row, keeps the buffers.
    pub fn clear(&mut self) {
        self.present = 0;
        self.text.clear();
        self.extra.clear();
        self.line = 0;
        self.offset = 0;
        self.len = 0;
        self.undated = false;
        self.written_day = None;
    }

    /// Whether a field is set.
    #[inline]
    pub fn has(&self, field: Field) -> bool {
        self.present & (1 << field as u8) != 0
    }

    #[inline]
    fn put(&mut self, field: Field, slot: Slot) {
        self.slots[field as usize] = slot;
        self.present |= 1 << field as u8;
    }

    /// Sets a text field. The last call wins.
    ///
    /// # Panics
    /// In debug builds, if the field is not of kind text.
    #[inline]
    pub fn set_text(&mut self, field: Field, value: &str) {
        debug_assert_eq!(field.kind(), Kind::Text, "{field} is not text");
        let start = self.text.len() as u32;
        self.text.push_str(value);
        self.put(
            field,
            Slot::Text {
                start,
                len: value.len() as u32,
            },
        );
    }

    /// Sets a text field to `value` in ASCII lower case.
    #[inline]
    pub fn set_lowercase(&mut self, field: Field, value: &str) {
        self.set_text(field, value);
        if let Slot::Text { start, len } = self.slots[field as usize] {
            self.text[start as usize..(start + len) as usize].make_ascii_lowercase();
        }
    }

    /// Sets a text field to what `write` appends to the given string.
    pub fn write_text(&mut self, field: Field, write: impl FnOnce(&mut String)) {
        let start = self.text.len();
        write(&mut self.text);
        let len = (self.text.len() - start) as u32;
        self.put(
            field,
            Slot::Text {
                start: start as u32,
                len,
            },
        );
    }

    /// Sets an address.
    #[inline]
    pub fn set_ip(&mut self, field: Field, value: IpAddr) {
        debug_assert_eq!(field.kind(), Kind::Ip, "{field} is not an address");
        self.put(field, Slot::Ip(value));
    }

    /// Sets an integer.
    #[inline]
    pub fn set_int(&mut self, field: Field, value: i64) {
        debug_assert_eq!(field.kind(), Kind::Int, "{field} is not an integer");
        self.put(field, Slot::Int(value));
    }

    /// Sets a float.
    #[inline]
    pub fn set_float(&mut self, field: Field, value: f64) {
        debug_assert_eq!(field.kind(), Kind::Float, "{field} is not a float");
        self.put(field, Slot::Float(value));
    }

    /// Sets a time, microseconds since the Unix epoch, UTC.
    #[inline]
    pub fn set_time(&mut self, field: Field, value: Timestamp) {
        debug_assert_eq!(field.kind(), Kind::Time, "{field} is not a time");
        self.put(field, Slot::Time(value));
    }

    /// Sets a truth value.
    #[inline]
    pub fn set_bool(&mut self, field: Field, value: bool) {
        debug_assert_eq!(field.kind(), Kind::Bool, "{field} is not a truth value");
        self.put(field, Slot::Bool(value));
    }

    /// Takes a field back.
    pub fn unset(&mut self, field: Field) {
        self.present &= !(1 << field as u8);
    }

    /// The value of a field, if set.
    #[inline]
    pub fn get(&self, field: Field) -> Option<Value<'_>> {
        if !self.has(field) {
            return None;
        }
        Some(match self.slots[field as usize] {
            Slot::Text { start, len } => {
                Value::Text(&self.text[start as usize..(start + len) as usize])
            }
            Slot::Ip(value) => Value::Ip(value),
            Slot::Int(value) => Value::Int(value),
            Slot::Float(value) => Value::Float(value),
            Slot::Bool(value) => Value::Bool(value),
            Slot::Time(value) => Value::Time(value),
        })
    }

    /// The text of a text field, if set.
    #[inline]
    pub fn text(&self, field: Field) -> Option<&str> {
        match self.get(field) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// The address of an address field, if set.
    #[inline]
    pub fn ip(&self, field: Field) -> Option<IpAddr> {
        match self.get(field) {
            Some(Value::Ip(ip)) => Some(ip),
            _ => None,
        }
    }

    /// The integer of an integer field, if set.
    #[inline]
    pub fn int(&self, field: Field) -> Option<i64> {
        match self.get(field) {
            Some(Value::Int(value)) => Some(value),
            _ => None,
        }
    }

    /// `observed_at`, if set.
    #[inline]
    pub fn observed_at(&self) -> Option<Timestamp> {
        match self.get(Field::ObservedAt) {
            Some(Value::Time(at)) => Some(at),
            _ => None,
        }
    }

    /// Set fields in table order.
    pub fn iter(&self) -> impl Iterator<Item = (Field, Value<'_>)> {
        let mut left = self.present;
        std::iter::from_fn(move || {
            if left == 0 {
                return None;
            }
            let index = left.trailing_zeros() as usize;
            left &= left - 1;
            let field = crate::field::FIELDS[index].field;
            self.get(field).map(|value| (field, value))
        })
    }

    /// The text of the `extra` object including its braces would be `{` + this + `}`; empty when
    /// the source said nothing beyond the typed fields.
    #[inline]
    pub fn extra(&self) -> &str {
        &self.extra
    }

    /// Takes all of `extra` back.
    pub fn clear_extra(&mut self) {
        self.extra.clear();
    }

    /// The `extra` object as JSON text, `None` when empty.
    pub fn extra_json(&self) -> Option<String> {
        (!self.extra.is_empty()).then(|| format!("{{{}}}", self.extra))
    }

    /// Opens one member of `extra` whose key is already escaped and quoted with its colon
    /// (`"naics":`), and returns the string to which exactly one JSON value must be appended.
    /// Parsers call it in the order of their mapping, not of the file, so that a reordered file
    /// gives the same identity.
    #[inline]
    pub fn extra_member(&mut self, quoted_key: &str) -> &mut String {
        if !self.extra.is_empty() {
            self.extra.push(',');
        }
        self.extra.push_str(quoted_key);
        &mut self.extra
    }

    /// [`Self::extra_member`] by a key as it is.
    #[inline]
    pub fn extra_named(&mut self, key: &str) -> &mut String {
        let out = self.extra_member("");
        push_json_text(out, key);
        out.push(':');
        out
    }

    /// Adds a text member to `extra`.
    pub fn extra_text(&mut self, key: &str, value: &str) {
        push_json_text(self.extra_named(key), value);
    }

    /// Adds any JSON value to `extra`.
    pub fn extra_value(&mut self, key: &str, value: &serde_json::Value) {
        self.extra_named(key).push_str(&value.to_string());
    }

    /// The event's identity ([`crate::identity`]) by itself; `scratch` is reused. Where many rows are
    /// named, [`Identities`](crate::identity::Identities) does it for less.
    pub fn identity(&self, feed: &str, keys: Option<&[Field]>, scratch: &mut Vec<u8>) -> EventId {
        scratch.clear();
        self.write_identity(feed, keys, scratch);
        crate::identity::of_form(scratch)
    }

    /// Appends the form of the record that its identity is the hash of: what it is made of stands at
    /// [`crate::identity`].
    pub(crate) fn write_identity(&self, feed: &str, keys: Option<&[Field]>, out: &mut Vec<u8>) {
        let mut left = match keys {
            None => self.present,
            Some(keys) => keys.iter().fold(0, |mask, key| mask | 1 << *key as u8) & self.present,
        };
        let start = out.len();
        out.push(IDENTITY_VERSION);
        push_varint(out, feed.len() as u64);
        out.extend_from_slice(feed.as_bytes());
        out.extend_from_slice(&left.to_le_bytes());
        while left != 0 {
            let index = left.trailing_zeros() as usize;
            left &= left - 1;
            match self.slots[index] {
                Slot::Text { start, len } => {
                    push_varint(out, u64::from(len));
                    out.extend_from_slice(
                        &self.text.as_bytes()[start as usize..(start + len) as usize],
                    );
                }
                Slot::Ip(IpAddr::V4(ip)) => {
                    let [a, b, c, d] = ip.octets();
                    out.extend_from_slice(&[4, a, b, c, d]);
                }
                Slot::Ip(IpAddr::V6(ip)) => {
                    out.push(16);
                    out.extend_from_slice(&ip.octets());
                }
                Slot::Int(value) => push_varint(out, (value << 1 ^ value >> 63) as u64),
                Slot::Float(value) => out.extend_from_slice(&value.to_bits().to_le_bytes()),
                Slot::Bool(value) => out.push(value as u8),
                Slot::Time(at) => {
                    let at = if self.undated {
                        at.0.div_euclid(MICROS_PER_DAY)
                    } else {
                        at.0
                    };
                    out.extend_from_slice(&at.to_le_bytes());
                }
            }
        }
        if keys.is_none() {
            out.extend_from_slice(self.extra.as_bytes());
        }
        let len = (out.len() - start).next_multiple_of(BLOCK_LEN);
        out.resize(start + len, 0);
    }
}

/// Appends a number in base 128, low digits first, the high bit set on all but the last (LEB128).
#[inline]
fn push_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// `"key":`, escaped, as [`Record::extra_member`] takes it; parsers prepare it once per column.
pub fn quoted_key(key: &str) -> String {
    let mut quoted = String::with_capacity(key.len() + 3);
    push_json_text(&mut quoted, key);
    quoted.push(':');
    quoted
}

/// Appends `value` as a JSON string, quoted and escaped (RFC 8259 section 7).
#[inline]
pub fn push_json_text(out: &mut String, value: &str) {
    out.push('"');
    if value
        .bytes()
        .all(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\')
    {
        out.push_str(value);
    } else {
        for character in value.chars() {
            match character {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                control if (control as u32) < 0x20 => {
                    out.push_str("\\u00");
                    for shift in [4, 0] {
                        let digit = (control as u32 >> shift) & 0xf;
                        out.push(char::from_digit(digit, 16).expect("a nibble is a hex digit"));
                    }
                }
                other => out.push(other),
            }
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Record {
        let mut record = Record::new();
        record.set_time(Field::ObservedAt, Timestamp(1_673_222_400_000_000));
        record.set_ip(Field::SourceIp, "192.0.2.1".parse().expect("an address"));
        record.set_lowercase(Field::SourceHost, "WWW.Example");
        record.extra_text("tag", "a\"b\u{1}");
        record
    }

    #[test]
    fn identity_ignores_receipt_and_keeps_fields() {
        let mut scratch = Vec::new();
        let a = sample();
        let mut b = sample();
        b.line = 99;
        b.offset = 4096;
        b.written_day = Some(3);
        assert_eq!(
            a.identity("f", None, &mut scratch),
            b.identity("f", None, &mut scratch)
        );
        assert_ne!(
            a.identity("f", None, &mut scratch),
            a.identity("g", None, &mut scratch)
        );
        b.set_int(Field::SourcePort, 80);
        assert_ne!(
            a.identity("f", None, &mut scratch),
            b.identity("f", None, &mut scratch)
        );
        let keys = [Field::SourceIp];
        assert_eq!(
            a.identity("f", Some(&keys), &mut scratch),
            b.identity("f", Some(&keys), &mut scratch)
        );
    }

    #[test]
    fn undated_rows_are_one_event_a_utc_day() {
        let mut scratch = Vec::new();
        let mut a = sample();
        a.undated = true;
        let mut b = a.clone();
        b.set_time(
            Field::ObservedAt,
            Timestamp(1_673_222_400_000_000 + MICROS_PER_DAY - 1),
        );
        assert_eq!(
            a.identity("f", None, &mut scratch),
            b.identity("f", None, &mut scratch)
        );
        b.set_time(
            Field::ObservedAt,
            Timestamp(1_673_222_400_000_000 + MICROS_PER_DAY),
        );
        assert_ne!(
            a.identity("f", None, &mut scratch),
            b.identity("f", None, &mut scratch)
        );
    }

    #[test]
    fn extra_is_valid_json() {
        let json: serde_json::Value =
            serde_json::from_str(&sample().extra_json().expect("extra")).expect("json");
        assert_eq!(json["tag"], "a\"b\u{1}");
    }

    #[test]
    fn a_cleared_record_is_empty() {
        let mut record = sample();
        record.clear();
        assert_eq!(record.iter().count(), 0);
        assert_eq!(record.extra_json(), None);
    }
}
