//! Logs of a block, or of a run of blocks, checked against the headers.

use std::collections::BTreeSet;

use alloy_consensus::{ReceiptEnvelope, proofs::calculate_receipt_root};
use alloy_primitives::{Address, B256, Bloom, BloomInput, U64};
use alloy_rpc_types_eth::{Log, TransactionReceipt};
use serde_json::{Value, json};
use vestiary::block::ChainLog;

use crate::{
    error::{ChainError, ProviderFault, Result},
    follower::LogCheck,
    rpc::{Header, Rpc},
};

/// Beyond so many contracts the node is asked for all logs and we choose: long address lists are refused.
pub const MAX_FILTER_ADDRESSES: usize = 500;

/// Most transactions of a block whose receipts are read one by one, for nodes without
/// `eth_getBlockReceipts`.
const MAX_SINGLE_RECEIPTS: usize = 2_000;

impl Rpc {
    /// The logs of one block from the given contracts, by block hash: a node that does not know the block
    /// fails instead of answering with an empty list.
    pub async fn logs_at(
        &self,
        header: &Header,
        watched: &BTreeSet<Address>,
        check: LogCheck,
    ) -> Result<Vec<ChainLog>> {
        if watched.is_empty() {
            return Ok(Vec::new());
        }
        if check == LogCheck::ReceiptsRoot {
            // The bloom filter is part of the header that was hashed: where it excludes us, we are done.
            return if excludes(&header.logs_bloom, watched) {
                Ok(Vec::new())
            } else {
                self.logs_from_receipts(header, watched).await
            };
        }
        let filter = json!([{ "blockHash": header.hash, "address": filter_addresses(watched) }]);
        let logs: Vec<Log> = self.call("eth_getLogs", filter).await?;
        let checked = check_logs(header, logs.iter(), watched)?;
        self.settle(header, checked, watched).await
    }

    /// The logs of consecutive blocks, one list a block, with one question for all. The headers are joined
    /// (see [`Rpc::headers`]); each log must be of one of them. A list of exactly `cap` logs counts as cut
    /// off and is refused as [`ChainError::TooLarge`].
    pub async fn logs_in(
        &self,
        headers: &[Header],
        watched: &BTreeSet<Address>,
        cap: Option<usize>,
    ) -> Result<Vec<Vec<ChainLog>>> {
        const METHOD: &str = "eth_getLogs";
        let (Some(first), Some(last)) = (headers.first(), headers.last()) else {
            return Ok(Vec::new());
        };
        if watched.is_empty() {
            return Ok(vec![Vec::new(); headers.len()]);
        }
        let filter = json!([{
            "fromBlock": U64::from(first.number),
            "toBlock": U64::from(last.number),
            "address": filter_addresses(watched),
        }]);
        let logs: Vec<Log> = self.call(METHOD, filter).await?;
        if cap.is_some_and(|cap| logs.len() == cap) {
            return Err(ChainError::TooLarge {
                method: METHOD,
                limit_bytes: 0,
            });
        }
        let mut by_block: Vec<Vec<&Log>> = vec![Vec::new(); headers.len()];
        for log in &logs {
            log.block_number
                .and_then(|number| number.checked_sub(first.number))
                .and_then(|place| by_block.get_mut(usize::try_from(place).ok()?))
                .ok_or(ProviderFault::ForeignLog { number: first.number })?
                .push(log);
        }
        let mut lists = Vec::with_capacity(headers.len());
        for (header, logs) in headers.iter().zip(by_block) {
            let checked = check_logs(header, logs.into_iter(), watched)?;
            lists.push(self.settle(header, checked, watched).await?);
        }
        Ok(lists)
    }

    /// An empty list is believed only where the bloom filter, or else the receipts, say so.
    async fn settle(
        &self,
        header: &Header,
        logs: Vec<ChainLog>,
        watched: &BTreeSet<Address>,
    ) -> Result<Vec<ChainLog>> {
        if !logs.is_empty() || excludes(&header.logs_bloom, watched) {
            return Ok(logs);
        }
        // The node's log index may be behind its chain. The receipts are proved by the header.
        self.logs_from_receipts(header, watched).await
    }

