//! Views: queries that people keep under a name, each for themselves or for all of a role.

use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::QueryOrder;
use sea_orm::entity::prelude::*;
use serde_json::json;

use crate::audit::{self, NewAudit};
use crate::text::without_nul;
use crate::{Error, Ledger, Result};

mod row {
    use sea_orm::entity::prelude::*;

    /// A view.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, serde::Serialize)]
    #[sea_orm(table_name = "saved_view")]
    pub struct Model {
        /// Number given by the ledger.
        #[sea_orm(primary_key)]
        pub id: i64,
        /// A login, or `role:LABEL`: whoever holds that role.
        pub owner: String,
        /// Its name.
        pub name: String,
        /// The query, as it is stored.
        pub query: String,
        /// The columns that it shows, labels with commas between; empty: the usual ones.
        pub columns: String,
        /// Its place among the views of its owner.
        pub place: i32,
        /// When it was made, microseconds UTC.
        pub created_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

use row::{ActiveModel, Column, Entity};

pub use row::Model as SavedView;

/// Views that one owner keeps at most.
const MOST: u64 = 20;
/// Characters of a name at most.
const LONGEST: usize = 40;

impl Ledger {
    /// Keeps a view at the end of its owner's; one of the same name is replaced. Audited where it is a role's.
    ///
    /// # Errors
    /// [`Error::Conflict`] if the name is empty or too long, or the owner has [`MOST`] already.
    pub async fn keep_view(
        &self,
        owner: &str,
        (name, query, columns): (&str, &str, &str),
        actor: &str,
        now: i64,
    ) -> Result<SavedView> {
        let name = without_nul(name.trim()).into_owned();
        let refuse = |why: String| Err(Error::conflict(format!("view {name}"), why));
        if name.is_empty() || name.chars().count() > LONGEST {
            return refuse(format!("needs a name of at most {LONGEST} characters"));
        }
        let tx = self.begin().await?;
        let own = Entity::find()
            .filter(Column::Owner.eq(owner))
            .order_by_asc(Column::Place);
        let own = own.all(&tx).await?;
        let same = own.iter().find(|view| view.name == name);
        if same.is_none() && own.len() as u64 >= MOST {
            return refuse(format!("would be one too many: {MOST} are kept at most"));
        }
        let row = ActiveModel {
            id: same.map_or(NotSet, |same| Set(same.id)),
            owner: Set(owner.to_owned()),
            name: Set(name),
            query: Set(without_nul(query).into_owned()),
            columns: Set(columns.to_owned()),
            place: Set(same.map_or_else(
                || own.last().map_or(0, |last| last.place + 1),
                |same| same.place,
            )),
            created_at: Set(now),
        };
        let stored = match same {
            Some(_) => row.update(&tx).await?,
            None => row.insert(&tx).await?,
        };
        if owner.starts_with("role:") {
            let record = NewAudit {
                actor: actor.to_owned(),
                action: "view.keep".to_owned(),
                object: owner.to_owned(),
                detail: json!({ "name": stored.name, "query": stored.query }),
            };
            audit::append(&tx, record, now).await?;
        }
        tx.commit().await?;
        Ok(stored)
    }

    /// Drops a view of an owner. Audited where it is a role's.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the owner has none of this number.
    pub async fn drop_view(&self, owner: &str, id: i64, actor: &str, now: i64) -> Result<()> {
        let tx = self.begin().await?;
        let gone = Entity::delete_many()
            .filter(Column::Id.eq(id))
            .filter(Column::Owner.eq(owner))
            .exec(&tx)
            .await?;
        if gone.rows_affected == 0 {
            return Err(Error::not_found("view", id));
        }
        if owner.starts_with("role:") {
            let record = NewAudit {
                actor: actor.to_owned(),
                action: "view.drop".to_owned(),
                object: owner.to_owned(),
                detail: json!({ "view": id }),
            };
            audit::append(&tx, record, now).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// The views of these owners, in the order of their places.
    pub async fn views(&self, owners: &[&str]) -> Result<Vec<SavedView>> {
        Ok(Entity::find()
            .filter(Column::Owner.is_in(owners.iter().copied()))
            .order_by_asc(Column::Place)
            .order_by_asc(Column::Id)
            .all(self.reader())
            .await?)
    }
}
