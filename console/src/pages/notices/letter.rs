//! One notice: its letter exactly as it will go, what became of it, and what can be done with it.

use std::io::Read;
use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use ledger::notice::Move;
use ledger::{NewAudit, Notice};
use model::ids::ContactId;
use model::newsroom::Right;
use model::notice::NoticeState;
use model::organization::Channel;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::{class_of, language, why_of};
use crate::Desk;
use crate::pages::draw;
use crate::pages::form::{Input, done};
use crate::pages::mail::{self, MailView};
use crate::pages::paging;
use crate::pages::shell::{self, Nav, Shell};
use crate::refusal::Refusal;
use crate::visitor::Visitor;
use crate::words::{fill, word, words};

words! {
    Words {
        title: "通报 #{n}", "Notice #{n}";
        to: "收件", "To";
        by: "方式", "By";
        language: "语言", "Language";
        attachment_kind: "附件格式", "Attachment";
        written: "写成", "Written";
        next: "最早发送", "Not before";
        sent: "送达", "Taken";
        approved: "放行", "Released by";
        held: "等待审批：", "Waits to be judged: ";
        about: "涉及事件", "About";
        letter: "原文", "The letter";
        exact: "将一字不差地这样发出。", "It goes out exactly as it stands here.";
        went: "已这样发出。", "It went out as it stands here.";
        encrypted: "内容已用对方密钥加密，只有对方能读；下方可下载密文。", "Its content is encrypted to the party's key: only they can read it. The ciphertext can be saved below.";
        unreadable: "这封信不是邮件，按原样显示。", "This letter is no mail; it is shown as it is.";
        attachments: "附件", "Attachments";
        none: "没有附件。", "No attachments.";
        save: "下载原件", "Save the original";
        quoted: "引用 {n} 行", "{n} quoted lines";
        attempts: "投递经过", "Attempts";
        never: "还没有试过投递。", "It was never tried.";
        reason: "原因", "Reason";
        release: "放行", "Release";
        release_text: "放行后，发送启用时随下一轮发出。", "Once released it goes out with the next round, if sending is on.";
        hold: "暂缓", "Hold";
        hold_text: "停在待审批，直到有人放行。", "It stops until somebody releases it.";
        drop: "取消", "Drop";
        drop_text: "这封不再发送；其中的处置请求会重新写信。", "This one is not sent; what it asks for is written about anew.";
        drop_ask: "取消后不能恢复这封信。继续？", "A dropped letter cannot be brought back. Go on?";
        again: "改寄", "Write to another contact";
        again_text: "按所选联系人重新写一封；原信未发的取消。", "A new letter is composed for the contact; this one is dropped unless it came back.";
        contact: "联系人", "Contact";
        no_contacts: "该单位没有可用的联系人：", "The party has no contact that may be used: ";
        add_contact: "添加联系人", "add one";
        carried: "已人工送达", "Carried by hand";
        carried_text: "记下怎样、交给谁、对方的编号。", "How, to whom, and the party's number for it.";
        carried_field: "怎样送达", "How it was carried";
        done_release: "通报 #{n} 已放行", "notice #{n} is released";
        done_hold: "通报 #{n} 已暂缓", "notice #{n} is held";
        done_drop: "通报 #{n} 已取消", "notice #{n} is dropped";
        done_again: "已写成新通报 #{n}", "notice #{n} is written instead";
        done_carried: "通报 #{n} 已记为送达", "notice #{n} is marked as carried";
        unknown_text: "对方是否收下还不知道：下一轮发送会用同一编号重试，不会重复投递。", "Whether the other side took it is not known: the next round tries again under the same identity.";
        exercise: "演练，不会发出", "Exercise: it never leaves";
        back: "通报", "Notices";
    }
}

struct Tried {
    outcome: String,
    reply: String,
    at: String,
    ago: String,
}

struct Reachable {
    id: String,
    label: String,
}

struct About {
    number: i64,
    what: String,
}

