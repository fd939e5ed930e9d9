//! Blocks and log entries as the contracts and the service would write them, for tests of whatever feeds or asks a mirror. Behind the
//! feature `testing`.

mod log;

pub use log::LogBuilder;

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use vestiary::{
    abi::{ICollectionFactory, IERC721, IIssuerRegistry, ILogAnchor, IWearableCollection, SolEvent},
    block::{Block, ChainLog},
    ids::{ChainId, CollectionId, DesignId, Serial, TokenId, WearableId},
};

use crate::config::MirrorConfig;

/// Seconds between two blocks.
pub const BLOCK_SECONDS: u64 = 2;

/// A configuration with made-up contracts on chain 31337, from block 1.
pub fn config() -> MirrorConfig {
    MirrorConfig {
        chain: ChainId(31337),
        genesis_hash: B256::repeat_byte(0x90),
        registry: Address::repeat_byte(0xa1),
        factory: Address::repeat_byte(0xa2),
        log_anchor: Address::repeat_byte(0xa3),
        first_block: 1,
        log_origin: "log.example/wearables".into(),
    }
}

/// The collection at the address made of `byte`, on the chain of [`config`].
pub fn collection(byte: u8) -> CollectionId {
    CollectionId::new(config().chain, Address::repeat_byte(byte))
}

/// Copy `serial` of a design. Both from 1.
pub fn wearable(collection: CollectionId, design_id: u64, serial: u64) -> WearableId {
    let design_id = DesignId::new(design_id).expect("designs count from 1");
    collection.wearable(TokenId::new(
        design_id,
        Serial::new(serial).expect("serials count from 1"),
    ))
}

/// A batch that [`ChainBuilder::commit`] commits.
#[derive(Debug, Clone, Copy)]
pub struct Commit {
    /// The design.
    pub design_id: u64,
    /// First serial; 1 opens the design.
    pub first_serial: u64,
    /// How many.
    pub count: u64,
    /// The design's edition; 0 is open.
    pub edition: u64,
}

impl Commit {
    /// The root that stands for this batch.
    pub fn root(&self, collection: CollectionId) -> B256 {
        let text = format!(
            "{collection}/{}/{}/{}",
            self.design_id, self.first_serial, self.count
        );
        keccak256(text)
    }

    /// The digest that stands for the design's document.
    pub fn design_digest(&self) -> B256 {
        keccak256(format!("design {}", self.design_id))
    }
}

/// The digest that stands for a wearable's certificate.
pub fn certificate_digest(id: WearableId) -> B256 {
    keccak256(id.to_string())
}

/// Name of the table that a stored key is of, and whether key and value can be read as its row; `None` for a key of
/// no table.
pub fn decodes(key: &[u8], value: &[u8]) -> Option<(&'static str, bool)> {
    crate::rows::decodes(key, value)
}

/// A growing branch of a made-up chain. Acts gather in a pending block until [`end_block`](Self::end_block).
///
/// Nothing is checked: a builder can just as well write what no contract would.
#[derive(Debug, Clone)]
pub struct ChainBuilder {
    config: MirrorConfig,
    branch: u64,
    parent: Option<Block>,
    logs: Vec<ChainLog>,
    transactions: u64,
}

impl ChainBuilder {
    /// An empty chain whose next block is the first that a mirror of `config` takes.
    pub fn new(config: MirrorConfig) -> Self {
        Self {
            config,
            branch: 0,
            parent: None,
            logs: Vec::new(),
            transactions: 0,
        }
    }

    /// Another branch that goes on after `parent`, `None` for the start of the chain. Its blocks have other
    /// hashes than those of a branch with another number, whatever is in them.
    pub fn branch_after(config: MirrorConfig, parent: Option<&Block>, branch: u64) -> Self {
        Self {
            config,
            branch,
            parent: parent.cloned(),
            logs: Vec::new(),
            transactions: 0,
        }
    }

    /// An event of any contract, in the transaction of the one before.
    pub fn event(&mut self, address: Address, event: &impl SolEvent) -> &mut Self {
        let data = event.encode_log_data();
        self.log(address, data.topics().to_vec(), data.data)
    }

