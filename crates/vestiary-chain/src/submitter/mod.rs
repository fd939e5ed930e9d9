//! Sends transactions so that each order happens once, whatever fails in between.
//!
//! Order of things, for each order: it is durable; it is simulated; a nonce is taken, the transaction signed,
//! and both are durable; only then are the bytes sent, and sent again, until a block has them; until the block
//! is final. A restart does the same: it reads the records and ticks.

mod effect;
mod fees;
mod memory;
mod outbox;
mod outcome;
mod settle;
mod start;
mod table;

pub use effect::Effect;
pub use memory::{FailedAppend, MemoryOutbox};
pub use outbox::{Attempt, Call, Entry, MAX_ORDER_ID_BYTES, OrderId, Outbox, Record, State};
pub use outcome::SendOutcome;
pub use table::Table;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    time::Duration,
};

use alloy_consensus::ReceiptEnvelope;
use alloy_primitives::{Address, B256, Log, U64, U256};
use vestiary::block::BlockRef;
use vestiary_log::points::reached;

use crate::{
    error::{ChainError, Result},
    points,
    rpc::{Header, Rpc, Tag},
    signer::TransactionSigner,
};

/// Limits and prices of one lane.
#[derive(Debug, Clone)]
pub struct SubmitterOptions {
    /// Most transactions that are signed and not yet in a block.
    pub max_in_flight: usize,
    /// Highest fee per gas that is ever signed, in wei.
    pub max_fee_cap_wei: u128,
    /// Lowest tip per gas, in wei, also where the node suggests less.
    pub min_priority_fee_wei: u128,
    /// A transaction that so many blocks left out is signed again with higher fees.
    pub replace_after_blocks: u64,
    /// Most attempts for one nonce.
    pub max_attempts: usize,
    /// Longest wait of [`Submitter`] on one node before a tick gives up; the next tick goes on.
    pub tick_budget: Duration,
}

impl SubmitterOptions {
    /// 64 in flight, at most 1,000 gwei, replaced after three blocks, at most 16 times.
    pub const DEFAULT: Self = Self {
        max_in_flight: 64,
        max_fee_cap_wei: 1_000_000_000_000,
        min_priority_fee_wei: 1_000_000,
        replace_after_blocks: 3,
        max_attempts: 16,
        tick_budget: Duration::from_secs(30),
    };
}

impl Default for SubmitterOptions {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Whether a lane takes new orders to the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LaneState {
    /// It does.
    Running,
    /// The account has too little money for the next order; nothing was signed for it.
    Paused {
        /// The account to be filled.
        account: Address,
        /// What the next order and those in flight may cost, in wei.
        needed_wei: U256,
        /// What the account has, in wei.
        balance_wei: U256,
    },
    /// The chain is dearer than [`SubmitterOptions::max_fee_cap_wei`].
    FeesAboveCap {
        /// What the chain asks per gas, in wei.
        base_fee_wei: u128,
        /// The cap, in wei.
        cap_wei: u128,
    },
}

/// What one tick did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tick {
    /// Orders whose state changed, in the order of change.
    pub changed: Vec<OrderId>,
    /// Whether new orders go out.
    pub lane: LaneState,
    /// Height of the head that the tick saw.
    pub head: u64,
}

/// One lane: one account on one chain. Only one may exist for an account; who holds the outbox sees to that.
pub struct Submitter<O, S> {
    rpc: Rpc,
    signer: S,
    outbox: O,
    options: SubmitterOptions,
    table: Table,
    changed: Vec<OrderId>,
    /// An append was begun and not seen to end well: what is durable is unknown.
    in_doubt: bool,
    /// What such an append was to keep of signed bytes. They never left this process, and the key's memory gives
    /// their nonces to nothing else, so they are the first to be written again.
    unwritten: Vec<Record>,
    /// How this process sent the newest bytes of an order.
    sendings: BTreeMap<OrderId, Sending>,
    /// Heads at which an order looked displaced, or a nonce looked missing, in a row.
    suspicions: BTreeMap<Suspicion, BTreeSet<B256>>,
    /// Heads in a row at which the node counted more of the account's transactions than we know, and how many.
    ahead: BTreeMap<(u64, B256), u64>,
    lane: LaneState,
}

/// Heights of the head when bytes were sent. Not durable: a restart sends at once, and counts age afresh.
#[derive(Debug, Clone, Copy)]
struct Sending {
    first: u64,
    /// `None` if the last try did not reach a pool.
    last: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Suspicion {
    Displaced(OrderId),
    Undone(OrderId),
    Missing(u64),
    TooLarge(OrderId),
}

/// What one tick knows about the chain.
struct View {
    head: Header,
    finalized: Option<Header>,
    /// The account's next nonce at the head.
    nonce: u64,
    /// Suggested tip, in wei per gas.
    tip_wei: u128,
    /// Headers at heights, as the node has them now.
    canonical: BTreeMap<u64, Option<Header>>,
    /// Receipts of canonical blocks, hashed to their headers' roots, with the hashes of their transactions.
    receipts: BTreeMap<B256, Vec<(B256, ReceiptEnvelope<Log>)>>,
    /// The account's next nonce at the final block, once asked.
    final_nonce: Option<u64>,
}

impl<O, S: TransactionSigner> fmt::Debug for Submitter<O, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Submitter")
            .field("chain", &self.rpc.chain())
            .field("account", &self.signer.address())
            .field("lane", &self.lane)
            .finish_non_exhaustive()
    }
}

