//! Words beside numbers: a label must be about what its number counts.
//!
//! Every statistic has its terms (DOMAIN section 1.7). Where the words beside a number name a subject, the
//! number must count that subject; where they name government sites, it must count those, and a count of
//! government sites must be called so.

use model::bulletin::{Aspect, Text};
use model::statistic::{BESIDE_WEEKS, Formula, Observed};

use super::figures::part_rule;
use super::prints::Print;
use super::{Desk, Report, fault};
use crate::frozen::{Former, Origin};
use crate::restate::former_key;
use crate::sections::figures::{former_name, member};
use crate::statistics;

/// A subject: its name, the words that name it in Chinese and in English (small letters), and what counts it.
struct Subject {
    name: (&'static str, &'static str),
    zh: &'static [&'static str],
    en: &'static [&'static str],
    counts: &'static [&'static str],
}

/// Subjects that exclude each other.
const SUBJECTS: &[Subject] = &[
    Subject {
        name: ("被篡改", "defaced"),
        zh: &["篡改"],
        en: &["deface", "defacement", "tampered"],
        counts: &["W1", "W2", "W8"],
    },
    Subject {
        name: ("被植入后门", "backdoored"),
        zh: &["后门"],
        en: &["backdoor", "web shell"],
        counts: &["W3", "W4", "W9"],
    },
    Subject {
        name: ("仿冒", "phishing"),
        zh: &["仿冒"],
        en: &["phishing", "counterfeit", "imitat"],
        counts: &["W5", "W6", "W7", "I3", "T1/phishing"],
    },
    Subject {
        name: ("放马", "malware hosting"),
        zh: &["放马"],
        en: &[
            "malware-hosting",
            "malware hosting",
            "hosting site",
            "hosting domain",
            "hosting address",
        ],
        counts: &["H1", "H2", "H3", "H4", "H5", "H6"],
    },
    Subject {
        name: ("漏洞", "vulnerability"),
        zh: &["漏洞"],
        en: &["vulnerabilit"],
        counts: &["V1", "V2", "V3", "V4", "V5", "V6"],
    },
    Subject {
        name: ("飞客", "Conficker"),
        zh: &["飞客"],
        en: &["conficker"],
        counts: &["M3"],
    },
    Subject {
        name: ("木马或僵尸程序", "trojan or bot"),
        zh: &["木马", "僵尸"],
        en: &["trojan", "botnet", " bots", " bot "],
        counts: &["M2", "M5"],
    },
];

const GOVERNMENT: Subject = Subject {
    name: ("政府", "government"),
    zh: &["政府"],
    en: &["government", "gov."],
    counts: &["W2", "W4", "W8/gov", "W9/gov", "S1/government"],
};

impl Subject {
    fn named(&self, words: &str) -> bool {
        let small = words.to_lowercase();
        self.zh.iter().any(|word| words.contains(word))
            || self.en.iter().any(|word| small.contains(word))
    }

    fn counted(&self, key: &str) -> bool {
        self.counts.iter().any(|own| {
            key == *own
                || key
                    .strip_prefix(own)
                    .is_some_and(|part| part.starts_with('/'))
        })
    }
}

/// Statistics that divide by subjects of others: what stands beside their numbers is judged by the name of
/// the part alone, which the definition rule compares.
fn is_about_any_subject(key: &str) -> bool {
    let id = key.split('/').next().unwrap_or(key);
    statistics::named(id).is_some_and(|statistic| {
        matches!(statistic.observed, Observed::Handling | Observed::Listing) && id != "I3"
    })
}

pub(super) fn words(desk: &Desk<'_>, report: &mut Report<'_>) {
    for print in &desk.prints {
        if let Some(text) = judge(print) {
            report.add(
                print.place.as_str(),
                text,
                Text::new(
                    "改用所说对象的指标，或改文字",
                    "cite the figure of what the words name, or change the words",
                ),
            );
        }
    }
}

