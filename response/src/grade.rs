//! Grades: how grave an incident is by the schemes in force, as versioned tables that are data
//! (DOMAIN 4.3). A grade comes with the row that decided it, and with the rows that would have decided
//! otherwise were they confirmed: what is only remembered never decides unless the workspace says so.
//!
//! Pure: the facts are what a person says of the incident; nothing is measured here.

use std::collections::{BTreeMap, BTreeSet};

use model::grade::{Extent, Grade, Importance, Loss, Mark, Measure, Standing};
use serde::{Deserialize, Serialize};

/// The schemes that come with the software.
pub const BUILT_IN: [&str; 3] = [
    include_str!("grade/gbz-20986-2007.toml"),
    include_str!("grade/miit-2017.toml"),
    include_str!("grade/guide-2025.toml"),
];

/// What is known of an incident for grading. What is not known decides nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Facts {
    /// Importance of the affected system.
    pub importance: Option<Importance>,
    /// Its loss.
    pub loss: Option<Loss>,
    /// How far an outage or outbreak reaches.
    pub extent: Option<Extent>,
    /// What was measured, in the unit of each measure.
    pub measured: BTreeMap<Measure, u64>,
    /// What is so.
    pub marks: BTreeSet<Mark>,
}

/// One condition of a row.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum Condition {
    Importance { importance: Importance },
    Loss { loss: Loss },
    Reaches { reaches: Extent },
    Mark { mark: Mark },
    AtLeast { measure: Measure, at_least: u64 },
    Over { measure: Measure, over: u64 },
}

impl Condition {
    fn holds(&self, facts: &Facts) -> bool {
        let measured = |measure: &Measure| facts.measured.get(measure).copied();
        match self {
            Condition::Importance { importance } => facts.importance == Some(*importance),
            Condition::Loss { loss } => facts.loss == Some(*loss),
            Condition::Reaches { reaches } => facts.extent.is_some_and(|own| own >= *reaches),
            Condition::Mark { mark } => facts.marks.contains(mark),
            Condition::AtLeast { measure, at_least } => {
                measured(measure).is_some_and(|own| own >= *at_least)
            }
            Condition::Over { measure, over } => measured(measure).is_some_and(|own| own > *over),
        }
    }
}

/// One row of a scheme.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// Its name within the scheme.
    pub id: String,
    /// The grade it gives.
    pub grade: Grade,
    /// How well it is known.
    pub standing: Standing,
    /// Where it was read, if not where the scheme was.
    #[serde(default)]
    pub source: Option<String>,
    /// What else is to be said of it.
    #[serde(default)]
    pub note: Option<String>,
    when: Vec<Condition>,
    /// Whether it decides.
    #[serde(skip)]
    pub active: bool,
}

/// A scheme.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scheme {
    /// Its name with its version.
    pub id: String,
    /// Its name in Chinese.
    pub zh: String,
    /// Its name in English.
    pub en: String,
    /// Where its rows were read.
    pub source: String,
    row: Vec<Row>,
}

/// The tables cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BadTable {
    /// The text is no scheme.
    #[error("grading table: {0}")]
    Text(#[from] toml::de::Error),
    /// A row says something that cannot be.
    #[error("grading table {scheme}, row {row}: {reason}")]
    Row {
        /// The scheme.
        scheme: String,
        /// The row.
        row: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// What the workspace chooses is none of what there is.
    #[error("`{chosen}` is no scheme and no row of one: write {known}, or one with /* or /ROW")]
    Choice {
        /// What was written.
        chosen: String,
        /// The schemes there are.
        known: String,
    },
}

/// What a scheme says of an incident.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Graded {
    /// The scheme.
    pub scheme: String,
    /// The grade; `None`: no active row fits what is known.
    pub grade: Option<Grade>,
    /// The row that decided.
    pub row: Option<String>,
    /// Where that row was read.
    pub source: Option<String>,
    /// Rows that fit and are graver, and do not decide because they are not confirmed: row, grade,
    /// standing.
    pub unconfirmed: Vec<(String, Grade, Standing)>,
}

impl Scheme {
    /// Reads a scheme; confirmed rows are active.
    ///
    /// # Errors
    /// What is wrong, and in which row.
    pub fn read(text: &str) -> Result<Self, BadTable> {
        let mut scheme: Scheme = toml::from_str(text)?;
        let mut names = BTreeSet::new();
        for row in &mut scheme.row {
            row.active = row.standing == Standing::Confirmed;
            let reason = match (row.when.is_empty(), names.insert(row.id.clone())) {
                (true, _) => "asks for nothing, so that it would fit everything",
                (_, false) => "stands there twice",
                _ => continue,
            };
            return Err(BadTable::Row {
                scheme: scheme.id,
                row: row.id.clone(),
                reason,
            });
        }
        Ok(scheme)
    }

