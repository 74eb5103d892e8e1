//! The portal's work beside the ledger: what a party writes as a message for the inbox, its feedback files, and the
//! events in what it answers for.

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::net::IpAddr;

use ipnet::IpNet;
use lake::arrow::array::{Array, AsArray, RecordBatch};
use lake::arrow::datatypes::{Int32Type, Int64Type, TimestampMicrosecondType, UInt32Type};
use lake::query::ip_text;
use ledger::portal::{Act, NewPost, Party, Post};
use ledger::verification::NewEvidence;
use ledger::{LakeFileKind, NewMessage};
use mail_builder::MessageBuilder;
use model::ids::EvidenceId;
use model::organization::Scope;
use model::outside::{Dispute, PostKind};
use model::time::Timestamp;
use model::tlp::Tlp;
use model::worded::Word;

use crate::party::BadLine;
use crate::{Desk, Error, Result, triage};

/// Domain of the addresses that stand in messages of the portal: nothing is sent there (RFC 2606).
const DOMAIN: &str = "portal.invalid";
/// Bytes of a feedback file.
pub const FEEDBACK_BYTES: usize = 1 << 20;
/// Rows of a feedback file that are carried out.
pub const FEEDBACK_ROWS: usize = 2_000;

/// What a feedback file did.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Feedback {
    /// Rows that were carried out.
    pub done: usize,
    /// Rows without a status: they change nothing.
    pub empty: usize,
    /// Rows that could not be used.
    pub bad: Vec<BadLine>,
}

/// An event in what a party answers for.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct PartyEvent {
    /// When it was observed, microseconds UTC.
    pub observed_at: i64,
    /// RSIT entry.
    pub class: String,
    /// The source's finer name.
    pub identifier: Option<String>,
    /// The address.
    pub ip: Option<String>,
    /// The port.
    pub port: Option<i64>,
    /// The autonomous system.
    pub asn: Option<i64>,
    /// The host name.
    pub host: Option<String>,
    /// The address of the page or file.
    pub url: Option<String>,
    /// Malware family.
    pub malware: Option<String>,
}

impl Desk {
    /// Takes what a party does about a matter. What it wrote goes into the inbox as well.
    ///
    /// # Errors
    /// As [`ledger::Ledger::answer_matter`]; the blob store fails.
    pub async fn answer_matter(
        &self,
        party: &Party,
        number: i64,
        said: (Act, &str, Option<&str>),
        actor: &str,
    ) -> Result<Post> {
        self.said_about(party, number, said, (actor, false)).await
    }

    /// [`Desk::answer_matter`] for what may come twice: an actor of this name answers about a matter once.
    ///
    /// # Errors
    /// As there.
    pub async fn answer_once(
        &self,
        party: &Party,
        number: i64,
        said: (Act, &str, Option<&str>),
        actor: &str,
    ) -> Result<Post> {
        self.said_about(party, number, said, (actor, true)).await
    }

    async fn said_about(
        &self,
        party: &Party,
        number: i64,
        (act, body, ticket): (Act, &str, Option<&str>),
        (actor, once): (&str, bool),
    ) -> Result<Post> {
        let now = (self.clock)();
        // Asked before anything is kept: a stranger's words are not.
        self.ledger.matter(party, number, now.0).await?;
        let subject = format!("#{number}: {}", said(act));
        let ground = match act {
            Act::Dispute(ground) => ground.en(),
            _ => "",
        };
        let text = format!("{ground}\n{body}").trim().to_owned();
        let message = match text.is_empty() {
            true => None,
            false => {
                let bytes = letter(party, actor, &subject, &text, now)
                    .map_err(|error| Error::refused(format!("incident #{number}"), error))?;
                let blob = self.blobs.put_bytes(&bytes)?;
                let new = NewMessage {
                    blob: blob.hash,
                    origin: "portal".to_owned(),
                    message_id: None,
                    received_at: now.0,
                };
                Some((new, subject))
            }
        };
        let new = NewPost {
            act,
            body: body.to_owned(),
            ticket: ticket.map(str::to_owned),
            message,
            once,
        };
        let post = self.ledger.answer_matter(party, number, new, actor, now.0);
        Ok(post.await?)
    }

