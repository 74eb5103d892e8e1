//! The editor's prose: its numbers are references, both languages say the same, nothing in it can be clicked
//! into harm.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr};

use model::bulletin::{Aspect, Lang, Text};
use serde_json::Value;

use super::{Desk, Report, fault};
use crate::editorial::{Block, Place};
pub(super) use crate::sections::words::is_han;

/// A piece of a template (`crate::sections::words`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// Words.
    Words(&'a str),
    /// Words that stay together: `{=24小时}`.
    Keep(&'a str),
    /// A reference, with the measure word printed after it.
    Number(Aspect, &'a str, &'a str),
    /// A brace without its other.
    Broken,
}

pub(super) fn pieces(template: &str) -> Vec<Piece<'_>> {
    let mut out = Vec::new();
    let mut rest = template;
    while let Some(at) = rest.find(['{', '}']) {
        if at > 0 {
            out.push(Piece::Words(&rest[..at]));
        }
        if rest[at..].starts_with('}') {
            out.push(Piece::Broken);
            rest = &rest[at + 1..];
            continue;
        }
        let Some((inside, next)) = rest[at + 1..]
            .split_once('}')
            .filter(|(inside, _)| !inside.contains('{'))
        else {
            out.push(Piece::Broken);
            rest = &rest[at + 1..];
            continue;
        };
        let (slot, unit) = inside.split_once('|').unwrap_or((inside, ""));
        out.push(match slot.split_at_checked(1) {
            Some(("=", _)) => Piece::Keep(&inside[1..]),
            Some(("~", key)) => Piece::Number(Aspect::Change, key, unit),
            Some(("<", key)) => Piece::Number(Aspect::Previous, key, unit),
            _ => Piece::Number(Aspect::Value, slot, unit),
        });
        rest = next;
    }
    if !rest.is_empty() {
        out.push(Piece::Words(rest));
    }
    out
}

/// Title and text of a block in one language.
pub(super) fn sides(block: &Block, lang: Lang) -> [&str; 2] {
    [block.title.get(lang), block.text.get(lang)]
}

pub(super) fn object(block: &Block) -> String {
    format!("block {}", block.id)
}

fn quoted(lang: Lang) -> (&'static str, &'static str) {
    match lang {
        Lang::Zh => ("中文", "Chinese"),
        Lang::En => ("英文", "English"),
    }
}

/// Fields that may stand in one language only: units that English leaves out.
const ONE_SIDED: [&str; 4] = ["unit", "head", "lead", "axis"];

/// Walks every text of the issue by its JSON, so that no field is forgotten.
fn walk(value: &Value, path: &mut Vec<String>, each: &mut impl FnMut(&[String], &Value, &Value)) {
    match value {
        Value::Object(map) => {
            if let (2, Some(zh), Some(en)) = (map.len(), map.get("zh"), map.get("en")) {
                return each(path, zh, en);
            }
            for (name, inner) in map {
                path.push(name.clone());
                walk(inner, path, each);
                path.pop();
            }
        }
        Value::Array(list) => {
            for (at, inner) in list.iter().enumerate() {
                let named = ["id", "key"]
                    .iter()
                    .find_map(|field| inner.get(field)?.as_str());
                path.push(named.map_or_else(|| at.to_string(), str::to_owned));
                walk(inner, path, each);
                path.pop();
            }
        }
        _ => {}
    }
}

fn is_blank(side: &Value) -> bool {
    match side {
        Value::String(text) => text.trim().is_empty(),
        Value::Array(runs) => runs.iter().all(|run| {
            run.get("text")
                .and_then(Value::as_str)
                .is_none_or(|text| text.trim().is_empty())
        }),
        _ => false,
    }
}

