//! STIX patterns (STIX 2.1 section 9; 2.0 part 5): an indicator's pattern as a list of alternatives,
//! each a conjunction of tests.
//!
//! What a reader of indicators needs of a pattern is less than what a sensor needs: which tests have
//! to hold together, and which stand for one another. Observation expressions (`[...]`), however they
//! are joined, are alternatives here, and so are their `OR`s; time qualifiers (`WITHIN`, `REPEATS`,
//! `START ... STOP`) are read and left out. A negated test stays marked: it never names an
//! observable. Nesting and the number of alternatives are bounded.

use std::borrow::Cow;
use std::fmt;

/// One comparison, as `file:hashes.'SHA-256' = '...'`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Test {
    /// Type of the object: `file`.
    pub object: String,
    /// Its property, names joined with dots, without quotes and list steps: `hashes.SHA-256`.
    pub property: String,
    /// How it compares.
    pub op: Op,
    /// `NOT` stands before the operator.
    pub negated: bool,
    /// The literal; text without quotes, other literals as they are written.
    pub value: String,
}

/// A comparison operator (section 9.6.1). `IN` is read as alternatives of [`Op::Equal`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Op {
    Equal,
    NotEqual,
    Less,
    Greater,
    LessOrEqual,
    GreaterOrEqual,
    Like,
    Matches,
    Subset,
    Superset,
    Exists,
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Op::Equal => "=",
            Op::NotEqual => "!=",
            Op::Less => "<",
            Op::Greater => ">",
            Op::LessOrEqual => "<=",
            Op::GreaterOrEqual => ">=",
            Op::Like => "LIKE",
            Op::Matches => "MATCHES",
            Op::Subset => "ISSUBSET",
            Op::Superset => "ISSUPERSET",
            Op::Exists => "EXISTS",
        })
    }
}

/// Tests that have to hold together.
pub(super) type Conjunction = Vec<Test>;

/// Parentheses inside parentheses that are read.
const MAX_DEPTH: usize = 32;
/// Alternatives that a pattern may have, and tests in all of them.
const MAX_TESTS: usize = 10_000;

/// Reads a pattern; the error says what stands where, to be read after "the pattern".
pub(super) fn read(pattern: &str) -> Result<Vec<Conjunction>, String> {
    let (token, rest) = token(pattern);
    let mut reader = Reader {
        token,
        rest,
        depth: 0,
    };
    let mut alternatives = Vec::new();
    reader.observations(&mut alternatives)?;
    match reader.token {
        Token::End => Ok(alternatives),
        token => Err(format!("goes on with {token} where it should end")),
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Token<'p> {
    End,
    /// Brackets, comparison operators, `:`, `.`, `,`, `*`.
    Mark(&'static str),
    /// A word: keyword, name or number.
    Word(&'p str),
    /// A quoted text.
    Text(Cow<'p, str>),
    /// A quote that is not closed, or a character that no pattern has.
    Bad(String),
}

impl fmt::Display for Token<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Token::End => f.write_str("its end"),
            Token::Mark(mark) => write!(f, "`{mark}`"),
            Token::Word(word) => write!(f, "`{}`", crate::value::shorten(word)),
            Token::Text(text) => write!(f, "the text `{}`", crate::value::shorten(text)),
            Token::Bad(what) => f.write_str(what),
        }
    }
}

/// Marks; the longer ones stand before their beginnings.
const MARKS: &[&str] = &[
    "!=", "<>", "<=", ">=", "==", "=", "<", ">", "[", "]", "(", ")", ":", ".", ",", "*",
];

/// The first token of a pattern or of what is left of it, and what is behind the token.
fn token(pattern: &str) -> (Token<'_>, &str) {
    let rest = pattern.trim_start();
    let Some(first) = rest.chars().next() else {
        return (Token::End, rest);
    };
    if let Some(mark) = MARKS.iter().find(|mark| rest.starts_with(**mark)) {
        return (Token::Mark(mark), &rest[mark.len()..]);
    }
    if matches!(first, '\'' | '"') {
        return quoted(rest, first);
    }
    let is_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '+');
    let end = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
    if end == 0 {
        return (Token::Bad(format!("the character `{first}`")), rest);
    }
    let (word, behind) = rest.split_at(end);
    // Typed literals: t'2023-01-01T00:00:00Z', h'00ff', b'AA=='.
    if matches!(word, "t" | "h" | "b") && behind.starts_with('\'') {
        return quoted(behind, '\'');
    }
    // A number goes on behind its point; a name ends before one.
    let number = word.trim_start_matches(['-', '+']);
    if number.starts_with(|c: char| c.is_ascii_digit())
        && let Some(fraction) = behind.strip_prefix('.')
    {
        let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
        let end = end + 1 + digits;
        return (Token::Word(&rest[..end]), &rest[end..]);
    }
    (Token::Word(word), behind)
}

