//! Accounts: who works here, in which roles, for which organization. Administrators of the house only.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use ledger::{Account, Actor};
use model::ids::OrganizationId;
use model::newsroom::{AccountRole, Right};
use model::worded::Word;
use serde::Deserialize;

use super::{Tab, of_the_house, tabs};
use crate::Desk;
use crate::pages::draw;
use crate::pages::form::{Input, done};
use crate::pages::shell::{self, Nav, Shell};
use crate::refusal::Refusal;
use crate::routes::{Need, Route, Verb, delete, get, post};
use crate::signing;
use crate::visitor::Visitor;
use crate::words::{fill, word, words};

use super::deputies::{self, Standing};

mod api;

const ADMINISTER: Need = Need::Right(Right::Administer);

pub(crate) const ROUTES: &[Route] = &[
    Route::page("/console/settings/users", ADMINISTER, || get(list_page)),
    Route::page("/console/settings/users/{login}", ADMINISTER, || {
        get(one_page)
    }),
    Route::act("/console/settings/users", ADMINISTER, || post(set_form)).fresh(),
    Route::act(
        "/console/settings/users/{login}/organization",
        ADMINISTER,
        || post(organization_form),
    )
    .fresh(),
    Route::act(
        "/console/settings/users/{login}/password",
        ADMINISTER,
        || post(password_form),
    )
    .fresh(),
    Route::act(
        "/console/settings/users/{login}/second-factor",
        ADMINISTER,
        || post(factor_form),
    )
    .fresh(),
    Route::act(
        "/console/settings/users/{login}/release",
        ADMINISTER,
        || post(release_form),
    ),
    Route::act(
        "/console/settings/users/{login}/sessions",
        ADMINISTER,
        || post(sessions_form),
    ),
    Route::api(
        Verb::Get,
        "/api/v1/accounts",
        ADMINISTER,
        api::list_described,
        || get(api::list_api),
    ),
    Route::api(
        Verb::Post,
        "/api/v1/accounts",
        ADMINISTER,
        api::set_described,
        || post(api::set_api),
    )
    .fresh(),
    Route::api(
        Verb::Post,
        "/api/v1/accounts/{login}/organization",
        ADMINISTER,
        api::organization_described,
        || post(api::organization_api),
    )
    .fresh(),
    Route::api(
        Verb::Post,
        "/api/v1/accounts/{login}/password",
        ADMINISTER,
        api::password_described,
        || post(api::password_api),
    )
    .fresh(),
    Route::api(
        Verb::Delete,
        "/api/v1/accounts/{login}/second-factor",
        ADMINISTER,
        api::factor_described,
        || delete(api::factor_api),
    )
    .fresh(),
    Route::api(
        Verb::Delete,
        "/api/v1/accounts/{login}/sessions",
        ADMINISTER,
        api::sessions_described,
        || delete(api::sessions_api),
    ),
];

words! {
    Words {
        title: "账户", "Accounts";
        add: "添加账户", "Add an account";
        login: "账户", "Account";
        login_hint: "小写字母、数字、点、短横线。", "Small letters, digits, dots, hyphens.";
        name: "姓名", "Name";
        roles: "角色", "Roles";
        organization: "单位", "Organization";
        house: "本中心", "The house";
        closed: "已停用", "closed";
        held: "登录受限至 {time}", "sign-in waits until {time}";
        factor: "第二步", "Second step";
        yes: "有", "on";
        no: "无", "off";
        seen: "最近登录", "Last signed in";
        never: "从未", "never";
        save: "保存", "Save";
        saved: "{login} 已保存", "{login} is saved";
        made: "已添加 {login}。接下来给一个口令。", "{login} is added. Now give a password.";
        close: "停用账户", "Close the account";
        close_text: "停用后不能登录，令牌失效；做过的事都保留。", "Nobody signs in by it and its tokens are dead; what it did stays.";
        reopen: "重新启用", "Open again";
        reset: "设新口令", "Make a new password";
        reset_text: "生成一个口令，只显示一次，首次登录必须更改；已登录的浏览器全部退出。", "A password is made and shown once; it must be changed at the first sign-in. Every browser is signed out.";
        shown_once: "{login} 的新口令，只显示这一次：", "The new password of {login}, shown this once:";
        drop_factor: "取消第二步验证", "Take off the second step";
        drop_factor_text: "手机与恢复码都丢失时使用。请先当面或电话核实本人。", "For the day when phone and recovery codes are lost. First make sure, face to face or by telephone, who asks.";
        dropped: "第二步验证已取消", "The second step is taken off";
        release: "解除登录限制", "Let sign-in go on";
        released: "已解除", "Let go on";
        end: "退出全部浏览器", "Sign out everywhere";
        ended: "已退出 {n} 个浏览器", "Signed out of {n} browsers";
        organization_text: "属于其他单位的账户只看到该单位的事件或门户。", "An account of another organization sees that one's incidents or portal only.";
        back: "全部账户", "All accounts";
        by: "由 {by} 于 {time} 添加", "added by {by}, {time}";
    }
}

