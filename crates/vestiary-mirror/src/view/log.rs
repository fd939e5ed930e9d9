//! What the log says.

use alloy_primitives::{B256, keccak256};
use vestiary::{
    digest::Sha256,
    ids::{CollectionId, DesignId, IssuerId, Serial, TokenId, WearableId},
    statement::{BatchStatement, CertificateIssued, DesignStatement, IssuerObserved, LogOpened, Statement},
};

use super::{KeyName, MAX_PAGE_ROWS, Page, View};
use crate::{
    draft::undecodable,
    error::Result,
    rows::{
        BATCH_STATEMENTS, BATCH_STATEMENTS_BY_ROOT, CERTIFICATES, COLLECTIONS, COMPROMISES,
        DESIGN_STATEMENTS, ISSUERS_OBSERVED, KEYS, LOG_OPENED, UNREAD_ENTRIES, UnreadEntry,
    },
};

/// A statement of the log's operator, and the index of its entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry<T> {
    /// Index in the log.
    pub index: u64,
    /// What it states.
    pub statement: T,
}

/// A statement that names an issuer's key and is signed by it. Whether the key was that issuer's at that
/// index, [`View::is_key_of_collection`] tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedEntry<T> {
    /// Index in the log.
    pub index: u64,
    /// The Ed25519 key.
    pub by: B256,
    /// What it states.
    pub statement: T,
}