    /// Carries out a feedback file, row by row: CSV with `id` and `status`, and `comment` and `ticket` where
    /// there are any; other columns are left alone. The file is evidence of every incident it says something
    /// about. A row that cannot be used changes nothing and stops no other.
    ///
    /// # Errors
    /// The file is too big, or has no such columns ([`Error`] of kind refused); the stores fail.
    pub async fn take_feedback(
        &self,
        party: &Party,
        bytes: &[u8],
        actor: &str,
    ) -> Result<Feedback> {
        let mut told = Feedback::default();
        let (rows, bad) = read_feedback(bytes)
            .map_err(|why| Error::refused("the feedback file".to_owned(), why))?;
        told.bad = bad;
        let blob = self.blobs.put_bytes(bytes)?;
        for row in rows {
            let Some(act) = row.act else {
                told.empty += 1;
                continue;
            };
            let ticket = Some(row.ticket.as_str()).filter(|text| !text.is_empty());
            let done = self
                .answer_matter(party, row.number, (act, &row.comment, ticket), actor)
                .await;
            let post = match done {
                Ok(post) => post,
                Err(Error::Ledger(ledger::Error::NotFound { .. })) => {
                    let reason = format!("no matter of yours has the number {}", row.number);
                    told.bad.push(BadLine {
                        line: row.line,
                        reason,
                    });
                    continue;
                }
                Err(Error::Ledger(ledger::Error::Conflict { reason, .. })) => {
                    told.bad.push(BadLine {
                        line: row.line,
                        reason,
                    });
                    continue;
                }
                Err(error) => return Err(error),
            };
            told.done += 1;
            let incident = post.incident_id.0;
            let kept = self.ledger.evidence(incident).await?;
            if kept.iter().any(|one| one.blob == blob.hash) {
                continue;
            }
            let now = (self.clock)();
            let new = NewEvidence {
                id: EvidenceId::draw(now, (self.random)()),
                incident,
                blob: blob.hash,
                name: "feedback.csv".to_owned(),
                media_type: "text/csv".to_owned(),
                bytes: bytes.len() as u64,
                source: format!("feedback file of {}", party.id()),
                tlp: Tlp::Amber,
                at: now.0,
            };
            self.ledger.add_evidence(new, actor, now.0).await?;
        }
        told.bad.sort_by_key(|bad| bad.line);
        Ok(told)
    }

    /// Events observed in a span (microseconds UTC, end exclusive) in the prefixes, systems and names that a
    /// party answers for, the newest first. What a source keeps to its recipients (TLP red and amber+strict), and
    /// what belongs to an incident that may not leave to the party now, is left out.
    ///
    /// # Errors
    /// The lake or the ledger fails.
    pub async fn party_events(
        &self,
        party: &Party,
        (from, until): (i64, i64),
        limit: usize,
    ) -> Result<Vec<PartyEvent>> {
        let own = Own::of(self.ledger.responsibilities(party.id()).await?);
        let Some(condition) = own.condition() else {
            return Ok(Vec::new());
        };
        let files = self
            .ledger
            .live_files(None, Some(LakeFileKind::Part), None)
            .await?;
        let parts: Vec<_> = files
            .iter()
            .filter_map(triage::part)
            .filter(|part| part.max_observed >= from && part.min_observed < until)
            .collect();
        if parts.is_empty() {
            return Ok(Vec::new());
        }
        let instant = |at: i64| {
            let text = Timestamp(at)
                .to_jiff()
                .map(|at| at.strftime("%Y-%m-%dT%H:%M:%S%.6f").to_string());
            format!(
                "TIMESTAMP '{}'",
                text.unwrap_or_else(|| "1970-01-01T00:00:00".to_owned())
            )
        };
        let sql = format!(
            "SELECT observed_at, class_type, class_identifier, source_ip, source_port, asn, host, source_url, \
             malware_name, tlp, event_id FROM events_raw WHERE observed_at >= {} AND observed_at < {} AND ({condition}) \
             ORDER BY observed_at DESC LIMIT {limit}",
            instant(from),
            instant(until),
        );
        let now = (self.clock)().0;
        let withheld = self.ledger.events_withheld(party.id(), now).await?;
        let mut stream = self.lake.query(&parts, &sql).await?;
        let mut all = Vec::new();
        while let Some(batch) = poll_fn(|context| stream.as_mut().poll_next(context)).await {
            let batch = batch.map_err(|error| Error::Scan(error.to_string()))?;
            let open = |row: &usize| {
                let id = batch.column_by_name("event_id");
                let id = id.and_then(|id| id.as_fixed_size_binary_opt());
                id.is_some_and(|id| !withheld.contains(id.value(*row)))
            };
            let rows = (0..batch.num_rows()).filter(open);
            rows.for_each(|row| all.extend(event(&batch, row, &own)));
        }
        Ok(all)
    }
}

