//! What the chain says.

use std::ops::Bound;

use alloy_primitives::{Address, B256};
use vestiary::ids::{AccountId, CollectionId, DesignId, IssuerId, Serial, TokenId, WearableId};

use super::{Page, View};
use crate::{
    error::Result,
    rows::{
        ACCEPTED_LOGS, ACCREDITATIONS, ANCHORS, AcceptedLog, Accreditation, Anchor, BALANCES, BATCHES,
        BATCHES_BY_ROOT, Batch, COLLECTION_COUNT, COLLECTIONS, COLLECTIONS_BY_ISSUER, COMPROMISES,
        Collection, Compromise, DESIGNS, DID_CLAIMS, Design, DidClaim, HISTORY, HistoryEntry, ISSUER_COUNT,
        ISSUERS, ISSUERS_BY_ACCOUNT, Issuer, KEYS, KeyInterval, MINTERS, Minter, OWNED, TOKENS, Token,
    },
    store::upper_bound,
};

/// Where a page of something that happened on the chain goes on: block number and log index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChainCursor {
    /// The block's number.
    pub block: u64,
    /// Position of the log in the block.
    pub log_index: u64,
}

/// A key of an issuer in a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyName {
    /// Hash of the log's origin.
    pub origin_hash: B256,
    /// The Ed25519 public key.
    pub key: B256,
}

/// A batch and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchAt {
    /// Its collection.
    pub collection: CollectionId,
    /// Its design.
    pub design_id: DesignId,
    /// Its first serial.
    pub first_serial: Serial,
    /// The batch.
    pub batch: Batch,
}

