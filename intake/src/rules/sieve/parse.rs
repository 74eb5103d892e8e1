//! From the text of a script to its tree; every fault names its byte.
//!
//! Read by descent, no token list: what a word is depends on where it stands (a key may be called
//! `if`). Nesting is bounded, so a hostile file cannot exhaust the stack.

use ipnet::IpNet;
use regex::Regex;
use serde_json::Value as Json;

use super::{
    Action, Assign, Condition, Expression, ListTest, Moment, Name, NumberTest, Operand, Script,
    Statement, Test, TextTest, moment, span,
};
use crate::rules::{At, pattern, position, view};

/// Groups and clauses inside one another.
const MAX_DEPTH: u32 = 64;

type Parsed<T> = Result<T, At>;

/// Reads a script.
///
/// # Errors
/// The first fault, with its byte.
pub(in crate::rules) fn parse(text: &str) -> Parsed<Script> {
    let mut parser = Parser {
        text,
        at: 0,
        depth: 0,
    };
    let mut statements = Vec::new();
    parser.skip();
    while parser.at < text.len() {
        statements.push(parser.statement()?);
        parser.skip();
    }
    Ok(Script(statements))
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
    depth: u32,
}

/// A list element, or the value behind an operator.
enum Literal {
    Text(String),
    Number(Json),
    Truth(bool),
    Variable(String),
}

impl Literal {
    fn json(self) -> Operand<Json> {
        match self {
            Literal::Text(text) => Operand::Given(text.into()),
            Literal::Number(number) => Operand::Given(number),
            Literal::Truth(truth) => Operand::Given(truth.into()),
            Literal::Variable(name) => Operand::Variable(name),
        }
    }
}

/// A byte of a key.
fn in_key(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'.')
}

impl<'t> Parser<'t> {
    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn fault<T>(&self, message: impl Into<String>) -> Parsed<T> {
        Err(At::new(self.at, message))
    }

    /// What stands here, for a message.
    fn here(&self) -> String {
        match self.rest().chars().next() {
            None => "the end of the file".to_owned(),
            Some(_) => {
                let word = self.rest().split_whitespace().next().unwrap_or_default();
                format!("`{}`", formats::value::shorten(word))
            }
        }
    }

    /// Skips white space and comments.
    fn skip(&mut self) {
        loop {
            let rest = self.rest();
            let bare = rest.trim_start_matches([' ', '\t', '\r', '\n', '\u{feff}']);
            self.at += rest.len() - bare.len();
            if !bare.starts_with('#') && !bare.starts_with("//") {
                return;
            }
            self.at += bare.find('\n').unwrap_or(bare.len());
        }
    }

    /// Takes a sign, if it is the next.
    fn eat(&mut self, sign: &str) -> bool {
        self.skip();
        let found = self.rest().starts_with(sign);
        if found {
            self.at += sign.len();
        }
        found
    }

    /// Takes a word, if it is the next and does not go on.
    fn word(&mut self, word: &str) -> bool {
        self.skip();
        let behind = self.rest().strip_prefix(word);
        let found = behind.is_some_and(|rest| !rest.bytes().next().is_some_and(in_key));
        if found {
            self.at += word.len();
        }
        found
    }

    fn expect(&mut self, sign: &str) -> Parsed<()> {
        match self.eat(sign) {
            true => Ok(()),
            false => self.fault(format!("expected `{sign}`, found {}", self.here())),
        }
    }

    fn deeper<T>(&mut self, inner: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth == MAX_DEPTH {
            return self.fault(format!("nested deeper than {MAX_DEPTH}"));
        }
        self.depth += 1;
        let parsed = inner(self);
        self.depth -= 1;
        parsed
    }

    fn statement(&mut self) -> Parsed<Statement> {
        self.skip();
        let line = position(self.text, self.at).0;
        if self.word("if") {
            return self.deeper(Self::branch);
        }
        let action = self.action()?;
        Ok(Statement::Act(line, action))
    }

    fn branch(&mut self) -> Parsed<Statement> {
        let mut clauses = vec![(Some(self.expression()?), self.block()?)];
        while self.word("elif") {
            clauses.push((Some(self.expression()?), self.block()?));
        }
        if self.word("else") {
            clauses.push((None, self.block()?));
        }
        Ok(Statement::Branch(clauses))
    }

