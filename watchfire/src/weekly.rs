//! A week of this workspace, counted and composed: what `week`, `rating`, `bulletin` and `demo` share.
//!
//! Counting, rating and composing are the `bulletin` crate's. Here they get what only the binary has:
//! the configuration, the coverage that `intake` knows, the names of provinces and sectors, the clock.

use bulletin::compose::{Cover, compose};
use bulletin::editorial::Around;
use bulletin::frozen::FrozenWeek;
use bulletin::handling::Then;
use bulletin::rating::{DEFAULT_VULNERABILITY, Profile};
use bulletin::restate::past_as_now;
use bulletin::sections::figures::{Figures, Names};
use bulletin::statistics;
use bulletin::week::{Freeze, Week};
use intake::coverage::{coverage, coverage_at};
use jiff::civil::Date;
use ledger::Issue;
use model::bulletin::{
    Bulletin, Correction, Direction, Lang, PublishedValue, Publisher, SeriesTitle, State, Text,
};
use model::feed::Feed;
use model::issue::IssueNumber;
use reference::{Kind, Sources, Tables};

use crate::command::rating::profile;
use crate::failure::{Failure, Result};
use crate::reference_files;
use crate::shared_reference;
use crate::weeks::Named;
use crate::workspace::Workspace;

/// Names of the sectors of the brand tables.
const SECTORS: [(&str, &str, &str); 22] = [
    ("bank", "银行", "banks"),
    ("cloud", "云服务", "cloud services"),
    ("cryptocurrency", "加密货币", "cryptocurrency"),
    ("e-commerce", "电子商务", "e-commerce"),
    ("electronics", "电子产品", "electronics"),
    ("energy", "能源", "energy"),
    ("games", "游戏", "games"),
    ("government", "政府机构", "government"),
    ("hosting", "网站托管", "hosting"),
    ("insurance", "保险", "insurance"),
    ("internet", "互联网服务", "internet services"),
    ("logistics", "快递物流", "parcel services"),
    ("media", "媒体", "media"),
    ("payment", "支付", "payment"),
    ("retail", "零售", "retail"),
    ("securities", "证券", "securities"),
    ("social", "社交网络", "social networks"),
    ("software", "软件", "software"),
    ("telecom", "电信", "telecom"),
    ("transport", "交通", "transport"),
    ("education", "教育", "education"),
    ("health", "医疗卫生", "health"),
];

/// What every week is counted and printed with.
#[derive(Debug)]
pub struct Desk<'a> {
    workspace: &'a Workspace,
    feeds: Vec<Feed>,
    tables: Tables,
    reference: String,
    schemas: Vec<(String, String)>,
    rating: Profile,
    vulnerability: Profile,
}

/// A week that was counted.
#[derive(Debug)]
pub struct Counted {
    /// The values.
    pub frozen: FrozenWeek,
    /// The weeks before, newest first.
    pub past: Vec<FrozenWeek>,
}

impl<'a> Desk<'a> {
    /// Makes a desk of the workspace as it stands.
    ///
    /// # Errors
    /// The rating profile or a reference table cannot be read.
    pub fn new(workspace: &'a Workspace) -> Result<Self> {
        let sources = shared_reference::sources(workspace)?;
        // Only names are looked up here; the tables of addresses spoke when the events came in.
        let named = |kind| matches!(kind, Kind::Divisions | Kind::Countries);
        let files: Vec<_> = sources
            .files()
            .into_iter()
            .filter(|file| named(file.kind))
            .collect();
        let (tables, _) = Tables::build(&files)?;
        let feeds = workspace.settings.catalogue.feeds();
        let schema = reference_files::schema(workspace)?;
        let read = feeds
            .iter()
            .any(|feed| feed.enabled && feed.format == "shadowserver");
        let schemas = schema
            .filter(|_| read)
            .map(|schema| ("shadowserver".to_owned(), schema.version().to_owned()));
        Ok(Desk {
            workspace,
            feeds,
            tables,
            reference: fingerprint(&sources),
            schemas: schemas.into_iter().collect(),
            rating: profile(&workspace.settings, &workspace.root)?,
            vulnerability: Profile::named(DEFAULT_VULNERABILITY, &[])?,
        })
    }

