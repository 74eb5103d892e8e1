//! The public site: every link leads somewhere, what is withdrawn is gone everywhere, the feeds' identifiers stay.

mod peers;
pub mod sample;

use bulletin::publish::{self, Edition, Settings};
use bulletin::render::Rendition;
use model::bulletin::Lang;
use std::collections::{BTreeMap, BTreeSet};

use crate::render::{hostile, specimen};
use sample::{Sample, sample};

fn made(count: i64) -> (Sample, BTreeMap<String, String>) {
    let sample = sample(&specimen::bulletin(), count, true);
    let pages = texts(&publish::pages(&sample.site()).expect("a site"));
    (sample, pages)
}

fn texts(pages: &[Rendition]) -> BTreeMap<String, String> {
    let out: BTreeMap<String, String> = pages
        .iter()
        .map(|page| {
            (
                page.name.clone(),
                String::from_utf8(page.bytes.clone()).expect("text"),
            )
        })
        .collect();
    assert_eq!(out.len(), pages.len(), "a name twice");
    out
}

/// Values of an attribute in a page.
fn attributes<'a>(html: &'a str, name: &str) -> Vec<&'a str> {
    let marker = format!(" {name}=\"");
    html.split(marker.as_str())
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect()
}

/// A link from a page as a path from the root.
fn resolve(page: &str, link: &str) -> String {
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    for part in link.split('/') {
        match part {
            ".." => drop(parts.pop()),
            "." | "" => {}
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[test]
fn every_link_leads_somewhere_in_the_site() {
    for count in [0, 1, 30] {
        let (sample, pages) = made(count);
        let mut files: BTreeMap<String, String> = pages.clone();
        for file in &sample.files {
            files.insert(
                format!("{}/{}", publish::ISSUES, file.name),
                String::from_utf8(file.bytes.clone()).expect("text"),
            );
        }
        for file in &sample.others {
            let text = String::from_utf8(file.bytes.clone()).expect("text");
            assert!(
                files.insert(file.name.clone(), text).is_none(),
                "{}",
                file.name
            );
        }
        let assets: BTreeSet<String> = publish::assets(&sample.editions)
            .into_iter()
            .map(|asset| asset.path)
            .collect();
        let own: BTreeSet<String> = sample
            .files
            .iter()
            .map(|file| format!("{}/{}", publish::ISSUES, file.name))
            .collect();
        assert_eq!(assets, own);
        let mut followed = 0;
        for (name, html) in files.iter().filter(|(name, _)| name.ends_with(".html")) {
            for link in attributes(html, "href")
                .into_iter()
                .chain(attributes(html, "src"))
            {
                if link.contains("://") || link.starts_with("mailto:") || name.starts_with("404") {
                    continue;
                }
                let (path, fragment) = link.split_once('#').unwrap_or((link, ""));
                let target = if path.is_empty() {
                    name.clone()
                } else {
                    resolve(name, path)
                };
                let Some(text) = files.get(&target) else {
                    // Files that a real issue has and the sample leaves out.
                    panic!("{name} links to {link}, which is not there");
                };
                assert!(
                    fragment.is_empty() || text.contains(&format!("id=\"{fragment}\"")),
                    "{name}: {link}"
                );
                followed += 1;
            }
        }
        assert!(followed > 500, "{followed}");
    }
}

#[test]
fn pages_carry_no_script_or_style_of_their_own_and_ask_nobody_else() {
    let (_, pages) = made(6);
    for (name, html) in pages.iter().filter(|(name, _)| name.ends_with(".html")) {
        assert!(
            !html.contains("<script>") && !html.contains("<style"),
            "{name}"
        );
        assert!(attributes(html, "style").is_empty(), "{name}");
        for handler in ["onclick", "onload", "onerror", "onsubmit"] {
            assert!(attributes(html, handler).is_empty(), "{name}");
        }
        for source in attributes(html, "src") {
            assert!(
                !source.contains("://") && !source.starts_with("//"),
                "{name}: {source}"
            );
        }
        assert!(html.starts_with("<!doctype html>\n<html lang="), "{name}");
    }
    assert!(!pages["site.css"].contains("url(") && !pages["site.css"].contains("@import"));
}

#[test]
fn the_same_issues_give_the_same_bytes_in_any_order() {
    let mut sample = sample(&specimen::bulletin(), 8, false);
    let first = publish::pages(&sample.site()).expect("a site");
    sample.editions.reverse();
    sample.history.reverse();
    let again = publish::pages(&sample.site()).expect("a site");
    let kept = serde_json::to_string(&sample.editions).expect("JSON");
    sample.editions = serde_json::from_str::<Vec<Edition>>(&kept).expect("digests");
    let stored = publish::pages(&sample.site()).expect("a site");
    assert!(texts(&first) == texts(&again));
    assert!(
        texts(&first) == texts(&stored),
        "a digest loses something when it is stored"
    );
}

#[test]
fn a_withdrawn_issue_is_gone_everywhere_and_says_so() {
    let (sample, pages) = made(12);
    let gone = sample
        .editions
        .iter()
        .find(|edition| !edition.stands())
        .expect("one");
    let stem = gone.stem();
    assert_eq!(stem, "2022-52");
    let reason = "The data of a main source were wrong";
    for name in [
        "2022-52.en.html",
        "2022-52.en.pdf.html",
        "2022-52.en.md.html",
    ] {
        let page = &pages[&format!("issues/{name}")];
        assert!(page.contains(reason) && page.contains("noindex"), "{name}");
    }
    assert!(pages["issues/2022-52.zh.html"].contains("已撤回"));
    assert!(
        publish::assets(&sample.editions)
            .iter()
            .all(|asset| !asset.path.contains(&stem))
    );
    let list: serde_json::Value = serde_json::from_str(&pages["withdrawn.json"]).expect("JSON");
    let addresses = list["withdrawn"][0]["addresses"]
        .as_array()
        .expect("a list");
    assert_eq!(addresses.len(), gone.life.files.len() + 1);
    assert!(
        addresses
            .iter()
            .any(|address| address == "issues/2022-52.en.md")
    );
    for feed in ["atom.en.xml", "rss.zh.xml", "feed.en.json"] {
        let text = &pages[&format!("feeds/{feed}")];
        let own = format!(
            "issue/{stem}/{}/withdrawn",
            feed.split('.').nth(1).expect("a language")
        );
        assert!(text.contains(&own), "{feed}");
    }
    let figures = &pages["data/figures.csv"];
    assert!(figures.contains("\n2022,51,") && !figures.contains("\n2022,52,"));
    assert!(
        pages["data/issues.csv"].contains("\n2022,52,2022-12-19,2022-12-25,2022-W51,withdrawn,")
    );
    assert!(
        !pages["search/2022.en.js"].contains("2022 No. 52")
            && pages["search/2022.en.js"].contains("2022 No. 51")
    );
    assert!(pages["index.en.html"].contains("2022 No. 52 Withdrawn"));
    assert!(!pages["statistics/M1.en.html"].contains("2022 No. 52"));
}

/// Identifier to the rest of its entry.
fn entries(atom: &str) -> BTreeMap<String, String> {
    atom.split("<entry>")
        .skip(1)
        .map(|entry| {
            let (id, rest) = entry
                .trim()
                .strip_prefix("<id>")
                .and_then(|entry| entry.split_once("</id>"))
                .expect("an identifier");
            (id.to_owned(), rest.to_owned())
        })
        .collect()
}

#[test]
fn identifiers_stay_and_a_correction_shows() {
    let mut sample = sample(&specimen::bulletin(), 6, false);
    let after =
        entries(&texts(&publish::pages(&sample.site()).expect("a site"))["feeds/atom.en.xml"]);
    for edition in &mut sample.editions {
        edition.life.revised.clear();
        edition.life.withdrawn = None;
        edition.life.updated = edition.life.first_published;
    }
    sample.current = sample.current.take();
    let before =
        entries(&texts(&publish::pages(&sample.site()).expect("a site"))["feeds/atom.en.xml"]);
    assert_eq!(before.len(), 6);
    assert!(before.keys().all(|id| after.contains_key(id)));
    let corrected = "tag:cert.example,2022:issue/2023-1/en";
    assert_ne!(before[corrected], after[corrected], "updated moves");
    assert!(after[&format!("{corrected}/revision/2")].contains("one source had reported twice"));
    let untouched = "tag:cert.example,2022:issue/2023-2/en";
    assert_eq!(before[untouched], after[untouched]);
    // Dates of RSS are English in the Chinese feed too.
    let rss = &texts(&publish::pages(&sample.site()).expect("a site"))["feeds/rss.zh.xml"];
    assert!(
        rss.contains("<pubDate>Thu, 19 Jan 2023 12:00:00 +0000</pubDate>"),
        "{rss}"
    );
}

#[test]
fn figures_of_the_data_are_those_of_the_issue() {
    let (sample, pages) = made(3);
    let bulletin = sample.current.as_ref().expect("an issue");
    let mut reader = csv::Reader::from_reader(pages["data/figures.csv"].as_bytes());
    let head = reader.headers().expect("a head").clone();
    let column = |name: &str| head.iter().position(|cell| cell == name).expect("a column");
    let rows: Vec<csv::StringRecord> = reader.records().map(|row| row.expect("a row")).collect();
    let mut compared = 0;
    for value in bulletin
        .values
        .iter()
        .filter(|value| !value.key.contains('@'))
    {
        let part = value.key.split_once('/').map_or("", |(_, part)| part);
        let row = rows
            .iter()
            .find(|row| {
                &row[0] == "2023"
                    && &row[1] == "3"
                    && row[column("statistic")] == value.statistic
                    && &row[column("part")] == part
            })
            .unwrap_or_else(|| panic!("{} is not in the data", value.key));
        let number = value
            .value
            .as_ref()
            .and_then(|amount| amount.number)
            .map_or_else(String::new, |number| number.to_string());
        assert_eq!(&row[column("value")], number, "{}", value.key);
        assert_eq!(
            &row[column("status")],
            if value.value.is_some() {
                "published"
            } else {
                "missing"
            },
            "{}",
            value.key
        );
        assert_eq!(&row[column("iso_week")], "2023-W02");
        compared += 1;
    }
    assert!(compared > 10, "{compared}");
    assert!(pages["statistics/M1.csv"].contains(",284132,"));
    assert!(pages["statistics/M1.json"].contains("284132"));
}

#[test]
fn the_year_chart_keeps_gaps_and_breaks() {
    let (_, pages) = made(30);
    let page = &pages["statistics/M1.en.html"];
    assert!(page.contains("a source changed: before and after do not compare"));
    assert!(page.contains("transcribed figures before, counted here since"));
    assert!(
        page.matches("<polyline").count() > 4,
        "one line through gaps and breaks"
    );
    // The long series is drawn only where it is long, the chart only where there are numbers.
    assert!(page.contains("Since") || page.contains(", 2014 to 2023") || page.contains("to 2023"));
    assert!(!pages["statistics/V5.en.html"].contains("<polyline"));
}

#[test]
fn without_an_address_nothing_needs_one() {
    let mut sample = sample(&specimen::bulletin(), 4, false);
    sample.settings = Settings::default();
    let pages = texts(&publish::pages(&sample.site()).expect("a site"));
    assert!(
        pages
            .keys()
            .all(|name| !name.starts_with("feeds/") && name != "sitemap.xml")
    );
    let home = &pages["index.html"];
    assert!(!home.contains("feeds/") && !home.contains("og:") && !home.contains("canonical"));
    assert!(!pages["robots.txt"].contains("Sitemap"));
    for base in [
        "cert.example",
        "ftp://cert.example/",
        "https://",
        "https://a b/",
        "https://a/?x",
        "https://a/\"x",
    ] {
        let settings = Settings {
            base_url: Some(base.into()),
            ..Settings::default()
        };
        assert!(settings.checked().is_err(), "{base}");
    }
    for tag in ["cert.example", "cert.example,23", ",2023", "a b,2023"] {
        let settings = Settings {
            feed_tag: Some(tag.into()),
            ..Settings::default()
        };
        assert!(settings.checked().is_err(), "{tag}");
    }
}

#[test]
fn what_contradicts_itself_is_refused() {
    let mut sample = sample(&specimen::bulletin(), 3, false);
    let twice = sample.editions[0].clone();
    sample.editions.push(twice);
    assert!(
        publish::pages(&sample.site())
            .expect_err("refused")
            .to_string()
            .contains("is there twice")
    );
    sample.editions.pop();
    sample.editions[0].life.files[0].name = "../x.html".into();
    assert!(
        publish::pages(&sample.site())
            .expect_err("refused")
            .to_string()
            .contains("no plain file name")
    );
    let mut sample = self::sample(&specimen::bulletin(), 3, false);
    sample.current = None;
    assert!(
        publish::pages(&sample.site())
            .expect_err("refused")
            .to_string()
            .contains("is not the newest")
    );
}

#[test]
fn no_text_becomes_markup() {
    let poisoned = sample(&hostile::poisoned(), 5, false);
    let clean = sample(&specimen::bulletin(), 5, false);
    let (poisoned, clean) = (
        publish::pages(&poisoned.site()).expect("a site"),
        publish::pages(&clean.site()).expect("a site"),
    );
    let (poisoned, clean) = (texts(&poisoned), texts(&clean));
    for (name, text) in &poisoned {
        assert!(
            !text.contains('\u{202e}') && !text.contains('\u{0}'),
            "{name}"
        );
        if name.ends_with(".html") {
            let scripts = |text: &str| text.matches("<script").count();
            assert_eq!(scripts(text), scripts(&clean[name]), "{name}");
        }
        if name.ends_with(".js") || name.ends_with(".xml") {
            assert!(
                !text.contains("<script>alert") && !text.contains("</style>"),
                "{name}"
            );
        }
        if name.ends_with(".csv") {
            assert!(!text.contains(",=") && !text.contains("\n="), "{name}");
        }
    }
}

#[test]
fn block_lists_have_a_page_where_they_are_turned_on() {
    let sample = sample(&specimen::bulletin(), 2, false);
    let mut site = sample.site();
    let pages = texts(&publish::pages(&site).expect("a site"));
    for lang in Lang::ALL {
        let code = lang.code();
        let home = if lang == Lang::Zh {
            "index.html"
        } else {
            "index.en.html"
        };
        assert!(pages[home].contains(&format!("href=\"lists.{code}.html\"")));
        let page = &pages[&format!("lists.{code}.html")];
        let count = match lang {
            Lang::Zh => "1284条",
            Lang::En => "1,284 entries",
        };
        for there in [
            count,
            "lists/phishing/rpz.zone",
            "lists/c2/list.stix.json",
            "2023011601",
            "mailto:delist@cert.example",
            "https://cert.example/appeal?about=listing",
            "CC-BY-4.0",
        ] {
            assert!(page.contains(there), "{code}: {there}");
        }
        // How long an entry stands.
        assert!(page.contains(if lang == Lang::Zh {
            "7天后"
        } else {
            "7 days after"
        }));
    }
    assert!(pages["sitemap.xml"].contains("lists.en.html"));
    site.lists = None;
    let pages = texts(&publish::pages(&site).expect("a site"));
    assert!(!pages["index.html"].contains("lists.zh.html"));
    assert!(!pages.contains_key("lists.zh.html") && !pages.contains_key("lists.en.html"));
}

#[test]
fn the_home_page_leads_to_alerts_and_roll_ups() {
    let sample = sample(&specimen::bulletin(), 2, false);
    let mut site = sample.site();
    let pages = texts(&publish::pages(&site).expect("a site"));
    let home = &pages["index.en.html"];
    for link in [
        "flash-2023-2.en.html",
        "flash-2023-1.en.html",
        "monthly-2022-12.en.html",
    ] {
        assert!(home.contains(&format!("href=\"{link}\"")), "{link}");
    }
    // What was taken back says so.
    let line = home
        .split("<li>")
        .find(|line| line.contains("flash-2023-1."));
    assert!(line.is_some_and(|line| line.contains("Withdrawn")));
    let line = home
        .split("<li>")
        .find(|line| line.contains("flash-2023-2."));
    assert!(line.is_some_and(|line| !line.contains("Withdrawn")));
    site.beside = publish::Beside::default();
    let pages = texts(&publish::pages(&site).expect("a site"));
    assert!(!pages["index.en.html"].contains("flash-2023"));
}
