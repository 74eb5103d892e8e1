//! Alarms: what must leave the browser, who was told by which way, and who took it up.
//!
//! A topic rings once: while an alarm about it lives, the same finding only keeps it alive. It ends when the finding
//! is gone, and is taken up by a person; one that nobody takes up climbs.

use model::duty::{AlarmRule, AlarmSeverity, AlarmWay};
use model::newsroom::Right;
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{Condition, QueryOrder, QuerySelect};
use serde_json::json;

use crate::account::Actor;
use crate::audit::{self, NewAudit};
use crate::text::{Text, without_nul};
use crate::{Error, Hash, Ledger, Page, Result};

mod row {
    use model::duty::{AlarmRule, AlarmSeverity};
    use sea_orm::entity::prelude::*;

    use crate::text::Text;

    /// An alarm.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, serde::Serialize)]
    #[sea_orm(table_name = "alarm")]
    pub struct Model {
        /// Number given by the ledger.
        #[sea_orm(primary_key)]
        pub id: i64,
        /// The rule that raised it.
        pub rule: Text<AlarmRule>,
        /// What it is about, as a key.
        pub topic: String,
        /// The topic while the alarm lives: makes it unique so long.
        #[serde(skip)]
        pub live_topic: Option<String>,
        /// How grave it is.
        pub severity: Text<AlarmSeverity>,
        /// What happened, Chinese.
        pub what_zh: String,
        /// What happened, English.
        pub what_en: String,
        /// The page to look at.
        pub href: String,
        /// When it was raised, microseconds UTC.
        pub raised_at: i64,
        /// When it was last found so.
        pub seen_at: i64,
        /// When somebody was first told.
        pub told_at: Option<i64>,
        /// When it climbed to the lead.
        pub climbed_at: Option<i64>,
        /// Who took it up.
        pub acknowledged_by: Option<String>,
        /// When.
        pub acknowledged_at: Option<i64>,
        /// What they said.
        pub remark: Option<String>,
        /// When it was over.
        pub ended_at: Option<i64>,
        /// Hash of the link that shows it without signing in.
        #[serde(skip)]
        pub link: String,
        /// Until when the link shows it.
        pub link_until: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

mod telling {
    use model::duty::AlarmWay;
    use sea_orm::entity::prelude::*;

    use crate::text::Text;

    /// How a telling stands.
    #[derive(
        Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, serde::Serialize,
    )]
    #[sea_orm(rs_type = "String", db_type = "Text")]
    #[serde(rename_all = "lowercase")]
    pub enum TellingState {
        /// Waits for its time.
        #[sea_orm(string_value = "waiting")]
        Waiting,
        /// Out.
        #[sea_orm(string_value = "sent")]
        Sent,
        /// Given up.
        #[sea_orm(string_value = "failed")]
        Failed,
    }

    /// Somebody to be told of an alarm by a way.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, serde::Serialize)]
    #[sea_orm(table_name = "alarm_telling")]
    pub struct Model {
        /// Number given by the ledger.
        #[sea_orm(primary_key)]
        pub id: i64,
        /// The alarm.
        pub alarm_id: i64,
        /// By which way.
        pub way: Text<AlarmWay>,
        /// Address, number or URL.
        pub target: String,
        /// Whether it is told because nobody took it up.
        pub climbed: bool,
        /// How it stands.
        pub state: TellingState,
        /// How often it was tried.
        pub attempts: i32,
        /// What the other side said.
        pub reply: String,
        /// When it was asked for, microseconds UTC.
        pub created_at: i64,
        /// Not before this.
        pub next_at: i64,
        /// When it went out.
        pub sent_at: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

use row::{ActiveModel, Column, Entity};

pub use row::Model as Alarm;
pub use telling::{Model as Telling, TellingState};

/// What a rule found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The rule.
    pub rule: AlarmRule,
    /// What it is about, as a key: the same topic rings once.
    pub topic: String,
    /// How grave it is.
    pub severity: AlarmSeverity,
    /// What happened, Chinese and English.
    pub what: (String, String),
    /// The page to look at.
    pub href: String,
}

/// Somebody to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTelling {
    /// By which way.
    pub way: AlarmWay,
    /// Address, number or URL.
    pub target: String,
}

/// Topics of alarms that an exercise raised begin so; it ends them itself.
pub const DRILL: &str = "drill ";

/// Actor of what the rules do.
const ACTOR: &str = "system:alarms";

