//! What a party may see and say. A matter is a party's if the party was asked about it and its marking lets it leave to
//! the party now: one function decides so, by organization and incident, and everything else goes through it. What leaves here are rows of their own with the
//! columns a party may have: no other party, no note, no flag, no reporter, no evidence.

use model::ids::{IncidentId, OrganizationId};
use model::incident::{CaseKind, IncidentState, Step};
use model::marking::{To, Why};
use model::newsroom::Right;
use model::organization::Role;
use model::outside::{Dispute, MatterState, PostKind};
use model::time::Timestamp;
use model::verification::Finding;
use sea_orm::ActiveValue::NotSet;
use sea_orm::entity::prelude::*;
use sea_orm::{Condition, QueryOrder, QuerySelect, QueryTrait};
use serde_json::json;

use crate::audit::{self, NewAudit};
use crate::directive::{self, Cause, Directive, DirectiveState};
use crate::incident::{self, Incident, NewStep};
use crate::message::{self, MessageRead, MessageState, NewMessage};
use crate::text::{Text, without_nul};
use crate::{Account, Error, Ledger, Page, Reach, Result, notice, organization, verification};

mod row {
    use model::ids::{IncidentId, OrganizationId};
    use model::outside::PostKind;
    use sea_orm::entity::prelude::*;

    use crate::text::Text;

    /// What a party said about a matter, or was told.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, serde::Serialize)]
    #[sea_orm(table_name = "portal_post")]
    pub struct Model {
        /// Number given by the ledger.
        #[sea_orm(primary_key)]
        pub id: i64,
        /// The party.
        pub organization_id: Text<OrganizationId>,
        /// The incident.
        pub incident_id: Text<IncidentId>,
        /// When, microseconds UTC.
        pub at: i64,
        /// Whose account.
        pub actor: String,
        /// What it is.
        pub kind: Text<PostKind>,
        /// Label of the ground of a dispute; else empty.
        pub ground: String,
        /// What was written.
        pub body: String,
        /// The message it is in the inbox.
        pub message_id: Option<String>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

mod changing;
mod leaf;

pub use changing::{Change, ContactChange, PartyTerms};
pub use leaf::{Leaf, SHOWN};
pub use row::Model as Post;
use row::{ActiveModel, Column, Entity};

/// A party whose account was found to belong to it; made by [`Ledger::party`] only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Party {
    id: OrganizationId,
    name_zh: String,
    name_en: String,
}

impl Party {
    /// Its id.
    pub fn id(&self) -> OrganizationId {
        self.id
    }

    /// Its name in `zh` or `en`.
    pub fn name(&self, language: &str) -> &str {
        match language {
            "zh" => &self.name_zh,
            _ => &self.name_en,
        }
    }
}

/// A matter as its party sees it. Instants are microseconds UTC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matter {
    /// Its number.
    pub number: i64,
    /// What it is about.
    pub kind: CaseKind,
    /// In one line.
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
    /// How it stands for the party.
    pub state: MatterState,
    /// What is asked: labels of the notice's sentences, each once.
    pub asks: Vec<String>,
    /// In which roles.
    pub roles: Vec<Role>,
    /// When the party was first asked.
    pub asked_at: i64,
    /// When its time is over, while it runs.
    pub due_at: Option<i64>,
    /// Since when its time stands still.
    pub held_at: Option<i64>,
    /// Whether a dispute of its own holds it, not only an appeal.
    pub disputed: bool,
    /// When it first answered.
    pub answered_at: Option<i64>,
    /// When it last said that it acted.
    pub acted_at: Option<i64>,
    /// Its own number for it.
    pub ticket: Option<String>,
    /// When it was first observed.
    pub first_seen_at: i64,
    /// When it was last observed.
    pub last_seen_at: i64,
    /// The last look: when, and what it found.
    pub looked: Option<(i64, Finding)>,
    /// When it ended.
    pub closed_at: Option<i64>,
}

/// What a party does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// It has the matter.
    Acknowledge,
    /// It says that it acted.
    Fix,
    /// It does not agree.
    Dispute(Dispute),
    /// It takes its dispute back.
    Withdraw,
    /// It writes.
    Write,
}

impl Act {
    fn kind(self) -> PostKind {
        match self {
            Act::Acknowledge => PostKind::Acknowledged,
            Act::Fix => PostKind::Fixed,
            Act::Dispute(_) => PostKind::Disputed,
            Act::Withdraw => PostKind::Withdrawn,
            Act::Write => PostKind::Asked,
        }
    }
}