pub(super) fn translations(desk: &Desk<'_>, report: &mut Report<'_>) {
    let mut lacking: Vec<(String, &'static str, &'static str)> = Vec::new();
    for block in &desk.subject.editorial.blocks {
        for text in [&block.title, &block.text] {
            for (lang, other) in [(Lang::Zh, Lang::En), (Lang::En, Lang::Zh)] {
                if text.get(lang).trim().is_empty() && !text.get(other).trim().is_empty() {
                    let (zh, en) = quoted(lang);
                    lacking.push((object(block), zh, en));
                }
            }
        }
    }
    let Ok(whole) = serde_json::to_value(desk.bulletin()) else {
        return;
    };
    let blocks: BTreeSet<&str> = desk
        .subject
        .editorial
        .blocks
        .iter()
        .map(|block| block.id.as_str())
        .collect();
    walk(&whole, &mut Vec::new(), &mut |path, zh, en| {
        let field = path
            .iter()
            .rev()
            .find(|name| name.parse::<usize>().is_err());
        let one_sided = field.is_some_and(|field| ONE_SIDED.contains(&field.as_str()));
        let of_block = path.iter().any(|name| blocks.contains(name.as_str()));
        if one_sided || of_block || is_blank(zh) == is_blank(en) {
            return;
        }
        let (zh, en) = quoted(if is_blank(zh) { Lang::Zh } else { Lang::En });
        lacking.push((path.join("."), zh, en));
    });
    for (object, zh, en) in lacking {
        let text = Text::new(format!("缺{zh}"), format!("has no {en}"));
        report.add(object, text, Text::new("补译", "write the translation"));
    }
}

pub(super) fn stale(desk: &Desk<'_>, report: &mut Report<'_>) {
    for block in desk
        .subject
        .editorial
        .blocks
        .iter()
        .filter(|block| block.is_stale())
    {
        report.add(
            object(block),
            Text::new(
                format!(
                    "中文改过（现为{}），英文还是据{}译的",
                    block.source(),
                    block.translated_of
                ),
                format!(
                    "the Chinese changed (it is {} now), the English is of {}",
                    block.source(),
                    block.translated_of
                ),
            ),
            Text::new(
                "重读英文并标为已对照",
                "read the English again and mark it as read",
            ),
        );
    }
}

pub(super) fn untranslated(desk: &Desk<'_>, report: &mut Report<'_>) {
    for block in &desk.subject.editorial.blocks {
        for text in sides(block, Lang::En) {
            let left: String = text.chars().filter(|c| is_han(*c)).take(12).collect();
            if !left.is_empty() {
                report.add(
                    object(block),
                    Text::new(
                        format!("英文中有中文“{left}”"),
                        format!("Chinese is left in the English: “{left}”"),
                    ),
                    Text::new("译出，或说明为何保留", "translate it, or say why it stays"),
                );
            }
        }
    }
}

fn cited(block: &Block, lang: Lang) -> BTreeSet<(String, &'static str)> {
    sides(block, lang)
        .into_iter()
        .flat_map(pieces)
        .filter_map(|piece| match piece {
            Piece::Number(aspect, key, _) => Some((key.to_owned(), super::extract::aspect(aspect))),
            _ => None,
        })
        .collect()
}

pub(super) fn languages(desk: &Desk<'_>, report: &mut Report<'_>) {
    let list = |refs: Vec<&(String, &'static str)>| {
        let each: Vec<String> = refs
            .iter()
            .map(|(key, aspect)| format!("{key} ({aspect})"))
            .collect();
        match each.is_empty() {
            true => "–".to_owned(),
            false => each.join(", "),
        }
    };
    for block in &desk.subject.editorial.blocks {
        let (zh, en) = (cited(block, Lang::Zh), cited(block, Lang::En));
        if zh == en {
            continue;
        }
        let only_zh = list(zh.difference(&en).collect());
        let only_en = list(en.difference(&zh).collect());
        report.add(
            object(block),
            Text::new(
                format!("中英文引用的数不同：只在中文{only_zh}，只在英文{only_en}"),
                format!("the languages cite different figures: only in Chinese {only_zh}, only in English {only_en}"),
            ),
            Text::new("使两种文字引用相同的数", "cite the same figures in both"),
        );
    }
}

