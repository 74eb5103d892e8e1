//! How far a triage rule is trusted to act without a person: held by default. Two people promote it
//! after enough approvals with few errors, and it demotes itself when errors become many (issue 4.3).

use sea_orm::ActiveValue::Set;
use sea_orm::QueryOrder;
use sea_orm::entity::prelude::*;
use serde_json::json;

use crate::audit::{self, NewAudit};
use crate::{Error, Ledger, Result};

/// Approvals that a rule needs before it may be promoted.
pub const NEEDED: i64 = 200;

mod row {
    use sea_orm::entity::prelude::*;

    /// Whether a rule acts by itself.
    #[derive(
        Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, serde::Serialize,
    )]
    #[sea_orm(rs_type = "String", db_type = "Text")]
    #[serde(rename_all = "lowercase")]
    pub enum RuleMode {
        /// A person looks at each.
        #[sea_orm(string_value = "hold")]
        Hold,
        /// What it opens counts as validated.
        #[sea_orm(string_value = "automatic")]
        Automatic,
    }

    /// How far a rule is trusted.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, serde::Serialize)]
    #[sea_orm(table_name = "rule_trust")]
    pub struct Model {
        /// The rule's name.
        #[sea_orm(primary_key, auto_increment = false)]
        pub rule: String,
        /// Whether it acts by itself.
        pub mode: RuleMode,
        /// Incidents of it that people found true since it was last held.
        pub approved: i64,
        /// Incidents of it that turned out invalid since then.
        pub wrong: i64,
        /// The first person who wants it promoted.
        pub first_vote: Option<String>,
        /// The second.
        pub second_vote: Option<String>,
        /// When this row was last changed, microseconds UTC.
        pub changed_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

use row::{ActiveModel, Column, Entity};

pub use row::{Model as RuleTrust, RuleMode};

impl RuleTrust {
    fn new(rule: &str) -> Self {
        RuleTrust {
            rule: rule.to_owned(),
            mode: RuleMode::Hold,
            approved: 0,
            wrong: 0,
            first_vote: None,
            second_vote: None,
            changed_at: 0,
        }
    }

    /// Share of what people judged that was wrong, in per mille.
    pub fn wrong_per_mille(&self) -> i64 {
        match self.approved + self.wrong {
            0 => 0,
            all => self.wrong * 1000 / all,
        }
    }

    /// Why it may not be promoted yet; `None` if it may: [`NEEDED`] approvals, under 1 % wrong.
    pub fn not_yet(&self) -> Option<String> {
        if self.approved < NEEDED {
            let left = NEEDED - self.approved;
            return Some(format!("{left} more approvals are needed"));
        }
        (self.wrong_per_mille() >= 10).then(|| {
            let share = self.wrong_per_mille() as f64 / 10.0;
            format!("{share:.1} % of what was judged was wrong; it must be under 1 %")
        })
    }
}

async fn load<C: ConnectionTrait>(db: &C, rule: &str) -> Result<(RuleTrust, bool)> {
    let found = Entity::find_by_id(rule).one(db).await?;
    let new = found.is_none();
    Ok((found.unwrap_or_else(|| RuleTrust::new(rule)), new))
}

async fn store<C: ConnectionTrait>(db: &C, (row, new): (RuleTrust, bool)) -> Result<()> {
    let active = ActiveModel {
        rule: Set(row.rule),
        mode: Set(row.mode),
        approved: Set(row.approved),
        wrong: Set(row.wrong),
        first_vote: Set(row.first_vote),
        second_vote: Set(row.second_vote),
        changed_at: Set(row.changed_at),
    };
    match new {
        true => Entity::insert(active)
            .exec_without_returning(db)
            .await
            .map(drop)?,
        false => Entity::update(active).exec(db).await.map(drop)?,
    }
    Ok(())
}

impl Ledger {
    /// Counts a person's judgement of what a rule opened. A rule that acts by itself is held again when
    /// more than 2 % of what was judged was wrong. Audited when the mode changes.
    pub async fn judged_rule(&self, rule: &str, right: bool, now: i64) -> Result<RuleTrust> {
        let tx = self.begin().await?;
        let (mut trust, new) = load(&tx, rule).await?;
        match right {
            true => trust.approved += 1,
            false => trust.wrong += 1,
        }
        trust.changed_at = now;
        if trust.mode == RuleMode::Automatic && trust.wrong * 50 > trust.approved + trust.wrong {
            let detail = json!({ "approved": trust.approved, "wrong": trust.wrong });
            hold(&mut trust);
            let record = NewAudit {
                actor: "system:triage".to_owned(),
                action: "rule.demote".to_owned(),
                object: format!("rule {rule}"),
                detail,
            };
            audit::append(&tx, record, now).await?;
        }
        store(&tx, (trust.clone(), new)).await?;
        tx.commit().await?;
        Ok(trust)
    }

    /// A person's vote that a rule acts by itself; the second person's vote promotes it. Audited.
    ///
    /// # Errors
    /// [`Error::Conflict`] if it is too early, or the same person votes twice.
    pub async fn promote_rule(&self, rule: &str, actor: &str, now: i64) -> Result<RuleTrust> {
        let tx = self.begin().await?;
        let (mut trust, new) = load(&tx, rule).await?;
        let object = format!("rule {rule}");
        if let Some(reason) = trust.not_yet() {
            return Err(Error::conflict(object, reason));
        }
        if trust.mode == RuleMode::Automatic {
            return Err(Error::conflict(object, "is automatic already"));
        }
        match &trust.first_vote {
            Some(first) if first == actor => {
                return Err(Error::conflict(object, "needs the vote of a second person"));
            }
            Some(_) => {
                trust.second_vote = Some(actor.to_owned());
                trust.mode = RuleMode::Automatic;
            }
            None => trust.first_vote = Some(actor.to_owned()),
        }
        trust.changed_at = now;
        let record = NewAudit {
            actor: actor.to_owned(),
            action: "rule.promote".to_owned(),
            object,
            detail: json!({ "mode": trust.mode, "approved": trust.approved, "wrong": trust.wrong }),
        };
        audit::append(&tx, record, now).await?;
        store(&tx, (trust.clone(), new)).await?;
        tx.commit().await?;
        Ok(trust)
    }

    /// A person holds a rule. Audited.
    pub async fn demote_rule(&self, rule: &str, reason: &str, actor: &str, now: i64) -> Result<()> {
        let tx = self.begin().await?;
        let (mut trust, new) = load(&tx, rule).await?;
        hold(&mut trust);
        trust.changed_at = now;
        let record = NewAudit {
            actor: actor.to_owned(),
            action: "rule.demote".to_owned(),
            object: format!("rule {rule}"),
            detail: json!({ "reason": reason }),
        };
        audit::append(&tx, record, now).await?;
        store(&tx, (trust, new)).await?;
        tx.commit().await?;
        Ok(())
    }

    /// How far rules are trusted; rules that nobody judged yet have no row.
    pub async fn rules_trusted(&self) -> Result<Vec<RuleTrust>> {
        let all = Entity::find().order_by_asc(Column::Rule);
        Ok(all.all(self.reader()).await?)
    }
}

fn hold(trust: &mut RuleTrust) {
    trust.mode = RuleMode::Hold;
    trust.approved = 0;
    trust.wrong = 0;
    trust.first_vote = None;
    trust.second_vote = None;
}
