//! Members: which reports have rows in a part that was made of many. A part of one report says so in
//! its own row of the manifest and has no members.

use sea_orm::ActiveValue::Set;
use sea_orm::QueryOrder;
use sea_orm::entity::prelude::*;

use crate::manifest::LakeFile;
use crate::{Ledger, Result, bulk, manifest};

mod row {
    use sea_orm::entity::prelude::*;

    /// The rows of one report in one part.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, serde::Serialize)]
    #[sea_orm(table_name = "lake_member")]
    pub struct Model {
        /// The part's path.
        #[sea_orm(primary_key, auto_increment = false)]
        pub path: String,
        /// The report.
        #[sea_orm(primary_key, auto_increment = false)]
        pub report_id: String,
        /// Its feed.
        pub feed: String,
        /// Rows of it in the part.
        pub rows: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

use row::{ActiveModel, Column, Entity};

pub use row::Model as LakeMember;

pub(crate) async fn insert<C: ConnectionTrait>(db: &C, members: Vec<LakeMember>) -> Result<()> {
    let rows = members.into_iter().map(|member| {
        let size = member.path.len() + member.report_id.len() + 16;
        let row = ActiveModel {
            path: Set(member.path),
            report_id: Set(member.report_id),
            feed: Set(member.feed),
            rows: Set(member.rows),
        };
        (row, size)
    });
    bulk::insert(db, rows).await?;
    Ok(())
}

/// Forgets the members of parts that the manifest forgets.
pub(crate) async fn forget<C: ConnectionTrait>(db: &C, paths: &[String]) -> Result<()> {
    for paths in paths.chunks(bulk::LIST) {
        Entity::delete_many()
            .filter(Column::Path.is_in(paths.iter().map(String::as_str)))
            .exec(db)
            .await?;
    }
    Ok(())
}

/// Parts that have rows of any of the reports among others, live or not.
pub(crate) async fn paths<C: ConnectionTrait>(db: &C, reports: &[String]) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for reports in reports.chunks(bulk::LIST) {
        let members = Entity::find()
            .filter(Column::ReportId.is_in(reports.iter().map(String::as_str)))
            .all(db)
            .await?;
        found.extend(members.into_iter().map(|member| member.path));
    }
    found.sort();
    found.dedup();
    Ok(found)
}

impl Ledger {
    /// Live parts that have rows of these reports among those of others; by path.
    pub async fn parts_shared_by(&self, reports: &[String]) -> Result<Vec<LakeFile>> {
        let paths = paths(self.reader(), reports).await?;
        manifest::live(self.reader(), &paths).await
    }

    /// Members of all parts, by path and report.
    pub async fn lake_members(&self) -> Result<Vec<LakeMember>> {
        let select = Entity::find()
            .order_by_asc(Column::Path)
            .order_by_asc(Column::ReportId);
        Ok(select.all(self.reader()).await?)
    }

    /// Members of these parts, by path and report.
    pub async fn members_of(&self, paths: &[String]) -> Result<Vec<LakeMember>> {
        let mut members = Vec::new();
        for paths in paths.chunks(bulk::LIST) {
            let select = Entity::find()
                .filter(Column::Path.is_in(paths.iter().map(String::as_str)))
                .order_by_asc(Column::Path)
                .order_by_asc(Column::ReportId);
            members.extend(select.all(self.reader()).await?);
        }
        Ok(members)
    }
}
