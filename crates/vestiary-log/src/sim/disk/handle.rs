//! Open files and held locks of [`ForgetfulDisk`].

use std::io;
use std::path::{Path, PathBuf};

use super::{ForgetfulDisk, State};
use crate::error::FileError;
use crate::files::{FileHandle, Lock};
use crate::sim::Fault;

/// A file of [`ForgetfulDisk`].
#[derive(Debug)]
pub(super) struct SimFile {
    pub(super) disk: ForgetfulDisk,
    pub(super) inode: u64,
    pub(super) life: u64,
    pub(super) path: PathBuf,
}

impl SimFile {
    fn operation<T>(
        &self,
        name: &'static str,
        act: impl FnOnce(&mut State, Option<Fault>) -> Result<T, io::Error>,
    ) -> Result<T, FileError> {
        self.disk.operation(name, &self.path, Some(self.life), act)
    }
}

impl FileHandle for SimFile {
    fn len(&self) -> Result<u64, FileError> {
        self.operation("measure", |state, _| {
            Ok(state.inodes.entry(self.inode).or_default().live.len() as u64)
        })
    }

    fn read_at(&self, buffer: &mut [u8], offset_bytes: u64) -> Result<usize, FileError> {
        self.operation("read", |state, _| {
            let live = &state.inodes.entry(self.inode).or_default().live;
            let start = usize::try_from(offset_bytes)
                .unwrap_or(usize::MAX)
                .min(live.len());
            let count = buffer.len().min(live.len() - start);
            buffer[..count].copy_from_slice(&live[start..start + count]);
            Ok(count)
        })
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), FileError> {
        self.operation("write", |state, fault| state.write(self.inode, bytes, fault))
    }

    fn truncate(&mut self, len_bytes: u64) -> Result<(), FileError> {
        self.operation("truncate", |state, _| {
            let len = usize::try_from(len_bytes).map_err(|_| io::ErrorKind::InvalidInput)?;
            state.inodes.entry(self.inode).or_default().truncate(len);
            Ok(())
        })
    }

    fn sync(&mut self) -> Result<(), FileError> {
        self.operation("sync", |state, fault| {
            let inode = state.inodes.entry(self.inode).or_default();
            if fault == Some(Fault::FsyncError) {
                inode.break_sync();
                return Err(io::Error::other("sync failed"));
            }
            inode.sync();
            Ok(())
        })
    }

    fn path(&self) -> &Path {
        &self.path
    }
}

/// A lock of [`ForgetfulDisk`].
#[derive(Debug)]
pub(super) struct SimLock {
    pub(super) disk: ForgetfulDisk,
    pub(super) path: PathBuf,
    pub(super) number: u64,
}

impl Lock for SimLock {}

impl Drop for SimLock {
    fn drop(&mut self) {
        let mut state = self.disk.state();
        if state.locks.get(&self.path) == Some(&self.number) {
            state.locks.remove(&self.path);
        }
        drop(state);
        self.disk.shared.unlocked.notify_all();
    }
}
