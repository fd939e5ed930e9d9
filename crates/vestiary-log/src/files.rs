//! The file seam: every byte that this product keeps goes through [`Files`].
//!
//! The required methods are what a file system offers; the provided ones are what storage code
//! needs (`put_if_absent`, `compare_and_swap`, durable directories), written once over the former,
//! so that [`crate::sim::ForgetfulDisk`] can cut the power between any two steps of them. Another
//! store (an object store) overrides the provided ones.
//!
//! Durability is said by name: a method is durable on return only where its documentation says so.

mod disk;
mod guarded;
mod upload;

pub use disk::Disk;
pub use guarded::Guarded;
pub use upload::{Upload, Uploaded};

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::FileError;
use crate::points;

/// Names of files that are being written begin like this; what a crash leaves of them is removed
/// by [`Files::remove_leftovers`].
pub const TEMPORARY_PREFIX: &str = ".tmp-";

/// How many bytes are read at a time when files are compared or copied.
const CHUNK_BYTES: usize = 64 * 1024;

/// What a file is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenFor {
    /// Reading; the file must exist.
    Reading,
    /// Appending; created when missing (not durably: see [`Files::open_append`]).
    Appending,
    /// Writing a new file; a file of that name is an error of kind `AlreadyExists`.
    Creating,
    /// Writing from the start; created when missing, emptied when there.
    Replacing,
}

/// One name in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The name, without the directory. Names that are not UTF-8 are not listed.
    pub name: String,
    /// Whether it is a directory.
    pub is_dir: bool,
    /// Length in bytes; 0 for a directory.
    pub bytes: u64,
}

/// What [`Files::put_if_absent`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// The file is new.
    Written,
    /// The same bytes were there already.
    AlreadyThere,
}

/// Whether a change has to outlive a power cut that comes right after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Durable on return.
    Now,
    /// Atomic for readers now; durable when somebody syncs the file and its directory. For files
    /// that can be made again from something durable.
    Later,
}

/// An open file.
pub trait FileHandle: fmt::Debug + Send + Sync {
    /// Length in bytes.
    fn len(&self) -> Result<u64, FileError>;

    /// Whether there is nothing in it.
    fn is_empty(&self) -> Result<bool, FileError> {
        Ok(self.len()? == 0)
    }

    /// Reads at an offset; returns how many bytes were read, 0 only at the end.
    fn read_at(&self, buffer: &mut [u8], offset_bytes: u64) -> Result<usize, FileError>;

    /// Writes all the bytes at the end. On an error any part of them may have been written.
    fn append(&mut self, bytes: &[u8]) -> Result<(), FileError>;

    /// Cuts the file to a length.
    fn truncate(&mut self, len_bytes: u64) -> Result<(), FileError>;

    /// Makes what was written durable. After an error nobody knows what is on disk, and asking
    /// again does not tell: the only safe course is to stop and start over from what can be read.
    fn sync(&mut self) -> Result<(), FileError>;

    /// Reads exactly the range; a range beyond the end is [`FileError::Io`] of kind `UnexpectedEof`.
    fn read_exact_at(&self, buffer: &mut [u8], offset_bytes: u64) -> Result<(), FileError> {
        let mut done = 0;
        while done < buffer.len() {
            let read = self.read_at(&mut buffer[done..], offset_bytes + done as u64)?;
            if read == 0 {
                return Err(FileError::Io {
                    operation: "read",
                    path: self.path().to_owned(),
                    source: Arc::new(std::io::ErrorKind::UnexpectedEof.into()),
                });
            }
            done += read;
        }
        Ok(())
    }

    /// The path it was opened by.
    fn path(&self) -> &Path;
}

/// A lock that is held until dropped, or until the process ends.
pub trait Lock: fmt::Debug + Send + Sync {}

