//! Times as sources write them, read as instants.
//!
//! Forms: RFC 3339, `YYYY-MM-DD HH:MM[:SS[.frac]]` with `-`, `/` or `.` between the parts of the
//! date and perhaps an offset, `Z`, `UTC` or `GMT` behind, a date alone, seconds, milliseconds or
//! microseconds since 1970, Windows' count since 1601, the form of HTTP and mail headers, and that of
//! C's clock (`Tue Dec 15 15:33:38 2015 UTC`). Years 1990 to 2100 are believed:
//! 1970-01-01 is what a program writes that has no time, and a reject with that reason is better
//! than an event in the wrong week. Whether a time lies in the future is for intake to ask, which
//! has a clock.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use model::time::{Day, Timestamp};

const MICROS: i64 = 1_000_000;
/// 1990-01-01T00:00:00Z.
const FIRST: i64 = 631_152_000 * MICROS;
/// 2101-01-01T00:00:00Z.
const END: i64 = 4_133_980_800 * MICROS;

const NOT_A_TIME: &str = "a time (as `2023-01-09 08:00:00` or RFC 3339)";
const SENTINEL: &str = "a believable time: before 1990, as clocks show that were never set";
const TOO_LATE: &str = "a believable time: after 2100";

/// A time as read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// The instant.
    pub at: Timestamp,
    /// Days since 1970-01-01 of the date as written, without any shift of zone.
    pub day: i32,
}

/// Reads a time; without an offset of its own it is in `zone`. The error is what the text is not.
#[inline]
pub fn time(text: &str, zone: &TimeZone) -> Result<Written, &'static str> {
    let written = instant(text, zone).ok_or(NOT_A_TIME)?;
    believable(written)
}

/// Reads a time that is UTC where it says nothing else.
#[inline]
pub fn utc_time(text: &str) -> Result<Written, &'static str> {
    match plain(text.as_bytes()) {
        Some((days, seconds)) => {
            believable(written((i64::from(days) * 86_400 + seconds) * MICROS, days))
        }
        None => time(text, &TimeZone::UTC),
    }
}

#[inline]
fn believable(written: Written) -> Result<Written, &'static str> {
    match written.at.0 {
        at if at < FIRST => Err(SENTINEL),
        at if at >= END => Err(TOO_LATE),
        _ => Ok(written),
    }
}

/// Reads a time of any year, believable or not.
#[inline]
pub fn instant(text: &str, zone: &TimeZone) -> Option<Written> {
    if let Some((days, seconds)) = plain(text.as_bytes()) {
        if *zone == TimeZone::UTC {
            return Some(written((i64::from(days) * 86_400 + seconds) * MICROS, days));
        }
        return local(days, seconds * MICROS, zone);
    }
    marked(text, zone).or_else(|| slow(text, zone))
}

/// The form of JSON documents: that of [`plain`] with a fraction, a `Z` or both behind it.
fn marked(text: &str, zone: &TimeZone) -> Option<Written> {
    let (head, rest) = text.split_at_checked(19)?;
    let (days, seconds) = plain(head.as_bytes())?;
    let (rest, utc) = match rest.strip_suffix('Z') {
        Some(rest) => (rest, true),
        None => (rest, *zone == TimeZone::UTC),
    };
    let micros = match rest.strip_prefix('.') {
        Some(fraction) => fraction_micros(fraction)?,
        None if rest.is_empty() => 0,
        None => return None,
    };
    if utc {
        let at = (i64::from(days) * 86_400 + seconds) * MICROS + micros;
        return Some(written(at, days));
    }
    local(days, seconds * MICROS + micros, zone)
}

#[inline]
fn written(at: i64, day: i32) -> Written {
    Written {
        at: Timestamp(at),
        day,
    }
}

