//! The disk: how much is left of it, what is refused for that, and what its failures are called.
//!
//! | what happens | what a caller sees | what an operator does |
//! |---|---|---|
//! | less than the reserve is free | new work: 507 `storage_full` with `Retry-After`; reading and what was promised go on | makes room; nothing else |
//! | a write finds no space all the same | that request: 507 `storage_full`, and nothing of it is kept | the same |
//! | a write fails otherwise | that request: 503 `not_writable`, and nothing of it is kept | looks at the disk |
//! | a sync fails, or a newer writer came | 503 `writer_stopped` from then on; reading goes on | starts the service again, which reads everything back |
//!
//! The reserve is for what was promised already: the outbox, outcomes, the mirror. A quarter of it is besides held
//! by a file ([`BALLAST_FILE`]) that is let go when a start finds the disk full, for a start writes a little too.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use vestiary_log::files::{Guarded, OpenFor};
use vestiary_log::seams::{Random as _, SeededRandom};
use vestiary_log::{FileError, Files, JournalError, LogError};

use crate::error::{ApiError, Code};
use crate::service::Service;

/// The file in the data directory that holds room for a start on a full disk. It can always be removed.
pub const BALLAST_FILE: &str = "ballast";
/// After so many seconds a caller may ask again whether there is space.
const RETRY_AFTER_S: u32 = 30;
/// After so many seconds a write that failed may be tried again.
const RETRY_SOON_S: u32 = 5;
/// How much of the ballast is written at a time.
const PIECE_BYTES: usize = 1 << 20;

/// Whether anything may be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StorageState {
    /// Yes.
    Writable,
    /// Only what was promised before: less than the reserve is free.
    Full {
        /// What is free.
        free_bytes: u64,
    },
    /// Nothing any more: a sync failed.
    Stopped {
        /// Which.
        why: String,
    },
}

impl StorageState {
    /// `writable`, `full` or `stopped`.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Writable => "writable",
            Self::Full { .. } => "full",
            Self::Stopped { .. } => "stopped",
        }
    }
}

/// The data directory's disk.
#[derive(Debug)]
pub struct Storage {
    files: Guarded,
    data_dir: PathBuf,
    reserve_bytes: u64,
    was_full: AtomicBool,
}

