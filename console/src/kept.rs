//! Answers that cost more than they change. A count of incidents is the same until something changes, and every
//! change stands in the audit trail; so an answer is kept with the place that the trail had when it was read, and one
//! look at that place says whether it still holds, whichever node made the change.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tracing::warn;

use crate::Desk;
use crate::refusal::Refusal;
use crate::visitor::Visitor;

/// So long an answer holds while nothing changes: some depend on the hour besides. Microseconds.
const HOLDS: i64 = 30_000_000;
/// So long it is shown although others changed something: reports come in all the time. Microseconds.
const OTHERS: i64 = 3_000_000;
/// So long at most, while the next one is read beside: nobody waits for what others did, and where somebody looks all
/// the time nothing is older than [`OTHERS`] and one reading. Microseconds.
const LATE: i64 = 10_000_000;
/// Answers that are kept at most.
const MOST: usize = 2_000;

struct Held<V> {
    value: V,
    at: i64,
    place: i64,
}

struct Cell<V> {
    held: tokio::sync::Mutex<Option<Held<V>>>,
    /// Whether it is being read anew beside.
    beside: AtomicBool,
}

/// The turn of whoever reads an answer anew beside; gives it back however that ends.
struct Turn<V>(Arc<Cell<V>>);

impl<V> Turn<V> {
    fn take(cell: &Arc<Cell<V>>) -> Option<Self> {
        let taken = cell.beside.swap(true, Ordering::AcqRel);
        (!taken).then(|| Turn(Arc::clone(cell)))
    }
}

impl<V> Drop for Turn<V> {
    fn drop(&mut self) {
        self.0.beside.store(false, Ordering::Release);
    }
}

/// Answers by what was asked.
pub(crate) struct Kept<V> {
    cells: Mutex<HashMap<String, Arc<Cell<V>>>>,
}

impl<V> Default for Kept<V> {
    fn default() -> Self {
        Kept {
            cells: Mutex::default(),
        }
    }
}

/// Who asks, and where the audit trail ends: read once for all questions of a page.
pub(crate) struct Asking<'a> {
    login: &'a str,
    now: i64,
    place: i64,
}

impl<'a> Asking<'a> {
    /// A visitor, now.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub(crate) async fn of(desk: &Desk, visitor: &'a Visitor) -> Result<Self, Refusal> {
        Ok(Asking {
            login: visitor.login(),
            now: desk.now().0,
            place: desk.ledger.audit_place().await?,
        })
    }
}

impl<V: Clone + Send + 'static> Kept<V> {
    fn cell(&self, question: &str) -> Arc<Cell<V>> {
        let mut cells = self.cells.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cell) = cells.get(question) {
            return Arc::clone(cell);
        }
        // Rare, and what is asked now is asked again soon.
        if cells.len() >= MOST {
            cells.clear();
        }
        let cell = Arc::new(Cell {
            held: tokio::sync::Mutex::default(),
            beside: AtomicBool::new(false),
        });
        cells.insert(question.to_owned(), Arc::clone(&cell));
        cell
    }

    /// The answer to a question, which must name all that it depends on but the ledger and the hour. What the visitor
    /// changed shows at once; what others changed within [`OTHERS`] and a reading, after a pause within [`LATE`].
    /// Those who ask the same at once wait for one reading.
    ///
    /// # Errors
    /// Those of `read`; the ledger cannot be read.
    pub(crate) async fn answer<F>(
        &self,
        desk: &Desk,
        asking: &Asking<'_>,
        question: &str,
        read: impl FnOnce() -> F,
    ) -> Result<V, Refusal>
    where
        F: Future<Output = Result<V, Refusal>> + Send + 'static,
    {
        let (at, place) = (asking.now, asking.place);
        let cell = self.cell(question);
        let mut held = cell.held.lock().await;
        if let Some(one) = held.as_ref() {
            let age = at - one.at;
            let still = place <= one.place;
            let others = async || -> Result<bool, Refusal> {
                let names = desk.ledger.audit_names(asking.login, (one.place, place));
                Ok(!names.await?)
            };
            if age > -HOLDS && (still && age < HOLDS || age < LATE && others().await?) {
                let value = one.value.clone();
                drop(held);
                if !still && age >= OTHERS {
                    read_beside(&cell, read(), (at, place));
                }
                return Ok(value);
            }
        }
        let value = read().await?;
        *held = Some(Held {
            value: value.clone(),
            at,
            place,
        });
        Ok(value)
    }
}

/// Reads an answer anew while the old one is shown, unless somebody does already.
fn read_beside<V: Send + 'static>(
    cell: &Arc<Cell<V>>,
    read: impl Future<Output = Result<V, Refusal>> + Send + 'static,
    (at, place): (i64, i64),
) {
    let Some(turn) = Turn::take(cell) else {
        return;
    };
    tokio::spawn(async move {
        match read.await {
            Ok(value) => {
                let mut held = turn.0.held.lock().await;
                // Whoever changed something had it read meanwhile.
                if held.as_ref().is_none_or(|one| one.place <= place) {
                    *held = Some(Held { value, at, place });
                }
            }
            // Tried again by the next who asks; who asks after [`LATE`] reads it first and is told.
            Err(refusal) => warn!(?refusal, "a count was not read anew"),
        }
    });
}
