//! `watchfire export`: stored events in IntelMQ's form, for whoever stands behind us.
//!
//! Two forms: JSON lines, one event each, as `parse --as intelmq` prints them, and a script for psql
//! that puts events into an EventDB. What our own tables say of an event is added with `--enriched`
//! only: without it, an event goes out with the facts that came in.

use std::future::poll_fn;
use std::pin::Pin;

use clap::ValueEnum;
use formats::intelmq::{self, Event, Header};
use futures_core::Stream;
use jiff::civil::Date;
use lake::rows::Rows;
use model::record::Record;
use model::time::Timestamp;
use serde_json::json;

use crate::config::Settings;
use crate::failure::{Failure, Result};
use crate::weeks;
use crate::workspace::{Access, Session, Workspace, now};

mod eventdb;
mod sink;

use sink::Sink;

/// Write stored events for IntelMQ: JSON lines, or a script that fills an EventDB.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  watchfire export last --as intelmq                        events of the last whole week
  watchfire export --since 2026-11-01 --feed urlhaus --as intelmq --to events.jsonl
  watchfire export last --as intelmq --to tcp://intelmq.example.net:5000
  watchfire export last --as eventdb | psql eventdb
  watchfire export last --as intelmq --where \"territory = 1 AND class_type = 'c2-server'\"

An EventDB takes the same events again without doubling them: event_hash is the event's identity.
tcp is what IntelMQ's TCP collector listens for; each event is sent after the one before was taken.")]
pub struct Args {
    /// Week of an issue; without it, see --since and --until.
    #[arg(value_name = "ISSUE|DATE", conflicts_with_all = ["since", "until"])]
    week: Option<String>,
    /// Events observed on or after this day, in the reporting zone.
    #[arg(long, value_name = "DATE")]
    since: Option<Date>,
    /// Events observed before this day.
    #[arg(long, value_name = "DATE")]
    until: Option<Date>,
    /// Of this feed; may be repeated.
    #[arg(long = "feed", value_name = "NAME")]
    feeds: Vec<String>,
    /// A condition in SQL over the columns of `watchfire query --columns`.
    #[arg(long = "where", value_name = "SQL")]
    condition: Option<String>,
    /// Form of the events.
    #[arg(long = "as", value_enum)]
    form: Form,
    /// A file, or tcp://HOST:PORT; without it, standard output.
    #[arg(long, value_name = "FILE|URL")]
    to: Option<String>,
    /// Add country, network, host and domain by our own tables where the source says nothing.
    #[arg(long)]
    enriched: bool,
    /// With eventdb: the tables are there, do not create any.
    #[arg(long)]
    no_create: bool,
    /// At most so many events.
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    /// JSON lines.
    Intelmq,
    /// A script for psql.
    Eventdb,
}

pub fn run(args: Args, session: &Session) -> Result {
    if args.form == Form::Eventdb && args.to.as_deref().is_some_and(sink::is_tcp) {
        return Err(
            Failure::usage("--to", "a database is filled by psql, not over tcp")
                .remedy("watchfire export ... --as eventdb | psql DATABASE"),
        );
    }
    let workspace = session.open(Access::Read)?;
    let sql = select(&args, &workspace)?;
    let (_, parts) = workspace.parts(None)?;
    let mut sink = Sink::open(args.to.as_deref())?;
    if args.form == Form::Eventdb {
        sink.text(&eventdb::head(!args.no_create))?;
    }
    let (mut events, mut record) = (0u64, Record::new());
    workspace.block_on(async {
        let mut stream = workspace.lake.query(&parts, &sql).await?;
        while let Some(batch) =
            poll_fn(|context| Pin::new(&mut stream).as_mut().poll_next(context)).await
        {
            let batch = batch.map_err(|error| Failure::from(lake::Error::from(error)))?;
            let rows = Rows::of(&batch);
            for row in 0..rows.len() {
                record.clear();
                rows.fill(row, &mut record);
                let header = header(&rows, row, &workspace.settings);
                let mut event = intelmq::event(&record, &header);
                if args.enriched {
                    enrich(&rows, row, &mut event);
                }
                match args.form {
                    Form::Intelmq => {
                        event.insert("__type".to_owned(), json!("Event"));
                        sink.event(&json!(event).to_string())?;
                    }
                    Form::Eventdb => {
                        let id = rows.text("event_id", row).unwrap_or_default();
                        sink.text(&eventdb::row(&event, id))?;
                    }
                }
                events += 1;
            }
        }
        Ok::<(), Failure>(())
    })?;
    if args.form == Form::Eventdb {
        sink.text(&eventdb::tail())?;
    }
    sink.end()?;
    session.talk.say(format_args!("{events} events"));
    Ok(())
}