impl Storage {
    /// Looks after `data_dir`. Lets the ballast go if the disk is too full for a start.
    pub fn open(files: Arc<dyn Files>, data_dir: &Path, reserve_bytes: u64) -> Result<Self, FileError> {
        let storage = Self {
            files: Guarded::new(files),
            data_dir: data_dir.to_owned(),
            reserve_bytes,
            was_full: AtomicBool::new(false),
        };
        if storage
            .free_bytes()
            .is_some_and(|free| free < storage.ballast_bytes())
        {
            match storage.files.remove(&storage.ballast_path()) {
                Ok(()) => tracing::warn!("the disk is full: the ballast was let go for the start"),
                Err(error) if error.is_missing() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(storage)
    }

    /// The file system, behind the gate that closes at the first failed sync.
    pub fn files(&self) -> Arc<dyn Files> {
        Arc::new(self.files.clone())
    }

    /// How it stands.
    pub fn state(&self) -> StorageState {
        if let Some(why) = self.files.stopped() {
            return StorageState::Stopped { why: why.to_owned() };
        }
        match self.free_bytes() {
            Some(free_bytes) if free_bytes < self.reserve_bytes => StorageState::Full { free_bytes },
            _ => StorageState::Writable,
        }
    }

    /// Free bytes, where the system tells.
    pub fn free_bytes(&self) -> Option<u64> {
        // A file system that cannot be asked is found out by the next write.
        self.files.free_bytes(&self.data_dir).ok().flatten()
    }

    /// What may be written beside the reserve, where the system tells how much is free.
    pub fn room_bytes(&self) -> Option<u64> {
        self.free_bytes()
            .map(|free| free.saturating_sub(self.reserve_bytes))
    }

    /// Whether so little is free that also the mirror waits, which can be filled later from chain and log: an
    /// eighth of the reserve.
    pub fn is_exhausted(&self) -> bool {
        self.free_bytes()
            .is_some_and(|free| free < self.reserve_bytes / 8)
    }

    /// Refuses new work where there is no room for it, before anything of it is written.
    pub fn admit(&self) -> Result<(), ApiError> {
        match self.state() {
            StorageState::Writable => Ok(()),
            StorageState::Full { .. } => Err(full()),
            StorageState::Stopped { .. } => Err(stopped()),
        }
    }

    /// Notices that the disk filled up or has room again, and takes the ballast in again when there is room for
    /// it. Called every few seconds.
    pub fn look_after(&self) {
        let state = self.state();
        if let Some(free) = self.free_bytes() {
            #[expect(clippy::cast_precision_loss, reason = "a gauge; nobody counts these bytes")]
            metrics::gauge!("vestiary_storage_free_bytes").set(free as f64);
        }
        let writable = state == StorageState::Writable;
        metrics::gauge!("vestiary_storage_writable").set(if writable { 1.0 } else { 0.0 });
        let is_full = matches!(state, StorageState::Full { .. });
        match (self.was_full.swap(is_full, Ordering::SeqCst), &state) {
            (false, StorageState::Full { free_bytes }) => {
                tracing::error!(
                    free_bytes,
                    reserve_bytes = self.reserve_bytes,
                    "the disk is full: new work is refused until there is room"
                );
            }
            (true, StorageState::Writable) => tracing::info!("there is room on the disk again"),
            _ => {}
        }
        if writable && let Err(error) = self.take_ballast() {
            tracing::warn!(%error, "the ballast cannot be written");
        }
    }

    fn ballast_bytes(&self) -> u64 {
        self.reserve_bytes / 4
    }

    fn ballast_path(&self) -> PathBuf {
        self.data_dir.join(BALLAST_FILE)
    }

    /// Writes the ballast if it is not there and there is room for it beside the reserve.
    fn take_ballast(&self) -> Result<(), FileError> {
        let path = self.ballast_path();
        let wanted = self.ballast_bytes();
        let room = self.free_bytes().unwrap_or(0);
        if wanted == 0 || room < self.reserve_bytes.saturating_add(wanted) {
            return Ok(());
        }
        let there = match self.files.open_read(&path) {
            Ok(file) => file.len()?,
            Err(error) if error.is_missing() => 0,
            Err(error) => return Err(error),
        };
        if there >= wanted {
            return Ok(());
        }
        let written = self.files.open(&path, OpenFor::Replacing).and_then(|mut file| {
            // Noise, for a file system that compresses would not keep room for zeros.
            let noise = SeededRandom::new(wanted);
            let mut piece = vec![0; PIECE_BYTES];
            let mut left = wanted;
            while left > 0 {
                noise.fill(&mut piece);
                let now = usize::try_from(left).unwrap_or(PIECE_BYTES).min(PIECE_BYTES);
                file.append(&piece[..now])?;
                left -= now as u64;
            }
            file.sync()
        });
        if written.is_err() {
            // Half a ballast helps nobody.
            let _ = self.files.remove(&path);
        }
        written
    }
}

impl Service {
    /// Refuses new work that could not be brought to its end: no room, or a writer that has stopped.
    pub fn admit(&self) -> Result<(), ApiError> {
        if self.log.has_stopped() {
            return Err(stopped());
        }
        self.storage.admit()
    }
}

fn full() -> ApiError {
    ApiError::new(
        Code::StorageFull,
        "the disk is full; reads go on, and so does what was accepted before",
    )
    .retry_after(RETRY_AFTER_S)
}

fn stopped() -> ApiError {
    ApiError::new(
        Code::WriterStopped,
        "the service writes nothing until it is started again; reads go on",
    )
}

fn failed(what: &str) -> ApiError {
    ApiError::new(
        Code::NotWritable,
        format!("the disk does not take {what}; reads go on"),
    )
    .retry_after(RETRY_SOON_S)
}

/// A failure of the file seam as a problem; `what` could not be written.
pub(crate) fn file_problem(what: &str, error: &FileError) -> ApiError {
    tracing::error!(%error, "the disk does not take {what}");
    match error {
        FileError::NoSpace { .. } => full(),
        FileError::Stopped { .. } => stopped(),
        _ => failed(what),
    }
}

/// A failure of a journal as a problem; `what` could not be written.
pub(crate) fn journal_problem(what: &str, error: &JournalError) -> ApiError {
    match error {
        JournalError::Files(error) => file_problem(what, error),
        error => {
            tracing::error!(%error, "the journal does not take {what}");
            if error.is_for_good() {
                stopped()
            } else {
                failed(what)
            }
        }
    }
}

/// A failure of the log as a problem.
pub(crate) fn log_problem(error: &LogError) -> ApiError {
    match error {
        LogError::Files(error) => file_problem("log entries", error),
        error => {
            tracing::error!(%error, "the log failed");
            if error.is_for_good() {
                stopped()
            } else {
                failed("log entries")
            }
        }
    }
}
