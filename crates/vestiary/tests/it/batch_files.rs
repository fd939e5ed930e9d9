//! The batch files of `fixtures/batches`, roots made by `@openzeppelin/merkle-tree`, wrong ones named after
//! what is wrong.

use std::{collections::BTreeMap, path::PathBuf};

use vestiary::batch_file::BatchFile;

use crate::foreign::read;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/batches")
}

#[test]
fn each_batch_file_is_accepted_or_refused_with_its_code() {
    let expected: BTreeMap<String, String> =
        serde_json::from_slice(&read(folder().join("expected.json"))).unwrap();
    let mut names: Vec<String> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "expected.json")
        .collect();
    names.sort();
    assert!(
        names.iter().eq(expected.keys()),
        "expected.json lists the files of the folder"
    );

    for (name, expected) in expected {
        let outcome = match BatchFile::parse(&read(folder().join(&name))) {
            Ok(file) => {
                assert_eq!(BatchFile::parse(&file.to_bytes()), Ok(file), "{name}");
                "accepted"
            }
            Err(error) => error.code(),
        };
        assert_eq!(outcome, expected, "{name}");
    }
}
