//! Salts: what makes the hashes in a certificate say nothing to those who are not told.
//!
//! They have a journal of their own, because a salt must be erasable and the other promises must not be. A
//! batch's salts are one record; erasing it leaves every certificate and the log verifying.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use vestiary::ids::Serial;
use vestiary_log::journal::Journal;
use vestiary_log::seams::Random;
use vestiary_log::{Files, JournalError};

use super::record::BatchId;
use crate::error::ApiError;
use crate::storage::journal_problem;

/// Bytes of a salt.
const SALT_BYTES: usize = 32;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SaltRecord {
    batch: BatchId,
    /// Serial → salts in hex, in the order of the names they are for.
    salts: BTreeMap<u64, Vec<String>>,
}

/// The salts of one batch. `Debug` shows none.
pub struct Salts(BTreeMap<Serial, Vec<[u8; SALT_BYTES]>>);

impl std::fmt::Debug for Salts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Salts of {} wearables", self.0.len())
    }
}

impl Salts {
    /// The salts of one serial, in the order of the names they are for.
    pub fn of(&self, serial: Serial) -> &[[u8; SALT_BYTES]] {
        self.0.get(&serial).map_or(&[], Vec::as_slice)
    }
}

/// The file of salts.
#[derive(Debug)]
pub struct SaltStore {
    journal: Mutex<Journal>,
    random: Arc<dyn Random>,
}

impl SaltStore {
    /// Opens the salts in `dir`.
    pub fn open(files: Arc<dyn Files>, dir: &Path, random: Arc<dyn Random>) -> Result<Self, JournalError> {
        let (journal, _) = Journal::open(files, dir)?;
        Ok(Self {
            journal: Mutex::new(journal),
            random,
        })
    }

    /// Makes the salts of a batch, so many for each serial; durable on return.
    pub fn make(
        &self,
        batch: &BatchId,
        wanted: impl Iterator<Item = (Serial, usize)>,
    ) -> Result<Salts, ApiError> {
        let mut salts = BTreeMap::new();
        for (serial, count) in wanted {
            let mut of_serial = vec![[0; SALT_BYTES]; count];
            for salt in &mut of_serial {
                self.random.fill(salt);
            }
            salts.insert(serial, of_serial);
        }
        let record = SaltRecord {
            batch: batch.clone(),
            salts: salts
                .iter()
                .filter(|(_, of_serial)| !of_serial.is_empty())
                .map(|(serial, of_serial)| (serial.get(), of_serial.iter().map(hex::encode).collect()))
                .collect(),
        };
        let bytes = serde_json::to_vec(&record).map_err(ApiError::internal)?;
        let mut journal = self.journal.lock().unwrap_or_else(PoisonError::into_inner);
        journal
            .append(&[bytes])
            .map_err(|error| journal_problem("the salts", &error))?;
        Ok(Salts(salts))
    }
}
