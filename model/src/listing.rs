//! The life of what block lists name.
//!
//! A list without dates is delivered whole, again and again. Of its snapshots only the day matters:
//! an item is *listed* on a [`ListDay`] or it is not. A [`Stay`] begins on the first day that lists the
//! item and ends on the first *whole* day that no longer does. A snapshot that is damaged, or that
//! lost most of its items at once, is held back: it shows what is listed, never what is not.
//!
//! Everything here follows from the set of snapshots, whatever the order in which they came.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::time::{Day, Timestamp};

/// A snapshot that lost more than so many items, and more than half of them, is held back: short
/// lists change hands quickly.
pub const HELD_LOSS: u64 = 20;
/// A snapshot of which so many rows, and more than a tenth, were refused is not whole.
pub const HELD_REJECTS: u64 = 20;

/// One delivered snapshot of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The instant it stands for.
    pub at: Timestamp,
    /// Rows that name an item.
    pub items: u64,
    /// Rows that were refused.
    pub rejects: u64,
    /// A part of the delivery could not be read.
    pub damaged: bool,
    /// A person said that it is right as it is.
    pub accepted: bool,
    /// A person said that it is wrong.
    pub dismissed: bool,
}

/// Why a snapshot does not delist.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "why", rename_all = "kebab-case")]
pub enum Held {
    /// A part of it could not be read.
    Damaged,
    /// Too many of its rows were refused.
    Refused {
        /// Rows refused.
        rejects: u64,
        /// Rows taken.
        items: u64,
    },
    /// It lost more than half of its items.
    Shrunk {
        /// Items of the last whole day.
        from: u64,
        /// Items now.
        to: u64,
    },
}

/// A UTC day for which a list was delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ListDay {
    /// The day.
    pub day: Day,
    /// The earliest instant a snapshot of the day stands for.
    pub at: Timestamp,
    /// Items of the day's longest snapshot.
    pub items: u64,
    /// Why none of the day's snapshots delists; `None` for a whole day.
    pub held: Option<Held>,
}

impl ListDay {
    /// Whether an item that the day does not list is off the list.
    pub fn whole(&self) -> bool {
        self.held.is_none()
    }
}

/// The days of one list, in order, each judged by the last whole one before it. Dismissed snapshots are
/// as if they had not come.
pub fn list_days(snapshots: &[Snapshot]) -> Vec<ListDay> {
    let mut by_day: BTreeMap<Day, Vec<Snapshot>> = BTreeMap::new();
    for snapshot in snapshots.iter().filter(|one| !one.dismissed) {
        by_day.entry(snapshot.at.day()).or_default().push(*snapshot);
    }
    let mut last_whole: Option<u64> = None;
    let mut days = Vec::with_capacity(by_day.len());
    for (day, snapshots) in by_day {
        let items = snapshots.iter().map(|one| one.items).max().unwrap_or(0);
        let at = snapshots.iter().map(|one| one.at).min().unwrap_or_default();
        let mut held = None;
        let mut whole: Option<u64> = None;
        for one in &snapshots {
            match judge(one, last_whole) {
                None => whole = whole.max(Some(one.items)),
                Some(why) => held = held.or(Some(why)),
            }
        }
        if whole.is_some() {
            last_whole = whole;
            held = None;
        }
        days.push(ListDay {
            day,
            at,
            items,
            held,
        });
    }
    days
}

fn judge(one: &Snapshot, before: Option<u64>) -> Option<Held> {
    if one.accepted {
        return None;
    }
    if one.damaged {
        return Some(Held::Damaged);
    }
    if one.rejects >= HELD_REJECTS && one.rejects * 10 > one.rejects + one.items {
        return Some(Held::Refused {
            rejects: one.rejects,
            items: one.items,
        });
    }
    let from = before?;
    (one.items * 2 < from && from - one.items > HELD_LOSS).then_some(Held::Shrunk {
        from,
        to: one.items,
    })
}

