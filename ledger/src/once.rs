//! Requests that are to act once: a program that did not hear the answer sends the request again under the same
//! key, and gets the answer that it missed instead of a second act.
//!
//! A key is claimed before the act and keeps the answer after it. A claim whose answer never came (the process was
//! killed in between) stays in doubt: nobody can say whether the act was done, so it is not done again under this key.

use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, OnConflict};

use crate::{Hash, Ledger, Result};

mod row {
    use sea_orm::entity::prelude::*;

    /// A request under a key.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "once")]
    pub struct Model {
        /// Hash of account and key.
        #[sea_orm(primary_key, auto_increment = false)]
        pub key: String,
        /// Whose.
        pub account: String,
        /// Hash of the request: method, address, body.
        pub request: String,
        /// Status of the answer; `None` while there is none.
        pub status: Option<i32>,
        /// Headers of the answer that are kept, as JSON text.
        pub headers: Option<String>,
        /// Body of the answer.
        pub body: Option<Vec<u8>>,
        /// When the request began, microseconds UTC.
        pub begun_at: i64,
        /// Until when it is remembered.
        pub until: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

use row::{ActiveModel, Column, Entity};

/// An answer that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// Its status.
    pub status: u16,
    /// Headers, name and value.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: Vec<u8>,
}

/// What is known of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Once {
    /// It is new and now claimed: act, then [`Ledger::once_answered`].
    Claimed,
    /// It was answered.
    Before(Answered),
    /// It was claimed, and there is no answer: under way, or cut off.
    UnderWay,
    /// It was used for another request.
    Other,
}

fn name(account: &str, key: &str) -> String {
    Hash::of(format!("{}:{account}{key}", account.len()).as_bytes()).to_string()
}

impl Ledger {
    /// Claims a key of an account for a request until `until`, unless it was used before.
    pub async fn once(
        &self,
        (account, key): (&str, &str),
        request: Hash,
        until: i64,
        now: i64,
    ) -> Result<Once> {
        let key = name(account, key);
        let tx = self.begin().await?;
        // What is past is forgotten when the next one comes: no job is needed for it.
        Entity::delete_many()
            .filter(Column::Until.lte(now))
            .exec(&tx)
            .await?;
        let row = ActiveModel {
            key: Set(key.clone()),
            account: Set(account.to_owned()),
            request: Set(request.to_string()),
            status: Set(None),
            headers: Set(None),
            body: Set(None),
            begun_at: Set(now),
            until: Set(until),
        };
        let inserted = Entity::insert(row)
            .on_conflict(OnConflict::column(Column::Key).do_nothing().to_owned())
            .exec_without_returning(&tx)
            .await?;
        let found = Entity::find_by_id(key).one(&tx).await?;
        tx.commit().await?;
        if inserted > 0 {
            return Ok(Once::Claimed);
        }
        let Some(found) = found else {
            return Ok(Once::UnderWay);
        };
        if found.request != request.to_string() {
            return Ok(Once::Other);
        }
        let status = found.status.and_then(|status| u16::try_from(status).ok());
        Ok(match status {
            None => Once::UnderWay,
            Some(status) => Once::Before(Answered {
                status,
                headers: found
                    .headers
                    .and_then(|text| serde_json::from_str(&text).ok())
                    .unwrap_or_default(),
                body: found.body.unwrap_or_default(),
            }),
        })
    }

    /// Keeps the answer under a claimed key.
    pub async fn once_answered(
        &self,
        (account, key): (&str, &str),
        answer: &Answered,
    ) -> Result<()> {
        let headers = serde_json::to_string(&answer.headers)
            .map_err(|error| DbErr::Json(format!("headers of an answer: {error}")))?;
        Entity::update_many()
            .col_expr(Column::Status, Expr::value(i32::from(answer.status)))
            .col_expr(Column::Headers, Expr::value(headers))
            .col_expr(Column::Body, Expr::value(answer.body.clone()))
            .filter(Column::Key.eq(name(account, key)))
            .exec(self.writer()?)
            .await?;
        Ok(())
    }

    /// Gives a claimed key back: nothing was done under it.
    pub async fn once_given_back(&self, (account, key): (&str, &str)) -> Result<()> {
        Entity::delete_by_id(name(account, key))
            .exec(self.writer()?)
            .await?;
        Ok(())
    }
}