impl<O: Outbox, S: TransactionSigner> Submitter<O, S> {
    /// Reads the outbox. What was signed and is not final goes out again with the next ticks, byte for byte.
    pub async fn open(rpc: Rpc, signer: S, outbox: O, options: SubmitterOptions) -> Result<Self> {
        let records = outbox.replay().await.map_err(ChainError::Outbox)?;
        let table = Table::replay(&records).map_err(ChainError::Outbox)?;
        Ok(Self {
            rpc,
            signer,
            outbox,
            options,
            table,
            changed: Vec::new(),
            in_doubt: false,
            unwritten: Vec::new(),
            sendings: BTreeMap::new(),
            suspicions: BTreeMap::new(),
            ahead: BTreeMap::new(),
            lane: LaneState::Running,
        })
    }

    /// Reads the outbox again after a write that failed or was cut off; nothing is done before. What was signed
    /// and turns out not to be there is written now: same order, same nonce, same bytes.
    pub async fn reopen(&mut self) -> Result<()> {
        let records = self.outbox.replay().await.map_err(ChainError::Outbox)?;
        self.table = Table::replay(&records).map_err(ChainError::Outbox)?;
        self.in_doubt = false;
        let unwritten = std::mem::take(&mut self.unwritten);
        let lost = unwritten.into_iter().filter(|record| match record {
            Record::Signed {
                order,
                nonce,
                attempt,
            } => self.table.get(order).is_some_and(|entry| {
                !entry.state.is_terminal()
                    && entry.nonce.is_none_or(|taken| taken == *nonce)
                    && entry.attempts.iter().all(|known| known.hash != attempt.hash)
            }),
            _ => false,
        });
        let lost = lost.collect();
        self.write_all(lost).await
    }

    /// Whether a write failed or was cut off, so that only [`reopen`](Self::reopen) helps.
    pub const fn is_in_doubt(&self) -> bool {
        self.in_doubt
    }

    /// The account that pays.
    pub fn account(&self) -> Address {
        self.signer.address()
    }

    /// All orders.
    pub const fn table(&self) -> &Table {
        &self.table
    }

    /// One order.
    pub fn entry(&self, order: &OrderId) -> Option<&Entry> {
        self.table.get(order)
    }

    /// Whether new orders go out.
    pub const fn lane(&self) -> &LaneState {
        &self.lane
    }

    /// Takes an order; durable when this returns. The same id with the same call is the same order: its entry
    /// comes back as it stands. With another call it is [`ChainError::OrderDiffers`]. A call with data and without
    /// [`Call::effect`] is [`ChainError::Order`]: nobody could tell whether it was done.
    pub async fn submit(&mut self, order: OrderId, call: Call) -> Result<Entry> {
        if !self.submit_all(vec![(order.clone(), call)]).await?.is_empty() {
            return Err(ChainError::OrderDiffers {
                id: order.to_string(),
            });
        }
        self.table
            .get(&order)
            .cloned()
            .ok_or_else(|| ChainError::Outbox("an order vanished".to_owned()))
    }

    /// [`submit`](Self::submit) for many that have nothing to do with one another, in one write: they are durable when
    /// this returns, but for those that exist with another call. These are left out, and named in the answer: one that
    /// contradicts what is on record must not hold up the others.
    pub async fn submit_all(&mut self, orders: Vec<(OrderId, Call)>) -> Result<Vec<OrderId>> {
        let mut differing = Vec::new();
        let mut new: BTreeMap<OrderId, Call> = BTreeMap::new();
        let mut records = Vec::new();
        for (order, call) in orders {
            let known = self.table.get(&order).map(|entry| &entry.call);
            match known.or_else(|| new.get(&order)) {
                Some(known) if known.does_what(&call) => {}
                Some(_) => differing.push(order),
                None if call.effect.is_none() && !call.data.is_empty() => {
                    return Err(ChainError::Order(
                        "a call of a contract names the log that it is made for",
                    ));
                }
                None => {
                    new.insert(order.clone(), call.clone());
                    records.push(Record::Accepted { order, call });
                }
            }
        }
        self.write_all(records).await?;
        Ok(differing)
    }

    /// Does what can be done now: settles what is in blocks, sends again what is not, replaces what is stuck,
    /// starts what waits. Call it at every new head, and after [`Submitter::submit`]. After an error the next
    /// tick goes on where this one stopped. Do not drop the future: a write that is cut off leaves the lane in
    /// doubt, and every later call asks to open the submitter again.
    pub async fn tick(&mut self) -> Result<Tick> {
        let started = tokio::time::Instant::now();
        let mut view = self.view().await?;
        self.settle(&mut view).await?;
        let lacks_funds = self.send_again(&view).await?;
        self.fill_gap(&view).await?;
        self.lane = if lacks_funds {
            self.paused(self.committed_wei()).await?
        } else {
            self.start(&view, started + self.options.tick_budget).await?
        };
        Ok(Tick {
            changed: std::mem::take(&mut self.changed),
            lane: self.lane.clone(),
            head: view.head.number,
        })
    }

