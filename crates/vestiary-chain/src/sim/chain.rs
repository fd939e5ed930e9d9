//! Blocks, accounts and waiting transactions of the simulated chain.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{Arc, OnceLock},
};

use alloy_consensus::{
    Eip658Value, Receipt, ReceiptEnvelope, ReceiptWithBloom, TxEip1559, proofs::calculate_receipt_root,
};
use alloy_primitives::{Address, B256, Bloom, Bytes, Log, TxKind, U256, keccak256};
use alloy_rpc_types_eth::{Header, Log as RpcLog, TransactionReceipt};
use serde_json::{json, value::RawValue};
use vestiary::block::{Block, BlockRef, ChainLog};

use crate::sim::{Fate, SimCall, SimContract, SimOptions, SimOutcome, SimStorage};

/// Old views of the chain that a lagging node may still have.
const OLD_VIEWS: usize = 8;
/// Blocks of the other chain that a node may answer for.
const FOREIGN_BLOCKS: usize = 96;
/// Its blocks count from here.
const FOREIGN: u64 = 1 << 60;
/// Unix seconds of block 0.
const GENESIS_TIME: u64 = 1_700_000_000;
/// Gas of every simulated call, plus 16 a byte.
const CALL_GAS: u64 = 50_000;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) nonce: u64,
    pub(super) balance_wei: U256,
}

#[derive(Debug, Clone)]
pub(super) struct Signed {
    pub(super) from: Address,
    pub(super) transaction: TxEip1559,
}

#[derive(Debug, Clone)]
pub(super) enum Kind {
    Logs(Vec<Log>),
    Call(Box<SimCall>),
    Signed(Box<Signed>),
}

#[derive(Debug, Clone)]
pub(super) struct SimTransaction {
    pub(super) hash: B256,
    pub(super) kind: Kind,
}

#[derive(Debug, Clone)]
pub(super) struct SimBlock {
    pub(super) header: Header,
    pub(super) transactions: Vec<SimTransaction>,
    pub(super) receipts: Vec<TransactionReceipt>,
    pub(super) accounts: Arc<BTreeMap<Address, Account>>,
    pub(super) storage: Arc<SimStorage>,
    /// The block as the node writes it.
    json: OnceLock<Box<RawValue>>,
}

impl SimBlock {
    /// The block as the node writes it: written once, for it is asked for all the time.
    pub(super) fn json(&self) -> Box<RawValue> {
        let write = || {
            let mut value = json!(self.header);
            value["uncles"] = json!([]);
            let transactions: Vec<B256> = self.transactions.iter().map(|one| one.hash).collect();
            value["transactions"] = json!(transactions);
            RawValue::from_string(value.to_string()).expect("what was just written is JSON")
        };
        self.json.get_or_init(write).clone()
    }

    pub(super) const fn block_ref(&self) -> BlockRef {
        BlockRef {
            number: self.header.inner.number,
            hash: self.header.hash,
        }
    }

    pub(super) fn logs(&self) -> impl Iterator<Item = &RpcLog> {
        self.receipts.iter().flat_map(|receipt| receipt.inner.logs())
    }
}

/// One node's view: a branch from genesis to its head.
pub(super) type View = Vec<Arc<SimBlock>>;

/// What mining one transaction gave.
struct Mined {
    transaction: SimTransaction,
    success: bool,
    logs: Vec<Log>,
    gas: u64,
}

pub(super) struct Chain {
    pub(super) options: SimOptions,
    pub(super) canonical: View,
    pub(super) by_hash: HashMap<B256, Arc<SimBlock>>,
    pub(super) old_views: VecDeque<View>,
    pub(super) pool: Vec<SimTransaction>,
    pub(super) contracts: HashMap<Address, Arc<dyn SimContract>>,
    pub(super) base_fee_wei: u64,
    made: u64,
}

impl Chain {
    pub(super) fn new(options: SimOptions) -> Self {
        let accounts = options
            .balances
            .iter()
            .map(|(address, wei)| {
                (
                    *address,
                    Account {
                        nonce: 0,
                        balance_wei: *wei,
                    },
                )
            })
            .collect();
        let mut chain = Self {
            options,
            canonical: Vec::new(),
            by_hash: HashMap::new(),
            old_views: VecDeque::new(),
            pool: Vec::new(),
            contracts: HashMap::new(),
            base_fee_wei: 1_000_000_000,
            made: 0,
        };
        chain.push_block(Vec::new(), accounts, SimStorage::new());
        chain
    }

    /// Another chain: told apart by what stands in its headers; nothing happens there.
    pub(super) fn foreign() -> View {
        static VIEW: OnceLock<View> = OnceLock::new();
        let make = || {
            let mut chain = Self::new(SimOptions::default());
            chain.canonical.clear();
            chain.made = FOREIGN;
            for _ in 0..FOREIGN_BLOCKS {
                chain.push_block(Vec::new(), BTreeMap::new(), SimStorage::new());
            }
            chain.canonical
        };
        VIEW.get_or_init(make).clone()
    }

