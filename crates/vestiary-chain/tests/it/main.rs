//! The chain crate against a simulated chain and, where it is installed, a real node.

mod anvil;
mod follower;
mod lying_node;
mod submitter;
mod submitter_storms;
mod support;
