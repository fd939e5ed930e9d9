//! The content store: files named by what is in them.
//!
//! ```text
//! lock                       held by the one process that writes
//! incoming/                  files on their way in
//! files/<2 hex>/<64 hex>     the bytes, named by their SHA-256
//! records/<2 hex>/<64 hex>   what is known about them, and the digests of their chunks
//! cids/<2 last>/<cid>        for files of more than one chunk: content id → SHA-256
//! damaged/<64 hex>-<n>       what was found not to be what its name says
//! ```
//!
//! `files/` is the truth; `records/` and `cids/` follow from it ([`ContentStore::rebuild`]). The
//! content id of a file of one chunk holds its SHA-256, so it needs no index.
//!
//! **Every byte is checked before it is served.** The record keeps the SHA-256 of each 1 MiB chunk: the
//! leaves of the tree that the content id names. Opening a file recomputes the content id from that
//! list; reading a range reads and hashes the chunks it touches, whole, and serves nothing of a chunk
//! that differs. So a range of a large file costs a few chunks, nothing has to be cached, and a byte
//! that flips while the process runs is found as well.

mod incoming;
mod record;
mod sniff;
mod stored;

use std::{
    io::Read,
    path::{Path, PathBuf},
    sync::Arc,
};

use vestiary::digest::Sha256;
use vestiary_log::{
    FileError,
    files::{Files, Lock, parent},
};

pub use incoming::Incoming;
pub use record::FileRecord;
pub use sniff::{MAX_TEXT_BYTES, sniff};
pub use stored::StoredFile;

use crate::{
    Error,
    cid::{Cid, Codec, Hasher, UNIXFS_V1_2025},
};
use record::Record;

/// Size of a file at most: 32 MiB.
pub const MAX_FILE_BYTES: u64 = 32 << 20;
/// Bytes that are read from a source at a time.
const PIECE_BYTES: usize = 64 << 10;
/// Entries of one answer of [`ContentStore::list`].
pub const MAX_LISTED: usize = 1_000;

/// What an uploader says beforehand. What is said is held against what comes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Declared {
    /// The digest of the bytes.
    pub sha256: Option<Sha256>,
    /// How many bytes there will be: refused at once if too many, and if it turns out otherwise.
    pub bytes: Option<u64>,
}

/// The store. Cheap to share behind an [`Arc`]; all methods block on the file system.
#[derive(Debug)]
pub struct ContentStore {
    files: Arc<dyn Files>,
    dir: PathBuf,
    /// `None`: opened for reading only.
    _lock: Option<Box<dyn Lock>>,
}

/// What [`ContentStore::scan`] and [`ContentStore::rebuild`] found.
#[derive(Debug, Default)]
pub struct Scan {
    /// Files whose every byte is as it was written.
    pub intact: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Records and index entries that were missing or damaged (and, by `rebuild`, written again).
    pub derived_missing: u64,
    /// Which ones those are.
    pub derived: Vec<PathBuf>,
    /// Files that are not what their name says.
    pub damaged: Vec<PathBuf>,
}

impl ContentStore {
    /// Opens the store for reading and writing, creating it where there is none. Only one process
    /// can: [`FileError::Locked`] otherwise. What an interrupted upload left is removed.
    pub fn open(files: Arc<dyn Files>, dir: &Path) -> Result<Self, Error> {
        for part in ["incoming", "files", "records", "cids", "damaged"] {
            files.create_dir_all(&dir.join(part))?;
        }
        let lock = files.lock(&dir.join("lock"))?;
        files.remove_leftovers(&dir.join("incoming"))?;
        for part in ["records", "cids"] {
            for shard in files.list(&dir.join(part))?.iter().filter(|listed| listed.is_dir) {
                files.remove_leftovers(&dir.join(part).join(&shard.name))?;
            }
        }
        Ok(Self {
            files,
            dir: dir.to_owned(),
            _lock: Some(lock),
        })
    }

    /// Opens a store that another process may be writing, for reading.
    pub fn open_read_only(files: Arc<dyn Files>, dir: &Path) -> Result<Self, Error> {
        files.list(&dir.join("files"))?;
        Ok(Self {
            files,
            dir: dir.to_owned(),
            _lock: None,
        })
    }

