//! How notices reach a party. Language, format and interval hold at once; another address, channel or key waits for a
//! lead, because whoever stole a password could otherwise have the notices, or read them.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use ledger::portal::{Change, Party, PartyTerms};
use ledger::{Contact, Organization, Page};
use model::ids::ContactId;
use model::organization::{Channel, NoticeFormat};
use model::outside::ChangeState;
use model::worded::Word;
use response::deliver::openpgp::Recipient;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{ACTING, ANSWER, Tab, party, tabs};
use crate::Desk;
use crate::pages::draw;
use crate::pages::form::{Input, done};
use crate::pages::outside::{code, line};
use crate::pages::shell::{self, Nav, Shell};
use crate::refusal::Refusal;
use crate::routes::{Route, get, post};
use crate::visitor::Visitor;
use crate::words::{fill, word, words};

pub(crate) const ROUTES: &[Route] = &[
    Route::page("/portal/settings", ANSWER, || get(settings)),
    Route::act("/portal/settings/terms", ANSWER, || post(terms)),
    Route::act("/portal/settings/format", ANSWER, || post(format)),
    Route::act("/portal/settings/contact", ANSWER, || post(contact)),
    Route::act("/portal/settings/key", ANSWER, || post(key)),
];

/// Notices are gathered at most so long.
const MOST_HOURS: i64 = 24 * 7;
/// Bytes of a key.
const KEY: usize = 64 << 10;

words! {
    Words {
        title: "接收方式", "Delivery";
        lead: "语言、附件格式和间隔即刻生效。新的地址、通道和密钥由国家中心核实后生效：门户口令若被盗，通报不致落入他人之手。", "Language, format and interval hold at once. A new address, channel or key holds after the national center has checked it: a stolen password must not lead notices elsewhere.";
        terms: "语言与间隔", "Language and interval";
        language: "通报语言", "Language of notices";
        chinese: "中文", "Chinese";
        english: "英文", "English";
        interval: "汇总间隔（小时，0 为逐件发送）", "Gather notices for so many hours (0: each at once)";
        save: "保存", "Save";
        contacts: "联系方式", "Contacts";
        no_contacts: "登记册里还没有贵单位的联系方式。", "The register has no contact of yours yet.";
        format: "机器可读附件", "Machine-readable attachment";
        no_format: "不附", "none";
        key: "PGP 密钥", "PGP key";
        no_key: "没有密钥：通报不加密", "none: notices are not encrypted";
        key_until: "有效至 {at}", "until {at}";
        has_key: "已登记", "registered";
        change_contact: "更改地址或通道", "Change address or channel";
        channel: "通道", "Channel";
        address: "地址", "Address";
        propose: "提交核实", "Ask for this change";
        change_key: "更换 PGP 密钥", "Replace the PGP key";
        armored: "公钥（ASCII 装甲格式）", "Public key, ASCII-armored";
        changes: "提交过的更改", "Changes you asked for";
        answer_for: "贵单位负责的资源", "What you answer for";
        answer_none: "登记册里没有地址段、自治系统或域名。", "The register has no prefix, system or name of yours.";
        saved: "已保存。", "Saved.";
        proposed: "已提交，核实后生效。", "Sent: it holds once it was checked.";
        to_key: "密钥 {print}", "key {print}";
    }
}

struct Way {
    id: String,
    channel: &'static str,
    channel_label: &'static str,
    address: String,
    format: String,
    key: String,
}

struct Wanted {
    what: String,
    state: &'static str,
    at: String,
    decision: String,
}

#[derive(Template)]
#[template(path = "portal-settings.html")]
struct SettingsPage {
    shell: Shell,
    w: &'static Words,
    tabs: Vec<Tab>,
    name: String,
    language: String,
    hours: i64,
    ways: Vec<Way>,
    formats: Vec<(&'static str, &'static str)>,
    channels: Vec<(&'static str, &'static str)>,
    changes: Vec<Wanted>,
    own: Vec<(&'static str, String)>,
}

/// What a party may set at once.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Terms {
    /// `zh` or `en`.
    pub(super) language: String,
    /// Hours for which notices are gathered; 0 sends each at once.
    pub(super) interval_hours: String,
}

