//! `watchfire history`: figures of issues that were published before this system kept them.

use std::path::PathBuf;

use clap::Subcommand;
use model::time::Day;

use crate::failure::{Failure, Result};
use crate::table::{Out, Table};
use crate::workspace::{Access, Session, now};

/// Import and list figures of earlier bulletins.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The file is CSV with a row an issue: year, issue, week_start, week_end, kind (published, undated or
derived), note, source, and a column a figure; an empty cell is no figure.

Examples:
  watchfire history import weekly_history.csv
  watchfire history list --json")]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Import a table; a row of the same number and kind is replaced.
    Import {
        /// The file.
        file: PathBuf,
        /// Series it belongs to; without it, the workspace's.
        #[arg(long, value_name = "ID")]
        series: Option<String>,
    },
    /// List what was imported.
    List {
        /// Of this series.
        #[arg(long, value_name = "ID")]
        series: Option<String>,
    },
}

pub fn run(args: Args, session: &Session) -> Result {
    let mut out = Out::new();
    match args.what {
        What::Import { file, series } => {
            let text = std::fs::read_to_string(&file)
                .map_err(|error| {
                    Failure::new(file.display(), error)
                        .remedy("name a CSV file that is there; `watchfire history --help` says what its columns are")
                })?;
            let workspace = session.open(Access::Write("history import"))?;
            let series = series.unwrap_or_else(|| workspace.settings.series.id.clone());
            let rows = bulletin::history::read(&series, &text).map_err(|error| {
                Failure::new(file.display(), error)
                    .remedy("`watchfire history --help` says what the columns are")
            })?;
            let imported = workspace.block_on(workspace.ledger.import_history(rows, now().0))?;
            match session.json {
                true => out.json(&serde_json::json!({ "series": series, "rows": imported }))?,
                false => out.line(format_args!("{imported} rows of series {series}"))?,
            }
        }
        What::List { series } => {
            let workspace = session.open(Access::Read)?;
            let series = series.unwrap_or_else(|| workspace.settings.series.id.clone());
            let rows = workspace.block_on(workspace.ledger.history(&series, None))?;
            if session.json {
                out.json(&rows)?;
                return out.end();
            }
            let mut table = Table::new(["issue", "week", "kind", "figures", "source"]);
            for row in rows {
                let issue = row.number.map_or_else(
                    || row.year.to_string(),
                    |number| format!("{}-{number}", row.year),
                );
                let week = row
                    .week_start
                    .map_or_else(String::new, |day| Day(day).to_string());
                let figures = row.values()?.len().to_string();
                table.row([
                    issue,
                    week,
                    row.kind.as_str().to_owned(),
                    figures,
                    row.source,
                ]);
            }
            if table.is_empty() {
                session
                    .talk
                    .say(format_args!("no history of series {series}"));
            } else {
                table.print(&mut out)?;
            }
        }
    }
    out.end()
}
