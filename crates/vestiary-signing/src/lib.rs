#![doc = include_str!("../README.md")]

mod account;
pub mod codes;
mod ed25519;
mod error;
pub mod key_file;
mod memory;
mod purpose;
mod secret;

pub use account::{Account, AccountKey};
pub use codes::{ClaimCode, ClaimKey, CodeError, Seed};
pub use ed25519::{CheckpointKey, Ed25519Key};
pub use error::Error;
pub use key_file::{KdfCost, KeyFile, StoredKey};
pub use memory::{Committed, MAX_HEADS, Memory, Refusal, Sent, TreeHead, Witnessed};
pub use purpose::{Algorithm, Purpose};
pub use secret::{MAX_PASSPHRASE_BYTES, MIN_PASSPHRASE_BYTES, Passphrase};
