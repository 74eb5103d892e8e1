//! The report that a duty asks for, filled from the incident (DOMAIN 4.4). What a report says is data: each law's file
//! has the fields of its forms, in order, each with where its value comes from and how well it is known that the law
//! asks for it.
//!
//! [`fill`] is pure: the same incident gives the same form. What nobody stated stays blank, so that a person fills it
//! in; nothing is guessed. `pen` writes the values, `reading` gathers what they come from out of the ledger, `page` sets
//! a form as text and for print.

mod page;
mod pen;
mod reading;

use std::collections::{BTreeMap, BTreeSet};

use jiff::tz::TimeZone;
use ledger::{Clock, ClockState, Directive, Incident, Notice, Organization, Verification};
use model::bulletin::{Lang, Text};
use model::grade::Standing;
use model::ids::OrganizationId;
use serde::{Deserialize, Serialize};

use pen::Pen;

use super::{Law, StoredGrade};
use crate::{Error, Result};

/// Where the value of a field comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// The incident's number, and the one it has elsewhere.
    Number,
    /// How far it may be passed on.
    Marking,
    /// To whom the duty's report goes.
    To,
    /// When the clock's time is over.
    Due,
    /// When the clock was ended because the report was made.
    Reported,
    /// Its kind.
    Kind,
    /// What it is about, in one line.
    What,
    /// Whose site it is, as far as the register knows, and the brand that is imitated.
    Unit,
    /// Who works on it.
    HandledBy,
    /// What was observed: host, address, network, URL, name.
    System,
    /// Province or country of the resource.
    Place,
    /// Why it crosses the border, as far as that was found.
    Border,
    /// Since when it is known, as was stated with the grade.
    Known,
    /// When it was opened.
    Opened,
    /// From when to when it was seen.
    Occurred,
    /// The gravest grade.
    Grade,
    /// What each scheme said and by which row, who graded it and why.
    Basis,
    /// What was stated with the grade: importance, loss, extent, measures, marks.
    Impact,
    /// What was done: parties asked, notices sent, looks.
    Measures,
    /// How it stands, and what was last seen.
    State,
    /// The house.
    House,
    /// How the house is reached.
    Contact,
    /// Who made the report: who ended the clock.
    Reporter,
    /// A blank line for a person.
    ByHand,
}

impl Source {
    /// All of them.
    pub const ALL: [Source; 24] = [
        Source::Number,
        Source::Marking,
        Source::To,
        Source::Due,
        Source::Reported,
        Source::Kind,
        Source::What,
        Source::Unit,
        Source::HandledBy,
        Source::System,
        Source::Place,
        Source::Border,
        Source::Known,
        Source::Opened,
        Source::Occurred,
        Source::Grade,
        Source::Basis,
        Source::Impact,
        Source::Measures,
        Source::State,
        Source::House,
        Source::Contact,
        Source::Reporter,
        Source::ByHand,
    ];
}

/// One field of a form.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// Its label in Chinese.
    pub zh: String,
    /// Its label in English.
    pub en: String,
    /// Where its value comes from.
    pub from: Source,
    /// How well it is known that the law asks for it; `None`: the house adds it.
    #[serde(default)]
    pub standing: Option<Standing>,
    /// Where that was read, if not where the form was.
    #[serde(default)]
    pub source: Option<String>,
}

/// What the report of a duty says.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layout {
    /// The duties of the law that it serves.
    pub duty: Vec<String>,
    /// Its title in Chinese.
    pub zh: String,
    /// Its title in English.
    pub en: String,
    /// Where its fields were read.
    pub source: String,
    /// What else the law says of the report, in Chinese.
    #[serde(default)]
    pub remark_zh: String,
    /// What else the law says of the report, in English.
    #[serde(default)]
    pub remark_en: String,
    /// Its fields, in order.
    pub field: Vec<Field>,
}

impl Layout {
    /// What is wrong with it in a law; `served` collects the duties that have a form.
    pub(super) fn wrong(&self, law: &Law, served: &mut BTreeSet<String>) -> Option<String> {
        if self.duty.is_empty() || self.field.is_empty() {
            return Some("names no duty, or has no field".to_owned());
        }
        for duty in &self.duty {
            if law.duty(duty).is_none() {
                return Some(format!("names `{duty}`, which is no duty of the law"));
            }
            if !served.insert(duty.clone()) {
                return Some(format!("names `{duty}`, which has a form already"));
            }
        }
        let mut labels = BTreeSet::new();
        self.field.iter().find_map(|field| {
            match (
                field.zh.is_empty() || field.en.is_empty(),
                labels.insert(&field.en),
            ) {
                (true, _) => Some("has a field without a label in both languages".to_owned()),
                (_, false) => Some(format!("has the field `{}` twice", field.en)),
                _ => None,
            }
        })
    }
}