/// A file system, as far as this product needs one.
pub trait Files: fmt::Debug + Send + Sync + 'static {
    /// Opens a file. Creating a name is not durable before [`Files::sync_dir`].
    fn open(&self, path: &Path, purpose: OpenFor) -> Result<Box<dyn FileHandle>, FileError>;

    /// Creates one directory; `false` when it was there. Not durable before the parent is synced.
    fn create_dir(&self, dir: &Path) -> Result<bool, FileError>;

    /// Gives a file a second name; a file of that name is an error of kind `AlreadyExists`.
    fn link(&self, from: &Path, to: &Path) -> Result<(), FileError>;

    /// Renames a file, replacing what has the new name, atomically.
    fn rename(&self, from: &Path, to: &Path) -> Result<(), FileError>;

    /// Removes a name. Not durable before the directory is synced.
    fn remove(&self, path: &Path) -> Result<(), FileError>;

    /// Removes an empty directory. Not durable before the parent is synced.
    fn remove_dir(&self, dir: &Path) -> Result<(), FileError>;

    /// What a directory holds, sorted by name.
    fn list(&self, dir: &Path) -> Result<Vec<Listed>, FileError>;

    /// Makes the names in a directory durable.
    fn sync_dir(&self, dir: &Path) -> Result<(), FileError>;

    /// Takes the exclusive lock of a file, creating it; [`FileError::Locked`] when it is taken.
    fn lock(&self, path: &Path) -> Result<Box<dyn Lock>, FileError>;

    /// Waits for the short lock of a directory, under which [`Files::compare_and_swap`] compares
    /// and swaps. Held for milliseconds, and never by two at once, in whichever process.
    fn lock_dir(&self, dir: &Path) -> Result<Box<dyn Lock>, FileError>;

    /// Bytes that this process may still write where `dir` is; `None` where nobody can say.
    fn free_bytes(&self, _dir: &Path) -> Result<Option<u64>, FileError> {
        Ok(None)
    }

    /// Creates a directory and its parents. Durable on return.
    fn create_dir_all(&self, dir: &Path) -> Result<(), FileError> {
        let mut missing = Vec::new();
        let mut at = Some(dir);
        while let Some(path) = at.filter(|path| !path.as_os_str().is_empty()) {
            match self.list(path) {
                Ok(_) => {
                    // Perhaps created by a try that failed before it was durable. A parent that we may
                    // not even read is not ours and was there before.
                    match self.sync_dir(parent(path)) {
                        Err(error) if error.is_denied() => {}
                        synced => synced?,
                    }
                    break;
                }
                Err(error) if error.is_missing() => missing.push(path),
                Err(error) => return Err(error),
            }
            at = path.parent();
        }
        for path in missing.into_iter().rev() {
            self.create_dir(path)?;
            self.sync_dir(parent(path))?;
        }
        Ok(())
    }

    /// Opens a file for appending; when it is new, its name is durable on return.
    fn open_append(&self, path: &Path) -> Result<Box<dyn FileHandle>, FileError> {
        let handle = self.open(path, OpenFor::Appending)?;
        self.sync_dir(parent(path))?;
        Ok(handle)
    }

    /// Opens a file for reading ranges of it.
    fn open_read(&self, path: &Path) -> Result<Box<dyn FileHandle>, FileError> {
        self.open(path, OpenFor::Reading)
    }

    /// Reads a whole file, if it is at most `max_bytes` long.
    fn read(&self, path: &Path, max_bytes: u64) -> Result<Vec<u8>, FileError> {
        let handle = self.open_read(path)?;
        let bytes = handle.len()?;
        let too_large = || FileError::TooLarge {
            path: path.to_owned(),
            bytes,
            max_bytes,
        };
        if bytes > max_bytes {
            return Err(too_large());
        }
        let mut content = vec![0; usize::try_from(bytes).map_err(|_| too_large())?];
        handle.read_exact_at(&mut content, 0)?;
        Ok(content)
    }

    /// Whether a file of that name can be opened.
    fn exists(&self, path: &Path) -> Result<bool, FileError> {
        match self.open_read(path) {
            Ok(_) => Ok(true),
            Err(error) if error.is_missing() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Writes a new file under its final name. Neither atomic nor durable: only for what can be
    /// made again, and is not looked at before a [`Files::compare_and_swap`] points to it.
    fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), FileError> {
        self.open(path, OpenFor::Replacing)?.append(bytes)
    }

    /// Replaces a file or creates it: atomic for readers, not durable before the file and its
    /// directory are synced. Always a new file underneath, so that its sync says something even if
    /// a sync of the old one failed once.
    fn replace(&self, path: &Path, bytes: &[u8]) -> Result<(), FileError> {
        let temporary = temporary_name(parent(path));
        let mut written = self
            .open(&temporary, OpenFor::Replacing)
            .and_then(|mut file| file.append(bytes));
        written = written.and_then(|()| self.rename(&temporary, path));
        if written.is_err() {
            let _ = self.remove(&temporary);
        }
        written
    }

    /// Makes the bytes of a file durable (not its name: [`Files::sync_dir`]).
    fn sync_file(&self, path: &Path) -> Result<(), FileError> {
        self.open(path, OpenFor::Reading)?.sync()
    }

    /// Creates a file with these bytes: written, synced, then named. Durable on return. A file of
    /// that name with the same bytes is fine; with other bytes it is [`FileError::Different`].
    fn put_if_absent(&self, path: &Path, bytes: &[u8]) -> Result<Put, FileError> {
        let temporary = temporary_name(parent(path));
        let written = write_synced(self, &temporary, bytes).and_then(|()| {
            points::reached(points::FILE_WRITTEN);
            name_file(self, &temporary, path)
        });
        if written.is_err() {
            // Best effort: a leftover is harmless and start-up removes it.
            let _ = self.remove(&temporary);
        }
        written
    }

    /// Replaces a small file if it still has the bytes the caller expects (`None`: does not exist);
    /// else [`FileError::Changed`]. Readers see the old bytes or the new ones, never a mixture.
    /// After [`FileError::NoSpace`] the file is as it was; after [`FileError::Io`] nobody knows.
    fn compare_and_swap(
        &self,
        path: &Path,
        expected: Option<&[u8]>,
        new: &[u8],
        durability: Durability,
    ) -> Result<(), FileError> {
        let dir = parent(path);
        let _guard = self.lock_dir(dir)?;
        // One byte more than expected is enough to see that it is something else.
        let max_bytes = expected.map_or(0, <[u8]>::len) as u64;
        let same = match (self.read(path, max_bytes), expected) {
            (Ok(found), Some(expected)) => found == expected,
            (Err(FileError::Missing { .. }), None) => true,
            (Ok(_), None) | (Err(FileError::Missing { .. } | FileError::TooLarge { .. }), _) => false,
            (Err(error), _) => return Err(error),
        };
        if !same {
            return Err(FileError::Changed {
                path: path.to_owned(),
            });
        }
        let temporary = temporary_name(dir);
        let written = match durability {
            Durability::Now => write_synced(self, &temporary, new),
            Durability::Later => self
                .open(&temporary, OpenFor::Creating)
                .and_then(|mut f| f.append(new)),
        };
        let swapped = written.and_then(|()| self.rename(&temporary, path));
        if let Err(error) = swapped {
            let _ = self.remove(&temporary);
            return Err(error);
        }
        match durability {
            // A full disk here must not read as "nothing happened": the rename did.
            Durability::Now => self.sync_dir(dir).map_err(ambiguous),
            Durability::Later => Ok(()),
        }
    }

    /// Removes the unfinished files that a crash left. Only for who holds the directory's lock.
    fn remove_leftovers(&self, dir: &Path) -> Result<usize, FileError> {
        let mut removed = 0;
        for listed in self.list(dir)? {
            if listed.name.starts_with(TEMPORARY_PREFIX) && !listed.is_dir {
                self.remove(&dir.join(&listed.name))?;
                removed += 1;
            }
        }
        Ok(removed)
    }
}

