//! The portal of parties: what an organization was asked and its answers, and nothing of anybody else. Every page loads
//! through `ledger::portal`, which decides by organization and incident.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use ledger::portal::{Act, Matter, Party, Post};
use model::bulletin::Lang;
use model::newsroom::Right;
use model::outside::{Dispute, MatterState, PostKind};
use model::worded::Word;
use response::notice::Ask;
use serde::Deserialize;

use super::draw::{self, Countdown};
use super::form::{Input, done};
use super::outside::{code, line, plain};
use super::shell::{self, Nav, Shell};
use crate::Desk;
use crate::limits::Limit;
use crate::refusal::Refusal;
use crate::routes::{Need, Route, get, post};
use crate::visitor::Visitor;
use crate::words::{fill, word, words};

mod advice;
pub(crate) mod api;
pub(crate) mod more;
pub(crate) mod settings;

pub(crate) const ANSWER: Need = Need::Right(Right::Answer);

pub(crate) const ROUTES: &[Route] = &[
    Route::page("/portal", ANSWER, || get(home)),
    Route::page("/portal/incidents", ANSWER, || get(all)),
    Route::page("/portal/incidents/{number}", ANSWER, || get(one)),
    Route::act("/portal/incidents/{number}/answers", ANSWER, || post(act)),
];

/// What an organization does in the portal.
pub(crate) const ACTING: Limit = Limit {
    what: "portal",
    most: 600,
    per: 3_600_000_000,
};
/// Matters on the first page.
const OPEN: u64 = 200;
/// Matters of a page of all.
const ROWS: u64 = 50;

words! {
    Words {
        title: "本单位的事件", "Your incidents";
        nav: "门户", "Portal";
        open: "进行中", "Open";
        all: "全部", "All";
        events: "监测记录", "Events";
        scorecard: "处置情况", "Scorecard";
        delivery: "接收方式", "Delivery";
        files: "反馈文件", "Feedback files";
        wait: "{n} 件等待答复", "{n} waiting for you";
        calm_head: "没有事件等待答复", "Nothing waits for you";
        lead: "这里只有向贵单位通报过的事件。在此答复与回复邮件效力相同。时间为 {zone}。", "You see only what you were asked about. Answers here and by mail count the same. Times are in {zone}.";
        calm: "现在没有进行中的事件", "No incident is open";
        calm_text: "我们向贵单位发出通报后，事件会出现在这里，按剩余时间排列。", "When we send you a notice, its incident appears here, by time left.";
        unbound: "账户还没有对应的单位", "Your account belongs to no organization yet";
        unbound_text: "请联系国家中心，把此账户与贵单位对应起来。", "Ask the national center to tie this account to your organization.";
        left: "剩余", "left";
        asset: "对象", "Asset";
        state: "状态", "State";
        last: "最近", "Last";
        actions: "操作", "Actions";
        mark_fixed: "标记已处置", "Mark fixed";
        answer: "答复", "Answer";
        imitates: "冒充{brand}", "imitates {brand}";
        no_answer: "尚未答复", "No answer yet";
        answered_ago: "{ago}答复", "answered {ago}";
        looked_ago: "{ago}核验：{finding}", "checked {ago}: {finding}";
        csv: "下载 CSV", "Download CSV";
        older: "更早", "Older";
        asked: "请贵单位", "You are asked to";
        seen: "发现了什么", "What was seen";
        kind: "类型", "Kind";
        url: "网址", "Address";
        host: "主机", "Host";
        ip: "IP 地址", "IP address";
        asn: "自治系统", "Autonomous system";
        name: "名称", "Name";
        first_seen: "首次发现", "First seen";
        last_seen: "最近发现", "Last seen";
        look: "最近核验", "Last check";
        asked_at: "通报时间", "Asked";
        due: "期限", "Due";
        ticket: "贵单位编号", "Your number";
        fix: "如何处置", "How to fix it";
        said: "往来", "What was said";
        nothing_said: "还没有答复。", "Nothing yet.";
        acknowledge: "签收", "Acknowledge";
        acknowledge_text: "确认收到，已在处理。", "You have it and work on it.";
        fixed_text: "我们会在一小时内开始核验，三次独立核验均不再发现后办结。", "We look again within the hour, and close it when three independent looks no longer find it.";
        comment: "说明（选填）", "Comment (optional)";
        ticket_optional: "贵单位编号（选填）", "Your own number (optional)";
        dispute: "提出异议", "Dispute";
        dispute_what: "哪里不对？", "What is wrong?";
        dispute_why: "请说明", "What should we know?";
        send_dispute: "提交异议", "Send the dispute";
        write: "留言", "Write to us";
        write_text: "提问或补充情况，由值班人员答复。", "Ask or add something. The duty officer answers here.";
        send: "发送", "Send";
        over: "此事件已办结；仍可留言。", "The incident is closed. You can still write.";
        done_acknowledged: "已签收。", "Acknowledged.";
        done_fixed: "已记为处置完毕，等待核验。", "Marked fixed; it is being checked.";
        done_disputed: "异议已提交。", "The dispute was sent.";
        done_withdrawn: "异议已撤回，时限继续计算。", "The dispute is withdrawn; time goes on.";
        held: "异议处理期间暂停计时", "Time stands still while the dispute is looked at";
        held_since: "自 {at} 起暂停计时，我们答复或您撤回后继续，最长三天。", "Time stands still since {at}, until we answer or you withdraw it, three days at most.";
        withdraw: "撤回异议", "Withdraw the dispute";
        held_other: "申诉核查期间暂停计时", "Time stands still while an appeal is looked at";
        held_other_since: "有人就此提出申诉。自 {at} 起暂停计时，申诉处理后继续，最长三天。", "Somebody appeals about it. Time stands still since {at}, until that is decided, three days at most.";
        done_written: "已发送。", "Sent.";
        hidden_link: "复制原始地址", "Copy the live address";
    }
}