/// Matters as CSV with empty columns `status`, `comment` and `ticket`, which come back as a feedback file. No cell is a
/// formula.
pub fn matters_csv(all: &[ledger::portal::Matter]) -> Vec<u8> {
    let heads = [
        "id",
        "state",
        "kind",
        "url",
        "host",
        "ip",
        "asn",
        "name",
        "asks",
        "asked_at",
        "due_at",
        "first_seen_at",
        "last_seen_at",
        "status",
        "comment",
        "ticket",
    ];
    let rows = all.iter().map(|one| {
        let own = |text: &Option<String>| text.clone().unwrap_or_default();
        vec![
            one.number.to_string(),
            one.state.to_string(),
            one.kind.to_string(),
            own(&one.url),
            own(&one.host),
            own(&one.ip),
            one.asn.map(|asn| asn.to_string()).unwrap_or_default(),
            own(&one.name),
            one.asks.join(" "),
            instant(Some(one.asked_at)),
            instant(one.due_at),
            instant(Some(one.first_seen_at)),
            instant(Some(one.last_seen_at)),
            String::new(),
            String::new(),
            own(&one.ticket),
        ]
    });
    csv_of(&heads, rows)
}

/// Events as CSV. No cell is a formula.
pub fn events_csv(all: &[PartyEvent]) -> Vec<u8> {
    let heads = [
        "observed_at",
        "class",
        "identifier",
        "ip",
        "port",
        "asn",
        "host",
        "url",
        "malware",
    ];
    let rows = all.iter().map(|one| {
        let own = |text: &Option<String>| text.clone().unwrap_or_default();
        let number = |number: Option<i64>| number.map(|n| n.to_string()).unwrap_or_default();
        vec![
            instant(Some(one.observed_at)),
            one.class.clone(),
            own(&one.identifier),
            own(&one.ip),
            number(one.port),
            number(one.asn),
            own(&one.host),
            own(&one.url),
            own(&one.malware),
        ]
    });
    csv_of(&heads, rows)
}

fn instant(at: Option<i64>) -> String {
    at.and_then(|at| Timestamp(at).to_jiff())
        .map(|at| at.to_string())
        .unwrap_or_default()
}

fn csv_of(heads: &[&str], rows: impl Iterator<Item = Vec<String>>) -> Vec<u8> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    // Writing to memory does not fail.
    let _ = writer.write_record(heads);
    for row in rows {
        let _ = writer.write_record(row.iter().map(|text| crate::notice::table::cell(text)));
    }
    writer.into_inner().unwrap_or_default()
}

