//! Published numbers: how a statistic is declared, what its value is, and how it is printed.
//!
//! A [`Statistic`] is a row of a plain table (the tables stand in the `bulletin` crate). Its
//! [`StatisticValue`] for one week keeps exact whole numbers and, for every count, how it divides by
//! the sources that saw each asset ([`Counted`]): so a frozen value alone can say what the count
//! would have been over any subset of the sources, and a week with a silent source can be compared
//! like for like. Rounding and wording of changes follow DOMAIN rules 1.4a to 1.4e.
//!
//! Nothing here counts events: that is the `bulletin` crate's shared scan. No I/O, no clock.

use jiff::Span;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::bulletin::Text;

pub mod change;
pub mod print;
pub mod value;

pub use change::{Basis, Change, ChangeKind, Incomparable, SMALL_BASE, change, change_kind};
pub use print::{
    WAN, grouped, hour_tenths, percent_tenths, print_count, print_hours, print_percent, print_sum,
    print_wan, printed_sum, round_half_away, wan_tenths, whole_quotient,
};
pub use value::{
    Counted, FeedCoverage, Measured, Missing, PartValue, Quantity, SourceCount, StatisticValue,
};

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
    /// An item of a block list that is delivered whole, again and again.
    Listing,
    /// An incident that is worked in Watchfire: no feed brings it, it is read from the ledger.
    Handling,
}

impl Observed {
    /// Every kind.
    pub const ALL: [Observed; 9] = [
        Observed::InfectedHost,
        Observed::HostingSite,
        Observed::Defacement,
        Observed::Backdoor,
        Observed::PhishingPage,
        Observed::VulnerabilityRecord,
        Observed::MalwareName,
        Observed::Listing,
        Observed::Handling,
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
            Observed::Listing => "listing",
            Observed::Handling => "handling",
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
            Observed::Listing => Words::new("黑名单条目", "block lists"),
            Observed::Handling => Words::new("在本系统处置的事件", "incidents handled here"),
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
    /// The reporting week and those before it, so many in all.
    Weeks {
        /// Weeks.
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
    /// A measured number in a cell; not available where there is no such cell.
    Measure(&'static str),
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
            Formula::Count(cell) | Formula::Measure(cell) => vec![cell.to_owned()],
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
            Formula::Measure(cell) => write!(f, "{cell}"),
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
    /// Minutes as hours with one decimal, half away from zero.
    HoursOneDecimal,
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
            Presentation::HoursOneDecimal => {
                Words::new("小时、保留一位小数", "hours with one decimal")
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
/// is counted, and name the definition before with the week the new one came in ([`Predecessor`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statistic {
    /// Identifier as in DOMAIN section 1.4: `M1`.
    pub id: &'static str,
    /// Version of the definition.
    pub version: u32,
    /// The definition it took the place of; `None` for a first one.
    pub before: Option<&'static Predecessor>,
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

/// For at least so many weeks a changed definition and the one before are both printed.
pub const BESIDE_WEEKS: u32 = 4;

/// How a definition came to take the place of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Predecessor {
    /// Monday of the first week that the new definition counts.
    pub since: Date,
    /// Weeks, the first one included, for which both are printed: at least [`BESIDE_WEEKS`].
    pub weeks: u32,
    /// The definition before, whole, so that it is still counted by: the same id, a lower version.
    pub definition: &'static Statistic,
    /// What is counted otherwise, as printed.
    pub change: Words,
}

impl Predecessor {
    /// Monday of the last week for which both are printed.
    pub fn until(&self) -> Date {
        let weeks = i64::from(self.weeks.max(1)) - 1;
        self.since.saturating_add(Span::new().weeks(weeks))
    }
}

impl Statistic {
    /// The definition that counts the week of this Monday: an earlier one before the present came in, so that an
    /// old week is counted again as it was.
    pub fn at(&'static self, monday: Date) -> &'static Statistic {
        match self.before {
            Some(before) if monday < before.since => before.definition.at(monday),
            _ => self,
        }
    }

    /// What took the place of what, where both definitions are printed for the week of this Monday.
    pub fn beside(&'static self, monday: Date) -> Option<&'static Predecessor> {
        self.at(monday)
            .before
            .filter(|before| monday <= before.until())
    }
}

#[cfg(test)]
mod tests;
