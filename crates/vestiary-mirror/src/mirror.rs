//! Opening, applying, undoing.

use std::{
    ops::Bound,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
};

use sha2::{Digest as _, Sha256 as Hasher};
use vestiary::{
    block::{Block, BlockRef},
    digest::Sha256,
};
use vestiary_log::points::reached;

use crate::{
    codec::Field,
    config::MirrorConfig,
    draft::{Draft, undecodable},
    error::{Error, Result},
    fold, points,
    rows::{FIRST_PRIVATE_PREFIX, HEAD, Head, LOG_HEAD, LogHead, SCHEMA, Table, decodes},
    store::{Rows, Store, Writes},
    view::{NoViews, View},
};

/// Version of the rows. A store of another version is rebuilt, never migrated.
pub const SCHEMA_VERSION: u32 = 1;

/// After this many pending rows [`Mirror::apply_blocks`] and [`Mirror::apply_entries`] commit, so that
/// readers wait for tens of milliseconds at most.
pub const MAX_BATCH_ROWS: usize = 2048;

/// The fold of one chain and one log, kept on disk, with its inverse and its queries.
///
/// One writer at a time; [`view`](Self::view) gives readers one consistent state. The fold reads and
/// computes beside the readers; they are shut out only while a finished batch of rows is put in, so they
/// never see half a block, and since every query is bounded the batch never waits for long either. sled's
/// own transactions would order reads and writes of keys, but a range scan is not part of them.
#[derive(Debug)]
pub struct Mirror {
    dir: PathBuf,
    config: MirrorConfig,
    /// `None` while it is opened again, see [`Mirror::reopen_or_wipe`].
    store: RwLock<Option<Arc<Store>>>,
    writer: Mutex<()>,
    /// Read by [`View`]s, written while a batch is put in.
    gate: RwLock<()>,
    state: Mutex<State>,
}

/// The cursors, as stored.
#[derive(Debug, Clone, Default)]
pub(crate) struct State {
    pub(crate) head: Option<Head>,
    pub(crate) log: Option<LogHead>,
}

/// The state that an answer describes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AsOf {
    /// The last applied block; `None` before the first.
    pub block: Option<BlockRef>,
    /// That block's time, unix seconds; 0 before the first block.
    pub timestamp: u64,
    /// Name of the log.
    pub log_origin: String,
    /// How many of its entries were applied.
    pub log_size: u64,
}

/// How [`Mirror::open_or_wipe`] found the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opened {
    /// Empty: feed everything.
    Fresh,
    /// As it was left: go on from [`Mirror::head`] and [`Mirror::log_size`].
    Resumed,
    /// It could not be used and was deleted: feed everything.
    Wiped {
        /// Why.
        reason: String,
    },
}

impl Mirror {
    /// Opens the mirror in `dir`, making one if there is none.
    ///
    /// [`Error::NeedsRebuild`] if what is there is damaged, of another schema version or for another
    /// configuration; [`Error::Locked`] if it is open already.
    pub fn open(dir: &Path, config: MirrorConfig) -> Result<Self> {
        let (store, state) = Self::open_store(dir, &config)?;
        Ok(Self {
            dir: dir.to_owned(),
            config,
            store: RwLock::new(Some(store)),
            writer: Mutex::default(),
            gate: RwLock::default(),
            state: Mutex::new(state),
        })
    }

    fn open_store(dir: &Path, config: &MirrorConfig) -> Result<(Arc<Store>, State)> {
        let store = Arc::new(Store::open(dir)?);
        let schema = (SCHEMA_VERSION, config.bytes());
        match store.get(&SCHEMA.key(&()))? {
            Some(found) if found == schema.bytes() => {}
            Some(_) => {
                return Err(Error::rebuild(
                    "it was made by another version, or for another chain or log",
                ));
            }
            None => {
                if let Some(row) = store.prefixed(&[]).next() {
                    row?;
                    return Err(Error::rebuild("its description is missing"));
                }
                store.commit(&Writes::from([(SCHEMA.key(&()), Some(schema.bytes()))]))?;
                store.sync()?;
            }
        }
        let state = State {
            head: read(&store, &HEAD, config)?,
            log: read(&store, &LOG_HEAD, config)?,
        };
        Ok((store, state))
    }

