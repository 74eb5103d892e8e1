//! Whether rows satisfy the terms of a query: one [`Test`] a term, over Arrow columns.
//!
//! Text is compared whatever its ASCII case. A column that comes by dictionary is looked at once a distinct value.

use std::net::IpAddr;
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, BooleanArray, PrimitiveArray, StringArray,
};
use datafusion::arrow::buffer::{BooleanBuffer, NullBuffer};
use datafusion::arrow::datatypes::{
    DataType, Int32Type, Int64Type, UInt8Type, UInt32Type, UInt64Type,
};

use super::query::{Form, Query, Term, Value};
use crate::schema::SCHEMA;

/// A text that a value is, begins with, ends with, or contains.
#[derive(Clone, Debug)]
struct Pattern {
    /// In lower case.
    text: Box<[u8]>,
    before: bool,
    after: bool,
}

impl Pattern {
    fn fits(&self, value: &[u8]) -> bool {
        let (text, len) = (&*self.text, self.text.len());
        if value.len() < len {
            return false;
        }
        match (self.before, self.after) {
            (false, false) => value.len() == len && value.eq_ignore_ascii_case(text),
            (false, true) => value[..len].eq_ignore_ascii_case(text),
            (true, false) => value[value.len() - len..].eq_ignore_ascii_case(text),
            (true, true) => contains(value, text),
        }
    }
}

/// Whether `value` contains `text`, which is in lower case and not empty.
fn contains(value: &[u8], text: &[u8]) -> bool {
    let Some((first, rest)) = text.split_first() else {
        return true;
    };
    let last = value.len() - text.len();
    let upper = first.to_ascii_uppercase();
    let starts = value[..=last].iter().enumerate();
    starts
        .filter(|(_, byte)| **byte == *first || **byte == upper)
        .any(|(at, _)| value[at + 1..at + text.len()].eq_ignore_ascii_case(rest))
}

/// A network by the bytes of its first address.
#[derive(Clone, Debug)]
enum Net {
    V4(u32, u32),
    V6(u128, u128),
}

impl Net {
    fn of(ip: IpAddr, length: u8) -> Net {
        match ip {
            IpAddr::V4(ip) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
                Net::V4(u32::from(ip) & mask, mask)
            }
            IpAddr::V6(ip) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
                Net::V6(u128::from(ip) & mask, mask)
            }
        }
    }

    #[inline]
    fn holds(&self, bytes: &[u8]) -> bool {
        match self {
            Net::V4(first, mask) => <[u8; 4]>::try_from(bytes)
                .is_ok_and(|bytes| u32::from_be_bytes(bytes) & mask == *first),
            Net::V6(first, mask) => <[u8; 16]>::try_from(bytes)
                .is_ok_and(|bytes| u128::from_be_bytes(bytes) & mask == *first),
        }
    }
}

#[derive(Clone, Debug)]
enum Want {
    Text(Vec<Pattern>),
    Word(u8, Vec<Box<[u8]>>),
    Number(Vec<i64>),
    Net(Vec<Net>),
}

/// One condition over columns.
#[derive(Clone, Debug)]
pub(super) struct Test {
    /// Positions of the columns in the table; one that fits is enough.
    pub columns: Vec<usize>,
    want: Arc<Want>,
    /// A value, whichever, is enough.
    any: bool,
    /// No value in any of the columns is enough.
    none: bool,
    exclude: bool,
}

/// The conditions of a query, those first that cost least to look at.
pub(super) fn tests(query: &Query) -> Vec<Test> {
    let mut tests: Vec<Test> = query.terms.iter().map(Test::of).collect();
    tests.sort_by_key(|test| match &*test.want {
        Want::Number(_) => 0,
        Want::Net(_) => 2,
        Want::Text(_) | Want::Word(..) if test.columns.len() == 1 => 1,
        Want::Text(_) | Want::Word(..) => 3,
    });
    tests
}

impl Test {
    fn of(term: &Term) -> Test {
        let form = term.key.form();
        let lower = |text: &str| text.to_ascii_lowercase().into_bytes().into_boxed_slice();
        let texts = term.values.iter().filter_map(|value| match value {
            Value::Text {
                text,
                before,
                after,
            } => Some((lower(text), *before, *after)),
            _ => None,
        });
        let numbers = term.values.iter().filter_map(|value| match value {
            Value::Number(number) => Some(*number),
            _ => None,
        });
        let want = match form {
            Form::Text => Want::Text(
                texts
                    .map(|(text, before, after)| Pattern {
                        text,
                        before,
                        after,
                    })
                    .collect(),
            ),
            Form::Within => Want::Text(
                texts
                    .map(|(text, ..)| Pattern {
                        text,
                        before: true,
                        after: true,
                    })
                    .collect(),
            ),
            Form::Word(apart) => Want::Word(apart as u8, texts.map(|(text, ..)| text).collect()),
            Form::Net => {
                let nets = term.values.iter().filter_map(|value| match value {
                    Value::Net(ip, length) => Some(Net::of(*ip, *length)),
                    _ => None,
                });
                Want::Net(nets.collect())
            }
            Form::Number | Form::Asn | Form::Division | Form::Territory => {
                Want::Number(numbers.collect())
            }
        };
        Test {
            columns: term
                .key
                .columns()
                .iter()
                .filter_map(|name| SCHEMA.index_of(name).ok())
                .collect(),
            want: Arc::new(want),
            any: term.values.contains(&Value::Any),
            none: term.values.contains(&Value::None),
            exclude: term.exclude,
        }
    }

