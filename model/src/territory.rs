//! Small closed vocabularies of place, owner and language that every crate shares.
//!
//! Only the words live here. Which country is inside is a rule of the `reference` crate's territory
//! table, which sites are a government's is its owner table; the statistics filter by the results.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Where something lies or is registered, seen from the reporting territory (境内 / 境外).
///
/// `Unknown` is a printed slice of its own (DOMAIN section 1.4, H3), never folded into another.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Territory {
    /// In the reporting territory.
    Inside,
    /// In another territory.
    Outside,
    /// Nothing tells where.
    #[default]
    Unknown,
}

impl Territory {
    /// Every value, in printing order.
    pub const ALL: [Territory; 3] = [Territory::Inside, Territory::Outside, Territory::Unknown];

    /// The stored word.
    pub fn as_str(self) -> &'static str {
        match self {
            Territory::Inside => "inside",
            Territory::Outside => "outside",
            Territory::Unknown => "unknown",
        }
    }

    /// The code of the lake's columns: 0 unknown, 1 inside, 2 outside.
    pub const fn code(self) -> u8 {
        match self {
            Territory::Unknown => 0,
            Territory::Inside => 1,
            Territory::Outside => 2,
        }
    }

    /// Reads the stored word.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|value| value.as_str() == name)
    }

    /// The printed word.
    pub fn label(self, lang: Lang) -> &'static str {
        match (self, lang) {
            (Territory::Inside, Lang::Zh) => "境内",
            (Territory::Outside, Lang::Zh) => "境外",
            (Territory::Unknown, Lang::Zh) => "未知",
            (_, Lang::En) => self.as_str(),
        }
    }
}

impl fmt::Display for Territory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whose site it is, as far as its name tells (DOMAIN section 1.4, W2, W4, W8, W9).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum OwnerClass {
    /// A government's site, such as those under `gov.cn`.
    Government,
    /// A school, university or research network.
    Education,
    /// A bank.
    Bank,
    /// Anything else, or not known.
    #[default]
    Other,
}

impl OwnerClass {
    /// Every value, in printing order.
    pub const ALL: [OwnerClass; 4] = [
        OwnerClass::Government,
        OwnerClass::Education,
        OwnerClass::Bank,
        OwnerClass::Other,
    ];

    /// The stored word.
    pub fn as_str(self) -> &'static str {
        match self {
            OwnerClass::Government => "government",
            OwnerClass::Education => "education",
            OwnerClass::Bank => "bank",
            OwnerClass::Other => "other",
        }
    }

    /// The code of the lake's columns: 0 other, 1 government, 2 education, 3 bank.
    pub const fn code(self) -> u8 {
        match self {
            OwnerClass::Other => 0,
            OwnerClass::Government => 1,
            OwnerClass::Education => 2,
            OwnerClass::Bank => 3,
        }
    }

    /// Reads the stored word.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|value| value.as_str() == name)
    }

    /// The printed word.
    pub fn label(self, lang: Lang) -> &'static str {
        match (self, lang) {
            (OwnerClass::Government, Lang::Zh) => "政府",
            (OwnerClass::Education, Lang::Zh) => "教育",
            (OwnerClass::Bank, Lang::Zh) => "银行",
            (OwnerClass::Other, Lang::Zh) => "其他",
            (_, Lang::En) => self.as_str(),
        }
    }
}

impl fmt::Display for OwnerClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Language of a printed text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lang {
    /// Chinese, simplified.
    Zh,
    /// English.
    En,
}

impl Lang {
    /// Every language the bulletin is printed in.
    pub const ALL: [Lang; 2] = [Lang::Zh, Lang::En];

    /// The code as in BCP 47 and in file names.
    pub fn as_str(self) -> &'static str {
        match self {
            Lang::Zh => "zh",
            Lang::En => "en",
        }
    }

    /// Reads the code.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|value| value.as_str() == name)
    }
}

impl fmt::Display for Lang {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_words_read_back() {
        for value in Territory::ALL {
            assert_eq!(Territory::named(value.as_str()), Some(value));
        }
        for value in OwnerClass::ALL {
            assert_eq!(OwnerClass::named(value.as_str()), Some(value));
        }
        for value in Lang::ALL {
            assert_eq!(Lang::named(value.as_str()), Some(value));
        }
        assert_eq!(Territory::named("Inside"), None);
    }
}
