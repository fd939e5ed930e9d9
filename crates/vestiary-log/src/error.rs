//! What can go wrong, a type a layer: files, journal, log.
//!
//! Each variant is something a caller does differently about; each names the file.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What the file seam answers when it cannot do as asked.
#[derive(Clone, Debug, thiserror::Error)]
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
        source: Arc<io::Error>,
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
    /// A sync failed earlier, of this file or another: nothing is written any more until a restart
    /// ([`crate::files::Guarded`]).
    #[error("{}: not written, because a sync failed earlier: {why}", path.display())]
    Stopped {
        /// The file that was to be written.
        path: PathBuf,
        /// The sync that failed.
        why: String,
    },
    /// Anything else the system reports. Whether it took effect is unknown.
    #[error("{operation} {}: {source}", path.display())]
    Io {
        /// What was tried.
        operation: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        source: Arc<io::Error>,
    },
}

impl FileError {
    /// Sorts what the system said by what a caller would do about it.
    pub fn new(operation: &'static str, path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        let source = Arc::new(source);
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

    /// Whether this process may not do that.
    pub(crate) fn is_denied(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::PermissionDenied)
    }
}

/// What the journal answers when it cannot do as asked.
///
/// After [`JournalError::Files`] from an append nothing has changed and a later append may work;
/// [`JournalError::Stopped`] and [`JournalError::Fenced`] are for good: open the journal again.
#[derive(Clone, Debug, thiserror::Error)]
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

/// What the log answers when it cannot do as asked.
///
/// After [`LogError::Files`] or [`LogError::Signer`] from an append nothing was added and a later
/// append may work. [`LogError::Stopped`] is for good: open the log again.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LogError {
    /// The disk said no, and the log is as it was.
    #[error(transparent)]
    Files(FileError),
    /// The staging journal could not be opened or read.
    #[error("staging: {0}")]
    Staging(JournalError),
    /// The signer refused or could not be asked; the entries were taken back.
    #[error("checkpoint of size {size} was not signed: {source}")]
    Signer {
        /// The size that the checkpoint would have had.
        size: u64,
        /// What the signer said.
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
    /// A file is not what the checkpoint says it is.
    #[error("{}: {what}; {remedy}", file.display())]
    Damaged {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        what: String,
        /// What to do about it.
        remedy: &'static str,
    },
    /// The checkpoint is older than, or forks from, one that was seen before.
    #[error("{}: checkpoint of size {found} after one of size {known}", file.display())]
    RolledBack {
        /// The checkpoint file.
        file: PathBuf,
        /// The size that it has now.
        found: u64,
        /// The size that it had.
        known: u64,
    },
    /// It is not known what is on disk since this happened. Opening the log again finds out.
    #[error("log stopped: {why}; open it again")]
    Stopped {
        /// What happened first.
        why: String,
    },
    /// An entry or batch beyond its limit.
    #[error("{what} of {found}, at most {limit} are taken")]
    TooLarge {
        /// What was too large, with its unit.
        what: &'static str,
        /// Its measure.
        found: u64,
        /// The limit.
        limit: u64,
    },
    /// Nothing of that index, size or path is published.
    #[error("{what} is not in the log of size {size}")]
    NotPublished {
        /// What was asked for.
        what: String,
        /// The published size.
        size: u64,
    },
    /// Bytes that are not what their format asks for.
    #[error(transparent)]
    Format(#[from] vestiary_tlog::Error),
}

impl From<FileError> for LogError {
    fn from(error: FileError) -> Self {
        Self::Files(error)
    }
}

impl From<JournalError> for LogError {
    fn from(error: JournalError) -> Self {
        match error {
            JournalError::Files(error) => Self::Files(error),
            error @ (JournalError::Stopped { .. } | JournalError::Fenced { .. }) => Self::Stopped {
                why: error.to_string(),
            },
            error => Self::Staging(error),
        }
    }
}

impl JournalError {
    /// Whether the disk is full: nothing is wrong that space would not cure.
    pub fn is_no_space(&self) -> bool {
        matches!(self, Self::Files(error) if error.is_no_space())
    }

    /// Whether only opening the journal again helps.
    pub fn is_for_good(&self) -> bool {
        matches!(
            self,
            Self::Stopped { .. } | Self::Fenced { .. } | Self::Files(FileError::Stopped { .. })
        )
    }
}

impl LogError {
    /// Whether only opening the log again helps.
    pub fn is_for_good(&self) -> bool {
        matches!(
            self,
            Self::Stopped { .. } | Self::Files(FileError::Stopped { .. })
        )
    }

    /// Whether the disk is full: nothing is wrong that space would not cure.
    pub fn is_no_space(&self) -> bool {
        matches!(self, Self::Files(error) if error.is_no_space())
    }
}
