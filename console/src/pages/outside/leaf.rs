//! The page of a notice at a public node: where its party sees how each matter stands, and answers. The node serves the
//! frame, the same for everybody; what stands in it is drawn inside ([`drawn`]), sealed, and put there by the browser.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::response::Response;
use jiff::tz::TimeZone;
use ledger::portal::{Leaf, Matter, Post};
use model::bulletin::Lang;
use model::outside::{Dispute, MatterState, PostKind};
use model::time::Timestamp;
use model::worded::Word;
use response::notice::Ask;

use super::code;
use crate::front::Front;
use crate::pages::draw;
use crate::pages::portal::glyph;
use crate::pages::shell::{self, Shell};
use crate::visitor::Visitor;
use crate::words::{fill, word, words};

words! {
    Words {
        title: "通报事件", "Your notice";
        area: "通报事件", "Notices";
        ask: "申诉", "Appeal";
        opening: "正在打开……", "Opening ...";
        sealed: "内容在您的浏览器中解密：本服务器不持有密钥，也看不到内容。", "What you see is opened in your browser: this server has no key and cannot read it.";
        script: "此页面须启用脚本才能打开。也可以直接回复通报邮件，效力相同。", "This page needs scripts to open. You can also reply to the notice by mail: that counts the same.";
        no_key: "网址不完整：请从通报邮件中完整复制，包括 # 之后的部分。", "The address is incomplete: copy all of it from the notice, with what follows the # sign.";
        unknown: "这里没有此通报：刚发出的一分钟后可见，办结已久的不再显示。请稍后再试，或直接回复通报邮件。", "No such notice is here: a new one appears within a minute, and one that ended long ago is no longer shown. Try again later, or reply by mail.";
        broken: "内容无法打开：网址可能抄错。请从通报邮件中重新复制，或直接回复邮件。", "It cannot be opened: the address may be mistyped. Copy it again from the notice, or reply by mail.";
        old: "浏览器不支持解密，或连接未加密。请换用较新的浏览器，或直接回复通报邮件。", "This browser cannot open it, or the connection is not encrypted. Use a newer browser, or reply by mail.";
        sent: "答复已送出。中心取走后此处随之更新，约需一分钟。", "Your answer was sent. The state here follows once the center has fetched it, in about a minute.";
        unsent: "答复未能送出：请稍后再试，或直接回复通报邮件。", "Your answer was not sent: try again later, or reply by mail.";
        notice: "通报 {number}", "Notice {number}";
        lead: "致{party}。在此答复与回复邮件效力相同。时间为 {zone}。", "To {party}. Answers here and by mail count the same. Times are in {zone}.";
        more: "另有 {n} 起未列出：请以邮件答复。", "{n} more are not listed: please answer about them by mail.";
        asked: "请贵单位{ask}。", "You are asked to {ask}.";
        first_seen: "首次发现", "First seen";
        last_seen: "最近发现", "Last seen";
        look: "最近核验", "Last check";
        due: "期限", "Due";
        ticket: "贵单位编号", "Your number";
        answer: "答复", "Answer";
        acknowledge: "签收", "Acknowledge";
        fixed: "标记已处置", "Mark fixed";
        dispute: "提出异议", "Dispute";
        withdraw: "撤回异议", "Withdraw the dispute";
        write: "留言", "Write to us";
        comment: "说明（选填；留言时必填）", "Comment (needed if you write to us)";
        ticket_optional: "贵单位编号（选填）", "Your own number (optional)";
        ground: "异议理由", "Ground of the dispute";
        over: "此事件已办结；仍可留言。", "The incident is closed. You can still write.";
        held: "自 {at} 起暂停计时。", "Time stands still since {at}.";
        said: "往来", "What was said";
        center: "国家中心", "the center";
    }
}

#[derive(Template)]
#[template(path = "outside-leaf.html")]
struct Frame {
    shell: Shell,
    w: &'static Words,
}

/// The frame.
pub(crate) async fn frame(Extension(front): Extension<Arc<Front>>, visitor: Visitor) -> Response {
    let w = Words::of(visitor.lang);
    shell::page(&Frame {
        shell: shell::outside(&front, &visitor, w.title),
        w,
    })
}

