//! `watchfire parse`: read a file as a feed would, store nothing, print what comes out.

use std::fs::File;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::ValueEnum;
use formats::intelmq::{self, Header};
use formats::shadowserver::{Schema, report_name};
use formats::source::{Caps, Encoding, each_member};
use formats::{Context, FORMATS, Output, Warning, drive};
use intake::Source;
use intake::dry_run;
use intake::enrich::Enricher;
use model::feed::Feed;
use model::record::Record;
use model::reject::Reject;
use model::time::Timestamp;
use reference::{Scratch, Tables};
use serde_json::json;

use crate::failure::{Failure, Result};
use crate::reference_files;
use crate::table::Out;
use crate::workspace::{Access, Session, Workspace, now};

/// Characters of a rejected row that are shown.
const SHOWN_RAW: usize = 160;

/// Read a file and print its events; nothing is stored. Rejects go to standard error.
#[derive(Debug, clap::Args)]
#[command(after_help = after_help())]
pub struct Args {
    /// The file; `-` reads standard input.
    file: PathBuf,
    /// Read it as a delivery of this feed; without it, of the feed whose patterns match.
    #[arg(long, value_name = "NAME", conflicts_with = "format")]
    feed: Option<String>,
    /// Read it in this format, with no feed's defaults; needs no workspace, but uses its tables.
    #[arg(long, value_name = "NAME")]
    format: Option<String>,
    /// Zone of times without an offset, with --format.
    #[arg(long, default_value = "UTC", requires = "format")]
    zone: String,
    /// RSIT entry of rows that bring none, with --format.
    #[arg(long, value_name = "ENTRY", requires = "format")]
    classification: Option<String>,
    /// An option of the format, with --format; may be repeated.
    #[arg(long = "option", value_name = "KEY=VALUE", requires = "format")]
    options: Vec<String>,
    /// A column of the format, with --format; may be repeated.
    #[arg(long = "column", value_name = "COLUMN=FIELD", requires = "format")]
    columns: Vec<String>,
    /// Form of the events.
    #[arg(long = "as", value_enum, default_value_t = Form::Watchfire)]
    form: Form,
    /// Print at most so many events.
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    /// Exit with 4 if a row was rejected.
    #[arg(long)]
    strict: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    /// Our own fields, with what the workspace's tables add.
    Watchfire,
    /// IntelMQ's field names and value forms.
    Intelmq,
}

fn after_help() -> String {
    let mut text = String::from(
        "Examples:\n  watchfire parse urls.csv --feed jpcert\n  watchfire parse iocs.txt --format list --classification c2-server --as intelmq\n  \
         watchfire parse feed.csv --format csv --column seen=observed_at --column host=source_host\n\nFormats:\n",
    );
    for format in FORMATS {
        text.push_str(&format!("  {:<16} {}\n", format.name, format.about));
    }
    text
}

pub fn run(args: Args, session: &Session) -> Result {
    let workspace = match (&args.format, session.open(Access::Read)) {
        (_, Ok(workspace)) => Some(workspace),
        // Without a workspace a format can still be tried; no table says where an address lies.
        (Some(_), Err(_)) => None,
        (None, Err(failure)) => return Err(failure),
    };
    let (source, tables, schema) = match &workspace {
        Some(workspace) => (
            source(&args, Some(workspace))?,
            reference_files::tables(workspace, &session.talk)?,
            reference_files::schema(workspace)?,
        ),
        None => (source(&args, None)?, Tables::empty(), None),
    };
    let shown = args.file.to_string_lossy().into_owned();
    let reading = Reading {
        form: args.form,
        source: &source,
        enricher: Enricher::new(Arc::new(tables)),
        schema,
        events: args.limit.unwrap_or(u64::MAX),
        rejects: u64::MAX,
        whole: false,
    };
    let mut out = Out::new();
    let counts = reading.show(open(&args.file)?, &shown, &mut out)?;
    out.end()?;
    session.talk.say(format_args!(
        "{} events, {} rejects",
        counts.events, counts.rejects
    ));
    if let Some(failure) = counts.unreadable {
        return Err(failure);
    }
    if args.strict && counts.rejects > 0 {
        Err(Failure::findings())
    } else {
        Ok(())
    }
}

