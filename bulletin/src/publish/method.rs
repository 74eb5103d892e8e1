//! The method page: counting rules, rating, corrections, citation.
//!
//! The English counting rules are those of the generated documentation ([`document`]), not a copy; the Chinese ones
//! are kept here, each with the hash of the English text that it translates, so that a change of the one without the
//! other fails a test.

use askama::Template;
use model::bulletin::Lang;

use super::frame::{self, Frame};
use super::{Site, file};
use crate::render::Rendition;
use crate::render::view::{self, clean};
use crate::statistics::document::document;

/// A counting rule in Chinese: the English heading, the Chinese one, the text, and the first 16 digits of the
/// BLAKE3 of the English text it translates.
const RULES_ZH: &[(&str, &str, &str, &str)] = &[
    (
        "Counting",
        "计数",
        "每个指标统计一个统计周（报告时区周一零时至周日二十四时）内的去重对象，从不统计行数。每个计数按“由哪些数据源看到”的组合分别存储，因此仅凭存储值就能说明在任意部分来源上该数是多少。",
        "cc0cc76010d05a3c",
    ),
    (
        "Availability",
        "可得性",
        "本周有在用的数据源提供该类记录且所需字段有值，并且其中至少一个在本周有报送，指标才可得；否则为“不可得”，绝不写作0，相应栏目不出现。数据源能提供什么，由其登记（格式、分类、映射）和本周及此前13周实际提供的内容确定。处置类指标（I1至I7、T1至T3、S1）不需要数据源，自本系统首次处置事件的那一周起可得。",
        "a2b466884c227696",
    ),
    (
        "Change",
        "环比",
        "环比为100×（本周－上周）÷上周，按未取整的计数与上一期的冻结数相比，保留一位小数，四舍五入；0.0%写作持平；基数为0时不列百分比；基数不足10时列出两周的数。任一周有来源不完整或有变化时，只按两周都完整且未变化的来源计算并注明，不作好坏评判；没有这样的来源时写作不可比。",
        "d9a50998fdef6009",
    ),
    (
        "Warning lists",
        "排除名单",
        "受感染主机、放马站点和仿冒页面如被排除名单（热门网站、公共解析器、黑洞地址）列出，则不计入，另行计数。",
        "a68126f2f288079e",
    ),
    (
        "Cells",
        "计数单元",
        "公式以计数单元书写，即有名称的对象集合，如infected.trojan；family/*为一族的全部单元。",
        "3eba708b3ff59d0a",
    ),
];

struct Rule {
    name: String,
    text: String,
}

#[derive(Template)]
#[template(path = "site/method.html")]
struct Page<'a> {
    f: Frame,
    rules: Vec<Rule>,
    rating: Option<view::Rating<'a>>,
    prefix: String,
}

/// The counting rules of the generated documentation: bold heading and text, before the definitions.
fn rules_en() -> Vec<(String, String)> {
    let text = document();
    let head = text.split("\n## ").next().unwrap_or_default().to_owned();
    head.split("\n\n")
        .filter_map(|paragraph| {
            let (name, text) = paragraph.trim().strip_prefix("**")?.split_once(".**")?;
            let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
            Some((name.to_owned(), unmarked(&text)))
        })
        .collect()
}

/// Without the marks of code and of emphasis; `family/*` keeps its star.
fn unmarked(text: &str) -> String {
    let text = text.replace('`', "");
    let mut out = String::with_capacity(text.len());
    let mut before = ' ';
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let opens = before == ' ' && rest.peek().is_some_and(|next| next.is_alphabetic());
        if c != '*' || !(opens || before.is_alphabetic()) {
            out.push(c);
        }
        before = c;
    }
    out
}

fn rules(lang: Lang) -> Vec<Rule> {
    match lang {
        Lang::En => rules_en()
            .into_iter()
            .map(|(name, text)| Rule { name, text })
            .collect(),
        Lang::Zh => RULES_ZH
            .iter()
            .map(|(_, name, text, _)| Rule {
                name: (*name).to_owned(),
                text: (*text).to_owned(),
            })
            .collect(),
    }
}

/// The page of one language.
pub(super) fn page(site: &Site<'_>, lang: Lang) -> Rendition {
    let w = super::words::Words::of(lang);
    let f = Frame::new(
        site,
        lang,
        "method",
        "method",
        format!("{} - {}", w.method, clean(site.title.get(lang))),
        format!(
            "{}{}{}{}{}",
            w.rules, w.comma, w.rating_method, w.comma, w.corrections
        ),
    );
    let newest = site
        .standing()
        .first()
        .map(|edition| clean(edition.issue.text.get(lang)));
    let page = Page {
        rules: rules(lang),
        rating: site.current.map(|b| view::page(b, lang).rating),
        prefix: newest.unwrap_or_default(),
        f,
    };
    file(
        &frame::page("method", lang),
        page.render()
            .expect("a template without fallible parts renders into memory"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_english_rule_has_its_translation() {
        let english: Vec<(String, String)> = rules_en()
            .into_iter()
            .map(|(name, text)| {
                (
                    name,
                    blake3::hash(text.as_bytes()).to_hex()[..16].to_owned(),
                )
            })
            .collect();
        let translated: Vec<(String, String)> = RULES_ZH
            .iter()
            .map(|(name, .., hash)| ((*name).to_owned(), (*hash).to_owned()))
            .collect();
        assert_eq!(
            english, translated,
            "a rule changed: translate it anew, then note its hash"
        );
    }
}
