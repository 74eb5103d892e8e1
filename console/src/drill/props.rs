//! What a scenario sets up: mails that arrive at the house's own door, alarms, and a report that comes late. Hosts are
//! made up anew for each drill, below `example`, so that two players do not meet in one incident.

use ledger::{Edition, Finding, Hash};
use model::duty::{AlarmRule, AlarmSeverity};
use model::time::Day;

use super::{Scenario, Stage};
use crate::Desk;
use crate::push;
use crate::refusal::Refusal;

/// A thing that is set up. `{host}` in a text is the drill's host of that place, harmless as people write it.
pub(crate) enum Prop {
    /// A mail to the house: from whom, subject, and text about one host of the drill.
    Mail {
        from: &'static str,
        subject: &'static str,
        text: &'static str,
        host: usize,
    },
    /// An alarm that rings.
    Alarm {
        rule: AlarmRule,
        severity: AlarmSeverity,
        what: super::Said,
        href: &'static str,
    },
    /// A report of a feed with pages that were seen in the week of the newest published issue: it comes late.
    LateReport {
        /// The feed, in the form of JPCERT/CC's list.
        feed: &'static str,
        /// How many pages.
        rows: u8,
    },
}

/// Hosts and topics of a drill by its number.
pub(crate) fn planned(scenario: &Scenario, number: usize) -> Stage {
    let hosts = scenario.props.iter().filter_map(|prop| match prop {
        Prop::Mail { host, .. } => Some(*host + 1),
        Prop::Alarm { .. } | Prop::LateReport { .. } => None,
    });
    let hosts = hosts.max().unwrap_or(0);
    let alarms = scenario
        .props
        .iter()
        .filter(|prop| matches!(prop, Prop::Alarm { .. }))
        .count();
    Stage {
        hosts: (1..=hosts)
            .map(|nth| format!("{}-{number}-{nth}.drill.example", scenario.name))
            .collect(),
        topics: (1..=alarms)
            .map(|nth| format!("drill {number} {nth}"))
            .collect(),
    }
}

/// Sets one thing up.
pub(crate) async fn set_up(
    desk: &Desk,
    prop: &Prop,
    stage: &Stage,
    number: usize,
) -> Result<(), Refusal> {
    let now = desk.now();
    match prop {
        Prop::Mail {
            from,
            subject,
            text,
            host,
        } => {
            let host = stage.hosts.get(*host).map_or("", String::as_str);
            let harmless = host.replace('.', "[.]");
            let nth = Hash::of(format!("{subject}{text}{host}").as_bytes()).to_string();
            let subject = encoded(subject);
            let body = text.replace("{host}", &harmless).replace('\n', "\r\n");
            let mail = format!(
                "From: <{from}>\r\nTo: <incidents@cert.example>\r\nSubject: {subject}\r\n\
                 Message-ID: <drill.{number}.{}@people.example>\r\nMIME-Version: 1.0\r\n\
                 Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{body}\r\n",
                &nth[..12]
            );
            let received = desk.response.receive(mail.as_bytes(), "drill", now).await;
            received.map_err(|error| Refusal::broken("a mail of a drill", error))?;
        }
        Prop::Alarm {
            rule,
            severity,
            what,
            href,
        } => {
            for topic in &stage.topics {
                let finding = Finding {
                    rule: *rule,
                    topic: topic.clone(),
                    severity: *severity,
                    what: (what.0.to_owned(), what.1.to_owned()),
                    href: (*href).to_owned(),
                };
                let link = (Hash::of(desk.secret()?.as_bytes()), now.0);
                desk.ledger.raise_alarm(&finding, link, now.0).await?;
            }
        }
        Prop::LateReport { feed, rows } => {
            let published = published(desk).await?;
            let published = published.ok_or_else(|| {
                Refusal::conflict(
                    "the scenario".to_owned(),
                    "no issue was published here: make the workspace anew",
                )
            })?;
            let day = Day(published.week_start + 2);
            let mut text = "date,URL,description\n".to_owned();
            for nth in 0..*rows {
                text.push_str(&format!(
                    "{} 09:{nth:02}:00,http://late-{number}-{nth}.drill.example/claim,沧澜银行\n",
                    day.to_string().replace('-', "/")
                ));
            }
            let name = format!("drill/late-{number}.csv");
            push::take_in(desk, feed, &name, text.into_bytes()).await?;
        }
    }
    Ok(())
}

/// The newest issue that is public and was not taken back.
pub(crate) async fn published(desk: &Desk) -> Result<Option<Edition>, Refusal> {
    let all = desk.ledger.editions(&desk.terms().house.series).await?;
    let public = |one: &Edition| one.published_revision.is_some() && one.withdrawn_at.is_none();
    Ok(all.into_iter().find(public))
}

/// Takes away what would go on ringing.
pub(crate) async fn clear(desk: &Desk, stage: &Stage) -> Result<(), Refusal> {
    for topic in &stage.topics {
        desk.ledger.end_topic(topic, desk.now().0).await?;
    }
    Ok(())
}

/// A subject as a header holds it (RFC 2047).
fn encoded(text: &str) -> String {
    use base64::Engine;
    match text.is_ascii() {
        true => text.to_owned(),
        false => format!(
            "=?utf-8?B?{}?=",
            base64::prelude::BASE64_STANDARD.encode(text)
        ),
    }
}
