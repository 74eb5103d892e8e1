//! Changes: against which week, and how they are worded (DOMAIN rules 1.4a to 1.4d).

use model::bulletin::{Aspect, Direction, Exact, Lang, PublishedValue, Text};
use model::statistic::{self, ChangeKind};

use super::{Desk, Report, redraft};
use crate::frozen::FrozenWeek;
use crate::sections::figures::Figures;
use crate::suppress::suppressed;

/// Identifier of the note that an issue must carry whose baseline was corrected by this revision.
pub fn correction_note(revision: u32) -> String {
    format!("corrected-{revision}")
}

fn same(a: &PublishedValue, b: &PublishedValue) -> bool {
    a.previous == b.previous && a.change == b.change
}

/// Another stored week against which a figure's change fits.
fn fitting<'a>(desk: &'a Desk<'_>, value: &PublishedValue) -> Option<&'a FrozenWeek> {
    let states =
        |value: &PublishedValue| value.previous.is_some() || value.change.percent.is_some();
    if !states(value) {
        return None;
    }
    desk.subject.past.iter().find(|past| {
        past.week != desk.subject.frozen.week.previous() && {
            let figures = Figures::of(&desk.shown, Some(&suppressed(past)), desk.subject.names);
            figures.get(&value.key).is_some_and(|other| {
                // The base fits, or, where only the change was taken from there, the per cent does.
                same(value, other)
                    || (value.change.percent.is_some()
                        && value.change.percent == other.change.percent
                        && value.change.direction == other.change.direction)
            })
        }
    })
}

pub(super) fn changes(desk: &Desk<'_>, report: &mut Report<'_>) {
    for value in &desk.bulletin().values {
        let Some(expected) = desk.expected.get(&value.key) else {
            continue;
        };
        if same(value, expected) {
            continue;
        }
        let (said, right) = (&value.change.text, &expected.change.text);
        let arrow = |value: &PublishedValue| match value.change.direction {
            Direction::Up => "+",
            Direction::Down => "−",
            _ => "",
        };
        let previous = |value: &PublishedValue| {
            let amount = value.previous.as_ref();
            amount.map_or_else(|| "–".to_owned(), |amount| amount.exact.plain())
        };
        let (mut zh, mut en) = (
            format!(
                "{}的环比印为“{}{}”（上周{}），应为“{}{}”（上周{}）",
                value.name.zh,
                arrow(value),
                said.zh,
                previous(value),
                arrow(expected),
                right.zh,
                previous(expected)
            ),
            format!(
                "{}: the change is printed as “{}{}” (last week {}), it is “{}{}” (last week {})",
                value.name.en,
                arrow(value),
                said.en,
                previous(value),
                arrow(expected),
                right.en,
                previous(expected)
            ),
        );
        if let Some(other) = fitting(desk, value) {
            zh.push_str(&format!(
                "；所印的与{}一周（第{}期）相符，那不是上周",
                other.week.monday(),
                other.issue
            ));
            en.push_str(&format!(
                "; what is printed fits the week of {} (issue {}), which is not last week",
                other.week.monday(),
                other.issue
            ));
        }
        report.add(value.key.as_str(), Text::new(zh, en), redraft());
    }
}

pub(super) fn withdrawn(desk: &Desk<'_>, report: &mut Report<'_>) {
    let Some(baseline) = desk
        .subject
        .baseline
        .as_ref()
        .filter(|baseline| baseline.withdrawn)
    else {
        return;
    };
    if desk.last.is_some() {
        report.add(
            "baseline",
            Text::new(
                format!("基准第{}期已撤回", baseline.issue),
                format!("issue {}, the baseline, was withdrawn", baseline.issue),
            ),
            Text::new(
                "先为上周另发新的修订，再重新起草本期",
                "publish a new revision of last week first, then draft this issue again",
            ),
        );
    }
}

pub(super) fn corrected(desk: &Desk<'_>, report: &mut Report<'_>) {
    let Some(baseline) = desk
        .subject
        .baseline
        .as_ref()
        .filter(|baseline| baseline.corrected)
    else {
        return;
    };
    let wanted = correction_note(baseline.revision);
    let told = desk.bulletin().notes.iter().any(|note| note.id == wanted);
    if !told && desk.last.is_some() {
        report.add(
            "baseline",
            Text::new(
                format!("基准第{}期经第{}次修订更正，本期没有说明", baseline.issue, baseline.revision),
                format!("issue {}, the baseline, was corrected by revision {}: this issue does not say so", baseline.issue, baseline.revision),
            ),
            redraft(),
        );
    }
}

pub(super) fn unpublished(desk: &Desk<'_>, report: &mut Report<'_>) {
    let Some(baseline) = desk
        .subject
        .baseline
        .as_ref()
        .filter(|baseline| !baseline.published && !baseline.withdrawn)
    else {
        return;
    };
    if desk.last.is_some() {
        report.add(
            "baseline",
            Text::new(
                format!("基准第{}期第{}次修订没有发布，读者未见过上周的数", baseline.issue, baseline.revision),
                format!("revision {} of issue {}, the baseline, is not published: no reader has seen last week's figures", baseline.revision, baseline.issue),
            ),
            Text::new("先发布上周一期，或说明理由", "publish last week's issue first, or say why not"),
        );
    }
}

