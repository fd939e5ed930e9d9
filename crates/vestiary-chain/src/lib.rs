#![doc = include_str!("../README.md")]

pub mod anvil;
pub mod calls;
pub mod deploy;
pub mod descriptions;
mod error;
pub mod follower;
mod http;
mod logs;
pub mod once;
pub mod points;
pub mod read;
mod revert;
pub mod rpc;
mod signer;
pub mod sim;
pub mod submitter;

pub use error::{ChainError, MAX_ERROR_TEXT_CHARS, ProviderFault, Result};
pub use logs::MAX_FILTER_ADDRESSES;
pub use signer::TransactionSigner;
