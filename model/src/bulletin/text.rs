//! Texts in both languages, and sentences whose numbers know what they count.
//!
//! Plain text only: no markup, no escaping. Renderers escape at their edge.

use serde::{Deserialize, Serialize};

/// A language of the bulletin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lang {
    /// Simplified Chinese.
    Zh,
    /// English.
    En,
}

impl Lang {
    /// Both, in printed order.
    pub const ALL: [Lang; 2] = [Lang::Zh, Lang::En];

    /// `zh` or `en`, as in file names and options.
    pub fn code(self) -> &'static str {
        match self {
            Lang::Zh => "zh",
            Lang::En => "en",
        }
    }
}

/// A text in both languages. Plain text: renderers escape it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Text {
    /// Chinese.
    pub zh: String,
    /// English.
    pub en: String,
}

impl Text {
    /// Both languages.
    pub fn new(zh: impl Into<String>, en: impl Into<String>) -> Self {
        Text {
            zh: zh.into(),
            en: en.into(),
        }
    }

    /// The same in both: names, numbers, identifiers.
    pub fn same(text: impl Into<String>) -> Self {
        let text = text.into();
        Text {
            zh: text.clone(),
            en: text,
        }
    }

    /// The text in one language.
    pub fn get(&self, lang: Lang) -> &str {
        match lang {
            Lang::Zh => &self.zh,
            Lang::En => &self.en,
        }
    }

    /// Nothing in either language.
    pub fn is_empty(&self) -> bool {
        self.zh.is_empty() && self.en.is_empty()
    }
}

/// A piece of a sentence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Run {
    /// Words.
    Words {
        /// The text.
        text: String,
    },
    /// Words that stay on one line, as a date.
    Keep {
        /// The text.
        text: String,
    },
    /// A printed number with its unit; stays on one line and leads to its records.
    Number {
        /// Key of the statistic value.
        value: String,
        /// Which of its numbers is printed.
        aspect: Aspect,
        /// As printed.
        text: String,
    },
}

impl Run {
    /// The printed text, whatever the kind.
    pub fn text(&self) -> &str {
        match self {
            Run::Words { text } | Run::Keep { text } | Run::Number { text, .. } => text,
        }
    }
}

/// Which number of a statistic value a text prints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Aspect {
    /// This week's value.
    #[default]
    Value,
    /// The change against last week.
    Change,
    /// Last week's value.
    Previous,
}

/// A sentence or paragraph in both languages. Their numbers come in different order, so each has its own runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paragraph {
    /// Chinese.
    pub zh: Vec<Run>,
    /// English.
    pub en: Vec<Run>,
}

impl Paragraph {
    /// Words without a number in them.
    pub fn words(text: Text) -> Self {
        Paragraph {
            zh: vec![Run::Words { text: text.zh }],
            en: vec![Run::Words { text: text.en }],
        }
    }

    /// The runs of one language.
    pub fn get(&self, lang: Lang) -> &[Run] {
        match lang {
            Lang::Zh => &self.zh,
            Lang::En => &self.en,
        }
    }

    /// The plain text of one language.
    pub fn plain(&self, lang: Lang) -> String {
        self.get(lang).iter().map(Run::text).collect()
    }
}
