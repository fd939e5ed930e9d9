//! The chain crate against a simulated chain and, where it is installed, a real node.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "tests fail by panicking, and say what foreign things they ran"
)]

mod anvil;
mod deploy;
mod effects;
mod follower;
mod http;
mod lying_node;
mod proofs;
mod read;
mod submitter;
mod submitter_faults;
mod submitter_storms;
mod support;
