//! What an editor writes around the figures: the lead case, remarks on sections, news, notes.
//!
//! The figures themselves are locked. Prose cites one only by reference, in the small language of
//! [`crate::sections::words`]: `{M1}`, `{M1|个}`, `{~M1}` its change, `{<M1}` last week's; so a number in
//! prose cannot drift from the one that is printed. A number that is none of the issue's figures is
//! written `{=24小时}`, and said so by that.
//!
//! Each block holds both languages. The English one remembers which Chinese text it was written for: when
//! that has changed since, the block is stale until somebody has read it again.

use model::bulletin::{Bulletin, Note, Paragraph, Story, Text};
use model::issue::IssueNumber;
use serde::{Deserialize, Serialize};

use crate::sections::figures::Figures;
use crate::sections::words::say;
use crate::{Error, Result};

/// Where a block stands in the issue.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// The case of the week, after the board.
    Lead,
    /// A remark at the end of the section with this identifier.
    Section(String),
    /// An item of the news, after the sections.
    News,
    /// A note at the end, beside coverage and method.
    Note,
}

/// A block of prose in both languages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    /// Short name, unique in the issue: letters, digits and hyphens.
    pub id: String,
    /// Where it stands.
    pub place: Place,
    /// Heading, of a lead case and of news.
    #[serde(default, skip_serializing_if = "Text::is_empty")]
    pub title: Text,
    /// The prose as written, with references; a blank line parts paragraphs.
    pub text: Text,
    /// Where it can be read on, an address that begins with `https://`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// [`Block::source`] of the Chinese text that the English one was last read against.
    pub translated_of: String,
}

impl Block {
    /// Fingerprint of the Chinese side.
    pub fn source(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        for text in [&self.title.zh, &self.text.zh] {
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        }
        hasher.finalize().to_hex()[..16].to_owned()
    }

    /// Whether the Chinese side changed after the English one was last read.
    pub fn is_stale(&self) -> bool {
        self.translated_of != self.source()
    }

    fn paragraphs(&self, figures: &Figures) -> Vec<Paragraph> {
        let parts = |text: &str| -> Vec<String> {
            let text = text.replace("\r\n", "\n");
            let whole = text
                .split("\n\n")
                .map(|part| part.trim().replace('\n', " "));
            whole.filter(|part| !part.is_empty()).collect()
        };
        let (zh, en) = (parts(&self.text.zh), parts(&self.text.en));
        (0..zh.len().max(en.len()))
            .map(|at| {
                let part = |side: &[String]| side.get(at).cloned().unwrap_or_default();
                say(figures, &part(&zh), &part(&en))
            })
            .collect()
    }
}

/// Longest title, characters.
const TITLE: usize = 200;
/// Longest text of a block and language, bytes.
const TEXT: usize = 40_000;

/// A block as an editor writes it, in a file or a form.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Written {
    /// Short name, unique in the issue.
    pub id: String,
    /// `lead`, `section:ID`, `news` or `note`.
    pub place: String,
    /// Heading, Chinese.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title_zh: String,
    /// Heading, English.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title_en: String,
    /// Prose, Chinese.
    pub zh: String,
    /// Prose, English.
    #[serde(default)]
    pub en: String,
    /// Where it can be read on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// The English was read again and says what the Chinese says.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub translated: bool,
}

impl Written {
    /// A stored block as it was written.
    pub fn of(block: &Block) -> Self {
        Written {
            id: block.id.clone(),
            place: block.place.to_string(),
            title_zh: block.title.zh.clone(),
            title_en: block.title.en.clone(),
            zh: block.text.zh.clone(),
            en: block.text.en.clone(),
            link: block.link.clone(),
            translated: false,
        }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Place::Lead => write!(f, "lead"),
            Place::News => write!(f, "news"),
            Place::Note => write!(f, "note"),
            Place::Section(id) => write!(f, "section:{id}"),
        }
    }
}

impl std::str::FromStr for Place {
    type Err = ();

    fn from_str(text: &str) -> std::result::Result<Self, ()> {
        match (text, text.strip_prefix("section:")) {
            ("lead", _) => Ok(Place::Lead),
            ("news", _) => Ok(Place::News),
            ("note", _) => Ok(Place::Note),
            (_, Some(id)) if !id.is_empty() => Ok(Place::Section(id.to_owned())),
            _ => Err(()),
        }
    }
}

/// What stands around the figures of a revision: kept with it, so that it can be composed again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Around {
    /// What the editor wrote.
    pub editorial: Editorial,
    /// What must be said besides: that the issue before was corrected or withdrawn, that one campaign makes up much of
    /// a figure.
    pub errata: Vec<Note>,
    /// Issues that were public then: the only ones that are linked.
    pub published: Vec<IssueNumber>,
}

