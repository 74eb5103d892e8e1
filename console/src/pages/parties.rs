//! Parties: who can act, how each is reached, what each answers for, and how it answers.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use ledger::{PartyFilter, PartyRow};
use model::bulletin::Lang;
use model::ids::OrganizationId;
use model::newsroom::Right;
use model::organization::{Role, Trust};
use model::worded::Word;
use serde::Deserialize;

use super::notices::language;
use super::paging::{self, Asked};
use super::shell::{self, Nav, Shell};
use super::{draw, mail};
use crate::Desk;
use crate::refusal::Refusal;
use crate::routes::{Need, Route, Verb, get, patch, post};
use crate::visitor::Visitor;
use crate::words::{ShellWords, fill, word, words};

mod acts;
mod api;
mod import;
mod one;

#[cfg(test)]
pub(crate) use import::Words as ImportWords;
#[cfg(test)]
pub(crate) use one::Words as OneWords;

const VIEW: Need = Need::Right(Right::View);
const WORK: Need = Need::Right(Right::Work);
const LEAD: Need = Need::Right(Right::Lead);
/// Bytes of a file of parties at most.
const FILE: usize = 8 << 20;

pub(crate) const ROUTES: &[Route] = &[
    Route::page("/console/parties", VIEW, || get(list)),
    Route::page("/console/parties/import", VIEW, || get(import::page)),
    Route::act("/console/parties/import", LEAD, || post(import::upload)).taking(FILE + (64 << 10)),
    Route::page("/console/parties/import/{source}", VIEW, || {
        get(import::difference)
    }),
    Route::act("/console/parties/import/{source}/apply", LEAD, || {
        post(import::apply)
    })
    .taking(4 << 20),
    Route::act("/console/parties/import/{source}/discard", LEAD, || {
        post(import::discard)
    }),
    Route::act("/console/parties/import/{source}/undo", LEAD, || {
        post(import::undo)
    }),
    Route::page("/console/parties/{id}", VIEW, || get(one::page)),
    Route::act("/console/parties/{id}", WORK, || post(acts::edit_form)),
    Route::act("/console/parties/{id}/contacts", WORK, || {
        post(acts::contact_form)
    })
    .taking(512 << 10),
    Route::act("/console/parties/{id}/contacts/{contact}", WORK, || {
        post(acts::change_form)
    })
    .taking(512 << 10),
    Route::act("/console/parties/{id}/duties", WORK, || {
        post(acts::duty_form)
    }),
    Route::act("/console/parties/{id}/duties/{duty}/end", WORK, || {
        post(acts::end_duty_form)
    }),
    Route::act("/console/parties/{id}/merge", LEAD, || {
        post(acts::merge_form)
    }),
    Route::api(
        Verb::Get,
        "/api/v1/parties",
        VIEW,
        api::list_described,
        || get(api::list),
    ),
    Route::api(
        Verb::Get,
        "/api/v1/parties/{id}",
        VIEW,
        api::one_described,
        || get(api::one),
    ),
    Route::api(
        Verb::Patch,
        "/api/v1/parties/{id}",
        WORK,
        api::edit_described,
        || patch(api::edit),
    ),
    Route::api(
        Verb::Get,
        "/api/v1/parties/{id}/scorecard",
        VIEW,
        api::card_described,
        || get(api::card),
    ),
    Route::api(
        Verb::Post,
        "/api/v1/parties/{id}/contacts",
        WORK,
        api::contact_described,
        || post(api::contact),
    )
    .taking(512 << 10),
    Route::api(
        Verb::Patch,
        "/api/v1/parties/{id}/contacts/{contact}",
        WORK,
        api::change_described,
        || patch(api::change),
    )
    .taking(512 << 10),
    Route::api(
        Verb::Post,
        "/api/v1/parties/{id}/duties",
        WORK,
        api::duty_described,
        || post(api::duty),
    ),
    Route::api(
        Verb::Post,
        "/api/v1/parties/{id}/duties/{duty}/end",
        WORK,
        api::end_duty_described,
        || post(api::end_duty),
    ),
    Route::api(
        Verb::Post,
        "/api/v1/parties/{id}/merge",
        LEAD,
        api::merge_described,
        || post(api::merge),
    ),
    Route::api(
        Verb::Post,
        "/api/v1/party-imports",
        LEAD,
        api::upload_described,
        || post(api::upload),
    )
    .taking(FILE),
    Route::api(
        Verb::Get,
        "/api/v1/party-imports/{source}",
        VIEW,
        api::difference_described,
        || get(api::difference),
    ),
    Route::api(
        Verb::Post,
        "/api/v1/party-imports/{source}/apply",
        LEAD,
        api::apply_described,
        || post(api::apply),
    )
    .taking(4 << 20),
    Route::api(
        Verb::Post,
        "/api/v1/party-imports/{source}/undo",
        LEAD,
        api::undo_described,
        || post(api::undo),
    ),
];

