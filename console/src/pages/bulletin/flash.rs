//! Flash alerts between the issues: list, write, approve by a second person, publish, withdraw.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use ledger::{Flash, FlashState, NewFlash, Page};
use model::bulletin::Lang;
use model::newsroom::Right;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::acts::{Empty, reason};
use super::{centre, files, issue_of, newsroom, person, stand};
use crate::Desk;
use crate::pages::draw::{self, stamp};
use crate::pages::form::{Input, answer, done};
use crate::pages::shell::{self, Nav, Shell};
use crate::refusal::Refusal;
use crate::routes::{Described, Need, Route, Verb, get, post};
use crate::visitor::Visitor;
use crate::words::{fill, words};

const VIEW: Need = Need::Right(Right::View);
const EDIT: Need = Need::Right(Right::Edit);

pub(crate) const ROUTES: &[Route] = &[
    Route::page("/console/bulletin/flash", VIEW, || get(list)),
    Route::page("/console/bulletin/flash/new", EDIT, || get(write)),
    Route::act("/console/bulletin/flash/new", EDIT, || post(draft_page)),
    Route::page("/console/bulletin/flash/{number}", VIEW, || get(one)),
    Route::page("/console/bulletin/flash/{number}/page/{lang}", VIEW, || {
        get(sheet)
    }),
    Route::act("/console/bulletin/flash/{number}/approve", VIEW, || {
        post(approve_page)
    })
    .fresh(),
    Route::act(
        "/console/bulletin/flash/{number}/publish",
        Need::Right(Right::Publish),
        || post(publish_page),
    )
    .fresh(),
    Route::act("/console/bulletin/flash/{number}/withdraw", VIEW, || {
        post(withdraw_page)
    }),
    Route::api(
        Verb::Get,
        "/api/v1/bulletins/flash",
        VIEW,
        says_list,
        || get(list_api),
    ),
    Route::api(
        Verb::Post,
        "/api/v1/bulletins/flash",
        EDIT,
        says_draft,
        || post(draft_api),
    ),
    Route::api(
        Verb::Get,
        "/api/v1/bulletins/flash/{number}",
        VIEW,
        says_one,
        || get(one_api),
    ),
    Route::api(
        Verb::Post,
        "/api/v1/bulletins/flash/{number}/approve",
        VIEW,
        says_approve,
        || post(approve_api),
    )
    .fresh(),
    Route::api(
        Verb::Post,
        "/api/v1/bulletins/flash/{number}/publish",
        Need::Right(Right::Publish),
        says_publish,
        || post(publish_api),
    )
    .fresh(),
    Route::api(
        Verb::Post,
        "/api/v1/bulletins/flash/{number}/withdraw",
        VIEW,
        says_withdraw,
        || post(withdraw_api),
    ),
];

words! {
    Words {
        title: "紧急通报", "Flash alerts";
        back: "全部期次", "All issues";
        back_list: "全部通报", "All alerts";
        new: "写通报", "Write an alert";
        number: "编号", "Number";
        level: "等级", "Level";
        subject: "标题", "Title";
        state: "状态", "State";
        author: "撰稿", "Written by";
        at: "时间", "When";
        critical: "紧急", "Critical";
        warning: "预警", "Warning";
        notice: "提示", "Notice";
        draft: "草稿", "draft";
        approved: "已签发", "approved";
        published: "已发布", "published";
        withdrawn: "已撤回", "withdrawn";
        empty: "还没有紧急通报", "No alert yet";
        empty_text: "两期周报之间有急事时写通报：一人撰写，另一人签发，然后发布。编号不重复使用。", "Between the issues, urgent matters go out as alerts: one person writes, another approves, then it is published. A number is never used twice.";
        title_zh: "标题（中文）", "Title, Chinese";
        title_en: "标题（英文）", "Title, English";
        text_zh: "正文（中文）", "Text, Chinese";
        text_en: "正文（英文）", "Text, English";
        affected_zh: "影响范围（中文，可空）", "Affected, Chinese (may be empty)";
        affected_en: "影响范围（英文，可空）", "Affected, English (may be empty)";
        advice_zh: "处置建议（中文，每行一条）", "What to do, Chinese (a line each)";
        advice_en: "处置建议（英文，每行一条）", "What to do, English (a line each)";
        links: "参考（每行一个 https 地址）", "References (an https address a line)";
        store: "存为草稿", "Store as a draft";
        stored: "已存为草稿，请另一人签发", "Stored as a draft; another person approves it";
        approve: "签发", "Approve";
        publish: "发布", "Publish";
        withdraw: "撤回", "Withdraw";
        why: "撤回原因（印在原处）", "Why it is withdrawn (printed in its place)";
        ask: "撤回后，其页面改为撤回说明，编号不再使用。确定撤回？", "Its pages will show a notice instead, and its number is never used again. Withdraw?";
        said_approved: "已签发", "Approved";
        said_published: "已发布", "Published";
        said_withdrawn: "已撤回", "Withdrawn";
        own: "您写了这份通报，不能签发自己的稿件。", "You wrote it: nobody approves what they wrote.";
        role: "签发需要签发人的权限。", "Approving needs the role approver.";
        publish_role: "发布需要编辑或签发人的权限。", "Publishing needs the role editor or approver.";
        wrote: "{who} 撰稿", "written by {who}";
        signed: "{who} 签发", "approved by {who}";
        out: "{who} 发布", "published by {who}";
        taken: "{who} 撤回：{why}", "withdrawn by {who}: {why}";
        sheet: "成稿", "The page";
        hash: "内容哈希", "Hash of the content";
    }
}