    fn block(&mut self) -> Parsed<Vec<Statement>> {
        self.expect("{")?;
        let mut statements = Vec::new();
        while !self.eat("}") {
            if self.at == self.text.len() {
                return self.fault("expected `}`, found the end of the file");
            }
            statements.push(self.statement()?);
        }
        Ok(statements)
    }

    fn action(&mut self) -> Parsed<Action> {
        if self.rest().starts_with('$') {
            let variable = self.variable()?;
            self.expect("=")?;
            let key = self.key()?;
            return Ok(Action::Bind(variable, key));
        }
        if self.eat("add!") {
            let (name, assign, value) = self.assignment()?;
            return Ok(Action::Force(name, assign, value));
        }
        if self.eat("append!") {
            return Ok(Action::Append(self.name()?, true, self.literal()?.json()));
        }
        if self.word("drop") {
            return Ok(Action::Drop);
        }
        if self.word("keep") {
            return Ok(Action::Keep);
        }
        if self.word("path") {
            let path = match self.eat("[") {
                true => Json::Array(
                    self.list(Self::string)?
                        .into_iter()
                        .map(Json::from)
                        .collect(),
                ),
                false => self.string()?.into(),
            };
            return Ok(Action::Path(path));
        }
        if self.word("add") {
            let (name, assign, value) = self.assignment()?;
            return Ok(Action::Add(name, assign, value));
        }
        if self.word("update") {
            let (name, assign, value) = self.assignment()?;
            return Ok(Action::Update(name, assign, value));
        }
        if self.word("append") {
            return Ok(Action::Append(self.name()?, false, self.literal()?.json()));
        }
        if self.word("remove") {
            self.skip();
            let start = self.at;
            let name = self.name()?;
            if matches!(&name, Name::Key(key) if key == "time.source") {
                return Err(At::new(
                    start,
                    "time.source cannot be removed: every event has a time",
                ));
            }
            return Ok(Action::Remove(name));
        }
        self.fault(format!(
            "expected `if` or an action (add, add!, update, append, append!, remove, keep, drop, path, $name =), found {}",
            self.here()
        ))
    }

    fn assignment(&mut self) -> Parsed<(Name, Assign, Operand<Json>)> {
        let name = self.name()?;
        let assign = if self.eat("+=") {
            Assign::Later
        } else if self.eat("-=") {
            Assign::Earlier
        } else if self.eat("=") {
            Assign::Set
        } else {
            return self.fault(format!("expected `=`, `+=` or `-=`, found {}", self.here()));
        };
        self.skip();
        let start = self.at;
        let value = self.literal()?.json();
        if assign != Assign::Set
            && let Operand::Given(given) = &value
            && given.as_str().and_then(span).is_none()
        {
            let what = "only a span of time such as '10 hours' can be added or taken off";
            return Err(At::new(start, what));
        }
        Ok((name, assign, value))
    }

    /// A run of characters of a key.
    fn key(&mut self) -> Parsed<String> {
        self.skip();
        let end = self.rest().bytes().take_while(|byte| in_key(*byte)).count();
        if end == 0 {
            return self.fault(format!(
                "expected a field such as source.ip, found {}",
                self.here()
            ));
        }
        let key = &self.rest()[..end];
        self.at += end;
        Ok(key.to_owned())
    }

    fn variable(&mut self) -> Parsed<String> {
        let is_name =
            |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'_';
        let end = 1 + self.rest().bytes().skip(1).take_while(is_name).count();
        if end == 1 {
            return self.fault("expected the name of a variable such as $address");
        }
        let name = &self.rest()[..end];
        self.at += end;
        Ok(name.to_owned())
    }

    fn name(&mut self) -> Parsed<Name> {
        self.skip();
        match self.rest().starts_with('$') {
            true => self.variable().map(Name::Variable),
            false => self.key().map(Name::Key),
        }
    }

    /// A text in either quotes, in which a backslash keeps a quote from ending it.
    fn string(&mut self) -> Parsed<String> {
        self.skip();
        let Some(quote @ (b'"' | b'\'')) = self.rest().bytes().next() else {
            return self.fault(format!("expected a text in quotes, found {}", self.here()));
        };
        let bytes = self.rest().as_bytes();
        let mut end = 1;
        loop {
            match bytes.get(end) {
                None => return self.fault("a text without its closing quote"),
                Some(b'\\') if bytes.get(end + 1) == Some(&quote) => end += 2,
                Some(byte) if *byte == quote => break,
                Some(_) => end += 1,
            }
        }
        let text = &self.rest()[1..end];
        self.at += end + 1;
        Ok(text.replace("\\\"", "\"").replace("\\'", "'"))
    }

