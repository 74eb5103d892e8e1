//! Answers that cost more than they change. A count of incidents is the same until something changes, and every
//! change stands in the audit trail; so an answer is kept with the place that the trail had when it was read, and one
//! look at that place says whether it still holds, whichever node made the change.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::Desk;
use crate::refusal::Refusal;
use crate::visitor::Visitor;

/// So long an answer holds while nothing changes: some depend on the hour besides. Microseconds.
const HOLDS: i64 = 30_000_000;
/// So long it is shown although others changed something: reports come in all the time. Microseconds.
const OTHERS: i64 = 3_000_000;
/// Answers that are kept at most.
const MOST: usize = 2_000;

struct Held<V> {
    value: V,
    at: i64,
    place: i64,
}

type Cell<V> = Arc<tokio::sync::Mutex<Option<Held<V>>>>;

/// Answers by what was asked.
pub(crate) struct Kept<V> {
    cells: Mutex<HashMap<String, Cell<V>>>,
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

impl<V: Clone> Kept<V> {
    fn cell(&self, question: &str) -> Cell<V> {
        let mut cells = self.cells.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cell) = cells.get(question) {
            return Arc::clone(cell);
        }
        // Rare, and what is asked now is asked again soon.
        if cells.len() >= MOST {
            cells.clear();
        }
        let cell = Cell::default();
        cells.insert(question.to_owned(), Arc::clone(&cell));
        cell
    }

    /// The answer to a question, which must name all that it depends on but the ledger and the hour. What the visitor
    /// changed shows at once, what others changed within [`OTHERS`]. Those who ask the same at once wait for one
    /// reading.
    ///
    /// # Errors
    /// Those of `read`; the ledger cannot be read.
    pub(crate) async fn answer(
        &self,
        desk: &Desk,
        asking: &Asking<'_>,
        question: &str,
        read: impl AsyncFnOnce() -> Result<V, Refusal>,
    ) -> Result<V, Refusal> {
        let cell = self.cell(question);
        let mut held = cell.lock().await;
        if let Some(one) = held.as_ref() {
            let age = asking.now - one.at;
            let holds = match asking.place <= one.place {
                true => age < HOLDS,
                false => {
                    let (ledger, after) = (&desk.ledger, (one.place, asking.place));
                    age < OTHERS && !ledger.audit_names(asking.login, after).await?
                }
            };
            if holds && age > -HOLDS {
                return Ok(one.value.clone());
            }
        }
        let value = read().await?;
        *held = Some(Held {
            value: value.clone(),
            at: asking.now,
            place: asking.place,
        });
        Ok(value)
    }
}
