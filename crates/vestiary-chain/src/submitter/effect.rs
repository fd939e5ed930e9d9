//! What an order is sent for: the log that its transaction leaves behind.
//!
//! That a call succeeded says little: a call to an account without code always does, and a reorganisation can take
//! away the transaction that puts the code there. An order is done when its block is final and its receipt has the
//! promised log; the receipts are then hashed to the root in the block's header, so that a node can neither invent
//! the log nor hide it.

use alloy_consensus::ReceiptEnvelope;
use alloy_primitives::{Address, B256, Bytes, Log};
use alloy_sol_types::SolEvent;
use serde::{Deserialize, Serialize};
use vestiary::block::BlockRef;

use crate::{
    error::{ProviderFault, Result},
    signer::TransactionSigner,
    submitter::{Entry, Outbox, Record, Submitter, View},
};

/// One exact log: which event, of which contract, about what.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Effect {
    /// The contract that writes it.
    pub emitter: Address,
    /// The event's signature and its indexed fields.
    pub topics: Vec<B256>,
    /// The other fields.
    pub data: Bytes,
}

impl Effect {
    /// The log of an event with all its fields.
    pub fn of(emitter: Address, event: &impl SolEvent) -> Self {
        let log = event.encode_log_data();
        Self {
            emitter,
            topics: log.topics().to_vec(),
            data: log.data,
        }
    }

    /// Whether it is among these logs.
    pub fn is_in<'a>(&self, logs: impl IntoIterator<Item = &'a Log>) -> bool {
        logs.into_iter().any(|log| {
            log.address == self.emitter && log.topics() == self.topics && log.data.data == self.data
        })
    }
}

/// What the receipts of a block prove of one transaction.
enum Proven {
    Done,
    WithoutEffect,
    Reverted,
}

impl<O: Outbox, S: TransactionSigner> Submitter<O, S> {
    /// Closes an order whose block is final. `success` is what the node said when it was mined, and is believed
    /// only of orders that promise no log: payments, and orders from before logs were promised.
    pub(super) async fn close(
        &self,
        view: &mut View,
        entry: &Entry,
        hash: B256,
        block: BlockRef,
        success: bool,
    ) -> Result<Record> {
        let order = entry.order.clone();
        let proven = match &entry.call.effect {
            Some(effect) => self.proven(view, effect, hash, block).await?,
            None if success => Proven::Done,
            None => Proven::Reverted,
        };
        let reverted = match proven {
            Proven::Done => None,
            Proven::Reverted => Some(self.why_reverted(&entry.call, block).await?),
            Proven::WithoutEffect => {
                let (contract, number) = (entry.call.to, block.number);
                tracing::warn!(%order, %contract, block = number, "a transaction was mined without effect");
                return Ok(Record::WithoutEffect { order, hash, block });
            }
        };
        Ok(Record::Finalized {
            order,
            hash,
            block,
            reverted,
        })
    }

    async fn proven(&self, view: &mut View, effect: &Effect, hash: B256, block: BlockRef) -> Result<Proven> {
        let number = block.number;
        let receipts = self.block_receipts(view, block).await?;
        let receipt = receipts.iter().find(|(transaction, _)| *transaction == hash);
        let (_, receipt) = receipt.ok_or(ProviderFault::MissingReceipt { number })?;
        if !receipt.status() {
            return Ok(Proven::Reverted);
        }
        Ok(if effect.is_in(receipt.logs()) {
            Proven::Done
        } else {
            Proven::WithoutEffect
        })
    }

    /// The receipts of a canonical block, hashed to its header's root; read once a tick.
    async fn block_receipts<'a>(
        &self,
        view: &'a mut View,
        block: BlockRef,
    ) -> Result<&'a [(B256, ReceiptEnvelope<Log>)]> {
        if !view.receipts.contains_key(&block.hash) {
            let header = view.canonical.get(&block.number).and_then(Option::as_ref);
            let header = header
                .filter(|header| header.hash == block.hash)
                .ok_or_else(|| ProviderFault::MissingBlock(block.hash.to_string()))?;
            let receipts = self.rpc.receipts(header).await?;
            view.receipts.insert(block.hash, receipts);
        }
        Ok(view.receipts.get(&block.hash).map_or(&[], Vec::as_slice))
    }
}
