//! The batch files of `fixtures/batches`, roots made by `@openzeppelin/merkle-tree`, wrong ones named after
//! what is wrong.

use std::collections::BTreeMap;

use vestiary::batch_file::BatchFile;

use crate::ours;

#[test]
fn each_batch_file_is_accepted_or_refused_with_its_code() {
    let mut files: BTreeMap<String, Vec<u8>> = ours::json_files("batches").into_iter().collect();
    let expected = files.remove("expected.json").unwrap();
    let expected: BTreeMap<String, String> = serde_json::from_slice(&expected).unwrap();
    assert!(
        files.keys().eq(expected.keys()),
        "expected.json lists the files of the folder"
    );

    for (name, bytes) in files {
        let outcome = match BatchFile::parse(&bytes) {
            Ok(file) => {
                assert_eq!(BatchFile::parse(&file.to_bytes()), Ok(file), "{name}");
                "accepted"
            }
            Err(error) => error.code(),
        };
        assert_eq!(outcome, expected[&name], "{name}");
    }
}
