//! Beside the issue: what the check found, what reviewers said, what changed, who signed, and what is done next.

use std::collections::BTreeSet;

use bulletin::differences::differences;
use bulletin::lint::{Finding, RULES, Severity};
use ledger::{EditionStep, IssueState};
use model::bulletin::{Bulletin, Lang};
use model::newsroom::{CorrectionState, EditionState, Right, Step};

use super::stand::{self, Stand};
use super::{encode, newsroom, number_of, parse, row};
use crate::Desk;
use crate::newsroom::{Kind, Outcome, Stage, Work};
use crate::pages::draw;
use crate::refusal::Refusal;
use crate::visitor::Visitor;
use crate::words::{fill, words};

/// Lines of the differences that a page shows.
const SHOWN: usize = 12;
/// Characters of a sentence that a difference shows.
const LONG: usize = 90;

words! {
    Words {
        check: "检查", "Check";
        passed: "{n} 项通过", "{n} rules hold";
        clean: "没有发现问题。", "Nothing was found.";
        blocks: "阻断", "Blocks";
        asks: "需说明", "Asks";
        answered: "已说明", "Answered";
        answered_by: "{who}：{why}", "{who}: {why}";
        answer: "写说明", "Answer";
        reason: "为何成立", "Why it stands";
        send: "提交说明", "Store the answer";
        check_now: "重新检查", "Check again";
        checking: "检查未能完成：{why}", "The check could not be made: {why}";
        not_recorded: "结果尚未记录。", "The result is not recorded yet.";
        mend_draft: "按定稿重新起草", "Draft again from the frozen figures";
        mend_prose: "改这段文字", "Edit the text";
        mend_figure: "看这个数字", "Look at the figure";
        mend_translated: "英文仍相符", "The English still holds";
        comments: "批注", "Comments";
        open: "{n} 条未了结", "{n} open";
        no_comments: "还没有批注。", "No comment yet.";
        about: "所指（可空）", "About (may be empty)";
        say: "批注内容", "Comment";
        add: "添加批注", "Add the comment";
        settle: "了结", "Settle";
        settled: "{who} 了结", "settled by {who}";
        changes: "改动", "Changes";
        against_revision: "修订 {a} → {b}", "revision {a} → {b}";
        against_issue: "第 {a} 期 → 本期", "issue {a} → this one";
        to_issue: "与第 {n} 期比", "against issue {n}";
        to_revision: "与修订 {n} 比", "against revision {n}";
        same: "所印内容相同。", "Both print the same.";
        nothing: "没有可比的稿件。", "There is nothing to compare with.";
        more: "另有 {n} 处", "{n} more";
        sign: "签发", "Sign-off";
        wrote: "撰稿", "wrote";
        reviewed: "复核", "reviewed";
        returned: "退回", "sent back";
        approves: "签发", "signed";
        publishes: "发布", "published";
        waits: "等待", "waiting";
        somebody: "他人", "somebody else";
        hash: "签发后冻结，哈希印在末页；更正另出修订。", "Signed content is frozen and its hash printed on the last page; a correction is another revision.";
        note: "附言（可空）", "Note (may be empty)";
        review: "复核通过", "Find it good";
        back: "退回修改", "Send back";
        back_why: "为何退回", "What must change";
        approve: "签发", "Approve";
        publish: "发布", "Publish";
        draft: "起草", "Draft";
        draft_again: "重新起草", "Draft again";
        why_wrote: "您写过本稿，不能复核或签发自己的稿件。", "You wrote some of it: nobody reviews or approves what they wrote.";
        why_role: "签发需要签发人的权限。", "Approving needs the role approver.";
        why_review_role: "复核需要编辑、值班长或签发人的权限。", "Reviewing needs the role editor, lead or approver.";
        why_publish_role: "发布需要编辑或签发人的权限。", "Publishing needs the role editor or approver.";
        why_first: "先完成：{what}。", "First: {what}.";
        corrections: "更正", "Corrections";
        late: "查找迟到数据", "Look for late data";
        late_text: "按现有记录重算本期，与所印数字比对；公开的内容不变。", "Counts the week from today's records and compares; nothing public changes.";
        accept: "采纳", "Accept";
        decline: "不采纳", "Decline";
        decide_why: "理由", "Reason";
        printed_now: "所印 {a}，现为 {b}", "printed {a}, now {b}";
        decided: "{state}，{who}：{why}", "{state}, {who}: {why}";
        accepted_next: "已采纳的更正需重新定稿、起草新修订，再经复核和签发。", "Accepted corrections need figures frozen anew and a new revision, reviewed and approved again.";
        refreeze: "重新定稿并起草", "Freeze anew and draft";
        refreeze_why: "重新定稿的原因", "Why the figures are frozen anew";
        revision_note: "新修订的更正说明（印在文中）", "What the new revision corrects (printed)";
        refreeze_ask: "将按现有记录重新计数并冻结；此前的签发对新修订无效，需重新复核和签发。公开的修订不变。", "Figures are counted from today's records and frozen; the new revision needs review and approval again. What is public stays.";
        withdraw: "撤回本期", "Withdraw the issue";
        withdraw_ask: "撤回后，本期所有地址改为撤回说明，其数字不再作为基准；已发出的邮件和转载无法由程序收回。确定撤回？", "Every address of the issue will show a notice instead, and its figures are no baseline any more; mails and reprints cannot be called back by a program. Withdraw?";
        withdraw_zh: "撤回原因（中文）", "Reason, Chinese";
        withdraw_en: "撤回原因（英文）", "Reason, English";
        archive: "归档", "Archive";
        work_draft: "正在起草", "Drafting";
        work_publish: "正在发布", "Publishing";
        work_late: "正在重算", "Counting again";
        work_withdraw: "正在撤回", "Withdrawing";
        stage_waiting: "等待其他改动完成", "waiting for another change to end";
        stage_counting: "计数与成稿", "counting and composing";
        stage_rendering: "生成各种版式", "rendering every form";
        stage_site: "写入公开网站", "writing the public site";
        work_by: "{who}，已用 {span}", "{who}, {span} so far";
        refreshes: "本页每 2 秒自动刷新。", "This page renews itself every 2 seconds.";
        done_drafted: "修订 {n} 已起草。", "Revision {n} is drafted.";
        done_same: "内容未变，仍为修订 {n}。", "Nothing changed: it is still revision {n}.";
        done_preliminary: "修订 {n} 已起草；数字为初步结果，定稿时刻之后请再起草。", "Revision {n} is drafted; its figures are preliminary until the freeze moment.";
        done_public: "已发布，公开网站共 {n} 个文件。", "It is public: {n} files on the site.";
        done_withdrawn: "已撤回。", "It is withdrawn.";
        done_late: "{n} 处数字与所印不同，待定。", "{n} figures differ from what is printed.";
        done_same_figures: "重算结果与所印一致。", "Every figure would be the same today.";
        failed: "未能完成：{why}", "That did not work: {why}";
    }
}

