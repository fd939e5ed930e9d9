//! A simulated chain with a simulated node, below alloy's client.
//!
//! Blocks have real hashes, blooms and receipts roots, so that everything which the follower checks holds,
//! and fails when the node lies. Nothing here reads a clock or randomness: one seed, one story.

mod chain;
mod contract;
mod lies;
mod node;
mod parrot;
mod pool;
mod seeded;

pub use contract::{SimCall, SimContract, SimOutcome, SimStorage};
pub use lies::{Lie, LiePlan, SIM_NONCE_LEAP, SIM_RETRY_AFTER_S};
pub use parrot::Parrot;
pub use seeded::Seeded;

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use alloy_primitives::{Address, B256, Log, U256};
use alloy_rpc_client::RpcClient;
use vestiary::{
    block::{Block, BlockRef, ChainLog},
    ids::ChainId,
};

use crate::rpc::Endpoint;
use chain::{Chain, Kind, View};
use lies::Liar;

/// How errors are worded; texts differ between clients and are what a submitter has to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wording {
    /// go-ethereum.
    Geth,
    /// Foundry's test node.
    Anvil,
}

/// What the simulated chain is like.
#[derive(Debug, Clone)]
pub struct SimOptions {
    /// Chain id.
    pub chain: ChainId,
    /// `safe` is so many blocks behind the head.
    pub safe_depth: u64,
    /// `finalized` is so many blocks behind the head.
    pub finalized_depth: u64,
    /// Wei of each account at the start.
    pub balances: BTreeMap<Address, U256>,
    /// Error texts.
    pub wording: Wording,
    /// Longest block range that `eth_getLogs` answers.
    pub max_log_range: Option<u64>,
    /// `eth_getLogs` silently cuts its answer off here.
    pub log_cap: Option<usize>,
    /// Whether the node has `eth_getBlockReceipts`.
    pub has_block_receipts: bool,
}

impl Default for SimOptions {
    fn default() -> Self {
        Self {
            chain: ChainId(31_337),
            safe_depth: 32,
            finalized_depth: 64,
            balances: BTreeMap::new(),
            wording: Wording::Geth,
            max_log_range: None,
            log_cap: None,
            has_block_receipts: true,
        }
    }
}

/// What becomes of a transaction whose block is replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It waits to be mined again.
    Returned,
    /// The node forgets it.
    Dropped,
}

/// A branch from genesis to a head, see [`SimChain::branch`].
#[derive(Clone)]
pub struct SimBranch(View);

impl fmt::Debug for SimBranch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SimBranch")
            .field(&self.0.last().map(|head| head.block_ref()))
            .finish()
    }
}

/// The chain and its node. Clones share one chain.
#[derive(Clone)]
pub struct SimChain(Arc<Mutex<Sim>>);

struct Sim {
    chain: Chain,
    liar: Liar,
    questions: Vec<String>,
}

impl fmt::Debug for SimChain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SimChain").field(&self.head()).finish()
    }
}

impl SimChain {
    /// A chain with its genesis block.
    pub fn new(options: SimOptions) -> Self {
        let sim = Sim {
            chain: Chain::new(options),
            liar: Liar::default(),
            questions: Vec::new(),
        };
        Self(Arc::new(Mutex::new(sim)))
    }

    /// A client of the node.
    pub fn client(&self) -> RpcClient {
        RpcClient::new(self.clone(), true)
    }

    /// The node, for [`Rpc::connect`](crate::rpc::Rpc::connect).
    pub fn endpoint(&self) -> Endpoint {
        Endpoint::client(self.client())
    }

    /// Puts a contract at an address, on every block.
    pub fn set_contract(&self, address: Address, contract: impl SimContract + 'static) {
        self.lock().chain.contracts.insert(address, Arc::new(contract));
    }

    /// Gives an account money, on the newest block.
    pub fn fund(&self, account: Address, wei: U256) {
        self.lock().chain.fund(account, wei);
    }

    /// Adds a transaction that writes these logs; no account and no nonce involved.
    pub fn emit(&self, logs: Vec<Log>) -> B256 {
        self.lock().chain.add(Kind::Logs(logs))
    }

