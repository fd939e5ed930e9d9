#![doc = include_str!("../README.md")]

pub mod error;
pub mod files;
pub mod seams;
pub mod sim;

pub use error::FileError;
pub use files::{Disk, Files};
