//! The outbox: what is written to parties, by what becomes of it; each letter exactly as it will go, and the
//! switch that lets everything go or stops it.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::Response;
use ledger::{Notice, NoticeFilter};
use model::newsroom::Right;
use model::notice::NoticeState;
use serde::Deserialize;

use super::draw;
use super::form::done;
use super::paging::{self, Asked};
use super::shell::{self, Nav, Shell};
use crate::Desk;
use crate::refusal::Refusal;
use crate::routes::{Need, Route, Verb, get, post};
use crate::visitor::Visitor;
use crate::words::{ShellWords, fill, word, words};

mod api;
mod letter;
mod sending;

#[cfg(test)]
pub(crate) use letter::Words as LetterWords;
pub(crate) use letter::{bytes, note_copy};
#[cfg(test)]
pub(crate) use sending::Words as SendingWords;

const VIEW: Need = Need::Right(Right::View);
const WORK: Need = Need::Right(Right::Work);
const LEAD: Need = Need::Right(Right::Lead);

pub(crate) const ROUTES: &[Route] = &[
    Route::page("/console/notices", VIEW, || get(outbox)),
    Route::act("/console/notices/release", WORK, || post(release_some)),
    Route::page("/console/notices/sending", VIEW, || get(sending::page)),
    Route::act("/console/notices/sending/stop", WORK, || {
        post(sending::stop)
    }),
    Route::act("/console/notices/sending/resume", LEAD, || {
        post(sending::resume)
    })
    .fresh(),
    Route::act("/console/notices/sending/arm", LEAD, || post(sending::arm)).fresh(),
    Route::act("/console/notices/sending/disarm", LEAD, || {
        post(sending::disarm)
    }),
    Route::page("/console/notices/{number}", VIEW, || get(letter::page)),
    Route::page("/console/notices/{number}/letter", VIEW, || {
        get(letter::raw)
    }),
    Route::page("/console/notices/{number}/parts/{part}", VIEW, || {
        get(letter::part)
    }),
    Route::act("/console/notices/{number}/release", WORK, || {
        post(letter::release)
    }),
    Route::act("/console/notices/{number}/hold", WORK, || {
        post(letter::hold)
    }),
    Route::act("/console/notices/{number}/drop", WORK, || {
        post(letter::drop_it)
    }),
    Route::act("/console/notices/{number}/again", WORK, || {
        post(letter::again)
    }),
    Route::act("/console/notices/{number}/carried", WORK, || {
        post(letter::carried)
    }),
    Route::api(
        Verb::Get,
        "/api/v1/notices",
        VIEW,
        api::list_described,
        || get(api::list),
    ),
    Route::api(
        Verb::Get,
        "/api/v1/notices/{number}",
        VIEW,
        api::one_described,
        || get(api::one),
    ),
    Route::api(
        Verb::Get,
        "/api/v1/notices/{number}/letter",
        VIEW,
        api::letter_described,
        || get(letter::raw),
    ),
    Route::api(
        Verb::Post,
        "/api/v1/notices/{number}/release",
        WORK,
        api::release_described,
        || post(api::release),
    ),
    Route::api(
        Verb::Post,
        "/api/v1/notices/{number}/hold",
        WORK,
        api::hold_described,
        || post(api::hold),
    ),
    Route::api(
        Verb::Post,
        "/api/v1/notices/{number}/drop",
        WORK,
        api::drop_described,
        || post(api::drop_it),
    ),
    Route::api(
        Verb::Post,
        "/api/v1/notices/{number}/again",
        WORK,
        api::again_described,
        || post(api::again),
    ),
    Route::api(
        Verb::Post,
        "/api/v1/notices/{number}/carried",
        WORK,
        api::carried_described,
        || post(api::carried),
    ),
    Route::api(
        Verb::Get,
        "/api/v1/sending",
        VIEW,
        api::sending_described,
        || get(api::sending),
    ),
    Route::api(
        Verb::Post,
        "/api/v1/sending/stop",
        WORK,
        api::stop_described,
        || post(api::stop),
    ),
    Route::api(
        Verb::Post,
        "/api/v1/sending/resume",
        LEAD,
        api::resume_described,
        || post(api::resume),
    )
    .fresh(),
    Route::api(
        Verb::Post,
        "/api/v1/sending/arm",
        LEAD,
        api::arm_described,
        || post(api::arm),
    )
    .fresh(),
    Route::api(
        Verb::Post,
        "/api/v1/sending/disarm",
        LEAD,
        api::disarm_described,
        || post(api::disarm),
    ),
];

