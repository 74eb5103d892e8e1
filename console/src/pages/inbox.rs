//! The inbox: mail that waits for a person, what the machine read in it and why it waits, and what can be done with
//! it.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use ledger::{Message, MessageFilter, MessageState};
use model::bulletin::Lang;
use model::newsroom::Right;
use serde::Deserialize;

use super::notices::Tab;
use super::paging::{self, Asked};
use super::shell::{self, Nav, Shell};
use super::{draw, mail};
use crate::Desk;
use crate::refusal::Refusal;
use crate::routes::{Need, Route, Verb, get, post};
use crate::visitor::Visitor;
use crate::words::{ShellWords, words};

mod acts;
mod api;
mod message;

#[cfg(test)]
pub(crate) use message::Words as MessageWords;

const VIEW: Need = Need::Right(Right::View);
const WORK: Need = Need::Right(Right::Work);

pub(crate) const ROUTES: &[Route] = &[
    Route::page("/console/inbox", VIEW, || get(list)),
    Route::page("/console/inbox/{id}", VIEW, || get(message::page)),
    Route::page("/console/inbox/{id}/original", WORK, || {
        get(message::original)
    }),
    Route::page("/console/inbox/{id}/parts/{part}", VIEW, || {
        get(message::part)
    }),
    Route::act("/console/inbox/{id}/attach", WORK, || {
        post(acts::attach_form)
    }),
    Route::act("/console/inbox/{id}/answers", WORK, || {
        post(acts::answers_form)
    }),
    Route::act("/console/inbox/{id}/bounce", WORK, || {
        post(acts::bounce_form)
    }),
    Route::act("/console/inbox/{id}/noise", WORK, || post(acts::noise_form)),
    Route::act("/console/inbox/{id}/quarantine", WORK, || {
        post(acts::quarantine_form)
    }),
    Route::act("/console/inbox/{id}/wait", WORK, || post(acts::wait_form)),
    Route::act("/console/inbox/{id}/open", WORK, || post(acts::open_form)),
    Route::act("/console/inbox/{id}/reply", WORK, || post(acts::reply_form)),
    Route::api(
        Verb::Get,
        "/api/v1/messages",
        VIEW,
        api::list_described,
        || get(api::list),
    ),
    Route::api(
        Verb::Get,
        "/api/v1/messages/{id}",
        VIEW,
        api::one_described,
        || get(api::one),
    ),
    Route::api(
        Verb::Get,
        "/api/v1/messages/{id}/original",
        WORK,
        api::original_described,
        || get(message::original),
    ),
    Route::api(
        Verb::Get,
        "/api/v1/messages/{id}/parts/{part}",
        VIEW,
        api::part_described,
        || get(message::part),
    ),
    Route::api(
        Verb::Post,
        "/api/v1/messages/{id}/attach",
        WORK,
        api::attach_described,
        || post(api::attach),
    ),
    Route::api(
        Verb::Post,
        "/api/v1/messages/{id}/answers",
        WORK,
        api::answers_described,
        || post(api::answers),
    ),
    Route::api(
        Verb::Post,
        "/api/v1/messages/{id}/bounce",
        WORK,
        api::bounce_described,
        || post(api::bounce),
    ),
    Route::api(
        Verb::Post,
        "/api/v1/messages/{id}/noise",
        WORK,
        api::noise_described,
        || post(api::noise),
    ),
    Route::api(
        Verb::Post,
        "/api/v1/messages/{id}/quarantine",
        WORK,
        api::quarantine_described,
        || post(api::quarantine),
    ),
    Route::api(
        Verb::Post,
        "/api/v1/messages/{id}/wait",
        WORK,
        api::wait_described,
        || post(api::wait),
    ),
    Route::api(
        Verb::Post,
        "/api/v1/messages/{id}/open",
        WORK,
        api::open_described,
        || post(api::open),
    ),
    Route::api(
        Verb::Post,
        "/api/v1/messages/{id}/reply",
        WORK,
        api::reply_described,
        || post(api::reply),
    ),
];

words! {
    Words {
        waiting: "待处理", "Waiting";
        quarantined: "隔离", "Quarantined";
        handled: "已处理", "Handled";
        new: "未读取", "Not read yet";
        all: "全部", "All";
        search: "发件人或主题", "Sender or subject";
        find: "查找", "Find";
        from: "发件人", "From";
        subject: "主题", "Subject";
        nature: "种类", "Kind";
        why: "为什么等人", "Why it waits";
        came: "读出", "Came to";
        received: "收到", "Received";
        list: "来信列表", "List of mail";
        states: "状态", "State";
        more: "下一页", "Next page";
        empty: "没有来信等人处理", "No mail waits for a person";
        empty_text: "系统读得准的投诉、答复和退信会自己归位；拿不准的停在这里，写明原因。", "Complaints, answers and bounces that are read with certainty find their place by themselves; the others stop here and say why.";
        empty_other: "这里没有来信", "No mail here";
        no_subject: "（无主题）", "(no subject)";
    }
}

