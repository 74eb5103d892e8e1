//! A Redis list as IntelMQ's bots use it: pushed on the left, taken from the right (`LPUSH`,
//! `RPOPLPUSH`), in the protocol's second version (RESP2).
//!
//! Events are moved, each in one step, to a list of ours beside the queue, and written to the spool.
//! That list is deleted by the next fetch, whose state says that the batch was stored. Killed in
//! between, the list is still there and is delivered again. Two lists take turns, so that a batch
//! that waits for deletion is never mixed with the next one.
//!
//! The address is the operator's own and cannot be redirected: the policy for addresses does not
//! apply. Not for networks that others can listen to: there is no TLS.

use std::io::Write;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::super::client::Clients;
use super::super::failure::{Failure, Kind, Result};
use super::super::fetch::Batch;
use super::super::plan::Plan;
use super::super::spool::{Part, Spool};
use super::{NAME, line};

/// Events of one batch, where the entry does not say.
const BATCH: u32 = 10_000;
/// Commands sent before their answers are read.
const PIPELINE: usize = 256;
/// Longest event.
const MOST_EVENT: usize = 16 << 20;

/// Takes one batch of events.
///
/// # Errors
/// No connection, a refusal of Redis, or answers that are none.
pub async fn fetch_redis(
    clients: &Clients,
    plan: &Plan,
    spool: &mut Spool,
    batch: &mut Batch,
) -> Result<()> {
    timeout(plan.timeout, taken(clients, plan, spool, batch))
        .await
        .unwrap_or_else(|_| {
            let secs = plan.timeout.as_secs();
            let detail = format!(
                "{} took longer than {secs} s; see `fetch.timeout_secs`",
                plan.shown
            );
            Err(Failure::new(Kind::Limit, detail))
        })
}

async fn taken(clients: &Clients, plan: &Plan, spool: &mut Spool, batch: &mut Batch) -> Result<()> {
    let mut redis = Redis::open(clients, plan).await?;
    let key = plan.option("key").unwrap_or("");
    let list = |number: u64| format!("{key}-watchfire-{}-{}", plan.feed, number % 2);
    let number = match batch.state.batch {
        Some(stored) => {
            redis.ask(&[&["DEL", &list(stored)]]).await?;
            stored.wrapping_add(1)
        }
        // Nothing is known: a list that an earlier life left behind comes first.
        None => match redis.length(&list(0)).await? {
            0 => 1,
            _ => 2,
        },
    };
    let list = list(number);
    let mut part = spool.begin()?;
    let left = redis.length(&list).await?;
    let count = if left > 0 {
        redis.read_again(&list, left, &mut part).await?
    } else {
        let most = plan.number("batch", BATCH) as usize;
        let (count, more) = redis
            .take(key, &list, most, plan.max_bytes, &mut part)
            .await?;
        batch.more = more;
        count
    };
    if count == 0 {
        return Ok(());
    }
    // After a batch that was left behind there may be anything.
    batch.more |= left > 0;
    let origin = format!("{}/{key}/{NAME}", plan.shown);
    batch.take(spool.keep(part, NAME, origin).await?);
    batch.state.batch = Some(number);
    Ok(())
}

/// An answer of Redis.
#[derive(Debug, PartialEq)]
enum Reply {
    Word(String),
    Number(i64),
    Bytes(Vec<u8>),
    Nothing,
    List(usize),
}

struct Redis {
    stream: BufReader<TcpStream>,
    shown: String,
    stall: std::time::Duration,
}

impl Redis {
    async fn open(clients: &Clients, plan: &Plan) -> Result<Self> {
        let url = plan.url()?;
        let unreachable =
            |error: String| Failure::new(Kind::Unreachable, format!("{}: {error}", plan.shown));
        let host = url
            .host_str()
            .unwrap_or("localhost")
            .trim_matches(['[', ']'])
            .to_owned();
        let at = (host, url.port().unwrap_or(6379));
        let stream = timeout(clients.limits.connect, TcpStream::connect(at))
            .await
            .map_err(|_| unreachable("it does not answer".to_owned()))?
            .map_err(|error| unreachable(error.to_string()))?;
        let mut redis = Redis {
            stream: BufReader::new(stream),
            shown: plan.shown.clone(),
            stall: clients.limits.stall,
        };
        match (&plan.user, &plan.password) {
            (Some(user), Some(password)) => drop(redis.ask(&[&["AUTH", user, password]]).await?),
            (None, Some(password)) => drop(redis.ask(&[&["AUTH", password]]).await?),
            _ => {}
        }
        let database = url.path().trim_matches('/');
        if !database.is_empty() {
            redis.ask(&[&["SELECT", database]]).await?;
        }
        Ok(redis)
    }

    /// Sends commands and reads the first answer to each.
    async fn ask(&mut self, commands: &[&[&str]]) -> Result<Vec<Reply>> {
        let mut bytes = Vec::new();
        for command in commands {
            bytes.extend_from_slice(format!("*{}\r\n", command.len()).as_bytes());
            for word in *command {
                bytes.extend_from_slice(format!("${}\r\n{word}\r\n", word.len()).as_bytes());
            }
        }
        let sent = timeout(self.stall, self.stream.get_mut().write_all(&bytes)).await;
        match sent {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(self.broken(&error.to_string())),
            Err(_) => return Err(self.broken("it takes no more")),
        }
        let mut replies = Vec::with_capacity(commands.len());
        for _ in commands {
            replies.push(self.reply().await?);
        }
        Ok(replies)
    }

