//! Reading a log: every hash and every entry is verified against the checkpoint before it is given
//! out, so that a damaged file is named and never served.

use std::collections::{HashMap, VecDeque};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use vestiary_tlog::tile::{self, MAX_TILE_LEVEL, TILE_WIDTH, TileHashes, TileReader};
use vestiary_tlog::{BundleId, Checkpoint, HASH_BYTES, Hash, Tile, TileId, VerifierKey, leaf_hash, proof};

use super::edge::{Edge, fold};
use super::fsck::fsck_at;
use super::{Newest, Published, RESTORE};
use crate::error::{FileError, LogError};
use crate::files::Files;

/// Most verified tiles kept in memory: 8 KiB each.
pub(super) const MAX_CACHED_TILES: usize = 512;

const REDERIVE: &str = "hash tiles are made from the entries: repair them, or restore the file from a copy";

/// Reads a log. Cheap to clone; calls block on the disk.
#[derive(Clone, Debug)]
pub struct LogReader {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    files: Arc<dyn Files>,
    dir: PathBuf,
    key: VerifierKey,
    newest: Arc<Newest>,
    /// Whether the writer is elsewhere, so that the checkpoint file has to be looked at.
    follows_file: bool,
    verified: Mutex<Verified>,
}

/// What was verified already.
#[derive(Debug, Default)]
struct Verified {
    edge: Option<Arc<Edge>>,
    /// What was found wrong with the edge of a checkpoint: finding it read the whole log, which is
    /// not for every request to repeat.
    damaged: Option<(Checkpoint, LogError)>,
    tiles: HashMap<(u8, u64), Arc<Tile>>,
    order: VecDeque<(u8, u64)>,
}

impl LogReader {
    /// A reader of a log that another process writes. Its checkpoint must verify under `key`.
    pub fn open(files: Arc<dyn Files>, dir: &Path, key: VerifierKey) -> Result<Self, LogError> {
        let newest = Newest::new(Arc::new(Published::read(&*files, dir, &key)?));
        Ok(Self::new(files, dir, key, newest, true))
    }

    pub(super) fn of_writer(
        files: Arc<dyn Files>,
        dir: &Path,
        key: VerifierKey,
        newest: Arc<Newest>,
    ) -> Self {
        Self::new(files, dir, key, newest, false)
    }

    fn new(
        files: Arc<dyn Files>,
        dir: &Path,
        key: VerifierKey,
        newest: Arc<Newest>,
        follows_file: bool,
    ) -> Self {
        let (dir, verified) = (dir.to_owned(), Mutex::default());
        Self {
            shared: Arc::new(Shared {
                files,
                dir,
                key,
                newest,
                follows_file,
                verified,
            }),
        }
    }

    /// The key that the log's checkpoints verify under.
    pub fn verifier_key(&self) -> &VerifierKey {
        &self.shared.key
    }

    /// The newest checkpoint. A reader of another process's log reads the file again and refuses
    /// one that is older than what it saw, or another of the same size.
    pub fn published(&self) -> Result<Arc<Published>, LogError> {
        let known = self.shared.newest.get();
        if !self.shared.follows_file {
            return Ok(known);
        }
        let bytes = Published::read_file(&*self.shared.files, &self.shared.dir)?;
        if bytes == known.bytes {
            return Ok(known);
        }
        let found = Arc::new(Published::verify_file(bytes, &self.shared.dir, &self.shared.key)?);
        let (old, new) = (&known.checkpoint, &found.checkpoint);
        if new.size() < old.size() || (new.size() == old.size() && new.root() != old.root()) {
            return Err(LogError::RolledBack {
                file: self.shared.dir.join(super::CHECKPOINT),
                found: new.size(),
                known: old.size(),
            });
        }
        self.shared.newest.set(found.clone());
        Ok(found)
    }

    /// One entry.
    pub fn entry(&self, index: u64) -> Result<Vec<u8>, LogError> {
        let published = self.published()?;
        let size = published.checkpoint.size();
        if index >= size {
            return Err(LogError::NotPublished {
                what: format!("entry {index}"),
                size,
            });
        }
        let (width, place) = (u64::from(TILE_WIDTH), index % u64::from(TILE_WIDTH));
        let mut entries = self.bundle_entries(&published.checkpoint, index / width)?;
        Ok(entries.swap_remove(usize::try_from(place).unwrap_or(0)))
    }

