//! Views: queries under a name, as tabs above the list. Some are there for everybody; others people keep for
//! themselves, or a lead for all of a role.

use axum::extract::State;
use axum::response::Response;
use ledger::{Bounded, Key, Query, SavedView};
use model::newsroom::Right;
use model::worded::Word;
use serde::Deserialize;

use super::chips::address;
use super::rows::Column;
use super::words::ListWords;
use super::{At, meant};
use crate::Desk;
use crate::kept::Asking;
use crate::pages::form::{self, Input};
use crate::refusal::Refusal;
use crate::visitor::Visitor;
use crate::words::fill;

/// A tab.
pub(super) struct Tab {
    pub(super) name: String,
    pub(super) href: String,
    pub(super) count: String,
    pub(super) current: bool,
    /// Its number, where it may be deleted by whoever sees it.
    pub(super) own: Option<i64>,
}

/// What everybody has: key of its word, query.
fn common(w: &'static ListWords, today: jiff::civil::Date) -> Vec<(&'static str, String)> {
    let week = today.saturating_sub(jiff::Span::new().days(6));
    vec![
        (w.view_clocks, "sort:clock clock:running".to_owned()),
        (w.view_mine, "state:live assignee:me".to_owned()),
        (w.view_open, "state:open".to_owned()),
        (w.view_silent, "state:notified".to_owned()),
        (w.view_abroad, "state:live border:any".to_owned()),
        (w.view_acted, "state:acted,gone".to_owned()),
        (w.view_closed, format!("state:closed closed:{week}..")),
    ]
}

/// Owners whose views a visitor sees: themselves and their roles.
fn owners(visitor: &Visitor) -> Vec<String> {
    let mut all = vec![visitor.login().to_owned()];
    if let Some(account) = &visitor.account {
        all.extend(
            account
                .roles()
                .iter()
                .map(|role| format!("role:{}", role.label())),
        );
    }
    all
}

/// A count as it is shown.
pub(super) fn counted(count: Bounded) -> String {
    let digits = count.count.to_string();
    let mut text = String::new();
    for (at, c) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(c);
    }
    if count.more {
        text.push('+');
    }
    text
}

/// How many incidents a query finds within a visitor's reach: kept, for every page counts every view, and a count
/// costs as much as a page.
pub(super) async fn count_of(
    desk: &Desk,
    visitor: &Visitor,
    asking: &Asking,
    query: &Query,
) -> Result<Bounded, Refusal> {
    let reach = visitor.within()?;
    let mine =
        |term: &ledger::Term| term.key == Key::Assignee && term.values.iter().any(|v| v == "me");
    let mine = query.terms.iter().any(mine);
    let me = if mine { visitor.login() } else { "" };
    let question = format!("{reach:?} {me:?} {query}");
    let (ledger, search) = (desk.ledger.clone(), meant(desk, visitor, query));
    let read = || async move { Ok(ledger.count_found(&search, &reach).await?) };
    desk.found.answer(asking, &question, read).await
}

/// The tabs of a visitor.
pub(super) async fn tabs(
    desk: &Desk,
    visitor: &Visitor,
    asking: &Asking,
    now: &Query,
) -> Result<Vec<Tab>, Refusal> {
    let (lang, w) = (visitor.lang, ListWords::of(visitor.lang));
    let today = desk.now().date_in(&desk.terms().zone).unwrap_or_default();
    let mut all: Vec<(String, String, String, Option<i64>)> = common(w, today)
        .into_iter()
        .map(|(name, query)| (name.to_owned(), query, String::new(), None))
        .collect();
    let owners = owners(visitor);
    let names: Vec<&str> = owners.iter().map(String::as_str).collect();
    let mut kept: Vec<SavedView> = desk.ledger.views(&names).await?;
    // What a person keeps comes after what the role is given.
    kept.sort_by_key(|view| !view.owner.starts_with("role:"));
    for view in kept {
        let own = view.owner == visitor.login() || visitor.may(Right::Lead);
        all.push((view.name, view.query, view.columns, own.then_some(view.id)));
    }
    let mut tabs = Vec::new();
    for (name, text, columns, own) in all {
        // A view of an older version may name what there is none of any more.
        let Ok(query) = Query::read(&text) else {
            continue;
        };
        let count = count_of(desk, visitor, asking, &query).await?;
        tabs.push(Tab {
            name,
            href: address(&query, lang, &columns),
            count: counted(count),
            current: query == *now,
            own,
        });
    }
    Ok(tabs)
}

/// A view to be kept.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Keep {
    name: String,
    q: String,
    #[serde(default)]
    cols: String,
    /// A role, for all who hold it.
    #[serde(default)]
    role: String,
}

pub(super) async fn keep(
    State(desk): At,
    visitor: Visitor,
    Input(new): Input<Keep>,
) -> Result<Response, Refusal> {
    let (lang, w) = (visitor.lang, ListWords::of(visitor.lang));
    let query = Query::read(&new.q).map_err(|bad| Refusal::invalid("q", bad.told(lang)))?;
    let columns = Column::written(&Column::read(&new.cols));
    let owner = match new.role.as_str() {
        "" => visitor.login().to_owned(),
        role if visitor.may(Right::Lead) => format!("role:{role}"),
        _ => return Err(Refusal::Absent),
    };
    if owner.starts_with("role:") && !owners(&visitor).contains(&owner) {
        return Err(Refusal::invalid("role", w.view_role));
    }
    let stored = (new.name.as_str(), query.to_string(), columns.as_str());
    let kept = desk
        .ledger
        .keep_view(
            &owner,
            (stored.0, &stored.1, stored.2),
            visitor.login(),
            desk.now().0,
        )
        .await?;
    Ok(form::done(
        &address(&query, lang, &columns),
        &fill(w.view_kept, &[("name", &kept.name)]),
    ))
}

/// A view to be deleted.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Remove {
    view: i64,
}

pub(super) async fn remove(
    State(desk): At,
    visitor: Visitor,
    Input(gone): Input<Remove>,
) -> Result<Response, Refusal> {
    let now = desk.now().0;
    let owners = owners(&visitor);
    let names: Vec<&str> = owners.iter().map(String::as_str).collect();
    let all = desk.ledger.views(&names).await?;
    let view = all
        .iter()
        .find(|view| view.id == gone.view)
        .ok_or(Refusal::Absent)?;
    if view.owner != visitor.login() && !visitor.may(Right::Lead) {
        return Err(Refusal::Absent);
    }
    desk.ledger
        .drop_view(&view.owner, view.id, visitor.login(), now)
        .await?;
    Ok(form::done(
        "/console/incidents",
        ListWords::of(visitor.lang).view_dropped,
    ))
}
