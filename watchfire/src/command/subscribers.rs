//! `watchfire subscribers`: who gets the mail edition, and sending it.

use std::path::{Path, PathBuf};

use bulletin::render::{HOME, UNSUBSCRIBE};
use clap::Subcommand;
use ledger::{BlobStore, NewAudit, Page, Rendition, SubscriberState};
use model::bulletin::{Lang, Text};
use response::subscribers::{Body, Edition, Pages, SentEdition};
use serde_json::json;

use super::bulletin::drafting::key_of;
use super::incidents::minute;
use crate::cli::Acting;
use crate::failure::{Failure, Result};
use crate::responding::{desk, house, identity};
use crate::table::{Out, Table};
use crate::weekly::number;
use crate::weeks;
use crate::workspace::{Access, Session, Workspace, now};

/// Take subscribers of the mail edition, and send it to those who said yes.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
An address gets one mail that asks; nothing else is sent before it confirms. Nothing leaves unless the
instance is armed (`watchfire notices arm`), and `watchfire notices stop` stops it. See docs/subscribers.md.

Examples:
  watchfire subscribers add ann@example.com --lang en
  watchfire subscribers import list.csv             columns email, language; each is asked
  watchfire subscribers ask                         send the confirming mails
  watchfire subscribers confirm TOKEN
  watchfire subscribers leave ann@example.com
  watchfire subscribers send 2023-3                the mail edition that was published
  watchfire subscribers send 2023-3 --recall       after `bulletin withdraw`")]
pub struct Args {
    #[command(flatten)]
    pub acting: Acting,
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Take an address; it is asked before anything is sent to it.
    Add {
        /// The address.
        email: String,
        /// Language of its mails: zh or en.
        #[arg(long, default_value = "zh")]
        lang: String,
    },
    /// Take the addresses of a CSV file with the columns email and language; each is asked.
    Import {
        /// The file.
        file: PathBuf,
    },
    /// Send the confirming mails that are due.
    Ask,
    /// Say yes for whoever shows the token of a confirming mail.
    Confirm {
        /// The token.
        token: String,
    },
    /// Take somebody out.
    Leave {
        /// The address, or a number.
        subscriber: String,
    },
    /// List subscribers.
    List {
        /// Only in this state: asked, confirmed, left, bouncing; may be repeated.
        #[arg(long)]
        state: Vec<String>,
    },
    /// Send an issue, to each subscriber at most once.
    Send {
        /// The issue, as 2023-3.
        issue: String,
        /// Its revision; without it the public one.
        #[arg(long)]
        revision: Option<u32>,
        /// The issue was withdrawn: call it back from those who got it.
        #[arg(long)]
        recall: bool,
        /// Other content than the mail edition that was published: PATH.zh.txt, PATH.en.txt, and .html beside
        /// them. `@@LEAVE@@` in them becomes the address by which the subscriber leaves.
        #[arg(long, value_name = "PATH", requires = "revision")]
        body: Option<PathBuf>,
        /// With --body: the issue is not public here, and is sent all the same, for this reason (a program before
        /// this one published it).
        #[arg(long, value_name = "REASON", requires = "body")]
        not_public: Option<String>,
        /// Subject, Chinese.
        #[arg(long)]
        subject_zh: Option<String>,
        /// Subject, English.
        #[arg(long)]
        subject_en: Option<String>,
    },
}

pub fn run(args: Args, session: &Session) -> Result {
    match args.what {
        What::Add { email, lang } => add(&[(email, lang)], "person", session),
        What::Import { file } => import(&file, session),
        What::Ask => ask(session),
        What::Confirm { token } => {
            let workspace = session.open(Access::Write("subscribers confirm"))?;
            let desk = desk(&workspace);
            let done = workspace.block_on(desk.confirm(&token, &session.actor()))?;
            session
                .talk
                .say(format_args!("subscriber {} is confirmed", done.id));
            Ok(())
        }
        What::Leave { subscriber } => leave(&subscriber, session),
        What::List { state } => list(&state, session),
        What::Send {
            issue,
            revision,
            recall,
            body,
            not_public,
            subject_zh,
            subject_en,
        } => {
            let edition = Edition {
                series: String::new(),
                issue,
                revision: revision.unwrap_or_default(),
                recall,
            };
            let content = Content {
                body: body.as_deref(),
                not_public: not_public.as_deref(),
            };
            send(edition, &content, [subject_zh, subject_en], session)
        }
    }
}

