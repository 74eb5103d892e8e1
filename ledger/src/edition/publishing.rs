//! Publication, withdrawal, archive: which revision is public, and as which files.

use model::newsroom::{Right, Step};
use sea_orm::QueryOrder;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Expr;
use serde_json::json;

use super::{Column, Edition, EditionKey, Entity, Said, load, newest, record};
use crate::issue::IssueState;
use crate::{Actor, Hash, Issue, Ledger, Result, bulk};

mod rendition {
    use sea_orm::entity::prelude::*;

    use crate::Hash;

    /// A file of a published revision. Its bytes are a blob.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, serde::Serialize)]
    #[sea_orm(table_name = "rendition")]
    pub struct Model {
        /// Series.
        #[sea_orm(primary_key, auto_increment = false)]
        pub series: String,
        /// Year of the issue's number.
        #[sea_orm(primary_key, auto_increment = false)]
        pub year: i32,
        /// Number within the year.
        #[sea_orm(primary_key, auto_increment = false)]
        pub number: i32,
        /// The revision.
        #[sea_orm(primary_key, auto_increment = false)]
        pub revision: i32,
        /// File name.
        #[sea_orm(primary_key, auto_increment = false)]
        pub name: String,
        /// Hash of its bytes.
        pub hash: Hash,
        /// How many bytes.
        pub size: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub use rendition::Model as Rendition;

/// A rendered file whose bytes are in the blob store already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRendition {
    /// File name.
    pub name: String,
    /// Hash of its bytes.
    pub hash: Hash,
    /// How many bytes.
    pub size: i64,
}

/// A public issue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// Its life.
    pub edition: Edition,
    /// The public revision.
    pub issue: Issue,
}

impl Ledger {
    /// Makes an approved revision the public one. Doing so again changes nothing.
    ///
    /// # Errors
    /// [`crate::Error::NotFound`], or [`crate::Error::Conflict`] if the newest revision is not approved or the issue is
    /// withdrawn.
    pub async fn publish_issue(
        &self,
        (key, revision): (&EditionKey, i32),
        files: Vec<NewRendition>,
        by: &Actor,
        now: i64,
    ) -> Result<Edition> {
        by.must(Right::Publish)?;
        let tx = self.begin().await?;
        let edition = load(&tx, key).await?;
        if edition.withdrawn_at.is_some() {
            return key.refuse("is withdrawn");
        }
        if edition.published_revision == Some(revision) {
            return Ok(edition);
        }
        let row = match newest(&tx, key).await? {
            Some(row) if row.revision == revision => row,
            _ => return key.refuse(format!("revision {revision} is not its newest")),
        };
        if row.state != IssueState::Approved {
            return key.refuse("is not approved");
        }
        let sum = {
            let mut hasher = blake3::Hasher::new();
            for file in &files {
                hasher.update(file.name.as_bytes());
                hasher.update(file.hash.as_bytes());
            }
            hasher.finalize().to_hex().to_string()
        };
        let detail = json!({ "hash": row.hash, "files": files.len(), "files_hash": sum });
        let rows = files.into_iter().map(|file| {
            let size = 100 + file.name.len();
            let row = Rendition {
                series: key.series.clone(),
                year: key.year,
                number: key.number,
                revision,
                name: file.name,
                hash: file.hash,
                size: file.size,
            };
            (rendition::ActiveModel::from(row).reset_all(), size)
        });
        bulk::insert(&tx, rows).await?;
        let first = edition.first_published_at.unwrap_or(now);
        let columns = [
            (Column::PublishedRevision, Expr::value(revision)),
            (Column::FirstPublishedAt, Expr::value(first)),
            (Column::PublishedAt, Expr::value(now)),
            (Column::ArchivedAt, Expr::value(None::<i64>)),
        ];
        super::change(&tx, key, columns).await?;
        record(
            &tx,
            key,
            (revision, Step::Publish),
            Said::by(by, "", detail),
            now,
        )
        .await?;
        let edition = load(&tx, key).await?;
        tx.commit().await?;
        Ok(edition)
    }

