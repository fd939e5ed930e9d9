//! The kept inputs: one text file a target, `fixtures/corpus/<target>.b64`, one input a line in base64, the lines
//! sorted and each there once. The file's SHA-256 is the corpus hash.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use base64::{Engine as _, engine::general_purpose::STANDARD};

/// Where the corpora lie in the repository.
pub fn dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/corpus")
}

/// The file that holds a target's corpus.
pub fn file(target: &str) -> PathBuf {
    dir().join(format!("{target}.b64"))
}

/// A target's kept inputs, in the order of the file.
///
/// # Errors
/// The file cannot be read, or a line of it is not base64.
pub fn read(target: &str) -> io::Result<Vec<Vec<u8>>> {
    fs::read_to_string(file(target))?
        .lines()
        .map(|line| STANDARD.decode(line).map_err(io::Error::other))
        .collect()
}
