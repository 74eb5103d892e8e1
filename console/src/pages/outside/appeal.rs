//! The appeal form, for whoever is named on a block list, in an incident or by a takedown, and what was decided.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::multipart::MultipartRejection;
use axum::extract::{Multipart, Path, Query};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use model::outside::{AppealAbout, AppealState};
use model::worded::Word;
use serde::Deserialize;

use super::{ASKING, FORM_BYTES, SENDING, code, line, look_at, read, spend};
use crate::front::{Front, Plea};
use crate::pages::shell::{self, Shell};
use crate::pictures::Bad;
use crate::receipts;
use crate::refusal::Refusal;
use crate::routes::{Need, Route, get, post};
use crate::visitor::Visitor;
use crate::words::{fill, word, words};

pub(crate) const ROUTES: &[Route] = &[
    Route::page("/appeal", Need::Nothing, || get(form)),
    Route::act("/appeal", Need::Nothing, || post(send)).taking(FORM_BYTES),
    Route::page("/appeal/status", Need::Nothing, || get(ask)),
    Route::page("/appeal/status/{number}", Need::Nothing, || get(status)),
];

/// Fields of the form; `homepage` stays empty, and only machines fill it.
const FIELDS: &[&str] = &["about", "object", "why", "name", "address", "homepage"];

words! {
    Words {
        title: "申诉", "Appeal";
        area: "申诉", "Appeals";
        lead: "被列入封锁名单、被列为事件，或被误下线？写明是哪一条、为什么不对，由值班长复核并答复。", "Listed, named in an incident, or taken down by mistake? Tell us which, and why it is wrong. A lead of the shift reviews it and answers.";
        ask: "查询申诉", "Look up an appeal";
        about: "您要申诉的是", "What is the appeal about?";
        object: "域名、网址、IP 或编号", "Name, address, IP or number";
        object_help: "照名单、通知或页面上的写法填写。", "As it stands on the list, in the notice or on the page.";
        why: "为什么不对", "Why is it wrong?";
        why_help: "说明内容是什么、由谁运营、何时修复，或为何是误认。", "What it is, who runs it, when it was fixed, or why it was mistaken.";
        proof: "证明材料", "Proof";
        proof_most: "选填，最多 3 份", "optional, up to 3";
        proof_help: "图片或 PDF，每份不超过 5 MiB。", "Pictures or PDF, up to 5 MiB each.";
        name: "单位或姓名", "Organization or name";
        address: "邮箱", "Mail address";
        address_help: "需要核实时用它联系您。", "We write to it if something must be checked.";
        optional: "选填", "optional";
        leave_empty: "请将此栏留空", "Leave this field empty";
        send: "提交申诉", "Send the appeal";
        wrong: "有几处需要再看一眼", "Some fields need another look";
        wrong_about: "请选一项。", "Choose one.";
        wrong_object: "请写明是哪一条。", "Say which one.";
        wrong_why: "请说明理由：复核的人只看得到您写的内容。", "Give the reason: whoever reviews it sees only what you write.";
        wrong_address: "这不像一个邮箱地址。", "This does not look like a mail address.";
        wrong_trap: "此栏须留空：请清空后再提交。", "This field must stay empty: clear it and send again.";
        again: "请重新选择文件：浏览器不会保留它们。", "Choose the files again: the browser does not keep them.";
        bad_big: "文件太多或太大：最多 3 份，每份不超过 5 MiB。", "Too many files or too large: up to 3, of 5 MiB each.";
        bad_kind: "只能上传 PNG、JPEG、WEBP、GIF 图片或 PDF。", "Only PNG, JPEG, WEBP and GIF pictures and PDF can be sent.";
        bad_pixels: "图片尺寸太大：请缩小后再传。", "The picture has too many pixels: make it smaller.";
        bad_broken: "文件打不开：请换一份。", "The file cannot be read: choose another one.";
        status_lead: "输入提交后得到的申诉编号。", "Enter the number you got when you sent it.";
        number: "申诉编号", "Number of the appeal";
        find: "查询", "Look up";
        unknown: "查不到这个编号。请核对后再试。", "There is no such number. Check it and try again.";
        got: "申诉已收到", "The appeal was received";
        keep: "请记下申诉编号，凭它查询复核结果。", "Write the number down: with it you can look up what was decided.";
        copy: "复制编号", "Copy the number";
        print: "打印", "Print";
        received: "已收到", "Received";
        reviewed: "由值班长复核", "Reviewed by a lead";
        waiting_text: "复核期间，名单上的条目照旧有效。", "Until then the entry on the list stands.";
        decided: "复核结果", "Decision";
        upheld_text: "名单条目已撤下；同步到各方最多需要一天。", "If it was listed, the entry is taken off; it may take a day to reach everybody.";
    }
}