/// What a party does, with its words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPost {
    /// What it does.
    pub act: Act,
    /// What it writes; may be empty but for [`Act::Write`].
    pub body: String,
    /// Its own number for the matter.
    pub ticket: Option<String>,
    /// What it wrote as a message, kept already, with its subject: for the inbox.
    pub message: Option<(NewMessage, String)>,
    /// Whether whoever acts under this name does so once: it came by a way on which things come twice, and the same again
    /// is what was done before.
    pub once: bool,
}

fn object(number: i64) -> String {
    format!("incident #{number}")
}

/// The directives by which a party was asked about an incident of this number. None of them is a refusal that looks
/// like absence.
async fn asked_about<C: ConnectionTrait>(
    db: &C,
    party: OrganizationId,
    number: i64,
) -> Result<(Incident, Vec<Directive>)> {
    let found = incident::Entity::find()
        .filter(incident::Column::Number.eq(number))
        .filter(asked_of(party))
        .one(db)
        .await?;
    let incident = found.ok_or_else(|| Error::not_found("incident", number))?;
    let mine = directive::Entity::find()
        .filter(directive::Column::IncidentId.eq(incident.id))
        .filter(directive::Column::OrganizationId.eq(Text(party)))
        .filter(directive::Column::AskedAt.is_not_null())
        .order_by_asc(directive::Column::Id)
        .all(db)
        .await?;
    Ok((incident, mine))
}

/// Why an incident may not leave to a party now.
async fn kept_from<C: ConnectionTrait>(
    db: &C,
    party: OrganizationId,
    incident: &Incident,
    now: i64,
) -> Result<Option<Why>> {
    let marking = incident::marking_of(db, incident).await?;
    let leaves = marking.may_leave(To::Party(party), Timestamp(now));
    Ok(leaves.err())
}

/// The same directives while the matter may leave to the party; the one place that decides what is a party's.
async fn belongs<C: ConnectionTrait>(
    db: &C,
    party: OrganizationId,
    number: i64,
    now: i64,
) -> Result<(Incident, Vec<Directive>)> {
    let (incident, mine) = asked_about(db, party, number).await?;
    match kept_from(db, party, &incident, now).await? {
        None => Ok((incident, mine)),
        Some(_) => Err(Error::not_found("incident", number)),
    }
}

/// The matters of a party now: [`belongs`] for all of them.
async fn matters_of<C: ConnectionTrait>(
    db: &C,
    party: OrganizationId,
    now: i64,
) -> Result<Condition> {
    let among = Condition::all().add(asked_of(party));
    let kept = incident::withheld(db, among.clone(), party, now).await?;
    Ok(match kept.is_empty() {
        true => among,
        false => among.add(incident::Column::Id.is_not_in(kept.into_iter().map(Text))),
    })
}

/// Incidents about which a party was asked: a notice to it went out.
fn asked_of(party: OrganizationId) -> sea_orm::sea_query::SimpleExpr {
    let asked = directive::Entity::find()
        .select_only()
        .column(directive::Column::IncidentId)
        .filter(directive::Column::OrganizationId.eq(Text(party)))
        .filter(directive::Column::AskedAt.is_not_null())
        .into_query();
    incident::Column::Id.in_subquery(asked)
}

fn matter(incident: Incident, mine: &[Directive], looked: Option<(i64, Finding)>) -> Matter {
    let running =
        |row: &&Directive| matches!(row.state, DirectiveState::Asked | DirectiveState::Answered);
    let answered_at = mine
        .iter()
        .flat_map(|row| [row.answered_at, row.acted_at])
        .flatten()
        .min();
    let acted_at = mine.iter().filter_map(|row| row.acted_at).max();
    let state = match incident.state.0 {
        IncidentState::Closed | IncidentState::Merged => MatterState::Over,
        IncidentState::Gone => MatterState::Gone,
        _ if acted_at.is_some() => MatterState::Acted,
        _ if answered_at.is_some() => MatterState::Answered,
        _ => MatterState::Asked,
    };
    let mut asks: Vec<String> = mine.iter().map(|row| row.ask.clone()).collect();
    asks.dedup();
    let mut roles: Vec<Role> = mine.iter().map(|row| row.role.0).collect();
    roles.dedup();
    Matter {
        number: incident.number,
        kind: incident.kind.0,
        what: incident.what,
        url: incident.url,
        host: incident.host,
        ip: incident.ip,
        asn: incident.asn,
        name: incident.name,
        brand: incident.brand,
        state,
        asks,
        roles,
        asked_at: mine
            .iter()
            .filter_map(|row| row.asked_at)
            .min()
            .unwrap_or_default(),
        due_at: mine
            .iter()
            .filter(running)
            .filter_map(|row| row.due_at)
            .min(),
        held_at: mine
            .iter()
            .filter(running)
            .filter_map(|row| row.held_at)
            .min(),
        disputed: mine.iter().any(|row| row.is_held_for(Cause::Dispute)),
        answered_at,
        acted_at,
        ticket: mine.iter().rev().find_map(|row| row.ticket.clone()),
        first_seen_at: incident.first_seen_at,
        last_seen_at: incident.last_seen_at,
        looked,
        closed_at: incident.closed_at,
    }
}

