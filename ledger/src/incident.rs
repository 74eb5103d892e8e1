//! Incidents: what is opened, worked and closed, and what joined each.
//!
//! An incident changes state through [`Ledger::step`] alone, which asks the model whether the step is
//! allowed, stamps the instant it stands for, and writes the audit row in the same transaction. It is
//! loaded by id *and* reach: who may work one province's incidents cannot name another's.
//!
//! While an incident is live its rule and key are unique ([`Incident::live_key`]), so that events of the same matter
//! join it, however many processes look at the lake.

use model::ids::{CampaignId, IncidentId};
use model::incident::{CaseKind, IncidentState, Resolution, Severity, Step};
use model::territory::Territory;
use model::tlp::Tlp;
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{Condition, QueryOrder, QuerySelect, QueryTrait};
use serde_json::json;

use crate::audit::{self, NewAudit};
use crate::directive::{self, DirectiveState};
use crate::retention::matter;
use crate::text::{Text, without_nul};
use crate::{Error, Hash, Ledger, Page, Result, complaint};

mod row {
    use model::ids::{CampaignId, IncidentId, OrganizationId};
    use model::incident::{CaseKind, IncidentState, Resolution, Severity};
    use model::tlp::Tlp;
    use sea_orm::entity::prelude::*;

    use crate::text::Text;

