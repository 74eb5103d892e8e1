//! The sentence that the machine proposes for a large change.

use super::*;

/// Whether a change wants a word: large in per cent, or on a base for which none is printed.
pub(super) fn is_large(change: &Change, difference: i64) -> bool {
    match change.kind {
        ChangeKind::Percent { tenths } => tenths.abs() >= LARGE_PERCENT * 10,
        ChangeKind::FromZero | ChangeKind::SmallBase | ChangeKind::NotComparable { .. } => {
            difference.unsigned_abs() >= GROUP_AT_LEAST
        }
        ChangeKind::Flat | ChangeKind::Omitted => false,
    }
}

/// The sentence for the editor: figures as references, the part behind it as a marked number.
pub(super) fn propose(
    inputs: &Inputs<'_>,
    change: &Change,
    difference: i64,
    rows: &[Row],
) -> (Option<Text>, Confidence) {
    let with = rows
        .iter()
        .filter(|row| row.count.signum() == difference.signum() && row.count != 0);
    let Some(main) = with.max_by_key(|row| (row.count.abs(), std::cmp::Reverse(row.confidence)))
    else {
        return (None, Confidence::NotEstablished);
    };
    if !is_large(change, difference) {
        return (None, main.confidence);
    }
    let statistic = inputs.statistic;
    let (id, up) = (statistic.id, difference > 0);
    let percent =
        matches!(change.kind, ChangeKind::Percent { .. }) && change.like_for_like.is_none();
    let (moved_zh, moved_en) = match (percent, up) {
        (true, true) => (
            format!("比上周上升{{~{id}}}"),
            format!("{{~{id}}} more than last week"),
        ),
        (true, false) => (
            format!("比上周下降{{~{id}}}"),
            format!("{{~{id}}} fewer than last week"),
        ),
        (false, _) => (
            format!("上周为{{<{id}}}"),
            format!("after {{<{id}}} last week"),
        ),
    };
    let part = main.count.unsigned_abs();
    let (unit_zh, unit_en) = (statistic.unit.zh, statistic.unit.en);
    let (number_zh, number_en) = (
        format!("{{={part}{unit_zh}}}"),
        format!("{{={}}}", statistic::grouped(part)),
    );
    let (more_zh, more_en) = if up {
        ("增加", "of the increase")
    } else {
        ("减少", "of the decrease")
    };
    let (why_zh, why_en) = match &main.cause {
        Cause::NotEstablished => (
            "原因尚未查明".to_owned(),
            "the cause is not established".to_owned(),
        ),
        Cause::Calendar => (
            format!(
                "其中{number_zh}的{more_zh}与往年{}期间相似",
                main.name.zh.trim_start_matches("节假日：")
            ),
            format!(
                "{number_en} {more_en} are like the weeks of {} before",
                main.name.en.trim_start_matches("holiday: ")
            ),
        ),
        // More than the whole difference: the rest went the other way.
        _ if part > difference.unsigned_abs() => (
            format!("仅{}一项即{more_zh}{number_zh}", words_only(&main.name.zh)),
            format!(
                "{} alone make {number_en} {}",
                words_only(&main.name.en),
                if up { "more" } else { "fewer" }
            ),
        ),
        _ => (
            format!("{more_zh}的{number_zh}来自{}", words_only(&main.name.zh)),
            format!(
                "{number_en} {more_en} come from {}",
                words_only(&main.name.en)
            ),
        ),
    };
    let name = statistic.name;
    let text = Text::new(
        format!("{}{{{id}|{unit_zh}}}，{moved_zh}，{why_zh}。", name.zh),
        format!("{}: {{{id}}} {unit_en}, {moved_en}; {why_en}.", name.en),
    );
    (Some(text), main.confidence)
}

/// A name within a sentence: kept whole where it holds digits or dots, so that prose holds no bare number.
pub(super) fn words_only(name: &str) -> String {
    match name.contains(|c: char| c.is_ascii_digit() || matches!(c, '{' | '}')) {
        true => format!("{{={}}}", name.replace(['{', '}', '|'], "")),
        false => name.to_owned(),
    }
}
