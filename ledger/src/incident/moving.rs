//! Moving in: incidents of another system with their numbers, dates and owners. Nothing begins by it: they
//! are open, which nothing is sent about, or closed as they were; no clock starts.

use super::*;
use crate::{bulk, counter};

/// The rule that moved incidents bear: no rule of triage has this name.
const RULE: &str = "import";

/// An incident that moves in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MovedIncident {
    /// What it is; its `external_number` is the old number, its `origin` and `key` are set by the import.
    pub incident: NewIncident,
    /// When it was opened there, microseconds UTC.
    pub opened_at: i64,
    /// When the first notice went out.
    pub noticed_at: Option<i64>,
    /// How and when it ended.
    pub closed: Option<(Resolution, i64)>,
    /// What else the other system said of it, kept as a note.
    pub note: Option<String>,
}

/// What undoing an import of incidents did.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Unmoved {
    /// Incidents taken out.
    pub removed: u64,
    /// Numbers of incidents that stay because somebody worked on them since.
    pub kept: Vec<i64>,
    /// Numbers of incidents that stay because a legal hold covers them.
    pub held: Vec<i64>,
}

/// The origin of what an import brought.
fn origin(name: &str) -> String {
    format!("import:{name}")
}

/// Tables whose rows show that an incident was worked on.
const WORK: [&str; 9] = [
    "assignment",
    "incident_note",
    "incident_event",
    "same_matter",
    "clock",
    "directive",
    "verification",
    "evidence",
    "complaint",
];

/// What another system said of an incident, as the import's own note.
fn note_row(id: IncidentId, name: &str, body: &str, now: i64) -> (note::ActiveModel, usize) {
    let row = note::ActiveModel {
        id: NotSet,
        incident_id: Set(Text(id)),
        at: Set(now),
        actor: Set(origin(name)),
        body: Set(without_nul(body).into_owned()),
    };
    (row, 64 + body.len())
}

impl Ledger {
    /// Old numbers that an import of this name brought already.
    pub async fn moved_numbers(&self, name: &str) -> Result<Vec<String>> {
        let rows: Vec<Option<String>> = Entity::find()
            .select_only()
            .column(Column::ExternalNumber)
            .filter(Column::Origin.eq(origin(name)))
            .into_tuple()
            .all(self.reader())
            .await?;
        Ok(rows.into_iter().flatten().collect())
    }

    /// Incidents that bear this number elsewhere, the newest first.
    pub async fn incidents_numbered_elsewhere(
        &self,
        number: &str,
        reach: &Reach,
    ) -> Result<Vec<Incident>> {
        Ok(Entity::find()
            .filter(Column::ExternalNumber.eq(number))
            .filter(reach.condition())
            .order_by_desc(Column::Number)
            .all(self.reader())
            .await?)
    }

    /// Stores incidents of another system under the name of an import, all or nothing. One audit row
    /// each. They get numbers of ours beside their old ones.
    ///
    /// # Errors
    /// [`Error::Conflict`] if one has no old number, ends before it opens or opens in the future.
    pub async fn move_in(
        &self,
        name: &str,
        all: Vec<MovedIncident>,
        actor: &str,
        now: i64,
    ) -> Result<u64> {
        if all.is_empty() {
            return Ok(0);
        }
        let tx = self.begin().await?;
        let owned = opening::owned(all.iter().map(|moved| &moved.incident));
        let count = all.len() as i64;
        let first = counter::raise(&tx, counter::INCIDENT, count).await? - count + 1;
        let (mut rows, mut records, mut words) = (Vec::new(), Vec::new(), Vec::new());
        let mut notes = Vec::new();
        for (moved, number) in all.into_iter().zip(first..) {
            let (id, old) = (moved.incident.id, moved.incident.external_number.clone());
            let old = old.ok_or_else(|| Error::conflict(object(id), "has no old number"))?;
            let last = moved.closed.map_or(moved.opened_at, |(_, at)| at);
            if moved.opened_at > now || last > now || last < moved.opened_at {
                let why =
                    format!("number {old} opens or ends in the future, or ends before it opens");
                return Err(Error::conflict(object(id), why));
            }
            records.push(NewAudit {
                actor: actor.to_owned(),
                action: "incident.move-in".to_owned(),
                object: object(id),
                detail: json!({ "import": name, "number": old, "opened_at": moved.opened_at,
                    "closed": moved.closed.map(|(resolution, at)| json!([resolution, at])) }),
            });
            let new = NewIncident {
                rule: RULE.to_owned(),
                key: format!("{name}/{old}"),
                origin: origin(name),
                validated_by: None,
                ..moved.incident
            };
            words.extend(new.word_keys(number));
            notes.extend(moved.note.map(|note| note_row(id, name, &note, now)));
            let (mut row, size) = opening::row(new, number, now);
            row.opened_at = Set(moved.opened_at);
            row.noticed_at = Set(moved.noticed_at);
            if let Some((resolution, at)) = moved.closed {
                row.state = Set(Text(IncidentState::Closed));
                row.live_key = Set(None);
                row.resolution = Set(Some(Text(resolution)));
                row.basis = Set(Some(format!("as it was in {name}")));
                row.closed_at = Set(Some(at));
                // Asked, and with an outcome: handled then, not now.
                let counts = resolution.counts() && moved.noticed_at.is_some();
                row.counted_at = Set(counts.then_some(at));
            }
            rows.push((row, size));
        }
        bulk::insert(&tx, rows).await?;
        bulk::insert(&tx, notes).await?;
        wording::store(&tx, words).await?;
        audit::append_all(&tx, records, now).await?;
        if !owned.is_empty() {
            matter::reach_party(&tx, &owned, "works it", (actor, now)).await?;
        }
        tx.commit().await?;
        Ok(count as u64)
    }

