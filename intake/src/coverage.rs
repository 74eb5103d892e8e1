//! Which periods of a week each feed covered: the basis of every completeness note.
//!
//! A feed declares how often it delivers (`every_days`). Where its files bear a date (`snapshot`),
//! a day is covered by the file of that day. Where they do not, a period is covered when it lies
//! between the feed's first and last record and has a record itself; a cumulative list
//! (`every_days = 0`) is covered from its first record to its last. Dated files that come as they come
//! (`every_days = 0` with `snapshot`) owe nothing: no week of theirs is incomplete.

use std::collections::BTreeSet;

use jiff::civil::Date;
use ledger::{Decision, Ledger, Page, ReportFilter, ReportState, TallyBy, Verdict};
use model::statistic::FeedCoverage;
use model::time::{Day, ReportingWeek, Timestamp};

use crate::catalogue::{Catalogue, Source};
use crate::error::Result;

/// The coverage of `week` by every enabled feed, in the order of the configuration.
///
/// # Errors
/// The ledger fails.
pub async fn coverage(
    ledger: &Ledger,
    catalogue: &Catalogue,
    week: ReportingWeek,
) -> Result<Vec<FeedCoverage>> {
    coverage_at(ledger, catalogue, week, i64::MAX).await
}

/// The same as it was known at an instant (microseconds UTC): what was received or decided later is not
/// seen.
///
/// # Errors
/// The ledger fails.
pub async fn coverage_at(
    ledger: &Ledger,
    catalogue: &Catalogue,
    week: ReportingWeek,
    at: i64,
) -> Result<Vec<FeedCoverage>> {
    let mut all = Vec::new();
    for source in catalogue
        .sources()
        .iter()
        .filter(|source| source.feed.enabled)
    {
        all.push(of_feed(ledger, source, week, at).await?);
    }
    Ok(all)
}

/// Whether a person accepted a change of the source, or of the schema it is read by, after the week
/// before began: then the two weeks are not of one kind.
fn is_break(verdicts: &[Verdict], week: ReportingWeek, source: &Source) -> bool {
    let (before, _) = week.previous().span(&source.zone);
    let (_, end) = week.span(&source.zone);
    verdicts
        .iter()
        .filter(|verdict| verdict.decision == Decision::Accepted)
        .any(|verdict| verdict.at > before.0 && verdict.at < end.0)
}

async fn of_feed(
    ledger: &Ledger,
    source: &Source,
    week: ReportingWeek,
    at: i64,
) -> Result<FeedCoverage> {
    let feed = source.feed.name.as_str();
    let filter = ReportFilter {
        feed: Some(feed.to_owned()),
        state: Some(ReportState::Ingested),
        received: None,
    };
    let mut reports = Vec::new();
    loop {
        let page = Page {
            offset: reports.len() as u64,
            limit: 1000,
        };
        let more = ledger.reports(&filter, page).await?;
        let last = more.len() < 1000;
        reports.extend(more);
        if last {
            break;
        }
    }
    let late: BTreeSet<String> = reports
        .iter()
        .filter(|report| report.received_at > at)
        .map(|report| report.id.clone())
        .collect();
    reports.retain(|report| !late.contains(&report.id));
    let in_week = |date: &Date| *date >= week.monday() && *date <= week.sunday();
    let mut covered: BTreeSet<Date> = BTreeSet::new();
    let mut dated: BTreeSet<Date> = BTreeSet::new();
    let mut for_week = 0;
    let mut schemas = [BTreeSet::new(), BTreeSet::new()];
    if source.feed.snapshot.is_some() {
        for report in &reports {
            let date = report
                .snapshot_at
                .and_then(|at| Timestamp(at).date_in(&source.zone));
            let Some(date) = date else { continue };
            dated.insert(date);
            if in_week(&date) {
                covered.insert(date);
                for_week += 1;
            }
            let age = week.plus(-1);
            for (at, span) in [week, age].iter().enumerate() {
                if date >= span.monday() && date <= span.sunday() {
                    schemas[at].insert((report.format.clone(), report.schema_version.clone()));
                }
            }
        }
    } else {
        let dates: BTreeSet<Date> = if late.is_empty() {
            let days = ledger
                .tally(i32::MIN..i32::MAX, Some(feed), TallyBy::DAY)
                .await?;
            let days = days.iter().filter_map(|sum| sum.day);
            days.map(|day| Day(day).date()).collect()
        } else {
            let mut days = BTreeSet::new();
            for report in &reports {
                days.extend(ledger.tallied_days(&report.id).await?);
            }
            days.into_iter().map(|day| Day(day).date()).collect()
        };
        if let (Some(first), Some(last)) = (dates.first(), dates.last()) {
            let cumulative = source.feed.every_days == 0;
            covered.extend(week.days().filter(|date| {
                date >= first && date <= last && (cumulative || dates.contains(date))
            }));
        }
        for_week = u32::from(!covered.is_empty());
        dated = dates;
    }
    let mut verdicts = ledger.verdicts(Some(feed)).await?;
    verdicts.retain(|verdict| verdict.at <= at);
    let breaks = is_break(&verdicts, week, source);
    let owes_nothing = source.feed.every_days == 0 && source.feed.snapshot.is_some();
    if source.feed.every_days > 7 {
        // A list that comes more seldom than weekly stands until the next one is due.
        let due = week
            .sunday()
            .saturating_sub(jiff::Span::new().days(i64::from(source.feed.every_days)));
        let stands = |date: &Date| *date > due && *date <= week.sunday();
        let standing = dated.iter().filter(|date| stands(date)).count();
        let here = dated.iter().any(in_week);
        return Ok(FeedCoverage {
            feed: feed.to_owned(),
            title: source.feed.printed(),
            expected_days: 1,
            seen_days: u32::from(standing > 0),
            reports: standing as u32,
            changed: breaks,
            missing: Vec::new(),
            standing: standing > 0 && !here,
        });
    }
    let every = i64::from(source.feed.every_days.clamp(1, 7));
    let mut expected = 0;
    let mut seen = 0;
    let mut missing = Vec::new();
    let days: Vec<Date> = week.days().collect();
    // A feed that comes every n days owes one delivery in each n days of the week that are whole.
    for period in days
        .chunks(every as usize)
        .filter(|period| period.len() == every as usize && !owes_nothing)
    {
        expected += 1;
        if period.iter().any(|date| covered.contains(date)) {
            seen += 1;
        } else {
            missing.push(period[0]);
        }
    }
    let changed = !schemas[0].is_empty() && !schemas[1].is_empty() && schemas[0] != schemas[1];
    Ok(FeedCoverage {
        feed: feed.to_owned(),
        title: source.feed.printed(),
        expected_days: expected,
        seen_days: seen,
        reports: for_week,
        changed: changed || breaks,
        missing: if every == 1 { missing } else { Vec::new() },
        standing: false,
    })
}