    /// An incident. Instants are microseconds UTC.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, serde::Serialize)]
    #[sea_orm(table_name = "incident")]
    pub struct Model {
        /// Its id.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Text<IncidentId>,
        /// Its number, for people.
        pub number: i64,
        /// What it is about.
        pub kind: Text<CaseKind>,
        /// How far it is.
        pub state: Text<IncidentState>,
        /// Its weight.
        pub severity: Text<Severity>,
        /// The rule that opened it.
        pub rule: String,
        /// What the rule joins by, as text.
        pub key: String,
        /// Rule and key while it is live: makes it unique so long.
        #[serde(skip)]
        pub live_key: Option<String>,
        /// What it is about, in one line.
        pub what: String,
        /// The address of the page or file.
        pub url: Option<String>,
        /// The host name.
        pub host: Option<String>,
        /// The internet address.
        pub ip: Option<String>,
        /// The autonomous system.
        pub asn: Option<i64>,
        /// Malware family, app or vulnerability.
        pub name: Option<String>,
        /// The brand that is imitated.
        pub brand: Option<String>,
        /// Country of the resource, two letters.
        pub country: Option<String>,
        /// Province of the resource, GB/T 2260.
        pub province: Option<String>,
        /// `inside`, `outside` or `unknown`.
        pub territory: String,
        /// Why it crosses the border: labels separated by blanks, empty if it does not.
        pub border: String,
        /// What a person should know before anything goes out: `warned` (a warning list names it),
        /// `government`, `education`, `bank` (whose site it is); separated by blanks.
        pub flags: String,
        /// The organization that works it; `None`: the centre.
        pub owner: Option<String>,
        /// How far it may be passed on.
        pub tlp: Text<Tlp>,
        /// Whose information it is; `None`: this house's.
        pub originator: Option<Text<OrganizationId>>,
        /// Until when it is under embargo: nobody but named recipients gets it before.
        pub embargo_until: Option<i64>,
        /// Where it came from: `triage`, `complaint`, `import`, or a partner.
        pub origin: String,
        /// The number it has elsewhere.
        pub external_number: Option<String>,
        /// The campaign it belongs to.
        pub campaign_id: Option<Text<CampaignId>>,
        /// The incident it became part of.
        pub merged_into: Option<Text<IncidentId>>,
        /// Whether another house, or another incident, counts its matter: then no figure does here. Follows
        /// [`Ledger::link_same`](crate::Ledger::link_same).
        pub counts_elsewhere: bool,
        /// How it ended.
        pub resolution: Option<Text<Resolution>>,
        /// On what that rests.
        pub basis: Option<String>,
        /// Who found it true: a person, or `rule:NAME`.
        pub validated_by: Option<String>,
        /// Its grades by the schemes in force, JSON text.
        pub grade: Option<String>,
        /// Whether a legal hold covers it: nothing of it may be deleted. Follows the holds in force.
        pub legal_hold: bool,
        /// Events that joined it.
        pub events: i64,
        /// Complaints that joined it.
        pub complaints: i64,
        /// When it was opened.
        pub opened_at: i64,
        /// When it was first observed.
        pub first_seen_at: i64,
        /// When it was last observed.
        pub last_seen_at: i64,
        /// When it was found true.
        pub validated_at: Option<i64>,
        /// When the first notice went out.
        pub noticed_at: Option<i64>,
        /// When a party first said it has it.
        pub acknowledged_at: Option<i64>,
        /// When a party first said it acted.
        pub acted_at: Option<i64>,
        /// When a look last found it up.
        pub last_up_at: Option<i64>,
        /// When a look first found it gone, of the looks that led to the verdict.
        pub gone_at: Option<i64>,
        /// When it ended.
        pub closed_at: Option<i64>,
        /// When it first counted as handled: asked, and with an outcome. Set once, ever.
        pub counted_at: Option<i64>,
        /// When this row was last changed.
        pub changed_at: i64,
        /// Raised by every change.
        pub version: i32,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub(crate) mod joined {
    use model::ids::IncidentId;
    use sea_orm::entity::prelude::*;

    use crate::text::Text;

    /// An event that joined an incident.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, serde::Serialize)]
    #[sea_orm(table_name = "incident_event")]
    pub struct Model {
        /// The incident.
        #[sea_orm(primary_key, auto_increment = false)]
        pub incident_id: Text<IncidentId>,
        /// The event's identity, 16 bytes.
        #[sea_orm(primary_key, auto_increment = false)]
        pub event_id: Vec<u8>,
        /// The UTC day the event lies in, days since 1970-01-01.
        pub day: i32,
        /// The rule that joined it.
        pub rule: String,
        /// When it joined, microseconds UTC.
        pub joined_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub(crate) mod note {
    use model::ids::IncidentId;
    use sea_orm::entity::prelude::*;

    use crate::text::Text;

    /// What somebody wrote about an incident.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, serde::Serialize)]
    #[sea_orm(table_name = "incident_note")]
    pub struct Model {
        /// Number given by the ledger.
        #[sea_orm(primary_key)]
        pub id: i64,
        /// The incident.
        pub incident_id: Text<IncidentId>,
        /// When, microseconds UTC.
        pub at: i64,
        /// Who.
        pub actor: String,
        /// What.
        pub body: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub(crate) use row::{ActiveModel, Column, Entity};

pub use joined::Model as IncidentEvent;
pub use note::Model as IncidentNote;
pub use row::Model as Incident;

mod beside;
mod counted;
mod handing;
mod listing;
mod marking;
mod moving;
mod opening;
mod query;
mod rewinding;
mod same;
mod search;
mod splitting;
mod wording;

pub use beside::Beside;
pub use counted::{CampaignCount, IncidentCount, Period};
pub(crate) use handing::{numbered, write_note};
pub use listing::{IncidentFilter, IncidentSort};
pub use marking::{Marked, NewMarking};
pub(crate) use marking::{marking_of, merge_party, withheld};
pub use moving::{MovedIncident, Unmoved};
pub(crate) use opening::open;
pub use opening::{Join, NewIncident, Triage, Triaged};
pub use query::{BadQuery, Key, Query, Term};
pub use same::{SameMatter, Seen};
pub use search::{Bounded, COUNTED, Cursor, Found, Moment, Order, Search};
pub use splitting::Split;
pub(crate) use wording::index_words;

/// Whose incidents a caller may load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Everybody's: the centre.
    All,
    /// Those that this organization works.
    Owner(String),
}

impl Reach {
    pub(crate) fn condition(&self) -> Condition {
        match self {
            Reach::All => Condition::all(),
            Reach::Owner(owner) => Condition::all().add(Column::Owner.eq(owner.as_str())),
        }
    }
}

/// Bytes of a key at most: an index entry of PostgreSQL holds 2,704.
const LONGEST_KEY: usize = 1_000;

/// The name of an incident in the audit trail.
pub(crate) fn object(id: IncidentId) -> String {
    format!("incident {id}")
}

impl Incident {
    /// Its id.
    pub fn incident_id(&self) -> IncidentId {
        self.id.0
    }

    /// Whether it bears a flag.
    pub fn has_flag(&self, flag: &str) -> bool {
        self.flags.split(' ').any(|own| own == flag)
    }

    /// A key as it is stored and compared: without NUL, which PostgreSQL keeps in no text, and no longer
    /// than its indexes take; what is longer ends with its hash.
    pub fn key_text(key: &str) -> String {
        let key = without_nul(key);
        if key.len() <= LONGEST_KEY {
            return key.into_owned();
        }
        let hash = Hash::of(key.as_bytes()).to_string();
        let mut end = LONGEST_KEY - hash.len() - 1;
        while !key.is_char_boundary(end) {
            end -= 1;
        }
        format!("{}~{hash}", &key[..end])
    }

    /// The text that is unique while an incident of this rule and key is live.
    pub fn live_key(rule: &str, key: &str) -> String {
        format!("{rule}/{}", Incident::key_text(key))
    }
}

/// A step to be taken, and what is known of it.
#[derive(Clone, Debug)]
pub struct NewStep {
    /// The step.
    pub step: Step,
    /// On what it rests: the evidence in words, or the rule's name.
    pub basis: String,
    /// When it happened, microseconds UTC; not after now.
    pub at: i64,
    /// For a verdict of gone: when it was last seen up, microseconds UTC.
    pub last_up_at: Option<i64>,
    /// The version that whoever takes the step had read; `None`: whatever it is.
    pub version: Option<i32>,
}

impl NewStep {
    /// A step that happened at `at` for the reason given.
    pub fn new(step: Step, basis: impl Into<String>, at: i64) -> Self {
        NewStep {
            step,
            basis: basis.into(),
            at,
            last_up_at: None,
            version: None,
        }
    }

    /// Only if the incident is still as it was read.
    pub fn of_version(mut self, version: Option<i32>) -> Self {
        self.version = version;
        self
    }
}

/// Takes a step inside a transaction: state, instants, audit.
pub(crate) async fn step<C: ConnectionTrait>(
    db: &C,
    id: IncidentId,
    reach: &Reach,
    new: &NewStep,
    actor: &str,
    now: i64,
) -> Result<Incident> {
    let mut incident = load(db, id, reach).await?;
    unchanged(&incident, new.version)?;
    let before = incident.state.0;
    let after = before
        .after(new.step)
        .map_err(|refused| Error::conflict(object(id), refused.to_string()))?;
    if after == before && !matches!(new.step, Step::FindGone | Step::FindBack) {
        return Ok(incident);
    }
    let version = incident.version;
    stamp(&mut incident, before, after, new, actor);
    incident.changed_at = now;
    incident.version += 1;
    if before == IncidentState::Closed {
        free(db, &incident).await?;
    }
    let done = Entity::update_many()
        .set(changed(&incident))
        .filter(Column::Id.eq(Text(id)))
        .filter(Column::Version.eq(version))
        .exec(db)
        .await?;
    if done.rows_affected == 0 {
        return Err(Error::Changed { object: object(id) });
    }
    if after == IncidentState::Closed {
        Entity::update_many()
            .col_expr(Column::LiveKey, Expr::value(None::<String>))
            .filter(Column::MergedInto.eq(Text(id)))
            .exec(db)
            .await?;
    }
    if before == IncidentState::Closed {
        take_keys_again(db, id).await?;
    }
    end_directives(db, id, (before, after)).await?;
    let record = NewAudit {
        actor: actor.to_owned(),
        action: "incident.step".to_owned(),
        object: object(id),
        detail: json!({ "step": new.step, "from": before, "to": after, "at": new.at, "basis": new.basis }),
    };
    audit::append(db, record, now).await?;
    Ok(incident)
}

/// Refuses to change what is no longer as it was read.
pub(crate) fn unchanged(incident: &Incident, version: Option<i32>) -> Result<()> {
    match version.is_none_or(|version| version == incident.version) {
        true => Ok(()),
        false => Err(Error::Changed {
            object: object(incident.id.0),
        }),
    }
}

/// Refuses an incident that would be live beside another of its rule and key.
async fn free<C: ConnectionTrait>(db: &C, back: &Incident) -> Result<()> {
    let Some(key) = &back.live_key else {
        return Ok(());
    };
    let other = Entity::find()
        .filter(Column::LiveKey.eq(key.as_str()))
        .filter(Column::Id.ne(back.id))
        .one(db)
        .await?;
    match other {
        None => Ok(()),
        Some(other) => Err(Error::conflict(
            object(back.id.0),
            format!(
                "#{} is live for the same matter by now: work on that one, or close it first",
                other.number
            ),
        )),
    }
}

/// What became part of an incident that is back is found under it again, unless its matter is another's
/// by now.
async fn take_keys_again<C: ConnectionTrait>(db: &C, whole: IncidentId) -> Result<()> {
    let parts = Entity::find()
        .filter(Column::MergedInto.eq(Text(whole)))
        .filter(Column::LiveKey.is_null())
        .all(db)
        .await?;
    for part in parts {
        let key = Incident::live_key(&part.rule, &part.key);
        let taken = Entity::find()
            .filter(Column::LiveKey.eq(key.as_str()))
            .one(db)
            .await?;
        if taken.is_none() {
            Entity::update_many()
                .col_expr(Column::LiveKey, Expr::value(key))
                .filter(Column::Id.eq(part.id))
                .exec(db)
                .await?;
        }
    }
    Ok(())
}

/// What was decided about an incident ends with it; one that is back is decided about anew.
async fn end_directives<C: ConnectionTrait>(
    db: &C,
    id: IncidentId,
    (before, after): (IncidentState, IncidentState),
) -> Result<()> {
    if before.is_live() == after.is_live() {
        return Ok(());
    }
    let mut ending = directive::Entity::update_many()
        .col_expr(directive::Column::State, Expr::value("over"))
        .filter(directive::Column::IncidentId.eq(Text(id)));
    if !after.is_live() {
        // What a party said that it did, or would not do, stays to be read.
        ending = ending.filter(
            directive::Column::State.is_not_in([DirectiveState::Acted, DirectiveState::Refused]),
        );
    }
    ending.exec(db).await?;
    Ok(())
}

/// What a step leaves in the row.
fn stamp(
    incident: &mut Incident,
    before: IncidentState,
    after: IncidentState,
    new: &NewStep,
    actor: &str,
) {
    incident.state = Text(after);
    let first = |slot: &mut Option<i64>| {
        slot.get_or_insert(new.at);
    };
    match new.step {
        Step::Validate => {
            first(&mut incident.validated_at);
            incident
                .validated_by
                .get_or_insert_with(|| actor.to_owned());
        }
        Step::Notify => first(&mut incident.noticed_at),
        Step::Acknowledge => first(&mut incident.acknowledged_at),
        Step::Act => {
            first(&mut incident.acknowledged_at);
            first(&mut incident.acted_at);
        }
        Step::FindGone => {
            incident.last_up_at = new.last_up_at.or(incident.last_up_at);
            if before != after {
                incident.gone_at = Some(new.at);
            }
        }
        Step::FindBack => {
            incident.last_up_at = Some(new.at);
            incident.gone_at = None;
        }
        Step::Close(resolution) => {
            incident.resolution = Some(Text(resolution));
            incident.basis = Some(new.basis.clone());
            incident.closed_at = Some(new.at);
        }
        // Who opens it again found it true: it may have been closed before anybody had looked.
        Step::Reopen => {
            first(&mut incident.validated_at);
            incident
                .validated_by
                .get_or_insert_with(|| actor.to_owned());
        }
        Step::Merge => {}
    }
    if before == IncidentState::Closed {
        incident.resolution = None;
        incident.basis = None;
        incident.closed_at = None;
        incident.gone_at = None;
    }
    // A closed incident gives its key free, and one that comes back takes it again; a merged one keeps
    // it as long as the other is live, so that what comes for it joins the other.
    incident.live_key =
        (after != IncidentState::Closed).then(|| Incident::live_key(&incident.rule, &incident.key));
    // Handled (DOMAIN 5.2): asked, and an outcome recorded. Once, ever.
    let outcome = match (after, incident.resolution) {
        (IncidentState::Closed, Some(Text(resolution))) => resolution.counts(),
        (IncidentState::Acted | IncidentState::Gone, _) => true,
        _ => false,
    };
    if outcome && incident.noticed_at.is_some() {
        first(&mut incident.counted_at);
    }
}

/// The columns that steps and edits may change.
fn changed(incident: &Incident) -> ActiveModel {
    let row = incident.clone();
    ActiveModel {
        state: Set(row.state),
        severity: Set(row.severity),
        live_key: Set(row.live_key),
        border: Set(row.border),
        owner: Set(row.owner),
        tlp: Set(row.tlp),
        originator: Set(row.originator),
        embargo_until: Set(row.embargo_until),
        external_number: Set(row.external_number),
        campaign_id: Set(row.campaign_id),
        merged_into: Set(row.merged_into),
        counts_elsewhere: Set(row.counts_elsewhere),
        resolution: Set(row.resolution),
        basis: Set(row.basis),
        validated_by: Set(row.validated_by),
        grade: Set(row.grade),
        events: Set(row.events),
        complaints: Set(row.complaints),
        first_seen_at: Set(row.first_seen_at),
        last_seen_at: Set(row.last_seen_at),
        validated_at: Set(row.validated_at),
        noticed_at: Set(row.noticed_at),
        acknowledged_at: Set(row.acknowledged_at),
        acted_at: Set(row.acted_at),
        last_up_at: Set(row.last_up_at),
        gone_at: Set(row.gone_at),
        closed_at: Set(row.closed_at),
        counted_at: Set(row.counted_at),
        changed_at: Set(row.changed_at),
        version: Set(row.version),
        ..Default::default()
    }
}

/// Loads an incident that is within reach; one that is not looks like one that is not there.
pub(crate) async fn load<C: ConnectionTrait>(
    db: &C,
    id: IncidentId,
    reach: &Reach,
) -> Result<Incident> {
    Entity::find_by_id(Text(id))
        .filter(reach.condition())
        .one(db)
        .await?
        .ok_or_else(|| Error::not_found("incident", id))
}

impl Ledger {
    /// Takes a step with an incident: the one way its state changes. Audited.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none within `reach`, [`Error::Conflict`] if its state does not
    /// allow the step.
    pub async fn step(
        &self,
        id: IncidentId,
        reach: &Reach,
        new: NewStep,
        actor: &str,
        now: i64,
    ) -> Result<Incident> {
        let tx = self.begin().await?;
        let incident = step(&tx, id, reach, &new, actor, now).await?;
        tx.commit().await?;
        Ok(incident)
    }

    /// Makes `part` part of `whole`: its events, complaints and notes move, and what comes for it joins
    /// the other from now on. Audited for both.
    ///
    /// # Errors
    /// [`Error::Conflict`] if one is not live, both are the same, or no marking is as strict as both.
    pub async fn merge_incidents(
        &self,
        part: IncidentId,
        whole: IncidentId,
        reach: &Reach,
        reason: &str,
        actor: &str,
        now: i64,
    ) -> Result<Incident> {
        if part == whole {
            return Err(Error::conflict(
                object(part),
                "cannot become part of itself",
            ));
        }
        let tx = self.begin().await?;
        let mut into = load(&tx, whole, reach).await?;
        if !into.state.0.is_live() {
            return Err(Error::conflict(
                object(whole),
                "is not live: reopen it first",
            ));
        }
        let merge = NewStep::new(Step::Merge, reason, now);
        let from = step(&tx, part, reach, &merge, actor, now).await?;
        matter::keep_together(&tx, [part, whole], "merged", (actor, now)).await?;
        Entity::update_many()
            .col_expr(Column::MergedInto, Expr::value(Text(whole)))
            .filter(
                Condition::any()
                    .add(Column::Id.eq(Text(part)))
                    .add(Column::MergedInto.eq(Text(part))),
            )
            .exec(&tx)
            .await?;
        // An event that both have stays with the part, where it can still be explained.
        let both = joined::Entity::find()
            .select_only()
            .column(joined::Column::EventId)
            .filter(joined::Column::IncidentId.eq(Text(whole)))
            .into_query();
        let moved = joined::Entity::update_many()
            .col_expr(joined::Column::IncidentId, Expr::value(Text(whole)))
            .filter(joined::Column::IncidentId.eq(Text(part)))
            .filter(joined::Column::EventId.not_in_subquery(both))
            .exec(&tx)
            .await?;
        complaint::Entity::update_many()
            .col_expr(complaint::Column::IncidentId, Expr::value(Text(whole)))
            .filter(complaint::Column::IncidentId.eq(Text(part)))
            .exec(&tx)
            .await?;
        note::Entity::update_many()
            .col_expr(note::Column::IncidentId, Expr::value(Text(whole)))
            .filter(note::Column::IncidentId.eq(Text(part)))
            .exec(&tx)
            .await?;
        let left = from.events - i64::try_from(moved.rows_affected).unwrap_or(0);
        Entity::update_many()
            .col_expr(Column::Events, Expr::value(left))
            .col_expr(Column::Complaints, Expr::value(0i64))
            .filter(Column::Id.eq(Text(part)))
            .exec(&tx)
            .await?;
        into.events += i64::try_from(moved.rows_affected).unwrap_or(0);
        into.complaints += from.complaints;
        // One matter counts as handled once, in the week in which its first part did.
        into.counted_at = [into.counted_at, from.counted_at]
            .into_iter()
            .flatten()
            .min();
        same::merged(&tx, &mut into, part, (actor, now)).await?;
        marking::join(&tx, &mut into, &from, (actor, now)).await?;
        into.first_seen_at = Ord::min(into.first_seen_at, from.first_seen_at);
        into.last_seen_at = Ord::max(into.last_seen_at, from.last_seen_at);
        into.changed_at = now;
        into.version += 1;
        Entity::update_many()
            .set(changed(&into))
            .filter(Column::Id.eq(Text(whole)))
            .exec(&tx)
            .await?;
        let record = NewAudit {
            actor: actor.to_owned(),
            action: "incident.merge".to_owned(),
            object: object(whole),
            detail: json!({ "part": part, "events": moved.rows_affected, "reason": reason }),
        };
        audit::append(&tx, record, now).await?;
        tx.commit().await?;
        Ok(into)
    }

    /// Changes what a person may set of an incident; `edit` gets the row and changes it. Audited with
    /// `what`.
    ///
    /// # Errors
    /// As [`Ledger::step`].
    pub async fn edit_incident(
        &self,
        id: IncidentId,
        reach: &Reach,
        what: serde_json::Value,
        edit: impl FnOnce(&mut Incident) + Send,
        actor: &str,
        now: i64,
    ) -> Result<Incident> {
        let tx = self.begin().await?;
        let mut incident = load(&tx, id, reach).await?;
        edit(&mut incident);
        incident.changed_at = now;
        incident.version += 1;
        Entity::update_many()
            .set(changed(&incident))
            .filter(Column::Id.eq(Text(id)))
            .exec(&tx)
            .await?;
        let record = NewAudit {
            actor: actor.to_owned(),
            action: "incident.edit".to_owned(),
            object: object(id),
            detail: what,
        };
        audit::append(&tx, record, now).await?;
        tx.commit().await?;
        Ok(incident)
    }

    /// Writes a note on an incident. Audited.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none within `reach`.
    pub async fn note_incident(
        &self,
        id: IncidentId,
        reach: &Reach,
        body: &str,
        actor: &str,
        now: i64,
    ) -> Result<()> {
        let tx = self.begin().await?;
        load(&tx, id, reach).await?;
        write_note(&tx, id, body, actor, now).await?;
        tx.commit().await?;
        Ok(())
    }
}
