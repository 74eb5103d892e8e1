//! Published numbers: how a statistic is declared, what its value is, and how it is printed.
//!
//! A [`Statistic`] is a row of a plain table (the tables stand in the `bulletin` crate). Its
//! [`StatisticValue`] for one week keeps exact whole numbers and, for every count, how it divides by
//! the sources that saw each asset ([`Counted`]): so a frozen value alone can say what the count
//! would have been over any subset of the sources, and a week with a silent source can be compared
//! like for like. Rounding and wording of changes follow DOMAIN rules 1.4a to 1.4e.
//!
//! Nothing here counts events: that is the `bulletin` crate's shared scan. No I/O, no clock.

use serde::{Deserialize, Serialize};

use crate::bulletin::{Decimal, Text};

/// A word in both languages, as tables hold it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Words {
    /// Chinese.
    pub zh: &'static str,
    /// English.
    pub en: &'static str,
}

impl Words {
    /// Both languages.
    pub const fn new(zh: &'static str, en: &'static str) -> Self {
        Words { zh, en }
    }

    /// As the bulletin holds texts.
    pub fn text(self) -> Text {
        Text::new(self.zh, self.en)
    }
}

/// What an event must be about for a statistic to count it. A feed supplies a statistic by bringing
/// events of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Observed {
    /// A host that runs malware: RSIT `infected-system` with an address.
    InfectedHost,
    /// A place that spreads malware: RSIT `malware-distribution`.
    HostingSite,
    /// A changed web page: RSIT `unauthorised-information-modification` with a site.
    Defacement,
    /// A site with a backdoor: RSIT `system-compromise` or `application-compromise` named as one.
    Backdoor,
    /// A page that imitates someone: RSIT `phishing` with a URL.
    PhishingPage,
    /// A record of the national vulnerability database (CNVD).
    VulnerabilityRecord,
    /// Any event that names a piece of malware.
    MalwareName,
}

impl Observed {
    /// Every kind.
    pub const ALL: [Observed; 7] = [
        Observed::InfectedHost,
        Observed::HostingSite,
        Observed::Defacement,
        Observed::Backdoor,
        Observed::PhishingPage,
        Observed::VulnerabilityRecord,
        Observed::MalwareName,
    ];

    /// Stable label.
    pub fn label(self) -> &'static str {
        match self {
            Observed::InfectedHost => "infected-host",
            Observed::HostingSite => "hosting-site",
            Observed::Defacement => "defacement",
            Observed::Backdoor => "backdoor",
            Observed::PhishingPage => "phishing-page",
            Observed::VulnerabilityRecord => "vulnerability-record",
            Observed::MalwareName => "malware-name",
        }
    }

    /// The printed words, plural.
    pub fn words(self) -> Words {
        match self {
            Observed::InfectedHost => Words::new("受感染主机", "infected hosts"),
            Observed::HostingSite => Words::new("放马站点", "malware-hosting sites"),
            Observed::Defacement => Words::new("被篡改网站", "defaced websites"),
            Observed::Backdoor => Words::new("被植入后门的网站", "backdoored websites"),
            Observed::PhishingPage => Words::new("仿冒页面", "phishing pages"),
            Observed::VulnerabilityRecord => Words::new("CNVD漏洞记录", "CNVD records"),
            Observed::MalwareName => Words::new("恶意程序名称", "malware names"),
        }
    }
}

/// Over what span keys are distinct.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// The reporting week, Monday 00:00 to Sunday 24:00 in the reporting zone.
    Week,
    /// The reporting week, but not seen in the given number of weeks before.
    WeekFirstSeen {
        /// Weeks that are searched for an earlier sighting.
        weeks: u32,
    },
}

/// What place has to do with a count (DOMAIN section 1.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TerritoryRule {
    /// The address lies inside the territory.
    AddressInside,
    /// The site belongs to the territory: its domain is registered inside, or nothing is known of
    /// the registration and its address lies inside.
    SiteInside,
    /// The imitated party belongs to the territory, wherever the page lies.
    TargetInside,
    /// Everywhere.
    Anywhere,
}

