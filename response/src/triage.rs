//! Triage: events that came in open or join incidents, by rules that are data.
//!
//! The unit is a report: intake's commit asks for it to be looked at, and the job is done when what
//! the look found is committed. Looking twice changes nothing: an event joins an incident once, and one
//! that stands with an incident never opens another. What opened and what joined can be told from the
//! rows: which events, by which rule, when.

mod look;
mod rules;

use std::collections::{HashMap, HashSet};

use ledger::incident::{Join, Triage, Triaged};
use ledger::{Incident, LakeFile, NewIncident, NewStep, Reach, RuleMode};
use model::ids::IncidentId;
use model::incident::{Border, Resolution, Step};
use model::territory::{OwnerClass, Territory};
use model::time::{MICROS_PER_DAY, Timestamp};
use model::tlp::Tlp;

pub use look::Facts;
pub use rules::{BadRules, DEFAULT_RULES, KeyPart, Place, Rule, Rules};

use crate::{Desk, Error, Result};
use look::{COLUMNS, Rows};

/// Who acts when a rule does.
pub const ACTOR: &str = "system:triage";
/// Kind of the job that intake asks for; its key is the report.
pub const JOB: &str = "triage";
/// Events held before what they amount to is committed: bounds memory and the length of a transaction.
const HELD: usize = 100_000;

/// Events of one rule and key.
struct Matter {
    facts: Facts,
    /// When the event that tells the facts was observed, and which it is.
    told: (i64, [u8; 16]),
    events: Vec<([u8; 16], i64)>,
}

/// What was found and not yet committed.
type Found = HashMap<(usize, String), Matter>;

impl Desk {
    /// Looks at the events of these reports.
    ///
    /// # Errors
    /// The lake or the ledger fails; what was committed by then stays, and looking again is safe.
    pub async fn triage(&self, rules: &Rules, reports: &[String]) -> Result<Triaged> {
        let mut parts = self.ledger.parts_shared_by(reports).await?;
        for report in reports {
            parts.extend(self.ledger.files_of_report(report).await?);
        }
        let parts: Vec<_> = parts.iter().filter_map(part).collect();
        let mut total = Triaged::default();
        if parts.is_empty() {
            return Ok(total);
        }
        let wanted: HashSet<&str> = reports.iter().map(String::as_str).collect();
        let automatic = self.automatic_rules().await?;
        let all = (Timestamp(i64::MIN), Timestamp(i64::MAX));
        let mut found = Found::new();
        let mut held = 0;
        let began = (self.clock)();
        for mut stream in self.lake.scan(&parts, all, COLUMNS).await? {
            while let Some(batch) =
                std::future::poll_fn(|context| stream.as_mut().poll_next(context)).await
            {
                let batch = batch.map_err(|error| Error::Scan(error.to_string()))?;
                let rows = Rows::of(&batch);
                for row in 0..rows.len() {
                    if !wanted.contains(rows.report(row)) {
                        continue;
                    }
                    let Some(fit) = rows.fit(rules, row) else {
                        continue;
                    };
                    let age = i64::from(rules.all()[fit.rule].max_age_days) * MICROS_PER_DAY;
                    if fit.observed_at < began.0 - age {
                        total.old += 1;
                        continue;
                    }
                    held += 1;
                    let told = (fit.observed_at, fit.event);
                    let matter = found.entry((fit.rule, fit.key)).or_insert_with(|| Matter {
                        facts: rows.facts(row),
                        told,
                        events: Vec::new(),
                    });
                    // The earliest event tells, in whatever order parts lie and cores read them: the same events
                    // make the same incident on any node.
                    if told < matter.told {
                        let warned = matter.facts.warned;
                        matter.facts = rows.facts(row);
                        matter.facts.warned |= warned;
                        matter.told = told;
                    }
                    matter.facts.warned |= rows.warned(row);
                    matter.events.push((fit.event, fit.observed_at));
                }
                if held >= HELD {
                    self.commit(rules, &automatic, std::mem::take(&mut found), &mut total)
                        .await?;
                    held = 0;
                }
            }
        }
        self.commit(rules, &automatic, found, &mut total).await?;
        Ok(total)
    }

