//! The list: saved views, the query as text and as chips, a dense table, and what is done to the chosen.

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Redirect, Response};
use ledger::{Cursor, Found, Query};
use model::bulletin::Lang;
use model::newsroom::Right;

use super::chips::{self, Chip, Offer, address};
use super::rows::{Column, Pen, Row, people};
use super::views::{Tab, count_of, counted, tabs};
use super::words::ListWords;
use super::{At, escaped, meant};
use crate::Desk;
use crate::kept::Asking;
use crate::pages::shell::{self, Nav, Shell};
use crate::refusal::Refusal;
use crate::visitor::Visitor;
use crate::words::{ShellWords, fill};

/// Rows of a page.
const ROWS: u64 = 50;
/// What is listed where nothing is asked.
const USUAL: &str = "state:live";

/// What an address asks for.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked {
    /// The query's text; `None`: none was given.
    pub(super) q: Option<String>,
    /// Labels of columns.
    pub(super) cols: String,
    /// Where the page begins.
    pub(super) after: Option<String>,
    /// A condition to be added: key and value.
    add: Option<(String, String)>,
}

impl Asked {
    /// Reads the query of an address; a field that comes again and again is a list.
    pub(super) fn read(raw: Option<&str>) -> Asked {
        let mut asked = Asked::default();
        let (mut key, mut value) = (None, None);
        for (name, text) in url::form_urlencoded::parse(raw.unwrap_or_default().as_bytes()) {
            let text = text.into_owned();
            match name.as_ref() {
                "q" => asked.q = Some(text),
                "cols" if asked.cols.is_empty() => asked.cols = text,
                "cols" => {
                    asked.cols.push(',');
                    asked.cols.push_str(&text);
                }
                "after" => asked.after = Some(text),
                "key" => key = Some(text),
                "value" => value = Some(text),
                _ => {}
            }
        }
        asked.add = key.zip(value);
        asked
    }

    /// The query.
    pub(super) fn query(&self) -> Result<Query, ledger::BadQuery> {
        Query::read(self.q.as_deref().unwrap_or(USUAL))
    }
}

#[derive(Template)]
#[template(path = "incidents/list.html")]
struct ListPage {
    shell: Shell,
    w: &'static ListWords,
    tabs: Vec<Tab>,
    text: String,
    bad: Option<String>,
    chips: Vec<Chip>,
    offers: Vec<Offer>,
    typed: Vec<(&'static str, &'static str)>,
    columns: Vec<(&'static str, &'static str)>,
    chooser: Vec<(&'static str, &'static str, bool)>,
    cols: String,
    count: String,
    rows: Vec<Row>,
    next: Option<String>,
    short: Option<String>,
    first: Option<String>,
    export: String,
    export_about: String,
    may_work: bool,
    roles: Vec<(&'static str, &'static str)>,
    own_view: Option<i64>,
    clear: String,
}

/// The incidents of a page with what stands beside them.
pub(super) async fn found(
    desk: &Desk,
    visitor: &Visitor,
    query: &Query,
    after: Option<&str>,
    limit: u64,
) -> Result<Found, Refusal> {
    let after = match after {
        None | Some("") => None,
        Some(text) => Some(
            text.parse::<Cursor>()
                .map_err(|()| Refusal::invalid("after", "is no cursor"))?,
        ),
    };
    let search = meant(desk, visitor, query);
    Ok(desk
        .ledger
        .find_incidents(&search, &visitor.within()?, after, limit)
        .await?)
}

