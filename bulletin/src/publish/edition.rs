//! What the site keeps of an issue: a small digest, so that ten years of issues fit in memory and a new one is
//! added without reading the old ones again.
//!
//! An [`Edition`] is made once from an issue's frozen bulletin, is data that can be stored beside it, and holds only
//! what was published: its figures are those of the bulletin, after every suppression, never those of the tally.

use jiff::civil::Date;
use model::bulletin::{Bulletin, Decimal, Issue, Lang, Period, PublishedValue, Text};
use model::issue::IssueNumber;
use model::time::{ReportingWeek, Timestamp};
use serde::{Deserialize, Serialize};

use crate::frozen::{FrozenWeek, Restated};
use crate::restate::former_key;
use crate::sections::figures::{Figures, Names, plain};
use crate::statistics;

/// A published file of an issue, by content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// File name: `2023-3.zh.html`.
    pub name: String,
    /// Size in bytes.
    pub size: u64,
    /// BLAKE3 of its bytes, in hexadecimal.
    pub blake3: String,
}

/// An issue was taken back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Withdrawal {
    /// When.
    pub at: Timestamp,
    /// Why.
    pub reason: Text,
}

/// A later revision of an issue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revised {
    /// The revision that replaced the one before, from 2.
    pub revision: u32,
    /// When it was published.
    pub at: Timestamp,
    /// What it changed.
    pub text: Text,
}

/// What happened to an issue since it was first published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Life {
    /// First publication.
    pub first_published: Timestamp,
    /// The last change: a correction or the withdrawal; else the first publication.
    pub updated: Timestamp,
    /// Every revision after the first, in order.
    pub revised: Vec<Revised>,
    /// Set when the issue was taken back.
    pub withdrawn: Option<Withdrawal>,
    /// The files of the revision in force.
    pub files: Vec<FileEntry>,
    /// Names of files that earlier revisions had and this one has not. A withdrawn issue has a notice at each.
    #[serde(default)]
    pub former: Vec<String>,
}

/// A published number as the site's series and data hold it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figure {
    /// Identifier of the statistic: `M1`.
    pub statistic: String,
    /// What follows `/` in the key, empty for the whole: `440000`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub part: String,
    /// Version of the definition.
    pub version: u32,
    /// Name, with the part.
    pub name: Text,
    /// Base unit.
    pub unit: Text,
    /// The number in the base unit; None for words, ranks and what is missing.
    pub number: Option<Decimal>,
    /// The exact value: `284132`, `17/2146`, `medium`, `44;32`; empty where it is missing.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub exact: String,
    /// As printed in the issue.
    #[serde(default)]
    pub text: Text,
    /// Why there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<Text>,
    /// All its sources were complete.
    pub complete: bool,
}

impl Figure {
    /// A figure of an issue; None for those by another definition, as `M1@v1`.
    fn of(value: &PublishedValue) -> Option<Figure> {
        (!value.key.contains('@')).then(|| Self::whole(value))
    }

    fn whole(value: &PublishedValue) -> Figure {
        let part = value.key.split_once('/').map_or("", |(_, part)| part);
        let amount = value.value.as_ref();
        Figure {
            statistic: value.statistic.clone(),
            part: part.to_owned(),
            version: value.definition_version,
            name: value.name.clone(),
            unit: value.unit.clone(),
            number: amount.and_then(|amount| amount.number),
            exact: amount.map_or_else(String::new, |amount| amount.exact.plain()),
            text: amount.map(|amount| amount.text.clone()).unwrap_or_default(),
            missing: value.missing.clone().filter(|_| amount.is_none()),
            complete: value.incomplete.is_none() && !value.preliminary,
        }
    }
}

/// A count of an earlier week by the definition of this one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestatedFigure {
    /// Monday of the week.
    pub week: Date,
    /// The figure.
    pub figure: Figure,
}

/// What the site keeps of an issue. JSON by serde, deterministic: store it beside the issue and hand it to
/// [`super::pages`] again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edition {
    /// Number and how it is printed.
    pub issue: Issue,
    /// The days covered.
    pub week: Period,
    /// The revision in force.
    pub revision: u32,
    /// Rating, 1 to 5, where assessed.
    pub level: Option<u8>,
    /// Its word, or that it was not assessed.
    pub word: Text,
    /// The sentence of the rating: what feeds and previews say.
    pub summary: Text,
    /// Sentences and headings in printed order, for the search.
    pub sentences: Vec<Text>,
    /// The figures.
    pub figures: Vec<Figure>,
    /// Statistics of which a source changed in this week: their series break here.
    pub changed: Vec<String>,
    /// Figures by the definition before, while both are printed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub former: Vec<Figure>,
    /// Counts of earlier weeks by a definition that came in later.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub restated: Vec<RestatedFigure>,
    /// Hash of the signed bulletin.
    pub hash: String,
    /// What happened since.
    pub life: Life,
}

