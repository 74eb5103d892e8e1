//! Duty: who is there, what one shift tells the next, what was promised, and the alarms that leave the browser.
//!
//! The roster, handovers and alarms are the centre's own; a branch has the promises about its incidents.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use ledger::{Account, Reach};
use model::bulletin::Lang;
use serde::Serialize;

use crate::Desk;
use crate::refusal::Refusal;
use crate::routes::Route;
use crate::visitor::Visitor;
use crate::words::words;

mod alarms;
mod calendar;
mod facts;
mod handover;
mod promises;
mod roster;
mod swaps;

pub(crate) const ROUTES: [&[Route]; 6] = [
    roster::ROUTES,
    swaps::ROUTES,
    calendar::ROUTES,
    handover::ROUTES,
    promises::ROUTES,
    alarms::ROUTES,
];

words! {
    Words {
        roster: "排班", "Roster";
        handover: "交接班", "Handover";
        promises: "承诺", "Promises";
        alarms: "告警", "Alarms";
        parts: "值班栏目", "Duty pages";
        now: "当前值班", "On duty now";
        nobody: "现在没有人值班", "Nobody is on duty";
        nobody_text: "告警会发给配置 duty.mail 中的地址。值班长在本页排班后，会发给当班的人。", "Alarms go to the addresses of duty.mail in the configuration. Once a lead has filled the roster on this page, they go to whoever is there.";
        until: "到 {time}", "until {time}";
        next: "下一班", "Next";
        week: "{from} 至 {to}", "{from} to {to}";
        week_before: "上一周", "Week before";
        week_after: "下一周", "Week after";
        this_week: "本周", "This week";
        calendar: "下载日历", "Calendar file";
        my_calendar: "我的班次", "My shifts";
        no_shift: "无", "none";
        add: "排班", "Add shifts";
        person: "人员", "Person";
        role: "岗位", "Role";
        day: "日期", "Day";
        from: "开始", "From";
        to: "结束", "To";
        days: "连续天数", "Days in a row";
        add_button: "加入排班", "Add";
        added: "已排 {n} 个班次。", "{n} shifts added.";
        remove: "删除", "Remove";
        remove_ask: "从排班中删除这个班次？", "Take this shift off the roster?";
        removed: "已删除。", "It is off the roster.";
        swap: "换班", "Swap";
        swap_title: "请人代班", "Ask somebody to take it";
        swap_with: "请谁", "Whom";
        swap_why: "事由", "Why";
        swap_ask: "发出请求", "Ask";
        swap_hint: "对方同意即生效；两人权限不同时，还须一位值班长同意。", "It takes effect when they accept; where the two hold different rights, a lead must approve too.";
        swap_asked: "已请求 {name}。", "{name} was asked.";
        swaps: "换班请求", "Swaps";
        swap_line: "{from} 请 {to} 代班", "{from} asks {to}";
        accept: "同意", "Accept";
        approve: "批准", "Approve";
        decline: "不同意", "Decline";
        withdraw: "撤回", "Take back";
        answered: "已记录。", "It is noted.";
        open_now: "此刻未了", "Open now";
        open_lead: "签字时，这份清单原样存入交接记录。", "This list goes into the handover as it stands when you sign.";
        clocks: "法定时限", "Clocks";
        unread: "未读来件", "Unread replies";
        feeds: "中断的数据源", "Failed feeds";
        held: "待审批通报", "Held notices";
        nothing: "没有", "Nothing";
        remark: "交代事项", "What the next shift must know";
        taker: "接班人", "Taken over by";
        give: "签字交班", "Sign and hand over";
        given: "已交班，等 {name} 签字。", "Handed over; {name} signs next.";
        take: "签字接班", "Sign and take over";
        take_remark: "接班意见（可空）", "Your remark (may be empty)";
        taken: "已接班。", "Taken over.";
        to_take: "等您接班", "Waits for you";
        earlier: "交接记录", "Handovers";
        no_handover: "还没有交接记录", "No handover yet";
        no_handover_text: "交班人核对左侧清单，写明交代事项并签字；接班人签字后，记录长期保存，可打印。", "The giver checks the list, writes what must be known and signs; when the taker has signed too, it is kept for good and can be printed.";
        giver: "交班人", "Handed over by";
        waits: "待接班人签字", "waits for the taker";
        signed: "签字校验值", "Hash of what was signed";
        print: "按 Ctrl P 打印", "Ctrl P prints it";
        back: "返回", "Back";
        promised_by: "{name} 承诺", "promised by {name}";
        promise_what: "承诺什么", "What";
        promise_whom: "向谁", "To whom";
        promise_due: "何时之前", "By when";
        promise_incident: "事件编号（可空）", "Incident number (may be empty)";
        promise_add: "记下承诺", "Write it down";
        promise_new: "新的承诺", "New promise";
        promise_said: "已记下。", "It is written down.";
        promise_end: "了结", "Done";
        promise_outcome: "结果", "What came of it";
        promise_none: "没有未了的承诺", "No promise is open";
        promise_none_text: "答应别人“几点前回话”时记在这里，交接班时会列出，到期会告警。", "When you tell somebody “by nine”, write it here: it is in the handover, and rings when it is due.";
        left: "剩余", "left";
        acknowledge: "我来处理", "Take it up";
        acknowledged: "已由 {name} 处理", "taken up by {name}";
        alarm_said: "已记录，告警不再上报。", "It is noted; the alarm climbs no more.";
        alarm_none: "没有告警", "No alarm";
        alarm_none_text: "法定时限过半、数据源中断、磁盘将满、系统停滞、截稿临近、紧急事件、大量退信、承诺到期时，会在这里并通过邮件、推送和短信告警。", "When a statutory clock runs out, a feed dies, the disk fills, work stands still, the bulletin is due, a critical incident is new, notices come back in numbers or a promise is due, it is here, and goes out by mail, webhook and short message.";
        alarm_open: "未了告警", "Open alarms";
        alarm_past: "以往告警", "Past alarms";
        over: "已解除", "over";
        climbed: "已上报值班长", "climbed to the lead";
        trial: "试警", "Try it";
        trial_ask: "向当班人员和全部途径发一条试警？", "Send a trial to whoever is on duty, by every way?";
        trial_what: "试警：收到后请在控制台点“我来处理”。", "A trial: take it up in the console when you have it.";
        trial_said: "试警已发出。", "The trial is on its way.";
        trial_running: "上一次试警还没有人处理。", "The last trial was not taken up yet.";
        ways: "途径", "Ways";
        ways_none: "没有配置途径：告警只在本页。见配置 [duty]。", "No way is configured: alarms are on this page only. See [duty] in the configuration.";
        climbs: "{n} 分钟无人处理即上报值班长", "Climbs to the lead after {n} minutes";
        quiet: "{span} 只发高和紧急", "High and critical only in {span}";
        heartbeat: "上次检查", "Last look";
        heartbeat_none: "服务还没有检查过", "The service has not looked yet";
        told_to: "已告知", "Told";
        link_lead: "这是只读页面。处理告警须登录。", "This page is to be read only. Sign in to take the alarm up.";
        sign_in: "登录处理", "Sign in";
        raised: "发生", "Raised";
        state: "状态", "State";
        nobody_yet: "还没有人处理", "nobody took it up";
        severity: "级别", "Severity";
        what: "内容", "What";
        when: "时间", "When";
    }
}