fn language(text: &str) -> Result<Lang> {
    match text {
        "zh" => Ok(Lang::Zh),
        "en" => Ok(Lang::En),
        _ => Err(Failure::usage(text, "is no language of the edition").remedy("zh or en")),
    }
}

fn add(all: &[(String, String)], source: &str, session: &Session) -> Result {
    let workspace = session.open(Access::Write("subscribers add"))?;
    let house = house(&workspace, &session.environment, false)?;
    let (desk, who) = (desk(&workspace), session.actor());
    let (mut asked, mut known) = (0, 0);
    for (email, lang) in all {
        let lang = language(lang)?;
        match workspace.block_on(desk.add_subscriber(&house, email, lang, source, &who)) {
            Ok(row) if row.state == SubscriberState::Confirmed => known += 1,
            Ok(_) => asked += 1,
            // One that cannot be written to keeps no other out.
            Err(error) if all.len() > 1 => {
                session.talk.warn(format_args!("{email}: {error}"));
            }
            Err(error) => return Err(error.into()),
        }
    }
    session.talk.say(format_args!(
        "{asked} to be asked (`watchfire subscribers ask`), {known} said yes before"
    ));
    Ok(())
}

fn import(file: &Path, session: &Session) -> Result {
    let fail = |error: &dyn std::fmt::Display| Failure::new(file.display(), error);
    let text = std::fs::read_to_string(file).map_err(|error| fail(&error))?;
    let mut all = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let mut cells = line.split(',').map(|cell| cell.trim().trim_matches('"'));
        let (email, lang) = (cells.next().unwrap_or_default(), cells.next());
        let head = at == 0 && !email.contains('@');
        if !email.is_empty() && !head {
            let lang = lang.filter(|lang| !lang.is_empty()).unwrap_or("zh");
            language(lang).map_err(|failure| {
                let why = format!("line {}: {}", at + 1, failure.message());
                fail(&why).remedy("columns: email, language (zh or en)")
            })?;
            all.push((email.to_owned(), lang.to_owned()));
        }
    }
    let source = format!("import {}", file.display());
    add(&all, &source, session)
}

fn pages(workspace: &Workspace) -> Result<Pages> {
    let base = workspace.settings.subscribers.base.clone();
    if !base.is_empty() && !base.starts_with("https://") && !base.starts_with("http://127.0.0.1") {
        return Err(Failure::new(
            "subscribers.base",
            "one click that unsubscribes needs HTTPS (RFC 8058)",
        )
        .remedy("write an address as https://cert.example"));
    }
    Ok(Pages { base })
}

fn told(done: &SentEdition, session: &Session) -> Result {
    let mut out = Out::new();
    match session.json {
        true => out.json(done)?,
        false => out.line(format_args!(
            "{} sent, {} had it before, {} later, {} refused",
            done.sent, done.before, done.later, done.refused
        ))?,
    }
    out.end()?;
    match &done.stopped {
        Some(why) => {
            let (what, remedy) = why.split_once("; ").unwrap_or((why, ""));
            Err(Failure::new("sending", what).remedy(remedy))
        }
        None => Ok(()),
    }
}

fn ask(session: &Session) -> Result {
    let workspace = session.open(Access::Write("subscribers ask"))?;
    let house = house(&workspace, &session.environment, false)?;
    let (identity, pages) = (identity(&workspace)?, pages(&workspace)?);
    let title = &workspace.settings.series.title;
    let desk = desk(&workspace);
    let done = workspace.block_on(desk.send_confirmations(&house, &identity, &pages, title))?;
    told(&done, session)
}

fn leave(which: &str, session: &Session) -> Result {
    let workspace = session.open(Access::Write("subscribers leave"))?;
    let ledger = &workspace.ledger;
    let id = match which.parse() {
        Ok(id) => id,
        Err(_) => {
            let found = workspace.block_on(ledger.subscriber_of(which))?;
            found
                .ok_or_else(|| {
                    Failure::new(which, "is no subscriber").remedy("watchfire subscribers list")
                })?
                .id
        }
    };
    let who = session.actor();
    workspace.block_on(ledger.leave_subscriber(id, "by hand", &who, now().0))?;
    session.talk.say(format_args!("subscriber {id} left"));
    Ok(())
}

