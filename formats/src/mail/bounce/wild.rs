//! Bounces in words: by what they are known, where the returned mail begins, whom they name.

use super::super::Mail;
use super::super::header::{Headers, Line};
use super::super::own::Own;
use super::{BounceReport, Form, MAX_RECIPIENTS, Outcome, Recipient};

/// Subjects of bounces, lower case.
const SUBJECTS: &[&str] = &[
    "undeliver",
    "non-deliverable",
    "nondeliverable",
    "not deliverable",
    "returned mail",
    "returned to sender",
    "return to sender",
    "failure notice",
    "failure delivery",
    "failed mail",
    "delivery failure",
    "delivery failed",
    "delivery has failed",
    "delivery status",
    "delivery notification",
    "delivery report",
    "delivery problem",
    "delivery error",
    "delivery unsuccessful",
    "delivery delayed",
    "delivery is delayed",
    "mail failure",
    "mail delivery",
    "mail system error",
    "mail error",
    "could not send",
    "couldn't be delivered",
    "could not be delivered",
    "cannot send message",
    "message status",
    "message delayed",
    "mail could not be",
    "postmaster notify",
    "permanent delivery failure",
    "transient failure",
    "loop alert",
    "error mail",
    "bounced mail",
    "dsn: ",
    "退信",
    "投递失败",
    "投递状态",
    "无法投递",
    "系统退信",
    "配信不能",
    "配信エラー",
    "배달 실패",
    "nicht zustellbar",
    "unzustellbar",
    "non remis",
    "échec de la remise",
    "no se puede entregar",
    "no entregado",
    "не доставлено",
    "недоставлено",
];

/// Words in the text of bounces, lower case.
const TEXTS: &[&str] = &[
    "could not be delivered",
    "cannot be delivered",
    "couldn't be delivered",
    "was not delivered",
    "wasn't delivered",
    "not be delivered",
    "not able to be delivered",
    "did not reach the following",
    "unable to deliver",
    "wasn't able to deliver",
    "error delivering your mail",
    "had delivery problems",
    "had delivery errors",
    "had permanent fatal errors",
    "had transient non-fatal errors",
    "delivery has failed",
    "delivery to the following",
    "delivery failed",
    "was undeliverable",
    "could not be sent",
    "transcript of session follows",
    "rejected your message to the following",
    "message is delayed",
    "message was delayed",
    "failure reasons",
    "user mailbox exceeds",
    "user's mailbox is full",
    "an error occurred while trying to deliver",
    "incorrectly constructed",
    "returned to sender",
    "duplicated message-id in",
    "the user(s) account is",
    "undeliverable mail",
    "address not found",
    "不能投递",
    "无法投递",
    "无法送达",
    "退回给您",
    "退回给发件人",
    "送信できませんでした",
    "möglicherweise nicht vorhanden",
    "konnte nicht zugestellt",
    "n'a pas pu être",
    "no se ha podido entregar",
    "не может быть доставлено",
];

/// Lines at which the returned mail begins, lower case, decoration taken off.
const RETURNED: &[&str] = &[
    "this is a copy of the message",
    "this is a copy of your message",
    "below this line is a copy of the message",
    "enclosed is a copy of the message",
    "below is a copy of the original message",
    "original message follows",
    "the header of the original message",
    "original message header",
    "original message headers",
    "original message",
    "original mail as follows",
    "returned message",
    "unsent message follows",
    "message headers follow",
    "returned mail follows",
    "non-delivered message follows",
    "start of message",
    "undelivered message headers",
    "message text follows",
    "the first line of the original message",
    "original headers",
    "included is a copy of the message",
    "copy of the original message",
    "your original message",
    "message header follows",
];

