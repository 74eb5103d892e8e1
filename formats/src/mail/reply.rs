//! What an answer to a notice says: its own words, cut free from what they quote, and the class that
//! they propose.
//!
//! A class proposes: it never closes an incident nor stops a clock (only a verification does). So the
//! phrase that decided is kept, a negated phrase does not count, and phrases of two classes give the
//! one that costs less when wrong.

mod phrases;

use phrases::{Language, PHRASES};

/// What an answer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// They say it is done.
    Fixed,
    /// They ask for something.
    NeedsInformation,
    /// They say it is not theirs, or name somebody else.
    WrongContact,
    /// They will not act.
    Refused,
    /// A program answered.
    AutomaticReply,
    /// Nothing tells.
    Unknown,
}

impl Class {
    /// Stable name.
    pub fn label(self) -> &'static str {
        match self {
            Class::Fixed => "fixed",
            Class::NeedsInformation => "needs-information",
            Class::WrongContact => "wrong-contact",
            Class::Refused => "refused",
            Class::AutomaticReply => "automatic-reply",
            Class::Unknown => "unknown",
        }
    }
}

/// A class and by what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// The class.
    pub class: Class,
    /// The phrase that decided; `None` for [`Class::Unknown`].
    pub phrase: Option<&'static str>,
    /// The language of that phrase, as BCP 47.
    pub language: Option<&'static str>,
    /// Phrases of more than one class were found: a person is to look.
    pub doubtful: bool,
}

/// Classes in the order in which they win: a person who must look loses less than one who need not.
const ORDER: &[Class] = &[
    Class::AutomaticReply,
    Class::WrongContact,
    Class::Refused,
    Class::NeedsInformation,
    Class::Fixed,
];

/// Characters of an answer that are looked at; the answer stands at the top.
const MAX_TEXT: usize = 8_000;

/// Classes an answer's text. `language` (BCP 47, where known) is looked at first; the others count as
/// well, since people answer in what they write best. Quoted text does not.
pub fn reply_class(text: &str, language: Option<&str>) -> Proposal {
    let own: String = unquoted(text)
        .chars()
        .take(MAX_TEXT)
        .collect::<String>()
        .to_lowercase();
    let own = own.split_whitespace().collect::<Vec<_>>().join(" ");
    let wanted = language.and_then(|tag| tag.split(['-', '_']).next());
    let first = PHRASES.iter().filter(|table| Some(table.tag) == wanted);
    let rest = PHRASES.iter().filter(|table| Some(table.tag) != wanted);
    let mut found: Vec<(Class, &'static str, &'static str)> = Vec::new();
    for table in first.chain(rest) {
        for (class, phrases) in table.phrases {
            if let Some(phrase) = phrases.iter().find(|phrase| says(&own, phrase, table)) {
                found.push((*class, phrase, table.tag));
            }
        }
    }
    let best = ORDER
        .iter()
        .find_map(|class| found.iter().find(|(known, ..)| known == class));
    match best {
        None => Proposal {
            class: Class::Unknown,
            phrase: None,
            language: None,
            doubtful: false,
        },
        Some((class, phrase, tag)) => Proposal {
            class: *class,
            phrase: Some(phrase),
            language: Some(tag),
            doubtful: found.iter().any(|(other, ..)| other != class),
        },
    }
}

/// Whether a text says a phrase, as whole words where the language has such, and not its opposite.
fn says(text: &str, phrase: &str, table: &Language) -> bool {
    text.match_indices(phrase).take(50).any(|(at, _)| {
        let before = &text[..at];
        let behind = &text[at + phrase.len()..];
        let word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric());
        if table.spaced && (word(before.chars().next_back()) || word(behind.chars().next())) {
            return false;
        }
        // What turns it round stands in the same sentence, a few words before.
        let near: String = before.chars().rev().take(table.reach).collect();
        let near: String = near.chars().rev().collect();
        let sentence = near
            .rsplit(['.', '!', '?', '。', '！', '？', ';', '；'])
            .next()
            .unwrap_or_default();
        let negated = table.negations.iter().any(|word| {
            sentence.match_indices(word).any(|(at, _)| {
                !table.spaced
                    || word.starts_with("n't")
                    || !sentence[..at]
                        .chars()
                        .next_back()
                        .is_some_and(char::is_alphanumeric)
            })
        });
        let after: String = behind.chars().take(table.reach).collect();
        let after = after
            .split(['.', '!', '?', '。', '！', '？', ';', '；'])
            .next()
            .unwrap_or_default();
        let undone = table
            .negations_after
            .iter()
            .any(|word| after.starts_with(word));
        !negated && !undone
    })
}