struct Reader<'p> {
    /// The token at hand.
    token: Token<'p>,
    /// What is behind it.
    rest: &'p str,
    depth: usize,
}

impl<'p> Reader<'p> {
    fn next(&mut self) -> Token<'p> {
        let (token, rest) = token(self.rest);
        self.rest = rest;
        std::mem::replace(&mut self.token, token)
    }

    fn is_word(&self, keyword: &str) -> bool {
        matches!(&self.token, Token::Word(word) if word.eq_ignore_ascii_case(keyword))
    }

    /// Takes a keyword if it is next.
    fn word(&mut self, keyword: &str) -> bool {
        let found = self.is_word(keyword);
        if found {
            self.next();
        }
        found
    }

    fn mark(&mut self, mark: &'static str) -> bool {
        let found = self.token == Token::Mark(mark);
        if found {
            self.next();
        }
        found
    }

    fn expect(&mut self, mark: &'static str) -> Result<(), String> {
        match self.next() {
            Token::Mark(found) if found == mark => Ok(()),
            token => Err(format!("has {token} where `{mark}` should be")),
        }
    }

    fn deeper(&mut self) -> Result<(), String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(format!("is nested deeper than {MAX_DEPTH}"));
        }
        Ok(())
    }

    /// Observation expressions joined in any way (section 9.3, 9.5), with their qualifiers.
    fn observations(&mut self, alternatives: &mut Vec<Conjunction>) -> Result<(), String> {
        loop {
            if self.mark("(") {
                self.deeper()?;
                self.observations(alternatives)?;
                self.expect(")")?;
                self.depth -= 1;
            } else {
                self.expect("[")?;
                alternatives.extend(self.either()?);
                check(alternatives)?;
                self.expect("]")?;
            }
            while self.qualifier()? {}
            if !["AND", "OR", "FOLLOWEDBY"]
                .iter()
                .any(|word| self.word(word))
            {
                return Ok(());
            }
        }
    }

    /// A qualifier (section 9.4); `false` where none is next.
    fn qualifier(&mut self) -> Result<bool, String> {
        let (parts, units): (usize, &[&str]) = if self.word("WITHIN") {
            (1, &["SECONDS", "SECOND"])
        } else if self.word("REPEATS") {
            (1, &["TIMES", "TIME"])
        } else if self.word("START") {
            (1, &["STOP"])
        } else {
            return Ok(false);
        };
        let mut parts = parts;
        loop {
            match self.next() {
                Token::Word(_) | Token::Text(_) => {}
                token => return Err(format!("has {token} in a qualifier")),
            }
            parts -= 1;
            if parts > 0 {
                continue;
            }
            if !units.iter().any(|unit| self.word(unit)) {
                let token = &self.token;
                return Err(format!("has {token} where `{}` should be", units[0]));
            }
            if units == ["STOP"] && !matches!(self.next(), Token::Text(_)) {
                return Err("has no time behind `STOP`".into());
            }
            return Ok(true);
        }
    }

    /// Comparisons joined with `OR`.
    fn either(&mut self) -> Result<Vec<Conjunction>, String> {
        let mut alternatives = self.both()?;
        while self.word("OR") {
            alternatives.extend(self.both()?);
            check(&alternatives)?;
        }
        Ok(alternatives)
    }

    /// Comparisons joined with `AND`, which binds tighter.
    fn both(&mut self) -> Result<Vec<Conjunction>, String> {
        let mut alternatives = self.comparison()?;
        while self.word("AND") {
            let others = self.comparison()?;
            if alternatives.len().saturating_mul(others.len()) > MAX_TESTS {
                return Err(format!("stands for more than {MAX_TESTS} tests"));
            }
            let mut joined = Vec::with_capacity(alternatives.len() * others.len());
            for left in &alternatives {
                for right in &others {
                    let mut both = left.clone();
                    both.extend(right.iter().cloned());
                    joined.push(both);
                }
                check(&joined)?;
            }
            alternatives = joined;
        }
        Ok(alternatives)
    }

    fn comparison(&mut self) -> Result<Vec<Conjunction>, String> {
        if self.mark("(") {
            self.deeper()?;
            let inner = self.either()?;
            self.expect(")")?;
            self.depth -= 1;
            return Ok(inner);
        }
        let before = self.word("NOT");
        if self.word("EXISTS") {
            let (object, property) = self.path()?;
            return Ok(vec![vec![Test {
                object,
                property,
                op: Op::Exists,
                negated: before,
                value: String::new(),
            }]]);
        }
        let (object, property) = self.path()?;
        let negated = self.word("NOT") != before;
        let op = match self.next() {
            Token::Mark("=" | "==") => Op::Equal,
            Token::Mark("!=" | "<>") => Op::NotEqual,
            Token::Mark("<") => Op::Less,
            Token::Mark(">") => Op::Greater,
            Token::Mark("<=") => Op::LessOrEqual,
            Token::Mark(">=") => Op::GreaterOrEqual,
            Token::Word(word) => match word.to_ascii_uppercase().as_str() {
                "LIKE" => Op::Like,
                "MATCHES" => Op::Matches,
                "ISSUBSET" => Op::Subset,
                "ISSUPERSET" => Op::Superset,
                "IN" => {
                    let values = self.set()?;
                    let test = |value| Test {
                        object: object.clone(),
                        property: property.clone(),
                        op: Op::Equal,
                        negated,
                        value,
                    };
                    // Not to be in a set is to be none of its members: they hold together.
                    let tests = values.into_iter().map(test);
                    return Ok(if negated {
                        vec![tests.collect()]
                    } else {
                        tests.map(|test| vec![test]).collect()
                    });
                }
                _ => return Err(format!("has `{word}` where an operator should be")),
            },
            token => return Err(format!("has {token} where an operator should be")),
        };
        let value = self.literal()?;
        Ok(vec![vec![Test {
            object,
            property,
            op,
            negated,
            value,
        }]])
    }

    fn set(&mut self) -> Result<Vec<String>, String> {
        self.expect("(")?;
        let mut values = vec![self.literal()?];
        while self.mark(",") {
            values.push(self.literal()?);
            if values.len() > MAX_TESTS {
                return Err(format!("has a set of more than {MAX_TESTS} values"));
            }
        }
        self.expect(")")?;
        Ok(values)
    }

    fn literal(&mut self) -> Result<String, String> {
        match self.next() {
            Token::Text(text) => Ok(text.into_owned()),
            Token::Word(word) => Ok(word.to_owned()),
            token => Err(format!("has {token} where a value should be")),
        }
    }

    /// An object path (section 9.7.3).
    fn path(&mut self) -> Result<(String, String), String> {
        let object = match self.next() {
            Token::Word(word) => word.to_ascii_lowercase(),
            token => return Err(format!("has {token} where a type of object should be")),
        };
        self.expect(":")?;
        let mut property = String::new();
        loop {
            match self.next() {
                Token::Word(name) => property.push_str(name),
                Token::Text(name) => property.push_str(&name),
                token => return Err(format!("has {token} where a property should be")),
            }
            if self.mark("[") {
                // Which element of a list is of no matter here.
                match self.next() {
                    Token::Mark("*") | Token::Word(_) => self.expect("]")?,
                    token => return Err(format!("has {token} as the place in a list")),
                }
            }
            if !self.mark(".") {
                return Ok((object, property));
            }
            property.push('.');
        }
    }
}