fn judge(print: &Print) -> Option<Text> {
    // A change or a last week's number is told behind the figure's own.
    if print.aspect != Aspect::Value || is_about_any_subject(&print.key) {
        return None;
    }
    let words = print.beside.as_str();
    let named: Vec<&Subject> = SUBJECTS
        .iter()
        .filter(|subject| subject.named(words))
        .collect();
    // By the definition before (`M1@v1`) a figure is about the same.
    let key = &print.key.split('@').next().unwrap_or_default().to_owned();
    let text = &print.text;
    let said = |zh: String, en: String| {
        Some(Text::new(
            format!("“{}”旁的{text}是{key}，{zh}", words.trim()),
            format!("{text} beside “{}” is {key}, {en}", words.trim()),
        ))
    };
    if !named.is_empty() && !named.iter().any(|subject| subject.counted(key)) {
        let zh: Vec<&str> = named.iter().map(|subject| subject.name.0).collect();
        let en: Vec<&str> = named.iter().map(|subject| subject.name.1).collect();
        return said(
            format!("不是{}的数", zh.join("、")),
            format!("no count of what is {}", en.join(", ")),
        );
    }
    let government = GOVERNMENT.named(words);
    if government && matches!(key.as_str(), "W1" | "W3") {
        return said(
            "是全部网站的数，不是政府网站的".to_owned(),
            "a count of all sites, not of government ones".to_owned(),
        );
    }
    if !government && !named.is_empty() && matches!(key.as_str(), "W2" | "W4") {
        return said(
            "只是政府网站的数".to_owned(),
            "a count of government sites only".to_owned(),
        );
    }
    None
}

/// Weeks after the last of an old definition in which its figure must stand beside the new one.
const BESIDE: i64 = BESIDE_WEEKS as i64;

/// Looks at the stored weeks, not at what the declaration says: an issue that follows weeks of another definition
/// must show both.
pub(super) fn former(desk: &Desk<'_>, report: &mut Report<'_>) {
    let frozen = desk.subject.frozen;
    for value in &frozen.values {
        let oldest = frozen.week.plus(-BESIDE);
        let recent = desk.printed.iter().filter(|past| {
            past.origin == Origin::Counted && past.week >= oldest && past.week < frozen.week
        });
        let replaced = recent
            .filter_map(|past| Some((past, past.value(&value.statistic)?.version)))
            .find(|(_, version)| *version < value.version);
        let Some((last, version)) = replaced else {
            continue;
        };
        let beside = frozen.former.iter().find(|former| {
            former.value.statistic == value.statistic && former.value.version == version
        });
        let shown = beside.is_some_and(|former| {
            let key = former_key(&former.value);
            desk.bulletin()
                .values
                .iter()
                .any(|listed| listed.key == key)
        });
        if shown {
            continue;
        }
        let until = last.week.plus(BESIDE).monday();
        report.add(
            value.statistic.as_str(),
            Text::new(
                format!(
                    "{}自第{version}版定义改为第{}版不足{BESIDE}周（第{}期仍按第{version}版），本期没有并列旧定义的数",
                    value.statistic, value.version, last.issue
                ),
                format!(
                    "{} went from definition version {version} to {} less than {BESIDE} weeks ago (issue {} counts by version {version}): this issue does not show the figure by the one before",
                    value.statistic, value.version, last.issue
                ),
            ),
            Text::new(
                format!("在指标声明中写明旧定义，并列至{until}当周，再重新冻结本周"),
                format!("let the declaration name the definition before and run it beside until the week of {until}, then freeze the week again"),
            ),
        );
    }
}