/// Beginnings of lines behind which a quoted mail stands, lower case.
const QUOTES: &[&str] = &[
    "-----original message",
    "---- original message",
    "--- original message",
    "-------- original message",
    "-----原始邮件",
    "-----原始郵件",
    "------------------ 原始邮件",
    "------------------ original",
    "-------- 原始邮件",
    "-------- 转发邮件",
    "-----ursprüngliche nachricht",
    "-------- ursprüngliche nachricht",
    "-----message d'origine",
    "-------- message original",
    "-----mensaje original",
    "-----원본 메시지",
    "----- 元のメッセージ",
    "-----元のメッセージ",
    "________________________________",
];

/// Ends of the line that says whose words follow, lower case.
const WROTE: &[&str] = &[
    "wrote:",
    "writes:",
    "写道：",
    "写道:",
    "寫道：",
    "寫道:",
    "schrieb:",
    "a écrit :",
    "a écrit:",
    "escribió:",
    "님이 작성:",
    "のメール:",
    "さんは書きました:",
    "написал:",
];

/// First fields of a header that some programs put over the quoted mail, lower case.
const HEADS: &[&str] = &[
    "from:",
    "发件人:",
    "发件人：",
    "寄件者:",
    "von:",
    "de :",
    "de:",
    "差出人:",
    "보낸 사람:",
    "от:",
];

/// Fields that follow it.
const BELOW: &[&str] = &[
    "sent:",
    "date:",
    "to:",
    "发送时间",
    "日期",
    "收件人",
    "寄件日期",
    "gesendet:",
    "datum:",
    "an:",
    "envoyé",
    "à :",
    "enviado",
    "para:",
    "送信日時",
    "日付",
    "宛先",
    "보낸 날짜",
    "받는 사람",
    "дата:",
    "кому:",
];

/// The words of the writer: up to the mail that is quoted below or the signature.
pub fn unquoted(text: &str) -> &str {
    let mut at = 0;
    let mut end = None;
    let lines: Vec<&str> = text.split_inclusive('\n').take(20_000).collect();
    for (number, line) in lines.iter().enumerate() {
        let bare = line.trim().to_lowercase();
        let next = |step: usize| {
            lines
                .get(number + step)
                .map(|line| line.trim().to_lowercase())
        };
        let quoted = bare.starts_with('>') || bare.starts_with('|') && bare.len() > 1;
        let starts = QUOTES.iter().any(|mark| bare.starts_with(mark));
        // Who wrote may be folded over two lines.
        let wrote = WROTE.iter().any(|mark| bare.ends_with(mark));
        let head = HEADS.iter().any(|mark| bare.starts_with(mark))
            && (1..=3).any(|step| {
                next(step).is_some_and(|line| BELOW.iter().any(|mark| line.starts_with(mark)))
            });
        let signature =
            *line == "-- \n" || *line == "-- \r\n" || *line == "--\n" || *line == "--\r\n";
        if quoted || starts || wrote || head || signature {
            end = Some(at);
            break;
        }
        at += line.len();
    }
    let own = &text[..end.unwrap_or(text.len())];
    if own.trim().is_empty() && end.is_some() {
        // The answer stands below what it quotes, or between.
        let rest = &text[end.unwrap_or_default()..];
        return below(rest);
    }
    own
}

/// What stands behind the first run of lines marked as quoted.
fn below(text: &str) -> &str {
    let mut at = 0;
    let mut in_quote = false;
    for line in text.split_inclusive('\n') {
        let marked = line.trim_start().starts_with('>');
        if in_quote && !marked && !line.trim().is_empty() {
            return &text[at..];
        }
        in_quote |= marked;
        at += line.len();
    }
    ""
}

/// Where a text begins to be a mail that is passed on; `None` where it is none.
pub fn forward(text: &str) -> Option<usize> {
    let marks = [
        "---------- forwarded message",
        "-------- forwarded message",
        "begin forwarded message",
        "----- forwarded message",
        "-----forwarded message",
        "---------- 转发的邮件",
        "---------- 转发邮件",
        "-------- 转发邮件",
        "-------- weitergeleitete nachricht",
        "-------- message transféré",
        "-------- 転送メッセージ",
    ];
    let mut at = 0;
    for line in text.split_inclusive('\n').take(20_000) {
        let bare = line.trim().to_lowercase();
        if marks.iter().any(|mark| bare.starts_with(mark)) {
            return Some(at);
        }
        at += line.len();
    }
    None
}

#[cfg(test)]
mod tests;
