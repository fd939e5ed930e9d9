//! Questions to one consistent state.

mod chain;
mod log;

pub use chain::{BatchAt, ChainCursor, KeyName};
pub use log::{Entry, SignedEntry};

use std::{
    fmt,
    marker::PhantomData,
    ops::Bound,
    sync::{Arc, RwLockReadGuard},
};

use crate::{
    codec::Field,
    config::MirrorConfig,
    draft::undecodable,
    error::Result,
    mirror::{AsOf, State, being_opened},
    rows::Table,
    store::{Store, upper_bound},
};

/// Longest page, in rows; a larger limit is taken for this one, and 0 for 1.
pub const MAX_PAGE_ROWS: usize = 200;

/// One consistent state of the mirror: everything asked through one view is as of the same block and log
/// size.
///
/// While a view lives no block is put in. So take one for an answer and drop it; do not hold it while
/// waiting for anything, do not take a second one in the same thread, and do not apply or undo blocks in
/// the thread that holds one: that waits for itself.
pub struct View<'m> {
    /// `None` while the mirror is opened again.
    store: Option<Arc<Store>>,
    config: &'m MirrorConfig,
    state: State,
    _gate: RwLockReadGuard<'m, ()>,
}

/// Some rows in key order, and where to go on. Cursors are made of what the rows are about, so a page is
/// neither skipped nor repeated when rows come and go between two pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T, C> {
    /// The rows.
    pub items: Vec<T>,
    /// Pass as `after` for the next page; `None` when this is the last.
    pub next: Option<C>,
}

impl<T, C> Page<T, C> {
    fn map<U, D>(self, item: impl FnMut(T) -> U, cursor: impl FnOnce(C) -> D) -> Page<U, D> {
        Page {
            items: self.items.into_iter().map(item).collect(),
            next: self.next.map(cursor),
        }
    }
}

/// While one lives, its thread takes no view: in debug builds that panics.
///
/// For whoever holds a lock that others ask for while they hold a view. Taken in both orders, the two are a circle as
/// soon as a block waits to be put in: it lets no new view in before those that live have ended.
#[derive(Debug)]
#[must_use = "views are taken again as soon as it is dropped"]
pub struct NoViews(PhantomData<*const ()>);

#[cfg(debug_assertions)]
thread_local! {
    static NO_VIEWS: std::cell::Cell<u32> = const { std::cell::Cell::new(0) };
}

impl NoViews {
    /// From now on.
    #[expect(clippy::new_without_default, reason = "it is a guard, and nobody's default")]
    pub fn new() -> Self {
        #[cfg(debug_assertions)]
        NO_VIEWS.set(NO_VIEWS.get() + 1);
        Self(PhantomData)
    }

    /// Panics where a view must not be taken.
    pub(crate) fn check() {
        #[cfg(debug_assertions)]
        assert!(
            NO_VIEWS.get() == 0,
            "a view of the mirror is taken under a lock that holders of views ask for"
        );
    }
}

impl Drop for NoViews {
    fn drop(&mut self) {
        #[cfg(debug_assertions)]
        NO_VIEWS.set(NO_VIEWS.get() - 1);
    }
}

impl<'m> View<'m> {
    pub(crate) fn new(
        store: Option<Arc<Store>>,
        config: &'m MirrorConfig,
        state: State,
        gate: RwLockReadGuard<'m, ()>,
    ) -> Self {
        Self {
            store,
            config,
            state,
            _gate: gate,
        }
    }

    /// What every answer of this view is as of.
    pub fn as_of(&self) -> AsOf {
        let head = self.state.head.as_ref();
        AsOf {
            block: head.map(|head| head.block),
            timestamp: head.map_or(0, |head| head.timestamp),
            log_origin: self.config.log_origin.clone(),
            log_size: self.state.log.as_ref().map_or(0, |log| log.size),
        }
    }

    fn store(&self) -> Result<&Arc<Store>> {
        self.store.as_ref().ok_or_else(being_opened)
    }

    fn get<K: Field, V: Field>(&self, table: &Table<K, V>, key: &K) -> Result<Option<V>> {
        let value = self.store()?.get(&table.key(key))?;
        value
            .map(|value| V::read(&value).ok_or_else(|| undecodable(table.name)))
            .transpose()
    }

    /// Rows whose key starts with `prefix`, after the key `after`.
    fn page<K: Field + Clone, V: Field>(
        &self,
        table: &Table<K, V>,
        prefix: &impl Field,
        after: Option<&K>,
        limit: usize,
    ) -> Result<Page<(K, V), K>> {
        let prefix = table.key(prefix);
        let from = match after.map(|after| table.key(after)) {
            // A cursor of another query gives an empty page rather than somebody else's rows.
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix.clone()),
        };
        self.page_of(table, from, upper_bound(&prefix), limit)
    }

    fn page_of<K: Field + Clone, V: Field>(
        &self,
        table: &Table<K, V>,
        from: Bound<Vec<u8>>,
        end: Bound<Vec<u8>>,
        limit: usize,
    ) -> Result<Page<(K, V), K>> {
        let limit = limit.clamp(1, MAX_PAGE_ROWS);
        let mut items = Vec::new();
        for row in self.store()?.range(from, end) {
            let (key, value) = row?;
            if items.len() == limit {
                let next = items.last().map(|(key, _): &(K, V)| key.clone());
                return Ok(Page { items, next });
            }
            items.push(table.read(&key, &value)?);
        }
        Ok(Page { items, next: None })
    }

    /// The last row whose key starts with `prefix` and is at most `until`.
    fn last<K: Field, V: Field>(
        &self,
        table: &Table<K, V>,
        prefix: &impl Field,
        until: Option<&K>,
    ) -> Result<Option<(K, V)>> {
        let prefix = table.key(prefix);
        let until = until.map_or_else(|| upper_bound(&prefix), |until| Bound::Included(table.key(until)));
        let row = self.store()?.last(Bound::Included(prefix), until)?;
        row.map(|(key, value)| table.read(&key, &value)).transpose()
    }
}

impl fmt::Debug for View<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("View")
            .field("as_of", &self.as_of())
            .finish_non_exhaustive()
    }
}
