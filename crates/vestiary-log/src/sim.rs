//! A disk that forgets: the file seam in memory, with the power cuts and errors of real disks.
//!
//! [`ForgetfulDisk`] keeps apart what was written and what was synced, for the bytes of each file
//! and for each name in each directory. [`ForgetfulDisk::power_cut`] then forgets, by a seed, any
//! part of what was not synced: whole writes, the end of one, single sectors of one (they read as
//! zeros), or a name whose directory was not synced. [`ForgetfulDisk::fail_at`] makes the n-th
//! operation fail, in the ways in which operations fail.

mod disk;
mod inode;

pub use disk::{ForgetfulDisk, Operation};

use std::io;

/// How an operation fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It fails and nothing happened.
    Error(io::ErrorKind),
    /// A write stops half-way with an error; other operations fail as by [`Fault::Error`].
    ShortWrite,
    /// It happens, and an error is reported all the same.
    FailedAfterTakingEffect,
    /// No space: an operation that needs some fails (a write half-way); others work.
    NoSpace,
    /// A sync fails, and as Linux does, the kernel forgets that those bytes are still to be
    /// written: the next sync of the file says that all is well. Other operations work.
    FsyncError,
    /// The power goes before the operation: it and all later ones fail until
    /// [`ForgetfulDisk::power_cut`].
    PowerOff,
}

/// Operations that change what is on the disk.
const CHANGES: [&str; 9] = [
    "create",
    "create directory",
    "link",
    "remove",
    "rename",
    "sync",
    "sync directory",
    "truncate",
    "write",
];

impl Fault {
    /// Whether an operation of this name changes something on the disk, and can fail in this way.
    pub fn can_meet(self, name: &str) -> bool {
        match self {
            Self::NoSpace => matches!(name, "write" | "create" | "link" | "rename" | "create directory"),
            Self::ShortWrite => name == "write",
            Self::FsyncError => matches!(name, "sync" | "sync directory"),
            Self::Error(_) | Self::FailedAfterTakingEffect | Self::PowerOff => CHANGES.contains(&name),
        }
    }
}
