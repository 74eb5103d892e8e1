//! `watchfire demo`: a made-up country, its feeds, and the bulletin made from them, by the ordinary
//! path.
//!
//! The demo's clock stands still on the morning after its last week: whatever the machine's date is,
//! the same seed gives the same bytes.

pub mod newsroom;
pub mod people;
pub mod work;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Instant;

use intake::collect::{self, Wanted};
use jiff::civil::Date;
use ledger::NewInfrastructureEvent;
use model::bulletin::Text;
use model::time::{ReportingWeek, Timestamp};
use serde_json::json;
use watchfire::demo::{self, DemoCountry};

use super::infrastructure::level;
use super::ingest;
use crate::config;
use crate::failure::{Failure, Result};
use crate::table::{Out, Table};
use crate::talk::human_time;
use crate::weekly::{Desk, change_text, tongue};
use crate::workspace::{Access, Session, Workspace};

/// Who makes the demo's issues.
const AUTHOR: &str = "demo";

/// Make a country up, ingest fourteen weeks of its feeds, and print its bulletin.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Every name and address in it is reserved for examples. The same seed gives the same bytes; a
second run in the same folder finds everything done.

Examples:
  watchfire demo
  watchfire demo /tmp/country --seed 7")]
pub struct Args {
    /// The workspace to make.
    #[arg(default_value = "watchfire-demo")]
    dir: PathBuf,
    /// What everything follows from.
    #[arg(long, default_value_t = demo::DEFAULT_SEED)]
    seed: u64,
    /// A date in the last of the fourteen weeks.
    #[arg(long, value_name = "DATE")]
    end: Option<Date>,
}

pub fn run(args: Args, session: &Session) -> Result {
    let started = Instant::now();
    let end = args
        .end
        .map_or_else(demo::default_end, ReportingWeek::containing);
    refuse_foreign(&args.dir, args.seed)?;
    let mut progress = session.talk.progress("country", 1, false);
    let country = demo::write(&args.dir, args.seed, end, &mut |what, done, total| {
        progress.of(total);
        progress.at(done, || what.to_owned());
    })?;
    progress.end();
    session.talk.say(format_args!(
        "{} ({}): {} files with {} records",
        country.name_en,
        country.name_zh,
        country.files.len(),
        country.rows()
    ));
    let root = args
        .dir
        .canonicalize()
        .map_err(|error| Failure::new(args.dir.display(), error))?;
    let settings = config::load(&root, &session.environment).map_err(Failure::configuration)?;
    let workspace = Workspace::open(root, settings, Access::Write("demo"))?;
    let morning = morning_after(end, &workspace);
    infrastructure(&country, args.seed, morning, &workspace)?;
    let deliveries = collect::files(
        &workspace.settings.catalogue,
        &workspace.root,
        &[Wanted::All],
    )?;
    let (summary, took) =
        ingest::ingest(&workspace, &deliveries, false, &|| morning, &session.talk)?;
    let mut out = Out::new();
    if !session.json {
        ingest::print(&summary, took, &mut out, &session.talk)?;
    }
    work::work(args.seed, &country.weeks, &workspace, &session.talk)?;
    let (last, files) = newsroom::publish(&country.weeks, morning, &workspace, session)?;
    let people = people::people(&workspace, morning)?;
    let values = Desk::new(&workspace)?.figures(&last.counted);
    if session.json {
        out.json(&json!({
            "workspace": workspace.root,
            "seed": args.seed,
            "ingest": summary,
            "issue": last.counted.frozen.issue.to_string(),
            "rating": last.counted.frozen.rating,
            "values": values,
            "files": files,
            "seconds": started.elapsed().as_secs_f64(),
        }))?;
        return out.end();
    }
    let lang = tongue(&session.environment);
    out.line("")?;
    let issue = &last.counted.frozen.issue;
    let word = last
        .counted
        .frozen
        .rating
        .as_ref()
        .and_then(|rating| rating.word())
        .map(|word| word.get(lang));
    out.line(format_args!(
        "issue {issue} ({}): {}",
        end,
        word.unwrap_or("not assessed")
    ))?;
    let mut table = Table::new(Vec::<String>::new());
    for value in values
        .iter()
        .filter(|value| !value.key.contains(['/', '@']))
    {
        let Some(amount) = &value.value else { continue };
        let texts =
            [&value.name, &amount.text, &value.unit].map(|text: &Text| text.get(lang).to_owned());
        let change = change_text(value, lang);
        table.row(
            std::iter::once(format!("  {}", value.key))
                .chain(texts)
                .chain([change]),
        );
    }
    table.print(&mut out)?;
    out.line("")?;
    for file in files.iter().filter(|file| is_page(file)) {
        out.line(file.display())?;
    }
    out.end()?;
    if let Some(people) = people {
        session.talk.say(format_args!(
            "accounts of the console (also in {}):\n{people}",
            people::FILE
        ));
    }
    session.talk.say(format_args!(
        "done in {}; next: watchfire --workspace {dir} week {issue} --explain M1, or: watchfire --workspace {dir} serve, and sign in at http://{}/console",
        human_time(started.elapsed()),
        workspace.settings.listen,
        dir = args.dir.display()
    ));
    Ok(())
}

