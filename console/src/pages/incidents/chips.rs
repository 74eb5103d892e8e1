//! The query as chips: each takes its term off, and a menu adds others. The text and the chips are one query.

use ledger::{Key, Query};
use model::bulletin::Lang;

use super::words::ListWords;
use super::{country, escaped, province};

/// A term as it is shown.
pub(super) struct Chip {
    pub(super) key: &'static str,
    pub(super) not: bool,
    pub(super) values: String,
    pub(super) off: String,
    pub(super) label: &'static str,
}

/// A key of the menu with its values.
pub(super) struct Offer {
    pub(super) word: &'static str,
    pub(super) values: Vec<(String, String)>,
}

/// The address of a query.
pub(super) fn address(query: &Query, lang: Lang, columns: &str) -> String {
    let mut to = format!("/console/incidents?q={}", escaped(&query.text(lang)));
    if !columns.is_empty() {
        to.push_str("&cols=");
        to.push_str(&escaped(columns));
    }
    to
}

/// A key as it is read.
fn key_word(key: Key, lang: Lang) -> &'static str {
    match (key, lang) {
        (_, Lang::Zh) => key.zh(),
        (_, Lang::En) => key.label(),
    }
}

/// The chips of a query.
pub(super) fn chips(query: &Query, lang: Lang, columns: &str) -> Vec<Chip> {
    let w = ListWords::of(lang);
    let mut all = Vec::new();
    for (at, term) in query.terms.iter().enumerate() {
        let values: Vec<String> = term
            .values
            .iter()
            .map(|value| match term.key {
                Key::Province => province(&format!("{value:0<6}"), lang),
                Key::Country => country(value, lang),
                Key::Host | Key::Ip => super::super::draw::defang(value),
                _ => term.shown(value, lang),
            })
            .collect();
        let shown = match values.as_slice() {
            [first, second, third, rest @ ..] if !rest.is_empty() => {
                format!("{first}, {second}, {third} +{}", rest.len())
            }
            all => all.join(", "),
        };
        all.push(chip(
            w,
            key_word(term.key, lang),
            term.not,
            shown,
            address(&query.without(at), lang, columns),
        ));
    }
    if !query.numbers.is_empty() {
        let numbers: Vec<_> = query
            .numbers
            .iter()
            .map(|number| format!("#{number}"))
            .collect();
        let rest = Query {
            numbers: Vec::new(),
            ..query.clone()
        };
        all.push(chip(
            w,
            w.c_number,
            false,
            numbers.join(", "),
            address(&rest, lang, columns),
        ));
    }
    for (at, text) in query.words.iter().enumerate() {
        let mut rest = query.clone();
        rest.words.remove(at);
        all.push(chip(
            w,
            w.query,
            false,
            text.clone(),
            address(&rest, lang, columns),
        ));
    }
    all
}

fn chip(w: &ListWords, key: &'static str, not: bool, values: String, off: String) -> Chip {
    Chip {
        key,
        not,
        values,
        off,
        label: w.take_off,
    }
}

/// What the menu of conditions offers beside those that hold.
pub(super) fn offers(query: &Query, lang: Lang, columns: &str) -> Vec<Offer> {
    let keys = [
        Key::State,
        Key::Kind,
        Key::Severity,
        Key::Flag,
        Key::Border,
        Key::Clock,
        Key::Assignee,
        Key::Sort,
    ];
    keys.into_iter()
        .map(|key| {
            let there = query.of(key);
            let values = key
                .values()
                .into_iter()
                .filter(|(label, _, _)| !there.iter().any(|own| own == label));
            Offer {
                word: key_word(key, lang),
                values: values
                    .map(|(label, zh, en)| {
                        let mut more = query.clone();
                        more.add(key, false, vec![label.to_owned()]);
                        let shown = if lang == Lang::Zh { zh } else { en };
                        (shown.to_owned(), address(&more, lang, columns))
                    })
                    .collect(),
            }
        })
        .collect()
}

/// Keys whose values are typed, for the form of the menu.
pub(super) fn typed(lang: Lang) -> Vec<(&'static str, &'static str)> {
    use Key::{
        Age, Asn, Brand, Campaign, Closed, Country, Host, Ip, Name, Opened, Owner, Province,
    };
    let keys = [
        Province, Country, Host, Ip, Asn, Brand, Name, Campaign, Owner, Opened, Closed, Age,
    ];
    keys.into_iter()
        .map(|key| (key.label(), key_word(key, lang)))
        .collect()
}
