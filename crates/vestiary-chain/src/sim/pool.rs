//! The simulated node's pool: what it takes, and how it words what it refuses.

use alloy_consensus::{TxEnvelope, transaction::SignerRecoverable};
use alloy_eips::eip2718::Decodable2718;
use alloy_json_rpc::ErrorPayload;
use alloy_primitives::{Address, B256, U256};

use crate::sim::{
    Wording,
    chain::{Chain, Kind, Signed, SimTransaction},
};

/// What became of raw bytes.
pub(super) enum Taken {
    Yes(B256),
    No(ErrorPayload),
}

/// The waiting transaction of an account with a nonce.
pub(super) fn waiting(chain: &Chain, account: Address, nonce: u64) -> Option<usize> {
    chain.pool.iter().position(|waiting| match &waiting.kind {
        Kind::Signed(signed) => signed.from == account && signed.transaction.nonce == nonce,
        Kind::Logs(_) | Kind::Call(_) => false,
    })
}

/// Takes a raw transaction, or says why not.
pub(super) fn take(chain: &mut Chain, raw: &[u8]) -> Taken {
    let wording = chain.options.wording;
    let refuse = |message: &str| Taken::No(payload(wording, message));
    let Ok(TxEnvelope::Eip1559(envelope)) = TxEnvelope::decode_2718_exact(raw) else {
        return refuse("rlp: value size exceeds available input length");
    };
    let hash = *envelope.hash();
    let Ok(from) = envelope.recover_signer() else {
        return refuse("invalid sender");
    };
    let transaction = envelope.strip_signature();
    if transaction.chain_id != chain.options.chain.0 {
        return refuse("invalid chain id for signer");
    }
    if chain.pool.iter().any(|waiting| waiting.hash == hash) {
        return Taken::No(already_known(wording));
    }
    let account = chain.head().accounts.get(&from).cloned().unwrap_or_default();
    if transaction.nonce < account.nonce {
        return Taken::No(nonce_too_low(wording));
    }
    if wording == Wording::Anvil && transaction.max_fee_per_gas < u128::from(chain.base_fee_wei) {
        return refuse("max fee per gas less than block base fee");
    }
    let cost =
        U256::from(transaction.gas_limit) * U256::from(transaction.max_fee_per_gas) + transaction.value;
    if cost > account.balance_wei {
        return refuse(match wording {
            Wording::Geth => "insufficient funds for gas * price + value: balance 0, tx cost 1, overshot 1",
            Wording::Anvil => "Insufficient funds for gas * price + value",
        });
    }
    if let Some(place) = waiting(chain, from, transaction.nonce) {
        if let Kind::Signed(old) = &chain.pool[place].kind {
            let dearer = |new: u128, old: u128| new * 10 >= old * 11;
            if !dearer(transaction.max_fee_per_gas, old.transaction.max_fee_per_gas)
                || !dearer(
                    transaction.max_priority_fee_per_gas,
                    old.transaction.max_priority_fee_per_gas,
                )
            {
                return refuse("replacement transaction underpriced");
            }
        }
        chain.pool.remove(place);
    }
    chain.pool.push(SimTransaction {
        hash,
        kind: Kind::Signed(Box::new(Signed { from, transaction })),
    });
    Taken::Yes(hash)
}

/// The node has exactly these bytes.
pub(super) fn already_known(wording: Wording) -> ErrorPayload {
    payload(
        wording,
        match wording {
            Wording::Geth => "already known",
            Wording::Anvil => "transaction already imported",
        },
    )
}

/// The nonce was used, by whatever transaction.
pub(super) fn nonce_too_low(wording: Wording) -> ErrorPayload {
    payload(
        wording,
        match wording {
            Wording::Geth => "nonce too low: next nonce 1, tx nonce 0",
            Wording::Anvil => "nonce too low",
        },
    )
}

fn payload(wording: Wording, message: &str) -> ErrorPayload {
    let code = match wording {
        Wording::Geth => -32000,
        Wording::Anvil => -32003,
    };
    ErrorPayload {
        code,
        message: message.to_owned().into(),
        data: None,
    }
}