/// A row of the list.
struct Row {
    login: String,
    name: String,
    roles: String,
    organization: String,
    active: bool,
    held: Option<String>,
    factor: bool,
    seen: String,
}

#[derive(Template)]
#[template(path = "settings-users.html")]
struct ListPage {
    shell: Shell,
    w: &'static Words,
    tabs: Vec<Tab>,
    rows: Vec<Row>,
    roles: Vec<Role>,
    d: &'static deputies::Words,
    deputies: Vec<Standing>,
    approvers: Vec<String>,
    logins: Vec<String>,
    today: String,
}

/// A role that may be ticked.
struct Role {
    label: &'static str,
    word: &'static str,
    what: &'static str,
    held: bool,
}

#[derive(Template)]
#[template(path = "settings-user.html")]
struct OnePage {
    shell: Shell,
    w: &'static Words,
    login: String,
    name: String,
    roles: Vec<Role>,
    active: bool,
    made: String,
    organization: String,
    organizations: Vec<(String, String)>,
    factor: bool,
    held: Option<String>,
    sessions: usize,
    /// What is said of the password that was just made, and the password.
    password: Option<(String, String)>,
    own: bool,
}

fn roles(held: &[AccountRole], visitor: &Visitor) -> Vec<Role> {
    let zh = visitor.lang == model::bulletin::Lang::Zh;
    AccountRole::ALL
        .iter()
        .map(|role| Role {
            label: role.label(),
            word: word(*role, visitor.lang),
            what: match (role, zh) {
                (AccountRole::Viewer, true) => "只看",
                (AccountRole::Viewer, false) => "reads",
                (AccountRole::Analyst, true) => "处置事件、发通报",
                (AccountRole::Analyst, false) => "works on incidents, has notices sent",
                (AccountRole::Lead, true) => "带班，启用与停止发送",
                (AccountRole::Lead, false) => "leads the shift, arms and stops sending",
                (AccountRole::Editor, true) => "写周报",
                (AccountRole::Editor, false) => "writes the bulletin",
                (AccountRole::Approver, true) => "签发周报",
                (AccountRole::Approver, false) => "signs the bulletin",
                (AccountRole::Administrator, true) => "管理账户",
                (AccountRole::Administrator, false) => "keeps accounts",
                (AccountRole::Party, true) => "其他单位的人，只进门户",
                (AccountRole::Party, false) => "of another organization, portal only",
            },
            held: held.contains(role),
        })
        .collect()
}

/// The administrator that acts; of the house only.
async fn administrator(desk: &Desk, visitor: &Visitor) -> Result<Actor, Refusal> {
    of_the_house(visitor)?;
    visitor.actor(desk, Right::Administer).await
}

async fn list_page(State(desk): State<Arc<Desk>>, visitor: Visitor) -> Result<Response, Refusal> {
    of_the_house(&visitor)?;
    let w = Words::of(visitor.lang);
    let now = desk.now().0;
    let accounts = desk.ledger.accounts().await?;
    let factors = desk.ledger.second_factors().await?;
    let names = deputies::organizations(&desk, visitor.lang).await?;
    let mut rows = Vec::with_capacity(accounts.len());
    for account in &accounts {
        let held = desk.ledger.sign_in_held(&account.login, now).await?;
        let sessions = desk.ledger.sessions_of(&account.login).await?;
        let roles: Vec<&str> = account
            .roles()
            .into_iter()
            .map(|role| word(role, visitor.lang))
            .collect();
        let organization = account.organization.as_ref().map(|id| {
            names
                .iter()
                .find(|(known, _)| known == id)
                .map_or(id.as_str(), |(_, name)| name)
        });
        rows.push(Row {
            login: account.login.clone(),
            name: account.name.clone(),
            roles: roles.join(" · "),
            organization: organization.unwrap_or(w.house).to_owned(),
            active: account.active,
            held: held.map(|at| fill(w.held, &[("time", &draw::exact(&desk, at))])),
            factor: factors.contains(&account.login),
            seen: sessions.first().map_or_else(
                || w.never.to_owned(),
                |one| draw::ago(now, one.seen_at, visitor.lang),
            ),
        });
    }
    let active = accounts.iter().filter(|one| one.active);
    let approvers = active.clone().filter(|one| one.may(Right::Approve));
    Ok(shell::page(&ListPage {
        shell: shell::shell(&desk, &visitor, Nav::Settings, w.title).await,
        w,
        tabs: tabs(&visitor, "/console/settings/users"),
        rows,
        roles: roles(&[], &visitor),
        d: deputies::Words::of(visitor.lang),
        deputies: deputies::standing(&desk, visitor.lang).await?,
        approvers: approvers.map(|one| one.login.clone()).collect(),
        logins: active.map(|one| one.login.clone()).collect(),
        today: deputies::today(&desk).to_string(),
    }))
}