words! {
    Words {
        judge: "待审批", "To be judged";
        waiting: "待发送", "Waiting";
        sent: "已发送", "Sent";
        bounced: "被退回", "Bounced";
        refused: "未送达", "Not taken";
        unknown: "结果未知", "Unknown";
        dropped: "已取消", "Dropped";
        all: "全部", "All";
        search: "主题、地址或编号", "Subject, address or number";
        find: "查找", "Find";
        number: "编号", "Number";
        party: "处置单位", "Party";
        subject: "主题", "Subject";
        state: "状态", "State";
        written: "写成", "Written";
        why: "原因", "Why";
        list: "通报列表", "List of notices";
        select_all: "全选", "Select all";
        select: "选择", "Select";
        selected: "封已选", "selected";
        release: "放行", "Release";
        release_why: "看过什么，为什么可以发", "What was read, and why it may go";
        released: "已放行 {n} 封", "{n} released";
        none_chosen: "没有选择通报", "no notice is selected";
        more: "下一页", "Next page";
        empty: "这里没有通报", "No notices here";
        empty_text: "事件定给处置单位后，系统写出通报；首次联系、涉及政府或银行的，先停在“待审批”，等人看过。", "When an incident is routed to a party, a notice is written; first contacts and those about government or banks stop under “To be judged” until a person read them.";
        sending: "发送开关", "Sending";
        exercise: "演练", "Exercise";
    }
}

/// A tab: key, the states in it.
const TABS: [(&str, &[NoticeState]); 8] = [
    ("judge", &[NoticeState::Held]),
    ("waiting", &[NoticeState::Ready, NoticeState::Task]),
    ("unknown", &[NoticeState::Sending]),
    ("bounced", &[NoticeState::Bounced]),
    ("refused", &[NoticeState::Failed]),
    ("sent", &[NoticeState::Sent]),
    ("dropped", &[NoticeState::Cancelled, NoticeState::Exercise]),
    ("all", &[]),
];

/// The states of a tab; of a word that is none, all.
fn states_of(tab: &str) -> &'static [NoticeState] {
    let found = TABS.iter().find(|(key, _)| *key == tab);
    found.map_or(&[], |(_, states)| states)
}

impl Words {
    fn tab(&self, key: &str) -> &'static str {
        match key {
            "judge" => self.judge,
            "waiting" => self.waiting,
            "unknown" => self.unknown,
            "bounced" => self.bounced,
            "refused" => self.refused,
            "sent" => self.sent,
            "dropped" => self.dropped,
            _ => self.all,
        }
    }
}

/// A tab as it is drawn.
pub(crate) struct Tab {
    pub(crate) label: &'static str,
    pub(crate) href: String,
    pub(crate) count: String,
    pub(crate) current: bool,
}

/// What the list is asked for.
#[derive(Debug, Default, Deserialize)]
struct Query {
    #[serde(default)]
    tab: String,
    #[serde(default)]
    q: String,
    #[serde(default)]
    after: String,
}

struct Row {
    number: i64,
    href: String,
    party: String,
    address: String,
    subject: String,
    kind: &'static str,
    state: &'static str,
    class: &'static str,
    why: String,
    ago: String,
    exact: String,
    exercise: bool,
}

#[derive(Template)]
#[template(path = "notices.html")]
struct OutboxPage {
    shell: Shell,
    w: &'static Words,
    tabs: Vec<Tab>,
    tab: String,
    q: String,
    rows: Vec<Row>,
    /// Whether the visitor may let notices go, and these are such.
    judging: bool,
    next: String,
}

/// Notices that need a hand: held, to be carried by hand, not taken, or come back with nobody asked since.
pub(crate) async fn to_be_seen_to(ledger: &ledger::Ledger) -> ledger::Result<u64> {
    let wanted = [NoticeState::Held, NoticeState::Task, NoticeState::Failed];
    let counts = ledger.notice_counts().await?;
    let found = counts.iter().filter(|(state, _)| wanted.contains(state));
    let waiting: u64 = found.map(|(_, count)| count.unsigned_abs()).sum();
    Ok(waiting + ledger.notices_come_back().await?)
}

/// How a state is coloured: what is broken, what waits for a person.
pub(crate) fn class_of(state: NoticeState) -> &'static str {
    match state {
        NoticeState::Bounced | NoticeState::Failed => "x",
        NoticeState::Held | NoticeState::Sending | NoticeState::Task => "w",
        _ => "",
    }
}

/// Why a notice stands where it stands.
pub(crate) fn why_of(notice: &Notice) -> String {
    let why = match notice.state.0 {
        NoticeState::Held => notice.hold_reason.as_deref(),
        _ => notice.outcome.as_deref(),
    };
    super::mail::plain(why.unwrap_or_default())
}