fn list(states: &[String], session: &Session) -> Result {
    let workspace = session.open(Access::Read)?;
    let states = states.iter().map(|text| match text.as_str() {
        "asked" => Ok(SubscriberState::Asked),
        "confirmed" => Ok(SubscriberState::Confirmed),
        "left" => Ok(SubscriberState::Left),
        "bouncing" => Ok(SubscriberState::Bouncing),
        text => Err(Failure::usage(text, "is no state of a subscriber")
            .remedy("asked, confirmed, left or bouncing")),
    });
    let states = states.collect::<Result<Vec<_>>>()?;
    let all = workspace.block_on(workspace.ledger.subscribers(&states, Page::ALL))?;
    let mut out = Out::new();
    if session.json {
        out.json(&all)?;
        return out.end();
    }
    let mut table = Table::new(["#", "address", "language", "state", "since", ""]);
    for one in &all {
        let state = serde_json::to_value(one.state).unwrap_or_default();
        table.row([
            one.id.to_string(),
            one.email.clone(),
            one.language.clone(),
            state.as_str().unwrap_or_default().to_owned(),
            minute(one.changed_at, &workspace),
            one.ending
                .clone()
                .or_else(|| one.bounce.clone())
                .unwrap_or_default(),
        ]);
    }
    match table.is_empty() {
        true => session.talk.say("no subscribers"),
        false => table.print(&mut out)?,
    }
    out.end()
}

/// What is sent instead of the mail edition that was published.
struct Content<'a> {
    body: Option<&'a Path>,
    not_public: Option<&'a str>,
}

fn send(
    mut edition: Edition,
    content: &Content<'_>,
    subjects: [Option<String>; 2],
    session: &Session,
) -> Result {
    let workspace = session.open(Access::Write("subscribers send"))?;
    let house = house(&workspace, &session.environment, false)?;
    let (identity, pages) = (identity(&workspace)?, pages(&workspace)?);
    edition.series = workspace.settings.series.id.clone();
    let title = &workspace.settings.series.title;
    let body = content.body;
    let public = match body {
        Some(_) => {
            must_be_public(&workspace, &edition, content.not_public, &session.actor())?;
            None
        }
        None => Some(public(&workspace, &mut edition)?),
    };
    let read = |lang: Lang, kind: &str| match (&public, body) {
        (Some(public), _) => public.content(lang, kind),
        (None, body) => {
            let stem = body.unwrap_or(Path::new("edition")).display();
            let path = format!("{stem}.{}.{kind}", lang.code());
            std::fs::read_to_string(&path).map_err(|error| Failure::new(path, error))
        }
    };
    let [zh, en] = subjects;
    let of = |lang: Lang, subject: Option<String>| -> Result<Body> {
        let recall = match (edition.recall, lang) {
            (false, _) => "",
            (true, Lang::Zh) => "（撤回）",
            (true, Lang::En) => " (recalled)",
        };
        let usual = format!("{} {}{recall}", title.get(lang), edition.issue);
        Ok(Body {
            subject: subject.unwrap_or(usual),
            text: read(lang, "txt")?,
            html: read(lang, "html").ok(),
        })
    };
    let bodies = [of(Lang::Zh, zh)?, of(Lang::En, en)?];
    let write = |lang: Lang, leave: &str| {
        let body = match lang {
            Lang::Zh => &bodies[0],
            Lang::En => &bodies[1],
        };
        let filled = |text: &String| text.replace("@@LEAVE@@", leave).replace(UNSUBSCRIBE, leave);
        Body {
            subject: body.subject.clone(),
            text: filled(&body.text),
            html: body.html.as_ref().map(filled),
        }
    };
    let desk = desk(&workspace);
    let sent = desk.send_edition(&house, &identity, &pages, &edition, &write);
    told(&workspace.block_on(sent)?, session)
}

/// Refuses other content than was published for an issue that is not public in that revision, unless somebody says
/// why; what they say stands in the audit trail.
fn must_be_public(
    workspace: &Workspace,
    edition: &Edition,
    reason: Option<&str>,
    actor: &str,
) -> Result {
    let issue = number(weeks::read(&edition.issue, workspace, now())?)?;
    let key = key_of(workspace, issue);
    let ledger = &workspace.ledger;
    let row = workspace.block_on(ledger.edition(&key))?;
    let public = row.as_ref().and_then(|row| row.published_revision);
    let withdrawn = row.is_some_and(|row| row.withdrawn_at.is_some());
    let what = format!("issue {issue} revision {}", edition.revision);
    if withdrawn != edition.recall && public.is_some() {
        return Err(match withdrawn {
            true => Failure::new(what, "is withdrawn: it is sent to nobody")
                .remedy("--recall calls it back from those who got it"),
            false => Failure::new(what, "is public and stands: there is nothing to call back"),
        });
    }
    if public.and_then(|public| u32::try_from(public).ok()) == Some(edition.revision) {
        return Ok(());
    }
    let reason = reason.map(str::trim).filter(|reason| !reason.is_empty());
    let Some(reason) = reason else {
        return Err(Failure::new(what, "is not public").remedy(format_args!(
            "watchfire bulletin publish {issue}; where something else published it: --not-public REASON"
        )));
    };
    let entry = NewAudit {
        actor: actor.to_owned(),
        action: "subscriber.send-not-public".to_owned(),
        object: format!("{} revision {}", key.object(), edition.revision),
        detail: json!({ "reason": reason }),
    };
    Ok(workspace.block_on(ledger.append_audit(entry, now().0))?)
}