impl Ledger {
    /// Raises an alarm about a finding, or keeps the living one about its topic alive; `Some` if it is new. A topic
    /// that turns graver raises its alarm's severity and rings anew. `link` is the hash of its link's text.
    pub async fn raise_alarm(
        &self,
        finding: &Finding,
        (link, link_until): (Hash, i64),
        now: i64,
    ) -> Result<Option<Alarm>> {
        let tx = self.begin().await?;
        let row = ActiveModel {
            id: NotSet,
            rule: Set(Text(finding.rule)),
            topic: Set(finding.topic.clone()),
            live_topic: Set(Some(finding.topic.clone())),
            severity: Set(Text(finding.severity)),
            what_zh: Set(without_nul(&finding.what.0).into_owned()),
            what_en: Set(without_nul(&finding.what.1).into_owned()),
            href: Set(finding.href.clone()),
            raised_at: Set(now),
            seen_at: Set(now),
            told_at: Set(None),
            climbed_at: Set(None),
            acknowledged_by: Set(None),
            acknowledged_at: Set(None),
            remark: Set(None),
            ended_at: Set(None),
            link: Set(link.to_string()),
            link_until: Set(link_until),
        };
        let inserted = Entity::insert(row)
            .on_conflict(
                OnConflict::column(Column::LiveTopic)
                    .do_nothing()
                    .to_owned(),
            )
            .exec_without_returning(&tx)
            .await?;
        let live = Entity::find()
            .filter(Column::LiveTopic.eq(finding.topic.as_str()))
            .one(&tx)
            .await?;
        let Some(live) = live else {
            return Ok(None);
        };
        if inserted == 0 {
            Entity::update_many()
                .col_expr(Column::SeenAt, Expr::value(now))
                .filter(Column::Id.eq(live.id))
                .exec(&tx)
                .await?;
            tx.commit().await?;
            return Ok(None);
        }
        let record = NewAudit {
            actor: ACTOR.to_owned(),
            action: "alarm.raise".to_owned(),
            object: format!("alarm {}", live.id),
            detail: json!({ "rule": live.rule, "topic": live.topic, "severity": live.severity }),
        };
        audit::append(&tx, record, now).await?;
        tx.commit().await?;
        Ok(Some(live))
    }

    /// Ends the living alarms of a rule whose topics were not found any more; which.
    pub async fn end_alarms(
        &self,
        rule: AlarmRule,
        found: &[String],
        now: i64,
    ) -> Result<Vec<Alarm>> {
        let live = Entity::find()
            .filter(Column::Rule.eq(Text(rule)))
            .filter(Column::LiveTopic.is_not_null())
            .all(self.reader())
            .await?;
        let over: Vec<Alarm> = live
            .into_iter()
            .filter(|alarm| !found.contains(&alarm.topic) && !alarm.topic.starts_with(DRILL))
            .collect();
        if over.is_empty() {
            return Ok(over);
        }
        let tx = self.begin().await?;
        for alarm in &over {
            Entity::update_many()
                .col_expr(Column::EndedAt, Expr::value(now))
                .col_expr(Column::LiveTopic, Expr::value(None::<String>))
                .filter(Column::Id.eq(alarm.id))
                .exec(&tx)
                .await?;
            let record = NewAudit {
                actor: ACTOR.to_owned(),
                action: "alarm.end".to_owned(),
                object: format!("alarm {}", alarm.id),
                detail: json!({ "rule": alarm.rule, "topic": alarm.topic }),
            };
            audit::append(&tx, record, now).await?;
        }
        tx.commit().await?;
        Ok(over)
    }

    /// Ends the living alarm about a topic, if there is one.
    pub async fn end_topic(&self, topic: &str, now: i64) -> Result<()> {
        Entity::update_many()
            .col_expr(Column::EndedAt, Expr::value(now))
            .col_expr(Column::LiveTopic, Expr::value(None::<String>))
            .filter(Column::LiveTopic.eq(topic))
            .exec(self.writer()?)
            .await?;
        Ok(())
    }

    /// Takes an alarm up: it climbs no more.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] if somebody did so before.
    pub async fn acknowledge_alarm(
        &self,
        by: &Actor,
        id: i64,
        remark: &str,
        now: i64,
    ) -> Result<Alarm> {
        by.must(Right::Work)?;
        let remark = without_nul(remark).trim().to_owned();
        let tx = self.begin().await?;
        let found = Entity::find_by_id(id).one(&tx).await?;
        let mut row = found.ok_or_else(|| Error::not_found("alarm", id.to_string()))?;
        if let Some(before) = &row.acknowledged_by {
            let reason = format!("was taken up by {before}");
            return Err(Error::conflict(format!("alarm {id}"), reason));
        }
        row.acknowledged_by = Some(by.login().to_owned());
        row.acknowledged_at = Some(now);
        row.remark = (!remark.is_empty()).then_some(remark);
        if row.rule.0 == AlarmRule::Trial {
            // A trial is over when it was heard.
            row.ended_at = Some(now);
            row.live_topic = None;
        }
        Entity::update(ActiveModel::from(row.clone()).reset_all())
            .exec(&tx)
            .await?;
        let record = NewAudit {
            actor: by.login().to_owned(),
            action: "alarm.acknowledge".to_owned(),
            object: format!("alarm {id}"),
            detail: json!({ "remark": row.remark }),
        };
        audit::append(&tx, record, now).await?;
        tx.commit().await?;
        Ok(row)
    }

