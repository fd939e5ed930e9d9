//! The executable `vestiary`.
fn main() {}
