use std::{collections::HashMap, fmt};

use alloy_consensus::TxEip1559;
use alloy_primitives::{Address, B256, U256, keccak256};
use vestiary::ids::ChainId;

use super::Refusal;

/// What a transaction does and pays, as far as replacing it is concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// Receiver; `None` creates a contract.
    pub to: Option<Address>,
    /// Wei sent.
    pub value: U256,
    /// Keccak-256 of the call data.
    pub input_keccak256: B256,
    /// Most wei for a unit of gas.
    pub max_fee_per_gas: u128,
    /// Most wei for a unit of gas above the base fee.
    pub max_priority_fee_per_gas: u128,
    /// What was signed.
    pub signing_hash: B256,
}

impl Sent {
    pub(super) fn of(transaction: &TxEip1559, signing_hash: B256) -> Self {
        Self {
            to: transaction.to.to().copied(),
            value: transaction.value,
            input_keccak256: keccak256(&transaction.input),
            max_fee_per_gas: transaction.max_fee_per_gas,
            max_priority_fee_per_gas: transaction.max_priority_fee_per_gas,
            signing_hash,
        }
    }

    fn does_the_same_as(&self, other: &Self) -> bool {
        (self.to, self.value, self.input_keccak256) == (other.to, other.value, other.input_keccak256)
    }

    /// Nodes replace a transaction only when both fees rise; the tip may be at its floor of zero.
    fn pays_more_than(&self, other: &Self) -> bool {
        self.max_fee_per_gas > other.max_fee_per_gas
            && self.max_priority_fee_per_gas >= other.max_priority_fee_per_gas
    }
}

impl fmt::Display for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.to {
            Some(to) => write!(f, "a call of {to:#x}")?,
            None => write!(f, "a creation")?,
        }
        let (value, input) = (self.value, self.input_keccak256);
        write!(
            f,
            " with {value} wei, data {input} and at most {} wei a gas",
            self.max_fee_per_gas
        )
    }
}

/// What each nonce of each account was used for.
#[derive(Debug, Default)]
pub(super) struct Transactions(HashMap<(ChainId, Address, u64), Vec<Sent>>);

impl Transactions {
    /// A fact from the outbox, in whatever order. It is kept also when it contradicts another.
    pub(super) fn remember(
        &mut self,
        chain: ChainId,
        account: Address,
        nonce: u64,
        fact: Sent,
    ) -> Result<(), Refusal> {
        let all = self.0.entry((chain, account, nonce)).or_default();
        if all.iter().any(|known| known.signing_hash == fact.signing_hash) {
            return Ok(());
        }
        let contradiction = all
            .iter()
            .find(|known| !known.does_the_same_as(&fact))
            .cloned()
            .map(Box::new);
        let asked = Box::new(fact.clone());
        all.push(fact);
        all.sort_by_key(|known| known.max_fee_per_gas);
        match contradiction {
            Some(remembered) => Err(Refusal::TwoTransactions {
                chain,
                account,
                nonce,
                remembered,
                asked,
            }),
            None => Ok(()),
        }
    }

    /// A nonce does one thing, ever; doing it again must be the same bytes or pay more.
    pub(super) fn sign(
        &mut self,
        chain: ChainId,
        account: Address,
        nonce: u64,
        asked: Sent,
    ) -> Result<(), Refusal> {
        let all = self.0.entry((chain, account, nonce)).or_default();
        if all.iter().any(|known| known.signing_hash == asked.signing_hash) {
            return Ok(());
        }
        if let Some(highest) = all.last() {
            let (remembered, asked) = (Box::new(highest.clone()), Box::new(asked.clone()));
            if !asked.does_the_same_as(highest) {
                return Err(Refusal::TwoTransactions {
                    chain,
                    account,
                    nonce,
                    remembered,
                    asked,
                });
            }
            if !asked.pays_more_than(highest) {
                return Err(Refusal::FeeNotHigher {
                    chain,
                    account,
                    nonce,
                    remembered,
                    asked,
                });
            }
        }
        all.push(asked);
        Ok(())
    }
}
