//! Flash alerts: short warnings between the issues, with numbers of their own and a fast path of two
//! people. A number is never given twice, a text never changed: what is wrong is withdrawn, with a reason,
//! and alerted about anew.

use sea_orm::entity::prelude::*;
use sea_orm::{QueryOrder, QuerySelect};
use serde_json::json;

use crate::audit::{self, NewAudit};
use crate::text::without_nul;
use crate::{Error, Hash, Ledger, Page, Result};

mod row {
    use sea_orm::entity::prelude::*;

    use crate::Hash;

    /// How far an alert is.
    #[derive(
        Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, serde::Serialize,
    )]
    #[sea_orm(rs_type = "String", db_type = "Text")]
    #[serde(rename_all = "lowercase")]
    pub enum FlashState {
        /// Written.
        #[sea_orm(string_value = "draft")]
        Draft,
        /// Approved by somebody else than its author.
        #[sea_orm(string_value = "approved")]
        Approved,
        /// Out.
        #[sea_orm(string_value = "published")]
        Published,
        /// Taken back, whether or not it was out.
        #[sea_orm(string_value = "withdrawn")]
        Withdrawn,
    }

    /// A flash alert.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, serde::Serialize)]
    #[sea_orm(table_name = "flash")]
    pub struct Model {
        /// Year of its number.
        #[sea_orm(primary_key, auto_increment = false)]
        pub year: i32,
        /// Number within the year, from 1.
        #[sea_orm(primary_key, auto_increment = false)]
        pub number: i32,
        /// How grave: `notice`, `warning` or `critical`.
        pub level: String,
        /// Title, Chinese.
        pub title_zh: String,
        /// Title, English.
        pub title_en: String,
        /// What happens, Chinese; a blank line parts paragraphs.
        pub text_zh: String,
        /// What happens, English.
        pub text_en: String,
        /// Whom it hits, Chinese.
        pub affected_zh: String,
        /// Whom it hits, English.
        pub affected_en: String,
        /// What to do, Chinese, a line each.
        pub advice_zh: String,
        /// What to do, English, a line each.
        pub advice_en: String,
        /// References, an address a line.
        pub links: String,
        /// How far it may be passed on: `TLP:CLEAR`.
        pub tlp: String,
        /// How far it is.
        pub state: FlashState,
        /// Who wrote it.
        pub author: String,
        /// When, microseconds UTC.
        pub created_at: i64,
        /// Hash of its content.
        pub hash: Hash,
        /// Who approved it.
        pub approved_by: Option<String>,
        /// When, microseconds UTC.
        pub approved_at: Option<i64>,
        /// Who put it out.
        pub published_by: Option<String>,
        /// When, microseconds UTC.
        pub published_at: Option<i64>,
        /// Who took it back.
        pub withdrawn_by: Option<String>,
        /// When, microseconds UTC.
        pub withdrawn_at: Option<i64>,
        /// Why.
        pub withdrawn_why: Option<String>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

use row::{ActiveModel, Column, Entity};

pub use row::{FlashState, Model as Flash};

/// How grave an alert may be.
pub const FLASH_LEVELS: [&str; 3] = ["notice", "warning", "critical"];

/// An alert to be stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewFlash {
    /// The year it counts in.
    pub year: i32,
    /// One of [`FLASH_LEVELS`].
    pub level: String,
    /// Title in Chinese and English.
    pub title: (String, String),
    /// What happens.
    pub text: (String, String),
    /// Whom it hits.
    pub affected: (String, String),
    /// What to do, a line each.
    pub advice: (String, String),
    /// References: addresses that begin with `https://`.
    pub links: Vec<String>,
    /// How far it may be passed on.
    pub tlp: String,
    /// Who writes it.
    pub author: String,
}

impl Flash {
    /// The hash that its content gives; differs from `hash` if someone changed the row.
    pub fn digest(&self) -> Hash {
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"watchfire flash 1\0");
        for number in [self.year, self.number] {
            hasher.update(&i64::from(number).to_le_bytes());
        }
        for text in [
            &self.level,
            &self.title_zh,
            &self.title_en,
            &self.text_zh,
            &self.text_en,
            &self.affected_zh,
            &self.affected_en,
            &self.advice_zh,
            &self.advice_en,
            &self.links,
            &self.tlp,
        ] {
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        }
        hasher.finalize().into()
    }

    /// As people call it: `flash 2026-3`.
    pub fn label(&self) -> String {
        format!("flash {}-{}", self.year, self.number)
    }
}

