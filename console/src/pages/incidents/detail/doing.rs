//! What the panels of an incident's page do: each act by the function that programs ask, too.

use model::bulletin::Lang;
use response::notify::WrittenNotices;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::super::acts::{self, load};
use super::super::machine;
use super::super::marking;
use super::super::panel::Typed;
use super::super::same;
use super::super::words::CaseWords;
use crate::Desk;
use crate::refusal::Refusal;
use crate::visitor::Visitor;
use crate::words::fill;

/// What was typed as the body of an act.
fn body<T: DeserializeOwned>(typed: &Typed) -> Result<T, Refusal> {
    let object = typed
        .0
        .iter()
        .map(|(name, text)| (name.clone(), Value::from(text.as_str())));
    serde_json::from_value(Value::Object(object.collect()))
        .map_err(|error| Refusal::invalid("", error))
}

/// Refuses where not every party could be written to, or a marking kept all of them back.
fn went(told: &WrittenNotices, number: i64, lang: Lang) -> Result<(), Refusal> {
    let object = format!("#{number}");
    if let Some(problem) = told.problems.first() {
        return Err(Refusal::conflict(object, problem));
    }
    match told.withheld.first().filter(|_| told.notices == 0) {
        Some(kept) => Err(Refusal::conflict(object, machine::told(&kept.reason, lang))),
        None => Ok(()),
    }
}

/// Does an act of a form; where to go then, and what is said.
pub(super) async fn done(
    desk: &Desk,
    visitor: &Visitor,
    number: i64,
    (act, mut typed, version): (&str, Typed, Option<i32>),
) -> Result<(i64, String), Refusal> {
    let w = CaseWords::of(visitor.lang);
    let said = match act {
        "validate" | "close" | "reopen" => {
            typed.0.insert("step".to_owned(), act.to_owned());
            acts::step(desk, visitor, number, &body(&typed)?, version).await?;
            let said = match act {
                "validate" => w.said_validate,
                "close" => w.said_close,
                _ => w.said_reopen,
            };
            fill(said, &[("n", &number)])
        }
        "note" => {
            acts::note(desk, visitor, number, &body(&typed)?).await?;
            w.said_note.to_owned()
        }
        "assign" => {
            let to: acts::AssignBody = body(&typed)?;
            acts::assign(desk, visitor, number, &to).await?;
            match to.to.as_str() {
                "" => fill(w.said_unassign, &[("n", &number)]),
                who => fill(w.said_assign, &[("n", &number), ("who", &who)]),
            }
        }
        "grade" => {
            // Each measure has a field of its own.
            let fields: Vec<String> = typed
                .0
                .keys()
                .filter(|name| name.starts_with("m-"))
                .cloned()
                .collect();
            let mut measures = Vec::new();
            for name in fields {
                let number = typed.take(&name).unwrap_or_default();
                if !number.trim().is_empty() {
                    measures.push(format!("{}={}", &name[2..], number.trim()));
                }
            }
            typed.0.insert("measures".to_owned(), measures.join(","));
            let (stored, clocks) =
                acts::grade(desk, visitor, number, &body(&typed)?, version).await?;
            let grade = stored.grade.map_or(w.none, |grade| match visitor.lang {
                Lang::Zh => grade.zh(),
                Lang::En => grade.roman(),
            });
            fill(
                w.said_grade,
                &[("n", &number), ("grade", &grade), ("clocks", &clocks)],
            )
        }
        "merge" => {
            let whole = acts::merge(desk, visitor, number, &body(&typed)?, version).await?;
            return Ok((
                whole.number,
                fill(w.said_merge, &[("n", &number), ("whole", &whole.number)]),
            ));
        }
        "mark" => {
            let marked = marking::mark(desk, visitor, number, &body(&typed)?, version).await?;
            let back = marked.taken_back.len();
            match back {
                0 => fill(w.said_mark, &[("n", &number)]),
                _ => fill(w.said_mark_back, &[("n", &number), ("back", &back)]),
            }
        }
        "same" | "apart" => {
            match act {
                "same" => same::link(desk, visitor, number, &body(&typed)?).await?,
                _ => same::part(desk, visitor, number, &body(&typed)?).await?,
            }
            fill(same::said(act, w), &[("n", &number)])
        }
        "split" => {
            let made = acts::split(desk, visitor, number, &body(&typed)?, version).await?;
            return Ok((made.number, fill(w.said_split, &[("n", &made.number)])));
        }
        "campaign" => {
            acts::of_the_centre(visitor)?;
            let one = load(desk, visitor, number).await?;
            let name = acts::campaign(desk, visitor, &[one.incident_id()], &body(&typed)?).await?;
            fill(w.said_campaign, &[("n", &number), ("name", &name)])
        }
        "uncampaign" => {
            acts::of_the_centre(visitor)?;
            acts::uncampaign(desk, visitor, number, &body(&typed)?).await?;
            fill(w.said_uncampaign, &[("n", &number)])
        }
        "dispatch" => {
            load(desk, visitor, number).await?;
            let casework = acts::casework(desk, visitor)?;
            let told = casework
                .dispatch(number, visitor.login())
                .await
                .map_err(acts::troubled)?;
            went(&told, number, visitor.lang)?;
            fill(
                w.said_dispatch,
                &[("n", &told.notices), ("held", &told.held)],
            )
        }
        "remind" => {
            load(desk, visitor, number).await?;
            let casework = acts::casework(desk, visitor)?;
            let told = casework
                .remind(number, visitor.login())
                .await
                .map_err(acts::troubled)?;
            went(&told, number, visitor.lang)?;
            fill(w.said_remind, &[("n", &told.notices)])
        }
        "probe" => {
            load(desk, visitor, number).await?;
            let casework = acts::casework(desk, visitor)?;
            let told = casework
                .probe(number, visitor.login())
                .await
                .map_err(acts::troubled)?;
            let gone = match (told.looks, told.gone + told.closed) {
                (0, _) => w.probe_withheld,
                (_, 0) => w.probe_not,
                _ => w.probe_gone,
            };
            fill(w.said_probe, &[("looks", &told.looks), ("gone", &gone)])
        }
        "clock" => {
            let clock = typed.take("clock").and_then(|text| text.parse().ok());
            let clock = clock.ok_or_else(|| Refusal::invalid("clock", w.clock_none))?;
            acts::end_clock(desk, visitor, number, clock, &body(&typed)?).await?;
            w.said_clock.to_owned()
        }
        _ => return Err(Refusal::Absent),
    };
    Ok((number, said))
}