/// A tab: key and state.
const TABS: [(&str, Option<MessageState>); 5] = [
    ("waiting", Some(MessageState::Waiting)),
    ("quarantined", Some(MessageState::Quarantined)),
    ("new", Some(MessageState::New)),
    ("handled", Some(MessageState::Handled)),
    ("all", None),
];

impl Words {
    fn tab(&self, key: &str) -> &'static str {
        match key {
            "waiting" => self.waiting,
            "quarantined" => self.quarantined,
            "new" => self.new,
            "handled" => self.handled,
            _ => self.all,
        }
    }
}

/// What the machine took a mail for.
pub(super) fn nature(label: &str, lang: Lang) -> String {
    let (zh, en) = match label {
        "complaint" => ("投诉", "complaint"),
        "arf" => ("投诉（ARF）", "complaint (ARF)"),
        "xarf" => ("投诉（X-ARF）", "complaint (X-ARF)"),
        "notifier-complaint" => ("投诉（通报机构）", "complaint (notifier)"),
        "reply" => ("答复", "answer"),
        "bounce" => ("退信", "bounce"),
        "automatic-reply" => ("自动回复", "automatic answer"),
        "feed" => ("数据源投递", "feed delivery"),
        "bulk" => ("群发", "bulk mail"),
        "noise" => ("无关", "noise"),
        "" => ("未读出", "not read"),
        other => return mail::plain(other),
    };
    match lang {
        Lang::Zh => zh.to_owned(),
        Lang::En => en.to_owned(),
    }
}

/// The class that an answer was taken for, in words; another label is shown as it is.
pub(super) fn class(label: &str, lang: Lang) -> String {
    let (zh, en) = match label {
        "fixed" => ("已处置", "fixed"),
        "wrong-contact" => ("不归其管", "not theirs"),
        "needs-information" => ("需要更多信息", "needs information"),
        "refused" => ("拒绝", "refused"),
        "automatic-reply" => ("自动回复", "automatic answer"),
        "unknown" => ("读不准", "not clear"),
        other => return mail::plain(other),
    };
    match lang {
        Lang::Zh => zh.to_owned(),
        Lang::En => en.to_owned(),
    }
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
    href: String,
    from: String,
    subject: String,
    nature: String,
    proposal: String,
    why: String,
    ago: String,
    exact: String,
}

#[derive(Template)]
#[template(path = "inbox.html")]
struct InboxPage {
    shell: Shell,
    w: &'static Words,
    tabs: Vec<Tab>,
    tab: String,
    q: String,
    waits: bool,
    rows: Vec<Row>,
    next: String,
}

/// The cursor after a message.
pub(super) fn cursor(one: &Message) -> String {
    format!("{}-{}", one.received_at, one.id)
}

/// Reads a cursor.
pub(super) fn after(text: &str) -> Option<(i64, String)> {
    let (at, id) = text.split_once('-')?;
    Some((at.parse().ok()?, id.to_owned()))
}

async fn list(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Asked(asked): Asked<Query>,
) -> Result<Response, Refusal> {
    visitor.of_the_house()?;
    let (lang, now) = (visitor.lang, desk.now().0);
    let w = Words::of(lang);
    let counts = desk.ledger.message_counts().await?;
    let tab = TABS.iter().find(|(key, _)| *key == asked.tab);
    let (tab, state) = *tab.unwrap_or(&TABS[0]);
    let filter = MessageFilter {
        state,
        text: paging::filled(&asked.q),
        after: after(&asked.after),
    };
    let limit = paging::limit(None);
    let mut found = desk.ledger.inbox(&filter, limit + 1).await?;
    let next = paging::cut(&mut found, limit, cursor);
    let rows = found.into_iter().map(|one| Row {
        href: format!("/console/inbox/{}", &one.id[..one.id.len().min(16)]),
        from: mail::plain(&one.sender),
        subject: match one.subject.trim().is_empty() {
            true => w.no_subject.to_owned(),
            false => mail::disarmed(&one.subject),
        },
        nature: nature(&one.nature, lang),
        proposal: class(one.proposal.as_deref().unwrap_or_default(), lang),
        why: mail::disarmed(one.reason.as_deref().unwrap_or_default()),
        ago: draw::ago(now, one.received_at, lang),
        exact: draw::exact(&desk, one.received_at),
    });
    let rows: Vec<_> = rows.collect();
    let query = paging::escaped(asked.q.trim());
    let tabs = TABS.iter().map(|(key, state)| Tab {
        label: w.tab(key),
        href: format!("/console/inbox?tab={key}&q={query}"),
        count: state.map_or_else(String::new, |state| {
            let found = counts.iter().find(|(one, _)| *one == state);
            paging::grouped(found.map_or(0, |(_, count)| *count))
        }),
        current: *key == tab,
    });
    let title = ShellWords::of(lang).inbox;
    Ok(shell::page(&InboxPage {
        shell: shell::shell(&desk, &visitor, Nav::Inbox, title).await,
        w,
        tabs: tabs.collect(),
        tab: tab.to_owned(),
        q: asked.q.clone(),
        waits: tab == "waiting",
        rows,
        next: next.map_or_else(String::new, |after| {
            format!("/console/inbox?tab={tab}&q={query}&after={after}")
        }),
    }))
}
