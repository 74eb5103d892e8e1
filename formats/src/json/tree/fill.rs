//! Reads a value into a tree, node behind node, by serde_json's parser.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Number;

use super::{Span, Tree, What};

/// Members up to which each new name is compared with those before it.
const FEW: usize = 32;

/// Reads one value behind the nodes that are there.
pub(super) struct Fill<'f, 's> {
    pub tree: &'f mut Tree,
    /// The text that is read, which the tree begins with.
    pub source: &'s str,
    /// The name under which the value is a member.
    pub name: Span,
    /// Set where a name stands twice.
    pub twice: &'f mut bool,
}

impl<'s> DeserializeSeed<'s> for Fill<'_, 's> {
    type Value = ();

    #[inline]
    fn deserialize<D: Deserializer<'s>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'s> Visitor<'s> for Fill<'_, 's> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any valid JSON value")
    }

    #[inline]
    fn visit_unit<E>(self) -> Result<(), E> {
        self.tree.push(self.name, What::Null);
        Ok(())
    }

    #[inline]
    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.tree.push(self.name, What::Bool(value));
        Ok(())
    }

    #[inline]
    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.tree.push(self.name, What::Number(value.into()));
        Ok(())
    }

    #[inline]
    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        self.tree.push(self.name, What::Number(value.into()));
        Ok(())
    }

    #[inline]
    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        let what = Number::from_f64(value).map_or(What::Null, What::Number);
        self.tree.push(self.name, what);
        Ok(())
    }

    #[inline]
    fn visit_borrowed_str<E>(self, text: &'s str) -> Result<(), E> {
        let span = place(self.tree, self.source, text);
        self.tree.push(self.name, What::Text(span));
        Ok(())
    }

    #[inline]
    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        let span = self.tree.push_text(text);
        self.tree.push(self.name, What::Text(span));
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'s>>(self, mut list: A) -> Result<(), A::Error> {
        let Fill {
            tree,
            source,
            name,
            twice,
        } = self;
        let at = tree.push(name, What::List);
        loop {
            let element = Fill {
                tree,
                source,
                name: Span::default(),
                twice,
            };
            if list.next_element_seed(element)?.is_none() {
                break;
            }
        }
        tree.close(at);
        Ok(())
    }

    fn visit_map<A: MapAccess<'s>>(self, mut map: A) -> Result<(), A::Error> {
        let Fill {
            tree,
            source,
            name,
            twice,
        } = self;
        let at = tree.push(name, What::Object);
        // A bit for each look of a name that was there: most names have one of their own.
        let (mut looks, mut count) = (0u64, 0);
        while let Some(name) = map.next_key_seed(Name { tree, source })? {
            tree.close(at);
            let text = tree.str(name);
            let look = 1 << look_of(text);
            if looks & look != 0 && count < FEW {
                *twice |= tree.children(at).any(|member| member.name() == text);
            }
            looks |= look;
            count += 1;
            map.next_value_seed(Fill {
                tree,
                source,
                name,
                twice,
            })?;
        }
        tree.close(at);
        *twice |= count > FEW && tree.has_twice(at);
        Ok(())
    }
}

/// Six bits of a name's length and ends.
fn look_of(name: &str) -> u8 {
    let bytes = name.as_bytes();
    let (first, last) = (bytes.first(), bytes.last());
    let sum = first.map_or(0, |first| first.wrapping_mul(5));
    let sum = sum.wrapping_add(last.map_or(0, |last| last.wrapping_mul(3)));
    sum.wrapping_add(bytes.len() as u8) % 64
}

/// Where a text stands that the parser gives: in the source, as long as it has no escapes.
fn place(tree: &mut Tree, source: &str, text: &str) -> Span {
    let start = (text.as_ptr() as usize).wrapping_sub(source.as_ptr() as usize);
    if start <= source.len() && text.len() <= source.len() - start {
        Span {
            start: start as u32,
            end: (start + text.len()) as u32,
        }
    } else {
        tree.push_text(text)
    }
}

/// Reads a member's name.
struct Name<'f, 's> {
    tree: &'f mut Tree,
    source: &'s str,
}

impl<'s> DeserializeSeed<'s> for Name<'_, 's> {
    type Value = Span;

    #[inline]
    fn deserialize<D: Deserializer<'s>>(self, deserializer: D) -> Result<Span, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'s> Visitor<'s> for Name<'_, 's> {
    type Value = Span;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string key")
    }

    #[inline]
    fn visit_borrowed_str<E>(self, text: &'s str) -> Result<Span, E> {
        Ok(place(self.tree, self.source, text))
    }

    #[inline]
    fn visit_str<E>(self, text: &str) -> Result<Span, E> {
        Ok(self.tree.push_text(text))
    }
}
