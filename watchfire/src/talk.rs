//! What the program says to the person in front of it: on standard error, never among the data.
//!
//! On a terminal long work shows a bar with rate and remaining time; elsewhere a plain line now and
//! then. Nothing is colored, so `NO_COLOR` has nothing to switch off; help texts are clap's, which
//! honors it.

use std::fmt::Display;
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How often a plain line tells of long work.
const PLAIN_EVERY: Duration = Duration::from_secs(10);

/// Writes a line to standard error. If nobody can hear it, nobody is told.
pub fn line(text: impl Display) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// How much is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Loudness {
    /// Failures and warnings only.
    Quiet,
    /// What happens.
    Normal,
    /// And how.
    Verbose,
}

/// The voice of a command.
#[derive(Clone, Copy, Debug)]
pub struct Talk {
    loudness: Loudness,
    terminal: bool,
}

impl Talk {
    /// A voice for this process.
    pub fn new(loudness: Loudness) -> Self {
        Talk {
            loudness,
            terminal: std::io::stderr().is_terminal(),
        }
    }

    /// Says what happens.
    pub fn say(&self, text: impl Display) {
        if self.loudness >= Loudness::Normal {
            line(text);
        }
    }

    /// Says how it happens.
    pub fn detail(&self, text: impl Display) {
        if self.loudness >= Loudness::Verbose {
            line(text);
        }
    }

    /// Warns, however quiet it shall be.
    pub fn warn(&self, text: impl Display) {
        line(format_args!(
            "watchfire: warning: {}",
            crate::table::clean(&text.to_string())
        ));
    }

    /// Begins long work of `total` units; `bytes` says that the units are bytes.
    pub fn progress(&self, what: &'static str, total: u64, bytes: bool) -> Progress {
        let bar = (self.terminal && self.loudness >= Loudness::Normal).then(|| {
            let bar =
                ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr_with_hz(8));
            let template = match bytes {
                true => "{prefix} {wide_bar} {bytes}/{total_bytes} {msg} {eta}",
                false => "{prefix} {wide_bar} {pos}/{len} {msg} {eta}",
            };
            // A template that does not parse would be a defect of ours; the plain bar serves as well.
            bar.set_style(
                ProgressStyle::with_template(template)
                    .unwrap_or_else(|_| ProgressStyle::default_bar()),
            );
            bar.set_prefix(what);
            bar
        });
        let quiet = self.loudness < Loudness::Normal;
        Progress {
            bar,
            what,
            total,
            bytes,
            quiet,
            started: Instant::now(),
            said: Instant::now(),
        }
    }
}

/// Long work under way.
pub struct Progress {
    bar: Option<ProgressBar>,
    what: &'static str,
    total: u64,
    bytes: bool,
    quiet: bool,
    started: Instant,
    said: Instant,
}

impl Progress {
    /// Says how much work there is, where that becomes known later.
    pub fn of(&mut self, total: u64) {
        self.total = total;
        if let Some(bar) = &self.bar {
            bar.set_length(total);
        }
    }

    /// Tells how far it is: units done and, in passing, what is done now.
    pub fn at(&mut self, done: u64, message: impl FnOnce() -> String) {
        match &self.bar {
            Some(bar) => {
                bar.set_position(done);
                if self.said.elapsed() > Duration::from_millis(100) {
                    self.said = Instant::now();
                    bar.set_message(crate::table::clean(&message()).into_owned());
                }
            }
            None if self.quiet || self.said.elapsed() < PLAIN_EVERY => {}
            None => {
                self.said = Instant::now();
                let (done, total) = match self.bytes {
                    true => (human_bytes(done), human_bytes(self.total)),
                    false => (done.to_string(), self.total.to_string()),
                };
                line(format_args!(
                    "{}: {done} of {total}, {}",
                    self.what,
                    message()
                ));
            }
        }
    }

    /// Ends the work; how long it took.
    pub fn end(self) -> Duration {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        self.started.elapsed()
    }
}

/// Bytes for people: binary units, one decimal.
pub fn human_bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    match unit {
        0 => format!("{bytes} B"),
        _ => format!("{value:.1} {}", UNITS[unit]),
    }
}

/// A duration for people.
pub fn human_time(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    match seconds {
        s if s < 1.0 => format!("{:.0} ms", s * 1000.0),
        s if s < 60.0 => format!("{s:.1} s"),
        s => format!("{} min {:.0} s", (s / 60.0) as u64, s % 60.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_read_well() {
        assert_eq!(human_bytes(0), "0 B");
        assert_eq!(human_bytes(1023), "1023 B");
        assert_eq!(human_bytes(1536), "1.5 KiB");
        assert_eq!(human_bytes(5 << 30), "5.0 GiB");
        assert_eq!(human_time(Duration::from_millis(12)), "12 ms");
        assert_eq!(human_time(Duration::from_millis(2512)), "2.5 s");
        assert_eq!(human_time(Duration::from_secs(75)), "1 min 15 s");
    }
}