/// One of the area's pages, for its row of links.
pub(crate) struct Tab {
    pub(crate) label: &'static str,
    pub(crate) href: &'static str,
    pub(crate) current: bool,
}

/// The area's pages; a branch has the promises only.
fn tabs(w: &Words, visitor: &Visitor, at: &str) -> Vec<Tab> {
    let tab = |label, href: &'static str| Tab {
        label,
        href,
        current: href == at,
    };
    let mut all = vec![
        tab(w.roster, "/console/duty"),
        tab(w.handover, "/console/duty/handover"),
        tab(w.promises, "/console/duty/promises"),
        tab(w.alarms, "/console/duty/alarms"),
    ];
    if centre(visitor).is_err() {
        all.retain(|tab| tab.href.ends_with("/promises"));
    }
    all
}

/// Lets the centre's own people in only: of the house's matters a branch is told nothing.
fn centre(visitor: &Visitor) -> Result<(), Refusal> {
    match visitor.within()? {
        Reach::All => Ok(()),
        _ => Err(Refusal::Absent),
    }
}

/// Names of accounts, by login.
pub(crate) struct Names(Vec<Account>);

impl Names {
    async fn of(desk: &Desk) -> Result<Names, Refusal> {
        Ok(Names(desk.ledger.accounts().await?))
    }

    /// The person's name, or the login where there is none.
    fn get(&self, login: &str) -> String {
        let found = self.0.iter().find(|one| one.login == login);
        match found {
            Some(one) if !one.name.is_empty() => one.name.clone(),
            _ => login.to_owned(),
        }
    }

    /// The centre's people that may do something.
    fn who_may(&self, right: model::newsroom::Right) -> Vec<(String, String)> {
        let own = self
            .0
            .iter()
            .filter(|one| one.organization.is_none() && one.may(right));
        own.map(|one| (one.login.clone(), self.get(&one.login)))
            .collect()
    }
}

/// An instant as a form or a program writes it: RFC 3339, or date and time of the house's zone.
fn instant(desk: &Desk, field: &str, text: &str) -> Result<i64, Refusal> {
    let text = text.trim();
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Ok(at.as_microsecond());
    }
    let why = "is no time: write it as 2026-11-29T08:00 or 2026-11-29T08:00:00+08:00";
    let local: DateTime = text.parse().map_err(|_| Refusal::invalid(field, why))?;
    at(&desk.terms().zone, local).ok_or_else(|| Refusal::invalid(field, why))
}

/// A local time of a zone.
fn at(zone: &TimeZone, local: DateTime) -> Option<i64> {
    let zoned = local.to_zoned_datetime(zone.clone()).ok()?;
    Some(zoned.timestamp().as_microsecond())
}

/// The Monday of the week that a day lies in.
fn monday(day: Date) -> Date {
    let back = i64::from(day.weekday().to_monday_zero_offset());
    day.checked_sub(jiff::Span::new().days(back)).unwrap_or(day)
}

/// A day in words.
fn day_words(day: Date, lang: Lang) -> String {
    match lang {
        Lang::Zh => day.strftime("%-m月%-d日").to_string(),
        Lang::En => day.strftime("%-d %b").to_string(),
    }
}

/// What a program is given of a person.
#[derive(Serialize, schemars::JsonSchema)]
struct Person {
    /// Login.
    login: String,
    /// Name.
    name: String,
}

impl Names {
    fn person(&self, login: &str) -> Person {
        Person {
            login: login.to_owned(),
            name: self.get(login),
        }
    }
}
