//! The page of the block lists: what they name, for how long, how many, the files, and where to turn to be taken off.
//!
//! Only the page: the files are made and placed beside the site, change by the minute and are never part of it. So it
//! states what the last publication of each list held, and leads to the files.

use askama::Template;
use model::bulletin::Lang;

use super::frame::{self, Frame};
use super::{LISTS, Site, file};
use crate::blocklist::NAMES;
use crate::render::Rendition;
use crate::render::view::clean;

/// What each list names.
const WHAT: &[(&str, &str, &str)] = &[
    (
        "phishing",
        "正在仿冒他人的页面及其域名。",
        "Pages that imitate others, and their domains.",
    ),
    (
        "malware",
        "正在传播恶意程序的链接、域名和地址。",
        "URLs, domains and addresses that serve malware.",
    ),
    (
        "c2",
        "控制受感染主机的服务器。",
        "Servers that control infected hosts.",
    ),
];

struct List {
    name: String,
    title: &'static str,
    what: &'static str,
    count: String,
    state: String,
    files: Vec<(&'static str, String)>,
}

#[derive(Template)]
#[template(path = "site/lists.html")]
struct Page {
    f: Frame,
    lists: Vec<List>,
    days: u32,
    licence: String,
    contact: String,
    href: String,
    form: String,
    kinds: Vec<(&'static str, &'static str)>,
}

/// What the files of a list are for.
fn kinds(lang: Lang) -> Vec<(&'static str, &'static str)> {
    let pick = |zh: &'static str, en: &'static str| if lang == Lang::Zh { zh } else { en };
    NAMES
        .iter()
        .map(|(name, zh, en)| (*name, pick(zh, en)))
        .collect()
}

fn title(name: &str, lang: Lang) -> &'static str {
    match (name, lang) {
        ("phishing", Lang::Zh) => "仿冒页面",
        ("phishing", Lang::En) => "Phishing",
        ("malware", Lang::Zh) => "恶意程序传播",
        ("malware", Lang::En) => "Malware",
        ("c2", Lang::Zh) => "控制服务器",
        ("c2", Lang::En) => "Command servers",
        (_, Lang::Zh) => "名单",
        (_, Lang::En) => "List",
    }
}

/// The page of one language, where lists are turned on.
pub(super) fn page(site: &Site<'_>, lang: Lang) -> Option<Rendition> {
    let lists = site.lists?;
    let w = super::words::Words::of(lang);
    let f = Frame::new(
        site,
        lang,
        LISTS,
        LISTS,
        format!("{} - {}", w.lists, clean(site.title.get(lang))),
        w.lists_text.to_owned(),
    );
    let each = lists.lists.iter().map(|list| {
        let what = WHAT.iter().find(|(name, ..)| *name == list.name);
        let count = match lang {
            Lang::Zh => format!("{}条", list.entries),
            Lang::En if list.entries == 1 => "1 entry".to_owned(),
            Lang::En => format!("{} entries", model::statistic::grouped(list.entries)),
        };
        let day = site.day(list.at);
        let mut state = match lang {
            Lang::Zh => format!("{}发布，序号{}", day.zh, list.serial),
            Lang::En => format!("Published {}, serial {}", day.en, list.serial),
        };
        if let Some(issue) = &list.issue {
            state.push_str(&match lang {
                Lang::Zh => format!("，随{}期", clean(issue)),
                Lang::En => format!(", with issue {}", clean(issue)),
            });
        }
        List {
            title: title(&list.name, lang),
            what: what.map_or("", |(_, zh, en)| if lang == Lang::Zh { zh } else { en }),
            count,
            state,
            files: NAMES
                .iter()
                .map(|(name, ..)| (*name, format!("{LISTS}/{}/{name}", list.name)))
                .collect(),
            name: list.name.clone(),
        }
    });
    let contact = clean(lists.contact);
    let page = Page {
        lists: each.collect(),
        days: lists.days,
        licence: clean(lists.licence),
        href: match contact.contains("://") {
            true => contact.clone(),
            false => format!("mailto:{contact}"),
        },
        contact,
        form: clean(lists.form),
        kinds: kinds(lang),
        f,
    };
    let text = page
        .render()
        .expect("a template without fallible parts renders into memory");
    Some(file(&frame::page(LISTS, lang), text))
}
