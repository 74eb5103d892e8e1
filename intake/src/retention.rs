//! Retention by rule: events, raw bytes and rejects go when their time is over, unless a legal hold
//! covers them.
//!
//! Of the rules for events (or raw bytes, or rejects) the first that matches decides, as the order in
//! the configuration says. A hold always wins. Events are counted in whole UTC days of `observed_at`,
//! raw bytes and rejects by the day of receipt. What goes is recorded first and deleted afterwards;
//! killed in between, the next run deletes the rest.

use std::collections::{BTreeMap, BTreeSet};

use lake::compact;
use lake::stage::make_durable;
use ledger::{
    BlobStore, LakeFile, LakeFileKind, LakeMember, NewExpiry, Page, RejectFilter, Report,
    ReportFilter, ReportState, Retained, Rewritten,
};
use model::ids::EventId;
use model::time::{Day, Timestamp};
use serde::Serialize;

use crate::compaction::{Listing, Upkeep, run_of};
use crate::error::Result;
use crate::held::Cover;

/// Reports read at a time.
const STRIDE: u64 = 1_000;

/// A rule of retention.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Its name, which what it takes away is recorded under.
    pub name: String,
    /// What it speaks of.
    pub what: Retained,
    /// Patterns of feeds; none means all.
    pub feeds: Vec<glob::Pattern>,
    /// Values of `class_type`; none means all.
    pub classes: Vec<String>,
    /// Values of `tlp`; none means all.
    pub tlp: Vec<String>,
    /// Days that are kept beside today.
    pub keep_days: u32,
}

impl Rule {
    fn speaks_of(&self, what: Retained, feed: &str) -> bool {
        self.what == what
            && (self.feeds.is_empty() || self.feeds.iter().any(|pattern| pattern.matches(feed)))
    }

    /// Whether its words decide by row.
    fn looks_at_rows(&self) -> bool {
        !self.classes.is_empty() || !self.tlp.is_empty()
    }

    fn matches_row(&self, class: Option<&str>, tlp: Option<&str>) -> bool {
        let one_of = |list: &[String], value: Option<&str>| {
            list.is_empty() || value.is_some_and(|value| list.iter().any(|word| word == value))
        };
        one_of(&self.classes, class) && one_of(&self.tlp, tlp)
    }

    fn is_over(&self, day: i32, today: Day) -> bool {
        i64::from(today.0) - i64::from(day) > i64::from(self.keep_days)
    }
}

/// What a rule takes away, or would, of one feed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Due {
    /// The rule.
    pub rule: String,
    /// Events, raw bytes or rejects.
    pub what: &'static str,
    /// The feed.
    pub feed: String,
    /// Events, reports' bytes or rejects.
    pub count: u64,
    /// Of these, kept by a hold: they are not part of `count`.
    pub held: u64,
    /// Bytes of raw reports.
    pub bytes: u64,
    /// First day, UTC.
    pub first_day: String,
    /// Last day, UTC.
    pub last_day: String,
}

/// Where a row stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    Keep,
    /// By the rule at this place.
    Held(usize),
    Expire(usize),
}

/// Rules, applied or looked at.
pub struct Retention<'a> {
    /// The lake and its ledger.
    pub upkeep: Upkeep<'a>,
    /// The archive.
    pub blobs: &'a BlobStore,
    /// The rules in order.
    pub rules: &'a [Rule],
    /// Who applies them.
    pub actor: &'a str,
}

type Sums = BTreeMap<(usize, String), (Due, i32, i32)>;