    /// As [`open`](Self::open), but where a rebuild is needed it deletes the rows (nothing else in `dir`)
    /// and starts empty. The caller then feeds blocks from [`MirrorConfig::first_block`] and entries from 0.
    pub fn open_or_wipe(dir: &Path, config: MirrorConfig) -> Result<(Self, Opened)> {
        let (mirror, wiped) = match Self::open(dir, config.clone()) {
            Err(Error::NeedsRebuild { reason }) => {
                tracing::warn!(%reason, "the mirror is deleted and rebuilt");
                Store::wipe(dir)?;
                (Self::open(dir, config)?, Some(reason))
            }
            opened => (opened?, None),
        };
        let opened = match wiped {
            Some(reason) => Opened::Wiped { reason },
            None if mirror.head().is_none() && mirror.log_size() == 0 => Opened::Fresh,
            None => Opened::Resumed,
        };
        Ok((mirror, opened))
    }

    /// Opens the store again after it has stopped ([`Error::NeedsRebuild`] of any call), for example for a full
    /// disk: as [`open_or_wipe`](Self::open_or_wipe) does, for everybody who shares this mirror. The caller then
    /// feeds from [`Mirror::head`] and [`Mirror::log_size`] on. After an error it is closed and may be tried again.
    pub fn reopen_or_wipe(&self) -> Result<Opened> {
        let _writer = self.writer();
        let _no_readers = self.gate.write().unwrap_or_else(PoisonError::into_inner);
        let mut store = self.store.write().unwrap_or_else(PoisonError::into_inner);
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = State::default();
        // The directory's lock goes with the old one.
        drop(store.take());
        let ((opened, state), wiped) = match Self::open_store(&self.dir, &self.config) {
            Err(Error::NeedsRebuild { reason }) => {
                tracing::warn!(%reason, "the mirror is deleted and rebuilt");
                Store::wipe(&self.dir)?;
                (Self::open_store(&self.dir, &self.config)?, Some(reason))
            }
            opened => (opened?, None),
        };
        let is_empty = state.head.is_none() && state.log.is_none();
        *store = Some(opened);
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
        Ok(match wiped {
            Some(reason) => Opened::Wiped { reason },
            None if is_empty => Opened::Fresh,
            None => Opened::Resumed,
        })
    }

    /// Why the mirror answers nothing any more, if so: [`reopen_or_wipe`](Self::reopen_or_wipe) is the cure.
    pub fn stopped(&self) -> Option<String> {
        match self.store() {
            Ok(store) => store.stopped().map(str::to_owned),
            Err(error) => Some(error.to_string()),
        }
    }

    /// Makes the next commit meet a full disk.
    #[cfg(feature = "testing")]
    pub fn fail_next_commit(&self) {
        if let Ok(store) = self.store() {
            store.fail_next_commit();
        }
    }

    /// Deletes the rows in `dir`, damaged or not. [`Error::Locked`] while a mirror is open there.
    pub fn wipe(dir: &Path) -> Result<()> {
        Store::wipe(dir)
    }

    /// What this is a mirror of.
    pub const fn config(&self) -> &MirrorConfig {
        &self.config
    }

    /// The last applied block.
    pub fn head(&self) -> Option<BlockRef> {
        self.state().head.map(|head| head.block)
    }

    /// How many log entries were applied: the index of the next one.
    pub fn log_size(&self) -> u64 {
        self.state().log.map_or(0, |log| log.size)
    }

