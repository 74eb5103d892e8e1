//! The slips that published issues of the real series carry (DOMAIN rule 1.4b): each is found.

use super::*;

/// Weeks as the real series printed them: the figures that the slip is about.
fn printed(monday: jiff::civil::Date, like: &FrozenWeek, figures: &[(&str, &str)]) -> FrozenWeek {
    let map: serde_json::Map<String, serde_json::Value> = figures
        .iter()
        .map(|(column, text)| {
            (
                (*column).to_owned(),
                serde_json::Value::String((*text).to_owned()),
            )
        })
        .collect();
    let week = ReportingWeek::containing(monday);
    FrozenWeek {
        issue: model::issue::NumberingScheme::SundayOrdinal
            .issue(week)
            .expect("numbered"),
        week,
        coverage: Vec::new(),
        values: history::values_of(&map),
        beside: Vec::new(),
        ..like.clone()
    }
}

fn of_history(weeks: &[(jiff::civil::Date, &[(&str, &str)])]) -> Case {
    let mut case = Case::sound();
    let mut made: Vec<FrozenWeek> = weeks
        .iter()
        .map(|(monday, figures)| printed(*monday, &case.frozen, figures))
        .collect();
    case.frozen = made.remove(0);
    case.past = made;
    case.baseline = None;
    case.editorial = Editorial::default();
    case.feeds.clear();
    case.published = case.past.iter().map(|week| week.issue).collect();
    case.files.clear();
    case.place();
    // The rating is that of the week whose figures were replaced.
    case.bulletin.rating.working.rows.clear();
    case.outputs.clear();
    case
}

/// DOMAIN 1.4b: the week of 2015-09-21 printed changes of vulnerabilities against the week before last.
#[test]
fn slip_wrong_baseline_week() {
    use jiff::civil::date;
    let mut case = of_history(&[
        (
            date(2015, 9, 21),
            &[("vulns", "184"), ("vulns_high", "51"), ("defaced", "4540")],
        ),
        (
            date(2015, 9, 14),
            &[("vulns", "107"), ("vulns_high", "52"), ("defaced", "3051")],
        ),
        (
            date(2015, 9, 7),
            &[("vulns", "144"), ("vulns_high", "65"), ("defaced", "3132")],
        ),
    ]);
    assert!(of(&case.lint(), "baseline").is_empty());
    assert_eq!(
        case.bulletin.value("V1").expect("listed").change.text.zh,
        "72.0%"
    );
    let before_last = names(|names| Figures::of(&case.frozen, Some(&case.past[1]), names));
    for key in ["V1", "V2"] {
        let wrong = before_last.get(key).expect("printed").clone();
        case.value(key).change = wrong.change;
    }
    assert_eq!(case.value("V1").change.text.zh, "27.8%");
    assert_eq!(case.value("V2").change.text.zh, "21.5%");
    let found = case.lint();
    let found = of(&found, "baseline");
    assert_eq!(found.len(), 2);
    for finding in found {
        assert_eq!(finding.severity, Severity::Blocks);
        assert!(
            finding.text.en.contains("fits the week of 2015-09-07"),
            "{}",
            finding.text.en
        );
        assert!(
            finding.text.en.contains("72.0%") || finding.text.en.contains("1.9%"),
            "{}",
            finding.text.en
        );
    }
}

/// DOMAIN 1.4b: a caption with 501 domains beside 2,114 in the text (2014-09-08).
#[test]
fn slip_caption_and_text_disagree() {
    use jiff::civil::date;
    let mut case = of_history(&[
        (
            date(2014, 9, 8),
            &[
                ("host_domains", "2114"),
                ("host_ips", "383"),
                ("defaced", "5726"),
            ],
        ),
        (
            date(2014, 9, 1),
            &[
                ("host_domains", "1980"),
                ("host_ips", "390"),
                ("defaced", "6940"),
            ],
        ),
    ]);
    let charts = |case: &mut Case| -> usize {
        let mut all = case
            .bulletin
            .sections
            .iter_mut()
            .flat_map(|section| &mut section.charts);
        let chart = all
            .find(|chart| chart.query.contains("H1"))
            .expect("a chart of hosting domains");
        chart.title = Text::new("放马站点域名501个", "501 malware-hosting domains");
        501
    };
    assert!(
        case.lint()
            .iter()
            .all(|finding| finding.severity == Severity::Asks),
        "{:#?}",
        case.lint()
    );
    charts(&mut case);
    let found = case.lint();
    assert!(
        of(&found, "caption")
            .iter()
            .any(|finding| finding.text.zh.contains("501")),
        "{found:#?}"
    );
    // The same slip as a mark of the chart that refers to the figure.
    let mut case = Case::sound();
    let chart = case
        .bulletin
        .sections
        .iter_mut()
        .flat_map(|section| &mut section.charts)
        .find(|chart| chart.id == "website-counts")
        .expect("there");
    let cell = chart
        .table
        .rows
        .iter_mut()
        .flat_map(|row| &mut row.cells)
        .find(|cell| cell.value.is_some())
        .expect("a number");
    cell.text = Text::same("501");
    assert!(!of(&case.lint(), "print").is_empty());
}

