#![doc = include_str!("../README.md")]

pub mod checkpoint;
pub mod cosignature;
mod error;
mod hash;
pub mod note;
pub mod proof;
mod text;
pub mod tile;
pub mod tlog_proof;

pub use checkpoint::{Checkpoint, SignedCheckpoint};
pub use error::Error;
pub use hash::{EMPTY_ROOT, HASH_BYTES, Hash, leaf_hash, node_hash};
pub use note::{KeyId, KeyName, SignatureType, SignedNote, VerifierKey};
pub use proof::{HashReader, Node};
pub use tile::{BundleId, Tile, TileHashes, TileId, TileReader};
pub use tlog_proof::TlogProof;
