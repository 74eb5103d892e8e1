//! The weeks' holidays, and how much of a change the same week of earlier years went the same way.

use super::*;

pub(super) fn calendar(inputs: &Inputs<'_>) -> Calendar {
    let named =
        |week: ReportingWeek| holidays::of_week(week).map(|holiday| holiday.festival.name());
    let this = inputs.this.week;
    // The week after a holiday is like the week after it in other years.
    let same = match holidays::of_week(this) {
        Some(_) => holidays::same_weeks(this),
        None => holidays::same_weeks(this.previous())
            .into_iter()
            .map(|week| week.plus(1))
            .collect(),
    };
    let find = |week: ReportingWeek| {
        let stored = inputs.past.iter().find(|past| past.week == week)?;
        count_of(stored, inputs.statistic.id)
    };
    Calendar {
        this: named(this),
        last: named(this.previous()),
        same: same
            .into_iter()
            .filter_map(|week| {
                Some(Beside {
                    week: week.monday(),
                    count: find(week)?,
                    before: find(week.previous()),
                })
            })
            .collect(),
    }
}

/// How much of what is left the same week of an earlier year went the same way: never more than is left.
pub(super) fn calendar_part(calendar: &Calendar, rest: i64, last: u64) -> i64 {
    if calendar.this.is_none() && calendar.last.is_none() {
        return 0;
    }
    let Some((count, before)) = calendar
        .same
        .iter()
        .find_map(|same| Some((same.count, same.before?)))
    else {
        return 0;
    };
    if before == 0 {
        return 0;
    }
    let then = i128::from(signed(count) - signed(before));
    let expected = statistic::round_half_away(then * i128::from(last), i128::from(before));
    let expected = i64::try_from(expected).unwrap_or(0);
    match expected.signum() == rest.signum() {
        true => rest.signum() * rest.abs().min(expected.abs()),
        false => 0,
    }
}

pub(super) fn calendar_row(calendar: &Calendar, count: i64) -> Row {
    let name = calendar
        .this
        .clone()
        .or(calendar.last.clone())
        .unwrap_or_default();
    let then = calendar
        .same
        .iter()
        .find_map(|same| Some((same.week, same.count, same.before?)));
    let (week, now, before) = then.unwrap_or_default();
    Row {
        cause: Cause::Calendar,
        new: 0,
        gone: 0,
        count,
        share: None,
        name: Text::new(
            format!("节假日：{}", name.zh),
            format!("holiday: {}", name.en),
        ),
        evidence: Text::new(
            format!("往年同一节假日的一周（{week}）由{before}到{now}"),
            format!("the week of {week}, the same to the holiday, went from {before} to {now}"),
        ),
        confidence: Confidence::Low,
    }
}