    /// A consistent state to ask. See [`View`] for what not to do while holding it.
    pub fn view(&self) -> View<'_> {
        NoViews::check();
        let gate = self.gate.read().unwrap_or_else(PoisonError::into_inner);
        View::new(self.store().ok(), &self.config, self.state(), gate)
    }

    /// Applies the block after the head: all of it, or on an error nothing. It is there for readers on
    /// return and survives the end of the process at the latest after [`sync`](Self::sync).
    pub fn apply_block(&self, block: &Block) -> Result<()> {
        self.apply_each_block(std::slice::from_ref(block))
    }

    /// Applies many blocks, in few commits, and returns when all of them are durable. On an error the
    /// blocks before the refused one stay applied.
    pub fn apply_blocks(&self, blocks: &[Block]) -> Result<()> {
        self.apply_each_block(blocks)?;
        self.sync()
    }

    /// Takes the head back: every row is as it was before that block, byte for byte.
    pub fn undo_block(&self, block: &BlockRef) -> Result<()> {
        let _writer = self.writer();
        let head = self.head();
        if head.as_ref() != Some(block) {
            return Err(Error::NotHead { head, got: *block });
        }
        reached(points::MIRROR_UNDOING);
        let store = self.store()?;
        let mut draft = Draft::new(&store);
        draft.undo(self.config.chain, block)?;
        self.commit(draft)?;
        reached(points::MIRROR_UNDONE);
        Ok(())
    }

    /// The blocks that can still be undone, the head first: for finding where another branch forks off.
    pub fn undoable_blocks(&self) -> Result<Vec<BlockRef>> {
        let _writer = self.writer();
        Draft::new(&self.store()?).undoable(self.config.chain)
    }

    /// Applies the next log entry. One that is no statement this version knows is noted and passed over;
    /// only an entry 0 that names another log is refused.
    pub fn apply_entry(&self, index: u64, entry: &[u8]) -> Result<()> {
        self.apply_each_entry(index, &[entry])
    }

    /// Applies entries from `first_index` on, in few commits, and returns when all of them are durable.
    pub fn apply_entries(&self, first_index: u64, entries: &[impl AsRef<[u8]>]) -> Result<()> {
        self.apply_each_entry(first_index, entries)?;
        self.sync()
    }

    /// Returns when everything applied so far survives a power cut.
    ///
    /// The mirror's promise needs no sync at all: cursors and rows change together, so after `kill -9` it
    /// opens with a whole, older state. A power cut between two syncs can leave a file that does not open;
    /// then it is rebuilt. So sync as often as a rebuild is to be avoided: after a burst of blocks, and
    /// every few seconds in between.
    pub fn sync(&self) -> Result<()> {
        self.store()?.sync()?;
        reached(points::MIRROR_SYNCED);
        Ok(())
    }

    /// SHA-256 over all rows of both folds in key order, cursors included, the undo journal left out. Two
    /// mirrors at the same block and log size have the same one, whatever way they came there.
    ///
    /// Reads everything; writers wait meanwhile, readers do not.
    pub fn row_digest(&self) -> Result<Sha256> {
        let mut hasher = Hasher::new();
        hasher.update(b"vestiary/mirror-rows/v1\n");
        for row in self.dump() {
            let row = row?;
            hasher.update((row.key, row.value).bytes());
        }
        Ok(Sha256(hasher.finalize().into()))
    }

    /// All rows of both folds in key order. Writers wait until the iterator is dropped.
    pub fn dump(&self) -> Dump<'_> {
        let writer = self.writer();
        let end = Bound::Excluded(vec![FIRST_PRIVATE_PREFIX]);
        Dump {
            rows: self
                .store()
                .map(|store| store.range(Bound::Unbounded, end))
                .map_err(Some),
            _writer: writer,
        }
    }

    pub(crate) fn store(&self) -> Result<Arc<Store>> {
        let store = self.store.read().unwrap_or_else(PoisonError::into_inner);
        store.clone().ok_or_else(being_opened)
    }

    fn apply_each_block(&self, blocks: &[Block]) -> Result<()> {
        let _writer = self.writer();
        let mut head = self.head();
        let store = self.store()?;
        let mut draft = Draft::new(&store);
        for block in blocks {
            if let Err(error) = self.step_block(&mut draft, head, block) {
                draft.abandon_step();
                self.commit(draft)?;
                return Err(error);
            }
            head = Some(block.block_ref());
            if draft.len() >= MAX_BATCH_ROWS {
                self.commit(std::mem::replace(&mut draft, Draft::new(&store)))?;
            }
        }
        self.commit(draft)
    }

    fn step_block(&self, draft: &mut Draft<'_>, head: Option<BlockRef>, block: &Block) -> Result<()> {
        let follows = match head {
            Some(head) => head.hash == block.parent_hash && head.number.checked_add(1) == Some(block.number),
            None => block.number == self.config.first_block,
        };
        if !follows {
            return Err(Error::NotNextBlock {
                expected: head,
                got: block.block_ref(),
            });
        }
        fold::fold_block(&self.config, draft, block)?;
        draft.keep_step_undoable(self.config.chain, &block.block_ref())
    }

    fn apply_each_entry(&self, first_index: u64, entries: &[impl AsRef<[u8]>]) -> Result<()> {
        let _writer = self.writer();
        let expected = self.log_size();
        if first_index != expected {
            return Err(Error::NotNextEntry {
                expected,
                got: first_index,
            });
        }
        let store = self.store()?;
        let mut draft = Draft::new(&store);
        for (index, entry) in (first_index..).zip(entries) {
            if let Err(error) = fold::fold_entry(&self.config, &mut draft, index, entry.as_ref()) {
                draft.abandon_step();
                self.commit(draft)?;
                return Err(error);
            }
            draft.keep_step();
            if draft.len() >= MAX_BATCH_ROWS {
                self.commit(std::mem::replace(&mut draft, Draft::new(&store)))?;
            }
        }
        self.commit(draft)
    }

    /// Puts the draft in, cursors and all, while no reader looks.
    fn commit(&self, draft: Draft<'_>) -> Result<()> {
        let writes = draft.into_writes();
        if writes.is_empty() {
            return Ok(());
        }
        reached(points::MIRROR_APPLYING);
        let mut state = self.state();
        if let Some(head) = writes.get(&HEAD.key(&self.config.chain)) {
            state.head = decode(&HEAD, head.as_deref())?;
        }
        if let Some(log) = writes.get(&LOG_HEAD.key(&self.config.chain)) {
            state.log = decode(&LOG_HEAD, log.as_deref())?;
        }
        let _gate = self.gate.write().unwrap_or_else(PoisonError::into_inner);
        self.store()?.commit(&writes)?;
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
        reached(points::MIRROR_COMMITTED);
        Ok(())
    }

    fn state(&self) -> State {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn writer(&self) -> MutexGuard<'_, ()> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why there is no store at the moment.
pub(crate) fn being_opened() -> Error {
    Error::rebuild("it is being opened again")
}

fn read<K: Field, V: Field>(store: &Store, table: &Table<K, V>, config: &MirrorConfig) -> Result<Option<V>> {
    decode(table, store.get(&table.key(&config.chain))?.as_deref())
}

fn decode<K: Field, V: Field>(table: &Table<K, V>, value: Option<&[u8]>) -> Result<Option<V>> {
    value
        .map(|value| V::read(value).ok_or_else(|| undecodable(table.name)))
        .transpose()
}

/// A stored row, as bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawRow {
    /// Name of its table; empty if there is none with this prefix.
    pub table: &'static str,
    /// Whether key and value decode as that table's.
    pub decodes: bool,
    /// The key, prefix byte first.
    pub key: Vec<u8>,
    /// The value.
    pub value: Vec<u8>,
}

/// Rows in key order, from [`Mirror::dump`].
#[derive(Debug)]
pub struct Dump<'m> {
    /// The error is taken by whoever asks first.
    rows: Result<Rows, Option<Error>>,
    _writer: MutexGuard<'m, ()>,
}

impl Iterator for Dump<'_> {
    type Item = Result<RawRow>;

    fn next(&mut self) -> Option<Self::Item> {
        let rows = match &mut self.rows {
            Ok(rows) => rows,
            Err(error) => return error.take().map(Err),
        };
        rows.next().map(|row| {
            row.map(|(key, value)| {
                let (table, decodes) = decodes(&key, &value).unwrap_or(("", false));
                RawRow {
                    table,
                    decodes,
                    key,
                    value,
                }
            })
        })
    }
}
