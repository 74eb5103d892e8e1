//! What the machine wrote into the trail, in the reader's words. It is stored in English, once; what is not known here
//! is shown as it is.

use model::bulletin::Lang;

/// Phrases that stand alone or between semicolons, with their Chinese.
const PHRASES: &[(&str, &str)] = &[
    ("its time is over", "时限已过"),
    ("the party before did not act in time", "前一单位未按时处置"),
    ("the incident is over", "事件已结束"),
    (
        "the marking keeps it from the party before",
        "标记不允许发给前一单位",
    ),
    ("its TLP was changed", "TLP 已变更"),
    (
        "more hosts were seen: the next list",
        "又发现新的主机，发下一份清单",
    ),
    ("no contact is left that may be used", "没有可用的联系方式"),
    ("the first contact with this party", "首次联系该单位"),
    ("found gone by verification", "核验已消除"),
    ("a look found it again", "核验发现再次出现"),
    (
        "no webhook secrets are configured: set response.webhook_keys",
        "未配置 webhook 密钥",
    ),
    (
        "the contact has a key, and its channel cannot encrypt",
        "联系方式有密钥而渠道不能加密",
    ),
    ("fixed", "已处置"),
    ("needs-information", "需要补充信息"),
    ("wrong-contact", "联系对象有误"),
    ("refused", "拒绝处置"),
    ("automatic-reply", "自动回复"),
    ("unknown", "无法判定"),
];

/// Beginnings that a number or name follows.
const HEADS: &[(&str, &str)] = &[
    ("under embargo until ", "限制发布至 "),
    ("a warning list names ", "在警示名单上："),
    ("a government's site: ", "政府网站："),
    ("a bank's site: ", "银行网站："),
    ("notice #", "通报 #"),
    ("answer ", "答复 "),
];

/// Parts of the machine that act, with their names.
const ACTORS: &[(&str, &str, &str)] = &[
    ("system:triage", "自动研判", "triage"),
    ("system:route", "自动派发", "routing"),
    ("system:notify", "自动通报", "notices"),
    ("system:inbox", "自动读信", "reading of mail"),
    ("system:followup", "自动催办", "following up"),
    ("system:verify", "自动核验", "verification"),
    ("system:clock", "自动计时", "clocks"),
];

fn phrase(text: &str) -> String {
    if let Some((_, zh)) = PHRASES.iter().find(|(en, _)| *en == text) {
        return (*zh).to_owned();
    }
    if let Some(count) = text.strip_suffix(" looks") {
        return format!("核验 {count} 次");
    }
    let allowed = text.strip_prefix("not among the recipients that ");
    if let Some(who) = allowed.and_then(|rest| rest.strip_suffix(" allows")) {
        return format!("不在{who}允许的接收方之列");
    }
    let head = HEADS
        .iter()
        .find_map(|(en, zh)| Some((zh, text.strip_prefix(en)?)));
    head.map_or_else(|| text.to_owned(), |(zh, rest)| format!("{zh}{rest}"))
}

/// A text of the machine in a language.
pub(super) fn told(text: &str, lang: Lang) -> String {
    match lang {
        Lang::En => text.to_owned(),
        Lang::Zh => text.split("; ").map(phrase).collect::<Vec<_>>().join("；"),
    }
}

/// The name of a part of the machine; `None` for people.
pub(super) fn actor(login: &str, lang: Lang) -> Option<&'static str> {
    let (_, zh, en) = ACTORS.iter().find(|(own, _, _)| *own == login)?;
    Some(match lang {
        Lang::Zh => zh,
        Lang::En => en,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_is_told_and_the_rest_stays() {
        let text = "the first contact with this party; a bank's site: #7; 其他";
        assert_eq!(told(text, Lang::Zh), "首次联系该单位；银行网站：#7；其他");
        assert_eq!(told(text, Lang::En), text);
        let marked = "not among the recipients that CERT X allows";
        assert_eq!(told(marked, Lang::Zh), "不在CERT X允许的接收方之列");
        assert_eq!(actor("system:verify", Lang::En), Some("verification"));
        assert_eq!(actor("li.na", Lang::En), None);
    }
}
