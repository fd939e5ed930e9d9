//! Orders that wait: simulate, check the purse, take a nonce, sign, keep, send.

use alloy_consensus::{SignableTransaction, TxEip1559};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{TxKind, U64, U256};
use tokio::time::Instant;

use crate::{
    error::{ChainError, Result},
    revert::as_revert,
    signer::TransactionSigner,
    submitter::{Attempt, Call, Entry, LaneState, Outbox, Record, SendOutcome, Submitter, View, fees::Fees},
};

/// What simulating an order says.
enum Simulation {
    /// It passes with so much gas.
    Passes(u64),
    /// It would revert, and nothing in flight could change that.
    Refused(String),
    /// It cannot be said now.
    Later,
}

impl<O: Outbox, S: TransactionSigner> Submitter<O, S> {
    /// Starts waiting orders in the order of arrival, as many as the limits allow.
    pub(super) async fn start(&mut self, view: &View, until: Instant) -> Result<LaneState> {
        let queued: Vec<Entry> = self.table.queued().cloned().collect();
        for entry in queued {
            if self.in_flight() >= self.options.max_in_flight || Instant::now() >= until {
                break;
            }
            let Some(fees) = Fees::suggest(view.head.base_fee_wei, view.tip_wei, &self.options) else {
                return Ok(LaneState::FeesAboveCap {
                    base_fee_wei: view.head.base_fee_wei,
                    cap_wei: self.options.max_fee_cap_wei,
                });
            };
            let gas_limit = match self.simulation(view, &entry.call).await? {
                Simulation::Passes(gas_limit) => gas_limit,
                Simulation::Refused(reason) => {
                    self.write(Record::Refused {
                        order: entry.order,
                        reason,
                    })
                    .await?;
                    continue;
                }
                Simulation::Later => continue,
            };
            let needed_wei = self.committed_wei() + cost_wei(gas_limit, fees.max_fee_wei, &entry.call);
            if self.balance_wei().await? < needed_wei {
                return self.paused(needed_wei).await;
            }
            // Above everything that was ever taken, and not below what the chain has used: no gap, no double.
            let nonce = self.table.next_nonce().max(view.nonce);
            let attempt = self.sign(view, &entry.call, nonce, gas_limit, fees)?;
            self.write(Record::Signed {
                order: entry.order.clone(),
                nonce,
                attempt,
            })
            .await?;
            if self.send(view, &entry.order).await? == SendOutcome::Funds {
                return self.paused(needed_wei).await;
            }
        }
        Ok(LaneState::Running)
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

    async fn simulation(&self, view: &View, call: &Call) -> Result<Simulation> {
        let estimate: Result<U64> = self
            .rpc
            .call("eth_estimateGas", (self.request(call), "latest"))
            .await;
        match estimate {
            Ok(gas) => {
                let gas = gas.to::<u64>();
                let gas_limit = gas.saturating_add(gas / 4).saturating_add(10_000);
                Ok(match view.head.gas_limit {
                    block if gas > block => {
                        Simulation::Refused(format!("needs {gas} gas, a block has {block}"))
                    }
                    block => Simulation::Passes(gas_limit.min(block)),
                })
            }
            Err(error) if error.is_transport() => Err(error),
            // What waits for a transaction in flight, as a claim for its commit, is simulated again later.
            Err(_) if self.in_flight() > 0 => Ok(Simulation::Later),
            Err(error) if as_revert(&error).is_some() => {
                // Confirmed at the very head that was read: the estimate may come from a node that lags.
                match self.simulate(call, view.head.hash).await {
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
