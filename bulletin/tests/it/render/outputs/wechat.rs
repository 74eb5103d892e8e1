//! A strict emulator of what WeChat's draft interface and editor let through (`docs/outputs.md`): whatever it complains
//! of would be removed, refused or broken there. Where the platform's own documents contradict each other it takes
//! the stricter rule that can be kept.

use super::FONTS;
use crate::render::{hostile, specimen};
use bulletin::render::{self, Form};
use model::bulletin::{Bulletin, Lang};

/// Tags that survive the editor with their styles.
const TAGS: [&str; 13] = [
    "section", "p", "span", "strong", "br", "h2", "h3", "table", "tbody", "tr", "td", "img", "em",
];
/// Tags without content.
const VOID: [&str; 2] = ["br", "img"];
/// Style properties that survive.
const PROPERTIES: [&str; 19] = [
    "color",
    "background-color",
    "font-size",
    "font-weight",
    "line-height",
    "text-align",
    "vertical-align",
    "letter-spacing",
    "width",
    "max-width",
    "height",
    "margin",
    "padding",
    "border",
    "border-top",
    "border-bottom",
    "border-left",
    "border-right",
    "border-collapse",
];

/// What is wrong with an article; `pictures` are the files it may show.
fn complaints(html: &str, pictures: &[String]) -> Vec<String> {
    let mut out = Vec::new();
    let mut open: Vec<String> = Vec::new();
    let mut text = String::new();
    if html.len() >= 1_000_000 {
        out.push(format!("{} bytes", html.len()));
    }
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        text.push_str(&rest[..at]);
        let Some(end) = rest[at..].find('>').map(|e| e + at) else {
            out.push("an open tag".to_owned());
            break;
        };
        let tag = &rest[at + 1..end];
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            if open.pop().as_deref() != Some(name) {
                out.push(format!("</{name}> closes nothing"));
            }
            continue;
        }
        let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        if !TAGS.contains(&name) {
            out.push(format!("the tag {name}"));
        }
        if !VOID.contains(&name) {
            open.push(name.to_owned());
        }
        let attributes = read(attributes);
        for (key, value) in &attributes {
            match (name, key.as_str()) {
                (_, "style") => out.extend(style(value)),
                ("img", "src") => {
                    if !pictures.iter().any(|p| p == value) {
                        out.push(format!("the picture {value}"));
                    }
                }
                ("img", "alt" | "width") => {}
                _ => out.push(format!("the attribute {key}")),
            }
        }
        if name == "img" {
            for key in ["src", "alt", "width"] {
                if !attributes.iter().any(|a| a.0 == key && !a.1.is_empty()) {
                    out.push(format!("a picture without {key}"));
                }
            }
        }
    }
    text.push_str(rest);
    if text.chars().count() >= render::WECHAT_LONGEST {
        out.push(format!("{} characters", text.chars().count()));
    }
    if !open.is_empty() {
        out.push(format!("{open:?} left open"));
    }
    if text.contains("\\u") {
        out.push("an escape instead of a character".to_owned());
    }
    out
}

fn read(attributes: &str) -> Vec<(String, String)> {
    let mut out = Vec::new();
    let mut rest = attributes.trim();
    while let Some((key, after)) = rest.split_once("=\"") {
        let (value, next) = after.split_once('"').unwrap_or((after, ""));
        out.push((key.trim().to_owned(), value.to_owned()));
        rest = next;
    }
    if !rest.trim().is_empty() {
        out.push((rest.trim().to_owned(), String::new()));
    }
    out
}

fn style(value: &str) -> Vec<String> {
    let mut out = Vec::new();
    for declaration in value.split(';').filter(|d| !d.trim().is_empty()) {
        let (property, value) = declaration.split_once(':').unwrap_or((declaration, ""));
        if !PROPERTIES.contains(&property.trim()) {
            out.push(format!("the property {property}"));
        }
        let lower = value.to_lowercase();
        for bad in [
            "url(",
            "var(",
            "expression",
            "calc(",
            "!important",
            "&",
            "<",
        ] {
            if lower.contains(bad) {
                out.push(format!("{bad} in a style"));
            }
        }
    }
    out
}