async fn one(
    desk: &Desk,
    visitor: &Visitor,
    login: &str,
    password: Option<String>,
) -> Result<Response, Refusal> {
    of_the_house(visitor)?;
    let w = Words::of(visitor.lang);
    let now = desk.now().0;
    let account = desk.ledger.account(login).await?.ok_or(Refusal::Absent)?;
    let held = desk.ledger.sign_in_held(login, now).await?;
    let made = draw::exact(desk, account.created_at);
    let mut sessions = desk.ledger.sessions_of(login).await?;
    sessions.retain(|one| now < one.expires_at && now < one.seen_at + crate::guard::IDLE);
    let organizations = deputies::organizations(desk, visitor.lang).await?;
    let factor = signing::has_second_factor(desk, login).await?;
    Ok(shell::page(&OnePage {
        shell: shell::shell(desk, visitor, Nav::Settings, &account.login).await,
        w,
        roles: roles(&account.roles(), visitor),
        active: account.active,
        made: fill(w.by, &[("by", &account.created_by), ("time", &made)]),
        organization: account.organization.clone().unwrap_or_default(),
        organizations,
        factor,
        held: held.map(|at| fill(w.held, &[("time", &draw::exact(desk, at))])),
        sessions: sessions.len(),
        password: password.map(|text| (fill(w.shown_once, &[("login", &account.login)]), text)),
        own: visitor.login() == account.login,
        login: account.login,
        name: account.name,
    }))
}

async fn one_page(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path(login): Path<String>,
) -> Result<Response, Refusal> {
    one(&desk, &visitor, &login, None).await
}

/// An account as a page's form says it: a box a role.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetForm {
    login: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    viewer: bool,
    #[serde(default)]
    analyst: bool,
    #[serde(default)]
    lead: bool,
    #[serde(default)]
    editor: bool,
    #[serde(default)]
    approver: bool,
    #[serde(default)]
    administrator: bool,
    #[serde(default)]
    party: bool,
    /// Whether it may act; a form that does not say leaves it.
    active: Option<bool>,
    /// Only for an account that is not there yet.
    #[serde(default)]
    new: bool,
}

/// Makes or changes an account.
async fn set(
    desk: &Desk,
    visitor: &Visitor,
    (login, name): (&str, &str),
    roles: &[AccountRole],
    active: Option<bool>,
) -> Result<Account, Refusal> {
    let by = administrator(desk, visitor).await?;
    let login = login.trim().to_lowercase();
    if roles.is_empty() {
        return Err(Refusal::invalid("roles", "name at least one role"));
    }
    if name.chars().count() > 100 || name.chars().any(char::is_control) {
        return Err(Refusal::invalid(
            "name",
            "takes 100 characters at most, and none that controls",
        ));
    }
    let before = desk.ledger.account(&login).await?;
    let active = active.unwrap_or_else(|| before.is_none_or(|one| one.active));
    let new = (login.as_str(), name.trim(), roles, active);
    let now = desk.now().0;
    let account = desk.ledger.set_account(&by, new, now).await?;
    if !account.active {
        desk.ledger.end_sessions(&by, &account.login, now).await?;
    }
    Ok(account)
}

async fn set_form(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Input(form): Input<SetForm>,
) -> Result<Response, Refusal> {
    let w = Words::of(visitor.lang);
    let all = [
        (form.viewer, AccountRole::Viewer),
        (form.analyst, AccountRole::Analyst),
        (form.lead, AccountRole::Lead),
        (form.editor, AccountRole::Editor),
        (form.approver, AccountRole::Approver),
        (form.administrator, AccountRole::Administrator),
        (form.party, AccountRole::Party),
    ];
    let roles: Vec<AccountRole> = all
        .into_iter()
        .filter_map(|(held, role)| held.then_some(role))
        .collect();
    let login = form.login.trim().to_lowercase();
    if form.new && desk.ledger.account(&login).await?.is_some() {
        return Err(Refusal::conflict(login, "is an account already"));
    }
    let account = set(&desk, &visitor, (&login, &form.name), &roles, form.active).await?;
    let said = if form.new { w.made } else { w.saved };
    let to = format!("/console/settings/users/{}", account.login);
    Ok(done(&to, &fill(said, &[("login", &account.login)])))
}