    /// Its rows in the order of the table.
    pub fn rows(&self) -> &[Row] {
        &self.row
    }

    /// The gravest active row that fits decides; of rows of one grade the first.
    pub fn grade(&self, facts: &Facts) -> Graded {
        let fits = |row: &&Row| row.when.iter().all(|one| one.holds(facts));
        let fitting: Vec<&Row> = self.row.iter().filter(fits).collect();
        let active = fitting.iter().filter(|row| row.active);
        let decided = active.min_by_key(|row| row.grade).copied();
        let graver =
            |row: &&&Row| !row.active && decided.is_none_or(|decided| row.grade < decided.grade);
        Graded {
            scheme: self.id.clone(),
            grade: decided.map(|row| row.grade),
            row: decided.map(|row| row.id.clone()),
            source: decided.map(|row| row.source.clone().unwrap_or_else(|| self.source.clone())),
            unconfirmed: fitting
                .iter()
                .filter(graver)
                .map(|row| (row.id.clone(), row.grade, row.standing))
                .collect(),
        }
    }
}

/// The schemes that a workspace chooses: `ID` takes a scheme's confirmed rows, `ID/ROW` also that row,
/// `ID/*` all its rows. An empty choice takes the confirmed rows of all.
///
/// # Errors
/// A built-in table is wrong, or the choice names what is not there.
pub fn schemes(chosen: &[String]) -> Result<Vec<Scheme>, BadTable> {
    let all: Vec<Scheme> = BUILT_IN
        .iter()
        .map(|text| Scheme::read(text))
        .collect::<Result<_, _>>()?;
    if chosen.is_empty() {
        return Ok(all);
    }
    let known: Vec<_> = all.iter().map(|scheme| scheme.id.clone()).collect();
    let mut out: Vec<Scheme> = Vec::new();
    for choice in chosen {
        let wrong = || BadTable::Choice {
            chosen: choice.clone(),
            known: known.join(", "),
        };
        let (id, row) = match choice.split_once('/') {
            Some((id, row)) => (id, Some(row)),
            None => (choice.as_str(), None),
        };
        if !out.iter().any(|scheme| scheme.id == id) {
            let scheme = all.iter().find(|scheme| scheme.id == id);
            out.push(scheme.ok_or_else(wrong)?.clone());
        }
        let scheme = out.iter_mut().find(|scheme| scheme.id == id);
        let (Some(row), Some(scheme)) = (row, scheme) else {
            continue;
        };
        let mut some = false;
        for one in scheme
            .row
            .iter_mut()
            .filter(|one| row == "*" || one.id == row)
        {
            one.active = true;
            some = true;
        }
        if !some {
            return Err(wrong());
        }
    }
    Ok(out)
}

/// What all schemes say, and the gravest of their grades: the one that clocks go by.
pub fn grade(schemes: &[Scheme], facts: &Facts) -> (Option<Grade>, Vec<Graded>) {
    let all: Vec<_> = schemes.iter().map(|scheme| scheme.grade(facts)).collect();
    (all.iter().filter_map(|one| one.grade).min(), all)
}

#[cfg(test)]
mod tests {
    use model::worded::Word;

    use super::*;

    fn all() -> Vec<Scheme> {
        schemes(&[]).unwrap()
    }

    fn by(id: &str, facts: &Facts) -> Graded {
        let all = all();
        all.iter()
            .find(|scheme| scheme.id == id)
            .unwrap()
            .grade(facts)
    }

    fn number(graded: &Graded) -> Option<u8> {
        graded.grade.map(Grade::number)
    }

    #[test]
    fn the_matrix_gives_every_pair_one_grade_and_falls_with_both_sides() {
        let mut last = BTreeMap::new();
        for importance in Importance::ALL {
            for loss in Loss::ALL {
                let facts = Facts {
                    importance: Some(*importance),
                    loss: Some(*loss),
                    ..Facts::default()
                };
                let graded = by("gbz-20986-2007", &facts);
                let own = number(&graded).unwrap_or_else(|| panic!("{importance} {loss}"));
                last.insert((*importance, *loss), own);
            }
        }
        // The three rows that DOMAIN 4.3 spells out, and the corner of the rest.
        use {Importance as I, Loss as L};
        assert_eq!(last[&(I::EspeciallyImportant, L::EspeciallySevere)], 1);
        assert_eq!(last[&(I::Important, L::EspeciallySevere)], 2);
        assert_eq!(last[&(I::General, L::EspeciallySevere)], 3);
        assert_eq!(last[&(I::Important, L::Larger)], 4);
        for ((importance, loss), own) in &last {
            for ((other, more), graver) in &last {
                if other >= importance && more >= loss {
                    assert!(graver <= own, "{importance} {loss} against {other} {more}");
                }
            }
        }
    }

