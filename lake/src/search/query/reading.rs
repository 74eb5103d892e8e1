//! From the text of a query to its terms.

use std::net::IpAddr;

use jiff::civil::{Date, DateTime};

use super::{Form, KEYS, Key, Moment, OBSERVED, QueryError, Span, Term, Value, WHOLE};

/// What was read.
pub(super) enum Read {
    Span(Span, usize),
    Term(Term),
}

/// Reads a text term by term.
pub(super) struct Reader {
    chars: Vec<char>,
    at: usize,
}

impl Reader {
    /// A reader of a text.
    pub fn of(text: &str) -> Self {
        Reader {
            chars: text.chars().collect(),
            at: 0,
        }
    }
}

/// A value as it is written: its text, whether it was quoted, the stars around it.
struct Written {
    text: String,
    quoted: bool,
    before: bool,
    after: bool,
    at: usize,
}

impl Reader {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    /// The next term; `None` at the end.
    pub fn term(&mut self) -> Result<Option<Read>, QueryError> {
        while self.peek().is_some_and(char::is_whitespace) {
            self.at += 1;
        }
        let at = self.at + 1;
        let Some(first) = self.peek() else {
            return Ok(None);
        };
        let exclude = first == '-'
            && self
                .chars
                .get(self.at + 1)
                .is_some_and(|c| !c.is_whitespace());
        if exclude {
            self.at += 1;
        }
        let Some(name) = self.name() else {
            let values = vec![self.bare()?];
            let key = match &values[0] {
                Value::Net(..) => Key::Ip,
                Value::Number(_) => Key::Asn,
                _ => Key::Text,
            };
            return Ok(Some(Read::Term(Term {
                key,
                exclude,
                values,
            })));
        };
        if name == OBSERVED || name == "time" {
            if exclude {
                return Err(QueryError::Time { at });
            }
            let written = self.value()?;
            return Ok(Some(Read::Span(span(&written)?, at)));
        }
        let key = Key::named(&name).filter(|key| *key != Key::Text);
        let key = key.ok_or_else(|| QueryError::Key {
            at,
            near: closest(&name),
            key: name,
        })?;
        let mut values = Vec::new();
        loop {
            if self.peek().is_none_or(|c| c.is_whitespace() || c == ',') {
                return Err(QueryError::Empty {
                    at,
                    key: key.name(),
                    example: key.example(),
                });
            }
            let written = self.value()?;
            values.push(value(key, written)?);
            match self.peek() {
                Some(',') => self.at += 1,
                _ => break,
            }
        }
        Ok(Some(Read::Term(Term {
            key,
            exclude,
            values,
        })))
    }

    /// The name before a colon; nothing is taken where there is none. What has two colons (`2001:db8::1`) or a
    /// scheme (`https://`) is no name.
    fn name(&mut self) -> Option<String> {
        let rest = &self.chars[self.at..];
        let len = rest
            .iter()
            .position(|c| !c.is_ascii_alphabetic() && *c != '_')?;
        let scheme = rest.get(len + 1..len + 3) == Some(&['/', '/'][..]);
        if len == 0 || rest[len] != ':' || scheme {
            return None;
        }
        let name: String = rest[..len].iter().collect();
        // An IPv6 address may begin as a name does: `abcd::1`, `fe80:...` has digits and never gets here.
        let word: String = rest.iter().take_while(|c| !c.is_whitespace()).collect();
        if Key::named(&name).is_none() && net(&word).is_some() {
            return None;
        }
        self.at += len + 1;
        Some(name.to_ascii_lowercase())
    }

    /// A bare word: an address, an AS number, or text.
    fn bare(&mut self) -> Result<Value, QueryError> {
        let begun = self.at;
        let written = self.word(false)?;
        if !written.quoted && !written.before && !written.after {
            if let Some((ip, length)) = net(&written.text) {
                return Ok(Value::Net(ip, length));
            }
            if let Some(number) = as_number(&written.text) {
                return Ok(Value::Number(number));
            }
        }
        if written.text.is_empty() {
            return Err(QueryError::Star { at: begun + 1 });
        }
        // What contains is meant, so stars say nothing.
        Ok(Value::text(&written.text))
    }

