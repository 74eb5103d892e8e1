//! What is public, gathered from the ledger and written as the site.

use std::io::{self, Read};
use std::time::{Duration, Instant};

use bulletin::history::week_of;
use bulletin::publish::{
    self, Asset, Beside, Earlier, Edition, FileEntry, Life, Lists, PublicList, Revised, Site,
    Withdrawal,
};
use bulletin::render::Rendition;
use ledger::{EditionKey, Hash, Issue, NewRendition};
use model::bulletin::{Bulletin, Text};
use model::time::Timestamp;
use watchfire::site::{self, Hold, Published};

use crate::command::bulletin::parse;
use crate::command::rollup;
use crate::failure::{Failure, Result};
use crate::weekly::Desk;
use crate::workspace::Workspace;

/// How long another's writing of the site is waited for, and how often it is looked.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(50);

/// Whether a file of an issue stands on the site. What is pasted or mailed is for the house; the site has what
/// readers open.
pub fn is_on_site(name: &str) -> bool {
    !name.contains(".mail.") && !name.contains("wechat")
}

/// What the site keeps of a revision that is about to be public.
///
/// # Errors
/// The ledger fails, or what was kept of the revision before is damaged.
pub fn digest(
    workspace: &Workspace,
    (key, row): (&EditionKey, &Issue),
    bulletin: &Bulletin,
    files: &[NewRendition],
    now: i64,
) -> Result<String> {
    let ledger = &workspace.ledger;
    let before = match workspace.block_on(ledger.edition(key))? {
        Some(edition) if !edition.digest.is_empty() => Some(read(&edition)?),
        _ => None,
    };
    let mut former = workspace.block_on(ledger.rendition_names(key))?;
    former.retain(|name| files.iter().all(|file| file.name != *name));
    former.retain(|name| is_on_site(name));
    let files = files.iter().filter(|file| is_on_site(&file.name));
    let files = files.map(|file| FileEntry {
        name: file.name.clone(),
        size: u64::try_from(file.size).unwrap_or(0),
        blake3: file.hash.to_string(),
    });
    // The day that the pages print, where it came before.
    let printed = bulletin.published.as_ref().and_then(|day| {
        let noon = day.date.at(12, 0, 0, 0);
        noon.to_zoned_datetime(workspace.settings.zone.clone()).ok()
    });
    let printed = printed.map(|noon| Timestamp::from(noon.timestamp()));
    let first = printed.map_or(Timestamp(now), |printed| printed.min(Timestamp(now)));
    let mut life = Life {
        first_published: first,
        updated: first,
        revised: Vec::new(),
        withdrawn: None,
        files: files.collect(),
        former,
    };
    if let Some(before) = before {
        let said = |revision: u32| {
            let found = bulletin.corrections.iter();
            found
                .filter(|correction| correction.revision > revision)
                .map(|correction| &correction.text)
                .fold(Text::default(), |all, text| {
                    Text::new(join(&all.zh, &text.zh, "；"), join(&all.en, &text.en, "; "))
                })
        };
        life.first_published = before.life.first_published;
        life.updated = Timestamp(now);
        life.revised = before.life.revised;
        life.revised.push(Revised {
            revision: bulletin.revision,
            at: Timestamp(now),
            text: said(before.revision),
        });
    }
    let what = format!("{}-{}", row.year, row.number);
    let frozen = bulletin::frozen::FrozenWeek::from_json(&what, &row.statistics)?;
    let edition = Edition::of(bulletin, &frozen, life);
    serde_json::to_string(&edition).map_err(|error| Failure::new(what, error))
}

fn join(all: &str, one: &str, between: &str) -> String {
    match all {
        "" => one.to_owned(),
        all => format!("{all}{between}{one}"),
    }
}

/// What the site kept of an issue.
fn read(row: &ledger::Edition) -> Result<Edition> {
    serde_json::from_str(&row.digest).map_err(|error| Failure::new(row.key().object(), error))
}

/// Writes the site from everything that is public, in one step. Waits where another process or thread writes it.
///
/// # Errors
/// The ledger fails, or the site cannot be written; the one in force is as it was.
pub fn build(workspace: &Workspace) -> Result<Published> {
    let begun = Instant::now();
    loop {
        match hold(workspace)? {
            Some(hold) => return write(workspace, &hold),
            None if begun.elapsed() < PATIENCE => std::thread::sleep(LOOK),
            None => {
                let why = "another process writes it, for more than a minute";
                return Err(Failure::new("site", why)
                    .remedy("wait until it ends, then say the same again")
                    .outage());
            }
        }
    }
}

/// Writes the site if it is not what is public now; whether it is, or `false` where another is writing it. What was
/// never public needs no site: none is made, and what lies in its place is left alone.
///
/// # Errors
/// As [`build`].
pub fn keep(workspace: &Workspace) -> Result<bool> {
    let whole = gather(workspace)?;
    if !whole.any || whole.is_in_force(workspace)? {
        return Ok(true);
    }
    let Some(hold) = hold(workspace)? else {
        return Ok(false);
    };
    let Published { kept, written, .. } = write(workspace, &hold)?;
    tracing::info!(
        kept,
        written,
        "the site was written: something else is public"
    );
    Ok(true)
}

/// Whether the site in force lists what is public now: a publication or withdrawal that was interrupted is not
/// there yet.
///
/// # Errors
/// The ledger fails.
pub fn is_current(workspace: &Workspace) -> Result<bool> {
    gather(workspace)?.is_in_force(workspace)
}

