//! Why a mail did not arrive, by words and by codes (RFC 3463, RFC 5321 4.2).

use super::{Hardness, Outcome, Reason};

/// Words, lower case, and what they mean; the first line that is found decides, so what is special
/// stands before what is general.
const WORDS: &[(Reason, &[&str])] = &[
    (
        Reason::Expired,
        &[
            "delivery time expired",
            "message expired",
            "(expired)",
            "has been in the queue too long",
            "been in the queue too long",
            "retry timeout exceeded",
            "could not be delivered for too long",
            "giving up",
            "cannot send message for",
            "could not deliver for the last",
            "message timed out",
            "retry time not reached for any host after a long failure period",
            "all hosts have been failing for a long time",
            "unable to deliver this message after",
            "delivery attempts failed",
            "not delivered within",
            "期限",
        ],
    ),
    (
        Reason::MailboxFull,
        &[
            "mailbox full",
            "mailbox is full",
            "mailboxfull",
            "over quota",
            "overquota",
            "quota exceeded",
            "exceeded storage",
            "exceeds allowed size",
            "exceeded the local limit",
            "mailbox quota",
            "storage quota",
            "disk quota",
            "quota violation",
            "user has too many messages",
            "out of storage space",
            "insufficient system storage",
            "exceeded email quota",
            "exceeded his/her quota",
            "mailbox exceeded",
            "mailbox has exceeded",
            "account is full",
            "inbox is full",
            "mail quota",
            "not enough disk space",
            "is over the maximum allowed",
            "user is overquota",
            "邮箱已满",
            "邮箱空间",
            "容量",
            "boîte pleine",
            "postfach voll",
        ],
    ),
    (
        Reason::TooBig,
        &[
            "message too large",
            "message too big",
            "message is too large",
            "message is too big",
            "message size exceeds",
            "exceeds the maximum message size",
            "maximum message size",
            "exceeds maximum allowed size",
            "exceeds size limit",
            "exceeds the size limit",
            "mail size limit exceeded",
            "max message size exceeded",
            "size limit exceeded",
            "recipsizelimit",
            "size exceeds fixed maximum",
            "header size exceeds",
            "exceeds message size",
            "邮件过大",
            "too large for this recipient",
        ],
    ),
    (
        Reason::RelayDenied,
        &[
            "relay access denied",
            "relaying denied",
            "relay denied",
            "relay not permitted",
            "not permitted to relay",
            "relaying not allowed",
            "relay not allowed",
            "relaying prohibited",
            "unable to relay",
            "cannot relay",
            "we do not relay",
            "does not relay",
            "not a relay",
            "no relaying",
            "relaying mail to",
            "insecure mail relay",
            "not local",
            "is not one of our domains",
            "sender denied relay",
        ],
    ),
    (
        Reason::Policy,
        &[
            "too many recipients this hour",
            "at a rate that",
            "rate limit",
            "ratelimit",
            "too many connections",
            "too many messages",
            "too many recipients",
            "too many mails",
            "too many errors",
            "throttl",
            "temporarily deferred due to",
            "greylist",
            "graylist",
            "spam",
            "blacklist",
            "blocklist",
            "blocked using",
            "blocked by",
            "block list",
            "black list",
            "dmarc",
            "spf ",
            " dkim",
            "authentication checks failed",
            "unauthenticated",
            "authentication required",
            "not authenticated",
            "reverse dns",
            "rdns",
            "ptr record",
            "banned sending ip",
            "access denied, banned",
            "client host rejected",
            "sender address rejected",
            "sender rejected",
            "sender denied",
            "senderdenied",
            "sender not allowed",
            "not allowed to send",
            "invalid sender",
            "sender verify failed",
            "domain of sender address",
            "not accepted from",
            "does not accept mail from",
            "not accept mail from",
            "invalid ip for sending",
            "host network not allowed",
            "mismatches client ip",
            "email address is not verified",
            "multiple addresses in from",
            "addresses in from: header",
            "presents a potential security",
            "content presents a potential",
            "content rejected",
            "message content rejected",
            "content filter",
            "virus",
            "malware",
            "attachment",
            "policy",
            "reputation",
            "administratively prohibited",
            "administrative prohibition",
            "not authorized",
            "not authorised",
            "unauthorized",
            "you are not allowed",
            "you have been denied",
            "no access from mail server",
            "open relay",
            "poor quality",
            "unsolicited",
            "junk mail",
            "bulk mail",
            "message rejected",
            "rejected the message",
            "rejected your message",
            "mail refused",
            "access forbidden",
            "server access",
            "refused to accept mail",
            "connection refused by policy",
            "your ip",
            "your host is",
            "拒收",
            "垃圾邮件",
            "被拒绝",
            "erforderlichen berechtigungen",
        ],
    ),
    (
        Reason::HostUnknown,
        &[
            "host unknown",
            "unknown host",
            "host not found",
            "hostunknown",
            "domain name not found",
            "domain not found",
            "no such domain",
            "unknown domain",
            "domain does not exist",
            "does not exist in dns",
            "nxdomain",
            "null mx",
            "nullmx",
            "doesn't receive email according to",
            "name or service not known",
            "couldn't find any host",
            "couldn't find a mail exchanger",
            "could not find a mail exchanger",
            "couldn't find any host named",
            "bad destination system",
            "bad destination mailbox address system",
            "unrouteable mail domain",
            "unrouteable address",
            "unroutable",
            "no mx record",
            "mx points to localhost",
            "mail domain mentioned in email address is unknown",
            "domain couldn't be found",
            "has no valid mail exchangers",
            "illegal host/domain",
            "no mail hosts for domain",
            "cannot resolve",
            "name service error",
            "no matches to nameserver query",
            "域名不存在",
            "找不到域名",
        ],
    ),
    (
        Reason::UserUnknown,
        &[
            "user unknown",
            "unknown user",
            "userunknown",
            "user not exist",
            "no such user",
            "no such person",
            "no such mailbox",
            "no such address",
            "no such recipient",
            "no mailbox here",
            "no mailbox by that name",
            "mailbox not found",
            "mailbox unavailable",
            "mailbox does not exist",
            "mailbox not available",
            "mailbox is inactive",
            "user(s) account is disabled",
            "mailbox is frozen",
            "mailbox disabled",
            "mailbox is disabled",
            "mailbox currently",
            "user not found",
            "user doesn't exist",
            "user does not exist",
            "not a valid mailbox",
            "not a valid user",
            "invalid mailbox",
            "invalid recipient",
            "invalid address",
            "invalid user",
            "unknown address",
            "unknown recipient",
            "unknown local",
            "recipient unknown",
            "recipient not found",
            "recipient name is not recognized",
            "recipient not recognized",
            "recipient verify failed",
            "recipient does not",
            "recipnotfound",
            "recipient invalid",
            "address not found",
            "address unknown",
            "address couldn't be found",
            "address error",
            "addresses were unknown",
            "inactive email address",
            "inactive user",
            "inactive account",
            "account inactive",
            "account is disabled",
            "account disabled",
            "account has been disabled",
            "account is not active",
            "account is locked",
            "account suspended",
            "account that you tried to reach",
            "account not found",
            "deactivated",
            "account has been closed",
            "no longer available",
            "no longer valid",
            "no longer on server",
            "no longer active",
            "no longer employed",
            "has moved",
            "malformed address",
            "bad address syntax",
            "possibly incorrect",
            "not in directory",
            "no valid recipient",
            "unable to find alias",
            "cannot find your recipient",
            "undeliverable address",
            "this user doesn't have",
            "not our customer",
            "用户不存在",
            "收件人不存在",
            "地址不存在",
            "ディレクトリには見つかりません",
            "リストにありません",
            "宛先メールアドレスが見つかりませんでした",
            "möglicherweise nicht vorhanden",
            "destinataire invalide",
            "utilisateur inconnu",
        ],
    ),
    (
        Reason::Unreachable,
        &[
            "connection timed out",
            "connection refused",
            "connection reset",
            "connection dropped",
            "lost connection",
            "timed out",
            "timeout",
            "no route to host",
            "network is unreachable",
            "network error",
            "network unreachable",
            "establish an smtp connection",
            "could not connect",
            "cannot connect",
            "unable to connect",
            "remote server does not support tls",
            "tls",
            "try again later",
            "try later",
            "please try",
            "temporar",
            "service unavailable",
            "service refused",
            "server busy",
            "too busy",
            "system error",
            "internal error",
            "operating system error",
            "mailer error",
            "mail loop",
            "loop alert",
            "too many hops",
            "loops back to myself",
            "local configuration error",
            "out of memory",
            "i/o error",
            "deferred",
        ],
    ),
    // What is said of an address whatever the reason was.
    (
        Reason::UserUnknown,
        &[
            "recipient rejected",
            "不存在",
            "查无此人",
            "recipient address rejected",
            "rejected address",
            "address rejected",
            "does not like recipient",
            "recipient is not",
            "not listed in",
            "does not exist",
            "doesn't exist",
        ],
    ),
];

