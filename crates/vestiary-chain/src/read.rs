//! Questions to contracts, each at one block hash.

use alloy_primitives::{Address, B256, Bytes, U64, keccak256};
use alloy_sol_types::SolCall;
use serde_json::json;
use vestiary::abi::{IERC1271, IIssuerRegistry, ILogAnchor};
use vestiary::ids::IssuerId;

use crate::rpc::Rpc;
use crate::{ChainError, Result};

/// Gas that a contract wallet may use to check a signature.
pub const SIGNATURE_CHECK_GAS: u64 = 500_000;
/// The four bytes that a contract wallet answers with when it signed (ERC-1271).
const MAGIC_VALUE: [u8; 4] = [0x16, 0x26, 0xba, 0x7e];
/// A 32-byte word, the only answer of `isValidSignature` that counts.
const WORD_BYTES: usize = 32;

/// Calls a function and decodes what it returns.
pub async fn call<C: SolCall>(rpc: &Rpc, to: Address, call: &C, block: B256) -> Result<C::Return> {
    let data = call_raw(rpc, to, call.abi_encode().into(), None, block).await?;
    C::abi_decode_returns(&data).map_err(|_| ChainError::Malformed {
        method: "eth_call",
        what: "not what the function returns",
    })
}

async fn call_raw(rpc: &Rpc, to: Address, input: Bytes, gas: Option<u64>, block: B256) -> Result<Bytes> {
    let mut transaction = json!({ "to": to, "input": input });
    if let Some(gas) = gas {
        transaction["gas"] = json!(U64::from(gas));
    }
    rpc.call("eth_call", (transaction, json!({ "blockHash": block })))
        .await
}

/// The code at an address.
pub async fn code(rpc: &Rpc, address: Address, block: B256) -> Result<Bytes> {
    rpc.call("eth_getCode", (address, json!({ "blockHash": block })))
        .await
}

/// keccak-256 of the code at an address.
pub async fn code_hash(rpc: &Rpc, address: Address, block: B256) -> Result<B256> {
    Ok(keccak256(code(rpc, address, block).await?))
}

/// The account that acts for an issuer; zero for an unknown one.
pub async fn account_of(rpc: &Rpc, registry: Address, issuer: IssuerId, block: B256) -> Result<Address> {
    call(
        rpc,
        registry,
        &IIssuerRegistry::accountOfCall {
            issuerId: issuer.get(),
        },
        block,
    )
    .await
}

/// The largest size that an account anchored of a log.
pub async fn last_anchored_size(
    rpc: &Rpc,
    log_anchor: Address,
    account: Address,
    origin_hash: B256,
    block: B256,
) -> Result<u64> {
    call(
        rpc,
        log_anchor,
        &ILogAnchor::lastSizeOfCall {
            account,
            originHash: origin_hash,
        },
        block,
    )
    .await
}

/// Whether an account's contract says that it signed `hash` (ERC-1271). An account without code, a revert and
/// any answer but the magic word mean no; only a node that does not answer is an error.
pub async fn is_valid_signature(
    rpc: &Rpc,
    account: Address,
    hash: B256,
    signature: &Bytes,
    block: B256,
) -> Result<bool> {
    if code(rpc, account, block).await?.is_empty() {
        return Ok(false);
    }
    let input = IERC1271::isValidSignatureCall {
        hash,
        signature: signature.clone(),
    }
    .abi_encode();
    match call_raw(rpc, account, input.into(), Some(SIGNATURE_CHECK_GAS), block).await {
        Ok(answer) => Ok(answer.len() == WORD_BYTES
            && answer[..4] == MAGIC_VALUE
            && answer[4..].iter().all(|byte| *byte == 0)),
        Err(ChainError::Refused { .. } | ChainError::TooLarge { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}
