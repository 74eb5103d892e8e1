//! Statutory clocks: which duty to report an incident starts when, and until when (DOMAIN 4.4). The
//! laws are data, one file a jurisdiction; every row bears its source and how well it is known, and one
//! that is not confirmed starts no clock unless the workspace names it.
//!
//! Deadlines are calendar time: they never pause, for no night and for no holiday. A clock ends when a
//! named person says that the duty is done or waived, and why; the machine only counts and escalates.
//! What a duty's report says is a table too, which [`form`] fills.

pub mod form;

use std::collections::BTreeSet;
use std::sync::LazyLock;

use jiff::ToSpan;
use ledger::clock::{Clock, ClockState, Ending, Escalation, NewClock};
use ledger::{Incident, Reach};
use model::grade::{Grade, Operator, Standing};
use model::ids::IncidentId;
use model::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::grade::{Facts, Graded, Scheme};
use crate::{Desk, Error, Result};

/// The laws that come with the software.
pub const BUILT_IN: [&str; 2] = [
    include_str!("duty/cn-2025.toml"),
    include_str!("duty/nis2.toml"),
];
/// The laws of a workspace that chooses none.
pub const DEFAULT: &str = "cn-2025";
/// The `after` of a duty that begins when the incident is over.
pub const END: &str = "end";
/// Who counts when the machine does.
pub const ACTOR: &str = "system:clock";

/// One duty of a law.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Duty {
    /// Its name within the law.
    pub id: String,
    /// On whom it lies; `None`: on everybody.
    #[serde(default)]
    pub operator: Option<Operator>,
    /// The least grave grade that it holds for.
    pub from: Grade,
    /// The duty whose end starts it, or [`END`]; `None`: knowing of the incident.
    #[serde(default)]
    pub after: Option<String>,
    #[serde(default)]
    minutes: Option<u32>,
    #[serde(default)]
    days: Option<u32>,
    #[serde(default)]
    months: Option<u32>,
    /// To whom it is to be reported, in Chinese.
    pub to_zh: String,
    /// To whom it is to be reported, in English.
    pub to_en: String,
    /// How well it is known.
    pub standing: Standing,
    /// What else is to be said of it.
    #[serde(default)]
    pub note: Option<String>,
    /// Whether it starts clocks.
    #[serde(skip)]
    pub active: bool,
}

/// A law.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Law {
    /// Its name.
    pub id: String,
    /// Where it holds.
    pub jurisdiction: String,
    /// Its name in Chinese.
    pub zh: String,
    /// Its name in English.
    pub en: String,
    /// Since when.
    pub in_force: jiff::civil::Date,
    /// Where it was read.
    pub source: String,
    /// Its duties.
    pub duty: Vec<Duty>,
    /// What their reports say.
    #[serde(default)]
    pub form: Vec<form::Layout>,
}

/// The laws cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BadLaw {
    /// The text is no law.
    #[error("law: {0}")]
    Text(#[from] toml::de::Error),
    /// A duty says something that cannot be.
    #[error("law {law}, duty {duty}: {reason}")]
    Duty {
        /// The law.
        law: String,
        /// The duty.
        duty: String,
        /// What is wrong.
        reason: String,
    },
    /// A form says something that cannot be.
    #[error("law {law}, form {form}: {reason}")]
    Form {
        /// The law.
        law: String,
        /// The form's title.
        form: String,
        /// What is wrong.
        reason: String,
    },
    /// What the workspace chooses is none of what there is.
    #[error("`{chosen}` is no law and no duty of one: write {known}, or one with /* or /DUTY")]
    Choice {
        /// What was written.
        chosen: String,
        /// The laws there are.
        known: String,
    },
}

impl Duty {
    /// When its time is over, if it begins at `start`. `None` beyond the range of time.
    pub fn due(&self, start: Timestamp) -> Option<Timestamp> {
        let minutes =
            i64::from(self.minutes.unwrap_or(0)) + i64::from(self.days.unwrap_or(0)) * 1440;
        let at = Timestamp(start.0.checked_add(minutes.checked_mul(60_000_000)?)?);
        match self.months {
            None => Some(at),
            Some(months) => {
                let utc = at.to_jiff()?.to_zoned_datetime(jiff::tz::TimeZone::UTC);
                let due = utc.checked_add(i64::from(months).months()).ok()?;
                Some(Timestamp(due.timestamp().as_microsecond()))
            }
        }
    }
}

