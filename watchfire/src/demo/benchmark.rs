//! The benchmark's input: any number of rows of the 18 report types, without memory of what it wrote.
//!
//! A row is a pure function of (seed, type, day, number), so an exact repeat of an earlier line is made
//! by writing that line's number again: three lines of every ten are repeats, half of them of a near
//! line, the others of one anywhere before in the file or in an earlier day's file. Files are written
//! side by side by as many threads as there are cores, in constant memory.
//!
//! Values are as believable as the demo's: a fifth as many hosts as distinct rows, some much more
//! often seen than others, lasting traits by host, and the address plan's own networks and cities.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use anyhow::{Context, Result, ensure};
use jiff::civil::{Date, date};
use model::time::Day;

use super::cells::write_row;
use super::config;
use super::country::{Among, Country};
use super::feeds::v4;
use super::files::Files;
use super::names;
use super::random::{draw, scale, totals};
use super::reference;
use super::reports::{Column, REPORTS, ReportType, Sighting};

/// What to write.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Rows of all files together, repeats counted.
    pub rows: u64,
    /// Days over which they are spread; the last is 22 November 2026.
    pub days: u64,
    /// Seed of everything.
    pub seed: u64,
    /// Rows of a file at most; 0 for one file a type and day.
    pub files_of: u64,
}

impl Plan {
    /// Rows of a type, by its number, on a day: shares of the type and the day without a row lost.
    fn rows_of(&self, number: usize, day: u64) -> u64 {
        let of_day = part(self.rows, self.days, day);
        let share =
            |reports: &[ReportType]| -> u64 { reports.iter().map(|report| report.share).sum() };
        let (before, all) = (share(&REPORTS[..number]), share(REPORTS));
        of_day * (before + REPORTS[number].share) / all - of_day * before / all
    }
}

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Rows, repeats counted.
    pub rows: u64,
    /// Rows that repeat an earlier one.
    pub repeats: u64,
    /// Bytes of the feeds' files.
    pub bytes: u64,
    /// Files.
    pub files: u64,
}

/// Of so many rows in a row ...
const BLOCK: u64 = 10;
/// ... so many are repeats.
const REPEATS: u64 = 3;
/// A near repeat is of one of so many lines before it.
const NEAR: u64 = 3_000;

/// Writes configuration, reference tables and feeds into `dir`.
///
/// # Errors
/// If the plan has no rows or no days, or a file cannot be written.
pub fn write(dir: &Path, plan: Plan, progress: &(dyn Fn(u64) + Sync)) -> Result<Written> {
    ensure!(
        plan.rows > 0 && plan.days > 0,
        "rows and days must be at least 1"
    );
    let country = Country::new();
    let files = Files::below(dir);
    reference::write(&country, &files)?;
    let folder = dir.join("feeds/shadowserver");
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot create folder {}", folder.display()))?;

    let mut tasks = Vec::new();
    for day in 0..plan.days {
        for (number, report) in REPORTS.iter().enumerate() {
            let rows = plan.rows_of(number, day);
            if rows > 0 {
                tasks.push(Task {
                    report,
                    number,
                    day,
                    rows,
                });
            }
        }
    }
    let next = AtomicUsize::new(0);
    let done = AtomicU64::new(0);
    let sum = Mutex::new(Written::default());
    let threads = std::thread::available_parallelism()
        .map_or(1, usize::from)
        .min(tasks.len());
    std::thread::scope(|scope| -> Result<()> {
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| -> Result<()> {
                    while let Some(task) = tasks.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let written = Maker::new(&country, plan, task).write(&folder, &|rows| {
                            progress(done.fetch_add(rows, Ordering::Relaxed) + rows);
                        })?;
                        let mut sum = sum
                            .lock()
                            .expect("a worker that fails returns, it does not panic");
                        sum.rows += written.rows;
                        sum.repeats += written.repeats;
                        sum.bytes += written.bytes;
                        sum.files += written.files;
                    }
                    Ok(())
                })
            })
            .collect();
        for worker in workers {
            worker.join().expect("a worker returns its error")?;
        }
        Ok(())
    })?;
    files.write(
        "watchfire.toml",
        config::benchmark(plan.rows, plan.days, plan.seed),
    )?;
    Ok(sum.into_inner().expect("all workers have returned"))
}

/// The share of day or type number `at` in `all`, without a row lost.
fn part(all: u64, parts: u64, at: u64) -> u64 {
    all * (at + 1) / parts - all * at / parts
}

/// One type on one day.
struct Task {
    report: &'static ReportType,
    number: usize,
    day: u64,
    rows: u64,
}