#[derive(Default)]
struct Filled {
    about: String,
    object: String,
    why: String,
    name: String,
    address: String,
    trap: String,
    wrong_about: &'static str,
    wrong_object: &'static str,
    wrong_why: &'static str,
    wrong_address: &'static str,
    wrong_file: &'static str,
    wrong_trap: &'static str,
}

impl Filled {
    fn is_wrong(&self) -> bool {
        [
            self.wrong_about,
            self.wrong_object,
            self.wrong_why,
            self.wrong_address,
            self.wrong_file,
            self.wrong_trap,
        ]
        .iter()
        .any(|wrong| !wrong.is_empty())
    }
}

struct Choice {
    label: &'static str,
    words: &'static str,
    checked: bool,
}

#[derive(Template)]
#[template(path = "outside-appeal.html")]
struct FormPage {
    shell: Shell,
    w: &'static Words,
    f: Filled,
    choices: Vec<Choice>,
    lang: &'static str,
}

#[derive(Template)]
#[template(path = "outside-appeal-ask.html")]
struct AskPage {
    shell: Shell,
    w: &'static Words,
    typed: String,
    unknown: bool,
    lang: &'static str,
}

#[derive(Template)]
#[template(path = "outside-appeal-status.html")]
struct StatusPage {
    shell: Shell,
    w: &'static Words,
    number: String,
    new: bool,
    waits: bool,
    upheld: bool,
    state: &'static str,
    decision: String,
}

/// What the query of the form may fill in: a block list links here with its entry.
#[derive(Deserialize)]
pub(crate) struct Given {
    #[serde(default)]
    about: String,
    #[serde(default)]
    object: String,
}

pub(crate) async fn form(
    Extension(front): Extension<Arc<Front>>,
    visitor: Visitor,
    Query(given): Query<Given>,
) -> Response {
    let f = Filled {
        about: line(&given.about, 40),
        object: line(&given.object, 500),
        ..Filled::default()
    };
    page(&front, &visitor, StatusCode::OK, f)
}

fn page(front: &Front, visitor: &Visitor, status: StatusCode, f: Filled) -> Response {
    let w = Words::of(visitor.lang);
    let choices = AppealAbout::ALL
        .iter()
        .enumerate()
        .map(|(at, about)| Choice {
            label: about.label(),
            words: word(*about, visitor.lang),
            checked: f.about == about.label()
                || (f.about.is_empty() && f.wrong_about.is_empty() && at == 0),
        });
    let page = FormPage {
        shell: shell::outside(front, visitor, w.title),
        w,
        choices: choices.collect(),
        f,
        lang: code(visitor.lang),
    };
    shell::status_page(status, &page)
}

