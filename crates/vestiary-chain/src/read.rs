//! Questions to contracts, each at one block hash: a node that does not have the block fails instead of
//! answering from another one. A contract that refuses is [`ChainError::Reverted`] with its reason.

use alloy_primitives::{Address, B256, Bytes, U64, U256, keccak256};
use alloy_sol_types::SolCall;
use serde_json::json;
use serde_json::value::RawValue;
use vestiary::abi::{
    ICollectionFactory, IERC721, IERC1271, IIssuerRegistry, ILogAnchor, IWearableCollection,
};
use vestiary::ids::{DesignId, IssuerId, TokenId};
use vestiary::storage::StorageSlot;
use vestiary::storage_proof::{AccountProof, ProvenAccount, ProvenBlock, clone_code_hash};

use crate::revert::as_revert;
use crate::rpc::Rpc;
use crate::{ChainError, ProviderFault, Result};

/// Gas that a contract wallet may use to check a signature.
pub const SIGNATURE_CHECK_GAS: u64 = 500_000;
/// The four bytes that a contract wallet answers with when it signed (ERC-1271).
const MAGIC_VALUE: [u8; 4] = [0x16, 0x26, 0xba, 0x7e];
/// A 32-byte word, the only answer of `isValidSignature` that counts.
const WORD_BYTES: usize = 32;

/// Longest answer of a contract that is read, in bytes.
pub const MAX_RETURN_BYTES: usize = 64 * 1024;
/// Most collections of one factory that are listed.
pub const MAX_COLLECTIONS: usize = 100_000;

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
    let answer: Result<Bytes> = rpc
        .call("eth_call", (transaction, json!({ "blockHash": block })))
        .await;
    match answer {
        Ok(answer) if answer.len() > MAX_RETURN_BYTES => Err(ChainError::TooLarge {
            method: "eth_call",
            limit_bytes: MAX_RETURN_BYTES,
        }),
        Ok(answer) => Ok(answer),
        Err(error) => Err(match as_revert(&error) {
            Some(reason) => ChainError::Reverted { reason },
            None => error,
        }),
    }
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
        Err(ChainError::Reverted { .. } | ChainError::TooLarge { .. }) => Ok(false),
        // Using up the gas is an answer too; every client words it with these words.
        Err(ChainError::Refused { text, .. }) if text.to_ascii_lowercase().contains("out of gas") => {
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

/// The serial with which a design's next batch starts; 1 for a design that is not open.
pub async fn next_serial(rpc: &Rpc, collection: Address, design: DesignId, block: B256) -> Result<u64> {
    let call_data = IWearableCollection::designOfCall {
        designId: design.get(),
    };
    Ok(call(rpc, collection, &call_data, block).await?.nextSerial.max(1))
}

/// Who owns a wearable; `None` where the collection refuses, as for one that was never minted.
pub async fn owner_of(
    rpc: &Rpc,
    collection: Address,
    token_id: TokenId,
    block: B256,
) -> Result<Option<Address>> {
    match call(
        rpc,
        collection,
        &IERC721::ownerOfCall { tokenId: token_id.0 },
        block,
    )
    .await
    {
        Ok(owner) => Ok(Some(owner)),
        Err(ChainError::Reverted { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether an account may mint serials without claim key.
pub async fn is_minter(rpc: &Rpc, collection: Address, minter: Address, block: B256) -> Result<bool> {
    call(
        rpc,
        collection,
        &IWearableCollection::isMinterCall { minter },
        block,
    )
    .await
}

/// The factory's collections, from an index on.
pub async fn collections(rpc: &Rpc, factory: Address, from: usize, block: B256) -> Result<Vec<Address>> {
    let count = call(rpc, factory, &ICollectionFactory::collectionCountCall {}, block).await?;
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    if count > MAX_COLLECTIONS {
        return Err(ChainError::Contract {
            what: "CollectionFactory",
            address: factory,
            problem: "it lists more collections than are read",
        });
    }
    let mut collections = Vec::new();
    for index in from..count {
        let index = U256::from(index);
        collections.push(
            call(
                rpc,
                factory,
                &ICollectionFactory::collectionAtCall { index },
                block,
            )
            .await?,
        );
    }
    Ok(collections)
}

/// Whether an address holds an ERC-1167 clone of an implementation, byte for byte.
pub async fn is_clone_of(
    rpc: &Rpc,
    collection: Address,
    implementation: Address,
    block: B256,
) -> Result<bool> {
    Ok(code_hash(rpc, collection, block).await? == clone_code_hash(implementation))
}

/// Asks a node to prove an account and slots of it at a block, and checks what it answers: the block's header under
/// `block`, and everything else under the header. Nodes keep proofs of recent blocks only and refuse older ones.
pub async fn proven_account(
    rpc: &Rpc,
    address: Address,
    slots: &[StorageSlot],
    block: B256,
) -> Result<ProvenAccount> {
    const METHOD: &str = "eth_getProof";
    let header: Option<alloy_rpc_types_eth::Header> = rpc.call("eth_getBlockByHash", (block, false)).await?;
    let header = header.ok_or_else(|| ProviderFault::MissingBlock(block.to_string()))?;
    let slots: Vec<B256> = slots.iter().map(|slot| slot.0).collect();
    let answer: Box<RawValue> = rpc
        .call(METHOD, (address, slots, json!({ "blockHash": block })))
        .await?;
    ProvenBlock::from_header(&alloy_rlp::encode(&header.inner), block)
        .and_then(|proven| AccountProof::parse(answer.get().as_bytes())?.verify(&proven, address))
        .map_err(|error| ChainError::NotProved(error.to_string()))
}