    pub(super) fn head(&self) -> &Arc<SimBlock> {
        self.canonical.last().expect("genesis is never removed")
    }

    pub(super) fn fund(&mut self, account: Address, wei: U256) {
        // Blocks are shared and immutable: the head is replaced by one with another state, same hash.
        let mut head = (**self.head()).clone();
        let mut accounts = (*head.accounts).clone();
        accounts.entry(account).or_default().balance_wei += wei;
        head.accounts = Arc::new(accounts);
        let head = Arc::new(head);
        self.by_hash.insert(head.header.hash, Arc::clone(&head));
        self.canonical.pop();
        self.canonical.push(head);
    }

    pub(super) fn add(&mut self, kind: Kind) -> B256 {
        self.made += 1;
        let hash = keccak256(self.made.to_be_bytes());
        self.pool.push(SimTransaction { hash, kind });
        hash
    }

    pub(super) fn logs(&self) -> Vec<(BlockRef, ChainLog)> {
        let mut all = Vec::new();
        for block in &self.canonical {
            all.extend(block.logs().map(|log| (block.block_ref(), chain_log(log))));
        }
        all
    }

    pub(super) fn blocks(&self) -> Vec<Block> {
        let block = |block: &Arc<SimBlock>| Block {
            number: block.header.inner.number,
            hash: block.header.hash,
            parent_hash: block.header.inner.parent_hash,
            timestamp: block.header.inner.timestamp,
            logs: block.logs().map(chain_log).collect(),
        };
        self.canonical.iter().map(block).collect()
    }

    /// Runs a call on a state; the state changes only if the call succeeds.
    pub(super) fn run(&self, call: &SimCall, storage: &mut SimStorage) -> Result<SimOutcome, Bytes> {
        let Some(contract) = self.contracts.get(&call.to) else {
            return Ok(SimOutcome::default());
        };
        let mut draft = storage.clone();
        let outcome = contract.execute(call, &mut draft)?;
        *storage = draft;
        Ok(outcome)
    }

    pub(super) fn mine(&mut self) -> BlockRef {
        let mut accounts = (*self.head().accounts).clone();
        let mut storage = (*self.head().storage).clone();
        let mut mined: Vec<Mined> = Vec::new();
        // Nonces may wait in any order: go round until nothing more can be mined.
        loop {
            let before = mined.len();
            for transaction in std::mem::take(&mut self.pool) {
                let signed = match &transaction.kind {
                    Kind::Logs(logs) => {
                        let logs = logs.clone();
                        mined.push(Mined {
                            transaction,
                            success: true,
                            logs,
                            gas: CALL_GAS,
                        });
                        continue;
                    }
                    Kind::Call(call) => {
                        let outcome = self.run(call, &mut storage);
                        mined.push(Mined {
                            success: outcome.is_ok(),
                            logs: outcome.unwrap_or_default().logs,
                            gas: call_gas(&call.data),
                            transaction,
                        });
                        continue;
                    }
                    Kind::Signed(signed) => signed,
                };
                let account = accounts.entry(signed.from).or_default();
                let wanted = signed.transaction.nonce;
                if wanted < account.nonce {
                    continue;
                }
                if wanted > account.nonce
                    || signed.transaction.max_fee_per_gas < u128::from(self.base_fee_wei)
                {
                    self.pool.push(transaction);
                    continue;
                }
                account.nonce += 1;
                let gas = call_gas(&signed.transaction.input);
                let price = self.price(&signed.transaction);
                let paid = U256::from(gas) * U256::from(price) + signed.transaction.value;
                account.balance_wei = account.balance_wei.saturating_sub(paid);
                let outcome = self.run(&sim_call(signed), &mut storage);
                let success = outcome.is_ok();
                let logs = outcome.unwrap_or_default().logs;
                mined.push(Mined {
                    transaction,
                    success,
                    logs,
                    gas,
                });
            }
            if mined.len() == before {
                break;
            }
        }
        self.push_block(mined, accounts, storage)
    }

    fn price(&self, transaction: &TxEip1559) -> u128 {
        let base = u128::from(self.base_fee_wei);
        transaction
            .max_fee_per_gas
            .min(base.saturating_add(transaction.max_priority_fee_per_gas))
    }

    pub(super) fn reorg(&mut self, depth: usize, mut fate: impl FnMut(B256) -> Fate) {
        self.remember_view();
        let keep = self.canonical.len().saturating_sub(depth).max(1);
        let mut waiting = Vec::new();
        for block in self.canonical.split_off(keep) {
            for transaction in &block.transactions {
                if fate(transaction.hash) == Fate::Returned {
                    waiting.push(transaction.clone());
                }
            }
        }
        waiting.append(&mut self.pool);
        self.pool = waiting;
    }

