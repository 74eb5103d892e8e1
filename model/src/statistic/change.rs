//! Changes against last week: exact, like for like where sources were missing, before any wording.
//!
//! DOMAIN rules 1.4a to 1.4d. Over which sources two weeks compare is decided by the caller.

use serde::{Deserialize, Serialize};

use super::print::round_half_away;
use super::value::Counted;
use crate::bulletin::Text;

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
