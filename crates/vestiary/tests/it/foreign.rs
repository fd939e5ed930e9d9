//! Foreign test data: read where it lies, never copied into the repository.

use std::path::{Path, PathBuf};

/// The path of foreign test data, or `None` after a line `missing: …` (a failure under `VESTIARY_STRICT=1`).
#[expect(clippy::print_stdout, reason = "the run says which foreign data it had")]
pub(crate) fn path(what: &str) -> Option<PathBuf> {
    let root = std::env::var_os("VESTIARY_FIXTURES").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures"),
        PathBuf::from,
    );
    let path = root.join(what);
    if path.exists() {
        println!("ran: {what}");
        return Some(path);
    }
    println!("missing: {what}");
    assert!(
        std::env::var_os("VESTIARY_STRICT").is_none_or(|strict| strict != "1"),
        "missing: {what}"
    );
    None
}

/// The bytes of a file below [`path`]'s answer.
pub(crate) fn read(path: impl AsRef<Path>) -> Vec<u8> {
    let path = path.as_ref();
    std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
