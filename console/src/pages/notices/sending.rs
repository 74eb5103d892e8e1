//! Whether letters leave: the switch that stops everything at once, which anybody who works incidents may press, and
//! arming, which is the lead's.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use ledger::{AuditFilter, Page};
use model::newsroom::Right;
use model::notice::NoticeState;
use response::notify::arming::Leave;

use super::letter::Why;
use crate::Desk;
use crate::pages::form::{Input, done};
use crate::pages::shell::{self, Nav, Shell};
use crate::pages::{draw, mail, paging};
use crate::refusal::Refusal;
use crate::visitor::Visitor;
use crate::words::{fill, words};

words! {
    Words {
        title: "发送开关", "Sending";
        on: "可以发送", "Letters go out";
        on_text: "{by} 于 {at} 启用：", "Armed by {by} at {at}: ";
        off: "未启用发送", "Not armed";
        off_text: "已写好的通报留在待发送，哪里也不去。由负责人启用。", "Letters that are ready stay where they are. A lead arms the instance.";
        elsewhere: "上次启用的是另一台机器或目录：复制、恢复出来的工作区不会自己发信。由负责人在这里重新启用。", "It was armed on another machine or in another folder: a copied or restored workspace sends nothing by itself. A lead arms it here.";
        stopped: "已停止全部发送", "All sending is stopped";
        stopped_text: "{by} 于 {at} 停止：", "Stopped by {by} at {at}: ";
        ready: "{n} 封等待发送", "{n} wait to be sent";
        held: "{n} 封待审批", "{n} wait to be judged";
        stop: "立即停止全部发送", "Stop all sending now";
        stop_who: "凡处置事件的人都可以停止；恢复要由负责人决定。", "Anybody who works incidents may stop; going on is the lead's to decide.";
        stop_ask: "所有节点立即停止发送。继续？", "Sending stops at once on every node. Go on?";
        resume: "恢复发送", "Go on sending";
        resume_text: "确认停止的原因已经排除。", "Make sure that the reason for stopping is gone.";
        arm: "启用发送", "Arm this instance";
        arm_text: "启用后，已放行的通报随下一轮发出。", "Once armed, released letters go out with the next round.";
        arm_ask: "启用后信件会真正发给处置单位。继续？", "Letters will really go to parties. Go on?";
        disarm: "停用", "Disarm";
        disarm_text: "值班结束或换机时停用；再次启用由负责人办理。", "At the end of a shift or before moving; a lead arms it again.";
        reason: "原因", "Reason";
        not_you: "启用、停用和恢复由负责人办理。", "Arming, disarming and going on are the lead's.";
        history: "谁在何时", "Who and when";
        never: "还没有人启用或停止过发送。", "Nobody has armed or stopped sending yet.";
        did_arm: "启用", "armed";
        did_disarm: "停用", "disarmed";
        did_stop: "停止", "stopped";
        did_resume: "恢复", "resumed";
        done_stop: "已停止全部发送", "all sending is stopped";
        done_resume: "发送已恢复", "sending goes on";
        done_arm: "已启用发送", "armed";
        done_disarm: "已停用发送", "disarmed";
        back: "通报", "Notices";
    }
}

struct Step {
    what: &'static str,
    by: String,
    reason: String,
    at: String,
    ago: String,
}

#[derive(Template)]
#[template(path = "sending.html")]
struct SendingPage {
    shell: Shell,
    w: &'static Words,
    /// `on`, `off`, `stopped`.
    class: &'static str,
    heading: &'static str,
    text: String,
    counts: [String; 2],
    stopped: bool,
    armed: bool,
    may_stop: bool,
    may_lead: bool,
    steps: Vec<Step>,
}

/// Acts of the switch that the page tells of.
const TOLD: u64 = 20;