impl TerritoryRule {
    /// The rule in words.
    pub fn words(self) -> Words {
        match self {
            TerritoryRule::AddressInside => {
                Words::new("IP地址位于境内", "address inside the territory")
            }
            TerritoryRule::SiteInside => Words::new(
                "网站属于境内：域名在境内注册；注册地不明时，地址位于境内",
                "site of the territory: domain registered inside, or, where that is not known, address inside",
            ),
            TerritoryRule::TargetInside => Words::new(
                "被仿冒对象属于境内，页面位置不限",
                "imitated party of the territory, page anywhere",
            ),
            TerritoryRule::Anywhere => Words::new("不限", "anywhere"),
        }
    }
}

/// How a value follows from the cells of a week's tally. A cell is a named count of distinct keys;
/// a family is all cells whose names continue with `/`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Formula {
    /// The number of keys in a cell.
    Count(&'static str),
    /// The sum of cells: a key that is in several counts in each.
    Sum(&'static [&'static str]),
    /// One cell over another. With a percent presentation it is a share.
    Ratio {
        /// Above the line.
        part: &'static str,
        /// Below the line.
        whole: &'static str,
    },
    /// The largest member of a family over the whole; its name is printed with it.
    Commonest {
        /// The family.
        family: &'static str,
        /// Below the line.
        whole: &'static str,
    },
    /// Names of the largest members of a family, largest first.
    Ranking {
        /// The family.
        family: &'static str,
        /// How many are printed.
        top: usize,
    },
    /// Each member of a family over the whole; the value itself is the ranking of all members.
    Division {
        /// The family.
        family: &'static str,
        /// Below the line.
        whole: &'static str,
    },
    /// A word of a scale, by a rating profile over other statistics.
    Level {
        /// The statistics it looks at.
        over: &'static [&'static str],
    },
}

impl Formula {
    /// The cells and families that it reads, in order; a family ends with `/`.
    pub fn inputs(self) -> Vec<String> {
        match self {
            Formula::Count(cell) => vec![cell.to_owned()],
            Formula::Sum(cells) => cells.iter().map(|cell| (*cell).to_owned()).collect(),
            Formula::Ratio { part, whole } => vec![part.to_owned(), whole.to_owned()],
            Formula::Commonest { family, whole } | Formula::Division { family, whole } => {
                vec![format!("{family}/"), whole.to_owned()]
            }
            Formula::Ranking { family, .. } => vec![format!("{family}/")],
            Formula::Level { .. } => Vec::new(),
        }
    }
}

impl std::fmt::Display for Formula {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Formula::Count(cell) => write!(f, "count({cell})"),
            Formula::Sum(cells) => write!(
                f,
                "{}",
                cells
                    .iter()
                    .map(|c| format!("count({c})"))
                    .collect::<Vec<_>>()
                    .join(" + ")
            ),
            Formula::Ratio { part, whole } => write!(f, "count({part}) / count({whole})"),
            Formula::Commonest { family, whole } => {
                write!(f, "max count({family}/*) / count({whole})")
            }
            Formula::Ranking { family, top } => write!(f, "top {top} of {family}/* by count"),
            Formula::Division { family, whole } => write!(f, "count({family}/*) / count({whole})"),
            Formula::Level { over } => write!(f, "level by profile over {}", over.join(", ")),
        }
    }
}

/// How a value is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presentation {
    /// In 万 with one decimal from 10 000 on, exact below; English prints the same precision.
    WanOneDecimal,
    /// Exact; English groups thousands.
    Integer,
    /// Per cent with one decimal, half away from zero.
    PercentOneDecimal,
    /// A quotient as a whole number, half up, with 约 / about.
    AboutInteger,
    /// Names in order.
    Rank,
    /// A word of a scale.
    Word,
}

impl Presentation {
    /// In words, for the documentation.
    pub fn words(self) -> Words {
        match self {
            Presentation::WanOneDecimal => Words::new(
                "一万以上以万为单位、保留一位小数",
                "ten thousands with one decimal from 10,000 on",
            ),
            Presentation::Integer => Words::new("整数", "whole number"),
            Presentation::PercentOneDecimal => {
                Words::new("百分数、保留一位小数", "per cent with one decimal")
            }
            Presentation::AboutInteger => {
                Words::new("约整数、四舍五入", "about, whole number, half up")
            }
            Presentation::Rank => Words::new("依次列名", "names in order"),
            Presentation::Word => Words::new("评级词", "word of a scale"),
        }
    }
}

/// Whether more is worse. Colour follows this, never the direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sense {
    /// Fewer is better.
    FewerIsBetter,
    /// Neither: newly recorded vulnerabilities, workload, shares, ranks.
    Neutral,
}

