//! One party: how it is reached, what it answers for, how it answers.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use ledger::{Directive, NoticeFilter, Organization};
use model::bulletin::Lang;
use model::newsroom::Right;
use model::organization::{Channel, NoticeFormat, Role, Scope, Trust};
use model::worded::Word;
use response::party::entry::KEY_WARNED;
use response::scorecard::{Peers, Scorecard};

use super::{Choice, acts, place_of, roles_of};
use crate::Desk;
use crate::pages::months::{self, Months};
use crate::pages::notices::{class_of, language};
use crate::pages::shell::{self, Nav, Shell};
use crate::pages::{draw, mail};
use crate::refusal::Refusal;
use crate::visitor::Visitor;
use crate::words::{fill, word, words};

words! {
    Words {
        back: "处置单位", "Parties";
        contacts: "联系人", "Contacts";
        channel: "方式", "Channel";
        address: "地址", "Address";
        format: "附件", "Attachment";
        lang: "语言", "Language";
        hours: "工作时间", "Hours";
        key: "密钥", "Key";
        rung: "来源", "Found by";
        quality: "质量", "Quality";
        no_contacts: "没有联系人，事件找不到人通报。", "There is no contact: nobody can be told.";
        add_contact: "添加联系人", "Add a contact";
        add: "添加", "Add";
        change: "修改", "Change";
        close: "停用", "End its use";
        use_again: "重新启用", "Use again";
        ended: "已停用", "ended";
        opted_out: "不愿收信", "opted out";
        opt_out: "对方要求不再写信", "It asked not to be written to";
        opt_in: "可以再写信", "It may be written to again";
        stays: "不变", "As it is";
        no_key: "删除密钥", "Take the key away";
        pgp: "OpenPGP 公钥（ASCII 格式）", "OpenPGP certificate, armored";
        forever: "长期有效", "no end";
        key_until: "至 {at}", "until {at}";
        key_over: "已过期：写给它的通报会停下", "expired: notices to it wait";
        key_soon: "30 天内到期：请索取新密钥", "expires within 30 days: ask for a newer one";
        any_lang: "随单位", "As the organization";
        no_format: "无", "None";
        duties: "负责范围", "Answers for";
        scope: "种类", "Kind";
        value: "范围", "What";
        source: "录入", "Entered by";
        no_duties: "没有登记负责范围：事件不会自动找到它。", "Nothing is registered: no incident finds it by itself.";
        add_duty: "登记负责范围", "Add what it answers for";
        end: "结束", "End";
        card: "成绩单", "Scorecard";
        card_none: "还没有向它发过处置请求。", "It was not asked for anything yet.";
        card_note: "按已发出的处置请求计算；时限未到且未答复的不计入比例。", "Counted over requests that were sent; those whose time is not over and that were not answered count in no rate.";
        cases: "处置请求", "requests";
        in_target: "按时答复", "answered in time";
        effective: "核实已清除", "verified gone";
        bounced: "退信", "bounced";
        to_answer: "答复中位数", "median to an answer";
        to_takedown: "清除中位数", "median to takedown";
        refused: "拒绝", "refused";
        incidents: "近期事件", "Recent incidents";
        notices: "近期通报", "Recent notices";
        none: "没有。", "None.";
        edit: "修改资料", "Edit";
        name_zh: "中文名称", "Name in Chinese";
        name_en: "英文名称", "Name in English";
        roles: "角色", "Roles";
        country: "国家和地区", "Country";
        province: "省份代码", "Province code";
        zone: "时区", "Time zone";
        language: "通报语言", "Language of notices";
        interval: "合并发送（小时）", "Gather notices for (hours)";
        trust: "信任", "Trust";
        may_contact: "可以联系", "May be written to";
        may_probe: "可以探测", "May be probed";
        active: "在用", "In use";
        reason: "原因", "Reason";
        save: "保存", "Save";
        merge: "并入另一单位", "Merge into another";
        merge_text: "联系人、负责范围和未办结的请求转给对方，本条停用；已发的通报留在原处。", "Contacts, what it answers for and requests that are not over become the other's; this entry ends. Notices that were sent stay where they are.";
        merge_ask: "合并后不能自动拆开。继续？", "A merge is not taken apart by itself. Go on?";
        into: "保留的单位编号", "Id of the one that stays";
        protected: "人工维护，导入只提议不改动", "kept by hand: imports only propose";
        id: "编号", "Id";
        zh: "中文", "Chinese";
        en: "英文", "English";
        done_edit: "资料已保存", "saved";
        done_contact: "联系人已添加", "the contact is added";
        done_change: "联系人已修改", "the contact is changed";
        done_duty: "负责范围已登记", "it answers for it now";
        done_end_duty: "负责范围已结束", "it answers for it no more";
        done_merge: "已合并：{c} 个联系人，{d} 项负责范围", "merged: {c} contacts, {d} responsibilities";
    }
}

