//! What the durable side promises, tried on disks that break and on the real one.

mod limits;
mod log;
mod support;
