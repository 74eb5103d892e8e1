//! The second step: setting an authenticator up, its recovery codes, taking it off.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use ledger::{Account, Admission, Hash};
use serde::Deserialize;

use super::own;
use crate::Desk;
use crate::pages::form::{Input, done};
use crate::pages::shell::{self, Nav, Shell};
use crate::pages::sign_in::{held, home, waited};
use crate::refusal::Refusal;
use crate::routes::{Need, Route, get, post};
use crate::signing;
use crate::totp::{self, Picture};
use crate::visitor::Visitor;
use crate::words::{fill, words};

pub(crate) const ROUTES: &[Route] = &[
    Route::page("/console/me/second-factor", Need::SignedIn, || get(page)),
    Route::act("/console/me/second-factor/begin", Need::SignedIn, || {
        post(begin)
    }),
    Route::act("/console/me/second-factor/confirm", Need::SignedIn, || {
        post(confirm)
    }),
    Route::act("/console/me/second-factor/codes", Need::SignedIn, || {
        post(renew)
    }),
    Route::act("/console/me/second-factor/off", Need::SignedIn, || {
        post(off)
    }),
];

const PAGE: &str = "/console/me/second-factor";

words! {
    Words {
        title: "第二步验证", "Second step";
        about: "登录时除口令外，再输入手机上身份验证器给出的六位数字。口令被人知道了，账户仍然安全。", "Besides the password, signing in asks for six digits that an authenticator on your phone shows. Whoever learns the password still stays outside.";
        owed: "您的角色需要第二步验证，请现在设置。", "Your role needs a second step. Set it up now.";
        begin: "开始设置", "Set it up";
        scan: "用身份验证器扫描", "Scan it with your authenticator";
        picture: "含密钥的二维码", "QR code that holds the secret";
        type_in: "不能扫描时，手工输入密钥：", "If it cannot be scanned, type the secret:";
        code: "六位数字", "Six digits";
        then: "然后输入它显示的数字", "Then type the digits that it shows";
        confirm: "启用", "Switch on";
        wrong: "数字不对。请核对手机时间，再输入一次。", "The digits are wrong. Check the phone's clock and type them again.";
        on: "已启用", "On";
        on_text: "自 {time} 起启用，还剩 {n} 个恢复码。", "On since {time}; {n} recovery codes are left.";
        few: "恢复码快用完了，请换一批。", "Few recovery codes are left: make new ones.";
        renew: "更换恢复码", "New recovery codes";
        renew_text: "旧的恢复码随即全部作废。", "All old ones are void at once.";
        off: "停用", "Switch off";
        off_text: "停用后，只凭口令就能登录。", "Afterwards the password alone is enough.";
        off_needed: "您的角色需要第二步验证，不能停用。", "Your role needs a second step: it cannot be switched off.";
        off_done: "第二步验证已停用", "The second step is off";
        password: "口令", "Password";
        password_wrong: "口令不对。", "The password is wrong.";
        wait: "尝试次数过多，请在 {time} 后再试。", "Too many attempts. Try again in {time}.";
        codes: "恢复码", "Recovery codes";
        codes_text: "手机丢失时，每个恢复码可代替验证码用一次。请现在打印或抄下，存放在安全处；本页关闭后不再显示。", "Should the phone be lost, each of these stands in for the digits once. Print or write them down now, and keep them safe: they are not shown again.";
        codes_done: "已保存，继续", "They are kept; go on";
        back: "返回我的账户", "Back to my account";
    }
}

/// A secret that waits for its first code.
struct Offer {
    picture: Picture,
    /// The secret in groups of four.
    secret: String,
}

#[derive(Template)]
#[template(path = "me-factor.html")]
struct FactorPage {
    shell: Shell,
    w: &'static Words,
    offer: Option<Offer>,
    /// What is said of the one in force.
    on: Option<String>,
    few: bool,
    /// Whether the role needs one.
    needed: bool,
    owed: bool,
    /// Whether a password is asked for before something is changed.
    guarded: bool,
    wrong: String,
}

#[derive(Template)]
#[template(path = "me-codes.html")]
struct CodesPage {
    shell: Shell,
    w: &'static Words,
    codes: Vec<String>,
    to: &'static str,
}

async fn form(desk: &Desk, visitor: &Visitor, wrong: String) -> Result<FactorPage, Refusal> {
    let w = Words::of(visitor.lang);
    let account = own(visitor)?;
    let factor = desk.ledger.second_factor(&account.login).await?;
    let needed = signing::needs_second_factor(desk, account).await?;
    let left = desk.ledger.recovery_codes_left(&account.login).await?;
    let mut offer = None;
    let mut on = None;
    if let Some(factor) = &factor {
        match factor.confirmed_at {
            Some(at) => {
                let since = crate::pages::draw::exact(desk, at);
                on = Some(fill(w.on_text, &[("time", &since), ("n", &left)]));
            }
            None => {
                let secret = signing::secret_of(desk, factor).await?;
                let groups = secret.as_bytes().chunks(4);
                let groups: Vec<_> = groups.map(String::from_utf8_lossy).collect();
                offer = Some(Offer {
                    picture: totp::picture(&secret, &house(desk, visitor), &account.login)?,
                    secret: groups.join(" "),
                });
            }
        }
    }
    let owed = needed && on.is_none();
    let mut shell = shell::shell(desk, visitor, Nav::Nowhere, w.title).await;
    if owed {
        // Nothing else is open before: nothing else is shown.
        shell.entries.clear();
    }
    Ok(FactorPage {
        shell,
        w,
        few: on.is_some() && left < 4,
        owed,
        on,
        offer,
        needed,
        guarded: desk.ledger.credential(&account.login).await?.is_some(),
        wrong,
    })
}