/// Rows of the small lists.
const FEW: usize = 10;

struct ContactRow {
    id: String,
    channel: &'static str,
    address: String,
    format: &'static str,
    lang: String,
    hours: String,
    key: String,
    key_class: &'static str,
    rung: &'static str,
    quality: i32,
    active: bool,
    opted_out: bool,
    has_key: bool,
    bad: bool,
}

struct DutyRow {
    id: i64,
    scope: &'static str,
    value: String,
    source: String,
}

struct Linked {
    href: String,
    what: String,
    state: &'static str,
    class: &'static str,
    ago: String,
}

/// A share with its bar.
struct Share {
    name: &'static str,
    text: String,
    /// Permille.
    width: u64,
    of: String,
}

struct Card {
    cases: u64,
    refused: u64,
    shares: Vec<Share>,
    to_answer: String,
    to_takedown: String,
    months: Months,
    peers: Option<String>,
}

#[derive(Template)]
#[template(path = "party.html")]
struct PartyPage {
    shell: Shell,
    w: &'static Words,
    one: Organization,
    other: String,
    roles_text: String,
    place: String,
    mark: String,
    trust_word: String,
    interval_hours: i64,
    contacts: Vec<ContactRow>,
    duties: Vec<DutyRow>,
    card: Option<Card>,
    incidents: Vec<Linked>,
    notices: Vec<Linked>,
    roles: Vec<Choice>,
    trusts: Vec<Choice>,
    scopes: Vec<Choice>,
    channels: Vec<Choice>,
    formats: Vec<Choice>,
    may: bool,
    may_lead: bool,
}

fn choices<W: Word>(chosen: impl Fn(W) -> bool, lang: Lang) -> Vec<Choice> {
    W::ALL
        .iter()
        .map(|one| Choice {
            label: one.label(),
            name: word(*one, lang),
            chosen: chosen(*one),
        })
        .collect()
}

pub(super) async fn page(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    let one = acts::load(&desk, &visitor, &id).await?;
    let (lang, now) = (visitor.lang, desk.now().0);
    let w = Words::of(lang);
    let id = one.organization_id();
    let mut contacts = desk.ledger.contacts(id).await?;
    contacts.sort_by_key(|one| (!one.active, one.rung, std::cmp::Reverse(one.quality)));
    let contacts = contacts
        .into_iter()
        .map(|row| contact(&desk, row, w, lang, now));
    let duties = desk.ledger.responsibilities(id).await?;
    let duties = duties
        .into_iter()
        .filter(|duty| duty.active)
        .map(|duty| DutyRow {
            id: duty.id,
            scope: word(duty.scope.0, lang),
            value: mail::plain(&duty.value),
            source: mail::plain(&duty.source),
        });
    let asked = desk.ledger.directives_asked(Some(id)).await?;
    let cards = desk.response.scorecards(Some(id)).await?;
    let card = cards
        .into_iter()
        .next()
        .filter(|card| card.cases + card.notices > 0);
    let peers = desk.peers(id, &one.roles()).await?;
    let card = card.map(|card| drawn(&desk, &card, (&asked, peers), w, lang));
    let incidents = incidents(&desk, &visitor, &asked, now).await?;
    let filter = NoticeFilter {
        organization: Some(id),
        ..NoticeFilter::default()
    };
    let notices = desk.ledger.outbox(&filter, FEW as u64).await?;
    let notices = notices.into_iter().map(|one| Linked {
        href: format!("/console/notices/{}", one.number),
        what: mail::plain(&one.subject),
        state: word(one.state.0, lang),
        class: class_of(one.state.0),
        ago: draw::ago(now, one.created_at, lang),
    });
    let name = mail::plain(one.name(language(lang)));
    let other = match lang {
        Lang::Zh => &one.name_en,
        Lang::En => &one.name_zh,
    };
    let other = match *other == name {
        true => String::new(),
        false => mail::plain(other),
    };
    let own_roles = one.roles();
    Ok(shell::page(&PartyPage {
        shell: shell::shell(&desk, &visitor, Nav::Parties, &name).await,
        w,
        other,
        roles_text: roles_of(&one, lang),
        place: place_of(&one),
        mark: mail::plain(one.mark_reason.as_deref().unwrap_or_default()),
        trust_word: match one.trust.0 {
            Trust::Normal => String::new(),
            other => word(other, lang).to_owned(),
        },
        interval_hours: one.interval_secs / 3600,
        contacts: contacts.collect(),
        duties: duties.collect(),
        card,
        incidents,
        notices: notices.collect(),
        roles: choices::<Role>(|role| own_roles.contains(&role), lang),
        trusts: choices::<Trust>(|trust| one.trust.0 == trust, lang),
        scopes: choices::<Scope>(|_| false, lang),
        channels: choices::<Channel>(|_| false, lang),
        formats: choices::<NoticeFormat>(|_| false, lang),
        may: visitor.may(Right::Work),
        may_lead: visitor.may(Right::Lead),
        one,
    }))
}

