#![doc = include_str!("../README.md")]

pub mod error;
pub mod files;
pub mod journal;
pub mod log;
pub mod seams;
pub mod sim;

pub use error::{FileError, JournalError};
pub use files::{Disk, Files};
pub use journal::Journal;
pub use log::{CheckpointSigner, SignerError};