/// A further value printed with a statistic: `M1/union`, `W2/share`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartRule {
    /// Follows the statistic's id and `/`.
    pub id: &'static str,
    /// Printed name.
    pub name: Words,
    /// Unit counted.
    pub unit: Words,
    /// Columns that must have values in the events, beyond those of the statistic.
    pub fields: &'static [&'static str],
    /// How it follows from the tally.
    pub formula: Formula,
    /// How it is printed.
    pub print: Presentation,
    /// Whether more is worse.
    pub sense: Sense,
}

/// Definition of a published number (DESIGN invariant 1). Raise `version` when anything changes what
/// is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statistic {
    /// Identifier as in DOMAIN section 1.4: `M1`.
    pub id: &'static str,
    /// Version of the definition.
    pub version: u32,
    /// Printed name.
    pub name: Words,
    /// Unit counted.
    pub unit: Words,
    /// What is distinct.
    pub key: Words,
    /// Over what span.
    pub window: Window,
    /// What place has to do with it.
    pub territory: TerritoryRule,
    /// What a feed must bring.
    pub observed: Observed,
    /// Columns of the lake that must have values in such events.
    pub fields: &'static [&'static str],
    /// How the value follows from the tally.
    pub formula: Formula,
    /// How it is printed.
    pub print: Presentation,
    /// Whether more is worse.
    pub sense: Sense,
    /// Whether a change against last week is stated.
    pub compared: bool,
    /// Values printed with it.
    pub parts: &'static [PartRule],
    /// What a reader must know besides.
    pub remark: Words,
}

/// How many keys a set of feeds saw between them, each key counted under exactly the feeds that saw it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceCount {
    /// Names of the feeds, sorted.
    pub feeds: Vec<String>,
    /// Keys seen by all of these and no other.
    pub count: u64,
}

/// A count of distinct keys and how it divides by sources.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    /// Distinct keys.
    pub count: u64,
    /// The same count by the set of feeds that saw the key; sorted; empty for imported figures.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by_sources: Vec<SourceCount>,
}

impl Counted {
    /// A count of which the sources are not known, as in an imported back issue.
    pub fn imported(count: u64) -> Self {
        Counted {
            count,
            by_sources: Vec::new(),
        }
    }

    /// A count from its division by sources; sorts it and adds up equal sets.
    pub fn of(mut by_sources: Vec<SourceCount>) -> Self {
        for part in &mut by_sources {
            part.feeds.sort();
            part.feeds.dedup();
        }
        by_sources.sort_by(|a, b| a.feeds.cmp(&b.feeds));
        by_sources.dedup_by(|b, a| {
            let same = a.feeds == b.feeds;
            if same {
                a.count += b.count;
            }
            same
        });
        by_sources.retain(|part| part.count > 0);
        Counted {
            count: by_sources.iter().map(|part| part.count).sum(),
            by_sources,
        }
    }

    /// The count had only these feeds reported; `None` where the division is not known.
    pub fn over(&self, feeds: &[String]) -> Option<u64> {
        if self.by_sources.is_empty() && self.count > 0 {
            return None;
        }
        let seen = |part: &&SourceCount| part.feeds.iter().any(|feed| feeds.contains(feed));
        Some(
            self.by_sources
                .iter()
                .filter(seen)
                .map(|part| part.count)
                .sum(),
        )
    }

    /// The feeds that contributed, sorted.
    pub fn feeds(&self) -> Vec<String> {
        let mut feeds: Vec<String> = self
            .by_sources
            .iter()
            .flat_map(|part| part.feeds.iter().cloned())
            .collect();
        feeds.sort();
        feeds.dedup();
        feeds
    }

    /// Both together, a key in both counted twice.
    pub fn plus(&self, other: &Counted) -> Counted {
        if (self.by_sources.is_empty() && self.count > 0)
            || (other.by_sources.is_empty() && other.count > 0)
        {
            return Counted::imported(self.count + other.count);
        }
        Counted::of(
            self.by_sources
                .iter()
                .chain(&other.by_sources)
                .cloned()
                .collect(),
        )
    }
}

/// An exact value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Quantity {
    /// A count.
    Count(Counted),
    /// A quotient of two counts.
    Ratio {
        /// Above the line.
        numerator: Counted,
        /// Below the line; its count is not 0.
        denominator: Counted,
        /// What the numerator is, where the value names it (the commonest TLD).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        of: Option<String>,
    },
    /// Identifiers, largest first.
    Rank {
        /// The identifiers.
        names: Vec<String>,
    },
    /// Identifier of a word.
    Word {
        /// The identifier.
        word: String,
    },
}