    /// The entries of a range of indexes, in order, read bundle by bundle as they are asked for.
    pub fn entries(&self, range: Range<u64>) -> Entries {
        Entries {
            reader: self.clone(),
            range,
            bundle: None,
        }
    }

    /// A file of the log by its tlog-tiles path, as HTTP serves it: `checkpoint`,
    /// `tile/<level>/<index>[.p/<width>]` or `tile/entries/<index>[.p/<width>]`.
    ///
    /// A partial tile of any earlier size is the beginning of what is there now.
    pub fn file(&self, path: &str) -> Result<Vec<u8>, LogError> {
        let published = self.published()?;
        if path == super::CHECKPOINT {
            return Ok(published.bytes.clone());
        }
        let size = published.checkpoint.size();
        let not_published = || LogError::NotPublished {
            what: path.to_owned(),
            size,
        };
        if let Ok(id) = path.parse::<BundleId>() {
            let now = BundleId::in_tree(id.index(), size).filter(|now| now.width() >= id.width());
            now.ok_or_else(not_published)?;
            let entries = self.bundle_entries(&published.checkpoint, id.index())?;
            return Ok(tile::encode_bundle(&entries[..usize::from(id.width())])?);
        }
        let id = path.parse::<TileId>().map_err(|_| not_published())?;
        let now = TileId::in_tree(id.level(), id.index(), size).filter(|now| now.width() >= id.width());
        let tile = self.tile(&published.checkpoint, now.ok_or_else(not_published)?)?;
        let mut bytes = tile.to_bytes();
        bytes.truncate(usize::from(id.width()) * HASH_BYTES);
        Ok(bytes)
    }

    /// The hash of entry `index` and the proof that it is in the log's first `size` entries.
    pub fn inclusion(&self, index: u64, size: u64) -> Result<(Hash, Vec<Hash>), LogError> {
        let checkpoint = self.checkpoint_of_at_least(size)?;
        let hashes = TileHashes::new(
            checkpoint.size(),
            Tiles {
                reader: self,
                checkpoint: &checkpoint,
            },
        );
        let path = proof::inclusion(index, size, &hashes)?;
        let leaf = proof::HashReader::hashes(&hashes, &[vestiary_tlog::Node { level: 0, index }])?;
        Ok((leaf[0], path))
    }

    /// The proof that the first `old_size` entries are a prefix of the first `size`.
    pub fn consistency(&self, old_size: u64, size: u64) -> Result<Vec<Hash>, LogError> {
        let checkpoint = self.checkpoint_of_at_least(size)?;
        let hashes = TileHashes::new(
            checkpoint.size(),
            Tiles {
                reader: self,
                checkpoint: &checkpoint,
            },
        );
        proof::consistency(old_size, size, &hashes)
    }

    /// The root of the first `size` entries.
    pub fn root(&self, size: u64) -> Result<Hash, LogError> {
        let checkpoint = self.checkpoint_of_at_least(size)?;
        let hashes = TileHashes::new(
            checkpoint.size(),
            Tiles {
                reader: self,
                checkpoint: &checkpoint,
            },
        );
        proof::root(size, &hashes)
    }

    fn checkpoint_of_at_least(&self, size: u64) -> Result<Checkpoint, LogError> {
        let published = self.published()?;
        if size > published.checkpoint.size() {
            let (what, size) = (format!("size {size}"), published.checkpoint.size());
            return Err(LogError::NotPublished { what, size });
        }
        Ok(published.checkpoint.clone())
    }

    fn bundle_entries(&self, checkpoint: &Checkpoint, index: u64) -> Result<Vec<Vec<u8>>, LogError> {
        let id = TileId::in_tree(0, index, checkpoint.size()).ok_or_else(|| LogError::NotPublished {
            what: format!("entry bundle {index}"),
            size: checkpoint.size(),
        })?;
        let leaves = self.tile(checkpoint, id)?;
        let bytes = read_bundle(&*self.shared.files, &self.shared.dir, index, leaves.hashes())?;
        let entries = tile::parse_bundle(&bytes, id.width())?;
        Ok(entries.into_iter().map(<[u8]>::to_vec).collect())
    }