/// Status codes by their last two numbers, and what they mean where no words do.
const STATUS: &[(&str, Reason)] = &[
    ("1.0", Reason::UserUnknown),
    ("1.1", Reason::UserUnknown),
    ("1.2", Reason::HostUnknown),
    ("1.3", Reason::UserUnknown),
    ("1.4", Reason::UserUnknown),
    ("1.6", Reason::UserUnknown),
    ("1.7", Reason::Policy),
    ("1.8", Reason::Policy),
    ("1.10", Reason::HostUnknown),
    ("2.0", Reason::UserUnknown),
    ("2.1", Reason::UserUnknown),
    ("2.2", Reason::MailboxFull),
    ("2.3", Reason::TooBig),
    ("2.4", Reason::UserUnknown),
    ("3.1", Reason::MailboxFull),
    ("3.2", Reason::Unreachable),
    ("3.4", Reason::TooBig),
    ("3.5", Reason::Unreachable),
    ("4.0", Reason::Unreachable),
    ("4.1", Reason::Unreachable),
    ("4.2", Reason::Unreachable),
    ("4.3", Reason::Unreachable),
    ("4.4", Reason::HostUnknown),
    ("4.5", Reason::Unreachable),
    ("4.6", Reason::Unreachable),
    ("4.7", Reason::Expired),
    ("7.0", Reason::Policy),
    ("7.1", Reason::Policy),
];