/// How many files the site of what is public has.
///
/// # Errors
/// The ledger fails.
pub fn files(workspace: &Workspace) -> Result<usize> {
    let whole = gather(workspace)?;
    Ok(whole.pages.len() + whole.assets.len())
}

fn failed(error: site::Error) -> Failure {
    let passing = matches!(error, site::Error::Io { .. } | site::Error::Busy { .. });
    let failure = Failure::new("site", error);
    match passing {
        true => failure.outage(),
        false => failure,
    }
}

/// The right to write the site; `None` while another has it.
fn hold(workspace: &Workspace) -> Result<Option<Hold>> {
    match Hold::take(&workspace.site_dir()) {
        Ok(hold) => Ok(Some(hold)),
        Err(site::Error::Busy { .. }) => Ok(None),
        Err(error) => Err(failed(error)),
    }
}

/// Writes the site. What is public is asked for in here: whoever writes later has asked later.
fn write(workspace: &Workspace, hold: &Hold) -> Result<Published> {
    let whole = gather(workspace)?;
    let open = |hash: &str| -> io::Result<Box<dyn Read>> {
        let hash: Hash = hash.parse().map_err(io::Error::other)?;
        let file = workspace.blobs.open(&hash).map_err(io::Error::other)?;
        Ok(Box::new(file))
    };
    hold.publish(&whole.pages, &whole.assets, &open)
        .map_err(failed)
}

/// The block lists that are published.
fn public_lists(workspace: &Workspace) -> Result<Vec<PublicList>> {
    let mut lists: Vec<PublicList> = workspace
        .block_on(workspace.ledger.published_lists())?
        .into_iter()
        .map(|last| PublicList {
            name: last.list,
            serial: u64::try_from(last.serial).unwrap_or_default(),
            entries: u64::try_from(last.entries).unwrap_or_default(),
            at: Timestamp(last.at),
            issue: last.issue,
        })
        .collect();
    lists.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(lists)
}

/// The site as it should be.
struct Whole {
    /// Every page.
    pages: Vec<Rendition>,
    /// The issues' own files.
    assets: Vec<Asset>,
    /// Whether anything is public, or was.
    any: bool,
}

impl Whole {
    fn is_in_force(&self, workspace: &Workspace) -> Result<bool> {
        let wanted = site::list(&self.pages, &self.assets).map_err(failed)?;
        let in_force = std::fs::read_to_string(workspace.site_dir().join(site::SUMS));
        Ok(in_force.is_ok_and(|list| list == wanted))
    }
}

/// Everything that is public.
fn gather(workspace: &Workspace) -> Result<Whole> {
    let ledger = &workspace.ledger;
    let settings = &workspace.settings;
    let series = &settings.series.id;
    let mut editions = Vec::new();
    let mut current: Option<Bulletin> = None;
    for row in workspace.block_on(ledger.published(series))? {
        let mut edition = read(&row)?;
        if let Some(at) = row.withdrawn_at {
            let reason = Text::new(&row.withdrawn_zh, &row.withdrawn_en);
            edition.life.updated = Timestamp(at);
            edition.life.withdrawn = Some(Withdrawal {
                at: Timestamp(at),
                reason,
            });
        }
        editions.push((edition, row));
    }
    let newest = editions.iter().rev().find(|(edition, _)| edition.stands());
    if let Some((_, row)) = newest {
        let revision = row.published_revision.unwrap_or(1);
        let stored = ledger.issue(series, row.year, row.number, revision);
        if let Some(stored) = workspace.block_on(stored)? {
            let mut bulletin = parse(&stored)?;
            bulletin.state = model::bulletin::State::Approved;
            current = Some(bulletin);
        }
    }
    let editions: Vec<Edition> = editions.into_iter().map(|(edition, _)| edition).collect();
    let desk = Desk::new(workspace)?;
    let mut history = Vec::new();
    for row in workspace.block_on(ledger.history(series, None))? {
        if let Some(week) = week_of(&row, &settings.zone_name)? {
            history.push(desk.with_names(|names| Earlier::of(&week, names)));
        }
    }
    let lists = match settings.lists.enabled {
        true => public_lists(workspace)?,
        false => Vec::new(),
    };
    let contact = match settings.lists.contact.as_str() {
        "" => settings.response.address.as_str(),
        own => own,
    };
    let alerts = crate::command::flash::notices(workspace)?;
    let rollups = rollup::life::public(workspace)?;
    let any = [
        !editions.is_empty(),
        !lists.is_empty(),
        !alerts.is_empty(),
        !rollups.notices.is_empty(),
    ];
    let any = any.contains(&true);
    let site = Site {
        title: &settings.series.title,
        organization: &settings.series.organization,
        about: settings.series.about.as_ref(),
        settings: &settings.site,
        zone: &settings.zone,
        editions: &editions,
        history: &history,
        current: current.as_ref(),
        lists: settings.lists.enabled.then_some(Lists {
            lists: &lists,
            days: settings.lists.days,
            licence: &settings.lists.licence,
            contact,
            form: &settings.lists.form,
        }),
        beside: Beside {
            alerts: &alerts,
            rollups: &rollups.notices,
        },
    };
    let mut pages = publish::pages(&site)?;
    pages.extend(crate::command::flash::public(workspace)?);
    pages.extend(rollups.tombstones);
    let mut assets = publish::assets(&editions);
    assets.extend(rollups.assets);
    Ok(Whole { pages, assets, any })
}