    /// The logs as the receipts have them, once the receipts hash to the header's root.
    async fn logs_from_receipts(
        &self,
        header: &Header,
        watched: &BTreeSet<Address>,
    ) -> Result<Vec<ChainLog>> {
        let receipts = self.receipts(header).await?;
        let mut logs = Vec::new();
        let mut log_index = 0;
        for (transaction_hash, receipt) in &receipts {
            for log in receipt.logs() {
                if watched.contains(&log.address) {
                    logs.push(ChainLog {
                        address: log.address,
                        topics: log.topics().to_vec(),
                        data: log.data.data.clone(),
                        transaction_hash: *transaction_hash,
                        log_index,
                    });
                }
                log_index += 1;
            }
        }
        Ok(logs)
    }

    /// All receipts of a block, hashed to the header's root. The transaction hashes are the node's word.
    pub(crate) async fn receipts(
        &self,
        header: &Header,
    ) -> Result<Vec<(B256, ReceiptEnvelope<alloy_primitives::Log>)>> {
        const METHOD: &str = "eth_getBlockReceipts";
        let answer = self
            .call::<_, Option<Vec<TransactionReceipt>>>(METHOD, (header.hash,))
            .await;
        let receipts = match answer {
            Ok(receipts) => receipts.ok_or_else(|| ProviderFault::MissingBlock(header.hash.to_string()))?,
            Err(ChainError::Refused { code: -32601, .. }) => self.receipts_one_by_one(header).await?,
            Err(error) => return Err(error),
        };
        let receipts: Vec<_> = receipts
            .into_iter()
            .map(|receipt| (receipt.transaction_hash, receipt.inner.into_primitives_receipt()))
            .collect();
        let envelopes: Vec<_> = receipts.iter().map(|(_, envelope)| envelope).collect();
        if calculate_receipt_root(&envelopes) != header.receipts_root {
            return Err(ProviderFault::ReceiptsRoot {
                number: header.number,
            }
            .into());
        }
        Ok(receipts)
    }

    async fn receipts_one_by_one(&self, header: &Header) -> Result<Vec<TransactionReceipt>> {
        const METHOD: &str = "eth_getTransactionReceipt";
        if header.transactions.len() > MAX_SINGLE_RECEIPTS {
            return Err(ChainError::Malformed {
                method: METHOD,
                what: "more transactions than are read one by one",
            });
        }
        let mut receipts = Vec::with_capacity(header.transactions.len());
        for hash in &header.transactions {
            let receipt: Option<TransactionReceipt> = self.call(METHOD, (*hash,)).await?;
            receipts.push(receipt.ok_or_else(|| ProviderFault::MissingBlock(header.hash.to_string()))?);
        }
        Ok(receipts)
    }
}

fn filter_addresses(watched: &BTreeSet<Address>) -> Value {
    if watched.len() > MAX_FILTER_ADDRESSES {
        Value::Null
    } else {
        json!(watched)
    }
}

/// Whether no log of the block can be from one of the contracts.
fn excludes(bloom: &Bloom, watched: &BTreeSet<Address>) -> bool {
    !watched
        .iter()
        .any(|address| bloom.contains_input(BloomInput::Raw(address.as_slice())))
}

/// The logs of one block: of this block, each once, in order, admitted by the bloom filter. Logs of other
/// contracts are left out; the order is made, since it is known.
fn check_logs<'a>(
    header: &Header,
    logs: impl Iterator<Item = &'a Log>,
    watched: &BTreeSet<Address>,
) -> Result<Vec<ChainLog>> {
    let number = header.number;
    let mut checked = Vec::new();
    for log in logs {
        let (Some(log_index), Some(transaction_hash)) = (log.log_index, log.transaction_hash) else {
            return Err(ProviderFault::ForeignLog { number }.into());
        };
        if log.block_hash != Some(header.hash) || log.block_number != Some(number) || log.removed {
            return Err(ProviderFault::ForeignLog { number }.into());
        }
        if !watched.contains(&log.inner.address) {
            continue;
        }
        let topics = log.inner.topics();
        if topics.len() > 4 || !header.logs_bloom.contains_raw_log(log.inner.address, topics) {
            return Err(ProviderFault::NotInBloom { number, log_index }.into());
        }
        checked.push(ChainLog {
            address: log.inner.address,
            topics: topics.to_vec(),
            data: log.inner.data.data.clone(),
            transaction_hash,
            log_index,
        });
    }
    checked.sort_by_key(|log| log.log_index);
    if let Some(twice) = checked
        .windows(2)
        .find(|pair| pair[0].log_index == pair[1].log_index)
    {
        return Err(ProviderFault::DuplicateLog {
            number,
            log_index: twice[0].log_index,
        }
        .into());
    }
    Ok(checked)
}