fn describes<T: JsonSchema>() -> Option<serde_json::Value> {
    Some(schemars::schema_for!(T).to_value())
}

fn says_list() -> Described {
    Described {
        summary: "Lists alerts, newest first.",
        answer: describes::<Vec<FlashView>>(),
        ..Described::default()
    }
}
fn says_draft() -> Described {
    Described {
        summary: "Stores an alert under the next number of the year.",
        body: describes::<Body>(),
        answer: describes::<FlashView>(),
        status: 201,
        ..Described::default()
    }
}
fn says_one() -> Described {
    Described {
        summary: "An alert.",
        answer: describes::<FlashView>(),
        ..Described::default()
    }
}
fn says_approve() -> Described {
    Described {
        summary: "Approves an alert; never by its author.",
        body: describes::<Empty>(),
        answer: describes::<FlashView>(),
        ..Described::default()
    }
}
fn says_publish() -> Described {
    Described {
        summary: "Puts an approved alert on the site.",
        body: describes::<Empty>(),
        answer: describes::<FlashView>(),
        ..Described::default()
    }
}
fn says_withdraw() -> Described {
    Described {
        summary: "Takes an alert back.",
        body: describes::<Why>(),
        answer: describes::<FlashView>(),
        ..Described::default()
    }
}

/// An alert to be stored.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Body {
    /// `notice`, `warning` or `critical`.
    level: String,
    /// Title, Chinese.
    title_zh: String,
    /// Title, English.
    title_en: String,
    /// What happens, Chinese.
    text_zh: String,
    /// What happens, English.
    text_en: String,
    /// Whom it hits, Chinese.
    #[serde(default)]
    affected_zh: String,
    /// Whom it hits, English.
    #[serde(default)]
    affected_en: String,
    /// What to do, Chinese, a line each.
    #[serde(default)]
    advice_zh: String,
    /// What to do, English, a line each.
    #[serde(default)]
    advice_en: String,
    /// References, an address a line.
    #[serde(default)]
    links: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Why {
    /// Why; printed in its place.
    reason: String,
}

/// An alert.
#[derive(Debug, Serialize, JsonSchema)]
struct FlashView {
    /// Its number: `2026-3`.
    number: String,
    /// How grave.
    level: String,
    /// draft, approved, published or withdrawn.
    state: &'static str,
    /// Title, Chinese.
    title_zh: String,
    /// Title, English.
    title_en: String,
    /// Text, Chinese.
    text_zh: String,
    /// Text, English.
    text_en: String,
    /// Who wrote it.
    author: String,
    /// When.
    created_at: String,
    /// Who approved it.
    approved_by: Option<String>,
    /// When it went out.
    published_at: Option<String>,
    /// Why it was taken back.
    withdrawn_why: Option<String>,
    /// Hash of its content.
    hash: String,
}

