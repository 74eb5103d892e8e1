//! One mail: its text, what the machine read in it, and the acts.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use ledger::{Message, MessageFilter, MessageState};
use model::incident::CaseKind;
use model::newsroom::Right;
use model::worded::Word;

use super::{acts, class, nature};
use crate::Desk;
use crate::pages::mail::{self, MailView};
use crate::pages::notices::{bytes, note_copy};
use crate::pages::shell::{self, Nav, Shell};
use crate::pages::{draw, paging};
use crate::refusal::Refusal;
use crate::visitor::Visitor;
use crate::words::{word, words};

words! {
    Words {
        back: "收件", "Inbox";
        no_subject: "（无主题）", "(no subject)";
        from: "发件人", "From";
        to: "收件人", "To";
        received: "收到", "Received";
        written: "写信时间", "Written";
        origin: "取自", "Taken from";
        read: "系统读出", "What was read";
        nature: "种类", "Kind";
        proposal: "答复意思", "The answer says";
        notice: "对应通报", "Notice";
        incident: "所属事件", "Incident";
        complaints: "投诉", "Complaints";
        why: "为什么等人：", "Why it waits: ";
        came: "结果：", "Came to: ";
        unreadable: "这封信读不出来。原件可以下载，请勿在本机打开。", "This mail cannot be read. The original can be saved; do not open it on this machine.";
        text: "正文", "Text";
        text_note: "只显示文字；网址已改写，不能误点。", "Text only; addresses are written so that nobody follows them by accident.";
        cut: "正文太长，只显示开头；全文见原件。", "The text is long and is cut; the original has all of it.";
        quoted: "引用 {n} 行", "{n} quoted lines";
        attachments: "附件", "Attachments";
        none: "没有附件。", "No attachments.";
        careful: "附件只供下载，请在隔离环境中打开。", "Attachments are for saving only; open them where nothing can happen.";
        original: "下载原件", "Save the original";
        attach: "归入事件", "Belongs to an incident";
        attach_field: "事件编号", "Number of the incident";
        attach_act: "归入", "Attach";
        answers: "是对通报的答复", "Answers a notice";
        notice_field: "通报编号", "Number of the notice";
        answers_act: "记为答复", "Mark as answer";
        accept: "确认这是对通报 #{n} 的答复", "Confirm: it answers notice #{n}";
        bounce: "是退信", "Is a bounce";
        hard: "地址已失效，不再使用这个联系人", "The address is gone for good: do not use this contact any more";
        bounce_act: "记为退信", "Mark as bounce";
        open: "立为事件", "Open an incident";
        open_text: "同一网址或主机已有事件的，并入该事件。", "It joins the incident of the same address or host, if there is one.";
        kind_field: "类型", "Kind";
        what_field: "网址、域名或 IP", "URL, host or address";
        open_act: "立为事件", "Open";
        reply: "复信", "Answer";
        reply_text: "复信进入待发送，署名自动加上；发送启用时发出。", "The letter goes to the outbox with the house's signature; it leaves when sending is on.";
        template: "套用", "Template";
        use_template: "套用", "Use";
        reply_field: "正文", "Text";
        reply_act: "写入待发送", "Put into the outbox";
        noise: "无关", "Noise";
        noise_act: "标为无关", "Mark as noise";
        quarantine: "隔离", "Quarantine";
        quarantine_act: "隔离", "Quarantine";
        wait: "退回待处理", "Let it wait again";
        wait_act: "退回待处理", "Let it wait";
        reason: "原因", "Reason";
        remark: "备注（可不填）", "Remark (may be empty)";
        next: "下一封", "Next mail";
        new_text: "系统还没有读这封信，下一轮会读。", "It was not read yet; the next round reads it.";
        done_attach: "来信已归入事件", "the mail is attached";
        done_answers: "来信已记为答复", "the mail is marked as an answer";
        done_bounce: "来信已记为退信", "the mail is marked as a bounce";
        done_noise: "来信已标为无关", "the mail is marked as noise";
        done_quarantine: "来信已隔离", "the mail is in quarantine";
        done_wait: "来信已退回待处理", "the mail waits again";
        done_open: "已立为事件 #{n}", "incident #{n}";
        done_reply: "复信 #{n} 已写入待发送", "letter #{n} is in the outbox";
        t_received: "已收到", "Received";
        t_more: "请补充材料", "Asks for more";
        t_elsewhere: "不归我们处理", "Not ours";
        t_received_text: "您好：\n\n来信收到，我们正在核实，有结果会再回复。", "Hello,\n\nwe have received your message and are looking into it. We will write again when we know more.";
        t_more_text: "您好：\n\n来信收到。为便于核实，请补充：\n1. 完整网址或 IP 地址；\n2. 发现时间（含时区）；\n3. 页面截图或原始邮件（作为附件）。", "Hello,\n\nthank you for your message. To look into it we need:\n1. the full URL or IP address;\n2. when you saw it, with the time zone;\n3. a screenshot, or the original mail as an attachment.";
        t_elsewhere_text: "您好：\n\n来信收到。所述事项不在我们的职责范围内，请与有关主管部门联系。", "Hello,\n\nthank you for your message. What it is about is not for us to handle; please turn to the body in charge.";
    }
}

struct Kind {
    label: &'static str,
    name: &'static str,
}

