//! V1 to V6: newly recorded vulnerabilities (DOMAIN section 1.4), and the kinds of affected object.

use model::statistic::{
    Formula, Observed, PartRule, Presentation, Sense, Statistic, TerritoryRule, Window, Words,
};

const RECORDS: Words = Words::new("个", "records");
const RECORD: Words = Words::new("CNVD编号", "CNVD id");

const fn record(
    id: &'static str,
    name: Words,
    fields: &'static [&'static str],
    formula: Formula,
    print: Presentation,
    remark: Words,
) -> Statistic {
    let counts = matches!(formula, Formula::Count(_));
    Statistic {
        id,
        version: 1,
        before: None,
        name,
        unit: RECORDS,
        key: RECORD,
        window: Window::Week,
        territory: TerritoryRule::Anywhere,
        observed: Observed::VulnerabilityRecord,
        fields,
        formula,
        print,
        // What is recorded says how much was found, not how bad the week was.
        sense: Sense::Neutral,
        compared: counts,
        parts: &[],
        remark,
    }
}

const NOTHING: Words = Words::new("", "");

/// The family's statistics.
pub const STATISTICS: &[Statistic] = &[
    Statistic {
        parts: &[PartRule {
            id: "unrated",
            name: Words::new("未定级漏洞", "Vulnerabilities without a level"),
            unit: RECORDS,
            fields: &[],
            formula: Formula::Count("vulnerability.severity/unrated"),
            print: Presentation::Integer,
            sense: Sense::Neutral,
        }],
        ..record(
            "V1",
            Words::new("新收录漏洞", "New vulnerabilities"),
            &[],
            Formula::Count("vulnerability.record"),
            Presentation::Integer,
            Words::new(
                "国家信息安全漏洞共享平台在本周公开的记录；其他目录（如KEV）不计入。",
                "Records the national database (CNVD) opened in the week; other catalogs such as KEV do not count.",
            ),
        )
    },
    record(
        "V2",
        Words::new("高危漏洞", "High-risk vulnerabilities"),
        &["severity"],
        Formula::Count("vulnerability.severity/high"),
        Presentation::Integer,
        NOTHING,
    ),
    record(
        "V3",
        Words::new("中危漏洞", "Medium-risk vulnerabilities"),
        &["severity"],
        Formula::Count("vulnerability.severity/medium"),
        Presentation::Integer,
        NOTHING,
    ),
    record(
        "V4",
        Words::new("低危漏洞", "Low-risk vulnerabilities"),
        &["severity"],
        Formula::Count("vulnerability.severity/low"),
        Presentation::Integer,
        NOTHING,
    ),
    Statistic {
        unit: NOTHING,
        ..record(
            "V5",
            Words::new("漏洞整体评价级别", "Vulnerability level"),
            &[],
            Formula::Level {
                over: &["V1", "V2"],
            },
            Presentation::Word,
            Words::new(
                "独立于总体态势评价的标度。",
                "A scale of its own, apart from the overall rating.",
            ),
        )
    },
    Statistic {
        unit: Words::new("%", "%"),
        ..record(
            "V6",
            Words::new("漏洞影响对象类型", "Vulnerabilities by affected object"),
            &["object_type"],
            Formula::Division {
                family: "vulnerability.object",
                whole: "vulnerability.record",
            },
            Presentation::PercentOneDecimal,
            NOTHING,
        )
    },
];

/// Kinds of affected object: stable id, printed name, and marks by which a source's words are told.
const OBJECTS: &[(&str, Words, &[&str])] = &[
    (
        "web-application",
        Words::new("Web应用", "Web applications"),
        &["web"],
    ),
    (
        "network-equipment",
        Words::new("网络设备", "Network equipment"),
        &["网络设备", "network"],
    ),
    (
        "operating-system",
        Words::new("操作系统", "Operating systems"),
        &["操作系统", "operating system"],
    ),
    (
        "security-product",
        Words::new("安全产品", "Security products"),
        &["安全产品", "security product"],
    ),
    (
        "database",
        Words::new("数据库", "Databases"),
        &["数据库", "database"],
    ),
    (
        "smart-device",
        Words::new("智能设备", "Smart devices"),
        &["智能设备", "物联网", "smart device", "iot"],
    ),
    (
        "industrial-control",
        Words::new("工业控制系统", "Industrial control systems"),
        &["工业控制", "工控", "industrial"],
    ),
    (
        "application",
        Words::new("应用程序", "Applications"),
        &["应用程序", "application"],
    ),
];

/// The stable id of a kind of object in a source's words; the words themselves where it is none of
/// the known kinds.
pub fn object_kind(words: &str) -> &str {
    let lower = words.to_lowercase();
    let known = OBJECTS
        .iter()
        .find(|(id, _, marks)| *id == lower || marks.iter().any(|mark| lower.contains(mark)));
    known.map_or(words, |(id, ..)| id)
}

/// Printed name of a kind of object, if it is one of the known.
pub fn object_name(id: &str) -> Option<Words> {
    OBJECTS
        .iter()
        .find(|(known, ..)| *known == id)
        .map(|(_, name, _)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_of_object_are_told_by_their_words() {
        for (words, id) in [
            ("应用程序", "application"),
            ("WEB应用", "web-application"),
            (
                "网络设备（交换机、路由器等网络端设备）",
                "network-equipment",
            ),
            ("操作系统", "operating-system"),
            ("智能设备（物联网终端设备）", "smart-device"),
            ("web application", "web-application"),
            ("application", "application"),
            ("车联网", "车联网"),
        ] {
            assert_eq!(object_kind(words), id, "{words}");
        }
        assert_eq!(
            object_name("application").map(|name| name.en),
            Some("Applications")
        );
        assert!(OBJECTS.iter().all(|(id, ..)| object_kind(id) == *id));
    }
}
