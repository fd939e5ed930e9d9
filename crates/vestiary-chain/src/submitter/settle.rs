//! Orders that have a nonce: find them in blocks, send them again, replace them.

use alloy_primitives::{B256, U64};
use alloy_rpc_types_eth::TransactionReceipt;
use serde_json::json;
use vestiary::block::BlockRef;

use crate::{
    error::{ChainError, Result},
    revert::as_revert,
    signer::TransactionSigner,
    submitter::{
        Call, Entry, OrderId, Outbox, Record, SendOutcome, Sending, State, Submitter, Suspicion, View,
        fees::Fees,
    },
};

/// A nonce counts as taken by a stranger after so many different heads without a receipt of ours.
const DISPLACED_LOOKS: usize = 8;
/// A nonce counts as missing after so many different heads.
const MISSING_LOOKS: usize = 3;
/// A final transaction counts as undone after so many different heads.
const REOPEN_LOOKS: usize = 3;
/// Bytes that no block took go out again after so many blocks.
const RESEND_AFTER_BLOCKS: u64 = 2;

impl<O: Outbox, S: TransactionSigner> Submitter<O, S> {
    /// Follows every order with a nonce: into a block, out of a replaced one, to finality.
    pub(super) async fn settle(&mut self, view: &mut View) -> Result<()> {
        self.reopen(view).await?;
        let open: Vec<Entry> = self.table.open().cloned().collect();
        for entry in open {
            match entry.state {
                State::Included { hash, block, success } => {
                    self.settle_included(view, &entry, hash, block, success).await?;
                }
                // Above the account's next nonce nothing of ours can be in a block.
                _ if entry.nonce.is_some_and(|nonce| nonce < view.nonce) => {
                    self.settle_sent(view, &entry).await?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Where the account's count is below a nonce that was final, the chain broke its word, as test nodes do, or
    /// the node lags. What is off the chain at several heads is open again, with its same bytes; if it was the
    /// node, the receipt is found and nothing happened.
    async fn reopen(&mut self, view: &mut View) -> Result<()> {
        if self
            .table
            .highest_final_nonce()
            .is_none_or(|last| view.nonce > last)
        {
            return Ok(());
        }
        let closed: Vec<(OrderId, BlockRef)> = self.table.closed_from(view.nonce).collect();
        for (order, block) in closed {
            if block.number <= view.head.number
                && !self.is_canonical(view, block).await?
                && self.suspect(&Suspicion::Undone(order.clone()), view.head.hash, REOPEN_LOOKS)
            {
                tracing::error!(%order, block = block.number, "a final block was replaced");
                self.write(Record::Reopened { order }).await?;
            }
        }
        Ok(())
    }

    async fn settle_included(
        &mut self,
        view: &mut View,
        entry: &Entry,
        hash: B256,
        block: BlockRef,
        success: bool,
    ) -> Result<()> {
        let order = entry.order.clone();
        // A node that is behind the block says nothing about it.
        if block.number > view.head.number {
            return Ok(());
        }
        if !self.is_canonical(view, block).await? {
            self.sendings.remove(&order);
            return self.write(Record::Dropped { order }).await;
        }
        if view
            .finalized
            .as_ref()
            .is_some_and(|finalized| finalized.number >= block.number)
        {
            let reverted = if success {
                None
            } else {
                Some(self.why_reverted(&entry.call, block).await?)
            };
            self.sendings.remove(&order);
            return self
                .write(Record::Finalized {
                    order,
                    hash,
                    block,
                    reverted,
                })
                .await;
        }
        Ok(())
    }

    /// Looks up every hash ever signed for the nonce: whichever was mined, counts.
    async fn settle_sent(&mut self, view: &mut View, entry: &Entry) -> Result<()> {
        if let Some((hash, block, success)) = self.find_receipt(view, entry).await? {
            self.suspicions.remove(&Suspicion::Displaced(entry.order.clone()));
            let order = entry.order.clone();
            return self
                .write(Record::Included {
                    order,
                    hash,
                    block,
                    success,
                })
                .await;
        }
        let (Some(nonce), Some(finalized)) = (entry.nonce, view.finalized.as_ref()) else {
            return Ok(());
        };
        let at = json!({ "blockHash": finalized.hash });
        let count: U64 = match self
            .rpc
            .call("eth_getTransactionCount", (self.account(), at))
            .await
        {
            Ok(count) => count,
            // Nodes that want a number here cannot be asked about a block; the order goes on waiting.
            Err(ChainError::Refused { .. }) => return Ok(()),
            Err(error) => return Err(error),
        };
        let suspicion = Suspicion::Displaced(entry.order.clone());
        if nonce < count.to::<u64>() && self.suspect(&suspicion, view.head.hash, DISPLACED_LOOKS) {
            tracing::warn!(order = %entry.order, nonce, "another transaction took the nonce; a new one follows");
            return self
                .write(Record::Displaced {
                    order: entry.order.clone(),
                    nonce,
                })
                .await;
        }
        Ok(())
    }

    async fn find_receipt(&self, view: &mut View, entry: &Entry) -> Result<Option<(B256, BlockRef, bool)>> {
        for attempt in entry.attempts.iter().rev() {
            let receipt: Option<TransactionReceipt> = self
                .rpc
                .call("eth_getTransactionReceipt", (attempt.hash,))
                .await?;
            let Some(receipt) = receipt.filter(|receipt| receipt.transaction_hash == attempt.hash) else {
                continue;
            };
            let (Some(number), Some(hash)) = (receipt.block_number, receipt.block_hash) else {
                continue;
            };
            let block = BlockRef { number, hash };
            if self.is_canonical(view, block).await? {
                return Ok(Some((attempt.hash, block, receipt.status())));
            }
        }
        Ok(None)
    }

    /// The reason is for people; the state after the block is close to what the call saw.
    async fn why_reverted(&self, call: &Call, block: BlockRef) -> Result<String> {
        match self.simulate(call, block.hash).await {
            Ok(()) => Ok("reverted; it would pass at the end of its block".to_owned()),
            Err(error) => match as_revert(&error) {
                Some(reason) => Ok(reason),
                None if error.is_transport() => Err(error),
                None => Ok("reverted".to_owned()),
            },
        }
    }

    /// `eth_call` on the state after one block: a node that does not have the block cannot answer.
    pub(super) async fn simulate(&self, call: &Call, block: B256) -> Result<()> {
        let request = self.request(call);
        let _: alloy_primitives::Bytes = self
            .rpc
            .call("eth_call", (request, json!({ "blockHash": block })))
            .await?;
        Ok(())
    }

    pub(super) fn request(&self, call: &Call) -> serde_json::Value {
        json!({ "from": self.account(), "to": call.to, "input": call.data, "value": call.value_wei })
    }

    /// Sends what no node is known to have, and what blocks have left out; replaces what is stuck. Says
    /// whether the purse was too empty for any of it.
    pub(super) async fn send_again(&mut self, view: &View) -> Result<bool> {
        let mut lacks_funds = false;
        let waiting: Vec<Entry> = self
            .table
            .open()
            .filter(|entry| entry.is_in_flight())
            .cloned()
            .collect();
        for entry in waiting {
            let (Some(attempt), Some(nonce)) = (entry.latest(), entry.nonce) else {
                continue;
            };
            if nonce < view.nonce {
                continue; // In a block, or lost to a stranger: `settle` finds out.
            }
            let sending = self.sendings.get(&entry.order).copied();
            let age = sending.map_or(0, |sending| view.head.number.saturating_sub(sending.first));
            let is_next = nonce == view.nonce || attempt.max_fee_wei < view.head.base_fee_wei;
            if is_next && age >= self.options.replace_after_blocks && self.replace(view, &entry).await? {
                continue;
            }
            let due = sending
                .and_then(|sending| sending.last)
                .is_none_or(|last| view.head.number.abs_diff(last) >= RESEND_AFTER_BLOCKS);
            if due {
                lacks_funds |= self.send(view, &entry.order).await? == SendOutcome::Funds;
            }
        }
        Ok(lacks_funds)
    }

    /// Signs the nonce again with higher fees; false where the cap or the number of attempts forbids it.
    async fn replace(&mut self, view: &View, entry: &Entry) -> Result<bool> {
        let (Some(attempt), Some(nonce)) = (entry.latest(), entry.nonce) else {
            return Ok(false);
        };
        if entry.attempts.len() >= self.options.max_attempts {
            tracing::warn!(order = %entry.order, nonce, "stuck: no attempts left");
            return Ok(false);
        }
        let old = Fees {
            max_fee_wei: attempt.max_fee_wei,
            max_priority_fee_wei: attempt.max_priority_fee_wei,
        };
        let suggested = Fees::suggest(view.head.base_fee_wei, view.tip_wei, &self.options);
        let Some(fees) = old.replace(suggested, &self.options) else {
            tracing::warn!(order = %entry.order, nonce, "stuck: higher fees are above the cap");
            return Ok(false);
        };
        let attempt = self.sign(view, &entry.call, nonce, attempt.gas_limit, fees)?;
        self.write(Record::Signed {
            order: entry.order.clone(),
            nonce,
            attempt,
        })
        .await?;
        self.sendings.remove(&entry.order);
        self.send(view, &entry.order).await?;
        Ok(true)
    }

    /// Sends the newest bytes of an order. Only what a node says it has becomes `Sent`.
    pub(super) async fn send(&mut self, view: &View, order: &OrderId) -> Result<SendOutcome> {
        let Some(entry) = self.table.get(order) else {
            return Ok(SendOutcome::Unknown);
        };
        let Some(attempt) = entry.latest() else {
            return Ok(SendOutcome::Unknown);
        };
        let was_sent = entry.state == State::Sent;
        let raw = attempt.raw.clone();
        let answer: Result<B256> = self.rpc.call("eth_sendRawTransaction", (raw,)).await;
        let outcome = match &answer {
            Ok(_) => SendOutcome::Taken,
            Err(error) => SendOutcome::of(error),
        };
        tracing::debug!(%order, ?outcome, "sent");
        // Too low and too cheap are settled by the receipts at the next tick, or by higher fees in time; the
        // rest is sent again at once.
        let reached = !matches!(
            outcome,
            SendOutcome::NonceGap | SendOutcome::Funds | SendOutcome::Unknown
        );
        let height = view.head.number;
        let sending = self.sendings.entry(order.clone()).or_insert(Sending {
            first: height,
            last: None,
        });
        sending.last = reached.then_some(height);
        if matches!(outcome, SendOutcome::Taken | SendOutcome::Known) && !was_sent {
            self.write(Record::Sent { order: order.clone() }).await?;
        }
        match answer {
            // The bytes are safe; the caller waits and ticks again.
            Err(error) if error.is_transport() => Err(error),
            _ => Ok(outcome),
        }
    }

    /// Fills a nonce that is missing below ours, as after the loss of a stranger's transaction, with an empty
    /// payment to ourselves: else everything behind it would wait for ever.
    pub(super) async fn fill_gap(&mut self, view: &View) -> Result<()> {
        let lowest = self
            .table
            .open()
            .filter(|entry| entry.is_in_flight())
            .find_map(|entry| entry.nonce);
        let missing = lowest.is_some_and(|lowest| view.nonce < lowest)
            && self.table.holder(view.nonce).is_none()
            && self
                .table
                .highest_final_nonce()
                .is_none_or(|last| view.nonce > last);
        if !missing || !self.suspect(&Suspicion::Missing(view.nonce), view.head.hash, MISSING_LOOKS) {
            return Ok(());
        }
        let order = OrderId::new(format!("fill:{}:{}", view.nonce, view.head.number))?;
        let call = Call::new(self.account(), alloy_primitives::Bytes::new());
        let Some(fees) = Fees::suggest(view.head.base_fee_wei, view.tip_wei, &self.options) else {
            return Ok(());
        };
        tracing::warn!(nonce = view.nonce, "filling a missing nonce");
        let attempt = self.sign(view, &call, view.nonce, FILL_GAS, fees)?;
        self.submit(order.clone(), call).await?;
        self.write(Record::Signed {
            order: order.clone(),
            nonce: view.nonce,
            attempt,
        })
        .await?;
        self.send(view, &order).await?;
        Ok(())
    }
}

/// Gas of a payment without data.
const FILL_GAS: u64 = 21_000;
