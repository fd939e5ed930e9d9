//! The mirror against made-up chains and logs.

mod support;

mod contradictions;
mod fold;
mod queries;
mod storage;