#[derive(Template)]
#[template(path = "notice.html")]
struct LetterPage {
    shell: Shell,
    w: &'static Words,
    notice: Notice,
    state: &'static str,
    class: &'static str,
    held: bool,
    unknown: bool,
    kind: &'static str,
    channel: &'static str,
    format: &'static str,
    party: String,
    party_href: String,
    why: String,
    written: String,
    next: String,
    sent: String,
    approved: String,
    abouts: Vec<About>,
    view: Option<MailView>,
    raw: String,
    attempts: Vec<Tried>,
    contacts: Vec<Reachable>,
    may_release: bool,
    may_hold: bool,
    may_drop: bool,
    may_again: bool,
    may_carry: bool,
}

/// The notice of a number, and its bytes.
pub(super) async fn load(desk: &Desk, number: i64) -> Result<(Notice, Vec<u8>), Refusal> {
    let notice = desk.ledger.notice_numbered(number).await?;
    let bytes = bytes(desk, &notice.body).await?;
    Ok((notice, bytes))
}

/// The bytes of a blob; they may be long, and lie on a disk.
pub(crate) async fn bytes(desk: &Desk, hash: &ledger::Hash) -> Result<Vec<u8>, Refusal> {
    let (blobs, hash) = (desk.blobs.clone(), *hash);
    let read = tokio::task::spawn_blocking(move || {
        let mut bytes = Vec::new();
        let mut blob = blobs.open(&hash).map_err(|error| error.to_string())?;
        blob.read_to_end(&mut bytes)
            .map_err(|error| error.to_string())?;
        Ok::<_, String>(bytes)
    });
    match read.await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) => Err(Refusal::broken("a blob", error)),
        Err(error) => Err(Refusal::broken("a blob", error)),
    }
}

pub(super) async fn page(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path(number): Path<String>,
) -> Result<Response, Refusal> {
    visitor.of_the_house()?;
    let (lang, now) = (visitor.lang, desk.now().0);
    let w = Words::of(lang);
    let (notice, bytes) = load(&desk, paging::number(&number)?).await?;
    let party = desk.ledger.organization(notice.organization_id.0).await?;
    let is_mail = notice.channel.0 == Channel::Mail;
    let view = is_mail.then(|| mail::view(&bytes, w.quoted)).flatten();
    let raw = match view {
        Some(_) => String::new(),
        None => mail::plain(&String::from_utf8_lossy(&bytes)),
    };
    let attempts = desk.ledger.attempts(notice.notice_id()).await?;
    let attempts = attempts.into_iter().rev().map(|one| Tried {
        outcome: outcome(&one.outcome, lang),
        reply: mail::plain(&one.reply),
        at: draw::exact(&desk, one.at),
        ago: draw::ago(now, one.at, lang),
    });
    let mut abouts = Vec::new();
    let reach = visitor.within()?;
    for covered in desk.ledger.notice_directives(notice.notice_id()).await? {
        if abouts.len() == 20 {
            break;
        }
        if let Ok(one) = desk.ledger.incident(covered.incident_id.0, &reach).await {
            abouts.push(About {
                number: one.number,
                what: draw::defang(&one.what),
            });
        }
    }
    let contacts = desk.ledger.contacts(notice.organization_id.0).await?;
    let other = |one: &&ledger::Contact| {
        one.active
            && !one.opted_out
            && (notice.state.0 != NoticeState::Bounced
                || notice.contact_id.is_none_or(|own| own != one.id)
                || one.quality > 0)
    };
    let contacts = contacts.iter().filter(other).map(|one| Reachable {
        id: one.id.to_string(),
        label: format!(
            "{} {} · {} · {} %",
            word(one.channel.0, lang),
            mail::plain(&one.address),
            word(one.rung.0, lang),
            one.quality
        ),
    });
    let state = notice.state.0;
    let work = visitor.may(Right::Work);
    let may = |to| work && state.may_become(to);
    let time = |at: Option<i64>| at.map_or_else(String::new, |at| draw::exact(&desk, at));
    let title = fill(w.title, &[("n", &notice.number)]);
    let shell = shell::shell(&desk, &visitor, Nav::Notices, &title).await;
    Ok(shell::page(&LetterPage {
        shell,
        w,
        state: word(state, lang),
        class: class_of(state),
        held: state == NoticeState::Held,
        unknown: state == NoticeState::Sending,
        kind: word(notice.kind.0, lang),
        channel: word(notice.channel.0, lang),
        format: notice.format.map_or("", |format| word(format.0, lang)),
        party: party.name(language(lang)).to_owned(),
        party_href: format!("/console/parties/{}", party.id),
        why: why_of(&notice),
        written: draw::exact(&desk, notice.created_at),
        next: match state {
            NoticeState::Ready => time(notice.next_at),
            _ => String::new(),
        },
        sent: time(notice.sent_at),
        approved: match (&notice.approved_by, notice.approved_at) {
            (Some(by), Some(at)) => format!("{by}, {}", draw::exact(&desk, at)),
            (Some(by), None) => by.clone(),
            _ => String::new(),
        },
        abouts,
        view,
        raw,
        attempts: attempts.collect(),
        contacts: contacts.collect(),
        may_release: work && state == NoticeState::Held,
        may_hold: may(NoticeState::Held),
        may_drop: may(NoticeState::Cancelled),
        may_again: work
            && notice.kind.0.asks()
            && (state == NoticeState::Bounced || state.may_become(NoticeState::Cancelled)),
        may_carry: work && state == NoticeState::Task,
        notice,
    }))
}

