//! The one writer: stages, signs, publishes; and at start finishes what a crash left.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use vestiary_tlog::{BundleId, Checkpoint, Hash, Tile, VerifierKey, leaf_hash, tile};

use super::base;
use super::edge::Edge;
use super::fsck::fsck_at;
use super::reader::LogReader;
use super::{
    Appended, CHECKPOINT, CheckpointSigner, MAX_BATCH_BYTES, MAX_BATCH_ENTRIES, MAX_ENTRY_BYTES, Newest,
    Published, RESTORE, STAGING_BYTES, staging,
};
use crate::error::{FileError, LogError};
use crate::files::{Durability, Files, parent};
use crate::journal::{Journal, Replay};
use crate::points;

/// The writer of a log. Calls block until the disk has answered: [`super::LogHandle`] gives it a
/// thread.
#[derive(Debug)]
pub struct LogWriter {
    files: Arc<dyn Files>,
    dir: PathBuf,
    signer: Arc<dyn CheckpointSigner>,
    key: VerifierKey,
    /// The commit point: what is in here is in the log, whatever happens next.
    staging: Journal,
    edge: Edge,
    /// The entries of the incomplete bundle, encoded.
    bundle: Vec<u8>,
    published: Arc<Published>,
    newest: Arc<Newest>,
    /// Files of the log written since they were last made durable, and the directories to sync with them.
    dirty: BTreeSet<PathBuf>,
    known_dirs: BTreeSet<PathBuf>,
    stopped: Option<String>,
}

/// A tree with a batch in it that is not the log's yet.
struct Grown {
    edge: Edge,
    bundle: Vec<u8>,
    /// What was written for it. If the batch fails these are no files of the log, and a full one among them must
    /// not take the place of partial ones that are.
    files: Vec<PathBuf>,
}

impl LogWriter {
    /// Becomes the writer of the log in `dir`, creating it when there is none.
    ///
    /// Finishes or discards what a crash left, with the code that appends; on return everything is
    /// durable. Refuses a log whose files do not agree with its checkpoint, naming the file.
    pub fn open(
        files: Arc<dyn Files>,
        dir: &Path,
        signer: Arc<dyn CheckpointSigner>,
    ) -> Result<Self, LogError> {
        files.create_dir_all(dir)?;
        let key = signer.verifier_key();
        let (staging, replay) = Journal::open(files.clone(), &dir.join("staging"))?;
        files.remove_leftovers(dir)?;
        let is_new = replay.snapshot.is_none() && replay.records.is_empty();
        let found = match Published::read(&*files, dir, &key) {
            Ok(found) => Some(found),
            Err(LogError::Files(error)) if error.is_missing() => None,
            // It is replaced without a sync of its own, so a power cut may leave half of one; what
            // is staged tells what it has to be.
            Err(LogError::Damaged { .. }) if !is_new => None,
            Err(error) => return Err(error),
        };
        let base = match (&replay.snapshot, &found) {
            (Some(snapshot), _) => Some(base::settled(dir, &key, snapshot.state.clone())?),
            (None, Some(found)) if is_new => {
                // A copy of the public files only: believed after every file of it was read.
                fsck_at(&*files, dir, &found.checkpoint)?.into_result()?;
                Some(found.clone())
            }
            (None, _) => None,
        };
        if is_new && base.is_none() && files.list(dir)?.iter().any(|listed| listed.name == "tile") {
            return Err(LogError::Damaged {
                file: dir.join(CHECKPOINT),
                what: "missing, but there are tiles".to_owned(),
                remedy: RESTORE,
            });
        }
        let (edge, bundle) = match (&base, &found) {
            (Some(base), _) => base::load(&*files, dir, &base.checkpoint)?,
            (None, Some(found)) => base::load_unsettled(&*files, dir, &replay, &found.checkpoint)?,
            (None, None) => (Edge::default(), Vec::new()),
        };
        // Nothing settled yet: what was found stands in until the staged entries have confirmed it. To
        // sign the empty tree again would ask the signer for a size below one that it signed.
        let published = Arc::new(match (base, &found) {
            (Some(base), _) => base,
            (None, Some(found)) => found.clone(),
            (None, None) => sign(&*signer, &key, &edge)?,
        });
        let newest = Newest::new(published.clone());
        let (dirty, known_dirs) = (BTreeSet::new(), BTreeSet::new());
        let dir = dir.to_owned();
        let mut writer = Self {
            files,
            dir,
            signer,
            key,
            staging,
            edge,
            bundle,
            published,
            newest,
            dirty,
            known_dirs,
            stopped: None,
        };
        writer.recover(&replay, found)?;
        Ok(writer)
    }