    /// The workspace.
    pub fn workspace(&self) -> &'a Workspace {
        self.workspace
    }

    /// Waits for a future of the `bulletin` crate.
    ///
    /// # Errors
    /// What the future returns.
    pub fn wait<T>(&self, future: impl Future<Output = bulletin::Result<T>>) -> Result<T> {
        Ok(self.workspace.block_on(future)?)
    }

    /// The week as the statistics read it, at a snapshot of the lake or now.
    ///
    /// # Errors
    /// The ledger fails.
    pub fn week(&self, named: Named, snapshot: Option<i64>) -> Result<Week<'_>> {
        let workspace = self.workspace;
        let snapshot = match snapshot {
            Some(snapshot) => snapshot,
            None => workspace.block_on(workspace.ledger.current_snapshot())?,
        };
        Ok(Week {
            lake: &workspace.lake,
            ledger: &workspace.ledger,
            feeds: &self.feeds,
            week: named.week,
            zone: &workspace.settings.zone,
            snapshot,
        })
    }

    /// Counts and rates a week; nothing is stored.
    ///
    /// # Errors
    /// The ledger or the lake fails.
    pub fn count(&self, named: Named, snapshot: Option<i64>) -> Result<Counted> {
        // A week whose number is not given yet can be looked at; it cannot be frozen.
        let issue = named.issue.unwrap_or(IssueNumber {
            year: named.week.sunday().year(),
            number: 0,
        });
        let week = self.week(named, snapshot)?;
        let settings = &self.workspace.settings;
        let ledger = &self.workspace.ledger;
        self.workspace.block_on(async {
            let coverage = coverage(ledger, &settings.catalogue, named.week).await?;
            let past = week.past(&settings.series.id, &settings.zone_name).await?;
            let freeze = Freeze {
                series: &settings.series.id,
                issue,
                zone_name: &settings.zone_name,
                coverage: &coverage,
                reference: &self.reference,
                source_schemas: self.schemas.clone(),
                program: env!("CARGO_PKG_VERSION"),
                statistics: &statistics::all(),
                past: &past,
                rating: &self.rating,
                vulnerability: &self.vulnerability,
            };
            let frozen = week.freeze(freeze).await?;
            Ok(Counted { frozen, past })
        })
    }

    /// The weeks that an issue is compared with, newest first.
    ///
    /// # Errors
    /// The ledger fails.
    pub fn past(&self, named: Named) -> Result<Vec<FrozenWeek>> {
        let week = self.week(named, None)?;
        let settings = &self.workspace.settings;
        self.wait(week.past(&settings.series.id, &settings.zone_name))
    }

    /// Counts a frozen week again from the records as they were: the lake at the snapshot it was frozen
    /// from, the ledger as it was known when it was frozen (microseconds UTC); beside them the weeks that the
    /// revision was compared with. What names the present (program, reference tables, feeds'
    /// schemas) is today's.
    ///
    /// # Errors
    /// The ledger or the lake fails.
    pub fn recount(&self, issue: &Issue, frozen: &FrozenWeek, at: i64) -> Result<Counted> {
        let named = Named {
            week: frozen.week,
            issue: Some(frozen.issue),
        };
        let week = self.week(named, Some(issue.lake_snapshot))?;
        let settings = &self.workspace.settings;
        let ledger = &self.workspace.ledger;
        self.workspace.block_on(async {
            let mut coverage = coverage_at(ledger, &settings.catalogue, frozen.week, at).await?;
            // Names that are printed may be others today.
            for one in &mut coverage {
                let known = frozen.coverage.iter().find(|then| then.feed == one.feed);
                one.title = known.map_or_else(String::new, |then| then.title.clone());
            }
            let past = week.past_at(&frozen.series, &frozen.zone, at).await?;
            let freeze = Freeze {
                series: &frozen.series,
                issue: frozen.issue,
                zone_name: &settings.zone_name,
                coverage: &coverage,
                reference: &self.reference,
                source_schemas: self.schemas.clone(),
                program: env!("CARGO_PKG_VERSION"),
                statistics: &statistics::all(),
                past: &past,
                rating: &self.rating,
                vulnerability: &self.vulnerability,
            };
            let then = Then {
                frozen_at: at,
                as_of: issue.ledger_as_of,
            };
            let again = week.freeze_again(freeze, then).await?;
            let beside = week.past_at(&frozen.series, &frozen.zone, issue.created_at);
            Ok(Counted {
                frozen: again,
                past: beside.await?,
            })
        })
    }

    /// The figures of a counted week as they are printed.
    pub fn figures(&self, counted: &Counted) -> Vec<PublishedValue> {
        let past = past_as_now(&counted.frozen, &counted.past);
        let last = past
            .iter()
            .find(|past| past.week == counted.frozen.week.previous());
        self.with_names(|names| Figures::of(&counted.frozen, last, names).into_values())
    }

    /// Does something with the names of provinces and sectors.
    pub fn with_names<T>(&self, act: impl FnOnce(&Names<'_>) -> T) -> T {
        let province = |code: u32| self.province(code);
        act(&Names {
            province: &province,
            sector: &sector,
        })
    }

    /// The configured feeds.
    pub fn feeds(&self) -> &[Feed] {
        &self.feeds
    }

    /// The bulletin of a counted week.
    ///
    /// # Errors
    /// It contradicts itself: a fault of ours.
    pub fn compose(
        &self,
        counted: &Counted,
        revision: u32,
        corrections: Vec<Correction>,
        published: Option<Date>,
        around: &Around,
    ) -> Result<Bulletin> {
        let series = &self.workspace.settings.series;
        let province = |code: u32| self.province(code);
        let cover = Cover {
            series: SeriesTitle {
                id: series.id.clone(),
                title: series.title.clone(),
            },
            publisher: Publisher {
                name: series.organization.clone(),
                about: series.about.clone(),
            },
            tlp: series.tlp,
            state: State::Draft,
            revision,
            corrections,
            banner: series.banner.clone(),
            published,
            around,
            names: Names {
                province: &province,
                sector: &sector,
            },
        };
        Ok(compose(&counted.frozen, &counted.past, cover)?)
    }

    /// Fingerprint of the reference tables in use.
    pub fn reference(&self) -> &str {
        &self.reference
    }

    /// Schema versions of sources, as name and version.
    pub fn schemas(&self) -> Vec<(String, String)> {
        self.schemas.clone()
    }

    /// The words of the rating's scale, best first.
    pub fn rating_words(&self) -> Vec<Text> {
        let levels = self.rating.levels.iter();
        levels
            .map(|level| Text::new(&level.zh, &level.en))
            .collect()
    }

    /// Printed name of a province by its code.
    pub fn province(&self, code: u32) -> Option<Text> {
        let name = |lang| self.tables.province_name(code, lang);
        use model::territory::Lang::{En, Zh};
        Some(Text::new(name(Zh)?, name(En)?))
    }
}