/// What a form is filled from. Everything belongs to the incident.
#[derive(Clone, Copy, Debug)]
pub struct Matter<'a> {
    /// The incident.
    pub incident: &'a Incident,
    /// The clock of the duty, if one ran.
    pub clock: Option<&'a Clock>,
    /// Its grade.
    pub grade: Option<&'a StoredGrade>,
    /// The parties.
    pub directives: &'a [Directive],
    /// Notices about it.
    pub notices: &'a [Notice],
    /// Looks at it, the oldest first.
    pub looks: &'a [Verification],
    /// The organizations that the incident and its directives name.
    pub organizations: &'a BTreeMap<OrganizationId, Organization>,
    /// Name of its province or country; empty where it is not known.
    pub place: &'a str,
}

/// Who fills it in.
#[derive(Clone, Copy, Debug)]
pub struct House<'a> {
    /// Its name.
    pub name: &'a Text,
    /// Its mail address; empty: none is configured.
    pub address: &'a str,
    /// Its telephone; empty: none is configured.
    pub phone: &'a str,
    /// The zone in which times are printed.
    pub zone: &'a TimeZone,
}

/// A filled form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Form {
    /// The law.
    pub law: String,
    /// The duty.
    pub duty: String,
    /// Its language.
    pub language: Lang,
    /// Its title.
    pub title: String,
    /// The law's name, and to whom the report goes.
    pub under: String,
    /// Its rows, in order.
    pub rows: Vec<Row>,
    /// What is to be known of the form itself.
    pub footer: Vec<String>,
}

/// A row of a form. Its text is plain and in single lines; who shows it escapes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// Its label.
    pub label: String,
    /// Where its value came from.
    pub from: Source,
    /// Its value; none: blank, for a person to fill in.
    pub lines: Vec<String>,
    /// How well it is known that the law asks for it; `None`: the house added it.
    pub standing: Option<Standing>,
    /// Where that was read.
    pub source: Option<String>,
}

impl Row {
    /// Whether it stays to be filled in by hand.
    pub fn is_blank(&self) -> bool {
        self.lines.is_empty()
    }

    /// Whether it is not confirmed that the law asks for it.
    pub fn is_open(&self) -> bool {
        self.standing
            .is_some_and(|standing| standing != Standing::Confirmed)
    }
}

/// A law by its name, chosen by the workspace or not.
///
/// # Errors
/// There is none of this name.
pub fn law(id: &str) -> Result<&'static Law> {
    let all = super::built_in();
    all.iter().find(|law| law.id == id).ok_or_else(|| {
        let known: Vec<_> = all.iter().map(|law| law.id.as_str()).collect();
        Error::refused(
            format!("law {id}"),
            format!("is none of those there are: write {}", known.join(", ")),
        )
    })
}

/// Whether a duty's report can be printed.
pub fn is_there(law: &str, duty: &str) -> bool {
    let own = super::built_in().iter().find(|one| one.id == law);
    own.is_some_and(|own| own.layout(duty).is_some())
}

/// The clock whose report is meant: of those that run the one due first; where a law and a duty are named and none of
/// theirs runs, the last one that ended.
pub fn choose<'a>(clocks: &'a [Clock], law: Option<&str>, duty: Option<&str>) -> Option<&'a Clock> {
    let fits = |clock: &&Clock| {
        law.is_none_or(|law| clock.law == law) && duty.is_none_or(|duty| clock.duty == duty)
    };
    let running = clocks
        .iter()
        .filter(fits)
        .filter(|clock| clock.state == ClockState::Running)
        .min_by_key(|clock| (clock.due_at, clock.id));
    running.or_else(|| {
        let named = law.is_some() && duty.is_some();
        let mut ended = clocks.iter().filter(fits).filter(|_| named);
        ended.next_back()
    })
}

/// Fills the form of a duty.
///
/// # Errors
/// The law has no such duty, or no form of it.
pub fn fill(
    law: &Law,
    duty: &str,
    matter: &Matter<'_>,
    house: &House<'_>,
    language: Lang,
) -> Result<Form> {
    let name = format!("duty {}/{duty}", law.id);
    let own = law.duty(duty).ok_or_else(|| {
        let known: Vec<_> = law.duty.iter().map(|duty| duty.id.as_str()).collect();
        let why = format!("is none of the law's: write {}", known.join(", "));
        Error::refused(&name, why)
    })?;
    let layout = law
        .layout(duty)
        .ok_or_else(|| Error::refused(&name, "has no form: write one into the law's table"))?;
    let pen = Pen {
        duty: own,
        matter,
        house,
        language,
    };
    let rows: Vec<Row> = layout
        .field
        .iter()
        .map(|field| Row {
            label: pen.say(&field.zh, &field.en).to_owned(),
            from: field.from,
            lines: pen.value(field.from),
            standing: field.standing,
            source: field
                .standing
                .map(|_| field.source.as_ref().unwrap_or(&layout.source).clone()),
        })
        .collect();
    Ok(Form {
        law: law.id.clone(),
        duty: duty.to_owned(),
        language,
        title: pen.say(&layout.zh, &layout.en).to_owned(),
        under: format!(
            "{} · {}",
            pen.say(&law.zh, &law.en),
            pen.say(&own.to_zh, &own.to_en)
        ),
        footer: pen.footer(law, layout, &rows),
        rows,
    })
}

#[cfg(test)]
mod tests;
