//! The only module that names sled.
//!
//! What sled 0.34 does and does not do, and what is done about it here:
//! - `flush()` ends in `sync_file_range`, which survives `kill -9` but not a power cut: [`Store::sync`] adds
//!   an fsync of the database file and of its directory.
//! - A batch is atomic within one tree only: all rows are in one tree, told apart by a prefix byte.
//! - A batch that fails halfway is visible to readers, and half of it may come back after a restart: the
//!   store then stops for good and takes away the marker file, without which it does not open again.
//! - A damaged file makes it return errors or panic, at open or at any later read: both are caught and
//!   become [`Error::NeedsRebuild`].
//! - Damage in what it wrote last is taken for an unfinished write, and an older state opens without a
//!   word: every commit is counted in a row, and the count at the last sync stands in the marker file. A
//!   store that opens with a smaller count has lost what was durable.
//! - Values beyond a few kilobytes leave the database file for files that are never fsynced: rows are
//!   small and longer ones are cut into chunks of [`MAX_VALUE_BYTES`] by whoever writes them.

use std::{
    collections::BTreeMap,
    fmt,
    fs::{self, File, TryLockError},
    io::{self, Write as _},
    ops::Bound,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use vestiary::digest::Sha256;

use crate::{
    codec::Field,
    draft::undecodable,
    error::{Error, Result},
};

/// Longest value to be stored, in bytes.
pub(crate) const MAX_VALUE_BYTES: usize = 4096;

/// Memory that sled may use for pages, in bytes.
const CACHE_BYTES: u64 = 256 << 20;

/// How often a lock is tried: an earlier open of this process may not have let go of the file yet.
const LOCK_ATTEMPTS: u32 = 25;
const LOCK_PAUSE: Duration = Duration::from_millis(20);

const ROWS_DIR: &str = "rows";
const LOCK_FILE: &str = "lock";
const WHOLE_FILE: &str = "whole";

/// Row of the number of commits; outside of every table.
const COMMITS_KEY: &[u8] = &[0xfe];

/// Writes to be made together: a value, or `None` to delete.
pub(crate) type Writes = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// A key and its value.
pub(crate) type KeyValue = (Vec<u8>, Vec<u8>);

/// An ordered key-value map on disk with atomic batches, one process at a time.
#[derive(Debug)]
pub(crate) struct Store {
    tree: sled::Db,
    database_file: File,
    rows_dir: File,
    /// Commits ever made.
    commits: AtomicU64,
    syncing: Mutex<()>,
    whole: PathBuf,
    /// Why nothing is read or written any more.
    stopped: OnceLock<String>,
    #[cfg(feature = "testing")]
    fails_next: std::sync::atomic::AtomicBool,
    /// Held for as long as the store lives; dropped last.
    _lock: File,
}

impl Store {
    /// Opens the store in `dir`, making it if there is none.
    pub(crate) fn open(dir: &Path) -> Result<Self> {
        fs::create_dir_all(dir)?;
        let lock = lock(dir)?;
        let (rows, whole) = (dir.join(ROWS_DIR), dir.join(WHOLE_FILE));
        let fresh = !rows.exists();
        let synced = if fresh { 0 } else { read_marker(&whole)? };
        let tree = open_tree(&rows)?;
        let database_file = File::open(rows.join("db"))?;
        let rows_dir = File::open(&rows)?;
        let store = Self {
            tree,
            database_file,
            rows_dir,
            commits: AtomicU64::new(0),
            syncing: Mutex::default(),
            whole,
            stopped: OnceLock::new(),
            #[cfg(feature = "testing")]
            fails_next: std::sync::atomic::AtomicBool::new(false),
            _lock: lock,
        };
        let commits = match store.get(COMMITS_KEY)? {
            None => 0,
            Some(count) => u64::read(&count).ok_or_else(|| undecodable("commit count"))?,
        };
        if commits < synced {
            return Err(Error::rebuild(format!(
                "it opens at commit {commits} and was durable at {synced}"
            )));
        }
        store.commits.store(commits, Ordering::Relaxed);
        if fresh {
            store.sync()?;
            sync_dir(dir)?;
        }
        Ok(store)
    }

    /// Deletes the rows in `dir`, whatever state they are in, and nothing else.
    pub(crate) fn wipe(dir: &Path) -> Result<()> {
        fs::create_dir_all(dir)?;
        let _lock = lock(dir)?;
        // In this order: rows without the marker are refused, a marker without rows is not looked at.
        for path in [dir.join(WHOLE_FILE), dir.join(ROWS_DIR)] {
            match fs::symlink_metadata(&path) {
                Ok(found) if found.is_dir() => fs::remove_dir_all(&path)?,
                Ok(_) => fs::remove_file(&path)?,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(sync_dir(dir)?)
    }

    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.guarded(|| self.tree.get(key).map(|value| value.map(|value| value.to_vec())))
    }

    /// Rows with keys in a range, in key order.
    pub(crate) fn range(self: &Arc<Self>, from: Bound<Vec<u8>>, end: Bound<Vec<u8>>) -> Rows {
        let iter = (!is_empty(&from, &end)).then(|| self.tree.range((from, end)));
        Rows {
            iter,
            store: Arc::clone(self),
        }
    }

    /// Rows whose key starts with `prefix`.
    pub(crate) fn prefixed(self: &Arc<Self>, prefix: &[u8]) -> Rows {
        self.range(Bound::Included(prefix.to_vec()), upper_bound(prefix))
    }

    /// The row with the largest key in a range.
    pub(crate) fn last(&self, from: Bound<Vec<u8>>, end: Bound<Vec<u8>>) -> Result<Option<KeyValue>> {
        if is_empty(&from, &end) {
            return Ok(None);
        }
        self.guarded(|| {
            self.tree
                .range((from, end))
                .next_back()
                .transpose()
                .map(|row| row.map(plain))
        })
    }

    /// Makes all of `writes` or none. An error here stops the store.
    pub(crate) fn commit(&self, writes: &Writes) -> Result<()> {
        let mut batch = sled::Batch::default();
        for (key, value) in writes {
            debug_assert!(value.as_ref().is_none_or(|value| value.len() <= MAX_VALUE_BYTES));
            match value {
                Some(value) => batch.insert(key.as_slice(), value.as_slice()),
                None => batch.remove(key.as_slice()),
            }
        }
        // There is one writer, the mirror's; a sync beside it may read the old count or the new one.
        let count = self.commits.load(Ordering::Relaxed) + 1;
        batch.insert(COMMITS_KEY, count.bytes());
        self.guarded(|| {
            self.fail_as_asked()?;
            self.tree.apply_batch(batch)
        })
        .inspect_err(|_| self.not_whole())?;
        self.commits.store(count, Ordering::Release);
        Ok(())
    }

    /// Returns when everything committed so far survives a power cut. An error stops the store: after a
    /// failed fsync nobody knows what is on the disk.
    pub(crate) fn sync(&self) -> Result<()> {
        let _one_at_a_time = self.syncing.lock().unwrap_or_else(PoisonError::into_inner);
        let commits = self.commits.load(Ordering::Acquire);
        self.guarded(|| {
            self.tree.flush()?;
            self.database_file.sync_data()?;
            self.rows_dir.sync_all()?;
            Ok(write_marker(&self.whole, commits)?)
        })
        .inspect_err(|_| self.not_whole())
    }

    /// Why nothing is read or written any more, if so.
    pub(crate) fn stopped(&self) -> Option<&str> {
        self.stopped.get().map(String::as_str)
    }

    /// Makes the next commit meet a full disk.
    #[cfg(feature = "testing")]
    pub(crate) fn fail_next_commit(&self) {
        self.fails_next.store(true, Ordering::SeqCst);
    }

    #[cfg(feature = "testing")]
    fn fail_as_asked(&self) -> sled::Result<()> {
        if self.fails_next.swap(false, Ordering::SeqCst) {
            return Err(io::Error::from(io::ErrorKind::StorageFull).into());
        }
        Ok(())
    }

    #[cfg(not(feature = "testing"))]
    #[expect(
        clippy::unused_self,
        clippy::unnecessary_wraps,
        reason = "it fails in tests only"
    )]
    fn fail_as_asked(&self) -> sled::Result<()> {
        Ok(())
    }

    /// Runs `act` unless the store has stopped, and stops it if `act` fails or panics.
    fn guarded<T>(&self, act: impl FnOnce() -> sled::Result<T>) -> Result<T> {
        if let Some(reason) = self.stopped.get() {
            return Err(Error::rebuild(reason.clone()));
        }
        let reason = match catch_unwind(AssertUnwindSafe(act)) {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "the database panicked".into(),
        };
        tracing::error!(%reason, "the mirror's store stopped");
        let _ = self.stopped.set(reason.clone());
        Err(Error::rebuild(reason))
    }

    /// Remembers on disk that a write may be there by half. Taking a file away works on a full disk.
    fn not_whole(&self) {
        if let Err(error) = fs::remove_file(&self.whole) {
            tracing::error!(%error, "the mirror's marker of whole writes cannot be removed");
        }
    }
}

