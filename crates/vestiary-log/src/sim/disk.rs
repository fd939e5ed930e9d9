//! [`ForgetfulDisk`]: names, operations, faults and locks.

mod handle;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::Fault;
use super::inode::Inode;
use crate::error::FileError;
use crate::files::{FileHandle, Files, Listed, Lock, OpenFor, parent};
use crate::seams::SeededRandom;
use handle::{SimFile, SimLock};

/// One operation that was asked of the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Which kind: `open`, `write`, `sync`, `rename` …
    pub name: &'static str,
    /// On which file.
    pub path: PathBuf,
}

/// A disk in memory that forgets what was not synced. Clones are the same disk.
///
/// The root and the current directory exist from the start.
#[derive(Clone, Debug, Default)]
pub struct ForgetfulDisk {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// Signalled when the short lock of a directory is given back.
    unlocked: Condvar,
}

#[derive(Clone, Debug, Default)]
struct State {
    inodes: BTreeMap<u64, Inode>,
    next_inode: u64,
    names: BTreeMap<PathBuf, Name>,
    /// Held locks; the number tells a lock from a later one of the same name.
    locks: BTreeMap<PathBuf, u64>,
    locks_taken: u64,
    operations: Vec<Operation>,
    faults: BTreeMap<u64, Fault>,
    /// How many changes go well before one fails.
    planned: Option<(u64, Fault)>,
    last_fault: Option<(Operation, Fault)>,
    free_bytes: Option<u64>,
    power_is_off: bool,
    /// Counts power cuts: handles and locks of an earlier life are dead.
    life: u64,
}