    /// Adds a transaction that makes a call; no account, no nonce and no signature involved.
    pub fn call(&self, call: SimCall) -> B256 {
        self.lock().chain.add(Kind::Call(Box::new(call)))
    }

    /// Mines one block with every transaction that can be mined.
    pub fn mine(&self) -> BlockRef {
        self.lock().chain.mine()
    }

    /// Mines blocks; the first takes the waiting transactions.
    pub fn mine_blocks(&self, count: u64) -> BlockRef {
        let mut head = self.head();
        for _ in 0..count {
            head = self.mine();
        }
        head
    }

    /// Removes the newest `depth` blocks; the caller then mines the branch that replaces them. Genesis stays.
    pub fn reorg(&self, depth: usize, fate: impl FnMut(B256) -> Fate) {
        self.lock().chain.reorg(depth, fate);
    }

    /// The branch that is the chain now.
    pub fn branch(&self) -> SimBranch {
        SimBranch(self.lock().chain.canonical.clone())
    }

    /// The node shows another branch of this chain, whichever.
    pub fn show(&self, branch: SimBranch) {
        self.lock().chain.canonical = branch.0;
    }

    /// Lets the node forget a waiting transaction.
    pub fn forget(&self, transaction: B256) {
        self.lock()
            .chain
            .pool
            .retain(|waiting| waiting.hash != transaction);
    }

    /// Hashes of the waiting transactions.
    pub fn waiting(&self) -> Vec<B256> {
        self.lock()
            .chain
            .pool
            .iter()
            .map(|transaction| transaction.hash)
            .collect()
    }

    /// The base fee of the blocks mined from now on.
    pub fn set_base_fee(&self, wei: u64) {
        self.lock().chain.base_fee_wei = wei;
    }

    /// The newest block.
    pub fn head(&self) -> BlockRef {
        self.lock().chain.head().block_ref()
    }

    /// The block at a height.
    pub fn block_at(&self, number: u64) -> Option<BlockRef> {
        let sim = self.lock();
        Some(
            sim.chain
                .canonical
                .get(usize::try_from(number).ok()?)?
                .block_ref(),
        )
    }

    /// Every log of the chain as it stands, with its block: what a follower must have folded to.
    pub fn logs(&self) -> Vec<(BlockRef, ChainLog)> {
        self.lock().chain.logs()
    }

    /// Every block of the chain as it stands, with all its logs.
    pub fn blocks(&self) -> Vec<Block> {
        self.lock().chain.blocks()
    }

    /// The account's next nonce: how often a transaction of the account was mined.
    pub fn nonce(&self, account: Address) -> u64 {
        self.lock()
            .chain
            .head()
            .accounts
            .get(&account)
            .map_or(0, |account| account.nonce)
    }

    /// What contracts remember, at the newest block.
    pub fn storage(&self) -> SimStorage {
        (*self.lock().chain.head().storage).clone()
    }

    /// What contracts remembered at a block, on whichever branch; `None` for a block that never was.
    pub fn storage_at(&self, block: B256) -> Option<SimStorage> {
        Some((*self.lock().chain.by_hash.get(&block)?.storage).clone())
    }

    /// From now on the node lies by this plan.
    pub fn lie(&self, plan: LiePlan) {
        self.lock().liar.plan = Some(plan);
    }

    /// From now on the node tells the truth.
    pub fn be_honest(&self) {
        let mut sim = self.lock();
        sim.liar.plan = None;
        sim.liar.next.clear();
    }

    /// The next call of a method gets this lie, once.
    pub fn lie_once(&self, method: &'static str, lie: Lie) {
        self.lock().liar.next.push((method, lie));
    }

    /// From now on [`Lie::RateLimitFor`] asks for so many seconds.
    pub fn ask_to_wait_s(&self, seconds: u64) {
        self.lock().liar.retry_after_s = Some(seconds);
    }

    /// How often each lie was told.
    pub fn lies_told(&self) -> BTreeMap<Lie, usize> {
        self.lock().liar.told.clone()
    }

    /// Every question so far, as `method params`.
    pub fn questions(&self) -> Vec<String> {
        self.lock().questions.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Sim> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