/// The attachment that a contact wants.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Format {
    /// Id of the contact, `CON-...`.
    pub(super) contact: String,
    /// `csv`, `arf`, `xarf`, `iodef`, `stix`, or empty for none.
    #[serde(default)]
    pub(super) format: String,
}

/// Another way to a contact.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewWay {
    /// Id of the contact, `CON-...`.
    pub(super) contact: String,
    /// `mail`, `webhook`, `files` or `manual`.
    pub(super) channel: String,
    /// A mail address, an https address, a folder, or what a person does.
    pub(super) address: String,
}

/// Another key of a contact.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewKey {
    /// Id of the contact, `CON-...`.
    pub(super) contact: String,
    /// OpenPGP certificate, armored.
    pub(super) key: String,
}

async fn settings(State(desk): State<Arc<Desk>>, visitor: Visitor) -> Result<Response, Refusal> {
    let (w, lang) = (Words::of(visitor.lang), visitor.lang);
    let party = party(&desk, &visitor).await?;
    let (row, contacts) = desk.ledger.party_register(&party).await?;
    let changes = desk
        .ledger
        .party_changes(
            &party,
            Page {
                offset: 0,
                limit: 20,
            },
        )
        .await?;
    let own = desk.ledger.responsibilities(party.id()).await?;
    let way = |one: Contact| Way {
        id: one.id.to_string(),
        channel: word(one.channel.0, lang),
        channel_label: one.channel.0.label(),
        address: one.address,
        format: one
            .format
            .map(|format| format.0.label().to_owned())
            .unwrap_or_default(),
        key: match (one.pgp_key, one.pgp_expires_at) {
            (None, _) => w.no_key.to_owned(),
            (Some(_), None) => w.has_key.to_owned(),
            (Some(_), Some(at)) => fill(w.key_until, &[("at", &draw::exact(&desk, at))]),
        },
    };
    let mut wanted = Vec::new();
    for one in changes {
        let what = match one.read()? {
            Change::Reach {
                channel, address, ..
            } => {
                let channel = channel
                    .parse::<Channel>()
                    .map_or("", |channel| word(channel, lang));
                format!("{channel}: {address}")
            }
            Change::Key { fingerprint, .. } => fill(w.to_key, &[("print", &fingerprint)]),
        };
        wanted.push(Wanted {
            what,
            state: word(one.state.0, lang),
            at: draw::exact(&desk, one.proposed_at),
            decision: match one.state.0 {
                // Why a change was accepted is the team's own.
                ChangeState::Declined => one.decision.unwrap_or_default(),
                _ => String::new(),
            },
        });
    }
    Ok(shell::page(&SettingsPage {
        shell: shell::shell(&desk, &visitor, Nav::Portal, w.title).await,
        w,
        tabs: tabs(lang, "/portal/settings"),
        name: party.name(code(lang)).to_owned(),
        language: row.language.clone(),
        hours: row.interval_secs / 3_600,
        ways: contacts.into_iter().map(way).collect(),
        formats: NoticeFormat::ALL
            .iter()
            .map(|one| (one.label(), word(*one, lang)))
            .collect(),
        channels: Channel::ALL
            .iter()
            .map(|one| (one.label(), word(*one, lang)))
            .collect(),
        changes: wanted,
        own: own
            .into_iter()
            .filter(|one| one.active)
            .map(|one| (word(one.scope.0, lang), one.value))
            .collect(),
    }))
}

fn contact_id(text: &str) -> Result<ContactId, Refusal> {
    text.parse().map_err(|_| Refusal::Absent)
}

async fn acting(desk: &Desk, visitor: &Visitor) -> Result<(Party, Organization), Refusal> {
    let party = party(desk, visitor).await?;
    desk.limits
        .spend(ACTING, &party.id().to_string(), desk.now().0)?;
    let (row, _) = desk.ledger.party_register(&party).await?;
    Ok((party, row))
}

/// Sets language and interval.
pub(super) async fn set_terms(desk: &Desk, visitor: &Visitor, form: &Terms) -> Result<(), Refusal> {
    let (party, _) = acting(desk, visitor).await?;
    let language = match form.language.as_str() {
        "zh" => "zh",
        "en" => "en",
        _ => return Err(Refusal::invalid("language", "is one of zh, en")),
    };
    let hours = form.interval_hours.trim().parse::<i64>().ok();
    let hours = hours.filter(|hours| (0..=MOST_HOURS).contains(hours));
    let hours = hours.ok_or_else(|| {
        Refusal::invalid(
            "interval_hours",
            format!("is a number from 0 to {MOST_HOURS}"),
        )
    })?;
    let terms = PartyTerms {
        language,
        interval_secs: hours * 3_600,
        formats: Vec::new(),
    };
    let set = desk
        .ledger
        .set_party_terms(&party, terms, visitor.login(), desk.now().0);
    Ok(set.await?)
}

