//! The sections of the bulletin: a plain table, each with the condition under which it is present.
//!
//! Sections only place figures that [`figures`] printed and say sentences in [`words`]; an absent
//! section leaves no gap, because sections and charts are numbered after the absent ones are dropped
//! (DOMAIN rule 1.1).

pub mod board;
pub mod charts;
pub mod figures;
pub mod handling;
pub mod hosting;
pub mod malware;
pub mod notes;
pub mod rating;
pub mod series;
pub mod situation;
pub mod vulnerabilities;
pub mod websites;
pub mod words;

use model::bulletin::Section;
use model::statistic::StatisticValue;

use crate::frozen::FrozenWeek;
use figures::{Figures, Names};

/// What sections are made from.
pub struct Page<'a> {
    /// This week.
    pub this: &'a FrozenWeek,
    /// The issue before, where it is stored.
    pub last: Option<&'a FrozenWeek>,
    /// The weeks before, newest first.
    pub past: &'a [FrozenWeek],
    /// Every figure, printed.
    pub figures: &'a Figures,
    /// Names of things that figures divide by.
    pub names: &'a Names<'a>,
}

impl Page<'_> {
    /// A value of this week.
    pub fn value(&self, id: &str) -> Option<&StatisticValue> {
        self.this.value(id)
    }

    /// A count that stands beside the figures, this week and last.
    pub fn beside(&self, name: &str) -> (u64, Option<u64>) {
        (
            self.this.beside(name),
            self.last.map(|last| last.beside(name)),
        )
    }
}

/// One row of the table of sections.
pub struct SectionRule {
    /// Identifier.
    pub id: &'static str,
    /// Makes the section, with its numbers still 0; `None` where its condition does not hold.
    pub make: fn(&Page<'_>) -> Option<Section>,
}

/// The sections in printed order.
pub const SECTIONS: &[SectionRule] = &[
    SectionRule {
        id: "malware",
        make: malware::section,
    },
    SectionRule {
        id: "hosting",
        make: hosting::section,
    },
    SectionRule {
        id: "websites",
        make: websites::section,
    },
    SectionRule {
        id: "vulnerabilities",
        make: vulnerabilities::section,
    },
    SectionRule {
        id: "handling",
        make: handling::section,
    },
];

/// The sections that are present, numbered with their charts.
pub fn present(page: &Page<'_>) -> Vec<Section> {
    let mut sections: Vec<Section> = SECTIONS
        .iter()
        .filter_map(|rule| (rule.make)(page))
        .collect();
    let mut chart = 0;
    for (at, section) in sections.iter_mut().enumerate() {
        section.number = at as u32 + 1;
        for found in &mut section.charts {
            chart += 1;
            found.number = chart;
        }
    }
    sections
}
