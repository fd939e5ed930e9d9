//! The crate from the outside: its own vectors, the specifications' examples, and logs made by others.

#![expect(
    clippy::print_stdout,
    reason = "tests over foreign data say whether it was there"
)]
#![expect(clippy::unwrap_used, reason = "helpers of tests stop a test by unwrapping")]

mod checkpoint;
mod cosignature;
mod foreign;
mod note;
mod proof;
mod support;
mod tile;
mod tlog_proof;