    /// Appends entries as one batch: all of them in one checkpoint, in this order, and durable on
    /// return.
    pub fn append(&mut self, entries: &[Vec<u8>]) -> Result<Appended, LogError> {
        self.check_running()?;
        check_batch(entries)?;
        let first_index = self.edge.size();
        if entries.is_empty() {
            return Ok(Appended {
                first_index,
                count: 0,
                published: self.published.clone(),
            });
        }
        // 1. Tiles, unsynced. No checkpoint points to them yet: if anything fails from here to the
        // staging, they are overwritten by the next batch and nobody has looked.
        let grown = self.write_tiles(entries, false)?;
        // 2. The entries, synced: the commit point. A crash from here on is finished by start-up.
        points::reached(points::LOG_TILES);
        let record = staging::encode_batch(first_index, entries)?;
        let staged = self
            .staging
            .append(&[record])
            .map_err(|error| self.note_stop(error.into()))?;
        points::reached(points::LOG_STAGED);
        // 3. The signature, and the checkpoint swapped. Not synced: losing it loses nothing, for
        // start-up makes the same one from what is staged.
        let published = match self.publish(&grown.edge) {
            Ok(published) => published,
            // Certainly not published, so nobody knows of the entries: take them back.
            Err(error @ LogError::Signer { .. }) => return Err(self.take_back(staged.start, error)),
            Err(error) if error.is_no_space() => {
                let taken_back = self.take_back(staged.start, error);
                // Not before the entries are gone for good: else a restart finds them, and signs again.
                if self.stopped.is_none()
                    && let Ok(checkpoint) = checkpoint_of(&self.key, &grown.edge)
                {
                    self.signer.withdraw(&checkpoint);
                }
                return Err(taken_back);
            }
            // Perhaps published: only a restart may tell.
            Err(error) => return Err(self.stop(&error)),
        };
        points::reached(points::LOG_PUBLISHED);
        self.grow(grown);
        self.published = published.clone();
        self.newest.set(published);
        Ok(Appended {
            first_index,
            count: entries.len() as u64,
            published: self.published.clone(),
        })
    }

    /// Makes the tiles durable and drops what is staged, once [`STAGING_BYTES`] are. Called between
    /// appends, after their callers were answered: no answer depends on it.
    pub fn settle_if_due(&mut self) -> Result<(), LogError> {
        if self.staging.kept_bytes() < STAGING_BYTES {
            return Ok(());
        }
        self.settle()
    }

    /// Makes the tiles durable and drops what is staged.
    pub fn settle(&mut self) -> Result<(), LogError> {
        self.check_running()?;
        match self.try_settle() {
            Ok(()) => Ok(()),
            // Everything staged is still staged; the next time may find space.
            Err(error) if error.is_no_space() => Err(error),
            Err(error) => Err(self.stop(&error)),
        }
    }

    /// The newest checkpoint.
    pub fn published(&self) -> Arc<Published> {
        self.published.clone()
    }

    /// A reader that sees each append as soon as it is answered.
    pub fn reader(&self) -> LogReader {
        LogReader::of_writer(
            self.files.clone(),
            &self.dir,
            self.key.clone(),
            self.newest.clone(),
        )
    }

    /// This writer's epoch; every open has a higher one.
    pub fn epoch(&self) -> u64 {
        self.staging.epoch()
    }

    /// Why the writer has stopped for good, if it has.
    pub fn stopped(&self) -> Option<&str> {
        self.stopped.as_deref()
    }

