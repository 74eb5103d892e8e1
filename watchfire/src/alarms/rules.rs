//! The rules: each looks at one thing and says what it finds. They read only; what rings is decided elsewhere.

use ledger::{AuditFilter, Finding, IncidentFilter, IncidentSort, Ledger, Page, Reach};
use model::duty::{AlarmRule, AlarmSeverity};
use model::incident::{IncidentState, Severity};
use model::time::Timestamp;
use model::worded::Word;

use crate::health;
use crate::workspace::Workspace;

const MINUTE: i64 = 60_000_000;
const HOUR: i64 = 60 * MINUTE;
/// Work that is due and not begun for so long stands still.
const STANDSTILL: i64 = 15 * MINUTE;
/// A promise rings so long before it is due.
const PROMISE: i64 = 15 * MINUTE;
/// Critical incidents of so long ring while nobody looked at them.
const CRITICAL: i64 = 24 * HOUR;
/// How long an issue that is not out rings after its deadline.
const OVERDUE: i64 = 7 * 24 * HOUR;
/// Failures in a row after which a feed counts as dead.
const DEAD: u32 = 3;

/// What the rules look at.
pub struct Look<'a> {
    /// The workspace with the configuration in force.
    pub workspace: &'a Workspace,
    /// The instant.
    pub now: Timestamp,
    /// Kinds of the jobs that run by themselves here: they must not stand still.
    pub kinds: &'a [&'a str],
}

fn finding(
    rule: AlarmRule,
    topic: String,
    severity: AlarmSeverity,
    (zh, en): (String, String),
    href: impl Into<String>,
) -> Finding {
    Finding {
        rule,
        topic,
        severity,
        what: (zh, en),
        href: href.into(),
    }
}

