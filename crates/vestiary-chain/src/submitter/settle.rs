//! Orders that have a nonce: find them in blocks, send them again, replace them.

use std::collections::BTreeMap;

use alloy_primitives::{B256, Bytes, U64};
use alloy_rpc_types_eth::TransactionReceipt;
use serde_json::json;
use vestiary::block::BlockRef;

use crate::{
    error::{ChainError, Result},
    revert::as_revert,
    signer::TransactionSigner,
    submitter::{
        Attempt, Call, Entry, OrderId, Outbox, Record, SendOutcome, Sending, State, Submitter, Suspicion,
        View, fees::Fees,
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
    /// Follows every order with a nonce: into a block, out of a replaced one, to finality. What was found is
    /// kept in one write, also when the node fails half-way.
    pub(super) async fn settle(&mut self, view: &mut View) -> Result<()> {
        self.reopen_final(view).await?;
        let mut found = Vec::new();
        let looked = self.look(view, &mut found).await;
        for record in &found {
            // What is in a block is not sent; out of it again, it is as if it never was.
            if !matches!(record, Record::Included { .. }) {
                self.sendings.remove(record.order());
            }
        }
        self.write_all(found).await?;
        looked
    }

    async fn look(&mut self, view: &mut View, found: &mut Vec<Record>) -> Result<()> {
        let open: Vec<Entry> = self.table.open().cloned().collect();
        // Above the account's next nonce nothing of ours can be in a block.
        let sent: Vec<&Entry> = open
            .iter()
            .filter(|entry| entry.is_in_flight() && entry.nonce.is_some_and(|nonce| nonce < view.nonce))
            .collect();
        let receipts = self.receipts(&sent).await?;
        let included = open.iter().filter_map(|entry| match entry.state {
            // A node that is behind the block says nothing about it.
            State::Included { block, .. } => (block.number <= view.head.number).then_some(block.number),
            _ => None,
        });
        let blocks = included.chain(receipts.values().filter_map(|receipt| receipt.block_number));
        self.read_canonical(view, blocks.collect()).await?;
        for entry in &open {
            match entry.state {
                State::Included { hash, block, success } => {
                    found.extend(self.settle_included(view, entry, hash, block, success).await?);
                }
                _ if entry.nonce.is_some_and(|nonce| nonce < view.nonce) => {
                    found.extend(self.settle_sent(view, entry, &receipts).await?);
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The receipts that the node has of every hash ever signed for these nonces.
    async fn receipts(&self, entries: &[&Entry]) -> Result<BTreeMap<B256, TransactionReceipt>> {
        let attempts = entries.iter().flat_map(|entry| &entry.attempts);
        let hashes: Vec<(B256,)> = attempts.map(|attempt| (attempt.hash,)).collect();
        let answers: Vec<Result<Option<TransactionReceipt>>> =
            self.rpc.call_many("eth_getTransactionReceipt", &hashes).await;
        let mut receipts = BTreeMap::new();
        for ((hash,), answer) in hashes.into_iter().zip(answers) {
            if let Some(receipt) = answer?.filter(|receipt| receipt.transaction_hash == hash) {
                receipts.insert(hash, receipt);
            }
        }
        Ok(receipts)
    }

    /// Where the account's count is below a nonce that was final, the chain broke its word, as test nodes do, or
    /// the node lags. What is off the chain at several heads is open again, with its same bytes; if it was the
    /// node, the receipt is found and nothing happened.
    async fn reopen_final(&mut self, view: &mut View) -> Result<()> {
        if self
            .table
            .highest_final_nonce()
            .is_none_or(|last| view.nonce > last)
        {
            return Ok(());
        }
        let closed: Vec<(OrderId, BlockRef)> = self.table.closed_from(view.nonce).collect();
        let heights = closed.iter().map(|(_, block)| block.number);
        let heights = heights.filter(|height| *height <= view.head.number).collect();
        self.read_canonical(view, heights).await?;
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
        &self,
        view: &mut View,
        entry: &Entry,
        hash: B256,
        block: BlockRef,
        success: bool,
    ) -> Result<Option<Record>> {
        let order = entry.order.clone();
        if block.number > view.head.number {
            return Ok(None);
        }
        if !self.is_canonical(view, block).await? {
            return Ok(Some(Record::Dropped { order }));
        }
        let finalized = view.finalized.as_ref().map(|finalized| finalized.number);
        if finalized.is_none_or(|finalized| finalized < block.number) {
            return Ok(None);
        }
        self.close(view, entry, hash, block, success).await.map(Some)
    }

    /// Whichever of the hashes ever signed for the nonce was mined, counts.
    async fn settle_sent(
        &mut self,
        view: &mut View,
        entry: &Entry,
        receipts: &BTreeMap<B256, TransactionReceipt>,
    ) -> Result<Option<Record>> {
        let order = entry.order.clone();
        for attempt in entry.attempts.iter().rev() {
            let Some(receipt) = receipts.get(&attempt.hash) else {
                continue;
            };
            let (Some(number), Some(hash)) = (receipt.block_number, receipt.block_hash) else {
                continue;
            };
            let block = BlockRef { number, hash };
            if self.is_canonical(view, block).await? {
                self.suspicions.remove(&Suspicion::Displaced(order.clone()));
                let effect = entry.call.effect.as_ref();
                let shown = effect
                    .is_none_or(|effect| effect.is_in(receipt.inner.logs().iter().map(|log| &log.inner)));
                return Ok(Some(Record::Included {
                    order,
                    hash: attempt.hash,
                    block,
                    success: receipt.status() && shown,
                }));
            }
        }
        let Some(nonce) = entry.nonce else {
            return Ok(None);
        };
        let used_up = self.final_nonce(view).await?;
        let suspicion = Suspicion::Displaced(order.clone());
        if used_up.is_some_and(|used_up| nonce < used_up)
            && self.suspect(&suspicion, view.head.hash, DISPLACED_LOOKS)
        {
            tracing::warn!(%order, nonce, "another transaction took the nonce; a new one follows");
            return Ok(Some(Record::Displaced { order, nonce }));
        }
        Ok(None)
    }

    /// The account's next nonce at the final block, asked once a tick; `None` where the node cannot be asked.
    async fn final_nonce(&self, view: &mut View) -> Result<Option<u64>> {
        let Some(finalized) = view.finalized.as_ref() else {
            return Ok(None);
        };
        if view.final_nonce.is_none() {
            let at = json!({ "blockHash": finalized.hash });
            let count: Result<U64> = self
                .rpc
                .call("eth_getTransactionCount", (self.account(), at))
                .await;
            view.final_nonce = match count {
                Ok(count) => Some(count.to()),
                // Nodes that want a number here cannot be asked about a block; the order goes on waiting.
                Err(ChainError::Refused { .. }) => None,
                Err(error) => return Err(error),
            };
        }
        Ok(view.final_nonce)
    }

    /// The reason is for people; the state after the block is close to what the call saw.
    pub(super) async fn why_reverted(&self, call: &Call, block: BlockRef) -> Result<String> {
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
        let _: Bytes = self
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
        let (mut due, mut replaced) = (Vec::new(), Vec::new());
        for entry in self.table.open().filter(|entry| entry.is_in_flight()) {
            let (Some(attempt), Some(nonce)) = (entry.latest(), entry.nonce) else {
                continue;
            };
            if nonce < view.nonce {
                continue; // In a block, or lost to a stranger: `settle` finds out.
            }
            let sending = self.sendings.get(&entry.order).copied();
            let age = sending.map_or(0, |sending| view.head.number.saturating_sub(sending.first));
            let is_next = nonce == view.nonce || attempt.max_fee_wei < view.head.base_fee_wei;
            if is_next
                && age >= self.options.replace_after_blocks
                && let Some(attempt) = self.replacement(view, entry)?
            {
                let order = entry.order.clone();
                due.push(order.clone());
                replaced.push(Record::Signed {
                    order,
                    nonce,
                    attempt,
                });
                continue;
            }
            let is_due = sending
                .and_then(|sending| sending.last)
                .is_none_or(|last| view.head.number.abs_diff(last) >= RESEND_AFTER_BLOCKS);
            if is_due {
                due.push(entry.order.clone());
            }
        }
        for record in &replaced {
            self.sendings.remove(record.order());
        }
        self.write_all(replaced).await?;
        self.send(view, &due).await
    }

    /// The nonce signed again with higher fees; `None` where the cap or the number of attempts forbids it.
    fn replacement(&self, view: &View, entry: &Entry) -> Result<Option<Attempt>> {
        let (Some(attempt), Some(nonce)) = (entry.latest(), entry.nonce) else {
            return Ok(None);
        };
        if entry.attempts.len() >= self.options.max_attempts {
            tracing::warn!(order = %entry.order, nonce, "stuck: no attempts left");
            return Ok(None);
        }
        let old = Fees {
            max_fee_wei: attempt.max_fee_wei,
            max_priority_fee_wei: attempt.max_priority_fee_wei,
        };
        let suggested = Fees::suggest(view.head.base_fee_wei, view.tip_wei, &self.options);
        let Some(fees) = old.replace(suggested, &self.options) else {
            tracing::warn!(order = %entry.order, nonce, "stuck: higher fees are above the cap");
            return Ok(None);
        };
        self.sign(view, &entry.call, nonce, attempt.gas_limit, fees)
            .map(Some)
    }

    /// Sends the newest bytes of some orders, in this order. Only what a node says it has becomes `Sent`. Says
    /// whether the purse was too empty for any of them.
    pub(super) async fn send(&mut self, view: &View, orders: &[OrderId]) -> Result<bool> {
        let newest = |order: &OrderId| Some((self.table.get(order)?.latest()?.raw.clone(),));
        let orders: Vec<&OrderId> = orders.iter().filter(|order| newest(order).is_some()).collect();
        let raw: Vec<(Bytes,)> = orders.iter().filter_map(|order| newest(order)).collect();
        let answers: Vec<Result<B256>> = self.rpc.call_many("eth_sendRawTransaction", &raw).await;
        let (mut sent, mut lacks_funds, mut failure) = (Vec::new(), false, None);
        for (order, answer) in orders.into_iter().zip(answers) {
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
            lacks_funds |= outcome == SendOutcome::Funds;
            let is_new = self
                .table
                .get(order)
                .is_some_and(|entry| entry.state != State::Sent);
            if is_new && matches!(outcome, SendOutcome::Taken | SendOutcome::Known) {
                sent.push(Record::Sent { order: order.clone() });
            }
            if let Err(error) = answer
                && error.is_transport()
            {
                failure.get_or_insert(error);
            }
        }
        self.write_all(sent).await?;
        // The bytes are safe; the caller waits and ticks again.
        failure.map_or(Ok(lacks_funds), Err)
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
        let call = Call::new(self.account(), Bytes::new());
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
        self.send(view, &[order]).await?;
        Ok(())
    }
}

/// Gas of a payment without data.
const FILL_GAS: u64 = 21_000;