    /// A tile of the tree of this checkpoint, verified up to its root.
    fn tile(&self, checkpoint: &Checkpoint, id: TileId) -> Result<Arc<Tile>, LogError> {
        if !id.is_full() {
            let edge = self.edge(checkpoint)?;
            return Ok(Arc::new(Tile::new(id, edge.level(id.level()).to_vec())?));
        }
        let place = (id.level(), id.index());
        if let Some(tile) = self.verified().tiles.get(&place) {
            return Ok(tile.clone());
        }
        // A full tile's hash stands in the tile above it, which is verified first.
        let (width, above) = (u64::from(TILE_WIDTH), id.level() + 1);
        let parent = TileId::in_tree(above, id.index() / width, checkpoint.size());
        let parent = self.tile(checkpoint, parent.ok_or_else(|| outside(id, checkpoint))?)?;
        let slot = usize::try_from(id.index() % width).unwrap_or(0);
        let expected = parent.hashes().get(slot).ok_or_else(|| outside(id, checkpoint))?;
        let (file, tile) = read_tile(&*self.shared.files, &self.shared.dir, id)?;
        if fold(tile.hashes()) != *expected {
            return Err(damaged_tile(
                file,
                "its hashes do not lead to the checkpoint's root",
            ));
        }
        let tile = Arc::new(tile);
        let mut verified = self.verified();
        if verified.tiles.insert(place, tile.clone()).is_none() {
            verified.order.push_back(place);
        }
        if verified.order.len() > MAX_CACHED_TILES
            && let Some(oldest) = verified.order.pop_front()
        {
            verified.tiles.remove(&oldest);
        }
        Ok(tile)
    }

    fn edge(&self, checkpoint: &Checkpoint) -> Result<Arc<Edge>, LogError> {
        let known = self.verified().edge.clone();
        if let Some(edge) = known.filter(|edge| edge.size() == checkpoint.size()) {
            return Ok(edge);
        }
        if let Some((_, error)) = self.verified().damaged.clone().filter(|(at, _)| at == checkpoint) {
            return Err(error);
        }
        match load_edge(&*self.shared.files, &self.shared.dir, checkpoint) {
            Ok(edge) => {
                let edge = Arc::new(edge);
                self.verified().edge = Some(edge.clone());
                Ok(edge)
            }
            Err(error) => {
                if matches!(error, LogError::Damaged { .. }) {
                    self.verified().damaged = Some((checkpoint.clone(), error.clone()));
                }
                Err(error)
            }
        }
    }

    fn verified(&self) -> MutexGuard<'_, Verified> {
        self.shared
            .verified
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Entries with their indexes: [`LogReader::entries`]. Ends after the first error.
#[derive(Debug)]
pub struct Entries {
    reader: LogReader,
    range: Range<u64>,
    bundle: Option<(u64, Vec<Vec<u8>>)>,
}

impl Entries {
    fn read(&mut self, index: u64) -> Result<(u64, Vec<u8>), LogError> {
        let (bundle_index, place) = (index / u64::from(TILE_WIDTH), index % u64::from(TILE_WIDTH));
        let place = usize::try_from(place).unwrap_or(0);
        let published = self.reader.published()?;
        let size = published.checkpoint.size();
        if index >= size {
            return Err(LogError::NotPublished {
                what: format!("entry {index}"),
                size,
            });
        }
        // An incomplete bundle may have grown since it was read.
        let known = self
            .bundle
            .as_ref()
            .filter(|(of, known)| *of == bundle_index && known.len() > place);
        if known.is_none() {
            let entries = self.reader.bundle_entries(&published.checkpoint, bundle_index)?;
            self.bundle = Some((bundle_index, entries));
        }
        let entry = self
            .bundle
            .as_mut()
            .and_then(|(_, entries)| entries.get_mut(place));
        Ok((index, entry.map(std::mem::take).unwrap_or_default()))
    }
}

impl Iterator for Entries {
    type Item = Result<(u64, Vec<u8>), LogError>;

    fn next(&mut self) -> Option<Self::Item> {
        let index = self.range.next()?;
        let entry = self.read(index);
        if entry.is_err() {
            self.range = 0..0;
        }
        Some(entry)
    }
}

/// The verified tiles of one checkpoint, for proofs.
struct Tiles<'a> {
    reader: &'a LogReader,
    checkpoint: &'a Checkpoint,
}

impl TileReader for Tiles<'_> {
    type Error = LogError;

    fn tile(&self, id: TileId) -> Result<Vec<u8>, LogError> {
        Ok(self.reader.tile(self.checkpoint, id)?.to_bytes())
    }
}

fn outside(id: TileId, checkpoint: &Checkpoint) -> LogError {
    LogError::NotPublished {
        what: id.path(),
        size: checkpoint.size(),
    }
}

fn damaged_tile(file: PathBuf, what: &str) -> LogError {
    LogError::Damaged {
        file,
        what: what.to_owned(),
        remedy: REDERIVE,
    }
}