impl FlashView {
    fn of(row: &Flash) -> Self {
        FlashView {
            number: format!("{}-{}", row.year, row.number),
            level: row.level.clone(),
            state: match row.state {
                FlashState::Draft => "draft",
                FlashState::Approved => "approved",
                FlashState::Published => "published",
                FlashState::Withdrawn => "withdrawn",
            },
            title_zh: row.title_zh.clone(),
            title_en: row.title_en.clone(),
            text_zh: row.text_zh.clone(),
            text_en: row.text_en.clone(),
            author: row.author.clone(),
            created_at: stamp(row.created_at),
            approved_by: row.approved_by.clone(),
            published_at: row.published_at.map(stamp),
            withdrawn_why: row.withdrawn_why.clone(),
            hash: row.hash.to_string(),
        }
    }
}

fn level(row: &Flash, w: &Words) -> &'static str {
    match row.level.as_str() {
        "critical" => w.critical,
        "warning" => w.warning,
        _ => w.notice,
    }
}

fn state(row: &Flash, w: &Words) -> &'static str {
    match row.state {
        FlashState::Draft => w.draft,
        FlashState::Approved => w.approved,
        FlashState::Published => w.published,
        FlashState::Withdrawn => w.withdrawn,
    }
}

fn title(row: &Flash, lang: Lang) -> String {
    match lang {
        Lang::Zh => row.title_zh.clone(),
        Lang::En => row.title_en.clone(),
    }
}

fn key(number: &str) -> Result<(i32, i32), Refusal> {
    let number = issue_of(number)?;
    let n = i32::try_from(number.number).map_err(|_| Refusal::Absent)?;
    Ok((i32::from(number.year), n))
}

async fn load(desk: &Desk, number: &str) -> Result<Flash, Refusal> {
    let (year, n) = key(number)?;
    desk.ledger.flash(year, n).await?.ok_or(Refusal::Absent)
}

struct Row {
    number: String,
    level: &'static str,
    hot: bool,
    title: String,
    state: &'static str,
    author: String,
    at: String,
}

#[derive(Template)]
#[template(path = "bulletin-flash.html")]
struct ListPage {
    shell: Shell,
    w: &'static Words,
    rows: Vec<Row>,
    may_edit: bool,
}

type At = State<Arc<Desk>>;

async fn list(State(desk): At, visitor: Visitor) -> Result<Response, Refusal> {
    centre(&visitor)?;
    let w = Words::of(visitor.lang);
    let rows = desk
        .ledger
        .flashes(Page {
            offset: 0,
            limit: 200,
        })
        .await?;
    let rows = rows.iter().map(|row| Row {
        number: format!("{}-{}", row.year, row.number),
        level: level(row, w),
        hot: row.level == "critical",
        title: title(row, visitor.lang),
        state: state(row, w),
        author: row.author.clone(),
        at: draw::exact(&desk, row.created_at),
    });
    Ok(shell::page(&ListPage {
        shell: shell::shell(&desk, &visitor, Nav::Bulletin, w.title).await,
        w,
        rows: rows.collect(),
        may_edit: visitor.may(Right::Edit),
    }))
}

#[derive(Template)]
#[template(path = "bulletin-flash-new.html")]
struct WritePage {
    shell: Shell,
    w: &'static Words,
    form: Body,
    wrong: String,
}

async fn write(State(desk): At, visitor: Visitor) -> Result<Response, Refusal> {
    person(&desk, &visitor, Right::Edit).await?;
    let w = Words::of(visitor.lang);
    Ok(shell::page(&WritePage {
        shell: shell::shell(&desk, &visitor, Nav::Bulletin, w.new).await,
        w,
        form: Body {
            level: "warning".to_owned(),
            ..Body::default()
        },
        wrong: String::new(),
    }))
}

async fn draft(desk: &Desk, visitor: &Visitor, body: &Body) -> Result<Flash, Refusal> {
    let by = person(desk, visitor, Right::Edit).await?;
    let now = desk.now();
    let year = now
        .date_in(&desk.terms().zone)
        .map_or(1970, |date| date.year());
    let own = body.clone();
    let lf = |text: String| text.replace("\r\n", "\n");
    let new = NewFlash {
        year: i32::from(year),
        level: own.level,
        title: (own.title_zh, own.title_en),
        text: (lf(own.text_zh), lf(own.text_en)),
        affected: (lf(own.affected_zh), lf(own.affected_en)),
        advice: (lf(own.advice_zh), lf(own.advice_en)),
        links: own
            .links
            .lines()
            .map(|line| line.trim().to_owned())
            .filter(|line| !line.is_empty())
            .collect(),
        tlp: newsroom(desk)?.tlp().label().to_owned(),
        author: by.login().to_owned(),
    };
    Ok(desk.ledger.draft_flash(new, now.0).await?)
}

