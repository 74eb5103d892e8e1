//! `watchfire status`: the workspace on one screen.

use ledger::{
    IncidentFilter, LakeFileKind, MessageState, Page, Reach, RejectFilter, RejectState,
    ReportFilter,
};
use model::incident::IncidentState;
use model::notice::NoticeState;
use model::time::Timestamp;
use model::worded::Word;
use serde_json::json;

use crate::failure::Result;
use crate::reference_files::latest_schema;
use crate::table::Out;
use crate::talk::human_bytes;
use crate::workspace::{Access, Session, serving, writer};

/// Show the workspace on one screen: what is stored, what waits, who writes.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  watchfire status\n  watchfire --workspace /srv/watchfire status --json"
)]
pub struct Args {}

pub fn run(_: Args, session: &Session) -> Result {
    let workspace = session.open(Access::Read)?;
    let ledger = &workspace.ledger;
    let (snapshot, files, totals, open, jobs, issues, schema) = workspace.block_on(async {
        let open = RejectFilter {
            state: Some(RejectState::Open),
            ..RejectFilter::default()
        };
        ledger::Result::Ok((
            ledger.current_snapshot().await?,
            ledger.live_files(None, None, None).await?,
            ledger.report_totals(&ReportFilter::default()).await?,
            ledger.reject_count(&open).await?,
            ledger.job_counts().await?,
            ledger
                .issues(
                    Some(&workspace.settings.series.id),
                    Page {
                        offset: 0,
                        limit: 1,
                    },
                )
                .await?,
            latest_schema(ledger).await?,
        ))
    })?;
    let of_kind = |kind: LakeFileKind| files.iter().filter(move |file| file.kind == kind);
    let events: i64 = of_kind(LakeFileKind::Part).map(|file| file.rows).sum();
    let bytes: i64 = files.iter().map(|file| file.bytes).sum();
    let parts = of_kind(LakeFileKind::Part).count();
    let days = of_kind(LakeFileKind::Part).map(|file| file.day);
    let first = days
        .clone()
        .min()
        .map(|day| model::time::Day(day).to_string());
    let last = days.max().map(|day| model::time::Day(day).to_string());
    let reports: i64 = totals.iter().map(|total| total.reports).sum();
    let unreadable: i64 = totals.iter().map(|total| total.unreadable).sum();
    let waiting: i64 =
        reports - unreadable - totals.iter().map(|total| total.ingested).sum::<i64>();
    let received = totals
        .iter()
        .map(|total| total.last_received_at)
        .max()
        .map(|at| Timestamp(at).to_string());
    let tables = crate::shared_reference::sources(&workspace)?.list().len();
    let feeds = workspace.settings.catalogue.sources();
    let enabled = feeds.iter().filter(|source| source.feed.enabled).count();
    let silent: Vec<&str> = feeds
        .iter()
        .filter(|source| {
            source.feed.enabled && !totals.iter().any(|total| total.feed == source.feed.name)
        })
        .map(|source| source.feed.name.as_str())
        .collect();
    let issue = issues.first().map(|issue| issue.label());
    let busy = writer(&workspace.root);
    let asking = serving(&workspace.root);
    let drift = super::feeds::drift::open(&workspace)?;
    let work = workspace.block_on(work(ledger))?;
    let mut out = Out::new();
    if session.json {
        out.json(&json!({
            "workspace": workspace.root,
            "name": workspace.settings.name,
            "version": env!("CARGO_PKG_VERSION"),
            "writer": busy,
            "collecting": asking,
            "ledger": ledger.place(),
            "snapshot": snapshot,
            "events": events,
            "parts": parts,
            "lake_bytes": bytes,
            "first_day": first,
            "last_day": last,
            "reports": reports,
            "reports_waiting": waiting,
            "reports_unreadable": unreadable,
            "last_received": received,
            "rejects_open": open,
            "jobs": jobs,
            "feeds": feeds.len(),
            "feeds_enabled": enabled,
            "feeds_without_reports": silent,
            "reference_tables": tables,
            "shadowserver_schema": schema.map(|row| row.name),
            "newest_issue": issue,
            "drift": drift.len(),
            "incidents_in_hand": work.incidents,
            "incidents_to_validate": work.open,
            "notices_held": work.held,
            "mail_waiting": work.mail,
        }))?;
        return out.end();
    }
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "none".to_owned());
    out.line(format_args!(
        "{} in {}",
        workspace.settings.name,
        workspace.root.display()
    ))?;
    if workspace.settings.ledger.is_some() {
        out.line(format_args!("  ledger     {}", ledger.place()))?;
    }
    if let Some(asking) = asking {
        out.line(format_args!("  collecting {asking}"))?;
    }
    if let Some(busy) = busy {
        out.line(format_args!("  writing    {busy}"))?;
    }
    let span = match (first, last) {
        (Some(first), Some(last)) => format!(", {first} to {last}"),
        _ => String::new(),
    };
    out.line(format_args!(
        "  events     {events} in {parts} parts, {}{span}, snapshot {snapshot}",
        human_bytes(bytes as u64)
    ))?;
    out.line(format_args!(
        "  reports    {reports}, {waiting} not yet read, {unreadable} unreadable; last received {}",
        or_none(received)
    ))?;
    out.line(format_args!("  rejects    {open} open"))?;
    out.line(format_args!(
        "  incidents  {} in hand, {} of them to be validated; {} notices held, {} mails wait for a person",
        work.incidents, work.open, work.held, work.mail
    ))?;
    out.line(format_args!(
        "  feeds      {} of {} enabled",
        enabled,
        feeds.len()
    ))?;
    if !silent.is_empty() {
        out.line(format_args!(
            "             without a report: {}",
            silent.join(", ")
        ))?;
    }
    if let Some(drift) = super::feeds::drift::summary(&drift) {
        out.line(format_args!("  drift      {drift}: watchfire feeds drift"))?;
    }
    let schema = if schema.is_some() {
        "a Shadowserver schema"
    } else {
        "no Shadowserver schema"
    };
    out.line(format_args!("  reference  {tables} files, {schema}"))?;
    out.line(format_args!("  issues     newest: {}", or_none(issue)))?;
    out.end()
}

/// What waits in response.
struct Work {
    incidents: u64,
    open: u64,
    held: i64,
    mail: u64,
}

async fn work(ledger: &ledger::Ledger) -> ledger::Result<Work> {
    let states = IncidentState::ALL.iter().copied();
    let live = IncidentFilter {
        states: states.filter(|state| state.is_live()).collect(),
        ..IncidentFilter::default()
    };
    let open = IncidentFilter {
        states: vec![IncidentState::Open],
        ..IncidentFilter::default()
    };
    let notices = ledger.notice_counts().await?;
    let held = notices
        .iter()
        .find(|(state, _)| *state == NoticeState::Held);
    let mail = ledger.message_counts().await?;
    let waiting = mail
        .iter()
        .find(|(state, _)| *state == MessageState::Waiting);
    Ok(Work {
        incidents: ledger.incident_count(&live, &Reach::All).await?,
        open: ledger.incident_count(&open, &Reach::All).await?,
        held: held.map_or(0, |(_, count)| *count),
        mail: waiting.map_or(0, |(_, count)| u64::try_from(*count).unwrap_or(0)),
    })
}