impl Edition {
    /// The digest of a published issue.
    pub fn of(bulletin: &Bulletin, frozen: &FrozenWeek, life: Life) -> Edition {
        let level = bulletin.rating.outcome.level();
        let word = level
            .and_then(|level| bulletin.rating.words.get(usize::from(level.max(1)) - 1))
            .cloned()
            .unwrap_or_else(|| Text::new("未评定", "Not assessed"));
        let plain = |paragraph: &model::bulletin::Paragraph| {
            Text::new(paragraph.plain(Lang::Zh), paragraph.plain(Lang::En))
        };
        let mut sentences: Vec<Text> = bulletin.situation.iter().map(plain).collect();
        for story in bulletin.lead.iter().chain(&bulletin.news) {
            sentences.push(story.title.clone());
            sentences.extend(story.paragraphs.iter().map(plain));
        }
        for section in &bulletin.sections {
            sentences.push(section.title.clone());
            sentences.extend(section.paragraphs.iter().map(plain));
            sentences.extend(section.charts.iter().map(|chart| chart.title.clone()));
        }
        sentences.retain(|text| !text.is_empty());
        Edition {
            issue: bulletin.issue.clone(),
            week: bulletin.week.clone(),
            revision: bulletin.revision,
            level,
            word,
            summary: plain(&bulletin.rating.sentence),
            sentences,
            figures: bulletin.values.iter().filter_map(Figure::of).collect(),
            changed: changed(frozen),
            former: former(bulletin, frozen),
            restated: frozen.restated.iter().filter_map(restated).collect(),
            hash: bulletin.hash.clone().unwrap_or_default(),
            life,
        }
    }

    /// The common part of its file names: `2023-3`.
    pub fn stem(&self) -> String {
        self.issue.number.to_string()
    }

    /// Still in force.
    pub fn stands(&self) -> bool {
        self.life.withdrawn.is_none()
    }

    /// A file of the issue by its ending after the stem, as `zh.pdf`, or `json`.
    pub fn file(&self, ending: &str) -> Option<&FileEntry> {
        let name = format!("{}.{ending}", self.stem());
        self.life.files.iter().find(|file| file.name == name)
    }

    /// The picture for social media: the first `card` among the PNG files, of this language where there is one.
    pub fn card(&self, lang: Lang) -> Option<&FileEntry> {
        let mut cards = self
            .life
            .files
            .iter()
            .filter(|file| file.name.contains("card") && file.name.ends_with(".png"));
        let own = format!(".{}.", lang.code());
        let first = cards.clone().find(|file| file.name.contains(&own));
        first.or_else(|| cards.next())
    }
}

/// A week that others published and `history import` read: for long series only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Earlier {
    /// Its number.
    pub number: IssueNumber,
    /// Its week.
    pub week: ReportingWeek,
    /// Its figures, printed as this program prints them.
    pub figures: Vec<Figure>,
}

impl Earlier {
    /// The digest of an imported back issue.
    pub fn of(frozen: &FrozenWeek, names: &Names<'_>) -> Earlier {
        let values = Figures::of(frozen, None, names).into_values();
        let known = |value: &PublishedValue| value.value.is_some();
        Earlier {
            number: frozen.issue,
            week: frozen.week,
            figures: values
                .iter()
                .filter(|value| known(value))
                .filter_map(Figure::of)
                .collect(),
        }
    }
}

/// What the issue prints by definitions that were replaced.
fn former(bulletin: &Bulletin, frozen: &FrozenWeek) -> Vec<Figure> {
    let keys = frozen.former.iter();
    let printed = keys.filter_map(|former| bulletin.value(&former_key(&former.value)));
    printed.map(Figure::whole).collect()
}

/// A restated count or share; names and words are not restated.
fn restated(again: &Restated) -> Option<RestatedFigure> {
    let value = &again.value;
    let statistic = statistics::named(&value.statistic)?;
    let amount = plain(&value.measured, statistic)?;
    Some(RestatedFigure {
        week: again.week.monday(),
        figure: Figure {
            statistic: value.statistic.clone(),
            part: String::new(),
            version: value.version,
            name: statistic.name.text(),
            unit: statistic.unit.text(),
            number: amount.number,
            exact: amount.exact.plain(),
            text: amount.text,
            missing: None,
            complete: again.complete,
        },
    })
}

/// Statistics with a source that was added, lost or changed in the week.
fn changed(frozen: &FrozenWeek) -> Vec<String> {
    let feeds: Vec<&str> = frozen
        .coverage
        .iter()
        .filter(|coverage| coverage.changed)
        .map(|coverage| coverage.feed.as_str())
        .collect();
    frozen
        .values
        .iter()
        .filter(|value| {
            value
                .sources
                .iter()
                .any(|feed| feeds.contains(&feed.as_str()))
        })
        .map(|value| value.statistic.clone())
        .collect()
}