impl Law {
    /// Reads a law; confirmed duties are active.
    ///
    /// # Errors
    /// What is wrong, and in which duty.
    pub fn read(text: &str) -> Result<Self, BadLaw> {
        let mut law: Law = toml::from_str(text)?;
        let mut names = BTreeSet::from([END.to_owned()]);
        for duty in &mut law.duty {
            duty.active = duty.standing == Standing::Confirmed;
            let times = [duty.minutes, duty.days, duty.months];
            let reason = if times.iter().flatten().count() != 1 {
                "has one of minutes, days and months".to_owned()
            } else if times.contains(&Some(0)) {
                "gives no time".to_owned()
            } else if let Some(after) = duty.after.as_ref().filter(|after| !names.contains(*after))
            {
                format!("begins after `{after}`, which does not stand before it")
            } else if !names.insert(duty.id.clone()) {
                "stands there twice".to_owned()
            } else {
                continue;
            };
            return Err(BadLaw::Duty {
                law: law.id,
                duty: duty.id.clone(),
                reason,
            });
        }
        let mut served = BTreeSet::new();
        for form in &law.form {
            let reason = match form.wrong(&law, &mut served) {
                Some(reason) => reason,
                None => continue,
            };
            return Err(BadLaw::Form {
                law: law.id.clone(),
                form: form.en.clone(),
                reason,
            });
        }
        Ok(law)
    }

    /// A duty by its name.
    pub fn duty(&self, id: &str) -> Option<&Duty> {
        self.duty.iter().find(|duty| duty.id == id)
    }

    /// What the report of a duty says.
    pub fn layout(&self, duty: &str) -> Option<&form::Layout> {
        let own = |form: &&form::Layout| form.duty.iter().any(|one| one == duty);
        self.form.iter().find(own)
    }
}

/// All laws that come with the software, chosen or not: a clock that once ran keeps its report.
pub fn built_in() -> &'static [Law] {
    // One that cannot be read would be missing; a test reads them all.
    static ALL: LazyLock<Vec<Law>> = LazyLock::new(|| {
        let read = BUILT_IN.iter().map(|text| Law::read(text));
        read.filter_map(Result::ok).collect()
    });
    &ALL
}

/// The laws that a workspace chooses: `ID` takes a law's confirmed duties, `ID/DUTY` also that one,
/// `ID/*` all. An empty choice is [`DEFAULT`].
///
/// # Errors
/// A built-in law is wrong, or the choice names what is not there.
pub fn laws(chosen: &[String]) -> Result<Vec<Law>, BadLaw> {
    let all: Vec<Law> = BUILT_IN
        .iter()
        .map(|text| Law::read(text))
        .collect::<Result<_, _>>()?;
    let usual = [DEFAULT.to_owned()];
    let chosen = match chosen {
        [] => &usual[..],
        some => some,
    };
    let known: Vec<_> = all.iter().map(|law| law.id.clone()).collect();
    let mut out: Vec<Law> = Vec::new();
    for choice in chosen {
        let wrong = || BadLaw::Choice {
            chosen: choice.clone(),
            known: known.join(", "),
        };
        let (id, duty) = match choice.split_once('/') {
            Some((id, duty)) => (id, Some(duty)),
            None => (choice.as_str(), None),
        };
        if !out.iter().any(|law| law.id == id) {
            out.push(
                all.iter()
                    .find(|law| law.id == id)
                    .ok_or_else(wrong)?
                    .clone(),
            );
        }
        let law = out.iter_mut().find(|law| law.id == id);
        let (Some(duty), Some(law)) = (duty, law) else {
            continue;
        };
        let mut some = false;
        for one in law
            .duty
            .iter_mut()
            .filter(|one| duty == "*" || one.id == duty)
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

/// A duty that begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Begun {
    /// The law.
    pub law: String,
    /// The duty.
    pub duty: String,
    /// When its time is over.
    pub due: Timestamp,
}

/// The duties that begin with an incident of a grade that an operator knows of since `start`; with
/// `after`, those that begin when that duty ends.
pub fn begin(
    laws: &[Law],
    grade: Grade,
    operator: Operator,
    after: Option<&str>,
    start: Timestamp,
) -> Vec<Begun> {
    let mut begun = Vec::new();
    for law in laws {
        for duty in law.duty.iter().filter(|duty| duty.active) {
            let concerned = duty.operator.is_none_or(|own| own == operator);
            if !concerned || !grade.reaches(duty.from) || duty.after.as_deref() != after {
                continue;
            }
            begun.extend(duty.due(start).map(|due| Begun {
                law: law.id.clone(),
                duty: duty.id.clone(),
                due,
            }));
        }
    }
    begun
}

/// What is stored with an incident when it is graded: the row's `grade` as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredGrade {
    /// The gravest grade.
    pub grade: Option<Grade>,
    /// What each scheme said.
    pub schemes: Vec<Graded>,
    /// What it was graded by.
    pub facts: Facts,
    /// On whom the duty to report lies.
    pub operator: Operator,
    /// Who graded it.
    pub by: String,
    /// Why, in that person's words.
    pub reason: String,
    /// Since when it is known, microseconds UTC: what clocks start from.
    pub known_at: i64,
}