/// One uninterrupted time on a list; numbers are places in the list's days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stay {
    /// The first day that lists the item.
    pub first: usize,
    /// The last day that lists it.
    pub last: usize,
    /// The first whole day after it that does not; `None` while it is listed.
    pub ended: Option<usize>,
    /// No whole day lies before it: it may have begun earlier than the list was followed.
    pub before: bool,
}

/// The stays of an item, in order.
pub fn stays(days: &[ListDay], mut listed: impl FnMut(usize) -> bool) -> Vec<Stay> {
    let mut stays: Vec<Stay> = Vec::new();
    let mut open = false;
    let mut followed = false;
    for (at, day) in days.iter().enumerate() {
        match (listed(at), stays.last_mut().filter(|_| open)) {
            (true, Some(stay)) => stay.last = at,
            (true, None) => {
                open = true;
                stays.push(Stay {
                    first: at,
                    last: at,
                    ended: None,
                    before: !followed,
                });
            }
            (false, Some(stay)) if day.whole() => {
                stay.ended = Some(at);
                open = false;
            }
            (false, _) => {}
        }
        followed |= day.whole();
    }
    stays
}

/// Where a listing stands on the last day that is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ListingState {
    /// Its stay began with that day's snapshot.
    New,
    /// Its stay began before.
    Continuing,
    /// It is no longer listed.
    Delisted,
}

impl ListingState {
    /// Stable label.
    pub fn label(self) -> &'static str {
        match self {
            ListingState::New => "new",
            ListingState::Continuing => "continuing",
            ListingState::Delisted => "delisted",
        }
    }

    /// The state of an item by its last stay, when `days` days are looked at.
    pub fn of(stay: &Stay, days: usize) -> Self {
        match stay {
            Stay { ended: Some(_), .. } => ListingState::Delisted,
            Stay {
                first,
                before: false,
                ..
            } if first + 1 == days => ListingState::New,
            _ => ListingState::Continuing,
        }
    }
}

/// How long stays last, of stays that ended and stays that go on (censored): Kaplan and Meier's
/// product-limit estimate. Bounded in memory by the number of distinct lengths.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Survival {
    /// Days to stays that ended after so many, and stays last seen going on after so many.
    lengths: BTreeMap<u32, (u64, u64)>,
}

impl Survival {
    /// Adds a stay of so many days.
    pub fn add(&mut self, days: u32, ended: bool) {
        let (gone, going) = self.lengths.entry(days).or_default();
        *(if ended { gone } else { going }) += 1;
    }

    /// Takes in others.
    pub fn merge(&mut self, other: Survival) {
        for (days, (gone, going)) in other.lengths {
            let mine = self.lengths.entry(days).or_default();
            mine.0 += gone;
            mine.1 += going;
        }
    }

    /// Stays.
    pub fn n(&self) -> u64 {
        self.lengths
            .values()
            .map(|(gone, going)| gone + going)
            .sum()
    }

    /// Of these, stays that go on.
    pub fn going_on(&self) -> u64 {
        self.lengths.values().map(|(_, going)| going).sum()
    }