/// Whether a reference may be followed by this: measure words, which say nothing of their own.
fn measures(unit: &str) -> bool {
    const WORDS: [&str; 15] = [
        "个", "台", "起", "条", "家", "页", "种", "次", "份", "项", "名", "人", "%", "小时", "天",
    ];
    unit.is_empty() || WORDS.contains(&unit)
}

pub(super) fn references(desk: &Desk<'_>, report: &mut Report<'_>) {
    let bulletin = desk.bulletin();
    for block in &desk.subject.editorial.blocks {
        let mut told: BTreeSet<(String, String)> = BTreeSet::new();
        for piece in Lang::ALL
            .iter()
            .flat_map(|lang| sides(block, *lang))
            .flat_map(pieces)
        {
            let (zh, en) = match piece {
                Piece::Broken => (
                    "有不成对的花括号".to_owned(),
                    "a brace has no partner".to_owned(),
                ),
                Piece::Number(aspect, key, unit) => match bulletin.value(key) {
                    None => (
                        format!("引用的“{key}”不是本期的指标"),
                        format!("“{key}” is none of the issue's figures"),
                    ),
                    Some(value) => {
                        let there = match aspect {
                            Aspect::Value => value.value.is_some(),
                            Aspect::Previous => value.previous.is_some(),
                            Aspect::Change => {
                                value.change.percent.is_some() || !value.change.text.zh.is_empty()
                            }
                        };
                        if there {
                            if measures(unit) {
                                continue;
                            }
                            let what = format!("{{{key}|{unit}}}");
                            if told.insert((what.clone(), String::new())) {
                                report.add(
                                    object(block),
                                    Text::new(
                                        format!("“{what}”的“{unit}”不是量词"),
                                        format!("“{unit}” in “{what}” is no measure word"),
                                    ),
                                    Text::new(
                                        "只写量词，如{M1|台}；英文写在括号外",
                                        "only a measure word, as {M1|台}; English words stand outside the braces",
                                    ),
                                );
                            }
                            continue;
                        }
                        let what = super::extract::aspect(aspect);
                        (
                            format!("引用的“{key}”（{what}）本期没有数"),
                            format!("“{key}” ({what}) has no figure this week"),
                        )
                    }
                },
                _ => continue,
            };
            if told.insert((zh.clone(), en.clone())) {
                report.add(
                    object(block),
                    Text::new(zh, en),
                    Text::new(
                        "改用本期列出的键（watchfire week 可查）",
                        "use a key that the issue lists (watchfire week shows them)",
                    ),
                );
            }
        }
    }
}

/// A run of characters without blanks, stops or Chinese, around a digit.
fn tokens(words: &str) -> Vec<&str> {
    words
        .split(|c: char| {
            c.is_whitespace()
                || is_han(c)
                || "，。；、：！？（）“”‘’《》〈〉—…·,;!?()\"'".contains(c)
        })
        .map(|token| token.trim_matches(['.', ':', '-', '–']))
        .filter(|token| token.chars().any(char::is_numeric))
        .collect()
}

/// Units that are written onto a number: such a token is a quantity.
const UNITS: [&str; 18] = [
    "h", "hr", "hrs", "d", "k", "m", "bn", "x", "s", "ms", "min", "kb", "mb", "gb", "tb", "pp",
    "km", "mn",
];

