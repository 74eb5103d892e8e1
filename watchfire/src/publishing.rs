//! What is public, gathered from the ledger and written as the site.

use std::io::{self, Read};

use bulletin::history::week_of;
use bulletin::publish::{
    self, Asset, Beside, Earlier, Edition, FileEntry, Life, Lists, PublicList, Revised, Site,
    Withdrawal,
};
use bulletin::render::Rendition;
use ledger::{EditionKey, Hash, Issue, NewRendition};
use model::bulletin::{Bulletin, Text};
use model::time::Timestamp;

use crate::command::bulletin::parse;
use crate::command::rollup;
use crate::failure::{Failure, Result};
use crate::site::{self, Published};
use crate::weekly::Desk;
use crate::workspace::Workspace;

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

/// Writes the site from everything that is public, in one step.
///
/// # Errors
/// The ledger fails, or the site cannot be written; the one in force is as it was.
pub fn build(workspace: &Workspace) -> Result<Published> {
    let (pages, assets) = gather(workspace)?;
    let open = |hash: &str| -> io::Result<Box<dyn Read>> {
        let hash: Hash = hash.parse().map_err(io::Error::other)?;
        let file = workspace.blobs.open(&hash).map_err(io::Error::other)?;
        Ok(Box::new(file))
    };
    site::publish(&workspace.site_dir(), &pages, &assets, &open)
        .map_err(|error| Failure::new("site", error))
}

/// Whether the site in force lists what is public now: a publication or withdrawal that was interrupted is not
/// there yet.
///
/// # Errors
/// The ledger fails.
pub fn is_current(workspace: &Workspace) -> Result<bool> {
    let (pages, assets) = gather(workspace)?;
    let wanted = site::list(&pages, &assets).map_err(|error| Failure::new("site", error))?;
    let in_force = std::fs::read_to_string(workspace.site_dir().join(site::SUMS));
    Ok(in_force.is_ok_and(|list| list == wanted))
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

/// Every page of the site, and the issues' own files.
fn gather(workspace: &Workspace) -> Result<(Vec<Rendition>, Vec<Asset>)> {
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
    Ok((pages, assets))
}