words! {
    Words {
        import: "导入名单", "Import a list";
        search: "名称、地址、域名或地址段", "Name, address, domain or prefix";
        find: "查找", "Find";
        role: "角色", "Role";
        any_role: "全部角色", "Any role";
        country: "国家和地区（两字母）", "Country (two letters)";
        bounced_only: "有退信的", "With bounces";
        ended_too: "含停用的", "Also ended";
        name: "名称", "Name";
        place: "地区", "Place";
        contacts: "联系人", "Contacts";
        bounced: "退信", "Bounced";
        answered: "最近答复", "Last answered";
        list: "处置单位列表", "List of parties";
        none: "无可用", "none usable";
        ended: "已停用", "ended";
        no_contact: "不联系", "do not contact";
        no_probe: "不探测", "do not probe";
        more: "下一页", "Next page";
        found: "{n} 家", "{n} parties";
        empty: "没有处置单位", "No parties";
        empty_text: "导入名单后，事件会按地址、域名和省份找到该由谁处置。", "Once a list is imported, incidents find who can act by address, name and province.";
        empty_other: "没有符合条件的单位。", "No party fits.";
        never: "从未", "never";
    }
}

/// What the list is asked for.
#[derive(Debug, Default, Deserialize)]
struct Query {
    #[serde(default)]
    q: String,
    #[serde(default)]
    role: String,
    #[serde(default)]
    country: String,
    #[serde(default)]
    bounced: String,
    #[serde(default)]
    ended: String,
    #[serde(default)]
    after: String,
}

struct Choice {
    label: &'static str,
    name: &'static str,
    chosen: bool,
}

struct Row {
    href: String,
    name: String,
    other: String,
    roles: String,
    place: String,
    contacts: String,
    unreachable: bool,
    bounced: u64,
    answered: String,
    exact: String,
    marks: Vec<&'static str>,
}

#[derive(Template)]
#[template(path = "parties.html")]
struct PartiesPage {
    shell: Shell,
    w: &'static Words,
    q: String,
    roles: Vec<Choice>,
    country: String,
    bounced: bool,
    ended: bool,
    rows: Vec<Row>,
    found: String,
    filtered: bool,
    next: String,
    may_import: bool,
}

/// The cursor after a row.
fn cursor(row: &PartyRow) -> String {
    format!("{} {}", row.organization.id, row.organization.name_en)
}

/// Reads a cursor.
fn after(text: &str) -> Option<(String, OrganizationId)> {
    let (id, name) = text.split_once(' ')?;
    Some((name.to_owned(), id.parse().ok()?))
}

/// Roles in words.
fn roles_of(one: &ledger::Organization, lang: Lang) -> String {
    let roles = one.roles();
    let words: Vec<&str> = roles.iter().map(|role| word(*role, lang)).collect();
    words.join(match lang {
        Lang::Zh => "、",
        Lang::En => ", ",
    })
}