/// The tabs of the portal.
pub(crate) struct Tab {
    pub(crate) label: &'static str,
    pub(crate) href: &'static str,
    pub(crate) current: bool,
}

/// The tabs, with the one that is shown.
pub(crate) fn tabs(lang: Lang, at: &str) -> Vec<Tab> {
    let w = Words::of(lang);
    [
        (w.open, "/portal"),
        (w.all, "/portal/incidents"),
        (w.events, "/portal/events"),
        (w.scorecard, "/portal/scorecard"),
        (w.delivery, "/portal/settings"),
        (w.files, "/portal/feedback"),
    ]
    .into_iter()
    .map(|(label, href)| Tab {
        label,
        href,
        current: href == at,
    })
    .collect()
}

/// The party whose account asks.
///
/// # Errors
/// It belongs to none: absence.
pub(crate) async fn party(desk: &Desk, visitor: &Visitor) -> Result<Party, Refusal> {
    let account = visitor.account.as_ref().ok_or(Refusal::Absent)?;
    Ok(desk.ledger.party(account).await?)
}

/// A matter in a list.
struct Row {
    number: i64,
    what: String,
    about: String,
    clock: Option<Countdown>,
    state: &'static str,
    glyph: &'static str,
    last: String,
    may_fix: bool,
}

/// What is drawn in the ring of a state.
pub(crate) fn glyph(state: MatterState) -> &'static str {
    match state {
        MatterState::Asked => "M7 4.200v3.300M7 9.600v.01",
        MatterState::Answered => "M4.500 7h5",
        MatterState::Acted => "M7 4v3l2 1.500",
        MatterState::Gone | MatterState::Over => "m4.600 7.200 1.700 1.700 3-3.400",
    }
}