    fn remember_view(&mut self) {
        self.old_views.push_back(self.canonical.clone());
        if self.old_views.len() > OLD_VIEWS {
            self.old_views.pop_front();
        }
    }

    fn push_block(
        &mut self,
        mined: Vec<Mined>,
        accounts: BTreeMap<Address, Account>,
        storage: SimStorage,
    ) -> BlockRef {
        if self.made.is_multiple_of(3) && !self.canonical.is_empty() {
            self.remember_view();
        }
        self.made += 1;
        let mut gas_used = 0;
        let mut bloom = Bloom::ZERO;
        let mut envelopes = Vec::new();
        for mined in &mined {
            gas_used += mined.gas;
            let receipt = ReceiptWithBloom::from(Receipt {
                status: Eip658Value::Eip658(mined.success),
                cumulative_gas_used: gas_used,
                logs: mined.logs.clone(),
            });
            bloom.accrue_bloom(&receipt.logs_bloom);
            envelopes.push(ReceiptEnvelope::Eip1559(receipt));
        }
        let number = self.canonical.len() as u64;
        let header = Header::new(alloy_consensus::Header {
            number,
            parent_hash: self
                .canonical
                .last()
                .map_or(B256::ZERO, |parent| parent.header.hash),
            timestamp: GENESIS_TIME + number,
            logs_bloom: bloom,
            receipts_root: calculate_receipt_root(&envelopes),
            gas_limit: 30_000_000,
            gas_used,
            base_fee_per_gas: Some(self.base_fee_wei),
            // No two blocks are equal, also when they hold the same at the same height.
            extra_data: Bytes::copy_from_slice(&self.made.to_be_bytes()),
            ..Default::default()
        });
        let mut log_index = 0;
        let mut receipts = Vec::new();
        for (index, (mined, envelope)) in mined.iter().zip(envelopes).enumerate() {
            receipts.push(self.receipt(&header, index as u64, mined, envelope, &mut log_index));
        }
        let block = Arc::new(SimBlock {
            header,
            transactions: mined.into_iter().map(|mined| mined.transaction).collect(),
            receipts,
            accounts: Arc::new(accounts),
            storage: Arc::new(storage),
            json: OnceLock::new(),
        });
        self.by_hash.insert(block.header.hash, Arc::clone(&block));
        self.canonical.push(Arc::clone(&block));
        block.block_ref()
    }

    fn receipt(
        &self,
        header: &Header,
        index: u64,
        mined: &Mined,
        envelope: ReceiptEnvelope<Log>,
        log_index: &mut u64,
    ) -> TransactionReceipt {
        let inner = envelope.map_logs(|log| {
            let place = *log_index;
            *log_index += 1;
            RpcLog {
                inner: log,
                block_hash: Some(header.hash),
                block_number: Some(header.inner.number),
                block_timestamp: Some(header.inner.timestamp),
                transaction_hash: Some(mined.transaction.hash),
                transaction_index: Some(index),
                log_index: Some(place),
                removed: false,
            }
        });
        let (from, to, effective_gas_price) = match &mined.transaction.kind {
            Kind::Logs(_) => (Address::ZERO, None, 0),
            Kind::Call(call) => (call.from, Some(call.to), 0),
            Kind::Signed(signed) => (
                signed.from,
                signed.transaction.to.to().copied(),
                self.price(&signed.transaction),
            ),
        };
        TransactionReceipt {
            inner,
            transaction_hash: mined.transaction.hash,
            transaction_index: Some(index),
            block_hash: Some(header.hash),
            block_number: Some(header.inner.number),
            gas_used: mined.gas,
            effective_gas_price,
            blob_gas_used: None,
            blob_gas_price: None,
            from,
            to,
            contract_address: None,
        }
    }
}

pub(super) fn call_gas(input: &Bytes) -> u64 {
    CALL_GAS + 16 * input.len() as u64
}

fn sim_call(signed: &Signed) -> SimCall {
    SimCall {
        from: signed.from,
        to: match signed.transaction.to {
            TxKind::Call(to) => to,
            TxKind::Create => Address::ZERO,
        },
        data: signed.transaction.input.clone(),
        value_wei: signed.transaction.value,
    }
}

fn chain_log(log: &RpcLog) -> ChainLog {
    ChainLog {
        address: log.inner.address,
        topics: log.inner.topics().to_vec(),
        data: log.inner.data.data.clone(),
        transaction_hash: log.transaction_hash.unwrap_or_default(),
        log_index: log.log_index.unwrap_or_default(),
    }
}
