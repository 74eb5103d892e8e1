//! From frozen weeks to a bulletin in both languages. Pure: the same weeks give the same bulletin.
//!
//! Nothing is counted here. Figures are printed once ([`crate::sections::figures`]), sections place
//! them, and what is absent is dropped before sections and charts are numbered (DOMAIN rule 1.1).

use jiff::civil::Date;
use model::bulletin::{
    Bulletin, Correction, DefinitionVersion, FORMAT, Issue, Period, PrintedDay, Provenance,
    Publisher, RecentIssue, SeriesTitle, State, Text, Tlp,
};
use model::issue::IssueNumber;
use model::statistic::StatisticValue;

use crate::editorial::Around;
use crate::frozen::{Basis, FrozenWeek};
use crate::restate::past_as_now;
use crate::sections::figures::{Figures, Names};
use crate::sections::{Page, board, handling, notes, present, rating, situation, words};
use crate::suppress::suppressed;
use crate::{Error, Result};

/// Earlier issues that are linked.
const RECENT: i64 = 5;

/// What an issue says besides its figures.
pub struct Cover<'a> {
    /// The series.
    pub series: SeriesTitle,
    /// Who publishes.
    pub publisher: Publisher,
    /// How far it may be passed on.
    pub tlp: Tlp,
    /// Draft or approved.
    pub state: State,
    /// 1 for the first edition.
    pub revision: u32,
    /// What later revisions changed, newest first.
    pub corrections: Vec<Correction>,
    /// A warning on every page.
    pub banner: Option<Text>,
    /// Day of publication.
    pub published: Option<Date>,
    /// Prose, errata, what may be linked.
    pub around: &'a Around,
    /// Names of provinces and sectors.
    pub names: Names<'a>,
}

/// Composes the issue about `this` week from the weeks `past` (newest first). The week directly
/// before is the baseline of every change, if it is stored.
///
/// # Errors
/// [`Error::Composed`] if the result contradicts itself: a fault of ours, found before it is stored.
pub fn compose(this: &FrozenWeek, past: &[FrozenWeek], cover: Cover<'_>) -> Result<Bulletin> {
    // What could name a victim is hidden before anything is printed.
    let past = &past_as_now(this, past)[..];
    let this = &suppressed(this);
    let last = past
        .iter()
        .find(|frozen| frozen.week == this.week.previous())
        .map(suppressed);
    let last = last.as_ref();
    let figures = Figures::of(this, last, &cover.names);
    let page = Page {
        this,
        last,
        past,
        figures: &figures,
        names: &cover.names,
    };
    let (first, sunday) = (this.week.monday(), this.week.sunday());
    let Some(proposed) = &this.rating else {
        return Err(Error::Composed {
            issue: this.issue.to_string(),
            reason: "it was frozen without a rating".to_owned(),
        });
    };
    let mut bulletin = Bulletin {
        format: FORMAT,
        series: cover.series,
        publisher: cover.publisher,
        issue: issue(this.issue),
        week: Period {
            first,
            last: sunday,
            text: words::period(first, sunday),
            zone: this.zone.clone(),
        },
        published: cover.published.map(|date| PrintedDay {
            date,
            text: words::day(date),
        }),
        tlp: cover.tlp,
        state: cover.state,
        revision: cover.revision,
        corrections: cover.corrections,
        banner: cover.banner,
        rating: rating::block(&page, proposed),
        vulnerability: rating::vulnerability(&page),
        situation: std::iter::once(situation::infrastructure(&page))
            .chain(situation::threats(&page))
            .collect(),
        board: board::board(&page),
        handling: handling::strip(&page),
        lead: None,
        sections: present(&page),
        news: Vec::new(),
        notes: notes::notes(&page),
        recent: recent(this, past, &cover.around.published),
        values: Vec::new(),
        provenance: provenance(&this.basis, &this.values),
        hash: None,
    };
    bulletin.notes.extend_from_slice(&cover.around.errata);
    cover.around.editorial.place(&mut bulletin, &figures);
    bulletin.values = figures.into_values();
    bulletin.seal();
    match bulletin.check().into_iter().next() {
        Some(reason) => Err(Error::Composed {
            issue: this.issue.to_string(),
            reason,
        }),
        None => Ok(bulletin),
    }
}

/// Where the numbers come from: what they were counted from, by which definitions.
pub(crate) fn provenance(basis: &Basis, values: &[StatisticValue]) -> Provenance {
    Provenance {
        lake_snapshot: basis.lake_snapshot,
        ledger_as_of: basis.ledger_as_of.clone(),
        program: format!("Watchfire {}", basis.program),
        definitions: values
            .iter()
            .map(|value| DefinitionVersion {
                statistic: value.statistic.clone(),
                version: value.version,
            })
            .collect(),
        fonts: Vec::new(),
    }
}

fn issue(number: IssueNumber) -> Issue {
    Issue {
        number,
        text: Text::new(
            format!("{}年第{}期", number.year, number.number),
            format!("{} No. {}", number.year, number.number),
        ),
    }
}

/// The five issues before, newest first; those that are not stored are not listed, those that are not public
/// not linked.
fn recent(this: &FrozenWeek, past: &[FrozenWeek], published: &[IssueNumber]) -> Vec<RecentIssue> {
    (1..=RECENT)
        .filter_map(|back| {
            let week = this.week.plus(-back);
            let frozen = past.iter().find(|frozen| frozen.week == week)?;
            Some(RecentIssue {
                issue: issue(frozen.issue),
                week: words::period(week.monday(), week.sunday()),
                level: frozen
                    .rating
                    .as_ref()
                    .and_then(crate::rating::Rating::level),
                file: published
                    .contains(&frozen.issue)
                    .then(|| frozen.issue.to_string()),
            })
        })
        .collect()
}
