#![doc = include_str!("../README.md")]

pub mod error;
pub mod files;
pub mod journal;
pub mod log;
pub mod points;
pub mod seams;
pub mod sim;

pub use error::{FileError, JournalError, LogError};
pub use files::{Disk, Files};
pub use journal::Journal;
pub use log::{Appended, CheckpointSigner, LogHandle, LogReader, LogWriter, Published, SignerError};