/// A finding as it is shown.
pub(crate) struct Row {
    pub(crate) name: String,
    /// `x` blocks, `w` asks, `g` answered.
    pub(crate) class: &'static str,
    pub(crate) word: &'static str,
    pub(crate) text: String,
    pub(crate) cause: String,
    pub(crate) answer: String,
    pub(crate) open: bool,
    pub(crate) mend: Option<Mend>,
}

/// What puts a finding right with one click.
pub(crate) struct Mend {
    pub(crate) label: &'static str,
    /// A page; empty where it is an act.
    pub(crate) href: String,
    /// Where it is sent.
    pub(crate) action: String,
    /// A field and its value.
    pub(crate) field: (&'static str, String),
}

pub(crate) struct Said {
    pub(crate) id: i64,
    pub(crate) author: String,
    pub(crate) meta: String,
    pub(crate) text: String,
    pub(crate) settled: String,
}

pub(crate) struct Line {
    pub(crate) what: String,
    pub(crate) before: String,
    pub(crate) after: String,
    pub(crate) href: String,
}

pub(crate) struct Diff {
    pub(crate) title: String,
    pub(crate) lines: Vec<Line>,
    pub(crate) more: String,
    pub(crate) other: Option<(String, String)>,
    pub(crate) none: &'static str,
}

pub(crate) struct Signed {
    pub(crate) who: String,
    pub(crate) what: &'static str,
    pub(crate) when: String,
    pub(crate) done: bool,
}

pub(crate) struct Proposal {
    pub(crate) figure: String,
    pub(crate) text: String,
    pub(crate) decided: String,
}

/// What can be done next, and why not.
pub(crate) struct Act {
    pub(crate) allowed: bool,
    pub(crate) why: String,
}

pub(crate) struct Doing {
    pub(crate) title: &'static str,
    pub(crate) stage: &'static str,
    pub(crate) step: u8,
    pub(crate) meta: String,
}

pub(crate) struct Rail {
    pub(crate) w: &'static Words,
    pub(crate) rows: Vec<Row>,
    pub(crate) passed: String,
    pub(crate) trouble: String,
    pub(crate) unrecorded: bool,
    pub(crate) comments: Vec<Said>,
    pub(crate) open_comments: String,
    pub(crate) diff: Diff,
    pub(crate) signed: Vec<Signed>,
    pub(crate) proposals: Vec<Proposal>,
    pub(crate) open_proposals: bool,
    pub(crate) accepted: bool,
    pub(crate) review: Option<Act>,
    pub(crate) approve: Option<Act>,
    pub(crate) publish: Option<Act>,
    pub(crate) doing: Option<Doing>,
    pub(crate) ended: Option<(bool, String)>,
    pub(crate) may_edit: bool,
    pub(crate) may_review: bool,
    pub(crate) may_withdraw: bool,
    pub(crate) public: bool,
    /// Whether it may be put away now.
    pub(crate) may_archive: bool,
    /// Keys of the figures that the check blocks.
    pub(crate) bad: BTreeSet<String>,
}

/// Who answered for a finding, and why.
pub(crate) fn answer_of(steps: &[EditionStep], name: &str) -> Option<(String, String)> {
    let answers = steps.iter().filter(|step| step.step.0 == Step::Acknowledge);
    let of = |step: &&EditionStep| {
        let detail: serde_json::Value = serde_json::from_str(&step.detail).unwrap_or_default();
        let list = detail["findings"].as_array().cloned().unwrap_or_default();
        list.iter().any(|one| one == name)
    };
    let found = answers.rev().find(of)?;
    Some((found.actor.clone(), found.reason.clone()))
}

fn mend(finding: &Finding, stand: &Stand, w: &Words) -> Option<Mend> {
    let base = format!("/console/bulletin/{}", stand.issue);
    let page = |label, href| {
        Some(Mend {
            label,
            href,
            action: String::new(),
            field: ("", String::new()),
        })
    };
    let act = |label, action, field| {
        Some(Mend {
            label,
            href: String::new(),
            action,
            field,
        })
    };
    let block = finding.object.strip_prefix("block ");
    match (finding.rule, block) {
        ("stale-translation", Some(id)) => act(
            w.mend_translated,
            format!("{base}/prose/translated"),
            ("block", id.to_owned()),
        ),
        (_, Some(id)) => page(w.mend_prose, format!("{base}/prose?block={}", encode(id))),
        (
            "frozen" | "print" | "caption" | "chart-table" | "outputs" | "baseline"
            | "baseline-note" | "baseline-withdrawn" | "change-wording" | "definition"
            | "recent-link" | "sources" | "break",
            None,
        ) => act(
            w.mend_draft,
            format!("{base}/draft"),
            ("note", String::new()),
        ),
        _ => match bulletin::statistics::named(finding.object.split(['/', ' ']).next()?) {
            Some(_) => page(
                w.mend_figure,
                format!("{base}?figure={}#figure", encode(&finding.object)),
            ),
            None => None,
        },
    }
}

/// What the check found, as it is shown: what blocks first.
pub(crate) fn rows(findings: &[Finding], stand: &Stand, lang: Lang) -> Vec<Row> {
    let w = Words::of(lang);
    let mut rows: Vec<(u8, Row)> = findings
        .iter()
        .map(|finding| {
            let name = finding.fingerprint();
            let answer = answer_of(&stand.steps, &name);
            let (rank, class, word) = match (finding.severity, &answer) {
                (Severity::Blocks, _) => (0, "x", w.blocks),
                (Severity::Asks, None) => (1, "w", w.asks),
                (Severity::Asks, Some(_)) => (2, "g", w.answered),
            };
            let open = rank == 1;
            let row = Row {
                class,
                word,
                text: finding.text.get(lang).to_owned(),
                cause: match rank {
                    2 => String::new(),
                    _ => finding.remedy.get(lang).to_owned(),
                },
                answer: match (rank, answer) {
                    (2, Some((who, why))) => fill(w.answered_by, &[("who", &who), ("why", &why)]),
                    _ => String::new(),
                },
                open,
                mend: match rank {
                    2 => None,
                    _ => mend(finding, stand, w),
                },
                name,
            };
            (rank, row)
        })
        .collect();
    rows.sort_by_key(|(rank, _)| *rank);
    rows.into_iter().map(|(_, row)| row).collect()
}

/// What two texts have in common at both ends is not shown twice.
fn apart(before: &str, after: &str) -> (String, String) {
    let cut = |text: &str| match text.char_indices().nth(LONG) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    };
    let (a, b): (Vec<char>, Vec<char>) = (before.chars().collect(), after.chars().collect());
    if a.len().max(b.len()) <= LONG {
        return (before.to_owned(), after.to_owned());
    }
    let same = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
    let from = same.saturating_sub(8);
    let rest = |text: &[char]| {
        let rest: String = text[from.min(text.len())..].iter().collect();
        match from {
            0 => cut(&rest),
            _ => format!("…{}", cut(&rest)),
        }
    };
    (rest(&a), rest(&b))
}