/// How a file is read for show.
pub struct Reading<'a> {
    form: Form,
    source: &'a Source,
    enricher: Enricher,
    schema: Option<Arc<Schema>>,
    /// Events and rejects that are shown.
    events: u64,
    rejects: u64,
    /// Read to the end, for the counts, although enough was shown.
    whole: bool,
}

/// What a file held.
#[derive(Debug, Default)]
pub struct Counts {
    /// Events, those not shown included.
    pub events: u64,
    /// Rows that became no event.
    pub rejects: u64,
    /// Why the file, or a part of it, could not be read.
    pub unreadable: Option<Failure>,
}

impl<'a> Reading<'a> {
    /// Reads as the feed does, with the workspace's tables; shows so many events and rejects and
    /// counts the rest.
    ///
    /// # Errors
    /// A reference table.
    pub fn of(
        source: &'a Source,
        workspace: &Workspace,
        most: u64,
        session: &Session,
    ) -> Result<Self> {
        let tables = reference_files::tables(workspace, &session.talk)?;
        Ok(Reading {
            form: Form::Watchfire,
            source,
            enricher: Enricher::new(Arc::new(tables)),
            schema: reference_files::schema(workspace)?,
            events: most,
            rejects: most,
            whole: true,
        })
    }

    /// Prints a file's events to `out` and its rejects to standard error.
    ///
    /// # Errors
    /// Standard output; never the content of the file.
    pub fn show(&self, file: File, shown: &str, out: &mut Out) -> Result<Counts> {
        let received_at = now();
        let source = self.source;
        let schema = self.schema.as_deref();
        let mut printer = Printer {
            reading: self,
            scratch: Scratch::default(),
            received_at,
            bytes: Vec::new(),
            out,
            header: Header::default(),
            failure: None,
            events: 0,
            rejects: 0,
        };
        let mut record = Record::new();
        let mut unreadable = None;
        let mut member = |member: formats::source::Member<'_>| {
            let ctx = Context {
                feed: &source.feed,
                zone: &source.zone,
                file_name: member.name.rsplit('/').next().unwrap_or(member.name),
                path: shown,
                snapshot: source.snapshot_at(shown, received_at),
                schema,
            };
            let report = schema
                .zip(report_name(ctx.file_name))
                .and_then(|(schema, name)| schema.report(name));
            let report = report.filter(|_| source.feed.format == "shadowserver");
            printer.header = Header::new(&source.feed, report, Some(received_at));
            match drive::open(&ctx, member.text) {
                Ok(Ok(open)) => drive::read(open, member.text, &mut record, &mut printer),
                Ok(Err(why)) => unreadable = Some(Failure::new(member.name, why)),
                Err(error) => unreadable = Some(Failure::new(member.name, error)),
            }
            let enough = printer.events >= self.events && !self.whole;
            if printer.failure.is_some() || enough {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        };
        let encoding = Encoding::of(&source.feed);
        let walked = each_member(file, shown, encoding, &Caps::default(), &mut member);
        if let Some(failure) = printer.failure {
            return Err(failure);
        }
        let damaged = walked.err().map(|error| Failure::new(shown, error));
        Ok(Counts {
            events: printer.events,
            rejects: printer.rejects,
            unreadable: unreadable.or(damaged),
        })
    }
}

/// The file; standard input is copied aside first, because containers are read by their end.
fn open(path: &Path) -> Result<File> {
    let fail = |error: std::io::Error| Failure::new(path.display(), error);
    if path != Path::new("-") {
        return File::open(path).map_err(fail);
    }
    let mut copy = tempfile::tempfile().map_err(fail)?;
    std::io::copy(&mut std::io::stdin().lock(), &mut copy).map_err(fail)?;
    std::io::Seek::rewind(&mut copy).map_err(fail)?;
    Ok(copy)
}