    fn text_fits(&self, value: &[u8]) -> bool {
        match &*self.want {
            Want::Text(patterns) => patterns.iter().any(|pattern| pattern.fits(value)),
            Want::Word(apart, words) => value
                .split(|byte| byte == apart)
                .any(|word| words.iter().any(|one| word.eq_ignore_ascii_case(one))),
            Want::Number(_) | Want::Net(_) => false,
        }
    }

    /// Rows in which a column fits, nulls left aside.
    fn fits(&self, array: &ArrayRef) -> BooleanBuffer {
        let rows = array.len();
        if let Some(dictionary) = array.as_any_dictionary_opt() {
            let values = dictionary.values();
            let values: &StringArray = values.as_string();
            let fit: Vec<bool> = values
                .iter()
                .map(|value| value.is_some_and(|value| self.text_fits(value.as_bytes())))
                .collect();
            if !fit.contains(&true) {
                return BooleanBuffer::new_unset(rows);
            }
            let keys = dictionary.keys();
            if let Some(keys) = keys.as_primitive_opt::<Int32Type>() {
                let keys = keys.values();
                return BooleanBuffer::collect_bool(rows, |row| {
                    fit.get(keys[row] as usize).copied().unwrap_or(false)
                });
            }
            return BooleanBuffer::new_unset(rows);
        }
        match array.data_type() {
            DataType::Utf8 => {
                let texts: &StringArray = array.as_string();
                BooleanBuffer::collect_bool(rows, |row| self.text_fits(texts.value(row).as_bytes()))
            }
            DataType::Binary => {
                let Want::Net(nets) = &*self.want else {
                    return BooleanBuffer::new_unset(rows);
                };
                let bytes = array.as_binary::<i32>();
                match nets.as_slice() {
                    [net] => BooleanBuffer::collect_bool(rows, |row| net.holds(bytes.value(row))),
                    nets => BooleanBuffer::collect_bool(rows, |row| {
                        let value = bytes.value(row);
                        nets.iter().any(|net| net.holds(value))
                    }),
                }
            }
            DataType::UInt8 => self.numbers(array.as_primitive::<UInt8Type>()),
            DataType::Int32 => self.numbers(array.as_primitive::<Int32Type>()),
            DataType::UInt32 => self.numbers(array.as_primitive::<UInt32Type>()),
            DataType::UInt64 => self.numbers(array.as_primitive::<UInt64Type>()),
            DataType::Int64 => self.numbers(array.as_primitive::<Int64Type>()),
            _ => BooleanBuffer::new_unset(rows),
        }
    }

    fn numbers<T: ArrowPrimitiveType>(&self, array: &PrimitiveArray<T>) -> BooleanBuffer
    where
        T::Native: TryInto<i64> + Copy,
    {
        let Want::Number(wanted) = &*self.want else {
            return BooleanBuffer::new_unset(array.len());
        };
        let values = array.values();
        BooleanBuffer::collect_bool(array.len(), |row| {
            let value: Option<i64> = values[row].try_into().ok();
            value.is_some_and(|value| wanted.contains(&value))
        })
    }

    /// Rows that satisfy the condition, over its columns that the part stores; `others` says what the rest come to.
    pub fn holds(&self, rows: usize, columns: &[ArrayRef], others: Others) -> BooleanArray {
        let mut hit = match others.hit {
            true => BooleanBuffer::new_set(rows),
            false => BooleanBuffer::new_unset(rows),
        };
        let mut absent = match others.valued {
            true => BooleanBuffer::new_unset(rows),
            false => BooleanBuffer::new_set(rows),
        };
        for column in columns {
            let fits = self.fits(column);
            match column.logical_nulls() {
                None => {
                    hit = &hit | &fits;
                    absent = BooleanBuffer::new_unset(rows);
                }
                Some(nulls) => {
                    let valued: &NullBuffer = &nulls;
                    hit = &hit | &(&fits & valued.inner());
                    absent = &absent & &!valued.inner();
                }
            }
        }
        if self.any {
            hit = &hit | &!&absent;
        }
        if self.none {
            hit = &hit | &absent;
        }
        if self.exclude {
            hit = !&hit;
        }
        BooleanArray::new(hit, None)
    }

    /// What a column that a part states once, or has not (`None`), comes to.
    pub fn once(&self, value: Option<&ArrayRef>) -> Others {
        match value {
            None => Others::default(),
            Some(value) => Others {
                hit: self.fits(value).value(0) && value.is_valid(0),
                valued: value.is_valid(0),
            },
        }
    }

    /// Whether all rows satisfy it, or none, where nothing of it is stored by row.
    pub fn settled(&self, others: Others) -> bool {
        let hit = others.hit || (self.any && others.valued) || (self.none && !others.valued);
        hit != self.exclude
    }

    /// Whether the columns that are stored by row can still change anything.
    pub fn decided(&self, others: Others) -> Option<bool> {
        let hit = others.hit || (self.any && others.valued);
        hit.then_some(!self.exclude)
    }
}

/// What the columns come to that a part does not store by row.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Others {
    /// One of them fits.
    pub hit: bool,
    /// One of them has a value.
    pub valued: bool,
}

impl Others {
    /// With another.
    pub fn and(self, other: Others) -> Others {
        Others {
            hit: self.hit || other.hit,
            valued: self.valued || other.valued,
        }
    }
}
