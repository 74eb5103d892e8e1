//! One JSON value as a list of its nodes in the order of the text: where the formats of JSON documents
//! look members up.
//!
//! Elements of these formats have a few hundred bytes, a score of members, and some of them are read. A
//! `serde_json::Value` allocates for every text, list and object of one and hashes every name, which
//! was more than half of a reader's time. A [`Tree`] keeps its buffers from one element to the next,
//! its texts are ranges of one string, and a member is found by going along its object. It says what
//! `Value` says: serde_json's parser reads it, with its limits and messages, and of a member that
//! stands twice the last value holds, at the first one's place. (One difference is meant: a member
//! by the name that serde_json keeps for its own use is a member like others.)

mod fill;

use std::borrow::Cow;
use std::fmt::Write as _;

use serde::de::DeserializeSeed;
use serde_json::{Number, Value};

use crate::value;
use fill::Fill;

/// A value with everything in it. Of [`Self::default`] the root is null.
#[derive(Clone, Default)]
pub(crate) struct Tree {
    nodes: Vec<Node>,
    /// The text that was read; behind it, what its escaped texts mean.
    text: String,
}

#[derive(Clone)]
struct Node {
    /// The member's name; empty where it is none.
    name: Span,
    what: What,
    /// Index behind the last node in it.
    end: u32,
}

#[derive(Clone)]
enum What {
    Null,
    Bool(bool),
    Number(Number),
    Text(Span),
    List,
    Object,
}

/// A range of the tree's text. An element is bounded far below 4 GiB by the walk that cut it.
#[derive(Clone, Copy, Default)]
struct Span {
    start: u32,
    end: u32,
}

/// Nodes whose buffer is kept for the next element; a longer one was the element of its report.
const KEPT_NODES: usize = 1 << 14;
/// As [`KEPT_NODES`], bytes of text.
const KEPT_BYTES: usize = 1 << 20;

impl Tree {
    /// Reads a value in place of the one that was there.
    ///
    /// # Errors
    /// What `serde_json::from_str` says of the text; the tree is then of no use.
    pub(crate) fn read(&mut self, text: &str) -> serde_json::Result<Json<'_>> {
        self.clear();
        self.nodes.reserve((text.len() / 12).min(64));
        self.text.push_str(text);
        let mut twice = false;
        let mut reader = serde_json::Deserializer::from_str(text);
        let fill = Fill {
            tree: self,
            source: text,
            name: Span::default(),
            twice: &mut twice,
        };
        fill.deserialize(&mut reader)?;
        reader.end()?;
        if twice {
            // Rare, and which value holds is settled in one place.
            let value: Value = serde_json::from_str(text)?;
            self.clear();
            self.push_value(&value, Span::default());
        }
        Ok(self.root())
    }

    /// The value that was read.
    pub(crate) fn root(&self) -> Json<'_> {
        Json { tree: self, at: 0 }
    }

    /// Whether a text or name has a NUL character. A raw one is no JSON, so it is an escaped one.
    pub(crate) fn has_nul(&self) -> bool {
        memchr::memchr(0, self.text.as_bytes()).is_some()
    }

    fn clear(&mut self) {
        self.nodes.clear();
        self.nodes.shrink_to(KEPT_NODES);
        self.text.clear();
        self.text.shrink_to(KEPT_BYTES);
    }

    fn push(&mut self, name: Span, what: What) -> usize {
        let at = self.nodes.len();
        let end = at as u32 + 1;
        self.nodes.push(Node { name, what, end });
        at
    }

    /// Ends a list or object: what was pushed behind it is in it.
    fn close(&mut self, at: usize) {
        self.nodes[at].end = self.nodes.len() as u32;
    }

    fn push_text(&mut self, text: &str) -> Span {
        let start = self.text.len() as u32;
        self.text.push_str(text);
        let end = self.text.len() as u32;
        Span { start, end }
    }

    /// As deep as the parser let the value be.
    fn push_value(&mut self, value: &Value, name: Span) {
        let what = match value {
            Value::Null => What::Null,
            Value::Bool(value) => What::Bool(*value),
            Value::Number(number) => What::Number(number.clone()),
            Value::String(text) => What::Text(self.push_text(text)),
            Value::Array(_) => What::List,
            Value::Object(_) => What::Object,
        };
        let at = self.push(name, what);
        match value {
            Value::Array(list) => {
                for element in list {
                    self.push_value(element, Span::default());
                }
            }
            Value::Object(members) => {
                for (name, value) in members {
                    let name = self.push_text(name);
                    self.push_value(value, name);
                }
            }
            _ => {}
        }
        self.close(at);
    }

    fn str(&self, span: Span) -> &str {
        &self.text[span.start as usize..span.end as usize]
    }

    fn children(&self, at: usize) -> Children<'_> {
        Children {
            tree: self,
            next: at + 1,
            end: self.nodes[at].end as usize,
        }
    }

    /// Whether a name stands twice in an object of many members.
    fn has_twice(&self, at: usize) -> bool {
        let mut names: Vec<&str> = self.children(at).map(Json::name).collect();
        names.sort_unstable();
        names.windows(2).any(|pair| pair[0] == pair[1])
    }
}

/// A value of a tree.
#[derive(Clone, Copy)]
pub(crate) struct Json<'t> {
    tree: &'t Tree,
    /// Its node; null where there is none.
    at: usize,
}

/// The tree of [`Json::NULL`].
static NOTHING: Tree = Tree {
    nodes: Vec::new(),
    text: String::new(),
};

