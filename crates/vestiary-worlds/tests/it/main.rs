//! The crate from the outside: other programs' content ids, a disk that forgets, other people's files.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails where something unexpected happens"
)]
#![expect(
    clippy::print_stdout,
    reason = "tests over foreign data say whether it was there"
)]

mod cids;
mod garments;
mod khronos;
mod mutations;
mod rejected;
mod store;
mod store_crashes;
mod support;
mod worlds;