/// The directory of a path; `.` for a bare name.
pub fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        Some(_) => Path::new("."),
        None => path,
    }
}

/// A name that no other file of this directory has while this process lives.
fn temporary_name(dir: &Path) -> PathBuf {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let count = COUNTER.fetch_add(1, Ordering::Relaxed);
    dir.join(format!("{TEMPORARY_PREFIX}{}-{count}", std::process::id()))
}

fn write_synced<F: Files + ?Sized>(files: &F, path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    // A process id may come back after a crash, and with it a leftover of this name.
    let mut file = match files.open(path, OpenFor::Creating) {
        Err(FileError::Io { source, .. }) if source.kind() == std::io::ErrorKind::AlreadyExists => {
            files.remove(path)?;
            files.open(path, OpenFor::Creating)?
        }
        opened => opened?,
    };
    file.append(bytes)?;
    file.sync()
}

/// Gives a complete, synced file its name, durably, without replacing another.
fn name_file<F: Files + ?Sized>(files: &F, temporary: &Path, path: &Path) -> Result<Put, FileError> {
    let put = match files.link(temporary, path) {
        Ok(()) => Put::Written,
        Err(FileError::Io { source, .. }) if source.kind() == std::io::ErrorKind::AlreadyExists => {
            if !same_bytes(files, temporary, path)? {
                return Err(FileError::Different {
                    path: path.to_owned(),
                });
            }
            // Whoever wrote it may have lost power before its own syncs.
            files.sync_file(path)?;
            Put::AlreadyThere
        }
        Err(error) => return Err(error),
    };
    points::reached(points::FILE_NAMED);
    files.remove(temporary)?;
    files.sync_dir(parent(path))?;
    Ok(put)
}

fn same_bytes<F: Files + ?Sized>(files: &F, a: &Path, b: &Path) -> Result<bool, FileError> {
    let (a, b) = (files.open_read(a)?, files.open_read(b)?);
    let len = a.len()?;
    if len != b.len()? {
        return Ok(false);
    }
    let (mut left, mut right) = (vec![0; CHUNK_BYTES], vec![0; CHUNK_BYTES]);
    let mut at = 0;
    while at < len {
        let step = usize::try_from(len - at).map_or(CHUNK_BYTES, |rest| rest.min(CHUNK_BYTES));
        a.read_exact_at(&mut left[..step], at)?;
        b.read_exact_at(&mut right[..step], at)?;
        if left[..step] != right[..step] {
            return Ok(false);
        }
        at += step as u64;
    }
    Ok(true)
}

fn ambiguous(error: FileError) -> FileError {
    match error {
        FileError::NoSpace {
            operation,
            path,
            source,
        } => FileError::Io {
            operation,
            path,
            source,
        },
        other => other,
    }
}