/// Whether a token with a digit in it is a name: `CVE-2026-1234`, `IPv6`, `2FA`, `SHA-256`, `192[.]0[.]2[.]1`.
fn is_identifier(token: &str) -> bool {
    let plain = token.replace("[.]", ".").replace("(.)", ".");
    if plain.parse::<Ipv4Addr>().is_ok() || plain.parse::<Ipv6Addr>().is_ok() {
        return true;
    }
    // A version has two dots, a number one at most.
    if plain.matches('.').count() >= 2 && plain.chars().all(|c| c.is_ascii_digit() || c == '.') {
        return true;
    }
    let letters: String = plain.chars().filter(char::is_ascii_alphabetic).collect();
    let digits_first = plain.starts_with(|c: char| c.is_ascii_digit());
    let ordinal = ["st", "nd", "rd", "th"].contains(&letters.as_str());
    let unit =
        digits_first && UNITS.contains(&letters.to_ascii_lowercase().as_str()) && letters != "D";
    !(letters.is_empty() || unit || ordinal)
}

/// Chinese and English words that say a number without a digit.
fn spelled(words: &str) -> Option<&str> {
    const NUMERALS: &str = "零〇一二两三四五六七八九十百千";
    for (at, _) in words.match_indices("百分之") {
        let rest = &words[at..];
        let end = rest
            .char_indices()
            .skip(3)
            .find(|(_, c)| !NUMERALS.contains(*c))
            .map_or(rest.len(), |(at, _)| at);
        if end > "百分之".len() {
            return Some(&rest[..end]);
        }
    }
    for unit in ["万", "亿"] {
        for (at, _) in words.match_indices(unit) {
            let start = words[..at]
                .char_indices()
                .rev()
                .take_while(|(_, c)| NUMERALS.contains(*c))
                .last();
            // 千万 mostly means "by all means".
            if let Some((start, _)) = start.filter(|(start, _)| &words[*start..at] != "千") {
                return Some(&words[start..at + unit.len()]);
            }
        }
    }
    None
}

pub(super) fn bare_numbers(desk: &Desk<'_>, report: &mut Report<'_>) {
    for block in &desk.subject.editorial.blocks {
        for lang in Lang::ALL {
            for piece in sides(block, lang).into_iter().flat_map(pieces) {
                let Piece::Words(words) = piece else { continue };
                let bare = tokens(words)
                    .into_iter()
                    .filter(|token| !is_identifier(token))
                    .chain(spelled(words));
                for number in bare {
                    let (zh, en) = quoted(lang);
                    report.add(
                        object(block),
                        Text::new(
                            format!("{zh}写有数“{number}”，没有引用指标"),
                            format!("the {en} holds the number “{number}”, which is no reference"),
                        ),
                        Text::new(
                            "是本期的指标就写作“{M1}”，不是就写作“{=24小时}”",
                            "write {M1} for a figure of the issue, {=24 hours} for any other number",
                        ),
                    );
                }
            }
        }
    }
}

pub(super) fn marked_numbers(desk: &Desk<'_>, report: &mut Report<'_>) {
    let significant = |text: &str| {
        text.chars().filter(char::is_ascii_digit).count() >= 3 || text.contains(['%', '万'])
    };
    for block in &desk.subject.editorial.blocks {
        for lang in Lang::ALL {
            for piece in sides(block, lang).into_iter().flat_map(pieces) {
                let Piece::Keep(kept) = piece else { continue };
                let same = desk.bulletin().values.iter().find(|value| {
                    let amounts = value
                        .value
                        .iter()
                        .chain(&value.previous)
                        .map(|amount| amount.text.get(lang));
                    let mut prints = amounts
                        .chain([value.change.text.get(lang)])
                        .filter(|print| significant(print));
                    prints.any(|print| {
                        kept.strip_prefix(print).is_some_and(|rest| {
                            !rest.starts_with(|c: char| {
                                c.is_ascii_digit() || matches!(c, '.' | ',' | '-' | '年')
                            })
                        })
                    })
                });
                if let Some(value) = same {
                    report.add(
                        object(block),
                        Text::new(
                            format!("“{kept}”标为与本期无关的数，却与{}（{}）相同", value.key, value.name.zh),
                            format!("“{kept}” is marked as none of the issue's figures, but is that of {} ({})", value.key, value.name.en),
                        ),
                        Text::new("改为引用，或说明二者无关", "cite it, or say that they have nothing to do with each other"),
                    );
                }
            }
        }
    }
}

