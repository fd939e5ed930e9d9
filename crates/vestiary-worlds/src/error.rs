//! What can go wrong here, and what a caller would do about it.

use std::path::PathBuf;

use vestiary::digest::Sha256;
use vestiary_log::FileError;

use crate::preflight::Fault;

/// An error of the content store or of preflight.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// More bytes than a file may have, or than were declared. Nothing was kept.
    #[error("the file has more than {max_bytes} bytes")]
    TooLarge {
        /// How many it may have.
        max_bytes: u64,
    },
    /// The file ended before its declared size. Nothing was kept.
    #[error("{declared_bytes} bytes were declared, {bytes} came")]
    SizeMismatch {
        /// The declared size.
        declared_bytes: u64,
        /// The size.
        bytes: u64,
    },
    /// The bytes are not those that were declared. Nothing was kept.
    #[error("{declared} was declared, the bytes are {found}")]
    DigestMismatch {
        /// The declared digest.
        declared: Sha256,
        /// The digest of what came.
        found: Sha256,
    },
    /// The bytes are none of the kinds that the store keeps. Nothing was kept.
    #[error("the file is neither GLB, PNG, JSON nor plain text of at most {max_text_bytes} bytes")]
    UnknownMediaType {
        /// Plain text and JSON may have so many bytes.
        max_text_bytes: usize,
    },
    /// The source of the bytes failed. Nothing was kept.
    #[error("the file could not be read to its end: {0}")]
    Source(std::io::Error),
    /// The store has no such file.
    #[error("no file {name}")]
    NotFound {
        /// The digest or content id asked for.
        name: String,
    },
    /// The range asked for is not within the file.
    #[error("bytes {start} to {end} are not within the {bytes} bytes of the file")]
    Range {
        /// First byte asked for.
        start: u64,
        /// The byte after the last asked for.
        end: u64,
        /// Size of the file.
        bytes: u64,
    },
    /// What is on the disk is not what was written. It is not served; putting the same file again
    /// repairs it.
    #[error("{} is damaged: {what}", path.display())]
    Damaged {
        /// The file on the disk.
        path: PathBuf,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The file system failed.
    #[error(transparent)]
    Files(#[from] FileError),
    /// A GLB is refused.
    #[error("{fault} ({code}{space}{at})", code = fault.code(), space = if at.is_empty() { "" } else { " at " })]
    Glb {
        /// Why.
        fault: Fault,
        /// Where: a JSON pointer, or "" for the whole file.
        at: String,
    },
}

impl Error {
    /// A name for the error that never changes, for machines.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "too_large",
            Self::SizeMismatch { .. } => "size_mismatch",
            Self::DigestMismatch { .. } => "digest_mismatch",
            Self::UnknownMediaType { .. } => "unknown_media_type",
            Self::Source(_) => "source_failed",
            Self::NotFound { .. } => "file_not_found",
            Self::Range { .. } => "range_not_satisfiable",
            Self::Damaged { .. } => "file_damaged",
            Self::Files(_) => "storage_failed",
            Self::Glb { fault, .. } => fault.code(),
        }
    }
}
