//! `watchfire rating`: the proposed rating of a week with its full working.

use std::path::Path;

use bulletin::rating::{DEFAULT_RATING, Outcome, Profile, Rating};
use model::bulletin::Lang;

use crate::config::Settings;
use crate::failure::{Failure, Result};
use crate::table::{Out, Table};
use crate::weekly::{Desk, tongue};
use crate::weeks;
use crate::workspace::{Access, Session, now};

/// Show the proposed rating of a week with its full working, and the vulnerability level.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The rating compares each indicator with the median of the weeks before, as frozen by `bulletin draft`
or imported by `history import`; infrastructure events cap it. With too few weeks, too little weight
or silent sources that could turn it, the week is not assessed, and the reason is printed.

Examples:
  watchfire rating 2023-3
  watchfire rating last --json")]
pub struct Args {
    /// Issue (2023-3), date of the week (2023-01-12), or `last`.
    issue: String,
}

/// The rating profile of the configuration: `default`, the name of one that comes with the program, or
/// the path of a file, relative to the workspace.
///
/// # Errors
/// The file cannot be read or is no profile, or there is none of this name.
pub fn profile(settings: &Settings, root: &Path) -> Result<Profile> {
    let name = settings.profile.as_str();
    if name == "default" {
        return Ok(Profile::named(DEFAULT_RATING, &[])?);
    }
    if !name.contains('/') && !name.ends_with(".toml") {
        return Ok(Profile::named(name, &[])?);
    }
    let path = root.join(name);
    let text = std::fs::read_to_string(&path).map_err(|error| {
        Failure::new(path.display(), error)
            .remedy("[rating] profile is a built-in name or the path of a file")
    })?;
    Ok(Profile::parse(name, &text)?)
}

pub fn run(args: Args, session: &Session) -> Result {
    let workspace = session.open(Access::Read)?;
    let named = weeks::read(&args.issue, &workspace, now())?;
    let desk = Desk::new(&workspace)?;
    let counted = desk.count(named, None)?;
    let lang = tongue(&session.environment);
    let mut out = Out::new();
    if session.json {
        out.json(&serde_json::json!({
            "issue": named.issue.map(|issue| issue.to_string()),
            "week": { "first": named.week.monday(), "last": named.week.sunday() },
            "rating": counted.frozen.rating,
            "vulnerability": counted.frozen.vulnerability,
        }))?;
        return out.end();
    }
    out.line(named.heading())?;
    if let Some(rating) = &counted.frozen.rating {
        print(rating, lang, &mut out)?;
    }
    if let Some(level) = &counted.frozen.vulnerability {
        out.line("")?;
        out.line(format_args!(
            "vulnerability level: {} (profile {} version {})",
            outcome(level, lang),
            level.profile,
            level.profile_version
        ))?;
    }
    out.end()
}

fn outcome(rating: &Rating, lang: Lang) -> String {
    match &rating.outcome {
        Outcome::Assessed { .. } => rating
            .word()
            .map(|word| word.get(lang).to_owned())
            .unwrap_or_default(),
        Outcome::NotAssessed { reason } => {
            format!("not assessed: {}", reason.text(&rating.words).get(lang))
        }
    }
}

/// Prints a rating with its working.
///
/// # Errors
/// Standard output.
pub fn print(rating: &Rating, lang: Lang, out: &mut Out) -> Result {
    let number = |value: Option<model::bulletin::Decimal>| {
        value.map_or("–".to_owned(), |value| value.to_string())
    };
    out.line(format_args!(
        "rating: {} (profile {} version {})",
        outcome(rating, lang),
        rating.profile,
        rating.profile_version
    ))?;
    out.line("")?;
    let mut table = Table::new([
        "indicator",
        "this week",
        "median",
        "weeks",
        "ln ratio",
        "weight",
        "contribution",
        "remark",
    ]);
    for row in &rating.indicators {
        let remark = match (&row.uncounted, &row.over) {
            (Some(why), _) => why.text().get(lang).to_owned(),
            (None, Some(feeds)) => format!("like for like over {}", feeds.join(", ")),
            (None, None) => String::new(),
        };
        // The median of an even number of weeks may be a half.
        let median = row
            .median_doubled
            .map_or("–".to_owned(), |doubled| match doubled % 2 {
                0 => (doubled / 2).to_string(),
                _ => format!("{}.5", doubled / 2),
            });
        table.row([
            row.statistic.clone(),
            row.this.map_or("–".to_owned(), |count| count.to_string()),
            median,
            row.weeks.to_string(),
            number(row.ln_ratio),
            row.weight.to_string(),
            number(row.contribution),
            remark,
        ]);
    }
    table.print(out)?;
    out.line("")?;
    let cuts: Vec<String> = rating.cuts.iter().map(ToString::to_string).collect();
    let words: Vec<&str> = rating.words.iter().map(|word| word.get(lang)).collect();
    out.line(format_args!(
        "score {}; levels {}; cuts {}",
        number(rating.score),
        words.join(", "),
        cuts.join(", ")
    ))?;
    for gate in &rating.gates {
        let cap = rating
            .words
            .get(usize::from(gate.cap).saturating_sub(1))
            .map_or("", |word| word.get(lang));
        let held = if gate.applied {
            "holds"
        } else {
            "does not hold"
        };
        out.line(format_args!(
            "gate: {}: {held}; it allows {cap} at best",
            gate.name.get(lang)
        ))?;
    }
    Ok(())
}