pub(super) async fn page(
    State(desk): At,
    visitor: Visitor,
    RawQuery(raw): RawQuery,
) -> Result<Response, Refusal> {
    let (lang, w) = (visitor.lang, ListWords::of(visitor.lang));
    let asked = Asked::read(raw.as_deref());
    let columns = Column::read(&asked.cols);
    let cols = Column::written(&columns);
    // A condition of the menu is joined to the query, which then stands in the address.
    if let Some((key, value)) = &asked.add {
        let quoted = format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""));
        let more = format!("{} {key}:{quoted}", asked.q.clone().unwrap_or_default());
        let to = match Query::read(&more) {
            Ok(query) => address(&query, lang, &cols),
            Err(_) => format!(
                "/console/incidents?q={}&cols={}",
                escaped(&more),
                escaped(&cols)
            ),
        };
        return Ok(Redirect::to(&to).into_response());
    }
    let (query, bad) = match asked.query() {
        Ok(query) => (query, None),
        Err(bad) => (Query::default(), Some(bad.told(lang))),
    };
    // A number alone names one incident.
    if let ([number], [], []) = (
        query.numbers.as_slice(),
        query.terms.as_slice(),
        query.words.as_slice(),
    ) && asked
        .q
        .as_deref()
        .is_some_and(|q| !q.trim().starts_with('#'))
        && !desk
            .ledger
            .incidents_numbered(&[*number], &visitor.within()?)
            .await?
            .is_empty()
    {
        return Ok(Redirect::to(&format!("/console/incidents/{number}")).into_response());
    }
    let page = match &bad {
        None => found(&desk, &visitor, &query, asked.after.as_deref(), ROWS).await?,
        Some(_) => Found::default(),
    };
    let beside = desk.ledger.beside_incidents(&page.incidents).await?;
    let names = people(&desk).await?;
    let pen = Pen {
        desk: &desk,
        lang,
        now: desk.now().0,
        names: &names,
    };
    let rows: Vec<Row> = page
        .incidents
        .iter()
        .map(|one| pen.row(one, &beside, &columns))
        .collect();
    let asking = Asking::of(&desk, &visitor).await?;
    let count = match &bad {
        None => {
            let mut count = count_of(&desk, &visitor, &asking, &query).await?;
            // A count that ended early knows no more than the page does.
            if count.more {
                count.count = count.count.max(rows.len() as u64);
            }
            fill(w.count, &[("n", &counted(count))])
        }
        Some(_) => String::new(),
    };
    let text = match &bad {
        Some(_) => asked.q.clone().unwrap_or_default(),
        None => query.text(lang),
    };
    let here = address(&query, lang, &cols);
    let next = page.next.map(|next| format!("{here}&after={next}"));
    let short = page
        .short
        .then_some(page.next)
        .flatten()
        .map(|next| match next {
            Cursor::Number(number) => fill(w.short, &[("n", &number)]),
            Cursor::Due(..) => String::new(),
        });
    let tabs = tabs(&desk, &visitor, &asking, &query).await?;
    let roles = match (&visitor.account, visitor.may(Right::Lead)) {
        (Some(account), true) => account
            .roles()
            .into_iter()
            .map(|role| {
                (
                    model::worded::Word::label(role),
                    crate::words::word(role, lang),
                )
            })
            .collect(),
        _ => Vec::new(),
    };
    let title = ShellWords::of(lang).incidents;
    Ok(shell::page(&ListPage {
        shell: shell::shell(&desk, &visitor, Nav::Incidents, title).await,
        w,
        own_view: tabs.iter().find(|tab| tab.current).and_then(|tab| tab.own),
        tabs,
        chips: chips::chips(&query, lang, &cols),
        offers: chips::offers(&query, lang, &cols),
        typed: chips::typed(lang),
        columns: columns
            .iter()
            .map(|one| (one.word(w), one.head()))
            .collect(),
        chooser: Column::ALL
            .iter()
            .map(|one| (one.label(), one.word(w), columns.contains(one)))
            .collect(),
        export: {
            let q = escaped(&query.to_string());
            format!(
                "q={q}&cols={}&lang={}",
                escaped(&cols),
                if lang == Lang::Zh { "zh" } else { "en" }
            )
        },
        export_about: fill(w.export_about, &[("n", &super::export::MOST)]),
        cols,
        text,
        bad,
        count,
        rows,
        next,
        short,
        first: asked.after.is_some().then_some(here),
        may_work: visitor.may(Right::Work),
        roles,
        clear: "/console/incidents?q=".to_owned(),
    }))
}
