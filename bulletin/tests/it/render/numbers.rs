//! A figure is the same in the page, the JSON and the CSV, and every printed number names a listed one.

use super::specimen;
use bulletin::render;
use model::bulletin::{Bulletin, Lang};
use std::collections::BTreeMap;

/// The value of an attribute inside one tag.
fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
    rest.split_once('"').map(|(value, _)| value)
}

/// Every element that carries `marker`: its tag and its text.
fn elements<'a>(html: &'a str, marker: &str) -> Vec<(&'a str, &'a str)> {
    html.match_indices(&format!(" {marker}=\""))
        .filter_map(|(at, _)| {
            let start = html[..at].rfind('<')?;
            let end = start + html[start..].find('>')?;
            let text = &html[end + 1..];
            Some((&html[start..=end], text.split_once('<')?.0))
        })
        .collect()
}

/// key -> (exact, number, printed) from the CSV.
fn from_csv(b: &Bulletin, lang: Lang) -> BTreeMap<String, (String, String, String)> {
    let bytes = render::csv(b, lang);
    let text = std::str::from_utf8(&bytes)
        .expect("UTF-8")
        .strip_prefix('\u{feff}')
        .expect("a byte-order mark");
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    reader
        .records()
        .map(|r| {
            let r = r.expect("a record");
            (
                r[0].to_owned(),
                (r[6].to_owned(), r[5].to_owned(), r[7].to_owned()),
            )
        })
        .collect()
}

#[test]
fn page_json_and_csv_agree_on_every_figure() {
    let b = specimen::bulletin();
    let json: serde_json::Value = serde_json::from_str(&render::json(&b)).expect("JSON");
    for lang in Lang::ALL {
        let html = render::html(&b, lang);
        let csv = from_csv(&b, lang);
        let listed: BTreeMap<&str, (&str, &str)> = elements(&html, "data-figure")
            .into_iter()
            .map(|(tag, text)| {
                (
                    attribute(tag, "data-figure").expect("a key"),
                    (attribute(tag, "data-value").expect("exact"), text),
                )
            })
            .collect();
        let values = json["values"].as_array().expect("a list");
        assert_eq!(values.len(), listed.len());
        assert_eq!(values.len(), csv.len());
        for v in values {
            let key = v["key"].as_str().expect("a key");
            let printed = v["value"]["text"][lang.code()].as_str().unwrap_or_default();
            let exact = match v["value"]["exact"]["kind"].as_str() {
                None => String::new(),
                Some("count") => v["value"]["exact"]["count"].to_string(),
                Some("ratio") => {
                    format!(
                        "{}/{}",
                        v["value"]["exact"]["numerator"], v["value"]["exact"]["denominator"]
                    )
                }
                Some("measure") => v["value"]["exact"]["value"].to_string(),
                Some("word") => v["value"]["exact"]["word"]
                    .as_str()
                    .expect("a word")
                    .to_owned(),
                Some(_) => {
                    let names = v["value"]["exact"]["names"].as_array().expect("names");
                    names
                        .iter()
                        .map(|n| n.as_str().expect("a name"))
                        .collect::<Vec<_>>()
                        .join(";")
                }
            };
            let number = &v["value"]["number"];
            let number = if number.is_null() {
                String::new()
            } else {
                number.to_string()
            };
            assert_eq!(
                csv[key],
                (exact.clone(), number, printed.to_owned()),
                "{key} in the CSV"
            );
            assert_eq!(listed[key].0, exact, "{key} in the page");
            if !printed.is_empty() {
                assert_eq!(listed[key].1, printed, "{key} in the page");
            }
        }
    }
}

#[test]
fn every_number_in_the_page_carries_its_figure() {
    let b = specimen::bulletin();
    for lang in Lang::ALL {
        let html = render::html(&b, lang);
        let printed = elements(&html, "data-statistic");
        assert!(printed.len() > 40, "{}", printed.len());
        for (tag, text) in printed {
            let key = attribute(tag, "data-statistic").expect("a key");
            let value = b
                .value(key)
                .unwrap_or_else(|| panic!("{key} is not listed"));
            let exact = attribute(tag, "data-value").expect("exact");
            match attribute(tag, "data-aspect").expect("an aspect") {
                "value" => assert_eq!(
                    exact,
                    value.value.as_ref().expect("printed").exact.plain(),
                    "{key}: {text}"
                ),
                "previous" => assert_eq!(
                    exact,
                    value.previous.as_ref().expect("printed").exact.plain()
                ),
                aspect => {
                    assert_eq!(aspect, "change");
                    assert_eq!(exact, value.change.percent.expect("printed").to_string());
                    assert!(text.contains(exact), "{key}: {text} does not print {exact}");
                }
            }
            // The number leads somewhere that exists.
            let target = attribute(tag, "href")
                .expect("a link")
                .trim_start_matches('#');
            assert!(html.contains(&format!(" id=\"{target}\"")), "{target}");
        }
    }
}

