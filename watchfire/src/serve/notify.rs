//! What the service manager is told (sd_notify(3)): that the process is ready, that it stops, and, as often as its
//! watchdog wants, that it lives. A process whose ledger does not answer is silent: then systemd ends it and starts
//! it again. Without a service manager nothing is told to anybody.

use std::sync::Arc;
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::time::{sleep, timeout};

use super::Server;

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "the service manager cannot be told");
    }
}

/// Requests are answered.
pub fn ready(what: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(what)]);
}

/// The configuration is being read anew.
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(error) => tracing::warn!(%error, "the service manager cannot be told"),
    }
}

/// Work under way may end, then the process does.
pub fn stopping() {
    tell(&[NotifyState::Stopping, NotifyState::Status("stopping")]);
}

/// Tells twice in the watchdog's time that the process lives, while the ledger answers within half of it.
pub async fn watch(server: Arc<Server>) -> &'static str {
    const NAME: &str = "watchdog";
    let Some(limit) = sd_notify::watchdog_enabled() else {
        server.stopped().await;
        return NAME;
    };
    let beat = (limit / 2).max(Duration::from_millis(100));
    loop {
        match timeout(beat, server.ledger.instance_id()).await {
            Ok(Ok(_)) => tell(&[NotifyState::Watchdog]),
            Ok(Err(error)) => tracing::error!(%error, "the ledger does not answer"),
            Err(_) => tracing::error!("the ledger does not answer in time"),
        }
        tokio::select! {
            () = server.stopped() => return NAME,
            () = sleep(beat) => {}
        }
    }
}
