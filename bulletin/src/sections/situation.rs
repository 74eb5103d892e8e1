//! The sentences after the rating: infrastructure, and the main threats in the order of their weight.

use jiff::tz::TimeZone;
use model::bulletin::{Paragraph, Text};
use model::time::Timestamp;

use super::Page;
use super::words::{day, list, say};
use crate::rating::Infrastructure;

/// Infrastructure, in one of two variants (DOMAIN section 1.6): nothing entered, or what happened.
pub fn infrastructure(page: &Page<'_>) -> Paragraph {
    let events = &page.this.infrastructure;
    if events.is_empty() {
        return say(
            page.figures,
            "本周，骨干网、域名解析系统和各省份网络未登记影响较大的事件。",
            "No event of major impact on the backbone, name resolution or provincial networks was recorded this week.",
        );
    }
    let zone = TimeZone::get(&page.this.zone).unwrap_or(TimeZone::UTC);
    let told: Vec<Text> = events.iter().map(|event| told(event, &zone)).collect();
    let zh: Vec<&str> = told.iter().map(|text| text.zh.as_str()).collect();
    let en: Vec<&str> = told.iter().map(|text| text.en.as_str()).collect();
    let en_head = match events.len() {
        1 => "One infrastructure event was recorded this week".to_owned(),
        more => format!("{more} infrastructure events were recorded this week"),
    };
    Paragraph::words(Text::new(
        format!(
            "基础设施方面，本周登记事件{}起：{}。",
            events.len(),
            zh.join("；")
        ),
        format!("{en_head}: {}.", en.join("; ")),
    ))
}

fn told(event: &Infrastructure, zone: &TimeZone) -> Text {
    let grade = event.grade_words();
    let at = |micros: i64| {
        Timestamp(micros)
            .to_jiff()
            .map(|at| at.to_zoned_datetime(zone.clone()))
    };
    let date = |micros: i64| at(micros).map(|at| at.date());
    let clock = |micros: i64| {
        let (hour, minute) = at(micros).map_or((0, 0), |at| (at.hour(), at.minute()));
        Text::new(
            format!("{hour}时{minute:02}分"),
            format!("{hour:02}:{minute:02}"),
        )
    };
    let full = |micros: i64| {
        let (day, clock) = (date(micros).map(day).unwrap_or_default(), clock(micros));
        Text::new(
            format!("{}{}", day.zh, clock.zh),
            format!("{} {}", day.en, clock.en),
        )
    };
    let start = full(event.start_at);
    let end = match event.end_at {
        Some(end) => {
            let end = if date(end) == date(event.start_at) {
                clock(end)
            } else {
                full(end)
            };
            Text::new(format!("至{}", end.zh), format!(" to {}", end.en))
        }
        None => Text::new("起，尚未结束", ", still going on"),
    };
    let effect = |text: &str, comma: &str| {
        if text.is_empty() {
            String::new()
        } else {
            format!("{comma}{text}")
        }
    };
    Text::new(
        format!(
            "{}{}（等级{}，{}{}{}）",
            event.place.zh,
            event.name.zh,
            grade.zh,
            start.zh,
            end.zh,
            effect(&event.effect.zh, "，")
        ),
        format!(
            "{}, {} (grade {}, {}{}{})",
            event.name.en,
            event.place.en,
            grade.en,
            start.en,
            end.en,
            effect(&event.effect.en, ", ")
        ),
    )
}

/// A kind of threat: the indicators that weigh it, whom it hits, how it is named.
struct Threat {
    indicators: &'static [&'static str],
    zh: &'static str,
    en: &'static str,
}

/// The kinds, in the order that holds when nothing tells their weight.
const THREATS: [Threat; 4] = [
    Threat {
        indicators: &["V2"],
        zh: "面向政府部门和企业的高危漏洞",
        en: "high-risk vulnerabilities (government and enterprises)",
    },
    Threat {
        indicators: &["M1", "H1", "H2"],
        zh: "面向企业和用户的恶意程序传播",
        en: "the spread of malware (enterprises and users)",
    },
    Threat {
        indicators: &["W1", "W2", "W3", "W4"],
        zh: "面向政府部门和企业网站的攻击",
        en: "attacks on websites (government and enterprises)",
    },
    Threat {
        indicators: &["W5"],
        zh: "面向用户的仿冒页面",
        en: "phishing pages (users)",
    },
];

/// The threats that are seen this week: those furthest above their baseline first.
pub fn threats(page: &Page<'_>) -> Option<Paragraph> {
    let weight = |threat: &Threat| {
        let rating = page.this.rating.as_ref()?;
        let of = |id: &&str| {
            rating
                .indicators
                .iter()
                .find(|row| row.statistic == **id)?
                .ln_ratio
                .map(|ln| ln.to_f64())
        };
        threat.indicators.iter().filter_map(of).reduce(f64::max)
    };
    let seen = |threat: &&Threat| {
        threat
            .indicators
            .iter()
            .any(|id| page.figures.count(id).is_some_and(|count| count > 0))
    };
    let mut found: Vec<(Option<f64>, &Threat)> = THREATS
        .iter()
        .filter(seen)
        .map(|threat| (weight(threat), threat))
        .collect();
    if found.is_empty() {
        return None;
    }
    let weighed = found.iter().filter(|(weight, _)| weight.is_some()).count() > 1;
    // What cannot be weighed follows what can; the sort keeps the order of the table among equals.
    found.sort_by(|(a, _), (b, _)| {
        b.unwrap_or(f64::NEG_INFINITY)
            .total_cmp(&a.unwrap_or(f64::NEG_INFINITY))
    });
    let names: Vec<Text> = found
        .iter()
        .map(|(_, threat)| Text::new(threat.zh, threat.en))
        .collect();
    let names = if names.len() > 1 {
        let (last, rest) = (
            names.last().cloned().unwrap_or_default(),
            &names[..names.len() - 1],
        );
        let join = |glue: &str, lang: fn(&Text) -> &str| {
            rest.iter().map(lang).collect::<Vec<_>>().join(glue)
        };
        Text::new(
            format!("{}、{}", join("、", |t| &t.zh), last.zh),
            format!("{}; {}", join("; ", |t| &t.en), last.en),
        )
    } else {
        list(&names)
    };
    Some(if weighed {
        say(
            page.figures,
            &format!("本周主要威胁，按相对常态的程度依次为：{}。", names.zh),
            &format!(
                "Main threats this week, furthest above their usual level first: {}.",
                names.en
            ),
        )
    } else {
        say(
            page.figures,
            &format!("本周主要威胁：{}。", names.zh),
            &format!("Main threats this week: {}.", names.en),
        )
    })
}
