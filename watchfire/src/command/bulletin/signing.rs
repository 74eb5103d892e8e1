//! Check, comments, review, approval: several people, one revision.

use clap::Args;
use ledger::{Actor, EditionKey, Issue, LintOutcome, Review};
use model::newsroom::Right;
use serde_json::json;

use super::drafting::{actor, key_of, newest};
use super::findings::{self, Checked};
use crate::failure::{Failure, Result};
use crate::table::Out;
use crate::weekly::{number, tongue};
use crate::weeks;
use crate::workspace::{Access, Session, Workspace, now};

#[derive(Debug, Args)]
pub struct Lint {
    /// Issue (2023-3), date of the week (2023-01-12), or `last`.
    issue: String,
}

#[derive(Debug, Args)]
pub struct Acknowledge {
    /// Issue.
    issue: String,
    /// Findings by the names that `bulletin lint` gives them; `all` for every one that asks.
    #[arg(required = true, value_name = "FINDING")]
    findings: Vec<String>,
    /// Why it stands as it is.
    #[arg(long)]
    reason: String,
}

#[derive(Debug, Args)]
pub struct Comment {
    /// Issue.
    issue: String,
    /// What it says.
    text: String,
    /// What it is about: a section, a block, a statistic.
    #[arg(long, default_value = "", value_name = "PLACE")]
    about: String,
}

#[derive(Debug, Args)]
pub struct Settle {
    /// Number of the comment.
    comment: i64,
}

#[derive(Debug, Args)]
pub struct ReviewArgs {
    /// Issue.
    issue: String,
    /// Send it back, for this reason.
    #[arg(long = "return", value_name = "REASON")]
    returned: Option<String>,
    /// A word to those who read it after you.
    #[arg(long, default_value = "")]
    note: String,
}

#[derive(Debug, Args)]
pub struct Approve {
    /// Issue.
    issue: String,
}

/// The newest revision of a named issue.
pub fn open(text: &str, workspace: &Workspace) -> Result<(EditionKey, Issue)> {
    let issue = number(weeks::read(text, workspace, now())?)?;
    let key = key_of(workspace, issue);
    match newest(workspace, &key)? {
        Some(row) => Ok((key, row)),
        None => Err(
            Failure::new(format_args!("issue {issue}"), "is not drafted yet")
                .remedy(format_args!("watchfire bulletin draft {issue}")),
        ),
    }
}

/// Checks the newest revision and stores what that came to.
///
/// # Errors
/// The row was changed after it was frozen, or the ledger fails.
pub fn check(
    workspace: &Workspace,
    (key, row): (&EditionKey, &Issue),
    checker: &str,
) -> Result<(Checked, Vec<String>)> {
    let checked = findings::check(workspace, key, row)?;
    let outcome = LintOutcome {
        blocks: checked.blocks(),
        asks: checked.asks(),
    };
    let recording = workspace
        .ledger
        .record_lint((key, row.revision), &outcome, checker, now().0);
    let open = workspace.block_on(recording)?;
    Ok((checked, open))
}

pub fn lint(args: Lint, session: &Session) -> Result {
    let workspace = session.open(Access::Write("bulletin lint"))?;
    let (key, row) = open(&args.issue, &workspace)?;
    let (checked, open) = check(&workspace, (&key, &row), &session.actor())?;
    let mut out = Out::new();
    match session.json {
        true => out.json(&json!({
            "issue": format!("{}-{}", row.year, row.number),
            "revision": row.revision,
            "findings": checked.json(&open),
        }))?,
        false => checked.print(&open, tongue(&session.environment), &mut out)?,
    }
    out.end()?;
    match checked.blocks().is_empty() && open.is_empty() {
        true => Ok(()),
        false => Err(Failure::findings()),
    }
}

