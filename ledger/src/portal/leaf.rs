//! What notices show their parties at a public node: the matters of each, as the portal shows them, and no others. A leaf
//! is opened by a key that follows from the notice's id and is in its letter alone, so whoever has it is the party.

use std::collections::HashMap;

use model::ids::{IncidentId, NoticeId, OrganizationId};
use model::notice::{NoticeKind, NoticeState};
use model::outside::MatterState;
use model::worded::Word;
use sea_orm::entity::prelude::*;
use sea_orm::{QueryOrder, QuerySelect};

use super::{Matter, Party, Post, belongs, looked, matter, matters_of};
use crate::directive::{self, Directive};
use crate::text::Text;
use crate::{Error, Ledger, Result, bulk, incident, notice, organization};

/// Matters that a leaf shows at most; of more it gives the number.
pub const SHOWN: usize = 100;

/// What a notice shows its party.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// The notice.
    pub notice: NoticeId,
    /// Its number.
    pub number: i64,
    /// Whose it is.
    pub party: Party,
    /// Its matters that may leave to the party now, each with what was said about it, the oldest first.
    pub matters: Vec<(Matter, Vec<Post>)>,
    /// How many there are besides.
    pub more: usize,
}

/// Ids and numbers of notices that ask something and went out since an instant.
fn asking(since: i64) -> Select<notice::Entity> {
    let kinds = NoticeKind::ALL.iter().filter(|kind| kind.asks());
    notice::Entity::find()
        .filter(notice::Column::State.eq(Text(NoticeState::Sent)))
        .filter(notice::Column::Kind.is_in(kinds.map(|kind| Text(*kind))))
        .filter(notice::Column::SentAt.gte(since))
        .order_by_asc(notice::Column::Number)
}

impl Ledger {
    /// Notices whose leaves may be open: sent since an instant.
    pub async fn leaf_notices(&self, since: i64) -> Result<Vec<NoticeId>> {
        let ids = asking(since)
            .select_only()
            .column(notice::Column::Id)
            .into_tuple::<Text<NoticeId>>()
            .all(self.reader())
            .await?;
        Ok(ids.into_iter().map(|id| id.0).collect())
    }

    /// Leaves of notices sent since an instant. One whose matters ended before `ended` is none any more.
    pub async fn leaves(&self, since: i64, ended: i64, now: i64) -> Result<Vec<Leaf>> {
        let db = self.reader();
        let notices = asking(since).all(db).await?;
        let mut parties: HashMap<OrganizationId, Option<Party>> = HashMap::new();
        let mut leaves = Vec::new();
        for row in notices {
            let whose = row.organization_id.0;
            let party = match parties.get(&whose) {
                Some(party) => party.clone(),
                None => {
                    let party = party_of(db, whose).await?;
                    parties.insert(whose, party.clone());
                    party
                }
            };
            let Some(party) = party else { continue };
            let about = notice::covered(db, row.id.0).await?;
            let about = about.into_iter().map(|one| one.incident_id.0).collect();
            let leaf = leaf(db, (row.id.0, row.number), party, about, now).await?;
            let over = |matter: &Matter| {
                matter.state == MatterState::Over && matter.closed_at.is_none_or(|at| at < ended)
            };
            if !leaf.matters.iter().all(|(matter, _)| over(matter)) {
                leaves.push(leaf);
            }
        }
        Ok(leaves)
    }

    /// Whose notice this is, with its number, if it is about the incident of this number and that may leave to the party.
    ///
    /// # Errors
    /// [`Error::NotFound`]: absence and refusal look alike.
    pub async fn leaf_party(&self, id: NoticeId, number: i64, now: i64) -> Result<(Party, i64)> {
        let db = self.reader();
        let absent = || Error::not_found("incident", number);
        let row = notice::Entity::find_by_id(Text(id)).one(db).await?;
        let row = row.ok_or_else(absent)?;
        let party = party_of(db, row.organization_id.0).await?;
        let party = party.ok_or_else(absent)?;
        let (incident, _) = belongs(db, party.id, number, now).await?;
        let about = notice::covered(db, id).await?;
        match about.iter().any(|one| one.incident_id == incident.id) {
            true => Ok((party, row.number)),
            false => Err(absent()),
        }
    }
}

async fn party_of<C: ConnectionTrait>(db: &C, id: OrganizationId) -> Result<Option<Party>> {
    let found = organization::Entity::find_by_id(Text(id)).one(db).await?;
    Ok(found.filter(|row| row.active).map(|row| Party {
        id,
        name_zh: row.name_zh,
        name_en: row.name_en,
    }))
}

async fn leaf<C: ConnectionTrait>(
    db: &C,
    (notice, number): (NoticeId, i64),
    party: Party,
    mut about: Vec<IncidentId>,
    now: i64,
) -> Result<Leaf> {
    about.sort_unstable();
    about.dedup();
    let own = matters_of(db, party.id, now).await?;
    let mut found = Vec::new();
    for chunk in about.chunks(bulk::LIST) {
        found.extend(
            incident::Entity::find()
                .filter(incident::Column::Id.is_in(chunk.iter().map(|id| Text(*id))))
                .filter(own.clone())
                .all(db)
                .await?,
        );
    }
    found.sort_by_key(|row| row.number);
    let more = found.len().saturating_sub(SHOWN);
    found.truncate(SHOWN);
    let mut matters = Vec::with_capacity(found.len());
    for row in found {
        let mine: Vec<Directive> = directive::Entity::find()
            .filter(directive::Column::IncidentId.eq(row.id))
            .filter(directive::Column::OrganizationId.eq(Text(party.id)))
            .filter(directive::Column::AskedAt.is_not_null())
            .order_by_asc(directive::Column::Id)
            .all(db)
            .await?;
        let posts = super::Entity::find()
            .filter(super::Column::OrganizationId.eq(Text(party.id)))
            .filter(super::Column::IncidentId.eq(row.id))
            .order_by_asc(super::Column::Id)
            .all(db)
            .await?;
        let seen = looked(db, row.id.0).await?;
        matters.push((matter(row, &mine, seen), posts));
    }
    Ok(Leaf {
        notice,
        number,
        party,
        matters,
        more,
    })
}
