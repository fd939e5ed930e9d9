#![doc = include_str!("../README.md")]

pub mod abi;
pub mod batch_file;
pub mod block;
pub mod certificate;
pub mod data_integrity;
pub mod digest;
pub mod ids;
pub mod jcs;
pub mod json;
pub mod keys;
pub mod statement;
pub mod terms;
pub mod timestamp;
pub mod tree;
pub mod typed_data;