fn source(args: &Args, workspace: Option<&Workspace>) -> Result<Arc<Source>> {
    if let Some(format) = &args.format {
        let feed = Feed {
            name: "parse".to_owned(),
            provider: String::new(),
            format: format.clone(),
            paths: Vec::new(),
            exclude: Vec::new(),
            zone: args.zone.clone(),
            encoding: None,
            classification: args.classification.clone(),
            identifier: None,
            set: Default::default(),
            identity: None,
            snapshot: None,
            from_path: None,
            columns: pairs(&args.columns)?,
            values: Default::default(),
            options: pairs(&args.options)?,
            list: None,
            fetch: None,
            rules: Vec::new(),
            title: None,
            every_days: 1,
            licence: String::new(),
            terms: String::new(),
            publishable: Default::default(),
            enabled: true,
        };
        return Ok(Arc::new(Source::compile(feed)?));
    }
    let Some(workspace) = workspace else {
        return Err(Failure::usage(
            "parse",
            "neither --feed nor --format is given",
        ));
    };
    let catalogue = &workspace.settings.catalogue;
    if let Some(feed) = &args.feed {
        return Ok(Arc::clone(catalogue.get(feed)?));
    }
    let wanted = [intake::collect::Wanted::Path(args.file.clone(), None)];
    if args.file.as_os_str() != "-"
        && let Err(error) = std::fs::metadata(&args.file)
    {
        return Err(Failure::new(args.file.display(), error)
            .remedy("name a file that is there, or `-` for standard input"));
    }
    let found = intake::collect::files(catalogue, &workspace.root, &wanted).map_err(|error| {
        Failure::from(error).remedy("name the feed with --feed, or a format with --format")
    })?;
    let delivery = found.into_iter().next();
    delivery
        .map(|delivery| delivery.source)
        .ok_or_else(|| Failure::new(args.file.display(), "is an empty folder"))
}

fn pairs(texts: &[String]) -> Result<std::collections::BTreeMap<String, String>> {
    texts
        .iter()
        .map(|text| {
            let pair = text
                .split_once('=')
                .ok_or_else(|| Failure::usage(text, "is no NAME=VALUE"))?;
            Ok((pair.0.to_owned(), pair.1.to_owned()))
        })
        .collect()
}

/// Prints events and rejects as they come.
struct Printer<'a> {
    reading: &'a Reading<'a>,
    scratch: Scratch,
    received_at: Timestamp,
    bytes: Vec<u8>,
    out: &'a mut Out,
    header: Header,
    failure: Option<Failure>,
    events: u64,
    rejects: u64,
}

impl Output for Printer<'_> {
    fn record(&mut self, row: &Record) {
        let reading = self.reading;
        let enough = self.events >= reading.events;
        if self.failure.is_some() || enough && !reading.whole {
            return;
        }
        let (source, mut ruled) = (reading.source, Record::new());
        let record = match &source.rules {
            None => Ok(row),
            Some(rules) => rules.apply(
                row,
                source,
                self.received_at,
                &reading.enricher,
                &mut self.scratch,
                &mut ruled,
            ),
        };
        let record = match record {
            Ok(record) => record,
            Err((reason, message)) => {
                self.rejects += 1;
                if self.rejects <= reading.rejects {
                    let line = row.line;
                    crate::talk::line(format_args!("line {line}: {reason}: {message}"));
                }
                return;
            }
        };
        self.events += 1;
        if enough {
            return;
        }
        let event = match reading.form {
            Form::Watchfire => dry_run::event_json(
                row,
                record,
                source,
                &reading.enricher,
                &mut self.scratch,
                &mut self.bytes,
            ),
            Form::Intelmq => json!(intelmq::event(record, &self.header)),
        };
        self.failure = self.out.json_line(&event).err();
    }

    fn reject(&mut self, reject: Reject) {
        self.rejects += 1;
        if self.rejects > self.reading.rejects {
            return;
        }
        let raw = String::from_utf8_lossy(&reject.raw);
        let cut: String = raw.chars().take(SHOWN_RAW).collect();
        let rest = if raw.len() > cut.len() || reject.raw_len > reject.raw.len() as u64 {
            "…"
        } else {
            ""
        };
        let raw = crate::table::clean(&cut);
        crate::talk::line(format_args!(
            "line {}: {}: {}: {raw}{rest}",
            reject.line, reject.reason, reject.message
        ));
    }

    fn warn(&mut self, warning: Warning) {
        crate::talk::line(format_args!(
            "watchfire: warning: {}: {}",
            warning.label,
            crate::table::clean(&warning.message)
        ));
    }
}
