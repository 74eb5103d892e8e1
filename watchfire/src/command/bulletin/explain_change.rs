//! `watchfire bulletin explain-change`: why a figure changed, in parts that add up.

use std::path::PathBuf;

use bulletin::change::assets::{self, compare};
use bulletin::change::{ChangeExplanation, Inputs, explain, page};
use bulletin::frozen::{FrozenWeek, Origin};
use bulletin::restate::past_as_now;
use bulletin::sections::figures::Names;
use bulletin::statistics;
use model::bulletin::Lang;
use model::statistic::{Observed, Statistic};

use crate::failure::{Failure, Result};
use crate::table::{Out, Table};
use crate::weekly::{Counted, Desk, sector, tongue};
use crate::weeks::{self, Named};
use crate::workspace::{Access, Session, Workspace, now};

/// Split the change of a figure against last week into parts that add up to it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  watchfire bulletin explain-change 2023-3 W5
  watchfire bulletin explain-change 2023-3 M1 --html m1.html --lang zh
  watchfire bulletin explain-change last W1 --json")]
pub struct Args {
    /// Issue (2023-3), date of the week (2023-01-12), or `last`.
    issue: String,
    /// The statistic: one that counts things, as M1, W5, V1, I1.
    statistic: String,
    /// Write it as one page for print, too.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Language of the page and the table: zh or en; without it, that of the session.
    #[arg(long, value_parser = lang)]
    lang: Option<Lang>,
}

fn lang(text: &str) -> std::result::Result<Lang, String> {
    Lang::ALL
        .into_iter()
        .find(|lang| lang.code() == text)
        .ok_or_else(|| "write zh or en".to_owned())
}

/// Explains a change and prints it.
///
/// # Errors
/// The statistic counts nothing, there is no week to compare with, or the lake or the ledger fails.
pub fn run(args: Args, session: &Session) -> Result {
    let statistic =
        statistics::named(&args.statistic).ok_or_else(|| bulletin::Error::UnknownStatistic {
            id: args.statistic.clone(),
            known: statistics::all()
                .iter()
                .map(|statistic| statistic.id)
                .collect::<Vec<_>>()
                .join(", "),
        })?;
    assets::inputs(statistic)?;
    let workspace = session.open(Access::Read)?;
    let named = weeks::read(&args.issue, &workspace, now())?;
    let desk = Desk::new(&workspace)?;
    let found = change(&desk, named, statistic)?;
    let lang = args.lang.unwrap_or_else(|| tongue(&session.environment));
    let mut out = Out::new();
    if let Some(path) = &args.html {
        std::fs::write(path, page::html(&found, lang))
            .map_err(|error| Failure::new(path.display(), error))?;
        session
            .talk
            .say(format_args!("written: {}", path.display()));
    }
    match session.json {
        true => out.json(&found)?,
        false => print(&found, lang, &mut out)?,
    }
    out.end()
}

/// The stored figures of an issue, or what a count of its week gives now.
fn frozen(desk: &Desk<'_>, named: Named) -> Result<Counted> {
    let workspace: &Workspace = desk.workspace();
    let settings = &workspace.settings;
    let stored = match named.issue {
        Some(issue) => workspace.block_on(workspace.ledger.baseline(
            &settings.series.id,
            i32::from(issue.year),
            i32::try_from(issue.number).unwrap_or(i32::MAX),
        ))?,
        None => None,
    };
    let Some(stored) = stored else {
        return desk.count(named, None);
    };
    let frozen = FrozenWeek::from_json(&named.label(), &stored.statistics)?;
    let week = desk.week(named, None)?;
    let past = desk.wait(week.past(&settings.series.id, &settings.zone_name))?;
    Ok(Counted { frozen, past })
}

/// Explains the change of a statistic in a week of the workspace.
///
/// # Errors
/// There is no week to compare with, or the lake or the ledger fails.
pub fn change(
    desk: &Desk<'_>,
    named: Named,
    statistic: &'static Statistic,
) -> Result<ChangeExplanation> {
    let statistic = statistic.at(named.week.monday());
    let counted = frozen(desk, named)?;
    // A week that was restated is compared as this week's definition counts it.
    let past = past_as_now(&counted.frozen, &counted.past);
    let last = past
        .iter()
        .find(|past| past.week == named.week.previous())
        .ok_or_else(|| {
            Failure::new(
                named.heading(),
                "no issue of the week before is stored, so there is no change to explain",
            )
            .remedy(format_args!(
                "watchfire bulletin draft {}",
                named.week.previous().monday()
            ))
        })?;
    let snapshot = |week: &FrozenWeek| i64::try_from(week.basis.lake_snapshot).ok();
    let before = Named {
        week: named.week.previous(),
        issue: Some(last.issue),
    };
    let week = desk.week(named, snapshot(&counted.frozen))?;
    let difference = match last.origin {
        Origin::Counted => {
            let then = desk.week(before, snapshot(last))?;
            let this = desk.wait(week.assets(statistic))?;
            Some((compare(&this, &desk.wait(then.assets(statistic))?), then))
        }
        Origin::Imported { .. } => None,
    };
    let handled = match (&difference, statistic.observed) {
        (Some((_, then)), Observed::Handling | Observed::PhishingPage) => {
            Some((desk.wait(then.handled())?, desk.wait(week.handled())?))
        }
        _ => None,
    };
    let province = |code: u32| desk.province(code);
    let found = explain(&Inputs {
        statistic,
        this: &counted.frozen,
        last,
        past: &past,
        difference: difference.as_ref().map(|(difference, _)| difference),
        handled: handled.as_ref().map(|(last, this)| (last, this)),
        names: &Names {
            province: &province,
            sector: &sector,
        },
    });
    found.ok_or_else(|| {
        Failure::new(
            format_args!("{} of {}", statistic.id, named.label()),
            "has no figure in one of the two weeks, so there is no change to explain",
        )
        .remedy(format_args!("watchfire week {}", named.label()))
    })
}

fn print(found: &ChangeExplanation, lang: Lang, out: &mut Out) -> Result {
    let text = |text: &model::bulletin::Text| text.get(lang).to_owned();
    out.line(format_args!(
        "{} {}: {} ({}), {} ({}), {} {}",
        found.statistic,
        text(&found.name),
        found.this,
        found.issue,
        found.last,
        found.baseline,
        page::signed(found.difference, lang),
        text(&found.printed)
    ))?;
    out.line(format_args!(
        "new {}, gone {}, continuing {}",
        found.new, found.gone, found.continuing
    ))?;
    out.line("")?;
    let mut table = Table::new([
        "put down to",
        "new",
        "gone",
        "net",
        "share",
        "confidence",
        "evidence",
    ]);
    for row in &found.rows {
        table.row([
            text(&row.name),
            row.new.to_string(),
            row.gone.to_string(),
            page::signed(row.count, lang),
            page::share(row.share),
            text(&row.confidence.text()),
            text(&row.evidence),
        ]);
    }
    table.print(out)?;
    for movers in &found.movers {
        out.line("")?;
        let name = text(&movers.name);
        let mut table = Table::new([name.as_str(), "last week", "this week"]);
        for row in &movers.rows {
            table.row([text(&row.name), row.last.to_string(), row.this.to_string()]);
        }
        table.print(out)?;
    }
    for remark in &found.remarks {
        out.line(text(remark))?;
    }
    if let Some(proposed) = &found.proposed {
        out.line("")?;
        out.line(format_args!(
            "{} [{}]",
            text(proposed),
            text(&found.confidence.text())
        ))?;
    }
    Ok(())
}
