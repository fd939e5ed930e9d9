//! Changes that are not committed yet, over what the store has; and their inverse, block by block.

use std::{collections::BTreeMap, sync::Arc};

use vestiary::{block::BlockRef, ids::ChainId};

use crate::{
    codec::Field,
    error::{Error, Result},
    rows::{Table, UNDO},
    store::{MAX_VALUE_BYTES, Store, Writes},
};

/// How many blocks can be undone.
pub const UNDO_WINDOW_BLOCKS: u64 = 512;

/// Bytes of a stored chunk of an undo record; its length field takes four more.
const UNDO_CHUNK_BYTES: usize = MAX_VALUE_BYTES - 4;

/// Pending writes. Reads see them.
pub(crate) struct Draft<'s> {
    store: &'s Arc<Store>,
    writes: Writes,
    /// What each row was before the current step, for the rows that the step changed.
    before: Writes,
}

impl<'s> Draft<'s> {
    pub(crate) fn new(store: &'s Arc<Store>) -> Self {
        Self {
            store,
            writes: BTreeMap::new(),
            before: BTreeMap::new(),
        }
    }

    pub(crate) fn get<K: Field, V: Field>(&self, table: &Table<K, V>, key: &K) -> Result<Option<V>> {
        let value = self.raw(&table.key(key))?;
        value
            .map(|value| V::read(&value).ok_or_else(|| undecodable(table.name)))
            .transpose()
    }

    pub(crate) fn put<K: Field, V: Field>(&mut self, table: &Table<K, V>, key: &K, value: &V) -> Result<()> {
        self.write(table.key(key), Some(value.bytes()))
    }

    pub(crate) fn delete<K: Field, V: Field>(&mut self, table: &Table<K, V>, key: &K) -> Result<()> {
        self.write(table.key(key), None)
    }

    /// How many rows would be written.
    pub(crate) fn len(&self) -> usize {
        self.writes.len()
    }

    /// Ends a step that shall not be undone later.
    pub(crate) fn keep_step(&mut self) {
        self.before.clear();
    }

    /// Takes back everything since the last step.
    pub(crate) fn abandon_step(&mut self) {
        self.writes.append(&mut self.before);
    }

    /// Ends a step and stores its inverse as that of `block`; forgets the block that leaves the window.
    pub(crate) fn keep_step_undoable(&mut self, chain: ChainId, block: &BlockRef) -> Result<()> {
        let mut record = block.hash.bytes();
        for (key, value) in std::mem::take(&mut self.before) {
            (key, value).put(&mut record);
        }
        for (chunk, bytes) in (0u32..).zip(record.chunks(UNDO_CHUNK_BYTES)) {
            let key = UNDO.key(&(chain, block.number, chunk));
            self.writes.insert(key, Some(bytes.to_vec().bytes()));
        }
        match block.number.checked_sub(UNDO_WINDOW_BLOCKS) {
            Some(old) => self.forget_undo(chain, old),
            None => Ok(()),
        }
    }

    /// Turns the last block's changes into their inverse.
    pub(crate) fn undo(&mut self, chain: ChainId, block: &BlockRef) -> Result<()> {
        let mut record = Vec::new();
        for row in self.store.prefixed(&UNDO.key(&(chain, block.number))) {
            let chunk = Vec::<u8>::read(&row?.1).ok_or_else(|| undecodable(UNDO.name))?;
            record.extend_from_slice(&chunk);
        }
        let mut input = record.as_slice();
        if input.is_empty() {
            return Err(Error::UndoWindow { number: block.number });
        }
        if Field::take(&mut input) != Some(block.hash) {
            return Err(undecodable(UNDO.name));
        }
        while !input.is_empty() {
            let (key, value) = Field::take(&mut input).ok_or_else(|| undecodable(UNDO.name))?;
            self.writes.insert(key, value);
        }
        self.forget_undo(chain, block.number)
    }

    /// The blocks that have a stored inverse, the last one first.
    pub(crate) fn undoable(&self, chain: ChainId) -> Result<Vec<BlockRef>> {
        let mut blocks = Vec::new();
        for row in self.store.prefixed(&UNDO.key(&chain)) {
            let (key, value) = row?;
            let read = || {
                let (_, number, chunk) = <(ChainId, u64, u32)>::read(key.get(1..)?)?;
                let hash = Field::take(&mut Vec::<u8>::read(&value)?.as_slice())?;
                Some((chunk, BlockRef { number, hash }))
            };
            let (chunk, block) = read().ok_or_else(|| undecodable(UNDO.name))?;
            if chunk == 0 {
                blocks.push(block);
            }
        }
        blocks.reverse();
        Ok(blocks)
    }

    pub(crate) fn into_writes(self) -> Writes {
        debug_assert!(self.before.is_empty(), "a step is open");
        self.writes
    }

    fn forget_undo(&mut self, chain: ChainId, number: u64) -> Result<()> {
        let prefix = UNDO.key(&(chain, number));
        let pending: Vec<_> = self
            .writes
            .range(prefix.clone()..)
            .map(|(key, _)| key.clone())
            .take_while(|key| key.starts_with(&prefix))
            .collect();
        for key in pending {
            self.writes.remove(&key);
        }
        for row in self.store.prefixed(&prefix) {
            self.writes.insert(row?.0, None);
        }
        Ok(())
    }

    fn raw(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        match self.writes.get(key) {
            Some(value) => Ok(value.clone()),
            None => self.store.get(key),
        }
    }

    fn write(&mut self, key: Vec<u8>, value: Option<Vec<u8>>) -> Result<()> {
        if !self.before.contains_key(&key) {
            let before = self.raw(&key)?;
            self.before.insert(key.clone(), before);
        }
        self.writes.insert(key, value);
        Ok(())
    }
}

pub(crate) fn undecodable(table: &str) -> Error {
    Error::rebuild(format!("a row of {table} does not decode"))
}