async fn draft_page(
    State(desk): At,
    visitor: Visitor,
    Input(body): Input<Body>,
) -> Result<Response, Refusal> {
    let w = Words::of(visitor.lang);
    match draft(&desk, &visitor, &body).await {
        Ok(row) => {
            let to = format!("/console/bulletin/flash/{}-{}", row.year, row.number);
            Ok(done(&to, w.stored))
        }
        // What was typed comes back with what is wrong.
        Err(Refusal::Conflict(_, wrong)) => Ok(shell::status_page(
            StatusCode::UNPROCESSABLE_ENTITY,
            &WritePage {
                shell: shell::shell(&desk, &visitor, Nav::Bulletin, w.new).await,
                w,
                form: body,
                wrong,
            },
        )),
        Err(other) => Err(other),
    }
}

async fn draft_api(
    State(desk): At,
    visitor: Visitor,
    Input(body): Input<Body>,
) -> Result<Response, Refusal> {
    let row = draft(&desk, &visitor, &body).await?;
    Ok((StatusCode::CREATED, axum::Json(FlashView::of(&row))).into_response())
}

#[derive(Template)]
#[template(path = "bulletin-flash-one.html")]
struct OnePage {
    shell: Shell,
    w: &'static Words,
    base: String,
    heading: String,
    level: &'static str,
    hot: bool,
    state: &'static str,
    steps: Vec<(String, String)>,
    hash: String,
    code: &'static str,
    /// What comes next: its label and address, and why not.
    next: Option<(&'static str, &'static str, String)>,
    may_withdraw: bool,
}

async fn one(
    State(desk): At,
    visitor: Visitor,
    Path(number): Path<String>,
) -> Result<Response, Refusal> {
    centre(&visitor)?;
    let w = Words::of(visitor.lang);
    let row = load(&desk, &number).await?;
    let mut steps = vec![(
        fill(w.wrote, &[("who", &row.author)]),
        draw::exact(&desk, row.created_at),
    )];
    let mut step = |who: &Option<String>, at: Option<i64>, text: String| {
        if let (Some(_), Some(at)) = (who, at) {
            steps.push((text, draw::exact(&desk, at)));
        }
    };
    let name = |who: &Option<String>| who.clone().unwrap_or_default();
    step(
        &row.approved_by,
        row.approved_at,
        fill(w.signed, &[("who", &name(&row.approved_by))]),
    );
    step(
        &row.published_by,
        row.published_at,
        fill(w.out, &[("who", &name(&row.published_by))]),
    );
    let taken = fill(
        w.taken,
        &[
            ("who", &name(&row.withdrawn_by)),
            ("why", &name(&row.withdrawn_why)),
        ],
    );
    step(&row.withdrawn_by, row.withdrawn_at, taken);
    let may_approve = stand::may(&desk, &visitor, Right::Approve).await;
    let next = match row.state {
        FlashState::Draft => {
            let why = match (row.author == visitor.login(), may_approve) {
                (true, _) => w.own,
                (false, false) => w.role,
                (false, true) => "",
            };
            Some((w.approve, "approve", why.to_owned()))
        }
        FlashState::Approved => {
            let why = match visitor.may(Right::Publish) {
                true => "",
                false => w.publish_role,
            };
            Some((w.publish, "publish", why.to_owned()))
        }
        _ => None,
    };
    let heading = title(&row, visitor.lang);
    let number = format!("{}-{}", row.year, row.number);
    let name = format!("{} {number}", w.title);
    Ok(shell::page(&OnePage {
        shell: shell::shell(&desk, &visitor, Nav::Bulletin, &name).await,
        w,
        base: format!("/console/bulletin/flash/{number}"),
        heading,
        level: level(&row, w),
        hot: row.level == "critical",
        state: state(&row, w),
        steps,
        hash: row.hash.to_string(),
        code: visitor.lang.code(),
        next,
        may_withdraw: may_approve && row.state != FlashState::Withdrawn,
    }))
}