    async fn automatic_rules(&self) -> Result<HashSet<String>> {
        let trusted = self.ledger.rules_trusted().await?;
        let automatic = trusted
            .into_iter()
            .filter(|rule| rule.mode == RuleMode::Automatic);
        Ok(automatic.map(|rule| rule.rule).collect())
    }

    async fn commit(
        &self,
        rules: &Rules,
        automatic: &HashSet<String>,
        found: Found,
        total: &mut Triaged,
    ) -> Result<()> {
        let mut by_rule: Vec<Vec<(String, Matter)>> = rules.all().iter().map(|_| vec![]).collect();
        for ((rule, key), matter) in found {
            by_rule[rule].push((key, matter));
        }
        for (rule, mut matters) in rules.all().iter().zip(by_rule) {
            // Sorted, so that numbers do not depend on a hash function's mood.
            matters.sort_by(|a, b| a.0.cmp(&b.0));
            for chunk in matters.chunks(5_000) {
                let done = self
                    .commit_rule(rule, automatic.contains(&rule.name), chunk)
                    .await?;
                total.opened += done.opened;
                total.joined += done.joined;
                total.known += done.known;
            }
        }
        Ok(())
    }

    async fn commit_rule(
        &self,
        rule: &Rule,
        automatic: bool,
        matters: &[(String, Matter)],
    ) -> Result<Triaged> {
        let now = (self.clock)();
        let keys: Vec<_> = matters
            .iter()
            .map(|(key, _)| Incident::live_key(&rule.name, key))
            .collect();
        let live: HashMap<_, _> = self
            .ledger
            .live_incidents(&keys)
            .await?
            .into_iter()
            .collect();
        // What stands with an incident already neither opens nor joins another: a compacted part is read
        // again, or a process was killed between this commit and its job's end.
        let events: Vec<_> = matters
            .iter()
            .flat_map(|(_, matter)| matter.events.iter().map(|(event, _)| *event))
            .collect();
        let known: HashSet<_> = self
            .ledger
            .triaged_events(&events)
            .await?
            .into_iter()
            .collect();
        let rest: Vec<_> = matters
            .iter()
            .zip(&keys)
            .filter(|(_, key)| !live.contains_key(*key))
            .filter_map(|((key, matter), _)| {
                let new = matter
                    .events
                    .iter()
                    .filter(|(event, _)| !known.contains(event));
                Some((key.as_str(), new.map(|(_, at)| *at).max()?))
            })
            .collect();
        let (back, doubted) = self.reopen(rule, &rest, now).await?;

        let mut triage = Triage::default();
        let mut skipped = 0;
        for ((key, matter), live_key) in matters.iter().zip(&keys) {
            let stands = live.get(live_key).or_else(|| back.get(key)).copied();
            let new = matter
                .events
                .iter()
                .filter(|(event, _)| !known.contains(event));
            let new: Vec<_> = new.copied().collect();
            skipped += (matter.events.len() - new.len()) as u64;
            let (id, fresh): (IncidentId, Vec<_>) = match stands {
                Some(id) => (id, new),
                None => {
                    if new.is_empty() || new.len() < rule.threshold as usize {
                        continue;
                    }
                    let id = IncidentId::draw(now, (self.random)());
                    // A person found the same matter wrong not long ago: no rule knows better.
                    let automatic = automatic && !doubted.contains(key);
                    triage
                        .opened
                        .push(opened(id, rule, automatic, key, matter, &new));
                    (id, new)
                }
            };
            triage
                .joined
                .extend(fresh.into_iter().map(|(event, at)| Join {
                    incident: id,
                    event,
                    day: Timestamp(at).day().0,
                    observed_at: at,
                }));
        }
        let mut done = self
            .ledger
            .commit_triage(triage, &rule.name, ACTOR, now.0)
            .await?;
        done.known += skipped;
        Ok(done)
    }