/// DOMAIN 1.4b: a line of defaced government sites was labelled backdoored.
#[test]
fn slip_swapped_label() {
    let mut case = Case::sound();
    let wrong = say(
        &case.figures(),
        "被植入后门的政府网站{W2|个}。",
        "{W2} of the backdoored sites belong to government.",
    );
    case.bulletin.sections[2].paragraphs.push(wrong);
    let found = case.lint();
    let found = of(&found, "label");
    assert_eq!(found.len(), 2, "in both languages: {found:#?}");
    assert!(
        found
            .iter()
            .all(|finding| finding.severity == Severity::Blocks)
    );
    assert!(
        found[0].text.zh.contains("W2") && found[0].text.zh.contains("后门"),
        "{}",
        found[0].text.zh
    );
}

/// DOMAIN 1.4b: 645 backdoored sites in two different weeks.
#[test]
fn slip_the_same_figure_in_two_weeks() {
    use jiff::civil::date;
    let case = of_history(&[
        (
            date(2016, 3, 14),
            &[("backdoored", "645"), ("defaced", "1100")],
        ),
        (
            date(2016, 3, 7),
            &[("backdoored", "710"), ("defaced", "1200")],
        ),
        (
            date(2016, 2, 29),
            &[("backdoored", "645"), ("defaced", "1300")],
        ),
    ]);
    let found = case.lint();
    let found = of(&found, "repeat");
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(
        found[0].text.en.contains("645") && found[0].text.en.contains("2016-02-29"),
        "{}",
        found[0].text.en
    );
    // The word of one week answers for no other.
    let other = of_history(&[
        (
            date(2016, 3, 21),
            &[("backdoored", "645"), ("defaced", "1150")],
        ),
        (
            date(2016, 3, 14),
            &[("backdoored", "645"), ("defaced", "1100")],
        ),
    ]);
    let again = other.lint();
    assert_ne!(
        of(&again, "repeat")[0].fingerprint(),
        found[0].fingerprint()
    );
}

/// DOMAIN 1.4b: 6.2 pages to an address were printed as 5.
#[test]
fn slip_a_wrong_quotient() {
    let mut case = Case::sound();
    let amount = case.amount("W7");
    amount.exact = Exact::Ratio {
        numerator: 620,
        denominator: 100,
    };
    amount.number = Some(Decimal::count(5));
    amount.text = Text::new("约5", "about 5");
    let found = case.lint();
    let found = of(&found, "quotient");
    assert_eq!(found[0].severity, Severity::Blocks);
    assert_eq!(found[0].text.en, "W7 prints 5, 620/100 is 6");
}

/// A stale figure: last week's number printed again.
#[test]
fn slip_a_stale_figure() {
    let mut case = Case::sound();
    let last = case.value("W5").previous.clone().expect("there");
    case.value("W5").value = Some(last);
    let found = case.lint();
    let found = of(&found, "frozen");
    assert!(
        found.len() == 1 && found[0].text.en.contains("300") && found[0].text.en.contains("330"),
        "{found:#?}"
    );
}

/// DOMAIN 1.4b: a part larger than its whole.
#[test]
fn slip_a_part_larger_than_its_whole() {
    use jiff::civil::date;
    let case = of_history(&[
        (
            date(2016, 3, 14),
            &[
                ("backdoored", "645"),
                ("backdoored_gov", "654"),
                ("vulns", "100"),
                ("vulns_high", "101"),
            ],
        ),
        (
            date(2016, 3, 7),
            &[
                ("backdoored", "710"),
                ("backdoored_gov", "21"),
                ("vulns", "90"),
                ("vulns_high", "30"),
            ],
        ),
    ]);
    let found = case.lint();
    let objects: Vec<&str> = of(&found, "part")
        .iter()
        .map(|finding| finding.object.as_str())
        .collect();
    assert_eq!(objects, ["W4", "V2"]);
}
