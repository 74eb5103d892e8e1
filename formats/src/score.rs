//! CVSS scores of a vulnerability record: which of several stands, and the severity that it means.
//! Scores are taken as published, never computed from their vectors.

use model::field::Field;
use serde_json::Number;

use crate::draft::Draft;
use crate::json::tree::Json;

/// Sets severity, score and vector from the published CVSS objects (`version`, `vectorString`,
/// `baseScore`, `baseSeverity`): of several the one of the newest CVSS version, and of those the
/// first.
pub(crate) fn set<'j>(draft: &mut Draft, scores: impl Iterator<Item = Json<'j>>) {
    let version = |score: Json<'_>| {
        let text = score.member("version").string().unwrap_or("0");
        text.parse::<f64>().unwrap_or(0.0)
    };
    let mut best: Option<Json<'_>> = None;
    for score in scores.filter(|score| score.member("baseScore").number().is_some()) {
        if best.is_none_or(|best| version(score) > version(best)) {
            best = Some(score);
        }
    }
    let Some(best) = best else { return };
    let base = best.member("baseScore").number();
    let base = base.and_then(Number::as_f64).unwrap_or(0.0);
    match best.member("baseSeverity").string() {
        Some(severity) => draft.keep(Field::Severity, severity),
        None => draft.keep(Field::Severity, severity(base, version(best) < 3.0)),
    }
    draft.extra("cvss_score", best.member("baseScore"));
    draft.extra("cvss_vector", best.member("vectorString"));
    draft.extra("cvss_version", best.member("version"));
}

/// The qualitative severity of a base score: CVSS v3.1 section 5 (v4.0 section 6 has the same
/// steps); version 2 has none of its own, so NVD's three stand in.
fn severity(base: f64, two: bool) -> &'static str {
    match base {
        _ if two && base >= 7.0 => "high",
        9.0.. => "critical",
        7.0.. => "high",
        4.0.. => "medium",
        0.1.. => "low",
        _ if two => "low",
        _ => "info",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_those_of_the_standard() {
        for (base, expected) in [
            (0.0, "info"),
            (0.1, "low"),
            (3.9, "low"),
            (4.0, "medium"),
            (6.9, "medium"),
            (7.0, "high"),
            (9.0, "critical"),
            (10.0, "critical"),
        ] {
            assert_eq!(severity(base, false), expected, "{base}");
        }
        assert_eq!((severity(0.0, true), severity(9.9, true)), ("low", "high"));
    }
}
