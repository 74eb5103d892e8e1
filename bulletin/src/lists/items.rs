//! The items of a feed's lists, read from the lake's rows: a hashed key, a text and a bit a day.

use std::collections::HashMap;
use std::ops::Range;

use lake::arrow::array::{Array, AsArray, Int64Array, RecordBatch, StringArray};
use lake::arrow::datatypes::Int64Type;
use model::field::{Field, OBSERVABLES};
use model::listing::{ListDay, stays};
use model::time::{Day, Timestamp};

use super::{Listing, Lists};
use crate::statistics::tally::text_key;
use crate::{Error, Result};

/// Columns that tell an item.
pub(super) fn item_columns() -> Vec<&'static str> {
    OBSERVABLES
        .iter()
        .map(|(field, _)| field.column())
        .collect()
}

/// Reads the items of a batch, row by row.
pub(super) struct ItemRows<'a> {
    at: &'a Int64Array,
    pub(super) list: &'a StringArray,
    port: &'a Int64Array,
    columns: Vec<&'a StringArray>,
}

impl<'a> ItemRows<'a> {
    pub(super) fn of(batch: &'a RecordBatch) -> Result<Self> {
        let fail =
            |name: &str| Error::Scan(format!("column {name} of the lists is of another type"));
        let number = |at: usize, name: &str| {
            batch
                .column(at)
                .as_primitive_opt::<Int64Type>()
                .ok_or_else(|| fail(name))
        };
        let text = |at: usize, name: &str| {
            batch
                .column(at)
                .as_string_opt::<i32>()
                .ok_or_else(|| fail(name))
        };
        Ok(ItemRows {
            at: number(0, "observed_at")?,
            list: text(1, "list")?,
            port: number(2, "source_port")?,
            columns: item_columns()
                .into_iter()
                .enumerate()
                .map(|(at, name)| text(at + 3, name))
                .collect::<Result<_>>()?,
        })
    }

    /// Writes the row's item and returns its kind's place in [`OBSERVABLES`].
    pub(super) fn item(&self, row: usize, out: &mut String) -> Option<usize> {
        let place = self
            .columns
            .iter()
            .position(|column| column.is_valid(row))?;
        let text = self.columns[place].value(row);
        out.clear();
        let (field, _) = OBSERVABLES[place];
        let with_port = matches!(field, Field::SourceHost | Field::SourceIp);
        match with_port && self.port.is_valid(row) {
            true if text.contains(':') => {
                out.push_str(&format!("[{text}]:{}", self.port.value(row)));
            }
            true => out.push_str(&format!("{text}:{}", self.port.value(row))),
            false => out.push_str(text),
        }
        Some(place)
    }

    pub(super) fn day(&self, row: usize) -> Day {
        Timestamp(self.at.value(row)).day()
    }
}

/// An item's key among all of a feed's lists.
pub(super) fn item_key(list: &str, kind: &str, item: &str, scratch: &mut String) -> u128 {
    scratch.clear();
    scratch.push_str(list);
    scratch.push('\0');
    scratch.push_str(kind);
    scratch.push('\0');
    scratch.push_str(item);
    text_key(scratch)
}

struct Item {
    key: u128,
    list: u32,
    place: u32,
    text: Range<usize>,
}

/// The items of one pass, with a bit a day.
pub(super) struct Items<'a> {
    lists: Vec<(&'a str, &'a [ListDay])>,
    by_name: HashMap<&'a str, usize>,
    /// Words of bits an item.
    stride: usize,
    slice: (u64, u64),
    by_key: HashMap<u128, usize>,
    items: Vec<Item>,
    texts: String,
    bits: Vec<u64>,
}

impl<'a> Items<'a> {
    pub(super) fn new(lists: &'a Lists, slice: (u64, u64)) -> Self {
        let lists: Vec<(&str, &[ListDay])> = lists
            .iter()
            .map(|(name, days)| (name.as_str(), days.as_slice()))
            .collect();
        let longest = lists.iter().map(|(_, days)| days.len()).max().unwrap_or(0);
        Items {
            by_name: lists
                .iter()
                .enumerate()
                .map(|(at, (name, _))| (*name, at))
                .collect(),
            lists,
            stride: longest.div_ceil(64),
            slice,
            by_key: HashMap::new(),
            items: Vec::new(),
            texts: String::new(),
            bits: Vec::new(),
        }
    }

    pub(super) fn bytes(&self) -> usize {
        // A table of keys has room for up to twice as many.
        self.by_key.len() * 80
            + self.items.len() * size_of::<Item>()
            + self.texts.len()
            + self.bits.len() * 8
    }

    pub(super) fn add(&mut self, batch: &RecordBatch) -> Result<()> {
        let rows = ItemRows::of(batch)?;
        let (mut item, mut scratch) = (String::new(), String::new());
        for row in 0..batch.num_rows() {
            let name = rows.list.value(row);
            let Some(list) = self.by_name.get(name).copied() else {
                continue;
            };
            let day = rows.day(row);
            let Ok(at) = self.lists[list].1.binary_search_by_key(&day, |day| day.day) else {
                continue;
            };
            let Some(place) = rows.item(row, &mut item) else {
                continue;
            };
            let key = item_key(name, OBSERVABLES[place].1, &item, &mut scratch);
            if (key as u64) % self.slice.1 != self.slice.0 {
                continue;
            }
            let next = self.items.len();
            let number = *self.by_key.entry(key).or_insert(next);
            if number == next {
                let start = self.texts.len();
                self.texts.push_str(&item);
                self.items.push(Item {
                    key,
                    list: list as u32,
                    place: place as u32,
                    text: start..self.texts.len(),
                });
                self.bits.resize(self.bits.len() + self.stride, 0);
            }
            self.bits[number * self.stride + at / 64] |= 1 << (at % 64);
        }
        Ok(())
    }

