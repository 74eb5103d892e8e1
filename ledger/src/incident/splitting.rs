//! Splitting: events that are another matter become an incident of their own.

use std::collections::BTreeSet;

use super::*;

/// The words of flags that an incident may bear, as [`NewIncident`] holds them.
const FLAGS: [&str; 4] = ["warned", "government", "education", "bank"];

const DAY: i64 = 86_400_000_000;

/// What is split off.
#[derive(Clone, Copy, Debug)]
pub struct Split<'a> {
    /// Id of the new incident, drawn by the caller.
    pub id: IncidentId,
    /// The events.
    pub events: &'a [[u8; 16]],
    /// What the new incident is about, in one line.
    pub what: &'a str,
    /// Why it is another matter.
    pub reason: &'a str,
}

impl Ledger {
    /// Takes events out of a live incident into a new one, which is open: a person looks at it
    /// again. What comes for the rule and key joins the old one as before. Audited for both.
    ///
    /// # Errors
    /// [`Error::Conflict`] if it is not live, no event is named, one did not join it, or none would be
    /// left; [`Error::NotFound`] if there is none within `reach`.
    pub async fn split_incident(
        &self,
        from: IncidentId,
        reach: &Reach,
        split: Split<'_>,
        actor: &str,
        now: i64,
    ) -> Result<Incident> {
        let Split {
            id,
            events,
            what,
            reason,
        } = split;
        let refuse = |why: String| Err(Error::conflict(object(from), why));
        let tx = self.begin().await?;
        let old = load(&tx, from, reach).await?;
        if !old.state.0.is_live() {
            return refuse("is not live: reopen it first".to_owned());
        }
        let wanted: BTreeSet<[u8; 16]> = events.iter().copied().collect();
        if wanted.is_empty() || reason.trim().is_empty() {
            return refuse("a split names its events and its reason".to_owned());
        }
        let mut days = Vec::new();
        let all: Vec<_> = wanted.iter().map(|event| event.to_vec()).collect();
        for chunk in all.chunks(crate::bulk::LIST) {
            let found = joined::Entity::find()
                .filter(joined::Column::IncidentId.eq(Text(from)))
                .filter(joined::Column::EventId.is_in(chunk.iter().cloned()))
                .all(&tx)
                .await?;
            days.extend(found.iter().map(|row| i64::from(row.day)));
        }
        if days.len() != wanted.len() {
            let missing = wanted.len() - days.len();
            return refuse(format!("{missing} of the events did not join it"));
        }
        let joined_all = joined::Entity::find()
            .filter(joined::Column::IncidentId.eq(Text(from)))
            .count(&tx)
            .await?;
        if joined_all == wanted.len() as u64 {
            return refuse("no event would be left: edit it instead".to_owned());
        }
        let (first, last) = (
            days.iter().min().copied().unwrap_or_default(),
            days.iter().max().copied().unwrap_or_default(),
        );
        let flags = FLAGS.into_iter().filter(|flag| old.has_flag(flag));
        let border = old.border.split_whitespace();
        let new = NewIncident {
            id,
            kind: old.kind.0,
            severity: old.severity.0,
            rule: old.rule.clone(),
            key: format!("{} split {id}", old.key),
            what: what.to_owned(),
            url: old.url.clone(),
            host: old.host.clone(),
            ip: old.ip.clone(),
            asn: old.asn,
            name: old.name.clone(),
            brand: old.brand.clone(),
            country: old.country.clone(),
            province: old.province.clone(),
            territory: Territory::named(&old.territory).unwrap_or_default(),
            border: border.filter_map(|word| word.parse().ok()).collect(),
            flags: flags.collect(),
            owner: old.owner.clone(),
            tlp: old.tlp.0,
            origin: old.origin.clone(),
            external_number: None,
            // The days of its events, within what the whole was observed in.
            first_seen_at: Ord::clamp(first * DAY, old.first_seen_at, old.last_seen_at),
            last_seen_at: Ord::clamp((last + 1) * DAY - 1, old.first_seen_at, old.last_seen_at),
            validated_by: None,
        };
        open(&tx, vec![new], actor, now).await?;
        marking::inherit(&tx, &old, id).await?;
        for chunk in all.chunks(crate::bulk::LIST) {
            joined::Entity::update_many()
                .col_expr(joined::Column::IncidentId, Expr::value(Text(id)))
                .filter(joined::Column::IncidentId.eq(Text(from)))
                .filter(joined::Column::EventId.is_in(chunk.iter().cloned()))
                .exec(&tx)
                .await?;
        }
        matter::keep_together(&tx, [from, id], "split", (actor, now)).await?;
        let moved = wanted.len() as i64;
        for (incident, by) in [(from, -moved), (id, moved)] {
            Entity::update_many()
                .col_expr(Column::Events, Expr::col(Column::Events).add(by))
                .col_expr(Column::Version, Expr::col(Column::Version).add(1))
                .col_expr(Column::ChangedAt, Expr::value(now))
                .col_expr(Column::CampaignId, Expr::value(old.campaign_id))
                .filter(Column::Id.eq(Text(incident)))
                .exec(&tx)
                .await?;
        }
        let record = NewAudit {
            actor: actor.to_owned(),
            action: "incident.split".to_owned(),
            object: object(from),
            detail: json!({ "into": id, "events": moved, "reason": reason }),
        };
        audit::append(&tx, record, now).await?;
        let made = load(&tx, id, &Reach::All).await?;
        tx.commit().await?;
        Ok(made)
    }
}