struct Known {
    receipt: String,
    what: String,
    reason: String,
}

#[derive(Template)]
#[template(path = "message.html")]
struct MessagePage {
    shell: Shell,
    w: &'static Words,
    id: String,
    subject: String,
    from: String,
    origin: String,
    received: String,
    written: String,
    nature: String,
    proposal: String,
    reason: String,
    notice: Option<i64>,
    accept: String,
    incident: Option<i64>,
    complaints: Vec<Known>,
    view: Option<MailView>,
    is_new: bool,
    waiting: bool,
    kinds: Vec<Kind>,
    what: String,
    template: String,
    next: String,
    may: bool,
}

/// Which template the answer's form begins with.
#[derive(serde::Deserialize)]
pub(super) struct Query {
    #[serde(default)]
    template: String,
}

pub(super) async fn page(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path(id): Path<String>,
    paging::Asked(asked): paging::Asked<Query>,
) -> Result<Response, Refusal> {
    let message = acts::load(&desk, &visitor, &id).await?;
    let lang = visitor.lang;
    let w = Words::of(lang);
    let bytes = bytes(&desk, &message.blob).await?;
    let mut view = mail::view(&bytes, w.quoted);
    for block in view.iter_mut().flat_map(|view| &mut view.blocks) {
        block.text = mail::disarmed(&block.text);
    }
    let notice = match message.notice_id {
        Some(id) => Some(desk.ledger.notice(id.0).await?.number),
        None => None,
    };
    let incident = match message.incident_id {
        Some(id) => {
            let found = desk.ledger.incident(id.0, &visitor.within()?).await;
            found.ok().map(|one| one.number)
        }
        None => None,
    };
    let complaints = desk.ledger.complaints_in(&message.id).await?;
    let subject = match message.subject.trim().is_empty() {
        true => w.no_subject.to_owned(),
        false => mail::disarmed(&message.subject),
    };
    let template = match asked.template.as_str() {
        "more" => w.t_more_text,
        "elsewhere" => w.t_elsewhere_text,
        _ => w.t_received_text,
    };
    let what = complaints.first().map(|one| draw::defang(&one.what));
    let next = following(&desk, &message).await?;
    Ok(shell::page(&MessagePage {
        shell: shell::shell(&desk, &visitor, Nav::Inbox, &subject).await,
        w,
        id: message.id[..message.id.len().min(16)].to_owned(),
        subject,
        from: mail::plain(&message.sender),
        origin: mail::plain(&message.origin),
        received: draw::exact(&desk, message.received_at),
        written: view
            .as_ref()
            .and_then(|view| view.date)
            .map_or_else(String::new, |at| draw::exact(&desk, at)),
        nature: nature(&message.nature, lang),
        proposal: class(message.proposal.as_deref().unwrap_or_default(), lang),
        reason: mail::disarmed(message.reason.as_deref().unwrap_or_default()),
        accept: notice.map_or_else(String::new, |n| crate::words::fill(w.accept, &[("n", &n)])),
        notice,
        incident,
        complaints: complaints
            .into_iter()
            .map(|one| Known {
                receipt: one.receipt,
                what: draw::defang(&mail::plain(&one.what)),
                reason: mail::plain(one.reason.as_deref().unwrap_or_default()),
            })
            .collect(),
        view,
        is_new: message.state == MessageState::New,
        waiting: message.state == MessageState::Waiting,
        kinds: CaseKind::ALL
            .iter()
            .map(|kind| Kind {
                label: kind.label(),
                name: word(*kind, lang),
            })
            .collect(),
        what: what.unwrap_or_default(),
        template: template.to_owned(),
        next,
        may: visitor.may(Right::Work) && message.state != MessageState::New,
    }))
}

/// The address of the mail that waits after this one, if there is one.
async fn following(desk: &Desk, message: &Message) -> Result<String, Refusal> {
    let filter = MessageFilter {
        state: Some(MessageState::Waiting),
        text: None,
        after: Some((message.received_at, message.id.clone())),
    };
    let found = desk.ledger.inbox(&filter, 1).await?;
    let first = found.first();
    Ok(first.map_or_else(String::new, |one| {
        format!("/console/inbox/{}", &one.id[..one.id.len().min(16)])
    }))
}

/// The mail as it came, to be saved. It may hold what hurts and personal data: who took it is noted.
pub(super) async fn original(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    let message = acts::load(&desk, &visitor, &id).await?;
    let bytes = bytes(&desk, &message.blob).await?;
    let object = format!("message {}", message.id);
    note_copy(&desk, &visitor, "message.copy", object).await?;
    let name = format!("mail-{}.eml", &message.id[..message.id.len().min(16)]);
    mail::saved(&name, "application/octet-stream", bytes)
}

pub(super) async fn part(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path((id, part)): Path<(String, String)>,
) -> Result<Response, Refusal> {
    let message = acts::load(&desk, &visitor, &id).await?;
    let bytes = bytes(&desk, &message.blob).await?;
    let at = part.parse().map_err(|_| Refusal::Absent)?;
    let (name, bytes) = mail::part(&bytes, at).ok_or(Refusal::Absent)?;
    let object = format!("message {}", message.id);
    note_copy(&desk, &visitor, "message.copy", object).await?;
    mail::saved(&name, "application/octet-stream", bytes)
}
