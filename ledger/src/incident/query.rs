//! The language in which incidents are asked for: `state:open kind:phishing province:32 age:>3d free text`.
//!
//! A query is a list of terms, each a key with one value or several (any of them), and of words that the incident
//! must hold. Keys and words of closed lists are read in both languages and kept by their labels, so that a text
//! of either language, the chips of a page and a stored view are the same query. [`Query::text`] writes what
//! [`Query::read`] reads.

use std::fmt;
use std::net::IpAddr;

use model::bulletin::Lang;
use model::incident::{Border, CaseKind, IncidentState, Severity};
use model::worded::Word;

/// Terms and words that one query may hold.
const MOST: usize = 40;

/// Defines the keys: variant, label, Chinese label.
macro_rules! keys {
    ($($(#[$doc:meta])* $name:ident = $label:literal, $zh:literal;)+) => {
        /// What a term is about.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Key { $($(#[$doc])* $name,)+ }

        impl Key {
            /// All keys, in the order in which they are offered.
            pub const ALL: &'static [Key] = &[$(Key::$name),+];

            /// The label that is typed and stored.
            pub fn label(self) -> &'static str {
                match self { $(Key::$name => $label,)+ }
            }

            /// The Chinese label.
            pub fn zh(self) -> &'static str {
                match self { $(Key::$name => $zh,)+ }
            }
        }
    };
}

keys! {
    /// How far it is; `live` for everything that is not over.
    State = "state", "状态";
    /// What it is about.
    Kind = "kind", "类别";
    /// Its weight.
    Severity = "severity", "轻重";
    /// Province of the resource, GB/T 2260.
    Province = "province", "省份";
    /// Country of the resource, two letters.
    Country = "country", "国家";
    /// Host name.
    Host = "host", "主机";
    /// Internet address.
    Ip = "ip", "地址";
    /// Autonomous system.
    Asn = "asn", "自治域";
    /// Malware family, app or vulnerability.
    Name = "name", "名称";
    /// The brand that is imitated.
    Brand = "brand", "品牌";
    /// The organization that works it: id or name; `centre` for the centre.
    Owner = "owner", "承办";
    /// The campaign: id or name.
    Campaign = "campaign", "团伙";
    /// What a person should know before anything goes out.
    Flag = "flag", "标记";
    /// Why it crosses the border; `any` for every reason.
    Border = "border", "跨境";
    /// The day or days on which it was opened.
    Opened = "opened", "立案";
    /// The day or days on which it ended.
    Closed = "closed", "办结";
    /// How long ago it was opened: `>3d`, `<12h`.
    Age = "age", "时长";
    /// What runs out: `running`, `over`, or within a time, `<4h`.
    Clock = "clock", "时钟";
    /// Who works on it: a login, `me` or `none`.
    Assignee = "assignee", "负责人";
    /// In which order: `newest`, `oldest`, `clock`.
    Sort = "sort", "排序";
}

impl Key {
    /// The label in a language.
    pub fn word(self, lang: Lang) -> &'static str {
        match lang {
            Lang::Zh => self.zh(),
            Lang::En => self.label(),
        }
    }

    fn named(text: &str) -> Option<Key> {
        let lower = text.to_lowercase();
        let found = Key::ALL
            .iter()
            .find(|key| key.label() == lower || key.zh() == lower);
        found.copied()
    }

    /// Whether one value is all it takes.
    fn single(self) -> bool {
        use Key::{Age, Clock, Closed, Opened, Sort};
        matches!(self, Opened | Closed | Age | Clock | Sort)
    }

    /// The closed list of its values, label, Chinese and English; empty where values are free.
    pub fn values(self) -> Vec<(&'static str, &'static str, &'static str)> {
        fn all<W: Word>() -> Vec<(&'static str, &'static str, &'static str)> {
            W::ALL
                .iter()
                .map(|word| (word.label(), word.zh(), word.en()))
                .collect()
        }
        match self {
            Key::State => {
                let mut words = vec![("live", "未结", "Live")];
                words.extend(all::<IncidentState>());
                words
            }
            Key::Kind => all::<CaseKind>(),
            Key::Severity => all::<Severity>(),
            Key::Border => {
                let mut words = vec![("any", "任意", "any")];
                words.extend(all::<Border>());
                words
            }
            Key::Flag => vec![
                ("warned", "在警示名单", "on a warning list"),
                ("government", "政府网站", "government site"),
                ("education", "教育网站", "education site"),
                ("bank", "银行网站", "bank site"),
            ],
            Key::Clock => vec![("running", "计时中", "running"), ("over", "已超时", "over")],
            Key::Assignee => vec![("me", "我", "me"), ("none", "未指派", "nobody")],
            Key::Owner => vec![("centre", "中心", "the centre")],
            Key::Sort => vec![
                ("newest", "新者在前", "newest first"),
                ("oldest", "旧者在前", "oldest first"),
                ("clock", "急者在前", "most urgent first"),
            ],
            _ => Vec::new(),
        }
    }
}

