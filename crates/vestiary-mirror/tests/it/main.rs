//! The mirror against made-up chains and logs.
#![expect(clippy::unwrap_used, reason = "a helper of a test fails as the test does")]

mod support;

mod contradictions;
mod fold;
mod queries;
mod repudiation;
mod storage;
