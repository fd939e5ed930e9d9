//! The public log: a [tlog-tiles](https://c2sp.org/tlog-tiles) directory with one writer and
//! readers that verify before they serve.
//!
//! What is on disk, in which order it gets there, and what start-up makes of each step is in the
//! README.

mod base;
mod edge;
mod fsck;
mod handle;
mod reader;
mod staging;
mod writer;

pub use fsck::{Cure, Finding, Health, fsck, fsck_at, staged_end, staged_size};
pub use handle::LogHandle;
pub use reader::LogReader;
pub use writer::LogWriter;

use std::fmt;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use vestiary_tlog::{Checkpoint, Hash, SignedCheckpoint, VerifierKey};

use crate::error::LogError;
use crate::files::Files;

/// Longest entry, in bytes: tlog-tiles gives its length two bytes.
pub const MAX_ENTRY_BYTES: usize = vestiary_tlog::tile::MAX_ENTRY_BYTES;
/// Most entries that become one checkpoint.
pub const MAX_BATCH_ENTRIES: usize = 65_536;
/// Most bytes of entries that become one checkpoint, with two for each entry.
pub const MAX_BATCH_BYTES: usize = 8 << 20;
/// Most appends that wait for the writer; beyond it a caller waits for its turn.
pub const MAX_WAITING_APPENDS: usize = 1_024;
/// When so many bytes are staged, the tiles are made durable and the staged bytes dropped.
pub const STAGING_BYTES: u64 = 32 << 20;
/// Longest checkpoint file that is read, in bytes.
pub const MAX_CHECKPOINT_BYTES: u64 = vestiary_tlog::note::MAX_NOTE_BYTES as u64;

/// The name of the checkpoint's file.
const CHECKPOINT: &str = "checkpoint";
const RESTORE: &str = "restore the file from a copy of the log";

/// Why a signer did not sign.
pub type SignerError = Box<dyn std::error::Error + Send + Sync + 'static>;

/// Signs checkpoints. Implemented where the keys are; the writer never sees one.
///
/// It is asked when the entries are durable and before anybody is told of them. It refuses a second
/// root for a size and a size below one that it signed; the same checkpoint twice is fine, for that
/// is what a restart after a crash asks. The writer checks what it gets against the key.
pub trait CheckpointSigner: fmt::Debug + Send + Sync + 'static {
    /// The key that the signatures verify under; its name is the log's origin.
    fn verifier_key(&self) -> VerifierKey;

    /// The checkpoint as a signed note, in bytes.
    fn sign(&self, checkpoint: &Checkpoint) -> Result<Vec<u8>, SignerError>;

    /// The checkpoint that was signed last was certainly not published, its bytes are gone, and so are the
    /// entries that it was for: another one of that size may be signed.
    fn withdraw(&self, _checkpoint: &Checkpoint) {}
}

/// What an append became, durably.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Index of the first of the entries; the others follow it.
    pub first_index: u64,
    /// How many entries were appended.
    pub count: u64,
    /// The signed checkpoint that holds all of them.
    pub published: Arc<Published>,
}

impl Appended {
    /// Size of the log with the entries in it.
    pub fn size(&self) -> u64 {
        self.published.checkpoint.size()
    }

    /// Root of the log of that size.
    pub fn root(&self) -> Hash {
        self.published.checkpoint.root()
    }
}

/// A checkpoint whose signature was verified, with its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// What it says.
    pub checkpoint: Checkpoint,
    /// The signed note.
    pub bytes: Vec<u8>,
}

impl Published {
    /// Verifies a signed checkpoint of the log whose origin is the key's name.
    pub fn verify(bytes: Vec<u8>, key: &VerifierKey) -> Result<Self, vestiary_tlog::Error> {
        let signed = SignedCheckpoint::parse(&bytes)?;
        signed.verify(key.name().as_str(), key, &[])?;
        let checkpoint = signed.unverified().clone();
        Ok(Self { checkpoint, bytes })
    }

    /// Reads and verifies the checkpoint of the log in a directory.
    pub fn read(files: &dyn Files, dir: &Path, key: &VerifierKey) -> Result<Self, LogError> {
        Self::verify_file(Self::read_file(files, dir)?, dir, key)
    }

    fn read_file(files: &dyn Files, dir: &Path) -> Result<Vec<u8>, LogError> {
        Ok(files.read(&dir.join(CHECKPOINT), MAX_CHECKPOINT_BYTES)?)
    }

    fn verify_file(bytes: Vec<u8>, dir: &Path, key: &VerifierKey) -> Result<Self, LogError> {
        Self::verify(bytes, key).map_err(|error| LogError::Damaged {
            file: dir.join(CHECKPOINT),
            what: format!("not a checkpoint of this log: {error}"),
            remedy: "start the log's writer, which restores it, or restore it from a copy of the log",
        })
    }
}

/// What writer and readers of one process share: the newest checkpoint.
#[derive(Debug)]
struct Newest(RwLock<Arc<Published>>);

impl Newest {
    fn new(published: Arc<Published>) -> Arc<Self> {
        Arc::new(Self(RwLock::new(published)))
    }

    fn get(&self) -> Arc<Published> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, published: Arc<Published>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = published;
    }
}
