//! What can go wrong, by what the caller does about it.

use std::path::PathBuf;

use thiserror::Error;
use vestiary::block::BlockRef;

/// Result with this crate's [`enum@Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why the mirror refused or stopped. Whenever a block or an entry is refused, nothing of it was applied.
#[derive(Debug, Error)]
pub enum Error {
    /// What is on disk cannot be trusted or belongs to another chain, log or schema. The repair is always
    /// the same: wipe and fold again from the first block and from entry 0, see [`crate::Mirror::open_or_wipe`].
    #[error("the mirror must be rebuilt: {reason}")]
    NeedsRebuild {
        /// What was found.
        reason: String,
    },
    /// Another process, or another [`crate::Mirror`] of this one, has the directory.
    #[error("the mirror directory is in use: {}", path.display())]
    Locked {
        /// The lock file.
        path: PathBuf,
    },
    /// The file system refused before anything was written.
    #[error("the mirror directory cannot be used: {0}")]
    Io(#[from] std::io::Error),
    /// The block does not follow the head. A reorganisation is undone first, block by block.
    #[error("block {} {} does not follow the head {}", got.number, got.hash, show(expected.as_ref()))]
    NotNextBlock {
        /// The head, which should be the parent; `None` before the first block.
        expected: Option<BlockRef>,
        /// The block offered.
        got: BlockRef,
    },
    /// Only the head can be undone.
    #[error("block {} {} is not the head {}", got.number, got.hash, show(head.as_ref()))]
    NotHead {
        /// The head.
        head: Option<BlockRef>,
        /// The block to be undone.
        got: BlockRef,
    },
    /// The reorganisation is deeper than [`crate::UNDO_WINDOW_BLOCKS`]; only a rebuild goes further back.
    #[error("the changes of block {number} are no longer kept")]
    UndoWindow {
        /// The head's number.
        number: u64,
    },
    /// Entries come one by one, from 0.
    #[error("log entry {got} was offered, the next is {expected}")]
    NotNextEntry {
        /// The mirror's log size.
        expected: u64,
        /// The index offered.
        got: u64,
    },
    /// The chain's contracts cannot have written this: the node lied or left logs out.
    #[error("block {number}, log {log_index}: {what}")]
    Contradiction {
        /// The refused block.
        number: u64,
        /// The log that contradicts what is known.
        log_index: u64,
        /// Why.
        what: String,
    },
    /// The log is not the one this mirror was set up for.
    #[error("log entry {index}: {what}")]
    WrongLog {
        /// The refused entry.
        index: u64,
        /// Why.
        what: String,
    },
}

impl Error {
    /// A name for the error that never changes, for machines.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NeedsRebuild { .. } => "mirror_needs_rebuild",
            Self::Locked { .. } => "mirror_locked",
            Self::Io(_) => "mirror_io",
            Self::NotNextBlock { .. } => "not_next_block",
            Self::NotHead { .. } => "not_head",
            Self::UndoWindow { .. } => "reorg_too_deep",
            Self::NotNextEntry { .. } => "not_next_entry",
            Self::Contradiction { .. } => "chain_contradicts_itself",
            Self::WrongLog { .. } => "wrong_log",
        }
    }

    pub(crate) fn rebuild(reason: impl Into<String>) -> Self {
        Self::NeedsRebuild {
            reason: reason.into(),
        }
    }
}

fn show(block: Option<&BlockRef>) -> String {
    block.map_or_else(
        || "none".into(),
        |block| format!("{} {}", block.number, block.hash),
    )
}
