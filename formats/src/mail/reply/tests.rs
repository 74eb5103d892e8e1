//! Answers in several languages, negated and quoted ones among them.

use super::*;

fn class(text: &str) -> (Class, bool) {
    let proposal = reply_class(text, None);
    (proposal.class, proposal.doubtful)
}

#[test]
fn classes_by_language() {
    for (text, expected) in [
        ("The domain has been suspended.", Class::Fixed),
        ("该网站已关停，请知悉。", Class::Fixed),
        ("您好，该域名已停止解析。", Class::Fixed),
        ("Die Seite wurde entfernt.", Class::Fixed),
        ("Le site a été suspendu.", Class::Fixed),
        ("El contenido ha sido eliminado.", Class::Fixed),
        ("該当ページを削除しました。", Class::Fixed),
        ("해당 사이트를 차단하였습니다.", Class::Fixed),
        (
            "Could you provide logs with timestamps?",
            Class::NeedsInformation,
        ),
        ("请提供相关证据。", Class::NeedsInformation),
        (
            "This IP is not ours, please contact the owner.",
            Class::WrongContact,
        ),
        ("该IP不属于我司，请联系运营商。", Class::WrongContact),
        (
            "We will not take action without a court order.",
            Class::Refused,
        ),
        ("无法处理，需要司法机关的文件。", Class::Refused),
        (
            "I am out of the office until Monday.",
            Class::AutomaticReply,
        ),
        ("自动回复：已收到您的邮件", Class::AutomaticReply),
        ("Hello and thanks", Class::Unknown),
        ("", Class::Unknown),
    ] {
        assert_eq!(class(text).0, expected, "{text}");
    }
}

#[test]
fn a_negated_phrase_is_none() {
    for text in [
        "The site has not been suspended.",
        "The account hasn't been suspended",
        "It will be taken offline once verified",
        "该网站尚未处理",
        "目前还没有已处理的结果",
        "请问已经处理了吗？",
        "Die Seite ist nicht gesperrt. Sie wurde noch nicht gelöscht",
        "prefixed",
    ] {
        assert_ne!(class(text).0, Class::Fixed, "{text}");
    }
}

#[test]
fn two_classes_ask_a_person() {
    let both = "We have suspended one account. Could you provide the other URL?";
    assert_eq!(class(both), (Class::NeedsInformation, true));
}

#[test]
fn quoted_words_are_not_the_writers() {
    let notice = "The site has been suspended elsewhere.";
    for text in [
        format!("Thanks\n\nOn Mon, 1 Jan 2024, CERT wrote:\n> {notice}"),
        format!("Thanks\n\n-----Original Message-----\nFrom: x\n{notice}"),
        format!("Thanks\n\nFrom: CERT\nSent: Monday\nTo: us\n\n{notice}"),
        format!("谢谢\n\n------------------ 原始邮件 ------------------\n发件人: x\n{notice}"),
        format!("Thanks\n-- \nWe {notice}"),
        format!("> {notice}\n"),
    ] {
        assert_eq!(class(&text).0, Class::Unknown, "{text}");
    }
    let below = format!("> {notice}\n> x\n\nIt is not ours.");
    assert_eq!(class(&below).0, Class::WrongContact);
}

#[test]
fn phrases_are_lower_case_and_of_one_class() {
    for table in PHRASES {
        let mut seen = std::collections::BTreeMap::new();
        for (class, phrases) in table.phrases {
            for phrase in *phrases {
                assert_eq!(*phrase, phrase.to_lowercase(), "{}", table.tag);
                assert_eq!(seen.insert(*phrase, *class), None, "{} {phrase}", table.tag);
            }
        }
    }
}
