//! Opening and joining: what triage found in the lake becomes incidents, many in one transaction.

use model::ids::OrganizationId;

use super::*;
use crate::text::without_nul;
use crate::{bulk, counter, setting};

/// An incident to be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewIncident {
    /// Its id, drawn by the caller.
    pub id: IncidentId,
    /// What it is about.
    pub kind: CaseKind,
    /// Its weight.
    pub severity: Severity,
    /// The rule that opens it.
    pub rule: String,
    /// What the rule joins by.
    pub key: String,
    /// What it is about, in one line.
    pub what: String,
    /// The address of the page or file.
    pub url: Option<String>,
    /// The host name.
    pub host: Option<String>,
    /// The internet address.
    pub ip: Option<String>,
    /// The autonomous system.
    pub asn: Option<i64>,
    /// Malware family, app or vulnerability.
    pub name: Option<String>,
    /// The brand that is imitated.
    pub brand: Option<String>,
    /// Country of the resource, two letters.
    pub country: Option<String>,
    /// Province of the resource, GB/T 2260.
    pub province: Option<String>,
    /// Where the resource lies.
    pub territory: Territory,
    /// Why it crosses the border.
    pub border: Vec<model::incident::Border>,
    /// What a person should know before anything goes out.
    pub flags: Vec<&'static str>,
    /// The organization that works it; `None`: the centre.
    pub owner: Option<String>,
    /// How far it may be passed on.
    pub tlp: Tlp,
    /// Where it comes from.
    pub origin: String,
    /// The number it has elsewhere.
    pub external_number: Option<String>,
    /// First observed, microseconds UTC.
    pub first_seen_at: i64,
    /// Last observed, microseconds UTC.
    pub last_seen_at: i64,
    /// Who found it true already: a rule that two people trust.
    pub validated_by: Option<String>,
}

impl NewIncident {
    /// The keys of the words by which it is found.
    pub(super) fn word_keys(&self, number: i64) -> Vec<i64> {
        let own = [&self.host, &self.name, &self.brand, &self.external_number];
        let texts = own.into_iter().flatten().map(String::as_str);
        wording::keys([self.what.as_str()].into_iter().chain(texts), number)
    }
}

/// An event that joins an incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Join {
    /// The incident.
    pub incident: IncidentId,
    /// The event's identity.
    pub event: [u8; 16],
    /// The UTC day it lies in.
    pub day: i32,
    /// When it was observed, microseconds UTC.
    pub observed_at: i64,
}

/// What one look at the lake found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Triage {
    /// Incidents to open.
    pub opened: Vec<NewIncident>,
    /// Events that join an opened incident or a live one, grouped by incident.
    pub joined: Vec<Join>,
    /// A mark to be stored with it, so that the same is not looked at twice: name and value.
    pub mark: Option<(String, serde_json::Value)>,
}

/// What became of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Triaged {
    /// Incidents opened.
    pub opened: u64,
    /// Events joined to opened or live incidents.
    pub joined: u64,
    /// Events that stood with their incident already.
    pub known: u64,
    /// Events that fit a rule and are too old for it.
    pub old: u64,
}

/// Live incidents by their live keys; for the key of a merged one, the incident it became part of.
pub(super) async fn live<C: ConnectionTrait>(
    db: &C,
    keys: &[String],
) -> Result<Vec<(String, IncidentId)>> {
    let mut found = Vec::new();
    for chunk in keys.chunks(bulk::LIST) {
        type Row = (Option<String>, Text<IncidentId>, Option<Text<IncidentId>>);
        let rows: Vec<Row> = Entity::find()
            .select_only()
            .column(Column::LiveKey)
            .column(Column::Id)
            .column(Column::MergedInto)
            .filter(Column::LiveKey.is_in(chunk.iter().map(String::as_str)))
            .into_tuple()
            .all(db)
            .await?;
        let rows = rows.into_iter();
        found.extend(rows.filter_map(|(key, id, whole)| Some((key?, whole.unwrap_or(id).0))));
    }
    Ok(found)
}