/// One condition: a key and its values, any of which will do.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Term {
    /// What it is about.
    pub key: Key,
    /// Whether none of the values may hold.
    pub not: bool,
    /// Values by their labels; at least one.
    pub values: Vec<String>,
}

/// A query as it is read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Query {
    /// Its terms, all of which must hold; each key at most once with `not` and once without.
    pub terms: Vec<Term>,
    /// Numbers, any of which will do.
    pub numbers: Vec<i64>,
    /// Words that the incident holds, all of them.
    pub words: Vec<String>,
}

/// Why a text is no query.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadQuery {
    /// A key that there is none of.
    #[error("`{key}` is no key: there are {known}")]
    UnknownKey {
        /// What was written.
        key: String,
        /// The keys there are.
        known: String,
    },
    /// A value that its key does not take.
    #[error("{}: `{value}` cannot be read; write {expected}", key.label())]
    BadValue {
        /// The key.
        key: Key,
        /// What was written.
        value: String,
        /// What is expected.
        expected: String,
    },
    /// A quotation mark that is not closed.
    #[error("a quotation mark is not closed")]
    OpenQuote,
    /// More than anybody can mean.
    #[error("more than {MOST} conditions")]
    TooLong,
}

impl BadQuery {
    /// What is wrong, in a language.
    pub fn told(&self, lang: Lang) -> String {
        if lang == Lang::En {
            return self.to_string();
        }
        match self {
            BadQuery::UnknownKey { key, .. } => {
                let known: Vec<_> = Key::ALL.iter().map(|key| key.zh()).collect();
                format!("没有“{key}”这个条件；可用的条件：{}", known.join("、"))
            }
            BadQuery::BadValue {
                key,
                value,
                expected,
            } => {
                format!("{}：“{value}”无法识别，可写：{expected}", key.zh())
            }
            BadQuery::OpenQuote => "引号没有闭合".to_owned(),
            BadQuery::TooLong => format!("条件超过 {MOST} 个"),
        }
    }
}

/// What a piece of the text is made of: characters, and whether each stood in quotes.
type Piece = Vec<(char, bool)>;

/// Cuts a text at blanks that do not stand in quotes.
fn pieces(text: &str) -> Result<Vec<Piece>, BadQuery> {
    let mut all = Vec::new();
    let mut piece = Piece::new();
    let (mut quoted, mut escaped, mut some) = (false, false, false);
    for c in text.chars() {
        if escaped {
            piece.push((c, true));
            escaped = false;
        } else if quoted && c == '\\' {
            escaped = true;
        } else if c == '"' {
            quoted = !quoted;
            some = true;
        } else if c.is_whitespace() && !quoted {
            if some || !piece.is_empty() {
                all.push(std::mem::take(&mut piece));
            }
            some = false;
        } else {
            piece.push((c, quoted));
        }
    }
    if quoted {
        return Err(BadQuery::OpenQuote);
    }
    if some || !piece.is_empty() {
        all.push(piece);
    }
    Ok(all)
}

fn plain(piece: &[(char, bool)]) -> String {
    piece.iter().map(|(c, _)| *c).collect()
}

/// An address as it is written defanged, put together again: `hxxp://a[.]test`.
fn refanged(text: &str) -> String {
    let mut text = text.to_owned();
    while ["[.]", "(.)", "[:]"].iter().any(|mark| text.contains(mark)) {
        text = text
            .replace("[.]", ".")
            .replace("(.)", ".")
            .replace("[:]", ":");
    }
    match text.get(..4) {
        Some(head) if head.eq_ignore_ascii_case("hxxp") => format!("http{}", &text[4..]),
        _ => text,
    }
}

/// The host of an address on the web; `None` if it is none.
fn host_of(text: &str) -> Option<String> {
    let (scheme, rest) = text.split_once("://")?;
    let known = ["http", "https", "ftp"].contains(&scheme.to_ascii_lowercase().as_str());
    let rest = rest.split(['/', '?', '#']).next()?;
    let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
    let host = match rest.strip_prefix('[') {
        Some(inner) => inner.split(']').next()?,
        None => rest.split(':').next()?,
    };
    (known && !host.is_empty()).then(|| host.to_lowercase())
}

