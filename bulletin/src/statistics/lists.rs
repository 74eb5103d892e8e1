//! L1 to L4: the life of what block lists name. Declared as the others; not counted in the scan of the
//! week but followed over snapshots ([`crate::lists`]), for what is off a list left no event.

use model::statistic::{
    Formula, Observed, PartRule, Presentation, Sense, Statistic, TerritoryRule, Window, Words,
};

use crate::lists::STAY_WEEKS;

const LISTINGS: Words = Words::new("条", "listings");
const LISTING: Words = Words::new("数据源、名单与条目", "feed, list and item");
const DAYS: Words = Words::new("天", "days");

const fn counted(id: &'static str, name: Words, formula: Formula, remark: Words) -> Statistic {
    Statistic {
        id,
        version: 1,
        before: None,
        name,
        unit: LISTINGS,
        key: LISTING,
        window: Window::Week,
        territory: TerritoryRule::Anywhere,
        observed: Observed::Listing,
        fields: &[],
        formula,
        print: Presentation::Integer,
        sense: Sense::Neutral,
        compared: true,
        parts: &[],
        remark,
    }
}

/// The family's statistics.
pub const STATISTICS: &[Statistic] = &[
    counted(
        "L1",
        Words::new("新列入黑名单的条目", "Items newly on block lists"),
        Formula::Count("listing.new"),
        Words::new(
            "本周开始在列、此前完整快照中没有的条目；名单首个快照中的条目不算新列入。重新列入计入。",
            "Listings that began in the week: no whole snapshot before had them, or they came back. The items of a list's first snapshot are not new.",
        ),
    ),
    counted(
        "L2",
        Words::new("持续在列的条目", "Items that stay on block lists"),
        Formula::Count("listing.continuing"),
        Words::new(
            "周末仍在列且本周之前已在列的条目，只计本周有快照的名单。",
            "Listings that began before the week and stand at its end, of lists that were delivered in the week.",
        ),
    ),
    counted(
        "L3",
        Words::new("移出黑名单的条目", "Items taken off block lists"),
        Formula::Count("listing.delisted"),
        Words::new(
            "本周的完整快照中不再出现的条目；损坏或条目骤减过半的快照不作为移出的依据。",
            "Listings that a whole snapshot of the week no longer has. A snapshot that is damaged, or lost more than half of its items at once, takes nothing off.",
        ),
    ),
    Statistic {
        id: "L4",
        version: 1,
        before: None,
        name: Words::new("在列时间中位数", "Median time on block lists"),
        unit: DAYS,
        key: Words::new("一次在列时段", "stay of a listing"),
        window: Window::Weeks { weeks: STAY_WEEKS },
        territory: TerritoryRule::Anywhere,
        observed: Observed::Listing,
        fields: &[],
        formula: Formula::Measure("listing.stay.median"),
        print: Presentation::Integer,
        sense: Sense::Neutral,
        compared: false,
        parts: &[
            part(
                "p90",
                Words::new("九成条目移出所需时间", "Days until nine in ten are off"),
                DAYS,
                Formula::Measure("listing.stay.p90"),
            ),
            part(
                "n",
                Words::new("测算所依据的在列时段", "Stays it is measured on"),
                Words::new("次", "stays"),
                Formula::Measure("listing.stay.n"),
            ),
            part(
                "going-on",
                Words::new("其中仍在列", "Of these, still listed"),
                Words::new("次", "stays"),
                Formula::Measure("listing.stay.going-on"),
            ),
        ],
        remark: Words::new(
            "52周内开始、起点已知的在列时段，从首个列入的快照到首个不再列入的完整快照；仍在列的按删失处理（Kaplan–Meier估计）。",
            "Stays begun in the 52 weeks whose beginning is known, from the first snapshot that lists the item to the first whole one that no longer does; those that go on are censored (Kaplan and Meier's estimate).",
        ),
    },
];

const fn part(id: &'static str, name: Words, unit: Words, formula: Formula) -> PartRule {
    PartRule {
        id,
        name,
        unit,
        fields: &[],
        formula,
        print: Presentation::Integer,
        sense: Sense::Neutral,
    }
}