fn said(act: Act) -> &'static str {
    match act {
        Act::Acknowledge => PostKind::Acknowledged.en(),
        Act::Fix => PostKind::Fixed.en(),
        Act::Dispute(_) => PostKind::Disputed.en(),
        Act::Withdraw => PostKind::Withdrawn.en(),
        Act::Write => PostKind::Asked.en(),
    }
}

/// What a party wrote, as a mail: the inbox and the timeline read one kind of message.
fn letter(
    party: &Party,
    actor: &str,
    subject: &str,
    text: &str,
    at: Timestamp,
) -> std::io::Result<Vec<u8>> {
    let id = format!(
        "{}@{DOMAIN}",
        &ledger::Hash::of(format!("{} {actor} {} {text}", party.id(), at.0).as_bytes()).to_string()
            [..32]
    );
    MessageBuilder::new()
        .from((party.name("en").to_owned(), format!("{actor}@{DOMAIN}")))
        .subject(subject.to_owned())
        .date(at.0 / 1_000_000)
        .message_id(id)
        .text_body(text.to_owned())
        .write_to_vec()
}

/// A row of a feedback file.
struct Row {
    line: usize,
    number: i64,
    /// `None`: no status stands there.
    act: Option<Act>,
    comment: String,
    ticket: String,
}

/// What a status says, by its label or its words in either language.
fn status(text: &str) -> Option<Act> {
    fn means<W: Word>(word: W, text: &str) -> bool {
        [word.label(), word.zh(), word.en()]
            .iter()
            .any(|own| own.eq_ignore_ascii_case(text))
    }
    if means(PostKind::Acknowledged, text) {
        return Some(Act::Acknowledge);
    }
    if means(PostKind::Fixed, text) {
        return Some(Act::Fix);
    }
    let ground = Dispute::ALL.iter().find(|ground| means(**ground, text));
    ground.copied().map(Act::Dispute)
}

/// Reads a feedback file.
///
/// # Errors
/// It is too big, is no CSV of UTF-8, or lacks a column.
fn read_feedback(bytes: &[u8]) -> std::result::Result<(Vec<Row>, Vec<BadLine>), String> {
    if bytes.len() > FEEDBACK_BYTES {
        return Err(format!("has more than {} KiB", FEEDBACK_BYTES >> 10));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .flexible(true)
        .from_reader(bytes);
    let heads = reader.headers().map_err(|error| error.to_string())?.clone();
    let place = |name: &str| {
        heads
            .iter()
            .position(|head| head.eq_ignore_ascii_case(name))
    };
    let (Some(id), Some(state)) = (place("id"), place("status")) else {
        return Err("the first line must name the columns id and status".to_owned());
    };
    let (comment, ticket) = (place("comment"), place("ticket"));
    let (mut rows, mut bad) = (Vec::new(), Vec::new());
    let mut seen = BTreeSet::new();
    for (at, record) in reader.records().enumerate() {
        let line = at + 1;
        let mut refuse = |reason: String| bad.push(BadLine { line, reason });
        if at >= FEEDBACK_ROWS {
            refuse(format!(
                "only {FEEDBACK_ROWS} rows are read: send the rest in another file"
            ));
            break;
        }
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                refuse(error.to_string());
                continue;
            }
        };
        let cell = |place: Option<usize>, most: usize| {
            let text = place
                .and_then(|place| record.get(place))
                .unwrap_or_default();
            // Our own tables put an apostrophe before what a spreadsheet would compute.
            let shown = |c: &char| *c == '\n' || !c.is_control();
            text.chars().filter(shown).take(most).collect::<String>()
        };
        let number = cell(Some(id), 40);
        let Ok(number) = number.trim_start_matches(['\'', '#']).parse::<i64>() else {
            refuse(format!(
                "`{}` is no number of a matter",
                number.escape_debug()
            ));
            continue;
        };
        let word = cell(Some(state), 100);
        let act = status(&word);
        if act.is_none() && !word.is_empty() {
            let labels: Vec<_> = Dispute::ALL.iter().map(|ground| ground.label()).collect();
            refuse(format!(
                "`{}` is no status: acknowledged, fixed, {}",
                word.escape_debug(),
                labels.join(", ")
            ));
            continue;
        }
        if act.is_some() && !seen.insert(number) {
            refuse(format!("number {number} stands there twice"));
            continue;
        }
        let (comment, ticket) = (cell(comment, 4_000), cell(ticket, 100));
        rows.push(Row {
            line,
            number,
            act,
            comment,
            ticket,
        });
    }
    Ok((rows, bad))
}