/// What a name is, and what it was at each change since its directory was last synced.
#[derive(Clone, Debug, Default)]
struct Name {
    live: Option<Node>,
    synced: Option<Node>,
    between: Vec<Option<Node>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Node {
    File(u64),
    Dir,
}

impl Name {
    fn set(&mut self, node: Option<Node>) {
        self.between.push(self.live);
        self.live = node;
    }
}

impl ForgetfulDisk {
    /// An empty disk.
    pub fn new() -> Self {
        Self::default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Another disk with the same content: what was synced, what was not, and the faults to come.
    #[must_use]
    pub fn fork(&self) -> Self {
        let state = self.state().clone();
        Self {
            shared: Arc::new(Shared {
                state: Mutex::new(state),
                unlocked: Condvar::new(),
            }),
        }
    }

    /// How many operations were asked for so far.
    pub fn operations(&self) -> u64 {
        self.state().operations.len() as u64
    }

    /// All operations so far, in order.
    pub fn history(&self) -> Vec<Operation> {
        self.state().operations.clone()
    }

    /// Makes the `number`-th operation (from 0, since the disk is new) fail. Several may be set.
    pub fn fail_at(&self, number: u64, fault: Fault) {
        self.state().faults.insert(number, fault);
    }

    /// Takes back every fault that did not happen yet.
    pub fn clear_faults(&self) {
        let mut state = self.state();
        state.faults.clear();
        state.planned = None;
    }

    /// Makes the `number`-th change from now on (0: the next one) fail; only changes that can fail so count
    /// ([`Fault::can_meet`]). See [`ForgetfulDisk::faults_to_come`].
    pub fn fail_change(&self, number: u64, fault: Fault) {
        self.state().planned = Some((number, fault));
    }

    /// Faults that were asked for and did not happen yet.
    pub fn faults_to_come(&self) -> usize {
        let state = self.state();
        state.faults.len() + usize::from(state.planned.is_some())
    }

    /// The last operation that was made to fail, and how.
    pub fn last_fault(&self) -> Option<(Operation, Fault)> {
        self.state().last_fault.clone()
    }

    /// Leaves room for so many more bytes (`None`: no limit). A file that loses its last name makes room.
    pub fn set_free_bytes(&self, free_bytes: Option<u64>) {
        self.state().free_bytes = free_bytes;
    }

    /// Cuts the power and switches it on again: forgets what was not synced, by the seed, and with it
    /// all locks; handles opened before answer errors.
    pub fn power_cut(&self, seed: u64) {
        let random = SeededRandom::new(seed);
        let mut state = self.state();
        for name in state.names.values_mut() {
            if !name.between.is_empty() {
                let choices = name.between.len() as u64 + 2;
                name.live = match usize::try_from(random.below(choices)).unwrap_or(0) {
                    0 => name.synced,
                    1 => name.live,
                    choice => name.between[choice - 2],
                };
            }
            name.synced = name.live;
            name.between.clear();
        }
        // What stood in a directory that is gone is gone.
        let names = std::mem::take(&mut state.names);
        for (path, name) in names {
            let rooted = parent(&path) == path || is_root(parent(&path));
            if name.live.is_some() && (rooted || state.is_dir(parent(&path))) {
                state.names.insert(path, name);
            }
        }
        for inode in state.inodes.values_mut() {
            inode.power_cut(&random);
        }
        state.locks.clear();
        state.power_is_off = false;
        state.life += 1;
        self.shared.unlocked.notify_all();
    }

    /// Ends every process that uses the disk, but keeps the power on: nothing written is lost,
    /// locks and handles are.
    pub fn kill(&self) {
        let mut state = self.state();
        state.locks.clear();
        state.power_is_off = false;
        state.life += 1;
        self.shared.unlocked.notify_all();
    }

    /// Lets a second writer in although the first still runs, as a lost lock does.
    pub fn break_locks(&self) {
        self.state().locks.clear();
    }

    /// Every file, sorted.
    pub fn file_paths(&self) -> Vec<PathBuf> {
        let state = self.state();
        let files = state
            .names
            .iter()
            .filter(|(_, name)| matches!(name.live, Some(Node::File(_))));
        files.map(|(path, _)| path.clone()).collect()
    }

    /// The bytes of a file as programs see them, without counting as an operation.
    pub fn content(&self, path: &Path) -> Option<Vec<u8>> {
        let state = self.state();
        let inode = state.file(path)?;
        Some(state.inodes.get(&inode)?.live.clone())
    }

    /// Puts other bytes in place of a file's, on disk, as rot does. `false`: no such file.
    pub fn rot(&self, path: &Path, content: Vec<u8>) -> bool {
        let mut state = self.state();
        let Some(inode) = state.file(path) else {
            return false;
        };
        state.inodes.entry(inode).or_default().rot(content);
        true
    }

    /// Counts an operation and does it, or fails as was asked by `fail_at`.
    fn operation<T>(
        &self,
        name: &'static str,
        path: &Path,
        life: Option<u64>,
        act: impl FnOnce(&mut State, Option<Fault>) -> Result<T, io::Error>,
    ) -> Result<T, FileError> {
        let mut state = self.state();
        let number = state.operations.len() as u64;
        state.operations.push(Operation {
            name,
            path: path.to_owned(),
        });
        let fault = state.faults.remove(&number).or_else(|| state.planned_fault(name));
        if let Some(fault) = fault {
            state.last_fault = state
                .operations
                .last()
                .cloned()
                .map(|operation| (operation, fault));
        }
        if fault == Some(Fault::PowerOff) {
            state.power_is_off = true;
        }
        if state.power_is_off || life.is_some_and(|life| life != state.life) {
            return Err(FileError::new(name, path, io::Error::other("the power is off")));
        }
        let needs_space = Fault::NoSpace.can_meet(name);
        let result = match fault {
            Some(Fault::Error(kind)) => Err(kind.into()),
            Some(Fault::ShortWrite) if name != "write" => Err(io::ErrorKind::Other.into()),
            Some(Fault::NoSpace) if needs_space && name != "write" => Err(io::ErrorKind::StorageFull.into()),
            Some(Fault::FailedAfterTakingEffect) => {
                act(&mut state, None).and_then(|_| Err(io::Error::other("failed, but it took effect")))
            }
            fault => act(&mut state, fault),
        };
        result.map_err(|error| FileError::new(name, path, error))
    }
}

fn is_root(path: &Path) -> bool {
    path.as_os_str().is_empty() || path == Path::new(".") || path == Path::new("/")
}

impl State {
    fn node(&self, path: &Path) -> Option<Node> {
        self.names.get(path).and_then(|name| name.live)
    }

    fn is_dir(&self, path: &Path) -> bool {
        is_root(path) || self.node(path) == Some(Node::Dir)
    }

