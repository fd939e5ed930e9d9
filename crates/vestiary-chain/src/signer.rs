//! What the submitter wants of a key.

use std::sync::Arc;

use alloy_consensus::TxEip1559;
use alloy_primitives::{Address, Signature};
use vestiary_signing::Account;

/// A key of one account that signs transactions, and may refuse: the memory behind it knows which nonces
/// were used for what.
pub trait TransactionSigner: Send + Sync {
    /// The account.
    fn address(&self) -> Address;

    /// Signs [`alloy_consensus::SignableTransaction::signature_hash`] of the transaction. The error is a
    /// reason for people, without secrets.
    fn sign_transaction(&self, transaction: &TxEip1559) -> Result<Signature, String>;
}

impl TransactionSigner for Account {
    fn address(&self) -> Address {
        Self::address(self)
    }

    fn sign_transaction(&self, transaction: &TxEip1559) -> Result<Signature, String> {
        Self::sign_transaction(self, transaction).map_err(|error| error.to_string())
    }
}

impl<T: TransactionSigner + ?Sized> TransactionSigner for Arc<T> {
    fn address(&self) -> Address {
        (**self).address()
    }

    fn sign_transaction(&self, transaction: &TxEip1559) -> Result<Signature, String> {
        (**self).sign_transaction(transaction)
    }
}