/// The names of the organizations of some notices, in the visitor's language.
pub(crate) async fn names(
    desk: &Desk,
    ids: Vec<model::ids::OrganizationId>,
    lang: model::bulletin::Lang,
) -> Result<BTreeMap<model::ids::OrganizationId, String>, Refusal> {
    let mut all = BTreeMap::new();
    for id in ids {
        if all.contains_key(&id) {
            continue;
        }
        let name = match desk.ledger.organization(id).await {
            Ok(one) => one.name(language(lang)).to_owned(),
            Err(ledger::Error::NotFound { .. }) => String::new(),
            Err(error) => return Err(error.into()),
        };
        all.insert(id, name);
    }
    Ok(all)
}

/// The word of the ledger for a language.
pub(crate) fn language(lang: model::bulletin::Lang) -> &'static str {
    match lang {
        model::bulletin::Lang::Zh => "zh",
        model::bulletin::Lang::En => "en",
    }
}

async fn outbox(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Asked(asked): Asked<Query>,
) -> Result<Response, Refusal> {
    visitor.of_the_house()?;
    let (lang, now) = (visitor.lang, desk.now().0);
    let w = Words::of(lang);
    let counts = desk.ledger.notice_counts().await?;
    let count = |states: &[NoticeState]| -> i64 {
        let of = counts.iter().filter(|(state, _)| states.contains(state));
        of.map(|(_, count)| count).sum()
    };
    // What waits for a person comes first; where nothing does, what went out.
    let usual = match count(&[NoticeState::Held]) {
        0 => "all",
        _ => "judge",
    };
    let tab = TABS.iter().find(|(key, _)| *key == asked.tab);
    let tab = tab.map_or(usual, |(key, _)| key);
    let filter = NoticeFilter {
        states: states_of(tab).to_vec(),
        text: paging::filled(&asked.q),
        before: asked.after.parse().ok(),
        organization: None,
    };
    let limit = paging::limit(None);
    let mut found = desk.ledger.outbox(&filter, limit + 1).await?;
    let next = paging::cut(&mut found, limit, |one| one.number.to_string());
    let ids: Vec<_> = found.iter().map(|one| one.organization_id.0).collect();
    let parties = names(&desk, ids, lang).await?;
    let rows = found.into_iter().map(|one| Row {
        number: one.number,
        href: format!("/console/notices/{}", one.number),
        party: parties
            .get(&one.organization_id.0)
            .cloned()
            .unwrap_or_default(),
        address: super::mail::plain(&one.address),
        subject: super::mail::plain(&one.subject),
        kind: word(one.kind.0, lang),
        state: word(one.state.0, lang),
        class: class_of(one.state.0),
        why: why_of(&one),
        ago: draw::ago(now, one.created_at, lang),
        exact: draw::exact(&desk, one.created_at),
        exercise: one.exercise,
    });
    let query = paging::escaped(asked.q.trim());
    let tabs = TABS.iter().map(|(key, states)| Tab {
        label: w.tab(key),
        href: format!("/console/notices?tab={key}&q={query}"),
        count: match states.is_empty() {
            true => String::new(),
            false => paging::grouped(count(states)),
        },
        current: *key == tab,
    });
    let title = ShellWords::of(lang).notices;
    Ok(shell::page(&OutboxPage {
        shell: shell::shell(&desk, &visitor, Nav::Notices, title).await,
        w,
        tabs: tabs.collect(),
        tab: tab.to_owned(),
        q: asked.q.clone(),
        rows: rows.collect(),
        judging: tab == "judge" && visitor.may(Right::Work),
        next: next.map_or_else(String::new, |after| {
            format!("/console/notices?tab={tab}&q={query}&after={after}")
        }),
    }))
}

/// Lets the selected notices go, each judged and audited by itself.
async fn release_some(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    body: Bytes,
) -> Result<Response, Refusal> {
    visitor.of_the_house()?;
    let w = Words::of(visitor.lang);
    let (numbers, others) = paging::repeated(&body, "n");
    let why = others.iter().find(|(key, _)| key == "reason");
    let why = paging::reason(why.map_or("", |(_, value)| value))?;
    if numbers.is_empty() {
        return Err(Refusal::invalid("n", w.none_chosen));
    }
    let mut released = 0;
    for number in &numbers {
        letter::judge(&desk, &visitor, paging::number(number)?, &why).await?;
        released += 1;
    }
    let said = fill(w.released, &[("n", &released)]);
    Ok(done("/console/notices?tab=judge", &said))
}