fn select(args: &Args, workspace: &Workspace) -> Result<String> {
    let settings = &workspace.settings;
    let mut conditions = Vec::new();
    let start_of = |day: Date| {
        let zoned = day.to_zoned_datetime(settings.zone.clone());
        let zoned = zoned.map_err(|error| Failure::usage(day, error))?;
        Ok::<_, Failure>(Timestamp::from(zoned.timestamp()))
    };
    let (since, until) = match &args.week {
        Some(text) => {
            let (start, end) = weeks::read(text, workspace, now())?
                .week
                .span(&settings.zone);
            (Some(start), Some(end))
        }
        None => (
            args.since.map(start_of).transpose()?,
            args.until.map(start_of).transpose()?,
        ),
    };
    for (at, sign) in [(since, ">="), (until, "<")] {
        if let Some(Timestamp(at)) = at {
            conditions.push(format!("observed_at {sign} to_timestamp_micros({at})"));
        }
    }
    if !args.feeds.is_empty() {
        let mut names = Vec::with_capacity(args.feeds.len());
        for name in &args.feeds {
            let found = settings.catalogue.get(name)?;
            names.push(format!("'{}'", found.feed.name));
        }
        conditions.push(format!("feed IN ({})", names.join(", ")));
    }
    // A comment in the condition ends with its line, not with our bracket.
    conditions.extend(
        args.condition
            .as_ref()
            .map(|condition| format!("({condition}\n)")),
    );
    let filter = match conditions.is_empty() {
        true => String::new(),
        false => format!(" WHERE {}", conditions.join(" AND ")),
    };
    let limit = args.limit.map(|limit| format!(" LIMIT {limit}"));
    Ok(format!(
        "SELECT * FROM events{filter}{}",
        limit.unwrap_or_default()
    ))
}

/// The feed's names as its entry has them; a feed that left the configuration keeps its name.
fn header(rows: &Rows<'_>, row: usize, settings: &Settings) -> Header {
    let name = rows.text("feed", row).unwrap_or_default();
    let observed = rows.time("received_at", row);
    match settings.catalogue.get(name) {
        Ok(source) => Header::new(&source.feed, None, observed),
        Err(_) => Header {
            feed_name: name.to_owned(),
            observed,
            ..Header::default()
        },
    }
}

fn enrich(rows: &Rows<'_>, row: usize, event: &mut Event) {
    let domain = rows.text("domain", row);
    let suffix = domain.and_then(|domain| domain.split_once('.'));
    let answers = [
        (
            "source.geolocation.cc",
            rows.text("country", row).map(|text| json!(text)),
        ),
        ("source.asn", rows.int("asn", row).map(|asn| json!(asn))),
        (
            "source.as_name",
            rows.text("holder", row).map(|text| json!(text)),
        ),
        (
            "source.fqdn",
            rows.text("host", row).map(|text| json!(text)),
        ),
        (
            "source.domain_suffix",
            suffix.map(|(_, suffix)| json!(suffix)),
        ),
        (
            "extra.brand",
            rows.text("brand", row).map(|text| json!(text)),
        ),
        (
            "extra.province",
            rows.int("province", row).map(|code| json!(code)),
        ),
        (
            "extra.warning",
            rows.text("warning", row).map(|text| json!(text)),
        ),
    ];
    for (key, answer) in answers {
        if let Some(answer) = answer {
            event.entry(key.to_owned()).or_insert(answer);
        }
    }
}