impl Look<'_> {
    fn ledger(&self) -> &Ledger {
        &self.workspace.ledger
    }

    /// What a rule finds.
    ///
    /// # Errors
    /// The ledger.
    pub async fn find(&self, rule: AlarmRule) -> ledger::Result<Vec<Finding>> {
        match rule {
            AlarmRule::Clock => self.clocks().await,
            AlarmRule::Feed => self.feeds().await,
            AlarmRule::Disk => Ok(self.disk()),
            AlarmRule::Standstill => self.standstill().await,
            AlarmRule::Bulletin => self.bulletin().await,
            AlarmRule::Incident => self.incidents().await,
            AlarmRule::Bounces => self.bounces().await,
            AlarmRule::Promise => self.promises().await,
            // A person raises it.
            AlarmRule::Trial => Ok(Vec::new()),
        }
    }

    async fn clocks(&self) -> ledger::Result<Vec<Finding>> {
        let mut found = Vec::new();
        for clock in self.ledger().clocks_running().await? {
            let percent = clock.percent(self.now.0);
            let step = ledger::clock::THRESHOLDS
                .into_iter()
                .rev()
                .find(|step| percent >= i64::from(*step));
            let Some(step) = step else {
                continue;
            };
            let incident = self
                .ledger()
                .incident(clock.incident_id.0, &Reach::All)
                .await?;
            let severity = match step {
                100 => AlarmSeverity::Critical,
                80 => AlarmSeverity::High,
                _ => AlarmSeverity::Medium,
            };
            let (law, duty, number) = (&clock.law, &clock.duty, incident.number);
            found.push(finding(
                AlarmRule::Clock,
                format!("clock {} {step}", clock.id),
                severity,
                match step {
                    100 => (
                        format!("事件 #{number}：{law} {duty} 已超过时限"),
                        format!("Incident #{number}: {law} {duty} is past its time"),
                    ),
                    _ => (
                        format!("事件 #{number}：{law} {duty} 时限已过 {step}%"),
                        format!(
                            "Incident #{number}: {step} % of the time for {law} {duty} has passed"
                        ),
                    ),
                },
                format!("/console/incidents/{number}"),
            ));
        }
        Ok(found)
    }

    async fn feeds(&self) -> ledger::Result<Vec<Finding>> {
        let mut found = Vec::new();
        let intervals = u64::from(self.workspace.settings.duty.feed_intervals.max(1));
        for source in self.workspace.settings.catalogue.sources() {
            if !source.feed.enabled || !crate::asking::is_asked(source) {
                continue;
            }
            let name = &source.feed.name;
            let runs = health::runs(self.ledger(), name).await?;
            let late = runs.last_success.is_some_and(|at| {
                health::lag(at, self.now)
                    > health::interval_secs(source).saturating_mul(intervals) + 300
            });
            if runs.failures < DEAD && !late {
                continue;
            }
            let why = runs.error.unwrap_or_default();
            let since = runs
                .last_success
                .map(|at| at.to_string())
                .unwrap_or_default();
            found.push(finding(
                AlarmRule::Feed,
                format!("feed {name}"),
                AlarmSeverity::Medium,
                (
                    format!("数据源 {name} 中断：{why}"),
                    format!("Feed {name} gives nothing since {since}: {why}"),
                ),
                format!("/console/feeds/{name}"),
            ));
        }
        Ok(found)
    }

    fn disk(&self) -> Vec<Finding> {
        let Ok(stat) = rustix::fs::statvfs(&self.workspace.root) else {
            return Vec::new();
        };
        let whole = stat.f_blocks.max(1);
        let percent = u32::try_from(stat.f_bavail.saturating_mul(100) / whole).unwrap_or(100);
        let least = self.workspace.settings.duty.disk_percent;
        if percent >= least {
            return Vec::new();
        }
        let severity = match percent.saturating_mul(2) < least {
            true => AlarmSeverity::Critical,
            false => AlarmSeverity::High,
        };
        vec![finding(
            AlarmRule::Disk,
            "disk".to_owned(),
            severity,
            (
                format!("磁盘只剩 {percent}% 空间"),
                format!("Only {percent} % of the disk are free"),
            ),
            "/console/settings",
        )]
    }

    async fn standstill(&self) -> ledger::Result<Vec<Finding>> {
        let mut found = Vec::new();
        for kind in self.kinds {
            let kinds = [*kind];
            let due = self.ledger().has_due_job(&kinds, self.now.0 - STANDSTILL);
            if due.await? {
                found.push(finding(
                    AlarmRule::Standstill,
                    format!("job {kind}"),
                    AlarmSeverity::High,
                    (
                        format!("任务 {kind} 已到期 15 分钟以上，没有执行"),
                        format!("Jobs of the kind {kind} are due for more than 15 minutes and nobody does them"),
                    ),
                    "/console/settings",
                ));
            }
        }
        Ok(found)
    }

    async fn bulletin(&self) -> ledger::Result<Vec<Finding>> {
        let settings = &self.workspace.settings;
        let before = i64::from(settings.duty.bulletin_hours) * HOUR;
        let mut found = Vec::new();
        for edition in self.ledger().editions(&settings.series.id).await? {
            let left = edition.deadline_at - self.now.0;
            let out = edition.published_revision.is_some() || edition.withdrawn_at.is_some();
            if out || left > before || left < -OVERDUE {
                continue;
            }
            let (severity, text) = match left > 0 {
                true => (
                    AlarmSeverity::High,
                    (
                        format!(
                            "周报 {}-{} 不到 {} 小时截稿，尚未发布",
                            edition.year,
                            edition.number,
                            left / HOUR + 1
                        ),
                        format!(
                            "Issue {}-{} is due within {} hours and not out",
                            edition.year,
                            edition.number,
                            left / HOUR + 1
                        ),
                    ),
                ),
                false => (
                    AlarmSeverity::Critical,
                    (
                        format!(
                            "周报 {}-{} 已过截稿时间，尚未发布",
                            edition.year, edition.number
                        ),
                        format!(
                            "Issue {}-{} is past its deadline and not out",
                            edition.year, edition.number
                        ),
                    ),
                ),
            };
            found.push(finding(
                AlarmRule::Bulletin,
                format!("issue {}-{} {severity}", edition.year, edition.number),
                severity,
                text,
                "/console/bulletin",
            ));
        }
        Ok(found)
    }

    async fn incidents(&self) -> ledger::Result<Vec<Finding>> {
        let filter = IncidentFilter {
            states: vec![IncidentState::Open],
            ..IncidentFilter::default()
        };
        let page = Page {
            offset: 0,
            limit: 500,
        };
        let sort = IncidentSort::Newest;
        let all = self
            .ledger()
            .incidents(&filter, &Reach::All, sort, page)
            .await?;
        let new = all.into_iter().filter(|incident| {
            incident.severity.0 == Severity::Critical && incident.opened_at > self.now.0 - CRITICAL
        });
        Ok(new
            .map(|incident| {
                let number = incident.number;
                finding(
                    AlarmRule::Incident,
                    format!("incident {number}"),
                    AlarmSeverity::Critical,
                    (
                        format!("新的紧急事件 #{number}（{}）", incident.kind.0.zh()),
                        format!(
                            "A critical incident is new: #{number} ({})",
                            incident.kind.0.en()
                        ),
                    ),
                    format!("/console/incidents/{number}"),
                )
            })
            .collect())
    }

    async fn bounces(&self) -> ledger::Result<Vec<Finding>> {
        let most = self.workspace.settings.duty.bounces;
        let filter = AuditFilter {
            action: Some("notice.move".to_owned()),
            since: Some(self.now.0 - HOUR),
            ..AuditFilter::default()
        };
        let page = Page {
            offset: 0,
            limit: 5_000,
        };
        let moves = self.ledger().audit_rows(&filter, page).await?;
        let bounced = moves.iter().filter(|row| {
            let detail: serde_json::Value = serde_json::from_str(&row.detail).unwrap_or_default();
            detail["to"] == "bounced"
        });
        let count = bounced.count();
        if count < most.max(1) as usize {
            return Ok(Vec::new());
        }
        Ok(vec![finding(
            AlarmRule::Bounces,
            "bounces".to_owned(),
            AlarmSeverity::High,
            (
                format!("一小时内有 {count} 份通报被退回"),
                format!("{count} notices came back within an hour"),
            ),
            "/console/notices?state=bounced",
        )])
    }

    async fn promises(&self) -> ledger::Result<Vec<Finding>> {
        let open = self.ledger().promises_open(&Reach::All).await?;
        let due = open
            .into_iter()
            .filter(|one| one.due_at < self.now.0 + PROMISE);
        Ok(due
            .map(|promise| {
                finding(
                    AlarmRule::Promise,
                    format!("promise {}", promise.id),
                    AlarmSeverity::Medium,
                    (
                        format!("承诺到期：{}（{}）", promise.what, promise.to_whom),
                        format!("A promise is due: {} ({})", promise.what, promise.to_whom),
                    ),
                    "/console/duty/promises",
                )
            })
            .collect())
    }
}
