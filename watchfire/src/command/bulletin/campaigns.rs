//! That a campaign makes up much of a figure: one hand behind every tenth handled incident is no general trend.
//!
//! Said in a note of the issue. The campaign itself is not named: its name is the house's own. Which incidents are one
//! campaign may change later, so the note is kept with the revision as prose is, and stays while the figures stay.

use bulletin::editorial::Around;
use ledger::{HandlingRow, Issue};
use model::bulletin::{Note, Paragraph, Text};
use model::incident::CaseKind;
use model::statistic::{self, SMALL_BASE};

use crate::failure::Result;
use crate::weekly::Counted;
use crate::workspace::Workspace;

/// Before the identifier of such a note stands this; behind it the figure.
const NOTE: &str = "campaign-";

/// Figures of handled incidents, by the kind they count.
const FIGURES: [(&str, Option<CaseKind>, &str, &str); 2] = [
    (
        "I1",
        None,
        "本周处置的事件",
        "Of the incidents handled this week",
    ),
    (
        "I3",
        Some(CaseKind::Phishing),
        "本周处置的网页仿冒事件",
        "Of the phishing incidents handled this week",
    ),
];

/// The notes of an issue: those of its newest revision while it has the same figures, else counted now.
///
/// # Errors
/// The ledger fails, or what is stored is damaged.
pub fn notes(
    workspace: &Workspace,
    counted: &Counted,
    newest: Option<&Issue>,
) -> Result<Vec<Note>> {
    if let Some(row) = newest.filter(|row| row.statistics == counted.frozen.to_json()) {
        let mut kept = Around::from_json(&row.around)?.errata;
        kept.retain(|note| note.id.starts_with(NOTE));
        return Ok(kept);
    }
    let (start, end) = counted.frozen.week.span(&workspace.settings.zone);
    let ledger = &workspace.ledger;
    let handled = workspace.block_on(ledger.incidents_handled((start.0, end.0)))?;
    let mut out = Vec::new();
    for (figure, kind, zh, en) in FIGURES {
        let of = |row: &&HandlingRow| kind.is_none_or(|kind| row.kind.0 == kind);
        let ids: Vec<_> = handled.iter().filter(of).map(|row| row.id.0).collect();
        let total = ids.len() as u64;
        let campaigns = workspace.block_on(ledger.campaigns_among(&ids))?;
        let large: Vec<u64> = campaigns
            .iter()
            .map(|(_, count)| *count)
            .filter(|count| is_much(*count, total))
            .collect();
        let share = |count: u64| {
            statistic::percent_tenths(count, total)
                .map(statistic::print_percent)
                .unwrap_or_default()
        };
        for (at, count) in large.iter().enumerate() {
            let share = share(*count);
            out.push(Note {
                id: match at {
                    0 => format!("{NOTE}{figure}"),
                    at => format!("{NOTE}{figure}-{}", at + 1),
                },
                text: Paragraph::words(Text::new(
                    format!(
                        "{zh}（{figure}）中，有{count}起属于同一起攻击活动，占{}。",
                        share.zh
                    ),
                    format!(
                        "{en} ({figure}), {} belong to one campaign: {}.",
                        statistic::grouped(*count),
                        share.en
                    ),
                )),
            });
        }
    }
    Ok(out)
}

/// Whether a campaign is over a tenth of a figure that is no handful.
fn is_much(count: u64, total: u64) -> bool {
    total >= SMALL_BASE && count * 10 > total
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_a_tenth_of_ten_and_more_is_much() {
        assert!(is_much(2, 10) && is_much(11, 100));
        assert!(!is_much(1, 10) && !is_much(10, 100) && !is_much(9, 9));
    }
}
