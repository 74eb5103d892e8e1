//! Deputies: who may sign in an approver's place for some days.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use jiff::civil::Date;
use model::bulletin::Lang;
use model::newsroom::Right;
use model::time::Day;
use serde::{Deserialize, Serialize};

use super::of_the_house;
use crate::Desk;
use crate::pages::form::{Input, answer, done};
use crate::refusal::Refusal;
use crate::routes::{Described, Need, Route, Verb, delete, get, post};
use crate::visitor::Visitor;
use crate::words::words;

const ADMINISTER: Need = Need::Right(Right::Administer);

pub(crate) const ROUTES: &[Route] = &[
    Route::act("/console/settings/deputies", ADMINISTER, || {
        post(grant_form)
    })
    .fresh(),
    Route::act("/console/settings/deputies/{id}/end", ADMINISTER, || {
        post(end_form)
    }),
    Route::api(
        Verb::Get,
        "/api/v1/deputies",
        ADMINISTER,
        list_described,
        || get(list_api),
    ),
    Route::api(
        Verb::Post,
        "/api/v1/deputies",
        ADMINISTER,
        grant_described,
        || post(grant_api),
    )
    .fresh(),
    Route::api(
        Verb::Delete,
        "/api/v1/deputies/{id}",
        ADMINISTER,
        end_described,
        || delete(end_api),
    ),
];

words! {
    Words {
        title: "代签", "Deputies";
        about: "签发人不在时，由谁在哪几天代签。", "Who signs for an approver, on which days.";
        approver: "签发人", "Approver";
        deputy: "代签人", "Deputy";
        from: "自", "From";
        to: "至", "To";
        state: "状态", "State";
        grant: "授权代签", "Let sign";
        granted: "已授权", "It is granted";
        end: "结束", "End";
        ended: "已结束", "Ended";
        over: "已过", "over";
        to_come: "未到", "to come";
        in_force: "生效中", "in force";
        none: "没有代签。", "There is none.";
    }
}

/// A deputy as a page shows it.
pub(crate) struct Standing {
    pub(crate) id: i64,
    pub(crate) approver: String,
    pub(crate) deputy: String,
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) state: &'static str,
    /// Whether it can still be ended.
    pub(crate) open: bool,
}

/// Today in the house's zone.
pub(crate) fn today(desk: &Desk) -> Day {
    desk.now()
        .date_in(&desk.terms().zone)
        .map_or(Day(0), Day::of)
}

/// Ids and names of the organizations in a language.
pub(crate) async fn organizations(
    desk: &Desk,
    lang: Lang,
) -> Result<Vec<(String, String)>, Refusal> {
    let all = desk.ledger.organizations(None).await?;
    let named = all.into_iter().map(|one| {
        let name = match (lang, one.name_zh.is_empty(), one.name_en.is_empty()) {
            (Lang::Zh, false, _) | (_, false, true) => one.name_zh,
            _ => one.name_en,
        };
        (one.id.0.to_string(), name)
    });
    Ok(named.collect())
}

/// All deputies, the newest first.
pub(crate) async fn standing(desk: &Desk, lang: Lang) -> Result<Vec<Standing>, Refusal> {
    let w = Words::of(lang);
    let today = today(desk).0;
    let all = desk.ledger.deputies().await?;
    let shown = all.into_iter().map(|one| Standing {
        id: one.id,
        approver: one.approver,
        deputy: one.deputy,
        from: Day(one.first_day).to_string(),
        to: Day(one.last_day).to_string(),
        state: match one.revoked_at {
            Some(_) => w.ended,
            None if today < one.first_day => w.to_come,
            None if today > one.last_day => w.over,
            None => w.in_force,
        },
        open: one.revoked_at.is_none() && today <= one.last_day,
    });
    Ok(shown.collect())
}

/// A deputy's time.
#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Grant {
    /// Login of the approver.
    approver: String,
    /// Login of who stands in.
    deputy: String,
    /// First day, `YYYY-MM-DD`.
    from: String,
    /// Last day.
    to: String,
}

async fn grant(desk: &Desk, visitor: &Visitor, new: &Grant) -> Result<i64, Refusal> {
    of_the_house(visitor)?;
    let by = visitor.actor(desk, Right::Administer).await?;
    let day = |field: &str, text: &str| {
        let date = text.trim().parse::<Date>();
        date.map(|date| Day::of(date).0)
            .map_err(|_| Refusal::invalid(field, "is no day: write it as 2026-12-01"))
    };
    let days = (day("from", &new.from)?, day("to", &new.to)?);
    let names = (new.approver.as_str(), new.deputy.as_str());
    Ok(desk
        .ledger
        .grant_deputy(&by, names, days, desk.now().0)
        .await?)
}

async fn grant_form(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Input(form): Input<Grant>,
) -> Result<Response, Refusal> {
    grant(&desk, &visitor, &form).await?;
    Ok(done(
        "/console/settings/users",
        Words::of(visitor.lang).granted,
    ))
}

/// A deputy as the API tells it.
#[derive(Serialize, schemars::JsonSchema)]
struct Told {
    id: i64,
    approver: String,
    deputy: String,
    from: String,
    to: String,
    /// Whether it is in force or to come.
    open: bool,
}

#[derive(Serialize, schemars::JsonSchema)]
struct ToldList {
    items: Vec<Told>,
    /// Where the next page begins; there is one page.
    next: Option<String>,
}

#[derive(Serialize, schemars::JsonSchema)]
struct Granted {
    /// Number of the deputy.
    id: i64,
}

fn list_described() -> Described {
    Described {
        summary: "Deputies of approvers, the newest first.",
        answer: Some(schemars::schema_for!(ToldList).to_value()),
        ..Described::default()
    }
}

fn grant_described() -> Described {
    Described {
        summary: "Lets somebody sign in an approver's place for some days.",
        body: Some(schemars::schema_for!(Grant).to_value()),
        answer: Some(schemars::schema_for!(Granted).to_value()),
        ..Described::default()
    }
}

fn end_described() -> Described {
    Described {
        summary: "Ends a deputy's time now.",
        status: 204,
        ..Described::default()
    }
}

async fn list_api(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    of_the_house(&visitor)?;
    let all = standing(&desk, visitor.lang).await?.into_iter();
    let items = all.map(|one| Told {
        id: one.id,
        approver: one.approver,
        deputy: one.deputy,
        from: one.from,
        to: one.to,
        open: one.open,
    });
    let list = ToldList {
        items: items.collect(),
        next: None,
    };
    answer(&headers, &list)
}

async fn grant_api(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
    Input(body): Input<Grant>,
) -> Result<Response, Refusal> {
    let id = grant(&desk, &visitor, &body).await?;
    answer(&headers, &Granted { id })
}

async fn end(desk: &Desk, visitor: &Visitor, id: i64) -> Result<(), Refusal> {
    of_the_house(visitor)?;
    let by = visitor.actor(desk, Right::Administer).await?;
    Ok(desk.ledger.revoke_deputy(&by, id, desk.now().0).await?)
}

async fn end_form(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path(id): Path<i64>,
) -> Result<Response, Refusal> {
    end(&desk, &visitor, id).await?;
    Ok(done(
        "/console/settings/users",
        Words::of(visitor.lang).ended,
    ))
}

async fn end_api(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path(id): Path<i64>,
) -> Result<StatusCode, Refusal> {
    end(&desk, &visitor, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