/// What a party answers for, as events are compared with it.
#[derive(Default)]
struct Own {
    prefixes: Vec<IpNet>,
    systems: Vec<u32>,
    names: Vec<String>,
}

impl Own {
    fn of(all: Vec<ledger::Responsibility>) -> Own {
        let mut own = Own::default();
        for row in all.into_iter().filter(|row| row.active) {
            match row.scope.0 {
                Scope::Prefix => own.prefixes.extend(row.value.parse::<IpNet>().ok()),
                Scope::Asn => own
                    .systems
                    .extend(row.value.trim_start_matches("AS").parse::<u32>().ok()),
                Scope::Domain => own.names.push(row.value.to_lowercase()),
                _ => {}
            }
        }
        own
    }

    /// As a condition of SQL; `None`: it answers for nothing that events name.
    fn condition(&self) -> Option<String> {
        let mut any = Vec::new();
        for net in &self.prefixes {
            let (first, last) = (net.network(), net.broadcast());
            any.push(format!(
                "(source_ip >= ip('{first}') AND source_ip <= ip('{last}'))"
            ));
        }
        if !self.systems.is_empty() {
            let list: Vec<_> = self.systems.iter().map(ToString::to_string).collect();
            any.push(format!("asn IN ({})", list.join(", ")));
        }
        for name in &self.names {
            let name = name.replace('\'', "''");
            let tail = name.chars().count() + 1;
            any.push(format!(
                "host = '{name}' OR domain = '{name}' OR right(host, {tail}) = '.{name}'"
            ));
        }
        (!any.is_empty()).then(|| any.join(" OR "))
    }

    /// Whether an event is really in it: bytes of addresses of the two families compare with each other.
    fn holds(&self, ip: Option<IpAddr>, asn: Option<i64>, host: Option<&str>) -> bool {
        let by_ip = ip.is_some_and(|ip| self.prefixes.iter().any(|net| net.contains(&ip)));
        let by_asn = asn.is_some_and(|asn| self.systems.iter().any(|own| i64::from(*own) == asn));
        let below = |host: &str, name: &str| {
            host == name
                || host
                    .strip_suffix(name)
                    .is_some_and(|rest| rest.ends_with('.'))
        };
        let by_name = host.is_some_and(|host| self.names.iter().any(|name| below(host, name)));
        by_ip || by_asn || by_name
    }
}

