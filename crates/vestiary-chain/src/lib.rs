#![doc = include_str!("../README.md")]

mod error;
pub mod follower;
mod http;
pub mod rpc;
mod signer;
pub mod submitter;

pub use error::{ChainError, MAX_ERROR_TEXT_CHARS, ProviderFault, Result};
pub use signer::TransactionSigner;