/// Which organization an account works for.
#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Belongs {
    /// Id of the organization; empty for the house.
    #[serde(default)]
    organization: String,
}

async fn belong(
    desk: &Desk,
    visitor: &Visitor,
    login: &str,
    to: &Belongs,
) -> Result<Account, Refusal> {
    let by = administrator(desk, visitor).await?;
    let id = match to.organization.trim() {
        "" => None,
        text => {
            let id = text.parse::<OrganizationId>();
            let id =
                id.map_err(|_| Refusal::invalid("organization", "is no id of an organization"))?;
            desk.ledger.organization(id).await?;
            Some(id.to_string())
        }
    };
    let now = desk.now().0;
    desk.ledger
        .set_account_organization(&by, login, id.as_deref(), now)
        .await?;
    // What the browser shows was asked for within the old reach.
    desk.ledger.end_sessions(&by, login, now).await?;
    desk.ledger.account(login).await?.ok_or(Refusal::Absent)
}

async fn organization_form(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path(login): Path<String>,
    Input(form): Input<Belongs>,
) -> Result<Response, Refusal> {
    let account = belong(&desk, &visitor, &login, &form).await?;
    let said = fill(Words::of(visitor.lang).saved, &[("login", &account.login)]);
    Ok(done(
        &format!("/console/settings/users/{}", account.login),
        &said,
    ))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// Makes a password that must be changed at the first sign-in.
async fn make_password(desk: &Desk, visitor: &Visitor, login: &str) -> Result<String, Refusal> {
    let by = administrator(desk, visitor).await?;
    let account = desk.ledger.account(login).await?.ok_or(Refusal::Absent)?;
    let text = desk.secret()?;
    // 120 bits, in groups that can be read out.
    let letters: Vec<char> = text
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .take(20)
        .collect();
    let groups: Vec<String> = letters
        .chunks(5)
        .map(|five| five.iter().collect())
        .collect();
    let password = groups.join("-");
    let hash = signing::chosen(desk, &account.login, &password, visitor.lang).await?;
    let now = desk.now().0;
    desk.ledger
        .set_password(by.login(), &account.login, (&hash, true), now)
        .await?;
    Ok(password)
}

async fn password_form(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path(login): Path<String>,
    Input(Nothing {}): Input<Nothing>,
) -> Result<Response, Refusal> {
    let password = make_password(&desk, &visitor, &login).await?;
    one(&desk, &visitor, &login, Some(password)).await
}

async fn drop_factor(desk: &Desk, visitor: &Visitor, login: &str) -> Result<(), Refusal> {
    let by = administrator(desk, visitor).await?;
    let now = desk.now().0;
    desk.ledger
        .drop_second_factor(by.login(), login, now)
        .await?;
    desk.ledger.end_sessions(&by, login, now).await?;
    Ok(())
}

async fn factor_form(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path(login): Path<String>,
    Input(Nothing {}): Input<Nothing>,
) -> Result<Response, Refusal> {
    drop_factor(&desk, &visitor, &login).await?;
    let to = format!("/console/settings/users/{login}");
    Ok(done(&to, Words::of(visitor.lang).dropped))
}

async fn release_form(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path(login): Path<String>,
    Input(Nothing {}): Input<Nothing>,
) -> Result<Response, Refusal> {
    let by = administrator(&desk, &visitor).await?;
    desk.ledger
        .release_sign_in(&by, &login, desk.now().0)
        .await?;
    let to = format!("/console/settings/users/{login}");
    Ok(done(&to, Words::of(visitor.lang).released))
}

async fn end_all(desk: &Desk, visitor: &Visitor, login: &str) -> Result<u64, Refusal> {
    let by = administrator(desk, visitor).await?;
    desk.ledger.account(login).await?.ok_or(Refusal::Absent)?;
    Ok(desk.ledger.end_sessions(&by, login, desk.now().0).await?)
}

async fn sessions_form(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path(login): Path<String>,
    Input(Nothing {}): Input<Nothing>,
) -> Result<Response, Refusal> {
    let ended = end_all(&desk, &visitor, &login).await?;
    let said = fill(Words::of(visitor.lang).ended, &[("n", &ended)]);
    Ok(done(&format!("/console/settings/users/{login}"), &said))
}