async fn looked<C: ConnectionTrait>(db: &C, id: IncidentId) -> Result<Option<(i64, Finding)>> {
    let last = verification::Entity::find()
        .filter(verification::Column::IncidentId.eq(Text(id)))
        .order_by_desc(verification::Column::At)
        .order_by_desc(verification::Column::Id)
        .one(db)
        .await?;
    Ok(last.map(|row| (row.at, row.finding.0)))
}

impl Ledger {
    /// The party that an account answers for.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the account may not answer, is tied to no organization, or to one that is not
    /// in use.
    pub async fn party(&self, account: &Account) -> Result<Party> {
        let absent = || Error::not_found("organization", &account.login);
        let own = account.organization.as_deref().unwrap_or_default();
        let id: OrganizationId = own.parse().map_err(|_| absent())?;
        if !account.may(Right::Answer) {
            return Err(absent());
        }
        let found = organization::Entity::find_by_id(Text(id))
            .one(self.reader())
            .await?;
        let row = found.filter(|row| row.active).ok_or_else(absent)?;
        Ok(Party {
            id,
            name_zh: row.name_zh,
            name_en: row.name_en,
        })
    }

    /// Matters of a party now, the newest first: `live` only those that go on; with numbers below `before`.
    pub async fn matters(
        &self,
        party: &Party,
        live: bool,
        before: Option<i64>,
        limit: u64,
        now: i64,
    ) -> Result<Vec<Matter>> {
        let over = [IncidentState::Closed, IncidentState::Merged];
        let own = matters_of(self.reader(), party.id, now).await?;
        let mut select = incident::Entity::find().filter(own);
        if live {
            select = select.filter(incident::Column::State.is_not_in(over.map(Text)));
        }
        if let Some(before) = before {
            select = select.filter(incident::Column::Number.lt(before));
        }
        let db = self.reader();
        let found = select
            .order_by_desc(incident::Column::Number)
            .limit(limit)
            .all(db)
            .await?;
        let mut mine = Vec::new();
        for chunk in found.chunks(crate::bulk::LIST) {
            mine.extend(
                directive::Entity::find()
                    .filter(directive::Column::IncidentId.is_in(chunk.iter().map(|row| row.id)))
                    .filter(directive::Column::OrganizationId.eq(Text(party.id)))
                    .filter(directive::Column::AskedAt.is_not_null())
                    .order_by_asc(directive::Column::Id)
                    .all(db)
                    .await?,
            );
        }
        let mut by_incident: std::collections::HashMap<_, Vec<Directive>> = Default::default();
        for row in mine {
            by_incident.entry(row.incident_id.0).or_default().push(row);
        }
        let mut all = Vec::with_capacity(found.len());
        for row in found {
            let own = by_incident.remove(&row.id.0).unwrap_or_default();
            let seen = looked(db, row.id.0).await?;
            all.push(matter(row, &own, seen));
        }
        Ok(all)
    }

    /// How many matters of a party go on now.
    pub async fn matters_live(&self, party: &Party, now: i64) -> Result<u64> {
        let over = [IncidentState::Closed, IncidentState::Merged];
        let own = matters_of(self.reader(), party.id, now).await?;
        let live = incident::Entity::find()
            .filter(own)
            .filter(incident::Column::State.is_not_in(over.map(Text)));
        Ok(live.count(self.reader()).await?)
    }

    /// A matter of a party by its number.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the party was not asked about it, whether it is there or not, or its marking keeps it
    /// from the party now.
    pub async fn matter(&self, party: &Party, number: i64, now: i64) -> Result<Matter> {
        let (incident, mine) = belongs(self.reader(), party.id, number, now).await?;
        let seen = looked(self.reader(), incident.id.0).await?;
        Ok(matter(incident, &mine, seen))
    }