/// `YYYY-MM-DD HH:MM:SS`, the form of nearly every row: days since 1970 and seconds of the day.
#[inline]
fn plain(text: &[u8]) -> Option<(i32, i64)> {
    let text: &[u8; 19] = text.try_into().ok()?;
    if text[4] != b'-'
        || text[7] != b'-'
        || (text[10] != b' ' && text[10] != b'T')
        || text[13] != b':'
        || text[16] != b':'
    {
        return None;
    }
    let mut bad = 0u8;
    let mut two = |at: usize| {
        let (tens, ones) = (text[at].wrapping_sub(b'0'), text[at + 1].wrapping_sub(b'0'));
        bad |= (tens > 9) as u8 | (ones > 9) as u8;
        u32::from(tens) * 10 + u32::from(ones)
    };
    let (year, month, day) = (two(0) * 100 + two(2), two(5), two(8));
    let (hour, minute, second) = (two(11), two(14), two(17));
    if bad != 0 || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let days = days_from_civil(year as i32, month, day)?;
    Some((days, i64::from(hour * 3600 + minute * 60 + second.min(59))))
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar, `None` if there is no such day.
#[inline]
fn days_from_civil(year: i32, month: u32, day: u32) -> Option<i32> {
    const LENGTHS: [u8; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length =
        u32::from(*LENGTHS.get((month as usize).wrapping_sub(1))?) + u32::from(leap && month == 2);
    if day == 0 || day > length {
        return None;
    }
    // Years begin in March, so that the leap day is their last.
    let shifted = if month <= 2 { year - 1 } else { year };
    let era = shifted.div_euclid(400);
    let of_era = shifted.rem_euclid(400);
    let of_year = (153 * ((month as i32 + 9) % 12) + 2) / 5 + day as i32 - 1;
    Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
}

/// A wall-clock time in a zone; an hour that occurs twice is its first, one that does not occur is
/// moved on (jiff's "compatible", RFC 5545's rule).
fn local(days: i32, micros: i64, zone: &TimeZone) -> Option<Written> {
    let date = Day(days).date();
    let (seconds, micros) = (micros / MICROS, micros % MICROS);
    let at = date.at(
        (seconds / 3600) as i8,
        (seconds / 60 % 60) as i8,
        (seconds % 60) as i8,
        0,
    );
    let zoned = zone.to_ambiguous_zoned_datetime(at).compatible().ok()?;
    Some(written(Timestamp::from(zoned.timestamp()).0 + micros, days))
}

fn slow(text: &str, zone: &TimeZone) -> Option<Written> {
    let text = text.trim();
    if let Some(number) = super::int(text).filter(|_| !text.starts_with('-')) {
        if text.len() == 8
            && let Some(days) = days_from_civil(
                (number / 10_000) as i32,
                (number / 100 % 100) as u32,
                (number % 100) as u32,
            )
        {
            return local(days, 0, zone);
        }
        return Some(epoch(number));
    }
    if let Some((seconds, fraction)) = text.split_once('.')
        && let (Some(seconds), Some(micros)) = (
            super::int(seconds).filter(|s| *s > 99_999_999),
            fraction_micros(fraction),
        )
    {
        let whole = epoch(seconds);
        return Some(written(whole.at.0 + micros, whole.day));
    }
    if text.as_bytes().first().is_some_and(u8::is_ascii_alphabetic) {
        return http_date(text).or_else(|| clock_date(text, zone));
    }
    civil(text, zone)
}

/// A count since 1970 in seconds, milliseconds or microseconds, or of 100 ns since 1601 as Windows
/// counts: told apart by size.
fn epoch(number: i64) -> Written {
    /// Seconds from 1601-01-01 to 1970-01-01.
    const TO_1970: i64 = 11_644_473_600;
    let at = match number {
        0..100_000_000_000 => number * MICROS,
        100_000_000_000..100_000_000_000_000 => number * 1000,
        100_000_000_000_000_000.. => number / 10 - TO_1970 * MICROS,
        _ => number,
    };
    written(at, Timestamp(at).day().0)
}

fn fraction_micros(digits: &str) -> Option<i64> {
    if digits.is_empty() || digits.len() > 12 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let six = &digits[..digits.len().min(6)];
    Some(super::int(six)? * 10i64.pow(6 - six.len() as u32))
}

/// Takes up to `most` digits off the front.
fn digits(text: &mut &str, least: usize, most: usize) -> Option<u32> {
    let end = text
        .bytes()
        .take(most)
        .take_while(u8::is_ascii_digit)
        .count();
    if end < least {
        return None;
    }
    let (head, rest) = text.split_at(end);
    *text = rest;
    head.parse().ok()
}

/// Date first, year first, then perhaps a time, a fraction and an offset.
fn civil(text: &str, zone: &TimeZone) -> Option<Written> {
    let mut rest = text;
    let year = digits(&mut rest, 4, 4)?;
    let separator = rest
        .chars()
        .next()
        .filter(|c| matches!(c, '-' | '/' | '.' | '年'))?;
    rest = &rest[separator.len_utf8()..];
    let month = digits(&mut rest, 1, 2)?;
    rest = rest.strip_prefix(if separator == '年' { '月' } else { separator })?;
    let day = digits(&mut rest, 1, 2)?;
    if separator == '年' {
        rest = rest.strip_prefix('日')?;
    }
    let days = days_from_civil(year as i32, month, day)?;
    if rest.is_empty() {
        return local(days, 0, zone);
    }
    rest = rest.strip_prefix(['T', 't', ' ', '_'])?.trim_start();
    let hour = digits(&mut rest, 1, 2)?;
    rest = rest.strip_prefix(':')?;
    let minute = digits(&mut rest, 2, 2)?;
    let mut second = 0;
    let mut micros = 0;
    if let Some(after) = rest.strip_prefix(':') {
        rest = after;
        second = digits(&mut rest, 2, 2)?;
        if let Some(after) = rest.strip_prefix(['.', ',']) {
            let end = after.bytes().take_while(u8::is_ascii_digit).count();
            micros = fraction_micros(&after[..end])?;
            rest = &after[end..];
        }
    }
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let wall = i64::from(hour * 3600 + minute * 60 + second.min(59)) * MICROS + micros;
    match offset(rest.trim())? {
        None => local(days, wall, zone),
        Some(offset) => Some(written(
            i64::from(days) * 86_400 * MICROS + wall - offset * MICROS,
            days,
        )),
    }
}

/// The offset at the end of a time in seconds east; the inner `None` is "none given".
fn offset(text: &str) -> Option<Option<i64>> {
    if text.is_empty() {
        return Some(None);
    }
    if matches!(text, "Z" | "z")
        || ["UTC", "GMT"]
            .iter()
            .any(|name| text.eq_ignore_ascii_case(name))
    {
        return Some(Some(0));
    }
    let (sign, mut rest) = match text.as_bytes()[0] {
        b'+' => (1, &text[1..]),
        b'-' => (-1, &text[1..]),
        _ => return None,
    };
    let hours = digits(&mut rest, 2, 2)?;
    rest = rest.strip_prefix(':').unwrap_or(rest);
    let minutes = if rest.is_empty() {
        0
    } else {
        digits(&mut rest, 2, 2)?
    };
    (rest.is_empty() && hours <= 23 && minutes <= 59)
        .then_some(Some(sign * i64::from(hours * 3600 + minutes * 60)))
}

const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];

fn month(word: &str) -> Option<u32> {
    let word = word.get(..3)?.to_ascii_lowercase();
    let at = MONTHS.iter().position(|name| *name == word)?;
    Some(at as u32 + 1)
}

/// `hh:mm` or `hh:mm:ss` in seconds.
fn clock(mut text: &str) -> Option<i64> {
    let hour = digits(&mut text, 1, 2)?;
    text = text.strip_prefix(':')?;
    let minute = digits(&mut text, 2, 2)?;
    let second = match text.strip_prefix(':') {
        Some(mut rest) => digits(&mut rest, 2, 2).filter(|_| rest.is_empty())?,
        None if text.is_empty() => 0,
        None => return None,
    };
    (hour <= 23 && minute <= 59 && second <= 60)
        .then_some(i64::from(hour * 3600 + minute * 60 + second.min(59)))
}

/// The form of C's clock and of `date`: `Tue Mar 15 00:47:49 PDT 2016`, the zone before or behind
/// the year or not at all. Names of zones are those of mail (RFC 5322, 4.3).
fn clock_date(text: &str, zone: &TimeZone) -> Option<Written> {
    const ZONES: [(&str, i64); 8] = [
        ("EST", -5),
        ("EDT", -4),
        ("CST", -6),
        ("CDT", -5),
        ("MST", -7),
        ("MDT", -6),
        ("PST", -8),
        ("PDT", -7),
    ];
    let mut words = text.split_ascii_whitespace().peekable();
    words.next_if(|word| month(word).is_none());
    let month = month(words.next()?)?;
    let mut word = words.next()?;
    let day = digits(&mut word, 1, 2).filter(|_| word.is_empty())?;
    let seconds = clock(words.next()?)?;
    let (mut year, mut east) = (None, None);
    for mut word in words {
        if let Some(found) = digits(&mut word, 4, 4).filter(|_| word.is_empty()) {
            year = year.xor(Some(found));
            continue;
        }
        let named = ZONES.iter().find(|(name, _)| *name == word);
        east = match named {
            Some((_, hours)) => Some(hours * 3600),
            None => offset(word)?,
        };
    }
    let days = days_from_civil(year? as i32, month, day)?;
    match east {
        Some(east) => Some(written(
            (i64::from(days) * 86_400 + seconds - east) * MICROS,
            days,
        )),
        None => local(days, seconds * MICROS, zone),
    }
}

/// The form of HTTP and mail headers, `Thu, 19 Apr 2018 00:02:28 GMT`; servers write the day's name
/// in many ways, so it is skipped unread.
pub fn http_date(text: &str) -> Option<Written> {
    let rest = text.split_once(',').map_or(text, |(_, rest)| rest);
    // `19-Apr-2018` is three words, `-0500` one.
    let mut words = rest
        .split_ascii_whitespace()
        .flat_map(|word| word.split(if word.starts_with('-') { '\0' } else { '-' }))
        .filter(|word| !word.is_empty());
    let mut word = words.next()?;
    let day = digits(&mut word, 1, 2).filter(|_| word.is_empty())?;
    let month = month(words.next()?)?;
    let mut word = words.next()?;
    let year = digits(&mut word, 2, 4).filter(|_| word.is_empty())?;
    let year = if year < 100 {
        year + if year < 70 { 2000 } else { 1900 }
    } else {
        year
    };
    let seconds = clock(words.next()?)?;
    let east = offset(words.next().unwrap_or("GMT"))??;
    let days = days_from_civil(year as i32, month, day)?;
    let at = i64::from(days) * 86_400 + seconds - east;
    Some(written(at * MICROS, days))
}

/// Reads a time by a pattern of the feed's entry (`%m/%d/%y %H:%M`, jiff's strptime).
pub fn time_by_pattern(
    text: &str,
    pattern: &str,
    zone: &TimeZone,
) -> Result<Written, &'static str> {
    const UNLIKE: &str = "a time of the feed's `time_format`";
    let parsed = jiff::fmt::strtime::parse(pattern, text.trim()).map_err(|_| UNLIKE)?;
    let date: Date = parsed.to_date().map_err(|_| UNLIKE)?;
    let day = Day::of(date).0;
    if let Ok(at) = parsed.to_timestamp() {
        return believable(written(Timestamp::from(at).0, day));
    }
    let at = parsed
        .to_datetime()
        .unwrap_or(DateTime::from_parts(date, jiff::civil::Time::midnight()));
    let zoned = zone
        .to_ambiguous_zoned_datetime(at)
        .compatible()
        .map_err(|_| UNLIKE)?;
    believable(written(Timestamp::from(zoned.timestamp()).0, day))
}
