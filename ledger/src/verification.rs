//! Verifications: looks whether something is gone, with what they saw; and evidence, which is a blob
//! with the chain of who took it from where.

use model::ids::{EvidenceId, IncidentId, VerificationId};
use model::tlp::Tlp;
use model::verification::{Client, Finding, ProbeKind};
use sea_orm::ActiveValue::Set;
use sea_orm::QueryOrder;
use sea_orm::entity::prelude::*;
use serde_json::json;

use crate::audit::{self, NewAudit};
use crate::incident::{self, Incident, NewStep, Reach};
use crate::text::{Text, without_nul};
use crate::{Hash, Ledger, Result};

mod row {
    use model::ids::{IncidentId, VerificationId};
    use model::verification::{Client, Finding, ProbeKind};
    use sea_orm::entity::prelude::*;

    use crate::Hash;
    use crate::text::Text;

    /// A look. Never changed once it is stored.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, serde::Serialize)]
    #[sea_orm(table_name = "verification")]
    pub struct Model {
        /// Its id.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Text<VerificationId>,
        /// The incident.
        pub incident_id: Text<IncidentId>,
        /// When, microseconds UTC.
        pub at: i64,
        /// How it was looked at.
        pub probe: Text<ProbeKind>,
        /// As which kind of client.
        pub client: Text<Client>,
        /// From where: `local`, or the name of a remote vantage.
        pub vantage: String,
        /// What it found.
        pub finding: Text<Finding>,
        /// The rule that decided so.
        pub reason: String,
        /// What was seen, JSON text.
        pub detail: String,
        /// The full record (WARC), if one was kept.
        pub evidence: Option<Hash>,
        /// Who looked: a person, or `system:verify`.
        pub actor: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

mod evidence {
    use model::ids::{EvidenceId, IncidentId};
    use model::tlp::Tlp;
    use sea_orm::entity::prelude::*;

    use crate::Hash;
    use crate::text::Text;

    /// A piece of evidence.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, serde::Serialize)]
    #[sea_orm(table_name = "evidence")]
    pub struct Model {
        /// Its id.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Text<EvidenceId>,
        /// The incident.
        pub incident_id: Text<IncidentId>,
        /// Its bytes.
        pub blob: Hash,
        /// What it is called.
        pub name: String,
        /// Its media type.
        pub media_type: String,
        /// Its size.
        pub bytes: i64,
        /// Where it was taken from.
        pub source: String,
        /// How far it may be passed on.
        pub tlp: Text<Tlp>,
        /// When it was taken, microseconds UTC.
        pub at: i64,
        /// Who took it.
        pub actor: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub use evidence::Model as Evidence;
use row::ActiveModel;
pub use row::Model as Verification;
pub(crate) use row::{Column, Entity};

/// A look to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewVerification {
    /// Its id, drawn by the caller.
    pub id: VerificationId,
    /// The incident.
    pub incident: IncidentId,
    /// When, microseconds UTC.
    pub at: i64,
    /// How it was looked at.
    pub probe: ProbeKind,
    /// As which kind of client.
    pub client: Client,
    /// From where.
    pub vantage: String,
    /// What it found.
    pub finding: Finding,
    /// The rule that decided so.
    pub reason: String,
    /// What was seen.
    pub detail: serde_json::Value,
    /// The full record, kept already.
    pub evidence: Option<Hash>,
}

/// Evidence to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEvidence {
    /// Its id, drawn by the caller.
    pub id: EvidenceId,
    /// The incident.
    pub incident: IncidentId,
    /// Its bytes, kept already.
    pub blob: Hash,
    /// What it is called.
    pub name: String,
    /// Its media type.
    pub media_type: String,
    /// Its size.
    pub bytes: u64,
    /// Where it was taken from.
    pub source: String,
    /// How far it may be passed on.
    pub tlp: Tlp,
    /// When it was taken, microseconds UTC.
    pub at: i64,
}

/// Whether evidence has these bytes.
pub(crate) async fn has_blob<C: ConnectionTrait>(db: &C, blob: &Hash) -> Result<bool> {
    let found = evidence::Entity::find()
        .filter(evidence::Column::Blob.eq(*blob))
        .count(db)
        .await?;
    Ok(found > 0)
}

impl Ledger {
    /// Stores a look, and takes the step that all looks together lead to, in one transaction. Audited.
    pub async fn add_verification(
        &self,
        new: NewVerification,
        then: Option<NewStep>,
        actor: &str,
        now: i64,
    ) -> Result<Incident> {
        let tx = self.begin().await?;
        let id = new.incident;
        let mut incident = incident::load(&tx, id, &Reach::All).await?;
        let record = NewAudit {
            actor: actor.to_owned(),
            action: "incident.verify".to_owned(),
            object: incident::object(id),
            detail: json!({ "verification": new.id, "probe": new.probe, "client": new.client,
                "finding": new.finding, "reason": new.reason }),
        };
        let row = ActiveModel {
            id: Set(Text(new.id)),
            incident_id: Set(Text(id)),
            at: Set(new.at),
            probe: Set(Text(new.probe)),
            client: Set(Text(new.client)),
            vantage: Set(new.vantage),
            finding: Set(Text(new.finding)),
            reason: Set(without_nul(&new.reason).into_owned()),
            detail: Set(new.detail.to_string()),
            evidence: Set(new.evidence),
            actor: Set(actor.to_owned()),
        };
        Entity::insert(row).exec_without_returning(&tx).await?;
        audit::append(&tx, record, now).await?;
        if let Some(then) = then {
            incident = incident::step(&tx, id, &Reach::All, &then, actor, now).await?;
        }
        tx.commit().await?;
        Ok(incident)
    }

    /// Looks at an incident, the oldest first.
    pub async fn verifications(&self, of: IncidentId) -> Result<Vec<Verification>> {
        Ok(Entity::find()
            .filter(Column::IncidentId.eq(Text(of)))
            .order_by_asc(Column::At)
            .order_by_asc(Column::Id)
            .all(self.reader())
            .await?)
    }

    /// Stores a piece of evidence. Audited.
    pub async fn add_evidence(&self, new: NewEvidence, actor: &str, now: i64) -> Result<()> {
        let tx = self.begin().await?;
        incident::load(&tx, new.incident, &Reach::All).await?;
        let record = NewAudit {
            actor: actor.to_owned(),
            action: "evidence.add".to_owned(),
            object: incident::object(new.incident),
            detail: json!({ "evidence": new.id, "blob": new.blob, "name": new.name, "source": new.source }),
        };
        let row = evidence::ActiveModel {
            id: Set(Text(new.id)),
            incident_id: Set(Text(new.incident)),
            blob: Set(new.blob),
            name: Set(without_nul(&new.name).into_owned()),
            media_type: Set(without_nul(&new.media_type).into_owned()),
            bytes: Set(i64::try_from(new.bytes).unwrap_or(i64::MAX)),
            source: Set(new.source),
            tlp: Set(Text(new.tlp)),
            at: Set(new.at),
            actor: Set(actor.to_owned()),
        };
        evidence::Entity::insert(row)
            .exec_without_returning(&tx)
            .await?;
        audit::append(&tx, record, now).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Evidence of an incident, the oldest first.
    pub async fn evidence(&self, of: IncidentId) -> Result<Vec<Evidence>> {
        Ok(evidence::Entity::find()
            .filter(evidence::Column::IncidentId.eq(Text(of)))
            .order_by_asc(evidence::Column::At)
            .order_by_asc(evidence::Column::Id)
            .all(self.reader())
            .await?)
    }
}