/// What the authenticator writes beside the digits.
fn house(desk: &Desk, visitor: &Visitor) -> String {
    let terms = desk.terms();
    let named = terms.house.organization.get(visitor.lang).to_owned();
    match named.is_empty() {
        true => "Watchfire".to_owned(),
        false => named,
    }
}

async fn page(State(desk): State<Arc<Desk>>, visitor: Visitor) -> Result<Response, Refusal> {
    Ok(shell::page(&form(&desk, &visitor, String::new()).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

async fn begin(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Input(Nothing {}): Input<Nothing>,
) -> Result<Response, Refusal> {
    let account = own(&visitor)?;
    let sealed = signing::seal(&desk)?.seal(&account.login, &totp::secret()?);
    let sealed = sealed.map_err(|error| Refusal::broken("a second factor", error))?;
    desk.ledger
        .offer_second_factor(&account.login, &sealed, desk.now().0)
        .await?;
    Ok(done(PAGE, ""))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Shown {
    code: String,
}

async fn refused(desk: &Desk, visitor: &Visitor, text: &str) -> Result<Response, Refusal> {
    let page = form(desk, visitor, text.to_owned()).await?;
    Ok(shell::status_page(StatusCode::UNPROCESSABLE_ENTITY, &page))
}

async fn confirm(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
    Input(given): Input<Shown>,
) -> Result<Response, Refusal> {
    let w = Words::of(visitor.lang);
    let account = own(&visitor)?;
    let now = desk.now().0;
    let factor = desk.ledger.second_factor(&account.login).await?;
    let factor = factor
        .filter(|one| one.confirmed_at.is_none())
        .ok_or(Refusal::Absent)?;
    let code = totp::typed(&given.code);
    let Some(step) = totp::step(&signing::secret_of(&desk, &factor).await?, &code, now)? else {
        return refused(&desk, &visitor, w.wrong).await;
    };
    let (codes, hashes) = codes()?;
    desk.ledger
        .confirm_second_factor(&account.login, step, &hashes, now)
        .await?;
    // What was signed in by a password alone is so no longer; this browser showed both.
    if let Some(kept) = visitor.session {
        desk.ledger
            .end_other_sessions(&account.login, kept, now)
            .await?;
    }
    let session = signing::begin(&desk, &visitor, &headers, "password+totp").await?;
    let mut response = shell::page(&CodesPage {
        shell: shell::shell(&desk, &visitor, Nav::Nowhere, w.codes).await,
        w,
        codes,
        to: home(&visitor),
    });
    response.headers_mut().append(header::SET_COOKIE, session);
    Ok(response)
}

/// New recovery codes, and what of them is stored.
fn codes() -> Result<(Vec<String>, Vec<Hash>), Refusal> {
    let codes = totp::recovery_codes()?;
    let hashes = codes
        .iter()
        .map(|code| Hash::of(totp::typed(code).as_bytes()));
    let hashes = hashes.collect();
    Ok((codes, hashes))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Proof {
    #[serde(default)]
    password: String,
}

/// Asks for the password once more before what proves a person is changed; what is shown where it is wrong.
async fn again(
    desk: &Desk,
    visitor: &Visitor,
    account: &Account,
    password: &str,
) -> Result<Option<Response>, Refusal> {
    let w = Words::of(visitor.lang);
    let now = desk.now().0;
    if desk.ledger.credential(&account.login).await?.is_none() {
        return Ok(None);
    }
    let tried = desk
        .ledger
        .try_sign_in(&account.login, &visitor.source, now)
        .await?;
    if let Admission::Wait(left) = tried {
        let wait = fill(w.wait, &[("time", &waited(left, visitor.lang))]);
        return held(&form(desk, visitor, wait).await?, left).map(Some);
    }
    match signing::is_right(desk, &account.login, password).await? {
        false => refused(desk, visitor, w.password_wrong).await.map(Some),
        true => {
            desk.ledger
                .sign_in_succeeded(&account.login, &visitor.source)
                .await?;
            Ok(None)
        }
    }
}

async fn renew(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Input(given): Input<Proof>,
) -> Result<Response, Refusal> {
    let w = Words::of(visitor.lang);
    let account = own(&visitor)?;
    if let Some(refused) = again(&desk, &visitor, account, &given.password).await? {
        return Ok(refused);
    }
    let (codes, hashes) = codes()?;
    desk.ledger
        .renew_recovery_codes(&account.login, &hashes, desk.now().0)
        .await?;
    Ok(shell::page(&CodesPage {
        shell: shell::shell(&desk, &visitor, Nav::Nowhere, w.codes).await,
        w,
        codes,
        to: "/console/me",
    }))
}

async fn off(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Input(given): Input<Proof>,
) -> Result<Response, Refusal> {
    let w = Words::of(visitor.lang);
    let account = own(&visitor)?;
    if signing::needs_second_factor(&desk, account).await? {
        return Err(Refusal::conflict(w.title, w.off_needed));
    }
    if let Some(refused) = again(&desk, &visitor, account, &given.password).await? {
        return Ok(refused);
    }
    let now = desk.now().0;
    desk.ledger
        .drop_second_factor(&account.login, &account.login, now)
        .await?;
    Ok(done("/console/me", w.off_done))
}