pub(super) async fn page(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
) -> Result<Response, Refusal> {
    visitor.of_the_house()?;
    let (lang, now) = (visitor.lang, desk.now().0);
    let w = Words::of(lang);
    let (stopped, armed) = desk.response.sending_state().await?;
    let leave = desk.response.may_leave(&desk.identity).await?;
    // What a person wrote is put behind the words, never into their places.
    let told = |text: &str, by: &str, at: i64, why: &str| {
        let said = fill(text, &[("by", &by), ("at", &draw::exact(&desk, at))]);
        format!("{said}{}", mail::plain(why))
    };
    let (class, heading, text) = match (&stopped, &leave, &armed) {
        (Some(one), ..) => (
            "stopped",
            w.stopped,
            told(w.stopped_text, &one.by, one.at, &one.reason),
        ),
        (None, Leave::Yes(one), _) => ("on", w.on, told(w.on_text, &one.by, one.at, &one.reason)),
        (None, Leave::No(_), Some(_)) => ("off", w.off, w.elsewhere.to_owned()),
        (None, Leave::No(_), None) => ("off", w.off, w.off_text.to_owned()),
    };
    let counts = desk.ledger.notice_counts().await?;
    let of = |state: NoticeState| -> String {
        let found = counts.iter().find(|(one, _)| *one == state);
        paging::grouped(found.map_or(0, |(_, count)| *count))
    };
    let filter = AuditFilter {
        action: Some("response.".to_owned()),
        ..AuditFilter::default()
    };
    let page = Page {
        offset: 0,
        limit: TOLD,
    };
    let rows = desk.ledger.audit_rows(&filter, page).await?;
    let steps = rows.into_iter().filter_map(|row| {
        let what = match row.action.as_str() {
            "response.arm" => w.did_arm,
            "response.disarm" => w.did_disarm,
            "response.stop" => w.did_stop,
            "response.resume" => w.did_resume,
            _ => return None,
        };
        let detail: serde_json::Value = serde_json::from_str(&row.detail).unwrap_or_default();
        Some(Step {
            what,
            by: mail::plain(&row.actor),
            reason: mail::plain(detail["reason"].as_str().unwrap_or_default()),
            at: draw::exact(&desk, row.at),
            ago: draw::ago(now, row.at, lang),
        })
    });
    Ok(shell::page(&SendingPage {
        shell: shell::shell(&desk, &visitor, Nav::Notices, w.title).await,
        w,
        class,
        heading,
        text,
        counts: [
            fill(w.ready, &[("n", &of(NoticeState::Ready))]),
            fill(w.held, &[("n", &of(NoticeState::Held))]),
        ],
        stopped: stopped.is_some(),
        armed: matches!(leave, Leave::Yes(_)) || (stopped.is_some() && armed.is_some()),
        may_stop: visitor.may(Right::Work),
        may_lead: visitor.may(Right::Lead),
        steps: steps.collect(),
    }))
}

/// An act of the switch.
#[derive(Clone, Copy)]
pub(super) enum Switch {
    Stop,
    Resume,
    Arm,
    Disarm,
}

/// Does it; the route asked for the right.
pub(super) async fn switch(
    desk: &Desk,
    visitor: &Visitor,
    act: Switch,
    why: &str,
) -> Result<(), Refusal> {
    visitor.of_the_house()?;
    let why = paging::reason(why)?;
    let (response, who) = (&desk.response, visitor.login());
    match act {
        Switch::Stop => response.stop(&why, who).await?,
        Switch::Resume => response.resume(&why, who).await?,
        Switch::Arm => response.arm(&desk.identity, &why, who).await?,
        Switch::Disarm => response.disarm(&why, who).await?,
    }
    // The next page must not show what was before.
    *desk.signs.lock().await = None;
    Ok(())
}

macro_rules! switches {
    ($($name:ident $act:ident $said:ident;)+) => {$(
        pub(super) async fn $name(
            State(desk): State<Arc<Desk>>,
            visitor: Visitor,
            Input(why): Input<Why>,
        ) -> Result<Response, Refusal> {
            switch(&desk, &visitor, Switch::$act, &why.reason).await?;
            Ok(done("/console/notices/sending", Words::of(visitor.lang).$said))
        }
    )+};
}

switches! {
    stop Stop done_stop;
    resume Resume done_resume;
    arm Arm done_arm;
    disarm Disarm done_disarm;
}