impl Quantity {
    /// The count, of a count.
    pub fn count(&self) -> Option<&Counted> {
        match self {
            Quantity::Count(counted) => Some(counted),
            _ => None,
        }
    }

    /// The same quantity had only these feeds reported; `None` where it cannot be said.
    pub fn over(&self, feeds: &[String]) -> Option<(u64, Option<u64>)> {
        match self {
            Quantity::Count(counted) => Some((counted.over(feeds)?, None)),
            Quantity::Ratio {
                numerator,
                denominator,
                ..
            } => Some((numerator.over(feeds)?, Some(denominator.over(feeds)?))),
            Quantity::Rank { .. } | Quantity::Word { .. } => None,
        }
    }
}

/// Why a value is not available. Never printed as 0.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "kebab-case")]
pub enum Missing {
    /// No active feed brings such events.
    NoSource {
        /// What would be needed.
        observed: Observed,
    },
    /// Feeds bring such events, but none with a value in this field.
    NoField {
        /// Column of the lake.
        field: String,
    },
    /// The feeds that bring such events reported nothing in the week.
    NoReport {
        /// Their names.
        feeds: Vec<String>,
    },
    /// Too few earlier weeks are stored.
    ShortHistory {
        /// Weeks stored.
        weeks: u32,
        /// Weeks needed.
        needed: u32,
    },
    /// There is nothing to take a share of.
    EmptyWhole,
    /// It follows from statistics that are not available.
    DependsOn {
        /// Their identifiers.
        statistics: Vec<String>,
    },
    /// The figure is not in the imported source.
    NotInSource,
}

impl Missing {
    /// As printed.
    pub fn text(&self) -> Text {
        match self {
            Missing::NoSource { observed } => Text::new(
                format!("没有在用的数据源提供{}", observed.words().zh),
                format!("no active source brings {}", observed.words().en),
            ),
            Missing::NoField { field } => Text::new(
                format!("在用的数据源未提供所需字段 {field}"),
                format!("no active source or table fills the field {field}"),
            ),
            Missing::NoReport { feeds } => Text::new(
                format!("本周没有收到{}的数据", feeds.join("、")),
                format!("no report of {} this week", feeds.join(", ")),
            ),
            Missing::ShortHistory { weeks, needed } => Text::new(
                format!("历史数据只有{weeks}周，不足{needed}周"),
                format!("only {weeks} earlier weeks are stored, {needed} are needed"),
            ),
            Missing::EmptyWhole => Text::new(
                "没有可计算占比的对象",
                "there is nothing to take a share of",
            ),
            Missing::DependsOn { statistics } => Text::new(
                format!("所依据的指标{}不可用", statistics.join("、")),
                format!("it follows from {}, not available", statistics.join(", ")),
            ),
            Missing::NotInSource => Text::new("来源中没有该数", "not in the source"),
        }
    }
}

/// A value or the reason why there is none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "availability", rename_all = "kebab-case")]
pub enum Measured {
    /// There is a value.
    Available {
        /// The value.
        quantity: Quantity,
    },
    /// There is none.
    NotAvailable {
        /// Why.
        reason: Missing,
    },
}

impl Measured {
    /// The feeds that contributed, sorted.
    pub fn contributors(&self) -> Vec<String> {
        match self.quantity() {
            Some(Quantity::Count(counted)) => counted.feeds(),
            Some(Quantity::Ratio { denominator, .. }) => denominator.feeds(),
            _ => Vec::new(),
        }
    }

    /// The value, where there is one.
    pub fn quantity(&self) -> Option<&Quantity> {
        match self {
            Measured::Available { quantity } => Some(quantity),
            Measured::NotAvailable { .. } => None,
        }
    }

    /// The count, of an available count.
    pub fn count(&self) -> Option<&Counted> {
        self.quantity().and_then(Quantity::count)
    }

    /// The reason, where there is no value.
    pub fn missing(&self) -> Option<&Missing> {
        match self {
            Measured::Available { .. } => None,
            Measured::NotAvailable { reason } => Some(reason),
        }
    }
}

/// A part of a value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartValue {
    /// Follows the statistic's id and `/`: `union`, `440000`, `com`.
    pub id: String,
    /// The value.
    pub measured: Measured,
}