    /// A value behind a colon or a comma.
    fn value(&mut self) -> Result<Written, QueryError> {
        self.word(true)
    }

    fn word(&mut self, listed: bool) -> Result<Written, QueryError> {
        let at = self.at + 1;
        let before = self.peek() == Some('*');
        if before {
            self.at += 1;
        }
        let ends = |c: char| c.is_whitespace() || (listed && c == ',');
        if self.peek() == Some('"') {
            self.at += 1;
            let mut text = String::new();
            loop {
                match self.peek() {
                    None => return Err(QueryError::Quote { at }),
                    Some('"') => break,
                    Some('\\') if self.chars.get(self.at + 1).is_some() => {
                        self.at += 1;
                        text.extend(self.peek());
                    }
                    Some(c) => text.push(c),
                }
                self.at += 1;
            }
            self.at += 1;
            let after = self.peek() == Some('*');
            if after {
                self.at += 1;
            }
            if self.peek().is_some_and(|c| !ends(c)) {
                return Err(QueryError::Behind { at: self.at + 1 });
            }
            return Ok(Written {
                text,
                quoted: true,
                before,
                after,
                at,
            });
        }
        let mut text = String::new();
        while let Some(c) = self.peek().filter(|c| !ends(*c)) {
            text.push(c);
            self.at += 1;
        }
        let after = text.ends_with('*');
        if after {
            text.pop();
        }
        if text.contains('*') {
            return Err(QueryError::Star { at });
        }
        Ok(Written {
            text,
            quoted: false,
            before,
            after,
            at,
        })
    }
}

/// The key that a misspelled one is nearest to.
fn closest(name: &str) -> Option<&'static str> {
    let names = KEYS.iter().skip(1).flat_map(|row| {
        std::iter::once(row.name)
            .chain(row.also.iter().copied())
            .map(|known| (known, row.name))
    });
    names
        .chain([(OBSERVED, OBSERVED), ("time", OBSERVED)])
        .map(|(known, stands)| (distance(name, known), stands))
        .filter(|(distance, _)| *distance <= 2)
        .min()
        .map(|(_, stands)| stands)
}

/// Letters that have to be changed, put in or taken out to make one text the other.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(32).collect();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, one) in a.chars().take(32).enumerate() {
        let mut row = vec![i + 1];
        for (j, other) in b.iter().enumerate() {
            let changed = last[j] + usize::from(one != *other);
            row.push(changed.min(last[j + 1] + 1).min(row[j] + 1));
        }
        last = row;
    }
    last[b.len()]
}

/// An address or a prefix, defanged or not: its first address and its length.
pub(super) fn net(text: &str) -> Option<(IpAddr, u8)> {
    // Shown defanged, pasted defanged.
    let text = text.replace("[.]", ".").replace("[:]", ":");
    let (ip, length) = match text.split_once('/') {
        Some((ip, length)) => (ip, Some(length)),
        None => (text.as_str(), None),
    };
    let ip: IpAddr = ip.parse().ok()?;
    let most = if ip.is_ipv4() { WHOLE.0 } else { WHOLE.1 };
    let length: u8 = match length {
        Some(length) => length.parse().ok().filter(|length| *length <= most)?,
        None => most,
    };
    let first = match ip {
        IpAddr::V4(ip) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
            std::net::Ipv4Addr::from(u32::from(ip) & mask).into()
        }
        IpAddr::V6(ip) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
            std::net::Ipv6Addr::from(u128::from(ip) & mask).into()
        }
    };
    Some((first, length))
}

/// `AS64500`.
pub(super) fn as_number(text: &str) -> Option<i64> {
    let digits = text
        .get(..2)
        .filter(|head| head.eq_ignore_ascii_case("as"))
        .and(text.get(2..))?;
    let digits = digits
        .bytes()
        .all(|b| b.is_ascii_digit())
        .then_some(digits)?;
    digits.parse::<u32>().ok().map(i64::from)
}