fn contact(
    desk: &Desk,
    row: ledger::Contact,
    w: &'static Words,
    lang: Lang,
    now: i64,
) -> ContactRow {
    let (key, key_class) = match (&row.pgp_key, row.pgp_expires_at) {
        (None, _) => (String::new(), ""),
        (Some(_), None) => (w.forever.to_owned(), ""),
        (Some(_), Some(at)) if at <= now => (w.key_over.to_owned(), "x"),
        (Some(_), Some(at)) if at - now <= KEY_WARNED => (w.key_soon.to_owned(), "w"),
        (Some(_), Some(at)) => (fill(w.key_until, &[("at", &draw::exact(desk, at))]), ""),
    };
    ContactRow {
        id: row.id.to_string(),
        channel: word(row.channel.0, lang),
        address: mail::plain(&row.address),
        format: row.format.map_or("", |format| word(format.0, lang)),
        lang: match row.language.as_deref() {
            Some("zh") => w.zh.to_owned(),
            Some("en") => w.en.to_owned(),
            _ => w.any_lang.to_owned(),
        },
        hours: mail::plain(row.hours.as_deref().unwrap_or_default()),
        key,
        key_class,
        rung: word(row.rung.0, lang),
        quality: row.quality,
        active: row.active,
        opted_out: row.opted_out,
        has_key: row.pgp_key.is_some(),
        bad: row.active && row.quality < 100,
    }
}

/// The incidents that a party was asked about last, each once.
async fn incidents(
    desk: &Desk,
    visitor: &Visitor,
    asked: &[(Directive, Option<i64>)],
    now: i64,
) -> Result<Vec<Linked>, Refusal> {
    let reach = visitor.within()?;
    let mut newest: Vec<_> = asked
        .iter()
        .filter_map(|(row, _)| Some((row.asked_at?, row.incident_id.0)))
        .collect();
    newest.sort_unstable_by(|a, b| b.cmp(a));
    let mut all: Vec<Linked> = Vec::new();
    let mut seen = std::collections::BTreeSet::new();
    for (at, id) in newest {
        if all.len() == FEW {
            break;
        }
        if !seen.insert(id) {
            continue;
        }
        if let Ok(one) = desk.ledger.incident(id, &reach).await {
            all.push(Linked {
                href: format!("/console/incidents/{}", one.number),
                what: draw::defang(&mail::plain(&one.what)),
                state: word(one.state.0, visitor.lang),
                class: "",
                ago: draw::ago(now, at, visitor.lang),
            });
        }
    }
    Ok(all)
}

/// A scorecard, with its bars and months.
fn drawn(
    desk: &Desk,
    card: &Scorecard,
    (asked, peers): (&[(Directive, Option<i64>)], Option<Peers>),
    w: &'static Words,
    lang: Lang,
) -> Card {
    let share = |name, part: u64, whole: u64| {
        let permille = Scorecard::permille(part, whole);
        Share {
            name,
            text: permille.map_or_else(
                || "–".to_owned(),
                |all| format!("{}.{}%", all / 10, all % 10),
            ),
            width: permille.unwrap_or(0).min(1000),
            of: format!("{part} / {whole}"),
        }
    };
    let span = |secs: Option<i64>| {
        secs.map_or_else(|| "–".to_owned(), |secs| draw::span(secs * 1_000_000, lang))
    };
    Card {
        cases: card.cases,
        refused: card.refused,
        shares: vec![
            share(w.in_target, card.within_target, card.decided),
            share(w.effective, card.effective, card.cases),
            share(w.bounced, card.bounced, card.notices + card.bounced),
        ],
        to_answer: span(card.median_acknowledge_secs),
        to_takedown: span(card.median_takedown_secs),
        months: months::drawn(&months::counted(desk, asked), lang),
        peers: peers.and_then(|peers| months::beside(&peers, lang)),
    }
}
