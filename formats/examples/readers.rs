//! How fast each format is read, on one core: rows, records and bytes in a second of CPU time, over a
//! good report of the format at length (`fuzz/samples.rs`). Not asserted anywhere; `docs/benchmarks.md`
//! has the table.
//!
//! ```text
//! cargo run --release -p formats --example readers [-- FORMAT ...]
//! cargo run -p formats --example readers -- --seeds FOLDER     seeds for the fuzzer, a folder a format
//! ```

#[path = "../../fuzz/body.rs"]
mod body;

use body::samples::{SAMPLES, Sample};
use formats::{Output, Warning};
use model::record::Record;
use model::reject::Reject;

/// Bytes that a report has about.
const SIZE: usize = 8 << 20;
/// The bar, in rows a second.
const BAR: f64 = 300_000.0;

/// Counts and drops.
#[derive(Default)]
struct Count {
    records: u64,
    rejects: u64,
}

impl Output for Count {
    fn record(&mut self, record: &Record) {
        self.records += u64::from(record.len > 0);
    }

    fn reject(&mut self, _: Reject) {
        self.rejects += 1;
    }

    fn warn(&mut self, _: Warning) {}
}

/// Seconds that this thread has run on a processor: waiting for one does not count.
fn processor_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = text
        .split_whitespace()
        .next()
        .and_then(|first| first.parse::<f64>().ok());
    nanos.unwrap_or_default() / 1e9
}

fn measure(sample: &Sample) {
    let row = sample.text(1_001).len() - sample.text(1).len();
    let mut rows = (SIZE * 1_000 / row.max(1)) as u32;
    let (mut best, mut count, mut bytes);
    // Where the whole report is one element it may not be longer than an element.
    loop {
        let text = sample.text(rows);
        (best, count, bytes) = (f64::INFINITY, Count::default(), text.len());
        for _ in 0..3 {
            count = Count::default();
            let start = processor_seconds();
            body::read(sample, &text, &mut count);
            best = best.min(processor_seconds() - start);
        }
        if count.rejects == 0 || rows < 1_000 {
            break;
        }
        rows /= 2;
    }
    assert_eq!(
        count.rejects, 0,
        "{} rejects rows of its sample",
        sample.format
    );
    let speed = f64::from(rows) / best;
    println!(
        "| `{}` | {} | {:.0} | {:.0} | {:.0} | {} |",
        sample.format,
        bytes / rows as usize,
        speed / 1_000.0,
        count.records as f64 / best / 1_000.0,
        bytes as f64 / best / 1e6,
        if speed < BAR { "below" } else { "" }
    );
}

fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, folder] = arguments.as_slice()
        && flag == "--seeds"
    {
        for (at, sample) in SAMPLES.iter().enumerate() {
            let folder = std::path::Path::new(folder).join(sample.format);
            std::fs::create_dir_all(&folder)?;
            for rows in [0, 1, 3] {
                let seed = [&[at as u8], sample.text(rows).as_slice()].concat();
                std::fs::write(folder.join(format!("rows-{rows}")), seed)?;
            }
        }
        return Ok(());
    }
    println!(
        "| format | bytes a row | thousand rows/s | thousand records/s | MB/s | bar of 300,000 |"
    );
    println!("|---|---|---|---|---|---|");
    for sample in SAMPLES {
        if arguments.is_empty() || arguments.iter().any(|name| name == sample.format) {
            measure(sample);
        }
    }
    Ok(())
}
