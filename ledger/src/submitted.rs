//! Files that people outside sent with a complaint or an appeal. The bytes as they came are in quarantine: kept by
//! hash, named by nobody, never shown. Beside them stands a picture that was made of them, where they are one.

use model::ids::ComplaintId;
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::QueryOrder;
use sea_orm::entity::prelude::*;

use crate::text::Text;
use crate::{Hash, Ledger, Result, bulk};

mod row {
    use model::ids::ComplaintId;
    use sea_orm::entity::prelude::*;

    use crate::Hash;
    use crate::text::Text;

    /// A file that somebody outside sent.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, serde::Serialize)]
    #[sea_orm(table_name = "submitted_file")]
    pub struct Model {
        /// Number given by the ledger.
        #[sea_orm(primary_key)]
        pub id: i64,
        /// The complaint it came with.
        pub complaint_id: Option<Text<ComplaintId>>,
        /// The appeal it came with.
        pub appeal_id: Option<i64>,
        /// Its place among those that came with it, from 1.
        pub place: i32,
        /// Its bytes as they came.
        pub original: Hash,
        /// How many.
        pub bytes: i64,
        /// What its first bytes say it is: `png`, `jpeg`, `gif`, `webp`, `pdf`.
        pub kind: String,
        /// The picture made of it, PNG.
        pub shown: Option<Hash>,
        /// Width of that picture, pixels; 0 without one.
        pub width: i32,
        /// Its height.
        pub height: i32,
        /// When it came, microseconds UTC.
        pub at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub use row::Model as Submitted;
use row::{ActiveModel, Column, Entity};

/// A file to be stored; its bytes are kept already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSubmitted {
    /// Its bytes as they came.
    pub original: Hash,
    /// How many.
    pub bytes: u64,
    /// What its first bytes say it is.
    pub kind: &'static str,
    /// The picture made of it: its bytes, width and height in pixels.
    pub shown: Option<(Hash, u32, u32)>,
}

/// What a file came with.
#[derive(Clone, Copy, Debug)]
pub(crate) enum With {
    Complaint(ComplaintId),
    Appeal(i64),
}

/// Stores files inside a transaction.
pub(crate) async fn add<C: ConnectionTrait>(
    db: &C,
    with: With,
    files: Vec<NewSubmitted>,
    now: i64,
) -> Result<()> {
    let rows = (1..).zip(files).map(|(place, file)| {
        let (complaint, appeal) = match with {
            With::Complaint(id) => (Some(Text(id)), None),
            With::Appeal(id) => (None, Some(id)),
        };
        let size = |pixels: Option<u32>| i32::try_from(pixels.unwrap_or(0)).unwrap_or(i32::MAX);
        let row = ActiveModel {
            id: NotSet,
            complaint_id: Set(complaint),
            appeal_id: Set(appeal),
            place: Set(place),
            original: Set(file.original),
            bytes: Set(i64::try_from(file.bytes).unwrap_or(i64::MAX)),
            kind: Set(file.kind.to_owned()),
            shown: Set(file.shown.map(|shown| shown.0)),
            width: Set(size(file.shown.map(|shown| shown.1))),
            height: Set(size(file.shown.map(|shown| shown.2))),
            at: Set(now),
        };
        (row, 200)
    });
    bulk::insert(db, rows).await.map(drop)
}

impl Ledger {
    /// What came with a complaint, in its order.
    pub async fn submitted_with_complaint(&self, id: ComplaintId) -> Result<Vec<Submitted>> {
        let all = Entity::find().filter(Column::ComplaintId.eq(Text(id)));
        Ok(all.order_by_asc(Column::Place).all(self.reader()).await?)
    }

    /// What came with an appeal, in its order.
    pub async fn submitted_with_appeal(&self, id: i64) -> Result<Vec<Submitted>> {
        let all = Entity::find().filter(Column::AppealId.eq(id));
        Ok(all.order_by_asc(Column::Place).all(self.reader()).await?)
    }
}
