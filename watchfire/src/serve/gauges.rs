//! What is measured by looking, every few seconds: lag per feed, the queues. Counters are raised where
//! things happen.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use console::Meters;
use ledger::{IncidentFilter, Ledger, MessageState, Reach, ReportFilter, ReportState};
use model::incident::IncidentState;
use model::notice::NoticeState;
use model::worded::Word;
use tokio::time::sleep;

use super::Server;
use crate::health;
use crate::workspace::now;

/// How often.
const LOOK: Duration = Duration::from_secs(5);

/// Measures until the process is to end.
pub async fn run(server: Arc<Server>, meters: Arc<Meters>) -> &'static str {
    metrics::gauge!("watchfire_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1);
    loop {
        if let Err(error) = look(&server).await {
            server.trouble("the ledger cannot be measured", &error);
        }
        // What histograms hold is folded, or memory grows.
        meters.fold();
        tokio::select! {
            () = server.stopped() => return "gauges",
            () = sleep(LOOK) => {}
        }
    }
}

async fn look(server: &Server) -> ledger::Result<()> {
    let at = now();
    // What is the same on all nodes is asked once: by the one that leads.
    if !server.leads() {
        // Pushed reports are refused while too many wait.
        return match server.roles.console {
            true => waiting(server).await,
            false => Ok(()),
        };
    }
    for source in server.sources() {
        let feed = source.feed.name.clone();
        let runs = health::runs(&server.ledger, &feed).await?;
        // A feed that never gave anything is late without end.
        let lag = runs
            .last_success
            .map_or(f64::INFINITY, |success| health::lag(success, at) as f64);
        let interval = health::interval_secs(&source) as f64;
        let resting = f64::from(u8::from(runs.failures > 0));
        metrics::gauge!("watchfire_feed_lag_seconds", "feed" => feed.clone()).set(lag);
        metrics::gauge!("watchfire_feed_interval_seconds", "feed" => feed.clone()).set(interval);
        metrics::gauge!("watchfire_feed_resting", "feed" => feed).set(resting);
    }
    let counts = server.ledger.job_counts().await?;
    let states = [
        ("queued", counts.queued),
        ("leased", counts.leased),
        ("done", counts.done),
        ("failed", counts.failed),
    ];
    for (state, count) in states {
        metrics::gauge!("watchfire_jobs", "state" => state).set(count as f64);
    }
    if let Some(calls) = &server.calls {
        let (waiting, left) = calls.depth().await?;
        metrics::gauge!("watchfire_calls", "state" => "waiting").set(waiting as f64);
        metrics::gauge!("watchfire_calls", "state" => "left").set(left as f64);
    }
    waiting(server).await?;
    response(&server.ledger).await
}

/// Archived reports that wait to be taken in.
async fn waiting(server: &Server) -> ledger::Result<()> {
    let filter = ReportFilter {
        state: Some(ReportState::Archived),
        ..ReportFilter::default()
    };
    let waiting = server.ledger.report_count(&filter).await?;
    server.waiting.store(waiting, Ordering::Relaxed);
    metrics::gauge!("watchfire_reports_waiting").set(waiting as f64);
    Ok(())
}

/// What of response waits, and for whom.
async fn response(ledger: &Ledger) -> ledger::Result<()> {
    let filter = IncidentFilter {
        states: IncidentState::ALL
            .iter()
            .copied()
            .filter(|state| state.is_live())
            .collect(),
        ..IncidentFilter::default()
    };
    let open = ledger.incident_count(&filter, &Reach::All).await?;
    metrics::gauge!("watchfire_incidents_open").set(open as f64);
    let counts = ledger.notice_counts().await?;
    let states = [
        NoticeState::Held,
        NoticeState::Ready,
        NoticeState::Sending,
        NoticeState::Task,
        NoticeState::Failed,
    ];
    for state in states {
        let count = counts.iter().find(|(own, _)| *own == state);
        let count = count.map_or(0, |(_, count)| *count);
        metrics::gauge!("watchfire_notices", "state" => state.label()).set(count as f64);
    }
    let counts = ledger.message_counts().await?;
    for (label, state) in [
        ("new", MessageState::New),
        ("waiting", MessageState::Waiting),
    ] {
        let count = counts.iter().find(|(own, _)| *own == state);
        let count = count.map_or(0, |(_, count)| *count);
        metrics::gauge!("watchfire_mails", "state" => label).set(count as f64);
    }
    Ok(())
}