    /// Reopens what was closed not long ago and is there again. `matters` are keys and when each was last
    /// seen. Returns where each belongs, and the keys that a person closed as no incident: those are
    /// never opened again by an event, which knows nothing of what the person saw.
    async fn reopen(
        &self,
        rule: &Rule,
        matters: &[(&str, i64)],
        now: Timestamp,
    ) -> Result<(HashMap<String, IncidentId>, HashSet<String>)> {
        let keys: Vec<_> = matters.iter().map(|(key, _)| *key).collect();
        let since = now.0 - i64::from(rule.reopen_days) * MICROS_PER_DAY;
        let closed = self
            .ledger
            .closed_incidents(&rule.name, &keys, since)
            .await?;
        let closed: HashMap<_, _> = closed.into_iter().collect();
        let (mut back, mut doubted) = (HashMap::new(), HashSet::new());
        for (key, seen) in matters {
            let Some(id) = closed.get(*key).copied() else {
                continue;
            };
            let seen = *seen;
            let incident = self.ledger.incident(id, &Reach::All).await?;
            // What was observed before it ended says nothing about now, and belongs to what ended.
            if seen <= incident.closed_at.unwrap_or(i64::MAX) {
                back.insert((*key).to_owned(), id);
                continue;
            }
            let wrong = [Resolution::Invalid, Resolution::Duplicate];
            let how = incident.resolution.map(|how| how.0);
            if how.is_some_and(|how| wrong.contains(&how)) {
                doubted.insert((*key).to_owned());
                continue;
            }
            // Nobody ever found it true: a new one waits for somebody who does.
            if incident.validated_at.is_none() {
                continue;
            }
            let step = NewStep::new(
                Step::FindBack,
                format!("an event after closing, by rule {}", rule.name),
                seen.min(now.0),
            );
            self.ledger
                .step(id, &Reach::All, step, ACTOR, now.0)
                .await?;
            back.insert((*key).to_owned(), id);
        }
        Ok((back, doubted))
    }
}

fn opened(
    id: IncidentId,
    rule: &Rule,
    automatic: bool,
    key: &str,
    matter: &Matter,
    events: &[([u8; 16], i64)],
) -> NewIncident {
    let facts = matter.facts.clone();
    let seen = events.iter().map(|(_, at)| *at);
    // A warning list's word weighs more than a trusted rule: a person looks.
    let trusted = automatic && !facts.warned;
    NewIncident {
        id,
        kind: rule.kind,
        severity: rule.severity,
        rule: rule.name.clone(),
        key: key.to_owned(),
        what: key.to_owned(),
        border: border(&facts),
        flags: flags(&facts),
        url: facts.url,
        host: facts.host,
        ip: facts.ip,
        asn: facts.asn,
        name: facts.name,
        brand: facts.brand,
        country: facts.country,
        province: facts.province,
        territory: facts.territory,
        owner: None,
        tlp: Tlp::Amber,
        origin: JOB.to_owned(),
        external_number: None,
        first_seen_at: seen.clone().min().unwrap_or_default(),
        last_seen_at: seen.max().unwrap_or_default(),
        validated_by: trusted.then(|| format!("rule:{}", rule.name)),
    }
}

fn flags(facts: &Facts) -> Vec<&'static str> {
    let mut flags = Vec::new();
    if facts.warned {
        flags.push("warned");
    }
    if facts.owner != OwnerClass::Other {
        flags.push(facts.owner.as_str());
    }
    flags
}

/// Why a matter crosses the border, as far as its events tell (DOMAIN 5.2). Who reported it and who is
/// asked are known later.
pub fn border(facts: &Facts) -> Vec<Border> {
    let outside = [
        (facts.target, Border::Victim),
        (facts.territory, Border::Hosting),
        (facts.registered, Border::Registrar),
    ];
    let mut border: Vec<_> = outside
        .into_iter()
        .filter(|(place, _)| *place == Territory::Outside)
        .map(|(_, reason)| reason)
        .collect();
    border.sort();
    border
}

/// A row of the manifest as the lake reads it; `None` of another kind of file.
pub fn part(file: &LakeFile) -> Option<lake::query::Part> {
    (file.kind == ledger::LakeFileKind::Part).then(|| lake::query::Part {
        path: file.path.clone(),
        bytes: file.bytes as u64,
        rows: file.rows as u64,
        min_observed: file.min_observed_at.unwrap_or(i64::MIN),
        max_observed: file.max_observed_at.unwrap_or(i64::MAX),
    })
}