    fn file(&self, path: &Path) -> Option<u64> {
        match self.node(path) {
            Some(Node::File(inode)) => Some(inode),
            _ => None,
        }
    }

    fn set(&mut self, path: &Path, node: Option<Node>) {
        let replaced = self.node(path);
        self.names.entry(path.to_owned()).or_default().set(node);
        if let (Some(free), Some(Node::File(inode))) = (self.free_bytes, replaced)
            && replaced != node
            && !self.names.values().any(|name| name.live == replaced)
        {
            let freed = self.inodes.get(&inode).map_or(0, |inode| inode.live.len() as u64);
            self.free_bytes = Some(free + freed);
        }
    }

    /// Counts a change, and says whether it is the one to fail.
    fn planned_fault(&mut self, name: &str) -> Option<Fault> {
        let (left, fault) = self.planned.filter(|(_, fault)| fault.can_meet(name))?;
        self.planned = left.checked_sub(1).map(|left| (left, fault));
        (left == 0).then_some(fault)
    }

    fn take_lock(&mut self, path: &Path) -> Option<u64> {
        self.locks_taken += 1;
        match self.locks.entry(path.to_owned()) {
            Entry::Occupied(_) => None,
            Entry::Vacant(free) => Some(*free.insert(self.locks_taken)),
        }
    }