impl Query {
    /// Reads a text.
    ///
    /// # Errors
    /// A key is not known, or a value is none of its key.
    pub fn read(text: &str) -> Result<Query, BadQuery> {
        let mut query = Query::default();
        let pieces = pieces(text)?;
        if let [only] = pieces.as_slice()
            && only.iter().all(|(c, quoted)| c.is_ascii_digit() && !quoted)
            && let Ok(number) = plain(only).parse()
        {
            query.numbers.push(number);
            return Ok(query);
        }
        for piece in pieces {
            query.take(&piece)?;
        }
        if query.terms.len() + query.numbers.len() + query.words.len() > MOST {
            return Err(BadQuery::TooLong);
        }
        Ok(query)
    }

    fn take(&mut self, piece: &[(char, bool)]) -> Result<(), BadQuery> {
        let whole = plain(piece);
        let is_quoted = piece.iter().any(|(_, quoted)| *quoted);
        // What stands in quotes is meant as it stands.
        let bare = match is_quoted {
            true => whole.clone(),
            false => refanged(&whole),
        };
        if !is_quoted {
            if let Some(Ok(number)) = whole.strip_prefix('#').map(str::parse) {
                if !self.numbers.contains(&number) {
                    self.numbers.push(number);
                }
                return Ok(());
            }
            // What is pasted is found by what it is.
            if let Ok(ip) = bare.parse::<IpAddr>() {
                self.add(Key::Ip, false, vec![ip.to_string()]);
                return Ok(());
            }
            if let Some(host) = host_of(&bare) {
                let key = match host.parse::<IpAddr>() {
                    Ok(_) => Key::Ip,
                    Err(_) => Key::Host,
                };
                self.add(key, false, vec![host]);
                return Ok(());
            }
        }
        let colon = piece
            .iter()
            .position(|(c, quoted)| !quoted && (*c == ':' || *c == '：'));
        let Some(colon) = colon.filter(|at| *at > 0) else {
            let word = bare.trim().to_lowercase();
            if !word.is_empty() && !self.words.contains(&word) {
                self.words.push(word);
            }
            return Ok(());
        };
        let name = plain(&piece[..colon]);
        let (not, name) = match name.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, name.as_str()),
        };
        let key = Key::named(name).ok_or_else(|| {
            let known: Vec<_> = Key::ALL.iter().map(|key| key.label()).collect();
            BadQuery::UnknownKey {
                key: name.to_owned(),
                known: known.join(", "),
            }
        })?;
        let values = piece[colon + 1..]
            .split(|(c, quoted)| !quoted && (*c == ',' || *c == '，'))
            .map(plain)
            .map(|value| canonical(key, value.trim()))
            .collect::<Result<Vec<_>, _>>()?;
        self.add(key, not && !key.single(), values);
        Ok(())
    }

    /// Adds values to the term of a key; a key of one value takes the last.
    pub fn add(&mut self, key: Key, not: bool, values: Vec<String>) {
        let found = self
            .terms
            .iter_mut()
            .find(|term| term.key == key && term.not == not);
        let term = match found {
            Some(term) => term,
            None => {
                self.terms.push(Term {
                    key,
                    not,
                    values: Vec::new(),
                });
                let last = self.terms.len() - 1;
                &mut self.terms[last]
            }
        };
        for value in values {
            if key.single() {
                term.values.clear();
            }
            if !term.values.contains(&value) {
                term.values.push(value);
            }
        }
    }

    /// The same without the term at a place.
    pub fn without(&self, at: usize) -> Query {
        let mut other = self.clone();
        if at < other.terms.len() {
            other.terms.remove(at);
        }
        other
    }

    /// The values of a key that may hold.
    pub fn of(&self, key: Key) -> &[String] {
        let found = self.terms.iter().find(|term| term.key == key && !term.not);
        found.map_or(&[], |term| &term.values)
    }

    /// As it is written in a language.
    pub fn text(&self, lang: Lang) -> String {
        let mut parts: Vec<String> = self.terms.iter().map(|term| term.text(lang)).collect();
        parts.extend(self.numbers.iter().map(|number| format!("#{number}")));
        // A single number alone is read as a number anyway; a word of digits must not be.
        let alone = parts.is_empty() && self.words.len() == 1;
        parts.extend(self.words.iter().map(|word| written(word, alone)));
        parts.join(" ")
    }
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text(Lang::En))
    }
}

