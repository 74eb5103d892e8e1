//! How an issue stands: its rows together, what hinders it, and what comes next.

use ledger::{
    Comment, Correction, Edition, EditionKey, EditionStep, Hindrance, IssueHead, IssueState,
};
use model::bulletin::Lang;
use model::newsroom::{CorrectionState, EditionState, Right, Step};

use super::{key_of, number_of, revisions};
use crate::Desk;
use crate::refusal::Refusal;
use crate::visitor::Visitor;
use crate::words::{fill, words};
use model::issue::IssueNumber;

words! {
    Words {
        withdrawn: "已撤回", "It is withdrawn";
        approved: "已签发", "It is approved";
        tampered: "存储的内容被改动过，请从备份恢复或重新起草", "Its stored content was altered: restore a backup, or draft it again";
        not_frozen: "数据尚未定稿，定稿时刻之后请重新起草", "Its figures are not frozen yet: draft it again from the freeze moment on";
        frozen_anew: "数据已重新定稿，请重新起草", "Its figures were frozen anew: draft it again";
        prose_changed: "文字在起草之后又有改动，请重新起草", "Its prose changed after the draft: draft it again";
        wrote: "{who}写过本稿，不能签发自己的稿件", "{who} wrote some of it, and nobody approves what they wrote";
        unchecked: "本修订尚未检查", "This revision was not checked yet";
        blocks: "还有 {n} 条阻断项", "{n} findings block it";
        asks: "还有 {n} 条发现需要说明", "{n} findings wait for an answer";
        unreviewed: "还没有人复核", "Nobody has reviewed it yet";
        returned: "{who}已退回修改", "{who} sent it back";
        comments: "还有 {n} 条批注未了结", "{n} comments are open";
        step_freeze: "定稿数据", "Freeze";
        step_write: "撰稿", "Write";
        step_review: "复核", "Review";
        step_sign: "签发", "Sign";
        step_publish: "发布", "Publish";
    }
}

/// Why an issue cannot be approved, in words.
pub(crate) fn say(hindrance: &Hindrance, lang: Lang) -> String {
    let w = Words::of(lang);
    match hindrance {
        Hindrance::Withdrawn => w.withdrawn.to_owned(),
        Hindrance::Approved => w.approved.to_owned(),
        Hindrance::Tampered => w.tampered.to_owned(),
        Hindrance::NotFrozen => w.not_frozen.to_owned(),
        Hindrance::FrozenAnew => w.frozen_anew.to_owned(),
        Hindrance::ProseChanged => w.prose_changed.to_owned(),
        Hindrance::Wrote(who) => fill(w.wrote, &[("who", who)]),
        Hindrance::Unchecked => w.unchecked.to_owned(),
        Hindrance::Blocks(n) => fill(w.blocks, &[("n", n)]),
        Hindrance::Asks(n) => fill(w.asks, &[("n", n)]),
        Hindrance::Unreviewed => w.unreviewed.to_owned(),
        Hindrance::Returned(who) => fill(w.returned, &[("who", who)]),
        Hindrance::Comments(n) => fill(w.comments, &[("n", n)]),
    }
}

/// Everything that stands about an issue but the text of its revisions.
pub(crate) struct Stand {
    pub(crate) issue: IssueNumber,
    pub(crate) key: EditionKey,
    pub(crate) edition: Edition,
    /// Newest first.
    pub(crate) heads: Vec<IssueHead>,
    pub(crate) steps: Vec<EditionStep>,
    pub(crate) comments: Vec<Comment>,
    pub(crate) corrections: Vec<Correction>,
    pub(crate) state: EditionState,
    /// What hinders approval by anybody.
    pub(crate) hindrances: Vec<Hindrance>,
}

impl Stand {
    /// Of an issue that is planned.
    pub(crate) async fn of(desk: &Desk, issue: IssueNumber) -> Result<Stand, Refusal> {
        let key = key_of(desk, issue);
        let edition = desk.ledger.edition(&key).await?.ok_or(Refusal::Absent)?;
        Stand::around(desk, edition).await
    }

