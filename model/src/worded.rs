//! Closed lists of words as tables: one row a variant, with its stored label and what is shown.

use std::fmt;

/// A text is none of a list's labels.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no {what}: one of {labels}")]
pub struct UnknownWord {
    /// What was given.
    pub text: String,
    /// What was expected.
    pub what: &'static str,
    /// What there is.
    pub labels: String,
}

impl UnknownWord {
    pub(crate) fn new(text: &str, what: &'static str, labels: &[&str]) -> Self {
        UnknownWord {
            text: text.to_owned(),
            what,
            labels: labels.join(", "),
        }
    }
}

/// A word of a closed list: what is stored, and what is shown.
pub trait Word: Copy + fmt::Display + std::str::FromStr<Err = UnknownWord> + 'static {
    /// All words of the list, in its order.
    const ALL: &'static [Self];

    /// The stable label that is stored and typed.
    fn label(self) -> &'static str;

    /// What a Chinese page shows.
    fn zh(self) -> &'static str;

    /// What an English page shows.
    fn en(self) -> &'static str;
}

macro_rules! worded {
    ($(
        $(#[$doc:meta])*
        $name:ident ($what:literal) {
            $($(#[$variant_doc:meta])* $variant:ident = $label:literal, $zh:literal, $en:literal;)+
        }
    )+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)+
        }

        impl $crate::worded::Word for $name {
            const ALL: &'static [Self] = &[$($name::$variant),+];

            fn label(self) -> &'static str {
                match self { $($name::$variant => $label,)+ }
            }

            fn zh(self) -> &'static str {
                match self { $($name::$variant => $zh,)+ }
            }

            fn en(self) -> &'static str {
                match self { $($name::$variant => $en,)+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad($crate::worded::Word::label(*self))
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::worded::UnknownWord;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $($label => Ok($name::$variant),)+
                    _ => Err($crate::worded::UnknownWord::new(text, $what, &[$($label),+])),
                }
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str($crate::worded::Word::label(*self))
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                <std::borrow::Cow<'de, str> as serde::Deserialize>::deserialize(from)?
                    .parse()
                    .map_err(serde::de::Error::custom)
            }
        }
    )+};
}

pub(crate) use worded;