async fn diff(
    desk: &Desk,
    visitor: &Visitor,
    stand: &Stand,
    (b, revision): (&Bulletin, i32),
    against: &str,
) -> Result<Diff, Refusal> {
    let lang = visitor.lang;
    let w = Words::of(lang);
    let base = format!("/console/bulletin/{}", stand.issue);
    let before = stand.heads.iter().map(|head| head.revision);
    let before = before.filter(|other| *other < revision).max();
    let editions = desk.ledger.editions(&stand.key.series).await?;
    let last = editions
        .into_iter()
        .find(|edition| edition.week_start == stand.edition.week_start - 7);
    let baselines = desk.ledger.baselines(&stand.key.series, i64::MAX).await?;
    let last = last.and_then(|edition| {
        let of = baselines.get(&(edition.year, edition.number)).copied()?;
        Some((edition.key(), of))
    });
    let to_issue = |key: &ledger::EditionKey| {
        let number = number_of(key.year, key.number);
        (
            fill(w.to_issue, &[("n", &number)]),
            format!("{base}?against=last#changes"),
        )
    };
    let (title, other_row, other) = match (before, &last, against) {
        (Some(before), last, "") => {
            let title = fill(w.against_revision, &[("a", &before), ("b", &revision)]);
            let other = row(desk, &stand.key, before).await?;
            (
                title,
                Some(other),
                last.as_ref().map(|(key, _)| to_issue(key)),
            )
        }
        (before, Some((key, of)), _) => {
            let number = number_of(key.year, key.number);
            let title = fill(w.against_issue, &[("a", &number)]);
            let other = row(desk, key, *of).await?;
            (
                title,
                Some(other),
                before.map(|before| {
                    (
                        fill(w.to_revision, &[("n", &before)]),
                        format!("{base}#changes"),
                    )
                }),
            )
        }
        _ => (String::new(), None, None),
    };
    let Some(other_row) = other_row else {
        return Ok(Diff {
            title,
            lines: Vec::new(),
            more: String::new(),
            other: None,
            none: w.nothing,
        });
    };
    let found = differences(&parse(&other_row)?, b, lang);
    let more = found.len().saturating_sub(SHOWN);
    let lines = found.into_iter().take(SHOWN).map(|one| {
        let (before, after) = apart(&one.before, &one.after);
        let name = b
            .value(&one.what)
            .map(|value| value.name.get(lang).to_owned());
        Line {
            href: match one.figure {
                true => format!("{base}?figure={}#figure", encode(&one.what)),
                false => String::new(),
            },
            what: name.unwrap_or(one.what),
            before,
            after,
        }
    });
    Ok(Diff {
        title,
        lines: lines.collect(),
        more: match more {
            0 => String::new(),
            more => fill(w.more, &[("n", &more)]),
        },
        other,
        none: w.same,
    })
}

