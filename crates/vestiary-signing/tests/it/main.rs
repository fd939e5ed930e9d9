//! The crate from the outside: what it signs, what it refuses, and what its files and codes look like.

#![expect(clippy::unwrap_used, reason = "helpers of tests stop a test by unwrapping")]

mod account;
mod codes;
mod ed25519;
mod key_file;
mod log;
mod memory;
mod support;