pub(crate) async fn send(
    Extension(front): Extension<Arc<Front>>,
    visitor: Visitor,
    parts: Result<Multipart, MultipartRejection>,
) -> Result<Response, Refusal> {
    let w = Words::of(visitor.lang);
    spend(&front, &visitor, SENDING)?;
    let mut sent = read(parts, FIELDS).await?;
    let plea = Plea {
        about: line(sent.field("about"), 40),
        object: line(sent.field("object"), 500),
        why: sent.field("why").to_owned(),
        name: line(sent.field("name"), 200),
        address: line(sent.field("address"), 254),
        lang: code(visitor.lang).to_owned(),
    };
    let mut f = Filled {
        trap: sent.field("homepage").to_owned(),
        ..Filled::default()
    };
    let flaws = flaws(&plea);
    for (wrong, field, text) in [
        (flaws.about, &mut f.wrong_about, w.wrong_about),
        (flaws.object, &mut f.wrong_object, w.wrong_object),
        (flaws.why, &mut f.wrong_why, w.wrong_why),
        (!f.trap.is_empty(), &mut f.wrong_trap, w.wrong_trap),
        (flaws.address, &mut f.wrong_address, w.wrong_address),
    ] {
        if wrong {
            *field = text;
        }
    }
    let had_files = sent.too_much || !sent.files.is_empty();
    let looked = match f.is_wrong() {
        true => Ok(Vec::new()),
        false => look_at(&front, &mut sent, true).await?,
    };
    let files = match looked {
        Ok(files) if !f.is_wrong() => files,
        looked => {
            f.wrong_file = match looked {
                Err(Bad::TooBig) => w.bad_big,
                Err(Bad::Kind) => w.bad_kind,
                Err(Bad::TooManyPixels) => w.bad_pixels,
                Err(Bad::Broken) => w.bad_broken,
                Ok(_) if had_files => w.again,
                Ok(_) => "",
            };
            let Plea {
                about,
                object,
                why,
                name,
                address,
                ..
            } = plea;
            let f = Filled {
                about,
                object,
                why,
                name,
                address,
                ..f
            };
            return Ok(page(&front, &visitor, StatusCode::UNPROCESSABLE_ENTITY, f));
        }
    };
    let receipt = front.counter.appeal(plea, files, front.now().0).await?;
    let to = format!("/appeal/status/{receipt}?new=1&lang={}", code(visitor.lang));
    Ok(Redirect::to(&to).into_response())
}

/// What is wrong with an appeal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Flaws {
    about: bool,
    object: bool,
    why: bool,
    address: bool,
}

/// What is wrong with an appeal: the same wherever it was typed in.
pub(crate) fn flaws(plea: &Plea) -> Flaws {
    Flaws {
        about: plea.about.parse::<AppealAbout>().is_err(),
        object: plea.object.is_empty(),
        why: plea.why.chars().count() < 5,
        address: !plea.address.is_empty() && !response::party::is_mailbox(&plea.address),
    }
}

#[derive(Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    number: String,
    #[serde(default)]
    new: String,
}

pub(crate) async fn ask(
    Extension(front): Extension<Arc<Front>>,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Result<Response, Refusal> {
    if asked.number.trim().is_empty() {
        return Ok(asking(&front, &visitor, StatusCode::OK, String::new()));
    }
    shown(&front, &visitor, &asked.number, false).await
}

pub(crate) async fn status(
    Extension(front): Extension<Arc<Front>>,
    visitor: Visitor,
    Path(number): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Refusal> {
    shown(&front, &visitor, &number, !asked.new.is_empty()).await
}

fn asking(front: &Front, visitor: &Visitor, status: StatusCode, typed: String) -> Response {
    let w = Words::of(visitor.lang);
    let page = AskPage {
        shell: shell::outside(front, visitor, w.ask),
        w,
        unknown: !typed.is_empty(),
        typed,
        lang: code(visitor.lang),
    };
    shell::status_page(status, &page)
}

async fn shown(
    front: &Front,
    visitor: &Visitor,
    typed: &str,
    new: bool,
) -> Result<Response, Refusal> {
    spend(front, visitor, ASKING)?;
    let w = Words::of(visitor.lang);
    let number = receipts::read(typed);
    let appeal = match &number {
        Some(number) => front.counter.judged(number).await?,
        None => None,
    };
    let (Some(number), Some(appeal)) = (number, appeal) else {
        let typed = line(typed, 60);
        return Ok(asking(front, visitor, StatusCode::NOT_FOUND, typed));
    };
    let title = match new {
        true => w.got.to_owned(),
        false => fill(
            "{label} {number}",
            &[("label", &w.number), ("number", &number)],
        ),
    };
    let state = appeal.state;
    Ok(shell::page(&StatusPage {
        shell: shell::outside(front, visitor, &title),
        w,
        number,
        new,
        waits: state == AppealState::Waiting,
        upheld: state == AppealState::Upheld,
        state: word(state, visitor.lang),
        decision: appeal.decision,
    }))
}