impl Around {
    /// The deterministic form that is stored.
    ///
    /// # Panics
    /// Never: the type holds only strings, numbers and lists.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("strings, numbers and lists are always JSON")
    }

    /// Reads the stored form back; nothing where nothing is stored.
    ///
    /// # Errors
    /// [`Error::Editorial`] if it is damaged.
    pub fn from_json(text: &str) -> Result<Self> {
        if text.is_empty() {
            return Ok(Around::default());
        }
        serde_json::from_str(text).map_err(|error| Error::Editorial {
            block: "around".to_owned(),
            reason: error.to_string(),
        })
    }
}

/// Everything an editor wrote for one issue, in printed order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Editorial {
    /// The blocks.
    pub blocks: Vec<Block>,
}

impl Editorial {
    /// The deterministic form that is stored.
    ///
    /// # Panics
    /// Never: the type holds only strings and lists.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("strings and lists are always JSON")
    }

    /// Reads the stored form back.
    ///
    /// # Errors
    /// [`Error::Editorial`] if it is damaged.
    pub fn from_json(text: &str) -> Result<Self> {
        serde_json::from_str(text).map_err(|error| Error::Editorial {
            block: "editorial".to_owned(),
            reason: error.to_string(),
        })
    }

    /// What is stored after an editor wrote these blocks in the place of the stored ones. It carries over which
    /// English was written for which Chinese: a side that did not change keeps what it was read against.
    ///
    /// # Errors
    /// [`Error::Editorial`] names the first block that cannot stand as it is.
    pub fn rewritten(&self, written: Vec<Written>) -> Result<Self> {
        let mut blocks: Vec<Block> = Vec::with_capacity(written.len());
        for one in written {
            let block = self
                .block(&one, &blocks)
                .map_err(|reason| Error::Editorial {
                    block: one.id.clone(),
                    reason: reason.to_owned(),
                })?;
            blocks.push(block);
        }
        Ok(Editorial { blocks })
    }

    fn block(
        &self,
        written: &Written,
        before: &[Block],
    ) -> std::result::Result<Block, &'static str> {
        let named = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if written.id.is_empty() || !written.id.chars().all(named) {
            return Err("its id is not made of letters, digits and hyphens");
        }
        if before.iter().any(|other| other.id == written.id) {
            return Err("stands there twice");
        }
        let long = [&written.title_zh, &written.title_en]
            .iter()
            .any(|title| title.chars().count() > TITLE);
        if long || written.zh.len() > TEXT || written.en.len() > TEXT {
            return Err("is too long: a title has at most 200 characters, a text 40 kB a language");
        }
        let place = written
            .place
            .parse::<Place>()
            .map_err(|()| "its place is none of lead, section:ID, news, note")?;
        if place == Place::Lead && before.iter().any(|other| other.place == Place::Lead) {
            return Err("is a second lead: an issue has one");
        }
        // Browsers send lines with CR LF; what is stored has LF, or the same text would seem changed.
        let text = |zh: &str, en: &str| {
            let own = |text: &str| text.trim().replace("\r\n", "\n");
            Text::new(own(zh), own(en))
        };
        let mut new = Block {
            id: written.id.clone(),
            place,
            title: text(&written.title_zh, &written.title_en),
            text: text(&written.zh, &written.en),
            link: written.link.clone().filter(|link| !link.trim().is_empty()),
            translated_of: String::new(),
        };
        let old = self.blocks.iter().find(|old| old.id == new.id);
        let same_english =
            old.is_some_and(|old| old.text.en == new.text.en && old.title.en == new.title.en);
        new.translated_of = match old {
            Some(old) if same_english && !written.translated => old.translated_of.clone(),
            _ => new.source(),
        };
        Ok(new)
    }

    /// Places every block into a composed bulletin. A remark on a section that is absent this week is left
    /// out: the lint says so.
    pub fn place(&self, bulletin: &mut Bulletin, figures: &Figures) {
        for block in &self.blocks {
            let paragraphs = block.paragraphs(figures);
            let story = |paragraphs| Story {
                id: block.id.clone(),
                title: block.title.clone(),
                paragraphs,
                link: block.link.clone(),
            };
            match &block.place {
                Place::Lead => bulletin.lead = Some(story(paragraphs)),
                Place::News => bulletin.news.push(story(paragraphs)),
                Place::Section(id) => {
                    let section = bulletin
                        .sections
                        .iter_mut()
                        .find(|section| section.id == *id);
                    if let Some(section) = section {
                        section.paragraphs.extend(paragraphs);
                    }
                }
                Place::Note => {
                    let notes = paragraphs.into_iter().enumerate().map(|(at, text)| Note {
                        id: match at {
                            0 => block.id.clone(),
                            _ => format!("{}-{}", block.id, at + 1),
                        },
                        text,
                    });
                    bulletin.notes.extend(notes);
                }
            }
        }
    }
}