impl Retention<'_> {
    /// What the rules would take away today.
    ///
    /// # Errors
    /// The ledger fails, or a part whose rows a rule looks at cannot be read.
    pub fn preview(&self) -> Result<Vec<Due>> {
        self.run(false)
    }

    /// Takes it away.
    ///
    /// # Errors
    /// As [`Retention::preview`], a disk that fails, or a hold that was placed meanwhile. What was
    /// recorded before stays recorded; run it again.
    pub fn apply(&self) -> Result<Vec<Due>> {
        self.run(true)
    }

    fn run(&self, apply: bool) -> Result<Vec<Due>> {
        let mut cover = Cover::read(&self.upkeep)?;
        let of_reports = |rule: &Rule| rule.what != Retained::Events;
        if self.rules.iter().any(of_reports) {
            // Before events go: they say which reports are held.
            cover = cover.with_reports(&self.upkeep)?;
        }
        let today = (self.upkeep.clock)().day();
        let mut sums = Sums::new();
        self.events(&cover, today, apply, &mut sums)?;
        self.reports(&cover, today, apply, &mut sums)?;
        let due = sums.into_values().map(|(due, first, last)| Due {
            first_day: Day(first).to_string(),
            last_day: Day(last).to_string(),
            ..due
        });
        Ok(due.collect())
    }

    fn sum(&self, sums: &mut Sums, fate: Fate, feed: &str, day: i32, (count, bytes): (u64, u64)) {
        let (Fate::Held(rule) | Fate::Expire(rule)) = fate else {
            return;
        };
        let (due, first, last) = sums.entry((rule, feed.to_owned())).or_insert_with(|| {
            let due = Due {
                rule: self.rules[rule].name.clone(),
                what: self.rules[rule].what.as_str(),
                feed: feed.to_owned(),
                ..Due::default()
            };
            (due, day, day)
        });
        match fate {
            Fate::Held(_) => due.held += count,
            _ => {
                due.count += count;
                due.bytes += bytes;
            }
        }
        *first = day.min(*first);
        *last = day.max(*last);
    }

    /// The first rule for events of the feed that matches decides. `kept` says whether a hold keeps the event
    /// as such.
    fn fate(
        &self,
        (feed, report): (&str, &str),
        (class, tlp): (Option<&str>, Option<&str>),
        kept: bool,
        day: i32,
        (cover, today): (&Cover, Day),
    ) -> Fate {
        let rule = self.rules.iter().position(|rule| {
            rule.speaks_of(Retained::Events, feed) && rule.matches_row(class, tlp)
        });
        match rule {
            Some(rule) if self.rules[rule].is_over(day, today) => {
                let mut holds = cover.held.in_force.iter();
                match kept || holds.any(|hold| hold.covers(feed, report, std::iter::once(day))) {
                    true => Fate::Held(rule),
                    false => Fate::Expire(rule),
                }
            }
            _ => Fate::Keep,
        }
    }

    fn events(&self, cover: &Cover, today: Day, apply: bool, sums: &mut Sums) -> Result<()> {
        let rules = self
            .rules
            .iter()
            .filter(|rule| rule.what == Retained::Events);
        let Some(soonest) = rules.map(|rule| rule.keep_days).min() else {
            return Ok(());
        };
        let before = i64::from(today.0) - i64::from(soonest);
        let before = i32::try_from(before).unwrap_or(i32::MIN);
        let Upkeep {
            ledger, runtime, ..
        } = &self.upkeep;
        // Also those that only older snapshots see: what is over is over everywhere.
        let listed = runtime.block_on(ledger.listed_files(before))?;
        let mut days: BTreeMap<i32, Vec<LakeFile>> = BTreeMap::new();
        for file in listed {
            days.entry(file.day).or_default().push(file);
        }
        for (day, files) in days {
            self.day(Day(day), &files, (cover, today), apply, sums)?;
        }
        Ok(())
    }

    /// Rows of a part by feed, report and fate.
    fn fates(
        &self,
        part: &LakeFile,
        members: &[LakeMember],
        kept: &BTreeSet<EventId>,
        (cover, today): (&Cover, Day),
    ) -> Result<BTreeMap<(String, String, Fate), u64>> {
        let mut fates = BTreeMap::new();
        let own = LakeMember {
            path: part.path.clone(),
            report_id: part.report_id.clone().unwrap_or_default(),
            feed: part.feed.clone().unwrap_or_default(),
            rows: part.rows,
        };
        let members: Vec<&LakeMember> = match part.report_id {
            Some(_) => vec![&own],
            None => members
                .iter()
                .filter(|member| member.path == part.path)
                .collect(),
        };
        let by_row = !kept.is_empty()
            || members.iter().any(|member| {
                let mut rules = self.rules.iter();
                rules.any(|rule| {
                    rule.speaks_of(Retained::Events, &member.feed) && rule.looks_at_rows()
                })
            });
        if by_row {
            let day = Day(part.day);
            compact::look(self.upkeep.lake, day, &part.path, &mut |facts| {
                let origin = (facts.feed, facts.report);
                let words = (facts.class, facts.tlp);
                let kept = kept.contains(&facts.id);
                let fate = self.fate(origin, words, kept, part.day, (cover, today));
                let key = (facts.feed.to_owned(), facts.report.to_owned(), fate);
                *fates.entry(key).or_insert(0) += 1;
            })?;
        } else {
            for member in members {
                let origin = (member.feed.as_str(), member.report_id.as_str());
                let fate = self.fate(origin, (None, None), false, part.day, (cover, today));
                let key = (member.feed.clone(), member.report_id.clone(), fate);
                *fates.entry(key).or_insert(0) += member.rows.unsigned_abs();
            }
        }
        Ok(fates)
    }

    /// One day's parts, in one transaction.
    fn day(
        &self,
        day: Day,
        files: &[LakeFile],
        (cover, today): (&Cover, Day),
        apply: bool,
        sums: &mut Sums,
    ) -> Result<()> {
        let kept = cover.events(&self.upkeep, day.0)?;
        let Upkeep {
            ledger,
            lake,
            runtime,
            clock,
        } = &self.upkeep;
        let parts: Vec<&LakeFile> = files
            .iter()
            .filter(|file| file.kind == LakeFileKind::Part)
            .collect();
        let paths: Vec<String> = parts.iter().map(|part| part.path.clone()).collect();
        let members = runtime.block_on(ledger.members_of(&paths))?;
        let mut change = Rewritten::default();
        let mut staged = Vec::new();
        let mut expired: BTreeMap<(usize, String, String), u64> = BTreeMap::new();
        for part in parts {
            let fates = self.fates(part, &members, &kept, (cover, today))?;
            let goes = |fate: &Fate| matches!(fate, Fate::Expire(_));
            for ((feed, report, fate), rows) in &fates {
                // A part that only older snapshots see holds the rows of live ones again.
                if part.removed.is_some() {
                    continue;
                }
                self.sum(sums, *fate, feed, day.0, (*rows, 0));
                if let Fate::Expire(rule) = fate {
                    let key = (*rule, feed.clone(), report.clone());
                    *expired.entry(key).or_insert(0) += rows;
                }
            }
            if !apply || !fates.keys().any(|(_, _, fate)| goes(fate)) {
                continue;
            }
            change.old.extend([part.path.clone(), run_of(&part.path)]);
            if fates.keys().all(|(_, _, fate)| goes(fate)) {
                continue;
            }
            let purpose = format!("retention {today}");
            let mut keep = |facts: compact::Facts<'_>| {
                let origin = (facts.feed, facts.report);
                let words = (facts.class, facts.tlp);
                let kept = kept.contains(&facts.id);
                let fate = self.fate(origin, words, kept, day.0, (cover, today));
                (!goes(&fate)).then_some(0)
            };
            let kept = compact::split(lake, day, &part.path, &purpose, 1, &mut keep)?;
            let mut listing = Listing::default();
            for written in kept.into_iter().flatten() {
                listing.take(written, part.generation);
            }
            change.members.extend(listing.members);
            staged.extend(listing.files);
            change
                .new
                .extend(listing.add.into_iter().map(|file| LakeFile {
                    path: file.path,
                    kind: file.kind,
                    day: file.day,
                    feed: file.feed,
                    report_id: file.report_id,
                    generation: file.generation,
                    rows: file.rows,
                    bytes: file.bytes,
                    min_observed_at: file.min_observed_at,
                    max_observed_at: file.max_observed_at,
                    schema_version: file.schema_version,
                    added: part.added,
                    removed: part.removed,
                }));
        }
        if change.old.is_empty() {
            return Ok(());
        }
        make_durable(lake, &staged)?;
        let expired = expired
            .into_iter()
            .map(|((rule, feed, report_id), rows)| NewExpiry {
                rule: self.rules[rule].name.clone(),
                report_id,
                feed,
                day: Some(day.0),
                count: rows as i64,
                bytes: 0,
            })
            .collect();
        let old = change.old.clone();
        let now = clock().0;
        let held = &cover.held;
        let expire = ledger.expire(Retained::Events, expired, change, held, self.actor, now);
        runtime.block_on(expire)?;
        self.upkeep.delete(&old)?;
        Ok(())
    }

    /// Raw bytes and rejects, by report.
    fn reports(&self, cover: &Cover, today: Day, apply: bool, sums: &mut Sums) -> Result<()> {
        let Upkeep {
            ledger, runtime, ..
        } = &self.upkeep;
        let done: BTreeSet<String> = runtime
            .block_on(ledger.expiries(None, None))?
            .into_iter()
            .filter(|expiry| expiry.what == Retained::Raw.as_str())
            .map(|expiry| expiry.report_id)
            .collect();
        let filter = ReportFilter::default();
        let mut page = Page {
            offset: 0,
            limit: STRIDE,
        };
        loop {
            let reports = runtime.block_on(ledger.reports(&filter, page))?;
            page.offset += reports.len() as u64;
            let (mut raw, mut rejects) = (Vec::new(), Vec::new());
            for report in &reports {
                let day = Timestamp(report.received_at).day().0;
                if !done.contains(&report.id) {
                    let size = (1, report.bytes.unsigned_abs());
                    let fate = self.fate_of_report(Retained::Raw, report, day, (cover, today))?;
                    // What was not read yet is never lost.
                    if report.state != ReportState::Archived {
                        self.sum(sums, fate, &report.feed, day, size);
                        raw.extend(self.expiry(fate, report, size));
                    }
                }
                if report.rejects > 0 {
                    let fate =
                        self.fate_of_report(Retained::Rejects, report, day, (cover, today))?;
                    let count = match fate {
                        Fate::Keep => 0,
                        _ => runtime.block_on(ledger.reject_count(&RejectFilter {
                            report: Some(report.id.clone()),
                            ..RejectFilter::default()
                        }))?,
                    };
                    if count > 0 {
                        self.sum(sums, fate, &report.feed, day, (count, 0));
                        rejects.extend(self.expiry(fate, report, (count, 0)));
                    }
                }
            }
            if apply {
                for (what, expired) in [(Retained::Raw, raw), (Retained::Rejects, rejects)] {
                    if expired.is_empty() {
                        continue;
                    }
                    let now = (self.upkeep.clock)().0;
                    let change = Rewritten::default();
                    let held = &cover.held;
                    let expire = ledger.expire(what, expired, change, held, self.actor, now);
                    runtime.block_on(expire)?;
                }
                // Also what a killed run recorded and did not delete.
                for report in &reports {
                    let stored = self.blobs.contains(&report.blob)?;
                    if stored && runtime.block_on(ledger.raw_is_over(&report.blob))? {
                        self.blobs.remove(&report.blob)?;
                    }
                }
            }
            if (reports.len() as u64) < STRIDE {
                return Ok(());
            }
        }
    }

    fn expiry(&self, fate: Fate, report: &Report, (count, bytes): (u64, u64)) -> Option<NewExpiry> {
        let Fate::Expire(rule) = fate else {
            return None;
        };
        Some(NewExpiry {
            rule: self.rules[rule].name.clone(),
            report_id: report.id.clone(),
            feed: report.feed.clone(),
            day: None,
            count: count as i64,
            bytes: bytes as i64,
        })
    }

    fn fate_of_report(
        &self,
        what: Retained,
        report: &Report,
        day: i32,
        (cover, today): (&Cover, Day),
    ) -> Result<Fate> {
        let mut rules = self.rules.iter();
        let Some(rule) = rules.position(|rule| rule.speaks_of(what, &report.feed)) else {
            return Ok(Fate::Keep);
        };
        if !self.rules[rule].is_over(day, today) {
            return Ok(Fate::Keep);
        }
        Ok(match cover.keeps(report, &self.upkeep)? {
            true => Fate::Held(rule),
            false => Fate::Expire(rule),
        })
    }
}