struct Maker<'a> {
    country: &'a Country,
    plan: Plan,
    task: &'a Task,
    columns: Vec<Column>,
    /// Key of the type.
    key: u64,
    date: Date,
    midnight: i64,
    /// How many hosts the type sees over all days.
    hosts: u64,
    families: Vec<usize>,
    family_totals: Vec<u64>,
}

impl<'a> Maker<'a> {
    fn new(country: &'a Country, plan: Plan, task: &'a Task) -> Self {
        let families: Vec<usize> = (0..country.families.len())
            .filter(|at| country.families[*at].report == task.report.file)
            .collect();
        let family_totals = totals(families.iter().map(|at| country.families[*at].weight));
        let day = Day::of(date(2026, 11, 22)).0 - (plan.days - 1 - task.day) as i32;
        Maker {
            country,
            plan,
            task,
            columns: task.report.columns(true),
            key: draw(plan.seed, task.number as u64 + 1),
            date: Day(day).date(),
            midnight: i64::from(day) * 86_400,
            hosts: plan.rows_of(task.number, 0) * plan.days * (BLOCK - REPEATS) / BLOCK / 5 + 40,
            families,
            family_totals,
        }
    }

    fn write(&self, folder: &Path, done: &dyn Fn(u64)) -> Result<Written> {
        let mut written = Written::default();
        let per_file = if self.plan.files_of == 0 {
            u64::MAX
        } else {
            self.plan.files_of
        };
        let mut buffer = Vec::with_capacity(1 << 20);
        let mut file: Option<(PathBuf, File)> = None;
        let mut told = 0;
        for row in 0..self.task.rows {
            if row % per_file == 0 {
                flush(&mut file, &mut buffer, &mut written)?;
                let nth = row / per_file + 1;
                let ending = if nth == 1 {
                    String::new()
                } else {
                    format!("-{nth}")
                };
                let path = folder.join(format!(
                    "{}-{}-demo{ending}.csv",
                    self.date, self.task.report.file
                ));
                let handle = File::create(&path)
                    .with_context(|| format!("cannot create {}", path.display()))?;
                file = Some((path, handle));
                written.files += 1;
                buffer.extend_from_slice(self.task.report.header(true).as_bytes());
            }
            let (day, number) = match self.repeats(row) {
                None => (self.task.day, unique_before(self.key, row)),
                Some(earlier) => {
                    written.repeats += 1;
                    earlier
                }
            };
            self.line(&mut buffer, day, number);
            if buffer.len() > (1 << 20) - 8192 {
                flush(&mut file, &mut buffer, &mut written)?;
                done(row + 1 - told);
                told = row + 1;
            }
        }
        flush(&mut file, &mut buffer, &mut written)?;
        done(self.task.rows - told);
        written.rows = self.task.rows;
        Ok(written)
    }

    /// Which earlier line (day and number) this row repeats; `None` for a row of its own.
    fn repeats(&self, row: u64) -> Option<(u64, u64)> {
        if !is_repeat(self.key, row) {
            return None;
        }
        let bits = draw(self.key ^ self.task.day << 32, row.wrapping_mul(2) + 1);
        let before = unique_before(self.key, row);
        let pick = draw(bits, 1);
        Some(match bits % 100 {
            0..50 => (self.task.day, before - 1 - scale(pick, before.min(NEAR))),
            50..60 if self.task.day > 0 => {
                // Delivered again with a later day's report.
                let day = scale(draw(bits, 2), self.task.day);
                match unique_before(self.key, self.plan.rows_of(self.task.number, day)) {
                    0 => (self.task.day, scale(pick, before)),
                    numbers => (day, scale(pick, numbers)),
                }
            }
            _ => (self.task.day, scale(pick, before)),
        })
    }