/// By what a mail looks like a bounce, each with its weight; two together make one.
pub(super) fn signs(mail: &Mail) -> Vec<(u32, String)> {
    let mut signs = Vec::new();
    if mail.null_sender {
        signs.push((1, "its envelope sender is empty".to_owned()));
    }
    if is_daemon(mail.sender()) || is_daemon(mail.from.first().map_or("", |from| &from.name)) {
        signs.push((
            1,
            format!(
                "it is from `{}`",
                mail.from.first().map_or("", |f| &f.address)
            ),
        ));
    }
    let subject = mail.subject.to_lowercase();
    if let Some(words) = SUBJECTS.iter().find(|words| subject.contains(**words)) {
        signs.push((1, format!("its subject says `{words}`")));
    }
    if mail.headers.raw("x-failed-recipients").is_some() {
        signs.push((2, "it has X-Failed-Recipients".to_owned()));
    }
    if mail
        .media
        .get("report-type")
        .is_some_and(|kind| kind.eq_ignore_ascii_case("delivery-status"))
    {
        signs.push((1, "it is declared as a delivery status".to_owned()));
    }
    let (told, _) = told(&mail.text);
    let head: String = told.chars().take(5_000).collect::<String>().to_lowercase();
    let plain = head.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some(words) = TEXTS.iter().find(|words| plain.contains(**words)) {
        signs.push((1, format!("its text says `{words}`")));
    }
    // One that speaks of a sending service's bounce in JSON needs no more.
    if mail.text.trim_start().starts_with('{') && mail.text.contains("bouncedRecipients") {
        signs.push((2, "its text is a bounce notification".to_owned()));
    }
    signs
}

/// Whether an address or a name is that of a mail system.
pub(super) fn is_daemon(address: &str) -> bool {
    let local = address.split('@').next().unwrap_or_default().trim();
    let names = [
        "mailer-daemon",
        "postmaster",
        "mail delivery system",
        "mail delivery subsystem",
    ];
    names.iter().any(|name| local.eq_ignore_ascii_case(name))
        || local.to_ascii_lowercase().starts_with("mailer-daemon")
}

/// The text up to the returned mail, and that mail's header.
pub(super) fn told(text: &str) -> (&str, Option<Headers>) {
    let mut at = 0;
    let mut blank = true;
    for line in text.split_inclusive('\n') {
        let lower = line.to_lowercase();
        let bare = lower.trim_matches(|c: char| !c.is_alphanumeric());
        let marked = RETURNED.iter().any(|words| {
            bare.strip_prefix(words)
                .is_some_and(|rest| rest.len() < 60 && !rest.starts_with(char::is_alphabetic))
        });
        // Without a mark the trace fields of a mail show it.
        let trace = blank
            && ["received:", "return-path:", "dkim-signature:"]
                .iter()
                .any(|field| lower.starts_with(field));
        if marked || trace {
            let from = if trace { at } else { at + line.len() };
            let rest: String = text[from..]
                .trim_start()
                .lines()
                .take(500)
                .map(|line| format!("{}\n", line.strip_prefix("   ").unwrap_or(line)))
                .collect();
            let rest = super::super::envelope(rest.as_bytes());
            let block = Headers::read(rest, 0, 1 << 18, &|_| false);
            return (
                &text[..at],
                (!block.headers.is_empty()).then_some(block.headers),
            );
        }
        blank = line.trim().is_empty();
        at += line.len();
    }
    (text, None)
}

/// The notification of a sending service (Amazon SES by SNS), in JSON.
pub(super) fn service(text: &str) -> Option<BounceReport> {
    let text = text.trim();
    if !text.starts_with('{') {
        return None;
    }
    // A mail that carries it may have words behind it.
    let first = |text: &str| {
        let mut values = serde_json::Deserializer::from_str(text).into_iter::<serde_json::Value>();
        values.next()?.ok()
    };
    // Servers break its one long line, within words too.
    let json =
        first(text).or_else(|| first(&text.replace("!\n ", "").replace(['\r', '\n'], "")))?;
    let bounce = &json["bounce"];
    let mut report = BounceReport {
        form: Form::Service,
        ..BounceReport::default()
    };
    for one in bounce["bouncedRecipients"]
        .as_array()?
        .iter()
        .take(MAX_RECIPIENTS)
    {
        let Some(address) = one["emailAddress"].as_str() else {
            continue;
        };
        let mut recipient = Recipient {
            address: Line::new(address.trim_matches(['<', '>'])).to_string(),
            status: one["status"]
                .as_str()
                .and_then(|text| super::reason::codes(text).0),
            ..Recipient::default()
        };
        recipient.settle(one["diagnosticCode"].as_str().unwrap_or_default());
        report.recipients.push(recipient);
    }
    let headers = json["mail"]["headers"].as_array();
    let id = headers.into_iter().flatten().find(|field| {
        field["name"]
            .as_str()
            .is_some_and(|name| name.eq_ignore_ascii_case("message-id"))
    });
    report.message_id = id
        .and_then(|field| field["value"].as_str())
        .and_then(|value| super::super::header::message_ids(value).into_iter().next());
    (!report.recipients.is_empty()).then_some(report)
}