fn event(batch: &RecordBatch, row: usize, own: &Own) -> Option<PartyEvent> {
    let text = |name: &str| {
        let array = batch.column_by_name(name)?.as_string_opt::<i32>()?;
        (array.is_valid(row) && !array.value(row).is_empty()).then(|| array.value(row).to_owned())
    };
    let int = |name: &str| {
        let array = batch.column_by_name(name)?;
        if array.is_null(row) {
            return None;
        }
        let small = array
            .as_primitive_opt::<Int32Type>()
            .map(|one| i64::from(one.value(row)));
        let plain = array
            .as_primitive_opt::<UInt32Type>()
            .map(|one| i64::from(one.value(row)));
        let wide = array
            .as_primitive_opt::<Int64Type>()
            .map(|one| one.value(row));
        small.or(plain).or(wide)
    };
    let tlp = text("tlp").and_then(|text| Tlp::read(&text));
    if matches!(tlp, Some(Tlp::Red | Tlp::AmberStrict)) {
        return None;
    }
    let ip = batch.column_by_name("source_ip")?.as_binary_opt::<i32>()?;
    let ip = ip.is_valid(row).then(|| ip_text(ip.value(row))).flatten();
    let (asn, host) = (int("asn"), text("host"));
    if !own.holds(
        ip.as_deref().and_then(|ip| ip.parse().ok()),
        asn,
        host.as_deref(),
    ) {
        return None;
    }
    let at = batch.column_by_name("observed_at")?;
    Some(PartyEvent {
        observed_at: at
            .as_primitive_opt::<TimestampMicrosecondType>()?
            .value(row),
        class: text("class_type").unwrap_or_default(),
        identifier: text("class_identifier"),
        ip,
        port: int("source_port"),
        asn,
        host,
        url: text("source_url"),
        malware: text("malware_name"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_cannot_be_used_are_told_and_stop_no_other() {
        let text = "\u{feff}id,kind,status,comment,ticket\n\
            12,phishing,fixed,\"clean, rebooted\",T-1\n\
            '#13,phishing,已签收,,\n\
            14,phishing,,,\n\
            x,phishing,fixed,,\n\
            15,phishing,melted,,\n\
            12,phishing,fixed,,\n\
            16,phishing,NOT-OURS,=cmd()\n";
        let (rows, bad) = read_feedback(text.as_bytes()).unwrap();
        let told: Vec<_> = rows.iter().map(|row| (row.number, row.act)).collect();
        assert_eq!(
            told,
            [
                (12, Some(Act::Fix)),
                (13, Some(Act::Acknowledge)),
                (14, None),
                (16, Some(Act::Dispute(Dispute::NotOurs))),
            ]
        );
        assert_eq!(
            (rows[0].comment.as_str(), rows[0].ticket.as_str()),
            ("clean, rebooted", "T-1")
        );
        let lines: Vec<_> = bad.iter().map(|bad| bad.line).collect();
        assert_eq!(lines, [4, 5, 6], "{bad:?}");
    }

    #[test]
    fn a_file_that_is_none_is_refused_and_bytes_that_are_no_text_spoil_one_row() {
        assert!(read_feedback(b"\x89PNG\r\n\x1a\n").is_err());
        assert!(read_feedback(b"").is_err());
        assert!(read_feedback(&vec![b'a'; FEEDBACK_BYTES + 1]).is_err());
        let (rows, bad) =
            read_feedback(b"id,status,comment\n1,fixed,\xff\xfe\n2,fixed,x\n").unwrap();
        assert_eq!(
            (rows.len(), rows[0].number, bad.len(), bad[0].line),
            (1, 2, 1, 1)
        );
        let many = "id,status\n".to_owned() + &"1,fixed\n".repeat(FEEDBACK_ROWS + 10);
        let (rows, bad) = read_feedback(many.as_bytes()).unwrap();
        assert_eq!((rows.len(), bad.len()), (1, FEEDBACK_ROWS));
    }

    #[test]
    fn what_a_party_answers_for_becomes_a_condition_that_nothing_breaks_out_of() {
        let own = Own {
            prefixes: vec!["192.0.2.0/25".parse().unwrap()],
            systems: vec![64_500],
            names: vec!["it's.example.test".to_owned()],
        };
        let sql = own.condition().unwrap();
        assert!(
            sql.contains("ip('192.0.2.0')") && sql.contains("ip('192.0.2.127')"),
            "{sql}"
        );
        assert!(
            sql.contains("asn IN (64500)") && sql.contains("'it''s.example.test'"),
            "{sql}"
        );
        assert_eq!(Own::default().condition(), None);
        assert!(own.holds(Some("192.0.2.9".parse().unwrap()), None, None));
        assert!(!own.holds(
            Some("192.0.2.200".parse().unwrap()),
            Some(64_501),
            Some("example.test")
        ));
        assert!(!own.holds(None, None, Some("notit's.example.test")));
        assert!(own.holds(None, None, Some("a.it's.example.test")));
    }
}
