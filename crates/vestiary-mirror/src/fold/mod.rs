//! The two folds. Neither reads a clock, gives out numbers, or looks at what the other one wrote.

mod collection;
mod registry;
mod statements;

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::{Address, B256};
use vestiary::{
    abi::{
        ICollectionFactory, IERC721, IIssuerRegistry, ILogAnchor, IWearableCollection, IWearableRights,
        SolEventInterface,
    },
    block::{Block, ChainLog},
    digest::Sha256,
    ids::{AccountId, CollectionId, DesignId, WearableId},
};

pub(crate) use statements::fold_entry;

use crate::{
    config::MirrorConfig,
    draft::Draft,
    error::{Error, Result},
    rows::{ANCHORS, Anchor, COLLECTIONS, ChainPoint, HEAD, Head, LATEST_ANCHORS},
};

/// One block being folded: F takes one step.
struct BlockFold<'a, 's> {
    config: &'a MirrorConfig,
    draft: &'a mut Draft<'s>,
    block: &'a Block,
    /// The log in hand.
    at: ChainPoint,
    /// Collections created in this block, and whether their own first log was seen.
    created: BTreeMap<CollectionId, bool>,
    /// Designs opened in this block whose first batch was not seen yet.
    unbatched: BTreeSet<(CollectionId, DesignId)>,
    /// Mints of this block whose certificate was not seen yet.
    uncertified: BTreeSet<WearableId>,
    /// Certificates of this block whose mint was not seen yet.
    unminted: BTreeMap<WearableId, Sha256>,
}

/// Folds `block` into `draft`. On an error the step is to be abandoned.
///
/// Logs of addresses that are neither ours nor in our factory's list are not looked at: a contract that
/// emits the same events is nobody.
pub(crate) fn fold_block(config: &MirrorConfig, draft: &mut Draft<'_>, block: &Block) -> Result<()> {
    let mut fold = BlockFold {
        config,
        draft,
        block,
        at: ChainPoint {
            block: block.block_ref(),
            timestamp: block.timestamp,
            transaction_hash: B256::ZERO,
            log_index: 0,
        },
        created: BTreeMap::new(),
        unbatched: BTreeSet::new(),
        uncertified: BTreeSet::new(),
        unminted: BTreeMap::new(),
    };
    fold.logs_are_in_order()?;
    // A collection writes its first logs before the factory lists it, in the same transaction. So the
    // factory goes first; nothing that it or the registry says depends on a collection.
    for log in &block.logs {
        fold.fold_fixed_contract(log)?;
    }
    for log in &block.logs {
        fold.fold_listed_collection(log)?;
    }
    fold.nothing_is_left_open()?;
    let head = Head {
        block: block.block_ref(),
        parent_hash: block.parent_hash,
        timestamp: block.timestamp,
    };
    draft.put(&HEAD, &(config.chain,), &head)
}

impl BlockFold<'_, '_> {
    fn logs_are_in_order(&mut self) -> Result<()> {
        for pair in self.block.logs.windows(2) {
            if pair[0].log_index >= pair[1].log_index {
                self.at.log_index = pair[1].log_index;
                return Err(self.contradiction("logs are not in the order of their index"));
            }
        }
        Ok(())
    }

    fn fold_fixed_contract(&mut self, log: &ChainLog) -> Result<()> {
        self.go_to(log);
        if log.address == self.config.registry {
            match self.decode::<IIssuerRegistry::IIssuerRegistryEvents>(log, REGISTRY_TOPICS)? {
                Some(event) => self.fold_registry(event),
                None => Ok(()),
            }
        } else if log.address == self.config.factory {
            match self.decode::<ICollectionFactory::ICollectionFactoryEvents>(log, FACTORY_TOPICS)? {
                Some(ICollectionFactory::ICollectionFactoryEvents::CollectionCreated(event)) => {
                    self.fold_created(&event)
                }
                None => Ok(()),
            }
        } else if log.address == self.config.log_anchor {
            match self.decode::<ILogAnchor::ILogAnchorEvents>(log, ANCHOR_TOPICS)? {
                Some(ILogAnchor::ILogAnchorEvents::Anchored(event)) => self.fold_anchored(&event),
                None => Ok(()),
            }
        } else {
            Ok(())
        }
    }