impl Term {
    /// As it is written in a language.
    pub fn text(&self, lang: Lang) -> String {
        let not = if self.not { "-" } else { "" };
        let values = self
            .values
            .iter()
            .map(|value| quoted(&self.word(value, lang)));
        let values: Vec<_> = values.collect();
        format!("{not}{}:{}", self.key.word(lang), values.join(","))
    }

    /// A value as a page of a language shows it where words are typed: labels in English.
    fn word(&self, value: &str, lang: Lang) -> String {
        match (
            lang,
            self.key
                .values()
                .into_iter()
                .find(|(label, _, _)| *label == value),
        ) {
            (Lang::Zh, Some((_, zh, _))) => zh.to_owned(),
            _ => value.to_owned(),
        }
    }

    /// A value as a page shows it to be read.
    pub fn shown(&self, value: &str, lang: Lang) -> String {
        match (
            lang,
            self.key
                .values()
                .into_iter()
                .find(|(label, _, _)| *label == value),
        ) {
            (Lang::Zh, Some((_, zh, _))) => zh.to_owned(),
            (Lang::En, Some((_, _, en))) => en.to_owned(),
            _ => value.to_owned(),
        }
    }
}

/// A value with quotes where it needs them.
fn quoted(value: &str) -> String {
    let special = |c: char| c.is_whitespace() || "\"\\,，".contains(c);
    match value.is_empty() || value.contains(special) {
        false => value.to_owned(),
        true => format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\"")),
    }
}

/// A word with quotes where it would be read as something else.
fn written(word: &str, alone: bool) -> String {
    let digits = alone && word.chars().all(|c| c.is_ascii_digit());
    let else_read = word.contains([':', '：', '[', '(']) || word.starts_with(['#', '-']) || digits;
    let address = word.parse::<IpAddr>().is_ok() || word.starts_with("hxxp");
    match else_read || address {
        true => format!("\"{}\"", word.replace('\\', "\\\\").replace('"', "\\\"")),
        false => quoted(word),
    }
}

/// A value as it is kept.
fn canonical(key: Key, value: &str) -> Result<String, BadQuery> {
    let bad = |expected: &str| {
        Err(BadQuery::BadValue {
            key,
            value: value.to_owned(),
            expected: expected.to_owned(),
        })
    };
    let listed = key.values();
    let same = |word: &str| word.eq_ignore_ascii_case(value);
    if let Some((label, _, _)) = listed
        .iter()
        .find(|(label, zh, en)| same(label) || *zh == value || same(en))
    {
        return Ok((*label).to_owned());
    }
    let closed = matches!(
        key,
        Key::State | Key::Kind | Key::Severity | Key::Border | Key::Flag | Key::Sort
    );
    if closed {
        let words: Vec<_> = listed.iter().map(|(label, _, _)| *label).collect();
        return bad(&words.join(", "));
    }
    match key {
        Key::Province => {
            let digits = value.len() <= 6 && value.len() >= 2;
            match digits && value.bytes().all(|byte| byte.is_ascii_digit()) {
                true => Ok(value.to_owned()),
                false => bad("32, 320000"),
            }
        }
        Key::Country => match value.len() == 2 && value.bytes().all(|b| b.is_ascii_alphabetic()) {
            true => Ok(value.to_ascii_uppercase()),
            false => bad("CN, DE"),
        },
        Key::Host => {
            let bare = refanged(value);
            let host = host_of(&bare).unwrap_or_else(|| bare.to_lowercase());
            match host.is_empty() || host.contains(char::is_whitespace) {
                true => bad("login.example.test"),
                false => Ok(host),
            }
        }
        Key::Ip => match refanged(value).parse::<IpAddr>() {
            Ok(ip) => Ok(ip.to_string()),
            Err(_) => bad("192.0.2.1, 2001:db8::1"),
        },
        Key::Asn => {
            let digits = value
                .strip_prefix("AS")
                .or(value.strip_prefix("as"))
                .unwrap_or(value);
            match digits.parse::<u32>() {
                Ok(asn) => Ok(asn.to_string()),
                Err(_) => bad("64500, AS64500"),
            }
        }
        Key::Opened | Key::Closed => match days(value) {
            Some((from, to)) if from == to => Ok(from.map_or_else(String::new, |d| d.to_string())),
            Some((from, to)) => {
                let day = |day: Option<jiff::civil::Date>| {
                    day.map_or_else(String::new, |d| d.to_string())
                };
                Ok(format!("{}..{}", day(from), day(to)))
            }
            None => bad("2026-11-01, 2026-11-01..2026-11-07, 2026-11-01.."),
        },
        Key::Age => match span(value) {
            Some(_) => Ok(value.to_lowercase()),
            None => bad(">3d, <12h, >2w"),
        },
        Key::Clock => match span(value) {
            Some((false, _)) => Ok(value.to_lowercase()),
            _ => bad("running, over, <4h"),
        },
        _ if value.is_empty() => bad("…"),
        _ => Ok(value.to_owned()),
    }
}

