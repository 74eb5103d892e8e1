//! Measurements in Prometheus' text format. Whoever measures uses the facade `metrics`; the names, and
//! what they mean, stand in [`METERS`] alone. Labels are names of configured feeds and fixed words,
//! never anything that a request brings, so their number is bounded.

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use crate::error::{Error, Result};

/// What a meter does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MeterKind {
    /// Only grows while the process lives.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts how long something took.
    Histogram,
}

/// A meter's name, kind, labels and meaning.
pub type Meter = (&'static str, MeterKind, &'static str, &'static str);

use MeterKind::{Counter, Gauge, Histogram};

/// Every meter. `docs/serve.md` lists the same.
pub const METERS: &[Meter] = &[
    (
        "watchfire_feed_lag_seconds",
        Gauge,
        "feed",
        "time since the feed last gave what was asked of it",
    ),
    (
        "watchfire_feed_interval_seconds",
        Gauge,
        "feed",
        "time in which the feed is expected to give something",
    ),
    (
        "watchfire_feed_resting",
        Gauge,
        "feed",
        "1 while the feed rests after a failure",
    ),
    (
        "watchfire_feed_runs_total",
        Counter,
        "feed",
        "runs of the feed that ended well",
    ),
    (
        "watchfire_feed_failures_total",
        Counter,
        "feed",
        "runs of the feed that failed",
    ),
    (
        "watchfire_reports_total",
        Counter,
        "feed",
        "reports taken in, known ones included",
    ),
    (
        "watchfire_reports_unreadable_total",
        Counter,
        "feed",
        "reports that could not be read at all",
    ),
    ("watchfire_rows_total", Counter, "feed", "rows read"),
    ("watchfire_events_total", Counter, "feed", "new events"),
    (
        "watchfire_duplicates_total",
        Counter,
        "feed",
        "rows whose event was known",
    ),
    (
        "watchfire_rejects_total",
        Counter,
        "feed",
        "rows that became no event",
    ),
    (
        "watchfire_reports_waiting",
        Gauge,
        "",
        "archived reports that wait to be taken in",
    ),
    (
        "watchfire_jobs",
        Gauge,
        "state",
        "jobs in the ledger: queued, leased, done, failed",
    ),
    (
        "watchfire_leads",
        Gauge,
        "",
        "1 on the node of a cluster that plans its work",
    ),
    (
        "watchfire_calls",
        Gauge,
        "state",
        "calls in the queue of a cluster: waiting, left",
    ),
    (
        "watchfire_incidents_open",
        Gauge,
        "",
        "incidents that are live",
    ),
    (
        "watchfire_notices",
        Gauge,
        "state",
        "notices that are not out: held, ready, sending, task, failed",
    ),
    (
        "watchfire_mails",
        Gauge,
        "state",
        "mails that nobody has read (new) or that wait for a person (waiting)",
    ),
    (
        "watchfire_rounds_total",
        Counter,
        "task, outcome",
        "rounds of response (mail, triage, notices), verify (looks at sites) and compact: good, failed",
    ),
    ("watchfire_mails_read_total", Counter, "", "mails read"),
    (
        "watchfire_incidents_opened_total",
        Counter,
        "",
        "incidents opened by events and complaints",
    ),
    (
        "watchfire_notices_sent_total",
        Counter,
        "",
        "notices that the other side took",
    ),
    (
        "watchfire_vantage_looks_total",
        Counter,
        "outcome",
        "looks from vantages elsewhere: kept, and things that one of them gave none of, or not all (none)",
    ),
    (
        "watchfire_alarms_total",
        Counter,
        "rule",
        "alarms that rang",
    ),
    (
        "watchfire_webhook_calls_total",
        Counter,
        "outcome",
        "calls of webhooks: how they ended",
    ),
    (
        "watchfire_fsync_seconds",
        Histogram,
        "store",
        "time of one fsync: blobs, lake, and a commit of the ledger",
    ),
    (
        "watchfire_store_seconds",
        Histogram,
        "act",
        "time to fetch a file from the store, or to store one there (docs/storage.md)",
    ),
    (
        "watchfire_store_bytes_total",
        Counter,
        "act",
        "bytes fetched from the store and stored there",
    ),
    (
        "watchfire_store_failures_total",
        Counter,
        "act",
        "files that could not be fetched or stored, tries included",
    ),
    (
        "watchfire_store_cache_bytes",
        Gauge,
        "",
        "bytes kept here of files that the store has too",
    ),
    (
        "watchfire_http_requests_total",
        Counter,
        "route, status",
        "requests answered",
    ),
    (
        "watchfire_pushed_bytes_total",
        Counter,
        "",
        "bytes of pushed reports as they came",
    ),
    (
        "watchfire_public_spool_bytes",
        Gauge,
        "",
        "bytes that wait on a public node",
    ),
    (
        "watchfire_public_spool_most_bytes",
        Gauge,
        "",
        "bytes that the spool of a public node takes at most",
    ),
    (
        "watchfire_public_full_total",
        Counter,
        "",
        "forms that a public node could not keep: its spool was full",
    ),
    (
        "watchfire_public_refused_total",
        Counter,
        "",
        "requests at the inner door without the secret",
    ),
    (
        "watchfire_public_exchanges_total",
        Counter,
        "outcome",
        "exchanges with public nodes: good, failed",
    ),
    (
        "watchfire_public_parcels_total",
        Counter,
        "fate",
        "what was fetched from public nodes: filed, refused",
    ),
    (
        "watchfire_public_waiting",
        Gauge,
        "node",
        "what still waits on a public node after an exchange",
    ),
    (
        "watchfire_reloads_total",
        Counter,
        "outcome",
        "configurations read anew: taken, refused",
    ),
    ("watchfire_build_info", Gauge, "version", "always 1"),
];

/// Bounds of a fsync's time: from a disk with a battery to one that is dying.
const FSYNC: [f64; 12] = [
    0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1.0, 5.0,
];

/// The measurements of this process.
pub struct Meters {
    handle: PrometheusHandle,
}

impl Meters {
    /// Begins to keep what the process measures.
    ///
    /// # Errors
    /// Someone keeps them already.
    pub fn install() -> Result<Self> {
        let fail = |error: &dyn std::fmt::Display| Error::Meters(error.to_string());
        let matcher = Matcher::Full("watchfire_fsync_seconds".to_owned());
        let recorder = PrometheusBuilder::new()
            .set_buckets_for_metric(matcher, &FSYNC)
            .map_err(|error| fail(&error))?
            .build_recorder();
        let handle = recorder.handle();
        metrics::set_global_recorder(recorder).map_err(|error| fail(&error))?;
        for (name, kind, _, about) in METERS {
            match kind {
                Counter => metrics::describe_counter!(*name, *about),
                Gauge => metrics::describe_gauge!(*name, *about),
                Histogram => metrics::describe_histogram!(*name, *about),
            }
        }
        Ok(Meters { handle })
    }

    /// All of them as text.
    pub fn text(&self) -> String {
        self.handle.render()
    }

    /// Folds what histograms hold: to be called every few seconds, or memory grows.
    pub fn fold(&self) {
        self.handle.run_upkeep();
    }
}
