//! Feeds: how they are, asking one now, and reading its rejects again.

use async_trait::async_trait;
use console::correspondence::{Declined, FeedHealth, FeedState, Sources};
use intake::collect::FETCH;
use intake::replay::Replayed;
use ledger::{NewAudit, RejectFilter, ReportFilter};
use serde_json::json;

use super::{Office, failed};
use crate::asking::is_asked;
use crate::command::rejects::read_again;
use crate::config::FILE;
use crate::health;
use crate::workspace::now;

/// Rejects that are read again at a time.
const MOST: u64 = 100_000;

#[async_trait]
impl Sources for Office {
    async fn health(&self) -> Result<Vec<FeedHealth>, Declined> {
        let workspace = self.server.workspace();
        let ledger = &self.server.ledger;
        let totals = ledger.report_totals(&ReportFilter::default()).await?;
        let written = tokio::fs::read_to_string(workspace.root.join(FILE)).await;
        let written = written.unwrap_or_default();
        let mut all = Vec::new();
        for source in workspace.settings.catalogue.sources() {
            let name = &source.feed.name;
            let own = totals.iter().find(|total| total.feed == *name);
            let found = health::of(ledger, source, own, now()).await?;
            let state = match (source.feed.enabled, found.failures, found.lag_secs) {
                (false, ..) => FeedState::Off,
                (true, 1.., _) => FeedState::Failing,
                (true, 0, None) => FeedState::Never,
                (true, 0, Some(_)) if found.late => FeedState::Late,
                (true, 0, Some(_)) => FeedState::Well,
            };
            all.push(FeedHealth {
                feed: found.feed,
                state,
                last_success: found.last_success,
                lag_secs: found.lag_secs,
                interval_secs: found.interval_secs,
                last_failure: found.last_failure,
                error: found.error,
                failures: found.failures,
                resting_until: found.resting_until,
                asked: is_asked(source),
                line: line_of(&written, name),
            });
        }
        all.sort_by(|a, b| a.feed.cmp(&b.feed));
        Ok(all)
    }

    async fn fetch(&self, feed: String) -> Result<bool, Declined> {
        let source = self.server.source(&feed).ok_or(Declined::Absent)?;
        if !is_asked(&source) {
            let why = "is not asked: its reports come by themselves";
            return Err(Declined::Refused(format!("feed {feed}"), why.to_owned()));
        }
        let hurried = self.server.ledger.hurry(FETCH, &feed, now().0).await?;
        Ok(hurried)
    }

    async fn replay(
        &self,
        feed: String,
        rejects: Vec<i64>,
        actor: String,
    ) -> Result<Replayed, Declined> {
        self.change(move |workspace, _, talk| {
            let filter = RejectFilter {
                feed: Some(feed.clone()),
                ..RejectFilter::default()
            };
            let done = read_again(workspace, talk, &rejects, &filter, MOST).map_err(failed)?;
            let record = NewAudit {
                actor,
                action: "reject.replay".to_owned(),
                object: format!("feed {feed}"),
                detail: json!({ "rejects": rejects, "read": done.read, "events": done.events,
                    "left": done.left.len() }),
            };
            workspace.block_on(workspace.ledger.append_audit(record, now().0))?;
            Ok(done)
        })
        .await
    }
}

/// The line on which a feed's name is written, from 1.
fn line_of(written: &str, feed: &str) -> Option<usize> {
    let named = |line: &str| {
        let (key, value) = line.split_once('=')?;
        let value = value.split('#').next()?.trim();
        let value = value.trim_matches(['"', '\'']);
        (key.trim() == "name" && value == feed).then_some(())
    };
    let mut in_feed = false;
    written.lines().enumerate().find_map(|(at, line)| {
        let line = line.trim();
        if line.starts_with('[') {
            in_feed = line == "[[feed]]";
        }
        (in_feed && named(line).is_some()).then_some(at + 1)
    })
}

#[cfg(test)]
mod tests {
    use super::line_of;

    #[test]
    fn a_feed_is_found_by_the_line_of_its_name() {
        let text = "[workspace]\nname = \"scans\"\n\n[[feed]]\nname = \"scans\"  # daily\n";
        assert_eq!(line_of(text, "scans"), Some(5));
        assert_eq!(line_of(text, "other"), None);
    }
}
