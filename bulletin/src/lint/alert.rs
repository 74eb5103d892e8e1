//! What must be right in a flash alert before it is stored: a text of two people in a hurry.
//!
//! An alert holds no figures of ours, so the rules are those of prose: both languages say it, no Chinese is left in
//! the English, nothing malicious can be clicked, no mark turns the direction of writing. What asks for an answer
//! in an issue is only told here.

use model::bulletin::{Lang, Text};

use super::Severity;
use super::addresses::{is_bare_domain, is_live, is_sound_link, marks_of, strings};
use super::prose::is_han;

/// An alert as it is written.
#[derive(Clone, Copy, Debug)]
pub struct Alert<'a> {
    /// Field and text, in the order of the form: `title`, `text`, `affected`, `advice`.
    pub texts: &'a [(&'static str, &'a Text)],
    /// References.
    pub links: &'a [String],
}

/// What was found in an alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertFinding {
    /// The rule, by its id among those of issues.
    pub rule: &'static str,
    /// What blocks is not stored.
    pub severity: Severity,
    /// The field.
    pub field: String,
    /// What is wrong.
    pub text: Text,
}

/// Everything that is wrong with an alert, in the order of its fields.
pub fn alert(alert: &Alert<'_>) -> Vec<AlertFinding> {
    let mut found: Vec<AlertFinding> = Vec::new();
    let mut add = |rule, severity, field: &str, zh: String, en: String| {
        let finding = AlertFinding {
            rule,
            severity,
            field: field.to_owned(),
            text: Text::new(zh, en),
        };
        if !found.contains(&finding) {
            found.push(finding);
        }
    };
    for (field, text) in alert.texts {
        let blank = |lang| text.get(lang).trim().is_empty();
        if blank(Lang::Zh) != blank(Lang::En) {
            add(
                "translation",
                Severity::Blocks,
                field,
                "只有一种语言".to_owned(),
                "stands in one language only".to_owned(),
            );
        }
        let lines = |lang| text.get(lang).trim().lines().count();
        if *field == "advice"
            && !blank(Lang::Zh)
            && !blank(Lang::En)
            && lines(Lang::Zh) != lines(Lang::En)
        {
            let (zh, en) = (lines(Lang::Zh), lines(Lang::En));
            add(
                "translation",
                Severity::Blocks,
                field,
                format!("中文{zh}条，英文{en}条"),
                format!("has {zh} lines in Chinese and {en} in English"),
            );
        }
        let left: String = text.en.chars().filter(|c| is_han(*c)).take(12).collect();
        if !left.is_empty() {
            add(
                "untranslated",
                Severity::Asks,
                field,
                format!("英文中有中文“{left}”"),
                format!("Chinese is left in the English: “{left}”"),
            );
        }
        for lang in Lang::ALL {
            for (mark, name, before) in marks_of(text.get(lang)) {
                let code = u32::from(mark);
                add(
                    "direction-mark",
                    Severity::Blocks,
                    field,
                    format!("“{before}”之后有改变书写方向的控制符U+{code:04X}（{name}）"),
                    format!(
                        "after “{before}” stands U+{code:04X} ({name}), which turns the direction of writing"
                    ),
                );
            }
            for token in strings(text.get(lang)) {
                if is_live(token) {
                    add(
                        "live-indicator",
                        Severity::Blocks,
                        field,
                        format!(
                            "“{token}”可以点开：恶意的写成hxxp://、example[.]com，正当的放在links"
                        ),
                        format!(
                            "“{token}” can be opened: write hxxp://, example[.]com; a good address belongs into links"
                        ),
                    );
                } else if is_bare_domain(token) {
                    add(
                        "bare-domain",
                        Severity::Asks,
                        field,
                        format!("文中有域名“{token}”"),
                        format!(
                            "names the domain “{token}”: a malicious one is written example[.]com"
                        ),
                    );
                }
            }
        }
    }
    for link in alert.links {
        if !is_sound_link(link) || !marks_of(link).is_empty() {
            add(
                "link",
                Severity::Blocks,
                "links",
                format!("“{link}”不是完整的https地址"),
                format!("“{link}” is no whole https address"),
            );
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(texts: &[(&'static str, &Text)], links: &[&str]) -> Vec<(&'static str, Severity)> {
        let links: Vec<String> = links.iter().map(|link| (*link).to_owned()).collect();
        let found = alert(&Alert {
            texts,
            links: &links,
        });
        found.iter().map(|one| (one.rule, one.severity)).collect()
    }

    #[test]
    fn a_sound_alert_is_clean_and_each_fault_is_found() {
        let title = Text::new("邮件网关存在漏洞", "A flaw in mail gateways");
        let good = "https://www.example.com/advice";
        assert_eq!(rules(&[("title", &title)], &[good]), []);
        let asks = Severity::Asks;
        let blocks = Severity::Blocks;
        for (text, expected) in [
            (Text::new("只有中文", ""), ("translation", blocks)),
            (Text::new("网关", "the 网关"), ("untranslated", asks)),
            (
                Text::new("见http://a.example/", "see there"),
                ("live-indicator", blocks),
            ),
            (
                Text::new("见192.0.2.1", "see there"),
                ("live-indicator", blocks),
            ),
            (
                Text::new("见bad.example", "see there"),
                ("bare-domain", asks),
            ),
            (
                Text::new("见这里", "see exe\u{202e}fdp"),
                ("direction-mark", blocks),
            ),
        ] {
            assert_eq!(rules(&[("text", &text)], &[]), [expected], "{text:?}");
        }
        let advice = Text::new("更新\n重启", "Update");
        assert_eq!(
            rules(&[("advice", &advice)], &[]),
            [("translation", blocks)]
        );
        for bad in [
            "https://localhost",
            "http://example.com",
            "https://user@example.com",
        ] {
            assert_eq!(
                rules(&[("title", &title)], &[bad]),
                [("link", blocks)],
                "{bad}"
            );
        }
    }
}