impl View<'_> {
    /// Entry 0.
    pub fn log_opened(&self) -> Result<Option<LogOpened>> {
        let Some(entry) = self.get(&LOG_OPENED, &(self.config.chain,))? else {
            return Ok(None);
        };
        match Statement::parse(&entry) {
            Ok(Statement::LogOpened(opened)) => Ok(Some(opened)),
            _ => Err(undecodable(LOG_OPENED.name)),
        }
    }

    /// Index and SHA-256 of the last applied entry: whether a log at hand is the one that was folded.
    pub fn last_entry(&self) -> Option<(u64, Sha256)> {
        let log = self.state.log.as_ref()?;
        Some((log.size.checked_sub(1)?, log.last_entry))
    }

    /// The last observation of an issuer.
    pub fn issuer_observed(&self, id: IssuerId) -> Result<Option<Entry<IssuerObserved>>> {
        let last = self.last(&ISSUERS_OBSERVED, &(self.config.chain, id), None)?;
        Ok(last.map(|((_, issuer_id, index), (account, did))| Entry {
            index,
            statement: IssuerObserved {
                issuer_id,
                account,
                did,
            },
        }))
    }

    /// What was stated about a design, in the order of the log, at most [`MAX_PAGE_ROWS`].
    pub fn design_statements(
        &self,
        collection: &CollectionId,
        design_id: DesignId,
    ) -> Result<Vec<SignedEntry<DesignStatement>>> {
        let page = self.page(&DESIGN_STATEMENTS, &(*collection, design_id), None, MAX_PAGE_ROWS)?;
        let entry = |((collection, design_id, index), (by, digest, edition, terms))| SignedEntry {
            index,
            by,
            statement: DesignStatement {
                collection,
                design_id,
                digest,
                edition,
                terms,
            },
        };
        Ok(page.items.into_iter().map(entry).collect())
    }

    /// The stated batches of a collection, or of one of its designs, by design and first serial: also those
    /// that are not on the chain yet. The cursor is design, first serial, entry index.
    pub fn stated_batches(
        &self,
        collection: &CollectionId,
        design_id: Option<DesignId>,
        after: Option<(DesignId, Serial, u64)>,
        limit: usize,
    ) -> Result<Page<SignedEntry<BatchStatement>, (DesignId, Serial, u64)>> {
        let after = after.map(|(design_id, serial, index)| (*collection, design_id, serial, index));
        let page = match design_id {
            Some(design_id) => self.page(
                &BATCH_STATEMENTS,
                &(*collection, design_id),
                after.as_ref(),
                limit,
            )?,
            None => self.page(&BATCH_STATEMENTS, collection, after.as_ref(), limit)?,
        };
        Ok(page.map(stated_batch, |(_, design_id, serial, index)| {
            (design_id, serial, index)
        }))
    }

    /// What was stated about the batch with this root, in the order of the log, at most [`MAX_PAGE_ROWS`].
    pub fn batch_statements(&self, root: B256) -> Result<Vec<SignedEntry<BatchStatement>>> {
        let page = self.page(
            &BATCH_STATEMENTS_BY_ROOT,
            &(self.config.chain, root),
            None,
            MAX_PAGE_ROWS,
        )?;
        let mut entries = Vec::with_capacity(page.items.len());
        for ((_, _, index), (collection, design_id, first_serial)) in page.items {
            let key = (collection, design_id, first_serial, index);
            let row = self.get(&BATCH_STATEMENTS, &key)?;
            entries.push(stated_batch((
                key,
                row.ok_or_else(|| undecodable(BATCH_STATEMENTS_BY_ROOT.name))?,
            )));
        }
        Ok(entries)
    }

    /// The stated batch whose range covers a wearable; of several the last one that starts latest.
    pub fn stated_batch_of(&self, id: &WearableId) -> Result<Option<SignedEntry<BatchStatement>>> {
        let (Some(design_id), Some(serial)) = (id.token_id.design_id(), id.token_id.serial()) else {
            return Ok(None);
        };
        let until = (id.collection, design_id, serial, u64::MAX);
        let last = self
            .last(&BATCH_STATEMENTS, &(id.collection, design_id), Some(&until))?
            .map(stated_batch);
        Ok(last.filter(|entry| serial.get() - entry.statement.first_serial.get() < entry.statement.count))
    }

    /// The certificates of a batch, by token id: its leaves, whether it is on the chain or not. The cursor
    /// is token id, entry index.
    pub fn certificates(
        &self,
        root: B256,
        after: Option<(TokenId, u64)>,
        limit: usize,
    ) -> Result<Page<Entry<CertificateIssued>, (TokenId, u64)>> {
        let after = after.map(|(token_id, index)| (self.config.chain, root, token_id, index));
        let page = self.page(&CERTIFICATES, &(self.config.chain, root), after.as_ref(), limit)?;
        let entry = |((_, batch, token_id, index), (digest, claim_key))| Entry {
            index,
            statement: CertificateIssued {
                token_id,
                digest,
                claim_key,
                batch,
            },
        };
        Ok(page.map(entry, |(_, _, token_id, index)| (token_id, index)))
    }

    /// Every certificate that the log holds for a wearable, at most [`MAX_PAGE_ROWS`]: those of the batch on
    /// the chain that covers it, or before there is one, of the batch that was stated.
    pub fn certificate_entries(&self, id: &WearableId) -> Result<Vec<Entry<CertificateIssued>>> {
        let root = match self.batch_of(id)? {
            Some(at) => Some(at.batch.root),
            None => self.stated_batch_of(id)?.map(|entry| entry.statement.root),
        };
        let Some(batch) = root else {
            return Ok(Vec::new());
        };
        let prefix = (self.config.chain, batch, id.token_id);
        let page = self.page(&CERTIFICATES, &prefix, None, MAX_PAGE_ROWS)?;
        let entry = |((_, batch, token_id, index), (digest, claim_key))| Entry {
            index,
            statement: CertificateIssued {
                token_id,
                digest,
                claim_key,
                batch,
            },
        };
        Ok(page.items.into_iter().map(entry).collect())
    }

    /// The certificate of a wearable. If the log holds several: the one that the chain certified; before
    /// the mint, the first.
    pub fn certificate_entry(&self, id: &WearableId) -> Result<Option<Entry<CertificateIssued>>> {
        let entries = self.certificate_entries(id)?;
        let certified = self.token(id)?.map(|token| token.certificate_digest);
        let position = entries
            .iter()
            .position(|entry| certified == Some(entry.statement.digest));
        Ok(entries.into_iter().nth(position.unwrap_or(0)))
    }

    /// Whether `key` may sign entry `index` of this log for the issuer of `collection`, as far as the chain
    /// is read.
    pub fn is_key_of_collection(&self, collection: &CollectionId, key: B256, index: u64) -> Result<bool> {
        let Some(row) = self.get(&COLLECTIONS, &(*collection,))? else {
            return Ok(false);
        };
        let name = KeyName {
            origin_hash: keccak256(&self.config.log_origin),
            key,
        };
        let interval = self.get(
            &KEYS,
            &(self.config.chain, row.issuer_id, name.origin_hash, name.key),
        )?;
        Ok(interval.is_some_and(|keys| {
            keys.from_index <= index && keys.until_index.is_none_or(|until| index < until)
        }))
    }

    /// Whether the certificate at this entry is repudiated at `time`, in unix seconds: the key that signed its batch is
    /// declared compromised from that entry or an earlier one on, and the declaration counts by then.
    pub fn is_repudiated(
        &self,
        collection: &CollectionId,
        certificate: &Entry<CertificateIssued>,
        time: u64,
    ) -> Result<bool> {
        let Some(row) = self.get(&COLLECTIONS, &(*collection,))? else {
            return Ok(false);
        };
        let (chain, origin_hash) = (self.config.chain, keccak256(&self.config.log_origin));
        let declared = self.page(&COMPROMISES, &(chain, row.issuer_id, origin_hash), None, 1)?;
        if declared.items.is_empty() {
            return Ok(false);
        }
        // A batch stands behind its certificates; what is stated of the same root later says nothing of them.
        let batches = self.batch_statements(certificate.statement.batch)?;
        let batch = batches
            .iter()
            .find(|batch| batch.statement.collection == *collection && batch.index > certificate.index);
        let Some(key) = batch.map(|batch| batch.by) else {
            return Ok(false);
        };
        let compromise = self.compromise(row.issuer_id, KeyName { origin_hash, key })?;
        Ok(compromise.is_some_and(|compromise| {
            compromise.from_index <= certificate.index && compromise.effective_from <= time
        }))
    }

    /// Entries that are no statement to this version, or not signed by the key they name.
    pub fn unread_entries(&self, after: Option<u64>, limit: usize) -> Result<Page<Entry<UnreadEntry>, u64>> {
        let after = after.map(|index| (self.config.chain, index));
        let page = self.page(&UNREAD_ENTRIES, &self.config.chain, after.as_ref(), limit)?;
        Ok(page.map(
            |((_, index), statement)| Entry { index, statement },
            |(_, index)| index,
        ))
    }
}

type BatchKey = (CollectionId, DesignId, Serial, u64);

fn stated_batch(
    ((collection, design_id, first_serial, index), row): (BatchKey, (B256, u64, B256, Sha256)),
) -> SignedEntry<BatchStatement> {
    let (by, count, root, idempotency_key_sha256) = row;
    let statement = BatchStatement {
        collection,
        design_id,
        first_serial,
        count,
        root,
        idempotency_key_sha256,
    };
    SignedEntry { index, by, statement }
}