impl<'t> Json<'t> {
    /// No value.
    pub(crate) const NULL: Json<'static> = Json {
        tree: &NOTHING,
        at: 0,
    };

    fn what(self) -> &'t What {
        self.tree
            .nodes
            .get(self.at)
            .map_or(&What::Null, |node| &node.what)
    }

    /// The name under which it is a member.
    pub(crate) fn name(self) -> &'t str {
        let node = self.tree.nodes.get(self.at);
        node.map_or("", |node| self.tree.str(node.name))
    }

    /// The member of that name, where this is an object that has it.
    pub(crate) fn get(self, name: &str) -> Option<Json<'t>> {
        let Json { tree, at } = self;
        let node = tree.nodes.get(at)?;
        let (mut at, end) = match node.what {
            What::Object => (at + 1, node.end as usize),
            _ => return None,
        };
        // Most names differ in length, so this is what most of a reader's look-ups come to.
        while at < end {
            let node = &tree.nodes[at];
            let Span { start, end } = node.name;
            if (end - start) as usize == name.len() && tree.str(node.name) == name {
                return Some(Json { tree, at });
            }
            at = node.end as usize;
        }
        None
    }

    /// [`Self::get`]; null where there is none.
    pub(crate) fn member(self, name: &str) -> Json<'t> {
        self.get(name).unwrap_or(Json::NULL)
    }

    /// The members of an object, which know their names; of anything else none.
    pub(crate) fn members(self) -> impl Iterator<Item = Json<'t>> {
        let children = self.is_object().then(|| self.tree.children(self.at));
        children.into_iter().flatten()
    }

    /// The elements of a list; of anything else none.
    pub(crate) fn list(self) -> impl Iterator<Item = Json<'t>> {
        let is_list = matches!(self.what(), What::List);
        let children = is_list.then(|| self.tree.children(self.at));
        children.into_iter().flatten()
    }

    pub(crate) fn is_object(self) -> bool {
        matches!(self.what(), What::Object)
    }

    pub(crate) fn is_null(self) -> bool {
        matches!(self.what(), What::Null)
    }

    /// Whether it says nothing: null, an empty text, list or object.
    pub(crate) fn is_silent(self) -> bool {
        match self.what() {
            What::Null => true,
            What::Text(span) => value::given(self.tree.str(*span)).is_none(),
            What::List | What::Object => self.tree.children(self.at).next().is_none(),
            What::Bool(_) | What::Number(_) => false,
        }
    }

    /// The truth value, where it is one.
    pub(crate) fn bool(self) -> Option<bool> {
        match self.what() {
            What::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// The number, where it is one.
    pub(crate) fn number(self) -> Option<&'t Number> {
        match self.what() {
            What::Number(number) => Some(number),
            _ => None,
        }
    }

    /// The text as it is, where it is one.
    pub(crate) fn str(self) -> Option<&'t str> {
        match self.what() {
            What::Text(span) => Some(self.tree.str(*span)),
            _ => None,
        }
    }

    /// The text where it is one that says something.
    pub(crate) fn string(self) -> Option<&'t str> {
        self.str().and_then(value::given)
    }

    /// The text of a string or number as it is.
    pub(crate) fn words(self) -> Option<Cow<'t, str>> {
        match self.what() {
            What::Text(span) => Some(self.tree.str(*span).into()),
            What::Number(number) => Some(number.to_string().into()),
            _ => None,
        }
    }

    /// The text of a string or number; `None` where it says nothing.
    pub(crate) fn text(self) -> Option<Cow<'t, str>> {
        match self.str() {
            Some(text) => value::given(text).map(Into::into),
            None => self.words(),
        }
    }

    /// A copy for whoever takes a value apart.
    pub(crate) fn to_value(self) -> Value {
        match self.what() {
            What::Null => Value::Null,
            What::Bool(value) => Value::Bool(*value),
            What::Number(number) => Value::Number(number.clone()),
            What::Text(span) => self.tree.str(*span).into(),
            What::List => self.list().map(Json::to_value).collect(),
            What::Object => {
                let member = |member: Json<'_>| (member.name().to_owned(), member.to_value());
                Value::Object(self.members().map(member).collect())
            }
        }
    }

    /// Appends it as `serde_json` writes it, without white space. As deep as the parser let it be.
    pub(crate) fn write(self, out: &mut String) {
        match self.what() {
            What::Null => out.push_str("null"),
            What::Bool(true) => out.push_str("true"),
            What::Bool(false) => out.push_str("false"),
            What::Number(number) => {
                write!(out, "{number}").expect("writing to a string does not fail");
            }
            What::Text(span) => write_text(self.tree.str(*span), out),
            What::List => {
                out.push('[');
                for (index, element) in self.list().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    element.write(out);
                }
                out.push(']');
            }
            What::Object => {
                out.push('{');
                for (index, member) in self.members().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    write_text(member.name(), out);
                    out.push(':');
                    member.write(out);
                }
                out.push('}');
            }
        }
    }
}

/// Escapes are left to `serde_json`: it has short ones for more characters than our own writer
/// ([`model::record::push_json_text`]) has, and what went into an identity once stays as it is.
pub(crate) fn write_text(text: &str, out: &mut String) {
    let plain = |byte: u8| byte >= 0x20 && byte != b'"' && byte != b'\\';
    if text.bytes().all(plain) {
        out.push('"');
        out.push_str(text);
        out.push('"');
    } else {
        out.push_str(&Value::from(text).to_string());
    }
}

/// The values directly in a list or object.
struct Children<'t> {
    tree: &'t Tree,
    next: usize,
    end: usize,
}

impl<'t> Iterator for Children<'t> {
    type Item = Json<'t>;

    #[inline]
    fn next(&mut self) -> Option<Json<'t>> {
        if self.next >= self.end {
            return None;
        }
        let at = self.next;
        self.next = self.tree.nodes[at].end as usize;
        Some(Json {
            tree: self.tree,
            at,
        })
    }
}

#[cfg(test)]
mod tests;