/// Sets the attachment of a contact.
pub(super) async fn set_format(
    desk: &Desk,
    visitor: &Visitor,
    form: &Format,
) -> Result<(), Refusal> {
    let (party, row) = acting(desk, visitor).await?;
    let format = match form.format.as_str() {
        "" => None,
        text => Some(
            text.parse::<NoticeFormat>()
                .map_err(|error| Refusal::invalid("format", error))?,
        ),
    };
    let terms = PartyTerms {
        language: if row.language == "zh" { "zh" } else { "en" },
        interval_secs: row.interval_secs,
        formats: vec![(contact_id(&form.contact)?, format)],
    };
    let set = desk
        .ledger
        .set_party_terms(&party, terms, visitor.login(), desk.now().0);
    Ok(set.await?)
}

/// Asks for another address or channel.
pub(super) async fn want_way(
    desk: &Desk,
    visitor: &Visitor,
    form: &NewWay,
) -> Result<i64, Refusal> {
    let (party, _) = acting(desk, visitor).await?;
    let channel: Channel = form
        .channel
        .parse()
        .map_err(|error| Refusal::invalid("channel", error))?;
    let address = line(&form.address, 500);
    let https = || {
        url::Url::parse(&address).is_ok_and(|url| url.scheme() == "https" && url.host().is_some())
    };
    let good = match channel {
        Channel::Mail => response::party::is_mailbox(&address),
        Channel::Webhook => https(),
        Channel::Files | Channel::Manual => {
            !address.is_empty() && !address.chars().any(char::is_control)
        }
    };
    if !good {
        return Err(Refusal::invalid(
            "address",
            "is no mail address, or no https address for a webhook",
        ));
    }
    let change = Change::Reach {
        contact: contact_id(&form.contact)?,
        channel: channel.label().to_owned(),
        address,
    };
    let now = desk.now().0;
    Ok(desk
        .ledger
        .propose_change(&party, &change, visitor.login(), now)
        .await?)
}

/// Asks for another key.
pub(super) async fn want_key(
    desk: &Desk,
    visitor: &Visitor,
    form: &NewKey,
) -> Result<i64, Refusal> {
    let (party, _) = acting(desk, visitor).await?;
    if form.key.len() > KEY {
        return Err(Refusal::invalid("key", "has more than 64 KiB"));
    }
    let wrong = |error: response::deliver::openpgp::Error| Refusal::invalid("key", error);
    let recipient = Recipient::read(party.name("en"), &form.key).map_err(wrong)?;
    recipient.usable(desk.now()).map_err(wrong)?;
    let change = Change::Key {
        contact: contact_id(&form.contact)?,
        key: form.key.trim().to_owned(),
        fingerprint: recipient.fingerprint(),
        expires_at: recipient.expires(desk.now()).map(|at| at.0),
    };
    let now = desk.now().0;
    Ok(desk
        .ledger
        .propose_change(&party, &change, visitor.login(), now)
        .await?)
}

async fn terms(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Input(form): Input<Terms>,
) -> Result<Response, Refusal> {
    set_terms(&desk, &visitor, &form).await?;
    Ok(done("/portal/settings", Words::of(visitor.lang).saved))
}

async fn format(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Input(form): Input<Format>,
) -> Result<Response, Refusal> {
    set_format(&desk, &visitor, &form).await?;
    Ok(done("/portal/settings", Words::of(visitor.lang).saved))
}

async fn contact(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Input(form): Input<NewWay>,
) -> Result<Response, Refusal> {
    want_way(&desk, &visitor, &form).await?;
    Ok(done("/portal/settings", Words::of(visitor.lang).proposed))
}

async fn key(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Input(form): Input<NewKey>,
) -> Result<Response, Refusal> {
    want_key(&desk, &visitor, &form).await?;
    Ok(done("/portal/settings", Words::of(visitor.lang).proposed))
}
