//! How fast a week is counted once its columns are decoded: `cargo run --release -p bulletin --example tally`.
//!
//! One million rows of 18 report kinds, four of them infected hosts, a third of the rows repeated, by
//! four feeds: what the shared scan hands to one stream. Reading Parquet is not part of it.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bulletin::statistics::Tally;
use lake::arrow::array::{
    ArrayRef, BinaryBuilder, Int32Array, RecordBatch, StringArray, UInt8Array,
};
use lake::arrow::datatypes::{Field, Schema};

const ROWS: u32 = 1_000_000;
const BATCH: u32 = 8192;

fn batches() -> Vec<RecordBatch> {
    let classes = [
        "infected-system",
        "vulnerable-system",
        "potentially-unwanted-accessible",
        "ddos-amplifier",
        "scanner",
    ];
    let malware = ["mirai", "conficker", "qakbot.b", "necurs", "victorygate.b"];
    (0..ROWS / BATCH)
        .map(|number| {
            // A part holds one report: its class and feed are constant, its malware names are not.
            let kind = number % 18;
            let class = if kind < 4 {
                classes[0]
            } else {
                classes[1 + (kind as usize % 4)]
            };
            let feed = ["sink-a", "sink-b", "scan-a", "scan-b"][(kind % 4) as usize];
            let rows = BATCH as usize;
            let key =
                |row: u32| (number * BATCH + row).wrapping_mul(2_654_435_761) % (ROWS * 7 / 10);
            let mut ips = BinaryBuilder::with_capacity(rows, rows * 4);
            (0..BATCH).for_each(|row| ips.append_value((0x0a00_0000 + key(row)).to_be_bytes()));
            let text = |get: &dyn Fn(u32) -> Option<&'static str>| -> ArrayRef {
                Arc::new(StringArray::from_iter((0..BATCH).map(get)))
            };
            let columns: Vec<(&str, ArrayRef)> = vec![
                ("feed", text(&|_| Some(feed))),
                ("class_type", text(&|_| Some(class))),
                (
                    "malware_name",
                    text(&|row| (kind < 4).then(|| malware[(key(row) % 5) as usize])),
                ),
                ("source_ip", Arc::new(ips.finish())),
                (
                    "territory",
                    Arc::new(UInt8Array::from_iter_values((0..BATCH).map(|_| 1))),
                ),
                (
                    "province",
                    Arc::new(Int32Array::from_iter_values(
                        (0..BATCH).map(|row| (11 + (key(row) % 31) as i32) * 10_000),
                    )),
                ),
                ("warning", text(&|_| None)),
                ("vulnerability_id", text(&|_| None)),
            ];
            let fields: Vec<Field> = columns
                .iter()
                .map(|(name, column)| Field::new(*name, column.data_type().clone(), true))
                .collect();
            let arrays = columns.into_iter().map(|(_, column)| column).collect();
            RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
                .expect("columns of one length")
        })
        .collect()
}

fn count(batches: &[RecordBatch]) -> Tally {
    let mut tally = Tally::new([]);
    batches
        .iter()
        .for_each(|batch| tally.add(batch).expect("a batch of the lake"));
    tally
}

/// The fastest of some runs: the one that was disturbed least.
fn best(mut run: impl FnMut()) -> Duration {
    (0..10)
        .map(|_| {
            let start = Instant::now();
            run();
            start.elapsed()
        })
        .min()
        .unwrap_or_default()
}

fn main() {
    let batches = batches();
    let rows = batches.iter().map(RecordBatch::num_rows).sum::<usize>() as f64;
    let tell = |what: &str, took: Duration| {
        println!(
            "{what}: {:.1} ns a row, {:.1} million rows a second",
            took.as_secs_f64() * 1e9 / rows,
            rows / took.as_secs_f64() / 1e6
        );
    };
    tell("count", best(|| drop(black_box(count(&batches)))));
    tell(
        "count in two tallies, merge, finish",
        best(|| {
            let (left, right) = batches.split_at(batches.len() / 2);
            let mut tally = count(left);
            tally.merge(count(right));
            drop(black_box(tally.finish()));
        }),
    );
}
