//! The week so far: sums that grow, this week's over last week's, compared at the same moment.

use std::sync::Arc;

use jiff::tz::TimeZone;
use ledger::Pace;
use ledger::incident::Period;
use model::bulletin::Lang;
use model::incident::CaseKind;
use model::time::ReportingWeek;

use super::Words;
use crate::Desk;
use crate::kept::Asking;
use crate::pages::draw;
use crate::refusal::Refusal;
use crate::visitor::Visitor;
use crate::words::fill;

/// Parts of a week that a curve is drawn from: six hours each.
const PARTS: usize = 28;
/// Size of a curve.
const WIDTH: f64 = 280.0;
const HEIGHT: f64 = 48.0;

/// A sum of the week so far.
pub(super) struct Tile {
    pub(super) name: &'static str,
    pub(super) value: String,
    pub(super) unit: &'static str,
    /// `▲`, `▼`, or nothing.
    pub(super) arrow: &'static str,
    pub(super) change: String,
    pub(super) before: String,
    /// Points of this week's line and of last week's.
    pub(super) now: String,
    pub(super) then: String,
    /// Where now is, of the width.
    pub(super) at: String,
}

/// Which incidents a tile counts.
struct Counted {
    name: &'static str,
    period: Period,
    takes: fn(CaseKind, &str) -> bool,
}

/// How incidents came this week, last week up to the same moment, and in all of last week.
#[derive(Clone)]
pub(crate) struct Paces {
    this: Arc<[Pace]>,
    cut: Arc<[Pace]>,
    last: Arc<[Pace]>,
}

/// The weeks' incidents of a period, kept: ten thousands of rows are added up for six numbers.
async fn paces(
    desk: &Desk,
    visitor: &Visitor,
    asking: &Asking,
    period: Period,
    (week, zone): (ReportingWeek, &TimeZone),
) -> Result<Paces, Refusal> {
    let now = desk.now();
    let (from, to) = week.span(zone);
    let (last_from, last_to) = week.previous().span(zone);
    let part = (to.0 - from.0) / PARTS as i64;
    // To the same moment, for the comparison; the whole week, for the line.
    let until = (last_from.0 + (now.0 - from.0)).min(last_to.0);
    let reach = visitor.within()?;
    let question = format!("{period:?} {reach:?} {}", from.0);
    let ledger = desk.ledger.clone();
    let read = || async move {
        let of = async |from: i64, to: i64| -> Result<Arc<[Pace]>, Refusal> {
            Ok(ledger.pace(period, &reach, (from, to), part).await?.into())
        };
        Ok(Paces {
            this: of(from.0, now.0).await?,
            cut: of(last_from.0, until).await?,
            last: of(last_from.0, last_to.0).await?,
        })
    };
    desk.paces.answer(asking, &question, read).await
}

/// The tiles, and the days of the week in words. Workload carries no better or worse.
pub(super) async fn week(
    desk: &Desk,
    visitor: &Visitor,
    w: &'static Words,
    lang: Lang,
) -> Result<(String, Vec<Tile>), Refusal> {
    let now = desk.now();
    let asking = Asking::of(desk, visitor).await?;
    let zone = desk.terms().zone.clone();
    let today = now
        .date_in(&zone)
        .ok_or_else(|| Refusal::broken("the clock", "stands outside of time"))?;
    let week = ReportingWeek::containing(today);
    let (from, to) = week.span(&zone);
    let any = |_: CaseKind, _: &str| true;
    let all = [
        Counted {
            name: w.opened,
            period: Period::Opened,
            takes: any,
        },
        Counted {
            name: w.handled,
            period: Period::Handled,
            takes: any,
        },
        Counted {
            name: w.crossing,
            period: Period::Handled,
            takes: |_, border| !border.is_empty(),
        },
        Counted {
            name: w.phishing,
            period: Period::Handled,
            takes: |kind, _| kind == CaseKind::Phishing,
        },
        Counted {
            name: w.urls,
            period: Period::Handled,
            takes: |kind, _| matches!(kind, CaseKind::MaliciousApp | CaseKind::MalwareHosting),
        },
        Counted {
            name: w.gone,
            period: Period::VerifiedGone,
            takes: any,
        },
    ];
    let mut tiles = Vec::new();
    let periods = [Period::Opened, Period::Handled, Period::VerifiedGone];
    for period in periods {
        let paces = paces(desk, visitor, &asking, period, (week, &zone)).await?;
        for counted in all.iter().filter(|one| one.period == period) {
            let sum = |rows: &[Pace]| -> Vec<f64> {
                let mut parts = vec![0.0; PARTS];
                for row in rows
                    .iter()
                    .filter(|row| (counted.takes)(row.kind.0, &row.border))
                {
                    let at = usize::try_from(row.part).unwrap_or(0).min(PARTS - 1);
                    parts[at] += row.count as f64;
                }
                parts
                    .iter()
                    .scan(0.0, |sum, part| {
                        *sum += part;
                        Some(*sum)
                    })
                    .collect()
            };
            let (this, cut, last) = (sum(&paces.this), sum(&paces.cut), sum(&paces.last));
            let passed = (now.0 - from.0) as f64 / (to.0 - from.0) as f64;
            tiles.push(tile(counted.name, w, lang, (&this, &cut, &last), passed));
        }
    }
    let range = format!("{} – {}", week.monday(), week.sunday());
    Ok((fill(w.week_about, &[("range", &range)]), tiles))
}

fn tile(
    name: &'static str,
    w: &'static Words,
    lang: Lang,
    (this, cut, last): (&[f64], &[f64], &[f64]),
    passed: f64,
) -> Tile {
    let end = |parts: &[f64]| parts.last().copied().unwrap_or(0.0);
    let (now, before) = (end(this), end(cut));
    let most = now.max(end(last)).max(1.0);
    // The sums at the ends of the parts, from nothing at the week's beginning; this week's up to now.
    let line = |parts: &[f64], until: f64| {
        let mut points = format!("0,{HEIGHT}");
        for (at, sum) in parts.iter().enumerate() {
            let x = (at + 1) as f64 / PARTS as f64;
            let y = HEIGHT - (HEIGHT - 2.0) * sum / most;
            points.push_str(&format!(" {:.1},{y:.1}", x.min(until) * WIDTH));
            if x >= until {
                break;
            }
        }
        points
    };
    // A share of next to nothing says nothing: then the difference itself.
    let difference = (now - before).abs();
    let percent = match before >= 10.0 && difference < 10.0 * before {
        true => format!("{:.1}%", difference * 100.0 / before),
        false => draw::thousands(difference as u64),
    };
    let (arrow, change) = match now.total_cmp(&before) {
        std::cmp::Ordering::Equal => ("", w.same.to_owned()),
        std::cmp::Ordering::Greater => ("▲", fill(w.up, &[("n", &percent)])),
        std::cmp::Ordering::Less => ("▼", fill(w.down, &[("n", &percent)])),
    };
    let unit = match lang {
        Lang::Zh => "起",
        Lang::En => "",
    };
    Tile {
        name,
        value: draw::thousands(now as u64),
        unit,
        arrow,
        change,
        before: fill(
            w.same_moment,
            &[("n", &draw::thousands(before as u64)), ("unit", &w.unit)],
        ),
        now: line(this, passed),
        then: line(last, 1.0),
        at: format!("{:.1}", passed * WIDTH),
    }
}