/// What came of a try, in words.
fn outcome(label: &str, lang: model::bulletin::Lang) -> String {
    match label.parse::<NoticeState>() {
        // What is to be tried again is ready again.
        Ok(state) => word(state, lang).to_owned(),
        Err(_) => mail::plain(label),
    }
}

/// The letter's bytes, to be saved.
pub(super) async fn raw(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path(number): Path<String>,
) -> Result<Response, Refusal> {
    visitor.of_the_house()?;
    let (notice, bytes) = load(&desk, paging::number(&number)?).await?;
    let (ending, media) = match notice.channel.0 {
        Channel::Mail => ("eml", "message/rfc822"),
        Channel::Webhook => ("json", "application/json"),
        Channel::Files | Channel::Manual => ("txt", "text/plain; charset=utf-8"),
    };
    mail::saved(&format!("notice-{}.{ending}", notice.number), media, bytes)
}

pub(super) async fn part(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path((number, part)): Path<(String, String)>,
) -> Result<Response, Refusal> {
    visitor.of_the_house()?;
    let (_, bytes) = load(&desk, paging::number(&number)?).await?;
    let at = part.parse().map_err(|_| Refusal::Absent)?;
    let (name, bytes) = mail::part(&bytes, at).ok_or(Refusal::Absent)?;
    mail::saved(&name, "application/octet-stream", bytes)
}

/// Why something is done.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Why {
    /// The reason, kept in the audit trail.
    #[serde(default)]
    pub(crate) reason: String,
}

/// To which contact a notice is written again.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Again {
    /// The contact's id, `CON-...`.
    pub(crate) contact: String,
    /// The reason, kept in the audit trail.
    #[serde(default)]
    pub(crate) reason: String,
}

/// Lets a held notice go.
pub(super) async fn judge(
    desk: &Desk,
    visitor: &Visitor,
    number: i64,
    why: &str,
) -> Result<Notice, Refusal> {
    let found = desk.ledger.notice_numbered(number).await?;
    let (id, now) = (found.notice_id(), desk.now().0);
    let judged = desk
        .ledger
        .judge_notice(id, true, why, visitor.login(), now);
    Ok(judged.await?)
}

/// What can be done with a notice.
#[derive(Clone, Copy)]
pub(super) enum Act {
    Release,
    Hold,
    Drop,
}

