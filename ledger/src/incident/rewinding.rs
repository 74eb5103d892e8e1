//! Rewinding: incidents as they stood at an earlier instant, put together again from the audit trail.
//!
//! A published figure is read again as it was known when it was frozen. A row that has not changed since
//! is what it was; one that has is begun anew, as it was opened, and every step that the trail holds up to
//! the instant is taken again by the function that took it the first time. What only edits touch (place
//! and border of an incident, its weight) stays as it is today.

use std::collections::BTreeMap;

use super::*;
use crate::audit::AuditEntry;
use crate::{AuditFilter, Page};

/// What the trail keeps of a step.
#[derive(serde::Deserialize)]
struct Told {
    step: Step,
    from: IncidentState,
    to: IncidentState,
    at: i64,
    #[serde(default)]
    basis: String,
}

impl Incident {
    /// The row as it was opened at `at`, by whom it was found true then.
    fn anew(&self, validated_by: Option<String>, at: i64) -> Incident {
        let state = match validated_by {
            Some(_) => IncidentState::Validated,
            None => IncidentState::Open,
        };
        Incident {
            state: Text(state),
            merged_into: None,
            counts_elsewhere: false,
            resolution: None,
            basis: None,
            validated_at: validated_by.as_ref().map(|_| at),
            validated_by,
            noticed_at: None,
            acknowledged_at: None,
            acted_at: None,
            last_up_at: None,
            gone_at: None,
            closed_at: None,
            counted_at: None,
            changed_at: at,
            ..self.clone()
        }
    }

    /// Takes what one row of the trail tells.
    fn take(&mut self, entry: &AuditEntry, parts: &BTreeMap<String, Option<i64>>) {
        let detail: serde_json::Value = serde_json::from_str(&entry.detail).unwrap_or_default();
        match entry.action.as_str() {
            "incident.step" => {
                let Ok(told) = serde_json::from_value::<Told>(detail) else {
                    return;
                };
                let step = NewStep::new(told.step, told.basis, told.at);
                stamp(self, told.from, told.to, &step, &entry.actor);
            }
            // As `move_in` stores it: open, or closed as it was elsewhere.
            "incident.move-in" => {
                let closed = serde_json::from_value(detail["closed"].clone());
                if let Ok(Some((resolution, at))) =
                    closed.map(|found: Option<(Resolution, i64)>| found)
                {
                    self.state = Text(IncidentState::Closed);
                    self.resolution = Some(Text(resolution));
                    self.closed_at = Some(at);
                }
            }
            "incident.merge" => {
                let part = detail["part"].as_str().unwrap_or_default();
                let counted = parts.get(part).copied().flatten();
                self.counted_at = [self.counted_at, counted].into_iter().flatten().min();
            }
            "incident.same" => {
                self.counts_elsewhere = detail["counts"] == serde_json::Value::Bool(false);
            }
            _ => {}
        }
        self.changed_at = entry.at;
    }
}

impl Ledger {
    /// Incidents that were opened before `before` and changed after `at` (both microseconds UTC), as they
    /// stood at `at`, by number. What was not there at that instant is left out.
    pub(crate) async fn rewound(&self, at: i64, before: i64) -> Result<Vec<Incident>> {
        let changed = Entity::find()
            .filter(Column::ChangedAt.gt(at))
            .filter(Column::OpenedAt.lt(before))
            .order_by_asc(Column::Number)
            .all(self.reader())
            .await?;
        let mut rewound = Vec::new();
        for row in changed {
            let filter = AuditFilter {
                object: Some(object(row.id.0)),
                until: Some(at.saturating_add(1)),
                ..AuditFilter::default()
            };
            let mut trail = self.audit_rows(&filter, Page::ALL).await?;
            trail.reverse();
            let Some(first) = trail.first() else { continue };
            let told: serde_json::Value = serde_json::from_str(&first.detail).unwrap_or_default();
            let by = told["validated_by"].as_str().map(str::to_owned);
            let mut parts = BTreeMap::new();
            for entry in trail
                .iter()
                .filter(|entry| entry.action == "incident.merge")
            {
                let detail: serde_json::Value =
                    serde_json::from_str(&entry.detail).unwrap_or_default();
                let Some(Ok(id)) = detail["part"].as_str().map(str::parse::<IncidentId>) else {
                    continue;
                };
                // A part takes no step any more: what it counted as then, it counts as now.
                let part = Entity::find_by_id(Text(id)).one(self.reader()).await?;
                parts.insert(id.to_string(), part.and_then(|part| part.counted_at));
            }
            let mut old = row.anew(by, first.at);
            if first.action == "incident.move-in" {
                old.noticed_at = row.noticed_at;
            }
            for entry in &trail {
                old.take(entry, &parts);
            }
            if first.action == "incident.move-in" && old.counted_at.is_none() {
                old.counted_at = row.counted_at.filter(|counted| *counted <= at);
            }
            rewound.push(old);
        }
        Ok(rewound)
    }
}