pub(super) fn placed(desk: &Desk<'_>, report: &mut Report<'_>) {
    let bulletin = desk.bulletin();
    let mut ids: BTreeSet<&str> = BTreeSet::new();
    for block in &desk.subject.editorial.blocks {
        let there = match &block.place {
            Place::Section(id) => bulletin.sections.iter().any(|section| section.id == *id),
            Place::Lead => bulletin
                .lead
                .as_ref()
                .is_some_and(|lead| lead.id == block.id),
            Place::News => bulletin.news.iter().any(|story| story.id == block.id),
            Place::Note => bulletin.notes.iter().any(|note| note.id == block.id),
        };
        let (zh, en) = if !ids.insert(&block.id) {
            ("与另一段文字同名", "has the name of another block")
        } else if !there {
            (
                "在本期没有位置，读者看不到",
                "has no place in this issue: nobody would read it",
            )
        } else {
            continue;
        };
        report.add(
            object(block),
            Text::new(zh, en),
            Text::new(
                "改放到本期有的栏目，或删去",
                "place it in a section that is there, or take it out",
            ),
        );
    }
    if bulletin.lead.is_some() || !bulletin.news.is_empty() {
        let written: BTreeSet<&str> = desk
            .subject
            .editorial
            .blocks
            .iter()
            .map(|block| block.id.as_str())
            .collect();
        for story in bulletin
            .lead
            .iter()
            .chain(&bulletin.news)
            .filter(|story| !written.contains(story.id.as_str()))
        {
            report.add(
                format!("block {}", story.id),
                Text::new(
                    "本期有的文字不在编辑稿中",
                    "stands in the issue, but nobody wrote it",
                ),
                fault(),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_taken_apart_as_they_are_printed() {
        assert_eq!(
            pieces("有{M1|台}，{~W2/share}、{<I1}，{=24小时}。"),
            [
                Piece::Words("有"),
                Piece::Number(Aspect::Value, "M1", "台"),
                Piece::Words("，"),
                Piece::Number(Aspect::Change, "W2/share", ""),
                Piece::Words("、"),
                Piece::Number(Aspect::Previous, "I1", ""),
                Piece::Words("，"),
                Piece::Keep("24小时"),
                Piece::Words("。"),
            ]
        );
        assert!(
            pieces("a } b").contains(&Piece::Broken) && pieces("a {M1").contains(&Piece::Broken)
        );
    }

    #[test]
    fn identifiers_are_no_numbers() {
        let bare = |words: &str| -> Vec<String> {
            tokens(words)
                .into_iter()
                .filter(|token| !is_identifier(token))
                .map(str::to_owned)
                .collect()
        };
        for names in [
            "CVE-2026-1234 and CNVD-2026-12345",
            "IPv6、2FA、SHA-256",
            "AS64496 and Log4j 2.17.1",
            "HTTP/2, T1566.001",
            "主机192[.]0[.]2[.]1",
            "MD5值d41d8cd98f00b204",
            "MS17-010漏洞",
            "2001:db8::1",
        ] {
            assert_eq!(bare(names), Vec::<String>::new(), "{names}");
        }
        for (words, expected) in [
            ("受控主机645台", "645"),
            ("rose by 34.6%", "34.6%"),
            ("28.4万台", "28.4"),
            ("within 24h", "24h"),
            ("１２台", "１２"),
            ("on 9 January", "9"),
            ("the 3rd", "3rd"),
            ("17,172 sites", "17"),
        ] {
            assert_eq!(
                bare(words).first().map(String::as_str),
                Some(expected),
                "{words}"
            );
        }
        assert_eq!(spelled("上升百分之三十五，"), Some("百分之三十五"));
        assert_eq!(spelled("约五万台"), Some("五万"));
        assert_eq!(spelled("千万不要点开，万一点开"), None);
    }
}
