//! What can go wrong, a type a layer: files, journal, log.
//!
//! Each variant is something a caller does differently about; each names the file.

use std::io;
use std::path::{Path, PathBuf};

/// What the file seam answers when it cannot do as asked.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// No such file or directory.
    #[error("{}: no such file", path.display())]
    Missing {
        /// The file asked for.
        path: PathBuf,
    },
    /// The disk or the quota is full. Goes away by itself when space returns.
    #[error("{operation} {}: no space left: {source}", path.display())]
    NoSpace {
        /// What was tried.
        operation: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// `put_if_absent` met a file of that name with other bytes.
    #[error("{}: exists already with different bytes", path.display())]
    Different {
        /// The file that was there first.
        path: PathBuf,
    },
    /// `compare_and_swap` met other bytes than the caller expected: somebody else writes here.
    #[error("{}: changed by somebody else since it was last read", path.display())]
    Changed {
        /// The file that changed.
        path: PathBuf,
    },
    /// The file is longer than the reader's limit.
    #[error("{}: {bytes} bytes, at most {max_bytes} are read", path.display())]
    TooLarge {
        /// The file asked for.
        path: PathBuf,
        /// Its length in bytes.
        bytes: u64,
        /// The limit in bytes.
        max_bytes: u64,
    },
    /// Another process (or another part of this one) holds the lock.
    #[error("{}: locked by another writer", path.display())]
    Locked {
        /// The lock file.
        path: PathBuf,
    },
    /// Anything else the system reports. Whether it took effect is unknown.
    #[error("{operation} {}: {source}", path.display())]
    Io {
        /// What was tried.
        operation: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl FileError {
    /// Sorts what the system said by what a caller would do about it.
    pub fn new(operation: &'static str, path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::NotFound => Self::Missing { path },
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::NoSpace {
                operation,
                path,
                source,
            },
            _ => Self::Io {
                operation,
                path,
                source,
            },
        }
    }

    /// Whether the file asked for does not exist.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Missing { .. })
    }

    /// Whether the disk is full: nothing is wrong that space would not cure.
    pub fn is_no_space(&self) -> bool {
        matches!(self, Self::NoSpace { .. })
    }
}

/// What the journal answers when it cannot do as asked.
///
/// After [`JournalError::Files`] from an append nothing has changed and a later append may work;
/// [`JournalError::Stopped`] and [`JournalError::Fenced`] are for good: open the journal again.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The disk said no, and the journal is as it was.
    #[error(transparent)]
    Files(#[from] FileError),
    /// Bytes that were durable once are not what was written.
    #[error("{}: damaged at byte {offset_bytes}: {what}; {remedy}", file.display())]
    Damaged {
        /// The file.
        file: PathBuf,
        /// Where in it.
        offset_bytes: u64,
        /// What is wrong there.
        what: &'static str,
        /// What to do about it.
        remedy: &'static str,
    },
    /// A newer writer has opened this journal: this one may not write any more.
    #[error("{}: writer epoch {epoch} was replaced by a newer writer", dir.display())]
    Fenced {
        /// The journal.
        dir: PathBuf,
        /// The epoch of the writer that was refused.
        epoch: u64,
    },
    /// It is not known what is on disk since this happened. Opening the journal again finds out.
    #[error("{}: stopped: {why}; open it again", dir.display())]
    Stopped {
        /// The journal.
        dir: PathBuf,
        /// What happened first.
        why: String,
    },
    /// A record, group or snapshot beyond its limit.
    #[error("{what} of {bytes} bytes, at most {max_bytes} are kept")]
    TooLarge {
        /// What was too large.
        what: &'static str,
        /// Its length.
        bytes: u64,
        /// The limit.
        max_bytes: u64,
    },
    /// There is no such record to erase, or no such group to take back.
    #[error("there is no record {sequence}")]
    NoSuchRecord {
        /// The sequence asked for.
        sequence: u64,
    },
    /// The record is folded into a snapshot: take a snapshot without it instead.
    #[error("record {sequence} is part of the snapshot")]
    InSnapshot {
        /// The sequence asked for.
        sequence: u64,
    },
}