fn signed(desk: &Desk, stand: &Stand, w: &Words) -> Vec<Signed> {
    let mut rows = Vec::new();
    let when = |at: i64| draw::exact(desk, at);
    let head = stand.newest();
    let writers = match stand.writers() {
        none if none.is_empty() => head.map(|head| head.author.clone()).into_iter().collect(),
        some => some,
    };
    for who in writers {
        let wrote = stand.steps.iter().rfind(|step| {
            step.actor == who && matches!(step.step.0, Step::Draft | Step::Edit | Step::Refreeze)
        });
        rows.push(Signed {
            when: wrote.map(|step| when(step.at)).unwrap_or_default(),
            who,
            what: w.wrote,
            done: true,
        });
    }
    let mut step = |kinds: &[Step], what: &'static str| {
        let revision = head.map_or(0, |head| head.revision);
        let found = stand
            .steps
            .iter()
            .rfind(|step| kinds.contains(&step.step.0) && step.revision == revision);
        rows.push(match found {
            Some(step) => Signed {
                who: match &step.acting_for {
                    Some(other) => format!("{} ({other})", step.actor),
                    None => step.actor.clone(),
                },
                what: match step.step.0 {
                    Step::Return => w.returned,
                    _ => what,
                },
                when: when(step.at),
                done: step.step.0 != Step::Return,
            },
            None => Signed {
                who: w.somebody.to_owned(),
                what,
                when: w.waits.to_owned(),
                done: false,
            },
        });
    };
    if head.is_some() {
        step(&[Step::Review, Step::Return], w.reviewed);
        step(&[Step::Approve], w.approves);
        step(&[Step::Publish], w.publishes);
    }
    rows
}

