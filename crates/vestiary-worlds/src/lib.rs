#![doc = include_str!("../README.md")]

pub mod cid;
pub mod content;
pub mod preflight;

mod error;
mod representation;

pub use content::{ContentStore, Declared, FileRecord, StoredFile};
pub use error::Error;
pub use preflight::{Fault, Metrics, preflight};
pub use representation::representation;
pub use vestiary::digest::Sha256;