fn check(alternatives: &[Conjunction]) -> Result<(), String> {
    let tests: usize = alternatives.iter().map(Vec::len).sum();
    if tests > MAX_TESTS {
        return Err(format!("stands for more than {MAX_TESTS} tests"));
    }
    Ok(())
}

/// A quoted text at the start of `rest`; `\'` and `\\` are escapes, before any other character the
/// backslash is one (patterns hold regular expressions that were escaped once too little).
fn quoted(rest: &str, quote: char) -> (Token<'_>, &str) {
    // Both quotes are one byte; in nearly every text nothing is escaped.
    let plain = rest[1..].find([quote, '\\']);
    if let Some(end) = plain.filter(|end| rest[1 + end..].starts_with(quote)) {
        return (Token::Text(rest[1..=end].into()), &rest[end + 2..]);
    }
    let mut text = String::new();
    let mut characters = rest.char_indices().skip(1);
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some((_, escaped)) if escaped == quote || escaped == '\\' => text.push(escaped),
                Some((_, other)) => text.extend(['\\', other]),
                None => break,
            },
            _ if character == quote => return (Token::Text(text.into()), &rest[at + 1..]),
            other => text.push(other),
        }
    }
    (Token::Bad("a quote that is not closed".into()), "")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(pattern: &str) -> Result<String, String> {
        let show = |test: &Test| {
            let not = if test.negated { "NOT " } else { "" };
            format!(
                "{}:{} {not}{} {}",
                test.object, test.property, test.op, test.value
            )
        };
        let alternatives = read(pattern)?;
        Ok(alternatives
            .iter()
            .map(|all| all.iter().map(show).collect::<Vec<_>>().join(" & "))
            .collect::<Vec<_>>()
            .join(" | "))
    }

    #[test]
    fn expressions_become_alternatives() {
        for (pattern, expected) in [
            (
                "[url:value = 'http://a.example/']",
                "url:value = http://a.example/",
            ),
            (
                "[ipv4-addr:value='192.0.2.1']",
                "ipv4-addr:value = 192.0.2.1",
            ),
            (
                "[a:b = 1 OR c:d = 2 AND e:f = 3]",
                "a:b = 1 | c:d = 2 & e:f = 3",
            ),
            (
                "[(a:b = 1 OR c:d = 2) AND e:f = 3]",
                "a:b = 1 & e:f = 3 | c:d = 2 & e:f = 3",
            ),
            (
                "[a:b = 1] AND ([c:d = 2] FOLLOWEDBY [e:f = -3.5]) WITHIN 5 SECONDS",
                "a:b = 1 | c:d = 2 | e:f = -3.5",
            ),
            ("[a:b = 1] REPEATS 5 TIMES WITHIN 1800.5 SECONDS", "a:b = 1"),
            (
                "[a:b = 1] START t'2023-01-01T00:00:00Z' STOP t'2023-02-01T00:00:00Z'",
                "a:b = 1",
            ),
            (
                "[file:hashes.'SHA-256' = 'aa' AND file:name NOT LIKE 'x%']",
                "file:hashes.SHA-256 = aa & file:name NOT LIKE x%",
            ),
            (
                "[file:hashes.\"SHA-256\" = 'aa']",
                "file:hashes.SHA-256 = aa",
            ),
            ("[a:b IN ('x', 'y')]", "a:b = x | a:b = y"),
            ("[a:b NOT IN ('x', 'y')]", "a:b NOT = x & a:b NOT = y"),
            (
                "[x-y:a[*].b_ref.value MATCHES '^a\\\\.b\\d']",
                "x-y:a.b_ref.value MATCHES ^a\\.b\\d",
            ),
            ("[a:b = 'it\\'s']", "a:b = it's"),
            (
                "[EXISTS a:b AND NOT a:c != true]",
                "a:b EXISTS  & a:c NOT != true",
            ),
            ("[a:b ISSUBSET '192.0.2.0/24']", "a:b ISSUBSET 192.0.2.0/24"),
        ] {
            assert_eq!(shown(pattern).as_deref(), Ok(expected), "{pattern}");
        }
    }

    #[test]
    fn what_is_no_pattern_is_told() {
        for (pattern, expected) in [
            ("", "has its end where `[` should be"),
            ("alert tcp any any", "has `alert` where `[` should be"),
            (
                "[a:b = 'x]",
                "has a quote that is not closed where a value should be",
            ),
            ("[a:b 'x']", "has the text `x` where an operator should be"),
            ("[a:b = 'x'] or", "has its end where `[` should be"),
            ("[a:b = 'x'] x", "goes on with `x` where it should end"),
            ("[a = 'x']", "has `=` where `:` should be"),
            (
                "[a:b = 'x'] WITHIN 5",
                "has its end where `SECONDS` should be",
            ),
        ] {
            assert_eq!(read(pattern), Err(expected.to_owned()), "{pattern}");
        }
        assert!(read(&"(".repeat(100_000)).is_err());
        assert!(read(&format!("[{}", "(".repeat(100_000))).is_err());
        let many = vec!["(a:b = 1 OR a:b = 2)"; 40].join(" AND ");
        assert!(read(&format!("[{many}]")).is_err_and(|error| error.contains("more than")));
    }

    fn test() -> impl Strategy<Value = Test> {
        let op = prop_oneof![
            Just(Op::Equal),
            Just(Op::NotEqual),
            Just(Op::Less),
            Just(Op::GreaterOrEqual),
            Just(Op::Like),
            Just(Op::Matches),
            Just(Op::Subset),
            Just(Op::Superset)
        ];
        (
            "[a-z][a-z0-9-]{0,8}",
            "[a-z_][a-z0-9_]{0,8}",
            op,
            any::<bool>(),
            any::<String>(),
        )
            .prop_map(|(object, property, op, negated, value)| Test {
                object,
                property,
                op,
                negated,
                value,
            })
    }

    fn written(test: &Test) -> String {
        let not = if test.negated { "NOT " } else { "" };
        let value = test.value.replace('\\', "\\\\").replace('\'', "\\'");
        format!(
            "{}:{} {not}{} '{value}'",
            test.object, test.property, test.op
        )
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(all in proptest::collection::vec(proptest::collection::vec(test(), 1..4), 1..4)) {
            // A type of object named as a keyword is what the grammar's author forgot to forbid.
            let keyword = |test: &Test| matches!(test.object.as_str(), "not" | "exists");
            prop_assume!(!all.iter().flatten().any(keyword));
            let conjunctions: Vec<String> =
                all.iter().map(|tests| tests.iter().map(written).collect::<Vec<_>>().join(" AND ")).collect();
            prop_assert_eq!(read(&format!("[{}]", conjunctions.join(" OR "))), Ok(all.clone()));
            prop_assert_eq!(read(&format!("[{}]", conjunctions.join("] OR ["))), Ok(all));
        }

        #[test]
        fn arbitrary_text_does_not_panic(
            text in any::<String>(),
            pieces in proptest::collection::vec(
                proptest::sample::select(vec!["[", "]", "(", ")", "a:b", "=", "'x'", "AND", "OR", "NOT", "IN", ",", "'", "\\", "WITHIN", "5", ".", "é", "t'"]), 0..30),
        ) {
            let _ = read(&text);
            let _ = read(&pieces.join(" "));
            let _ = read(&pieces.concat());
        }
    }
}