    /// A number; `None` where none stands here.
    fn number(&mut self) -> Parsed<Option<Json>> {
        let rest = self.rest();
        let starts = |c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.');
        if !rest.starts_with(starts) {
            return Ok(None);
        }
        let part =
            |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'+' | b'-');
        let end = rest.bytes().take_while(part).count();
        let (text, bare) = (&rest[..end], rest[..end].trim_start_matches('+'));
        let whole = formats::value::int(bare).map(Json::from);
        let real = || bare.parse::<f64>().ok().filter(|real| real.is_finite());
        match whole.or_else(|| real().map(Json::from)) {
            Some(number) => {
                self.at += end;
                Ok(Some(number))
            }
            None => self.fault(format!("`{text}` is no number")),
        }
    }

    fn literal(&mut self) -> Parsed<Literal> {
        self.skip();
        if self.rest().starts_with('$') {
            return self.variable().map(Literal::Variable);
        }
        if let Some(number) = self.number()? {
            return Ok(Literal::Number(number));
        }
        for (word, truth) in [
            ("true", true),
            ("True", true),
            ("false", false),
            ("False", false),
        ] {
            if self.word(word) {
                return Ok(Literal::Truth(truth));
            }
        }
        if self.rest().starts_with(['"', '\'']) {
            return self.string().map(Literal::Text);
        }
        self.fault(format!(
            "expected a text in quotes, a number, true, false or a variable, found {}",
            self.here()
        ))
    }

    /// The elements up to `]`; the opening bracket is taken.
    fn list<T>(&mut self, mut element: impl FnMut(&mut Self) -> Parsed<T>) -> Parsed<Vec<T>> {
        let mut list = Vec::new();
        if self.eat("]") {
            return Ok(list);
        }
        loop {
            list.push(element(self)?);
            if self.eat("]") {
                return Ok(list);
            }
            if !self.eat(",") {
                return self.fault(format!("expected `,` or `]`, found {}", self.here()));
            }
        }
    }

    fn expression(&mut self) -> Parsed<Expression> {
        let mut any = Vec::new();
        loop {
            let mut all = vec![self.condition()?];
            while self.eat("&&") {
                all.push(self.condition()?);
            }
            any.push(all);
            if !self.eat("||") {
                return Ok(Expression(any));
            }
        }
    }

    fn condition(&mut self) -> Parsed<Condition> {
        let negated = self.eat("!");
        let test = if self.eat("(") {
            let inner = self.deeper(Self::expression)?;
            self.expect(")")?;
            Test::Group(inner)
        } else if self.eat(":exists") {
            Test::Exists(self.name()?, true)
        } else if self.eat(":notexists") {
            Test::Exists(self.name()?, false)
        } else {
            self.comparison()?
        };
        Ok(Condition { negated, test })
    }

    fn comparison(&mut self) -> Parsed<Test> {
        /// Longer signs before those that they begin with.
        const OPERATORS: &[&str] = &[
            "==",
            "!=",
            "=~",
            "!~",
            "<<",
            "<=",
            ">=",
            "<",
            ">",
            ":containsany",
            ":contains",
            ":regexin",
            ":in",
            ":before",
            ":after",
            ":equals",
            ":setequals",
            ":overlaps",
            ":subsetof",
            ":supersetof",
        ];
        let name = self.name()?;
        self.skip();
        let Some(operator) = OPERATORS
            .iter()
            .find(|sign| self.rest().starts_with(**sign))
        else {
            return self.fault(format!(
                "expected an operator ({}), found {}",
                OPERATORS.join(" "),
                self.here()
            ));
        };
        self.at += operator.len();
        self.skip();
        let start = self.at;
        Ok(match *operator {
            "==" | "!=" => self.equality(name, *operator == "==")?,
            ":contains" => Test::Text(name, TextTest::Contains, self.text()?),
            "=~" | "!~" => Test::Pattern(name, *operator == "=~", self.pattern()?),
            "<" => Test::Number(name, NumberTest::Less, self.bound()?),
            ">" => Test::Number(name, NumberTest::More, self.bound()?),
            "<=" => Test::Number(name, NumberTest::AtMost, self.bound()?),
            ">=" => Test::Number(name, NumberTest::AtLeast, self.bound()?),
            "<<" => match self.eat("[") {
                true => Test::Network(name, self.list(Self::network)?),
                false => Test::Network(name, vec![self.network()?]),
            },
            ":before" | ":after" => {
                let moment = match self.text()? {
                    Operand::Given(text) => {
                        let found: Result<Moment, String> = moment(&text);
                        Operand::Given(found.map_err(|why| At::new(start, why))?)
                    }
                    Operand::Variable(name) => Operand::Variable(name),
                };
                Test::Time(name, *operator == ":before", moment)
            }
            ":containsany" => Test::ContainsAny(name, self.some(Self::text)?),
            ":regexin" => Test::PatternIn(name, self.some(Self::pattern)?),
            ":in" => {
                let literals = self.some(Self::literal)?;
                let text = |literal: &Literal| matches!(literal, Literal::Text(_));
                let number = |literal: &Literal| matches!(literal, Literal::Number(_));
                let truth = |literal: &Literal| matches!(literal, Literal::Truth(_));
                if literals.iter().any(truth)
                    || literals.iter().any(text) && literals.iter().any(number)
                {
                    let what = ":in takes a list of texts or a list of numbers";
                    return Err(At::new(start, what));
                }
                Test::In(name, literals.into_iter().map(Literal::json).collect())
            }
            other => {
                let test = match other {
                    ":equals" => ListTest::Equals,
                    ":setequals" => ListTest::SetEquals,
                    ":overlaps" => ListTest::Overlaps,
                    ":subsetof" => ListTest::SubsetOf,
                    _ => ListTest::SupersetOf,
                };
                self.expect("[")?;
                let list = self.list(Self::literal)?;
                Test::List(name, test, list.into_iter().map(Literal::json).collect())
            }
        })
    }

    fn equality(&mut self, name: Name, equal: bool) -> Parsed<Test> {
        let (text, number) = match equal {
            true => (TextTest::Equal, NumberTest::Equal),
            false => (TextTest::Unequal, NumberTest::Unequal),
        };
        let start = self.at;
        Ok(match self.literal()? {
            Literal::Text(given) => {
                let is_address = |key: &str| {
                    let kind = formats::intelmq::keys::find(key);
                    kind == Some(formats::intelmq::keys::Type::Address)
                };
                if matches!(&name, Name::Key(key) if is_address(key))
                    && given.parse::<std::net::IpAddr>().is_err()
                {
                    return Err(At::new(start, format!("`{given}` is no IP address")));
                }
                Test::Text(name, text, Operand::Given(given))
            }
            Literal::Variable(given) => Test::Text(name, text, Operand::Variable(given)),
            Literal::Number(given) => {
                Test::Number(name, number, view::number(&given).unwrap_or(0.0))
            }
            Literal::Truth(truth) => Test::Truth(name, equal, truth),
        })
    }

    /// A list that must not be empty.
    fn some<T>(&mut self, element: impl FnMut(&mut Self) -> Parsed<T>) -> Parsed<Vec<T>> {
        self.expect("[")?;
        let start = self.at;
        let list = self.list(element)?;
        match list.is_empty() {
            true => Err(At::new(start, "the list is empty")),
            false => Ok(list),
        }
    }

    fn text(&mut self) -> Parsed<Operand<String>> {
        self.skip();
        match self.rest().starts_with('$') {
            true => self.variable().map(Operand::Variable),
            false => self.string().map(Operand::Given),
        }
    }

    fn pattern(&mut self) -> Parsed<Operand<Regex>> {
        self.skip();
        let start = self.at;
        Ok(match self.text()? {
            Operand::Given(text) => {
                Operand::Given(pattern::compile(&text, false).map_err(|why| At::new(start, why))?)
            }
            Operand::Variable(name) => Operand::Variable(name),
        })
    }

    /// The number behind an order sign.
    fn bound(&mut self) -> Parsed<f64> {
        self.skip();
        match self.number()? {
            Some(number) => Ok(view::number(&number).unwrap_or(0.0)),
            None => self.fault(format!("expected a number, found {}", self.here())),
        }
    }

    /// A network or address; host bits are cleared.
    fn network(&mut self) -> Parsed<IpNet> {
        self.skip();
        let start = self.at;
        let text = self.string()?;
        let network = formats::value::network(&text);
        let network = network.and_then(|(address, bits)| IpNet::new(address, bits).ok());
        network.ok_or_else(|| {
            At::new(
                start,
                format!("`{text}` is no network such as 192.0.2.0/24"),
            )
        })
    }
}
