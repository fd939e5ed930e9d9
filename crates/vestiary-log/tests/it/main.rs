//! What the durable side promises, tried on disks that break and on the real one.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails here")]

mod files;
mod journal;
mod journal_crashes;
mod journal_mend;
mod limits;
mod log;
mod log_crashes;
mod log_damage;
mod support;
