//! Large files that arrive in pieces: hashed while written, named when complete.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::{FileHandle, Files, OpenFor, Put, name_file, temporary_name};
use crate::error::FileError;

/// A file on its way in. Dropped before [`Upload::finish`], it leaves nothing behind.
#[derive(Debug)]
pub struct Upload {
    files: Arc<dyn Files>,
    temporary: PathBuf,
    handle: Option<Box<dyn FileHandle>>,
    hasher: Sha256,
    bytes: u64,
    max_bytes: u64,
}

/// A complete file, synced, still without its name: who holds it knows the digest, and may look at
/// the bytes before deciding on the name.
#[derive(Debug)]
pub struct Uploaded {
    /// SHA-256 of the bytes.
    pub sha256: [u8; 32],
    /// Length in bytes.
    pub bytes: u64,
    upload: Upload,
}

impl Upload {
    /// Begins a file of at most `max_bytes`. `dir` must exist, on the same file system as the name
    /// that the file will get.
    pub fn begin(files: Arc<dyn Files>, dir: &Path, max_bytes: u64) -> Result<Self, FileError> {
        let temporary = temporary_name(dir);
        let handle = Some(files.open(&temporary, OpenFor::Replacing)?);
        Ok(Self {
            files,
            temporary,
            handle,
            hasher: Sha256::new(),
            bytes: 0,
            max_bytes,
        })
    }

    /// Adds a piece. [`FileError::TooLarge`] before anything beyond the limit is written.
    pub fn write(&mut self, piece: &[u8]) -> Result<(), FileError> {
        let bytes = self.bytes.saturating_add(piece.len() as u64);
        if bytes > self.max_bytes {
            let path = self.temporary.clone();
            return Err(FileError::TooLarge {
                path,
                bytes,
                max_bytes: self.max_bytes,
            });
        }
        self.open_handle()?.append(piece)?;
        self.hasher.update(piece);
        self.bytes = bytes;
        Ok(())
    }

    /// Makes the bytes durable and says what they are.
    pub fn finish(mut self) -> Result<Uploaded, FileError> {
        self.open_handle()?.sync()?;
        let sha256 = std::mem::take(&mut self.hasher).finalize().into();
        Ok(Uploaded {
            sha256,
            bytes: self.bytes,
            upload: self,
        })
    }

    fn open_handle(&mut self) -> Result<&mut Box<dyn FileHandle>, FileError> {
        let path = &self.temporary;
        self.handle
            .as_mut()
            .ok_or_else(|| FileError::Missing { path: path.clone() })
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if self.handle.take().is_some() {
            // Best effort: a leftover is harmless and start-up removes it.
            let _ = self.files.remove(&self.temporary);
        }
    }
}

impl Uploaded {
    /// The bytes, for a look before they are named.
    pub fn read(&self) -> Result<Vec<u8>, FileError> {
        self.upload
            .files
            .read(&self.upload.temporary, self.upload.max_bytes)
    }

    /// Gives the file its name. Durable on return, and never instead of another: the same bytes
    /// under that name are fine, other bytes are [`FileError::Different`].
    pub fn name(mut self, path: &Path) -> Result<Put, FileError> {
        let put = name_file(&*self.upload.files, &self.upload.temporary, path)?;
        self.upload.handle = None;
        Ok(put)
    }
}