fn doing(desk: &Desk, work: &Work, lang: Lang) -> Doing {
    let w = Words::of(lang);
    Doing {
        title: match work.kind {
            Kind::Draft => w.work_draft,
            Kind::Publish => w.work_publish,
            Kind::Late => w.work_late,
            Kind::Withdraw => w.work_withdraw,
        },
        stage: match work.stage {
            Stage::Waiting => w.stage_waiting,
            Stage::Counting => w.stage_counting,
            Stage::Rendering => w.stage_rendering,
            Stage::Site => w.stage_site,
        },
        step: match (work.kind, work.stage) {
            (_, Stage::Waiting) => 10,
            (Kind::Publish, Stage::Rendering) => 45,
            (Kind::Publish, _) => 85,
            _ => 55,
        },
        meta: {
            let secs = (desk.now().0 - work.begun_at).max(0) / 1_000_000;
            let span = match lang {
                Lang::Zh => format!("{secs} 秒"),
                Lang::En => format!("{secs} s"),
            };
            fill(w.work_by, &[("who", &work.by), ("span", &span)])
        },
    }
}

/// What ended work came to, and whether it went well.
pub(crate) fn ended(work: &Work, lang: Lang) -> Option<(bool, String)> {
    let w = Words::of(lang);
    Some(match work.outcome.as_ref()? {
        Outcome::Drafted {
            revision,
            new,
            frozen,
        } => {
            let text = match (new, frozen) {
                (false, true) => w.done_same,
                (_, false) => w.done_preliminary,
                (true, true) => w.done_drafted,
            };
            (true, fill(text, &[("n", revision)]))
        }
        Outcome::Public { .. } if work.kind == Kind::Withdraw => {
            (true, w.done_withdrawn.to_owned())
        }
        Outcome::Public { files } => (true, fill(w.done_public, &[("n", files)])),
        Outcome::Counted { corrections: 0 } => (true, w.done_same_figures.to_owned()),
        Outcome::Counted { corrections } => (true, fill(w.done_late, &[("n", corrections)])),
        Outcome::Failed { why } => (false, fill(w.failed, &[("why", why)])),
    })
}