    /// What a party said about a matter and was told, the oldest first.
    ///
    /// # Errors
    /// As [`Ledger::matter`].
    pub async fn matter_posts(&self, party: &Party, number: i64, now: i64) -> Result<Vec<Post>> {
        let (incident, _) = belongs(self.reader(), party.id, number, now).await?;
        Ok(Entity::find()
            .filter(Column::OrganizationId.eq(Text(party.id)))
            .filter(Column::IncidentId.eq(incident.id))
            .order_by_asc(Column::Id)
            .all(self.reader())
            .await?)
    }

    /// Takes what a party does: its directives, the incident's state, the entry and the message for the
    /// inbox, all or nothing. Audited. A word of a party never ends an incident: looks do.
    ///
    /// # Errors
    /// As [`Ledger::matter`]; [`Error::Conflict`] if the matter is over (writing is still possible), or an
    /// empty message is written.
    pub async fn answer_matter(
        &self,
        party: &Party,
        number: i64,
        new: NewPost,
        actor: &str,
        now: i64,
    ) -> Result<Post> {
        let tx = self.begin().await?;
        let (incident, mine) = belongs(&tx, party.id, number, now).await?;
        let id = incident.id.0;
        if new.once {
            let before = Entity::find()
                .filter(Column::OrganizationId.eq(Text(party.id)))
                .filter(Column::IncidentId.eq(Text(id)))
                .filter(Column::Actor.eq(actor));
            if let Some(post) = before.one(&tx).await? {
                return Ok(post);
            }
        }
        let live = incident.state.0.is_live();
        if !live && new.act != Act::Write {
            return Err(Error::conflict(
                object(number),
                "is closed: write to us instead",
            ));
        }
        if new.act == Act::Write && new.body.trim().is_empty() {
            return Err(Error::conflict(object(number), "the message is empty"));
        }
        let disputed = |row: &Directive| row.is_held_for(Cause::Dispute);
        if new.act == Act::Withdraw && !mine.iter().any(disputed) {
            return Err(Error::conflict(
                object(number),
                "no dispute of yours holds its time",
            ));
        }
        for row in mine {
            let open = !matches!(row.state, DirectiveState::Over | DirectiveState::NoContact);
            if !open {
                continue;
            }
            let what = json!({ "portal": new.act.kind() });
            let ticket = new.ticket.clone();
            let answered = |row: &mut Directive| {
                row.answered_at.get_or_insert(now);
                if new.act == Act::Fix {
                    row.acted_at = Some(now);
                    row.state = DirectiveState::Acted;
                } else if row.state == DirectiveState::Asked {
                    row.state = DirectiveState::Answered;
                }
                match new.act {
                    // Whoever has nothing to do with it is not waited for: the next party is.
                    Act::Dispute(Dispute::NotOurs) => {}
                    Act::Dispute(_) if row.asked_at.is_some() => row.hold(Cause::Dispute, now),
                    Act::Withdraw | Act::Fix => row.settle(Cause::Dispute, now),
                    _ => {}
                }
                if ticket.is_some() {
                    row.ticket = ticket;
                }
            };
            directive::edit_directive(&tx, row.id.0, what, answered, actor, now).await?;
        }
        let step = match new.act {
            Act::Fix => Some(Step::Act),
            // "Not ours" is no receipt of the matter.
            Act::Dispute(Dispute::NotOurs) => None,
            _ => Some(Step::Acknowledge),
        };
        if let Some(step) = step.filter(|_| live && incident.noticed_at.is_some()) {
            let basis = format!(
                "{} in the portal by {actor} of {}",
                new.act.kind(),
                party.id
            );
            let step = NewStep::new(step, basis, now);
            incident::step(&tx, id, &Reach::All, &step, actor, now).await?;
        }
        let ground = match new.act {
            Act::Dispute(ground) => ground.to_string(),
            _ => String::new(),
        };
        let message_id = match new.message {
            None => None,
            Some((message, subject)) => {
                // What needs no person: a verification finds out whether it is fixed.
                let state = match new.act {
                    Act::Acknowledge | Act::Fix | Act::Withdraw => MessageState::Handled,
                    Act::Dispute(_) | Act::Write => MessageState::Waiting,
                };
                let read = MessageRead {
                    sender: format!("{} ({actor})", party.name_en),
                    subject,
                    nature: "reply".to_owned(),
                    state,
                    reason: Some(
                        format!("written in the portal: {} {ground}", new.act.kind())
                            .trim()
                            .to_owned(),
                    ),
                    proposal: match new.act {
                        Act::Fix => Some("fixed".to_owned()),
                        Act::Dispute(Dispute::NotOurs) => Some("wrong-contact".to_owned()),
                        _ => None,
                    },
                    notice: notice::last_to(&tx, party.id, id).await?,
                    incident: Some(id),
                };
                Some(message::add_read(&tx, message, read, now).await?)
            }
        };
        let post = Post {
            id: 0,
            organization_id: Text(party.id),
            incident_id: Text(id),
            at: now,
            actor: actor.to_owned(),
            kind: Text(new.act.kind()),
            ground,
            body: without_nul(&new.body).into_owned(),
            message_id,
        };
        let post = write(&tx, post, now).await?;
        tx.commit().await?;
        Ok(post)
    }

