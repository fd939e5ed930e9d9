//! Batches whose commit is under way: they keep their serials, whatever the clock says.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::journal::BatchId;

/// Which batches are being committed. Entered under the ledger's lock, so that whoever prepares the same serials
/// sees it; nothing here outlives the process, and nothing has to: a commit that a crash cut off before its
/// record never was.
#[derive(Debug, Default)]
pub struct Committing(Mutex<HashMap<BatchId, usize>>);

/// Held while a batch is being committed.
#[derive(Debug)]
pub struct UnderWay<'a> {
    all: &'a Committing,
    id: BatchId,
}

impl Committing {
    /// Notes that a commit begins.
    pub fn begin(&self, id: &BatchId) -> UnderWay<'_> {
        *self.lock().entry(id.clone()).or_default() += 1;
        UnderWay {
            all: self,
            id: id.clone(),
        }
    }

    /// Whether a commit of this batch is under way.
    pub fn contains(&self, id: &BatchId) -> bool {
        self.lock().contains_key(id)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<BatchId, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        let mut all = self.all.lock();
        if let Some(count) = all.get_mut(&self.id) {
            *count -= 1;
            if *count == 0 {
                all.remove(&self.id);
            }
        }
    }
}