/// Why: by words, then by status, then by reply.
pub(super) fn reason(
    said: &str,
    status: Option<&str>,
    reply: Option<u16>,
    outcome: Outcome,
) -> Reason {
    if matches!(outcome, Outcome::Delivered | Outcome::Relayed) {
        return Reason::Other;
    }
    let lower = said.to_lowercase();
    let plain = lower.split_whitespace().collect::<Vec<_>>().join(" ");
    let by_words = WORDS
        .iter()
        .find(|(_, words)| words.iter().any(|word| plain.contains(word)));
    let coded = status.and_then(|status| {
        let (_, tail) = status.split_once('.')?;
        let row = STATUS.iter().find(|(code, _)| *code == tail);
        row.map(|(_, reason)| *reason)
            .or_else(|| tail.starts_with("7.").then_some(Reason::Policy))
    });
    match (by_words, coded) {
        // That a queue was full of it says less than what filled it.
        (Some((Reason::Expired, _)), Some(coded @ (Reason::MailboxFull | Reason::UserUnknown))) => {
            coded
        }
        (Some((Reason::Unreachable, _)), Some(coded)) if coded != Reason::Other => coded,
        (Some((found, _)), _) => *found,
        (None, Some(coded)) => coded,
        (None, None) => match reply {
            Some(421 | 450 | 451) => Reason::Unreachable,
            _ => Reason::Other,
        },
    }
}