    #[test]
    fn half_a_pair_decides_nothing() {
        let facts = Facts {
            importance: Some(Importance::Important),
            ..Facts::default()
        };
        let graded = by("gbz-20986-2007", &facts);
        assert_eq!((graded.grade, graded.row), (None, None));
    }

    #[test]
    fn thresholds_hold_at_their_number_and_not_below() {
        let persons = |count| {
            let mut facts = Facts::default();
            facts.measured.insert(Measure::PersonsData, count);
            number(&by("miit-2017", &facts))
        };
        assert_eq!(persons(99_999), None);
        assert_eq!(persons(100_000), Some(4));
        assert_eq!(persons(1_000_000), Some(3));
        assert_eq!(persons(9_999_999), Some(3));
        assert_eq!(persons(10_000_000), Some(2));
        assert_eq!(persons(100_000_000), Some(1));
        // More than half is over 50, not at 50.
        let share = |percent| {
            let mut facts = Facts::default();
            facts.measured.insert(Measure::ProvincePercent, percent);
            number(&by("guide-2025", &facts))
        };
        assert_eq!((share(50), share(51)), (None, Some(1)));
    }

    #[test]
    fn what_is_only_remembered_is_said_and_does_not_decide_until_it_is_chosen() {
        let mut facts = Facts::default();
        facts.measured.insert(Measure::Yuan, 20_000_000);
        let graded = by("guide-2025", &facts);
        assert_eq!(graded.grade, None);
        let told: Vec<_> = graded
            .unconfirmed
            .iter()
            .map(|one| one.0.as_str())
            .collect();
        assert_eq!(told, ["II-yuan", "III-yuan"]);
        let one = schemes(&["guide-2025/II-yuan".to_owned()]).unwrap();
        assert_eq!(number(&one[0].grade(&facts)), Some(2));
        let whole = schemes(&["guide-2025/*".to_owned()]).unwrap();
        assert_eq!(grade(&whole, &facts).0.map(Grade::number), Some(2));
        let plain = schemes(&["guide-2025".to_owned()]).unwrap();
        assert_eq!(grade(&plain, &facts).0, None);
        for wrong in ["guide-2024", "guide-2025/V-yuan"] {
            let told = schemes(&[wrong.to_owned()]).unwrap_err().to_string();
            assert!(told.contains(wrong) && told.contains("miit-2017"), "{told}");
        }
    }

    #[test]
    fn extent_counts_only_with_its_mark_and_the_gravest_scheme_wins() {
        let mut facts = Facts {
            extent: Some(Extent::SeveralProvinces),
            ..Facts::default()
        };
        assert_eq!(number(&by("miit-2017", &facts)), None);
        facts.marks.insert(Mark::Outage);
        let graded = by("miit-2017", &facts);
        assert_eq!(
            (number(&graded), graded.row.as_deref()),
            (Some(2), Some("II-outage"))
        );
        facts.importance = Some(Importance::General);
        facts.loss = Some(Loss::Small);
        let (gravest, each) = grade(&all(), &facts);
        assert_eq!((gravest.map(Grade::number), each.len()), (Some(2), 3));
    }

    #[test]
    fn every_row_has_a_source_and_only_confirmed_ones_are_active() {
        for scheme in all() {
            assert!(!scheme.source.is_empty());
            for row in scheme.rows() {
                assert_eq!(
                    row.active,
                    row.standing == Standing::Confirmed,
                    "{}",
                    row.id
                );
            }
        }
    }

    #[test]
    fn a_row_that_asks_for_nothing_and_one_that_stands_twice_are_refused() {
        let head = "id='x'\nzh='x'\nen='x'\nsource='x'\n";
        let row = "[[row]]\nid='a'\ngrade=1\nstanding='confirmed'\nwhen=[{mark='outage'}]\n";
        assert!(Scheme::read(&format!("{head}{row}")).is_ok());
        assert!(Scheme::read(&format!("{head}{row}{row}")).is_err());
        let empty = row.replace("[{mark='outage'}]", "[]");
        assert!(Scheme::read(&format!("{head}{empty}")).is_err());
        assert!(Scheme::read(&format!("{head}{}", row.replace("grade=1", "grade=5"))).is_err());
    }

    #[test]
    fn facts_round_trip_as_json() {
        let mut facts = Facts {
            loss: Some(Loss::Severe),
            ..Facts::default()
        };
        facts.measured.insert(Measure::Views, 7);
        facts.marks.insert(Mark::Outbreak);
        let text = serde_json::to_string(&facts).unwrap();
        assert!(text.contains("\"views\":7"), "{text}");
        assert_eq!(serde_json::from_str::<Facts>(&text).unwrap(), facts);
    }
}
