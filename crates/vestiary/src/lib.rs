#![doc = include_str!("../README.md")]

pub mod abi;
pub mod block;
pub mod digest;
pub mod ids;
pub mod jcs;
pub mod json;
pub mod keys;
pub mod statement;
pub mod terms;
pub mod tree;
pub mod typed_data;
