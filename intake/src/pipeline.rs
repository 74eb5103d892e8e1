//! Several threads read one report after the other, in order.
//!
//! One thread opens reports and cuts blocks, workers parse them, and the caller takes the results in
//! the order in which they were cut, so that what is stored does not depend on the number of
//! threads. A fixed number of tickets bounds the blocks under way: whoever cuts a block takes a
//! ticket, whoever has stored it gives it back.

use std::collections::BTreeMap;
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, bounded};
use formats::Block;
use model::record::Record;

use crate::enrich::Enricher;
use crate::error::{Error, Result};
use crate::gather::{Before, Gathered, Gatherer, Opened};
use crate::lines::SeenLines;

/// Blocks under way per worker.
const TICKETS_PER_WORKER: usize = 4;

/// A block to be parsed.
struct Work {
    number: u64,
    opened: Arc<Opened>,
    bytes: Vec<u8>,
    offset: u64,
    line: u64,
}

/// What the caller takes, in order.
pub enum Step<S> {
    /// A parsed block.
    Block(Box<Gathered>),
    /// Something said by the cutting thread.
    Said(S),
}

/// The cutting thread's end.
pub struct Cutter<S> {
    work: Sender<Work>,
    done: Sender<(u64, Step<S>)>,
    tickets: Receiver<()>,
    spent: Receiver<Vec<u8>>,
    next: u64,
}

impl<S> Cutter<S> {
    /// Takes a ticket and the next number.
    fn number(&mut self) -> Result<u64> {
        self.tickets.recv().map_err(|_| Error::Stopped("writer"))?;
        self.next += 1;
        Ok(self.next - 1)
    }

    /// A buffer to read the next block into, used before where there is one.
    pub fn buffer(&self) -> Vec<u8> {
        let mut buffer = self.spent.try_recv().unwrap_or_default();
        buffer.clear();
        buffer
    }

    /// Hands a block of whole rows to the workers; waits while too many are under way.
    ///
    /// # Errors
    /// [`Error::Stopped`] when the other threads have given up.
    pub fn block(
        &mut self,
        opened: &Arc<Opened>,
        bytes: Vec<u8>,
        offset: u64,
        line: u64,
    ) -> Result<()> {
        let number = self.number()?;
        let work = Work {
            number,
            opened: Arc::clone(opened),
            bytes,
            offset,
            line,
        };
        self.work.send(work).map_err(|_| Error::Stopped("parser"))
    }

    /// Rows that this thread read itself, from a document that has no blocks.
    ///
    /// # Errors
    /// [`Error::Stopped`] when the writer has given up.
    pub fn gathered(&mut self, gathered: Gathered) -> Result<()> {
        let number = self.number()?;
        self.done
            .send((number, Step::Block(Box::new(gathered))))
            .map_err(|_| Error::Stopped("writer"))
    }

    /// Says something in order.
    ///
    /// # Errors
    /// [`Error::Stopped`] when the writer has given up.
    pub fn say(&mut self, said: S) -> Result<()> {
        let number = self.number()?;
        self.done
            .send((number, Step::Said(said)))
            .map_err(|_| Error::Stopped("writer"))
    }
}

/// The caller's end.
pub struct Steps<S> {
    done: Receiver<(u64, Step<S>)>,
    tickets: Sender<()>,
    waiting: BTreeMap<u64, Step<S>>,
    next: u64,
}

impl<S> Steps<S> {
    /// The next step in order, `None` when the cutting thread and all workers are done.
    ///
    /// # Errors
    /// [`Error::Stopped`] if a worker died with a block.
    pub fn take(&mut self) -> Result<Option<Step<S>>> {
        loop {
            if let Some(step) = self.waiting.remove(&self.next) {
                self.next += 1;
                // The channel has room for every ticket there is, so this never waits.
                let _ = self.tickets.send(());
                return Ok(Some(step));
            }
            match self.done.recv() {
                Ok((number, step)) => {
                    self.waiting.insert(number, step);
                }
                Err(_) if self.waiting.is_empty() => return Ok(None),
                Err(_) => return Err(Error::Stopped("parser")),
            }
        }
    }
}

/// Runs `cut` on a thread of its own, `workers` parsing threads, and `write` on this one.
///
/// # Errors
/// What `write` or `cut` returns; `write`'s error first.
pub fn run<S: Send, R>(
    workers: usize,
    enricher: &Enricher,
    cut: impl FnOnce(&mut Cutter<S>) -> Result<()> + Send,
    write: impl FnOnce(&mut Steps<S>) -> Result<R>,
) -> Result<R> {
    let workers = workers.max(1);
    let under_way = workers * TICKETS_PER_WORKER;
    let (work, to_parse) = bounded::<Work>(under_way);
    let (done, results) = bounded(under_way);
    let (give, tickets) = bounded(under_way);
    let (give_spent, spent) = bounded(under_way);
    let seen = SeenLines::default();
    for _ in 0..under_way {
        let _ = give.send(());
    }
    std::thread::scope(|scope| {
        for _ in 0..workers {
            let (to_parse, done, spent) = (to_parse.clone(), done.clone(), give_spent.clone());
            let (enricher, seen) = (enricher.clone(), &seen);
            scope.spawn(move || parse(&to_parse, &done, &spent, enricher, seen));
        }
        drop((to_parse, give_spent));
        let cutting = scope.spawn(move || {
            let mut cutter = Cutter {
                work,
                done,
                tickets,
                spent,
                next: 0,
            };
            cut(&mut cutter)
        });
        let mut steps = Steps {
            done: results,
            tickets: give,
            waiting: BTreeMap::new(),
            next: 0,
        };
        let written = write(&mut steps);
        // Frees threads that wait for a ticket or a place, if the writer gave up early.
        drop(steps);
        let cut = cutting.join().unwrap_or(Err(Error::Stopped("reader")));
        let written = written?;
        cut?;
        Ok(written)
    })
}

fn parse<S>(
    work: &Receiver<Work>,
    done: &Sender<(u64, Step<S>)>,
    spent: &Sender<Vec<u8>>,
    enricher: Enricher,
    seen: &SeenLines,
) {
    let mut gatherer = Gatherer::new(enricher);
    let mut record = Record::new();
    for Work {
        number,
        opened,
        bytes,
        offset,
        line,
    } in work
    {
        let block = Block {
            bytes: &bytes,
            offset,
            line,
        };
        let before = u32::try_from(number).ok().map(|number| Before {
            seen,
            number,
            keys: opened.keys,
        });
        let mut out = gatherer.begin(&opened.source, opened.received_at, Some(block), before);
        opened.reader.read(block, &mut record, &mut out);
        let gathered = gatherer.take(&opened.receipt);
        let _ = spent.try_send(bytes);
        if done
            .send((number, Step::Block(Box::new(gathered))))
            .is_err()
        {
            return;
        }
    }
}
