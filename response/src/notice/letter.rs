//! The letter: subject and text, by templates (`templates/notice/LANGUAGE/KIND.txt`).
//!
//! Every word of others is made one line before it reaches a template ([`super::words::line`]), and addresses
//! are defanged; so a template's text can neither be broken nor grow a link.

use askama::Template;
use model::bulletin::Lang;
use model::incident::CaseKind;
use model::notice::NoticeKind;
use model::worded::Word;

use super::words::{self, Ask, ReplyCode, date, defang, line, moment, pick};
use super::{Draft, Item, Look};

/// Lines of English are broken after so many characters.
const WIDTH: usize = 74;

/// What the templates print: nothing in it needs care any more.
struct Letter {
    tlp: &'static str,
    tlp_means: &'static str,
    exercise: bool,
    party: String,
    standing: &'static str,
    sender: String,
    address: String,
    phone: String,
    appeal: String,
    date: String,
    target: Option<String>,
    items: Vec<Entry>,
    total: usize,
    /// How many of what: `3 起`, `3 incidents`, of lists of hosts `3 台主机`, `3 infected hosts`.
    counted: String,
    /// Whether all of it are infected hosts.
    hosts: bool,
    /// Numbers by kind, where not all incidents are written out.
    kinds: Vec<(&'static str, String)>,
    asked: Vec<&'static str>,
    table: Option<String>,
    tag: String,
    codes: [&'static str; 3],
    earlier: String,
    earlier_to: Option<String>,
    remark: Option<String>,
    leaf: Option<String>,
}

/// One incident as labelled lines.
struct Entry {
    number: String,
    lines: Vec<(&'static str, String)>,
}

macro_rules! letters {
    ($($name:ident $path:tt;)*) => {$(
        #[derive(Template)]
        #[template(path = $path, escape = "none")]
        struct $name<'a> {
            l: &'a Letter,
        }
    )*};
}

letters! {
    FirstZh "notice/zh/first.txt";
    FirstEn "notice/en/first.txt";
    ReminderZh "notice/zh/reminder.txt";
    ReminderEn "notice/en/reminder.txt";
    OtherContactZh "notice/zh/other-contact.txt";
    OtherContactEn "notice/en/other-contact.txt";
    SecondPartyZh "notice/zh/second-party.txt";
    SecondPartyEn "notice/en/second-party.txt";
    RetractionZh "notice/zh/retraction.txt";
    RetractionEn "notice/en/retraction.txt";
    ReceiptZh "notice/zh/receipt.txt";
    ReceiptEn "notice/en/receipt.txt";
    OutcomeZh "notice/zh/outcome.txt";
    OutcomeEn "notice/en/outcome.txt";
}

/// The letter's text.
pub(super) fn write(
    draft: &Draft,
    look: &Look,
    table: Option<&str>,
) -> Result<String, askama::Error> {
    let l = &letter(draft, look, table);
    let text = match (draft.kind, draft.language) {
        (NoticeKind::First, Lang::Zh) => FirstZh { l }.render(),
        (NoticeKind::First, Lang::En) => FirstEn { l }.render(),
        (NoticeKind::Reminder, Lang::Zh) => ReminderZh { l }.render(),
        (NoticeKind::Reminder, Lang::En) => ReminderEn { l }.render(),
        (NoticeKind::OtherContact, Lang::Zh) => OtherContactZh { l }.render(),
        (NoticeKind::OtherContact, Lang::En) => OtherContactEn { l }.render(),
        (NoticeKind::SecondParty, Lang::Zh) => SecondPartyZh { l }.render(),
        (NoticeKind::SecondParty, Lang::En) => SecondPartyEn { l }.render(),
        (NoticeKind::Retraction, Lang::Zh) => RetractionZh { l }.render(),
        (NoticeKind::Retraction, Lang::En) => RetractionEn { l }.render(),
        (NoticeKind::Receipt, Lang::Zh) => ReceiptZh { l }.render(),
        (NoticeKind::Receipt, Lang::En) => ReceiptEn { l }.render(),
        (NoticeKind::Outcome, Lang::Zh) => OutcomeZh { l }.render(),
        (NoticeKind::Outcome, Lang::En) => OutcomeEn { l }.render(),
        // A person writes it (`notify/answering.rs`): there is no letter of this kind to compose.
        (NoticeKind::Answer, _) => return Err(askama::Error::custom("an answer is not composed")),
    }?;
    Ok(tidy(&text))
}

/// The subject: one line, the marking first (TLP 2.0 section 2), the token last.
pub(super) fn subject(draft: &Draft) -> String {
    let (zh, n) = (draft.language == Lang::Zh, draft.items.len());
    let first = draft.items.first();
    let kind = first.map_or("", |item| if zh { item.kind.zh() } else { item.kind.en() });
    let same = draft
        .items
        .iter()
        .all(|item| Some(item.kind) == first.map(|item| item.kind));
    let of_incidents = || match (zh, n, same) {
        (true, 1, _) => format!("{kind}事件（{}）", line(&draft.items[0].incident, 60)),
        (true, n, true) => format!("{n}起{kind}事件"),
        (true, n, false) => format!("{kind}等{n}起网络安全事件"),
        (false, 1, _) => format!("{} {}", lower(kind), line(&draft.items[0].incident, 60)),
        (false, n, true) => format!("{n} incidents: {}", lower(kind)),
        (false, n, false) => format!("{n} cyber security incidents"),
    };
    let about = match (hosts(draft).filter(|_| n > 1), zh) {
        (Some(hosts), true) => format!("{hosts}台受控主机"),
        (Some(1), false) => "an infected host".to_owned(),
        (Some(hosts), false) => format!("{hosts} infected hosts"),
        (None, _) => of_incidents(),
    };
    let title = match (draft.kind, zh) {
        (NoticeKind::First, true) => format!("【通报】关于处置{about}的函"),
        (NoticeKind::Reminder, true) => format!("【催办】关于处置{about}的函"),
        (NoticeKind::OtherContact, true) => format!("【通报】关于处置{about}的函"),
        (NoticeKind::SecondParty, true) => format!("【协请处置】关于处置{about}的函"),
        (NoticeKind::Retraction, true) => format!("【撤回】关于撤回{about}通报的函"),
        (NoticeKind::Receipt, true) => format!("【受理回执】{about}"),
        (NoticeKind::Outcome, true) => format!("【办结告知】{about}"),
        (NoticeKind::Answer, true) => format!("【复信】{about}"),
        (NoticeKind::Answer, false) => format!("Answer: {about}"),
        (NoticeKind::First | NoticeKind::OtherContact, false) => {
            format!("Request for action: {about}")
        }
        (NoticeKind::Reminder, false) => format!("Reminder: {about}"),
        (NoticeKind::SecondParty, false) => format!("Request for assistance: {about}"),
        (NoticeKind::Retraction, false) => format!("Retraction: {about}"),
        (NoticeKind::Receipt, false) => format!("We have received your report: {about}"),
        (NoticeKind::Outcome, false) => format!("Outcome of your report: {about}"),
    };
    let exercise = match (draft.exercise, zh) {
        (false, _) => "",
        (true, true) => "【演练】",
        (true, false) => "EXERCISE - ",
    };
    let tlp = draft.tlp.en();
    line(
        &format!("[{tlp}] {exercise}{title} {}", draft.token.tag()),
        300,
    )
}

/// In the middle of a sentence a kind begins small, unless it begins with an abbreviation.
fn lower(kind: &str) -> String {
    let mut chars = kind.chars();
    match (chars.next(), chars.clone().next()) {
        (Some(first), Some(second)) if second.is_lowercase() => {
            first.to_lowercase().chain(chars).collect()
        }
        _ => kind.to_owned(),
    }
}

/// How many hosts a letter is about that is about nothing but infected hosts: each line of it is one host that
/// was seen, a host may have several, and none is an incident of its own to who reads it.
fn hosts(draft: &Draft) -> Option<usize> {
    let infected = |item: &Item| item.kind == CaseKind::InfectedHost;
    if draft.items.is_empty() || !draft.items.iter().all(infected) {
        return None;
    }
    let mut names: Vec<String> = draft
        .items
        .iter()
        .map(|item| {
            let seen = &item.observed;
            let ip = seen.ip.map(|ip| ip.to_string());
            ip.or_else(|| seen.host.clone())
                .unwrap_or_else(|| item.incident.clone())
        })
        .collect();
    names.sort();
    names.dedup();
    Some(names.len())
}

fn letter(draft: &Draft, look: &Look, table: Option<&str>) -> Letter {
    let lang = draft.language;
    let zone = &draft.party.zone;
    let listed = draft.items.len() <= look.listed.max(1) || table.is_none();
    let shown = if listed {
        draft.items.len().min(200)
    } else {
        0
    };
    let hosts = hosts(draft);
    let total = hosts.unwrap_or(draft.items.len());
    let mut kinds: Vec<(CaseKind, usize)> = Vec::new();
    if shown < draft.items.len() {
        for item in &draft.items {
            match kinds.iter_mut().find(|(known, _)| *known == item.kind) {
                Some((_, count)) => *count += 1,
                None => kinds.push((item.kind, 1)),
            }
        }
    }
    let mut asked: Vec<Ask> = Vec::new();
    for item in &draft.items {
        if !asked.contains(&item.asked) {
            asked.push(item.asked);
        }
    }
    let several = asked.len() > 1;
    let earlier = draft.earlier.as_ref();
    Letter {
        tlp: draft.tlp.en(),
        tlp_means: words::marking(draft.tlp, lang, !to_reporter(draft)),
        exercise: draft.exercise,
        party: line(draft.party.name.get(lang), 200),
        standing: words::standing(draft.party.role, lang),
        sender: line(draft.sender.name.get(lang), 200),
        address: line(&draft.sender.address, 200),
        phone: line(&draft.sender.phone, 60),
        appeal: line(&draft.sender.appeal, 200),
        date: date(draft.composed_at, zone, lang),
        target: draft.target.map(|at| moment(at, zone, lang)),
        items: draft.items[..shown]
            .iter()
            .map(|item| entry(draft, look, item, several))
            .collect(),
        total,
        hosts: hosts.is_some(),
        counted: match (hosts.is_some(), lang) {
            (true, Lang::Zh) => format!("{total} 台主机"),
            (true, Lang::En) => format!("{total} infected hosts"),
            (false, Lang::Zh) => format!("{total} 起"),
            (false, Lang::En) => format!("{total} incidents"),
        },
        kinds: kinds
            .into_iter()
            .map(|(kind, count)| match (lang, kind) {
                (Lang::Zh, CaseKind::InfectedHost) => (kind.zh(), format!("{count} 台")),
                (Lang::Zh, _) => (kind.zh(), format!("{count} 起")),
                (Lang::En, _) => (kind.en(), count.to_string()),
            })
            .collect(),
        asked: asked.into_iter().map(|ask| ask.words(lang)).collect(),
        table: table.map(str::to_owned),
        tag: draft.token.tag(),
        codes: ReplyCode::ALL.map(|code| code.words(lang)),
        earlier: earlier
            .map(|earlier| moment(earlier.at, zone, lang))
            .unwrap_or_default(),
        earlier_to: earlier
            .and_then(|earlier| earlier.to.as_ref())
            .map(|name| line(name.get(lang), 200)),
        remark: draft
            .remark
            .as_deref()
            .map(|text| line(text, 2000))
            .filter(|text| !text.is_empty()),
        leaf: draft.leaf.clone(),
    }
}

/// Whether it goes to who reported: they are told what became of their words, not what we know.
fn to_reporter(draft: &Draft) -> bool {
    matches!(draft.kind, NoticeKind::Receipt | NoticeKind::Outcome)
}

fn entry(draft: &Draft, look: &Look, item: &Item, several: bool) -> Entry {
    let lang = draft.language;
    let zone = &draft.party.zone;
    let seen = &item.observed;
    let mut lines: Vec<(&'static str, String)> = Vec::with_capacity(12);
    let mut put = |zh, en, value: Option<String>| {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            lines.push((pick(lang, zh, en), value));
        }
    };
    let kind = if lang == Lang::Zh {
        item.kind.zh()
    } else {
        item.kind.en()
    };
    put("类型", "Kind", Some(kind.to_owned()));
    put("网址", "URL", seen.url.as_deref().map(defang));
    put("域名", "Host", seen.host.as_deref().map(defang));
    put(
        "IP地址",
        "Address",
        seen.ip.map(|ip| defang(&ip.to_string())),
    );
    put("端口", "Port", seen.port.map(|port| port.to_string()));
    put(
        "文件哈希",
        "File hash",
        seen.hash.as_deref().map(|hash| line(hash, 160)),
    );
    if to_reporter(draft) {
        let end = item
            .resolution
            .filter(|_| draft.kind == NoticeKind::Outcome);
        put(
            "处置结果",
            "Outcome",
            end.map(|end| pick(lang, end.zh(), end.en()).to_owned()),
        );
        return Entry {
            number: line(&item.incident, 120),
            lines,
        };
    }
    put(
        "首次发现",
        "First seen",
        Some(moment(item.first_seen, zone, lang)),
    );
    if item.last_seen > item.first_seen {
        put(
            "最近发现",
            "Last seen",
            Some(moment(item.last_seen, zone, lang)),
        );
    }
    if item.count > 1 {
        put("发现次数", "Times seen", Some(item.count.to_string()));
    }
    put(
        "信息来源",
        "Source",
        item.source.as_deref().map(|text| line(text, 300)),
    );
    if look.people {
        put(
            "受害方",
            "Victim",
            item.victim.as_deref().map(|text| line(text, 300)),
        );
        put(
            "举报方",
            "Reported by",
            item.reporter.as_deref().map(|text| line(text, 300)),
        );
    }
    put(
        "证据编号",
        "Evidence",
        Some(line(&item.evidence.join(pick(lang, "、", ", ")), 500)),
    );
    if several && draft.kind.asks() {
        put(
            "处置要求",
            "Request",
            Some(item.asked.words(lang).to_owned()),
        );
    }
    Entry {
        number: line(&item.incident, 120),
        lines,
    }
}

/// Trims lines, breaks long English ones, and leaves no more than one empty line between two others.
fn tidy(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 64);
    let mut gap = false;
    for line in text.lines().map(str::trim_end) {
        if line.is_empty() {
            gap = !out.is_empty();
            continue;
        }
        if std::mem::take(&mut gap) {
            out.push('\n');
        }
        wrap(line, &mut out);
        out.push('\n');
    }
    out
}

/// Breaks a paragraph at spaces. Lines that begin with one are tables and stay whole.
fn wrap(line: &str, out: &mut String) {
    if line.starts_with(' ') || line.chars().count() <= WIDTH {
        out.push_str(line);
        return;
    }
    let mut column = 0;
    for word in line.split(' ') {
        let width = word.chars().count();
        if column > 0 && column + 1 + width > WIDTH {
            out.push('\n');
            column = 0;
        } else if column > 0 {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += width;
    }
}