/// The pages and the data of the issue, without the files of single charts.
fn is_page(file: &Path) -> bool {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    !name.contains(".fig")
}

/// A folder that holds something else is left alone; one that holds this very demo is gone on with.
fn refuse_foreign(dir: &Path, seed: u64) -> Result {
    let Ok(mut entries) = std::fs::read_dir(dir) else {
        return Ok(());
    };
    if entries.next().is_none() {
        return Ok(());
    }
    match std::fs::read_to_string(dir.join(config::FILE)) {
        Ok(text) if text == demo::config::demo(seed) => Ok(()),
        _ => Err(Failure::new(
            dir.display(),
            format_args!("is not empty and holds no demo of seed {seed}"),
        )
        .remedy("choose another folder, or remove this one")),
    }
}

/// Eight o'clock on the Monday after the last week, in the reporting zone.
fn morning_after(end: ReportingWeek, workspace: &Workspace) -> Timestamp {
    let (_, monday) = end.span(&workspace.settings.zone);
    Timestamp(monday.0 + 8 * 3_600_000_000)
}

/// Enters the disturbances that a duty officer would have entered by hand.
fn infrastructure(
    country: &DemoCountry,
    seed: u64,
    now: Timestamp,
    workspace: &Workspace,
) -> Result {
    let known: HashSet<String> = workspace
        .block_on(workspace.ledger.infrastructure(None))?
        .into_iter()
        .map(|event| event.id)
        .collect();
    for event in &country.infrastructure {
        let instant = |at: jiff::civil::DateTime| {
            let zoned = at.to_zoned_datetime(workspace.settings.zone.clone());
            zoned
                .map(|zoned| Timestamp::from(zoned.timestamp()))
                .map_err(|error| Failure::new(event.name_en, error))
        };
        let start = instant(event.started)?;
        let mut random = [0; 10];
        random.copy_from_slice(
            &blake3::hash(format!("{seed}/{}", event.name_en).as_bytes()).as_bytes()[..10],
        );
        let millis = u64::try_from(start.0 / 1000).unwrap_or(0);
        let id = format!(
            "INF-{}",
            uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
        );
        if known.contains(&id) {
            continue;
        }
        let new = NewInfrastructureEvent {
            id,
            name_zh: event.name_zh.to_owned(),
            name_en: event.name_en.to_owned(),
            place_zh: event.place_zh.to_owned(),
            place_en: event.place_en.to_owned(),
            scope: format!("{:06}", event.province),
            level: level(event.level)?,
            start_at: start.0,
            end_at: Some(instant(event.ended)?.0),
            effect_zh: event.effect_zh.to_owned(),
            effect_en: event.effect_en.to_owned(),
        };
        workspace.block_on(workspace.ledger.add_infrastructure(new, AUTHOR, now.0))?;
    }
    Ok(())
}
