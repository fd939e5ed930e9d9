//! Orders that wait: simulate, check the purse, take a nonce, sign, keep, send.

use alloy_consensus::{SignableTransaction, TxEip1559};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{TxKind, U64, U256};
use tokio::time::Instant;

use crate::{
    error::{ChainError, Result},
    read::proven_account,
    revert::as_revert,
    rpc::MAX_BATCH_CALLS,
    signer::TransactionSigner,
    submitter::{Attempt, Call, Entry, LaneState, Outbox, Record, Submitter, Suspicion, View, fees::Fees},
};

/// A count of the account's transactions that is above ours, and that no proof comes with, is believed after so many
/// different heads in a row.
const AHEAD_LOOKS: usize = 8;
/// A call that needs more gas than a block has is refused after so many different heads in a row.
const TOO_LARGE_LOOKS: usize = 8;

/// What simulating an order says.
enum Simulation {
    /// It passes with so much gas.
    Passes(u64),
    /// It would revert, and nothing in flight could change that.
    Refused(String),
    /// It cannot be said now.
    Later,
}

/// An order that may go out.
struct Ready {
    entry: Entry,
    gas_limit: u64,
}

impl<O: Outbox, S: TransactionSigner> Submitter<O, S> {
    /// Starts waiting orders in the order of arrival, as many as the limits allow, [`MAX_BATCH_CALLS`] at a time.
    pub(super) async fn start(&mut self, view: &View, until: Instant) -> Result<LaneState> {
        if self.table.queued_count() == 0 {
            return Ok(LaneState::Running);
        }
        let Some(fees) = Fees::suggest(view.head.base_fee_wei, view.tip_wei, &self.options) else {
            return Ok(LaneState::FeesAboveCap {
                base_fee_wei: view.head.base_fee_wei,
                cap_wei: self.options.max_fee_cap_wei,
            });
        };
        let Some(counted) = self.believed_nonce(view).await? else {
            return Ok(LaneState::Running);
        };
        let balance_wei = self.balance_wei().await?;
        let mut place = 0;
        loop {
            let room = self.options.max_in_flight.saturating_sub(self.in_flight());
            let entries = self.table.queued_from(place, room.min(MAX_BATCH_CALLS));
            let Some((last, _)) = entries.last() else {
                return Ok(LaneState::Running);
            };
            place = last + 1;
            let mut ready = self.simulated(view, entries).await?;
            let spent_wei = self.committed_wei();
            let mut needed_wei = spent_wei;
            let affordable = ready
                .iter()
                .take_while(|ready| {
                    needed_wei += cost_wei(ready.gas_limit, fees.max_fee_wei, &ready.entry.call);
                    needed_wei <= balance_wei
                })
                .count();
            // One too dear is counted in `needed_wei`; those behind it are taken to cost about as much.
            let too_dear = ready.get(affordable).map(|ready| {
                let each = cost_wei(ready.gas_limit, fees.max_fee_wei, &ready.entry.call);
                let behind = self.table.queued_count().saturating_sub(affordable + 1);
                needed_wei + each * U256::from(behind)
            });
            ready.truncate(affordable);
            let lacks_funds = self.launch(view, counted, ready, fees).await?;
            if let Some(needed_wei) = too_dear {
                return self.paused(needed_wei).await;
            }
            if lacks_funds {
                return self.paused(self.committed_wei()).await;
            }
            if Instant::now() >= until {
                return Ok(LaneState::Running);
            }
        }
    }

    /// Which of these pass. What would revert, and nothing in flight could change that, is refused.
    async fn simulated(&mut self, view: &View, entries: Vec<(usize, Entry)>) -> Result<Vec<Ready>> {
        let requests: Vec<_> = entries
            .iter()
            .map(|(_, entry)| (self.request(&entry.call), "latest"))
            .collect();
        let estimates: Vec<Result<U64>> = self.rpc.call_many("eth_estimateGas", &requests).await;
        let (mut ready, mut refused) = (Vec::new(), Vec::new());
        for ((_, entry), estimate) in entries.into_iter().zip(estimates) {
            let alone = self.in_flight() == 0 && ready.is_empty();
            match self.simulation(view, &entry, estimate, alone).await? {
                Simulation::Passes(gas_limit) => ready.push(Ready { entry, gas_limit }),
                Simulation::Refused(reason) => refused.push(Record::Refused {
                    order: entry.order,
                    reason,
                }),
                Simulation::Later => {}
            }
        }
        self.write_all(refused).await?;
        Ok(ready)
    }

    /// The account's next nonce at the head, as far as nonces may be built on it; `None`: not yet.
    ///
    /// A nonce is durable once it is signed, and nothing behind a gap is mined. So one answer suffices where it says
    /// what we know. More is counted where somebody else sent from the account, or where our records are an older copy,
    /// or where the node is wrong: then the node has to prove it. One that proves nothing has to say so at several
    /// heads, and the least of what it said counts.
    async fn believed_nonce(&mut self, view: &View) -> Result<Option<u64>> {
        if view.nonce <= self.table.next_nonce() {
            self.ahead.clear();
            return Ok(Some(view.nonce));
        }
        match proven_account(&self.rpc, self.account(), &[], view.head.hash).await {
            Ok(account) => {
                self.ahead.clear();
                return Ok(Some(account.nonce()));
            }
            Err(error) if self.ahead.is_empty() => {
                let (counted, ours) = (view.nonce, self.table.next_nonce());
                tracing::warn!(counted, ours, %error, "the node counts transactions that we do not know, and proves nothing; orders wait until it says so at {AHEAD_LOOKS} heads");
            }
            Err(_) => {}
        }
        let head = (view.head.number, view.head.hash);
        let least = self.ahead.entry(head).or_insert(view.nonce);
        *least = view.nonce.min(*least);
        if self.ahead.len() > AHEAD_LOOKS {
            self.ahead.pop_first();
        }
        let is_enough = self.ahead.len() == AHEAD_LOOKS;
        Ok(self.ahead.values().min().copied().filter(|_| is_enough))
    }