pub(super) fn row(new: NewIncident, number: i64, now: i64) -> (ActiveModel, usize) {
    let validated_at = new.validated_by.as_ref().map(|_| now);
    let state = match validated_at {
        Some(_) => IncidentState::Validated,
        None => IncidentState::Open,
    };
    let size = 400 + new.what.len() + new.key.len() + new.url.as_ref().map_or(0, String::len);
    let own = |text: String| without_nul(&text).into_owned();
    let border: Vec<_> = new.border.iter().map(ToString::to_string).collect();
    let row = ActiveModel {
        id: Set(Text(new.id)),
        number: Set(number),
        kind: Set(Text(new.kind)),
        state: Set(Text(state)),
        severity: Set(Text(new.severity)),
        live_key: Set(Some(Incident::live_key(&new.rule, &new.key))),
        rule: Set(new.rule),
        key: Set(Incident::key_text(&new.key)),
        what: Set(own(new.what)),
        url: Set(new.url.map(own)),
        host: Set(new.host.map(|host| Incident::key_text(&host))),
        ip: Set(new.ip.map(own)),
        asn: Set(new.asn),
        name: Set(new.name.map(own)),
        brand: Set(new.brand.map(own)),
        country: Set(new.country),
        province: Set(new.province),
        territory: Set(new.territory.as_str().to_owned()),
        border: Set(border.join(" ")),
        flags: Set(new.flags.join(" ")),
        owner: Set(new.owner),
        tlp: Set(Text(new.tlp)),
        originator: Set(None),
        embargo_until: Set(None),
        origin: Set(new.origin),
        external_number: Set(new.external_number.map(own)),
        campaign_id: Set(None),
        merged_into: Set(None),
        resolution: Set(None),
        basis: Set(None),
        validated_by: Set(new.validated_by),
        grade: Set(None),
        legal_hold: Set(false),
        counts_elsewhere: Set(false),
        events: Set(0),
        complaints: Set(0),
        opened_at: Set(now),
        first_seen_at: Set(new.first_seen_at),
        last_seen_at: Set(new.last_seen_at),
        validated_at: Set(validated_at),
        noticed_at: Set(None),
        acknowledged_at: Set(None),
        acted_at: Set(None),
        last_up_at: Set(None),
        gone_at: Set(None),
        closed_at: Set(None),
        counted_at: Set(None),
        changed_at: Set(now),
        version: Set(1),
    };
    (row, size)
}

/// New incidents that an organization works from the beginning.
pub(super) fn owned<'a>(
    opened: impl IntoIterator<Item = &'a NewIncident>,
) -> Vec<(IncidentId, OrganizationId)> {
    let opened = opened.into_iter();
    opened
        .filter_map(|new| Some((new.id, new.owner.as_deref()?.parse().ok()?)))
        .collect()
}

/// Opens incidents inside a transaction, audited each.
///
/// # Errors
/// [`Error::Conflict`] if one of a rule and key is live already.
pub(crate) async fn open<C: ConnectionTrait>(
    db: &C,
    opened: Vec<NewIncident>,
    actor: &str,
    now: i64,
) -> Result<u64> {
    if opened.is_empty() {
        return Ok(0);
    }
    let count = opened.len() as i64;
    let first = counter::raise(db, counter::INCIDENT, count).await? - count + 1;
    let records = opened
        .iter()
        .map(|new| NewAudit {
            actor: actor.to_owned(),
            action: "incident.open".to_owned(),
            object: object(new.id),
            detail: json!({ "rule": new.rule, "key": new.key, "origin": new.origin, "validated_by": new.validated_by }),
        })
        .collect();
    let words = opened
        .iter()
        .zip(first..)
        .flat_map(|(new, number)| new.word_keys(number))
        .collect();
    let owned = owned(&opened);
    let rows = opened
        .into_iter()
        .zip(first..)
        .map(|(new, number)| row(new, number, now));
    bulk::insert(db, rows).await.map_err(taken_meanwhile)?;
    wording::store(db, words).await?;
    audit::append_all(db, records, now).await?;
    if !owned.is_empty() {
        matter::reach_party(db, &owned, "works it", (actor, now)).await?;
    }
    Ok(count as u64)
}