/// A change with its arrow, as tables of the command line print it.
pub fn change_text(value: &PublishedValue, lang: Lang) -> String {
    let text = value.change.text.get(lang);
    match value.change.direction {
        Direction::Up if !text.starts_with('+') => format!("↑ {text}"),
        Direction::Down if !text.starts_with('-') => format!("↓ {text}"),
        _ => text.to_owned(),
    }
}

/// Every sector with its printed name.
pub fn sectors() -> impl Iterator<Item = (String, Text)> {
    let all = SECTORS.iter();
    all.map(|(id, zh, en)| ((*id).to_owned(), Text::new(*zh, *en)))
}

/// Printed name of a sector.
pub fn sector(id: &str) -> Option<Text> {
    SECTORS
        .iter()
        .find(|(name, ..)| *name == id)
        .map(|(_, zh, en)| Text::new(*zh, *en))
}

/// The issue's number, which everything that is stored goes by.
///
/// # Errors
/// The series is numbered by hand and none was given.
pub fn number(named: Named) -> Result<IssueNumber> {
    named.issue.ok_or_else(|| {
        Failure::usage(
            format_args!("week {}", named.week),
            "has no number yet: this series is numbered by hand",
        )
        .remedy(format_args!(
            "watchfire bulletin draft {} --number YEAR-NUMBER",
            named.week.monday()
        ))
    })
}

/// Which reference files are in use: hash over kind, set, name, content and rank of each.
fn fingerprint(sources: &Sources) -> String {
    let mut hasher = blake3::Hasher::new();
    for source in sources.list() {
        let rank = source.rank.map(|rank| rank.to_string()).unwrap_or_default();
        for text in [
            source.kind.as_str(),
            &source.set,
            &source.name,
            &source.hash,
            &rank,
        ] {
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        }
    }
    hasher.finalize().to_hex().to_string()
}

/// The language of the person in front of the program, by the usual variables; English otherwise.
pub fn tongue(environment: &crate::config::Environment) -> Lang {
    let named = ["LC_ALL", "LC_MESSAGES", "LANG"]
        .iter()
        .find_map(|name| environment.get(*name).filter(|value| !value.is_empty()));
    match named {
        Some(value) if value.starts_with("zh") => Lang::Zh,
        _ => Lang::En,
    }
}