    /// Writes the line of a day and number.
    #[inline]
    fn line(&self, out: &mut Vec<u8>, day: u64, number: u64) {
        let report = self.task.report;
        let row = draw(self.key ^ day << 40, number);
        // A day's lines are spread over it in order, with a little disorder.
        // Numbers that depend on the day are those of the line's day, lest a repeat differs.
        let rows = if day == self.task.day {
            self.task.rows
        } else {
            self.plan.rows_of(self.task.number, day)
        };
        let lines = (rows * (BLOCK - REPEATS) / BLOCK).max(1);
        let at = (u128::from(number.min(lines - 1)) * 86_340 / u128::from(lines)) as i64
            + scale(draw(row, 1), 60) as i64;
        let midnight = self.midnight - (self.task.day - day) as i64 * 86_400;
        // Hosts: a fifth as many as lines of the whole time, those of low number more often.
        let host = draw(
            self.key,
            scale(draw(row, 2), self.hosts).min(scale(draw(row, 3), self.hosts)) + 10_000,
        );
        let web = matches!(report.file, "compromised_website" | "malware_url");
        let among = match report.file {
            "scan_elasticsearch" | "scan_redis" | "scan_http_vulnerable" => Among::Hosting,
            _ if web => Among::Hosting,
            _ => Among::Customers,
        };
        let (address, block) = self.country.host(among, host);
        let family = match self.families.as_slice() {
            [] => None,
            families => {
                let at = scale(draw(host, 4), self.family_totals[families.len() - 1]);
                Some(
                    &self.country.families
                        [families[self.family_totals.partition_point(|&total| total <= at)]],
                )
            }
        };
        let (infection, tag) = match (family, report.file) {
            (Some(family), _) => (family.name, family.tag),
            (None, "event6_sinkhole") => ("mirai", "mirai"),
            (None, "event4_honeypot_brute_force") => ("ssh-brute-force", "brute-force"),
            (None, "event4_ddos_participant") => ("ddos-participant", "ddos"),
            (None, "compromised_iot") => (
                ["mirai", "tidecrab", "reedpike"][(host % 3) as usize],
                "iot;backdoor",
            ),
            (None, "compromised_website") => ("", "webshell"),
            (None, "malware_url") => (
                "",
                ["mirai", "mozi", "redline", "agenttesla"][(host % 4) as usize],
            ),
            (None, file) => ("", file.strip_prefix("scan_").unwrap_or(file)),
        };
        let site = if web {
            names::site(host)
        } else {
            String::new()
        };
        let port = match report.ports {
            [] => 0,
            ports => ports[scale(draw(host, 5), ports.len() as u64) as usize],
        };
        let ip = match report.file {
            "event6_sinkhole" => {
                let province = block.province.expect("customers live in provinces");
                super::text::v6(
                    Country::v6_prefix(province, draw(host, 6) % 0xffff_0000),
                    draw(host, 7),
                )
                .into()
            }
            _ => v4(address),
        };
        let sinkholes = self.country.blocks.len() - 2;
        write_row(
            out,
            &self.columns,
            &Sighting {
                second: midnight + at,
                host,
                row,
                ip,
                address,
                port,
                block,
                sink: &self.country.blocks[sinkholes + (host & 1) as usize],
                sink_port: family.map_or(22, |family| family.port),
                infection,
                tag,
                site: &site,
                path: if web { "/upload/1.php" } else { "/search?q=0" },
            },
        );
    }
}

fn flush(
    file: &mut Option<(PathBuf, File)>,
    buffer: &mut Vec<u8>,
    written: &mut Written,
) -> Result<()> {
    if let Some((path, handle)) = file {
        handle
            .write_all(buffer)
            .with_context(|| format!("cannot write {}", path.display()))?;
        written.bytes += buffer.len() as u64;
    }
    buffer.clear();
    Ok(())
}

/// Which rows of a block are repeats: never its first, so that there is always a line before.
#[inline]
fn repeats_of_block(key: u64, block: u64) -> u64 {
    let mut bits = draw(key, block.wrapping_mul(3) + 77);
    let mut mask = 0u64;
    while mask.count_ones() < REPEATS as u32 {
        mask |= 1 << (1 + bits % (BLOCK - 1));
        bits = draw(bits, 1);
    }
    mask
}

#[inline]
fn is_repeat(key: u64, row: u64) -> bool {
    repeats_of_block(key, row / BLOCK) >> (row % BLOCK) & 1 == 1
}

/// How many rows before this one are lines of their own: also the number of the next such line.
#[inline]
fn unique_before(key: u64, row: u64) -> u64 {
    let below = (1u64 << (row % BLOCK)) - 1;
    let repeats = (repeats_of_block(key, row / BLOCK) & below).count_ones();
    row / BLOCK * (BLOCK - REPEATS) + row % BLOCK - u64::from(repeats)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_of_ten_are_repeats_and_lines_are_numbered_without_gaps() {
        let mut next = 0;
        for row in 0..1000 {
            if !is_repeat(5, row) {
                assert_eq!(unique_before(5, row), next);
                next += 1;
            }
        }
        assert_eq!(next, 700);
        assert!(!is_repeat(5, 0));
    }

    #[test]
    fn parts_add_up() {
        for (all, parts) in [(10, 3), (1_000_003, 90), (1, 7)] {
            assert_eq!((0..parts).map(|at| part(all, parts, at)).sum::<u64>(), all);
        }
    }
}