/// The value of a statistic for one week, as it is frozen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatisticValue {
    /// Identifier of the statistic.
    pub statistic: String,
    /// Version of its definition.
    pub version: u32,
    /// The value or why there is none.
    pub measured: Measured,
    /// Feeds that supply the statistic, sorted, whether or not they saw anything this week.
    #[serde(default)]
    pub sources: Vec<String>,
    /// Further values, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<PartValue>,
}

impl StatisticValue {
    /// The value of a part.
    pub fn part(&self, id: &str) -> Option<&Measured> {
        self.parts
            .iter()
            .find(|part| part.id == id)
            .map(|part| &part.measured)
    }
}

/// How much of a feed's week arrived. Made by whoever knows the reports; statistics only read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedCoverage {
    /// Name of the feed.
    pub feed: String,
    /// Days (or deliveries, where the feed is not daily) expected in the week.
    pub expected_days: u32,
    /// Of these, covered by a report.
    pub seen_days: u32,
    /// Reports received for the week.
    pub reports: u32,
    /// The source, its schema or its entry changed so that the week does not compare with the one before.
    pub changed: bool,
    /// Days that are missing, where they can be named, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<jiff::civil::Date>,
}

impl FeedCoverage {
    /// Everything expected arrived.
    pub fn complete(&self) -> bool {
        self.seen_days >= self.expected_days
    }
}

/// A change against last week, before it is put into words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// This week's count that was compared.
    pub this: Option<u64>,
    /// Last week's count that was compared.
    pub last: Option<u64>,
    /// What it comes to.
    pub kind: ChangeKind,
    /// Set when not all sources were complete and unchanged in both weeks: the counts are over these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub like_for_like: Option<Vec<String>>,
}

/// What a change comes to (DOMAIN rules 1.4a to 1.4d).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum ChangeKind {
    /// Per cent in tenths, half away from zero, from unrounded counts; never 0.
    Percent {
        /// 346 is +34.6 %.
        tenths: i64,
    },
    /// Unchanged as printed: 0.0 % is never printed.
    Flat,
    /// From 0 to something: there is no per cent.
    FromZero,
    /// The base is under [`SMALL_BASE`]: both counts are printed.
    SmallBase,
    /// Nothing is said.
    Omitted,
    /// The two weeks do not compare.
    NotComparable {
        /// Why.
        reason: Incomparable,
    },
}

/// Why two weeks do not compare.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "kebab-case")]
pub enum Incomparable {
    /// No source of the statistic was complete and unchanged in both weeks.
    NoCommonSource,
    /// The definition changed between the weeks.
    Definition,
    /// Last week's division by sources is not known (an imported figure).
    UnknownSources,
    /// Last week's figure was not available.
    NotAvailableThen,
}

impl Incomparable {
    /// As printed.
    pub fn text(&self) -> Text {
        match self {
            Incomparable::NoCommonSource => Text::new(
                "没有两周都完整的来源",
                "no source was complete in both weeks",
            ),
            Incomparable::Definition => Text::new("统计口径已改变", "the definition changed"),
            Incomparable::UnknownSources => Text::new(
                "上周数据的来源不明",
                "the sources of last week's figure are not known",
            ),
            Incomparable::NotAvailableThen => {
                Text::new("上周没有该数", "there was no figure last week")
            }
        }
    }
}

/// A base under this prints both counts and no per cent (DOMAIN rule 1.4c).
pub const SMALL_BASE: u64 = 10;

/// Over which sources two weeks are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis<'a> {
    /// All: every source was complete and unchanged in both weeks.
    All,
    /// These were; others were not.
    Over(&'a [String]),
}

/// The change of a count (DOMAIN rules 1.4a to 1.4d).
pub fn change(this: &Counted, last: &Counted, basis: Basis<'_>) -> Change {
    let (now, then, like_for_like) = match basis {
        Basis::All => (Some(this.count), Some(last.count), None),
        Basis::Over([]) => return Change::not_comparable(Incomparable::NoCommonSource),
        Basis::Over(feeds) => (this.over(feeds), last.over(feeds), Some(feeds.to_vec())),
    };
    let (Some(now), Some(then)) = (now, then) else {
        return Change::not_comparable(Incomparable::UnknownSources);
    };
    Change {
        this: Some(now),
        last: Some(then),
        kind: change_kind(now, then),
        like_for_like,
    }
}

