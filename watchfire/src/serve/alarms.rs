//! Alarms in the serving process: the rules are looked at twice a minute, what is found is told, what nobody takes up
//! climbs; and a sign of life every minute, to a file and to whoever watches from outside.

use std::sync::Arc;
use std::time::Duration;

use intake::collect::{FETCH, TAKE_IN};
use ledger::job::work::{DRAFT, RENDER};
use ledger::{Hash, TellingState};
use model::duty::AlarmRule;
use model::time::Timestamp;
use model::worded::Word;
use response::deliver::Outcome;
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::Server;
use super::rounds::{NOTIFY, RESPOND, TRIAGE, VERIFY};
use crate::alarms::rules::Look;
use crate::alarms::ways::Ways;
use crate::alarms::{self, HEARTBEAT, LINK, Quiet};
use crate::failure::Failure;
use crate::workspace::{Workspace, now};

/// How often it is looked whether something must be told, and how often the rules are looked at.
const BEAT: Duration = Duration::from_secs(2);
const LOOK: Duration = Duration::from_secs(30);
/// Tries of a telling, and the rest between them in seconds.
const TRIES: i32 = 8;
const REST: i64 = 30;

/// Where the console reads how alarms leave.
const WAYS: &str = "alarms.ways";

/// Looks until the process is to end.
pub async fn run(server: Arc<Server>) -> &'static str {
    let mut changed = server.changed.subscribe();
    let mut ways = made(&server).await;
    let mut looked: Option<Instant> = None;
    let mut pinged: Option<Instant> = None;
    loop {
        if changed.has_changed().unwrap_or(false) {
            changed.borrow_and_update();
            ways = made(&server).await;
        }
        let workspace = server.workspace();
        let leads = server.leads();
        if leads && looked.is_none_or(|at| at.elapsed() >= LOOK) {
            looked = Some(Instant::now());
            match look(&server, &workspace, ways.as_deref()).await {
                Ok(()) => beat(&workspace),
                Err(error) => server.trouble("alarms cannot be looked at", &error),
            }
        }
        if let Some(ways) = ways.as_ref().filter(|_| leads) {
            if let Err(error) = tell(&server, &workspace, ways).await {
                server.trouble("alarms cannot be told", &error);
            }
            let every =
                Duration::from_secs(u64::from(workspace.settings.duty.dead_man_secs.max(10)));
            if pinged.is_none_or(|at| at.elapsed() >= every) {
                pinged = Some(Instant::now());
                if let Some(outcome) = ways.ping().await
                    && !matches!(outcome, Outcome::Sent { .. })
                {
                    tracing::warn!(
                        reply = outcome.reply(),
                        "whoever watches from outside was not reached"
                    );
                }
            }
        }
        tokio::select! {
            () = server.stopped() => return "alarms",
            () = sleep(BEAT) => {}
        }
    }
}

/// The ways out, made on a thread that may wait.
async fn made(server: &Arc<Server>) -> Option<Arc<Ways>> {
    let mine = Arc::clone(server);
    let made = tokio::task::spawn_blocking(move || Ways::of(&mine.workspace(), &mine.environment));
    match made
        .await
        .unwrap_or_else(|error| Err(Failure::new("alarms", error)))
    {
        Ok(ways) => ways.map(Arc::new),
        Err(failure) => {
            let error = failure.message();
            tracing::error!(error, "alarms cannot leave");
            None
        }
    }
}

/// Writes the sign of life.
fn beat(workspace: &Workspace) {
    let path = workspace.root.join(HEARTBEAT);
    if let Err(error) = std::fs::write(&path, format!("{}\n", now())) {
        tracing::error!(%error, path = %path.display(), "the sign of life cannot be written");
    }
}