struct Said {
    theirs: bool,
    kind: &'static str,
    ground: &'static str,
    body: String,
    at: String,
}

struct Shown {
    number: i64,
    what: String,
    kind: &'static str,
    state: &'static str,
    glyph: &'static str,
    asks: Vec<String>,
    facts: Vec<(&'static str, String)>,
    said: Vec<Said>,
    is_over: bool,
    may_acknowledge: bool,
    disputed: bool,
    held: Option<String>,
}

#[derive(Template)]
#[template(path = "outside-leaf-held.html")]
struct HeldPage {
    w: &'static Words,
    title: String,
    lead: String,
    matters: Vec<Shown>,
    more: Option<String>,
    grounds: Vec<(&'static str, &'static str)>,
}

fn moment(at: i64, zone: &TimeZone) -> String {
    Timestamp(at).to_jiff().map_or_else(String::new, |at| {
        let at = at.to_zoned_datetime(zone.clone());
        at.strftime("%Y-%m-%d %H:%M").to_string()
    })
}

fn said(post: Post, zone: &TimeZone, lang: Lang) -> Said {
    let ground = post.ground.parse::<Dispute>().ok();
    Said {
        theirs: post.kind.0 != PostKind::Told,
        kind: word(post.kind.0, lang),
        ground: ground.map_or("", |ground| word(ground, lang)),
        body: post.body,
        at: moment(post.at, zone),
    }
}

fn shown((matter, posts): (&Matter, &[Post]), zone: &TimeZone, lang: Lang) -> Shown {
    let w = Words::of(lang);
    let at = |at: i64| moment(at, zone);
    let place = matter.url.as_ref().or(matter.host.as_ref());
    let place = place.or(matter.ip.as_ref()).unwrap_or(&matter.what);
    let look = matter.looked;
    let look = look.map(|(when, finding)| format!("{} · {}", at(when), word(finding, lang)));
    let is_over = matter.state == MatterState::Over;
    let facts = [
        (w.first_seen, Some(at(matter.first_seen_at))),
        (w.last_seen, Some(at(matter.last_seen_at))),
        (w.look, look),
        (w.due, matter.due_at.filter(|_| !is_over).map(at)),
        (w.ticket, matter.ticket.clone()),
    ];
    let facts = facts
        .into_iter()
        .filter_map(|(label, text)| Some((label, text?)));
    let asks = matter.asks.iter();
    let asks = asks.filter_map(|label| Ask::named(label).ok());
    Shown {
        number: matter.number,
        what: draw::defang(place),
        kind: word(matter.kind, lang),
        state: word(matter.state, lang),
        glyph: glyph(matter.state),
        asks: asks
            .map(|ask| fill(w.asked, &[("ask", &ask.words(lang))]))
            .collect(),
        facts: facts.collect(),
        said: posts
            .iter()
            .rev()
            .map(|post| said(post.clone(), zone, lang))
            .collect(),
        is_over,
        may_acknowledge: matter.state == MatterState::Asked,
        disputed: matter.disputed,
        held: matter
            .held_at
            .map(|since| fill(w.held, &[("at", &at(since))])),
    }
}

/// What a leaf shows in a language: the part that the browser puts into the frame. The same leaf gives the same text.
///
/// # Errors
/// The template.
pub(crate) fn drawn(leaf: &Leaf, zone: &TimeZone, lang: Lang) -> askama::Result<String> {
    let w = Words::of(lang);
    let name = zone.iana_name().unwrap_or("UTC");
    let party = leaf.party.name(code(lang));
    let matters = leaf.matters.iter();
    let held = HeldPage {
        w,
        title: fill(w.notice, &[("number", &leaf.number.to_string())]),
        lead: fill(w.lead, &[("party", &party), ("zone", &name)]),
        matters: matters
            .map(|(matter, posts)| shown((matter, posts), zone, lang))
            .collect(),
        more: (leaf.more > 0).then(|| fill(w.more, &[("n", &leaf.more.to_string())])),
        grounds: Dispute::ALL
            .iter()
            .map(|one| (one.label(), word(*one, lang)))
            .collect(),
    };
    held.render()
}