    /// Takes nonces, signs, keeps all of it in one write, sends. Says whether the purse was too empty.
    async fn launch(&mut self, view: &View, counted: u64, ready: Vec<Ready>, fees: Fees) -> Result<bool> {
        // Above everything that was ever taken, and not below what the chain has used: no gap, no double.
        let first = self.table.next_nonce().max(counted);
        let (mut signed, mut orders, mut refusal) = (Vec::new(), Vec::new(), None);
        for (nonce, Ready { entry, gas_limit }) in (first..).zip(ready) {
            match self.sign(view, &entry.call, nonce, gas_limit, fees) {
                Ok(attempt) => {
                    let order = entry.order;
                    orders.push(order.clone());
                    signed.push(Record::Signed {
                        order,
                        nonce,
                        attempt,
                    });
                }
                Err(error) => {
                    refusal = Some(error);
                    break;
                }
            }
        }
        self.write_all(signed).await?;
        let lacks_funds = self.send(view, &orders).await?;
        refusal.map_or(Ok(lacks_funds), Err)
    }

    fn in_flight(&self) -> usize {
        self.table.open().filter(|entry| entry.is_in_flight()).count()
    }

    /// The most that transactions in flight can cost.
    pub(super) fn committed_wei(&self) -> U256 {
        self.table
            .open()
            .filter(|entry| entry.is_in_flight())
            .filter_map(|entry| Some((entry, entry.latest()?)))
            .map(|(entry, attempt)| cost_wei(attempt.gas_limit, attempt.max_fee_wei, &entry.call))
            .sum()
    }

    /// Judges an estimate; `alone` says that nothing in flight could change it.
    async fn simulation(
        &mut self,
        view: &View,
        entry: &Entry,
        estimate: Result<U64>,
        alone: bool,
    ) -> Result<Simulation> {
        match estimate {
            Ok(gas) => {
                let (gas, block) = (gas.to::<u64>(), view.head.gas_limit);
                let suspicion = Suspicion::TooLarge(entry.order.clone());
                if gas <= block {
                    self.suspicions.remove(&suspicion);
                    let gas_limit = gas.saturating_add(gas / 4).saturating_add(10_000);
                    return Ok(Simulation::Passes(gas_limit.min(block)));
                }
                // What is refused stays so: not on the word of one answer.
                if alone && self.suspect(&suspicion, view.head.hash, TOO_LARGE_LOOKS) {
                    return Ok(Simulation::Refused(format!(
                        "needs {gas} gas, a block has {block}"
                    )));
                }
                Ok(Simulation::Later)
            }
            Err(error) if error.is_transport() => Err(error),
            // What waits for a transaction in flight, as a claim for its commit, is simulated again later.
            Err(_) if !alone => Ok(Simulation::Later),
            Err(error) if as_revert(&error).is_some() => {
                // Confirmed at the very head that was read: the estimate may come from a node that lags.
                match self.simulate(&entry.call, view.head.hash).await {
                    Ok(()) => Ok(Simulation::Later),
                    Err(error) if error.is_transport() => Err(error),
                    Err(error) => Ok(as_revert(&error).map_or(Simulation::Later, Simulation::Refused)),
                }
            }
            Err(error) => {
                tracing::warn!(%error, "an order cannot be simulated");
                Ok(Simulation::Later)
            }
        }
    }

    /// Signs; nothing is durable yet.
    pub(super) fn sign(
        &self,
        view: &View,
        call: &Call,
        nonce: u64,
        gas_limit: u64,
        fees: Fees,
    ) -> Result<Attempt> {
        let transaction = TxEip1559 {
            chain_id: self.rpc.chain().0,
            nonce,
            gas_limit,
            max_fee_per_gas: fees.max_fee_wei,
            max_priority_fee_per_gas: fees.max_priority_fee_wei,
            to: TxKind::Call(call.to),
            value: call.value_wei,
            access_list: alloy_eips::eip2930::AccessList::default(),
            input: call.data.clone(),
        };
        let signature = self
            .signer
            .sign_transaction(&transaction)
            .map_err(ChainError::Signer)?;
        let signed = transaction.into_signed(signature);
        Ok(Attempt {
            hash: *signed.hash(),
            raw: signed.encoded_2718().into(),
            max_fee_wei: fees.max_fee_wei,
            max_priority_fee_wei: fees.max_priority_fee_wei,
            gas_limit,
            signed_at_block: view.head.number,
        })
    }
}

fn cost_wei(gas_limit: u64, max_fee_wei: u128, call: &Call) -> U256 {
    U256::from(gas_limit) * U256::from(max_fee_wei) + call.value_wei
}
