//! Shadowserver's report API (its documentation "Reports API", `api2`): the list of reports by a
//! signed POST, each report as CSV from the download host, under its own file name, which carries
//! date and type.
//!
//! The body is signed with HMAC-SHA256 (RFC 2104) of the secret in header `HMAC2`; the secret itself
//! never travels. Downloads need no credential and get none.

use std::collections::BTreeSet;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, ToSpan};
use ring::hmac;
use serde::Deserialize;
use url::Url;

use super::client::{Ask, Session, below};
use super::failure::{Failure, Kind, Result};
use super::fetch::Batch;
use super::spool::Spool;

/// Where reports are downloaded.
const DOWNLOADS: &str = "https://dl.shadowserver.org/";
/// Days before today that are listed, where the entry does not say.
const DAYS: u32 = 2;
/// Most days that are listed after an outage of ours; Shadowserver keeps reports for some weeks.
const MOST_DAYS: i64 = 60;

/// A report of the list.
#[derive(Deserialize)]
struct Listed {
    id: String,
    file: String,
    #[serde(default, rename = "type")]
    kind: String,
}

/// Fetches the reports that are new into the batch.
///
/// # Errors
/// See [`Session::send`]; and a list that is none.
pub async fn fetch(session: &Session<'_>, spool: &mut Spool, batch: &mut Batch) -> Result<()> {
    let plan = session.plan;
    let today = session
        .now()
        .date_in(&TimeZone::UTC)
        .ok_or_else(|| Failure::new(Kind::Local, "the clock is out of range: set it"))?;
    let first = first_day(
        today,
        plan.number("days", DAYS),
        batch.state.added_after.as_deref(),
    );
    let words = |name| {
        let words = plan.option(name).unwrap_or("").split(',').map(str::trim);
        words.filter(|word| !word.is_empty()).collect::<Vec<_>>()
    };
    let mut query = serde_json::json!({
        "apikey": plan.user.as_deref().unwrap_or(""),
        "date": format!("{first}:{today}"),
    });
    if !words("reports").is_empty() {
        query["reports"] = words("reports").into();
    }
    let shown = format!("{}/reports/list", plan.shown.trim_end_matches('/'));
    let mut ask = Ask::get(below(plan.url()?, "reports/list"), shown.clone());
    let body = query.to_string().into_bytes();
    let secret = plan.password.as_deref().unwrap_or("");
    ask.private.push(("hmac2", sign(secret.as_bytes(), &body)));
    ask.headers
        .push(("content-type", "application/json".to_owned()));
    ask.body = Some(body);
    let (_, bytes) = session.to_memory(&ask).await?;
    let list: Vec<Listed> = serde_json::from_slice(&bytes).map_err(|error| {
        // An error comes as an object with status 200.
        let said = serde_json::from_slice::<serde_json::Value>(&bytes).ok();
        let said = said.as_ref().and_then(|said| said.get("error")?.as_str());
        match said {
            Some(said) => Failure::new(Kind::Refused, format!("{shown} says: {said}")),
            None => Failure::malformed(format!("{shown} sends no list of reports: {error}")),
        }
    })?;
    batch.state.keep_only(
        &list
            .iter()
            .map(|report| report.id.clone())
            .collect::<BTreeSet<_>>(),
    );
    let types = words("types");
    let downloads = plan.option("downloads").unwrap_or(DOWNLOADS);
    let base = Url::parse(downloads).map_err(|error| {
        Failure::new(Kind::Entry, format!("`fetch.options.downloads`: {error}"))
    })?;
    let mut whole = true;
    for report in list {
        let wanted = types.is_empty() || types.contains(&report.kind.as_str());
        if !wanted || batch.state.seen.contains_key(&report.id) {
            continue;
        }
        if batch.full() {
            return Ok(());
        }
        match one(session, spool, &base, downloads, &report).await {
            Ok(kept) => {
                batch.take(kept);
                batch.state.seen.insert(report.id, report.file);
            }
            Err(failure) => {
                whole = false;
                if batch.fail(failure) {
                    break;
                }
            }
        }
    }
    if whole {
        batch.state.added_after = Some(today.to_string());
    }
    Ok(())
}

async fn one(
    session: &Session<'_>,
    spool: &mut Spool,
    base: &Url,
    shown: &str,
    report: &Listed,
) -> Result<super::spool::Spooled> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if report.id.is_empty() || !report.id.chars().all(plain) {
        return Err(Failure::malformed(format!(
            "report {:?} has no proper id",
            report.file
        )));
    }
    let name = super::spool::plain(&report.file);
    let folder = format!("{}/", shown.trim_end_matches('/'));
    // Whoever knows the id can download: it is not shown.
    let ask = Ask::get(below(base, &report.id), format!("{folder}{name}"));
    let answer = session
        .send(&ask, session.plan.max_bytes, || spool.begin())
        .await?;
    let part = answer
        .body
        .ok_or_else(|| Failure::malformed(format!("report {name} is empty")))?;
    if part.is_empty() {
        return Err(Failure::malformed(format!("report {name} is empty")));
    }
    let origin = format!("{folder}{name}");
    spool.keep(part, &name, origin).await
}

/// The first day to list: some days back, further after an outage, not for ever.
fn first_day(today: Date, days: u32, last: Option<&str>) -> Date {
    let back = |span: Span| today.checked_sub(span).unwrap_or(today);
    let usual = back(i64::from(days).min(MOST_DAYS).days());
    let outage = last
        .and_then(|last| last.parse::<Date>().ok())
        .and_then(|last| last.checked_sub(1.day()).ok());
    outage
        .map_or(usual, |outage| outage.min(usual))
        .max(back(MOST_DAYS.days()))
}

fn sign(secret: &[u8], body: &[u8]) -> String {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), body);
    tag.as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_rfc_4231() {
        assert_eq!(
            sign(b"Jefe", b"what do ya want for nothing?"),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }

    #[test]
    fn an_outage_widens_the_list() {
        let day = |text: &str| text.parse::<Date>().unwrap();
        let first = |last| first_day(day("2023-03-01"), 2, last).to_string();
        assert_eq!(first(None), "2023-02-27");
        assert_eq!(first(Some("2023-03-01")), "2023-02-27");
        assert_eq!(first(Some("2023-02-20")), "2023-02-19");
        assert_eq!(first(Some("2001-01-01")), "2022-12-31");
        assert_eq!(first(Some("nonsense")), "2023-02-27");
    }
}
