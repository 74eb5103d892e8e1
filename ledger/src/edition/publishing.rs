//! Publication, withdrawal, archive: which revision is public, and as which files.

use std::collections::BTreeMap;

use model::newsroom::{Right, Step};
use sea_orm::QueryOrder;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Expr;
use serde_json::json;

use super::{Column, Edition, EditionKey, Entity, Said, load, newest, record, step};
use crate::issue::IssueState;
use crate::text::Text;
use crate::{Actor, Hash, Ledger, Page, Result, bulk};

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

impl Ledger {
    /// Makes an approved revision the public one, with its files and what the public site keeps of it. Doing so again changes nothing.
    ///
    /// # Errors
    /// [`crate::Error::NotFound`], or [`crate::Error::Conflict`] if the newest revision is not approved or the issue is
    /// withdrawn.
    pub async fn publish_issue(
        &self,
        (key, revision): (&EditionKey, i32),
        (files, site_digest): (Vec<NewRendition>, &str),
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
            (Column::Digest, Expr::value(site_digest)),
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
    /// [`crate::Error::Conflict`] if it is not public, or a revision that was drafted since is not.
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
        let newest = newest(&tx, key).await?;
        if newest.is_some_and(|row| row.revision > revision) && edition.withdrawn_at.is_none() {
            return key.refuse("has a newer revision that is not public: publish it first");
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

    /// The revision of each issue of a series that a comparison reads, as it was at an instant (microseconds
    /// UTC; `i64::MAX` for now): the public one, before that the newest approved one, else the newest draft. A
    /// withdrawn issue is none. Keys are year and number.
    pub async fn baselines(&self, series: &str, at: i64) -> Result<BTreeMap<(i32, i32), i32>> {
        let moves = step::Entity::find()
            .filter(step::Column::Series.eq(series))
            .filter(step::Column::Step.is_in([Text(Step::Publish), Text(Step::Withdraw)]))
            .filter(step::Column::At.lte(at))
            .order_by_asc(step::Column::Id)
            .all(self.reader())
            .await?;
        let mut public: BTreeMap<(i32, i32), Option<i32>> = BTreeMap::new();
        for step in moves {
            let revision = (step.step.0 == Step::Publish).then_some(step.revision);
            public.insert((step.year, step.number), revision);
        }
        let mut chosen: BTreeMap<(i32, i32), (bool, i32)> = BTreeMap::new();
        for head in self.issues(Some(series), Page::ALL).await? {
            if head.created_at <= at {
                let approved = head.approved_at.is_some_and(|approved| approved <= at);
                let best = chosen.entry((head.year, head.number)).or_default();
                *best = (*best).max((approved, head.revision));
            }
        }
        let mut out = BTreeMap::new();
        for (key, (_, newest)) in chosen {
            match public.get(&key) {
                Some(None) => {}
                Some(Some(revision)) => drop(out.insert(key, *revision)),
                None => drop(out.insert(key, newest)),
            }
        }
        Ok(out)
    }

    /// Issues of a series that are public or were taken back, oldest week first.
    pub async fn published(&self, series: &str) -> Result<Vec<Edition>> {
        let editions = Entity::find()
            .filter(Column::Series.eq(series))
            .filter(Column::PublishedRevision.is_not_null())
            .order_by_asc(Column::WeekStart);
        Ok(editions.all(self.reader()).await?)
    }
}