/// Whether the address is worth another mail.
pub(super) fn hardness(
    reason: Reason,
    status: Option<&str>,
    reply: Option<u16>,
    outcome: Outcome,
) -> Hardness {
    match outcome {
        Outcome::Delayed => return Hardness::Soft,
        Outcome::Delivered | Outcome::Relayed => return Hardness::Unknown,
        Outcome::Failed => {}
    }
    let temporary = match (status.and_then(|status| status.chars().next()), reply) {
        (_, Some(400..=499)) => Some(true),
        (Some('4'), None) => Some(true),
        (Some('5'), _) | (_, Some(500..=599)) => Some(false),
        _ => None,
    };
    match (reason, temporary) {
        (Reason::HostUnknown | Reason::RelayDenied, _) => Hardness::Hard,
        (Reason::UserUnknown, Some(true)) => Hardness::Soft,
        (Reason::UserUnknown, _) => Hardness::Hard,
        (Reason::Other, Some(true)) => Hardness::Soft,
        (Reason::Other, _) => Hardness::Unknown,
        _ => Hardness::Soft,
    }
}

/// The first enhanced status code and the first reply code of a text. A code stands alone: `5.1.1` in
/// an address or a date is none.
pub(super) fn codes(text: &str) -> (Option<String>, Option<u16>) {
    let (mut status, mut reply) = (None, None);
    let is_edge = |c: char| c.is_whitespace() || "()[]#:;,<>-'\"".contains(c);
    for word in text.split(is_edge).take(5_000) {
        let word = word.trim_end_matches('.');
        if status.is_none() && is_status(word) {
            status = Some(word.to_owned());
        }
        if reply.is_none()
            && word.len() == 3
            && let Ok(code @ (421 | 422 | 431 | 432 | 441..=455 | 471 | 500..=577)) = word.parse()
        {
            reply = Some(code);
        }
        if status.is_some() && reply.is_some() {
            break;
        }
    }
    (status, reply)
}

fn is_status(word: &str) -> bool {
    let mut numbers = word.split('.');
    let mut next = |most: usize| {
        numbers
            .next()
            .is_some_and(|n| (1..=most).contains(&n.len()) && n.bytes().all(|b| b.is_ascii_digit()))
    };
    let shaped = next(1) && next(3) && next(3);
    shaped && numbers.next().is_none() && word.starts_with(['2', '4', '5'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_come_before_codes() {
        let read = |said: &str| {
            let (status, reply) = codes(said);
            let why = reason(said, status.as_deref(), reply, Outcome::Failed);
            (
                why,
                hardness(why, status.as_deref(), reply, Outcome::Failed),
            )
        };
        for (said, why, hard) in [
            (
                "550 5.1.1 <a@example.com>... User Unknown",
                Reason::UserUnknown,
                Hardness::Hard,
            ),
            (
                "550-5.2.1 receiving mail at a rate that",
                Reason::Policy,
                Hardness::Soft,
            ),
            ("552 5.2.2 x", Reason::MailboxFull, Hardness::Soft),
            (
                "450 4.1.1 user unknown",
                Reason::UserUnknown,
                Hardness::Soft,
            ),
            ("DNS Error: NXDOMAIN", Reason::HostUnknown, Hardness::Hard),
            (
                "554 5.7.1 Relay access denied",
                Reason::RelayDenied,
                Hardness::Hard,
            ),
            ("5.4.7", Reason::Expired, Hardness::Soft),
            ("", Reason::Other, Hardness::Unknown),
        ] {
            assert_eq!(read(said), (why, hard), "{said}");
        }
        assert_eq!(codes("at 192.0.2.5 on 5.1.1.1 in 1999").0, None);
    }

    #[test]
    fn words_are_lower_case_and_each_stands_once() {
        let mut seen = std::collections::BTreeSet::new();
        for (_, words) in WORDS {
            for word in *words {
                assert_eq!(*word, word.to_lowercase());
                assert!(seen.insert(*word), "{word} stands twice");
            }
        }
    }
}
