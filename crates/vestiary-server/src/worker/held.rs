//! Batches that a lane leaves alone because a file of theirs cannot be read: whatever else is due goes on.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::error::ApiError;
use crate::journal::BatchId;

/// A file that could not be read is tried again after so long: the disk may have been at fault, and not the file.
const LOOK_AGAIN: Duration = Duration::from_secs(10);
/// Most batches that are told by name.
const MAX_NAMED: usize = 4;

/// What one lane leaves alone.
#[derive(Clone, Debug, Default)]
pub(super) struct Held(BTreeMap<BatchId, Unread>);

#[derive(Clone, Debug)]
struct Unread {
    /// What cannot be read, for people.
    file: String,
    tried: Instant,
}

impl Held {
    /// Whether a batch's file could not be read just now.
    pub(super) fn has(&self, batch: &BatchId) -> bool {
        self.0
            .get(batch)
            .is_some_and(|unread| unread.tried.elapsed() < LOOK_AGAIN)
    }

    /// A file of a batch cannot be read.
    pub(super) fn hold(&mut self, batch: &BatchId, file: String, error: &ApiError) {
        let tried = Instant::now();
        if !self.0.contains_key(batch) {
            tracing::error!(
                %batch,
                file,
                %error,
                "a file cannot be read: what needs it waits and the rest goes on; stop the service, then run `vestiary check` and `vestiary repair`"
            );
        }
        self.0.insert(batch.clone(), Unread { file, tried });
    }

    /// The files of a batch can be read.
    pub(super) fn release(&mut self, batch: &BatchId) {
        self.0.remove(batch);
    }

    /// Forgets the batches that nothing waits for.
    pub(super) fn keep(&mut self, is_wanted: impl Fn(&BatchId) -> bool) {
        self.0.retain(|batch, _| is_wanted(batch));
    }

    /// What is left alone, why, and what helps; "" if nothing is.
    pub(super) fn detail(&self) -> String {
        if self.0.is_empty() {
            return String::new();
        }
        let named = self.0.iter().take(MAX_NAMED);
        let mut named: Vec<String> = named
            .map(|(batch, unread)| format!("{batch} needs {}", unread.file))
            .collect();
        if self.0.len() > MAX_NAMED {
            named.push(format!("{} more batches", self.0.len() - MAX_NAMED));
        }
        format!(
            "cannot be read: {}; stop the service, then run `vestiary check` and `vestiary repair`",
            named.join(", ")
        )
    }
}
