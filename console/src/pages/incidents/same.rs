//! The same matter elsewhere: links of an incident with others and with the numbers of other houses, and which of them
//! counts it. The centre's act: a sum over houses is the centre's.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use ledger::{Incident, Organization, Reach, SameMatter, Seen};
use model::bulletin::Lang;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::acts::{load, needed, of_the_centre};
use super::api::{Items, after};
use super::words::CaseWords;
use super::{At, panel::Typed};
use crate::Desk;
use crate::pages::draw::stamp;
use crate::pages::form::Input;
use crate::refusal::Refusal;
use crate::visitor::Visitor;

/// What else is the same matter.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SameBody {
    /// Numbers of other incidents, separated by blanks or commas.
    #[serde(default)]
    with: String,
    /// A house that has it under a number of its own: id or name.
    #[serde(default)]
    house: String,
    /// The number there.
    #[serde(default)]
    house_number: String,
    /// Who counts it: an incident's number, or `house`. The others are in no figure.
    counts: String,
    /// What shows that it is one matter.
    reason: String,
}

/// What is another matter after all.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ApartBody {
    /// The house whose number is taken out, id or name; without it the incident itself is.
    #[serde(default)]
    house: String,
    /// The number there.
    #[serde(default)]
    house_number: String,
    /// What shows that it is another matter.
    reason: String,
}

/// A view of a matter.
#[derive(Serialize, JsonSchema)]
pub(super) struct ViewOut {
    /// Number of the incident, if it is one of this house.
    incident: Option<i64>,
    /// Id of the house that has it under a number of its own.
    organization: Option<String>,
    /// Its name in English.
    name: Option<String>,
    /// The number there.
    number: Option<String>,
    /// Whether this view counts the matter.
    counts: bool,
    linked_at: String,
    linked_by: String,
}

/// A view, as pages name it: where it leads, its words, whether it counts.
pub(super) struct View {
    pub(super) href: String,
    pub(super) words: String,
    pub(super) counts: bool,
}

async fn numbered(
    desk: &Desk,
    visitor: &Visitor,
    field: &str,
    text: &str,
) -> Result<Seen, Refusal> {
    let number = text.trim().trim_start_matches('#').parse();
    let number: i64 = number.map_err(|_| Refusal::invalid(field, "704"))?;
    match load(desk, visitor, number).await {
        Ok(one) => Ok(Seen::Here(one.incident_id())),
        Err(Refusal::Absent) => Err(Refusal::invalid(field, format!("#{number}"))),
        Err(other) => Err(other),
    }
}

/// A house by its id or name, and its number; `None` where neither is given.
async fn there(desk: &Desk, house: &str, number: &str) -> Result<Option<Seen>, Refusal> {
    let (house, number) = (house.trim(), number.trim());
    if house.is_empty() && number.is_empty() {
        return Ok(None);
    }
    let named = desk.ledger.organizations(None).await?.into_iter();
    let named = named.filter(|one| one.active);
    let found = named
        .into_iter()
        .find(|one| one.name_zh == house || one.name_en == house || one.id.0.to_string() == house);
    match found {
        Some(found) => Ok(Some(Seen::There {
            organization: found.id.0,
            number: number.to_owned(),
        })),
        None => Err(Refusal::invalid("house", house)),
    }
}

/// Links views of one matter.
pub(super) async fn link(
    desk: &Desk,
    visitor: &Visitor,
    number: i64,
    body: &SameBody,
) -> Result<(), Refusal> {
    of_the_centre(visitor)?;
    let reason = needed("reason", &body.reason, visitor)?;
    let own = load(desk, visitor, number).await?.incident_id();
    let mut views = vec![Seen::Here(own)];
    let separate = |c: char| c == ',' || c == '，' || c.is_whitespace();
    for text in body.with.split(separate).filter(|text| !text.is_empty()) {
        views.push(numbered(desk, visitor, "with", text).await?);
    }
    let house = there(desk, &body.house, &body.house_number).await?;
    views.extend(house.clone());
    let counting = match (body.counts.trim(), house) {
        ("house", Some(house)) => house,
        ("house", None) => return Err(Refusal::invalid("house", "")),
        (text, _) => numbered(desk, visitor, "counts", text).await?,
    };
    let (reach, login) = (visitor.within()?, visitor.login());
    desk.ledger
        .link_same((&views, &counting), &reach, reason, login, desk.now().0)
        .await?;
    Ok(())
}

