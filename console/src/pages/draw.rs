//! Small things that many pages draw: times, the clock that runs out, defanged addresses.

use model::bulletin::Lang;
use model::time::Timestamp;

use crate::Desk;

/// The time of the house with its zone, as the top of a page says it.
pub(crate) fn clock_of_the_house(desk: &Desk, at: Timestamp, lang: Lang) -> String {
    let zone = &desk.terms().zone;
    let Some(at) = at.to_jiff() else {
        return String::new();
    };
    let at = at.to_zoned_datetime(zone.clone());
    let offset = at.strftime("%:z").to_string();
    let offset = offset.trim_end_matches(":00");
    match lang {
        Lang::Zh => {
            let day = ["一", "二", "三", "四", "五", "六", "日"];
            let day = day[at.weekday().to_monday_zero_offset() as usize];
            let when = at.strftime("%-m月%-d日");
            format!("{when} 周{day} {} UTC{offset}", at.strftime("%H:%M"))
        }
        Lang::En => format!("{} UTC{offset}", at.strftime("%a %-d %b, %H:%M")),
    }
}

/// An instant in the house's zone: `2026-11-29 03:12`.
pub(crate) fn exact(desk: &Desk, at: i64) -> String {
    let zone = &desk.terms().zone;
    Timestamp(at).to_jiff().map_or_else(String::new, |at| {
        let at = at.to_zoned_datetime(zone.clone());
        at.strftime("%Y-%m-%d %H:%M").to_string()
    })
}

/// An instant as RFC 3339 in UTC, for programs and for `datetime` attributes.
pub(crate) fn stamp(at: i64) -> String {
    Timestamp(at)
        .to_jiff()
        .map_or_else(String::new, |at| at.to_string())
}

/// A span in words, its two longest units: `2 天 3 时`, `11 min`.
pub(crate) fn span(micros: i64, lang: Lang) -> String {
    let minutes = micros.unsigned_abs() / 60_000_000;
    let (days, hours, minutes) = (minutes / 1440, minutes / 60 % 24, minutes % 60);
    let (d, h, m) = match lang {
        Lang::Zh => ("天", "时", "分"),
        Lang::En => ("d", "h", "min"),
    };
    match (days, hours, minutes) {
        (0, 0, minutes) => format!("{minutes} {m}"),
        (0, hours, minutes) => format!("{hours} {h} {minutes:02} {m}"),
        (days, hours, _) => format!("{days} {d} {hours} {h}"),
    }
}

/// How long ago, or in how long.
pub(crate) fn ago(now: i64, at: i64, lang: Lang) -> String {
    let span = span(now - at, lang);
    match (lang, at <= now) {
        (Lang::Zh, true) => format!("{span}前"),
        (Lang::Zh, false) => format!("{span}后"),
        (Lang::En, true) => format!("{span} ago"),
        (Lang::En, false) => format!("in {span}"),
    }
}

/// A clock: what is left, in words, over a bar with notches at 50 and 80 percent.
#[derive(Clone, Debug)]
pub(crate) struct Countdown {
    /// What is left, or by how much it is past.
    pub(crate) left: String,
    /// Part that has passed, in percent, at most 100.
    pub(crate) passed: u8,
    /// `""`, `w` from half on, `x` under half an hour or past.
    pub(crate) class: &'static str,
    /// The moment itself.
    pub(crate) exact: String,
}

/// A clock that began and ends at these instants, seen at `now`.
pub(crate) fn countdown(desk: &Desk, (begun, ends): (i64, i64), now: i64, lang: Lang) -> Countdown {
    let left = ends - now;
    let whole = (ends - begun).max(1);
    let passed = ((now - begun).max(0) as i128 * 100 / whole as i128).min(100) as u8;
    let words = span(left, lang);
    Countdown {
        left: match (left < 0, lang) {
            (false, _) => words,
            (true, Lang::Zh) => format!("超 {words}"),
            (true, Lang::En) => format!("{words} over"),
        },
        passed,
        class: match (left < 30 * 60_000_000, passed) {
            (true, _) => "x",
            (false, 50..) => "w",
            _ => "",
        },
        exact: exact(desk, ends),
    }
}

/// A count with its thousands parted.
pub(crate) fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// An address or URL that cannot be followed by accident: `hxxps://login.example[.]test/a`.
pub(crate) fn defang(text: &str) -> String {
    let (scheme, rest) = match text.split_once("://") {
        Some((scheme, rest)) => (format!("{}://", scheme.replacen("tt", "xx", 1)), rest),
        None => (String::new(), text),
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (host, path) = rest.split_at(end);
    let host = match host.rfind('.') {
        Some(at) => format!("{}[.]{}", &host[..at], &host[at + 1..]),
        None => host.replacen(':', "[:]", 1),
    };
    format!("{scheme}{host}{path}")
}

/// A line in which no URL, host or address can be followed by accident: a line of a report, a free text.
pub(crate) fn defang_line(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    let of_token = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|c| !of_token(c)).unwrap_or(rest.len());
        let (token, after) = rest.split_at(end);
        let scheme = after.starts_with("://");
        let dots = token.matches('.').count();
        let letters = token.rsplit('.').next().is_some_and(|last| {
            last.len() > 1 && last.bytes().all(|b| b.is_ascii_alphabetic() || b == b'-')
        });
        match token.rfind('.') {
            _ if scheme => out.push_str(&token.replacen("tt", "xx", 1)),
            Some(at) if at > 0 && (letters || dots == 3) => {
                out.push_str(&token[..at]);
                out.push_str("[.]");
                out.push_str(&token[at + 1..]);
            }
            _ => out.push_str(token),
        }
        let mut chars = after.chars();
        out.extend(chars.next());
        rest = chars.as_str();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_cannot_be_followed_by_accident() {
        assert_eq!(
            defang("https://login.example.test/a.b?c=d"),
            "hxxps://login.example[.]test/a.b?c=d"
        );
        assert_eq!(defang("192.0.2.7"), "192.0.2[.]7");
        assert_eq!(defang("example.test"), "example[.]test");
        assert_eq!(defang("2001:db8::1"), "2001[:]db8::1");
    }

    #[test]
    fn no_address_of_a_line_can_be_followed() {
        assert_eq!(
            defang_line("\"192.0.2.7\",80,https://a.example.test/x.php?u=b.example.com,1.5,v2.10"),
            "\"192.0.2[.]7\",80,hxxps://a.example[.]test/x[.]php?u=b.example[.]com,1.5,v2.10"
        );
        assert_eq!(defang_line("没有地址的一行。"), "没有地址的一行。");
    }

    #[test]
    fn a_span_says_its_two_longest_units() {
        let minute = 60_000_000;
        assert_eq!(span(11 * minute, Lang::Zh), "11 分");
        assert_eq!(span(192 * minute, Lang::En), "3 h 12 min");
        assert_eq!(span(3000 * minute, Lang::Zh), "2 天 2 时");
    }
}