pub(super) async fn act(
    desk: &Desk,
    visitor: &Visitor,
    number: &str,
    act: Act,
    why: &str,
) -> Result<Notice, Refusal> {
    visitor.of_the_house()?;
    let why = paging::reason(why)?;
    let number = paging::number(number)?;
    let found = desk.ledger.notice_numbered(number).await?;
    let (id, now, who) = (found.notice_id(), desk.now().0, visitor.login());
    Ok(match act {
        Act::Release => judge(desk, visitor, number, &why).await?,
        Act::Hold => desk.ledger.hold_notice(id, &why, who, now).await?,
        Act::Drop => desk.ledger.drop_notice(id, &why, who, now).await?,
    })
}

pub(super) async fn write_again(
    desk: &Desk,
    visitor: &Visitor,
    number: &str,
    asked: &Again,
) -> Result<i64, Refusal> {
    visitor.of_the_house()?;
    let why = paging::reason(&asked.reason)?;
    let contact: ContactId = asked
        .contact
        .parse()
        .map_err(|_| Refusal::invalid("contact", "names no contact"))?;
    let found = desk.ledger.notice_numbered(paging::number(number)?).await?;
    let written =
        desk.letters()?
            .write_again(found.notice_id(), contact, why, visitor.login().to_owned());
    Ok(written.await?)
}

/// A notice was carried by hand.
pub(super) async fn carry(
    desk: &Desk,
    visitor: &Visitor,
    number: &str,
    how: &str,
) -> Result<Notice, Refusal> {
    visitor.of_the_house()?;
    let reply = paging::reason(how)?;
    let found = desk.ledger.notice_numbered(paging::number(number)?).await?;
    if found.state.0 != NoticeState::Task {
        let what = format!("#{}", found.number);
        return Err(Refusal::conflict(what, "is not to be carried by hand"));
    }
    let moved = Move {
        to: NoticeState::Sent,
        reply,
        next_at: None,
    };
    let (id, now) = (found.notice_id(), desk.now().0);
    let moved = desk.ledger.move_notice(id, moved, visitor.login(), now);
    Ok(moved.await?)
}

fn back(number: i64, text: &str) -> Response {
    done(
        &format!("/console/notices/{number}"),
        &fill(text, &[("n", &number)]),
    )
}

macro_rules! acts {
    ($($name:ident $act:ident $said:ident;)+) => {$(
        pub(super) async fn $name(
            State(desk): State<Arc<Desk>>,
            visitor: Visitor,
            Path(number): Path<String>,
            Input(why): Input<Why>,
        ) -> Result<Response, Refusal> {
            let after = act(&desk, &visitor, &number, Act::$act, &why.reason).await?;
            Ok(back(after.number, Words::of(visitor.lang).$said))
        }
    )+};
}

acts! {
    release Release done_release;
    hold Hold done_hold;
    drop_it Drop done_drop;
}

pub(super) async fn again(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path(number): Path<String>,
    Input(asked): Input<Again>,
) -> Result<Response, Refusal> {
    let written = write_again(&desk, &visitor, &number, &asked).await?;
    Ok(back(written, Words::of(visitor.lang).done_again))
}

pub(super) async fn carried(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path(number): Path<String>,
    Input(why): Input<Why>,
) -> Result<Response, Refusal> {
    let after = carry(&desk, &visitor, &number, &why.reason).await?;
    Ok(back(after.number, Words::of(visitor.lang).done_carried))
}

/// Notes that somebody took a copy of what may hold personal data.
pub(crate) async fn note_copy(
    desk: &Desk,
    visitor: &Visitor,
    action: &str,
    object: String,
) -> Result<(), Refusal> {
    let record = NewAudit {
        actor: visitor.login().to_owned(),
        action: action.to_owned(),
        object,
        detail: json!({}),
    };
    Ok(desk.ledger.append_audit(record, desk.now().0).await?)
}
