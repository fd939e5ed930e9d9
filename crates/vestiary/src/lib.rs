#![doc = include_str!("../README.md")]

// Names, words and numbers.
pub mod block;
pub mod digest;
pub mod ids;
pub mod slot;
pub mod text;
pub mod timestamp;

// Bytes that are signed: JSON, its canonical form, keys.
pub mod by_name;
pub mod data_integrity;
pub mod jcs;
pub mod json;
pub mod keys;

// What is said of a design, a wearable, a batch.
pub mod certificate;
pub mod design;
pub mod licence;
pub mod terms;

pub mod batch_file;
pub mod receipt;
pub mod statement;
pub mod tree;

// The contracts, and what is signed for them.
pub mod abi;
pub mod typed_data;

// What a reader believes, and what is checked.
pub mod roots;
pub mod verify;

// What stands in the contracts' storage, and what proves it.
pub mod holdings;
pub mod storage;
pub mod storage_proof;

// What a world is answered.
pub mod inventory;
pub mod precedence;
pub mod rights;
pub mod world;