fn row(desk: &Desk, lang: Lang, one: Matter) -> Row {
    let w = Words::of(lang);
    let now = desk.now().0;
    let over = matches!(one.state, MatterState::Over | MatterState::Gone);
    let last = match (one.looked, one.answered_at) {
        (Some((at, finding)), answered) if answered.is_none_or(|answered| at > answered) => {
            let (ago, finding) = (draw::ago(now, at, lang), word(finding, lang));
            fill(w.looked_ago, &[("ago", &ago), ("finding", &finding)])
        }
        (_, Some(at)) => fill(w.answered_ago, &[("ago", &draw::ago(now, at, lang))]),
        _ => w.no_answer.to_owned(),
    };
    let kind = word(one.kind, lang);
    let place = one.url.as_ref().or(one.host.as_ref()).or(one.ip.as_ref());
    Row {
        number: one.number,
        what: draw::defang(place.unwrap_or(&one.what)),
        about: match &one.brand {
            Some(brand) => format!("{kind}, {}", fill(w.imitates, &[("brand", brand)])),
            None => kind.to_owned(),
        },
        clock: one
            .due_at
            .filter(|_| !over)
            .map(|due| draw::countdown(desk, (one.asked_at, due), now, lang)),
        state: word(one.state, lang),
        glyph: glyph(one.state),
        last,
        may_fix: !over && one.acted_at.is_none(),
    }
}

#[derive(Template)]
#[template(path = "portal.html")]
struct HomePage {
    shell: Shell,
    w: &'static Words,
    tabs: Vec<Tab>,
    name: String,
    bound: bool,
    wait: String,
    lead: String,
    rows: Vec<Row>,
    all: bool,
    older: Option<i64>,
}

async fn home(State(desk): State<Arc<Desk>>, visitor: Visitor) -> Result<Response, Refusal> {
    let w = Words::of(visitor.lang);
    let found = match party(&desk, &visitor).await {
        Ok(party) => Some((
            desk.ledger
                .matters(&party, true, None, OPEN, desk.now().0)
                .await?,
            party,
        )),
        // An account that is tied to nothing is told so, and shown nothing.
        Err(Refusal::Absent) => None,
        Err(other) => return Err(other),
    };
    let bound = found.is_some();
    let (mut matters, name) = match found {
        None => (Vec::new(), String::new()),
        Some((matters, party)) => (matters, party.name(code(visitor.lang)).to_owned()),
    };
    matters.sort_by_key(|one| (one.due_at.unwrap_or(i64::MAX), one.number));
    let wait = matters
        .iter()
        .filter(|one| one.state == MatterState::Asked)
        .count();
    let rows = matters
        .into_iter()
        .map(|one| row(&desk, visitor.lang, one))
        .collect();
    listed(&desk, &visitor, (w, name, bound), (rows, false, None), wait).await
}

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    before: Option<i64>,
}