/// Everything beside an issue; `read` is the revision that is shown.
pub(crate) async fn of(
    desk: &Desk,
    visitor: &Visitor,
    stand: &Stand,
    read: Option<(&Bulletin, i32)>,
    against: &str,
) -> Result<Rail, Refusal> {
    let lang = visitor.lang;
    let w = Words::of(lang);
    let room = newsroom(desk)?;
    let works = room.works().await?;
    let last = works.iter().find(|work| work.issue == stand.issue);
    let busy = last.is_some_and(|work| work.ended_at.is_none());
    let newest = stand.newest().map(|head| head.revision);
    let shows_newest = read.map(|(_, revision)| revision) == newest;
    let (mut findings, mut trouble) = (Vec::new(), String::new());
    if newest.is_some() && shows_newest && !busy && !stand.settled() {
        match room.findings(stand.issue).await {
            Ok(checked) => findings = checked.findings,
            Err(error) => trouble = fill(w.checking, &[("why", &error)]),
        }
    }
    let blocked = findings
        .iter()
        .filter(|one| one.severity == Severity::Blocks);
    let bad = blocked.map(|one| one.object.clone()).collect();
    let broken: BTreeSet<&str> = findings.iter().map(|one| one.rule).collect();
    let rights = (
        visitor.may(Right::Edit),
        visitor.may(Right::Review),
        stand::may(desk, visitor, Right::Approve).await,
        visitor.may(Right::Publish),
    );
    let wrote = stand.wrote(visitor);
    let first = stand
        .hindrances
        .iter()
        .map(|one| stand::say(one, lang))
        .next();
    let drafted = matches!(stand.state, EditionState::Drafted | EditionState::Reviewed);
    let review = (drafted && shows_newest && !busy).then(|| {
        let why = match (rights.1, wrote) {
            (false, _) => w.why_review_role.to_owned(),
            (true, true) => w.why_wrote.to_owned(),
            (true, false) => String::new(),
        };
        Act {
            allowed: why.is_empty(),
            why,
        }
    });
    let approve = (drafted && shows_newest && !busy).then(|| {
        let mut why = Vec::new();
        if let Some(first) = first {
            why.push(fill(w.why_first, &[("what", &first)]));
        }
        if wrote {
            why.push(w.why_wrote.to_owned());
        } else if !rights.2 {
            why.push(w.why_role.to_owned());
        }
        Act {
            allowed: why.is_empty(),
            why: why.join(" "),
        }
    });
    let publish = (stand.state == EditionState::Approved && shows_newest && !busy).then(|| Act {
        allowed: rights.3,
        why: match rights.3 {
            true => String::new(),
            false => w.why_publish_role.to_owned(),
        },
    });
    let comments = stand.comments.iter().rev().map(|one| Said {
        id: one.id,
        author: one.author.clone(),
        meta: match one.place.as_str() {
            "" => draw::exact(desk, one.at),
            place => format!("{place} · {}", draw::exact(desk, one.at)),
        },
        text: one.text.clone(),
        settled: match &one.settled_by {
            Some(who) => fill(w.settled, &[("who", who)]),
            None => String::new(),
        },
    });
    let proposals = stand.corrections.iter().rev().map(|one| Proposal {
        figure: one.value.clone(),
        text: fill(w.printed_now, &[("a", &one.printed), ("b", &one.counted)]),
        decided: match one.state.0 {
            CorrectionState::Open => String::new(),
            state => fill(
                w.decided,
                &[
                    ("state", &crate::words::word(state, lang)),
                    ("who", &one.decided_by.clone().unwrap_or_default()),
                    ("why", &one.note),
                ],
            ),
        },
    });
    let diff = match read {
        Some(read) => diff(desk, visitor, stand, read, against).await?,
        None => Diff {
            title: String::new(),
            lines: Vec::new(),
            more: String::new(),
            other: None,
            none: w.nothing,
        },
    };
    // An accepted correction is done once a later revision is stored.
    let accepted = stand
        .corrections
        .iter()
        .any(|one| one.state.0 == CorrectionState::Accepted && Some(one.revision) == newest);
    Ok(Rail {
        w,
        passed: fill(w.passed, &[("n", &(RULES.len() - broken.len()))]),
        rows: rows(&findings, stand, lang),
        trouble,
        unrecorded: !stand.settled() && newest.is_some() && stand.last(Step::Lint).is_none(),
        comments: comments.collect(),
        open_comments: match stand.open_comments() {
            0 => String::new(),
            n => fill(w.open, &[("n", &n)]),
        },
        diff,
        signed: signed(desk, stand, w),
        proposals: proposals.collect(),
        open_proposals: stand.open_corrections() > 0,
        accepted,
        review,
        approve,
        publish,
        doing: last.filter(|_| busy).map(|work| doing(desk, work, lang)),
        ended: last
            .filter(|work| {
                let at = work.ended_at.unwrap_or(0);
                desk.now().0 - at < 10 * 60_000_000
            })
            .and_then(|work| ended(work, lang)),
        may_edit: rights.0,
        may_review: rights.1,
        may_withdraw: rights.2,
        may_archive: rights.3 && stand.state == EditionState::Published,
        public: stand.edition.published_revision.is_some()
            && stand.edition.withdrawn_at.is_none()
            && stand
                .newest()
                .is_none_or(|head| head.state == IssueState::Approved),
        bad,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_shown_from_where_they_part() {
        let long = "甲".repeat(120);
        let (a, b) = apart(&format!("{long}一"), &format!("{long}二"));
        assert!(
            a.ends_with('一') && b.ends_with('二') && a.starts_with('…'),
            "{a} {b}"
        );
        assert_eq!(apart("405", "402"), ("405".to_owned(), "402".to_owned()));
    }
}
