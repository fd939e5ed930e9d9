//! The repository's own fixtures.

use std::path::PathBuf;

use serde_json::Value;

use crate::foreign::read;

/// A path below `fixtures/`.
pub(crate) fn path(what: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../fixtures")
        .join(what)
}

/// Names and bytes of the JSON files of a folder, by name.
pub(crate) fn json_files(folder: &str) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<(String, Vec<u8>)> = std::fs::read_dir(path(folder))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .map(|path| {
            (
                path.file_name().unwrap().to_str().unwrap().to_owned(),
                read(&path),
            )
        })
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{folder} has no JSON file");
    files
}

/// A member that is text.
pub(crate) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name]
        .as_str()
        .unwrap_or_else(|| panic!("{name} of {value}"))
}