/// First and last day, both included; `None` on a side that is open.
pub(super) type Days = (Option<jiff::civil::Date>, Option<jiff::civil::Date>);

/// Days as they are written.
pub(super) fn days(text: &str) -> Option<Days> {
    let day = |text: &str| text.parse::<jiff::civil::Date>().ok();
    let Some((from, to)) = text.split_once("..") else {
        let day = day(text)?;
        return Some((Some(day), Some(day)));
    };
    let side = |text: &str| match text.is_empty() {
        true => Some(None),
        false => day(text).map(Some),
    };
    let (from, to) = (side(from)?, side(to)?);
    let backwards = matches!((from, to), (Some(from), Some(to)) if to < from);
    (!backwards && (from.is_some() || to.is_some())).then_some((from, to))
}

/// Whether it is longer than that, and how long, microseconds: `>3d`.
pub(super) fn span(text: &str) -> Option<(bool, i64)> {
    let text = text.to_lowercase();
    let longer = match text.chars().next()? {
        '>' => true,
        '<' => false,
        _ => return None,
    };
    let rest = &text[1..];
    let end = rest.find(|c: char| !c.is_ascii_digit())?;
    let number: i64 = rest[..end].parse().ok().filter(|n| *n <= 100_000)?;
    let minutes = match &rest[end..] {
        "min" | "分" => 1,
        "h" | "时" => 60,
        "d" | "天" => 1_440,
        "w" | "周" => 10_080,
        _ => return None,
    };
    Some((longer, number * minutes * 60_000_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Query {
        Query::read(text).expect("a query")
    }

    #[test]
    fn a_text_is_read_and_written_in_both_languages() {
        let text = "state:open,validated kind:phishing province:32 ip:192.0.2.1 age:>3d assignee:me #704 bank";
        let query = read(text);
        assert_eq!(query.text(Lang::En), text);
        let zh = query.text(Lang::Zh);
        assert_eq!(
            zh,
            "状态:待核实,已核实 类别:网页仿冒 省份:32 地址:192.0.2.1 时长:>3d 负责人:我 #704 bank"
        );
        assert_eq!(read(&zh), query);
    }

    #[test]
    fn what_is_pasted_is_found_by_what_it_is() {
        assert_eq!(
            read("hxxps://login.example[.]test/a").text(Lang::En),
            "host:login.example.test"
        );
        assert_eq!(read("192.0.2[.]7").text(Lang::En), "ip:192.0.2.7");
        assert_eq!(read("2001:db8::1").text(Lang::En), "ip:2001:db8::1");
        assert_eq!(read("704").numbers, [704]);
        assert_eq!(read("\"704\"").words, ["704"]);
        assert_eq!(read("\"704\"").text(Lang::En), "\"704\"");
    }

    #[test]
    fn what_is_wrong_is_named_with_what_there_is() {
        let told = Query::read("statee:open").expect_err("no key").to_string();
        assert!(
            told.contains("`statee`") && told.contains("state, kind, severity"),
            "{told}"
        );
        let told = Query::read("state:opem").expect_err("no state").to_string();
        assert!(
            told.contains("`opem`") && told.contains("open, validated"),
            "{told}"
        );
        for text in [
            "ip:300.1.1.1",
            "asn:x",
            "opened:2026-13-01",
            "opened:2026-11-02..2026-11-01",
            "age:3d",
            "age:>d",
            "country:CHN",
            "province:x1",
            "clock:>3d",
            "a:\"",
            "host:",
            "severity:",
        ] {
            assert!(Query::read(text).is_err(), "{text}");
        }
        let told = Query::read("state:opem")
            .expect_err("no state")
            .told(Lang::Zh);
        assert!(told.starts_with("状态：“opem”无法识别"), "{told}");
    }

    #[test]
    fn quotes_keep_what_stands_in_them() {
        let query = read(r#"name:"a, \"b\" c",d -kind:spam,attack "two words""#);
        assert_eq!(query.of(Key::Name), ["a, \"b\" c", "d"]);
        assert!(query.terms[1].not);
        assert_eq!(query.words, ["two words"]);
        assert_eq!(read(&query.text(Lang::En)), query);
    }
}
