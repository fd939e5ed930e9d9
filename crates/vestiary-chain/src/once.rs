//! One transaction from start to end, for a person at a terminal: a brand's own acts, a player's own claim.
//!
//! Nothing is journaled: who runs it sees the outcome, and every call here is refused by its contract when it is
//! repeated. The service sends through [`crate::submitter`].

use std::time::Duration;

use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, TxKind, U64, U128, U256};
use alloy_rpc_types_eth::TransactionReceipt;
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::revert::as_revert;
use crate::rpc::Rpc;
use crate::submitter::Call;
use crate::{ChainError, Result, TransactionSigner};

/// How long a transaction is waited for.
pub const WAIT: Duration = Duration::from_mins(2);
/// Pause between two looks for the receipt.
const POLL: Duration = Duration::from_millis(150);
/// Tip offered, in wei per gas.
const PRIORITY_FEE_WEI: u128 = 1_000_000_000;

/// A transaction that is in a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mined {
    /// Its hash.
    pub hash: B256,
    /// The block's number.
    pub block: u64,
    /// Gas that it used.
    pub gas_used: u64,
    /// The contract that it created.
    pub contract: Option<Address>,
    /// Its logs.
    pub receipt: TransactionReceipt,
}

/// Sends a call from `signer`'s account and waits until it is in a block. One that succeeds without
/// [`Call::effect`] is [`ChainError::Contract`].
pub async fn send(rpc: &Rpc, signer: &dyn TransactionSigner, call: &Call) -> Result<Mined> {
    let to = TxKind::Call(call.to);
    let mined = transact(rpc, signer, to, call.data.clone(), call.value_wei).await?;
    let logs = mined.receipt.inner.logs().iter().map(|log| &log.inner);
    if call.effect.as_ref().is_some_and(|effect| !effect.is_in(logs)) {
        return Err(ChainError::Contract {
            what: "the contract",
            address: call.to,
            problem: "the transaction was mined without effect",
        });
    }
    Ok(mined)
}

/// Creates a contract and waits until it is in a block.
pub async fn create(rpc: &Rpc, signer: &dyn TransactionSigner, code: Bytes) -> Result<Mined> {
    transact(rpc, signer, TxKind::Create, code, U256::ZERO).await
}

async fn transact(
    rpc: &Rpc,
    signer: &dyn TransactionSigner,
    to: TxKind,
    input: Bytes,
    value: U256,
) -> Result<Mined> {
    let from = signer.address();
    let head = rpc.head().await?;
    let mut draft = json!({ "from": from, "input": input, "value": value });
    if let TxKind::Call(to) = to {
        draft["to"] = json!(to);
    }
    // The estimate is also the rehearsal: what would revert is refused here, decoded, before anything is signed.
    let gas: U64 = rpc.call("eth_estimateGas", (draft,)).await.map_err(decoded)?;
    let nonce: U64 = rpc.call("eth_getTransactionCount", (from, "pending")).await?;
    let tip: U128 = rpc
        .call("eth_maxPriorityFeePerGas", ())
        .await
        .unwrap_or(U128::from(PRIORITY_FEE_WEI));
    let tip = tip.to::<u128>().max(1);
    let transaction = TxEip1559 {
        chain_id: rpc.chain().0,
        nonce: nonce.to(),
        gas_limit: gas.to::<u64>().saturating_mul(6) / 5,
        max_fee_per_gas: head.base_fee_wei.saturating_mul(2).saturating_add(tip),
        max_priority_fee_per_gas: tip,
        to,
        value,
        access_list: alloy_eips::eip2930::AccessList::default(),
        input,
    };
    let signature = signer
        .sign_transaction(&transaction)
        .map_err(ChainError::Signer)?;
    let envelope = TxEnvelope::from(transaction.into_signed(signature));
    let hash = *envelope.tx_hash();
    let sent: Result<B256> = rpc
        .call("eth_sendRawTransaction", (Bytes::from(envelope.encoded_2718()),))
        .await;
    // A refusal can mean that the node has it already: the receipt decides.
    let receipt = wait(rpc, hash, sent.err()).await?;
    if !receipt.status() {
        return Err(ChainError::Reverted {
            reason: format!("transaction {hash} failed in block {:?}", receipt.block_number),
        });
    }
    Ok(Mined {
        hash,
        block: receipt.block_number.unwrap_or_default(),
        gas_used: receipt.gas_used,
        contract: receipt.contract_address,
        receipt,
    })
}

async fn wait(rpc: &Rpc, hash: B256, refused: Option<ChainError>) -> Result<TransactionReceipt> {
    let until = Instant::now() + if refused.is_some() { POLL * 10 } else { WAIT };
    loop {
        let receipt: Result<Option<TransactionReceipt>> =
            rpc.call("eth_getTransactionReceipt", (hash,)).await;
        match receipt {
            Ok(Some(receipt)) => return Ok(receipt),
            Ok(None) | Err(_) if Instant::now() < until => sleep(POLL).await,
            Ok(None) => {
                return Err(refused.unwrap_or(ChainError::Deadline {
                    method: "eth_getTransactionReceipt",
                    after: WAIT,
                }));
            }
            Err(error) => return Err(refused.unwrap_or(error)),
        }
    }
}

/// Puts a decoded contract error in the place of a node's wording.
fn decoded(error: ChainError) -> ChainError {
    match as_revert(&error) {
        Some(reason) => ChainError::Reverted { reason },
        None => error,
    }
}
