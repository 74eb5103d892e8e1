//! Answers that cost more than they change. A count of incidents is the same until something changes, and every
//! change stands in the audit trail; so an answer is kept with the place that the trail had when it was read, and one
//! look at that place says whether it still holds, whichever node made the change.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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
/// Rows of the trail that are read for one who was not met yet.
const BACK: i64 = 1_000;
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

/// Where each visitor's own last change stands in the trail, as far as the trail was read.
#[derive(Default)]
pub(crate) struct OwnChanges(Mutex<HashMap<String, Own>>);

#[derive(Clone, Copy)]
struct Own {
    /// Up to where the trail was read.
    read: i64,
    last: i64,
}

impl OwnChanges {
    fn known(&self) -> MutexGuard<'_, HashMap<String, Own>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The place of a visitor's last change, of those up to `place`; of one who was not met yet only the last
    /// [`BACK`] rows are read, as if the one before them were theirs.
    async fn last(&self, desk: &Desk, login: &str, place: i64) -> Result<i64, Refusal> {
        let known = self.known().get(login).copied();
        let (after, before) = match known {
            Some(own) if place <= own.read => return Ok(own.last),
            Some(own) => (own.read, own.last),
            None => (place - BACK, place - BACK),
        };
        let found = desk.ledger.audit_last_by(login, (after, place)).await?;
        let last = found.unwrap_or(before);
        let mut known = self.known();
        if known.len() >= MOST {
            known.clear();
        }
        let own = known
            .entry(login.to_owned())
            .or_insert(Own { read: 0, last: 0 });
        own.read = own.read.max(place);
        own.last = own.last.max(last);
        Ok(last)
    }
}

/// Who asks, where the audit trail ends, and where the visitor's own last change stands in it: read once for all
/// questions of a page.
pub(crate) struct Asking {
    now: i64,
    place: i64,
    own: i64,
}

impl Asking {
    /// A visitor, now.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub(crate) async fn of(desk: &Desk, visitor: &Visitor) -> Result<Self, Refusal> {
        let place = desk.ledger.audit_place().await?;
        Ok(Asking {
            now: desk.now().0,
            place,
            own: desk.own_changes.last(desk, visitor.login(), place).await?,
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
        asking: &Asking,
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
            let others = asking.own <= one.place;
            if age > -HOLDS && (still && age < HOLDS || age < LATE && others) {
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
