//! Settings: small values that the system remembers by key, such as a feed's cursor or an entity tag.
//! Not configuration: what the operator decides stands in `watchfire.toml`.

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue::Set, QueryOrder};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Ledger, Result};

mod row {
    use sea_orm::entity::prelude::*;

    /// One remembered value.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, serde::Serialize)]
    #[sea_orm(table_name = "setting")]
    pub struct Model {
        /// Its key; dots group keys (`feed.<name>.cursor`).
        #[sea_orm(primary_key, auto_increment = false)]
        pub key: String,
        /// The value as JSON text.
        pub json: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

use row::{ActiveModel, Column, Entity};

pub use row::Model as Setting;

pub(crate) async fn read<T: DeserializeOwned, C: ConnectionTrait>(
    db: &C,
    key: &str,
) -> Result<Option<T>> {
    let Some(row) = Entity::find_by_id(key).one(db).await? else {
        return Ok(None);
    };
    let value = serde_json::from_str(&row.json)
        .map_err(|error| DbErr::Json(format!("setting {key}: {error}")))?;
    Ok(Some(value))
}

pub(crate) async fn write<T: Serialize, C: ConnectionTrait>(
    db: &C,
    key: &str,
    value: &T,
) -> Result<()> {
    let json = serde_json::to_string(value)
        .map_err(|error| DbErr::Json(format!("setting {key}: {error}")))?;
    let overwrite = OnConflict::column(Column::Key)
        .update_column(Column::Json)
        .to_owned();
    Entity::insert(ActiveModel {
        key: Set(key.to_owned()),
        json: Set(json),
    })
    .on_conflict(overwrite)
    .exec_without_returning(db)
    .await?;
    Ok(())
}

impl Ledger {
    /// The value under `key`.
    ///
    /// # Errors
    /// If what is stored is not a `T`.
    pub async fn setting<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>> {
        read(self.reader(), key).await
    }

    /// Remembers `value` under `key`, replacing what was there.
    pub async fn set_setting<T: Serialize>(&self, key: &str, value: &T) -> Result<()> {
        write(self.writer()?, key, value).await
    }

    /// Forgets `key`; whether it was there.
    pub async fn remove_setting(&self, key: &str) -> Result<bool> {
        let done = Entity::delete_by_id(key).exec(self.writer()?).await?;
        Ok(done.rows_affected > 0)
    }

    /// Settings whose key starts with `prefix`, by key.
    pub async fn settings(&self, prefix: &str) -> Result<Vec<Setting>> {
        // Not LIKE: its case rule differs between the databases, and `_` and `%` are wild in it.
        let rows = Entity::find()
            .order_by_asc(Column::Key)
            .all(self.reader())
            .await?;
        Ok(rows
            .into_iter()
            .filter(|row| row.key.starts_with(prefix))
            .collect())
    }
}
