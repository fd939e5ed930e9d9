//! Contracts of the simulated chain: functions instead of bytecode.

use std::collections::BTreeMap;

use alloy_primitives::{Address, Bytes, Log, U256};

/// What contracts remember. It belongs to a block and goes back with it.
pub type SimStorage = BTreeMap<Vec<u8>, Vec<u8>>;

/// One call of a contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SimCall {
    /// The sender.
    pub from: Address,
    /// The contract.
    pub to: Address,
    /// Selector and arguments.
    pub data: Bytes,
    /// Wei.
    pub value_wei: U256,
}

/// What a call that succeeds leaves behind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SimOutcome {
    /// Logs, in order.
    pub logs: Vec<Log>,
    /// Return data.
    pub output: Bytes,
}

/// A contract. Closures are contracts.
pub trait SimContract: Send + Sync {
    /// Runs a call; the error is the revert data, and storage is then as before.
    fn execute(&self, call: &SimCall, storage: &mut SimStorage) -> Result<SimOutcome, Bytes>;
}

impl<F> SimContract for F
where
    F: Fn(&SimCall, &mut SimStorage) -> Result<SimOutcome, Bytes> + Send + Sync,
{
    fn execute(&self, call: &SimCall, storage: &mut SimStorage) -> Result<SimOutcome, Bytes> {
        self(call, storage)
    }
}