    /// Alarms that nobody took up and that are not over, which were told of before an instant and have not climbed.
    pub async fn alarms_to_climb(&self, told_before: i64) -> Result<Vec<Alarm>> {
        let found = Entity::find()
            .filter(Column::AcknowledgedAt.is_null())
            .filter(Column::EndedAt.is_null())
            .filter(Column::ClimbedAt.is_null())
            .filter(Column::ToldAt.lte(told_before))
            .order_by_asc(Column::Id);
        Ok(found.all(self.reader()).await?)
    }

    /// Has people told of an alarm, from an instant on; `climbed`: because nobody took it up.
    pub async fn tell_alarm(
        &self,
        id: i64,
        (all, climbed): (&[NewTelling], bool),
        from: i64,
        now: i64,
    ) -> Result<()> {
        let tx = self.begin().await?;
        for new in all {
            let row = telling::ActiveModel {
                id: NotSet,
                alarm_id: Set(id),
                way: Set(Text(new.way)),
                target: Set(new.target.clone()),
                climbed: Set(climbed),
                state: Set(TellingState::Waiting),
                attempts: Set(0),
                reply: Set(String::new()),
                created_at: Set(now),
                next_at: Set(from),
                sent_at: Set(None),
            };
            telling::Entity::insert(row).exec(&tx).await?;
        }
        let column = match climbed {
            true => Column::ClimbedAt,
            false => Column::ToldAt,
        };
        Entity::update_many()
            .col_expr(column, Expr::value(from))
            .filter(Column::Id.eq(id))
            .exec(&tx)
            .await?;
        if climbed {
            let record = NewAudit {
                actor: ACTOR.to_owned(),
                action: "alarm.climb".to_owned(),
                object: format!("alarm {id}"),
                detail: json!({ "told": all.len() }),
            };
            audit::append(&tx, record, now).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// Tellings that are due.
    pub async fn tellings_due(&self, now: i64) -> Result<Vec<Telling>> {
        let found = telling::Entity::find()
            .filter(telling::Column::State.eq(TellingState::Waiting))
            .filter(telling::Column::NextAt.lte(now))
            .order_by_asc(telling::Column::Id)
            .limit(100);
        Ok(found.all(self.reader()).await?)
    }

    /// Notes what came of a try; where it waits, it is tried again at `next`.
    pub async fn telling_tried(
        &self,
        id: i64,
        (state, reply): (TellingState, &str),
        next: i64,
        now: i64,
    ) -> Result<()> {
        let reply: String = without_nul(reply).chars().take(500).collect();
        let sent = (state == TellingState::Sent).then_some(now);
        telling::Entity::update_many()
            .col_expr(telling::Column::State, Expr::value(state))
            .col_expr(telling::Column::Reply, Expr::value(reply))
            .col_expr(telling::Column::NextAt, Expr::value(next))
            .col_expr(telling::Column::SentAt, Expr::value(sent))
            .col_expr(
                telling::Column::Attempts,
                Expr::col(telling::Column::Attempts).add(1),
            )
            .filter(telling::Column::Id.eq(id))
            .exec(self.writer()?)
            .await?;
        Ok(())
    }

    /// Who was told of an alarm, in the order of asking.
    pub async fn tellings(&self, alarm: i64) -> Result<Vec<Telling>> {
        let found = telling::Entity::find()
            .filter(telling::Column::AlarmId.eq(alarm))
            .order_by_asc(telling::Column::Id);
        Ok(found.all(self.reader()).await?)
    }

    /// An alarm.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn alarm(&self, id: i64) -> Result<Alarm> {
        let found = Entity::find_by_id(id).one(self.reader()).await?;
        found.ok_or_else(|| Error::not_found("alarm", id.to_string()))
    }

    /// The alarm that a link shows, while it does.
    pub async fn alarm_by_link(&self, link: Hash, now: i64) -> Result<Option<Alarm>> {
        let found = Entity::find()
            .filter(Column::Link.eq(link.to_string()))
            .filter(Column::LinkUntil.gt(now));
        Ok(found.one(self.reader()).await?)
    }

    /// Alarms that are not over or that nobody took up, the newest first.
    pub async fn alarms_open(&self) -> Result<Vec<Alarm>> {
        let open = Condition::any()
            .add(Column::EndedAt.is_null())
            .add(Column::AcknowledgedAt.is_null());
        let found = Entity::find()
            .filter(open)
            .order_by_desc(Column::Id)
            .limit(500);
        Ok(found.all(self.reader()).await?)
    }

    /// Alarms, the newest first; before the one of this number, where one is given.
    pub async fn alarms(&self, before: Option<i64>, page: Page) -> Result<Vec<Alarm>> {
        let mut select = Entity::find()
            .order_by_desc(Column::Id)
            .offset(page.offset)
            .limit(page.limit);
        if let Some(before) = before {
            select = select.filter(Column::Id.lt(before));
        }
        Ok(select.all(self.reader()).await?)
    }
}
