//! What stands behind a figure of the workspace: the query whose rows hold its keys, the keys with their events, and
//! the raw line that a feed wrote, from its archived report.

use std::io::{BufRead, Read};
use std::ops::ControlFlow;

use bulletin::statistics::supply;
use formats::source::{Caps, Encoding, each_member};
use ledger::Report;
use model::statistic::{Observed, Statistic, TerritoryRule};

use crate::command::retention::gone;
use crate::failure::{Failure, Result};
use crate::weeks::Named;
use crate::workspace::Workspace;

/// A raw line is read up to here.
const RAW_BYTES: u64 = 64 * 1024;

/// A line of an archived report.
pub struct RawLine {
    /// The report.
    pub report: Report,
    /// What the line says; why it is not there, in parentheses, where a rule of retention took it.
    pub text: String,
}

/// The raw line of an event at its place (report, member, line), at a snapshot of the lake; `None` where no
/// event of the snapshot stands there.
///
/// # Errors
/// The lake, the ledger or the archive fails.
pub fn raw_line(
    (report, member, line): (&str, u32, u64),
    snapshot: i64,
    workspace: &Workspace,
) -> Result<Option<RawLine>> {
    let (_, parts) = workspace.parts(Some(snapshot))?;
    let quoted = report.replace('\'', "''");
    let sql = format!(
        "SELECT \"offset\", length FROM events_raw WHERE report = '{quoted}' AND coalesce(member, 0) = {member} AND line = {line} LIMIT 1"
    );
    let found = crate::command::query::rows(workspace, &parts, &sql)?;
    let place = found
        .first()
        .and_then(|row| <[String; 2]>::try_from(row.clone()).ok());
    let Some([offset, length]) = place else {
        return Ok(None);
    };
    let (offset, length) = (offset.parse().unwrap_or(0), length.parse().unwrap_or(0));
    raw(report, member, offset, length, workspace).map(Some)
}

/// The SELECT whose rows hold the keys of a statistic.
pub fn select(statistic: &Statistic, named: Named, workspace: &Workspace) -> String {
    let (start, end) = named.week.span(&workspace.settings.zone);
    let time = |at: model::time::Timestamp| {
        at.to_string()
            .replace('T', " ")
            .trim_end_matches('Z')
            .to_owned()
    };
    let kind = match statistic.observed {
        Observed::InfectedHost => "class_type = 'infected-system' AND source_ip IS NOT NULL",
        Observed::HostingSite => "class_type = 'malware-distribution'",
        Observed::Defacement => "class_type = 'unauthorised-information-modification'",
        Observed::Backdoor => "class_type IN ('system-compromise', 'application-compromise')",
        Observed::PhishingPage => "class_type = 'phishing' AND source_url IS NOT NULL",
        Observed::VulnerabilityRecord => "vulnerability_id LIKE 'CNVD-%'",
        Observed::Listing => return listings(named, workspace),
        Observed::Handling => {
            return format!(
                "SELECT * FROM incident WHERE counted_at >= {0} AND counted_at < {1} OR opened_at >= {0} AND opened_at < {1}",
                start.0, end.0
            );
        }
        Observed::MalwareName => {
            "class_type IN ('infected-system', 'malware-distribution', 'c2-server', 'malware-configuration', 'malware') AND malware_name IS NOT NULL"
        }
    };
    let place = match statistic.territory {
        TerritoryRule::AddressInside => " AND territory = 1",
        TerritoryRule::TargetInside => " AND target_territory = 1",
        TerritoryRule::SiteInside => {
            " AND (domain_territory = 1 OR (coalesce(domain_territory, 0) = 0 AND territory = 1))"
        }
        TerritoryRule::Anywhere => "",
    };
    let warned = match statistic.observed {
        Observed::InfectedHost | Observed::HostingSite | Observed::PhishingPage => {
            " AND warning IS NULL"
        }
        _ => "",
    };
    let withheld: Vec<String> = supply::withheld(&workspace.settings.catalogue.feeds())
        .iter()
        .map(|feed| format!("'{feed}'"))
        .collect();
    let withheld = match withheld.as_slice() {
        [] => String::new(),
        feeds => format!(" AND feed NOT IN ({})", feeds.join(", ")),
    };
    format!(
        "SELECT * FROM events WHERE observed_at >= TIMESTAMP '{}' AND observed_at < TIMESTAMP '{}' AND {kind}{place}{warned}{withheld}",
        time(start),
        time(end)
    )
}

/// The SELECT whose rows are the snapshots' items of the week; what began or ended follows from those
/// of the days before.
fn listings(named: Named, workspace: &Workspace) -> String {
    let feeds: Vec<String> = workspace
        .settings
        .catalogue
        .sources()
        .iter()
        .filter(|source| supply::is_active(&source.feed))
        .filter(|source| source.feed.list.unwrap_or(source.feed.format == "list"))
        .map(|source| format!("'{}'", source.feed.name))
        .collect();
    let (start, end) = named.week.span(&workspace.settings.zone);
    let time = |at: model::time::Timestamp| {
        at.to_string()
            .replace('T', " ")
            .trim_end_matches('Z')
            .to_owned()
    };
    format!(
        "SELECT * FROM events WHERE observed_at >= TIMESTAMP '{}' AND observed_at < TIMESTAMP '{}' AND feed IN ({})",
        time(start),
        time(end),
        feeds.join(", ")
    )
}

/// A stretch of the decoded text of an archived report.
fn raw(
    report: &str,
    member: u32,
    offset: u64,
    length: u64,
    workspace: &Workspace,
) -> Result<RawLine> {
    let row = workspace.block_on(workspace.ledger.report(report))?;
    let row =
        row.ok_or_else(|| Failure::new(format_args!("report {report}"), "is not in the ledger"))?;
    let encoding = workspace
        .settings
        .catalogue
        .get(&row.feed)
        .map_or(Encoding::Utf8, |source| Encoding::of(&source.feed));
    let file = match workspace.blobs.open(&row.blob) {
        Ok(file) => file,
        Err(missing) => {
            let expiries = workspace.block_on(workspace.ledger.expiries(Some(report), None))?;
            let raw: Vec<_> = expiries
                .into_iter()
                .filter(|expiry| expiry.what == ledger::Retained::Raw.as_str())
                .collect();
            return match gone(&raw).first() {
                Some(gone) => Ok(RawLine {
                    text: format!("({})", gone.text()),
                    report: row,
                }),
                None => Err(missing.into()),
            };
        }
    };
    let mut read = None;
    let walked = each_member(
        file,
        &row.origin,
        encoding,
        &Caps::default(),
        &mut |found| {
            if found.index != member {
                return ControlFlow::Continue(());
            }
            read = Some(stretch(found.text, offset, length));
            ControlFlow::Break(())
        },
    );
    let fail = |error: std::io::Error| {
        Failure::new(format_args!("report {report} ({})", row.origin), error)
    };
    match read {
        Some(read) => read.map_err(fail).map(|text| RawLine {
            text,
            report: row.clone(),
        }),
        None => Err(walked.err().map_or_else(
            || Failure::new(format_args!("report {report}"), "has no such member"),
            fail,
        )),
    }
}

fn stretch(text: &mut dyn BufRead, offset: u64, length: u64) -> std::io::Result<String> {
    std::io::copy(&mut text.take(offset), &mut std::io::sink())?;
    let mut bytes = Vec::new();
    text.take(length.min(RAW_BYTES)).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
