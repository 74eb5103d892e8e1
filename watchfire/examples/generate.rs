//! Writes the benchmark's input: a workspace with reports of 18 types, ready for `watchfire ingest`.
//!
//! ```text
//! cargo run --release --example generate -- --rows 10000000 --days 7 --seed 1 --out /tmp/bench
//! cargo run --release -- --workspace /tmp/bench ingest
//! ```
//!
//! The same arguments write the same bytes on every machine. Not a test and not a part of the binary.

use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use clap::Parser;
use watchfire::demo::benchmark::{Plan, write};

/// Writes Shadowserver reports for benchmarks, with configuration and reference tables.
#[derive(Parser)]
struct Arguments {
    /// Rows of all files together; three in ten repeat an earlier line.
    #[arg(long)]
    rows: u64,
    /// Days over which the rows are spread; the last is 2026-11-22.
    #[arg(long, default_value_t = 7)]
    days: u64,
    /// Seed of everything.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Folder of the workspace; made where it does not exist.
    #[arg(long)]
    out: PathBuf,
    /// Rows of a file at most; without it one file a type and day.
    #[arg(long, default_value_t = 0)]
    files_of: u64,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let plan = Plan {
        rows: arguments.rows,
        days: arguments.days,
        seed: arguments.seed,
        files_of: arguments.files_of,
    };
    let begun = Instant::now();
    let told = AtomicU64::new(0);
    let written = write(&arguments.out, plan, &|rows| {
        // One line every ten million rows.
        let step = rows / 10_000_000;
        if told.fetch_max(step, Ordering::Relaxed) < step {
            eprintln!("{rows} of {} rows", plan.rows);
        }
    })?;
    let seconds = begun.elapsed().as_secs_f64();
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "{} rows ({} repeats) in {} files",
        written.rows, written.repeats, written.files
    )?;
    writeln!(
        out,
        "{} bytes, {:.1} a row",
        written.bytes,
        written.bytes as f64 / written.rows as f64
    )?;
    writeln!(
        out,
        "{seconds:.2} s, {:.0} rows/s",
        written.rows as f64 / seconds
    )?;
    writeln!(
        out,
        "watchfire --workspace {} ingest",
        arguments.out.display()
    )?;
    Ok(())
}
