//! The gate that closes at the first failed sync.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use super::{FileHandle, Files, Listed, Lock, OpenFor};
use crate::error::FileError;

/// A file system that writes nothing any more after a sync has failed.
///
/// After a failed sync nobody knows what is on the disk, and a second sync of the same bytes may say that all is
/// well although they are lost. Each writer stops by itself where its own sync failed; this gate makes one failed
/// sync, of whichever file or directory, stop every writer of the process: what was not durable can then not be
/// taken for durable by a later step. Reading goes on. Only a restart, which reads everything back with its
/// checksums, writes again.
#[derive(Clone, Debug)]
pub struct Guarded {
    inner: Arc<dyn Files>,
    failed: Arc<OnceLock<String>>,
}

impl Guarded {
    /// A gate in front of `inner`, open.
    pub fn new(inner: Arc<dyn Files>) -> Self {
        Self {
            inner,
            failed: Arc::default(),
        }
    }

    /// The sync that failed, if one did: nothing is written since.
    pub fn stopped(&self) -> Option<&str> {
        self.failed.get().map(String::as_str)
    }

    fn check(&self, path: &Path) -> Result<(), FileError> {
        check(&self.failed, path)
    }
}

fn check(failed: &OnceLock<String>, path: &Path) -> Result<(), FileError> {
    match failed.get() {
        None => Ok(()),
        Some(why) => Err(FileError::Stopped {
            path: path.to_owned(),
            why: why.clone(),
        }),
    }
}

/// Closes the gate for an error of a sync.
fn note(failed: &OnceLock<String>, synced: Result<(), FileError>) -> Result<(), FileError> {
    synced.inspect_err(|error| {
        if failed.set(error.to_string()).is_ok() {
            tracing::error!(%error, "a sync failed: nothing is written any more until a restart");
        }
    })
}

impl Files for Guarded {
    fn open(&self, path: &Path, purpose: OpenFor) -> Result<Box<dyn FileHandle>, FileError> {
        if purpose != OpenFor::Reading {
            self.check(path)?;
        }
        Ok(Box::new(GuardedFile {
            inner: self.inner.open(path, purpose)?,
            failed: Arc::clone(&self.failed),
        }))
    }

    fn create_dir(&self, dir: &Path) -> Result<bool, FileError> {
        self.check(dir)?;
        self.inner.create_dir(dir)
    }

    fn link(&self, from: &Path, to: &Path) -> Result<(), FileError> {
        self.check(to)?;
        self.inner.link(from, to)
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<(), FileError> {
        self.check(to)?;
        self.inner.rename(from, to)
    }

    fn remove(&self, path: &Path) -> Result<(), FileError> {
        self.check(path)?;
        self.inner.remove(path)
    }

    fn remove_dir(&self, dir: &Path) -> Result<(), FileError> {
        self.check(dir)?;
        self.inner.remove_dir(dir)
    }

    fn list(&self, dir: &Path) -> Result<Vec<Listed>, FileError> {
        self.inner.list(dir)
    }

    fn sync_dir(&self, dir: &Path) -> Result<(), FileError> {
        self.check(dir)?;
        match self.inner.sync_dir(dir) {
            // It could not even be opened: nothing was synced, and nothing failed to be.
            Err(error) if error.is_missing() || error.is_denied() => Err(error),
            synced => note(&self.failed, synced),
        }
    }

    fn lock(&self, path: &Path) -> Result<Box<dyn Lock>, FileError> {
        self.inner.lock(path)
    }

    fn lock_dir(&self, dir: &Path) -> Result<Box<dyn Lock>, FileError> {
        self.inner.lock_dir(dir)
    }

    fn free_bytes(&self, dir: &Path) -> Result<Option<u64>, FileError> {
        self.inner.free_bytes(dir)
    }
}

/// A file behind the gate.
#[derive(Debug)]
struct GuardedFile {
    inner: Box<dyn FileHandle>,
    failed: Arc<OnceLock<String>>,
}

impl FileHandle for GuardedFile {
    fn len(&self) -> Result<u64, FileError> {
        self.inner.len()
    }

    fn read_at(&self, buffer: &mut [u8], offset_bytes: u64) -> Result<usize, FileError> {
        self.inner.read_at(buffer, offset_bytes)
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), FileError> {
        check(&self.failed, self.inner.path())?;
        self.inner.append(bytes)
    }

    fn truncate(&mut self, len_bytes: u64) -> Result<(), FileError> {
        check(&self.failed, self.inner.path())?;
        self.inner.truncate(len_bytes)
    }

    fn sync(&mut self) -> Result<(), FileError> {
        check(&self.failed, self.inner.path())?;
        let synced = self.inner.sync();
        note(&self.failed, synced)
    }

    fn path(&self) -> &Path {
        self.inner.path()
    }
}