    /// Takes a public issue back, with a reason in both languages. Its figures are no baseline from here on.
    ///
    /// # Errors
    /// [`crate::Error::Conflict`] if it is not public, withdrawn already, or a reason is missing.
    pub async fn withdraw_issue(
        &self,
        key: &EditionKey,
        (zh, en): (&str, &str),
        by: &Actor,
        now: i64,
    ) -> Result<Edition> {
        by.must(Right::Approve)?;
        let tx = self.begin().await?;
        let edition = load(&tx, key).await?;
        let Some(revision) = edition.published_revision else {
            return key.refuse("is not public: there is nothing to take back");
        };
        if edition.withdrawn_at.is_some() {
            return key.refuse("is withdrawn already");
        }
        if zh.trim().is_empty() || en.trim().is_empty() {
            return key.refuse("is withdrawn with a reason in both languages only");
        }
        let columns = [
            (Column::WithdrawnAt, Expr::value(now)),
            (Column::WithdrawnZh, Expr::value(zh)),
            (Column::WithdrawnEn, Expr::value(en)),
        ];
        super::change(&tx, key, columns).await?;
        let detail = json!({ "zh": zh, "en": en });
        record(
            &tx,
            key,
            (revision, Step::Withdraw),
            Said::by(by, en, detail),
            now,
        )
        .await?;
        let edition = load(&tx, key).await?;
        tx.commit().await?;
        Ok(edition)
    }

    /// Puts a public issue away.
    ///
    /// # Errors
    /// [`crate::Error::Conflict`] if it is not public.
    pub async fn archive_issue(&self, key: &EditionKey, by: &Actor, now: i64) -> Result<Edition> {
        by.must(Right::Publish)?;
        let tx = self.begin().await?;
        let edition = load(&tx, key).await?;
        let Some(revision) = edition.published_revision else {
            return key.refuse("is not public: there is nothing to put away");
        };
        if edition.archived_at.is_some() {
            return Ok(edition);
        }
        super::change(&tx, key, [(Column::ArchivedAt, Expr::value(now))]).await?;
        let said = Said::by(by, "", json!({}));
        record(&tx, key, (revision, Step::Archive), said, now).await?;
        let edition = load(&tx, key).await?;
        tx.commit().await?;
        Ok(edition)
    }

    /// The files of a revision, by name.
    pub async fn renditions(&self, key: &EditionKey, revision: i32) -> Result<Vec<Rendition>> {
        let select = rendition::Entity::find()
            .filter(rendition::Column::Series.eq(&key.series))
            .filter(rendition::Column::Year.eq(key.year))
            .filter(rendition::Column::Number.eq(key.number))
            .filter(rendition::Column::Revision.eq(revision))
            .order_by_asc(rendition::Column::Name);
        Ok(select.all(self.reader()).await?)
    }

    /// Every file name that any revision of an issue was published under.
    pub async fn rendition_names(&self, key: &EditionKey) -> Result<Vec<String>> {
        let select = rendition::Entity::find()
            .filter(rendition::Column::Series.eq(&key.series))
            .filter(rendition::Column::Year.eq(key.year))
            .filter(rendition::Column::Number.eq(key.number))
            .order_by_asc(rendition::Column::Name);
        let rows = select.all(self.reader()).await?;
        let mut names: Vec<String> = rows.into_iter().map(|row| row.name).collect();
        names.dedup();
        Ok(names)
    }

    /// Public and withdrawn issues of a series with the revision that is or was public, oldest week first.
    pub async fn published(&self, series: &str) -> Result<Vec<Published>> {
        let editions = Entity::find()
            .filter(Column::Series.eq(series))
            .filter(Column::PublishedRevision.is_not_null())
            .order_by_asc(Column::WeekStart)
            .all(self.reader())
            .await?;
        let mut out = Vec::with_capacity(editions.len());
        for edition in editions {
            let Some(revision) = edition.published_revision else {
                continue;
            };
            let issue = self
                .issue(series, edition.year, edition.number, revision)
                .await?;
            out.extend(issue.map(|issue| Published { edition, issue }));
        }
        Ok(out)
    }
}
