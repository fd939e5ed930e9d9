//! What the log says.

use std::ops::Bound;

use alloy_primitives::B256;
use vestiary::{
    digest::Sha256,
    ids::{CollectionId, DesignId, IssuerId, Serial, TokenId, WearableId},
};

use super::{MAX_PAGE_ROWS, Page, View};
use crate::{
    error::Result,
    rows::{
        BATCH_STATEMENTS, BATCH_STATEMENTS_BY_DESIGN, BatchStatement, CERTIFICATES, CertificateStatement,
        DESIGN_STATEMENTS, DesignStatement, ISSUERS_OBSERVED, IssuerObserved, LOG_OPENED, LogOpened, UNREAD_ENTRIES,
        UnreadEntry,
    },
    store::upper_bound,
};

/// A statement and the index of its entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry<T> {
    /// Index in the log.
    pub index: u64,
    /// What it states.
    pub statement: T,
}

/// A batch statement and what it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatedBatch {
    /// The collection.
    pub collection: CollectionId,
    /// Root of the batch tree.
    pub root: B256,
    /// The statement.
    pub entry: Entry<BatchStatement>,
}

/// Where [`View::certificates`] goes on: a serial, and an entry index.
pub type CertificateCursor = (Serial, u64);

impl View<'_> {
    /// Entry 0.
    pub fn log_opened(&self) -> Result<Option<LogOpened>> {
        self.get(&LOG_OPENED, &(self.config.chain,))
    }

    /// Index and SHA-256 of the last applied entry: whether a log at hand is the one that was folded.
    pub fn last_entry(&self) -> Option<(u64, Sha256)> {
        let log = self.state.log.as_ref()?;
        Some((log.size.checked_sub(1)?, log.last_entry))
    }

    /// The last observation of an issuer.
    pub fn issuer_observed(&self, id: IssuerId) -> Result<Option<Entry<IssuerObserved>>> {
        let last = self.last(&ISSUERS_OBSERVED, &(self.config.chain, id), None)?;
        Ok(last.map(|((_, _, index), statement)| Entry { index, statement }))
    }

    /// What was stated about a design, in the order of the log, at most [`MAX_PAGE_ROWS`].
    pub fn design_statements(
        &self,
        collection: &CollectionId,
        design_id: DesignId,
    ) -> Result<Vec<Entry<DesignStatement>>> {
        let page = self.page(&DESIGN_STATEMENTS, &(*collection, design_id), None, MAX_PAGE_ROWS)?;
        Ok(page.items.into_iter().map(|((_, _, index), statement)| Entry { index, statement }).collect())
    }

    /// The certificate of a wearable. If the log holds several: the one that the chain certified; before
    /// the mint, the first.
    pub fn certificate_entry(&self, id: &WearableId) -> Result<Option<Entry<CertificateStatement>>> {
        let entries = self.certificate_entries(id)?;
        let certified = self.token(id)?.map(|token| token.certificate_digest);
        let position = entries.iter().position(|entry| certified == Some(entry.statement.digest));
        Ok(entries.into_iter().nth(position.unwrap_or(0)))
    }

    /// Every certificate that the log holds for a wearable, at most [`MAX_PAGE_ROWS`].
    pub fn certificate_entries(&self, id: &WearableId) -> Result<Vec<Entry<CertificateStatement>>> {
        let page = self.page(&CERTIFICATES, id, None, MAX_PAGE_ROWS)?;
        Ok(page.items.into_iter().map(|((_, index), statement)| Entry { index, statement }).collect())
    }

    /// The certificates of serials `first_serial ≤ s < first_serial + count` of a design, by serial: the
    /// leaves of a batch, whether it is on the chain or not.
    pub fn certificates(
        &self,
        collection: &CollectionId,
        design_id: DesignId,
        first_serial: Serial,
        count: u64,
        after: Option<CertificateCursor>,
        limit: usize,
    ) -> Result<Page<(WearableId, Entry<CertificateStatement>), CertificateCursor>> {
        let id = |serial| collection.wearable(TokenId::new(design_id, serial));
        let from = match after {
            Some((serial, index)) if serial >= first_serial => Bound::Excluded(CERTIFICATES.key(&(id(serial), index))),
            _ => Bound::Included(CERTIFICATES.key(&id(first_serial))),
        };
        let end = match first_serial.get().checked_add(count).map(Serial::new) {
            Some(Ok(end)) => Bound::Excluded(CERTIFICATES.key(&id(end))),
            // Design and serial are the low half of a token id: this is the end of the design.
            _ => upper_bound(&CERTIFICATES.key(&(*collection, 0u64, 0u64, design_id))),
        };
        let page = self.page_of(&CERTIFICATES, from, end, limit)?;
        Ok(page.map(
            |((id, index), statement)| (id, Entry { index, statement }),
            |(id, index)| (id.token_id.serial().unwrap_or(first_serial), index),
        ))
    }

    /// What was stated about the batch with this root, in the order of the log, at most [`MAX_PAGE_ROWS`].
    pub fn batch_statements(&self, collection: &CollectionId, root: B256) -> Result<Vec<StatedBatch>> {
        let page = self.page(&BATCH_STATEMENTS, &(*collection, root), None, MAX_PAGE_ROWS)?;
        Ok(page
            .items
            .into_iter()
            .map(|((collection, root, index), statement)| StatedBatch {
                collection,
                root,
                entry: Entry { index, statement },
            })
            .collect())
    }

    /// The stated batches of a design, by first serial: also those that are not on the chain yet.
    pub fn stated_batches(
        &self,
        collection: &CollectionId,
        design_id: DesignId,
        after: Option<(Serial, u64)>,
        limit: usize,
    ) -> Result<Page<StatedBatch, (Serial, u64)>> {
        let after = after.map(|(serial, index)| (*collection, design_id, serial, index));
        let page = self.page(&BATCH_STATEMENTS_BY_DESIGN, &(*collection, design_id), after.as_ref(), limit)?;
        let mut items = Vec::with_capacity(page.items.len());
        for ((_, _, _, index), root) in page.items {
            let statement = self.get(&BATCH_STATEMENTS, &(*collection, root, index))?;
            let statement = statement.ok_or_else(|| crate::Error::rebuild("a batch statement has no row"))?;
            items.push(StatedBatch { collection: *collection, root, entry: Entry { index, statement } });
        }
        Ok(Page { items, next: page.next.map(|(_, _, serial, index)| (serial, index)) })
    }

    /// Entries that this version could not read as statements.
    pub fn unread_entries(&self, after: Option<u64>, limit: usize) -> Result<Page<Entry<UnreadEntry>, u64>> {
        let after = after.map(|index| (self.config.chain, index));
        let page = self.page(&UNREAD_ENTRIES, &self.config.chain, after.as_ref(), limit)?;
        Ok(page.map(|((_, index), statement)| Entry { index, statement }, |(_, index)| index))
    }
}