pub(super) fn definitions(desk: &Desk<'_>, report: &mut Report<'_>) {
    for value in &desk.bulletin().values {
        let mut tell =
            |zh: String, en: String| report.add(value.key.as_str(), Text::new(zh, en), fault());
        let Some(statistic) =
            statistics::named(&value.statistic).filter(|found| found.id == value.statistic)
        else {
            tell(
                format!("{}所属的指标{}没有定义", value.key, value.statistic),
                format!(
                    "{} is of {}, which is not declared",
                    value.key, value.statistic
                ),
            );
            continue;
        };
        let of_former = |former: &&Former| {
            former.value.statistic == statistic.id && former_key(&former.value) == value.key
        };
        if let Some(former) = desk.subject.frozen.former.iter().find(of_former) {
            let version = former.value.version;
            if value.name != former_name(statistic, version)
                || value.unit != statistic.unit.text()
                || value.definition_version != version
            {
                tell(
                    format!("{}与旧定义（第{version}版）不符", value.key),
                    format!(
                        "{} is not that of the definition before, version {version}",
                        value.key
                    ),
                );
            }
            continue;
        }
        let part = value
            .key
            .strip_prefix(statistic.id)
            .and_then(|rest| rest.strip_prefix('/'));
        let (name, unit) = match part {
            None => (statistic.name.text(), statistic.unit.text()),
            Some(part) => match part_rule(statistic, part) {
                Some(rule) => (rule.name.text(), rule.unit.text()),
                None => {
                    let (name, unit, _) = member(statistic, part, desk.subject.names);
                    (name, unit)
                }
            },
        };
        if value.key != statistic.id && part.is_none() {
            tell(
                format!("{}不是指标{}的键", value.key, statistic.id),
                format!("{} is no key of {}", value.key, statistic.id),
            );
        }
        if value.name != name || value.unit != unit {
            tell(
                format!(
                    "{}的名称为“{}（{}）”，定义为“{}（{}）”",
                    value.key, value.name.zh, value.unit.zh, name.zh, unit.zh
                ),
                format!(
                    "{} is named “{} ({})”, its definition says “{} ({})”",
                    value.key, value.name.en, value.unit.en, name.en, unit.en
                ),
            );
        }
        let version = desk
            .subject
            .frozen
            .value(statistic.id)
            .map(|frozen| frozen.version);
        if version.is_some_and(|version| version != value.definition_version) {
            let (own, frozen) = (value.definition_version, version.unwrap_or(0));
            tell(
                format!("{}标为定义第{own}版，冻结时为第{frozen}版", value.key),
                format!(
                    "{} is marked definition version {own}, it was frozen under version {frozen}",
                    value.key
                ),
            );
        }
        // A share is told in per cent, a count of things never is.
        let per_cent = value
            .value
            .as_ref()
            .is_some_and(|amount| amount.text.en.contains('%'));
        let declared = matches!(
            statistic.formula,
            Formula::Ratio { .. } | Formula::Commonest { .. } | Formula::Division { .. }
        );
        if per_cent && part.is_none() && !declared {
            tell(
                format!("{}印为百分数，其定义是计数", value.key),
                format!(
                    "{} is printed in per cent, its definition is a count",
                    value.key
                ),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use model::bulletin::Lang;

    use super::super::prints::Form;
    use super::*;

    fn found(key: &str, beside: &str) -> bool {
        let print = Print {
            place: "section websites".to_owned(),
            key: key.to_owned(),
            aspect: Aspect::Value,
            lang: Lang::Zh,
            text: "28".to_owned(),
            form: Form::Sentence,
            beside: beside.to_owned(),
        };
        judge(&print).is_some()
    }

    #[test]
    fn a_label_of_another_statistic_is_found() {
        assert!(
            found("W2", "被植入后门的政府网站"),
            "defaced government sites labelled backdoored"
        );
        assert!(found("W4", "of the defaced sites belong to government"));
        assert!(found("W1", "其中政府网站被篡改"));
        assert!(found("W2", "被篡改网站"));
        assert!(found("H1", "仿冒页面涉及域名"));
        assert!(found("I3", "defaced"));
        assert!(!found("W2", "被篡改的政府网站"));
        assert!(!found(
            "W4",
            " of the backdoored sites belong to government"
        ));
        assert!(!found("W2/share", "占"));
        assert!(!found("I6/defacement", "网页篡改"));
    }

    #[test]
    fn terms_are_of_declared_statistics() {
        for subject in SUBJECTS.iter().chain([&GOVERNMENT]) {
            for key in subject.counts {
                let id = key.split('/').next().unwrap_or(key);
                assert!(statistics::named(id).is_some(), "{key}");
            }
        }
    }
}
