//! An outbox in memory that can fail on purpose.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::submitter::outbox::{Outbox, Record};

/// Records in memory; clones share them, so that a "restarted" submitter finds what the last one wrote.
#[derive(Debug, Clone, Default)]
pub struct MemoryOutbox(Arc<Mutex<Memory>>);

#[derive(Debug, Default)]
struct Memory {
    records: Vec<Record>,
    appends: usize,
    fail: Option<(usize, FailedAppend)>,
}

/// What becomes of the records of an append that reports an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailedAppend {
    /// They are lost.
    Lost,
    /// They are durable all the same.
    Kept,
}

impl MemoryOutbox {
    /// All records, oldest first.
    pub fn records(&self) -> Vec<Record> {
        self.lock().records.clone()
    }

    /// How many appends were asked for.
    pub fn appends(&self) -> usize {
        self.lock().appends
    }

    /// Lets the append with this number (from 0, over the life of the outbox) fail.
    pub fn fail_append(&self, number: usize, kind: FailedAppend) {
        self.lock().fail = Some((number, kind));
    }

    fn lock(&self) -> MutexGuard<'_, Memory> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Memory {
    fn append(&mut self, records: &[Record]) -> Result<(), String> {
        let number = self.appends;
        self.appends += 1;
        let failed = self.fail.filter(|(at, _)| *at == number);
        if failed.is_none_or(|(_, kind)| kind == FailedAppend::Kept) {
            self.records.extend_from_slice(records);
        }
        if failed.is_some() {
            Err("the disk failed".to_owned())
        } else {
            Ok(())
        }
    }
}

impl Outbox for MemoryOutbox {
    async fn append(&self, records: &[Record]) -> Result<(), String> {
        let result = self.lock().append(records);
        // Durable, and the caller can still be interrupted before it knows.
        tokio::task::yield_now().await;
        result
    }

    async fn replay(&self) -> Result<Vec<Record>, String> {
        Ok(self.records())
    }
}