/// The message id that the text of a report names (`Message-id: <...>`).
pub(super) fn told_id(told: &str) -> Option<String> {
    let line = told.lines().find(|line| {
        let head = line.trim_start().get(..11);
        head.is_some_and(|head| head.eq_ignore_ascii_case("message-id:"))
    })?;
    let (_, value) = line.split_once(':')?;
    super::super::header::message_ids(value).into_iter().next()
}

/// Adds to addresses of a status what the text says of them, where the status itself says nothing.
pub(super) fn more(recipients: &mut [Recipient], told: &str) {
    let told = head(told);
    let silent = |one: &Recipient| {
        matches!(one.outcome, Outcome::Failed | Outcome::Delayed)
            && matches!(
                one.reason,
                super::Reason::Other | super::Reason::Unreachable
            )
    };
    let only = recipients.len() == 1;
    for one in recipients.iter_mut().filter(|one| silent(one)) {
        let said = if only {
            told
        } else {
            around(told, &one.address)
        };
        if !said.trim().is_empty() {
            let before = one.clone();
            let said = format!("{} {}", one.diagnostic, said);
            one.settle(&said);
            if silent(one) || one.reason == super::Reason::Other {
                *one = before;
            }
        }
    }
}

/// What a text says behind an address, up to the next blank line.
fn around<'t>(told: &'t str, address: &str) -> &'t str {
    let Some(at) = told.find(address) else {
        return "";
    };
    let rest = &told[at..];
    &rest[..rest
        .find("\n\n")
        .or(rest.find("\r\n\r\n"))
        .unwrap_or(rest.len())]
}

/// Words before an address that make it the recipient, lower case.
const CUES: &[&str] = &[
    "rcpt to",
    "recipient",
    "delivered to",
    "delivering your mail to",
    "undeliverable",
    "the following message to",
    "addressed to",
    "mailbox",
    "the following address",
    "exceeds allowed size",
    "duplicated message-id in",
    "user unknown",
    "unknown user",
    "failed to",
    "for <",
    "\"to\"",
    "message to",
    "your mail to",
    "delivery to",
    "收件人",
    "收信人",
    "发送到",
    "投递到",
    "发送给",
];

/// Words before an address that make it somebody else's.
const OTHERS: &[&str] = &[
    "mail from",
    "message-id:",
    "envelope-from",
    "envelope from",
    "generated from",
    "sent by",
    "from:",
    "contact",
    "send mail to",
    "sender",
    "please",
    "hallo",
    "hello",
    "dear ",
];

/// Bytes of a report that are searched for addresses, and addresses that are taken from words.
const MAX_TOLD: usize = 32 << 10;
const MAX_NAMED: usize = 100;

