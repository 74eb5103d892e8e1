//! Every text of a bulletin is hostile until shown otherwise: markup, quotes, formulas, control characters and
//! direction overrides in every string must come out as text.

use super::specimen;
use bulletin::render::{self, charts::Width, palette::Palette};
use model::bulletin::{Bulletin, Lang};
use serde_json::Value;

const HOSTILE: &str =
    "<script>alert(1)</script>&\"'}</style>\u{202e}\u{0}]#let x=1 $x$ \\ =1+1 שלום";

/// Keys whose strings are identifiers or enumerations, not text.
const KEPT: [&str; 18] = [
    "id",
    "kind",
    "key",
    "value",
    "direction",
    "judgement",
    "aspect",
    "tlp",
    "state",
    "date",
    "first",
    "last",
    "note_id",
    "file",
    "zone",
    "hash",
    "statistic",
    // What is no plain address is no link: the view's own tests hold that.
    "link",
];

/// Replaces every text in the bulletin.
fn poison(value: &mut Value, key: &str) {
    match value {
        Value::String(text) if !KEPT.contains(&key) && !text.is_empty() => {
            *text = HOSTILE.to_owned()
        }
        Value::Array(items) => items.iter_mut().for_each(|v| poison(v, key)),
        Value::Object(map) => {
            let reference = key == "incomplete";
            for (k, v) in map.iter_mut() {
                if !(reference && k == "note") {
                    poison(v, k);
                }
            }
        }
        _ => {}
    }
}

pub fn poisoned() -> Bulletin {
    let mut json = serde_json::to_value(specimen::bulletin()).expect("JSON");
    poison(&mut json, "");
    let b: Bulletin = serde_json::from_value(json).expect("still a bulletin");
    assert_eq!(b.series.title.zh, HOSTILE);
    assert_eq!(b.values[0].name.en, HOSTILE);
    b
}

#[test]
fn no_text_becomes_markup() {
    let b = poisoned();
    let clean = specimen::bulletin();
    for lang in Lang::ALL {
        let html = render::html(&b, lang);
        assert_eq!(html.matches("<script").count(), 1, "only our own script");
        assert_eq!(
            html.matches("</style>").count(),
            1,
            "only our own style sheet"
        );
        assert!(!html.contains('\u{202e}') && !html.contains('\u{0}'));
        // The same tags stand in the same order as in the harmless page, but for those that charts draw by room.
        let tags = |page: &str| {
            page.split('<')
                .skip(1)
                .filter_map(|t| t.split([' ', '>']).next())
                .filter(|t| !["text", "/text", "span", "/span"].contains(t))
                .map(str::to_owned)
                .filter(|t| {
                    !matches!(
                        t.as_str(),
                        "line" | "rect" | "circle" | "polyline" | "p" | "/p" | "br"
                    )
                })
                .collect::<Vec<_>>()
        };
        let (found, wanted) = (tags(&html), tags(&render::html(&clean, lang)));
        let at = found
            .iter()
            .zip(&wanted)
            .take_while(|(a, b)| a == b)
            .count();
        let near = |t: &[String]| t[at.saturating_sub(12)..(at + 6).min(t.len())].join(" ");
        assert!(
            found == wanted,
            "tag {at}: {} instead of {}",
            near(&found),
            near(&wanted)
        );
    }
}

#[test]
fn charts_as_files_are_well_formed_whatever_they_say() {
    let b = poisoned();
    for lang in Lang::ALL {
        for chart in b.charts() {
            for width in [Width::Wide, Width::Narrow] {
                let svg = render::svg(chart, lang, width, &Palette::DARK);
                assert!(
                    !svg.contains("<script") && !svg.contains("var("),
                    "{}",
                    chart.id
                );
                well_formed(&svg);
            }
        }
    }
}

/// Every tag is closed in order and every attribute quoted: a small check, enough for a writer that only knows a
/// handful of tags.
pub fn well_formed(svg: &str) {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = svg;
    while let Some(at) = rest.find('<') {
        assert!(!rest[..at].contains('>'), "a bare > in {}", &rest[..at]);
        let end = at + rest[at..].find('>').expect("a closed tag");
        let tag = &rest[at + 1..end];
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
        let name = tag
            .trim_start_matches('/')
            .split([' ', '/'])
            .next()
            .expect("a name");
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name));
        } else if !tag.ends_with('/') {
            open.push(name);
        }
        rest = &rest[end + 1..];
    }
    assert!(open.is_empty(), "{open:?}");
}

#[test]
fn formulas_do_not_reach_a_spreadsheet() {
    let mut b = specimen::bulletin();
    b.values[0].name.en = "=HYPERLINK(\"http://x.example\")".to_owned();
    let csv = String::from_utf8(render::csv(&b, Lang::En)).expect("UTF-8");
    assert!(csv.contains("\"'=HYPERLINK(\"\"http://x.example\"\")\""));
    let chart = b.charts().next().expect("a chart");
    assert!(render::chart_csv(chart, Lang::Zh).starts_with(&[0xef, 0xbb, 0xbf]));
}