    /// Any log at all.
    pub fn log(&mut self, address: Address, topics: Vec<B256>, data: Bytes) -> &mut Self {
        let number = self.next_number();
        let transaction = format!("{} {number} {}", self.branch, self.transactions);
        self.logs.push(ChainLog {
            address,
            topics,
            data,
            transaction_hash: keccak256(transaction),
            log_index: self.logs.len() as u64,
        });
        self
    }

    /// What follows is in another transaction.
    pub const fn next_transaction(&mut self) -> &mut Self {
        self.transactions += 1;
        self
    }

    /// `account` registers as issuer `issuer_id`, the next number.
    pub fn register(&mut self, issuer_id: u64, account: Address, did: &str) -> &mut Self {
        let registry = self.config.registry;
        let event = IIssuerRegistry::IssuerRegistered {
            issuerId: issuer_id,
            account,
            did: did.into(),
        };
        self.next_transaction().event(registry, &event)
    }

    /// The factory makes `collection` for an issuer, as the `index`-th of its list. The clone's own logs
    /// come first, as on the real chain.
    pub fn create(
        &mut self,
        collection: CollectionId,
        issuer_id: u64,
        index: u64,
        minter: Address,
    ) -> &mut Self {
        let initialized = IWearableCollection::CollectionInitialized {
            issuerId: issuer_id,
            name: "Manteaux".into(),
            symbol: "MTX".into(),
        };
        let minter = IWearableCollection::MinterChanged {
            minter,
            allowed: true,
        };
        let factory = self.config.factory;
        let created = ICollectionFactory::CollectionCreated {
            collection: collection.address,
            issuerId: issuer_id,
            index: U256::from(index),
        };
        self.next_transaction()
            .event(collection.address, &initialized)
            .event(collection.address, &minter)
            .event(factory, &created)
    }

    /// The issuer commits a batch; its first one opens the design.
    pub fn commit(&mut self, collection: CollectionId, commit: &Commit) -> &mut Self {
        self.next_transaction();
        if commit.first_serial == 1 {
            let opened = IWearableCollection::DesignOpened {
                designId: commit.design_id,
                designDigest: commit.design_digest(),
                edition: commit.edition,
                terms: U256::ZERO,
            };
            self.event(collection.address, &opened);
        }
        let committed = IWearableCollection::BatchCommitted {
            designId: commit.design_id,
            firstSerial: commit.first_serial,
            count: commit.count,
            root: commit.root(collection),
        };
        self.event(collection.address, &committed)
    }

    /// A wearable is minted to `to`, with [`certificate_digest`].
    pub fn mint(&mut self, id: WearableId, to: Address) -> &mut Self {
        let certified = IWearableCollection::Certified {
            tokenId: id.token_id.0,
            certificateDigest: certificate_digest(id),
        };
        self.transfer(id, Address::ZERO, to)
            .event(id.collection.address, &certified)
    }

    /// A wearable changes hands; to the zero address it is burned.
    pub fn transfer(&mut self, id: WearableId, from: Address, to: Address) -> &mut Self {
        let event = IERC721::Transfer {
            from,
            to,
            tokenId: id.token_id.0,
        };
        self.next_transaction().event(id.collection.address, &event)
    }

    /// `account` anchors a log.
    pub fn anchor(&mut self, account: Address, origin: &str, size: u64, root: B256) -> &mut Self {
        let log_anchor = self.config.log_anchor;
        let event = ILogAnchor::Anchored {
            account,
            originHash: keccak256(origin),
            size,
            root,
        };
        self.next_transaction().event(log_anchor, &event)
    }

    /// Ends the pending block and starts the next one.
    pub fn end_block(&mut self) -> Block {
        let number = self.next_number();
        let parent_hash = self
            .parent
            .as_ref()
            .map_or(self.config.genesis_hash, |parent| parent.hash);
        let logs = std::mem::take(&mut self.logs);
        let header = format!("{parent_hash} {number} {} {logs:?}", self.branch);
        let block = Block {
            number,
            hash: keccak256(header),
            parent_hash,
            timestamp: 1_700_000_000 + number * BLOCK_SECONDS,
            logs,
        };
        self.parent = Some(block.clone());
        self.transactions = 0;
        block
    }

    fn next_number(&self) -> u64 {
        self.parent
            .as_ref()
            .map_or(self.config.first_block, |parent| parent.number + 1)
    }
}