impl Change {
    /// Nothing is said: there is no earlier figure, or none is stated for this statistic.
    pub fn omitted() -> Self {
        Change {
            this: None,
            last: None,
            kind: ChangeKind::Omitted,
            like_for_like: None,
        }
    }

    /// The weeks do not compare.
    pub fn not_comparable(reason: Incomparable) -> Self {
        Change {
            this: None,
            last: None,
            kind: ChangeKind::NotComparable { reason },
            like_for_like: None,
        }
    }
}

/// The kind of change between two exact counts.
pub fn change_kind(this: u64, last: u64) -> ChangeKind {
    if this == last {
        return ChangeKind::Flat;
    }
    if last == 0 {
        return ChangeKind::FromZero;
    }
    if last < SMALL_BASE {
        return ChangeKind::SmallBase;
    }
    match round_half_away(
        1000 * (i128::from(this) - i128::from(last)),
        i128::from(last),
    ) {
        0 => ChangeKind::Flat,
        tenths => ChangeKind::Percent {
            tenths: i64::try_from(tenths).unwrap_or(i64::MAX),
        },
    }
}

/// `numerator / denominator` as a whole number, half away from zero (DOMAIN rule 1.4a).
///
/// # Panics
/// If the denominator is not positive.
pub fn round_half_away(numerator: i128, denominator: i128) -> i128 {
    assert!(denominator > 0, "a change or share is taken of something");
    let rounded = (2 * numerator.abs() + denominator) / (2 * denominator);
    if numerator < 0 { -rounded } else { rounded }
}

/// Tenths of 万 in a count: 284 132 gives 284.
pub fn wan_tenths(count: u64) -> u64 {
    u64::try_from(round_half_away(i128::from(count), 1000)).unwrap_or(u64::MAX)
}

/// Tenths of per cent, half away from zero; `None` of an empty whole.
pub fn percent_tenths(part: u64, whole: u64) -> Option<u64> {
    (whole > 0).then(|| {
        u64::try_from(round_half_away(1000 * i128::from(part), i128::from(whole)))
            .unwrap_or(u64::MAX)
    })
}

/// Whole quotient, half up (DOMAIN W7); `None` of an empty whole.
pub fn whole_quotient(part: u64, whole: u64) -> Option<u64> {
    (whole > 0).then(|| {
        u64::try_from(round_half_away(i128::from(part), i128::from(whole))).unwrap_or(u64::MAX)
    })
}

/// From this count on Chinese prints 万 with one decimal.
pub const WAN: u64 = 10_000;

/// A count as printed: number and, in Chinese from [`WAN`] on, 万.
pub fn print_count(count: u64, print: Presentation) -> Text {
    match print {
        Presentation::WanOneDecimal if count >= WAN => print_wan(wan_tenths(count)),
        _ => Text::new(count.to_string(), grouped(count)),
    }
}

/// A number of tenths of 万 as printed: 284 gives `28.4万` and `284,000`.
pub fn print_wan(tenths: u64) -> Text {
    Text::new(
        format!("{}.{}万", tenths / 10, tenths % 10),
        grouped(tenths * 1000),
    )
}

/// A number of tenths of per cent as printed: `0.8%`.
pub fn print_percent(tenths: u64) -> Text {
    Text::same(format!("{}.{}%", tenths / 10, tenths % 10))
}

/// A count and the numbers it is the sum of, printed so that the printed parts add up to the printed
/// whole (M1 is the sum of the *printed* M2 and M3: 20 of 20 weeks in DOMAIN section 1.4). All are in
/// 万 as soon as the sum is.
pub fn print_sum(parts: &[u64]) -> (Text, Vec<Text>) {
    let sum: u64 = parts.iter().sum();
    if sum < WAN {
        let exact = |count: u64| print_count(count, Presentation::Integer);
        return (exact(sum), parts.iter().map(|part| exact(*part)).collect());
    }
    let tenths: Vec<u64> = parts.iter().map(|part| wan_tenths(*part)).collect();
    (
        print_wan(tenths.iter().sum()),
        tenths.into_iter().map(print_wan).collect(),
    )
}

/// The number that [`print_sum`] prints, in base units.
pub fn printed_sum(parts: &[u64]) -> Decimal {
    let sum: u64 = parts.iter().sum();
    if sum < WAN {
        return Decimal::count(sum);
    }
    Decimal::count(parts.iter().map(|part| wan_tenths(*part) * 1000).sum())
}

/// Thousands separated by commas, as English prints counts.
pub fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests;