/// Rows in key order; ends after an error.
pub(crate) struct Rows {
    /// `None` for an empty range. Dropped before the store.
    iter: Option<sled::Iter>,
    store: Arc<Store>,
}

impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rows")
    }
}

impl Iterator for Rows {
    type Item = Result<KeyValue>;

    fn next(&mut self) -> Option<Self::Item> {
        let iter = self.iter.as_mut()?;
        self.store
            .guarded(|| iter.next().transpose().map(|row| row.map(plain)))
            .transpose()
    }
}

fn plain((key, value): (sled::IVec, sled::IVec)) -> KeyValue {
    (key.to_vec(), value.to_vec())
}

/// The end of all keys that start with `prefix`.
pub(crate) fn upper_bound(prefix: &[u8]) -> Bound<Vec<u8>> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            return Bound::Excluded(end);
        }
    }
    Bound::Unbounded
}

/// Whether no key can lie in a range; sled is not asked about such ones.
fn is_empty(from: &Bound<Vec<u8>>, end: &Bound<Vec<u8>>) -> bool {
    match (from, end) {
        (Bound::Unbounded, _) | (_, Bound::Unbounded) => false,
        (Bound::Included(from), Bound::Included(end)) => from > end,
        (Bound::Included(from) | Bound::Excluded(from), Bound::Included(end) | Bound::Excluded(end)) => {
            from >= end
        }
    }
}