/// What is public of an issue, as mail.
struct Public {
    stem: String,
    /// Why it was withdrawn, where it was and is called back.
    recalled: Option<Text>,
    files: Vec<Rendition>,
    blobs: BlobStore,
    /// Where its pages stand, up to the language.
    home: String,
}

impl Public {
    /// The content in one language, text or HTML.
    fn content(&self, lang: Lang, kind: &str) -> Result<String> {
        if let Some(reason) = &self.recalled {
            let (said, leave) = match lang {
                Lang::Zh => (
                    format!(
                        "{}已撤回，请勿使用或转发其中的内容。\n\n原因：{}\n",
                        self.stem, reason.zh
                    ),
                    "退订",
                ),
                Lang::En => (
                    format!(
                        "Issue {} was withdrawn; please neither use it nor pass it on.\n\nReason: {}\n",
                        self.stem, reason.en
                    ),
                    "Unsubscribe",
                ),
            };
            return match kind {
                "txt" => Ok(format!("{said}\n{leave}: {UNSUBSCRIBE}\n")),
                // Text says it all.
                _ => Err(Failure::new("recall", "has no HTML")),
            };
        }
        let name = format!("{}.{}.mail.{kind}", self.stem, lang.code());
        let Some(file) = self.files.iter().find(|file| file.name == name) else {
            return Err(Failure::new(&name, "was not published").remedy(
                "publish the issue with --format mail among its forms, or give --body PATH --revision N",
            ));
        };
        let bytes = self.blobs.read(&file.hash)?;
        let text = String::from_utf8(bytes).map_err(|error| Failure::new(&name, error))?;
        Ok(text.replace(HOME, &format!("{}.{}.html", self.home, lang.code())))
    }
}

/// Finds what is public of an issue, and sets the revision that is sent.
fn public(workspace: &Workspace, edition: &mut Edition) -> Result<Public> {
    let named = weeks::read(&edition.issue, workspace, now())?;
    let issue = number(named)?;
    edition.issue = issue.to_string();
    let key = key_of(workspace, issue);
    let ledger = &workspace.ledger;
    let row = workspace.block_on(ledger.edition(&key))?;
    let row = row.filter(|row| row.published_revision.is_some());
    let Some((row, revision)) = row.and_then(|row| Some((row.clone(), row.published_revision?)))
    else {
        return Err(Failure::new(format_args!("issue {issue}"), "is not public")
            .remedy(format_args!("watchfire bulletin publish {issue}")));
    };
    let withdrawn = row.withdrawn_at.is_some();
    if withdrawn != edition.recall {
        let what = format!("issue {issue}");
        return Err(match withdrawn {
            true => Failure::new(what, "is withdrawn: it is sent to nobody")
                .remedy("--recall calls it back from those who got it"),
            false => Failure::new(what, "is public and stands: there is nothing to call back")
                .remedy(format_args!(
                    "watchfire bulletin withdraw {issue} --zh WHY --en WHY"
                )),
        });
    }
    edition.revision = u32::try_from(revision).unwrap_or(1);
    let settings = &workspace.settings;
    let base = match settings.subscribers.home.as_str() {
        "" => settings.site.base_url.clone().unwrap_or_default(),
        home => home.to_owned(),
    };
    if base.is_empty() {
        return Err(
            Failure::new("mail edition", "does not know where the site is")
                .remedy("set [site] base_url or [subscribers] home in watchfire.toml"),
        );
    }
    let slash = if base.ends_with('/') { "" } else { "/" };
    Ok(Public {
        stem: issue.to_string(),
        recalled: withdrawn.then(|| Text::new(&row.withdrawn_zh, &row.withdrawn_en)),
        files: workspace.block_on(ledger.renditions(&key, revision))?,
        blobs: workspace.blobs.clone(),
        home: format!("{base}{slash}{}/{issue}", bulletin::publish::ISSUES),
    })
}