    fn fold_listed_collection(&mut self, log: &ChainLog) -> Result<()> {
        let id = CollectionId::new(self.config.chain, log.address);
        if self.draft.get(&COLLECTIONS, &(id,))?.is_none() {
            return Ok(());
        }
        self.go_to(log);
        if let Some(event) = self.decode(log, COLLECTION_TOPICS)? {
            return self.fold_collection(id, event);
        }
        if let Some(event) = self.decode(log, RIGHTS_TOPICS)? {
            return self.fold_rights(id, &event);
        }
        match self.decode(log, ERC721_TOPICS)? {
            Some(IERC721::IERC721Events::Transfer(event)) => self.fold_transfer(id, &event),
            _ => Ok(()),
        }
    }

    fn fold_anchored(&mut self, event: &ILogAnchor::Anchored) -> Result<()> {
        let account = AccountId::new(self.config.chain, event.account);
        let last = self
            .draft
            .get(&LATEST_ANCHORS, &(account, event.originHash))?
            .unwrap_or(0);
        if event.size <= last {
            return Err(self.contradiction("the size of an anchored log does not grow"));
        }
        self.draft
            .put(&LATEST_ANCHORS, &(account, event.originHash), &event.size)?;
        let anchor = Anchor {
            root: event.root,
            at: self.at.clone(),
        };
        self.draft
            .put(&ANCHORS, &(account, event.originHash, event.size), &anchor)
    }

    fn nothing_is_left_open(&self) -> Result<()> {
        if let Some((id, _)) = self.created.iter().find(|(_, initialized)| !**initialized) {
            return Err(self.contradiction(format!("{id} was created and not initialised: logs are missing")));
        }
        if let Some((id, design_id)) = self.unbatched.first() {
            let what = format!("design {design_id} of {id} was opened without a batch");
            return Err(self.contradiction(what));
        }
        let open = self.uncertified.first().or_else(|| self.unminted.keys().next());
        match open {
            Some(id) => Err(self.contradiction(format!("{id} was not both minted and certified"))),
            None => Ok(()),
        }
    }

    fn go_to(&mut self, log: &ChainLog) {
        self.at.transaction_hash = log.transaction_hash;
        self.at.log_index = log.log_index;
    }

    /// The event in `log`; `None` for one that is not in `known`.
    fn decode<E: SolEventInterface>(&self, log: &ChainLog, known: &[[u8; 32]]) -> Result<Option<E>> {
        if !log.topics.first().is_some_and(|topic| known.contains(&topic.0)) {
            return Ok(None);
        }
        E::decode_raw_log(&log.topics, &log.data)
            .map(Some)
            .map_err(|error| self.contradiction(format!("the log does not decode: {error}")))
    }

    fn contradiction(&self, what: impl Into<String>) -> Error {
        Error::Contradiction {
            number: self.block.number,
            log_index: self.at.log_index,
            what: what.into(),
        }
    }
}

const REGISTRY_TOPICS: &[[u8; 32]] = IIssuerRegistry::IIssuerRegistryEvents::SELECTORS;
const FACTORY_TOPICS: &[[u8; 32]] = ICollectionFactory::ICollectionFactoryEvents::SELECTORS;
const ANCHOR_TOPICS: &[[u8; 32]] = ILogAnchor::ILogAnchorEvents::SELECTORS;
const COLLECTION_TOPICS: &[[u8; 32]] = IWearableCollection::IWearableCollectionEvents::SELECTORS;
const RIGHTS_TOPICS: &[[u8; 32]] = IWearableRights::IWearableRightsEvents::SELECTORS;
const ERC721_TOPICS: &[[u8; 32]] = IERC721::IERC721Events::SELECTORS;

/// `Some` unless zero.
fn non_zero(address: Address) -> Option<Address> {
    (!address.is_zero()).then_some(address)
}