fn pictures(b: &Bulletin, lang: Lang) -> Vec<String> {
    render::names(b, &[Form::Wechat], &[lang])
}

#[test]
fn the_article_is_let_through_whole() {
    for b in [
        specimen::bulletin(),
        specimen::sparse(),
        hostile::poisoned(),
    ] {
        for lang in Lang::ALL {
            let article = render::wechat(&b, lang);
            let told = complaints(&article, &pictures(&b, lang));
            // Hostile texts are longer than any a person writes; their length is not the question.
            let told: Vec<&String> = told
                .iter()
                .filter(|t| b.series.title.zh.starts_with('网') || !t.ends_with("characters"))
                .collect();
            assert!(told.is_empty(), "{told:?}");
            // The stricter reading counts the markup too.
            let strict = article.chars().count() < render::WECHAT_LONGEST;
            assert!(strict || told.is_empty() && b.series.title.zh.starts_with('<'));
            // Every chart is there, and no picture that is not made.
            assert_eq!(article.matches("<img ").count(), b.charts().count());
        }
    }
}

#[test]
fn what_the_platform_removes_is_complained_of() {
    let b = specimen::bulletin();
    let names = pictures(&b, Lang::Zh);
    let article = render::wechat(&b, Lang::Zh);
    let first = format!(
        "src=\"{}\"",
        names
            .iter()
            .find(|n| n.contains("fig1."))
            .expect("a picture")
    );
    for (from, to, told) in [
        ("<p style=", "<p class=\"x\" style=", "the attribute class"),
        (
            "<section style=\"",
            "<section style=\"position:fixed;",
            "the property position",
        ),
        ("color:#", "color:var(--ink);color:#", "var( in a style"),
        ("<h2 ", "<h2 id=\"a\" ", "the attribute id"),
        (
            "</section>",
            "<script></script></section>",
            "the tag script",
        ),
        (
            "</section>",
            "<a href=\"https://cert.example\">x</a></section>",
            "the tag a",
        ),
        ("</section>", "<svg></svg></section>", "the tag svg"),
        (
            "</section>",
            "<iframe></iframe></section>",
            "the tag iframe",
        ),
        ("</section>", "", "left open"),
        ("</p>", "", "closes nothing"),
        (" alt=\"", " title=\"", "a picture without alt"),
        (" width=\"1080\"", "", "a picture without width"),
        (
            first.as_str(),
            "src=\"https://cert.example/a.png\"",
            "the picture https",
        ),
        (
            "background-color:",
            "background-color:url(x);color:",
            "url( in a style",
        ),
    ] {
        let broken = article.replacen(from, to, 1);
        assert_ne!(broken, article, "{from}");
        let found = complaints(&broken, &names);
        assert!(found.iter().any(|f| f.contains(told)), "{told}: {found:?}");
    }
    let long = article.replace("</section>", &format!("{}</section>", "长".repeat(20_000)));
    assert!(
        complaints(&long, &names)
            .iter()
            .any(|f| f.ends_with("characters"))
    );
}

#[test]
fn a_long_issue_leaves_out_the_list_of_figures_and_nothing_else() {
    let mut b = specimen::bulletin();
    let value = b.values[0].clone();
    b.values
        .extend((0..400).map(|n| model::bulletin::PublishedValue {
            key: format!("X{n}"),
            ..value.clone()
        }));
    for lang in Lang::ALL {
        let article = render::wechat(&b, lang);
        let elsewhere = if lang == Lang::Zh {
            "见网页版"
        } else {
            "web edition"
        };
        assert!(article.contains(elsewhere) && !article.contains("X399"));
        assert!(article.chars().count() < render::WECHAT_LONGEST);
    }
}

#[test]
fn pictures_are_small_enough_and_as_wide_as_said() {
    let Some(fonts) = &*FONTS else { return };
    let mut b = specimen::sparse();
    b.sections[0].charts.truncate(1);
    for file in render::files(&b, &[Form::Wechat], &[Lang::Zh], Some(fonts)).expect("files") {
        if file.name.contains("fig") {
            let width = u32::from_be_bytes(file.bytes[16..20].try_into().expect("four"));
            assert_eq!(width, 1080, "{}", file.name);
        }
        assert!(file.bytes.len() < 1_000_000, "{}", file.name);
    }
}