impl StoredGrade {
    /// The grade of an incident, if it has one that can be read.
    pub fn of(incident: &Incident) -> Option<Self> {
        serde_json::from_str(incident.grade.as_deref()?).ok()
    }
}

/// What a person says of an incident to have it graded.
#[derive(Clone, Debug)]
pub struct Grading {
    /// The facts.
    pub facts: Facts,
    /// On whom the duty to report lies.
    pub operator: Operator,
    /// Since when it is known.
    pub known: Timestamp,
    /// Why.
    pub reason: String,
}

impl Desk {
    /// Grades an incident and starts the clocks of its duties; one that runs or ran for it stays as it
    /// is. Audited.
    ///
    /// # Errors
    /// There is no such incident, no reason, or it would be known in the future.
    pub async fn grade(
        &self,
        id: IncidentId,
        schemes: &[Scheme],
        laws: &[Law],
        said: Grading,
        actor: &str,
    ) -> Result<(StoredGrade, Vec<Clock>)> {
        let now = (self.clock)();
        if said.reason.trim().is_empty() {
            return Err(Error::refused("grade", "needs a reason: say what was seen"));
        }
        if !ledger::clock::is_person(actor) {
            return Err(Error::refused(
                "grade",
                "is given by a named person, not by the machine",
            ));
        }
        if said.known > now {
            return Err(Error::refused(
                "grade",
                "the incident cannot be known later than now",
            ));
        }
        let (grade, each) = crate::grade::grade(schemes, &said.facts);
        let stored = StoredGrade {
            grade,
            schemes: each,
            facts: said.facts,
            operator: said.operator,
            by: actor.to_owned(),
            reason: said.reason,
            known_at: said.known.0,
        };
        let text =
            serde_json::to_string(&stored).map_err(|error| Error::refused("grade", error))?;
        let what = serde_json::json!({ "grade": grade, "operator": stored.operator,
            "facts": stored.facts, "reason": stored.reason });
        self.ledger
            .edit_incident(
                id,
                &Reach::All,
                what,
                move |incident| incident.grade = Some(text),
                actor,
                now.0,
            )
            .await?;
        let begun = match grade {
            Some(grade) => begin(laws, grade, stored.operator, None, said.known),
            None => Vec::new(),
        };
        let clocks = self
            .start_clocks(id, begun, said.known, &stored.reason, actor, now)
            .await?;
        Ok((stored, clocks))
    }

    async fn start_clocks(
        &self,
        id: IncidentId,
        begun: Vec<Begun>,
        start: Timestamp,
        reason: &str,
        actor: &str,
        now: Timestamp,
    ) -> Result<Vec<Clock>> {
        let there = self.ledger.clocks(id).await?;
        let new = begun
            .into_iter()
            .filter(|one| {
                !there
                    .iter()
                    .any(|clock| clock.law == one.law && clock.duty == one.duty)
            })
            .map(|one| NewClock {
                incident: id,
                law: one.law,
                duty: one.duty,
                started_at: start.0,
                due_at: one.due.0,
                reason: reason.to_owned(),
            })
            .collect();
        Ok(self.ledger.start_clocks(new, actor, now.0).await?)
    }

    /// Ends a clock: its duty was done at `ending.at`, or a person waives it. A duty that is done starts
    /// those that follow it, if the incident's grade asks for them; a waived one starts nothing.
    ///
    /// # Errors
    /// There is no such clock, it has ended, no person is named or no reason given.
    pub async fn end_clock(
        &self,
        clock: i64,
        ending: Ending,
        laws: &[Law],
        actor: &str,
    ) -> Result<(Clock, Vec<Clock>)> {
        let now = (self.clock)();
        let at = Timestamp(ending.at);
        let done = ending.state == ClockState::Done;
        let reason = ending.reason.clone();
        let ended = self.ledger.end_clock(clock, ending, actor, now.0).await?;
        let id = ended.incident_id.0;
        let incident = self.ledger.incident(id, &Reach::All).await?;
        let begun = match StoredGrade::of(&incident) {
            Some(StoredGrade {
                grade: Some(grade),
                operator,
                ..
            }) if done => {
                let own: Vec<_> = laws
                    .iter()
                    .filter(|law| law.id == ended.law)
                    .cloned()
                    .collect();
                begin(&own, grade, operator, Some(&ended.duty), at)
            }
            _ => Vec::new(),
        };
        let next = self
            .start_clocks(id, begun, at, &reason, actor, now)
            .await?;
        Ok((ended, next))
    }

