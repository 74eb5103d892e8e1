//! The channel `manual`: what a person pastes into a form, reads on the telephone, or sends by a messenger.

use model::bulletin::Lang;
use model::time::Timestamp;
use model::worded::Word;

use crate::notice::words::{defang, line};
use crate::notice::{Composed, Draft, Token};

/// A notice as a task for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// What ties the party's answer to it.
    pub token: Token,
    /// For a field "subject".
    pub subject: String,
    /// The whole letter, to paste.
    pub text: String,
    /// The same in a few lines, for fields and messengers that take little.
    pub short: String,
    /// Values as they are, one a line, for the fields of a form that asks for URLs or addresses. Not to be
    /// put into a message: they can be clicked.
    pub values: Vec<String>,
    /// Files to attach.
    pub files: Vec<String>,
    /// Numbers of the evidence to have at hand, each once.
    pub evidence: Vec<String>,
    /// By when the party should have acted.
    pub deadline: Option<Timestamp>,
}

/// The longest short text, in characters.
const SHORT: usize = 500;

/// Makes the task of a composed notice.
pub fn task(draft: &Draft, composed: &Composed) -> Task {
    let mut values = Vec::with_capacity(draft.items.len());
    let mut evidence: Vec<String> = Vec::new();
    for item in &draft.items {
        let seen = &item.observed;
        let address = seen.ip.map(|ip| match seen.port {
            Some(port) => std::net::SocketAddr::new(ip, port).to_string(),
            None => ip.to_string(),
        });
        let value = seen
            .url
            .clone()
            .or_else(|| seen.host.clone())
            .or(address)
            .or_else(|| seen.hash.clone());
        values.extend(value.map(|value| line(&value, 4000)));
        for number in &item.evidence {
            if !evidence.contains(number) {
                evidence.push(line(number, 120));
            }
        }
    }
    Task {
        token: draft.token.clone(),
        subject: composed.subject.clone(),
        text: composed.text.clone(),
        short: short(draft),
        values,
        files: composed
            .attachments
            .iter()
            .map(|file| file.name.clone())
            .collect(),
        evidence,
        deadline: draft.target,
    }
}

fn short(draft: &Draft) -> String {
    let zh = draft.language == Lang::Zh;
    let sender = line(draft.sender.name.get(draft.language), 80);
    let tail = if zh {
        format!(
            "请核实处置并回复，编号{}，电话{}。",
            draft.token.tag(),
            line(&draft.sender.phone, 40)
        )
    } else {
        format!(
            " Please verify, act and answer; reference {}, telephone {}.",
            draft.token.tag(),
            line(&draft.sender.phone, 40)
        )
    };
    let mut text = match (zh, draft.exercise) {
        (true, false) => format!("{sender}通报："),
        (true, true) => format!("【演练】{sender}通报："),
        (false, false) => format!("{sender} reports: "),
        (false, true) => format!("EXERCISE - {sender} reports: "),
    };
    let room = SHORT.saturating_sub(tail.chars().count() + 20);
    let mut told = 0;
    for item in &draft.items {
        let seen = &item.observed;
        let value = seen.url.as_deref().or(seen.host.as_deref()).map(defang);
        let value = value
            .or_else(|| seen.ip.map(|ip| defang(&ip.to_string())))
            .or_else(|| seen.hash.clone())
            .unwrap_or_default();
        let kind = if zh { item.kind.zh() } else { item.kind.en() };
        let one = if zh {
            format!("{kind} {value}；")
        } else {
            format!("{kind} {value}; ")
        };
        if text.chars().count() + one.chars().count() > room {
            break;
        }
        text.push_str(&one);
        told += 1;
    }
    let rest = draft.items.len() - told;
    if rest > 0 {
        text.push_str(&if zh {
            format!("另有{rest}起。")
        } else {
            format!("and {rest} more.")
        });
    }
    let text = text.trim_end_matches(['；', ';', ' ']).to_owned();
    let stop = if text.ends_with(['。', '.']) {
        ""
    } else if zh {
        "。"
    } else {
        "."
    };
    format!("{text}{stop}{tail}")
}