#[test]
fn every_link_of_the_page_is_a_file_of_the_issue_or_a_place_in_it() {
    let b = specimen::bulletin();
    let names = render::names(&b, &render::Form::ALL, &Lang::ALL);
    for lang in Lang::ALL {
        let html = render::html(&b, lang);
        for (tag, _) in elements(&html, "href") {
            let href = attribute(tag, "href").expect("a link");
            match href.strip_prefix('#') {
                Some(id) => assert!(html.contains(&format!(" id=\"{id}\"")), "{href}"),
                None => {
                    let earlier = b
                        .recent
                        .iter()
                        .filter_map(|r| r.file.as_ref())
                        .any(|f| href.starts_with(f.as_str()));
                    let source = b
                        .lead
                        .iter()
                        .chain(&b.news)
                        .any(|s| s.link.as_deref() == Some(href));
                    assert!(source == href.starts_with("https://"), "{href}");
                    let home = href.starts_with("../index");
                    assert!(
                        names.iter().any(|n| n == href) || earlier || source || home,
                        "{href}"
                    );
                }
            }
        }
        let loads = [" src=", "@import", "http://"];
        assert!(
            loads.iter().all(|l| !html.contains(l))
                && html.matches("url(").count() == html.matches("url(#").count(),
            "the page loads nothing from outside"
        );
    }
}

#[test]
fn a_missing_value_is_never_zero() {
    let b = specimen::bulletin();
    for lang in Lang::ALL {
        let csv = from_csv(&b, lang);
        assert_eq!(csv["H1"], (String::new(), String::new(), String::new()));
        let html = render::html(&b, lang);
        let row = elements(&html, "data-figure")
            .into_iter()
            .find(|(tag, _)| tag.contains("\"H1\""))
            .expect("listed");
        assert!(
            row.1.starts_with(if lang == Lang::Zh {
                "不可得"
            } else {
                "not available"
            }),
            "{}",
            row.1
        );
    }
}

#[test]
fn the_bulletin_survives_its_own_json() {
    for b in [specimen::bulletin(), specimen::sparse()] {
        assert_eq!(b.check(), Vec::<String>::new());
        let back: Bulletin = serde_json::from_str(&render::json(&b)).expect("its own JSON");
        assert_eq!(back, b);
        assert_eq!(back.hash.as_deref(), Some(back.digest().as_str()));
    }
}

#[test]
fn a_bulletin_that_contradicts_itself_is_found_out() {
    let broken = |change: fn(&mut Bulletin)| {
        let mut b = specimen::bulletin();
        b.hash = None;
        change(&mut b);
        b.check().join("; ")
    };
    assert_eq!(broken(|_| {}), "");
    assert_eq!(
        broken(|b| b.board.tiles[0].value = "X1".into()),
        "value X1 is printed but not listed"
    );
    assert!(broken(|b| b.values[1].key = "M1".into()).starts_with("value M1 is listed twice"));
    assert_eq!(
        broken(|b| b.values[0].value = None),
        "value M1 is neither there nor said to be missing"
    );
    assert_eq!(
        broken(|b| b.rating.previous = Some(6)),
        "rating level 6 is outside 1 to 5"
    );
    assert_eq!(
        broken(|b| b.sections[0].number = 2),
        "section malware has number 2 in place 1"
    );
    assert_eq!(
        broken(|b| b.sections[0].charts.swap(0, 1))
            .matches("in place")
            .count(),
        2
    );
    assert!(broken(|b| b.notes[1].id = "../x".into()).contains("'../x' is not made of letters"));
    let mut changed = specimen::bulletin();
    changed.values[0].name.en.push('!');
    assert_eq!(changed.check(), ["the hash does not match the content"]);
}
