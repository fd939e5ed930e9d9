//! What several tests need.

use std::path::PathBuf;

/// The repository's own fixtures.
pub(crate) fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures")
}

/// A file of the repository's fixtures.
pub(crate) fn fixture(name: &str) -> Vec<u8> {
    let path = fixtures().join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A folder of the foreign fixtures. Where it is missing the test says so and returns, or fails if
/// `VESTIARY_STRICT=1`.
pub(crate) fn foreign(folder: &str) -> Option<PathBuf> {
    let root = std::env::var_os("VESTIARY_FIXTURES").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures"),
        PathBuf::from,
    );
    let path = root.join(folder);
    if path.is_dir() {
        println!("ran: {folder}");
        return Some(path);
    }
    println!("missing: {folder}");
    assert!(
        std::env::var("VESTIARY_STRICT").as_deref() != Ok("1"),
        "missing: {}",
        path.display()
    );
    None
}

/// Bytes that differ all along a file: i modulo 251, the pattern of the published vectors.
pub(crate) fn pattern(length: usize) -> Vec<u8> {
    (0..=250).cycle().take(length).collect()
}

/// A GLB of a JSON text and a binary chunk.
pub(crate) fn glb(json: &str, binary: Option<&[u8]>) -> Vec<u8> {
    let mut body = chunk(*b"JSON", json.as_bytes(), b' ');
    if let Some(binary) = binary {
        body.extend(chunk(*b"BIN\0", binary, 0));
    }
    let mut file = b"glTF\x02\0\0\0".to_vec();
    file.extend(u32::try_from(body.len() + 12).unwrap().to_le_bytes());
    file.extend(body);
    file
}

fn chunk(kind: [u8; 4], bytes: &[u8], fill: u8) -> Vec<u8> {
    let padded = bytes.len().next_multiple_of(4);
    let mut chunk = u32::try_from(padded).unwrap().to_le_bytes().to_vec();
    chunk.extend(kind);
    chunk.extend(bytes);
    chunk.resize(padded + 8, fill);
    chunk
}
