//! The issue in hand: when it is due, how far it is, what keeps it from being signed.

use ledger::{Edition, EditionKey};
use model::bulletin::Lang;
use model::newsroom::Step;

use super::{Hand, Words};
use crate::Desk;
use crate::pages::draw;
use crate::refusal::Refusal;
use crate::words::fill;

/// One of the four steps of an issue.
pub(super) struct Stage {
    pub(super) name: &'static str,
    /// `ok`, `now`, or nothing.
    pub(super) class: &'static str,
}

/// The issue in hand.
pub(super) struct InHand {
    edition: Edition,
    pub(super) title: String,
    pub(super) href: String,
    pub(super) left: String,
    pub(super) until: String,
    pub(super) stages: Vec<Stage>,
    pub(super) blocking: Option<usize>,
    pub(super) comments: usize,
}

impl InHand {
    /// As a row of what runs out, on its last day.
    pub(super) fn hand(&self, desk: &Desk, w: &Words, lang: Lang) -> Option<Hand> {
        const DAY: i64 = 24 * 3_600 * 1_000_000;
        let now = desk.now().0;
        let due = self.edition.deadline_at;
        let near = due - now < DAY && self.edition.published_revision.is_none();
        near.then(|| Hand {
            clock: draw::countdown(desk, (self.edition.freeze_at, due), now, lang),
            due,
            what: self.title.clone(),
            about: w.deadline.to_owned(),
            href: self.href.clone(),
            act: w.sign,
        })
    }
}

/// The newest issue that is planned and not public; `None` where everything is out.
pub(super) async fn in_hand(
    desk: &Desk,
    w: &'static Words,
    lang: Lang,
) -> Result<Option<InHand>, Refusal> {
    let series = desk.terms().house.series.clone();
    let all = desk.ledger.editions(&series).await?;
    let found = all
        .into_iter()
        .find(|one| one.published_revision.is_none() && one.withdrawn_at.is_none());
    let Some(edition) = found else {
        return Ok(None);
    };
    let key: EditionKey = edition.key();
    let steps = desk.ledger.edition_steps(&key).await?;
    let newest = steps.iter().map(|step| step.revision).max().unwrap_or(0);
    let did = |what: Step| {
        steps
            .iter()
            .any(|step| step.step.0 == what && step.revision == newest)
    };
    let done = [
        edition.frozen_at.is_some(),
        newest > 0 && did(Step::Draft),
        did(Step::Review),
        did(Step::Approve),
    ];
    let names = [w.step_freeze, w.step_write, w.step_review, w.step_sign];
    let now_at = done.iter().position(|done| !done);
    let stages = names.into_iter().enumerate().map(|(at, name)| Stage {
        name,
        class: match () {
            () if done[at] => "ok",
            () if now_at == Some(at) => "now",
            () => "",
        },
    });
    let blocking = steps
        .iter()
        .rfind(|step| step.step.0 == Step::Lint && step.revision == newest)
        .and_then(|step| serde_json::from_str::<serde_json::Value>(&step.detail).ok())
        .and_then(|detail| detail["blocks"].as_array().map(Vec::len));
    let comments = desk.ledger.comments(&key).await?;
    let now = desk.now().0;
    let when = draw::exact(desk, edition.deadline_at);
    let until = match edition.deadline_at >= now {
        true => w.to_deadline,
        false => w.past_deadline,
    };
    Ok(Some(InHand {
        title: fill(w.issue, &[("n", &format!("{}-{}", key.year, key.number))]),
        href: format!("/console/bulletin/{}-{}", key.year, key.number),
        left: draw::span(edition.deadline_at - now, lang),
        until: fill(until, &[("when", &when)]),
        stages: stages.collect(),
        blocking,
        comments: comments
            .iter()
            .filter(|one| one.settled_at.is_none())
            .count(),
        edition,
    }))
}