pub fn acknowledge(args: Acknowledge, session: &Session) -> Result {
    let workspace = session.open(Access::Write("bulletin acknowledge"))?;
    let (key, row) = open(&args.issue, &workspace)?;
    let by = actor(&workspace, &session.actor(), Right::Review, now())?;
    let (_, open) = check(&workspace, (&key, &row), &session.actor())?;
    let findings = match args.findings.as_slice() {
        [all] if all == "all" => open,
        named => named.to_vec(),
    };
    if findings.is_empty() {
        session.talk.say("nothing asks for an answer");
        return Ok(());
    }
    let target = (&key, row.revision);
    workspace.block_on(workspace.ledger.acknowledge_findings(
        target,
        &findings,
        &by,
        &args.reason,
        now().0,
    ))?;
    session
        .talk
        .say(format_args!("{} findings answered for", findings.len()));
    Ok(())
}

pub fn comment(args: Comment, session: &Session) -> Result {
    let workspace = session.open(Access::Write("bulletin comment"))?;
    let (key, row) = open(&args.issue, &workspace)?;
    let by = actor(&workspace, &session.actor(), Right::Review, now())?;
    let said = (args.about.as_str(), args.text.as_str());
    let adding = workspace
        .ledger
        .comment_issue((&key, row.revision), said, &by, now().0);
    let id = workspace.block_on(adding)?;
    session.talk.say(format_args!(
        "comment {id}; it must be settled before approval: watchfire bulletin settle {id}"
    ));
    Ok(())
}

pub fn settle(args: Settle, session: &Session) -> Result {
    let workspace = session.open(Access::Write("bulletin settle"))?;
    let by = actor(&workspace, &session.actor(), Right::Review, now())?;
    workspace.block_on(workspace.ledger.settle_comment(args.comment, &by, now().0))?;
    session
        .talk
        .say(format_args!("comment {} is settled", args.comment));
    Ok(())
}

pub fn review(args: ReviewArgs, session: &Session) -> Result {
    let workspace = session.open(Access::Write("bulletin review"))?;
    let (key, row) = open(&args.issue, &workspace)?;
    let by = actor(&workspace, &session.actor(), Right::Review, now())?;
    let (review, note) = match &args.returned {
        Some(reason) => (Review::Returned, reason.as_str()),
        None => (Review::Passes, args.note.as_str()),
    };
    let target = (&key, row.revision);
    workspace.block_on(
        workspace
            .ledger
            .review_issue(target, review, &by, note, now().0),
    )?;
    let what = match review {
        Review::Passes => "reviewed",
        Review::Returned => "returned",
    };
    session.talk.say(format_args!(
        "issue {}-{} revision {}: {what} by {}",
        row.year,
        row.number,
        row.revision,
        by.login()
    ));
    Ok(())
}

pub fn approve(args: Approve, session: &Session) -> Result {
    let workspace = session.open(Access::Write("bulletin approve"))?;
    let (key, row) = open(&args.issue, &workspace)?;
    let by = actor(&workspace, &session.actor(), Right::Approve, now())?;
    let row = sign(&workspace, (&key, &row), &by).map_err(|failure| {
        failure.remedy(format_args!("watchfire bulletin status {}", args.issue))
    })?;
    let place = match by.acting_for() {
        Some(approver) => format!(" in the place of {approver}"),
        None => String::new(),
    };
    session.talk.say(format_args!(
        "issue {}-{} revision {} is approved by {}{place}, hash {}",
        row.year,
        row.number,
        row.revision,
        by.login(),
        row.hash
    ));
    Ok(())
}

/// Signs a revision. What is signed is what is checked now, not what was checked some days ago.
///
/// # Errors
/// Something stands in the way: the ledger says what.
pub fn sign(workspace: &Workspace, (key, row): (&EditionKey, &Issue), by: &Actor) -> Result<Issue> {
    check(workspace, (key, row), by.login())?;
    let signing = workspace
        .ledger
        .approve_issue((key, row.revision), by, now().0);
    Ok(workspace.block_on(signing)?)
}