    /// Finishes what is staged and makes all of it durable.
    fn recover(&mut self, replay: &Replay, found: Option<Published>) -> Result<(), LogError> {
        let mut checkpoint_is_known = false;
        let mut is_at = |edge: &Edge| {
            let here = found.as_ref().is_some_and(|found| {
                found.checkpoint.size() == edge.size() && found.checkpoint.root() == edge.root()
            });
            checkpoint_is_known |= here;
            here
        };
        let mut is_newest = is_at(&self.edge);
        for record in &replay.records {
            let batch = staging::parse_batch(&record.payload);
            let Some((_, entries)) = batch.filter(|(first_index, _)| *first_index == self.edge.size()) else {
                return Err(LogError::Damaged {
                    file: self.dir.join("staging"),
                    what: format!(
                        "record {} does not go on from size {}",
                        record.sequence,
                        self.edge.size()
                    ),
                    remedy: "restore the staging directory from a back-up",
                });
            };
            let grown = self.write_tiles(&entries, true)?;
            is_newest = is_at(&grown.edge);
            self.grow(grown);
        }
        if let Some(found) = found.as_ref().filter(|_| !checkpoint_is_known) {
            return Err(LogError::Damaged {
                file: self.dir.join(CHECKPOINT),
                what: format!(
                    "signed for size {} with root {}, which these entries never had (they reach size {})",
                    found.checkpoint.size(),
                    found.checkpoint.root(),
                    self.edge.size(),
                ),
                remedy: RESTORE,
            });
        }
        for dir in &self.known_dirs {
            self.files.remove_leftovers(dir)?;
        }
        if replay.snapshot.is_none() {
            // Nothing says that what is below the staged entries is durable: a copy may have been put here.
            base::sync_tree(&*self.files, &self.dir.join("tile"))?;
        }
        points::reached(points::LOG_RECOVERED);
        let is_settled = replay.snapshot.is_some() && replay.records.is_empty() && is_newest;
        self.published = match found {
            // Settled means synced.
            Some(found) if is_settled => Arc::new(found),
            _ => self.publish_over_anything()?,
        };
        self.newest.set(self.published.clone());
        if !is_settled {
            self.try_settle()?;
        }
        Ok(())
    }

    /// Writes the tiles and bundles that a batch makes new; the log does not have it yet.
    fn write_tiles(&mut self, entries: &[Vec<u8>], is_recovery: bool) -> Result<Grown, LogError> {
        let mut edge = self.edge.clone();
        let leaves: Vec<Hash> = entries.iter().map(|entry| leaf_hash(entry)).collect();
        let tiles = edge.append(&leaves);
        let (mut bundle, mut files) = (self.bundle.clone(), Vec::new());
        let mut at = self.edge.size();
        for entry in entries {
            tile::push_entry(&mut bundle, entry)?;
            at += 1;
            let is_full = at.is_multiple_of(u64::from(tile::TILE_WIDTH));
            if is_full || at == edge.size() {
                let index = (at - 1) / u64::from(tile::TILE_WIDTH);
                let id = BundleId::in_tree(index, at).ok_or_else(|| too_many(at))?;
                files.push(self.write_file(&id.path(), &bundle, is_recovery)?);
            }
            if is_full {
                bundle.clear();
            }
        }
        for tile in &tiles {
            files.push(self.write_file(&tile.id().path(), &Tile::to_bytes(tile), is_recovery)?);
        }
        Ok(Grown { edge, bundle, files })
    }

    fn write_file(&mut self, path: &str, bytes: &[u8], is_recovery: bool) -> Result<PathBuf, LogError> {
        let path = self.dir.join(path);
        let dir = parent(&path);
        if !self.known_dirs.contains(dir) {
            self.create_dirs(dir)?;
        }
        if is_recovery {
            // Another process may be serving these files, and in the last life a sync of one may
            // have failed: write them anew, whatever they look like.
            self.files.replace(&path, bytes)?;
        } else {
            self.files.write(&path, bytes)?;
        }
        Ok(path)
    }

    /// Creates directories without syncing them: the tiles in them are not synced either.
    fn create_dirs(&mut self, dir: &Path) -> Result<(), LogError> {
        if dir == self.dir || self.known_dirs.contains(dir) {
            return Ok(());
        }
        self.create_dirs(parent(dir))?;
        self.files.create_dir(dir)?;
        self.dirty.insert(dir.to_owned());
        self.known_dirs.insert(dir.to_owned());
        Ok(())
    }

    /// Signs the checkpoint of a tree and swaps it in for the one that we published last.
    fn publish(&self, edge: &Edge) -> Result<Arc<Published>, LogError> {
        let published = sign(&*self.signer, &self.key, edge)?;
        points::reached(points::LOG_SIGNED);
        let (path, old) = (self.dir.join(CHECKPOINT), &self.published.bytes);
        self.files
            .compare_and_swap(&path, Some(old), &published.bytes, Durability::Later)?;
        Ok(Arc::new(published))
    }

    /// The same at start-up, where the file may be missing or torn.
    fn publish_over_anything(&self) -> Result<Arc<Published>, LogError> {
        let published = sign(&*self.signer, &self.key, &self.edge)?;
        let path = self.dir.join(CHECKPOINT);
        let old = match self.files.read(&path, super::MAX_CHECKPOINT_BYTES) {
            Ok(old) => Some(old),
            Err(FileError::Missing { .. }) => None,
            Err(error) => return Err(error.into()),
        };
        self.files
            .compare_and_swap(&path, old.as_deref(), &published.bytes, Durability::Now)?;
        Ok(Arc::new(published))
    }