    /// The days after which the given share of the stays, in thousandths, has ended; `None` while
    /// fewer have.
    pub fn quantile(&self, permille: u32) -> Option<u32> {
        let left = 1.0 - f64::from(permille) / 1000.0;
        let mut at_risk = self.n();
        let mut survivors = 1.0;
        for (days, (gone, going)) in &self.lengths {
            if *gone > 0 {
                survivors *= 1.0 - *gone as f64 / at_risk as f64;
                // A product of many fractions is not exact in its last digits.
                if survivors <= left + 1e-9 {
                    return Some(*days);
                }
            }
            at_risk -= gone + going;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::MICROS_PER_DAY;

    fn snapshot(day: i64, items: u64) -> Snapshot {
        Snapshot {
            at: Timestamp(day * MICROS_PER_DAY),
            items,
            rejects: 0,
            damaged: false,
            accepted: false,
            dismissed: false,
        }
    }

    #[test]
    fn a_snapshot_that_lost_most_of_its_items_is_held_back() {
        let days = list_days(&[
            snapshot(0, 100),
            snapshot(7, 49),
            snapshot(14, 50),
            snapshot(21, 30),
        ]);
        let held: Vec<_> = days.iter().map(|day| day.held).collect();
        assert_eq!(
            held,
            [None, Some(Held::Shrunk { from: 100, to: 49 }), None, None]
        );
        let short = list_days(&[snapshot(0, 12), snapshot(7, 1)]);
        assert!(short[1].whole(), "short lists change hands quickly");
        let accepted = Snapshot {
            accepted: true,
            ..snapshot(7, 2)
        };
        assert!(list_days(&[snapshot(0, 100), accepted])[1].whole());
        let dismissed = Snapshot {
            dismissed: true,
            ..snapshot(7, 900)
        };
        assert_eq!(list_days(&[snapshot(0, 100), dismissed]).len(), 1);
        let empty = list_days(&[snapshot(0, 100), snapshot(1, 0)]);
        assert!(!empty[1].whole());
    }

    #[test]
    fn one_whole_snapshot_makes_a_day_whole_in_any_order() {
        let damaged = Snapshot {
            damaged: true,
            ..snapshot(1, 40)
        };
        let refused = Snapshot {
            rejects: 30,
            ..snapshot(2, 100)
        };
        let mut all = vec![snapshot(0, 90), damaged, snapshot(1, 91), refused];
        let days = list_days(&all);
        all.reverse();
        assert_eq!(days, list_days(&all));
        assert!(days[1].whole());
        assert_eq!(
            days[2].held,
            Some(Held::Refused {
                rejects: 30,
                items: 100
            })
        );
    }

    #[test]
    fn stays_begin_and_end_and_come_back() {
        let mut days = list_days(&[
            snapshot(0, 90),
            snapshot(7, 90),
            snapshot(14, 90),
            snapshot(21, 90),
            snapshot(28, 90),
        ]);
        let seen = |pattern: &'static [usize]| move |at: usize| pattern.contains(&at);
        let all = stays(&days, seen(&[0, 1, 3]));
        assert_eq!(
            all,
            [
                Stay {
                    first: 0,
                    last: 1,
                    ended: Some(2),
                    before: true
                },
                Stay {
                    first: 3,
                    last: 3,
                    ended: Some(4),
                    before: false
                },
            ]
        );
        assert_eq!(ListingState::of(&all[1], 5), ListingState::Delisted);
        days[2].held = Some(Held::Damaged);
        let bridged = stays(&days, seen(&[0, 1, 3, 4]));
        assert_eq!(
            bridged,
            [Stay {
                first: 0,
                last: 4,
                ended: None,
                before: true
            }]
        );
        assert_eq!(ListingState::of(&bridged[0], 5), ListingState::Continuing);
        let fresh = stays(&days, seen(&[4]));
        assert_eq!(ListingState::of(&fresh[0], 5), ListingState::New);
        days[0].held = Some(Held::Damaged);
        assert!(
            stays(&days, seen(&[1]))[0].before,
            "nothing whole before it"
        );
    }

    /// The textbook's example of remission times: 6, 6, 6, 6+, 7, 9+, 10, 10+, 11+, 13, 16, 17+, 19+,
    /// 20+, 22, 23, 25+, 32+, 32+, 34+, 35+ weeks; the median is 23.
    #[test]
    fn the_estimate_counts_what_goes_on() {
        let mut survival = Survival::default();
        for days in [6, 6, 6, 7, 10, 13, 16, 22, 23] {
            survival.add(days, true);
        }
        for days in [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35] {
            survival.add(days, false);
        }
        assert_eq!((survival.n(), survival.going_on()), (21, 12));
        assert_eq!(survival.quantile(500), Some(23));
        assert_eq!(survival.quantile(900), None);
        assert_eq!(Survival::default().quantile(500), None);
        let mut halves = Survival::default();
        (1..=4).for_each(|days| halves.add(days, true));
        assert_eq!(halves.quantile(500), Some(2));
    }
}