/// Joins events inside a transaction; an event that stands there already changes nothing.
async fn join<C: ConnectionTrait>(
    db: &C,
    joins: Vec<Join>,
    rule: &str,
    now: i64,
) -> Result<(u64, u64)> {
    let mut told = (0, 0);
    for of_one in joins.chunk_by(|a, b| a.incident == b.incident) {
        let id = of_one[0].incident;
        let mut new = 0;
        for chunk in of_one.chunks(bulk::LIST) {
            let rows = chunk.iter().map(|join| joined::ActiveModel {
                incident_id: Set(Text(id)),
                event_id: Set(join.event.to_vec()),
                day: Set(join.day),
                rule: Set(rule.to_owned()),
                joined_at: Set(now),
            });
            new += joined::Entity::insert_many(rows)
                .on_conflict(
                    sea_orm::sea_query::OnConflict::columns([
                        joined::Column::IncidentId,
                        joined::Column::EventId,
                    ])
                    .do_nothing()
                    .to_owned(),
                )
                .exec_without_returning(db)
                .await?;
        }
        told.0 += new;
        told.1 += of_one.len() as u64 - new;
        let (Some(first), Some(last)) = (
            of_one.iter().map(|join| join.observed_at).min(),
            of_one.iter().map(|join| join.observed_at).max(),
        ) else {
            continue;
        };
        if new == 0 {
            continue;
        }
        // Two updates without a dialect's word for the smaller of two values.
        Entity::update_many()
            .col_expr(Column::Events, Expr::col(Column::Events).add(new as i64))
            .col_expr(Column::Version, Expr::col(Column::Version).add(1))
            .col_expr(Column::ChangedAt, Expr::value(now))
            .filter(Column::Id.eq(Text(id)))
            .exec(db)
            .await?;
        Entity::update_many()
            .col_expr(Column::LastSeenAt, Expr::value(last))
            .filter(Column::Id.eq(Text(id)))
            .filter(Column::LastSeenAt.lt(last))
            .exec(db)
            .await?;
        Entity::update_many()
            .col_expr(Column::FirstSeenAt, Expr::value(first))
            .filter(Column::Id.eq(Text(id)))
            .filter(Column::FirstSeenAt.gt(first))
            .exec(db)
            .await?;
    }
    Ok(told)
}

impl Ledger {
    /// Live incidents of these rules and keys, by [`Incident::live_key`].
    pub async fn live_incidents(&self, keys: &[String]) -> Result<Vec<(String, IncidentId)>> {
        // Read where no commit can be missed: on the connection that writes.
        live(self.writer()?, keys).await
    }

    /// Incidents of a rule that were closed at or after `since` (microseconds UTC), by their keys; of
    /// several the one closed last.
    pub async fn closed_incidents(
        &self,
        rule: &str,
        keys: &[&str],
        since: i64,
    ) -> Result<Vec<(String, IncidentId)>> {
        let mut found = Vec::new();
        for chunk in keys.chunks(bulk::LIST) {
            let rows: Vec<(String, Text<IncidentId>)> = Entity::find()
                .select_only()
                .column(Column::Key)
                .column(Column::Id)
                .filter(Column::Key.is_in(chunk.iter().copied()))
                .filter(Column::Rule.eq(rule))
                .filter(Column::ClosedAt.gte(since))
                .order_by_asc(Column::ClosedAt)
                .into_tuple()
                .all(self.writer()?)
                .await?;
            found.extend(rows.into_iter().map(|(key, id)| (key, id.0)));
        }
        Ok(found)
    }

    /// Of these events, those that stand with an incident already.
    pub async fn triaged_events(&self, events: &[[u8; 16]]) -> Result<Vec<[u8; 16]>> {
        let mut found = Vec::new();
        for chunk in events.chunks(bulk::LIST) {
            let rows: Vec<Vec<u8>> = joined::Entity::find()
                .select_only()
                .column(joined::Column::EventId)
                .filter(joined::Column::EventId.is_in(chunk.iter().map(|event| event.to_vec())))
                .into_tuple()
                .all(self.writer()?)
                .await?;
            found.extend(
                rows.into_iter()
                    .filter_map(|id| <[u8; 16]>::try_from(id).ok()),
            );
        }
        Ok(found)
    }

    /// Stores what triage found, all or nothing. Audited: one row an incident opened.
    ///
    /// # Errors
    /// [`Error::Conflict`] if an incident of a rule and key was opened by somebody else meanwhile:
    /// look again.
    pub async fn commit_triage(
        &self,
        triage: Triage,
        rule: &str,
        actor: &str,
        now: i64,
    ) -> Result<Triaged> {
        let tx = self.begin().await?;
        let opened = open(&tx, triage.opened, actor, now).await?;
        let (joined, known) = join(&tx, triage.joined, rule, now).await?;
        if let Some((name, value)) = triage.mark {
            setting::write(&tx, &name, &value).await?;
        }
        tx.commit().await?;
        Ok(Triaged {
            opened,
            joined,
            known,
            old: 0,
        })
    }
}

fn taken_meanwhile(error: Error) -> Error {
    match &error {
        Error::Database(cause) if crate::error::is_duplicate(cause) => Error::conflict(
            "incident",
            "one of the same rule and key was opened meanwhile: look again",
        ),
        _ => error,
    }
}
