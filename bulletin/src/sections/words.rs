//! Sentences and dates: the small language in which sections say what they say.
//!
//! A sentence is written as a template per language. `{M1}` prints the value of M1 and leads to its
//! records, `{M1|个}` prints it with its unit on one line, `{~M1}` its change, `{<M1}` last week's
//! value, `{=1月9日}` words that stay on one line. What a number's print is was decided in
//! [`super::figures`]; here it is only placed.

use jiff::civil::Date;
use model::bulletin::{Aspect, Lang, Paragraph, Run, Text};
use model::time::MONTHS;

use super::figures::Figures;

/// Builds a paragraph from a template per language.
pub fn say(figures: &Figures, zh: &str, en: &str) -> Paragraph {
    Paragraph {
        zh: runs(figures, zh, Lang::Zh),
        en: runs(figures, en, Lang::En),
    }
}

fn runs(figures: &Figures, template: &str, lang: Lang) -> Vec<Run> {
    let mut out = Vec::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((inside, next)) = after.split_once('}') else {
            break;
        };
        words(&mut out, before);
        let (slot, unit) = inside.split_once('|').unwrap_or((inside, ""));
        match slot.split_at_checked(1) {
            Some(("=", text)) => out.push(Run::Keep {
                text: text.to_owned(),
            }),
            Some(("~", key)) => number(&mut out, figures, key, Aspect::Change, unit, lang),
            Some(("<", key)) => number(&mut out, figures, key, Aspect::Previous, unit, lang),
            _ => number(&mut out, figures, slot, Aspect::Value, unit, lang),
        }
        rest = next;
    }
    words(&mut out, rest);
    out
}

fn words(out: &mut Vec<Run>, text: &str) {
    if text.is_empty() {
        return;
    }
    if let Some(Run::Words { text: before }) = out.last_mut() {
        before.push_str(text);
    } else {
        out.push(Run::Words {
            text: text.to_owned(),
        });
    }
}

fn number(
    out: &mut Vec<Run>,
    figures: &Figures,
    key: &str,
    aspect: Aspect,
    unit: &str,
    lang: Lang,
) {
    let printed = figures.printed(key, aspect);
    let text = format!("{}{unit}", printed.get(lang));
    out.push(Run::Number {
        value: key.to_owned(),
        aspect,
        text,
    });
}

/// Glues clauses of both languages together.
#[derive(Clone, Debug, Default)]
pub struct Clauses {
    zh: Vec<String>,
    en: Vec<String>,
}

impl Clauses {
    /// Adds a clause.
    pub fn add(&mut self, zh: impl Into<String>, en: impl Into<String>) {
        self.zh.push(zh.into());
        self.en.push(en.into());
    }

    /// There is none.
    pub fn is_empty(&self) -> bool {
        self.zh.is_empty()
    }

    /// One sentence: clauses joined with ；and `; `, a full stop, an English capital.
    pub fn sentence(&self, figures: &Figures) -> Paragraph {
        let en = upper_first(&self.en.join("; "));
        say(
            figures,
            &format!("{}。", self.zh.join("；")),
            &format!("{en}."),
        )
    }
}

/// Lists names: 甲、乙和丙; A, B and C.
pub fn list(names: &[Text]) -> Text {
    let glue = |names: Vec<&str>, comma: &str, and: &str| match names.split_last() {
        None => String::new(),
        Some((last, [])) => (*last).to_owned(),
        Some((last, rest)) => format!("{}{and}{last}", rest.join(comma)),
    };
    Text::new(
        glue(
            names.iter().map(|name| name.zh.as_str()).collect(),
            "、",
            "和",
        ),
        glue(
            names.iter().map(|name| name.en.as_str()).collect(),
            ", ",
            " and ",
        ),
    )
}

/// With a capital at its head, as a sentence or a row begins.
pub fn upper_first(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or(String::new(), |first| {
        first.to_uppercase().chain(chars).collect()
    })
}

/// With a small letter at its head, as within a sentence.
pub fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or(String::new(), |first| {
        first.to_lowercase().chain(chars).collect()
    })
}

fn month(date: Date) -> &'static str {
    MONTHS[usize::from(date.month().unsigned_abs())
        .saturating_sub(1)
        .min(11)]
}

/// A day: `2023年1月19日`, `19 January 2023`.
pub fn day(date: Date) -> Text {
    Text::new(
        format!("{}年{}月{}日", date.year(), date.month(), date.day()),
        format!("{} {} {}", date.day(), month(date), date.year()),
    )
}

/// Whether a character is Chinese.
pub fn is_han(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

/// A day of a known year: `1月11日`, `11 January`.
pub fn short_day(date: Date) -> Text {
    Text::new(
        format!("{}月{}日", date.month(), date.day()),
        format!("{} {}", date.day(), month(date)),
    )
}

/// The days of a week: `1月9日—1月15日`, `9–15 January 2023`; the year in Chinese where it changes.
pub fn period(first: Date, last: Date) -> Text {
    let zh = if first.year() == last.year() {
        format!("{}—{}", short_day(first).zh, short_day(last).zh)
    } else {
        format!("{}—{}", day(first).zh, day(last).zh)
    };
    let en = if first.year() != last.year() {
        format!("{} – {}", day(first).en, day(last).en)
    } else if first.month() != last.month() {
        format!("{} – {}", short_day(first).en, day(last).en)
    } else {
        format!(
            "{}–{} {} {}",
            first.day(),
            last.day(),
            month(last),
            last.year()
        )
    };
    Text::new(zh, en)
}

/// A Monday on an axis: `1/9`, `9 Jan`.
pub fn axis_day(date: Date) -> Text {
    Text::new(
        format!("{}/{}", date.month(), date.day()),
        format!("{} {}", date.day(), &month(date)[..3]),
    )
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn days_and_weeks_are_printed_in_both_languages() {
        assert_eq!(
            period(date(2023, 1, 9), date(2023, 1, 15)),
            Text::new("1月9日—1月15日", "9–15 January 2023")
        );
        assert_eq!(
            period(date(2022, 12, 26), date(2023, 1, 1)),
            Text::new(
                "2022年12月26日—2023年1月1日",
                "26 December 2022 – 1 January 2023"
            )
        );
        assert_eq!(
            period(date(2023, 1, 30), date(2023, 2, 5)).en,
            "30 January – 5 February 2023"
        );
        assert_eq!(axis_day(date(2023, 1, 9)), Text::new("1/9", "9 Jan"));
    }

    #[test]
    fn lists_end_in_and() {
        let names = ["a", "b", "c"].map(Text::same);
        assert_eq!(list(&names), Text::new("a、b和c", "a, b and c"));
        assert_eq!(list(&names[..1]), Text::same("a"));
        assert!(list(&[]).is_empty());
    }
}