impl View<'_> {
    /// The wearables of `owner`, by collection and token id.
    pub fn owned(
        &self,
        owner: Address,
        after: Option<&WearableId>,
        limit: usize,
    ) -> Result<Page<(WearableId, Token), WearableId>> {
        let account = self.account(owner);
        let after = after.map(|after| (account, after.collection.address, after.token_id));
        let page = self.page(&OWNED, &account, after.as_ref(), limit)?;
        let id = |(_, collection, token_id): (AccountId, Address, TokenId)| {
            CollectionId::new(self.config.chain, collection).wearable(token_id)
        };
        let mut items = Vec::with_capacity(page.items.len());
        for (key, ()) in page.items {
            let id = id(key);
            let token = self.token(&id)?;
            items.push((
                id,
                token.ok_or_else(|| crate::Error::rebuild(format!("{id} has no row")))?,
            ));
        }
        Ok(Page {
            items,
            next: page.next.map(id),
        })
    }

    /// How many wearables of each collection belong to `owner`, by collection; zeros left out.
    pub fn balances(
        &self,
        owner: Address,
        after: Option<&CollectionId>,
        limit: usize,
    ) -> Result<Page<(CollectionId, u64), CollectionId>> {
        let account = self.account(owner);
        let after = after.map(|after| (account, after.address));
        let id = |(_, collection)| CollectionId::new(self.config.chain, collection);
        let page = self.page(&BALANCES, &account, after.as_ref(), limit)?;
        Ok(page.map(|(key, balance)| (id(key), balance), id))
    }

    /// How many wearables of `collection` belong to `owner`.
    pub fn balance(&self, owner: Address, collection: &CollectionId) -> Result<u64> {
        let balance = self.get(
            &BALANCES,
            &(AccountId::new(collection.chain, owner), collection.address),
        )?;
        Ok(balance.unwrap_or(0))
    }

    /// A wearable; `None` if it was never minted. Once burned it stays, without owner.
    pub fn token(&self, id: &WearableId) -> Result<Option<Token>> {
        self.get(&TOKENS, &(*id,))
    }

    /// What happened to a wearable, oldest first.
    pub fn history(
        &self,
        id: &WearableId,
        after: Option<ChainCursor>,
        limit: usize,
    ) -> Result<Page<HistoryEntry, ChainCursor>> {
        let after = after.map(|after| (*id, after.block, after.log_index));
        let page = self.page(&HISTORY, id, after.as_ref(), limit)?;
        Ok(page.map(
            |(_, entry)| entry,
            |(_, block, log_index)| ChainCursor { block, log_index },
        ))
    }

    /// An issuer.
    pub fn issuer(&self, id: IssuerId) -> Result<Option<Issuer>> {
        self.get(&ISSUERS, &(self.config.chain, id))
    }

    /// All issuers, by number.
    pub fn issuers(
        &self,
        after: Option<IssuerId>,
        limit: usize,
    ) -> Result<Page<(IssuerId, Issuer), IssuerId>> {
        let after = after.map(|after| (self.config.chain, after));
        let page = self.page(&ISSUERS, &self.config.chain, after.as_ref(), limit)?;
        Ok(page.map(|((_, id), issuer)| (id, issuer), |(_, id)| id))
    }

    /// How many issuers are registered.
    pub fn issuer_count(&self) -> Result<u64> {
        Ok(self.get(&ISSUER_COUNT, &(self.config.chain,))?.unwrap_or(0))
    }

    /// The issuers that `account` acts for now.
    pub fn issuers_of_account(
        &self,
        account: Address,
        after: Option<IssuerId>,
        limit: usize,
    ) -> Result<Page<IssuerId, IssuerId>> {
        let account = self.account(account);
        let after = after.map(|after| (account, after));
        let page = self.page(&ISSUERS_BY_ACCOUNT, &account, after.as_ref(), limit)?;
        Ok(page.map(|((_, id), ())| id, |(_, id)| id))
    }

    /// Every DID an issuer has claimed, oldest first.
    pub fn did_claims(
        &self,
        id: IssuerId,
        after: Option<ChainCursor>,
        limit: usize,
    ) -> Result<Page<DidClaim, ChainCursor>> {
        let chain = self.config.chain;
        let after = after.map(|after| (chain, id, after.block, after.log_index));
        let page = self.page(&DID_CLAIMS, &(chain, id), after.as_ref(), limit)?;
        Ok(page.map(
            |(_, claim)| claim,
            |(_, _, block, log_index)| ChainCursor { block, log_index },
        ))
    }

    /// An issuer's keys and the entries they may sign, by log and key.
    pub fn keys(
        &self,
        id: IssuerId,
        after: Option<KeyName>,
        limit: usize,
    ) -> Result<Page<(KeyName, KeyInterval), KeyName>> {
        let chain = self.config.chain;
        let after = after.map(|after| (chain, id, after.origin_hash, after.key));
        let page = self.page(&KEYS, &(chain, id), after.as_ref(), limit)?;
        let name = |(_, _, origin_hash, key)| KeyName { origin_hash, key };
        Ok(page.map(|(key, interval)| (name(key), interval), name))
    }

    /// The entries of a log that `key` may sign for an issuer.
    pub fn key(&self, id: IssuerId, name: KeyName) -> Result<Option<KeyInterval>> {
        self.get(&KEYS, &(self.config.chain, id, name.origin_hash, name.key))
    }

    /// The issuer's word that somebody else may have signed with `key` in a log.
    pub fn compromise(&self, id: IssuerId, name: KeyName) -> Result<Option<Compromise>> {
        self.get(&COMPROMISES, &(self.config.chain, id, name.origin_hash, name.key))
    }

    /// Who vouches for an issuer, by account.
    pub fn accreditations(
        &self,
        id: IssuerId,
        after: Option<Address>,
        limit: usize,
    ) -> Result<Page<(Address, Accreditation), Address>> {
        let chain = self.config.chain;
        let after = after.map(|after| (chain, id, after));
        let page = self.page(&ACCREDITATIONS, &(chain, id), after.as_ref(), limit)?;
        Ok(page.map(
            |((_, _, accreditor), accreditation)| (accreditor, accreditation),
            |(_, _, accreditor)| accreditor,
        ))
    }

    /// The logs an issuer accepts or once did, by the hash of their origin.
    pub fn accepted_logs(
        &self,
        id: IssuerId,
        after: Option<B256>,
        limit: usize,
    ) -> Result<Page<(B256, AcceptedLog), B256>> {
        let chain = self.config.chain;
        let after = after.map(|after| (chain, id, after));
        let page = self.page(&ACCEPTED_LOGS, &(chain, id), after.as_ref(), limit)?;
        Ok(page.map(
            |((_, _, origin_hash), log)| (origin_hash, log),
            |(_, _, origin_hash)| origin_hash,
        ))
    }

    /// A collection that the factory lists.
    pub fn collection(&self, id: &CollectionId) -> Result<Option<Collection>> {
        self.get(&COLLECTIONS, &(*id,))
    }

    /// How many collections the factory lists.
    pub fn collection_count(&self) -> Result<u64> {
        Ok(self.get(&COLLECTION_COUNT, &(self.config.chain,))?.unwrap_or(0))
    }

    /// All collections, or those of one issuer, by address.
    pub fn collections(
        &self,
        issuer: Option<IssuerId>,
        after: Option<&CollectionId>,
        limit: usize,
    ) -> Result<Page<(CollectionId, Collection), CollectionId>> {
        let chain = self.config.chain;
        let Some(issuer) = issuer else {
            let after = after.map(|after| (*after,));
            let page = self.page(&COLLECTIONS, &chain, after.as_ref(), limit)?;
            return Ok(page.map(|((id,), collection)| (id, collection), |(id,)| id));
        };
        let after = after.map(|after| (chain, issuer, after.address));
        let page = self.page(&COLLECTIONS_BY_ISSUER, &(chain, issuer), after.as_ref(), limit)?;
        let mut items = Vec::with_capacity(page.items.len());
        for ((_, _, address), ()) in page.items {
            let id = CollectionId::new(chain, address);
            let collection = self.collection(&id)?;
            items.push((
                id,
                collection.ok_or_else(|| crate::Error::rebuild(format!("{id} has no row")))?,
            ));
        }
        Ok(Page {
            items,
            next: page.next.map(|(_, _, address)| CollectionId::new(chain, address)),
        })
    }

    /// Accounts that may, or once might, mint in a collection.
    pub fn minters(
        &self,
        collection: &CollectionId,
        after: Option<Address>,
        limit: usize,
    ) -> Result<Page<(Address, Minter), Address>> {
        let after = after.map(|after| (*collection, after));
        let page = self.page(&MINTERS, collection, after.as_ref(), limit)?;
        Ok(page.map(|((_, address), minter)| (address, minter), |(_, address)| address))
    }

    /// Whether `account` may mint serials without claim key in `collection` now.
    pub fn is_minter(&self, collection: &CollectionId, account: Address) -> Result<bool> {
        Ok(self
            .get(&MINTERS, &(*collection, account))?
            .is_some_and(|minter| minter.allowed))
    }

    /// A design that is open on the chain.
    pub fn design(&self, collection: &CollectionId, design_id: DesignId) -> Result<Option<Design>> {
        self.get(&DESIGNS, &(*collection, design_id))
    }

    /// The open designs of a collection, by number.
    pub fn designs(
        &self,
        collection: &CollectionId,
        after: Option<DesignId>,
        limit: usize,
    ) -> Result<Page<(DesignId, Design), DesignId>> {
        let after = after.map(|after| (*collection, after));
        let page = self.page(&DESIGNS, collection, after.as_ref(), limit)?;
        Ok(page.map(|((_, id), design)| (id, design), |(_, id)| id))
    }

    /// The committed batches of a collection, or of one of its designs, by design and serial.
    pub fn batches(
        &self,
        collection: &CollectionId,
        design_id: Option<DesignId>,
        after: Option<(DesignId, Serial)>,
        limit: usize,
    ) -> Result<Page<BatchAt, (DesignId, Serial)>> {
        let after = after.map(|(design_id, serial)| (*collection, design_id, serial));
        let page = match design_id {
            Some(design_id) => self.page(&BATCHES, &(*collection, design_id), after.as_ref(), limit)?,
            None => self.page(&BATCHES, collection, after.as_ref(), limit)?,
        };
        Ok(page.map(batch_at, |(_, design_id, serial)| (design_id, serial)))
    }

    /// The batch with this root.
    pub fn batch_by_root(&self, collection: &CollectionId, root: B256) -> Result<Option<BatchAt>> {
        let Some((design_id, first_serial)) = self.get(&BATCHES_BY_ROOT, &(*collection, root))? else {
            return Ok(None);
        };
        let key = (*collection, design_id, first_serial);
        Ok(self.get(&BATCHES, &key)?.map(|batch| batch_at((key, batch))))
    }

    /// The batch whose range covers a wearable, minted or not.
    pub fn batch_of(&self, id: &WearableId) -> Result<Option<BatchAt>> {
        let (Some(design_id), Some(serial)) = (id.token_id.design_id(), id.token_id.serial()) else {
            return Ok(None);
        };
        let until = (id.collection, design_id, serial);
        let batch = self
            .last(&BATCHES, &(id.collection, design_id), Some(&until))?
            .map(batch_at);
        Ok(batch.filter(|at| serial.get() - at.first_serial.get() < at.batch.count))
    }

    /// What `account` has anchored of the log with this origin hash, by size.
    pub fn anchors(
        &self,
        account: Address,
        origin_hash: B256,
        after_size: Option<u64>,
        limit: usize,
    ) -> Result<Page<(u64, Anchor), u64>> {
        let prefix = (self.account(account), origin_hash);
        let after = after_size.map(|size| (prefix.0, prefix.1, size));
        let page = self.page(&ANCHORS, &prefix, after.as_ref(), limit)?;
        Ok(page.map(|((_, _, size), anchor)| (size, anchor), |(_, _, size)| size))
    }

    /// The largest size that `account` has anchored of the log.
    pub fn latest_anchor(&self, account: Address, origin_hash: B256) -> Result<Option<(u64, Anchor)>> {
        let last = self.last(&ANCHORS, &(self.account(account), origin_hash), None)?;
        Ok(last.map(|((_, _, size), anchor)| (size, anchor)))
    }

    /// The earliest anchor that contains entry `index`.
    pub fn anchor_containing(
        &self,
        account: Address,
        origin_hash: B256,
        index: u64,
    ) -> Result<Option<(u64, Anchor)>> {
        let prefix = (self.account(account), origin_hash);
        let from = Bound::Excluded(ANCHORS.key(&(prefix.0, prefix.1, index)));
        let page = self.page_of(&ANCHORS, from, upper_bound(&ANCHORS.key(&prefix)), 1)?;
        Ok(page
            .items
            .into_iter()
            .next()
            .map(|((_, _, size), anchor)| (size, anchor)))
    }

    fn account(&self, address: Address) -> AccountId {
        AccountId::new(self.config.chain, address)
    }
}

fn batch_at(
    ((collection, design_id, first_serial), batch): ((CollectionId, DesignId, Serial), Batch),
) -> BatchAt {
    BatchAt {
        collection,
        design_id,
        first_serial,
        batch,
    }
}