async fn look(server: &Server, workspace: &Workspace, ways: Option<&Ways>) -> ledger::Result<()> {
    let ledger = &server.ledger;
    let mut kinds = vec![FETCH, TAKE_IN, DRAFT, RENDER];
    if !workspace.settings.response.address.is_empty() {
        kinds.extend([TRIAGE, RESPOND, NOTIFY, VERIFY]);
    }
    let at = now();
    let look = Look {
        workspace,
        now: at,
        kinds: &kinds,
    };
    for rule in AlarmRule::ALL {
        // What a person raised is ended by a person.
        if *rule == AlarmRule::Trial {
            continue;
        }
        let found = look.find(*rule).await?;
        let topics: Vec<String> = found.iter().map(|one| one.topic.clone()).collect();
        for finding in &found {
            let link = match ways {
                Some(ways) => ways.link(&finding.topic, at.0),
                None => String::new(),
            };
            let link = (Hash::of(link.as_bytes()), at.0 + LINK);
            if let Some(alarm) = ledger.raise_alarm(finding, link, at.0).await? {
                tracing::warn!(
                    alarm = alarm.id,
                    topic = alarm.topic,
                    "alarm: {}",
                    alarm.what_en
                );
                metrics::counter!("watchfire_alarms_total", "rule" => rule.label()).increment(1);
            }
        }
        for alarm in ledger.end_alarms(*rule, &topics, at.0).await? {
            tracing::info!(alarm = alarm.id, topic = alarm.topic, "an alarm is over");
        }
    }
    let duty = &workspace.settings.duty;
    let shown = json!({
        "ways": ways.map(Ways::shown).unwrap_or_default(),
        "climb_minutes": duty.climb_minutes,
        "quiet": duty.quiet,
        "looked_at": at.0,
    });
    ledger.set_setting(WAYS, &shown).await
}

/// Has people told of what is new, lets climb what nobody took up, and tells what is due.
async fn tell(server: &Server, workspace: &Workspace, ways: &Ways) -> ledger::Result<()> {
    let ledger = &server.ledger;
    let settings = &workspace.settings;
    let at = now();
    let quiet = Quiet::read(&settings.duty.quiet).ok().flatten();
    for alarm in ledger.alarms_open().await? {
        if alarm.told_at.is_some() || alarm.ended_at.is_some() || alarm.acknowledged_at.is_some() {
            continue;
        }
        let held = quiet
            .filter(|_| !alarms::loud(alarm.severity.0))
            .and_then(|quiet| quiet.ends(at, &settings.zone));
        let addresses = alarms::addresses(ledger, &settings.duty, false, at.0).await?;
        let all = ways.tellings(addresses, false);
        let from = held.unwrap_or(at).0;
        ledger
            .tell_alarm(alarm.id, (&all, false), from, at.0)
            .await?;
    }
    let minutes = i64::from(settings.duty.climb_minutes);
    if minutes > 0 {
        for alarm in ledger.alarms_to_climb(at.0 - minutes * 60_000_000).await? {
            let addresses = alarms::addresses(ledger, &settings.duty, true, at.0).await?;
            let all = ways.tellings(addresses, true);
            tracing::warn!(alarm = alarm.id, "nobody took an alarm up: it climbs");
            ledger
                .tell_alarm(alarm.id, (&all, true), at.0, at.0)
                .await?;
        }
    }
    for telling in ledger.tellings_due(at.0).await? {
        let alarm = ledger.alarm(telling.alarm_id).await?;
        // What is over or taken up before it left need not wake anybody.
        if alarm.ended_at.is_some() || (alarm.acknowledged_at.is_some() && telling.attempts == 0) {
            let state = (TellingState::Failed, "it was over before it left");
            ledger.telling_tried(telling.id, state, 0, at.0).await?;
            continue;
        }
        let outcome = ways.tell(&alarm, &telling, now()).await;
        let state = match &outcome {
            Outcome::Sent { .. } => TellingState::Sent,
            Outcome::Refused { .. } => TellingState::Failed,
            _ if telling.attempts + 1 >= TRIES => TellingState::Failed,
            _ => TellingState::Waiting,
        };
        if state != TellingState::Sent {
            tracing::warn!(alarm = alarm.id, way = %telling.way.0, reply = outcome.reply(), "an alarm did not leave");
        }
        let next = Timestamp(at.0 + REST * 1_000_000 * i64::from(telling.attempts + 1));
        let done = (state, outcome.reply());
        ledger
            .telling_tried(telling.id, done, next.0, now().0)
            .await?;
    }
    Ok(())
}