    /// Around an issue's row.
    pub(crate) async fn around(desk: &Desk, edition: Edition) -> Result<Stand, Refusal> {
        let ledger = &desk.ledger;
        let key = edition.key();
        let heads = revisions(desk, &key).await?;
        let steps = ledger.edition_steps(&key).await?;
        let newest = heads.first().map(|head| (head.revision, head.state));
        Ok(Stand {
            issue: number_of(key.year, key.number),
            state: edition.standing(newest, &steps),
            comments: ledger.comments(&key).await?,
            corrections: ledger.corrections(&key).await?,
            hindrances: ledger.hindrances(&key, &[]).await?,
            heads,
            steps,
            edition,
            key,
        })
    }

    /// The newest revision.
    pub(crate) fn newest(&self) -> Option<&IssueHead> {
        self.heads.first()
    }

    /// Whether work on it is over for the time being.
    pub(crate) fn settled(&self) -> bool {
        matches!(
            self.state,
            EditionState::Published | EditionState::Archived | EditionState::Withdrawn
        )
    }

    /// Whether its figures are frozen.
    pub(crate) fn frozen(&self) -> bool {
        self.edition.frozen_at.is_some()
    }

    /// Who wrote what is not public yet.
    pub(crate) fn writers(&self) -> Vec<String> {
        let mut all: Vec<String> = ledger::edition::writers(&self.steps)
            .into_iter()
            .map(str::to_owned)
            .collect();
        if let Some(head) = self.newest().filter(|_| !self.settled())
            && !all.contains(&head.author)
        {
            all.push(head.author.clone());
        }
        all
    }

    /// Whether the visitor wrote some of it.
    pub(crate) fn wrote(&self, visitor: &Visitor) -> bool {
        self.writers().iter().any(|login| login == visitor.login())
    }

    /// The last step of a kind on the newest revision.
    pub(crate) fn last(&self, kind: Step) -> Option<&EditionStep> {
        let revision = self.newest()?.revision;
        let mut found = self.steps.iter();
        found.rfind(|step| step.step.0 == kind && step.revision == revision)
    }

    /// Whether the newest revision is approved.
    pub(crate) fn approved(&self) -> bool {
        self.newest()
            .is_some_and(|head| head.state == IssueState::Approved)
    }

    /// Proposals that nobody decided.
    pub(crate) fn open_corrections(&self) -> usize {
        let open = self.corrections.iter();
        open.filter(|one| one.state.0 == CorrectionState::Open)
            .count()
    }

    /// Comments that nobody settled.
    pub(crate) fn open_comments(&self) -> usize {
        let open = self.comments.iter();
        open.filter(|one| one.settled_at.is_none()).count()
    }

    /// Its way, step by step: label and how far it is (`done`, `now`, empty).
    pub(crate) fn way(&self, lang: Lang) -> Vec<(&'static str, &'static str)> {
        let w = Words::of(lang);
        let public = self.settled();
        let done = [
            (w.step_freeze, self.frozen()),
            (w.step_write, self.newest().is_some()),
            (
                w.step_review,
                self.approved() || self.state == EditionState::Reviewed,
            ),
            (w.step_sign, self.approved()),
            (w.step_publish, public),
        ];
        let at = done.iter().position(|(_, done)| !done);
        let class = |(place, (label, done)): (usize, (&'static str, bool))| {
            let class = match (public || done, at == Some(place)) {
                (true, _) => "done",
                (false, true) => "now",
                (false, false) => "",
            };
            (label, class)
        };
        done.into_iter().enumerate().map(class).collect()
    }
}

/// Whether the visitor holds a right at the desk, in their own place or a deputy's.
pub(crate) async fn may(desk: &Desk, visitor: &Visitor, right: Right) -> bool {
    super::person(desk, visitor, right).await.is_ok()
}