/// Reads a file of the log, or the full tile when the partial one was removed since; returns which.
fn read_either(
    files: &dyn Files,
    dir: &Path,
    [exact, full]: [String; 2],
    max_bytes: u64,
) -> Result<(PathBuf, Vec<u8>), LogError> {
    let damaged = |file: &Path, what: &str| LogError::Damaged {
        file: file.to_owned(),
        what: what.to_owned(),
        remedy: RESTORE,
    };
    for path in [&exact, &full] {
        let file = dir.join(path);
        match files.read(&file, max_bytes) {
            Ok(bytes) => return Ok((file, bytes)),
            Err(FileError::Missing { .. }) => {}
            Err(FileError::TooLarge { .. }) => return Err(damaged(&file, "longer than it can be")),
            Err(error) => return Err(error.into()),
        }
    }
    Err(damaged(&dir.join(exact), "missing"))
}

/// Reads a tile; nothing is verified but its length.
pub(super) fn read_tile(files: &dyn Files, dir: &Path, id: TileId) -> Result<(PathBuf, Tile), LogError> {
    let full_bytes = usize::from(TILE_WIDTH) * HASH_BYTES;
    let paths = [id.path(), id.full().path()];
    let (file, mut bytes) = read_either(files, dir, paths, full_bytes as u64)?;
    let is_full_file = file == dir.join(id.full().path());
    let expected = if is_full_file {
        full_bytes
    } else {
        usize::from(id.width()) * HASH_BYTES
    };
    if bytes.len() != expected {
        return Err(damaged_tile(file, "not of the length that its name says"));
    }
    bytes.truncate(usize::from(id.width()) * HASH_BYTES);
    Ok((file, Tile::parse(id, &bytes)?))
}

/// Reads the entries whose hashes are `leaves`, encoded as a bundle, verified one by one.
pub(super) fn read_bundle(
    files: &dyn Files,
    dir: &Path,
    index: u64,
    leaves: &[Hash],
) -> Result<Vec<u8>, LogError> {
    let id = BundleId::new(index, u16::try_from(leaves.len()).unwrap_or(u16::MAX))?;
    let paths = [id.path(), id.full().path()];
    let (file, mut bytes) = read_either(files, dir, paths, tile::MAX_BUNDLE_BYTES as u64)?;
    let is_full_file = file == dir.join(id.full().path());
    let damaged = |what: String| LogError::Damaged {
        file: file.clone(),
        what,
        remedy: RESTORE,
    };
    let width = if is_full_file { TILE_WIDTH } else { id.width() };
    let entries = tile::parse_bundle(&bytes, width).map_err(|error| damaged(error.to_string()))?;
    let mut used = 0;
    for (place, (leaf, entry)) in leaves.iter().zip(&entries).enumerate() {
        if leaf_hash(entry) != *leaf {
            let index = index * u64::from(TILE_WIDTH) + place as u64;
            return Err(damaged(format!(
                "entry {index} is not the one that the log's tiles name"
            )));
        }
        used += entry.len() + 2;
    }
    bytes.truncate(used);
    Ok(bytes)
}

/// Reads the incomplete tiles of a tree and checks that they lead to its root. When they do not,
/// reads the whole log to name the file.
pub(super) fn load_edge(files: &dyn Files, dir: &Path, checkpoint: &Checkpoint) -> Result<Edge, LogError> {
    match read_edge(files, dir, checkpoint.size()) {
        Ok(edge) if edge.root() == checkpoint.root() => Ok(edge),
        Ok(_) => {
            fsck_at(files, dir, checkpoint)?.into_result()?;
            Err(damaged_tile(
                dir.join("tile"),
                "the last tiles do not lead to the checkpoint's root",
            ))
        }
        Err(error) => Err(error),
    }
}

/// Reads the incomplete tiles of a tree; nothing is verified but their length.
pub(super) fn read_edge(files: &dyn Files, dir: &Path, size: u64) -> Result<Edge, LogError> {
    let mut levels = Vec::new();
    for level in 0..=MAX_TILE_LEVEL {
        let hashes = size >> (8 * u32::from(level));
        if hashes == 0 {
            break;
        }
        let last = TileId::in_tree(level, hashes / u64::from(TILE_WIDTH), size);
        levels.push(match last {
            Some(id) => read_tile(files, dir, id)?.1.hashes().to_vec(),
            None => Vec::new(),
        });
    }
    Ok(Edge::new(size, levels))
}