/// Takes an incident, or a house's number, out of its matter.
pub(super) async fn part(
    desk: &Desk,
    visitor: &Visitor,
    number: i64,
    body: &ApartBody,
) -> Result<(), Refusal> {
    of_the_centre(visitor)?;
    let reason = needed("reason", &body.reason, visitor)?;
    let own = load(desk, visitor, number).await?.incident_id();
    let house = there(desk, &body.house, &body.house_number).await?;
    let view = house.unwrap_or(Seen::Here(own));
    let (reach, login) = (visitor.within()?, visitor.login());
    desk.ledger
        .part_same(own, &view, &reach, reason, login, desk.now().0)
        .await?;
    Ok(())
}

/// A view with what it names: the incident's number, or the house.
struct Named {
    view: SameMatter,
    incident: Option<i64>,
    house: Option<Organization>,
}

/// The views of an incident's matter; of incidents out of reach nothing is said.
async fn named(desk: &Desk, reach: &Reach, one: &Incident) -> Result<Vec<Named>, Refusal> {
    let views = desk.ledger.same_matter(one.incident_id()).await?;
    let houses: Vec<_> = views
        .iter()
        .filter_map(|view| Some(view.organization_id?.0))
        .collect();
    let houses = desk.ledger.organizations_of(&houses).await?;
    let mut all = Vec::new();
    for view in views {
        let incident = match view.incident_id {
            Some(id) => match desk.ledger.incident(id.0, reach).await {
                Ok(other) => Some(other.number),
                Err(_) => continue,
            },
            None => None,
        };
        let house = view
            .organization_id
            .and_then(|id| houses.get(&id.0).cloned());
        all.push(Named {
            view,
            incident,
            house,
        });
    }
    Ok(all)
}

/// The other views of an incident's matter.
pub(super) async fn others(
    desk: &Desk,
    reach: &Reach,
    one: &Incident,
    lang: Lang,
) -> Result<Vec<View>, Refusal> {
    let code = if lang == Lang::Zh { "zh" } else { "en" };
    let all = named(desk, reach, one).await?.into_iter();
    let others = all.filter(|named| named.view.incident_id != Some(one.id));
    Ok(others
        .filter_map(
            |Named {
                 view,
                 incident,
                 house,
             }| {
                let (href, words) = match (incident, house) {
                    (Some(number), _) => {
                        (format!("/console/incidents/{number}"), format!("#{number}"))
                    }
                    (None, Some(house)) => (
                        format!("/console/parties/{}", house.id),
                        format!("{} {}", house.name(code), view.number.unwrap_or_default()),
                    ),
                    (None, None) => return None,
                };
                let counts = view.counts;
                Some(View {
                    href,
                    words,
                    counts,
                })
            },
        )
        .collect())
}

/// What a form begins with: the incident itself counts, unless something else was typed.
pub(super) fn usual(typed: &mut Typed, one: &Incident) {
    let number = one.number.to_string();
    typed.0.entry("counts".to_owned()).or_insert(number);
}

/// What is said when it is done.
pub(super) fn said(act: &str, w: &'static CaseWords) -> &'static str {
    match act {
        "same" => w.said_same,
        _ => w.said_apart,
    }
}

pub(super) async fn list(
    State(desk): At,
    visitor: Visitor,
    Path(number): Path<i64>,
) -> Result<Response, Refusal> {
    let one = load(&desk, &visitor, number).await?;
    let all = named(&desk, &visitor.within()?, &one).await?.into_iter();
    let items: Vec<ViewOut> = all
        .map(
            |Named {
                 view,
                 incident,
                 house,
             }| ViewOut {
                incident,
                organization: view.organization_id.map(|id| id.to_string()),
                name: house.map(|house| house.name_en),
                number: view.number,
                counts: view.counts,
                linked_at: stamp(view.linked_at),
                linked_by: view.linked_by,
            },
        )
        .collect();
    Ok(Json(Items { items, next: None }).into_response())
}

pub(super) async fn enter(
    State(desk): At,
    visitor: Visitor,
    Path(number): Path<i64>,
    Input(body): Input<SameBody>,
) -> Result<Response, Refusal> {
    link(&desk, &visitor, number, &body).await?;
    after(&desk, &visitor, number).await
}

pub(super) async fn remove(
    State(desk): At,
    visitor: Visitor,
    Path(number): Path<i64>,
    Input(body): Input<ApartBody>,
) -> Result<Response, Refusal> {
    part(&desk, &visitor, number, &body).await?;
    after(&desk, &visitor, number).await
}