    async fn view(&self) -> Result<View> {
        let head = self.rpc.head().await?;
        let finalized = self.rpc.header(Tag::Finalized).await?;
        let nonce: U64 = self
            .rpc
            .call("eth_getTransactionCount", (self.account(), "latest"))
            .await?;
        let tip: Result<U256> = self.rpc.call("eth_maxPriorityFeePerGas", ()).await;
        let tip_wei = match tip {
            Ok(tip) => tip.try_into().unwrap_or(u128::MAX),
            Err(ChainError::Refused { .. }) => 0,
            Err(error) => return Err(error),
        };
        Ok(View {
            head,
            finalized,
            nonce: nonce.to(),
            tip_wei,
            canonical: BTreeMap::new(),
            receipts: BTreeMap::new(),
            final_nonce: None,
        })
    }

    async fn balance_wei(&self) -> Result<U256> {
        self.rpc.call("eth_getBalance", (self.account(), "latest")).await
    }

    async fn paused(&self, needed_wei: U256) -> Result<LaneState> {
        let balance_wei = self.balance_wei().await?;
        Ok(LaneState::Paused {
            account: self.account(),
            needed_wei,
            balance_wei,
        })
    }

    /// Reads which blocks the node has at these heights, for [`is_canonical`](Self::is_canonical).
    async fn read_canonical(&self, view: &mut View, heights: BTreeSet<u64>) -> Result<()> {
        let unread = heights
            .into_iter()
            .filter(|height| !view.canonical.contains_key(height));
        let unread: Vec<u64> = unread.collect();
        for (height, header) in unread.iter().zip(self.rpc.headers_at(&unread).await?) {
            view.canonical.insert(*height, header);
        }
        Ok(())
    }

    /// Whether the node's chain has this block.
    async fn is_canonical(&self, view: &mut View, block: BlockRef) -> Result<bool> {
        let is_it = |header: &Option<Header>| header.as_ref().is_some_and(|header| header.hash == block.hash);
        if let Some(header) = view.canonical.get(&block.number) {
            return Ok(is_it(header));
        }
        let header = self.rpc.header_by_number(block.number).await?;
        let found = is_it(&header);
        view.canonical.insert(block.number, header);
        Ok(found)
    }

    /// Makes a record durable, then lets it count.
    async fn write(&mut self, record: Record) -> Result<()> {
        self.write_all(vec![record]).await
    }

    /// Makes records durable in one append, then lets them count.
    async fn write_all(&mut self, records: Vec<Record>) -> Result<()> {
        if self.in_doubt {
            return Err(ChainError::Outbox(
                "an earlier write is in doubt; open the submitter again".to_owned(),
            ));
        }
        if records.is_empty() {
            return Ok(());
        }
        self.in_doubt = true;
        self.unwritten = records
            .iter()
            .filter(|record| matches!(record, Record::Signed { .. }))
            .cloned()
            .collect();
        let points = || records.iter().filter_map(around);
        points().for_each(|(before, _)| reached(before));
        self.outbox.append(&records).await.map_err(ChainError::Outbox)?;
        points().for_each(|(_, after)| reached(after));
        for record in &records {
            self.table.apply(record).map_err(ChainError::Outbox)?;
        }
        self.in_doubt = false;
        self.unwritten.clear();
        self.changed
            .extend(records.iter().map(|record| record.order().clone()));
        Ok(())
    }

    /// Counts the different heads at which something looked wrong; true when it was often enough to act.
    fn suspect(&mut self, suspicion: &Suspicion, head: B256, looks: usize) -> bool {
        let heads = self.suspicions.entry(suspicion.clone()).or_default();
        heads.insert(head);
        let enough = heads.len() >= looks;
        if enough {
            self.suspicions.remove(suspicion);
        }
        enough
    }
}

/// The fail points before and after a record becomes durable.
const fn around(record: &Record) -> Option<(&'static str, &'static str)> {
    match record {
        Record::Accepted { .. } => Some((points::ORDER_ACCEPTING, points::ORDER_ACCEPTED)),
        Record::Signed { .. } => Some((points::ORDER_SIGNING, points::ORDER_SIGNED)),
        Record::Sent { .. } => Some((points::ORDER_BROADCAST, points::ORDER_SENT)),
        Record::Included { .. } => Some((points::ORDER_INCLUDING, points::ORDER_INCLUDED)),
        Record::Dropped { .. } => Some((points::ORDER_DROPPING, points::ORDER_DROPPED)),
        Record::Finalized { .. } | Record::WithoutEffect { .. } => {
            Some((points::ORDER_FINALIZING, points::ORDER_FINALIZED))
        }
        Record::Refused { .. } | Record::Displaced { .. } | Record::Reopened { .. } => None,
    }
}
