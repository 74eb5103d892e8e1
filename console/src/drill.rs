//! Exercises: scenarios that a person plays in a workspace made for it. A scenario is told in three parts: what is set
//! up, through the same doors as real work ([`props`]); what counts as done, as questions to the ledger ([`goals`]);
//! and its words ([`scenarios`]). Nothing here decides for the player, and nothing of it runs in a workspace that is
//! not for exercises.

use ledger::Drill;
use model::bulletin::Text;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::Desk;
use crate::refusal::Refusal;

pub(crate) mod goals;
pub(crate) mod props;
pub(crate) mod scenarios;

pub(crate) use goals::Goal;
pub(crate) use props::Prop;

const MINUTE: i64 = 60_000_000;
/// What looking at a hint costs.
const HINT: i32 = 5;

/// A text in both languages.
pub(crate) type Said = (&'static str, &'static str);

/// A text in a language.
pub(crate) fn said(text: Said, lang: model::bulletin::Lang) -> &'static str {
    match lang {
        model::bulletin::Lang::Zh => text.0,
        model::bulletin::Lang::En => text.1,
    }
}

/// Something to be reached.
pub(crate) struct Aim {
    /// When it counts as reached.
    pub(crate) goal: Goal,
    /// What it is called.
    pub(crate) name: Said,
    /// What it is worth; all of a scenario are worth 100.
    pub(crate) points: i32,
    /// How one gets there.
    pub(crate) hint: Said,
}

/// A scenario.
pub(crate) struct Scenario {
    /// Its name in addresses and in the ledger.
    pub(crate) name: &'static str,
    /// Its title.
    pub(crate) title: Said,
    /// What happens, as the player is told.
    pub(crate) brief: Said,
    /// Minutes in which a new officer does it; what is reached later counts half.
    pub(crate) minutes: i64,
    /// What is set up.
    pub(crate) props: &'static [Prop],
    /// What is to be reached.
    pub(crate) aims: &'static [Aim],
}

/// What was set up for a drill, as it is kept.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Stage {
    /// Host names that the scenario's mails are about.
    pub(crate) hosts: Vec<String>,
    /// Topics of alarms that it raised.
    pub(crate) topics: Vec<String>,
}

/// How far a drill came: when each aim was reached, by its place; 0 while it was not.
pub(crate) fn reached(drill: &Drill, aims: usize) -> Vec<i64> {
    let mut times: Vec<i64> = serde_json::from_str(&drill.reached).unwrap_or_default();
    times.resize(aims, 0);
    times
}

/// The scenario of a name.
pub(crate) fn scenario(name: &str) -> Option<&'static Scenario> {
    scenarios::ALL.iter().find(|one| one.name == name)
}

/// Sets a scenario up for a person and begins its time.
pub(crate) async fn begin(desk: &Desk, scenario: &Scenario, login: &str) -> Result<Drill, Refusal> {
    let now = desk.now().0;
    let number = desk.ledger.drills().await?.len() + 1;
    let stage = props::planned(scenario, number);
    let kept = serde_json::to_value(&stage).map_err(|error| Refusal::broken("a drill", error))?;
    // First its row: who plays one already is refused before anything is set up.
    let drill = desk
        .ledger
        .begin_drill((scenario.name, login), &kept, now)
        .await?;
    for prop in scenario.props {
        props::set_up(desk, prop, &stage, number).await?;
    }
    Ok(drill)
}

/// Looks how far a drill came and keeps it; over when all is reached.
pub(crate) async fn look(desk: &Desk, drill: &Drill) -> Result<Drill, Refusal> {
    let Some(scenario) = scenario(&drill.scenario).filter(|_| drill.ended_at.is_none()) else {
        return Ok(drill.clone());
    };
    let stage: Stage = serde_json::from_str(&drill.props).unwrap_or_default();
    let mut times = reached(drill, scenario.aims.len());
    let now = desk.now().0;
    for (aim, time) in scenario.aims.iter().zip(&mut times) {
        // A thing is reached for good, but what must not happen may still happen.
        let met = aim.goal.met(desk, drill, &stage).await?;
        match (met, aim.goal.may_be_lost()) {
            (true, _) if *time == 0 => *time = now,
            (false, true) => *time = 0,
            _ => {}
        }
    }
    let score = score(scenario, drill, &times);
    let all = times.iter().all(|time| *time != 0);
    let ended = all.then_some(now);
    desk.ledger
        .mark_drill(drill.id, &json!(times), score, ended)
        .await?;
    if ended.is_some() {
        props::clear(desk, &stage).await?;
    }
    Ok(desk.ledger.drill(drill.id).await?)
}

/// Ends a drill as it stands.
pub(crate) async fn end(desk: &Desk, drill: &Drill) -> Result<(), Refusal> {
    let after = look(desk, drill).await?;
    let stage: Stage = serde_json::from_str(&drill.props).unwrap_or_default();
    let times: serde_json::Value = serde_json::from_str(&after.reached).unwrap_or_default();
    let now = desk.now().0;
    desk.ledger
        .mark_drill(drill.id, &times, after.score, Some(now))
        .await?;
    props::clear(desk, &stage).await
}

/// Points: what was reached in time counts whole, later half, less what hints cost; never under zero.
fn score(scenario: &Scenario, drill: &Drill, times: &[i64]) -> i32 {
    let limit = drill.begun_at + scenario.minutes * MINUTE;
    let points: i32 = scenario
        .aims
        .iter()
        .zip(times)
        .map(|(aim, time)| match *time {
            0 => 0,
            time if time <= limit => aim.points,
            _ => aim.points / 2,
        })
        .sum();
    (points - drill.hints * HINT).max(0)
}

/// Title of a scenario for whoever writes it into a list.
pub(crate) fn title(scenario: &Scenario) -> Text {
    Text {
        zh: scenario.title.0.to_owned(),
        en: scenario.title.1.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scenario_is_worth_a_hundred_and_has_a_name_of_its_own() {
        let mut names = Vec::new();
        for one in scenarios::ALL {
            let all: i32 = one.aims.iter().map(|aim| aim.points).sum();
            assert_eq!(all, 100, "{}", one.name);
            assert!(
                !one.props.is_empty() || one.name == "handover",
                "{}",
                one.name
            );
            assert!(one.aims.len() >= 3 && one.minutes > 0, "{}", one.name);
            names.push(one.name);
        }
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
    }

    #[test]
    fn late_counts_half_and_hints_cost() {
        let scenario = scenario("handover").expect("there is one");
        let drill = Drill {
            id: 1,
            scenario: "handover".to_owned(),
            login: "an".to_owned(),
            props: "{}".to_owned(),
            begun_at: 0,
            ended_at: None,
            score: 0,
            hints: 1,
            reached: "[]".to_owned(),
        };
        let limit = scenario.minutes * MINUTE;
        let mut times = vec![limit; scenario.aims.len()];
        assert_eq!(score(scenario, &drill, &times), 95);
        times[0] = limit + 1;
        assert_eq!(
            score(scenario, &drill, &times),
            95 - scenario.aims[0].points / 2
        );
        assert_eq!(score(scenario, &drill, &vec![0; times.len()]), 0);
    }
}
