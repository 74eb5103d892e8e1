//! The steps of the histogram: how long one is, and where their edges lie in the time of the house.

use std::sync::Arc;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Span, ToSpan};
use model::bulletin::Lang;
use model::time::Timestamp;

use super::Words;
use crate::words::fill;

const MINUTE: i64 = 60_000_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// Steps at most, a few more to fill the last block.
const MOST: i64 = 130;

/// How long a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Length {
    Minutes(i64),
    Days(i64),
}

/// Lengths from the shortest.
const LENGTHS: [Length; 13] = [
    Length::Minutes(1),
    Length::Minutes(5),
    Length::Minutes(15),
    Length::Minutes(30),
    Length::Minutes(60),
    Length::Minutes(120),
    Length::Minutes(360),
    Length::Minutes(720),
    Length::Days(1),
    Length::Days(7),
    Length::Days(30),
    Length::Days(90),
    Length::Days(360),
];

impl Length {
    fn micros(self) -> i64 {
        match self {
            Length::Minutes(minutes) => minutes * MINUTE,
            Length::Days(days) => days * DAY,
        }
    }

    /// In words.
    pub fn words(self, w: &Words, lang: Lang) -> String {
        let of = |text: &str, n: i64| fill(text, &[("n", &n)]);
        match self {
            Length::Minutes(60) => w.hour.to_owned(),
            Length::Minutes(minutes) if minutes < 60 => of(w.minutes, minutes),
            Length::Minutes(minutes) => of(w.hours, minutes / 60),
            Length::Days(1) => w.day.to_owned(),
            Length::Days(7) => w.week.to_owned(),
            Length::Days(30) if lang == Lang::En => w.month.to_owned(),
            Length::Days(days) => of(w.days, days),
        }
    }
}

/// The steps of a span.
#[derive(Clone, Debug)]
pub(super) struct Steps {
    pub length: Length,
    pub edges: Arc<[i64]>,
    /// How many steps stand between two labels.
    pub block: usize,
}

impl Steps {
    /// The shortest steps of which not too many fill the span from the first to before the second instant.
    pub fn over(span: (i64, i64), zone: &TimeZone) -> Steps {
        let len = span.1.saturating_sub(span.0).max(1);
        let fits = |length: &&Length| len / length.micros() < MOST;
        let length = LENGTHS
            .iter()
            .find(fits)
            .copied()
            .unwrap_or(Length::Days(360));
        Steps::of(length, span, zone)
    }

    fn of(length: Length, span: (i64, i64), zone: &TimeZone) -> Steps {
        let local = |at: i64| Timestamp(at).to_jiff().map(|at| zone.to_datetime(at));
        let begun = local(span.0).unwrap_or_default();
        let begun = match length {
            Length::Days(7) => {
                let back = i64::from(begun.weekday().to_monday_zero_offset());
                let day = begun
                    .date()
                    .checked_sub(back.days())
                    .unwrap_or(begun.date());
                DateTime::from(day)
            }
            Length::Days(_) => DateTime::from(begun.date()),
            Length::Minutes(minutes) => {
                let since = i64::from(begun.hour()) * 60 + i64::from(begun.minute());
                let floor = since / minutes * minutes;
                let midnight = DateTime::from(begun.date());
                midnight.checked_add(floor.minutes()).unwrap_or(midnight)
            }
        };
        let step = |n: i64| -> Span {
            match length {
                Length::Minutes(minutes) => (n * minutes).minutes(),
                Length::Days(days) => (n * days).days(),
            }
        };
        let mut edges = Vec::new();
        for n in 0..=MOST + 16 {
            let Ok(at) = begun.checked_add(step(n)) else {
                break;
            };
            let Ok(at) = zone.to_timestamp(at) else { break };
            let at = at.as_microsecond();
            // An hour that the clocks leave out or repeat makes no step of its own.
            if edges.last().is_some_and(|last| *last >= at) {
                continue;
            }
            edges.push(at);
            let steps = edges.len() - 1;
            if at >= span.1 && steps > 0 && steps.is_multiple_of(blocks(steps)) {
                break;
            }
        }
        let steps = edges.len().saturating_sub(1).max(1);
        Steps {
            length,
            edges: edges.into(),
            block: steps / blocks(steps),
        }
    }

    /// Labels of the axis: one at the beginning of each block.
    pub fn labels(&self, zone: &TimeZone, lang: Lang) -> Vec<String> {
        let steps = self.edges.len().saturating_sub(1);
        let mut last = None;
        (0..steps)
            .step_by(self.block.max(1))
            .map(|at| {
                let at = Timestamp(self.edges[at])
                    .to_jiff()
                    .map(|at| zone.to_datetime(at));
                let at = at.unwrap_or_default();
                let new_day = last.replace(at.date()) != Some(at.date());
                match (self.length, new_day) {
                    (Length::Minutes(_), false) => at.strftime("%H:%M").to_string(),
                    (Length::Days(days), _) if days >= 30 => at.strftime("%Y-%m").to_string(),
                    _ => day(at, lang),
                }
            })
            .collect()
    }
}

/// A day as an axis has it.
pub(super) fn day(at: DateTime, lang: Lang) -> String {
    match lang {
        Lang::Zh => at.strftime("%-m/%-d").to_string(),
        Lang::En => at.strftime("%-d %b").to_string(),
    }
}

/// Into how many blocks so many steps are parted; where they do not part evenly, more steps are made.
fn blocks(steps: usize) -> usize {
    match steps {
        0..=8 => steps.max(1),
        9..=16 => steps.div_ceil(2),
        _ => 7,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone() -> TimeZone {
        TimeZone::fixed(jiff::tz::offset(8))
    }

    #[test]
    fn a_week_has_steps_of_two_hours_and_labels_at_midnight() {
        let monday: jiff::Timestamp = "2026-11-15T16:00:00Z".parse().expect("an instant");
        let from = monday.as_microsecond();
        let steps = Steps::over((from, from + 7 * DAY), &zone());
        assert_eq!(steps.length, Length::Minutes(120));
        assert_eq!((steps.edges.len(), steps.block), (85, 12));
        assert_eq!(steps.edges[0], from);
        let labels = steps.labels(&zone(), Lang::En);
        assert_eq!(labels[..2], ["16 Nov".to_owned(), "17 Nov".to_owned()]);
        assert_eq!(labels.len(), 7);
    }

    #[test]
    fn any_span_is_covered_by_even_blocks() {
        let from = 1_794_000_000_123_456;
        for len in [
            1,
            MINUTE,
            HOUR,
            DAY,
            3 * DAY,
            31 * DAY,
            90 * DAY,
            400 * DAY,
            3000 * DAY,
        ] {
            let steps = Steps::over((from, from + len), &zone());
            let count = steps.edges.len() - 1;
            assert!(
                steps.edges[0] <= from && from + len <= steps.edges[count],
                "{len}"
            );
            assert!(
                count <= 146 && count.is_multiple_of(steps.block),
                "{len}: {count}"
            );
            assert!(steps.edges.windows(2).all(|pair| pair[0] < pair[1]));
        }
    }
}