async fn all(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Result<Response, Refusal> {
    let w = Words::of(visitor.lang);
    let party = party(&desk, &visitor).await?;
    let mut found = desk
        .ledger
        .matters(&party, false, asked.before, ROWS + 1, desk.now().0)
        .await?;
    let more = found.len() as u64 > ROWS;
    found.truncate(ROWS as usize);
    let older = found.last().filter(|_| more).map(|one| one.number);
    let wait = found
        .iter()
        .filter(|one| one.state == MatterState::Asked)
        .count();
    let rows = found
        .into_iter()
        .map(|one| row(&desk, visitor.lang, one))
        .collect();
    let name = party.name(code(visitor.lang)).to_owned();
    listed(&desk, &visitor, (w, name, true), (rows, true, older), wait).await
}

async fn listed(
    desk: &Desk,
    visitor: &Visitor,
    (w, name, bound): (&'static Words, String, bool),
    (rows, all, older): (Vec<Row>, bool, Option<i64>),
    wait: usize,
) -> Result<Response, Refusal> {
    let zone = draw::clock_of_the_house(desk, desk.now(), visitor.lang);
    let zone = zone.rsplit(' ').next().unwrap_or("UTC");
    Ok(shell::page(&HomePage {
        shell: shell::shell(desk, visitor, Nav::Portal, w.title).await,
        w,
        tabs: tabs(
            visitor.lang,
            if all { "/portal/incidents" } else { "/portal" },
        ),
        name,
        bound,
        wait: match (all, wait) {
            (true, _) => w.title.to_owned(),
            (false, 0) => w.calm_head.to_owned(),
            (false, n) => fill(w.wait, &[("n", &n)]),
        },
        lead: fill(w.lead, &[("zone", &zone)]),
        rows,
        all,
        older,
    }))
}

/// An entry of a matter.
struct Said {
    theirs: bool,
    kind: &'static str,
    ground: &'static str,
    body: String,
    by: String,
    ago: String,
    exact: String,
}

fn said(desk: &Desk, lang: Lang, post: Post) -> Said {
    let told = post.kind.0 == PostKind::Told;
    let ground = post.ground.parse::<Dispute>().ok();
    Said {
        theirs: !told,
        kind: word(post.kind.0, lang),
        ground: ground.map_or("", |ground| word(ground, lang)),
        body: post.body,
        // Who of the team wrote is not the party's to know.
        by: if told { String::new() } else { post.actor },
        ago: draw::ago(desk.now().0, post.at, lang),
        exact: draw::exact(desk, post.at),
    }
}

#[derive(Template)]
#[template(path = "portal-one.html")]
struct OnePage {
    shell: Shell,
    w: &'static Words,
    tabs: Vec<Tab>,
    name: String,
    number: i64,
    what: String,
    live: String,
    state: &'static str,
    glyph: &'static str,
    clock: Option<Countdown>,
    asks: Vec<&'static str>,
    seen: Vec<(&'static str, String)>,
    steps: &'static [&'static str],
    said: Vec<Said>,
    is_over: bool,
    may_acknowledge: bool,
    /// Since when the dispute holds the time, in words.
    held: Option<String>,
    /// Whether the party's own dispute holds it: that it can take back.
    disputed: bool,
    grounds: Vec<(&'static str, &'static str)>,
}

async fn one(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path(number): Path<i64>,
) -> Result<Response, Refusal> {
    let (w, lang, now) = (Words::of(visitor.lang), visitor.lang, desk.now().0);
    let party = party(&desk, &visitor).await?;
    let matter = desk.ledger.matter(&party, number, desk.now().0).await?;
    let posts = desk
        .ledger
        .matter_posts(&party, number, desk.now().0)
        .await?;
    let place = matter
        .url
        .as_ref()
        .or(matter.host.as_ref())
        .or(matter.ip.as_ref());
    let live = place.unwrap_or(&matter.what).clone();
    let is_over = matter.state == MatterState::Over;
    let at = |at: i64| draw::exact(&desk, at);
    let look = matter
        .looked
        .map(|(when, finding)| format!("{} · {}", at(when), word(finding, lang)));
    let seen = [
        (w.kind, Some(word(matter.kind, lang).to_owned())),
        (w.url, matter.url.as_deref().map(draw::defang)),
        (w.host, matter.host.as_deref().map(draw::defang)),
        (w.ip, matter.ip.as_deref().map(draw::defang)),
        (w.asn, matter.asn.map(|asn| format!("AS{asn}"))),
        (w.name, matter.name.clone()),
        (w.first_seen, Some(at(matter.first_seen_at))),
        (w.last_seen, Some(at(matter.last_seen_at))),
        (w.look, look),
        (w.asked_at, Some(at(matter.asked_at))),
        (w.due, matter.due_at.map(at)),
        (w.ticket, matter.ticket.clone()),
    ];
    let seen = seen
        .into_iter()
        .filter_map(|(label, text)| Some((label, text?)));
    let asks = matter
        .asks
        .iter()
        .filter_map(|label| Ask::named(label).ok());
    let title = format!("#{number} {}", draw::defang(&live));
    Ok(shell::page(&OnePage {
        shell: shell::shell(&desk, &visitor, Nav::Portal, &title).await,
        w,
        tabs: tabs(lang, ""),
        name: party.name(code(lang)).to_owned(),
        number,
        what: draw::defang(&live),
        live,
        state: word(matter.state, lang),
        glyph: glyph(matter.state),
        clock: matter
            .due_at
            .filter(|_| !is_over && matter.state != MatterState::Gone && matter.held_at.is_none())
            .map(|due| draw::countdown(&desk, (matter.asked_at, due), now, lang)),
        asks: asks.map(|ask| ask.words(lang)).collect(),
        seen: seen.collect(),
        steps: advice::steps(matter.kind, lang),
        said: posts
            .into_iter()
            .rev()
            .map(|post| said(&desk, lang, post))
            .collect(),
        is_over,
        may_acknowledge: matter.state == MatterState::Asked,
        held: matter.held_at.map(|since| match matter.disputed {
            true => fill(w.held_since, &[("at", &at(since))]),
            false => fill(w.held_other_since, &[("at", &at(since))]),
        }),
        disputed: matter.disputed,
        grounds: Dispute::ALL
            .iter()
            .map(|one| (one.label(), word(*one, lang)))
            .collect(),
    }))
}

/// An answer of a party.
#[derive(Clone, Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Answer {
    /// `acknowledged`, `fixed`, `disputed`, `withdrawn` (the dispute is taken back) or `asked`.
    pub(crate) act: String,
    /// For `disputed`: `gone`, `legitimate`, `not-ours`, `undecided` or `other`.
    #[serde(default)]
    pub(crate) ground: String,
    /// What you write; needed for `asked` and for `disputed` on the ground `other`.
    #[serde(default)]
    pub(crate) comment: String,
    /// Your own number for the matter.
    #[serde(default)]
    pub(crate) ticket: String,
}

/// Act, words and the party's own number, as an answer says them.
///
/// # Errors
/// No page of ours sends such an answer.
pub(crate) fn read_answer(form: &Answer) -> Result<(Act, String, Option<String>), Refusal> {
    let comment = plain(&form.comment);
    let act = match form.act.as_str() {
        "acknowledged" => Act::Acknowledge,
        "fixed" => Act::Fix,
        "asked" => Act::Write,
        "withdrawn" => Act::Withdraw,
        "disputed" => {
            let ground: Dispute = form
                .ground
                .parse()
                .map_err(|error| Refusal::invalid("ground", error))?;
            if ground == Dispute::Other && comment.is_empty() {
                return Err(Refusal::invalid("comment", "say what is wrong"));
            }
            Act::Dispute(ground)
        }
        _ => {
            return Err(Refusal::invalid(
                "act",
                "is one of acknowledged, fixed, disputed, withdrawn, asked",
            ));
        }
    };
    if act == Act::Write && comment.is_empty() {
        return Err(Refusal::invalid("comment", "the message is empty"));
    }
    let ticket = line(&form.ticket, 100);
    Ok((act, comment, Some(ticket).filter(|text| !text.is_empty())))
}

/// Carries out an answer, for the page and for programs.
///
/// # Errors
/// As `ledger::Ledger::answer_matter`; the answer says nothing.
pub(crate) async fn answered(
    desk: &Desk,
    visitor: &Visitor,
    number: i64,
    form: &Answer,
) -> Result<(Party, Post), Refusal> {
    let party = party(desk, visitor).await?;
    desk.limits
        .spend(ACTING, &party.id().to_string(), desk.now().0)?;
    let (act, comment, ticket) = read_answer(form)?;
    let said = (act, comment.as_str(), ticket.as_deref());
    let post = desk
        .response
        .answer_matter(&party, number, said, visitor.login())
        .await?;
    Ok((party, post))
}

async fn act(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path(number): Path<i64>,
    Input(form): Input<Answer>,
) -> Result<Response, Refusal> {
    let w = Words::of(visitor.lang);
    let (_, post) = answered(&desk, &visitor, number, &form).await?;
    let said = match post.kind.0 {
        PostKind::Acknowledged => w.done_acknowledged,
        PostKind::Fixed => w.done_fixed,
        PostKind::Disputed => w.done_disputed,
        PostKind::Withdrawn => w.done_withdrawn,
        PostKind::Asked | PostKind::Told => w.done_written,
    };
    Ok(done(&format!("/portal/incidents/{number}"), said))
}
