#![doc = include_str!("../README.md")]

pub mod anvil;
pub mod calls;
pub mod deploy;
mod error;
pub mod follower;
mod http;
pub mod once;
pub mod read;
pub mod rpc;
mod signer;
pub mod submitter;

pub use error::{ChainError, MAX_ERROR_TEXT_CHARS, ProviderFault, Result};
pub use signer::TransactionSigner;