fn lock(dir: &Path) -> Result<File> {
    let path = dir.join(LOCK_FILE);
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)?;
    // A process that this one is just starting holds copies of its files until it runs its own program, so
    // a lock that was let go can look taken for a moment.
    for _ in 0..LOCK_ATTEMPTS {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => thread::sleep(LOCK_PAUSE),
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
    }
    Err(Error::Locked { path })
}

/// Opens sled in a thread of its own, because a damaged file can make it panic.
fn open_tree(rows: &Path) -> Result<sled::Db> {
    let mut attempt = 0;
    loop {
        // No background flusher: when something becomes durable is decided by `sync` alone.
        let config = sled::Config::new()
            .path(rows)
            .cache_capacity(CACHE_BYTES)
            .flush_every_ms(None);
        let opened = thread::Builder::new()
            .name("mirror-open".into())
            .spawn(move || config.open())?
            .join();
        match opened {
            Ok(Ok(tree)) => return Ok(tree),
            Ok(Err(sled::Error::Io(error))) if error.to_string().contains("could not acquire lock") => {
                attempt += 1;
                if attempt == LOCK_ATTEMPTS {
                    return Err(Error::Locked {
                        path: rows.join("db"),
                    });
                }
                thread::sleep(LOCK_PAUSE);
            }
            Ok(Err(sled::Error::Io(error)))
                if matches!(
                    error.kind(),
                    io::ErrorKind::PermissionDenied | io::ErrorKind::StorageFull
                ) =>
            {
                return Err(error.into());
            }
            Ok(Err(error)) => return Err(Error::rebuild(format!("the database does not open: {error}"))),
            Err(_) => return Err(Error::rebuild("the database panicked while it was opened")),
        }
    }
}

