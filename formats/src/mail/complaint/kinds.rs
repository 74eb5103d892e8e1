//! Words by which people and programs call what they complain about, as RSIT entries.

/// Words, lower case, and the entry that each means. What is special stands before what is general:
/// the first that is found decides.
const WORDS: &[(&str, &[&str])] = &[
    (
        "copyright",
        &[
            "copyright",
            "infring",
            "dmca",
            "unauthorized use of",
            "piracy",
            "bittorrent",
            "trademark",
            "侵权",
            "盗版",
            "版权",
            "著作権",
            "urheberrecht",
            "droit d'auteur",
            "저작권",
        ],
    ),
    (
        "phishing",
        &[
            "phish",
            "fraudulent website",
            "fraudulent site",
            "fake website",
            "fake site",
            "identity theft",
            "credential theft",
            "steal credentials",
            "钓鱼",
            "仿冒",
            "假冒",
            "フィッシング",
            "피싱",
            "hameçonnage",
        ],
    ),
    (
        "unauthorised-information-modification",
        &[
            "defac",
            "webseite verändert",
            "篡改",
            "暗链",
            "黑链",
            "改ざん",
        ],
    ),
    (
        "c2-server",
        &[
            "command and control",
            "command-and-control",
            "c2 server",
            "c&c",
            "c2server",
            "botnet controller",
            "botnet_cc",
            "控制端",
            "控制服务器",
            "木马控制",
        ],
    ),
    (
        "infected-system",
        &[
            "botnet drone",
            "botnet infection",
            "infected",
            "infection",
            "zombie",
            "sinkhole",
            "drone",
            "zeroaccess",
            "conficker",
            "botnet member",
            "spambot",
            "bot infection",
            "僵尸",
            "受控",
            "中毒",
            "感染",
        ],
    ),
    (
        "malware-distribution",
        &[
            "malware",
            "malicious content",
            "malicious url",
            "malicious software",
            "malicious code",
            "malicious file",
            "virus",
            "trojan",
            "exploit kit",
            "harmful",
            "ransomware",
            "恶意",
            "木马",
            "病毒",
            "挂马",
            "マルウェア",
            "악성",
        ],
    ),
    (
        "brute-force",
        &[
            "brute",
            "failed login",
            "login attempt",
            "login attack",
            "login-attack",
            "loginattack",
            "invalid user",
            "password guess",
            "dictionary attack",
            "wp-login",
            "ssh",
            "sshd",
            "ftp-login",
            "imap",
            "pop3",
            "sip",
            "暴力破解",
            "撞库",
            "登录失败",
            "爆破",
        ],
    ),
    (
        "ddos",
        &[
            "ddos",
            "denial of service",
            "denial-of-service",
            "syn flood",
            "flooding",
            "拒绝服务",
            "流量攻击",
        ],
    ),
    (
        "scanner",
        &[
            "port scan",
            "portscan",
            "port-scan",
            "port probe",
            "network scan",
            "scanning",
            "scanner",
            "harvest",
            "reconnaissance",
            "probing",
            "扫描",
            "探测",
            "嗅探",
            "スキャン",
        ],
    ),
    (
        "exploit",
        &[
            "web-attack",
            "webattack",
            "web attack",
            "network attack",
            "sql injection",
            "sqli",
            "botware",
            "badbot",
            "bad bot",
            "web request",
            "exploit attempt",
            "apacheddos",
            "rfi",
            "xss",
            "intrusion attempt",
            "注入",
            "漏洞利用",
            "入侵",
            "攻击行为",
        ],
    ),
    (
        "vulnerable-system",
        &[
            "vulnerab",
            "open resolver",
            "openresolver",
            "open proxy",
            "openrelay",
            "open relay",
            "misconfigur",
            "outdated version",
            "漏洞",
            "弱口令",
            "未授权访问",
            "脆弱性",
        ],
    ),
    (
        "spam",
        &[
            "spam",
            "unsolicited",
            "junk mail",
            "bulk mail",
            "bulk email",
            "regbot",
            "comment spam",
            "forum-spam",
            "postfix",
            "mail abuse",
            "ube ",
            "uce ",
            "419",
            "垃圾邮件",
            "骚扰邮件",
            "迷惑メール",
            "스팸",
        ],
    ),
    (
        "ids-alert",
        &[
            "has attacked",
            "hacking attempt",
            "hack attempt",
            "attacked one of",
            "attack",
            "intrusion",
            "hacking",
            "攻击",
        ],
    ),
    (
        "social-engineering",
        &["scam", "fraud", "betrug", "诈骗", "欺诈", "詐欺"],
    ),
];

/// The entry that a report's own name of its kind means.
pub(super) fn classify(name: &str) -> Option<&'static str> {
    let lower = name.to_lowercase();
    if lower.trim().is_empty() {
        return None;
    }
    WORDS
        .iter()
        .find(|(_, words)| words.iter().any(|word| lower.contains(word)))
        .map(|(class, _)| *class)
}

/// Characters of a text that are looked at for its kind: complaints say at the start what they are.
const MAX_TEXT: usize = 3_000;

/// The entry that a mail's words mean: the subject decides where it says something, else the entry of
/// which the text has the most words; of equals the more special one.
pub(super) fn of_mail(subject: &str, text: &str) -> Option<&'static str> {
    let head: String = text
        .chars()
        .take(MAX_TEXT)
        .collect::<String>()
        .to_lowercase();
    classify(subject).or_else(|| {
        let counts = WORDS.iter().map(|(class, words)| {
            let count: usize = words.iter().map(|word| head.matches(word).count()).sum();
            (*class, count)
        });
        let mut best = None;
        for (class, count) in counts {
            if count > best.map_or(0, |(_, most)| most) {
                best = Some((class, count));
            }
        }
        best.map(|(class, _)| class)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::classification::classification;

    #[test]
    fn entries_are_known_and_words_lower_case() {
        for (class, words) in WORDS {
            assert!(classification(class).is_some(), "{class}");
            for word in *words {
                assert_eq!(*word, word.to_lowercase());
            }
        }
    }

    #[test]
    fn the_subject_decides() {
        for (subject, text, expected) in [
            ("phishing site at x", "malware malware", Some("phishing")),
            (
                "Report",
                "your host spammed us: spam spam, infected",
                Some("spam"),
            ),
            ("关于仿冒网站的投诉", "", Some("phishing")),
            ("Hello", "how are you", None),
        ] {
            assert_eq!(of_mail(subject, text), expected, "{subject}");
        }
    }
}