    /// Begins a file that comes in pieces.
    pub fn begin(&self, declared: Declared) -> Result<Incoming<'_>, Error> {
        Incoming::begin(self, declared)
    }

    /// Puts everything that `source` yields. Durable on return; putting the same bytes twice is fine.
    pub fn put(&self, mut source: impl Read, declared: Declared) -> Result<FileRecord, Error> {
        let mut incoming = self.begin(declared)?;
        let mut piece = vec![0; PIECE_BYTES];
        loop {
            match source.read(&mut piece) {
                Ok(0) => return incoming.finish(),
                Ok(read) => incoming.write(&piece[..read])?,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::Source(error)),
            }
        }
    }

    /// Opens a file by its SHA-256.
    pub fn get(&self, sha256: &Sha256) -> Result<StoredFile, Error> {
        let path = self.file_path(sha256);
        let handle = self
            .files
            .open_read(&path)
            .map_err(|error| not_found(error, sha256))?;
        // A record that is missing or damaged follows from the bytes.
        let record = match self.read_record(sha256) {
            Ok(record) => record,
            Err(Error::Damaged { .. } | Error::NotFound { .. }) => self.derive(sha256)?,
            Err(error) => return Err(error),
        };
        StoredFile::new(record, handle, path)
    }

    /// Opens a file by its content id (profile `unixfs-v1-2025`).
    pub fn get_cid(&self, cid: &Cid) -> Result<StoredFile, Error> {
        let missing = || Error::NotFound {
            name: cid.to_string(),
        };
        let sha256 = match cid.codec {
            Codec::Raw => cid.digest,
            Codec::DagPb => {
                let path = self.cid_path(cid);
                let line = self
                    .files
                    .read(&path, 128)
                    .map_err(|error| not_found(error, cid))?;
                let text = std::str::from_utf8(&line)
                    .ok()
                    .and_then(|line| line.strip_suffix('\n'));
                let damaged = Error::Damaged {
                    path,
                    what: "the index entry is not a digest",
                };
                text.and_then(|text| text.parse().ok()).ok_or(damaged)?
            }
        };
        let file = self.get(&sha256).map_err(|error| match error {
            Error::NotFound { .. } => missing(),
            error => error,
        })?;
        // A raw content id can also be that of one chunk of another profile's file.
        if file.record().cid == *cid {
            Ok(file)
        } else {
            Err(missing())
        }
    }

    /// What is known about a file, without opening it for reading.
    pub fn record(&self, sha256: &Sha256) -> Result<FileRecord, Error> {
        self.get(sha256).map(|file| file.record().clone())
    }

    /// Digests of the files, in order, after one of them; at most [`MAX_LISTED`] and `limit`.
    pub fn list(&self, after: Option<&Sha256>, limit: usize) -> Result<Vec<Sha256>, Error> {
        let limit = limit.min(MAX_LISTED);
        let after = after.map(Sha256::hex).unwrap_or_default();
        let mut found = Vec::new();
        let root = self.dir.join("files");
        for shard in self.files.list(&root)? {
            if !shard.is_dir || found.len() >= limit || *shard.name < after[..after.len().min(2)] {
                continue;
            }
            let names = self.files.list(&root.join(&shard.name))?;
            let names = names.into_iter().filter(|listed| listed.name > after);
            found.extend(names.filter_map(|listed| Sha256::from_hex(&listed.name).ok()));
        }
        found.truncate(limit);
        Ok(found)
    }

    /// Reads every byte of every file and says what is not as it was written. Changes nothing.
    pub fn scan(&self) -> Result<Scan, Error> {
        self.walk(|sha256| {
            let record = self.derive(sha256)?;
            let wrong = self.wrong_derived(&record);
            Ok((record, wrong))
        })
    }

    /// Makes records and index again from the files. Damaged files are named and left as they are.
    pub fn rebuild(&self) -> Result<Scan, Error> {
        self.walk(|sha256| {
            let record = self.derive(sha256)?;
            let wrong = self.wrong_derived(&record);
            if !wrong.is_empty() {
                self.write_record(&record)?;
            }
            Ok((record, wrong))
        })
    }

    fn walk(
        &self,
        mut look: impl FnMut(&Sha256) -> Result<(Record, Vec<PathBuf>), Error>,
    ) -> Result<Scan, Error> {
        let mut scan = Scan::default();
        let mut last = None;
        loop {
            let names = self.list(last.as_ref(), MAX_LISTED)?;
            let Some(end) = names.last() else { return Ok(scan) };
            last = Some(*end);
            for sha256 in &names {
                match look(sha256) {
                    Ok((record, mut wrong)) => {
                        scan.intact += 1;
                        scan.bytes += record.file.bytes;
                        scan.derived_missing += u64::from(!wrong.is_empty());
                        scan.derived.append(&mut wrong);
                    }
                    Err(Error::Damaged { path, .. }) => scan.damaged.push(path),
                    Err(error) => return Err(error),
                }
            }
        }
    }

    /// Reads a file whole and works out its record; [`Error::Damaged`] if it is not what its name says.
    fn derive(&self, sha256: &Sha256) -> Result<Record, Error> {
        let path = self.file_path(sha256);
        let bytes = match self.files.read(&path, MAX_FILE_BYTES) {
            Err(FileError::TooLarge { path, .. }) => {
                return Err(Error::Damaged {
                    path,
                    what: "it grew",
                });
            }
            read => read.map_err(|error| not_found(error, sha256))?,
        };
        if Sha256::of(&bytes) != *sha256 {
            return Err(Error::Damaged {
                path,
                what: "its SHA-256 is not its name",
            });
        }
        let mut hasher = Hasher::new(UNIXFS_V1_2025);
        hasher.update(&bytes);
        let media_type = sniff(&bytes).ok_or(Error::Damaged {
            path,
            what: "its media type is unknown",
        })?;
        Ok(Record::new(*sha256, hasher.finish(), media_type))
    }

    fn read_record(&self, sha256: &Sha256) -> Result<Record, Error> {
        let path = self.record_path(sha256);
        let bytes = match self.files.read(&path, record::MAX_RECORD_BYTES) {
            Err(FileError::TooLarge { path, .. }) => {
                return Err(Error::Damaged {
                    path,
                    what: "it grew",
                });
            }
            read => read.map_err(|error| not_found(error, sha256))?,
        };
        Record::parse(&bytes, sha256).map_err(|what| Error::Damaged { path, what })
    }

    /// Writes a record and, where one is needed, the index entry. Durable on return.
    fn write_record(&self, record: &Record) -> Result<(), Error> {
        let sha256 = record.file.sha256;
        self.put_derived(&self.record_path(&sha256), &record.to_bytes(), &sha256)?;
        if record.file.cid.codec == Codec::DagPb {
            let line = format!("{sha256}\n");
            self.put_derived(&self.cid_path(&record.file.cid), line.as_bytes(), &sha256)?;
        }
        Ok(())
    }

    /// Puts bytes that follow from a file; other bytes under the name can only be damage.
    fn put_derived(&self, path: &Path, bytes: &[u8], sha256: &Sha256) -> Result<(), Error> {
        self.files.create_dir_all(parent(path))?;
        match self.files.put_if_absent(path, bytes) {
            Err(FileError::Different { .. }) => {
                self.set_aside(path, sha256)?;
                self.files.put_if_absent(path, bytes)?;
            }
            put => _ = put?,
        }
        Ok(())
    }

    /// Moves something damaged out of the way, keeping it for whoever asks what happened.
    fn set_aside(&self, path: &Path, sha256: &Sha256) -> Result<(), Error> {
        let dir = self.dir.join("damaged");
        let count = self.files.list(&dir)?.len();
        tracing::warn!(path = %path.display(), "damaged file set aside");
        self.files
            .rename(path, &dir.join(format!("{}-{count}", sha256.hex())))?;
        self.files.sync_dir(parent(path))?;
        Ok(self.files.sync_dir(&dir)?)
    }

    /// The files that follow from this one and are missing or not what they should be.
    fn wrong_derived(&self, record: &Record) -> Vec<PathBuf> {
        let sha256 = record.file.sha256;
        let mut wrong = Vec::new();
        if !self.read_record(&sha256).is_ok_and(|kept| kept == *record) {
            wrong.push(self.record_path(&sha256));
        }
        let index = self.cid_path(&record.file.cid);
        let is_right = || {
            let line = self.files.read(&index, 128);
            line.is_ok_and(|line| line == format!("{sha256}\n").as_bytes())
        };
        if record.file.cid.codec == Codec::DagPb && !is_right() {
            wrong.push(index);
        }
        wrong
    }

    fn file_path(&self, sha256: &Sha256) -> PathBuf {
        self.sharded("files", &sha256.hex(), |name| &name[..2])
    }

    fn record_path(&self, sha256: &Sha256) -> PathBuf {
        self.sharded("records", &sha256.hex(), |name| &name[..2])
    }

    fn cid_path(&self, cid: &Cid) -> PathBuf {
        // All begin alike; the end varies.
        self.sharded("cids", &cid.to_string(), |name| {
            &name[name.len() - 3..name.len() - 1]
        })
    }

    fn sharded(&self, kind: &str, name: &str, shard: impl Fn(&str) -> &str) -> PathBuf {
        self.dir.join(kind).join(shard(name)).join(name)
    }
}

fn not_found(error: FileError, name: &dyn std::fmt::Display) -> Error {
    if error.is_missing() {
        Error::NotFound {
            name: name.to_string(),
        }
    } else {
        error.into()
    }
}