fn count(amount: Option<&model::bulletin::Amount>) -> Option<u64> {
    match amount?.exact {
        Exact::Count { count } => Some(count),
        _ => None,
    }
}

pub(super) fn wording(desk: &Desk<'_>, report: &mut Report<'_>) {
    for print in desk
        .prints
        .iter()
        .filter(|print| print.aspect == Aspect::Change)
    {
        if print.text == "0.0%" {
            report.add(
                print.place.as_str(),
                Text::new(
                    format!("{}的环比印为0.0%，应写“持平”", print.key),
                    format!(
                        "the change of {} is printed as 0.0%, it is unchanged",
                        print.key
                    ),
                ),
                redraft(),
            );
        }
    }
    for value in &desk.bulletin().values {
        // Over a part of the sources the counts behind the change are others than those printed.
        let plain = value.change.note.is_none();
        let (Some(now), Some(then)) = (count(value.value.as_ref()), count(value.previous.as_ref()))
        else {
            continue;
        };
        if !plain {
            continue;
        }
        let stated = !value.change.text.zh.is_empty();
        let declared = desk
            .expected
            .change(&value.key)
            .is_some_and(|change| change.kind != ChangeKind::Omitted);
        let fits = match statistic::change_kind(now, then) {
            _ if !stated => !declared,
            ChangeKind::Flat => {
                value.change.direction == Direction::Flat && value.change.percent.is_none()
            }
            ChangeKind::Percent { tenths } => {
                let way = if tenths > 0 {
                    Direction::Up
                } else {
                    Direction::Down
                };
                value.change.direction == way && value.change.percent.is_some()
            }
            ChangeKind::FromZero | ChangeKind::SmallBase => {
                value.change.percent.is_none() && value.change.direction != Direction::Flat
            }
            ChangeKind::Omitted | ChangeKind::NotComparable { .. } => true,
        };
        if !fits {
            let said = |lang: Lang| match stated {
                true => value.change.text.get(lang).to_owned(),
                false => match lang {
                    Lang::Zh => "没有写".to_owned(),
                    Lang::En => "nothing".to_owned(),
                },
            };
            report.add(
                value.key.as_str(),
                Text::new(
                    format!(
                        "{}由{then}到{now}，环比却为“{}”",
                        value.name.zh,
                        said(Lang::Zh)
                    ),
                    format!(
                        "{} went from {then} to {now}, the change says “{}”",
                        value.name.en,
                        said(Lang::En)
                    ),
                ),
                redraft(),
            );
        }
    }
    for tile in &desk.bulletin().board.tiles {
        let own = desk
            .bulletin()
            .value(&tile.value)
            .map(|value| &value.change);
        if own.is_some_and(|own| *own != tile.change) {
            report.add(
                format!("tile {}", tile.value),
                Text::new(
                    format!(
                        "指标板上{}的环比“{}”与指标不符",
                        tile.name.zh, tile.change.text.zh
                    ),
                    format!(
                        "the board's change of {}, “{}”, is not that of the figure",
                        tile.name.en, tile.change.text.en
                    ),
                ),
                redraft(),
            );
        }
    }
}

pub(super) fn small_base(desk: &Desk<'_>, report: &mut Report<'_>) {
    for value in &desk.bulletin().values {
        let Some(percent) = value.change.percent else {
            continue;
        };
        let like_for_like = desk
            .expected
            .change(&value.key)
            .filter(|change| change.like_for_like.is_some())
            .and_then(|change| change.last);
        let base = like_for_like.or_else(|| count(value.previous.as_ref()));
        if let Some(base) = base.filter(|base| *base < statistic::SMALL_BASE) {
            report.add(
                value.key.as_str(),
                Text::new(
                    format!(
                        "{}的环比{percent}%以{base}为基数，不足{}",
                        value.name.zh,
                        statistic::SMALL_BASE
                    ),
                    format!(
                        "{}: {percent}% on a base of {base}, under {}",
                        value.name.en,
                        statistic::SMALL_BASE
                    ),
                ),
                Text::new(
                    "改印两周的数：重新起草本期",
                    "print both counts: draft the issue again",
                ),
            );
        }
    }
    for print in desk
        .prints
        .iter()
        .filter(|print| print.aspect == Aspect::Change && print.text.ends_with('%'))
    {
        let base = desk
            .bulletin()
            .value(&print.key)
            .and_then(|value| count(value.previous.as_ref()));
        let like = desk
            .expected
            .change(&print.key)
            .is_some_and(|change| change.like_for_like.is_some());
        if let Some(base) = base.filter(|base| *base < statistic::SMALL_BASE && !like) {
            report.add(
                print.place.as_str(),
                Text::new(
                    format!(
                        "{}印有{}，其基数{base}不足{}",
                        print.key,
                        print.text,
                        statistic::SMALL_BASE
                    ),
                    format!(
                        "{} of {} is printed on a base of {base}, under {}",
                        print.text,
                        print.key,
                        statistic::SMALL_BASE
                    ),
                ),
                Text::new(
                    "改用“{<指标}”印上周的数",
                    "cite last week's count with {<KEY} instead",
                ),
            );
        }
    }
}