/// Writes the number of commits that are durable, in place: count and its SHA-256, 40 bytes.
fn write_marker(path: &Path, commits: u64) -> io::Result<()> {
    let mut file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)?;
    file.write_all(&(commits, Sha256::of(&commits.bytes())).bytes())?;
    file.sync_all()
}

/// The number of commits that were durable, if no write failed since.
fn read_marker(path: &Path) -> Result<u64> {
    match fs::read(path) {
        Ok(bytes) => <(u64, Sha256)>::read(&bytes)
            .filter(|(commits, digest)| *digest == Sha256::of(&commits.bytes()))
            .map(|(commits, _)| commits)
            .ok_or_else(|| Error::rebuild("its marker file is damaged")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(Error::rebuild("an earlier write failed halfway"))
        }
        Err(error) => Err(error.into()),
    }
}

fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(dir: &Path) -> Arc<Store> {
        Arc::new(Store::open(dir).unwrap())
    }

    fn write(key: &[u8], value: &[u8]) -> Writes {
        Writes::from([(key.to_vec(), Some(value.to_vec()))])
    }

    #[test]
    fn a_panic_inside_the_database_stops_the_store_and_is_no_panic_outside() {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path());
        store.commit(&write(b"a", b"1")).unwrap();
        let error = store
            .guarded(|| -> sled::Result<()> { panic!("made up") })
            .unwrap_err();
        assert_eq!(error.code(), "mirror_needs_rebuild");
        assert_eq!(store.get(b"a").unwrap_err().code(), "mirror_needs_rebuild");
        assert!(store.prefixed(b"").next().unwrap().is_err());
        assert!(store.last(Bound::Unbounded, Bound::Unbounded).is_err());
    }

    #[test]
    fn after_a_failed_write_the_store_does_not_open_until_it_is_wiped() {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path());
        store.commit(&write(b"a", b"1")).unwrap();
        store.stopped.set("the disk is full".into()).unwrap();
        assert!(store.commit(&write(b"b", b"2")).is_err());
        assert!(store.sync().is_err());
        drop(store);
        assert_eq!(
            Store::open(dir.path()).unwrap_err().code(),
            "mirror_needs_rebuild"
        );
        fs::write(dir.path().join("theirs"), "not ours").unwrap();
        Store::wipe(dir.path()).unwrap();
        assert_eq!(open(dir.path()).get(b"a").unwrap(), None);
        assert!(dir.path().join("theirs").exists(), "only our rows are deleted");
    }

    #[test]
    fn ranges_that_hold_no_key_are_empty() {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path());
        for key in [[1, 0], [1, 255], [2, 0], [255, 255]] {
            store.commit(&write(&key, b"")).unwrap();
        }
        let keys = |rows: Rows| rows.map(|row| row.unwrap().0).collect::<Vec<_>>();
        assert_eq!(keys(store.prefixed(&[1])), [[1, 0], [1, 255]]);
        assert_eq!(keys(store.prefixed(&[255])), [[255, 255]]);
        let backwards = || (Bound::Excluded(vec![2]), Bound::Excluded(vec![1]));
        assert!(keys(store.range(backwards().0, backwards().1)).is_empty());
        assert!(store.last(backwards().0, backwards().1).unwrap().is_none());
        let last = store
            .last(Bound::Included(vec![1]), upper_bound(&[1]))
            .unwrap()
            .unwrap();
        assert_eq!(last.0, [1, 255]);
    }
}