/// The first bytes of a text, whole characters.
fn head(text: &str) -> &str {
    let mut end = text.len().min(MAX_TOLD);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// The addresses that a text says failed, with what it says of each.
pub(super) fn recipients(
    mail: &Mail,
    told: &str,
    returned: Option<&Headers>,
    own: &Own,
) -> Vec<Recipient> {
    let told = head(told);
    let listed: Vec<String> = mail
        .headers
        .addresses("x-failed-recipients")
        .into_iter()
        .map(|one| one.address.to_string())
        .collect();
    let sent_to: Vec<String> = returned
        .map(|headers| {
            ["to", "cc"]
                .iter()
                .flat_map(|name| headers.addresses(name))
                .map(|one| one.address.to_string())
                .filter(|address| address.contains('@'))
                .collect()
        })
        .unwrap_or_default();
    let senders: Vec<String> = returned
        .map(|headers| {
            ["from", "return-path", "sender"]
                .iter()
                .flat_map(|name| headers.addresses(name))
                .map(|one| one.address.to_lowercase())
                .collect()
        })
        .unwrap_or_default();
    let mut named = Vec::new();
    let mut shown = Vec::new();
    let mut sender_line = false;
    for line in told.lines().take(5_000) {
        let lower = line.to_lowercase();
        for (at, address) in addresses(line) {
            let before = &lower[..at.min(lower.len())];
            let bare = before.trim_matches(|c: char| {
                c.is_whitespace() || matches!(c, '<' | '"' | '\'' | '*' | '-' | '>' | '+' | '•')
            });
            let leads = bare.is_empty();
            let digits = bare.starts_with(|c: char| c.is_ascii_digit());
            let cued = CUES.iter().any(|cue| bare.contains(cue))
                || (digits && bare.len() < 40)
                || bare.ends_with(':') && bare.contains(":000");
            let other = OTHERS.iter().any(|word| bare.contains(word));
            let ours = own.is_own(&address) || senders.contains(&address.to_lowercase());
            if other || ours {
                continue;
            }
            if (leads && !sender_line || cued) && !contains(&named, &address) {
                named.push(address);
            } else if bare == "to:" && !contains(&shown, &address) {
                // The header of the mail, shown among the words.
                shown.push(address);
            }
        }
        if !line.trim().is_empty() {
            sender_line = lower.contains("sent by") && !lower.contains('@');
        }
        if named.len() >= MAX_NAMED {
            break;
        }
    }
    let mut chosen = if !listed.is_empty() {
        listed
    } else if !named.is_empty() {
        named
    } else if !shown.is_empty() {
        shown
    } else {
        sent_to
    };
    chosen.dedup();
    chosen.truncate(MAX_NAMED);
    let outcome = if is_delay(mail, told) {
        Outcome::Delayed
    } else {
        Outcome::Failed
    };
    let whole = format!("{} {told}", mail.subject);
    let several = chosen.len() > 1;
    let mut found = Vec::new();
    for address in &chosen {
        let said = if several {
            section(told, address, &chosen)
        } else {
            &whole
        };
        let mut one = Recipient {
            address: Line::new(address).to_string(),
            outcome,
            ..Recipient::default()
        };
        one.settle(said);
        if several && one.reason == super::Reason::Other {
            one.settle(&whole);
        }
        found.push(one);
    }
    found
}

/// What a text says of an address: from its first place to the first place of another.
fn section<'t>(told: &'t str, address: &str, others: &[String]) -> &'t str {
    let Some(at) = told.find(address) else {
        return "";
    };
    let rest = &told[at..];
    let end = others
        .iter()
        .filter(|other| *other != address)
        .take(50)
        .filter_map(|other| rest.find(other.as_str()))
        .filter(|end| *end > 0)
        .min();
    &rest[..end.unwrap_or(rest.len())]
}

fn contains(list: &[String], address: &str) -> bool {
    list.iter().any(|one| one.eq_ignore_ascii_case(address))
}

/// Whether the server says that it goes on trying.
fn is_delay(mail: &Mail, told: &str) -> bool {
    let words = [
        "warning message only",
        "do not need to resend",
        "only a temporary failure report",
        "will keep trying",
        "message is delayed",
        "message was delayed",
        "delivery is delayed",
        "will be retried",
        "will continue to be attempted",
        "warning--could not send mail for past",
        "warning: could not send message for past",
    ];
    let text = format!("{} {}", mail.subject, told).to_lowercase();
    words.iter().any(|word| text.contains(word))
}

/// The mail addresses in a line, each with its place.
pub(super) fn addresses(line: &str) -> Vec<(usize, String)> {
    let is_local = |c: char| c.is_alphanumeric() || "!#$%&*+/=?^_`{|}~.-".contains(c);
    let is_domain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_');
    let mut found = Vec::new();
    let mut from = 0;
    for (at, _) in line.match_indices('@').take(100) {
        let before = &line[from..at];
        let local = before
            .char_indices()
            .rev()
            .take_while(|(_, c)| is_local(*c))
            .last();
        let Some((start, _)) = local else { continue };
        let start = from + start;
        let rest = &line[at + 1..];
        let end = rest.find(|c| !is_domain(c)).unwrap_or(rest.len());
        let domain = rest[..end].trim_end_matches(['.', '-', '_']);
        if domain.contains('.') && !domain.starts_with('.') && !domain.contains("..") {
            let local = line[start..at].trim_start_matches(['.', '-', '/', '|', '=']);
            if !local.is_empty() {
                found.push((start, format!("{local}@{domain}")));
            }
        }
        from = at + 1;
    }
    found
}