fn value(key: Key, written: Written) -> Result<Value, QueryError> {
    let Written {
        text,
        quoted,
        before,
        after,
        at,
    } = written;
    let wrong = || QueryError::Value {
        at,
        key: key.name(),
        value: text.clone(),
        example: key.example(),
    };
    if !quoted {
        match text.as_str() {
            "" if before || after => return Ok(Value::Any),
            "any" => return Ok(Value::Any),
            "none" => return Ok(Value::None),
            _ => {}
        }
    }
    let stars = before || after;
    let number = || text.parse::<i64>().ok().filter(|number| *number >= 0);
    let found = match key.form() {
        Form::Text if !text.is_empty() => {
            return Ok(Value::Text {
                text,
                before,
                after,
            });
        }
        // What contains is meant, so stars say nothing.
        Form::Within if !text.is_empty() => return Ok(Value::text(&text)),
        Form::Word(apart) if !stars && !text.is_empty() && !text.contains(apart) => {
            Some(Value::text(&text))
        }
        _ if stars || quoted => None,
        Form::Net => net(&text).map(|(ip, length)| Value::Net(ip, length)),
        Form::Number => number().map(Value::Number),
        Form::Asn => as_number(&text)
            .or_else(|| number().filter(|number| *number <= i64::from(u32::MAX)))
            .map(Value::Number),
        Form::Division => match text.len() {
            2 => number().map(|code| Value::Number(code * 10_000)),
            6 => number().map(Value::Number),
            _ => None,
        },
        Form::Territory => match text.as_str() {
            "inside" => Some(Value::Number(1)),
            "outside" => Some(Value::Number(2)),
            _ => None,
        },
        _ => None,
    };
    found.ok_or_else(wrong)
}

fn span(written: &Written) -> Result<Span, QueryError> {
    let (text, at) = (written.text.as_str(), written.at);
    let wrong = || QueryError::Value {
        at,
        key: OBSERVED,
        value: text.to_owned(),
        example: "2026-11-16..2026-11-22",
    };
    if written.before || written.after {
        return Err(wrong());
    }
    let count = |unit: &str| {
        let digits = text.strip_suffix(unit)?;
        let sound = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        sound
            .then(|| digits.parse::<u32>().ok())
            .flatten()
            .filter(|n| (1..=100_000).contains(n))
    };
    if let Some(hours) = count("h") {
        return Ok(Span::Hours(hours));
    }
    if let Some(days) = count("d") {
        return Ok(Span::Days(days));
    }
    if let Some(weeks) = count("w") {
        return Ok(Span::Days(weeks.saturating_mul(7)));
    }
    let moment = |text: &str| -> Result<Option<Moment>, QueryError> {
        if text.is_empty() {
            return Ok(None);
        }
        let moment = match text.len() {
            10 => text.parse::<Date>().ok().map(Moment::Day),
            _ => text.parse::<DateTime>().ok().map(Moment::At),
        };
        moment.map(Some).ok_or_else(wrong)
    };
    let (from, to) = match text.split_once("..") {
        Some((from, to)) => (moment(from)?, moment(to)?),
        None => {
            let one = moment(text)?;
            if !matches!(one, Some(Moment::Day(_))) {
                return Err(wrong());
            }
            (one, one)
        }
    };
    if from.is_none() && to.is_none() {
        return Err(wrong());
    }
    let begins = |moment: Moment| match moment {
        Moment::Day(day) => DateTime::from(day),
        Moment::At(at) => at,
    };
    if let (Some(from), Some(to)) = (from, to) {
        let reversed = match to {
            Moment::Day(day) => begins(from).date() > day,
            Moment::At(at) => begins(from) >= at,
        };
        if reversed {
            return Err(QueryError::Reversed { at });
        }
    }
    Ok(Span::Between(from, to))
}