    /// Tells a party something about a matter that it was asked about. Audited.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such incident within `reach`, or the party was not asked about
    /// it; [`Error::Conflict`] if the text is empty, or its marking keeps it from the party now.
    pub async fn tell_party(
        &self,
        (number, reach): (i64, &Reach),
        party: OrganizationId,
        body: &str,
        actor: &str,
        now: i64,
    ) -> Result<Post> {
        let tx = self.begin().await?;
        let id = incident::numbered(&tx, number, reach).await?;
        let (incident, mine) = asked_about(&tx, party, number).await?;
        if let Some(why) = kept_from(&tx, party, &incident, now).await? {
            return Err(Error::conflict(object(number), why.to_string()));
        }
        if body.trim().is_empty() {
            return Err(Error::conflict(object(number), "the answer is empty"));
        }
        // Whoever disputed has an answer: time goes on, unless an appeal holds it too.
        let disputed = |row: &Directive| row.is_held_for(Cause::Dispute);
        for row in mine.into_iter().filter(disputed) {
            let what = json!({ "held": false, "because": "the center answered" });
            let edit = |row: &mut Directive| row.settle(Cause::Dispute, now);
            directive::edit_directive(&tx, row.id.0, what, edit, actor, now).await?;
        }
        let post = Post {
            id: 0,
            organization_id: Text(party),
            incident_id: Text(id),
            at: now,
            actor: actor.to_owned(),
            kind: Text(PostKind::Told),
            ground: String::new(),
            body: without_nul(body).into_owned(),
            message_id: None,
        };
        let post = write(&tx, post, now).await?;
        tx.commit().await?;
        Ok(post)
    }

    /// Entries of all parties about incidents within reach, the newest first, each with its incident's number.
    pub async fn portal_posts(&self, reach: &Reach, page: Page) -> Result<Vec<(Post, i64)>> {
        let mut select = Entity::find().order_by_desc(Column::Id);
        if *reach != Reach::All {
            let within = incident::Entity::find()
                .select_only()
                .column(incident::Column::Id)
                .filter(reach.condition())
                .into_query();
            select = select.filter(Column::IncidentId.in_subquery(within));
        }
        let db = self.reader();
        let posts = select.offset(page.offset).limit(page.limit).all(db).await?;
        let mut numbers = std::collections::HashMap::new();
        for chunk in posts.chunks(crate::bulk::LIST) {
            let rows: Vec<(Text<IncidentId>, i64)> = incident::Entity::find()
                .select_only()
                .column(incident::Column::Id)
                .column(incident::Column::Number)
                .filter(incident::Column::Id.is_in(chunk.iter().map(|post| post.incident_id)))
                .into_tuple()
                .all(db)
                .await?;
            numbers.extend(rows.into_iter().map(|(id, number)| (id.0, number)));
        }
        let with = |post: Post| {
            let number = numbers
                .get(&post.incident_id.0)
                .copied()
                .unwrap_or_default();
            (post, number)
        };
        Ok(posts.into_iter().map(with).collect())
    }

    /// When a party last said that it acted on an incident, microseconds UTC.
    pub async fn last_acted(&self, incident: IncidentId) -> Result<Option<i64>> {
        let all = self.directives(incident).await?;
        Ok(all.into_iter().filter_map(|row| row.acted_at).max())
    }
}

/// Stores an entry inside a transaction, and says so in the trail.
async fn write<C: ConnectionTrait>(db: &C, mut post: Post, now: i64) -> Result<Post> {
    let row = ActiveModel {
        id: NotSet,
        ..ActiveModel::from(post.clone()).reset_all()
    };
    post.id = Entity::insert(row).exec(db).await?.last_insert_id;
    let record = NewAudit {
        actor: post.actor.clone(),
        action: "portal.post".to_owned(),
        object: incident::object(post.incident_id.0),
        detail: json!({ "post": post.id, "organization": post.organization_id, "kind": post.kind,
            "ground": post.ground, "length": post.body.chars().count() }),
    };
    audit::append(db, record, now).await?;
    Ok(post)
}