/// Where it is: country, province.
fn place_of(one: &ledger::Organization) -> String {
    let parts = [one.country.as_deref(), one.province.as_deref()];
    let parts: Vec<_> = parts.into_iter().flatten().collect();
    parts.join(" · ")
}

async fn list(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Asked(asked): Asked<Query>,
) -> Result<Response, Refusal> {
    visitor.of_the_house()?;
    let (lang, now) = (visitor.lang, desk.now().0);
    let w = Words::of(lang);
    let filter = PartyFilter {
        text: paging::filled(&asked.q),
        role: asked.role.parse().ok(),
        country: paging::filled(&asked.country.to_uppercase()),
        province: None,
        bounced: !asked.bounced.is_empty(),
        ended: !asked.ended.is_empty(),
        after: after(&asked.after),
    };
    let limit = paging::limit(None);
    let mut found = desk.ledger.parties(&filter, limit + 1).await?;
    let next = paging::cut(&mut found, limit, cursor);
    let count = desk.ledger.party_count(&filter).await?;
    let filtered = filter.text.is_some()
        || filter.role.is_some()
        || filter.country.is_some()
        || filter.bounced;
    let rows = found
        .into_iter()
        .map(|row| row_of(&desk, row, w, lang, now));
    let rows: Vec<_> = rows.collect();
    let title = ShellWords::of(lang).parties;
    let query = |after: &str| {
        let mut out = url::form_urlencoded::Serializer::new(String::new());
        for (key, value) in [
            ("q", asked.q.as_str()),
            ("role", &asked.role),
            ("country", &asked.country),
            ("bounced", &asked.bounced),
            ("ended", &asked.ended),
            ("after", after),
        ] {
            if !value.is_empty() {
                out.append_pair(key, value);
            }
        }
        format!("/console/parties?{}", out.finish())
    };
    Ok(shell::page(&PartiesPage {
        shell: shell::shell(&desk, &visitor, Nav::Parties, title).await,
        w,
        roles: Role::ALL
            .iter()
            .map(|role| Choice {
                label: role.label(),
                name: word(*role, lang),
                chosen: filter.role == Some(*role),
            })
            .collect(),
        country: filter.country.clone().unwrap_or_default(),
        bounced: filter.bounced,
        ended: filter.ended,
        rows,
        found: fill(w.found, &[("n", &paging::grouped(count.cast_signed()))]),
        filtered,
        next: next.map_or_else(String::new, |after| query(&after)),
        may_import: visitor.may(Right::Lead),
        q: asked.q.clone(),
    }))
}

fn row_of(desk: &Desk, row: PartyRow, w: &'static Words, lang: Lang, now: i64) -> Row {
    let one = row.organization;
    let mut marks = Vec::new();
    if !one.active {
        marks.push(w.ended);
    }
    if !one.may_contact {
        marks.push(w.no_contact);
    }
    if !one.may_probe {
        marks.push(w.no_probe);
    }
    if one.trust.0 != Trust::Normal {
        marks.push(word(one.trust.0, lang));
    }
    let other = match lang {
        Lang::Zh => &one.name_en,
        Lang::En => &one.name_zh,
    };
    let name = one.name(language(lang));
    Row {
        href: format!("/console/parties/{}", one.id),
        other: match other == name {
            true => String::new(),
            false => mail::plain(other),
        },
        name: mail::plain(name),
        roles: roles_of(&one, lang),
        place: place_of(&one),
        contacts: match row.contacts {
            0 => w.none.to_owned(),
            n => n.to_string(),
        },
        unreachable: row.contacts == 0,
        bounced: row.bounced,
        answered: row
            .last_answered_at
            .map_or_else(|| w.never.to_owned(), |at| draw::ago(now, at, lang)),
        exact: row
            .last_answered_at
            .map_or_else(String::new, |at| draw::exact(desk, at)),
        marks,
    }
}