async fn sheet(
    State(desk): At,
    visitor: Visitor,
    Path((number, lang)): Path<(String, String)>,
) -> Result<Response, Refusal> {
    centre(&visitor)?;
    let lang = match lang.ends_with("en") || lang.ends_with("en.html") {
        true => Lang::En,
        false => Lang::Zh,
    };
    let html = newsroom(&desk)?.flash_page(key(&number)?, lang).await?;
    Ok(files::framed(html))
}

async fn approve(desk: &Desk, visitor: &Visitor, number: &str) -> Result<Flash, Refusal> {
    let by = person(desk, visitor, Right::Approve).await?;
    let names: Vec<&str> = std::iter::once(by.login()).chain(by.acting_for()).collect();
    let now = desk.now().0;
    Ok(desk.ledger.approve_flash(key(number)?, &names, now).await?)
}

async fn approve_page(
    State(desk): At,
    visitor: Visitor,
    Path(number): Path<String>,
    Input(_): Input<Empty>,
) -> Result<Response, Refusal> {
    approve(&desk, &visitor, &number).await?;
    Ok(back(&number, Words::of(visitor.lang).said_approved))
}

fn back(number: &str, said: &str) -> Response {
    done(
        &format!("/console/bulletin/flash/{}", super::encode(number)),
        said,
    )
}

async fn approve_api(
    State(desk): At,
    visitor: Visitor,
    Path(number): Path<String>,
    Input(_): Input<Empty>,
) -> Result<Response, Refusal> {
    let row = approve(&desk, &visitor, &number).await?;
    Ok(axum::Json(FlashView::of(&row)).into_response())
}

async fn publish(desk: &Desk, visitor: &Visitor, number: &str) -> Result<Flash, Refusal> {
    let by = person(desk, visitor, Right::Publish).await?;
    Ok(newsroom(desk)?
        .publish_flash(key(number)?, by.login())
        .await?)
}

async fn publish_page(
    State(desk): At,
    visitor: Visitor,
    Path(number): Path<String>,
    Input(_): Input<Empty>,
) -> Result<Response, Refusal> {
    publish(&desk, &visitor, &number).await?;
    Ok(back(&number, Words::of(visitor.lang).said_published))
}

async fn publish_api(
    State(desk): At,
    visitor: Visitor,
    Path(number): Path<String>,
    Input(_): Input<Empty>,
) -> Result<Response, Refusal> {
    let row = publish(&desk, &visitor, &number).await?;
    Ok(axum::Json(FlashView::of(&row)).into_response())
}

async fn withdraw(
    desk: &Desk,
    visitor: &Visitor,
    number: &str,
    why: &Why,
) -> Result<Flash, Refusal> {
    let by = person(desk, visitor, Right::Approve).await?;
    reason("reason", &why.reason)?;
    Ok(newsroom(desk)?
        .withdraw_flash(key(number)?, why.reason.trim(), by.login())
        .await?)
}

async fn withdraw_page(
    State(desk): At,
    visitor: Visitor,
    Path(number): Path<String>,
    Input(why): Input<Why>,
) -> Result<Response, Refusal> {
    withdraw(&desk, &visitor, &number, &why).await?;
    Ok(back(&number, Words::of(visitor.lang).said_withdrawn))
}

async fn withdraw_api(
    State(desk): At,
    visitor: Visitor,
    Path(number): Path<String>,
    Input(why): Input<Why>,
) -> Result<Response, Refusal> {
    let row = withdraw(&desk, &visitor, &number, &why).await?;
    Ok(axum::Json(FlashView::of(&row)).into_response())
}

async fn list_api(
    State(desk): At,
    visitor: Visitor,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    centre(&visitor)?;
    let rows = desk
        .ledger
        .flashes(Page {
            offset: 0,
            limit: 200,
        })
        .await?;
    let rows: Vec<FlashView> = rows.iter().map(FlashView::of).collect();
    answer(&headers, &rows)
}

async fn one_api(
    State(desk): At,
    visitor: Visitor,
    headers: HeaderMap,
    Path(number): Path<String>,
) -> Result<Response, Refusal> {
    centre(&visitor)?;
    answer(&headers, &FlashView::of(&load(&desk, &number).await?))
}
