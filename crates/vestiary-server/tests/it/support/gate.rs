//! The disk behind a gate: what is asked of some files waits while it is closed, or finds no room.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::{self, ThreadId};

use vestiary_log::files::{FileHandle, Lock, OpenFor};
use vestiary_log::{Disk, FileError, Files, files::Listed};

use super::eventually;

/// What is asked of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// To be opened for reading.
    Reading,
    /// To be made durable.
    Sync,
}

/// The disk, with a gate that tests close and open. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gated(Arc<Gate>);

#[derive(Debug, Default)]
struct Gate {
    state: Mutex<State>,
    opened: Condvar,
}

#[derive(Debug, Default)]
struct State {
    closed: Option<(Asked, &'static str)>,
    full: Option<&'static str>,
    /// Who waits, in the order in which they came.
    waiting: Vec<ThreadId>,
    /// Who passes although it is closed.
    let_through: Option<ThreadId>,
}

impl Gated {
    /// Closes the gate for what is asked of paths with `part` in them.
    pub(crate) fn close(&self, asked: Asked, part: &'static str) {
        self.0.lock().closed = Some((asked, part));
    }

    /// Lets everybody through.
    pub(crate) fn open(&self) {
        let mut state = self.0.lock();
        (state.closed, state.let_through) = (None, None);
        self.0.opened.notify_all();
    }

    /// Lets the thread through that waits longest, with all that it asks from now on, and nobody else.
    pub(crate) fn let_first_through(&self) {
        let mut state = self.0.lock();
        state.let_through = state.waiting.first().copied();
        self.0.opened.notify_all();
    }

    /// Leaves no room to append to paths with `part` in them; `None` for room again.
    pub(crate) fn fill(&self, part: Option<&'static str>) {
        self.0.lock().full = part;
    }

    /// Returns when somebody waits at the gate.
    pub(crate) async fn wait_reached(&self) {
        eventually("somebody stands at the gate", async || {
            (!self.0.lock().waiting.is_empty()).then_some(())
        })
        .await;
    }
}

impl Gate {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn pass(&self, asked: Asked, path: &Path) {
        let (mut state, me) = (self.lock(), thread::current().id());
        state.waiting.push(me);
        while state.let_through != Some(me)
            && state
                .closed
                .is_some_and(|(what, part)| what == asked && path.to_string_lossy().contains(part))
        {
            state = self.opened.wait(state).unwrap();
        }
        state.waiting.retain(|waiting| *waiting != me);
    }
}

impl Files for Gated {
    fn open(&self, path: &Path, purpose: OpenFor) -> Result<Box<dyn FileHandle>, FileError> {
        if purpose == OpenFor::Reading {
            self.0.pass(Asked::Reading, path);
        }
        let file = Disk.open(path, purpose)?;
        let gate = Arc::clone(&self.0);
        Ok(Box::new(GatedFile { file, gate }))
    }

    fn create_dir(&self, dir: &Path) -> Result<bool, FileError> {
        Disk.create_dir(dir)
    }

    fn link(&self, from: &Path, to: &Path) -> Result<(), FileError> {
        Disk.link(from, to)
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<(), FileError> {
        Disk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> Result<(), FileError> {
        Disk.remove(path)
    }

    fn remove_dir(&self, dir: &Path) -> Result<(), FileError> {
        Disk.remove_dir(dir)
    }

    fn list(&self, dir: &Path) -> Result<Vec<Listed>, FileError> {
        Disk.list(dir)
    }

    fn sync_dir(&self, dir: &Path) -> Result<(), FileError> {
        Disk.sync_dir(dir)
    }

    fn lock(&self, path: &Path) -> Result<Box<dyn Lock>, FileError> {
        Disk.lock(path)
    }

    fn lock_dir(&self, dir: &Path) -> Result<Box<dyn Lock>, FileError> {
        Disk.lock_dir(dir)
    }

    fn free_bytes(&self, dir: &Path) -> Result<Option<u64>, FileError> {
        Disk.free_bytes(dir)
    }
}

#[derive(Debug)]
struct GatedFile {
    file: Box<dyn FileHandle>,
    gate: Arc<Gate>,
}

impl FileHandle for GatedFile {
    fn len(&self) -> Result<u64, FileError> {
        self.file.len()
    }

    fn read_at(&self, buffer: &mut [u8], offset_bytes: u64) -> Result<usize, FileError> {
        self.file.read_at(buffer, offset_bytes)
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), FileError> {
        let full = self.gate.lock().full;
        if full.is_some_and(|part| self.path().to_string_lossy().contains(part)) {
            return Err(FileError::NoSpace {
                operation: "append",
                path: self.path().to_owned(),
                source: Arc::new(ErrorKind::StorageFull.into()),
            });
        }
        self.file.append(bytes)
    }

    fn truncate(&mut self, len_bytes: u64) -> Result<(), FileError> {
        self.file.truncate(len_bytes)
    }

    fn sync(&mut self) -> Result<(), FileError> {
        self.gate.pass(Asked::Sync, self.path());
        self.file.sync()
    }

    fn path(&self) -> &Path {
        self.file.path()
    }
}