    /// Takes out what an import of this name brought, all or nothing; what somebody worked on since, or a
    /// legal hold covers, stays. Audited.
    pub async fn move_out(&self, name: &str, actor: &str, now: i64) -> Result<Unmoved> {
        let tx = self.begin().await?;
        let rows = Entity::find()
            .filter(Column::Origin.eq(origin(name)))
            .order_by_asc(Column::Number)
            .all(&tx)
            .await?;
        let mut done = Unmoved::default();
        for chunk in rows.chunks(bulk::LIST) {
            let ids = || chunk.iter().map(|row| row.id.to_string());
            let mut worked = std::collections::HashSet::new();
            for table in WORK {
                let mut select = sea_orm::sea_query::Query::select();
                select
                    .column("incident_id")
                    .from(table)
                    .and_where(Expr::col("incident_id").is_in(ids()));
                if table == "incident_note" {
                    // The import's own notes are no work.
                    select.and_where(Expr::col("actor").ne(origin(name)));
                }
                for row in tx.query_all(&select).await? {
                    worked.insert(row.try_get::<String>("", "incident_id")?);
                }
            }
            let merged = Entity::find()
                .filter(Column::MergedInto.is_in(chunk.iter().map(|row| row.id)))
                .all(&tx)
                .await?;
            worked.extend(
                merged
                    .iter()
                    .filter_map(|row| Some(row.merged_into?.to_string())),
            );
            let (held, free): (Vec<_>, Vec<_>) = chunk.iter().partition(|row| row.legal_hold);
            done.held.extend(held.iter().map(|row| row.number));
            let (kept, out): (Vec<_>, Vec<_>) = free
                .into_iter()
                .partition(|row| row.version > 1 || worked.contains(&row.id.to_string()));
            done.kept.extend(kept.iter().map(|row| row.number));
            for row in &out {
                let own = [&row.host, &row.name, &row.brand, &row.external_number];
                let texts = own.into_iter().flatten().map(String::as_str);
                let keys = wording::keys([row.what.as_str()].into_iter().chain(texts), row.number);
                wording::Entity::delete_many()
                    .filter(wording::Column::Key.is_in(keys))
                    .exec(&tx)
                    .await?;
            }
            note::Entity::delete_many()
                .filter(note::Column::IncidentId.is_in(out.iter().map(|row| row.id)))
                .exec(&tx)
                .await?;
            done.removed += Entity::delete_many()
                .filter(Column::Id.is_in(out.iter().map(|row| row.id)))
                .exec(&tx)
                .await?
                .rows_affected;
        }
        let record = NewAudit {
            actor: actor.to_owned(),
            action: "incident.move-out".to_owned(),
            object: format!("import {name}"),
            detail: json!({ "removed": done.removed, "kept": done.kept, "held": done.held }),
        };
        audit::append(&tx, record, now).await?;
        tx.commit().await?;
        Ok(done)
    }
}