    async fn length(&mut self, list: &str) -> Result<i64> {
        match self.ask(&[&["LLEN", list]]).await?.first() {
            Some(Reply::Number(length)) => Ok(*length),
            other => Err(self.broken(&format!("LLEN gives {other:?}"))),
        }
    }

    /// Moves events from the queue to our list, oldest first, and writes them.
    async fn take(
        &mut self,
        key: &str,
        list: &str,
        most: usize,
        most_bytes: u64,
        part: &mut Part,
    ) -> Result<(usize, bool)> {
        let command: &[&str] = &["RPOPLPUSH", key, list];
        let (mut count, mut bytes) = (0, 0_u64);
        while count < most && bytes < most_bytes {
            let commands = vec![command; PIPELINE.min(most - count)];
            let mut ended = false;
            for reply in self.ask(&commands).await? {
                match reply {
                    Reply::Bytes(event) => {
                        bytes += event.len() as u64;
                        count += 1;
                        self.write(part, &event)?;
                    }
                    Reply::Nothing => ended = true,
                    other => return Err(self.broken(&format!("RPOPLPUSH gives {other:?}"))),
                }
            }
            if ended {
                return Ok((count, false));
            }
        }
        Ok((count, true))
    }

    /// Writes what lies in our list, oldest first: on the right.
    async fn read_again(&mut self, list: &str, length: i64, part: &mut Part) -> Result<usize> {
        let mut count = 0;
        let mut end = length;
        while end > 0 {
            let start = (end - PIPELINE as i64).max(0);
            let (first, last) = (start.to_string(), (end - 1).to_string());
            let reply = self.ask(&[&["LRANGE", list, &first, &last]]).await?;
            let Some(Reply::List(items)) = reply.first() else {
                return Err(self.broken(&format!("LRANGE gives {reply:?}")));
            };
            let mut events = Vec::with_capacity((*items).min(PIPELINE));
            for _ in 0..*items {
                match self.reply().await? {
                    Reply::Bytes(event) => events.push(event),
                    other => return Err(self.broken(&format!("LRANGE gives {other:?}"))),
                }
            }
            for event in events.iter().rev() {
                self.write(part, event)?;
            }
            count += events.len();
            end = start;
        }
        Ok(count)
    }

    fn write(&self, part: &mut Part, event: &[u8]) -> Result<()> {
        part.write_all(&line(event))
            .map_err(|error| Failure::new(Kind::Local, format!("the spool: {error}")))
    }

    async fn reply(&mut self) -> Result<Reply> {
        match timeout(self.stall, self.read()).await {
            Ok(reply) => reply,
            Err(_) => Err(self.broken("it is silent")),
        }
    }

    async fn read(&mut self) -> Result<Reply> {
        let mut head = Vec::new();
        if let Err(error) = (&mut self.stream)
            .take(4096)
            .read_until(b'\n', &mut head)
            .await
        {
            return Err(self.broken(&error.to_string()));
        }
        let text = match head.strip_suffix(b"\r\n") {
            Some(text) => String::from_utf8_lossy(text).into_owned(),
            None => return Err(self.broken("it hung up, or is no Redis")),
        };
        let (kind, rest) = text.split_at_checked(1).unwrap_or(("", ""));
        let number = || rest.parse::<i64>().ok();
        match (kind, number()) {
            ("+", _) => Ok(Reply::Word(rest.to_owned())),
            ("-", _) => {
                let hint = match rest.starts_with("NOAUTH") || rest.starts_with("WRONGPASS") {
                    true => "; look at `fetch.password`",
                    false => "",
                };
                Err(Failure::new(
                    Kind::Refused,
                    format!("{} says: {rest}{hint}", self.shown),
                ))
            }
            (":", Some(number)) => Ok(Reply::Number(number)),
            ("$" | "*", Some(-1)) => Ok(Reply::Nothing),
            ("*", Some(count)) if (0..=PIPELINE as i64).contains(&count) => {
                Ok(Reply::List(count as usize))
            }
            ("$", Some(length)) if (0..=MOST_EVENT as i64).contains(&length) => {
                let mut bytes = vec![0; length as usize + 2];
                match self.stream.read_exact(&mut bytes).await {
                    Ok(_) if bytes.ends_with(b"\r\n") => {
                        bytes.truncate(length as usize);
                        Ok(Reply::Bytes(bytes))
                    }
                    Ok(_) => Err(self.broken("an answer is longer than announced")),
                    Err(error) => Err(self.broken(&error.to_string())),
                }
            }
            ("$", Some(length)) => {
                let detail = format!(
                    "{}: an event of {length} bytes; {MOST_EVENT} are the most",
                    self.shown
                );
                Err(Failure::new(Kind::Limit, detail))
            }
            _ => Err(self.broken("it answers in another protocol")),
        }
    }

    fn broken(&self, detail: &str) -> Failure {
        Failure::malformed(format!("{}: {detail}", self.shown))
    }
}