    /// Marks what clocks have passed 50 %, 80 % and all of their time and returns it, so that somebody is
    /// told; each is returned once.
    ///
    /// # Errors
    /// The ledger fails.
    pub async fn escalate_clocks(&self) -> Result<Vec<Escalation>> {
        let now = (self.clock)().0;
        Ok(self.ledger.escalate_clocks(ACTOR, now).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp(1_673_222_400_000_000);

    fn grade(number: u8) -> Grade {
        Grade::new(number).unwrap()
    }

    fn told(begun: &[Begun]) -> Vec<(&str, i64)> {
        let minutes = |due: Timestamp| (due.0 - START.0) / 60_000_000;
        begun
            .iter()
            .map(|one| (one.duty.as_str(), minutes(one.due)))
            .collect()
    }

    #[test]
    fn each_operator_has_its_time_and_only_from_grade_three() {
        let laws = laws(&[]).unwrap();
        let begins = |number, operator| begin(&laws, grade(number), operator, None, START);
        let of = |operator| begins(3, operator);
        assert_eq!(
            told(&of(Operator::CriticalInfrastructure)),
            [("critical-infrastructure", 60)]
        );
        assert_eq!(told(&of(Operator::StateOrgan)), [("state-organ", 120)]);
        assert_eq!(told(&of(Operator::Other)), [("other", 240)]);
        assert!(begins(4, Operator::Other).is_empty());
    }

    #[test]
    fn onward_duties_follow_the_first_from_grade_two_and_unconfirmed_ones_do_not() {
        let laws = laws(&[]).unwrap();
        let after =
            |number, operator, first| begin(&laws, grade(number), operator, Some(first), START);
        use Operator as O;
        let first = "critical-infrastructure";
        assert_eq!(
            told(&after(2, O::CriticalInfrastructure, first)),
            [("critical-infrastructure-onward", 30)]
        );
        assert!(after(3, O::CriticalInfrastructure, first).is_empty());
        assert_eq!(
            told(&after(1, O::StateOrgan, "state-organ")),
            [("state-organ-onward", 60)]
        );
        assert!(after(1, O::Other, "other").is_empty());
        let chosen = super::laws(&["cn-2025/other-onward".to_owned()]).unwrap();
        let now = begin(&chosen, grade(1), O::Other, Some("other"), START);
        assert_eq!(told(&now), [("other-onward", 60)]);
    }

    #[test]
    fn the_second_profile_is_asleep_until_it_is_chosen() {
        let plain = laws(&["nis2".to_owned()]).unwrap();
        assert!(begin(&plain, grade(1), Operator::Other, None, START).is_empty());
        let chosen = laws(&["nis2/*".to_owned()]).unwrap();
        let begun = begin(&chosen, grade(3), Operator::Other, None, START);
        assert_eq!(
            told(&begun),
            [("early-warning", 1440), ("notification", 4320)]
        );
        // A month from 2023-01-31 ends with February.
        let start = Timestamp(1_675_123_200_000_000);
        let last = begin(
            &chosen,
            grade(3),
            Operator::Other,
            Some("notification"),
            start,
        );
        assert_eq!(last[0].due.0 - start.0, 28 * 86_400_000_000);
        assert!(laws(&["nis3".to_owned()]).is_err() && laws(&["nis2/none".to_owned()]).is_err());
    }

    #[test]
    fn a_law_that_cannot_be_is_refused_with_its_duty() {
        let text = BUILT_IN[0];
        for (from, to) in [
            ("minutes = 60\nto", "minutes = 60\ndays = 1\nto"),
            ("minutes = 30\n", "minutes = 0\n"),
            ("after = \"state-organ\"", "after = \"state\""),
            ("id = \"other\"", "id = \"state-organ\""),
        ] {
            assert!(text.contains(from), "{from}");
            let told = Law::read(&text.replacen(from, to, 1))
                .unwrap_err()
                .to_string();
            assert!(told.contains("duty"), "{told}");
        }
    }
}