    /// Whether a slice can still be cut in two.
    pub(super) fn can_halve(&self) -> bool {
        self.slice.1 < 1 << 40
    }

    /// Keeps half of the keys, which were all seen from the start, and returns the other half's slice.
    pub(super) fn halve(&mut self) -> (u64, u64) {
        let (slice, of) = self.slice;
        self.slice = (slice, of * 2);
        let mut kept = Items {
            lists: std::mem::take(&mut self.lists),
            by_name: std::mem::take(&mut self.by_name),
            stride: self.stride,
            slice: self.slice,
            by_key: HashMap::new(),
            items: Vec::new(),
            texts: String::new(),
            bits: Vec::new(),
        };
        for (number, item) in self.items.iter().enumerate() {
            if (item.key as u64) % self.slice.1 != slice {
                continue;
            }
            let start = kept.texts.len();
            kept.texts.push_str(&self.texts[item.text.clone()]);
            kept.by_key.insert(item.key, kept.items.len());
            kept.items.push(Item {
                text: start..kept.texts.len(),
                ..*item
            });
            let at = number * self.stride;
            kept.bits
                .extend_from_slice(&self.bits[at..at + self.stride]);
        }
        *self = kept;
        (slice + of, of * 2)
    }

    pub(super) fn finish(self, each: &mut (dyn FnMut(&Listing<'_>) + Send)) {
        let mut order: Vec<usize> = (0..self.items.len()).collect();
        let sort_key = |number: &usize| {
            let item = &self.items[*number];
            (item.list, &self.texts[item.text.clone()], item.place)
        };
        order.sort_by(|a, b| sort_key(a).cmp(&sort_key(b)));
        for number in order {
            let item = &self.items[number];
            let (list, days) = self.lists[item.list as usize];
            let bits = &self.bits[number * self.stride..(number + 1) * self.stride];
            each(&Listing {
                list,
                kind: OBSERVABLES[item.place as usize].1,
                item: &self.texts[item.text.clone()],
                days,
                stays: stays(days, |at| bits[at / 64] >> (at % 64) & 1 == 1),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use lake::arrow::array::ArrayRef;
    use lake::arrow::datatypes::{DataType, Field as ArrowField, Schema};
    use model::listing::{Snapshot, list_days};
    use model::time::MICROS_PER_DAY;

    use super::*;

    /// Rows as the SELECT gives them: a day, and the number of an address that is listed on it.
    fn batch(rows: &[(i64, u32)]) -> RecordBatch {
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::from_iter_values(
                rows.iter().map(|(day, _)| day * MICROS_PER_DAY + 5),
            )),
            Arc::new(StringArray::from_iter_values(rows.iter().map(|_| ""))),
            Arc::new(Int64Array::from_iter(
                rows.iter().map(|(_, item)| (item % 2 == 1).then_some(443)),
            )),
        ];
        for (field, _) in OBSERVABLES {
            let text =
                |item: u32| (*field == Field::SourceIp).then(|| format!("2001:db8::{item:x}"));
            let texts: StringArray = rows.iter().map(|(_, item)| text(*item)).collect();
            columns.push(Arc::new(texts));
        }
        let fields: Vec<ArrowField> = columns
            .iter()
            .enumerate()
            .map(|(at, column)| ArrowField::new(at.to_string(), column.data_type().clone(), true))
            .collect();
        assert_eq!(fields[1].data_type(), &DataType::Utf8);
        RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).expect("columns of one length")
    }

    fn lists(days: i64) -> Lists {
        let snapshots: Vec<Snapshot> = (0..days)
            .map(|day| Snapshot {
                at: Timestamp(day * MICROS_PER_DAY),
                items: 1_000,
                rejects: 0,
                damaged: false,
                accepted: false,
                dismissed: false,
            })
            .collect();
        Lists::from([(String::new(), list_days(&snapshots))])
    }

    fn found(items: Items<'_>, out: &mut Vec<(String, usize, usize)>) {
        items.finish(&mut |listing| {
            let stay = listing.stay();
            out.push((listing.item.to_owned(), stay.first, stay.last));
        });
    }

    #[test]
    fn slices_add_up_to_the_whole_wherever_it_is_cut() {
        let lists = lists(70);
        let rows: Vec<(i64, u32)> = (0..70)
            .flat_map(|day| (0..200).map(move |item| (day, item)))
            .filter(|(day, item)| *day >= i64::from(item % 60))
            .collect();
        let batches: Vec<RecordBatch> = rows.chunks(512).map(batch).collect();
        let mut whole = Items::new(&lists, (0, 1));
        batches
            .iter()
            .for_each(|batch| whole.add(batch).expect("rows"));
        let mut expected = Vec::new();
        found(whole, &mut expected);
        assert_eq!(expected.len(), 200);
        assert!(expected.contains(&("[2001:db8::3]:443".to_owned(), 3, 69)));
        assert!(expected.contains(&("2001:db8::4".to_owned(), 4, 69)));

        let mut cut = Vec::new();
        let mut waiting = vec![(0, 1)];
        let mut passes = 0;
        while let Some(slice) = waiting.pop() {
            passes += 1;
            let mut items = Items::new(&lists, slice);
            for batch in &batches {
                items.add(batch).expect("rows");
                while items.bytes() > 6_000 && items.can_halve() {
                    waiting.push(items.halve());
                }
            }
            found(items, &mut cut);
        }
        assert!(passes > 4, "{passes}");
        cut.sort();
        expected.sort();
        assert_eq!(cut, expected);
    }
}