    fn grow(&mut self, grown: Grown) {
        (self.edge, self.bundle) = (grown.edge, grown.bundle);
        self.dirty.extend(grown.files);
    }

    /// Every step may fail and be tried again: what is staged is dropped last.
    fn try_settle(&mut self) -> Result<(), LogError> {
        let mut dirs = BTreeSet::from([self.dir.clone()]);
        for path in &self.dirty {
            if self.known_dirs.contains(path) {
                dirs.insert(path.clone());
            } else if !self.is_superseded(path) {
                self.files.sync_file(path)?;
            }
            dirs.insert(parent(path).to_owned());
        }
        self.files.sync_file(&self.dir.join(CHECKPOINT))?;
        for dir in &dirs {
            self.files.sync_dir(dir)?;
        }
        points::reached(points::LOG_SETTLING);
        // An empty log stays new: the public files of one may still be put there.
        if self.edge.size() > 0 {
            self.staging.snapshot(&self.published.bytes)?;
        }
        let settled = std::mem::take(&mut self.dirty);
        self.remove_superseded(&settled);
        Ok(())
    }

    /// Whether a partial tile's full tile is about to be durable, and the partial one to go.
    fn is_superseded(&self, path: &Path) -> bool {
        let partials = parent(path);
        partials.extension().is_some_and(|extension| extension == "p")
            && self.dirty.contains(&partials.with_extension(""))
    }

    /// Removes partial tiles whose full tile is durable now. Best effort: one that stays does no
    /// harm, and tlog-tiles only allows the removal.
    fn remove_superseded(&self, settled: &BTreeSet<PathBuf>) {
        for path in settled.iter().filter(|path| !self.known_dirs.contains(*path)) {
            let partials = path.with_added_extension("p");
            for listed in self.files.list(&partials).unwrap_or_default() {
                let _ = self.files.remove(&partials.join(listed.name));
            }
            let _ = self.files.remove_dir(&partials);
        }
    }

    fn check_running(&self) -> Result<(), LogError> {
        match &self.stopped {
            Some(why) => Err(LogError::Stopped { why: why.clone() }),
            None => Ok(()),
        }
    }

    /// Takes back entries that nobody was told of; stops when even that fails.
    fn take_back(&mut self, sequence: u64, error: LogError) -> LogError {
        match self.staging.retract(sequence) {
            Ok(()) => error,
            Err(_) => self.stop(&error),
        }
    }

    fn stop(&mut self, error: &LogError) -> LogError {
        let why = error.to_string();
        tracing::error!(dir = %self.dir.display(), "log stopped: {why}");
        self.stopped = Some(why.clone());
        LogError::Stopped { why }
    }

    fn note_stop(&mut self, error: LogError) -> LogError {
        if let LogError::Stopped { why } = &error {
            self.stopped = Some(why.clone());
        }
        error
    }
}

/// Refuses what is beyond the limits, before anything is written.
pub(super) fn check_batch(entries: &[Vec<u8>]) -> Result<(), LogError> {
    let limit = |what, found: usize, limit: usize| {
        if found > limit {
            return Err(LogError::TooLarge {
                what,
                found: found as u64,
                limit: limit as u64,
            });
        }
        Ok(())
    };
    limit("batch, in entries,", entries.len(), MAX_BATCH_ENTRIES)?;
    for entry in entries {
        limit("entry, in bytes,", entry.len(), MAX_ENTRY_BYTES)?;
    }
    limit("batch, in bytes,", batch_bytes(entries), MAX_BATCH_BYTES)
}

pub(super) fn batch_bytes(entries: &[Vec<u8>]) -> usize {
    entries.iter().map(|entry| entry.len() + 2).sum()
}

fn too_many(size: u64) -> LogError {
    LogError::NotPublished {
        what: "a tree of that size".to_owned(),
        size,
    }
}

fn checkpoint_of(key: &VerifierKey, edge: &Edge) -> Result<Checkpoint, vestiary_tlog::Error> {
    Checkpoint::new(key.name().as_str(), edge.size(), edge.root())
}

fn sign(signer: &dyn CheckpointSigner, key: &VerifierKey, edge: &Edge) -> Result<Published, LogError> {
    let size = edge.size();
    let checkpoint = checkpoint_of(key, edge)?;
    let refused = |source: super::SignerError| LogError::Signer {
        size,
        source: source.into(),
    };
    let bytes = signer.sign(&checkpoint).map_err(refused)?;
    let published = Published::verify(bytes, key).map_err(|error| refused(error.into()))?;
    if published.checkpoint != checkpoint {
        return Err(refused("the signer signed another checkpoint".into()));
    }
    Ok(published)
}
