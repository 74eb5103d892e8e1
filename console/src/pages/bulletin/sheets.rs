//! Daily sheets with their zero report, and the list of roll-ups beside them.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use jiff::civil::Date;
use model::newsroom::Right;
use model::time::Day;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{centre, files, newsroom, rollups};
use crate::Desk;
use crate::pages::form::answer;
use crate::pages::shell::{self, Nav, Shell};
use crate::refusal::Refusal;
use crate::routes::{Described, Need, Route, Verb, get};
use crate::visitor::Visitor;
use crate::words::{fill, words};

const VIEW: Need = Need::Right(Right::View);

pub(crate) const ROUTES: &[Route] = &[
    Route::page("/console/bulletin/sheets", VIEW, || get(list)),
    Route::page("/console/bulletin/daily/{day}", VIEW, || get(daily)),
    Route::page("/console/bulletin/daily/{day}/page", VIEW, || {
        get(daily_page)
    }),
    Route::api(
        Verb::Get,
        "/api/v1/bulletins/daily/{day}",
        VIEW,
        says_daily,
        || get(daily_api),
    ),
];

/// Days that are listed.
const DAYS: i32 = 14;

words! {
    Words {
        title: "日报与汇编", "Daily sheets and roll-ups";
        back: "全部期次", "All issues";
        daily: "日报", "Daily sheets";
        daily_text: "一天的数字与零报告。数字为初步结果，以周报为准。", "The figures of a day with its zero report. They are preliminary: the weekly issue holds.";
        day_title: "{day} 日报", "Daily sheet, {day}";
        rollups: "月、季、年汇编", "Months, quarters, years";
        rollups_text: "按自身的日期重新计数，不是各周之和。相同的记录得到相同的版本。", "A period is counted over its own days; it is no sum of weeks. The same records give the same edition.";
        none: "还没有汇编。", "No roll-up yet.";
        kind: "类型", "Kind";
        month: "月", "Month";
        quarter: "季", "Quarter";
        year: "年", "Year";
        period: "时段（如 2026-10、2026-3、2026）", "Period (as 2026-10, 2026-3, 2026)";
        make: "统计", "Count";
        edition: "版本", "Edition";
        days: "日期", "Days";
        revision: "修订", "Revision";
        author: "由", "By";
        at: "时间", "When";
        zero: "零报告：没有需要上报的事件", "Zero report: nothing reportable";
        not_zero: "当日有需要上报的事件", "There were reportable events";
        silent: "当日没有数据的来源：{feeds}", "Silent for the day: {feeds}";
        all_spoke: "各日报来源均有数据", "All daily sources reported";
        confirm: "以我的名义确认零报告", "Confirm the zero report in my name";
        confirmed: "确认人：{who}", "Confirmed by {who}";
        page: "成稿", "The sheet";
        yesterday: "前一天", "Day before";
        tomorrow: "后一天", "Day after";
    }
}

#[derive(Template)]
#[template(path = "bulletin-sheets.html")]
struct ListPage {
    shell: Shell,
    w: &'static Words,
    days: Vec<String>,
    editions: Vec<rollups::Listed>,
    may_edit: bool,
}

async fn list(State(desk): State<Arc<Desk>>, visitor: Visitor) -> Result<Response, Refusal> {
    centre(&visitor)?;
    let w = Words::of(visitor.lang);
    let today = today(&desk)?;
    let days = (0..DAYS).map(|back| Day(Day::of(today).0 - back).date().to_string());
    let editions = rollups::listed(&desk, visitor.lang).await?;
    Ok(shell::page(&ListPage {
        shell: shell::shell(&desk, &visitor, Nav::Bulletin, w.title).await,
        w,
        days: days.collect(),
        editions,
        may_edit: visitor.may(Right::Edit),
    }))
}

fn today(desk: &Desk) -> Result<Date, Refusal> {
    let today = desk.now().date_in(&desk.terms().zone);
    today.ok_or_else(|| Refusal::broken("the clock", "the date is out of range"))
}

#[derive(Debug, Default, Deserialize)]
struct Asked {
    /// Set: the visitor confirms the zero report in their name.
    #[serde(default)]
    confirm: Option<String>,
}

#[derive(Template)]
#[template(path = "bulletin-daily.html")]
struct DailyPage {
    shell: Shell,
    w: &'static Words,
    heading: String,
    base: String,
    zero: bool,
    silent: String,
    confirmed: String,
    frame: String,
    before: String,
    after: Option<String>,
    may_confirm: bool,
}

fn day_of(text: &str) -> Result<Date, Refusal> {
    text.parse().map_err(|_| Refusal::Absent)
}

async fn daily(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path(day): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Refusal> {
    centre(&visitor)?;
    let w = Words::of(visitor.lang);
    let day = day_of(&day)?;
    if day > today(&desk)? {
        return Err(Refusal::Absent);
    }
    let may_confirm = visitor.may(Right::Work) || visitor.may(Right::Edit);
    let confirms = asked.confirm.is_some() && may_confirm;
    let by = confirms.then(|| visitor.login().to_owned());
    let made = newsroom(&desk)?
        .daily(day, by.as_deref(), visitor.lang)
        .await?;
    let heading = fill(w.day_title, &[("day", &day)]);
    let base = format!("/console/bulletin/daily/{day}");
    let near = |by: i32| Day(Day::of(day).0 + by).date();
    Ok(shell::page(&DailyPage {
        shell: shell::shell(&desk, &visitor, Nav::Bulletin, &heading).await,
        w,
        heading,
        zero: made.zero,
        silent: match made.silent.is_empty() {
            true => w.all_spoke.to_owned(),
            false => fill(w.silent, &[("feeds", &made.silent.join(", "))]),
        },
        confirmed: by
            .as_ref()
            .map(|who| fill(w.confirmed, &[("who", who)]))
            .unwrap_or_default(),
        frame: match confirms {
            true => format!("{base}/page?confirm=yes"),
            false => format!("{base}/page"),
        },
        before: format!("/console/bulletin/daily/{}", near(-1)),
        after: (near(1) <= today(&desk)?).then(|| format!("/console/bulletin/daily/{}", near(1))),
        may_confirm: may_confirm && !confirms,
        base,
    }))
}

async fn daily_page(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path(day): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Refusal> {
    centre(&visitor)?;
    let may = visitor.may(Right::Work) || visitor.may(Right::Edit);
    let by = (asked.confirm.is_some() && may).then(|| visitor.login().to_owned());
    let made = newsroom(&desk)?
        .daily(day_of(&day)?, by.as_deref(), visitor.lang)
        .await?;
    Ok(files::framed(made.html))
}

/// A daily sheet.
#[derive(Debug, Serialize, JsonSchema)]
struct DailyView {
    /// The day.
    day: String,
    /// Whether nothing reportable happened.
    zero: bool,
    /// Feeds without data of the day.
    silent: Vec<String>,
    /// The sheet as plain text, in the caller's language.
    text: String,
}

fn says_daily() -> Described {
    Described {
        summary: "The sheet about a day, with its zero report.",
        answer: Some(schemars::schema_for!(DailyView).to_value()),
        ..Described::default()
    }
}

async fn daily_api(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
    Path(day): Path<String>,
) -> Result<Response, Refusal> {
    centre(&visitor)?;
    let day = day_of(&day)?;
    if day > today(&desk)? {
        return Err(Refusal::Absent);
    }
    let made = newsroom(&desk)?.daily(day, None, visitor.lang).await?;
    answer(
        &headers,
        &DailyView {
            day: day.to_string(),
            zero: made.zero,
            silent: made.silent,
            text: made.text,
        },
    )
}
