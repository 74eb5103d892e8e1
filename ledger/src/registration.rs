//! What registration data services (RDAP) answered, kept until it expires: a cache, so that the same is
//! not asked twice and a service that asks to wait is left alone by every process. Nothing rests on it.

use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;

use crate::text::without_nul;
use crate::{Ledger, Result};

mod row {
    use sea_orm::entity::prelude::*;

    /// What an answer was.
    #[derive(
        Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, serde::Serialize,
    )]
    #[sea_orm(rs_type = "String", db_type = "Text")]
    #[serde(rename_all = "lowercase")]
    pub enum RegistrationState {
        /// Something is registered.
        #[sea_orm(string_value = "found")]
        Found,
        /// Nothing is registered.
        #[sea_orm(string_value = "absent")]
        Absent,
        /// The service asks to wait, or failed: not to be asked before it expires.
        #[sea_orm(string_value = "wait")]
        Wait,
    }

    /// An answer.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, serde::Serialize)]
    #[sea_orm(table_name = "registration")]
    pub struct Model {
        /// What was asked, as `domain example.com`, or `server HOST` for a wait.
        #[sea_orm(primary_key, auto_increment = false)]
        pub question: String,
        /// What the answer was.
        pub state: RegistrationState,
        /// The answer as JSON text, or why there is none.
        pub answer: String,
        /// When it was asked, microseconds UTC.
        pub asked_at: i64,
        /// Until when it holds, microseconds UTC.
        pub expires_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

use row::{ActiveModel, Column, Entity};

pub use row::{Model as RegistrationAnswer, RegistrationState};

impl Ledger {
    /// The answer to a question that still holds at `now`.
    pub async fn registration(
        &self,
        question: &str,
        now: i64,
    ) -> Result<Option<RegistrationAnswer>> {
        Ok(Entity::find_by_id(question)
            .filter(Column::ExpiresAt.gt(now))
            .one(self.reader())
            .await?)
    }

    /// Keeps an answer in place of the one that was there.
    pub async fn keep_registration(&self, new: RegistrationAnswer) -> Result<()> {
        let row = ActiveModel {
            question: Set(without_nul(&new.question).into_owned()),
            state: Set(new.state),
            answer: Set(without_nul(&new.answer).into_owned()),
            asked_at: Set(new.asked_at),
            expires_at: Set(new.expires_at),
        };
        let overwrite = OnConflict::column(Column::Question)
            .update_columns([
                Column::State,
                Column::Answer,
                Column::AskedAt,
                Column::ExpiresAt,
            ])
            .to_owned();
        Entity::insert(row)
            .on_conflict(overwrite)
            .exec_without_returning(self.writer()?)
            .await?;
        Ok(())
    }

    /// Forgets what expired before `now`; how many that were.
    pub async fn forget_registrations(&self, now: i64) -> Result<u64> {
        let done = Entity::delete_many()
            .filter(Column::ExpiresAt.lte(now))
            .exec(self.writer()?)
            .await?;
        Ok(done.rows_affected)
    }
}