impl Ledger {
    /// Stores an alert under the next number of its year. Audited.
    ///
    /// # Errors
    /// [`Error::Conflict`] if the level is none, a title or text is empty in a language, or a reference
    /// is no address.
    pub async fn draft_flash(&self, new: NewFlash, now: i64) -> Result<Flash> {
        let refuse = |reason: String| Err(Error::conflict("flash alert", reason));
        if !FLASH_LEVELS.contains(&new.level.as_str()) {
            let known = FLASH_LEVELS.join(", ");
            return refuse(format!("level {} is none of {known}", new.level));
        }
        for (what, pair) in [("title", &new.title), ("text", &new.text)] {
            if pair.0.trim().is_empty() || pair.1.trim().is_empty() {
                return refuse(format!("its {what} is needed in Chinese and in English"));
            }
        }
        if let Some(bad) = new.links.iter().find(|link| !link.starts_with("https://")) {
            return refuse(format!("reference {bad} does not begin with https://"));
        }
        let tx = self.begin().await?;
        let last: Option<i32> = Entity::find()
            .select_only()
            .column(Column::Number)
            .filter(Column::Year.eq(new.year))
            .order_by_desc(Column::Number)
            .into_tuple()
            .one(&tx)
            .await?;
        let own = |text: String| without_nul(&text).trim().to_owned();
        let mut row = Flash {
            year: new.year,
            number: last.unwrap_or(0) + 1,
            level: new.level,
            title_zh: own(new.title.0),
            title_en: own(new.title.1),
            text_zh: own(new.text.0),
            text_en: own(new.text.1),
            affected_zh: own(new.affected.0),
            affected_en: own(new.affected.1),
            advice_zh: own(new.advice.0),
            advice_en: own(new.advice.1),
            links: own(new.links.join("\n")),
            tlp: new.tlp,
            state: FlashState::Draft,
            author: new.author,
            created_at: now,
            hash: Hash::of(b""),
            approved_by: None,
            approved_at: None,
            published_by: None,
            published_at: None,
            withdrawn_by: None,
            withdrawn_at: None,
            withdrawn_why: None,
        };
        row.hash = row.digest();
        let insert: ActiveModel = row.clone().into();
        Entity::insert(insert.reset_all())
            .exec_without_returning(&tx)
            .await?;
        let detail = json!({ "hash": row.hash, "level": row.level });
        told(&tx, &row, "flash.draft", &row.author, detail, now).await?;
        tx.commit().await?;
        Ok(row)
    }

    /// Approves a draft: by the first of the names, in the place of the others. Audited.
    ///
    /// # Errors
    /// [`Error::NotFound`], or [`Error::Conflict`] if it is no draft, the approver is its author, or its
    /// content was tampered with.
    pub async fn approve_flash(&self, key: (i32, i32), names: &[&str], now: i64) -> Result<Flash> {
        let by = names.first().copied().unwrap_or_default();
        self.move_flash(key, "flash.approve", by, now, |row| {
            if row.state != FlashState::Draft {
                return Err("is no draft");
            }
            if names.contains(&row.author.as_str()) {
                return Err("its author cannot approve it");
            }
            row.state = FlashState::Approved;
            row.approved_by = Some(by.to_owned());
            row.approved_at = Some(now);
            Ok(())
        })
        .await
    }

    /// Marks an approved alert as published. Audited.
    ///
    /// # Errors
    /// [`Error::NotFound`], or [`Error::Conflict`] if it is not approved or was tampered with.
    pub async fn publish_flash(&self, key: (i32, i32), by: &str, now: i64) -> Result<Flash> {
        self.move_flash(key, "flash.publish", by, now, |row| {
            if row.state != FlashState::Approved {
                return Err("is not approved, or is out already");
            }
            row.state = FlashState::Published;
            row.published_by = Some(by.to_owned());
            row.published_at = Some(now);
            Ok(())
        })
        .await
    }

    /// Takes an alert back, whatever its state. Its number stays used. Audited.
    ///
    /// # Errors
    /// [`Error::NotFound`], or [`Error::Conflict`] if it was withdrawn before or no reason is given.
    pub async fn withdraw_flash(
        &self,
        key: (i32, i32),
        why: &str,
        by: &str,
        now: i64,
    ) -> Result<Flash> {
        self.move_flash(key, "flash.withdraw", by, now, |row| {
            if row.state == FlashState::Withdrawn {
                return Err("was withdrawn before");
            }
            if why.trim().is_empty() {
                return Err("is withdrawn only for a reason");
            }
            row.state = FlashState::Withdrawn;
            row.withdrawn_by = Some(by.to_owned());
            row.withdrawn_at = Some(now);
            row.withdrawn_why = Some(why.trim().to_owned());
            Ok(())
        })
        .await
    }

    async fn move_flash(
        &self,
        (year, number): (i32, i32),
        action: &str,
        by: &str,
        now: i64,
        step: impl FnOnce(&mut Flash) -> std::result::Result<(), &'static str> + Send,
    ) -> Result<Flash> {
        let tx = self.begin().await?;
        let found = Entity::find_by_id((year, number)).one(&tx).await?;
        let label = format!("{year}-{number}");
        let mut row = found.ok_or_else(|| Error::not_found("flash", label))?;
        let refuse = |row: &Flash, reason: &str| Error::conflict(row.label(), reason.to_owned());
        if row.digest() != row.hash {
            return Err(refuse(&row, "its content was changed after it was written"));
        }
        let mut after = row.clone();
        step(&mut after).map_err(|reason| refuse(&row, reason))?;
        row = after;
        let changed: ActiveModel = row.clone().into();
        Entity::update(changed.reset_all()).exec(&tx).await?;
        let detail = json!({ "state": row.state, "hash": row.hash, "why": row.withdrawn_why });
        told(&tx, &row, action, by, detail, now).await?;
        tx.commit().await?;
        Ok(row)
    }

    /// One alert.
    ///
    /// # Errors
    /// The ledger fails.
    pub async fn flash(&self, year: i32, number: i32) -> Result<Option<Flash>> {
        let select = Entity::find_by_id((year, number));
        Ok(select.one(self.reader()).await?)
    }

    /// Alerts, newest first.
    ///
    /// # Errors
    /// The ledger fails.
    pub async fn flashes(&self, page: Page) -> Result<Vec<Flash>> {
        let select = Entity::find()
            .order_by_desc(Column::Year)
            .order_by_desc(Column::Number)
            .offset(page.offset)
            .limit(page.limit);
        Ok(select.all(self.reader()).await?)
    }
}

async fn told<C: ConnectionTrait>(
    db: &C,
    row: &Flash,
    action: &str,
    actor: &str,
    detail: serde_json::Value,
    now: i64,
) -> Result<()> {
    let record = NewAudit {
        actor: actor.to_owned(),
        action: action.to_owned(),
        object: row.label(),
        detail,
    };
    audit::append(db, record, now).await
}