    fn existing_file(&self, path: &Path) -> Result<u64, io::Error> {
        match self.node(path) {
            Some(Node::File(inode)) => Ok(inode),
            Some(Node::Dir) => Err(io::ErrorKind::IsADirectory.into()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn write(&mut self, inode: u64, bytes: &[u8], fault: Option<Fault>) -> Result<(), io::Error> {
        let (mut room, mut error) = (bytes.len(), None);
        if fault == Some(Fault::ShortWrite) {
            (room, error) = (bytes.len() / 2, Some(io::ErrorKind::WriteZero));
        }
        if fault == Some(Fault::NoSpace) {
            (room, error) = (bytes.len() / 2, Some(io::ErrorKind::StorageFull));
        }
        if let Some(free) = self
            .free_bytes
            .map(|free| usize::try_from(free).unwrap_or(usize::MAX))
        {
            if free < room {
                (room, error) = (free, Some(io::ErrorKind::StorageFull));
            }
            self.free_bytes = Some((free - room) as u64);
        }
        self.inodes.entry(inode).or_default().append(&bytes[..room]);
        error.map_or(Ok(()), |kind| Err(kind.into()))
    }
}

impl Files for ForgetfulDisk {
    fn open(&self, path: &Path, purpose: OpenFor) -> Result<Box<dyn FileHandle>, FileError> {
        let exists = self.state().node(path).is_some();
        let name = if exists || purpose == OpenFor::Reading {
            "open"
        } else {
            "create"
        };
        let (inode, life) = self.operation(name, path, None, |state, _| {
            let inode = match (state.existing_file(path), purpose) {
                (Ok(_), OpenFor::Creating) => return Err(io::ErrorKind::AlreadyExists.into()),
                (Ok(inode), _) => inode,
                (Err(error), purpose)
                    if error.kind() == io::ErrorKind::NotFound && purpose != OpenFor::Reading =>
                {
                    if !state.is_dir(parent(path)) {
                        return Err(error);
                    }
                    state.next_inode += 1;
                    let inode = state.next_inode;
                    state.inodes.insert(inode, Inode::default());
                    state.set(path, Some(Node::File(inode)));
                    inode
                }
                (Err(error), _) => return Err(error),
            };
            if purpose == OpenFor::Replacing {
                state.inodes.entry(inode).or_default().truncate(0);
            }
            Ok((inode, state.life))
        })?;
        Ok(Box::new(SimFile {
            disk: self.clone(),
            inode,
            life,
            path: path.to_owned(),
        }))
    }

    fn create_dir(&self, dir: &Path) -> Result<bool, FileError> {
        self.operation("create directory", dir, None, |state, _| match state.node(dir) {
            _ if is_root(dir) => Ok(false),
            Some(Node::Dir) => Ok(false),
            Some(Node::File(_)) => Err(io::ErrorKind::AlreadyExists.into()),
            None if !state.is_dir(parent(dir)) => Err(io::ErrorKind::NotFound.into()),
            None => {
                state.set(dir, Some(Node::Dir));
                Ok(true)
            }
        })
    }

    fn link(&self, from: &Path, to: &Path) -> Result<(), FileError> {
        self.operation("link", to, None, |state, _| {
            let inode = state.existing_file(from)?;
            if state.node(to).is_some() {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            state.set(to, Some(Node::File(inode)));
            Ok(())
        })
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<(), FileError> {
        self.operation("rename", to, None, |state, _| {
            let inode = state.existing_file(from)?;
            state.set(to, Some(Node::File(inode)));
            state.set(from, None);
            Ok(())
        })
    }

    fn remove(&self, path: &Path) -> Result<(), FileError> {
        self.operation("remove", path, None, |state, _| {
            state.existing_file(path)?;
            state.set(path, None);
            Ok(())
        })
    }

    fn remove_dir(&self, dir: &Path) -> Result<(), FileError> {
        self.operation("remove directory", dir, None, |state, _| {
            let inside = state
                .names
                .iter()
                .any(|(path, name)| path.parent() == Some(dir) && name.live.is_some());
            match state.node(dir) {
                Some(Node::Dir) if inside => Err(io::ErrorKind::DirectoryNotEmpty.into()),
                Some(Node::Dir) => {
                    state.set(dir, None);
                    Ok(())
                }
                Some(Node::File(_)) => Err(io::ErrorKind::NotADirectory.into()),
                None => Err(io::ErrorKind::NotFound.into()),
            }
        })
    }

    fn list(&self, dir: &Path) -> Result<Vec<Listed>, FileError> {
        self.operation("list", dir, None, |state, _| {
            if !state.is_dir(dir) {
                return Err(io::ErrorKind::NotFound.into());
            }
            let inside = state
                .names
                .iter()
                .filter(|(path, _)| parent(path) == dir && *path != dir);
            let listed = inside.filter_map(|(path, name)| {
                let bytes = match name.live? {
                    Node::Dir => 0,
                    Node::File(inode) => state.inodes.get(&inode)?.live.len() as u64,
                };
                let is_dir = name.live == Some(Node::Dir);
                Some(Listed {
                    name: path.file_name()?.to_str()?.to_owned(),
                    is_dir,
                    bytes,
                })
            });
            Ok(listed.collect())
        })
    }

    fn sync_dir(&self, dir: &Path) -> Result<(), FileError> {
        self.operation("sync directory", dir, None, |state, fault| {
            if !state.is_dir(dir) {
                return Err(io::ErrorKind::NotFound.into());
            }
            if fault == Some(Fault::FsyncError) {
                return Err(io::Error::other("sync failed"));
            }
            for (path, name) in &mut state.names {
                if parent(path) == dir {
                    name.synced = name.live;
                    name.between.clear();
                }
            }
            Ok(())
        })
    }

    fn lock(&self, path: &Path) -> Result<Box<dyn Lock>, FileError> {
        drop(self.open(path, OpenFor::Appending)?);
        let number = self.operation("lock", path, None, |state, _| Ok(state.take_lock(path)))?;
        let number = number.ok_or_else(|| FileError::Locked {
            path: path.to_owned(),
        })?;
        Ok(Box::new(SimLock {
            disk: self.clone(),
            path: path.to_owned(),
            number,
        }))
    }

    fn lock_dir(&self, dir: &Path) -> Result<Box<dyn Lock>, FileError> {
        self.operation("lock directory", dir, None, |state, _| {
            if state.is_dir(dir) {
                Ok(())
            } else {
                Err(io::ErrorKind::NotFound.into())
            }
        })?;
        let mut state = self.state();
        let number = loop {
            if let Some(number) = state.take_lock(dir) {
                break number;
            }
            let waited = self.shared.unlocked.wait(state);
            state = waited.unwrap_or_else(PoisonError::into_inner);
        };
        drop(state);
        Ok(Box::new(SimLock {
            disk: self.clone(),
            path: dir.to_owned(),
            number,
        }))
    }

    fn free_bytes(&self, _dir: &Path) -> Result<Option<u64>, FileError> {
        Ok(self.state().free_bytes)
    }
}
